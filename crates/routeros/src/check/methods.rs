//! How users and devices prove themselves, service by service.

use crate::Record;

use super::{
    Code, Finding,
    scene::{Scene, is_on},
    service::{self, State},
};

pub(super) fn rules(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    hashed(scene, found);
    mac_format(scene, found);
    groups(scene, found);
    passphrase(scene, found);
}

fn on(scene: &Scene<'_>, service: &str) -> bool {
    scene.services().contains(service) && service::state(scene.router, service) == State::On
}

/// CHAP needs the clear text, which a hash does not give back.
fn hashed(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if scene.ours.hashed_users == 0 || !on(scene, "hotspot") {
        return;
    }
    let refused: u64 = scene
        .ours
        .refusals
        .iter()
        .filter(|one| one.method == "chap" && one.reason == "cannot_serve")
        .map(|one| one.count)
        .sum();
    for profile in service::hotspot_profiles(scene.router) {
        let by = profile.list("login-by");
        if profile.flag("use-radius") != Some(true) || !by.contains(&"http-chap") {
            continue;
        }
        let what = "the hotspot asks by CHAP, and some passwords are kept only as hashes";
        let finding = if refused > 0 {
            Finding::error(Code::ChapHashed, what)
        } else {
            Finding::warning(Code::ChapHashed, what)
        };
        let name = profile.get("name").unwrap_or_default();
        found.push(
            finding
                .seen(format!(
                    "/ip hotspot profile {name}: login-by={}",
                    by.join(",")
                ))
                .seen(format!(
                    "{} users are kept as hashes",
                    scene.ours.hashed_users
                ))
                .all_seen((refused > 0).then(|| format!("{refused} CHAP log-ins refused for it")))
                .fix(
                    "let the hotspot log in by https (login-by=https with a certificate), or keep \
                     the clear text of these passwords; http-pap works too, and sends them \
                     readable",
                ),
        );
    }
}

/// The hexadecimal digits of a MAC address, if a text is one.
fn digits(text: &str) -> Option<String> {
    let separators = [':', '-', '.', ' '];
    let bare: String = text.chars().filter(|c| !separators.contains(c)).collect();
    let is_mac = bare.len() == 12 && bare.chars().all(|c| c.is_ascii_hexdigit());
    is_mac.then(|| bare.to_ascii_uppercase())
}

/// How a MAC address is written: its separators, and whether its letters are capital.
fn shape(text: &str) -> (String, Option<bool>) {
    let separators = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { 'x' } else { c })
        .collect();
    let letters: Vec<_> = text.chars().filter(char::is_ascii_alphabetic).collect();
    let case = (!letters.is_empty()).then(|| letters.iter().all(char::is_ascii_uppercase));
    (separators, case)
}

/// The forms in which the router asks about MAC addresses, and where each is set.
fn formats<'a>(scene: &Scene<'a>) -> Vec<(String, &'a str)> {
    let router = scene.router;
    let mut all = Vec::new();
    let mut push = |place: String, format: Option<&'a str>| {
        all.extend(
            format
                .filter(|text| !text.is_empty())
                .map(|text| (place, text)),
        );
    };
    let name = |item: &'a Record| item.get("name").unwrap_or_default();
    for profile in service::hotspot_profiles(router) {
        if profile.list("login-by").contains(&"mac") && profile.flag("use-radius") == Some(true) {
            let place = format!("/ip hotspot profile {}", name(profile));
            push(place, profile.get("radius-mac-format"));
        }
    }
    for profile in router.items("/interface/wireless/security-profiles") {
        if profile.flag("radius-mac-authentication") == Some(true) {
            let place = format!("/interface wireless security-profiles {}", name(profile));
            push(place, profile.get("radius-mac-format"));
        }
    }
    for server in router
        .items("/interface/dot1x/server")
        .iter()
        .filter(|item| is_on(item))
    {
        if server.list("auth-types").contains(&"mac-auth") {
            push(
                "/interface dot1x server".to_owned(),
                server.get("radius-mac-format"),
            );
        }
    }
    let asks = |menu: &str| {
        let mut rules = router.items(menu).iter();
        rules.any(|rule| is_on(rule) && rule.get("action") == Some("query-radius"))
    };
    if asks("/caps-man/access-list") {
        let format = router
            .one("/caps-man/aaa")
            .and_then(|aaa| aaa.get("mac-format"));
        push("/caps-man aaa".to_owned(), format);
    }
    for stack in service::WIFI {
        if asks(&format!("{stack}/access-list")) {
            for aaa in router
                .items(&format!("{stack}/aaa"))
                .iter()
                .filter(|item| is_on(item))
            {
                push(
                    format!("{stack}/aaa {}", name(aaa)),
                    aaa.get("username-format"),
                );
            }
        }
    }
    all
}

fn mac_format(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let kept: Vec<_> = scene
        .ours
        .mac_users
        .iter()
        .filter(|name| digits(name).is_some())
        .collect();
    let Some(example) = kept.first() else { return };
    // A name that was refused and is one of ours in another form is proof.
    let refused = scene.ours.refusals.iter().find(|one| {
        one.reason == "unknown_user"
            && digits(&one.user).is_some_and(|bare| {
                kept.iter()
                    .any(|name| digits(name).as_ref() == Some(&bare) && **name != one.user)
            })
    });
    for (place, format) in formats(scene) {
        // What RouterOS puts in for `X`, `A` and `a` are digits of one case each.
        let (separators, case) = shape(format);
        let fits = kept.iter().any(|name| {
            let (theirs, its_case) = shape(name);
            theirs == separators && (its_case.is_none() || its_case == case)
        });
        if fits || digits(&format.replace(['X', 'x'], "a")).is_none() {
            continue;
        }
        let what = "the router writes MAC addresses in another form than users are named by";
        let finding = if refused.is_some() {
            Finding::error(Code::MacFormat, what)
        } else {
            Finding::warning(Code::MacFormat, what)
        };
        found.push(
            finding
                .seen(format!("{place}: {format}"))
                .seen(format!("a user here is named {example:?}"))
                .all_seen(refused.map(|one| format!("{:?} was refused as unknown", one.user)))
                .fix(
                    "keep them as devices (portreeve device add), for which the form does not \
                     matter, or set the router's form to that of the names",
                ),
        );
    }
}

/// A log-in to the router needs one of its groups.
fn groups(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    if !on(scene, "login") {
        return;
    }
    let default = scene
        .router
        .one("/user/aaa")
        .and_then(|aaa| aaa.get("default-group"));
    let default = default.unwrap_or("read");
    let fix = "set Mikrotik-Group to the name of a group in /user group (read, write, full or \
               your own)";
    if scene.ours.groupless_logins {
        found.push(
            Finding::warning(
                Code::GroupMissing,
                "log-ins to the router are given no group",
            )
            .seen(format!(
                "the router puts them into its default-group {default:?}"
            ))
            .fix(fix),
        );
    }
    if !scene.router.has("/user/group") {
        return;
    }
    let known: Vec<_> = scene
        .router
        .items("/user/group")
        .iter()
        .filter_map(|group| group.get("name"))
        .collect();
    for group in scene
        .ours
        .router_groups
        .iter()
        .filter(|one| !known.contains(&one.as_str()))
    {
        found.push(
            Finding::error(
                Code::GroupMissing,
                format!("log-ins to the router are given the group {group:?}, which it lacks"),
            )
            .seen(format!("/user group has {}", known.join(", ")))
            .seen(format!(
                "the router puts them into its default-group {default:?}"
            ))
            .fix(fix),
        );
    }
}

/// Whoever knows the passphrase goes past RADIUS.
fn passphrase(scene: &Scene<'_>, found: &mut Vec<Finding>) {
    let fix = "leave only the EAP types in authentication-types; give devices without EAP a \
               network of their own";
    let what = "one Wi-Fi takes a passphrase beside EAP: who knows it goes past RADIUS";
    for (menu, item, types, _) in service::securities(scene.router) {
        if service::has_type(item, types, "-psk") && service::has_type(item, types, "-eap") {
            let name = item.get("name").unwrap_or_default();
            found.push(
                Finding::warning(Code::PskBesideEap, what)
                    .seen(format!("{menu} {name}: {}", item.list(types).join(",")))
                    .fix(fix),
            );
        }
    }
    let profiles = scene.router.items("/interface/wireless/security-profiles");
    let kind = |interface: &Record, wanted: &str| {
        let name = interface.get("security-profile");
        let profile = profiles.iter().find(|profile| profile.get("name") == name);
        profile.is_some_and(|profile| {
            profile.get("mode") == Some("dynamic-keys")
                && service::has_type(profile, "authentication-types", wanted)
        })
    };
    let interfaces: Vec<_> = scene
        .router
        .items("/interface/wireless")
        .iter()
        .filter(|item| is_on(item))
        .collect();
    for eap in interfaces
        .iter()
        .filter(|one| kind(one, "-eap") && !kind(one, "-psk"))
    {
        let twin = interfaces.iter().find(|one| {
            one.get("ssid").is_some()
                && one.get("ssid") == eap.get("ssid")
                && kind(one, "-psk")
                && !kind(one, "-eap")
        });
        if let Some(twin) = twin {
            let name = |one: &Record| one.get("name").unwrap_or_default().to_owned();
            found.push(
                Finding::warning(Code::PskBesideEap, what)
                    .seen(format!("SSID {:?}", eap.get("ssid").unwrap_or_default()))
                    .seen(format!(
                        "{} has EAP, {} a passphrase",
                        name(eap),
                        name(twin)
                    ))
                    .fix(fix),
            );
        }
    }
}
