use std::{
    io,
    path::{Path, PathBuf},
};

use portreeve_routeros as routeros;

/// Why something was not done with a router.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouterError {
    #[error(
        "'{0}' cannot be the name of a router: use letters, digits, '.', '_' and '-', at most 64, \
         beginning with a letter or digit"
    )]
    BadName(String),
    #[error("another command is at work with router '{name}'; wait until it has ended")]
    Busy { name: String },
    #[error("{}: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    #[error("no router is enrolled yet; begin with: portreeve router enrol ADDRESS --user admin")]
    NoneEnrolled,
    #[error(
        "there is no router '{name}'{}; `portreeve router list` lists them",
        nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
    )]
    NotEnrolled {
        name: String,
        nearest: Option<String>,
    },
    /// Said by the router, or about the way to it.
    #[error("router '{name}': {source}")]
    Router {
        name: String,
        #[source]
        source: Box<routeros::Error>,
    },
    /// Nothing was done, and this is why.
    #[error("{0}")]
    Refused(String),
    #[error("the system refuses threads or timers")]
    Runtime(#[source] io::Error),
    #[error("there are several routers: say which one of {}", .0.join(", "))]
    Several(Vec<String>),
    #[error("{0}")]
    Usage(String),
}

impl RouterError {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// What a router said, or what kept it from being asked.
    pub(crate) fn of(name: &str, source: routeros::Error) -> Self {
        Self::Router {
            name: name.to_owned(),
            source: Box::new(source),
        }
    }

    /// Whether the command line is wrong.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::BadName(_) | Self::Several(_) | Self::Usage(_))
    }
}
