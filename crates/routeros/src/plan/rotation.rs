//! A new shared secret on both ends.
