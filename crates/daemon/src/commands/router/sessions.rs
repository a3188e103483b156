//! `portreeve router sessions`.

mod compare;

use clap::Args;
use portreeve_routeros::sessions::{self, Active, Removed, Wanted};

use super::ask;
use crate::{
    cli::{Context, Listing},
    commands::rows,
    failure::Failure,
    routers::{Link, RouterError, Routers, wait_for},
};

#[derive(Debug, Args)]
pub(crate) struct Sessions {
    /// The router [default: the only one]
    name: Option<String>,
    /// Only those of a user
    #[arg(long, value_name = "USER")]
    of: Option<String>,
    /// Only those with an address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::IpAddr>,
    /// Only those of a device, by its MAC address
    #[arg(long, value_name = "MAC")]
    mac: Option<String>,
    /// Only the one with this Acct-Session-Id
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// End them
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    comparison: compare::Comparison,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(arguments: &Sessions, context: &mut Context<'_>) -> Result<(), Failure> {
    let kept = Routers::of(&context.data)
        .one(arguments.name.as_deref())?
        .read()?;
    if arguments.comparison.is_wanted() {
        return arguments.comparison.run(&kept, arguments.listing, context);
    }
    let wanted = Wanted {
        user: arguments.of.clone(),
        address: arguments.address,
        mac: arguments.mac.clone(),
        session_id: arguments.session_id.clone(),
    };
    if arguments.remove && wanted == Wanted::default() {
        let words = "--remove needs to know which: --of, --address, --mac or --session-id";
        return Err(RouterError::Usage(words.to_owned()).into());
    }
    wait_for(async {
        let link = Link::open(&kept).await?;
        let found = if wanted == Wanted::default() {
            sessions::list(&link.router, &link.can).await
        } else {
            sessions::find(&link.router, &link.can, &wanted).await
        };
        let found = link.said(found)?;
        print(&found, arguments.listing, context)?;
        if !arguments.remove {
            return Ok(());
        }
        if found.is_empty() {
            let words = "no such session on the router".to_owned();
            return Err(RouterError::Refused(words).into());
        }
        context.output.flush()?;
        let question = format!("End these {} sessions?", found.len());
        if !arguments.yes && !ask::confirm(&question, "say --yes to do it")? {
            return Err(RouterError::Refused("nothing was changed".to_owned()).into());
        }
        end(&link, &found, context).await
    })
}

async fn end(link: &Link, found: &[Active], context: &mut Context<'_>) -> Result<(), Failure> {
    let mut still = false;
    for active in found {
        let removed = link.said(sessions::remove(&link.router, &link.can, active).await)?;
        let words = match removed {
            Removed::Gone => "ended",
            Removed::Absent => "had ended already",
            Removed::Still => {
                still = true;
                "is still there, though the router said yes"
            }
        };
        let user = crate::output::printable(&active.user).into_owned();
        let menu = &active.menu;
        context.output.note(format!("{user} ({menu}): {words}"))?;
    }
    if still { Err(Failure::Said) } else { Ok(()) }
}

fn print(found: &[Active], listing: Listing, context: &mut Context<'_>) -> Result<(), Failure> {
    if listing.json {
        return Ok(context.output.json(&found)?);
    }
    let rows = found.iter().map(|active| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let octets = |count: Option<u64>| count.map(rows::octets).unwrap_or_default();
        let service = serde_json::to_value(active.service).unwrap_or_default();
        vec![
            service.as_str().unwrap_or_default().to_owned(),
            active.user.clone(),
            active.address.map(|ip| ip.to_string()).unwrap_or_default(),
            text(&active.mac),
            active
                .uptime
                .map(|time| rows::duration(time.as_secs()))
                .unwrap_or_default(),
            octets(active.upload),
            octets(active.download),
            text(&active.rate),
            match active.radius {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => String::new(),
            },
            text(&active.session_id),
        ]
    });
    let heading = [
        "service", "user", "address", "mac", "time", "in", "out", "rate", "radius", "session",
    ];
    let nothing = "nobody is connected to the router";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}
