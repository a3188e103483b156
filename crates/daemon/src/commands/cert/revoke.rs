//! `portreeve cert revoke`.

use clap::{ArgGroup, Args};

use super::{
    authority,
    parcel::ParcelError,
    say_kept,
    show::{Described, meant, pick},
};
use crate::{
    authority::{self as ca, Authority, Names, Purpose, Reason, Record},
    cli::{Context, Listing},
    failure::Failure,
};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["which", "user"]))]
pub(crate) struct Revoke {
    /// Its name, or its serial where several bear the name
    #[arg(value_name = "NAME|SERIAL")]
    which: Option<String>,
    /// All certificates of this user that are good
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Of the user's certificates only those for this device
    #[arg(long, value_name = "LABEL", conflicts_with = "which")]
    device: Option<String>,
    /// Why
    #[arg(long, value_enum, default_value_t)]
    reason: Reason,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(arguments: &Revoke, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut authority = authority(context)?;
    let now = ca::now();
    let records = authority.issued()?.records;
    let chosen = chosen(&records, arguments, &authority, now)?;
    let serials: Vec<&str> = chosen.iter().map(|record| record.serial.as_str()).collect();
    let machine = Names::of_this_machine();
    let kept = authority.revoke(&serials, arguments.reason, &machine, now)?;
    if arguments.listing.json {
        let records = authority.issued()?.records;
        let shown: Vec<Described> = records
            .iter()
            .filter(|record| serials.contains(&record.serial.as_str()))
            .map(|record| Described::of(record, now))
            .collect();
        let shown = match (&arguments.user, shown.first()) {
            (None, Some(one)) => context.output.json(one),
            _ => context.output.json(&shown),
        };
        return Ok(shown?);
    }
    for record in &chosen {
        let device = record.device.as_deref();
        let on = device.map_or_else(String::new, |device| format!(" on {device}"));
        context.output.note(format!(
            "certificate {} of '{}'{on} revoked",
            record.serial, record.name
        ))?;
    }
    context
        .output
        .note("a running server refuses what is revoked within a second")?;
    say_kept(&kept, &mut context.output)
}

fn chosen<'a>(
    records: &'a [Record],
    arguments: &Revoke,
    authority: &Authority,
    now: u64,
) -> Result<Vec<&'a Record>, Failure> {
    let Some(user) = &arguments.user else {
        let which = arguments.which.as_deref().unwrap_or_default();
        return Ok(vec![pick(records, meant(authority, which), now)?]);
    };
    let device = |record: &Record| arguments.device.is_none() || record.device == arguments.device;
    let all: Vec<&Record> = records
        .iter()
        .filter(|record| record.purpose == Purpose::User && record.name == *user)
        .filter(|record| record.is_live(now) && device(record))
        .collect();
    if all.is_empty() {
        let name = user.clone();
        return Err(ParcelError::NothingOf { name }.into());
    }
    Ok(all)
}
