use crate::Oid;

/// The form of an attribute's value: RFC 8044 section 3, and the forms older dictionaries use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One octet, unsigned.
    Byte,
    /// IPv4 or IPv6 address, told apart by its length of 4 or 16 octets.
    ComboIp,
    /// 6 octets of Ethernet address.
    Ether,
    /// Vendor-specific attributes inside an extended one (RFC 6929 section 2.4).
    Evs,
    /// A space of extended attributes, 241 to 244 (RFC 6929 section 2.1).
    Extended,
    /// 4 octets, unsigned; also the type `enum`.
    Integer,
    /// 8 octets, unsigned.
    Integer64,
    /// 8 octets of interface identifier.
    InterfaceId,
    /// IPv4 address.
    Ipv4,
    /// Reserved octet, prefix length, 4 octets of IPv4 address.
    Ipv4Prefix,
    /// IPv6 address.
    Ipv6,
    /// Reserved octet, prefix length, 0 to 16 octets of IPv6 address.
    Ipv6Prefix,
    /// A space of extended attributes with fragments, 245 and 246 (RFC 6929 section 2.2).
    LongExtended,
    /// Octets without further form (RFC 8044 `string`); also everything we have no better name for.
    Octets,
    /// 2 octets, unsigned.
    Short,
    /// 4 octets, two's complement.
    Signed,
    /// UTF-8 text (RFC 8044 `text`).
    Text,
    /// Seconds since 1970, 4 octets.
    Time,
    /// Type-length-value triples inside.
    Tlv,
    /// Vendor-Specific itself.
    Vsa,
}

/// How a value is hidden from those who do not share the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hiding {
    /// `encrypt=3`: as Ascend-Send-Secret.
    Ascend,
    /// In the clear.
    #[default]
    None,
    /// `encrypt=2`: salted, as Tunnel-Password (RFC 2868 section 3.5) and the MPPE keys (RFC 2548).
    Salted,
    /// `encrypt=1`: as User-Password (RFC 2865 section 5.2).
    UserPassword,
}

/// How a vendor lays out its attributes inside Vendor-Specific: the dictionaries' `format=t,l[,c]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VendorFormat {
    /// Octets of the vendor's type field: 1, 2 or 4.
    pub type_octets: u8,
    /// Octets of its length field: 0, 1 or 2.
    pub length_octets: u8,
    /// Whether a continuation octet follows (WiMAX).
    pub continuation: bool,
}

impl VendorFormat {
    /// One octet of type, one of length: the layout RFC 2865 section 5.26 recommends.
    pub const STANDARD: Self = Self {
        type_octets: 1,
        length_octets: 1,
        continuation: false,
    };

    /// Octets before the value.
    pub const fn header_octets(self) -> usize {
        self.type_octets as usize + self.length_octets as usize + self.continuation as usize
    }
}

impl Default for VendorFormat {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What the codec must know of an attribute: where it lives, its form, its tag, its hiding.
///
/// Both the typed constants of [`attr`](crate::attr) and the entries of a
/// [`Dictionary`](crate::Spec) carry one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spec {
    /// Where the attribute lives.
    pub oid: Oid,
    /// The form of its value.
    pub data_type: DataType,
    /// Whether it carries an RFC 2868 tag.
    pub tagged: bool,
    /// How its value is hidden.
    pub hiding: Hiding,
    /// How its vendor lays out attributes; [`VendorFormat::STANDARD`] outside Vendor-Specific.
    pub format: VendorFormat,
    /// Whether one value may be spread over consecutive attributes (RFC 8044 `concat`).
    pub concat: bool,
}

impl Spec {
    /// A plain attribute: no tag, not hidden, standard vendor layout.
    ///
    /// # Panics
    /// As [`Oid::new`].
    pub const fn new(oid: &[u32], data_type: DataType) -> Self {
        Self::of(Oid::new(oid), data_type)
    }

    /// A plain attribute of a number that comes from data.
    pub const fn of(oid: Oid, data_type: DataType) -> Self {
        Self {
            oid,
            data_type,
            tagged: false,
            hiding: Hiding::None,
            format: VendorFormat::STANDARD,
            concat: false,
        }
    }

    /// With an RFC 2868 tag.
    #[must_use]
    pub const fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// With its value hidden.
    #[must_use]
    pub const fn hidden(mut self, hiding: Hiding) -> Self {
        self.hiding = hiding;
        self
    }

    /// In a vendor's own layout.
    #[must_use]
    pub const fn format(mut self, type_octets: u8, length_octets: u8, continuation: bool) -> Self {
        self.format = VendorFormat {
            type_octets,
            length_octets,
            continuation,
        };
        self
    }

    /// With one value spread over consecutive attributes.
    #[must_use]
    pub const fn concat(mut self) -> Self {
        self.concat = true;
        self
    }
}
