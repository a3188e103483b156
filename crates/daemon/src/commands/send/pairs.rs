//! Attributes by name on the command line, and the dictionary they are read with.

use std::path::{Path, PathBuf};

use clap::Args;
use portreeve::dictionary::{DictionaryErrors, Folder};
use portreeve_proto::{AttributeList, Dictionary, dictionary::PairError};

/// Dictionaries besides the built-in one.
#[derive(Debug, Args)]
pub(crate) struct DictionaryArguments {
    /// A dictionary in FreeRADIUS syntax on top of the built-in one. May be repeated
    #[arg(long, value_name = "FILE")]
    dictionary: Vec<PathBuf>,
}

/// Attributes to send.
#[derive(Debug, Args)]
pub(crate) struct AttributeArguments {
    /// An attribute to send: 'Framed-MTU=1400', 'Tunnel-Type:1=VLAN', '26.14988.8=0x316d'. May be
    /// repeated
    #[arg(long = "attr", short = 'a', value_name = "NAME=VALUE")]
    pairs: Vec<String>,
    #[command(flatten)]
    dictionary: DictionaryArguments,
}

/// Why a dictionary cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("--dictionary {}:\n{errors}", file.display())]
pub(crate) struct BadDictionary {
    file: PathBuf,
    errors: DictionaryErrors,
}

/// Why attributes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairsError {
    #[error(transparent)]
    Dictionary(#[from] BadDictionary),
    #[error("--attr '{text}': {error}")]
    Pair { text: String, error: PairError },
}

impl PairsError {
    /// Whether the command line is wrong.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::Pair { .. })
    }
}

impl DictionaryArguments {
    pub(crate) fn load(&self) -> Result<Dictionary, BadDictionary> {
        let mut dictionary = Dictionary::builtin().clone();
        for file in &self.dictionary {
            let mut folder = Folder::new(file.parent().unwrap_or(Path::new("")));
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            dictionary = dictionary
                .extended_by(&mut folder, &name)
                .map_err(|errors| BadDictionary {
                    file: file.clone(),
                    errors,
                })?;
        }
        Ok(dictionary)
    }
}

impl AttributeArguments {
    /// The attributes in the order they were given.
    pub(crate) fn list(&self) -> Result<AttributeList, PairsError> {
        self.read(&self.dictionary.load()?)
    }

    /// The dictionary, and the attributes in the order they were given.
    pub(crate) fn with_dictionary(&self) -> Result<(Dictionary, AttributeList), PairsError> {
        let dictionary = self.dictionary.load()?;
        let list = self.read(&dictionary)?;
        Ok((dictionary, list))
    }

    fn read(&self, dictionary: &Dictionary) -> Result<AttributeList, PairsError> {
        let mut list = AttributeList::new();
        for text in &self.pairs {
            let pair = dictionary.pair(text).map_err(|error| PairsError::Pair {
                // What stands after the sign may be a password.
                text: text.split('=').next().unwrap_or_default().to_owned(),
                error,
            })?;
            list.push(&pair.spec, pair.tag, &pair.octets());
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(pairs: &[&str]) -> AttributeArguments {
        AttributeArguments {
            pairs: pairs.iter().map(|pair| (*pair).to_owned()).collect(),
            dictionary: DictionaryArguments {
                dictionary: Vec::new(),
            },
        }
    }

    #[test]
    fn names_tags_and_numbers_are_read_in_order() {
        let list = arguments(&["Framed-MTU=1400", "Tunnel-Type:1=VLAN", "26.14988.8=0x316d"]);
        let list = list.list().unwrap();
        let seen: Vec<_> = list
            .iter()
            .map(|entry| (entry.spec.oid.to_string(), entry.tag, entry.value.to_vec()))
            .collect();
        assert_eq!(
            seen,
            [
                ("12".to_owned(), 0, vec![0, 0, 5, 120]),
                ("64".to_owned(), 1, vec![0, 0, 0, 13]),
                ("26.14988.8".to_owned(), 0, b"1m".to_vec()),
            ]
        );
    }

    #[test]
    fn a_slip_is_named_without_its_value() {
        let error = arguments(&["User-Pasword=hunter2"])
            .list()
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean User-Password?"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
