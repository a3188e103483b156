//! A relay for connections: it can cut them, stop them, and let octets drip.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Must as _;

/// How often the relay looks whether it is to stop.
const TICK: Duration = Duration::from_millis(10);

/// How octets pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Towards the server one octet at a time, this long apart.
    pub drip: Option<Duration>,
}

/// A relay on a port of its own; it stops when dropped.
#[derive(Debug)]
pub struct TcpRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    pace: Pace,
    stop: AtomicBool,
    held: AtomicBool,
    count: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
}

impl TcpRelay {
    /// Starts relaying to `server`.
    pub fn to(server: SocketAddr, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").must("a port for clients");
        listener.set_nonblocking(true).must("not to wait");
        let address = listener.local_addr().must("the relay's address");
        let shared = Arc::new(Shared {
            server,
            pace,
            stop: AtomicBool::new(false),
            held: AtomicBool::new(false),
            count: AtomicUsize::new(0),
            streams: Mutex::new(Vec::new()),
        });
        let kept = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !kept.stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => connect(&kept, &client),
                    Err(_) => thread::sleep(TICK),
                }
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// Cuts every connection; new ones may be made.
    pub fn cut(&self) {
        for stream in self.shared.streams.lock().must("the streams").drain(..) {
            // One that has ended by itself cannot be cut again.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// Lets nothing pass, without cutting anything, until told otherwise.
    pub fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::Relaxed);
    }
}

impl Drop for TcpRelay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
        self.cut();
    }
}

fn connect(shared: &Arc<Shared>, client: &TcpStream) {
    client.set_nonblocking(false).must("to wait again");
    // A server that is away looks to the client like one that hangs up.
    let Ok(server) = TcpStream::connect(shared.server) else {
        return;
    };
    shared.count.fetch_add(1, Ordering::Relaxed);
    let copy = |stream: &TcpStream| stream.try_clone().must("a second handle");
    let mut streams = shared.streams.lock().must("the streams");
    streams.extend([copy(client), copy(&server)]);
    for (from, to, pace) in [
        (copy(client), copy(&server), shared.pace),
        (copy(&server), copy(client), Pace::default()),
    ] {
        let shared = Arc::clone(shared);
        thread::spawn(move || pass(from, to, pace, &shared));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, pace: Pace, shared: &Shared) {
    let mut buffer = [0; 4096];
    let most = if pace.drip.is_some() { 1 } else { buffer.len() };
    while let Ok(length @ 1..) = from.read(&mut buffer[..most]) {
        while shared.held.load(Ordering::Relaxed) && !shared.stop.load(Ordering::Relaxed) {
            thread::sleep(TICK);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
        if let Some(drip) = pace.drip {
            thread::sleep(drip);
        }
    }
    // The other side may be gone already.
    to.shutdown(Shutdown::Write).ok();
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that says everything back.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = stream.try_clone().unwrap();
            std::io::copy(&mut reader, &mut stream).ok();
        });
        address
    }

    #[test]
    fn octets_drip_and_connections_are_cut() {
        let pace = Pace {
            drip: Some(Duration::from_millis(20)),
        };
        let relay = TcpRelay::to(echo(), pace);
        let mut client = TcpStream::connect(relay.address()).unwrap();
        let begin = Instant::now();
        client.write_all(b"12345").unwrap();
        let mut back = [0; 5];
        client.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"12345");
        assert!(begin.elapsed() >= Duration::from_millis(80));
        assert_eq!(relay.connections(), 1);
        relay.cut();
        assert_eq!(client.read(&mut back).unwrap_or_default(), 0);
    }

    #[test]
    fn what_is_held_comes_later() {
        let relay = TcpRelay::to(echo(), Pace::default());
        let mut client = TcpStream::connect(relay.address()).unwrap();
        relay.hold(true);
        client.write_all(b"1").unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut back = [0; 1];
        assert!(client.read(&mut back).is_err());
        relay.hold(false);
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        client.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"1");
    }
}
