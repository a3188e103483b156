use crate::{
    AttributeList, Code, EncodeError, Hiding, Malformed, Packet, Random, Secret, Spec, Version,
    attr,
    authenticator::{self, Checked, reserve_message_authenticator},
    encode,
    hide::{self, Hider},
};
use zeroize::Zeroizing;

/// What kind of request a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Access-Request.
    Access,
    /// Accounting-Request.
    Accounting,
    /// CoA-Request.
    Coa,
    /// Disconnect-Request.
    Disconnect,
    /// Status-Server.
    Status,
}

impl Ask {
    /// Its code on the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::Access => Code::ACCESS_REQUEST,
            Self::Accounting => Code::ACCOUNTING_REQUEST,
            Self::Coa => Code::COA_REQUEST,
            Self::Disconnect => Code::DISCONNECT_REQUEST,
            Self::Status => Code::STATUS_SERVER,
        }
    }

    /// Whether a code can answer it. A Protocol-Error answers anything (RFC 7930 section 4).
    pub const fn is_answered_by(self, code: Code) -> bool {
        if matches!(code, Code::PROTOCOL_ERROR) {
            return true;
        }
        match self {
            Self::Access => matches!(
                code,
                Code::ACCESS_ACCEPT | Code::ACCESS_REJECT | Code::ACCESS_CHALLENGE
            ),
            Self::Accounting => matches!(code, Code::ACCOUNTING_RESPONSE),
            Self::Coa => matches!(code, Code::COA_ACK | Code::COA_NAK),
            Self::Disconnect => matches!(code, Code::DISCONNECT_ACK | Code::DISCONNECT_NAK),
            Self::Status => matches!(code, Code::ACCESS_ACCEPT | Code::ACCOUNTING_RESPONSE),
        }
    }
}

/// A request as a client has sent it: what is needed to know its answer by.
#[derive(Debug, Clone)]
pub struct Query {
    ask: Ask,
    version: Version,
    /// The Identifier, or the Token of RADIUS/1.1.
    identifier: u32,
    authenticator: [u8; 16],
}

/// Why a datagram is not the answer. None of these touches the request, which goes on waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadReply {
    /// A code that does not answer this request.
    #[error("its code does not answer this request")]
    Code,
    /// Another identifier.
    #[error("it answers another identifier")]
    Identifier,
    /// Not a packet.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// More than one Message-Authenticator, or one of a wrong length.
    #[error("its Message-Authenticator is malformed")]
    MessageAuthenticatorMalformed,
    /// No Message-Authenticator, and one is required.
    #[error("it carries no Message-Authenticator")]
    MessageAuthenticatorMissing,
    /// Message-Authenticator does not verify.
    #[error("its Message-Authenticator is wrong: the shared secrets differ, or it is forged")]
    MessageAuthenticatorWrong,
    /// The Response Authenticator does not verify.
    #[error("its Response Authenticator is wrong: the shared secrets differ, or it is forged")]
    ResponseAuthenticatorWrong,
}

impl Query {
    /// Encodes a request into `out`, which is cleared first. Access-Request and Status-Server carry
    /// Message-Authenticator as their first attribute; the others where `protect` says so.
    pub fn encode(
        ask: Ask,
        identifier: u8,
        attributes: &AttributeList,
        secret: &Secret,
        protect: bool,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        let mut authenticator = [0; 16];
        if !authenticator::is_computed(ask.code()) {
            random.fill(&mut authenticator);
        }
        Self::encode_under(
            ask,
            identifier,
            authenticator,
            attributes,
            secret,
            protect,
            random,
            out,
        )
    }

    /// As [`Self::encode`] under a Request Authenticator of the caller's: for a CHAP challenge that
    /// is the authenticator itself (RFC 2865 section 5.3). Requests whose authenticator is computed
    /// ignore it.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one independent input of the packet"
    )]
    pub fn encode_under(
        ask: Ask,
        identifier: u8,
        authenticator: [u8; 16],
        attributes: &AttributeList,
        secret: &Secret,
        protect: bool,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        let computed = authenticator::is_computed(ask.code());
        let under = if computed { [0; 16] } else { authenticator };
        out.clear();
        out.extend_from_slice(&[ask.code().0, identifier, 0, 0]);
        out.extend_from_slice(&under);
        let protect = protect || matches!(ask, Ask::Access | Ask::Status);
        if protect {
            reserve_message_authenticator(out);
        }
        encode::encode(attributes, &mut Hider::new(secret, under, random), out)?;
        encode::fill_length(out, Packet::MAX)?;
        if protect {
            authenticator::fill_message_authenticator(out, Packet::HEADER, &under, secret);
        }
        if computed {
            authenticator::fill_request_authenticator(out, secret);
        }
        let authenticator = Packet::checked(out).authenticator();
        Ok(Self {
            ask,
            version: Version::V1_0,
            identifier: identifier.into(),
            authenticator,
        })
    }

    /// Encodes a RADIUS/1.1 request (RFC 9765) into `out`, which is cleared first: nothing is
    /// hidden and nothing signed, because TLS does both.
    pub fn encode_open(
        ask: Ask,
        token: u32,
        attributes: &AttributeList,
        out: &mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        out.clear();
        out.extend_from_slice(&[ask.code().0, 0, 0, 0]);
        out.extend_from_slice(&token.to_be_bytes());
        out.extend_from_slice(&[0; 12]);
        encode::encode(attributes, &mut Hider::open(), out)?;
        encode::fill_length(out, Packet::MAX)?;
        Ok(Self {
            ask,
            version: Version::V1_1,
            identifier: token,
            authenticator: Packet::checked(out).authenticator(),
        })
    }

    /// What was asked.
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// The Identifier octet; under RADIUS/1.1, which has none, 0.
    pub fn identifier(&self) -> u8 {
        match self.version {
            Version::V1_0 => u8::try_from(self.identifier).unwrap_or_default(),
            Version::V1_1 => 0,
        }
    }

    /// Which form of the protocol it has.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The Request Authenticator.
    pub fn authenticator(&self) -> &[u8; 16] {
        &self.authenticator
    }

    /// Takes a packet for the answer, if it verifies. `require` says whether an answer to
    /// Access-Request or Status-Server must carry Message-Authenticator (CVE-2024-3596); keep it
    /// true.
    pub fn accept<'a>(
        &self,
        datagram: &'a [u8],
        secret: &Secret,
        require: bool,
    ) -> Result<Packet<'a>, BadReply> {
        let packet = Packet::parse_within(datagram, Packet::MAX_STREAM)?;
        let identifier = match self.version {
            Version::V1_0 => u32::from(packet.identifier()),
            Version::V1_1 => packet.token(),
        };
        if identifier != self.identifier {
            return Err(BadReply::Identifier);
        }
        if !self.ask.is_answered_by(packet.code()) {
            return Err(BadReply::Code);
        }
        if self.version == Version::V1_1 {
            return Ok(packet);
        }
        if !authenticator::response_is_authentic(&packet, &self.authenticator, secret) {
            return Err(BadReply::ResponseAuthenticatorWrong);
        }
        let must = require && matches!(self.ask, Ask::Access | Ask::Status);
        match authenticator::check_message_authenticator(&packet, &self.authenticator, secret) {
            Checked::Absent if must || packet.has(attr::EAP_MESSAGE) => {
                Err(BadReply::MessageAuthenticatorMissing)
            }
            Checked::Absent | Checked::Valid => Ok(packet),
            Checked::Malformed => Err(BadReply::MessageAuthenticatorMalformed),
            Checked::Wrong => Err(BadReply::MessageAuthenticatorWrong),
        }
    }

    /// The value of one occurrence of a hidden attribute of the answer, given as it stands on the
    /// wire, tag and all; wiped when dropped. `None` where it cannot have been hidden this way.
    pub fn reveal(
        &self,
        spec: &Spec,
        hidden: &[u8],
        secret: &Secret,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let hidden = without_tag(spec, hidden)?;
        if self.version == Version::V1_1 {
            return Some(Zeroizing::new(hidden.to_vec()));
        }
        let under = if authenticator::is_computed(self.ask.code()) {
            [0; 16]
        } else {
            self.authenticator
        };
        hide::reveal(spec.hiding, secret, &under, hidden)
    }
}

/// The tag octet in front of a hidden value is always there (RFC 2868 section 3.5).
pub(crate) fn without_tag<'a>(spec: &Spec, hidden: &'a [u8]) -> Option<&'a [u8]> {
    if spec.tagged && spec.hiding != Hiding::None {
        return hidden.split_first().map(|(_, rest)| rest);
    }
    Some(hidden)
}
