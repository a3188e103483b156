//! Octets in and out of one connection.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
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
}

impl Outbox {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.octets.extend_from_slice(packet);
    }

    fn waiting(&self) -> usize {
        self.octets.len() - self.written
    }

    /// What to write next: everything, or over datagrams one packet.
    fn next(&self, one: bool) -> &[u8] {
        let rest = self.octets.get(self.written..).unwrap_or_default();
        match rest {
            [_, _, high, low, ..] if one => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest.get(..length).unwrap_or(rest)
            }
            _ => rest,
        }
    }

    fn advance(&mut self, octets: usize) {
        self.written += octets;
        if self.written >= self.octets.len() {
            self.octets.clear();
            self.octets.shrink_to(KEPT);
            self.written = 0;
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
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let one = !self.transport.is_stream();
        while self.outbox.waiting() > 0 {
            let octets = self.outbox.next(one);
            match Pin::new(&mut *self.stream).poll_write(cx, octets) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.outbox.advance(written);
                    self.unflushed = true;
                }
            }
        }
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut *self.stream).poll_flush(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                Poll::Ready(Ok(()))
            }
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

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

    #[test]
    fn over_datagrams_one_packet_leaves_at_a_time() {
        let mut outbox = Outbox::default();
        outbox.push(&packet(1, 30));
        outbox.push(&packet(2, 40));
        assert_eq!(outbox.next(false).len(), 70);
        assert_eq!(outbox.next(true), packet(1, 30));
        outbox.advance(30);
        assert_eq!(outbox.next(true), packet(2, 40));
        outbox.advance(40);
        assert_eq!(outbox.waiting(), 0);
    }
}
