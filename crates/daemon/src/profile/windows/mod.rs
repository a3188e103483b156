//! Windows: a WLAN or LAN profile, what it refers to, and a script that brings it in.

mod eap;
mod link;
#[cfg(test)]
mod schema;
mod script;
mod xml;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{
    document::{Document, Kind, Kit, Platform, file_stem},
    error::ProfileError,
    network::{Link, Network, Security},
    pkcs12::pkcs12,
};

/// Where a network is of both kinds, what Windows gets that does not know WPA3-Enterprise.
const OLDER: &str = "wifi-wpa2.xml";

/// Everything for a Windows computer.
pub(crate) fn kit(network: &Network) -> Result<Kit, ProfileError> {
    let mut documents = vec![Document::new(
        script::LAUNCHER,
        Kind::Script,
        "start this: it sets everything up",
        script::launcher(),
    )];
    let mut authorities = vec![Document::new(
        "ca.cer",
        Kind::Certificate,
        "the CA",
        network.root(),
    )];
    for (at, between) in network.intermediates().enumerate() {
        let name = format!("ca-{}.cer", at + 2);
        let about = "between the CA and the server";
        authorities.push(Document::new(name, Kind::Certificate, about, between));
    }
    let identity = match network.client() {
        Some(client) => {
            let others: Vec<&[u8]> = client.chain.iter().skip(1).map(Vec::as_slice).collect();
            let user = network.user();
            let file = pkcs12(user, client, &others, client.passphrase.expose())?;
            let name = format!("{}.p12", file_stem(user));
            let about = "the user's certificate and key";
            Some(Document::new(name, Kind::Pkcs12, about, file.to_vec()))
        }
        None => None,
    };
    let profiles = profiles(network)?;
    let parts = script::Parts {
        network,
        authorities: authorities.iter().map(|one| one.name.as_str()).collect(),
        identity: identity.as_ref().map(|one| one.name.as_str()),
        profiles: profiles.iter().map(|one| one.name.as_str()).collect(),
    };
    documents.push(Document::new(
        script::SCRIPT,
        Kind::Script,
        "what it does",
        script::script(&parts),
    ));
    documents.extend(profiles);
    documents.extend(authorities);
    documents.extend(identity);
    Ok(Kit {
        platform: Platform::Windows,
        title: network.display_name().to_owned(),
        documents,
        steps: steps(network),
        notes: notes(network),
    })
}

/// The best first.
fn profiles(network: &Network) -> Result<Vec<Document>, ProfileError> {
    let document = |name: &str, about, element: xml::Element| {
        let text = element.document()?;
        Ok::<_, ProfileError>(Document::new(name, Kind::Xml, about, text))
    };
    match network.link() {
        Link::Wired => Ok(vec![document(
            "lan.xml",
            "the profile",
            link::lan(network),
        )?]),
        Link::Wireless { security, .. } => {
            let first = link::wlan(network, *security);
            let mut profiles = vec![document("wifi.xml", "the profile", first)?];
            if *security == Security::Transition {
                let older = link::wlan(network, Security::Wpa2);
                let about = "the profile for Windows without WPA3-Enterprise";
                profiles.push(document(OLDER, about, older)?);
            }
            Ok(profiles)
        }
    }
}

fn steps(network: &Network) -> Vec<String> {
    let mut steps = vec![
        "Put all files into one folder on the computer.".to_owned(),
        format!(
            "As the user who will connect, double-click {}. Windows asks whether to trust the CA: \
             yes, if its thumbprint is {}.",
            script::LAUNCHER,
            thumbprint(network.root()).to_uppercase()
        ),
    ];
    if network
        .client()
        .is_some_and(|client| !client.passphrase_inside)
    {
        steps.push("Type the passphrase of the certificate when asked.".to_owned());
    }
    if network.link() == &Link::Wired {
        steps.push("Windows asks for an administrator: wired profiles need one.".to_owned());
    }
    if network.client().is_none() {
        steps.push("Connect, and type user name and password when asked.".to_owned());
    } else {
        steps.push("Windows connects by itself.".to_owned());
    }
    steps.push("Then delete the files.".to_owned());
    steps
}

fn notes(network: &Network) -> Vec<String> {
    let mut notes = Vec::new();
    if network.password().is_some() {
        notes
            .push("Windows keeps passwords apart from profiles: the user types it once".to_owned());
    }
    if let Link::Wireless { security, .. } = network.link() {
        match security {
            Security::Wpa3 => notes.push("WPA3-Enterprise needs Windows 11".to_owned()),
            Security::Bits192 => {
                notes.push("the 192-bit mode needs Windows 10 2004 or later".to_owned());
            }
            Security::Wpa2 | Security::Transition => {}
        }
    }
    notes
}

/// The SHA-1 of a certificate as Windows writes it: by this name it knows a trusted root.
fn thumbprint(der: &[u8]) -> String {
    let octets = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    let octets: Vec<String> = octets
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    octets.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::{
        fixtures::{self, METHODS},
        network::Method,
    };
    use super::*;

    fn text(kit: &Kit, name: &str) -> String {
        let document = kit.documents.iter().find(|one| one.name == name);
        let document = document.unwrap_or_else(|| panic!("{name}"));
        String::from_utf8(document.content.to_vec()).unwrap()
    }

    #[test]
    fn every_profile_follows_the_schema() {
        for method in METHODS {
            for security in [Security::Wpa2, Security::Wpa3, Security::Transition] {
                let network = fixtures::secured(method, security);
                for profile in profiles(&network).unwrap() {
                    schema::check(str::from_utf8(&profile.content).unwrap());
                }
            }
            let wired = fixtures::linked(method, Link::Wired);
            schema::check(&text(&kit(&wired).unwrap(), "lan.xml"));
        }
        let strict = fixtures::secured(Method::Tls, Security::Bits192);
        schema::check(&text(&kit(&strict).unwrap(), "wifi.xml"));
    }

    #[test]
    fn the_ca_and_the_server_are_pinned_and_nobody_is_asked() {
        for method in METHODS {
            let network = fixtures::network(method);
            let profile = text(&kit(&network).unwrap(), "wifi.xml");
            assert!(profile.contains("<ServerNames>radius.example.org</ServerNames>"));
            assert!(profile.contains(&thumbprint(network.root())));
            let quiet = profile.contains("<DisablePrompt>true</DisablePrompt>")
                || profile.contains(
                    "<DisableUserPromptForServerValidation>true\
                     </DisableUserPromptForServerValidation>",
                );
            assert!(quiet, "{profile}");
        }
    }

    #[test]
    fn the_ssid_is_written_in_octets_and_escaped() {
        let profile = text(&kit(&fixtures::network(Method::Peap)).unwrap(), "wifi.xml");
        assert!(profile.contains("<hex>686F6D6520262067617264656E</hex>"));
        assert!(profile.contains("<name>home &amp; garden</name>"));
        assert!(
            !profile.contains("pass "),
            "passwords are no part of a profile"
        );
    }

    #[test]
    fn both_kinds_of_network_get_both_kinds_of_profile() {
        let kit = kit(&fixtures::secured(Method::Peap, Security::Transition)).unwrap();
        let best = text(&kit, "wifi.xml");
        assert!(best.contains("<authentication>WPA3ENT</authentication>"));
        assert!(best.contains("WLAN/profile/v4\">true</transitionMode>"));
        let older = text(&kit, OLDER);
        assert!(older.contains("<authentication>WPA2</authentication>"));
        assert!(!older.contains("transitionMode"));
    }

    #[test]
    fn a_thumbprint_is_sha_1_in_spaced_octets() {
        let expected = "a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d";
        assert_eq!(thumbprint(b"abc"), expected);
    }
}
