//! `portreeve cert`: the certificates of this server, of its RadSec peers, and of users.

mod deliver;
mod issue;
mod parcel;
mod renew;
mod revoke;
mod show;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use self::parcel::ParcelError;

use super::edit;
use crate::{
    authority::{
        self, Authority, Beginning, Kept, KeyType, Names, Permit, Why, date, write_atomically,
    },
    cli::{Context, Listing},
    data::Readiness,
    failure::Failure,
    output::Output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make the CA, if it is to be other than the one that is made by itself
    Init(Init),
    /// Issue a certificate to a RadSec peer or a user, or anew to this server
    Issue(Box<issue::Arguments>),
    /// List certificates that are in use
    List(show::List),
    /// Show a certificate
    Show(show::Show),
    /// Revoke a certificate, or all of a user; it is refused within a second
    Revoke(revoke::Revoke),
    /// Say whether a certificate is good, and ask its CA if that is another than ours
    Verify(verify::Verify),
    /// Print the revocation list
    Crl(Written),
    /// Print the certificate of the CA: what others need to trust this server
    Ca(Written),
    /// Renew the certificates of this server now, or issue anew what a peer or user has
    Renew(renew::Renew),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the CA may sign, dns:example.org or ip:192.0.2.0/24, and nothing else of that kind;
    /// may be given several times. It cannot be widened later [default: anything]
    #[arg(long, value_name = "dns:NAME|ip:PREFIX", conflicts_with = "import")]
    permit: Vec<Permit>,
    /// The key of the CA: p384 or rsa3072 where networks use WPA3-Enterprise with 192 bits
    #[arg(long, value_enum, default_value_t, conflicts_with = "import")]
    key_type: KeyType,
    /// Use a CA of your own: its certificate, with those above it, and its key, in PEM
    #[arg(long, num_args = 2, value_names = ["CA.pem", "KEY.pem"])]
    import: Option<Vec<PathBuf>>,
    /// Put aside the CA that is there; what it issued is worth nothing from then on
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Written {
    /// Write to this file, whole or not at all [default: standard output]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// DER instead of PEM
    #[arg(long)]
    der: bool,
}

pub(crate) fn run(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::Init(arguments) => init(arguments, context),
        Action::Issue(arguments) => issue::run(*arguments, context),
        Action::List(arguments) => show::list(&arguments, context),
        Action::Show(arguments) => show::show(&arguments, context),
        Action::Revoke(arguments) => revoke::run(&arguments, context),
        Action::Verify(arguments) => verify::run(&arguments, context),
        Action::Crl(arguments) => crl(&arguments, context),
        Action::Ca(arguments) => ca(&arguments, context),
        Action::Renew(arguments) => renew::run(arguments, context),
    }
}

/// The authority of a data directory that is there; made if it has none yet, which is then said.
fn authority(context: &mut Context<'_>) -> Result<Authority, Failure> {
    context.data.open()?;
    let machine = Names::of_this_machine();
    let (authority, readiness) = Authority::ensure(&context.data, &machine, authority::now())?;
    if readiness == Readiness::Made {
        let said = made(&authority);
        context.output.note(said)?;
    }
    Ok(authority)
}

fn made(authority: &Authority) -> String {
    let ca = authority.ca();
    format!("certificate authority '{}' made", ca.common_name)
}

fn init(arguments: Init, context: &mut Context<'_>) -> Result<(), Failure> {
    edit::store_for_change(context)?;
    let mut import = arguments.import.unwrap_or_default().into_iter();
    let beginning = Beginning {
        permits: arguments.permit,
        key: arguments.key_type,
        import: import.next().zip(import.next()),
        force: arguments.force,
    };
    let machine = Names::of_this_machine();
    let now = authority::now();
    let authority = Authority::begin(&context.data, &beginning, &machine, now)?;
    if arguments.listing.json {
        let shown = show::Described::of_ca(authority.ca(), now);
        return Ok(context.output.json(&shown)?);
    }
    context.output.note(made(&authority))?;
    let ca = authority.ca();
    context.output.pairs(&[
        ("CA", ca.subject.clone()),
        ("good until", date(ca.not_after)),
        ("fingerprint", show::colons(&ca.fingerprint)),
        ("files", authority.path().display().to_string()),
    ])?;
    Ok(())
}

fn crl(arguments: &Written, context: &mut Context<'_>) -> Result<(), Failure> {
    let authority = authority(context)?;
    let text = authority.crl_pem().unwrap_or_default();
    write_out(arguments, text, "X509 CRL", &mut context.output)
}

fn ca(arguments: &Written, context: &mut Context<'_>) -> Result<(), Failure> {
    let authority = authority(context)?;
    let text = if arguments.der {
        // DER has room for one.
        authority.ca_pem()
    } else {
        authority.bundle_pem()
    };
    write_out(arguments, text, "CERTIFICATE", &mut context.output)
}

fn write_out(
    arguments: &Written,
    text: &str,
    label: &str,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let octets = if arguments.der {
        let blocks = authority::blocks(text, |found| found == label);
        blocks.into_iter().next().unwrap_or_default()
    } else {
        text.as_bytes().to_vec()
    };
    match &arguments.out {
        Some(path) => Ok(write_atomically(path, &octets, parcel::OPEN)?),
        None => Ok(output.raw(&octets)?),
    }
}

fn described(kept: &[Kept], now: u64) -> Vec<show::Described> {
    kept.iter()
        .filter_map(|kept| match kept {
            Kept::Renewed(record, _) => Some(show::Described::of(record, now)),
            Kept::Listed => None,
        })
        .collect()
}

fn say_kept(kept: &[Kept], output: &mut Output<'_>) -> Result<(), Failure> {
    for kept in kept {
        if let Kept::Renewed(record, why) = kept {
            let because = match why {
                Why::Asked => String::new(),
                why => format!(" ({})", why.as_str()),
            };
            output.note(format!(
                "{} certificate {} issued, good until {}{because}",
                record.purpose.as_str(),
                record.serial,
                date(record.not_after)
            ))?;
        }
    }
    Ok(())
}
