//! Attribute lines on the command line, and the dictionary they are read with.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use portreeve_aaa::attribute::{self, Conditions, Lexicon, Line, Operator, Owner, Problem};
use portreeve_proto::{
    AttributeList, Dictionary,
    dictionary::{DictionaryErrors, Source, SourceError},
};

use crate::{config::Config, data::DataDir, failure::Failure};

/// The most octets of one dictionary file.
const FILE_MAX: u64 = 4 << 20;

/// An attribute line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct BadLine {
    /// What is wrong, with what may have been meant.
    words: String,
}

/// A dictionary file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in the dictionary {}:\n{errors}", file.display())]
pub(crate) struct BadDictionary {
    file: PathBuf,
    errors: DictionaryErrors,
}

/// The built-in dictionary with the files of the configuration on top.
pub(crate) fn dictionary(config: &Config) -> Result<Dictionary, BadDictionary> {
    let mut dictionary = Dictionary::builtin().clone();
    for file in &config.dictionary.include {
        let mut folder = Folder::of(file);
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

/// As [`dictionary`], with the configuration of a data directory.
pub(crate) fn dictionary_of(data: &DataDir) -> Result<Dictionary, Failure> {
    Ok(dictionary(&Config::in_force(data, None)?)?)
}

/// Refuses lines that the server could not use, the first one first.
pub(crate) fn check(
    dictionary: &Dictionary,
    owner: &Owner,
    reply: &[String],
    check: &[String],
) -> Result<(), BadLine> {
    let bad = |problem: Problem| BadLine {
        words: problem.to_string(),
    };
    let mut lexicon = Lexicon::new(dictionary);
    attribute::reply(&mut lexicon, owner, reply).map_err(bad)?;
    Conditions::read(&mut lexicon, owner, check).map_err(bad)?;
    Ok(())
}

/// The attributes that such lines give, those that are added behind the others.
pub(crate) fn given(
    dictionary: &Dictionary,
    owner: &Owner,
    lines: &[String],
) -> Result<AttributeList, BadLine> {
    let read = attribute::reply(&mut Lexicon::new(dictionary), owner, lines);
    let (mut given, added) = read.map_err(|problem| BadLine {
        words: problem.to_string(),
    })?;
    given.extend(&added);
    Ok(given)
}

/// What stands before the operator: the attribute's name with its tag.
pub(crate) fn name_of(line: &str) -> &str {
    let left = line.split('=').next().unwrap_or_default();
    left.trim_end_matches(['!', '+', ':']).trim()
}

/// Whether a line is about the attribute of that name; a name without tag means every tag.
pub(crate) fn is_about(line: &str, name: &str) -> bool {
    let found = name_of(line);
    let untagged = found.split(':').next().unwrap_or_default();
    found.eq_ignore_ascii_case(name) || untagged.eq_ignore_ascii_case(name)
}

/// Whether a line comes besides others of its name.
pub(crate) fn adds(line: &str) -> bool {
    Line::parse(line).is_ok_and(|line| line.operator == Operator::Add)
}

/// The folder of a dictionary file: what it includes must lie in there.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn of(file: &Path) -> Self {
        let parent = file
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Self {
            path: parent.unwrap_or(Path::new(".")).to_owned(),
        }
    }
}

impl Source for Folder {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::NotFound,
            _ => SourceError::Unreadable,
        };
        let folder = fs::canonicalize(&self.path).map_err(failed)?;
        let file = fs::canonicalize(folder.join(path)).map_err(failed)?;
        if !file.starts_with(&folder) {
            return Err(SourceError::Outside);
        }
        let mut octets = Vec::new();
        let opened = fs::File::open(file).map_err(failed)?;
        opened
            .take(FILE_MAX + 1)
            .read_to_end(&mut octets)
            .map_err(failed)?;
        if octets.len() as u64 > FILE_MAX {
            return Err(SourceError::TooLarge);
        }
        String::from_utf8(octets).map_err(|_| SourceError::NotText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner::User("tim".to_owned())
    }

    fn reply(line: &str) -> Result<(), BadLine> {
        check(Dictionary::builtin(), &owner(), &[line.to_owned()], &[])
    }

    #[test]
    fn names_and_values_are_checked_at_once_with_suggestions() {
        reply("Session-Timeout=3600").unwrap();
        reply("Tunnel-Type:1=VLAN").unwrap();
        let said = reply("Session-Timeuot=3600").unwrap_err().to_string();
        assert!(said.contains("did you mean Session-Timeout?"), "{said}");
        let said = reply("Session-Timeout=soon").unwrap_err().to_string();
        assert!(said.contains("Session-Timeout"), "{said}");
    }

    #[test]
    fn a_line_is_about_its_attribute_with_or_without_tag() {
        assert_eq!(name_of("Tunnel-Type:1 = VLAN"), "Tunnel-Type:1");
        assert_eq!(name_of("Class+=1"), "Class");
        assert_eq!(name_of("NAS-Port-Type!=Virtual"), "NAS-Port-Type");
        assert!(is_about("Tunnel-Type:1=VLAN", "tunnel-type"));
        assert!(is_about("Tunnel-Type:1=VLAN", "Tunnel-Type:1"));
        assert!(!is_about("Tunnel-Type:1=VLAN", "Tunnel-Type:2"));
        assert!(adds("Class+=1") && !adds("Class=1"));
    }

    #[test]
    fn a_dictionary_of_ones_own_is_read_and_cannot_reach_outside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(
            folder.path().join("secret"),
            "ATTRIBUTE Secret 250 string\n",
        )
        .unwrap();
        fs::write(inner.join("own"), "ATTRIBUTE Own-Thing 250 string\n").unwrap();
        let mut config = Config::default();
        config.dictionary.include = vec![inner.join("own")];
        let read = dictionary(&config).unwrap();
        assert!(read.attribute("Own-Thing").is_some());
        std::os::unix::fs::symlink(folder.path().join("secret"), inner.join("link")).unwrap();
        for include in ["$INCLUDE link\n", "$INCLUDE ../secret\n"] {
            fs::write(inner.join("own"), include).unwrap();
            let said = dictionary(&config).unwrap_err().to_string();
            assert!(said.contains("outside"), "{said}");
        }
    }
}
