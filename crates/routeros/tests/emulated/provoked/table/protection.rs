//! Message-Authenticator and `RadSec`.

use std::time::{Duration, SystemTime};

use portreeve_routeros::{Secret, check::Code as C};

use super::{Case, EITHER, NEW, case};
use crate::provoked::sites::Site::{Branch, Provider};
use crate::provoked::sites::certificate;

pub(super) const ALL: &[Case] = &[
    case(
        C::MessageAuthOff,
        Provider,
        &["7.15", "7.18", "7.24"],
        &["set /radius:0 require-message-auth=no"],
        ("require-message-auth=no", "yes-for-request-resp"),
    )
    .warning()
    .mends(),
    case(
        C::MessageAuthMismatch,
        Provider,
        &["7.15", "7.18", "7.24"],
        &[
            "server unsigned",
            "set /radius:0 timeout=100ms",
            "dial 1 anna pap",
        ],
        (
            "require-message-auth=yes-for-request-resp",
            "into every answer",
        ),
    ),
    case(
        C::MessageAuthMismatch,
        Provider,
        &["6.49", "7.12"],
        &[
            "server demanding",
            "set /radius:0 timeout=100ms",
            "dial 1 anna pap",
        ],
        ("requests from 127.0.0.1 thrown away", "7.15"),
    ),
    case(
        C::RadsecName,
        Branch,
        EITHER,
        &["set /radius:0 address=127.0.0.2"],
        ("it names aaa.example, 127.0.0.1", "names 127.0.0.2"),
    )
    .ours(|ours| {
        ours.addresses
            .push(std::net::Ipv4Addr::new(127, 0, 0, 2).into());
    }),
    // The router's clock stands before the certificate was made.
    case(
        C::RadsecTime,
        Branch,
        EITHER,
        &["clock -604800"],
        ("our RadSec certificate is not valid yet", "clock"),
    )
    .also(&[C::ClockSkew]),
    case(
        C::RadsecTime,
        Branch,
        EITHER,
        &["set /radius:0 certificate=late"],
        ("\"late\" has expired", "router enrol"),
    ),
    case(
        C::RadsecTime,
        Branch,
        NEW,
        &[],
        ("expires soon", "cert renew"),
    )
    .warning()
    .ours(|ours| certificate(ours).not_after = SystemTime::now() + Duration::from_hours(99)),
    case(
        C::RadsecTrust,
        Branch,
        EITHER,
        &["set /certificate:portreeve-ca trusted=no"],
        ("has trusted=no", "trusted=yes"),
    )
    .mends(),
    case(
        C::RadsecTrust,
        Branch,
        NEW,
        &[],
        ("is issued by \"Other CA\"", "router enrol"),
    )
    .ours(|ours| {
        "Other CA".clone_into(&mut certificate(ours).issuer);
        certificate(ours).issuer_fingerprint = Some("00".repeat(32));
    }),
    case(
        C::RadsecClient,
        Branch,
        EITHER,
        &["set /radius:0 certificate=none"],
        ("no client certificate", "router enrol"),
    ),
    case(
        C::RadsecClient,
        Branch,
        NEW,
        &["set /radius:0 certificate=portreeve-ca"],
        ("no private key", "router enrol"),
    ),
    case(
        C::RadsecSecret,
        Branch,
        NEW,
        &[],
        ("127.0.0.1, ppp", "RFC 6614"),
    )
    .ours(|ours| ours.radsec_secret = Some(Secret::new("another"))),
    case(C::RadsecPort, Branch, NEW, &[], ("[2084]", "port 2083"))
        .ours(|ours| ours.radsec_ports = vec![2084]),
];
