//! A router as an installer leaves it: servers for every service, but RADIUS not yet in use.

use super::Radius;
use crate::Record;

/// Addresses for whoever dials in.
const POOL: &str = "subscribers";

impl Radius {
    /// Adds what is missing for every service to be served: a pool, a `PPPoE` server, a hotspot, a
    /// DHCP server, an 802.1X port, a wireless network; and enables the servers for tunnels.
    pub(super) fn furnish(&self) {
        self.furnish_pool();
        self.furnish_ppp();
        self.furnish_hotspot();
        self.furnish_dhcp();
        self.furnish_wired();
        self.furnish_wireless();
    }

    fn furnish_pool(&self) {
        let pool = Record::new()
            .with("name", POOL)
            .with("ranges", "10.64.0.2-10.64.255.254");
        self.once("/ip/pool", "name", POOL, pool);
        for name in ["default", "default-encryption"] {
            if let Some(row) = self.machine().find("/ppp/profile", "name", name) {
                let values = Record::new()
                    .with("local-address", "10.64.0.1")
                    .with("remote-address", POOL);
                self.machine().update("/ppp/profile", row.id(), &values);
            }
        }
    }

    fn furnish_ppp(&self) {
        let server = Record::new()
            .with("service-name", "isp")
            .with("interface", "ether2")
            .with("disabled", "false");
        self.once(
            "/interface/pppoe-server/server",
            "service-name",
            "isp",
            server,
        );
        for service in ["pptp", "l2tp", "sstp", "ovpn"] {
            let menu = format!("/interface/{service}-server/server");
            let is_one = self.machine().one(&menu).get("enabled").is_some();
            if is_one {
                let enabled = Record::new().with("enabled", "true");
                self.machine().update(&menu, "", &enabled);
            } else if service == "ovpn" {
                let server = Record::new()
                    .with("name", "ovpn-server1")
                    .with("disabled", "false");
                self.once(&menu, "name", "ovpn-server1", server);
            }
        }
    }

    fn furnish_hotspot(&self) {
        let pool = Record::new()
            .with("name", "hs-pool-3")
            .with("ranges", "10.5.50.2-10.5.50.254");
        self.once("/ip/pool", "name", "hs-pool-3", pool);
        let profile = Record::new()
            .with("name", "hsprof1")
            .with("hotspot-address", "10.5.50.1")
            .with("login-by", "mac,cookie,http-chap,http-pap");
        self.once("/ip/hotspot/profile", "name", "hsprof1", profile);
        let server = Record::new()
            .with("name", "hotspot1")
            .with("interface", "ether3")
            .with("address-pool", "hs-pool-3")
            .with("profile", "hsprof1")
            .with("disabled", "false");
        self.once("/ip/hotspot", "name", "hotspot1", server);
    }

    fn furnish_dhcp(&self) {
        let is_served = self.machine().read("/ip/dhcp-server");
        if is_served.iter().any(|row| !row.is("disabled")) {
            return;
        }
        let pool = Record::new()
            .with("name", "dhcp_pool0")
            .with("ranges", "10.80.0.10-10.80.0.254");
        self.once("/ip/pool", "name", "dhcp_pool0", pool);
        let server = Record::new()
            .with("name", "dhcp1")
            .with("interface", "ether4")
            .with("address-pool", "dhcp_pool0")
            .with("disabled", "false");
        self.once("/ip/dhcp-server", "name", "dhcp1", server);
    }

    /// A port that nothing else here uses.
    fn furnish_wired(&self) {
        let has_fifth = self
            .machine()
            .find("/interface", "name", "ether5")
            .is_some();
        let port = if has_fifth { "ether5" } else { "ether1" };
        let server = Record::new()
            .with("interface", port)
            .with("auth-types", "dot1x,mac-auth")
            .with("disabled", "false");
        self.once("/interface/dot1x/server", "interface", port, server);
    }

    /// Gives radios that have no network yet one.
    fn furnish_wireless(&self) {
        let menus = [
            ("/interface/wireless", "ssid"),
            ("/interface/wifi", "configuration.ssid"),
            ("/interface/wifiwave2", "configuration.ssid"),
        ];
        for (menu, property) in menus {
            for row in self.machine().stored(menu) {
                if row.text(property).is_empty() && !row.id().is_empty() {
                    let values = Record::new()
                        .with(property, "Portreeve")
                        .with("disabled", "false");
                    self.machine().update(menu, row.id(), &values);
                }
            }
        }
    }

    /// Adds an item unless there is one of that name. A menu that the version lacks stays away.
    fn once(&self, menu: &str, key: &str, value: &str, row: Record) {
        let machine = self.machine();
        if machine.menus.get(menu).is_some() && machine.find(menu, key, value).is_none() {
            machine.insert(menu, row, false);
        }
    }
}
