use super::record::{RecordError, put_bounded, take, take_bounded};
use crate::session::SessionKey;

/// Sessions that a NAS was seen not to have any more, though none of its reports says that they
/// have ended. The journal keeps it beside the reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// When the NAS was looked at, in milliseconds since 1970.
    pub seen_ms: u64,
    /// At most [`Absence::MOST`].
    pub sessions: Vec<SessionKey>,
}

/// What a record of a report has its version in; none of theirs is this one.
const FORM: u8 = 2;

impl Absence {
    /// The most sessions in one: their keys then fit into a record of the journal.
    pub const MOST: usize = 100;

    /// Appends its octets: form 2, time, and each session's octets and incarnation; integers
    /// big-endian. What is beyond [`MOST`](Self::MOST) is left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORM);
        out.extend_from_slice(&self.seen_ms.to_be_bytes());
        for key in self.sessions.iter().take(Self::MOST) {
            put_bounded(&key.octets, out);
            out.extend_from_slice(&key.incarnation.to_be_bytes());
        }
    }

    /// Whether octets of the journal are one, and not a report.
    pub(super) fn is_at_start_of(octets: &[u8]) -> bool {
        octets.first() == Some(&FORM)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// Octets that are not one.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = octets;
        let [form] = take::<1>(&mut rest)?;
        if form != FORM {
            return Err(RecordError::Version(form));
        }
        let seen_ms = u64::from_be_bytes(take(&mut rest)?);
        let mut sessions = Vec::new();
        while !rest.is_empty() {
            if sessions.len() == Self::MOST {
                return Err(RecordError::Damaged);
            }
            sessions.push(SessionKey {
                octets: take_bounded(&mut rest)?.to_vec(),
                incarnation: u32::from_be_bytes(take(&mut rest)?),
            });
        }
        Ok(Self { seen_ms, sessions })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            seen_ms: u64,
            keys in proptest::collection::vec((any::<Vec<u8>>(), any::<u32>()), 0..20),
        ) {
            let sessions = keys
                .into_iter()
                .map(|(octets, incarnation)| SessionKey { octets, incarnation })
                .collect();
            let absence = Absence { seen_ms, sessions };
            let mut octets = Vec::new();
            absence.encode(&mut octets);
            prop_assert_eq!(Absence::decode(&octets), Ok(absence));
            octets.push(0);
            prop_assert_eq!(Absence::decode(&octets), Err(RecordError::Damaged));
        }

        #[test]
        fn any_octets_are_read_or_refused(mut octets: Vec<u8>) {
            octets.insert(0, FORM);
            if let Ok(absence) = Absence::decode(&octets) {
                let mut again = Vec::new();
                absence.encode(&mut again);
                prop_assert_eq!(again, octets);
            }
        }
    }
}
