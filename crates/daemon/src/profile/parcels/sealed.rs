//! A kit as one encrypted text.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    super::document::{Document, Kind, Kit, Platform},
    Token,
};

/// The key of a token encrypts one text and no second, so there is nothing to count.
const NONCE: [u8; 12] = [0; 12];

#[derive(Serialize, Deserialize)]
struct Written {
    platform: String,
    title: String,
    steps: Vec<String>,
    documents: Vec<WrittenDocument>,
}

#[derive(Serialize, Deserialize)]
struct WrittenDocument {
    name: String,
    kind: String,
    about: String,
    content: String,
}

impl Drop for WrittenDocument {
    fn drop(&mut self) {
        self.content.zeroize();
    }
}

fn cipher(token: &Token) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, &*token.key()).ok()?;
    Some(LessSafeKey::new(key))
}

/// Encrypts a kit for a token that was made for it.
pub(super) fn seal(kit: &Kit, token: &Token) -> Option<Vec<u8>> {
    let documents = kit.documents.iter().map(|document| WrittenDocument {
        name: document.name.clone(),
        kind: document.kind.label().to_owned(),
        about: document.about.to_string(),
        content: STANDARD.encode(&*document.content),
    });
    let written = Written {
        platform: kit.platform.label().to_owned(),
        title: kit.title.clone(),
        steps: kit.steps.clone(),
        documents: documents.collect(),
    };
    let mut octets = Zeroizing::new(serde_json::to_vec(&written).ok()?);
    let nonce = Nonce::assume_unique_for_key(NONCE);
    cipher(token)?
        .seal_in_place_append_tag(nonce, Aad::empty(), &mut *octets)
        .ok()?;
    Some(octets.to_vec())
}

/// Decrypts a kit; `None` where it was encrypted for another token or changed since.
pub(super) fn open(sealed: &[u8], token: &Token) -> Option<Kit> {
    let mut octets = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let text = cipher(token)?
        .open_in_place(nonce, Aad::empty(), &mut octets)
        .ok()?;
    let written: Written = serde_json::from_slice(text).ok()?;
    let mut documents = Vec::with_capacity(written.documents.len());
    for document in &written.documents {
        documents.push(Document {
            name: document.name.clone(),
            kind: Kind::from_label(&document.kind)?,
            about: document.about.clone().into(),
            content: Zeroizing::new(STANDARD.decode(&document.content).ok()?),
        });
    }
    Some(Kit {
        platform: Platform::from_label(&written.platform)?,
        title: written.title,
        documents,
        steps: written.steps,
        notes: Vec::new(),
    })
}
