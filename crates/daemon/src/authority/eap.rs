//! What the server shows to devices that log in over EAP.

use std::fmt;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{
    Authority,
    details::{blocks, certificates},
    loaded::Identity,
};

/// A server's certificate and key, and what devices are to check it by.
pub(crate) struct EapServer {
    /// Its certificate, and those between it and the root.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    /// The DNS name that devices are told to look for; it stays when the certificate is renewed.
    pub(crate) name: String,
    /// Which state of the authority this is: another means to load it again.
    pub(crate) generation: u64,
}

impl fmt::Debug for EapServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EapServer")
            .field("name", &self.name)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// Why devices cannot be shown a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoEapServer {
    #[error("there is no server certificate; `portreeve cert renew` makes one")]
    Certificate,
    #[error(
        "the server's certificate bears no name that devices could look for; give it one: \
         portreeve cert issue --server --name radius.example.org"
    )]
    Name,
    #[error("the key of the server's certificate cannot be read; `portreeve cert renew` makes one")]
    Key,
}

impl Authority {
    /// What devices that log in over EAP are shown: the certificate that RadSec peers see as well.
    /// Where [`Self::generation`] is another than it was, it is to be asked for again.
    pub(crate) fn eap_server(&self) -> Result<EapServer, NoEapServer> {
        let shown = self.server_identity().ok_or(NoEapServer::Certificate)?;
        Ok(EapServer {
            chain: owned(certificates(&shown.chain_pem)),
            key: key(shown).ok_or(NoEapServer::Key)?,
            name: self.server_name().ok_or(NoEapServer::Name)?.to_owned(),
            generation: self.generation(),
        })
    }
}

fn owned(chain: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    chain.into_iter().map(CertificateDer::from).collect()
}

/// The key of an identity in the form that rustls takes.
pub(super) fn key(identity: &Identity) -> Option<PrivateKeyDer<'static>> {
    key_of(&identity.key_pem)
}

/// The first private key of a PEM text.
pub(crate) fn key_of(text: &str) -> Option<PrivateKeyDer<'static>> {
    let keys = blocks(text, |label| label.ends_with("PRIVATE KEY"));
    PrivateKeyDer::try_from(keys.into_iter().next()?).ok()
}
