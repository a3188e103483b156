//! The files on a router: listed, fetched, stored and removed within what its version allows.
//!
//! RouterOS has several ways to a file and each has its limit. `/file` gives and takes the whole
//! contents up to 60 KB (4 KB before RouterOS 7); `/file/read` gives pieces of a file of any size
//! from 7.13 on; SFTP does all of it on every version, where the `ssh` service can be reached.
//! [`Files`] takes the best way there is and says so where there is none.

use crate::{Capabilities, Error, Router};

/// One entry of `/file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The name with its folders: `flash/portreeve.backup`.
    pub name: String,
    /// What RouterOS takes it for: `backup`, `script`, `directory`, `.txt file`, ...
    pub kind: String,
    /// In octets. `None` for folders.
    pub size: Option<u64>,
    /// When it was made or last changed, as the router writes it.
    pub modified: Option<String>,
}

/// A way to a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The property `contents` of `/file`.
    Contents,
    /// Pieces by `/file/read`.
    Chunks,
    /// SFTP.
    Sftp,
}

/// The files on one router.
#[derive(Debug)]
pub struct Files<'a> {
    router: &'a Router,
    capabilities: &'a Capabilities,
}

impl<'a> Files<'a> {
    /// The files on a router that can do what was probed of it.
    pub fn new(router: &'a Router, capabilities: &'a Capabilities) -> Self {
        Self {
            router,
            capabilities,
        }
    }

    /// The router.
    pub fn router(&self) -> &'a Router {
        self.router
    }

    /// What the router can do.
    pub fn capabilities(&self) -> &'a Capabilities {
        self.capabilities
    }

    /// All files, without their contents.
    pub async fn list(&self) -> Result<Vec<File>, Error> {
        Err(pending())
    }

    /// One file by its name.
    pub async fn find(&self, _name: &str) -> Result<Option<File>, Error> {
        Err(pending())
    }

    /// A file's contents, whole: its size is checked before and after.
    pub async fn fetch(&self, _name: &str) -> Result<Vec<u8>, Error> {
        Err(pending())
    }

    /// Stores a file, replacing one of the same name, and checks that all of it is there.
    pub async fn store(&self, _name: &str, _contents: &[u8]) -> Result<(), Error> {
        Err(pending())
    }

    /// Removes a file. One that is not there is no error.
    pub async fn remove(&self, _name: &str) -> Result<(), Error> {
        Err(pending())
    }
}

fn pending() -> Error {
    Error::NotSupported("in the making".to_owned())
}
