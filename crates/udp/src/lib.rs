//! Batched datagram I/O for Linux: many datagrams per system call, and every answer leaves from
//! the address that was asked.
//!
//! One [`Socket`] belongs to one thread; several threads share a port with
//! [`Options::reuse_port`], and the kernel then sends one peer's port always to the same socket.
//! A [`Batch`] owns the memory that arrivals are read into, an [`Outbox`] the memory of answers
//! that wait for the next [`Socket::send`]. Both are made once: no packet allocates.
//!
//! ```
//! use portreeve_udp::{Batch, Options, Outbox, Socket};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let socket = Socket::bind("127.0.0.1:0".parse()?, &Options::default())?;
//! let mut batch = Batch::new();
//! let mut outbox = Outbox::new();
//! // Whenever the socket is readable:
//! while socket.receive(&mut batch)? > 0 {
//!     for datagram in batch.iter().filter(|datagram| !datagram.truncated) {
//!         outbox.push_slice(datagram.from, datagram.local(), datagram.bytes)?;
//!     }
//!     let report = socket.send(&mut outbox);
//!     assert_eq!(report.failed.total(), 0);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This is the only crate of the workspace with `unsafe` code, all of it in one module: two
//! system calls and one socket option.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "portreeve-udp works on Linux only: it is built on recvmmsg, sendmmsg and IP_PKTINFO. \
     Build for a *-linux-* target, or run the server in a Linux container or virtual machine."
);

mod batch;
mod bind;
mod kernel;
mod layout;
mod outbox;
mod socket;

pub use batch::{Batch, Datagram};
pub use bind::{BindError, BindFault};
pub use layout::Local;
pub use outbox::{Failures, Outbox, PushError, SendFault, SendReport};
pub use socket::{Options, Socket};

/// The longest datagram that is taken or sent whole, in octets: the longest RADIUS packet on UDP
/// (RFC 2865 section 3).
pub const LONGEST: usize = 4096;

/// The most datagrams that one system call carries; a larger [`Batch`] is not made.
pub const MOST_AT_ONCE: usize = 64;
