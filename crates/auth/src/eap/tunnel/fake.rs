//! A TLS session that is none, so that the inner halves can be tried by themselves.

use zeroize::Zeroizing;

use super::{Keying, prf};
use crate::eap::{
    MSK_OCTETS, Msk, Type,
    tls::{Hash, Keys, Version},
};

/// Both sides have the same one.
#[derive(Clone, Debug)]
pub(crate) struct FakeTls {
    pub(crate) version: Version,
    pub(crate) secret: [u8; 32],
    pub(crate) is_resumed: bool,
}

impl FakeTls {
    pub(crate) fn of(version: Version) -> Self {
        Self {
            version,
            secret: [7; 32],
            is_resumed: false,
        }
    }

    pub(crate) fn resumed(version: Version) -> Self {
        Self {
            is_resumed: true,
            ..Self::of(version)
        }
    }
}

impl Keying for FakeTls {
    fn version(&self) -> Option<Version> {
        Some(self.version)
    }

    fn hash(&self) -> Option<Hash> {
        Some(Hash::Sha384)
    }

    fn export(&self, label: &str, context: Option<&[u8]>, out: &mut [u8]) -> bool {
        let context = context.unwrap_or_default();
        let mut number = 0_u32;
        for chunk in out.chunks_mut(32) {
            number += 1;
            let parts = [label.as_bytes(), b"\0", context, &number.to_be_bytes()];
            let block = prf::Hash::Sha256.mac(&self.secret, &parts);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        true
    }

    fn keys(&self, kind: Type) -> Option<Keys> {
        let mut material = [0; 2 * MSK_OCTETS];
        let _exported = self.export("keys", Some(&[kind.short()?]), &mut material);
        Some(Keys {
            msk: Msk::new(*material.first_chunk()?),
            emsk: Zeroizing::new(*material.last_chunk()?),
            session_id: self.session_id(kind)?,
        })
    }

    fn session_id(&self, kind: Type) -> Option<Vec<u8>> {
        Some(vec![kind.short()?, 1, 2, 3])
    }

    fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}
