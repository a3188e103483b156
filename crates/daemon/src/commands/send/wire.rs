//! How a request went over the wire.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portreeve::{
    Transport,
    tls::{Certificate, Session},
};
use serde_json::{Map, Value, json};

use crate::{commands::rows, output::printable};

/// The most names of a certificate that are told to a person.
const MOST_NAMES: usize = 8;
const DAY: Duration = Duration::from_hours(24);

/// For a person, as `over TLS 1.3 (..)`; nothing over UDP, which is what is expected.
pub(crate) fn words(
    transport: Transport,
    session: Option<&Session>,
    now: SystemTime,
) -> Option<String> {
    let Some(session) = session else {
        return match transport {
            Transport::Udp => None,
            Transport::Tcp => Some("over TCP, RADIUS/1.0, not encrypted".to_owned()),
            Transport::Tls => Some("over TLS; the connection is over already".to_owned()),
            Transport::Dtls => Some("over DTLS; the connection is over already".to_owned()),
        };
    };
    let (tls, cipher, version) = (session.tls(), session.cipher(), session.version());
    let mut words = format!("over {tls} ({cipher}), RADIUS/{version}");
    // Writing to a String cannot fail.
    if let Some(certificate) = session.certificate() {
        let (whose, left) = (holder(certificate), left(certificate, now));
        write!(words, ", server {whose}, certificate good for {left}").ok();
    }
    if let Some(identity) = session.psk_identity() {
        write!(words, ", pre-shared key of {}", printable(identity)).ok();
    }
    Some(words)
}

/// For a program.
pub(crate) fn json(transport: Transport, session: Option<&Session>) -> Map<String, Value> {
    let version = match session {
        Some(session) => Some(session.version().to_string()),
        None if transport.is_secure() => None,
        None => Some("1.0".to_owned()),
    };
    let mut map = Map::new();
    let mut insert = |name: &str, value: Value| map.insert(name.to_owned(), value);
    insert("transport", transport.label().into());
    insert(
        "tls",
        session.map(|session| session.tls().to_string()).into(),
    );
    insert("cipher", session.map(Session::cipher).into());
    insert("radius", version.into());
    let certificate = session.and_then(Session::certificate);
    insert("server_certificate", certificate.map(described).into());
    if let Some(identity) = session.and_then(Session::psk_identity) {
        insert("psk_identity", (**identity).into());
    }
    map
}

fn described(certificate: &Certificate) -> Value {
    let since_1970 = certificate.not_after().duration_since(UNIX_EPOCH);
    let milliseconds = u64::try_from(since_1970.unwrap_or_default().as_millis());
    json!({
        "subject": certificate.subject(),
        "sans": certificate.names(),
        "sha256": digits(&certificate.sha256()),
        "not_after": rows::rfc3339(milliseconds.unwrap_or(u64::MAX)),
    })
}

fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").ok();
        text
    })
}

/// Whose certificate it is: `CN=radius (dns:radius.example, ip:192.0.2.1)`.
fn holder(certificate: &Certificate) -> String {
    let names = certificate.names();
    let more = names.len().saturating_sub(MOST_NAMES);
    let mut listed: Vec<_> = names
        .into_iter()
        .take(MOST_NAMES)
        .map(|name| printable(&name).into_owned())
        .collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    let listed = listed.join(", ");
    match certificate.subject() {
        "" => listed,
        subject => format!("{} ({listed})", printable(subject)),
    }
}

fn left(certificate: &Certificate, now: SystemTime) -> String {
    let left = certificate.not_after().duration_since(now);
    match left.unwrap_or_default().as_secs() / DAY.as_secs() {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
