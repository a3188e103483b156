//! The server under test, chosen by `PORTREEVE_SUBJECT`.

use std::net::SocketAddr;

use crate::Ports;
use crate::certificates::Identity;
use crate::eap::EapTerms;
use crate::freeradius::{Extras, FreeRadius};
use crate::portreeve::{Portreeve, Setup};
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
    /// The processor time the server has used, in steps of 10 ms.
    pub fn cpu_time(&self) -> std::time::Duration {
        match self {
            Self::Portreeve(server) => server.cpu_time(),
            Self::FreeRadius(server) => server.cpu_time(),
        }
    }

    /// What the server has in memory, in kB.
    pub fn resident_kb(&self) -> f64 {
        match self {
            Self::Portreeve(server) => server.resident_kb(),
            Self::FreeRadius(server) => server.resident_kb(),
        }
    }

    /// Starts the server that the environment chooses, Portreeve by default.
    ///
    /// # Panics
    /// If the environment names a third server, or if the server does not start.
    pub fn start(world: &World) -> Self {
        if is_freeradius() {
            Self::FreeRadius(FreeRadius::start(world))
        } else {
            Self::Portreeve(Portreeve::start(world))
        }
    }

    /// In the usual world, also listening for RadSec: it shows `identity` and lets in whoever has
    /// a certificate of the same authority.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn radsec(identity: &Identity) -> Self {
        let world = World::household();
        if is_freeradius() {
            let tls = Some(identity.clone());
            let extras = Extras {
                tls,
                ..Extras::default()
            };
            Self::FreeRadius(FreeRadius::with(&world, &extras))
        } else {
            Self::Portreeve(Portreeve::with(&world, &Setup::radsec(identity)))
        }
    }

    /// In `world`, taking part in EAP and rejecting without delay.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn eap(world: &World, terms: &EapTerms) -> Self {
        if is_freeradius() {
            let extras = Extras {
                eap: Some(terms.clone()),
                ..Extras::default()
            };
            Self::FreeRadius(FreeRadius::with(world, &extras))
        } else {
            Self::Portreeve(Portreeve::with(world, &Setup::eap(terms)))
        }
    }

    /// Portreeve.
    ///
    /// # Panics
    /// If it is the reference.
    pub fn ours(&self) -> &Portreeve {
        match self {
            Self::Portreeve(server) => server,
            Self::FreeRadius(_) => panic!("this is FreeRADIUS, and the test is about Portreeve"),
        }
    }

    /// Whether it is the reference.
    pub fn is_reference(&self) -> bool {
        matches!(self, Self::FreeRadius(_))
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        match self {
            Self::Portreeve(server) => server.said(),
            Self::FreeRadius(server) => server.said(),
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

    /// Where RadSec goes.
    pub fn tls(&self) -> SocketAddr {
        self.ports().tls_v4()
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

fn is_freeradius() -> bool {
    match std::env::var("PORTREEVE_SUBJECT").as_deref() {
        Ok("freeradius") => true,
        Ok("portreeve") | Err(_) => false,
        Ok(other) => panic!("PORTREEVE_SUBJECT is portreeve or freeradius, not {other}"),
    }
}
