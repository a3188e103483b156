//! What is asked of DNS, and which names in its answers are names at all.

use std::{net::IpAddr, time::Duration};

/// The most octets of a name, written with dots.
const MOST_OCTETS: usize = 253;
/// The most octets of one label.
const MOST_LABEL: usize = 63;

/// What answers questions: DNS, or a test.
pub(crate) trait Dns: Send + Sync + 'static {
    /// The NAPTR records of a name.
    fn naptr(&self, name: &str) -> impl Future<Output = Result<Answer<Naptr>, Silent>> + Send;
    /// The SRV records of a name.
    fn srv(&self, name: &str) -> impl Future<Output = Result<Answer<Srv>, Silent>> + Send;
    /// The A and AAAA records of a name.
    fn addresses(&self, name: &str) -> impl Future<Output = Result<Answer<IpAddr>, Silent>> + Send;
}

/// DNS did not answer, or not with sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silent;

/// The records of a name; none, where DNS says that there are none.
#[derive(Debug, Clone)]
pub(crate) struct Answer<R> {
    pub(crate) records: Vec<R>,
    /// How long they hold; `None` where there are none.
    pub(crate) ttl: Option<Duration>,
}

/// Where a service is described (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naptr {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    pub(crate) flags: Vec<u8>,
    pub(crate) services: Vec<u8>,
    pub(crate) regexp: Vec<u8>,
    pub(crate) replacement: String,
}

/// Who offers a service (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) target: String,
}

/// A host's name in lower case, without the last dot: two labels at least, of letters, digits and
/// inner hyphens (RFC 1123 section 2.1), of which the last is not a number. `None` for anything
/// else.
pub(crate) fn host_name(name: &str) -> Option<String> {
    let name = bounded(name)?;
    let labels: Vec<&str> = name.split('.').collect();
    let last_is_number = labels
        .last()
        .is_none_or(|label| label.bytes().all(|octet| octet.is_ascii_digit()));
    let is_host = labels.len() > 1 && !last_is_number && labels.into_iter().all(is_label);
    is_host.then_some(name)
}

/// The name of a service of a host (`_radiustls._tcp.example.org`), or of a host.
pub(crate) fn service_name(name: &str) -> Option<String> {
    let name = bounded(name)?;
    let mut rest = name.as_str();
    while let Some((label, after)) = rest.split_once('.') {
        match label.strip_prefix('_') {
            Some(label) if is_label(label) && label.len() < MOST_LABEL => rest = after,
            _ => break,
        }
    }
    host_name(rest)?;
    Some(name)
}

fn bounded(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    (name.len() <= MOST_OCTETS).then(|| name.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    (1..=MOST_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts_are_told_from_everything_else() {
        let long = format!("{}.org", "a".repeat(64));
        let longer = format!("{}org", "a.".repeat(126));
        for name in [
            "radius.example.org",
            "a.b",
            "RADIUS.example.org.",
            "1.example.org",
        ] {
            assert!(host_name(name).is_some(), "{name}");
        }
        for name in [
            "",
            ".",
            "localhost",
            "192.0.2.1",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.org",
            "a b.org",
            "a.b..",
            "::1",
            "a/b.org",
            "$(id).org",
            "a.b\0",
            "m\u{fc}nchen.de",
            &long,
            &longer,
        ] {
            assert_eq!(host_name(name), None, "{name}");
        }
        assert_eq!(host_name("A.B.").as_deref(), Some("a.b"));
    }

    #[test]
    fn names_of_services_may_begin_with_underlines() {
        for name in ["_radiustls._tcp.example.org", "radius.example.org"] {
            assert!(service_name(name).is_some(), "{name}");
        }
        for name in [
            "_radiustls._tcp",
            "_._tcp.a.b",
            "_a.b",
            "a._tcp.example.org",
        ] {
            assert_eq!(service_name(name), None, "{name}");
        }
    }
}
