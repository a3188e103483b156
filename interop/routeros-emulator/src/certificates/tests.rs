//! Certificates that are signed, carried away and brought again.

use std::sync::Arc;

use crate::{Board, Call, Machine, Outcome, Record, Release, Session, certificates, files};

fn machine() -> Arc<Machine> {
    let machine = Machine::new(Release::V7_24, Board::Chr).unwrap();
    files::attach(&machine);
    certificates::attach(&machine);
    machine
}

async fn done(machine: &Arc<Machine>, call: Call) -> Outcome {
    machine.execute(&Session::system(), &call).await
}

/// A CA and a certificate of it, with keys that are made quickly.
async fn signed() -> Arc<Machine> {
    let machine = machine();
    for (name, usage) in [("ca", "key-cert-sign,crl-sign"), ("own", "tls-server")] {
        let add = Call::new("/certificate/add")
            .with("name", name)
            .with("common-name", name)
            .with("key-size", "prime256v1")
            .with("subject-alt-name", "DNS:router.lan,IP:192.0.2.1")
            .with("key-usage", usage);
        done(&machine, add).await.unwrap();
    }
    let sign = Call::new("/certificate/sign").with("number", "ca");
    done(&machine, sign).await.unwrap();
    let sign = Call::new("/certificate/sign")
        .with("number", "own")
        .with("ca", "ca");
    done(&machine, sign).await.unwrap();
    machine
}

#[tokio::test]
async fn a_ca_signs_and_all_is_shown() {
    let machine = signed().await;
    let own = machine.find("/certificate", "name", "own").unwrap();
    assert_eq!(own.text("ca"), "ca");
    assert_eq!(own.text("issuer"), "CN=ca");
    assert_eq!(own.text("subject-alt-name"), "DNS:router.lan,IP:192.0.2.1");
    assert_eq!(own.text("fingerprint").len(), 64);
    assert_eq!(own.text(".chain").matches("BEGIN CERTIFICATE").count(), 2);
    assert!(own.is("private-key") && !own.is("authority"));
    let again = Call::new("/certificate/sign").with("number", "own");
    assert!(done(&machine, again).await.is_err());
    let shown = done(&machine, Call::new("/certificate/print"))
        .await
        .unwrap();
    let hidden = |name: &str| name == ".key" || name == ".chain";
    let mut names = shown.records.iter().flat_map(Record::iter);
    assert!(
        !names.any(|(name, _)| hidden(name)),
        "keys are shown to nobody"
    );
}

#[tokio::test]
async fn pkcs12_and_pem_are_imported_and_keys_find_their_certificates() {
    let first = signed().await;
    let export = Call::new("/certificate/export-certificate")
        .with("numbers", "own")
        .with("type", "pkcs12")
        .with("export-passphrase", "a passphrase")
        .with("file-name", "own");
    done(&first, export).await.unwrap();
    let packed = files::contents(&first, "own.p12").unwrap();
    let import = |file: &str, passphrase: &str| {
        Call::new("/certificate/import")
            .with("file-name", file)
            .with("passphrase", passphrase)
    };
    let second = machine();
    files::write(&second, "own.p12", &packed).unwrap();
    let wrong = done(&second, import("own.p12", "another one"))
        .await
        .unwrap();
    assert_eq!(wrong.records[0].text("decryption-failures"), "1");
    let right = done(&second, import("own.p12", "a passphrase"))
        .await
        .unwrap();
    assert_eq!(right.records[0].text("certificates-imported"), "2");
    assert_eq!(right.records[0].text("private-keys-imported"), "1");

    let own = first.find("/certificate", "name", "own").unwrap();
    let third = machine();
    files::write(&third, "own.crt", own.text(".chain").as_bytes()).unwrap();
    files::write(&third, "own.key", own.text(".key").as_bytes()).unwrap();
    let counted = done(&third, import("own.crt", "")).await.unwrap();
    assert_eq!(counted.records[0].text("certificates-imported"), "2");
    let counted = done(&third, import("own.key", "")).await.unwrap();
    assert_eq!(counted.records[0].text("private-keys-imported"), "1");
    let item = third.find("/certificate", "name", "own.crt_0").unwrap();
    assert_eq!(item.text("fingerprint"), own.text("fingerprint"));
    assert!(item.is("private-key"));
    assert_eq!(
        item.text(".chain"),
        own.text(".chain"),
        "with the CA behind it"
    );
    let stray = machine();
    files::write(&stray, "own.key", own.text(".key").as_bytes()).unwrap();
    let counted = done(&stray, import("own.key", "")).await.unwrap();
    assert_eq!(counted.records[0].text("keys-with-no-certificate"), "1");
}
