//! Single packets made by hand: silence where silence is due, and every octet of the answers.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::subject::Subject;
use portreeve_interop::wire::{Reply, Request, attribute, code, exchange};
use portreeve_interop::world::{Nas, SECRET, World};

/// Longer than any answer takes, reject delay included.
const LONG: Duration = Duration::from_secs(5);
/// Long enough to call it silence; a server that answers an accept needs milliseconds.
const SILENCE: Duration = Duration::from_millis(1500);

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").must("a socket")
}

fn bob(id: u8) -> Request {
    Request::access(id).pap("bob", "hello world", SECRET)
}

fn start(id: u8, session: &str) -> Request {
    Request::accounting(id)
        .with(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1])
        .with(attribute::ACCT_SESSION_ID, session.as_bytes())
        .with(attribute::USER_NAME, b"bob")
        .with(attribute::NAS_PORT, &[0, 0, 0, 1])
}

/// Sends octets and expects silence, then shows that the server was listening all the while.
fn ignored(server: &Subject, octets: &[u8]) {
    let socket = socket();
    let reply = exchange(&socket, server.auth(), octets, SILENCE);
    assert_eq!(reply, None, "this was answered");
    answered(server, &socket);
}

fn answered(server: &Subject, socket: &UdpSocket) {
    let request = bob(250).encode(SECRET);
    let reply = exchange(socket, server.auth(), &request, LONG).must("an answer");
    assert_eq!(
        Reply::verified(&reply, &request, SECRET).code,
        code::ACCESS_ACCEPT
    );
}

#[test]
fn replies_carry_the_authenticators_of_the_rfc() {
    let server = Subject::household();
    let request = bob(1).encode(SECRET);
    let reply = exchange(&socket(), server.auth(), &request, LONG).must("an answer");
    assert_eq!(
        Reply::verified(&reply, &request, SECRET).code,
        code::ACCESS_ACCEPT
    );
    let request = start(2, "wire-1").encode(SECRET);
    let reply = exchange(&socket(), server.acct(), &request, LONG).must("an answer");
    assert_eq!(
        Reply::verified(&reply, &request, SECRET).code,
        code::ACCOUNTING_RESPONSE
    );
}

#[test]
fn a_repeated_request_gets_the_same_octets_again() {
    let server = Subject::household();
    let socket = socket();
    for (to, request) in [
        (server.auth(), bob(3).encode(SECRET)),
        (
            server.auth(),
            Request::access(4)
                .pap("bob", "wrong", SECRET)
                .encode(SECRET),
        ),
        (server.acct(), start(5, "wire-2").encode(SECRET)),
    ] {
        let first = exchange(&socket, to, &request, LONG).must("an answer");
        // No client repeats within microseconds, and FreeRADIUS drops a repetition that meets it
        // while it is still putting the answer away.
        thread::sleep(Duration::from_millis(50));
        let again = exchange(&socket, to, &request, LONG).must("an answer to the repetition");
        assert_eq!(first, again);
    }
}

#[test]
fn proxy_states_come_back_whole_and_in_order() {
    let server = Subject::household();
    let states: [&[u8]; 3] = [b"first", &[0, 255, 1], b"third"];
    let with_states = |request: Request| {
        states.iter().fold(request, |request, state| {
            request.with(attribute::PROXY_STATE, state)
        })
    };
    let reject = Request::access(10).pap("bob", "wrong", SECRET);
    for (to, request) in [
        (server.auth(), bob(9)),
        (server.auth(), reject),
        (server.acct(), start(11, "wire-3")),
    ] {
        let request = with_states(request).encode(SECRET);
        let reply = exchange(&socket(), to, &request, LONG).must("an answer");
        let reply = Reply::verified(&reply, &request, SECRET);
        assert_eq!(reply.values(attribute::PROXY_STATE), states);
    }
}

#[test]
fn octets_after_the_packet_are_padding() {
    let server = Subject::household();
    let request = bob(12).encode(SECRET);
    let padded = [request.as_slice(), &[1, 2, 3]].concat();
    let reply = exchange(&socket(), server.auth(), &padded, LONG).must("an answer");
    assert_eq!(
        Reply::verified(&reply, &request, SECRET).code,
        code::ACCESS_ACCEPT
    );
}

#[test]
fn a_client_that_is_not_known_gets_silence() {
    let nas = Nas {
        name: "one",
        network: "127.0.0.1/32",
        secret: SECRET,
    };
    // FreeRADIUS is probed over IPv6 before the test begins.
    let probe = Nas {
        name: "probe",
        network: "::1/128",
        secret: SECRET,
    };
    let server = Subject::start(&World {
        nases: vec![nas, probe],
        ..World::household()
    });
    let stranger = UdpSocket::bind("127.0.0.2:0").must("a second loopback address");
    for (to, request) in [
        (server.auth(), bob(13)),
        (server.acct(), start(14, "wire-4")),
        (server.auth(), Request::status(15)),
    ] {
        let reply = exchange(&stranger, to, &request.encode(SECRET), SILENCE);
        assert_eq!(reply, None, "a stranger was answered");
    }
    answered(&server, &socket());
}

#[test]
fn a_message_authenticator_that_does_not_verify_gets_silence() {
    let server = Subject::household();
    let mut request = bob(16).encode(SECRET);
    request[22] ^= 1;
    ignored(&server, &request);
}

#[test]
fn an_accounting_request_that_does_not_verify_gets_silence() {
    let server = Subject::household();
    let mut request = start(17, "wire-5").encode(SECRET);
    request[4] ^= 1;
    let reply = exchange(&socket(), server.acct(), &request, SILENCE);
    assert_eq!(reply, None, "a forged request was answered");
}

#[test]
fn malformed_packets_get_silence_and_do_no_harm() {
    let server = Subject::household();
    let whole = bob(18).encode(SECRET);
    let claims = |length: u16| {
        let mut packet = whole.clone();
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet
    };
    let attribute = |attribute: [u8; 2]| {
        let mut packet = whole.clone();
        packet[38..40].copy_from_slice(&attribute);
        packet
    };
    let longer = u16::try_from(whole.len() + 1).must("a length");
    let malformed = [
        vec![],
        whole[..19].to_vec(),
        claims(19),
        claims(longer),
        claims(4097),
        attribute([1, 0]),
        attribute([1, 1]),
        attribute([1, 255]),
    ];
    let socket = socket();
    for packet in malformed {
        socket.send_to(&packet, server.auth()).must("send");
    }
    let reply = portreeve_interop::wire::receive(&socket, server.auth(), SILENCE);
    assert_eq!(reply, None, "a malformed packet was answered");
    answered(&server, &socket);
}

#[test]
fn a_code_that_belongs_to_another_port_gets_silence() {
    let server = Subject::household();
    let swapped: [(SocketAddr, Request); 2] = [
        (server.auth(), start(19, "wire-6")),
        (server.acct(), bob(20)),
    ];
    for (to, request) in swapped {
        let reply = exchange(&socket(), to, &request.encode(SECRET), SILENCE);
        assert_eq!(reply, None);
    }
    answered(&server, &socket());
}
