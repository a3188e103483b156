use std::{fs, path::Path};

use clap::{Parser, error::ErrorKind};
use rcgen::{CertificateParams, KeyPair};

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    secret: SecretArguments,
    #[command(flatten)]
    transport: TransportArguments,
}

fn read(arguments: &[&str]) -> Result<Line, clap::Error> {
    Line::try_parse_from(["send"].iter().chain(arguments))
}

/// What comes of arguments that clap takes, with an empty data directory.
fn upstream(arguments: &[&str]) -> Result<Upstream, TransportError> {
    upstream_in(Path::new("/nonexistent"), arguments)
}

fn upstream_in(data: &Path, arguments: &[&str]) -> Result<Upstream, TransportError> {
    let line = read(arguments).unwrap();
    let data = DataDir::locate(Some(data.to_owned()));
    let address = SocketAddr::from(([127, 0, 0, 1], 2083));
    let transport = &line.transport;
    transport.upstream("radius.example", address, &line.secret, &data)
}

/// A folder with a certificate that signed itself, its key, and another key.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let params = CertificateParams::new(["nas.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let both = certificate.clone() + &key.serialize_pem();
        for (name, content) in [
            ("nas.crt", certificate),
            ("nas.key", key.serialize_pem()),
            ("other.key", other.serialize_pem()),
            ("nas.pem", both),
            ("psk", format!("{KEY}\n")),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn tls(&self, cert: &str, key: Option<&str>, ca: &str) -> Result<Upstream, TransportError> {
        let (cert, ca) = (self.path(cert), self.path(ca));
        let mut arguments = vec!["--tls", "--cert", &cert, "--ca", &ca];
        let key = key.map(|key| self.path(key));
        if let Some(key) = &key {
            arguments.extend(["--key", key]);
        }
        upstream(&arguments)
    }
}

#[test]
fn udp_is_meant_where_nothing_is_said_and_each_transport_has_its_port() {
    for (arguments, transport, port) in [
        (&[][..], Transport::Udp, 1813),
        (&["--tcp"], Transport::Tcp, 1813),
        (&["--tls"], Transport::Tls, 2083),
        (&["--dtls"], Transport::Dtls, 2083),
    ] {
        let arguments = read(arguments).unwrap().transport;
        assert_eq!(arguments.transport(), transport);
        assert_eq!(arguments.port(1813), port);
    }
}

#[test]
fn arguments_that_exclude_or_need_each_other_are_wrong_usage() {
    let digits = "ab".repeat(32);
    for (arguments, kind) in [
        (&["--tls", "--tcp"][..], ErrorKind::ArgumentConflict),
        (&["--tls", "--dtls"], ErrorKind::ArgumentConflict),
        (&["--ca", "f"], ErrorKind::MissingRequiredArgument),
        (
            &["--tcp", "--cert", "f"],
            ErrorKind::MissingRequiredArgument,
        ),
        (&["--tls", "--key", "f"], ErrorKind::MissingRequiredArgument),
        (&["--radius11"], ErrorKind::MissingRequiredArgument),
        (&["--tls", "--crl", "f"], ErrorKind::MissingRequiredArgument),
        (
            &["--tls", "--pin", &digits],
            ErrorKind::MissingRequiredArgument,
        ),
        (
            &["--tls", "--psk-identity", "me"],
            ErrorKind::MissingRequiredArgument,
        ),
        (&["--tls", "--psk", KEY], ErrorKind::MissingRequiredArgument),
        (
            &[
                "--tls",
                "--psk-identity",
                "me",
                "--psk",
                KEY,
                "--psk-file",
                "f",
            ],
            ErrorKind::ArgumentConflict,
        ),
        (
            &["--tls", "--psk-identity", "me", "--psk", KEY, "--cert", "f"],
            ErrorKind::ArgumentConflict,
        ),
        (
            &["--tls", "--radius11", "--radius", "both"],
            ErrorKind::ArgumentConflict,
        ),
        (&["--tls", "--radius", "1.2"], ErrorKind::ValueValidation),
        (
            &["--tls", "--ca", "f", "--pin", "ab"],
            ErrorKind::ValueValidation,
        ),
    ] {
        let error = read(arguments).unwrap_err();
        assert_eq!(error.kind(), kind, "{arguments:?}: {error}");
    }
}

#[test]
fn a_hash_is_read_with_and_without_colons() {
    let colons = ["AB"; 32].join(":");
    for text in [&colons, &"ab".repeat(32), &format!("sha256:{colons}")] {
        assert_eq!(pin(text), Ok([0xab; 32]));
    }
    for text in ["", "ab", "any", &"zz".repeat(32)] {
        assert_eq!(pin(text), Err(NoPin), "{text}");
    }
}

#[test]
fn a_shared_secret_belongs_to_udp_and_tcp_only() {
    for arguments in [&["--secret", "x"][..], &["--tcp", "--secret", "x"]] {
        let upstream = upstream(arguments).unwrap();
        assert_eq!(upstream.transport().is_stream(), arguments.len() == 3);
    }
    for arguments in [
        &["--tls", "--secret", "hush"][..],
        &["--dtls", "--secret-file", "hush"],
    ] {
        let error = upstream(arguments).unwrap_err();
        assert!(error.is_usage());
        let words = error.to_string();
        assert!(words.contains("leave --secret"), "{words}");
        assert!(!words.contains("hush"), "{words}");
    }
    let error = upstream(&["--tcp"]).unwrap_err();
    assert!(error.to_string().contains("give the shared secret"));
}

#[test]
fn what_is_missing_is_named_and_where_this_machine_can_make_it() {
    let error = upstream(&["--tls"]).unwrap_err();
    assert!(error.is_usage());
    let words = error.to_string();
    assert!(words.contains("--cert, --key and --ca"), "{words}");
    assert!(!words.contains("cert issue"), "{words}");
    let files = Files::new();
    let error = upstream(&["--tls", "--cert", &files.path("nas.pem")]).unwrap_err();
    assert!(error.to_string().contains("--tls needs --ca"), "{error}");
    fs::create_dir(files.0.path().join("ca")).unwrap();
    fs::write(files.0.path().join("ca").join("ca.crt"), "").unwrap();
    let words = upstream_in(files.0.path(), &["--tls"])
        .unwrap_err()
        .to_string();
    assert!(words.contains("cert issue --peer NAME"), "{words}");
}

#[test]
fn certificates_are_read_and_what_is_wrong_with_one_names_its_file() {
    let files = Files::new();
    for (cert, key) in [("nas.crt", Some("nas.key")), ("nas.pem", None)] {
        let upstream = files.tls(cert, key, "nas.crt").unwrap();
        assert_eq!(upstream.transport(), Transport::Tls);
    }
    for (cert, key, ca, said) in [
        ("nas.crt", Some("other.key"), "nas.crt", "--key"),
        ("nas.crt", Some("nas.crt"), "nas.crt", "--key"),
        ("nas.crt", None, "nas.crt", "there is no private key"),
        ("nas.key", Some("nas.key"), "nas.crt", "--cert"),
        ("nas.pem", None, "nas.key", "--ca"),
        ("absent", None, "nas.crt", "--cert: cannot read"),
    ] {
        let error = files.tls(cert, key, ca).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.is_usage());
    }
    let (pem, ca) = (files.path("nas.pem"), files.path("nas.crt"));
    let base = ["--tls", "--cert", &pem, "--ca", &ca];
    let crl = upstream(&[&base[..], &["--crl", &ca]].concat()).unwrap_err();
    assert!(crl.to_string().contains("--crl"), "{crl}");
    let name = upstream(&[&base[..], &["--server-name", "a..b"]].concat()).unwrap_err();
    assert!(name.to_string().contains("--server-name"), "{name}");
    assert!(name.is_usage());
}

fn by(more: [&str; 2]) -> Vec<&str> {
    [&["--tls", "--psk-identity", "me"][..], &more].concat()
}

#[test]
fn pre_shared_keys_are_not_printed_and_need_their_engine() {
    let files = Files::new();
    let file = files.path("psk");
    let line = read(&by(["--psk", KEY])).unwrap();
    assert!(!format!("{line:?}").contains(KEY));
    for more in [["--psk", KEY], ["--psk-file", &file]] {
        let made = upstream(&by(more));
        if cfg!(feature = "openssl") {
            assert_eq!(made.unwrap().transport(), Transport::Tls);
        } else {
            let error = made.unwrap_err();
            assert!(error.to_string().contains("--features openssl"), "{error}");
            assert!(!error.is_usage());
        }
    }
    for digits in ["0001", "xyz", "000"] {
        let error = upstream(&by(["--psk", digits])).unwrap_err();
        assert!(error.is_usage(), "{error}");
        assert!(!error.to_string().contains(&format!("'{digits}'")));
    }
}

#[test]
fn dtls_is_of_version_1_2_and_of_builds_that_have_it() {
    if !cfg!(feature = "openssl") {
        let error = upstream(&["--dtls"]).unwrap_err();
        assert!(error.to_string().contains("--features openssl"), "{error}");
        return;
    }
    let error = upstream(&["--dtls", "--radius11"]).unwrap_err();
    assert!(error.to_string().contains("needs TLS 1.3"), "{error}");
}
