//! What becomes of a dial.
