//! Android: certificates to install, Passpoint where it can be used, and what to type where.
//!
//! Android takes no file that sets up an ordinary enterprise network, except from an app. So the
//! settings are written down field by field, and what can be a file is one.

mod passpoint;
mod qr_text;
mod sheet;

use super::{
    document::{Document, Kind, Kit, Platform, file_stem},
    error::ProfileError,
    network::{Link, Network},
    pkcs12::pkcs12,
};
use crate::authority::pem;

pub(crate) use self::qr_text::{NOT_PINNED, qr_text};

/// Everything for an Android phone or tablet. `now` is in seconds since 1970.
pub(crate) fn kit(network: &Network, now: u64) -> Result<Kit, ProfileError> {
    let mut documents = vec![Document::new(
        "ca.crt",
        Kind::Certificate,
        "the CA: install it first",
        pem("CERTIFICATE", network.root()),
    )];
    if let Some(client) = network.client() {
        let others: Vec<&[u8]> = client.chain.iter().skip(1).map(Vec::as_slice).collect();
        let file = pkcs12(network.user(), client, &others, client.passphrase.expose())?;
        documents.push(Document::new(
            format!("{}.p12", file_stem(network.user())),
            Kind::Pkcs12,
            "your certificate: install it second",
            file.to_vec(),
        ));
    }
    let mut notes = notes(network);
    match passpoint::document(network, now)? {
        Ok(file) => documents.push(Document::new(
            "passpoint.config",
            Kind::Passpoint,
            "instead, where the access points speak Passpoint: sets up everything",
            file,
        )),
        Err(why) => notes.push(format!("no Passpoint file: {why}")),
    }
    let sheet = sheet::Sheet::of(network);
    documents.push(Document::new(
        "settings.html",
        Kind::Page,
        "what to enter, field by field",
        sheet.page(network),
    ));
    documents.push(Document::new(
        "settings.txt",
        Kind::Text,
        "the same as text",
        sheet.text(network),
    ));
    Ok(Kit {
        platform: Platform::Android,
        title: network.display_name().to_owned(),
        documents,
        steps: sheet.steps,
        notes,
    })
}

fn notes(network: &Network) -> Vec<String> {
    let mut notes = Vec::new();
    if network.link() == &Link::Wired {
        notes.push("hardly any Android device does 802.1X on a cable".to_owned());
    }
    if network.password().is_some() {
        notes.push("the settings and the Passpoint file hold the user's password".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::{
        fixtures::{self, METHODS},
        network::Method,
    };
    use super::*;

    fn names(kit: &Kit) -> Vec<&str> {
        kit.documents.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn there_is_what_each_method_needs() {
        for method in METHODS {
            let kit = kit(&fixtures::network(method), 0).unwrap();
            let names = names(&kit);
            assert!(names.contains(&"ca.crt") && names.contains(&"settings.html"));
            let identity = names.contains(&"tim-example-org.p12");
            assert_eq!(identity, method == Method::Tls);
            let passpoint = names.contains(&"passpoint.config");
            assert_eq!(passpoint, method != Method::Peap);
        }
    }

    #[test]
    fn without_a_realm_there_is_no_passpoint_and_it_is_said() {
        let mut draft = fixtures::draft();
        draft.user = "tim".to_owned();
        let network = Network::new(draft, fixtures::login(Method::Tls)).unwrap();
        let kit = kit(&network, 0).unwrap();
        assert!(!names(&kit).contains(&"passpoint.config"));
        assert!(
            kit.notes.iter().any(|note| note.contains("realm")),
            "{:?}",
            kit.notes
        );
    }
}
