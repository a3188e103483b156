//! CoA and Disconnect.

use portreeve_routeros::check::Code as C;

use super::{Case, KINDS, case};
use crate::provoked::sites::Site::Provider;

pub(super) const ALL: &[Case] = &[
    case(
        C::IncomingClosed,
        Provider,
        KINDS,
        &["set /radius/incoming accept=no"],
        ("accept=no", "accept=yes"),
    )
    .warning()
    .mends(),
    case(
        C::IncomingPort,
        Provider,
        KINDS,
        &["set /radius/incoming port=1700"],
        ("/radius incoming has port=1700", "set port="),
    )
    .mends(),
    case(
        C::IncomingSource,
        Provider,
        KINDS,
        &["set /radius:0 address=127.0.0.2"],
        ("the entries have 127.0.0.2", "send CoA from the address"),
    )
    .ours(|ours| {
        ours.addresses
            .push(std::net::Ipv4Addr::new(127, 0, 0, 2).into());
        ours.dynamic.source = Some(crate::provoked::US);
    }),
    case(
        C::IncomingFirewall,
        Provider,
        KINDS,
        &[
            "add /ip/firewall/filter chain=input action=jump jump-target=guard protocol=udp",
            "add /ip/firewall/filter chain=guard action=return src-address-list=friends",
            "add /ip/firewall/filter chain=input action=drop protocol=udp dst-port=1024-65535",
        ],
        ("dst-port=1024-65535", "add before that rule"),
    )
    .mends(),
    case(
        C::IncomingBad,
        Provider,
        KINDS,
        &["coa"],
        ("bad requests, none answered", "no /radius entry"),
    )
    .warning(),
];
