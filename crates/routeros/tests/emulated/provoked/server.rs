//! A RADIUS server as far as a check needs one: it hears the router, answers well or badly as it
//! is told to, and remembers what a server remembers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use md5::{Digest as _, Md5};
use portreeve_routeros::check::{Counted, Discarded, Kind, OurSide, Refused, ResponseTimes, Seen};
use tokio::{net::UdpSocket, task::JoinHandle};

pub(crate) const SECRET: &str = "kW2nDf8sQx5bVt1mZr7yHj4c";
const RATE: &[u8] = b"1M/10M";

/// How it behaves.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is told to it on its own"
)]
pub(crate) struct Manners {
    /// Says nothing to anybody, as if nothing arrived.
    pub(crate) silent: bool,
    /// Does not know the router's address.
    pub(crate) strange: bool,
    /// Wants Message-Authenticator in every request.
    pub(crate) demanding: bool,
    /// Puts no Message-Authenticator into answers.
    pub(crate) unsigned: bool,
    /// Sends an answer that does not verify before each that does.
    pub(crate) spoiling: bool,
    /// Hears no accounting.
    pub(crate) deaf: bool,
    /// Takes its time.
    pub(crate) slow: bool,
    /// Gives everybody a rate.
    pub(crate) rationing: bool,
    /// Keeps passwords as hashes, so that it cannot serve CHAP.
    pub(crate) hashing: bool,
    /// Knows no MAC addresses.
    pub(crate) choosy: bool,
}

#[derive(Default)]
struct Memory {
    manners: Manners,
    seen: Vec<Seen>,
    discards: Vec<Discarded>,
    refusals: Vec<Refused>,
    sessions: BTreeMap<String, Counted>,
    slowest: Option<Duration>,
}

pub(crate) struct Server {
    pub(crate) authentication: u16,
    pub(crate) accounting: u16,
    memory: Arc<Mutex<Memory>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let mut tasks = Vec::new();
        let mut ports = Vec::new();
        for kind in [Kind::Authentication, Kind::Accounting] {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            ports.push(socket.local_addr().unwrap().port());
            tasks.push(tokio::spawn(serve(socket, kind, Arc::clone(&memory))));
        }
        Self {
            authentication: ports[0],
            accounting: ports[1],
            memory,
            tasks,
        }
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.memory().manners);
    }

    /// Forgets everything, and behaves again.
    pub(crate) fn forget(&self) {
        *self.memory() = Memory::default();
    }

    /// Adds what it remembers.
    pub(crate) fn tell(&self, ours: &mut OurSide) {
        let memory = self.memory();
        ours.requests.clone_from(&memory.seen);
        ours.discards.clone_from(&memory.discards);
        ours.refusals.clone_from(&memory.refusals);
        ours.sessions = memory.sessions.values().cloned().collect();
        ours.rates_in_use = memory.manners.rationing;
        ours.signs_replies = Some(!memory.manners.unsigned);
        ours.demands_signature = Some(memory.manners.demanding);
        let times = memory
            .slowest
            .map(|high| ResponseTimes { median: high, high });
        ours.response_times = times.or(ours.response_times);
    }

    /// Waits until a session has been reported with this much.
    pub(crate) async fn hears(&self, octets: u64) {
        for _ in 0..200 {
            let heard = |one: &Counted| one.upload + one.download >= octets;
            if self.memory().sessions.values().any(heard) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no report of {octets} octets came");
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(socket: UdpSocket, kind: Kind, memory: Arc<Mutex<Memory>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let (came, octets) = (Instant::now(), buffer[..length].to_vec());
        let manners = memory.lock().unwrap().manners;
        if manners.silent || (manners.deaf && kind == Kind::Accounting) {
            continue;
        }
        if manners.slow {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        let request = Request::of(&octets);
        let answers = memory.lock().unwrap().judge(&request, kind, from.ip());
        for answer in answers {
            socket.send_to(&answer, from).await.unwrap();
        }
        let mut memory = memory.lock().unwrap();
        memory.slowest = memory.slowest.max(Some(came.elapsed()));
    }
}

impl Memory {
    fn judge(&mut self, request: &Request<'_>, kind: Kind, source: IpAddr) -> Vec<Vec<u8>> {
        if self.manners.strange {
            return self.discard(source, "unknown_peer");
        }
        match (request.is_signed(), kind) {
            (Some(false), _) => return self.discard(source, "message_authenticator_wrong"),
            (None, Kind::Authentication) if self.manners.demanding => {
                return self.discard(source, "message_authenticator_missing");
            }
            _ => {}
        }
        if kind == Kind::Accounting && !request.is_authentic() {
            return self.discard(source, "request_authenticator_wrong");
        }
        self.see(request, kind, source);
        if kind == Kind::Accounting {
            self.count(request);
            return self.answers(request, 5, &[]);
        }
        if let Some((reason, method)) = self.refuses(request) {
            self.refusals.push(Refused {
                reason: reason.to_owned(),
                method: method.to_owned(),
                user: request.text(1),
                count: 1,
                last: SystemTime::now(),
            });
            return self.answers(request, 3, &[]);
        }
        let mut granted = Vec::new();
        if self.manners.rationing {
            granted.extend([26, u8::try_from(RATE.len() + 8).unwrap()]);
            granted.extend(14_988_u32.to_be_bytes());
            granted.extend([8, u8::try_from(RATE.len() + 2).unwrap()]);
            granted.extend(RATE);
        }
        self.answers(request, 2, &granted)
    }

    fn refuses(&self, request: &Request<'_>) -> Option<(&'static str, &'static str)> {
        let is_device = request.text(1).contains([':', '-']);
        if self.manners.choosy && is_device {
            return Some(("unknown_user", "pap"));
        }
        if self.manners.hashing && request.find(3).is_some() {
            return Some(("cannot_serve", "chap"));
        }
        let password = request.password()?;
        let is_readable = password.iter().all(u8::is_ascii_graphic);
        (!is_readable).then_some(("suspect_secret", "pap"))
    }

    fn discard(&mut self, source: IpAddr, reason: &str) -> Vec<Vec<u8>> {
        let last = SystemTime::now();
        let mut known = self.discards.iter_mut();
        match known.find(|one| one.source == source && one.reason == reason) {
            Some(one) => (one.count, one.last) = (one.count + 1, last),
            None => self.discards.push(Discarded {
                source,
                reason: reason.to_owned(),
                count: 1,
                last,
            }),
        }
        Vec::new()
    }

    fn see(&mut self, request: &Request<'_>, kind: Kind, source: IpAddr) {
        let last = SystemTime::now();
        let mut known = self.seen.iter_mut();
        if let Some(one) = known.find(|one| one.source == source && one.kind == kind) {
            (one.count, one.last) = (one.count + 1, last);
            return;
        }
        let address = request.find(4);
        let address = address.and_then(|value| <[u8; 4]>::try_from(value).ok());
        self.seen.push(Seen {
            source,
            kind,
            count: 1,
            last,
            nas_identifier: Some(request.text(32)),
            nas_address: address.map(IpAddr::from),
        });
    }

    /// Acct-Input-Octets is what the subscriber uploads, unless the router has it otherwise.
    fn count(&mut self, request: &Request<'_>) {
        let number = |kind| request.find(kind).map_or(0, number);
        let (user, session_id) = (request.text(1), request.text(44));
        self.sessions.insert(
            session_id.clone(),
            Counted {
                user,
                session_id,
                upload: number(42),
                download: number(43),
            },
        );
    }

    fn answers(&self, request: &Request<'_>, code: u8, granted: &[u8]) -> Vec<Vec<u8>> {
        let good = request.answer(code, granted, !self.manners.unsigned);
        let mut bad = good.clone();
        bad[4] ^= 1;
        if self.manners.spoiling {
            vec![bad, good]
        } else {
            vec![good]
        }
    }
}

fn number(value: &[u8]) -> u64 {
    u32::from_be_bytes(value.try_into().unwrap()).into()
}

struct Request<'a> {
    octets: &'a [u8],
    attributes: Vec<(u8, usize, &'a [u8])>,
}

impl<'a> Request<'a> {
    fn of(octets: &'a [u8]) -> Self {
        let mut attributes = Vec::new();
        let mut at = 20;
        while at + 2 <= octets.len() {
            let end = at + usize::from(octets[at + 1]);
            attributes.push((octets[at], at + 2, &octets[at + 2..end]));
            at = end;
        }
        Self { octets, attributes }
    }

    fn find(&self, kind: u8) -> Option<&'a [u8]> {
        let mut all = self.attributes.iter();
        all.find(|(one, ..)| *one == kind).map(|(.., value)| *value)
    }

    fn text(&self, kind: u8) -> String {
        String::from_utf8_lossy(self.find(kind).unwrap_or_default()).into_owned()
    }

    /// Whether Message-Authenticator is right. `None`: there is none.
    fn is_signed(&self) -> Option<bool> {
        let (_, at, value) = *self.attributes.iter().find(|(kind, ..)| *kind == 80)?;
        let mut octets = self.octets.to_vec();
        octets[at..at + 16].fill(0);
        Some(hmac(&octets)[..] == *value)
    }

    fn is_authentic(&self) -> bool {
        let mut octets = self.octets.to_vec();
        octets[4..20].fill(0);
        md5(&[&octets, SECRET.as_bytes()])[..] == self.octets[4..20]
    }

    /// User-Password (RFC 2865, section 5.2), without its padding.
    fn password(&self) -> Option<Vec<u8>> {
        let hidden = self.find(2)?;
        let mut before = &self.octets[4..20];
        let mut password = Vec::new();
        for block in hidden.chunks(16) {
            let key = md5(&[SECRET.as_bytes(), before]);
            password.extend(block.iter().zip(key).map(|(a, b)| a ^ b));
            before = block;
        }
        let length = password.iter().rposition(|octet| *octet != 0);
        password.truncate(length.map_or(0, |at| at + 1));
        Some(password)
    }

    fn answer(&self, code: u8, granted: &[u8], is_signed: bool) -> Vec<u8> {
        let mut answer = vec![code, self.octets[1], 0, 0];
        answer.extend(&self.octets[4..20]);
        // An answer to accounting is not signed so (RFC 3579, section 3.2).
        let signed = is_signed && code != 5;
        if signed {
            answer.extend([80, 18]);
            answer.extend([0; 16]);
        }
        answer.extend(granted);
        let length = u16::try_from(answer.len()).unwrap();
        answer[2..4].copy_from_slice(&length.to_be_bytes());
        if signed {
            let signature = hmac(&answer);
            answer[22..38].copy_from_slice(&signature);
        }
        let authenticator = md5(&[&answer, SECRET.as_bytes()]);
        answer[4..20].copy_from_slice(&authenticator);
        answer
    }
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// HMAC-MD5 (RFC 2104) of the shared secret, which is shorter than a block.
fn hmac(message: &[u8]) -> [u8; 16] {
    let pad = |octet: u8| {
        let mut block = [octet; 64];
        block
            .iter_mut()
            .zip(SECRET.bytes())
            .for_each(|(a, b)| *a ^= b);
        block
    };
    let inner = md5(&[&pad(0x36), message]);
    md5(&[&pad(0x5c), &inner])
}
