//! `portreeve router monitor`.

use std::{
    io::{self, Read as _},
    net::ToSocketAddrs as _,
    time::Duration,
};

use clap::Args;
use portreeve_routeros::{
    Secret,
    monitor::{
        self, Reading,
        snmp::{self, Access},
    },
};
use zeroize::Zeroizing;

use crate::{
    cli::{Context, Listing},
    commands::rows,
    failure::Failure,
    output::Output,
    routers::{Kept, Link, RouterError, Routers, wait_for},
};

const SNMP_PORT: u16 = 161;
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(crate) struct Monitor {
    /// The router [default: the only one]
    name: Option<String>,
    /// Ask by SNMP, where the API is closed: the name of a community (version 2c), or the user of
    /// one with `security=private` (version 3)
    #[arg(long, value_name = "NAME")]
    snmp: Option<String>,
    /// Read two lines from standard input: the authentication password and the encryption password
    /// of that user (SHA1 and AES)
    #[arg(long, requires = "snmp")]
    snmp_passwords_stdin: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(arguments: &Monitor, context: &mut Context<'_>) -> Result<(), Failure> {
    let kept = Routers::of(&context.data)
        .one(arguments.name.as_deref())?
        .read()?;
    let reading = match &arguments.snmp {
        Some(name) => {
            let access = access(name, arguments.snmp_passwords_stdin)?;
            wait_for(by_snmp(&kept, &access))?
        }
        None => wait_for(async {
            let link = Link::open(&kept).await?;
            link.said(monitor::read(&link.router, &link.can).await)
        })?,
    };
    if arguments.listing.json {
        return Ok(context.output.json(&reading)?);
    }
    print(&reading, &mut context.output)
}

/// How one proves to be allowed over SNMP.
fn access(name: &str, passwords: bool) -> Result<Access, Failure> {
    if !passwords {
        return Ok(Access::Community(Secret::new(name)));
    }
    let mut text = Zeroizing::new(String::with_capacity(2_048));
    let read = io::stdin().lock().take(2_048).read_to_string(&mut text);
    read.map_err(Failure::Stdin)?;
    let mut lines = text.lines();
    let (Some(authentication), Some(encryption)) = (lines.next(), lines.next()) else {
        let words = "--snmp-passwords-stdin: two lines are needed".to_owned();
        return Err(RouterError::Usage(words).into());
    };
    Ok(Access::Private {
        user: name.to_owned(),
        authentication: Secret::new(authentication),
        encryption: Secret::new(encryption),
    })
}

async fn by_snmp(kept: &Kept, access: &Access) -> Result<Reading, RouterError> {
    let mut found = (kept.target.host.as_str(), SNMP_PORT)
        .to_socket_addrs()
        .ok()
        .into_iter()
        .flatten();
    let address = found.next().ok_or_else(|| {
        RouterError::Refused(format!("no address of '{}' is known", kept.target.host))
    })?;
    let read = snmp::read(address, access, PATIENCE).await;
    read.map_err(|error| RouterError::of(&kept.name, error))
}

fn print(reading: &Reading, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut pairs = Vec::new();
    let mut some = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    some("router", reading.identity.clone());
    some("board", reading.board.clone());
    some("version", reading.version.clone());
    some(
        "up",
        reading.uptime.map(|time| rows::duration(time.as_secs())),
    );
    some(
        "processor",
        reading.cpu_percent.map(|load| format!("{load} %")),
    );
    let free = |free: Option<u64>, total: Option<u64>| {
        let (free, total) = (rows::octets(free?), rows::octets(total?));
        Some(format!("{free} of {total} free"))
    };
    some("memory", free(reading.memory_free, reading.memory_total));
    some("storage", free(reading.storage_free, reading.storage_total));
    for (name, measure) in &reading.health {
        pairs.push((name.as_str(), format!("{} {}", measure.value, measure.unit)));
    }
    if let Some(incoming) = &reading.incoming {
        pairs.push((
            "coa",
            format!(
                "{} requests, {} acks, {} naks, {} bad",
                incoming.requests, incoming.acks, incoming.naks, incoming.bad_requests
            ),
        ));
    }
    output.pairs(&pairs)?;
    let entries = reading.radius.iter().map(|entry| {
        let counters = &entry.counters;
        let mut row = vec![entry.address.clone(), entry.services.join(",")];
        row.extend(
            [
                counters.requests,
                counters.accepts,
                counters.rejects,
                counters.resends,
                counters.timeouts,
                counters.bad_replies,
                counters.pending,
            ]
            .map(|count| count.to_string()),
        );
        let last = counters.last_round_trip;
        row.push(
            last.map(portreeve_routeros::time::spell)
                .unwrap_or_default(),
        );
        row
    });
    let heading = [
        "server", "services", "requests", "accepts", "rejects", "resends", "timeouts", "bad",
        "pending", "last",
    ];
    output.line("")?;
    Ok(output.table(
        &heading,
        entries.collect(),
        "the router has no RADIUS server",
    )?)
}
