//! What is said of certificates, as `openssl ocsp` asks for it and as `openssl verify` reads it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::tools::{self, Ended};
use portreeve_interop::world::World;
use portreeve_interop::{Must as _, eventually, free_port};

/// A server that answers by OCSP, and a folder that certificates are written to.
struct Responder {
    server: Portreeve,
    out: PathBuf,
    url: String,
}

impl Responder {
    /// With a CA whose key is of this kind.
    fn with_ca(key: &str) -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let portal = format!("[portal]\nhttp = [\"127.0.0.1:{port}\"]\nurl = \"{url}\"\n");
        let setup = Setup::default()
            .command(&["cert", "init", "--key-type", key])
            .configured(&portal);
        let server = Portreeve::with(&World::household(), &setup);
        let out = server.home().path("out");
        fs::create_dir(&out).must("a folder");
        let responder = Self { server, out, url };
        responder.command(&["cert", "ca"], "ca.crt");
        responder
    }

    /// Runs a command that writes a file.
    fn command(&self, arguments: &[&str], file: &str) {
        let path = self.out.join(file).display().to_string();
        self.server
            .command(&[arguments, &["--out", &path]].concat());
    }

    fn issue(&self, user: &str) {
        let out = self.out.display().to_string();
        let config = self.server.home().path("portreeve.toml");
        let config = config.display().to_string();
        let arguments = [
            "cert",
            "issue",
            "--user",
            user,
            "--unknown-user",
            "--out",
            &out,
        ];
        self.server
            .command(&[&arguments[..], &["--config", &config]].concat());
    }

    fn openssl(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(tools::program("openssl"));
        command.args(arguments).current_dir(&self.out);
        tools::run(&mut command, "")
    }

    fn ask(&self, more: &[&str]) -> Ended {
        let url = format!("{}/ocsp", self.url);
        let files = [
            "ocsp", "-issuer", "ca.crt", "-CAfile", "ca.crt", "-url", &url,
        ];
        self.openssl(&[&files[..], more].concat())
    }
}

/// The answer is believed, and says this of the certificate.
fn says(ended: &Ended, status: &str) -> bool {
    assert!(ended.succeeded, "{}", ended.said());
    assert!(
        ended.said().contains("Response verify OK"),
        "{}",
        ended.said()
    );
    ended.stdout.contains(status)
}

#[test]
fn good_revoked_and_unknown_are_told_apart_under_every_kind_of_ca() {
    for key in ["p256", "p384", "rsa2048", "rsa3072"] {
        let responder = Responder::with_ca(key);
        responder.issue("tim");
        responder.issue("anna");
        let asked = ["-cert", "tim.crt", "-cert", "anna.crt", "-serial", "0x1234"];
        let ended = responder.ask(&asked);
        assert!(says(&ended, "tim.crt: good"), "{key}: {}", ended.said());
        assert!(says(&ended, "anna.crt: good"), "{key}: {}", ended.said());
        assert!(says(&ended, "0x1234: unknown"), "{key}: {}", ended.said());
        assert!(
            !ended.said().contains("WARNING"),
            "the nonce: {}",
            ended.said()
        );
        let reason = ["--reason", "key-compromise"];
        let revoke = ["cert", "revoke", "--user", "tim"];
        responder.server.command(&[&revoke[..], &reason].concat());
        eventually(|| says(&responder.ask(&asked), "tim.crt: revoked"));
        let ended = responder.ask(&asked);
        assert!(says(&ended, "Reason: keyCompromise"), "{}", ended.said());
        assert!(says(&ended, "anna.crt: good"), "{}", ended.said());
    }
}

#[test]
fn a_nonce_is_repeated_and_its_absence_borne() {
    let responder = Responder::with_ca("p256");
    responder.issue("tim");
    let with = responder.ask(&["-cert", "tim.crt", "-nonce", "-resp_text"]);
    assert!(says(&with, "tim.crt: good"), "{}", with.said());
    assert!(with.said().contains("OCSP Nonce"), "{}", with.said());
    let without = responder.ask(&["-cert", "tim.crt", "-no_nonce", "-resp_text"]);
    assert!(says(&without, "tim.crt: good"), "{}", without.said());
    assert!(!without.said().contains("OCSP Nonce"), "{}", without.said());
    for words in ["OCSP Signing", "OCSP No Check", "ecdsa-with-SHA256"] {
        assert!(
            without.said().contains(words),
            "{words}: {}",
            without.said()
        );
    }
}

#[test]
fn every_hash_that_openssl_knows_is_understood() {
    let responder = Responder::with_ca("p256");
    responder.issue("tim");
    for hash in ["-sha1", "-sha256", "-sha384", "-sha512"] {
        let ended = responder.ask(&[hash, "-cert", "tim.crt"]);
        assert!(says(&ended, "tim.crt: good"), "{hash}: {}", ended.said());
    }
    let ended = responder.ask(&["-md5", "-cert", "tim.crt"]);
    assert!(says(&ended, "tim.crt: unknown"), "{}", ended.said());
}

#[test]
fn the_list_is_found_where_the_certificate_says() {
    let responder = Responder::with_ca("p256");
    responder.issue("tim");
    let check = [
        "-crl_check",
        "-crl_download",
        "-CAfile",
        "ca.crt",
        "tim.crt",
    ];
    let verify = || responder.openssl(&[&["verify"][..], &check].concat());
    let ended = verify();
    assert!(ended.succeeded, "{}", ended.said());
    responder.server.command(&["cert", "revoke", "tim"]);
    eventually(|| !verify().succeeded);
    let ended = verify();
    assert!(
        ended.said().contains("certificate revoked"),
        "{}",
        ended.said()
    );
}

#[test]
fn what_is_no_request_gets_an_answer_that_says_so() {
    let responder = Responder::with_ca("p256");
    responder.issue("tim");
    let mut request = responder.out.join("request.der");
    let written = request.display().to_string();
    let files = [
        "ocsp", "-issuer", "ca.crt", "-cert", "tim.crt", "-reqout", &written,
    ];
    assert!(responder.openssl(&files).succeeded);
    let octets = fs::read(&request).must("the request");
    // A list without anything in it: SEQUENCE { SEQUENCE { SEQUENCE {} } }.
    for (octets, status) in [
        (octets, "Response verify OK"),
        (vec![0x30, 4, 0x30, 2, 0x30, 0], "malformedrequest (1)"),
    ] {
        request = responder.out.join("asked.der");
        fs::write(&request, &octets).must("write");
        let ended = responder.ask(&["-reqin", "asked.der"]);
        assert!(ended.said().contains(status), "{status}: {}", ended.said());
    }
}
