//! What was last seen of each NAS: one entry for each that is defined, and no others.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use portreeve::{Incoming, Request, Version, attr, server::OpenConnection, tls::TlsVersion};
use serde::{Deserialize, Serialize};

use super::now_ms;

/// The most NASes that a report tells of.
const MOST: usize = 5_000;

/// What was seen of a NAS since the server started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Its last request or connection, in milliseconds since 1970.
    pub(crate) last_ms: Option<u64>,
    /// Log-ins with Message-Authenticator as the first attribute.
    pub(crate) protected_first: u64,
    /// Log-ins with one elsewhere.
    pub(crate) protected: u64,
    /// Log-ins without one.
    pub(crate) unprotected: u64,
    /// Connections that are open.
    pub(crate) open: u64,
    /// The last one that was opened.
    pub(crate) connection: Option<SeenConnection>,
}

/// A connection of a NAS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenConnection {
    pub(crate) from: SocketAddr,
    pub(crate) since_ms: u64,
    /// Such as `TLS 1.3`; none over TCP.
    pub(crate) tls: Option<String>,
    pub(crate) is_tls13: bool,
    pub(crate) cipher: Option<String>,
    /// `1.0` or `1.1`.
    pub(crate) radius: String,
    pub(crate) is_radius11: bool,
    /// When its certificate ends, in seconds since 1970.
    pub(crate) certificate_until: Option<u64>,
    pub(crate) psk_identity: Option<String>,
}

/// What was seen of every NAS. Clones stand for the same.
#[derive(Clone, Default)]
pub(crate) struct Sightings(Arc<ArcSwap<HashMap<String, Arc<Sighting>>>>);

#[derive(Default)]
struct Sighting {
    last_ms: AtomicU64,
    first: AtomicU64,
    elsewhere: AtomicU64,
    without: AtomicU64,
    connection: Mutex<Option<SeenConnection>>,
}

impl Sightings {
    /// Leaves these NASes, and makes room for those that are new.
    pub(crate) fn keep<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let known = self.0.load();
        let kept = names.map(|name| {
            let sighting = known.get(name).map(Arc::clone).unwrap_or_default();
            (name.to_owned(), sighting)
        });
        self.0.store(Arc::new(kept.collect()));
    }

    /// How many NASes there are.
    pub(crate) fn len(&self) -> usize {
        self.0.load().len()
    }

    /// A request was answered.
    pub(super) fn answered(&self, incoming: &Incoming) {
        let request: &Request = incoming;
        let known = self.0.load();
        let Some(sighting) = known.get(&**request.peer().name()) else {
            return;
        };
        sighting.last_ms.store(now_ms(), Ordering::Relaxed);
        if !matches!(incoming, Incoming::Access(_)) || request.version() == Version::V1_1 {
            return;
        }
        let number = attr::MESSAGE_AUTHENTICATOR.spec().oid.top();
        let mut attributes = request.packet().attributes();
        let place = match attributes.position(|attribute| attribute.number == number) {
            Some(0) => &sighting.first,
            Some(_) => &sighting.elsewhere,
            None => &sighting.without,
        };
        place.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was opened. Says whether it is the first that the NAS has opened, or of another
    /// kind than the last one.
    pub(super) fn connected(&self, connection: &OpenConnection) -> bool {
        let known = self.0.load();
        let Some(sighting) = known.get(&**connection.peer.name()) else {
            return false;
        };
        sighting.last_ms.store(now_ms(), Ordering::Relaxed);
        let new = SeenConnection::of(connection);
        let mut last = sighting
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kind = |seen: &SeenConnection| (seen.from.ip(), seen.tls.clone(), seen.is_radius11);
        let is_news = last.as_ref().map(kind) != Some(kind(&new));
        *last = Some(new);
        is_news
    }

    /// What was seen of each NAS, and how many are left out; `open` are the connections there are.
    pub(crate) fn report(&self, open: &[OpenConnection]) -> (BTreeMap<String, Seen>, usize) {
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for connection in open {
            *counts.entry(connection.peer.name()).or_default() += 1;
        }
        let known = self.0.load();
        let seen = known.iter().take(MOST).map(|(name, sighting)| {
            let open = counts.get(name.as_str()).copied().unwrap_or(0);
            (name.clone(), sighting.read(open))
        });
        (seen.collect(), known.len().saturating_sub(MOST))
    }
}

impl Sighting {
    fn read(&self, open: u64) -> Seen {
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let connection = self.connection.lock();
        Seen {
            last_ms: (last_ms > 0).then_some(last_ms),
            protected_first: self.first.load(Ordering::Relaxed),
            protected: self.elsewhere.load(Ordering::Relaxed),
            unprotected: self.without.load(Ordering::Relaxed),
            open,
            connection: connection.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl SeenConnection {
    fn of(connection: &OpenConnection) -> Self {
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let session = connection.session.as_ref();
        let certificate = session.and_then(|session| session.certificate());
        let psk_identity = session.and_then(|session| session.psk_identity());
        Self {
            from: connection.from,
            since_ms: u64::try_from(since(connection.since).as_millis()).unwrap_or(u64::MAX),
            tls: session.map(|session| session.tls().to_string()),
            is_tls13: session.is_some_and(|session| session.tls() == TlsVersion::V1_3),
            cipher: session.map(|session| session.cipher().to_owned()),
            radius: connection.version.to_string(),
            is_radius11: connection.version == Version::V1_1,
            certificate_until: certificate
                .map(|certificate| since(certificate.not_after()).as_secs()),
            psk_identity: psk_identity.map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_entry_for_each_nas_and_for_nobody_else() {
        let sightings = Sightings::default();
        sightings.keep(["ap", "lan"].into_iter());
        let known = sightings.0.load();
        known["ap"].last_ms.store(7, Ordering::Relaxed);
        sightings.keep(["ap", "new"].into_iter());
        let (seen, left_out) = sightings.report(&[]);
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["ap", "new"]);
        assert_eq!((seen["ap"].last_ms, left_out), (Some(7), 0));
        assert_eq!(seen["new"], Seen::default());
    }

    #[test]
    fn a_report_is_bounded() {
        let sightings = Sightings::default();
        let names: Vec<String> = (0..MOST + 3).map(|number| number.to_string()).collect();
        sightings.keep(names.iter().map(String::as_str));
        let (seen, left_out) = sightings.report(&[]);
        assert_eq!((seen.len(), left_out), (MOST, 3));
    }
}
