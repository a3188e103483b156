//! One module for each command.

pub(crate) mod bench;
pub(crate) mod cert;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod decode;
pub(crate) mod device;
pub(crate) mod dictionary;
mod edit;
pub(crate) mod explain;
pub(crate) mod group;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod nas;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod router;
mod rows;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod user;
