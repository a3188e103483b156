//! `.mobileconfig`: iPhone, iPad, Mac, Apple TV and Watch.

use plist::{Dictionary, Value};
use sha2::{Digest as _, Sha256};

use super::{
    document::{Document, Kind, Kit, Platform, file_stem},
    error::ProfileError,
    identifiers::{reversed, short, uuid},
    network::{ClientIdentity, Link, Method, Network, Security},
    pkcs12::pkcs12,
    signed::Signer,
};

/// Everything for an Apple device: one signed file. `now` is in seconds since 1970.
pub(crate) fn kit(network: &Network, signer: &Signer, now: u64) -> Result<Kit, ProfileError> {
    let profile = Profile::new(network).document()?;
    let envelope = signer.sign(&profile, now)?;
    let name = format!("{}.mobileconfig", file_stem(network.mark()));
    let about = "the profile: network, CA and, where there is one, the certificate";
    Ok(Kit {
        platform: Platform::Apple,
        title: network.display_name().to_owned(),
        documents: vec![Document::new(name, Kind::AppleProfile, about, envelope)],
        steps: steps(network),
        notes: notes(network),
    })
}

fn steps(network: &Network) -> Vec<String> {
    let mut steps = vec![
        "Open the profile. On an iPhone or iPad: send it by AirDrop or mail, or open the link in \
         Safari."
            .to_owned(),
        "iPhone and iPad: Settings > Profile Downloaded > Install, and the passcode. Mac: System \
         Settings > General > Device Management, double-click the profile, Install."
            .to_owned(),
        "The profile is shown as not verified, because the device does not know this CA yet: that \
         is what the profile brings."
            .to_owned(),
    ];
    if network
        .client()
        .is_some_and(|client| !client.passphrase_inside)
    {
        steps.push("Type the passphrase of the certificate when asked.".to_owned());
    }
    if network.client().is_none() && network.password().is_none() {
        steps.push("Type your password when asked; the device keeps it.".to_owned());
    }
    steps.push(match network.ssid() {
        Some(ssid) => format!("The device joins '{ssid}' by itself when it is in range."),
        None => "Plug in the cable.".to_owned(),
    });
    steps
}

fn notes(network: &Network) -> Vec<String> {
    let mut notes = Vec::new();
    if network.link() == &Link::Wired {
        notes.push("wired 802.1X by profile is for Macs; iPhones and iPads ignore it".to_owned());
    }
    if network.password().is_some() {
        notes.push("the profile holds the user's password in clear text".to_owned());
    }
    if network
        .client()
        .is_some_and(|client| client.passphrase_inside)
    {
        notes.push("whoever has the profile has the user's certificate and its key".to_owned());
    }
    notes
}

/// One profile while it is built.
struct Profile<'a> {
    network: &'a Network,
    /// Stays the same for the same user and network.
    identifier: String,
    payloads: Vec<Value>,
}

impl<'a> Profile<'a> {
    fn new(network: &'a Network) -> Self {
        let mark = [
            network.mark().as_bytes(),
            network.user().as_bytes(),
            network.servers()[0].as_bytes(),
        ];
        let server = reversed(&network.servers()[0]);
        Self {
            network,
            identifier: format!("{server}.portreeve.{}", short(&mark)),
            payloads: Vec::new(),
        }
    }

    fn document(mut self) -> Result<Vec<u8>, ProfileError> {
        let network = self.network;
        let anchor = self.certificate("com.apple.security.root", "root", network.root());
        for between in network.intermediates() {
            self.certificate("com.apple.security.pkcs1", "intermediate", between);
        }
        let identity = network
            .client()
            .map(|client| self.identity(client))
            .transpose()?;
        self.network(anchor, identity);
        let mut root = self.payload("Configuration", "", network.display_name());
        let description = format!(
            "Joins {} as {}. Trusts no server but {}.",
            network.display_name(),
            network.user(),
            network.servers().join(", ")
        );
        root.insert("PayloadDescription".to_owned(), description.into());
        root.insert("PayloadScope".to_owned(), "User".into());
        root.insert("PayloadRemovalDisallowed".to_owned(), false.into());
        root.insert("PayloadContent".to_owned(), Value::Array(self.payloads));
        let mut text = Vec::new();
        Value::Dictionary(root)
            .to_writer_xml(&mut text)
            .map_err(ProfileError::write("the profile"))?;
        Ok(text)
    }

    /// What every payload has. `mark` tells it from the others of its kind.
    fn payload(&self, kind: &str, mark: &str, name: &str) -> Dictionary {
        let identifier = if mark.is_empty() {
            self.identifier.clone()
        } else {
            format!("{}.{mark}", self.identifier)
        };
        let mut payload = Dictionary::new();
        let mut put = |key: &str, value: Value| payload.insert(key.to_owned(), value);
        put("PayloadType", kind.into());
        put("PayloadVersion", 1.into());
        put("PayloadUUID", uuid(&[identifier.as_bytes()]).into());
        put("PayloadIdentifier", identifier.into());
        put("PayloadDisplayName", name.into());
        if !self.network.organisation().is_empty() {
            put("PayloadOrganization", self.network.organisation().into());
        }
        payload
    }

    /// Adds a certificate of the CA; returns its UUID.
    fn certificate(&mut self, kind: &str, mark: &str, der: &[u8]) -> String {
        let fingerprint = short(&[&Sha256::digest(der)]);
        let name = format!("CA of {}", self.network.display_name());
        let mut payload = self.payload(kind, &format!("{mark}.{fingerprint}"), &name);
        payload.insert(
            "PayloadCertificateFileName".to_owned(),
            format!("{mark}.cer").into(),
        );
        payload.insert("PayloadContent".to_owned(), Value::Data(der.to_vec()));
        self.add(payload)
    }

    /// Adds the user's certificate and key; returns their UUID.
    fn identity(&mut self, client: &ClientIdentity) -> Result<String, ProfileError> {
        let user = self.network.user();
        // A payload of this kind holds one certificate.
        let file = pkcs12(user, client, &[], client.passphrase.expose())?;
        let own = client.chain.first().map_or(&[][..], Vec::as_slice);
        let mark = format!("identity.{}", short(&[&Sha256::digest(own)]));
        let mut payload = self.payload("com.apple.security.pkcs12", &mark, user);
        payload.insert(
            "PayloadCertificateFileName".to_owned(),
            "identity.p12".into(),
        );
        payload.insert("PayloadContent".to_owned(), Value::Data(file.to_vec()));
        if client.passphrase_inside {
            let passphrase = client.passphrase.expose();
            payload.insert("Password".to_owned(), passphrase.into());
        }
        Ok(self.add(payload))
    }

    /// Adds the network itself.
    fn network(&mut self, anchor: String, identity: Option<String>) {
        let network = self.network;
        let (kind, mark) = match network.link() {
            Link::Wired => ("com.apple.firstactiveethernet.managed", "ethernet"),
            Link::Wireless { .. } => ("com.apple.wifi.managed", "wifi"),
        };
        let mut payload = self.payload(kind, mark, network.display_name());
        let mut put = |key: &str, value: Value| payload.insert(key.to_owned(), value);
        match network.link() {
            Link::Wired => {
                put("Interface", "FirstActiveEthernet".into());
            }
            Link::Wireless {
                ssid,
                security,
                hidden,
            } => {
                put("SSID_STR", ssid.as_str().into());
                put("HIDDEN_NETWORK", (*hidden).into());
                put("AutoJoin", true.into());
                put("EncryptionType", encryption(*security).into());
            }
        }
        if let Some(identity) = identity {
            put("PayloadCertificateUUID", identity.into());
        }
        put(
            "EAPClientConfiguration",
            Value::Dictionary(eap(network, anchor)),
        );
        self.add(payload);
    }

    fn add(&mut self, payload: Dictionary) -> String {
        let uuid = payload.get("PayloadUUID").and_then(Value::as_string);
        let uuid = uuid.unwrap_or_default().to_owned();
        self.payloads.push(Value::Dictionary(payload));
        uuid
    }
}

/// What Apple calls it: since iOS 16 and macOS 13 `WPA2` also joins WPA3, and `WPA3` nothing else.
const fn encryption(security: Security) -> &'static str {
    match security {
        Security::Wpa2 | Security::Transition => "WPA2",
        Security::Wpa3 | Security::Bits192 => "WPA3",
    }
}

fn eap(network: &Network, anchor: String) -> Dictionary {
    let mut eap = Dictionary::new();
    let mut put = |key: &str, value: Value| eap.insert(key.to_owned(), value);
    let servers = network.servers().iter().map(|name| name.as_str().into());
    let kind = u64::from(network.method().eap_type());
    put("AcceptEAPTypes", Value::Array(vec![kind.into()]));
    put("UserName", network.user().into());
    put("TLSTrustedServerNames", Value::Array(servers.collect()));
    put(
        "PayloadCertificateAnchorUUID",
        Value::Array(vec![anchor.into()]),
    );
    put("TLSMinimumVersion", "1.2".into());
    if let Some(anonymous) = network.anonymous() {
        put("OuterIdentity", anonymous.into());
    }
    match network.method() {
        Method::TtlsPap => {
            put("TTLSInnerAuthentication", "PAP".into());
        }
        Method::TtlsMschapv2 => {
            put("TTLSInnerAuthentication", "MSCHAPv2".into());
        }
        Method::Tls | Method::Peap => {}
    }
    if let Some(password) = network.password() {
        put("UserPassword", password.expose().into());
    }
    eap
}

#[cfg(test)]
mod tests {
    use super::super::{
        fixtures::{self, METHODS},
        signed::content_of,
    };
    use super::*;
    use crate::authority::pem;

    fn plist(network: &Network) -> Dictionary {
        let certificate = pem("CERTIFICATE", &fixtures::signed_by_root());
        let signer = Signer::new(&certificate, fixtures::leaf_key()).unwrap();
        let kit = kit(network, &signer, 1_700_000_000).unwrap();
        assert_eq!(kit.documents.len(), 1);
        let profile = content_of(&kit.documents[0].content);
        let read = Value::from_reader_xml(profile.as_slice()).unwrap();
        read.into_dictionary().unwrap()
    }

    fn text<'a>(payload: &'a Dictionary, key: &str) -> &'a str {
        payload.get(key).and_then(Value::as_string).unwrap_or("")
    }

    fn payload(profile: &Dictionary, kind: &str) -> Dictionary {
        let payloads = profile["PayloadContent"].as_array().unwrap().iter();
        let mut payloads = payloads.filter_map(Value::as_dictionary);
        let found = payloads.find(|payload| text(payload, "PayloadType") == kind);
        found.unwrap_or_else(|| panic!("{kind}")).clone()
    }

    fn eap(profile: &Dictionary, kind: &str) -> Dictionary {
        let payload = payload(profile, kind);
        let eap = payload["EAPClientConfiguration"].as_dictionary().unwrap();
        eap.clone()
    }

    #[test]
    fn every_method_pins_the_root_and_the_server() {
        for method in METHODS {
            let profile = plist(&fixtures::network(method));
            let eap = eap(&profile, "com.apple.wifi.managed");
            let root = payload(&profile, "com.apple.security.root");
            assert_eq!(root["PayloadContent"].as_data().unwrap(), fixtures::root());
            let anchors = eap["PayloadCertificateAnchorUUID"].as_array().unwrap();
            assert_eq!(anchors, &vec![root["PayloadUUID"].clone()]);
            let servers = eap["TLSTrustedServerNames"].as_array().unwrap();
            assert_eq!(servers, &vec![Value::from("radius.example.org")]);
            assert_eq!(text(&eap, "TLSMinimumVersion"), "1.2");
            let kinds = eap["AcceptEAPTypes"].as_array().unwrap();
            assert_eq!(kinds, &vec![Value::from(u64::from(method.eap_type()))]);
            assert!(!eap.contains_key("TLSAllowTrustExceptions"));
        }
    }

    #[test]
    fn passwords_and_inner_methods_are_those_of_the_network() {
        let eap = |method| eap(&plist(&fixtures::network(method)), "com.apple.wifi.managed");
        let peap = eap(Method::Peap);
        assert_eq!(text(&peap, "UserPassword"), "pass <\"word\"> & 'more'");
        assert_eq!(text(&peap, "OuterIdentity"), "anonymous@example.org");
        assert!(!peap.contains_key("TTLSInnerAuthentication"));
        let inner = |method| text(&eap(method), "TTLSInnerAuthentication").to_owned();
        assert_eq!(inner(Method::TtlsPap), "PAP");
        assert_eq!(inner(Method::TtlsMschapv2), "MSCHAPv2");
        let tls = eap(Method::Tls);
        assert!(!tls.contains_key("UserPassword") && !tls.contains_key("OuterIdentity"));
    }

    #[test]
    fn the_certificate_of_the_user_is_the_one_the_network_asks_for() {
        let profile = plist(&fixtures::network(Method::Tls));
        let wifi = payload(&profile, "com.apple.wifi.managed");
        let identity = payload(&profile, "com.apple.security.pkcs12");
        assert_eq!(wifi["PayloadCertificateUUID"], identity["PayloadUUID"]);
        assert_eq!(text(&identity, "Password"), "open sesame");
        let apart = Network::new(fixtures::draft(), fixtures::login_apart()).unwrap();
        let apart = plist(&apart);
        let identity = payload(&apart, "com.apple.security.pkcs12");
        assert!(!identity.contains_key("Password"));
    }

    #[test]
    fn a_newer_profile_takes_the_place_of_an_older_one() {
        let first = plist(&fixtures::network(Method::Peap));
        let second = plist(&fixtures::network(Method::Tls));
        let identifier = text(&first, "PayloadIdentifier");
        assert!(identifier.starts_with("org.example.radius.portreeve."));
        assert_eq!(identifier, text(&second, "PayloadIdentifier"));
        assert_eq!(first["PayloadUUID"], second["PayloadUUID"]);
        let mut draft = fixtures::draft();
        draft.user = "anna".to_owned();
        let other = Network::new(draft, fixtures::login(Method::Peap)).unwrap();
        let other = plist(&other);
        assert_ne!(identifier, text(&other, "PayloadIdentifier"));
    }

    #[test]
    fn no_two_payloads_share_a_uuid_and_all_have_what_they_must() {
        let (intermediate, root) = fixtures::two_levels();
        let mut draft = fixtures::draft();
        draft.authorities = vec![intermediate, root];
        let profile = plist(&Network::new(draft, fixtures::login(Method::Tls)).unwrap());
        let payloads = profile["PayloadContent"].as_array().unwrap();
        let mut uuids = std::collections::HashSet::new();
        for payload in payloads.iter().filter_map(Value::as_dictionary) {
            for key in ["PayloadType", "PayloadIdentifier", "PayloadDisplayName"] {
                assert!(!text(payload, key).is_empty(), "{key}");
            }
            assert_eq!(text(payload, "PayloadOrganization"), "Example <Org>");
            assert!(uuids.insert(text(payload, "PayloadUUID").to_owned()));
        }
        assert_eq!(uuids.len(), 4);
    }

    #[test]
    fn the_link_is_said_as_apple_says_it() {
        let expected = [
            (Security::Wpa2, "WPA2"),
            (Security::Transition, "WPA2"),
            (Security::Wpa3, "WPA3"),
            (Security::Bits192, "WPA3"),
        ];
        for (security, word) in expected {
            let profile = plist(&fixtures::secured(Method::Tls, security));
            let wifi = payload(&profile, "com.apple.wifi.managed");
            assert_eq!(text(&wifi, "EncryptionType"), word);
            assert_eq!(text(&wifi, "SSID_STR"), "home & garden");
            assert_eq!(wifi["HIDDEN_NETWORK"], Value::Boolean(true));
        }
        let wired = plist(&fixtures::linked(Method::Peap, Link::Wired));
        let wire = payload(&wired, "com.apple.firstactiveethernet.managed");
        assert_eq!(text(&wire, "Interface"), "FirstActiveEthernet");
        assert!(!wire.contains_key("SSID_STR"));
        eap(&wired, "com.apple.firstactiveethernet.managed");
    }
}
