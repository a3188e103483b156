//! What can happen to packets between a client and a server.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

/// Datagrams and where they came from.
type Log = Vec<(SocketAddr, Vec<u8>)>;

/// Stands between a client and a server, keeps what the client sends, and does to packets what it
/// is told.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Log>>,
}

impl Relay {
    /// `forward` is asked with the number of each request, from 0; `replies` turns one answer into
    /// what the client gets.
    pub(crate) fn new(
        server: SocketAddr,
        mut forward: impl FnMut(usize) -> bool + Send + 'static,
        replies: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(server).unwrap();
        let address = front.local_addr().unwrap();
        let seen: Arc<Mutex<Log>> = Arc::default();
        let (front_too, back_too) = (front.try_clone().unwrap(), back.try_clone().unwrap());
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            let mut octets = vec![0; 5000];
            while let Ok((length, from)) = front.recv_from(&mut octets) {
                let count = {
                    let mut log = log.lock().unwrap();
                    log.push((from, octets[..length].to_vec()));
                    log.len() - 1
                };
                if forward(count) {
                    // The server may be gone; that is what some tests are about.
                    drop(back.send(&octets[..length]));
                }
            }
        });
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            let mut octets = vec![0; 5000];
            loop {
                let Ok(length) = back_too.recv(&mut octets) else {
                    continue;
                };
                let to = log.lock().unwrap().last().unwrap().0;
                for reply in replies(&octets[..length]) {
                    front_too.send_to(&reply, to).unwrap();
                }
            }
        });
        Self { address, seen }
    }

    /// One that passes everything on but the first few requests.
    pub(crate) fn losing(server: SocketAddr, first: usize) -> Self {
        Self::new(
            server,
            move |count| count >= first,
            |reply| vec![reply.to_vec()],
        )
    }

    /// One that passes everything on.
    pub(crate) fn honest(server: SocketAddr) -> Self {
        Self::losing(server, 0)
    }

    /// The requests so far, and where they came from.
    pub(crate) fn seen(&self) -> Log {
        self.seen.lock().unwrap().clone()
    }
}

/// An address where nobody answers, for as long as it is kept.
pub(crate) fn black_hole() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}
