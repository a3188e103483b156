use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use portreeve_proto::{Packet, attr};

/// One authenticated Accounting-Request as it came: what the journal keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it arrived, in milliseconds since 1970.
    pub received_ms: u64,
    /// The name of the NAS that sent it, at most 253 octets.
    pub nas: String,
    /// Where it came from.
    pub from: SocketAddr,
    /// The packet, at most 4096 octets.
    pub packet: Vec<u8>,
}

/// Why octets are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecordError {
    /// Octets that mean nothing.
    #[error("the accounting record is damaged")]
    Damaged,
    /// Written by a later version of Portreeve.
    #[error("the accounting record has the unknown version {0}")]
    Version(u8),
}

/// Not 2, which is that of an absence.
const VERSION: u8 = 1;
const IPV4: u8 = 4;
const IPV6: u8 = 6;

impl Record {
    /// Whether the sender says itself when it happened (Event-Timestamp, RFC 2869 section 5.3).
    pub fn is_stamped(&self) -> bool {
        Packet::parse_within(&self.packet, Packet::MAX_STREAM)
            .is_ok_and(|packet| packet.has(attr::EVENT_TIMESTAMP))
    }

    /// Appends the record's octets: version 1, time, source, NAS name, packet; integers big-endian.
    ///
    /// A name or packet beyond its bound is cut, so that what was written can always be read;
    /// neither can come out of a definition or off the wire.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.received_ms.to_be_bytes());
        match self.from.ip() {
            IpAddr::V4(address) => {
                out.push(IPV4);
                out.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                out.push(IPV6);
                out.extend_from_slice(&address.octets());
            }
        }
        out.extend_from_slice(&self.from.port().to_be_bytes());
        put_bounded(self.nas.as_bytes(), out);
        put_bounded(&self.packet, out);
    }

    /// Reads what [`encode`](Self::encode) wrote; all of `octets` must be used.
    ///
    /// # Errors
    /// Octets that are not a record, or one of a later version.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = octets;
        match take::<1>(&mut rest)? {
            [VERSION] => {}
            [version] => return Err(RecordError::Version(version)),
        }
        let received_ms = u64::from_be_bytes(take(&mut rest)?);
        let address = match take::<1>(&mut rest)? {
            [IPV4] => IpAddr::V4(Ipv4Addr::from(take::<4>(&mut rest)?)),
            [IPV6] => IpAddr::V6(Ipv6Addr::from(take::<16>(&mut rest)?)),
            _ => return Err(RecordError::Damaged),
        };
        let port = u16::from_be_bytes(take(&mut rest)?);
        let nas = String::from_utf8(take_bounded(&mut rest)?.to_vec())
            .map_err(|_| RecordError::Damaged)?;
        let packet = take_bounded(&mut rest)?.to_vec();
        if !rest.is_empty() {
            return Err(RecordError::Damaged);
        }
        Ok(Self {
            received_ms,
            nas,
            from: SocketAddr::new(address, port),
            packet,
        })
    }
}

pub(super) fn put_bounded(octets: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&octets[..usize::from(len)]);
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RecordError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(RecordError::Damaged)?;
    *rest = tail;
    Ok(*head)
}

pub(super) fn take_bounded<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], RecordError> {
    let len = usize::from(u16::from_be_bytes(take(rest)?));
    let (head, tail) = rest.split_at_checked(len).ok_or(RecordError::Damaged)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            received_ms: u64,
            nas in ".{0,60}",
            address: IpAddr,
            port: u16,
            packet in proptest::collection::vec(any::<u8>(), 0..4096),
        ) {
            let record = Record { received_ms, nas, from: SocketAddr::new(address, port), packet };
            let mut octets = Vec::new();
            record.encode(&mut octets);
            prop_assert_eq!(Record::decode(&octets), Ok(record));
            octets.pop();
            prop_assert_eq!(Record::decode(&octets), Err(RecordError::Damaged));
        }

        #[test]
        fn any_octets_are_read_or_refused(octets: Vec<u8>) {
            if let Ok(record) = Record::decode(&octets) {
                let mut again = Vec::new();
                record.encode(&mut again);
                prop_assert_eq!(again, octets);
            }
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        assert_eq!(Record::decode(&[3, 0]), Err(RecordError::Version(3)));
        assert_eq!(Record::decode(&[]), Err(RecordError::Damaged));
    }
}
