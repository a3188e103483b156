//! Every finding: how it is provoked, where, and what is to be said of it.

use std::time::{Duration, SystemTime};

use portreeve_routeros::{
    Secret,
    check::{Code, OurSide, Severity},
};

use super::sites::{Site, certificate};

/// One way to provoke a finding.
pub(crate) struct Case {
    pub(crate) code: Code,
    pub(crate) site: Site,
    pub(crate) versions: &'static [&'static str],
    /// What is done on the router, around it, and by the server.
    pub(crate) steps: &'static [&'static str],
    /// What this server alone knows.
    pub(crate) ours: fn(&mut OurSide),
    pub(crate) severity: Severity,
    /// What the evidence, or the sentence itself, must hold.
    pub(crate) seen: &'static str,
    pub(crate) fix: &'static str,
    /// Whether commands are offered that mend it.
    pub(crate) mends: bool,
    /// What follows of the same steps and cannot be told apart from them.
    pub(crate) also: &'static [Code],
}

/// One of each kind: RouterOS 6, one over REST, and the newest.
const KINDS: &[&str] = &["6.49", "7.18", "7.24"];
const NEW: &[&str] = &["7.24"];
const EITHER: &[&str] = &["6.49", "7.24"];

const fn case(
    code: Code,
    site: Site,
    versions: &'static [&'static str],
    steps: &'static [&'static str],
    (seen, fix): (&'static str, &'static str),
) -> Case {
    Case {
        code,
        site,
        versions,
        steps,
        ours: |_| (),
        severity: Severity::Error,
        seen,
        fix,
        mends: false,
        also: &[],
    }
}

impl Case {
    const fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    const fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    const fn mends(mut self) -> Self {
        self.mends = true;
        self
    }

    const fn ours(mut self, ours: fn(&mut OurSide)) -> Self {
        self.ours = ours;
        self
    }

    const fn also(mut self, also: &'static [Code]) -> Self {
        self.also = also;
        self
    }
}

/// What cannot be provoked on an emulated router, and why. The pure tests provoke it.
pub(crate) const NOT_HERE: &[(Code, &str)] = &[(
    C::WirelessAbsent,
    "every router here has some wireless menu; on RouterOS 6 they go with the package",
)];

use Code as C;
use Site::{Branch, Hardened, Hotel, Office, Old, Provider};

/// Whether requests arrive and answers come back.
const PATH: &[Case] = &[
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
        ("4 log-in requests seen, 4 accepted", "not this one"),
    )
    .warning(),
];

/// Whether services ask, and whom.
const SERVICES: &[Case] = &[
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
];

/// CoA and Disconnect.
const INCOMING: &[Case] = &[
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
        ours.dynamic.source = Some(super::US);
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

/// Message-Authenticator and `RadSec`.
const PROTECTION: &[Case] = &[
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
            .push(std::net::Ipv4Addr::new(127, 0, 0, 2).into())
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
        certificate(ours).issuer = "Other CA".to_owned();
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

/// Clocks, traffic, versions, and how people prove themselves.
const OTHERS: &[Case] = &[
    case(
        C::ClockSkew,
        Provider,
        KINDS,
        &["clock -7200"],
        ("behind ours", "ntp client"),
    ),
    case(
        C::ClockSkew,
        Provider,
        NEW,
        &["clock 300"],
        ("ahead of ours", "ntp client"),
    )
    .warning(),
    case(
        C::NoTimeSource,
        Provider,
        KINDS,
        &[
            "set /system/ntp/client enabled=no",
            "set /ip/cloud update-time=no",
        ],
        (
            "is not enabled, nor /ip cloud update-time",
            "ntp client set enabled=yes",
        ),
    )
    .warning(),
    case(
        C::OurClock,
        Provider,
        NEW,
        &[],
        ("own clock follows no time server", "chrony"),
    )
    .warning()
    .ours(|ours| ours.clock_synchronised = Some(false)),
    case(
        C::Fasttrack,
        Provider,
        KINDS,
        &[
            "server rationing",
            "add /ip/firewall/filter chain=forward action=fasttrack-connection \
           connection-state=established,related",
            "dial 1 anna pap",
            "traffic 1000000 9000000",
        ],
        ("10000 packets went this way", "disable the rule"),
    )
    .warning(),
    case(
        C::OctetsSwapped,
        Provider,
        KINDS,
        &[
            "server rationing",
            "swap",
            "dial 1 anna pap",
            "traffic 1000000 9000000",
        ],
        (
            "we hold 9000000 up and 1000000 down; its queue counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::OctetsSwapped,
        Provider,
        EITHER,
        &["swap", "dial 1 anna pap", "traffic 1000000 9000000"],
        (
            "its interface counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::OctetsSwapped,
        Hotel,
        EITHER,
        &["swap", "guest anna", "traffic 1000000 9000000"],
        (
            "/ip hotspot active counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::Vulnerable,
        Old,
        &["6.42", "7.18", "7.20"],
        &[],
        ("the service www is on", "update to"),
    ),
    case(
        C::BrokenPassword,
        Old,
        &["6.45"],
        &[],
        ("the router runs 6.45.1", "6.45.2"),
    )
    .also(&[C::Vulnerable]),
    case(
        C::DeviceMode,
        Hotel,
        &["7.18", "7.24"],
        &["mode hotspot=no"],
        ("hotspot=no", "device-mode update hotspot=yes"),
    ),
    case(
        C::ChapHashed,
        Hotel,
        KINDS,
        &["server hashing", "guest anna"],
        ("1 CHAP log-ins refused", "https"),
    )
    .ours(|ours| ours.hashed_users = 12),
    case(
        C::MacFormat,
        Hotel,
        KINDS,
        &["server choosy", "guest mac"],
        ("\"00:E1:0C:38:C8:F8\" was refused as unknown", "device add"),
    )
    .ours(|ours| ours.mac_users = vec!["00-e1-0c-38-c8-f8".to_owned()]),
    case(
        C::GroupMissing,
        Hotel,
        KINDS,
        &["set /user/group:staff name=others"],
        ("the group \"staff\", which it lacks", "Mikrotik-Group"),
    ),
    case(
        C::PskBesideEap,
        Office,
        &["6.49"],
        &["set /interface/wireless/security-profiles:staff authentication-types=wpa2-psk,wpa2-eap"],
        ("staff: wpa2-psk,wpa2-eap", "only the EAP types"),
    )
    .warning(),
    case(
        C::PskBesideEap,
        Office,
        &["6.49"],
        &[
            "add /interface/wireless/security-profiles name=key mode=dynamic-keys \
           authentication-types=wpa2-psk wpa2-pre-shared-key=long-enough",
            "set /interface/wireless:wlan2 ssid=office security-profile=key",
        ],
        ("wlan1 has EAP, wlan2 a passphrase", "only the EAP types"),
    )
    .warning(),
    case(
        C::PskBesideEap,
        Office,
        NEW,
        &["set /interface/wifi/security:staff authentication-types=wpa2-psk,wpa2-eap"],
        ("staff: wpa2-psk,wpa2-eap", "only the EAP types"),
    )
    .warning(),
    case(
        C::ClearText,
        Provider,
        KINDS,
        &[
            "add /ip/firewall/filter chain=input action=accept protocol=tcp dst-port=$of-telnet \
           place-before=0",
        ],
        ("/ip service telnet: port", "disabled=yes"),
    )
    .warning(),
];

/// How open the router is to strangers.
const HARDENING: &[Case] = &[
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

/// All of them.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    let all = [PATH, SERVICES, INCOMING, PROTECTION, OTHERS, HARDENING];
    all.into_iter().flatten()
}
