//! Whether requests arrive and answers come back.

use portreeve_routeros::check::Code as C;

use super::{Case, KINDS, NEW, case};
use crate::provoked::sites::Site::Provider;

pub(super) const ALL: &[Case] = &[
    case(
        C::NoEntry,
        Provider,
        KINDS,
        &["set /radius:0 address=192.0.2.9"],
        ("192.0.2.9, ppp", "router enrol"),
    ),
    case(
        C::EntryDisabled,
        Provider,
        KINDS,
        &["set /radius:0 disabled=yes"],
        ("127.0.0.1, ppp", "enable"),
    )
    .mends(),
    case(
        C::ServerUnreachable,
        Provider,
        KINDS,
        &[
            "server silent",
            "set /radius:0 timeout=100ms",
            "dial 1 anna pap",
        ],
        (
            "1 requests, 1 timeouts, no answer",
            "firewall or a missing route",
        ),
    ),
    case(
        C::NasNotRegistered,
        Provider,
        KINDS,
        &[
            "server strange",
            "set /radius:0 timeout=100ms",
            "dial 1 anna pap",
        ],
        (
            "requests from 127.0.0.1 thrown away (unknown_peer)",
            "nas add",
        ),
    )
    .ours(|ours| ours.nas.clear())
    .also(&[C::IncomingPort]),
    case(
        C::WrongSecret,
        Provider,
        KINDS,
        &[
            "set /radius:0 secret=another timeout=100ms",
            "dial 1 anna pap",
        ],
        ("its secret differs", "rotate both"),
    )
    .mends(),
    // Signed, it is the signature that is wrong; before 7.15 the password.
    case(
        C::WrongSecret,
        Provider,
        NEW,
        &[
            "set /radius:0 secret=another timeout=100ms",
            "dial 1 anna pap",
        ],
        (
            "requests whose Message-Authenticator does not verify from 127.0.0.1",
            "rotate",
        ),
    )
    .mends(),
    case(
        C::WrongSecret,
        Provider,
        &["6.49", "7.12"],
        &[
            "set /radius:0 secret=another timeout=100ms",
            "dial 1 anna pap",
        ],
        ("passwords (PAP) were unreadable", "rotate"),
    )
    .mends(),
    // Whoever may not see the secret knows it by its symptoms.
    case(
        C::WrongSecret,
        Provider,
        &["6.49"],
        &[
            "set /radius:0 secret=another timeout=100ms",
            "dial 2 anna chap",
            "as read,test,api,winbox",
        ],
        ("bad replies and no good one", "rotate"),
    ),
    case(
        C::WrongSource,
        Provider,
        KINDS,
        &["set /radius:0 src-address=192.0.2.8"],
        ("/ip address has 127.0.0.1", "src-address"),
    )
    .mends(),
    case(
        C::AddressTranslated,
        Provider,
        KINDS,
        &["relay", "dial 1 anna pap"],
        ("NAS-IP-Address 127.0.0.1", "translated address"),
    )
    .warning(),
    case(
        C::WrongPort,
        Provider,
        KINDS,
        &["set /radius:0 accounting-port=1646"],
        ("this server listens on UDP port", "accounting-port="),
    )
    .mends(),
    case(
        C::TimeoutShort,
        Provider,
        KINDS,
        &[
            "server slow",
            "set /radius:0 timeout=100ms",
            "dial 1 anna pap",
        ],
        ("resends, 0 timeouts of", "timeout=2s"),
    )
    .mends(),
    case(
        C::BadReplies,
        Provider,
        KINDS,
        &["server spoiling", "dial 6 anna pap"],
        ("bad replies of", "reset-counters"),
    )
    .warning(),
    case(
        C::AccountingLost,
        Provider,
        KINDS,
        &[
            "server deaf",
            "set /radius:0 timeout=100ms",
            "dial 4 anna pap",
        ],
        ("4 log-in requests seen, ", "not this one"),
    )
    .warning(),
];
