//! Items from the factory that depend on the device: its interfaces, and the firewall of a home
//! router.

use crate::{Board, Record, Release};

/// The items behind a word such as `@interfaces` of `menus.txt`.
pub(super) fn items(word: &str, release: Release, board: Board) -> Option<Vec<Record>> {
    Some(match word {
        "@interfaces" => interfaces(release, board),
        "@wireless" => radios(release, board, true),
        "@wifi" => radios(release, board, false),
        "@bridge" => bridge(board),
        "@ports" => ports(release, board),
        "@address" => addresses(board),
        "@filter" => filter(release),
        _ => return None,
    })
}

fn is_home(board: Board) -> bool {
    board != Board::Chr
}

fn hardware_address(at: usize) -> String {
    format!("48:A9:8A:00:01:{at:02X}")
}

/// The names of the radios: `wlan1` of the older driver, `wifi1` of the newer.
fn radio_names(release: Release, board: Board) -> [&'static str; 2] {
    if board == Board::HapAc2 || release.is_six() {
        ["wlan1", "wlan2"]
    } else {
        ["wifi1", "wifi2"]
    }
}

fn interfaces(release: Release, board: Board) -> Vec<Record> {
    let mut names: Vec<(&str, &str)> = ["ether1", "ether2", "ether3", "ether4", "ether5"]
        .into_iter()
        .take(if is_home(board) { 5 } else { 4 })
        .map(|name| (name, "ether"))
        .collect();
    if is_home(board) {
        let kind = match radio_names(release, board)[0] {
            "wlan1" => "wlan",
            _ => "wifi",
        };
        names.extend(radio_names(release, board).map(|name| (name, kind)));
        names.push(("bridge", "bridge"));
    }
    if release >= Release::V7_15 {
        names.push(("lo", "loopback"));
    }
    let each = names.into_iter().enumerate();
    each.map(|(at, (name, kind))| {
        Record::new()
            .with("name", name)
            .with("type", kind)
            .with("mtu", "1500")
            .with("mac-address", hardware_address(at + 1))
            .with("link-downs", "0")
            .with("rx-byte", "0")
            .with("tx-byte", "0")
            .with("rx-packet", "0")
            .with("tx-packet", "0")
            .with("running", "true")
            .with("disabled", "false")
    })
    .collect()
}

fn radios(release: Release, board: Board, older: bool) -> Vec<Record> {
    let names = radio_names(release, board);
    if !is_home(board) || older != names[0].starts_with("wlan") {
        return Vec::new();
    }
    let each = names.into_iter().enumerate();
    each.map(|(at, name)| {
        let record = Record::new()
            .with("name", name)
            .with("mac-address", hardware_address(at + 6))
            .with("disabled", "false")
            .with("running", "true");
        if older {
            record
                .with("ssid", "MikroTik")
                .with("mode", "ap-bridge")
                .with("security-profile", "default")
                .with("default-authentication", "true")
                .with("default-forwarding", "true")
        } else {
            record
                .with("configuration.ssid", "MikroTik")
                .with("configuration.mode", "ap")
                .with("master", "true")
        }
    })
    .collect()
}

fn bridge(board: Board) -> Vec<Record> {
    let known = Record::new()
        .with("name", "bridge")
        .with("mtu", "auto")
        .with("vlan-filtering", "false")
        .with("protocol-mode", "rstp")
        .with("comment", "defconf")
        .with("running", "true")
        .with("disabled", "false");
    is_home(board).then_some(known).into_iter().collect()
}

fn ports(release: Release, board: Board) -> Vec<Record> {
    if !is_home(board) {
        return Vec::new();
    }
    let wired = ["ether2", "ether3", "ether4", "ether5"];
    let all = wired.into_iter().chain(radio_names(release, board));
    all.map(|name| {
        Record::new()
            .with("bridge", "bridge")
            .with("interface", name)
            .with("pvid", "1")
            .with("comment", "defconf")
            .with("disabled", "false")
    })
    .collect()
}

fn addresses(board: Board) -> Vec<Record> {
    let known = Record::new()
        .with("address", "192.168.88.1/24")
        .with("network", "192.168.88.0")
        .with("interface", "bridge")
        .with("actual-interface", "bridge")
        .with("comment", "defconf")
        .with("invalid", "false")
        .with("disabled", "false");
    is_home(board).then_some(known).into_iter().collect()
}

/// The firewall which a home router has from the factory, in its order.
fn filter(release: Release) -> Vec<Record> {
    let rule = |chain: &str, action: &str, comment: &str| {
        Record::new()
            .with("chain", chain)
            .with("action", action)
            .with("comment", format!("defconf: {comment}"))
    };
    let known = "established,related,untracked";
    let mut rules = vec![
        rule("input", "accept", "accept established,related,untracked")
            .with("connection-state", known),
        rule("input", "drop", "drop invalid").with("connection-state", "invalid"),
        rule("input", "accept", "accept ICMP").with("protocol", "icmp"),
    ];
    if release.numbers() >= (6, 45) {
        rules.push(
            rule("input", "accept", "accept to local loopback (for CAPsMAN)")
                .with("dst-address", "127.0.0.1"),
        );
    }
    rules.extend([
        rule("input", "drop", "drop all not coming from LAN").with("in-interface-list", "!LAN"),
        rule("forward", "accept", "accept in ipsec policy").with("ipsec-policy", "in,ipsec"),
        rule("forward", "accept", "accept out ipsec policy").with("ipsec-policy", "out,ipsec"),
        rule("forward", "fasttrack-connection", "fasttrack")
            .with("connection-state", "established,related"),
        rule("forward", "accept", "accept established,related, untracked")
            .with("connection-state", known),
        rule("forward", "drop", "drop invalid").with("connection-state", "invalid"),
        rule("forward", "drop", "drop all from WAN not DSTNATed")
            .with("connection-state", "new")
            .with("connection-nat-state", "!dstnat")
            .with("in-interface-list", "WAN"),
    ]);
    rules
        .into_iter()
        .map(|rule| {
            rule.with("log", "false")
                .with("log-prefix", "")
                .with("bytes", "0")
                .with("packets", "0")
                .with("invalid", "false")
                .with("disabled", "false")
        })
        .collect()
}
