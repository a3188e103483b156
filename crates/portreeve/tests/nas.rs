//! A device that speaks RADIUS by hand, so that the server is not tested by its own library's
//! client.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use portreeve::{AttributeList, Code, EncodeError, Packet, Secret, attr};
use portreeve_proto::{Ask, BadReply, Query};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to believe in silence.
pub(crate) const SILENCE: Duration = Duration::from_millis(250);

pub(crate) struct Nas {
    pub(crate) socket: UdpSocket,
    secret: Secret,
    next: u8,
}

/// A request that was sent, to be sent again, and to know its answer by.
pub(crate) struct Sent {
    pub(crate) query: Query,
    pub(crate) octets: Vec<u8>,
}

impl Nas {
    /// A device on a port of its own, which takes datagrams only from the address that it asks.
    pub(crate) fn new(server: SocketAddr, secret: &str) -> Self {
        let any = if server.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(server).unwrap();
        Self {
            socket,
            secret: Secret::new(secret).unwrap(),
            next: 0,
        }
    }

    pub(crate) fn encode(
        &mut self,
        ask: Ask,
        attributes: &AttributeList,
    ) -> Result<Sent, EncodeError> {
        let mut octets = Vec::new();
        let mut random = |out: &mut [u8]| getrandom::fill(out).unwrap();
        let (identifier, secret) = (self.next, &self.secret);
        self.next = self.next.wrapping_add(1);
        let query = Query::encode(
            ask,
            identifier,
            attributes,
            secret,
            false,
            &mut random,
            &mut octets,
        )?;
        Ok(Sent { query, octets })
    }

    pub(crate) fn send(&mut self, ask: Ask, attributes: &AttributeList) -> Sent {
        let sent = self.encode(ask, attributes).unwrap();
        self.send_again(&sent);
        sent
    }

    pub(crate) fn send_again(&self, sent: &Sent) {
        self.socket.send(&sent.octets).unwrap();
    }

    /// The next datagram, if one comes in time.
    pub(crate) fn receive_within(&self, time: Duration) -> Option<Vec<u8>> {
        let mut octets = vec![0; 5000];
        self.socket.set_read_timeout(Some(time)).unwrap();
        let length = self.socket.recv(&mut octets).ok()?;
        octets.truncate(length);
        Some(octets)
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        self.receive_within(PATIENCE).expect("no answer")
    }

    pub(crate) fn hears_nothing(&self) -> bool {
        self.receive_within(SILENCE).is_none()
    }

    pub(crate) fn verify<'a>(&self, sent: &Sent, octets: &'a [u8]) -> Result<Packet<'a>, BadReply> {
        sent.query.accept(octets, &self.secret, true)
    }

    /// Sends, waits for the answer, verifies it, and gives its code and octets.
    pub(crate) fn ask(&mut self, ask: Ask, attributes: &AttributeList) -> (Code, Vec<u8>) {
        let sent = self.send(ask, attributes);
        let octets = self.receive();
        let code = self.verify(&sent, &octets).unwrap().code();
        (code, octets)
    }

    /// Asks to be let in with a password.
    pub(crate) fn log_in(&mut self, name: &str, password: &str) -> (Code, Vec<u8>) {
        self.ask(Ask::Access, &pap(name, password))
    }
}

pub(crate) fn pap(name: &str, password: &str) -> AttributeList {
    AttributeList::new()
        .with(attr::USER_NAME, name)
        .with(attr::USER_PASSWORD, password)
}
