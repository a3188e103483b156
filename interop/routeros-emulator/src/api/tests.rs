//! The API over sockets, spoken to octet by octet.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::word;
use crate::{Board, Emulator, Options, Ports, Record, Release};

async fn router(release: Release) -> Emulator {
    let options = Options {
        release,
        board: Board::usual(release),
        address: [127, 0, 0, 1].into(),
        ports: Ports::Free,
        user: "admin".into(),
        password: "secret".into(),
        identity: None,
        state: None,
    };
    Emulator::start(options).await.unwrap()
}

/// A client that knows nothing but the wire.
struct Client(TcpStream);

impl Client {
    async fn connect(at: SocketAddr) -> Self {
        Self(TcpStream::connect(at).await.unwrap())
    }

    async fn logged_in(router: &Emulator) -> Self {
        let mut client = Self::connect(router.addresses()["api"]).await;
        let done = client
            .ask(&["/login", "=name=admin", "=password=secret"])
            .await;
        assert_eq!(done, [["!done"]]);
        client
    }

    async fn say(&mut self, words: &[&str]) {
        let mut wire = Vec::new();
        word::write_sentence(words, &mut wire);
        self.0.write_all(&wire).await.unwrap();
    }

    /// The next sentence. `None` at the end.
    async fn hear(&mut self) -> Option<Vec<String>> {
        let heard = word::read_sentence(&mut self.0, true);
        timeout(Duration::from_secs(10), heard).await.unwrap()
    }

    async fn must_hear(&mut self) -> Vec<String> {
        self.hear().await.unwrap()
    }

    /// All sentences up to `!done`.
    async fn ask(&mut self, words: &[&str]) -> Vec<Vec<String>> {
        self.say(words).await;
        let mut all: Vec<Vec<String>> = Vec::new();
        loop {
            assert!(all.len() < 1000, "no end: {:?}", all.last());
            let sentence = self.must_hear().await;
            let done = sentence[0] == "!done";
            all.push(sentence);
            if done {
                return all;
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_told_so_and_left() {
    let router = router(Release::V7_24).await;
    let mut client = Client::connect(router.addresses()["api"]).await;
    client.say(&["/radius/print"]).await;
    assert_eq!(client.must_hear().await, ["!fatal", "not logged in"]);
    assert_eq!(client.hear().await, None);
}

#[tokio::test]
async fn each_version_has_its_log_in() {
    for release in [Release::V6_42, Release::V6_49, Release::V7_24] {
        let router = router(release).await;
        let mut client = Client::connect(router.addresses()["api"]).await;
        let plain = client
            .ask(&["/login", "=name=admin", "=password=wrong"])
            .await;
        if release.has_plain_login() {
            let wanted = ["!trap", "=message=invalid user name or password (6)"];
            assert_eq!(plain[0], wanted);
            let old = client.ask(&["/login"]).await;
            assert_eq!(old[0][0], "!trap", "no challenge any more");
        } else {
            assert!(
                plain[0][1].starts_with("=ret="),
                "the router is old: {plain:?}"
            );
            let challenge = client.ask(&["/login"]).await[0][1].clone();
            assert_eq!(challenge.len(), "=ret=".len() + 32);
            let response = format!("=response=00{}", "0".repeat(32));
            let trap = client.ask(&["/login", "=name=admin", &response]).await;
            assert_eq!(trap[0], ["!trap", "=message=cannot log in"]);
        }
        let still = client.ask(&["/login", "=name=nobody", "=password=x"]).await;
        assert_ne!(still, [["!done"]]);
    }
}

#[tokio::test]
async fn an_empty_list_is_called_empty_from_7_18_on() {
    for (release, wanted) in [
        (Release::V7_15, vec![vec!["!done"]]),
        (Release::V7_18, vec![vec!["!empty"], vec!["!done"]]),
    ] {
        let router = router(release).await;
        let mut client = Client::logged_in(&router).await;
        assert_eq!(client.ask(&["/radius/print"]).await, wanted);
        let none = client.ask(&["/ip/service/print", "?name=nothing"]).await;
        assert_eq!(none, wanted);
        let some = client.ask(&["/system/identity/print"]).await;
        assert_eq!(some, [vec!["!re", "=name=MikroTik"], vec!["!done"]]);
    }
}

#[tokio::test]
async fn commands_with_tags_run_beside_each_other_and_can_be_cancelled() {
    let router = router(Release::V7_24).await;
    let mut client = Client::logged_in(&router).await;
    client
        .say(&["/radius/listen", ".tag=ears", "=.proplist=.id,address"])
        .await;
    // Until the listener stands it hears nothing; a command after it on the same connection
    // says nothing about when that is.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let added = client
        .ask(&["/radius/add", "=address=10.0.0.1", ".tag=adds"])
        .await;
    let mut heard = added;
    while heard.len() < 2 {
        heard.push(client.must_hear().await);
    }
    heard.sort();
    assert_eq!(
        heard,
        [
            vec!["!done", ".tag=adds", "=ret=*1"],
            vec!["!re", ".tag=ears", "=.id=*1", "=address=10.0.0.1"],
        ]
    );
    router.machine.delete("/radius", "*1");
    let gone = client.must_hear().await;
    assert_eq!(gone, ["!re", ".tag=ears", "=.id=*1", "=.dead=true"]);
    client.say(&["/cancel", "=tag=ears", ".tag=stop"]).await;
    let trap = ["!trap", ".tag=ears", "=category=2", "=message=interrupted"];
    assert_eq!(client.must_hear().await, trap);
    assert_eq!(client.must_hear().await, ["!done", ".tag=ears"]);
    assert_eq!(client.must_hear().await, ["!done", ".tag=stop"]);
    router.machine.insert("/radius", Record::new(), false);
    let after = client.ask(&["/system/identity/print"]).await;
    assert_eq!(after.len(), 2, "nobody listens any more: {after:?}");
}

#[tokio::test]
async fn a_listener_does_not_outlive_a_restart() {
    let router = router(Release::V7_24).await;
    let mut client = Client::logged_in(&router).await;
    client.say(&["/radius/listen", ".tag=ears"]).await;
    client.say(&["/log/listen", ".tag=more"]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    router.machine.reboot();
    // Nothing more comes, and the connection ends.
    while let Some(sentence) = client.hear().await {
        assert!(
            sentence.iter().any(|word| word == ".tag=more"),
            "{sentence:?}"
        );
    }
}

#[tokio::test]
async fn repeated_printing_ends_when_it_is_cancelled_without_a_tag() {
    let router = router(Release::V7_24).await;
    let mut client = Client::logged_in(&router).await;
    client
        .say(&["/system/identity/print", "=interval=0.05"])
        .await;
    let first = client.must_hear().await;
    assert_eq!(first, ["!re", "=name=MikroTik", "=.section=0"]);
    assert_eq!(client.must_hear().await[2], "=.section=1");
    client.say(&["/cancel"]).await;
    let mut last = client.must_hear().await;
    while last[0] == "!re" {
        last = client.must_hear().await;
    }
    assert_eq!(last, ["!trap", "=category=2", "=message=interrupted"]);
    assert_eq!(client.must_hear().await, ["!done"]);
    assert_eq!(client.must_hear().await, ["!done"]);
    let timed = ["/system/identity/print", "=interval=0.05", "=duration=0.12"];
    let all = client.ask(&timed).await;
    // Two or three, and on a machine with much to do one, but an end in any case.
    assert!((2..=4).contains(&all.len()), "{all:?}");
}

/// Whether a connection is closed without a word.
async fn is_closed(at: SocketAddr) -> bool {
    let mut client = Client::connect(at).await;
    let mut octet = [0];
    // A reset is as much of an end as a close.
    let read = timeout(Duration::from_secs(1), client.0.read(&mut octet)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn an_address_list_and_too_many_sessions_close_in_silence() {
    let router = router(Release::V7_24).await;
    let at = router.addresses()["api"];
    let mut client = Client::logged_in(&router).await;
    let set = ["/ip/service/set", "=numbers=api", "=max-sessions=1"];
    client.ask(&set).await;
    assert!(is_closed(at).await);
    let set = [
        "/ip/service/set",
        "=numbers=api",
        "=max-sessions=20",
        "=address=10.0.0.0/8",
    ];
    client.ask(&set).await;
    assert!(is_closed(at).await);
    client
        .ask(&["/ip/service/set", "=numbers=api", "=address=127.0.0.0/8"])
        .await;
    assert!(!is_closed(at).await);
}

#[tokio::test]
async fn a_service_listens_where_its_item_says() {
    let router = router(Release::V7_24).await;
    let old = router.addresses()["api"];
    let mut client = Client::logged_in(&router).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let port_word = format!("=port={port}");
    client
        .ask(&["/ip/service/set", "=numbers=api", &port_word])
        .await;
    let new = SocketAddr::new(old.ip(), port);
    let mut tries = 0;
    while TcpStream::connect(new).await.is_err() {
        tries += 1;
        assert!(tries < 100, "nothing listens at {new}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(TcpStream::connect(old).await.is_err());
    client.ask(&["/ip/service/disable", "=numbers=api"]).await;
    for _ in 0..100 {
        if TcpStream::connect(new).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a service that is disabled listens");
}

#[tokio::test]
async fn a_restart_and_a_removed_session_close_the_connection() {
    let router = router(Release::V7_24).await;
    let mut client = Client::logged_in(&router).await;
    let mut other = Client::logged_in(&router).await;
    let active = router.machine.read("/user/active");
    assert_eq!(active.len(), 2);
    let id = format!("=.id={}", active[0].id());
    other.ask(&["/user/active/remove", &id]).await;
    assert_eq!(client.hear().await, None);
    router.machine.reboot();
    assert_eq!(other.hear().await, None);
    Client::logged_in(&router).await;
}

fn client_config(root: rustls::RootCertStore) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(root)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn without_a_certificate_nobody_but_anonymous_is_welcome() {
    let router = router(Release::V7_24).await;
    let at = router.addresses()["api-ssl"];
    let stream = TcpStream::connect(at).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(client_config(rustls::RootCertStore::empty()));
    let error = connector.connect(name, stream).await.unwrap_err();
    assert!(error.to_string().contains("HandshakeFailure"), "{error}");

    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"\x06/login\x00").await.unwrap();
    assert_eq!(plain.read(&mut [0; 16]).await.unwrap_or(0), 0);
    let log = router.machine.read("/log");
    assert!(
        log.iter()
            .any(|line| line.get("message") == Some("ssl overflow"))
    );
}

#[tokio::test]
async fn with_a_certificate_it_is_tls() {
    let router = router(Release::V7_24).await;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let item = Record::new()
        .with("name", "api")
        .with(".chain", made.cert.pem())
        .with(".key", made.signing_key.serialize_pem());
    router.machine.insert("/certificate", item, false);
    let mut client = Client::logged_in(&router).await;
    let set = ["/ip/service/set", "=numbers=api-ssl", "=certificate=api"];
    assert_eq!(client.ask(&set).await, [["!done"]]);
    let shown = client.ask(&["/certificate/print"]).await;
    assert!(
        shown[0].iter().all(|word| !word.contains("PRIVATE")),
        "{shown:?}"
    );

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let stream = TcpStream::connect(router.addresses()["api-ssl"])
        .await
        .unwrap();
    let connector = tokio_rustls::TlsConnector::from(client_config(roots));
    let name = "127.0.0.1".try_into().unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    let mut wire = Vec::new();
    let login = ["/login", "=name=admin", "=password=secret"];
    word::write_sentence(&login, &mut wire);
    stream.write_all(&wire).await.unwrap();
    let done = word::read_sentence(&mut stream, true).await;
    assert_eq!(done, Some(vec!["!done".into()]));
}

#[tokio::test]
async fn a_state_file_brings_the_tables_back() {
    let folder = tempfile::tempdir().unwrap();
    let options = |identity: Option<&str>| Options {
        release: Release::V7_24,
        board: Board::Chr,
        address: [127, 0, 0, 1].into(),
        ports: Ports::Free,
        user: "admin".into(),
        password: "secret".into(),
        identity: identity.map(str::to_owned),
        state: Some(folder.path().join("state")),
    };
    let first = Emulator::start(options(Some("gate"))).await.unwrap();
    first
        .machine
        .insert("/radius", Record::new().with("address", "10.0.0.1"), false);
    first
        .machine
        .insert("/ppp/active", Record::new().with("name", "tim"), true);
    first.save().unwrap();
    let second = Emulator::start(options(None)).await.unwrap();
    assert_eq!(second.machine.identity(), "gate");
    assert_eq!(
        second.machine.read("/radius")[0].get("address"),
        Some("10.0.0.1")
    );
    assert!(second.machine.read("/ppp/active").is_empty());
}
