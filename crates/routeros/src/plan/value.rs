//! Values as RouterOS writes them, and when two spellings are the same value.

/// A span of time in RouterOS's spelling, for serde: `5m`.
pub(super) mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::time;

    pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time::spell(*span))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        time::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no span of time such as 5m")))
    }
}
