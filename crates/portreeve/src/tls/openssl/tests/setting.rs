//! Certificates, peers, and two ends that meet.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use portreeve_proto::{Peer, Secret};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::super::{DtlsLimits, DtlsListener, connect_dtls};
use crate::tls::{
    Acceptor, ClientConfig, Hangup, Identity, Psk, Refused, ServerConfig, Session, Stream, TlsPeer,
    Trust,
};

/// For what must come to an end.
const PATIENCE: Duration = Duration::from_secs(30);
/// For a handshake in which nothing is lost.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

pub(super) type Met = Result<(Box<dyn Stream>, Session), Refused>;

/// A CA, a server and a client.
pub(super) struct World {
    issuer: Issuer<'static, KeyPair>,
    pub(super) ca: String,
    pub(super) server: (String, String),
    pub(super) client: (String, String),
}

impl World {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let server = issue(
            &issuer,
            "radius.example",
            ExtendedKeyUsagePurpose::ServerAuth,
            1,
            2049,
        );
        let client = issue(
            &issuer,
            "nas1.example",
            ExtendedKeyUsagePurpose::ClientAuth,
            2,
            2049,
        );
        Self {
            issuer,
            ca,
            server,
            client,
        }
    }

    pub(super) fn expired_client(&self) -> (String, String) {
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        issue(&self.issuer, "nas1.example", usage, 3, 2001)
    }

    pub(super) fn trust(&self) -> Trust {
        Trust::from_pem(self.ca.as_bytes()).unwrap()
    }

    /// A list with the client's certificate on it.
    pub(super) fn revoked(&self) -> Trust {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(2049, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(2),
                revocation_time: date_time_ymd(2001, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).unwrap().pem().unwrap();
        self.trust().crls_from_pem(list.as_bytes()).unwrap()
    }

    /// A server that knows `nas1` by its certificate.
    pub(super) fn server(&self) -> ServerConfig {
        self.bare_server().peer(known("dns:nas1.example"))
    }

    pub(super) fn bare_server(&self) -> ServerConfig {
        ServerConfig::new(identity(&self.server)).trust(self.trust())
    }

    pub(super) fn client(&self) -> ClientConfig {
        ClientConfig::new(identity(&self.client), self.trust(), "radius.example").unwrap()
    }
}

fn issue(
    issuer: &Issuer<'static, KeyPair>,
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    serial: u64,
    until: i32,
) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, issuer).unwrap().pem();
    (chain, key.serialize_pem())
}

pub(super) fn identity((chain, key): &(String, String)) -> Identity {
    Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
}

pub(super) fn nas1() -> TlsPeer {
    let secret = Secret::new("radius/dtls").unwrap();
    TlsPeer::new(Arc::new(Peer::new("nas1", secret)))
}

pub(super) fn known(mark: &str) -> TlsPeer {
    nas1().mark(mark.parse().unwrap())
}

pub(super) const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// The key of `nas1`, for TLS 1.3.
pub(super) fn psk() -> Psk {
    Psk::new("nas1@example", KEY).unwrap()
}

/// The key of `nas1`, for DTLS.
pub(super) fn psk12() -> Psk {
    psk().for_tls12()
}

pub(super) async fn listen(config: ServerConfig, limits: DtlsLimits) -> DtlsListener {
    let address = "127.0.0.1:0".parse().unwrap();
    let acceptor = Acceptor::new(config).unwrap();
    DtlsListener::bind(address, acceptor, limits).unwrap()
}

pub(super) fn limits() -> DtlsLimits {
    DtlsLimits {
        handshake: LIMIT,
        ..DtlsLimits::default()
    }
}

/// A handshake with a server: what came of it there, and here.
pub(super) async fn meet(listener: &mut DtlsListener, client: &ClientConfig) -> (Met, Met) {
    let at = listener.local_addr();
    meet_at(listener, client, at, LIMIT).await
}

pub(super) async fn meet_at(
    listener: &mut DtlsListener,
    client: &ClientConfig,
    at: SocketAddr,
    limit: Duration,
) -> (Met, Met) {
    let both = async { tokio::join!(listener.accept(), connect_dtls(client, at, None, limit)) };
    let ((server, _), client) = timeout(PATIENCE, both)
        .await
        .expect("both come to a verdict");
    (server, client)
}

/// The reasons of two refusals.
pub(super) fn reasons((server, client): &(Met, Met)) -> (Option<Hangup>, Option<Hangup>) {
    let reason = |met: &Met| met.as_ref().err().map(|refused| refused.reason);
    (reason(server), reason(client))
}

/// A packet that is its number all over.
pub(super) fn packet(length: u16, number: u8) -> Vec<u8> {
    let mut octets = vec![number; usize::from(length)];
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

pub(super) async fn read(stream: &mut Box<dyn Stream>) -> Vec<u8> {
    let mut octets = vec![0; 5000];
    let count = timeout(LIMIT, stream.read(&mut octets))
        .await
        .expect("a packet")
        .unwrap();
    octets.truncate(count);
    octets
}

/// A packet goes each way.
pub(super) async fn exchange(one: &mut Box<dyn Stream>, other: &mut Box<dyn Stream>) {
    for length in [20, 1400, 4096] {
        let (asked, answered) = (packet(length, 1), packet(length, 2));
        one.write_all(&asked).await.unwrap();
        assert_eq!(read(other).await, asked);
        other.write_all(&answered).await.unwrap();
        assert_eq!(read(one).await, answered);
    }
}
