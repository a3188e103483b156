//! The messages of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 section 2), as type data.

use crate::mschap::{NT_RESPONSE_OCTETS, V2_CHALLENGE_OCTETS, V2Response};

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
const CHANGE_PASSWORD: u8 = 7;

/// Octets of `OpCode`, `MS-CHAPv2-ID` and `MS-Length`.
const HEADER_OCTETS: usize = 4;
/// Octets of a Response's value: peer challenge, reserved, NT-Response, flags.
const VALUE_OCTETS: u8 = 49;
const RESERVED_OCTETS: usize = 8;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Challenge {
        id: u8,
        challenge: [u8; V2_CHALLENGE_OCTETS],
    },
    /// `S=` and its proof.
    Success { text: &'a [u8] },
    /// `E=` and why.
    Failure { text: &'a [u8] },
}

/// What a peer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response<'a> {
    /// Its answer to the challenge.
    Value {
        response: V2Response,
        name: &'a [u8],
    },
    /// It accepts the server's proof.
    Success,
    /// It has heard of the failure.
    Failure,
    ChangePassword,
}

impl<'a> Request<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, &'static str> {
        let (opcode, id, body) = framed(data)?;
        match opcode {
            CHALLENGE => {
                let (&size, rest) = body.split_first().ok_or("it has no challenge")?;
                let (challenge, _name) = rest
                    .split_first_chunk::<V2_CHALLENGE_OCTETS>()
                    .filter(|_| usize::from(size) == V2_CHALLENGE_OCTETS)
                    .ok_or("its challenge has not 16 octets")?;
                Ok(Self::Challenge {
                    id,
                    challenge: *challenge,
                })
            }
            SUCCESS => Ok(Self::Success { text: body }),
            FAILURE => Ok(Self::Failure { text: body }),
            _ => Err("its operation is none of a server's"),
        }
    }

    /// A challenge from a server of this name.
    pub(super) fn challenge(id: u8, challenge: &[u8; V2_CHALLENGE_OCTETS], name: &[u8]) -> Vec<u8> {
        write(CHALLENGE, id, &[&[16], challenge, name])
    }

    pub(super) fn success(id: u8, proof: &[u8]) -> Vec<u8> {
        write(SUCCESS, id, &[proof, b" M=OK"])
    }

    pub(super) fn failure(id: u8, text: &str) -> Vec<u8> {
        write(FAILURE, id, &[text.as_bytes()])
    }
}

impl<'a> Response<'a> {
    /// That the server's proof is accepted; all of the message.
    pub(super) const SUCCESS: [u8; 1] = [SUCCESS];
    /// That there is no more to be said; all of the message.
    pub(super) const FAILURE: [u8; 1] = [FAILURE];

    pub(super) fn parse(data: &'a [u8]) -> Result<Self, &'static str> {
        match data.first() {
            Some(&SUCCESS) if data.len() == 1 => return Ok(Self::Success),
            // What ends without access may be as long as it likes.
            Some(&FAILURE) => return Ok(Self::Failure),
            Some(&CHANGE_PASSWORD) => return Ok(Self::ChangePassword),
            Some(_) => {}
            None => return Err("it is empty"),
        }
        let (opcode, ident, body) = framed(data)?;
        if opcode != RESPONSE {
            return Err("its operation is none of a peer's");
        }
        let (response, name) = value(ident, body).ok_or("its value has not 49 octets")?;
        let response = response.ok_or("its reserved octets are not zero")?;
        Ok(Self::Value { response, name })
    }

    /// The answer to a challenge, from a peer of this name.
    pub(super) fn response(response: &V2Response, name: &[u8]) -> Vec<u8> {
        let parts: [&[u8]; 6] = [
            &[VALUE_OCTETS],
            &response.peer_challenge,
            &[0; RESERVED_OCTETS],
            &response.nt_response,
            &[0],
            name,
        ];
        write(RESPONSE, response.ident, &parts)
    }
}

/// The value of a Response and what follows it; an inner `None` where what must be zero is not.
fn value(ident: u8, body: &[u8]) -> Option<(Option<V2Response>, &[u8])> {
    let (&size, rest) = body.split_first()?;
    let (&peer_challenge, rest) = rest.split_first_chunk::<V2_CHALLENGE_OCTETS>()?;
    let (&reserved, rest) = rest.split_first_chunk::<RESERVED_OCTETS>()?;
    let (&nt_response, rest) = rest.split_first_chunk::<NT_RESPONSE_OCTETS>()?;
    let (&flags, name) = rest.split_first()?;
    if size != VALUE_OCTETS {
        return None;
    }
    let is_zero = reserved == [0; RESERVED_OCTETS] && flags == 0;
    let response = is_zero.then_some(V2Response {
        ident,
        peer_challenge,
        nt_response,
    });
    Some((response, name))
}

/// The operation, the identifier and the body of a message with a whole header. Its length is that
/// of the EAP packet less five, which is what the type data has.
fn framed(data: &[u8]) -> Result<(u8, u8, &[u8]), &'static str> {
    let (&[opcode, id, high, low], body) = data
        .split_first_chunk::<HEADER_OCTETS>()
        .ok_or("it is shorter than its header")?;
    if usize::from(u16::from_be_bytes([high, low])) != data.len() {
        return Err("its length is not that of its packet");
    }
    Ok((opcode, id, body))
}

fn write(opcode: u8, id: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    // A body that is too long is refused where it becomes a packet.
    let length = u16::try_from(HEADER_OCTETS + body.len()).unwrap_or(u16::MAX);
    let mut data = vec![opcode, id];
    data.extend_from_slice(&length.to_be_bytes());
    data.extend_from_slice(&body);
    data
}
