//! What is to change of a session that goes on, before a dialect spells it.

use std::str::FromStr;

use portreeve_proto::AttributeList;

use crate::shown::Shown;

/// What is to change of a session that goes on (RFC 5176 section 3.2).
///
/// [`DialectName::change`](super::DialectName::change) spells it for a NAS.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// How fast it may be from now on.
    pub rate: Option<Rate>,
    /// How long it may last in all, in seconds since it began.
    pub session_timeout_s: Option<u32>,
    /// How long it may keep silent, in seconds.
    pub idle_timeout_s: Option<u32>,
    /// How many more octets the subscriber may receive.
    pub download_left: Option<u64>,
    /// How many more octets the subscriber may send.
    pub upload_left: Option<u64>,
    /// What the administrator spells for themselves.
    pub attributes: AttributeList,
}

impl Change {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        let Self {
            rate,
            session_timeout_s,
            idle_timeout_s,
            download_left,
            upload_left,
            attributes,
        } = self;
        rate.is_none()
            && session_timeout_s.is_none()
            && idle_timeout_s.is_none()
            && download_left.is_none()
            && upload_left.is_none()
            && attributes.is_empty()
    }
}

/// How fast a subscriber may be, in bits a second; 0 for no limit. Written from where the
/// subscriber sits: `20M/5M` is 20 Mbit/s down and 5 Mbit/s up, `5M` is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Towards the subscriber.
    pub down: u64,
    /// From the subscriber.
    pub up: u64,
}

/// The text is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARate {
    /// It does not follow the form.
    #[error("a rate is DOWN/UP or one number for both, such as 20M/5M or 512k; 0 is no limit")]
    Malformed,
    /// Below 1000 bits a second: the suffix was probably forgotten.
    #[error("below 1000 bits a second: was the k, M or G after the number forgotten?")]
    Tiny,
}

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (down, up) = text.split_once('/').unwrap_or((text, text));
        Ok(Self {
            down: speed(down)?,
            up: speed(up)?,
        })
    }
}

fn speed(text: &str) -> Result<u64, NotARate> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        Some(b'G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NotARate::Malformed);
    }
    let number: Option<u64> = digits.parse().ok();
    match number.and_then(|number| number.checked_mul(unit)) {
        Some(1..1000) => Err(NotARate::Tiny),
        Some(speed) => Ok(speed),
        None => Err(NotARate::Malformed),
    }
}

/// Why a session cannot be changed so by a CoA-Request to this kind of equipment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotChange {
    /// The RFCs have no attribute for it.
    #[error(
        "the RFCs have no attribute for {0}: give the one of this NAS with --attr, or say what it \
         is with `portreeve nas set NAME --dialect`"
    )]
    NoStandardAttribute(&'static str),
    /// The equipment has no such limits for sessions of this service.
    #[error("{0} limits sessions of Wi-Fi and 802.1X by Session-Timeout alone")]
    Service(&'static str),
    /// The equipment does not change this while a session goes on.
    #[error("{vendor} does not change {attribute} of a session that goes on")]
    Fixed {
        /// Whose equipment it is.
        vendor: &'static str,
        /// The attribute.
        attribute: Shown,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_down_first() {
        let rate = |down, up| Ok(Rate { down, up });
        for (text, expected) in [
            ("20M/5M", rate(20_000_000, 5_000_000)),
            ("512k", rate(512_000, 512_000)),
            ("1G/0", rate(1_000_000_000, 0)),
            ("64000/64K", rate(64_000, 64_000)),
            ("10/10", Err(NotARate::Tiny)),
            ("", Err(NotARate::Malformed)),
            ("M", Err(NotARate::Malformed)),
            ("20M/", Err(NotARate::Malformed)),
            ("20M/5M/1M", Err(NotARate::Malformed)),
            ("+20M", Err(NotARate::Malformed)),
            ("20m", Err(NotARate::Malformed)),
            ("99999999999G", Err(NotARate::Malformed)),
        ] {
            assert_eq!(text.parse::<Rate>(), expected, "{text}");
        }
    }

    #[test]
    fn an_empty_change_is_known_as_such() {
        assert!(Change::default().is_empty());
        let some = Change {
            upload_left: Some(0),
            ..Change::default()
        };
        assert!(!some.is_empty());
    }
}
