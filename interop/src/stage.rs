//! A server with a subscriber, and a router that is about to be enrolled.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use crate::Must as _;
use crate::driven_router::{DrivenRouter, own_address};
use crate::portreeve::{Portreeve, Setup};
use crate::tools::Ended;
use crate::world::{User, World};

/// What the router is enrolled as.
pub const NAME: &str = "attic";
/// Its administrator.
pub const USER: &str = "admin";
/// The administrator's password.
pub const PASSWORD: &str = "not-the-factory-one";

/// A router of a version, with more arguments.
pub fn started(version: &str, more: &[&str]) -> DrivenRouter {
    let mut arguments = vec!["--password", PASSWORD];
    arguments.extend(more);
    DrivenRouter::with(version, own_address(), &arguments)
}

/// A server with a subscriber, and a router that is not enrolled yet.
#[derive(Debug)]
pub struct Stage {
    /// The router.
    pub router: DrivenRouter,
    /// The server.
    pub server: Portreeve,
    /// Where the server listens for RadSec, which RouterOS wants on its own port.
    pub address: IpAddr,
}

impl Stage {
    /// With a furnished router of a version.
    pub fn set(version: &str) -> Self {
        Self::with(started(version, &[]))
    }

    /// With a router that is furnished: users, bridges and services on it.
    pub fn with(router: DrivenRouter) -> Self {
        router.act("furnish", &json!({}));
        Self::bare(router)
    }

    /// With a router as it comes from its box.
    pub fn bare(router: DrivenRouter) -> Self {
        Self::configured(router, "")
    }

    /// With more in `portreeve.toml`.
    pub fn configured(router: DrivenRouter, text: &str) -> Self {
        let address = own_address();
        let mut world = World::household();
        world.nases.clear();
        world.users.push(User {
            name: "subscriber",
            password: "hello world",
            group: None,
            attributes: vec![("Mikrotik-Rate-Limit", "2M/10M")],
        });
        let setup = Setup::default().radsec_at(SocketAddr::new(address, 2083));
        let setup = setup.configured(text);
        Self {
            router,
            server: Portreeve::with(&world, &setup),
            address,
        }
    }

    /// Enrols by one of the router's services, with the usual answers to all questions.
    pub fn enrol(&self, way: &str, more: &[&str]) -> Ended {
        self.enrol_with(way, more, PASSWORD)
    }

    /// The same with a password that may be wrong.
    pub fn enrol_with(&self, way: &str, more: &[&str], password: &str) -> Ended {
        let service = match way {
            "rest" => "www",
            "rest-ssl" => "www-ssl",
            api => api,
        };
        let address = self.router.service(service).to_string();
        let mut arguments = vec![
            "router",
            "enrol",
            &address,
            "--user",
            USER,
            "--password-stdin",
            "--transport",
            way,
            "--name",
            NAME,
            "--yes",
        ];
        if !way.ends_with("-ssl") {
            arguments.push("--yes-plain");
        }
        arguments.extend(more);
        self.server.home().try_command_told(&arguments, password)
    }

    /// Enrols and expects it to succeed; returns the report.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn enrolled(&self, way: &str, more: &[&str]) -> Value {
        let mut arguments = more.to_vec();
        arguments.push("--json");
        let ended = self.enrol(way, &arguments);
        assert!(ended.succeeded, "{}", ended.said());
        serde_json::from_str(&ended.stdout).must("a report in JSON")
    }

    /// Runs `portreeve router`, whatever comes of it.
    pub fn router(&self, arguments: &[&str]) -> Ended {
        let all: Vec<&str> = ["router"].iter().chain(arguments).copied().collect();
        self.server.home().try_command(&all)
    }

    /// Runs `portreeve router` and expects it to succeed.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> Ended {
        let ended = self.router(arguments);
        assert!(ended.succeeded, "{arguments:?}:\n{}", ended.said());
        ended
    }

    /// Takes everything back as the administrator: over REST our own user cannot take its group
    /// away once it has taken itself away.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn remove(&self) {
        let arguments = [
            "router",
            "remove",
            NAME,
            "--yes",
            "--user",
            USER,
            "--password-stdin",
        ];
        let home = self.server.home();
        let ended = home.try_command_told(&arguments, PASSWORD);
        assert!(ended.succeeded, "{}", ended.said());
    }

    /// Has the subscriber dial in over PPP.
    pub fn dial(&self) -> Value {
        let body = json!({"user": "subscriber", "password": "hello world"});
        self.router.act("dial", &body)
    }

    /// What `nas list` prints.
    pub fn nases(&self) -> String {
        self.server.command(&["nas", "list"])
    }
}
