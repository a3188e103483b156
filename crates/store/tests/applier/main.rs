//! The journal becomes rows and sessions, each record once, whatever fails in between.

#[cfg(test)]
mod flaky;
#[cfg(test)]
#[path = "../contract/reports.rs"]
mod reports;
#[cfg(test)]
mod runs;
