use std::fmt;

/// The Code octet of a packet: what it asks or answers (RFC 2865 section 3 and its successors).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u8);

impl Code {
    /// RFC 2865.
    pub const ACCESS_REQUEST: Self = Self(1);
    /// RFC 2865.
    pub const ACCESS_ACCEPT: Self = Self(2);
    /// RFC 2865.
    pub const ACCESS_REJECT: Self = Self(3);
    /// RFC 2866.
    pub const ACCOUNTING_REQUEST: Self = Self(4);
    /// RFC 2866.
    pub const ACCOUNTING_RESPONSE: Self = Self(5);
    /// RFC 2865.
    pub const ACCESS_CHALLENGE: Self = Self(11);
    /// RFC 5997.
    pub const STATUS_SERVER: Self = Self(12);
    /// RFC 5176.
    pub const DISCONNECT_REQUEST: Self = Self(40);
    /// RFC 5176.
    pub const DISCONNECT_ACK: Self = Self(41);
    /// RFC 5176.
    pub const DISCONNECT_NAK: Self = Self(42);
    /// RFC 5176.
    pub const COA_REQUEST: Self = Self(43);
    /// RFC 5176.
    pub const COA_ACK: Self = Self(44);
    /// RFC 5176.
    pub const COA_NAK: Self = Self(45);
    /// RFC 7930.
    pub const PROTOCOL_ERROR: Self = Self(52);

    /// Whether it answers something.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::ACCESS_ACCEPT
                | Self::ACCESS_REJECT
                | Self::ACCOUNTING_RESPONSE
                | Self::ACCESS_CHALLENGE
                | Self::DISCONNECT_ACK
                | Self::DISCONNECT_NAK
                | Self::COA_ACK
                | Self::COA_NAK
                | Self::PROTOCOL_ERROR
        )
    }

    /// Whether it asks to change or end a session (RFC 5176).
    pub const fn is_dynamic(self) -> bool {
        matches!(self, Self::COA_REQUEST | Self::DISCONNECT_REQUEST)
    }

    /// The name in the RFCs, or `None` for a code we do not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ACCESS_REQUEST => "Access-Request",
            Self::ACCESS_ACCEPT => "Access-Accept",
            Self::ACCESS_REJECT => "Access-Reject",
            Self::ACCOUNTING_REQUEST => "Accounting-Request",
            Self::ACCOUNTING_RESPONSE => "Accounting-Response",
            Self::ACCESS_CHALLENGE => "Access-Challenge",
            Self::STATUS_SERVER => "Status-Server",
            Self::DISCONNECT_REQUEST => "Disconnect-Request",
            Self::DISCONNECT_ACK => "Disconnect-ACK",
            Self::DISCONNECT_NAK => "Disconnect-NAK",
            Self::COA_REQUEST => "CoA-Request",
            Self::COA_ACK => "CoA-ACK",
            Self::COA_NAK => "CoA-NAK",
            Self::PROTOCOL_ERROR => "Protocol-Error",
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Code-{}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
