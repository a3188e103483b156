//! What the exchanges carry (RFC 5931 section 3.2).

use super::{Group, Preparation};

/// The EAP-pwd-ID exchange.
pub(super) const IDENTITY: u8 = 1;
/// The EAP-pwd-Commit exchange.
pub(super) const COMMIT: u8 = 2;
/// The EAP-pwd-Confirm exchange.
pub(super) const CONFIRM: u8 = 3;

/// The longest identity, a network access identifier (RFC 4282 section 2.3).
pub(super) const MAX_IDENTITY_OCTETS: usize = 253;

/// The only random function and the only pseudo-random function that there are.
const FUNCTIONS: [u8; 2] = [1, 1];

/// What a confirm is bound to: the group and the two functions.
pub(super) fn suite(group: Group) -> [u8; 4] {
    let [high, low] = group.number().to_be_bytes();
    let [random_function, prf] = FUNCTIONS;
    [high, low, random_function, prf]
}

/// The payload of the EAP-pwd-ID exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms<'a> {
    pub(super) suite: [u8; 4],
    pub(super) token: [u8; 4],
    pub(super) preparation: u8,
    pub(super) identity: &'a [u8],
}

impl<'a> Terms<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, &'static str> {
        let short = "its identity message is too short";
        let (&suite, rest) = payload.split_first_chunk().ok_or(short)?;
        let (&token, rest) = rest.split_first_chunk().ok_or(short)?;
        let (&preparation, identity) = rest.split_first().ok_or(short)?;
        match identity.len() {
            0 => Err("its identity is empty"),
            1..=MAX_IDENTITY_OCTETS => Ok(Self {
                suite,
                token,
                preparation,
                identity,
            }),
            _ => Err("its identity is too long"),
        }
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let parts: [&[u8]; 4] = [&self.suite, &self.token, &[self.preparation], self.identity];
        parts.concat()
    }

    /// The group and the preparation, if both are spoken here.
    pub(super) fn choices(&self) -> Result<(Group, Preparation), &'static str> {
        let [high, low, functions @ ..] = self.suite;
        let group = Group::of(u16::from_be_bytes([high, low]))
            .ok_or("its group is none that can be used here")?;
        if functions != FUNCTIONS {
            return Err("its functions are none that can be used here");
        }
        let preparation = Preparation::of(self.preparation)
            .ok_or("it wants a password preparation that is not known here")?;
        Ok((group, preparation))
    }
}
