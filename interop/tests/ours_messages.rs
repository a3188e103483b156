//! Message-Authenticator: required of requests by default, first in every answer.

use std::net::UdpSocket;
use std::time::Duration;

use portreeve_interop::Must as _;
use portreeve_interop::portreeve::Portreeve;
use portreeve_interop::tools::radclient_bare;
use portreeve_interop::wire::{Reply, Request, attribute, code, exchange};
use portreeve_interop::world::{SECRET, World};

const LONG: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(1500);
/// Within this time an administrative change must have taken effect.
const CHANGE: Duration = Duration::from_secs(1);

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").must("a socket")
}

#[test]
fn message_authenticator_is_the_first_attribute_of_every_answer_to_an_access_request() {
    let server = Portreeve::start(&World::household());
    let accept = Request::access(1).pap("alice", "wonder land", SECRET);
    let reject = Request::access(2).pap("alice", "wrong", SECRET);
    let proxied = Request::access(3)
        .pap("alice", "wonder land", SECRET)
        .with(attribute::PROXY_STATE, b"on the way");
    for (request, expected) in [
        (accept, code::ACCESS_ACCEPT),
        (reject, code::ACCESS_REJECT),
        (proxied, code::ACCESS_ACCEPT),
        (Request::status(4), code::ACCESS_ACCEPT),
    ] {
        let request = request.encode(SECRET);
        let reply = exchange(&socket(), server.ports().auth_v4(), &request, LONG);
        let reply = Reply::verified(&reply.must("an answer"), &request, SECRET);
        assert_eq!(reply.code, expected);
        let first = reply.attributes.first().must("an attribute");
        assert_eq!(first.0, attribute::MESSAGE_AUTHENTICATOR, "{reply:?}");
    }
}

#[test]
fn a_request_without_message_authenticator_gets_silence_until_the_nas_is_excused() {
    let server = Portreeve::start(&World::household());
    let to = server.ports().auth_v4();
    let bare = |id| {
        Request::access(id)
            .unsigned()
            .pap("bob", "hello world", SECRET)
    };
    let reply = exchange(&socket(), to, &bare(5).encode(SECRET), SILENCE);
    assert_eq!(
        reply, None,
        "a request without Message-Authenticator was answered"
    );

    server.command(&[
        "nas",
        "set",
        "local",
        "--require-message-authenticator",
        "no",
    ]);
    std::thread::sleep(CHANGE);
    let request = bare(6).encode(SECRET);
    let reply = exchange(&socket(), to, &request, LONG).must("an answer once it is excused");
    let reply = Reply::verified(&reply, &request, SECRET);
    assert_eq!(reply.code, code::ACCESS_ACCEPT);
    assert_eq!(reply.attributes[0].0, attribute::MESSAGE_AUTHENTICATOR);

    server.command(&[
        "nas",
        "set",
        "local",
        "--require-message-authenticator",
        "yes",
    ]);
    std::thread::sleep(CHANGE);
    let reply = exchange(&socket(), to, &bare(7).encode(SECRET), SILENCE);
    assert_eq!(reply, None, "the requirement came back and is not kept");
}

#[test]
fn an_excused_nas_may_still_not_send_proxy_state_unsigned() {
    let server = Portreeve::start(&World::household());
    server.command(&[
        "nas",
        "set",
        "local",
        "--require-message-authenticator",
        "no",
    ]);
    std::thread::sleep(CHANGE);
    let request = Request::access(8)
        .unsigned()
        .pap("bob", "hello world", SECRET)
        .with(attribute::PROXY_STATE, b"chosen by an attacker");
    let reply = exchange(
        &socket(),
        server.ports().auth_v4(),
        &request.encode(SECRET),
        SILENCE,
    );
    assert_eq!(reply, None);
}

#[test]
fn radclient_of_debian_12_is_served_once_its_nas_is_excused() {
    let server = Portreeve::start(&World::household());
    server.command(&[
        "nas",
        "set",
        "local",
        "--require-message-authenticator",
        "no",
    ]);
    std::thread::sleep(CHANGE);
    let attributes = "User-Name = \"bob\"\nUser-Password = \"hello world\"\n";
    let ended = radclient_bare(server.ports().auth_v4(), "auth", SECRET, attributes);
    assert!(
        ended.stdout.contains("Received Access-Accept"),
        "{}",
        ended.said()
    );
}
