use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use portreeve_proto::{Peer, Version};
use rustls::{
    AlertDescription,
    pki_types::UnixTime,
    server::{Accepted, Acceptor as Greeter, ClientHello, NoServerSessionStorage},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
    time::timeout,
};
use tokio_rustls::server::{StartHandshake, TlsStream};

use super::{
    Hangup, Identity, Psk, Refused, Session, Stream, TlsError, TlsPeer, TlsVersion, Trust,
    Versions,
    hello::{HANDSHAKE, Hello, LONGEST, LoopGuard},
    provider,
    verify::ClientVerifier,
    version::ALPN_1_1,
};

/// How long, and for how many octets, a refused connection is drained so that the alert arrives:
/// a socket that is closed with octets unread takes the alert down with it.
const LINGER: Duration = Duration::from_millis(300);
const LINGER_OCTETS: u64 = 0x1_0000;

/// Who we are to those who connect, and who may. An immutable value; an [`Acceptor`] puts one in
/// force.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub(super) identity: Identity,
    pub(super) peers: Vec<TlsPeer>,
    pub(super) trust: Trust,
    pub(super) versions: Versions,
    pub(super) oldest: TlsVersion,
    pub(super) clock: Arc<dyn TimeProvider>,
    pub(super) loop_guard: LoopGuard,
}

impl ServerConfig {
    /// A server with an identity, to which nobody may connect yet.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            peers: Vec::new(),
            trust: Trust::default(),
            versions: Versions::default(),
            oldest: TlsVersion::V1_2,
            clock: Arc::new(DefaultTimeProvider),
            loop_guard: LoopGuard::default(),
        }
    }

    /// Adds a peer. A certificate that several peers have a mark for belongs to the one with the
    /// narrowest mark; among equals, to the first that allows the address it comes from.
    #[must_use]
    pub fn peer(mut self, peer: TlsPeer) -> Self {
        self.peers.push(peer);
        self
    }

    /// The CAs of the peers that have no trust of their own.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// The RADIUS versions that are allowed; both, unless set.
    #[must_use]
    pub fn versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    /// The oldest TLS version that is allowed; TLS 1.2, unless set.
    #[must_use]
    pub fn oldest(mut self, oldest: TlsVersion) -> Self {
        self.oldest = oldest;
        self
    }

    /// Refuses connections that come from ourselves: give the clients the same guard.
    #[must_use]
    pub fn loop_guard(mut self, guard: LoopGuard) -> Self {
        self.loop_guard = guard;
        self
    }

    #[cfg(test)]
    pub(super) fn clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.clock = clock;
        self
    }

    /// The peers.
    pub fn peers(&self) -> &[TlsPeer] {
        &self.peers
    }

    fn check(&self) -> Result<(), TlsError> {
        let mut identities: HashMap<&str, &TlsPeer> = HashMap::new();
        for peer in &self.peers {
            peer.check()?;
            let Some(psk) = peer.pre_shared_key() else {
                continue;
            };
            match identities.entry(psk.identity()) {
                Entry::Vacant(entry) => entry.insert(peer),
                Entry::Occupied(other) => {
                    return Err(TlsError::PskTwice {
                        first: Arc::clone(other.get().peer().name()),
                        second: Arc::clone(peer.peer().name()),
                    });
                }
            };
        }
        Ok(())
    }
}

/// A configuration in force, made ready for its use.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) config: ServerConfig,
    /// Every trust that a peer has, once.
    pub(super) trusts: Vec<Trust>,
}

impl InForce {
    fn new(config: ServerConfig) -> Result<Arc<Self>, TlsError> {
        config.check()?;
        let own = config.peers.iter().filter_map(TlsPeer::own_trust);
        let mut trusts: HashMap<usize, Trust> = HashMap::new();
        for trust in own.chain([&config.trust]) {
            trusts.insert(trust.key(), trust.clone());
        }
        let trusts = trusts.into_values().collect();
        let ready = Arc::new(Self { config, trusts });
        // What the engine refuses, it refuses here, and not at the first connection.
        let nobody = IpAddr::from([0, 0, 0, 0]);
        let verifier = ClientVerifier::new(Arc::clone(&ready), nobody);
        ready.engine(Arc::new(verifier), true)?;
        Ok(ready)
    }

    /// The engine's configuration for one connection.
    fn engine(
        &self,
        verifier: Arc<ClientVerifier>,
        tls13: bool,
    ) -> Result<rustls::ServerConfig, TlsError> {
        let oldest = match self.config.versions {
            Versions::V1_1 => TlsVersion::V1_3,
            _ => self.config.oldest,
        };
        let clock = Arc::clone(&self.config.clock);
        let mut engine = rustls::ServerConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(oldest.and_later())
            .map_err(|error| TlsError::Engine(error.to_string().into()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.config.identity.resolver());
        engine.alpn_protocols = self.config.versions.names(tls13);
        engine.session_storage = Arc::new(NoServerSessionStorage {});
        engine.send_tls13_tickets = 0;
        Ok(engine)
    }

    /// What a greeting alone decides: the alert to answer it with, and why.
    fn greet(
        &self,
        hello: Option<&Hello>,
        offers: &ClientHello<'_>,
        from: IpAddr,
    ) -> Result<(), (AlertDescription, Refused)> {
        if hello.is_some_and(|hello| self.config.loop_guard.is_ours(&hello.random)) {
            let refused = Refused::new(Hangup::SelfConnection);
            return Err((AlertDescription::AccessDenied, refused));
        }
        let peers = &self.config.peers;
        if !peers.is_empty() && !peers.iter().any(|peer| peer.allows(from)) {
            let details = format!("no peer may connect from {from}");
            let refused = Refused::because(Hangup::AddressNotAllowed, &details);
            return Err((AlertDescription::AccessDenied, refused));
        }
        if self.config.versions != Versions::V1_1 {
            return Ok(());
        }
        let knows = offers
            .alpn()
            .map(|mut names| names.any(|name| name == ALPN_1_1));
        let (alert, details) = match knows {
            None => (
                AlertDescription::NoApplicationProtocol,
                "the peer offers no version (ALPN), and RADIUS/1.1 is demanded here",
            ),
            Some(true) if !hello.is_some_and(|hello| hello.tls13) => (
                AlertDescription::ProtocolVersion,
                "the peer offers RADIUS/1.1, but not TLS 1.3",
            ),
            // Where there is no name in common, the engine says so.
            Some(_) => return Ok(()),
        };
        Err((alert, Refused::because(Hangup::VersionRefused, details)))
    }
}

/// Accepts TLS connections under the configuration that is in force. Cheap to clone; all clones
/// are one.
#[derive(Debug, Clone)]
pub struct Acceptor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    in_force: ArcSwap<InForce>,
    generation: watch::Sender<u64>,
}

impl Acceptor {
    /// An acceptor with a first configuration. Fails where nobody could be recognised as one of the
    /// peers, and where a pre-shared key is given to a build that cannot use it.
    pub fn new(config: ServerConfig) -> Result<Self, TlsError> {
        Ok(Self {
            shared: Arc::new(Shared {
                in_force: ArcSwap::new(InForce::new(config)?),
                generation: watch::Sender::new(0),
            }),
        })
    }

    /// Puts another configuration in force: at once for new connections, while those that are open
    /// stay and are judged anew. Where it fails, the old one remains in force.
    pub fn reload(&self, config: ServerConfig) -> Result<(), TlsError> {
        let ready = InForce::new(config)?;
        self.shared.in_force.store(ready);
        self.shared
            .generation
            .send_modify(|generation| *generation += 1);
        Ok(())
    }

    pub(super) fn in_force(&self) -> Arc<InForce> {
        self.shared.in_force.load_full()
    }

    /// Tells when another configuration was put in force.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// Shakes hands with a client. The caller sets the deadline; after a refusal this takes up to
    /// 0.3 s more, so that the alert arrives.
    pub(crate) async fn accept(
        &self,
        io: impl Stream,
        from: SocketAddr,
    ) -> Result<(Box<dyn Stream>, Session), Refused> {
        let in_force = self.in_force();
        let address = from.ip().to_canonical();
        let (accepted, greeting, mut io) = Box::pin(read_greeting(io)).await?;
        let hello = Hello::read(&greeting);
        let greeted = in_force.greet(hello.as_ref(), &accepted.client_hello(), address);
        if let Err((alert, refused)) = greeted {
            // The peer may be gone; what was found out stays true.
            drop(io.write_all(&plain_alert(alert)).await);
            linger(io).await;
            return Err(refused);
        }
        #[cfg(feature = "openssl")]
        if in_force.shares_keys() && super::openssl::offers_psk(&greeting) {
            let accepting = super::openssl::accept_psk(&in_force, &greeting, io, address);
            return Box::pin(accepting).await;
        }
        let verifier = Arc::new(ClientVerifier::new(Arc::clone(&in_force), address));
        let tls13 = hello.is_some_and(|hello| hello.tls13);
        let engine = in_force
            .engine(Arc::clone(&verifier), tls13)
            .map_err(|error| Refused::because(Hangup::HandshakeFailed, &error.to_string()))?;
        let handshake = StartHandshake::from_parts(accepted, io).into_stream(Arc::new(engine));
        match Box::pin(handshake.into_fallible()).await {
            Ok(stream) => settle(stream, &verifier, &in_force).await,
            Err((error, io)) => {
                linger(io).await;
                Err(verifier.refusal().unwrap_or_else(|| Refused::ended(&error)))
            }
        }
    }

    /// Judges an open connection by the configuration that is in force and the time: what a new
    /// handshake would come to. Gives the peer as it is configured now.
    pub(crate) fn reassess(
        &self,
        session: &Session,
        from: SocketAddr,
        now: SystemTime,
    ) -> Result<Arc<Peer>, Hangup> {
        self.in_force().reassess(session, from.ip(), now)
    }
}

impl InForce {
    fn reassess(
        &self,
        session: &Session,
        from: IpAddr,
        now: SystemTime,
    ) -> Result<Arc<Peer>, Hangup> {
        if session.tls.is_too_old_for(self.config.oldest) {
            return Err(Hangup::TlsTooOld);
        }
        if !self.config.versions.allow(session.version) {
            return Err(Hangup::VersionRefused);
        }
        let judged = match &session.psk {
            Some(psk) => self.judge_psk(psk, from),
            None => self
                .judge(&session.chain, from, unix_time(now))
                .map(|admitted| admitted.peer),
        };
        let peer = judged.map_err(|refused| match refused.reason {
            Hangup::CertificateExpired => Hangup::CertificateRanOut,
            reason @ (Hangup::AddressNotAllowed
            | Hangup::CertificateRevoked
            | Hangup::CrlExpired
            | Hangup::CrlMissing) => reason,
            _ => Hangup::TrustWithdrawn,
        })?;
        // Somebody else by now, though the certificate is the same: what was decided for the
        // connection so far no longer holds.
        let same = session
            .peer
            .as_ref()
            .is_some_and(|before| before.name() == peer.name());
        if same {
            Ok(peer)
        } else {
            Err(Hangup::TrustWithdrawn)
        }
    }

    /// Whether there is a peer that shares a key with us.
    #[cfg(feature = "openssl")]
    fn shares_keys(&self) -> bool {
        let mut peers = self.config.peers.iter();
        peers.any(|peer| peer.pre_shared_key().is_some())
    }

    /// Finds the peer that a pre-shared key belongs to, by identity and key.
    fn judge_psk(&self, psk: &Psk, from: IpAddr) -> Result<Arc<Peer>, Refused> {
        let peer = self.find_psk(psk.identity(), from)?;
        if peer.pre_shared_key() == Some(psk) {
            Ok(Arc::clone(peer.peer()))
        } else {
            Err(Refused::new(Hangup::PskUnknown).of(peer.peer()))
        }
    }

    /// Finds the peer with a pre-shared key of this identity, if it may come from the address:
    /// to be asked before the key is tried (RFC 9813 section 6.2.1).
    pub(super) fn find_psk(&self, identity: &str, from: IpAddr) -> Result<&TlsPeer, Refused> {
        let found = self.config.peers.iter().find(|peer| {
            peer.pre_shared_key()
                .is_some_and(|psk| **psk.identity() == *identity)
        });
        let peer = found
            .ok_or_else(|| Refused::because(Hangup::PskUnknown, &format!("identity {identity}")))?;
        if peer.allows(from) {
            Ok(peer)
        } else {
            let details = format!("it connects from {from}");
            Err(Refused::because(Hangup::AddressNotAllowed, &details).of(peer.peer()))
        }
    }
}

/// A time as the engine wants it; whatever lies before 1970 is 1970.
fn unix_time(time: SystemTime) -> UnixTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since.unwrap_or_default())
}

/// Reads a client's greeting, and nothing but a greeting.
async fn read_greeting<IO: Stream>(mut io: IO) -> Result<(Accepted, Vec<u8>, IO), Refused> {
    let mut greeter = Greeter::default();
    let mut whole = Vec::new();
    let mut piece = vec![0; 4096];
    loop {
        let count = match io.read(&mut piece).await {
            Ok(0) => return Err(Refused::new(Hangup::PeerVanished)),
            Ok(count) => count,
            Err(error) => return Err(Refused::ended(&error)),
        };
        let mut fresh = piece.get(..count).unwrap_or_default();
        if whole.is_empty() && fresh.first() != Some(&HANDSHAKE) {
            return Err(not_tls(fresh));
        }
        if whole.len() + count > LONGEST {
            return Err(Refused::because(
                Hangup::BadRecord,
                "the greeting is too long",
            ));
        }
        whole.extend_from_slice(fresh);
        while !fresh.is_empty() {
            greeter
                .read_tls(&mut fresh)
                .map_err(|error| Refused::ended(&error))?;
        }
        match greeter.accept() {
            Ok(Some(accepted)) => return Ok((accepted, whole, io)),
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut octets = Vec::new();
                if alert.write_all(&mut octets).is_ok() {
                    // The peer may be gone; what was found out stays true.
                    drop(io.write_all(&octets).await);
                }
                linger(io).await;
                return Err(Refused::by_engine(&error));
            }
        }
    }
}

fn not_tls(octets: &[u8]) -> Refused {
    let guess = match octets {
        [b'A'..=b'Z', b'A'..=b'Z', ..] => "; it looks like HTTP or another text protocol",
        [1..=52, _, high, _, ..] if *high <= 16 => "; it looks like RADIUS without TLS",
        _ => "",
    };
    let first = octets.first().copied().unwrap_or_default();
    Refused::because(
        Hangup::NotTls,
        &format!("it begins with octet 0x{first:02x}{guess}"),
    )
}

/// A fatal alert, as it stands before any key is agreed.
fn plain_alert(alert: AlertDescription) -> [u8; 7] {
    const ALERT: u8 = 0x15;
    const FATAL: u8 = 2;
    [ALERT, 3, 3, 0, 2, FATAL, alert.into()]
}

/// Says farewell, and reads what is still on its way.
pub(super) async fn linger(mut io: impl Stream) {
    let drain = async {
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(LINGER_OCTETS), &mut tokio::io::sink()).await
    };
    // Nobody waits for the outcome: the connection is given up either way.
    drop(timeout(LINGER, drain).await);
}

async fn settle<IO: Stream>(
    mut stream: TlsStream<IO>,
    verifier: &ClientVerifier,
    in_force: &InForce,
) -> Result<(Box<dyn Stream>, Session), Refused> {
    let session = describe(&stream, verifier, in_force.config.versions);
    match session {
        Ok(session) => Ok((Box::new(stream), session)),
        Err(refused) => {
            // The peer may be gone; what was found out stays true.
            drop(stream.shutdown().await);
            Err(refused)
        }
    }
}

fn describe<IO>(
    stream: &TlsStream<IO>,
    verifier: &ClientVerifier,
    versions: Versions,
) -> Result<Session, Refused> {
    let (_, connection) = stream.get_ref();
    // The verifier has always been asked: it is mandatory, and nothing is resumed.
    let admitted = verifier
        .admitted()
        .ok_or_else(|| Refused::new(Hangup::NoCertificate))?;
    let tls = TlsVersion::of(connection.protocol_version())
        .ok_or_else(|| Refused::new(Hangup::TlsTooOld))?;
    let version: Version = versions
        .settle(connection.alpn_protocol(), tls)
        .ok_or_else(|| Refused::new(Hangup::VersionRefused).of(&admitted.peer))?;
    let chain = connection.peer_certificates().unwrap_or_default();
    Ok(Session {
        peer: Some(admitted.peer),
        tls,
        cipher: super::session::cipher_name(connection.negotiated_cipher_suite()),
        version,
        certificate: Some(admitted.certificate),
        chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        psk: None,
        max_connections: admitted.max_connections,
    })
}
