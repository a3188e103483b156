//! How a running server is asked how it is and what it goes by, and to settle the sessions of a
//! router: a socket in its data directory that only its owner can open.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::{
        fd::AsRawFd as _,
        unix::{fs::PermissionsExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve::{Code, Connections, Discard, server::Meter, tls::Hangup};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
    time::timeout,
};

use super::{
    bookkeeping,
    settle::{Settled, Settler},
    world,
};
use crate::{
    data::DataDir,
    failure::Failure,
    forwarding::Forwarding,
    routers::{RouterError, Routers, presence, wait_for},
    service::{Seen, Sightings},
};

/// The longest path that an address of a Unix socket holds.
const PATH_MAX: usize = 107;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most octets of an answer.
const ANSWER_MAX: u64 = 16 << 20;
/// How long a router is waited for, and how long the server that waits.
const SETTLING: Duration = Duration::from_mins(1);
const SETTLED: Duration = Duration::from_secs(65);
/// The longest question: `settle` and the name of a router.
const QUESTION_MAX: usize = 80;
const STATUS: &str = "status";
const CONFIGURATION: &str = "configuration";
const SETTLE: &str = "settle ";

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// When it started, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    pub(crate) uptime_s: u64,
    pub(crate) listen: Listening,
    /// Requests handed on, by kind.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Answers, by kind.
    pub(crate) replies: BTreeMap<String, u64>,
    /// Silence, by reason.
    pub(crate) discards: BTreeMap<String, u64>,
    /// Datagrams that came, whatever became of them.
    pub(crate) received: u64,
    pub(crate) in_flight: u64,
    pub(crate) connections: ConnectionsReport,
    /// What was seen of each NAS, by its name.
    pub(crate) seen: BTreeMap<String, Seen>,
    /// How many NASes are not among them, for there are too many.
    pub(crate) seen_left_out: usize,
    pub(crate) journal: JournalReport,
    pub(crate) definitions: DefinitionsReport,
    /// How the pools of home servers are, by name.
    pub(crate) pools: BTreeMap<String, PoolReport>,
}

/// Where it listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) auth: Vec<SocketAddr>,
    pub(crate) accounting: Vec<SocketAddr>,
    pub(crate) tls: Vec<SocketAddr>,
    pub(crate) dtls: Vec<SocketAddr>,
    pub(crate) tcp: Vec<SocketAddr>,
    /// Of the portal.
    #[serde(default)]
    pub(crate) http: Vec<SocketAddr>,
    #[serde(default)]
    pub(crate) https: Vec<SocketAddr>,
}

/// How its connections are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionsReport {
    pub(crate) open: u64,
    /// Handshakes under way.
    pub(crate) half_open: u64,
    /// Opened since the start.
    pub(crate) accepted: u64,
    /// Refused or ended since the start, by reason.
    pub(crate) hung_up: BTreeMap<String, u64>,
}

/// How accounting is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JournalReport {
    /// Records made durable since the start.
    pub(crate) recorded: u64,
    /// Records that could not be made durable.
    pub(crate) failed: u64,
    /// Records that wait for the disk.
    pub(crate) waiting: u64,
    /// Octets of durable records that the database does not have yet, at most.
    pub(crate) lag_octets: u64,
    /// Octets of segments on the disk.
    pub(crate) octets: u64,
    /// Why records cannot be made durable now.
    pub(crate) alarm: Option<String>,
    /// Why the database does not take them now.
    pub(crate) trouble: Option<String>,
}

/// How a pool of home servers is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PoolReport {
    /// Its servers, and whether each is believed to be alive.
    pub(crate) servers: Vec<(SocketAddr, bool)>,
    /// Accounting records taken in since the start.
    pub(crate) taken: u64,
    /// Delivered since the start, what was left of an earlier run among them.
    pub(crate) delivered: u64,
    /// Set aside, because no packet can carry them.
    pub(crate) undeliverable: u64,
    /// Attempts that no home server answered.
    pub(crate) failures: u64,
    /// Octets of the spool on the disk.
    pub(crate) octets: u64,
}

/// What it decides by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefinitionsReport {
    pub(crate) users: usize,
    pub(crate) nases: usize,
    /// The number of the last change it knows.
    pub(crate) seq: u64,
    /// Why it cannot learn of changes now.
    pub(crate) trouble: Option<String>,
}

/// What the server is asked.
pub(super) trait Answers: Send + Sync + 'static {
    /// How it is.
    fn report(&self) -> Report;

    /// Which file it goes by, if by any.
    fn configuration(&self) -> Option<PathBuf>;

    /// To close the sessions that a router has no more. May block for as long as the router takes.
    fn settle(&self, router: &str) -> Result<Settled, String>;
}

/// Where a running server reads how it is.
pub(super) struct Health {
    pub(super) started: Instant,
    pub(super) started_ms: u64,
    pub(super) listening: Listening,
    pub(super) meter: Meter,
    pub(super) connections: Connections,
    pub(super) sightings: Sightings,
    pub(super) journal: bookkeeping::Gauge,
    pub(super) definitions: world::Gauge,
    pub(super) forwarding: Option<Arc<Forwarding>>,
    pub(super) settler: Settler,
    pub(super) configuration: Option<PathBuf>,
}

impl Answers for Health {
    fn report(&self) -> Report {
        let counters = self.meter.counters();
        let requests = [
            ("access", Code::ACCESS_REQUEST),
            ("accounting", Code::ACCOUNTING_REQUEST),
        ];
        let replies = [
            ("access_accept", Code::ACCESS_ACCEPT),
            ("access_challenge", Code::ACCESS_CHALLENGE),
            ("access_reject", Code::ACCESS_REJECT),
            ("accounting_response", Code::ACCOUNTING_RESPONSE),
        ];
        let mut requests: BTreeMap<String, u64> = requests
            .map(|(name, code)| (name.to_owned(), counters.requests(code)))
            .into();
        requests.insert("status".to_owned(), counters.status);
        requests.insert("repeated".to_owned(), counters.replayed);
        let hung_up = Hangup::ALL.map(|h| (h.label().to_owned(), counters.hung_up(h)));
        let (seen, seen_left_out) = self.sightings.report(&self.connections.list());
        let discards = Discard::ALL.map(|d| (d.label().to_owned(), counters.discarded(d)));
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_ms: self.started_ms,
            uptime_s: self.started.elapsed().as_secs(),
            listen: self.listening.clone(),
            requests,
            replies: replies
                .map(|(name, code)| (name.to_owned(), counters.replies(code)))
                .into(),
            discards: discards.into(),
            received: counters.received,
            in_flight: counters.in_flight,
            connections: ConnectionsReport {
                open: counters.connections,
                half_open: counters.half_open,
                accepted: counters.accepted,
                hung_up: hung_up.into(),
            },
            seen,
            seen_left_out,
            journal: self.journal.read(),
            definitions: self.definitions.read(),
            pools: self.forwarding.as_deref().map(pools).unwrap_or_default(),
        }
    }

    fn configuration(&self) -> Option<PathBuf> {
        self.configuration.clone()
    }

    fn settle(&self, router: &str) -> Result<Settled, String> {
        let folder = Routers::of(&self.settler.data).find(router);
        let settled = folder.map_err(Failure::from).and_then(|folder| {
            wait_for(async {
                let settling = self.settler.settle(&folder, presence::GRACE);
                let late = || RouterError::Refused(format!("router '{router}' takes too long"));
                let settled = timeout(SETTLING, settling).await;
                settled.map_err(|_| Failure::from(late()))?
            })
        });
        settled.map_err(|failure| failure.words())
    }
}

fn pools(forwarding: &Forwarding) -> BTreeMap<String, PoolReport> {
    let reports = forwarding.reports().into_iter().map(|pool| {
        let report = PoolReport {
            servers: pool.servers,
            taken: pool.spool.taken,
            delivered: pool.spool.delivered,
            undeliverable: pool.spool.undeliverable,
            failures: pool.spool.failures,
            octets: pool.spool.octets,
        };
        (pool.name.to_string(), report)
    });
    reports.collect()
}

/// The listening socket; it goes when dropped.
#[derive(Debug)]
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Opens the socket. The caller holds the lock of the directory, so that one that is there is
    /// left over.
    pub(super) fn open(data: &DataDir) -> io::Result<Self> {
        let path = data.socket();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = Short::of(&path)?;
        let listener = UnixListener::bind(&short.path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until dropped.
    pub(super) async fn serve(self, answers: Arc<dyn Answers>) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of file descriptors, most likely: it gets better or it does not.
                tokio::time::sleep(PATIENCE).await;
                continue;
            };
            let answers = Arc::clone(&answers);
            // Whoever asks and does not listen is their own affair.
            tokio::spawn(async move { answer(stream, answers).await.ok() });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}

async fn answer(mut stream: tokio::net::UnixStream, answers: Arc<dyn Answers>) -> io::Result<()> {
    let question = timeout(PATIENCE, question(&mut stream)).await??;
    let octets = if question == STATUS {
        serde_json::to_vec(&answers.report())?
    } else if question == CONFIGURATION {
        serde_json::to_vec(&answers.configuration())?
    } else if let Some(router) = question.strip_prefix(SETTLE) {
        let router = router.to_owned();
        let settled = tokio::task::spawn_blocking(move || answers.settle(&router)).await?;
        serde_json::to_vec(&settled)?
    } else {
        Vec::new()
    };
    let give = async {
        stream.write_all(&octets).await?;
        stream.shutdown().await
    };
    timeout(PATIENCE, give).await?
}

/// A line; nothing where there is none.
async fn question(stream: &mut tokio::net::UnixStream) -> io::Result<String> {
    let mut line = Vec::new();
    while line.len() < QUESTION_MAX {
        match stream.read_u8().await? {
            b'\n' => return Ok(String::from_utf8(line).unwrap_or_default()),
            octet => line.push(octet),
        }
    }
    Ok(String::new())
}

/// Asks the server on a data directory how it is.
pub(crate) fn ask(data: &DataDir) -> io::Result<Report> {
    Ok(serde_json::from_slice(&put(data, STATUS, PATIENCE)?)?)
}

/// Asks the server on a data directory which file it goes by, if by any.
pub(crate) fn configuration(data: &DataDir) -> io::Result<Option<PathBuf>> {
    Ok(serde_json::from_slice(&put(
        data,
        CONFIGURATION,
        PATIENCE,
    )?)?)
}

/// Has the server on a data directory close the sessions that a router has no more.
///
/// # Errors
/// No server answers. The inner one: it says why it did not.
pub(crate) fn settle(data: &DataDir, router: &str) -> io::Result<Result<Settled, String>> {
    let question = format!("{SETTLE}{router}");
    Ok(serde_json::from_slice(&put(data, &question, SETTLED)?)?)
}

fn put(data: &DataDir, question: &str, patience: Duration) -> io::Result<Vec<u8>> {
    let short = Short::of(&data.socket())?;
    let mut stream = UnixStream::connect(&short.path)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

/// A path short enough for a socket: a long one goes through the open directory.
struct Short {
    path: PathBuf,
    _folder: Option<File>,
}

impl Short {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= PATH_MAX {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
        let name = path.file_name().unwrap_or_default();
        let short = Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name);
        Ok(Self {
            path: short,
            _folder: Some(folder),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    fn fixed() -> Report {
        Report {
            version: "1".to_owned(),
            pid: 7,
            started_ms: 1,
            uptime_s: 2,
            listen: Listening::default(),
            requests: BTreeMap::new(),
            replies: BTreeMap::new(),
            discards: BTreeMap::from([("unknown_peer".to_owned(), 3)]),
            received: 3,
            in_flight: 0,
            connections: ConnectionsReport::default(),
            seen: BTreeMap::from([("ap".to_owned(), Seen::default())]),
            seen_left_out: 0,
            journal: JournalReport::default(),
            definitions: DefinitionsReport::default(),
            pools: BTreeMap::new(),
        }
    }

    impl Answers for Fixed {
        fn report(&self) -> Report {
            fixed()
        }

        fn configuration(&self) -> Option<PathBuf> {
            Some(PathBuf::from("/etc/portreeve.toml"))
        }

        fn settle(&self, router: &str) -> Result<Settled, String> {
            let closed = || vec!["81100001".to_owned()];
            match router {
                "attic" => Ok(Settled { closed: closed() }),
                other => Err(format!("no {other}")),
            }
        }
    }

    async fn asked_in(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let data = DataDir::locate(Some(folder.to_owned()));
        fs::write(data.socket(), "left over").unwrap();
        let control = Control::open(&data).unwrap();
        let mode = fs::metadata(data.socket()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let server = tokio::spawn(control.serve(Arc::new(Fixed)));
        let asking = data.clone();
        let answers = tokio::task::spawn_blocking(move || {
            let nobody = "x".repeat(100);
            assert!(settle(&asking, &nobody).is_err());
            assert!(put(&asking, "sing", PATIENCE).unwrap().is_empty());
            let file = configuration(&asking).unwrap();
            assert_eq!(file.as_deref(), Some(Path::new("/etc/portreeve.toml")));
            let [known, unknown] = ["attic", "cellar"].map(|name| settle(&asking, name));
            (ask(&asking), known, unknown)
        });
        let (report, known, unknown) = answers.await.unwrap();
        assert_eq!(report.unwrap(), fixed());
        assert_eq!(known.unwrap().unwrap().closed, ["81100001"]);
        assert_eq!(unknown.unwrap().unwrap_err(), "no cellar");
        server.abort();
        server.await.unwrap_err();
        assert!(!data.socket().exists());
        assert!(ask(&data).is_err());
    }

    #[tokio::test]
    async fn a_server_says_how_it_is() {
        let folder = tempfile::tempdir().unwrap();
        asked_in(folder.path()).await;
    }

    #[tokio::test]
    async fn a_data_directory_may_have_a_long_name() {
        let folder = tempfile::tempdir().unwrap();
        asked_in(&folder.path().join("x".repeat(120))).await;
    }
}
