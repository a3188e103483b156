use clap::Args;
use portreeve_aaa::decision::{Decision, explain};
use portreeve_store::DecisionFilter;

use crate::{
    cli::{Context, Listing},
    failure::{Failure, Unknown},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of the decision, as `portreeve log` shows it; 'last' for the latest one [default:
    /// last]
    id: Option<String>,
    /// The latest one about a user
    #[arg(long, conflicts_with = "id")]
    user: Option<String>,
    /// The latest one about a NAS
    #[arg(long, conflicts_with = "id")]
    nas: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let decision = find(arguments, context)?;
    if arguments.listing.json {
        return Ok(context.output.json(&decision)?);
    }
    let text = explain(&decision);
    Ok(context.output.line(text.trim_end())?)
}

fn find(arguments: &Arguments, context: &Context<'_>) -> Result<Decision, Failure> {
    let mut reader = context.data.read_decisions()?;
    let found = match arguments.id.as_deref() {
        None | Some("last") => {
            let filter = DecisionFilter {
                user: arguments.user.clone(),
                nas: arguments.nas.clone(),
                outcome: None,
            };
            reader
                .tail(None, 1, &filter)?
                .pop()
                .ok_or(Unknown::NoDecision)?
        }
        Some(id) => {
            let unknown = || Unknown::Decision(id.to_owned());
            let number = id.parse().map_err(|_| unknown())?;
            reader.by_id(number)?.ok_or_else(unknown)?
        }
    };
    Ok(found.decision)
}
