//! A greeting that offers what this crate never uses, to learn why a service and we do not meet.
//!
//! A refusal says little: a service with no certificate refuses as one that is too old does. So
//! the service is greeted once more, this time with everything RouterOS ever had. What it picks
//! tells the two apart. The handshake goes no further than that.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::PROBE_PATIENCE;
use crate::{Error, Target, error::TlsTrouble};

/// The suites that are offered, the anonymous ones last.
const SUITES: [(u16, &str); 31] = [
    (0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xc030, "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xc02f, "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x003c, "AES128-SHA256"),
    (0x0035, "AES256-SHA"),
    (0x002f, "AES128-SHA"),
    (0x000a, "DES-CBC3-SHA"),
    (0x00a7, "ADH-AES256-GCM-SHA384"),
    (0x00a6, "ADH-AES128-GCM-SHA256"),
    (0x006d, "ADH-AES256-SHA256"),
    (0x006c, "ADH-AES128-SHA256"),
    (0x003a, "ADH-AES256-SHA"),
    (0x0034, "ADH-AES128-SHA"),
    (0x001b, "ADH-DES-CBC3-SHA"),
    (0x0018, "ADH-RC4-MD5"),
    (0xc019, "AECDH-AES256-SHA"),
    (0xc018, "AECDH-AES128-SHA"),
];

/// Signature algorithms, groups and point formats, as extensions of a greeting: SHA-2 and SHA-1
/// with RSA and ECDSA; X25519, three NIST curves, ffdhe2048; uncompressed points.
const EXTENSIONS: [u8; 44] = [
    0, 13, 0, 18, 0, 16, 8, 4, 4, 1, 4, 3, 5, 1, 5, 3, 6, 1, 2, 1, 2, 3, //
    0, 10, 0, 12, 0, 10, 0, 29, 0, 23, 0, 24, 0, 25, 1, 0, //
    0, 11, 0, 2, 1, 0,
];

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
/// A record's header and a server greeting's fixed part with the longest session identifier.
const LONGEST_ANSWER: usize = 5 + 4 + 2 + 32 + 1 + 32 + 2;

/// What a service has that we will not use. `None` where it refuses this greeting as well.
pub(super) async fn service_offers(
    target: &Target,
    connection: Result<TcpStream, Error>,
) -> Option<TlsTrouble> {
    let asking = ask(connection.ok()?);
    let answer = timeout(PROBE_PATIENCE.min(target.timeout), asking).await;
    judge(&answer.ok()??)
}

async fn ask(mut tcp: TcpStream) -> Option<Vec<u8>> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).ok()?;
    tcp.write_all(&greeting(&random)).await.ok()?;
    let mut answer = Vec::with_capacity(LONGEST_ANSWER);
    let limit = u64::try_from(LONGEST_ANSWER).ok()?;
    tcp.take(limit).read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

fn greeting(random: &[u8; 32]) -> Vec<u8> {
    let suites: Vec<u8> = SUITES
        .iter()
        .flat_map(|(code, _)| code.to_be_bytes())
        .collect();
    let mut body = vec![3, 3];
    body.extend_from_slice(random);
    body.push(0);
    body.extend(counted(&suites));
    body.extend([1, 0]);
    body.extend(counted(&EXTENSIONS));
    let mut message = vec![1, 0];
    message.extend(counted(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(counted(&message));
    record
}

/// A text behind its length in two octets. All that is sent here is far shorter than that holds.
fn counted(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).unwrap_or_default();
    [&length.to_be_bytes(), octets].concat()
}

fn judge(answer: &[u8]) -> Option<TlsTrouble> {
    match *answer.first()? {
        HANDSHAKE => {}
        ALERT => return None,
        _ => return Some(TlsTrouble::NotTls),
    }
    let (version, suite) = picked(answer)?;
    let name = SUITES.iter().find(|(code, _)| *code == suite);
    let name = name.map_or("an unknown cipher", |(_, name)| name);
    if name.starts_with("ADH-") || name.starts_with("AECDH-") {
        return Some(TlsTrouble::Anonymous);
    }
    let version = match version {
        [3, 0] => "SSL 3.0",
        [3, 1] => "TLS 1.0",
        [3, 2] => "TLS 1.1",
        _ => "TLS 1.2",
    };
    Some(TlsTrouble::NothingInCommon(format!(
        "it picks {version} with {name}"
    )))
}

/// The version and the suite of a `ServerHello`.
fn picked(answer: &[u8]) -> Option<([u8; 2], u16)> {
    let (_record, rest) = answer.split_first_chunk::<5>()?;
    let (&[SERVER_HELLO, _, _, _], rest) = rest.split_first_chunk::<4>()? else {
        return None;
    };
    let (version, rest) = rest.split_first_chunk::<2>()?;
    let (_random, rest) = rest.split_first_chunk::<32>()?;
    let (session, rest) = rest.split_first()?;
    let suite = rest.get(usize::from(*session)..)?.first_chunk::<2>()?;
    Some((*version, u16::from_be_bytes(*suite)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_hello(version: [u8; 2], suite: u16, session: usize) -> Vec<u8> {
        let mut body = version.to_vec();
        body.extend([7; 32]);
        body.push(u8::try_from(session).unwrap());
        body.extend(vec![9; session]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        let mut message = vec![2, 0];
        message.extend(counted(&body));
        let mut record = vec![HANDSHAKE, 3, 3];
        record.extend(counted(&message));
        record
    }

    #[test]
    fn what_is_picked_tells_why() {
        for session in [0, 32] {
            let anonymous = judge(&server_hello([3, 3], 0x00a7, session));
            assert!(matches!(anonymous, Some(TlsTrouble::Anonymous)));
            let old = judge(&server_hello([3, 1], 0x0039, session)).unwrap();
            assert!(
                old.to_string().contains("TLS 1.0 with DHE-RSA-AES256-SHA"),
                "{old}"
            );
        }
        assert!(judge(&[ALERT, 3, 3, 0, 2, 2, 40]).is_none());
        assert!(judge(&[]).is_none());
        assert!(matches!(judge(b"HTTP/1.1"), Some(TlsTrouble::NotTls)));
        let whole = server_hello([3, 3], 0x00a7, 32);
        let suite_ends = LONGEST_ANSWER;
        assert!((1..suite_ends).all(|cut| judge(&whole[..cut]).is_none()));
        assert!(judge(&whole[..suite_ends]).is_some());
    }

    #[test]
    fn the_greeting_is_well_formed() {
        let greeting = greeting(&[0; 32]);
        let (header, message) = greeting.split_at(5);
        assert_eq!(
            usize::from(header[3]) << 8 | usize::from(header[4]),
            message.len()
        );
        assert_eq!(
            usize::from(message[2]) << 8 | usize::from(message[3]),
            message.len() - 4
        );
        assert_eq!(greeting[greeting.len() - EXTENSIONS.len()..], EXTENSIONS);
    }
}
