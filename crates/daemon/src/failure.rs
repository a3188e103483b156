//! Why a command did not do what it was asked, and the exit code that says so.

use std::{error::Error, fmt, io, path::PathBuf, process::ExitCode};

use portreeve_aaa::{
    definition::Invalid,
    port::{Definition, StoreError},
    station::Mac,
};
use portreeve_auth::CredentialError;

use crate::{
    attributes::BadLine,
    authority::AuthorityError,
    commands::{bench::BenchError, decode::DecodeError, send::SendError},
    config::Problems,
    data::DataError,
};

/// What the process says to its caller (house rule: the same for every command).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// Refused or failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// Wrong configuration.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Configuration => 78,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Attribute(#[from] BadLine),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Bench(BenchError),
    #[error("found {0} that the server would stumble over; see above")]
    Check(Count),
    #[error("{0}")]
    Configuration(#[from] Problems),
    #[error("the credential cannot be kept: {0}")]
    Credential(#[from] CredentialError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Decode(DecodeError),
    #[error("{0}")]
    Definition(#[from] Invalid),
    #[error(transparent)]
    Dictionary(#[from] crate::attributes::BadDictionary),
    #[error("there is no {kind} '{name}'{}", did_you_mean(nearest.as_deref()))]
    NotFound {
        kind: Definition,
        name: String,
        nearest: Option<String>,
    },
    #[error(
        "{0} is a private (random) address, which phones make up and change, so that the device \
         would soon be unknown again: switch the private address off for this network on the \
         device and add the address it comes with then, or take this one all the same with \
         --random"
    )]
    RandomAddress(Mac),
    #[error(transparent)]
    Overlap(#[from] crate::commands::nas::BadOverlap),
    #[error(transparent)]
    Reach(#[from] crate::commands::nas::BadReach),
    #[error("cannot print")]
    Output(#[source] io::Error),
    #[error(transparent)]
    Parcel(#[from] crate::commands::cert::ParcelError),
    #[error(transparent)]
    Parcels(#[from] crate::profile::parcels::ParcelsError),
    #[error(transparent)]
    Profile(#[from] crate::profile::ProfileError),
    #[error("the system gives no random numbers")]
    Random(#[source] io::Error),
    #[error(transparent)]
    Router(#[from] crate::routers::RouterError),
    /// What was printed says it already.
    #[error("")]
    Said,
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Serve(#[from] crate::serving::ServeError),
    #[error("cannot read the password from standard input")]
    Stdin(#[source] io::Error),
    #[error(transparent)]
    Status(#[from] crate::commands::status::NotServing),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Undelivered(#[from] crate::commands::profile::Undelivered),
    #[error(transparent)]
    Unfit(#[from] crate::commands::profile::Unfit),
    #[error("{0}")]
    Unknown(Unknown),
    #[error("{0}")]
    Usage(Misuse),
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// So many problems.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) usize);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} problem{plural}", self.0)
    }
}

/// Something asked for that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unknown {
    #[error("there is no attribute '{name}'{}", did_you_mean(nearest.as_deref()))]
    Attribute {
        name: String,
        nearest: Option<String>,
    },
    #[error("there is no decision '{0}'; `portreeve log` lists those that are kept")]
    Decision(String),
    #[error("no decision is kept yet; the server makes one of every request")]
    NoDecision,
    #[error("there is no session '{0}'; `portreeve session list --all` lists them")]
    Session(String),
}

/// Arguments that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misuse {
    #[error("nothing to change: give at least one option, see --help")]
    NothingToChange,
    #[error("the password on standard input is empty")]
    PasswordEmpty,
    #[error(
        "give a password: --password-stdin, --password, --generate, or --credential for a hash"
    )]
    PasswordMissing,
    #[error("the password on standard input is not UTF-8 text of at most 1024 octets in one line")]
    PasswordOdd,
    #[error("--store says how to keep a password: give --password, --password-stdin or --generate")]
    StoreWithoutPassword,
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean '{nearest}'?")
    })
}

impl From<io::Error> for Failure {
    /// Only printing fails with a bare `io::Error` here.
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Self::Usage(misuse)
    }
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Check(_) | Self::Configuration(_) | Self::Dictionary(_) => Exit::Configuration,
            Self::Attribute(_)
            | Self::Credential(_)
            | Self::Definition(_)
            | Self::Overlap(_)
            | Self::Reach(_)
            | Self::Usage(_) => Exit::Usage,
            Self::Authority(error) if error.is_usage() => Exit::Usage,
            Self::Bench(error) if error.is_usage() => Exit::Usage,
            Self::Decode(error) if error.is_usage() => Exit::Usage,
            Self::Profile(error) if error.is_usage() => Exit::Usage,
            Self::Router(error) if error.is_usage() => Exit::Usage,
            Self::Send(error) if error.is_usage() => Exit::Usage,
            Self::Undelivered(error) if error.is_usage() => Exit::Usage,
            Self::Unfit(error) if error.is_usage() => Exit::Usage,
            // Whoever reads has read enough: `portreeve log | head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::Failed,
        }
    }

    /// The failure with what caused it, in one line. Empty where nothing needs saying.
    pub(crate) fn words(&self) -> String {
        if self.exit() == Exit::Done {
            return String::new();
        }
        chain(self)
    }
}

/// An error with what caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.exit(), Exit::Done);
        assert_eq!(closed.words(), "");
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), Exit::Failed);
    }

    #[test]
    fn the_cause_is_said_once() {
        let failure = Failure::Random(io::Error::other("no source"));
        assert_eq!(
            failure.words(),
            "the system gives no random numbers: no source"
        );
    }
}
