//! The one thread that writes: groups, syncs, new segments, and what happens when the disk fails.

use std::{
    io,
    path::Path,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
};

use super::{
    AppendError, JournalPosition, Shared,
    append::Pending,
    format::{HEADER_LEN, Header, MAX_GROUP},
    layer::{self, Layer, LayerFile},
    recovery,
};

/// The segment being written.
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) file: Box<dyn LayerFile>,
    /// The durable length; every byte before it belongs to a whole record.
    pub(super) length: u64,
}

impl Active {
    /// Creates segment `number` with nothing but its header, durably.
    pub(super) fn create(
        layer: &dyn Layer,
        dir: &Path,
        number: u64,
        previous: u64,
    ) -> io::Result<Self> {
        let file = layer.create(&recovery::segment_path(dir, number))?;
        let header = Header {
            segment: number,
            previous,
        }
        .encode();
        layer::write_all(file.as_ref(), &header, 0)?;
        file.sync()?;
        layer.sync_dir(dir)?;
        Ok(Self {
            number,
            file,
            length: HEADER_LEN,
        })
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    active: Active,
    /// There may be bytes behind the durable length.
    torn: bool,
    /// A file for the next segment may exist, so the active one takes no more records.
    sealed: bool,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, active: Active) -> Self {
        Self {
            shared,
            active,
            torn: false,
            sealed: false,
            buffer: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        while let Some(group) = self.take() {
            self.commit(group);
        }
    }

    /// Waits for records and takes as many as one sync may cover; `None` when closed and empty.
    fn take(&self) -> Option<Vec<Pending>> {
        let room = usize::try_from(self.shared.options.segment_bytes.saturating_sub(HEADER_LEN));
        let limit = room.unwrap_or(usize::MAX).min(MAX_GROUP);
        let mut queue = self.shared.queue();
        while queue.waiting.is_empty() {
            if queue.closed {
                return None;
            }
            queue.writer_idle = true;
            queue = self
                .shared
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let mut count = 0;
        for pending in &queue.waiting {
            bytes += pending.size();
            if count > 0 && bytes > limit {
                bytes -= pending.size();
                break;
            }
            count += 1;
        }
        queue.bytes -= bytes;
        Some(queue.waiting.drain(..count).collect())
    }

    fn commit(&mut self, group: Vec<Pending>) {
        self.buffer.clear();
        for pending in &group {
            self.buffer.extend_from_slice(&pending.frame);
            self.buffer.extend_from_slice(&pending.payload);
        }
        let written = self.write();
        let tally = &self.shared.tally;
        match written {
            Ok(mut offset) => {
                tally.appended.fetch_add(group.len() as u64, Relaxed);
                tally.groups.fetch_add(1, Relaxed);
                self.publish();
                for pending in group {
                    offset += pending.size() as u64;
                    pending.decide(Ok(JournalPosition {
                        segment: self.active.number,
                        offset,
                    }));
                }
            }
            Err(error) => {
                let fault = AppendError::of(&error);
                tally.failed.fetch_add(group.len() as u64, Relaxed);
                self.raise(fault, &error);
                for pending in group {
                    pending.decide(Err(fault));
                }
                if let Err(error) = self.repair() {
                    tracing::debug!(%error, "the journal's torn end stays until the next attempt");
                }
            }
        }
    }

    /// Makes the buffer durable and says where it begins.
    fn write(&mut self) -> io::Result<u64> {
        self.repair()?;
        let full =
            self.active.length + self.buffer.len() as u64 > self.shared.options.segment_bytes;
        if self.sealed || full && self.active.length > HEADER_LEN {
            self.roll()?;
        }
        let offset = self.active.length;
        self.torn = true;
        layer::write_all(self.active.file.as_ref(), &self.buffer, offset)?;
        self.active.file.sync()?;
        self.torn = false;
        self.active.length += self.buffer.len() as u64;
        Ok(offset)
    }

    /// Takes back what a failed group left. Nothing is written before this succeeded, so a segment
    /// that has a successor never ends in half a record.
    fn repair(&mut self) -> io::Result<()> {
        if self.torn {
            self.active.file.truncate(self.active.length)?;
            self.active.file.sync()?;
            self.torn = false;
        }
        Ok(())
    }

    fn roll(&mut self) -> io::Result<()> {
        self.sealed = true;
        let (layer, dir) = (self.shared.layer.as_ref(), self.shared.dir.as_path());
        let active = Active::create(layer, dir, self.active.number + 1, self.active.number)?;
        self.active = active;
        self.sealed = false;
        Ok(())
    }

    fn publish(&self) {
        let mut durable = self.shared.durable();
        durable
            .segments
            .insert(self.active.number, self.active.length);
        let recovered = durable.alarm.take();
        drop(durable);
        self.shared.advanced.notify_all();
        if let Some(fault) = recovered {
            tracing::info!(%fault, "the journal can be written again");
        }
    }

    /// Logs once when the alarm begins, not once for each group that fails.
    fn raise(&self, fault: AppendError, error: &io::Error) {
        let before = self.shared.durable().alarm.replace(fault);
        if before.is_none() {
            let dir = self.shared.dir.display();
            tracing::error!(%error, %dir, "accounting is not being recorded and not answered");
        }
    }
}

impl Drop for Writer {
    /// Also runs when the thread unwinds: nobody may wait for a writer that is gone.
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let left = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(left);
        self.shared.durable().closed = true;
        self.shared.advanced.notify_all();
    }
}
