//! The one way in which a connection to a router is opened, for the API and for REST.

mod certificate;
mod probe;
mod trust;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::ServerName,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use certificate::{Seen, parse_fingerprint, spell_fingerprint};
use trust::{Judge, Verifier};

use crate::{Error, Target, Trust, error::TlsTrouble, text};

/// The most addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

/// An open connection, in TLS or in the clear.
pub struct Stream {
    wire: Wire,
    local: SocketAddr,
    certificate: Option<Vec<u8>>,
}

enum Wire {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection to the service of a router, within the target's time.
///
/// Over TLS the router proves that it is the one the target trusts. [`Trust::Unknown`] trusts
/// nobody: no password goes over a connection that anybody may have answered.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::TurnedAway`] and [`Error::Tls`].
pub async fn dial(target: &Target) -> Result<Stream, Error> {
    if !target.transport.is_encrypted() {
        return Stream::clear(connect(target).await?, target);
    }
    let judge = match &target.trust {
        Trust::Pin(pin) => Judge::Pin(*pin),
        Trust::Authorities(authorities) => {
            Judge::authorities(authorities, &provider()).map_err(|cause| trouble(target, cause))?
        }
        Trust::Unknown => return Err(trouble(target, TlsTrouble::NothingTrusted)),
    };
    secure(target, judge).await
}

/// Fetches the certificate that a router shows, to be compared with what the router says of it
/// elsewhere, and then pinned. The router proves that it holds the key; nothing else is checked,
/// and nothing is sent. The target's trust does not matter.
///
/// # Errors
/// As [`dial`]; [`Error::NotSupported`] for a transport without TLS.
pub async fn certificate_of(target: &Target) -> Result<Seen, Error> {
    if !target.transport.is_encrypted() {
        return Err(Error::NotSupported(format!(
            "the service {} has no certificate: {0}-ssl has",
            target.transport.service()
        )));
    }
    let stream = secure(target, Judge::Anybody).await?;
    let der = stream.certificate.unwrap_or_default();
    Seen::read(der).map_err(|cause| trouble(target, cause))
}

impl Stream {
    /// The address from which this machine speaks to the router.
    pub fn local_address(&self) -> IpAddr {
        self.local.ip().to_canonical()
    }

    /// The router's own certificate in DER, which was found good. In the clear there is none.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificate.as_deref()
    }

    fn clear(tcp: TcpStream, target: &Target) -> Result<Self, Error> {
        let local = local(&tcp, target)?;
        Ok(Self {
            wire: Wire::Clear(tcp),
            local,
            certificate: None,
        })
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn place(target: &Target) -> String {
    let Target { host, port, .. } = target;
    if host.contains(':') {
        format!("[{}]:{port}", text::quotable(host))
    } else {
        format!("{}:{port}", text::quotable(host))
    }
}

fn trouble(target: &Target, cause: TlsTrouble) -> Error {
    Error::Tls {
        address: place(target),
        cause,
    }
}

fn unreachable(target: &Target, cause: io::Error) -> Error {
    Error::Unreachable {
        address: place(target),
        cause,
    }
}

fn local(tcp: &TcpStream, target: &Target) -> Result<SocketAddr, Error> {
    tcp.local_addr().map_err(|cause| unreachable(target, cause))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Connects to the first of the host's addresses that answers. Each gets its share of the time.
async fn connect(target: &Target) -> Result<TcpStream, Error> {
    let late = || Error::TimedOut {
        during: format!("connecting to {}", place(target)),
        after: target.timeout,
    };
    let began = Instant::now();
    let host = (target.host.as_str(), target.port);
    let found = timeout(target.timeout, lookup_host(host)).await;
    let found = found.map_err(|_| late())?;
    let found = found.map_err(|cause| unreachable(target, cause))?;
    let addresses: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
    let mut failure = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = target.timeout.saturating_sub(began.elapsed());
        let others = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match timeout(left / others, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tcp.set_nodelay(true)
                    .map_err(|cause| unreachable(target, cause))?;
                return Ok(tcp);
            }
            Ok(Err(cause)) => failure = Some(unreachable(target, cause)),
            Err(_) => failure = failure.or_else(|| Some(late())),
        }
    }
    Err(failure.unwrap_or_else(|| {
        let cause = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        unreachable(target, cause)
    }))
}

async fn secure(target: &Target, judge: Judge) -> Result<Stream, Error> {
    let tcp = connect(target).await?;
    let local = local(&tcp, target)?;
    let verifier = Arc::new(Verifier::new(judge, provider()));
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| trouble(target, TlsTrouble::Other(error.to_string())))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
        .with_no_client_auth();
    let name = server_name(target, &tcp)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let made = match timeout(target.timeout, handshake).await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return Err(failed(target, &verifier, &error).await),
        Err(_) => return Err(silent(target)),
    };
    Ok(Stream {
        certificate: verifier.shown(),
        wire: Wire::Tls(Box::new(made)),
        local,
    })
}

/// The name that the certificate must have. One that can be none is only good for a pin.
fn server_name(target: &Target, tcp: &TcpStream) -> Result<ServerName<'static>, Error> {
    let host = target.host.split('%').next().unwrap_or_default().to_owned();
    match (ServerName::try_from(host), &target.trust) {
        (Ok(name), _) => Ok(name),
        (Err(_), Trust::Authorities(_)) => Err(trouble(
            target,
            TlsTrouble::Other("a certificate cannot name such a host".to_owned()),
        )),
        (Err(_), _) => {
            let peer = tcp
                .peer_addr()
                .map_err(|cause| unreachable(target, cause))?;
            Ok(ServerName::from(peer.ip()))
        }
    }
}

fn silent(target: &Target) -> Error {
    Error::TimedOut {
        during: format!(
            "making the TLS connection with {}; a service without TLS, such as {} on port {}, \
             would be as silent",
            place(target),
            target.transport.service().trim_end_matches("-ssl"),
            target.transport.clear_port(),
        ),
        after: target.timeout,
    }
}

/// What a failed handshake means.
async fn failed(target: &Target, verifier: &Verifier, error: &io::Error) -> Error {
    use rustls::Error as Tls;
    let Some(cause) = error.get_ref().and_then(|e| e.downcast_ref::<Tls>()) else {
        return match probe::service_offers(target, connect(target).await).await {
            Some(cause) => trouble(target, cause),
            None => Error::TurnedAway {
                address: place(target),
                service: target.transport.service(),
            },
        };
    };
    let cause = match cause {
        Tls::InvalidCertificate(why) => refused(verifier, why),
        Tls::AlertReceived(AlertDescription::HandshakeFailure) => {
            let offered = probe::service_offers(target, connect(target).await).await;
            offered.unwrap_or(TlsTrouble::Anonymous)
        }
        Tls::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity,
        )
        | Tls::PeerIncompatible(_) => {
            let offered = probe::service_offers(target, connect(target).await).await;
            offered.unwrap_or_else(|| TlsTrouble::NothingInCommon(cause.to_string()))
        }
        Tls::InvalidMessage(_) => TlsTrouble::NotTls,
        other => TlsTrouble::Other(other.to_string()),
    };
    trouble(target, cause)
}

/// What is wrong with the certificate.
fn refused(verifier: &Verifier, why: &CertificateError) -> TlsTrouble {
    let seen = verifier.shown().map(Seen::read);
    match (why, seen) {
        (CertificateError::ApplicationVerificationFailure, Some(Ok(seen))) => {
            TlsTrouble::OtherCertificate {
                found: spell_fingerprint(&seen.fingerprint),
            }
        }
        (
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            Some(Ok(seen)),
        ) => TlsTrouble::WrongName {
            names: if seen.names.is_empty() {
                "nobody".to_owned()
            } else {
                seen.names.join(", ")
            },
        },
        (
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
            _,
        ) => TlsTrouble::NotValidNow(why.to_string()),
        (CertificateError::BadSignature, _) if verifier.lacks_only_the_key() => {
            TlsTrouble::BadCertificate("whoever shows it does not have its key".to_owned())
        }
        // A CA of the right name with another key is another CA.
        (CertificateError::UnknownIssuer | CertificateError::BadSignature, Some(Ok(seen))) => {
            TlsTrouble::UnknownAuthority {
                issuer: seen.issuer,
            }
        }
        _ => TlsTrouble::BadCertificate(why.to_string()),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Wire::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_write(context, octets),
            Wire::Tls(tls) => Pin::new(tls).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_flush(context),
            Wire::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().wire {
            Wire::Clear(tcp) => Pin::new(tcp).poll_shutdown(context),
            Wire::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("local", &self.local)
            .field("tls", &matches!(self.wire, Wire::Tls(_)))
            .finish_non_exhaustive()
    }
}

/// How long the question about what else a service offers may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
