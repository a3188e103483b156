//! Portreeve against programs it did not write.
//!
//! The suite is a black box: it knows the wire and the fixed command line, and links none of our
//! crates. Tests in `tests/any_*.rs` hold for every RADIUS server; `PORTREEVE_SUBJECT` chooses
//! whether they meet Portreeve or FreeRADIUS, which proves that the tests themselves are right.
//! Tests in `tests/ours_*.rs` are about Portreeve alone.

pub mod cable;
pub mod certificates;
pub mod dnsmasq;
pub mod driven_router;
pub mod eap;
pub mod eapol_test;
pub mod freeradius;
pub mod hostapd;
mod must;
pub mod openssl;
pub mod pcap;
pub mod portreeve;
pub mod ports;
mod process;
pub mod pyrad2;
pub mod radsecproxy;
pub mod relay;
pub mod room;
pub mod routeros;
pub mod stage;
pub mod story;
pub mod subject;
pub mod supplicant;
pub mod tcp_relay;
pub mod tools;
pub mod weather;
pub mod wire;
pub mod world;
pub mod wpa_supplicant;

pub use must::{Must, eventually};
pub use ports::{Ports, free_port};
