//! EAP-pwd (RFC 5931): both sides prove that they know a password without showing anything that a
//! list of passwords could be tried on.
//!
//! Spoken are the elliptic curve groups 19 (P-256) and 20 (P-384), with HMAC-SHA256 for both
//! functions.

mod exchange;
mod fragments;
mod keys;
mod message;
mod peer;
mod server;

use p256::NistP256;
use p384::NistP384;
use portreeve_proto::Random;

use self::exchange::{Exchange, Seed, Side};

pub use peer::Peer;
pub use server::Server;

/// In which group the exchange takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Group {
    /// Group 19, P-256, which every implementation has.
    #[default]
    P256,
    /// Group 20, P-384.
    P384,
}

impl Group {
    /// Its number in the registry of IKE's groups.
    pub const fn number(self) -> u16 {
        match self {
            Self::P256 => 19,
            Self::P384 => 20,
        }
    }

    /// The group of a number, if it is spoken here.
    pub const fn of(number: u16) -> Option<Self> {
        match number {
            19 => Some(Self::P256),
            20 => Some(Self::P384),
            _ => None,
        }
    }

    /// One side of an exchange. `None` if no element can be made of the password or `random` is
    /// none: in practice never.
    fn begin(self, seed: &Seed<'_>, random: &mut dyn Random) -> Option<Box<dyn Side>> {
        Some(match self {
            Self::P256 => Box::new(Exchange::<NistP256>::begin(seed, random)?),
            Self::P384 => Box::new(Exchange::<NistP384>::begin(seed, random)?),
        })
    }
}

/// What is made of a password before it is used (RFC 5931 section 2.7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preparation {
    /// Nothing; the password must be known in clear.
    #[default]
    None,
    /// The hash of the NT hash (RFC 2759 section 8.4), so that an NT hash is enough.
    Rfc2759,
}

impl Preparation {
    const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Rfc2759 => 1,
        }
    }

    const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Rfc2759),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
