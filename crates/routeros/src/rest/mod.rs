//! In the making.

use std::net::IpAddr;

use crate::{Answer, Command, Error, Login, Target};

/// A connection.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Connects and logs in.
    pub async fn connect(_: &Target, _: &Login) -> Result<Self, Error> {
        Err(Error::NotSupported("in the making".to_owned()))
    }

    /// One command.
    pub async fn call(&self, _: &Command) -> Result<Answer, Error> {
        Err(Error::NotSupported("in the making".to_owned()))
    }

    /// Our end.
    pub fn local_address(&self) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
    }
}
