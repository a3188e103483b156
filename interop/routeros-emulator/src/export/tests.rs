//! Exports of machines.
