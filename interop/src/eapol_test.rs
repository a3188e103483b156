//! One run of `eapol_test`, the supplicant of `hostap` with a RADIUS client for its NAS.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::Must as _;
use crate::supplicant::Network;
use crate::tools::{self, program};
use crate::world::SECRET;

/// What divides the log of one authentication from the next.
const AGAIN: &str = "eapol_test: Triggering EAP reauthentication";

/// What is asked of the server, and how.
#[derive(Debug, Clone)]
pub struct EapolTest {
    server: SocketAddr,
    network: Network,
    address: IpAddr,
    arguments: Vec<String>,
    program: PathBuf,
}

impl EapolTest {
    /// Logs in once.
    ///
    /// # Panics
    /// If the program is missing.
    pub fn new(server: SocketAddr, network: &Network) -> Self {
        Self {
            server,
            network: network.clone(),
            address: Ipv4Addr::LOCALHOST.into(),
            arguments: Vec::new(),
            program: program("eapol_test"),
        }
        .patience(15)
    }

    /// With the program that was built with TEAP, which Debian's is not.
    #[must_use]
    pub fn with_teap(mut self) -> Self {
        self.program = tools::hostap("eapol_test");
        self
    }

    /// Logs in so many times more, resuming the session of TLS if the server lets it.
    #[must_use]
    pub fn again(self, times: u32) -> Self {
        self.option(&format!("-r{times}"))
    }

    /// From another address than `127.0.0.1`.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// As this device.
    #[must_use]
    pub fn device(self, mac: &str) -> Self {
        self.option(&format!("-M{mac}"))
    }

    /// Asks for EAP-Key-Name.
    #[must_use]
    pub fn key_name(self) -> Self {
        self.option("-e")
    }

    /// By a method that makes no keys.
    #[must_use]
    pub fn without_keys(self) -> Self {
        self.option("-n")
    }

    /// Gives up after so many seconds.
    #[must_use]
    pub fn patience(self, seconds: u32) -> Self {
        self.option(&format!("-t{seconds}"))
    }

    /// With one more attribute: its number, and `s`, `d` or `x` with a value.
    #[must_use]
    pub fn attribute(self, number: u8, syntax: char, value: &str) -> Self {
        self.option(&format!("-N{number}:{syntax}:{value}"))
    }

    /// Says that the link carries EAP messages of so many octets.
    #[must_use]
    pub fn framed_mtu(self, octets: u16) -> Self {
        self.attribute(12, 'd', &octets.to_string())
    }

    /// On a cable, unless said otherwise: what shows a password is not for the air.
    fn port_type(&self) -> Option<String> {
        let is_said = self.arguments.iter().any(|one| one.starts_with("-N61:"));
        (!is_said).then(|| "-N61:d:15".to_owned())
    }

    fn option(mut self, option: &str) -> Self {
        self.arguments.push(option.to_owned());
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If the program cannot read the network block.
    pub fn run(&self) -> Ran {
        let mut file = NamedTempFile::new().must("a file for the network block");
        file.write_all(self.network.block().as_bytes())
            .must("write the network block");
        let mut command = Command::new(&self.program);
        command
            .arg("-c")
            .arg(file.path())
            .arg(format!("-a{}", self.server.ip()))
            .arg(format!("-p{}", self.server.port()))
            .arg(format!("-s{SECRET}"))
            .arg(format!("-A{}", self.address))
            .args(self.port_type())
            .args(&self.arguments);
        let ended = tools::run(&mut command, "");
        assert!(
            ended.stdout.contains("EAP: EAP entering state"),
            "{command:?} did not start; it said:\n{}{}",
            self.network.block(),
            ended.said()
        );
        Ran::read(ended.stdout)
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Ran {
    /// It says so itself, after comparing the keys.
    pub succeeded: bool,
    /// Authentications after which both sides had the same keys.
    pub keys_ok: u32,
    /// Authentications after which they had not.
    pub mismatch: u32,
    /// Each authentication.
    pub attempts: Vec<Attempt>,
    /// All it said.
    pub text: String,
}

/// One authentication.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// The methods the client agreed to, outer ones first seen first.
    pub methods: Vec<u8>,
    /// The version of the outer TLS: `TLSv1.3`.
    pub tls: Option<String>,
    /// Whether the outer TLS resumed a session; none if it was not finished.
    pub resumed: Option<bool>,
    /// Every answer of the server.
    pub replies: Vec<Reply>,
    /// Whether the keys and EAP-Key-Name agree about the name; none if none came.
    pub key_name_agrees: Option<bool>,
}

impl Attempt {
    /// The answer that ended it.
    pub fn last(&self) -> &Reply {
        self.replies.last().must("an answer of the server")
    }

    /// Whether it ended with an Access-Accept that holds EAP-Success.
    pub fn accepted(&self) -> bool {
        let last = self.replies.last();
        last.is_some_and(|reply| reply.code == 2 && reply.eap == Some((3, 4)))
    }

    /// Whether it ended with an Access-Reject that holds EAP-Failure.
    pub fn rejected(&self) -> bool {
        let last = self.replies.last();
        last.is_some_and(|reply| reply.code == 3 && reply.eap == Some((4, 4)))
    }

    /// The length of the longest EAP message of the server.
    pub fn longest(&self) -> usize {
        let lengths = self.replies.iter().filter_map(|reply| reply.eap);
        lengths.map(|(_, length)| length).max().unwrap_or(0)
    }
}

/// An answer of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// 2, 3 or 11.
    pub code: u8,
    /// Numbers and values as they are printed.
    pub attributes: Vec<(u8, String)>,
    /// Code and length of the EAP message in it.
    pub eap: Option<(u8, usize)>,
}

impl Reply {
    /// The values of one attribute.
    pub fn values(&self, number: u8) -> Vec<&str> {
        let found = self.attributes.iter().filter(|(n, _)| *n == number);
        found.map(|(_, value)| value.as_str()).collect()
    }
}

impl Ran {
    fn read(text: String) -> Self {
        let count = |what: &str| {
            let line = text.lines().rev().find(|l| l.starts_with("MPPE keys OK:"));
            line.and_then(|line| number_after(line, what)).unwrap_or(0)
        };
        Self {
            succeeded: text.lines().next_back() == Some("SUCCESS"),
            keys_ok: count("MPPE keys OK:"),
            mismatch: count("mismatch:"),
            attempts: text
                .split(AGAIN)
                .filter(|part| part.contains("EAP: EAP entering state"))
                .map(attempt)
                .collect(),
            text,
        }
    }

    /// Whether every authentication was accepted, `times` in all.
    pub fn accepted(&self, times: usize) -> bool {
        self.succeeded
            && self.attempts.len() == times
            && self.attempts.iter().all(Attempt::accepted)
    }

    /// Whether both sides had the same keys after each of `times` authentications.
    pub fn keys_agree(&self, times: u32) -> bool {
        (self.keys_ok, self.mismatch) == (times, 0)
    }

    /// Whether the only authentication was rejected.
    pub fn rejected(&self) -> bool {
        !self.succeeded && self.attempts.len() == 1 && self.attempts[0].rejected()
    }

    /// The last lines of what it said.
    pub fn end(&self, lines: usize) -> String {
        let all: Vec<&str> = self.text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

fn number_after<T: std::str::FromStr>(line: &str, what: &str) -> Option<T> {
    let rest = line.split_once(what)?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

fn attempt(text: &str) -> Attempt {
    let mut attempt = Attempt::default();
    // A copy of an answer that comes late answers nothing, and is not one of the replies.
    let mut receiving: Option<Reply> = None;
    let (mut expected, mut finished) = (false, false);
    for line in text.lines() {
        if line.starts_with("Received RADIUS message") {
            expected = true;
        } else if line.starts_with("RADIUS message: code=") {
            let code = number_after(line, "code=").unwrap_or(0);
            receiving = expected.then(|| Reply {
                code,
                ..Reply::default()
            });
            expected = false;
        } else if line.contains("Received RADIUS packet matched with a pending request") {
            attempt.replies.extend(receiving.take());
        } else if let Some(reply) = receiving.as_mut().filter(|_| line.starts_with("   ")) {
            attribute(reply, line);
        } else if line.starts_with("decapsulated EAP packet") {
            let eap = number_after(line, "code=").zip(number_after(line, "len="));
            if let Some(reply) = attempt.replies.last_mut() {
                reply.eap = eap;
            }
        } else if line.starts_with("CTRL-EVENT-EAP-METHOD") || line.contains("Selected Phase 2") {
            attempt.methods.extend(number_after::<u8>(line, "method "));
        } else if let Some(rest) = line.strip_prefix("OpenSSL: Handshake finished - resumed=") {
            // What follows is about the tunnel, or repeats it.
            attempt.resumed.get_or_insert(rest.starts_with('1'));
            finished = true;
        } else if let Some(version) = line.strip_prefix("SSL: Using TLS version ") {
            if finished {
                attempt.tls.get_or_insert_with(|| version.trim().to_owned());
            }
        } else if line.starts_with("Locally derived EAP Session-Id") {
            attempt.key_name_agrees = Some(line.contains("Session-Id matches"));
        }
    }
    attempt
}

/// Takes up `   Attribute 1 (User-Name) length=5`, or the value on the line below it.
fn attribute(reply: &mut Reply, line: &str) {
    if let Some(value) = line.strip_prefix("      Value: ") {
        if let Some((_, last)) = reply.attributes.last_mut() {
            value.trim_matches('\'').clone_into(last);
        }
    } else if line.starts_with("   Attribute ") {
        let number = number_after(line, "Attribute ");
        reply
            .attributes
            .extend(number.map(|number| (number, String::new())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
EAP: EAP entering state INITIALIZE
Sending RADIUS message to authentication server
RADIUS message: code=1 (Access-Request) identifier=0 length=128
   Attribute 1 (User-Name) length=5
      Value: 'bob'
Received 1091 bytes from RADIUS server
Received RADIUS message
RADIUS message: code=11 (Access-Challenge) identifier=0 length=80
   Attribute 79 (EAP-Message) length=8
      Value: 01d700060d20
STA 02:00:00:00:00:01: Received RADIUS packet matched with a pending request
decapsulated EAP packet (code=1 id=215 len=1006) from RADIUS server: EAP-Request-PEAP (25)
CTRL-EVENT-EAP-METHOD EAP vendor 0 method 25 (PEAP) selected
SSL: Using TLS version TLSv1.2
OpenSSL: Handshake finished - resumed=0
SSL: Using TLS version TLSv1.3
EAP-PEAP: Selected Phase 2 EAP vendor 0 method 13
OpenSSL: Handshake finished - resumed=1
Received RADIUS message
RADIUS message: code=2 (Access-Accept) identifier=9 length=190
   Attribute 64 (Tunnel-Type) length=6
      Value: 16777229
   Attribute 102 (EAP-Key-Name) length=3
      Value: 00
STA 02:00:00:00:00:01: Received RADIUS packet matched with a pending request
decapsulated EAP packet (code=3 id=9 len=4) from RADIUS server: EAP Success
Received RADIUS message
RADIUS message: code=2 (Access-Accept) identifier=9 length=190
   Attribute 64 (Tunnel-Type) length=6
      Value: 0
No matching RADIUS request found (type=0 id=9) - dropping packet
Locally derived EAP Session-Id matches EAP-Key-Name from server
eapol_test: Triggering EAP reauthentication
EAP: EAP entering state INITIALIZE
OpenSSL: Handshake finished - resumed=1
Received RADIUS message
RADIUS message: code=3 (Access-Reject) identifier=9 length=44
STA 02:00:00:00:00:01: Received RADIUS packet matched with a pending request
decapsulated EAP packet (code=4 id=9 len=4) from RADIUS server: EAP Failure
MPPE keys OK: 1  mismatch: 2
FAILURE
";

    #[test]
    fn a_log_is_read_attempt_by_attempt() {
        let ran = Ran::read(LOG.to_owned());
        assert_eq!((ran.keys_ok, ran.mismatch), (1, 2));
        assert!(!ran.succeeded && ran.attempts.len() == 2);
        let [first, second] = [&ran.attempts[0], &ran.attempts[1]];
        assert!(first.accepted() && !first.rejected());
        assert!(second.rejected() && !second.accepted());
        assert_eq!(first.methods, [25, 13]);
        assert_eq!(first.tls.as_deref(), Some("TLSv1.3"));
        assert_eq!((first.resumed, second.resumed), (Some(false), Some(true)));
        assert_eq!(first.longest(), 1006);
        assert_eq!(first.key_name_agrees, Some(true));
        let codes: Vec<u8> = first.replies.iter().map(|reply| reply.code).collect();
        assert_eq!(codes, [11, 2]);
        assert_eq!(first.last().values(64), ["16777229"]);
        assert!(first.last().values(1).is_empty());
        assert_eq!(ran.end(1), "FAILURE");
    }

    #[test]
    fn a_success_without_an_accept_is_none() {
        let ran = Ran::read("EAP: EAP entering state SUCCESS\nSUCCESS\n".to_owned());
        assert!(ran.succeeded && !ran.accepted(1) && !ran.rejected());
    }
}
