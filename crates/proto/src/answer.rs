//! The packet around an answer: header, Message-Authenticator, Proxy-State, signatures.

use crate::{
    AttributeList, Code, EncodeError, ErrorCause, Packet, Random, Secret, Version, attr,
    authenticator::{self, reserve_message_authenticator},
    encode,
    hide::Hider,
    transport::Wire,
};

/// The request that is answered, and how.
#[derive(Clone, Copy)]
pub(crate) struct Answering<'a> {
    pub(crate) request: Packet<'a>,
    /// That which the request goes by.
    pub(crate) secret: &'a Secret,
    pub(crate) wire: Wire,
}

impl Answering<'_> {
    /// Encodes an answer into `out`, which is cleared first.
    pub(crate) fn encode(
        &self,
        code: Code,
        lists: &[Option<&AttributeList>],
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.clear();
        match self.wire.version {
            Version::V1_0 => self.signed(code, lists, random, out),
            Version::V1_1 => self.open(code, lists, out),
        }
    }

    /// A Protocol-Error: the packet was understood, and cannot be served (RFC 7930 section 4).
    pub(crate) fn protocol_error(
        &self,
        cause: ErrorCause,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut list = AttributeList::new().with(attr::ERROR_CAUSE, cause.number());
        // The Token tells requests apart by itself (RFC 9765 section 5.4).
        if self.wire.version == Version::V1_0 {
            list.add(attr::ORIGINAL_PACKET_CODE, u32::from(self.request.code().0));
        }
        self.encode(Code::PROTOCOL_ERROR, &[Some(&list)], random, out)
    }

    fn signed(
        &self,
        code: Code,
        lists: &[Option<&AttributeList>],
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let request_authenticator = self.request.authenticator();
        let secret = self.secret;
        out.extend_from_slice(&[code.0, self.request.identifier(), 0, 0]);
        out.extend_from_slice(&[0; 16]);
        let protect = self.carries_message_authenticator(code);
        if protect {
            reserve_message_authenticator(out);
        }
        let under = authenticator::of_request(&self.request);
        let hider = &mut Hider::new(secret, under, random);
        self.attributes(code, lists, hider, out)?;
        if protect {
            let offset = Packet::HEADER;
            authenticator::fill_message_authenticator(out, offset, &request_authenticator, secret);
        }
        authenticator::fill_response_authenticator(out, &request_authenticator, secret);
        Ok(())
    }

    /// RFC 9765 section 4.1: the Token stands for identifier and authenticator.
    fn open(
        &self,
        code: Code,
        lists: &[Option<&AttributeList>],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        out.extend_from_slice(&[code.0, 0, 0, 0]);
        out.extend_from_slice(&self.request.token().to_be_bytes());
        out.extend_from_slice(&[0; 12]);
        self.attributes(code, lists, &mut Hider::open(), out)
    }

    /// Not in the answer to an Accounting-Request: clients of many years compute it over zeros
    /// there, no RFC says which is right, and the Response Authenticator protects that answer
    /// already.
    fn carries_message_authenticator(&self, code: Code) -> bool {
        match self.request.code() {
            Code::ACCESS_REQUEST | Code::STATUS_SERVER => true,
            Code::ACCOUNTING_REQUEST => code == Code::PROTOCOL_ERROR,
            _ => self.request.has(attr::MESSAGE_AUTHENTICATOR),
        }
    }

    /// The lists, then what goes back as it came: Proxy-State, and State to whoever changes a
    /// session (RFC 5176 section 3.3).
    fn attributes(
        &self,
        code: Code,
        lists: &[Option<&AttributeList>],
        hider: &mut Hider<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let state = attr::STATE.spec().oid;
        let mut has_state = false;
        for list in lists.iter().copied().flatten() {
            encode::encode(list, hider, out)?;
            has_state |= list.contains(&state);
        }
        let proxy_state = attr::PROXY_STATE.spec().oid.top();
        let returns_state = !has_state && [Code::COA_ACK, Code::COA_NAK].contains(&code);
        for returned in self.request.attributes().filter(|attribute| {
            attribute.number == proxy_state || (returns_state && attribute.number == state.top())
        }) {
            let whole = returned.offset..returned.offset + 2 + returned.value.len();
            out.extend_from_slice(self.request.octets().get(whole).unwrap_or_default());
        }
        encode::fill_length(out, self.longest())
    }

    /// The most octets that the peer takes: 4096, and over a stream what it says (RFC 7930 section
    /// 3).
    fn longest(&self) -> usize {
        let says = self
            .wire
            .transport
            .is_stream()
            .then(|| self.request.get(attr::RESPONSE_LENGTH))
            .flatten();
        let says = says.and_then(|says| usize::try_from(says).ok());
        says.unwrap_or(Packet::MAX)
            .clamp(Packet::MAX, Packet::MAX_STREAM)
    }
}
