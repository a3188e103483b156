//! Why a log-in by EAP cannot even begin.

use std::path::PathBuf;

use portreeve::eap::tls::SettingsError;
use portreeve_auth::PasswordError;

use super::Kind;
use crate::authority::AuthorityError;

/// Why a log-in by EAP cannot even begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EapError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error("--expect challenge: a log-in by EAP ends in accept or reject, so expect one of them")]
    Challenge,
    #[error("{flag} {}: there is no {what} in PEM", path.display())]
    Empty {
        flag: &'static str,
        path: PathBuf,
        what: &'static str,
    },
    #[error("{flag} {}: the private key is encrypted: decrypt it, as with `openssl pkey -in KEY \
             -out PLAIN`", path.display())]
    Encrypted { flag: &'static str, path: PathBuf },
    #[error("{flag} {}: {error}", path.display())]
    Material {
        flag: &'static str,
        path: PathBuf,
        error: SettingsError,
    },
    #[error("--eap-server-name: {0}")]
    Name(SettingsError),
    #[error("{flag} is of no use with --method {}, which {why}", kind.label())]
    Needless {
        flag: &'static str,
        kind: Kind,
        why: &'static str,
    },
    #[error(
        "give --eap-ca FILE: the CA that the server's certificate has to come from. On a server of \
         ours `portreeve cert ca --out ca.crt` writes it, and {} holds none. To trust any server, \
         for tests alone: --eap-insecure",
        .0.display()
    )]
    NoCa(PathBuf),
    #[error(
        "--method eap-tls needs --eap-cert FILE and --eap-key FILE, which the device shows; \
         `portreeve cert issue --user NAME` makes them"
    )]
    NoCertificate,
    #[error("--method {} needs settings of TLS", .0.label())]
    NoTls(Kind),
    #[error("--method {} needs --user: EAP begins with who it is", .0.label())]
    NoUser(Kind),
    #[error("{0} goes with --method eap-.. only")]
    NotEap(&'static str),
    #[error("the password does not fit the method: {0}")]
    Password(PasswordError),
    #[error(
        "--resume logs in twice and is for one --count; `portreeve bench auth --resume` does it \
         over and over"
    )]
    ResumeMany,
    #[error(transparent)]
    Tls(SettingsError),
}

impl EapError {
    /// Whether the command line is wrong, and not a file.
    pub(crate) const fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::Authority(_)
                | Self::Empty { .. }
                | Self::Encrypted { .. }
                | Self::Material { .. }
                | Self::Tls(_)
        )
    }
}
