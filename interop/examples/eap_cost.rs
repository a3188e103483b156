//! What a log-in by EAP costs the server: Portreeve and FreeRADIUS side by side, each with the same
//! users and certificates (P-256), under the same load from `portreeve bench`, in turns; what a
//! conversation takes of memory, half open and finished; and a thousand devices at once.
//!
//! `cargo build --release && cargo run --release -p portreeve-interop --example eap_cost`,
//! optionally with the number of log-ins in a run. Prints tables in Markdown.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portreeve_interop::Must as _;
use portreeve_interop::certificates::Wanted;
use portreeve_interop::eap::talk::{TLS, Talk};
use portreeve_interop::eap::{EapTerms, Place};
use portreeve_interop::portreeve::binary;
use portreeve_interop::world::SECRET;

/// Log-ins in one run: enough that steps of 10 ms do not matter.
const LOG_INS: u32 = 1000;
/// Runs of each server and kind.
const TURNS: usize = 3;
/// Conversations that are begun for the sake of their memory, and those that are finished.
const HELD: u32 = 2000;
/// Devices that come back when the power does.
const PHONES: u32 = 1000;

/// A method, whether a session is resumed, and the version of TLS.
const KINDS: [(&str, bool, &str); 13] = [
    ("eap-tls", false, "1.3"),
    ("eap-tls", true, "1.3"),
    ("eap-tls", false, "1.2"),
    ("eap-tls", true, "1.2"),
    ("eap-peap", false, "1.2"),
    ("eap-peap", true, "1.2"),
    ("eap-ttls-pap", false, "1.2"),
    ("eap-ttls-pap", true, "1.2"),
    ("eap-ttls-mschapv2", false, "1.2"),
    ("eap-ttls-mschapv2", true, "1.2"),
    ("eap-mschapv2", false, "-"),
    ("eap-md5", false, "-"),
    ("eap-pwd", false, "-"),
];

fn main() {
    let count = std::env::args()
        .nth(1)
        .map_or(LOG_INS, |text| text.parse().must("a number"));
    let places = [Place::ours(roomy), Place::reference(roomy)];
    println!("| method | TLS | Portreeve, ms | FreeRADIUS, ms | ratio, least to most |");
    println!("|---|---|---:|---:|---:|");
    for (method, resumes, tls) in KINDS {
        let mut turns = Vec::new();
        for _ in 0..TURNS {
            let [ours, theirs] = places
                .each_ref()
                .map(|place| cost(place, method, resumes, tls, count));
            turns.push((ours, theirs));
        }
        let title = if resumes {
            format!("{method}, resumed")
        } else {
            method.to_owned()
        };
        println!("| {title} | {tls} | {}", row(&turns));
    }
    memory(&places[0]);
    for place in &places {
        crowd(place);
    }
    primitives();
}

fn roomy(terms: EapTerms) -> EapTerms {
    EapTerms {
        methods: vec!["tls", "peap", "ttls", "mschapv2", "md5", "pwd"],
        ..terms
    }
}

/// What is left of a table's row.
fn row(turns: &[(Option<f64>, Option<f64>)]) -> String {
    let ours = median(turns.iter().filter_map(|(ours, _)| *ours));
    let theirs = median(turns.iter().filter_map(|(_, theirs)| *theirs));
    let mut ratios: Vec<f64> = turns
        .iter()
        .filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?))
        .collect();
    ratios.sort_by(f64::total_cmp);
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.2}"));
    let range = match (ratios.first(), ratios.last()) {
        (Some(least), Some(most)) => format!("{least:.2} to {most:.2}"),
        _ => "-".to_owned(),
    };
    format!("{} | {} | {range} |", shown(ours), shown(theirs))
}

/// Milliseconds of processor time that one log-in costs a server; none where it lets nobody in.
fn cost(place: &Place, method: &str, resumes: bool, tls: &str, count: u32) -> Option<f64> {
    let mut arguments = vec!["--method", method];
    if resumes {
        arguments.push("--resume");
    }
    if tls != "-" {
        arguments.extend(["--eap-tls", tls]);
    }
    load(place, &arguments, count / 10, 16)?;
    let before = place.server.cpu_time();
    load(place, &arguments, count, 16)?;
    let spent = place.server.cpu_time().saturating_sub(before);
    Some(spent.as_secs_f64() * 1e3 / f64::from(count))
}

/// Logs bob in so often, and says how long that took; none where more than a hundredth of them are
/// not let in. (FreeRADIUS 3.2.1 refuses one log-in by EAP-pwd in 256, of others' devices too.)
fn load(place: &Place, arguments: &[&str], count: u32, parallel: u32) -> Option<Duration> {
    let ca = place.certificates.ca();
    let pair = place
        .certificates
        .issue(&Wanted::user("bob").with_key(place.certificates.key()));
    let mut trust = Vec::new();
    if !["eap-mschapv2", "eap-md5", "eap-pwd"].contains(&arguments[1]) {
        trust.extend(["--eap-ca".into(), ca.into_os_string()]);
        trust.extend(["--eap-cert".into(), pair.certificate.into_os_string()]);
        trust.extend(["--eap-key".into(), pair.key.into_os_string()]);
    }
    let began = Instant::now();
    let output = Command::new(binary())
        .args(["bench", "auth", &place.server.auth().to_string()])
        .args([
            "--secret",
            SECRET,
            "--user",
            "bob",
            "--password",
            "hello world",
        ])
        .args(["--count", &count.to_string()])
        // As a NAS asks again.
        .args(["--parallel", &parallel.to_string()])
        .args(["--timeout", "2s", "--retries", "5"])
        .args(trust)
        .args(arguments)
        .output()
        .must("run portreeve bench");
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    let accepted = said.lines().find_map(|line| line.strip_prefix("accepted "));
    let accepted: u32 = accepted.map_or(0, |number| number.trim().parse().unwrap_or(0));
    if accepted + count / 100 < count {
        let said = String::from_utf8_lossy(&output.stderr);
        println!("<!-- {} -->", said.lines().last().unwrap_or("nothing said"));
        return None;
    }
    Some(took)
}

/// What conversations take of the server's memory.
fn memory(place: &Place) {
    let hello = client_hello();
    let before = place.server.resident_kb();
    for _ in 0..HELD {
        let mut talk = Talk::started(place);
        let message = talk.response(&[&[TLS, 0], hello.as_slice()].concat());
        talk.send(&message).must("the server's first flight");
    }
    let each = (place.server.resident_kb() - before) / f64::from(HELD);
    println!("\nA conversation left half open after the server's first flight: {each:.1} kB.");
    let before = place.server.resident_kb();
    load(
        place,
        &["--method", "eap-peap", "--eap-tls", "1.2"],
        HELD,
        16,
    );
    let each = (place.server.resident_kb() - before) / f64::from(HELD);
    println!("A finished one whose session may be resumed: {each:.1} kB.");
}

/// The first message of OpenSSL.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").must("a port");
    let address = listener.local_addr().must("an address").to_string();
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .must("run openssl");
    let (mut stream, _) = listener.accept().must("a connection");
    let mut octets = [0; 4096];
    let length = stream.read(&mut octets).must("a ClientHello");
    drop(stream);
    child.wait().must("openssl ends");
    octets[..length].to_vec()
}

/// Everybody at once, as after a power cut.
fn crowd(place: &Place) {
    let name = match &place.server {
        portreeve_interop::subject::Subject::Portreeve(_) => "Portreeve",
        portreeve_interop::subject::Subject::FreeRadius(_) => "FreeRADIUS",
    };
    let spent = place.server.cpu_time();
    let took = load(
        place,
        &["--method", "eap-peap", "--eap-tls", "1.2"],
        PHONES,
        PHONES,
    );
    let spent = place.server.cpu_time().saturating_sub(spent);
    match took {
        Some(took) => println!(
            "\n{name}: {PHONES} devices at once by PEAP are in after {:.1} s, load generator and \
             all; {:.1} s of processor time, {:.0} MB.",
            took.as_secs_f64(),
            spent.as_secs_f64(),
            place.server.resident_kb() / 1024.0
        ),
        None => println!("\n{name}: not all of {PHONES} devices at once were let in."),
    }
}

/// What the same primitives cost by themselves.
fn primitives() {
    let output = Command::new("openssl")
        .args([
            "speed",
            "-seconds",
            "1",
            "ecdsap256",
            "ecdhx25519",
            "rsa2048",
        ])
        .output()
        .must("run openssl speed");
    println!("\n```\n{}```", String::from_utf8_lossy(&output.stdout));
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
