//! EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2): MS-CHAPv2 (RFC 2759) in EAP, by itself or
//! inside PEAP, TTLS or TEAP.
//!
//! The credential is asked for by the EAP identity. The name in the Response, which goes into its
//! hash, must be the same name, save that either may have a Windows domain and a backslash before
//! it.

mod message;
mod peer;
mod server;

use zeroize::Zeroizing;

use super::{MSK_OCTETS, Msk, Type};
use crate::{
    mppe::StartKeys,
    mschap::{NT_RESPONSE_OCTETS, NtHash},
};

pub use peer::Peer;
pub use server::{MAX_RETRIES, Server};

/// Which of the two MPPE keys comes first in the master session key. Names are those of the
/// server: it receives with the one and sends with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyOrder {
    /// As \[MS-CHAP\] section 3.1.5.1 has it, and as PEAP binds it.
    ReceiveFirst,
    /// As EAP-FAST and TEAP bind it (RFC 5422 section 3.2.3, RFC 9930).
    SendFirst,
}

impl KeyOrder {
    /// The order for a method that runs inside `outer`, or that is `outer` itself.
    const fn inside(outer: Type) -> Self {
        const FAST: Type = Type::ietf(43);
        match outer {
            Type::TEAP | FAST => Self::SendFirst,
            _ => Self::ReceiveFirst,
        }
    }
}

/// The master session key: the two keys of 16 octets and 32 zero octets.
fn master_session_key(
    hash: &NtHash,
    nt_response: &[u8; NT_RESPONSE_OCTETS],
    order: KeyOrder,
) -> Msk {
    let keys = StartKeys::of(hash, nt_response);
    let (first, second) = match order {
        KeyOrder::ReceiveFirst => (keys.recv, keys.send),
        KeyOrder::SendFirst => (keys.send, keys.recv),
    };
    let mut octets = Zeroizing::new([0; MSK_OCTETS]);
    octets[..16].copy_from_slice(&*first);
    octets[16..32].copy_from_slice(&*second);
    Msk::new(*octets)
}

#[cfg(test)]
mod tests;
