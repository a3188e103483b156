//! The TLVs of TEAP (RFC 9930 section 4.2).

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{VERSION, keys::Chain};
use crate::eap::{
    Password,
    packet::HEADER_OCTETS,
    tunnel::tlv::{self, Tlv, Writer},
};

pub(super) const AUTHORITY_ID: u16 = 1;
const IDENTITY_TYPE: u16 = 2;
const RESULT: u16 = 3;
const NAK: u16 = 4;
const ERROR: u16 = 5;
const CHANNEL_BINDING: u16 = 6;
const VENDOR_SPECIFIC: u16 = 7;
const REQUEST_ACTION: u16 = 8;
const EAP_PAYLOAD: u16 = 9;
const INTERMEDIATE_RESULT: u16 = 10;
const PAC: u16 = 11;
const CRYPTO_BINDING: u16 = 12;
const PASSWORD_REQUEST: u16 = 13;
const PASSWORD_RESPONSE: u16 = 14;
const IDENTITY_HINT: u16 = 19;

/// Error codes (RFC 9930 section 4.2.6).
pub(super) mod error {
    pub(crate) const INNER_METHOD: u32 = 1001;
    pub(crate) const TUNNEL_COMPROMISED: u32 = 2001;
    pub(crate) const UNEXPECTED: u32 = 2002;
    /// From here on an error is the end.
    pub(crate) const FATAL: u32 = 2000;
}

/// Octets of a compound MAC as it travels, whatever the hash.
pub(super) const MAC_OCTETS: usize = 20;
pub(super) const NONCE_OCTETS: usize = 32;
const BINDING_OCTETS: usize = 4 + NONCE_OCTETS + 2 * MAC_OCTETS;

/// As what somebody proves themselves (RFC 9930 section 4.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The person.
    User,
    /// The device itself.
    Machine,
}

impl Who {
    const fn number(self) -> u16 {
        match self {
            Self::User => 1,
            Self::Machine => 2,
        }
    }

    const fn of(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::User),
            2 => Some(Self::Machine),
            _ => None,
        }
    }

    /// Its name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
}

impl Status {
    const fn number(self) -> u16 {
        match self {
            Self::Success => 1,
            Self::Failure => 2,
        }
    }

    const fn of(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Success),
            2 => Some(Self::Failure),
            _ => None,
        }
    }
}

/// Both compound MACs of a binding.
pub(super) struct Macs {
    pub(super) by_emsk: [u8; MAC_OCTETS],
    pub(super) by_msk: [u8; MAC_OCTETS],
}

const BY_EMSK: u8 = 0x10;
const BY_MSK: u8 = 0x20;
const SUBTYPE: u8 = 0x0f;
const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;

/// A Crypto-Binding TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding([u8; BINDING_OCTETS]);

impl Binding {
    /// The server's, with a MAC by each chain that has one. The last bit of its nonce is 0.
    pub(super) fn request(mut nonce: [u8; NONCE_OCTETS], chain: &Chain, outer: &[u8]) -> Self {
        if let Some(last) = nonce.last_mut() {
            *last &= !1;
        }
        let macs = if chain.has_emsk() {
            BY_EMSK | BY_MSK
        } else {
            BY_MSK
        };
        Self::new(nonce, macs | REQUEST, chain, outer)
    }

    /// The peer's answer to it, whose nonce has 1 as its last bit.
    pub(super) fn response(&self, chain: &Chain, outer: &[u8]) -> Self {
        let mut nonce = self.nonce();
        if let Some(last) = nonce.last_mut() {
            *last |= 1;
        }
        let macs = if chain.has_emsk() && self.has(BY_EMSK) {
            self.flags() & (BY_EMSK | BY_MSK)
        } else {
            BY_MSK
        };
        Self::new(nonce, macs | RESPONSE, chain, outer)
    }

    fn new(nonce: [u8; NONCE_OCTETS], flags: u8, chain: &Chain, outer: &[u8]) -> Self {
        let mut value = [0; BINDING_OCTETS];
        value[..4].copy_from_slice(&[0, VERSION, VERSION, flags]);
        value[4..4 + NONCE_OCTETS].copy_from_slice(&nonce);
        let mut binding = Self(value);
        let macs = chain.macs(&binding, outer);
        let (first, second) = binding.0[4 + NONCE_OCTETS..].split_at_mut(MAC_OCTETS);
        if flags & BY_EMSK != 0 {
            first.copy_from_slice(&macs.by_emsk);
        }
        if flags & BY_MSK != 0 {
            second.copy_from_slice(&macs.by_msk);
        }
        binding
    }

    /// Whether this request of the server is right.
    pub(super) fn is_right_request(&self, chain: &Chain, outer: &[u8]) -> bool {
        let is_even = self.nonce().last().is_some_and(|last| last & 1 == 0);
        is_even && self.flags() & SUBTYPE == REQUEST && self.is_right(chain, outer)
    }

    /// Whether this is the right response to `request`.
    pub(super) fn is_right_response(&self, request: &Self, chain: &Chain, outer: &[u8]) -> bool {
        let mut nonce = request.nonce();
        if let Some(last) = nonce.last_mut() {
            *last |= 1;
        }
        nonce == self.nonce() && self.flags() & SUBTYPE == RESPONSE && self.is_right(chain, outer)
    }

    /// Whether each MAC that both sides can make is right, and there is one. Constant time.
    fn is_right(&self, chain: &Chain, outer: &[u8]) -> bool {
        if self.0[1..3] != [VERSION, VERSION] {
            return false;
        }
        let macs = chain.macs(self, outer);
        let (first, second) = self.0[4 + NONCE_OCTETS..].split_at(MAC_OCTETS);
        let mut is_right = None;
        if self.has(BY_EMSK) && chain.has_emsk() {
            is_right = Some(first.ct_eq(&macs.by_emsk));
        }
        if self.has(BY_MSK) {
            let same = second.ct_eq(&macs.by_msk);
            is_right = Some(is_right.map_or(same, |before| before & same));
        }
        is_right.is_some_and(bool::from)
    }

    /// Whether it goes by the chain of the EMSK.
    pub(super) fn is_by_emsk(&self, chain: &Chain) -> bool {
        self.has(BY_EMSK) && chain.has_emsk()
    }

    /// The whole TLV, its MACs zero.
    pub(super) fn without_macs(&self) -> Vec<u8> {
        let mut value = self.0;
        value[4 + NONCE_OCTETS..].fill(0);
        Writer::default().mandatory(CRYPTO_BINDING, &value).octets()
    }

    const fn flags(&self) -> u8 {
        self.0[3]
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags() & flag != 0
    }

    fn nonce(&self) -> [u8; NONCE_OCTETS] {
        let mut nonce = [0; NONCE_OCTETS];
        nonce.copy_from_slice(&self.0[4..4 + NONCE_OCTETS]);
        nonce
    }
}

/// What is said in one message.
#[derive(Default)]
pub(super) struct Message(Writer);

impl Message {
    pub(super) fn identity(self, who: Who) -> Self {
        self.mandatory(IDENTITY_TYPE, &who.number().to_be_bytes())
    }

    pub(super) fn result(self, status: Status) -> Self {
        self.mandatory(RESULT, &status.number().to_be_bytes())
    }

    pub(super) fn intermediate(self, status: Status) -> Self {
        self.mandatory(INTERMEDIATE_RESULT, &status.number().to_be_bytes())
    }

    pub(super) fn binding(self, binding: &Binding) -> Self {
        self.mandatory(CRYPTO_BINDING, &binding.0)
    }

    pub(super) fn error(self, code: u32) -> Self {
        self.mandatory(ERROR, &code.to_be_bytes())
    }

    pub(super) fn eap(self, packet: &[u8]) -> Self {
        self.mandatory(EAP_PAYLOAD, packet)
    }

    pub(super) fn password_request(self, prompt: &str) -> Self {
        self.mandatory(PASSWORD_REQUEST, prompt.as_bytes())
    }

    /// Name and password, each of at most 255 octets; what is beyond is cut off.
    pub(super) fn password(self, name: &[u8], password: &[u8]) -> Self {
        let mut value = Zeroizing::new(Vec::with_capacity(2 * (1 + usize::from(u8::MAX))));
        for part in [name, password] {
            let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
            value.push(length);
            value.extend_from_slice(&part[..length.into()]);
        }
        self.mandatory(PASSWORD_RESPONSE, &value)
    }

    pub(super) fn nak(self, unknown: Unknown) -> Self {
        let mut value = unknown.vendor.to_be_bytes().to_vec();
        value.extend_from_slice(&unknown.kind.to_be_bytes());
        self.mandatory(NAK, &value)
    }

    pub(super) fn octets(self) -> Vec<u8> {
        self.0.octets()
    }

    fn mandatory(self, kind: u16, value: &[u8]) -> Self {
        Self(self.0.mandatory(kind, value))
    }
}

/// A TLV that is not known here and has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) vendor: u32,
    pub(super) kind: u16,
}

/// What the other side has said in one message.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) identity: Option<Who>,
    pub(super) result: Option<Status>,
    pub(super) intermediate: Option<Status>,
    pub(super) binding: Option<Binding>,
    /// The result if what it asks for is not done.
    pub(super) action: Option<Status>,
    pub(super) error: Option<u32>,
    /// A whole EAP packet, by its own length.
    pub(super) eap: Option<&'a [u8]>,
    pub(super) password: Option<(&'a [u8], Password)>,
    pub(super) is_password_wanted: bool,
    pub(super) naks: Vec<u16>,
    pub(super) unknown: Option<Unknown>,
}

/// Why a message cannot be taken; what there is to say about it is the fatal error that the
/// sequence of TLVs is not valid.
pub(super) type Fault = &'static str;

impl<'a> Said<'a> {
    /// Reads a message.
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, Fault> {
        let tlvs = tlv::parse(octets).map_err(|_| "its TLVs are not whole")?;
        let mut said = Self::default();
        for tlv in tlvs {
            said.take(tlv)?;
        }
        if said.result == Some(Status::Failure) && said.eap.is_some() {
            return Err("it goes on and says that it failed at once");
        }
        Ok(said)
    }

    fn take(&mut self, tlv: Tlv<'a>) -> Result<(), Fault> {
        match tlv.kind {
            IDENTITY_TYPE => once(&mut self.identity, tlv.number().and_then(Who::of)),
            RESULT => once(&mut self.result, tlv.number().and_then(Status::of)),
            INTERMEDIATE_RESULT => {
                // More TLVs may follow its status.
                let status = tlv
                    .value
                    .first_chunk()
                    .map(|octets| u16::from_be_bytes(*octets));
                once(&mut self.intermediate, status.and_then(Status::of))
            }
            CRYPTO_BINDING => once(&mut self.binding, tlv.value.try_into().ok().map(Binding)),
            REQUEST_ACTION => {
                let status = tlv
                    .value
                    .first()
                    .and_then(|&status| Status::of(status.into()));
                once(&mut self.action, status)
            }
            EAP_PAYLOAD => once(&mut self.eap, eap_packet(tlv.value)),
            PASSWORD_RESPONSE => once(&mut self.password, password(tlv.value)),
            PASSWORD_REQUEST => {
                self.is_password_wanted = true;
                Ok(())
            }
            ERROR => {
                let code = tlv.value.try_into().map(u32::from_be_bytes);
                let code = code.map_err(|_| BAD_VALUE)?;
                self.error = self.error.max(Some(code));
                Ok(())
            }
            NAK => {
                let (_, rest) = tlv.value.split_first_chunk::<4>().ok_or(BAD_VALUE)?;
                let kind = rest.first_chunk().ok_or(BAD_VALUE)?;
                self.naks.push(u16::from_be_bytes(*kind));
                Ok(())
            }
            PAC => Err("it sends a PAC, which is no part of TEAP any more"),
            CHANNEL_BINDING | AUTHORITY_ID | IDENTITY_HINT => Ok(()),
            kind => {
                if tlv.is_mandatory {
                    let vendor = tlv.value.first_chunk().filter(|_| kind == VENDOR_SPECIFIC);
                    let vendor = vendor.map_or(0, |octets| u32::from_be_bytes(*octets));
                    self.unknown.get_or_insert(Unknown { vendor, kind });
                }
                Ok(())
            }
        }
    }
}

const BAD_VALUE: Fault = "a TLV has a value that means nothing";

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), Fault> {
    let value = value.ok_or(BAD_VALUE)?;
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("a TLV that is to be there once is there twice"),
    }
}

fn eap_packet(value: &[u8]) -> Option<&[u8]> {
    let (&[_, _, high, low], _) = value.split_first_chunk::<HEADER_OCTETS>()?;
    value.get(..u16::from_be_bytes([high, low]).into())
}

fn password(value: &[u8]) -> Option<(&[u8], Password)> {
    let (&length, rest) = value.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let (&length, rest) = rest.split_first()?;
    let password = rest
        .get(..length.into())
        .filter(|_| rest.len() == usize::from(length))?;
    Some((name, Password::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_written() {
        let octets = Message::default()
            .identity(Who::Machine)
            .intermediate(Status::Success)
            .result(Status::Success)
            .error(5)
            .eap(&[2, 1, 0, 5, 1])
            .octets();
        let said = Said::parse(&octets).unwrap();
        assert_eq!(said.identity, Some(Who::Machine));
        assert_eq!(said.intermediate, Some(Status::Success));
        assert_eq!(said.result, Some(Status::Success));
        assert_eq!(said.error, Some(5));
        assert_eq!(said.eap, Some(&[2, 1, 0, 5, 1][..]));
        assert_eq!(said.unknown, None);
        let octets = Message::default().password(b"tim", b"secret").octets();
        let said = Said::parse(&octets).unwrap();
        let (name, password) = said.password.unwrap();
        assert_eq!((name, password.reveal()), (&b"tim"[..], &b"secret"[..]));
    }

    #[test]
    fn what_is_not_known_and_has_to_be_is_found() {
        let said = Said::parse(&[0x80, 99, 0, 0, 0x80, 7, 0, 5, 0, 0, 1, 55, 9]).unwrap();
        assert_eq!(
            said.unknown,
            Some(Unknown {
                vendor: 0,
                kind: 99
            })
        );
        let said = Said::parse(&[0x80, 7, 0, 5, 0, 0, 1, 55, 9]).unwrap();
        assert_eq!(
            said.unknown,
            Some(Unknown {
                vendor: 311,
                kind: 7
            })
        );
        let said = Said::parse(&[0, 99, 0, 0, 0, 7, 0, 5, 0, 0, 1, 55, 9]).unwrap();
        assert_eq!(said.unknown, None);
        let nak = Message::default().nak(Unknown {
            vendor: 311,
            kind: 7,
        });
        assert_eq!(nak.octets(), [0x80, 4, 0, 6, 0, 0, 1, 55, 0, 7]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for octets in [
            &[0x80, 3, 0, 2, 0][..],
            // Status 0 and 3, a result of one octet.
            &[0x80, 3, 0, 2, 0, 0],
            &[0x80, 3, 0, 2, 0, 3],
            &[0x80, 3, 0, 1, 1],
            // Two results.
            &[0x80, 3, 0, 2, 0, 1, 0x80, 3, 0, 2, 0, 1],
            // Two EAP packets, and one that is not whole.
            &[0x80, 9, 0, 4, 2, 0, 0, 4, 0x80, 9, 0, 4, 2, 0, 0, 4],
            &[0x80, 9, 0, 4, 2, 0, 0, 5],
            // An identity type of nobody.
            &[0x80, 2, 0, 2, 0, 3],
            // A password that is not whole, and one with something after it.
            &[0x80, 14, 0, 3, 1, b'a', 1],
            &[0x80, 14, 0, 5, 1, b'a', 1, b'b', 0],
            // A binding of another length.
            &[0x80, 12, 0, 1, 0],
            // A PAC.
            &[0x80, 11, 0, 0],
            // A failure and an EAP packet.
            &[0x80, 3, 0, 2, 0, 2, 0x80, 9, 0, 4, 2, 0, 0, 4],
        ] {
            assert!(Said::parse(octets).is_err(), "{octets:?}");
        }
    }
}
