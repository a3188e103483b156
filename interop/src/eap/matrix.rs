//! Every method with every kind of key, version of TLS, length of message and mistake.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::EapTerms;
use super::methods::{Method, PLAIN, Proof, TLS};
use crate::Must as _;
use crate::certificates::{Certificates, Key, Pair, Wanted};
use crate::eapol_test::{Attempt, EapolTest, Ran};
use crate::subject::Subject;
use crate::world::World;

/// How many supplicants run at a time. A rejection makes them wait more than compute.
const WORKERS: usize = 8;
/// The lengths of EAP messages, for the server by Framed-MTU and for the client by its own limit.
const LENGTHS: [u16; 4] = [200, 512, 1000, 1400];
/// Where FreeRADIUS 3.2.1 does otherwise, so that the suite asks it for less. Nothing is left out
/// for it: every case runs, and what differs is counted.
const DIFFERENCES: [Difference; 4] = [
    Difference {
        what: "takes Framed-MTU for the limit of the TLS data alone: 10 octets more",
        check: Check::Length,
        of: |_| true,
    },
    Difference {
        what: "sends no alert before it rejects a certificate",
        check: Check::Alert,
        of: |_| true,
    },
    Difference {
        what: "makes EAP-Key-Name from the TLS inside the tunnel instead of the tunnel's own",
        check: Check::KeyName,
        of: |case| case.is_tls_in_tunnel(),
    },
    Difference {
        what: "gives up after 50 round trips, which RSA in messages of 200 octets exceeds",
        check: Check::Verdict,
        of: |case| {
            let rsa = matches!(case.key, Key::Rsa2048 | Key::Rsa3072);
            let right = case.deed == Deed::Right;
            // It then forgets the conversation, and rejects without EAP-Failure.
            case.is_tls_in_tunnel() && rsa && case.length == 200 && (right || case.deed.is_late())
        },
    },
];

/// What is looked at in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Verdict,
    Length,
    Alert,
    Keys,
    Method,
    Version,
    Resumption,
    KeyName,
}

/// Something that the reference does otherwise.
struct Difference {
    what: &'static str,
    check: Check,
    of: fn(&Case) -> bool,
}

impl Difference {
    fn covers(&self, case: &Case, check: Check) -> bool {
        self.check == check && (self.of)(case)
    }
}

/// What the supplicant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Everything right, twice: the second time it resumes the session if there is one.
    Right,
    /// Another password.
    WrongPassword,
    /// A good certificate of somebody whom the server does not know.
    Stranger,
    /// A certificate that was valid once.
    Expired,
    /// A certificate on the list of revocations.
    Revoked,
    /// A certificate of an authority that the server does not trust.
    OtherAuthority,
    /// A certificate that is not for clients.
    WrongUsage,
    /// Trusts another authority than the server's.
    Distrustful,
}

impl Deed {
    fn of(method: Method) -> &'static [Self] {
        match (method.is_tls(), method.proof) {
            (false, _) => &[Self::Right, Self::WrongPassword],
            (true, Proof::Password) => &[Self::Right, Self::WrongPassword, Self::Distrustful],
            (true, Proof::Certificate) => &[
                Self::Right,
                Self::Stranger,
                Self::Expired,
                Self::Revoked,
                Self::OtherAuthority,
                Self::WrongUsage,
                Self::Distrustful,
            ],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Right => "right, resumed",
            Self::WrongPassword => "password",
            Self::Stranger => "stranger",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::OtherAuthority => "other CA",
            Self::WrongUsage => "usage",
            Self::Distrustful => "distrust",
        }
    }

    /// Whether the server only learns of it at the end of a handshake.
    fn is_late(self) -> bool {
        !matches!(self, Self::Right | Self::WrongPassword | Self::Distrustful)
    }

    /// What the server's alert says to who shows a bad certificate (RFC 5246, section 7.2.2).
    fn alert(self) -> Option<&'static str> {
        match self {
            Self::Expired => Some("certificate expired"),
            Self::Revoked => Some("certificate revoked"),
            Self::OtherAuthority => Some("unknown CA"),
            _ => None,
        }
    }
}

/// The newest version of TLS that the supplicant offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// And the last.
    Tls12,
    /// With 1.2 as well.
    Tls13,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

/// One cell of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    method: Method,
    key: Key,
    version: Version,
    length: u16,
    deed: Deed,
}

impl Case {
    fn is_tls_in_tunnel(&self) -> bool {
        self.method.inner.is_some() && self.method.proof == Proof::Certificate
    }

    fn name(&self) -> String {
        let (method, key, version) = (self.method.name, self.key.name(), self.version.name());
        let (length, deed) = (self.length, self.deed.name());
        if self.method.is_tls() {
            format!("{method}, {key}, {version}, {length} octets, {deed}")
        } else {
            format!("{method}, {length} octets, {deed}")
        }
    }
}

/// The whole product for methods on TLS; for the others, which know neither keys of the server
/// nor versions of TLS, only what makes a difference to them.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |method: Method, key, version, length| {
        cases.extend(Deed::of(method).iter().map(|deed| Case {
            method,
            key,
            version,
            length,
            deed: *deed,
        }));
    };
    for key in Key::ALL {
        for version in [Version::Tls12, Version::Tls13] {
            for length in LENGTHS {
                for method in TLS {
                    add(method, key, version, length);
                }
            }
        }
    }
    for method in PLAIN {
        for length in LENGTHS {
            add(method, Key::P256, Version::Tls12, length);
        }
    }
    cases
}

/// A server, and the certificates of those who come to it.
#[derive(Debug)]
pub struct Site {
    certificates: Certificates,
    server: Subject,
    clients: BTreeMap<Deed, Pair>,
}

impl Site {
    /// Starts the server with this kind of key, in its certificate and in its authority's.
    pub fn start(key: Key) -> Self {
        let certificates = Certificates::of(key);
        let bob = || Wanted::user("bob");
        let right = certificates.issue(&bob().with_key(key));
        let issue = |wanted: Wanted| certificates.reissue(&wanted, &right);
        let clients = BTreeMap::from([
            (Deed::Right, right.clone()),
            (Deed::Stranger, issue(Wanted::user("nobody"))),
            (Deed::Expired, issue(bob().expired())),
            (Deed::Revoked, issue(bob())),
            (Deed::OtherAuthority, issue(bob().by_another_authority())),
            (Deed::WrongUsage, issue(bob().with_usage("codeSigning"))),
            (Deed::Distrustful, issue(bob())),
        ]);
        certificates.revoke(&clients[&Deed::Revoked]);
        let server = Wanted::server().with_usage("serverAuth").with_key(key);
        let server = certificates.issue(&server.by_an_intermediate());
        let terms = EapTerms {
            crl: Some(certificates.crl()),
            ..EapTerms::showing(&server, &certificates.ca())
        };
        Self {
            server: Subject::eap(&World::household(), &terms),
            certificates,
            clients,
        }
    }

    /// Runs one case as client number `number`, and says what is wrong with what came of it.
    fn run(&self, case: &Case, number: usize, address: Ipv4Addr) -> Outcome {
        let ca = if case.deed == Deed::Distrustful {
            self.certificates.other_ca()
        } else {
            self.certificates.ca()
        };
        let network = match case.method.proof {
            Proof::Certificate => {
                // The supplicant distrusts the outer certificate, and never sees the inner one.
                let pair = &self.clients[&case.deed];
                case.method.network_with("bob", &ca, pair)
            }
            Proof::Password => case.method.network("bob", &ca).password(match case.deed {
                Deed::WrongPassword => "hello wirld",
                _ => "hello world",
            }),
        };
        let network = match case.version {
            Version::Tls12 => network.tls12(),
            Version::Tls13 => network.tls13(),
        };
        let [_, .., high, middle, low] = number.to_be_bytes();
        let mut test = EapolTest::new(self.server.auth(), &network.fragment_size(case.length))
            .from(address.into())
            .device(&format!("02:00:00:{high:02x}:{middle:02x}:{low:02x}"))
            .framed_mtu(case.length)
            .key_name();
        if !case.method.keys {
            test = test.without_keys();
        }
        if case.deed == Deed::Right {
            test = test.again(1);
        }
        let ran = test.run();
        let mut outcome = Outcome::default();
        for (check, fault) in faults(case, &ran) {
            let known = DIFFERENCES
                .iter()
                .position(|known| known.covers(case, check));
            match known.filter(|_| self.server.is_reference()) {
                Some(known) => outcome.known.push(known),
                None => outcome.faults.push(fault),
            }
        }
        if !outcome.faults.is_empty() {
            let digest = digest(&ran);
            let (name, faults) = (case.name(), outcome.faults.join("; "));
            outcome.faults = vec![format!("{name}: {faults}\n{digest}")];
        }
        outcome
    }
}

/// What came of one case.
#[derive(Debug, Default)]
struct Outcome {
    /// Places in [`DIFFERENCES`].
    known: Vec<usize>,
    faults: Vec<String>,
}

/// What is wrong with what came of a case.
fn faults(case: &Case, ran: &Ran) -> Vec<(Check, String)> {
    let mut faults = Vec::new();
    let longest = ran.attempts.iter().map(Attempt::longest).max().unwrap_or(0);
    if longest > usize::from(case.length) {
        faults.push((Check::Length, format!("a message of {longest} octets")));
    }
    if case.deed == Deed::Right {
        right(case, ran, &mut faults);
    } else {
        wrong(case, ran, &mut faults);
    }
    faults
}

/// What a mistake has to look like.
fn wrong(case: &Case, ran: &Ran, faults: &mut Vec<(Check, String)>) {
    // With EAP-pwd it is the supplicant who finds out first, and it says no more.
    let turns_away = case.method.name == "PWD" && ran.attempts.len() == 1 && !ran.succeeded;
    let accepted = ran.attempts.iter().any(Attempt::accepted);
    if accepted || ran.keys_ok > 0 || !(ran.rejected() || turns_away) {
        faults.push((Check::Verdict, "it was not rejected".to_owned()));
    }
    if case.deed == Deed::Distrustful && !ran.text.contains("CTRL-EVENT-EAP-TLS-CERT-ERROR") {
        let text = "the supplicant had nothing against the server";
        faults.push((Check::Verdict, text.to_owned()));
    }
    let alert = case.deed.alert();
    if let Some(alert) = alert.filter(|alert| !ran.text.contains(&format!("fatal:{alert}"))) {
        let text = format!("the server sent no alert that says: {alert}");
        faults.push((Check::Alert, text));
    }
}

/// What a log-in has to look like, and the one after it.
fn right(case: &Case, ran: &Ran, faults: &mut Vec<(Check, String)>) {
    let method = case.method;
    if !ran.accepted(2) {
        let text = "it was not accepted twice";
        faults.push((Check::Verdict, text.to_owned()));
        return;
    }
    let mut expect = |check: Check, holds: bool, what: &str, found: &dyn std::fmt::Debug| {
        if !holds {
            faults.push((check, format!("{what}: {found:?}")));
        }
    };
    let keys = (ran.keys_ok, ran.mismatch);
    expect(
        Check::Keys,
        !method.keys || keys == (2, 0),
        "keys same and other",
        &keys,
    );
    let [first, second] = [&ran.attempts[0], &ran.attempts[1]];
    let used = first.methods == method.numbers && ran.text.contains(method.evidence);
    expect(Check::Method, used, "methods used", &first.methods);
    let used = second.methods.first() == method.numbers.first();
    expect(Check::Method, used, "methods used then", &second.methods);
    if !method.is_tls() {
        return;
    }
    let versions = [&first.tls, &second.tls];
    let right = versions
        .iter()
        .all(|v| v.as_deref() == Some(case.version.name()));
    expect(Check::Version, right, "versions of TLS", &versions);
    let resumed = [first.resumed, second.resumed];
    expect(
        Check::Resumption,
        resumed == [Some(false), Some(true)],
        "resumed",
        &resumed,
    );
    let names = [first.key_name_agrees, second.key_name_agrees];
    expect(
        Check::KeyName,
        names == [Some(true); 2],
        "EAP-Key-Name agrees",
        &names,
    );
}

/// The lines of a log that tell the story.
fn digest(ran: &Ran) -> String {
    const TELLING: [&str; 8] = [
        "decapsulated",
        "CTRL-EVENT",
        "alert",
        "resumed=",
        "Using TLS",
        "RADIUS message: code=3",
        "MPPE keys OK",
        "Session-Id",
    ];
    let telling = |line: &&str| TELLING.iter().any(|word| line.contains(word));
    let lines: Vec<&str> = ran.text.lines().filter(telling).collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// What came of all cases.
#[derive(Debug)]
pub struct Report {
    counts: BTreeMap<(usize, Deed), usize>,
    total: usize,
    took: Duration,
    known: [usize; DIFFERENCES.len()],
    /// What is wrong, for each case that failed.
    pub failures: Vec<String>,
}

/// Runs every case, several at a time.
pub fn run(cases: &[Case], sites: &BTreeMap<Key, Site>) -> Report {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let began = Instant::now();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (next, outcomes) = (&next, &outcomes);
            scope.spawn(move || {
                let host = u8::try_from(worker + 10).must("few workers");
                let address = Ipv4Addr::new(127, 0, 0, host);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(number) else { break };
                    let outcome = sites[&case.key].run(case, number, address);
                    outcomes.lock().must("the outcomes").push(outcome);
                }
            });
        }
    });
    let mut report = Report {
        counts: BTreeMap::new(),
        total: cases.len(),
        took: began.elapsed(),
        known: [0; DIFFERENCES.len()],
        failures: Vec::new(),
    };
    for case in cases {
        let place = (place(case.method), case.deed);
        *report.counts.entry(place).or_default() += 1;
    }
    for outcome in outcomes.into_inner().must("the outcomes") {
        report.failures.extend(outcome.faults);
        for known in outcome.known {
            report.known[known] += 1;
        }
    }
    report
}

fn place(method: Method) -> usize {
    let all = || TLS.iter().chain(&PLAIN);
    all().position(|other| *other == method).must("a method")
}

impl Report {
    /// How many combinations ran, by method and deed.
    pub fn table(&self) -> String {
        const DEEDS: [Deed; 8] = [
            Deed::Right,
            Deed::WrongPassword,
            Deed::Stranger,
            Deed::Expired,
            Deed::Revoked,
            Deed::OtherAuthority,
            Deed::WrongUsage,
            Deed::Distrustful,
        ];
        let mut text = format!("\n{:<18}", "combinations run");
        for deed in DEEDS {
            write!(text, " {:>w$}", deed.name(), w = width(deed)).must("write to a string");
        }
        text.push('\n');
        for (place, method) in TLS.iter().chain(&PLAIN).enumerate() {
            write!(text, "{:<18}", method.name).must("write to a string");
            for deed in DEEDS {
                let count = self.counts.get(&(place, deed)).copied().unwrap_or(0);
                write!(text, " {count:>w$}", w = width(deed)).must("write to a string");
            }
            text.push('\n');
        }
        let (total, failed, took) = (self.total, self.failures.len(), self.took.as_secs());
        let (keys, lengths) = (Key::ALL.map(Key::name).join(", "), LENGTHS);
        writeln!(
            text,
            "{total} in {took} s, {failed} failed; each method on TLS with {keys}, TLS 1.2 and \
             1.3, {lengths:?} octets"
        )
        .must("write to a string");
        for (difference, count) in DIFFERENCES.iter().zip(self.known) {
            if count > 0 {
                let what = difference.what;
                writeln!(text, "{count:>4} times the reference {what}").must("write to a string");
            }
        }
        text
    }
}

fn width(deed: Deed) -> usize {
    deed.name().len().max(4)
}
