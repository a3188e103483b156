//! Many commands on one connection, told apart by their tags. No I/O.

use std::collections::{HashMap, VecDeque};

use zeroize::Zeroizing;

use super::{
    codec::{self, Garbled},
    reply::{Faults, Kind, Reply},
};
use crate::{
    Answer, Command, Error, Query, Record,
    secret::{Told, secrets_of, without},
};

/// The most commands that may be unanswered, the cancelled ones among them. RouterOS works on the
/// commands of a session side by side, and each takes memory there.
pub const MOST_OPEN: usize = 256;
/// How much memory one answer may take, 128 MiB: some 250,000 routes.
pub const LARGEST_ANSWER: usize = 128 << 20;

/// What a property takes beside its octets, and what an item does: two texts and their places.
const PROPERTY_OVERHEAD: usize = 64;
/// Tags of our own commands count down from here; those of the caller are below.
const OWN_TAGS: u64 = u64::MAX;

/// How the answer to a command is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Whole, once it has ended.
    Whole,
    /// Item by item, as they come.
    Items,
    /// Not at all: it was cancelled, or is one of our own.
    Nothing,
}

/// What a sentence brought about.
#[derive(Debug)]
pub enum Event {
    /// An item of a command whose items are wanted as they come.
    Item {
        /// The command's tag.
        tag: u64,
        /// The item.
        record: Record,
        /// How much memory it takes.
        size: usize,
    },
    /// A command has ended, or its answer has grown too large and it was cancelled.
    Finished {
        /// The command's tag.
        tag: u64,
        /// What it answered. Where items were wanted as they came, there are none here.
        answer: Result<Answer, Error>,
    },
    /// A cancelled command has ended.
    Released {
        /// The command's tag.
        tag: u64,
    },
    /// The router ends the session.
    Fatal {
        /// Its own words.
        reason: String,
    },
}

/// The commands that are not answered yet, and the sentences that are to be sent.
#[derive(Debug)]
pub struct Tags {
    open: HashMap<u64, Open>,
    outgoing: VecDeque<Zeroizing<Vec<u8>>>,
    own: u64,
    largest_answer: usize,
    told: Told,
}

#[derive(Debug)]
struct Open {
    command: String,
    secrets: Vec<Zeroizing<String>>,
    wanted: Wanted,
    answer: Answer,
    faults: Faults,
    size: usize,
}

impl Default for Tags {
    fn default() -> Self {
        Self::new(LARGEST_ANSWER)
    }
}

impl Tags {
    /// No commands. No answer may take more octets of memory than this.
    pub fn new(largest_answer: usize) -> Self {
        Self {
            open: HashMap::new(),
            outgoing: VecDeque::new(),
            own: 0,
            largest_answer,
            told: Told::default(),
        }
    }

    /// Has a secret that the router was told otherwise left out of all that is quoted of it.
    pub fn never_quote(&mut self, secret: &str) {
        self.told.add(secret);
    }

    /// Begins a command under a tag that no open one has.
    ///
    /// # Errors
    /// Where the command cannot be written, or too many are open.
    pub fn begin(&mut self, tag: u64, command: &Command, wanted: Wanted) -> Result<(), Error> {
        if self.open.len() >= MOST_OPEN || self.open.contains_key(&tag) {
            return Err(Error::Protocol(format!(
                "the router has not answered {MOST_OPEN} commands, or the tag {tag} twice"
            )));
        }
        let mut words = words_of(command)?;
        words.push(Zeroizing::new(format!(".tag={tag}")));
        let sentence = codec::sentence(words.iter().map(|word| word.as_bytes()))
            .map_err(|garbled| unsendable(command, garbled))?;
        self.outgoing.push_back(sentence);
        let secrets = secrets_of(command.arguments()).into_iter();
        let secrets = secrets.inspect(|secret| self.told.add(secret));
        let open = Open {
            command: command.path().to_owned(),
            secrets: secrets
                .map(|text| Zeroizing::new(text.to_owned()))
                .collect(),
            wanted,
            answer: Answer::default(),
            faults: Faults::default(),
            size: 0,
        };
        self.open.insert(tag, open);
        Ok(())
    }

    /// Asks the router to stop a command, whose answer is no longer wanted. Whether it was open.
    pub fn cancel(&mut self, tag: u64) -> bool {
        let Some(open) = self.open.get_mut(&tag) else {
            return false;
        };
        if open.wanted == Wanted::Nothing {
            return true;
        }
        open.wanted = Wanted::Nothing;
        open.answer = Answer::default();
        open.size = 0;
        let cancel = Command::new("/cancel").with("tag", tag.to_string());
        // Where there is no place for it, the command goes on unheard.
        let own = self.own_tag();
        self.begin(own, &cancel, Wanted::Nothing).ok();
        true
    }

    /// Asks the router for something of no interest, to hear whether it is there.
    pub fn knock(&mut self) {
        let own = self.own_tag();
        let name = Command::new("/system/identity/print").asking(["name"]);
        self.begin(own, &name, Wanted::Nothing).ok();
    }

    /// What is to be sent, in order.
    pub fn outgoing(&mut self) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
        self.outgoing.drain(..)
    }

    /// The paths of the commands whose answers are wanted, by tag.
    pub fn wanted(&self) -> impl Iterator<Item = (u64, &str)> {
        let wanted = self
            .open
            .iter()
            .filter(|(_, open)| open.wanted != Wanted::Nothing);
        wanted.map(|(tag, open)| (*tag, open.command.as_str()))
    }

    /// Whether the items of some command are wanted as they come.
    pub fn is_listening(&self) -> bool {
        self.open.values().any(|open| open.wanted == Wanted::Items)
    }

    /// Takes a sentence. One for a command that is not open is passed over.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a sentence that no router sends, after which there is no going on.
    pub fn receive(&mut self, sentence: &[Vec<u8>]) -> Result<Option<Event>, Error> {
        let reply = Reply::read(sentence)
            .ok_or_else(|| Error::Protocol("a sentence that is no reply".to_owned()))?;
        if reply.kind == Kind::Fatal {
            let open = self.open.values().flat_map(|open| &open.secrets);
            let secrets = open.map(|secret| secret.as_str()).chain(self.told.iter());
            let reason = without(&reply.message(), secrets);
            return Ok(Some(Event::Fatal { reason }));
        }
        let Some(tag) = reply.tag else {
            return Ok(None);
        };
        let Some(open) = self.open.get_mut(&tag) else {
            return Ok(None);
        };
        match reply.kind {
            Kind::Done => Ok(Some(self.finish(tag, reply.record))),
            Kind::Trap => {
                open.faults.add(&reply);
                Ok(None)
            }
            Kind::Record => self.item(tag, reply),
            Kind::Empty | Kind::Unknown | Kind::Fatal => Ok(None),
        }
    }

    fn item(&mut self, tag: u64, reply: Reply) -> Result<Option<Event>, Error> {
        let size = size_of(&reply);
        let Some(open) = self.open.get_mut(&tag) else {
            return Ok(None);
        };
        let record = reply.record;
        match open.wanted {
            Wanted::Items => return Ok(Some(Event::Item { tag, record, size })),
            Wanted::Nothing => open.size = open.size.saturating_add(reply.octets),
            Wanted::Whole => {
                open.size = open.size.saturating_add(size);
                open.answer.records.push(record);
            }
        }
        if open.size <= self.largest_answer {
            return Ok(None);
        }
        if open.wanted == Wanted::Nothing {
            let command = &open.command;
            let message = format!("{command} does not end though it was cancelled");
            return Err(Error::Protocol(message));
        }
        let answer = Err(Error::TooMuch {
            command: open.command.clone(),
            bound: self.largest_answer,
        });
        self.cancel(tag);
        Ok(Some(Event::Finished { tag, answer }))
    }

    fn finish(&mut self, tag: u64, done: Record) -> Event {
        let Some(mut open) = self.open.remove(&tag) else {
            return Event::Released { tag };
        };
        if open.wanted == Wanted::Nothing {
            return Event::Released { tag };
        }
        let answer = if open.faults.is_empty() {
            open.answer.done = done;
            Ok(open.answer)
        } else {
            let secrets = open.secrets.iter().map(|text| text.as_str());
            let secrets: Vec<&str> = secrets.chain(self.told.iter()).collect();
            Err(open.faults.into_error(&open.command, &secrets))
        };
        Event::Finished { tag, answer }
    }

    fn own_tag(&mut self) -> u64 {
        self.own += 1;
        OWN_TAGS - self.own
    }
}

fn size_of(reply: &Reply) -> usize {
    let properties = reply.record.iter().count() + 1;
    reply.octets.saturating_add(properties * PROPERTY_OVERHEAD)
}

/// The words of a command, but for its tag.
pub(super) fn words_of(command: &Command) -> Result<Vec<Zeroizing<String>>, Error> {
    let wrong = |message: &str| Error::BadValue {
        command: command.path().to_owned(),
        message: message.to_owned(),
    };
    if !command.path().starts_with('/') {
        return Err(wrong("the path of a command begins with /"));
    }
    let mut words = vec![command.path().to_owned()];
    for (name, value) in command.arguments() {
        if name.is_empty() || name.contains('=') {
            return Err(wrong("the name of an argument is empty or has = in it"));
        }
        words.push(format!("={name}={value}"));
    }
    if !command.properties().is_empty() {
        words.push(format!("=.proplist={}", command.properties().join(",")));
    }
    let queries = command.queries().iter().map(Query::word);
    words.extend(queries.map(|query| format!("?{query}")));
    Ok(words.into_iter().map(Zeroizing::new).collect())
}

fn unsendable(command: &Command, garbled: Garbled) -> Error {
    Error::BadValue {
        command: command.path().to_owned(),
        message: format!("it cannot be sent: {garbled}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    fn sent(tags: &mut Tags) -> Vec<Vec<String>> {
        let mut decoder = codec::Decoder::new();
        let mut all = Vec::new();
        for octets in tags.outgoing() {
            let words = decoder.read(&mut &octets[..]).unwrap().unwrap();
            all.push(
                words
                    .into_iter()
                    .map(|w| String::from_utf8(w).unwrap())
                    .collect(),
            );
        }
        all
    }

    #[test]
    fn what_the_router_was_told_is_not_quoted_when_it_ends_the_session() {
        let mut tags = Tags::default();
        tags.never_quote("pa55word");
        let add = Command::new("/radius/add").with("secret", "s3cret");
        tags.begin(1, &add, Wanted::Whole).unwrap();
        for round in 0..2 {
            let fatal = sentence(&["!fatal", "s3cret and pa55word are wrong"]);
            let Ok(Some(Event::Fatal { reason })) = tags.receive(&fatal) else {
                panic!("no end");
            };
            assert_eq!(reason, "[redacted] and [redacted] are wrong", "{round}");
            // Also when it has been answered.
            tags.receive(&sentence(&["!done", ".tag=1"])).unwrap();
        }
    }

    fn begun(wanted: Wanted) -> Tags {
        let mut tags = Tags::new(1000);
        tags.begin(7, &Command::new("/log/print"), wanted).unwrap();
        sent(&mut tags);
        tags
    }

    #[test]
    fn a_command_is_written_with_all_its_parts() {
        let mut tags = Tags::default();
        let command = Command::new("/radius/print")
            .flag("detail")
            .asking([".id", "address"])
            .only_where(Query::equals("comment", "x=y"))
            .only_where(Query::Operations("!".to_owned()));
        tags.begin(1, &command, Wanted::Whole).unwrap();
        let words = [
            "/radius/print",
            "=detail=",
            "=.proplist=.id,address",
            "?comment=x=y",
            "?#!",
            ".tag=1",
        ];
        assert_eq!(sent(&mut tags), [words]);
        for wrong in [
            Command::new("radius/print"),
            Command::new(""),
            Command::new("/x").with("a=b", "c"),
            Command::new("/x").with("", "c"),
            Command::new("/x").with("a", "c".repeat(codec::LONGEST_WORD)),
        ] {
            assert!(matches!(
                tags.begin(2, &wrong, Wanted::Whole),
                Err(Error::BadValue { .. })
            ));
        }
        assert!(sent(&mut tags).is_empty());
    }

    #[test]
    fn answers_come_in_any_order() {
        let mut tags = Tags::default();
        for tag in [1, 2] {
            tags.begin(tag, &Command::new("/x"), Wanted::Whole).unwrap();
        }
        let mut finished = Vec::new();
        for words in [
            &["!re", ".tag=1", "=n=1"][..],
            &["!re", ".tag=2", "=n=2"],
            &["!empty", ".tag=9"],
            &["!re", "=n=3"],
            &["!done", ".tag=2", "=ret=*A"],
            &["!done", ".tag=1"],
            &["!done", ".tag=1"],
        ] {
            match tags.receive(&sentence(words)).unwrap() {
                Some(Event::Finished { tag, answer }) => finished.push((tag, answer.unwrap())),
                event => assert!(event.is_none(), "{event:?}"),
            }
        }
        let number = |answer: &Answer| answer.records[0].number("n");
        assert_eq!((finished[0].0, number(&finished[0].1)), (2, Some(2)));
        assert_eq!((finished[1].0, number(&finished[1].1)), (1, Some(1)));
        assert_eq!(finished[0].1.returned(), Some("*A"));
        assert_eq!(finished.len(), 2);
    }

    #[test]
    fn nothing_found_is_an_empty_answer_in_both_forms() {
        for words in [
            &[&["!empty", ".tag=7"][..], &["!done", ".tag=7"]][..],
            &[&["!done", ".tag=7"]],
        ] {
            let mut tags = begun(Wanted::Whole);
            let mut events = words
                .iter()
                .filter_map(|w| tags.receive(&sentence(w)).unwrap());
            let Some(Event::Finished { answer, .. }) = events.next() else {
                panic!("not finished");
            };
            assert_eq!(answer.unwrap(), Answer::default());
        }
    }

    #[test]
    fn a_cancelled_command_is_let_go_when_it_ends() {
        let mut tags = begun(Wanted::Items);
        let item = sentence(&["!re", ".tag=7", "=message=x"]);
        assert!(matches!(
            tags.receive(&item).unwrap(),
            Some(Event::Item { tag: 7, .. })
        ));
        assert!(tags.is_listening());
        assert!(tags.cancel(7) && tags.cancel(7) && !tags.cancel(8));
        let words = sent(&mut tags);
        assert_eq!(words.len(), 1);
        assert_eq!(words[0][..2], ["/cancel", "=tag=7"]);
        assert!(tags.receive(&item).unwrap().is_none());
        let trap = sentence(&["!trap", ".tag=7", "=category=2", "=message=interrupted"]);
        assert!(tags.receive(&trap).unwrap().is_none());
        let done = tags.receive(&sentence(&["!done", ".tag=7"])).unwrap();
        assert!(matches!(done, Some(Event::Released { tag: 7 })));
        let own = sentence(&["!done", &words[0][2]]);
        assert!(matches!(
            tags.receive(&own).unwrap(),
            Some(Event::Released { .. })
        ));
        assert!(tags.open.is_empty());
    }

    #[test]
    fn an_endless_answer_is_cancelled_and_one_that_goes_on_ends_the_session() {
        let mut tags = begun(Wanted::Whole);
        let item = sentence(&["!re", ".tag=7", "=message=0123456789"]);
        let mut answers = (0..100).map(|_| tags.receive(&item));
        let first = answers.find_map(|event| event.unwrap());
        assert!(matches!(
            first,
            Some(Event::Finished {
                tag: 7,
                answer: Err(Error::TooMuch { bound: 1000, .. })
            })
        ));
        drop(answers);
        assert_eq!(sent(&mut tags)[0][0], "/cancel");
        assert!(tags.open[&7].answer.records.is_empty());
        let end = (0..1000).find_map(|_| tags.receive(&item).err());
        assert!(matches!(end, Some(Error::Protocol(_))));
    }

    #[test]
    fn the_number_of_open_commands_is_bounded() {
        let mut tags = Tags::default();
        let command = Command::new("/x");
        for tag in 0..1000 {
            tags.begin(tag, &command, Wanted::Whole).ok();
        }
        assert_eq!(tags.open.len(), MOST_OPEN);
        assert_eq!(sent(&mut tags).len(), MOST_OPEN);
    }

    #[test]
    fn a_session_ends_for_a_reason_or_for_nonsense() {
        let mut tags = begun(Wanted::Whole);
        let fatal = tags
            .receive(&sentence(&["!fatal", "not logged in"]))
            .unwrap();
        assert!(matches!(fatal, Some(Event::Fatal { reason }) if reason == "not logged in"));
        assert!(tags.receive(&sentence(&["HTTP/1.1 400"])).is_err());
    }
}
