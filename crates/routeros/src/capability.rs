//! What this router is and what it knows: its version, its packages, its menus and their
//! parameters.
//!
//! RouterOS 7 says of itself which commands and arguments it has (`/console/inspect`), so that
//! nothing it does not know is ever sent. RouterOS 6 does not; for it, what is known of its
//! versions stands in `known6`.

pub(crate) mod known6;
pub mod menus;
mod probe;
pub mod syntax;

use std::collections::{BTreeMap, BTreeSet};

pub use probe::probe;

use crate::Version;

/// What a router's version accepts, as it says itself or, before RouterOS 7, as is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    version: Version,
    /// The arguments of each command: `/radius/add` -> `address`, `secret`, ...
    commands: BTreeMap<String, BTreeSet<String>>,
    /// The values of an argument that is one of a list: `/radius/add service` -> `ppp`, `login`.
    values: BTreeMap<(String, String), BTreeSet<String>>,
    device: Device,
}

/// The device itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// The board, as `/system/resource` names it: `hAP ax^2`, `CHR`.
    pub board: String,
    /// The processor's architecture: `arm64`, `x86_64`, `mipsbe`.
    pub architecture: String,
    /// The model, where it is a `RouterBOARD`.
    pub model: Option<String>,
    /// The serial number, where it is a `RouterBOARD`.
    pub serial: Option<String>,
    /// The packages that are installed and not switched off.
    pub packages: BTreeSet<String>,
    /// The packages that are switched off.
    pub disabled_packages: BTreeSet<String>,
    /// The licence: its level (`4`, `free`, `p1`), and the software id or system id it is for.
    pub licence: Option<Licence>,
    /// What device-mode forbids, where the version has it and tells (7.17 and later).
    pub mode: Option<DeviceMode>,
}

/// A licence of RouterOS. It limits how many sessions there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// `0` to `6`, or on a CHR `free`, `p1`, `p10`, `p-unlimited`.
    pub level: String,
    /// The software id, or the system id of a CHR.
    pub id: Option<String>,
}

/// The state of device-mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceMode {
    /// `home`, `basic`, `advanced`, `rose`.
    pub mode: String,
    /// Whether a feature (`scheduler`, `email`, `hotspot`, `fetch`, ...) is allowed.
    pub allows: BTreeMap<String, bool>,
}

/// One of the implementations of Wi-Fi that RouterOS has had. They have different menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WirelessStack {
    /// `/interface/wireless`.
    Legacy,
    /// `/caps-man`, the controller of legacy access points.
    CapsMan,
    /// `/interface/wifiwave2`, up to 7.12.
    WifiWave2,
    /// `/interface/wifi`, from 7.13 on.
    Wifi,
}

impl Capabilities {
    /// Of a version, with the commands and their arguments.
    pub fn new(
        version: Version,
        commands: BTreeMap<String, BTreeSet<String>>,
        values: BTreeMap<(String, String), BTreeSet<String>>,
    ) -> Self {
        Self {
            version,
            commands,
            values,
            device: Device::default(),
        }
    }

    /// With what is known of the device.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether the router is a Cloud Hosted Router, a virtual machine.
    pub fn is_chr(&self) -> bool {
        self.device.board.starts_with("CHR")
    }

    /// Whether the router has a command, such as `/radius/add`. Only the menus of
    /// [`menus::MENUS`] have been asked for.
    pub fn has(&self, command: &str) -> bool {
        self.commands.contains_key(command)
    }

    /// Whether a command takes an argument: `takes("/radius/add", "require-message-auth")`. Only
    /// the arguments of `add`, `set` and [`menus::COMMANDS`] have been asked for.
    pub fn takes(&self, command: &str, argument: &str) -> bool {
        self.commands
            .get(command)
            .is_some_and(|known| known.contains(argument))
    }

    /// The values a command's argument may have, where the router lists them
    /// ([`menus::VALUES`]).
    pub fn values(&self, command: &str, argument: &str) -> Option<&BTreeSet<String>> {
        self.values.get(&(command.to_owned(), argument.to_owned()))
    }

    /// The implementations of Wi-Fi that are there.
    pub fn wireless(&self) -> BTreeSet<WirelessStack> {
        let stacks = [
            (
                WirelessStack::Legacy,
                "/interface/wireless/security-profiles/add",
            ),
            (WirelessStack::CapsMan, "/caps-man/security/add"),
            (
                WirelessStack::WifiWave2,
                "/interface/wifiwave2/security/add",
            ),
            (WirelessStack::Wifi, "/interface/wifi/security/add"),
        ];
        let there = stacks.into_iter().filter(|(_, command)| self.has(command));
        there.map(|(stack, _)| stack).collect()
    }

    /// Whether device-mode forbids a feature. `false` where the version has no device-mode or
    /// does not tell.
    pub fn forbids(&self, feature: &str) -> bool {
        let mode = self.device.mode.as_ref();
        mode.and_then(|mode| mode.allows.get(feature)) == Some(&false)
    }

    /// Whether dates are written `2025-01-23` (from 7.10 on) and not `jan/23/2025`.
    pub fn writes_iso_dates(&self) -> bool {
        self.version.is_at_least(7, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_asked_by_name() {
        let commands = [("/interface/wifi/security/add", vec!["name", "comment"])];
        let commands = commands.into_iter().map(|(command, arguments)| {
            let arguments = arguments.into_iter().map(str::to_owned).collect();
            (command.to_owned(), arguments)
        });
        let mode = DeviceMode {
            mode: "home".to_owned(),
            allows: [("email".to_owned(), false), ("ftp".to_owned(), true)].into(),
        };
        let known = Capabilities::new(Version::new(7, 18, 2), commands.collect(), BTreeMap::new())
            .with_device(Device {
                board: "CHR".to_owned(),
                mode: Some(mode),
                ..Device::default()
            });
        assert!(known.takes("/interface/wifi/security/add", "name"));
        assert!(!known.takes("/interface/wifi/security/add", "secret"));
        assert!(!known.takes("/radius/add", "secret") && !known.has("/radius/add"));
        assert_eq!(known.wireless(), [WirelessStack::Wifi].into());
        assert!(known.is_chr() && known.writes_iso_dates());
        assert!(known.forbids("email") && !known.forbids("ftp") && !known.forbids("other"));
    }
}
