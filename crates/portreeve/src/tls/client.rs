use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use rustls::{
    CertificateError, Error,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, UnixTime},
    time_provider::{DefaultTimeProvider, TimeProvider},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Certificate, Hangup, Identity, Mark, Psk, Refused, Session, Stream, TlsError, TlsVersion,
    Trust, Versions,
    certificate::Name,
    hello::{Hello, LoopGuard, Outgoing},
    mark::{host_name, names_match},
    provider,
    server::linger,
    session::cipher_name,
    verify::ServerVerifier,
};

/// Who we are to a server, and how we know that it is the right one. An immutable value.
///
/// The server's certificate must come from the [`Trust`], and hold the expected name in its
/// subjectAltName (or the realm, where one is given), and be one of the pinned ones, if any are.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    identity: Option<Identity>,
    pub(super) wanted: Arc<Wanted>,
    pub(super) versions: Versions,
    pub(super) oldest: TlsVersion,
    psk: Option<Psk>,
    pub(super) clock: Arc<dyn TimeProvider>,
    pub(super) loop_guard: LoopGuard,
}

/// The server that we want to reach.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    trust: Trust,
    name: Option<ServerName<'static>>,
    realm: Option<String>,
    /// Whether the name, which is asked for, proves nothing.
    realm_alone: bool,
    pins: Vec<[u8; 32]>,
}

impl ClientConfig {
    /// A client that shows a certificate, to a server of a name, which is a DNS name or an IP
    /// address, and stands in the subjectAltName of a certificate from one of the CAs. The common
    /// name is never looked at (RFC 9525).
    pub fn new(identity: Identity, trust: Trust, name: &str) -> Result<Self, TlsError> {
        let mut config = Self::bare();
        config.identity = Some(identity);
        let wanted = Arc::make_mut(&mut config.wanted);
        wanted.trust = trust;
        wanted.name = Some(server_name(name)?);
        Ok(config)
    }

    /// A client that shares a key with the server, and neither shows nor wants a certificate. Fails
    /// in a build without the cargo feature `openssl`.
    pub fn with_psk(psk: Psk) -> Result<Self, TlsError> {
        if !cfg!(feature = "openssl") {
            return Err(TlsError::PskUnsupported);
        }
        let mut config = Self::bare();
        config.psk = Some(psk);
        Ok(config)
    }

    fn bare() -> Self {
        Self {
            identity: None,
            wanted: Arc::new(Wanted {
                trust: Trust::default(),
                name: None,
                realm: None,
                realm_alone: false,
                pins: Vec::new(),
            }),
            versions: Versions::default(),
            oldest: TlsVersion::V1_2,
            psk: None,
            clock: Arc::new(DefaultTimeProvider),
            loop_guard: LoopGuard::default(),
        }
    }

    /// Accepts, instead of the name, a certificate for a realm (`NAIRealm`, RFC 7585 section 2.2).
    pub fn realm(mut self, realm: &str) -> Result<Self, TlsError> {
        let bad = || TlsError::BadRealm(realm.into());
        let labels = realm.split('.').all(|label| !label.is_empty());
        let letters = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '*';
        if !labels || realm.len() > 253 || realm.chars().any(letters) {
            return Err(bad());
        }
        let realm = realm.to_lowercase();
        Arc::make_mut(&mut self.wanted).realm = Some(realm);
        Ok(self)
    }

    /// Accepts no certificate but one for the [`realm`](Self::realm): for a server that DNS has
    /// named, where the name itself is somebody's claim (RFC 7585 section 2.1). Where no realm is
    /// given, no server is accepted.
    #[must_use]
    pub fn realm_alone(mut self) -> Self {
        Arc::make_mut(&mut self.wanted).realm_alone = true;
        self
    }

    /// Accepts, of all certificates that are good, only those with the given SHA-256 hashes. May be
    /// called repeatedly, as for a certificate and its successor.
    #[must_use]
    pub fn pin(mut self, sha256: [u8; 32]) -> Self {
        Arc::make_mut(&mut self.wanted).pins.push(sha256);
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

    /// Refuses connections that come from ourselves: give the server the same guard.
    #[must_use]
    pub fn loop_guard(mut self, guard: LoopGuard) -> Self {
        self.loop_guard = guard;
        self
    }

    /// Our certificate, if we show one.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The key shared with the server, if there is one.
    pub fn psk(&self) -> Option<&Psk> {
        self.psk.as_ref()
    }

    #[cfg(test)]
    pub(super) fn clock(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.clock = clock;
        self
    }

    /// Shakes hands with a server. The caller sets the deadline; after a refusal this takes up to
    /// 0.3 s more, so that the alert arrives.
    ///
    /// In TLS 1.3 this ends before the server has judged our certificate: that it refuses us shows
    /// at the first read, and [`Refused::ended`] tells why.
    pub(crate) async fn connect(
        &self,
        io: impl Stream,
        server: SocketAddr,
    ) -> Result<(Box<dyn Stream>, Session), Refused> {
        #[cfg(feature = "openssl")]
        if let Some(psk) = &self.psk {
            return Box::pin(super::openssl::connect_psk(self, psk, io, server)).await;
        }
        let verifier = Arc::new(ServerVerifier::new(Arc::clone(&self.wanted)));
        let (engine, name) = self
            .engine(Arc::clone(&verifier))
            .map_err(|error| Refused::because(Hangup::HandshakeFailed, &error.to_string()))?;
        let greeting = Arc::new(OnceLock::new());
        let io = Announcing {
            io,
            guard: self.loop_guard.clone(),
            greeting: Some(Arc::clone(&greeting)),
        };
        let connecting = TlsConnector::from(Arc::new(engine)).connect(name, io);
        let connected = Box::pin(connecting.into_fallible()).await;
        if greeting.get().is_some_and(Outgoing::came_back) {
            let details = format!("{server} is this very server");
            return Err(Refused::because(Hangup::SelfConnection, &details));
        }
        match connected {
            Ok(mut stream) => match self.describe(&stream, &verifier) {
                Ok(session) => Ok((Box::new(stream), session)),
                Err(refused) => {
                    // The peer may be gone; what was found out stays true.
                    drop(stream.shutdown().await);
                    Err(refused)
                }
            },
            Err((error, io)) => {
                linger(io).await;
                Err(verifier
                    .refusal()
                    .unwrap_or_else(|| Refused::greeted(&error)))
            }
        }
    }

    fn engine(
        &self,
        verifier: Arc<ServerVerifier>,
    ) -> Result<(rustls::ClientConfig, ServerName<'static>), TlsError> {
        let (Some(identity), Some(name)) = (&self.identity, &self.wanted.name) else {
            return Err(TlsError::PskUnsupported);
        };
        let oldest = match self.versions {
            Versions::V1_1 => TlsVersion::V1_3,
            _ => self.oldest,
        };
        let clock = Arc::clone(&self.clock);
        let mut engine = rustls::ClientConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(oldest.and_later())
            .map_err(|error| TlsError::Engine(error.to_string().into()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(identity.resolver());
        engine.alpn_protocols = self.versions.names(true);
        engine.resumption = Resumption::disabled();
        Ok((engine, name.clone()))
    }

    fn describe<IO>(
        &self,
        stream: &TlsStream<IO>,
        verifier: &ServerVerifier,
    ) -> Result<Session, Refused> {
        let (_, connection) = stream.get_ref();
        // The verifier has always been asked: nothing is resumed.
        let certificate = verifier
            .certificate()
            .ok_or_else(|| Refused::new(Hangup::NoCertificate))?;
        let tls = TlsVersion::of(connection.protocol_version())
            .ok_or_else(|| Refused::new(Hangup::TlsTooOld))?;
        let agreed = connection.alpn_protocol();
        let version = self.versions.settle(agreed, tls).ok_or_else(|| {
            let details = match agreed {
                None => "the server names no version (ALPN), and RADIUS/1.1 is demanded here",
                Some(_) => "the server chose RADIUS/1.1 without TLS 1.3",
            };
            Refused::because(Hangup::VersionRefused, details)
        })?;
        let chain = connection.peer_certificates().unwrap_or_default();
        Ok(Session {
            peer: None,
            tls,
            cipher: cipher_name(connection.negotiated_cipher_suite()),
            version,
            certificate: Some(certificate),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            psk: None,
            max_connections: None,
        })
    }
}

impl Wanted {
    /// Decides whether a chain is the wanted server's.
    pub(super) fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Certificate, Refused> {
        let certificate = Certificate::from_der(leaf)
            .map_err(|why| Refused::because(Hangup::CertificateUnsuitable, why))?;
        let refuse = |reason, why: &str| {
            let details = format!("{why}{certificate}");
            Err(Refused::because(reason, &details))
        };
        let (Some(verifier), Some(name)) = (self.trust.of_servers(), &self.name) else {
            return refuse(Hangup::UnknownCa, "no CA is trusted; ");
        };
        // The engine verifies the whole chain, dates and revocation included, before it looks at
        // the name: that only the name is wrong means that all else is right.
        match verifier.verify_server_cert(leaf, others, name, &[], now) {
            Ok(_)
            | Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {}
            Err(error) => return refuse(Refused::by_engine(&error).reason, ""),
        }
        if !self.is_named_in(&certificate) {
            let asked = format!("we asked for {}; ", self.described());
            return refuse(Hangup::NameMismatch, &asked);
        }
        if !self.pins.is_empty() && !self.pins.contains(&certificate.sha256()) {
            let pinned = format!(
                "it is not one of the {} pinned, its hash is {}; ",
                self.pins.len(),
                Mark::Sha256(certificate.sha256())
            );
            return refuse(Hangup::NameMismatch, &pinned);
        }
        Ok(certificate)
    }

    fn is_named_in(&self, certificate: &Certificate) -> bool {
        certificate.alternatives().iter().any(|name| match name {
            Name::Dns(_) | Name::Ip(_) if self.realm_alone => false,
            Name::Dns(presented) => self
                .host()
                .is_some_and(|host| names_match(presented, &host)),
            Name::Ip(presented) => self.address() == Some(presented.to_canonical()),
            Name::Realm(presented) => self
                .realm
                .as_ref()
                .is_some_and(|realm| names_match(presented, realm)),
            Name::Uri(_) | Name::Email(_) => false,
        })
    }

    fn host(&self) -> Option<String> {
        match &self.name {
            Some(ServerName::DnsName(name)) => Some(name.as_ref().to_ascii_lowercase()),
            _ => None,
        }
    }

    fn address(&self) -> Option<IpAddr> {
        match &self.name {
            Some(ServerName::IpAddress(address)) => Some(IpAddr::from(*address).to_canonical()),
            _ => None,
        }
    }

    fn described(&self) -> String {
        let name = self
            .name
            .as_ref()
            .map_or_else(String::new, |name| name.to_str().into_owned());
        match &self.realm {
            Some(realm) if self.realm_alone => format!("realm {realm}"),
            Some(realm) => format!("{name} or realm {realm}"),
            None => name,
        }
    }
}

fn server_name(text: &str) -> Result<ServerName<'static>, TlsError> {
    let bad = || TlsError::BadName(text.into());
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(ServerName::from(address.to_canonical()));
    }
    let name = host_name(text, false).ok_or_else(bad)?;
    ServerName::try_from(name).map_err(|_| bad())
}

/// Remembers our greeting before its first octet goes out, so that it is known where it comes back.
struct Announcing<IO> {
    io: IO,
    guard: LoopGuard,
    /// Until the first write.
    greeting: Option<Arc<OnceLock<Outgoing>>>,
}

impl<IO> Announcing<IO> {
    fn announce(&mut self, octets: &[u8]) {
        if let Some(greeting) = self.greeting.take()
            && let Some(random) = Hello::random(octets)
        {
            greeting.get_or_init(|| self.guard.announce(random));
        }
    }
}

impl<IO: Stream> AsyncRead for Announcing<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, octets)
    }
}

impl<IO: Stream> AsyncWrite for Announcing<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.announce(octets);
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.greeting.is_some() {
            let first = octets.iter().find(|slice| !slice.is_empty());
            self.announce(first.map_or(&[], |slice| slice));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
