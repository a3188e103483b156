//! Proving whole requests: the client's packet, the server's check, the reply, the client's check.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some starting point in time"
)]
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use std::{sync::Arc, time::Instant};

use portreeve_auth::{
    Credential, Decoy, Expectation, Login, Method, NoMethod, PasswordError, Proof, Proves as _,
    Refutation, Scheme, ServerUnproven, mppe,
    mschap::{NtHash, code},
    prove,
};
use portreeve_proto::{
    AccessReply, AccessRequest, Answered, Arrival, Ask, Attr, AttributeList, Code, DataType,
    DuplicateLimits, Endpoint, Hiding, Incoming, Packet, Peer, PeerTable, Query, Received,
    RequireMessageAuthenticator, Role, Secret, Spec, Ticket,
    attr::{self, Octets},
};
use proptest::prelude::*;

const SECRET: &str = "xyzzy5461";
const PASSWORD: &str = "sésame 7";

const fn octets(oid: &[u32]) -> Attr<Octets> {
    Attr::new(Spec::new(oid, DataType::Octets))
}

const CHAP_PASSWORD: Attr<Octets> = octets(&[3]);
const CHAP_CHALLENGE: Attr<Octets> = octets(&[60]);
const MS_CHAP_RESPONSE: Attr<Octets> = octets(&[26, 311, 1]);
const MS_CHAP_ERROR: Attr<Octets> = octets(&[26, 311, 2]);
const MS_CHAP_CHALLENGE: Attr<Octets> = octets(&[26, 311, 11]);
const MS_CHAP2_RESPONSE: Attr<Octets> = octets(&[26, 311, 25]);
const MS_CHAP2_SUCCESS: Attr<Octets> = octets(&[26, 311, 26]);
const V1_KEYS: Spec = Spec::new(&[26, 311, 12], DataType::Octets).hidden(Hiding::UserPassword);
const SEND_KEY: Spec = Spec::new(&[26, 311, 16], DataType::Octets).hidden(Hiding::Salted);
const RECV_KEY: Spec = Spec::new(&[26, 311, 17], DataType::Octets).hidden(Hiding::Salted);

/// Repeatable octets that look random enough.
fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |octets: &mut [u8]| {
        for octet in octets {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = state.to_be_bytes()[0];
        }
    }
}

fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

/// Some request of a client, written to `out`.
fn query(out: &mut Vec<u8>) -> Query {
    let (nothing, random) = (AttributeList::new(), &mut random());
    Query::encode(Ask::Access, 9, &nothing, &secret(), true, random, out).unwrap()
}

/// An attribute as it stands on the wire.
fn laid_out(oid: &[u32], value: &[u8]) -> Vec<u8> {
    let octet = |number: usize| u8::try_from(number).unwrap();
    let number = |at: usize| octet(usize::try_from(oid[at]).unwrap());
    let inner = if oid.len() == 1 {
        value.to_vec()
    } else {
        let head = [number(2), octet(value.len() + 2)];
        [&oid[1].to_be_bytes()[..], &head, value].concat()
    };
    [&[number(0), octet(inner.len() + 2)], inner.as_slice()].concat()
}

/// A client and a server, and one request between them.
struct Trip {
    endpoint: Endpoint,
    query: Query,
    incoming: Incoming,
    ticket: Ticket,
    now: Instant,
}

impl Trip {
    fn of(login: &Login) -> Self {
        Self::send(login.attributes(), login.authenticator(), &secret(), true)
    }

    fn list(attributes: &AttributeList) -> Self {
        Self::send(attributes, None, &secret(), true)
    }

    /// `protect` says whether Message-Authenticator stays in the packet.
    fn send(
        attributes: &AttributeList,
        authenticator: Option<[u8; 16]>,
        with: &Secret,
        protect: bool,
    ) -> Self {
        let mut datagram = Vec::new();
        let authenticator = authenticator.unwrap_or([0x42; 16]);
        let (ask, random) = (Ask::Access, &mut random());
        let query = Query::encode_under(
            ask,
            9,
            authenticator,
            attributes,
            with,
            true,
            random,
            &mut datagram,
        );
        if !protect {
            datagram.drain(Packet::HEADER..Packet::HEADER + 18);
            let length = u16::try_from(datagram.len()).unwrap();
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
        }
        Self::receive(query.unwrap(), &datagram)
    }

    /// A request without Message-Authenticator, of attributes as they stand on the wire.
    fn raw(authenticator: [u8; 16], attributes: &[&[u8]]) -> Self {
        let attributes = attributes.concat();
        let length = u16::try_from(Packet::HEADER + attributes.len()).unwrap();
        let head = [&[1, 9][..], &length.to_be_bytes(), &authenticator].concat();
        Self::receive(query(&mut Vec::new()), &[head, attributes].concat())
    }

    fn receive(query: Query, datagram: &[u8]) -> Self {
        let peer = Peer::new("hotel", secret())
            .require_message_authenticator(RequireMessageAuthenticator::No, false);
        let peers = PeerTable::new([("192.0.2.0/24".parse().unwrap(), Arc::new(peer))]);
        let mut endpoint = Endpoint::new(&DuplicateLimits::default());
        let now = Instant::now();
        let arrival = Arrival {
            now,
            clock: std::time::UNIX_EPOCH,
            listener: 0,
            role: Role::Auth,
            from: "192.0.2.7:40000".parse().unwrap(),
            datagram,
        };
        match endpoint.receive(&peers, &arrival, &mut random(), &mut Vec::new()) {
            Received::Request(incoming, ticket) => Self {
                endpoint,
                query,
                incoming,
                ticket,
                now,
            },
            other => panic!("{other:?}"),
        }
    }

    fn request(&self) -> &AccessRequest {
        match &self.incoming {
            Incoming::Access(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn prove(&self, credential: &Credential) -> Proof {
        prove(self.request(), credential)
    }

    /// Sends the reply back and gives what the client makes of it.
    fn reply<T>(&mut self, reply: AccessReply, check: impl FnOnce(&Query, &Packet<'_>) -> T) -> T {
        let mut out = Vec::new();
        let answered = self.endpoint.answer(
            self.now,
            &self.incoming,
            &self.ticket,
            &reply.into(),
            &mut random(),
            &mut out,
        );
        assert_eq!(answered.unwrap(), Answered::Send);
        let packet = self.query.accept(&out, &secret(), true).unwrap();
        check(&self.query, &packet)
    }
}

fn login(method: Method, password: &str) -> Login {
    Login::new(method, "HOTEL\\tim", password, &mut random()).unwrap()
}

fn clear(password: &str) -> Credential {
    Credential::clear(password).unwrap()
}

fn refuted(proof: Proof) -> Refutation {
    match proof {
        Proof::Refuted { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

fn is_proven(proof: &Proof) -> bool {
    matches!(proof, Proof::Proven(_))
}

/// The one hidden value of this attribute, revealed by the client.
fn reveal(query: &Query, packet: &Packet<'_>, spec: &Spec) -> Vec<u8> {
    let hidden = packet.get(Attr::<Octets>::new(*spec)).unwrap();
    query.reveal(spec, hidden, &secret()).unwrap().to_vec()
}

#[test]
fn every_method_proves_the_right_password_and_refutes_another() {
    for method in Method::ALL {
        let trip = Trip::of(&login(method, PASSWORD));
        assert_eq!(Method::of(trip.request()), Ok(method));
        assert!(is_proven(&trip.prove(&clear(PASSWORD))), "{method}");
        assert!(trip.request().proves(PASSWORD), "{method}");
        let why = refuted(trip.prove(&clear("sesame 7")));
        assert_eq!(
            why,
            Refutation::WrongPassword {
                method,
                secret_is_fine: true
            }
        );
        assert!(!trip.request().proves("sesame 7"), "{method}");
        assert!(!trip.request().proves(""), "{method}");
    }
}

#[test]
fn what_the_table_says_is_what_happens() {
    for scheme in Scheme::MADE {
        let credential = Credential::make(scheme, PASSWORD.as_bytes(), &mut random()).unwrap();
        for method in Method::ALL {
            let proof = Trip::of(&login(method, PASSWORD)).prove(&credential);
            if scheme.serves(method) {
                assert!(is_proven(&proof), "{scheme} {method}");
            } else {
                assert_eq!(refuted(proof), Refutation::CannotServe { scheme, method });
            }
        }
    }
}

#[test]
fn chap_takes_the_authenticator_for_the_challenge() {
    let login = Login::chap_without_challenge("tim", PASSWORD, &mut random());
    let trip = Trip::of(&login);
    assert!(!trip.request().has(CHAP_CHALLENGE));
    assert!(trip.request().proves(PASSWORD));
    let elsewhere = Trip::list(login.attributes());
    assert!(!elsewhere.request().proves(PASSWORD));
}

#[test]
fn the_requests_of_rfc_2865_are_proven() {
    let requests = [
        "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee\
         0406c0a80110050600000003",
        "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff6344\
         0772750406c0a80110050600000014060600000002070600000001",
    ];
    for (text, method) in requests.into_iter().zip([Method::Pap, Method::Chap]) {
        let digits = text
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| str::from_utf8(pair).unwrap());
        let packet: Vec<u8> = digits
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        let trip = Trip::receive(query(&mut Vec::new()), &packet);
        assert_eq!(Method::of(trip.request()), Ok(method));
        assert!(trip.request().proves("arctangent"));
        let why = refuted(trip.prove(&clear("arctangents")));
        assert_eq!(
            why,
            Refutation::WrongPassword {
                method,
                secret_is_fine: false
            }
        );
    }
}

#[test]
fn mschapv2_proves_the_server_and_hands_over_the_keys() {
    let login = login(Method::MsChapV2, PASSWORD);
    let mut trip = Trip::of(&login);
    let expectation = login.expectation().clone();
    assert!(trip.request().proves(PASSWORD));
    trip.reply(AccessReply::accept(), |query, packet| {
        assert_eq!(packet.code(), Code::ACCESS_ACCEPT);
        assert_eq!(expectation.check_accept(packet), Ok(()));
        let keys = expectation.start_keys().unwrap();
        assert_eq!(reveal(query, packet, &SEND_KEY), *keys.send);
        assert_eq!(reveal(query, packet, &RECV_KEY), *keys.recv);
        assert_eq!(packet.get(octets(&[26, 311, 7])), Some(&[0, 0, 0, 1][..]));
        assert_eq!(packet.get(octets(&[26, 311, 8])), Some(&[0, 0, 0, 6][..]));
    });
}

#[test]
fn mschapv1_hands_over_its_keys() {
    let nt = NtHash::of("Sesame").unwrap();
    for (credential, types) in [
        (clear("Sesame"), 6),
        (Credential::nt(nt.clone()).unwrap(), 4),
    ] {
        let mut trip = Trip::of(&login(Method::MsChapV1, "Sesame"));
        let Proof::Proven(keys) = trip.prove(&credential) else {
            panic!("not proven");
        };
        assert!(!format!("{keys:?}").contains(&format!("{:02x}", nt.hash_hash()[0])));
        let lm = credential
            .clear_text()
            .and_then(portreeve_auth::mschap::lm_hash);
        let expected = mppe::v1_keys(lm.as_deref(), &nt);
        let reply = AccessReply::accept().with_all(keys.attributes());
        trip.reply(reply, |query, packet| {
            // Revealing cuts the zeros at the end, which are padding and perhaps more.
            let mut value = reveal(query, packet, &V1_KEYS);
            value.resize(32, 0);
            assert_eq!(value, *expected);
            assert_eq!(
                packet.get(octets(&[26, 311, 8])),
                Some(&[0, 0, 0, types][..])
            );
            assert_eq!(
                packet.get(octets(&[26, 311, 12])).map(<[u8]>::len),
                Some(32)
            );
        });
    }
}

#[test]
fn a_refused_mschap_log_in_is_told_so() {
    for (method, version, challenge) in [(Method::MsChapV1, 2, 8), (Method::MsChapV2, 3, 16)] {
        let login = login(method, PASSWORD);
        let mut trip = Trip::of(&login);
        let ident = [MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE]
            .into_iter()
            .find_map(|attr| trip.request().get(attr))
            .map(|value| value[0]);
        let expectation = login.expectation().clone();
        assert!(!trip.request().proves("wrong"));
        trip.reply(AccessReply::reject(), |_, packet| {
            assert_eq!(packet.code(), Code::ACCESS_REJECT);
            let error = expectation.error_of(packet).unwrap();
            assert_eq!(
                (error.code, error.retry),
                (code::AUTHENTICATION_FAILURE, false)
            );
            assert_eq!((error.version, error.challenge.len()), (version, challenge));
            assert_eq!(packet.get(MS_CHAP_ERROR).map(|value| value[0]), ident);
            assert!(!packet.has(MS_CHAP2_SUCCESS));
        });
    }
}

#[test]
fn an_accept_that_does_not_prove_the_server_is_not_believed() {
    let check = |extra: &AttributeList, expectation: &Expectation| {
        let mut trip = Trip::of(&login(Method::MsChapV2, PASSWORD));
        let reply = AccessReply::accept().with_all(extra);
        trip.reply(reply, |_, packet| expectation.check_accept(packet))
    };
    let login = login(Method::MsChapV2, PASSWORD);
    let expectation = login.expectation();
    let nothing = AttributeList::new();
    assert_eq!(check(&nothing, expectation), Err(ServerUnproven::Missing));

    let trip = Trip::of(&login);
    let Proof::Proven(keys) = trip.prove(&clear(PASSWORD)) else {
        panic!("not proven");
    };
    assert_eq!(check(keys.attributes(), expectation), Ok(()));
    let entry = keys
        .attributes()
        .find(&MS_CHAP2_SUCCESS.spec().oid)
        .unwrap();
    for place in 0..entry.value.len() {
        let mut value = entry.value.to_vec();
        value[place] ^= 1;
        let forged = AttributeList::new().with(MS_CHAP2_SUCCESS, value);
        assert_eq!(check(&forged, expectation), Err(ServerUnproven::Wrong));
    }
    let short = AttributeList::new().with(MS_CHAP2_SUCCESS, &entry.value[..42]);
    assert_eq!(check(&short, expectation), Err(ServerUnproven::Wrong));
}

#[test]
fn a_wrong_shared_secret_is_told_from_a_wrong_password() {
    let login = login(Method::Pap, "a readable password");
    let other = Secret::new("another secret").unwrap();
    let trip = Trip::send(login.attributes(), None, &other, false);
    let why = refuted(trip.prove(&clear("a readable password")));
    assert_eq!(why, Refutation::SuspectSecret);
    assert!(why.to_string().contains("shared secret"));

    let trip = Trip::send(login.attributes(), None, &secret(), false);
    let why = refuted(trip.prove(&clear("another password")));
    let expected = Refutation::WrongPassword {
        method: Method::Pap,
        secret_is_fine: false,
    };
    assert_eq!(why, expected);

    let trip = Trip::of(&login);
    let why = refuted(trip.prove(&clear("another password")));
    assert_eq!(
        why.to_string(),
        "the password did not match (PAP); the NAS's secret is fine"
    );
}

#[test]
fn an_empty_password_is_refuted_as_such() {
    let digest_of_nothing = Credential::parse("{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=").unwrap();
    let trip = Trip::of(&login(Method::Pap, ""));
    assert_eq!(
        refuted(trip.prove(&digest_of_nothing)),
        Refutation::EmptyPassword
    );
}

#[test]
fn requests_that_present_nothing_to_check_are_refuted_with_the_reason() {
    let user = || AttributeList::new().with(attr::USER_NAME, "tim");
    let challenge = |length| user().with(MS_CHAP_CHALLENGE, vec![5; length]);
    let mut lan_manager = vec![0; 50];
    lan_manager[2..26].fill(7);
    let response = vec![1; 50];
    let cases = [
        (user(), NoMethod::Absent),
        (challenge(8), NoMethod::Absent),
        (
            user().with(attr::EAP_MESSAGE, [2, 1, 0, 5, 1]),
            NoMethod::Eap,
        ),
        (
            user()
                .with(attr::USER_PASSWORD, "x")
                .with(CHAP_PASSWORD, [1; 17]),
            NoMethod::Several,
        ),
        (
            challenge(8)
                .with(MS_CHAP_RESPONSE, &response)
                .with(MS_CHAP2_RESPONSE, &response),
            NoMethod::Several,
        ),
        (
            user().with(CHAP_PASSWORD, [1; 16]),
            NoMethod::Malformed(Method::Chap),
        ),
        (
            user().with(CHAP_PASSWORD, [1; 18]),
            NoMethod::Malformed(Method::Chap),
        ),
        (
            challenge(8).with(MS_CHAP_RESPONSE, [1; 49]),
            NoMethod::Malformed(Method::MsChapV1),
        ),
        (
            challenge(16).with(MS_CHAP2_RESPONSE, [1; 51]),
            NoMethod::Malformed(Method::MsChapV2),
        ),
        (
            challenge(8).with(MS_CHAP_RESPONSE, &lan_manager),
            NoMethod::LanManagerOnly,
        ),
        (
            user().with(MS_CHAP_RESPONSE, &response),
            NoMethod::Challenge(Method::MsChapV1),
        ),
        (
            challenge(16).with(MS_CHAP_RESPONSE, &response),
            NoMethod::Challenge(Method::MsChapV1),
        ),
        (
            challenge(8).with(MS_CHAP2_RESPONSE, &response),
            NoMethod::Challenge(Method::MsChapV2),
        ),
    ];
    for (list, reason) in cases {
        let trip = Trip::list(&list);
        assert_eq!(Method::of(trip.request()), Err(reason));
        assert_eq!(
            refuted(trip.prove(&clear(PASSWORD))),
            Refutation::NoMethod(reason)
        );
        assert!(!trip.request().proves(PASSWORD));
    }
}

#[test]
fn a_password_attribute_that_cannot_have_been_hidden_is_malformed() {
    for length in [0, 1, 15, 17, 144] {
        let trip = Trip::raw([7; 16], &[&laid_out(&[2], &vec![3; length])]);
        assert_eq!(
            Method::of(trip.request()),
            Err(NoMethod::Malformed(Method::Pap))
        );
    }
}

#[test]
fn an_empty_chap_challenge_is_refused() {
    let digest = portreeve_auth::chap::response(1, PASSWORD.as_bytes(), b"");
    let password = laid_out(&[3], &[&[1], &digest[..]].concat());
    let trip = Trip::raw([7; 16], &[&password, &laid_out(&[60], b"")]);
    assert!(!trip.request().proves(PASSWORD));
    assert_eq!(
        Method::of(trip.request()),
        Err(NoMethod::Challenge(Method::Chap))
    );
}

#[test]
fn reasons_have_distinct_labels() {
    let mut labels = vec![
        Refutation::WrongPassword {
            method: Method::Pap,
            secret_is_fine: true,
        }
        .label(),
        Refutation::SuspectSecret.label(),
        Refutation::EmptyPassword.label(),
        Refutation::CannotServe {
            scheme: Scheme::Nt,
            method: Method::Chap,
        }
        .label(),
    ];
    let reasons = [
        NoMethod::Absent,
        NoMethod::Several,
        NoMethod::Eap,
        NoMethod::Malformed(Method::Pap),
        NoMethod::Challenge(Method::Chap),
        NoMethod::LanManagerOnly,
    ];
    labels.extend(reasons.map(|reason| Refutation::NoMethod(reason).label()));
    let total = labels.len();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), total);
}

#[test]
fn nobody_is_proven_by_a_decoy() {
    for scheme in Scheme::MADE {
        let decoy = Decoy::of(scheme, &mut random()).unwrap();
        for method in Method::ALL {
            let proof = Trip::of(&login(method, PASSWORD)).prove(decoy.credential());
            assert!(!is_proven(&proof), "{scheme} {method}");
        }
    }
}

#[test]
fn passwords_a_method_cannot_carry_are_refused_by_the_client() {
    let make =
        |method, password: &str| Login::new(method, "tim", password, &mut random()).map(|_| ());
    assert_eq!(make(Method::Pap, &"x".repeat(128)), Ok(()));
    assert_eq!(
        make(Method::Pap, &"x".repeat(129)),
        Err(PasswordError::TooLong)
    );
    assert_eq!(
        make(Method::MsChapV2, &"x".repeat(257)),
        Err(PasswordError::TooLong)
    );
    assert_eq!(
        make(Method::MsChapV1, &"x".repeat(257)),
        Err(PasswordError::TooLong)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_password_is_proven_by_itself_alone(
        password in "\\PC{1,40}",
        other in "\\PC{1,40}",
        user in "[a-z\\\\@.]{1,20}",
    ) {
        prop_assume!(password.len() <= 128);
        for method in Method::ALL {
            let login = Login::new(method, &user, &password, &mut random()).unwrap();
            let trip = Trip::of(&login);
            prop_assert!(trip.request().proves(&password));
            prop_assert_eq!(trip.request().proves(&other), password == other);
        }
    }

    #[test]
    fn no_value_makes_proving_panic(
        oid in prop::sample::select(vec![
            vec![2_u32], vec![3], vec![60], vec![26, 311, 1], vec![26, 311, 11], vec![26, 311, 25],
        ]),
        value in prop::collection::vec(any::<u8>(), 0..60),
        challenge in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let password = laid_out(&oid, &value);
        let challenge = laid_out(&[26, 311, 11], &challenge);
        let trip = Trip::raw([7; 16], &[&password, &challenge]);
        prop_assert!(!trip.request().proves(PASSWORD));
    }
}
