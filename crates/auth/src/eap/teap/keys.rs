//! The keys that bind the inside of TEAP to the tunnel (RFC 9930 section 6, RFC 9427 section 2.2).
//!
//! There are two chains, one through the MSK of each inner method and one through its EMSK, which
//! not every method has and not every peer can export. Under TLS 1.3 the exporter of the session
//! takes the place of the PRF of TLS 1.2.

use zeroize::Zeroizing;

use super::{
    Rules,
    tlvs::{Binding, MAC_OCTETS, Macs},
};
use crate::eap::{
    Inner, MSK_OCTETS, Means, Msk, Type,
    tls::{self, Version},
    tunnel::{Keying, prf::Hash},
};

const SEED_OCTETS: usize = 40;
const COMPOUND_OCTETS: usize = 60;
const INNER_OCTETS: usize = 32;

const SEED: &str = "EXPORTER: teap session key seed";
const BIND: &str = "TEAPbindkey@ietf.org";
/// The terminator of the label and the length of a usage-specific root key (RFC 5295 section 3.1).
const BIND_SEED: [u8; 3] = [0, 0, 64];
const COMPOUND: &str = "Inner Methods Compound Keys";
const COMPOUND_13: &str = "EXPORTER: Inner Methods Compound Keys";
const SESSION: &str = "Session Key Generating Function";
const SESSION_13: &str = "EXPORTER: Session Key Generating Function";

/// The keys of an inner method; none at all where it is a plain password, or nothing is inside.
#[derive(Default)]
pub(super) struct InnerKeys {
    msk: Option<Msk>,
    emsk: Option<Msk>,
}

impl InnerKeys {
    /// Those of an EAP method that has succeeded by these means. EAP-MSCHAPv2 gives the halves of
    /// its 32 octets the other way round here (RFC 9930 section 3.6.3), and does so by itself where
    /// it knows that it is inside TEAP.
    pub(super) fn of_method(
        rules: Rules,
        means: Means,
        msk: Option<&Msk>,
        emsk: Option<&Msk>,
    ) -> Self {
        let is_mschapv2 = means == Means::alone(Type::MSCHAPV2)
            || means.inner() == Some(Inner::Eap(Type::MSCHAPV2));
        let is_turned = means.outer() == Type::TEAP;
        let is_to_turn = is_mschapv2 && is_turned != (rules == Rules::Rfc9930);
        let msk = msk.map(|msk| {
            let mut octets = Zeroizing::new(*msk.reveal());
            if is_to_turn {
                octets[..INNER_OCTETS].rotate_left(INNER_OCTETS / 2);
            }
            Msk::new(*octets)
        });
        Self {
            msk,
            emsk: emsk.cloned(),
        }
    }

    fn short_msk(&self) -> Zeroizing<[u8; INNER_OCTETS]> {
        let mut key = Zeroizing::new([0; INNER_OCTETS]);
        if let Some(msk) = &self.msk {
            key.copy_from_slice(&msk.reveal()[..INNER_OCTETS]);
        }
        key
    }
}

/// One chain: what the next link is made from, and the key of the compound MAC.
#[derive(Clone)]
struct Link {
    next: Zeroizing<[u8; SEED_OCTETS]>,
    mac: Zeroizing<[u8; MAC_OCTETS]>,
}

/// Both chains of one conversation.
pub(super) struct Chain {
    rules: Rules,
    hash: Hash,
    /// Whose way of making keys it is.
    version: Version,
    seed: Zeroizing<[u8; SEED_OCTETS]>,
    by_msk: Link,
    by_emsk: Link,
    /// Whether the last method had an EMSK.
    has_emsk: bool,
    /// Whether any method had keys.
    has_keys: bool,
}

impl Chain {
    /// The chains before any method.
    pub(super) fn new(rules: Rules, keying: &dyn Keying) -> Option<Self> {
        let version = match (rules, keying.version()?) {
            (Rules::Rfc9930, version) => version,
            (Rules::Hostap, _) => Version::Tls12,
        };
        let hash = match keying.hash()? {
            tls::Hash::Sha256 => Hash::Sha256,
            tls::Hash::Sha384 => Hash::Sha384,
        };
        let mut seed = Zeroizing::new([0; SEED_OCTETS]);
        let code = [Type::TEAP.short()?];
        let context = match version {
            Version::Tls12 => None,
            Version::Tls13 => Some(&code[..]),
        };
        if !keying.export(SEED, context, &mut *seed) {
            return None;
        }
        let link = Link {
            next: seed.clone(),
            mac: Zeroizing::new([0; MAC_OCTETS]),
        };
        Some(Self {
            rules,
            hash,
            version,
            seed,
            by_msk: link.clone(),
            by_emsk: link,
            has_emsk: false,
            has_keys: false,
        })
    }

    /// Goes on over a method that has succeeded. Without keys, as after a password, the link is
    /// made of zeros.
    #[must_use]
    pub(super) fn advance(&mut self, keying: &dyn Keying, keys: &InnerKeys) -> bool {
        self.try_advance(keying, keys).is_some()
    }

    fn try_advance(&mut self, keying: &dyn Keying, keys: &InnerKeys) -> Option<()> {
        let short = keys.short_msk();
        let bound = match &keys.emsk {
            Some(emsk) => self.inner_key(keying, emsk)?,
            None => short.clone(),
        };
        self.by_msk = self.link(keying, &self.by_msk, &short)?;
        self.by_emsk = self.link(keying, &self.by_emsk, &bound)?;
        self.has_emsk = keys.emsk.is_some();
        self.has_keys |= keys.msk.is_some() || keys.emsk.is_some();
        Some(())
    }

    fn inner_key(&self, keying: &dyn Keying, emsk: &Msk) -> Option<Zeroizing<[u8; INNER_OCTETS]>> {
        match self.version {
            Version::Tls12 => Some(self.hash.tls12(emsk.reveal(), BIND, &BIND_SEED)),
            Version::Tls13 => {
                let mut key = Zeroizing::new([0; INNER_OCTETS]);
                let is_exported = keying.export(BIND, Some(emsk.reveal()), &mut *key);
                is_exported.then_some(key)
            }
        }
    }

    fn link(&self, keying: &dyn Keying, before: &Link, inner: &[u8; INNER_OCTETS]) -> Option<Link> {
        let compound: Zeroizing<[u8; COMPOUND_OCTETS]> = match self.version {
            Version::Tls12 => self.hash.tls12(&*before.next, COMPOUND, inner),
            Version::Tls13 => {
                let mut context = Zeroizing::new(before.next.to_vec());
                context.extend_from_slice(inner);
                let mut out = Zeroizing::new([0; COMPOUND_OCTETS]);
                if !keying.export(COMPOUND_13, Some(&context), &mut *out) {
                    return None;
                }
                out
            }
        };
        Some(Link {
            next: Zeroizing::new(*compound.first_chunk()?),
            mac: Zeroizing::new(*compound.last_chunk()?),
        })
    }

    /// Whether the last method had an EMSK, so that there is a MAC by it.
    pub(super) const fn has_emsk(&self) -> bool {
        self.has_emsk
    }

    /// The compound MACs of a binding: over it without its MACs, the type, and what was said
    /// outside the tunnel.
    pub(super) fn macs(&self, binding: &Binding, outer: &[u8]) -> Macs {
        let bare = binding.without_macs();
        let kind = [Type::TEAP.short().unwrap_or_default()];
        let mac = |link: &Link| {
            let mac = self.hash.mac(&*link.mac, &[&bare, &kind, outer]);
            let mut octets = [0; MAC_OCTETS];
            octets.copy_from_slice(&mac[..MAC_OCTETS]);
            octets
        };
        Macs {
            by_emsk: mac(&self.by_emsk),
            by_msk: mac(&self.by_msk),
        }
    }

    /// The master session key in the end, from the chain that the last binding went by.
    pub(super) fn msk(&self, keying: &dyn Keying, is_by_emsk: bool) -> Option<Msk> {
        let is_by_emsk = is_by_emsk && self.rules == Rules::Rfc9930;
        let secret = match (self.has_keys, is_by_emsk) {
            (false, _) => &self.seed,
            (true, false) => &self.by_msk.next,
            (true, true) => &self.by_emsk.next,
        };
        let msk: Zeroizing<[u8; MSK_OCTETS]> = match self.version {
            Version::Tls12 => self.hash.tls12(&**secret, SESSION, &[]),
            Version::Tls13 => {
                let mut out = Zeroizing::new([0; MSK_OCTETS]);
                if !keying.export(SESSION_13, Some(&**secret), &mut *out) {
                    return None;
                }
                out
            }
        };
        Some(Msk::new(*msk))
    }
}
