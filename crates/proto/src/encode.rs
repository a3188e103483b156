//! Laying attributes out in a packet.

use crate::{
    DataType, Hiding, Oid, Packet, Spec, VENDOR_SPECIFIC,
    attr::{self, MAX_TAG},
    hide::Hider,
    list::{AttributeList, Entry},
};

/// The most octets of value in one attribute (RFC 2865 section 5).
pub const MAX_VALUE: usize = 253;
/// Data octets in one fragment of a long extended attribute (RFC 6929 section 2.2).
const FRAGMENT: usize = 251;
const MORE: u8 = 0x80;
/// The flag of a WiMAX attribute that goes on in the next one.
const CONTINUES: u8 = 0x80;

/// Why attributes cannot be encoded. Nothing is ever cut short instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text or string attribute without a value (RFC 2865 section 5 forbids it).
    #[error("attribute {0} has no value; leave it out instead")]
    Empty(Oid),
    /// A number that its vendor's layout has no room for, or that names only a vendor.
    #[error("attribute {0} has a number that its vendor's format cannot carry")]
    Number(Oid),
    /// The whole packet would exceed what may be sent: 4096 octets, and over a stream what the
    /// other end says it takes (RFC 7930).
    #[error("the packet would be too long: 4096 octets at most, over a stream what its peer takes")]
    PacketTooLong,
    /// A tag above 31 (RFC 2868 section 3), or none before a text that would be mistaken for one.
    #[error("attribute {0} needs a tag from 1 to 31")]
    Tag(Oid),
    /// The value does not fit one attribute, and this attribute may not be split.
    #[error("the value of attribute {0} is too long: {1} octets")]
    TooLong(Oid, usize),
}

/// Appends `list` to `out`. On an error `out` is left as it was.
pub(crate) fn encode(
    list: &AttributeList,
    hider: &mut Hider<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = encode_all(list, hider, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn encode_all(
    list: &AttributeList,
    hider: &mut Hider<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut payload = Vec::new();
    let mut entries = list.iter().peekable();
    while let Some(entry) = entries.next() {
        let spec = entry.spec;
        payload.clear();
        if spec.oid.parts().len() <= spec.oid.header_parts() {
            value(&entry, hider, &mut payload)?;
        } else {
            let mut siblings = vec![entry];
            while let Some(next) = entries.next_if(|next| shares_header(&next.spec, &spec)) {
                siblings.push(next);
            }
            tlvs(&siblings, spec.oid.header_parts(), hider, &mut payload)?;
        }
        wrap(&spec, &payload, out)?;
        if out.len() > Packet::MAX_STREAM {
            return Err(EncodeError::PacketTooLong);
        }
    }
    Ok(())
}

/// Whether two attributes are TLVs inside one and the same outer attribute.
fn shares_header(a: &Spec, b: &Spec) -> bool {
    let header = b.oid.header_parts();
    a.oid.parts().len() > header && a.oid.parts()[..header] == b.oid.parts()[..header]
}

/// A value with its tag, hidden where it must be.
fn value(entry: &Entry<'_>, hider: &mut Hider<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Entry { spec, tag, value } = *entry;
    let too_long = || EncodeError::TooLong(spec.oid, value.len());
    if tag > MAX_TAG || (tag != 0 && !spec.tagged) {
        return Err(EncodeError::Tag(spec.oid));
    }
    if spec.tagged {
        return tagged(entry, hider, out);
    }
    let is_eap_start = spec.oid == attr::EAP_MESSAGE.spec().oid;
    let is_hidden = spec.hiding != Hiding::None && hider.hides();
    if value.is_empty() && !is_hidden && !is_eap_start {
        return Err(EncodeError::Empty(spec.oid));
    }
    hider.hide(spec.hiding, value, out).ok_or_else(too_long)
}

/// RFC 2868 section 3: in numbers the tag is the first of four octets; in text it goes in front
/// where there is one; before a hidden value it always does.
fn tagged(entry: &Entry<'_>, hider: &mut Hider<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Entry { spec, tag, value } = *entry;
    match (spec.data_type, value) {
        (DataType::Integer, [0, rest @ ..]) if rest.len() == 3 => {
            out.push(tag);
            out.extend_from_slice(rest);
        }
        (DataType::Integer, _) => return Err(EncodeError::TooLong(spec.oid, value.len())),
        (_, value) if spec.hiding != Hiding::None => {
            out.push(tag);
            let too_long = EncodeError::TooLong(spec.oid, value.len());
            hider.hide(spec.hiding, value, out).ok_or(too_long)?;
        }
        (_, []) => return Err(EncodeError::Empty(spec.oid)),
        (_, [1..=MAX_TAG, ..]) if tag == 0 => return Err(EncodeError::Tag(spec.oid)),
        (_, value) => {
            if tag != 0 {
                out.push(tag);
            }
            out.extend_from_slice(value);
        }
    }
    Ok(())
}

/// TLVs below an attribute: neighbours with the same parent share it (RFC 6929 section 2.3).
fn tlvs(
    entries: &[Entry<'_>],
    depth: usize,
    hider: &mut Hider<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let number = |entry: &Entry<'_>| {
        entry
            .spec
            .oid
            .parts()
            .get(depth)
            .copied()
            .unwrap_or_default()
    };
    let is_leaf = |entry: &Entry<'_>| entry.spec.oid.parts().len() == depth + 1;
    let same = |a: &Entry<'_>, b: &Entry<'_>| number(a) == number(b) && !is_leaf(a) && !is_leaf(b);
    for group in entries.chunk_by(same) {
        let [first, ..] = group else { continue };
        let oid = first.spec.oid;
        let start = out.len();
        out.push(u8::try_from(number(first)).map_err(|_| EncodeError::Number(oid))?);
        out.push(0);
        if is_leaf(first) {
            value(first, hider, out)?;
        } else {
            tlvs(group, depth + 1, hider, out)?;
        }
        let length = out.len() - start;
        out[start + 1] = u8::try_from(length).map_err(|_| EncodeError::TooLong(oid, length - 2))?;
    }
    Ok(())
}

/// Puts a payload into as many attributes as it takes and its kind allows.
fn wrap(spec: &Spec, payload: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match spec.oid.parts() {
        [241..=244, extended, rest @ ..] => {
            let mut header = vec![octet(spec, *extended)?];
            evs_header(spec, *extended, rest, &mut header)?;
            pieces(spec, &header, payload, out)
        }
        [245..=246, extended, rest @ ..] => {
            let mut data = Vec::with_capacity(payload.len() + 5);
            evs_header(spec, *extended, rest, &mut data)?;
            data.extend_from_slice(payload);
            long_extended(spec, octet(spec, *extended)?, &data, out);
            Ok(())
        }
        [26, vendor, number, ..] => vendor_specific(spec, *vendor, *number, payload, out),
        [26, _] => Err(EncodeError::Number(spec.oid)),
        _ => pieces(spec, &[], payload, out),
    }
}

/// The vendor and its type, for Extended-Vendor-Specific (RFC 6929 section 2.4); nothing otherwise.
fn evs_header(
    spec: &Spec,
    extended: u32,
    rest: &[u32],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if let ([vendor, number, ..], true) = (rest, extended == u32::from(VENDOR_SPECIFIC)) {
        out.extend_from_slice(&vendor.to_be_bytes());
        out.push(octet(spec, *number)?);
    }
    Ok(())
}

/// One attribute, or for a `concat` one several, each starting with `header`.
fn pieces(
    spec: &Spec,
    header: &[u8],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let room = MAX_VALUE - header.len();
    if payload.len() <= room {
        attribute(spec.oid.top(), &[header, payload], out);
        return Ok(());
    }
    if !spec.concat {
        return Err(EncodeError::TooLong(spec.oid, payload.len()));
    }
    for piece in payload.chunks(room) {
        attribute(spec.oid.top(), &[header, piece], out);
    }
    Ok(())
}

fn long_extended(spec: &Spec, extended: u8, data: &[u8], out: &mut Vec<u8>) {
    let mut fragments = data.chunks(FRAGMENT).peekable();
    while let Some(fragment) = fragments.next() {
        let flags = if fragments.peek().is_some() { MORE } else { 0 };
        attribute(spec.oid.top(), &[&[extended, flags], fragment], out);
    }
}

fn vendor_specific(
    spec: &Spec,
    vendor: u32,
    number: u32,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let format = spec.format;
    let room = MAX_VALUE - 4 - format.header_octets();
    if payload.len() > room && !format.continuation && !spec.concat {
        return Err(EncodeError::TooLong(spec.oid, payload.len()));
    }
    let mut rest = payload;
    loop {
        let (piece, later) = rest.split_at(rest.len().min(room));
        let mut header = vendor.to_be_bytes().to_vec();
        number_field(spec, number, format.type_octets, &mut header)?;
        let length = u32::try_from(format.header_octets() + piece.len()).unwrap_or(u32::MAX);
        number_field(spec, length, format.length_octets, &mut header)?;
        if format.continuation {
            header.push(if later.is_empty() { 0 } else { CONTINUES });
        }
        attribute(VENDOR_SPECIFIC, &[&header, piece], out);
        rest = later;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// A number in `octets` octets: 0 (left out), 1, 2 or 4.
fn number_field(
    spec: &Spec,
    number: u32,
    octets: u8,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let skip = 4 - usize::from(octets.min(4));
    let number = number.to_be_bytes();
    let (unused, used) = number.split_at(skip);
    if octets > 0 && unused.iter().any(|octet| *octet != 0) {
        return Err(EncodeError::Number(spec.oid));
    }
    out.extend_from_slice(used);
    Ok(())
}

fn octet(spec: &Spec, number: u32) -> Result<u8, EncodeError> {
    u8::try_from(number).map_err(|_| EncodeError::Number(spec.oid))
}

/// Appends type, length and the parts; callers keep the parts within [`MAX_VALUE`].
fn attribute(number: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[number, 0]);
    for part in parts {
        out.extend_from_slice(part);
    }
    let length = out.len() - start;
    debug_assert!(length <= MAX_VALUE + 2);
    out[start + 1] = u8::try_from(length).unwrap_or(u8::MAX);
}

/// Writes the packet's length into its header.
pub(crate) fn fill_length(packet: &mut [u8], longest: usize) -> Result<(), EncodeError> {
    let length = u16::try_from(packet.len()).map_err(|_| EncodeError::PacketTooLong)?;
    if packet.len() > longest {
        return Err(EncodeError::PacketTooLong);
    }
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
