use super::SourceError;

/// What is wrong with a set of dictionary files: every problem, in the order met; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryErrors(pub(super) Vec<DictionaryError>);

impl DictionaryErrors {
    /// The most problems that are kept; reading stops there.
    pub const MAX: usize = 1000;

    /// The problems, in the order met.
    pub fn iter(&self) -> std::slice::Iter<'_, DictionaryError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a DictionaryErrors {
    type Item = &'a DictionaryError;
    type IntoIter = std::slice::Iter<'a, DictionaryError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::fmt::Display for DictionaryErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DictionaryErrors {}

/// One problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {fault}")]
pub struct DictionaryError {
    /// The file, as it was asked of the [`Source`](super::Source).
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a line of a dictionary, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name in an ALIAS leads nowhere.
    #[error("ALIAS to {target:?}, which is not defined; define it or include its dictionary")]
    AliasTarget {
        /// The path as written.
        target: String,
    },
    /// The numbers lead deeper than attributes nest.
    #[error("the number {number:?} nests too deeply; at most 12 parts are possible")]
    Depth {
        /// The number as written.
        number: String,
    },
    /// A vendor's `format=` is none of those in use.
    #[error("format={text:?} is not t,l or t,l,c with t of 1, 2 or 4 and l of 0, 1 or 2")]
    Format {
        /// The text as written.
        text: String,
    },
    /// A file includes itself, directly or through others.
    #[error("$INCLUDE {path:?} includes itself; remove one of the includes")]
    IncludeCycle {
        /// The file that would be read again.
        path: String,
    },
    /// A file that is included cannot be had.
    #[error("$INCLUDE {path:?}: {error}; correct the path, or use $INCLUDE- if it is optional")]
    IncludeFailed {
        /// The path as written.
        path: String,
        /// Why not.
        error: SourceError,
    },
    /// Includes nest too deeply, or there are too many of them, or too much text.
    #[error("more than {files} files, {depth} levels of $INCLUDE or {octets} octets of text")]
    IncludeLimit {
        /// The most files.
        files: usize,
        /// The most levels.
        depth: usize,
        /// The most octets.
        octets: usize,
    },
    /// A line has fewer words than its keyword needs.
    #[error("{keyword} is incomplete: write {keyword} {usage}")]
    Incomplete {
        /// The keyword.
        keyword: &'static str,
        /// What belongs after it.
        usage: &'static str,
    },
    /// A dotted number inside an attribute that holds no others.
    #[error("the attribute {parent} holds no others; give it the type tlv")]
    NoTlv {
        /// The number of the outer attribute.
        parent: String,
    },
    /// A number is none, or outside its range.
    #[error("{number:?} is not a number from {min} to {max}, in decimal or as 0x..")]
    Number {
        /// The number as written.
        number: String,
        /// The least that is possible here.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A dotted number whose outer attribute is not defined.
    #[error("the attribute {parent} that should contain this one is not defined; define it first")]
    Parent {
        /// The number of the missing attribute.
        parent: String,
    },
    /// A number that starts with a dot, with nothing before it to be relative to.
    #[error("{number:?} is relative, but no attribute stands before it in this block")]
    Relative {
        /// The number as written.
        number: String,
    },
    /// The first file cannot be had.
    #[error("{0}")]
    Source(SourceError),
    /// A BEGIN without its END.
    #[error("this {keyword} has no END in the same file; add it")]
    Unclosed {
        /// The keyword of the BEGIN.
        keyword: &'static str,
    },
    /// An END that does not match the open BEGIN.
    #[error("{keyword} {name:?} closes nothing that is open here; check the BEGIN above")]
    UnmatchedEnd {
        /// The keyword of the END.
        keyword: &'static str,
        /// The name after it.
        name: String,
    },
    /// A name that should be an attribute's.
    #[error("there is no attribute {name:?} here; define it first or include its dictionary")]
    UnknownAttribute {
        /// The name as written.
        name: String,
    },
    /// A flag that is not known.
    #[error(
        "unknown flag {flag:?}; known are has_tag, encrypt=1..3, concat, array, secret and others"
    )]
    UnknownFlag {
        /// The flag as written.
        flag: String,
    },
    /// The first word of a line is not a keyword.
    #[error(
        "unknown keyword {word:?}; expected ATTRIBUTE, VALUE, VENDOR, $INCLUDE, BEGIN-VENDOR, .."
    )]
    UnknownKeyword {
        /// The word as written.
        word: String,
    },
    /// A data type that is not known.
    #[error("unknown type {name:?}; known are string, octets, integer, ipaddr, date and others")]
    UnknownType {
        /// The type as written.
        name: String,
    },
    /// A vendor that is not defined.
    #[error("unknown vendor {name:?}; write VENDOR {name} NUMBER before this line")]
    UnknownVendor {
        /// The name as written.
        name: String,
    },
}
