use std::{sync::Arc, time::SystemTime};

use portreeve_proto::{Peer, Version};
use rustls::{SupportedCipherSuite, pki_types::CertificateDer};

use super::{Certificate, Psk, TlsVersion};

/// What a handshake settled.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) peer: Option<Arc<Peer>>,
    pub(super) tls: TlsVersion,
    pub(super) cipher: String,
    pub(super) version: Version,
    pub(super) certificate: Option<Certificate>,
    /// What the peer showed, kept so that it can be judged again.
    pub(super) chain: Arc<[CertificateDer<'static>]>,
    pub(super) psk: Option<Psk>,
    pub(super) max_connections: Option<usize>,
}

impl Session {
    /// Who connected; on the client's side nobody, for there it is the server we asked for.
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        self.peer.as_ref()
    }

    /// The TLS version.
    pub fn tls(&self) -> TlsVersion {
        self.tls
    }

    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub fn cipher(&self) -> &str {
        &self.cipher
    }

    /// The RADIUS version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The other end's certificate; none where a pre-shared key was used.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The identity of the pre-shared key, where one was used.
    pub fn psk_identity(&self) -> Option<&Arc<str>> {
        self.psk.as_ref().map(Psk::identity)
    }

    /// The last moment the connection may stay open: the end of the certificate's validity.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.certificate.as_ref().map(Certificate::not_after)
    }

    /// How many connections the peer may have at a time, if that is its own limit.
    pub fn connection_limit(&self) -> Option<usize> {
        self.max_connections
    }
}

/// The name of a cipher suite in its registry.
pub(super) fn cipher_name(suite: Option<SupportedCipherSuite>) -> String {
    suite.map_or_else(String::new, |suite| format!("{:?}", suite.suite()))
}
