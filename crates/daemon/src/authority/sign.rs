//! Making keys and signing: the CA, what it issues, and its revocation list.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, NameConstraints, OtherNameValue, PublicKeyData, RevocationReason,
    RevokedCertParams, RsaKeySize, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AuthorityError,
    details::{Details, Revoked, hex, unhex},
    extensions::{Published, TrustOverride, UPN_ARCS, ocsp_no_check},
    names::{Names, Permit},
    record::{DAY, Purpose, Reason},
};

/// How long a CA lives: twenty years, so that nobody has to hand out a new one.
pub(super) const CA_DAYS: u64 = 7_305;
/// How long our own certificates live: what Apple's and other systems take at most is 398 days.
pub(super) const OWN_DAYS: u64 = 397;
/// How long the certificate that signs OCSP answers lives: nobody asks whether it is revoked.
pub(super) const OCSP_DAYS: u64 = 30;
/// How far back a certificate begins, for machines whose clocks are behind.
pub(super) const BACKDATE: u64 = 3_600;
/// How long a revocation list is good for.
const CRL_LIFE: u64 = 7 * DAY;
/// The end of the year 9999, beyond which certificates have no dates.
const LAST_MOMENT: u64 = 253_402_300_799;

/// What keys are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyType {
    /// ECDSA on P-256: small and quick
    #[default]
    P256,
    /// ECDSA on P-384: for WPA3-Enterprise with 192 bits
    P384,
    /// RSA of 2048 bits: for equipment that takes nothing else
    Rsa2048,
    /// RSA of 3072 bits: for WPA3-Enterprise with 192 bits
    Rsa3072,
}

impl KeyType {
    fn make(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA384, RsaKeySize::_3072),
        }
    }

    /// As [`Details::key`] has it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::P256 => "EC P-256",
            Self::P384 => "EC P-384",
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
        }
    }

    /// The kind of a key, where it is one of ours.
    pub(crate) fn of(words: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::Rsa2048, Self::Rsa3072]
            .into_iter()
            .find(|kind| kind.words() == words)
    }
}

/// A key as it is kept. One of RSA with 3072 bits or more signs with SHA-384, as WPA3-Enterprise
/// with 192 bits wants it.
fn key_pair(der: &[u8], words: &str) -> Option<KeyPair> {
    let bits = words
        .strip_prefix("RSA ")
        .and_then(|bits| bits.parse().ok());
    if bits.is_some_and(|bits: u32| bits >= 3_072) {
        let key = PrivateKeyDer::try_from(der).ok()?;
        return KeyPair::from_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA384).ok();
    }
    KeyPair::try_from(der).ok()
}

/// A new CA.
pub(super) struct NewCa {
    pub(super) der: Vec<u8>,
    pub(super) key_pem: Zeroizing<String>,
}

/// Makes a CA that signs itself.
pub(super) fn new_ca(permits: &[Permit], key: KeyType, now: u64) -> Result<NewCa, AuthorityError> {
    let key = key.make()?;
    let mut params = CertificateParams::default();
    let id = hex(&params.key_identifier(&key));
    let name = format!("Portreeve CA {}", id.get(..8).unwrap_or(&id));
    params.distinguished_name = distinguished(&name);
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.not_before = at(now.saturating_sub(BACKDATE)).into();
    params.not_after = at(now.saturating_add(CA_DAYS * DAY)).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    if !permits.is_empty() {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: permits.iter().map(subtree).collect(),
            excluded_subtrees: Vec::new(),
        });
    }
    let certificate = params.self_signed(&key)?;
    Ok(NewCa {
        der: certificate.der().to_vec(),
        key_pem: Zeroizing::new(key.serialize_pem()),
    })
}

fn subtree(permit: &Permit) -> GeneralSubtree {
    match permit {
        Permit::Dns(name) => GeneralSubtree::DnsName(name.clone()),
        Permit::Address(IpNet::V4(prefix)) => GeneralSubtree::IpAddress(CidrSubnet::V4(
            prefix.network().octets(),
            prefix.netmask().octets(),
        )),
        Permit::Address(IpNet::V6(prefix)) => GeneralSubtree::IpAddress(CidrSubnet::V6(
            prefix.network().octets(),
            prefix.netmask().octets(),
        )),
    }
}

/// A CA that can sign: held only as long as there is something to sign.
pub(super) struct Signer {
    issuer: Issuer<'static, KeyPair>,
    key_id: KeyIdMethod,
    not_before: u64,
    not_after: u64,
    /// What the key of the CA is.
    key: String,
}

/// What a certificate is to say.
pub(super) struct Leaf<'a> {
    pub(super) common_name: &'a str,
    pub(super) device: Option<&'a str>,
    pub(super) names: &'a Names,
    pub(super) purpose: Purpose,
    pub(super) days: u64,
    pub(super) trust_override: TrustOverride,
    pub(super) published: Option<&'a Published>,
}

impl Signer {
    /// Puts the certificate of a CA and its key together.
    pub(super) fn new(der: &[u8], details: &Details, key_der: &[u8]) -> Result<Self, Mismatch> {
        let key = key_pair(key_der, &details.key).ok_or(Mismatch::NoKey)?;
        if key.subject_public_key_info() != details.public_key {
            return Err(Mismatch::OtherKey);
        }
        let issuer =
            Issuer::from_ca_cert_der(&der.into(), key).map_err(|_| Mismatch::NoCertificate)?;
        let key_id = details
            .key_id
            .clone()
            .map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified);
        Ok(Self {
            issuer,
            key_id,
            not_before: details.not_before,
            not_after: details.not_after,
            key: details.key.clone(),
        })
    }

    /// As strong as the key of the CA, and no slower than need be: for what signs in its stead.
    pub(super) fn delegate_key(&self) -> KeyType {
        if [KeyType::P256, KeyType::Rsa2048]
            .map(KeyType::words)
            .contains(&self.key.as_str())
        {
            KeyType::P256
        } else {
            KeyType::P384
        }
    }

    /// Signs a certificate for a key that is made here. Returns DER and the key in PEM.
    pub(super) fn make(
        &self,
        leaf: &Leaf<'_>,
        key: KeyType,
        now: u64,
    ) -> Result<(Vec<u8>, Zeroizing<String>), AuthorityError> {
        let key = key.make()?;
        let der = self.sign(leaf, &key, now)?;
        Ok((der, Zeroizing::new(key.serialize_pem())))
    }

    /// Signs a certificate for a public key in DER.
    pub(super) fn sign_for(
        &self,
        leaf: &Leaf<'_>,
        public_key: &[u8],
        now: u64,
    ) -> Result<Vec<u8>, AuthorityError> {
        let key = SubjectPublicKeyInfo::from_der(public_key)?;
        self.sign(leaf, &key, now)
    }

    fn sign(
        &self,
        leaf: &Leaf<'_>,
        key: &impl PublicKeyData,
        now: u64,
    ) -> Result<Vec<u8>, AuthorityError> {
        let begin = now.saturating_sub(BACKDATE).max(self.not_before);
        let end = begin.saturating_add(leaf.days.saturating_mul(DAY));
        let end = end.min(self.not_after);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&serial()?));
        params.distinguished_name = distinguished(leaf.common_name);
        if let Some(device) = leaf.device {
            let name = &mut params.distinguished_name;
            name.push(DnType::OrganizationalUnitName, device);
        }
        params.not_before = at(begin).into();
        params.not_after = at(end).into();
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let rsa = [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_RSA_SHA384];
        if rsa.contains(&key.algorithm()) && leaf.purpose != Purpose::Ocsp {
            // Some RouterOS versions look for it in an RSA certificate.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = usages(leaf.purpose);
        params.subject_alt_names = alternatives(leaf.names)?;
        let policy = leaf.trust_override.extension()?;
        params.custom_extensions.extend(policy);
        if let Some(published) = leaf.published {
            let point = published.distribution_point();
            params.crl_distribution_points.push(point);
            params.custom_extensions.push(published.access()?);
        }
        if leaf.purpose == Purpose::Ocsp {
            params.custom_extensions.push(ocsp_no_check());
        }
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(certificate.der().to_vec())
    }

    /// Signs a revocation list. Returns PEM.
    pub(super) fn revocation_list(
        &self,
        list: &Revoked,
        now: u64,
    ) -> Result<String, AuthorityError> {
        let revoked = list.entries.iter().filter_map(|(serial, revocation)| {
            Some(RevokedCertParams {
                serial_number: SerialNumber::from(unhex(serial)?),
                revocation_time: at(revocation.at).into(),
                reason_code: Some(reason(revocation.reason)),
                invalidity_date: None,
            })
        });
        let params = CertificateRevocationListParams {
            this_update: at(now.saturating_sub(BACKDATE)).into(),
            next_update: at(now.saturating_add(CRL_LIFE)).into(),
            crl_number: SerialNumber::from(list.number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: self.key_id.clone(),
        };
        Ok(params.signed_by(&self.issuer)?.pem()?)
    }
}

fn usages(purpose: Purpose) -> Vec<ExtendedKeyUsagePurpose> {
    match purpose {
        Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Purpose::Client | Purpose::User => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Purpose::Peer => vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ],
        Purpose::Ocsp => vec![ExtendedKeyUsagePurpose::OcspSigning],
        Purpose::Ca => Vec::new(),
    }
}

fn alternatives(names: &Names) -> Result<Vec<SanType>, AuthorityError> {
    let mut alternatives = Vec::new();
    for name in &names.dns {
        alternatives.push(SanType::DnsName(name.as_str().try_into()?));
    }
    alternatives.extend(names.addresses.iter().copied().map(SanType::IpAddress));
    for name in &names.emails {
        alternatives.push(SanType::Rfc822Name(name.as_str().try_into()?));
    }
    for name in &names.upns {
        let value = OtherNameValue::Utf8String(name.clone());
        alternatives.push(SanType::OtherName((UPN_ARCS.to_vec(), value)));
    }
    Ok(alternatives)
}

/// Why a certificate and a key are not a CA together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    #[error(
        "holds no private key that can be used; an encrypted one is decrypted by: openssl pkey -in \
         KEY.pem -out OPEN.pem"
    )]
    NoKey,
    #[error("is not the key of the CA's certificate")]
    OtherKey,
    #[error("belongs to a certificate that cannot be signed with")]
    NoCertificate,
}

const fn reason(reason: Reason) -> RevocationReason {
    match reason {
        Reason::Unspecified => RevocationReason::Unspecified,
        Reason::KeyCompromise => RevocationReason::KeyCompromise,
        Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
        Reason::Superseded => RevocationReason::Superseded,
        Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
        Reason::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
    }
}

fn distinguished(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// 126 unpredictable bits that are always written in 16 octets.
fn serial() -> Result<[u8; 16], AuthorityError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| AuthorityError::Random)?;
    octets[0] = octets[0] & 0x3f | 0x40;
    Ok(octets)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_MOMENT))
}
