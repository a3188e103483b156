//! The first message of a handshake, and what it tells before anything is decided.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The first octet of whatever begins a TLS connection.
pub(super) const HANDSHAKE: u8 = 0x16;
/// Longer greetings are not looked into.
pub(super) const LONGEST: usize = 0x1_0000;

const CLIENT_HELLO: u8 = 1;
const SUPPORTED_VERSIONS: u16 = 43;
const TLS_1_3: [u8; 2] = [3, 4];

/// The random octets of a client's greeting.
pub(super) type Random = [u8; 32];

/// What is read from a client's greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) random: Random,
    /// Whether TLS 1.3 is offered.
    pub(super) tls13: bool,
}

impl Hello {
    /// Reads a greeting from the records it came in; `None` where it is incomplete or malformed.
    pub(super) fn read(mut records: &[u8]) -> Option<Self> {
        let mut message = Vec::new();
        while !records.is_empty() {
            let (&[kind, _, _], rest) = records.split_first_chunk()?;
            let (fragment, rest) = counted::<2>(rest)?;
            if kind != HANDSHAKE {
                return None;
            }
            message.extend_from_slice(fragment);
            records = rest;
            if let Some(body) = Self::body(&message) {
                return Self::walk(body);
            }
        }
        None
    }

    /// The greeting within handshake messages, once it is complete.
    fn body(message: &[u8]) -> Option<&[u8]> {
        let (&CLIENT_HELLO, rest) = message.split_first()? else {
            return None;
        };
        counted::<3>(rest).map(|(body, _)| body)
    }

    fn walk(body: &[u8]) -> Option<Self> {
        let (_version, rest) = body.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk::<32>()?;
        let (_session, rest) = counted::<1>(rest)?;
        let (_ciphers, rest) = counted::<2>(rest)?;
        let (_compressions, rest) = counted::<1>(rest)?;
        let mut extensions = match rest {
            [] => rest,
            _ => counted::<2>(rest)?.0,
        };
        let mut tls13 = false;
        while !extensions.is_empty() {
            let (kind, rest) = extensions.split_first_chunk::<2>()?;
            let (value, rest) = counted::<2>(rest)?;
            if u16::from_be_bytes(*kind) == SUPPORTED_VERSIONS {
                let (versions, _) = counted::<1>(value)?;
                tls13 |= versions.chunks_exact(2).any(|version| version == TLS_1_3);
            }
            extensions = rest;
        }
        Some(Self {
            random: *random,
            tls13,
        })
    }

    /// The random octets of a greeting that begins `records`, without looking further.
    pub(super) fn random(records: &[u8]) -> Option<Random> {
        let (header, rest) = records.split_first_chunk::<11>()?;
        let begins = header[0] == HANDSHAKE && header[5] == CLIENT_HELLO;
        let (random, _) = rest.split_first_chunk()?;
        begins.then_some(*random)
    }
}

/// What follows a length of `N` octets, and what follows that.
fn counted<const N: usize>(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<N>()?;
    let length = length
        .iter()
        .fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet));
    rest.split_at_checked(length)
}

/// Recognises connections to ourselves: give one guard to the [`ServerConfig`](super::ServerConfig)
/// and the [`ClientConfig`](super::ClientConfig)s of one program that forwards requests.
///
/// It remembers the greetings that are on their way. One that arrives came from ourselves: a loop
/// that no certificate shows (radiusdtls-bis, "Loopback-Attack on endpoints acting as Server and
/// Client"). Clones are one and the same.
#[derive(Clone, Default)]
pub struct LoopGuard {
    /// Whether a greeting came back, by its random octets.
    outgoing: Arc<Mutex<HashMap<Random, bool>>>,
}

/// Greetings beyond this number are not remembered; a loop among them shows as ever more
/// connections, which have their own limits.
const MOST_OUTGOING: usize = 16_384;

impl LoopGuard {
    /// Remembers a greeting; to be done before its first octet goes out.
    pub(super) fn announce(&self, random: Random) -> Outgoing {
        let mut outgoing = self.lock();
        if outgoing.len() < MOST_OUTGOING {
            outgoing.insert(random, false);
        }
        Outgoing {
            guard: self.clone(),
            random,
        }
    }

    /// Whether a greeting that arrived here is one of ours; it learns of it.
    pub(super) fn is_ours(&self, random: &Random) -> bool {
        let mut outgoing = self.lock();
        let found = outgoing.get_mut(random);
        found.map(|came_back| *came_back = true).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Random, bool>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoopGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopGuard")
            .field("outgoing", &self.lock().len())
            .finish()
    }
}

/// A greeting that is on its way, until this is dropped.
#[derive(Debug)]
pub(super) struct Outgoing {
    guard: LoopGuard,
    random: Random,
}

impl Outgoing {
    /// Whether it arrived at ourselves.
    pub(super) fn came_back(&self) -> bool {
        self.guard.lock().get(&self.random) == Some(&true)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.guard.lock().remove(&self.random);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let length = u8::try_from(body.len()).unwrap();
        [&[CLIENT_HELLO, 0, 0, length], &body[..]].concat()
    }

    fn record(fragment: &[u8]) -> Vec<u8> {
        let length = u8::try_from(fragment.len()).unwrap();
        [&[HANDSHAKE, 3, 1, 0, length], fragment].concat()
    }

    #[test]
    fn versions_and_random_are_found_in_one_record_and_in_many() {
        let offers = hello(&[0, 43, 0, 5, 4, 3, 4, 3, 3]);
        let read = Hello::read(&record(&offers)).unwrap();
        assert_eq!(
            read,
            Hello {
                random: [7; 32],
                tls13: true
            }
        );
        let pieces: Vec<u8> = offers.chunks(5).flat_map(record).collect();
        assert_eq!(Hello::read(&pieces), Some(read));
        assert_eq!(Hello::random(&record(&offers)), Some([7; 32]));

        let older = hello(&[0, 0, 0, 0, 0, 43, 0, 3, 2, 3, 3]);
        assert!(!Hello::read(&record(&older)).unwrap().tls13);
        assert!(!Hello::read(&record(&hello(&[]))).unwrap().tls13);
    }

    #[test]
    fn every_cut_and_every_wrong_octet_is_survived() {
        let whole = record(&hello(&[0, 43, 0, 5, 4, 3, 4, 3, 3]));
        for cut in 0..whole.len() {
            assert_eq!(Hello::read(&whole[..cut]), None, "{cut}");
        }
        for index in 0..whole.len() {
            for wrong in [0, 1, 0x7f, 0xff] {
                let mut bent = whole.clone();
                bent[index] = wrong;
                if let Some(read) = Hello::read(&bent) {
                    assert!(read.random.contains(&7));
                }
            }
        }
    }

    #[test]
    fn only_greetings_on_their_way_are_ours_and_they_learn_of_it() {
        let (guard, random) = (LoopGuard::default(), [0xa5; 32]);
        assert!(!guard.is_ours(&random));
        let mine = guard.announce(random);
        assert!(!mine.came_back());
        assert!(!LoopGuard::default().is_ours(&random));
        assert!(guard.clone().is_ours(&random));
        assert!(mine.came_back());
        drop(mine);
        assert!(!guard.is_ours(&random));
    }
}
