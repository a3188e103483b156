//! There are no published vectors of EAP-pwd. These were computed from the text of RFC 5931 in
//! another language, with numbers of arbitrary size and affine coordinates.

use p256::elliptic_curve::{FieldBytes, PrimeField as _};

use super::{
    exchange::{HuntedCurve, Role, Shared, commit, password_element},
    message::{Terms, suite},
    *,
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn seed(password: &str) -> Seed<'_> {
    Seed {
        token: [1, 2, 3, 4],
        peer: b"tim",
        server: b"portreeve",
        password: password.as_bytes(),
    }
}

/// One side whose private number is all `private` and whose mask is all `mask`.
fn side(group: Group, password: &str, private: u8, mask: u8) -> Box<dyn Side> {
    let mut draws = [private, mask].into_iter();
    let mut random = move |octets: &mut [u8]| octets.fill(draws.next().unwrap());
    group.begin(&seed(password), &mut random).unwrap()
}

struct Vector {
    group: Group,
    password: &'static str,
    element: &'static str,
    server_confirm: &'static str,
    peer_confirm: &'static str,
    msk: &'static str,
}

/// In the second the x-coordinate of the shared point begins with a zero octet, in the third and
/// fourth the x- and the y-coordinate of the peer's element.
const VECTORS: [Vector; 5] = [
    Vector {
        group: Group::P256,
        password: "correct horse",
        element: "3e743c81d20df992991c085e15592482a27329e09d50ed239cb8ec75e08fabb6\
                  1318aa0c87e614789cdde45438c91dac60478acbc3272f9d1c306714eb5384c4",
        server_confirm: "82b37d721e815e0fac5bdcc1e097b88619503528a372eb012211448aae99b6d1",
        peer_confirm: "a7bb0002f83360405f3f3477ce42a17eb9027e89fd7f05de245ca7168b73d2ed",
        msk: "9077df5cdc36af3b940ff36a035f3f0ab36e62176da03e61eda4b2052d174d97\
              8db9e92daafd708dc246864e9616aa6ea31ae614a5a4983cc242850ab8c26e2e",
    },
    Vector {
        group: Group::P256,
        password: "pw97",
        element: "bb309e39217d2d838762687381425f9880f845d4c413b2412cd0f178b96fbe15\
                  4315fb7bdfd9138386309975e371d1dd7f6fa338b42b600fcf71aade6eb69b59",
        server_confirm: "884aa59379d743eae4040cdb1762cb56e1bf04e4443521a9e7db1c953c4c327e",
        peer_confirm: "0762292722fed8eba660bd836e514eae57ceb6ae52af7192c53ae66785270e44",
        msk: "ed344d0547b34391f26428602e0f360d6405218a4449867e3345b3aa4c2bf67c\
              dac6291c859ef2244d0595a995a53170781bbf7a3992147d7c9897c0ea7cb7f7",
    },
    Vector {
        group: Group::P256,
        password: "pw46",
        element: "00e3af9e65c6c74d299a71b6f71b1d60e2fee3b25b25b0976bf15212eb719736\
                  44ff0640361484f383d59cba29951f7df580777d8c704cae1080c17aa4685cbe",
        server_confirm: "2ed162a0504964da12a476f76fc3c3c53d556d4b3bf6bd7fb6f69b47c8b8fcda",
        peer_confirm: "c045a903137b225f28a9d8462b975f68f8d3f7cf5c699ef0fb6e3d79ec591d73",
        msk: "cc49a7a56a238c07978efd369c09775ac9e9d007e5102c62a818f56e3d381693\
              97934d261fbc9f7f18bceea6b22bef608ec4f3f54aa814a68e7870c2ce8d6ddd",
    },
    Vector {
        group: Group::P256,
        password: "pw548",
        element: "18251beb309b8bc9b6077c045c5e0b5105002592a27e103e873210b8cbd0d310\
                  00e7dcb3730de2cc0b1fe0db9efa4ac3bfc95d42aa0b999dc368dd59424ae77a",
        server_confirm: "eaf3872019f2608f2847b951bf7a95a9c6a1e02857ebcf9b78bf6d8af64c59e8",
        peer_confirm: "8d1e3c2da93e1a3f160d74e4da4c0ed3269a80783a7a4b94976b0e003938cb59",
        msk: "5579dd38045bf0c6c0ad18af81ac9da1003a1197fb40593850dd3db43ba73e55\
              f33c8eebc3ccd1477447ae822d173c05f51aafa059fa04afe58b8ceff257e7cf",
    },
    Vector {
        group: Group::P384,
        password: "correct horse",
        element: "b3e77d28801bb5e9cb2726113cf70fc59a8fe3797c86656f\
                  040f47e3cff9f4cf498057d1f69d4ae52613d71e7bba5cf6\
                  0fff02cccaf52c4a59bff513cc7a830a0f225f95961889ca\
                  3dde58fee882f0cb7cf2b21497c683eb0c12dbbf698596db",
        server_confirm: "ca137d791d5e96b4aaa9ff087dd937e32f800d61532ee25b163a1cc56ce932fb",
        peer_confirm: "05cd3231168811065bd186b7262659f43191990a89c3f77d1551bdf62ed6bffb",
        msk: "f02441d078fa43a6332015b46c10212f3e1d0cb0b9d9f51024ca0d95d9147fff\
              25821418f047e1e89acd29c9719707fffc33f3ad54272cd1bcd7ab898e803cb3",
    },
];

fn session_id(group: Group) -> Vec<u8> {
    hex(match group {
        Group::P256 => "34ed9ba0208c291d9e0ea67b717319f0fc333a6e67a4f5f1e6ea30deb586d5b6bb",
        Group::P384 => "34b6e1d88ec9573679564e7384a247970461ec9e379499ebc6f6289cb6404ec33f",
    })
}

#[test]
fn both_sides_compute_what_the_text_says() {
    for vector in VECTORS {
        let suite = suite(vector.group);
        let server = side(vector.group, vector.password, 0x11, 0x22);
        let peer = side(vector.group, vector.password, 0x33, 0x44);
        let element = hex(vector.element);
        let (sent, scalar) = peer.commit().split_at(element.len());
        assert_eq!(sent, element);
        assert_eq!(scalar, vec![0x77; element.len() / 2]);
        let at_server = server.agree(peer.commit()).unwrap();
        let at_peer = peer.agree(server.commit()).unwrap();
        for (role, shared) in [(Role::Server, at_server), (Role::Peer, at_peer)] {
            let (ours, theirs) = (shared.our_confirm(suite), shared.their_confirm(suite));
            let (server_confirm, peer_confirm) = match role {
                Role::Server => (ours, theirs),
                Role::Peer => (theirs, ours),
            };
            assert_eq!(server_confirm[..], hex(vector.server_confirm));
            assert_eq!(peer_confirm[..], hex(vector.peer_confirm));
            let (msk, id) = shared.keys(role, suite);
            assert_eq!(msk.reveal()[..], hex(vector.msk));
            assert_eq!(id, session_id(vector.group));
        }
    }
}

#[test]
fn another_password_name_or_token_makes_another_key() {
    let suite = suite(Group::P256);
    let server = side(Group::P256, "correct horse", 0x11, 0x22);
    let other = |seed: Seed<'_>| {
        let mut random = |octets: &mut [u8]| octets.fill(0x33);
        let peer = Group::P256.begin(&seed, &mut random).unwrap();
        let at_server = server.agree(peer.commit()).unwrap();
        let at_peer = peer.agree(server.commit()).unwrap();
        at_server.their_confirm(suite) == at_peer.our_confirm(suite)
    };
    assert!(other(seed("correct horse")));
    assert!(!other(seed("correct horsf")));
    assert!(!other(Seed {
        peer: b"tin",
        ..seed("correct horse")
    }));
    assert!(!other(Seed {
        server: b"portreevf",
        ..seed("correct horse")
    }));
    assert!(!other(Seed {
        token: [1, 2, 3, 5],
        ..seed("correct horse")
    }));
}

/// Why a server does not take a commit.
fn refused<C: HuntedCurve>(server: &Exchange<C>, commit: &[u8]) -> &'static str {
    match server.agree(commit) {
        Ok(Shared { .. }) => panic!("it was taken"),
        Err(why) => why,
    }
}

fn bad_commits_are_refused<C: HuntedCurve>(order: &str, prime: &str) {
    let mut draws = [0x11, 0x22, 0x33, 0x44].into_iter();
    let mut random = move |octets: &mut [u8]| octets.fill(draws.next().unwrap());
    let server = Exchange::<C>::begin(&seed("x"), &mut random).unwrap();
    let peer = Exchange::<C>::begin(&seed("x"), &mut random).unwrap();
    let good = peer.commit().to_vec();
    assert!(server.agree(&good).is_ok());
    let size = good.len() / 3;
    let with = |part: usize, value: &[u8]| {
        let mut commit = good.clone();
        commit[part * size..][..size].copy_from_slice(value);
        commit
    };
    let number = |value: u8| {
        let mut octets = vec![0; size];
        octets[size - 1] = value;
        octets
    };

    for length in [0, 1, size, good.len() - 1] {
        assert_eq!(
            refused(&server, &good[..length]),
            "its commit has not the group's length"
        );
    }
    let long = [&good[..], &[0]].concat();
    assert_eq!(
        refused(&server, &long),
        "its commit has not the group's length"
    );

    let ours = server.commit().to_vec();
    let (our_element, our_scalar) = ours.split_at(2 * size);
    let reflected = [
        ours.clone(),
        with(2, our_scalar),
        [our_element, &good[2 * size..]].concat(),
    ];
    for commit in reflected {
        assert_eq!(refused(&server, &commit), "it sends our own commit back");
    }

    let order = hex(order);
    for scalar in [number(0), number(1), order, vec![0xff; size]] {
        assert_eq!(
            refused(&server, &with(2, &scalar)),
            "its scalar is not between 1 and the order"
        );
    }
    for part in [0, 1] {
        assert_eq!(
            refused(&server, &with(part, &number(0))),
            "a coordinate of its element is zero"
        );
        for coordinate in [number(5), hex(prime), vec![0xff; size]] {
            assert_eq!(
                refused(&server, &with(part, &coordinate)),
                "its element is not on the curve"
            );
        }
    }
}

#[test]
fn commits_that_are_none_are_refused() {
    bad_commits_are_refused::<NistP256>(
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    );
    bad_commits_are_refused::<NistP384>(
        "ffffffffffffffffffffffffffffffffffffffffffffffff\
         c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        "ffffffffffffffffffffffffffffffffffffffffffffffff\
         fffffffffffffffeffffffff0000000000000000ffffffff",
    );
}

fn identity_is_refused<C: HuntedCurve>() {
    let mut draws = [0x11, 0x22].into_iter();
    let mut random = move |octets: &mut [u8]| octets.fill(draws.next().unwrap());
    let server = Exchange::<C>::begin(&seed("x"), &mut random).unwrap();
    // Who knows the password can make the shared point the identity, by a private number of zero.
    let mut mask = FieldBytes::<C>::default();
    mask.fill(0x44);
    let mask = Option::<C::Scalar>::from(C::Scalar::from_repr(mask)).unwrap();
    let element = password_element::<C>(&seed("x")).unwrap();
    let commit = commit::<C>(&element, &C::Scalar::default(), &mask).unwrap();
    assert_eq!(
        refused(&server, &commit),
        "the key would be the identity element"
    );
}

#[test]
fn the_identity_element_is_no_key() {
    identity_is_refused::<NistP256>();
    identity_is_refused::<NistP384>();
}

#[test]
fn a_random_that_is_none_ends() {
    for octet in [0, 0xff] {
        let mut random = |octets: &mut [u8]| octets.fill(octet);
        for group in [Group::P256, Group::P384] {
            assert!(group.begin(&seed("x"), &mut random).is_none());
        }
    }
}

#[test]
fn a_drawn_number_is_below_the_order() {
    // The first draw is too large, the second one, the third fits.
    let mut calls = 0_u8;
    let mut random = |octets: &mut [u8]| {
        calls += 1;
        match calls {
            1 => octets.fill(0xff),
            2 => {
                octets.fill(0);
                *octets.last_mut().unwrap() = 1;
            }
            3 => octets.fill(0x11),
            _ => octets.fill(0x22),
        }
    };
    let side = Group::P256
        .begin(&seed("correct horse"), &mut random)
        .unwrap();
    assert_eq!(
        side.commit(),
        self::side(Group::P256, "correct horse", 0x11, 0x22).commit()
    );
    assert_eq!(calls, 4);
}

#[test]
fn terms_read_back_and_have_limits() {
    let terms = Terms {
        suite: suite(Group::P384),
        token: [9, 8, 7, 6],
        preparation: 1,
        identity: b"tim@example.com",
    };
    let payload = terms.write();
    assert_eq!(payload[..9], [0, 20, 1, 1, 9, 8, 7, 6, 1]);
    assert_eq!(Terms::parse(&payload), Ok(terms));
    assert_eq!(terms.choices(), Ok((Group::P384, Preparation::Rfc2759)));
    for length in 0..9 {
        assert!(Terms::parse(&payload[..length]).is_err());
    }
    assert_eq!(Terms::parse(&payload[..9]), Err("its identity is empty"));
    let long = [&payload[..9], &[b'x'; 254]].concat();
    assert_eq!(Terms::parse(&long), Err("its identity is too long"));
    for (at, value) in [(0, 1), (1, 21), (1, 18), (2, 0), (3, 2), (8, 2)] {
        let mut payload = payload.clone();
        payload[at] = value;
        assert!(Terms::parse(&payload).unwrap().choices().is_err(), "{at}");
    }
}
