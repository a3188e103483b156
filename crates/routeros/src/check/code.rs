//! The closed list of what can be found.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident = $label:literal, $doc:literal;)*) => {
        /// A known trouble. Its label is stable: scripts may rely on it. What each means, how it
        /// is seen and what to do stands in `docs/reference/router-findings.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $doc] $name,)*
        }

        impl Code {
            /// All of them, in the order in which they are told.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name, such as `wrong-secret`.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $doc,)*
                }
            }
        }
    };
}

codes! {
    NoEntry = "no-entry",
        "The router has no `/radius` entry that leads to this server.";
    ServerUnreachable = "server-unreachable",
        "The router asks and hears nothing: its requests, or the answers, are lost on the way.";
    NasNotRegistered = "nas-not-registered",
        "The router's requests arrive, but from an address that no NAS entry of ours has.";
    WrongSecret = "wrong-secret",
        "The shared secret of the two sides is not the same.";
    WrongSource = "wrong-source-address",
        "The router sends from another address than the one registered.";
    AddressTranslated = "address-translated",
        "Something between the two sides translates addresses (NAT).";
    WrongPort = "wrong-port",
        "The router sends to a port where this server does not listen.";
    TimeoutShort = "timeout-too-short",
        "The router gives up before the answer can be there.";
    BadReplies = "bad-replies",
        "The router throws answers away, and neither secret nor signature explains it.";
    EntryDisabled = "entry-disabled",
        "The `/radius` entry that leads here is disabled.";
    DuplicateEntry = "duplicate-entry",
        "Several `/radius` entries do the same thing; a stale one is asked first or instead.";
    WrongOrder = "wrong-order",
        "Another server's `/radius` entry stands before ours for the same service.";
    ServiceOff = "service-not-enabled",
        "A service is in `/radius`, but its own menu does not use RADIUS.";
    ServiceUnlisted = "service-not-listed",
        "A service's own menu uses RADIUS, but no `/radius` entry lists it.";
    LocalUser = "local-user-masks",
        "A user of the router's own database hides the RADIUS user of the same name.";
    AccountingOff = "accounting-off",
        "A service does not report sessions.";
    AccountingLost = "accounting-missing",
        "Log-ins arrive, and no accounting of them.";
    InterimMissing = "interim-missing",
        "Sessions report only their start and end.";
    InterimShort = "interim-too-short",
        "Sessions report so often that it is a burden.";
    IncomingClosed = "incoming-closed",
        "The router does not take CoA and Disconnect.";
    IncomingPort = "incoming-wrong-port",
        "The router takes CoA on another port than the one we send to.";
    IncomingSource = "incoming-wrong-source",
        "We send CoA from an address that is in no `/radius` entry.";
    IncomingFirewall = "incoming-blocked",
        "The router's firewall drops our CoA.";
    IncomingBad = "incoming-bad-requests",
        "The router calls our CoA requests bad.";
    MessageAuthOff = "message-authenticator-off",
        "The router takes answers that nobody signed (CVE-2024-3596).";
    MessageAuthMismatch = "message-authenticator-mismatch",
        "One side demands Message-Authenticator and the other does not send it.";
    RadsecName = "radsec-certificate-name",
        "Our RadSec certificate does not name the address the router connects to.";
    RadsecTime = "radsec-certificate-time",
        "A RadSec certificate is not valid now, or not much longer.";
    RadsecTrust = "radsec-certificate-untrusted",
        "The router does not have the CA of our RadSec certificate, or does not trust it.";
    RadsecClient = "radsec-client-certificate",
        "The router has no client certificate for RadSec that can be used.";
    RadsecSecret = "radsec-secret",
        "RadSec with another secret than `radsec`.";
    RadsecPort = "radsec-port",
        "RouterOS uses TCP port 2083 for RadSec, and we do not listen there.";
    ClockSkew = "clock-skew",
        "The clocks of the two sides differ.";
    NoTimeSource = "no-ntp",
        "The router's clock follows no time server.";
    OurClock = "server-clock",
        "This server's own clock is not synchronised.";
    Fasttrack = "fasttrack-defeats-queues",
        "Traffic on the fast track passes by the queues that hold rate limits.";
    OctetsSwapped = "octets-swapped",
        "Upload and download are counted the wrong way round.";
    Vulnerable = "vulnerable-version",
        "This RouterOS version has known vulnerabilities.";
    BrokenPassword = "broken-user-password",
        "RouterOS 6.45 and 6.45.1 encode User-Password wrongly.";
    DeviceMode = "device-mode-blocks",
        "The router's device-mode forbids something that is needed.";
    ChapHashed = "chap-with-hashed-passwords",
        "The hotspot uses CHAP, and passwords are kept only as hashes.";
    MacFormat = "mac-format-mismatch",
        "The router writes MAC addresses in another form than the devices are kept in.";
    GroupMissing = "group-missing",
        "Router log-ins are accepted without a group that the router has.";
    PskBesideEap = "psk-beside-eap",
        "One SSID takes a passphrase beside EAP, which goes past RADIUS.";
    WirelessAbsent = "wireless-absent",
        "`/radius` lists `wireless`, but the router has no wireless menus.";
    ClearText = "clear-text-service",
        "Passwords for the router itself can cross the network readable.";
    NotReadable = "not-readable",
        "Some menus could not be read, so that checks are missing.";
    ServiceExposed = "service-exposed",
        "A management service can be reached from anywhere.";
    NoInputFirewall = "no-input-firewall",
        "Nothing in the firewall protects the router itself.";
    TlsAnonymous = "tls-without-certificate",
        "A TLS service has no certificate: anybody can stand in between.";
    OldTls = "old-tls",
        "A TLS service takes TLS versions before 1.2.";
    DefaultUser = "default-user",
        "The user `admin` is there, with full rights.";
    UserAnywhere = "user-from-anywhere",
        "A user with full rights may log in from any address.";
    WeakSecret = "weak-secret",
        "A secret is short, a known default, or the same as its name.";
    SnmpPublic = "snmp-public",
        "SNMP answers to a community everybody knows, or may be written.";
    Romon = "romon-open",
        "The router management overlay is on.";
    MacServer = "mac-server-open",
        "Log-ins without IP are taken on every interface.";
    BandwidthServer = "bandwidth-server",
        "The bandwidth test server is on.";
    OpenResolver = "open-resolver",
        "The router answers DNS questions of anybody.";
    OpenProxy = "open-proxy",
        "The web or SOCKS proxy is on.";
    Upnp = "upnp-on",
        "Devices inside may open ports to the outside.";
    Discovery = "discovery-open",
        "Neighbour discovery tells version and name on every interface.";
    SshWeak = "ssh-weak-crypto",
        "SSH permits weak ciphers, or passwords to users with keys.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}
