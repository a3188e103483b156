//! The verdict on a certificate, as the engine asks for it in the middle of a handshake.

use std::{
    cmp::Reverse,
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use portreeve_proto::Peer;
use rustls::{
    CertRevocationListError, CertificateError, DigitallySignedStruct, DistinguishedName, Error,
    OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{
    Certificate, Hangup, Refused, TlsPeer, Trust, client::Wanted, provider, server::InForce,
};

/// A client that may connect.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) peer: Arc<Peer>,
    pub(super) max_connections: Option<usize>,
    pub(super) certificate: Certificate,
}

impl InForce {
    /// Decides who a chain's owner is, and whether they may connect from an address.
    ///
    /// The peer with the narrowest mark on the certificate decides. Another peer is looked at only
    /// where the certificate is not from that peer's CA at all: a certificate that is revoked or
    /// has expired for one peer is not good enough for another with a wider mark.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        from: IpAddr,
        now: UnixTime,
    ) -> Result<Admitted, Refused> {
        let from = from.to_canonical();
        let leaf = chain
            .first()
            .ok_or_else(|| Refused::new(Hangup::NoCertificate))?;
        let certificate = Certificate::from_der(leaf)
            .map_err(|why| Refused::because(Hangup::CertificateUnsuitable, why))?;
        let mut verdicts = Verdicts {
            chain,
            now,
            known: HashMap::new(),
        };
        let mut candidates: Vec<_> = self
            .config
            .peers
            .iter()
            .filter_map(|peer| Some((peer.recognises(&certificate, from)?, peer)))
            .collect();
        candidates.sort_by_key(|(narrowness, _)| Reverse(*narrowness));
        for equals in candidates.chunk_by(|(one, _), (other, _)| one == other) {
            let vouched = self.vouched_for(equals, &mut verdicts, &certificate)?;
            if let Some(peer) = vouched.iter().find(|peer| peer.allows(from)) {
                return Ok(Admitted {
                    peer: Arc::clone(peer.peer()),
                    max_connections: peer.connection_limit(),
                    certificate,
                });
            }
            if let Some(peer) = vouched.first() {
                let details = format!("it connects from {from}; {certificate}");
                let refused = Refused::because(Hangup::AddressNotAllowed, &details);
                return Err(refused.of(peer.peer()));
            }
        }
        let claimed = candidates.first().map(|(_, peer)| *peer);
        Err(self.unrecognised(claimed, &mut verdicts, &certificate))
    }

    /// Those of `equals` whose CA vouches for the chain.
    fn vouched_for<'p>(
        &self,
        equals: &[(u8, &'p TlsPeer)],
        verdicts: &mut Verdicts<'_>,
        certificate: &Certificate,
    ) -> Result<Vec<&'p TlsPeer>, Refused> {
        let mut vouched = Vec::new();
        for (_, peer) in equals {
            let trust = peer.own_trust().unwrap_or(&self.config.trust);
            match verdicts.on(trust) {
                Ok(()) => vouched.push(*peer),
                Err(Hangup::UnknownCa) => {}
                Err(reason) => {
                    let refused = Refused::because(reason, &certificate.to_string());
                    return Err(refused.of(peer.peer()));
                }
            }
        }
        Ok(vouched)
    }

    /// Why a certificate that makes nobody is refused: the most telling reason.
    fn unrecognised(
        &self,
        claimed: Option<&TlsPeer>,
        verdicts: &mut Verdicts<'_>,
        certificate: &Certificate,
    ) -> Refused {
        if let Some(claimed) = claimed {
            let details = format!("it claims to be `{}`; {certificate}", claimed.peer().name());
            return Refused::because(Hangup::UnknownCa, &details).of(claimed.peer());
        }
        let mut reason = Hangup::UnknownCa;
        for trust in &self.trusts {
            match verdicts.on(trust) {
                Ok(()) => {
                    reason = Hangup::NotRecognised;
                    break;
                }
                Err(Hangup::UnknownCa) => {}
                Err(other) => reason = other,
            }
        }
        Refused::because(reason, &certificate.to_string())
    }
}

/// What each trust says about one chain.
struct Verdicts<'a> {
    chain: &'a [CertificateDer<'a>],
    now: UnixTime,
    known: HashMap<usize, Result<(), Hangup>>,
}

impl Verdicts<'_> {
    fn on(&mut self, trust: &Trust) -> Result<(), Hangup> {
        let (chain, now) = (self.chain, self.now);
        *self
            .known
            .entry(trust.key())
            .or_insert_with(|| match (trust.of_clients(), chain) {
                (Some(verifier), [leaf, others @ ..]) => verifier
                    .verify_client_cert(leaf, others, now)
                    .map(|_| ())
                    .map_err(|error| Refused::by_engine(&error).reason),
                _ => Err(Hangup::UnknownCa),
            })
    }
}

/// Decides about the client of one connection.
pub(super) struct ClientVerifier {
    in_force: Arc<InForce>,
    from: IpAddr,
    finding: Mutex<Option<Result<Admitted, Refused>>>,
}

impl ClientVerifier {
    pub(super) fn new(in_force: Arc<InForce>, from: IpAddr) -> Self {
        Self {
            in_force,
            from,
            finding: Mutex::default(),
        }
    }

    /// Who was admitted.
    pub(super) fn admitted(&self) -> Option<Admitted> {
        self.finding().as_ref()?.as_ref().ok().cloned()
    }

    /// Why the certificate was refused.
    pub(super) fn refusal(&self) -> Option<Refused> {
        self.finding().as_ref()?.as_ref().err().cloned()
    }

    fn finding(&self) -> MutexGuard<'_, Option<Result<Admitted, Refused>>> {
        self.finding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVerifier")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for ClientVerifier {
    /// None: which CAs there are tells a stranger who our peers are.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = [end_entity]
            .into_iter()
            .chain(intermediates)
            .cloned()
            .collect();
        let judged = self.in_force.judge(&chain, self.from, now);
        let answer = match &judged {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refused) => Err(alert_for(refused.reason)),
        };
        *self.finding() = Some(judged);
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Decides about the server of one connection.
pub(super) struct ServerVerifier {
    wanted: Arc<Wanted>,
    finding: Mutex<Option<Result<Certificate, Refused>>>,
}

impl ServerVerifier {
    pub(super) fn new(wanted: Arc<Wanted>) -> Self {
        Self {
            wanted,
            finding: Mutex::default(),
        }
    }

    /// The server's certificate, which was found good.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        self.finding().as_ref()?.as_ref().ok().cloned()
    }

    /// Why the certificate was refused.
    pub(super) fn refusal(&self) -> Option<Refused> {
        self.finding().as_ref()?.as_ref().err().cloned()
    }

    fn finding(&self) -> MutexGuard<'_, Option<Result<Certificate, Refused>>> {
        self.finding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerVerifier")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.wanted.judge(end_entity, intermediates, now);
        let answer = match &judged {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(refused) => Err(alert_for(refused.reason)),
        };
        *self.finding() = Some(judged);
        answer
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// What to give the engine so that it sends the alert which says what we mean.
fn alert_for(reason: Hangup) -> Error {
    Error::InvalidCertificate(match reason {
        Hangup::CertificateExpired => CertificateError::Expired,
        Hangup::CertificateNotYetValid => CertificateError::NotValidYet,
        Hangup::CertificateRevoked => CertificateError::Revoked,
        Hangup::CertificateUnsuitable => CertificateError::InvalidPurpose,
        Hangup::NameMismatch => CertificateError::NotValidForName,
        Hangup::UnknownCa => CertificateError::UnknownIssuer,
        Hangup::AddressNotAllowed | Hangup::NotRecognised => {
            CertificateError::ApplicationVerificationFailure
        }
        // Not the peer's fault, and nothing that it could mend: certificate_unknown.
        other => CertificateError::Other(OtherError(Arc::new(Refused::new(other)))),
    })
}

/// The reason behind what the engine says about a certificate.
pub(super) fn reason_of(error: &CertificateError) -> Hangup {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Hangup::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Hangup::CertificateNotYetValid
        }
        CertificateError::Revoked => Hangup::CertificateRevoked,
        CertificateError::UnknownRevocationStatus => Hangup::CrlMissing,
        CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => Hangup::CrlExpired,
        // A CA of the right name with another key is another CA.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Hangup::UnknownCa,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Hangup::NameMismatch
        }
        CertificateError::ApplicationVerificationFailure => Hangup::NotRecognised,
        _ => Hangup::CertificateUnsuitable,
    }
}

/// The reason behind what the engine says about a revocation list: there is none to be used.
pub(super) fn reason_of_list(_: &CertRevocationListError) -> Hangup {
    Hangup::CrlMissing
}
