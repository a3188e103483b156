//! The `openssl` program as the other end.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{
    super::connect_dtls,
    setting::{KEY, World, limits, listen, nas1, packet, psk, psk12, read},
};
use crate::tls::{Acceptor, ClientConfig, Stream, TlsVersion};

const PATIENCE: Duration = Duration::from_secs(10);

fn hexadecimal(octets: &[u8]) -> String {
    octets
        .iter()
        .fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
}

/// A child that does not outlive the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn openssl(arguments: &[&str]) -> Program {
    let child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs the program `openssl` on the PATH (Debian: apt install openssl)");
    Program(child)
}

/// A packet without octets that would be a command to the program.
fn letters() -> Vec<u8> {
    let mut octets = vec![b'A'; 0x0120];
    octets[2..4].copy_from_slice(&[0x01, 0x20]);
    octets
}

/// What the program is told goes to the association, and back.
async fn converse(program: &mut Program, stream: &mut Box<dyn Stream>) {
    let asked = letters();
    let mut stdin = program.0.stdin.take().unwrap();
    stdin.write_all(&asked).unwrap();
    stdin.flush().unwrap();
    let mut got = vec![0; asked.len()];
    timeout(PATIENCE, stream.read_exact(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got, asked);
    stream.write_all(&packet(40, b'z')).await.unwrap();
    stream.flush().await.unwrap();
    let mut stdout = program.0.stdout.take().unwrap();
    let wanted = [b'z'; 36];
    let shown = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        let mut octets = [0; 4096];
        while !shown.windows(wanted.len()).any(|window| window == wanted) {
            let count = stdout.read(&mut octets).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&shown));
            shown.extend_from_slice(&octets[..count]);
        }
    });
    let shown = timeout(PATIENCE, shown).await;
    if shown.is_err() {
        // So that the thread that reads from it comes to its end.
        drop(program.0.kill());
    }
    shown.expect("the program shows what it got").unwrap();
}

#[tokio::test]
async fn s_client_with_a_key_on_dtls() {
    let config = World::new().bare_server().peer(nas1().psk(psk12()));
    let mut listener = listen(config, limits()).await;
    let (at, key) = (listener.local_addr().to_string(), hexadecimal(KEY));
    let arguments = [
        "-dtls1_2",
        "-connect",
        &at,
        "-psk_identity",
        "nas1@example",
        "-psk",
        &key,
    ];
    let mut program = openssl(&[&["s_client", "-quiet"][..], &arguments].concat());
    let met = timeout(PATIENCE, listener.accept()).await.unwrap().0;
    let (mut stream, session) = met.unwrap();
    assert_eq!(session.tls(), TlsVersion::Dtls1_2);
    converse(&mut program, &mut stream).await;
}

/// What makes the program show the client's certificate, in files.
fn shown(world: &World) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (chain, key) = (file("chain", &world.client.0), file("key", &world.client.1));
    let ca = file("ca", &world.ca);
    let arguments = [
        "-cert",
        &chain,
        "-key",
        &key,
        "-CAfile",
        &ca,
        "-verify_return_error",
    ];
    (folder, arguments.map(str::to_owned).to_vec())
}

#[tokio::test]
async fn s_client_with_a_certificate_on_dtls() {
    let world = World::new();
    let (_folder, files) = shown(&world);
    let mut listener = listen(world.server(), limits()).await;
    let at = listener.local_addr().to_string();
    let mut arguments = vec!["s_client", "-quiet", "-dtls1_2", "-connect", &at];
    arguments.extend(files.iter().map(String::as_str));
    let mut program = openssl(&arguments);
    let met = timeout(PATIENCE, listener.accept()).await.unwrap().0;
    let (mut stream, session) = met.unwrap();
    assert_eq!(&**session.peer().unwrap().name(), "nas1");
    converse(&mut program, &mut stream).await;
}

#[tokio::test]
async fn port_with_keys_serves_certificates_too() {
    let world = World::new();
    let (_folder, files) = shown(&world);
    let acceptor = Acceptor::new(world.server().peer(nas1().psk(psk()))).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let mut arguments = vec!["s_client", "-quiet", "-connect", &at];
    arguments.extend(files.iter().map(String::as_str));
    let mut program = openssl(&arguments);
    let (io, from) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (mut stream, session) = acceptor.accept(io, from).await.unwrap();
    assert!(session.certificate().is_some() && session.psk_identity().is_none());
    converse(&mut program, &mut stream).await;
}

#[tokio::test]
async fn s_server_with_a_key_on_dtls() {
    let free = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let (accept, key) = (at.to_string(), hexadecimal(KEY));
    let arguments = [
        "-dtls1_2", "-listen", "-nocert", "-accept", &accept, "-psk", &key,
    ];
    let identity = ["-psk_identity", "nas1@example", "-quiet"];
    let mut program = openssl(&[&["s_server"][..], &arguments, &identity].concat());
    let client = ClientConfig::with_psk(psk12()).unwrap();
    let mut tries = 0;
    let (mut stream, session) = loop {
        match connect_dtls(&client, at, None, Duration::from_secs(5)).await {
            Ok(met) => break met,
            Err(refused) => assert!(tries < 20, "{refused}"),
        }
        tries += 1;
        sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(session.tls(), TlsVersion::Dtls1_2);
    converse(&mut program, &mut stream).await;
}

#[tokio::test]
async fn s_client_with_a_key_on_tcp() {
    for (psk, version, tls) in [
        (psk(), "-tls1_3", TlsVersion::V1_3),
        (psk12(), "-tls1_2", TlsVersion::V1_2),
    ] {
        let config = World::new().bare_server().peer(nas1().psk(psk));
        let acceptor = Acceptor::new(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, key) = (listener.local_addr().unwrap().to_string(), hexadecimal(KEY));
        let arguments = [
            "-connect",
            &at,
            "-psk_identity",
            "nas1@example",
            "-psk",
            &key,
        ];
        let mut program = openssl(&[&["s_client", "-quiet", version][..], &arguments].concat());
        let (io, from) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let (mut stream, session) = acceptor.accept(io, from).await.unwrap();
        assert_eq!(session.tls(), tls);
        converse(&mut program, &mut stream).await;
    }
}

#[tokio::test]
async fn s_server_with_a_key_on_tcp() {
    let free = StdTcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let (accept, key) = (at.to_string(), hexadecimal(KEY));
    let arguments = [
        "-tls1_3", "-nocert", "-accept", &accept, "-psk", &key, "-quiet",
    ];
    let identity = ["-psk_identity", "nas1@example"];
    let mut program = openssl(&[&["s_server"][..], &arguments, &identity].concat());
    let client = ClientConfig::with_psk(psk()).unwrap();
    let mut tries = 0;
    let io = loop {
        match TcpStream::connect(at).await {
            Ok(io) => break io,
            Err(error) => assert!(tries < 50, "{error}"),
        }
        tries += 1;
        sleep(Duration::from_millis(100)).await;
    };
    let (mut stream, session) = client.connect(io, at).await.unwrap();
    assert_eq!(session.tls(), TlsVersion::V1_3);
    converse(&mut program, &mut stream).await;
}

#[tokio::test]
async fn letters_are_one_packet() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let (server, client) = super::setting::meet(&mut listener, &world.client()).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    far.write_all(&letters()).await.unwrap();
    assert_eq!(read(&mut near).await, letters());
}
