//! Wi-Fi, in whichever of the three stacks the router has.

use std::collections::BTreeSet;

use super::{Enterprise, Risk, Wireless, draft::Draft};
use crate::{Record, time};

const LEGACY: &str = "/interface/wireless/security-profiles";
const CAPSMAN: &str = "/caps-man/security";
const WIFI: [&str; 2] = ["/interface/wifi", "/interface/wifiwave2"];

const MAY: &[&str] = &[
    "interim-update",
    "radius-eap-accounting",
    "radius-mac-accounting",
    "eap-radius-accounting",
    "eap-accounting",
    "security.eap-accounting",
    "aaa.interim-update",
];

const SWITCH: &str = "the network becomes WPA-Enterprise: whoever joins it is asked for by RADIUS";
const ACCOUNT: &str = "the network is WPA-Enterprise, but not accounted for as it should be";

pub(super) fn wireless(draft: &mut Draft<'_>, wireless: &Wireless) {
    let wifi: Vec<&str> = WIFI
        .into_iter()
        .filter(|base| draft.has(&format!("{base}/security")))
        .collect();
    if wifi.is_empty() && !draft.has(LEGACY) && !draft.has(CAPSMAN) {
        let remedy = "Install its wireless package, or leave the service out";
        draft.object(LEGACY, "the router has no Wi-Fi", remedy);
        return;
    }
    let menus = names_of(draft, &wifi);
    for name in wireless.switch.keys() {
        if !menus.iter().any(|menu| draft.named(menu, name).is_some()) {
            let there: Vec<String> = menus
                .iter()
                .filter(|menu| draft.items(menu).next().is_some())
                .map(|menu| draft.names(menu))
                .collect();
            let what = format!("there is no security profile or network {name:?}");
            let remedy = format!("Name one of: {}", there.join(", "));
            draft.object(&menus[0], what, remedy);
        }
    }
    let before: usize = menus.iter().map(|menu| keyed(draft, menu)).sum();
    legacy(draft, wireless);
    capsman(draft, wireless);
    for base in wifi {
        wave(draft, wireless, base);
    }
    let after: usize = menus.iter().map(|menu| keyed(draft, menu)).sum();
    if before > 0 && after == 0 {
        let what = "no network is left that can be joined by a common key while RADIUS does not \
                    answer";
        let remedy = "Leave one as it is, for repairs";
        draft.warn(Risk::NoLocalNetwork, &menus[0], what, remedy);
    }
}

fn names_of(draft: &Draft<'_>, wifi: &[&str]) -> Vec<String> {
    let mut menus: Vec<String> = [LEGACY, CAPSMAN]
        .into_iter()
        .filter(|menu| draft.has(menu))
        .map(str::to_owned)
        .collect();
    for base in wifi {
        menus.extend(["/security", "/configuration", ""].map(|menu| format!("{base}{menu}")));
    }
    menus
}

fn types(record: &Record) -> BTreeSet<&str> {
    let names = ["authentication-types", "security.authentication-types"];
    names.iter().flat_map(|name| record.list(name)).collect()
}

fn is_enterprise(record: &Record) -> bool {
    types(record).iter().any(|name| name.contains("-eap"))
}

/// How many networks can be joined by a common key.
fn keyed(draft: &Draft<'_>, menu: &str) -> usize {
    let keyed = |record: &&Record| types(record).iter().any(|name| name.contains("-psk"));
    draft.items(menu).filter(keyed).count()
}

fn no_wpa3(draft: &mut Draft<'_>, menu: &str, name: &str, choice: Enterprise) {
    if choice != Enterprise::Wpa2 {
        let what = format!("{name:?} cannot have WPA3-Enterprise: this stack has none");
        draft.object(menu, what, "Choose wpa2");
    }
}

fn legacy(draft: &mut Draft<'_>, wireless: &Wireless) {
    let profiles: Vec<Record> = draft.items(LEGACY).cloned().collect();
    for profile in profiles {
        let (Some(id), Some(name)) = (profile.id(), profile.get("name")) else {
            continue;
        };
        let span = time::spell(wireless.interim_update);
        let mut values = Record::new();
        let why = if let Some(choice) = wireless.switch.get(name) {
            no_wpa3(draft, LEGACY, name, *choice);
            values.set("mode", "dynamic-keys");
            values.set("authentication-types", "wpa2-eap");
            values.set("eap-methods", "passthrough");
            values.set("radius-eap-accounting", "yes");
            SWITCH
        } else {
            let passes = profile.list("eap-methods").contains(&"passthrough");
            if is_enterprise(&profile) && passes {
                values.set("radius-eap-accounting", "yes");
            }
            if profile.flag("radius-mac-authentication") == Some(true) {
                values.set("radius-mac-accounting", "yes");
            }
            ACCOUNT
        };
        if !values.is_empty() {
            values.set("interim-update", span);
            draft.set(LEGACY, Some(&id), &values, MAY, why);
        }
    }
}

fn capsman(draft: &mut Draft<'_>, wireless: &Wireless) {
    let profiles: Vec<Record> = draft.items(CAPSMAN).cloned().collect();
    let mut any = false;
    for profile in profiles {
        let (Some(id), Some(name)) = (profile.id(), profile.get("name")) else {
            continue;
        };
        let values = Record::new().with("eap-radius-accounting", "yes");
        if let Some(choice) = wireless.switch.get(name) {
            no_wpa3(draft, CAPSMAN, name, *choice);
            let values = Record::new()
                .with("authentication-types", "wpa2-eap")
                .with("eap-methods", "passthrough")
                .with("encryption", "aes-ccm")
                .with("group-encryption", "aes-ccm")
                .with("eap-radius-accounting", "yes");
            draft.set(CAPSMAN, Some(&id), &values, MAY, SWITCH);
        } else if is_enterprise(&profile) {
            draft.set(CAPSMAN, Some(&id), &values, MAY, ACCOUNT);
        } else {
            continue;
        }
        any = true;
    }
    if any && draft.has("/caps-man/aaa") {
        let span = time::spell(wireless.interim_update);
        let values = Record::new().with("interim-update", span);
        draft.set("/caps-man/aaa", None, &values, MAY, ACCOUNT);
    }
}

fn wave(draft: &mut Draft<'_>, wireless: &Wireless, base: &str) {
    let menu = format!("{base}/security");
    let mut enterprise = BTreeSet::new();
    let profiles: Vec<Record> = draft.items(&menu).cloned().collect();
    for profile in profiles {
        let (Some(id), Some(name)) = (profile.id(), profile.get("name")) else {
            continue;
        };
        if let Some((values, why)) = wanted_of(wireless, &profile, "", name) {
            draft.set(&menu, Some(&id), &values, MAY, why);
            enterprise.insert(name.to_owned());
        }
    }
    // Configurations and interfaces refer to a profile, or have the same properties themselves.
    for menu in [format!("{base}/configuration"), base.to_owned()] {
        let items: Vec<Record> = draft.items(&menu).cloned().collect();
        for item in items {
            let (Some(id), Some(name)) = (item.id(), item.get("name")) else {
                continue;
            };
            let own = wanted_of(wireless, &item, "security.", name);
            let refers = item.get("security").is_some_and(|s| enterprise.contains(s));
            if own.is_none() && !refers {
                continue;
            }
            let (mut values, why) = own.unwrap_or((Record::new(), ACCOUNT));
            let profile = item.get("aaa").filter(|name| !name.is_empty());
            interim(draft, wireless, base, profile, &mut values);
            draft.set(&menu, Some(&id), &values, MAY, why);
        }
    }
}

/// What a network's security is to be, if it is WPA-Enterprise or becomes it.
fn wanted_of(
    wireless: &Wireless,
    item: &Record,
    prefix: &str,
    name: &str,
) -> Option<(Record, &'static str)> {
    let types = format!("{prefix}authentication-types");
    let mut values = Record::new();
    let why = if let Some(choice) = wireless.switch.get(name) {
        let chosen = match choice {
            Enterprise::Wpa2 => "wpa2-eap",
            Enterprise::Wpa2AndWpa3 => "wpa2-eap,wpa3-eap",
            Enterprise::Wpa3 => "wpa3-eap",
        };
        values.set(types, chosen);
        SWITCH
    } else if item.list(&types).iter().any(|name| name.contains("-eap")) {
        ACCOUNT
    } else {
        return None;
    };
    values.set(format!("{prefix}eap-accounting"), "yes");
    Some((values, why))
}

/// The interim interval stands in an `aaa` profile, or beside the network itself.
fn interim(
    draft: &mut Draft<'_>,
    wireless: &Wireless,
    base: &str,
    profile: Option<&str>,
    values: &mut Record,
) {
    let (menu, span) = (format!("{base}/aaa"), time::spell(wireless.interim_update));
    if span == "0s" {
        // These menus take no zero: without a value there are no interim records.
        return;
    }
    let there = profile.and_then(|name| draft.named(&menu, name)?.id());
    match there {
        Some(id) => {
            let span = Record::new().with("interim-update", span);
            draft.set(&menu, Some(&id), &span, MAY, ACCOUNT);
        }
        None => values.set("aaa.interim-update", span),
    }
}
