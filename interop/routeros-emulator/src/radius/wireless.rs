//! Wi-Fi, on whichever of the three stacks the router has.

use std::time::Duration;

use portreeve_proto::attr::nas_port_type;

use super::{
    Opening, Radius, Refusal,
    eap::Device,
    entry::duration,
    local::{self, Letters},
    proof::Proof,
    session::Kind,
    shape::Shape,
    terms::Terms,
};
use crate::Record;

/// A device associates.
#[derive(Debug, Clone)]
pub(super) struct Association {
    /// The interface or the network; the first that serves where none is given.
    pub(super) network: Option<String>,
    /// The device.
    pub(super) mac: [u8; 6],
    /// What it says by EAP; `None` where its hardware address is all there is.
    pub(super) device: Option<Device>,
    /// The key it is set to, where the network gives each client its own.
    pub(super) psk: Option<String>,
}

/// What an access point is set to, whichever stack it is of.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
struct Air {
    interface: String,
    ssid: String,
    ap: [u8; 6],
    table: &'static str,
    types: String,
    /// Whether EAP goes to RADIUS.
    passes_eap: bool,
    /// Whether hardware addresses are asked for.
    asks_mac: bool,
    /// The format of User-Name, and of the password where it is not empty.
    user_format: String,
    password_format: String,
    calling_format: String,
    called_format: String,
    eap_accounting: bool,
    mac_accounting: bool,
    interim: Option<Duration>,
    identity: Option<String>,
}

impl Radius {
    /// Associates a device.
    ///
    /// # Errors
    /// Why it is not let in; the router has logged it.
    pub(super) async fn associate(&self, association: &Association) -> Result<u64, Refusal> {
        let air = self.air(association.network.as_deref())?;
        let mac = local::colons(association.mac);
        let name = &air.interface;
        let associated = self.associated(association, &air).await;
        let said = match &associated {
            Ok(_) => format!("{mac}@{name}: connected"),
            Err(Refusal::Timeout) => format!("{mac}@{name}: disconnected, radius timeout"),
            Err(refusal) => format!("{mac}@{name}: rejected, {}", refusal.text()),
        };
        self.machine().log("wireless,info", said);
        associated
    }

    async fn associated(&self, association: &Association, air: &Air) -> Result<u64, Refusal> {
        let letters = Letters {
            client: association.mac,
            ap: air.ap,
            interface: &air.interface,
            ssid: &air.ssid,
        };
        let by_eap = association.device.as_ref();
        let user = match by_eap {
            Some(device) => device.outer().to_owned(),
            None => letters.fill(&air.user_format),
        };
        let accounts = match by_eap {
            Some(_) => air.eap_accounting,
            None => air.mac_accounting,
        };
        let id = self.next_id(Kind::Wireless);
        let shape = self.air_shape(air, &letters, (&user, &id), (accounts, by_eap.is_some()));
        let terms = match by_eap {
            Some(device) => {
                if !air.passes_eap {
                    let text = format!("{} does not pass EAP on", air.interface);
                    return Err(Refusal::NotServed(text));
                }
                self.eap(&shape, device).await?
            }
            None if air.asks_mac => {
                let proof = Proof::plain(&letters.fill(&air.password_format));
                self.admitted(&shape, "", &proof, false).await?
            }
            None => {
                let text = format!("{} does not ask for hardware addresses", air.interface);
                return Err(Refusal::NotServed(text));
            }
        };
        if let (Some(given), Some(due)) = (&association.psk, &terms.psk)
            && given != due
        {
            return Err(Refusal::Unproven(
                "the four-way handshake fails: another key",
            ));
        }
        let row = registration(air, &letters, by_eap.map(Device::outer), &terms);
        Ok(self.begin(Opening {
            kind: Kind::Wireless,
            shape,
            id,
            mac: local::colons(association.mac),
            terms,
            by_radius: true,
            accounts,
            interim: air.interim,
            takes_interim: true,
            domain: String::new(),
            rows: vec![(air.table, row)],
        }))
    }

    fn air_shape(
        &self,
        air: &Air,
        letters: &Letters<'_>,
        (user, id): (&str, &str),
        (accounts, is_eap): (bool, bool),
    ) -> Shape {
        let mut shape = self.shape(Kind::Wireless, user);
        shape.port_type = nas_port_type::WIRELESS_802_11;
        shape.port_id = Some(air.interface.clone());
        shape.calling = letters.fill(&air.calling_format);
        shape.called = letters.fill(&air.called_format);
        shape.session_id = accounts.then(|| id.to_owned());
        if accounts && is_eap {
            let (ap, client) = (local::dashes(letters.ap), local::dashes(letters.client));
            let serial = id.get(2..).unwrap_or(id);
            shape.multi_session_id = Some(format!("{ap}-{client}-{serial:0>8}"));
        }
        if let Some(identity) = &air.identity {
            shape.identity.clone_from(identity);
        }
        shape
    }

    /// The stack that this router has, and its first access point that serves.
    fn air(&self, network: Option<&str>) -> Result<Air, Refusal> {
        let is_wanted = |air: &Air| {
            network.is_none_or(|network| air.interface == network || air.ssid == network)
        };
        let mut all = self.wifi_air("/interface/wifi");
        all.extend(self.wifi_air("/interface/wifiwave2"));
        all.extend(self.legacy_air());
        all.extend(self.caps_air());
        let serves = |air: &Air| air.passes_eap || air.asks_mac;
        let mut wanted: Vec<Air> = all.into_iter().filter(is_wanted).collect();
        let best = wanted.iter().position(serves).unwrap_or(0);
        if wanted.is_empty() {
            return Err(Refusal::NotServed("no such wireless network".to_owned()));
        }
        Ok(wanted.swap_remove(best))
    }

    fn legacy_air(&self) -> Vec<Air> {
        let profiles = "/interface/wireless/security-profiles";
        let interfaces = self.machine().read("/interface/wireless").into_iter();
        let enabled = interfaces.filter(|row| !row.is("disabled") && !row.is_empty());
        enabled
            .map(|row| {
                let name = row.get("security-profile").unwrap_or("default");
                let profile = self
                    .machine()
                    .find(profiles, "name", name)
                    .unwrap_or_default();
                legacy(&row, &profile)
            })
            .collect()
    }

    fn caps_air(&self) -> Vec<Air> {
        let machine = self.machine();
        if !machine.one("/caps-man/manager").is("enabled") {
            return Vec::new();
        }
        let aaa = machine.one("/caps-man/aaa");
        let queries = queries_radius(&machine.read("/caps-man/access-list"));
        let configurations = machine.read("/caps-man/configuration").into_iter();
        configurations
            .map(|row| {
                let named = row.text("security");
                let security = machine.find("/caps-man/security", "name", named);
                caps(&row, &security.unwrap_or_default(), &aaa, queries)
            })
            .collect()
    }

    fn wifi_air(&self, menu: &'static str) -> Vec<Air> {
        let machine = self.machine();
        let table = match menu {
            "/interface/wifi" => "/interface/wifi/registration-table",
            _ => "/interface/wifiwave2/registration-table",
        };
        let queries = queries_radius(&machine.read(&format!("{menu}/access-list")));
        let named = |part: &str, name: &str| {
            let found = machine.find(&format!("{menu}/{part}"), "name", name);
            found.unwrap_or_default()
        };
        let interfaces = machine.read(menu).into_iter();
        let enabled = interfaces.filter(|row| !row.is("disabled") && !row.is_empty());
        enabled
            .map(|row| {
                let configuration = named("configuration", row.text("configuration"));
                let of = |part: &str| {
                    let name = row.get(part).filter(|it| !it.is_empty());
                    named(part, name.unwrap_or(configuration.text(part)))
                };
                let settings = Settings {
                    row: &row,
                    configuration: &configuration,
                    security: of("security"),
                    aaa: of("aaa"),
                };
                settings.air(table, queries)
            })
            .collect()
    }
}

/// An interface of the newest stack with what it refers to; what it says itself counts first.
struct Settings<'a> {
    row: &'a Record,
    configuration: &'a Record,
    security: Record,
    aaa: Record,
}

impl Settings<'_> {
    fn text(&self, part: &str, name: &str) -> &str {
        let inline = format!("{part}.{name}");
        let own = self
            .row
            .get(&inline)
            .or_else(|| self.configuration.get(&inline));
        let profile = match part {
            "security" => &self.security,
            "aaa" => &self.aaa,
            _ => self.configuration,
        };
        own.filter(|it| !it.is_empty())
            .unwrap_or(profile.text(name))
    }

    fn air(&self, table: &'static str, asks_mac: bool) -> Air {
        let types = self.text("security", "authentication-types").to_owned();
        let format = |name: &str, usual: &str| match self.text("aaa", name) {
            "" => usual.to_owned(),
            format => format.to_owned(),
        };
        let identity = self.text("aaa", "nas-identifier");
        Air {
            interface: self.row.text("name").to_owned(),
            ssid: self.text("configuration", "ssid").to_owned(),
            ap: ap_mac(self.row),
            table,
            passes_eap: has_eap(&types),
            asks_mac,
            user_format: format("username-format", "AA:AA:AA:AA:AA:AA"),
            password_format: format("password-format", ""),
            calling_format: format("calling-format", "AA-AA-AA-AA-AA-AA"),
            called_format: format("called-format", "II-II-II-II-II-II:S"),
            eap_accounting: matches!(self.text("security", "eap-accounting"), "yes" | "true"),
            mac_accounting: asks_mac,
            interim: interim(self.text("aaa", "interim-update")),
            identity: (!identity.is_empty()).then(|| identity.to_owned()),
            types,
        }
    }
}

fn legacy(row: &Record, profile: &Record) -> Air {
    let types = profile.text("authentication-types").to_owned();
    let passes = profile.list("eap-methods").contains(&"passthrough");
    let user_format = client_letters(profile.get("radius-mac-format"));
    let password_format = match profile.text("radius-mac-mode") {
        "as-username-and-password" => user_format.clone(),
        _ => String::new(),
    };
    Air {
        interface: row.text("name").to_owned(),
        ssid: row.text("ssid").to_owned(),
        ap: ap_mac(row),
        table: "/interface/wireless/registration-table",
        passes_eap: profile.text("mode") == "dynamic-keys" && has_eap(&types) && passes,
        asks_mac: profile.is("radius-mac-authentication"),
        user_format,
        password_format,
        calling_format: "AA-AA-AA-AA-AA-AA".to_owned(),
        called_format: called(profile.text("radius-called-format")),
        eap_accounting: profile.is("radius-eap-accounting"),
        mac_accounting: profile.is("radius-mac-accounting"),
        interim: interim(profile.text("interim-update")),
        identity: None,
        types,
    }
}

fn caps(row: &Record, security: &Record, aaa: &Record, asks_mac: bool) -> Air {
    let inline = |name: &str| {
        row.get(&format!("security.{name}"))
            .unwrap_or(security.text(name))
    };
    let types = inline("authentication-types").to_owned();
    let user_format = client_letters(aaa.get("mac-format"));
    let password_format = match aaa.text("mac-mode") {
        "as-username-and-password" => user_format.clone(),
        _ => String::new(),
    };
    Air {
        interface: "cap1".to_owned(),
        ssid: row.text("ssid").to_owned(),
        ap: ap_mac(row),
        table: "/caps-man/registration-table",
        passes_eap: has_eap(&types) && inline("eap-methods").contains("passthrough"),
        asks_mac,
        user_format,
        password_format,
        calling_format: "AA-AA-AA-AA-AA-AA".to_owned(),
        called_format: called(aaa.text("called-format")),
        eap_accounting: matches!(inline("eap-radius-accounting"), "yes" | "true"),
        mac_accounting: asks_mac,
        interim: interim(aaa.text("interim-update")),
        identity: None,
        types,
    }
}

/// Every registration has these; the rest is each stack's own.
fn registration(
    air: &Air,
    letters: &Letters<'_>,
    eap_identity: Option<&str>,
    terms: &Terms,
) -> Record {
    let mut row = Record::new()
        .with("interface", &air.interface)
        .with("mac-address", local::colons(letters.client))
        .with("uptime", "0s");
    let is_new = air.table.starts_with("/interface/wifi");
    if is_new {
        row.set("ssid", &air.ssid);
        row.set("signal", "-52");
        row.set("auth-type", air.types.split(',').next().unwrap_or_default());
        row.set("authorized", "true");
        if let Some(vlan) = terms.vlan {
            row.set("vlan-id", vlan.to_string());
        }
    } else if air.table.starts_with("/caps-man") {
        row.set("ssid", &air.ssid);
        row.set("rx-signal", "-52");
        if let Some(identity) = eap_identity {
            row.set("eap-identity", identity);
        }
    } else {
        row.set("ap", "false");
        row.set("signal-strength", "-52");
        let types = air.types.split(',').next().unwrap_or_default();
        row.set("authentication-type", types);
        if let Some(vlan) = terms.vlan {
            row.set("vlan-id", vlan.to_string());
        }
    }
    if let Some(comment) = &terms.comment {
        row.set("comment", comment);
    }
    row
}

fn has_eap(types: &str) -> bool {
    types.split(',').any(|it| it.trim().contains("-eap"))
}

/// Whether an access list sends hardware addresses to RADIUS.
fn queries_radius(rows: &[Record]) -> bool {
    let mut enabled = rows.iter().filter(|row| !row.is("disabled"));
    enabled.any(|row| row.text("action") == "query-radius")
}

fn interim(text: &str) -> Option<Duration> {
    duration(text).filter(|it| !it.is_zero())
}

/// `XX:XX..` in the letters of formats.
fn client_letters(format: Option<&str>) -> String {
    let format = format
        .filter(|it| !it.is_empty())
        .unwrap_or("XX:XX:XX:XX:XX:XX");
    format.replace('X', "A").replace('x', "a")
}

/// `radius-called-format` in the letters of formats.
fn called(format: &str) -> String {
    match format {
        "mac" => "II-II-II-II-II-II",
        "ssid" => "S",
        _ => "II-II-II-II-II-II:S",
    }
    .to_owned()
}

fn ap_mac(row: &Record) -> [u8; 6] {
    let given = row.get("mac-address").or_else(|| row.get("radio-mac"));
    // An access point that does not say has one of MikroTik's range.
    given
        .and_then(local::mac)
        .unwrap_or([0x48, 0xa9, 0x8a, 0, 0, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eap_needs_more_than_its_name_in_the_old_stack() {
        let row = Record::new().with("name", "wlan1").with("ssid", "Home");
        let with = |mode: &str, types: &str, methods: &str| {
            let profile = Record::new()
                .with("mode", mode)
                .with("authentication-types", types)
                .with("eap-methods", methods);
            legacy(&row, &profile).passes_eap
        };
        assert!(with("dynamic-keys", "wpa2-psk,wpa2-eap", "passthrough"));
        assert!(!with("none", "wpa2-eap", "passthrough"));
        assert!(!with("dynamic-keys", "wpa2-psk", "passthrough"));
        assert!(!with("dynamic-keys", "wpa2-eap", "eap-tls"));
    }

    #[test]
    fn what_the_interface_says_itself_counts_first() {
        let row = Record::new()
            .with("name", "wifi1")
            .with("security.authentication-types", "wpa3-eap");
        let configuration = Record::new().with("ssid", "Home");
        let settings = Settings {
            row: &row,
            configuration: &configuration,
            security: Record::new()
                .with("authentication-types", "wpa2-psk")
                .with("eap-accounting", "true"),
            aaa: Record::new().with("called-format", "S"),
        };
        let air = settings.air("/interface/wifi/registration-table", false);
        assert!(air.passes_eap && air.eap_accounting);
        assert_eq!((&*air.ssid, &*air.called_format), ("Home", "S"));
    }

    #[test]
    fn formats_of_hardware_addresses() {
        assert_eq!(client_letters(Some("xx-xx")), "aa-aa");
        assert_eq!(client_letters(None), "AA:AA:AA:AA:AA:AA");
    }
}
