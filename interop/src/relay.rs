//! A relay between a client and a server that keeps what passes, so that packets can be read
//! without the right to capture on an interface. It can do to packets what a bad network does.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Must as _;
use crate::weather::{Fates, Sky, Weather};

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
    fates: Arc<Mutex<Fates>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relaying to `server`, for one client at a time.
    pub fn to(server: SocketAddr) -> Self {
        Self::through(server, Weather::default())
    }

    /// As [`to`](Self::to), in bad weather.
    pub fn through(server: SocketAddr, weather: Weather) -> Self {
        Self::start(0, server, weather, |_| ())
    }

    /// As [`to`](Self::to); `before` is called with every packet of the server before it goes on,
    /// and everything waits for it.
    pub fn before_answers(server: SocketAddr, before: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self::start(0, server, Weather::default(), before)
    }

    /// As [`to`](Self::to), on a port that is known beforehand.
    pub fn on(port: u16, server: SocketAddr) -> Self {
        Self::start(port, server, Weather::default(), |_| ())
    }

    fn start(
        port: u16,
        server: SocketAddr,
        weather: Weather,
        mut before: impl FnMut(&[u8]) + Send + 'static,
    ) -> Self {
        let front = UdpSocket::bind(("127.0.0.1", port)).must("a socket for the client");
        let back = UdpSocket::bind("127.0.0.1:0").must("a socket for the server");
        back.connect(server).must("the server");
        for socket in [&front, &back] {
            socket
                .set_read_timeout(Some(Duration::from_millis(1)))
                .must("a timeout");
        }
        let address = front.local_addr().must("the relay's address");
        let passed = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let fates = Arc::new(Mutex::new(Fates::default()));
        let (kept, stopped) = (Arc::clone(&passed), Arc::clone(&stop));
        let met = Arc::clone(&fates);
        let thread = thread::spawn(move || {
            let sky = Sky::new(weather);
            relay([&front, &back], sky, &mut before, &kept, &met, &stopped);
        });
        Self {
            address,
            passed,
            fates,
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

    /// What the weather has done until now.
    pub fn fates(&self) -> Fates {
        *self.fates.lock().must("the fates")
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

fn relay(
    [front, back]: [&UdpSocket; 2],
    mut sky: Sky,
    before: &mut dyn FnMut(&[u8]),
    passed: &Mutex<Vec<Passed>>,
    fates: &Mutex<Fates>,
    stop: &AtomicBool,
) {
    let mut client = None;
    let mut buffer = [0; 4096];
    // An error is a timeout, or a server that has gone; the client finds out by itself.
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = front.recv_from(&mut buffer) {
            client = Some(from);
            sky.enter(Instant::now(), true, &buffer[..length]);
        }
        if let Ok(length) = back.recv(&mut buffer) {
            sky.enter(Instant::now(), false, &buffer[..length]);
        }
        *fates.lock().must("the fates") = sky.fates();
        while let Some((to_server, bytes)) = sky.leave(Instant::now()) {
            // Kept first: who gets it may look at once what has passed.
            passed.lock().must("the packets").push(Passed {
                to_server,
                bytes: bytes.clone(),
            });
            if to_server {
                back.send(&bytes).ok();
            } else if let Some(client) = client {
                before(&bytes);
                front.send_to(&bytes, client).ok();
            }
        }
    }
}
