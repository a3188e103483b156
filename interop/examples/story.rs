//! Runs the whole story of a router and prints it as the section that the README has of it:
//! the commands and what they really said.
//!
//! `cargo build -p portreeve-daemon -p routeros-emulator`, then
//! `PORTREEVE_BIN=target/debug/portreeve cargo run -p portreeve-interop --example story`.

#![expect(clippy::print_stdout, reason = "the page is what it is for")]

use portreeve_interop::story::Story;

fn main() {
    print!("{}", Story::tell("7.24").page());
}
