//! Finding the values of an attribute in a packet without allocating.

use std::ops::ControlFlow;

use crate::{
    Attr, Packet, RawAttribute, Spec, VENDOR_SPECIFIC, VendorFormat,
    attr::{Kind, Reads},
};

impl<'a> Packet<'a> {
    /// The first value of an attribute that fits its kind. Allocates nothing. For an attribute that
    /// may be spread over several (EAP-Message, long extended) use [`Self::joined`].
    pub fn get<K: Reads>(&self, attr: Attr<K>) -> Option<K::Value<'a>> {
        let mut found = None;
        self.each(attr.spec(), &mut |octets| match K::read(octets) {
            Some(value) => {
                found = Some(value);
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        });
        found
    }

    /// Every value of an attribute that fits its kind, in order.
    pub fn all<K: Reads>(&self, attr: Attr<K>) -> Vec<K::Value<'a>> {
        let mut found = Vec::new();
        self.each(attr.spec(), &mut |octets| {
            found.extend(K::read(octets));
            ControlFlow::Continue(())
        });
        found
    }

    /// Whether the attribute is there, whatever its value.
    pub fn has<K: Kind>(&self, attr: Attr<K>) -> bool {
        self.octets_of(attr.spec()).is_some()
    }

    /// The values of an attribute put together in order, tag and hiding untouched: EAP-Message, or
    /// the fragments of a long extended attribute. `None` where it is absent or its fragments do
    /// not fit.
    pub fn joined<K: Kind>(&self, attr: Attr<K>) -> Option<Vec<u8>> {
        let mut joined = None;
        self.each(attr.spec(), &mut |octets| {
            joined
                .get_or_insert_with(Vec::new)
                .extend_from_slice(octets);
            ControlFlow::Continue(())
        });
        joined
    }

    /// The octets of the first occurrence, as they stand on the wire.
    pub(crate) fn octets_of(&self, spec: &Spec) -> Option<&'a [u8]> {
        let mut found = None;
        self.each(spec, &mut |octets| {
            found = Some(octets);
            ControlFlow::Break(())
        });
        found
    }

    /// Calls `visit` with the octets of every occurrence, in order. Work is linear in the packet.
    pub(crate) fn each(&self, spec: &Spec, visit: &mut Visit<'_, 'a>) {
        let mut long = LongExtended::default();
        for attribute in self.attributes() {
            if attribute.number != spec.oid.top() {
                continue;
            }
            if in_attribute(spec, &attribute, &mut long, visit).is_break() {
                return;
            }
        }
    }
}

type Visit<'v, 'a> = dyn FnMut(&'a [u8]) -> ControlFlow<()> + 'v;

/// Whether the fragment before belongs to the attribute that is looked for and said more would
/// come.
#[derive(Default)]
struct LongExtended {
    continues: bool,
}

fn in_attribute<'a>(
    spec: &Spec,
    attribute: &RawAttribute<'a>,
    long: &mut LongExtended,
    visit: &mut Visit<'_, 'a>,
) -> ControlFlow<()> {
    let value = attribute.value;
    match spec.oid.parts() {
        [26, vendor, number, rest @ ..] => match value.split_first_chunk() {
            Some((found, payload)) if u32::from_be_bytes(*found) == *vendor => {
                in_vendor(spec, *number, rest, payload, visit)
            }
            _ => ControlFlow::Continue(()),
        },
        [241..=244, extended, rest @ ..] => match value {
            [found, payload @ ..] if u32::from(*found) == *extended => {
                in_extended(*extended, rest, payload, visit)
            }
            _ => ControlFlow::Continue(()),
        },
        [245..=246, extended, rest @ ..] => match value {
            [found, flags, payload @ ..] if u32::from(*found) == *extended => {
                let continues = std::mem::replace(&mut long.continues, flags & 0x80 != 0);
                if continues {
                    visit(payload)
                } else {
                    in_extended(*extended, rest, payload, visit)
                }
            }
            _ => ControlFlow::Continue(()),
        },
        [_, rest @ ..] => in_tlvs(rest, value, visit),
        [] => ControlFlow::Continue(()),
    }
}

fn in_extended<'a>(
    extended: u32,
    rest: &[u32],
    payload: &'a [u8],
    visit: &mut Visit<'_, 'a>,
) -> ControlFlow<()> {
    if extended != u32::from(VENDOR_SPECIFIC) {
        return in_tlvs(rest, payload, visit);
    }
    match (rest, payload.split_first_chunk()) {
        ([vendor, number, rest @ ..], Some((found, [kind, payload @ ..])))
            if u32::from_be_bytes(*found) == *vendor && u32::from(*kind) == *number =>
        {
            in_tlvs(rest, payload, visit)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn in_vendor<'a>(
    spec: &Spec,
    number: u32,
    rest: &[u32],
    payload: &'a [u8],
    visit: &mut Visit<'_, 'a>,
) -> ControlFlow<()> {
    for found in VendorAttributes::new(spec.format, payload) {
        if found.number == number {
            in_tlvs(rest, found.value, visit)?;
        }
    }
    ControlFlow::Continue(())
}

/// Descends into TLVs along `path`; an empty path is the value itself.
fn in_tlvs<'a>(path: &[u32], payload: &'a [u8], visit: &mut Visit<'_, 'a>) -> ControlFlow<()> {
    let [number, rest @ ..] = path else {
        return visit(payload);
    };
    for found in VendorAttributes::new(VendorFormat::STANDARD, payload) {
        if found.number == *number {
            in_tlvs(rest, found.value, visit)?;
        }
    }
    ControlFlow::Continue(())
}

/// One attribute inside Vendor-Specific, or one TLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorAttribute<'a> {
    /// The vendor's number for it.
    pub number: u32,
    /// Whether the next one goes on with its value (WiMAX).
    pub continues: bool,
    /// Its value.
    pub value: &'a [u8],
}

/// The attributes inside the payload of Vendor-Specific (after the vendor number) or of a TLV. Ends
/// at the first one whose length does not fit; [`Self::rest`] is then what could not be read.
/// Always advances.
#[derive(Debug, Clone)]
pub struct VendorAttributes<'a> {
    format: VendorFormat,
    rest: &'a [u8],
}

impl<'a> VendorAttributes<'a> {
    /// Reads `payload` in a vendor's format; TLVs have [`VendorFormat::STANDARD`].
    pub fn new(format: VendorFormat, payload: &'a [u8]) -> Self {
        Self {
            format,
            rest: payload,
        }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for VendorAttributes<'a> {
    type Item = VendorAttribute<'a>;

    fn next(&mut self) -> Option<VendorAttribute<'a>> {
        #[cfg(test)]
        crate::work::count();
        let (number, after) = number_field(self.rest, self.format.type_octets)?;
        let (length, after) = match self.format.length_octets {
            0 => (self.rest.len(), after),
            octets => {
                let (length, after) = number_field(after, octets)?;
                (usize::try_from(length).ok()?, after)
            }
        };
        let continues = match (self.format.continuation, after) {
            (true, [flags, ..]) => flags & 0x80 != 0,
            (true, []) => return None,
            (false, _) => false,
        };
        let header = self.format.header_octets();
        let value = self.rest.get(header..length)?;
        self.rest = &self.rest[length..];
        Some(VendorAttribute {
            number,
            continues,
            value,
        })
    }
}

fn number_field(octets: &[u8], width: u8) -> Option<(u32, &[u8])> {
    let (field, rest) = octets.split_at_checked(usize::from(width))?;
    Some((
        field
            .iter()
            .fold(0, |number, octet| number << 8 | u32::from(*octet)),
        rest,
    ))
}
