//! Messages in pieces, as EAP-TLS and all that is built on it send them (RFC 5216 section 2.1.5,
//! RFC 9191).
//!
//! Each packet begins with a flags octet. A message that does not fit into one packet is sent in
//! fragments, each of which the other side acknowledges with an empty one.

use std::fmt;

/// The most octets of one message, whole.
pub const MAX_MESSAGE_OCTETS: usize = 64 * 1024;

/// The least octets of TLS data in a fragment, whatever the room.
const LEAST_DATA: usize = 16;

/// The flags octet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// The four octets after the flags are the length of the whole message.
    pub const LENGTH: Self = Self(0x80);
    /// More fragments follow.
    pub const MORE: Self = Self(0x40);
    /// The server's first packet.
    pub const START: Self = Self(0x20);
    /// The length of TLVs outside the tunnel follows; TEAP only (RFC 9930 section 4.1).
    pub const OUTER: Self = Self(0x10);

    /// The bits that are a version in PEAP, TTLS and TEAP and reserved in EAP-TLS.
    const VERSION: u8 = 0x07;

    /// No flag, and a version; only its lower three bits count.
    pub const fn version_only(version: u8) -> Self {
        Self(version & Self::VERSION)
    }

    /// Reads the octet.
    pub const fn of(octet: u8) -> Self {
        Self(octet)
    }

    /// The octet.
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The version, 0 to 7.
    pub const fn version(self) -> u8 {
        self.0 & Self::VERSION
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#04x})", self.0)
    }
}

/// What is wrong with how a message was sent in fragments: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// No flags octet, or no room for the lengths that it announces.
    #[error("it is cut short")]
    Short,
    /// The message is longer than [`MAX_MESSAGE_OCTETS`].
    #[error("it is longer than {MAX_MESSAGE_OCTETS} octets")]
    Long,
    /// The fragments are more, or fewer, octets than were announced: one was lost or altered.
    #[error("it is not as long as announced: the access point lost a fragment")]
    Length,
    /// Two fragments announce two lengths.
    #[error("its length changes from fragment to fragment")]
    Lengths,
    /// More is announced, and nothing is there.
    #[error("a fragment is empty")]
    Empty,
    /// Data where an acknowledgement is due: the two sides are not at the same fragment.
    #[error("data where an acknowledgement was due: the access point lost a fragment")]
    Unacknowledged,
    /// A start in the middle.
    #[error("it starts anew in the middle")]
    Restart,
    /// The lengths of TLVs outside the tunnel do not add up.
    #[error("the length of what is outside the tunnel is not valid")]
    Outer,
}

/// The type data of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    flags: Flags,
    length: Option<u32>,
    outer: &'a [u8],
    data: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads one. Reserved bits do not count (RFC 5216 section 3.1).
    pub fn parse(octets: &'a [u8]) -> Result<Self, Fault> {
        let (&flags, rest) = octets.split_first().ok_or(Fault::Short)?;
        let flags = Flags(flags);
        let (length, data) = optional_length(flags, Flags::LENGTH, rest)?;
        Ok(Self {
            flags,
            length,
            outer: &[],
            data,
        })
    }

    /// Reads one of TEAP, at the end of which there may be TLVs outside the tunnel
    /// (RFC 9930 section 4.1).
    pub fn parse_with_outer(octets: &'a [u8]) -> Result<Self, Fault> {
        let (&flags, rest) = octets.split_first().ok_or(Fault::Short)?;
        let flags = Flags(flags);
        let (length, rest) = optional_length(flags, Flags::LENGTH, rest)?;
        let (outer_length, rest) = optional_length(flags, Flags::OUTER, rest)?;
        let outer_length = usize::try_from(outer_length.unwrap_or(0)).map_err(|_| Fault::Outer)?;
        let split = rest.len().checked_sub(outer_length).ok_or(Fault::Outer)?;
        let (data, outer) = rest.split_at(split);
        Ok(Self {
            flags,
            length,
            outer,
            data,
        })
    }

    /// Its flags.
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The length of the whole message, if it is told.
    pub const fn length(&self) -> Option<u32> {
        self.length
    }

    /// TLVs outside the tunnel.
    pub const fn outer(&self) -> &'a [u8] {
        self.outer
    }

    /// The TLS data.
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }
}

fn optional_length(flags: Flags, bit: Flags, rest: &[u8]) -> Result<(Option<u32>, &[u8]), Fault> {
    if !flags.has(bit) {
        return Ok((None, rest));
    }
    let (length, rest) = rest.split_first_chunk().ok_or(Fault::Short)?;
    Ok((Some(u32::from_be_bytes(*length)), rest))
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Arrived {
    /// A message, whole. Never empty.
    Message(Vec<u8>),
    /// A fragment of one: to be acknowledged with [`Link::next`].
    Fragment,
    /// The acknowledgement of a fragment: [`Link::next`] is the one after it.
    Acknowledged,
    /// Nothing at all, where nothing was outstanding: the other side has nothing to say.
    Nothing,
}

/// Both directions of the messages between two sides: takes fragments, and gives them.
#[derive(Default)]
pub struct Link {
    version: u8,
    incoming: Vec<u8>,
    announced: Option<usize>,
    is_partial: bool,
    outgoing: Vec<u8>,
    sent: usize,
}

impl Link {
    /// One whose flags carry this version, 0 to 7.
    pub const fn new(version: u8) -> Self {
        Self {
            version,
            incoming: Vec::new(),
            announced: None,
            is_partial: false,
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    /// Sets the version that the flags carry from now on, once it has been negotiated.
    pub const fn set_version(&mut self, version: u8) {
        self.version = version;
    }

    /// Whether fragments of an outgoing message are still to be sent.
    pub const fn is_sending(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Takes what came. Once it has failed, nothing more is to be given to it.
    pub fn receive(&mut self, fragment: &Fragment<'_>) -> Result<Arrived, Fault> {
        let (flags, data) = (fragment.flags, fragment.data);
        if flags.has(Flags::START) {
            return Err(Fault::Restart);
        }
        let announced = match fragment.length {
            None => None,
            Some(length) => {
                let length = usize::try_from(length).map_err(|_| Fault::Long)?;
                Some(
                    (length <= MAX_MESSAGE_OCTETS)
                        .then_some(length)
                        .ok_or(Fault::Long)?,
                )
            }
        };
        if self.is_sending() {
            let is_empty = data.is_empty() && announced.unwrap_or(0) == 0;
            return if is_empty && !flags.has(Flags::MORE) {
                Ok(Arrived::Acknowledged)
            } else {
                Err(Fault::Unacknowledged)
            };
        }
        match (self.announced, announced) {
            (Some(before), Some(now)) if before != now => return Err(Fault::Lengths),
            (None, Some(_)) => self.announced = announced,
            _ => {}
        }
        let total = self.incoming.len() + data.len();
        if total > MAX_MESSAGE_OCTETS {
            return Err(Fault::Long);
        }
        let bound = self.announced.unwrap_or(MAX_MESSAGE_OCTETS);
        if flags.has(Flags::MORE) {
            if data.is_empty() {
                return Err(Fault::Empty);
            }
            // Something must be left for the fragments that are to follow.
            if total >= bound {
                return Err(Fault::Length);
            }
            self.incoming.extend_from_slice(data);
            self.is_partial = true;
            return Ok(Arrived::Fragment);
        }
        if self.announced.is_some_and(|announced| announced != total) {
            return Err(Fault::Length);
        }
        if self.is_partial && data.is_empty() {
            return Err(Fault::Empty);
        }
        self.incoming.extend_from_slice(data);
        self.announced = None;
        self.is_partial = false;
        let message = std::mem::take(&mut self.incoming);
        Ok(if message.is_empty() {
            Arrived::Nothing
        } else {
            Arrived::Message(message)
        })
    }

    /// Sets the message to send next. What has not been sent of the one before is dropped.
    pub fn send(&mut self, message: Vec<u8>) {
        self.outgoing = message;
        self.sent = 0;
    }

    /// The type data of the next packet: the next fragment, of at most `room` octets, or an empty
    /// one where there is none.
    pub fn next(&mut self, room: usize) -> Vec<u8> {
        self.next_with(Flags::default(), room)
    }

    /// The same with more flags set.
    pub fn next_with(&mut self, more_flags: Flags, room: usize) -> Vec<u8> {
        let mut flags = Flags::version_only(self.version).with(more_flags);
        let left = &self.outgoing[self.sent..];
        let mut packet = Vec::with_capacity(room.min(left.len() + 5));
        let data = if left.len() < room {
            packet.push(flags.octet());
            left
        } else {
            flags = flags.with(Flags::MORE);
            let mut overhead = 1;
            if self.sent == 0 {
                flags = flags.with(Flags::LENGTH);
                overhead += 4;
            }
            packet.push(flags.octet());
            if self.sent == 0 {
                // A flight that does not fit into 32 bits cannot be held in the first place.
                let length = u32::try_from(left.len()).unwrap_or(u32::MAX);
                packet.extend_from_slice(&length.to_be_bytes());
            }
            let most = room.saturating_sub(overhead).max(LEAST_DATA);
            &left[..most.min(left.len())]
        };
        packet.extend_from_slice(data);
        self.sent += data.len();
        if self.sent == self.outgoing.len() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
        packet
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("version", &self.version)
            .field("incoming", &self.incoming.len())
            .field("outgoing", &(self.outgoing.len() - self.sent))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
