//! The inner halves of PEAP by themselves.

use std::sync::Arc;

use super::{CryptoBinding, peer::Phase2 as PeerPhase2, phase2::Phase2};
use crate::{
    eap::{
        Failure, Means, Offer, Type, gtc,
        means::Inner as InnerMeans,
        mschapv2, packet,
        peer::Usable,
        tls::Version,
        tunnel::fake::{End, FakeTls, PASSWORD, Room, To, accepted_changes, knows},
    },
    mschap::NtHash,
};
use proptest::prelude::*;

fn offer() -> Arc<Offer> {
    let means = |kind| Means::inside(Type::PEAP, InnerMeans::Eap(kind));
    let offer = Offer::nothing()
        .with(mschapv2::Server::new(means(Type::MSCHAPV2)))
        .with(gtc::Server::new(Means::alone(Type::GTC)));
    Arc::new(offer)
}

fn mschapv2(password: &str) -> Arc<dyn Usable> {
    Arc::new(mschapv2::Peer::new(NtHash::of(password).unwrap()))
}

fn gtc(password: &str) -> Arc<dyn Usable> {
    Arc::new(gtc::Peer::new(crate::eap::Password::new(password)))
}

struct Case {
    tls: FakeTls,
    server: CryptoBinding,
    peer: CryptoBinding,
    method: Arc<dyn Usable>,
    name: &'static str,
}

impl Case {
    fn of(tls: FakeTls, method: Arc<dyn Usable>) -> Self {
        Self {
            tls,
            server: CryptoBinding::Optional,
            peer: CryptoBinding::Optional,
            method,
            name: "tim",
        }
    }

    fn talk(&self, see: impl FnMut(To, &mut Vec<u8>)) -> End {
        let mut peer =
            PeerPhase2::new(self.name.as_bytes(), &[Arc::clone(&self.method)], self.peer);
        Room {
            server: &mut Phase2::new(offer(), self.server),
            peer: &mut peer,
            tls: self.tls.clone(),
            knows: &knows,
        }
        .talk(see)
    }
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn who_knows_the_password_comes_in_with_keys_of_both() {
    for version in VERSIONS {
        let tls = FakeTls::of(version);
        let success = Case::of(tls.clone(), mschapv2(PASSWORD))
            .talk(|_, _| {})
            .accepted();
        assert_eq!(success.means().to_string(), "PEAP-MSCHAPv2");
        assert_eq!(success.identity(), b"tim");
        let first = success.msk().cloned();
        let success = Case::of(tls, gtc(PASSWORD)).talk(|_, _| {}).accepted();
        assert_eq!(success.means().to_string(), "PEAP-GTC");
        assert_ne!(success.msk(), first.as_ref());
        for method in [mschapv2("other"), gtc("other")] {
            let end = Case::of(FakeTls::of(version), method).talk(|_, _| {});
            assert_eq!(end.label(), "wrong_password", "{end:?}");
        }
    }
}

#[test]
fn without_a_binding_it_goes_on_only_where_none_is_required() {
    let strip = |to: To, said: &mut Vec<u8>| {
        // The response with its result and without its binding.
        if to == To::Server && said.get(4) == Some(&33) {
            let identifier = said[1];
            *said = packet::response(identifier, Type::TLV, &said[5..11]).unwrap();
        }
    };
    let mut case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
    // The peer has bound itself, so the keys are not the same.
    assert!(matches!(case.talk(strip), End::OneSided));
    case.server = CryptoBinding::Required;
    assert_eq!(case.talk(strip).label(), "eap_no_crypto_binding");
    // A peer that is told nothing of bindings, and so binds nothing.
    let unbound = |to: To, said: &mut Vec<u8>| {
        if to == To::Peer && said.get(4) == Some(&33) {
            let identifier = said[1];
            *said = packet::request(identifier, Type::TLV, &said[5..11]).unwrap();
        }
    };
    case.server = CryptoBinding::Optional;
    let success = case.talk(unbound).accepted();
    let with_tls_keys = success.msk().cloned();
    let success = case.talk(|_, _| {}).accepted();
    assert_ne!(success.msk().cloned(), with_tls_keys);
    case.peer = CryptoBinding::Required;
    assert!(!case.talk(unbound).is_yes());
}

#[test]
fn a_resumed_session_ends_with_results_and_a_binding() {
    for version in VERSIONS {
        let case = Case::of(FakeTls::resumed(version), mschapv2(PASSWORD));
        let mut said = Vec::new();
        let success = case
            .talk(|to, octets| said.push((to, octets.clone())))
            .accepted();
        assert!(success.is_resumed());
        assert_eq!(said.len(), 2);
    }
}

#[test]
fn a_peer_does_not_skip_what_is_inside() {
    // A server that is none, and says at once that all went well.
    let case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
    let mut answer = None;
    let end = case.talk(|to, said| match to {
        To::Peer => *said = packet::request(2, Type::TLV, &[0x80, 3, 0, 2, 0, 1]).unwrap(),
        To::Server => answer = Some(said.clone()),
    });
    assert!(!end.is_yes());
    assert_eq!(answer.unwrap()[5..], [0x80, 3, 0, 2, 0, 2]);
}

#[test]
fn a_server_does_not_believe_that_it_is_over_before_it_is() {
    for (result, label) in [(1, "eap_broken"), (2, "eap_peer_ended")] {
        for turn in 0..3 {
            let case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
            let mut seen = 0;
            let end = case.talk(|to, said| {
                if to == To::Server {
                    if seen == turn {
                        let tlvs = [0x80, 3, 0, 2, 0, result];
                        *said = packet::response(9, Type::TLV, &tlvs).unwrap();
                    }
                    seen += 1;
                }
            });
            assert_eq!(end.label(), label, "{turn}");
        }
    }
}

#[test]
fn a_wrong_binding_is_found_on_both_sides() {
    for (to, wanted) in [
        (To::Server, "eap_crypto_binding"),
        (To::Peer, "eap_peer_ended"),
    ] {
        for at in 11 + 4..11 + 4 + 56 {
            let case = Case::of(FakeTls::of(Version::Tls13), mschapv2(PASSWORD));
            let end = case.talk(|whom, said| {
                if whom == to && said.get(4) == Some(&33) {
                    said[at] ^= 1;
                }
            });
            assert_eq!(end.label(), wanted, "{at}");
        }
    }
}

#[test]
fn what_is_asked_for_inside_is_negotiated() {
    struct Md5;
    impl Usable for Md5 {
        fn kind(&self) -> Type {
            Type::MD5
        }

        fn start(&self) -> Box<dyn crate::eap::peer::Method> {
            unreachable!("it is never offered")
        }
    }
    let end = Case::of(FakeTls::of(Version::Tls12), Arc::new(Md5)).talk(|_, _| {});
    let End::Reject(Failure::NoCommonInner {
        outer,
        wanted,
        offered,
    }) = end
    else {
        panic!("{end:?}");
    };
    assert_eq!((outer, wanted), (Type::PEAP, vec![Type::MD5]));
    assert_eq!(offered, [Type::MSCHAPV2, Type::GTC]);
}

#[test]
fn nobody_has_no_password() {
    let mut case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
    case.name = "";
    assert_eq!(case.talk(|_, _| {}).label(), "eap_no_inner_identity");
    case.name = "stranger";
    assert_eq!(case.talk(|_, _| {}).label(), "refused");
}

/// What means nothing: the identifier of the last response and the flags of its TLVs.
fn is_decoration((message, at, mask): (usize, usize, u8)) -> bool {
    message == 3 && (at == 1 || [5, 11].contains(&at) && mask.trailing_zeros() >= 6)
}

#[test]
fn no_changed_octet_inside_is_accepted() {
    let masks = [0x01, 0x40, 0x80, 0xff];
    let mut case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
    // What has become another TLV is no binding.
    case.server = CryptoBinding::Required;
    let accepted = accepted_changes(&masks, |see| case.talk(see));
    let meant: Vec<_> = accepted
        .iter()
        .filter(|change| !is_decoration(**change))
        .collect();
    assert_eq!(meant, Vec::<&(usize, usize, u8)>::new());
    assert_eq!(accepted.len(), masks.len() + 2 * 2);
}

#[test]
fn there_is_no_second_method() {
    // Another log-in where the result is due.
    let case = Case::of(FakeTls::of(Version::Tls12), mschapv2(PASSWORD));
    let mut first = None;
    let end = case.talk(|to, said| {
        if to == To::Server {
            if said.get(4) == Some(&33) {
                said.clone_from(first.as_ref().unwrap());
            }
            first.get_or_insert_with(|| said.clone());
        }
    });
    assert_eq!(end.label(), "eap_broken");
}

proptest! {
    #[test]
    fn nothing_made_up_is_accepted(
        turn in 0_usize..4,
        octets in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let case = Case::of(FakeTls::of(Version::Tls12), gtc(PASSWORD));
        let mut seen = 0;
        let end = case.talk(|to, said| {
            if to == To::Server {
                if seen == turn {
                    said.clone_from(&octets);
                }
                seen += 1;
            }
        });
        prop_assert!(!end.is_yes());
    }
}
