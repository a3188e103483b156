//! Whether services ask, and whom.

use portreeve_routeros::check::Code as C;

use super::{Case, EITHER, KINDS, NEW, case};
use crate::provoked::sites::Site::{Hotel, Office, Provider};

pub(super) const ALL: &[Case] = &[
    case(
        C::DuplicateEntry,
        Provider,
        KINDS,
        &[
            "add /radius address=127.0.0.1 service=ppp timeout=2s secret=$secret \
           src-address=127.0.0.1 authentication-port=$authentication \
           accounting-port=$accounting",
        ],
        ("their secrets are the same", "remove the stale one"),
    )
    .warning()
    .mends(),
    case(
        C::WrongOrder,
        Provider,
        KINDS,
        &[
            "add /radius address=127.0.0.66 service=ppp timeout=100ms secret=old \
           src-address=127.0.0.1 place-before=0",
            "dial 1 anna pap",
        ],
        ("timeouts, no answer", "move ours before it"),
    )
    .mends(),
    case(
        C::ServiceOff,
        Provider,
        KINDS,
        &["set /ppp/aaa use-radius=no"],
        ("/ppp/aaa has use-radius=no", "use-radius=yes"),
    )
    .warning()
    .mends(),
    case(
        C::ServiceOff,
        Hotel,
        EITHER,
        &["set /ip/hotspot/profile:hsprof1 use-radius=no"],
        ("no profile of a hotspot server", "use-radius=yes"),
    )
    .warning(),
    case(
        C::ServiceUnlisted,
        Hotel,
        KINDS,
        &["set /radius:0 service=login"],
        ("hotspot uses RADIUS", "add hotspot"),
    )
    .mends(),
    case(
        C::LocalUser,
        Provider,
        KINDS,
        &["add /ppp/secret name=anna password=x"],
        ("in /ppp/secret: anna", "own database first"),
    )
    .warning(),
    case(
        C::LocalUser,
        Hotel,
        EITHER,
        &["add /ip/hotspot/user name=anna password=x"],
        ("in /ip/hotspot/user: anna", "own database first"),
    )
    .warning(),
    case(
        C::AccountingOff,
        Provider,
        KINDS,
        &["set /ppp/aaa accounting=no"],
        ("accounting=", "accounting=yes"),
    )
    .warning()
    .mends(),
    case(
        C::AccountingOff,
        Hotel,
        EITHER,
        &["set /ip/hotspot/profile:hsprof1 radius-accounting=no"],
        ("hsprof1: radius-accounting=", "radius-accounting=yes"),
    )
    .warning()
    .mends(),
    case(
        C::AccountingOff,
        Office,
        &["6.49"],
        &["set /interface/wireless/security-profiles:staff radius-eap-accounting=no"],
        ("staff: radius-eap-accounting=", "radius-eap-accounting=yes"),
    )
    .warning()
    .mends(),
    case(
        C::AccountingOff,
        Office,
        NEW,
        &["set /interface/wifi/security:staff eap-accounting=no"],
        ("staff: eap-accounting=", "eap-accounting=yes"),
    )
    .warning()
    .mends(),
    case(
        C::InterimMissing,
        Provider,
        KINDS,
        &["set /ppp/aaa interim-update=0s"],
        ("interim-update=", "interim-update=5m"),
    )
    .warning()
    .mends(),
    case(
        C::InterimMissing,
        Hotel,
        EITHER,
        &["set /ip/hotspot/profile:hsprof1 radius-interim-update=received"],
        ("radius-interim-update=received", "radius-interim-update=5m"),
    )
    .warning()
    .mends(),
    case(
        C::InterimShort,
        Provider,
        KINDS,
        &["set /ppp/aaa interim-update=10s"],
        ("interim-update=10s", "interim-update=5m"),
    )
    .warning()
    .mends(),
    case(
        C::NotReadable,
        Provider,
        EITHER,
        &["as api,test"],
        ("/radius: ", "policies read"),
    )
    .warning(),
    case(
        C::WirelessAbsent,
        Provider,
        &["6.49"],
        &["set /radius:0 service=ppp,wireless", "without wireless"],
        ("none of /interface wireless", "package"),
    )
    .warning(),
];
