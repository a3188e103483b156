//! A relay between a client and a server that keeps what passes, so that packets can be read
//! without the right to capture on an interface.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Must as _;

/// One datagram that passed.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Towards the server, or back from it.
    pub to_server: bool,
    /// The RADIUS packet.
    pub bytes: Vec<u8>,
}

/// A relay on a port of its own; it stops when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<Passed>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relaying to `server`, for one client at a time.
    pub fn to(server: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").must("a socket for the client");
        let back = UdpSocket::bind("127.0.0.1:0").must("a socket for the server");
        back.connect(server).must("the server");
        for socket in [&front, &back] {
            socket
                .set_read_timeout(Some(Duration::from_millis(10)))
                .must("a timeout");
        }
        let address = front.local_addr().must("the relay's address");
        let passed = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&passed), Arc::clone(&stop));
        let thread = thread::spawn(move || relay(&front, &back, &kept, &stopped));
        Self {
            address,
            passed,
            stop,
            thread: Some(thread),
        }
    }

    /// Where the client sends to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed until now.
    pub fn passed(&self) -> Vec<Passed> {
        self.passed.lock().must("the packets").clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn relay(front: &UdpSocket, back: &UdpSocket, passed: &Mutex<Vec<Passed>>, stop: &AtomicBool) {
    let mut client = None;
    let mut buffer = [0; 4096];
    let keep = |to_server: bool, bytes: &[u8]| {
        passed.lock().must("the packets").push(Passed {
            to_server,
            bytes: bytes.to_vec(),
        });
    };
    // An error is a timeout, or a server that has gone; the client finds out by itself.
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = front.recv_from(&mut buffer) {
            client = Some(from);
            keep(true, &buffer[..length]);
            back.send(&buffer[..length]).ok();
        }
        if let (Ok(length), Some(client)) = (back.recv(&mut buffer), client) {
            keep(false, &buffer[..length]);
            front.send_to(&buffer[..length], client).ok();
        }
    }
}
