//! Signing a profile, so that a device shows whose it is (RFC 5652, `SignedData` around it).

use std::{fmt, time::Duration};

use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{
        CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo,
        SignerInfos,
    },
};
use der::{
    Any, Decode as _, Encode as _,
    asn1::{ObjectIdentifier, OctetString, SetOfVec, UtcTime},
};
use rcgen::{KeyPair, SigningKey as _};
use sha2::{Digest as _, Sha256, Sha384};
use x509_cert::{Certificate, attr::Attribute, spki::AlgorithmIdentifierOwned};

use super::error::ProfileError;
use crate::authority::blocks;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const NULL: [u8; 2] = [5, 0];

/// A key and what says whose it is.
pub(crate) struct Signer {
    certificate: Certificate,
    others: Vec<Certificate>,
    key: KeyPair,
    hash: Hash,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
}

impl Hash {
    const fn identifier(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => SHA_256,
            Self::Sha384 => SHA_384,
        }
    }

    fn of(self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(content).to_vec(),
            Self::Sha384 => Sha384::digest(content).to_vec(),
        }
    }
}

impl Signer {
    /// From a certificate with those between it and the root, and its key, all in PEM.
    pub(crate) fn new(chain_pem: &str, key_pem: &str) -> Result<Self, ProfileError> {
        let mut chain = Vec::new();
        for der in blocks(chain_pem, |label| label == "CERTIFICATE") {
            chain.push(Certificate::from_der(&der).map_err(cannot)?);
        }
        if chain.is_empty() {
            return Err(ProfileError::Sign("there is no certificate".to_owned()));
        }
        let key = KeyPair::from_pem(key_pem).map_err(cannot)?;
        let hash = if key.algorithm() == &rcgen::PKCS_ECDSA_P384_SHA384 {
            Hash::Sha384
        } else {
            Hash::Sha256
        };
        Ok(Self {
            certificate: chain.remove(0),
            others: chain,
            key,
            hash,
        })
    }

    fn signature_algorithm(&self) -> Result<AlgorithmIdentifierOwned, ProfileError> {
        let algorithm = self.key.algorithm();
        let (oid, parameters) = if algorithm == &rcgen::PKCS_ECDSA_P256_SHA256 {
            (ECDSA_SHA_256, None)
        } else if algorithm == &rcgen::PKCS_ECDSA_P384_SHA384 {
            (ECDSA_SHA_384, None)
        } else if algorithm == &rcgen::PKCS_RSA_SHA256 {
            (RSA_SHA_256, Some(Any::from_der(&NULL).map_err(cannot)?))
        } else {
            let why = "the server's key is neither RSA nor on P-256 or P-384";
            return Err(ProfileError::Sign(why.to_owned()));
        };
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }

    /// The content inside a signature of it, in DER. `at` is in seconds since 1970.
    pub(crate) fn sign(&self, content: &[u8], at: u64) -> Result<Vec<u8>, ProfileError> {
        let digest_alg = AlgorithmIdentifierOwned {
            oid: self.hash.identifier(),
            parameters: None,
        };
        let attributes = self.attributes(content, at).map_err(cannot)?;
        let to_sign = attributes.to_der().map_err(cannot)?;
        let signature = self.key.sign(&to_sign).map_err(cannot)?;
        let tbs = self.certificate.tbs_certificate();
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: tbs.issuer().clone(),
                serial_number: tbs.serial_number().clone(),
            }),
            digest_alg: digest_alg.clone(),
            signed_attrs: Some(attributes),
            signature_algorithm: self.signature_algorithm()?,
            signature: OctetString::new(signature).map_err(cannot)?,
            unsigned_attrs: None,
        };
        self.assemble(content, digest_alg, signer).map_err(cannot)
    }

    fn attributes(&self, content: &[u8], at: u64) -> der::Result<SetOfVec<Attribute>> {
        let attribute = |oid, value: Any| {
            Ok::<_, der::Error>(Attribute {
                oid,
                values: SetOfVec::try_from(vec![value])?,
            })
        };
        let time = UtcTime::from_unix_duration(Duration::from_secs(at))?;
        let digest = OctetString::new(self.hash.of(content))?;
        SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, Any::encode_from(&DATA)?)?,
            attribute(SIGNING_TIME, Any::encode_from(&time)?)?,
            attribute(MESSAGE_DIGEST, Any::encode_from(&digest)?)?,
        ])
    }

    fn assemble(
        &self,
        content: &[u8],
        digest_alg: AlgorithmIdentifierOwned,
        signer: SignerInfo,
    ) -> der::Result<Vec<u8>> {
        let all = std::iter::once(&self.certificate).chain(&self.others);
        let certificates: Vec<_> = all.cloned().map(CertificateChoices::Certificate).collect();
        let octets = OctetString::new(content)?;
        let envelope = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![digest_alg])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: DATA,
                econtent: Some(Any::encode_from(&octets)?),
            },
            certificates: Some(CertificateSet(SetOfVec::try_from(certificates)?)),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        ContentInfo {
            content_type: SIGNED_DATA,
            content: Any::encode_from(&envelope)?,
        }
        .to_der()
    }
}

fn cannot(error: impl ToString) -> ProfileError {
    ProfileError::Sign(error.to_string())
}

/// What is inside a signature, which is not looked at.
#[cfg(test)]
pub(super) fn content_of(signed: &[u8]) -> Vec<u8> {
    let info = ContentInfo::from_der(signed).unwrap();
    assert_eq!(info.content_type, SIGNED_DATA);
    let signed: SignedData = info.content.decode_as().unwrap();
    let content = signed.encap_content_info.econtent.unwrap();
    content
        .decode_as::<OctetString>()
        .unwrap()
        .as_bytes()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    use super::super::fixtures;
    use super::*;
    use crate::authority::pem;

    fn signer() -> Signer {
        let chain = [fixtures::signed_by_root(), fixtures::two_levels().0];
        let chain: String = chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
        Signer::new(&chain, fixtures::leaf_key()).unwrap()
    }

    #[test]
    fn the_signature_is_over_the_attributes_and_they_over_the_content() {
        let signed = signer().sign(b"profile", 1_700_000_000).unwrap();
        assert_eq!(content_of(&signed), b"profile");
        let info = ContentInfo::from_der(&signed).unwrap();
        let data: SignedData = info.content.decode_as().unwrap();
        assert_eq!(data.certificates.unwrap().0.len(), 2);
        let info = data.signer_infos.0.get(0).unwrap().clone();
        let attributes = info.signed_attrs.unwrap();
        let digest = attributes.iter().find(|one| one.oid == MESSAGE_DIGEST);
        let digest: OctetString = digest.unwrap().values.get(0).unwrap().decode_as().unwrap();
        assert_eq!(digest.as_bytes(), Hash::Sha256.of(b"profile"));
        let key = KeyPair::from_pem(fixtures::leaf_key()).unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key_raw());
        let message = attributes.to_der().unwrap();
        key.verify(&message, info.signature.as_bytes()).unwrap();
    }

    #[test]
    fn keys_of_every_kind_sign() {
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        for kind in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let key = KeyPair::generate_for(kind).unwrap();
            let certificate = params.self_signed(&key).unwrap().pem();
            let signer = Signer::new(&certificate, &key.serialize_pem()).unwrap();
            let envelope = signer.sign(b"x", 0).unwrap();
            assert_eq!(content_of(&envelope), b"x");
        }
    }

    #[test]
    fn without_certificate_or_key_nothing_is_signed() {
        assert!(Signer::new("", fixtures::leaf_key()).is_err());
        let certificate = pem("CERTIFICATE", &fixtures::root());
        assert!(Signer::new(&certificate, "no key").is_err());
    }
}
