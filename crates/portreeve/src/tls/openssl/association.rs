//! One DTLS association, without a socket: datagrams go in and come out, records are read and
//! written.
//!
//! OpenSSL keeps the timer of the handshake itself. It looks at it whenever the handshake is tried
//! again and nothing has arrived, and sends its last flight again if it is time; so all that is
//! asked of the caller is to try again a few times a second.

use openssl::{
    error::ErrorStack,
    ssl::{Error, ErrorCode, Ssl, SslRef, SslStream},
};

use super::{case::must_wait, cookie::FirstHello, wire::Datagrams};

/// What a datagram of a handshake may hold, in octets, so that it fits the smallest path that IPv6
/// allows: 1280 less the headers of IPv6 and UDP. RADIUS packets are not held to it.
const MTU: u32 = 1232;

/// The most octets a record can hold (RFC 6347 section 4.1).
pub(super) const LONGEST_RECORD: usize = 1 << 14;

pub(super) struct Association {
    stream: SslStream<Datagrams>,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many octets, the content of one record.
    Record(usize),
    /// Nothing until another datagram arrives.
    Nothing,
    /// The peer has said that it closes.
    Closed,
}

impl Association {
    /// The server's side. `datagram` is the one that holds `hello`, whose cookie was good.
    pub(super) fn answer(
        mut ssl: Ssl,
        hello: &FirstHello<'_>,
        datagram: &[u8],
    ) -> Result<Self, ErrorStack> {
        ssl.set_accept_state();
        let mut association = Self::new(ssl)?;
        // The engine has not seen the hellos that were answered without state. It is shown them,
        // and what it says to them has been said.
        for earlier in hello.before() {
            association.arrive(earlier);
            association.handshake().map_err(into_stack)?;
            association.depart();
        }
        association.stream.get_mut().shift_records(hello.shift());
        association.arrive(datagram.to_vec());
        Ok(association)
    }

    /// The client's side.
    pub(super) fn open(mut ssl: Ssl) -> Result<Self, ErrorStack> {
        ssl.set_connect_state();
        Self::new(ssl)
    }

    fn new(mut ssl: Ssl) -> Result<Self, ErrorStack> {
        ssl.set_mtu(MTU)?;
        let stream = SslStream::new(ssl, Datagrams::default())?;
        Ok(Self { stream })
    }

    pub(super) fn arrive(&mut self, datagram: Vec<u8>) {
        self.stream.get_mut().arrive(datagram);
    }

    /// The datagrams to be sent.
    pub(super) fn depart(&mut self) -> Vec<Vec<u8>> {
        self.stream.get_mut().depart()
    }

    /// The first of the datagrams to be sent.
    pub(super) fn departing(&self) -> Option<&[u8]> {
        self.stream.get_ref().departing()
    }

    /// Takes the handshake as far as it goes; `true` when it is done.
    pub(super) fn handshake(&mut self) -> Result<bool, Error> {
        match self.stream.do_handshake() {
            Ok(()) => Ok(true),
            Err(error) if must_wait(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads one record. `into` has room for [`LONGEST_RECORD`].
    pub(super) fn receive(&mut self, into: &mut [u8]) -> Result<Received, Error> {
        match self.stream.ssl_read(into) {
            Ok(count) => Ok(Received::Record(count)),
            Err(error) if must_wait(&error) => Ok(Received::Nothing),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Received::Closed),
            Err(error) => Err(error),
        }
    }

    /// Writes one record.
    pub(super) fn send(&mut self, record: &[u8]) -> Result<(), Error> {
        self.stream.ssl_write(record).map(drop)
    }

    /// Says that nothing more will be sent.
    pub(super) fn close(&mut self) {
        // Where there is nobody left to be told, there is nothing to be done about it.
        drop(self.stream.shutdown());
    }

    pub(super) fn ssl(&self) -> &SslRef {
        self.stream.ssl()
    }
}

fn into_stack(error: Error) -> ErrorStack {
    error.ssl_error().cloned().unwrap_or_else(ErrorStack::get)
}
