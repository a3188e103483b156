//! Which server is meant: an address, or a name that is looked up.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _},
};

/// Why it is not clear where to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(
        "'{0}' is no server: write an address or a name, such as 192.0.2.1, [::1]:1812, radius"
    )]
    Empty(String),
    #[error("'{host}' has no {family} address, which --source asks for")]
    Family { host: String, family: &'static str },
    #[error("'{host}' cannot be looked up: is the name right, does this machine have DNS?")]
    Lookup {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("'{0}' is no port: it is a number from 1 to 65535")]
    Port(String),
}

impl TargetError {
    /// Whether the command line is wrong, and not the network.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::Empty(_) | Self::Port(_))
    }
}

/// Reads `SERVER[:PORT]` and looks a name up. Of several addresses the first is taken that has the
/// family of `source`.
pub(crate) fn find(
    text: &str,
    default_port: u16,
    source: Option<IpAddr>,
) -> Result<SocketAddr, TargetError> {
    let fits =
        |address: &SocketAddr| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
    let (host, port) = split(text, default_port)?;
    let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => (host, port)
            .to_socket_addrs()
            .map_err(|source| TargetError::Lookup {
                host: host.to_owned(),
                source,
            })?
            .collect(),
    };
    let wants_ipv6 = source.is_some_and(|source| source.is_ipv6());
    found
        .into_iter()
        .find(fits)
        .ok_or_else(|| TargetError::Family {
            host: host.to_owned(),
            family: if wants_ipv6 { "IPv6" } else { "IPv4" },
        })
}

/// The host of `SERVER[:PORT]`, as it was typed.
pub(crate) fn host(text: &str) -> Result<&str, TargetError> {
    split(text, 0).map(|(host, _)| host)
}

/// Host and port of a text; an IPv6 address with a port stands in brackets.
fn split(text: &str, default_port: u16) -> Result<(&str, u16), TargetError> {
    let text = text.trim();
    let empty = || TargetError::Empty(text.to_owned());
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, default_port));
    }
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => (host, Some(rest.strip_prefix(':').ok_or_else(empty)?)),
        Some(None) => return Err(empty()),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(empty());
    }
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(TargetError::Port(port.to_owned())),
            Ok(port) => port,
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1:1812"),
            ("192.0.2.1:1645", "192.0.2.1:1645"),
            ("::1", "[::1]:1812"),
            ("[::1]", "[::1]:1812"),
            ("[2001:db8::1]:1645", "[2001:db8::1]:1645"),
        ] {
            assert_eq!(find(text, 1812, None).unwrap().to_string(), address);
            let found: IpAddr = host(text).unwrap().parse().unwrap();
            assert_eq!(SocketAddr::new(found, 1), {
                let mut address: SocketAddr = address.parse().unwrap();
                address.set_port(1);
                address
            });
        }
    }

    #[test]
    fn names_are_looked_up_in_the_family_of_the_source() {
        let source = Some(IpAddr::from([127, 0, 0, 1]));
        let address = find("localhost:1645", 1812, source).unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:1645");
        let error = find("::1", 1812, source).unwrap_err();
        assert!(matches!(error, TargetError::Family { .. }));
    }

    #[test]
    fn what_is_no_server_is_wrong_usage() {
        for text in [
            "",
            ":1812",
            "[::1",
            "[::1]1812",
            "host:",
            "host:0",
            "host:65536",
            "host:x",
        ] {
            let error = find(text, 1812, None).unwrap_err();
            assert!(error.is_usage(), "{text}: {error}");
        }
    }
}
