mod overlap;
mod reach;

use std::net::{IpAddr, Ipv4Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::{Subcommand, builder::PossibleValuesParser};
use ipnet::IpNet;
use portreeve_aaa::{
    definition::{DialectName, Nas, PreSharedKey, Require, SharedSecret, Transport},
    port::{Definition, Put, Store},
};
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use self::overlap::{BadOverlap, after};
pub(crate) use self::reach::{BadReach, marks};
use self::{
    overlap::Overlap,
    reach::{MadeUp, Ways},
};
use super::{edit, password, rows};
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Misuse},
    output::Output,
    service::now_ms,
    serving::welcome,
};

/// The octets of a generated secret before they are written in base64.
const SECRET_OCTETS: usize = 24;
/// `any`: over TLS from wherever, over IPv6 too.
const ANYWHERE: IpNet = IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

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
    /// The address its packets come from, or a prefix such as 192.0.2.0/24; over TLS also `any`,
    /// for one behind NAT
    #[arg(value_name = "ADDRESS[/PREFIX]", value_parser = read_prefix)]
    address: IpNet,
    /// The shared secret [default: a generated one, printed once]
    #[arg(long)]
    secret: Option<String>,
    #[command(flatten)]
    ways: Ways,
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
    overlap: Overlap,
    #[command(flatten)]
    ways: Ways,
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
    let (reach, made_up) = arguments.ways.reach(&arguments.name, None, given)?;
    let mut nas = Nas::reached(&arguments.name, arguments.address, reach);
    arguments.ways.limit(&mut nas)?;
    arguments.demands.apply(&mut nas);
    // Before the data directory is made.
    nas.validate()?;
    reach::check(&nas)?;
    let mut store = edit::store_for_change(context)?;
    register(&mut store, &nas, &mut context.output)?;
    tell(&made_up, &nas, &mut context.output)
}

/// Adds a NAS, checked against all others.
pub(crate) fn register(
    store: &mut impl Store,
    nas: &Nas,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    nas.validate()?;
    reach::check(nas)?;
    reach::keys_differ(nas, &store.nases()?)?;
    give_way(store, nas, output)?;
    store.put_nas(nas, Put::Create)?;
    output.note(format!(
        "nas '{}' added for {}",
        nas.name,
        shown(nas.prefix)
    ))?;
    Ok(())
}

/// Prints what was made up, and says what is to be known and done.
fn tell(made_up: &MadeUp, nas: &Nas, output: &mut Output<'_>) -> Result<(), Failure> {
    if let Some(secret) = &made_up.secret {
        output.line(format!("secret: {}", secret.as_str()))?;
    }
    if let Some(psk) = &made_up.psk {
        output.line(format!("psk: {}", psk.as_str()))?;
    }
    if made_up.secret_gone {
        output.note(format!(
            "nas '{}' now connects over {}: its shared secret is removed, and what it sends over \
             UDP is met with silence",
            nas.name,
            nas.transport().label().to_uppercase()
        ))?;
    }
    for line in reach::next_steps(nas) {
        output.note(line)?;
    }
    warn(nas, output)
}

/// Says what becomes of the previous secret.
fn tell_overlap(nas: &Nas, output: &mut Output<'_>) -> Result<(), Failure> {
    let name = &nas.name;
    let line = match overlap::words(nas, now_ms()) {
        Some(words) => format!(
            "the previous secret is {words}; once the NAS has the new one: portreeve nas set \
             {name} --forget-previous"
        ),
        None => format!("only the present secret of nas '{name}' is accepted"),
    };
    Ok(output.note(line)?)
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
        overlap,
        ways,
        demands,
    } = arguments;
    let is_about_reach = secret.is_some() || generate || !ways.is_empty();
    if address.is_none() && !is_about_reach && overlap.is_empty() && demands.is_empty() {
        return Err(Misuse::NothingToChange.into());
    }
    let made = if generate {
        Some(generate_secret()?)
    } else {
        None
    };
    let given = secret.map(Zeroizing::new).or_else(|| made.clone());
    let mut store = context.data.open()?;
    let before = find(&mut store, &name)?;
    let mut nas = before.clone();
    if let Some(prefix) = address {
        nas.prefix = prefix;
    }
    let mut made_up = MadeUp::default();
    if is_about_reach {
        (nas.reach, made_up) = ways.reach(&name, Some(&nas.reach), given)?;
        made_up.secret = made_up.secret.or(made);
    }
    overlap.apply(&mut nas, &before, now_ms())?;
    ways.limit(&mut nas)?;
    demands.apply(&mut nas);
    nas.validate()?;
    reach::check(&nas)?;
    reach::keys_differ(&nas, &store.nases()?)?;
    store.put_nas(&nas, Put::Replace)?;
    context.output.note(format!("nas '{name}' changed"))?;
    if nas.previous != before.previous {
        tell_overlap(&nas, &mut context.output)?;
    }
    if is_about_reach {
        return tell(&made_up, &nas, &mut context.output);
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
    let Some(secret) = nas.secret() else {
        return worries;
    };
    if let Some(warning) = secret.strength().warning() {
        worries.push(format!("nas '{name}': {warning}"));
    }
    if nas.transport() == Transport::Tcp {
        worries.push(format!(
            "nas '{name}': nothing protects bare TCP; --transport tls does"
        ));
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
    let now = now_ms();
    let is_changing = nases.iter().any(|nas| nas.previous.is_some());
    let rows = nases.iter().map(|nas| {
        let mut row = vec![
            nas.name.clone(),
            shown(nas.prefix),
            nas.transport().label().to_owned(),
            nas.dialect.as_str().to_owned(),
            required(nas).to_owned(),
            nas.comment.clone(),
        ];
        if is_changing {
            row.push(overlap::words(nas, now).unwrap_or_default());
        }
        row
    });
    let mut heading = vec![
        "name",
        "address",
        "transport",
        "dialect",
        "message-authenticator",
        "comment",
    ];
    if is_changing {
        heading.push("previous secret");
    }
    let nothing = "no NAS yet; add one: portreeve nas add NAME ADDRESS";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let nas = find(&mut context.data.open()?, &arguments.name)?;
    if arguments.listing.json {
        let described = Described::of(&nas, arguments.reveal_secret);
        return Ok(context.output.json(&described)?);
    }
    let limit = if nas.limit_proxy_state { "yes" } else { "no" };
    let mut pairs = vec![
        ("name", nas.name.clone()),
        ("address", shown(nas.prefix)),
        ("transport", nas.transport().label().to_owned()),
    ];
    pairs.extend(proofs(&nas, arguments.reveal_secret));
    if let Some(most) = nas.max_connections {
        pairs.push(("max-connections", most.to_string()));
    }
    pairs.push(("dialect", nas.dialect.as_str().to_owned()));
    pairs.push(("message-authenticator", required(&nas).to_owned()));
    if nas.secret().is_some() {
        pairs.push(("limit-proxy-state", limit.to_owned()));
    }
    if !nas.comment.is_empty() {
        pairs.push(("comment", nas.comment.clone()));
    }
    Ok(context.output.pairs(&pairs)?)
}

/// What it proves itself by, for `show`.
fn proofs(nas: &Nas, reveal: bool) -> Vec<(&'static str, String)> {
    let kept = || "kept; --reveal-secret shows it".to_owned();
    if let Some(secret) = nas.secret() {
        let secret = match secret.strength().warning() {
            _ if reveal => String::from_utf8_lossy(secret.expose()).into_owned(),
            Some(warning) => warning.to_owned(),
            None => kept(),
        };
        let mut pairs = vec![("secret", secret)];
        pairs.extend(overlap::words(nas, now_ms()).map(|words| ("previous-secret", words)));
        return pairs;
    }
    let mut pairs = Vec::new();
    let marks = marks(nas);
    if !marks.is_empty() {
        pairs.push(("identity", marks.join("\n")));
    }
    let Some(recognition) = nas.reach.recognition() else {
        return pairs;
    };
    if let Some(psk) = &recognition.psk {
        let key = if reveal {
            reach::digits(psk.expose()).to_string()
        } else {
            kept()
        };
        pairs.push(("psk-identity", psk.identity().to_owned()));
        pairs.push(("psk", key));
    }
    let ca = match &recognition.ca {
        Some(_) => "its own",
        None => "that of the server",
    };
    pairs.push(("ca", ca.to_owned()));
    pairs
}

fn required(nas: &Nas) -> &'static str {
    if nas.transport().is_secure() {
        return "not needed";
    }
    match nas.require_message_authenticator {
        Require::Yes => "required",
        Require::Auto if nas.latched => "required (learnt)",
        Require::Auto => "learning",
        Require::No => "not required",
    }
}

/// A prefix without its length where it is a single address.
pub(super) fn shown(prefix: IpNet) -> String {
    if prefix == ANYWHERE {
        return "any".to_owned();
    }
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
    if text == "any" {
        return Ok(ANYWHERE);
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    psk: Option<String>,
    /// Until when the secret before this one is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
}

impl<'a> Described<'a> {
    fn of(nas: &'a Nas, reveal: bool) -> Self {
        let secret = nas.secret().map(SharedSecret::expose);
        let recognition = nas.reach.recognition();
        let psk = recognition.and_then(|recognition| recognition.psk.as_ref());
        let psk = psk.map(PreSharedKey::expose);
        Self {
            nas,
            secret: secret
                .filter(|_| reveal)
                .map(|secret| String::from_utf8_lossy(secret).into_owned()),
            psk: psk
                .filter(|_| reveal)
                .map(|psk| reach::digits(psk).to_string()),
            previous_secret_until: nas
                .previous
                .as_ref()
                .map(|previous| rows::rfc3339(previous.until_ms)),
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
        assert_eq!(shown(read_prefix("any").unwrap()), "any");
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
