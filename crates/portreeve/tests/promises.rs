//! The library on the loopback interface, and what a RADIUS library is expected to keep.
//!
//! P rows are what pyrad2 documents of UDP, D rows are mistakes
//! that RADIUS libraries have made. Each names the test that holds it here;
//! `every_row_names_a_test` checks the names. Rows about proxying (P45, D12) and about EAP (P27,
//! D2) are not about this crate yet. Rows about Python's packaging (P30, P44) are about no crate of
//! ours, and P15, that secrets are compared in constant time, is held by `subtle` and by no test.
//!
//! * P1: the example of the front page works as it stands
//!   `portreeve/examples/ten_lines.rs: main`
//! * P2: a log line for each address that is listened on
//!   `portreeve/tests/quiet.rs: strangers_are_not_heard`
//! * P3: four handlers
//!   `portreeve/tests/server.rs: a_port_takes_what_its_role_allows`
//! * P3: and nobody's word ends sessions who may not
//!   `portreeve/tests/dynamic.rs: what_is_old_or_from_whom_it_may_not_come_meets_silence`
//! * P4: handlers see only valid packets
//!   `portreeve/tests/promises.rs: what_is_malformed_meets_silence_for_its_reason`
//! * P5: replies carry attributes of every kind
//!   `portreeve/tests/promises.rs: replies_carry_numbers_addresses_and_prefixes`
//! * P6: every code of a reply
//!   `portreeve/tests/client.rs: sessions_are_changed_and_ended`
//! * P6: those to CoA and Disconnect, both ways
//!   `portreeve/tests/dynamic.rs: outcomes_say_why_and_whether_the_session_is_gone`
//! * P6: Protocol-Error
//!   `portreeve/tests/radsec.rs: a_server_that_cannot_serve_says_so_and_another_is_asked`
//! * P7: replies are sent to who asked
//!   `portreeve/tests/server.rs: a_reply_leaves_from_the_address_that_was_asked`
//! * P8: CoA that nobody handles is refused with 406
//!   `portreeve/tests/server.rs: the_defaults_reject_stay_silent_and_refuse_as_unsupported`
//! * P9: Status-Server is answered before handlers
//!   `proto/tests/endpoint.rs: status_server_is_answered_by_the_ports_own_code_and_signed`
//! * P10: a retransmission gets the same octets
//!   `portreeve/tests/server.rs: a_retransmission_gets_the_same_octets_and_no_second_decision`
//! * P10: one that is worked on is not worked on twice
//!   `portreeve/tests/server.rs: a_retransmission_while_the_handler_works_is_dropped`
//! * P10: nor is a change of a session carried out twice
//!   `proto/tests/dynamic.rs: no_request_with_a_time_is_carried_out_twice`
//! * P11: a handler can choose silence
//!   `portreeve/tests/server.rs: an_observer_sees_every_datagram_once`
//! * P12: Message-Authenticator is demanded, and comes first
//!   `portreeve/tests/server.rs: the_right_password_is_accepted_and_a_wrong_one_rejected`
//! * P13: accounting and CoA need none
//!   `proto/tests/endpoint.rs: accounting_is_verified_answered_or_left_to_be_sent_again`
//! * P14: Request Authenticators are verified, zeros refused
//!   `portreeve/tests/promises.rs: a_record_that_is_not_signed_meets_silence`
//! * P16: RadSec, server and client, with certificates on both sides
//!   `portreeve/tests/radsec.rs: both_versions_carry_log_ins_accounting_and_status`
//! * P16: who is not recognised is refused
//!   `portreeve/tests/radsec.rs: who_is_not_recognised_is_told_apart_and_counted`
//! * P17: fingerprints of both ends, and a peer is who its certificate says
//!   `portreeve/tests/radsec.rs: fingerprints_decide_on_both_ends`
//! * P18: one slow request holds up no other
//!   `portreeve/tests/radsec.rs: one_slow_request_holds_up_no_other`
//! * P18: what is bad ends its connection, and what is idle
//!   `portreeve/tests/radsec.rs: bad_packets_end_their_connection_and_half_a_packet_does_in_time`
//! * P18: CoA and Disconnect over a connection, where the device takes them
//!   `portreeve/tests/radsec.rs: requests_go_back_down_a_connection_that_the_nas_opened`
//! * P19: one connection carries many requests at a time
//!   `portreeve/tests/radsec.rs: many_requests_are_in_flight_at_a_time_and_find_their_answers`
//! * P19: a connection that is lost is opened again
//!   `portreeve/tests/radsec.rs: a_lost_connection_is_opened_again`
//! * P20: RADIUS/1.1 where both ends know it, and no downgrade where it is demanded
//!   `portreeve/tests/radsec.rs: versions_are_agreed_on_and_a_demand_is_not_lowered`
//! * P20: no MD5, no Message-Authenticator, passwords as they are
//!   `proto/tests/connection.rs: radius_1_1_has_a_token_and_neither_secrets_nor_signatures`
//! * P21: blocking and async clients do the same
//!   `portreeve/tests/client.rs: the_blocking_client_does_the_same_and_is_shared_between_threads`
//! * P22: the front page's request hides its password
//!   `portreeve/tests/promises.rs: no_password_is_ever_on_the_wire`
//! * P23: when to send again is a policy
//!   `portreeve/src/client/retry.rs: the_recommended_waits_double_and_end_at_thirty_seconds`
//! * P24: Acct-Delay-Time grows, the caller's record stays
//!   `portreeve/tests/client.rs: a_record_that_is_sent_again_says_how_old_it_is`
//! * P25: clients demand Message-Authenticator
//!   `portreeve/tests/client.rs: message_authenticator_is_demanded_unless_told_otherwise`
//! * P26: clients send Status-Server
//!   `portreeve/tests/client.rs: sessions_are_changed_and_ended`
//! * P28: CHAP both ways, passwords as they are
//!   `portreeve/tests/promises.rs: a_password_is_not_trimmed`
//! * P29: MS-CHAPv2 with the server's own proof
//!   `portreeve/tests/client.rs: an_accept_without_the_servers_own_proof_does_not_count`
//! * P31: dictionary files of FreeRADIUS load
//!   `proto/src/dictionary/load/tests.rs: the_syntax_of_version_3_is_read`
//! * P32: packets decode to names and values
//!   `proto/src/dictionary/decode.rs: rfc_6929_attributes_are_read`
//! * P33: every data type, both ways
//!   `proto/src/value.rs: what_is_encoded_decodes_to_itself`
//! * P34: tags, both ways
//!   `proto/src/vectors.rs: tags_go_where_rfc_2868_puts_them`
//! * P35: `encrypt=1` and `encrypt=3`, both ways
//!   `proto/src/hide.rs: revealing_undoes_hiding`
//! * P36: `encrypt=2`, both ways, with its own salts
//!   `proto/src/hide.rs: salts_differ_within_a_packet_and_have_the_top_bit`
//! * P37: `concat`, `array`, `secret`
//!   `proto/src/dictionary/decode.rs: names_tags_and_arrays_are_shown`
//! * P38: vendor formats, WiMAX
//!   `proto/src/vectors.rs: vendor_formats_are_laid_out_and_read_back`
//! * P39: extended attributes, fragments, nested TLVs
//!   `proto/src/vectors.rs: rfc_6929_long_values_are_cut_into_fragments`
//! * P40: `$INCLUDE` stays inside, faults have file and line
//!   `portreeve/src/dictionary.rs: nothing_leads_out_of_the_folder`
//! * P41: a trace that is off costs nothing
//!   `portreeve/src/trace.rs: one_switch_alone_is_not_enough`
//! * P42: a trace shows secrets only by a second switch
//!   `portreeve/src/trace.rs: secrets_are_left_out_unless_both_switches_are_on`
//! * P43: a wrong shared secret is told as such
//!   `portreeve/tests/client.rs: where_no_reply_verifies_the_secret_is_suspected`
//! * P46: examples that run
//!   `portreeve/examples/custom_dictionary.rs: main`
//! * D1: passwords set by name were sent in the clear
//!   `portreeve/tests/promises.rs: no_password_is_ever_on_the_wire`
//! * D3: flags of hiding were ignored
//!   `proto/src/vectors.rs: what_must_be_hidden_is_hidden_even_when_pushed_as_plain`
//! * D4: salted values over 15 octets came back as garbage
//!   `proto/src/hide.rs: salted_values_follow_the_independent_vectors`
//! * D5: tags were never decoded
//!   `proto/src/dictionary/decode.rs: names_tags_and_arrays_are_shown`
//! * D6: attributes past the end, and of type 0, were taken
//!   `portreeve/tests/promises.rs: what_is_malformed_meets_silence_for_its_reason`
//! * D7: padding was refused
//!   `portreeve/tests/promises.rs: padding_is_ignored`
//! * D8: packets over 4096 octets were sent
//!   `portreeve/tests/promises.rs: nothing_too_long_is_sent`
//! * D9: empty and endless passwords were sent
//!   `portreeve/tests/promises.rs: passwords_of_0_to_128_octets_are_carried`
//! * D10: the order of attributes was lost
//!   `portreeve/tests/promises.rs: the_order_of_attributes_is_kept`
//! * D11: Proxy-State did not come back
//!   `proto/tests/endpoint.rs: proxy_state_comes_back_whole_and_in_order`
//! * D13: one slow handler held up all
//!   `portreeve/tests/server.rs: a_slow_handler_delays_nobody_else`
//! * D14: times over a second were told wrong
//!   `portreeve/tests/promises.rs: times_over_a_second_are_told_whole`
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod client;
mod dynamic;
mod nas;
mod relay;
mod server;

use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nas::{Nas, pap};
use portreeve::{
    Access, AccessReply, AccessRequest, Ask, AttributeList, Client, Code, Discard, Error, Packet,
    Proves as _, Running, Server,
    attr::{self, service_type},
    client::Retry,
    server::{Observer, observer::Answer},
};

const SECRET: &str = "xyzzy5461";

async fn serving(
    decide: impl Fn(&AccessRequest) -> AccessReply + Send + Sync + 'static,
) -> Running {
    let server = Server::access(decide)
        .peer("127.0.0.1", SECRET)
        .reject_delay(Duration::ZERO);
    server.udp("127.0.0.1:0").start().await.unwrap()
}

#[test]
fn every_row_names_a_test() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let lines: Vec<&str> = include_str!("promises.rs").lines().collect();
    let is_row = |line: &str| line.starts_with("//! * P") || line.starts_with("//! * D");
    let rows: Vec<_> = lines.windows(2).filter(|pair| is_row(pair[0])).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        let place = row[1]
            .split('`')
            .nth(1)
            .unwrap_or_else(|| panic!("{row:?}"));
        let (file, name) = place.split_once(": ").unwrap_or_else(|| panic!("{row:?}"));
        let source = std::fs::read_to_string(crates.join(file));
        let source = source.unwrap_or_else(|_| panic!("{row:?}"));
        assert!(source.contains(&format!("fn {name}(")), "{row:?}");
    }
}

type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
type Case<'a> = (Change<'a>, Discard);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_meets_silence_for_its_reason() {
    let running = serving(|_| AccessReply::accept()).await;
    let mut nas = Nas::new(running.address(), SECRET);
    let valid = nas
        .encode(Ask::Access, &pap("tim", "12345"))
        .unwrap()
        .octets;
    let changed = |change: Change<'_>| {
        let mut octets = valid.clone();
        change(&mut octets);
        octets
    };
    let user_name = 20 + 18;
    let cases: [Case<'_>; 8] = [
        (&|octets| octets.truncate(19), Discard::Length),
        (&|octets| octets.truncate(40), Discard::Length),
        (
            &|octets| octets[2..4].copy_from_slice(&[0, 19]),
            Discard::Length,
        ),
        (&|octets| octets[user_name] = 0, Discard::AttributeZero),
        (
            &|octets| octets[user_name + 1] = 0,
            Discard::AttributeLength,
        ),
        (
            &|octets| octets[user_name + 1] = 1,
            Discard::AttributeLength,
        ),
        (
            &|octets| octets[user_name + 1] = 200,
            Discard::AttributeLength,
        ),
        (&|octets| octets[0] = 99, Discard::CodeNotAllowed),
    ];
    for (change, reason) in cases {
        let before = running.counters().discarded(reason);
        nas.socket.send(&changed(change)).unwrap();
        assert!(
            nas.receive_within(Duration::from_millis(60)).is_none(),
            "{reason}"
        );
        assert_eq!(running.counters().discarded(reason), before + 1, "{reason}");
    }
    let (code, _) = nas.log_in("tim", "12345");
    assert_eq!(code, Code::ACCESS_ACCEPT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_meets_silence() {
    let server = Server::access(|_| AccessReply::accept()).peer("192.0.2.1", SECRET);
    let running = server.udp("127.0.0.1:0").start().await.unwrap();
    let mut nas = Nas::new(running.address(), SECRET);
    nas.send(Ask::Access, &pap("tim", "12345"));
    nas.send(Ask::Status, &AttributeList::new());
    assert!(nas.hears_nothing());
    assert_eq!(running.counters().discarded(Discard::UnknownPeer), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn padding_is_ignored() {
    let running = serving(|_| AccessReply::accept()).await;
    let mut nas = Nas::new(running.address(), SECRET);
    for padding in [1, 100, 4096] {
        let mut sent = nas.encode(Ask::Access, &pap("tim", "12345")).unwrap();
        sent.octets.resize(sent.octets.len() + padding, 0xff);
        nas.send_again(&sent);
        let octets = nas.receive();
        assert!(nas.verify(&sent, &octets).is_ok(), "{padding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_signed_meets_silence() {
    let running = serving(|_| AccessReply::reject()).await;
    let mut nas = Nas::new(running.address(), SECRET);
    let record = AttributeList::new().with(attr::ACCT_SESSION_ID, "0001");
    for ask in [Ask::Accounting, Ask::Coa, Ask::Disconnect] {
        let mut sent = nas.encode(ask, &record).unwrap();
        sent.octets[4..20].fill(0);
        nas.send_again(&sent);
    }
    assert!(nas.hears_nothing());
    assert_eq!(
        running
            .counters()
            .discarded(Discard::RequestAuthenticatorWrong),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_carry_numbers_addresses_and_prefixes() {
    let prefix = "2001:db8:1::/48".parse().unwrap();
    let running = serving(move |_| {
        AccessReply::accept()
            .with(attr::SERVICE_TYPE, service_type::FRAMED_USER)
            .with(attr::FRAMED_IP_ADDRESS, Ipv4Addr::new(192, 0, 2, 7))
            .with(attr::FRAMED_IPV6_PREFIX, prefix)
            .with(attr::mikrotik::RATE_LIMIT, "5M/20M")
    })
    .await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    let outcome = client.access(Access::pap("tim", "12345")).await.unwrap();
    let reply = outcome.response();
    assert_eq!(reply.get(attr::SERVICE_TYPE), Some(2));
    assert_eq!(
        reply.get(attr::FRAMED_IP_ADDRESS),
        Some(Ipv4Addr::new(192, 0, 2, 7))
    );
    assert_eq!(reply.get(attr::FRAMED_IPV6_PREFIX), Some(prefix));
    assert_eq!(reply.get(attr::mikrotik::RATE_LIMIT), Some("5M/20M"));
    assert_eq!(reply.all(attr::SERVICE_TYPE).len(), 1);
    assert!(!reply.has(attr::REPLY_MESSAGE));
}

#[tokio::test]
async fn no_password_is_ever_on_the_wire() {
    let wire = UdpSocket::bind("127.0.0.1:0").unwrap();
    wire.set_read_timeout(Some(nas::PATIENCE)).unwrap();
    let address = wire.local_addr().unwrap();
    let client = Client::udp(address, SECRET).await.unwrap();
    let password = "correct horse battery staple";
    let by_name = AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::USER_PASSWORD, password)
        .with(attr::TUNNEL_PASSWORD, (0, password));
    let log_ins = [
        Access::pap("tim", password),
        Access::chap("tim", password),
        Access::mschapv1("tim", password),
        Access::mschapv2("tim", password),
        Access::bare(by_name),
    ];
    for access in log_ins {
        let shown = format!("{access:?}");
        let asked = client.access(access);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), asked)
                .await
                .is_err()
        );
        let mut octets = [0; 4096];
        let length = wire.recv(&mut octets).unwrap();
        let packet = &octets[..length];
        assert!(packet.windows(3).any(|part| part == b"tim"));
        // Not even a part of it.
        for part in password.as_bytes().windows(7) {
            assert!(!packet.windows(part.len()).any(|octets| octets == part));
        }
        assert!(!shown.contains("horse"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_trimmed() {
    let running = serving(|request| {
        if request.proves(" 12345 ") {
            AccessReply::accept()
        } else {
            AccessReply::reject()
        }
    })
    .await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    for method in [
        Access::pap,
        Access::chap,
        Access::mschapv1,
        Access::mschapv2,
    ] {
        assert!(
            client
                .access(method("tim", " 12345 "))
                .await
                .unwrap()
                .is_accept()
        );
        for trimmed in ["12345", "12345 ", " 12345"] {
            assert!(
                !client
                    .access(method("tim", trimmed))
                    .await
                    .unwrap()
                    .is_accept()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_0_to_128_octets_are_carried() {
    let running = serving(|request| {
        let length = request
            .reveal(attr::USER_PASSWORD)
            .map(|password| password.len());
        AccessReply::accept().with(attr::REPLY_MESSAGE, format!("{length:?}"))
    })
    .await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    for length in [0, 1, 15, 16, 17, 127, 128] {
        let outcome = client
            .access(Access::pap("tim", &"x".repeat(length)))
            .await
            .unwrap();
        let expected = format!("Some({length})");
        assert_eq!(outcome.response().message(), Some(expected.as_str()));
    }
    let error = client
        .access(Access::pap("tim", &"x".repeat(129)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Password(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_too_long_is_sent() {
    let running = serving(|request| {
        let count: usize = request
            .user_name()
            .unwrap_or_default()
            .parse()
            .unwrap_or_default();
        let mut reply = AccessReply::accept();
        for _ in 0..count {
            reply = reply.with(attr::REPLY_MESSAGE, "x".repeat(253));
        }
        reply
    })
    .await;
    let client = Client::udp(running.address(), SECRET).await.unwrap();
    let outcome = client.access(Access::pap("15", "x")).await.unwrap();
    assert_eq!(outcome.response().all(attr::REPLY_MESSAGE).len(), 15);
    let outcome = client.access(Access::pap("16", "x")).await.unwrap();
    assert!(!outcome.is_accept(), "what does not fit is no half answer");
    let mut huge = Access::pap("tim", "x");
    for _ in 0..16 {
        huge = huge.with(attr::REPLY_MESSAGE, "x".repeat(253));
    }
    let error = client.access(huge).await.unwrap_err();
    assert!(matches!(error, Error::Encode(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_attributes_is_kept() {
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let note = Arc::clone(&seen);
    let running = serving(move |request| {
        let numbers = request
            .packet()
            .attributes()
            .map(|attribute| attribute.number);
        *note.lock().unwrap() = numbers.collect();
        AccessReply::accept()
            .with(attr::REPLY_MESSAGE, "one")
            .with(attr::SESSION_TIMEOUT, 1)
            .with(attr::REPLY_MESSAGE, "two")
    })
    .await;
    let mut nas = Nas::new(running.address(), SECRET);
    let mixed = AttributeList::new()
        .with(attr::NAS_PORT, 1)
        .with(attr::USER_NAME, "tim")
        .with(attr::NAS_PORT, 2)
        .with(attr::USER_NAME, "tom");
    let (_, octets) = nas.ask(Ask::Access, &mixed);
    assert_eq!(*seen.lock().unwrap(), [80, 5, 1, 5, 1]);
    let packet = Packet::parse(&octets).unwrap();
    let numbers: Vec<u8> = packet
        .attributes()
        .map(|attribute| attribute.number)
        .collect();
    assert_eq!(numbers, [80, 18, 27, 18]);
}

struct Watch(Arc<Mutex<Vec<Duration>>>);

impl Observer for Watch {
    fn answered(&self, answer: &Answer<'_>) {
        self.0
            .lock()
            .unwrap()
            .extend([answer.decided, answer.elapsed]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_over_a_second_are_told_whole() {
    let times: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let running = Server::access(|_| AccessReply::reject())
        .peer("127.0.0.1", SECRET)
        .reject_delay(Duration::from_millis(1200))
        .observer(Watch(Arc::clone(&times)))
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    Nas::new(running.address(), SECRET).log_in("tim", "12345");
    running.stop().await;
    let times = times.lock().unwrap().clone();
    let [decided, elapsed] = times.as_slice() else {
        panic!("{times:?}")
    };
    assert!(*decided < Duration::from_secs(1), "{decided:?}");
    assert!(*elapsed >= Duration::from_millis(1080), "{elapsed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_runs_as_a_task_and_ends_with_it() {
    let probe = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = probe.local_addr().unwrap();
    drop(probe);
    let server = Server::access(|_| AccessReply::accept()).peer("127.0.0.1", SECRET);
    let task = tokio::spawn(server.udp(address).run());
    let retry = Retry {
        initial: Duration::from_millis(50),
        ..Retry::default()
    };
    let client = Client::udp(address, SECRET).retry(retry).await.unwrap();
    assert!(
        client
            .access(Access::pap("tim", "x"))
            .await
            .unwrap()
            .is_accept()
    );
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let start = Instant::now();
    while UdpSocket::bind(address).is_err() {
        assert!(start.elapsed() < nas::PATIENCE, "the port is still taken");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
