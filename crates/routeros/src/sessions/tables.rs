//! The menus that show who is connected, and how each writes it.

use crate::{Capabilities, Error, Record, check::network};

use super::{Active, Service, mac};

/// One menu of sessions.
pub(super) struct Table {
    pub(super) service: Service,
    pub(super) menu: &'static str,
    pub(super) properties: &'static [&'static str],
    user: &'static [&'static str],
    address: &'static [&'static str],
    mac: &'static [&'static str],
    session_id: &'static [&'static str],
    bytes: Bytes,
}

/// How a menu writes the octets.
#[derive(Clone, Copy)]
enum Bytes {
    /// It does not.
    None,
    /// Two properties: from the subscriber, to the subscriber.
    Two(&'static str, &'static str),
    /// One property with a comma between: what the access point sent, what it received.
    SentReceived(&'static str),
}

const WIFI_PROPERTIES: &[&str] = &[
    ".id",
    "interface",
    "ssid",
    "mac-address",
    "uptime",
    "bytes",
    "authorized",
    "auth-type",
];

pub(super) const TABLES: &[Table] = &[
    Table {
        service: Service::Ppp,
        menu: "/ppp/active",
        properties: &[
            ".id",
            "name",
            "service",
            "caller-id",
            "address",
            "uptime",
            "session-id",
            "radius",
        ],
        user: &["name"],
        address: &["address"],
        mac: &["caller-id"],
        session_id: &["session-id"],
        bytes: Bytes::None,
    },
    Table {
        service: Service::Hotspot,
        menu: "/ip/hotspot/active",
        properties: &[
            ".id",
            "user",
            "address",
            "mac-address",
            "uptime",
            "bytes-in",
            "bytes-out",
            "radius",
            "server",
            "login-by",
        ],
        user: &["user"],
        address: &["address"],
        mac: &["mac-address"],
        session_id: &[],
        bytes: Bytes::Two("bytes-in", "bytes-out"),
    },
    wifi("/interface/wifi/registration-table"),
    wifi("/interface/wifiwave2/registration-table"),
    Table {
        service: Service::Wireless,
        menu: "/interface/wireless/registration-table",
        properties: &[
            ".id",
            "interface",
            "mac-address",
            "last-ip",
            "uptime",
            "bytes",
            "802.1x-port-enabled",
        ],
        user: &[],
        address: &["last-ip"],
        mac: &["mac-address"],
        session_id: &[],
        bytes: Bytes::SentReceived("bytes"),
    },
    Table {
        service: Service::Wireless,
        menu: "/caps-man/registration-table",
        properties: &[
            ".id",
            "interface",
            "mac-address",
            "ssid",
            "uptime",
            "bytes",
            "eap-identity",
        ],
        user: &["eap-identity"],
        address: &[],
        mac: &["mac-address"],
        session_id: &[],
        bytes: Bytes::SentReceived("bytes"),
    },
    Table {
        service: Service::Dot1x,
        menu: "/interface/dot1x/server/active",
        properties: &[
            ".id",
            "interface",
            "username",
            "client-mac",
            "auth-info",
            "session-id",
        ],
        user: &["username"],
        address: &[],
        mac: &["client-mac"],
        session_id: &["session-id"],
        bytes: Bytes::None,
    },
    Table {
        service: Service::Ipsec,
        menu: "/ip/ipsec/active-peers",
        properties: &[".id", "id", "dynamic-address", "remote-address", "uptime"],
        user: &["id"],
        address: &["dynamic-address"],
        mac: &[],
        session_id: &[],
        bytes: Bytes::None,
    },
    Table {
        service: Service::Dhcp,
        menu: "/ip/dhcp-server/lease",
        properties: &[
            ".id",
            "address",
            "active-address",
            "mac-address",
            "active-mac-address",
            "status",
            "dynamic",
            "radius",
            "server",
            "rate-limit",
            "host-name",
        ],
        user: &[],
        address: &["active-address", "address"],
        mac: &["active-mac-address", "mac-address"],
        session_id: &[],
        bytes: Bytes::None,
    },
    Table {
        service: Service::Login,
        menu: "/user/active",
        properties: &[".id", "name", "address", "via", "when", "group", "radius"],
        user: &["name"],
        address: &["address"],
        mac: &[],
        session_id: &[],
        bytes: Bytes::None,
    },
];

const fn wifi(menu: &'static str) -> Table {
    Table {
        service: Service::Wireless,
        menu,
        properties: WIFI_PROPERTIES,
        user: &[],
        address: &[],
        mac: &["mac-address"],
        session_id: &[],
        bytes: Bytes::SentReceived("bytes"),
    }
}

impl Table {
    /// Whether the router can have it. RouterOS 6 does not tell of its menus; it has no `wifi`.
    pub(super) fn is_of(&self, capabilities: &Capabilities) -> bool {
        let newest = self.menu.starts_with("/interface/wifi/") || self.menu.contains("wifiwave2");
        capabilities.version().major >= 7 || !newest
    }

    /// The command that ends a session.
    pub(super) fn verb(&self, capabilities: &Capabilities) -> Result<&'static str, Error> {
        if self.service != Service::Login {
            return Ok("remove");
        }
        let version = capabilities.version();
        if version.is_at_least(7, 20) {
            Ok("remove")
        } else if version.is_at_least(7, 9) || capabilities.has("/user/active/request-logout") {
            Ok("request-logout")
        } else {
            Err(Error::NotSupported(format!(
                "RouterOS {version} has no command that logs a user out: disable the user, or \
                 restart the router"
            )))
        }
    }

    /// One session. `None`: the item is none, such as a lease that waits for its device.
    pub(super) fn read(&self, record: &Record) -> Option<Active> {
        let first = |names: &[&str]| {
            let mut all = names.iter().filter_map(|name| record.get(name));
            all.find(|text| !text.is_empty()).map(str::to_owned)
        };
        if self.service == Service::Dhcp && record.get("status") != Some("bound") {
            return None;
        }
        let mac = first(self.mac).as_deref().and_then(mac);
        let user = first(self.user).or_else(|| mac.clone()).unwrap_or_default();
        let (upload, download) = self.octets(record);
        Some(Active {
            service: self.service,
            menu: self.menu.to_owned(),
            id: record.id()?,
            user,
            address: first(self.address).as_deref().and_then(network::address),
            mac,
            session_id: first(self.session_id),
            uptime: record.duration("uptime"),
            upload,
            download,
            rate: first(&["rate-limit"]),
            radius: record.flag("radius"),
        })
    }

    fn octets(&self, record: &Record) -> (Option<u64>, Option<u64>) {
        match self.bytes {
            Bytes::None => (None, None),
            Bytes::Two(up, down) => (record.number(up), record.number(down)),
            Bytes::SentReceived(name) => {
                let text = record.get(name).unwrap_or_default();
                let Some((sent, received)) = text.split_once([',', '/']) else {
                    return (None, None);
                };
                (received.trim().parse().ok(), sent.trim().parse().ok())
            }
        }
    }
}

/// `/ppp/active` counts nothing; the dynamic queue of a session does, from its target's view.
pub(super) fn count_by_queue(all: &mut [Active], queues: &[Record]) {
    for queue in queues {
        let name = queue
            .get("name")
            .and_then(|name| name.strip_prefix('<')?.strip_suffix('>'));
        let Some((_, user)) = name.and_then(|name| name.split_once('-')) else {
            continue;
        };
        let mut of_user = all
            .iter_mut()
            .filter(|active| active.service == Service::Ppp && active.user == user);
        // Two sessions of one user have queues that this name does not tell apart.
        let (Some(active), None) = (of_user.next(), of_user.next()) else {
            continue;
        };
        if let Some((up, down)) = queue.get("bytes").and_then(|text| text.split_once('/')) {
            active.upload = up.parse().ok();
            active.download = down.parse().ok();
        }
        active.rate = queue.get("max-limit").map(str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{Version, sessions::Wanted};

    fn table(menu: &str) -> &'static Table {
        TABLES.iter().find(|table| table.menu == menu).unwrap()
    }

    fn of(version: &str) -> Capabilities {
        let version: Version = version.parse().unwrap();
        Capabilities::new(version, BTreeMap::new(), BTreeMap::new())
    }

    #[test]
    fn each_version_logs_users_out_in_its_own_way() {
        let login = table("/user/active");
        for (version, verb) in [
            ("6.49.23", None),
            ("7.8", None),
            ("7.9.2", Some("request-logout")),
            ("7.18.2", Some("request-logout")),
            ("7.19.6", Some("request-logout")),
            ("7.20", Some("remove")),
            ("7.24.5", Some("remove")),
        ] {
            assert_eq!(login.verb(&of(version)).ok(), verb, "{version}");
        }
        assert_eq!(table("/ppp/active").verb(&of("6.42")).ok(), Some("remove"));
    }

    #[test]
    fn sessions_of_every_menu_are_read() {
        let ppp = Record::new()
            .with(".id", "*80000001")
            .with("name", "anna")
            .with("caller-id", "AA:BB:CC:00:11:22")
            .with("address", "10.0.0.9")
            .with("uptime", "1h2m3s")
            .with("session-id", "0x81100005")
            .with("radius", "true");
        let mut all = [table("/ppp/active").read(&ppp).unwrap()];
        assert_eq!(all[0].uptime, Some(Duration::from_secs(3_723)));
        assert_eq!(all[0].radius, Some(true));
        let queue = Record::new()
            .with("name", "<pppoe-anna>")
            .with("bytes", "100/900")
            .with("max-limit", "1000000/5000000");
        count_by_queue(&mut all, &[queue]);
        assert_eq!((all[0].upload, all[0].download), (Some(100), Some(900)));
        let wanted = |session_id: &str| Wanted {
            session_id: Some(session_id.to_owned()),
            ..Wanted::default()
        };
        assert!(wanted("81100005").fits(&all[0]) && !wanted("81100006").fits(&all[0]));
        assert!(!Wanted::default().fits(&all[0]));

        let station = Record::new()
            .with(".id", "*2")
            .with("mac-address", "aa:bb:cc:00:11:22")
            .with("bytes", "900,100");
        let wifi = table("/interface/wifi/registration-table")
            .read(&station)
            .unwrap();
        assert_eq!((wifi.upload, wifi.download), (Some(100), Some(900)));
        assert_eq!(wifi.user, "AA:BB:CC:00:11:22");
        let by_mac = Wanted {
            mac: Some("AABBCC001122".to_owned()),
            ..Wanted::default()
        };
        assert!(by_mac.fits(&wifi));
        // An id the menu does not show is no reason to take somebody at random.
        assert!(!wanted("81100005").fits(&wifi));

        let waiting = Record::new().with(".id", "*3").with("status", "waiting");
        assert!(table("/ip/dhcp-server/lease").read(&waiting).is_none());
    }

    #[test]
    fn addresses_are_one_form() {
        for text in [
            "1:0:e1:c:38:c8:f8",
            "0:e1:c:38:c8:f8",
            "00-E1-0C-38-C8-F8",
            "00e1.0c38.c8f8",
        ] {
            assert_eq!(mac(text).as_deref(), Some("00:E1:0C:38:C8:F8"), "{text}");
        }
        for text in [
            "",
            "anna",
            "00:E1:0C:38:C8",
            "192.0.2.1",
            "00:E1:0C:38:C8:FG",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
