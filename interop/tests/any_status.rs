//! Status-Server on both ports.

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::{radclient, radclient_bare};
use portreeve_interop::world::SECRET;

#[test]
fn the_authentication_port_answers_with_an_accept() {
    let server = Subject::household();
    for address in [server.ports().auth_v4(), server.ports().auth_v6()] {
        let ended = radclient(address, "status", SECRET, "NAS-Identifier = \"probe\"");
        assert!(
            ended.stdout.contains("Received Access-Accept"),
            "{}",
            ended.said()
        );
    }
}

#[test]
fn the_accounting_port_answers_with_an_accounting_response() {
    let server = Subject::household();
    for address in [server.ports().acct_v4(), server.ports().acct_v6()] {
        let ended = radclient(address, "status", SECRET, "NAS-Identifier = \"probe\"");
        assert!(
            ended.stdout.contains("Received Accounting-Response"),
            "{}",
            ended.said()
        );
    }
}

#[test]
fn a_probe_without_message_authenticator_gets_no_answer() {
    let server = Subject::household();
    let ended = radclient_bare(
        server.auth(),
        "status",
        SECRET,
        "NAS-Identifier = \"probe\"\n",
    );
    // Newer versions of radclient add it by themselves; then there is nothing to refuse.
    let added = ended.stdout.contains("Message-Authenticator = 0x");
    let answered = ended.stdout.contains("Received Access-Accept");
    assert_eq!(answered, added, "{}", ended.said());
}
