//! What PEAP says at its end: EAP packets of type 33 with TLVs (MS-PEAP section 2.2.8.1).

use subtle::ConstantTimeEq as _;

use super::{
    VERSION,
    keys::{BindingKeys, MAC_OCTETS},
};
use crate::eap::{
    Packet, Type,
    packet::{self, Code},
    tunnel::tlv::{self, Writer},
};

const RESULT: u16 = 3;
const CRYPTO_BINDING: u16 = 12;
const SUCCESS: u16 = 1;
const FAILURE: u16 = 2;

pub(super) const NONCE_OCTETS: usize = 32;
const BINDING_OCTETS: usize = 4 + NONCE_OCTETS + MAC_OCTETS;

/// Who speaks a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    Server,
    Peer,
}

impl Speaker {
    const fn subtype(self) -> u8 {
        match self {
            Self::Server => 0,
            Self::Peer => 1,
        }
    }
}

/// A Crypto-Binding TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    value: [u8; BINDING_OCTETS],
}

impl Binding {
    /// One with its compound MAC.
    pub(super) fn new(speaker: Speaker, nonce: &[u8; NONCE_OCTETS], keys: &BindingKeys) -> Self {
        let mut value = [0; BINDING_OCTETS];
        value[..4].copy_from_slice(&[0, VERSION, VERSION, speaker.subtype()]);
        value[4..4 + NONCE_OCTETS].copy_from_slice(nonce);
        let mac = keys.mac(&written(&value));
        value[4 + NONCE_OCTETS..].copy_from_slice(&mac);
        Self { value }
    }

    /// Its nonce.
    pub(super) fn nonce(&self) -> [u8; NONCE_OCTETS] {
        let mut nonce = [0; NONCE_OCTETS];
        nonce.copy_from_slice(&self.value[4..4 + NONCE_OCTETS]);
        nonce
    }

    /// Whether it is right and `speaker`'s. Constant time.
    pub(super) fn is_right(&self, speaker: Speaker, keys: &BindingKeys) -> bool {
        let expected = Self::new(speaker, &self.nonce(), keys);
        expected.value.ct_eq(&self.value).into()
    }
}

fn written(value: &[u8; BINDING_OCTETS]) -> Vec<u8> {
    Writer::default().optional(CRYPTO_BINDING, value).octets()
}

/// How it went, as one side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_success: bool,
    pub(super) binding: Option<Binding>,
}

impl Verdict {
    /// The whole EAP packet that says so.
    pub(super) fn request(&self, identifier: u8) -> Vec<u8> {
        packet::request(identifier, Type::TLV, &self.tlvs()).unwrap_or_default()
    }

    /// The same of the peer.
    pub(super) fn response(&self, identifier: u8) -> Vec<u8> {
        packet::response(identifier, Type::TLV, &self.tlvs()).unwrap_or_default()
    }

    fn tlvs(&self) -> Vec<u8> {
        let status = if self.is_success { SUCCESS } else { FAILURE };
        let writer = Writer::default().mandatory(RESULT, &status.to_be_bytes());
        match &self.binding {
            Some(binding) => writer.optional(CRYPTO_BINDING, &binding.value),
            None => writer,
        }
        .octets()
    }

    /// Reads the TLVs. An error says what is wrong with them.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, &'static str> {
        let tlvs = tlv::parse(octets).map_err(|_| "its TLVs are not whole")?;
        let mut is_success = None;
        let mut binding = None;
        for tlv in tlvs {
            match tlv.kind {
                RESULT => {
                    let said = match tlv.number() {
                        Some(SUCCESS) => true,
                        Some(FAILURE) => false,
                        _ => return Err("its Result TLV says nothing"),
                    };
                    if is_success.replace(said).is_some() {
                        return Err("it gives two results");
                    }
                }
                CRYPTO_BINDING => {
                    let value = tlv.value.try_into();
                    let value = value.map_err(|_| "its Crypto-Binding TLV has the wrong length")?;
                    if binding.replace(Binding { value }).is_some() {
                        return Err("it binds itself twice");
                    }
                }
                _ if tlv.is_mandatory => return Err("it demands a TLV that is not known here"),
                _ => {}
            }
        }
        Ok(Self {
            is_success: is_success.ok_or("it gives no result")?,
            binding,
        })
    }
}

/// The TLVs of a packet of type 33 of that code, which has its header as a rule; `None` if it is
/// another one.
pub(super) fn of_packet(octets: &[u8], code: Code) -> Option<&[u8]> {
    let kind = Type::TLV.short()?;
    if let Some((&first, rest)) = octets.split_first()
        && first == kind
    {
        return Some(rest);
    }
    let packet = Packet::parse(octets).ok()?;
    let is_whole = packet.code() == code && packet.octets().len() == octets.len();
    match packet.body().filter(|_| is_whole)? {
        (Type::TLV, tlvs) => Some(tlvs),
        _ => None,
    }
}
