use std::fmt;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal;)*) => {
        /// Why a request was not carried out, or what there is to say of one that was: the values
        /// of Error-Cause (RFC 5176 section 3.5, RFC 5580 section 4.8, RFC 7930 section 6.1 and
        /// draft-ietf-radext-deprecating-radius).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCause {
            $($(#[$doc])* $name,)*
            /// A number without a name here; [`Self::from_number`] keeps it.
            Other(u32),
        }

        impl ErrorCause {
            /// Those that have a name, by number.
            pub const NAMED: &'static [Self] = &[$(Self::$name),*];

            /// Its number on the wire.
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Other(number) => number,
                }
            }

            /// What a number on the wire means.
            pub const fn from_number(number: u32) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// Its name in the RFCs; `None` for a number without one.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

causes! {
    /// 201: sessions were gone, and what was left of them is removed now. Only in a Disconnect-ACK:
    /// [`DisconnectReply::ack_residual`](crate::DisconnectReply::ack_residual).
    ResidualSessionContextRemoved = 201 "Residual Session Context Removed";
    /// 202: nobody may send it (RFC 5176 section 3.5).
    InvalidEapPacket = 202 "Invalid EAP Packet (Ignored)";
    /// 401: an attribute that is not supported.
    UnsupportedAttribute = 401 "Unsupported Attribute";
    /// 402: nothing says whose session is meant, or another attribute is missing.
    MissingAttribute = 402 "Missing Attribute";
    /// 403: another NAS is meant.
    NasIdentificationMismatch = 403 "NAS Identification Mismatch";
    /// 404: the request is wrong otherwise.
    InvalidRequest = 404 "Invalid Request";
    /// 405: a Service-Type that is not supported; not an answer to a Disconnect-Request.
    UnsupportedService = 405 "Unsupported Service";
    /// 406: requests of this kind are not supported.
    UnsupportedExtension = 406 "Unsupported Extension";
    /// 407: a value that is not supported.
    InvalidAttributeValue = 407 "Invalid Attribute Value";
    /// 501: the administrator does not want it.
    AdministrativelyProhibited = 501 "Administratively Prohibited";
    /// 502: a proxy does not know the way; not from a NAS.
    RequestNotRoutable = 502 "Request Not Routable (Proxy)";
    /// 503: there is no such session.
    SessionContextNotFound = 503 "Session Context Not Found";
    /// 504: there is such a session, and it cannot be ended. Only in a Disconnect-NAK.
    SessionContextNotRemovable = 504 "Session Context Not Removable";
    /// 505: a proxy failed otherwise.
    OtherProxyProcessingError = 505 "Other Proxy Processing Error";
    /// 506: out of memory, disk or the like.
    ResourcesUnavailable = 506 "Resources Unavailable";
    /// 507: an Access-Request is on its way; see
    /// [`CoaReply::request_initiated`](crate::CoaReply::request_initiated).
    RequestInitiated = 507 "Request Initiated";
    /// 508: several sessions match, and only one at a time can be changed.
    MultipleSessionSelectionUnsupported = 508 "Multiple Session Selection Unsupported";
    /// 509: the location must be known (RFC 5580).
    LocationInfoRequired = 509 "Location Info Required";
    /// 510: Message-Authenticator is required and absent; for looking for faults only.
    MissingMessageAuthenticator = 510 "Missing Message Authenticator";
    /// 601: the answer is longer than the other end takes (RFC 7930 section 4).
    ResponseTooBig = 601 "Response Too Big";
}

impl ErrorCause {
    /// Whether it is said of a request that was carried out: 200 to 299. Only an ACK carries such,
    /// and an ACK carries no other.
    pub const fn is_success(self) -> bool {
        matches!(self.number(), 200..=299)
    }
}

impl fmt::Display for ErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Error-Cause {}", self.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_belong_together_and_strange_numbers_are_kept() {
        let numbers: Vec<_> = ErrorCause::NAMED.iter().map(|it| it.number()).collect();
        let all = [201, 202].into_iter().chain(401..=407).chain(501..=510);
        assert_eq!(numbers, all.chain([601]).collect::<Vec<_>>());
        for cause in ErrorCause::NAMED {
            assert_eq!(ErrorCause::from_number(cause.number()), *cause);
            assert_eq!(cause.is_success(), cause.number() < 300);
            assert_eq!(Some(cause.to_string().as_str()), cause.name());
        }
        for number in [0, 299, 408, u32::MAX] {
            let cause = ErrorCause::from_number(number);
            assert_eq!((cause.number(), cause.name()), (number, None));
            assert_eq!(cause.to_string(), format!("Error-Cause {number}"));
        }
        let gone = ErrorCause::from_number(503).to_string();
        assert_eq!(gone, "Session Context Not Found");
    }
}
