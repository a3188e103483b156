//! What is said of certificates, as `openssl ocsp` asks for it and as `openssl verify` reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portreeve_interop::certificates::{Certificates, Pair, Wanted};
use portreeve_interop::portreeve::{Home, Portreeve, Setup};
use portreeve_interop::ports::wait_until_bound;
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

/// `openssl ocsp` as the responder of another CA, for as long as this value lives.
struct Theirs {
    child: Child,
    url: String,
}

impl Theirs {
    /// Signs as `signer`, by what `openssl ca` knows now.
    fn start(certificates: &Certificates, signer: &Pair, more: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(tools::program("openssl"));
        command.args(["ocsp", "-port", &port.to_string(), "-index"]);
        command.arg(certificates.folder().join("index.txt"));
        command.arg("-CA").arg(certificates.ca());
        command.arg("-rsigner").arg(&signer.certificate);
        command.arg("-rkey").arg(&signer.key).args(more);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let theirs = Self {
            child: command.spawn().must("start openssl ocsp"),
            url: format!("http://127.0.0.1:{port}/"),
        };
        // It serves one after the other, and whoever only knocks keeps it busy.
        wait_until_bound(port, false, Duration::from_secs(20));
        theirs
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What `cert verify` says of a certificate.
fn verify(home: &Home, file: &Path, ca: &Path, more: &[&str]) -> (bool, String, String) {
    let (file, ca) = (file.display().to_string(), ca.display().to_string());
    let arguments = ["cert", "verify", &file, "--ca", &ca, "--json"];
    let ended = home.try_command(&[&arguments[..], more].concat());
    let said: serde_json::Value = serde_json::from_str(&ended.stdout).must("JSON");
    let word = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        said["good"].as_bool(),
        Some(ended.succeeded),
        "{}",
        ended.said()
    );
    (ended.succeeded, word("status"), word("why"))
}

/// The CA itself, and somebody it has made a responder.
fn signers(certificates: &Certificates) -> [Pair; 2] {
    let folder = certificates.folder();
    let own = Pair {
        certificate: folder.join("ca.crt"),
        key: folder.join("ca.key"),
    };
    [own, certificates.issue(&Wanted::responder())]
}

#[test]
fn openssl_s_responder_is_believed_for_its_ca_and_no_other() {
    let home = Home::new();
    let certificates = Certificates::new();
    let ca = certificates.ca();
    let (good, lost) = (certificates.client(), certificates.client());
    certificates.revoke(&lost);
    let stranger = certificates.issue(&Wanted::client().by_another_authority());
    for signer in signers(&certificates) {
        let theirs = Theirs::start(&certificates, &signer, &["-ndays", "1"]);
        let ask = |pair: &Pair, more: &[&str]| {
            let arguments = [&["--ocsp", &theirs.url][..], more].concat();
            verify(&home, &pair.certificate, &ca, &arguments)
        };
        for more in [&[][..], &["--no-nonce"]] {
            let (succeeded, status, _) = ask(&good, more);
            assert_eq!((succeeded, status.as_str()), (true, "good"));
            let (succeeded, status, _) = ask(&lost, more);
            assert_eq!((succeeded, status.as_str()), (false, "revoked"));
        }
        let (succeeded, status, why) = ask(&stranger, &[]);
        assert_eq!((succeeded, status.as_str()), (false, "unknown"));
        assert!(why.contains("has signed it"), "{why}");
    }
    let never = certificates.client();
    let index = certificates.folder().join("index.txt");
    let text = fs::read_to_string(&index).must("the index");
    let lines: Vec<&str> = text.lines().collect();
    let (_, known) = lines.split_last().must("a line");
    fs::write(&index, known.join("\n") + "\n").must("write");
    let [own, _] = signers(&certificates);
    let theirs = Theirs::start(&certificates, &own, &["-ndays", "1"]);
    let asked = ["--ocsp", &theirs.url];
    let (succeeded, status, _) = verify(&home, &never.certificate, &ca, &asked);
    assert_eq!((succeeded, status.as_str()), (false, "unknown"));
}

#[test]
fn a_responder_that_may_not_answer_is_not_believed() {
    let home = Home::new();
    let certificates = Certificates::new();
    let ca = certificates.ca();
    let good = certificates.client();
    let other = Wanted::responder().by_another_authority();
    for (signer, words) in [
        (certificates.client(), "may not answer for the CA"),
        (certificates.issue(&other), "may not answer for the CA"),
        (
            certificates.issue(&Wanted::responder().expired()),
            "not now",
        ),
    ] {
        let theirs = Theirs::start(&certificates, &signer, &["-ndays", "1"]);
        let asked = ["--ocsp", &theirs.url];
        let (succeeded, status, why) = verify(&home, &good.certificate, &ca, &asked);
        assert_eq!(
            (succeeded, status.as_str()),
            (false, "unreachable"),
            "{why}"
        );
        assert!(why.contains(words), "{words}: {why}");
    }
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    let asked = ["--ocsp", nobody.as_str()];
    let (succeeded, status, why) = verify(&home, &good.certificate, &ca, &asked);
    assert_eq!((succeeded, status.as_str()), (false, "unreachable"));
    assert!(why.contains(&nobody), "{why}");
}

#[test]
fn one_portreeve_asks_another() {
    let responder = Responder::with_ca("p384");
    responder.issue("tim");
    responder.issue("anna");
    responder
        .server
        .command(&["cert", "revoke", "--user", "tim"]);
    let home = Home::new();
    let ca = responder.out.join("ca.crt");
    let ocsp = format!("{}/ocsp", responder.url);
    let list = format!("{}/ca.crl", responder.url);
    for asked in [["--ocsp", &ocsp], ["--crl", &list]] {
        let status = |user: &str| {
            let file = responder.out.join(format!("{user}.crt"));
            verify(&home, &file, &ca, &asked)
        };
        eventually(|| status("tim").1 == "revoked");
        let (succeeded, said, why) = status("tim");
        assert_eq!((succeeded, said.as_str()), (false, "revoked"), "{why}");
        let (succeeded, said, why) = status("anna");
        assert_eq!((succeeded, said.as_str()), (true, "good"), "{why}");
    }
    // They are on this machine, where a certificate does not send us.
    let file = responder.out.join("anna.crt");
    let (succeeded, said, why) = verify(&home, &file, &ca, &["--named"]);
    assert_eq!((succeeded, said.as_str()), (false, "unreachable"));
    assert!(why.contains("may not name"), "{why}");
    let file = file.display().to_string();
    let own = responder.server.command(&["cert", "verify", &file]);
    assert!(own.contains("good"), "{own}");
}
