//! The client: requests to servers, and what they answer.

mod ask;
mod connected;
mod counters;
mod dial;
mod forward;
mod health;
mod ledger;
mod line;
mod response;
mod retry;
mod reverse;
mod target;

use std::{
    fmt,
    future::{IntoFuture, Ready, ready},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use portreeve_proto::{Ask, AttributeList, Code, Peer, Secret, Transport, attr};

use self::{
    ask::Prepared,
    dial::{Host, NoHost},
    reverse::Reverse,
    target::{Chance, Means, Plan, Target},
};
pub use self::{
    ask::{Access, Accounting},
    counters::ClientCounters,
    forward::Forward,
    health::Watchdog,
    response::{AccessOutcome, DynamicOutcome, Response},
    retry::Retry,
};
pub(crate) use self::{
    counters::Tally,
    ledger::{Answer, Ledger, Place, Waiting},
};
use crate::{Error, Handler, ToAddress, Trace, server::connections::Way, tls};

/// Sockets to one server at most, unless told otherwise: 4096 requests at a time.
const SOCKETS: usize = 16;
/// Transmissions without an answer after which the next server gets the request, unless told
/// otherwise.
const PATIENCE: u32 = 2;

/// Sends requests to one server, or to the first of several that answers. Cheap to clone; clones
/// share sockets and what is known of the servers.
///
/// ```no_run
/// use portreeve::client::{Access, AccessOutcome, Client};
///
/// # async fn run() -> Result<(), portreeve::Error> {
/// let client = Client::udp("192.0.2.1:1812", "s3cret").await?;
/// match client.access(Access::pap("tim", "12345")).await? {
///     AccessOutcome::Accept(_) => println!("let in"),
///     AccessOutcome::Challenge(_) => println!("asked for more"),
///     AccessOutcome::Reject(reply) => println!("refused: {:?}", reply.message()),
/// }
/// # Ok(())
/// # }
/// ```
///
/// An answer counts only if it verifies; a bad one is counted and otherwise ignored. Requests are
/// sent again as [`Retry`] says; where there are several servers, the next one that is alive gets
/// the request after [`ClientBuilder::patience`] transmissions, and a server that keeps silent is
/// left alone until it answers Status-Server again (see [`Watchdog`]).
#[derive(Clone)]
pub struct Client {
    targets: Arc<[Arc<Target>]>,
    retry: Retry,
    patience: u32,
    nas_identifier: Option<Arc<str>>,
    random: Arc<Chance>,
}

impl Client {
    /// A client of the server at an address. Await it, or say more first.
    pub fn udp(address: impl ToAddress, secret: impl AsRef<[u8]>) -> ClientBuilder {
        ClientBuilder::new().server(address, secret)
    }

    /// A client of the server at an address over TLS (`RadSec`). Await it, or say more first.
    pub fn radsec(address: impl ToAddress, config: tls::ClientConfig) -> ClientBuilder {
        ClientBuilder::new().upstream(Upstream::radsec(address, config))
    }

    /// A client of the server at an address over DTLS. Needs the cargo feature `openssl`.
    #[cfg(feature = "openssl")]
    pub fn dtls(address: impl ToAddress, config: tls::ClientConfig) -> ClientBuilder {
        ClientBuilder::new().upstream(Upstream::dtls(address, config))
    }

    /// A client of the server at an address over bare TCP (RFC 6613): for tests and trusted links.
    pub fn tcp(address: impl ToAddress, secret: impl AsRef<[u8]>) -> ClientBuilder {
        ClientBuilder::new().upstream(Upstream::tcp(address, secret))
    }

    /// A client whose requests go down a connection that is open.
    pub(crate) fn over(way: Way, trace: Trace) -> Result<Self, Error> {
        let random = Arc::new(Chance::new()?);
        let means = Means {
            trace,
            ..Means::plain(Arc::clone(&random))
        };
        Ok(Self {
            targets: [Arc::new(Target::over(way, means))].into(),
            retry: Retry::default(),
            patience: PATIENCE,
            nas_identifier: None,
            random,
        })
    }

    /// What the TLS handshake with each server settled, in their order, where a connection is open.
    pub fn sessions(&self) -> impl Iterator<Item = (SocketAddr, Option<tls::Session>)> {
        self.targets
            .iter()
            .map(|target| (target.upstream.address, target.carrier.session()))
    }

    /// A client that has no server yet.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Tries a log-in.
    ///
    /// # Errors
    /// Where there is no answer that counts, where the request does not fit a packet, and
    /// [`Error::ServerUnproven`] where an Accept lacks the server's own proof.
    pub async fn access(&self, access: Access) -> Result<AccessOutcome, Error> {
        let mut prepared = access.prepare(&mut *self.random.draw())?;
        self.name_device(&mut prepared);
        let response = self.exchange(&prepared).await?;
        match response.code() {
            Code::ACCESS_ACCEPT => {
                let proven = response
                    .expectation()
                    .map(|it| it.check_accept(&response.packet()));
                if let Some(Err(reason)) = proven {
                    let server = response.server();
                    return Err(Error::ServerUnproven { server, reason });
                }
                Ok(AccessOutcome::Accept(response))
            }
            Code::ACCESS_CHALLENGE => Ok(AccessOutcome::Challenge(response)),
            _ => Ok(AccessOutcome::Reject(response)),
        }
    }

    /// Reports what was used. Every transmission is a packet of its own that says how old the
    /// record is (Acct-Delay-Time); the caller's attributes stay as they are. See
    /// [`Retry::forever`].
    pub async fn accounting(&self, record: Accounting) -> Result<Response, Error> {
        let mut prepared = record.prepare();
        self.name_device(&mut prepared);
        self.exchange(&prepared).await
    }

    /// Asks whether a server is there (RFC 5997).
    pub async fn status(&self) -> Result<Response, Error> {
        self.exchange(&Prepared::new(Ask::Status, AttributeList::new()))
            .await
    }

    /// Asks a device to change a session (RFC 5176), usually on its port 3799. Every packet is
    /// signed with Message-Authenticator. Event-Timestamp is added where it is absent: the same in
    /// every retransmission, which is the same packet, and its own in the packet for another
    /// server. A request that is not answered within 300 s is given up whatever [`Retry`] says,
    /// because it would then count as a replay.
    ///
    /// Over UDP an identifier rests for 300 s after its use, so 256 requests use up a socket for
    /// that long, and another is opened as long as there are fewer than
    /// [`sockets`](ClientBuilder::sockets). Beyond that the identifier that has rested longest is
    /// used again: the packet is another because its content is, and a device that heeds the
    /// Request Authenticator, as RFC 5080 section 2.2.2 asks, is not misled. Over a connection
    /// nothing is sent twice, so nobody has to tell, and identifiers need no rest.
    pub async fn coa(&self, attributes: AttributeList) -> Result<DynamicOutcome, Error> {
        self.dynamic(Ask::Coa, attributes).await
    }

    /// Asks a device to end a session (RFC 5176); as [`Self::coa`]. See also
    /// [`DynamicOutcome::is_gone`].
    pub async fn disconnect(&self, attributes: AttributeList) -> Result<DynamicOutcome, Error> {
        self.dynamic(Ask::Disconnect, attributes).await
    }

    /// Sends a request of any kind with these attributes, and gives what answers it.
    pub async fn ask(&self, ask: Ask, attributes: AttributeList) -> Result<Response, Error> {
        self.exchange(&Prepared::new(ask, attributes)).await
    }

    /// The servers in their order, and whether each is believed to be alive.
    pub fn servers(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.targets
            .iter()
            .map(|target| (target.upstream.address, !target.is_dead()))
    }

    /// What was done towards each server, in their order.
    pub fn counters(&self) -> impl Iterator<Item = (SocketAddr, ClientCounters)> {
        self.targets
            .iter()
            .map(|target| (target.upstream.address, target.tally.snapshot()))
    }

    /// Sockets and connections that are open towards all servers.
    pub fn sockets(&self) -> usize {
        self.targets
            .iter()
            .map(|target| target.carrier.open())
            .sum()
    }

    async fn dynamic(&self, ask: Ask, attributes: AttributeList) -> Result<DynamicOutcome, Error> {
        let mut prepared = Prepared::new(ask, attributes);
        prepared.protect = true;
        prepared.stamp = true;
        let response = self.exchange(&prepared).await?;
        Ok(match response.code() {
            Code::COA_ACK | Code::DISCONNECT_ACK => DynamicOutcome::Ack(response),
            _ => DynamicOutcome::Nak(response),
        })
    }

    fn name_device(&self, prepared: &mut Prepared) {
        if let Some(identifier) = &self.nas_identifier {
            prepared.name_device(identifier);
        }
    }

    /// Tries the servers that are alive, in order; where none is, all of them.
    async fn exchange(&self, prepared: &Prepared) -> Result<Response, Error> {
        self.exchange_in(prepared, None).await
    }

    /// As [`Self::exchange`]; an order that is given is kept to.
    async fn exchange_in(
        &self,
        prepared: &Prepared,
        order: Option<&[usize]>,
    ) -> Result<Response, Error> {
        let alive = || self.targets.iter().filter(|target| !target.is_dead());
        let none_alive = alive().next().is_none();
        let order: Vec<_> = match order {
            Some(order) => order
                .iter()
                .filter_map(|index| self.targets.get(*index))
                .collect(),
            None if none_alive => self.targets.iter().collect(),
            None => alive().collect(),
        };
        let since = Instant::now();
        let mut error = Error::NoServer;
        let mut sent = 0;
        for (index, target) in order.iter().enumerate() {
            let is_last = index + 1 == order.len();
            let plan = Plan {
                retry: prepared.within_window(self.retry),
                patience: (!is_last).then_some(self.patience),
                since,
            };
            match target.exchange(prepared, plan).await {
                // It cannot serve this request, and another may (RFC 9765 section 6.1).
                Ok(response) if response.code() == Code::PROTOCOL_ERROR => {
                    sent += response.transmissions();
                    error = Error::ProtocolError {
                        server: response.server(),
                        cause: response.get(attr::ERROR_CAUSE),
                    };
                }
                Ok(response) => return Ok(response),
                Err(silence) if silence.is_final => return Err(silence.error),
                Err(silence) => {
                    sent += silence.sent;
                    error = silence.error;
                }
            }
        }
        if none_alive && order.len() > 1 {
            let last = Box::new(error);
            return Err(Error::AllDead {
                servers: order.len(),
                sent,
                last,
            });
        }
        Err(error)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers().collect();
        f.debug_struct("Client")
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}

/// A server as a client is told of it. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct Upstream {
    address: SocketAddr,
    secret: Secret,
    require_message_authenticator: bool,
    how: How,
}

/// How a server is reached.
#[derive(Debug, Clone)]
enum How {
    #[cfg(feature = "openssl")]
    Dtls(Arc<tls::ClientConfig>),
    Tcp,
    Tls(Arc<tls::ClientConfig>),
    Udp,
}

impl Upstream {
    /// The server at an address, of which everything safe is demanded.
    pub fn new(address: impl ToAddress, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        let address = address
            .to_address()
            .map_err(|given| Error::Address { given })?;
        let secret = Secret::new(secret).map_err(|_| Error::EmptySecret {
            of: address.to_string().into(),
        })?;
        Ok(Self {
            address,
            secret,
            require_message_authenticator: true,
            how: How::Udp,
        })
    }

    /// The server at an address over TLS (`RadSec`); the port is usually 2083. Its certificate, or
    /// the key we share with it, vouches for it, and ours for us.
    pub fn radsec(address: impl ToAddress, config: tls::ClientConfig) -> Result<Self, Error> {
        let how = How::Tls(Arc::new(config));
        Self::secured(address, Transport::Tls, how)
    }

    /// The server at an address over DTLS; the port is usually 2083. Needs the cargo feature
    /// `openssl`.
    #[cfg(feature = "openssl")]
    pub fn dtls(address: impl ToAddress, config: tls::ClientConfig) -> Result<Self, Error> {
        let how = How::Dtls(Arc::new(config));
        Self::secured(address, Transport::Dtls, how)
    }

    /// The server at an address over bare TCP (RFC 6613): for tests and trusted links.
    pub fn tcp(address: impl ToAddress, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        let mut upstream = Self::new(address, secret)?;
        upstream.how = How::Tcp;
        Ok(upstream)
    }

    fn secured(address: impl ToAddress, transport: Transport, how: How) -> Result<Self, Error> {
        let address = address
            .to_address()
            .map_err(|given| Error::Address { given })?;
        let secret = Secret::of_transport(transport).ok_or_else(|| Error::EmptySecret {
            of: address.to_string().into(),
        })?;
        Ok(Self {
            address,
            secret,
            // TLS vouches for every octet: servers of many years sign nothing besides.
            require_message_authenticator: false,
            how,
        })
    }

    /// The other end of a connection that a peer has opened.
    pub(crate) fn of_peer(peer: &Peer, from: SocketAddr, transport: Transport) -> Self {
        Self {
            address: from,
            secret: peer.shared_secret(),
            require_message_authenticator: !transport.is_secure(),
            how: How::Tcp,
        }
    }

    /// Sets whether answers to log-ins and Status-Server must carry Message-Authenticator. Without
    /// it, whoever can alter packets can turn a Reject into an Accept (CVE-2024-3596): leave it on
    /// unless the server cannot.
    #[must_use]
    pub fn require_message_authenticator(mut self, require: bool) -> Self {
        self.require_message_authenticator = require;
        self
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What carries packets to it.
    pub fn transport(&self) -> Transport {
        self.how.transport()
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// A client in the making: await it, or [`build`](Self::build) it. What is wrong with an argument
/// is told then.
#[must_use]
pub struct ClientBuilder {
    upstreams: Vec<Upstream>,
    retry: Retry,
    patience: u32,
    watchdog: Watchdog,
    sockets: usize,
    source: Option<IpAddr>,
    nas_identifier: Option<Arc<str>>,
    trace: Option<Trace>,
    host: Option<Arc<dyn Host>>,
    /// The first thing that was wrong.
    wrong: Option<Error>,
}

impl ClientBuilder {
    fn new() -> Self {
        Self {
            upstreams: Vec::new(),
            retry: Retry::default(),
            patience: PATIENCE,
            watchdog: Watchdog::default(),
            sockets: SOCKETS,
            source: None,
            nas_identifier: Some("portreeve".into()),
            trace: None,
            host: None,
            wrong: None,
        }
    }

    /// Adds a server, to be asked when those before it do not answer.
    pub fn server(self, address: impl ToAddress, secret: impl AsRef<[u8]>) -> Self {
        self.upstream(Upstream::new(address, secret))
    }

    fn upstream(mut self, upstream: Result<Upstream, Error>) -> Self {
        match upstream {
            Ok(upstream) => self.upstreams.push(upstream),
            Err(error) => {
                self.wrong.get_or_insert(error);
            }
        }
        self
    }

    /// Serves CoA-Request and Disconnect-Request that a server sends down a connection of ours
    /// (reverse CoA, draft-ietf-radext-reverse-coa); without this they meet silence. Requests of
    /// other kinds are refused. UDP has no such way back.
    pub fn reverse(mut self, handler: impl Handler) -> Self {
        self.host = Some(Arc::new(Reverse::new(handler)));
        self
    }

    /// As [`Self::server`], for a server with demands of its own.
    pub fn server_with(mut self, upstream: Upstream) -> Self {
        self.upstreams.push(upstream);
        self
    }

    /// Sets when requests are sent again, and when they are given up. Where there are several
    /// servers, this holds for each.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// After how many transmissions without an answer the next server gets the request; by default
    /// 2, so that one lost packet is no reason to leave a server.
    pub fn patience(mut self, transmissions: u32) -> Self {
        self.patience = transmissions.max(1);
        self
    }

    /// Sets when a server counts as dead, and when as alive again.
    pub fn watchdog(mut self, watchdog: Watchdog) -> Self {
        self.watchdog = watchdog;
        self
    }

    /// The most sockets to each server, of 256 requests at a time each, or the most connections; by
    /// default 16. Another is opened only where those before it have no identifier left, or only
    /// such as rest (see [`Client::coa`]). Requests beyond that wait.
    pub fn sockets(mut self, most: usize) -> Self {
        self.sockets = most.max(1);
        self
    }

    /// The address of this machine to send from; by default the routing table's choice.
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// The NAS-Identifier of log-ins and records that name no device themselves, as RFC 2865
    /// section 4.1 demands; by default `portreeve`. An empty one is not added.
    pub fn nas_identifier(mut self, identifier: &str) -> Self {
        self.nas_identifier = (!identifier.is_empty()).then(|| identifier.into());
        self
    }

    /// Writes packets out in words, or not; by default as the environment says.
    pub fn trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The client. Sockets are opened when they are needed, inside a Tokio runtime.
    pub fn build(self) -> Result<Client, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if self.upstreams.is_empty() {
            return Err(Error::NoServer);
        }
        let random = Arc::new(Chance::new()?);
        let means = Means {
            source: self.source,
            sockets: self.sockets,
            watchdog: self.watchdog,
            random: Arc::clone(&random),
            trace: self.trace.unwrap_or_else(Trace::from_env),
            host: self.host.unwrap_or_else(|| Arc::new(NoHost)),
        };
        let target = |upstream| Arc::new(Target::new(upstream, means.clone()));
        Ok(Client {
            targets: self.upstreams.into_iter().map(target).collect(),
            retry: self.retry,
            patience: self.patience,
            nas_identifier: self.nas_identifier,
            random,
        })
    }
}

impl IntoFuture for ClientBuilder {
    type Output = Result<Client, Error>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.build())
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("upstreams", &self.upstreams)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
