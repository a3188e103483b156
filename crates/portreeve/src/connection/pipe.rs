//! Octets in and out of one connection.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use portreeve_proto::{Frames, Malformed, Transport};
use tokio::io::ReadBuf;

use crate::{server::desk::Outlet, tls::Stream};

/// The first read takes this much, and later ones more where it is full.
const SMALL: usize = 1024;
const LARGE: usize = 16_384;
/// While more than this waits to be sent, nothing more is taken in.
const HIGH_WATER: usize = 256 << 10;
/// What is kept of an outbox when nothing is in it.
const KEPT: usize = 4096;

/// A connection as packets: frames that come, and an outbox.
pub(super) struct Pipe {
    stream: Box<dyn Stream>,
    transport: Transport,
    frames: Frames,
    outbox: Outbox,
    /// What was written may still wait inside the stream.
    unflushed: bool,
    chunk: usize,
    ended: bool,
}

/// Packets to be sent, one after the other.
#[derive(Default)]
pub(super) struct Outbox {
    octets: Vec<u8>,
    written: usize,
    /// Where the packet ends that was begun last.
    end: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.octets.extend_from_slice(packet);
    }

    fn waiting(&self) -> usize {
        self.octets.len() - self.written
    }

    /// What to write next: everything, or what is left of one packet.
    fn next(&mut self, one: bool) -> &[u8] {
        let rest = self.octets.get(self.written..).unwrap_or_default();
        if !one {
            return rest;
        }
        if self.end <= self.written {
            let length = match rest {
                [_, _, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
                _ => rest.len(),
            };
            self.end = self.written + length;
        }
        let left = self.end - self.written;
        rest.get(..left).unwrap_or(rest)
    }

    fn advance(&mut self, octets: usize) {
        self.written += octets;
        if self.written >= self.octets.len() {
            self.octets.clear();
            self.octets.shrink_to(KEPT);
            self.written = 0;
            self.end = 0;
        }
    }
}

impl Outlet<()> for Outbox {
    fn queue(&mut self, (): &(), _to: SocketAddr, octets: &[u8]) {
        self.push(octets);
    }
}

impl Pipe {
    pub(super) fn new(stream: Box<dyn Stream>, transport: Transport) -> Self {
        Self {
            stream,
            transport,
            frames: Frames::new(),
            outbox: Outbox::default(),
            unflushed: false,
            chunk: SMALL,
            ended: false,
        }
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Whether what is to be sent has not left yet.
    pub(super) fn is_sending(&self) -> bool {
        self.unflushed || self.outbox.waiting() > 0
    }

    /// Whether part of a packet has come, and not the rest.
    pub(super) fn is_midway(&self) -> bool {
        self.frames.is_midway()
    }

    /// Whether so much waits to be sent that nothing more is to be taken in.
    pub(super) fn is_congested(&self) -> bool {
        self.outbox.waiting() > HIGH_WATER
    }

    /// The next packet that has come whole, and the outbox for what answers it.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], &mut Outbox)>, Malformed> {
        let longest = self.transport.longest_packet();
        let packet = self.frames.next(longest)?;
        Ok(packet.map(|packet| (packet, &mut self.outbox)))
    }

    /// Sends what can be sent, and is ready when something has come: how many octets, 0 at the end.
    /// May be dropped at any time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        if !read || self.ended {
            return Poll::Pending;
        }
        let space = self.frames.space();
        let before = space.len();
        space.resize(before + self.chunk, 0);
        let mut buffer = ReadBuf::new(&mut space[before..]);
        let polled = Pin::new(&mut *self.stream).poll_read(cx, &mut buffer);
        let came = buffer.filled().len();
        space.truncate(before + came);
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.ended = came == 0;
                self.chunk = match came {
                    came if came == self.chunk => (self.chunk * 4).min(LARGE),
                    came if came < SMALL => SMALL,
                    _ => self.chunk,
                };
                Poll::Ready(Ok(came))
            }
        }
    }

    /// Sends what is in the outbox; ready when all of it has left.
    ///
    /// Under TLS each packet leaves before the next is written, so that each is a record of its
    /// own: there are servers that take what is in one record for one packet, and end the
    /// connection over two.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let one = self.transport.is_secure();
        loop {
            if self.unflushed {
                ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
                self.unflushed = false;
            }
            if self.outbox.waiting() == 0 {
                return Poll::Ready(Ok(()));
            }
            let octets = self.outbox.next(one);
            let written = ready!(Pin::new(&mut *self.stream).poll_write(cx, octets))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox.advance(written);
            self.unflushed = true;
        }
    }

    /// Says farewell.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
        sync::mpsc,
    };

    use super::*;

    fn packet(fill: u8, length: u16) -> Vec<u8> {
        let mut octets = vec![fill; usize::from(length)];
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        octets
    }

    #[tokio::test]
    async fn packets_come_whole_however_they_are_cut_and_leave_in_order() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut pipe = Pipe::new(Box::new(near), Transport::Tls);
        let sent = [packet(1, 200), packet(2, 20), packet(3, 700)];
        let stream = sent.concat();
        let writing = tokio::spawn(async move {
            far.write_all(&stream).await.unwrap();
            far
        });
        let mut came = Vec::new();
        while came.len() < 3 {
            assert!(poll_fn(|cx| pipe.poll(cx, true)).await.unwrap() > 0);
            while let Some((octets, outbox)) = pipe.next().unwrap() {
                came.push(octets.to_vec());
                let octets = octets.to_vec();
                outbox.push(&octets);
            }
        }
        assert_eq!(came, sent);
        let mut far = writing.await.unwrap();
        let reading = tokio::spawn(async move {
            let mut back = vec![0; 920];
            far.read_exact(&mut back).await.unwrap();
            back
        });
        poll_fn(|cx| pipe.poll_send(cx)).await.unwrap();
        assert_eq!(reading.await.unwrap(), sent.concat());
        assert!(!pipe.is_sending() && !pipe.is_midway());
        assert_eq!(
            poll_fn(|cx| pipe.poll(cx, true)).await.unwrap(),
            0,
            "the end"
        );
    }

    /// A stream that notes what each write was given, and takes so many octets of it.
    struct Noted {
        writes: mpsc::UnboundedSender<Vec<u8>>,
        most: usize,
    }

    impl AsyncRead for Noted {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Noted {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.send(octets.to_vec()).unwrap();
            Poll::Ready(Ok(octets.len().min(self.most)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// The writes that some packets make which are to be sent at the same time.
    async fn writes(transport: Transport, most: usize, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (writes, mut noted) = mpsc::unbounded_channel();
        let mut pipe = Pipe::new(Box::new(Noted { writes, most }), transport);
        for packet in packets {
            pipe.outbox().push(packet);
        }
        poll_fn(|cx| pipe.poll_send(cx)).await.unwrap();
        assert!(!pipe.is_sending());
        std::iter::from_fn(|| noted.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn under_tls_each_packet_is_written_by_itself() {
        let packets = [packet(1, 30), packet(2, 40), packet(3, 20)];
        for transport in [Transport::Tls, Transport::Dtls] {
            assert_eq!(writes(transport, 4096, &packets).await, packets);
        }
        let together = writes(Transport::Tcp, 4096, &packets).await;
        assert_eq!(
            together,
            [packets.concat()],
            "over TCP nothing tells them apart"
        );
    }

    #[tokio::test]
    async fn what_is_left_of_a_packet_is_not_taken_for_one() {
        let packets = [packet(1, 30), packet(2, 40)];
        let [first, second] = &packets;
        let left = [&first[..], &first[25..], second, &second[25..]];
        assert_eq!(writes(Transport::Tls, 25, &packets).await, left);
    }
}
