use std::fmt;

use zeroize::Zeroizing;

use crate::{
    Attr, Hiding, Oid, Spec,
    attr::{self, Encodes, Kind},
};

/// Attributes to be sent, in order, before they are hidden and laid out.
///
/// Hidden ones are kept in the clear here, are wiped when the list is dropped, and print redacted.
#[derive(Clone, Default)]
pub struct AttributeList {
    items: Vec<Item>,
    octets: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy)]
struct Item {
    spec: Spec,
    tag: u8,
    end: usize,
}

/// One attribute of a list.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Where it lives and how it is laid out.
    pub spec: Spec,
    /// Its RFC 2868 tag, 0 for none.
    pub tag: u8,
    /// Its value before hiding, without the tag.
    pub value: &'a [u8],
}

impl AttributeList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an attribute; the value's type must fit the attribute's kind.
    #[must_use]
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.add(attr, value);
        self
    }

    /// As [`Self::with`], in place.
    pub fn add<K: Kind>(&mut self, attr: Attr<K>, value: impl Encodes<K>) {
        value.encode(&mut self.octets);
        self.close(*attr.spec(), value.tag());
    }

    /// Appends an attribute known only at run time. `value` is what stands on the wire before
    /// hiding and without a tag; `tag` is 0 for none. One that the RFCs hide is hidden even where
    /// `spec` does not say so.
    pub fn push(&mut self, spec: &Spec, tag: u8, value: &[u8]) {
        self.octets.extend_from_slice(value);
        self.close(*spec, tag);
    }

    /// Appends all of another list.
    pub fn extend(&mut self, other: &Self) {
        for entry in other.iter() {
            self.push(&entry.spec, entry.tag, entry.value);
        }
    }

    /// The attributes in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut start = 0;
        self.items.iter().map(move |item| {
            let value = self.octets.get(start..item.end).unwrap_or_default();
            start = item.end;
            Entry {
                spec: item.spec,
                tag: item.tag,
                value,
            }
        })
    }

    /// Whether an attribute of this number is there.
    pub fn contains(&self, oid: &Oid) -> bool {
        self.items.iter().any(|item| item.spec.oid == *oid)
    }

    /// The first value of this number, before hiding.
    pub fn find(&self, oid: &Oid) -> Option<Entry<'_>> {
        self.iter().find(|entry| entry.spec.oid == *oid)
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn close(&mut self, mut spec: Spec, tag: u8) {
        if spec.hiding == Hiding::None {
            spec.hiding = attr::must_hide(&spec.oid);
        }
        self.items.push(Item {
            spec,
            tag,
            end: self.octets.len(),
        });
    }
}

impl fmt::Debug for AttributeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.spec.oid)?;
        if self.spec.tagged {
            write!(f, ":{}", self.tag)?;
        }
        match self.spec.hiding {
            Hiding::None => write!(f, " = {:02x?}", self.value),
            _ => f.write_str(" = (hidden)"),
        }
    }
}
