use super::{
    message::{Request, Response},
    *,
};
use crate::mschap::V2Response;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digit = |at: usize| char::from(text.as_bytes()[at]).to_digit(16).unwrap();
    std::array::from_fn(|i| u8::try_from(digit(2 * i) * 16 + digit(2 * i + 1)).unwrap())
}

fn response() -> V2Response {
    // RFC 2759 section 9.2.
    V2Response {
        ident: 9,
        peer_challenge: hex("21402324255e262a28295f2b3a337c7e"),
        nt_response: hex("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"),
    }
}

#[test]
fn the_key_is_that_of_rfc_3079() {
    let hash = NtHash::of("clientPass").unwrap();
    let send: [u8; 16] = hex("8b7cdc149b993a1ba118cb153f56dccb");
    let receive: [u8; 16] = hex("d5f0e9521e3ea9589645e86051c82226");
    let alone = master_session_key(
        &hash,
        &response().nt_response,
        KeyOrder::inside(Type::MSCHAPV2),
    );
    assert_eq!(
        alone.reveal()[..],
        [receive, send, [0; 16], [0; 16]].concat()
    );
    let peap_order = KeyOrder::inside(Type::PEAP);
    assert_eq!(
        master_session_key(&hash, &response().nt_response, peap_order),
        alone
    );
    let turned_order = KeyOrder::inside(Type::TEAP);
    let turned = master_session_key(&hash, &response().nt_response, turned_order);
    assert_eq!(
        turned.reveal()[..],
        [send, receive, [0; 16], [0; 16]].concat()
    );
}

#[test]
fn messages_have_the_form_of_the_draft() {
    let challenge = Request::challenge(9, &[7; 16], b"server");
    assert_eq!(challenge[..5], [1, 9, 0, 27, 16]);
    assert_eq!(challenge[5..21], [7; 16]);
    assert_eq!(&challenge[21..], b"server");
    assert_eq!(
        Request::parse(&challenge),
        Ok(Request::Challenge {
            id: 9,
            challenge: [7; 16]
        })
    );

    let answer = Response::response(&response(), b"User");
    assert_eq!(answer[..5], [2, 9, 0, 58, 49]);
    assert_eq!(answer[5..21], response().peer_challenge);
    assert_eq!(answer[21..29], [0; 8]);
    assert_eq!(answer[29..53], response().nt_response);
    assert_eq!(&answer[53..], b"\0User");
    assert_eq!(
        Response::parse(&answer),
        Ok(Response::Value {
            response: response(),
            name: b"User"
        })
    );

    let success = Request::success(9, b"S=00");
    assert_eq!(success, b"\x03\x09\x00\x0dS=00 M=OK");
    assert_eq!(
        Request::parse(&success),
        Ok(Request::Success { text: b"S=00 M=OK" })
    );
    let failure = Request::failure(9, "E=691");
    assert_eq!(
        Request::parse(&failure),
        Ok(Request::Failure { text: b"E=691" })
    );
    assert_eq!(Response::parse(&Response::SUCCESS), Ok(Response::Success));
    assert_eq!(Response::parse(&Response::FAILURE), Ok(Response::Failure));
}

#[test]
fn what_has_another_form_is_none() {
    let answer = Response::response(&response(), b"User");
    for (at, why) in [
        (0, "its operation is none of a peer's"),
        (2, "its length is not that of its packet"),
        (3, "its length is not that of its packet"),
        (4, "its value has not 49 octets"),
        (21, "its reserved octets are not zero"),
        (28, "its reserved octets are not zero"),
        (53, "its reserved octets are not zero"),
    ] {
        let mut answer = answer.clone();
        answer[at] ^= 0x40;
        assert_eq!(Response::parse(&answer), Err(why), "{at}");
    }
    for length in 0..answer.len() {
        assert!(Response::parse(&answer[..length]).is_err(), "{length}");
        // And with a length that says so.
        if (4..54).contains(&length) {
            let mut short = answer[..length].to_vec();
            short[3] = u8::try_from(length).unwrap();
            assert_eq!(Response::parse(&short), Err("its value has not 49 octets"));
        }
    }
    assert_eq!(
        Response::parse(&[3, 9, 0, 4]),
        Err("its operation is none of a peer's")
    );

    let challenge = Request::challenge(9, &[7; 16], b"");
    for length in 0..challenge.len() {
        assert!(Request::parse(&challenge[..length]).is_err(), "{length}");
    }
    let mut other = challenge.clone();
    other[4] = 15;
    assert_eq!(
        Request::parse(&other),
        Err("its challenge has not 16 octets")
    );
    other[0] = 7;
    assert_eq!(
        Request::parse(&other),
        Err("its operation is none of a server's")
    );
}
