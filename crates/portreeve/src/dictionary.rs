//! Dictionaries in files: names for what the built-in dictionary does not know.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use portreeve_proto::Dictionary;
pub use portreeve_proto::dictionary::{
    Attribute, Content, Decoded, DictionaryError, DictionaryErrors, Fault, Source, SourceError,
    Vendor,
};

/// The longest file that is read, in octets: some ten times the longest that is known.
const LONGEST: u64 = 4 << 20;

/// Reads a dictionary file, and what it includes, on top of the built-in dictionary.
///
/// What it includes must lie in the file's own folder or below; neither `..` nor a symbolic link
/// leads out of it. For another folder, such as FreeRADIUS's own, see [`Folder::allow`].
///
/// # Errors
/// Every problem in every file, with file and line.
pub fn load(path: impl AsRef<Path>) -> Result<Dictionary, DictionaryErrors> {
    let path = path.as_ref();
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Dictionary::builtin().extended_by(&mut Folder::new(folder), &name)
}

/// A folder that dictionary files are read from, and nothing outside of it.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    allowed: Vec<PathBuf>,
}

impl Folder {
    /// The files in a folder and below it; an empty path is the current folder.
    pub fn new(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        let root = if root.as_os_str().is_empty() {
            Path::new(".")
        } else {
            root
        };
        Self {
            root: root.to_owned(),
            allowed: Vec::new(),
        }
    }

    /// Lets files include others of another folder by their absolute path.
    #[must_use]
    pub fn allow(mut self, folder: impl Into<PathBuf>) -> Self {
        self.allowed.push(folder.into());
        self
    }

    /// The folder that a path is to be looked for in: the root, or an allowed one for an absolute
    /// path.
    fn home(&self, path: &str) -> Result<&Path, SourceError> {
        if !path.starts_with('/') {
            return Ok(&self.root);
        }
        let home = self
            .allowed
            .iter()
            .find(|folder| Path::new(path).starts_with(folder));
        home.map(PathBuf::as_path).ok_or(SourceError::Outside)
    }
}

impl Source for Folder {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        let home = self
            .home(path)?
            .canonicalize()
            .map_err(|error| reason(&error))?;
        // Symbolic links are followed here, so what is compared is where they lead.
        let found = home
            .join(path)
            .canonicalize()
            .map_err(|error| reason(&error))?;
        if !found.starts_with(&home) {
            return Err(SourceError::Outside);
        }
        if !fs::metadata(&found).is_ok_and(|data| data.is_file()) {
            return Err(SourceError::Unreadable);
        }
        let file = File::open(&found).map_err(|error| reason(&error))?;
        let mut octets = Vec::new();
        let read = file.take(LONGEST + 1).read_to_end(&mut octets);
        if read.map_err(|error| reason(&error))? as u64 > LONGEST {
            return Err(SourceError::TooLarge);
        }
        String::from_utf8(octets).map_err(|_| SourceError::NotText)
    }

    fn allows(&self, path: &str) -> bool {
        self.home(path).is_ok()
    }
}

fn reason(error: &io::Error) -> SourceError {
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound,
        _ => SourceError::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const OWN: &str = "VENDOR Inn 64000\nBEGIN-VENDOR Inn\nATTRIBUTE Inn-Room 1 string\n\
                       END-VENDOR Inn\n";

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn fault(folder: &TempDir) -> DictionaryError {
        let errors = load(folder.path().join("dictionary")).unwrap_err();
        let mut errors = errors.iter();
        let first = errors.next().unwrap().clone();
        assert!(errors.next().is_none());
        first
    }

    #[test]
    fn a_file_and_what_it_includes_extend_the_built_in_dictionary() {
        let folder = folder(&[("dictionary", "$INCLUDE inn/own\n"), ("inn/own", OWN)]);
        let dictionary = load(folder.path().join("dictionary")).unwrap();
        let room = dictionary.attribute("Inn-Room").unwrap();
        assert_eq!(room.spec.oid.to_string(), "26.64000.1");
        assert!(dictionary.attribute("User-Name").is_some());
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let outside = folder(&[("own", OWN)]);
        let path = outside.path().join("own");
        let absolute = format!("$INCLUDE {}\n", path.display());
        for include in [
            "$INCLUDE ../own\n",
            "$INCLUDE link\n",
            "$INCLUDE up/own\n",
            &absolute,
        ] {
            let inside = folder(&[("dictionary", include)]);
            symlink(&path, inside.path().join("link")).unwrap();
            symlink(outside.path(), inside.path().join("up")).unwrap();
            let error = fault(&inside);
            assert!(error.to_string().contains("outside"), "{include} {error}");
            assert_eq!(error.line, 1);
        }
    }

    #[test]
    fn another_folder_can_be_allowed() {
        let outside = folder(&[("own", OWN)]);
        let include = format!("$INCLUDE {}\n", outside.path().join("own").display());
        let inside = folder(&[("dictionary", &include)]);
        let mut source = Folder::new(inside.path()).allow(outside.path());
        let dictionary = Dictionary::parse(&mut source, "dictionary").unwrap();
        assert!(dictionary.attribute("Inn-Room").is_some());
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let none = folder(&[]);
        assert!(fault(&none).to_string().contains("no such file"));
        let a_folder = folder(&[("dictionary/x", "")]);
        assert!(fault(&a_folder).to_string().contains("cannot be read"));
        let binary = folder(&[("dictionary", "")]);
        fs::write(binary.path().join("dictionary"), [0xff, 0xfe]).unwrap();
        assert!(fault(&binary).to_string().contains("UTF-8"));
        let huge = folder(&[("dictionary", "")]);
        let file = File::create(huge.path().join("dictionary")).unwrap();
        file.set_len(LONGEST + 1).unwrap();
        assert!(fault(&huge).to_string().contains("too large"));
    }
}
