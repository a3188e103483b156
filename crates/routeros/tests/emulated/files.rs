//! REST, the probe, files and backups, in every version.

use std::{path::Path, time::Duration};

use portreeve_routeros::{
    Capabilities, Command, Error, Id, Login, Query, Record, Router, Secret, Target, Transport,
    Trust, backup,
    capability::{self, WirelessStack},
    dial,
    files::{self, Files},
};
use serde_json::Value;

use super::router::{Emulated, PASSWORD};

/// The versions before and with REST.
const SIX: [&str; 2] = ["6.42", "6.49"];
const SEVEN: [&str; 6] = ["7.9", "7.12", "7.15", "7.18", "7.20", "7.24"];

/// Access over SFTP, to a host key that is seen for the first time.
async fn sftp(emulated: &Emulated) -> files::sftp::Access {
    let at = emulated.services["ssh"];
    let within = Duration::from_secs(20);
    let host = at.ip().to_string();
    let seen = files::sftp::host_key_of(&host, at.port(), within).await;
    files::sftp::Access {
        host,
        port: at.port(),
        login: emulated.login(),
        host_key: seen.unwrap(),
        timeout: within,
    }
}

async fn files<'a>(
    emulated: &Emulated,
    router: &'a Router,
    capabilities: &'a Capabilities,
) -> Files<'a> {
    Files::new(router, capabilities).with_sftp(sftp(emulated).await)
}

/// Every version and transport.
fn ways() -> impl Iterator<Item = (&'static str, Transport)> {
    let api = SIX
        .into_iter()
        .chain(SEVEN)
        .map(|version| (version, Transport::Api));
    api.chain(SEVEN.map(|version| (version, Transport::Rest)))
}

/// What a real router of a version said of itself.
fn schema(version: &str) -> Value {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/routeros-emulator/schema");
    let names = std::fs::read_dir(&folder).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = names
        .find(|name| {
            let rest = name
                .strip_suffix(".json")
                .and_then(|name| name.strip_prefix(version));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .unwrap();
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_probe_finds_what_each_version_has() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let found = capability::probe(&router).await.unwrap();
        let at = format!("{version} {transport:?}");
        assert!(found.version().to_string().starts_with(version), "{at}");
        let (major, minor) = (found.version().major, found.version().minor);
        let since = |since: (u16, u16)| (major, minor) >= since;
        let radius = |argument: &str| found.takes("/radius/add", argument);
        assert!(radius("secret") && radius("src-address"), "{at}");
        assert_eq!(radius("require-message-auth"), since((7, 15)), "{at}");
        assert_eq!(radius("radsec-timeout"), since((7, 20)), "{at}");
        assert_eq!(
            found.takes("/tool/e-mail/set", "server"),
            since((7, 12)),
            "{at}"
        );
        assert_eq!(
            found.takes("/tool/e-mail/set", "address"),
            !since((7, 12)),
            "{at}"
        );
        assert_eq!(
            found.takes("/file/read", "chunk-size"),
            since((7, 13)),
            "{at}"
        );
        assert_eq!(found.takes("/export", "show-sensitive"), major == 7, "{at}");
        assert_eq!(
            found.has("/ip/service/webserver/set"),
            since((7, 24)),
            "{at}"
        );
        let services = found.values("/radius/add", "service").unwrap();
        assert!(
            services.contains("ppp") && services.contains("hotspot"),
            "{at}"
        );
        assert_eq!(services.contains("dot1x"), since((6, 45)), "{at}");
        assert!(!found.wireless().is_empty(), "{at}");
        let is_wifi = found.wireless().contains(&WirelessStack::Wifi);
        assert!(!is_wifi || since((7, 13)), "{at}");
        assert!(!found.device().board.is_empty(), "{at}");
        if major == 7 {
            same_as_the_routers_own(&found, &schema(version), &at);
        }
    }
}

fn same_as_the_routers_own(found: &Capabilities, schema: &Value, at: &str) {
    for command in [
        "/radius/add",
        "/ppp/aaa/set",
        "/ip/hotspot/profile/set",
        "/system/backup/save",
    ] {
        let pointer = schema.pointer(command).unwrap().as_object().unwrap();
        let names = pointer.iter().filter(|(_, child)| child.is_object());
        for (name, _) in names {
            assert!(found.takes(command, name), "{at}: {command} {name}");
        }
    }
}

#[tokio::test]
async fn the_two_transports_are_one_router() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let at = format!("{version} {transport:?}");
        let entry = |address: &str| {
            let entry = Record::new()
                .with("address", address)
                .with("secret", "s3cret");
            entry
                .with("service", "ppp,login")
                .with("comment", "a \"b\" ä")
        };
        let first = router.add("/radius", &entry("192.0.2.1")).await.unwrap();
        let second = router.add("/radius", &entry("192.0.2.2")).await.unwrap();
        let slower = Record::new().with("timeout", "2s");
        router.set("/radius", Some(&second), &slower).await.unwrap();
        router
            .move_before("/radius", &second, Some(&first))
            .await
            .unwrap();
        let asked = ["address", "timeout", "comment", ".id"];
        let all = router.print("/radius", &asked, &[]).await.unwrap();
        let order: Vec<_> = all
            .iter()
            .map(|entry| entry.get("address").unwrap())
            .collect();
        assert_eq!(order, ["192.0.2.2", "192.0.2.1"], "{at}");
        assert_eq!(
            all[0].duration("timeout"),
            Some(Duration::from_secs(2)),
            "{at}"
        );
        assert_eq!(all[0].get("comment"), Some("a \"b\" ä"), "{at}");
        let one = [Query::equals("address", "192.0.2.1")];
        let one = router.print("/radius", &asked, &one).await.unwrap();
        assert_eq!(one.len(), 1, "{at}");
        assert_eq!(one[0].id(), Some(first.clone()), "{at}");
        router.remove("/radius", &first).await.unwrap();
        let gone = router.remove("/radius", &first).await.unwrap_err();
        assert!(matches!(gone, Error::NoSuchItem { .. }), "{at}: {gone:?}");
        let gone = router
            .set("/radius", Some(&Id::new("*FFFF")), &slower)
            .await
            .unwrap_err();
        assert!(matches!(gone, Error::NoSuchItem { .. }), "{at}: {gone:?}");
        let used = Record::new().with("use-radius", "yes");
        router.set("/ppp/aaa", None, &used).await.unwrap();
        let aaa = router.print("/ppp/aaa", &[], &[]).await.unwrap();
        assert_eq!(aaa.len(), 1, "{at}");
        assert_eq!(aaa[0].flag("use-radius"), Some(true), "{at}");
        wrong_things_are_the_same_errors(&router, &at).await;
    }
}

async fn wrong_things_are_the_same_errors(router: &Router, at: &str) {
    let unknown = Record::new()
        .with("address", "192.0.2.1")
        .with("colour", "red");
    let error = router.add("/radius", &unknown).await.unwrap_err();
    assert!(
        matches!(error, Error::UnknownParameter { .. }),
        "{at}: {error:?}"
    );
    let wrong = Record::new()
        .with("address", "192.0.2.1")
        .with("service", "tea");
    let error = router.add("/radius", &wrong).await.unwrap_err();
    assert!(matches!(error, Error::BadValue { .. }), "{at}: {error:?}");
    let error = router.call(&Command::new("/tea/print")).await.unwrap_err();
    assert!(
        matches!(error, Error::NoSuchCommand { .. }),
        "{at}: {error:?}"
    );
    let none = [Query::equals("address", "198.51.100.1")];
    assert!(
        router
            .print("/radius", &["address"], &none)
            .await
            .unwrap()
            .is_empty(),
        "{at}"
    );
}

#[tokio::test]
async fn versions_without_rest_say_so() {
    for version in SIX {
        let emulated = Emulated::start(version);
        let target = emulated.target(Transport::Rest);
        let error = Router::connect(&target, &emulated.login())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::NotSupported(_)),
            "{version}: {error:?}"
        );
    }
    let emulated = Emulated::start("7.18");
    let target = emulated.target(Transport::Rest);
    let error = Router::connect(&target, &Login::new("admin", "wrong"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LogIn { .. }), "{error:?}");
}

#[tokio::test]
async fn files_come_back_as_they_went() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = Files::new(&router, &capabilities);
        let at = format!("{version} {transport:?}");
        for text in ["one line\n", "ä € \"quoted\" \\n\r\n", &"x".repeat(4_000)] {
            files.store("tea.rsc", text.as_bytes()).await.unwrap();
            assert_eq!(
                files.fetch("tea.rsc").await.unwrap(),
                text.as_bytes(),
                "{at}"
            );
        }
        let listed = files.list().await.unwrap();
        assert!(
            listed.iter().any(|file| file.size == Some(4_000)),
            "{at}: {listed:?}"
        );
        files.remove("tea.rsc").await.unwrap();
        files.remove("tea.rsc").await.unwrap();
        let error = files.fetch("tea.rsc").await.unwrap_err();
        assert!(matches!(error, Error::NoSuchItem { .. }), "{at}: {error:?}");
        let large = files
            .store("large.rsc", &vec![b'x'; 100_000])
            .await
            .unwrap_err();
        assert!(matches!(large, Error::NotSupported(_)), "{at}: {large:?}");
    }
}

#[tokio::test]
async fn exports_and_backups_are_whole() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = files(&emulated, &router, &capabilities).await;
        let at = format!("{version} {transport:?}");
        let entry = Record::new()
            .with("address", "192.0.2.1")
            .with("secret", "t3a-t1me");
        router
            .add("/radius", &entry.with("service", "ppp"))
            .await
            .unwrap();
        let hidden = backup::export(&files, backup::Secrets::Hidden)
            .await
            .unwrap();
        let shown = backup::export(&files, backup::Secrets::Shown)
            .await
            .unwrap();
        assert!(!hidden.reveal().contains("t3a-t1me"), "{at}");
        assert!(shown.reveal().contains("t3a-t1me"), "{at}");
        let read = backup::parse(shown.reveal()).unwrap();
        assert_eq!(read.header.version, Some(capabilities.version()), "{at}");
        assert!(
            read.commands.iter().any(|line| line.menu == "/radius"),
            "{at}"
        );
        let again = backup::export(&files, backup::Secrets::Shown)
            .await
            .unwrap();
        assert_eq!(backup::diff(shown.reveal(), again.reveal()), "", "{at}");
        let guidance = backup::guide(&read, &capabilities);
        assert!(guidance.objections.is_empty(), "{at}: {guidance:?}");
        let password = Secret::new("p\"a$ss");
        let saved = backup::save(&files, &password).await.unwrap();
        let opened = backup::verify(&saved, Some(&password)).unwrap();
        let expected = if version == "6.42" {
            backup::Encryption::Rc4
        } else {
            backup::Encryption::Aes
        };
        assert_eq!(opened.encryption, expected, "{at}");
        assert!(opened.stores.is_some_and(|stores| stores > 0), "{at}");
        let left = files.list().await.unwrap();
        let left: Vec<_> = left
            .iter()
            .filter(|file| file.name.contains("portreeve"))
            .collect();
        assert!(left.is_empty(), "{at}: {left:?}");
    }
}

#[tokio::test]
async fn an_export_puts_back_what_was_there() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = files(&emulated, &router, &capabilities).await;
        let at = format!("{version} {transport:?}");
        let entry = Record::new()
            .with("address", "192.0.2.1")
            .with("secret", "a \"b\\ $c");
        let id = router
            .add("/radius", &entry.with("service", "ppp"))
            .await
            .unwrap();
        let whole = backup::export(&files, backup::Secrets::Shown)
            .await
            .unwrap();
        router.remove("/radius", &id).await.unwrap();
        // Only what is missing: the rest is there already.
        let header = whole
            .reveal()
            .lines()
            .take_while(|line| line.starts_with('#'));
        let header: Vec<_> = header.collect();
        let read = backup::parse(whole.reveal()).unwrap();
        let line = read
            .commands
            .iter()
            .find(|line| line.menu == "/radius")
            .unwrap();
        let part = format!("{}\n/radius\n{}\n", header.join("\n"), line.text);
        backup::import(&files, &Secret::new(part), false)
            .await
            .unwrap();
        let all = router
            .print("/radius", &["address", "secret"], &[])
            .await
            .unwrap();
        assert_eq!(all.len(), 1, "{at}");
        assert_eq!(all[0].get("secret"), Some("a \"b\\ $c"), "{at}");
    }
}

#[tokio::test]
async fn the_router_takes_backups_of_itself() {
    for (version, transport) in ways() {
        let emulated = Emulated::start(version);
        let router = emulated.router(transport).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = files(&emulated, &router, &capabilities).await;
        let at = format!("{version} {transport:?}");
        let schedule = backup::Schedule {
            name: "nightly".to_owned(),
            first: jiff::civil::datetime(2027, 1, 23, 3, 30, 0, 0),
            interval: Duration::from_hours(24),
            password: Secret::new("pa\"ss"),
            mail: None,
        };
        for command in backup::schedule::commands(&schedule, &capabilities).unwrap() {
            router.call(&command).await.unwrap();
        }
        let planned = router.print("/system/scheduler", &[], &[]).await.unwrap();
        assert_eq!(planned[0].get("on-event"), Some("nightly"), "{at}");
        let run = Command::new("/system/script/run").with("number", "nightly");
        router.call(&run).await.unwrap();
        let wait = Duration::from_secs(20);
        let listed = files.list().await.unwrap();
        let folder = if listed.iter().any(|file| file.name == "flash") {
            "flash/"
        } else {
            ""
        };
        let name = format!("{folder}nightly.backup");
        files.settled(&name, wait).await.unwrap();
        let saved = files.fetch(&name).await.unwrap();
        backup::verify(&saved, Some(&schedule.password)).unwrap();
        for command in backup::schedule::removal("nightly") {
            router.call(&command).await.unwrap();
        }
        let planned = router.print("/system/scheduler", &[], &[]).await.unwrap();
        assert!(planned.is_empty(), "{at}");
    }
}

#[tokio::test]
async fn sftp_takes_any_file_and_only_the_pinned_key() {
    for version in ["6.42", "6.49", "7.12", "7.24"] {
        let emulated = Emulated::start(version);
        let router = emulated.router(Transport::Api).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let access = sftp(&emulated).await;
        assert!(
            access.host_key.starts_with("SHA256:"),
            "{version}: {access:?}"
        );
        let octets: Vec<u8> = (0..200_000u32)
            .flat_map(|n| n.wrapping_mul(31).to_le_bytes())
            .collect();
        let files = Files::new(&router, &capabilities).with_sftp(access.clone());
        files.store("binary.backup", &octets).await.unwrap();
        assert!(
            files.fetch("binary.backup").await.unwrap() == octets,
            "{version}"
        );
        let mut other = access.clone();
        other.host_key = access.host_key.replace(&access.host_key[7..10], "AAA");
        let files = Files::new(&router, &capabilities).with_sftp(other);
        let error = files.store("other.backup", &octets).await.unwrap_err();
        assert!(
            matches!(error, Error::HostKey { .. }),
            "{version}: {error:?}"
        );
        let mut wrong = access.clone();
        wrong.login = Login::new("admin", "wrong");
        let files = Files::new(&router, &capabilities).with_sftp(wrong);
        let error = files.store("other.backup", &octets).await.unwrap_err();
        assert!(matches!(error, Error::LogIn { .. }), "{version}: {error:?}");
    }
}

#[tokio::test]
async fn rest_over_tls_is_of_the_pinned_router_only() {
    for version in SEVEN {
        let emulated = Emulated::start(version);
        let router = emulated.router(Transport::Api).await;
        let new = Command::new("/certificate/add").with("name", "web");
        let new = new
            .with("common-name", "router.example")
            .with("key-usage", "tls-server");
        router.call(&new).await.unwrap();
        let sign = Command::new("/certificate/sign").with("number", "web");
        router.call(&sign).await.unwrap();
        let on = Record::new()
            .with("certificate", "web")
            .with("disabled", "no");
        router
            .set("/ip/service", Some(&Id::new("www-ssl")), &on)
            .await
            .unwrap();
        let named = [Query::equals("name", "www-ssl")];
        let service = router
            .print("/ip/service", &["port"], &named)
            .await
            .unwrap();
        let mut target = Target::new("127.0.0.1", Transport::RestSsl);
        target.port = u16::try_from(service[0].number("port").unwrap()).unwrap();
        let login = emulated.login();
        let refused = Router::connect(&target, &login).await.unwrap_err();
        assert!(
            matches!(refused, Error::Tls { .. }),
            "{version}: {refused:?}"
        );
        let seen = dial::certificate_of(&target).await.unwrap();
        target.trust = Trust::Pin(seen.fingerprint);
        let over_tls = Router::connect(&target, &login).await.unwrap();
        let found = over_tls
            .print("/system/resource", &["version"], &[])
            .await
            .unwrap();
        assert!(
            found[0].get("version").unwrap().starts_with(version),
            "{found:?}"
        );
        target.trust = Trust::Pin([7; 32]);
        let other = Router::connect(&target, &login).await.unwrap_err();
        assert!(matches!(other, Error::Tls { .. }), "{version}: {other:?}");
    }
}

/// The date is part of the names of files that are mailed: whatever way a version writes it, the
/// name is one that sorts and makes no folder.
#[tokio::test]
async fn the_names_of_mailed_backups_have_a_date() {
    for version in SIX.into_iter().chain(SEVEN) {
        let emulated = Emulated::start(version);
        let router = emulated.router(Transport::Api).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = Files::new(&router, &capabilities);
        let schedule = backup::Schedule {
            name: "nightly".to_owned(),
            first: jiff::civil::datetime(2027, 1, 23, 3, 30, 0, 0),
            interval: Duration::from_hours(24),
            password: Secret::new(PASSWORD),
            mail: Some(backup::Mail {
                server: "192.0.2.25".to_owned(),
                port: 587,
                tls: backup::Tls::StartTls,
                from: "router@example.net".to_owned(),
                to: "noc@example.net".to_owned(),
                user: Some("router".to_owned()),
                password: Some(Secret::new("m4il")),
            }),
        };
        let commands = backup::schedule::commands(&schedule, &capabilities).unwrap();
        for command in &commands {
            router.call(command).await.unwrap();
        }
        // The script up to where it sends: nobody is there to take the mail.
        let mut arguments = commands[1].arguments().iter();
        let (_, source) = arguments.find(|(name, _)| name == "source").unwrap();
        let (before, _) = source.split_once(":delay 10s").unwrap();
        let half = Record::new().with("name", "half").with("source", before);
        router.add("/system/script", &half).await.unwrap();
        let run = Command::new("/system/script/run").with("number", "half");
        router.call(&run).await.unwrap();
        let listed = files.list().await.unwrap();
        let saved = listed.iter().find(|file| file.name.contains("nightly"));
        let name = saved
            .unwrap_or_else(|| panic!("{version}: {listed:?}"))
            .name
            .clone();
        let name = name.trim_start_matches("flash/");
        let date = name
            .strip_prefix("nightly-")
            .and_then(|rest| rest.strip_suffix(".backup"));
        let date: jiff::civil::Date = date.unwrap_or(name).parse().unwrap();
        assert!(date.year() > 2000, "{version}: {name}");
    }
}

#[tokio::test]
async fn a_loaded_backup_brings_back_what_was_there() {
    for version in ["6.42", "6.49", "7.12", "7.24"] {
        let emulated = Emulated::start(version);
        let router = emulated.router(Transport::Api).await;
        let capabilities = capability::probe(&router).await.unwrap();
        let files = files(&emulated, &router, &capabilities).await;
        let entry = Record::new()
            .with("address", "192.0.2.1")
            .with("secret", "s3cret");
        let entry = entry.with("service", "ppp");
        let id = router.add("/radius", &entry).await.unwrap();
        let password = Secret::new(PASSWORD);
        let saved = backup::save(&files, &password).await.unwrap();
        router.remove("/radius", &id).await.unwrap();
        let wrong = backup::load(&files, &saved, &Secret::new("other"))
            .await
            .unwrap_err();
        assert!(
            matches!(wrong, Error::NotWhole { .. }),
            "{version}: {wrong:?}"
        );
        backup::load(&files, &saved, &password).await.unwrap();
        let login = emulated.login();
        let end = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let again = Router::connect(&emulated.target(Transport::Api), &login).await;
            let found = match &again {
                Ok(again) => again
                    .print("/radius", &["secret"], &[])
                    .await
                    .unwrap_or_default(),
                Err(_) => Vec::new(),
            };
            if found.first().and_then(|entry| entry.get("secret")) == Some("s3cret") {
                break;
            }
            assert!(tokio::time::Instant::now() < end, "{version}: {again:?}");
        }
    }
}
