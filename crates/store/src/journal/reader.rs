//! Reading what is durable, and letting go of what is applied.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Damage, JournalPosition, Shared,
    format::{Cursor, Step},
    layer::LayerFile,
};

/// One durable record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The position behind the record: read on from here when it is applied.
    pub end: JournalPosition,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// Records in the order in which they became durable.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Batch {
    /// The records; empty when there are no more.
    pub records: Vec<Record>,
}

/// Why durable records cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The segment could not be read.
    #[error("the journal could not read {}: {source}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The segment was whole when it was written or opened, and is not any more.
    #[error(
        "{} is damaged at byte {offset}: {damage}. Stop the server and restore the file from a \
         backup, or give up what follows in it: copy it elsewhere, then `truncate -s {offset}` it",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the damage starts.
        offset: u64,
        /// What is wrong there.
        damage: Damage,
    },
}

/// Reads the durable records of one journal and releases its segments.
pub struct Reader {
    shared: Arc<Shared>,
    open: Option<(u64, Box<dyn LayerFile>)>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("dir", &self.shared.dir)
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None }
    }

    /// The records behind `position` that are durable now: at most `records`, from one segment, and
    /// no more once their payloads are `bytes` long together (at least one, if there is one).
    /// A position in a segment that is gone reads on in the next one that is there.
    pub fn read_from(
        &mut self,
        position: JournalPosition,
        records: usize,
        bytes: usize,
    ) -> Result<Batch, ReadError> {
        let mut batch = Batch::default();
        let Some((segment, offset, limit)) = self.shared.durable().locate(position) else {
            return Ok(batch);
        };
        let path = self.shared.path(segment);
        let failed = |source| ReadError::Io {
            path: self.shared.path(segment),
            source,
        };
        let file = match self.open.take() {
            Some((open, file)) if open == segment => file,
            _ => self.shared.layer.open(&path).map_err(failed)?,
        };
        let mut cursor = Cursor::new(file.as_ref(), offset, limit);
        let mut size = 0;
        while batch.records.len() < records && (size < bytes || size == 0) {
            match cursor.advance().map_err(failed)? {
                Step::Record { end, payload } => {
                    size += payload.len();
                    let end = JournalPosition {
                        segment,
                        offset: end,
                    };
                    batch.records.push(Record {
                        end,
                        payload: payload.to_vec(),
                    });
                }
                Step::End => break,
                Step::Damaged { .. } if !batch.records.is_empty() => break,
                Step::Damaged { offset, damage } => {
                    return Err(ReadError::Damaged {
                        path,
                        offset,
                        damage,
                    });
                }
            }
        }
        drop(cursor);
        self.open = Some((segment, file));
        Ok(batch)
    }

    /// Waits until there is a durable record behind `position`, at most for `patience`. False when
    /// there is none by then, or when the journal is closed and there will be none.
    pub fn wait(&self, position: JournalPosition, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut durable = self.shared.durable();
        while durable.locate(position).is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if durable.closed || left.is_zero() {
                return false;
            }
            let waited = self.shared.advanced.wait_timeout(durable, left);
            durable = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// True when the journal is closed: what is durable now is all there will be.
    pub fn closed(&self) -> bool {
        self.shared.durable().closed
    }

    /// The position behind the last durable record.
    pub fn end(&self) -> JournalPosition {
        self.shared.durable().end()
    }

    /// Removes the segments whose records all lie before `applied`, oldest first. The segment being
    /// written stays. Says how many were removed.
    pub fn release(&mut self, applied: JournalPosition) -> Result<usize, ReadError> {
        let done: Vec<u64> = {
            let durable = self.shared.durable();
            let last = durable.end().segment;
            let before = durable.segments.range(..last);
            before
                .map(|(&segment, &offset)| JournalPosition { segment, offset })
                .take_while(|end| *end <= applied)
                .map(|end| end.segment)
                .collect()
        };
        for &segment in &done {
            self.open.take_if(|(open, _)| *open == segment);
            let path = self.shared.path(segment);
            match self.shared.layer.remove(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ReadError::Io { path, source });
                }
                _ => self.shared.durable().segments.remove(&segment),
            };
        }
        Ok(done.len())
    }
}
