//! The keys that bind the inside of PEAP to the tunnel (MS-PEAP sections 3.1.5.5 and 3.1.5.7).

use zeroize::Zeroizing;

use crate::eap::{
    MSK_OCTETS, Msk, Type,
    tunnel::{
        Keying,
        prf::{Hash, feedback},
    },
};

/// Octets of a compound MAC.
pub(super) const MAC_OCTETS: usize = 20;

/// Octets of the tunnel key.
const TUNNEL_KEY_OCTETS: usize = 60;
/// Octets of the intermediate key, which begins the tunnel key and all that is made of it.
const INTERMEDIATE_OCTETS: usize = 40;
/// Octets of the inner session key.
const INNER_OCTETS: usize = 32;
const COMPOUND: &[u8] = b"Inner Methods Compound Keys";
/// With the zero octet that the specification wants here and not above.
const SESSION: &[u8] = b"Session Key Generating Function\0";

/// The intermediate key and, after it, the key of the compound MAC.
pub(super) struct BindingKeys(Zeroizing<[u8; TUNNEL_KEY_OCTETS]>);

impl BindingKeys {
    /// After an inner method with this key, or one without.
    pub(super) fn of_method(keying: &dyn Keying, inner: Option<&Msk>) -> Option<Self> {
        let tunnel = tunnel_key(keying)?;
        let mut session = Zeroizing::new([0; INNER_OCTETS]);
        if let Some(msk) = inner {
            session.copy_from_slice(&msk.reveal()[..INNER_OCTETS]);
        }
        Some(Self(feedback(
            &tunnel[..INTERMEDIATE_OCTETS],
            &[COMPOUND, &*session],
            |number| [number, 0, 0],
        )))
    }

    /// Where a session was resumed: the tunnel key itself.
    pub(super) fn of_resumption(keying: &dyn Keying) -> Option<Self> {
        tunnel_key(keying).map(Self)
    }

    /// The compound MAC of a TLV whose own MAC is zeros.
    pub(super) fn mac(&self, tlv: &[u8]) -> [u8; MAC_OCTETS] {
        let key = &self.0[INTERMEDIATE_OCTETS..];
        let kind = [Type::PEAP.short().unwrap_or_default()];
        let mac = Hash::Sha1.mac(key, &[tlv, &kind]);
        let mut octets = [0; MAC_OCTETS];
        octets.copy_from_slice(&mac[..MAC_OCTETS]);
        octets
    }

    /// The master session key, once both sides have bound themselves.
    pub(super) fn msk(&self) -> Msk {
        let key = &self.0[..INTERMEDIATE_OCTETS];
        let session = feedback::<MSK_OCTETS>(key, &[SESSION], |number| [number, 0, 0]);
        Msk::new(*session)
    }
}

/// The first octets of the key material of TLS, of whichever version.
fn tunnel_key(keying: &dyn Keying) -> Option<Zeroizing<[u8; TUNNEL_KEY_OCTETS]>> {
    let keys = keying.keys(Type::PEAP)?;
    keys.msk.reveal().first_chunk().copied().map(Zeroizing::new)
}
