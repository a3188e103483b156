use crate::{
    Attr, AttributeList, Code, ErrorCause, Spec, Version,
    attr::{self, Encodes, Kind, service_type},
    transport::Wire,
};

/// The answer to an Access-Request. There is no default: say which.
#[derive(Debug, Clone)]
#[must_use]
pub struct AccessReply {
    verdict: Verdict,
    attributes: AttributeList,
    at_once: bool,
}

/// What an [`AccessReply`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Access-Accept.
    Accept,
    /// Access-Challenge.
    Challenge,
    /// No decision can be made, and why.
    Failed(ErrorCause),
    /// Access-Reject.
    Reject,
    /// No answer.
    Silent,
}

impl AccessReply {
    /// Let them in.
    pub fn accept() -> Self {
        Self {
            verdict: Verdict::Accept,
            attributes: AttributeList::new(),
            at_once: false,
        }
    }

    /// Ask for more.
    pub fn challenge() -> Self {
        Self {
            verdict: Verdict::Challenge,
            attributes: AttributeList::new(),
            at_once: false,
        }
    }

    /// Refuse. Of the attributes only those reach the wire that RFC 2865 section 5.44 lets a reject
    /// carry.
    pub fn reject() -> Self {
        Self {
            verdict: Verdict::Reject,
            attributes: AttributeList::new(),
            at_once: false,
        }
    }

    /// Say nothing: no decision can be made now, and another server may be able to. A reject would
    /// tell someone with the right password that it is wrong.
    pub fn silent() -> Self {
        Self {
            verdict: Verdict::Silent,
            attributes: AttributeList::new(),
            at_once: false,
        }
    }

    /// Say that no decision can be made, and why, so that the peer turns to another server at once:
    /// a Protocol-Error over TLS and DTLS (RFC 7930 section 4), silence elsewhere.
    pub fn failed(cause: ErrorCause) -> Self {
        Self {
            verdict: Verdict::Failed(cause),
            attributes: AttributeList::new(),
            at_once: false,
        }
    }

    /// Appends an attribute; the value's type must fit the attribute's kind.
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.attributes.add(attr, value);
        self
    }

    /// Appends attributes known only at run time.
    pub fn with_all(mut self, attributes: &AttributeList) -> Self {
        self.attributes.extend(attributes);
        self
    }

    /// Do not hold a reject back: it comes from another server, which has done so already.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// Whether a reject is not to be held back.
    pub fn leaves_at_once(&self) -> bool {
        self.at_once
    }

    /// What it says.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What it carries.
    pub fn attributes(&self) -> &AttributeList {
        &self.attributes
    }
}

/// The answer to an Accounting-Request.
#[derive(Debug, Clone)]
#[must_use]
pub struct AccountingReply {
    recorded: Recorded,
    attributes: AttributeList,
}

#[derive(Debug, Clone, Copy)]
enum Recorded {
    No,
    NotBecause(ErrorCause),
    Yes,
}

impl AccountingReply {
    /// It is recorded, durably (RFC 2866 section 4.2): the peer may forget it.
    pub fn recorded() -> Self {
        Self {
            recorded: Recorded::Yes,
            attributes: AttributeList::new(),
        }
    }

    /// It is not recorded: say nothing, so that the peer sends it again.
    pub fn silent() -> Self {
        Self {
            recorded: Recorded::No,
            attributes: AttributeList::new(),
        }
    }

    /// It is not recorded, and why: a Protocol-Error over TLS and DTLS (RFC 7930 section 4),
    /// silence elsewhere.
    pub fn failed(cause: ErrorCause) -> Self {
        Self {
            recorded: Recorded::NotBecause(cause),
            attributes: AttributeList::new(),
        }
    }

    /// Appends an attribute, which RFC 2866 section 5.13 limits to vendor-specific ones.
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.attributes.add(attr, value);
        self
    }
}

macro_rules! dynamic_replies {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $name {
            refused: Option<ErrorCause>,
            attributes: AttributeList,
        }

        impl $name {
            /// It is done, for every session that matches (RFC 5176 section 2.3).
            pub fn ack() -> Self {
                Self { refused: None, attributes: AttributeList::new() }
            }

            /// It is not done, for no session at all, and why. A cause that
            /// [is one of success](ErrorCause::is_success) cannot be sent: the request is then
            /// refused with [`ErrorCause::ResourcesUnavailable`], and the handler counts as
            /// defective.
            pub fn nak(cause: ErrorCause) -> Self {
                Self {
                    refused: Some(cause),
                    attributes: AttributeList::new().with(attr::ERROR_CAUSE, cause.number()),
                }
            }

            /// Appends an attribute; the value's type must fit the attribute's kind.
            pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
                self.attributes.add(attr, value);
                self
            }

            /// Appends attributes known only at run time.
            pub fn with_all(mut self, attributes: &AttributeList) -> Self {
                self.attributes.extend(attributes);
                self
            }

            /// Why it is not done; `None` where it is.
            pub fn refused(&self) -> Option<ErrorCause> {
                self.refused
            }
        }
    )*};
}

dynamic_replies! {
    /// The answer to a CoA-Request. State is echoed (RFC 5176 section 3.3), and so is Proxy-State.
    CoaReply
    /// The answer to a Disconnect-Request. Proxy-State is echoed.
    DisconnectReply
}

impl CoaReply {
    /// The one good answer to a request to authorize the session anew
    /// ([`CoaRequest::is_authorize_only`](crate::CoaRequest::is_authorize_only)): a NAK that says
    /// that an Access-Request with the State of the request is on its way (RFC 5176 section 3.2).
    /// Whoever gives it must send that Access-Request.
    pub fn request_initiated() -> Self {
        Self::nak(ErrorCause::RequestInitiated)
            .with(attr::SERVICE_TYPE, service_type::AUTHORIZE_ONLY)
    }
}

impl DisconnectReply {
    /// The sessions were gone already, and what was left of them is removed now (Error-Cause 201,
    /// RFC 5176 section 3.5).
    pub fn ack_residual() -> Self {
        let residual = ErrorCause::ResidualSessionContextRemoved;
        Self::ack().with(attr::ERROR_CAUSE, residual.number())
    }
}

/// Any answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// To an Access-Request.
    Access(AccessReply),
    /// To an Accounting-Request.
    Accounting(AccountingReply),
    /// To a CoA-Request.
    Coa(CoaReply),
    /// To a Disconnect-Request.
    Disconnect(DisconnectReply),
}

impl Reply {
    /// The code that goes on the wire; `None` for silence, or for a Protocol-Error where that can
    /// be sent.
    pub(crate) fn code(&self) -> Option<Code> {
        Some(match self {
            Self::Access(reply) => match reply.verdict {
                Verdict::Accept => Code::ACCESS_ACCEPT,
                Verdict::Challenge => Code::ACCESS_CHALLENGE,
                Verdict::Reject => Code::ACCESS_REJECT,
                Verdict::Failed(_) | Verdict::Silent => return None,
            },
            Self::Accounting(reply) => match reply.recorded {
                Recorded::Yes => Code::ACCOUNTING_RESPONSE,
                Recorded::No | Recorded::NotBecause(_) => return None,
            },
            Self::Coa(reply) if reply.refused.is_none() => Code::COA_ACK,
            Self::Coa(_) => Code::COA_NAK,
            Self::Disconnect(reply) if reply.refused.is_none() => Code::DISCONNECT_ACK,
            Self::Disconnect(_) => Code::DISCONNECT_NAK,
        })
    }

    /// What a Protocol-Error in place of this reply says. RADIUS/1.1 leaves no request unanswered
    /// (RFC 9765 section 6.1); elsewhere silence stays silence.
    pub(crate) fn failure(&self, wire: Wire) -> Option<ErrorCause> {
        let given = match self {
            Self::Access(reply) => match reply.verdict {
                Verdict::Failed(cause) => Some(cause),
                Verdict::Silent => None,
                Verdict::Accept | Verdict::Challenge | Verdict::Reject => return None,
            },
            Self::Accounting(reply) => match reply.recorded {
                Recorded::NotBecause(cause) => Some(cause),
                Recorded::No => None,
                Recorded::Yes => return None,
            },
            Self::Coa(_) | Self::Disconnect(_) => return None,
        };
        match (wire.version, given) {
            (Version::V1_1, given) => Some(given.unwrap_or(ErrorCause::ResourcesUnavailable)),
            (Version::V1_0, given) => given.filter(|_| wire.transport.is_secure()),
        }
    }

    /// What goes on the wire: for a reject, only what a reject may carry.
    pub(crate) fn attributes(&self) -> std::borrow::Cow<'_, AttributeList> {
        use std::borrow::Cow;
        match self {
            Self::Access(reply) if reply.verdict == Verdict::Reject => {
                let mut allowed = AttributeList::new();
                for entry in reply
                    .attributes
                    .iter()
                    .filter(|entry| reject_may_carry(&entry.spec))
                {
                    allowed.push(&entry.spec, entry.tag, entry.value);
                }
                Cow::Owned(allowed)
            }
            Self::Access(reply) => Cow::Borrowed(&reply.attributes),
            Self::Accounting(reply) => Cow::Borrowed(&reply.attributes),
            Self::Coa(reply) => Cow::Borrowed(&reply.attributes),
            Self::Disconnect(reply) => Cow::Borrowed(&reply.attributes),
        }
    }
}

/// RFC 2865 section 5.44, with the additions of RFC 3579 and RFC 2548 (MS-CHAP-Error is
/// vendor-specific).
fn reject_may_carry(spec: &Spec) -> bool {
    let oid = spec.oid;
    oid.vendor().is_some()
        || [attr::REPLY_MESSAGE.spec().oid, attr::EAP_MESSAGE.spec().oid].contains(&oid)
        || oid == attr::ERROR_CAUSE.spec().oid
}

macro_rules! into_reply {
    ($($variant:ident $reply:ident)*) => {$(
        impl From<$reply> for Reply {
            fn from(reply: $reply) -> Self {
                Self::$variant(reply)
            }
        }
    )*};
}
into_reply! {
    Access AccessReply
    Accounting AccountingReply
    Coa CoaReply
    Disconnect DisconnectReply
}
