//! The services that are to ask RADIUS, each in its own menu.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Dhcp, Dot1x, Hotspot, Ipsec, LoginService, Observed, Ppp, Risk, Wanted, Which,
    draft::Draft,
    value::{is_in, lies_in},
};
use crate::{Id, Record, time};

const INTERIM: &[&str] = &["accounting", "interim-update", "radius-interim-update"];
const ASK: &str = "the service asks RADIUS only when this is on";

pub(super) fn ppp(draft: &mut Draft<'_>, ppp: &Ppp) {
    let values = Record::new()
        .with("use-radius", "yes")
        .with("accounting", "yes")
        .with("interim-update", time::spell(ppp.interim_update));
    one(draft, "/ppp/aaa", &values, ASK);
}

/// Sets a menu that is one item, where there is one.
fn one(draft: &mut Draft<'_>, menu: &str, values: &Record, why: &str) {
    if draft.has(menu) {
        draft.set(menu, None, values, INTERIM, why);
    } else {
        let what = "this router has no such menu";
        draft.object(menu, what, "Enable its package, or leave the service out");
    }
}

pub(super) fn hotspot(draft: &mut Draft<'_>, hotspot: &Hotspot) {
    let menu = "/ip/hotspot/profile";
    let span = match time::spell(hotspot.interim_update) {
        zero if zero == "0s" => "received".to_owned(),
        span => span,
    };
    let values = Record::new()
        .with("use-radius", "yes")
        .with("radius-accounting", "yes")
        .with("radius-interim-update", span);
    for id in chosen(draft, menu, &hotspot.profiles) {
        draft.set(menu, Some(&id), &values, INTERIM, ASK);
    }
}

fn chosen(draft: &mut Draft<'_>, menu: &str, which: &Which) -> Vec<Id> {
    let names = match which {
        Which::All => {
            let all: Vec<Id> = draft.items(menu).filter_map(Record::id).collect();
            if all.is_empty() {
                let remedy = "Set the service up on the router first, or leave it out";
                draft.object(menu, "the router has none", remedy);
            }
            return all;
        }
        Which::Named(names) => names,
    };
    if names.is_empty() {
        draft.object(menu, "none is named", "Name one at least, or all");
    }
    let found = names.iter().map(|name| by_name(draft, menu, name));
    found.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn by_name(draft: &mut Draft<'_>, menu: &str, name: &str) -> Option<Id> {
    let id = draft.named(menu, name).and_then(|item| item.id());
    if id.is_none() {
        let what = format!("there is no {name:?}");
        let remedy = format!("Name one of: {}", draft.names(menu));
        draft.object(menu, what, remedy);
    }
    id
}

pub(super) fn login(
    draft: &mut Draft<'_>,
    observed: &Observed,
    wanted: &Wanted,
    login: &LoginService,
) {
    let menu = "/user/aaa";
    let mut groups: BTreeSet<&String> = login.exclude_groups.iter().flatten().collect();
    groups.insert(&login.default_group);
    for group in groups {
        by_name(draft, "/user/group", group);
    }
    if let Some(excluded) = &login.exclude_groups
        && excluded.contains(&login.default_group)
    {
        let what = format!("the default group {:?} is excluded", login.default_group);
        draft.object(menu, what, "Exclude others, or take another default group");
    }
    if !has_local_way_in(draft, observed.here) {
        let here = observed
            .here
            .map_or_else(String::new, |at| format!(" from {at}"));
        let what = format!(
            "no local user of a group with full rights could log in{here} when RADIUS does not \
             answer"
        );
        let remedy = "Add one: /user add name=... group=full password=...";
        draft.warn(Risk::NoLocalUser, "/user", &what, remedy);
    }
    let mut values = Record::new()
        .with("use-radius", "yes")
        .with("accounting", "yes")
        .with("interim-update", time::spell(login.interim_update))
        .with("default-group", &*login.default_group);
    if let Some(excluded) = &login.exclude_groups {
        let list: Vec<&str> = excluded.iter().map(String::as_str).collect();
        values.set("exclude-groups", list.join(","));
    }
    one(draft, menu, &values, ASK);
    let plain = |server: &super::Server| server.require_message_authenticator != Some(true);
    if wanted.servers.iter().any(plain) {
        let text = "log-ins to the router go over entries that take answers without \
                    Message-Authenticator: whoever is in between can forge them";
        draft.note(menu, text);
    }
}

/// Whether a local user who may do everything can log in from here.
fn has_local_way_in(draft: &Draft<'_>, here: Option<IpAddr>) -> bool {
    let full: Vec<&str> = draft
        .items("/user/group")
        .filter(|group| {
            let policies = group.list("policy");
            let needed = ["read", "write", "policy"];
            needed.iter().all(|policy| policies.contains(policy))
        })
        .filter_map(|group| group.get("name"))
        .collect();
    draft.items("/user").any(|user| {
        let allowed = user.get("address").unwrap_or_default();
        user.flag("disabled") != Some(true)
            && user.get("group").is_some_and(|group| full.contains(&group))
            && here.is_none_or(|here| lies_in(here, allowed))
    })
}

pub(super) fn dhcp(draft: &mut Draft<'_>, dhcp: &Dhcp) {
    let menu = "/ip/dhcp-server";
    let config = Record::new()
        .with("accounting", "yes")
        .with("interim-update", time::spell(dhcp.interim_update));
    let why = "leases are accounted for";
    let place = "/ip/dhcp-server/config";
    if draft.can.takes(&format!("{place}/set"), "accounting") {
        draft.set(place, None, &config, INTERIM, why);
    } else {
        let version = draft.can.version();
        draft.note(
            place,
            format!("RouterOS {version} cannot set how leases are accounted for"),
        );
    }
    let values = Record::new().with("use-radius", "yes");
    for id in chosen(draft, menu, &Which::Named(dhcp.servers.clone())) {
        draft.set(menu, Some(&id), &values, &[], ASK);
    }
}

pub(super) fn dot1x(draft: &mut Draft<'_>, observed: &Observed, wanted: &Wanted, dot1x: &Dot1x) {
    let menu = "/interface/dot1x/server";
    if !draft.can.has("/interface/dot1x/server/add") {
        let what = format!("RouterOS {} has no 802.1X server", draft.can.version());
        draft.object(menu, what, "Leave dot1x out, or upgrade the router");
        return;
    }
    let types = if dot1x.mac_authentication {
        "dot1x,mac-auth"
    } else {
        "dot1x"
    };
    for name in &dot1x.interfaces {
        if by_name(draft, "/interface", name).is_none() {
            continue;
        }
        own_port(draft, observed, name);
        let values = Record::new()
            .with("interface", &**name)
            .with("auth-types", types)
            .with("accounting", "yes")
            .with("interim-update", time::spell(dot1x.interim_update))
            .with("disabled", "no");
        let there = draft
            .items(menu)
            .find(|item| item.get("interface") == Some(name))
            .and_then(Record::id);
        let why = "whoever is at this port has to say who they are";
        if let Some(id) = there {
            draft.set(menu, Some(&id), &values, INTERIM, why);
        } else {
            let values = values.with("comment", &*wanted.tag);
            draft.add(menu, &values, INTERIM, None, why);
        }
    }
    if dot1x.interfaces.is_empty() {
        draft.object(menu, "no interface is named", "Name one at least");
    }
}

/// Objects to 802.1X on the port this connection comes in by.
fn own_port(draft: &mut Draft<'_>, observed: &Observed, name: &str) {
    let Some(here) = observed.here else {
        return;
    };
    let carries = |interface: &str| {
        draft.items("/ip/address").any(|item| {
            item.get("interface") == Some(interface)
                && item.flag("disabled") != Some(true)
                && is_in(here, item.get("address").unwrap_or_default()) == Some(true)
        })
    };
    let bridge = draft
        .items("/interface/bridge/port")
        .find(|port| port.get("interface") == Some(name))
        .and_then(|port| port.get("bridge"));
    let what = if carries(name) {
        format!("this connection comes in by {name}")
    } else if bridge.is_some_and(carries) {
        format!(
            "this connection comes in by {}, of which {name} is a port",
            bridge.unwrap_or_default()
        )
    } else {
        return;
    };
    let remedy = "Choose other ports, or come in by another one";
    draft.warn(Risk::OwnPort, "/interface/dot1x/server", &what, remedy);
}

pub(super) fn ipsec(draft: &mut Draft<'_>, ipsec: &Ipsec) {
    let menu = "/ip/ipsec/settings";
    let mut values = Record::new()
        .with("accounting", "yes")
        .with("interim-update", time::spell(ipsec.interim_update));
    if ipsec.xauth {
        values.set("xauth-use-radius", "yes");
        if draft.items("/ip/ipsec/user").next().is_some() {
            let what = "XAuth has local users, who are no longer asked for";
            let remedy = "Move them to the RADIUS server first";
            draft.warn(Risk::NoLocalXauth, "/ip/ipsec/user", what, remedy);
        }
    }
    let why = "connections are accounted for, and asked for by RADIUS";
    one(draft, menu, &values, why);
}

/// Services that ask RADIUS already although no entry of ours serves them.
pub(super) fn left_out(draft: &mut Draft<'_>, wanted: &Wanted) {
    let on = |draft: &Draft<'_>, menu: &str, property: &str| {
        let mut items = draft.items(menu);
        items.any(|item| item.flag(property) == Some(true))
    };
    let services = &wanted.services;
    for (name, is_wanted, menu) in [
        ("ppp", services.ppp.is_some(), "/ppp/aaa"),
        ("hotspot", services.hotspot.is_some(), "/ip/hotspot/profile"),
        ("login", services.login.is_some(), "/user/aaa"),
        ("dhcp", services.dhcp.is_some(), "/ip/dhcp-server"),
    ] {
        if !is_wanted && on(draft, menu, "use-radius") {
            let text =
                format!("asks RADIUS, but {name} is not among what is wanted: left as it is");
            draft.note(menu, text);
        }
    }
}
