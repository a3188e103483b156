//! A conversation by hand, with EAP-MD5 as far as it goes right.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use md5::{Digest as _, Md5};

use super::Place;
use crate::Must as _;
use crate::wire::{Reply, Request, attribute, code, exchange};
use crate::world::SECRET;

/// Long enough to call it silence.
pub const SILENCE: Duration = Duration::from_millis(1500);

/// Code of what a client says.
pub const RESPONSE: u8 = 2;
/// Code of an end that is good.
pub const SUCCESS: u8 = 3;
/// Code of an end that is not.
pub const FAILURE: u8 = 4;
/// Who somebody says to be.
pub const IDENTITY: u8 = 1;
/// Another method, please.
pub const NAK: u8 = 3;
/// EAP-MD5.
pub const MD5: u8 = 4;
/// EAP-TLS.
pub const TLS: u8 = 13;
/// EAP-MSCHAPv2.
pub const MSCHAPV2: u8 = 26;

/// The next RADIUS identifier.
static NEXT: AtomicU8 = AtomicU8::new(0);

/// One conversation.
#[derive(Debug)]
pub struct Talk<'a> {
    place: &'a Place,
    name: &'a str,
    /// What the server wants to see again.
    pub state: Vec<u8>,
    /// The last EAP message of the server.
    pub heard: Vec<u8>,
}

impl<'a> Talk<'a> {
    /// Nothing has been said.
    pub fn new(place: &'a Place, name: &'a str) -> Self {
        Self {
            place,
            name,
            state: Vec::new(),
            heard: vec![1, 0, 0, 5, IDENTITY],
        }
    }

    /// Up to the challenge of EAP-MD5.
    ///
    /// # Panics
    /// If the server does not get there.
    pub fn challenged(place: &'a Place, name: &'a str) -> Self {
        let mut talk = Self::new(place, name);
        talk.expect_challenge(&[&[IDENTITY], name.as_bytes()].concat());
        if talk.heard[4] != MD5 {
            talk.expect_challenge(&[NAK, MD5]);
        }
        assert_eq!(talk.heard[4], MD5, "{:?}", talk.heard);
        talk
    }

    /// Up to the start of EAP-TLS.
    ///
    /// # Panics
    /// If the server does not get there.
    pub fn started(place: &'a Place) -> Self {
        let mut talk = Self::new(place, "bob");
        talk.expect_challenge(&[&[IDENTITY], b"bob".as_slice()].concat());
        if talk.heard[4] != TLS {
            talk.expect_challenge(&[NAK, TLS]);
        }
        assert_eq!(talk.heard[4..6], [TLS, 0x20], "{:?}", talk.heard);
        talk
    }

    /// An EAP message of ours that answers what was heard.
    pub fn response(&self, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 4).must("a short message");
        let [high, low] = length.to_be_bytes();
        [&[RESPONSE, self.heard[1], high, low], data].concat()
    }

    /// The right answer to the challenge of EAP-MD5 (RFC 3748, section 5.4).
    pub fn proof(&self, password: &str) -> Vec<u8> {
        let challenge = &self.heard[6..6 + usize::from(self.heard[5])];
        let hash = Md5::new()
            .chain_update([self.heard[1]])
            .chain_update(password)
            .chain_update(challenge)
            .finalize();
        [&[MD5, 16], hash.as_slice()].concat()
    }

    /// An Access-Request that holds an EAP message.
    pub fn request(&self, eap: &[u8]) -> Request {
        // A port may come again soon, and with the same identifier it would be a repetition.
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let request = Request::access(id).with(attribute::USER_NAME, self.name.as_bytes());
        let mut request = if self.state.is_empty() {
            request
        } else {
            request.with(attribute::STATE, &self.state)
        };
        for part in eap.chunks(253) {
            request = request.with(attribute::EAP_MESSAGE, part);
        }
        request
    }

    /// Sends octets as they are, from a port of their own, and remembers what comes back.
    pub fn send(&mut self, eap: &[u8]) -> Option<Reply> {
        let request = self.request(eap).encode(SECRET);
        self.send_packet(&request)
    }

    /// As [`send`](Self::send), with a whole packet.
    pub fn send_packet(&mut self, request: &[u8]) -> Option<Reply> {
        let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
        let octets = exchange(&socket, self.place.server.auth(), request, SILENCE)?;
        let reply = Reply::verified(&octets, request, SECRET);
        if let [state] = reply.values(attribute::STATE)[..] {
            self.state = state.to_vec();
        }
        self.heard = reply.values(attribute::EAP_MESSAGE).concat();
        Some(reply)
    }

    /// Sends what stands behind the header, and expects the next question.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn expect_challenge(&mut self, data: &[u8]) {
        let message = self.response(data);
        let Some(reply) = self.send(&message) else {
            panic!("silence; the server says:\n{}", self.place.server.said());
        };
        assert_eq!(reply.code, code::ACCESS_CHALLENGE, "{reply:?}");
    }

    /// Sends an EAP message and expects silence, another question or a rejection, but no way in.
    ///
    /// # Panics
    /// If there is one.
    #[track_caller]
    pub fn expect_no_way_in(&mut self, eap: &[u8]) {
        if let Some(reply) = self.send(eap) {
            assert_ne!(reply.code, code::ACCESS_ACCEPT, "{reply:?}");
            assert_ne!(self.heard.first(), Some(&SUCCESS), "{reply:?}");
        }
    }

    /// Sends an EAP message and expects an Access-Reject with EAP-Failure.
    ///
    /// # Panics
    /// If anything else comes.
    #[track_caller]
    pub fn expect_rejection(&mut self, eap: &[u8]) {
        let reply = self.send(eap).must("a rejection");
        assert_eq!(reply.code, code::ACCESS_REJECT, "{reply:?}");
        // RFC 3748, section 4.2: the identifier is that of what it answers.
        assert_eq!(self.heard, [FAILURE, eap[1], 0, 4], "{reply:?}");
    }

    /// Logs bob in, which shows that the server still serves.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn succeed(place: &'a Place) {
        let mut talk = Self::challenged(place, "bob");
        let message = talk.response(&talk.proof("hello world"));
        let reply = talk.send(&message).must("an answer");
        assert_eq!(reply.code, code::ACCESS_ACCEPT, "{reply:?}");
        assert_eq!(talk.heard, [SUCCESS, message[1], 0, 4]);
    }
}
