//! Names for numbers: the built-in dictionary, and dictionaries in FreeRADIUS syntax on top of it.

mod builtin;
mod decode;
mod error;
mod load;
mod pair;
mod source;
mod suggest;
mod syntax;
mod table;

use std::{borrow::Cow, collections::BTreeMap};

pub use decode::{Content, Decoded, Reveal};
pub use error::{DictionaryError, DictionaryErrors, Fault};
pub use pair::{Pair, PairError};
pub use source::{Source, SourceError, resolve};
pub use table::{Tables, type_name};

use crate::{DataType, Oid, Spec, VENDOR_SPECIFIC, VendorFormat};

/// What attributes, values and vendors are called.
///
/// [`Dictionary::builtin`] is complete and costs nothing to have; [`Dictionary::extended_by`] lays
/// a user's files over it. Where two definitions meet, the later one decides what a name or a
/// number means, and every earlier name still finds its attribute. Names are found in any case of
/// letters.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    builtin: bool,
    entries: Vec<Entry>,
    /// By lower-case name; several where a name is used in several places, the deciding one last.
    names: BTreeMap<String, Vec<usize>>,
    oids: BTreeMap<Oid, usize>,
    values: BTreeMap<Oid, Values>,
    vendors: BTreeMap<u32, VendorEntry>,
    vendor_names: BTreeMap<String, u32>,
    /// Lower-case names that live only inside a server, and how they are written.
    internal: BTreeMap<String, String>,
    pending: Vec<PendingValue>,
}

static BUILTIN: Dictionary = Dictionary::over(true);

/// An attribute as the dictionary describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name; `Attr-26.999.5` for a number without one.
    pub name: Cow<'a, str>,
    /// What the codec must know.
    pub spec: Spec,
    /// Whether one attribute may hold several values, one after the other.
    pub array: bool,
    /// Whether the value must not be shown.
    pub secret: bool,
    /// The only length an `octets[N]` may have.
    pub octets: Option<u16>,
}

/// A vendor and how it lays out its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor<'a> {
    /// The name.
    pub name: &'a str,
    /// The private enterprise number.
    pub number: u32,
    /// The layout inside Vendor-Specific.
    pub format: VendorFormat,
}

/// A VALUE whose ATTRIBUTE is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingValue {
    /// The attribute's name as written.
    pub attribute: String,
    /// The value's name.
    pub name: String,
    /// The value.
    pub number: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    spec: Spec,
    array: bool,
    secret: bool,
    octets: Option<u16>,
}

#[derive(Debug, Clone, Default)]
struct Values {
    by_number: BTreeMap<u64, String>,
    /// By lower-case name: the number, and the name as written.
    by_name: BTreeMap<String, (u64, String)>,
}

#[derive(Debug, Clone)]
struct VendorEntry {
    name: String,
    format: VendorFormat,
}

impl Dictionary {
    /// All attributes of the RFCs and of some two hundred vendors, without any file. Costs nothing
    /// to have: the tables are searched where they lie.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads dictionary files alone, without the built-in dictionary.
    ///
    /// Understands the syntax of FreeRADIUS 3 and 4. A `struct` is kept as octets. Attributes of
    /// other protocols (`BEGIN-PROTOCOL DHCPv4`) are checked and left out.
    pub fn parse(source: &mut dyn Source, file: &str) -> Result<Self, DictionaryErrors> {
        Self::over(false).extended_by(source, file)
    }

    /// Reads dictionary files on top of this dictionary.
    ///
    /// # Errors
    /// Every problem in every file, with file and line.
    pub fn extended_by(
        &self,
        source: &mut dyn Source,
        file: &str,
    ) -> Result<Self, DictionaryErrors> {
        load::load(self.clone(), source, file)
    }

    const fn over(builtin: bool) -> Self {
        Self {
            builtin,
            entries: Vec::new(),
            names: BTreeMap::new(),
            oids: BTreeMap::new(),
            values: BTreeMap::new(),
            vendors: BTreeMap::new(),
            vendor_names: BTreeMap::new(),
            internal: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// The attribute of a name. `Attr-26.14988.8` and the bare number `26.14988.8` stand for the
    /// attribute of that number, known or not; an unknown one is octets.
    pub fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.named(name).or_else(|| {
            let number = match name.split_at_checked(5) {
                Some((prefix, number)) if prefix.eq_ignore_ascii_case("Attr-") => number,
                _ => name,
            };
            Some(self.describe(&number.parse().ok()?))
        })
    }

    /// The attribute of a number, by its usual name.
    pub fn by_oid(&self, oid: &Oid) -> Option<Attribute<'_>> {
        match self.oids.get(oid) {
            Some(index) => self.entries.get(*index).map(|entry| entry.attribute()),
            None if self.builtin => builtin::by_oid(oid).map(|record| self.of_builtin(&record)),
            None => None,
        }
    }

    /// As [`Self::by_oid`], describing an unknown number as octets called `Attr-` and the number.
    pub fn describe(&self, oid: &Oid) -> Attribute<'_> {
        self.by_oid(oid).unwrap_or_else(|| {
            let mut spec = Spec::of(*oid, DataType::Octets);
            spec.format = self.format_of(oid);
            Attribute {
                name: Cow::Owned(format!("Attr-{oid}")),
                spec,
                array: false,
                secret: false,
                octets: None,
            }
        })
    }

    /// Every attribute under every name, the built-in ones first.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        let records = self.builtin.then(builtin::records).into_iter().flatten();
        records
            .filter(|record| !self.names.contains_key(&record.name.to_ascii_lowercase()))
            .map(|record| self.of_builtin(&record))
            .chain(self.live_entries().map(|(_, entry)| entry.attribute()))
    }

    /// The attributes whose name contains `part`, in any case of letters.
    pub fn search(&self, part: &str) -> impl Iterator<Item = Attribute<'_>> {
        let part = part.to_ascii_lowercase();
        self.attributes()
            .filter(move |attribute| attribute.name.to_ascii_lowercase().contains(&part))
    }

    /// The name of a value of an attribute.
    pub fn value_name(&self, oid: &Oid, number: u64) -> Option<&str> {
        let own = self.values.get(oid);
        own.and_then(|values| values.by_number.get(&number))
            .map(String::as_str)
            .or_else(|| {
                let mut values = self.builtin_values(oid);
                values
                    .find(|(found, _)| *found == number)
                    .map(|(_, name)| name)
            })
    }

    /// The value of an attribute by its name, in any case of letters.
    pub fn value_number(&self, oid: &Oid, name: &str) -> Option<u64> {
        let own = self.values.get(oid);
        own.and_then(|values| values.by_name.get(&name.to_ascii_lowercase()))
            .map(|(number, _)| *number)
            .or_else(|| {
                let mut values = self.builtin_values(oid);
                values
                    .find(|(_, found)| found.eq_ignore_ascii_case(name))
                    .map(|(number, _)| number)
            })
    }

    /// Every named value of an attribute under its usual name, by rising number.
    pub fn values(&self, oid: &Oid) -> impl Iterator<Item = (u64, &str)> {
        let mut all: BTreeMap<u64, &str> = BTreeMap::new();
        for (number, name) in self.builtin_values(oid) {
            all.entry(number).or_insert(name);
        }
        let own = self.values.get(oid).into_iter();
        all.extend(own.flat_map(|own| own.by_number.iter().map(|(n, name)| (*n, name.as_str()))));
        all.into_iter()
    }

    /// The vendor of a private enterprise number.
    pub fn vendor(&self, number: u32) -> Option<Vendor<'_>> {
        match self.vendors.get(&number) {
            Some(entry) => Some(Vendor {
                name: &entry.name,
                number,
                format: entry.format,
            }),
            None if self.builtin => builtin::vendor(number),
            None => None,
        }
    }

    /// The vendor of a name, in any case of letters.
    pub fn vendor_by_name(&self, name: &str) -> Option<Vendor<'_>> {
        if let Some(number) = self.vendor_names.get(&name.to_ascii_lowercase()) {
            return self.vendor(*number);
        }
        let mut vendors = self.builtin.then(builtin::vendors).into_iter().flatten();
        let found = vendors.find(|vendor| vendor.name.eq_ignore_ascii_case(name))?;
        self.vendor(found.number)
    }

    /// Every vendor by rising number.
    pub fn vendors(&self) -> impl Iterator<Item = Vendor<'_>> {
        let builtin = self.builtin.then(builtin::vendors).into_iter().flatten();
        let mut numbers: Vec<u32> = builtin.map(|vendor| vendor.number).collect();
        numbers.extend(self.vendors.keys());
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| self.vendor(number))
    }

    /// Whether a name stands for something that lives only inside a server and cannot be in a
    /// packet, such as FreeRADIUS's `Auth-Type`, as far as the files read define it.
    pub fn is_internal(&self, name: &str) -> bool {
        self.internal.contains_key(&name.to_ascii_lowercase())
    }

    /// The VALUEs whose ATTRIBUTE no file has defined; a later [`Self::extended_by`] may.
    pub fn pending_values(&self) -> &[PendingValue] {
        &self.pending
    }

    /// How attributes at this number's place are laid out inside Vendor-Specific.
    pub(crate) fn format_of(&self, oid: &Oid) -> VendorFormat {
        match oid.parts() {
            [number, vendor, ..] if *number == u32::from(VENDOR_SPECIFIC) => self
                .vendor(*vendor)
                .map_or(VendorFormat::STANDARD, |vendor| vendor.format),
            _ => VendorFormat::STANDARD,
        }
    }

    /// The entries that are not replaced by a later one of the same name and number.
    fn live_entries(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(index, entry)| {
            let indices = self.names.get(&entry.name.to_ascii_lowercase());
            indices.is_some_and(|indices| indices.contains(index))
        })
    }

    fn named(&self, name: &str) -> Option<Attribute<'_>> {
        if !self.names.is_empty()
            && let Some(indices) = self.names.get(&name.to_ascii_lowercase())
            && let Some(entry) = indices.last().and_then(|index| self.entries.get(*index))
        {
            return Some(entry.attribute());
        }
        if !self.builtin {
            return None;
        }
        builtin::by_name(name).map(|record| self.of_builtin(&record))
    }

    fn of_builtin(&self, record: &builtin::Record) -> Attribute<'static> {
        let mut spec = record.spec;
        if let Some(vendor) = spec.oid.parts().get(1)
            && spec.oid.top() == VENDOR_SPECIFIC
            && let Some(entry) = self.vendors.get(vendor)
        {
            spec.format = entry.format;
        }
        Attribute {
            name: Cow::Borrowed(record.name),
            spec,
            array: record.array,
            secret: record.secret,
            octets: record.octets,
        }
    }

    fn builtin_values(&self, oid: &Oid) -> impl Iterator<Item = (u64, &'static str)> {
        let record = if self.builtin {
            builtin::by_oid(oid)
        } else {
            None
        };
        record.into_iter().flat_map(|record| record.values())
    }
}

impl Entry {
    fn attribute(&self) -> Attribute<'_> {
        Attribute {
            name: Cow::Borrowed(&self.name),
            spec: self.spec,
            array: self.array,
            secret: self.secret,
            octets: self.octets,
        }
    }
}
