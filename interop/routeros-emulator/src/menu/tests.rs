//! What menus hold from the factory.

use super::*;

fn menus(release: Release, board: Board) -> Menus {
    let schema = Schema::of(release, board).unwrap();
    Menus::of(release, board, &schema).unwrap()
}

fn one(release: Release, path: &str) -> Record {
    let menus = menus(release, Board::usual(release));
    menus.get(path).unwrap().has.clone()
}

#[test]
fn defaults_are_those_of_devices_and_only_of_their_version() {
    for release in Release::ALL {
        let board = Board::usual(release);
        let radius = menus(release, board).completed("/radius", Record::new());
        assert_eq!(radius.get("timeout"), Some("300ms"), "{release}");
        let asks = radius.get("require-message-auth").is_some();
        assert_eq!(asks, release >= Release::V7_15, "{release}");
        assert_eq!(one(release, "/radius/incoming").get("port"), Some("3799"));
        assert_eq!(
            one(release, "/radius/incoming").get("accept"),
            Some("false")
        );
        assert_eq!(one(release, "/ppp/aaa").get("accounting"), Some("true"));
        assert_eq!(one(release, "/user/aaa").get("default-group"), Some("read"));
    }
    let mail = one(Release::V7_9, "/tool/e-mail");
    assert!(mail.get("address").is_some() && mail.get("server").is_none());
    let mail = one(Release::V7_24, "/tool/e-mail");
    assert!(mail.get("address").is_none() && mail.get("server").is_some());
    let clock = one(Release::V6_49, "/system/ntp/client");
    assert!(clock.get("primary-ntp").is_some() && clock.get("servers").is_none());
}

#[test]
fn services_have_their_ports() {
    let menus = menus(Release::V7_24, Board::HapAx2);
    let services = &menus.get("/ip/service").unwrap().items;
    let ports: Vec<_> = services
        .iter()
        .map(|item| (item.text("name"), item.text("port"), item.is("disabled")))
        .collect();
    assert!(ports.contains(&("api", "8728", false)));
    assert!(ports.contains(&("api-ssl", "8729", false)));
    assert!(ports.contains(&("www", "80", false)));
    assert!(ports.contains(&("www-ssl", "443", true)));
}

#[test]
fn a_home_router_has_its_firewall_and_a_virtual_one_has_none() {
    for (board, rules) in [(Board::HapAx2, 11), (Board::Chr, 0)] {
        let menus = menus(Release::V7_24, board);
        assert_eq!(menus.get("/ip/firewall/filter").unwrap().items.len(), rules);
    }
}

/// A misspelt name in `menus.txt` would do nothing, in silence.
#[test]
fn every_kind_and_default_is_of_an_argument_that_some_version_has() {
    let everything: Vec<Menus> = Release::ALL
        .into_iter()
        .flat_map(|release| Board::ALL.map(|board| menus(release, board)))
        .collect();
    let some = |path: &str, name: &str| {
        let mut all = everything.iter();
        all.any(|menus| menus.get(path).is_some_and(|menu| menu.is_argument(name)))
    };
    let mut path = "";
    let mut unknown = Vec::new();
    for line in MENUS.lines().map(str::trim) {
        if line.starts_with('/') {
            path = line;
        }
        if line.is_empty() || line.starts_with(['/', '#', '@']) || path == "/*" {
            continue;
        }
        let line = line.split_once(']').map_or(line, |(_, rest)| rest.trim());
        let Some((word, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.split(" : ").next().unwrap_or_default();
        for name in rest.split(' ') {
            let name = name.split('=').next().unwrap_or_default();
            let own = name.is_empty() || name.starts_with('!') || matches!(word, "key" | "unique");
            if !own && !some(path, name) {
                unknown.push(format!("{path}: {word} {name}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}
