//! `portreeve router list`.

use clap::Args;
use serde::Serialize;

use super::plain;
use crate::{
    cli::{Context, Listing},
    commands::rows,
    failure::Failure,
    routers::{Kept, RouterError, Routers, State},
};

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

/// A router as JSON, without its secrets.
#[derive(Serialize)]
struct Described {
    name: String,
    nas: String,
    address: String,
    port: u16,
    transport: &'static str,
    user: String,
    server: String,
    radius: &'static str,
    services: Vec<&'static str>,
    identity: String,
    version: String,
    board: String,
    enrolled: Option<String>,
    backups: usize,
    state: State,
}

pub(super) fn run(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let routers = Routers::of(&context.data);
    let mut all = Vec::new();
    for name in routers.names()? {
        let folder = routers.find(&name)?;
        let state = folder.state()?;
        let backups = folder.backups().list()?.len();
        match folder.read() {
            Ok(kept) => all.push(describe(kept, state, backups)),
            Err(error @ RouterError::Damaged { .. }) => context.output.warn(error.to_string())?,
            Err(error) => return Err(error.into()),
        }
    }
    if arguments.listing.json {
        return Ok(context.output.json(&all)?);
    }
    let heading = [
        "name", "address", "version", "way", "radius", "services", "checked", "state", "backup",
    ];
    let rows = all.iter().map(row).collect();
    let nothing =
        "no router is enrolled yet; begin with: portreeve router enrol ADDRESS --user admin";
    Ok(context.output.table(&heading, rows, nothing)?)
}

fn describe(kept: Kept, state: State, backups: usize) -> Described {
    let known = state.known.clone().unwrap_or_else(|| kept.known.clone());
    Described {
        transport: plain::transport(kept.target.transport),
        radius: if kept.is_radsec() { "radsec" } else { "udp" },
        services: kept.wanted().services.names(),
        name: kept.name,
        nas: kept.nas,
        address: kept.target.host,
        port: kept.target.port,
        user: kept.user,
        server: kept.server.to_string(),
        identity: known.identity,
        version: known.version,
        board: known.board,
        enrolled: kept.enrolled_ms.map(rows::rfc3339),
        backups,
        state,
    }
}

fn row(router: &Described) -> Vec<String> {
    let state = &router.state;
    let moment = |at: Option<u64>| at.map_or_else(|| "never".to_owned(), rows::moment);
    let version = router.version.split(' ').next().unwrap_or_default();
    vec![
        router.name.clone(),
        router.address.clone(),
        version.to_owned(),
        router.transport.to_owned(),
        router.radius.to_owned(),
        router.services.join(","),
        moment(state.checked_ms.max(state.answered_ms)),
        standing(router),
        match &state.backup_trouble {
            Some(_) => format!("{} (then failed)", moment(state.backup_ms)),
            None => moment(state.backup_ms),
        },
    ]
}

/// How it is, in a word or two.
fn standing(router: &Described) -> String {
    if router.enrolled.is_none() {
        return "cut short".to_owned();
    }
    router.state.standing()
}
