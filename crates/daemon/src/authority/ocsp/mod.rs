//! Saying by OCSP whether a certificate of our CA is still good (RFC 6960, RFC 5019).
//!
//! A certificate of its own signs the answers, not the CA: strangers ask here, and the key of the
//! CA is not to be in a process that answers them. That certificate is good for a month and renewed
//! before, so nobody need ask whether it is revoked itself.

pub(super) mod asn1;

use der::{
    Any, Decode as _, Encode as _,
    asn1::{BitString, GeneralizedTime, Null, OctetString},
};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use std::time::Duration;
use x509_cert::{
    ext::{Extension, Extensions},
    spki::AlgorithmIdentifierOwned,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use self::asn1::{
    BASIC, BasicResponse, CertId, CertStatus, CrlReason, ECDSA_SHA256, ECDSA_SHA384, NONCE,
    OcspRequest, OcspResponse, Request, ResponderId, ResponseBytes, ResponseData, ResponseStatus,
    RevokedInfo, SingleResponse, TbsRequest, find, sha1,
};
use super::{
    Authority, Revocation,
    details::{certificates, hex, strip},
    eap,
    index::{self, Known},
    record::Reason,
};

/// How long an answer may be relied on.
pub(crate) const ANSWER_LIFE: u64 = 3_600;
/// The most certificates that one request may ask about.
const MOST_ASKED: usize = 16;
/// The most octets of a nonce (RFC 9654, 2.1).
const MOST_NONCE: usize = 128;

/// An answer in DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) der: Vec<u8>,
    /// Until when it may be repeated to others who ask the same, in seconds since 1970.
    pub(crate) until: Option<u64>,
}

/// Answers for one state of the authority.
pub(crate) struct Responder {
    authority: Authority,
    key: KeyPair,
    algorithm: AlgorithmIdentifierOwned,
    id: ResponderId,
    certificate: Any,
    /// Name and key of the CA.
    issuer: (Vec<u8>, Vec<u8>),
}

impl Responder {
    /// `None` where the authority keeps no certificate for it yet.
    pub(crate) fn of(authority: &Authority) -> Option<Self> {
        let identity = authority.ocsp_identity()?;
        let own = certificates(&identity.chain_pem).into_iter().next()?;
        let key = KeyPair::try_from(&eap::key(identity)?).ok()?;
        let oid = if key.algorithm() == &rcgen::PKCS_ECDSA_P384_SHA384 {
            ECDSA_SHA384
        } else {
            ECDSA_SHA256
        };
        Some(Self {
            authority: authority.clone(),
            algorithm: AlgorithmIdentifierOwned {
                oid,
                parameters: None,
            },
            id: ResponderId::ByKey(OctetString::new(sha1(key.der_bytes())).ok()?),
            certificate: Any::from_der(&own).ok()?,
            issuer: name_and_key(authority.bundle().first()?)?,
            key,
        })
    }

    /// Which state of the authority it answers for.
    pub(crate) fn generation(&self) -> u64 {
        self.authority.generation()
    }

    /// Answers a request in DER. Reads a file for each certificate that is asked about.
    pub(crate) fn answer(&self, request: &[u8], now: u64) -> Answer {
        let answered = read(request).and_then(|asked| self.say(&asked, now));
        answered.unwrap_or_else(refusal)
    }

    fn say(&self, asked: &Asked, now: u64) -> Result<Answer, ResponseStatus> {
        if self.authority.crl_pem().is_none() {
            return Err(ResponseStatus::TryLater);
        }
        let until = now.saturating_add(ANSWER_LIFE);
        let single = |cert_id: &CertId| {
            Ok(SingleResponse {
                cert_id: cert_id.clone(),
                status: self.status(cert_id)?,
                this_update: time(now)?,
                next_update: Some(time(until)?),
                extensions: None,
            })
        };
        let responses = asked.certificates.iter().map(single);
        let data = ResponseData {
            version: 0,
            responder: self.id.clone(),
            produced_at: time(now)?,
            responses: responses.collect::<Result<_, ResponseStatus>>()?,
            extensions: asked
                .nonce
                .clone()
                .map(|nonce| -> Extensions { vec![nonce] }),
        };
        Ok(Answer {
            der: self
                .signed(&data)
                .map_err(|_| ResponseStatus::InternalError)?,
            until: asked.nonce.is_none().then_some(until),
        })
    }

    fn signed(&self, data: &ResponseData) -> Result<Vec<u8>, Unsigned> {
        let data = data.to_der()?;
        let signature = self.key.sign(&data)?;
        let basic = BasicResponse {
            data: Any::from_der(&data)?,
            algorithm: self.algorithm.clone(),
            signature: BitString::from_bytes(&signature)?,
            certs: Some(vec![self.certificate.clone()]),
        };
        let response = OcspResponse {
            status: ResponseStatus::Successful,
            bytes: Some(ResponseBytes {
                kind: BASIC,
                response: OctetString::new(basic.to_der()?)?,
            }),
        };
        Ok(response.to_der()?)
    }

    fn status(&self, cert_id: &CertId) -> Result<CertStatus, ResponseStatus> {
        let (name, key) = &self.issuer;
        let serial = strip(cert_id.serial.as_bytes());
        if !cert_id.is_by(name, key) || serial.len() > 20 {
            return Ok(CertStatus::Unknown(Null));
        }
        if let Some(revocation) = self.authority.revocation(serial) {
            return revoked(revocation);
        }
        match index::known(&self.authority.place, &hex(serial)) {
            Known::No => Ok(CertStatus::Unknown(Null)),
            Known::Good => Ok(CertStatus::Good(Null)),
            Known::Revoked(revocation) => revoked(revocation),
        }
    }
}

/// What is asked.
struct Asked {
    certificates: Vec<CertId>,
    nonce: Option<Extension>,
}

fn read(request: &[u8]) -> Result<Asked, ResponseStatus> {
    let malformed = ResponseStatus::MalformedRequest;
    let request = OcspRequest::from_der(request).map_err(|_| malformed)?;
    let tbs = request.tbs_request;
    let asked = 1..=MOST_ASKED;
    if tbs.version != 0 || !asked.contains(&tbs.request_list.len()) {
        return Err(malformed);
    }
    let nonce = find(tbs.extensions.as_ref(), &NONCE).cloned();
    let critical = |extensions: Option<&Extensions>| {
        let mut all = extensions.into_iter().flatten();
        all.any(|extension| extension.critical && extension.extn_id != NONCE)
    };
    let single = tbs.request_list.iter();
    let mut single = single.map(|request| request.extensions.as_ref());
    if critical(tbs.extensions.as_ref()) || single.any(critical) {
        return Err(malformed);
    }
    if let Some(nonce) = &nonce {
        let octets = OctetString::from_der(nonce.extn_value.as_bytes()).map_err(|_| malformed)?;
        if !(1..=MOST_NONCE).contains(&octets.as_bytes().len()) {
            return Err(malformed);
        }
    }
    Ok(Asked {
        certificates: tbs
            .request_list
            .into_iter()
            .map(|one| one.cert_id)
            .collect(),
        nonce,
    })
}

/// An answer that says why there is none; it is not signed (RFC 6960, 4.2.1).
fn refusal(status: ResponseStatus) -> Answer {
    let response = OcspResponse {
        status,
        bytes: None,
    };
    Answer {
        // SEQUENCE { ENUMERATED }: writing that cannot fail.
        der: response.to_der().unwrap_or_default(),
        until: None,
    }
}

/// What is said while there is nobody to sign.
pub(crate) fn try_later() -> Answer {
    refusal(ResponseStatus::TryLater)
}

fn revoked(revocation: Revocation) -> Result<CertStatus, ResponseStatus> {
    let reason = match revocation.reason {
        // "Unspecified" is left out (RFC 5280, 5.3.1).
        Reason::Unspecified => None,
        Reason::KeyCompromise => Some(CrlReason::KeyCompromise),
        Reason::AffiliationChanged => Some(CrlReason::AffiliationChanged),
        Reason::Superseded => Some(CrlReason::Superseded),
        Reason::CessationOfOperation => Some(CrlReason::CessationOfOperation),
        Reason::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
    };
    Ok(CertStatus::Revoked(RevokedInfo {
        at: time(revocation.at)?,
        reason,
    }))
}

fn time(seconds: u64) -> Result<GeneralizedTime, ResponseStatus> {
    let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds));
    time.map_err(|_| ResponseStatus::InternalError)
}

/// The subject of a certificate in DER and the octets of its public key: what a [`CertId`] hashes.
pub(super) fn name_and_key(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = &certificate.public_key().subject_public_key;
    Some((certificate.subject().as_raw().to_vec(), key.data.to_vec()))
}

/// A request about one certificate, both in DER; `nonce` as RFC 9654 has it.
pub(crate) fn request_for(leaf: &[u8], issuer: &[u8], nonce: Option<&[u8]>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let (name, key) = name_and_key(issuer)?;
    let cert_id = CertId::of(&name, &key, certificate.raw_serial()).ok()?;
    let extensions = nonce.map(|nonce| Some(vec![nonce_of(nonce)?]));
    let request = OcspRequest {
        tbs_request: TbsRequest {
            version: 0,
            requestor_name: None,
            request_list: vec![Request {
                cert_id,
                extensions: None,
            }],
            extensions: match extensions {
                Some(extensions) => Some(extensions?),
                None => None,
            },
        },
        signature: None,
    };
    request.to_der().ok()
}

fn nonce_of(octets: &[u8]) -> Option<Extension> {
    let value = OctetString::new(octets).and_then(|octets| octets.to_der());
    Some(Extension {
        extn_id: NONCE,
        critical: false,
        extn_value: OctetString::new(value.ok()?).ok()?,
    })
}

/// Why an answer is not signed.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Encode(#[from] der::Error),
    #[error(transparent)]
    Sign(#[from] rcgen::Error),
}

#[cfg(test)]
mod tests;
