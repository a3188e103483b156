//! The ways in: services, users, TLS, the signing of answers.

use crate::{
    Record,
    check::{
        Code, Finding, Repair, RouterSide,
        exposure::{self, Reach},
        scene::is_on,
    },
};

pub(super) fn rules(router: &RouterSide, found: &mut Vec<Finding>) {
    exposed(router, found);
    readable_inside(router, found);
    firewall_at_all(router, found);
    tls(router, found);
    users(router, found);
    ssh(router, found);
    signatures(router, found);
}

/// Encrypted services, reachable from anywhere. The readable ones are a finding of their own.
fn exposed(router: &RouterSide, found: &mut Vec<Finding>) {
    for (_, name, port, reach) in exposure::services(router) {
        let encrypted = matches!(name, "winbox" | "ssh" | "api-ssl" | "www-ssl");
        if reach != Reach::Anywhere || !encrypted {
            continue;
        }
        found.push(
            Finding::warning(
                Code::ServiceExposed,
                format!("the service {name} can be reached from anywhere"),
            )
            .seen(format!("/ip service {name}: port {port}, no address list"))
            .seen("no rule of the input chain keeps strangers from it")
            .fix(format!(
                "/ip service set {name} address=... with the networks that are to reach it, or \
                 drop in the input chain what does not come from your own network"
            )),
        );
    }
}

/// Readable, but only from some places: worth knowing.
fn readable_inside(router: &RouterSide, found: &mut Vec<Finding>) {
    let names: Vec<_> = exposure::services(router)
        .into_iter()
        .filter(|(_, name, _, reach)| {
            *reach != Reach::Anywhere && matches!(*name, "telnet" | "ftp" | "www" | "api")
        })
        .map(|(_, name, port, _)| format!("{name} (port {port})"))
        .collect();
    if names.is_empty() {
        return;
    }
    found.push(
        Finding::note(
            Code::ClearText,
            "services that take passwords readable are on, though not for everybody",
        )
        .seen(names.join(", "))
        .fix("/ip service disable telnet,ftp; use api-ssl, www-ssl and ssh"),
    );
}

fn firewall_at_all(router: &RouterSide, found: &mut Vec<Finding>) {
    if !router.has("/ip/firewall/filter") {
        return;
    }
    let drops = |rule: &&Record| {
        is_on(rule)
            && rule.get("chain") == Some("input")
            && matches!(
                rule.get("action"),
                Some("drop" | "reject" | "tarpit" | "jump")
            )
    };
    if router
        .items("/ip/firewall/filter")
        .iter()
        .any(|rule| drops(&rule))
    {
        return;
    }
    found.push(
        Finding::error(
            Code::NoInputFirewall,
            "nothing in the firewall protects the router itself",
        )
        .seen("/ip firewall filter: no rule of the chain input drops anything")
        .fix(
            "accept established and related, accept what comes from your own network, accept \
                 CoA from this server, drop the rest of the chain input",
        ),
    );
}

fn tls(router: &RouterSide, found: &mut Vec<Finding>) {
    for (service, name, port, _) in exposure::services(router) {
        if !matches!(name, "api-ssl" | "www-ssl") {
            continue;
        }
        let certificate = service.get("certificate").unwrap_or("none");
        if matches!(certificate, "none" | "") {
            found.push(
                Finding::warning(
                    Code::TlsAnonymous,
                    format!("{name} has no certificate: anybody may stand in between"),
                )
                .seen(format!("/ip service {name}: port {port}, certificate=none"))
                .fix(
                    "portreeve router enrol makes one, or set certificate= to one of /certificate",
                ),
            );
            continue;
        }
        if service.get("tls-version") == Some("any") {
            found.push(
                Finding::note(
                    Code::OldTls,
                    format!("{name} takes TLS versions before 1.2"),
                )
                .seen(format!("/ip service {name}: tls-version=any"))
                .fix(format!("/ip service set {name} tls-version=only-1.2"))
                .repair(Repair::setting(
                    "/ip/service",
                    service,
                    &[("tls-version", "only-1.2", "any")],
                )),
            );
        }
    }
}

fn users(router: &RouterSide, found: &mut Vec<Finding>) {
    let groups = router.items("/user/group");
    let is_full = |user: &Record| {
        let group = user.get("group").unwrap_or_default();
        let record = groups.iter().find(|one| one.get("name") == Some(group));
        record.map_or(group == "full", |record| {
            let policies = record.list("policy");
            policies.contains(&"write") && policies.contains(&"policy")
        })
    };
    let full: Vec<&Record> = router
        .items("/user")
        .iter()
        .filter(|user| is_on(user) && is_full(user))
        .collect();
    if full.iter().any(|user| user.get("name") == Some("admin")) {
        found.push(
            Finding::note(
                Code::DefaultUser,
                "the user admin is there, with full rights",
            )
            .seen("it is the first name that anybody tries")
            .fix("add another user with full rights, log in with it, then remove admin"),
        );
    }
    let anywhere: Vec<_> = full
        .iter()
        .filter(|user| exposure::is_for_anybody(user))
        .filter_map(|user| user.get("name"))
        .collect();
    if !anywhere.is_empty() {
        found.push(
            Finding::note(
                Code::UserAnywhere,
                format!(
                    "{} with full rights may log in from any address",
                    match anywhere.len() {
                        1 => "a user".to_owned(),
                        several => format!("{several} users"),
                    }
                ),
            )
            .seen(anywhere.join(", "))
            .fix("/user set NAME address=... with the networks from which the user works"),
        );
    }
}

fn ssh(router: &RouterSide, found: &mut Vec<Finding>) {
    let Some(ssh) = router.one("/ip/ssh") else {
        return;
    };
    let on = exposure::services(router)
        .iter()
        .any(|(_, name, ..)| *name == "ssh");
    if !on {
        return;
    }
    if ssh.flag("strong-crypto") == Some(false) {
        found.push(
            Finding::note(
                Code::SshWeak,
                "SSH permits ciphers that are no longer thought strong",
            )
            .seen("/ip ssh: strong-crypto=no")
            .fix("/ip ssh set strong-crypto=yes")
            .repair(Repair::setting(
                "/ip/ssh",
                ssh,
                &[("strong-crypto", "yes", "no")],
            )),
        );
    }
    let keys = router.items("/user/ssh-keys");
    if ssh.flag("always-allow-password-login") == Some(true) && !keys.is_empty() {
        found.push(
            Finding::note(
                Code::SshWeak,
                "users with SSH keys may also log in with a password",
            )
            .seen("/ip ssh: always-allow-password-login=yes")
            .fix("/ip ssh set always-allow-password-login=no"),
        );
    }
}

/// As the check does, for every server and not only ours.
fn signatures(router: &RouterSide, found: &mut Vec<Finding>) {
    for entry in router.items("/radius").iter().filter(|entry| is_on(entry)) {
        if entry.get("protocol") == Some("radsec") {
            continue;
        }
        let address = entry.get("address").unwrap_or_default();
        match entry.get("require-message-auth") {
            Some("no") => found.push(
                Finding::warning(
                    Code::MessageAuthOff,
                    "the router takes RADIUS answers that nobody signed (CVE-2024-3596)",
                )
                .seen(format!("/radius entry {address}: require-message-auth=no"))
                .fix(
                    "/radius set it require-message-auth=yes-for-request-resp, once the server \
                      signs its answers",
                ),
            ),
            None if !router.version().is_at_least(7, 15) => found.push(
                Finding::note(
                    Code::MessageAuthOff,
                    "this version cannot demand signed RADIUS answers (CVE-2024-3596)",
                )
                .seen(format!(
                    "/radius entry {address}: RouterOS {}",
                    router.version()
                ))
                .fix(
                    "update to 7.15 or later, use RadSec, or let RADIUS pass only through a \
                      tunnel or a network of its own",
                ),
            ),
            _ => {}
        }
    }
}

/// Whether a stranger can reach a UDP or TCP port of the router.
pub(super) fn open_to_strangers(router: &RouterSide, protocol: &str, port: u16) -> bool {
    exposure::reach(router, protocol, port) == Reach::Anywhere
}
