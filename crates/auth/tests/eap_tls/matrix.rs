//! What works: each version with each kind of key, in full and resumed, in pieces of any size.

use std::sync::Arc;

use portreeve_auth::eap::{
    Type,
    tls::{PeerSettings, Sessions, Settings, Version},
};

use crate::{
    pki::{KINDS, Kind, NOW, Pki},
    world::{Ended, run, run_at},
};

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn sides(pki: &Pki, version: Version) -> (Arc<Settings>, PeerSettings, Arc<Sessions>) {
    let sessions = Arc::new(Sessions::new(100, 3600));
    let settings = pki
        .server
        .settings()
        .trusting(pki.client_trust())
        .versions(version, version)
        .resuming(Arc::clone(&sessions))
        .build()
        .unwrap();
    let peer = PeerSettings::builder(pki.trust())
        .presenting(pki.tim.identity())
        .resuming()
        .build()
        .unwrap();
    (settings, peer, sessions)
}

/// Both ends have the same, and say so of whom it is.
#[track_caller]
fn agreed(ended: Ended, is_resumed: bool) -> Box<portreeve_auth::eap::Success> {
    let outcome = ended.outcome.clone();
    let success = ended.success();
    let outcome = outcome.unwrap();
    assert_eq!(success.identity(), b"tim");
    assert_eq!(success.msk(), outcome.msk.as_ref());
    assert!(success.msk().is_some());
    assert_eq!(success.session_id(), outcome.session_id);
    assert_eq!(success.session_id().len(), 65);
    assert_eq!(success.session_id()[0], 13);
    assert_eq!(success.means().outer(), Type::TLS);
    assert_eq!(success.is_resumed(), is_resumed);
    assert_eq!(outcome.is_resumed, is_resumed);
    success
}

#[test]
fn each_version_and_kind_of_key_in_pieces_of_any_size() {
    for kind in KINDS {
        let pki = Pki::new(kind);
        for version in VERSIONS {
            for mtu in [200, 253, 576, 1020, 1400, 4000] {
                let (settings, peer, _) = sides(&pki, version);
                let ended = run(&settings, &peer, mtu);
                let remarks = ended
                    .outcome
                    .as_ref()
                    .map(|outcome| outcome.remarks.clone());
                drop(agreed(ended, false));
                assert_eq!(remarks.unwrap()[0], version.to_string(), "{kind:?} {mtu}");
            }
        }
    }
}

#[test]
fn what_is_kept_is_resumed_again_and_again() {
    for version in VERSIONS {
        for kind in [Kind::P256, Kind::Rsa2048] {
            let pki = Pki::new(kind);
            let (settings, peer, sessions) = sides(&pki, version);
            let mut success = agreed(run(&settings, &peer, 1020), false);
            assert!(sessions.is_empty());
            let first = success.msk().unwrap().clone();
            success.keep(b"note");
            assert_eq!(sessions.len(), 1);
            for later in 1..4 {
                let ended = run_at(&settings, &peer, 1020, NOW + later);
                let mut success = agreed(ended, true);
                assert_ne!(*success.msk().unwrap(), first);
                success.keep(b"note");
                assert_eq!(sessions.len(), 1, "{version} {kind:?}");
            }
        }
    }
}

#[test]
fn what_is_not_kept_is_not_resumed() {
    for version in VERSIONS {
        let pki = Pki::new(Kind::P256);
        let (settings, peer, sessions) = sides(&pki, version);
        for _ in 0..3 {
            drop(agreed(run(&settings, &peer, 1020), false));
            assert!(sessions.is_empty());
        }
    }
}
