use std::{
    collections::HashSet,
    net::SocketAddr,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
    time::Duration,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Fault, Place, Problem, Problems};
use crate::suggest;

/// Walks a TOML document, and remembers what is wrong with it.
pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    problems: Vec<(Range<usize>, Fault)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            text,
            problems: Vec::new(),
        }
    }

    /// The sections; `None` where the text is no TOML.
    pub(super) fn root(&mut self) -> Option<Root<'_, 'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            let entries = entries(table.into_inner());
            return Some(Root {
                reader: self,
                entries,
                known: Vec::new(),
            });
        }
        for error in errors {
            let message = error.message().to_owned();
            self.problem(error.span().unwrap_or(0..0), Fault::NotToml { message });
        }
        None
    }

    /// The result, unless there were problems.
    pub(super) fn finish<T>(mut self, result: T) -> Result<T, Problems> {
        self.problems.sort_by_key(|(range, _)| range.start);
        let problems = self.problems.into_iter().map(|(range, fault)| Problem {
            file: self.file.to_owned(),
            place: Some(Place::of(self.text, range)),
            fault,
        });
        Problems::new(problems.collect()).map_or(Ok(result), Err)
    }

    fn problem(&mut self, range: Range<usize>, fault: Fault) {
        self.problems.push((range, fault));
    }
}

/// Something, and where it stands.
type Placed<T> = (Range<usize>, T);

struct KeyAndValue<'a> {
    key: String,
    at: Range<usize>,
    value: Spanned<DeValue<'a>>,
}

fn entries(table: DeTable<'_>) -> Vec<KeyAndValue<'_>> {
    let entries = table.into_iter().map(|(key, value)| KeyAndValue {
        at: key.span(),
        key: key.into_inner().into_owned(),
        value,
    });
    entries.collect()
}

fn take<'a>(entries: &mut Vec<KeyAndValue<'a>>, key: &str) -> Option<KeyAndValue<'a>> {
    let index = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.swap_remove(index))
}

/// The top of a document: sections and nothing else.
pub(super) struct Root<'r, 'a> {
    reader: &'r mut Reader<'a>,
    entries: Vec<KeyAndValue<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Root<'_, 'a> {
    /// Reads a section, if it is there.
    pub(super) fn section(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_, 'a>)) {
        self.known.push(name);
        let Some(entry) = take(&mut self.entries, name) else {
            return;
        };
        let at = entry.value.span();
        match entry.value.into_inner() {
            DeValue::Table(table) => {
                let mut section = Section {
                    reader: self.reader,
                    name,
                    at,
                    entries: entries(table),
                    known: Vec::new(),
                };
                read(&mut section);
                section.finish();
            }
            other => self.reader.problem(
                at,
                Fault::WrongType {
                    key: name,
                    wanted: "a section in brackets",
                    found: kind(&other),
                },
            ),
        }
    }

    /// Reads every section of a name that may stand several times.
    pub(super) fn each(&mut self, name: &'static str, mut read: impl FnMut(&mut Section<'_, 'a>)) {
        self.known.push(name);
        let Some(entry) = take(&mut self.entries, name) else {
            return;
        };
        let (at, wanted) = (entry.value.span(), "sections in double brackets");
        let DeValue::Array(items) = entry.value.into_inner() else {
            let (key, found) = (name, "something else");
            return self
                .reader
                .problem(at, Fault::WrongType { key, wanted, found });
        };
        for item in items {
            let at = item.span();
            match item.into_inner() {
                DeValue::Table(table) => {
                    let mut section = Section {
                        reader: self.reader,
                        name,
                        at,
                        entries: entries(table),
                        known: Vec::new(),
                    };
                    read(&mut section);
                    section.finish();
                }
                other => {
                    let (key, found) = (name, kind(&other));
                    self.reader
                        .problem(at, Fault::WrongType { key, wanted, found });
                }
            }
        }
    }

    /// What nobody has asked for is a problem.
    pub(super) fn finish(self) {
        for entry in self.entries {
            let nearest = suggest::nearest(&entry.key, self.known.iter().copied());
            let section = entry.key;
            self.reader
                .problem(entry.at, Fault::UnknownSection { section, nearest });
        }
    }
}

/// One section. Each method reads a key, if it is there, into its place.
pub(super) struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
    at: Range<usize>,
    entries: Vec<KeyAndValue<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Section<'_, 'a> {
    /// A text, and where it stands.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let (at, value) = self.take(key)?;
        match value {
            DeValue::String(text) => Some((at, text.into_owned())),
            other => {
                self.wrong_type(at, key, "a text in quotes", &other);
                None
            }
        }
    }

    /// A text that has to be there and not to be empty.
    pub(super) fn required(&mut self, key: &'static str) -> Option<String> {
        match self.text(key) {
            Some((at, text)) if text.is_empty() => {
                self.reader.problem(at, Fault::Empty(key));
                None
            }
            Some((_, text)) => Some(text),
            None => {
                self.problem_here(Fault::Missing(key));
                None
            }
        }
    }

    /// What this section is called, which no other one may be.
    pub(super) fn own_name(
        &mut self,
        key: &'static str,
        names: &mut HashSet<String>,
    ) -> Option<String> {
        let name = self.required(key)?;
        if !names.insert(name.clone()) {
            self.problem_here(Fault::Twice(name));
            return None;
        }
        Some(name)
    }

    /// A list of texts, each with its place.
    pub(super) fn words(&mut self, key: &'static str) -> Option<Vec<Placed<String>>> {
        self.strings(key, "a list of texts in quotes")
            .map(|(_, words)| words)
    }

    /// Whether something that is named here is defined elsewhere in the file.
    pub(super) fn is_known(
        &mut self,
        what: &'static str,
        name: &str,
        known: &[String],
        at: Range<usize>,
    ) -> bool {
        if known.iter().any(|known| known == name) {
            return true;
        }
        let nearest = suggest::nearest(name, known.iter().map(String::as_str));
        let fault = Fault::Undefined {
            what,
            name: name.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        self.reader.problem(at, fault);
        false
    }

    /// A problem of the section as a whole.
    pub(super) fn problem_here(&mut self, fault: Fault) {
        self.reader.problem(self.at.clone(), fault);
    }

    pub(super) fn number<N>(&mut self, key: &'static str, range: RangeInclusive<N>, into: &mut N)
    where
        N: Copy + TryInto<u64> + TryFrom<u64>,
    {
        let bound = |number: &N| (*number).try_into().unwrap_or(u64::MAX);
        let range = bound(range.start())..=bound(range.end());
        let Some((at, value)) = self.take(key) else {
            return;
        };
        let DeValue::Integer(integer) = &value else {
            return self.wrong_type(at, key, "a whole number", &value);
        };
        let read = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = read.filter(|number| range.contains(number));
        match within.and_then(|number| N::try_from(number).ok()) {
            Some(number) => *into = number,
            None => self.reader.problem(at, Fault::OutOfRange { key, range }),
        }
    }

    pub(super) fn milliseconds(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        into: &mut Duration,
    ) {
        let mut milliseconds = u64::try_from(into.as_millis()).unwrap_or(u64::MAX);
        self.number(key, range, &mut milliseconds);
        *into = Duration::from_millis(milliseconds);
    }

    /// One of several words. Says where it stands.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        into: &mut T,
    ) -> Option<Range<usize>> {
        let (at, value) = self.take(key)?;
        let DeValue::String(word) = &value else {
            self.wrong_type(at, key, "a word in quotes", &value);
            return None;
        };
        if let Some((_, meaning)) = words.iter().find(|(known, _)| known == word) {
            *into = *meaning;
            Some(at)
        } else {
            let allowed: Vec<&'static str> = words.iter().map(|(known, _)| *known).collect();
            let nearest = suggest::nearest(word, allowed.iter().copied());
            self.reader
                .problem(at, Fault::NotOneOf { allowed, nearest });
            None
        }
    }

    /// At least one address with its port, none twice.
    pub(super) fn addresses(&mut self, key: &'static str, into: &mut Vec<SocketAddr>) {
        if let Some((at, words)) = self.strings(key, "a list of addresses in quotes") {
            if words.is_empty() {
                self.reader.problem(at, Fault::Empty(key));
            }
            self.take_addresses(words, into);
        }
    }

    /// As [`Self::addresses`], or none at all. Says where the list stands.
    pub(super) fn addresses_if_any(
        &mut self,
        key: &'static str,
        into: &mut Vec<SocketAddr>,
    ) -> Option<Range<usize>> {
        let (at, words) = self.strings(key, "a list of addresses in quotes")?;
        self.take_addresses(words, into);
        Some(at)
    }

    fn take_addresses(&mut self, words: Vec<Placed<String>>, into: &mut Vec<SocketAddr>) {
        into.clear();
        for (at, word) in words {
            match word.parse::<SocketAddr>() {
                Ok(address) if address.port() != 0 && into.contains(&address) => {
                    self.reader.problem(at, Fault::AddressTwice);
                }
                Ok(address) => into.push(address),
                Err(_) => self.reader.problem(at, Fault::NotAnAddress),
            }
        }
    }

    /// The name of a file. Says where it stands.
    pub(super) fn file(
        &mut self,
        key: &'static str,
        into: &mut Option<PathBuf>,
    ) -> Option<Range<usize>> {
        let (at, value) = self.take(key)?;
        let DeValue::String(word) = &value else {
            self.wrong_type(at, key, "a file name in quotes", &value);
            return None;
        };
        *into = Some(PathBuf::from(word.as_ref()));
        Some(at)
    }

    /// What stands at a place cannot do without another key.
    pub(super) fn needs(
        &mut self,
        key: &'static str,
        at: Option<Range<usize>>,
        other: &'static str,
        is_there: bool,
    ) {
        if !is_there {
            self.problem(at, Fault::Alone { key, other });
        }
    }

    /// A problem, if there is a place for it.
    pub(super) fn problem(&mut self, at: Option<Range<usize>>, fault: Fault) {
        if let Some(at) = at {
            self.reader.problem(at, fault);
        }
    }

    pub(super) fn paths(&mut self, key: &'static str, into: &mut Vec<PathBuf>) {
        if let Some((_, words)) = self.strings(key, "a list of file names in quotes") {
            *into = words
                .into_iter()
                .map(|(_, word)| PathBuf::from(word))
                .collect();
        }
    }

    fn strings(
        &mut self,
        key: &'static str,
        wanted: &'static str,
    ) -> Option<Placed<Vec<Placed<String>>>> {
        let (at, value) = self.take(key)?;
        let DeValue::Array(items) = value else {
            self.wrong_type(at, key, wanted, &value);
            return None;
        };
        let mut words = Vec::new();
        for item in items {
            let at = item.span();
            match item.into_inner() {
                DeValue::String(word) => words.push((at, word.into_owned())),
                other => self.wrong_type(at, key, wanted, &other),
            }
        }
        Some((at, words))
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, DeValue<'a>)> {
        self.known.push(key);
        let entry = take(&mut self.entries, key)?;
        Some((entry.value.span(), entry.value.into_inner()))
    }

    fn wrong_type(
        &mut self,
        at: Range<usize>,
        key: &'static str,
        wanted: &'static str,
        value: &DeValue<'_>,
    ) {
        let found = kind(value);
        self.reader
            .problem(at, Fault::WrongType { key, wanted, found });
    }

    fn finish(self) {
        for entry in self.entries {
            let nearest = suggest::nearest(&entry.key, self.known.iter().copied());
            let (key, section) = (entry.key, self.name);
            let fault = Fault::UnknownKey {
                key,
                section,
                nearest,
            };
            self.reader.problem(entry.at, fault);
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
