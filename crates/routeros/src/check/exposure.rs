//! From where the router's own services can be reached.

use std::net::{IpAddr, Ipv4Addr};

use crate::Record;

use super::{
    Code, Finding, RouterSide,
    firewall::{self, Packet, Verdict},
    network,
    scene::is_on,
};

/// An address of nobody (RFC 5737), for anybody on the Internet.
const ANYBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 254));

/// Services in which a password crosses the network readable.
const READABLE: [&str; 4] = ["api", "www", "telnet", "ftp"];

/// From where a service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From anywhere, as far as the router's own rules go.
    Anywhere,
    /// Not from everywhere.
    Limited,
    /// The rules do not tell.
    Unknown,
}

/// From where a port of the router can be reached.
pub(crate) fn reach(router: &RouterSide, protocol: &str, port: u16) -> Reach {
    if !router.has("/ip/firewall/filter") {
        return Reach::Unknown;
    }
    let packet = Packet {
        protocol,
        source: ANYBODY,
        destination: None,
        port,
        interface: firewall::interface_towards(router, ANYBODY),
    };
    match firewall::input(router, &packet) {
        Verdict::Accepted(_) => Reach::Anywhere,
        Verdict::Blocked(_) => Reach::Limited,
        Verdict::Unknown(_) => Reach::Unknown,
    }
}

/// Whether a service's own `address` list lets anybody in.
pub(crate) fn is_for_anybody(service: &Record) -> bool {
    let allowed = service.list("address");
    let open = |text: &&str| network::parse(text).is_some_and(|(_, length)| length == 0);
    allowed.is_empty() || allowed.iter().any(open)
}

/// The services that are on, with their port and from where each can be reached.
pub(crate) fn services(router: &RouterSide) -> Vec<(&Record, &str, u16, Reach)> {
    let items = router
        .items("/ip/service")
        .iter()
        .filter(|item| is_on(item));
    // From 7.19 on, connections that are open stand in this menu too.
    let items = items.filter(|item| item.flag("connection") != Some(true));
    items
        .filter_map(|item| {
            let name = item.get("name")?;
            let port = u16::try_from(item.number("port")?).ok()?;
            let reach = if is_for_anybody(item) {
                reach(router, "tcp", port)
            } else {
                Reach::Limited
            };
            Some((item, name, port, reach))
        })
        .collect()
}

/// Passwords that can cross the network readable, from anywhere.
pub(crate) fn clear_text(router: &RouterSide, found: &mut Vec<Finding>) {
    for (_, name, port, reach) in services(router) {
        if reach != Reach::Anywhere || !READABLE.contains(&name) {
            continue;
        }
        found.push(
            Finding::warning(
                Code::ClearText,
                format!("the service {name} takes passwords readable, from anywhere"),
            )
            .seen(format!("/ip service {name}: port {port}, no address list"))
            .seen("no rule of the input chain keeps strangers from it")
            .fix(format!(
                "/ip service set {name} disabled=yes, or address=... with the networks that are \
                 to reach it; use api-ssl, www-ssl or ssh instead"
            )),
        );
    }
}
