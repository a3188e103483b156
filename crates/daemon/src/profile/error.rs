//! Why a profile is not made.

use super::network::Invalid;

/// Why a profile is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("{0}")]
    Invalid(#[from] Invalid),
    #[error("cannot write {what}: {why}")]
    Write { what: &'static str, why: String },
    #[error("cannot sign the profile: {0}")]
    Sign(String),
    #[error("cannot make the QR code: {0}")]
    Qr(String),
}

impl ProfileError {
    /// Whether the arguments are to blame.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::Invalid(invalid) if invalid.is_usage())
    }

    /// For documents that an encoder refuses.
    pub(crate) fn write<E: ToString>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Write {
            what,
            why: error.to_string(),
        }
    }
}
