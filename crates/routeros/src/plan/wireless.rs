//! Wi-Fi, in whichever of the three stacks the router has.

use std::collections::BTreeSet;

use super::{Enterprise, Risk, Wanted, Wireless, draft::Draft};
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
];

const SWITCH: &str = "the network becomes WPA-Enterprise: whoever joins it is asked for by RADIUS";
const ACCOUNT: &str = "the network is WPA-Enterprise, but not accounted for as it should be";

pub(super) fn wireless(draft: &mut Draft<'_>, wanted: &Wanted, wireless: &Wireless) {
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
            let there: Vec<String> = menus.iter().map(|menu| draft.names(menu)).collect();
            let what = format!("there is no security profile {name:?}");
            let remedy = format!("Name one of: {}", there.join(", "));
            draft.object(&menus[0], what, remedy);
        }
    }
    let before: usize = menus.iter().map(|menu| keyed(draft, menu)).sum();
    legacy(draft, wireless);
    capsman(draft, wireless);
    for base in wifi {
        wave(draft, wanted, wireless, base);
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
    menus.extend(wifi.iter().map(|base| format!("{base}/security")));
    menus
}

fn types(record: &Record) -> BTreeSet<&str> {
    record.list("authentication-types").into_iter().collect()
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

fn wave(draft: &mut Draft<'_>, wanted: &Wanted, wireless: &Wireless, base: &str) {
    let menu = format!("{base}/security");
    let profiles: Vec<Record> = draft.items(&menu).cloned().collect();
    let mut enterprise = BTreeSet::new();
    for profile in profiles {
        let (Some(id), Some(name)) = (profile.id(), profile.get("name")) else {
            continue;
        };
        let mut values = Record::new().with("eap-accounting", "yes");
        let why = if let Some(choice) = wireless.switch.get(name) {
            let types = match choice {
                Enterprise::Wpa2 => "wpa2-eap",
                Enterprise::Wpa2AndWpa3 => "wpa2-eap,wpa3-eap",
                Enterprise::Wpa3 => "wpa3-eap",
            };
            values.set("authentication-types", types);
            SWITCH
        } else if is_enterprise(&profile) {
            ACCOUNT
        } else {
            continue;
        };
        draft.set(&menu, Some(&id), &values, MAY, why);
        enterprise.insert(name.to_owned());
    }
    interim(draft, wanted, wireless, base, &enterprise);
}

/// The interim interval stands in an `aaa` profile that the configurations refer to.
fn interim(
    draft: &mut Draft<'_>,
    wanted: &Wanted,
    wireless: &Wireless,
    base: &str,
    enterprise: &BTreeSet<String>,
) {
    let (menu, aaa) = (format!("{base}/configuration"), format!("{base}/aaa"));
    let concerned: Vec<Record> = draft
        .items(&menu)
        .filter(|item| {
            let security = item.get("security").unwrap_or_default();
            let inline = item.list("security.authentication-types");
            enterprise.contains(security) || inline.iter().any(|name| name.contains("-eap"))
        })
        .cloned()
        .collect();
    let values = Record::new().with("interim-update", time::spell(wireless.interim_update));
    let mut ours = false;
    for configuration in concerned {
        let Some(id) = configuration.id() else {
            continue;
        };
        let name = configuration.get("name").unwrap_or("?");
        if configuration.get("aaa.interim-update").is_some() {
            let text = format!("{name:?} has an interim interval of its own: left as it is");
            draft.note(&menu, text);
            continue;
        }
        match configuration.get("aaa").filter(|name| !name.is_empty()) {
            Some(used) => {
                let found = draft.named(&aaa, used).and_then(|item| item.id());
                if let Some(found) = found {
                    draft.set(&aaa, Some(&found), &values, MAY, ACCOUNT);
                }
            }
            None => {
                if !ours {
                    ours = own_aaa(draft, wanted, &aaa, &values);
                }
                let refers = Record::new().with("aaa", own_name(&wanted.tag));
                draft.set(&menu, Some(&id), &refers, &[], ACCOUNT);
            }
        }
    }
}

fn own_name(tag: &str) -> String {
    let letters = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    tag.chars().map(letters).collect()
}

fn own_aaa(draft: &mut Draft<'_>, wanted: &Wanted, aaa: &str, values: &Record) -> bool {
    let name = own_name(&wanted.tag);
    if let Some(there) = draft.named(aaa, &name) {
        draft.set(aaa, there.id().as_ref(), values, MAY, ACCOUNT);
        return true;
    }
    let mut all = Record::new().with("name", &*name);
    for (property, value) in values.iter() {
        all.set(property, value);
    }
    all.set("comment", &*wanted.tag);
    draft.add(aaa, &all, MAY, None, ACCOUNT);
    true
}
