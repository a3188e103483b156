use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Subcommand, builder::PossibleValuesParser};
use ipnet::IpNet;
use portreeve_aaa::{
    definition::{DialectName, Nas, Require, SharedSecret},
    port::{Definition, Put, Store},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{edit, password};
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Misuse},
    output::Output,
    serving::welcome,
};

/// The octets of a generated secret before they are written in base64.
const SECRET_OCTETS: usize = 24;

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Add a NAS; without --secret one is generated and printed once
    Add(Add),
    /// List NASes
    List(List),
    /// Show a NAS
    Show(Show),
    /// Change a NAS; what is not mentioned stays as it is
    Set(Change),
    /// Remove a NAS; its packets are then met with silence
    Remove(Name),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// What you call it
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// What you call it
    name: String,
    /// The address its packets come from, or a prefix such as 192.0.2.0/24
    #[arg(value_name = "ADDRESS[/PREFIX]", value_parser = read_prefix)]
    address: IpNet,
    /// The shared secret [default: a generated one, printed once]
    #[arg(long)]
    secret: Option<String>,
    #[command(flatten)]
    demands: Demands,
}

#[derive(Debug, clap::Args)]
struct Demands {
    /// How its vendor spells what a session may have
    #[arg(long, value_name = "DIALECT",
        value_parser = PossibleValuesParser::new(DialectName::ALL.map(DialectName::as_str)))]
    dialect: Option<String>,
    /// Whether its Access-Requests must carry Message-Authenticator; 'auto' learns that they do
    /// [default: yes]
    #[arg(long, value_name = "yes|auto|no",
        value_parser = PossibleValuesParser::new(Require::ALL.map(Require::as_str)))]
    require_message_authenticator: Option<String>,
    /// Whether to discard Proxy-State without Message-Authenticator; 'no' only for a proxy
    /// [default: yes]
    #[arg(long, value_name = "yes|no", value_parser = PossibleValuesParser::new(["yes", "no"]))]
    limit_proxy_state: Option<String>,
    /// A note for people
    #[arg(long)]
    comment: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// The NAS
    name: String,
    /// The address its packets come from, or a prefix
    #[arg(long, value_name = "ADDRESS[/PREFIX]", value_parser = read_prefix)]
    address: Option<IpNet>,
    /// The shared secret
    #[arg(long, conflicts_with = "generate_secret")]
    secret: Option<String>,
    /// Make up a new shared secret and print it once
    #[arg(long)]
    generate_secret: bool,
    #[command(flatten)]
    demands: Demands,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The NAS
    name: String,
    /// Also show the shared secret
    #[arg(long)]
    reveal_secret: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::Add(arguments) => add(arguments, context),
        Action::List(arguments) => list(&arguments, context),
        Action::Show(arguments) => show(&arguments, context),
        Action::Set(arguments) => set(arguments, context),
        Action::Remove(arguments) => remove(&arguments.name, context),
    }
}

fn add(arguments: Add, context: &mut Context<'_>) -> Result<(), Failure> {
    let given = arguments.secret.map(Zeroizing::new);
    let generated = given.is_none();
    let text = given.map_or_else(generate_secret, Ok)?;
    let secret = SharedSecret::new(text.as_bytes())?;
    let mut nas = Nas::new(&arguments.name, arguments.address, secret);
    arguments.demands.apply(&mut nas);
    nas.validate()?;
    let mut store = edit::store_for_change(context)?;
    give_way(&mut store, &nas, &mut context.output)?;
    store.put_nas(&nas, Put::Create)?;
    context.output.note(format!(
        "nas '{}' added for {}",
        nas.name,
        shown(nas.prefix)
    ))?;
    if generated {
        context.output.line(format!("secret: {}", text.as_str()))?;
    }
    warn(&nas, &mut context.output)
}

/// A NAS that the first run made for this machine gives way to the administrator's own.
fn give_way(store: &mut impl Store, nas: &Nas, output: &mut Output<'_>) -> Result<(), Failure> {
    let nases = store.nases()?;
    let made = |known: &&Nas| welcome::is_made(known) && known.prefix == nas.prefix;
    if let Some(known) = nases.iter().find(made) {
        store.remove_nas(&known.name)?;
        let name = &known.name;
        output.note(format!(
            "nas '{name}', which the first run had made, gives way"
        ))?;
    }
    Ok(())
}

fn set(arguments: Change, context: &mut Context<'_>) -> Result<(), Failure> {
    let Change {
        name,
        address,
        secret,
        generate_secret: generate,
        demands,
    } = arguments;
    if address.is_none() && secret.is_none() && !generate && demands.is_empty() {
        return Err(Misuse::NothingToChange.into());
    }
    let text = match secret {
        Some(text) => Some(Zeroizing::new(text)),
        None if generate => Some(generate_secret()?),
        None => None,
    };
    let mut store = context.data.open()?;
    let mut nas = find(&mut store, &name)?;
    if let Some(prefix) = address {
        nas.prefix = prefix;
    }
    if let Some(text) = &text {
        nas.secret = SharedSecret::new(text.as_bytes())?;
    }
    demands.apply(&mut nas);
    nas.validate()?;
    store.put_nas(&nas, Put::Replace)?;
    context.output.note(format!("nas '{name}' changed"))?;
    if let Some(text) = text.filter(|_| generate) {
        context.output.line(format!("secret: {}", text.as_str()))?;
    }
    warn(&nas, &mut context.output)
}

impl Demands {
    fn is_empty(&self) -> bool {
        self.dialect.is_none()
            && self.require_message_authenticator.is_none()
            && self.limit_proxy_state.is_none()
            && self.comment.is_none()
    }

    fn apply(self, nas: &mut Nas) {
        if let Some(dialect) = self.dialect.as_deref().and_then(DialectName::parse) {
            nas.dialect = dialect;
        }
        if let Some(require) = self
            .require_message_authenticator
            .as_deref()
            .and_then(Require::parse)
        {
            nas.require_message_authenticator = require;
            nas.latched &= require == Require::Auto;
        }
        if let Some(limit) = self.limit_proxy_state {
            nas.limit_proxy_state = limit == "yes";
        }
        if let Some(comment) = self.comment {
            nas.comment = comment;
        }
    }
}

/// What an administrator should think twice about, one line each.
pub(super) fn worries(nas: &Nas) -> Vec<String> {
    let name = &nas.name;
    let mut worries = Vec::new();
    if let Some(warning) = nas.secret.strength().warning() {
        worries.push(format!("nas '{name}': {warning}"));
    }
    if nas.require_message_authenticator == Require::No {
        worries.push(format!(
            "nas '{name}': Message-Authenticator is not required, so whoever can alter its \
             packets can forge log-ins (CVE-2024-3596); --require-message-authenticator auto \
             learns whether it sends one"
        ));
    }
    if !nas.limit_proxy_state && !nas.requires_message_authenticator() {
        worries.push(format!(
            "nas '{name}': Proxy-State is taken unprotected; only a proxy needs that"
        ));
    }
    worries
}

fn warn(nas: &Nas, output: &mut Output<'_>) -> Result<(), Failure> {
    for worry in worries(nas) {
        output.warn(worry)?;
    }
    Ok(())
}

fn remove(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    find(&mut store, name)?;
    store.remove_nas(name)?;
    Ok(context.output.note(format!("nas '{name}' removed"))?)
}

fn find(store: &mut impl Store, name: &str) -> Result<Nas, Failure> {
    let found = store.nas(name);
    edit::or_suggest(found, Definition::Nas, name, || {
        let nases = store.nases().unwrap_or_default();
        nases.into_iter().map(|nas| nas.name).collect()
    })
}

fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let nases = context.data.open()?.nases()?;
    if arguments.listing.json {
        let nases: Vec<Described<'_>> = nases.iter().map(|nas| Described::of(nas, false)).collect();
        return Ok(context.output.json(&nases)?);
    }
    let rows = nases.iter().map(|nas| {
        vec![
            nas.name.clone(),
            shown(nas.prefix),
            nas.dialect.as_str().to_owned(),
            required(nas).to_owned(),
            nas.comment.clone(),
        ]
    });
    let heading = [
        "name",
        "address",
        "dialect",
        "message-authenticator",
        "comment",
    ];
    let nothing = "no NAS yet; add one: portreeve nas add NAME ADDRESS";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let nas = find(&mut context.data.open()?, &arguments.name)?;
    if arguments.listing.json {
        let described = Described::of(&nas, arguments.reveal_secret);
        return Ok(context.output.json(&described)?);
    }
    let secret = if arguments.reveal_secret {
        String::from_utf8_lossy(nas.secret.expose()).into_owned()
    } else {
        let warning = nas.secret.strength().warning();
        warning
            .unwrap_or("kept; --reveal-secret shows it")
            .to_owned()
    };
    let limit = if nas.limit_proxy_state { "yes" } else { "no" };
    let mut pairs = vec![
        ("name", nas.name.clone()),
        ("address", shown(nas.prefix)),
        ("secret", secret),
        ("dialect", nas.dialect.as_str().to_owned()),
        ("message-authenticator", required(&nas).to_owned()),
        ("limit-proxy-state", limit.to_owned()),
    ];
    if !nas.comment.is_empty() {
        pairs.push(("comment", nas.comment.clone()));
    }
    Ok(context.output.pairs(&pairs)?)
}

fn required(nas: &Nas) -> &'static str {
    match nas.require_message_authenticator {
        Require::Yes => "required",
        Require::Auto if nas.latched => "required (learnt)",
        Require::Auto => "learning",
        Require::No => "not required",
    }
}

/// A prefix without its length where it is a single address.
pub(super) fn shown(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

/// A secret to be typed nowhere and pasted once.
pub(crate) fn generate_secret() -> Result<Zeroizing<String>, Failure> {
    let mut octets = Zeroizing::new([0; SECRET_OCTETS]);
    password::fill(&mut *octets)?;
    Ok(Zeroizing::new(STANDARD.encode(*octets)))
}

/// Neither an address nor a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum BadPrefix {
    #[error("its address has bits set beyond the prefix length; did you mean {0}?")]
    HostBits(IpNet),
    #[error("not an address such as 192.0.2.1 or 2001:db8::1, nor a prefix such as 192.0.2.0/24")]
    NotAPrefix,
}

fn read_prefix(text: &str) -> Result<IpNet, BadPrefix> {
    let prefix = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse().map_err(|_| BadPrefix::NotAPrefix)?,
    };
    if prefix.trunc() == prefix {
        Ok(prefix)
    } else {
        Err(BadPrefix::HostBits(prefix.trunc()))
    }
}

/// A NAS as JSON; the secret only where it was asked for.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    nas: &'a Nas,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl<'a> Described<'a> {
    fn of(nas: &'a Nas, reveal: bool) -> Self {
        let secret = || String::from_utf8_lossy(nas.secret.expose()).into_owned();
        Self {
            nas,
            secret: reveal.then(secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_prefix_of_its_full_length() {
        assert_eq!(shown(read_prefix("192.0.2.1").unwrap()), "192.0.2.1");
        assert_eq!(shown(read_prefix("::ffff:192.0.2.1").unwrap()), "192.0.2.1");
        assert_eq!(
            shown(read_prefix("2001:db8::/32").unwrap()),
            "2001:db8::/32"
        );
        assert_eq!(read_prefix("router").unwrap_err(), BadPrefix::NotAPrefix);
        let said = read_prefix("192.0.2.1/24").unwrap_err().to_string();
        assert!(said.contains("192.0.2.0/24"), "{said}");
    }

    #[test]
    fn generated_secrets_are_good_and_differ() {
        let made = generate_secret().unwrap();
        let secret = SharedSecret::new(made.as_bytes()).unwrap();
        assert_eq!(secret.strength().warning(), None);
        assert_ne!(made, generate_secret().unwrap());
    }

    #[test]
    fn weakness_is_worth_a_worry() {
        let secret = SharedSecret::new("testing123").unwrap();
        let mut nas = Nas::new("ap", "192.0.2.1/32".parse().unwrap(), secret);
        assert_eq!(worries(&nas).len(), 1);
        nas.require_message_authenticator = Require::No;
        nas.limit_proxy_state = false;
        assert_eq!(worries(&nas).len(), 3);
    }
}
