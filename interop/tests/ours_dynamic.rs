//! `portreeve send coa|disconnect` to servers that are not ours.

use std::net::SocketAddr;

use portreeve_interop::certificates::Certificates;
use portreeve_interop::freeradius::{Extras, FreeRadius};
use portreeve_interop::portreeve::Home;
use portreeve_interop::pyrad2;
use portreeve_interop::tools::{Ended, json_holds};
use portreeve_interop::world::{SECRET, World};

/// What each request is answered with.
const KINDS: [(&str, &str, &str); 2] = [
    ("coa", "CoA-ACK", "CoA-NAK"),
    ("disconnect", "Disconnect-ACK", "Disconnect-NAK"),
];

fn ask(kind: &str, server: SocketAddr, secret: &str, session: &str) -> Ended {
    let server = server.to_string();
    Home::new().try_command(&[
        "send",
        kind,
        &server,
        "--secret",
        secret,
        "--user",
        "bob",
        "--session-id",
        session,
    ])
}

#[track_caller]
fn confirmed_and_denied(server: SocketAddr) {
    for (kind, ack, nak) in KINDS {
        let ended = ask(kind, server, SECRET, "coa-1");
        assert_eq!(ended.code, Some(0), "{kind}: {}", ended.said());
        assert!(ended.said().contains(ack), "{}", ended.said());
        let ended = ask(kind, server, SECRET, "elsewhere");
        assert_eq!(ended.code, Some(1), "{kind}: {}", ended.said());
        assert!(ended.said().contains(nak), "{}", ended.said());
        // The Error-Cause, by its name or its number.
        let told = ["503", "Session-Context-Not-Found"];
        let said = ended.said();
        assert!(told.iter().any(|cause| said.contains(cause)), "{said}");
    }
}

fn freeradius() -> FreeRadius {
    let extras = Extras {
        coa: true,
        ..Extras::default()
    };
    FreeRadius::with(&World::household(), &extras)
}

#[test]
fn freeradius_confirms_and_denies() {
    let server = freeradius();
    confirmed_and_denied(server.ports().coa_v4());
    let asked = server.asked();
    assert_eq!(asked.matches("coa-1").count(), 2, "{asked}");
    // RFC 5176 section 6.3: a request without it can be played again.
    assert!(asked.contains("Event-Timestamp"), "{asked}");
}

#[test]
fn pyrad2_confirms_and_denies() {
    let server = pyrad2::Server::coa(SECRET);
    confirmed_and_denied(server.address());
    let handled = server.handled_at_least(4);
    assert_eq!(handled.len(), 4, "{}", server.said());
    assert!(handled.iter().all(|request| json_holds(request, "bob")));
}

#[test]
fn pyrad2_confirms_over_radsec() {
    let certificates = Certificates::new();
    let identity = certificates.identity(certificates.server());
    let client = certificates.identity(certificates.client());
    let path = |path: &std::path::Path| path.display().to_string();
    let (certificate, key, ca) = (
        path(&client.pair.certificate),
        path(&client.pair.key),
        path(&client.ca),
    );
    for versions in [pyrad2::V10, pyrad2::V11] {
        let server = pyrad2::Server::radsec(&identity, versions);
        let to = server.address().to_string();
        for (kind, ack, _) in KINDS {
            let ended = Home::new().try_command(&[
                "send",
                kind,
                &to,
                "--tls",
                "--cert",
                &certificate,
                "--key",
                &key,
                "--ca",
                &ca,
                "--session-id",
                "coa-2",
            ]);
            assert_eq!(ended.code, Some(0), "{kind} {versions}: {}", ended.said());
            assert!(ended.said().contains(ack), "{}", ended.said());
        }
    }
}

#[test]
fn a_wrong_secret_and_an_attribute_that_is_changed_are_seen() {
    let server = freeradius();
    let to = server.ports().coa_v4();
    let more = to.to_string();
    let ended = Home::new().try_command(&[
        "send",
        "coa",
        &more,
        "--secret",
        SECRET,
        "--session-id",
        "coa-2",
        "--attr",
        "Session-Timeout=600",
        "--attr",
        "Mikrotik-Rate-Limit=1M/2M",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said());
    let asked = server.asked();
    assert!(asked.contains("Session-Timeout = 600"), "{asked}");
    assert!(asked.contains("Mikrotik-Rate-Limit = \"1M/2M\""), "{asked}");
    let ended = Home::new().try_command(&[
        "send",
        "coa",
        &more,
        "--secret",
        "another secret of some length",
        "--session-id",
        "coa-2",
        "--timeout",
        "1s",
        "--retries",
        "0",
    ]);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert_eq!(server.asked(), asked);
}
