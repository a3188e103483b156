//! The text of a QR code that names an enterprise network.

use super::super::network::{Link, Method, Network};

/// What has to be said of it wherever it is made.
pub(crate) const NOT_PINNED: &str = "this code has no place for a CA or a server name, so it pins \
    neither, and holds no password; no phone's own camera reads it (iPhones and stock Android know \
    passphrase networks only), only apps such as ZXing's Barcode Scanner do: set CA certificate \
    and Domain by hand afterwards";

/// What apps that know WPA2-EAP read; `None` on a wire.
pub(crate) fn qr_text(network: &Network) -> Option<String> {
    let Link::Wireless { ssid, hidden, .. } = network.link() else {
        return None;
    };
    let (outer, inner) = match network.method() {
        Method::Tls => ("TLS", None),
        Method::Peap => ("PEAP", Some("MSCHAPV2")),
        Method::TtlsPap => ("TTLS", Some("PAP")),
        Method::TtlsMschapv2 => ("TTLS", Some("MSCHAPV2")),
    };
    let mut text = format!("WIFI:T:WPA2-EAP;S:{};E:{outer};", escaped(ssid));
    if let Some(inner) = inner {
        let line = format!("PH2:{inner};");
        text.push_str(&line);
    }
    if let Some(anonymous) = network.anonymous() {
        let line = format!("A:{};", escaped(anonymous));
        text.push_str(&line);
    }
    let line = format!("I:{};", escaped(network.user()));
    text.push_str(&line);
    if *hidden {
        text.push_str("H:true;");
    }
    text.push(';');
    Some(text)
}

/// With a backslash before each letter that has a meaning of its own. A text that could be
/// hexadecimal is put in quotes, or it would be read as such.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | ';' | ',' | ':' | '"') {
            safe.push('\\');
        }
        safe.push(letter);
    }
    if text.chars().all(|letter| letter.is_ascii_hexdigit()) {
        return format!("\"{safe}\"");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures;
    use super::*;

    #[test]
    fn the_network_is_named_and_the_password_is_not() {
        let text = qr_text(&fixtures::network(Method::Peap)).unwrap();
        assert_eq!(
            text,
            "WIFI:T:WPA2-EAP;S:home & garden;E:PEAP;PH2:MSCHAPV2;A:anonymous@example.org;\
             I:tim@example.org;;"
        );
        assert_eq!(qr_text(&fixtures::linked(Method::Peap, Link::Wired)), None);
    }

    #[test]
    fn letters_with_a_meaning_are_escaped() {
        assert_eq!(escaped("a;b:c,d\\e\"f"), "a\\;b\\:c\\,d\\\\e\\\"f");
        assert_eq!(escaped("cafe"), "\"cafe\"");
        assert_eq!(escaped("coffee bar"), "coffee bar");
    }
}
