use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::kernel::Message;
use crate::layout::{Control, Local, Name, canonical};
use crate::{LONGEST, MOST_AT_ONCE};

const DEFAULT_CAPACITY: usize = 64;

/// A queue of datagrams that wait for [`Socket::send`](crate::Socket::send), each with its own
/// source address.
///
/// Its memory is made once. `Debug` shows numbers only, never what is to be sent.
pub struct Outbox {
    /// All places; the first `queued` are waiting, in order.
    places: Vec<Place>,
    queued: usize,
}

pub(crate) struct Place {
    octets: Vec<u8>,
    name: Name,
    name_length: usize,
    control: Control,
    control_length: usize,
}

/// Why a datagram was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PushError {
    /// Every place is taken: send first.
    Full,
    /// The datagram is longer than [`LONGEST`].
    TooLong,
    /// Source and destination are not both IPv4 or both IPv6.
    MixedFamilies,
}

/// What became of an outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SendReport {
    /// Datagrams that the kernel took.
    pub sent: usize,
    /// Datagrams still queued because the socket's send buffer is full: wait until the socket is
    /// writable and send again.
    pub kept: usize,
    /// Datagrams that were given up.
    pub failed: Failures,
}

/// Datagrams that were given up, counted by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    counts: [usize; SendFault::ALL.len()],
    last: Option<i32>,
}

/// The reasons for giving a datagram up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendFault {
    /// There is no way to the destination, or none from that source: some kernels say this of a
    /// source that is not an address of this machine.
    Unreachable,
    /// A firewall or the system forbids it (also: broadcast).
    Forbidden,
    /// Source or destination cannot be used: the source is not an address of this machine, the
    /// port is 0, or the family is not the socket's.
    BadAddress,
    /// The datagram is too long for the way.
    TooLong,
    /// The system is out of buffers.
    NoBuffers,
    /// Anything else.
    Other,
}

impl Outbox {
    /// An outbox of 64 datagrams: 256 KiB.
    pub fn new() -> Outbox {
        Outbox::with_capacity(DEFAULT_CAPACITY)
    }

    /// An outbox of `capacity` datagrams, at least 1, each with its [`LONGEST`] octets.
    pub fn with_capacity(capacity: usize) -> Outbox {
        let capacity = capacity.max(1);
        let mut places = Vec::with_capacity(capacity);
        places.resize_with(capacity, Place::new);
        Outbox { places, queued: 0 }
    }

    /// How many datagrams have room.
    pub fn capacity(&self) -> usize {
        self.places.len()
    }

    /// How many datagrams wait.
    pub fn len(&self) -> usize {
        self.queued
    }

    /// `true` if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// `true` if no further datagram can be queued.
    pub fn is_full(&self) -> bool {
        self.queued == self.places.len()
    }

    /// Forgets everything that waits.
    pub fn clear(&mut self) {
        self.queued = 0;
    }

    /// Queues a copy of `octets` for `to`, to leave from `source` if one is given.
    pub fn push_slice(
        &mut self,
        to: SocketAddr,
        source: Option<Local>,
        octets: &[u8],
    ) -> Result<(), PushError> {
        if octets.len() > LONGEST {
            return Err(PushError::TooLong);
        }
        self.push(to, source, |buffer| buffer.extend_from_slice(octets))
    }

    /// Queues for `to` what `fill` writes into the empty buffer that it is given, to leave from
    /// `source` if one is given. If it leaves the buffer empty, nothing is queued.
    ///
    /// The buffer has room for [`LONGEST`] octets; only more than that allocates, and is then
    /// refused. Returns what `fill` returns, which is not called if the outbox is full or the
    /// addresses are of two families.
    pub fn push<R>(
        &mut self,
        to: SocketAddr,
        source: Option<Local>,
        fill: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, PushError> {
        let (to, source) = agreed(to, source)?;
        let place = self.places.get_mut(self.queued).ok_or(PushError::Full)?;
        place.octets.clear();
        let result = fill(&mut place.octets);
        if place.octets.len() > LONGEST {
            place.octets = Vec::with_capacity(LONGEST);
            return Err(PushError::TooLong);
        }
        (place.name, place.name_length) = Name::write(to);
        (place.control, place.control_length) = Control::write(source);
        if !place.octets.is_empty() {
            self.queued += 1;
        }
        Ok(result)
    }

    /// Hands everything to `transmit`, which takes some from the front and says how many, or fails
    /// for the first one. That one is then counted and skipped, unless the socket is only busy.
    pub(crate) fn flush(
        &mut self,
        mut transmit: impl FnMut(&[Place]) -> io::Result<usize>,
    ) -> SendReport {
        let mut report = SendReport::default();
        let mut done = 0;
        while done < self.queued {
            let end = self.queued.min(done + MOST_AT_ONCE);
            match transmit(&self.places[done..end]) {
                Ok(0) => break,
                Ok(sent) => {
                    report.sent += sent;
                    done += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    report.failed.add(&error);
                    done += 1;
                }
            }
        }
        // The places that are free again go behind those that still wait.
        self.places[..self.queued].rotate_left(done);
        self.queued -= done;
        report.kept = self.queued;
        report
    }
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox::new()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("capacity", &self.places.len())
            .field("queued", &self.queued)
            .finish()
    }
}

impl Place {
    fn new() -> Place {
        Place {
            octets: Vec::with_capacity(LONGEST),
            name: Name::EMPTY,
            name_length: 0,
            control: Control::EMPTY,
            control_length: 0,
        }
    }

    pub(crate) fn message(&self) -> Message<'_> {
        Message {
            octets: &self.octets,
            name: &self.name,
            name_length: self.name_length,
            control: &self.control,
            control_length: self.control_length,
        }
    }
}

/// Source and destination in plain form. The kernel would ignore a source of the other family in
/// silence and answer from a wrong address, so that is an error here.
pub(crate) fn agreed(
    to: SocketAddr,
    source: Option<Local>,
) -> Result<(SocketAddr, Option<Local>), PushError> {
    let to = canonical(to);
    let source = source.map(|local| Local {
        address: local.address.to_canonical(),
        ..local
    });
    match source {
        Some(local) if local.address.is_ipv4() != to.is_ipv4() => Err(PushError::MixedFamilies),
        _ => Ok((to, source)),
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full => f.write_str("the outbox is full"),
            PushError::TooLong => write!(f, "the datagram is longer than {LONGEST} octets"),
            PushError::MixedFamilies => {
                f.write_str("source and destination are not both IPv4 or both IPv6")
            }
        }
    }
}

impl Error for PushError {}

impl Failures {
    /// How many datagrams were given up for this reason.
    pub fn count(&self, fault: SendFault) -> usize {
        self.counts[fault as usize]
    }

    /// How many datagrams were given up.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (SendFault, usize)> {
        SendFault::ALL
            .into_iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
    }

    /// The system's words for the last failure, for a log line.
    pub fn last(&self) -> Option<io::Error> {
        self.last.map(io::Error::from_raw_os_error)
    }

    fn add(&mut self, error: &io::Error) {
        self.counts[SendFault::of(error) as usize] += 1;
        self.last = error.raw_os_error().or(self.last);
    }
}

impl SendFault {
    /// Every reason, in the order of their declaration.
    pub const ALL: [SendFault; 6] = [
        SendFault::Unreachable,
        SendFault::Forbidden,
        SendFault::BadAddress,
        SendFault::TooLong,
        SendFault::NoBuffers,
        SendFault::Other,
    ];

    fn of(error: &io::Error) -> SendFault {
        match error.raw_os_error() {
            Some(
                libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::ENETDOWN
                | libc::EHOSTDOWN
                | libc::ECONNREFUSED,
            ) => SendFault::Unreachable,
            Some(libc::EPERM | libc::EACCES) => SendFault::Forbidden,
            Some(
                libc::EINVAL
                | libc::EADDRNOTAVAIL
                | libc::EAFNOSUPPORT
                | libc::EDESTADDRREQ
                | libc::ENODEV,
            ) => SendFault::BadAddress,
            Some(libc::EMSGSIZE) => SendFault::TooLong,
            Some(libc::ENOBUFS | libc::ENOMEM) => SendFault::NoBuffers,
            _ => SendFault::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> SocketAddr {
        "192.0.2.1:1812".parse().unwrap()
    }

    /// An outbox of `count` datagrams, each of one octet: its number.
    fn numbered(count: u8) -> Outbox {
        let mut outbox = Outbox::with_capacity(usize::from(count));
        for number in 0..count {
            outbox.push_slice(peer(), None, &[number]).unwrap();
        }
        outbox
    }

    fn numbers(places: &[Place]) -> Vec<u8> {
        places.iter().map(|place| place.octets[0]).collect()
    }

    fn error(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn busy_socket_keeps_the_rest_in_order() {
        let mut outbox = numbered(5);
        let mut calls = 0;
        let report = outbox.flush(|_| {
            calls += 1;
            if calls == 1 {
                Ok(2)
            } else {
                Err(error(libc::EAGAIN))
            }
        });
        assert_eq!((report.sent, report.kept, report.failed.total()), (2, 3, 0));
        outbox.push_slice(peer(), None, &[9]).unwrap();

        let mut seen = Vec::new();
        let report = outbox.flush(|places| {
            seen.extend(numbers(places));
            Ok(places.len())
        });
        assert_eq!((report.sent, report.kept), (4, 0));
        assert_eq!(seen, [2, 3, 4, 9]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn failing_datagrams_are_counted_and_the_others_go() {
        let mut outbox = numbered(100);
        let mut sent: Vec<u8> = Vec::new();
        let report = outbox.flush(|places| {
            let good = numbers(places)
                .into_iter()
                .take_while(|number| number % 10 != 3);
            let good: Vec<u8> = good.collect();
            sent.extend(&good);
            if good.is_empty() {
                Err(error(libc::EHOSTUNREACH))
            } else {
                Ok(good.len())
            }
        });
        assert_eq!(
            sent,
            (0..100)
                .filter(|number| number % 10 != 3)
                .collect::<Vec<u8>>()
        );
        assert_eq!((report.sent, report.kept), (90, 0));
        assert_eq!(report.failed.count(SendFault::Unreachable), 10);
        assert_eq!(
            report.failed.iter().collect::<Vec<_>>(),
            [(SendFault::Unreachable, 10)]
        );
        assert_eq!(
            report.failed.last().unwrap().raw_os_error(),
            Some(libc::EHOSTUNREACH)
        );
    }

    #[test]
    fn no_call_gets_more_than_the_kernel_is_given() {
        let mut outbox = numbered(200);
        let mut longest = 0;
        let report = outbox.flush(|places| {
            longest = longest.max(places.len());
            Ok(places.len())
        });
        assert_eq!((report.sent, longest), (200, MOST_AT_ONCE));
    }

    #[test]
    fn errors_have_their_own_reasons() {
        let cases = [
            (libc::ENETUNREACH, SendFault::Unreachable),
            (libc::EPERM, SendFault::Forbidden),
            (libc::EINVAL, SendFault::BadAddress),
            (libc::EMSGSIZE, SendFault::TooLong),
            (libc::ENOBUFS, SendFault::NoBuffers),
            (libc::EIO, SendFault::Other),
        ];
        for (code, fault) in cases {
            assert_eq!(SendFault::of(&error(code)), fault);
        }
        for (index, fault) in SendFault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, index);
        }
    }

    #[test]
    fn full_outbox_says_so() {
        let mut outbox = numbered(2);
        assert!(outbox.is_full());
        assert_eq!(outbox.push_slice(peer(), None, b"x"), Err(PushError::Full));
        outbox.clear();
        assert_eq!(outbox.push_slice(peer(), None, b"x"), Ok(()));
    }

    #[test]
    fn overlong_datagram_is_refused_and_its_memory_given_back() {
        let mut outbox = Outbox::with_capacity(1);
        assert_eq!(
            outbox.push_slice(peer(), None, &[0; LONGEST + 1]),
            Err(PushError::TooLong)
        );
        let refused = outbox.push(peer(), None, |buffer| buffer.resize(100_000, 0));
        assert_eq!(refused, Err(PushError::TooLong));
        assert_eq!(outbox.places[0].octets.capacity(), LONGEST);
        assert!(outbox.is_empty());
        assert_eq!(outbox.push_slice(peer(), None, &[0; LONGEST]), Ok(()));
    }

    #[test]
    fn nothing_written_queues_nothing() {
        let mut outbox = Outbox::with_capacity(1);
        assert_eq!(outbox.push(peer(), None, |_| "no answer"), Ok("no answer"));
        assert!(outbox.is_empty());
    }

    #[test]
    fn source_of_the_other_family_is_refused() {
        let mut outbox = Outbox::with_capacity(1);
        let v6 = Some(Local {
            address: "::1".parse().unwrap(),
            interface: 0,
        });
        assert_eq!(
            outbox.push_slice(peer(), v6, b"x"),
            Err(PushError::MixedFamilies)
        );
        let mapped = Some(Local {
            address: "::ffff:192.0.2.2".parse().unwrap(),
            interface: 0,
        });
        assert_eq!(outbox.push_slice(peer(), mapped, b"x"), Ok(()));
    }
}
