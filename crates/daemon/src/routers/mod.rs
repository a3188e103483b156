//! The routers that are enrolled: what is kept of each, in a folder of its own below the data
//! directory. As with the certificate authority, each node of several has its own.

mod backups;
mod error;
mod folder;
mod kept;
mod link;
pub(crate) mod ours;
pub(crate) mod presence;

use std::{fs, io, path::PathBuf};

pub(crate) use self::{
    backups::{Backup, Backups, EXPORT, Manifest, Retention, SENSITIVE, SYSTEM},
    error::RouterError,
    folder::Folder,
    kept::{FORM, Hidden, Journal, Kept, Known, State, Told},
    link::{BackupWish, Link, wait_for},
};
use crate::{data::DataDir, suggest};

/// The longest name of a router.
const NAME_MAX: usize = 64;

/// All routers of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Routers {
    path: PathBuf,
}

impl Routers {
    pub(crate) fn of(data: &DataDir) -> Self {
        Self {
            path: data.path().join("routers"),
        }
    }

    /// The names of those that are enrolled, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, RouterError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.failed("read", source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| self.failed("read", source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if check_name(&name).is_ok() && Folder::at(&self.path, &name).is_enrolled() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder of one that is enrolled.
    pub(crate) fn find(&self, name: &str) -> Result<Folder, RouterError> {
        let folder = check_name(name).ok().map(|()| Folder::at(&self.path, name));
        if let Some(folder) = folder.filter(Folder::is_enrolled) {
            return Ok(folder);
        }
        let names = self.names()?;
        Err(RouterError::NotEnrolled {
            name: name.to_owned(),
            nearest: suggest::nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
        })
    }

    /// The one that is named, or the only one there is.
    pub(crate) fn one(&self, name: Option<&str>) -> Result<Folder, RouterError> {
        if let Some(name) = name {
            return self.find(name);
        }
        let names = self.names()?;
        match names.as_slice() {
            [] => Err(RouterError::NoneEnrolled),
            [only] => self.find(only),
            _ => Err(RouterError::Several(names)),
        }
    }

    /// The one that is named, or all there are.
    pub(crate) fn some(&self, name: Option<&str>) -> Result<Vec<Folder>, RouterError> {
        if let Some(name) = name {
            return Ok(vec![self.find(name)?]);
        }
        let names = self.names()?;
        if names.is_empty() {
            return Err(RouterError::NoneEnrolled);
        }
        names.iter().map(|name| self.find(name)).collect()
    }

    /// The folder for one that is not enrolled yet. It is made when something is written to it.
    pub(crate) fn place_for(&self, name: &str) -> Result<Folder, RouterError> {
        check_name(name)?;
        Ok(Folder::at(&self.path, name))
    }

    /// The router that a NAS is, where it is an enrolled one.
    pub(crate) fn of_nas(&self, nas: &str) -> Option<Kept> {
        let names = self.names().ok()?;
        let mut kept = names
            .iter()
            .filter_map(|name| self.find(name).ok()?.read().ok());
        kept.find(|kept| kept.nas == nas)
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> RouterError {
        RouterError::file(doing, &self.path, source)
    }

    #[cfg(test)]
    fn at(path: &std::path::Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }
}

/// A name that can be that of a folder.
pub(crate) fn check_name(name: &str) -> Result<(), RouterError> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if starts && name.len() <= NAME_MAX && name.bytes().all(plain) {
        return Ok(());
    }
    Err(RouterError::BadName(name.to_owned()))
}

/// A name made of what a router calls itself, which none of `taken` is.
pub(crate) fn name_from(identity: &str, taken: &[String]) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
        '.' | '_' => letter,
        _ => '-',
    };
    let made: String = identity.chars().map(plain).take(NAME_MAX - 4).collect();
    let made = made.trim_matches(['-', '.', '_']);
    let base = if made.is_empty() { "router" } else { made };
    let mut names = (1..).map(|number: u32| match number {
        1 => base.to_owned(),
        number => format!("{base}-{number}"),
    });
    names
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for good in ["r1", "Attic.2", "a_b-c"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_router_is_called_what_it_calls_itself() {
        assert_eq!(name_from("MikroTik", &[]), "mikrotik");
        assert_eq!(name_from("Core / Attic", &[]), "core---attic");
        assert_eq!(name_from("../..", &[]), "router");
        let taken = ["mikrotik".to_owned(), "mikrotik-2".to_owned()];
        assert_eq!(name_from("MikroTik", &taken), "mikrotik-3");
        assert!(check_name(&name_from(&"é".repeat(300), &[])).is_ok());
        assert!(check_name(&name_from(&"x".repeat(300), &[])).is_ok());
    }

    #[test]
    fn one_that_is_not_there_is_told_with_what_was_meant() {
        let place = tempfile::tempdir().unwrap();
        let routers = Routers::at(place.path());
        assert!(matches!(routers.one(None), Err(RouterError::NoneEnrolled)));
        let folder = routers.place_for("attic").unwrap();
        folder.write(&kept::tests::sample("attic")).unwrap();
        assert_eq!(routers.names().unwrap(), ["attic"]);
        assert_eq!(routers.one(None).unwrap().name(), "attic");
        let said = routers.find("atic").unwrap_err().to_string();
        assert!(said.contains("did you mean 'attic'"), "{said}");
        assert!(routers.of_nas("attic").is_some() && routers.of_nas("x").is_none());
    }
}
