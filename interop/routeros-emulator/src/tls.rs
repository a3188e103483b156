//! The services that speak TLS: with the certificate that `/ip/service` names, or, without one,
//! as a router that knows only anonymous Diffie-Hellman.

use std::{sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{Machine, Record};

/// A handshake that takes longer is no handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// A fatal alert: `handshake_failure` of RFC 5246, section 7.2.2, in a record of TLS 1.2.
const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
/// The first octet of a record that carries a handshake.
const HANDSHAKE: u8 = 0x16;

/// The connection, once TLS stands. `None` where it does not.
pub(crate) async fn accept(
    machine: &Arc<Machine>,
    service: &Record,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let name = service.text("certificate");
    let only = service.text("tls-version") == "only-1.2";
    let Some(config) = config(machine, name, only) else {
        refuse(machine, stream).await;
        return None;
    };
    let accepting = TlsAcceptor::from(Arc::new(config)).accept(stream);
    match timeout(PATIENCE, accepting).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            let text = if error.to_string().contains("corrupt message") {
                "ssl overflow".to_owned()
            } else {
                format!("ssl: {error}")
            };
            machine.log(&format!("{},error", service.text("name")), text);
            None
        }
        Err(_) => None,
    }
}

/// The configuration of a certificate that has a key. What RouterOS 6 and 7 do differently
/// (TLS 1.3 came late in 7) no test of ours depends on.
fn config(machine: &Machine, name: &str, only: bool) -> Option<ServerConfig> {
    let item = machine.find("/certificate", "name", name)?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(item.text(".chain").as_bytes())
            .collect::<Result<_, _>>()
            .ok()?;
    let key = PrivateKeyDer::from_pem_slice(item.text(".key").as_bytes()).ok()?;
    if chain.is_empty() {
        return None;
    }
    let versions: &[&rustls::SupportedProtocolVersion] = if only {
        &[&rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()
}

/// Reads what a client offers and shares nothing of it. Who speaks no TLS at all is an overflow
/// to a router.
async fn refuse(machine: &Machine, mut stream: TcpStream) {
    let mut head = [0; 5];
    let read = timeout(PATIENCE, stream.read_exact(&mut head)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    if head[0] != HANDSHAKE {
        machine.log("api,error", "ssl overflow");
        return;
    }
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    let mut offer = vec![0; length];
    let read = timeout(PATIENCE, stream.read_exact(&mut offer)).await;
    if !matches!(read, Ok(Ok(_))) {
        return;
    }
    if stream.write_all(&HANDSHAKE_FAILURE).await.is_ok() {
        // The other side has gone where this fails, and it was going anyway.
        drop(stream.shutdown().await);
    }
}
