//! Sockets: which worker has which, and how full their outboxes are.

use std::{io, net::SocketAddr, os::fd::AsRawFd as _};

use mio::{Interest, Registry, Token, unix::SourceFd};
use portreeve_proto::Role;
use portreeve_udp::{BindError, BindFault, Local, Options, Outbox, Socket};

use super::counters::Cells;
use crate::Error;

/// Attempts to find a free port for all workers when port 0 is asked for.
const PORT_ATTEMPTS: usize = 8;

/// The sockets of all workers.
pub(super) struct Bound {
    /// One for each address asked for, with the port that was found.
    pub(super) addresses: Vec<SocketAddr>,
    /// For each worker one socket for each address.
    pub(super) by_worker: Vec<Vec<(Socket, Role)>>,
}

/// Opens a socket on every address for every worker.
pub(super) fn bind(
    wanted: &[(SocketAddr, Role)],
    workers: usize,
    receive_buffer: Option<usize>,
) -> Result<Bound, Error> {
    if wanted.len() > usize::from(u16::MAX) {
        return Err(Error::TooManyListeners);
    }
    let mut addresses = Vec::with_capacity(wanted.len());
    let mut by_worker: Vec<_> = std::iter::repeat_with(Vec::new).take(workers).collect();
    for (address, role) in wanted {
        let options = Options {
            reuse_port: workers > 1,
            receive_buffer,
            send_buffer: None,
        };
        let sockets = bind_shared(*address, workers, &options)?;
        let Some(first) = sockets.first() else {
            continue;
        };
        tell(first, *role, workers, receive_buffer);
        addresses.push(first.local_addr());
        for (own, socket) in by_worker.iter_mut().zip(sockets) {
            own.push((socket, *role));
        }
    }
    Ok(Bound {
        addresses,
        by_worker,
    })
}

fn bind_shared(
    address: SocketAddr,
    workers: usize,
    options: &Options,
) -> Result<Vec<Socket>, BindError> {
    if !options.reuse_port {
        return Ok(vec![Socket::bind(address, options)?]);
    }
    if address.port() != 0 {
        Socket::probe_free(address)?;
        return (0..workers)
            .map(|_| Socket::bind(address, options))
            .collect();
    }
    // A shared socket on port 0 may be given a port that another server shares already. So a port
    // that nobody has is looked for first; somebody may be faster in taking it.
    let mut attempts = 0;
    loop {
        let free = Socket::bind(address, &Options::default())?.local_addr();
        let sockets = (0..workers).map(|_| Socket::bind(free, options)).collect();
        attempts += 1;
        match sockets {
            Err(error) if error.fault() == BindFault::InUse && attempts < PORT_ATTEMPTS => {}
            sockets => return sockets,
        }
    }
}

fn tell(socket: &Socket, role: Role, workers: usize, wanted: Option<usize>) {
    let address = socket.local_addr();
    tracing::info!(%address, ?role, workers, "listening on UDP");
    let granted = socket.granted_receive_buffer();
    if let Some(wanted) = wanted.filter(|wanted| *wanted > granted) {
        tracing::warn!(
            %address, wanted, granted,
            "the system grants a smaller receive buffer than wanted: raise net.core.rmem_max"
        );
    }
}

/// A socket of one worker.
pub(super) struct Listener {
    pub(super) socket: Socket,
    pub(super) role: Role,
    /// More datagrams may wait.
    pub(super) readable: bool,
    outbox: Outbox,
    /// Its send buffer is full, and the system tells when it is not.
    blocked: bool,
}

impl Listener {
    pub(super) fn new(
        socket: Socket,
        role: Role,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        registry.register(
            &mut SourceFd(&socket.as_raw_fd()),
            token,
            Interest::READABLE,
        )?;
        Ok(Self {
            socket,
            role,
            readable: true,
            outbox: Outbox::new(),
            blocked: false,
        })
    }

    /// Queues a datagram. Where there is no room, and cannot be made, it is given up and counted.
    pub(super) fn queue(
        &mut self,
        to: SocketAddr,
        local: Option<Local>,
        octets: &[u8],
        cells: &Cells,
    ) {
        if self.outbox.is_full() {
            self.send(cells);
        }
        if self.outbox.push_slice(to, local, octets).is_err() {
            cells.unsent.add(1);
        }
    }

    /// Sends what is queued, and sees to it that what must wait is not forgotten.
    pub(super) fn flush(&mut self, token: Token, registry: &Registry, cells: &Cells) {
        if self.outbox.is_empty() {
            return;
        }
        self.send(cells);
        let blocked = !self.outbox.is_empty();
        if blocked == self.blocked {
            return;
        }
        let interest = if blocked {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let fd = self.socket.as_raw_fd();
        match registry.reregister(&mut SourceFd(&fd), token, interest) {
            Ok(()) => self.blocked = blocked,
            // What waits goes with the next answer.
            Err(error) => tracing::debug!(%error, "cannot ask for a writable socket"),
        }
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn send(&mut self, cells: &Cells) {
        let report = self.socket.send(&mut self.outbox);
        cells.sent.add(report.sent);
        let failed = report.failed.total();
        if failed > 0 {
            cells.unsent.add(failed);
            let error = report.failed.last();
            tracing::debug!(failed, ?error, "answers could not be sent");
        }
    }
}
