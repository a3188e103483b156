//! What only EAP-MSCHAPv2 does.

use std::sync::Arc;

use portreeve_auth::{
    Credential,
    eap::{Answer, Failure, Means, Question, Step, Surroundings, Type, mschapv2, packet},
    mschap::{ErrorText, NtHash, V2Response},
};

use crate::pairs::{PASSWORD, PLENTY, Pair, Server, broken, data, failed, sent};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digit = |at: usize| char::from(text.as_bytes()[at]).to_digit(16).unwrap();
    std::array::from_fn(|i| u8::try_from(digit(2 * i) * 16 + digit(2 * i + 1)).unwrap())
}

/// A response to a challenge of EAP-MSCHAPv2, as type data.
fn mschapv2_response(challenge: &[u8], id: u8, name: &[u8], password: &str) -> Vec<u8> {
    let challenge: [u8; 16] = challenge.try_into().unwrap();
    let hash = NtHash::of(password).unwrap();
    let mut random = |octets: &mut [u8]| octets.fill(0x21);
    let response = V2Response::answer(id, &challenge, name, &hash, &mut random);
    let mut data = vec![2, id, 0, u8::try_from(54 + name.len()).unwrap(), 49];
    data.extend_from_slice(&response.peer_challenge);
    data.extend_from_slice(&[0; 8]);
    data.extend_from_slice(&response.nt_response);
    data.push(0);
    data.extend_from_slice(name);
    data
}

#[test]
fn the_vectors_of_rfc_2759_and_3079_come_in() {
    let mut server = Server::of(Pair::Mschapv2);
    server.stored = Credential::clear("clientPass").unwrap();
    let hello = packet::response(7, Type::IDENTITY, b"User").unwrap();
    let challenge: [u8; 16] = hex("5b5d7c7d7b3f2f3e3c2c602132262628");
    let mut random = |octets: &mut [u8]| octets.copy_from_slice(&challenge);
    let mut scripted = Surroundings {
        random: &mut random,
        unix_s: 0,
        mtu: PLENTY,
    };
    let step = server.conversation.receive(&hello, &mut scripted);
    assert!(matches!(step, Step::Ask(Question::Begin { .. })));
    let offer = Answer::Offer(Arc::clone(&server.offer));
    let request = data(&sent(server.conversation.answer(offer, &mut scripted)));
    assert_eq!(request[5..21], challenge);

    let mut response = vec![2, request[1], 0, 58, 49];
    response.extend_from_slice(&hex::<16>("21402324255e262a28295f2b3a337c7e"));
    response.extend_from_slice(&[0; 8]);
    response.extend_from_slice(&hex::<24>(
        "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
    ));
    response.extend_from_slice(b"\0User");
    let request = data(&sent(server.say(Type::MSCHAPV2, &response)));
    assert_eq!(
        &request[4..46],
        b"S=407A5589115FD0D6209F510FE9C04566932CDA56"
    );
    assert_eq!(usize::from(request[3]), request.len());

    let Step::Succeeded(success, _) = server.say(Type::MSCHAPV2, &[3]) else {
        panic!("no success");
    };
    let msk = success.msk().unwrap().reveal();
    assert_eq!(msk[..16], hex::<16>("d5f0e9521e3ea9589645e86051c82226"));
    assert_eq!(msk[16..32], hex::<16>("8b7cdc149b993a1ba118cb153f56dccb"));
}

#[test]
fn names_may_differ_by_a_domain_only() {
    for (identity, name, comes_in) in [
        ("OFFICE\\tim", "OFFICE\\tim", true),
        ("OFFICE\\tim", "tim", true),
        ("tim", "OFFICE\\tim", true),
        ("tim", "kim", false),
        ("tim", "tim@example.com", false),
        ("tim", "", false),
        ("tim", "Tim", false),
    ] {
        let mut server = Server::of(Pair::Mschapv2);
        let request = server.greet(identity.as_bytes());
        let data = mschapv2_response(&request[5..21], request[1], name.as_bytes(), PASSWORD);
        let step = server.say(Type::MSCHAPV2, &data);
        if comes_in {
            assert!(matches!(step, Step::Send(_)), "{identity} {name}: {step:?}");
            assert!(matches!(
                server.say(Type::MSCHAPV2, &[3]),
                Step::Succeeded(..)
            ));
        } else {
            assert_eq!(broken(step), "its name is another than the EAP identity");
        }
    }
}

#[test]
fn mschapv2_succeeds_by_nothing_but_its_own_order() {
    let answered = |password| {
        let mut server = Server::of(Pair::Mschapv2);
        let request = server.greet(b"tim");
        let data = mschapv2_response(&request[5..21], request[1], b"tim", password);
        let request = data_of(server.say(Type::MSCHAPV2, &data));
        (server, request)
    };
    let change = [&[7, 9, 2, 74][..], &[0; 582]].concat();
    // Before the response.
    for (message, why) in [
        (&[3][..], "it is not the one that is due"),
        (&[4], "it is not the one that is due"),
        (
            &change,
            "it asks for a change of password, which was not offered",
        ),
    ] {
        let mut server = Server::of(Pair::Mschapv2);
        server.greet(b"tim");
        assert_eq!(broken(server.say(Type::MSCHAPV2, message)), why);
    }
    // After a right one.
    let (mut server, request) = answered(PASSWORD);
    assert_eq!(request[0], 3);
    let failure = failed(server.say(Type::MSCHAPV2, &[4]));
    assert_eq!(failure, Failure::PeerGaveUp(Type::MSCHAPV2));
    for message in [&[3, 0][..], &[2], &change, &[]] {
        let (mut server, _) = answered(PASSWORD);
        assert!(matches!(
            server.say(Type::MSCHAPV2, message),
            Step::Failed(..)
        ));
    }
    // After a wrong one.
    for message in [&[3][..], &[4], &[2], &change, &[]] {
        let (mut server, request) = answered("correct horsf");
        assert_eq!(request[0], 4);
        let text = ErrorText::parse(&request[4..]).unwrap();
        assert_eq!((text.code, text.retry, text.version), (691, false, 3));
        assert_eq!(text.challenge.len(), 16);
        let failure = failed(server.say(Type::MSCHAPV2, message));
        assert_eq!(
            failure,
            Failure::WrongPassword(Means::alone(Type::MSCHAPV2))
        );
    }
}

fn data_of(step: Step) -> Vec<u8> {
    data(&sent(step))
}

#[test]
fn a_second_try_answers_a_new_challenge() {
    let method = || {
        let server = mschapv2::Server::new(Means::alone(Type::MSCHAPV2));
        Arc::new(server.with_retries(1).with_name("radius"))
    };
    for (ahead, comes_in) in [(0, true), (1, true), (2, false)] {
        let mut server = Server::new(method());
        let request = server.greet(b"tim");
        assert_eq!(&request[21..], b"radius");
        let id = request[1];
        let wrong = mschapv2_response(&request[5..21], id, b"tim", "correct horsf");
        let text = ErrorText::parse(&data_of(server.say(Type::MSCHAPV2, &wrong))[4..]).unwrap();
        assert!(text.retry);
        assert_ne!(text.challenge, request[5..21]);
        let id = id.wrapping_add(ahead);
        let right = mschapv2_response(&text.challenge, id, b"tim", PASSWORD);
        let step = server.say(Type::MSCHAPV2, &right);
        assert_eq!(matches!(step, Step::Send(_)), comes_in, "{step:?}");
        if comes_in {
            assert!(matches!(
                server.say(Type::MSCHAPV2, &[3]),
                Step::Succeeded(..)
            ));
        }
    }
    // The old challenge is not good any more, and there is no third try.
    let mut server = Server::new(method());
    let request = server.greet(b"tim");
    let wrong = mschapv2_response(&request[5..21], request[1], b"tim", "correct horsf");
    sent(server.say(Type::MSCHAPV2, &wrong));
    let old = mschapv2_response(&request[5..21], request[1], b"tim", PASSWORD);
    let text = ErrorText::parse(&data_of(server.say(Type::MSCHAPV2, &old))[4..]).unwrap();
    assert!(!text.retry);
    let right = mschapv2_response(&text.challenge, request[1], b"tim", PASSWORD);
    assert!(matches!(
        server.say(Type::MSCHAPV2, &right),
        Step::Failed(..)
    ));
    // Who gives up in between had a wrong password.
    let mut server = Server::new(method());
    let request = server.greet(b"tim");
    let wrong = mschapv2_response(&request[5..21], request[1], b"tim", "correct horsf");
    sent(server.say(Type::MSCHAPV2, &wrong));
    let failure = failed(server.say(Type::MSCHAPV2, &[4]));
    assert_eq!(
        failure,
        Failure::WrongPassword(Means::alone(Type::MSCHAPV2))
    );
}
