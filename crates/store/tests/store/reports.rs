//! Accounting reports as a NAS would send them, and batches of them as the journal gives them.

use portreeve_aaa::{
    accounting::{Event, Record},
    port::{Batch, Entry, JournalPosition},
    session::{Session, Sessions},
};

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const START: u32 = 1;
pub(crate) const STOP: u32 = 2;
pub(crate) const INTERIM: u32 = 3;

/// A report to be, with the attributes that matter here.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) nas: &'static str,
    pub(crate) at_ms: u64,
    pub(crate) packet: Vec<u8>,
}

impl Report {
    pub(crate) fn new(status: u32, session: &str, user: &str, at_ms: u64) -> Self {
        let mut packet = vec![4, 1, 0, 0];
        packet.extend_from_slice(&[0; 16]);
        let report = Self {
            nas: "ap",
            at_ms,
            packet,
        };
        report
            .with(40, &status.to_be_bytes())
            .with(44, session.as_bytes())
            .with(1, user.as_bytes())
    }

    pub(crate) fn with(mut self, number: u8, value: &[u8]) -> Self {
        self.packet
            .extend_from_slice(&[number, u8::try_from(value.len() + 2).unwrap()]);
        self.packet.extend_from_slice(value);
        let length = u16::try_from(self.packet.len()).unwrap();
        self.packet[2..4].copy_from_slice(&length.to_be_bytes());
        self
    }

    pub(crate) fn at(self, nas: &'static str) -> Self {
        Self { nas, ..self }
    }

    pub(crate) fn entry(&self, offset: u64) -> Entry {
        let record = Record {
            received_ms: self.at_ms,
            nas: self.nas.into(),
            from: "192.0.2.1:1646".parse().unwrap(),
            packet: self.packet.clone(),
        };
        let event = Event::read(&record).unwrap();
        let mut fed = Vec::new();
        Event::identify(&record, &mut |piece| fed.extend_from_slice(piece)).unwrap();
        let mut digest = [0_u8; 16];
        for (index, octet) in fed.iter().enumerate() {
            digest[index % 16] = digest[index % 16].wrapping_mul(31).wrapping_add(*octet);
        }
        Entry {
            position: position(offset),
            record,
            event,
            digest,
        }
    }
}

pub(crate) fn position(offset: u64) -> JournalPosition {
    JournalPosition { segment: 1, offset }
}

/// A batch whose records end at `from + 1`, `from + 2`, ... with the sessions they make.
pub(crate) fn batch(from: u64, reports: &[Report]) -> Batch {
    let entries: Vec<Entry> = (from + 1..)
        .zip(reports)
        .map(|(offset, report)| report.entry(offset))
        .collect();
    let sessions = sessions(&entries);
    Batch {
        position: position(from + entries.len() as u64),
        entries,
        sessions,
    }
}

fn sessions(entries: &[Entry]) -> Vec<Session> {
    let mut table = Sessions::new(1000, []);
    for entry in entries {
        drop(table.apply(&entry.event));
    }
    table.changed()
}
