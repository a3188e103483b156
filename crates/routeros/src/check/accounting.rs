//! Whether sessions are reported, and often enough.

use std::time::Duration;

use crate::{Record, time};

use super::{
    Code, Finding, Kind, Repair,
    scene::{Scene, is_on, name_of},
    service::{self, State},
};

/// Below this, reports are a burden to everybody and tell nothing more.
const SHORTEST: Duration = Duration::from_mins(1);
const SUGGESTED: &str = "5m";

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let mut reported = false;
    for place in places(scene) {
        if place.reports {
            reported |= place.counts_traffic;
            interim(scene, &place, found);
        } else {
            off(&place, found);
        }
    }
    missing(scene, reported, found);
}

/// One item of a menu in which accounting is turned on and timed.
struct Place<'a> {
    service: &'static str,
    menu: &'static str,
    item: &'a Record,
    switch: &'static str,
    timer: Option<&'static str>,
    reports: bool,
    counts_traffic: bool,
}

fn places<'a>(scene: &Scene<'a>) -> Vec<Place<'a>> {
    let router = scene.router;
    let mut all = Vec::new();
    let on = |service: &str| {
        service::state(router, service) == State::On && scene.services().contains(service)
    };
    let singles = [
        ("ppp", "/ppp/aaa", true),
        ("login", "/user/aaa", false),
        ("dhcp", "/ip/dhcp-server/config", true),
        ("ipsec", "/ip/ipsec/settings", true),
    ];
    for (service, menu, counts_traffic) in singles {
        if let Some(item) = router.one(menu).filter(|_| on(service)) {
            let timer = counts_traffic.then_some("interim-update");
            let reports = item.flag("accounting") != Some(false);
            let switch = "accounting";
            all.push(Place {
                service,
                menu,
                item,
                switch,
                timer,
                reports,
                counts_traffic,
            });
        }
    }
    if on("hotspot") {
        let used = service::hotspot_profiles(router);
        for item in used
            .into_iter()
            .filter(|item| item.flag("use-radius") == Some(true))
        {
            all.push(Place {
                service: "hotspot",
                menu: "/ip/hotspot/profile",
                item,
                switch: "radius-accounting",
                timer: Some("radius-interim-update"),
                reports: item.flag("radius-accounting") != Some(false),
                counts_traffic: true,
            });
        }
    }
    if on("dot1x") {
        for item in router
            .items("/interface/dot1x/server")
            .iter()
            .filter(|item| is_on(item))
        {
            all.push(Place {
                service: "dot1x",
                menu: "/interface/dot1x/server",
                item,
                switch: "accounting",
                timer: Some("interim-update"),
                reports: item.flag("accounting") != Some(false),
                counts_traffic: true,
            });
        }
    }
    if on("wireless") {
        all.extend(wireless(scene));
    }
    all
}

/// The wireless stacks do not report unless told. In the newest one the switch may stand in
/// another item than the types do.
fn wireless<'a>(scene: &Scene<'a>) -> Vec<Place<'a>> {
    let all = service::securities(scene.router);
    let of_stack = |menu: &str| service::WIFI.iter().find(|stack| menu.starts_with(*stack));
    let elsewhere = |menu: &str| {
        let Some(stack) = of_stack(menu) else {
            return false;
        };
        ["/security", "/configuration", ""].iter().any(|part| {
            scene
                .router
                .items(&format!("{stack}{part}"))
                .iter()
                .any(|item| {
                    item.flag("eap-accounting") == Some(true)
                        || item.flag("security.eap-accounting") == Some(true)
                })
        })
    };
    all.into_iter()
        .filter(|(_, item, types, _)| service::has_type(item, types, "-eap"))
        .map(|(menu, item, _, switch)| Place {
            service: "wireless",
            menu,
            item,
            switch,
            timer: (menu == "/interface/wireless/security-profiles").then_some("interim-update"),
            reports: item.flag(switch) == Some(true) || elsewhere(menu),
            counts_traffic: true,
        })
        .collect()
}

fn label(place: &Place<'_>) -> String {
    match place
        .item
        .get("name")
        .or_else(|| place.item.get("interface"))
    {
        Some(name) => format!("{} {name}", place.menu),
        None => place.menu.to_owned(),
    }
}

fn off(place: &Place<'_>, found: &mut Vec<Finding>) {
    let what = format!("{} sessions are not reported", place.service);
    let finding = if place.counts_traffic {
        Finding::warning(Code::AccountingOff, what)
    } else {
        Finding::note(Code::AccountingOff, what)
    };
    let before = place.item.get(place.switch).unwrap_or("no");
    found.push(
        finding
            .seen(format!("{}: {}={before}", label(place), place.switch))
            .fix(format!("set {}=yes in {}", place.switch, label(place)))
            .repair(Repair::setting(
                place.menu,
                place.item,
                &[(place.switch, "yes", "no")],
            )),
    );
}

fn interim(scene: &Scene<'_>, place: &Place<'_>, found: &mut Vec<Finding>) {
    let Some(timer) = place.timer else { return };
    let Some(text) = place.item.get(timer) else {
        return;
    };
    let own = time::parse(text).filter(|span| !span.is_zero());
    let sent = scene.nas().iter().find_map(|nas| nas.interim);
    // What an answer says goes before what is set; of a hotspot only where nothing is set. DHCP
    // is not told by answers.
    let effective = match place.service {
        "hotspot" => own.or(sent),
        "dhcp" => own,
        _ => sent.or(own),
    };
    let before = text.to_owned();
    let repair = Repair::setting(place.menu, place.item, &[(timer, SUGGESTED, &before)]);
    match effective {
        None => found.push(
            Finding::warning(
                Code::InterimMissing,
                format!(
                    "{} sessions report only their start and their end",
                    place.service
                ),
            )
            .seen(format!("{}: {timer}={before}", label(place)))
            .seen("this server's answers set no Acct-Interim-Interval")
            .fix(format!(
                "set {timer}={SUGGESTED}: without it a quota is noticed at the end only, and a \
                 session whose end is lost stays open for ever"
            ))
            .repair(repair),
        ),
        Some(span) if span < SHORTEST => found.push(
            Finding::warning(
                Code::InterimShort,
                format!(
                    "{} sessions report every {}",
                    place.service,
                    time::spell(span)
                ),
            )
            .seen(format!("{}: {timer}={before}", label(place)))
            .fix(format!("set {timer}={SUGGESTED}"))
            .repair(repair.filter(|_| own == Some(span))),
        ),
        Some(_) => {}
    }
}

/// Log-ins are seen, and no accounting.
fn missing(scene: &Scene<'_>, reported: bool, found: &mut Vec<Finding>) {
    let count = |kind: Kind| -> u64 {
        scene
            .seen()
            .filter(|seen| seen.kind == kind)
            .map(|seen| seen.count)
            .sum()
    };
    let accepts: u64 = scene
        .our_entries()
        .iter()
        .filter_map(|entry| scene.counters(entry))
        .map(|counters| counters.accepts)
        .sum();
    let known = found
        .iter()
        .any(|one| matches!(one.code, Code::WrongPort | Code::WrongSecret));
    if !reported || known || count(Kind::Accounting) > 0 {
        return;
    }
    let logins = count(Kind::Authentication);
    if logins < 3 || accepts < 3 {
        return;
    }
    let entries = scene.our_entries();
    found.push(
        Finding::warning(
            Code::AccountingLost,
            "log-ins arrive, and no accounting of them",
        )
        .seen(format!(
            "{logins} log-in requests seen, {accepts} accepted by the router"
        ))
        .all_seen(entries.iter().map(|entry| {
            let port = entry.get("accounting-port").unwrap_or("1813");
            format!("{} sends accounting to port {port}", name_of(entry))
        }))
        .fix("look for a firewall that lets the authentication port pass and not this one"),
    );
}
