//! The files of the authority as they were read.

use std::{collections::HashMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AuthorityError,
    details::{Details, Revoked, blocks, certificates, pem, unhex},
    extensions::TrustOverride,
    names::{Names, dns_name},
    place::{CA, CRL, Place, SERVER_NAMES, Stamp},
    record::{Purpose, Revocation},
    sign::KeyType,
};

/// A certificate of ours and its key.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The certificate, and those between it and the root, in PEM.
    pub(crate) chain_pem: String,
    /// PKCS #8 in PEM.
    pub(crate) key_pem: Zeroizing<String>,
    pub(crate) details: Details,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

/// What the server's certificate is to say besides what this machine is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerNames {
    /// Chosen once and kept, so that no device asks whether it may trust another name.
    #[serde(default)]
    pub(super) common_name: String,
    #[serde(flatten)]
    pub(super) names: Names,
    #[serde(default)]
    pub(super) key_type: KeyType,
    #[serde(default)]
    pub(super) trust_override: TrustOverride,
}

impl ServerNames {
    /// The common name, if devices can be told to look for it: a DNS name with a dot.
    pub(super) fn server_name(&self) -> Option<&str> {
        let name = Some(self.common_name.as_str());
        name.filter(|name| name.contains('.') && dns_name(name).is_some())
    }

    /// Whether a certificate is as it is to be, but for its names and its age.
    pub(super) fn fit(&self, details: &Details) -> bool {
        details.key == self.key_type.words() && details.trust_override == self.trust_override
    }
}

/// The files as they were read.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) stamp: Stamp,
    /// The certificate of the CA in DER, and those above it.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) ca: Details,
    pub(super) ca_pem: String,
    pub(super) bundle_pem: String,
    pub(super) revoked: Revoked,
    /// The entries of [`Self::revoked`] by the octets of their serials.
    pub(super) by_serial: Arc<HashMap<Box<[u8]>, Revocation>>,
    pub(super) crl_pem: Option<String>,
    pub(super) server: Option<Identity>,
    pub(super) client: Option<Identity>,
    pub(super) ocsp: Option<Identity>,
    pub(super) server_names: ServerNames,
}

impl Loaded {
    pub(super) fn read(place: &Place) -> Result<Self, AuthorityError> {
        if !place.exists() {
            return Err(AuthorityError::Missing {
                path: place.root().to_path_buf(),
            });
        }
        // Before the files, so that a change meanwhile is seen the next time.
        let stamp = stamp(place);
        let damaged = |name: &str, what: String| AuthorityError::Damaged {
            path: place.path(name),
            what,
        };
        let chain = certificates(&place.read(CA)?);
        let first = chain
            .first()
            .ok_or_else(|| damaged(CA, "holds no certificate".to_owned()))?;
        let ca = Details::of(first).map_err(|what| damaged(CA, what))?;
        let armoured = |der: &Vec<u8>| pem("CERTIFICATE", der);
        let crl_pem = place.read_if_there(CRL)?.map(|text| text.to_string());
        let revoked = crl_pem
            .as_deref()
            .and_then(|text| Revoked::read(text, first).ok());
        let names = place.read_if_there(SERVER_NAMES)?;
        let server_names = names.map_or_else(
            || Ok(ServerNames::default()),
            |text| serde_json::from_str(&text),
        );
        let server_names = server_names.map_err(|error| AuthorityError::Record {
            path: place.path(SERVER_NAMES),
            line: error.line(),
            what: error.to_string(),
        })?;
        Ok(Self {
            stamp,
            ca_pem: armoured(first),
            bundle_pem: chain.iter().map(armoured).collect(),
            crl_pem: crl_pem.filter(|_| revoked.is_some()),
            by_serial: Arc::new(by_serial(revoked.as_ref())),
            revoked: revoked.unwrap_or_default(),
            server: identity(place, Purpose::Server, first)?,
            client: identity(place, Purpose::Client, first)?,
            ocsp: identity(place, Purpose::Ocsp, first)?,
            server_names,
            ca,
            chain,
        })
    }
}

fn by_serial(revoked: Option<&Revoked>) -> HashMap<Box<[u8]>, Revocation> {
    let entries = revoked.into_iter().flat_map(|revoked| &revoked.entries);
    entries
        .filter_map(|(serial, revocation)| Some((unhex(serial)?.into(), *revocation)))
        .collect()
}

/// A certificate of ours, if it is whole and by this CA; else it will be made anew.
fn identity(place: &Place, own: Purpose, ca: &[u8]) -> Result<Option<Identity>, AuthorityError> {
    let Some(text) = place.read_if_there(file_of(own))? else {
        return Ok(None);
    };
    let chain = certificates(&text);
    let (Some(first), Some(key)) = (chain.first(), private_key(&text)) else {
        return Ok(None);
    };
    let Ok(details) = Details::of(first) else {
        return Ok(None);
    };
    if details.purpose != Some(own) || !Details::is_signed_by(first, ca) {
        return Ok(None);
    }
    Ok(Some(Identity {
        chain_pem: chain.iter().map(|der| pem("CERTIFICATE", der)).collect(),
        key_pem: Zeroizing::new(pem(key.0, &key.1)),
        details,
    }))
}

pub(super) fn stamp(place: &Place) -> Stamp {
    let own = [Purpose::Server, Purpose::Client, Purpose::Ocsp].map(file_of);
    place.stamp([CA, CRL, own[0], own[1], own[2]])
}

/// Certificate and key together, so that one is never seen without the other.
pub(super) const fn file_of(own: Purpose) -> &'static str {
    match own {
        Purpose::Server => "server.pem",
        Purpose::Ocsp => "ocsp.pem",
        _ => "client.pem",
    }
}

/// The first private key of a PEM text in DER, and how it is labelled.
pub(super) fn private_key(text: &str) -> Option<(&'static str, Zeroizing<Vec<u8>>)> {
    ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]
        .into_iter()
        .find_map(|label| {
            let key = blocks(text, |found| found == label).into_iter().next()?;
            Some((label, Zeroizing::new(key)))
        })
}
