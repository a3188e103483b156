//! What is fuzzed: each function takes arbitrary octets and must neither panic nor loop nor take
//! long.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run --features libfuzzer TARGET` looks for new inputs; every test
//! run replays the ones in `corpus/`.

mod eap;
mod routeros;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use portreeve_auth::{Credential, Method, prove};
use portreeve_proto::{
    AccessReply, AccountingReply, Arrival, Ask, AttributeList, CoaReply, Dictionary,
    DisconnectReply, DuplicateLimits, Endpoint, ErrorCause, Frames, Incoming, Packet, Peer,
    PeerTable, Query, Received, Reply, RequireMessageAuthenticator, Role, Secret, Transport,
    Version, attr,
    dictionary::{Source, SourceError},
};

pub use eap::eap;
pub use routeros::routeros;

/// The secret of every peer here.
pub const SECRET: &str = "xyzzy5461";

/// A whole server end on deterministic keys: datagrams, cut from the input, are received, proven
/// and answered. Each is sent as it is, and once more with its authenticators made good, so that
/// the gates behind them are reached.
pub fn receive(input: &[u8]) {
    let Some(peers) = peers() else { return };
    let mut endpoint = Endpoint::new(&DuplicateLimits {
        entries: 8,
        ..DuplicateLimits::default()
    });
    let mut out = Vec::new();
    let mut rest = input;
    let mut now = *start();
    while let [choice, length, more @ ..] = rest {
        let (datagram, later) = more.split_at(more.len().min(usize::from(*length) * 16));
        rest = later;
        now += Duration::from_millis(u64::from(*choice) * 10);
        let role = [Role::Auth, Role::Accounting, Role::Dynamic][usize::from(*choice) % 3];
        exchange(&mut endpoint, &peers, now, role, datagram, &mut out);
        if let Some(signed) = signed(role, *choice, datagram) {
            exchange(&mut endpoint, &peers, now, role, &signed, &mut out);
        }
    }
}

/// A connection in every form: octets are cut into packets, which are received, answered, sent on
/// as a proxy does, and taken for answers.
pub fn connection(input: &[u8]) {
    let [form, octets @ ..] = input else { return };
    let version = [Version::V1_0, Version::V1_1][usize::from(form & 1)];
    let transport = [Transport::Tls, Transport::Dtls][usize::from(form >> 1 & 1)];
    let Some(secret) = Secret::of_transport(transport) else {
        return;
    };
    let peer = Arc::new(Peer::new("nas", secret.clone()).transport(transport));
    let mut endpoint = Endpoint::connection(transport, version, &DuplicateLimits::default());
    let query = Query::encode_open(Ask::Access, 7, &AttributeList::new(), &mut Vec::new());
    let (mut frames, mut out) = (Frames::new(), Vec::new());
    for piece in octets.chunks(usize::from(form >> 2) + 1) {
        frames.space().extend_from_slice(piece);
        while let Ok(Some(packet)) = frames.next(transport.longest_packet()) {
            let arrival = Arrival {
                now: *start(),
                clock: std::time::UNIX_EPOCH,
                listener: 0,
                role: Role::Any,
                from: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
                datagram: packet,
            };
            if let Ok(query) = &query
                && let Ok(answer) = query.accept(packet, &secret, false)
            {
                let _list = query.onward(&answer, &secret, Dictionary::builtin(), &|_| true);
            }
            let received = endpoint.receive_from(&peer, &arrival, &mut fixed, &mut out);
            if let Received::Request(incoming, ticket) = received {
                pass_on(&incoming);
                let reply = decide(&incoming);
                let now = *start();
                let _sent = endpoint.answer(now, &incoming, &ticket, &reply, &mut fixed, &mut out);
            }
        }
    }
}

fn pass_on(incoming: &Incoming) {
    let Ok(list) = incoming.onward(Dictionary::builtin(), &|_| true) else {
        return;
    };
    let mut out = Vec::new();
    let _query = Query::encode_open(Ask::Access, 1, &list, &mut out);
}

/// An answer to a client's request: accepted only where it is the genuine one.
pub fn reply(input: &[u8]) {
    let Ok(secret) = Secret::new(SECRET) else {
        return;
    };
    let mut out = Vec::new();
    for ask in [
        Ask::Access,
        Ask::Accounting,
        Ask::Coa,
        Ask::Disconnect,
        Ask::Status,
    ] {
        let list = AttributeList::new();
        let Ok(query) = Query::encode(ask, 7, &list, &secret, true, &mut fixed, &mut out) else {
            continue;
        };
        if let Ok(answer) = query.accept(input, &secret, false) {
            let _shown = Dictionary::builtin().decode(&answer);
        }
    }
}

/// The attributes of a packet: walked, decoded by name, shown, and looked up by type.
pub fn attributes(input: &[u8]) {
    let Some(octets) = packet(1, input) else {
        return;
    };
    let Ok(packet) = Packet::parse(&octets) else {
        return;
    };
    for decoded in Dictionary::builtin().decode(&packet) {
        let _text = decoded.to_string();
    }
    let _name = packet.get(attr::USER_NAME);
    let _groups = packet.all(attr::TUNNEL_PRIVATE_GROUP_ID);
    let _eap = packet.joined(attr::EAP_MESSAGE);
}

/// A dictionary file, and look-ups by every name it defines.
pub fn dictionary(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _pair = Dictionary::builtin().pair(&text);
    let _parsed = Dictionary::parse(&mut Files(&text), "dictionary");
}

/// The file under test, and any other that it may include, which includes it again.
struct Files<'a>(&'a str);

impl Source for Files<'_> {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        Ok(match path {
            "dictionary" => self.0.to_owned(),
            _ => String::from("$INCLUDE dictionary\n"),
        })
    }
}

/// A configuration file.
pub fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _config = portreeve_daemon::config::Config::parse(Path::new("portreeve.toml"), &text);
}

/// A stored credential: parsing never panics, and what it took is read back.
///
/// # Panics
/// Where what was stored is not read back.
pub fn credential(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(credential) = Credential::parse(&text) {
        let again = Credential::parse(&credential.to_stored());
        assert!(again.is_ok(), "what was stored is read back");
    }
}

fn exchange(
    endpoint: &mut Endpoint,
    peers: &PeerTable,
    now: Instant,
    role: Role,
    datagram: &[u8],
    out: &mut Vec<u8>,
) {
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    let arrival = Arrival {
        now,
        clock: std::time::UNIX_EPOCH,
        listener: 0,
        role,
        from,
        datagram,
    };
    let (incoming, ticket, settled) = match endpoint.receive(peers, &arrival, &mut fixed, out) {
        Received::Request(incoming, ticket) => (incoming, ticket, None),
        Received::Settled(incoming, ticket, reply) => (incoming, ticket, Some(reply)),
        _ => return,
    };
    for decoded in Dictionary::builtin().decode(&incoming.packet()) {
        let _text = decoded.to_string();
    }
    let answer = settled.unwrap_or_else(|| decide(&incoming));
    let _answered = endpoint.answer(now, &incoming, &ticket, &answer, &mut fixed, out);
}

fn decide(incoming: &Incoming) -> Reply {
    match incoming {
        Incoming::Access(request) => {
            let _method = Method::of(request);
            if let Ok(credential) = Credential::parse("{CLEAR}12345") {
                let _proof = prove(request, &credential);
            }
            AccessReply::reject().with(attr::REPLY_MESSAGE, "no").into()
        }
        Incoming::Accounting(_) => AccountingReply::recorded().into(),
        Incoming::Coa(_) => CoaReply::nak(ErrorCause::UnsupportedExtension).into(),
        Incoming::Disconnect(_) => DisconnectReply::nak(ErrorCause::UnsupportedExtension).into(),
    }
}

/// The attributes of `datagram` in a packet that a peer with the secret would send.
fn signed(role: Role, choice: u8, datagram: &[u8]) -> Option<Vec<u8>> {
    let ask = match role {
        Role::Auth if choice >= 0x80 => Ask::Status,
        Role::Auth => Ask::Access,
        Role::Accounting => Ask::Accounting,
        _ if choice >= 0x80 => Ask::Disconnect,
        _ => Ask::Coa,
    };
    let octets = packet(ask.code().0, datagram.get(Packet::HEADER..)?)?;
    let secret = Secret::new(SECRET).ok()?;
    let mut list = AttributeList::new();
    for attribute in Packet::parse(&octets).ok()?.attributes() {
        let oid = portreeve_proto::Oid::from_parts(&[u32::from(attribute.number)])?;
        let spec = portreeve_proto::Spec::of(oid, portreeve_proto::DataType::Octets);
        if !attribute.value.is_empty() && spec.oid != attr::MESSAGE_AUTHENTICATOR.spec().oid {
            list.push(&spec, 0, attribute.value);
        }
    }
    let mut out = Vec::new();
    Query::encode(ask, choice, &list, &secret, true, &mut fixed, &mut out).ok()?;
    Some(out)
}

/// A packet around arbitrary attributes, cut where they stop making sense.
fn packet(code: u8, attributes: &[u8]) -> Option<Vec<u8>> {
    let mut octets = vec![code, 7, 0, 0];
    octets.extend_from_slice(&[9; 16]);
    let mut rest = attributes;
    while let [number, length, ..] = rest {
        let length = usize::from(*length).clamp(2, rest.len().min(255));
        octets.extend_from_slice(&[(*number).max(1), u8::try_from(length).ok()?]);
        octets.extend_from_slice(&rest[2..length]);
        rest = &rest[length..];
        if octets.len() > 3_800 {
            break;
        }
    }
    let length = u16::try_from(octets.len()).ok()?.to_be_bytes();
    octets[2..4].copy_from_slice(&length);
    Some(octets)
}

fn peers() -> Option<PeerTable> {
    let peer = Peer::new("nas", Secret::new(SECRET).ok()?)
        .require_message_authenticator(RequireMessageAuthenticator::No, false)
        .limit_proxy_state(false);
    let prefix = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
    Some(PeerTable::new([(prefix, Arc::new(peer))]))
}

fn start() -> &'static Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now)
}

fn fixed(octets: &mut [u8]) {
    octets.fill(0x5a);
}
