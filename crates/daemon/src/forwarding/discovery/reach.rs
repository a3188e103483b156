//! Clients of the servers that were found, for as long as they are needed.

use std::{
    collections::HashMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use portreeve::{
    Client, Error, attr,
    client::{Forward, Retry, Upstream},
    tls::{ClientConfig, Identity, LoopGuard, TlsError, Trust, Versions},
};
use portreeve_aaa::proxy::{Member, Mode, Nai, NameForms, Pool, Undiscovered};
use zeroize::Zeroizing;

use super::{Discovery, Resolver, search::Server};
use crate::{
    config::{self, proxy::DISCOVER},
    forwarding::homes::Means,
};

/// Realms whose servers are connected to.
const MOST_LIVE: usize = 256;
/// How long the clients of a realm are kept that nobody asks for.
const IDLE: Duration = Duration::from_mins(10);
/// How long a client is kept that another has taken the place of, so that conversations come to
/// their end where they began.
const FAREWELL: Duration = Duration::from_mins(3);
/// How often is looked for clients that are not needed.
const TICK: Duration = Duration::from_secs(30);
/// How long accounting leaves servers alone that have not answered.
const REST: Duration = Duration::from_secs(30);

/// Why servers cannot be discovered as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("discovery: cannot read {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "discovery: there is no certificate of our own to show: run `portreeve cert list`, or give \
         `certificate` and `key`"
    )]
    NoIdentity,
    #[error("discovery: `ca` has to name the CAs of the discovered servers")]
    NoTrust,
    #[error("discovery: the name servers of this machine are not known ({why}): set `resolver`")]
    Resolver { why: String },
    #[error("discovery: {0}")]
    Tls(#[from] TlsError),
}

/// Why a record was not delivered.
pub(crate) enum NotSent {
    /// It will not be at any other time.
    Never(String),
    /// Perhaps later.
    NotNow(String),
}

/// The servers of one realm, and the way to them.
pub(crate) struct Reach {
    /// What it is called in words.
    pub(crate) shown: Arc<str>,
    /// Its name is its own: another set of servers of the same realm has another one.
    pub(crate) pool: Pool,
    pub(crate) client: Client,
}

/// Reaches the servers of realms that DNS names.
pub(crate) struct Roaming {
    discovery: Discovery<Resolver>,
    forms: NameForms,
    timeout: Duration,
    tls: ArcSwap<Tls>,
    live: Mutex<State>,
}

struct State {
    realms: HashMap<Box<str>, Live>,
    /// Clients made so far, to tell them apart.
    made: u64,
}

/// What is connected for a realm.
struct Live {
    reach: Arc<Reach>,
    servers: Arc<[Server]>,
    generation: u64,
    used: Instant,
    before: Option<(Arc<Reach>, Instant)>,
    /// Until when accounting leaves it alone.
    rests_until: Option<Instant>,
}

/// Who we are to discovered servers, and whom we believe.
struct Tls {
    generation: u64,
    identity: Identity,
    trust: Trust,
    guard: LoopGuard,
    versions: Versions,
}

impl Roaming {
    /// Reads the certificates; no name is looked up. Must be called inside a Tokio runtime.
    pub(crate) fn open(
        config: &config::Proxy,
        means: &Means<'_>,
    ) -> Result<Arc<Self>, DiscoveryError> {
        let tls = Tls::read(&config.discovery, means, 0)?;
        let resolver = Resolver::new(config.discovery.resolver);
        let resolver = resolver.map_err(|error| DiscoveryError::Resolver {
            why: error.to_string(),
        })?;
        let this = Arc::new(Self {
            discovery: Discovery::new(&config.discovery, resolver),
            forms: config.rules.forms,
            timeout: config.discovery.timeout,
            tls: ArcSwap::from_pointee(tls),
            live: Mutex::new(State {
                realms: HashMap::new(),
                made: 0,
            }),
        });
        tokio::spawn(clear(Arc::downgrade(&this)));
        Ok(this)
    }

    /// Takes other certificates into use for clients that are made from now on.
    pub(crate) fn renew(
        &self,
        config: &config::Discovery,
        means: &Means<'_>,
    ) -> Result<(), DiscoveryError> {
        let generation = self.tls.load().generation + 1;
        self.tls
            .store(Arc::new(Tls::read(config, means, generation)?));
        Ok(())
    }

    /// Whether DNS may be asked for a realm.
    pub(crate) fn admits(&self, realm: &str) -> Result<String, Undiscovered> {
        self.discovery.admits(realm)
    }

    /// The servers of a realm, as DNS names them now.
    pub(crate) async fn reach(&self, realm: &str) -> Result<Arc<Reach>, Undiscovered> {
        let realm = self.discovery.admits(realm)?;
        let servers = self.discovery.find(&realm).await?;
        let tls = self.tls.load_full();
        let mut state = self.state();
        let (now, number) = (Instant::now(), state.made);
        if let Some(live) = state.realms.get_mut(&*realm)
            && live.generation == tls.generation
            && same(&live.servers, &servers)
        {
            live.used = now;
            return Ok(Arc::clone(&live.reach));
        }
        let made = Reach::new(&realm, number, &servers, &tls, self.timeout);
        let reach = Arc::new(made.map_err(|error| {
            tracing::warn!(realm, %error, "discovered servers cannot be connected to");
            Undiscovered::Unprepared
        })?);
        state.made += 1;
        state.make_room(&realm);
        let before = state.realms.remove(&*realm);
        let live = Live {
            reach: Arc::clone(&reach),
            servers,
            generation: tls.generation,
            used: now,
            before: before.map(|before| (before.reach, now)),
            rests_until: None,
        };
        state.realms.insert(realm.into(), live);
        Ok(reach)
    }

    /// The servers with which a conversation began, where `began` knows a pool of that realm.
    pub(crate) fn going_on(&self, realm: &str, began: impl Fn(&str) -> bool) -> Option<Arc<Reach>> {
        let mut state = self.state();
        let live = state.realms.get_mut(&*realm.to_lowercase())?;
        live.used = Instant::now();
        let before = live.before.as_ref().map(|(reach, _)| reach);
        let mut all = std::iter::once(&live.reach).chain(before);
        all.find(|reach| began(&reach.pool.name)).cloned()
    }

    /// Sends a record to the servers of its user's realm.
    pub(crate) async fn deliver(&self, forward: &Forward) -> Result<(), NotSent> {
        let user = attr::USER_NAME.spec();
        let entry = forward
            .attributes()
            .iter()
            .find(|entry| entry.spec.oid == user.oid);
        let name = entry.map_or(&[][..], |entry| entry.value);
        let nai = Nai::parse(name, self.forms).ok();
        let Some(realm) = nai.and_then(|nai| nai.folded_realm()) else {
            return Err(NotSent::Never("its user has no realm".to_owned()));
        };
        if self.is_resting(&realm) {
            return Err(NotSent::NotNow(format!("{realm} has not answered")));
        }
        let reach = match self.reach(&realm).await {
            Ok(reach) => reach,
            Err(why @ (Undiscovered::NotAllowed | Undiscovered::NotAName)) => {
                return Err(NotSent::Never(why.to_string()));
            }
            Err(why) => return Err(NotSent::NotNow(why.to_string())),
        };
        match reach.client.forward(forward).await {
            Ok(_) => Ok(()),
            Err(Error::Encode(error)) => Err(NotSent::Never(error.to_string())),
            Err(error) => {
                if let Some(live) = self.state().realms.get_mut(&*realm) {
                    live.rests_until = Some(Instant::now() + REST);
                }
                Err(NotSent::NotNow(error.to_string()))
            }
        }
    }

    /// All servers that there are clients of, and whether each is believed to be alive.
    pub(crate) fn servers(&self) -> Vec<(SocketAddr, bool)> {
        let state = self.state();
        let clients = state.realms.values().map(|live| &live.reach.client);
        clients.flat_map(Client::servers).collect()
    }

    fn is_resting(&self, realm: &str) -> bool {
        let state = self.state();
        let live = state.realms.get(realm);
        let until = live.and_then(|live| live.rests_until);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets the realm go that was not asked for the longest, if there is no room for another one.
    fn make_room(&mut self, realm: &str) {
        if self.realms.len() < MOST_LIVE || self.realms.contains_key(realm) {
            return;
        }
        let oldest = self.realms.iter().min_by_key(|(_, live)| live.used);
        if let Some(realm) = oldest.map(|(realm, _)| realm.clone()) {
            self.realms.remove(&realm);
        }
    }

    fn clear(&mut self, now: Instant) {
        self.realms
            .retain(|_, live| now.duration_since(live.used) < IDLE);
        for live in self.realms.values_mut() {
            live.before
                .take_if(|(_, since)| now.duration_since(*since) >= FAREWELL);
        }
    }
}

/// Whether they are the same ones, in whatever order: an order by weight is another one each time.
fn same(a: &[Server], b: &[Server]) -> bool {
    a.len() == b.len() && a.iter().all(|server| b.contains(server))
}

/// Lets clients go that are not needed, until their owner is gone.
async fn clear(roaming: Weak<Roaming>) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(roaming) = roaming.upgrade() else {
            return;
        };
        roaming.state().clear(Instant::now());
    }
}

impl Reach {
    fn new(
        realm: &str,
        number: u64,
        servers: &[Server],
        tls: &Tls,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let retry = Retry {
            duration: timeout,
            count: 0,
            ..Retry::default()
        };
        let mut builder = Client::builder().retry(retry).nas_identifier("");
        for server in servers {
            let config = tls.towards(server, realm).map_err(Error::from)?;
            builder = builder.server_with(Upstream::radsec(server.address, config)?);
        }
        let member = |server: &Server| Member {
            name: server.address.to_string().into(),
            weight: 1,
        };
        Ok(Self {
            shown: format!("{DISCOVER} ({realm})").into(),
            pool: Pool {
                name: format!("{DISCOVER} {number} {realm}").into(),
                // DNS has put them into their order.
                mode: Mode::Failover,
                members: servers.iter().map(member).collect(),
            },
            client: builder.build()?,
        })
    }
}

impl Tls {
    fn read(
        config: &config::Discovery,
        means: &Means<'_>,
        generation: u64,
    ) -> Result<Self, DiscoveryError> {
        let identity = if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
            let key = Zeroizing::new(read(key)?);
            Identity::from_pem(&read(certificate)?, &key)?
        } else {
            let (chain, key) = means.identity.ok_or(DiscoveryError::NoIdentity)?;
            Identity::from_pem(chain.as_bytes(), key.as_bytes())?
        };
        // Our own CA vouches for our own NASes, and not for servers of strangers.
        let ca = config.ca.as_ref().ok_or(DiscoveryError::NoTrust)?;
        let mut trust = Trust::from_pem(&read(ca)?)?;
        if let Some(crl) = &config.crl {
            trust = trust.crls_from_pem(&read(crl)?)?;
        }
        Ok(Self {
            generation,
            identity,
            trust,
            guard: means.guard.clone(),
            versions: config.radius,
        })
    }

    /// A server has to be vouched for by the realm, whatever its name: names come from DNS, which
    /// vouches for nothing (RFC 7585 section 2.1).
    fn towards(&self, server: &Server, realm: &str) -> Result<ClientConfig, TlsError> {
        let (identity, trust) = (self.identity.clone(), self.trust.clone());
        let config = ClientConfig::new(identity, trust, &server.host)?.realm(realm)?;
        Ok(config
            .realm_alone()
            .versions(self.versions)
            .loop_guard(self.guard.clone()))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, DiscoveryError> {
    fs::read(path).map_err(|source| DiscoveryError::File {
        path: path.to_owned(),
        source,
    })
}
