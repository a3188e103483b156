//! `WLANProfile` and `LANProfile`: the link, with 802.1X in it.

use super::super::{
    identifiers::hex,
    network::{Network, Security},
};
use super::{
    eap,
    xml::{
        Element,
        Space::{Lan, OneX, Wlan, Wlan4},
    },
};

/// The profile of a wireless network; of a kind that need not be the network's own.
pub(super) fn wlan(network: &Network, security: Security) -> Element {
    let ssid = network.ssid().unwrap_or_default();
    let name = |text: &str| Element::text(Wlan, "name", text);
    let octets = hex(ssid.as_bytes()).to_uppercase();
    let ssid_element = Element::of(
        Wlan,
        "SSID",
        vec![Element::text(Wlan, "hex", octets), name(ssid)],
    );
    let hidden = Element::text(Wlan, "nonBroadcast", network.is_hidden());
    let msm = Element::of(
        Wlan,
        "security",
        vec![auth_encryption(security), one_x(network)],
    );
    Element::of(
        Wlan,
        "WLANProfile",
        vec![
            name(ssid),
            Element::of(Wlan, "SSIDConfig", vec![ssid_element, hidden]),
            Element::text(Wlan, "connectionType", "ESS"),
            Element::text(Wlan, "connectionMode", "auto"),
            Element::of(Wlan, "MSM", vec![msm]),
        ],
    )
}

fn auth_encryption(security: Security) -> Element {
    let (authentication, encryption) = match security {
        Security::Wpa2 => ("WPA2", "AES"),
        Security::Wpa3 | Security::Transition => ("WPA3ENT", "AES"),
        Security::Bits192 => ("WPA3ENT192", "GCMP256"),
    };
    let mut children = vec![
        Element::text(Wlan, "authentication", authentication),
        Element::text(Wlan, "encryption", encryption),
        Element::text(Wlan, "useOneX", true),
    ];
    if security == Security::Transition {
        children.push(Element::text(Wlan4, "transitionMode", true));
    }
    Element::of(Wlan, "authEncryption", children)
}

/// The profile of a wired network.
pub(super) fn lan(network: &Network) -> Element {
    let security = Element::of(
        Lan,
        "security",
        vec![
            // A port without 802.1X is still of use: a cable at home.
            Element::text(Lan, "OneXEnforced", false),
            Element::text(Lan, "OneXEnabled", true),
            one_x(network),
        ],
    );
    let msm = Element::of(Lan, "MSM", vec![security]);
    Element::of(Lan, "LANProfile", vec![msm])
}

fn one_x(network: &Network) -> Element {
    Element::of(
        OneX,
        "OneX",
        vec![
            Element::text(OneX, "cacheUserData", true),
            Element::text(OneX, "authMode", "user"),
            Element::of(OneX, "EAPConfig", vec![eap::host_config(network)]),
        ],
    )
}
