use std::{thread, time::Duration};

use clap::{Args, ValueEnum};
use portreeve_aaa::decision::{Decision, Outcome};
use portreeve_store::{DecisionFilter, Logged};

use super::rows;
use crate::{
    cli::{Context, Listing},
    failure::Failure,
    output::{Colour, Output, Style},
};

/// How often new decisions are looked for.
const TICK: Duration = Duration::from_millis(200);
/// How many are read at a time.
const MOST: usize = 1_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// How many to begin with
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 50)]
    lines: usize,
    /// Only those about a user
    #[arg(long)]
    user: Option<String>,
    /// Only those about a NAS
    #[arg(long)]
    nas: Option<String>,
    /// Only those with an outcome
    #[arg(long, value_enum)]
    outcome: Option<Kind>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Let in
    Accepted,
    /// Refused
    Rejected,
    /// Met with silence
    Discarded,
    /// Accounted for
    Recorded,
    /// No request, but seen at a NAS: a router that has drifted
    Noticed,
}

impl Kind {
    const fn outcome(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Rejected => Outcome::Rejected,
            Self::Discarded => Outcome::Discarded,
            Self::Recorded => Outcome::Recorded,
            Self::Noticed => Outcome::Noticed,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = DecisionFilter {
        user: arguments.user.clone(),
        nas: arguments.nas.clone(),
        outcome: arguments.outcome.map(Kind::outcome),
    };
    let mut reader = context.data.read_decisions()?;
    let mut logged = reader.tail(None, arguments.lines, &filter)?;
    // What comes behind the last one there is, whatever it is about.
    let last = reader.tail(None, 1, &DecisionFilter::default())?;
    let mut place = last.last().map_or(0, |last| last.place);
    loop {
        for Logged {
            decision,
            place: at,
        } in &logged
        {
            print(decision, arguments.listing, &mut context.output)?;
            place = place.max(*at);
        }
        if !arguments.follow {
            return Ok(());
        }
        context.output.flush()?;
        if logged.len() < MOST {
            thread::sleep(TICK);
        }
        logged = reader.tail(Some(place), MOST, &filter)?;
    }
}

fn print(decision: &Decision, listing: Listing, output: &mut Output<'_>) -> Result<(), Failure> {
    if listing.json {
        return Ok(output.json_line(decision)?);
    }
    let line = line(decision, output.style());
    Ok(output.line(line)?)
}

/// `TIME  ID  NAS  USER  what became of it`
fn line(decision: &Decision, style: Style) -> String {
    let nas = match &decision.nas {
        Some(nas) => nas.to_string(),
        None => decision.from.ip().to_canonical().to_string(),
    };
    let colour = match decision.outcome {
        Outcome::Accepted | Outcome::Recorded => Colour::Green,
        Outcome::Rejected | Outcome::Discarded => Colour::Red,
        Outcome::Answered | Outcome::Challenged | Outcome::Noticed => Colour::Yellow,
    };
    let message = decision.message.to_string();
    let (word, rest) = message.split_once(": ").unwrap_or((&message, ""));
    let colon = if rest.is_empty() { "" } else { ": " };
    let word = style.paint(colour, word);
    let user = decision.user.as_ref().map_or("-", |user| user.as_str());
    let (time, id) = (rows::moment(decision.time_ms), decision.id);
    let note = if decision.has_random_station() {
        " [private (random) address]"
    } else {
        ""
    };
    format!("{time}  {id}  {nas}  {user}  {word}{colon}{rest}{note}")
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::{decision::DecisionId, refusal::Refusal};

    use super::*;

    #[test]
    fn a_decision_is_one_line_that_names_id_nas_and_reason() {
        let draft = Decision::draft(DecisionId(0xab), 0, "192.0.2.1:1024".parse().unwrap());
        let decision = draft
            .nas("ap")
            .user(b"t\nim")
            .rejected(9, &Refusal::Disabled);
        let line = line(&decision, Style::Plain);
        assert!(
            line.contains("00000000000000ab  ap  t\\u{a}im  refused: "),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_private_address_is_told_as_such() {
        let draft = Decision::draft(DecisionId(1), 0, "192.0.2.1:1024".parse().unwrap());
        for (station, is_told) in [("DA-A1-19-00-00-01", true), ("D8-A1-19-00-00-01", false)] {
            let draft = draft.clone().calling_station(station.as_bytes());
            let line = line(&draft.rejected(9, &Refusal::Disabled), Style::Plain);
            assert_eq!(
                line.ends_with(" [private (random) address]"),
                is_told,
                "{line}"
            );
        }
    }
}
