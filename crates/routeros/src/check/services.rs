//! Whether the services that are meant to use RADIUS do.

use crate::Record;

use super::{
    Code, Finding, Repair,
    scene::{Scene, is_on, name_of, server_of},
    service::{self, SERVICES, State},
};

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    for service in SERVICES {
        let state = service::state(scene.router, service);
        not_enabled(scene, service, state, found);
        not_listed(scene, service, state, found);
    }
    local_users(scene, found);
    duplicates(scene, found);
    order(scene, found);
}

/// Listed in `/radius`, and its own menu does not ask.
fn not_enabled(scene: &Scene<'_>, service: &str, state: State, found: &mut Vec<Finding>) {
    if !scene.services().contains(service) || !scene.is_expected(service) {
        return;
    }
    let named = !scene.expected.services.is_empty();
    let what = match state {
        State::On | State::Unknown => return,
        State::Absent if service == "wireless" => {
            found.push(
                Finding::warning(
                    Code::WirelessAbsent,
                    "/radius lists wireless, but the router has no wireless menus",
                )
                .seen("none of /interface wireless, /caps-man, /interface wifi is there")
                .fix(
                    "install the wireless, wifi-qcom or wifi-qcom-ac package, or take \
                      wireless out of the /radius entry",
                ),
            );
            return;
        }
        State::Absent | State::Idle if !named => return,
        State::Absent => format!("/radius lists {service}, but the router has no such menu"),
        State::Idle => format!("/radius lists {service}, but none of it is set up on the router"),
        State::Off => format!("/radius lists {service}, but {service} does not use RADIUS"),
    };
    let finding = match state {
        // Nobody is there who would be kept out.
        State::Idle => Finding::note(Code::ServiceOff, what),
        _ if named => Finding::error(Code::ServiceOff, what),
        _ => Finding::warning(Code::ServiceOff, what),
    };
    let (seen, fix, repair) = how_to_enable(scene, service);
    found.push(finding.seen(seen).fix(fix).repair(repair));
}

fn how_to_enable(scene: &Scene<'_>, service: &str) -> (String, String, Option<Repair>) {
    let switched = |menu: &str| {
        let repair = scene
            .router
            .one(menu)
            .and_then(|record| Repair::setting(menu, record, &[("use-radius", "yes", "no")]));
        (
            format!("{menu} has use-radius=no"),
            format!("{menu} set use-radius=yes"),
            repair,
        )
    };
    let said = |seen: &str, fix: &str| (seen.to_owned(), fix.to_owned(), None);
    match service {
        "ppp" => switched("/ppp/aaa"),
        "login" => switched("/user/aaa"),
        "hotspot" => said(
            "no profile of a hotspot server has use-radius=yes",
            "/ip hotspot profile set PROFILE use-radius=yes",
        ),
        "wireless" => said(
            "no wireless security has an EAP type, and none asks for MAC addresses",
            "set authentication-types=wpa2-eap (legacy: with eap-methods=passthrough)",
        ),
        "dhcp" => said(
            "no /ip dhcp-server has use-radius=yes",
            "/ip dhcp-server set SERVER use-radius=yes",
        ),
        "ipsec" => said(
            "neither xauth-use-radius=yes nor an identity with auth-method=eap-radius",
            "/ip ipsec settings set xauth-use-radius=yes, or an identity with eap-radius",
        ),
        _ => said(
            "no /interface dot1x server is enabled",
            "/interface dot1x server add interface=...",
        ),
    }
}

/// Its own menu asks, and `/radius` does not list it.
fn not_listed(scene: &Scene<'_>, service: &str, state: State, found: &mut Vec<Finding>) {
    let ours = scene.our_entries();
    if ours.is_empty() || scene.services().contains(service) {
        return;
    }
    let elsewhere = scene
        .entries()
        .any(|entry| entry.list("service").contains(&service));
    let named = scene.expected.services.iter().any(|one| one == service);
    if !(named || (state == State::On && !elsewhere)) {
        return;
    }
    // Where others than this are meant to be, it would be called drift, and taken back.
    let is_meant = named || scene.expected.services.is_empty();
    let repair = ours.first().filter(|_| is_meant).and_then(|entry| {
        let before = entry.get("service").unwrap_or_default();
        let after = if before.is_empty() {
            service.to_owned()
        } else {
            format!("{before},{service}")
        };
        Repair::setting("/radius", entry, &[("service", &after, before)])
    });
    let what = if state == State::On {
        format!("{service} uses RADIUS, but no /radius entry lists it for this server")
    } else {
        format!("{service} is meant to use this server, but the /radius entry does not list it")
    };
    found.push(
        Finding::error(Code::ServiceUnlisted, what)
            .all_seen(ours.iter().map(|entry| name_of(entry)))
            .fix(format!("add {service} to service of the /radius entry"))
            .repair(repair.filter(|_| !elsewhere)),
    );
}

/// The router asks its own database first.
fn local_users(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    for (service, menu) in [
        ("ppp", "/ppp/secret"),
        ("hotspot", "/ip/hotspot/user"),
        ("login", "/user"),
    ] {
        if service::state(scene.router, service) != State::On {
            continue;
        }
        let local = scene.router.items(menu).iter().filter(|user| is_on(user));
        let masked: Vec<&str> = local
            .filter_map(|user| user.get("name"))
            .filter(|name| scene.ours.users.iter().any(|user| user == name))
            .collect();
        if masked.is_empty() {
            continue;
        }
        let shown = masked
            .iter()
            .take(10)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let more = masked.len().saturating_sub(10);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        found.push(
            Finding::warning(
                Code::LocalUser,
                format!(
                    "{} users of the router's own hide RADIUS users",
                    masked.len()
                ),
            )
            .seen(format!("in {menu}: {shown}{more}"))
            .fix(format!(
                "the router asks its own database first: remove or disable them in {menu}, once \
                 you know that you can log in otherwise"
            )),
        );
    }
}

/// What chooses among entries beside the service.
fn selectors(entry: &Record) -> [&str; 3] {
    ["called-id", "domain", "accounting-backup"].map(|name| {
        let value = entry.get(name).unwrap_or_default();
        if matches!(value, "no" | "false") {
            ""
        } else {
            value
        }
    })
}

fn share_service(a: &Record, b: &Record) -> bool {
    a.list("service")
        .iter()
        .any(|one| b.list("service").contains(one))
}

/// Two entries for the same server and the same service.
fn duplicates(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let all: Vec<_> = scene.entries().collect();
    for (place, entry) in all.iter().enumerate() {
        let twin = all.iter().take(place).find(|earlier| {
            server_of(earlier).is_some()
                && server_of(earlier) == server_of(entry)
                && selectors(earlier) == selectors(entry)
                && share_service(earlier, entry)
                && earlier.get("authentication-port") == entry.get("authentication-port")
                && earlier.get("protocol") == entry.get("protocol")
        });
        let Some(twin) = twin else { continue };
        let same = twin.get("secret") == entry.get("secret");
        let finding = Finding::warning(
            Code::DuplicateEntry,
            "two /radius entries do the same thing; the first one is asked",
        );
        // Which one is stale is certain only where they do not differ.
        let repair = Repair::setting("/radius", entry, &[("disabled", "yes", "no")]);
        found.push(
            finding
                .seen(name_of(twin))
                .seen(name_of(entry))
                .seen(if same {
                    "their secrets are the same"
                } else {
                    "their secrets differ"
                })
                .fix("remove the stale one")
                .repair(repair.filter(|_| same && twin.get("secret").is_some())),
        );
    }
}

/// Another server before ours, or our backup before our primary.
fn order(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let all: Vec<_> = scene.entries().collect();
    for service in scene.services() {
        if !scene.is_expected(service) {
            continue;
        }
        let mut of_service = all.iter().filter(|entry| {
            entry.list("service").contains(&service) && selectors(entry) == ["", "", ""]
        });
        let Some(first) = of_service.next() else {
            continue;
        };
        let wanted = scene.expected.servers.first();
        let is_right = |entry: &Record| match wanted {
            Some(primary) => server_of(entry) == Some(*primary),
            None => scene.leads_here(entry),
        };
        if is_right(first) {
            continue;
        }
        let Some(ours) = of_service.find(|entry| is_right(entry)) else {
            continue;
        };
        if found
            .iter()
            .any(|one| one.code == Code::WrongOrder && one.evidence.contains(&name_of(first)))
        {
            continue;
        }
        found.push(behind(scene, service, first, ours));
    }
}

fn behind(scene: &Scene<'_>, service: &str, first: &Record, ours: &Record) -> Finding {
    let counters = scene.counters(first).unwrap_or_default();
    let dead = counters.timeouts > 0 && counters.accepts + counters.rejects == 0;
    let what = format!("another /radius entry is asked before ours for {service}");
    let finding = if dead {
        Finding::error(Code::WrongOrder, format!("{what}, and it does not answer"))
    } else if scene.expected.servers.is_empty() {
        Finding::note(Code::WrongOrder, what)
    } else {
        Finding::warning(Code::WrongOrder, what)
    };
    finding
        .seen(name_of(first))
        .seen(name_of(ours))
        .all_seen(dead.then(|| format!("the first: {} timeouts, no answer", counters.timeouts)))
        .fix("move ours before it, or remove the other")
        .repair(Repair::moving(scene.router.items("/radius"), ours, first))
}
