//! The inner halves of TTLS by themselves.

use std::sync::Arc;

use super::{
    avp::{Code, Writer},
    peer::Phase2 as PeerPhase2,
    phase2::Phase2,
};
use crate::{
    Credential, Method as Plain, Scheme,
    eap::{
        Answer, Failure, Means, Offer, Question, Type, gtc, md5,
        means::Inner as InnerMeans,
        mschapv2,
        peer::Usable,
        tls::Version,
        tunnel::fake::{End, FakeTls, PASSWORD, Room, To, accepted_changes, knows},
    },
    mschap::NtHash,
};
use proptest::prelude::*;

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

fn offer() -> Arc<Offer> {
    let means = |kind| Means::inside(Type::TTLS, InnerMeans::Eap(kind));
    let offer = Offer::nothing()
        .with(mschapv2::Server::new(means(Type::MSCHAPV2)))
        .with(gtc::Server::new(means(Type::GTC)))
        .with(md5::Server::new(means(Type::MD5)));
    Arc::new(offer)
}

fn methods(password: &str) -> [Arc<dyn Usable>; 3] {
    let secret = || crate::eap::Password::new(password);
    [
        Arc::new(mschapv2::Peer::new(NtHash::of(password).unwrap())),
        Arc::new(gtc::Peer::new(secret())),
        Arc::new(md5::Peer::new(secret())),
    ]
}

fn talk(tls: FakeTls, mut peer: PeerPhase2, see: impl FnMut(To, &mut Vec<u8>)) -> End {
    Room {
        server: &mut Phase2::new(Arc::new(Plain::ALL), offer()),
        peer: &mut peer,
        tls,
        knows: &knows,
    }
    .talk(see)
}

fn plain(plain: Plain, password: &str) -> PeerPhase2 {
    PeerPhase2::plain(plain, b"tim", password).unwrap()
}

fn eap(method: &Arc<dyn Usable>) -> PeerPhase2 {
    PeerPhase2::eap(b"tim", &[Arc::clone(method)])
}

/// The answer of whoever said `said` to a server that offers only that.
fn refusal(said: &[u8]) -> End {
    let tls = FakeTls::of(Version::Tls12);
    talk(tls, plain(Plain::Pap, PASSWORD), |to, octets| {
        if to == To::Server {
            *octets = said.to_vec();
        }
    })
}

#[test]
fn who_knows_the_password_comes_in_by_each_method() {
    for version in VERSIONS {
        let tls = FakeTls::of(version);
        for method in Plain::ALL {
            let end = talk(tls.clone(), plain(method, PASSWORD), |_, _| {});
            let success = end.accepted();
            assert_eq!(success.identity(), b"tim");
            assert_eq!(
                success.means(),
                Means::inside(Type::TTLS, InnerMeans::Plain(method))
            );
            let end = talk(tls.clone(), plain(method, "other"), |_, _| {});
            assert_eq!(end.label(), "wrong_password", "{method}");
        }
        for (right, wrong) in methods(PASSWORD).iter().zip(&methods("other")) {
            let success = talk(tls.clone(), eap(right), |_, _| {}).accepted();
            let means = Means::inside(Type::TTLS, InnerMeans::Eap(right.kind()));
            assert_eq!(success.means(), means);
            let end = talk(tls.clone(), eap(wrong), |_, _| {});
            assert_eq!(end.label(), "wrong_password", "{}", wrong.kind());
        }
    }
}

#[test]
fn a_resumed_session_ends_with_one_octet() {
    for method in [plain(Plain::MsChapV2, PASSWORD), eap(&methods(PASSWORD)[0])] {
        let mut said = Vec::new();
        let tls = FakeTls::resumed(Version::Tls13);
        let end = talk(tls, method, |to, octets| said.push((to, octets.clone())));
        assert!(end.accepted().is_resumed());
        assert_eq!(said, [(To::Peer, vec![0]), (To::Server, vec![])]);
    }
    let mut said = 0;
    let tls = FakeTls::resumed(Version::Tls12);
    let end = talk(tls, plain(Plain::Pap, PASSWORD), |_, _| said += 1);
    assert!(end.accepted().is_resumed());
    assert_eq!(said, 0);
}

#[test]
fn who_logs_in_where_a_session_is_resumed_has_to_be_right() {
    for (password, is_right) in [(PASSWORD, true), ("other", false)] {
        let mut padded = password.as_bytes().to_vec();
        padded.resize(16, 0);
        let log_in = Writer::default()
            .with(Code::USER_NAME, b"tim")
            .with(Code::USER_PASSWORD, &padded);
        let log_in = log_in.octets();
        let tls = FakeTls::resumed(Version::Tls13);
        let end = talk(tls, plain(Plain::Pap, PASSWORD), |to, octets| {
            if to == To::Server {
                *octets = log_in.to_vec();
            }
        });
        assert_eq!(end.is_yes(), is_right);
        if let End::Accept(success) = end {
            assert!(!success.is_resumed());
        }
    }
}

#[test]
fn a_challenge_of_another_tunnel_is_refused() {
    for method in [Plain::Chap, Plain::MsChapV1, Plain::MsChapV2] {
        let mut other = FakeTls::of(Version::Tls12);
        other.secret = [8; 32];
        let mut replayed = Vec::new();
        let end = talk(other, plain(method, PASSWORD), |to, octets| {
            if to == To::Server && replayed.is_empty() {
                replayed.clone_from(octets);
            }
        });
        assert!(end.is_accept());
        let end = refusal(&replayed);
        let End::Reject(Failure::Broken { what, .. }) = end else {
            panic!("{end:?}");
        };
        assert_eq!(what, "it answers another challenge than the tunnel's");
    }
}

#[test]
fn several_log_ins_at_once_are_none() {
    let name = || Writer::default().with(Code::USER_NAME, b"tim");
    let mut padded = PASSWORD.as_bytes().to_vec();
    padded.resize(16, 0);
    let right = || name().with(Code::USER_PASSWORD, &padded);
    assert!(refusal(&right().octets()).is_yes());
    let cases = [
        right().with(Code::CHAP_PASSWORD, &[0; 17]),
        right().with(Code::USER_PASSWORD, &padded),
        right().with(Code::USER_NAME, b"root"),
        right().with(Code::EAP_MESSAGE, &[2, 0, 0, 8, 1, b't', b'i', b'm']),
        right().with(Code::MS_CHAP2_RESPONSE, &[0; 50]),
        // Mandatory, and not known.
        right().with(
            Code {
                vendor: 0,
                number: 6,
            },
            &[0; 4],
        ),
        right().with(
            Code {
                vendor: 9,
                number: 1,
            },
            b"x",
        ),
        name(),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        assert_eq!(
            refusal(&case.octets()).label(),
            "eap_broken",
            "case {number}"
        );
    }
    let nameless = Writer::default().with(Code::USER_PASSWORD, &padded);
    assert_eq!(refusal(&nameless.octets()).label(), "eap_no_inner_identity");
    let empty = name().with(Code::USER_PASSWORD, &[0; 16]);
    assert_eq!(refusal(&empty.octets()).label(), "wrong_password");
    // Not known, and need not be: the M bit of the last attribute is taken away.
    let mut octets = right()
        .with(
            Code {
                vendor: 0,
                number: 6,
            },
            &[0; 4],
        )
        .octets();
    let flags = octets.len() - 12 + 4;
    octets[flags] = 0;
    assert!(refusal(&octets).is_yes());
}

#[test]
fn what_is_not_offered_is_refused_and_said() {
    let tls = FakeTls::of(Version::Tls12);
    let mut server = Phase2::new(Arc::new([Plain::Pap]), Arc::new(Offer::nothing()));
    let mut peer = plain(Plain::MsChapV2, PASSWORD);
    let end = Room {
        server: &mut server,
        peer: &mut peer,
        tls,
        knows: &knows,
    }
    .talk(|_, _| {});
    let End::Reject(failure) = end else {
        panic!("{end:?}");
    };
    assert_eq!(
        failure.to_string(),
        "the device tries TTLS-MS-CHAPv2, which is not offered: set another method on the device"
    );
}

#[test]
fn a_hash_that_cannot_answer_is_said_to_be_one() {
    let stored = Credential::make(
        Scheme::Ssha512,
        PASSWORD.as_bytes(),
        &mut |octets: &mut [u8]| {
            octets.fill(1);
        },
    );
    let stored = stored.unwrap();
    let knows = |question: Question| match question {
        Question::Credential { .. } => Answer::Credential(stored.clone()),
        _ => Answer::Refused,
    };
    for method in [Plain::Chap, Plain::MsChapV1, Plain::MsChapV2] {
        let end = Room {
            server: &mut Phase2::new(Arc::new(Plain::ALL), offer()),
            peer: &mut plain(method, PASSWORD),
            tls: FakeTls::of(Version::Tls13),
            knows: &knows,
        }
        .talk(|_, _| {});
        assert_eq!(end.label(), "cannot_serve");
    }
}

#[test]
fn a_peer_that_says_nothing_is_prompted_once() {
    let tls = FakeTls::of(Version::Tls13);
    let mut said = 0;
    let end = talk(tls, plain(Plain::Pap, PASSWORD), |to, octets| {
        said += usize::from(to == To::Server);
        octets.clear();
    });
    assert_eq!(end.label(), "eap_no_inner_identity");
    assert_eq!(said, 1);
}

#[test]
fn a_peer_believes_only_the_server_s_own_proof() {
    let tls = FakeTls::of(Version::Tls12);
    for at in 0..12 + 43 {
        let end = talk(
            tls.clone(),
            plain(Plain::MsChapV2, PASSWORD),
            |to, octets| {
                if to == To::Peer && octets.len() > 50 {
                    octets[at] ^= 0x01;
                }
            },
        );
        // Reserved flags mean nothing.
        assert_eq!(end.is_yes(), at == 4, "{at}");
    }
    // The peer has to agree with it.
    let mut said = 0;
    let end = talk(tls, plain(Plain::MsChapV2, PASSWORD), |to, octets| {
        if to == To::Server {
            said += 1;
            if said == 2 {
                *octets = vec![0];
            }
        }
    });
    assert_eq!(end.label(), "eap_broken");
}

/// Of each attribute the flags, but for the one that says that there is a vendor; in the response
/// of MS-CHAP what RFC 2433 and RFC 2759 leave open.
fn is_decoration(method: Plain, octets: &[u8], at: usize, mask: u8) -> bool {
    let mut start = 0;
    while start < octets.len() {
        let length = usize::from(octets[start + 7]);
        let header = if octets[start + 4] & 0x80 == 0 { 8 } else { 12 };
        let end = (start + length).next_multiple_of(4);
        if at < end {
            let inside = at - start;
            let value = inside.saturating_sub(header);
            let is_response = length == header + 50;
            return inside == 4 && mask & 0x80 == 0
                || inside >= length
                || is_response && inside >= header && is_open(method, value, mask);
        }
        start = end;
    }
    false
}

fn is_open(method: Plain, value: usize, mask: u8) -> bool {
    match method {
        // Flags but for the last, and the LAN Manager response.
        Plain::MsChapV1 => value == 1 && mask & 1 == 0 || (2..26).contains(&value),
        // Flags and what is reserved.
        Plain::MsChapV2 => value == 1 || (18..26).contains(&value),
        Plain::Pap | Plain::Chap => false,
    }
}

#[test]
fn no_changed_octet_inside_is_accepted() {
    let masks = [0x01, 0x40, 0x80, 0xff];
    for method in Plain::ALL {
        let tls = FakeTls::of(Version::Tls12);
        let mut first = Vec::new();
        let end = talk(tls.clone(), plain(method, PASSWORD), |to, octets| {
            if to == To::Server && first.is_empty() {
                first.clone_from(octets);
            }
        });
        assert!(end.is_accept());
        let accepted = accepted_changes(&masks, |see| {
            talk(tls.clone(), plain(method, PASSWORD), see)
        });
        for (message, at, mask) in accepted {
            let is_decoration = is_decoration(method, &first, at, mask);
            assert!(
                message == 0 && is_decoration,
                "{method}: octet {at}, {mask:#x}"
            );
        }
    }
    for method in methods(PASSWORD) {
        let tls = FakeTls::of(Version::Tls13);
        let mut messages = Vec::new();
        let end = talk(tls.clone(), eap(&method), |to, octets| {
            if to == To::Server {
                messages.push(octets.clone());
            }
        });
        assert!(end.is_accept());
        let accepted = accepted_changes(&masks, |see| talk(tls.clone(), eap(&method), see));
        for (message, at, mask) in accepted {
            let octets = &messages[message];
            let padded = octets[7].next_multiple_of(4);
            // The identity comes unasked, under any identifier; the length of the last attribute
            // may take in its padding.
            let is_free = at == 4 && mask & 0x80 == 0
                || (message, at) == (0, 9)
                || at == 7 && (octets[7]..=padded).contains(&(octets[7] ^ mask));
            let is_padding = at >= usize::from(octets[7]);
            assert!(
                is_free || is_padding,
                "{}: octet {at}, {mask:#x}",
                method.kind()
            );
        }
    }
}

#[test]
fn no_part_of_a_message_is_enough() {
    for method in Plain::ALL {
        let tls = FakeTls::of(Version::Tls12);
        let mut first = Vec::new();
        let end = talk(tls.clone(), plain(method, PASSWORD), |to, octets| {
            if to == To::Server && first.is_empty() {
                first.clone_from(octets);
            }
        });
        assert!(end.is_accept());
        for length in 0..first.len() {
            let end = refusal(&first[..length]);
            // All but the padding of the last attribute.
            let padding = match method {
                Plain::Pap => 0,
                Plain::Chap => 3,
                Plain::MsChapV1 | Plain::MsChapV2 => 2,
            };
            let is_whole = length >= first.len() - padding;
            assert!(
                !end.is_yes() || is_whole,
                "{method}: {length} of {}",
                first.len()
            );
        }
    }
}

proptest! {
    #[test]
    fn nothing_made_up_is_accepted(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!refusal(&octets).is_yes());
    }

    #[test]
    fn no_attribute_made_up_is_accepted(
        number in prop_oneof![1_u32..4, Just(60_u32), Just(79_u32), 1_u32..30],
        vendor in prop_oneof![Just(0_u32), Just(311_u32)],
        data in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let code = Code { vendor, number };
        let octets = Writer::default().with(Code::USER_NAME, b"tim").with(code, &data).octets();
        prop_assert!(!refusal(&octets).is_yes());
    }
}
