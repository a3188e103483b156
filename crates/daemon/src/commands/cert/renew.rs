//! `portreeve cert renew`.

use clap::{ArgGroup, Args};

use super::{
    authority,
    deliver::{How, To, deliver},
    described, say_kept,
    show::{meant, pick},
};
use crate::{
    authority::{
        self as ca, AuthorityError, DAY, Details, Holder, KeyType, MOST_USER_DAYS, Names, Purpose,
        Record, Refused,
    },
    cli::{Context, Listing},
    failure::Failure,
};

/// What is only said of a certificate of somebody else.
const OTHERS: [&str; 10] = [
    "key_type",
    "days",
    "csr",
    "out",
    "force",
    "p12",
    "p12_password",
    "p12_password_stdin",
    "legacy_p12",
    "config",
];

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("others").args(OTHERS).multiple(true).requires("which"))]
pub(crate) struct Renew {
    /// The certificate of a peer or user to issue anew, by its name or serial [default: those of
    /// this server]
    #[arg(value_name = "NAME|SERIAL")]
    which: Option<String>,
    /// What key to make [default: of the kind it had]
    #[arg(long, value_enum)]
    key_type: Option<KeyType>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(arguments: Renew, context: &mut Context<'_>) -> Result<(), Failure> {
    let json = arguments.listing.json;
    match arguments.which {
        None => ours(json, context),
        Some(which) => of_another(&which, arguments.key_type, arguments.how, json, context),
    }
}

fn ours(json: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut authority = authority(context)?;
    let now = ca::now();
    let kept = authority.renew(&Names::of_this_machine(), now)?;
    if json {
        return Ok(context.output.json(&described(&kept, now))?);
    }
    say_kept(&kept, &mut context.output)
}

/// Issues another that says the same, with a new key. The old one stays good.
fn of_another(
    which: &str,
    key: Option<KeyType>,
    mut how: How,
    json: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let mut authority = authority(context)?;
    let records = authority.issued()?.records;
    let old = pick(&records, meant(&authority, which), ca::now())?.clone();
    let holder = match old.purpose {
        Purpose::Peer => Holder::Peer,
        Purpose::User => Holder::User {
            device: old.device.clone(),
        },
        _ => return Err(AuthorityError::from(Refused::RenewOurs(old.serial)).into()),
    };
    let (_, details) = authority.certificate(&old.serial)?;
    how.days = how.days.or_else(|| Some(life(&old)));
    let to = To {
        name: old.name.clone(),
        holder,
        names: old.names.clone(),
        key: key.unwrap_or_else(|| kind(&details)),
    };
    deliver(&mut authority, to, &how, json, context)?;
    if !json && old.is_live(ca::now()) {
        let note = format!(
            "the old one stays good until it expires; once the new one is in use: portreeve cert \
             revoke {} --reason superseded",
            old.serial
        );
        context.output.note(note)?;
    }
    Ok(())
}

/// As many days as it was good.
fn life(old: &Record) -> u64 {
    let days = old.not_after.saturating_sub(old.not_before).div_ceil(DAY);
    match old.purpose {
        Purpose::User => days.clamp(1, MOST_USER_DAYS),
        _ => days.max(1),
    }
}

fn kind(details: &Details) -> KeyType {
    KeyType::of(&details.key).unwrap_or_default()
}
