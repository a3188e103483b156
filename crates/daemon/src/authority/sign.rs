//! Making keys and signing: the CA, what it issues, and its revocation list.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, RevocationReason, RevokedCertParams,
    RsaKeySize, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use zeroize::Zeroizing;

use super::{
    AuthorityError,
    details::{Details, Revoked, hex, unhex},
    names::{Names, Permit},
    record::{DAY, Purpose, Reason},
};

/// How long a CA lives: twenty years, so that nobody has to hand out a new one.
pub(super) const CA_DAYS: u64 = 7_305;
/// How long our own certificates live: what Apple's and other systems take at most is 398 days.
pub(super) const OWN_DAYS: u64 = 397;
/// How far back a certificate begins, for machines whose clocks are behind.
pub(super) const BACKDATE: u64 = 3_600;
/// How long a revocation list is good for.
const CRL_LIFE: u64 = 7 * DAY;
/// The end of the year 9999, beyond which certificates have no dates.
const LAST_MOMENT: u64 = 253_402_300_799;

/// What keys are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyType {
    /// ECDSA on P-256: small and quick
    #[default]
    P256,
    /// ECDSA on P-384
    P384,
    /// RSA of 2048 bits: for equipment that takes nothing else
    Rsa2048,
}

impl KeyType {
    fn make(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        }
    }
}

/// A new CA.
pub(super) struct NewCa {
    pub(super) der: Vec<u8>,
    pub(super) key_pem: Zeroizing<String>,
}

/// Makes a CA that signs itself.
pub(super) fn new_ca(permits: &[Permit], now: u64) -> Result<NewCa, AuthorityError> {
    let key = KeyType::P256.make()?;
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
}

/// What a certificate is to say.
pub(super) struct Leaf<'a> {
    pub(super) common_name: &'a str,
    pub(super) names: &'a Names,
    pub(super) purpose: Purpose,
    pub(super) days: u64,
}

impl Signer {
    /// Puts the certificate of a CA and its key together.
    pub(super) fn new(der: &[u8], details: &Details, key_der: &[u8]) -> Result<Self, Mismatch> {
        let key = KeyPair::try_from(key_der).map_err(|_| Mismatch::NoKey)?;
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
        })
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
        params.not_before = at(begin).into();
        params.not_after = at(end).into();
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if key.algorithm() == &rcgen::PKCS_RSA_SHA256 {
            // Some RouterOS versions look for it in an RSA certificate.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = match leaf.purpose {
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::Peer => vec![
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::ServerAuth,
            ],
            Purpose::Ca => Vec::new(),
        };
        for name in &leaf.names.dns {
            let name = name.as_str().try_into()?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let addresses = leaf.names.addresses.iter().copied();
        params
            .subject_alt_names
            .extend(addresses.map(SanType::IpAddress));
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
