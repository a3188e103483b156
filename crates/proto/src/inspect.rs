//! Looking at packets of others: which authenticators hold, what is hidden, where a datagram
//! breaks.

use zeroize::Zeroizing;

use crate::{
    Code, Packet, Secret, Spec,
    authenticator::{self, Checked},
    hide,
    query::without_tag,
};

/// What verifying an authenticator of a captured packet found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// The packet carries none.
    Absent,
    /// There are several, or it has a wrong length.
    Malformed,
    /// It can only be verified beside the request that the packet answers.
    NeedsRequest,
    /// It is random by design: there is nothing to verify.
    Random,
    /// The code is none that we know how to verify.
    UnknownCode,
    /// It holds.
    Valid,
    /// It does not hold: another secret, another request, or a forgery.
    Wrong,
}

/// Which authenticators of a packet hold under a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inspection {
    /// The Request Authenticator of a request, the Response Authenticator of an answer.
    pub authenticator: Check,
    /// Message-Authenticator.
    pub message_authenticator: Check,
}

/// Which end of an exchange sends packets of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// It answers.
    Answer,
    /// It asks.
    Request,
}

impl Side {
    /// The side of a code; `None` for one that we do not know.
    pub const fn of(code: Code) -> Option<Self> {
        match code {
            Code::ACCESS_REQUEST
            | Code::ACCOUNTING_REQUEST
            | Code::COA_REQUEST
            | Code::DISCONNECT_REQUEST
            | Code::STATUS_SERVER => Some(Self::Request),
            _ if code.name().is_some() => Some(Self::Answer),
            _ => None,
        }
    }
}

/// Verifies what can be verified of a packet under `secret`; `request` is the one it answers, if it
/// answers one and that is at hand. Decides nothing: a server and a client verify by their own,
/// stricter rules.
pub fn inspect(packet: &Packet<'_>, request: Option<&Packet<'_>>, secret: &Secret) -> Inspection {
    let Some(side) = Side::of(packet.code()) else {
        return Inspection {
            authenticator: Check::UnknownCode,
            message_authenticator: Check::UnknownCode,
        };
    };
    let check = |under: &[u8; 16]| match authenticator::check_message_authenticator(
        packet, under, secret,
    ) {
        Checked::Absent => Check::Absent,
        Checked::Malformed => Check::Malformed,
        Checked::Valid => Check::Valid,
        Checked::Wrong => Check::Wrong,
    };
    match (side, request) {
        (Side::Request, _) if !authenticator::is_computed(packet.code()) => Inspection {
            authenticator: Check::Random,
            message_authenticator: check(&packet.authenticator()),
        },
        (Side::Request, _) => Inspection {
            authenticator: verdict(authenticator::request_is_authentic(packet, secret)),
            message_authenticator: check(&authenticator::of_request(packet)),
        },
        (Side::Answer, Some(request)) => {
            let asked = request.authenticator();
            Inspection {
                authenticator: verdict(authenticator::response_is_authentic(
                    packet, &asked, secret,
                )),
                message_authenticator: check(&asked),
            }
        }
        (Side::Answer, None) => Inspection {
            authenticator: Check::NeedsRequest,
            message_authenticator: match check(&[0; 16]) {
                Check::Valid | Check::Wrong => Check::NeedsRequest,
                other => other,
            },
        },
    }
}

/// The value of one occurrence of a hidden attribute in a captured packet, given as it stands on
/// the wire, tag and all; wiped when dropped. `request` is as for [`inspect`]. `None` where it
/// cannot have been hidden this way, or where the request is needed and missing. A wrong secret
/// gives `None` or octets without meaning.
pub fn reveal(
    packet: &Packet<'_>,
    request: Option<&Packet<'_>>,
    spec: &Spec,
    hidden: &[u8],
    secret: &Secret,
) -> Option<Zeroizing<Vec<u8>>> {
    let asked = match Side::of(packet.code())? {
        Side::Request => packet,
        Side::Answer => request?,
    };
    let under = authenticator::of_request(asked);
    hide::reveal(spec.hiding, secret, &under, without_tag(spec, hidden)?)
}

/// Where a datagram stops being a packet, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// An attribute runs past the end of the packet.
    #[error(
        "octet {offset}: attribute {number} says it is {declared} octets long, but the packet ends \
         after {left}"
    )]
    AttributeOverrun {
        /// Where the attribute starts.
        offset: usize,
        /// Its type.
        number: u8,
        /// Its length octet.
        declared: u8,
        /// How many octets are left from its start.
        left: usize,
    },
    /// An attribute is shorter than its own header.
    #[error(
        "octet {offset}: attribute {number} says it is {declared} octets long, but its type and \
         length alone take 2"
    )]
    AttributeShort {
        /// Where the attribute starts.
        offset: usize,
        /// Its type.
        number: u8,
        /// Its length octet, 0 or 1.
        declared: u8,
    },
    /// The packet ends between an attribute's type and its length.
    #[error("octet {offset}: the packet ends after the type of attribute {number}")]
    AttributeTorn {
        /// Where the attribute starts.
        offset: usize,
        /// Its type.
        number: u8,
    },
    /// An attribute of type 0.
    #[error("octet {offset}: an attribute of type 0, which does not exist")]
    AttributeZero {
        /// Where the attribute starts.
        offset: usize,
    },
    /// The Length field promises more than arrived.
    #[error("octet 2: the Length field says {declared} octets, but only {arrived} arrived")]
    Cut {
        /// The Length field.
        declared: usize,
        /// Octets of the datagram.
        arrived: usize,
    },
    /// The Length field is outside 20..=4096.
    #[error("octet 2: the Length field says {declared} octets; a packet has 20 to 4096")]
    Length {
        /// The Length field.
        declared: usize,
    },
    /// Not even a Length field arrived.
    #[error("only {arrived} octets arrived; a packet has at least 20")]
    Short {
        /// Octets of the datagram.
        arrived: usize,
    },
}

impl Fault {
    /// Finds the fault of a datagram; `None` exactly where [`Packet::parse`] accepts it.
    pub fn find(datagram: &[u8]) -> Option<Self> {
        let arrived = datagram.len();
        let [_, _, high, low, ..] = datagram else {
            return Some(Self::Short { arrived });
        };
        let declared = usize::from(u16::from_be_bytes([*high, *low]));
        if !(Packet::HEADER..=Packet::MAX).contains(&declared) {
            return Some(Self::Length { declared });
        }
        let Some(octets) = datagram.get(..declared) else {
            return Some(Self::Cut { declared, arrived });
        };
        let mut offset = Packet::HEADER;
        loop {
            match octets.get(offset..)? {
                [] => return None,
                [0, ..] => return Some(Self::AttributeZero { offset }),
                [number] => {
                    let number = *number;
                    return Some(Self::AttributeTorn { offset, number });
                }
                [number, declared, ..] => {
                    let (number, declared) = (*number, *declared);
                    let left = octets.len() - offset;
                    if declared < 2 {
                        return Some(Self::AttributeShort {
                            offset,
                            number,
                            declared,
                        });
                    }
                    if usize::from(declared) > left {
                        return Some(Self::AttributeOverrun {
                            offset,
                            number,
                            declared,
                            left,
                        });
                    }
                    offset += usize::from(declared);
                }
            }
        }
    }

    /// Where the first broken attribute starts; `None` where the header itself is broken.
    pub const fn attribute_offset(self) -> Option<usize> {
        match self {
            Self::AttributeOverrun { offset, .. }
            | Self::AttributeShort { offset, .. }
            | Self::AttributeTorn { offset, .. }
            | Self::AttributeZero { offset } => Some(offset),
            Self::Cut { .. } | Self::Length { .. } | Self::Short { .. } => None,
        }
    }
}

fn verdict(holds: bool) -> Check {
    if holds { Check::Valid } else { Check::Wrong }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Check::{Absent, NeedsRequest, Random, Valid, Wrong},
        *,
    };
    use crate::{attr, vectors::octets};

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    fn inspection(packet: &str, request: Option<&str>, with: &str) -> Inspection {
        let packet = octets(packet);
        let request = request.map(octets);
        let request = request.as_ref().map(|o| Packet::parse(o).unwrap());
        inspect(
            &Packet::parse(&packet).unwrap(),
            request.as_ref(),
            &secret(with),
        )
    }

    const ASKED: &str =
        "0cb30026925f6b66dd5fed571fcb1db7ad3882605012e8d6eabda910875cd91fdade26367858";
    const ANSWER: &str = "05b300140f6f92145f107e2f504e860a4860669c";
    const DISCONNECT: &str = "2801001c1b23624c3543ceba55f1be55a714ca5e01086d6368696261";
    const PASSWORD: &str = "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93\
                            d413ce3196e43f782a0aee0406c0a80110050600000003";

    #[test]
    fn requests_are_verified_by_what_their_code_computes() {
        let found = |authenticator, message_authenticator| Inspection {
            authenticator,
            message_authenticator,
        };
        for (packet, request, with, expected) in [
            (ASKED, None, "xyzzy5461", found(Random, Valid)),
            (ASKED, None, "xyzzy5462", found(Random, Wrong)),
            (PASSWORD, None, "xyzzy5461", found(Random, Absent)),
            (DISCONNECT, None, "xyz", found(Valid, Absent)),
            (DISCONNECT, None, "xyzzy", found(Wrong, Absent)),
            (ANSWER, Some(ASKED), "xyzzy5461", found(Valid, Absent)),
            (ANSWER, Some(ASKED), "xyzzy5462", found(Wrong, Absent)),
            (ANSWER, None, "xyzzy5461", found(NeedsRequest, Absent)),
        ] {
            assert_eq!(
                inspection(packet, request, with),
                expected,
                "{packet} {with}"
            );
        }
    }

    #[test]
    fn a_code_nobody_knows_is_not_verified() {
        let found = inspection(
            "6301001400000000000000000000000000000000",
            None,
            "xyzzy5461",
        );
        assert_eq!(found.authenticator, Check::UnknownCode);
    }

    #[test]
    fn a_hidden_value_is_revealed_beside_its_request() {
        let request = octets(PASSWORD);
        let request = Packet::parse(&request).unwrap();
        let spec = attr::USER_PASSWORD.spec();
        let hidden = request.octets_of(spec).unwrap();
        let plain = reveal(&request, None, spec, hidden, &secret("xyzzy5461")).unwrap();
        assert_eq!(plain.as_slice(), b"arctangent");
        let answer = octets(ANSWER);
        let answer = Packet::parse(&answer).unwrap();
        assert!(reveal(&answer, None, spec, hidden, &secret("xyzzy5461")).is_none());
        let plain = reveal(&answer, Some(&request), spec, hidden, &secret("xyzzy5461"));
        assert_eq!(plain.unwrap().as_slice(), b"arctangent");
    }

    #[test]
    fn faults_name_the_octet() {
        let printed = "01030043b122556d428a13d0d6253807c457ecf001076d6f7079790212692c1f205fc081b919\
                       b95195f561a5810406c0a8011005060000000718103332373639343330";
        assert_eq!(
            Fault::find(&octets(printed)),
            Some(Fault::AttributeOverrun {
                offset: 57,
                number: 24,
                declared: 16,
                left: 10
            })
        );
        assert_eq!(Fault::find(&[1, 2]), Some(Fault::Short { arrived: 2 }));
        let cut = Fault::Cut {
            declared: 38,
            arrived: 30,
        };
        assert_eq!(Fault::find(&octets(ASKED)[..30]), Some(cut));
    }

    proptest! {
        #[test]
        fn a_fault_is_found_exactly_where_parsing_fails(
            attributes in proptest::collection::vec(0_u8..6, 0..40),
            declared in 0_u16..70,
            honest: bool,
        ) {
            let mut datagram = vec![1, 2, 0, 0];
            datagram.extend([0; 16]);
            datagram.extend(attributes);
            let length = if honest { u16::try_from(datagram.len()).unwrap() } else { declared };
            datagram[2..4].copy_from_slice(&length.to_be_bytes());
            prop_assert_eq!(Fault::find(&datagram).is_none(), Packet::parse(&datagram).is_ok());
        }
    }
}
