//! Each tunnel with each method inside, right and wrong, in large pieces and small.

use std::sync::Arc;

use portreeve_auth::eap::{
    Failure, Question, Type,
    peer::Trouble,
    tls::{self, ClientCertificate},
};

use crate::world::{Ended, Tunnel, What, meet, other_pki, pki};

#[test]
fn who_is_right_comes_in() {
    for tunnel in Tunnel::all() {
        for mtu in [1_400, 300] {
            let success = meet(tunnel.offered(None), tunnel.right(), mtu).success();
            assert_eq!(success.identity(), b"tim", "{tunnel:?}");
            assert_eq!(success.means().to_string(), tunnel.words());
            assert!(!success.is_resumed());
            assert_eq!(success.session_id().first(), tunnel.outer.short().as_ref());
            let others = usize::from(tunnel.what == What::Chain);
            assert_eq!(success.others().len(), others);
        }
    }
}

#[test]
fn who_is_wrong_does_not() {
    for tunnel in Tunnel::all() {
        let ended = meet(tunnel.offered(None), tunnel.with(false), 1_400);
        assert!(ended.failure.is_some(), "{tunnel:?}: {ended:?}");
        let failure = ended.failure();
        let by_certificate = matches!(tunnel.what, What::Eap(Type::TLS) | What::Certificate);
        match failure {
            Failure::WrongPassword(means) => assert_eq!(means.to_string(), tunnel.words()),
            Failure::Tls(tls::Trouble::UnknownIssuer { .. } | tls::Trouble::BadSignature(_)) => {
                assert!(by_certificate);
            }
            other => panic!("{tunnel:?}: {other:?}"),
        }
        assert!(ended.trouble.is_some());
    }
}

/// Who is asked about, and that it is the name inside that counts.
fn names(ended: &Ended) -> Vec<Vec<u8>> {
    let name = |question: &Question| match question {
        Question::Begin { .. } | Question::Resumed { .. } => None,
        Question::Credential { identity, .. }
        | Question::Password { identity, .. }
        | Question::Certificate { identity, .. } => Some(identity.clone()),
    };
    ended.questions.iter().filter_map(name).collect()
}

#[test]
fn the_name_inside_counts() {
    for tunnel in Tunnel::all() {
        let ended = meet(tunnel.offered(None), tunnel.right(), 1_400);
        let expected: &[&[u8]] = match tunnel.what {
            What::Chain => &[b"host/pc7", b"tim"],
            // There is none inside.
            What::Certificate => &[b"@test"],
            _ => &[b"tim"],
        };
        assert_eq!(names(&ended), expected, "{tunnel:?}");
    }
}

#[test]
fn no_password_is_given_to_a_server_that_is_not_trusted() {
    for tunnel in Tunnel::all() {
        let settings = tunnel.peer_settings(&other_pki().ca).build().unwrap();
        let ended = meet(tunnel.offered(None), tunnel.usable(settings, true), 1_400);
        assert_eq!(names(&ended), Vec::<Vec<u8>>::new());
        assert!(
            matches!(ended.trouble, Some(Trouble::Untrusted(_))),
            "{tunnel:?}"
        );
        let failure = ended.failure();
        assert!(
            matches!(failure, Failure::Tls(tls::Trouble::Alert(_))),
            "{failure:?}"
        );
    }
}

#[test]
fn a_machine_by_certificate_and_its_user_inside() {
    use portreeve_auth::eap::{
        Offer, mschapv2,
        teap::{self, Needed, Proof, Teap, TeapPeer, Who},
        tls::{ClientTrust, PeerIdentity, Settings},
    };
    for version in [tls::Version::Tls12, tls::Version::Tls13] {
        let tunnel = Tunnel::of(Type::TEAP, What::Eap(Type::MSCHAPV2), version);
        let server = &pki().server;
        let settings = Settings::builder(&server.chain, &server.key)
            .unwrap()
            .trusting(ClientTrust::new(vec![pki().ca.clone()]))
            .build()
            .unwrap();
        let means = portreeve_auth::eap::Means::alone(Type::MSCHAPV2);
        let offer = Offer::nothing().with(mschapv2::Server::new(means));
        let teap = Teap::new(settings, "portreeve.test")
            .with_certificate(ClientCertificate::Optional)
            .asking(Who::User, Proof::Eap(Arc::new(offer)))
            .needing(Needed::All);
        let machine = &pki().machine;
        let identity = PeerIdentity::new(&machine.chain, &machine.key).unwrap();
        let with = tunnel
            .peer_settings(&pki().ca)
            .presenting(identity)
            .build()
            .unwrap();
        let without = tunnel.peer_settings(&pki().ca).build().unwrap();
        for (settings, others) in [(with, 1), (without, 0)] {
            let hash = portreeve_auth::mschap::NtHash::of(crate::world::PASSWORD).unwrap();
            let method = mschapv2::Peer::new(hash).inside(Type::TEAP);
            let peer = TeapPeer::new(settings).with(
                Who::User,
                teap::Credential::Eap {
                    name: b"tim".to_vec(),
                    methods: vec![Arc::new(method)],
                },
            );
            let success = meet(Arc::new(teap.clone()), Arc::new(peer), 1_000).success();
            assert_eq!(success.identity(), b"tim");
            assert_eq!(success.others().len(), others);
            assert!(
                success
                    .others()
                    .iter()
                    .all(|other| other.identity() == b"host/pc7")
            );
        }
    }
}
