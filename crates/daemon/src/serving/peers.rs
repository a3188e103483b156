//! The NASes as the library knows them.

use std::{collections::BTreeMap, sync::Arc};

use portreeve::{Handler, Peer, PeerTable, RequireMessageAuthenticator, Secret, Server};
use portreeve_aaa::definition::{Nas, Require};

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

    pub(super) fn table(&self) -> PeerTable {
        let peers = self.by_name.values();
        PeerTable::new(peers.map(|(nas, peer)| (nas.prefix, Arc::clone(peer))))
    }

    /// Tells a server that is not running yet of them.
    pub(super) fn admit<H: Handler>(&self, server: Server<H>) -> Server<H> {
        let peers = self.by_name.values();
        peers.fold(server, |server, (nas, peer)| {
            server.peer_with(Arc::clone(peer), nas.prefix.to_string())
        })
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

/// A stored secret is never empty; one that is makes no peer, which is the safe side.
fn peer_of(nas: &Nas) -> Option<Peer> {
    let secret = Secret::new(nas.secret.expose()).ok()?;
    let require = match nas.require_message_authenticator {
        Require::Auto => RequireMessageAuthenticator::Auto,
        Require::No => RequireMessageAuthenticator::No,
        Require::Yes => RequireMessageAuthenticator::Yes,
    };
    let peer = Peer::new(nas.name.as_str(), secret)
        .require_message_authenticator(require, nas.latched)
        .limit_proxy_state(nas.limit_proxy_state);
    Some(peer)
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::definition::SharedSecret;

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
        moved.secret = SharedSecret::new("another").unwrap();
        peers.put(&[moved]);
        assert!(!Arc::ptr_eq(&before, &peer(&peers, "192.0.2.1").unwrap()));
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
