use std::{path::Path, time::Duration};

use axum::routing::{get, post};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

use super::*;
use crate::{
    authority::{self, KeyType, Names, Order, Reason},
    data::DataDir,
};

struct Site {
    folder: TempDir,
    shared: Shared,
    open: Open,
}

fn authority(folder: &Path) -> Authority {
    let data = DataDir::locate(Some(folder.join("data")));
    data.make_ready().unwrap();
    let now = authority::now();
    let names = Names::default();
    let (authority, _) = Authority::ensure(&data, &names, now).unwrap();
    let mut authority = authority.answering();
    authority.keep(&names, now).unwrap();
    authority
}

async fn site_with(limits: impl FnOnce(&mut Limits), config: config::Portal) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    shared.store(Some(Arc::new(authority(folder.path()))));
    let mut set = Limits::new(config.connections);
    limits(&mut set);
    let echo = post(|body: String| async move { body });
    let portal = Portal::new(Arc::clone(&shared))
        .public(Router::new().route("/open", get(|| async { "for all" })))
        .private(Router::new().route("/secret", get(|| async { "for one" })))
        .private(Router::new().route("/echo", echo));
    let open = portal.open_within(&config, set).await.unwrap();
    Site {
        folder,
        shared,
        open,
    }
}

fn both() -> config::Portal {
    config::Portal {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: vec!["127.0.0.1:0".parse().unwrap()],
        ..config::Portal::default()
    }
}

async fn site() -> Site {
    site_with(|_| {}, both()).await
}

struct Said {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines();
        lines.find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// One request on a connection that ends with it.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &[u8],
) -> Said {
    let length = body.len();
    let head =
        format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever is refused need not be heard out.
    stream.write_all(body).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer to {head}"));
    let headers = String::from_utf8(answer[..end].to_vec()).unwrap();
    Said {
        status: headers[9..12].parse().unwrap(),
        headers,
        body: answer[end + 4..].to_vec(),
    }
}

impl Site {
    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.open.http[0]).await.unwrap()
    }

    async fn get(&self, path: &str) -> Said {
        exchange(self.plain().await, &format!("GET {path} HTTP/1.1"), b"").await
    }

    async fn secured(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        let own = self.shared.load_full().unwrap();
        let mut roots = RootCertStore::empty();
        let root = own.bundle()[0].clone();
        roots.add(CertificateDer::from(root)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(own.server_name().unwrap().to_owned()).unwrap();
        let stream = TcpStream::connect(self.open.https[0]).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }
}

#[tokio::test]
async fn what_the_ca_signs_is_served_and_may_be_kept_for_a_while() {
    let site = site().await;
    let own = site.shared.load_full().unwrap();
    let said = site.get("/ca.crt").await;
    assert_eq!((said.status, &said.body), (200, &own.bundle()[0]));
    assert_eq!(said.header("content-type"), Some("application/pkix-cert"));
    let said = site.get("/ca.crl").await;
    let list = authority::blocks(own.crl_pem().unwrap(), |_| true);
    assert_eq!((said.status, &said.body), (200, &list[0]));
    assert_eq!(said.header("content-type"), Some("application/pkix-crl"));
    let control = said.header("cache-control").unwrap();
    assert_eq!(
        control,
        "max-age=600, public, no-transform, must-revalidate"
    );
    for header in ["expires", "last-modified", "etag", "x-content-type-options"] {
        assert!(said.header(header).is_some(), "{header}: {}", said.headers);
    }
    let tag = said.header("etag").unwrap();
    let again = format!("GET /ca.crl HTTP/1.1\r\nIf-None-Match: {tag}");
    let again = exchange(site.plain().await, &again, b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[tokio::test]
async fn nothing_else_is_served() {
    let site = site().await;
    for path in [
        "/",
        "/ca.key",
        "/ca",
        "/CA.CRT",
        "/ca.crt/",
        "/../ca.key",
        "/ocsp/../ca.key/x",
        "//ca.crt",
        "/secret",
        "/%2e%2e/portreeve.db",
    ] {
        let said = site.get(path).await;
        // Below /ocsp/ everything is a request, and this is none.
        let ocsp = path.starts_with("/ocsp/");
        assert_eq!(said.status, if ocsp { 200 } else { 404 }, "{path}");
        assert!(said.body.len() < 10, "{path}");
        assert_eq!(said.header("cache-control"), Some("no-store"));
        let policy = said.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"));
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"] {
        let said = exchange(
            site.plain().await,
            &format!("{method} /ca.crt HTTP/1.1"),
            b"",
        )
        .await;
        assert_eq!(said.status, 405, "{method}");
    }
}

#[tokio::test]
async fn what_is_for_one_person_is_served_over_tls_only() {
    let site = site().await;
    for (path, body) in [("/secret", "for one"), ("/open", "for all")] {
        let said = exchange(site.secured().await, &format!("GET {path} HTTP/1.1"), b"").await;
        assert_eq!((said.status, &said.body[..]), (200, body.as_bytes()));
        assert_eq!(said.header("cache-control"), Some("no-store"));
    }
    assert_eq!(site.get("/open").await.body, b"for all");
    assert_eq!(site.get("/secret").await.status, 404);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let site = site().await;
    let shown = |stream: &tokio_rustls::client::TlsStream<TcpStream>| {
        let (_, connection) = stream.get_ref();
        connection.peer_certificates().unwrap()[0].to_vec()
    };
    let before = shown(&site.secured().await);
    let mut own = Authority::clone(&site.shared.load_full().unwrap());
    own.renew(&Names::default(), authority::now()).unwrap();
    site.shared.store(Some(Arc::new(own)));
    let deadline = Instant::now() + Duration::from_secs(5);
    while shown(&site.secured().await) == before {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_long_body_is_refused() {
    let site = site().await;
    let head = "POST /echo HTTP/1.1\r\nContent-Type: text/plain";
    let fits = vec![b'a'; BODY_MAX];
    let said = exchange(site.secured().await, head, &fits).await;
    assert_eq!((said.status, said.body.len()), (200, BODY_MAX));
    let long = vec![b'a'; BODY_MAX + 1];
    assert_eq!(
        exchange(site.secured().await, head, &long).await.status,
        413
    );
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait() {
    let site = site().await;
    let mut refused = 0;
    for _ in 0..90 {
        let said = site.get("/open").await;
        if said.status == 429 {
            refused += 1;
            assert!(said.header("retry-after").is_some());
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_connection_that_is_silent_or_slow_or_talks_without_end_is_ended() {
    let short = |limits: &mut Limits| {
        limits.silence = Duration::from_millis(300);
        limits.life = Duration::from_millis(900);
    };
    let site = site_with(short, both()).await;
    let ended = async |stream: &mut TcpStream| {
        let mut rest = Vec::new();
        let start = Instant::now();
        timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
            .await
            .unwrap()
            .ok();
        (start.elapsed(), rest)
    };
    let mut silent = site.plain().await;
    let (after, _) = ended(&mut silent).await;
    assert!(after >= Duration::from_millis(250), "{after:?}");
    // A drop now and then keeps it from being silent, not from being old.
    let (mut reader, mut writer) = site.plain().await.into_split();
    let dripping = tokio::spawn(async move {
        writer
            .write_all(b"GET /open HTTP/1.1\r\nX: ")
            .await
            .unwrap();
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let start = Instant::now();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(10), reader.read_to_end(&mut rest))
        .await
        .unwrap()
        .ok();
    assert!(
        start.elapsed() >= Duration::from_millis(800),
        "{:?}",
        start.elapsed()
    );
    drop(reader);
    timeout(Duration::from_secs(10), dripping)
        .await
        .unwrap()
        .unwrap();
    // Headers without end.
    let mut endless = site.plain().await;
    endless.write_all(b"GET /open HTTP/1.1\r\n").await.unwrap();
    let line = format!("X: {}\r\n", "x".repeat(1_000));
    let mut sent = 0;
    while sent < 4 << 20 && endless.write_all(line.as_bytes()).await.is_ok() {
        sent += line.len();
    }
    assert!(sent < 4 << 20, "it may send for ever");
}

#[tokio::test]
async fn connections_are_few_for_each_address() {
    let site = site().await;
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(site.plain().await);
    }
    // The door has to have taken them first.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let mut one_more = site.plain().await;
        let mut octet = [0];
        let read = timeout(Duration::from_millis(300), one_more.read(&mut octet)).await;
        if matches!(read, Ok(Ok(0) | Err(_))) {
            break;
        }
        assert!(Instant::now() < deadline, "the seventeenth was let in");
    }
    held.clear();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(site.get("/open").await.status, 200);
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_shown_and_a_bad_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let other = authority(folder.path());
    let identity = other.server_identity().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let mut config = config::Portal {
        certificate: file("a.pem", &identity.chain_pem),
        key: file("a.key", &identity.key_pem),
        ..both()
    };
    let site = site_with(|_| {}, config.clone()).await;
    site.shared.store(Some(Arc::new(other)));
    let said = exchange(site.secured().await, "GET /secret HTTP/1.1", b"").await;
    assert_eq!(said.status, 200);
    config.key = file("b.key", "nothing");
    let refused = Portal::new(Shared::default())
        .open(&config)
        .await
        .map(|_| ());
    let words = refused.unwrap_err().to_string();
    assert!(
        words.contains("portal.key") && words.contains("b.key"),
        "{words}"
    );
    // Our own CA may be in trouble without that keeping others from being served.
    let open = Portal::new(Shared::default()).open(&both()).await.unwrap();
    assert_eq!((open.http.len(), open.https.len()), (1, 0));
    drop(site.folder);
}

#[tokio::test]
async fn a_revocation_is_told_at_once_by_both_ways_of_asking() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let site = site().await;
    let mut own = Authority::clone(&site.shared.load_full().unwrap());
    let issued = own
        .issue(&Order::user("tim", None, KeyType::P256), authority::now())
        .unwrap();
    let request = authority::ocsp::request_for(&issued.der, &own.bundle()[0], None).unwrap();
    let post = "POST /ocsp HTTP/1.1\r\nContent-Type: application/ocsp-request";
    let encoded = STANDARD.encode(&request);
    let escaped = encoded
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    // [0] IMPLICIT NULL, and [1] with the time.
    let is_good = |body: &[u8]| body.windows(2).any(|two| two == [0x80, 0]);
    let is_revoked = |body: &[u8]| {
        body.windows(4)
            .any(|four| four[0] == 0xa1 && four[2..] == [0x18, 15])
    };
    for revoked in [false, true] {
        if revoked {
            let serial = issued.record.serial.as_str();
            own.revoke(
                &[serial],
                Reason::Unspecified,
                &Names::default(),
                authority::now(),
            )
            .unwrap();
            site.shared.store(Some(Arc::new(own.clone())));
        }
        for said in [
            exchange(site.plain().await, post, &request).await,
            site.get(&format!("/ocsp/{encoded}")).await,
            site.get(&format!("/ocsp/{escaped}")).await,
        ] {
            assert_eq!(said.status, 200);
            assert_eq!(
                said.header("content-type"),
                Some("application/ocsp-response")
            );
            assert!(
                said.header("cache-control")
                    .unwrap()
                    .starts_with("max-age=600")
            );
            assert_eq!(
                (is_good(&said.body), is_revoked(&said.body)),
                (!revoked, revoked)
            );
        }
    }
    let said = exchange(site.plain().await, "POST /ocsp HTTP/1.1", &request).await;
    assert_eq!(said.status, 415);
}
