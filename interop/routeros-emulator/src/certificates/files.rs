//! Certificates from files and to files.

use std::sync::Arc;

use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy, PrivateKey, PrivateKeyChain};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::pki_types::PrivateKeyDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{
    Call, Machine, Outcome, Record, Reply, Session, Trap,
    certificates::{described, meant, pem},
    files,
};

/// What was in a file.
#[derive(Default)]
struct Found {
    certificates: Vec<Vec<u8>>,
    /// PKCS#8 or what the file had.
    keys: Vec<Vec<u8>>,
    failures: usize,
}

pub(super) async fn import(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let file = call.get("file-name").unwrap_or_default();
    let Some(contents) = files::contents(&machine, file) else {
        return Err(Trap::failure("file not found").into());
    };
    let passphrase = call.get("passphrase").unwrap_or_default();
    let found = found(&contents, passphrase);
    let name = call.get("name").filter(|name| !name.is_empty());
    let trusted = !matches!(call.get("trusted"), Some("no" | "false"));
    let mut imported = 0;
    let leaf = file.rsplit('/').next().unwrap_or(file);
    for (at, der) in found.certificates.iter().enumerate() {
        let name = match name {
            Some(name) if at == 0 => name.to_owned(),
            Some(name) => format!("{name}_{at}"),
            None => format!("{leaf}_{at}"),
        };
        let text = pem::certificate(der);
        let values = described(&machine, &text)?;
        let print = values.text("fingerprint").to_owned();
        if machine
            .find("/certificate", "fingerprint", &print)
            .is_some()
        {
            continue;
        }
        let values = values
            .with("name", name)
            .with("trusted", trusted.to_string())
            .with("private-key", "false")
            .with(".chain", text);
        machine.insert("/certificate", values, false);
        imported += 1;
    }
    let mut keys = 0;
    for key in &found.keys {
        keys += usize::from(adopt(&machine, key));
    }
    let chains = machine.read("/certificate");
    for item in chains.iter().filter(|item| item.get(".key").is_some()) {
        extend(&machine, item);
    }
    let orphans = found.keys.len() - keys;
    Ok(Reply::list(vec![
        Record::new()
            .with("certificates-imported", imported.to_string())
            .with("private-keys-imported", keys.to_string())
            .with("files-imported", "1")
            .with("decryption-failures", found.failures.to_string())
            .with("keys-with-no-certificate", orphans.to_string()),
    ]))
}

fn found(contents: &[u8], passphrase: &str) -> Found {
    if let Ok(text) = std::str::from_utf8(contents) {
        let keys = pem::keys(text);
        let keys = keys.iter().map(|key| key.secret_der().to_vec());
        return Found {
            certificates: pem::certificates(text),
            keys: keys.collect(),
            failures: usize::from(pem::has_encrypted(text)),
        };
    }
    if X509Certificate::from_der(contents).is_ok() {
        return Found {
            certificates: vec![contents.to_vec()],
            ..Found::default()
        };
    }
    let Ok(store) = KeyStore::from_pkcs12(contents, passphrase, Pkcs12ImportPolicy::Relaxed) else {
        return Found {
            failures: 1,
            ..Found::default()
        };
    };
    let mut found = Found::default();
    for (_, entry) in store.entries() {
        match entry {
            KeyStoreEntry::PrivateKeyChain(chain) => {
                found.keys.push(chain.key().as_der().to_vec());
                let each = chain.certs().iter().map(|one| one.as_der().to_vec());
                found.certificates.extend(each);
            }
            KeyStoreEntry::Certificate(one) => found.certificates.push(one.as_der().to_vec()),
            KeyStoreEntry::Secret(_) => {}
        }
    }
    found
}

/// Gives a key to the certificate that is for it. Whether there is one.
fn adopt(machine: &Machine, key: &[u8]) -> bool {
    let Ok(der) = PrivateKeyDer::try_from(key) else {
        return false;
    };
    let Ok(pair) = KeyPair::try_from(&der) else {
        return false;
    };
    let public = pair.subject_public_key_info();
    let mut certificates = machine.read("/certificate").into_iter();
    let own = certificates.find(|item| {
        let leaf = pem::certificates(item.text(".chain")).into_iter().next();
        leaf.is_some_and(|leaf| {
            X509Certificate::from_der(&leaf)
                .is_ok_and(|(_, parsed)| parsed.public_key().raw == public.as_slice())
        })
    });
    let Some(own) = own else { return false };
    let values = Record::new()
        .with("private-key", "true")
        .with(".key", pem::key(pair.serialized_der()));
    machine.update("/certificate", own.id(), &values)
}

/// Puts the certificates above it behind a certificate that is to be shown to others.
fn extend(machine: &Machine, item: &Record) {
    let mut chain = pem::certificates(item.text(".chain"));
    chain.truncate(1);
    let all: Vec<Vec<u8>> = machine
        .read("/certificate")
        .iter()
        .filter_map(|other| pem::certificates(other.text(".chain")).into_iter().next())
        .collect();
    while let Some(above) = chain.last().and_then(|last| issuer(last, &all)) {
        if chain.contains(&above) || chain.len() > 8 {
            break;
        }
        chain.push(above);
    }
    let text: String = chain.iter().map(|der| pem::certificate(der)).collect();
    machine.update(
        "/certificate",
        item.id(),
        &Record::new().with(".chain", text),
    );
}

fn issuer(of: &[u8], all: &[Vec<u8>]) -> Option<Vec<u8>> {
    let (_, of) = X509Certificate::from_der(of).ok()?;
    let mut all = all.iter();
    let found = all.find(|other| {
        X509Certificate::from_der(other)
            .is_ok_and(|(_, other)| other.subject().as_raw() == of.issuer().as_raw())
    });
    found.cloned()
}

pub(super) async fn export(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let word = call
        .get("numbers")
        .or_else(|| call.get(".id"))
        .unwrap_or_default();
    let item = meant(&machine, word)?;
    let chain = pem::certificates(item.text(".chain"));
    let Some(own) = chain.first() else {
        return Err(Trap::failure("certificate is not signed").into());
    };
    let name = match call.get("file-name").filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => format!("cert_export_{}", item.text("name")),
    };
    let passphrase = call.get("export-passphrase").unwrap_or_default();
    if !passphrase.is_empty() && passphrase.len() < 8 {
        return Err(Trap::failure("passphrase must be at least 8 characters long").into());
    }
    if call.get("type") == Some("pkcs12") {
        let store = packed(&item, &chain, passphrase);
        let store = store.ok_or_else(|| Trap::failure("certificate has no private key"))?;
        files::write(&machine, &format!("{name}.p12"), &store)?;
        return Ok(Reply::done());
    }
    if !passphrase.is_empty() {
        let text = "this emulator writes private keys to PKCS#12 only";
        return Err(Trap::failure(text).into());
    }
    files::write(
        &machine,
        &format!("{name}.crt"),
        pem::certificate(own).as_bytes(),
    )?;
    Ok(Reply::done())
}

fn packed(item: &Record, chain: &[Vec<u8>], passphrase: &str) -> Option<Vec<u8>> {
    let key = pem::keys(item.text(".key")).into_iter().next()?;
    let key = PrivateKey::from_der(key.secret_der()).ok()?;
    let each = chain
        .iter()
        .map(|der| p12_keystore::Certificate::from_der(der));
    let certificates = each.collect::<Result<Vec<_>, _>>().ok()?;
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new([1_u8].as_slice(), key, certificates);
    store.add_entry(item.text("name"), KeyStoreEntry::PrivateKeyChain(entry));
    store.writer(passphrase).write().ok()
}
