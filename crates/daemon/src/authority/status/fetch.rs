//! Getting something by HTTP from whoever answers for a CA: little, soon, and not from ourselves.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ureq::{
    Agent, Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// The longest address that a certificate may name.
const URL_MAX: usize = 2_048;

/// Who says where to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Our administrator: wherever it is.
    ByUs,
    /// The certificate that is checked. Its CA is trusted to say who people are, not to have this
    /// machine ask itself or whatever else listens on its links.
    ByTheCertificate,
}

/// What was got, or in words why not.
pub(super) type Fetched = Result<Vec<u8>, String>;

/// Asks over HTTP.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    anywhere: Agent,
    elsewhere: Agent,
}

impl Fetcher {
    /// Each request takes at most `patience`, the search for the host included.
    pub(super) fn new(patience: Duration) -> Self {
        let config = || {
            Agent::config_builder()
                .timeout_global(Some(patience))
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .proxy(None)
                .max_idle_connections(0)
                .max_response_header_size(16 << 10)
                .user_agent("portreeve")
                .build()
        };
        let agent = |elsewhere| {
            let resolver = Guarded {
                elsewhere,
                inner: DefaultResolver::default(),
            };
            Agent::with_parts(config(), DefaultConnector::new(), resolver)
        };
        Self {
            anywhere: agent(false),
            elsewhere: agent(true),
        }
    }

    /// Blocks until there is an answer of at most so many octets, or none in time.
    pub(super) fn post(
        &self,
        url: &str,
        kind: &str,
        body: &[u8],
        named: Named,
        most: u64,
    ) -> Fetched {
        let sent = self
            .agent(url, named)?
            .post(url)
            .content_type(kind)
            .send(body);
        read(sent, most)
    }

    /// As [`Self::post`].
    pub(super) fn get(&self, url: &str, named: Named, most: u64) -> Fetched {
        read(self.agent(url, named)?.get(url).call(), most)
    }

    fn agent(&self, url: &str, named: Named) -> Result<&Agent, String> {
        is_plain(url)?;
        Ok(match named {
            Named::ByUs => &self.anywhere,
            Named::ByTheCertificate => &self.elsewhere,
        })
    }
}

/// Whether an address is one that is asked: `http`, a host, and no user.
fn is_plain(url: &str) -> Result<(), String> {
    let refused = |what: &str| Err(format!("is not asked: {what}"));
    if url.len() > URL_MAX {
        return refused("the address is too long");
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return refused("it is no address");
    };
    if uri.scheme_str() != Some("http") {
        return refused("only http:// is; what is fetched is signed");
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => refused("it names a user"),
        Some(authority) if !authority.host().is_empty() => Ok(()),
        _ => refused("it names no host"),
    }
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, Error>, most: u64) -> Fetched {
    let mut response = sent.map_err(|error| words(&error))?;
    if response.status() != 200 {
        return Err(format!(
            "answers with HTTP status {}",
            response.status().as_u16()
        ));
    }
    let body = response.body_mut().with_config().limit(most);
    body.read_to_vec().map_err(|error| words(&error))
}

fn words(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "does not answer in time".to_owned(),
        Error::HostNotFound => "cannot be found, or is at an address that a certificate may not \
                                name"
            .to_owned(),
        Error::BodyExceedsLimit(most) => format!("answers with more than {most} octets"),
        error => format!("cannot be asked: {error}"),
    }
}

/// Looks up hosts, and leaves out where a certificate may not send us.
#[derive(Debug)]
struct Guarded {
    elsewhere: bool,
    inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut left = self.empty();
        for address in found.iter().copied() {
            if !self.elsewhere || is_elsewhere(address) {
                left.push(address);
            }
        }
        if left.is_empty() {
            return Err(Error::HostNotFound);
        }
        Ok(left)
    }
}

/// Neither this machine, nor its links, nor everybody at once. Private addresses are where the
/// responders of private CAs are.
fn is_elsewhere(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            !(ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
        time::Instant,
    };

    use super::*;

    #[test]
    fn only_plain_addresses_are_asked() {
        for url in [
            "http://a.example/x",
            "http://192.0.2.1:8080",
            "http://[2001:db8::1]/",
        ] {
            assert_eq!(is_plain(url), Ok(()), "{url}");
        }
        for url in [
            "https://a.example/",
            "file:///etc/passwd",
            "ftp://a.example/",
            "ldap://a.example/",
            "http://tim@a.example/",
            "http:///x",
            "a.example",
            "",
            "http://a b/",
        ] {
            assert!(is_plain(url).is_err(), "{url}");
        }
        assert!(is_plain(&format!("http://a.example/{}", "x".repeat(URL_MAX))).is_err());
    }

    #[test]
    fn a_certificate_does_not_send_us_to_ourselves() {
        for (address, elsewhere) in [
            ("127.0.0.1:80", false),
            ("127.9.9.9:80", false),
            ("0.0.0.0:80", false),
            ("169.254.169.254:80", false),
            ("224.0.0.1:80", false),
            ("255.255.255.255:80", false),
            ("[::1]:80", false),
            ("[::]:80", false),
            ("[fe80::1]:80", false),
            ("[ff02::1]:80", false),
            ("[::ffff:127.0.0.1]:80", false),
            ("192.0.2.1:80", true),
            ("10.0.0.1:80", true),
            ("[2001:db8::1]:80", true),
        ] {
            assert_eq!(
                is_elsewhere(address.parse().unwrap()),
                elsewhere,
                "{address}"
            );
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let fetcher = Fetcher::new(Duration::from_secs(2));
        for host in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0",
        ] {
            let url = format!("http://{host}:{port}/");
            let said = fetcher.get(&url, Named::ByTheCertificate, 10).unwrap_err();
            assert!(said.contains("may not name"), "{host}: {said}");
        }
        assert!(listener.accept().is_err(), "somebody was asked");
    }

    /// Answers one request with this, then as long as asked with nothing.
    fn answering(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).unwrap() > 0);
            stream.write_all(answer).ok();
            thread::sleep(Duration::from_secs(5));
        });
        url
    }

    #[test]
    fn answers_are_short_and_soon() {
        let fetcher = Fetcher::new(Duration::from_millis(700));
        let get = |answer| fetcher.get(&answering(answer), Named::ByUs, 10);
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(get(good), Ok(b"abc".to_vec()));
        let long = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nabcdefghijk";
        assert!(get(long).unwrap_err().contains("more than 10 octets"));
        let moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\
                      Content-Length: 0\r\n\r\n";
        assert!(get(moved).unwrap_err().contains("302"));
        let start = Instant::now();
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
        assert!(get(half).unwrap_err().contains("in time"));
        assert!(get(b"").unwrap_err().contains("in time"));
        assert!(start.elapsed() < Duration::from_secs(4));
        let posted = fetcher.post(&answering(good), "text/plain", b"x", Named::ByUs, 10);
        assert_eq!(posted, Ok(b"abc".to_vec()));
    }
}
