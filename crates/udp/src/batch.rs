use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::MOST_AT_ONCE;
use crate::kernel::{ROOM, Slot};
use crate::layout::{Arrival, Local, is_link_local};

const DEFAULT_SLOTS: usize = 32;

/// The memory that arriving datagrams are read into, used again for every
/// [`Socket::receive`](crate::Socket::receive).
///
/// Each slot holds [`LONGEST`](crate::LONGEST) octets and one more, so that a datagram that is
/// too long shows. `Debug` shows numbers only, never what was received.
pub struct Batch {
    slots: Vec<Slot>,
    /// How many slots hold a datagram of the last call.
    filled: usize,
}

/// One datagram of a [`Batch`].
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    /// What arrived, up to the slot's 4097 octets.
    pub bytes: &'a [u8],
    /// How long the datagram was, in octets, also when `bytes` is only its beginning.
    pub length: usize,
    /// `true` if `bytes` is only the beginning of the datagram.
    pub truncated: bool,
    /// The sender. A port of 0 is possible, and nothing can be sent there.
    pub from: SocketAddr,
    /// The destination in the packet's header; it may be broadcast or multicast.
    pub to: Option<IpAddr>,
    /// The index of the interface it came in by; 0 is unknown.
    pub interface: u32,
    own: Option<IpAddr>,
}

impl Batch {
    /// A batch of 32 datagrams: 132 KiB.
    pub fn new() -> Batch {
        Batch::with_slots(DEFAULT_SLOTS)
    }

    /// A batch of `slots` datagrams, at least 1 and at most [`MOST_AT_ONCE`].
    pub fn with_slots(slots: usize) -> Batch {
        let count = slots.clamp(1, MOST_AT_ONCE);
        let mut slots = Vec::with_capacity(count);
        slots.resize_with(count, || Slot::EMPTY);
        Batch { slots, filled: 0 }
    }

    /// How many datagrams one call can bring.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many datagrams the last call brought.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// `true` if the last call brought nothing.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The datagrams of the last call, in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.slots[..self.filled].iter().filter_map(Datagram::read)
    }

    pub(crate) fn slots_mut(&mut self) -> &mut [Slot] {
        self.filled = 0;
        &mut self.slots
    }

    pub(crate) fn set_filled(&mut self, filled: usize) {
        self.filled = filled.min(self.slots.len());
    }
}

impl Default for Batch {
    fn default() -> Batch {
        Batch::new()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("slots", &self.slots.len())
            .field("filled", &self.filled)
            .finish()
    }
}

impl Datagram<'_> {
    /// The address to answer from: the one that was asked, or the interface's own if that was a
    /// broadcast. `None` leaves the choice to the routing table (multicast on IPv6).
    ///
    /// The interface is given for link-local addresses only; elsewhere an answer may well have to
    /// leave by another interface than the question came in by.
    pub fn local(&self) -> Option<Local> {
        let address = self.own?;
        let interface = if is_link_local(address) {
            self.interface
        } else {
            0
        };
        Some(Local { address, interface })
    }

    /// `None` if the sender's address is neither IPv4 nor IPv6, which these sockets never see.
    fn read(slot: &Slot) -> Option<Datagram<'_>> {
        let filled = &slot.filled;
        let from = slot.name.read(filled.name_length)?;
        let Arrival { to, own, interface } = slot.control.read(filled.control_length);
        Some(Datagram {
            bytes: &slot.octets[..filled.length.min(ROOM)],
            length: filled.length,
            truncated: filled.truncated,
            from,
            to,
            interface,
            own,
        })
    }
}

impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("length", &self.length)
            .field("truncated", &self.truncated)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("interface", &self.interface)
            .finish_non_exhaustive()
    }
}
