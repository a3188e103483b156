//! Words and sentences: how the API is cut on the wire. No I/O.
//!
//! A word is its length and its octets; a word of no octets ends a sentence. The length takes one
//! to five octets:
//!
//! | length below | octets | first octet |
//! |---|---|---|
//! | 2^7 | 1 | `0xxxxxxx` |
//! | 2^14 | 2 | `10xxxxxx` |
//! | 2^21 | 3 | `110xxxxx` |
//! | 2^28 | 4 | `1110xxxx` |
//! | 2^32 | 5 | `11110000` |
//!
//! First octets from `0xF8` on are reserved for control; what follows one cannot be read.

use zeroize::Zeroizing;

/// The longest word that is taken, 8 MiB. The longest that routers send is the text of a whole
/// export (`/execute` with `as-string`), a few hundred KiB where address lists are big.
pub const LONGEST_WORD: usize = 8 << 20;
/// The most octets of one sentence, 16 MiB: the longest word, and as much again.
pub const LONGEST_SENTENCE: usize = 16 << 20;
/// The most words of one sentence. The widest items of RouterOS have fewer than 200 properties.
pub const MOST_WORDS: usize = 1024;

/// The first of the octets that are reserved for control.
const FIRST_CONTROL: u8 = 0xf8;
/// How much room a word is given before its octets have come.
const ROOM_AHEAD: usize = 4096;

/// The words of a sentence, without the empty one at its end. It has at least one.
pub type Sentence = Vec<Vec<u8>>;

/// Why what comes cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Garbled {
    /// A control octet where a length should be.
    #[error("a word begins with the reserved octet {0:#04x}")]
    Control(u8),
    /// A word is longer than [`LONGEST_WORD`].
    #[error("a word of {0} octets; the most that is taken is {LONGEST_WORD}")]
    LongWord(usize),
    /// A sentence is longer than [`LONGEST_SENTENCE`].
    #[error("a sentence of more than {LONGEST_SENTENCE} octets")]
    LongSentence,
    /// A sentence has more than [`MOST_WORDS`] words.
    #[error("a sentence of more than {MOST_WORDS} words")]
    ManyWords,
}

/// Appends a word.
///
/// # Errors
/// [`Garbled::LongWord`].
pub fn put_word(word: &[u8], out: &mut Vec<u8>) -> Result<(), Garbled> {
    let too_long = || Garbled::LongWord(word.len());
    if word.len() > LONGEST_WORD {
        return Err(too_long());
    }
    let length = u32::try_from(word.len()).map_err(|_| too_long())?;
    put_length(length, out);
    out.extend_from_slice(word);
    Ok(())
}

/// Appends a length in the shortest of its forms.
pub fn put_length(length: u32, out: &mut Vec<u8>) {
    let [a, b, c, d] = length.to_be_bytes();
    match length {
        0..0x80 => out.push(d),
        0x80..0x4000 => out.extend([0x80 | c, d]),
        0x4000..0x20_0000 => out.extend([0xc0 | b, c, d]),
        0x20_0000..0x1000_0000 => out.extend([0xe0 | a, b, c, d]),
        0x1000_0000.. => out.extend([0xf0, a, b, c, d]),
    }
}

/// A sentence as it goes out, wiped when dropped, for it may hold a password. Empty words, which
/// would end it early, are left out.
///
/// # Errors
/// As the bounds of this module say.
pub fn sentence<W: AsRef<[u8]>>(
    words: impl IntoIterator<Item = W>,
) -> Result<Zeroizing<Vec<u8>>, Garbled> {
    let mut out = Zeroizing::new(Vec::new());
    let mut count = 0;
    for word in words {
        let word = word.as_ref();
        if word.is_empty() {
            continue;
        }
        count += 1;
        if count > MOST_WORDS {
            return Err(Garbled::ManyWords);
        }
        // Growing in place would leave unwiped copies behind.
        if out.capacity() - out.len() < word.len() + 6 {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (out.len() + word.len()) + 64));
            larger.extend_from_slice(&out);
            out = larger;
        }
        put_word(word, &mut out)?;
        if out.len() > LONGEST_SENTENCE {
            return Err(Garbled::LongSentence);
        }
    }
    out.push(0);
    Ok(out)
}

/// Reads sentences from octets that come in pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    part: Part,
    words: Sentence,
    /// Of the words of this sentence.
    octets: usize,
    garbled: Option<Garbled>,
}

/// What is being read.
#[derive(Debug)]
enum Part {
    /// A length, of which so many octets have come.
    Length { come: [u8; 5], count: usize },
    /// A word, of which so many octets are to come.
    Word { word: Vec<u8>, missing: usize },
}

impl Default for Part {
    fn default() -> Self {
        Self::Length {
            come: [0; 5],
            count: 0,
        }
    }
}

impl Decoder {
    /// At the beginning of a sentence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets from the front of `input` until a sentence is whole or there are no more.
    /// Empty sentences are passed over. It holds no more than one sentence within its bounds.
    ///
    /// # Errors
    /// What cannot be read stays so: every later call fails alike.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Sentence>, Garbled> {
        if let Some(garbled) = self.garbled {
            return Err(garbled);
        }
        let read = self.step(input);
        self.garbled = read.as_ref().err().copied();
        read
    }

    /// Whether the last octet read ended a sentence.
    pub fn is_between_sentences(&self) -> bool {
        self.words.is_empty() && matches!(self.part, Part::Length { count: 0, .. })
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Sentence>, Garbled> {
        loop {
            match &mut self.part {
                Part::Word { word, missing } => {
                    let (now, later) = input.split_at((*missing).min(input.len()));
                    word.extend_from_slice(now);
                    *missing -= now.len();
                    *input = later;
                    if *missing > 0 {
                        return Ok(None);
                    }
                    self.words.push(std::mem::take(word));
                    self.part = Part::default();
                }
                Part::Length { come, count } => {
                    let Some((first, later)) = input.split_first() else {
                        return Ok(None);
                    };
                    *input = later;
                    if let Some(place) = come.get_mut(*count) {
                        *place = *first;
                    }
                    *count += 1;
                    let Some(length) = length(*come, *count)? else {
                        continue;
                    };
                    self.part = Part::default();
                    if length == 0 {
                        if self.words.is_empty() {
                            continue;
                        }
                        self.octets = 0;
                        return Ok(Some(std::mem::take(&mut self.words)));
                    }
                    self.part = self.word(length)?;
                }
            }
        }
    }

    /// Begins a word within the bounds.
    fn word(&mut self, length: usize) -> Result<Part, Garbled> {
        if length > LONGEST_WORD {
            return Err(Garbled::LongWord(length));
        }
        if self.words.len() == MOST_WORDS {
            return Err(Garbled::ManyWords);
        }
        self.octets = self.octets.saturating_add(length);
        if self.octets > LONGEST_SENTENCE {
            return Err(Garbled::LongSentence);
        }
        Ok(Part::Word {
            word: Vec::with_capacity(length.min(ROOM_AHEAD)),
            missing: length,
        })
    }
}

/// The length, once all of its octets have come.
fn length(come: [u8; 5], count: usize) -> Result<Option<usize>, Garbled> {
    let [first, b, c, d, e] = come;
    let (wanted, octets) = match first {
        0x00..0x80 => (1, [0, 0, 0, first]),
        0x80..0xc0 => (2, [0, 0, first & 0x3f, b]),
        0xc0..0xe0 => (3, [0, first & 0x1f, b, c]),
        0xe0..0xf0 => (4, [first & 0x0f, b, c, d]),
        // The low bits of the fifth form mean nothing.
        0xf0..FIRST_CONTROL => (5, [b, c, d, e]),
        FIRST_CONTROL.. => return Err(Garbled::Control(first)),
    };
    if count < wanted {
        return Ok(None);
    }
    let length = u32::from_be_bytes(octets);
    Ok(Some(usize::try_from(length).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn all(decoder: &mut Decoder, mut input: &[u8]) -> Result<Vec<Sentence>, Garbled> {
        let mut found = Vec::new();
        while let Some(sentence) = decoder.read(&mut input)? {
            found.push(sentence);
        }
        assert!(input.is_empty());
        Ok(found)
    }

    #[test]
    fn lengths_take_the_documented_forms() {
        for (length, octets) in [
            (0x7f, &[0x7f][..]),
            (0x80, &[0x80, 0x80]),
            (0x3fff, &[0xbf, 0xff]),
            (0x4000, &[0xc0, 0x40, 0x00]),
            (0x1f_ffff, &[0xdf, 0xff, 0xff]),
            (0x20_0000, &[0xe0, 0x20, 0x00, 0x00]),
            (0x0fff_ffff, &[0xef, 0xff, 0xff, 0xff]),
            (0x1000_0000, &[0xf0, 0x10, 0x00, 0x00, 0x00]),
            (u32::MAX, &[0xf0, 0xff, 0xff, 0xff, 0xff]),
        ] {
            let mut out = Vec::new();
            put_length(length, &mut out);
            assert_eq!(out, octets);
            let mut come = [0; 5];
            come[..octets.len()].copy_from_slice(octets);
            for count in 1..octets.len() {
                assert_eq!(super::length(come, count), Ok(None));
            }
            let length = usize::try_from(length).unwrap();
            assert_eq!(super::length(come, octets.len()), Ok(Some(length)));
        }
    }

    #[test]
    fn words_of_every_length_come_back() {
        for length in [
            1,
            0x7f,
            0x80,
            0x3fff,
            0x4000,
            0x1f_ffff,
            0x20_0000,
            LONGEST_WORD,
        ] {
            let word = vec![b'x'; length];
            let wire = sentence([&word]).unwrap();
            let sentences = all(&mut Decoder::new(), &wire).unwrap();
            assert_eq!(sentences.len(), 1);
            assert!(sentences[0] == [word], "{length}");
        }
    }

    #[test]
    fn bounds_hold() {
        let read = |octets: &[u8]| all(&mut Decoder::new(), octets);
        for control in FIRST_CONTROL..=0xff {
            assert_eq!(read(&[control]), Err(Garbled::Control(control)));
        }
        let mut long = Vec::new();
        put_length(u32::try_from(LONGEST_WORD).unwrap() + 1, &mut long);
        assert_eq!(read(&long), Err(Garbled::LongWord(LONGEST_WORD + 1)));
        assert!(sentence([vec![0; LONGEST_WORD + 1]]).is_err());

        let many = [1, b'x'].repeat(MOST_WORDS);
        assert_eq!(read(&many), Ok(vec![]));
        assert_eq!(
            read(&[&many[..], &[0]].concat()).unwrap()[0].len(),
            MOST_WORDS
        );
        assert_eq!(read(&[&many[..], &[1]].concat()), Err(Garbled::ManyWords));
        assert!(sentence(vec!["x"; MOST_WORDS + 1]).is_err());

        let mut big = Vec::new();
        for _ in 0..LONGEST_SENTENCE / LONGEST_WORD {
            put_word(&vec![b'x'; LONGEST_WORD], &mut big).unwrap();
        }
        assert_eq!(read(&big), Ok(vec![]));
        big.push(1);
        assert_eq!(read(&big), Err(Garbled::LongSentence));
    }

    #[test]
    fn what_is_garbled_stays_garbled() {
        let mut decoder = Decoder::new();
        assert!(all(&mut decoder, &[0xff]).is_err());
        assert_eq!(
            all(&mut decoder, &[1, b'x', 0]),
            Err(Garbled::Control(0xff))
        );
    }

    #[test]
    fn empty_sentences_are_passed_over() {
        let mut decoder = Decoder::new();
        let found = all(&mut decoder, &[0, 0, 1, b'a', 0, 0, 1, b'b', 0, 0]).unwrap();
        assert_eq!(found, [vec![b"a".to_vec()], vec![b"b".to_vec()]]);
        assert!(decoder.is_between_sentences());
    }

    proptest! {
        #[test]
        fn sentences_come_back_however_they_are_cut(
            sentences in vec(vec(vec(any::<u8>(), 1..300), 1..6), 1..4),
            pieces in vec(1_usize..40, 0..60),
        ) {
            let mut wire = Vec::new();
            for words in &sentences {
                wire.extend_from_slice(&sentence(words).unwrap());
            }
            let mut decoder = Decoder::new();
            let (mut found, mut rest) = (Vec::new(), &wire[..]);
            for piece in pieces {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                found.extend(all(&mut decoder, now).unwrap());
                rest = later;
            }
            found.extend(all(&mut decoder, rest).unwrap());
            prop_assert_eq!(found, sentences);
            prop_assert!(decoder.is_between_sentences());
        }

        #[test]
        fn one_cut_anywhere_changes_nothing(words in vec(vec(any::<u8>(), 1..200), 1..4)) {
            let wire = sentence(&words).unwrap();
            for cut in 0..=wire.len() {
                let mut decoder = Decoder::new();
                let mut found = all(&mut decoder, &wire[..cut]).unwrap();
                found.extend(all(&mut decoder, &wire[cut..]).unwrap());
                prop_assert_eq!(&found, &vec![words.clone()]);
            }
        }

        #[test]
        fn hostile_octets_neither_panic_nor_grow(octets in vec(any::<u8>(), 0..2000)) {
            let mut decoder = Decoder::new();
            let mut rest = &octets[..];
            let mut held = 0;
            while let Ok(Some(sentence)) = decoder.read(&mut rest) {
                prop_assert!(!sentence.is_empty());
                held += sentence.iter().map(Vec::len).sum::<usize>();
            }
            let kept: usize = decoder.words.iter().map(Vec::len).sum();
            let room = match &decoder.part {
                Part::Word { word, .. } => word.capacity(),
                Part::Length { .. } => 0,
            };
            prop_assert!(held + kept <= octets.len());
            prop_assert!(room <= ROOM_AHEAD.max(2 * octets.len()));
        }
    }
}
