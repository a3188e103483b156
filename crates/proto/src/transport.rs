use std::fmt;

/// What carries packets between two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// RFC 7360: datagrams inside DTLS.
    Dtls,
    /// RFC 6613: a bare stream. For tests and trusted links.
    Tcp,
    /// RFC 6614: a stream inside TLS, also called `RadSec`.
    Tls,
    /// RFC 2865: bare datagrams.
    #[default]
    Udp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dtls, Self::Tcp, Self::Tls, Self::Udp];

    /// Whether TLS vouches for every octet, and not only the shared secret for some.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Dtls | Self::Tls)
    }

    /// Whether packets follow one another in a stream, with nothing but their lengths between
    /// them.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// The most octets of a packet: RFC 7930 lets streams carry more than datagrams.
    pub const fn longest_packet(self) -> usize {
        if self.is_stream() {
            crate::Packet::MAX_STREAM
        } else {
            crate::Packet::MAX
        }
    }

    /// Its name in configuration and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dtls => "dtls",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Which form of the protocol a packet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Version {
    /// RFC 2865: an Identifier of one octet, authenticators, attributes hidden under the shared
    /// secret.
    #[default]
    V1_0,
    /// RFC 9765: a Token of four octets, and nothing that TLS does better.
    V1_1,
}

impl Version {
    /// Its name in TLS's Application-Layer Protocol Negotiation (RFC 9765 section 3.1).
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::V1_0 => b"radius/1.0",
            Self::V1_1 => b"radius/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
        })
    }
}

/// How packets come and go: what carries them, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) version: Version,
}

impl Wire {
    pub(crate) const UDP: Self = Self {
        transport: Transport::Udp,
        version: Version::V1_0,
    };
}
