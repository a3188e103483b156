//! The vectors of RFC 2433, RFC 2759 and RFC 3079.

use portreeve_auth::{
    Verdict,
    mppe::{
        self, Direction, StartKeys, master_key, session_key_40, session_key_56, session_key_128,
        start_key,
    },
    mschap::{
        NtHash, V1Response, V2Response, authenticator_response, challenge_hash, lm_hash,
        nt_response,
    },
};
use rc4::{KeyInit as _, Rc4, StreamCipher as _};

const USER: &[u8] = b"User";
const PASSWORD: &str = "clientPass";
const SUCCESS: &[u8] = b"S=407A5589115FD0D6209F510FE9C04566932CDA56";

fn hex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    let nibble = |at: usize| char::from(text.as_bytes()[at]).to_digit(16);
    std::array::from_fn(|i| match (nibble(2 * i), nibble(2 * i + 1)) {
        (Some(high), Some(low)) => (high * 16 + low).to_le_bytes()[0],
        _ => panic!("not hexadecimal: {text}"),
    })
}

fn server_challenge() -> [u8; 16] {
    hex("5b5d7c7d7b3f2f3e3c2c602132262628")
}

fn response() -> V2Response {
    V2Response {
        ident: 7,
        peer_challenge: hex("21402324255e262a28295f2b3a337c7e"),
        nt_response: hex("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"),
    }
}

fn rc4(key: &[u8]) -> [u8; 12] {
    let mut message = *b"test message";
    match Rc4::new_from_slice(key) {
        Ok(mut cipher) => cipher.apply_keystream(&mut message),
        Err(error) => panic!("{error}"),
    }
    message
}

#[test]
fn rfc_2433_v1_response() {
    let hash = NtHash::of("MyPw").unwrap();
    assert_eq!(hash.as_octets(), &hex("fc156af7edcd6c0edde3337d427f4eac"));
    let challenge = hex("102db5df085d3041");
    let expected = hex("4e9d3c8f9cfd385d5bf4d3246791956ca4c351ab409a3d61");
    assert_eq!(nt_response(&challenge, &hash), expected);

    let response = V1Response::answer(3, &challenge, &hash);
    assert_eq!(V1Response::parse(&response.to_octets()), Ok(response));
    assert_eq!(response.verify(&challenge, &hash), Verdict::Match);
    let other = NtHash::of("MyPW").unwrap();
    assert_eq!(response.verify(&challenge, &other), Verdict::Mismatch);
    assert_eq!(
        response.verify(&hex("112db5df085d3041"), &hash),
        Verdict::Mismatch
    );
}

#[test]
fn rfc_2759_v2_response() {
    let hash = NtHash::of(PASSWORD).unwrap();
    assert_eq!(hash.as_octets(), &hex("44ebba8d5312b8d611474411f56989ae"));
    assert_eq!(*hash.hash_hash(), hex("41c00c584bd2d91c4017a2a12fa59f3f"));
    let response = response();
    let short = challenge_hash(&response.peer_challenge, &server_challenge(), USER);
    assert_eq!(short, hex("d02e4386bce91226"));
    assert_eq!(nt_response(&short, &hash), response.nt_response);
    assert_eq!(
        response.verify(&server_challenge(), USER, &hash),
        Verdict::Match
    );
    assert_eq!(
        response.verify(&server_challenge(), b"HQ\\User", &hash),
        Verdict::Match
    );
    assert_eq!(
        response.verify(&server_challenge(), b"user", &hash),
        Verdict::Mismatch
    );
    let other = NtHash::of("clientpass").unwrap();
    assert_eq!(
        response.verify(&server_challenge(), USER, &other),
        Verdict::Mismatch
    );
}

#[test]
fn rfc_2759_authenticator_response() {
    let hash = NtHash::of(PASSWORD).unwrap();
    let response = response();
    let short = hex("d02e4386bce91226");
    assert_eq!(
        authenticator_response(&short, &response.nt_response, &hash),
        *SUCCESS
    );
    let check = |text: &[u8]| response.verify_success(&server_challenge(), USER, &hash, text);
    assert_eq!(check(SUCCESS), Verdict::Match);
    assert_eq!(check(&[SUCCESS, b" M=Welcome"].concat()), Verdict::Match);
    assert_eq!(check(&SUCCESS[..41]), Verdict::Mismatch);
    assert_eq!(check(&SUCCESS.to_ascii_lowercase()), Verdict::Mismatch);
    assert_eq!(check(b""), Verdict::Mismatch);
}

#[test]
fn a_fresh_response_uses_the_given_randomness() {
    let hash = NtHash::of(PASSWORD).unwrap();
    let mut random = |octets: &mut [u8]| octets.copy_from_slice(&response().peer_challenge);
    let made = V2Response::answer(7, &server_challenge(), USER, &hash, &mut random);
    assert_eq!(made, response());
    assert_eq!(V2Response::parse(&made.to_octets()), Ok(made));
}

#[test]
fn rfc_3079_v1_keys() {
    let lm = lm_hash(PASSWORD).unwrap();
    assert_eq!(*lm, hex("76a152936096d7830e2390227404afd2"));
    let lm_head: [u8; 8] = lm[..8].try_into().unwrap();
    assert_eq!(*session_key_40(&lm_head), hex("d1269e538cec4a08"));
    assert_eq!(*session_key_56(&lm_head), hex("d10801538cec4a08"));

    let hash = NtHash::of(PASSWORD).unwrap();
    let start = mppe::v1_start_key(&hex("102db5df085d3041"), &hash.hash_hash());
    // Step 3 of section 2.5.3 prints `ca` for the eighth octet; step 4 and the result say `c1`.
    assert_eq!(*start, hex("a8947850cfc0acc1d1789fb62ddcddb0"));
    assert_eq!(
        *session_key_128(&start),
        hex("59d159bc09f76f1da2a86a28ffec0b1e")
    );

    let keys = mppe::v1_keys(Some(&lm), &hash);
    assert_eq!(keys[..8], lm[..8]);
    assert_eq!(keys[8..24], *hash.hash_hash());
    assert_eq!(keys[24..], [0; 8]);
    assert_eq!(mppe::v1_keys(None, &hash)[..8], [0; 8]);
}

#[test]
fn rfc_3079_v2_keys() {
    let hash = NtHash::of(PASSWORD).unwrap();
    let nt_response = response().nt_response;
    let master = master_key(&hash.hash_hash(), &nt_response);
    assert_eq!(*master, hex("fdece3717a8c838cb388e527ae3cdd31"));

    let send = start_key(&master, Direction::ServerToClient);
    assert_eq!(*send, hex("8b7cdc149b993a1ba118cb153f56dccb"));
    let head: [u8; 8] = send[..8].try_into().unwrap();
    assert_eq!(*session_key_40(&head), hex("d1269ec49fa62e3e"));
    assert_eq!(*session_key_56(&head), hex("d15c00c49fa62e3e"));
    assert_eq!(
        *session_key_128(&send),
        hex("405cb2247a7956e6e211007ae27b22d4")
    );

    let recv = start_key(&master, Direction::ClientToServer);
    assert_eq!(*recv, hex("d5f0e9521e3ea9589645e86051c82226"));
    let keys = StartKeys::of(&hash, &nt_response);
    assert_eq!((*keys.send, *keys.recv), (*send, *recv));
}

#[test]
fn rfc_3079_sample_messages() {
    let send = hex("8b7cdc149b993a1ba118cb153f56dccb");
    let head: [u8; 8] = send[..8].try_into().unwrap();
    assert_eq!(
        rc4(&*session_key_40(&head)),
        hex("929137917e5803d668d75898")
    );
    // Section 3.5.2 prints 58 for the last octet; RC4 under the key it prints gives b8.
    assert_eq!(
        rc4(&*session_key_56(&head)),
        hex("3f106833fa448da842bc57b8")
    );
    assert_eq!(
        rc4(&*session_key_128(&send)),
        hex("81848317df68846272fb5abe")
    );
}

#[test]
fn there_is_no_lan_manager_hash_of_a_long_or_foreign_password() {
    assert!(lm_hash("fourteen chars").is_some());
    assert!(lm_hash("fifteen chars..").is_none());
    assert!(lm_hash("pässwörd").is_none());
}
