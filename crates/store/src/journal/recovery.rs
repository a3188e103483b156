//! Opening a journal: the lock, the segments that are there, and the torn end of the last.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    Damage, Doing, JournalError, JournalPosition,
    format::{Cursor, HEADER_LEN, HEADER_SIZE, Header, HeaderError, MAX_GROUP, Step},
    layer::{self, Layer, LayerFile, LockGuard},
    writer::Active,
};

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// Whole records in all segments.
    pub records: u64,
    /// Segments that were there.
    pub segments: usize,
    /// Bytes cut behind the last whole record: a write that was never answered.
    pub cut_bytes: u64,
    /// Segments that should lie between others and are not there, as (first, last). Somebody
    /// removed them; what they held is lost unless it was applied.
    pub missing: Vec<(u64, u64)>,
    /// The journal ended before what the store had applied, so a new segment was begun behind that.
    pub behind_store: bool,
}

pub(super) struct Recovered {
    pub(super) active: Active,
    pub(super) segments: BTreeMap<u64, u64>,
    pub(super) report: Recovery,
    pub(super) lock: LockGuard,
}

pub(super) fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:016}.seg"))
}

fn segment_number(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".seg")?;
    let number: u64 = digits.parse().ok()?;
    (number > 0 && format!("{number:016}") == digits).then_some(number)
}

pub(super) fn recover(
    layer: &dyn Layer,
    dir: &Path,
    applied: JournalPosition,
) -> Result<Recovered, JournalError> {
    layer.prepare(dir).map_err(Doing::Prepare.to(dir))?;
    let lock_path = dir.join("lock");
    let lock = layer.lock(&lock_path).map_err(Doing::Lock.to(&lock_path))?;
    let lock = lock.ok_or_else(|| JournalError::InUse {
        dir: dir.to_owned(),
    })?;
    let names = layer.list(dir).map_err(Doing::List.to(dir))?;
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| segment_number(name))
        .collect();
    numbers.sort_unstable();

    let mut report = Recovery {
        segments: numbers.len(),
        ..Recovery::default()
    };
    let mut segments = BTreeMap::new();
    let mut active: Option<Active> = None;
    for (index, &number) in numbers.iter().enumerate() {
        let scan = Scan {
            layer,
            dir,
            number,
            last: index + 1 == numbers.len(),
        };
        let previous = index
            .checked_sub(1)
            .and_then(|before| numbers.get(before))
            .copied();
        let segment = scan.segment(previous, &mut report)?;
        segments.insert(number, segment.length);
        active = Some(segment);
    }
    let active = continue_behind(layer, dir, applied, active, &mut report)?;
    segments.insert(active.number, active.length);
    Ok(Recovered {
        active,
        segments,
        report,
        lock,
    })
}

/// The segment to go on in: the last one, unless the store has applied more than the journal has.
fn continue_behind(
    layer: &dyn Layer,
    dir: &Path,
    applied: JournalPosition,
    last: Option<Active>,
    report: &mut Recovery,
) -> Result<Active, JournalError> {
    let previous = last.as_ref().map_or(0, |active| active.number);
    if let Some(active) = last {
        let end = JournalPosition {
            segment: active.number,
            offset: active.length,
        };
        if end >= applied {
            return Ok(active);
        }
    }
    report.behind_store = applied > JournalPosition::default();
    let number = applied.segment.max(previous).saturating_add(1);
    Active::create(layer, dir, number, previous)
        .map_err(Doing::Create.to(&segment_path(dir, number)))
}

/// One segment being read at start.
struct Scan<'a> {
    layer: &'a dyn Layer,
    dir: &'a Path,
    number: u64,
    last: bool,
}

impl Scan<'_> {
    fn path(&self) -> PathBuf {
        segment_path(self.dir, self.number)
    }

    fn segment(&self, before: Option<u64>, report: &mut Recovery) -> Result<Active, JournalError> {
        let path = self.path();
        let reading = || Doing::Read.to(&path);
        let file = self.layer.open(&path).map_err(reading())?;
        let size = file.length().map_err(reading())?;
        let Some(header) = self.header(file.as_ref(), size)? else {
            report.cut_bytes += size;
            drop(file);
            return Active::create(self.layer, self.dir, self.number, before.unwrap_or(0))
                .map_err(Doing::Create.to(&path));
        };
        if let Some(before) = before
            && header.previous > before
        {
            report.missing.push((before + 1, header.previous));
        }
        let length = self.records(file.as_ref(), size, report)?;
        if length < size {
            report.cut_bytes += size - length;
            file.truncate(length).map_err(Doing::Cut.to(&path))?;
            file.sync().map_err(Doing::Cut.to(&path))?;
        }
        Ok(Active {
            number: self.number,
            file,
            length,
        })
    }

    /// The header, or `None` when the segment was being created and holds nothing yet.
    fn header(&self, file: &dyn LayerFile, size: u64) -> Result<Option<Header>, JournalError> {
        let mut bytes = [0; HEADER_SIZE];
        let read = layer::read_full(file, &mut bytes, 0).map_err(Doing::Read.to(&self.path()))?;
        let damage = match Header::decode(bytes.get(..read).unwrap_or_default()) {
            Ok(header) if header.segment == self.number => return Ok(Some(header)),
            Ok(_) => Damage::Misnamed,
            Err(HeaderError::Newer(version)) => {
                return Err(JournalError::Newer {
                    path: self.path(),
                    version,
                });
            }
            Err(HeaderError::Damaged) if self.last && size <= HEADER_LEN => return Ok(None),
            Err(HeaderError::Damaged) => Damage::Header,
        };
        Err(JournalError::Header {
            path: self.path(),
            damage,
        })
    }

    /// Counts the records and says where the last whole one ends.
    fn records(
        &self,
        file: &dyn LayerFile,
        size: u64,
        report: &mut Recovery,
    ) -> Result<u64, JournalError> {
        let mut cursor = Cursor::new(file, HEADER_LEN, size);
        loop {
            match cursor.advance().map_err(Doing::Read.to(&self.path()))? {
                Step::Record { .. } => report.records += 1,
                Step::End => return Ok(size),
                Step::Damaged { offset, .. } if self.last && size - offset <= MAX_GROUP as u64 => {
                    return Ok(offset);
                }
                Step::Damaged { offset, damage } => {
                    return Err(JournalError::Damaged {
                        path: self.path(),
                        offset,
                        damage,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_the_journal_gives_are_segments() {
        assert_eq!(segment_number(OsStr::new("0000000000000012.seg")), Some(12));
        for name in [
            "12.seg",
            "0000000000000000.seg",
            "lock",
            "0000000000000012.seg~",
            "+1.seg",
        ] {
            assert_eq!(segment_number(OsStr::new(name)), None, "{name}");
        }
    }
}
