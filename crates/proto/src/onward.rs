//! From a packet that came to attributes that go on: what a proxy passes from one hop to the next.

use zeroize::Zeroizing;

use crate::{
    AttributeList, DataType, Dictionary, Hiding, Oid, Packet, Query, RawAttribute, Request, Secret,
    Spec, VENDOR_SPECIFIC, VendorAttributes, attr,
};

/// A hidden value that cannot be revealed: its sender does not share the secret, or is broken. What
/// cannot be read cannot go on, because the next hop shares another secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hidden value of attribute {0} cannot be revealed")]
pub struct Unrevealed(pub Oid);

/// Which attributes go on: asked once for each, by its number; for one inside Vendor-Specific by
/// the vendor's number for it.
pub type Keeps<'a> = dyn Fn(&Oid) -> bool + 'a;

impl Request {
    /// The attributes that go on to another server, in order, hidden ones in the clear until they
    /// are hidden for the next hop. Proxy-State goes on as it came; Message-Authenticator and
    /// others that belong to one hop do not. CHAP against the Request Authenticator gets
    /// CHAP-Challenge, because the next hop has another authenticator (RFC 2865 section 5.40).
    pub fn onward(
        &self,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<AttributeList, Unrevealed> {
        let packet = self.packet();
        let mut reveal = |spec: &Spec, hidden: &[u8]| self.reveal_octets(spec, hidden);
        let mut list = onward(&packet, dictionary, keeps, &mut reveal)?;
        if packet.has(attr::CHAP_PASSWORD) && !packet.has(attr::CHAP_CHALLENGE) {
            list.add(attr::CHAP_CHALLENGE, &packet.authenticator()[..]);
        }
        Ok(list)
    }
}

impl Query {
    /// The attributes of the answer to this query that go back to whoever asked first, as
    /// [`Request::onward`]; Proxy-State does not, because every answer gets that of its own
    /// request.
    pub fn onward(
        &self,
        answer: &Packet<'_>,
        secret: &Secret,
        dictionary: &Dictionary,
        keeps: &Keeps<'_>,
    ) -> Result<AttributeList, Unrevealed> {
        let proxy_state = attr::PROXY_STATE.spec().oid;
        let keeps = |oid: &Oid| *oid != proxy_state && keeps(oid);
        let mut reveal = |spec: &Spec, hidden: &[u8]| self.reveal(spec, hidden, secret);
        onward(answer, dictionary, &keeps, &mut reveal)
    }
}

type Reveal<'a> = dyn FnMut(&Spec, &[u8]) -> Option<Zeroizing<Vec<u8>>> + 'a;

/// Works in time linear in the packet.
fn onward(
    packet: &Packet<'_>,
    dictionary: &Dictionary,
    keeps: &Keeps<'_>,
    reveal: &mut Reveal<'_>,
) -> Result<AttributeList, Unrevealed> {
    let mut list = AttributeList::new();
    for attribute in packet.attributes() {
        let RawAttribute { number, value, .. } = attribute;
        let Some(oid) = Oid::from_parts(&[u32::from(number)]) else {
            continue;
        };
        // Nobody may send an empty one (RFC 2865 section 5), so it does not go on.
        let is_eap_start = oid == attr::EAP_MESSAGE.spec().oid;
        if value.is_empty() && !is_eap_start {
            continue;
        }
        match (number, value) {
            (VENDOR_SPECIFIC, _) => vendor_specific(value, dictionary, keeps, reveal, &mut list)?,
            (241..=246, [extended, ..]) => {
                let oid = oid.child(u32::from(*extended)).unwrap_or(oid);
                if !is_of_one_hop(&oid) && keeps(&oid) {
                    as_it_is(number, value, &mut list);
                }
            }
            _ if is_of_one_hop(&oid) || !keeps(&oid) => {}
            _ => {
                let spec = dictionary.describe(&oid).spec;
                pass(&spec, value, reveal, &mut list, || {
                    Spec::of(oid, DataType::Octets)
                })?;
            }
        }
    }
    Ok(list)
}

/// What one hop says to the next and to nobody else: RFC 3579 section 3.2, RFC 7930 sections 3 and
/// 4.
fn is_of_one_hop(oid: &Oid) -> bool {
    [
        attr::MESSAGE_AUTHENTICATOR.spec().oid,
        attr::ORIGINAL_PACKET_CODE.spec().oid,
        attr::RESPONSE_LENGTH.spec().oid,
    ]
    .contains(oid)
}

/// What is in Vendor-Specific goes on one by one, so that every filter sees what it is; what cannot
/// be taken apart goes on or not as a whole.
fn vendor_specific(
    value: &[u8],
    dictionary: &Dictionary,
    keeps: &Keeps<'_>,
    reveal: &mut Reveal<'_>,
    list: &mut AttributeList,
) -> Result<(), Unrevealed> {
    let whole = Oid::from_parts(&[u32::from(VENDOR_SPECIFIC)]);
    let (Some((vendor, payload)), Some(whole)) = (value.split_first_chunk::<4>(), whole) else {
        return Ok(());
    };
    let vendor = u32::from_be_bytes(*vendor);
    let space = whole.child(vendor).unwrap_or(whole);
    let format = dictionary
        .vendor(vendor)
        .map_or_else(Default::default, |vendor| vendor.format);
    let mut inside = VendorAttributes::new(format, payload);
    let mut found = Vec::new();
    let mut all = true;
    for one in inside.by_ref() {
        let oid = space.child(one.number).unwrap_or(space);
        let kept = keeps(&oid);
        let spec = dictionary.describe(&oid).spec;
        all &= kept;
        found.push((kept, spec, one));
    }
    let is_odd = !inside.rest().is_empty() || found.is_empty();
    if is_odd || found.iter().any(|(_, _, one)| one.continues) {
        let kept = if found.is_empty() { keeps(&space) } else { all };
        if kept {
            as_it_is(VENDOR_SPECIFIC, value, list);
        }
        return Ok(());
    }
    for (_, spec, one) in found.into_iter().filter(|(kept, _, _)| *kept) {
        let plain = Spec {
            data_type: DataType::Octets,
            tagged: false,
            hiding: Hiding::None,
            ..spec
        };
        pass(&spec, one.value, reveal, list, || plain)?;
    }
    Ok(())
}

/// One value: a hidden one is revealed, to be hidden again for the next hop; any other goes as it
/// stands, tag and all.
fn pass(
    spec: &Spec,
    value: &[u8],
    reveal: &mut Reveal<'_>,
    list: &mut AttributeList,
    plain: impl Fn() -> Spec,
) -> Result<(), Unrevealed> {
    let hiding = match spec.hiding {
        Hiding::None => attr::must_hide(&spec.oid),
        hiding => hiding,
    };
    if hiding == Hiding::None {
        list.push(&plain(), 0, value);
        return Ok(());
    }
    let spec = Spec { hiding, ..*spec };
    let revealed = reveal(&spec, value).ok_or(Unrevealed(spec.oid))?;
    let tag = if spec.tagged {
        value.first().copied().unwrap_or_default()
    } else {
        0
    };
    list.push(&spec, tag, &revealed);
    Ok(())
}

fn as_it_is(number: u8, value: &[u8], list: &mut AttributeList) {
    if let Some(oid) = Oid::from_parts(&[u32::from(number)]) {
        list.push(&Spec::of(oid, DataType::Octets), 0, value);
    }
}
