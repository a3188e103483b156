//! Just enough RADIUS to make and to judge single packets by hand, written from the RFCs and
//! sharing nothing with the code under test.

pub mod v11;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

use crate::Must as _;

/// Packet codes.
pub mod code {
    /// Access-Request.
    pub const ACCESS_REQUEST: u8 = 1;
    /// Access-Accept.
    pub const ACCESS_ACCEPT: u8 = 2;
    /// Access-Reject.
    pub const ACCESS_REJECT: u8 = 3;
    /// Accounting-Request.
    pub const ACCOUNTING_REQUEST: u8 = 4;
    /// Accounting-Response.
    pub const ACCOUNTING_RESPONSE: u8 = 5;
    /// Access-Challenge.
    pub const ACCESS_CHALLENGE: u8 = 11;
    /// Status-Server.
    pub const STATUS_SERVER: u8 = 12;
    /// Disconnect-Request.
    pub const DISCONNECT_REQUEST: u8 = 40;
    /// Disconnect-ACK.
    pub const DISCONNECT_ACK: u8 = 41;
    /// Disconnect-NAK.
    pub const DISCONNECT_NAK: u8 = 42;
    /// CoA-Request.
    pub const COA_REQUEST: u8 = 43;
    /// CoA-ACK.
    pub const COA_ACK: u8 = 44;
    /// CoA-NAK.
    pub const COA_NAK: u8 = 45;
    /// Protocol-Error.
    pub const PROTOCOL_ERROR: u8 = 52;
}

/// Attribute numbers.
pub mod attribute {
    /// User-Name.
    pub const USER_NAME: u8 = 1;
    /// User-Password.
    pub const USER_PASSWORD: u8 = 2;
    /// NAS-Port.
    pub const NAS_PORT: u8 = 5;
    /// State.
    pub const STATE: u8 = 24;
    /// Session-Timeout.
    pub const SESSION_TIMEOUT: u8 = 27;
    /// Proxy-State.
    pub const PROXY_STATE: u8 = 33;
    /// Acct-Status-Type.
    pub const ACCT_STATUS_TYPE: u8 = 40;
    /// Acct-Input-Octets.
    pub const ACCT_INPUT_OCTETS: u8 = 42;
    /// Acct-Session-Id.
    pub const ACCT_SESSION_ID: u8 = 44;
    /// Event-Timestamp.
    pub const EVENT_TIMESTAMP: u8 = 55;
    /// EAP-Message.
    pub const EAP_MESSAGE: u8 = 79;
    /// Message-Authenticator.
    pub const MESSAGE_AUTHENTICATOR: u8 = 80;
    /// Error-Cause.
    pub const ERROR_CAUSE: u8 = 101;
}

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    code: u8,
    id: u8,
    authenticator: [u8; 16],
    attributes: Vec<(u8, Vec<u8>)>,
    signed: bool,
}

impl Request {
    /// An Access-Request with Message-Authenticator, unless [`unsigned`](Self::unsigned).
    pub fn access(id: u8) -> Self {
        Self::new(code::ACCESS_REQUEST, id, true)
    }

    /// An Accounting-Request.
    pub fn accounting(id: u8) -> Self {
        Self::new(code::ACCOUNTING_REQUEST, id, false)
    }

    /// A CoA-Request.
    pub fn coa(id: u8) -> Self {
        Self::new(code::COA_REQUEST, id, true)
    }

    /// A Disconnect-Request.
    pub fn disconnect(id: u8) -> Self {
        Self::new(code::DISCONNECT_REQUEST, id, true)
    }

    /// A Status-Server.
    pub fn status(id: u8) -> Self {
        Self::new(code::STATUS_SERVER, id, true)
    }

    fn new(code: u8, id: u8, signed: bool) -> Self {
        Self {
            code,
            id,
            authenticator: fresh(),
            attributes: Vec::new(),
            signed,
        }
    }

    /// Leaves Message-Authenticator out.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    /// Adds User-Name and a hidden User-Password (RFC 2865 section 5.2).
    #[must_use]
    pub fn pap(self, user: &str, password: &str, secret: &str) -> Self {
        let mut padded = password.as_bytes().to_vec();
        padded.resize(password.len().max(1).next_multiple_of(16), 0);
        let mut hidden: Vec<u8> = Vec::with_capacity(padded.len());
        for block in padded.chunks(16) {
            let from = hidden.len().saturating_sub(16);
            let before = if hidden.is_empty() {
                &self.authenticator[..]
            } else {
                &hidden[from..]
            };
            let mask = Md5::new()
                .chain_update(secret)
                .chain_update(before)
                .finalize();
            let sealed: Vec<u8> = block
                .iter()
                .zip(mask)
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            hidden.extend(sealed);
        }
        self.with(attribute::USER_NAME, user.as_bytes())
            .with(attribute::USER_PASSWORD, &hidden)
    }

    /// The Request Authenticator that a reply must answer; of an Accounting-Request only the
    /// encoded form has it.
    pub fn authenticator(&self) -> [u8; 16] {
        self.authenticator
    }

    /// The octets, Message-Authenticator first, authenticators computed with `secret`.
    pub fn encode(&self, secret: &str) -> Vec<u8> {
        // A sum over the packet instead of random octets.
        let summed = [
            code::ACCOUNTING_REQUEST,
            code::COA_REQUEST,
            code::DISCONNECT_REQUEST,
        ]
        .contains(&self.code);
        let mut bytes = vec![self.code, self.id, 0, 0];
        bytes.extend(if summed { [0; 16] } else { self.authenticator });
        if self.signed {
            bytes.extend([attribute::MESSAGE_AUTHENTICATOR, 18]);
            bytes.extend([0; 16]);
        }
        for (kind, value) in &self.attributes {
            bytes.extend([
                *kind,
                u8::try_from(value.len() + 2).must("a short attribute"),
            ]);
            bytes.extend(value);
        }
        let length = u16::try_from(bytes.len()).must("a packet that fits");
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        if self.signed {
            let mac = hmac(secret, &bytes);
            bytes[22..38].copy_from_slice(&mac);
        }
        if summed {
            let digest = Md5::new()
                .chain_update(&bytes)
                .chain_update(secret)
                .finalize();
            bytes[4..20].copy_from_slice(&digest);
        }
        bytes
    }
}

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Packet code.
    pub code: u8,
    /// Identifier.
    pub id: u8,
    /// Type and value, in order.
    pub attributes: Vec<(u8, Vec<u8>)>,
}

impl Reply {
    /// Reads a reply to `request`, both as octets, and checks every authenticator in it.
    pub fn read(reply: &[u8], request: &[u8], secret: &str) -> Result<Self, Fault> {
        if reply.len() < 20 {
            return Err(Fault::Short);
        }
        let length = usize::from(u16::from_be_bytes([reply[2], reply[3]]));
        if length != reply.len() {
            return Err(Fault::Length);
        }
        if reply[1] != request[1] {
            return Err(Fault::Identifier);
        }
        let signed = Md5::new()
            .chain_update(&reply[..4])
            .chain_update(&request[4..20])
            .chain_update(&reply[20..])
            .chain_update(secret)
            .finalize();
        if signed[..] != reply[4..20] {
            return Err(Fault::ResponseAuthenticator);
        }
        let attributes = attributes(&reply[20..])?;
        let mut at = 20;
        for (kind, value) in &attributes {
            let place = at + 2..at + 2 + value.len();
            at = place.end;
            if *kind == attribute::MESSAGE_AUTHENTICATOR {
                let mut zeroed = reply.to_vec();
                zeroed[4..20].copy_from_slice(&request[4..20]);
                zeroed[place].fill(0);
                if value[..] != hmac(secret, &zeroed) {
                    return Err(Fault::MessageAuthenticator);
                }
            }
        }
        Ok(Self {
            code: reply[0],
            id: reply[1],
            attributes,
        })
    }

    /// As [`read`](Self::read), for a reply that must be right.
    #[track_caller]
    pub fn verified(reply: &[u8], request: &[u8], secret: &str) -> Self {
        Self::read(reply, request, secret).must("a reply that verifies")
    }

    /// Every value of one attribute, in order.
    pub fn values(&self, kind: u8) -> Vec<&[u8]> {
        let found = self.attributes.iter().filter(|(found, _)| *found == kind);
        found.map(|(_, value)| value.as_slice()).collect()
    }
}

/// An answer to `request`, with Message-Authenticator first and both authenticators right.
pub fn answer(request: &[u8], code: u8, attributes: &[(u8, &[u8])], secret: &str) -> Vec<u8> {
    let mut bytes = vec![code, request[1], 0, 0];
    bytes.extend(&request[4..20]);
    bytes.extend([attribute::MESSAGE_AUTHENTICATOR, 18]);
    bytes.extend([0; 16]);
    for (kind, value) in attributes {
        let length = u8::try_from(value.len() + 2).must("a short attribute");
        bytes.extend([*kind, length]);
        bytes.extend(*value);
    }
    let length = u16::try_from(bytes.len()).must("a packet that fits");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let mac = hmac(secret, &bytes);
    bytes[22..38].copy_from_slice(&mac);
    let digest = Md5::new()
        .chain_update(&bytes)
        .chain_update(secret)
        .finalize();
    bytes[4..20].copy_from_slice(&digest);
    bytes
}

/// Takes the first whole packet from what a stream has brought.
pub fn take_packet(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = u16::from_be_bytes([*stream.get(2)?, *stream.get(3)?]);
    let length = usize::from(length);
    (length >= 20 && stream.len() >= length).then(|| stream.drain(..length).collect())
}

fn attributes(bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Fault> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(kind) = rest.first() {
        let size = rest.get(1).map_or(0, |size| usize::from(*size));
        if size < 2 || size > rest.len() {
            return Err(Fault::Attribute(*kind));
        }
        found.push((*kind, rest[2..size].to_vec()));
        rest = &rest[size..];
    }
    Ok(found)
}

/// What is wrong with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An attribute of this type is too short or does not fit.
    Attribute(u8),
    /// It answers another request.
    Identifier,
    /// The Length field differs from the datagram.
    Length,
    /// Message-Authenticator does not verify.
    MessageAuthenticator,
    /// The Response Authenticator does not verify.
    ResponseAuthenticator,
    /// Not even a header.
    Short,
}

/// Sends `request` from `socket` and waits for the next datagram from `server`.
pub fn exchange(
    socket: &UdpSocket,
    server: SocketAddr,
    request: &[u8],
    patience: Duration,
) -> Option<Vec<u8>> {
    socket.send_to(request, server).must("send a request");
    receive(socket, server, patience)
}

/// Waits for the next datagram from `server`.
pub fn receive(socket: &UdpSocket, server: SocketAddr, patience: Duration) -> Option<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut buffer = [0; 4096];
    loop {
        let left = deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).must("set a timeout");
        // An error is the timeout, or the news that nobody listens there yet.
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && from == server
        {
            return Some(buffer[..length].to_vec());
        }
    }
}

fn hmac(secret: &str, bytes: &[u8]) -> [u8; 16] {
    let mac = Hmac::<Md5>::new_from_slice(secret.as_bytes()).must("a key");
    mac.chain_update(bytes).finalize().into_bytes().into()
}

/// Sixteen octets that no other request of this run has.
fn fresh() -> [u8; 16] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let process = std::process::id().to_be_bytes();
    let time = std::time::UNIX_EPOCH
        .elapsed()
        .must("a clock after 1970")
        .as_nanos()
        .to_be_bytes();
    Md5::new()
        .chain_update(count)
        .chain_update(process)
        .chain_update(time)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 2865 section 7.1.
    const QUESTION: &str = "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413\
        ce3196e43f782a0aee0406c0a80110050600000003";
    const ANSWER: &str =
        "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103";

    #[test]
    fn the_password_of_rfc_2865_is_hidden_as_printed() {
        let mut request = Request::access(0).unsigned();
        request.authenticator = bytes(QUESTION)[4..20].try_into().unwrap();
        let request = request
            .pap("nemo", "arctangent", "xyzzy5461")
            .with(4, &[192, 168, 1, 16])
            .with(attribute::NAS_PORT, &[0, 0, 0, 3]);
        assert_eq!(request.encode("xyzzy5461"), bytes(QUESTION));
    }

    #[test]
    fn the_answer_of_rfc_2865_verifies() {
        let reply = Reply::verified(&bytes(ANSWER), &bytes(QUESTION), "xyzzy5461");
        assert_eq!(reply.code, code::ACCESS_ACCEPT);
        assert_eq!(reply.values(14), [[192, 168, 1, 3]]);
    }

    #[test]
    fn answers_that_are_not_right_do_not_verify() {
        let read = |reply: &[u8], secret| Reply::read(reply, &bytes(QUESTION), secret).err();
        let answer = bytes(ANSWER);
        assert_eq!(
            read(&answer, "xyzzy5462"),
            Some(Fault::ResponseAuthenticator)
        );
        assert_eq!(read(&answer[..19], "xyzzy5461"), Some(Fault::Short));
        assert_eq!(read(&answer[..37], "xyzzy5461"), Some(Fault::Length));
        let mut other = answer.clone();
        other[1] = 1;
        assert_eq!(read(&other, "xyzzy5461"), Some(Fault::Identifier));
    }

    /// RFC 5997 section 6.1: a signed Status-Server.
    #[test]
    fn message_authenticators_are_computed_as_in_rfc_5997() {
        let printed =
            bytes("0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3");
        let mut request = Request::status(0xda);
        request.authenticator = printed[4..20].try_into().unwrap();
        assert_eq!(request.encode("xyzzy5461"), printed);
    }

    #[test]
    fn an_answer_made_by_hand_verifies() {
        let request = Request::access(7)
            .pap("bob", "hello world", "s")
            .encode("s");
        let reply = answer(&request, code::ACCESS_ACCEPT, &[(18, b"hello")], "s");
        let read = Reply::verified(&reply, &request, "s");
        assert_eq!((read.code, read.id), (code::ACCESS_ACCEPT, 7));
        assert_eq!(read.values(18), [b"hello"]);
        let mut forged = reply.clone();
        forged[22] ^= 1;
        assert!(Reply::read(&forged, &request, "s").is_err());
    }

    #[test]
    fn packets_are_cut_from_a_stream_at_their_length() {
        let request = Request::status(1).encode("s");
        let mut stream = [request.clone(), request[..10].to_vec()].concat();
        assert_eq!(take_packet(&mut stream), Some(request.clone()));
        assert_eq!(take_packet(&mut stream), None);
        stream.extend(&request[10..]);
        assert_eq!(take_packet(&mut stream), Some(request));
        assert!(stream.is_empty());
    }

    #[test]
    fn no_two_requests_share_an_authenticator() {
        assert_ne!(
            Request::access(1).authenticator(),
            Request::access(1).authenticator()
        );
    }
}
