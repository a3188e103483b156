//! `portreeve cert issue`.

use std::net::IpAddr;

use clap::{ArgGroup, Args};
use portreeve_aaa::port::{Store as _, StoreError, UserFilter};

use super::{
    authority,
    deliver::{How, To, deliver},
    described,
    parcel::ParcelError,
    say_kept,
};
use crate::{
    authority::{
        self as ca, Authority, Holder, KeyType, Names, ServerSettings, TrustOverride, dns_name,
    },
    cli::{Context, Listing},
    commands::edit,
    failure::Failure,
    suggest,
};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true).args(["peer", "user", "server"]))]
pub(crate) struct Arguments {
    /// Issue to a RadSec peer of this name; the NAS of that name is asked for its address
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// Issue to a user, who logs in by it instead of a password (EAP-TLS)
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Issue anew to this server; --dns and --ip add names that it keeps
    #[arg(long, conflicts_with = "how")]
    server: bool,
    /// The device of the user that the certificate is for, in words
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["peer", "server"])]
    device: Option<String>,
    /// Issue to a user even if there is none of that name here
    #[arg(long, conflicts_with_all = ["peer", "server"])]
    unknown_user: bool,
    /// A DNS name the certificate speaks for; may be given several times
    #[arg(long, value_name = "NAME", value_parser = read_dns)]
    dns: Vec<String>,
    /// An address the certificate speaks for; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    /// What key to make; for --server from now on [default: p256]
    #[arg(long, value_enum)]
    key_type: Option<KeyType>,
    /// The name in the server's certificate that devices are told to look for; it is kept
    #[arg(long, value_name = "NAME", value_parser = read_full_name)]
    #[arg(conflicts_with_all = ["peer", "user"])]
    name: Option<String>,
    /// Whether devices that know the network may let people trust another certificate: the policies
    /// TOD-STRICT and TOD-TOFU of WPA3; kept
    #[arg(long, value_enum, value_name = "WORD", conflicts_with_all = ["peer", "user"])]
    tod: Option<TrustOverride>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    listing: Listing,
}

/// Not a DNS name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum BadName {
    #[error("not a DNS name such as radius.example.org; addresses are given by --ip")]
    NotDns,
    #[error("a name with a dot, such as radius.example.org: devices take no other")]
    NoDot,
}

fn read_dns(text: &str) -> Result<String, BadName> {
    dns_name(text).ok_or(BadName::NotDns)
}

fn read_full_name(text: &str) -> Result<String, BadName> {
    let name = dns_name(text).ok_or(BadName::NotDns)?;
    Some(name)
        .filter(|name| name.contains('.'))
        .ok_or(BadName::NoDot)
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    edit::store_for_change(context)?;
    if let (Some(user), false) = (&arguments.user, arguments.unknown_user) {
        is_known(user, context)?;
    }
    let mut authority = authority(context)?;
    let addresses = arguments.ip.iter().map(IpAddr::to_canonical);
    let mut names = Names {
        dns: arguments.dns.iter().cloned().collect(),
        addresses: addresses.collect(),
        ..Names::default()
    };
    let (name, holder) = match (arguments.peer, arguments.user) {
        (Some(name), _) => {
            names.addresses.extend(address_of_nas(&name, context)?);
            (name, Holder::Peer)
        }
        (None, Some(name)) => {
            let device = arguments.device;
            (name, Holder::User { device })
        }
        (None, None) => {
            let settings = ServerSettings {
                more: names,
                name: arguments.name,
                key_type: arguments.key_type,
                trust_override: arguments.tod,
            };
            return server(&mut authority, &settings, arguments.listing, context);
        }
    };
    let to = To {
        name,
        holder,
        names,
        key: arguments.key_type.unwrap_or_default(),
    };
    let json = arguments.listing.json;
    deliver(&mut authority, to, &arguments.how, json, context)
}

/// Refuses a user whom nobody would let in, and says who was probably meant.
fn is_known(name: &str, context: &Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    match store.user(name) {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound { .. }) => {
            let users = store.users(&UserFilter::default()).unwrap_or_default();
            let names = users.iter().map(|user| user.name.as_str());
            Err(ParcelError::UnknownUser {
                name: name.to_owned(),
                nearest: suggest::nearest(name, names).map(str::to_owned),
            }
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

fn server(
    authority: &mut Authority,
    settings: &ServerSettings,
    listing: Listing,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let now = ca::now();
    let kept = authority.set_server(settings, &Names::of_this_machine(), now)?;
    if listing.json {
        return Ok(context.output.json(&described(&kept, now))?);
    }
    say_kept(&kept, &mut context.output)?;
    if let Some(name) = authority.server_name() {
        let note = format!("devices are to look for {name}");
        context.output.note(note)?;
    }
    let note = "a running server shows it to the next who connects";
    Ok(context.output.note(note)?)
}

/// The address of the NAS of that name, where it is a single one.
fn address_of_nas(name: &str, context: &Context<'_>) -> Result<Option<IpAddr>, Failure> {
    match context.data.open()?.nas(name) {
        Ok(nas) if nas.prefix.prefix_len() == nas.prefix.max_prefix_len() => {
            Ok(Some(nas.prefix.addr()))
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
