//! Reads dictionary files into a [`Dictionary`].

mod blocks;
mod lines;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use blocks::Blocks;

use super::{
    Dictionary, DictionaryError, DictionaryErrors, Entry, Fault, Source, SourceError, source,
};
use crate::Oid;

/// The most files of one load.
const MAX_FILES: usize = 4096;
/// The most levels of `$INCLUDE`.
const MAX_DEPTH: usize = 32;
/// The most text of one load, in octets.
const MAX_OCTETS: usize = 64 << 20;

pub(super) fn load(
    dictionary: Dictionary,
    source: &mut dyn Source,
    file: &str,
) -> Result<Dictionary, DictionaryErrors> {
    let path = source::resolve("", file).map_err(|error| error.into_errors(file))?;
    let mut loader = Loader {
        source,
        sandbox: source::sandbox(&path).to_owned(),
        dictionary,
        stack: Vec::new(),
        files: 0,
        octets: 0,
        line: 0,
        blocks: Blocks::default(),
        last: None,
        all_internal: false,
        aliases: Vec::new(),
        shapes: BTreeSet::new(),
        errors: Vec::new(),
    };
    let text = loader
        .source
        .read(&path)
        .map_err(|error| error.into_errors(file))?;
    loader.file(path, &text);
    loader.finish()
}

impl SourceError {
    fn into_errors(self, file: &str) -> DictionaryErrors {
        DictionaryErrors(vec![DictionaryError {
            file: file.to_owned(),
            line: 0,
            fault: Fault::Source(self),
        }])
    }
}

struct Loader<'s> {
    source: &'s mut dyn Source,
    sandbox: String,
    dictionary: Dictionary,
    /// The files being read, the innermost last.
    stack: Vec<String>,
    files: usize,
    octets: usize,
    /// The line being read in the innermost file.
    line: u32,
    blocks: Blocks,
    /// The last attribute whose number was not relative.
    last: Option<Oid>,
    /// After `FLAGS internal`.
    all_internal: bool,
    aliases: Vec<Alias>,
    /// Lower-case names of MEMBERs and STRUCTs, which may open a block.
    shapes: BTreeSet<String>,
    errors: Vec<DictionaryError>,
}

/// An ALIAS, kept until everything it may point to is read.
struct Alias {
    name: String,
    target: String,
    within: Option<Oid>,
    file: String,
    line: u32,
}

impl Loader<'_> {
    fn file(&mut self, path: String, text: &str) {
        self.files += 1;
        self.octets = self.octets.saturating_add(text.len());
        self.stack.push(path);
        let outer_line = std::mem::replace(&mut self.line, 0);
        let floor = self.blocks.enter_file();
        self.last = None;
        for line in text.lines() {
            if self.errors.len() >= DictionaryErrors::MAX {
                break;
            }
            self.line = self.line.saturating_add(1);
            if let Err(fault) = self.line(line) {
                self.fault(fault);
            }
        }
        for (keyword, line) in self.blocks.leave_file(floor) {
            self.line = line;
            self.fault(Fault::Unclosed { keyword });
        }
        self.line = outer_line;
        self.stack.pop();
    }

    fn fault(&mut self, fault: Fault) {
        self.errors.push(DictionaryError {
            file: self.stack.last().cloned().unwrap_or_default(),
            line: self.line,
            fault,
        });
    }

    fn include(&mut self, include: &str, optional: bool) -> Result<(), Fault> {
        let failed = |error| Fault::IncludeFailed {
            path: include.to_owned(),
            error,
        };
        let from = self.stack.last().map_or("", String::as_str);
        let path = source::resolve(from, include).map_err(failed)?;
        if !source::lies_in(&self.sandbox, &path) && !self.source.allows(&path) {
            return Err(failed(SourceError::Outside));
        }
        if self.stack.contains(&path) {
            return Err(Fault::IncludeCycle { path });
        }
        if self.files >= MAX_FILES || self.stack.len() >= MAX_DEPTH || self.octets > MAX_OCTETS {
            return Err(Fault::IncludeLimit {
                files: MAX_FILES,
                depth: MAX_DEPTH,
                octets: MAX_OCTETS,
            });
        }
        match self.source.read(&path) {
            Ok(text) => self.file(path, &text),
            Err(SourceError::NotFound) if optional => {}
            Err(error) => return Err(failed(error)),
        }
        Ok(())
    }

    /// Ties what had to wait: aliases, and VALUEs that stood before their ATTRIBUTE.
    fn finish(mut self) -> Result<Dictionary, DictionaryErrors> {
        for alias in std::mem::take(&mut self.aliases) {
            if !self.alias(&alias) {
                self.errors.push(DictionaryError {
                    file: alias.file,
                    line: alias.line,
                    fault: Fault::AliasTarget {
                        target: alias.target,
                    },
                });
            }
        }
        // They stood before every other VALUE of their attribute, so those decide; among themselves
        // the last one does.
        for value in std::mem::take(&mut self.dictionary.pending)
            .into_iter()
            .rev()
        {
            match self
                .dictionary
                .named(&value.attribute)
                .map(|found| found.spec.oid)
            {
                Some(oid) => self
                    .dictionary
                    .add_earlier_value(oid, &value.name, value.number),
                None => self.dictionary.pending.push(value),
            }
        }
        self.dictionary.pending.reverse();
        if !self.errors.is_empty() {
            self.errors.truncate(DictionaryErrors::MAX);
            return Err(DictionaryErrors(self.errors));
        }
        let mut dictionary = self.dictionary;
        dictionary.settle_formats();
        Ok(dictionary)
    }

    fn alias(&mut self, alias: &Alias) -> bool {
        let dictionary = &mut self.dictionary;
        let path = alias.target.trim_start_matches(['@', '.']);
        let found = dictionary
            .by_path(alias.within, path)
            .or_else(|| dictionary.by_path(None, path))
            .or_else(|| dictionary.joined_path(path));
        let Some(oid) = found else {
            return dictionary.named(&alias.name).is_some();
        };
        let attribute = dictionary.describe(&oid);
        let entry = Entry {
            name: alias.name.clone(),
            spec: attribute.spec,
            array: attribute.array,
            secret: attribute.secret,
            octets: attribute.octets,
        };
        dictionary.add_attribute(entry);
        true
    }
}
