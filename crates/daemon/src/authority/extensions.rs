//! Extensions of certificates that are written octet by octet, and where a certificate says that
//! its standing can be asked.

use der::{
    Encode as _,
    asn1::{Ia5String, ObjectIdentifier},
};
use rcgen::{CrlDistributionPoint, CustomExtension};
use serde::{Deserialize, Serialize};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, CertificatePolicies,
    certpolicy::PolicyInformation, name::GeneralName,
};

/// The type of a user principal name.
pub(super) const UPN: &str = "1.3.6.1.4.1.311.20.2.3";
pub(super) const UPN_ARCS: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
const CERTIFICATE_POLICIES: [u64; 4] = [2, 5, 29, 32];
const AUTHORITY_INFO_ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP_NO_CHECK: [u64; 10] = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
/// DER of NULL.
const NULL: [u8; 2] = [5, 0];

/// Whether a device that knows the network may let its user trust another certificate (the
/// policies of WPA3, Trust Override Disable).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TrustOverride {
    /// Nothing is said
    #[default]
    Off,
    /// Never
    Strict,
    /// Only at the first time (trust on first use)
    Tofu,
}

impl TrustOverride {
    const fn policy(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Strict => Some("1.3.6.1.4.1.40808.1.3.1"),
            Self::Tofu => Some("1.3.6.1.4.1.40808.1.3.2"),
        }
    }

    pub(super) fn of(policy: &str) -> Option<Self> {
        [Self::Strict, Self::Tofu]
            .into_iter()
            .find(|known| known.policy() == Some(policy))
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Strict => "strict",
            Self::Tofu => "tofu",
        }
    }

    pub(super) fn extension(self) -> Result<Option<CustomExtension>, der::Error> {
        let Some(policy) = self.policy() else {
            return Ok(None);
        };
        let policy = PolicyInformation {
            policy_identifier: ObjectIdentifier::new(policy)?,
            policy_qualifiers: None,
        };
        let policies = CertificatePolicies(vec![policy]).to_der()?;
        let oid = &CERTIFICATE_POLICIES;
        Ok(Some(CustomExtension::from_oid_content(oid, policies)))
    }
}

/// Where the revocation list, the certificate of the CA and the OCSP responder can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    base: String,
}

impl Published {
    /// Below an address such as `http://radius.example.org:8080`, which the configuration has
    /// looked at.
    pub(crate) fn below(url: &str) -> Self {
        Self {
            base: url.trim_end_matches('/').to_owned(),
        }
    }

    pub(crate) fn crl(&self) -> String {
        format!("{}/ca.crl", self.base)
    }

    pub(crate) fn ocsp(&self) -> String {
        format!("{}/ocsp", self.base)
    }

    pub(crate) fn ca(&self) -> String {
        format!("{}/ca.crt", self.base)
    }

    pub(super) fn distribution_point(&self) -> CrlDistributionPoint {
        CrlDistributionPoint {
            uris: vec![self.crl()],
        }
    }

    /// RFC 5280, 4.2.2.1.
    pub(super) fn access(&self) -> Result<CustomExtension, der::Error> {
        let ways = [
            ("1.3.6.1.5.5.7.48.1", self.ocsp()),
            ("1.3.6.1.5.5.7.48.2", self.ca()),
        ];
        let ways = ways.map(|(method, url)| {
            Ok(AccessDescription {
                access_method: ObjectIdentifier::new(method)?,
                access_location: GeneralName::UniformResourceIdentifier(Ia5String::new(&url)?),
            })
        });
        let ways = ways.into_iter().collect::<Result<_, der::Error>>()?;
        let ways = AuthorityInfoAccessSyntax(ways).to_der()?;
        Ok(CustomExtension::from_oid_content(
            &AUTHORITY_INFO_ACCESS,
            ways,
        ))
    }
}

/// Says that the certificate of an OCSP responder is itself not asked for (RFC 6960, 4.2.2.2.1).
pub(super) fn ocsp_no_check() -> CustomExtension {
    CustomExtension::from_oid_content(&OCSP_NO_CHECK, NULL.to_vec())
}
