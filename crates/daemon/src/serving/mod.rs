//! A server at work: what it is made of, how it starts, and how it ends.

mod bookkeeping;
mod certificates;
pub(crate) mod control;
mod descriptors;
pub(crate) mod eap;
mod endings;
mod forwarding;
mod logging;
mod peers;
pub(crate) mod secured;
mod settle;
mod watch;
pub(crate) mod welcome;
mod world;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use portreeve::{Role, Running, Server, tls::LoopGuard};
use portreeve_proto::Dictionary;
use portreeve_store::journal::JournalError;
use tokio::signal::unix::{SignalKind, signal};

use self::{
    bookkeeping::Bookkeeping,
    certificates::Certificates,
    control::{Control, Listening},
    secured::{CredentialsError, Secured},
    settle::Settler,
    watch::Watch,
    world::{Keeper, World},
};
use crate::{
    attributes,
    config::Config,
    data::DataDir,
    failure::Failure,
    output::Output,
    portal::{self, Portal, PortalError},
    profile::parcels::routes,
    service::{Hashing, Records, Service, Watcher},
};

/// How long handlers at work get when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("cannot open the control socket {}", path.display())]
    Control {
        path: std::path::PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "cannot listen on {address}: another program has the port, or it needs more rights; \
         `{key}` in portreeve.toml takes another address, and `{key} = []` switches it off"
    )]
    Listen {
        key: &'static str,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Eap(#[from] eap::EapError),
    #[error(transparent)]
    Forwarding(#[from] crate::forwarding::ForwardingError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Portal(#[from] PortalError),
    #[error(transparent)]
    Library(#[from] portreeve::Error),
    #[error("the system gives no random numbers")]
    Random,
    #[error("the system refuses what is needed to start")]
    Start(#[source] io::Error),
}

/// Serves until it is told to stop, or cannot go on.
pub(crate) fn run(config: &Config, data: &DataDir, output: &mut Output<'_>) -> Result<(), Failure> {
    let dictionary = Arc::new(attributes::dictionary(config)?);
    let readiness = data.make_ready()?;
    let lock = data.lock()?;
    let mut store = data.open_checked()?;
    let mut welcome = welcome::prepare(&mut store, readiness)?;
    let found = certificates::prepare(data);
    welcome.ca_made(found.made.as_deref());
    logging::start(config.log);
    descriptors::raise(config.tls.limits.total);
    let hashing = Hashing::new(processors_unless(config.security.slow_hashes));
    let hashing = Arc::new(hashing.ok_or(ServeError::Random)?);
    let world = World::read(&mut store, Arc::clone(&dictionary), &hashing)?;
    let books = Bookkeeping::open(config, data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("portreeve")
        .build()
        .map_err(ServeError::Start)?;
    let answers = !config.portal.http.is_empty();
    let mut certificates = Certificates::start(data, &found, answers).map_err(ServeError::Start)?;
    let records = Records::new(books.decisions());
    let settler = Settler {
        data: data.clone(),
        journal: books.journal(),
        records: records.clone(),
    };
    let watch = Watch::start(config.routers, settler.clone());
    let mut watch = watch.map_err(ServeError::Start)?;
    let ended = runtime.block_on(async {
        let parts = Parts {
            config,
            data,
            world,
            hashing,
            books: &books,
            records,
            settler,
            dictionary,
            authority: certificates.shared(),
        };
        let mut at_work = parts.start(store).await?;
        if let Err(error) = welcome.print(&at_work.listening, data, output) {
            // Whoever was to read it is gone; the NASes are not.
            tracing::warn!(%error, "cannot print");
        }
        let ended = until_stopped(&at_work.running).await;
        at_work.stop().await;
        ended
    });
    // Handlers that were given up may still hold the journal: they are not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    watch.stop();
    books.close();
    certificates.stop();
    drop(lock);
    ended
}

fn processors_unless(given: usize) -> usize {
    match given {
        0 => thread::available_parallelism().map_or(1, usize::from),
        given => given,
    }
}

struct Parts<'a> {
    config: &'a Config,
    data: &'a DataDir,
    world: World,
    hashing: Arc<Hashing>,
    books: &'a Bookkeeping,
    records: Records,
    settler: Settler,
    dictionary: Arc<Dictionary>,
    authority: certificates::Shared,
}

/// Everything that runs.
struct AtWork {
    running: Running,
    listening: Listening,
    keeper: Keeper,
    portal: portal::Open,
    housekeeping: tokio::task::JoinHandle<()>,
    forwarding: forwarding::AtWork,
    eap: eap::AtWork,
    control: tokio::task::JoinHandle<()>,
    endings: tokio::task::JoinHandle<()>,
}

impl Parts<'_> {
    async fn start(self, store: portreeve_store::Sqlite) -> Result<AtWork, Failure> {
        let records = self.records.clone();
        let snapshot = self.world.snapshot();
        let watcher = Watcher::new(records.clone(), Arc::clone(&snapshot));
        let guard = LoopGuard::default();
        let forwarding = forwarding::AtWork::start(
            self.config,
            self.data,
            Arc::clone(&self.dictionary),
            &self.authority,
            &guard,
        )
        .map_err(ServeError::from)?;
        let eap = eap::AtWork::start(&self.config.eap, &self.authority, &records)
            .map_err(ServeError::from)?;
        let service = Service {
            snapshot,
            hashing: Arc::clone(&self.hashing),
            journal: self.books.journal(),
            records,
            eap: eap.eap.clone(),
            forwarding: forwarding.forwarding.clone(),
            mac: self.config.mac.clone(),
            interim_interval_s: self.config.accounting.interim_interval_s,
        };
        let control = self.control()?;
        let secured = self.secured(&guard)?;
        let portal = self.portal().await?;
        let started = self
            .server(service, &watcher, secured.as_ref())
            .start()
            .await;
        let running = started.map_err(|error| refused(self.config, error))?;
        let mut listening = listening(self.config, running.addresses(), secured.is_some());
        listening.http.clone_from(&portal.http);
        listening.https.clone_from(&portal.https);
        let sightings = watcher.sightings();
        let table = running.peers();
        let keeper = Keeper::start(self.world, store, self.hashing, watcher, table, secured)
            .map_err(ServeError::Start)?;
        let health = control::Health {
            started: Instant::now(),
            started_ms: crate::service::now_ms(),
            listening: listening.clone(),
            meter: running.meter(),
            connections: running.connections(),
            sightings,
            journal: self.books.gauge(),
            definitions: keeper.gauge(),
            forwarding: forwarding.forwarding.clone(),
            settler: self.settler,
            configuration: self.config.file.clone(),
        };
        let control = tokio::spawn(control.serve(Arc::new(health)));
        let endings = endings::start(self.data, &self.authority, &running, self.config.coa);
        let housekeeping = tokio::spawn(routes::keep_house(self.data.clone()));
        Ok(AtWork {
            running,
            listening,
            keeper,
            portal,
            housekeeping,
            forwarding,
            eap,
            control,
            endings,
        })
    }
}

impl Parts<'_> {
    fn control(&self) -> Result<Control, ServeError> {
        Control::open(self.data).map_err(|source| ServeError::Control {
            path: self.data.socket(),
            source,
        })
    }

    fn server(
        &self,
        service: Service,
        watcher: &Watcher,
        secured: Option<&Secured>,
    ) -> Server<Service> {
        let server = configured(self.config, Server::new(service)).observer(watcher.clone());
        let server = connecting(self.config, server, secured);
        let peers = self.world.peers().by_address().into_iter();
        peers.fold(server, |server, (prefix, peer)| {
            server.peer_with(peer, prefix.to_string())
        })
    }

    async fn portal(&self) -> Result<portal::Open, Failure> {
        let portal = Portal::new(Arc::clone(&self.authority)).private(routes::routes(self.data));
        let opened = portal.open(&self.config.portal).await;
        Ok(opened.map_err(ServeError::from)?)
    }

    /// What the listeners over TLS need; nothing where there are none, or where our own CA cannot
    /// be used, which must not keep those from being served who come without TLS.
    fn secured(&self, guard: &LoopGuard) -> Result<Option<Secured>, Failure> {
        let listen = &self.config.listen;
        if listen.tls.is_empty() && listen.dtls.is_empty() {
            return Ok(None);
        }
        let authority = Arc::clone(&self.authority);
        let peers = self.world.peers();
        match Secured::new(&self.config.tls, authority, guard.clone(), peers) {
            Ok(secured) => Ok(Some(secured)),
            Err(CredentialsError::Nothing) => {
                tracing::error!(
                    "nobody is listened to over TLS until a restart: {}",
                    CredentialsError::Nothing
                );
                Ok(None)
            }
            Err(error) => Err(ServeError::from(error).into()),
        }
    }
}

impl AtWork {
    async fn stop(&mut self) {
        let counters = self.running.stop().await;
        self.control.abort();
        self.endings.abort();
        self.portal.close();
        self.housekeeping.abort();
        self.keeper.stop();
        self.eap.stop();
        self.forwarding.stop().await;
        tracing::info!(
            received = counters.received,
            sent = counters.sent,
            "stopped"
        );
    }
}

fn configured(config: &Config, server: Server<Service>) -> Server<Service> {
    let mut server = server
        .reject_delay(config.security.reject_delay)
        .handler_timeout(config.security.handler_timeout)
        .duplicates(config.duplicates)
        .receive_buffer(config.server.receive_buffer_bytes)
        .workers(processors_unless(config.server.workers))
        .drain(DRAIN);
    for address in &config.listen.auth {
        server = server.udp_as(Role::Auth, *address);
    }
    for address in &config.listen.accounting {
        server = server.udp_as(Role::Accounting, *address);
    }
    server
}

/// The listeners that take connections.
fn connecting(
    config: &Config,
    server: Server<Service>,
    secured: Option<&Secured>,
) -> Server<Service> {
    let mut server = server.connections(config.tls.limits);
    if let Some(secured) = secured {
        for address in &config.listen.tls {
            server = server.radsec_as(Role::Home, *address, secured.tls());
        }
        #[cfg(feature = "openssl")]
        for address in &config.listen.dtls {
            server = server.dtls_as(Role::Home, *address, secured.dtls());
        }
    }
    for address in &config.listen.tcp {
        server = server.tcp_as(Role::Home, *address);
    }
    server
}

/// Says which key a listener is from that cannot be had.
fn refused(config: &Config, error: portreeve::Error) -> ServeError {
    let portreeve::Error::Listen { address, error } = error else {
        return error.into();
    };
    let listen = &config.listen;
    let keys = [
        ("listen.tls", &listen.tls),
        ("listen.tcp", &listen.tcp),
        ("listen.dtls", &listen.dtls),
    ];
    let key = keys
        .iter()
        .find(|(_, addresses)| addresses.contains(&address));
    match key {
        Some((key, _)) => ServeError::Listen {
            key,
            address,
            source: error,
        },
        None => portreeve::Error::Listen { address, error }.into(),
    }
}

/// The addresses come in the order in which they were asked for.
fn listening(config: &Config, addresses: &[SocketAddr], secured: bool) -> Listening {
    let listen = &config.listen;
    let mut rest = addresses.iter().copied();
    let mut next = |count| rest.by_ref().take(count).collect();
    let if_secured = |asked: &[SocketAddr]| if secured { asked.len() } else { 0 };
    Listening {
        auth: next(listen.auth.len()),
        accounting: next(listen.accounting.len()),
        tls: next(if_secured(&listen.tls)),
        dtls: next(if_secured(&listen.dtls)),
        tcp: next(listen.tcp.len()),
        http: Vec::new(),
        https: Vec::new(),
    }
}

async fn until_stopped(running: &Running) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(ServeError::Start);
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut hangup = on(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => tracing::info!(
                "users, groups and NASes need no reload; portreeve.toml needs a restart"
            ),
            ended = running.ended() => return Ok(ended.map_err(ServeError::from)?),
        }
    }
    tracing::info!("stopping: no new requests, those at work get their answers");
    Ok(())
}
