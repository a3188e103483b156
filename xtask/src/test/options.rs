//! The options of `cargo xtask test`.

use std::fmt;

/// What to run and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(super) list: bool,
    pub(super) no_install: bool,
    pub(super) keep_going: bool,
    /// Names of steps; empty means all.
    pub(super) only: Vec<String>,
}

/// An argument that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OptionError {
    Unknown(String),
    NoStep,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(argument) => write!(f, "no such option: {argument}"),
            Self::NoStep => write!(f, "--only needs the name of a step"),
        }
    }
}

impl Options {
    /// Reads what follows `cargo xtask test`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => options.list = true,
                "--no-install" => options.no_install = true,
                "--keep-going" => options.keep_going = true,
                "--only" => {
                    options
                        .only
                        .push(arguments.next().ok_or(OptionError::NoStep)?.clone());
                }
                other => match other.strip_prefix("--only=") {
                    Some(step) => options.only.push(step.to_owned()),
                    None => return Err(OptionError::Unknown(other.to_owned())),
                },
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, OptionError> {
        Options::parse(
            &arguments
                .iter()
                .map(|a| (*a).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--keep-going", "--only", "fmt", "--only=tidy"]).unwrap();
        assert_eq!(options.only, ["fmt", "tidy"]);
        assert!(options.keep_going && !options.no_install && !options.list);
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(
            parse(&["--fast"]),
            Err(OptionError::Unknown("--fast".to_owned()))
        );
        assert_eq!(parse(&["--only"]), Err(OptionError::NoStep));
    }
}
