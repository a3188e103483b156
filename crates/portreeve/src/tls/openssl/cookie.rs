//! The cookie exchange of DTLS (RFC 6347 section 4.2.1), without state: a stranger who cannot read
//! what is sent to the address it claims costs two HMACs and no memory.

use std::net::{IpAddr, SocketAddr};

use openssl::{error::ErrorStack, hash::MessageDigest, memcmp, pkey::PKey, sign::Signer};

use super::hello::Body;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// DTLS 1.0, which a `HelloVerifyRequest` bears whatever will be agreed on.
const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
const COOKIE: usize = 32;
/// The hellos before the one that is answered. The second one comes with the cookie; a third is
/// needed where the cookie was too old.
const MOST_HELLOS_BEFORE: u16 = 2;

/// A `ClientHello` that fills one record of epoch 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstHello<'a> {
    body: Body<'a>,
    record_version: [u8; 2],
    /// The number of its record; below 2^48.
    record: u64,
    /// Its number among the messages of the handshake.
    message: u16,
}

impl<'a> FirstHello<'a> {
    /// `None` for what cannot begin an association: no `ClientHello`, or one in fragments.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let (header, rest) = datagram.split_at_checked(RECORD_HEADER)?;
        let &[HANDSHAKE, 0xfe, minor, 0, 0, n0, n1, n2, n3, n4, n5, l0, l1] = header else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (head, body) = rest.get(..length)?.split_at_checked(MESSAGE_HEADER)?;
        let &[CLIENT_HELLO, a0, a1, a2, m0, m1, 0, 0, 0, f0, f1, f2] = head else {
            return None;
        };
        let whole = u32::from_be_bytes([0, a0, a1, a2]);
        let sound = [a0, a1, a2] == [f0, f1, f2] && usize::try_from(whole) == Ok(body.len());
        if !sound {
            return None;
        }
        Some(Self {
            body: Body::read(body, true)?,
            record_version: [0xfe, minor],
            record: u64::from_be_bytes([0, 0, n0, n1, n2, n3, n4, n5]),
            message: u16::from_be_bytes([m0, m1]),
        })
    }

    /// What tells one attempt of a client from its next.
    pub(super) fn random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        random.copy_from_slice(self.body.random);
        random
    }

    /// `true` if it says that it follows a `HelloVerifyRequest`, in numbers that can be true.
    fn follows_request(&self) -> bool {
        (1..=MOST_HELLOS_BEFORE).contains(&self.message) && self.record >= u64::from(self.message)
    }

    /// The hellos that must have come before, for an engine that is to believe it has seen them.
    pub(super) fn before(&self) -> Vec<Vec<u8>> {
        (0..self.message).map(|n| self.without_cookie(n)).collect()
    }

    /// How far the numbers of our records must lie above those of an engine that has seen the
    /// hellos of [`before`](Self::before): the client may have had more from us, in answer to
    /// hellos that it had to repeat, and takes no number twice.
    pub(super) fn shift(&self) -> u64 {
        self.record - u64::from(self.message)
    }

    fn without_cookie(&self, number: u16) -> Vec<u8> {
        let session = [&[octet(self.body.session.len())], self.body.session].concat();
        let suites = self.body.suites;
        let body = [
            self.body.version,
            self.body.random,
            &session,
            &[0],
            &wide(suites.len()),
            suites,
            self.body.tail,
        ]
        .concat();
        let record = u64::from(number);
        message(self.record_version, record, CLIENT_HELLO, number, &body)
    }
}

fn octet(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn wide(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// One handshake message in one record of epoch 0. `body` is shorter than 2^16 octets.
fn message(version: [u8; 2], record: u64, kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = wide(body.len());
    let mut octets = Vec::with_capacity(RECORD_HEADER + MESSAGE_HEADER + body.len());
    octets.push(HANDSHAKE);
    octets.extend(version);
    octets.extend([0, 0]);
    octets.extend(&record.to_be_bytes()[2..]);
    octets.extend(wide(MESSAGE_HEADER + body.len()));
    octets.extend([kind, 0, high, low]);
    octets.extend(number.to_be_bytes());
    octets.extend([0, 0, 0, 0, high, low]);
    octets.extend(body);
    octets
}

/// What a server says to a `ClientHello`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The sender has read what was sent to its address.
    Proven,
    /// To be sent back: the request to come again with the cookie.
    Ask(Vec<u8>),
    /// No answer.
    Nothing,
}

/// The keys that cookies are made with. A cookie is good for one to two changes of the key.
pub(super) struct Jar {
    current: PKey<openssl::pkey::Private>,
    previous: PKey<openssl::pkey::Private>,
}

impl Jar {
    pub(super) fn new() -> Result<Self, ErrorStack> {
        Ok(Self {
            current: fresh()?,
            previous: fresh()?,
        })
    }

    /// Takes a new key. Where there is none to be had, the old one stays.
    pub(super) fn turn(&mut self) {
        if let Ok(key) = fresh() {
            self.previous = std::mem::replace(&mut self.current, key);
        }
    }

    pub(super) fn judge(&self, from: SocketAddr, hello: &FirstHello<'_>) -> Answer {
        let follows = hello.follows_request();
        if follows && hello.body.cookie.len() == COOKIE {
            let made = [&self.current, &self.previous].map(|key| cookie(key, from, &hello.body));
            let given = |made: &Vec<u8>| memcmp::eq(made, hello.body.cookie);
            if made.iter().flatten().any(given) {
                return Answer::Proven;
            }
        }
        if hello.message > MOST_HELLOS_BEFORE - u16::from(follows) {
            return Answer::Nothing;
        }
        cookie(&self.current, from, &hello.body).map_or(Answer::Nothing, |cookie| {
            let body = [&DTLS_1_0[..], &[octet(cookie.len())], &cookie].concat();
            Answer::Ask(message(
                DTLS_1_0,
                hello.record,
                HELLO_VERIFY_REQUEST,
                hello.message,
                &body,
            ))
        })
    }
}

fn fresh() -> Result<PKey<openssl::pkey::Private>, ErrorStack> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    openssl::rand::rand_bytes(&mut *key)?;
    PKey::hmac(&*key)
}

/// Over the address and what a client must not change between its hellos.
fn cookie(
    key: &PKey<openssl::pkey::Private>,
    from: SocketAddr,
    hello: &Body<'_>,
) -> Result<Vec<u8>, ErrorStack> {
    let address = match from.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    signer.update(&address.octets())?;
    signer.update(&from.port().to_be_bytes())?;
    signer.update(hello.version)?;
    signer.update(hello.random)?;
    signer.update(&[octet(hello.session.len())])?;
    signer.update(hello.session)?;
    signer.update(hello.suites)?;
    signer.sign_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.7:4711";

    /// A hello as a client sends it.
    fn hello(record: u64, number: u16, cookie: &[u8]) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([5; 32]);
        body.extend([0, octet(cookie.len())]);
        body.extend(cookie);
        body.extend([0, 2, 0xcc, 0xac, 1, 0]);
        message(DTLS_1_0, record, CLIENT_HELLO, number, &body)
    }

    fn judge(jar: &Jar, from: &str, datagram: &[u8]) -> Answer {
        jar.judge(from.parse().unwrap(), &FirstHello::read(datagram).unwrap())
    }

    fn cookie_of(answer: Answer) -> Vec<u8> {
        let Answer::Ask(request) = answer else {
            panic!("{answer:?}");
        };
        request[RECORD_HEADER + MESSAGE_HEADER + 3..].to_vec()
    }

    #[test]
    fn cookie_proves_one_address_for_two_turns() {
        let mut jar = Jar::new().unwrap();
        let first = hello(0, 0, &[]);
        let request = judge(&jar, HOME, &first);
        assert!(matches!(&request, Answer::Ask(request) if request.len() < first.len()));
        let again = hello(1, 1, &cookie_of(request));
        assert_eq!(judge(&jar, HOME, &again), Answer::Proven);
        assert_ne!(judge(&jar, "192.0.2.7:4712", &again), Answer::Proven);
        assert_ne!(judge(&jar, "192.0.2.8:4711", &again), Answer::Proven);
        jar.turn();
        assert_eq!(judge(&jar, HOME, &again), Answer::Proven);
        jar.turn();
        let renewed = cookie_of(judge(&jar, HOME, &again));
        assert_eq!(judge(&jar, HOME, &hello(2, 2, &renewed)), Answer::Proven);
        assert_eq!(judge(&jar, HOME, &hello(2, 2, &[0; 32])), Answer::Nothing);
    }

    #[test]
    fn request_bears_the_numbers_of_the_hello() {
        let jar = Jar::new().unwrap();
        let Answer::Ask(request) = judge(&jar, HOME, &hello(0x0102_0304_0506, 0, &[])) else {
            panic!("no request");
        };
        assert_eq!(request[..11], [22, 0xfe, 0xff, 0, 0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(request[13..15], [HELLO_VERIFY_REQUEST, 0]);
        assert_eq!(request.len(), 13 + 12 + 3 + 32);
    }

    #[test]
    fn earlier_hellos_are_those_without_a_cookie() {
        let octets = hello(7, 2, &[1; 32]);
        let last = FirstHello::read(&octets).unwrap();
        assert_eq!(last.before(), [hello(0, 0, &[]), hello(1, 1, &[])]);
        assert_eq!(last.shift(), 5);
    }

    #[test]
    fn what_cannot_begin_is_nothing() {
        let sound = hello(0, 0, &[]);
        let change = |at: usize, to: u8| {
            let mut octets = sound.clone();
            octets[at] = to;
            octets
        };
        assert!(FirstHello::read(&sound).is_some());
        for end in 0..sound.len() {
            assert!(FirstHello::read(&sound[..end]).is_none(), "{end}");
        }
        for (at, to) in [(0, 23), (1, 3), (4, 1), (13, 2), (16, 1), (21, 1), (24, 1)] {
            assert!(FirstHello::read(&change(at, to)).is_none(), "octet {at}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_true_prove_nothing() {
        let jar = Jar::new().unwrap();
        let cookie = cookie_of(judge(&jar, HOME, &hello(0, 0, &[])));
        assert_ne!(judge(&jar, HOME, &hello(1, 0, &cookie)), Answer::Proven);
        assert_ne!(judge(&jar, HOME, &hello(0, 1, &cookie)), Answer::Proven);
        assert_eq!(judge(&jar, HOME, &hello(9, 3, &cookie)), Answer::Nothing);
    }
}
