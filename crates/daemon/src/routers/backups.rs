//! The backups of one router: a folder for each, with what it is made of.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use portreeve_routeros::{Secret, backup as copies};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Hidden, Known, RouterError,
    folder::{make_folder, read_json, write_json, write_private},
};

const MANIFEST: &str = "manifest.json";
/// How a folder begins that is not complete yet.
const DRAFT: &str = ".draft-";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The configuration as a script, without what RouterOS holds to be secret.
pub(crate) const EXPORT: &str = "export.rsc";
/// The same with it.
pub(crate) const SENSITIVE: &str = "export-sensitive.rsc";
/// The encrypted backup of the whole system, for this very device.
pub(crate) const SYSTEM: &str = "system.backup";

/// Where the backups of a router are.
#[derive(Debug, Clone)]
pub(crate) struct Backups {
    path: PathBuf,
}

/// What a backup is of, and what it is made of: `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// In milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Why it was made: `enrol`, `asked`, `schedule`, `restore`.
    pub(crate) reason: String,
    pub(crate) known: Known,
    /// What the backup of the system is encrypted with.
    pub(crate) password: Option<Hidden>,
    /// What could not be had, and why.
    #[serde(default)]
    pub(crate) missing: Vec<String>,
    pub(crate) files: Vec<FileRecord>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) name: String,
    pub(crate) octets: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

/// A backup that is there.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) id: String,
    pub(crate) manifest: Manifest,
    path: PathBuf,
}

/// Which backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) keep: usize,
    pub(crate) days: Option<u32>,
}

impl Retention {
    pub(crate) fn of(config: &crate::config::Routers) -> Self {
        Self {
            keep: config.keep,
            days: config.keep_days,
        }
    }
}

impl Backups {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Those there are, the newest first. One that cannot be read is told of and passed over.
    pub(crate) fn list(&self) -> Result<Vec<Backup>, RouterError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(RouterError::file("read", &self.path, source)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| RouterError::file("read", &self.path, source))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if id.starts_with('.') {
                continue;
            }
            match read_json(&path.join(MANIFEST)) {
                Ok(Some(manifest)) => found.push(Backup { id, manifest, path }),
                Ok(None) => {}
                Err(error) => tracing::warn!("a backup is passed over: {error}"),
            }
        }
        found.sort_by(|a, b| b.id.cmp(&a.id));
        Ok(found)
    }

    /// The one that is named, or the newest. A beginning that only one has is enough.
    pub(crate) fn find(&self, id: Option<&str>) -> Result<Backup, RouterError> {
        let mut all = self.list()?;
        if all.is_empty() {
            let none = "there is no backup of this router yet; make one: portreeve router backup";
            return Err(RouterError::Refused(none.to_owned()));
        }
        let Some(id) = id else {
            return Ok(all.swap_remove(0));
        };
        let fits: Vec<usize> = (0..all.len())
            .filter(|index| all[*index].id.starts_with(id))
            .collect();
        match fits.as_slice() {
            [only] => Ok(all.swap_remove(*only)),
            [] => Err(RouterError::Refused(format!(
                "there is no backup '{id}'; `portreeve router backup --list` lists them"
            ))),
            _ => Err(RouterError::Refused(format!(
                "several backups begin with '{id}'; give the whole of one"
            ))),
        }
    }

    /// Keeps a backup, whole or not at all, and says what it is called.
    pub(crate) fn keep(
        &self,
        mut manifest: Manifest,
        files: &[(&str, &[u8])],
    ) -> Result<Backup, RouterError> {
        make_folder(&self.path)?;
        self.sweep()?;
        let id = self.free_id(manifest.at_ms);
        let draft = self.path.join(format!("{DRAFT}{id}"));
        make_folder(&draft)?;
        manifest.files.clear();
        for (name, octets) in files {
            write_private(&draft.join(name), octets)?;
            manifest.files.push(FileRecord {
                name: (*name).to_owned(),
                octets: octets.len() as u64,
                sha256: digest(octets),
            });
        }
        write_json(&draft.join(MANIFEST), &manifest)?;
        let path = self.path.join(&id);
        fs::rename(&draft, &path).map_err(|source| RouterError::file("make", &path, source))?;
        Ok(Backup { id, manifest, path })
    }

    /// Removes those that are no longer to be kept, and says which. The newest one stays, and so
    /// does the one from before the router was enrolled.
    pub(crate) fn prune(
        &self,
        retention: Retention,
        now_ms: u64,
    ) -> Result<Vec<String>, RouterError> {
        let mut removed = Vec::new();
        let oldest = retention
            .days
            .map_or(0, |days| now_ms.saturating_sub(u64::from(days) * DAY_MS));
        for (place, backup) in self.list()?.into_iter().enumerate() {
            let is_old = place >= retention.keep || backup.manifest.at_ms < oldest;
            if is_old && place > 0 && backup.manifest.reason != "enrol" {
                let gone = fs::remove_dir_all(&backup.path);
                gone.map_err(|source| RouterError::file("remove", &backup.path, source))?;
                removed.push(backup.id);
            }
        }
        Ok(removed)
    }

    /// What was begun and never completed goes.
    fn sweep(&self) -> Result<(), RouterError> {
        let failed = |source| RouterError::file("read", &self.path, source);
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn free_id(&self, at_ms: u64) -> String {
        let at = i64::try_from(at_ms)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map_or_else(
                || at_ms.to_string(),
                |at| at.strftime("%Y%m%d-%H%M%S").to_string(),
            );
        let mut ids = (1..).map(|number: u32| match number {
            1 => at.clone(),
            number => format!("{at}-{number}"),
        });
        ids.find(|id| !self.path.join(id).exists())
            .unwrap_or_else(|| at.clone())
    }
}

impl Backup {
    /// One of its files, if it has it and the file is what was written.
    pub(crate) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, RouterError> {
        let Some(record) = self.manifest.files.iter().find(|file| file.name == name) else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let octets = fs::read(&path).map_err(|source| RouterError::file("read", &path, source))?;
        if octets.len() as u64 != record.octets || digest(&octets) != record.sha256 {
            return Err(RouterError::Damaged {
                path,
                what: "not what was written: it is damaged or was changed".to_owned(),
            });
        }
        Ok(Some(octets))
    }

    /// The text of its export.
    pub(crate) fn export(&self) -> Result<String, RouterError> {
        let octets = self.file(EXPORT)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// What keeps it from being of use: files that are not what was written, or cannot be read.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let records = self.manifest.files.iter();
        let mut troubles: Vec<String> = records
            .filter_map(|record| Some(self.file(&record.name).err()?.to_string()))
            .collect();
        if !troubles.is_empty() {
            return troubles;
        }
        if let Some(Err(error)) = self.export().ok().map(|text| copies::parse(&text)) {
            troubles.push(format!("{EXPORT}: {error}"));
        }
        if let Ok(Some(octets)) = self.file(SYSTEM) {
            let password = self.manifest.password.as_ref();
            let password = password.map(|password| Secret::new(password.reveal()));
            if let Err(error) = copies::verify(&octets, password.as_ref()) {
                troubles.push(format!("{SYSTEM}: {error}"));
            }
        }
        troubles
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn octets(&self) -> u64 {
        self.manifest.files.iter().map(|file| file.octets).sum()
    }
}

fn digest(octets: &[u8]) -> String {
    crate::authority::hex(&Sha256::digest(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(at_ms: u64, reason: &str) -> Manifest {
        Manifest {
            at_ms,
            reason: reason.to_owned(),
            known: Known::default(),
            password: None,
            missing: Vec::new(),
            files: Vec::new(),
        }
    }

    fn place() -> (tempfile::TempDir, Backups) {
        let place = tempfile::tempdir().unwrap();
        let backups = Backups::at(place.path().join("backups"));
        (place, backups)
    }

    #[test]
    fn a_backup_comes_back_as_it_was_and_damage_is_seen() {
        let (_place, backups) = place();
        assert!(backups.find(None).is_err());
        let kept = backups.keep(
            manifest(1_700_000_000_000, "asked"),
            &[(EXPORT, b"/radius\n")],
        );
        let kept = kept.unwrap();
        assert_eq!(kept.id, "20231114-221320");
        let again = backups
            .keep(manifest(1_700_000_000_000, "asked"), &[])
            .unwrap();
        assert_eq!(again.id, "20231114-221320-2");
        let found = backups
            .find(Some("20231114-221320"))
            .unwrap_err()
            .to_string();
        assert!(found.contains("several"), "{found}");
        assert_eq!(kept.export().unwrap(), "/radius\n");
        fs::write(kept.path().join(EXPORT), "/radiuS\n").unwrap();
        assert!(matches!(kept.export(), Err(RouterError::Damaged { .. })));
    }

    #[test]
    fn old_ones_go_but_never_the_last_nor_the_first() {
        let (_place, backups) = place();
        let day = |number: u64| 1_700_000_000_000 + number * DAY_MS;
        for number in 0..6 {
            let reason = if number == 0 { "enrol" } else { "schedule" };
            backups
                .keep(manifest(day(number), reason), &[(EXPORT, b"x")])
                .unwrap();
        }
        let retention = Retention {
            keep: 3,
            days: None,
        };
        assert_eq!(backups.prune(retention, day(6)).unwrap().len(), 2);
        let days: Vec<u64> = backups
            .list()
            .unwrap()
            .iter()
            .map(|backup| backup.manifest.at_ms)
            .collect();
        assert_eq!(days, [day(5), day(4), day(3), day(0)]);
        let retention = Retention {
            keep: 10,
            days: Some(1),
        };
        backups.prune(retention, day(400)).unwrap();
        assert_eq!(backups.list().unwrap().len(), 2);
    }

    #[test]
    fn what_was_not_completed_is_not_there() {
        let (_place, backups) = place();
        fs::create_dir_all(backups.path.join(".draft-x")).unwrap();
        assert!(backups.list().unwrap().is_empty());
        backups.keep(manifest(1, "asked"), &[]).unwrap();
        assert!(!backups.path.join(".draft-x").exists());
    }
}
