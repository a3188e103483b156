//! iwd's network file.

use super::super::{
    identifiers::hex,
    network::{Link, Method, Network},
};
use crate::authority::pem;

/// What the file has to be called in `/var/lib/iwd`; `None` on a wire.
pub(super) fn file_name(network: &Network) -> Option<String> {
    let ssid = network.ssid()?;
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b" -_".contains(&octet);
    if ssid.bytes().all(plain) {
        Some(format!("{ssid}.8021x"))
    } else {
        Some(format!("={}.8021x", hex(ssid.as_bytes())))
    }
}

/// The file.
pub(super) fn configuration(network: &Network) -> String {
    let mut text = String::from("[Security]\n");
    let mut put = |key: &str, value: &str| {
        let line = format!("EAP-{key}={value}\n");
        text.push_str(&line);
    };
    let user = escaped(network.user());
    let outer = match network.method() {
        Method::Tls => "TLS",
        Method::Peap => "PEAP",
        Method::TtlsPap | Method::TtlsMschapv2 => "TTLS",
    };
    put("Method", outer);
    let identity = network.anonymous().map_or_else(|| user.clone(), escaped);
    put("Identity", &identity);
    put(&format!("{outer}-CACert"), "embed:ca");
    put(
        &format!("{outer}-ServerDomainMask"),
        &network.servers().join(";"),
    );
    let inner = match network.method() {
        Method::Tls => {
            put("TLS-ClientCert", "embed:client");
            put("TLS-ClientKey", "embed:key");
            None
        }
        Method::Peap => Some("MSCHAPV2"),
        Method::TtlsPap => Some("Tunneled-PAP"),
        Method::TtlsMschapv2 => Some("Tunneled-MSCHAPv2"),
    };
    if let Some(inner) = inner {
        put(&format!("{outer}-Phase2-Method"), inner);
        put(&format!("{outer}-Phase2-Identity"), &user);
    }
    if let Some(password) = network.password() {
        let password = escaped(password.expose());
        put(&format!("{outer}-Phase2-Password"), &password);
    }
    text.push_str("\n[Settings]\nAutoConnect=true\n");
    if matches!(network.link(), Link::Wireless { hidden: true, .. }) {
        text.push_str("Hidden=true\n");
    }
    let mut embed = |name: &str, pem: &str| {
        let line = format!("\n[@pem@{name}]\n{pem}");
        text.push_str(&line);
    };
    embed("ca", &pem("CERTIFICATE", network.root()));
    if let Some(client) = network.client() {
        let own = client.chain.first().map_or(&[][..], Vec::as_slice);
        embed("client", &pem("CERTIFICATE", own));
        embed("key", &client.key_pem);
    }
    text
}

/// A text as the format wants it: a backslash is doubled, a blank in front is kept.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    match text.strip_prefix(' ') {
        Some(rest) => format!("\\s{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{self, METHODS};
    use super::*;

    #[test]
    fn the_ca_and_the_server_are_pinned() {
        for method in METHODS {
            let text = configuration(&fixtures::network(method));
            let has = |part: &str| text.contains(part);
            assert!(has("-CACert=embed:ca\n"), "{text}");
            assert!(has("-ServerDomainMask=radius.example.org\n"), "{text}");
            assert!(has("[@pem@ca]\n-----BEGIN CERTIFICATE-----"), "{text}");
            let password = "-Phase2-Password=pass <\"word\"> & 'more'\n";
            assert_eq!(has(password), method != Method::Tls, "{text}");
            assert_eq!(has("[@pem@key]"), method == Method::Tls, "{text}");
        }
    }

    #[test]
    fn inside_a_tunnel_the_user_is_named_only_inside() {
        let text = configuration(&fixtures::network(Method::TtlsPap));
        assert!(
            text.contains("EAP-Identity=anonymous@example.org\n"),
            "{text}"
        );
        assert!(
            text.contains("EAP-TTLS-Phase2-Identity=tim@example.org\n"),
            "{text}"
        );
        assert!(
            text.contains("EAP-TTLS-Phase2-Method=Tunneled-PAP\n"),
            "{text}"
        );
        let text = configuration(&fixtures::network(Method::Tls));
        assert!(text.contains("EAP-Identity=tim@example.org\n"), "{text}");
    }

    #[test]
    fn an_ssid_that_is_no_file_name_is_written_in_octets() {
        let name = |ssid: &str| {
            let mut draft = fixtures::draft();
            draft.link = Link::Wireless {
                ssid: ssid.to_owned(),
                security: super::super::super::network::Security::Wpa2,
                hidden: false,
            };
            let login = fixtures::login(Method::Peap);
            file_name(&Network::new(draft, login).unwrap()).unwrap()
        };
        assert_eq!(name("my home-1_a"), "my home-1_a.8021x");
        assert_eq!(name("a/b"), "=612f62.8021x");
        assert_eq!(name("ü"), "=c3bc.8021x");
    }
}
