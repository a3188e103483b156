//! The server under test, chosen by `PORTREEVE_SUBJECT`.

use std::net::SocketAddr;

use crate::Ports;
use crate::freeradius::FreeRadius;
use crate::portreeve::Portreeve;
use crate::world::World;

/// A running RADIUS server in a known world.
#[derive(Debug)]
pub enum Subject {
    /// Ours.
    Portreeve(Portreeve),
    /// The reference.
    FreeRadius(FreeRadius),
}

impl Subject {
    /// Starts the server that the environment chooses, Portreeve by default.
    ///
    /// # Panics
    /// If the environment names a third server, or if the server does not start.
    pub fn start(world: &World) -> Self {
        match std::env::var("PORTREEVE_SUBJECT").as_deref() {
            Ok("freeradius") => Self::FreeRadius(FreeRadius::start(world)),
            Ok("portreeve") | Err(_) => Self::Portreeve(Portreeve::start(world)),
            Ok(other) => panic!("PORTREEVE_SUBJECT is portreeve or freeradius, not {other}"),
        }
    }

    /// In the usual world.
    pub fn household() -> Self {
        Self::start(&World::household())
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        match self {
            Self::Portreeve(server) => server.ports(),
            Self::FreeRadius(server) => server.ports(),
        }
    }

    /// Where Access-Requests go.
    pub fn auth(&self) -> SocketAddr {
        self.ports().auth_v4()
    }

    /// Where Accounting-Requests go.
    pub fn acct(&self) -> SocketAddr {
        self.ports().acct_v4()
    }
}
