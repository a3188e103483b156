//! One handshake: who is to be judged, by what, and what was found. OpenSSL's callbacks find it
//! through the connection they are called for.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use openssl::{
    error::ErrorStack,
    ex_data::Index,
    rand::rand_bytes,
    ssl::{AlpnError, Error, ErrorCode, Ssl, SslCipherRef, SslRef, SslVersion},
    x509::{X509StoreContext, X509StoreContextRef, X509VerifyResult},
};
use portreeve_proto::Peer;
use rustls::{
    AlertDescription, Error as EngineError, PeerIncompatible,
    pki_types::{CertificateDer, UnixTime},
    time_provider::TimeProvider,
};

use super::hello::external;
use crate::tls::{
    Certificate, Hangup, Psk, Refused, Session, TlsVersion, Versions, client::Wanted,
    server::InForce,
};

/// Who judges.
pub(super) enum Judge {
    /// A server, about a client from an address.
    Server(Arc<InForce>, IpAddr),
    /// A client, about the server that it wants to reach.
    Client(Arc<Wanted>, Arc<dyn TimeProvider>),
    /// A client that shares a key with the server.
    Sharer(Psk),
}

/// What was found out about the peer.
#[derive(Clone)]
enum Finding {
    Psk {
        psk: Psk,
        peer: Option<Arc<Peer>>,
        max_connections: Option<usize>,
    },
    Certificate {
        certificate: Box<Certificate>,
        chain: Arc<[CertificateDer<'static>]>,
        peer: Option<Arc<Peer>>,
        max_connections: Option<usize>,
    },
}

/// One handshake.
pub(super) struct Case {
    judge: Judge,
    versions: Versions,
    oldest: TlsVersion,
    finding: Mutex<Option<Result<Finding, Refused>>>,
}

impl Case {
    pub(super) fn new(judge: Judge, versions: Versions, oldest: TlsVersion) -> Arc<Self> {
        Arc::new(Self {
            judge,
            versions,
            oldest,
            finding: Mutex::default(),
        })
    }

    /// The case is what the callbacks of this connection ask.
    pub(super) fn attach(self: &Arc<Self>, ssl: &mut Ssl) -> Result<(), ErrorStack> {
        ssl.set_ex_data(index()?, Arc::clone(self));
        Ok(())
    }

    fn finding(&self) -> MutexGuard<'_, Option<Result<Finding, Refused>>> {
        self.finding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the key of an identity, for a version.
    fn seek(&self, identity: &[u8], tls: TlsVersion) -> Result<Finding, Refused> {
        let Judge::Server(in_force, from) = &self.judge else {
            return Err(Refused::new(Hangup::PskUnknown));
        };
        let identity = external(identity).ok_or_else(|| {
            Refused::because(Hangup::PskUnknown, "the identity is no text, or too long")
        })?;
        let peer = in_force.find_psk(identity, *from)?;
        let psk = peer
            .pre_shared_key()
            .ok_or_else(|| Refused::new(Hangup::PskUnknown))?;
        fit(psk, tls).map_err(|refused| refused.of(peer.peer()))?;
        Ok(Finding::Psk {
            psk: psk.clone(),
            peer: Some(Arc::clone(peer.peer())),
            max_connections: peer.connection_limit(),
        })
    }

    /// Judges what the peer shows.
    fn judge(&self, chain: Vec<CertificateDer<'static>>) -> Result<Finding, Refused> {
        let now = |clock: &Arc<dyn TimeProvider>| clock.current_time().unwrap_or(UnixTime::now());
        let (certificate, peer, max_connections) = match &self.judge {
            Judge::Server(in_force, from) => {
                let now = now(&in_force.config.clock);
                let admitted = in_force.judge(&chain, *from, now)?;
                let peer = Some(admitted.peer);
                (admitted.certificate, peer, admitted.max_connections)
            }
            Judge::Client(wanted, clock) => {
                let [leaf, others @ ..] = &*chain else {
                    return Err(Refused::new(Hangup::NoCertificate));
                };
                (wanted.judge(leaf, others, now(clock))?, None, None)
            }
            Judge::Sharer(_) => {
                let details = "the server shows a certificate instead of using the key";
                return Err(Refused::because(Hangup::PskUnknown, details));
            }
        };
        Ok(Finding::Certificate {
            certificate: Box::new(certificate),
            chain: chain.into(),
            peer,
            max_connections,
        })
    }

    /// What a handshake that is done has settled. Nobody is let in of whom nothing was found.
    pub(super) fn settle(&self, ssl: &SslRef) -> Result<Session, Refused> {
        let found = self.finding().clone();
        let finding = found.unwrap_or_else(|| Err(Refused::new(Hangup::NoCertificate)))?;
        let tls = version(ssl).ok_or_else(|| Refused::new(Hangup::TlsTooOld))?;
        if tls.is_too_old_for(self.oldest) {
            return Err(Refused::new(Hangup::TlsTooOld));
        }
        let agreed = self.versions.settle(ssl.selected_alpn_protocol(), tls);
        let version = agreed.ok_or_else(|| Refused::new(Hangup::VersionRefused))?;
        let cipher = ssl
            .current_cipher()
            .and_then(SslCipherRef::standard_name)
            .unwrap_or_default()
            .to_owned();
        let (peer, max_connections, certificate, chain, psk) = match finding {
            Finding::Psk {
                psk,
                peer,
                max_connections,
            } => (peer, max_connections, None, Vec::new().into(), Some(psk)),
            Finding::Certificate {
                certificate,
                chain,
                peer,
                max_connections,
            } => (peer, max_connections, Some(*certificate), chain, None),
        };
        Ok(Session {
            peer,
            tls,
            cipher,
            version,
            certificate,
            chain,
            psk,
            max_connections,
        })
    }

    /// Why a handshake failed.
    pub(super) fn failed(&self, error: &Error) -> Refused {
        match &*self.finding() {
            Some(Err(refused)) => refused.clone(),
            Some(Ok(Finding::Psk { peer, .. })) if may_be_the_key(error) => {
                let refused = Refused::because(Hangup::PskUnknown, "the keys differ");
                match peer {
                    Some(peer) => refused.of(peer),
                    None => refused,
                }
            }
            _ => Refused::by_engine(&translated(error)),
        }
    }

    /// Why a handshake did not end. Where the keys of DTLS differ, what comes does not decrypt and
    /// is passed over, so that silence is all there is.
    pub(super) fn timed_out(&self) -> Refused {
        match &*self.finding() {
            Some(Err(refused)) => refused.clone(),
            Some(Ok(Finding::Psk { peer, .. })) => {
                let details = "nothing that decrypts came after the key was chosen";
                let refused = Refused::because(Hangup::PskUnknown, details);
                match peer {
                    Some(peer) => refused.of(peer),
                    None => refused,
                }
            }
            _ => Refused::new(Hangup::HandshakeTimeout),
        }
    }
}

/// RFC 9813 section 4.1: a key is never used for TLS 1.3 and for earlier versions.
pub(super) fn fit(psk: &Psk, tls: TlsVersion) -> Result<(), Refused> {
    if psk.is_for_tls12() == (tls != TlsVersion::V1_3) {
        return Ok(());
    }
    let only = if psk.is_for_tls12() {
        "the key is for TLS 1.2 and DTLS 1.2 only"
    } else {
        "the key is for TLS 1.3 only"
    };
    let details = format!("{only}, and the connection is {tls}: a key serves one of the two");
    Err(Refused::because(Hangup::PskUnknown, &details))
}

fn index() -> Result<Index<Ssl, Arc<Case>>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Arc<Case>>> = OnceLock::new();
    if let Some(index) = INDEX.get() {
        return Ok(*index);
    }
    let fresh = Ssl::new_ex_index()?;
    Ok(*INDEX.get_or_init(|| fresh))
}

fn of(ssl: &SslRef) -> Option<Arc<Case>> {
    ssl.ex_data(index().ok()?).cloned()
}

/// The version that was agreed on.
fn version(ssl: &SslRef) -> Option<TlsVersion> {
    match ssl.version2()? {
        SslVersion::TLS1_2 => Some(TlsVersion::V1_2),
        SslVersion::TLS1_3 => Some(TlsVersion::V1_3),
        SslVersion::DTLS1_2 => Some(TlsVersion::Dtls1_2),
        _ => None,
    }
}

/// Gives a server the key of an identity. Whoever is refused meets a key that nobody has, so that
/// an unknown identity looks like a wrong key.
pub(super) fn key_of_client(
    ssl: &mut SslRef,
    identity: Option<&[u8]>,
    key: &mut [u8],
) -> Result<usize, ErrorStack> {
    let (Some(case), Some(tls)) = (of(ssl), version(ssl)) else {
        return Ok(0);
    };
    let found = case.seek(identity.unwrap_or_default(), tls);
    let length = match &found {
        Ok(Finding::Psk { psk, .. }) => give(psk.key(), key),
        _ => None,
    };
    *case.finding() = Some(found);
    if let Some(length) = length {
        return Ok(length);
    }
    let nobodys = key.len().min(32);
    rand_bytes(&mut key[..nobodys])?;
    Ok(nobodys)
}

/// Gives a client its identity and key.
#[expect(clippy::unnecessary_wraps, reason = "OpenSSL's callback has this form")]
pub(super) fn key_of_server(
    ssl: &mut SslRef,
    _hint: Option<&[u8]>,
    identity: &mut [u8],
    key: &mut [u8],
) -> Result<usize, ErrorStack> {
    let Some(case) = of(ssl) else {
        return Ok(0);
    };
    let Judge::Sharer(psk) = &case.judge else {
        return Ok(0);
    };
    let name = [psk.identity().as_bytes(), &[0]].concat();
    if give(&name, identity).is_none() {
        return Ok(0);
    }
    *case.finding() = Some(Ok(Finding::Psk {
        psk: psk.clone(),
        peer: None,
        max_connections: None,
    }));
    Ok(give(psk.key(), key).unwrap_or(0))
}

fn give(from: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..from.len())?.copy_from_slice(from);
    Some(from.len())
}

/// Called once or more for every certificate of a chain; the first call decides for all. What
/// OpenSSL itself thinks of the chain does not count: it knows none of our CAs.
pub(super) fn judge_chain(_: bool, store: &mut X509StoreContextRef) -> bool {
    let judged = judged(store);
    let refused = match &judged {
        Some(Ok(())) => {
            store.set_error(X509VerifyResult::OK);
            return true;
        }
        Some(Err(reason)) => *reason,
        None => Hangup::HandshakeFailed,
    };
    // The alert says `unknown_ca` where that is so, for that is what OpenSSL has found too.
    if refused != Hangup::UnknownCa {
        store.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
    }
    false
}

fn judged(store: &X509StoreContextRef) -> Option<Result<(), Hangup>> {
    let ssl = store.ex_data(X509StoreContext::ssl_idx().ok()?)?;
    let case = of(ssl)?;
    let known = match &*case.finding() {
        Some(Ok(Finding::Certificate { .. })) => Some(Ok(())),
        Some(Err(refused)) => Some(Err(refused.reason)),
        _ => None,
    };
    if known.is_some() {
        return known;
    }
    let mut chain = Vec::new();
    for certificate in store.chain()? {
        chain.push(CertificateDer::from(certificate.to_der().ok()?));
    }
    let found = case.judge(chain);
    let verdict = found.as_ref().map(drop).map_err(|refused| refused.reason);
    *case.finding() = Some(found);
    Some(verdict)
}

/// Chooses the RADIUS version among those that a client names.
pub(super) fn choose_version<'a>(
    ssl: &mut SslRef,
    offered: &'a [u8],
) -> Result<&'a [u8], AlpnError> {
    let case = of(ssl).ok_or(AlpnError::NOACK)?;
    let ours = case.versions.names(version(ssl) == Some(TlsVersion::V1_3));
    if ours.is_empty() {
        return Err(AlpnError::NOACK);
    }
    let chosen = ours
        .iter()
        .find_map(|name| names(offered).find(|candidate| candidate == name));
    chosen.ok_or_else(|| {
        *case.finding() = Some(Err(Refused::new(Hangup::VersionRefused)));
        AlpnError::ALERT_FATAL
    })
}

/// The names in a list, each with its length before it.
fn names(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = list.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        list = rest;
        Some(name)
    })
}

/// What a wrong key looks like: a binder or a Finished message that is wrong, or an alert that
/// says so.
fn may_be_the_key(error: &Error) -> bool {
    const BAD_RECORD_MAC: i32 = 281;
    const BINDER: i32 = 253;
    const DIGEST: i32 = 149;
    const DECRYPTION: i32 = 147;
    reasons(error).any(|reason| {
        matches!(reason, BAD_RECORD_MAC | BINDER | DIGEST | DECRYPTION)
            || matches!(alert(reason), Some(20 | 40 | 47 | 51 | 115))
    })
}

fn reasons(error: &Error) -> impl Iterator<Item = i32> {
    let stack = error.ssl_error();
    let errors = stack.map(ErrorStack::errors).unwrap_or_default();
    errors.iter().map(openssl::error::Error::reason_code)
}

/// The alert that arrived, if that is the reason.
fn alert(reason: i32) -> Option<u8> {
    const ALERTS: i32 = 1000;
    u8::try_from(reason - ALERTS).ok()
}

/// An error in the words of the other engine, so that the same reasons are drawn from it.
pub(super) fn translated(error: &Error) -> EngineError {
    const NO_SHARED_CIPHER: i32 = 193;
    const NO_CERTIFICATE: i32 = 199;
    const UNSUPPORTED_PROTOCOL: i32 = 258;
    const WRONG_SSL_VERSION: i32 = 266;
    const VERSION_TOO_LOW: i32 = 396;
    const WRONG_VERSION_NUMBER: i32 = 267;
    const BAD_RECORD_MAC: i32 = 281;
    const NO_SUITABLE_KEY_SHARE: i32 = 101;
    const NO_SIGNATURE: i32 = 118;
    let Some(reason) = reasons(error).next() else {
        return EngineError::General(error.to_string());
    };
    if let Some(alert) = alert(reason) {
        return EngineError::AlertReceived(AlertDescription::from(alert));
    }
    match reason {
        NO_SHARED_CIPHER => PeerIncompatible::NoCipherSuitesInCommon.into(),
        NO_SUITABLE_KEY_SHARE => PeerIncompatible::NoKxGroupsInCommon.into(),
        NO_SIGNATURE => PeerIncompatible::NoSignatureSchemesInCommon.into(),
        NO_CERTIFICATE => EngineError::NoCertificatesPresented,
        UNSUPPORTED_PROTOCOL | WRONG_SSL_VERSION | VERSION_TOO_LOW | WRONG_VERSION_NUMBER => {
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into()
        }
        BAD_RECORD_MAC => EngineError::DecryptError,
        _ => EngineError::General(error.to_string()),
    }
}

/// Whether it is worth trying again when more has arrived or left.
pub(super) fn must_wait(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}
