//! Which way is taken, and what is made of files that change, grow, vanish or do not fit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;
use crate::{
    Version,
    rest::scripted::{Asked, admin, door, json, server},
};

fn can(version: Version, commands: &[(&str, &[&str])]) -> Capabilities {
    let commands: BTreeMap<String, BTreeSet<String>> = commands
        .iter()
        .map(|(command, arguments)| {
            let arguments = arguments.iter().map(|name| (*name).to_owned()).collect();
            ((*command).to_owned(), arguments)
        })
        .collect();
    Capabilities::new(version, commands, BTreeMap::new())
}

const ADD: (&str, &[&str]) = ("/file/add", &["contents", "name"]);
const READ: (&str, &[&str]) = ("/file/read", &["chunk-size", "file", "offset"]);

async fn router<F>(answer: F) -> Router
where
    F: Fn(&Asked) -> String + Send + Sync + 'static,
{
    let (target, _) = server(move |asked| door(asked).unwrap_or_else(|| answer(asked))).await;
    Router::connect(&target, &admin()).await.unwrap()
}

fn listing(size: u64) -> String {
    let file = format!(r#"[{{".id":"*1","name":"a","type":"backup","size":"{size}"}}]"#);
    json("200 OK", &file)
}

/// The number that an argument of a request has.
fn number(asked: &Asked, name: &str) -> usize {
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    body[name].as_str().unwrap().parse().unwrap()
}

/// A piece of a file as the router would send it: octets that are not UTF-8 as Latin-1.
fn piece(octets: &[u8]) -> String {
    let text = crate::text::read(octets);
    json("200 OK", &serde_json::json!([{ "data": text }]).to_string())
}

#[tokio::test]
async fn the_way_depends_on_version_and_size() {
    let router = router(|_| json("200 OK", "[]")).await;
    let six = can(Version::new(6, 49, 17), &[]);
    let twelve = can(Version::new(7, 12, 2), &[ADD]);
    let fifteen = can(Version::new(7, 15, 0), &[ADD, READ]);
    let ways =
        |capabilities: &Capabilities, size| Files::new(&router, capabilities).ways_to_fetch(size);
    assert_eq!(ways(&six, 4_000), [Way::Contents]);
    assert_eq!(ways(&six, 5_000), []);
    assert_eq!(ways(&twelve, 50_000), [Way::Contents]);
    assert_eq!(ways(&twelve, 70_000), []);
    assert_eq!(ways(&fifteen, 50_000), [Way::Contents, Way::Pieces]);
    assert_eq!(ways(&fifteen, 70_000), [Way::Pieces]);
    let store = |capabilities: &Capabilities, name: &str, contents: &[u8]| {
        Files::new(&router, capabilities).ways_to_store(name, contents)
    };
    assert_eq!(store(&six, "a.rsc", b"x"), [Way::Contents]);
    assert_eq!(store(&six, "a.txt", b"x"), []);
    assert_eq!(store(&fifteen, "a.rsc", b"x"), [Way::Contents]);
    assert_eq!(store(&fifteen, "a.backup", b"\xff\xfe"), []);
    assert_eq!(store(&fifteen, "a.rsc", &vec![b'x'; 70_000]), []);
    let error = Files::new(&router, &six).no_way("fetched", "a.backup", 90_000);
    assert!(error.to_string().contains("SFTP"), "{error}");
}

#[tokio::test]
async fn pieces_make_the_whole_whatever_is_in_them() {
    let binary: Vec<u8> = (0..90_000u32)
        .flat_map(|n| n.wrapping_mul(7).to_le_bytes())
        .collect();
    // A character of three octets lies across the end of each piece.
    let text = "\u{20ac}".repeat(40_000).into_bytes();
    for whole in [binary, text, b"x".repeat(70_000)] {
        let served = whole.clone();
        let router = router(move |asked| {
            if asked.line.contains("/file/print") {
                return listing(served.len() as u64);
            }
            let (from, size) = (number(asked, "offset"), number(asked, "chunk-size"));
            assert!(size <= 32_768);
            piece(&served[from..from + size])
        })
        .await;
        let capabilities = can(Version::new(7, 18, 0), &[ADD, READ]);
        let fetched = Files::new(&router, &capabilities).fetch("a").await.unwrap();
        assert!(fetched == whole);
    }
}

#[tokio::test]
async fn what_does_not_come_whole_is_refused() {
    let capabilities = can(Version::new(7, 18, 0), &[ADD, READ]);
    let cut = router(|asked| {
        if asked.line.contains("/file/print") {
            listing(70_000)
        } else {
            piece(&[b'x'; 1_000])
        }
    })
    .await;
    let error = Files::new(&cut, &capabilities)
        .fetch("a")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotWhole { .. }), "{error:?}");
    let size = Arc::new(AtomicU64::new(70_000));
    let grows = router(move |asked| {
        if asked.line.contains("/file/print") {
            listing(size.fetch_add(1, Ordering::SeqCst))
        } else {
            piece(&vec![b'x'; number(asked, "chunk-size")])
        }
    })
    .await;
    let error = Files::new(&grows, &capabilities)
        .fetch("a")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotWhole { .. }), "{error:?}");
    let within = Duration::from_millis(400);
    let error = Files::new(&grows, &capabilities)
        .settled("a", within)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("still grows"), "{error}");
    let none = router(|_| json("200 OK", "[]")).await;
    let files = Files::new(&none, &capabilities);
    assert!(matches!(
        files.fetch("a").await,
        Err(Error::NoSuchItem { .. })
    ));
    let error = files.settled("a", within).await.unwrap_err();
    assert!(error.to_string().contains("did not appear"), "{error}");
    files.remove("a").await.unwrap();
}

#[tokio::test]
async fn nothing_is_stored_where_there_is_no_room() {
    let (target, _) = server(|asked| {
        let resource = r#"[{"version":"7.18.2 (stable)","free-hdd-space":"66000"}]"#;
        match door(asked) {
            Some(_) if asked.body.contains("free-hdd-space") => json("200 OK", resource),
            Some(other) => other,
            None => panic!("{}", asked.line),
        }
    })
    .await;
    let router = Router::connect(&target, &admin()).await.unwrap();
    let capabilities = can(Version::new(7, 18, 0), &[ADD, READ]);
    let files = Files::new(&router, &capabilities);
    let error = files.store("a.rsc", &[b'x'; 1_000]).await.unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
}
