//! From a packet to the places where values are: vendor layouts, extended attributes and their
//! fragments, TLVs. Structure only; no value is interpreted.

use std::{borrow::Cow, iter::Peekable};

use crate::{
    Attributes, Oid, Packet, RawAttribute, VENDOR_SPECIFIC, VendorAttribute, VendorAttributes,
    VendorFormat,
};

/// How deep TLVs are followed; what lies deeper stays octets.
const MAX_TLV_DEPTH: usize = 8;
/// The flag of a fragment that another one follows (RFC 6929 section 2.2, and WiMAX).
const MORE: u8 = 0x80;
/// The length of the value of an attribute that is full, as every fragment but the last is.
const FULL: usize = 253;

/// What the walk must know of attributes.
pub trait Space {
    /// How a vendor lays out its attributes; `None` where the vendor is not known.
    fn vendor_format(&self, vendor: u32) -> Option<VendorFormat>;

    /// Whether the value of this attribute is made of TLVs.
    fn holds_tlvs(&self, oid: &Oid) -> bool;
}

/// A value in a packet, put together where it was in fragments. Tag and hiding are untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Where it lives.
    pub oid: Oid,
    /// Its octets.
    pub octets: Cow<'a, [u8]>,
    /// Where its (first) attribute starts, in octets from the start of the packet.
    pub offset: usize,
    /// Whether its structure is broken, so that `oid` names only what contains it: an "invalid
    /// attribute" (RFC 6929 section 2.8), to be kept as octets and not to be interpreted.
    pub broken: bool,
}

/// The values of a packet in order. Work and memory are linear in the length of the packet.
pub fn walk<'a>(packet: &Packet<'a>, space: &dyn Space) -> Vec<Piece<'a>> {
    let mut walker = Walker {
        space,
        pieces: Vec::new(),
        continued: None,
    };
    let mut attributes = packet.attributes().peekable();
    while let Some(attribute) = attributes.next() {
        if attribute.number == VENDOR_SPECIFIC {
            walker.vendor_specific(&attribute);
            continue;
        }
        walker.give_up_continued();
        match (attribute.number, attribute.value) {
            (241..=244, [extended, value @ ..]) => {
                walker.extended(&attribute, *extended, Cow::Borrowed(value));
            }
            (245..=246, [extended, flags, value @ ..]) if flags & MORE == 0 => {
                walker.extended(&attribute, *extended, Cow::Borrowed(value));
            }
            (245..=246, [extended, _, ..]) => {
                walker.fragments(attribute, *extended, &mut attributes);
            }
            (241..=246, value) => walker.keep(&attribute, &[], value),
            (number, value) => {
                let oid = Oid::from_parts(&[number.into()]);
                walker.value(oid, Cow::Borrowed(value), attribute.offset, 0);
            }
        }
    }
    walker.give_up_continued();
    walker.pieces
}

struct Walker<'s, 'a> {
    space: &'s dyn Space,
    pieces: Vec<Piece<'a>>,
    /// A vendor's attribute that goes on in the next Vendor-Specific.
    continued: Option<Continued>,
}

struct Continued {
    oid: Oid,
    octets: Vec<u8>,
    offset: usize,
}

impl<'a> Walker<'_, 'a> {
    fn vendor_specific(&mut self, attribute: &RawAttribute<'a>) {
        let Some((vendor, payload)) = attribute.value.split_first_chunk() else {
            self.give_up_continued();
            self.keep(attribute, &[], attribute.value);
            return;
        };
        let vendor = u32::from_be_bytes(*vendor);
        let known = self.space.vendor_format(vendor);
        let inner = VendorAttributes::new(known.unwrap_or_default(), payload);
        if payload.is_empty() || !is_whole(inner.clone()) {
            self.give_up_continued();
            self.keep(attribute, &[vendor], payload);
            // What is laid out in a way we do not know is not broken.
            if let (None, Some(piece)) = (known, self.pieces.last_mut()) {
                piece.broken = false;
            }
            return;
        }
        for found in inner {
            let oid = Oid::from_parts(&[VENDOR_SPECIFIC.into(), vendor, found.number]);
            self.vendor_attribute(oid, found, attribute.offset);
        }
    }

    fn vendor_attribute(&mut self, oid: Option<Oid>, found: VendorAttribute<'a>, offset: usize) {
        let mut open = self.continued.take();
        if let Some(other) = open.take_if(|open| Some(open.oid) != oid) {
            self.give_up(other);
        }
        match (open, oid) {
            (None, Some(oid)) if found.continues => {
                self.continued = Some(Continued {
                    oid,
                    octets: found.value.to_vec(),
                    offset,
                });
            }
            (None, oid) => self.value(oid, Cow::Borrowed(found.value), offset, 0),
            (Some(mut open), _) => {
                open.octets.extend_from_slice(found.value);
                if found.continues {
                    self.continued = Some(open);
                } else {
                    self.value(Some(open.oid), Cow::Owned(open.octets), open.offset, 0);
                }
            }
        }
    }

    /// The fragments that start with `first` (RFC 6929 section 2.2): consecutive, of the same type,
    /// all but the last one full. Otherwise each of them is kept as it stands.
    fn fragments(
        &mut self,
        first: RawAttribute<'a>,
        extended: u8,
        rest: &mut Peekable<Attributes<'a>>,
    ) {
        let mut run = vec![first];
        let mut joined = first.value.get(2..).unwrap_or_default().to_vec();
        let mut fits = first.value.len() == FULL;
        loop {
            let next = rest.next_if(|next| {
                next.number == first.number
                    && matches!(next.value, [found, _, ..] if *found == extended)
            });
            let Some(next) = next else {
                fits = false;
                break;
            };
            run.push(next);
            if let [_, flags, value @ ..] = next.value {
                joined.extend_from_slice(value);
                if flags & MORE == 0 {
                    break;
                }
                fits &= next.value.len() == FULL;
            }
        }
        if fits {
            self.extended(&first, extended, Cow::Owned(joined));
            return;
        }
        for fragment in run {
            self.keep(&fragment, &[], fragment.value);
        }
    }

    fn extended(&mut self, attribute: &RawAttribute<'a>, extended: u8, octets: Cow<'a, [u8]>) {
        let (top, kind) = (u32::from(attribute.number), u32::from(extended));
        if extended != VENDOR_SPECIFIC {
            let oid = Oid::from_parts(&[top, kind]);
            self.value(oid, octets, attribute.offset, 0);
            return;
        }
        let header = octets.split_first_chunk().and_then(|(vendor, rest)| {
            let number = rest.first()?;
            Oid::from_parts(&[top, kind, u32::from_be_bytes(*vendor), (*number).into()])
        });
        match header {
            Some(oid) => self.value(Some(oid), tail(octets, 5), attribute.offset, 0),
            None => self
                .pieces
                .extend(Oid::from_parts(&[top, kind]).map(|oid| Piece {
                    oid,
                    octets,
                    offset: attribute.offset,
                    broken: true,
                })),
        }
    }

    /// A value, or the TLVs it is made of.
    fn value(&mut self, oid: Option<Oid>, octets: Cow<'a, [u8]>, offset: usize, depth: usize) {
        let Some(oid) = oid else {
            return;
        };
        let mut broken = false;
        if self.space.holds_tlvs(&oid) && depth < MAX_TLV_DEPTH && !octets.is_empty() {
            broken = !is_whole(VendorAttributes::new(VendorFormat::STANDARD, &octets));
            if !broken && oid.child(0).is_some() {
                self.tlvs(&oid, octets, offset, depth);
                return;
            }
        }
        self.pieces.push(Piece {
            oid,
            octets,
            offset,
            broken,
        });
    }

    fn tlvs(&mut self, oid: &Oid, octets: Cow<'a, [u8]>, offset: usize, depth: usize) {
        match octets {
            Cow::Borrowed(octets) => {
                for tlv in VendorAttributes::new(VendorFormat::STANDARD, octets) {
                    let value = Cow::Borrowed(tlv.value);
                    self.value(oid.child(tlv.number), value, offset, depth + 1);
                }
            }
            Cow::Owned(octets) => {
                for tlv in VendorAttributes::new(VendorFormat::STANDARD, &octets) {
                    let value = Cow::Owned(tlv.value.to_vec());
                    self.value(oid.child(tlv.number), value, offset, depth + 1);
                }
            }
        }
    }

    /// Keeps what cannot be read, under the number of what contains it.
    fn keep(&mut self, attribute: &RawAttribute<'a>, below: &[u32], octets: &'a [u8]) {
        let top = Oid::from_parts(&[attribute.number.into()]);
        let oid = below
            .iter()
            .try_fold(top, |oid, part| Some(oid?.child(*part)));
        self.pieces.extend(oid.flatten().map(|oid| Piece {
            oid,
            octets: Cow::Borrowed(octets),
            offset: attribute.offset,
            broken: true,
        }));
    }

    fn give_up_continued(&mut self) {
        if let Some(continued) = self.continued.take() {
            self.give_up(continued);
        }
    }

    fn give_up(&mut self, continued: Continued) {
        self.pieces.push(Piece {
            oid: continued.oid,
            octets: Cow::Owned(continued.octets),
            offset: continued.offset,
            broken: true,
        });
    }
}

/// Whether the attributes fill their space exactly.
fn is_whole(mut attributes: VendorAttributes<'_>) -> bool {
    attributes.by_ref().for_each(drop);
    attributes.rest().is_empty()
}

fn tail(octets: Cow<'_, [u8]>, from: usize) -> Cow<'_, [u8]> {
    match octets {
        Cow::Borrowed(octets) => Cow::Borrowed(octets.get(from..).unwrap_or_default()),
        Cow::Owned(mut octets) => {
            octets.drain(..from.min(octets.len()));
            Cow::Owned(octets)
        }
    }
}
