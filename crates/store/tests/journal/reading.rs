use portreeve_aaa::port::JournalPosition;
use portreeve_store::journal::{Journal, Reader, Record};

pub(crate) const START: JournalPosition = JournalPosition {
    segment: 0,
    offset: 0,
};

/// Every durable record from the start of the journal.
pub(crate) fn everything(journal: &Journal) -> Vec<Vec<u8>> {
    drain(&mut journal.reader(), START)
        .into_iter()
        .map(|record| record.payload)
        .collect()
}

/// Every durable record behind `from`, in small batches.
pub(crate) fn drain(reader: &mut Reader, mut from: JournalPosition) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let batch = reader.read_from(from, 7, 1 << 20).unwrap();
        let Some(last) = batch.records.last() else {
            return all;
        };
        from = last.end;
        all.extend(batch.records);
    }
}
