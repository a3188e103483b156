use serde::Serialize;

use super::{Invalid, Membership, check_lines, check_memberships, check_name};
use crate::station::Mac;

/// A device that is let in by its MAC address: one that has no way to log in, such as a printer.
///
/// It has no password and is no user; the address is no secret, so whoever sends it gets what the
/// device gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its address; unique.
    pub mac: Mac,
    /// What people call it; may be empty.
    pub label: String,
    /// Whether it may come in at all.
    pub enabled: bool,
    /// The groups it is in.
    pub groups: Vec<Membership>,
    /// Conditions on the request, `Name=Value` or `Name!=Value`.
    pub check: Vec<String>,
    /// Attributes of the reply, `Name=Value` or `Name+=Value`.
    pub reply: Vec<String>,
    /// For people.
    pub comment: String,
}

impl Device {
    /// An enabled device of that address with nothing else.
    pub const fn new(mac: Mac) -> Self {
        Self {
            mac,
            label: String::new(),
            enabled: true,
            groups: Vec::new(),
            check: Vec::new(),
            reply: Vec::new(),
            comment: String::new(),
        }
    }

    /// As [`User::validate`](super::User::validate); also that the address is one device's.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.mac.of_a_device()?;
        if !self.label.is_empty() {
            check_name(&self.label)?;
        }
        check_memberships(&self.groups)?;
        check_lines(&self.check, &self.reply, &self.comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::NotADevice;

    #[test]
    fn only_the_address_of_one_device_is_kept() {
        for (octets, verdict) in [
            ([0, 0, 0, 0, 0, 1], Ok(())),
            ([2, 0, 0, 0, 0, 1], Ok(())),
            ([0; 6], Err(Invalid::NotADevice(NotADevice::Zero))),
            ([0xff; 6], Err(Invalid::NotADevice(NotADevice::Multicast))),
            (
                [1, 0, 0x5e, 0, 0, 1],
                Err(Invalid::NotADevice(NotADevice::Multicast)),
            ),
        ] {
            assert_eq!(Device::new(Mac::from(octets)).validate(), verdict);
        }
    }

    #[test]
    fn a_device_is_checked_as_a_whole() {
        let mut device = Device::new(Mac::from([0, 1, 2, 3, 4, 5]));
        device.label = "a\u{1b}".into();
        assert_eq!(device.validate(), Err(Invalid::ControlCharacter));
        device.label = "printer in the hall".into();
        device.groups = vec![Membership::new("iot"), Membership::new("iot")];
        assert_eq!(device.validate(), Err(Invalid::MembershipTwice));
        device.groups.pop();
        assert_eq!(device.validate(), Ok(()));
        let json = serde_json::to_value(&device).unwrap();
        assert_eq!(json["mac"], "00-01-02-03-04-05");
    }
}
