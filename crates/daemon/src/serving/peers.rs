//! The NASes as the library knows them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use portreeve::{
    Peer, PeerTable, RequireMessageAuthenticator, Secret, Transport,
    tls::{Mark, Psk, TlsError, TlsPeer, Trust},
};
use portreeve_aaa::definition::{Nas, Require};

use crate::{commands::nas, service::now_ms};

/// The NASes by name, each with the peer made of it. A NAS that has not changed keeps its peer, and
/// with it what has been learnt of it.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_name: BTreeMap<String, (Nas, Arc<Peer>)>,
}

impl Peers {
    /// Takes over new and changed NASes.
    pub(super) fn put(&mut self, nases: &[Nas]) {
        for nas in nases {
            let known = self.by_name.get(&nas.name);
            let peer = match known {
                Some((known, peer)) if is_same(known, nas) => Arc::clone(peer),
                _ => match peer_of(nas) {
                    Some(peer) => Arc::new(peer),
                    None => continue,
                },
            };
            self.by_name.insert(nas.name.clone(), (nas.clone(), peer));
        }
    }

    pub(super) fn remove(&mut self, names: &[String]) {
        for name in names {
            self.by_name.remove(name);
        }
    }

    /// Leaves only these.
    pub(super) fn replace(&mut self, nases: &[Nas]) {
        let gone = |name: &String| !nases.iter().any(|nas| nas.name == *name);
        self.by_name.retain(|name, _| !gone(name));
        self.put(nases);
    }

    /// Those that are known by their address. One that is to use TLS is among them where it has an
    /// address to itself, so that what comes from there otherwise is known for what it is.
    pub(super) fn by_address(&self) -> Vec<(IpNet, Arc<Peer>)> {
        let all = || self.by_name.values();
        let bare: HashSet<IpNet> = all()
            .filter(|(nas, _)| nas.secret().is_some())
            .map(|(nas, _)| nas.prefix)
            .collect();
        let has_place = |nas: &Nas| {
            nas.secret().is_some() || (nas.host().is_some() && !bare.contains(&nas.prefix))
        };
        all()
            .filter(|(nas, _)| has_place(nas))
            .map(|(nas, peer)| (nas.prefix, Arc::clone(peer)))
            .collect()
    }

    pub(super) fn table(&self) -> PeerTable {
        PeerTable::new(self.by_address())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Those that connect in one way, over TLS or DTLS, and what keeps others from being among
    /// them.
    pub(super) fn secured(&self, transport: Transport) -> (Vec<TlsPeer>, Vec<String>) {
        let (mut peers, mut problems) = (Vec::new(), Vec::new());
        let mut trusts = HashMap::new();
        let wanted = self.by_name.values();
        for (nas, peer) in wanted.filter(|(nas, _)| nas.transport() == transport) {
            match tls_peer(nas, Arc::clone(peer), &mut trusts) {
                Ok(peer) => peers.push(peer),
                Err(error) => problems.push(format!("nas '{}' cannot connect: {error}", nas.name)),
            }
        }
        (peers, problems)
    }

    /// Those whose previous secret has no use any more, with until when it was accepted.
    pub(super) fn with_spent_secrets(&self, now_ms: u64) -> Vec<(String, u64)> {
        let previous = self.by_name.values().filter_map(|(nas, _)| {
            let previous = nas.previous.as_ref()?;
            Some((&nas.name, previous))
        });
        previous
            .filter(|(_, previous)| previous.is_spent(now_ms))
            .map(|(name, previous)| (name.clone(), previous.until_ms))
            .collect()
    }

    /// Those that have shown to send Message-Authenticator, and are not yet held to it in the
    /// store.
    pub(super) fn newly_latched(&self) -> Vec<String> {
        self.by_name
            .values()
            .filter(|(nas, peer)| {
                let auto = nas.require_message_authenticator == Require::Auto;
                auto && peer.latched() && !nas.latched
            })
            .map(|(nas, _)| nas.name.clone())
            .collect()
    }
}

/// Whether a peer may stay: what was latched meanwhile was learnt by the peer itself.
fn is_same(known: &Nas, nas: &Nas) -> bool {
    let unlatched = known.latched && !nas.latched;
    let same = Nas {
        latched: known.latched,
        dialect: known.dialect,
        ..nas.clone()
    };
    !unlatched
        && Nas {
            comment: known.comment.clone(),
            ..same
        } == *known
}

/// What a TLS listener knows of a NAS. NASes with the same CA share the trust made of it.
fn tls_peer<'a>(
    nas: &'a Nas,
    peer: Arc<Peer>,
    trusts: &mut HashMap<&'a str, Trust>,
) -> Result<TlsPeer, TlsError> {
    let mut made = TlsPeer::new(peer);
    // Every address there is is no condition, over IPv6 neither.
    if nas.prefix.prefix_len() > 0 {
        made = made.source(nas.prefix);
    }
    if let Some(most) = nas.max_connections {
        made = made.max_connections(usize::try_from(most).unwrap_or(usize::MAX));
    }
    let marks = nas::marks(nas);
    for mark in &marks {
        made = made.mark(mark.parse()?);
    }
    let recognition = nas.reach.recognition();
    let ca = recognition.and_then(|recognition| recognition.ca.as_deref());
    if let Some(ca) = ca {
        let trust = match trusts.get(ca) {
            Some(trust) => trust.clone(),
            None => Trust::from_pem(ca.as_bytes())?,
        };
        trusts.insert(ca, trust.clone());
        made = made.trust(trust);
    }
    let psk = recognition.and_then(|recognition| recognition.psk.as_ref());
    match psk {
        Some(_) if !cfg!(feature = "openssl") && marks.is_empty() => {
            return Err(TlsError::PskUnsupported);
        }
        Some(psk) if cfg!(feature = "openssl") => {
            let psk = Psk::new(psk.identity(), psk.expose())?;
            // DTLS is of version 1.2, and one key must not serve two versions.
            let is_old = nas.transport() == Transport::Dtls;
            made = made.psk(if is_old { psk.for_tls12() } else { psk });
        }
        _ => {}
    }
    let peer = || Arc::clone(made.peer().name());
    if made.marks().is_empty() && made.pre_shared_key().is_none() {
        return Err(TlsError::NoMark { peer: peer() });
    }
    if made.marks().contains(&Mark::Source) && nas.prefix.prefix_len() == 0 {
        return Err(TlsError::NoSource { peer: peer() });
    }
    Ok(made)
}

/// A stored secret is never empty; one that is makes no peer, which is the safe side.
fn peer_of(nas: &Nas) -> Option<Peer> {
    let secret = match nas.secret() {
        Some(secret) => Secret::new(secret.expose()).ok()?,
        None => Secret::of_transport(nas.transport())?,
    };
    let require = match nas.require_message_authenticator {
        Require::Auto => RequireMessageAuthenticator::Auto,
        Require::No => RequireMessageAuthenticator::No,
        Require::Yes => RequireMessageAuthenticator::Yes,
    };
    let peer = Peer::new(nas.name.as_str(), secret)
        .require_message_authenticator(require, nas.latched)
        .limit_proxy_state(nas.limit_proxy_state)
        .transport(nas.transport());
    let Some(previous) = &nas.previous else {
        return Some(peer);
    };
    let left = previous.until_ms.saturating_sub(now_ms());
    let until = Instant::now().checked_add(Duration::from_millis(left))?;
    let secret = Secret::new(previous.secret.expose()).ok()?;
    let peer = peer.previous_secret(secret, until);
    Some(peer.prefers_present_secret(previous.superseded))
}

#[cfg(test)]
mod tests {
    #[cfg(not(feature = "openssl"))]
    use portreeve_aaa::definition::PreSharedKey;
    use portreeve_aaa::definition::{Reach, Recognition, SharedSecret};

    use super::*;

    fn nas(name: &str, prefix: &str) -> Nas {
        let secret = SharedSecret::new("a-shared-secret-of-32-characters").unwrap();
        Nas::new(name, prefix.parse().unwrap(), secret)
    }

    fn peer(peers: &Peers, address: &str) -> Option<Arc<Peer>> {
        peers.table().find(address.parse().unwrap()).cloned()
    }

    #[test]
    fn a_nas_that_has_not_changed_keeps_its_peer() {
        let mut peers = Peers::default();
        peers.put(&[nas("ap", "192.0.2.1/32"), nas("lan", "10.0.0.0/8")]);
        let before = peer(&peers, "192.0.2.1").unwrap();
        let mut same = nas("ap", "192.0.2.1/32");
        same.comment = "upstairs".to_owned();
        same.latched = true;
        peers.put(&[same]);
        assert!(Arc::ptr_eq(&before, &peer(&peers, "192.0.2.1").unwrap()));
        let mut moved = nas("ap", "192.0.2.1/32");
        moved.reach = Reach::Udp(SharedSecret::new("another").unwrap());
        peers.put(&[moved]);
        assert!(!Arc::ptr_eq(&before, &peer(&peers, "192.0.2.1").unwrap()));
    }

    #[test]
    fn a_previous_secret_makes_another_peer_until_it_is_spent() {
        let mut peers = Peers::default();
        let mut nas = nas("ap", "192.0.2.1/32");
        peers.put(std::slice::from_ref(&nas));
        let before = peer(&peers, "192.0.2.1").unwrap();
        nas.replace_secret(SharedSecret::new("another").unwrap(), 1_000);
        peers.put(std::slice::from_ref(&nas));
        assert!(!Arc::ptr_eq(&before, &peer(&peers, "192.0.2.1").unwrap()));
        assert_eq!(peers.with_spent_secrets(1_000), []);
        let spent = peers.with_spent_secrets(u64::MAX);
        assert_eq!(spent, [("ap".to_owned(), 1_000)]);
    }

    fn secured(name: &str, prefix: &str, marks: &[&str]) -> Nas {
        let recognition = Recognition {
            marks: marks.iter().map(|&mark| mark.to_owned()).collect(),
            ..Recognition::default()
        };
        Nas::reached(name, prefix.parse().unwrap(), Reach::Tls(recognition))
    }

    #[test]
    fn one_that_uses_tls_has_its_address_unless_another_has_it_without() {
        let mut peers = Peers::default();
        peers.put(&[
            nas("lan", "192.0.2.0/24"),
            secured("ap", "192.0.2.1/32", &[]),
            secured("natted", "0.0.0.0/0", &[]),
        ]);
        let at = |peers: &Peers, address| peer(peers, address).map(|peer| peer.name().to_string());
        assert_eq!(at(&peers, "192.0.2.1").as_deref(), Some("ap"));
        assert_eq!(at(&peers, "192.0.2.2").as_deref(), Some("lan"));
        assert_eq!(at(&peers, "198.51.100.1"), None);
        peers.put(&[nas("old", "192.0.2.1/32")]);
        assert_eq!(at(&peers, "192.0.2.1").as_deref(), Some("old"));
        let (secured, problems) = peers.secured(Transport::Tls);
        assert_eq!((secured.len(), problems.len()), (2, 0));
        assert!(peers.secured(Transport::Dtls).0.is_empty());
    }

    #[test]
    fn one_nas_that_cannot_be_recognised_keeps_no_other_out() {
        let mut peers = Peers::default();
        peers.put(&[
            secured("good", "192.0.2.1/32", &[]),
            secured("odd", "192.0.2.2/32", &["dns:"]),
            secured("any where", "0.0.0.0/0", &[]),
        ]);
        let (secured, problems) = peers.secured(Transport::Tls);
        assert_eq!(secured.len(), 1);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems.iter().any(|problem| problem.contains("'odd'")),
            "{problems:?}"
        );
    }

    #[cfg(not(feature = "openssl"))]
    #[test]
    fn a_pre_shared_key_is_told_to_need_another_build() {
        let mut peers = Peers::default();
        let psk = Some(PreSharedKey::new("ap", vec![7; 16]).unwrap());
        let recognition = Recognition {
            psk,
            ..Recognition::default()
        };
        let prefix = "192.0.2.1/32".parse().unwrap();
        peers.put(&[Nas::reached("ap", prefix, Reach::Tls(recognition))]);
        let (secured, problems) = peers.secured(Transport::Tls);
        assert!(
            secured.is_empty() && problems[0].contains("openssl"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_nas_that_is_gone_is_unknown() {
        let mut peers = Peers::default();
        peers.put(&[nas("ap", "192.0.2.1/32"), nas("lan", "10.0.0.0/8")]);
        peers.remove(&["ap".to_owned()]);
        assert!(peer(&peers, "192.0.2.1").is_none());
        peers.replace(&[nas("ap", "192.0.2.1/32")]);
        assert!(peer(&peers, "10.0.0.1").is_none());
        assert!(peer(&peers, "192.0.2.1").is_some());
    }
}
