use std::{fmt, net::IpAddr, str::FromStr};

use super::{
    Certificate, TlsError,
    certificate::{Name, hexadecimal},
};

/// What a peer's certificate, or its pre-shared key, is recognised by.
///
/// Written as `any`, `dns:nas1.example`, `ip:192.0.2.1`, `source`, `sha256:AA:BB..`,
/// `serial:0A1B@O=Example, CN=Our CA`, `policy:1.3.6.1.4.1.99999.1` or `psk:nas1`. The common name
/// is never looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Any certificate that the peer's [`Trust`](super::Trust) vouches for: for a CA that issues
    /// to this peer, or group of peers, alone.
    Any,
    /// A DNS name in the subjectAltName, in lower case. A certificate's `*.example` is good for
    /// `nas1.example`; a mark `*.example` recognises every name with one more label.
    Dns(String),
    /// An IP address in the subjectAltName.
    Ip(IpAddr),
    /// The address it connects from is in the subjectAltName, and among the peer's sources.
    Source,
    /// The SHA-256 hash of the certificate itself.
    Sha256([u8; 32]),
    /// The issuer's name and the serial number: one certificate (radiusdtls-bis, "Connecting
    /// Client Identity").
    IssuerSerial {
        /// As [`Certificate::issuer`] writes it.
        issuer: String,
        /// As [`Certificate::serial`] writes it.
        serial: String,
    },
    /// A certificate policy, as an object identifier.
    Policy(String),
    /// The identity of a pre-shared key.
    Psk(String),
}

impl Mark {
    /// Whether a certificate that is shown from an address bears this mark. Says nothing about who
    /// vouches for the certificate.
    pub(super) fn is_on(&self, certificate: &Certificate, from: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Dns(wanted) => any_name(certificate, |name| match name {
                Name::Dns(presented) => names_match(presented, wanted),
                _ => false,
            }),
            Self::Ip(wanted) => holds_address(certificate, *wanted),
            Self::Source => holds_address(certificate, from),
            Self::Sha256(wanted) => certificate.sha256() == *wanted,
            Self::IssuerSerial { issuer, serial } => {
                certificate.issuer() == issuer && certificate.serial() == serial
            }
            Self::Policy(wanted) => certificate.policies().contains(wanted),
            Self::Psk(_) => false,
        }
    }

    /// How little it leaves open; of several peers with a mark on a certificate, the one with the
    /// narrowest is meant.
    pub(super) fn narrowness(&self) -> u8 {
        match self {
            Self::Any => 0,
            Self::Policy(_) => 1,
            Self::Dns(name) if name.starts_with("*.") => 2,
            Self::Dns(_) | Self::Ip(_) | Self::Source => 3,
            Self::IssuerSerial { .. } => 4,
            Self::Sha256(_) | Self::Psk(_) => 5,
        }
    }
}

fn any_name(certificate: &Certificate, is_it: impl Fn(&Name) -> bool) -> bool {
    certificate.alternatives().iter().any(is_it)
}

fn holds_address(certificate: &Certificate, wanted: IpAddr) -> bool {
    let wanted = wanted.to_canonical();
    any_name(certificate, |name| match name {
        Name::Ip(presented) => presented.to_canonical() == wanted,
        _ => false,
    })
}

/// RFC 9525 section 6.3: equal, or one whole left-most label for a `*`.
pub(super) fn names_match(presented: &str, wanted: &str) -> bool {
    let presented = presented.strip_suffix('.').unwrap_or(presented);
    let beyond_star = |star: &str, name: &str| {
        let suffix = star.strip_prefix("*.")?;
        let (label, rest) = name.split_once('.')?;
        Some(!label.is_empty() && label != "*" && rest == suffix)
    };
    presented == wanted
        || beyond_star(presented, wanted) == Some(true)
        || beyond_star(wanted, presented) == Some(true)
}

/// A name such as a certificate may hold, in lower case and without its final dot.
pub(super) fn host_name(text: &str, star: bool) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let labels = if star { name.strip_prefix("*.") } else { None }.unwrap_or(&name);
    let is_label = |label: &str| {
        let ends = label.starts_with('-') || label.ends_with('-');
        let letters = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        !ends && (1..=63).contains(&label.len()) && label.bytes().all(letters)
    };
    // A name whose last label is a number is an address, or nothing.
    let last = labels.rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|octet| octet.is_ascii_digit());
    (name.len() <= 253 && !is_number && labels.split('.').all(is_label)).then_some(name)
}

impl FromStr for Mark {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let mark = match text.split_once(':') {
            None if text == "any" => Some(Self::Any),
            None if text == "source" => Some(Self::Source),
            Some(("dns", name)) => host_name(name, true).map(Self::Dns),
            Some(("ip", address)) => address.parse().ok().map(Self::Ip),
            Some(("sha256", digits)) => sha256(digits).map(Self::Sha256),
            Some(("serial", rest)) => issuer_serial(rest),
            Some(("policy", oid)) => is_oid(oid).then(|| Self::Policy(oid.to_owned())),
            Some(("psk", identity)) => {
                let good = (1..=super::Psk::MAX_IDENTITY).contains(&identity.len())
                    && !identity.chars().any(char::is_control);
                good.then(|| Self::Psk(identity.to_owned()))
            }
            _ => None,
        };
        mark.ok_or_else(|| TlsError::BadMark(text.into()))
    }
}

/// 64 hexadecimal digits, with or without a colon after every second one.
pub(super) fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.replace(':', "");
    if digits.len() != 64 || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (octet, index) in hash.iter_mut().zip((0..64).step_by(2)) {
        *octet = u8::from_str_radix(digits.get(index..index + 2)?, 16).ok()?;
    }
    Some(hash)
}

fn issuer_serial(text: &str) -> Option<Mark> {
    let (serial, issuer) = text.split_once('@')?;
    let serial = serial.replace(':', "").to_ascii_uppercase();
    let is_number = !serial.is_empty()
        && serial.len() <= 64
        && serial.bytes().all(|octet| octet.is_ascii_hexdigit());
    let digits = serial.trim_start_matches('0');
    let serial = if digits.is_empty() { "0" } else { digits };
    (is_number && issuer.contains('=')).then(|| Mark::IssuerSerial {
        issuer: issuer.to_owned(),
        serial: serial.to_owned(),
    })
}

fn is_oid(text: &str) -> bool {
    let is_arc = |arc: &str| {
        let plain = arc == "0" || !arc.starts_with('0');
        plain && !arc.is_empty() && arc.bytes().all(|octet| octet.is_ascii_digit())
    };
    text.len() <= 128 && text.contains('.') && text.split('.').all(is_arc)
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Ip(address) => write!(f, "ip:{address}"),
            Self::Source => f.write_str("source"),
            Self::Sha256(hash) => {
                f.write_str("sha256:")?;
                for (index, octet) in hash.iter().enumerate() {
                    let colon = if index == 0 { "" } else { ":" };
                    write!(f, "{colon}{}", hexadecimal(&[*octet]))?;
                }
                Ok(())
            }
            Self::IssuerSerial { issuer, serial } => write!(f, "serial:{serial}@{issuer}"),
            Self::Policy(oid) => write!(f, "policy:{oid}"),
            Self::Psk(identity) => write!(f, "psk:{identity}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_written_back() {
        let hash = format!("sha256:{}", ["AB"; 32].join(":"));
        for text in [
            "any",
            "source",
            "dns:nas1.example",
            "dns:*.example",
            "ip:192.0.2.1",
            "ip:2001:db8::1",
            hash.as_str(),
            "serial:A1B@O=Example, CN=Our CA",
            "policy:1.3.6.1.4.1.40808.1.3.1",
            "psk:nas1@example",
        ] {
            assert_eq!(text.parse::<Mark>().unwrap().to_string(), text);
        }
        let plain = "sha256:".to_owned() + &"ab".repeat(32);
        assert_eq!(plain.parse::<Mark>(), hash.parse());
        assert_eq!(
            "dns:NAS1.Example.".parse(),
            Ok(Mark::Dns("nas1.example".into()))
        );
        assert_eq!(
            "serial:00:0a:1b@CN=x".parse::<Mark>().unwrap().to_string(),
            "serial:A1B@CN=x"
        );
    }

    #[test]
    fn what_is_no_mark_is_refused_with_examples() {
        for text in [
            "",
            "nas1",
            "Any",
            "dns:",
            "dns:a..b",
            "dns:*",
            "dns:*.*.b",
            "dns:a*.b",
            "dns:-a",
            "dns:192.0.2.1",
            "ip:",
            "ip:192.0.2.256",
            "ip:nas1",
            "sha256:ab",
            "sha256:zz",
            "serial:1",
            "serial:@CN=x",
            "serial:xy@CN=x",
            "policy:1",
            "policy:1..2",
            "policy:01.2",
            "psk:",
            "psk:a\nb",
            "cn:nas1",
        ] {
            let error = text.parse::<Mark>().unwrap_err();
            assert!(
                error.to_string().contains("dns:nas1.example"),
                "{text:?}: {error}"
            );
        }
    }

    #[test]
    fn a_star_stands_for_one_whole_left_most_label() {
        assert!(names_match("nas1.example", "nas1.example"));
        assert!(names_match("*.example", "nas1.example"));
        assert!(names_match("nas1.example", "*.example"));
        assert!(names_match("*.example", "*.example"));
        for (presented, wanted) in [
            ("*.example", "a.nas1.example"),
            ("*.example", "example"),
            ("*.example", ".example"),
            ("n*.example", "nas1.example"),
            ("a.*.example", "a.b.example"),
            ("*", "example"),
            ("nas1.example", "nas2.example"),
            ("a.b.example", "*.example"),
        ] {
            assert!(!names_match(presented, wanted), "{presented} {wanted}");
        }
    }
}
