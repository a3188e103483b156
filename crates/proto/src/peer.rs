use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;

use crate::{Secret, Transport};

/// Whether an Access-Request must carry Message-Authenticator (the BlastRADIUS defence,
/// CVE-2024-3596).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RequireMessageAuthenticator {
    /// Not until the peer has shown that it always sends one: after [`Peer::LATCH_REQUESTS`] good
    /// requests over at least [`Peer::LATCH_AFTER`] it is required for good. It never goes back.
    Auto,
    /// No: for equipment that cannot. Its users' log-ins can then be forged by whoever can alter
    /// packets.
    No,
    /// Yes: a request without one is discarded before anything is computed.
    #[default]
    Yes,
}

/// The device at the other end: who it is, what it shares with us, what is demanded of it.
#[derive(Debug)]
pub struct Peer {
    name: Arc<str>,
    secret: Secret,
    require: RequireMessageAuthenticator,
    limit_proxy_state: bool,
    transport: Transport,
    may_change_sessions: bool,
    latched: AtomicBool,
    good_requests: AtomicU32,
    first_good: OnceLock<Instant>,
    previous: Option<Previous>,
}

/// The secret before the present one.
#[derive(Debug)]
struct Previous {
    secret: Secret,
    until: Instant,
    /// A packet was verified with the present secret.
    is_superseded: AtomicBool,
}

/// Which of a peer's secrets a packet goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Which {
    Current,
    Previous,
}

impl Peer {
    /// Good requests before `auto` latches.
    pub const LATCH_REQUESTS: u32 = 20;
    /// The least time between the first good request and latching.
    pub const LATCH_AFTER: Duration = Duration::from_hours(1);

    /// A peer of which everything safe is demanded.
    pub fn new(name: impl Into<Arc<str>>, secret: Secret) -> Self {
        Self {
            name: name.into(),
            secret,
            require: RequireMessageAuthenticator::Yes,
            limit_proxy_state: true,
            transport: Transport::Udp,
            may_change_sessions: true,
            latched: AtomicBool::new(false),
            good_requests: AtomicU32::new(0),
            first_good: OnceLock::new(),
            previous: None,
        }
    }

    /// Takes what is signed with the secret before this one as well, as long as a packet arrives
    /// before `until`: for a device whose secret is being changed. Each request is verified with
    /// the present secret first, and whatever its answer hides or signs goes by the secret that
    /// the request was verified with. Once `until` has passed such a packet is discarded as
    /// [`Discard::PreviousSecretExpired`](crate::Discard::PreviousSecretExpired), for as long as
    /// the secret is known here.
    ///
    /// An Access-Request that may come without Message-Authenticator, and does, proves neither
    /// secret. One is settled on before anything is decided, so that a password is checked once:
    /// where there is a User-Password, the secret under which it is text (the present one, where
    /// both or neither could be meant, as below); for CHAP and MS-CHAP, which do not depend on the
    /// secret, the previous one until some packet of this peer was verified with the present one,
    /// and the present one from then on. A wrong choice loses an answer, and never lets anybody
    /// in.
    #[must_use]
    pub fn previous_secret(mut self, secret: Secret, until: Instant) -> Self {
        self.previous = Some(Previous {
            secret,
            until,
            is_superseded: AtomicBool::new(false),
        });
        self
    }

    /// Sets what is demanded of Access-Requests; `latched` is what an earlier run learnt under
    /// `auto`.
    #[must_use]
    pub fn require_message_authenticator(
        mut self,
        require: RequireMessageAuthenticator,
        latched: bool,
    ) -> Self {
        self.require = require;
        self.latched = AtomicBool::new(latched);
        self
    }

    /// Sets whether an Access-Request with Proxy-State but without Message-Authenticator is
    /// discarded. Only a proxy sends Proxy-State, so this is on unless the peer is one.
    #[must_use]
    pub fn limit_proxy_state(mut self, limit: bool) -> Self {
        self.limit_proxy_state = limit;
        self
    }

    /// Sets what it must use to reach us; by default UDP. What comes otherwise is discarded, so
    /// that nobody can take the place of a peer over a weaker transport.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets whether it may send CoA-Request and Disconnect-Request; what it sends of them otherwise
    /// is discarded (RFC 5176 section 6.1). On by default: a handler refuses both unless it is
    /// written to do them, and the [`Role`](crate::Role) of a listener says which requests are
    /// taken at all. Turn it off for the NASes of a server that takes such requests from other
    /// servers.
    #[must_use]
    pub fn may_change_sessions(mut self, may: bool) -> Self {
        self.may_change_sessions = may;
        self
    }

    /// Sets whether what says nothing of its secret goes by the present one from the start, as if a
    /// packet had been verified with it: where it is known otherwise that the device uses it now.
    /// Without a [previous secret](Self::previous_secret) this is nothing.
    #[must_use]
    pub fn prefers_present_secret(mut self, prefers: bool) -> Self {
        if let Some(previous) = &mut self.previous {
            previous.is_superseded = AtomicBool::new(prefers);
        }
        self
    }

    pub(crate) fn changes_sessions(&self) -> bool {
        self.may_change_sessions
    }

    /// What it must use to reach us.
    pub fn uses(&self) -> Transport {
        self.transport
    }

    /// What the administrator calls it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether an Access-Request without Message-Authenticator is discarded now.
    pub fn requires_message_authenticator(&self) -> bool {
        match self.require {
            RequireMessageAuthenticator::Auto => self.latched(),
            RequireMessageAuthenticator::No => false,
            RequireMessageAuthenticator::Yes => true,
        }
    }

    /// Whether `auto` has learnt that this peer always sends Message-Authenticator. Keep it across
    /// runs.
    pub fn latched(&self) -> bool {
        self.latched.load(Ordering::Relaxed)
    }

    pub(crate) fn limits_proxy_state(&self) -> bool {
        self.limit_proxy_state
    }

    /// What it shares with us, for requests in the other direction. It cannot be read.
    pub fn shared_secret(&self) -> Secret {
        self.secret.clone()
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The secret that a packet goes by.
    pub(crate) fn secret_of(&self, which: Which) -> &Secret {
        match (which, &self.previous) {
            (Which::Previous, Some(previous)) => &previous.secret,
            _ => &self.secret,
        }
    }

    /// The previous secret, and whether it is still taken.
    pub(crate) fn previous(&self, now: Instant) -> Option<(&Secret, bool)> {
        let previous = self.previous.as_ref()?;
        Some((&previous.secret, now < previous.until))
    }

    /// Notes that a packet was verified with the present secret.
    pub(crate) fn saw_current_secret(&self) {
        if let Some(previous) = &self.previous {
            previous.is_superseded.store(true, Ordering::Relaxed);
        }
    }

    /// The secret to go by where a packet says nothing of it.
    pub(crate) fn likelier_secret(&self, now: Instant) -> Which {
        let is_before = |previous: &Previous| {
            now < previous.until && !previous.is_superseded.load(Ordering::Relaxed)
        };
        match &self.previous {
            Some(previous) if is_before(previous) => Which::Previous,
            _ => Which::Current,
        }
    }

    /// Whether it is yet to show that it always sends Message-Authenticator.
    pub(crate) fn learns(&self) -> bool {
        self.require == RequireMessageAuthenticator::Auto && !self.latched()
    }

    /// Counts an Access-Request without EAP that carried a valid Message-Authenticator.
    pub(crate) fn saw_message_authenticator(&self, now: Instant) {
        if !self.learns() {
            return;
        }
        let first = *self.first_good.get_or_init(|| now);
        let good = self
            .good_requests
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if good >= Self::LATCH_REQUESTS && now.saturating_duration_since(first) >= Self::LATCH_AFTER
        {
            self.latched.store(true, Ordering::Relaxed);
        }
    }
}

/// The peers by address: the longest prefix that holds the source address wins. Nothing in a
/// packet, such as NAS-IP-Address, has a say (RFC 2865 section 3).
#[derive(Debug, Clone, Default)]
pub struct PeerTable {
    peers: HashMap<(u8, u128), Arc<Peer>>,
    /// Prefix lengths in use, longest first, on the 128-bit scale.
    lengths: Vec<u8>,
}

impl PeerTable {
    /// A table of `(prefix, peer)`; of two with the same prefix the later one stays.
    pub fn new(peers: impl IntoIterator<Item = (IpNet, Arc<Peer>)>) -> Self {
        let mut table = Self::default();
        for (prefix, peer) in peers {
            let (address, length) = on_one_scale(prefix.network(), prefix.prefix_len());
            table.peers.insert((length, address & mask(length)), peer);
            table.lengths.push(length);
        }
        table.lengths.sort_unstable_by(|a, b| b.cmp(a));
        table.lengths.dedup();
        table
    }

    /// The peer that an address belongs to. `::ffff:192.0.2.1` is 192.0.2.1. Allocates nothing.
    pub fn find(&self, address: IpAddr) -> Option<&Arc<Peer>> {
        let (address, most) = match address.to_canonical() {
            IpAddr::V4(v4) => on_one_scale(IpAddr::V4(v4), 32),
            IpAddr::V6(v6) => on_one_scale(IpAddr::V6(v6), 128),
        };
        debug_assert_eq!(most, 128);
        // An IPv6 prefix shorter than ::ffff:0:0/96 must not catch IPv4 sources.
        let is_v4 = address >> 32 == MAPPED >> 32;
        self.lengths
            .iter()
            .take_while(|length| !is_v4 || **length >= 96)
            .find_map(|length| self.peers.get(&(*length, address & mask(*length))))
    }

    /// Every peer, in no order; one with several prefixes comes several times.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values()
    }
}

/// `::ffff:0:0`
const MAPPED: u128 = 0xffff << 32;

/// IPv4 as the IPv6 range `::ffff:0:0/96`.
fn on_one_scale(address: IpAddr, length: u8) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (MAPPED | u128::from(u32::from(v4)), 96 + length),
        IpAddr::V6(v6) => (u128::from(v6), length),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str) -> Arc<Peer> {
        Arc::new(Peer::new(name, Secret::new("s").unwrap()))
    }

    fn table(prefixes: &[&str]) -> PeerTable {
        PeerTable::new(
            prefixes
                .iter()
                .map(|prefix| (prefix.parse().unwrap(), peer(prefix))),
        )
    }

    fn found(table: &PeerTable, address: &str) -> Option<String> {
        table
            .find(address.parse().unwrap())
            .map(|peer| peer.name().to_string())
    }

    #[test]
    fn the_longest_prefix_wins() {
        let table = table(&[
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.1.1/32",
            "2001:db8::/32",
        ]);
        for (address, prefix) in [
            ("10.1.1.1", "10.1.1.1/32"),
            ("10.1.2.3", "10.1.0.0/16"),
            ("10.2.2.3", "10.0.0.0/8"),
            ("192.0.2.1", "0.0.0.0/0"),
            ("::ffff:10.1.1.1", "10.1.1.1/32"),
            ("2001:db8::7", "2001:db8::/32"),
        ] {
            assert_eq!(found(&table, address).as_deref(), Some(prefix), "{address}");
        }
        assert_eq!(found(&table, "2001:db9::7"), None);
    }

    #[test]
    fn an_ipv6_wildcard_does_not_catch_ipv4() {
        let table = table(&["::/0"]);
        assert_eq!(found(&table, "192.0.2.1"), None);
        assert_eq!(found(&table, "2001:db8::1").as_deref(), Some("::/0"));
    }

    #[test]
    fn auto_latches_after_enough_good_requests_over_enough_time() {
        let start = Instant::now_for_tests();
        let secret = Secret::new("s").unwrap();
        let peer = Peer::new("nas", secret)
            .require_message_authenticator(RequireMessageAuthenticator::Auto, false);
        for _ in 0..100 {
            peer.saw_message_authenticator(start);
        }
        assert!(!peer.requires_message_authenticator());
        peer.saw_message_authenticator(start + Peer::LATCH_AFTER);
        assert!(peer.requires_message_authenticator());
    }

    trait NowForTests {
        fn now_for_tests() -> Instant;
    }

    impl NowForTests for Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test needs some starting point"
        )]
        fn now_for_tests() -> Instant {
            Instant::now()
        }
    }
}
