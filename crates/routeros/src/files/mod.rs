//! The files on a router: listed, fetched, stored and removed within what its version allows.
//!
//! RouterOS has several ways to a file and each has its limit. `/file` gives and takes the whole
//! contents up to 60 KB (4 KB before RouterOS 7); `/file/read` gives pieces of a file of any size
//! from 7.13 on; SFTP does all of it on every version, where the `ssh` service can be reached.
//! [`Files`] takes the best way there is and says so where there is none.

mod octets;
#[cfg(feature = "sftp")]
pub mod sftp;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Capabilities, Command, Error, Id, Query, Record, Router};

/// The most octets that `contents` of `/file` holds on RouterOS 7.
const MOST_CONTENTS: u64 = 60_000;
/// The same before RouterOS 7.
const MOST_CONTENTS_6: u64 = 4_095;
/// The octets asked of `/file/read` at a time: the most it gives.
const PIECE: u64 = 32_768;
/// The largest file that is fetched.
const LARGEST: u64 = 64 << 20;
/// What must stay free in the router's storage when a file is stored.
const MARGIN: u64 = 64 << 10;
/// How long a file that was stored may take until all of it is seen. Storage on NAND is written
/// up to 40 s late.
const SETTLING: Duration = Duration::from_secs(45);

/// One entry of `/file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The name with its folders: `flash/portreeve.backup`.
    pub name: String,
    /// What RouterOS takes it for: `backup`, `script`, `directory`, `.txt file`, ...
    pub kind: String,
    /// In octets. `None` for folders, and where the router does not say it exactly.
    pub size: Option<u64>,
    /// When it was made or last changed, as the router writes it.
    pub modified: Option<String>,
    id: Option<Id>,
}

/// A way to a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The property `contents` of `/file`.
    Contents,
    /// Pieces by `/file/read`.
    Pieces,
    /// SFTP.
    Sftp,
}

/// The files on one router.
#[derive(Debug)]
pub struct Files<'a> {
    router: &'a Router,
    capabilities: &'a Capabilities,
    #[cfg(feature = "sftp")]
    sftp: Option<sftp::Access>,
}

impl<'a> Files<'a> {
    /// The files on a router that can do what was probed of it.
    pub fn new(router: &'a Router, capabilities: &'a Capabilities) -> Self {
        Self {
            router,
            capabilities,
            #[cfg(feature = "sftp")]
            sftp: None,
        }
    }

    /// With SFTP for what no other way can do.
    #[cfg(feature = "sftp")]
    #[must_use]
    pub fn with_sftp(mut self, access: sftp::Access) -> Self {
        self.sftp = Some(access);
        self
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
        let records = self.router.print("/file", &PROPERTIES, &[]).await?;
        Ok(records.iter().filter_map(file).collect())
    }

    /// One file by its name.
    pub async fn find(&self, name: &str) -> Result<Option<File>, Error> {
        let named = [Query::equals("name", name)];
        let records = self.router.print("/file", &PROPERTIES, &named).await?;
        let mut found = records.iter().filter_map(file);
        Ok(found.find(|file| file.name == name))
    }

    /// The ways by which a file of a size can be fetched, the best first.
    pub fn ways_to_fetch(&self, size: u64) -> Vec<Way> {
        let mut ways = Vec::new();
        if size <= self.most_contents() {
            ways.push(Way::Contents);
        }
        if self.capabilities.takes("/file/read", "chunk-size") {
            ways.push(Way::Pieces);
        }
        if self.has_sftp() {
            ways.push(Way::Sftp);
        }
        ways
    }

    /// The ways by which contents can be stored under a name, the best first.
    pub fn ways_to_store(&self, name: &str, contents: &[u8]) -> Vec<Way> {
        let mut ways = Vec::new();
        let small = u64::try_from(contents.len()).is_ok_and(|size| size <= self.most_contents());
        let can_be_made = self.capabilities.takes("/file/add", "contents")
            || self.capabilities.version().major < 7 && has_extension(name, "rsc");
        if small && can_be_made && str::from_utf8(contents).is_ok() {
            ways.push(Way::Contents);
        }
        if self.has_sftp() {
            ways.push(Way::Sftp);
        }
        ways
    }

    /// A file's contents, whole: its size is compared before and after.
    ///
    /// # Errors
    /// [`Error::NoSuchItem`]; [`Error::NotSupported`] where no way leads to a file of its size;
    /// [`Error::NotWhole`] where other octets came than there are.
    pub async fn fetch(&self, name: &str) -> Result<Vec<u8>, Error> {
        let before = self.find(name).await?.ok_or_else(|| missing(name))?;
        let size = before.size.ok_or_else(|| {
            Error::NotSupported(format!(
                "{name} has no size: it is a folder, or kept elsewhere"
            ))
        })?;
        if size > LARGEST {
            return Err(Error::NotSupported(format!(
                "{name} has {size} octets; at most {LARGEST} are fetched"
            )));
        }
        let mut failure = self.no_way("fetched", name, size);
        for way in self.ways_to_fetch(size) {
            let fetched = match way {
                Way::Contents => self.contents(name, size).await,
                Way::Pieces => self.pieces(name, size).await,
                Way::Sftp => self.over_sftp(name).await,
            };
            match fetched {
                Ok(octets) => return self.unchanged(&before, octets).await,
                Err(error) if error.is_fatal() && way != Way::Sftp => return Err(error),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Stores a file, replacing one of the same name, and waits until all of it is there.
    ///
    /// # Errors
    /// [`Error::Full`] where the storage has no room for it; [`Error::NotSupported`] where no way
    /// can store it; [`Error::NotWhole`] where not all of it arrived.
    pub async fn store(&self, name: &str, contents: &[u8]) -> Result<(), Error> {
        let size = u64::try_from(contents.len()).unwrap_or(u64::MAX);
        self.room_for(name, size).await?;
        let mut failure = self.no_way("stored", name, size);
        for way in self.ways_to_store(name, contents) {
            let stored = match (way, str::from_utf8(contents)) {
                (Way::Contents, Ok(text)) => self.store_contents(name, text).await,
                _ => self.store_over_sftp(name, contents).await,
            };
            match stored {
                Ok(()) => return self.arrived(name, size).await,
                Err(error) if error.is_fatal() && way != Way::Sftp => return Err(error),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Removes a file. One that is not there is no error.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let Some(file) = self.find(name).await? else {
            return Ok(());
        };
        let id = file.id.unwrap_or_else(|| Id::new(name));
        match self.router.remove("/file", &id).await {
            Err(Error::NoSuchItem { .. }) => Ok(()),
            other => other,
        }
    }

    /// Waits until a file that the router writes is there and no longer grows.
    ///
    /// # Errors
    /// [`Error::NotWhole`] where that does not happen within the time.
    pub async fn settled(&self, name: &str, within: Duration) -> Result<File, Error> {
        let end = Instant::now() + within;
        let mut pause = Duration::from_millis(100);
        let mut last: Option<File> = None;
        loop {
            let now = self.find(name).await?;
            if let Some(file) = &now
                && file.size.is_some_and(|size| size > 0)
                && now == last
            {
                return Ok(file.clone());
            }
            if Instant::now() >= end {
                let what = if now.is_some() {
                    "still grows"
                } else {
                    "did not appear"
                };
                return Err(Error::NotWhole {
                    file: name.to_owned(),
                    what: format!("{what} after {within:?}"),
                });
            }
            last = now;
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    fn most_contents(&self) -> u64 {
        if self.capabilities.version().major < 7 {
            MOST_CONTENTS_6
        } else {
            MOST_CONTENTS
        }
    }

    #[cfg(feature = "sftp")]
    fn has_sftp(&self) -> bool {
        self.sftp.is_some()
    }

    #[cfg(not(feature = "sftp"))]
    #[expect(clippy::unused_self, reason = "with the feature it looks")]
    fn has_sftp(&self) -> bool {
        false
    }

    fn no_way(&self, done: &str, name: &str, size: u64) -> Error {
        Error::NotSupported(format!(
            "{name} ({size} octets) cannot be {done} over the API or REST: RouterOS {} passes \
             files of at most {} octets there{}. Give access over SFTP (service ssh)",
            self.capabilities.version(),
            self.most_contents(),
            if done == "stored" {
                ", of text only"
            } else {
                ""
            },
        ))
    }

    async fn contents(&self, name: &str, size: u64) -> Result<Vec<u8>, Error> {
        let named = [Query::equals("name", name)];
        let records = self.router.print("/file", &["contents"], &named).await?;
        let text = records.first().and_then(|record| record.get("contents"));
        octets::read(text.unwrap_or_default(), size).ok_or_else(|| Error::NotWhole {
            file: name.to_owned(),
            what: format!("not {size} octets came as its contents"),
        })
    }

    async fn pieces(&self, name: &str, size: u64) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        let mut offset = 0;
        while offset < size {
            let wanted = PIECE.min(size - offset);
            let command = Command::new("/file/read")
                .with("file", name)
                .with("offset", offset.to_string())
                .with("chunk-size", wanted.to_string());
            let answer = self.router.call(&command).await?;
            let record = answer.records.first().unwrap_or(&answer.done);
            let text = record.get("data").or_else(|| record.get("ret"));
            let piece = octets::read(text.unwrap_or_default(), wanted);
            let piece = piece.ok_or_else(|| Error::NotWhole {
                file: name.to_owned(),
                what: format!("not {wanted} octets came from {offset} on"),
            })?;
            whole.extend_from_slice(&piece);
            offset += wanted;
        }
        Ok(whole)
    }

    async fn store_contents(&self, name: &str, text: &str) -> Result<(), Error> {
        let mut there = self.find(name).await?;
        if there.is_none() {
            if self.capabilities.takes("/file/add", "contents") {
                let new = Record::new().with("name", name).with("contents", text);
                return self.router.add("/file", &new).await.map(drop);
            }
            // RouterOS 6 cannot add a file. An export makes one, called .rsc; this one is short.
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let export = Command::new("/system/identity/export").with("file", stem);
            self.router.call(&export).await?;
            there = Some(self.settled(name, SETTLING).await?);
        }
        let id = there
            .and_then(|file| file.id)
            .unwrap_or_else(|| Id::new(name));
        let values = Record::new().with("contents", text);
        self.router.set("/file", Some(&id), &values).await
    }

    #[cfg(feature = "sftp")]
    async fn over_sftp(&self, name: &str) -> Result<Vec<u8>, Error> {
        match &self.sftp {
            Some(access) => sftp::fetch(access, name, LARGEST).await,
            None => Err(self.no_way("fetched", name, 0)),
        }
    }

    #[cfg(not(feature = "sftp"))]
    async fn over_sftp(&self, name: &str) -> Result<Vec<u8>, Error> {
        std::future::ready(Err(self.no_way("fetched", name, 0))).await
    }

    #[cfg(feature = "sftp")]
    async fn store_over_sftp(&self, name: &str, contents: &[u8]) -> Result<(), Error> {
        match &self.sftp {
            Some(access) => sftp::store(access, name, contents).await,
            None => Err(self.no_way("stored", name, 0)),
        }
    }

    #[cfg(not(feature = "sftp"))]
    async fn store_over_sftp(&self, name: &str, _: &[u8]) -> Result<(), Error> {
        std::future::ready(Err(self.no_way("stored", name, 0))).await
    }

    /// That a file is as it was before it was fetched, and that all of it came.
    async fn unchanged(&self, before: &File, octets: Vec<u8>) -> Result<Vec<u8>, Error> {
        let after = self.find(&before.name).await?;
        let whole = before.size == u64::try_from(octets.len()).ok();
        if whole && after.as_ref() == Some(before) {
            return Ok(octets);
        }
        Err(Error::NotWhole {
            file: before.name.clone(),
            what: format!(
                "it changed while it was fetched ({} octets came)",
                octets.len()
            ),
        })
    }

    async fn arrived(&self, name: &str, size: u64) -> Result<(), Error> {
        if size == 0 {
            return Ok(());
        }
        let file = self.settled(name, SETTLING).await?;
        if file.size == Some(size) {
            return Ok(());
        }
        Err(Error::NotWhole {
            file: name.to_owned(),
            what: format!("it has {:?} octets instead of {size}", file.size),
        })
    }

    async fn room_for(&self, name: &str, size: u64) -> Result<(), Error> {
        let asked = ["free-hdd-space"];
        let resource = self.router.print("/system/resource", &asked, &[]).await?;
        let free = resource
            .first()
            .and_then(|record| record.number("free-hdd-space"));
        match free {
            Some(free) if free < size.saturating_add(MARGIN) => Err(Error::Full {
                command: "/file".to_owned(),
                message: format!("{free} octets are free; {name} needs {size} and {MARGIN} more"),
            }),
            _ => Ok(()),
        }
    }
}

/// What is asked of a file. Up to 7.15 there is only `creation-time`, later only `last-modified`.
const PROPERTIES: [&str; 6] = [
    ".id",
    "name",
    "type",
    "size",
    "creation-time",
    "last-modified",
];

fn file(record: &Record) -> Option<File> {
    let modified = record
        .get("last-modified")
        .or_else(|| record.get("creation-time"));
    Some(File {
        name: record.get("name")?.to_owned(),
        kind: record.get("type").unwrap_or_default().to_owned(),
        size: record.number("size"),
        modified: modified.map(str::to_owned),
        id: record.id(),
    })
}

fn missing(name: &str) -> Error {
    Error::NoSuchItem {
        command: format!("/file {name}"),
    }
}

/// Whether a name ends with a dot and an extension, in either case.
fn has_extension(name: &str, extension: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end);
    end.is_some_and(|end| end.eq_ignore_ascii_case(extension))
}
