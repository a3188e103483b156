//! What only EAP-pwd does.

use portreeve_auth::eap::{Failure, Means, Step, Type, packet, peer::Turn};

use crate::pairs::{Client, End, PASSWORD, PWD, Server, To, broken, data, failed, talk};

/// Runs both sides until the peer has the server's confirm.
fn until_confirm(identity: &str, password: &str) -> (Server, Vec<u8>) {
    let mut server = Server::of(PWD);
    let mut client = Client::new(PWD, identity, password);
    let mut confirm = Vec::new();
    let end = talk(&mut server, &mut client, |to, message| {
        if to == To::Peer && message[5] == 3 {
            confirm = data(message);
            // Lost on the way.
            message[0] = 9;
        }
    });
    assert!(matches!(end, End::Stuck), "{end:?}");
    (server, confirm)
}

#[test]
fn who_goes_on_without_the_password_fails() {
    let wrong = Failure::WrongPassword(Means::alone(Type::PWD));
    for (identity, password, failure) in [
        ("tim", PASSWORD, wrong.clone()),
        ("tim", "correct horsf", wrong),
        ("kim", PASSWORD, Failure::Refused),
    ] {
        for payload in [&[0; 32][..], &[], &[0; 31], &[0xff; 33]] {
            let (mut server, _) = until_confirm(identity, password);
            let step = server.say(Type::PWD, &[&[3], payload].concat());
            assert_eq!(failed(step), failure, "{identity} {payload:?}");
        }
        let (mut server, confirm) = until_confirm(identity, password);
        assert_eq!(
            failed(server.say(Type::PWD, &confirm)),
            failure,
            "reflected"
        );
    }
}

#[test]
fn the_name_that_counts_is_the_one_inside() {
    let mut server = Server::of(PWD);
    let mut is_first = true;
    let end = talk(
        &mut server,
        &mut Client::new(PWD, "tim", PASSWORD),
        |_, message| {
            if is_first {
                *message = packet::response(7, Type::IDENTITY, b"@example.com").unwrap();
                is_first = false;
            }
        },
    );
    let End::In(success, _) = end else {
        panic!("{end:?}");
    };
    assert_eq!(success.identity(), b"tim");
    assert_eq!(server.conversation.identity(), b"@example.com");
}

#[test]
fn the_server_says_why_a_commit_or_a_fragment_is_none() {
    let after_terms = |message: &[u8]| {
        let mut server = Server::of(PWD);
        let mut terms = server.greet(b"tim");
        terms.truncate(10);
        terms.extend_from_slice(b"tim");
        assert!(matches!(server.say(Type::PWD, &terms), Step::Send(_)));
        broken(server.say(Type::PWD, message))
    };
    assert_eq!(
        after_terms(&[2, 0]),
        "its commit has not the group's length"
    );
    assert_eq!(
        after_terms(&[&[2][..], &[0; 96]].concat()),
        "its scalar is not between 1 and the order"
    );
    assert_eq!(after_terms(&[3; 33]), "it is not the one that is due");
    assert_eq!(after_terms(&[0xc2, 0xff, 0xff, 1]), "it is too long");
    assert_eq!(after_terms(&[]), "it is empty");
}

#[test]
fn a_peer_leaves_a_server_that_wants_what_it_does_not_know() {
    let good = [1, 0, 19, 1, 1, 1, 2, 3, 4, 0, b's'];
    for (at, value) in [(0, 2), (0, 3), (0, 0), (2, 18), (3, 2), (4, 0), (9, 2)] {
        let mut client = Client::new(PWD, "tim", PASSWORD);
        let mut request = good;
        let intact = packet::request(1, Type::PWD, &request).unwrap();
        assert!(matches!(client.receive(&intact), Turn::Respond(_)));
        let mut client = Client::new(PWD, "tim", PASSWORD);
        request[at] = value;
        let changed = packet::request(1, Type::PWD, &request).unwrap();
        assert!(matches!(client.receive(&changed), Turn::Failed(_)), "{at}");
    }
}

/// Many runs with other numbers and other passwords: what begins with a zero octet must keep it,
/// which a run in eighty has something of.
fn many(runs: usize) {
    let mut with_leading_zeros = 0;
    for run in 0..runs {
        let password = format!("password {run}");
        let mut server = Server::of(PWD);
        server.stored = portreeve_auth::Credential::clear(&password).unwrap();
        server.dice.0 ^= (run as u64) << 8;
        let mut client = Client::new(PWD, "tim", &password);
        client.dice.0 ^= (run as u64) << 9;
        let mut has_leading_zero = false;
        let end = talk(&mut server, &mut client, |_, message| {
            if let Some([2, commit @ ..]) = message.get(5..) {
                has_leading_zero |= commit.chunks_exact(32).any(|part| part[0] == 0);
            }
        });
        let End::In(success, outcome) = end else {
            panic!("{password}: {end:?}");
        };
        assert_eq!(success.msk(), outcome.msk.as_ref(), "{password}");
        with_leading_zeros += usize::from(has_leading_zero);
    }
    assert!(
        with_leading_zeros > runs / 200,
        "{with_leading_zeros} of {runs}"
    );
}

#[test]
fn many_runs_agree() {
    many(300);
}

#[test]
#[ignore = "#4: takes a minute or more"]
fn very_many_runs_agree() {
    many(5000);
}
