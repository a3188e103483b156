//! EAP by hand: what a server must never accept, and what it must do with what is not EAP.

use std::net::UdpSocket;

use portreeve_interop::Must as _;
use portreeve_interop::eap::Place;
use portreeve_interop::eap::talk::{
    FAILURE, IDENTITY, MD5, MSCHAPV2, NAK, RESPONSE, SILENCE, SUCCESS, TLS, Talk,
};
use portreeve_interop::wire::{attribute, code, exchange};
use portreeve_interop::world::SECRET;

#[test]
fn a_conversation_goes_on_from_any_port() {
    let place = Place::usual();
    Talk::succeed(&place);
    let mut talk = Talk::challenged(&place, "bob");
    let message = talk.response(&talk.proof("hello worlD"));
    talk.expect_rejection(&message);
}

#[test]
fn a_conversation_that_is_over_is_over() {
    let place = Place::usual();
    let mut talk = Talk::challenged(&place, "bob");
    let (state, message) = (
        talk.state.clone(),
        talk.response(&talk.proof("hello world")),
    );
    assert_eq!(
        talk.send(&message).map(|r| r.code),
        Some(code::ACCESS_ACCEPT)
    );
    talk.state = state;
    talk.expect_no_way_in(&message);
    Talk::succeed(&place);
}

#[test]
fn one_answer_to_a_challenge_is_all_there_is() {
    let place = Place::usual();
    let mut talk = Talk::challenged(&place, "bob");
    let (state, heard) = (talk.state.clone(), talk.heard.clone());
    let wrong = talk.response(&talk.proof("a guess"));
    talk.expect_rejection(&wrong);
    (talk.state, talk.heard) = (state, heard);
    let right = talk.response(&talk.proof("hello world"));
    talk.expect_no_way_in(&right);
}

#[test]
fn the_state_of_somebody_else_opens_nothing() {
    let place = Place::usual();
    let mut bob = Talk::challenged(&place, "bob");
    let mut alice = Talk::challenged(&place, "alice");
    let message = bob.response(&bob.proof("hello world"));
    std::mem::swap(&mut bob.state, &mut alice.state);
    bob.expect_no_way_in(&message);
    let mut invented = Talk::challenged(&place, "bob");
    let message = invented.response(&invented.proof("hello world"));
    invented.state = vec![0x5a; invented.state.len()];
    invented.expect_no_way_in(&message);
    let mut stateless = Talk::challenged(&place, "bob");
    let message = stateless.response(&stateless.proof("hello world"));
    stateless.state.clear();
    stateless.expect_no_way_in(&message);
    Talk::succeed(&place);
}

#[test]
fn a_name_outside_does_not_lend_its_rights_to_another_inside() {
    let place = Place::usual();
    // The packet says alice, who has a Session-Timeout; EAP says bob, whose password is known.
    let mut talk = Talk::new(&place, "alice");
    let message = talk.response(&[&[IDENTITY], b"bob".as_slice()].concat());
    let Some(reply) = talk.send(&message) else {
        return;
    };
    if reply.code != code::ACCESS_CHALLENGE {
        assert_eq!(reply.code, code::ACCESS_REJECT, "{reply:?}");
        return;
    }
    if talk.heard[4] != MD5 {
        talk.expect_challenge(&[NAK, MD5]);
    }
    let message = talk.response(&talk.proof("hello world"));
    if let Some(reply) = talk.send(&message) {
        assert_eq!(
            reply.values(attribute::SESSION_TIMEOUT).len(),
            0,
            "{reply:?}"
        );
    }
}

#[test]
fn success_cannot_be_sent_by_who_asks_for_it() {
    let place = Place::usual();
    for code in [SUCCESS, FAILURE, 1, 0, 5, 255] {
        let mut talk = Talk::challenged(&place, "bob");
        let id = talk.heard[1];
        talk.expect_no_way_in(&[code, id, 0, 4]);
        let mut talk = Talk::new(&place, "bob");
        talk.expect_no_way_in(&[code, 0, 0, 4]);
    }
    Talk::succeed(&place);
}

#[test]
fn an_answer_to_another_question_opens_nothing() {
    let place = Place::usual();
    let mut talk = Talk::challenged(&place, "bob");
    let mut message = talk.response(&talk.proof("hello world"));
    message[1] = message[1].wrapping_add(1);
    talk.expect_no_way_in(&message);
    // The proof of one method under the number of another.
    let mut talk = Talk::challenged(&place, "bob");
    let mut data = talk.proof("hello world");
    data[0] = MSCHAPV2;
    let message = talk.response(&data);
    talk.expect_no_way_in(&message);
    // What the server said, sent back to it.
    let mut talk = Talk::challenged(&place, "bob");
    let mut message = talk.heard.clone();
    message[0] = RESPONSE;
    talk.expect_no_way_in(&message);
    Talk::succeed(&place);
}

#[test]
fn lengths_that_lie_open_nothing() {
    let place = Place::usual();
    for length in [0_u16, 3, 4, 21, 23, 0xffff] {
        let mut talk = Talk::challenged(&place, "bob");
        let mut message = talk.response(&talk.proof("a guess"));
        message[2..4].copy_from_slice(&length.to_be_bytes());
        talk.expect_no_way_in(&message);
    }
    Talk::succeed(&place);
}

#[test]
fn whoever_can_do_nothing_that_is_offered_is_rejected() {
    let place = Place::usual();
    for wish in [&[NAK, 0][..], &[NAK, 253], &[NAK], &[NAK, 17, 18, 23]] {
        let mut talk = Talk::new(&place, "bob");
        talk.expect_challenge(&[&[IDENTITY], b"bob".as_slice()].concat());
        let message = talk.response(wish);
        talk.expect_rejection(&message);
    }
}

#[test]
fn eap_that_is_not_signed_meets_silence() {
    let place = Place::usual();
    let mut talk = Talk::new(&place, "bob");
    let message = talk.response(&[&[IDENTITY], b"bob".as_slice()].concat());
    // RFC 3579, section 3.2.
    let request = talk.request(&message).unsigned().encode(SECRET);
    assert!(talk.send_packet(&request).is_none(), "{:?}", talk.heard);
    let mut request = talk.request(&message).encode(SECRET);
    // Message-Authenticator stands first: two octets, then sixteen.
    request[30] ^= 1;
    let socket = UdpSocket::bind("127.0.0.1:0").must("a socket");
    let answer = exchange(&socket, place.server.auth(), &request, SILENCE);
    assert_eq!(answer, None);
    Talk::succeed(&place);
}

#[test]
fn proxy_state_comes_back_with_every_answer() {
    let place = Place::usual();
    let mut talk = Talk::new(&place, "bob");
    let message = talk.response(&[&[IDENTITY], b"bob".as_slice()].concat());
    let request = talk.request(&message);
    let request = request.with(attribute::PROXY_STATE, b"one");
    let request = request.with(attribute::PROXY_STATE, b"two").encode(SECRET);
    let reply = talk.send_packet(&request).must("a challenge");
    let states = reply.values(attribute::PROXY_STATE);
    assert_eq!(states, [b"one".as_slice(), b"two".as_slice()]);
}

#[test]
fn a_handshake_that_is_none_is_rejected() {
    let place = Place::usual();
    let junk = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    let lengths: [&[u8]; 5] = [
        // Flags: a length that is too long, too short, nothing; the length alone; garbage.
        &[TLS, 0x80, 0xff, 0xff, 0xff, 0xff],
        &[TLS, 0x80, 0, 0, 0, 1],
        &[TLS],
        &[TLS, 0x80, 0, 0],
        &[TLS, 0],
    ];
    for start in lengths {
        let mut talk = Talk::started(&place);
        let message = talk.response(&[start, &junk].concat());
        talk.expect_no_way_in(&message);
        let mut talk = Talk::started(&place);
        let message = talk.response(start);
        talk.expect_no_way_in(&message);
    }
    Talk::succeed(&place);
}

#[test]
fn a_message_without_end_is_not_taken_for_ever() {
    let place = Place::usual();
    let mut talk = Talk::started(&place);
    // More follows, always, in pieces of 1,000 octets: 64 KiB are the limit, 200 are too many.
    let piece = [&[TLS, 0x40][..], &[0x16; 1000]].concat();
    let mut taken = 0;
    while taken < 200 {
        let message = talk.response(&piece);
        let Some(reply) = talk.send(&message) else {
            break;
        };
        if reply.code != code::ACCESS_CHALLENGE {
            assert_eq!(reply.code, code::ACCESS_REJECT, "{reply:?}");
            break;
        }
        taken += 1;
    }
    assert!(taken <= 66, "{taken} pieces were taken");
    Talk::succeed(&place);
}

#[test]
fn questions_without_end_come_to_an_end() {
    let place = Place::usual();
    let mut talk = Talk::started(&place);
    // An empty answer to nothing: it asks for the next piece of what is not there.
    let mut rounds = 0;
    while rounds < 300 {
        let message = talk.response(&[TLS, 0]);
        match talk.send(&message) {
            Some(reply) if reply.code == code::ACCESS_CHALLENGE => rounds += 1,
            _ => break,
        }
    }
    assert!(rounds < 300, "{rounds} rounds");
    Talk::succeed(&place);
}
