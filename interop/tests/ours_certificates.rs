//! Certificates, revocation list and PKCS #12, as OpenSSL reads them.

use std::fs;
use std::process::Command;

use portreeve_interop::Must as _;
use portreeve_interop::portreeve::Home;
use portreeve_interop::tools::{self, Ended};

/// A data directory and a folder beside it that certificates are written to.
struct Office {
    home: Home,
    out: String,
}

impl Office {
    fn new() -> Self {
        let home = Home::new();
        let out = home.path("out");
        fs::create_dir(&out).must("a folder");
        let out = out.display().to_string();
        Self { home, out }
    }

    fn issue(&self, name: &str, more: &[&str]) {
        let mut arguments = vec!["cert", "issue", "--peer", name, "--out", &self.out];
        arguments.extend(more);
        self.home.command(&arguments);
    }

    /// To a user, whom nobody has to know here.
    fn issue_to_user(&self, name: &str, more: &[&str]) {
        let mut arguments = vec!["cert", "issue", "--user", name, "--unknown-user"];
        arguments.extend(["--out", &self.out]);
        arguments.extend(more);
        self.home.command(&arguments);
    }

    /// What is in a certificate, in words.
    fn text(&self, file: &str) -> String {
        self.reads(&["x509", "-in", file, "-noout", "-text"])
    }

    /// Writes the certificate that the server shows to a file.
    fn server(&self, file: &str) {
        let server = self.home.command(&["cert", "show", "server", "--json"]);
        let server: serde_json::Value = serde_json::from_str(&server).must("JSON");
        let pem = server["pem"].as_str().must("a certificate");
        fs::write(self.home.path("out").join(file), pem).must("write");
    }

    /// Writes the CA and the revocation list.
    fn publish(&self) {
        for (what, file) in [("ca", "ca.crt"), ("crl", "crl.pem")] {
            let path = format!("{}/{file}", self.out);
            self.home.command(&["cert", what, "--out", &path]);
        }
    }

    fn openssl(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(tools::program("openssl"));
        command.args(arguments).current_dir(&self.out);
        tools::run(&mut command, "")
    }

    /// What `openssl` says, which has to succeed.
    fn reads(&self, arguments: &[&str]) -> String {
        let ended = self.openssl(arguments);
        assert!(ended.succeeded, "{arguments:?}: {}", ended.said());
        ended.said()
    }

    /// Strictly, for a purpose, and against the revocation list.
    fn verify(&self, purpose: &str, file: &str) -> Ended {
        let checks = ["-x509_strict", "-check_ss_sig", "-crl_check", "-purpose"];
        let files = [purpose, "-CAfile", "ca.crt", "-CRLfile", "crl.pem", file];
        self.openssl(&[&["verify"][..], &checks, &files].concat())
    }
}

#[test]
fn peers_verify_for_both_ends_and_with_every_kind_of_key() {
    let office = Office::new();
    for (name, kind) in [
        ("p256", "P-256"),
        ("p384", "P-384"),
        ("rsa2048", "2048 bit"),
    ] {
        office.issue(
            name,
            &[
                "--key-type",
                name,
                "--ip",
                "192.0.2.9",
                "--dns",
                "a.example.org",
            ],
        );
        office.publish();
        let file = format!("{name}.crt");
        for purpose in ["sslclient", "sslserver"] {
            let ended = office.verify(purpose, &file);
            assert!(ended.succeeded, "{}", ended.said());
        }
        let text = office.reads(&["x509", "-in", &file, "-noout", "-text"]);
        for words in [
            kind,
            "IP Address:192.0.2.9",
            "DNS:a.example.org",
            "CA:FALSE",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let key = format!("{name}.key");
        let public = office.reads(&["pkey", "-in", &key, "-pubout"]);
        assert_eq!(
            public,
            office.reads(&["x509", "-in", &file, "-noout", "-pubkey"])
        );
    }
}

#[test]
fn the_ca_may_sign_certificates_and_lists_and_no_other_ca() {
    let office = Office::new();
    office.home.command(&["cert", "init"]);
    office.publish();
    let text = office.reads(&["x509", "-in", "ca.crt", "-noout", "-text"]);
    for words in [
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "Portreeve CA ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let der = office.home.path("out").join("ca.der").display().to_string();
    office.home.command(&["cert", "ca", "--der", "--out", &der]);
    office.reads(&["x509", "-in", "ca.der", "-inform", "DER", "-noout"]);
    office.server("server.crt");
    let ended = office.verify("sslserver", "server.crt");
    assert!(ended.succeeded, "{}", ended.said());
    assert!(!office.verify("sslclient", "server.crt").succeeded);
    let name = office.reads(&[
        "x509",
        "-in",
        "server.crt",
        "-noout",
        "-checkip",
        "127.0.0.1",
    ]);
    assert!(name.contains("does match"), "{name}");
}

#[test]
fn what_is_revoked_is_refused_and_others_are_not() {
    let office = Office::new();
    office.issue("lost", &[]);
    office.issue("kept", &[]);
    office
        .home
        .command(&["cert", "revoke", "lost", "--reason", "key-compromise"]);
    office.publish();
    let ended = office.verify("sslclient", "lost.crt");
    assert!(
        ended.said().contains("certificate revoked"),
        "{}",
        ended.said()
    );
    let ended = office.verify("sslclient", "kept.crt");
    assert!(ended.succeeded, "{}", ended.said());
    let check = [
        "crl", "-in", "crl.pem", "-CAfile", "ca.crt", "-noout", "-text",
    ];
    let text = office.reads(&check);
    assert!(text.contains("verify OK"), "{text}");
    assert!(text.contains("Key Compromise"), "{text}");
}

#[test]
fn pkcs12_opens_with_its_password_alone_in_the_new_way_and_the_old() {
    let office = Office::new();
    for (name, more) in [("new", None), ("old", Some("--legacy-p12"))] {
        let mut arguments = vec!["--p12", "--p12-password", "open sesame"];
        arguments.extend(more);
        office.issue(name, &arguments);
        let file = format!("{name}.p12");
        let mut read = vec![
            "pkcs12",
            "-in",
            &file,
            "-nodes",
            "-passin",
            "pass:open sesame",
        ];
        read.extend(more.map(|_| "-legacy"));
        let text = office.reads(&read);
        assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 2, "with the CA");
        assert!(text.contains("BEGIN PRIVATE KEY"));
        read[5] = "pass:wrong";
        assert!(!office.openssl(&read).succeeded);
    }
}

#[test]
fn a_request_by_openssl_is_signed_for_the_names_the_administrator_says() {
    let office = Office::new();
    office.reads(&[
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "own.key",
        "-out",
        "own.csr",
        "-subj",
        "/CN=other",
        "-addext",
        "subjectAltName=DNS:other.example.org",
        "-addext",
        "subjectKeyIdentifier=hash",
    ]);
    let request = format!("{}/own.csr", office.out);
    office.issue("own", &["--csr", &request, "--force"]);
    office.publish();
    let ended = office.verify("sslclient", "own.crt");
    assert!(ended.succeeded, "{}", ended.said());
    let text = office.reads(&["x509", "-in", "own.crt", "-noout", "-text"]);
    assert!(
        text.contains("DNS:own") && !text.contains("other"),
        "{text}"
    );
    let public = office.reads(&["pkey", "-in", "own.key", "-pubout"]);
    assert_eq!(
        public,
        office.reads(&["x509", "-in", "own.crt", "-noout", "-pubkey"])
    );
}

#[test]
fn name_constraints_are_understood_by_others() {
    let office = Office::new();
    let permits = ["--permit", "dns:example.org", "--permit", "ip:192.0.2.0/24"];
    office
        .home
        .command(&[&["cert", "init"][..], &permits].concat());
    office.issue("ap", &["--dns", "ap.example.org", "--ip", "192.0.2.9"]);
    office.publish();
    let text = office.reads(&["x509", "-in", "ca.crt", "-noout", "-text"]);
    assert!(text.contains("Name Constraints: critical"), "{text}");
    let ended = office.verify("sslclient", "ap.crt");
    assert!(ended.succeeded, "{}", ended.said());
    let refused = office
        .home
        .try_command(&["cert", "issue", "--peer", "b.example.com"]);
    assert!(
        !refused.succeeded && refused.stderr.contains("--dns"),
        "{}",
        refused.said()
    );
}

#[test]
fn a_ca_made_by_openssl_is_taken_over() {
    let office = Office::new();
    office.reads(&[
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-out",
        "my.key",
    ]);
    office.reads(&[
        "req",
        "-x509",
        "-new",
        "-key",
        "my.key",
        "-days",
        "900",
        "-subj",
        "/CN=My CA",
        "-out",
        "my.crt",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ]);
    let files = ["my.crt", "my.key"].map(|name| format!("{}/{name}", office.out));
    office
        .home
        .command(&["cert", "init", "--import", &files[0], &files[1]]);
    office.issue("ap", &[]);
    office.publish();
    let ended = office.verify("sslclient", "ap.crt");
    assert!(ended.succeeded, "{}", ended.said());
    let issuer = office.reads(&["x509", "-in", "ap.crt", "-noout", "-issuer"]);
    assert!(issuer.contains("My CA"), "{issuer}");
}

#[test]
fn users_verify_as_clients_and_as_nothing_else() {
    let office = Office::new();
    for (name, kind) in [
        ("p256", "P-256"),
        ("p384", "P-384"),
        ("rsa2048", "2048 bit"),
        ("rsa3072", "3072 bit"),
    ] {
        let user = format!("{name}@example.org");
        office.issue_to_user(&user, &["--device", "phone", "--key-type", name]);
        office.publish();
        let file = format!("{user}-phone.crt");
        let ended = office.verify("sslclient", &file);
        assert!(ended.succeeded, "{}", ended.said());
        assert!(!office.verify("sslserver", &file).succeeded);
        let text = office.text(&file);
        let address = format!("email:{user}");
        let principal = format!("othername: UPN:{user}");
        let subject = format!("CN = {user}, OU = phone");
        for words in [kind, &address, &principal, &subject, "CA:FALSE"] {
            assert!(
                text.replace("UPN::", "UPN:").contains(words),
                "{words}: {text}"
            );
        }
        assert!(text.contains("TLS Web Client Authentication"));
        assert!(!text.contains("TLS Web Server Authentication"));
    }
}

#[test]
fn revoking_a_user_revokes_each_of_their_devices_and_nobody_else() {
    let office = Office::new();
    for (user, device) in [("tim", "phone"), ("tim", "laptop"), ("anna", "phone")] {
        office.issue_to_user(user, &["--device", device]);
    }
    office.home.command(&["cert", "revoke", "--user", "tim"]);
    office.publish();
    for (file, good) in [
        ("tim-phone.crt", false),
        ("tim-laptop.crt", false),
        ("anna-phone.crt", true),
    ] {
        let ended = office.verify("sslclient", file);
        assert_eq!(ended.succeeded, good, "{file}: {}", ended.said());
        assert_eq!(
            ended.said().contains("certificate revoked"),
            !good,
            "{file}"
        );
    }
}

#[test]
fn every_key_of_the_server_verifies_for_the_name_that_devices_look_for() {
    let office = Office::new();
    let issue = ["cert", "issue", "--server", "--name", "wifi.example.org"];
    for (kind, words, policy) in [
        ("p256", "P-256", None),
        ("p384", "P-384", Some(("strict", "1.3.6.1.4.1.40808.1.3.1"))),
        (
            "rsa2048",
            "2048 bit",
            Some(("tofu", "1.3.6.1.4.1.40808.1.3.2")),
        ),
        ("rsa3072", "3072 bit", Some(("off", ""))),
    ] {
        let mut arguments = [&issue[..], &["--key-type", kind]].concat();
        arguments.extend(policy.iter().flat_map(|(word, _)| ["--tod", word]));
        office.home.command(&arguments);
        office.publish();
        office.server("server.crt");
        let ended = office.verify("sslserver", "server.crt");
        assert!(ended.succeeded, "{}", ended.said());
        let name = ["x509", "-in", "server.crt", "-noout", "-checkhost"];
        let said = office.reads(&[&name[..], &["wifi.example.org"]].concat());
        assert!(said.contains("does match"), "{said}");
        let text = office.text("server.crt");
        assert!(text.contains(words), "{words}: {text}");
        let policies: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("Policy: "))
            .map(|pair| pair.1)
            .collect();
        let wanted: Vec<&str> = policy
            .iter()
            .map(|(_, id)| *id)
            .filter(|id| !id.is_empty())
            .collect();
        assert_eq!(policies, wanted);
    }
}

#[test]
fn a_chain_for_192_bits_is_strong_all_the_way() {
    let office = Office::new();
    office.home.command(&["cert", "init", "--key-type", "p384"]);
    office
        .home
        .command(&["cert", "issue", "--server", "--key-type", "p384"]);
    office.issue_to_user("tim", &["--key-type", "p384"]);
    office.publish();
    office.server("server.crt");
    for (purpose, file) in [("sslserver", "server.crt"), ("sslclient", "tim.crt")] {
        let files = ["-purpose", purpose, "-CAfile", "ca.crt", file];
        let ended = office.openssl(&[&["verify", "-suiteB_192"][..], &files].concat());
        assert!(ended.succeeded, "{}", ended.said());
    }
    let office = Office::new();
    office.issue_to_user("tim", &["--key-type", "p384"]);
    let ended = office.openssl(&["verify", "-suiteB_192", "-CAfile", "ca.crt", "tim.crt"]);
    assert!(!ended.succeeded, "the CA is P-256: {}", ended.said());
}

#[test]
fn certificates_say_where_the_list_and_the_responder_are() {
    let office = Office::new();
    let file = office.home.path("portreeve.toml").display().to_string();
    office
        .home
        .configure("[portal]\nurl = 'http://pki.example.org:8080'\n");
    office.issue_to_user("tim", &["--config", &file]);
    office.issue_to_user("anna", &[]);
    let text = office.text("tim.crt");
    for words in [
        "URI:http://pki.example.org:8080/ca.crl",
        "OCSP - URI:http://pki.example.org:8080/ocsp",
        "CA Issuers - URI:http://pki.example.org:8080/ca.crt",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let asked = office.reads(&["x509", "-in", "tim.crt", "-noout", "-ocsp_uri"]);
    assert_eq!(asked.trim(), "http://pki.example.org:8080/ocsp");
    assert!(!office.text("anna.crt").contains("http:"));
}
