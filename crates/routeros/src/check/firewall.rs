//! What a router's firewall does with a packet, as far as its rules tell.

use std::net::IpAddr;

use crate::Record;

use super::{RouterSide, network, scene::is_on};

/// Chains may jump to each other in circles, and a router may have a great many rules.
const DEEPEST: usize = 16;
const MOST_STEPS: usize = 100_000;

/// A first packet of a connection to the router itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    /// `udp` or `tcp`.
    pub(crate) protocol: &'a str,
    pub(crate) source: IpAddr,
    /// The router's address it is sent to, where that is known.
    pub(crate) destination: Option<IpAddr>,
    pub(crate) port: u16,
    /// The interface it comes in by, where that is known.
    pub(crate) interface: Option<&'a str>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// A rule lets it in, or none keeps it out.
    Accepted(Option<&'a Record>),
    /// This rule keeps it out.
    Blocked(&'a Record),
    /// A rule decides whose conditions cannot be known from here.
    Unknown(&'a Record),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    Perhaps,
}

impl Fit {
    fn of(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Perhaps,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Perhaps,
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Perhaps => Self::Perhaps,
        }
    }
}

/// Follows a packet through the raw and the input chain: the first rule that fits decides.
pub(crate) fn input<'a>(router: &'a RouterSide, packet: &Packet<'_>) -> Verdict<'a> {
    let filter = if packet.source.is_ipv4() {
        let raw = Walk::over(router, "/ip/firewall/raw").run("prerouting", packet);
        if let Verdict::Blocked(rule) = raw {
            return Verdict::Blocked(rule);
        }
        "/ip/firewall/filter"
    } else {
        "/ipv6/firewall/filter"
    };
    Walk::over(router, filter).run("input", packet)
}

/// The interface by which a packet from an address comes in: that of the network it lies in, else
/// that of the default route.
pub(crate) fn interface_towards(router: &RouterSide, source: IpAddr) -> Option<&str> {
    let connected = |address: IpAddr| {
        let items = router
            .items("/ip/address")
            .iter()
            .filter(|item| is_on(item));
        items
            .filter_map(|item| {
                let network = network::parse(item.get("address")?)?;
                Some((network, item.get("interface")?))
            })
            .filter(|(network, _)| network::covers(*network, address))
            .max_by_key(|(network, _)| network.1)
            .map(|(_, interface)| interface)
    };
    if let Some(interface) = connected(source) {
        return Some(interface);
    }
    let table = router.items("/ip/route").iter();
    let active = table.filter(|route| is_on(route) && route.flag("active") != Some(false));
    let best = active
        .filter_map(|route| Some((network::parse(route.get("dst-address")?)?, route)))
        .filter(|(network, _)| network::covers(*network, source))
        .max_by_key(|(network, _)| network.1)?;
    let gateway = best
        .1
        .get("immediate-gw")
        .or_else(|| best.1.get("gateway"))?;
    if let Some((_, interface)) = gateway.split_once('%') {
        return Some(interface);
    }
    match gateway.parse::<IpAddr>() {
        Ok(address) => connected(address),
        Err(_) => Some(gateway), // A gateway may be an interface, such as that of PPPoE.
    }
}

struct Walk<'a> {
    router: &'a RouterSide,
    rules: &'a [Record],
    steps: usize,
    /// The first rules that perhaps let it in, and that perhaps keep it out.
    perhaps_in: Option<&'a Record>,
    perhaps_out: Option<&'a Record>,
}

enum Way<'a> {
    Decided(&'a Record, bool),
    Onward,
}

impl<'a> Walk<'a> {
    fn over(router: &'a RouterSide, menu: &str) -> Self {
        Self {
            router,
            rules: router.items(menu),
            steps: 0,
            perhaps_in: None,
            perhaps_out: None,
        }
    }

    fn run(mut self, chain: &str, packet: &Packet<'_>) -> Verdict<'a> {
        let (rule, accepted) = match self.follow(chain, packet, 0, true) {
            Way::Decided(rule, accepted) => (Some(rule), accepted),
            Way::Onward => (None, true),
        };
        let doubtful = if accepted {
            self.perhaps_out
        } else {
            self.perhaps_in
        };
        match (doubtful, rule) {
            (Some(doubtful), _) => Verdict::Unknown(doubtful),
            (None, Some(rule)) if !accepted => Verdict::Blocked(rule),
            (None, rule) => Verdict::Accepted(rule),
        }
    }

    fn follow(&mut self, chain: &str, packet: &Packet<'_>, depth: usize, certain: bool) -> Way<'a> {
        let rules = self.rules;
        for rule in rules {
            if rule.get("chain") != Some(chain) || !is_on(rule) {
                continue;
            }
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Way::Onward;
            }
            let fit = fits(self.router, rule, packet);
            if fit == Fit::No {
                continue;
            }
            let sure = certain && fit == Fit::Yes;
            match rule.get("action").unwrap_or("accept") {
                "accept" if sure => return Way::Decided(rule, true),
                "drop" | "reject" | "tarpit" if sure => return Way::Decided(rule, false),
                "return" if sure => return Way::Onward,
                // A return that perhaps fits lets the packet go on.
                "accept" | "return" => self.doubt(rule, true),
                "drop" | "reject" | "tarpit" => self.doubt(rule, false),
                "jump" if depth < DEEPEST => {
                    let Some(target) = rule.get("jump-target") else {
                        continue;
                    };
                    let way = self.follow(target, packet, depth + 1, sure);
                    if let Way::Decided(..) = way {
                        return way;
                    }
                }
                _ => {}
            }
        }
        Way::Onward
    }

    fn doubt(&mut self, rule: &'a Record, accepted: bool) {
        let place = if accepted {
            &mut self.perhaps_in
        } else {
            &mut self.perhaps_out
        };
        *place = place.or(Some(rule));
    }
}

/// What says nothing of which packets a rule is for.
const NO_CONDITION: [&str; 16] = [
    ".id",
    ".nextid",
    "chain",
    "action",
    "comment",
    "disabled",
    "dynamic",
    "invalid",
    "bytes",
    "packets",
    "log",
    "log-prefix",
    "jump-target",
    "reject-with",
    "address-list",
    "address-list-timeout",
];

fn fits(router: &RouterSide, rule: &Record, packet: &Packet<'_>) -> Fit {
    let mut fit = Fit::Yes;
    for (name, value) in rule.iter() {
        if NO_CONDITION.contains(&name) || value.is_empty() {
            continue;
        }
        let (negated, value) = value
            .strip_prefix('!')
            .map_or((false, value), |rest| (true, rest));
        let one = condition(router, name, value, packet);
        fit = fit.and(if negated { one.not() } else { one });
        if fit == Fit::No {
            return fit;
        }
    }
    fit
}

fn condition(router: &RouterSide, name: &str, value: &str, packet: &Packet<'_>) -> Fit {
    let of_address = |address: Option<IpAddr>| {
        Fit::of(address.and_then(|address| network::within(value, address)))
    };
    match name {
        "protocol" => {
            let number = if packet.protocol == "udp" { "17" } else { "6" };
            Fit::of(Some(value == packet.protocol || value == number))
        }
        "dst-port" => Fit::of(Some(has_port(value, packet.port))),
        // The other end's port is any; only that the rule names ours is certain.
        "port" if has_port(value, packet.port) => Fit::Yes,
        "src-address" => of_address(Some(packet.source)),
        "dst-address" => to_router(router, value, packet.destination),
        "src-address-list" => listed(router, value, Some(packet.source)),
        "dst-address-list" => listed(router, value, packet.destination),
        "dst-address-type" => Fit::of(match value {
            "local" => Some(true),
            "unicast" => None,
            _ => Some(false),
        }),
        "in-interface" => Fit::of(packet.interface.map(|interface| interface == value)),
        "in-interface-list" => in_list(router, value, packet.interface, 0),
        "connection-state" => {
            let states: Vec<_> = value.split(',').map(str::trim).collect();
            Fit::of(Some(states.contains(&"new")))
        }
        "hw-offload" => Fit::Yes,
        _ => Fit::Perhaps,
    }
}

/// Whether a packet to the router goes to an address that a rule names. Where it is not known to
/// which of the router's addresses it goes, all of them are looked at.
fn to_router(router: &RouterSide, value: &str, destination: Option<IpAddr>) -> Fit {
    let within = |address: IpAddr| network::within(value, address);
    if let Some(address) = destination {
        return Fit::of(within(address));
    }
    let own = router
        .items("/ip/address")
        .iter()
        .filter(|item| is_on(item));
    let fits: Vec<_> = own
        .filter_map(|item| within(network::address(item.get("address")?)?))
        .collect();
    let local = network::parse(value).is_some_and(|(address, _)| address.is_loopback());
    Fit::of(
        if local || (!fits.is_empty() && fits.iter().all(|one| !one)) {
            Some(false)
        } else if !fits.is_empty() && fits.iter().all(|one| *one) {
            Some(true)
        } else {
            None
        },
    )
}

fn has_port(list: &str, port: u16) -> bool {
    list.split(',').any(|part| {
        let range = part.trim();
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&port),
            _ => false,
        }
    })
}

fn listed(router: &RouterSide, list: &str, address: Option<IpAddr>) -> Fit {
    let Some(address) = address else {
        return Fit::Perhaps;
    };
    let mut fit = Fit::No;
    let items = router.items("/ip/firewall/address-list").iter();
    for item in items.filter(|item| is_on(item) && item.get("list") == Some(list)) {
        match item
            .get("address")
            .and_then(|text| network::within(text, address))
        {
            Some(true) => return Fit::Yes,
            Some(false) => {}
            None => fit = Fit::Perhaps, // A host name.
        }
    }
    fit
}

fn in_list(router: &RouterSide, list: &str, interface: Option<&str>, depth: usize) -> Fit {
    match list {
        "all" => return Fit::Yes,
        "none" => return Fit::No,
        _ => {}
    }
    let Some(interface) = interface else {
        return Fit::Perhaps;
    };
    if !router.has("/interface/list/member") || depth > DEEPEST {
        return Fit::Perhaps;
    }
    if matches!(list, "dynamic" | "static") {
        return Fit::Perhaps;
    }
    let members = router.items("/interface/list/member").iter();
    let mut named = members.filter(|item| is_on(item) && item.get("list") == Some(list));
    if named.any(|item| item.get("interface") == Some(interface)) {
        return Fit::Yes;
    }
    let definition = router
        .items("/interface/list")
        .iter()
        .find(|item| item.get("name") == Some(list));
    let included = definition
        .map(|item| item.list("include"))
        .unwrap_or_default();
    let fits = included
        .iter()
        .map(|other| in_list(router, other, Some(interface), depth + 1));
    fits.fold(Fit::No, |so_far, one| match (so_far, one) {
        (Fit::Yes, _) | (_, Fit::Yes) => Fit::Yes,
        (Fit::Perhaps, _) | (_, Fit::Perhaps) => Fit::Perhaps,
        _ => Fit::No,
    })
}

/// A rule in words.
pub(crate) fn describe(rule: &Record) -> String {
    let parts = rule.iter().filter(|(name, value)| {
        !value.is_empty()
            && !matches!(
                *name,
                "bytes" | "packets" | "dynamic" | "invalid" | "disabled" | "log"
            )
    });
    parts
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}
