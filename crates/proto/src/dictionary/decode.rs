//! Packets in words.

use std::{borrow::Cow, fmt};

use zeroize::Zeroizing;

use super::{Attribute, Dictionary};
use crate::{
    DataType, Hiding, Oid, Packet, Spec, Value, VendorFormat,
    walk::{self, Piece, Space},
};

/// One value of a packet, with its name.
///
/// Shown like a line of FreeRADIUS: `Tunnel-Type:1 = VLAN`. Values that are secret are not shown;
/// see [`Decoded::with_secrets`].
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded<'d> {
    /// What it is called and what the dictionary says of it.
    pub attribute: Attribute<'d>,
    /// Its RFC 2868 tag, where it has one.
    pub tag: Option<u8>,
    /// Its value; while it is hidden, the hidden octets.
    pub value: Value,
    /// The name of the value, where it has one.
    pub value_name: Option<&'d str>,
    /// How the value is to be understood.
    pub content: Content,
    /// What stands on the wire, put together where it was in fragments; tag and hiding included.
    pub octets: Vec<u8>,
    /// Where its (first) attribute starts, in octets from the start of the packet.
    pub offset: usize,
}

/// How far a value could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// It stood in the clear.
    Clear,
    /// It is hidden and stays so: no secret, or a wrong one.
    Hidden,
    /// It does not fit its type, or its structure is broken: an "invalid attribute" (RFC 8044
    /// section 1.2).
    Invalid,
    /// It was hidden and has been revealed.
    Revealed,
}

/// Reveals a hidden value: gets its octets as they stand on the wire, tag and all, and gives the
/// value without its tag, or `None` where that cannot be done.
pub type Reveal<'r> = dyn FnMut(&Spec, &[u8]) -> Option<Zeroizing<Vec<u8>>> + 'r;

impl Dictionary {
    /// The values of a packet in order, hidden ones left hidden.
    ///
    /// Vendor-Specific, extended attributes, TLVs and fragments are taken apart and put together.
    /// What is not in the dictionary is called `Attr-` and its number; what is broken is kept as
    /// octets. Work is linear in the length of the packet.
    pub fn decode(&self, packet: &Packet<'_>) -> Vec<Decoded<'_>> {
        self.decode_with(packet, &mut |_, _| None)
    }

    /// As [`Self::decode`], with hidden values revealed by `reveal`.
    pub fn decode_with(&self, packet: &Packet<'_>, reveal: &mut Reveal<'_>) -> Vec<Decoded<'_>> {
        let mut decoded = Vec::new();
        let mut pieces = walk::walk(packet, self).into_iter().peekable();
        while let Some(mut piece) = pieces.next() {
            let attribute = self.describe(&piece.oid);
            if attribute.spec.concat && !piece.broken {
                let goes_on = |next: &Piece<'_>| next.oid == piece.oid && !next.broken;
                let mut joined = Vec::new();
                while let Some(next) = pieces.next_if(goes_on) {
                    joined.extend_from_slice(&next.octets);
                }
                piece.octets.to_mut().extend(joined);
            }
            match item_octets(&attribute) {
                Some(size) if is_array_of(size, &piece) => {
                    for item in piece.octets.chunks(size) {
                        let item = Piece {
                            octets: Cow::Borrowed(item),
                            ..piece.clone()
                        };
                        decoded.push(self.decode_piece(attribute.clone(), &item, reveal));
                    }
                }
                _ => decoded.push(self.decode_piece(attribute, &piece, reveal)),
            }
        }
        decoded
    }

    fn decode_piece<'d>(
        &'d self,
        attribute: Attribute<'d>,
        piece: &Piece<'_>,
        reveal: &mut Reveal<'_>,
    ) -> Decoded<'d> {
        let spec = attribute.spec;
        let octets: &[u8] = &piece.octets;
        let (tag, value, content) = if piece.broken {
            (None, Value::Octets(octets.to_vec()), Content::Invalid)
        } else if spec.hiding != Hiding::None {
            let (tag, hidden) = match octets {
                [tag, hidden @ ..] if spec.tagged => (Some(*tag), hidden),
                hidden => (None, hidden),
            };
            match reveal(&spec, octets) {
                Some(plain) => (
                    tag,
                    Value::decode(spec.data_type, &plain),
                    Content::Revealed,
                ),
                None => (tag, Value::Octets(hidden.to_vec()), Content::Hidden),
            }
        } else {
            let (tag, value) = Value::decode_tagged(&spec, octets);
            let fits = is_octets(spec.data_type) || !matches!(value, Value::Octets(_));
            let content = if fits {
                Content::Clear
            } else {
                Content::Invalid
            };
            (tag, value, content)
        };
        let value_name = value
            .number()
            .filter(|_| content != Content::Hidden)
            .and_then(|number| self.value_name(&spec.oid, number));
        Decoded {
            attribute,
            tag,
            value,
            value_name,
            content,
            octets: octets.to_vec(),
            offset: piece.offset,
        }
    }
}

impl Space for Dictionary {
    fn vendor_format(&self, vendor: u32) -> Option<VendorFormat> {
        self.vendor(vendor).map(|vendor| vendor.format)
    }

    fn holds_tlvs(&self, oid: &Oid) -> bool {
        self.by_oid(oid)
            .is_some_and(|found| found.spec.data_type == DataType::Tlv)
    }
}

fn is_octets(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Evs
            | DataType::Extended
            | DataType::LongExtended
            | DataType::Octets
            | DataType::Tlv
            | DataType::Vsa
    )
}

/// The size of one item of an array.
fn item_octets(attribute: &Attribute<'_>) -> Option<usize> {
    if !attribute.array {
        return None;
    }
    match attribute.spec.data_type {
        DataType::Byte => Some(1),
        DataType::Short => Some(2),
        DataType::Integer | DataType::Ipv4 | DataType::Signed | DataType::Time => Some(4),
        DataType::Ether => Some(6),
        DataType::Integer64 | DataType::InterfaceId => Some(8),
        DataType::Ipv6 => Some(16),
        _ => None,
    }
}

fn is_array_of(size: usize, piece: &Piece<'_>) -> bool {
    !piece.broken && piece.octets.len() > size && piece.octets.len().is_multiple_of(size)
}

impl Decoded<'_> {
    /// Whether the value must not be shown: it was hidden, or the dictionary calls it secret.
    pub fn is_secret(&self) -> bool {
        self.content == Content::Revealed || self.attribute.secret
    }

    /// The line with its value even where that is secret.
    pub fn with_secrets(&self) -> impl fmt::Display + '_ {
        Line {
            decoded: self,
            secrets: true,
        }
    }
}

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = Line {
            decoded: self,
            secrets: false,
        };
        line.fmt(f)
    }
}

impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Line<'a> {
    decoded: &'a Decoded<'a>,
    secrets: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decoded = self.decoded;
        f.write_str(&decoded.attribute.name)?;
        if let Some(tag) = decoded.tag {
            write!(f, ":{tag}")?;
        }
        f.write_str(" = ")?;
        match decoded.value_name {
            _ if decoded.content == Content::Hidden => {
                return write!(f, "(hidden, {} octets)", decoded.octets.len());
            }
            _ if decoded.is_secret() && !self.secrets => return f.write_str("(secret)"),
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", decoded.value)?,
        }
        if decoded.content == Content::Invalid {
            f.write_str(" (invalid)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dictionary::{Source, SourceError};

    struct Text(BTreeMap<String, String>);

    impl Source for Text {
        fn read(&mut self, path: &str) -> Result<String, SourceError> {
            self.0.get(path).cloned().ok_or(SourceError::NotFound)
        }
    }

    fn dictionary(text: &str) -> Dictionary {
        let mut source = Text(BTreeMap::from([("x".to_owned(), text.to_owned())]));
        Dictionary::parse(&mut source, "x").unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn packet(attributes: &str) -> Vec<u8> {
        let mut octets = vec![1, 7, 0, 0];
        octets.extend([9; 16]);
        octets.extend(crate::vectors::octets(attributes));
        let length = u16::try_from(octets.len()).unwrap();
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        octets
    }

    fn lines(dictionary: &Dictionary, attributes: &str) -> Vec<String> {
        let packet = packet(attributes);
        let decoded = dictionary.decode(&Packet::parse(&packet).unwrap());
        decoded
            .iter()
            .map(|decoded| decoded.with_secrets().to_string())
            .collect()
    }

    fn builtin(attributes: &str) -> Vec<String> {
        lines(Dictionary::builtin(), attributes)
    }

    const RFC_6929: &str = "
        VENDOR One 1
        ATTRIBUTE E1 241 extended
        ATTRIBUTE V1 241.26 evs
        ATTRIBUTE E5 245 long-extended
        ATTRIBUTE V5 245.26 evs
        ATTRIBUTE Text1 241.1 string
        ATTRIBUTE Tlv2 241.2 tlv
        ATTRIBUTE A 241.2.1 octets
        ATTRIBUTE B 241.2.2 octets
        ATTRIBUTE C 241.2.3 tlv
        ATTRIBUTE C1 241.2.3.1 octets
        ATTRIBUTE C2 241.2.3.2 string
        ATTRIBUTE Text5 245.1 string
        ATTRIBUTE Tlv5 245.2 tlv
        ATTRIBUTE A5 245.2.1 octets
        ATTRIBUTE B5 245.2.2 octets
        ATTRIBUTE Long 245.4 octets
        BEGIN-VENDOR One parent=V1
        ATTRIBUTE One4 4 string
        ATTRIBUTE One5 5 tlv
        ATTRIBUTE One53 5.3 string
        END-VENDOR One
        BEGIN-VENDOR One format=V5
        ATTRIBUTE Five4 4 string
        ATTRIBUTE Five5 5 tlv
        ATTRIBUTE Five53 5.3 string
        ATTRIBUTE Five6 6 octets
        END-VENDOR One";

    /// RFC 6929 section 9.
    #[test]
    fn rfc_6929_attributes_are_read() {
        let known = dictionary(RFC_6929);
        for (wire, expected) in [
            ("f10601626f62", &["Text1 = \"bob\""][..]),
            ("f1070201042345", &["A = 0x2345"]),
            ("f10b020104234502046789", &["A = 0x2345", "B = 0x6789"]),
            ("f10d020104234503060104abcd", &["A = 0x2345", "C1 = 0xabcd"]),
            (
                "f1120201042345030b0104abcd0205666f6f",
                &["A = 0x2345", "C1 = 0xabcd", "C2 = \"foo\""],
            ),
            ("f10c1a000000010474657374", &["One4 = \"test\""]),
            ("f10e1a0000000105030674657374", &["One53 = \"test\""]),
            ("f5070100626f62", &["Text5 = \"bob\""]),
            ("f508020001042345", &["A5 = 0x2345"]),
            ("f50c02000104234502046789", &["A5 = 0x2345", "B5 = 0x6789"]),
            ("f50d1a00000000010474657374", &["Five4 = \"test\""]),
            ("f50f1a000000000105030674657374", &["Five53 = \"test\""]),
        ] {
            assert_eq!(lines(&known, wire), expected, "{wire}");
        }
        let nested = dictionary(
            "ATTRIBUTE E 241 extended\nATTRIBUTE T1 241.1 tlv\nATTRIBUTE T2 241.1.1 tlv\n\
             ATTRIBUTE T3 241.1.1.2 tlv\nATTRIBUTE T4 241.1.1.2.3 tlv\n\
             ATTRIBUTE T5 241.1.1.2.3.4 tlv\nATTRIBUTE Leaf 241.1.1.2.3.4.5 octets",
        );
        assert_eq!(
            lines(&nested, "f10f01010c020a030804060504cdef"),
            ["Leaf = 0xcdef"]
        );
    }

    #[test]
    fn rfc_6929_fragments_are_put_together() {
        let known = dictionary(RFC_6929);
        let first = format!("f5ff0480{}", "aa".repeat(251));
        let last = format!("f5130400{}", "bb".repeat(15));
        let whole = format!("Long = 0x{}{}", "aa".repeat(251), "bb".repeat(15));
        assert_eq!(lines(&known, &(first.clone() + &last)), [whole]);
        let evs = format!(
            "f5ff1a800000000106{}f5181a00{}",
            "aa".repeat(246),
            "bb".repeat(20)
        );
        let whole = format!("Five6 = 0x{}{}", "aa".repeat(246), "bb".repeat(20));
        assert_eq!(lines(&known, &evs), [whole]);
        for broken in [
            first.clone(),
            format!("{first}010361"),
            format!("{first}f5070100626f62"),
            format!("f5060480aabb{last}"),
            format!("{first}{first}"),
        ] {
            let read = lines(&known, &broken);
            assert!(read[0].starts_with("E5 = 0x"), "{}", read[0]);
            assert!(read[0].ends_with("(invalid)"), "{}", read[0]);
        }
    }

    #[test]
    fn vendor_layouts_are_read() {
        let known = dictionary(
            "VENDOR A 9001\nVENDOR B 9002 format=2,1\nVENDOR C 9003 format=2,2\n\
             VENDOR D 9004 format=4,0\nVENDOR E 9005 format=1,1,c\nVENDOR F 9006 format=4,1\n\
             BEGIN-VENDOR A\nATTRIBUTE A7 7 string\nEND-VENDOR A\n\
             BEGIN-VENDOR B\nATTRIBUTE B300 300 string\nEND-VENDOR B\n\
             BEGIN-VENDOR C\nATTRIBUTE C300 300 string\nEND-VENDOR C\n\
             BEGIN-VENDOR D\nATTRIBUTE D9 70000 string\nEND-VENDOR D\n\
             BEGIN-VENDOR E\nATTRIBUTE E7 7 octets\nEND-VENDOR E\n\
             BEGIN-VENDOR F\nATTRIBUTE F7 7 string\nEND-VENDOR F\n",
        );
        for (wire, line) in [
            ("1a0c000023290706 61626364", "A7 = \"abcd\""),
            ("1a0d0000232a012c07 61626364", "B300 = \"abcd\""),
            ("1a0e0000232b012c0008 61626364", "C300 = \"abcd\""),
            ("1a0e0000232c00011170 61626364", "D9 = \"abcd\""),
            ("1a0d0000232d070700 61626364", "E7 = 0x61626364"),
            ("1a0f0000232e0000000709 61626364", "F7 = \"abcd\""),
        ] {
            assert_eq!(lines(&known, wire), [line], "{wire}");
        }
        let goes_on = "1a0b0000232d070580 6162 1a0b0000232d070500 6364";
        assert_eq!(lines(&known, goes_on), ["E7 = 0x61626364"]);
        let interrupted = "1a0b0000232d070580 6162 010361";
        let read = lines(&known, interrupted);
        assert_eq!(read, ["E7 = 0x6162 (invalid)", "Attr-1 = 0x61"]);
        let two = "1a1200002329 0706 61626364 0706 65666768";
        assert_eq!(lines(&known, two), ["A7 = \"abcd\"", "A7 = \"efgh\""]);
    }

    #[test]
    fn broken_structure_is_kept_as_octets() {
        for (wire, line) in [
            ("1a05000009", "Vendor-Specific = 0x000009 (invalid)"),
            ("1a0600000009", "Attr-26.9 = 0x (invalid)"),
            ("1a09000000090109 61", "Attr-26.9 = 0x010961 (invalid)"),
            ("1a0800000009 0100", "Attr-26.9 = 0x0100 (invalid)"),
            ("1a09000f423f 010961", "Attr-26.999999 = 0x010961"),
            ("f102", "Extended-Attribute-1 = 0x (invalid)"),
            ("f50301", "Extended-Attribute-5 = 0x01 (invalid)"),
            (
                "f1061a000001",
                "Extended-Vendor-Specific-1 = 0x000001 (invalid)",
            ),
            ("0805c00002", "Framed-IP-Address = 0xc00002 (invalid)"),
            ("0104c3e9", "User-Name = 0xc3e9 (invalid)"),
            ("f1 06 05 010800", "IP-Port-Limit-Info = 0x010800 (invalid)"),
        ] {
            assert_eq!(builtin(wire), [line], "{wire}");
        }
    }

    #[test]
    fn names_tags_and_arrays_are_shown() {
        for (wire, expected) in [
            ("40060100000d", &["Tunnel-Type:1 = VLAN"][..]),
            ("40060000000d", &["Tunnel-Type:0 = VLAN"]),
            ("510501 3230", &["Tunnel-Private-Group-Id:1 = \"20\""]),
            ("51043230", &["Tunnel-Private-Group-Id = \"20\""]),
            ("060600000002", &["Service-Type = Framed-User"]),
            ("0606000003e7", &["Service-Type = 999"]),
            (
                "1a0c00003a8c 0806 316d2f31",
                &["Mikrotik-Rate-Limit = \"1m/1\""],
            ),
            (
                "1a1000008771 030a c0000201c0000202",
                &[
                    "FreeDHCP-Router-Address = 192.0.2.1",
                    "FreeDHCP-Router-Address = 192.0.2.2",
                ],
            ),
            ("4f04aabb4f03cc", &["EAP-Message = 0xaabbcc"]),
            ("12060a1b5b31", &["Reply-Message = \"\\n\\u{1b}[1\""]),
            ("370600000000", &["Event-Timestamp = 1970-01-01T00:00:00Z"]),
            ("1a0a 000001f3 01 04 0001", &["Attr-26.499.1 = 0x0001"]),
        ] {
            assert_eq!(builtin(wire), expected, "{wire}");
        }
    }

    #[test]
    fn secrets_are_shown_only_when_asked_for() {
        let packet = packet("021200112233445566778899aabbccddeeff");
        let parsed = Packet::parse(&packet).unwrap();
        let known = Dictionary::builtin();
        let hidden = known.decode(&parsed);
        assert_eq!(hidden[0].content, Content::Hidden);
        assert_eq!(hidden[0].to_string(), "User-Password = (hidden, 16 octets)");
        let mut asked = Vec::new();
        let revealed = known.decode_with(&parsed, &mut |spec, octets| {
            asked.push((spec.oid.to_string(), octets.len()));
            Some(Zeroizing::new(b"hunter2".to_vec()))
        });
        assert_eq!(asked, [("2".to_owned(), 16)]);
        assert_eq!(revealed[0].to_string(), "User-Password = (secret)");
        assert_eq!(format!("{:?}", revealed[0]), "User-Password = (secret)");
        let shown = revealed[0].with_secrets().to_string();
        assert_eq!(shown, "User-Password = \"hunter2\"");
    }

    proptest! {
        #[test]
        fn any_packet_decodes_within_bounds(
            attributes in prop::collection::vec(
                (prop_oneof![Just(26_u8), Just(241), Just(245), Just(64), Just(69), 1..=255_u8],
                 prop::collection::vec(any::<u8>(), 0..40)), 0..40),
        ) {
            let mut octets = vec![1, 7, 0, 0];
            octets.extend([9; 16]);
            for (number, value) in attributes {
                octets.extend([number, u8::try_from(value.len()).unwrap() + 2]);
                octets.extend(value);
            }
            let length = u16::try_from(octets.len()).unwrap();
            octets[2..4].copy_from_slice(&length.to_be_bytes());
            let packet = Packet::parse(&octets).unwrap();
            let decoded = Dictionary::builtin().decode(&packet);
            let total: usize = decoded.iter().map(|decoded| decoded.octets.len()).sum();
            prop_assert!(total <= octets.len());
            for decoded in &decoded {
                prop_assert!(!decoded.with_secrets().to_string().chars().any(char::is_control));
            }
        }

        #[test]
        fn tlvs_of_any_shape_decode_within_bounds(
            value in prop::collection::vec(0..12_u8, 0..250),
        ) {
            let mut text = String::from("ATTRIBUTE E 241 extended\nATTRIBUTE T 241.1 tlv\n");
            let mut number = String::from("241.1");
            for depth in 0..10 {
                number += ".3";
                text.extend([format!("ATTRIBUTE T{depth} {number} tlv\n")]);
            }
            let mut octets = vec![1, 7, 0, 0];
            octets.extend([9; 16]);
            octets.extend([241, u8::try_from(value.len()).unwrap() + 3, 1]);
            octets.extend(&value);
            let length = u16::try_from(octets.len()).unwrap();
            octets[2..4].copy_from_slice(&length.to_be_bytes());
            let known = dictionary(&text);
            let decoded = known.decode(&Packet::parse(&octets).unwrap());
            let total: usize = decoded.iter().map(|decoded| decoded.octets.len()).sum();
            prop_assert!(total <= value.len());
        }
    }
}
