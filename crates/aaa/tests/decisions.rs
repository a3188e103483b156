//! What the log says of requests, and that nobody else writes into it.

use std::net::SocketAddr;

use portreeve_aaa::{
    Shown,
    accounting::{Event, Record},
    decision::{Asked, CheckOutcome, Decision, DecisionId, Draft, Outcome, explain},
    definition::DialectName,
    refusal::Refusal,
};
use portreeve_auth::{Method, Refutation};
use portreeve_proto::{Discard, Transport, Version};
use proptest::prelude::*;

fn draft() -> Draft {
    Decision::draft(
        DecisionId(0x2a),
        1_800_000_000_000,
        SocketAddr::from(([192, 0, 2, 7], 1645)),
    )
    .asked(Asked::Access)
    .nas("ap")
    .user(b"tim")
    .method("MS-CHAPv2")
}

fn wrong_password() -> Refusal {
    let method = Method::MsChapV2;
    Refusal::from(Refutation::WrongPassword {
        method,
        secret_is_fine: true,
    })
}

#[test]
fn a_wrong_password_is_told_from_a_wrong_secret() {
    let decision = draft().rejected(900, &wrong_password());
    assert_eq!(
        decision.message.as_str(),
        "refused: the password did not match (MS-CHAPv2); the NAS's secret is fine"
    );
    let dialect = DialectName::Mikrotik;
    let decision = draft().discarded(9, Discard::MessageAuthenticatorWrong, dialect);
    assert!(
        decision
            .message
            .as_str()
            .contains("shared secret is not the one")
    );
    assert_eq!(decision.outcome, Outcome::Discarded);
    assert!(
        decision
            .cure
            .unwrap()
            .as_str()
            .contains("portreeve nas set ap --secret")
    );
}

#[test]
fn what_was_seen_without_a_request_is_told_as_such() {
    let from = "192.0.2.1:8729".parse().unwrap();
    let mut draft = Decision::draft(DecisionId(7), 1, from).nas("attic");
    draft.check("/ppp/aaa", CheckOutcome::Failed, "use-radius changed");
    let sentence = "drifted: the router is not as it was left in 1 place";
    let decision = draft.noticed(
        "router_drifted",
        sentence,
        Some("portreeve router diff attic"),
    );
    assert_eq!(decision.outcome, Outcome::Noticed);
    let text = explain(&decision);
    for part in [
        "Event 0000000000000007 of",
        "This server looked by itself at nas attic (192.0.2.1:8729).",
        "FAILED /ppp/aaa: use-radius changed",
        "What was seen: drifted: the router",
        "What to do: portreeve router diff attic",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        !text.contains(" ms:") && !text.contains("Request"),
        "{text}"
    );
}

#[test]
fn an_explanation_tells_the_story() {
    let mut draft = draft().calling_station(b"AA-BB-CC-DD-EE-FF");
    draft.check("user", CheckOutcome::Passed, "tim is enabled");
    draft.check("password", CheckOutcome::Failed, "did not match");
    let text = explain(&draft.rejected(1234, &wrong_password()));
    for part in [
        "Request 000000000000002a of 2027-01-15 08:00:00.000 UTC",
        "tim asked to be let in through nas ap (192.0.2.7:1645) by MS-CHAPv2.",
        "Their device called itself AA-BB-CC-DD-EE-FF, an address it made up and may change.",
        "  ok     user: tim is enabled",
        "  FAILED password: did not match",
        "after 1.234 ms: refused: the password did not match (MS-CHAPv2)",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn an_accept_lists_its_reply() {
    let reply = vec![Shown::from("Session-Timeout = 3600")];
    let decision = draft().accepted(100, reply);
    assert_eq!(decision.message.as_str(), "accepted: tim by MS-CHAPv2");
    assert!(explain(&decision).contains("\nThe reply carried:\n  Session-Timeout = 3600\n"));
}

#[test]
fn a_record_is_told_by_its_session() {
    let mut packet = vec![4, 1, 0, 30];
    packet.extend_from_slice(&[0; 16]);
    packet.extend_from_slice(&[40, 6, 0, 0, 0, 1, 44, 4, b's', b'1']);
    let from = "192.0.2.7:1646".parse().unwrap();
    let record = Record {
        received_ms: 0,
        nas: "ap".into(),
        from,
        packet,
    };
    let event = Event::read(&record).unwrap();
    let decision = draft().asked(Asked::Accounting).recorded(5, &event);
    assert_eq!(
        decision.message.as_str(),
        "recorded: Start of session s1 of tim"
    );
}

#[test]
fn numbers_of_decisions_are_read_back() {
    let id = DecisionId(0x00c0_ffee);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!("c0ffee".parse(), Ok(id));
    for text in ["", "+1", "12345678901234567", "x"] {
        assert!(text.parse::<DecisionId>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn what_a_stranger_sends_neither_breaks_lines_nor_grows_them(
        user: Vec<u8>, station: Vec<u8>, checks in proptest::collection::vec(".*", 0..80),
    ) {
        let mut draft = draft().user(&user).calling_station(&station);
        for check in &checks {
            draft.check("what", CheckOutcome::Skipped, check);
        }
        let decision = draft.rejected(1, &Refusal::UnknownUser);
        let json = serde_json::to_string(&decision).unwrap();
        prop_assert!(json.len() < 100_000);
        prop_assert!(json.chars().all(|character| !character.is_control()));
        prop_assert_eq!(&serde_json::from_str::<Decision>(&json).unwrap(), &decision);
        let lines = explain(&decision).lines().count();
        prop_assert!(lines <= 10 + decision.checks.len(), "{}", lines);
        prop_assert!(decision.checks.len() <= Decision::CHECKS_MAX);
    }
}

#[test]
fn what_carried_a_request_is_told() {
    let from = "192.0.2.7:40000".parse().unwrap();
    let draft = |transport, version| {
        Decision::draft(DecisionId(1), 0, from)
            .asked(Asked::Access)
            .nas("ap")
            .over(transport, version)
            .rejected(1, &Refusal::UnknownUser)
    };
    let told = explain(&draft(Transport::Tls, Some(Version::V1_1)));
    assert!(
        told.contains("(192.0.2.7:40000) over TLS (RADIUS/1.1)"),
        "{told}"
    );
    let told = explain(&draft(Transport::Udp, Some(Version::V1_0)));
    assert!(told.contains("(192.0.2.7:40000) over UDP."), "{told}");
    let ended = Decision::draft(DecisionId(2), 0, from)
        .over(Transport::Tls, None)
        .hung_up(
            "no_certificate",
            "the peer sent no certificate",
            Some("portreeve cert issue"),
        );
    assert_eq!(
        ended.message.as_str(),
        "no connection: the peer sent no certificate"
    );
    let told = explain(&ended);
    assert!(told.contains("What to do: portreeve cert issue"), "{told}");
}
