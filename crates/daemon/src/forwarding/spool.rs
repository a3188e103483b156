//! Accounting on its way to a home server: durable from the moment the NAS is answered until the
//! home server has answered.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use portreeve::{
    Ask, AttributeList, Client, DataType, Error, Hiding, Oid, Packet, Spec, attr, client::Forward,
    proto::Query,
};
use portreeve_aaa::port::JournalPosition;
use portreeve_store::journal::{
    self, AppendError, Batch, Journal, JournalError, ReadError, Reader, Record,
};
use tokio::sync::watch;

use super::discovery::{NotSent, Roaming};

/// Records that are under way to a pool at a time. They may arrive in another order than they came:
/// what orders accounting is in the records themselves.
const AT_A_TIME: usize = 32;
/// The same to the servers of many realms, so that a few that are dead hold up no others.
const AT_A_TIME_TO_MANY: usize = 256;
/// How long to wait where all records at hand are of realms that do not answer.
const AFTER_NOTHING: Duration = Duration::from_millis(250);
/// How long a record is offered to a realm, of many, that does not answer.
const TO_MANY_AT_MOST_MS: u64 = 7 * 86_400_000;
/// The most octets of records that are at hand at a time.
const AT_HAND: usize = 256 << 10;
/// How long to leave a pool alone that has not answered.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How long to wait for a record before looking whether to stop.
const PATIENCE: Duration = Duration::from_millis(250);
/// Where the position up to which everything is delivered is kept.
const POSITION: &str = "position";
/// Where records are kept that no packet can carry.
const UNDELIVERABLE: &str = "undeliverable";

/// The accounting of one pool that has not been delivered.
pub(crate) struct Spool {
    journal: Arc<Journal>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    courier: std::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

/// What is known of the delivery.
#[derive(Default)]
struct State {
    taken: AtomicU64,
    delivered: AtomicU64,
    undeliverable: AtomicU64,
    failures: AtomicU64,
}

/// How the delivery is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Octets that wait on the disk, those of records that are delivered but not yet released
    /// among them.
    pub(crate) octets: u64,
    /// Records taken in since the start.
    pub(crate) taken: u64,
    /// Records delivered since the start, those that were here before among them.
    pub(crate) delivered: u64,
    /// Records that no packet can carry.
    pub(crate) undeliverable: u64,
    /// Attempts that no home server answered.
    pub(crate) failures: u64,
}

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("cannot read {}: remove it to deliver everything in the spool again", path.display())]
    Position {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Where records go.
#[derive(Clone)]
pub(crate) enum Way {
    /// To the servers of one pool.
    Pool(Arc<ArcSwap<Client>>),
    /// Each to the servers of its user's realm.
    Realms(Arc<Roaming>),
}

impl From<Arc<ArcSwap<Client>>> for Way {
    fn from(client: Arc<ArcSwap<Client>>) -> Self {
        Self::Pool(client)
    }
}

impl Way {
    async fn send(&self, forward: &Forward) -> Result<(), NotSent> {
        match self {
            Self::Pool(client) => match client.load_full().forward(forward).await {
                Ok(_) => Ok(()),
                Err(Error::Encode(error)) => Err(NotSent::Never(error.to_string())),
                Err(error) => Err(NotSent::NotNow(error.to_string())),
            },
            Self::Realms(roaming) => roaming.deliver(forward).await,
        }
    }

    fn at_a_time(&self) -> usize {
        match self {
            Self::Pool(_) => AT_A_TIME,
            Self::Realms(_) => AT_A_TIME_TO_MANY,
        }
    }
}

/// When a record came and what is to be sent of it.
#[derive(Debug, Clone, PartialEq)]
struct Spooled {
    received_ms: u64,
    packet: Vec<u8>,
}

impl Spooled {
    fn encode(&self) -> Vec<u8> {
        let mut payload = self.received_ms.to_be_bytes().to_vec();
        payload.extend_from_slice(&self.packet);
        payload
    }

    fn decode(payload: &[u8]) -> Option<Self> {
        let (received, packet) = payload.split_first_chunk::<8>()?;
        Packet::parse_within(packet, Packet::MAX_STREAM).ok()?;
        Some(Self {
            received_ms: u64::from_be_bytes(*received),
            packet: packet.to_vec(),
        })
    }

    /// The record as it is sent now: with the time it has waited added to Acct-Delay-Time (RFC 2866
    /// section 5.2), and the time of the event where the NAS gave none.
    fn forward(&self, now_ms: u64) -> Option<Forward> {
        let packet = Packet::parse_within(&self.packet, Packet::MAX_STREAM).ok()?;
        let waited = now_ms.saturating_sub(self.received_ms) / 1000;
        let waited = u32::try_from(waited).unwrap_or(u32::MAX);
        let delay = attr::ACCT_DELAY_TIME.spec().oid.top();
        let mut list = AttributeList::new();
        for attribute in packet.attributes().filter(|one| one.number != delay) {
            let oid = Oid::from_parts(&[u32::from(attribute.number)])?;
            list.push(&Spec::of(oid, DataType::Octets), 0, attribute.value);
        }
        let before = packet.get(attr::ACCT_DELAY_TIME).unwrap_or_default();
        if before > 0 || waited > 0 {
            list.add(attr::ACCT_DELAY_TIME, before.saturating_add(waited));
        }
        if !packet.has(attr::EVENT_TIMESTAMP) {
            let happened = self.received_ms / 1000;
            let happened = happened.saturating_sub(u64::from(before));
            list.add(
                attr::EVENT_TIMESTAMP,
                u32::try_from(happened).unwrap_or(u32::MAX),
            );
        }
        Some(Forward::of(Ask::Accounting, list))
    }
}

impl Spool {
    /// Opens the spool in a directory, and delivers what it holds from now on. Must be called
    /// inside a Tokio runtime.
    pub(crate) fn open(
        directory: &Path,
        way: impl Into<Way>,
        now_ms: fn() -> u64,
    ) -> Result<Self, SpoolError> {
        let delivered = read_position(directory)?;
        let options = journal::Options {
            segment_bytes: 8 << 20,
            applied: delivered,
            ..journal::Options::default()
        };
        let (journal, _) = Journal::open(directory, options)?;
        let journal = Arc::new(journal);
        let state = Arc::<State>::default();
        let (stop, stopped) = watch::channel(false);
        let courier = Courier {
            reader: Some(journal.reader()),
            delivered,
            stopped,
            carrier: Carrier {
                way: way.into(),
                journal: Arc::clone(&journal),
                state: Arc::clone(&state),
                directory: directory.to_owned(),
                now_ms,
            },
        };
        let task = tokio::spawn(courier.run());
        Ok(Self {
            journal,
            state,
            stop,
            courier: std::sync::Mutex::new(Some(task)),
        })
    }

    /// Makes a record durable. Attributes that are hidden under a secret have no place in
    /// accounting (RFC 2866 section 5.13) and are left out, so that nothing secret lies on the
    /// disk.
    pub(crate) async fn take(
        &self,
        attributes: &AttributeList,
        received_ms: u64,
    ) -> Result<(), TakeError> {
        let mut open = AttributeList::new();
        for entry in attributes.iter() {
            if entry.spec.hiding == Hiding::None {
                open.push(&entry.spec, entry.tag, entry.value);
            }
        }
        let mut packet = Vec::new();
        Query::encode_open(Ask::Accounting, 0, &open, &mut packet)?;
        let spooled = Spooled {
            received_ms,
            packet,
        };
        self.journal.append(spooled.encode()).await?;
        self.state.taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn progress(&self) -> Progress {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Progress {
            octets: self.journal.size(),
            taken: read(&self.state.taken),
            delivered: read(&self.state.delivered),
            undeliverable: read(&self.state.undeliverable),
            failures: read(&self.state.failures),
        }
    }

    /// Ends the delivery; what is left is delivered after the next start.
    pub(crate) async fn close(&self) {
        self.stop.send_replace(true);
        let task = self
            .courier
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // It ends within a moment; what it was sending counts as not delivered.
            tokio::time::timeout(Duration::from_secs(2), task)
                .await
                .ok();
        }
    }
}

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Encode(#[from] portreeve::EncodeError),
}

/// Takes records out of the spool, and sees them delivered.
struct Courier {
    /// Lent to a blocking task while it waits for records.
    reader: Option<Reader>,
    delivered: JournalPosition,
    stopped: watch::Receiver<bool>,
    carrier: Carrier,
}

/// Carries records to the home servers.
#[derive(Clone)]
struct Carrier {
    way: Way,
    journal: Arc<Journal>,
    state: Arc<State>,
    directory: PathBuf,
    now_ms: fn() -> u64,
}

impl Courier {
    async fn run(mut self) {
        while !*self.stopped.borrow() {
            let batch = match self.next().await {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(%error, "the accounting spool cannot be read");
                    self.pause(AFTER_FAILURE).await;
                    continue;
                }
            };
            let Some(end) = batch.records.last().map(|record| record.end) else {
                continue;
            };
            if !self.deliver(batch).await {
                return;
            }
            self.delivered = end;
            if let Err(error) = self.note() {
                // It is delivered once more after the next start.
                tracing::error!(%error, "cannot note what is delivered of the accounting spool");
            }
        }
    }

    /// Waits for records, on a thread that may wait.
    async fn next(&mut self) -> Result<Batch, ReadError> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(Batch::default());
        };
        let (position, most) = (self.delivered, self.carrier.way.at_a_time());
        let waiting = tokio::task::spawn_blocking(move || {
            let is_there = reader.wait(position, PATIENCE);
            let batch = if is_there {
                reader.read_from(position, most, AT_HAND)
            } else {
                Ok(Batch::default())
            };
            (reader, batch)
        });
        match waiting.await {
            Ok((reader, batch)) => {
                self.reader = Some(reader);
                batch
            }
            // The runtime is shutting down.
            Err(_) => std::future::pending().await,
        }
    }

    /// Sees to all of a batch; false where it was told to stop before.
    async fn deliver(&mut self, batch: Batch) -> bool {
        let mut under_way = tokio::task::JoinSet::new();
        for record in batch.records {
            let carrier = self.carrier.clone();
            under_way.spawn(async move { carrier.carry(&record).await });
        }
        let mut is_any_gone = false;
        loop {
            tokio::select! {
                done = under_way.join_next() => match done {
                    Some(is_gone) => is_any_gone |= is_gone.unwrap_or(true),
                    None => break,
                },
                told = self.stopped.wait_for(|stopped| *stopped) => {
                    drop(told);
                    return false;
                }
            }
        }
        if !is_any_gone {
            self.pause(AFTER_NOTHING).await;
        }
        true
    }

    /// Remembers what is delivered, and gives the room back.
    fn note(&mut self) -> io::Result<()> {
        write_position(&self.carrier.directory, self.delivered)?;
        if let Some(reader) = &mut self.reader {
            reader.release(self.delivered).map_err(io::Error::other)?;
        }
        Ok(())
    }

    async fn pause(&mut self, long: Duration) {
        let told = self.stopped.wait_for(|stopped| *stopped);
        tokio::time::timeout(long, told).await.ok();
    }
}

impl Carrier {
    /// Sends a record until a home server has answered it. One that goes to one realm of many is
    /// put back at the end where that realm does not answer; only then this gives false.
    async fn carry(&self, record: &Record) -> bool {
        let Some(spooled) = Spooled::decode(&record.payload) else {
            return self.set_aside(record, "it is no packet");
        };
        loop {
            let now_ms = (self.now_ms)();
            let Some(forward) = spooled.forward(now_ms) else {
                return self.set_aside(record, "it is no packet");
            };
            match self.way.send(&forward).await {
                Ok(()) => {
                    self.state.delivered.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
                Err(NotSent::Never(why)) => return self.set_aside(record, &why),
                Err(NotSent::NotNow(why)) => {
                    let before = self.state.failures.fetch_add(1, Ordering::Relaxed);
                    if before.is_power_of_two() || before == 0 {
                        tracing::warn!(why, "accounting waits for its home server");
                    }
                    if matches!(self.way, Way::Realms(_)) {
                        let waited = now_ms.saturating_sub(spooled.received_ms);
                        if waited > TO_MANY_AT_MOST_MS {
                            return self.set_aside(record, "no server has taken it for a week");
                        }
                        if self.journal.append(record.payload.clone()).await.is_ok() {
                            return false;
                        }
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    fn set_aside(&self, record: &Record, why: &str) -> bool {
        set_aside(&self.state, &self.directory, &record.payload, why);
        true
    }
}

/// Keeps a record that cannot be sent for somebody to look at, so that it holds up no other.
fn set_aside(state: &State, directory: &Path, payload: &[u8], why: &str) {
    state.undeliverable.fetch_add(1, Ordering::Relaxed);
    let mut line = payload.iter().fold(String::new(), |mut line, octet| {
        write!(line, "{octet:02x}").ok();
        line
    });
    line.push('\n');
    let path = directory.join(UNDELIVERABLE);
    let kept = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_all()
        });
    match kept {
        Ok(()) => tracing::error!(
            path = %path.display(), why,
            "an accounting record cannot be forwarded and is kept there"
        ),
        Err(error) => tracing::error!(
            path = %path.display(), why, %error, octets = line.trim_end(),
            "an accounting record can be neither forwarded nor kept"
        ),
    }
}

fn read_position(directory: &Path) -> Result<JournalPosition, SpoolError> {
    let path = directory.join(POSITION);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(JournalPosition::default());
        }
        Err(source) => return Err(SpoolError::Position { path, source }),
    };
    let position = text
        .trim_end()
        .split_once(' ')
        .and_then(|(segment, offset)| {
            Some(JournalPosition {
                segment: segment.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        });
    position.ok_or_else(|| SpoolError::Position {
        path,
        source: io::ErrorKind::InvalidData.into(),
    })
}

fn write_position(directory: &Path, position: JournalPosition) -> io::Result<()> {
    let (path, new) = (directory.join(POSITION), directory.join("position.new"));
    let mut file = fs::File::create(&new)?;
    writeln!(file, "{} {}", position.segment, position.offset)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use portreeve::{AccountingReply, AccountingRequest, Handler, Running, Server, client::Retry};

    use super::*;

    /// A home server that notes sessions and how late they are.
    #[derive(Default)]
    struct Home {
        seen: Mutex<Vec<(String, Option<u32>, u32)>>,
    }

    impl Handler for Home2 {
        async fn accounting(&self, request: &AccountingRequest) -> AccountingReply {
            let session = request.get(attr::ACCT_SESSION_ID).unwrap_or_default();
            let delay = request.get(attr::ACCT_DELAY_TIME);
            let happened = request.get(attr::EVENT_TIMESTAMP).unwrap_or_default();
            let mut seen = self.0.seen.lock().unwrap();
            seen.push((session.to_owned(), delay, happened));
            AccountingReply::recorded()
        }
    }

    struct Home2(Home);

    fn late() -> u64 {
        1_000_000_000_000
    }

    fn record(session: &str) -> AttributeList {
        AttributeList::new()
            .with(attr::ACCT_STATUS_TYPE, attr::acct_status_type::START)
            .with(attr::ACCT_SESSION_ID, session)
            .with(attr::USER_NAME, "tim@example.org")
    }

    async fn home(address: &str) -> (Arc<Home2>, Running) {
        let home = Arc::new(Home2(Home::default()));
        let server = Server::new(Arc::clone(&home)).peer("127.0.0.1", "s3cret");
        (home, server.udp(address).start().await.unwrap())
    }

    async fn client(address: std::net::SocketAddr) -> Arc<ArcSwap<Client>> {
        let retry = Retry::once(Duration::from_millis(200));
        let client = Client::udp(address, "s3cret").retry(retry).await.unwrap();
        Arc::new(ArcSwap::from_pointee(client))
    }

    async fn until(what: impl Fn() -> bool) {
        for _ in 0..1000 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not come to pass");
    }

    #[tokio::test]
    async fn records_outlive_a_restart_and_a_dead_home_and_arrive_with_their_time() {
        let directory = tempfile::tempdir().unwrap();
        let (_, running) = home("127.0.0.1:0").await;
        let address = running.address();
        running.stop().await;
        let spool = Spool::open(directory.path(), client(address).await, late).unwrap();
        let received = late() - 60_000;
        for number in 0..50 {
            let record = record(&number.to_string());
            spool.take(&record, received).await.unwrap();
        }
        until(|| spool.progress().failures > 0).await;
        assert_eq!(spool.progress().delivered, 0);
        spool.close().await;
        drop(spool);
        let (home, _running) = home(&address.to_string()).await;
        let spool = Spool::open(directory.path(), client(address).await, late).unwrap();
        until(|| spool.progress().delivered == 50).await;
        let mut seen = home.0.seen.lock().unwrap().clone();
        seen.sort_by_key(|(session, ..)| session.parse::<u32>().unwrap());
        assert_eq!(seen.len(), 50, "each of them once");
        let happened = u32::try_from(received / 1000).unwrap();
        for (number, (session, delay, event)) in seen.into_iter().enumerate() {
            assert_eq!(session, number.to_string());
            assert_eq!((delay, event), (Some(60), happened));
        }
        spool.close().await;
        drop(spool);
        let spool = Spool::open(directory.path(), client(address).await, late).unwrap();
        spool.take(&record("50"), late()).await.unwrap();
        until(|| spool.progress().delivered == 1).await;
        let seen = home.0.seen.lock().unwrap();
        assert_eq!(seen.len(), 51, "nothing a second time");
        assert_eq!(seen[50].1, None, "no delay, no Acct-Delay-Time");
    }

    #[tokio::test]
    async fn secrets_do_not_reach_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (home, running) = home("127.0.0.1:0").await;
        let client = client(running.address()).await;
        let spool = Spool::open(directory.path(), client, late).unwrap();
        let record = record("1").with(attr::USER_PASSWORD, "hunter2");
        spool.take(&record, late()).await.unwrap();
        until(|| home.0.seen.lock().unwrap().len() == 1).await;
        for file in fs::read_dir(directory.path()).unwrap() {
            let octets = fs::read(file.unwrap().path()).unwrap();
            assert!(!octets.windows(7).any(|octets| octets == b"hunter2"));
        }
    }

    #[test]
    fn a_damaged_position_is_told_and_not_guessed() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read_position(directory.path()).is_ok());
        fs::write(directory.path().join(POSITION), "7 x\n").unwrap();
        let said = read_position(directory.path()).unwrap_err().to_string();
        assert!(said.contains("position: remove it"), "{said}");
        let position = JournalPosition {
            segment: 3,
            offset: 99,
        };
        write_position(directory.path(), position).unwrap();
        assert_eq!(read_position(directory.path()).unwrap(), position);
    }

    #[test]
    fn what_no_packet_can_carry_is_kept_aside() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::default();
        set_aside(&state, directory.path(), &[1, 2, 0xff], "it is no packet");
        let kept = fs::read_to_string(directory.path().join(UNDELIVERABLE)).unwrap();
        assert_eq!(kept, "0102ff\n");
        assert_eq!(state.undeliverable.load(Ordering::Relaxed), 1);
    }
}
