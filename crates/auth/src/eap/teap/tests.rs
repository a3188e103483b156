//! The inner halves of TEAP by themselves.

use std::sync::Arc;

use super::{
    Needed, Plan, Proof, VERSION, Who,
    keys::{Chain, InnerKeys},
    peer::{Credential, Phase2 as PeerPhase2},
    phase2::Phase2,
    tlvs::{Binding, Message, Status},
};
use crate::{
    eap::{
        Failure, MSK_OCTETS, Means, Msk, Offer, Password, Type,
        means::Inner as InnerMeans,
        mschapv2,
        peer::Usable,
        tls::Version,
        tunnel::{
            Keying,
            fake::{End, FakeTls, PASSWORD, Room, To, accepted_changes, knows},
            prf::Hash,
        },
    },
    mschap::NtHash,
};
use proptest::prelude::*;

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
/// What the server says outside the tunnel: an Authority-ID.
const OUTER: [u8; 7] = [0, 1, 0, 3, b'a', b'.', b'b'];

fn eap() -> Proof {
    // One that knows where it is, and has its keys in order by itself.
    let means = Means::inside(Type::TEAP, InnerMeans::Eap(Type::MSCHAPV2));
    Proof::Eap(Arc::new(
        Offer::nothing().with(mschapv2::Server::new(means)),
    ))
}

fn plan(stages: Vec<(Who, Proof)>, needed: Needed) -> Arc<Plan> {
    Arc::new(Plan { stages, needed })
}

fn user() -> Arc<Plan> {
    plan(vec![(Who::User, eap())], Needed::Any)
}

fn both(needed: Needed) -> Arc<Plan> {
    plan(vec![(Who::Machine, eap()), (Who::User, eap())], needed)
}

fn by_eap(name: &str, password: &str) -> Credential {
    let hash = NtHash::of(password).unwrap();
    let method: Arc<dyn Usable> = Arc::new(mschapv2::Peer::new(hash).inside(Type::TEAP));
    Credential::Eap {
        name: name.into(),
        methods: vec![method],
    }
}

fn by_password(name: &str, password: &str) -> Credential {
    Credential::Password {
        name: name.into(),
        password: Password::new(password),
    }
}

fn talk(
    tls: FakeTls,
    plan: Arc<Plan>,
    credentials: Vec<(Who, Credential)>,
    see: impl FnMut(To, &mut Vec<u8>),
) -> End {
    let mut peer = PeerPhase2::new(credentials);
    crate::eap::tunnel::peer::PeerInside::outer(&mut peer, &OUTER);
    Room {
        server: &mut Phase2::new(plan, &OUTER),
        peer: &mut peer,
        tls,
        knows: &knows,
    }
    .talk(see)
}

fn tim() -> Vec<(Who, Credential)> {
    vec![(Who::User, by_eap("tim", PASSWORD))]
}

fn tim_and_machine() -> Vec<(Who, Credential)> {
    let mut credentials = tim();
    credentials.push((Who::Machine, by_eap("host/pc7", PASSWORD)));
    credentials
}

#[test]
fn a_user_comes_in_by_eap_or_by_password() {
    for version in VERSIONS {
        let tls = FakeTls::of(version);
        let success = talk(tls.clone(), user(), tim(), |_, _| {}).accepted();
        assert_eq!(success.means().to_string(), "TEAP-MSCHAPv2");
        assert_eq!(success.identity(), b"tim");
        assert!(success.others().is_empty());
        let asks = plan(
            vec![(Who::User, Proof::Password("Who?".into()))],
            Needed::Any,
        );
        let credentials = |password| vec![(Who::User, by_password("tim", password))];
        let end = talk(
            tls.clone(),
            Arc::clone(&asks),
            credentials(PASSWORD),
            |_, _| {},
        );
        assert_eq!(end.accepted().means().to_string(), "TEAP-PAP");
        for (plan, credentials) in [
            (asks, credentials("other")),
            (user(), vec![(Who::User, by_eap("tim", "other"))]),
        ] {
            let end = talk(tls.clone(), plan, credentials, |_, _| {});
            assert_eq!(end.label(), "wrong_password");
        }
    }
}

#[test]
fn a_machine_and_its_user_come_in_together() {
    for version in VERSIONS {
        let tls = FakeTls::of(version);
        let end = talk(tls.clone(), both(Needed::All), tim_and_machine(), |_, _| {});
        let success = end.accepted();
        assert_eq!(success.identity(), b"tim");
        assert_eq!(success.others().len(), 1);
        assert_eq!(success.others()[0].identity(), b"host/pc7");
        // The keys are of both.
        let alone = talk(tls.clone(), user(), tim(), |_, _| {}).accepted();
        assert_ne!(success.msk(), alone.msk());
        // One of them with the wrong password.
        for wrong in [Who::User, Who::Machine] {
            let mut credentials = tim_and_machine();
            credentials.retain(|(who, _)| *who != wrong);
            let name = if wrong == Who::User {
                "tim"
            } else {
                "host/pc7"
            };
            credentials.push((wrong, by_eap(name, "other")));
            let end = talk(tls.clone(), both(Needed::All), credentials, |_, _| {});
            assert_eq!(end.label(), "wrong_password");
        }
    }
}

#[test]
fn who_is_not_there_is_needed_or_not() {
    let tls = FakeTls::of(Version::Tls12);
    let machine = || vec![(Who::Machine, by_eap("host/pc7", PASSWORD))];
    for (credentials, name) in [(tim(), &b"tim"[..]), (machine(), b"host/pc7")] {
        let end = talk(tls.clone(), both(Needed::Any), credentials, |_, _| {});
        let success = end.accepted();
        assert_eq!(success.identity(), name);
        assert!(success.others().is_empty());
    }
    for (credentials, missing) in [(tim(), "machine"), (machine(), "user")] {
        let end = talk(tls.clone(), both(Needed::All), credentials, |_, _| {});
        let End::Reject(failure) = end else {
            panic!("{end:?}");
        };
        assert_eq!(failure, Failure::NoSuchIdentity(missing));
    }
    // Nobody is asked, so nobody has proven anything.
    let nobody = plan(Vec::new(), Needed::Any);
    assert!(!talk(tls, nobody, Vec::new(), |_, _| {}).is_yes());
}

#[test]
fn a_resumed_session_is_bound_too() {
    for version in VERSIONS {
        let mut said = Vec::new();
        let tls = FakeTls::resumed(version);
        let end = talk(tls, user(), tim(), |to, octets| {
            said.push((to, octets.clone()));
        });
        assert!(end.accepted().is_resumed());
        assert_eq!(said.len(), 2);
        // Result and binding, each way.
        assert_eq!(said[1].1.len(), 6 + 4 + 76);
        let tls = FakeTls::resumed(version);
        let end = talk(tls, user(), tim(), |to, octets| {
            if to == To::Server {
                *octets = Message::default().result(Status::Success).octets();
            }
        });
        assert_eq!(end.label(), "eap_no_crypto_binding");
    }
}

#[test]
fn a_wrong_binding_is_found_on_both_sides() {
    for to in [To::Server, To::Peer] {
        for at in 0..76 {
            let mut is_changed = false;
            let end = talk(
                FakeTls::of(Version::Tls12),
                user(),
                tim(),
                |whom, octets| {
                    let binding = octets.windows(4).position(|tlv| tlv == [0x80, 12, 0, 76]);
                    if let Some(binding) = binding.filter(|_| whom == to) {
                        octets[binding + 4 + at] ^= 1;
                        is_changed = true;
                    }
                },
            );
            assert!(is_changed);
            // The MAC by the EMSK is not there, and its field is under the MAC as zeros.
            let is_nothing = (4 + 32..4 + 32 + 20).contains(&at);
            assert_eq!(end.is_yes(), is_nothing, "{at}: {end:?}");
            if !is_nothing {
                assert_eq!(end.label(), "eap_crypto_binding", "{at}");
            }
        }
    }
}

#[test]
fn what_was_said_outside_is_bound() {
    let mut peer = PeerPhase2::new(tim());
    crate::eap::tunnel::peer::PeerInside::outer(&mut peer, b"\0\x01\0\x03a.c");
    let end = Room {
        server: &mut Phase2::new(user(), &OUTER),
        peer: &mut peer,
        tls: FakeTls::of(Version::Tls12),
        knows: &knows,
    }
    .talk(|_, _| {});
    assert_eq!(end.label(), "eap_crypto_binding");
}

#[test]
fn what_is_out_of_order_is_the_end() {
    let tls = FakeTls::of(Version::Tls12);
    let success = || Message::default().result(Status::Success);
    let cases: [(Vec<u8>, &str); 9] = [
        (success().octets(), "eap_broken"),
        (
            Message::default().result(Status::Failure).octets(),
            "eap_peer_ended",
        ),
        (
            Message::default().intermediate(Status::Success).octets(),
            "eap_broken",
        ),
        (
            Message::default().error(2001).octets(),
            "eap_crypto_binding",
        ),
        (success().error(2002).octets(), "eap_peer_ended"),
        (
            Message::default()
                .password(b"tim", PASSWORD.as_bytes())
                .octets(),
            "eap_broken",
        ),
        (Message::default().octets(), "eap_broken"),
        (vec![0x80, 3, 0, 2, 0, 9], "eap_broken"),
        (vec![0x80, 11, 0, 0], "eap_broken"),
    ];
    for (case, label) in cases {
        for turn in 0..2 {
            let mut seen = 0;
            let end = talk(tls.clone(), user(), tim(), |to, octets| {
                if to == To::Server {
                    if seen == turn {
                        octets.clone_from(&case);
                    }
                    seen += 1;
                }
            });
            assert_eq!(end.label(), label, "{case:?} at {turn}");
        }
    }
}

#[test]
fn what_is_not_known_and_has_to_be_is_said_not_to_be() {
    for octets in [vec![0x80, 99, 0, 1, 5], vec![0x80, 7, 0, 4, 0, 0, 1, 55]] {
        let mut seen = 0;
        let mut answer = None;
        let end = talk(FakeTls::of(Version::Tls12), user(), tim(), |to, said| {
            match to {
                To::Server if seen == 0 => said.clone_from(&octets),
                To::Peer if seen == 1 => answer = Some(said.clone()),
                _ => {}
            }
            seen += usize::from(to == To::Server);
        });
        // The peer of these tests does not know what to do about that.
        assert!(!end.is_yes());
        let answer = answer.unwrap();
        assert_eq!(answer[..4], [0x80, 4, 0, 6]);
        assert_eq!(answer[9], octets[1]);
    }
    // Together with a result there is nothing to negotiate any more.
    let mut seen = 0;
    let end = talk(FakeTls::of(Version::Tls12), user(), tim(), |to, said| {
        if to == To::Server {
            if seen == 3 {
                said.extend_from_slice(&[0x80, 99, 0, 0]);
            }
            seen += 1;
        }
    });
    assert_eq!(end.label(), "eap_broken");
}

#[test]
fn a_request_for_more_is_answered_by_the_result_it_names() {
    for (status, is_yes) in [(1, true), (2, false)] {
        let mut last = None;
        let end = talk(FakeTls::of(Version::Tls12), user(), tim(), |to, said| {
            let at = said.windows(6).position(|tlv| tlv == [0x80, 3, 0, 2, 0, 1]);
            let Some(at) = at.filter(|_| to == To::Server) else {
                return;
            };
            if last.is_none() {
                last = Some(said.clone());
                said.splice(at.., [0x80, 8, 0, 2, status, 1]);
            }
        });
        assert!(last.is_some());
        assert_eq!(end.is_accept(), is_yes, "{end:?}");
    }
}

#[test]
fn a_peer_does_not_skip_what_is_inside() {
    let tls = FakeTls::of(Version::Tls12);
    let mut chain = Chain::new(&tls).unwrap();
    assert!(chain.advance(&tls, &InnerKeys::default()));
    let binding = Binding::request([2; 32], &chain, &OUTER);
    let end = talk(tls, user(), tim(), |to, said| {
        if to == To::Peer {
            *said = Message::default()
                .result(Status::Success)
                .binding(&binding)
                .octets();
        }
    });
    assert_eq!(end.label(), "eap_crypto_binding");
}

#[test]
fn no_changed_octet_inside_is_accepted() {
    let masks = [0x01, 0x40, 0x80, 0xff];
    let tls = FakeTls::of(Version::Tls13);
    let mut messages = Vec::new();
    let credentials = tim_and_machine;
    let end = talk(tls.clone(), both(Needed::All), credentials(), |to, said| {
        if to == To::Server {
            messages.push(said.clone());
        }
    });
    assert!(end.is_accept());
    let accepted = accepted_changes(&masks, |see| {
        talk(tls.clone(), both(Needed::All), credentials(), see)
    });
    for (message, at, mask) in accepted {
        let octets = &messages[message];
        let is_decoration = is_decoration(octets, at, mask);
        assert!(
            is_decoration,
            "message {message}, octet {at}, {mask:#x}: {octets:?}"
        );
    }
}

/// The flags of each TLV; of a binding what is not there of its MACs.
fn is_decoration(octets: &[u8], at: usize, mask: u8) -> bool {
    let mut start = 0;
    while start < octets.len() {
        let kind = octets[start + 1];
        let end = start + 4 + usize::from(octets[start + 3]);
        if at < end {
            let inside = at - start;
            let is_absent = kind == 12 && (4 + 36..4 + 56).contains(&inside);
            // An identity type need not be said, and is another TLV then.
            let is_unsaid = kind == 2 && inside == 0 && mask & 0x80 != 0;
            return inside == 0 && mask.trailing_zeros() >= 6 || is_absent || is_unsaid;
        }
        start = end;
    }
    false
}

/// RFC 9930 section 6.2 and RFC 5295, by another route.
#[test]
fn the_chains_are_as_the_rfc_says() {
    let tls = FakeTls::of(Version::Tls12);
    let mut seed = [0; 40];
    assert!(tls.export("EXPORTER: teap session key seed", None, &mut seed));
    let (msk, emsk) = (Msk::new([3; MSK_OCTETS]), Msk::new([4; MSK_OCTETS]));
    let keys = InnerKeys::of_method(Means::alone(Type::TLS), Some(&msk), Some(&emsk));
    let mut chain = Chain::new(&tls).unwrap();
    assert!(chain.advance(&tls, &keys));
    let prf = |secret: &[u8], label: &str, seed: &[u8], length: usize| -> Vec<u8> {
        let seed = [label.as_bytes(), seed].concat();
        let mut a = seed.clone();
        let mut out = Vec::new();
        while out.len() < length {
            a = Hash::Sha384.mac(secret, &[&a]).to_vec();
            out.extend_from_slice(&Hash::Sha384.mac(secret, &[&a, &seed]));
        }
        out.truncate(length);
        out
    };
    let inner = prf(emsk.reveal(), "TEAPbindkey@ietf.org", &[0, 0, 64], 32);
    for (is_by_emsk, inner) in [(false, vec![3; 32]), (true, inner)] {
        let compound = prf(&seed, "Inner Methods Compound Keys", &inner, 60);
        let expected = prf(&compound[..40], "Session Key Generating Function", &[], 64);
        let found = chain.msk(&tls, is_by_emsk).unwrap();
        assert_eq!(found.reveal().to_vec(), expected);
        let binding = Binding::request([6; 32], &chain, &OUTER);
        let macs = chain.macs(&binding, &OUTER);
        let mut buffer = vec![0x80, 12, 0, 76, 0, VERSION, VERSION, 0x30];
        buffer.extend_from_slice(&[6; 32]);
        buffer.extend_from_slice(&[0; 40]);
        buffer.push(55);
        buffer.extend_from_slice(&OUTER);
        let mac = Hash::Sha384.mac(&compound[40..], &[&buffer]);
        let found = if is_by_emsk {
            macs.by_emsk
        } else {
            macs.by_msk
        };
        assert_eq!(found, mac[..20]);
    }
}

#[test]
fn both_sides_go_by_what_both_have() {
    for version in VERSIONS {
        let tls = FakeTls::of(version);
        let (msk, emsk) = (Msk::new([3; MSK_OCTETS]), Msk::new([4; MSK_OCTETS]));
        let means = Means::alone(Type::TLS);
        let with = InnerKeys::of_method(means, Some(&msk), Some(&emsk));
        let without = InnerKeys::of_method(means, Some(&msk), None);
        for (server, peer) in [(&with, &with), (&with, &without), (&without, &with)] {
            let mut ours = Chain::new(&tls).unwrap();
            let mut theirs = Chain::new(&tls).unwrap();
            assert!(ours.advance(&tls, server) && theirs.advance(&tls, peer));
            let request = Binding::request([9; 32], &ours, b"");
            assert!(request.is_right_request(&theirs, b""));
            let response = request.response(&theirs, b"");
            assert!(response.is_right_response(&request, &ours, b""));
            let is_by_emsk = response.is_by_emsk(&ours);
            assert_eq!(is_by_emsk, std::ptr::eq(server, peer));
            let key = ours.msk(&tls, is_by_emsk);
            assert_eq!(key, theirs.msk(&tls, response.is_by_emsk(&theirs)));
            // A response is none to another request, and a request is no response.
            let other = Binding::request([10; 32], &ours, b"");
            assert!(!response.is_right_response(&other, &ours, b""));
            assert!(!request.is_right_response(&request, &ours, b""));
            assert!(!response.is_right_request(&theirs, b""));
        }
    }
}

#[test]
fn a_method_that_does_not_know_where_it_is_has_its_keys_turned() {
    let mut octets = [0; MSK_OCTETS];
    octets[..16].fill(1);
    octets[16..32].fill(2);
    let msk = Msk::new(octets);
    octets[..16].fill(2);
    octets[16..32].fill(1);
    let turned = Msk::new(octets);
    let tls = FakeTls::of(Version::Tls12);
    let key = |means, msk: &Msk| {
        let mut chain = Chain::new(&tls).unwrap();
        assert!(chain.advance(&tls, &InnerKeys::of_method(means, Some(msk), None)));
        chain.msk(&tls, false)
    };
    let alone = Means::alone(Type::MSCHAPV2);
    let inside = Means::inside(Type::TEAP, InnerMeans::Eap(Type::MSCHAPV2));
    assert_eq!(key(alone, &msk), key(inside, &turned));
    assert_ne!(key(alone, &msk), key(inside, &msk));
}

proptest! {
    #[test]
    fn nothing_made_up_is_accepted(
        turn in 0_usize..4,
        octets in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut seen = 0;
        let end = talk(FakeTls::of(Version::Tls13), user(), tim(), |to, said| {
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
