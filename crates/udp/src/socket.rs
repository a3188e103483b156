use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Type};

use crate::batch::Batch;
use crate::bind::BindError;
use crate::kernel::{self, Message};
use crate::layout::{Control, Local, Name, canonical};
use crate::outbox::{Outbox, Place, SendReport, agreed};

/// How to open a [`Socket`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Let several sockets of this user share the port; the kernel spreads the peers over them.
    /// Off by default. See [`Socket::probe_free`] for what this hides.
    pub reuse_port: bool,
    /// The receive buffer wanted, in octets of kernel memory (a small datagram takes about 800).
    /// `None` leaves the system's default.
    pub receive_buffer: Option<usize>,
    /// The send buffer wanted, in octets of kernel memory. `None` leaves the system's default.
    pub send_buffer: Option<usize>,
}

/// A UDP socket that never blocks.
///
/// An IPv6 socket takes IPv6 only: for both, open two. Datagrams longer than the way allows are
/// sent in fragments, as RADIUS packets may be (RFC 2865 section 3 allows 4096 octets).
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    local: SocketAddr,
    receive_buffer: usize,
    send_buffer: usize,
}

impl Socket {
    /// Opens a socket on `address`; port 0 takes any free port.
    ///
    /// Buffers that the system's limits (`net.core.rmem_max`, `wmem_max`) make smaller than wanted
    /// are no error: ask [`granted_receive_buffer`](Socket::granted_receive_buffer) and warn. With
    /// `CAP_NET_ADMIN` the limits do not hold.
    pub fn bind(address: SocketAddr, options: &Options) -> Result<Socket, BindError> {
        let address = canonical(address);
        open(address, options).map_err(|error| BindError::new(address, error))
    }

    /// Checks that nobody has `address`, by binding it alone for a moment.
    ///
    /// With [`Options::reuse_port`] a second process of the same user binds the port as well and
    /// takes half of the peers away, both unaware. So call this before the first shared socket is
    /// bound, and only then: the process's own sockets count too. Two processes that start in the
    /// same instant can still both pass.
    pub fn probe_free(address: SocketAddr) -> Result<(), BindError> {
        Socket::bind(address, &Options::default()).map(drop)
    }

    /// The address it is bound to, with the port that was chosen for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The receive buffer that the kernel granted, in the octets of [`Options::receive_buffer`].
    pub fn granted_receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// The send buffer that the kernel granted, in the octets of [`Options::send_buffer`].
    pub fn granted_send_buffer(&self) -> usize {
        self.send_buffer
    }

    /// Reads the datagrams that wait, as many as `batch` has slots, and says how many: 0 when none
    /// waits. What the batch held before is gone.
    ///
    /// When all slots were filled, more may wait.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        match kernel::receive(self.as_fd(), batch.slots_mut()) {
            Ok(filled) => {
                batch.set_filled(filled);
                Ok(filled)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sends what waits in `outbox`, in order.
    ///
    /// A datagram that fails is given up and counted; those after it still go. When the send buffer
    /// is full, the rest stays queued.
    pub fn send(&self, outbox: &mut Outbox) -> SendReport {
        outbox.flush(|places| kernel::send(self.as_fd(), places.iter().map(Place::message)))
    }

    /// Sends one datagram at once, to leave from `source` if one is given. It may be as long as UDP
    /// allows.
    ///
    /// Fails with `WouldBlock` when the send buffer is full, and with `InvalidInput` when source
    /// and destination are not both IPv4 or both IPv6.
    pub fn send_one(&self, to: SocketAddr, source: Option<Local>, octets: &[u8]) -> io::Result<()> {
        let (to, source) = agreed(to, source)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let (name, name_length) = Name::write(to);
        let (control, control_length) = Control::write(source);
        let message = Message {
            octets,
            name: &name,
            name_length,
            control: &control,
            control_length,
        };
        kernel::send(self.as_fd(), std::iter::once(message)).map(drop)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

fn open(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let inner = socket2::Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    let set = |level, option, value| kernel::set_option(inner.as_fd(), level, option, value);
    if address.is_ipv4() {
        set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        set(
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DONT,
        )?;
    } else {
        inner.set_only_v6(true)?;
        set(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        set(
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_DONT,
        )?;
    }
    if options.reuse_port {
        inner.set_reuse_port(true)?;
    }
    size_buffers(&inner, options)?;
    inner.bind(&SockAddr::from(address))?;
    let local = inner.local_addr()?.as_socket().unwrap_or(address);
    // The kernel reports twice what it was asked for, its own bookkeeping included.
    let receive_buffer = inner.recv_buffer_size()? / 2;
    let send_buffer = inner.send_buffer_size()? / 2;
    Ok(Socket {
        inner,
        local,
        receive_buffer,
        send_buffer,
    })
}

fn size_buffers(inner: &socket2::Socket, options: &Options) -> io::Result<()> {
    let force = |option, wanted| {
        let wanted = c_int::try_from(wanted).unwrap_or(c_int::MAX);
        // Without the privilege, what the limits allow stays granted.
        drop(kernel::set_option(
            inner.as_fd(),
            libc::SOL_SOCKET,
            option,
            wanted,
        ));
    };
    if let Some(wanted) = options.receive_buffer.map(within_reason) {
        inner.set_recv_buffer_size(wanted)?;
        if inner.recv_buffer_size()? / 2 < wanted {
            force(libc::SO_RCVBUFFORCE, wanted);
        }
    }
    if let Some(wanted) = options.send_buffer.map(within_reason) {
        inner.set_send_buffer_size(wanted)?;
        if inner.send_buffer_size()? / 2 < wanted {
            force(libc::SO_SNDBUFFORCE, wanted);
        }
    }
    Ok(())
}

/// The kernel doubles the number that it is given, and keeps it in a signed 32-bit one.
fn within_reason(wanted: usize) -> usize {
    wanted.min(1 << 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_longer_than_the_way_are_sent_in_fragments() {
        let options = Options::default();
        let four = Socket::bind("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        let discover = kernel::option(four.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER);
        assert_eq!(discover.unwrap(), libc::IP_PMTUDISC_DONT);
        let six = Socket::bind("[::1]:0".parse().unwrap(), &options).unwrap();
        let discover = kernel::option(six.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER);
        assert_eq!(discover.unwrap(), libc::IPV6_PMTUDISC_DONT);
    }

    #[test]
    fn socket_never_blocks() {
        let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
        assert!(socket.inner.nonblocking().unwrap());
    }
}
