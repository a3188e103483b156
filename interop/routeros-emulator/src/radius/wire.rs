//! Requests on their way to servers and back, and what is counted of them.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    debug,
    entry::{About, Entry},
    secure::{Lines, Secured},
};
use crate::{Machine, Record};
use portreeve_proto::{Ask, AttributeList, BadReply, Code, Packet, Query, Secret, Spec, attr};
use tokio::{
    net::UdpSocket,
    time::{sleep_until, timeout_at},
};

/// How often a request is sent to a server in all.
const TRANSMISSIONS: u32 = 3;
/// Octets of Message-Authenticator.
const SIGNATURE_OCTETS: usize = 18;

/// What `/radius monitor` shows of an entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pending: u64,
    requests: u64,
    accepts: u64,
    rejects: u64,
    resends: u64,
    timeouts: u64,
    bad_replies: u64,
    last_rtt: Duration,
}

impl Tally {
    /// As the API prints it.
    pub(super) fn record(&self) -> Record {
        Record::new()
            .with("pending", self.pending.to_string())
            .with("requests", self.requests.to_string())
            .with("accepts", self.accepts.to_string())
            .with("rejects", self.rejects.to_string())
            .with("resends", self.resends.to_string())
            .with("timeouts", self.timeouts.to_string())
            .with("bad-replies", self.bad_replies.to_string())
            .with(
                "last-request-rtt",
                format!("{}ms", self.last_rtt.as_millis()),
            )
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No entry of `/radius` is for this.
    NoServer,
    /// None that counts came in time.
    Timeout,
}

/// What is to be sent.
pub(super) struct Asking<'a> {
    /// Log-in or record.
    pub(super) about: About,
    /// `service=` in the log.
    pub(super) service: &'static str,
    /// `called-id=` in the log.
    pub(super) called: &'a str,
    /// The attributes for this entry and this address of ours.
    pub(super) attributes: &'a (dyn Fn(&Entry, IpAddr) -> AttributeList + Send + Sync),
}

/// An answer that has been verified.
pub(super) struct Answer {
    octets: Vec<u8>,
    hidden: Hidden,
    /// Who gave it.
    pub(super) entry: Entry,
}

enum Hidden {
    Datagram(Query, Secret),
    Stream(Box<portreeve::client::Response>),
}

impl Answer {
    /// The packet.
    pub(super) fn packet(&self) -> Packet<'_> {
        match Packet::parse_within(&self.octets, Packet::MAX_STREAM) {
            Ok(packet) => packet,
            Err(_) => unreachable!("it was parsed when it came"),
        }
    }

    /// Whether it lets in.
    pub(super) fn is_accept(&self) -> bool {
        self.packet().code() == Code::ACCESS_ACCEPT
    }

    /// The first value of a hidden attribute; wiped when dropped.
    pub(super) fn reveal(&self, spec: &Spec) -> Option<impl Deref<Target = Vec<u8>> + use<>> {
        match &self.hidden {
            Hidden::Stream(response) => response.reveal_spec(spec),
            Hidden::Datagram(query, secret) => {
                let as_it_came: attr::Attr<attr::Octets> = attr::Attr::new(*spec);
                query.reveal(spec, self.packet().get(as_it_came)?, secret)
            }
        }
    }
}

/// The way out of one router.
pub(super) struct Wire {
    tallies: Mutex<HashMap<String, Tally>>,
    lines: Lines,
    next: AtomicU32,
}

impl Wire {
    /// Nothing is open yet.
    pub(super) fn new() -> Self {
        Self {
            tallies: Mutex::default(),
            lines: Lines::default(),
            next: AtomicU32::new(0x1b00),
        }
    }

    /// The counters of an entry.
    pub(super) fn tally(&self, id: &str) -> Tally {
        self.tallies().get(id).copied().unwrap_or_default()
    }

    /// Counts anew, for one entry or for all.
    pub(super) fn reset(&self, id: Option<&str>) {
        match id {
            Some(id) => {
                self.tallies().remove(id);
            }
            None => self.tallies().clear(),
        }
    }

    /// Closes what is open, as a start does.
    pub(super) fn close(&self) {
        self.reset(None);
        self.lines.close();
    }

    /// What `status` says of an entry over TLS.
    pub(super) fn status(&self, id: &str) -> Option<String> {
        self.lines.status(id)
    }

    /// Asks the entries in their order until one answers.
    pub(super) async fn ask(
        &self,
        machine: &Arc<Machine>,
        entries: &[Entry],
        asking: &Asking<'_>,
    ) -> Result<Answer, NoAnswer> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:02x}:{:02x}", (number >> 8) & 0xff, number & 0xff);
        let code = ask_of(asking.about).code();
        let called = asking.called;
        machine.log(
            "radius,debug",
            format!(
                "new request {name} code={} service={} called-id={called}",
                code.name().unwrap_or("?"),
                asking.service
            ),
        );
        if entries.is_empty() {
            machine.log("radius,debug", format!("no radius server found for {name}"));
            return Err(NoAnswer::NoServer);
        }
        for entry in entries {
            if let Some(answer) = self.ask_one(machine, entry, asking, &name).await {
                return Ok(answer);
            }
        }
        Err(NoAnswer::Timeout)
    }

    async fn ask_one(
        &self,
        machine: &Arc<Machine>,
        entry: &Entry,
        asking: &Asking<'_>,
        name: &str,
    ) -> Option<Answer> {
        let server = entry.server(asking.about);
        machine.log("radius,debug", format!("sending {name} to {server}"));
        self.count(entry, |tally| {
            tally.pending += 1;
            tally.requests += 1;
        });
        let began = Instant::now();
        let answer = if entry.is_radsec {
            self.over_tls(machine, entry, asking).await
        } else {
            self.over_udp(machine, entry, asking, name).await
        };
        let rtt = began.elapsed();
        self.count(entry, |tally| {
            tally.pending = tally.pending.saturating_sub(1);
            match answer.as_ref().map(|answer| answer.packet().code()) {
                None => tally.timeouts += 1,
                Some(Code::ACCESS_REJECT) => tally.rejects += 1,
                Some(_) => tally.accepts += 1,
            }
            if answer.is_some() {
                tally.last_rtt = rtt;
            }
        });
        let said = if answer.is_some() {
            format!("received reply for {name}")
        } else {
            format!("timeout for {name}")
        };
        machine.log("radius,debug", said);
        answer
    }

    async fn over_tls(
        &self,
        machine: &Arc<Machine>,
        entry: &Entry,
        asking: &Asking<'_>,
    ) -> Option<Answer> {
        let server = entry.server(asking.about);
        let ours = local_address(entry, server).await?;
        let list = (asking.attributes)(entry, ours);
        let ask = ask_of(asking.about);
        match self.lines.exchange(machine, entry, (ask, list)).await {
            Secured::Answer(response) => {
                let octets = response.packet().octets().to_vec();
                debug::received(machine, &octets, server);
                Some(Answer {
                    octets,
                    hidden: Hidden::Stream(response),
                    entry: entry.clone(),
                })
            }
            Secured::Nothing => None,
        }
    }

    async fn over_udp(
        &self,
        machine: &Arc<Machine>,
        entry: &Entry,
        asking: &Asking<'_>,
        name: &str,
    ) -> Option<Answer> {
        let server = entry.server(asking.about);
        let secret = Secret::new(&entry.secret).ok()?;
        let Some(socket) = socket(entry.source, server).await else {
            let source = entry.source.map(|it| it.to_string()).unwrap_or_default();
            machine.log("radius,debug", format!("cannot send {name} from {source}"));
            // What cannot leave is waited for all the same.
            tokio::time::sleep(entry.timeout * TRANSMISSIONS).await;
            return None;
        };
        let ours = socket.local_addr().ok()?.ip();
        let list = (asking.attributes)(entry, ours);
        let is_signed = entry.signs || list.contains(&attr::EAP_MESSAGE.spec().oid);
        let (query, octets) = encode(asking.about, &list, &secret, is_signed)?;
        for transmission in 0..TRANSMISSIONS {
            if transmission > 0 {
                machine.log("radius,debug", format!("resending {name}"));
                self.count(entry, |tally| tally.resends += 1);
            }
            debug::sending(machine, &octets, server);
            // A port that nobody listens on is told by the system; a router waits as well.
            drop(socket.send(&octets).await);
            let until = Instant::now() + entry.timeout;
            if let Some(octets) = self
                .listen(machine, entry, &socket, (&query, &secret), until)
                .await
            {
                return Some(Answer {
                    octets,
                    hidden: Hidden::Datagram(query, secret),
                    entry: entry.clone(),
                });
            }
        }
        None
    }

    /// Waits for the answer; what does not verify is counted and changes nothing.
    async fn listen(
        &self,
        machine: &Arc<Machine>,
        entry: &Entry,
        socket: &UdpSocket,
        (query, secret): (&Query, &Secret),
        until: Instant,
    ) -> Option<Vec<u8>> {
        let mut buffer = vec![0; Packet::MAX];
        loop {
            let length = match timeout_at(until.into(), socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => length,
                Ok(Err(_)) => {
                    sleep_until(until.into()).await;
                    return None;
                }
                Err(_) => return None,
            };
            let octets = buffer.get(..length).unwrap_or_default();
            let from = socket.peer_addr().ok()?;
            match query.accept(octets, secret, entry.signs) {
                Ok(_) => {
                    debug::received(machine, octets, from);
                    return Some(octets.to_vec());
                }
                Err(reason) => self.bad_reply(machine, entry, (reason, from)),
            }
        }
    }

    fn bad_reply(&self, machine: &Machine, entry: &Entry, (why, from): (BadReply, SocketAddr)) {
        self.count(entry, |tally| tally.bad_replies += 1);
        machine.log("radius,debug", format!("bad reply from {from}: {why}"));
    }

    fn count(&self, entry: &Entry, count: impl FnOnce(&mut Tally)) {
        count(self.tallies().entry(entry.id.clone()).or_default());
    }

    fn tallies(&self) -> MutexGuard<'_, HashMap<String, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask_of(about: About) -> Ask {
    match about {
        About::Access => Ask::Access,
        About::Accounting => Ask::Accounting,
    }
}

/// Fills octets with what nobody can guess; nothing predictable is handed out instead.
pub(super) fn random(octets: &mut [u8]) {
    while getrandom::fill(octets).is_err() {
        std::thread::yield_now();
    }
}

/// Lays a request out. Routers before 7.15 sign none but EAP, so there the signature that the
/// codec insists on is taken out again: an Access-Request has no other that depends on it.
fn encode(
    about: About,
    list: &AttributeList,
    secret: &Secret,
    is_signed: bool,
) -> Option<(Query, Vec<u8>)> {
    let mut octets = Vec::new();
    let [identifier] = fresh();
    let authenticator = fresh();
    let query = Query::encode_under(
        ask_of(about),
        identifier,
        authenticator,
        list,
        secret,
        false,
        &mut random,
        &mut octets,
    );
    let query = query.ok()?;
    if about == About::Access && !is_signed {
        octets.drain(Packet::HEADER..Packet::HEADER + SIGNATURE_OCTETS);
        let length = u16::try_from(octets.len()).ok()?.to_be_bytes();
        octets.get_mut(2..4)?.copy_from_slice(&length);
    }
    Some((query, octets))
}

fn fresh<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    random(&mut octets);
    octets
}

async fn socket(source: Option<IpAddr>, server: SocketAddr) -> Option<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0)).await.ok()?;
    socket.connect(server).await.ok()?;
    Some(socket)
}

/// The address that a connection to a server would come from.
async fn local_address(entry: &Entry, server: SocketAddr) -> Option<IpAddr> {
    let socket = socket(entry.source, server).await?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use portreeve_proto::inspect::{Check, inspect};

    use super::*;

    fn signed(is_signed: bool) -> (Check, Option<Vec<u8>>) {
        let secret = Secret::new("s3cret").unwrap();
        let list = AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::USER_PASSWORD, "12345");
        let (_, octets) = encode(About::Access, &list, &secret, is_signed).unwrap();
        let packet = Packet::parse(&octets).unwrap();
        let hidden: attr::Attr<attr::Octets> = attr::Attr::new(*attr::USER_PASSWORD.spec());
        let password = portreeve_proto::inspect::reveal(
            &packet,
            None,
            attr::USER_PASSWORD.spec(),
            packet.get(hidden).unwrap(),
            &secret,
        );
        let check = inspect(&packet, None, &secret).message_authenticator;
        (check, password.map(|it| it.to_vec()))
    }

    #[test]
    fn old_routers_do_not_sign_and_new_ones_do() {
        assert_eq!(signed(false), (Check::Absent, Some(b"12345".to_vec())));
        assert_eq!(signed(true), (Check::Valid, Some(b"12345".to_vec())));
    }
}
