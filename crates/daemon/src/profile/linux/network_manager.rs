//! NetworkManager's keyfile.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::super::{
    identifiers::uuid,
    network::{Link, Method, Network, Security},
};
use crate::authority::pem;

/// TLS 1.0 and 1.1 are not spoken.
const OLDEST_TLS: &str = "3";
/// Certificates and keys stand in the file itself.
const INLINE: &str = "data:;base64,";

/// The connection, for `/etc/NetworkManager/system-connections`.
pub(super) fn keyfile(network: &Network) -> String {
    let mut file = Keyfile(String::new());
    let mark = [
        b"NetworkManager",
        network.mark().as_bytes(),
        network.user().as_bytes(),
        network.servers()[0].as_bytes(),
    ];
    let wired = network.link() == &Link::Wired;
    file.group("connection");
    file.put("id", &escaped(network.display_name()));
    file.put("uuid", &uuid(&mark).to_lowercase());
    file.put("type", if wired { "ethernet" } else { "wifi" });
    if let Link::Wireless {
        ssid,
        security,
        hidden,
    } = network.link()
    {
        file.wifi(ssid, *security, *hidden);
    } else {
        // It says nothing, but has to be there.
        file.group("ethernet");
    }
    file.ieee_802_1x(network);
    for family in ["ipv4", "ipv6"] {
        file.group(family);
        file.put("method", "auto");
    }
    file.0
}

struct Keyfile(String);

impl Keyfile {
    fn group(&mut self, name: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let line = format!("{gap}[{name}]\n");
        self.0.push_str(&line);
    }

    fn put(&mut self, key: &str, value: &str) {
        let line = format!("{key}={value}\n");
        self.0.push_str(&line);
    }

    fn wifi(&mut self, ssid: &str, security: Security, hidden: bool) {
        self.group("wifi");
        self.put("mode", "infrastructure");
        self.put("ssid", &octet_list(ssid));
        if hidden {
            self.put("hidden", "true");
        }
        let (keys, management) = match security {
            Security::Wpa2 | Security::Transition => ("wpa-eap", "2"),
            Security::Wpa3 => ("wpa-eap", "3"),
            Security::Bits192 => ("wpa-eap-suite-b-192", "3"),
        };
        self.group("wifi-security");
        self.put("key-mgmt", keys);
        self.put("pmf", management);
    }

    fn ieee_802_1x(&mut self, network: &Network) {
        let (outer, inner) = match network.method() {
            Method::Tls => ("tls", None),
            Method::Peap => ("peap", Some("mschapv2")),
            Method::TtlsPap => ("ttls", Some("pap")),
            Method::TtlsMschapv2 => ("ttls", Some("mschapv2")),
        };
        self.group("802-1x");
        self.put("eap", &format!("{outer};"));
        self.put("identity", &escaped(network.user()));
        if let Some(anonymous) = network.anonymous() {
            self.put("anonymous-identity", &escaped(anonymous));
        }
        self.put("ca-cert", &inline(&pem("CERTIFICATE", network.root())));
        self.put("domain-match", &network.servers().join(";"));
        let names = network.servers().iter().map(|name| format!("DNS:{name};"));
        self.put("altsubject-matches", &names.collect::<String>());
        self.put("phase1-auth-flags", OLDEST_TLS);
        if let Some(inner) = inner {
            self.put("phase2-auth", inner);
        }
        if let Some(client) = network.client() {
            let own = client.chain.first().map_or(&[][..], Vec::as_slice);
            self.put("client-cert", &inline(&pem("CERTIFICATE", own)));
            self.put("private-key", &inline(&client.key_pem));
            // There is none: the file is its owner's alone.
            self.put("private-key-password-flags", "4");
        }
        match network.password() {
            Some(password) => self.put("password", &escaped(password.expose())),
            // Kept by the desktop, which asks for it.
            None if network.client().is_none() => self.put("password-flags", "1"),
            None => {}
        }
    }
}

fn inline(text: &str) -> String {
    format!("{INLINE}{}", STANDARD.encode(text))
}

/// A text as the format wants it: a backslash is doubled, a blank in front is kept.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    match text.strip_prefix(' ') {
        Some(rest) => format!("\\s{rest}"),
        None => text,
    }
}

/// Octets in decimal, which no text can be mistaken for.
fn octet_list(text: &str) -> String {
    let octets: Vec<String> = text.bytes().map(|octet| octet.to_string()).collect();
    octets.join(";") + ";"
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, METHODS};
    use super::*;

    fn value<'a>(file: &'a str, group: &str, key: &str) -> Option<&'a str> {
        let mut lines = file
            .lines()
            .skip_while(|line| *line != format!("[{group}]"));
        lines.next()?;
        let within = lines.take_while(|line| !line.starts_with('['));
        let mut values = within.filter_map(|line| line.split_once('='));
        values
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    #[test]
    fn the_ca_and_the_server_are_pinned() {
        for method in METHODS {
            let file = keyfile(&fixtures::network(method));
            let get = |key| value(&file, "802-1x", key);
            assert_eq!(get("domain-match"), Some("radius.example.org"));
            assert_eq!(get("altsubject-matches"), Some("DNS:radius.example.org;"));
            let authority = get("ca-cert").unwrap().strip_prefix(INLINE).unwrap();
            let authority = STANDARD.decode(authority).unwrap();
            assert_eq!(
                authority,
                pem("CERTIFICATE", &fixtures::root()).into_bytes()
            );
            let key = get("private-key").is_some();
            assert_eq!(key, method == Method::Tls);
            assert_eq!(get("anonymous-identity").is_some(), method != Method::Tls);
        }
    }

    #[test]
    fn the_identifier_stays_and_the_ssid_is_in_octets() {
        let file = keyfile(&fixtures::network(Method::Peap));
        let other = keyfile(&fixtures::network(Method::TtlsPap));
        let id = |file: &str| value(file, "connection", "uuid").map(str::to_owned);
        assert_eq!(id(&file), id(&other));
        let ssid = value(&file, "wifi", "ssid").unwrap();
        assert_eq!(ssid, "104;111;109;101;32;38;32;103;97;114;100;101;110;");
        let password = value(&file, "802-1x", "password");
        assert_eq!(password, Some("pass <\"word\"> & 'more'"));
    }

    #[test]
    fn blanks_and_backslashes_survive() {
        assert_eq!(escaped(" a\\b"), "\\sa\\\\b");
        assert_eq!(escaped("a b"), "a b");
    }

    #[test]
    fn a_password_that_is_not_there_is_asked_for() {
        let mut draft = fixtures::draft();
        draft.link = Link::Wired;
        let asked = fixtures::login_asked(Method::Peap);
        let file = keyfile(&Network::new(draft, asked).unwrap());
        assert_eq!(value(&file, "802-1x", "password-flags"), Some("1"));
        assert_eq!(value(&file, "802-1x", "password"), None);
        assert_eq!(value(&file, "connection", "type"), Some("ethernet"));
        assert_eq!(value(&file, "wifi", "ssid"), None);
        assert!(file.contains("\n[ethernet]\n"), "{file}");
    }
}
