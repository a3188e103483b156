//! All of it together.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use crate::{Board, Machine, Record, Release, api, control, radius, rest, serve::Services, state};

/// Where the services listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// 8728 and so on, as `/ip/service` has them from the factory.
    Real,
    /// Ports that are free, which `/ip/service` then shows.
    Free,
}

/// Which router it is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version.
    pub release: Release,
    /// The device.
    pub board: Board,
    /// The address its services listen on, which is also the router's own.
    pub address: IpAddr,
    /// Their ports.
    pub ports: Ports,
    /// A user of group `full`. `admin` is there from the factory, with this password.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The router's name.
    pub identity: Option<String>,
    /// Where its tables are kept between runs.
    pub state: Option<PathBuf>,
}

/// A running router.
#[derive(Debug)]
pub struct Emulator {
    /// The router.
    pub machine: Arc<Machine>,
    /// What listens.
    pub services: Services,
    /// Its RADIUS side.
    pub radius: radius::Radius,
    state: Option<PathBuf>,
}

impl Emulator {
    /// Starts it. All services listen when this returns.
    ///
    /// # Errors
    ///
    /// A state file that cannot be read, or a port that cannot be had.
    pub async fn start(options: Options) -> Result<Self, String> {
        let machine = Machine::new(options.release, options.board)?;
        machine.set_address(options.address);
        if let Some(path) = &options.state {
            state::load(&machine, path)?;
        }
        let services = Services::new(Arc::clone(&machine), options.address);
        prepare(&machine, &services, &options)?;
        api::attach(&services);
        rest::attach(&machine, &services);
        let radius = radius::attach(&machine);
        services.start().await?;
        Ok(Self {
            machine,
            services,
            radius,
            state: options.state,
        })
    }

    /// What listens where, by the service's name.
    pub fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        self.services.addresses()
    }

    /// Opens the control port on loopback; 0 is any that is free. See [`crate::control`].
    ///
    /// # Errors
    ///
    /// The port cannot be had.
    pub async fn control(&self, port: u16) -> Result<SocketAddr, String> {
        control::start(Arc::clone(&self.machine), self.services.clone(), port).await
    }

    /// Writes the tables to the state file, where there is one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self) -> Result<(), String> {
        match &self.state {
            Some(path) => state::save(&self.machine, path),
            None => Ok(()),
        }
    }
}

fn prepare(machine: &Arc<Machine>, services: &Services, options: &Options) -> Result<(), String> {
    if let Some(identity) = &options.identity {
        let values = Record::new().with("name", identity);
        machine.update("/system/identity", "", &values);
    }
    let values = Record::new().with(".password", &options.password);
    if let Some(user) = machine.find("/user", "name", &options.user) {
        machine.update("/user", user.id(), &values);
    } else {
        let values = values.with("name", &options.user).with("group", "full");
        machine.insert("/user", values, false);
    }
    if options.ports == Ports::Free {
        for service in machine.read("/ip/service") {
            let port = services.reserve()?.to_string();
            let values = Record::new().with("port", port);
            machine.update("/ip/service", service.id(), &values);
        }
    }
    Ok(())
}
