//! Linux: NetworkManager, wpa_supplicant and iwd, each with one file that needs no other.

mod iwd;
mod network_manager;
mod supplicant;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    document::{Document, Kind, Kit, Platform, file_stem},
    network::{Link, Network},
};
use crate::authority::pem;

/// Everything for a Linux computer.
pub(crate) fn kit(network: &Network) -> Kit {
    let stem = file_stem(network.mark());
    let keyfile = format!("{stem}.nmconnection");
    let supplicant = format!("{stem}.conf");
    let mut documents = vec![
        Document::new(
            &keyfile,
            Kind::Settings,
            "for NetworkManager: most desktops and servers",
            network_manager::keyfile(network),
        ),
        Document::new(
            &supplicant,
            Kind::Settings,
            "for wpa_supplicant",
            supplicant::configuration(network),
        ),
    ];
    let mut steps = vec![
        format!(
            "With NetworkManager: sudo install -m 600 {keyfile} \
             /etc/NetworkManager/system-connections/ && sudo nmcli connection reload"
        ),
        match network.link() {
            Link::Wired => format!(
                "Or with wpa_supplicant alone: sudo wpa_supplicant -B -D wired -i INTERFACE -c \
                 {supplicant}"
            ),
            Link::Wireless { .. } => format!(
                "Or with wpa_supplicant alone: sudo wpa_supplicant -B -i INTERFACE -c {supplicant}"
            ),
        },
    ];
    if let Some(file) = iwd::file_name(network) {
        // The name on the disk is iwd's own; a link carries it as it can.
        let name = format!("{stem}.8021x");
        let about = "for iwd, where it is used instead of wpa_supplicant";
        let content = iwd::configuration(network);
        documents.push(Document::new(&name, Kind::Settings, about, content));
        steps.push(format!(
            "Or with iwd: sudo install -m 600 {name} '/var/lib/iwd/{file}'"
        ));
    }
    documents.push(Document::new(
        "ca.pem",
        Kind::Certificate,
        "the CA, for other programs",
        pem("CERTIFICATE", network.root()),
    ));
    if network.client().is_none() && network.password().is_none() {
        steps.push("Type your password when asked.".to_owned());
    }
    steps.push("Then delete the files here.".to_owned());
    Kit {
        platform: Platform::Linux,
        title: network.display_name().to_owned(),
        documents,
        steps,
        notes: notes(network),
    }
}

fn notes(network: &Network) -> Vec<String> {
    let mut notes = Vec::new();
    if network.client().is_some() || network.password().is_some() {
        notes.push(
            "the files hold the user's key or password: they are for that user's computer alone"
                .to_owned(),
        );
    }
    if network.link() == &Link::Wired {
        notes.push("iwd is for wireless networks; nothing is written for it".to_owned());
    }
    notes
}

/// Base64 in lines that every program takes.
fn base64_lines(octets: &[u8]) -> String {
    let text = STANDARD.encode(octets);
    let mut lines = String::with_capacity(text.len() + text.len() / 64 + 1);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{fixtures, network::Method};
    use super::*;

    #[test]
    fn nothing_is_written_for_iwd_on_a_wire() {
        let count = |network| kit(&network).documents.len();
        assert_eq!(count(fixtures::network(Method::Peap)), 4);
        assert_eq!(count(fixtures::linked(Method::Peap, Link::Wired)), 3);
    }

    #[test]
    fn base64_is_broken_into_lines() {
        assert_eq!(base64_lines(b""), "");
        let lines = base64_lines(&[0; 49]);
        assert_eq!(lines.lines().map(str::len).collect::<Vec<_>>(), [64, 4]);
        assert_eq!(base64_lines(&[0; 48]).lines().count(), 1);
    }
}
