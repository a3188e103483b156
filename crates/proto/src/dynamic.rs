//! Changing and ending sessions (RFC 5176): which requests are taken, and what has only one answer.

use std::{
    fmt,
    ops::ControlFlow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    AnswerError, CoaReply, CoaRequest, Code, Discard, DisconnectReply, DisconnectRequest,
    ErrorCause, Incoming, NasKeys, Oid, Packet, RawAttribute, Reply, Spec, VENDOR_SPECIFIC,
    VendorAttributes,
    attr::{self, Reads as _, service_type},
    session::{is_nas_key, is_readable, is_session_key, may_repeat},
};

/// What is demanded of CoA-Request and Disconnect-Request so that they cannot be replayed (RFC 5176
/// section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicLimits {
    /// How far Event-Timestamp may lie from our clock, either way; for as long an answer is
    /// remembered, so that a packet that comes again meets its answer or is stale. By default 300
    /// s, at most an hour.
    pub window: Duration,
    /// Whether a request without Event-Timestamp is discarded; by default not, because many servers
    /// send none. Such a request can be replayed once its answer is forgotten.
    pub require_event_timestamp: bool,
    /// The most requests remembered at a time. What is beyond is discarded until others have had
    /// their time, because one that is forgotten early could be replayed.
    pub entries: usize,
}

impl DynamicLimits {
    /// How far Event-Timestamp may lie from the clock unless told otherwise (RFC 5176 section 6.3).
    pub const WINDOW: Duration = Duration::from_mins(5);

    const LONGEST_WINDOW: Duration = Duration::from_hours(1);

    pub(crate) fn bounded_window(self) -> Duration {
        self.window.min(Self::LONGEST_WINDOW)
    }
}

impl Default for DynamicLimits {
    fn default() -> Self {
        Self {
            window: Self::WINDOW,
            require_event_timestamp: false,
            entries: 65_536,
        }
    }
}

impl Packet<'_> {
    /// Whether every Event-Timestamp lies within `window` of `clock`, either way; also where there
    /// is none (RFC 5176 section 6.3).
    pub fn is_current(&self, clock: SystemTime, window: Duration) -> bool {
        let now = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut current = true;
        self.each(attr::EVENT_TIMESTAMP.spec(), &mut |octets| {
            let seconds = attr::Time::read(octets).map(u64::from);
            let sent = seconds.map(Duration::from_secs);
            current &= sent.is_some_and(|sent| sent.abs_diff(now) <= window);
            ControlFlow::Continue(())
        });
        current
    }
}

/// Whether an authentic request to change a session says when it was sent. One that is too old, or
/// from too far ahead, is discarded.
pub(crate) fn is_dated(
    packet: &Packet<'_>,
    clock: SystemTime,
    limits: &DynamicLimits,
) -> Result<bool, Discard> {
    if !packet.is_current(clock, limits.bounded_window()) {
        return Err(Discard::EventTimestampStale);
    }
    let dated = packet.has(attr::EVENT_TIMESTAMP);
    if !dated && limits.require_event_timestamp {
        return Err(Discard::EventTimestampMissing);
    }
    Ok(dated)
}

/// What an attribute is for in a request to change a session: RFC 5176 sections 3 and 3.6, RFC 8559
/// section 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It changes something, or we do not know it.
    Change,
    /// It belongs to the packet and not to the session.
    Hop,
    Nas,
    /// It has no place in a request.
    Never,
    ServiceType,
    Session,
    State,
    /// It tells the user or the accounting server something.
    Tells,
    /// Whether it names a session or changes one only its vendor knows.
    Vendor,
}

fn used_for(attribute: &RawAttribute<'_>) -> Use {
    const PROXY_STATE: u8 = attr::PROXY_STATE.spec().oid.top();
    const EVENT_TIMESTAMP: u8 = attr::EVENT_TIMESTAMP.spec().oid.top();
    const MESSAGE_AUTHENTICATOR: u8 = attr::MESSAGE_AUTHENTICATOR.spec().oid.top();
    const SERVICE_TYPE: u8 = attr::SERVICE_TYPE.spec().oid.top();
    const STATE: u8 = attr::STATE.spec().oid.top();
    const REPLY_MESSAGE: u8 = attr::REPLY_MESSAGE.spec().oid.top();
    const EAP_MESSAGE: u8 = attr::EAP_MESSAGE.spec().oid.top();
    const CLASS: u8 = attr::CLASS.spec().oid.top();
    const ACCT_TERMINATE_CAUSE: u8 = attr::ACCT_TERMINATE_CAUSE.spec().oid.top();
    const ERROR_CAUSE: u8 = attr::ERROR_CAUSE.spec().oid.top();
    const ORIGINATING_LINE_INFO: u8 = attr::ORIGINATING_LINE_INFO.spec().oid.top();
    match attribute.number {
        PROXY_STATE | EVENT_TIMESTAMP | MESSAGE_AUTHENTICATOR => Use::Hop,
        SERVICE_TYPE => Use::ServiceType,
        STATE => Use::State,
        REPLY_MESSAGE | EAP_MESSAGE | CLASS | ACCT_TERMINATE_CAUSE => Use::Tells,
        ERROR_CAUSE | ORIGINATING_LINE_INFO => Use::Never,
        VENDOR_SPECIFIC => Use::Vendor,
        241..=246 if attribute.value.first() == Some(&VENDOR_SPECIFIC) => Use::Vendor,
        _ if is_session_key(attribute) => Use::Session,
        _ if is_nas_key(attribute) => Use::Nas,
        _ => Use::Change,
    }
}

/// The cause of the only answer that RFC 5176 leaves to a request, if it leaves only one. Works in
/// time linear in the packet.
fn objection(packet: &Packet<'_>) -> Option<ErrorCause> {
    let ends = packet.code() == Code::DISCONNECT_REQUEST;
    let authorize_only = is_authorize_only(packet);
    let mut seen = [false; 256];
    let (mut names_session, mut has_state) = (false, false);
    for attribute in packet.attributes() {
        let used = used_for(&attribute);
        let is_key = matches!(used, Use::Session | Use::Nas);
        let once = match used {
            Use::ServiceType | Use::State => true,
            Use::Hop => attribute.number == attr::EVENT_TIMESTAMP.spec().oid.top(),
            _ => is_key && !may_repeat(attribute.number),
        };
        // Two User-Names name no session: whoever looks at one of them misses the other.
        if std::mem::replace(&mut seen[usize::from(attribute.number)], true) && once {
            return Some(ErrorCause::InvalidRequest);
        }
        let readable = match used {
            Use::ServiceType => attr::Integer::read(attribute.value).is_some(),
            _ => !is_key || is_readable(&attribute),
        };
        if !readable {
            return Some(ErrorCause::InvalidAttributeValue);
        }
        let fits = match used {
            Use::Hop | Use::Nas | Use::Session | Use::Vendor => true,
            Use::ServiceType | Use::State => !ends,
            Use::Tells => !authorize_only,
            Use::Change => !ends && !authorize_only,
            Use::Never => false,
        };
        if !fits {
            return Some(ErrorCause::UnsupportedAttribute);
        }
        names_session |= matches!(used, Use::Session | Use::Vendor);
        has_state |= used == Use::State;
    }
    // One that names only the NAS would meet every session there.
    (!names_session || (authorize_only && !has_state)).then_some(ErrorCause::MissingAttribute)
}

/// The only answer that RFC 5176 leaves to a request, if it leaves only one.
pub(crate) fn only_answer(request: &Incoming) -> Option<Reply> {
    match request {
        Incoming::Access(_) | Incoming::Accounting(_) => None,
        Incoming::Coa(request) => {
            objection(&request.packet()).map(|cause| CoaReply::nak(cause).into())
        }
        Incoming::Disconnect(request) => {
            objection(&request.packet()).map(|cause| DisconnectReply::nak(cause).into())
        }
    }
}

fn is_authorize_only(packet: &Packet<'_>) -> bool {
    packet.code() == Code::COA_REQUEST
        && packet.get(attr::SERVICE_TYPE) == Some(service_type::AUTHORIZE_ONLY)
}

/// Whether a reply may be sent to a request: RFC 5176 sections 3.2 and 3.5.
pub(crate) fn check_reply(request: &Incoming, reply: &Reply) -> Result<(), AnswerError> {
    let Some(code) = reply
        .code()
        .filter(|_| request.packet().code().is_dynamic())
    else {
        return Ok(());
    };
    let is_ack = matches!(code, Code::COA_ACK | Code::DISCONNECT_ACK);
    if is_ack && is_authorize_only(&request.packet()) {
        return Err(AnswerError::AuthorizeOnly);
    }
    let error_cause = attr::ERROR_CAUSE.spec().oid;
    let attributes = reply.attributes();
    let causes = attributes
        .iter()
        .filter(|entry| entry.spec.oid == error_cause)
        .filter_map(|entry| attr::Integer::read(entry.value));
    for cause in causes.map(ErrorCause::from_number) {
        let fits = match cause {
            ErrorCause::ResidualSessionContextRemoved => code == Code::DISCONNECT_ACK,
            ErrorCause::InvalidEapPacket => false,
            _ => cause.is_success() == is_ack,
        };
        if !fits {
            return Err(AnswerError::Cause(cause));
        }
    }
    Ok(())
}

/// Why a request cannot be carried out, and because of which attribute. Turn it into the answer:
/// `return objection.into()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objection {
    cause: ErrorCause,
    attribute: Oid,
}

impl Objection {
    /// What the answer says.
    pub fn cause(&self) -> ErrorCause {
        self.cause
    }

    /// The attribute it is about: the first of its kind.
    pub fn attribute(&self) -> Oid {
        self.attribute
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: attribute {}", self.cause, self.attribute)
    }
}

impl std::error::Error for Objection {}

impl From<Objection> for CoaReply {
    fn from(objection: Objection) -> Self {
        Self::nak(objection.cause)
    }
}

impl From<Objection> for DisconnectReply {
    fn from(objection: Objection) -> Self {
        Self::nak(objection.cause)
    }
}

macro_rules! judges {
    ($($name:ident)*) => {$(
        impl $name {
            /// Whether there is nothing in it but what `supported` lists. Every attribute counts:
            /// one that is not understood must not be passed over (RFC 5176 section 2.3). The keys
            /// of [`session`](crate::Request::session) and [`nas`](crate::Request::nas) need not be
            /// listed, nor what belongs to the packet, nor State; in a Disconnect-Request neither
            /// what only tells something, such as Class. Of Vendor-Specific every attribute inside
            /// must be listed.
            ///
            /// # Errors
            /// Unsupported-Attribute (401), for the first that is not listed.
            pub fn only(&self, supported: &[&Spec]) -> Result<(), Objection> {
                let unsupported = unsupported(&self.packet(), supported);
                unsupported.map_or(Ok(()), |attribute| {
                    let cause = ErrorCause::UnsupportedAttribute;
                    Err(Objection { cause, attribute })
                })
            }

            /// Whether the NAS that it names, if it names one, is the one with this identifier and
            /// these addresses: every NAS-Identifier, NAS-IP-Address and NAS-IPv6-Address must fit
            /// (RFC 5176 section 3). A proxy asks [`nas`](crate::Request::nas) instead, which also
            /// has what RFC 8559 adds.
            ///
            /// # Errors
            /// NAS-Identification-Mismatch (403), for the first that does not fit.
            pub fn names_nas(
                &self,
                identifier: &str,
                addresses: &[std::net::IpAddr],
            ) -> Result<(), Objection> {
                let strange = NasKeys::of(&self.packet()).strange(identifier, addresses);
                strange.map_or(Ok(()), |attribute| {
                    let cause = ErrorCause::NasIdentificationMismatch;
                    Err(Objection { cause, attribute })
                })
            }
        }
    )*};
}
judges! { CoaRequest DisconnectRequest }

impl CoaRequest {
    /// Whether the session is to be authorized anew: Service-Type says Authorize-Only, and there is
    /// State. Nothing in the request changes anything. The answer is
    /// [`CoaReply::request_initiated`] and an Access-Request with that State and Service-Type, or a
    /// NAK, such as 405 where it is not supported; an ACK cannot be sent (RFC 5176 section 3.2).
    pub fn is_authorize_only(&self) -> bool {
        is_authorize_only(&self.packet())
    }
}

/// The first attribute that is neither always fine nor listed.
fn unsupported(packet: &Packet<'_>, supported: &[&Spec]) -> Option<Oid> {
    let ends = packet.code() == Code::DISCONNECT_REQUEST;
    let authorize_only = is_authorize_only(packet);
    packet.attributes().find_map(|attribute| {
        let fine = match used_for(&attribute) {
            Use::Hop | Use::Nas | Use::Session | Use::State => true,
            Use::ServiceType => authorize_only,
            Use::Tells => ends,
            Use::Change | Use::Never => false,
            Use::Vendor => return unsupported_of_vendor(&attribute, supported),
        };
        let oid = outermost(&attribute)?;
        let depth = oid.parts().len();
        let is_listed = || {
            let mut listed = supported.iter().map(|spec| spec.oid);
            listed.any(|listed| listed.parts().get(..depth) == Some(oid.parts()))
        };
        (!fine && !is_listed()).then_some(oid)
    })
}

fn outermost(attribute: &RawAttribute<'_>) -> Option<Oid> {
    let top = Oid::from_parts(&[u32::from(attribute.number)])?;
    match (attribute.number, attribute.value) {
        (241..=246, [extended, ..]) => top.child(u32::from(*extended)),
        _ => Some(top),
    }
}

/// The first attribute inside Vendor-Specific that is not listed; of what cannot be taken apart,
/// the vendor.
fn unsupported_of_vendor(attribute: &RawAttribute<'_>, supported: &[&Spec]) -> Option<Oid> {
    let top = outermost(attribute)?;
    let Some((vendor, payload)) = attribute.value.split_first_chunk() else {
        return Some(top);
    };
    let vendor = top.child(u32::from_be_bytes(*vendor))?;
    let prefix = |oid: &Oid, of: &Oid| oid.parts().get(..of.parts().len()) == Some(of.parts());
    if attribute.number != VENDOR_SPECIFIC {
        // An extended one is taken whole: its vendor stands behind a flag, or in a fragment before.
        let is_listed = supported.iter().any(|spec| prefix(&spec.oid, &top));
        return (!is_listed).then_some(top);
    }
    let Some(listed) = supported.iter().find(|spec| prefix(&spec.oid, &vendor)) else {
        return Some(vendor);
    };
    let mut inside = VendorAttributes::new(listed.format, payload);
    let unlisted = inside.find_map(|one| {
        let oid = vendor.child(one.number)?;
        let is_listed = supported.iter().any(|spec| prefix(&spec.oid, &oid));
        (!is_listed).then_some(oid)
    });
    unlisted.or((!inside.rest().is_empty()).then_some(vendor))
}
