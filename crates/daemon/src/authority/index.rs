//! What was issued: one record and one certificate in a file of its own for each.
//!
//! The certificate is written before its record, and a record is replaced as a whole, so a crash
//! tears neither. Where a record is damaged all the same, the certificate beside it says what it
//! was, and the revocation list whether it is revoked.

use std::{collections::BTreeSet, fs, io};

use super::{
    AuthorityError,
    details::{Details, Revoked, certificates},
    place::{ISSUED, OPEN, Place, SECRET},
    record::{Purpose, Record, Revocation},
};

/// The records, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) records: Vec<Record>,
    /// Serials of records that were damaged or missing and were made anew from the certificate.
    pub(super) recovered: BTreeSet<String>,
    /// What is wrong with the files, each naming its file.
    pub(crate) problems: Vec<AuthorityError>,
}

/// Reads all records. What `revoked` says of one counts even where the record says nothing.
pub(super) fn read(place: &Place, revoked: &Revoked) -> Result<Index, AuthorityError> {
    let mut index = Index::default();
    for serial in serials(place)? {
        let record = match read_record(place, &serial) {
            Ok(Some(record)) => Some(record),
            Ok(None) => recover(place, &serial, &mut index),
            Err(problem) => {
                index.problems.push(problem);
                recover(place, &serial, &mut index)
            }
        };
        index.records.extend(record);
    }
    for record in &mut index.records {
        if record.revoked.is_none() {
            let entry = revoked
                .entries
                .iter()
                .find(|(serial, _)| *serial == record.serial);
            record.revoked = entry.map(|(_, revocation)| *revocation);
        }
    }
    index
        .records
        .sort_by(|a, b| (a.not_before, &a.serial).cmp(&(b.not_before, &b.serial)));
    Ok(index)
}

/// What is known of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// We have not issued it.
    No,
    /// Its record says no evil; the revocation list is for the caller to look at.
    Good,
    Revoked(Revocation),
}

/// Looks for one certificate by its serial in hexadecimal. Where the record is damaged, the
/// certificate itself proves that it was issued.
pub(super) fn known(place: &Place, serial: &str) -> Known {
    if serial.is_empty() || !serial.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Known::No;
    }
    match read_record(place, serial) {
        Ok(Some(record)) => record.revoked.map_or(Known::Good, Known::Revoked),
        _ if place.path(&format!("{ISSUED}/{serial}.pem")).exists() => Known::Good,
        _ => Known::No,
    }
}

/// Keeps a record whose certificate is there.
pub(super) fn write(place: &Place, record: &Record) -> Result<(), AuthorityError> {
    let path = format!("{ISSUED}/{}.json", record.serial);
    let mut text = serde_json::to_vec_pretty(record).map_err(|error| AuthorityError::Damaged {
        path: place.path(&path),
        what: error.to_string(),
    })?;
    text.push(b'\n');
    place.write(&path, &text, SECRET)
}

/// Keeps a certificate and its record.
pub(super) fn add(place: &Place, record: &Record, pem: &str) -> Result<(), AuthorityError> {
    let path = format!("{ISSUED}/{}.pem", record.serial);
    place.write(&path, pem.as_bytes(), OPEN)?;
    write(place, record)
}

/// The certificate of a record, in DER.
pub(super) fn certificate(place: &Place, serial: &str) -> Result<Vec<u8>, AuthorityError> {
    let path = format!("{ISSUED}/{serial}.pem");
    let text = place.read(&path)?;
    certificates(&text)
        .into_iter()
        .next()
        .ok_or_else(|| AuthorityError::Damaged {
            path: place.path(&path),
            what: "holds no certificate".to_owned(),
        })
}

fn serials(place: &Place) -> Result<BTreeSet<String>, AuthorityError> {
    let folder = place.path(ISSUED);
    let failed = |source| AuthorityError::File {
        doing: "read",
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut serials = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        let serial = name.strip_suffix(".json").or(name.strip_suffix(".pem"));
        // What begins with a dot is being written, or was when the power went.
        serials.extend(
            serial
                .filter(|serial| !serial.starts_with('.'))
                .map(str::to_owned),
        );
    }
    Ok(serials)
}

fn read_record(place: &Place, serial: &str) -> Result<Option<Record>, AuthorityError> {
    let path = format!("{ISSUED}/{serial}.json");
    let Some(text) = place.read_if_there(&path)? else {
        return Ok(None);
    };
    let broken = |line, what| AuthorityError::Record {
        path: place.path(&path),
        line,
        what,
    };
    let record: Record = serde_json::from_str(&text)
        .map_err(|error| broken(error.line(), format!("the record is damaged: {error}")))?;
    if record.serial != serial {
        let what = format!("the record is of another certificate, {}", record.serial);
        return Err(broken(1, what));
    }
    Ok(Some(record))
}

fn recover(place: &Place, serial: &str, index: &mut Index) -> Option<Record> {
    let read = certificate(place, serial).and_then(|der| {
        let details = Details::of(&der);
        details.map_err(|what| AuthorityError::Damaged {
            path: place.path(&format!("{ISSUED}/{serial}.pem")),
            what,
        })
    });
    match read {
        Ok(details) => {
            index.recovered.insert(serial.to_owned());
            let purpose = details.purpose.unwrap_or(Purpose::Peer);
            let name = if purpose.is_ours() {
                purpose.as_str()
            } else {
                &details.common_name
            };
            Some(Record::of(&details, name, purpose))
        }
        Err(problem) => {
            index.problems.push(problem);
            None
        }
    }
}
