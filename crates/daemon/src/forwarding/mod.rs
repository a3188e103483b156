//! Requests that are for somebody else's server: where they go, and what comes back.

mod discovery;
mod homes;
pub(crate) mod spool;

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use portreeve::{
    AccessReply, AccessRequest, AccountingRequest, Ask, AttributeList, Client, Code, Error,
    ErrorCause, Request, attr,
    client::{Forward, Response},
};
use portreeve_aaa::{
    Shown,
    proxy::{
        Accounting, Conversations, HopKey, Nai, Obstacle, Order, Pool, Route, Routes, Stickiness,
        Undiscovered, Verdict, WhenDead,
    },
    refusal::Refusal,
};
use portreeve_proto::Dictionary;

pub(crate) use self::{
    discovery::DiscoveryError,
    homes::{HomeError, Means},
};
use self::{
    discovery::{Reach, Roaming},
    spool::{Progress, Spool, SpoolError, Way},
};
use crate::{
    config::{self, proxy::DISCOVER},
    service::{now_ms, random_octets},
};

/// Conversations that are remembered with the server that began them.
const CONVERSATIONS: usize = 65_536;
/// How long at least.
const CONVERSATION_MS: u64 = 120_000;

/// Where requests go that are not for this server.
pub(crate) struct Forwarding {
    routes: Routes,
    pools: HashMap<Arc<str>, PoolAtWork>,
    /// The servers that DNS names, where any realm goes to them.
    abroad: Option<Abroad>,
    key: HopKey,
    dictionary: Arc<Dictionary>,
    conversations: Mutex<Conversations>,
}

/// A pool, and the way to its servers.
struct PoolAtWork {
    pool: Pool,
    config: config::proxy::Pool,
    access: Arc<ArcSwap<Client>>,
    accounting: Arc<ArcSwap<Client>>,
    spool: Spool,
}

/// The servers that DNS names, and what is spooled for them.
struct Abroad {
    roaming: Arc<Roaming>,
    spool: Spool,
}

/// The servers for one request.
enum Servers<'a> {
    Pool(&'a PoolAtWork, Arc<Client>),
    Realm(Arc<Reach>),
}

/// How a pool is.
pub(crate) struct PoolReport {
    pub(crate) name: Arc<str>,
    /// How its accounting is delivered.
    pub(crate) spool: Progress,
    /// Its servers, and whether each is believed to be alive.
    pub(crate) servers: Vec<(SocketAddr, bool)>,
}

/// What a home server came to.
pub(crate) struct Answered {
    /// What the NAS gets.
    pub(crate) reply: AccessReply,
    /// What is in it.
    pub(crate) attributes: AttributeList,
    pub(crate) code: Code,
    /// The server that answered.
    pub(crate) server: SocketAddr,
}

/// What becomes of a log-in that is not for this server.
pub(crate) enum Outcome {
    Answered(Answered),
    /// It is refused, or left unanswered, because it cannot be sent on.
    Stopped {
        obstacle: Obstacle,
        reply: AccessReply,
    },
}

/// Why requests cannot be forwarded as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardingError {
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("realm `{realm}` in portreeve.toml: {why}")]
    Realm { realm: String, why: String },
    #[error("cannot keep the key of our own Proxy-State in {}", path.display())]
    Key {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl Forwarding {
    /// Reads the routes, and begins to deliver what an earlier run has left in the spools; `None`
    /// where no realm is configured. Must be called inside a Tokio runtime.
    pub(crate) fn open(
        config: &config::Proxy,
        folder: &Path,
        means: &Means<'_>,
        dictionary: Arc<Dictionary>,
    ) -> Result<Option<Self>, ForwardingError> {
        if config.realms.is_empty() {
            return Ok(None);
        }
        let routes = homes::routes(config, &dictionary)?;
        let mut pools = HashMap::new();
        for pool in homes::pools(config) {
            let at_work = PoolAtWork::open(pool, config, folder, means)?;
            pools.insert(Arc::clone(&at_work.pool.name), at_work);
        }
        let abroad = if homes::discovers(config) {
            Some(Abroad::open(config, folder, means)?)
        } else {
            None
        };
        let path = folder.join("proxy-state.key");
        let key = homes::hop_key(&path);
        Ok(Some(Self {
            routes,
            pools,
            abroad,
            key: key.map_err(|source| ForwardingError::Key { path, source })?,
            dictionary,
            conversations: Mutex::new(Conversations::new(CONVERSATIONS, CONVERSATION_MS)),
        }))
    }

    /// Takes new certificates and keys into use for connections that are opened from now on.
    pub(crate) fn renew(
        &self,
        config: &config::Proxy,
        means: &Means<'_>,
    ) -> Result<(), ForwardingError> {
        for pool in self.pools.values() {
            let (access, accounting) = homes::clients(&pool.config, config, means)?;
            pool.access.store(Arc::new(access));
            pool.accounting.store(Arc::new(accounting));
        }
        if let Some(abroad) = &self.abroad {
            abroad.roaming.renew(&config.discovery, means)?;
        }
        Ok(())
    }

    /// How each pool is, by its name.
    pub(crate) fn reports(&self) -> Vec<PoolReport> {
        let mut reports: Vec<_> = self
            .pools
            .values()
            .map(|pool| PoolReport {
                name: Arc::clone(&pool.pool.name),
                spool: pool.spool.progress(),
                servers: pool.access.load().servers().collect(),
            })
            .collect();
        reports.extend(self.abroad.as_ref().map(|abroad| PoolReport {
            name: DISCOVER.into(),
            spool: abroad.spool.progress(),
            servers: abroad.roaming.servers(),
        }));
        reports.sort_by(|a, b| a.name.cmp(&b.name));
        reports
    }

    /// Ends the delivery; what is left is delivered after the next start.
    pub(crate) async fn close(&self) {
        for pool in self.pools.values() {
            pool.spool.close().await;
        }
        if let Some(abroad) = &self.abroad {
            abroad.spool.close().await;
        }
    }

    /// Sends a log-in on, if it is for somebody else; `None` where it is for this server.
    pub(crate) async fn access(&self, request: &AccessRequest) -> Option<Outcome> {
        let packet = request.packet();
        let (route, nai) = match self
            .routes
            .decide(&packet, request.peer().name(), &self.key)
        {
            Verdict::Local => return None,
            Verdict::Refuse(obstacle) => return Some(stopped(obstacle, WhenDead::Reject)),
            Verdict::Forward(route, nai) => (route, nai),
        };
        let servers = match self.servers(route, &nai, request).await {
            Ok(servers) => servers,
            Err(obstacle) => return Some(stopped(obstacle, route.when_dead)),
        };
        let obstacle = || Obstacle::PoolDead {
            pool: servers.shown(),
        };
        let Some(forward) = self.forward(request, Ask::Access, route, &nai) else {
            return Some(Outcome::Stopped {
                obstacle: obstacle(),
                reply: AccessReply::failed(ErrorCause::OtherProxyProcessingError),
            });
        };
        let dead = || stopped(obstacle(), route.when_dead);
        let client = servers.client();
        let began = self.began(&servers.pool().name, request);
        let sticky = Stickiness::of(&packet, began);
        let alive: Vec<bool> = client.servers().map(|(_, alive)| alive).collect();
        let order = match servers.pool().order(&sticky, &alive) {
            Order::Servers(order) => order,
            Order::AllDead | Order::Lost(_) => return Some(dead()),
        };
        match client.forward_to(&forward, &order).await {
            Ok(response) => Some(self.answered(&servers, route, &response)),
            Err(error) => {
                tracing::debug!(%error, pool = %servers.shown(), "not forwarded");
                Some(match error {
                    Error::ProtocolError { cause, .. } => Outcome::Stopped {
                        obstacle: obstacle(),
                        reply: AccessReply::failed(onward_cause(cause)),
                    },
                    _ => dead(),
                })
            }
        }
    }

    /// The servers of a route. A conversation goes on where it began, whatever DNS says by now.
    async fn servers(
        &self,
        route: &Route,
        nai: &Nai<'_>,
        request: &AccessRequest,
    ) -> Result<Servers<'_>, Obstacle> {
        if *route.pool != *DISCOVER {
            let pool = self.pools.get(&route.pool);
            let pool = pool.ok_or_else(|| Obstacle::PoolDead {
                pool: Arc::clone(&route.pool),
            })?;
            return Ok(Servers::Pool(pool, pool.access.load_full()));
        }
        let not_discovered = |why| Obstacle::NotDiscovered {
            realm: nai.realm().map(Shown::new),
            why,
        };
        let abroad = self.abroad.as_ref();
        let abroad = abroad.ok_or_else(|| not_discovered(Undiscovered::NotAllowed))?;
        let realm = nai.realm();
        let realm = realm.ok_or_else(|| not_discovered(Undiscovered::NotAName))?;
        let began = |pool: &str| self.began(pool, request).is_some();
        if request.has(attr::STATE)
            && let Some(reach) = abroad.roaming.going_on(realm, began)
        {
            return Ok(Servers::Realm(reach));
        }
        let found = abroad.roaming.reach(realm).await;
        found.map(Servers::Realm).map_err(not_discovered)
    }

    fn answered(&self, servers: &Servers<'_>, route: &Route, response: &Response) -> Outcome {
        let everything = |_: &_| true;
        let Ok(list) = response.onward(&self.dictionary, &everything) else {
            tracing::warn!(
                server = %response.server(),
                "an answer has hidden values that cannot be revealed: is the secret the same?"
            );
            let pool = servers.shown();
            return stopped(Obstacle::PoolDead { pool }, WhenDead::Silent);
        };
        let attributes = route.incoming(&list);
        if response.code() == Code::ACCESS_CHALLENGE {
            self.challenged(servers, response);
        }
        let reply = match response.code() {
            Code::ACCESS_ACCEPT => AccessReply::accept(),
            Code::ACCESS_CHALLENGE => AccessReply::challenge(),
            _ => AccessReply::reject().at_once(),
        };
        Outcome::Answered(Answered {
            reply: reply.with_all(&attributes),
            attributes,
            code: response.code(),
            server: response.server(),
        })
    }

    /// Sends accounting on. `Some(true)` where it is durable and need not be kept here,
    /// `Some(false)` where it could not be made durable, `None` where it is to be kept here (too).
    pub(crate) async fn accounting(&self, request: &AccountingRequest) -> Option<bool> {
        let packet = request.packet();
        let nas = request.peer().name();
        // What cannot be forwarded is kept here: accounting is never refused.
        let Verdict::Forward(route, nai) = self.routes.decide(&packet, nas, &self.key) else {
            return None;
        };
        if route.accounting == Accounting::Local {
            return None;
        }
        let spool = self.spool(route, &nai)?;
        let forward = self.forward(request, Ask::Accounting, route, &nai)?;
        let taken = spool.take(forward.attributes(), now_ms()).await;
        if let Err(error) = taken {
            tracing::error!(%error, pool = %route.pool, "accounting cannot be spooled");
            return Some(false);
        }
        (route.accounting == Accounting::Forward).then_some(true)
    }

    /// Where accounting of a user waits; `None` where it cannot ever be delivered.
    fn spool(&self, route: &Route, nai: &Nai<'_>) -> Option<&Spool> {
        if *route.pool != *DISCOVER {
            return self.pools.get(&route.pool).map(|pool| &pool.spool);
        }
        let abroad = self.abroad.as_ref()?;
        abroad.roaming.admits(nai.realm()?).ok()?;
        Some(&abroad.spool)
    }

    /// The request as it goes on, with our own Proxy-State last.
    fn forward(
        &self,
        request: &Request,
        ask: Ask,
        route: &Route,
        nai: &Nai<'_>,
    ) -> Option<Forward> {
        let everything = |_: &_| true;
        let list = request.onward(&self.dictionary, &everything);
        let list = list
            .inspect_err(|error| {
                tracing::warn!(
                    nas = %request.peer().name(), %error,
                    "not forwarded: is the shared secret the same on both ends?"
                );
            })
            .ok()?;
        let list = route.outgoing(ask.code(), nai, &list);
        let mark = self.key.mark(random_octets()?);
        Some(Forward::of(ask, list).proxy_state(mark.octets()))
    }

    /// The server of a pool that began the conversation of a request.
    fn began(&self, pool: &str, request: &Request) -> Option<usize> {
        let state = request.get(attr::STATE)?;
        self.conversations().began(pool, state, now_ms())
    }

    fn challenged(&self, servers: &Servers<'_>, response: &Response) {
        let server = response.server();
        let mut all = servers.client().servers();
        let index = all.position(|(address, _)| address == server);
        if let (Some(index), Some(state)) = (index, response.get(attr::STATE)) {
            self.conversations()
                .challenged(&servers.pool().name, state, index, now_ms());
        }
    }

    fn conversations(&self) -> MutexGuard<'_, Conversations> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    /// Why it was refused, for the record; `None` where a home server let them in or asks for more.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Stopped { obstacle, .. } => Some(obstacle.clone().into()),
            Self::Answered(answered) if answered.code == Code::ACCESS_REJECT => {
                Some(Refusal::RefusedAtHome(answered.server))
            }
            Self::Answered(_) => None,
        }
    }
}

/// What a NAS hears of a request that cannot be sent on.
fn stopped(obstacle: Obstacle, when_dead: WhenDead) -> Outcome {
    let reply = match (&obstacle, when_dead) {
        (Obstacle::LoopDetected { .. } | Obstacle::TooManyHops { .. }, _) => {
            AccessReply::failed(ErrorCause::RequestNotRoutable)
        }
        (Obstacle::PoolDead { .. }, WhenDead::Silent) => {
            AccessReply::failed(ErrorCause::OtherProxyProcessingError)
        }
        (Obstacle::NotDiscovered { why, .. }, WhenDead::Silent) if why.may_pass() => {
            AccessReply::failed(ErrorCause::OtherProxyProcessingError)
        }
        _ => AccessReply::reject(),
    };
    Outcome::Stopped { obstacle, reply }
}

/// What a proxy says where the home server said Protocol-Error: causes of the way are its own
/// business, others go back as they are (RFC 9765 section 6.1).
fn onward_cause(cause: Option<u32>) -> ErrorCause {
    match cause {
        Some(406) => ErrorCause::UnsupportedExtension,
        Some(601) => ErrorCause::ResponseTooBig,
        _ => ErrorCause::OtherProxyProcessingError,
    }
}

impl Servers<'_> {
    fn pool(&self) -> &Pool {
        match self {
            Self::Pool(pool, _) => &pool.pool,
            Self::Realm(reach) => &reach.pool,
        }
    }

    fn client(&self) -> &Client {
        match self {
            Self::Pool(_, client) => client,
            Self::Realm(reach) => &reach.client,
        }
    }

    /// What they are called in words.
    fn shown(&self) -> Arc<str> {
        match self {
            Self::Pool(pool, _) => Arc::clone(&pool.pool.name),
            Self::Realm(reach) => Arc::clone(&reach.shown),
        }
    }
}

impl Abroad {
    fn open(
        config: &config::Proxy,
        folder: &Path,
        means: &Means<'_>,
    ) -> Result<Self, ForwardingError> {
        let roaming = Roaming::open(config, means)?;
        // The folders of pools have another beginning.
        let spool = folder.join("spool").join(DISCOVER);
        let way = Way::Realms(Arc::clone(&roaming));
        Ok(Self {
            spool: Spool::open(&spool, way, now_ms)?,
            roaming,
        })
    }
}

impl PoolAtWork {
    fn open(
        config: config::proxy::Pool,
        proxy: &config::Proxy,
        folder: &Path,
        means: &Means<'_>,
    ) -> Result<Self, ForwardingError> {
        let (access, accounting) = homes::clients(&config, proxy, means)?;
        let accounting = Arc::new(ArcSwap::from_pointee(accounting));
        let spool = folder.join("spool").join(homes::folder_name(&config.name));
        Ok(Self {
            pool: homes::pool(&config),
            access: Arc::new(ArcSwap::from_pointee(access)),
            spool: Spool::open(&spool, Arc::clone(&accounting), now_ms)?,
            accounting,
            config,
        })
    }
}
