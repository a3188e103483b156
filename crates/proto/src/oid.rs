use std::{fmt, str::FromStr};

/// The place of an attribute in the RADIUS attribute space, as dotted numbers.
///
/// `27` is Session-Timeout, `26.14988.8` the MikroTik vendor attribute 8, `241.1` the extended
/// attribute of RFC 6929 section 2.3, `241.26.9.1` one of its vendor-specific ones, and every
/// further number a TLV inside (RFC 6929 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid {
    parts: [u32; Oid::MAX_PARTS],
    len: u8,
}

/// The attribute type that carries vendor-specific attributes (RFC 2865 section 5.26).
pub const VENDOR_SPECIFIC: u8 = 26;

impl Oid {
    /// The most numbers an `Oid` holds: `24x.26.vendor.type` and eight levels of TLV below.
    pub const MAX_PARTS: usize = 12;

    /// Builds an `Oid` from constant numbers.
    ///
    /// # Panics
    /// When `parts` is empty, longer than [`Self::MAX_PARTS`], or starts with a number outside
    /// 1..=255; meant for constants, where this stops the build. Use [`Self::from_parts`] for data.
    pub const fn new(parts: &[u32]) -> Self {
        match Self::from_parts(parts) {
            Some(oid) => oid,
            None => panic!("an attribute number has 1 to 12 parts, the first of them 1 to 255"),
        }
    }

    /// As [`Self::new`], for numbers that come from data.
    pub const fn from_parts(parts: &[u32]) -> Option<Self> {
        if parts.is_empty() || parts.len() > Self::MAX_PARTS || parts[0] == 0 || parts[0] > 255 {
            return None;
        }
        let mut oid = Self {
            parts: [0; Self::MAX_PARTS],
            len: 0,
        };
        while (oid.len as usize) < parts.len() {
            oid.parts[oid.len as usize] = parts[oid.len as usize];
            oid.len += 1;
        }
        Some(oid)
    }

    /// The numbers, outermost first; never empty.
    pub const fn parts(&self) -> &[u32] {
        self.parts.split_at(self.len as usize).0
    }

    /// The outermost attribute type, the octet on the wire.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constructor bounds it to 255"
    )]
    pub const fn top(&self) -> u8 {
        self.parts[0] as u8
    }

    /// The attribute one level below, or `None` where the depth is used up.
    #[must_use]
    pub const fn child(mut self, number: u32) -> Option<Self> {
        if self.len as usize == Self::MAX_PARTS {
            return None;
        }
        self.parts[self.len as usize] = number;
        self.len += 1;
        Some(self)
    }

    /// The attribute one level above, or `None` for an outermost one.
    #[must_use]
    pub const fn parent(mut self) -> Option<Self> {
        if self.len <= 1 {
            return None;
        }
        self.len -= 1;
        self.parts[self.len as usize] = 0;
        Some(self)
    }

    /// The vendor's private enterprise number, for vendor-specific attributes of either kind.
    pub const fn vendor(&self) -> Option<u32> {
        match self.parts() {
            [26, vendor, ..] | [241..=246, 26, vendor, ..] => Some(*vendor),
            _ => None,
        }
    }

    /// How many leading numbers name the attribute itself; what follows are TLVs inside it.
    pub const fn header_parts(&self) -> usize {
        match self.parts() {
            [241..=246, 26, ..] => 4,
            [26, ..] => 3,
            [241..=246, ..] => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

/// The text is not a dotted attribute number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an attribute number such as 27 or 26.14988.8")]
pub struct NotAnOid;

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        let mut parts = [0; Self::MAX_PARTS];
        let mut len = 0;
        for part in text.split('.') {
            let slot = parts.get_mut(len).ok_or(NotAnOid)?;
            *slot = part.parse().map_err(|_| NotAnOid)?;
            len += 1;
        }
        Self::from_parts(&parts[..len]).ok_or(NotAnOid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_parts_agree() {
        let oid: Oid = "241.26.9.1".parse().unwrap();
        assert_eq!(oid, Oid::new(&[241, 26, 9, 1]));
        assert_eq!(oid.to_string(), "241.26.9.1");
        assert_eq!(oid.vendor(), Some(9));
        assert_eq!(oid.header_parts(), 4);
        assert_eq!(oid.parent().and_then(|parent| parent.child(1)), Some(oid));
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for text in [
            "",
            "0",
            "256",
            "1..2",
            "a",
            "1.2.3.4.5.6.7.8.9.10.11.12.13",
            "4294967296",
        ] {
            assert_eq!(text.parse::<Oid>(), Err(NotAnOid), "{text}");
        }
    }
}
