//! What a server logs: where it listens, and nothing that a stranger can bring about.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io,
    net::UdpSocket,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use portreeve::{AccessReply, Server};
use tracing::Level;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn strangers_are_not_heard() {
    let log = Log::default();
    let writer = log.clone();
    // For all threads; this is the only test of its process.
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let server = Server::access(|_| AccessReply::accept())
        .peer("127.0.0.1", "s3cret")
        .udp("127.0.0.1:0")
        .udp("127.0.0.2:0");
    let running = server.start().await.unwrap();
    let before = log.text();
    assert_eq!(before.matches("listening on UDP").count(), 2, "{before}");
    for address in running.addresses() {
        assert!(before.contains(&address.to_string()), "{before}");
    }
    let mut count = 0;
    for from in ["127.0.0.1:0", "127.0.0.3:0"] {
        let socket = UdpSocket::bind(from).unwrap();
        for code in 0..=255 {
            let mut octets = [code; 20];
            octets[2..4].copy_from_slice(&[0, 20]);
            for octets in [&octets[..], &octets[..19], b"", &[1; 4097]] {
                socket.send_to(octets, running.address()).unwrap();
                count += 1;
            }
            // Slowly enough for a small receive buffer.
            while running.counters().received < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    let start = Instant::now();
    while running.counters().discarded_total() < count {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            running.counters()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(log.text(), before);
}
