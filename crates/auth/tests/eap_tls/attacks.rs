//! What is altered, cut, repeated, reordered or reflected on its way never leads in.

use std::sync::Arc;

use portreeve_auth::eap::{
    Answer, Question, Type,
    packet::{self, Packet},
    tls::{PeerSettings, Sessions, Settings, Version, fragments::Flags},
};

use crate::{
    pki::{Kind, NOW, Pki},
    world::{Ended, Tamper, Towards, World, untouched},
};

struct Field {
    settings: Arc<Settings>,
    peer: PeerSettings,
}

/// Who knows what belongs to whom.
fn strict(question: Question) -> Answer {
    match question {
        Question::Certificate { identity, .. } | Question::Resumed { identity, .. }
            if identity == b"tim" =>
        {
            Answer::Right(identity)
        }
        _ => Answer::Wrong,
    }
}

impl Field {
    fn new(version: Version) -> Self {
        let pki = Pki::new(Kind::P256);
        let settings = pki.server.settings().trusting(pki.client_trust());
        let settings = settings
            .versions(version, version)
            .resuming(Arc::new(Sessions::new(10, 3600)))
            .build()
            .unwrap();
        let peer = PeerSettings::builder(pki.trust()).presenting(pki.tim.identity());
        Self {
            settings,
            peer: peer.build().unwrap(),
        }
    }

    fn resuming(version: Version) -> Self {
        let pki = Pki::new(Kind::P256);
        let mut field = Self::new(version);
        let settings = pki.server.settings().trusting(pki.client_trust());
        field.settings = settings
            .versions(version, version)
            .resuming(Arc::new(Sessions::new(10, 3600)))
            .build()
            .unwrap();
        let peer = PeerSettings::builder(pki.trust()).presenting(pki.tim.identity());
        field.peer = peer.resuming().build().unwrap();
        field
    }

    fn run(&self, mtu: usize, tamper: Tamper<'_>) -> Ended {
        let world = World {
            mtu,
            unix_s: NOW,
            answer: &mut strict,
            tamper,
        };
        world.run(&self.settings, &self.peer)
    }

    /// The lengths of the packets of a run that nobody tampers with.
    fn lengths(&self, mtu: usize) -> Vec<usize> {
        let ended = self.run(mtu, &mut untouched);
        let lengths = ended
            .packets
            .iter()
            .map(|(_, octets)| octets.len())
            .collect();
        drop(ended.success());
        lengths
    }
}

/// Nobody is let in, and nobody thinks that they are.
#[track_caller]
fn nothing_came_of_it(ended: &Ended, what: impl std::fmt::Debug) {
    assert!(ended.success.is_none(), "{what:?}: {ended:?}");
    assert!(ended.outcome.is_none(), "{what:?}: {ended:?}");
}

/// The peer does not think that it is in. The server may, of its last flight alone: the peer
/// acknowledges a fragment as it does the end, by an empty packet (RFC 5216 section 2.1.5).
#[track_caller]
fn nothing_came_of_it_but_for_the_last(ended: &Ended, target: usize, what: impl std::fmt::Debug) {
    if target + 2 == ended.packets.len() {
        assert!(ended.outcome.is_none(), "{what:?}: {ended:?}");
    } else {
        nothing_came_of_it(ended, what);
    }
}

fn each_octet_altered(field: &Field, prepare: impl Fn(&Field)) {
    prepare(field);
    let lengths = field.lengths(4000);
    let mut altered = 0;
    for (target, length) in lengths.into_iter().enumerate() {
        // What is signed or random differs in length from run to run by a few octets.
        for octet in 0..length + 4 {
            let mut is_altered = false;
            let mut alter = |_, number: usize, mut octets: Vec<u8>| {
                if number == target
                    && let Some(octet) = octets.get_mut(octet)
                {
                    *octet ^= 0xff;
                    is_altered = true;
                }
                octets
            };
            prepare(field);
            let ended = field.run(4000, &mut alter);
            if is_altered {
                altered += 1;
                nothing_came_of_it(&ended, (target, octet));
            }
        }
    }
    assert!(altered > 400, "{altered}");
}

#[test]
fn each_octet_altered_under_tls_1_2() {
    each_octet_altered(&Field::new(Version::Tls12), |_| {});
}

#[test]
fn each_octet_altered_under_tls_1_3() {
    each_octet_altered(&Field::new(Version::Tls13), |_| {});
}

fn begin_session(field: &Field) {
    let mut success = field.run(4000, &mut untouched).success();
    success.keep(b"");
}

#[test]
fn each_octet_altered_when_resuming() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::resuming(version);
        each_octet_altered(&field, begin_session);
    }
}

/// The packet with what comes after the EAP header replaced, its length put right.
fn with_body(octets: &[u8], body: &[u8]) -> Vec<u8> {
    let mut changed = octets[..2].to_vec();
    let length = u16::try_from(packet::HEADER_OCTETS + body.len()).unwrap();
    changed.extend_from_slice(&length.to_be_bytes());
    changed.extend_from_slice(body);
    changed
}

#[test]
fn each_packet_cut_short() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        for (target, length) in field.lengths(600).into_iter().enumerate() {
            let header = packet::HEADER_OCTETS;
            for keep in (header..length).step_by(7).chain([length - 1]) {
                let mut is_cut = false;
                let mut cut = |_, number, octets: Vec<u8>| {
                    if number != target || keep >= octets.len() {
                        return octets;
                    }
                    is_cut = true;
                    with_body(&octets, &octets[header..keep])
                };
                let ended = field.run(600, &mut cut);
                if is_cut {
                    nothing_came_of_it(&ended, (target, keep));
                }
            }
        }
    }
}

#[test]
fn what_the_server_says_reflected_to_it() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        let packets = field.lengths(600).len();
        for target in (1..packets).step_by(2) {
            let mut last = Vec::new();
            let mut reflect = |towards, number, octets: Vec<u8>| match towards {
                Towards::Peer => {
                    last.clone_from(&octets);
                    octets
                }
                Towards::Server if number == target => with_body(&octets, &last[4..]),
                Towards::Server => octets,
            };
            let ended = field.run(600, &mut reflect);
            let is_acknowledgement = ended.packets[target].1.len() == 6;
            let was_acknowledgement = ended.packets[target - 1].1.len() == 6;
            if target > 1 && is_acknowledgement && was_acknowledgement {
                continue;
            }
            nothing_came_of_it(&ended, target);
        }
    }
}

#[test]
fn an_earlier_packet_in_place_of_a_later_one() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        let packets = field.lengths(600);
        for target in 3..packets.len() {
            for back in (2..target).step_by(2) {
                let mut seen: Vec<Vec<u8>> = Vec::new();
                let mut is_other = false;
                let mut replay = |_, number: usize, octets: Vec<u8>| {
                    seen.push(octets.clone());
                    if number != target {
                        return octets;
                    }
                    let earlier = &seen[number - back];
                    is_other = earlier[4..] != octets[4..];
                    with_body(&octets, &earlier[4..])
                };
                let ended = field.run(600, &mut replay);
                if is_other {
                    nothing_came_of_it_but_for_the_last(&ended, target, (target, back));
                }
            }
        }
    }
}

#[test]
fn a_fragment_twice_and_one_left_out() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        let packets = field.lengths(300).len();
        for target in 3..packets {
            for twice in [false, true] {
                let mut is_altered = false;
                let mut alter = |_, number: usize, octets: Vec<u8>| {
                    if number != target || octets.len() < 40 {
                        return octets;
                    }
                    is_altered = true;
                    let data = &octets[4..];
                    if twice {
                        with_body(&octets, &[data, &data[6..]].concat())
                    } else {
                        // Said to be the last though it is not, or with more to come.
                        let mut data = data.to_vec();
                        data[1] ^= Flags::MORE.octet();
                        with_body(&octets, &data)
                    }
                };
                let ended = field.run(300, &mut alter);
                if is_altered {
                    nothing_came_of_it_but_for_the_last(&ended, target, (target, twice));
                }
            }
        }
    }
}

#[test]
fn a_success_that_the_server_did_not_send() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        let packets = field.lengths(4000).len();
        for target in (0..packets).step_by(2) {
            let mut canned = |_, number: usize, octets: Vec<u8>| {
                if number == target {
                    packet::success(octets[1]).to_vec()
                } else {
                    octets
                }
            };
            nothing_came_of_it(&field.run(4000, &mut canned), target);
        }
    }
}

#[test]
fn an_empty_response_wherever_it_is_not_due() {
    for version in [Version::Tls12, Version::Tls13] {
        let field = Field::new(version);
        let lengths = field.lengths(4000);
        for (target, length) in lengths.iter().enumerate().skip(3) {
            if *length == 6 || target % 2 == 0 {
                continue;
            }
            let mut empty = |_, number: usize, octets: Vec<u8>| {
                if number == target {
                    with_body(&octets, &[13, 0])
                } else {
                    octets
                }
            };
            nothing_came_of_it(&field.run(4000, &mut empty), target);
        }
    }
}

#[test]
fn data_after_the_success_octet() {
    let field = Field::new(Version::Tls13);
    let last = field.lengths(4000).len() - 1;
    for body in [
        &[13, 0, 23, 3, 3, 0, 1, 0][..],
        &[13, 0, 21, 3, 3, 0, 2, 1, 0],
        &[13, 0, 22, 3, 3, 0, 4, 1, 0, 0, 0],
        &[13, 0x40],
        &[13, 0x20],
        &[13, 0x80, 0, 0, 0, 1],
    ] {
        let mut more = |_, number: usize, octets: Vec<u8>| {
            if number == last {
                with_body(&octets, body)
            } else {
                octets
            }
        };
        nothing_came_of_it(&field.run(4000, &mut more), body);
    }
}

#[test]
fn a_nak_or_another_type_in_the_middle() {
    for kind in [Type::NAK, Type::PEAP, Type::IDENTITY, Type::MD5] {
        let field = Field::new(Version::Tls13);
        let mut other = |_, number: usize, octets: Vec<u8>| {
            if number < 5 || number.is_multiple_of(2) {
                return octets;
            }
            let packet = Packet::parse(&octets).unwrap();
            let (_, data) = packet.body().unwrap();
            packet::response(packet.identifier(), kind, data).unwrap()
        };
        nothing_came_of_it(&field.run(4000, &mut other), kind);
    }
}
