//! Which services use RADIUS, by their own menus.

use crate::Record;

use super::{RouterSide, scene::is_on};

/// The services of `/radius`, in the order RouterOS lists them.
pub(super) const SERVICES: [&str; 7] = [
    "ppp", "login", "hotspot", "wireless", "dhcp", "ipsec", "dot1x",
];

/// The two names of the newest wireless stack.
pub(super) const WIFI: [&str; 2] = ["/interface/wifi", "/interface/wifiwave2"];

/// Whether a service uses RADIUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    On,
    /// It is set up on the router and does not.
    Off,
    /// The router has the menu, and nothing is set up in it.
    Idle,
    /// The router has no such menu.
    Absent,
    /// It could not be read.
    Unknown,
}

/// How a service stands on a router.
pub(super) fn state(router: &RouterSide, service: &str) -> State {
    match service {
        "ppp" => switch(router, "/ppp/aaa", "use-radius"),
        "login" => switch(router, "/user/aaa", "use-radius"),
        "hotspot" => hotspot(router),
        "wireless" => wireless(router),
        "dhcp" => dhcp(router),
        "ipsec" => ipsec(router),
        "dot1x" => listed(router, "/interface/dot1x/server", |_| true),
        _ => State::Unknown,
    }
}

fn absent(router: &RouterSide, menu: &str) -> State {
    match router.menu(menu) {
        Some(super::Menu::Absent) => State::Absent,
        Some(super::Menu::Items(_)) => State::Idle,
        _ => State::Unknown,
    }
}

fn switch(router: &RouterSide, menu: &str, property: &str) -> State {
    match router.one(menu).and_then(|record| record.flag(property)) {
        Some(true) => State::On,
        Some(false) => State::Off,
        None if router.has(menu) => State::Unknown,
        None => absent(router, menu),
    }
}

fn listed(router: &RouterSide, menu: &str, uses: impl Fn(&Record) -> bool) -> State {
    let mut all = router
        .items(menu)
        .iter()
        .filter(|item| is_on(item))
        .peekable();
    if all.peek().is_none() {
        return absent(router, menu);
    }
    if all.any(uses) { State::On } else { State::Off }
}

/// The hotspot profiles that some hotspot server uses.
pub(super) fn hotspot_profiles(router: &RouterSide) -> Vec<&Record> {
    let servers = router.items("/ip/hotspot");
    let used = |profile: &&Record| {
        let name = profile.get("name");
        servers
            .iter()
            .any(|server| is_on(server) && server.get("profile") == name)
    };
    router
        .items("/ip/hotspot/profile")
        .iter()
        .filter(used)
        .collect()
}

fn hotspot(router: &RouterSide) -> State {
    let profiles = hotspot_profiles(router);
    if profiles.is_empty() {
        return absent(router, "/ip/hotspot");
    }
    let on = profiles
        .iter()
        .any(|profile| profile.flag("use-radius") == Some(true));
    if on { State::On } else { State::Off }
}

fn dhcp(router: &RouterSide) -> State {
    listed(router, "/ip/dhcp-server", |server| {
        matches!(
            server.get("use-radius"),
            Some("yes" | "true" | "accounting")
        )
    })
}

fn ipsec(router: &RouterSide) -> State {
    if switch(router, "/ip/ipsec/settings", "xauth-use-radius") == State::On {
        return State::On;
    }
    listed(router, "/ip/ipsec/identity", |one| {
        one.get("auth-method") == Some("eap-radius")
    })
}

fn wireless(router: &RouterSide) -> State {
    if uses_eap(router) || asks_for_mac(router) {
        return State::On;
    }
    let menus = [
        "/interface/wireless/security-profiles",
        "/caps-man/security",
        "/interface/wifi/security",
        "/interface/wifiwave2/security",
    ];
    let states = menus.map(|menu| match router.menu(menu) {
        Some(super::Menu::Items(items)) if items.is_empty() => State::Idle,
        Some(super::Menu::Items(_)) => State::Off,
        Some(super::Menu::Absent) => State::Absent,
        _ => State::Unknown,
    });
    let order = [State::Off, State::Unknown, State::Idle];
    order
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(State::Absent)
}

/// Whether a list of `authentication-types` has one that ends so.
pub(super) fn has_type(item: &Record, property: &str, kind: &str) -> bool {
    item.list(property).iter().any(|one| one.contains(kind))
}

/// Every item of the wireless menus that names `authentication-types`, with its menu, the name of
/// that property and of the one that turns accounting on.
pub(super) fn securities(
    router: &RouterSide,
) -> Vec<(&'static str, &Record, &'static str, &'static str)> {
    const MENUS: [(&str, &str, &str); 8] = [
        (
            "/interface/wireless/security-profiles",
            "authentication-types",
            "radius-eap-accounting",
        ),
        (
            "/caps-man/security",
            "authentication-types",
            "eap-radius-accounting",
        ),
        (
            "/interface/wifi/security",
            "authentication-types",
            "eap-accounting",
        ),
        (
            "/interface/wifi/configuration",
            "security.authentication-types",
            "security.eap-accounting",
        ),
        (
            "/interface/wifi",
            "security.authentication-types",
            "security.eap-accounting",
        ),
        (
            "/interface/wifiwave2/security",
            "authentication-types",
            "eap-accounting",
        ),
        (
            "/interface/wifiwave2/configuration",
            "security.authentication-types",
            "security.eap-accounting",
        ),
        (
            "/interface/wifiwave2",
            "security.authentication-types",
            "security.eap-accounting",
        ),
    ];
    let mut all = Vec::new();
    for (menu, types, accounting) in MENUS {
        let items = router.items(menu).iter().filter(|item| is_on(item));
        let named = items.filter(|item| !item.list(types).is_empty());
        // A legacy profile keeps its types when its mode makes them void.
        let meant = named.filter(|item| {
            menu != MENUS[0].0 || item.get("mode").is_none_or(|mode| mode == "dynamic-keys")
        });
        all.extend(meant.map(|item| (menu, item, types, accounting)));
    }
    all
}

/// Whether some wireless network is one of EAP.
pub(super) fn uses_eap(router: &RouterSide) -> bool {
    securities(router)
        .iter()
        .any(|(_, item, types, _)| has_type(item, types, "-eap"))
}

/// Whether some wireless network asks RADIUS about MAC addresses.
pub(super) fn asks_for_mac(router: &RouterSide) -> bool {
    let profiles = router.items("/interface/wireless/security-profiles").iter();
    let lists = [
        "/caps-man/access-list",
        "/interface/wifi/access-list",
        "/interface/wifiwave2/access-list",
    ];
    let mut rules = lists.iter().flat_map(|menu| router.items(menu));
    profiles
        .into_iter()
        .any(|profile| profile.flag("radius-mac-authentication") == Some(true))
        || rules.any(|rule| is_on(rule) && rule.get("action") == Some("query-radius"))
}
