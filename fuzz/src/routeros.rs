//! A router that says anything.

use portreeve_routeros::{
    Command, Error, Record,
    api::{
        codec::{self, Decoder, Garbled, Sentence},
        tags::{Event, Tags, Wanted},
    },
};

/// So much memory may an answer take here.
const LARGEST_ANSWER: usize = 1 << 16;

/// What a router sends, in pieces: the first octet says how long they are. It answers commands
/// with the tags 1 to 4, the last of which is cancelled.
///
/// # Panics
///
/// If it matters how the octets are cut, if sentences do not come back as they were, if an answer
/// grows beyond its bound, or if an error holds a control character: these are the findings.
pub fn routeros(input: &[u8]) {
    let [piece, octets @ ..] = input else { return };
    let (sentences, end) = read(octets, usize::from(*piece) + 1);
    assert_eq!(
        (&sentences, end),
        (&read(octets, octets.len().max(1)).0, end)
    );
    for sentence in &sentences {
        let again = codec::sentence(sentence).map(|wire| read(&wire, 1).0);
        assert_eq!(
            again.as_ref().map(Vec::as_slice),
            Ok(&[sentence.clone()][..])
        );
    }
    converse(&sentences);
}

fn read(octets: &[u8], piece: usize) -> (Vec<Sentence>, Option<Garbled>) {
    let (mut decoder, mut sentences) = (Decoder::new(), Vec::new());
    for mut piece in octets.chunks(piece) {
        loop {
            match decoder.read(&mut piece) {
                Ok(Some(sentence)) => sentences.push(sentence),
                Ok(None) => break,
                Err(garbled) => return (sentences, Some(garbled)),
            }
        }
    }
    (sentences, None)
}

fn converse(sentences: &[Sentence]) {
    let mut tags = Tags::new(LARGEST_ANSWER);
    let wanted = [Wanted::Whole, Wanted::Whole, Wanted::Items, Wanted::Whole];
    let add = Command::new("/radius/add").with("secret", "s3cret of ours");
    for (tag, wanted) in (1..).zip(wanted) {
        if let Err(error) = tags.begin(tag, &add, wanted) {
            show(&error);
        }
    }
    tags.cancel(4);
    for sentence in sentences {
        match tags.receive(sentence) {
            Ok(Some(Event::Finished { answer, .. })) => match answer {
                Ok(answer) => {
                    let octets = answer.records.iter().flat_map(Record::iter);
                    let size: usize = octets.map(|(name, value)| name.len() + value.len()).sum();
                    // Latin-1 takes twice its octets as text.
                    assert!(size <= 2 * LARGEST_ANSWER, "an answer of {size} octets");
                }
                Err(error) => show(&error),
            },
            Ok(Some(Event::Fatal { reason })) => harmless(&reason),
            Ok(_) => {}
            Err(error) => return show(&error),
        }
        assert!(tags.outgoing().count() <= 8, "it is told too much");
    }
}

fn show(error: &Error) {
    harmless(&error.to_string());
}

fn harmless(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.len() <= 10_000, "{} octets", text.len());
    assert!(!text.contains("s3cret of ours"), "{text}");
}
