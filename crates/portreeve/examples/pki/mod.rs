//! Certificates for the examples, made on the spot and gone with them. A real network has a CA that
//! is kept.

use std::error::Error;

use portreeve::tls::{Identity, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self(issuer))
    }

    /// A certificate, and its key, for whoever has this name and is on this machine.
    pub(crate) fn issue(&self, name: &str) -> Result<Identity, Box<dyn Error>> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        let here = SanType::IpAddress([127, 0, 0, 1].into());
        params.subject_alt_names.push(here);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Ok(Identity::from_pem(chain.as_bytes(), key.as_bytes())?)
    }

    /// What those who believe this authority are given.
    pub(crate) fn trust(&self) -> Result<Trust, Box<dyn Error>> {
        Ok(Trust::from_pem(self.0.pem().as_bytes())?)
    }
}
