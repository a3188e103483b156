//! What carries requests, and how the two ends of a connection prove who they are.

mod error;
mod material;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use portreeve::{
    Transport,
    client::Upstream,
    tls::{ClientConfig, Mark, Psk, TlsError, Versions},
};
use portreeve_proto::Secret;
use zeroize::Zeroizing;

pub(crate) use self::error::TransportError;
use super::secret::{self, SecretArguments, SecretError};
use crate::data::DataDir;

/// The port of RADIUS over TLS and DTLS.
const SECURE_PORT: u16 = 2083;
/// The heading of the options that say how TLS is done.
const WITH_TLS: &str = "With --tls or --dtls";

/// What carries requests: UDP, unless said otherwise.
#[derive(Debug, Args)]
pub(crate) struct TransportArguments {
    #[command(flatten)]
    carrier: Carrier,
    #[command(flatten)]
    tls: TlsArguments,
}

#[derive(Debug, Args)]
struct Carrier {
    /// Send over TLS (RadSec), to port 2083 unless another is given. The certificates prove who is
    /// who; no shared secret is given
    #[arg(long, groups = ["connected", "secured"], help_heading = "Transport")]
    tls: bool,
    /// Send over DTLS, as --tls does over TCP. Needs a build with the cargo feature openssl
    #[arg(long, groups = ["connected", "secured"], help_heading = "Transport")]
    dtls: bool,
    /// Send over bare TCP (RFC 6613) with the shared secret: for tests and trusted links
    #[arg(long, group = "connected", help_heading = "Transport")]
    tcp: bool,
}

#[derive(Args)]
struct TlsArguments {
    /// Our certificate in PEM, followed by its issuers except the root
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "FILE", requires = "secured")]
    cert: Option<PathBuf>,
    /// The private key of --cert in PEM, not encrypted [default: in the same file]
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The CA certificates in PEM that the server's certificate may come from; those of the system
    /// never count
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "FILE", requires = "secured")]
    ca: Option<PathBuf>,
    /// The name or address that the server's certificate has to hold [default: SERVER as given]
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "NAME", requires = "secured")]
    server_name: Option<String>,
    /// RADIUS/1.1 (RFC 9765) and nothing else, as --radius 1.1
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, requires = "secured")]
    radius11: bool,
    /// The RADIUS versions that are allowed: 1.0, 1.1, both, or historic, which is 1.0 without a
    /// word about versions, for servers that cannot bear it [default: both]
    #[arg(help_heading = WITH_TLS)]
    #[arg(
        long,
        value_name = "VERSIONS",
        requires = "secured",
        conflicts_with = "radius11"
    )]
    radius: Option<Versions>,
    /// A revocation list in PEM. With one, every CA of the server's chain needs one. May be
    /// repeated
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "FILE", requires = "ca")]
    crl: Vec<PathBuf>,
    /// Take only the certificate with this SHA-256 hash, in hexadecimal digits. May be repeated
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "SHA256", requires = "ca", value_parser = pin)]
    pin: Vec<Pin>,
    /// The identity of a pre-shared key instead of certificates (RFC 9813): with --tls for TLS 1.3,
    /// with --dtls for DTLS 1.2, for no key may serve both. Needs a build with the cargo feature
    /// openssl
    #[arg(help_heading = WITH_TLS)]
    #[arg(long, value_name = "ID", requires = "secured", requires = "shared_key")]
    #[arg(conflicts_with_all = ["cert", "ca", "server_name"])]
    psk_identity: Option<String>,
    /// The pre-shared key, at least 16 octets in hexadecimal digits. Other users of this machine
    /// may see it in the list of processes: prefer --psk-file
    #[arg(help_heading = WITH_TLS)]
    #[arg(
        long,
        value_name = "HEX",
        requires = "psk_identity",
        group = "shared_key"
    )]
    psk: Option<String>,
    /// Read the pre-shared key from a file of one line of hexadecimal digits
    #[arg(help_heading = WITH_TLS)]
    #[arg(
        long,
        value_name = "FILE",
        requires = "psk_identity",
        group = "shared_key"
    )]
    psk_file: Option<PathBuf>,
}

/// The hash of a certificate.
type Pin = [u8; 32];

impl std::fmt::Debug for TlsArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsArguments(..)")
    }
}

impl TransportArguments {
    /// What was asked for.
    pub(crate) const fn transport(&self) -> Transport {
        let carrier = &self.carrier;
        match (carrier.tls, carrier.dtls, carrier.tcp) {
            (true, _, _) => Transport::Tls,
            (_, true, _) => Transport::Dtls,
            (_, _, true) => Transport::Tcp,
            _ => Transport::Udp,
        }
    }

    /// The port where none is given; `usual` is that of UDP and TCP.
    pub(crate) const fn port(&self, usual: u16) -> u16 {
        if self.transport().is_secure() {
            SECURE_PORT
        } else {
            usual
        }
    }

    /// The server that was typed as `host`, reached as the arguments say.
    pub(crate) fn upstream(
        &self,
        host: &str,
        address: SocketAddr,
        given: &SecretArguments,
        data: &DataDir,
    ) -> Result<Upstream, TransportError> {
        let transport = self.transport();
        if transport.is_secure() && given.is_given() {
            return Err(TransportError::SecretFixed { transport });
        }
        let secret = || given.octets()?.ok_or(SecretError::Missing);
        Ok(match transport {
            Transport::Udp => Upstream::new(address, &*secret()?)?,
            Transport::Tcp => Upstream::tcp(address, &*secret()?)?,
            Transport::Tls => Upstream::radsec(address, self.config(host, data)?)?,
            Transport::Dtls => dtls(address, self.config(host, data)?)?,
        })
    }

    /// The shared secret: the one that is given, or that of the transport.
    pub(crate) fn secret(&self, given: &SecretArguments) -> Result<Secret, SecretError> {
        match Secret::of_transport(self.transport()) {
            Some(secret) => Ok(secret),
            None => given.require(),
        }
    }

    fn config(&self, host: &str, data: &DataDir) -> Result<ClientConfig, TransportError> {
        let transport = self.transport();
        if transport == Transport::Dtls && !cfg!(feature = "openssl") {
            return Err(TransportError::NoDtls);
        }
        let versions = match (self.tls.radius11, self.tls.radius) {
            (true, _) => Versions::V1_1,
            (false, versions) => versions.unwrap_or_default(),
        };
        if transport == Transport::Dtls && versions == Versions::V1_1 {
            return Err(TransportError::DtlsTooOld);
        }
        let config = match &self.tls.psk_identity {
            Some(identity) => {
                let key = self.tls.shared_key(identity, transport)?;
                ClientConfig::with_psk(key).map_err(TransportError::Psk)?
            }
            None => self.tls.certified(host, transport, data)?,
        };
        Ok(config.versions(versions))
    }
}

impl TlsArguments {
    /// A client that shows a certificate.
    fn certified(
        &self,
        host: &str,
        transport: Transport,
        data: &DataDir,
    ) -> Result<ClientConfig, TransportError> {
        let (Some(cert), Some(ca)) = (&self.cert, &self.ca) else {
            let missing = match (&self.cert, &self.ca) {
                (None, None) => "--cert, --key and --ca",
                (None, _) => "--cert and --key",
                _ => "--ca",
            };
            return Err(TransportError::NoCertificates {
                transport,
                missing,
                hint: error::hint(data),
            });
        };
        let identity = material::identity(cert, self.key.as_deref())?;
        let trust = material::trust(ca, &self.crl)?;
        let name = self.server_name.as_deref().unwrap_or(host);
        let config = ClientConfig::new(identity, trust, name).map_err(TransportError::Name)?;
        Ok(self.pin.iter().copied().fold(config, ClientConfig::pin))
    }

    /// A key for TLS 1.3, or for DTLS 1.2: none may serve both (RFC 9813 section 4.1).
    fn shared_key(&self, identity: &str, transport: Transport) -> Result<Psk, TransportError> {
        let digits = match (&self.psk, &self.psk_file) {
            (Some(digits), _) => Zeroizing::new(digits.clone().into_bytes()),
            (None, Some(path)) => secret::one_line(path)?,
            (None, None) => Zeroizing::default(),
        };
        let key = material::octets(&digits).ok_or(TransportError::NotHex)?;
        let key = Psk::new(identity, &key).map_err(TransportError::Psk)?;
        Ok(match transport {
            Transport::Dtls => key.for_tls12(),
            _ => key,
        })
    }
}

#[cfg(feature = "openssl")]
fn dtls(address: SocketAddr, config: ClientConfig) -> Result<Upstream, TransportError> {
    Ok(Upstream::dtls(address, config)?)
}

#[cfg(not(feature = "openssl"))]
fn dtls(_: SocketAddr, _: ClientConfig) -> Result<Upstream, TransportError> {
    Err(TransportError::NoDtls)
}

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the SHA-256 hash of a certificate: 64 hexadecimal digits, with or without colons")]
struct NoPin;

fn pin(text: &str) -> Result<Pin, NoPin> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let mark: Result<Mark, TlsError> = format!("sha256:{digits}").parse();
    match mark {
        Ok(Mark::Sha256(hash)) => Ok(hash),
        _ => Err(NoPin),
    }
}
