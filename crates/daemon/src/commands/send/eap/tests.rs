use clap::Parser;
use portreeve::eap::peer::Trouble;

use super::*;
use crate::data::DataDir;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    eap: EapArguments,
}

fn plan_with(arguments: &[&str], kind: Kind, extra: &AttributeList) -> Result<Plan, EapError> {
    let line = Line::try_parse_from(["send"].iter().chain(arguments)).unwrap();
    let data = DataDir::locate(Some("/nonexistent".into()));
    line.eap.plan(kind, extra, &data)
}

fn plan(arguments: &[&str], kind: Kind) -> Result<Plan, EapError> {
    plan_with(arguments, kind, &AttributeList::new())
}

fn complaint(arguments: &[&str], kind: Kind) -> String {
    let error = plan(arguments, kind).err().unwrap();
    assert!(error.is_usage(), "{error}");
    error.to_string()
}

#[test]
fn a_tunnel_hides_the_user_and_keeps_the_realm() {
    let outer = |arguments: &[&str], kind, name| {
        let arguments = [arguments, &["--eap-insecure"]].concat();
        plan(&arguments, kind).unwrap().outer(name)
    };
    assert_eq!(outer(&[], Kind::Peap, "tim"), "anonymous");
    assert_eq!(
        outer(&[], Kind::TtlsEap, "tim@x@example.org"),
        "@example.org"
    );
    let given = ["--anonymous", "nobody@example.net"];
    assert_eq!(outer(&given, Kind::Teap, "tim"), "nobody@example.net");
    let bare = plan(&[], Kind::Md5).unwrap();
    assert_eq!(bare.outer("tim@example.org"), "tim@example.org");
}

#[test]
fn a_server_is_trusted_only_where_that_is_said() {
    let error = complaint(&[], Kind::Peap);
    assert!(error.contains("--eap-ca FILE"), "{error}");
    assert!(error.contains("/nonexistent"), "{error}");
    assert!(plan(&["--eap-insecure"], Kind::Peap).is_ok());
    let error = complaint(&["--eap-insecure"], Kind::Tls);
    assert!(error.contains("--eap-cert"), "{error}");
}

#[test]
fn options_that_do_not_fit_the_method_are_refused() {
    for arguments in [
        &["--eap-insecure"][..],
        &["--resume"],
        &["--eap-tls", "1.3"],
        &["--eap-server-name", "radius.example"],
        &["--anonymous", "@example.org"],
    ] {
        let error = complaint(arguments, Kind::Pwd);
        assert!(error.starts_with(arguments[0]), "{error}");
        let line = Line::try_parse_from(["send"].iter().chain(arguments)).unwrap();
        assert!(line.eap.refuse().is_err(), "{arguments:?}");
    }
    for wrong in [
        &["--eap-insecure", "--eap-ca", "ca.crt"][..],
        &["--fragment", "99"],
        &["--fragment", "1401"],
        &["--eap-tls", "1.1"],
        &["--eap-key", "own.key"],
    ] {
        let read = Line::try_parse_from(["send"].iter().chain(wrong));
        assert!(read.is_err(), "{wrong:?}");
    }
}

#[test]
fn certificates_are_looked_for_in_the_files_that_are_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let error = plan(&["--eap-ca", &path], Kind::Peap).err().unwrap();
    assert!(!error.is_usage());
    assert_eq!(
        error.to_string(),
        format!("--eap-ca {path}: there is no certificate in PEM")
    );
    std::fs::write(file.path(), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
    let key = rcgen::generate_simple_self_signed(["tim".to_owned()]).unwrap();
    let cert = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(cert.path(), key.cert.pem()).unwrap();
    let cert = cert.path().display().to_string();
    let arguments = ["--eap-cert", &cert, "--eap-key", &path, "--eap-insecure"];
    let error = plan(&arguments, Kind::Tls).err().unwrap().to_string();
    assert!(error.contains("encrypted"), "{error}");
    std::fs::write(file.path(), key.signing_key.serialize_pem()).unwrap();
    assert!(plan(&arguments, Kind::Tls).is_ok());
}

#[test]
fn an_access_point_says_what_kind_of_port_it_is_unless_told() {
    let of = |arguments: &[&str], kind, extra: &AttributeList| {
        let plan = plan_with(arguments, kind, extra).unwrap();
        let number = |spec: portreeve_proto::Spec| {
            let found: Vec<u32> = plan
                .attributes
                .iter()
                .filter(|entry| entry.spec.oid == spec.oid)
                .map(|entry| u32::from_be_bytes(entry.value.try_into().unwrap()))
                .collect();
            assert_eq!(found.len(), 1);
            found[0]
        };
        let port = number(*attr::NAS_PORT_TYPE.spec());
        (port, number(*attr::FRAMED_MTU.spec()))
    };
    let none = AttributeList::new();
    assert_eq!(of(&[], Kind::Md5, &none), (15, 1400));
    assert_eq!(of(&["--fragment", "300"], Kind::Pwd, &none), (19, 300));
    let other = AttributeList::new()
        .with(attr::NAS_PORT_TYPE, 5)
        .with(attr::FRAMED_MTU, 900);
    assert_eq!(of(&["--fragment", "300"], Kind::Gtc, &other), (5, 900));
}

#[test]
fn only_the_servers_no_is_a_rejection() {
    let because = Trouble::RejectedBecause("no".to_owned());
    let untrusted = Trouble::Untrusted("its certificate has expired".to_owned());
    let broken = Trouble::Broken {
        method: Type::PEAP,
        what: "nothing".to_owned(),
    };
    for (kind, trouble, rejected, differ, expected) in [
        (Kind::Peap, None, false, false, Verdict::Accepted),
        (Kind::Peap, None, false, true, Verdict::KeysDiffer),
        (Kind::Peap, Some(&because), true, false, Verdict::Rejected),
        (Kind::Peap, Some(&because), false, false, Verdict::Broken),
        (
            Kind::Peap,
            Some(&untrusted),
            true,
            false,
            Verdict::Untrusted,
        ),
        (Kind::Pwd, Some(&untrusted), false, false, Verdict::Rejected),
        (Kind::Peap, Some(&broken), true, false, Verdict::Broken),
    ] {
        let verdict = Verdict::of(kind, trouble, rejected, differ);
        assert_eq!(verdict, expected, "{trouble:?}");
    }
    let words = advice(Kind::Peap, &untrusted);
    assert!(words.contains("--eap-ca"), "{words}");
}
