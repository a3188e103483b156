//! `portreeve router enrol`: from a bare router to one that asks us, or back to the bare router.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

use clap::Args;
use ipnet::IpNet;
use portreeve_aaa::{
    definition::{DialectName, Nas, Reach, Recognition, Require, SharedSecret},
    port::{Store as _, StoreError},
};
use portreeve_routeros::{
    Login, Transport,
    dial::parse_fingerprint,
    plan::{Plan, Protocol, Wanted},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    account::{self, Foundation},
    again, ask, certificate, plain, progress,
    proof::{self, Proof},
    retreat,
    way::{self, By, Search, Way},
    wishes::{Terms, Wishes},
};
use crate::{
    cli::Context,
    commands::{edit, nas, password},
    config::Config,
    failure::Failure,
    output::Output,
    routers::{self, BackupWish, FORM, Folder, Hidden, Kept, Link, RouterError, Routers, wait_for},
    serving::control,
};

const RADSEC_PORT: u16 = 2083;

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Enrol {
    /// Where the router is
    #[arg(value_name = "ADDRESS[:PORT]")]
    address: String,
    /// As whom to log in; a user of the router's group full
    #[arg(long, short = 'u', default_value = "admin")]
    user: String,
    /// Read the password from standard input, one line [default: ask for it]
    #[arg(long)]
    password_stdin: bool,
    /// What to call the router here [default: what it calls itself]
    #[arg(long)]
    pub(super) name: Option<String>,
    /// How to speak to the router [default: the best way it has]
    #[arg(long, value_enum, value_name = "WAY")]
    transport: Option<By>,
    /// The SHA-256 fingerprint of the router's certificate, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = read_fingerprint)]
    fingerprint: Option<[u8; 32]>,
    /// Log in over the API in the clear if there is no other way, once, and give the router a
    /// certificate
    #[arg(long)]
    yes_plain: bool,
    /// Have the router come over UDP with Message-Authenticator
    #[arg(long, conflicts_with = "radsec")]
    pub(super) udp: bool,
    /// Have the router come over TLS (RadSec) [default: where it can, else UDP]
    #[arg(long)]
    pub(super) radsec: bool,
    #[command(flatten)]
    pub(super) wishes: Wishes,
    /// Make no test log-in at the end
    #[arg(long)]
    no_test: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ask nothing, and trust the certificate the router shows
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// Print what was done as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn read_fingerprint(text: &str) -> Result<[u8; 32], &'static str> {
    parse_fingerprint(text).ok_or("not a SHA-256 fingerprint of 64 hexadecimal digits")
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    address: &'a str,
    identity: &'a str,
    version: &'a str,
    transport: &'static str,
    radius: &'static str,
    services: Vec<&'static str>,
    steps: usize,
    dry_run: bool,
    #[serde(flatten)]
    proof: Option<Proof>,
}

/// How this server is reached.
struct Ours {
    config: Config,
    auth: u16,
    accounting: u16,
    radsec: bool,
}

impl Ours {
    /// As the running server says, else as it is configured.
    fn of(context: &Context<'_>) -> Result<Self, Failure> {
        let config = Config::in_force(&context.data, None)?;
        let running = control::ask(&context.data).ok().map(|report| report.listen);
        let (auth, accounting, tls) = match running {
            Some(listen) => (listen.auth, listen.accounting, listen.tls),
            None => (
                config.listen.auth.clone(),
                config.listen.accounting.clone(),
                config.listen.tls.clone(),
            ),
        };
        let port = |all: &[SocketAddr], usual| all.first().map_or(usual, SocketAddr::port);
        Ok(Self {
            auth: port(&auth, 1812),
            accounting: port(&accounting, 1813),
            radsec: tls.iter().any(|one| one.port() == RADSEC_PORT),
            config,
        })
    }
}

pub(super) fn run(arguments: Enrol, context: &mut Context<'_>) -> Result<(), Failure> {
    arguments.wishes.check()?;
    if let Some(name) = &arguments.name {
        routers::check_name(name)?;
    }
    let (host, port) = split(&arguments.address);
    let routers = Routers::of(&context.data);
    let known = enrolled_at(&routers, host, port)?;
    if let Some(kept) = known.as_ref().filter(|kept| kept.enrolled_ms.is_some()) {
        return wait_for(again::again(&arguments, kept, &routers, context));
    }
    if !arguments.dry_run {
        drop(edit::store_for_change(context)?);
    }
    let ours = Ours::of(context)?;
    let secret = ask::password(
        &format!("Password of {} on {host}", arguments.user),
        arguments.password_stdin,
    )?;
    let login = Login::new(&arguments.user, secret.as_str());
    wait_for(first(&arguments, &login, &ours, known, &routers, context))
}

/// `host`, `host:port`, `[v6]:port` or an IPv6 address.
pub(super) fn split(text: &str) -> (&str, Option<u16>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => {
            (host.trim_matches(['[', ']']), port.parse().ok())
        }
        _ => (text.trim_matches(['[', ']']), None),
    }
}

/// What is kept of the router at an address.
fn enrolled_at(
    routers: &Routers,
    host: &str,
    port: Option<u16>,
) -> Result<Option<Kept>, RouterError> {
    for name in routers.names()? {
        let kept = routers.find(&name)?.read()?;
        let is_it = kept.target.host == host && port.is_none_or(|port| port == kept.dialled);
        if is_it {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}

pub(super) fn agree(yes: bool, steps: usize, output: &mut Output<'_>) -> Result<(), Failure> {
    output.flush()?;
    let question = format!("Do this ({})?", plain::steps(steps));
    if yes || ask::confirm(&question, "say --yes to do it, or --dry-run to see it only")? {
        return Ok(());
    }
    Err(RouterError::Refused("nothing was changed".to_owned()).into())
}

/// What is known once one is logged in, before anything is changed.
struct Prospect {
    way: Way,
    kept: Kept,
    /// The address of the router as this machine reaches it.
    address: IpAddr,
    protocol: Protocol,
}

async fn first(
    arguments: &Enrol,
    login: &Login,
    ours: &Ours,
    left_over: Option<Kept>,
    routers: &Routers,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (host, port) = split(&arguments.address);
    let search = Search {
        host,
        port,
        by: arguments.transport,
        pin: arguments.fingerprint,
        login,
        yes: arguments.yes,
        yes_plain: arguments.yes_plain,
    };
    let way = search.find(&mut context.output).await?;
    account::check_permissions(&way.link, way.target.transport, &arguments.user).await?;
    if let Some(kept) = left_over {
        let folder = routers.find(&kept.name)?;
        context
            .output
            .note("an enrolment of this router was cut short; what it had done is taken back")?;
        retreat::retreat(&folder, &kept, &way.link, context).await?;
    }
    let prospect = prospect(arguments, way, ours, routers, context).await?;
    let folder = routers.place_for(&prospect.kept.name)?;
    let plan = prospect.way.link.plan(&preview(&prospect)).await?;
    introduce(arguments.json, &prospect, &plan, context)?;
    if arguments.dry_run {
        let steps = plan.steps().len();
        return report(arguments, &prospect.kept, steps, None, &mut context.output);
    }
    agree(arguments.yes, plan.steps().len(), &mut context.output)?;
    let _guard = folder.lock()?;
    let kept = prospect.kept.clone();
    let address = prospect.address;
    let settling = Box::pin(settle(arguments, &prospect, &folder, context));
    match progress::unless_interrupted(settling).await {
        Ok((kept, steps, proof)) => {
            let output = &mut context.output;
            output.note(proof.words())?;
            report(arguments, &kept, steps, Some(proof), output)
        }
        Err(failure) => {
            context.output.warn(format!(
                "enrolling {address} failed; both ends are put back as they were"
            ))?;
            let retreating = async {
                let again = retreat::reach_again(&prospect.way, login, context).await?;
                let admin = again.as_ref().unwrap_or(&prospect.way.link);
                retreat::retreat(&folder, &kept, admin, context).await
            };
            progress::unless_interrupted(retreating).await?;
            Err(failure)
        }
    }
}

/// What is wanted, as far as it can be planned while there is no certificate yet.
fn preview(prospect: &Prospect) -> Wanted {
    let mut wanted = prospect.kept.wanted();
    for server in &mut wanted.servers {
        if prospect.protocol == Protocol::Radsec {
            // It is imported before the plan is made that counts.
            server.certificate = None;
        }
    }
    wanted
}

async fn prospect(
    arguments: &Enrol,
    way: Way,
    ours: &Ours,
    routers: &Routers,
    context: &mut Context<'_>,
) -> Result<Prospect, Failure> {
    let known = way.link.known().await?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => routers::name_from(&known.identity, &taken(routers, context)?),
    };
    context.output.note(format!(
        "{}: {} {}, RouterOS {}",
        way.target.host, known.identity, known.board, known.version
    ))?;
    let address = resolve(&way.target.host, way.target.port)?;
    let server = arguments
        .wishes
        .server()
        .unwrap_or_else(|| way.link.router.local_address().to_canonical());
    let protocol = protocol(arguments, &way.link, ours, server, &mut context.output)?;
    let secret = match protocol {
        Protocol::Udp => Some(Hidden::new(nas::generate_secret()?)),
        Protocol::Radsec => None,
    };
    let source = own_address(&way.link, address).await?;
    if source.is_none() {
        context.output.warn(format!(
            "{address} is none of the router's own addresses: something between translates, and \
             its packets have to come from there too"
        ))?;
    }
    let wanted = arguments.wishes.wanted(&Terms {
        tag: format!("portreeve:{name}"),
        protocol,
        server,
        source,
        ports: (ours.auth, ours.accounting),
        secret: secret.as_ref().map_or("", Hidden::reveal),
        certificate: &format!("portreeve-{name}"),
    });
    let dialled = split(&arguments.address).1.unwrap_or(way.target.port);
    let kept = Kept {
        form: FORM,
        nas: name.clone(),
        name,
        target: way.target.clone(),
        dialled,
        ssh_host_key: way.link.ssh_host_key(),
        user: String::new(),
        password: Hidden::new(Zeroizing::default()),
        backup_password: Hidden::new(password::generate()?),
        server,
        bare: wanted,
        secret,
        certificate: None,
        known,
        enrolled_ms: None,
    };
    Ok(Prospect {
        way,
        kept,
        address,
        protocol,
    })
}

/// How the router is to come.
fn protocol(
    arguments: &Enrol,
    link: &Link,
    ours: &Ours,
    server: IpAddr,
    output: &mut Output<'_>,
) -> Result<Protocol, Failure> {
    if arguments.udp {
        return Ok(Protocol::Udp);
    }
    match certificate::obstacle(link, &ours.config, ours.radsec, server) {
        Some(why) if arguments.radsec => {
            Err(RouterError::Refused(format!("no RadSec: {why}")).into())
        }
        Some(why) => {
            output.note(format!("over UDP, not RadSec: {why}"))?;
            Ok(Protocol::Udp)
        }
        None => Ok(Protocol::Radsec),
    }
}

/// The names that routers and NASes have.
fn taken(routers: &Routers, context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let mut taken = routers.names()?;
    if context.data.database().exists() {
        let nases = context.data.open()?.nases()?;
        taken.extend(nases.into_iter().map(|nas| nas.name));
    }
    Ok(taken)
}

fn resolve(host: &str, port: u16) -> Result<IpAddr, Failure> {
    let found = (host, port).to_socket_addrs().ok();
    let first = found.and_then(|mut found| found.next());
    let first =
        first.ok_or_else(|| RouterError::Refused(format!("no address of '{host}' is known")))?;
    Ok(first.ip().to_canonical())
}

/// The address itself, where it is one of the router's own.
async fn own_address(link: &Link, address: IpAddr) -> Result<Option<IpAddr>, Failure> {
    let menu = match address {
        IpAddr::V4(_) => "/ip/address",
        IpAddr::V6(_) => "/ipv6/address",
    };
    let all = link.said(link.router.print(menu, &["address"], &[]).await)?;
    let own = all
        .iter()
        .filter_map(|one| one.get("address")?.split('/').next());
    let is_own = own
        .filter_map(|text| text.parse::<IpAddr>().ok())
        .any(|own| own == address);
    // Before 7.24 RouterOS takes no IPv6 address there.
    let takes = address.is_ipv4() || link.can.version().is_at_least(7, 24);
    Ok((is_own && takes).then_some(address))
}

/// Says what is about to be done.
fn introduce(
    json: bool,
    prospect: &Prospect,
    plan: &Plan,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (kept, output) = (&prospect.kept, &mut context.output);
    let (way, how) = match prospect.protocol {
        Protocol::Udp => ("udp", "a secret of 24 octets and Message-Authenticator"),
        Protocol::Radsec => ("tls", "certificates of this server's CA"),
    };
    let mut lines = vec![
        format!("router '{}' at {}:", kept.name, prospect.address),
        format!("+ here: nas '{}', over {way} with {how}", kept.nas),
        format!(
            "+ /user, /user/group {}: what this server logs in as from now on",
            account::USER
        ),
    ];
    if needs_certificate(&prospect.way) {
        lines.push(format!(
            "+ /certificate {}: for the API in TLS",
            way::API_CERTIFICATE
        ));
    }
    if prospect.protocol == Protocol::Radsec {
        lines.push(format!(
            "+ /certificate portreeve-ca, portreeve-{}: for RadSec",
            kept.name
        ));
    }
    for line in lines {
        if json {
            output.note(line)?;
        } else {
            output.line(line)?;
        }
    }
    progress::show_beside(json, plan, output)
}

fn needs_certificate(way: &Way) -> bool {
    way.lacks_certificate && way.target.transport == Transport::Api
}

/// Does it all. What fails is taken back by the caller.
async fn settle(
    arguments: &Enrol,
    prospect: &Prospect,
    folder: &Folder,
    context: &mut Context<'_>,
) -> Result<(Kept, usize, Proof), Failure> {
    let (admin, mut kept) = (&prospect.way.link, prospect.kept.clone());
    // From here on there is something that can be taken back, even by another process.
    folder.write(&kept)?;
    context
        .output
        .note("fetching a backup of the router as it is")?;
    let wish = BackupWish {
        reason: "enrol",
        password: Some(&kept.backup_password),
    };
    let backup = admin
        .back_up(folder, &wish, crate::service::now_ms())
        .await?;
    for missing in &backup.manifest.missing {
        context
            .output
            .warn(format!("not in the backup: {missing}"))?;
    }
    register(&kept, prospect, context)?;
    let tag = kept.wanted().tag;
    let mut foundation = Foundation::new(folder, admin, &tag);
    // First what is taken back last: with it everything else is taken back.
    let way = prospect.way.target.transport;
    (kept.user, kept.password) =
        account::make(admin, way, &tag, &arguments.user, &mut foundation).await?;
    folder.write(&kept)?;
    if needs_certificate(&prospect.way) {
        let target = &prospect.way.target;
        kept.target = way::secure(admin, target, &mut foundation, &mut context.output).await?;
        folder.write(&kept)?;
    }
    if prospect.protocol == Protocol::Radsec {
        give_certificate(&mut kept, prospect, folder, &mut foundation, context).await?;
    }
    let link = Link::open(&kept).await?;
    let plan = link.plan(&kept.wanted()).await?;
    let steps = progress::carry_out(&link, &kept, folder, &plan, &mut context.output).await?;
    let proof = if arguments.no_test {
        Proof::NotYet {
            why: "no test was asked for".to_owned(),
        }
    } else {
        context.output.note("testing")?;
        proof::prove(&kept, &link, context).await?
    };
    kept.enrolled_ms = Some(crate::service::now_ms());
    folder.write(&kept)?;
    folder.saw(|state| {
        state.backup_ms = Some(backup.manifest.at_ms);
        state.answered_ms = kept.enrolled_ms;
        state.drift = Some(0);
        state.known = Some(kept.known.clone());
    })?;
    Ok((kept, steps, proof))
}

/// Gives the router a certificate of our CA.
async fn give_certificate(
    kept: &mut Kept,
    prospect: &Prospect,
    folder: &Folder,
    foundation: &mut Foundation<'_>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let mut authority = certificate::authority(context)?;
    certificate::name_server(&mut authority, kept.server, &mut context.output)?;
    let issued = certificate::issue(&mut authority, &kept.nas, prospect.address)?;
    kept.certificate = Some(issued.record.serial.clone());
    folder.write(kept)?;
    context
        .output
        .note("bringing a certificate of our CA onto the router")?;
    let admin = &prospect.way.link;
    let called = certificate::import(admin, &authority, &issued, &kept.name, foundation).await?;
    context
        .output
        .note(format!("it is called {called} there"))?;
    Ok(())
}

/// Makes the router a NAS.
fn register(kept: &Kept, prospect: &Prospect, context: &mut Context<'_>) -> Result<(), Failure> {
    let reach = match &kept.secret {
        Some(secret) => Reach::Udp(SharedSecret::new(secret.reveal().as_bytes())?),
        None => Reach::Tls(Recognition::default()),
    };
    let mut entry = Nas::reached(&kept.nas, IpNet::from(prospect.address), reach);
    entry.dialect = DialectName::Mikrotik;
    // Before 7.15 RouterOS signs EAP alone: what is learnt from that would refuse all else.
    if !prospect
        .way
        .link
        .can
        .takes("/radius/add", "require-message-auth")
    {
        entry.require_message_authenticator = Require::No;
    }
    entry.comment = format!("RouterOS, enrolled as '{}'", kept.name);
    let mut store = context.data.open()?;
    match nas::register(&mut store, &entry, &mut context.output) {
        Err(Failure::Store(StoreError::Exists { .. })) => Err(RouterError::Refused(format!(
            "there is a NAS called '{}' or one for {} already; remove it first (portreeve nas \
             list, portreeve nas remove NAME), or give the router another --name",
            kept.nas, prospect.address
        ))
        .into()),
        done => done,
    }
}

pub(super) fn report(
    arguments: &Enrol,
    kept: &Kept,
    steps: usize,
    proof: Option<Proof>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let report = Report {
        name: &kept.name,
        address: &kept.target.host,
        identity: &kept.known.identity,
        version: &kept.known.version,
        transport: plain::transport(kept.target.transport),
        radius: if kept.is_radsec() { "radsec" } else { "udp" },
        services: kept.wanted().services.names(),
        steps,
        dry_run: arguments.dry_run,
        proof,
    };
    if arguments.json {
        return Ok(output.json(&report)?);
    }
    if arguments.dry_run {
        return Ok(output.note("nothing was changed: this was a dry run")?);
    }
    if report.proof.is_some() {
        output.note(format!(
            "router '{}' is enrolled; see to it with: portreeve router check {}",
            kept.name, kept.name
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_stand_behind_the_address() {
        assert_eq!(split("192.0.2.1"), ("192.0.2.1", None));
        assert_eq!(split("192.0.2.1:8729"), ("192.0.2.1", Some(8729)));
        assert_eq!(split("router.example:443"), ("router.example", Some(443)));
        assert_eq!(split("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(split("[2001:db8::1]:8729"), ("2001:db8::1", Some(8729)));
        assert_eq!(split("[2001:db8::1]"), ("2001:db8::1", None));
    }
}
