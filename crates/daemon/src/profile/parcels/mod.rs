//! Parcels: what is fetched once, by whoever has the link.
//!
//! A parcel lies in `parcels/` of the data directory under the SHA-256 of its token, encrypted with
//! a key made from the token: neither the name of the file nor what is in it gives away the link or
//! the user's key, not even in a backup. What has to be known without the token (when it ends, what
//! was fetched) stands in front in the clear.

mod landing;
pub(crate) mod routes;
mod sealed;
#[cfg(test)]
mod tests;
mod token;

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use self::sealed::{open, seal};
pub(crate) use self::token::Token;
use super::document::{Document, Kit};
use crate::{
    authority::{AuthorityError, write_atomically},
    data::DataDir,
};

/// How long a parcel can be fetched where nothing is said, in seconds.
pub(crate) const LIFE: u64 = 3_600;
/// The shortest and the longest life, in seconds.
pub(crate) const LIVES: std::ops::RangeInclusive<u64> = 60..=7 * 86_400;
/// Whoever has begun to fetch a document may ask again for so long: phones look before they take.
const GRACE: u64 = 60;
/// How often it may be asked for within that time.
const MOST_TIMES: u32 = 10;
/// The most parcels at a time.
const MOST: usize = 1_000;
/// The most octets of what is in a parcel; a kit has some tens of thousands.
const LARGEST: usize = 1 << 20;
/// As [`LARGEST`], of the file, in which it is in base64.
const LARGEST_FILE: u64 = 2 << 20;
const SECRET: u32 = 0o600;

/// Why a parcel is not kept or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParcelsError {
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Write(#[from] AuthorityError),
    #[error("{}: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("there are {MOST} links that nobody has used yet; wait until some have ended")]
    Full,
    #[error("this is too much for a link: {0} octets, the most is {LARGEST}")]
    TooLarge(usize),
    #[error("the system gives no random numbers")]
    Random,
    #[error("cannot encrypt the parcel")]
    Seal,
}

/// The parcels of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Parcels {
    folder: PathBuf,
}

/// What is known of a parcel without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Label {
    /// Seconds since 1970.
    expires: u64,
    documents: Vec<Fetched>,
}

/// How far a document was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fetched {
    name: String,
    /// When first, in seconds since 1970.
    first: Option<u64>,
    times: u32,
}

impl Fetched {
    fn is_open(&self, now: u64) -> bool {
        self.first
            .is_none_or(|first| now.saturating_sub(first) <= GRACE && self.times < MOST_TIMES)
    }
}

impl Label {
    fn is_open(&self, now: u64) -> bool {
        now < self.expires && self.documents.iter().any(|one| one.is_open(now))
    }
}

/// A parcel that can still be fetched.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) kit: Kit,
    /// Seconds since 1970.
    pub(crate) expires: u64,
    /// The names of what can still be fetched.
    pub(crate) open: Vec<String>,
}

/// Keeps other processes and threads from the parcels until it is dropped.
struct Guard {
    _file: File,
}

impl Parcels {
    pub(crate) fn of(data: &DataDir) -> Self {
        Self {
            folder: data.path().join("parcels"),
        }
    }

    /// Keeps a kit until somebody with the token fetches it, or `life` seconds have passed.
    pub(crate) fn put(
        &self,
        kit: &Kit,
        token: &Token,
        life: u64,
        now: u64,
    ) -> Result<(), ParcelsError> {
        let size = kit.documents.iter().map(|one| one.content.len()).sum();
        if size > LARGEST {
            return Err(ParcelsError::TooLarge(size));
        }
        let label = Label {
            expires: now.saturating_add(life),
            documents: kit.documents.iter().map(unfetched).collect(),
        };
        let sealed = seal(kit, token).ok_or(ParcelsError::Seal)?;
        self.make()?;
        let _guard = self.lock()?;
        self.purge_locked(now)?;
        if self.files()?.len() >= MOST {
            return Err(ParcelsError::Full);
        }
        write(&self.path(token), &label, &sealed)
    }

    /// What is in a parcel. Looking does not count as fetching.
    pub(crate) fn look(&self, token: &Token, now: u64) -> Result<Option<Parcel>, ParcelsError> {
        if !self.folder.exists() {
            return Ok(None);
        }
        let _guard = self.lock()?;
        let Some((label, sealed)) = self.current(token, now)? else {
            return Ok(None);
        };
        let Some(kit) = open(&sealed, token) else {
            return Ok(None);
        };
        let fetchable = label.documents.iter().filter(|one| one.is_open(now));
        Ok(Some(Parcel {
            kit,
            expires: label.expires,
            open: fetchable.map(|one| one.name.clone()).collect(),
        }))
    }

    /// Fetches a document: once, and again only within a minute.
    pub(crate) fn fetch(
        &self,
        token: &Token,
        name: &str,
        now: u64,
    ) -> Result<Option<Document>, ParcelsError> {
        if !self.folder.exists() {
            return Ok(None);
        }
        let _guard = self.lock()?;
        let Some((mut label, sealed)) = self.current(token, now)? else {
            return Ok(None);
        };
        let Some(kit) = open(&sealed, token) else {
            return Ok(None);
        };
        let fetched = label.documents.iter_mut().find(|one| one.name == name);
        let Some(fetched) = fetched.filter(|one| one.is_open(now)) else {
            return Ok(None);
        };
        fetched.first.get_or_insert(now);
        fetched.times += 1;
        write(&self.path(token), &label, &sealed)?;
        Ok(kit.documents.into_iter().find(|one| one.name == name))
    }

    /// Removes what can no longer be fetched; says how many parcels that were. Whoever keeps house
    /// does this once in a while; a new parcel does it, too.
    pub(crate) fn purge(&self, now: u64) -> Result<usize, ParcelsError> {
        if !self.folder.exists() {
            return Ok(0);
        }
        let _guard = self.lock()?;
        self.purge_locked(now)
    }

    fn purge_locked(&self, now: u64) -> Result<usize, ParcelsError> {
        let mut removed = 0;
        for path in self.files()? {
            // What cannot be read is of no use to anybody.
            let spent = read(&path).map_or(true, |(label, _)| !label.is_open(now));
            if spent {
                remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The parcel of a token, if it can still be fetched; else it is gone from then on.
    fn current(&self, token: &Token, now: u64) -> Result<Option<(Label, Vec<u8>)>, ParcelsError> {
        let path = self.path(token);
        let read = match read(&path) {
            Ok(read) => read,
            Err(ParcelsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if read.0.is_open(now) {
            return Ok(Some(read));
        }
        remove(&path)?;
        Ok(None)
    }

    fn path(&self, token: &Token) -> PathBuf {
        self.folder.join(token.file_name())
    }

    fn make(&self) -> Result<(), ParcelsError> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(failed("create", &self.folder)(error))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<Guard, ParcelsError> {
        let path = self.folder.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(SECRET)
            .open(&path)
            .map_err(failed("lock", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        Ok(Guard { _file: file })
    }

    fn files(&self) -> Result<Vec<PathBuf>, ParcelsError> {
        let entries = fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("read", &self.folder))?.path();
            if token::is_file_name(&path) {
                files.push(path);
            }
        }
        Ok(files)
    }
}

fn write(path: &Path, label: &Label, sealed: &[u8]) -> Result<(), ParcelsError> {
    let mut octets = serde_json::to_vec(label).map_err(|error| ParcelsError::Damaged {
        path: path.to_path_buf(),
        what: error.to_string(),
    })?;
    octets.push(b'\n');
    octets.extend_from_slice(sealed);
    Ok(write_atomically(path, &octets, SECRET)?)
}

fn unfetched(document: &Document) -> Fetched {
    Fetched {
        name: document.name.clone(),
        first: None,
        times: 0,
    }
}

/// The label, and what is still encrypted.
fn read(path: &Path) -> Result<(Label, Vec<u8>), ParcelsError> {
    let damaged = |what: &str| ParcelsError::Damaged {
        path: path.to_path_buf(),
        what: what.to_owned(),
    };
    let file = File::open(path).map_err(failed("read", path))?;
    let mut octets = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut octets)
        .map_err(failed("read", path))?;
    if octets.len() as u64 > LARGEST_FILE {
        return Err(damaged("is too long for a parcel"));
    }
    let end = octets.iter().position(|octet| *octet == b'\n');
    let end = end.ok_or_else(|| damaged("is no parcel"))?;
    let label = serde_json::from_slice(&octets[..end]).map_err(|_| damaged("is no parcel"))?;
    octets.drain(..=end);
    Ok((label, octets))
}

fn remove(path: &Path) -> Result<(), ParcelsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ParcelsError {
    let path = path.to_path_buf();
    move |source| ParcelsError::File {
        doing,
        path,
        source,
    }
}
