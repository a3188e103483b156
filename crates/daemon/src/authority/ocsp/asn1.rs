//! The messages of OCSP (RFC 6960, appendix B.2).

#![expect(clippy::unnested_or_patterns, reason = "what the derive macros write")]

use aws_lc_rs::digest::{self, Algorithm};
use der::{
    Any, Choice, Enumerated, Sequence,
    asn1::{BitString, GeneralizedTime, Int, Null, ObjectIdentifier, OctetString},
};
use x509_cert::{
    ext::{Extension, Extensions},
    spki::AlgorithmIdentifierOwned,
};

pub(in crate::authority) const BASIC: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
pub(in crate::authority) const NONCE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
pub(super) const ECDSA_SHA256: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub(super) const ECDSA_SHA384: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

const fn v1() -> u8 {
    0
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct OcspRequest {
    pub(in crate::authority) tbs_request: TbsRequest,
    /// We need not know who asks.
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) signature: Option<Any>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct TbsRequest {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "v1")]
    pub(in crate::authority) version: u8,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) requestor_name: Option<Any>,
    pub(in crate::authority) request_list: Vec<Request>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) extensions: Option<Extensions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct Request {
    pub(in crate::authority) cert_id: CertId,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) extensions: Option<Extensions>,
}

/// Which certificate is meant: by hashes of its issuer's name and key, and its serial.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct CertId {
    pub(in crate::authority) hash: AlgorithmIdentifierOwned,
    pub(in crate::authority) issuer_name_hash: OctetString,
    pub(in crate::authority) issuer_key_hash: OctetString,
    pub(in crate::authority) serial: Int,
}

impl CertId {
    /// Whether the issuer it names is the one of this name (DER) and public key (the octets of the
    /// bit string). `false` for a hash that we do not know.
    pub(in crate::authority) fn is_by(&self, name: &[u8], key: &[u8]) -> bool {
        let Some(hash) = hash_of(&self.hash.oid) else {
            return false;
        };
        digest::digest(hash, name).as_ref() == self.issuer_name_hash.as_bytes()
            && digest::digest(hash, key).as_ref() == self.issuer_key_hash.as_bytes()
    }

    /// With the hash that every responder knows (RFC 5019, 2.1.1).
    pub(in crate::authority) fn of(name: &[u8], key: &[u8], serial: &[u8]) -> der::Result<Self> {
        Ok(Self {
            hash: AlgorithmIdentifierOwned {
                oid: SHA1,
                parameters: Some(Any::null()),
            },
            issuer_name_hash: OctetString::new(sha1(name))?,
            issuer_key_hash: OctetString::new(sha1(key))?,
            serial: Int::new(serial)?,
        })
    }
}

fn hash_of(oid: &ObjectIdentifier) -> Option<&'static Algorithm> {
    [
        (SHA1, &digest::SHA1_FOR_LEGACY_USE_ONLY),
        (SHA256, &digest::SHA256),
        (SHA384, &digest::SHA384),
        (SHA512, &digest::SHA512),
    ]
    .into_iter()
    .find_map(|(known, hash)| (known == *oid).then_some(hash))
}

/// Names things here; nothing rests on its strength.
pub(in crate::authority) fn sha1(octets: &[u8]) -> Vec<u8> {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
    hash.as_ref().to_vec()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u8)]
pub(in crate::authority) enum ResponseStatus {
    Successful = 0,
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    SigRequired = 5,
    Unauthorized = 6,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct OcspResponse {
    pub(in crate::authority) status: ResponseStatus,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) bytes: Option<ResponseBytes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct ResponseBytes {
    pub(in crate::authority) kind: ObjectIdentifier,
    pub(in crate::authority) response: OctetString,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct BasicResponse {
    /// A [`ResponseData`] as it was signed.
    pub(in crate::authority) data: Any,
    pub(in crate::authority) algorithm: AlgorithmIdentifierOwned,
    pub(in crate::authority) signature: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) certs: Option<Vec<Any>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct ResponseData {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "v1")]
    pub(in crate::authority) version: u8,
    pub(in crate::authority) responder: ResponderId,
    pub(in crate::authority) produced_at: GeneralizedTime,
    pub(in crate::authority) responses: Vec<SingleResponse>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) extensions: Option<Extensions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Choice)]
pub(in crate::authority) enum ResponderId {
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", constructed = "true")]
    ByName(Any),
    /// SHA-1 of its public key.
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", constructed = "true")]
    ByKey(OctetString),
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct SingleResponse {
    pub(in crate::authority) cert_id: CertId,
    pub(in crate::authority) status: CertStatus,
    pub(in crate::authority) this_update: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) next_update: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) extensions: Option<Extensions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Choice)]
pub(in crate::authority) enum CertStatus {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub(in crate::authority) struct RevokedInfo {
    pub(in crate::authority) at: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(in crate::authority) reason: Option<CrlReason>,
}

/// RFC 5280, 5.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u8)]
pub(in crate::authority) enum CrlReason {
    Unspecified = 0,
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
    RemoveFromCrl = 8,
    PrivilegeWithdrawn = 9,
    AaCompromise = 10,
}

/// The extension of this kind.
pub(in crate::authority) fn find<'a>(
    extensions: Option<&'a Extensions>,
    kind: &ObjectIdentifier,
) -> Option<&'a Extension> {
    let mut all = extensions.into_iter().flatten();
    all.find(|extension| extension.extn_id == *kind)
}
