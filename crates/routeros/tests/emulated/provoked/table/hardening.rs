//! How open the router is to strangers.

use portreeve_routeros::check::Code as C;

use super::{Case, EITHER, KINDS, case};
use crate::provoked::sites::Site::Hardened;

pub(super) const ALL: &[Case] = &[
    case(
        C::ServiceExposed,
        Hardened,
        KINDS,
        &[
            "add /ip/firewall/filter chain=input action=accept protocol=tcp dst-port=$of-ssh \
           place-before=0",
        ],
        ("/ip service ssh: port", "address="),
    )
    .warning(),
    case(
        C::NoInputFirewall,
        Hardened,
        KINDS,
        &[
            "set /ip/firewall/filter:1 disabled=yes",
            "set /ip/firewall/filter:2 disabled=yes",
        ],
        ("no rule of the chain input drops", "drop the rest"),
    )
    .also(&[C::ClearText, C::ServiceExposed, C::OpenResolver]),
    case(
        C::TlsAnonymous,
        Hardened,
        KINDS,
        &["set /ip/service:api-ssl certificate=none"],
        ("certificate=none", "router enrol"),
    )
    .warning(),
    case(
        C::OldTls,
        Hardened,
        KINDS,
        &["set /ip/service:api-ssl tls-version=any"],
        ("tls-version=any", "only-1.2"),
    )
    .note()
    .mends(),
    case(
        C::DefaultUser,
        Hardened,
        KINDS,
        &["set /user:admin disabled=no"],
        ("the user admin", "remove admin"),
    )
    .note(),
    case(
        C::UserAnywhere,
        Hardened,
        KINDS,
        &["set /user:keeper address="],
        ("keeper", "/user set NAME address="),
    )
    .note(),
    case(
        C::WeakSecret,
        Hardened,
        KINDS,
        &["set /radius:0 secret=testing123"],
        ("it is one that everybody tries", "router rotate"),
    ),
    case(
        C::SnmpPublic,
        Hardened,
        KINDS,
        &["set /snmp enabled=yes"],
        ("\"public\"", "another name"),
    )
    .note(),
    case(
        C::SnmpPublic,
        Hardened,
        EITHER,
        &[
            "set /snmp enabled=yes",
            "add /snmp/community name=hidden write-access=yes",
            "set /snmp/community:public disabled=yes",
        ],
        ("(not shown): write-access=yes", "write-access=no"),
    )
    .mends(),
    case(
        C::Romon,
        Hardened,
        KINDS,
        &["set /tool/romon enabled=yes"],
        ("/tool/romon: enabled=yes", "enabled=no"),
    )
    .note(),
    case(
        C::MacServer,
        Hardened,
        KINDS,
        &["set /tool/mac-server allowed-interface-list=all"],
        ("MAC-Telnet on all interfaces", "allowed-interface-list=LAN"),
    )
    .note(),
    case(
        C::BandwidthServer,
        Hardened,
        KINDS,
        &["set /tool/bandwidth-server enabled=yes"],
        ("/tool/bandwidth-server: enabled=yes", "enabled=no"),
    )
    .note()
    .mends(),
    case(
        C::OpenResolver,
        Hardened,
        KINDS,
        &[
            "add /ip/firewall/filter chain=input action=accept protocol=udp dst-port=53 \
           place-before=0",
        ],
        ("allow-remote-requests=yes", "port 53"),
    )
    .warning(),
    case(
        C::OpenProxy,
        Hardened,
        KINDS,
        &["set /ip/socks enabled=yes"],
        ("/ip/socks: enabled=yes", "enabled=no"),
    )
    .note(),
    case(
        C::OpenProxy,
        Hardened,
        EITHER,
        &["set /ip/proxy enabled=yes"],
        ("/ip/proxy: enabled=yes", "enabled=no"),
    )
    .note(),
    case(
        C::Upnp,
        Hardened,
        KINDS,
        &["set /ip/upnp enabled=yes"],
        ("/ip/upnp: enabled=yes", "enabled=no"),
    )
    .note(),
    case(
        C::Discovery,
        Hardened,
        KINDS,
        &["set /ip/neighbor/discovery-settings discover-interface-list=all"],
        ("discover-interface-list=all", "discover-interface-list=LAN"),
    )
    .note(),
    case(
        C::SshWeak,
        Hardened,
        KINDS,
        &["set /ip/ssh strong-crypto=no"],
        ("strong-crypto=no", "strong-crypto=yes"),
    )
    .note()
    .mends(),
];
