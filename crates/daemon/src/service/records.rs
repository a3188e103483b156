//! Decision records: what was decided on every request, and what met silence, for `log` and
//! `explain`.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    hangups::{Hangups, Told},
    sightings::Sightings,
    strangers::{Report, Tallies},
};
use arc_swap::ArcSwap;
use portreeve::{
    AccessRequest, AccountingRequest, AttributeList, Discard, Incoming, Observer, PeerTable,
    Request, attr,
    server::observer::{Answer, Connected, Discarded, HungUp},
};
use portreeve_aaa::{
    Shown,
    accounting::{Event, Record},
    attribute,
    decision::{Asked, CheckOutcome, Decision, DecisionId, Draft},
    refusal::Refusal,
    snapshot::Snapshot,
};
use portreeve_auth::Method;

/// The most reports of silence in one go; a go comes about four times a second.
const REPORTS: usize = 20;

/// Requests recorded in a second, whatever their outcome.
const PER_SECOND: u64 = 1_000;
/// Rejects recorded in a second on top of those.
const REJECTS_PER_SECOND: u64 = 200;

/// Where decision records go.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Whether one would be taken now.
    fn has_room(&self) -> bool;

    /// Takes one, or drops it: never waits.
    fn offer(&self, decision: Decision);
}

/// Writes decision records, as long as there is room for them: no request ever waits for its
/// record.
///
/// Above [`PER_SECOND`] only rejects and silence are recorded, the latter with packets of one kind
/// taken together: a record costs several times what a request costs.
#[derive(Clone)]
pub(crate) struct Records {
    log: Option<Arc<dyn Sink>>,
    shared: Arc<Limits>,
}

#[derive(Default)]
struct Limits {
    serial: AtomicU64,
    all: Budget,
    rejects: Budget,
}

/// So many in each second.
#[derive(Default)]
struct Budget {
    second: AtomicU64,
    spent: AtomicU64,
}

impl Budget {
    /// Whether there is one more in the second of `now_ms`. At the turn of a second a few too many
    /// may pass.
    fn spend(&self, now_ms: u64, most: u64) -> bool {
        let second = now_ms / 1000;
        let turned = self.second.load(Ordering::Relaxed) != second;
        if turned && self.second.swap(second, Ordering::Relaxed) != second {
            self.spent.store(0, Ordering::Relaxed);
        }
        self.spent.fetch_add(1, Ordering::Relaxed) < most
    }
}

/// The record of one request in the making; nothing where there is no room.
pub(super) struct Entry(Option<Draft>);

impl Records {
    /// Records into `log`; without one, nothing.
    pub(crate) fn new(log: Option<Arc<dyn Sink>>) -> Self {
        Self {
            log,
            shared: Arc::default(),
        }
    }

    /// Begins the record of a request to be let in.
    pub(super) fn access(&self, request: &AccessRequest) -> Entry {
        let mut entry = self.begin(Asked::Access, request, &self.shared.all, PER_SECOND);
        if request.transport().is_secure() {
            let detail = "not needed: TLS vouches for the request";
            entry.check("shared secret", CheckOutcome::Skipped, detail);
        } else if request.is_protected() {
            entry.check(
                "shared secret",
                CheckOutcome::Passed,
                "Message-Authenticator verifies",
            );
        } else {
            let detail = "the request has no Message-Authenticator, so nothing vouches for it";
            entry.check("shared secret", CheckOutcome::Skipped, detail);
        }
        entry.station();
        entry
    }

    pub(super) fn accepted(
        &self,
        entry: Entry,
        request: &Request,
        snapshot: &Snapshot,
        reply: &AttributeList,
    ) {
        if let Some(draft) = entry.0 {
            let reply = attribute::describe(snapshot.dictionary(), reply);
            self.write(draft.accepted(elapsed_us(request), reply));
        }
    }

    pub(super) fn rejected(&self, entry: Entry, request: &Request, refusal: &Refusal) {
        let late = || {
            self.begin(
                Asked::Access,
                request,
                &self.shared.rejects,
                REJECTS_PER_SECOND,
            )
            .0
        };
        if let Some(draft) = entry.0.or_else(late) {
            self.write(draft.rejected(elapsed_us(request), refusal));
        }
    }

    /// A conversation that nobody continued.
    pub(super) fn abandoned(&self, entry: Entry, refusal: &Refusal) {
        if let Some(draft) = entry.0 {
            let elapsed = draft.elapsed_us(now_ms());
            self.write(draft.abandoned(elapsed, refusal));
        }
    }

    /// Somebody who is asked for more.
    pub(super) fn challenged(&self, entry: Entry, request: &Request) {
        if let Some(draft) = entry.0 {
            self.write(draft.challenged(elapsed_us(request)));
        }
    }

    /// Accounting that is on the disk, on its way to a home server.
    pub(super) fn spooled(&self, request: &AccountingRequest) {
        let entry = self.begin(Asked::Accounting, request, &self.shared.all, PER_SECOND);
        if let Entry(Some(draft)) = entry {
            let elapsed = elapsed_us(request);
            self.write(draft.answered(elapsed, "durable, and on its way to its home server"));
        }
    }

    /// Somebody for whom there was no time.
    pub(super) fn silent(&self, mut entry: Entry, request: &Request, snapshot: &Snapshot) {
        entry.check(
            "password",
            CheckOutcome::Skipped,
            &Refusal::Busy.to_string(),
        );
        if let Some(draft) = entry.0 {
            let dialect = snapshot.dialect(request.peer().name());
            self.write(draft.discarded(elapsed_us(request), Discard::TableFull, dialect));
        }
    }

    /// Accounting that is on the disk.
    pub(super) fn recorded(&self, request: &AccountingRequest, record: &Record) {
        let entry = self.begin(Asked::Accounting, request, &self.shared.all, PER_SECOND);
        if let Entry(Some(draft)) = entry {
            let elapsed = elapsed_us(request);
            self.write(match Event::read(record) {
                Ok(event) => draft.recorded(elapsed, &event),
                Err(_) => draft.answered(elapsed, "recorded, though it is no proper report"),
            });
        }
    }

    /// Records what was seen without a request about a NAS. There is little of that, and it is
    /// never left out for want of a budget.
    pub(crate) fn notice(&self, nas: &str, at: SocketAddr, fill: impl FnOnce(Draft) -> Decision) {
        self.write(fill(Decision::draft(self.id(), now_ms(), at).nas(nas)));
    }

    fn begin(&self, asked: Asked, request: &Request, budget: &Budget, most: u64) -> Entry {
        let now = now_ms();
        let room = self.log.as_ref().is_some_and(|log| log.has_room());
        if !room || !budget.spend(now, most) {
            return Entry(None);
        }
        let packet = request.packet();
        let mut draft = Decision::draft(self.id(), now, request.from())
            .asked(asked)
            .over(request.transport(), Some(request.version()))
            .nas(request.peer().name());
        if let Some(user) = packet.find(attr::USER_NAME.spec().oid.top()) {
            draft = draft.user(user.value);
        }
        if let Some(station) = packet.find(attr::CALLING_STATION_ID.spec().oid.top()) {
            draft = draft.calling_station(station.value);
        }
        Entry(Some(draft))
    }

    fn write(&self, decision: Decision) {
        tracing::debug!(
            id = %decision.id,
            from = %decision.from,
            nas = decision.nas.as_ref().map(Shown::as_str),
            user = decision.user.as_ref().map(Shown::as_str),
            "{}",
            decision.message
        );
        if let Some(log) = &self.log {
            log.offer(decision);
        }
    }

    /// Rises with time; unique within a server as long as it decides less than 2^20 requests a
    /// millisecond.
    fn id(&self) -> DecisionId {
        let serial = self.shared.serial.fetch_add(1, Ordering::Relaxed) & 0xf_ffff;
        DecisionId(now_ms() << 20 | serial)
    }
}

impl Entry {
    pub(super) fn method(&mut self, method: Method) {
        self.0 = self.0.take().map(|draft| draft.method(method.words()));
    }

    /// Who it has turned out to be.
    pub(super) fn user(&mut self, name: &str) {
        self.0 = self.0.take().map(|draft| draft.user(name.as_bytes()));
    }

    /// As [`method`](Self::method), for what is no method of checking a password.
    pub(super) fn by(&mut self, words: &str) {
        self.0 = self.0.take().map(|draft| draft.method(words));
    }

    /// Notes where the address of the station tells nothing tomorrow.
    fn station(&mut self) {
        if let Some(draft) = &mut self.0
            && draft.has_random_station()
        {
            draft.check("station", CheckOutcome::Skipped, "private (random) address");
        }
    }

    pub(super) fn check(&mut self, what: &str, outcome: CheckOutcome, detail: &str) {
        if let Some(draft) = &mut self.0 {
            draft.check(what, outcome, detail);
        }
    }
}

/// Watches what met silence, gathers it, and has it recorded a little at a time.
#[derive(Clone)]
pub(crate) struct Watcher(Arc<Gathered>);

struct Gathered {
    /// Kept apart, so that a flood from strangers hides nothing about one's own equipment.
    strangers: Mutex<Tallies<Discard>>,
    peers: Mutex<Tallies<Discard>>,
    strange_hangups: Mutex<Hangups>,
    hangups: Mutex<Hangups>,
    sightings: Sightings,
    records: Records,
    snapshot: Arc<ArcSwap<Snapshot>>,
}

impl Watcher {
    pub(crate) fn new(records: Records, snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        Self(Arc::new(Gathered {
            strangers: Mutex::new(Tallies::new()),
            peers: Mutex::new(Tallies::new()),
            strange_hangups: Mutex::new(Hangups::new()),
            hangups: Mutex::new(Hangups::new()),
            sightings: Sightings::default(),
            records,
            snapshot,
        }))
    }

    /// What was seen of each NAS.
    pub(crate) fn sightings(&self) -> Sightings {
        self.0.sightings.clone()
    }

    /// Records what is due. Call it a few times a second, from a thread that may wait.
    pub(crate) fn report(&self, now: Instant, table: &PeerTable) {
        for tallies in [&self.0.peers, &self.0.strangers] {
            let Ok((reports, overflow)) = tallies.lock().map(|mut known| known.due(now, REPORTS))
            else {
                continue;
            };
            for report in reports {
                self.record(&report, table);
            }
            if overflow > 0 {
                tracing::debug!(
                    packets = overflow,
                    "silence towards too many addresses to name"
                );
            }
        }
        for hangups in [&self.0.hangups, &self.0.strange_hangups] {
            let Ok(mut known) = hangups.lock() else {
                continue;
            };
            let (told, overflow) = known.due(now, REPORTS);
            drop(known);
            for (told, is_loud) in &told {
                told.log(*is_loud);
                self.record_hangup(told);
            }
            if overflow > 0 {
                tracing::debug!(
                    connections = overflow,
                    "refused, from too many addresses to name"
                );
            }
        }
    }

    fn record_hangup(&self, told: &Told) {
        let records = &self.0.records;
        let draft = Decision::draft(records.id(), now_ms(), told.from);
        if let (Some(decision), Some(log)) = (told.record(draft), &records.log) {
            log.offer(decision);
        }
    }

    fn record(&self, report: &Report<Discard, ()>, table: &PeerTable) {
        let records = &self.0.records;
        let mut draft = Decision::draft(records.id(), now_ms(), report.from);
        let snapshot = self.0.snapshot.load();
        let peer = table.find(report.from.ip());
        let dialect = peer
            .map(|peer| snapshot.dialect(peer.name()))
            .unwrap_or_default();
        if let Some(peer) = peer {
            draft = draft.nas(peer.name());
        }
        if report.packets > 1 {
            let detail = format!("{} such packets since the last record", report.packets);
            draft.check("packets", CheckOutcome::Failed, &detail);
        }
        records.write(draft.discarded(0, report.reason, dialect));
    }

    /// Where another worker is counting at this moment, the packet is left out here: the counters
    /// have it.
    fn count(tallies: &Mutex<Tallies<Discard>>, from: SocketAddr, reason: Discard) {
        if let Ok(mut tallies) = tallies.try_lock() {
            tallies.count(Instant::now(), from, reason, || ());
        }
    }
}

impl Observer for Watcher {
    fn discarded(&self, datagram: &Discarded<'_>) {
        let tallies = match datagram.peer {
            Some(_) => &self.0.peers,
            None => &self.0.strangers,
        };
        Self::count(tallies, datagram.from, datagram.reason);
    }

    fn unanswered(&self, request: &Arc<Incoming>, reason: Option<Discard>, _elapsed: Duration) {
        // A log-in that was left unanswered on purpose has its record already.
        let recorded =
            matches!(**request, Incoming::Access(_)) && reason == Some(Discard::HandlerSilent);
        if let Some(reason) = reason.filter(|_| !recorded) {
            Self::count(&self.0.peers, request.from(), reason);
        }
    }

    fn answered(&self, answer: &Answer<'_>) {
        self.0.sightings.answered(answer.request);
    }

    fn connected(&self, connected: &Connected<'_>) {
        let connection = connected.connection;
        let session = connection.session.as_ref();
        let (nas, from) = (connection.peer.name(), connection.from);
        let tls = session.map(|session| session.tls().to_string());
        let version = connection.version.to_string();
        // A NAS that comes and goes says so once.
        if self.0.sightings.connected(connection) {
            tracing::info!(%nas, %from, tls, radius = version, "connected");
        } else {
            tracing::debug!(%nas, %from, tls, radius = version, "connected");
        }
    }

    fn hung_up(&self, hung_up: &HungUp<'_>) {
        let hangups = match hung_up.peer {
            Some(_) => &self.0.hangups,
            None => &self.0.strange_hangups,
        };
        // Many end at one moment, as when a certificate is revoked, and none may be missed: the
        // lock is held for no longer than counting takes.
        if let Ok(mut hangups) = hangups.lock() {
            hangups.count(Instant::now(), hung_up);
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn elapsed_us(request: &Request) -> u64 {
    u64::try_from(request.received().elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_for_each_second() {
        let budget = Budget::default();
        let spent = |now| (0..10).filter(|_| budget.spend(now, 4)).count();
        assert_eq!(spent(5_000), 4);
        assert_eq!(spent(5_999), 0);
        assert_eq!(spent(6_000), 4);
    }

    #[test]
    fn ids_rise_with_time_and_differ() {
        let records = Records::new(None);
        let ids: Vec<_> = (0..1000).map(|_| records.id()).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(ids[0].0 >> 20 <= ids[999].0 >> 20);
    }
}
