//! `portreeve router monitor`.

use clap::Args;
use portreeve_routeros::monitor::{self, Reading};

use crate::{
    cli::{Context, Listing},
    commands::rows,
    failure::Failure,
    output::Output,
    routers::{Link, Routers, wait_for},
};

#[derive(Debug, Args)]
pub(crate) struct Monitor {
    /// The router [default: the only one]
    name: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(arguments: &Monitor, context: &mut Context<'_>) -> Result<(), Failure> {
    let kept = Routers::of(&context.data)
        .one(arguments.name.as_deref())?
        .read()?;
    let reading = wait_for(async {
        let link = Link::open(&kept).await?;
        link.said(monitor::read(&link.router, &link.can).await)
    })?;
    if arguments.listing.json {
        return Ok(context.output.json(&reading)?);
    }
    print(&reading, &mut context.output)
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
