//! One method for each keyword.

use super::{
    Alias, Loader,
    blocks::{Block, Place},
};
use crate::{
    DataType, Oid, Spec, VENDOR_SPECIFIC, VendorFormat,
    dictionary::{
        Entry, Fault, PendingValue,
        syntax::{self, Flags, TypeWord},
    },
};

impl Loader<'_> {
    pub(super) fn line(&mut self, line: &str) -> Result<(), Fault> {
        let line = line.trim_start_matches('\u{feff}');
        let words = syntax::words(line);
        let Some((word, rest)) = words.split_first() else {
            return Ok(());
        };
        match &*word.to_ascii_uppercase() {
            "ALIAS" => self.alias_line(rest),
            "ATTRIBUTE" => self.attribute(rest),
            "BEGIN" => self.begin(rest, "BEGIN"),
            "BEGIN-PROTOCOL" => self.begin_protocol(rest),
            "BEGIN-TLV" => self.begin(rest, "BEGIN-TLV"),
            "BEGIN-VENDOR" => self.begin_vendor(rest),
            "DEFINE" | "ENUM" => self.define(rest),
            "END" => self.end("END", "BEGIN", rest),
            "END-PROTOCOL" => self.end("END-PROTOCOL", "BEGIN-PROTOCOL", rest),
            "END-TLV" => self.end("END-TLV", "BEGIN-TLV", rest),
            "END-VENDOR" => self.end("END-VENDOR", "BEGIN-VENDOR", rest),
            "FLAGS" => self.flags(rest),
            "MEMBER" => self.shape(rest, "MEMBER", "NAME TYPE [FLAGS]", 2),
            "PROTOCOL" => at_least(rest, 2, "PROTOCOL", "NAME NUMBER [FLAGS]"),
            "STRUCT" => self.shape(rest, "STRUCT", "NAME ATTRIBUTE VALUE", 3),
            "VALUE" => self.value(rest),
            "VENDOR" => self.vendor(rest),
            "$INCLUDE" => self.include_line(rest, false),
            "$INCLUDE-" => self.include_line(rest, true),
            _ => Err(Fault::UnknownKeyword {
                word: (*word).to_owned(),
            }),
        }
    }

    fn include_line(&mut self, words: &[&str], optional: bool) -> Result<(), Fault> {
        at_least(words, 1, "$INCLUDE", "FILE")?;
        self.include(words[0].trim_matches('"'), optional)
    }

    fn attribute(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 3, "ATTRIBUTE", "NAME NUMBER TYPE [FLAGS]")?;
        let word = syntax::data_type(words[2])?;
        let (flags, vendor) = self.attribute_flags(&words[3..])?;
        let name = words[0];
        let place = match (vendor, self.blocks.place()) {
            (Some(vendor), Place::Top) => Place::Below(vendor),
            (_, place) => place,
        };
        let (number, base, relative) = match words[1].strip_prefix('.') {
            Some(number) if place == Place::Elsewhere => (number, None, true),
            Some(number) => {
                let last = self.last.ok_or_else(|| Fault::Relative {
                    number: words[1].to_owned(),
                })?;
                (number, Some(last), true)
            }
            None => match place {
                Place::Below(base) => (words[1], Some(base), false),
                Place::Elsewhere | Place::Top => (words[1], None, false),
            },
        };
        let parts = syntax::number_parts(number)?;
        let internal = flags.internal || self.all_internal || outside_packets(base, &parts);
        if place == Place::Elsewhere || internal {
            self.internal(name);
            return Ok(());
        }
        let oid = self.place_at(base, &parts, words[1])?;
        self.add(name, oid, word, flags);
        if !relative {
            self.last = Some(oid);
        }
        Ok(())
    }

    /// The flags, and the vendor where an old dictionary names it in their place.
    fn attribute_flags(&self, words: &[&str]) -> Result<(Flags, Option<Oid>), Fault> {
        match (syntax::flags(words), words) {
            (Ok(flags), _) => Ok((flags, None)),
            (Err(fault), [vendor]) => match self.dictionary.vendor_by_name(vendor) {
                Some(vendor) => Ok((Flags::default(), vendor_place(vendor.number))),
                None => Err(fault),
            },
            (Err(fault), _) => Err(fault),
        }
    }

    /// The number `parts` below `base`, checked: each part fits its field, and what contains it is
    /// known.
    fn place_at(&self, base: Option<Oid>, parts: &[u32], text: &str) -> Result<Oid, Fault> {
        let too_deep = || Fault::Depth {
            number: text.to_owned(),
        };
        let mut oid = base;
        for part in parts {
            oid = Some(
                match oid {
                    None => Oid::from_parts(&[*part]),
                    Some(oid) => oid.child(*part),
                }
                .ok_or_else(too_deep)?,
            );
        }
        let oid = oid.ok_or_else(too_deep)?;
        let header = oid.header_parts();
        for (index, part) in oid.parts().iter().enumerate() {
            let (min, max) = self.limits(&oid, index);
            if !(min..=max).contains(&u64::from(*part)) {
                return Err(Fault::Number {
                    number: part.to_string(),
                    min,
                    max,
                });
            }
        }
        let parent = oid.parent().filter(|_| oid.parts().len() > header);
        if let Some(parent) = parent {
            let name = parent.to_string();
            match self.dictionary.by_oid(&parent) {
                None => return Err(Fault::Parent { parent: name }),
                Some(found) if found.spec.data_type != DataType::Tlv => {
                    return Err(Fault::NoTlv { parent: name });
                }
                Some(_) => {}
            }
        }
        Ok(oid)
    }

    /// The least and the most a part of a number can be.
    fn limits(&self, oid: &Oid, index: usize) -> (u64, u64) {
        match (oid.parts(), index) {
            ([26, ..], 1) | ([241..=246, 26, ..], 2) => (1, MAX_VENDOR),
            ([26, ..], 2) => match self.dictionary.format_of(oid).type_octets {
                1 => (0, u8::MAX.into()),
                2 => (0, u16::MAX.into()),
                _ => (0, u32::MAX.into()),
            },
            ([26, ..], _) => (0, u8::MAX.into()),
            _ => (1, u8::MAX.into()),
        }
    }

    fn add(&mut self, name: &str, oid: Oid, word: TypeWord, flags: Flags) {
        let data_type = match (word.data_type, oid.parts()) {
            (DataType::Tlv, [_]) if flags.long_extended => DataType::LongExtended,
            (DataType::Tlv, [_]) if flags.extended => DataType::Extended,
            (DataType::Vsa, [_, _]) => DataType::Evs,
            (data_type, _) => data_type,
        };
        let spec = Spec {
            tagged: flags.tagged,
            hiding: flags.hiding,
            concat: flags.concat,
            ..Spec::of(oid, data_type)
        };
        self.dictionary.add_attribute(Entry {
            name: name.to_owned(),
            spec,
            array: flags.array,
            secret: flags.secret,
            octets: word.octets,
        });
    }

    fn internal(&mut self, name: &str) {
        let lower = name.to_ascii_lowercase();
        self.dictionary.internal.insert(lower, name.to_owned());
    }

    fn value(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 3, "VALUE", "ATTRIBUTE NAME NUMBER")?;
        let attribute = words[0];
        let place = self.blocks.place();
        if place == Place::Elsewhere {
            return Ok(());
        }
        let within = match place {
            Place::Below(oid) => Some(oid),
            Place::Elsewhere | Place::Top => None,
        };
        let scoped = self.dictionary.by_path(within, attribute);
        if scoped.is_none() && self.shapes.contains(&attribute.to_ascii_lowercase()) {
            // A member of a struct, which stays octets.
            return Ok(());
        }
        let named = || self.dictionary.named(attribute).map(|found| found.spec.oid);
        let known = scoped.or_else(named);
        let data_type = known.map(|oid| self.dictionary.describe(&oid).spec.data_type);
        let Some(number) = value_number(words[2]) else {
            // Names for values that are no numbers are of no use in a RADIUS packet.
            if data_type.is_some_and(|data_type| !is_number(data_type))
                || words[2].starts_with(['"', '\''])
                || self.dictionary.is_internal(attribute)
            {
                return Ok(());
            }
            return Err(Fault::Number {
                number: words[2].to_owned(),
                min: 0,
                max: u64::MAX,
            });
        };
        match known {
            Some(oid) => self.dictionary.add_value(oid, words[1], number),
            None if self.dictionary.is_internal(attribute) => {}
            None => self.dictionary.pending.push(PendingValue {
                attribute: attribute.to_owned(),
                name: words[1].to_owned(),
                number,
            }),
        }
        Ok(())
    }

    fn vendor(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 2, "VENDOR", "NAME NUMBER [format=T,L]")?;
        let number = syntax::unsigned(words[1])
            .filter(|number| (1..=MAX_VENDOR).contains(number))
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| Fault::Number {
                number: words[1].to_owned(),
                min: 1,
                max: MAX_VENDOR,
            })?;
        let mut format = VendorFormat::STANDARD;
        for word in &words[2..] {
            let text =
                strip_prefix_ignore_case(word, "format=").ok_or_else(|| Fault::UnknownFlag {
                    flag: (*word).to_owned(),
                })?;
            format = syntax::vendor_format(text)?;
        }
        self.dictionary.add_vendor(words[0], number, format);
        Ok(())
    }

    fn begin_vendor(&mut self, words: &[&str]) -> Result<(), Fault> {
        let place = self.vendor_block(words);
        // The block opens even where it is wrong, so that its END does not count as a second
        // problem.
        self.open(
            "BEGIN-VENDOR",
            words,
            place.as_ref().map_or(Place::Elsewhere, |place| *place),
        );
        place.map(|_| ())
    }

    fn vendor_block(&self, words: &[&str]) -> Result<Place, Fault> {
        at_least(words, 1, "BEGIN-VENDOR", "NAME [parent=ATTRIBUTE]")?;
        if self.blocks.place() == Place::Elsewhere {
            return Ok(Place::Elsewhere);
        }
        let unknown = || Fault::UnknownVendor {
            name: words[0].to_owned(),
        };
        let vendor = self
            .dictionary
            .vendor_by_name(words[0])
            .ok_or_else(unknown)?;
        let Some(word) = words.get(1) else {
            return vendor_place(vendor.number)
                .map(Place::Below)
                .ok_or_else(unknown);
        };
        let parent = strip_prefix_ignore_case(word, "parent=")
            .or_else(|| strip_prefix_ignore_case(word, "format="))
            .ok_or_else(|| Fault::UnknownFlag {
                flag: (*word).to_owned(),
            })?;
        let path = parent.trim_start_matches(['@', '.']);
        let dictionary = &self.dictionary;
        let last = path.rsplit('.').next().unwrap_or(path);
        dictionary
            .by_path(None, path)
            .or_else(|| dictionary.named(last).map(|found| found.spec.oid))
            .and_then(|parent| parent.child(vendor.number))
            .map(Place::Below)
            .ok_or_else(|| Fault::UnknownAttribute {
                name: parent.to_owned(),
            })
    }

    fn begin(&mut self, words: &[&str], keyword: &'static str) -> Result<(), Fault> {
        let place = self.attribute_block(words, keyword);
        self.open(
            keyword,
            words,
            place.as_ref().map_or(Place::Elsewhere, |place| *place),
        );
        place.map(|_| ())
    }

    fn attribute_block(&self, words: &[&str], keyword: &'static str) -> Result<Place, Fault> {
        at_least(words, 1, keyword, "ATTRIBUTE")?;
        let name = words[0].trim_start_matches(['@', '.']);
        let within = match self.blocks.place() {
            Place::Elsewhere => return Ok(Place::Elsewhere),
            Place::Below(oid) => Some(oid),
            Place::Top => None,
        };
        let dictionary = &self.dictionary;
        let lower = name.to_ascii_lowercase();
        match dictionary
            .by_path(within, name)
            .or_else(|| {
                self.last
                    .and_then(|last| dictionary.by_path(Some(last), name))
            })
            .or_else(|| dictionary.named(name).map(|found| found.spec.oid))
        {
            Some(oid) => Ok(Place::Below(oid)),
            None if self.shapes.contains(&lower) || dictionary.is_internal(name) => {
                Ok(Place::Elsewhere)
            }
            None => Err(Fault::UnknownAttribute {
                name: words[0].to_owned(),
            }),
        }
    }

    fn begin_protocol(&mut self, words: &[&str]) -> Result<(), Fault> {
        let complete = at_least(words, 1, "BEGIN-PROTOCOL", "NAME");
        let radius = words
            .first()
            .is_some_and(|name| name.eq_ignore_ascii_case("RADIUS"));
        let place = if radius { Place::Top } else { Place::Elsewhere };
        self.open("BEGIN-PROTOCOL", words, place);
        complete
    }

    fn open(&mut self, keyword: &'static str, words: &[&str], place: Place) {
        self.last = None;
        self.blocks.begin(Block {
            keyword,
            name: words
                .first()
                .map(|name| name.to_ascii_lowercase())
                .unwrap_or_default(),
            line: self.line,
            place,
        });
    }

    fn end(&mut self, keyword: &'static str, begin: &str, words: &[&str]) -> Result<(), Fault> {
        self.last = None;
        let name = words.first().copied().unwrap_or_default();
        if self.blocks.end(begin, &name.to_ascii_lowercase()) {
            return Ok(());
        }
        Err(Fault::UnmatchedEnd {
            keyword,
            name: name.to_owned(),
        })
    }

    fn define(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 2, "DEFINE", "NAME TYPE [FLAGS]")?;
        syntax::data_type(words[1])?;
        syntax::flags(&words[2..])?;
        self.internal(words[0]);
        Ok(())
    }

    fn shape(
        &mut self,
        words: &[&str],
        keyword: &'static str,
        usage: &'static str,
        least: usize,
    ) -> Result<(), Fault> {
        at_least(words, least, keyword, usage)?;
        self.shapes.insert(words[0].to_ascii_lowercase());
        Ok(())
    }

    fn flags(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 1, "FLAGS", "internal")?;
        for word in words {
            match *word {
                "internal" => self.all_internal = true,
                "!internal" => self.all_internal = false,
                other => {
                    syntax::flags(&[other.trim_start_matches('!')])?;
                }
            }
        }
        Ok(())
    }

    fn alias_line(&mut self, words: &[&str]) -> Result<(), Fault> {
        at_least(words, 2, "ALIAS", "NAME ATTRIBUTE")?;
        let within = match self.blocks.place() {
            Place::Elsewhere => return Ok(()),
            Place::Below(oid) => Some(oid),
            Place::Top => None,
        };
        self.aliases.push(Alias {
            name: words[0].to_owned(),
            target: words[1].to_owned(),
            within,
            file: self.stack.last().cloned().unwrap_or_default(),
            line: self.line,
        });
        Ok(())
    }
}

/// RFC 2865 section 5.26: the high-order octet of a vendor's number is 0.
const MAX_VENDOR: u64 = 0x00ff_ffff;

fn vendor_place(vendor: u32) -> Option<Oid> {
    Oid::from_parts(&[u32::from(VENDOR_SPECIFIC), vendor])
}

/// Whether a number lies outside what a packet can carry: servers use those for themselves.
fn outside_packets(base: Option<Oid>, parts: &[u32]) -> bool {
    base.is_none() && parts.first().is_none_or(|top| *top == 0 || *top > 255)
}

fn at_least(
    words: &[&str],
    least: usize,
    keyword: &'static str,
    usage: &'static str,
) -> Result<(), Fault> {
    if words.len() < least {
        return Err(Fault::Incomplete { keyword, usage });
    }
    Ok(())
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The number of a VALUE; a negative one as 4 octets in two's complement.
fn value_number(text: &str) -> Option<u64> {
    if text.starts_with('-') {
        let number: i32 = text.parse().ok()?;
        return Some(u64::from(number.cast_unsigned()));
    }
    syntax::unsigned(text)
}

fn is_number(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Byte
            | DataType::Short
            | DataType::Integer
            | DataType::Integer64
            | DataType::Signed
            | DataType::Time
    )
}
