//! What the portal shows over TLS: the certificate of our own CA or one that is configured, taken
//! over without a restart when it changes.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use zeroize::Zeroizing;

use super::Shared;
use crate::{
    authority::{blocks, key_of, read_text},
    config,
};

/// How often is looked whether it is another.
const LOOK: Duration = Duration::from_secs(1);

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShownError {
    #[error("`portal.{key}`: {}: {what}", path.display())]
    File {
        key: &'static str,
        path: PathBuf,
        what: String,
    },
    #[error(
        "the portal has no certificate to show: see to our own CA, or give `portal.certificate`"
    )]
    Nothing,
    #[error("`portal.certificate` cannot be used, or is not of `portal.key`: {0}")]
    Unfit(#[from] rustls::Error),
}

/// What tells one state of the certificate from another.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stamp {
    Own(Option<u64>),
    Files([Option<(u64, i64, i64, u64)>; 2]),
}

/// What is wrong with the files that are configured.
pub(crate) fn problem(settings: &config::Portal) -> Option<String> {
    let files = settings.certificate.clone().zip(settings.key.clone())?;
    let read = read(Some(&files), &Shared::default());
    read.err().map(|error| error.to_string())
}

/// The certificate, and the files it is in if it is not ours.
pub(super) struct Shown {
    files: Option<(PathBuf, PathBuf)>,
    authority: Shared,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    looked: Instant,
}

impl Shown {
    pub(super) fn new(settings: &config::Portal, authority: Shared) -> Result<Self, ShownError> {
        let files = settings.certificate.clone().zip(settings.key.clone());
        let stamp = stamp(files.as_ref(), &authority);
        let config = read(files.as_ref(), &authority)?;
        Ok(Self {
            files,
            authority,
            state: Mutex::new(State {
                config,
                stamp,
                looked: Instant::now(),
            }),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    fn config(&self) -> Arc<ServerConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(state.looked) >= LOOK {
            state.looked = now;
            let stamp = stamp(self.files.as_ref(), &self.authority);
            if stamp != state.stamp {
                match read(self.files.as_ref(), &self.authority) {
                    Ok(config) => {
                        state.config = config;
                        state.stamp = stamp;
                    }
                    // A file may be half written: the old one is shown until it is whole.
                    Err(error) => tracing::error!("{error}"),
                }
            }
        }
        Arc::clone(&state.config)
    }
}

fn stamp(files: Option<&(PathBuf, PathBuf)>, authority: &Shared) -> Stamp {
    let Some((certificate, key)) = files else {
        let generation = authority.load().as_ref().map(|own| own.generation());
        return Stamp::Own(generation);
    };
    Stamp::Files([certificate, key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.ctime(), found.ctime_nsec(), found.len()))
    }))
}

fn read(
    files: Option<&(PathBuf, PathBuf)>,
    authority: &Shared,
) -> Result<Arc<ServerConfig>, ShownError> {
    let (chain, key) = match files {
        Some((certificate, key)) => (read_chain(certificate)?, read_key(key)?),
        None => own(authority).ok_or(ShownError::Nothing)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(authority: &Shared) -> Option<Pair> {
    let authority = authority.load();
    let identity = authority.as_ref()?.server_identity()?;
    let chain = chain(&identity.chain_pem);
    Some((chain, key_of(&identity.key_pem)?))
}

fn chain(text: &str) -> Vec<CertificateDer<'static>> {
    let chain = blocks(text, |label| label == "CERTIFICATE");
    chain.into_iter().map(CertificateDer::from).collect()
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ShownError> {
    let chain = chain(&text("certificate", path)?);
    if chain.is_empty() {
        return Err(unfit("certificate", path, "holds no certificate in PEM"));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, ShownError> {
    let key = key_of(&text("key", path)?);
    key.ok_or_else(|| {
        unfit(
            "key",
            path,
            "holds no private key in PEM that is not encrypted",
        )
    })
}

fn text(key: &'static str, path: &Path) -> Result<Zeroizing<String>, ShownError> {
    read_text(path).map_err(|error| unfit(key, path, &crate::failure::chain(&error)))
}

fn unfit(key: &'static str, path: &Path, what: &str) -> ShownError {
    ShownError::File {
        key,
        path: path.to_owned(),
        what: what.to_owned(),
    }
}
