//! CoA-Request and Disconnect-Request on the port of `/radius incoming`.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use md5::{Digest as _, Md5};
use portreeve_proto::{
    Code, Dictionary, ErrorCause, Packet, Secret,
    attr::{self, acct_terminate_cause as cause},
    inspect::{Check, inspect},
};
use tokio::net::UdpSocket;

use super::{
    Radius, debug, entry,
    local::queue,
    session::{Kind, Session},
    terms::Terms,
};
use crate::Record;

/// How often the menu is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Answers that are kept for requests that come again.
const KEPT: usize = 64;
/// Octets of attributes in an answer at most.
const ROOM: usize = 3000;
/// NAS-Identifier, Error-Cause.
const NAS_IDENTIFIER: u8 = 32;
const ERROR_CAUSE: u8 = 101;
const PROXY_STATE: u8 = 33;

/// What `/radius incoming monitor` shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    requests: u64,
    bad_requests: u64,
    acks: u64,
    naks: u64,
}

impl Tally {
    /// As the API prints it.
    pub(super) fn record(&self) -> Record {
        Record::new()
            .with("requests", self.requests.to_string())
            .with("bad-requests", self.bad_requests.to_string())
            .with("acks", self.acks.to_string())
            .with("naks", self.naks.to_string())
    }
}

/// A request that was answered, to be known when it comes again.
struct Done {
    from: SocketAddr,
    head: [u8; 20],
    answer: Vec<u8>,
}

/// Listens where the menu says, as long as it says so.
pub(super) async fn serve(radius: Radius) {
    let mut open: Option<(SocketAddr, UdpSocket)> = None;
    let mut done = VecDeque::new();
    loop {
        let wanted = wanted(&radius);
        if open.as_ref().map(|(at, _)| *at) != wanted {
            open = None;
            if let Some(at) = wanted {
                open = UdpSocket::bind(at).await.ok().map(|socket| (at, socket));
            }
        }
        let Some((_, socket)) = &open else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let mut buffer = vec![0; Packet::MAX];
        let received = tokio::time::timeout(LOOK, socket.recv_from(&mut buffer)).await;
        if let Ok(Ok((length, from))) = received {
            let octets = buffer.get(..length).unwrap_or_default();
            if let Some(answer) = radius.confirm(octets, from, &mut done) {
                debug::sending(radius.machine(), &answer, from);
                drop(socket.send_to(&answer, from).await);
            }
        }
    }
}

fn wanted(radius: &Radius) -> Option<SocketAddr> {
    let row = radius.machine().one("/radius/incoming");
    let port = row.text("port").parse().unwrap_or(3799);
    let address = radius.address();
    row.is("accept").then(|| SocketAddr::new(address, port))
}

impl Radius {
    /// Answers a datagram, or keeps silent.
    fn confirm(
        &self,
        octets: &[u8],
        from: SocketAddr,
        done: &mut VecDeque<Done>,
    ) -> Option<Vec<u8>> {
        let head: [u8; 20] = octets.get(..20)?.try_into().ok()?;
        let again = done.iter().find(|it| it.from == from && it.head == head);
        if let Some(again) = again {
            return Some(again.answer.clone());
        }
        self.incoming().requests += 1;
        let Some((packet, secret)) = self.authentic(octets, from.ip()) else {
            self.incoming().bad_requests += 1;
            self.machine()
                .log("radius,debug", format!("bad request from {from}"));
            return None;
        };
        debug::received(self.machine(), octets, from);
        let is_coa = packet.code() == Code::COA_REQUEST;
        let outcome = self.obey(&packet, is_coa);
        let code = match (is_coa, &outcome) {
            (true, Ok(())) => Code::COA_ACK,
            (true, Err(_)) => Code::COA_NAK,
            (false, Ok(())) => Code::DISCONNECT_ACK,
            (false, Err(_)) => Code::DISCONNECT_NAK,
        };
        match outcome {
            Ok(()) => self.incoming().acks += 1,
            Err(_) => self.incoming().naks += 1,
        }
        let identity = self.machine().identity();
        let answer = answer(&packet, (code, outcome.err()), &identity, secret.as_bytes())?;
        if done.len() >= KEPT {
            done.pop_front();
        }
        let kept = answer.clone();
        done.push_back(Done {
            from,
            head,
            answer: kept,
        });
        Some(answer)
    }

    /// A request counts if it comes from the very address of an entry of `/radius`, signed with
    /// that entry's secret.
    fn authentic<'a>(&self, octets: &'a [u8], from: IpAddr) -> Option<(Packet<'a>, String)> {
        let packet = Packet::parse(octets).ok()?;
        if !matches!(packet.code(), Code::COA_REQUEST | Code::DISCONNECT_REQUEST) {
            return None;
        }
        let entries = self.entries();
        let text = &entry::from_server(&entries, from)?.secret;
        let secret = Secret::new(text).ok()?;
        let inspection = inspect(&packet, None, &secret);
        let is_signed = !matches!(
            inspection.message_authenticator,
            Check::Wrong | Check::Malformed
        );
        let is_authentic = inspection.authenticator == Check::Valid && is_signed;
        is_authentic.then(|| (packet, text.clone()))
    }

    fn obey(&self, packet: &Packet<'_>, is_coa: bool) -> Result<(), ErrorCause> {
        if is_coa && !may_change(packet) {
            return Err(ErrorCause::UnsupportedAttribute);
        }
        let named = packet.get(attr::NAS_IDENTIFIER);
        if named.is_some_and(|name| name != self.machine().identity()) {
            return Err(ErrorCause::NasIdentificationMismatch);
        }
        let meant = Meant::of(packet);
        let matching: Vec<u64> = {
            let sessions = self.sessions();
            let all = sessions.iter().filter(|it| meant.is(it, is_coa));
            all.map(|it| it.number).collect()
        };
        if matching.is_empty() {
            return Err(ErrorCause::SessionContextNotFound);
        }
        let change = Terms::of(packet);
        if is_coa && change.rate_fault.is_some() {
            return Err(ErrorCause::InvalidAttributeValue);
        }
        for number in matching {
            if is_coa {
                self.change(number, change.clone());
            } else {
                self.end(number, cause::ADMIN_RESET);
            }
        }
        Ok(())
    }

    /// Gives a session other terms, and its queue with them.
    fn change(&self, number: u64, change: Terms) {
        let machine = self.machine();
        let (rows, terms, name, target) = {
            let mut sessions = self.sessions();
            let Some(session) = sessions.get_mut(number) else {
                return;
            };
            session.terms.change(change);
            // A new bound on silence counts from the change.
            session.heard = Instant::now();
            let (name, target) = queue_of(session);
            (session.rows.clone(), session.terms.clone(), name, target)
        };
        let Some(rate) = &terms.rate else {
            return;
        };
        if let Some((_, id)) = rows.iter().find(|(menu, _)| menu == "/queue/simple") {
            let values: Record = rate.queue().into_iter().collect();
            machine.update("/queue/simple", id, &values);
            return;
        }
        let id = machine.insert("/queue/simple", queue(&name, &target, rate), true);
        if let Some(session) = self.sessions().get_mut(number) {
            session.rows.push(("/queue/simple".to_owned(), id));
        }
    }
}

/// The queue's name and target.
fn queue_of(session: &Session) -> (String, String) {
    let address = session.shape.address.map(|it| it.to_string());
    let address = address.unwrap_or_default();
    match session.kind {
        Kind::Ppp(kind) => {
            let name = format!("<{kind}-{}>", session.shape.user);
            (name.clone(), name)
        }
        Kind::Hotspot => {
            let name = format!("<hotspot-{}>", session.shape.user);
            (name, format!("{address}/32"))
        }
        _ => (format!("<{}>", session.mac), address),
    }
}

/// The session that is meant.
struct Meant<'a> {
    user: Option<&'a str>,
    id: Option<&'a str>,
    address: Option<std::net::Ipv4Addr>,
}

impl<'a> Meant<'a> {
    fn of(packet: &Packet<'a>) -> Self {
        Self {
            user: packet.get(attr::USER_NAME),
            id: packet.get(attr::ACCT_SESSION_ID),
            address: packet.get(attr::FRAMED_IP_ADDRESS),
        }
    }

    /// Whether this session is meant. Whatever is said must be true; how much must be said differs
    /// by service: PPP ends by its name alone, a change wants two identifiers, a hotspot wants the
    /// address beside the name, and Wi-Fi knows a client by its hardware address, in capitals and
    /// with colons, as User-Name.
    fn is(&self, session: &Session, is_coa: bool) -> bool {
        let shape = &session.shape;
        if session.kind == Kind::Wireless {
            let is_client = self.user == Some(&session.mac);
            return is_client && self.id.is_none_or(|id| id == session.id);
        }
        let is_true = self.user.is_none_or(|user| user == shape.user)
            && self.id.is_none_or(|id| id == session.id)
            && self.address.is_none_or(|it| shape.address == Some(it));
        let said = usize::from(self.user.is_some())
            + usize::from(self.id.is_some())
            + usize::from(self.address.is_some());
        let enough = match session.kind {
            Kind::Ppp(_) if !is_coa => 1,
            _ => 2,
        };
        let names_place = session.kind != Kind::Hotspot || self.address.is_some();
        is_true && said >= enough && names_place
    }
}

/// Whether a CoA-Request holds nothing but what names the session and what may be changed.
fn may_change(packet: &Packet<'_>) -> bool {
    const NAMING: [&str; 15] = [
        "User-Name",
        "Acct-Session-Id",
        "Acct-Multi-Session-Id",
        "NAS-IP-Address",
        "NAS-IPv6-Address",
        "NAS-Identifier",
        "NAS-Port",
        "NAS-Port-Id",
        "Calling-Station-Id",
        "Called-Station-Id",
        "Framed-IP-Address",
        "Event-Timestamp",
        "Message-Authenticator",
        "Proxy-State",
        "State",
    ];
    const CHANGEABLE: [&str; 18] = [
        "Mikrotik-Group",
        "Mikrotik-Recv-Limit",
        "Mikrotik-Recv-Limit-Gigawords",
        "Mikrotik-Xmit-Limit",
        "Mikrotik-Xmit-Limit-Gigawords",
        "Mikrotik-Total-Limit",
        "Mikrotik-Total-Limit-Gigawords",
        "Mikrotik-Rate-Limit",
        "Ascend-Data-Rate",
        "Ascend-Xmit-Rate",
        "Mikrotik-Mark-Id",
        "Filter-Id",
        "Mikrotik-Advertise-URL",
        "Mikrotik-Advertise-Interval",
        "Session-Timeout",
        "Idle-Timeout",
        "Port-Limit",
        "Acct-Interim-Interval",
    ];
    let values = Dictionary::builtin().decode(packet);
    values.iter().all(|value| {
        let name = &*value.attribute.name;
        NAMING.contains(&name) || CHANGEABLE.contains(&name)
    })
}

/// Lays an answer out and signs it (RFC 5176 section 3, RFC 2866 section 3).
fn answer(
    request: &Packet<'_>,
    (code, error): (Code, Option<ErrorCause>),
    identity: &str,
    secret: &[u8],
) -> Option<Vec<u8>> {
    let mut attributes = Vec::new();
    push(&mut attributes, NAS_IDENTIFIER, identity.as_bytes());
    if let Some(error) = error {
        push(&mut attributes, ERROR_CAUSE, &error.number().to_be_bytes());
    }
    let states = request.attributes().filter(|it| it.number == PROXY_STATE);
    for state in states {
        push(&mut attributes, PROXY_STATE, state.value);
    }
    attributes.truncate(ROOM);
    let length = u16::try_from(attributes.len() + Packet::HEADER).ok()?;
    let mut octets = vec![code.0, request.identifier()];
    octets.extend_from_slice(&length.to_be_bytes());
    let digest = Md5::new()
        .chain_update(&octets)
        .chain_update(request.authenticator())
        .chain_update(&attributes)
        .chain_update(secret)
        .finalize();
    octets.extend_from_slice(&digest);
    octets.extend_from_slice(&attributes);
    Some(octets)
}

fn push(attributes: &mut Vec<u8>, number: u8, value: &[u8]) {
    let value = value.get(..253).unwrap_or(value);
    let length = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
    if !value.is_empty() && attributes.len() + value.len() + 2 <= ROOM {
        attributes.extend_from_slice(&[number, length]);
        attributes.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use portreeve_proto::{Ask, AttributeList, Query, attr::mikrotik};

    use super::{super::session::tests::session, *};

    const SECRET: &str = "s3cret";

    fn request(ask: Ask, list: &AttributeList) -> (Query, Vec<u8>) {
        let mut octets = Vec::new();
        let secret = Secret::new(SECRET).unwrap();
        let mut random = |octets: &mut [u8]| octets.fill(7);
        let query = Query::encode(ask, 9, list, &secret, true, &mut random, &mut octets);
        (query.unwrap(), octets)
    }

    fn is_meant(session: &Session, is_coa: bool, list: &AttributeList) -> bool {
        let (_, octets) = request(Ask::Disconnect, list);
        let packet = Packet::parse(&octets).unwrap();
        Meant::of(&packet).is(session, is_coa)
    }

    #[test]
    fn ppp_ends_by_name_and_changes_by_two() {
        let ppp = session(Kind::Ppp("pppoe"), "tim");
        let name = AttributeList::new().with(attr::USER_NAME, "tim");
        assert!(is_meant(&ppp, false, &name));
        assert!(!is_meant(&ppp, true, &name));
        let both = name.clone().with(attr::ACCT_SESSION_ID, &*ppp.id);
        assert!(is_meant(&ppp, true, &both));
        let wrong = name.with(attr::ACCT_SESSION_ID, "81100002");
        assert!(!is_meant(&ppp, false, &wrong), "what is said must be true");
    }

    #[test]
    fn a_hotspot_wants_the_address() {
        let mut guest = session(Kind::Hotspot, "tim");
        guest.shape.address = Some(Ipv4Addr::new(10, 5, 50, 2));
        let named = AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::ACCT_SESSION_ID, &*guest.id);
        assert!(!is_meant(&guest, false, &named));
        let placed = AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::FRAMED_IP_ADDRESS, Ipv4Addr::new(10, 5, 50, 2));
        assert!(is_meant(&guest, false, &placed));
    }

    #[test]
    fn wifi_knows_clients_by_their_hardware_address() {
        let air = session(Kind::Wireless, "alice");
        let user = |name: &str| AttributeList::new().with(attr::USER_NAME, name);
        assert!(is_meant(&air, false, &user("AA:BB:CC:00:11:22")));
        for other in ["alice", "AA-BB-CC-00-11-22", "aa:bb:cc:00:11:22"] {
            assert!(!is_meant(&air, false, &user(other)), "{other}");
        }
    }

    #[test]
    fn addresses_and_lists_cannot_be_changed() {
        let name = AttributeList::new().with(attr::USER_NAME, "tim");
        let may = |list: &AttributeList| {
            let (_, octets) = request(Ask::Coa, list);
            may_change(&Packet::parse(&octets).unwrap())
        };
        assert!(may(&name.clone().with(mikrotik::RATE_LIMIT, "1M")));
        assert!(!may(&name.clone().with(mikrotik::ADDRESS_LIST, "slow")));
        assert!(!may(&name.with(attr::FRAMED_POOL, "other")));
    }

    #[test]
    fn an_answer_verifies_and_says_why() {
        let list = AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::PROXY_STATE, &b"xy"[..]);
        let (query, octets) = request(Ask::Coa, &list);
        let packet = Packet::parse(&octets).unwrap();
        let nak = (Code::COA_NAK, Some(ErrorCause::SessionContextNotFound));
        let octets = answer(&packet, nak, "MikroTik", SECRET.as_bytes()).unwrap();
        let secret = Secret::new(SECRET).unwrap();
        let reply = query.accept(&octets, &secret, false).unwrap();
        assert_eq!(reply.get(attr::ERROR_CAUSE), Some(503));
        assert_eq!(reply.get(attr::PROXY_STATE), Some(&b"xy"[..]));
        assert_eq!(reply.get(attr::NAS_IDENTIFIER), Some("MikroTik"));
    }
}
