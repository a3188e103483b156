//! `wpa_supplicant.conf` with everything in it.

use zeroize::Zeroizing;

use super::super::{
    identifiers::hex,
    network::{Link, Method, Network, Security},
    pkcs12::key_der,
};
use super::base64_lines;

/// TLS 1.2 at least.
const OLDEST_TLS: &str = "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1";

/// The whole configuration of a wpa_supplicant that knows one network.
pub(super) fn configuration(network: &Network) -> String {
    let mut text = String::from("# One network; certificates and keys are in this file.\n");
    text.push_str("ctrl_interface=/run/wpa_supplicant\n");
    if network.link() == &Link::Wired {
        text.push_str("ap_scan=0\n");
    }
    text.push_str("\nnetwork={\n");
    for (key, value) in settings(network) {
        let line = format!("\t{key}={value}\n");
        text.push_str(&line);
    }
    text.push_str("}\n");
    for (name, octets) in blobs(network) {
        let lines = base64_lines(&octets);
        let line = format!("\nblob-base64-{name}={{\n{lines}\n}}\n");
        text.push_str(&line);
    }
    text
}

fn settings(network: &Network) -> Vec<(&'static str, String)> {
    let mut settings = link(network);
    let mut put = |key, value: String| settings.push((key, value));
    put("eap", outer(network.method()).to_owned());
    put("identity", quoted(network.user()));
    if let Some(anonymous) = network.anonymous() {
        put("anonymous_identity", quoted(anonymous));
    }
    put("ca_cert", quoted("blob://ca"));
    put("domain_match", quoted(&network.servers().join(";")));
    let names = network.servers().iter().map(|name| format!("DNS:{name}"));
    let names: Vec<String> = names.collect();
    put("altsubject_match", quoted(&names.join(";")));
    put("phase1", quoted(OLDEST_TLS));
    match network.method() {
        Method::Tls => {
            put("client_cert", quoted("blob://client"));
            put("private_key", quoted("blob://key"));
        }
        Method::TtlsPap => put("phase2", quoted("auth=PAP")),
        Method::Peap | Method::TtlsMschapv2 => put("phase2", quoted("auth=MSCHAPV2")),
    }
    if let Some(password) = network.password() {
        put("password", quoted(password.expose()));
    }
    settings
}

fn link(network: &Network) -> Vec<(&'static str, String)> {
    let Link::Wireless {
        ssid,
        security,
        hidden,
    } = network.link()
    else {
        return vec![
            ("key_mgmt", "IEEE8021X".to_owned()),
            ("eapol_flags", "0".to_owned()),
        ];
    };
    let (keys, ciphers, management) = match security {
        Security::Wpa2 | Security::Transition => ("WPA-EAP WPA-EAP-SHA256", "CCMP", "1"),
        Security::Wpa3 => ("WPA-EAP-SHA256", "CCMP", "2"),
        Security::Bits192 => ("WPA-EAP-SUITE-B-192", "GCMP-256", "2"),
    };
    let mut settings = vec![("ssid", quoted(ssid))];
    if *hidden {
        settings.push(("scan_ssid", "1".to_owned()));
    }
    settings.push(("key_mgmt", keys.to_owned()));
    settings.push(("proto", "RSN".to_owned()));
    settings.push(("pairwise", ciphers.to_owned()));
    settings.push(("group", ciphers.to_owned()));
    if *security == Security::Bits192 {
        settings.push(("group_mgmt", "BIP-GMAC-256".to_owned()));
    }
    settings.push(("ieee80211w", management.to_owned()));
    settings
}

const fn outer(method: Method) -> &'static str {
    match method {
        Method::Tls => "TLS",
        Method::Peap => "PEAP",
        Method::TtlsPap | Method::TtlsMschapv2 => "TTLS",
    }
}

fn blobs(network: &Network) -> Vec<(&'static str, Zeroizing<Vec<u8>>)> {
    let mut blobs = vec![("ca", Zeroizing::new(network.root().to_vec()))];
    if let Some(client) = network.client() {
        let own = client.chain.first().cloned().unwrap_or_default();
        blobs.push(("client", Zeroizing::new(own)));
        blobs.push(("key", key_der(client)));
    }
    blobs
}

/// A text in quotes; in hexadecimal where quotes would not do.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter == ' ' || letter.is_ascii_graphic();
    if text.chars().all(plain) && !text.contains('"') {
        format!("\"{text}\"")
    } else {
        hex(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, METHODS};
    use super::*;

    fn lines(network: &Network) -> Vec<String> {
        let text = configuration(network);
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn the_ca_and_the_server_are_pinned() {
        for method in METHODS {
            let lines = lines(&fixtures::network(method));
            for line in [
                "ca_cert=\"blob://ca\"",
                "domain_match=\"radius.example.org\"",
                "altsubject_match=\"DNS:radius.example.org\"",
                "blob-base64-ca={",
                "identity=\"tim@example.org\"",
            ] {
                assert!(lines.contains(&line.to_owned()), "{method:?}: {line}");
            }
            let anonymous = lines
                .iter()
                .any(|line| line.starts_with("anonymous_identity="));
            assert_eq!(anonymous, method != Method::Tls);
            let key = lines.contains(&"blob-base64-key={".to_owned());
            assert_eq!(key, method == Method::Tls);
        }
    }

    #[test]
    fn what_quotes_cannot_hold_is_written_in_hexadecimal() {
        assert_eq!(quoted("home & garden"), "\"home & garden\"");
        assert_eq!(quoted("a\"b"), "612262");
        assert_eq!(quoted("ü"), "c3bc");
        let network = fixtures::network(Method::TtlsPap);
        let expected = format!("password={}", hex(b"pass <\"word\"> & 'more'"));
        assert!(lines(&network).contains(&expected));
    }

    #[test]
    fn protected_management_frames_follow_the_kind_of_network() {
        let expected = [
            (
                Security::Wpa2,
                "ieee80211w=1",
                "key_mgmt=WPA-EAP WPA-EAP-SHA256",
            ),
            (
                Security::Transition,
                "ieee80211w=1",
                "key_mgmt=WPA-EAP WPA-EAP-SHA256",
            ),
            (Security::Wpa3, "ieee80211w=2", "key_mgmt=WPA-EAP-SHA256"),
            (
                Security::Bits192,
                "ieee80211w=2",
                "key_mgmt=WPA-EAP-SUITE-B-192",
            ),
        ];
        for (security, frames, keys) in expected {
            let lines = lines(&fixtures::secured(Method::Tls, security));
            assert!(lines.contains(&frames.to_owned()), "{security:?}");
            assert!(lines.contains(&keys.to_owned()), "{security:?}");
            assert!(lines.contains(&"scan_ssid=1".to_owned()));
        }
        let wired = lines(&fixtures::linked(Method::Peap, Link::Wired));
        assert!(wired.contains(&"key_mgmt=IEEE8021X".to_owned()));
        assert!(!wired.iter().any(|line| line.starts_with("ssid=")));
    }
}
