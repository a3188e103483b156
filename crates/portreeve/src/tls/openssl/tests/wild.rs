//! What networks and strangers do to datagrams.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UdpSocket,
    time::timeout,
};

use super::{
    super::{
        association::Association,
        case::{Case, Judge},
        connect_dtls, context,
        cookie::FirstHello,
    },
    setting::{World, exchange, limits, listen, meet, meet_at, nas1, packet, psk12, read},
};
use crate::tls::{
    ClientConfig, Hangup, TlsVersion, Versions,
    openssl::{DtlsLimits, DtlsListener},
};

/// What becomes of a datagram.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Passes,
    IsLost,
    ComesTwice,
    /// It comes after the one that follows it in its direction.
    ComesLate,
}

/// Stands between a client and a server. Both directions are counted together.
async fn relay(
    server: SocketAddr,
    fate: impl Fn(usize) -> Fate + Send + Sync + 'static,
) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    back.connect(server).await.unwrap();
    let address = front.local_addr().unwrap();
    let client = Arc::new(Mutex::new(None));
    let number = Arc::new(Mutex::new(0));
    let fate = Arc::new(fate);
    for inward in [true, false] {
        let (front, back, client) = (Arc::clone(&front), Arc::clone(&back), Arc::clone(&client));
        let (number, fate) = (Arc::clone(&number), Arc::clone(&fate));
        tokio::spawn(async move {
            let mut late = None;
            let mut octets = vec![0; 5000];
            loop {
                let length = if inward {
                    let (length, from) = front.recv_from(&mut octets).await.unwrap();
                    *client.lock().unwrap() = Some(from);
                    length
                } else {
                    back.recv(&mut octets).await.unwrap()
                };
                let datagram = octets[..length].to_vec();
                let its_fate = {
                    let mut number = number.lock().unwrap();
                    *number += 1;
                    fate(*number - 1)
                };
                let mut out = match its_fate {
                    Fate::Passes => vec![datagram],
                    Fate::IsLost => vec![],
                    Fate::ComesTwice => vec![datagram.clone(), datagram],
                    Fate::ComesLate => {
                        late = Some(datagram);
                        continue;
                    }
                };
                out.extend(late.take());
                for datagram in out {
                    if inward {
                        back.send(&datagram).await.unwrap();
                    } else {
                        let to = client.lock().unwrap().unwrap();
                        front.send_to(&datagram, to).await.unwrap();
                    }
                }
            }
        });
    }
    address
}

/// A client is served whichever one of the datagrams is touched. OpenSSL sends a flight again after
/// 1 s, and when what it answers comes again.
async fn survives(touch: Fate) {
    let world = Arc::new(World::new());
    let mut tasks = tokio::task::JoinSet::new();
    for touched in 0..8 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let listener = listen(world.server(), DtlsLimits::default()).await;
            let fate = move |n| if n == touched { touch } else { Fate::Passes };
            let at = relay(listener.local_addr(), fate).await;
            let echo = tokio::spawn(echo(listener));
            let limit = Duration::from_secs(20);
            let met = connect_dtls(&world.client(), at, None, limit).await;
            let (mut far, _) = met.unwrap_or_else(|refused| panic!("{touched}: {refused}"));
            let mut served = false;
            for number in 1..4 {
                // This one may be the one that is touched.
                far.write_all(&packet(1000, number)).await.unwrap();
                let mut octets = vec![0; 1000];
                let echoed = timeout(Duration::from_secs(1), far.read_exact(&mut octets)).await;
                served |= echoed.is_ok_and(|read| read.is_ok());
            }
            assert!(served, "{touched}");
            drop(far);
            echo.await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Sends back what the first client sends, until it closes.
async fn echo(mut listener: DtlsListener) {
    let (mut near, _) = listener.accept().await.0.unwrap();
    let mut octets = vec![0; 1000];
    while near.read(&mut octets).await.unwrap() > 0 {
        near.write_all(&octets).await.unwrap();
    }
}

#[tokio::test]
async fn handshake_survives_loss() {
    survives(Fate::IsLost).await;
}

#[tokio::test]
async fn handshake_survives_repetition() {
    survives(Fate::ComesTwice).await;
}

#[tokio::test]
async fn handshake_survives_disorder() {
    survives(Fate::ComesLate).await;
}

#[tokio::test]
async fn packets_come_once_though_datagrams_come_twice_and_late() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let fate = |n: usize| match n {
        0..16 => Fate::Passes,
        _ if n.is_multiple_of(3) => Fate::ComesLate,
        _ => Fate::ComesTwice,
    };
    let at = relay(listener.local_addr(), fate).await;
    let (server, client) = meet_at(&mut listener, &world.client(), at, limits().handshake).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    for number in 0..40 {
        far.write_all(&packet(50, number)).await.unwrap();
    }
    let mut seen = Vec::new();
    while let Ok(octets) = timeout(Duration::from_millis(500), read(&mut near)).await {
        seen.push(octets[10]);
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), seen.len(), "nothing twice: {seen:?}");
    assert!(
        sorted.len() >= 39,
        "at most the last one is still late: {seen:?}"
    );
    assert_ne!(sorted, seen, "the relay does reorder");
}

#[tokio::test]
async fn strangers_leave_nothing_behind() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let at = listener.local_addr();
    let greeting = greeting(&world.client());
    let mut asked = 0;
    for _ in 0..50 {
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..20 {
            stranger.send_to(&greeting, at).await.unwrap();
            stranger.send_to(b"no DTLS at all", at).await.unwrap();
            stranger.send_to(&greeting[..30], at).await.unwrap();
        }
        let mut request = [0; 200];
        let length = timeout(Duration::from_secs(5), stranger.recv(&mut request)).await;
        let length = length.expect("an answer").unwrap();
        assert!(
            length < greeting.len(),
            "no answer is longer than its question"
        );
        asked += 1;
    }
    assert_eq!(asked, 50);
    assert!(listener.counters().asked() >= 50);
    assert!(listener.counters().stray() >= 50);
    assert_eq!(
        listener.counters().half_open_full(),
        0,
        "nobody got that far"
    );
    let (server, client) = meet(&mut listener, &world.client()).await;
    exchange(&mut server.unwrap().0, &mut client.unwrap().0).await;
}

/// The first datagram of a client.
fn greeting(client: &ClientConfig) -> Vec<u8> {
    begin(client).depart().remove(0)
}

fn begin(client: &ClientConfig) -> Association {
    let judge = Judge::Client(Arc::clone(&client.wanted), Arc::clone(&client.clock));
    let case = Case::new(judge, Versions::default(), TlsVersion::V1_2);
    let mut ssl = context::dtls_client(client.identity()).unwrap();
    case.attach(&mut ssl).unwrap();
    let mut association = Association::open(ssl).unwrap();
    assert!(!association.handshake().unwrap());
    association
}

/// A client that owns its address and goes no further than the cookie.
async fn tease(at: SocketAddr, client: &ClientConfig) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(at).await.unwrap();
    tease_from(&socket, client).await;
    socket
}

async fn tease_from(socket: &UdpSocket, client: &ClientConfig) {
    let mut association = begin(client);
    let first = association.depart().remove(0);
    assert!(FirstHello::read(&first).is_some());
    socket.send(&first).await.unwrap();
    let mut octets = vec![0; 2000];
    let length = socket.recv(&mut octets).await.unwrap();
    association.arrive(octets[..length].to_vec());
    assert!(!association.handshake().unwrap());
    for datagram in association.depart() {
        socket.send(&datagram).await.unwrap();
    }
    let length = socket.recv(&mut octets).await.unwrap();
    assert_eq!(octets[..1], [22], "a handshake has begun, {length} octets");
}

#[tokio::test]
async fn unfinished_handshakes_are_bounded() {
    let world = World::new();
    let limits = DtlsLimits {
        half_open: 2,
        handshake: Duration::from_secs(2),
        ..DtlsLimits::default()
    };
    let mut listener = listen(world.server(), limits).await;
    let at = listener.local_addr();
    let teasers = [
        tease(at, &world.client()).await,
        tease(at, &world.client()).await,
    ];
    let limit = Duration::from_millis(1300);
    let third = connect_dtls(&world.client(), at, None, limit).await;
    assert!(third.is_err());
    assert!(listener.counters().half_open_full() >= 1);
    for _ in &teasers {
        assert!(
            listener.accept().await.0.is_err(),
            "they are given up in time"
        );
    }
    let (server, client) = meet(&mut listener, &world.client()).await;
    exchange(&mut server.unwrap().0, &mut client.unwrap().0).await;
}

#[tokio::test]
async fn beginning_anew_from_an_address_ends_nothing_until_it_is_done() {
    let world = World::new();
    let mut listener = listen(world.server(), limits()).await;
    let at = relay(listener.local_addr(), |_| Fate::Passes).await;
    let limit = limits().handshake;
    let (server, client) = meet_at(&mut listener, &world.client(), at, limit).await;
    let (mut near, mut far) = (server.unwrap().0, client.unwrap().0);
    // The relay makes this one come from the address of the first; it stops half-way.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(at).await.unwrap();
    tease_from(&socket, &world.client()).await;
    far.write_all(&packet(30, 9)).await.unwrap();
    assert_eq!(
        read(&mut near).await,
        packet(30, 9),
        "the first association still stands"
    );
    let (abandoned, client) = meet_at(&mut listener, &world.client(), at, limit).await;
    assert_eq!(abandoned.err().unwrap().reason, Hangup::PeerVanished);
    let server = listener.accept().await.0;
    exchange(&mut server.unwrap().0, &mut client.unwrap().0).await;
    assert_eq!(
        read(&mut near).await,
        [0; 0],
        "it ends when another one is done"
    );
}

#[tokio::test]
async fn padding_is_cut_off_and_nonsense_ends_the_association() {
    let world = World::new();
    let config = world.server().peer(nas1().psk(psk12()));
    let mut listener = listen(config, limits()).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(listener.local_addr()).await.unwrap();
    let mut association = begin(&world.client());
    let mut octets = vec![0; 5000];
    loop {
        for datagram in association.depart() {
            socket.send(&datagram).await.unwrap();
        }
        if association.handshake().unwrap() {
            break;
        }
        let got = timeout(Duration::from_millis(300), socket.recv(&mut octets)).await;
        if let Ok(length) = got {
            association.arrive(octets[..length.unwrap()].to_vec());
        }
    }
    let (mut near, _) = listener.accept().await.0.unwrap();
    let padded = [packet(40, 1), vec![0xee; 25]].concat();
    association.send(&padded).unwrap();
    association.send(&packet(4096, 2)).unwrap();
    // Two records in one datagram are two packets.
    let datagrams = association.depart();
    assert_eq!(datagrams.len(), 2);
    socket.send(&datagrams.concat()).await.unwrap();
    assert_eq!(read(&mut near).await, packet(40, 1));
    assert_eq!(read(&mut near).await, packet(4096, 2));
    let mut short = packet(40, 3);
    short[3] = 41;
    association.send(&short).unwrap();
    socket.send(&association.depart()[0]).await.unwrap();
    let error = near.read(&mut octets).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}
