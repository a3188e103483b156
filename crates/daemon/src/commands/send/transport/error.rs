//! Why a server cannot be asked in the way that was wanted.

use std::{io, path::PathBuf};

use portreeve::{Error, Transport, tls::TlsError};

use crate::{commands::send::secret::SecretError, data::DataDir};

/// Why there is no way to the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error(transparent)]
    Client(#[from] Error),
    #[error(
        "RADIUS/1.1 needs TLS 1.3, and DTLS is version 1.2 here: use --tls, or allow 1.0 with \
         --radius both"
    )]
    DtlsTooOld,
    #[error("{flag} {}: {error}", path.display())]
    Material {
        flag: &'static str,
        path: PathBuf,
        error: TlsError,
    },
    #[error("the name of the server, for --server-name: {0}")]
    Name(TlsError),
    #[error("--{transport} needs {missing}: certificates prove who is who{hint}")]
    NoCertificates {
        transport: Transport,
        missing: &'static str,
        hint: String,
    },
    #[error(
        "--dtls needs the OpenSSL engine, which this build lacks: \
         `cargo install portreeve-daemon --features openssl` (needs libssl-dev on Debian); or use \
         --tls"
    )]
    NoDtls,
    #[error(
        "the pre-shared key is no text of hexadecimal digits, two for each octet: see --psk and \
         --psk-file"
    )]
    NotHex,
    #[error("--psk-identity: {0}")]
    Psk(TlsError),
    #[error("{flag}: cannot read {}", path.display())]
    Read {
        flag: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(
        "--{transport} takes no shared secret: RFC {} fixes it, and the keys of the connection do \
         its work; leave --secret and --secret-file out",
        if *transport == Transport::Dtls { 7360 } else { 6614 }
    )]
    SecretFixed { transport: Transport },
    #[error("{flag} {}: more than 16 MiB", path.display())]
    TooLarge { flag: &'static str, path: PathBuf },
}

impl TransportError {
    /// Whether the command line is wrong, and not a file or this build.
    pub(crate) const fn is_usage(&self) -> bool {
        match self {
            Self::DtlsTooOld
            | Self::Name(_)
            | Self::NoCertificates { .. }
            | Self::NotHex
            | Self::Secret(_)
            | Self::SecretFixed { .. } => true,
            Self::Psk(error) => !matches!(error, TlsError::PskUnsupported),
            Self::Client(_)
            | Self::Material { .. }
            | Self::NoDtls
            | Self::Read { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}

/// How certificates are come by, where this machine has a CA.
pub(super) fn hint(data: &DataDir) -> String {
    let folder = data.path().display();
    if !data.path().join("ca").join("ca.crt").exists() {
        return String::new();
    }
    format!(
        "; where the server is that of {folder}, `portreeve --data {folder} cert issue --peer \
         NAME` makes them: give --cert NAME.crt --key NAME.key --ca ca.crt"
    )
}
