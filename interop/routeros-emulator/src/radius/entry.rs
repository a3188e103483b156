//! The rows of `/radius`: which server is asked for what.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::Record;

/// The port of `RadSec`, whatever the entry says.
pub(super) const RADSEC_PORT: u16 = 2083;
/// The secret inside `RadSec`, whatever the entry says.
pub(super) const RADSEC_SECRET: &str = "radsec";
/// How long an answer is waited for where the entry does not say.
const TIMEOUT: Duration = Duration::from_millis(300);
/// The same over `RadSec`.
const RADSEC_TIMEOUT: Duration = Duration::from_millis(3300);

/// What asks RADIUS, in the words of `service=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Service {
    /// Leases.
    Dhcp,
    /// 802.1X on wires.
    Dot1x,
    /// The captive portal.
    Hotspot,
    /// `IKEv2` and `XAuth`.
    Ipsec,
    /// Users of the router itself.
    Login,
    /// `PPPoE`, PPTP, L2TP, SSTP, OVPN.
    Ppp,
    /// Wi-Fi.
    Wireless,
}

impl Service {
    /// As `/radius` spells it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Dot1x => "dot1x",
            Self::Hotspot => "hotspot",
            Self::Ipsec => "ipsec",
            Self::Login => "login",
            Self::Ppp => "ppp",
            Self::Wireless => "wireless",
        }
    }
}

/// Which server an entry stands for, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The row's `.id`.
    pub(super) id: String,
    /// Where the server is.
    pub(super) address: IpAddr,
    /// What is shared with it; over `RadSec` always [`RADSEC_SECRET`].
    pub(super) secret: String,
    services: Vec<String>,
    called_id: String,
    domain: String,
    /// Sent as Mikrotik-Realm; empty for none.
    pub(super) realm: String,
    /// The address to send from.
    pub(super) source: Option<IpAddr>,
    authentication_port: u16,
    accounting_port: u16,
    /// How long each transmission waits.
    pub(super) timeout: Duration,
    accounting_backup: bool,
    /// Whether it is asked over TLS.
    pub(super) is_radsec: bool,
    /// The name of our certificate for `RadSec`.
    pub(super) certificate: Option<String>,
    /// Whether requests are signed and unsigned answers dropped.
    pub(super) signs: bool,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum About {
    /// A log-in.
    Access,
    /// A record.
    Accounting,
}

impl Entry {
    /// Reads a row. `None` where it is disabled or its address cannot be one.
    pub(super) fn of(row: &Record) -> Option<Self> {
        let text = |name: &str| row.text(name);
        if row.is("disabled") {
            return None;
        }
        let is_radsec = text("protocol") == "radsec";
        let address = address(text("address"))?;
        let timeout = if is_radsec {
            duration(text("radsec-timeout")).unwrap_or(RADSEC_TIMEOUT)
        } else {
            duration(text("timeout")).unwrap_or(TIMEOUT)
        };
        let port = |name: &str, usual: u16| text(name).parse().unwrap_or(usual);
        let named = |name: &str| !matches!(text(name), "" | "none");
        Some(Self {
            id: text(".id").to_owned(),
            address,
            secret: if is_radsec {
                RADSEC_SECRET
            } else {
                text("secret")
            }
            .to_owned(),
            services: row.list("service").into_iter().map(str::to_owned).collect(),
            called_id: text("called-id").to_owned(),
            domain: text("domain").to_owned(),
            realm: text("realm").to_owned(),
            source: self::address(text("src-address")),
            authentication_port: port("authentication-port", 1812),
            accounting_port: port("accounting-port", 1813),
            timeout,
            accounting_backup: row.is("accounting-backup"),
            is_radsec,
            certificate: named("certificate").then(|| text("certificate").to_owned()),
            signs: text("require-message-auth") == "yes-for-request-resp",
        })
    }

    /// Where a request goes.
    pub(super) fn server(&self, about: About) -> SocketAddr {
        let port = match (self.is_radsec, about) {
            (true, _) => RADSEC_PORT,
            (false, About::Access) => self.authentication_port,
            (false, About::Accounting) => self.accounting_port,
        };
        SocketAddr::new(self.address, port)
    }

    fn serves(&self, service: Service, called_id: &str, domain: &str) -> bool {
        self.services.iter().any(|name| name == service.name())
            && (self.called_id.is_empty() || self.called_id == called_id)
            && (self.domain.is_empty() || self.domain == domain)
    }
}

/// The entries to ask, in order. An entry that names a called-id or a domain is only for that; for
/// records, backups come last.
pub(super) fn candidates(
    entries: &[Entry],
    about: About,
    (service, called_id, domain): (Service, &str, &str),
) -> Vec<Entry> {
    let serving = entries
        .iter()
        .filter(|entry| entry.serves(service, called_id, domain));
    let mut found: Vec<Entry> = match about {
        About::Access => serving
            .filter(|it| !it.accounting_backup)
            .cloned()
            .collect(),
        About::Accounting => serving.cloned().collect(),
    };
    found.sort_by_key(|entry| entry.accounting_backup);
    found
}

/// The entry whose server sends from this address: its secret is that of CoA and Disconnect.
pub(super) fn from_server(entries: &[Entry], from: IpAddr) -> Option<&Entry> {
    entries.iter().find(|entry| entry.address == from)
}

/// An address without its VRF; `None` for the unspecified one.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let (address, _) = text.split_once('@').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    (!address.is_unspecified()).then_some(address)
}

/// A time as RouterOS writes it: `300ms`, `1m30s`, `1d02:03:04`, `00:05:00`, or plain seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut all = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        if after.starts_with(':') {
            return Some(all + clock(rest)?);
        }
        let number: u64 = number.parse().ok()?;
        let letters = after
            .find(|it: char| it.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(letters)?;
        all += match unit {
            "ms" => Duration::from_millis(number),
            "" | "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            "w" => Duration::from_secs(number.checked_mul(604_800)?),
            _ => return None,
        };
        rest = next;
    }
    Some(all)
}

fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let mut part = || parts.next().flatten();
    let (hours, minutes, seconds) = (part()?, part()?, part().unwrap_or(0));
    Some(Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// Whole seconds as RouterOS prints a time: `1h2m3s`.
pub(super) fn spell(seconds: u64) -> String {
    if seconds == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut left = seconds;
    for (unit, length) in [
        ("w", 604_800),
        ("d", 86_400),
        ("h", 3600),
        ("m", 60),
        ("s", 1),
    ] {
        if left >= length {
            text.extend([&*(left / length).to_string(), unit]);
            left %= length;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Record {
        let usual = [
            (".id", "*1"),
            ("address", "192.0.2.1"),
            ("secret", "s3cret"),
        ];
        let pairs = usual.iter().chain(pairs);
        pairs.copied().collect()
    }

    fn entry(pairs: &[(&str, &str)]) -> Entry {
        Entry::of(&row(pairs)).unwrap()
    }

    fn order(entries: &[Entry], about: About, called: &str, domain: &str) -> String {
        let found = candidates(entries, about, (Service::Ppp, called, domain));
        found.iter().map(|entry| &*entry.secret).collect()
    }

    #[test]
    fn the_first_that_matches_is_asked_first() {
        let entries = [
            entry(&[("service", "login"), ("secret", "a")]),
            entry(&[("service", "ppp,hotspot"), ("secret", "b")]),
            entry(&[("service", "ppp"), ("called-id", "isp"), ("secret", "c")]),
            entry(&[("service", "ppp"), ("domain", "corp"), ("secret", "d")]),
            entry(&[
                ("service", "ppp"),
                ("accounting-backup", "true"),
                ("secret", "e"),
            ]),
            entry(&[("service", "ppp"), ("secret", "f")]),
        ];
        assert_eq!(order(&entries, About::Access, "", ""), "bf");
        assert_eq!(order(&entries, About::Access, "isp", "corp"), "bcdf");
        assert_eq!(
            order(&entries, About::Accounting, "", ""),
            "bfe",
            "the backup is last"
        );
        assert!(Entry::of(&row(&[("disabled", "true")])).is_none());
    }

    #[test]
    fn radsec_forces_port_and_secret() {
        let entry = entry(&[
            ("protocol", "radsec"),
            ("authentication-port", "1645"),
            ("certificate", "router"),
        ]);
        assert_eq!(
            entry.server(About::Access),
            "192.0.2.1:2083".parse().unwrap()
        );
        assert_eq!(
            entry.server(About::Accounting),
            "192.0.2.1:2083".parse().unwrap()
        );
        assert_eq!(entry.secret, "radsec");
        assert_eq!(entry.timeout, Duration::from_millis(3300));
    }

    #[test]
    fn defaults_are_those_of_the_device() {
        let entry = entry(&[("service", "ppp"), ("src-address", "0.0.0.0")]);
        assert_eq!(entry.timeout, Duration::from_millis(300));
        assert_eq!(entry.server(About::Accounting).port(), 1813);
        assert_eq!(entry.source, None);
        assert!(!entry.signs, "before 7.15 there is no such property");
    }

    #[test]
    fn times_are_read_and_spelt() {
        let ms = |text| duration(text).map(|it| it.as_millis());
        assert_eq!(ms("300ms"), Some(300));
        assert_eq!(ms("3s300ms"), Some(3300));
        assert_eq!(ms("00:05:00"), Some(300_000));
        assert_eq!(ms("1d02:00:00"), Some(93_600_000));
        assert_eq!(ms("2"), Some(2000));
        assert_eq!(ms("1w1d"), Some(691_200_000));
        assert_eq!(ms("x"), None);
        assert_eq!(ms("received"), None);
        assert_eq!(spell(93_784), "1d2h3m4s");
        assert_eq!(spell(0), "0s");
    }
}
