//! Makes the tables of the built-in dictionary and the attribute constants of `crates/proto` from
//! the files in `dictionaries/`.
//!
//! `cargo run -p portreeve-dictionaries` writes them; with `--check` it only compares, and fails
//! where a file differs; with `--import FOLDER` it first rewrites `dictionaries/freeradius` from
//! FreeRADIUS's own files.

mod constants;
mod import;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use portreeve_proto::{
    Dictionary,
    dictionary::{DictionaryErrors, Source, SourceError},
};

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Dictionary(#[from] DictionaryErrors),
    #[error("{0} values name an attribute that no file defines, the first of them {1}")]
    Pending(usize, String),
    #[error("{}: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("these files are out of date; run `cargo run -p portreeve-dictionaries`:{0}")]
    Stale(String),
    #[error("usage: portreeve-dictionaries [--check | --import FOLDER]")]
    Usage,
    #[error("{0}")]
    Write(#[from] io::Error),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let result = match arguments[..] {
        [] => generate(&root).and_then(|files| write(&root, &files)),
        ["--check"] => generate(&root).and_then(|files| compare(&root, &files)),
        ["--import", folder] => import::import(Path::new(folder), &root.join("dictionaries"))
            .and_then(|()| generate(&root))
            .and_then(|files| write(&root, &files)),
        _ => Err(Error::Usage),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "this is where a command says what went wrong"
)]
fn complain(error: &Error) {
    eprintln!("{error}");
}

/// Every generated file by its path from the root.
fn generate(root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let folder = root.join("dictionaries");
    let mut files = Files {
        folder: &folder,
        read: Vec::new(),
    };
    let dictionary = Dictionary::parse(&mut files, "dictionary")?;
    if let [first, ..] = dictionary.pending_values() {
        let count = dictionary.pending_values().len();
        return Err(Error::Pending(count, first.attribute.clone()));
    }
    let tables = dictionary.tables();
    let mut generated = constants::constants(&dictionary, &files.read);
    for (name, table) in [
        ("attributes", tables.attributes),
        ("names", tables.names),
        ("values", tables.values),
        ("vendors", tables.vendors),
    ] {
        generated.insert(
            format!("crates/proto/src/dictionary/builtin/{name}.txt"),
            table,
        );
    }
    Ok(generated)
}

/// Reads below `dictionaries/`, and remembers what it read.
struct Files<'a> {
    folder: &'a Path,
    read: Vec<(String, String)>,
}

impl Source for Files<'_> {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        let text =
            fs::read_to_string(self.folder.join(path)).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SourceError::NotFound,
                io::ErrorKind::InvalidData => SourceError::NotText,
                _ => SourceError::Unreadable,
            })?;
        self.read.push((path.to_owned(), text.clone()));
        Ok(text)
    }
}

fn write(root: &Path, files: &BTreeMap<String, String>) -> Result<(), Error> {
    for (path, text) in files {
        fs::write(root.join(path), text)?;
    }
    Ok(())
}

fn compare(root: &Path, files: &BTreeMap<String, String>) -> Result<(), Error> {
    let mut stale = String::new();
    for (path, text) in files {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(text) {
            stale = stale + "\n  " + path;
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(Error::Stale(stale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_files_are_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        compare(&root, &generate(&root).unwrap()).unwrap();
    }
}
