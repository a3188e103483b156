//! Whether an answer by OCSP is to be believed, and what it says (RFC 6960, 3.2).

use std::time::Duration;

use der::{
    Decode as _, Encode as _,
    asn1::{GeneralizedTime, OctetString},
};
use x509_parser::{
    asn1_rs::BitString,
    prelude::{FromDer as _, X509Certificate},
    verify::verify_signature,
    x509::AlgorithmIdentifier,
};

use super::{Status, Subject, Told};
use crate::authority::{
    ocsp::{
        asn1::{
            BASIC, BasicResponse, CertStatus, CrlReason, NONCE, OcspResponse, ResponderId,
            ResponseData, ResponseStatus, SingleResponse, find, sha1,
        },
        name_and_key,
    },
    record::{Reason, Revocation},
};

/// How far clocks may differ, in seconds.
pub(super) const SKEW: u64 = 300;
/// The most certificates that an answer may bring along.
const MOST_CERTIFICATES: usize = 8;
/// Signatures with SHA-1, which can be forged.
const WEAK: [&str; 3] = ["1.2.840.113549.1.1.5", "1.3.14.3.2.29", "1.2.840.10045.4.1"];

/// Why an answer says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    #[error("answers with something that is no OCSP answer")]
    NotAnswer,
    #[error("does not answer: {0}")]
    Refused(&'static str),
    #[error("answers for another certificate")]
    Other,
    #[error("answers with another nonce: an old answer, played back")]
    Nonce,
    #[error("answers with a time that is not now")]
    Time,
    #[error("answers, but who signed that may not answer for the CA")]
    Unauthorised,
    #[error("answers, but the signature is wrong or weak")]
    Signature,
    #[error("answers with an extension that must be understood and is not")]
    Extension,
}

/// Reads an answer to a question about `subject` that was asked with this nonce.
pub(super) fn read(
    answer: &[u8],
    subject: &Subject,
    nonce: Option<&[u8]>,
    now: u64,
) -> Result<Told, Distrust> {
    let broken = |_| Distrust::NotAnswer;
    let answer = OcspResponse::from_der(answer).map_err(broken)?;
    let bytes = match (answer.status, answer.bytes) {
        (ResponseStatus::Successful, Some(bytes)) if bytes.kind == BASIC => bytes,
        (ResponseStatus::Successful, _) => return Err(Distrust::NotAnswer),
        (status, _) => return Err(Distrust::Refused(words(status))),
    };
    let basic = BasicResponse::from_der(bytes.response.as_bytes()).map_err(broken)?;
    let signed = basic.data.to_der().map_err(broken)?;
    let data = ResponseData::from_der(&signed).map_err(broken)?;
    is_signed(&basic, &signed, &data.responder, &subject.issuer, now)?;
    let all = data.responses.iter().flat_map(|one| &one.extensions);
    let mut all = all.chain(&data.extensions).flatten();
    if data.version != 0 || all.any(|one| one.critical && one.extn_id != NONCE) {
        return Err(Distrust::Extension);
    }
    if let (Some(sent), Some(returned)) = (nonce, find(data.extensions.as_ref(), &NONCE)) {
        let returned = OctetString::from_der(returned.extn_value.as_bytes());
        if returned.map_err(broken)?.as_bytes() != sent {
            return Err(Distrust::Nonce);
        }
    }
    let about = data.responses.iter().find(|one| is_about(one, subject));
    let about = about.ok_or(Distrust::Other)?;
    let until = good_until(about, now)?;
    Ok((status(&about.status), until))
}

const fn words(status: ResponseStatus) -> &'static str {
    match status {
        ResponseStatus::Successful => "it says nothing",
        ResponseStatus::MalformedRequest => "it does not understand the question",
        ResponseStatus::InternalError => "it is in trouble",
        ResponseStatus::TryLater => "it wants to be asked later",
        ResponseStatus::SigRequired => "it wants the question signed",
        ResponseStatus::Unauthorized => "it does not answer for this CA, or not to us",
    }
}

fn is_about(one: &SingleResponse, subject: &Subject) -> bool {
    let serial = crate::authority::details::strip(one.cert_id.serial.as_bytes());
    let issuer = name_and_key(&subject.issuer);
    serial == subject.serial && issuer.is_some_and(|(name, key)| one.cert_id.is_by(&name, &key))
}

/// RFC 6960, 4.2.2.1. Without `nextUpdate` something newer is there always: it counts now only.
fn good_until(one: &SingleResponse, now: u64) -> Result<u64, Distrust> {
    let this = seconds(&one.this_update);
    let until = one.next_update.as_ref().map_or(this + SKEW, seconds);
    if this > now + SKEW || until + SKEW <= now || until < this {
        return Err(Distrust::Time);
    }
    Ok(match one.next_update {
        Some(_) => until,
        None => now,
    })
}

fn seconds(time: &GeneralizedTime) -> u64 {
    Duration::as_secs(&time.to_unix_duration())
}

fn status(status: &CertStatus) -> Status {
    match status {
        CertStatus::Good(_) => Status::Good,
        CertStatus::Unknown(_) => Status::Unknown,
        CertStatus::Revoked(revoked) => Status::Revoked(Revocation {
            at: seconds(&revoked.at),
            reason: match revoked.reason {
                Some(CrlReason::KeyCompromise) => Reason::KeyCompromise,
                Some(CrlReason::AffiliationChanged) => Reason::AffiliationChanged,
                Some(CrlReason::Superseded) => Reason::Superseded,
                Some(CrlReason::CessationOfOperation) => Reason::CessationOfOperation,
                Some(CrlReason::PrivilegeWithdrawn) => Reason::PrivilegeWithdrawn,
                _ => Reason::Unspecified,
            },
        }),
    }
}

/// The CA itself signs, or somebody to whom it has given a certificate for that (RFC 6960,
/// 4.2.2.2).
fn is_signed(
    basic: &BasicResponse,
    signed: &[u8],
    responder: &ResponderId,
    issuer: &[u8],
    now: u64,
) -> Result<(), Distrust> {
    let broken = |_| Distrust::NotAnswer;
    let (_, ca) = X509Certificate::from_der(issuer).map_err(|_| Distrust::Unauthorised)?;
    if is_named(&ca, responder) {
        return verified(&ca, basic, signed);
    }
    let brought = basic.certs.iter().flatten().take(MOST_CERTIFICATES);
    for certificate in brought {
        let der = certificate.to_der().map_err(broken)?;
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
            continue;
        };
        if is_named(&certificate, responder) {
            may_answer(&certificate, &ca, now)?;
            return verified(&certificate, basic, signed);
        }
    }
    Err(Distrust::Unauthorised)
}

fn is_named(certificate: &X509Certificate<'_>, responder: &ResponderId) -> bool {
    match responder {
        ResponderId::ByName(name) => name
            .to_der()
            .is_ok_and(|name| name == certificate.subject().as_raw()),
        ResponderId::ByKey(hash) => {
            let key = &certificate.public_key().subject_public_key.data;
            sha1(key) == hash.as_bytes()
        }
    }
}

fn may_answer(
    certificate: &X509Certificate<'_>,
    ca: &X509Certificate<'_>,
    now: u64,
) -> Result<(), Distrust> {
    let usage = certificate.extended_key_usage().ok().flatten();
    let answers = usage.is_some_and(|usage| usage.value.ocsp_signing);
    let usage = certificate.key_usage().ok().flatten();
    let signs = usage.is_none_or(|usage| usage.value.digital_signature());
    let issued = certificate.issuer().as_raw() == ca.subject().as_raw();
    if !(answers && signs && issued) {
        return Err(Distrust::Unauthorised);
    }
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    let by_ca = certificate.verify_signature(Some(ca.public_key())).is_ok();
    if !by_ca || WEAK.contains(&algorithm.as_str()) {
        return Err(Distrust::Signature);
    }
    let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
    let (from, until) = (
        seconds(certificate.validity().not_before.timestamp()),
        seconds(certificate.validity().not_after.timestamp()),
    );
    if now + SKEW < from || now > until {
        return Err(Distrust::Time);
    }
    Ok(())
}

fn verified(
    signer: &X509Certificate<'_>,
    basic: &BasicResponse,
    data: &[u8],
) -> Result<(), Distrust> {
    let broken = |_| Distrust::NotAnswer;
    if WEAK.contains(&basic.algorithm.oid.to_string().as_str()) {
        return Err(Distrust::Signature);
    }
    let algorithm = basic.algorithm.to_der().map_err(broken)?;
    let signature = basic.signature.to_der().map_err(broken)?;
    let unread = |_| Distrust::Signature;
    let (_, algorithm) = AlgorithmIdentifier::from_der(&algorithm).map_err(unread)?;
    let (_, signature) = BitString::from_der(&signature).map_err(|_| Distrust::Signature)?;
    verify_signature(signer.public_key(), &algorithm, &signature, data)
        .map_err(|_| Distrust::Signature)
}
