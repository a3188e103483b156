//! Sockets on the loopback interface: what a server and its peers see of each other.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test, as tests do"
)]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use portreeve_udp::{Batch, BindFault, LONGEST, Local, Options, Outbox, SendFault, Socket};

const PATIENCE: Duration = Duration::from_secs(20);

fn bound(address: &str) -> Socket {
    Socket::bind(address.parse().unwrap(), &Options::default()).unwrap()
}

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// Receives once, but waits until something is there.
fn receive(socket: &Socket, batch: &mut Batch) -> usize {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let count = socket.receive(batch).unwrap();
        if count > 0 {
            return count;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing arrived");
}

fn local(address: &str) -> Local {
    Local {
        address: address.parse().unwrap(),
        interface: 0,
    }
}

/// Answers everything that waits with its own octets.
fn echo(socket: &Socket, batch: &mut Batch, outbox: &mut Outbox) -> usize {
    let count = receive(socket, batch);
    for datagram in batch.iter() {
        outbox
            .push_slice(datagram.from, datagram.local(), datagram.bytes)
            .unwrap();
    }
    let report = socket.send(outbox);
    assert_eq!(
        (report.sent, report.kept, report.failed.total()),
        (count, 0, 0)
    );
    count
}

#[test]
fn reply_leaves_from_the_address_that_was_asked() {
    let server = bound("0.0.0.0:0");
    let port = server.local_addr().port();
    let asked = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
    let clients = asked.map(|address| {
        let client = client("127.0.0.1:0");
        // A connected socket takes answers from this very address only.
        client.connect((address, port)).unwrap();
        client.send(address.as_bytes()).unwrap();
        client
    });
    let (mut batch, mut outbox) = (Batch::new(), Outbox::new());
    let mut answered = 0;
    while answered < asked.len() {
        answered += echo(&server, &mut batch, &mut outbox);
        for datagram in batch.iter() {
            let to: IpAddr = str::from_utf8(datagram.bytes).unwrap().parse().unwrap();
            assert_eq!(datagram.to, Some(to));
            assert!(datagram.interface > 0);
        }
    }
    for (client, address) in clients.iter().zip(asked) {
        let mut buffer = [0; 64];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], address.as_bytes());
    }
}

#[test]
fn reply_from_another_address_does_not_reach_a_connected_peer() {
    let server = bound("0.0.0.0:0");
    let client = client("127.0.0.1:0");
    client
        .connect(("127.0.0.2", server.local_addr().port()))
        .unwrap();
    let peer = client.local_addr().unwrap();
    let mut outbox = Outbox::new();
    outbox
        .push_slice(peer, Some(local("127.0.0.3")), b"wrong")
        .unwrap();
    outbox
        .push_slice(peer, Some(local("127.0.0.2")), b"right")
        .unwrap();
    assert_eq!(server.send(&mut outbox).sent, 2);
    let mut buffer = [0; 64];
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    assert_eq!(&buffer[..5], b"right");
}

#[test]
fn ipv6_is_answered_from_the_address_that_was_asked() {
    let server = bound("[::]:0");
    let client = client("[::1]:0");
    client.connect(("::1", server.local_addr().port())).unwrap();
    client.send(b"six").unwrap();
    let mut batch = Batch::new();
    assert_eq!(echo(&server, &mut batch, &mut Outbox::new()), 1);
    let datagram = batch.iter().next().unwrap();
    assert_eq!(datagram.from, client.local_addr().unwrap());
    assert_eq!(datagram.local(), Some(local("::1")));
    assert_eq!(client.recv(&mut [0; 64]).unwrap(), 3);
}

/// The link-local addresses of this machine with their interfaces; none on a machine without.
fn link_local_addresses() -> Vec<SocketAddr> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let scope = u32::from_str_radix(fields.next()?, 16).ok()?;
        // The flags, third from here, tell addresses that are not usable (yet).
        let flags = u8::from_str_radix(fields.nth(2)?, 16).ok()?;
        let unusable = flags & 0x48 != 0;
        let address = std::net::Ipv6Addr::from(address);
        (address.is_unicast_link_local() && !unusable)
            .then(|| std::net::SocketAddrV6::new(address, 0, 0, scope).into())
    };
    table.lines().filter_map(parse).collect()
}

#[test]
fn link_local_peer_is_answered_through_its_interface() {
    for address in link_local_addresses() {
        let server = bound("[::]:0");
        let client = UdpSocket::bind(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut asked = address;
        asked.set_port(server.local_addr().port());
        client.connect(asked).unwrap();
        client.send(b"link").unwrap();
        let mut batch = Batch::new();
        assert_eq!(echo(&server, &mut batch, &mut Outbox::new()), 1);
        let datagram = batch.iter().next().unwrap();
        assert_eq!(datagram.from, client.local_addr().unwrap());
        let SocketAddr::V6(asked) = asked else {
            panic!("not IPv6")
        };
        assert_eq!(
            datagram.local().map(|local| local.interface),
            Some(asked.scope_id())
        );
        assert_eq!(client.recv(&mut [0; 64]).unwrap(), 4);
    }
}

#[test]
fn ipv6_socket_leaves_the_port_to_ipv4() {
    // Another test may have that very port on IPv4, so one of several must do.
    let both = (0..20).any(|_| {
        let six = bound("[::]:0");
        let four = SocketAddr::from(([127, 0, 0, 77], six.local_addr().port()));
        Socket::bind(four, &Options::default()).is_ok()
    });
    assert!(both);
}

#[test]
fn more_datagrams_than_slots_come_in_several_batches_in_order() {
    let server = bound("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for number in 0..100_u8 {
        client.send_to(&[number], server.local_addr()).unwrap();
    }
    let mut batch = Batch::new();
    let (mut seen, mut calls) = (Vec::new(), 0);
    while seen.len() < 100 {
        calls += 1;
        assert_eq!(receive(&server, &mut batch), batch.len());
        assert!(batch.len() <= batch.slots());
        seen.extend(batch.iter().map(|datagram| datagram.bytes[0]));
    }
    assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    assert!(calls >= 4);
    assert_eq!(server.receive(&mut batch).unwrap(), 0);
    assert!(batch.is_empty() && batch.iter().next().is_none());
}

#[test]
fn one_call_fills_a_large_batch() {
    let server = bound("127.0.0.1:0");
    let sender = bound("127.0.0.1:0");
    let mut outbox = Outbox::with_capacity(64);
    for number in 0..64_u8 {
        outbox
            .push_slice(server.local_addr(), None, &[number; 20])
            .unwrap();
    }
    assert_eq!(sender.send(&mut outbox).sent, 64);
    let mut batch = Batch::with_slots(1000);
    assert_eq!(batch.slots(), 64);
    let mut seen = Vec::new();
    while seen.len() < 64 {
        receive(&server, &mut batch);
        seen.extend(
            batch
                .iter()
                .map(|datagram| (datagram.length, datagram.bytes[19])),
        );
    }
    assert_eq!(seen, (0..64).map(|number| (20, number)).collect::<Vec<_>>());
}

#[test]
fn overlong_datagrams_show() {
    let server = bound("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    let lengths = [LONGEST, LONGEST + 1, LONGEST + 2, 60_000, 0];
    for length in lengths {
        client
            .send_to(&vec![7; length], server.local_addr())
            .unwrap();
    }
    let mut batch = Batch::new();
    let mut seen = Vec::new();
    while seen.len() < lengths.len() {
        receive(&server, &mut batch);
        for datagram in batch.iter() {
            assert!(datagram.bytes.iter().all(|octet| *octet == 7));
            seen.push((datagram.length, datagram.bytes.len(), datagram.truncated));
        }
    }
    let expected = [
        (4096, 4096, false),
        (4097, 4097, false),
        (4098, 4097, true),
        (60_000, 4097, true),
        (0, 0, false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn slot_used_again_shows_nothing_of_the_datagram_before() {
    let server = bound("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    let mut batch = Batch::with_slots(1);
    client.send_to(&[1; 5000], server.local_addr()).unwrap();
    receive(&server, &mut batch);
    assert!(batch.iter().all(|datagram| datagram.truncated));
    client.send_to(&[2; 3], server.local_addr()).unwrap();
    receive(&server, &mut batch);
    let datagram = batch.iter().next().unwrap();
    assert_eq!((datagram.bytes, datagram.length), ([2; 3].as_slice(), 3));
    assert!(!datagram.truncated);
}

#[test]
fn bad_datagrams_do_not_stop_those_after_them() {
    let server = bound("127.0.0.1:0");
    let peer = client("127.0.0.1:0");
    let to = peer.local_addr().unwrap();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let broadcast = SocketAddr::from(([127, 255, 255, 255], 9));
    let mut outbox = Outbox::new();
    outbox.push_slice(nowhere, None, b"port 0").unwrap();
    outbox.push_slice(to, None, b"first").unwrap();
    outbox.push_slice(broadcast, None, b"not allowed").unwrap();
    outbox
        .push_slice(to, Some(local("192.0.2.77")), b"not our address")
        .unwrap();
    outbox
        .push_slice("[::1]:9".parse().unwrap(), None, b"other family")
        .unwrap();
    outbox.push_slice(to, None, b"second").unwrap();
    outbox.push_slice(nowhere, None, b"port 0").unwrap();
    let report = server.send(&mut outbox);
    assert_eq!((report.sent, report.kept, report.failed.total()), (2, 0, 5));
    assert_eq!(report.failed.count(SendFault::Forbidden), 1);
    // Kernels differ in what they call a foreign source address.
    let foreign = report.failed.count(SendFault::Unreachable);
    assert_eq!(report.failed.count(SendFault::BadAddress) + foreign, 4);
    assert!(foreign <= 1);
    assert!(outbox.is_empty());
    let mut buffer = [0; 64];
    for expected in [b"first".as_slice(), b"second"] {
        let length = peer.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected);
    }
}

#[test]
fn ipv4_peer_of_an_ipv6_socket_is_unreachable() {
    let server = bound("[::1]:0");
    let mut outbox = Outbox::new();
    outbox
        .push_slice("127.0.0.1:9".parse().unwrap(), None, b"x")
        .unwrap();
    let report = server.send(&mut outbox);
    assert_eq!(report.failed.count(SendFault::Unreachable), 1);
    assert_eq!(report.failed.last().unwrap().raw_os_error(), Some(101));
}

#[test]
fn two_sockets_share_one_port_and_lose_nothing() {
    let options = Options {
        reuse_port: true,
        ..Options::default()
    };
    let first = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let second = Socket::bind(first.local_addr(), &options).unwrap();
    // One of 64 peers hashes to each side for certain, but for a chance of 2^-63.
    let clients: Vec<UdpSocket> = (0..64).map(|_| client("127.0.0.1:0")).collect();
    for client in &clients {
        for round in 0..2 {
            client.send_to(&[round], first.local_addr()).unwrap();
        }
    }
    let mut batch = Batch::new();
    let mut homes: HashMap<SocketAddr, (usize, usize)> = HashMap::new();
    let (mut counts, start) = ([0, 0], Instant::now());
    while counts[0] + counts[1] < 128 && start.elapsed() < PATIENCE {
        for (index, socket) in [&first, &second].into_iter().enumerate() {
            counts[index] += socket.receive(&mut batch).unwrap();
            for datagram in batch.iter() {
                let home = homes.entry(datagram.from).or_insert((index, 0));
                assert_eq!(home.0, index, "a peer changed sockets");
                home.1 += 1;
            }
        }
    }
    assert!(
        counts[0] > 0 && counts[1] > 0 && counts[0] + counts[1] == 128,
        "{counts:?}"
    );
    assert!(homes.len() == 64 && homes.values().all(|home| home.1 == 2));
}

#[test]
fn port_in_use_is_told() {
    let holder = bound("127.0.0.78:0");
    let taken = holder.local_addr();
    let shared = Options {
        reuse_port: true,
        ..Options::default()
    };
    for error in [
        Socket::probe_free(taken).unwrap_err(),
        Socket::bind(taken, &shared).unwrap_err(),
    ] {
        assert_eq!((error.fault(), error.address()), (BindFault::InUse, taken));
    }
    drop(holder);
    Socket::probe_free(taken).unwrap();
}

#[test]
fn probe_sees_a_port_that_is_open_to_sharing() {
    let shared = Options {
        reuse_port: true,
        ..Options::default()
    };
    let holder = Socket::bind("0.0.0.0:0".parse().unwrap(), &shared).unwrap();
    let specific = SocketAddr::from(([127, 0, 0, 1], holder.local_addr().port()));
    Socket::bind(holder.local_addr(), &shared).unwrap();
    for address in [holder.local_addr(), specific] {
        assert_eq!(
            Socket::probe_free(address).unwrap_err().fault(),
            BindFault::InUse
        );
    }
}

#[test]
fn address_of_another_machine_is_told() {
    let error = Socket::bind("192.0.2.77:0".parse().unwrap(), &Options::default()).unwrap_err();
    assert_eq!(error.fault(), BindFault::AddressNotAvailable);
    let error = Socket::bind("[fe80::1]:0".parse().unwrap(), &Options::default()).unwrap_err();
    assert_eq!(error.fault(), BindFault::InterfaceMissing);
}

#[test]
fn granted_buffers_are_told_in_the_unit_they_were_asked_in() {
    let options = Options {
        receive_buffer: Some(65_536),
        send_buffer: Some(32_768),
        ..Options::default()
    };
    let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    assert_eq!(socket.granted_receive_buffer(), 65_536);
    assert_eq!(socket.granted_send_buffer(), 32_768);
    let greedy = Options {
        receive_buffer: Some(usize::MAX),
        ..Options::default()
    };
    let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &greedy).unwrap();
    assert!((65_536..=1 << 29).contains(&socket.granted_receive_buffer()));
}

#[test]
fn single_datagram_goes_from_its_source() {
    let server = bound("0.0.0.0:0");
    let peer = client("127.0.0.1:0");
    let to = peer.local_addr().unwrap();
    server
        .send_one(to, Some(local("127.0.0.9")), &[3; 9000])
        .unwrap();
    let mut buffer = vec![0; 10_000];
    let (length, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from.ip()), (9000, IpAddr::from([127, 0, 0, 9])));
    let mixed = server.send_one(to, Some(local("::1")), b"x").unwrap_err();
    assert_eq!(mixed.kind(), io::ErrorKind::InvalidInput);
    assert!(server.send_one(to, None, &vec![0; 70_000]).is_err());
}

#[test]
fn descriptor_is_lent_for_waiting() {
    let server = bound("127.0.0.1:0");
    assert_eq!(server.as_fd().as_raw_fd(), server.as_raw_fd());
    assert_eq!(server.receive(&mut Batch::new()).unwrap(), 0);
}

#[test]
fn batches_and_outboxes_move_between_threads() {
    fn movable<T: Send + Sync>() {}
    movable::<Batch>();
    movable::<Outbox>();
    movable::<Socket>();
}
