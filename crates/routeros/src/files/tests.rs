//! Which way is taken.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Login, Target, Transport, Version};

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

/// A server that only lets one log in, to have a router.
async fn router() -> Router {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = Target::new("127.0.0.1", Transport::Rest);
    target.port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        for answer in [
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        ] {
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Router::connect(&target, &Login::new("admin", ""))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_way_depends_on_version_and_size() {
    let router = router().await;
    let add: (&str, &[&str]) = ("/file/add", &["contents", "name"]);
    let read: (&str, &[&str]) = ("/file/read", &["chunk-size", "file", "offset"]);
    let six = can(Version::new(6, 49, 17), &[]);
    let twelve = can(Version::new(7, 12, 2), &[add]);
    let fifteen = can(Version::new(7, 15, 0), &[add, read]);
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
    assert_eq!(store(&six, "a.txt", b"x"), [Way::Contents]);
    assert_eq!(store(&six, "a.rsc", b"x"), []);
    assert_eq!(store(&fifteen, "a.rsc", b"x"), [Way::Contents]);
    assert_eq!(store(&fifteen, "a.backup", b"\xff\xfe"), []);
    assert_eq!(store(&fifteen, "a.rsc", &vec![b'x'; 70_000]), []);
    let error = Files::new(&router, &six).no_way("fetched", "a.backup", 90_000);
    assert!(error.to_string().contains("SFTP"), "{error}");
}
