//! Letting devices in by their MAC address, which is no secret.
//!
//! This stands beside logging in, never behind it: what is a log-in by address is told by the
//! request alone, it finds devices and no users, and no log-in that has failed becomes one.

use std::{fmt, sync::Arc};

use portreeve_proto::{
    Packet,
    attr::{self, service_type},
};

use crate::{
    attribute::{Owner, Problem},
    definition::Membership,
    grant::Grant,
    policy,
    refusal::Refusal,
    snapshot::{Snapshot, missing_group},
    station::Mac,
    subscriber::DeviceTerms,
};

/// The key that names the group of unknown devices.
const UNKNOWN_KEY: &str = "mac.unknown";

/// Who is let in by their address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Whether anybody is.
    pub authentication: Authentication,
    /// What becomes of a device that nobody has defined.
    pub unknown: Unknown,
    /// What becomes of such a device when its address is a random one.
    pub random: Random,
}

impl Rules {
    /// What is wrong with them: the group of unknown devices is not there, and they are all refused
    /// until it is.
    pub fn problem(&self, snapshot: &Snapshot) -> Option<Problem> {
        let Unknown::Group(group) = &self.unknown else {
            return None;
        };
        let is_off = self.authentication == Authentication::Off;
        if is_off || snapshot.group(group).is_some() {
            return None;
        }
        Some(missing_group(Owner::Setting(UNKNOWN_KEY), group))
    }
}

/// Whether devices are let in by their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authentication {
    /// Nobody is.
    Off,
    /// Devices that are defined are.
    #[default]
    Devices,
}

/// What becomes of a device that nobody has defined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Unknown {
    /// It is refused.
    #[default]
    Refuse,
    /// It gets what this group gives, where the group's conditions hold.
    Group(String),
}

/// What becomes of a device that nobody has defined and whose address is locally administered: one
/// that telephones make up for privacy, and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Random {
    /// It is refused, whatever becomes of other unknown devices.
    #[default]
    Refuse,
    /// The same as of other unknown devices.
    Allow,
}

/// Whether a request is a log-in by MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is none. EAP never is.
    Nothing,
    /// The NAS says so: Service-Type is Call-Check (RFC 2865 section 5.6). `None` where it names no
    /// address of a device, or two that differ.
    CallCheck(Option<Mac>),
    /// User-Name is the address of the station: it is one if the request proves nothing, so that
    /// there is no password, an empty one, or the name once more.
    IfBare(Mac),
}

impl Claim {
    /// What a request claims, by its attributes.
    pub fn of(request: &Packet<'_>) -> Self {
        if request.has(attr::EAP_MESSAGE) {
            return Self::Nothing;
        }
        let text = |number: u8| {
            let found = request.find(number)?;
            str::from_utf8(found.value).ok()
        };
        let of_a_device = |mac: Mac| mac.of_a_device().ok();
        let name = text(attr::USER_NAME.spec().oid.top()).and_then(Mac::parse);
        let name = name.and_then(of_a_device);
        let is_call_check = request.get(attr::SERVICE_TYPE) == Some(service_type::CALL_CHECK);
        // Most requests end here.
        if name.is_none() && !is_call_check {
            return Self::Nothing;
        }
        let station = text(attr::CALLING_STATION_ID.spec().oid.top()).and_then(Mac::calling);
        let station = station.and_then(of_a_device);
        let is_same = name
            .zip(station)
            .is_none_or(|(name, station)| name == station);
        match (is_call_check, name, station) {
            (true, ..) => Self::CallCheck(name.or(station).filter(|_| is_same)),
            (false, Some(name), Some(_)) if is_same => Self::IfBare(name),
            (false, ..) => Self::Nothing,
        }
    }
}

/// What a device that may come in gets, and why.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What its session may have. Neither its interval nor its class is set here.
    pub grant: Grant,
    /// By what it is let in.
    pub by: By,
}

/// By what a device is let in.
#[derive(Debug, Clone)]
pub enum By {
    /// Its own definition.
    Device(Arc<DeviceTerms>),
    /// The group of unknown devices.
    Group(String),
}

/// Decides about a log-in by address, `None` for one that names no address. Every way out but two
/// is a refusal.
///
/// # Errors
/// Why the device is refused.
pub fn admit(
    snapshot: &Snapshot,
    rules: &Rules,
    mac: Option<Mac>,
    request: &Packet<'_>,
) -> Result<Admitted, Refusal> {
    if rules.authentication == Authentication::Off {
        return Err(Barred::Off.into());
    }
    let mac = mac.ok_or(Barred::NoAddress)?;
    match snapshot.device(mac) {
        Some(device) => defined(snapshot, device, request),
        None => undefined(snapshot, rules, mac, request),
    }
}

fn defined(
    snapshot: &Snapshot,
    device: &Arc<DeviceTerms>,
    request: &Packet<'_>,
) -> Result<Admitted, Refusal> {
    let mac = device.mac();
    if !device.is_enabled() {
        return Err(Barred::Disabled(mac).into());
    }
    let attributes = policy::gather(
        snapshot,
        || Owner::Device(mac),
        Some(device.terms()),
        device.memberships(),
        request,
    )?;
    Ok(Admitted {
        grant: Grant {
            attributes,
            ..Grant::default()
        },
        by: By::Device(Arc::clone(device)),
    })
}

fn undefined(
    snapshot: &Snapshot,
    rules: &Rules,
    mac: Mac,
    request: &Packet<'_>,
) -> Result<Admitted, Refusal> {
    let is_random = mac.is_locally_administered();
    let Unknown::Group(group) = &rules.unknown else {
        return Err(if is_random {
            Barred::Random(mac).into()
        } else {
            Barred::Unknown(mac).into()
        });
    };
    if is_random && rules.random == Random::Refuse {
        return Err(Barred::Random(mac).into());
    }
    let attributes = policy::gather(
        snapshot,
        || Owner::Setting(UNKNOWN_KEY),
        None,
        &[Membership::new(group.as_str())],
        request,
    )?;
    Ok(Admitted {
        grant: Grant {
            attributes,
            ..Grant::default()
        },
        by: By::Group(group.clone()),
    })
}

/// Why a device is not let in by its address. Displays as a sentence for the administrator, without
/// a capital and a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Barred {
    /// The device is switched off.
    Disabled(Mac),
    /// Nobody is let in by their address.
    Off,
    /// The request names no address of a device, or two that differ.
    NoAddress,
    /// No such device, and the address is one that devices make up.
    Random(Mac),
    /// No such device.
    Unknown(Mac),
}

impl Barred {
    /// Every label, in the order of the variants.
    pub const LABELS: [&str; 5] = [
        "device_disabled",
        "mac_off",
        "no_address",
        "random_address",
        "unknown_device",
    ];

    /// Its name as a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Disabled(_) => "device_disabled",
            Self::Off => "mac_off",
            Self::NoAddress => "no_address",
            Self::Random(_) => "random_address",
            Self::Unknown(_) => "unknown_device",
        }
    }

    /// What the administrator can do about it.
    pub fn cure(self) -> String {
        match self {
            Self::Disabled(mac) => format!("portreeve device enable {mac}"),
            Self::Off => {
                "if devices are to come in by their address: authentication = \"devices\" \
                 under [mac] in portreeve.toml"
                    .to_owned()
            }
            Self::NoAddress => {
                "set the NAS to send the device's MAC address as User-Name".to_owned()
            }
            Self::Random(_) => "on the device, switch off the private (random) address for this \
                 network, then add the address it comes with: portreeve device add MAC"
                .to_owned(),
            Self::Unknown(mac) => format!("portreeve device add {mac}"),
        }
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled(mac) => write!(f, "the device {mac} is disabled"),
            Self::Off => f.write_str(
                "it is a log-in by MAC address, which is switched off here (mac.authentication)",
            ),
            Self::NoAddress => f.write_str(
                "it is a log-in by MAC address (Service-Type Call-Check), and it names no address \
                 of a device, or two that differ",
            ),
            Self::Random(mac) => write!(
                f,
                "the device uses a private (random) MAC address: there is no device {mac}, and \
                 the address may be another one tomorrow"
            ),
            Self::Unknown(mac) => write!(f, "there is no device {mac}"),
        }
    }
}
