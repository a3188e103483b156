use std::sync::atomic::{AtomicU64, Ordering};

use portreeve_proto::{Code, Discard, Incoming};

use crate::tls::Hangup;

const REQUESTS: [Code; 4] = [
    Code::ACCESS_REQUEST,
    Code::ACCOUNTING_REQUEST,
    Code::COA_REQUEST,
    Code::DISCONNECT_REQUEST,
];
const REPLIES: [Code; 9] = [
    Code::ACCESS_ACCEPT,
    Code::ACCESS_REJECT,
    Code::ACCESS_CHALLENGE,
    Code::ACCOUNTING_RESPONSE,
    Code::COA_ACK,
    Code::COA_NAK,
    Code::DISCONNECT_ACK,
    Code::DISCONNECT_NAK,
    Code::PROTOCOL_ERROR,
];

/// What a server has done since it started: a snapshot, summed over its workers.
///
/// Every datagram received ends up in exactly one of `discarded`, `replayed`, `status`, `replies`,
/// `superseded`, or, for now, `in_flight` and `delayed`; but one that is answered with a plain
/// reject because the handler's answer does not fit a packet is counted under
/// [`Discard::ReplyUnencodable`] too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams that came, whatever they held.
    pub received: u64,
    /// Status-Server requests answered.
    pub status: u64,
    /// Retransmissions that got the answer they had got before.
    pub replayed: u64,
    /// Requests whose sender had sent another in their place before they were answered.
    pub superseded: u64,
    /// Datagrams that the system took for sending.
    pub sent: u64,
    /// Answers that the system did not take for sending.
    pub unsent: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Requests whose handler is at work now.
    pub in_flight: u64,
    /// Rejects that are being held back now.
    pub delayed: u64,
    /// Connections that were opened.
    pub accepted: u64,
    /// Connections that are open now.
    pub connections: u64,
    /// Handshakes that are under way now.
    pub half_open: u64,
    hung_up: ByHangup<u64>,
    requests: [u64; REQUESTS.len()],
    replies: [u64; REPLIES.len()],
    discarded: [u64; Discard::ALL.len()],
}

impl Counters {
    /// Requests handed to the handler, by their code; 0 for any code that no handler sees.
    pub fn requests(&self, code: Code) -> u64 {
        at(&REQUESTS, &self.requests, code)
    }

    /// Answers given, by their code; 0 for any code that is no answer. Repeated answers and those
    /// to Status-Server are counted elsewhere.
    pub fn replies(&self, code: Code) -> u64 {
        at(&REPLIES, &self.replies, code)
    }

    /// Every code of a request that a handler sees, with its count.
    pub fn all_requests(&self) -> impl Iterator<Item = (Code, u64)> {
        REQUESTS.into_iter().zip(self.requests)
    }

    /// Every code of an answer, with its count.
    pub fn all_replies(&self) -> impl Iterator<Item = (Code, u64)> {
        REPLIES.into_iter().zip(self.replies)
    }

    /// Requests met with silence, by the reason.
    pub fn discarded(&self, reason: Discard) -> u64 {
        self.discarded.get(reason.index()).copied().unwrap_or(0)
    }

    /// Requests met with silence.
    pub fn discarded_total(&self) -> u64 {
        self.discarded.iter().sum()
    }

    /// Connections refused or ended, by the reason.
    pub fn hung_up(&self, reason: Hangup) -> u64 {
        self.hung_up.0.get(reason.index()).copied().unwrap_or(0)
    }

    #[cfg(feature = "openssl")]
    pub(super) fn turned_away(&mut self, reason: Hangup, times: u64) {
        self.hung_up.0[reason.index()] += times;
    }

    /// The counters that the MIB of RFC 4669 (authentication server) names, under those names.
    pub fn authentication_mib(&self) -> [(&'static str, u64); 10] {
        [
            (
                "radiusAuthServTotalAccessRequests",
                self.requests(Code::ACCESS_REQUEST),
            ),
            (
                "radiusAuthServTotalInvalidRequests",
                self.discarded(Discard::UnknownPeer),
            ),
            ("radiusAuthServTotalDupAccessRequests", self.duplicates()),
            (
                "radiusAuthServTotalAccessAccepts",
                self.replies(Code::ACCESS_ACCEPT),
            ),
            (
                "radiusAuthServTotalAccessRejects",
                self.replies(Code::ACCESS_REJECT),
            ),
            (
                "radiusAuthServTotalAccessChallenges",
                self.replies(Code::ACCESS_CHALLENGE),
            ),
            (
                "radiusAuthServTotalMalformedAccessRequests",
                self.malformed(),
            ),
            (
                "radiusAuthServTotalBadAuthenticators",
                self.bad_authenticators(),
            ),
            ("radiusAuthServTotalPacketsDropped", self.dropped()),
            (
                "radiusAuthServTotalUnknownTypes",
                self.discarded(Discard::CodeNotAllowed),
            ),
        ]
    }

    /// The counters that the MIB of RFC 4671 (accounting server) names, under those names.
    pub fn accounting_mib(&self) -> [(&'static str, u64); 9] {
        [
            (
                "radiusAccServTotalRequests",
                self.requests(Code::ACCOUNTING_REQUEST),
            ),
            (
                "radiusAccServTotalInvalidRequests",
                self.discarded(Discard::UnknownPeer),
            ),
            ("radiusAccServTotalDupRequests", self.duplicates()),
            (
                "radiusAccServTotalResponses",
                self.replies(Code::ACCOUNTING_RESPONSE),
            ),
            ("radiusAccServTotalMalformedRequests", self.malformed()),
            (
                "radiusAccServTotalBadAuthenticators",
                self.bad_authenticators(),
            ),
            ("radiusAccServTotalPacketsDropped", self.dropped()),
            (
                "radiusAccServTotalNoRecords",
                self.discarded(Discard::HandlerSilent),
            ),
            (
                "radiusAccServTotalUnknownTypes",
                self.discarded(Discard::CodeNotAllowed),
            ),
        ]
    }

    fn duplicates(&self) -> u64 {
        self.replayed + self.discarded(Discard::DuplicateInProgress)
    }

    fn malformed(&self) -> u64 {
        [
            Discard::AttributeLength,
            Discard::AttributeZero,
            Discard::Length,
            Discard::MessageAuthenticatorMalformed,
        ]
        .map(|reason| self.discarded(reason))
        .iter()
        .sum()
    }

    fn bad_authenticators(&self) -> u64 {
        [
            Discard::MessageAuthenticatorMissing,
            Discard::MessageAuthenticatorWrong,
            Discard::PreviousSecretExpired,
            Discard::ProxyStateUnprotected,
            Discard::RequestAuthenticatorWrong,
        ]
        .map(|reason| self.discarded(reason))
        .iter()
        .sum()
    }

    fn dropped(&self) -> u64 {
        [
            Discard::HandlerTimeout,
            Discard::NotServing,
            Discard::ReplyUnencodable,
            Discard::TableFull,
        ]
        .map(|reason| self.discarded(reason))
        .iter()
        .sum()
    }
}

fn at<const N: usize>(codes: &[Code; N], counts: &[u64; N], code: Code) -> u64 {
    let mut pairs = codes.iter().zip(counts);
    pairs
        .find(|(known, _)| **known == code)
        .map_or(0, |(_, count)| *count)
}

/// A number that any thread writes and reads.
#[derive(Debug, Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    /// Follows a number that many have a share in: from what this share was to what it is.
    pub(crate) fn follow(&self, before: usize, now: usize) {
        let change = (now as u64).wrapping_sub(before as u64);
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One thing for each reason to end a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ByHangup<T>([T; Hangup::ALL.len()]);

impl<T: Default> Default for ByHangup<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Cells {
    pub(crate) received: Cell,
    pub(crate) status: Cell,
    pub(crate) replayed: Cell,
    pub(crate) superseded: Cell,
    pub(crate) sent: Cell,
    pub(crate) unsent: Cell,
    pub(crate) panicked: Cell,
    pub(crate) in_flight: Cell,
    pub(crate) delayed: Cell,
    pub(crate) accepted: Cell,
    hung_up: ByHangup<Cell>,
    requests: [Cell; REQUESTS.len()],
    replies: [Cell; REPLIES.len()],
    discarded: [Cell; Discard::ALL.len()],
}

impl Cells {
    pub(crate) fn request(&self, request: &Incoming) {
        let index = match request {
            Incoming::Access(_) => 0,
            Incoming::Accounting(_) => 1,
            Incoming::Coa(_) => 2,
            Incoming::Disconnect(_) => 3,
        };
        self.requests[index].add(1);
    }

    pub(crate) fn reply(&self, code: Code) {
        if let Some(index) = REPLIES.iter().position(|known| *known == code) {
            self.replies[index].add(1);
        }
    }

    pub(crate) fn discard(&self, reason: Discard) {
        self.discarded[reason.index()].add(1);
    }

    pub(crate) fn hung_up(&self, reason: Hangup) {
        self.hung_up.0[reason.index()].add(1);
    }

    pub(crate) fn add_to(&self, sum: &mut Counters) {
        sum.received += self.received.read();
        sum.status += self.status.read();
        sum.replayed += self.replayed.read();
        sum.superseded += self.superseded.read();
        sum.sent += self.sent.read();
        sum.unsent += self.unsent.read();
        sum.panicked += self.panicked.read();
        sum.in_flight += self.in_flight.read();
        sum.delayed += self.delayed.read();
        sum.accepted += self.accepted.read();
        add_all(&mut sum.hung_up.0, &self.hung_up.0);
        add_all(&mut sum.requests, &self.requests);
        add_all(&mut sum.replies, &self.replies);
        add_all(&mut sum.discarded, &self.discarded);
    }
}

fn add_all(sums: &mut [u64], cells: &[Cell]) {
    for (sum, cell) in sums.iter_mut().zip(cells) {
        *sum += cell.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_and_each_reason_has_its_own_counter() {
        let cells = Cells::default();
        for (times, code) in REPLIES.into_iter().enumerate() {
            (0..=times).for_each(|_| cells.reply(code));
        }
        for (times, reason) in Discard::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| cells.discard(reason));
        }
        let mut sum = Counters::default();
        cells.add_to(&mut sum);
        cells.add_to(&mut sum);
        for (times, code) in (1..).zip(REPLIES) {
            assert_eq!(sum.replies(code), 2 * times, "{code}");
        }
        assert!(
            sum.all_replies()
                .eq(REPLIES.into_iter().zip((2..).step_by(2)))
        );
        for (times, reason) in (1..).zip(Discard::ALL) {
            assert_eq!(sum.discarded(reason), 2 * times, "{reason}");
        }
        let reasons = Discard::ALL.len() as u64;
        assert_eq!(sum.discarded_total(), reasons * (reasons + 1));
        assert_eq!(sum.replies(Code::ACCESS_REQUEST), 0);
    }

    #[test]
    fn the_mib_tells_strangers_from_wrong_secrets() {
        let cells = Cells::default();
        cells.discard(Discard::UnknownPeer);
        cells.discard(Discard::MessageAuthenticatorWrong);
        cells.discard(Discard::RequestAuthenticatorWrong);
        let mut sum = Counters::default();
        cells.add_to(&mut sum);
        let mib = sum.authentication_mib();
        assert!(mib.contains(&("radiusAuthServTotalInvalidRequests", 1)));
        assert!(mib.contains(&("radiusAuthServTotalBadAuthenticators", 2)));
        assert!(mib.contains(&("radiusAuthServTotalMalformedAccessRequests", 0)));
    }
}
