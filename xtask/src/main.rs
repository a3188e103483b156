//! The chores of Portreeve: `cargo xtask tidy`, `cargo xtask test`.

fn main() {}
