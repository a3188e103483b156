//! Sessions of all services: how they begin, go on, and end.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use portreeve_proto::attr::acct_terminate_cause as cause;
use tokio::sync::mpsc;

use super::{
    account::Report,
    entry::{Service, spell},
    meter::Meter,
    shape::Shape,
    terms::Terms,
};
use crate::Record;

/// What a session is, as the router's menus tell services apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A lease.
    Dhcp,
    /// A wire.
    Dot1x,
    /// The captive portal.
    Hotspot,
    /// A tunnel of `IPsec`.
    Ipsec,
    /// A user of the router.
    Login,
    /// `pppoe`, `pptp`, `l2tp`, `sstp`, `ovpn`.
    Ppp(&'static str),
    /// Wi-Fi.
    Wireless,
}

impl Kind {
    /// Whom it asks.
    pub(super) const fn service(self) -> Service {
        match self {
            Self::Dhcp => Service::Dhcp,
            Self::Dot1x => Service::Dot1x,
            Self::Hotspot => Service::Hotspot,
            Self::Ipsec => Service::Ipsec,
            Self::Login => Service::Login,
            Self::Ppp(_) => Service::Ppp,
            Self::Wireless => Service::Wireless,
        }
    }

    /// The first two characters of Acct-Session-Id.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Hotspot => "80",
            Self::Ppp(_) => "81",
            Self::Wireless => "82",
            Self::Dhcp => "83",
            Self::Login => "84",
            Self::Dot1x => "85",
            Self::Ipsec => "86",
        }
    }

    /// The word for it in control routes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ppp(name) => name,
            kind => kind.service().name(),
        }
    }
}

/// One session.
pub(super) struct Session {
    /// Ours.
    pub(super) number: u64,
    /// Acct-Session-Id.
    pub(super) id: String,
    /// What it is.
    pub(super) kind: Kind,
    /// What is said of it to servers.
    pub(super) shape: Shape,
    /// The client's hardware address; empty where there is none.
    pub(super) mac: String,
    /// What it may have.
    pub(super) terms: Terms,
    /// What it has used.
    pub(super) meter: Meter,
    /// What of it went through its queue.
    pub(super) queued: Meter,
    /// What it uses each second.
    pub(super) pace: Meter,
    /// When it began.
    pub(super) began: Instant,
    /// When it was last heard of.
    pub(super) heard: Instant,
    /// How often it reports.
    pub(super) interim: Option<Duration>,
    /// When it reports next.
    pub(super) due: Option<Instant>,
    /// Whether RADIUS let it in.
    pub(super) by_radius: bool,
    /// The dynamic items that are there for it, by menu and `.id`; the first is the one that ends
    /// the session when it is removed.
    pub(super) rows: Vec<(String, String)>,
    /// Where its records go; `None` where it is not accounted for.
    pub(super) reports: Option<mpsc::Sender<Report>>,
}

impl Session {
    /// How long it has lasted.
    pub(super) fn seconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs()
    }

    /// Lets time pass; why the session is over by it, if it is.
    pub(super) fn pass(&mut self, now: Instant, elapsed: Duration) -> Option<u32> {
        let passed = |pace: u64| {
            let octets = u128::from(pace) * elapsed.as_micros() / 1_000_000;
            u64::try_from(octets).unwrap_or(u64::MAX)
        };
        self.meter.add(Meter {
            up: passed(self.pace.up),
            down: passed(self.pace.down),
        });
        if self.pace.total() > 0 {
            self.heard = now;
        }
        self.over(now)
    }

    /// Why it is over, if it is.
    pub(super) fn over(&self, now: Instant) -> Option<u32> {
        let since = |from: Instant| now.saturating_duration_since(from);
        if self
            .terms
            .session_timeout
            .is_some_and(|most| since(self.began) >= most)
        {
            return Some(cause::SESSION_TIMEOUT);
        }
        if self
            .terms
            .idle_timeout
            .is_some_and(|most| since(self.heard) >= most)
        {
            return Some(cause::IDLE_TIMEOUT);
        }
        // No document says which cause a quota has; this is the one that says that it was the
        // router who wanted it.
        self.terms
            .quota
            .is_reached(self.meter)
            .then_some(cause::NAS_REQUEST)
    }

    /// Whether a report is due, in which case the next one is fixed.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let (Some(due), Some(interim)) = (self.due, self.interim) else {
            return false;
        };
        if now < due {
            return false;
        }
        self.due = Some(now + interim);
        true
    }

    /// What changes from moment to moment, under the names of the session's menu.
    pub(super) fn vitals(&self, now: Instant) -> Record {
        let uptime = spell(self.seconds(now));
        let record = Record::new();
        match self.kind {
            Kind::Ipsec | Kind::Ppp(_) => record.with("uptime", uptime),
            Kind::Hotspot => {
                let idle = now.saturating_duration_since(self.heard).as_secs();
                let mut record = record
                    .with("uptime", uptime)
                    .with("idle-time", spell(idle))
                    .with("bytes-in", self.meter.up.to_string())
                    .with("bytes-out", self.meter.down.to_string())
                    .with("packets-in", self.meter.packets_up().to_string())
                    .with("packets-out", self.meter.packets_down().to_string());
                if let Some(most) = self.terms.session_timeout {
                    let left = most.as_secs().saturating_sub(self.seconds(now));
                    record.set("session-time-left", spell(left));
                }
                record
            }
            Kind::Wireless => record.with("uptime", uptime).with(
                "bytes",
                // What the access point has sent comes first.
                format!("{},{}", self.meter.down, self.meter.up),
            ),
            Kind::Dhcp => {
                let lease = self.terms.session_timeout.map_or(1800, |it| it.as_secs());
                let left = lease.saturating_sub(self.seconds(now));
                record.with("expires-after", spell(left))
            }
            Kind::Dot1x | Kind::Login => record,
        }
    }
}

/// All sessions of a router.
#[derive(Default)]
pub(super) struct Sessions {
    all: BTreeMap<u64, Session>,
    next: u64,
    serial: u32,
}

impl Sessions {
    /// The next Acct-Session-Id: two characters for the service, one for the start of the router,
    /// and a number that is unique for a million sessions.
    pub(super) fn next_id(&mut self, kind: Kind, boot: u64) -> String {
        self.serial = (self.serial + 1) & 0xf_ffff;
        format!("{}{:x}{:05x}", kind.prefix(), boot & 0xf, self.serial)
    }

    /// Adds one.
    pub(super) fn add(&mut self, mut session: Session) -> u64 {
        self.next += 1;
        session.number = self.next;
        self.all.insert(self.next, session);
        self.next
    }

    /// One of them.
    pub(super) fn get(&self, number: u64) -> Option<&Session> {
        self.all.get(&number)
    }

    /// One of them.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Session> {
        self.all.get_mut(&number)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, number: u64) -> Option<Session> {
        self.all.remove(&number)
    }

    /// In the order in which they began.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.all.values()
    }

    /// In the order in which they began.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.all.values_mut()
    }

    /// Forgets all, as a start of the router does.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.serial = 0;
    }

    /// Whether an address is taken.
    pub(super) fn holds(&self, address: Ipv4Addr) -> bool {
        self.iter().any(|it| it.shape.address == Some(address))
    }

    /// The session that an item of a menu belongs to.
    pub(super) fn behind(&self, menu: &str, id: &str) -> Option<u64> {
        let mut all = self.iter();
        let found = all.find(|session| {
            let first = session.rows.first();
            first.is_some_and(|(known, row)| known == menu && row == id)
        });
        found.map(|session| session.number)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A session of a kind that began now.
    pub(in crate::radius) fn session(kind: Kind, user: &str) -> Session {
        let now = Instant::now();
        Session {
            number: 0,
            id: "81100001".into(),
            kind,
            shape: Shape::of(kind.service(), user, "MikroTik"),
            mac: "AA:BB:CC:00:11:22".into(),
            terms: Terms::default(),
            meter: Meter::default(),
            queued: Meter::default(),
            pace: Meter::default(),
            began: now,
            heard: now,
            interim: None,
            due: None,
            by_radius: true,
            rows: Vec::new(),
            reports: None,
        }
    }

    #[test]
    fn ids_change_with_each_start() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.next_id(Kind::Ppp("pppoe"), 1), "81100001");
        assert_eq!(sessions.next_id(Kind::Hotspot, 1), "80100002");
        sessions.clear();
        assert_eq!(sessions.next_id(Kind::Ppp("pppoe"), 2), "81200001");
    }

    #[test]
    fn time_silence_and_quota_end_a_session() {
        let mut one = session(Kind::Ppp("pppoe"), "tim");
        let later = one.began + Duration::from_secs(10);
        assert_eq!(one.over(later), None);
        one.terms.session_timeout = Some(Duration::from_secs(10));
        assert_eq!(one.over(later), Some(cause::SESSION_TIMEOUT));
        one.terms.session_timeout = None;
        one.terms.idle_timeout = Some(Duration::from_secs(10));
        assert_eq!(one.over(later), Some(cause::IDLE_TIMEOUT));
        one.pace.down = 4;
        assert_eq!(
            one.pass(later, Duration::from_millis(500)),
            None,
            "it was heard of"
        );
        assert_eq!(one.meter.down, 2);
        one.terms.quota.xmit = Some(2);
        assert_eq!(one.over(later), Some(cause::NAS_REQUEST));
    }

    #[test]
    fn reports_are_due_at_their_interval() {
        let mut one = session(Kind::Ppp("pppoe"), "tim");
        assert!(
            !one.is_due(one.began + Duration::from_hours(9)),
            "none is wanted"
        );
        one.interim = Some(Duration::from_mins(1));
        one.due = Some(one.began + Duration::from_mins(1));
        assert!(!one.is_due(one.began + Duration::from_secs(59)));
        assert!(one.is_due(one.began + Duration::from_mins(1)));
        assert!(!one.is_due(one.began + Duration::from_secs(61)));
        assert!(one.is_due(one.began + Duration::from_mins(2)));
    }
}
