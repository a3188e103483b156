//! Why a certificate is not made, found or revoked.

use std::{io, path::PathBuf};

/// Why the certificate authority does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(
        "there is no certificate authority in {}; `portreeve cert init` makes one",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "there is a certificate authority in {} already, and what it issued may be in use; \
         --force puts it aside and begins anew: every peer then needs the new CA and a new \
         certificate",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{}:{line}: {what}", path.display())]
    Record {
        path: PathBuf,
        line: usize,
        what: String,
    },
    #[error("cannot sign")]
    Sign(#[from] rcgen::Error),
    #[error("cannot write a certificate: {0}")]
    Encode(#[from] der::Error),
    #[error("the system gives no random numbers")]
    Random,
    #[error(
        "the certificate authority expired on {0}; `portreeve cert init --force` makes a new one"
    )]
    Expired(String),
    #[error("{0}")]
    Refused(Refused),
    #[error("no certificate is called '{0}'; `portreeve cert list --all` lists them")]
    Unknown(String),
    #[error(
        "there are several certificates called '{name}'; say which by its serial:\n  {}",
        serials.join("\n  ")
    )]
    Ambiguous { name: String, serials: Vec<String> },
    #[error("certificate {serial} was revoked already, on {when}")]
    RevokedAlready { serial: String, when: String },
}

/// What was asked for cannot be, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "--peer '{0}': a name is 1 to 64 letters, digits, '.', '-', '_', '@' or spaces and begins \
         with a letter or a digit; 'ca', 'server', 'client' and 'ocsp' are our own"
    )]
    Name(String),
    #[error(
        "--user '{0}': a certificate has room for a name of 1 to 64 characters, none of them a \
         control character"
    )]
    UserName(String),
    #[error("--device '{0}': 1 to 64 characters, none of them a control character")]
    Device(String),
    #[error(
        "this CA may not sign {0} (its name constraints); give names it may sign with --dns and \
         --ip"
    )]
    Constrained(String),
    #[error("--days: from 1 to {most}, the days that the CA itself is still good")]
    Days { most: u64 },
    #[error("--days: from 1 to {most} for a user's certificate")]
    UserDays { most: u64 },
    #[error(
        "certificate {0} is one of our own, which `portreeve cert renew` without a name renews"
    )]
    RenewOurs(String),
    #[error("--server: at most {0} names and addresses")]
    TooManyNames(usize),
    #[error(
        "the CA itself cannot be revoked, for nobody would believe its list; `portreeve cert init \
         --force` makes a new one"
    )]
    RevokeCa,
    #[error("--csr: {0}")]
    Request(String),
    #[error("--import {}: {what}", path.display())]
    Import { path: PathBuf, what: String },
}

impl From<Refused> for AuthorityError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl AuthorityError {
    /// Whether the arguments are to blame.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Refused(
                Refused::Name(_)
                    | Refused::UserName(_)
                    | Refused::Device(_)
                    | Refused::Days { .. }
                    | Refused::UserDays { .. }
                    | Refused::TooManyNames(_)
            )
        )
    }
}
