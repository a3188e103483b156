//! Real handshakes, in memory and on the loopback interface.

mod certificates;
mod keys;
mod programs;
mod setting;
mod wild;
