//! The names and addresses that a certificate speaks for, and which of them a CA may sign.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The most addresses of this machine that go into a certificate; a host of many containers has
/// more, which nobody asks for.
const MOST_ADDRESSES: usize = 48;

/// What the server is called where this machine is not called anything.
const HOME: &str = "radius.home.arpa";

/// DNS names, in lower case, and addresses; for people also e-mail addresses and user names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    #[serde(default)]
    pub(crate) dns: BTreeSet<String>,
    #[serde(default)]
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// As `rfc822Name` (RFC 5280, 4.2.1.6).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) emails: BTreeSet<String>,
    /// User principal names, which Windows looks for: an `otherName`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) upns: BTreeSet<String>,
}

impl Names {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.dns.len() + self.addresses.len() + self.emails.len() + self.upns.len()
    }

    /// These and those.
    pub(crate) fn with(mut self, more: &Self) -> Self {
        self.dns.extend(more.dns.iter().cloned());
        self.addresses.extend(&more.addresses);
        self.emails.extend(more.emails.iter().cloned());
        self.upns.extend(more.upns.iter().cloned());
        self
    }

    pub(crate) fn covers(&self, others: &Self) -> bool {
        self.dns.is_superset(&others.dns)
            && self.addresses.is_superset(&others.addresses)
            && self.emails.is_superset(&others.emails)
            && self.upns.is_superset(&others.upns)
    }

    /// What a certificate calls a user: always as user principal name, and as e-mail address where
    /// it reads like one.
    pub(crate) fn of_user(name: &str) -> Self {
        Self {
            emails: is_email(name)
                .then(|| name.to_owned())
                .into_iter()
                .collect(),
            upns: [name.to_owned()].into(),
            ..Self::default()
        }
    }

    /// The name that devices are told to look for in the server's certificate: what this machine
    /// is called where that has a dot, as Android wants it; else one made of it below `home.arpa`,
    /// which is for networks like these (RFC 8375). It need not be known to DNS. `None` where the
    /// CA may sign no such name.
    pub(crate) fn server_name(&self, constraints: &Constraints) -> Option<String> {
        let hosts = || {
            self.dns
                .iter()
                .filter(|name| !name.starts_with("localhost"))
        };
        let full = hosts().filter(|name| name.contains('.')).cloned();
        let made = hosts().map(|host| match host.split('.').next() {
            None | Some("radius") => HOME.to_owned(),
            Some(host) => format!("radius.{host}.home.arpa"),
        });
        let below = constraints
            .permitted
            .iter()
            .filter_map(|permit| match permit {
                Permit::Dns(base) => Some(format!("radius.{}", base.trim_start_matches('.'))),
                Permit::Address(_) => None,
            });
        let all = full.chain(made).chain([HOME.to_owned()]).chain(below);
        let mut good = all.filter(|name| dns_name(name).is_some() && constraints.allow_dns(name));
        good.next()
    }

    /// Those that a CA may sign.
    pub(crate) fn within(mut self, constraints: &Constraints) -> Self {
        self.dns.retain(|name| constraints.allow_dns(name));
        self.addresses
            .retain(|address| constraints.allow_address(*address));
        self
    }

    /// Names first, in words.
    pub(crate) fn words(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(IpAddr::to_string);
        let dns = self.dns.iter().cloned().chain(addresses);
        let emails = self.emails.iter().map(|email| format!("email:{email}"));
        let upns = self.upns.iter().map(|upn| format!("upn:{upn}"));
        dns.chain(emails).chain(upns).collect()
    }

    /// What this machine is called and where it can be reached.
    ///
    /// Left out are addresses that others cannot ask for, or not for long: those that are good on
    /// one link only, and the temporary ones of IPv6, which would ask for a new certificate daily.
    pub(crate) fn of_this_machine() -> Self {
        let mut names = Self::default();
        let host = fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| fs::read_to_string("/etc/hostname"))
            .unwrap_or_default();
        names.dns.extend(dns_name(host.trim()));
        names.dns.insert("localhost".to_owned());
        let temporary = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        let temporary = temporary_addresses(&temporary);
        let mut addresses: BTreeSet<IpAddr> = if_addrs::get_if_addrs()
            .unwrap_or_default()
            .iter()
            .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
            .map(|interface| interface.ip().to_canonical())
            .filter(|address| !temporary.contains(address) && !address.is_unspecified())
            .collect();
        while addresses.len() > MOST_ADDRESSES {
            addresses.pop_last();
        }
        names.addresses = addresses;
        names.addresses.extend([
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ]);
        names
    }
}

/// The addresses marked as temporary (flag 1) in Linux' list: address, index, prefix length, scope,
/// flags, device.
fn temporary_addresses(list: &str) -> BTreeSet<IpAddr> {
    list.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let address = u128::from_str_radix(fields.next()?, 16).ok()?;
            let flags = u32::from_str_radix(fields.nth(3)?, 16).ok()?;
            (flags & 1 != 0).then_some(IpAddr::from(Ipv6Addr::from(address)))
        })
        .collect()
}

/// A DNS name as certificates have it: letters, digits and hyphens, in lower case, and no address.
pub(crate) fn dns_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or("");
    let numeric = last.bytes().all(|octet| octet.is_ascii_digit());
    (text.len() <= 253 && !numeric && text.split('.').all(good)).then(|| text.to_ascii_lowercase())
}

/// Whether a user's name is also an e-mail address, of the plain kind that certificates have room
/// for: ASCII, one `@`, and a host with a dot behind it.
fn is_email(name: &str) -> bool {
    let Some((local, host)) = name.split_once('@') else {
        return false;
    };
    let good =
        |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet);
    (1..=64).contains(&local.len())
        && local.bytes().all(good)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && host.contains('.')
        && !host.ends_with('.')
        && dns_name(host).is_some()
}

/// One thing that a CA may sign: `dns:NAME` or `ip:PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    Dns(String),
    Address(IpNet),
}

/// What is not of the form of [`Permit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form dns:example.org or ip:192.0.2.0/24")]
pub(crate) struct BadPermit;

impl FromStr for Permit {
    type Err = BadPermit;

    fn from_str(text: &str) -> Result<Self, BadPermit> {
        let (kind, value) = text.split_once(':').ok_or(BadPermit)?;
        match kind {
            "dns" => dns_name(value).map(Self::Dns).ok_or(BadPermit),
            "ip" => {
                let prefix = match value.parse::<IpAddr>() {
                    Ok(address) => IpNet::from(address),
                    Err(_) => value.parse().map_err(|_| BadPermit)?,
                };
                Ok(Self::Address(prefix.trunc()))
            }
            _ => Err(BadPermit),
        }
    }
}

/// What a CA may sign (RFC 5280, 4.2.1.10). A kind of name that nothing is said of is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Constraints {
    pub(crate) permitted: Vec<Permit>,
    pub(crate) excluded: Vec<Permit>,
}

impl Constraints {
    pub(crate) fn allow_dns(&self, name: &str) -> bool {
        let within = |permit: &Permit| match permit {
            Permit::Dns(base) => Some(is_below(name, base)),
            Permit::Address(_) => None,
        };
        self.allow(within)
    }

    pub(crate) fn allow_address(&self, address: IpAddr) -> bool {
        let within = |permit: &Permit| match permit {
            Permit::Dns(_) => None,
            Permit::Address(prefix) => Some(prefix.contains(&address)),
        };
        self.allow(within)
    }

    fn allow(&self, within: impl Fn(&Permit) -> Option<bool>) -> bool {
        let mut permitted = self.permitted.iter().filter_map(&within).peekable();
        let free = permitted.peek().is_none();
        let excluded = self.excluded.iter().filter_map(&within).any(|hit| hit);
        (free || permitted.any(|hit| hit)) && !excluded
    }

    /// Whether it may sign some DNS names and not others.
    pub(crate) fn limits_dns(&self) -> bool {
        let dns = |permit: &Permit| matches!(permit, Permit::Dns(_));
        self.permitted.iter().chain(&self.excluded).any(dns)
    }

    /// In words, one for each limit.
    pub(crate) fn words(&self) -> Vec<String> {
        let shown = |permit: &Permit| match permit {
            Permit::Dns(name) => format!("dns:{name}"),
            Permit::Address(prefix) => format!("ip:{prefix}"),
        };
        let excluded = self
            .excluded
            .iter()
            .map(|permit| format!("not {}", shown(permit)));
        self.permitted.iter().map(shown).chain(excluded).collect()
    }
}

fn is_below(name: &str, base: &str) -> bool {
    let base = base.to_ascii_lowercase();
    match name.strip_suffix(base.as_str()) {
        Some("") => true,
        Some(rest) => base.is_empty() || base.starts_with('.') || rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_dns_name() {
        assert_eq!(
            dns_name("AP-1.Example.org."),
            Some("ap-1.example.org".into())
        );
        assert_eq!(dns_name("router"), Some("router".into()));
        let long = "a".repeat(64);
        for text in [
            "",
            "192.0.2.1",
            "a b",
            "a..b",
            "-a",
            "a-",
            "*.a.b",
            "a_b",
            "12",
            &long,
        ] {
            assert_eq!(dns_name(text), None, "{text}");
        }
    }

    #[test]
    fn devices_are_told_a_name_with_a_dot_that_the_ca_may_sign() {
        let chosen = |host: &[&str], permits: &[&str]| {
            let names = Names {
                dns: host.iter().map(ToString::to_string).collect(),
                ..Names::default()
            };
            let constraints = Constraints {
                permitted: permits
                    .iter()
                    .map(|permit| permit.parse().unwrap())
                    .collect(),
                excluded: Vec::new(),
            };
            names.server_name(&constraints).unwrap_or_default()
        };
        assert_eq!(
            chosen(&["localhost", "aaa.example.org"], &[]),
            "aaa.example.org"
        );
        assert_eq!(chosen(&["localhost", "gate"], &[]), "radius.gate.home.arpa");
        assert_eq!(chosen(&["localhost", "radius"], &[]), "radius.home.arpa");
        assert_eq!(chosen(&["localhost"], &[]), "radius.home.arpa");
        assert_eq!(chosen(&["localhost.localdomain"], &[]), "radius.home.arpa");
        let permit = ["dns:example.org"];
        assert_eq!(chosen(&["gate"], &permit), "radius.example.org");
        assert_eq!(chosen(&["gate.example.org"], &permit), "gate.example.org");
        assert_eq!(
            chosen(&["gate"], &["ip:192.0.2.0/24"]),
            "radius.gate.home.arpa"
        );
        let none = Constraints {
            permitted: Vec::new(),
            excluded: vec![Permit::Dns(String::new())],
        };
        assert_eq!(Names::default().server_name(&none), None);
    }

    #[test]
    fn a_user_is_called_by_principal_name_and_by_address_where_it_is_one() {
        for (name, email) in [
            ("tim@example.org", true),
            ("t.o'neil+wifi@mail.example.org", true),
            ("tim", false),
            ("tim@localhost", false),
            ("tim@exa mple.org", false),
            ("a@b@example.org", false),
            (".tim@example.org", false),
            ("tím@example.org", false),
            ("@example.org", false),
        ] {
            let names = Names::of_user(name);
            assert_eq!(names.upns, [name.to_owned()].into());
            assert_eq!(names.emails.contains(name), email, "{name}");
            assert_eq!(names.len(), 1 + usize::from(email));
        }
    }

    #[test]
    fn constraints_hold_for_the_kind_they_name() {
        let constraints = Constraints {
            permitted: vec!["dns:example.org".parse().unwrap()],
            excluded: vec!["ip:192.0.2.0/24".parse().unwrap()],
        };
        assert!(constraints.allow_dns("example.org"));
        assert!(constraints.allow_dns("a.example.org"));
        assert!(!constraints.allow_dns("badexample.org"));
        assert!(!constraints.allow_dns("example.com"));
        assert!(constraints.allow_address("198.51.100.1".parse().unwrap()));
        assert!(!constraints.allow_address("192.0.2.7".parse().unwrap()));
        assert!(!is_below("example.org", ".example.org"));
        assert_eq!("dns:".parse::<Permit>(), Err(BadPermit));
        assert_eq!("192.0.2.0/24".parse::<Permit>(), Err(BadPermit));
    }

    #[test]
    fn temporary_addresses_are_told_from_lasting_ones() {
        let list = "20010db8000000000000000000000001 02 40 00 80     eth0\n\
                    20010db8000000000000000000000002 02 40 00 01     eth0\nodd\n";
        let temporary = temporary_addresses(list);
        assert_eq!(temporary, ["2001:db8::2".parse().unwrap()].into());
    }

    #[test]
    fn this_machine_can_reach_itself() {
        let names = Names::of_this_machine();
        assert!(names.dns.contains("localhost"));
        assert!(names.addresses.contains(&IpAddr::from(Ipv4Addr::LOCALHOST)));
        assert!(names.covers(&names.clone()));
    }
}
