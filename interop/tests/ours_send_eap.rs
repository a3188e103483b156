//! `portreeve send auth --method eap-..`: our supplicant, with servers that are not ours.

use std::net::SocketAddr;
use std::path::Path;

use portreeve_interop::certificates::{Certificates, Pair, Wanted};
use portreeve_interop::eap::{EapTerms, Place};
use portreeve_interop::hostapd;
use portreeve_interop::portreeve::Home;
use portreeve_interop::tools::Ended;
use portreeve_interop::world::{SECRET, World};

/// Methods by password in a tunnel.
const TUNNELS: [&str; 7] = [
    "eap-peap",
    "eap-peap-gtc",
    "eap-ttls-pap",
    "eap-ttls-chap",
    "eap-ttls-mschap",
    "eap-ttls-mschapv2",
    "eap-ttls-eap-mschapv2",
];
/// Methods by password without one.
const BARE: [&str; 4] = ["eap-md5", "eap-gtc", "eap-mschapv2", "eap-pwd"];

/// A server that is not ours, and who has certified it.
struct Other<'a> {
    auth: SocketAddr,
    certificates: &'a Certificates,
    /// Options for PEAP.
    peap: &'a [&'a str],
}

impl Other<'_> {
    fn send(&self, method: &str, user: &str, more: &[&str]) -> Ended {
        let server = self.auth.to_string();
        let start = [
            "send",
            "auth",
            &server,
            "--secret",
            SECRET,
            "--timeout",
            "10s",
        ];
        let arguments = [&start, &["--method", method, "--user", user][..], more].concat();
        Home::new().try_command(&arguments)
    }

    fn by_password(&self, method: &str, ca: &Path, password: &str, more: &[&str]) -> Ended {
        let ca = ca.display().to_string();
        let tunnel = ["--eap-ca", &ca, "--eap-server-name", "radius.test"];
        let tunnel = if TUNNELS.contains(&method) {
            &tunnel[..]
        } else {
            &[]
        };
        let peap = if method.starts_with("eap-peap") {
            self.peap
        } else {
            &[]
        };
        let arguments = [&["--password", password][..], tunnel, peap, more].concat();
        self.send(method, "bob", &arguments)
    }

    fn by_certificate(&self, pair: &Pair, more: &[&str]) -> Ended {
        let ca = self.certificates.ca().display().to_string();
        let certificate = pair.certificate.display().to_string();
        let key = pair.key.display().to_string();
        let own = [
            "--eap-ca",
            &ca,
            "--eap-cert",
            &certificate,
            "--eap-key",
            &key,
        ];
        let name = ["--eap-server-name", "radius.test"];
        self.send("eap-tls", "bob", &[&own[..], &name, more].concat())
    }

    /// Every method, done right and wrong.
    fn meet(&self) {
        let ca = self.certificates.ca();
        for method in TUNNELS.into_iter().chain(BARE) {
            accepted(&self.by_password(method, &ca, "hello world", &[]), method);
            refused(&self.by_password(method, &ca, "not this one", &[]), method);
        }
        let hidden = ["--anonymous", "@example.org"];
        for method in TUNNELS {
            accepted(
                &self.by_password(method, &ca, "hello world", &hidden),
                method,
            );
            let other = self.certificates.other_ca();
            let ended = self.by_password(method, &other, "hello world", &[]);
            refused(&ended, "a server that is not trusted");
            let elsewhere = [
                "--eap-ca",
                &ca.display().to_string(),
                "--password",
                "hello world",
            ]
            .map(ToString::to_string);
            let mut arguments: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
            arguments.extend(["--eap-server-name", "elsewhere.test"]);
            refused(
                &self.send(method, "bob", &arguments),
                "a server of another name",
            );
        }
        let certificates = self.certificates;
        let bob = || Wanted::user("bob");
        accepted(
            &self.by_certificate(&certificates.issue(&bob()), &[]),
            "eap-tls",
        );
        accepted(
            &self.by_certificate(&certificates.issue(&bob().rsa()), &[]),
            "RSA",
        );
        for wanted in [bob().expired(), bob().by_another_authority()] {
            refused(
                &self.by_certificate(&certificates.issue(&wanted), &[]),
                "eap-tls",
            );
        }
    }
}

#[track_caller]
fn accepted(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(0), "{what}: {}", ended.said());
    assert!(
        ended.said().contains("Access-Accept"),
        "{what}: {}",
        ended.said()
    );
}

#[track_caller]
fn refused(ended: &Ended, what: &str) {
    assert_eq!(ended.code, Some(1), "{what}: {}", ended.said());
    assert!(
        !ended.said().contains("Access-Accept"),
        "{what}: {}",
        ended.said()
    );
}

#[test]
fn freeradius_knows_us_by_every_method() {
    let place = Place::reference(|terms| terms);
    Other {
        auth: place.server.auth(),
        certificates: &place.certificates,
        peap: &[],
    }
    .meet();
}

#[test]
fn freeradius_knows_us_in_tls_12_and_in_short_messages() {
    let place = Place::reference(|terms| EapTerms {
        tls: ["1.2", "1.2"],
        fragment: 200,
        ..terms
    });
    Other {
        auth: place.server.auth(),
        certificates: &place.certificates,
        peap: &[],
    }
    .meet();
}

#[test]
fn hostapd_knows_us_by_every_method() {
    let certificates = Certificates::new();
    let identity = certificates.identity(certificates.server());
    let server = hostapd::Server::start(&World::household(), &identity);
    Other {
        auth: server.auth(),
        certificates: &certificates,
        // In TLS 1.3 it binds the inside of PEAPv0 to other keys than `wpa_supplicant` and we do.
        peap: &["--eap-tls", "1.2"],
    }
    .meet();
}
