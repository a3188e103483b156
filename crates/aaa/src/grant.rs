//! What a session may have.

use std::fmt;

use portreeve_proto::AttributeList;

/// What a session may have. A [dialect](crate::definition::DialectName::speak) spells it for a NAS.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// What the administrator gave, in the order to be sent.
    pub attributes: AttributeList,
    /// How often the NAS shall report, in seconds, where the administrator gave no interval of
    /// their own.
    pub interim_interval_s: Option<u32>,
    /// What the session is to be known by.
    pub class: Option<ClassId>,
}

/// What stands for a certificate in a [`ClassId`].
pub type CertificateMark = [u8; 6];

/// The Class we give a session in its Access-Accept: 128 bits that the NAS repeats in every report
/// (RFC 2865 section 5.25), so that no report is taken for another session's. At least 80 of them
/// cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClassId([u8; 16]);

impl ClassId {
    const MARK: [u8; 4] = *b"pr1:";

    /// A Class of 16 random octets.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The same, but its last octets say by which certificate the session began.
    #[must_use]
    pub fn certified(mut self, mark: CertificateMark) -> Self {
        let (_, last) = self.0.split_at_mut(10);
        last.copy_from_slice(&mark);
        self
    }

    /// Whether the session began by a certificate of this mark. One that did not has random octets
    /// there: it is taken for another's once in 2^48 times.
    pub fn is_by(self, mark: &CertificateMark) -> bool {
        self.0.ends_with(mark)
    }

    /// The value of the attribute: a mark to know our own by, then the 16 octets.
    pub fn encode(self) -> [u8; 20] {
        let mut value = [0; 20];
        value[..4].copy_from_slice(&Self::MARK);
        value[4..].copy_from_slice(&self.0);
        value
    }

    /// Reads the value of a Class attribute; `None` for one that is not ours.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let octets = value.strip_prefix(&Self::MARK)?;
        octets.try_into().ok().map(Self)
    }

    /// The 16 octets.
    pub const fn octets(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_tells_by_which_certificate_a_session_began() {
        let random = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let class = ClassId::new(random);
        let certified = class.certified(*b"serial");
        assert!(certified.is_by(b"serial") && !certified.is_by(b"other."));
        assert!(!class.is_by(b"serial"));
        assert_eq!(certified.octets()[..10], class.octets()[..10]);
        assert_eq!(ClassId::parse(&certified.encode()), Some(certified));
    }
}
