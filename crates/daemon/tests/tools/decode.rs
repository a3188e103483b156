use std::{io::Write as _, path::Path};

use serde_json::json;

use crate::{
    capture::{Capture, End},
    program::{run, run_with},
};

/// RFC 2865 section 7.1, and its answer.
const LOGIN: &str = "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196\
                     e43f782a0aee0406c0a80110050600000003";
const LOGIN_ACCEPT: &str =
    "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103";
/// RFC 5997 section 6.3.
const STATUS: &str = "0c47002cbf58de56ae408ad3b70c8513f9b03fbe0406c00002105012852d6fec61e7ed74b8e3\
                      2dac2f2a5fb2";
const STATUS_ACCEPT: &str = "0247003446f43e62fd0354424cbbebfd6d214e06122052414449555320536572766572\
                             207570203220646179732c2031383a3430";
/// RFC 5176 section 7; the secret is `xyz`.
const DISCONNECT: &str = "2801001c1b23624c3543ceba55f1be55a714ca5e01086d6368696261";
/// RFC 2865 section 7.3 as printed: an attribute's length is wrong.
const BROKEN: &str = "01030043b122556d428a13d0d6253807c457ecf001076d6f7079790212692c1f205fc081b919\
                      b95195f561a5810406c0a8011005060000000718103332373639343330";
const SECRET: &str = "xyzzy5461";

const NAS: End = (7, 5000);
const SERVER: End = (1, 1812);

fn octets(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.as_chunks::<2>().0;
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(high << 4 | low).unwrap())
        .collect()
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_packet_is_shown_with_names_and_its_hidden_values() {
    let ended = run(&["decode", LOGIN]);
    assert_eq!(ended.code, 0);
    ended.says(&[
        "Access-Request, identifier 0, 56 octets",
        "User-Name      = \"nemo\"",
        "NAS-IP-Address = 192.168.1.16",
        "User-Password  = (hidden, 16 octets)",
        "with --secret they are revealed",
    ]);
    let ended = run(&["decode", LOGIN, "--secret", SECRET]);
    assert_eq!(ended.code, 0);
    ended.says(&[
        "User-Password  = \"arctangent\"",
        "Message-Authenticator: absent",
        "the secret is probably right",
    ]);
}

#[test]
fn a_wrong_secret_is_said_plainly() {
    let ended = run(&["decode", STATUS, "--secret", "xyzzy"]);
    assert_eq!(ended.code, 1);
    ended.says(&["Message-Authenticator: WRONG", "the secret is wrong"]);
    let ended = run(&["decode", LOGIN, "--secret", "xyzzy"]);
    assert_eq!(ended.code, 1);
    ended.says(&[
        "(no text: is the secret wrong?)",
        "the secret is probably wrong",
    ]);
    let ended = run(&["decode", DISCONNECT, "--secret", "xyzzy"]);
    assert_eq!(ended.code, 1);
    ended.says(&["Request Authenticator: WRONG", "the secret is wrong"]);
}

#[test]
fn every_authenticator_of_the_rfcs_holds() {
    let ended = run(&["decode", DISCONNECT, "--secret", "xyz"]);
    assert_eq!(ended.code, 0);
    ended.says(&["Disconnect-Request", "Request Authenticator: valid"]);
    for (request, answer) in [(LOGIN, LOGIN_ACCEPT), (STATUS, STATUS_ACCEPT)] {
        let ended = run(&["decode", answer, "--secret", SECRET]);
        ended.says(&["cannot be verified without the request; give --request"]);
        let ended = run(&["decode", answer, "--request", request, "--secret", SECRET]);
        assert_eq!(ended.code, 0);
        ended.says(&["Response Authenticator: valid"]);
        let both = file(format!("# captured\n{request}\n{answer}\n").as_bytes());
        let ended = run(&["decode", name(both.path()), "--secret", SECRET]);
        assert_eq!(ended.code, 0);
        ended.says(&["Response Authenticator: valid", "answers packet 1"]);
    }
    let ended = run(&["decode", STATUS, "--secret", SECRET]);
    ended.says(&["Message-Authenticator: valid"]);
}

#[test]
fn the_secret_may_come_from_a_file_or_the_environment() {
    let ended = run_with(&["decode", LOGIN], &[("PORTREEVE_SECRET", SECRET)], b"");
    ended.says(&["arctangent"]);
    let secret = file(format!("{SECRET}\n").as_bytes());
    let ended = run(&["decode", LOGIN, "--secret-file", name(secret.path())]);
    ended.says(&["arctangent"]);
}

#[test]
fn a_malformed_packet_is_explained_and_shown_up_to_the_fault() {
    let ended = run(&["decode", BROKEN]);
    assert_eq!(ended.code, 1);
    ended.says(&[
        "User-Name",
        "malformed at octet 57: attribute 24 says it is 16 octets long, ",
        "but the packet ends after 10",
    ]);
    let ended = run(&["decode", &LOGIN[..80], "--json"]);
    assert_eq!(ended.code, 1);
    let packet = ended.json();
    assert_eq!(
        packet["malformed"],
        "octet 2: the Length field says 56 octets, but only 40 arrived"
    );
}

#[test]
fn input_that_is_no_packet_is_wrong_usage() {
    for (argument, said) in [
        ("010000381", "9 hexadecimal digits, an odd number"),
        ("0100003g0f403f94", "'g' is no hexadecimal digit"),
        ("nowhere.pcap", "neither a file nor a packet"),
    ] {
        let ended = run(&["decode", argument]);
        assert_eq!(ended.code, 2, "{argument}");
        ended.says(&[said]);
    }
    let ended = run(&["decode", LOGIN_ACCEPT, "--request", LOGIN_ACCEPT]);
    assert_eq!(ended.code, 2);
    ended.says(&["no request but an answer"]);
    assert_eq!(run_with(&["decode", "-"], &[], b"").code, 1);
}

#[test]
fn standard_input_may_hold_digits_octets_or_a_capture() {
    let mut capture = Capture::new();
    capture.datagram(NAS, SERVER, &octets(LOGIN));
    let spaced: String = LOGIN.chars().flat_map(|digit| [digit, ' ']).collect();
    for input in [spaced.as_bytes(), &octets(LOGIN), capture.file()] {
        let ended = run_with(&["decode", "-", "--secret", SECRET], &[], input);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.says(&["arctangent"]);
    }
}

#[test]
fn a_capture_is_told_as_conversations() {
    let mut capture = Capture::new();
    capture
        .datagram(NAS, SERVER, &octets(LOGIN))
        .datagram(NAS, (1, 53), b"somebody else")
        .datagram(NAS, SERVER, &octets(LOGIN))
        .datagram(SERVER, NAS, &octets(LOGIN_ACCEPT))
        .datagram(SERVER, NAS, &octets(LOGIN_ACCEPT))
        .fragment(NAS, SERVER, &octets(LOGIN))
        .datagram(NAS, SERVER, &octets(STATUS));
    let capture = file(capture.file());
    let path = name(capture.path());
    let ended = run(&["decode", path, "--secret", SECRET]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.says(&[
        "1  2023-11-14T22:13:20.001Z  192.0.2.7:5000 -> 192.0.2.1:1812  Access-Request",
        "packet 1 sent again",
        "answers packet 1 after 3.000 ms",
        "answers packet 1 once more, the same as packet 4",
        "5 packets in 7 frames: 0 malformed, 2 sent again, 1 requests without an answer",
        "1 frames hold fragments",
    ]);
    assert!(!ended.stdout.contains("WRONG"));
    let ended = run(&["decode", path, "--secret", SECRET, "--json"]);
    let packets = ended.json_lines();
    assert_eq!(packets.len(), 5);
    assert_eq!(packets[0]["attributes"][1]["value"], "arctangent");
    assert_eq!(packets[0]["attributes"][1]["content"], "revealed");
    assert_eq!(
        packets[2]["relation"],
        json!({"kind": "answer", "to": 1, "after_us": 3000})
    );
    assert_eq!(packets[2]["verified"]["authenticator"], "valid");
    assert_eq!(packets[4]["verified"]["message_authenticator"], "valid");
}

#[test]
fn other_ports_are_named_and_none_at_all_is_said() {
    let mut capture = Capture::new();
    capture.datagram(NAS, (1, 11812), &octets(LOGIN));
    let capture = file(capture.file());
    let path = name(capture.path());
    let ended = run(&["decode", path]);
    assert_eq!(ended.code, 1);
    ended.says(&["no packet in 1 frames", "other ports: --port"]);
    let ended = run(&["decode", path, "--port", "11812"]);
    assert_eq!(ended.code, 0);
    ended.says(&["nemo"]);
}

#[test]
fn a_torn_capture_is_shown_as_far_as_it_goes() {
    let mut capture = Capture::new();
    capture
        .datagram(NAS, SERVER, &octets(LOGIN))
        .datagram(SERVER, NAS, &octets(LOGIN_ACCEPT));
    let whole = capture.file();
    let capture = file(&whole[..whole.len() - 5]);
    let ended = run(&["decode", name(capture.path())]);
    assert_eq!(ended.code, 1);
    ended.says(&[
        "nemo",
        "the capture ends in the middle of what follows frame 1",
    ]);
}

#[test]
fn a_dictionary_of_the_users_own_names_what_ours_does_not_know() {
    let dictionary = file(
        b"VENDOR Lab 99999\nBEGIN-VENDOR Lab\nATTRIBUTE Lab-Mood 1 string\n\
                            END-VENDOR Lab\n",
    );
    let packet = "01000022 00000000000000000000000000000000 1a0e0001869f01 08 6272696768 74";
    let ended = run(&["decode", packet]);
    ended.says(&["Attr-26.99999.1 = 0x627269676874"]);
    let ended = run(&["decode", packet, "--dictionary", name(dictionary.path())]);
    ended.says(&["Lab-Mood = \"bright\""]);
}
