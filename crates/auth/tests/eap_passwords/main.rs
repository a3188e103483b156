//! The EAP methods that rest on a password: each server against its own peer, and against peers
//! and servers that do not keep to the rules.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod hostile;
mod in_mschapv2;
mod in_pwd;
mod pairs;

use std::sync::Arc;

use portreeve_auth::{
    Credential, Scheme,
    eap::{
        Failure, Inner, Means, Step, Type, mschapv2,
        peer::{Supplicant, Trouble},
        pwd,
    },
    mschap::NtHash,
};

use pairs::{Client, Dice, End, PAIRS, PASSWORD, PLENTY, Pair, Server, broken, talk, undisturbed};

#[test]
fn who_knows_the_password_comes_in_with_the_same_keys() {
    for pair in PAIRS {
        for mtu in [76, 100, 200, PLENTY] {
            let (mut server, mut client) = (Server::of(pair), Client::new(pair, "tim", PASSWORD));
            (server.mtu, client.mtu) = (mtu, mtu);
            let mut longest = 0;
            let end = talk(&mut server, &mut client, |_, message| {
                longest = longest.max(message.len());
            });
            let End::In(success, outcome) = end else {
                panic!("{pair:?} in {mtu}: {end:?}");
            };
            assert!(longest <= mtu, "{pair:?}: {longest} in {mtu}");
            assert_eq!(success.identity(), b"tim");
            assert_eq!(success.means(), Means::alone(pair.kind()));
            assert_eq!(success.msk(), outcome.msk.as_ref());
            assert_eq!(success.msk().is_some(), pair.makes_keys());
            assert_eq!(success.session_id(), outcome.session_id);
            let names_itself = matches!(pair, Pair::Pwd(..));
            assert_eq!(
                success.session_id().len(),
                if names_itself { 33 } else { 0 }
            );
        }
    }
}

#[test]
fn a_tunnel_is_reported_and_turns_the_keys_where_it_must() {
    let mut keys = Vec::new();
    for outer in [Type::PEAP, Type::TEAP] {
        let means = Means::inside(outer, Inner::Eap(Type::MSCHAPV2));
        let mut server = Server::new(Pair::Mschapv2.server(means));
        let peer = mschapv2::Peer::new(NtHash::of(PASSWORD).unwrap()).inside(outer);
        let mut client = Client {
            supplicant: Supplicant::new("tim", vec![Arc::new(peer)]),
            dice: Dice(2),
            mtu: PLENTY,
        };
        let end = talk(&mut server, &mut client, undisturbed);
        let End::In(success, outcome) = end else {
            panic!("{end:?}");
        };
        assert_eq!(success.means(), means);
        assert_eq!(success.msk(), outcome.msk.as_ref());
        keys.push(*success.msk().unwrap().reveal());
    }
    let [peap, teap] = [keys[0], keys[1]];
    assert_eq!(peap[..16], teap[16..32]);
    assert_eq!(peap[16..32], teap[..16]);
    assert_ne!(peap[..16], peap[16..32]);
    assert_eq!(peap[32..], [0; 32]);
}

/// The lengths of what a conversation says, each way, and how it ends.
fn shape(pair: Pair, stored: &Credential, identity: &str, password: &str) -> (Vec<usize>, End) {
    let mut server = Server::of(pair);
    server.stored = stored.clone();
    let mut lengths = Vec::new();
    let end = talk(
        &mut server,
        &mut Client::new(pair, identity, password),
        |_, message| lengths.push(message.len()),
    );
    (lengths, end)
}

#[test]
fn a_wrong_password_a_stranger_and_an_unfit_credential_look_the_same() {
    let clear = Credential::clear(PASSWORD).unwrap();
    let mut dice = Dice(9);
    let mut random = |octets: &mut [u8]| octets.fill_with(|| dice.roll());
    let unfit = Credential::make(Scheme::Ssha512, PASSWORD.as_bytes(), &mut random).unwrap();
    for pair in PAIRS {
        let (lengths, end) = shape(pair, &clear, "tim", "correct horsf");
        let is_seen_by_peer = matches!(pair, Pair::Pwd(..));
        match &end {
            End::PeerLeft(trouble) => {
                assert!(is_seen_by_peer, "{pair:?}: {trouble}");
                assert!(matches!(trouble, Trouble::Untrusted(_)), "{trouble}");
            }
            End::Out(failure, trouble) => {
                assert_eq!(*failure, Failure::WrongPassword(Means::alone(pair.kind())));
                let why = "MS-CHAP error 691, Authentication failed".to_owned();
                let said = match pair {
                    Pair::Mschapv2 => Trouble::RejectedBecause(why),
                    _ => Trouble::Rejected,
                };
                assert_eq!(*trouble, said, "{pair:?}");
            }
            other => panic!("{pair:?}: {other:?}"),
        }
        let stranger = shape(pair, &clear, "kim", "correct horsf");
        assert_eq!(stranger.0, lengths, "{pair:?}");
        assert!(
            is_seen_by_peer || matches!(stranger.1, End::Out(Failure::Refused, _)),
            "{pair:?}: {:?}",
            stranger.1
        );
        if pair != Pair::Gtc {
            let unfit = shape(pair, &unfit, "tim", PASSWORD);
            assert_eq!(unfit.0.len(), lengths.len(), "{pair:?}");
            assert!(!unfit.1.is_accept(), "{pair:?}: {:?}", unfit.1);
        }
    }
}

#[test]
fn an_nt_hash_serves_where_it_is_enough() {
    let nt = Credential::nt(NtHash::of(PASSWORD).unwrap()).unwrap();
    for pair in PAIRS {
        let (_, end) = shape(pair, &nt, "tim", PASSWORD);
        let is_enough = matches!(
            pair,
            Pair::Gtc | Pair::Mschapv2 | Pair::Pwd(_, pwd::Preparation::Rfc2759)
        );
        assert_eq!(matches!(end, End::In(..)), is_enough, "{pair:?}: {end:?}");
    }
}

#[test]
fn the_value_of_md5_has_sixteen_octets_and_may_have_a_name() {
    let response = |server: &mut Server, size: u8, name: &[u8]| {
        let request = server.greet(b"tim");
        assert_eq!(request[0], 16);
        let identifier = server.identifier();
        let digest = portreeve_auth::chap::response(identifier, PASSWORD.as_bytes(), &request[1..]);
        server.say(Type::MD5, &[&[size], &digest[..], name].concat())
    };
    let step = response(&mut Server::of(Pair::Md5), 16, b"somebody");
    assert!(matches!(step, Step::Succeeded(..)), "{step:?}");
    for size in [0, 15, 17, 255] {
        let step = response(&mut Server::of(Pair::Md5), size, b"x");
        assert_eq!(broken(step), "its value is not one of MD5", "{size}");
    }
    let mut server = Server::of(Pair::Md5);
    server.greet(b"tim");
    assert_eq!(
        broken(server.say(Type::MD5, &[])),
        "its value is not one of MD5"
    );
}

#[test]
fn an_empty_password_is_never_asked_about() {
    let cases: [(&[u8], &str); 3] = [
        (b"", "the password is empty"),
        (b"correct\0horse", "the password contains a zero octet"),
        (&[b'x'; 769], "the password is longer than any that is kept"),
    ];
    for (password, why) in cases {
        let mut server = Server::of(Pair::Gtc);
        assert_eq!(server.greet(b"tim"), b"Password");
        assert_eq!(broken(server.say(Type::GTC, password)), why);
    }
}
