//! What a sentence of a router means. No I/O.

use crate::{Error, Record, secret::without, text};

/// The most complaints about one command that are kept. Routers make one or two.
const MOST_TRAPS: usize = 8;

/// The first word of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `!re`: one item.
    Record,
    /// `!done`: the answer is whole. Every answer ends with one.
    Done,
    /// `!trap`: the command failed. One or more come before the `!done`.
    Trap,
    /// `!fatal`: the router ends the session.
    Fatal,
    /// `!empty`: there are no items. RouterOS 7.18 and later; the `!done` follows.
    Empty,
    /// A word of some later version, to be passed over.
    Unknown,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it is.
    pub kind: Kind,
    /// The `.tag` of the command it answers.
    pub tag: Option<u64>,
    /// The `=name=value` words.
    pub record: Record,
    /// The words of no such form: the reason of a `!fatal`.
    pub bare: Vec<String>,
    /// How many octets its words have.
    pub octets: usize,
}

impl Reply {
    /// Reads a sentence. `None` where it is no reply of a router.
    pub fn read(words: &[Vec<u8>]) -> Option<Self> {
        let (first, rest) = words.split_first()?;
        let kind = match &**first {
            b"!re" => Kind::Record,
            b"!done" => Kind::Done,
            b"!trap" => Kind::Trap,
            b"!fatal" => Kind::Fatal,
            b"!empty" => Kind::Empty,
            [b'!', ..] => Kind::Unknown,
            _ => return None,
        };
        let mut reply = Self {
            kind,
            tag: None,
            record: Record::new(),
            bare: Vec::new(),
            octets: words.iter().map(Vec::len).sum(),
        };
        for word in rest {
            if let Some(tag) = word.strip_prefix(b".tag=") {
                reply.tag = str::from_utf8(tag).ok().and_then(|tag| tag.parse().ok());
            } else if let Some(pair) = word.strip_prefix(b"=") {
                let pair = text::read(pair);
                let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
                reply.record.set(name, value);
            } else {
                reply.bare.push(text::read(word));
            }
        }
        Some(reply)
    }

    /// What a `!trap` or a `!fatal` says, as one may quote it.
    pub fn message(&self) -> String {
        let bare = || self.bare.join(" ");
        let message = self.record.get("message").map_or_else(bare, str::to_owned);
        text::quotable(&message)
    }
}

/// The complaints about one command.
#[derive(Debug, Default)]
pub struct Faults(Vec<(Option<u8>, String)>);

impl Faults {
    /// Keeps a `!trap`.
    pub fn add(&mut self, reply: &Reply) {
        if self.0.len() < MOST_TRAPS {
            let category = reply.record.number("category");
            let category = category.and_then(|number| u8::try_from(number).ok());
            self.0.push((category, reply.message()));
        }
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order they came in.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, message)| message.as_str())
    }

    /// One error of all: its kind is that of the most telling complaint, and where it quotes the
    /// router, it quotes all of them. None of `secrets` is quoted.
    pub fn into_error(mut self, command: &str, secrets: &[&str]) -> Error {
        for (_, message) in &mut self.0 {
            *message = without(message, secrets.iter().copied());
        }
        let rank = |(category, message): &(Option<u8>, String)| {
            (
                telling(&Error::of_message(command, *category, message)),
                message.len(),
            )
        };
        self.0
            .sort_by_cached_key(|fault| std::cmp::Reverse(rank(fault)));
        let category = self.0.first().and_then(|(category, _)| *category);
        self.0.dedup_by(|(_, later), (_, first)| later == first);
        let all: Vec<&str> = self
            .messages()
            .filter(|message| !message.is_empty())
            .collect();
        let Some(first) = all.first() else {
            return Error::of_message(command, category, "the router gives no reason");
        };
        match Error::of_message(command, category, first) {
            // These read their message, of which there must be no more than one.
            plain @ (Error::NoSuchItem { .. }
            | Error::UnknownParameter { .. }
            | Error::Interrupted { .. }) => plain,
            mut quoting => {
                quoting.quote(&all.join("; "));
                quoting
            }
        }
    }
}

/// How much an error says: a particular kind says more than a general one.
fn telling(error: &Error) -> u8 {
    match error {
        Error::Interrupted { .. } => 0,
        Error::Failure { .. } => 1,
        Error::NoSuchCommand { .. } => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(words: &[&str]) -> Reply {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        Reply::read(&words).unwrap()
    }

    fn faults(messages: &[(&str, &str)]) -> Faults {
        let mut faults = Faults::default();
        for (category, message) in messages {
            let category = format!("=category={category}");
            faults.add(&reply(&[
                "!trap",
                &category,
                &format!("=message={message}"),
            ]));
        }
        faults
    }

    #[test]
    fn replies_are_read() {
        let item = reply(&["!re", ".tag=7", "=.id=*1", "=comment=a=b", "=disabled"]);
        assert_eq!((item.kind, item.tag), (Kind::Record, Some(7)));
        assert_eq!(item.record.get("comment"), Some("a=b"));
        assert_eq!(item.record.get("disabled"), Some(""));
        assert_eq!(item.octets, 3 + 6 + 7 + 12 + 9);
        let fatal = reply(&["!fatal", "not logged in"]);
        assert_eq!(
            (fatal.kind.clone(), fatal.message()),
            (Kind::Fatal, "not logged in".into())
        );
        assert_eq!(reply(&["!later", "=x=y"]).kind, Kind::Unknown);
        assert_eq!(reply(&["!empty", ".tag=99999999999999999999"]).tag, None);
        assert!(Reply::read(&[b"/login".to_vec()]).is_none());
        assert!(Reply::read(&[]).is_none());
    }

    #[test]
    fn text_in_other_codes_is_kept_and_shown_safely() {
        let words = [b"!trap".to_vec(), b"=message=B\xfcro\x1b[2J\r\nx".to_vec()];
        let reply = Reply::read(&words).unwrap();
        assert_eq!(reply.record.get("message"), Some("Büro\u{1b}[2J\r\nx"));
        assert_eq!(reply.message(), "Büro\u{fffd}[2J  x");
    }

    #[test]
    fn the_most_telling_complaint_wins_and_none_is_lost() {
        let two = faults(&[
            ("0", "no such command prefix"),
            ("0", "no such command or directory (routerboard)"),
        ]);
        let error = two.into_error("/system/routerboard/print", &[]);
        assert!(matches!(&error, Error::NoSuchCommand { message, .. }
            if message == "no such command or directory (routerboard); no such command prefix"));
        let two = faults(&[
            ("4", "something long, and of no great use"),
            ("1", "unknown parameter x"),
        ]);
        assert!(matches!(
            two.into_error("/radius/add", &[]),
            Error::UnknownParameter { parameter: Some(name), .. } if name == "x"
        ));
        let silent = faults(&[("4", "")]);
        assert!(
            silent
                .into_error("/x", &[])
                .to_string()
                .contains("no reason")
        );
    }

    #[test]
    fn endless_complaints_are_bounded() {
        let many = faults(&[("4", "again"); 100]);
        assert_eq!(many.messages().count(), MOST_TRAPS);
        assert_eq!(many.into_error("/x", &[]).to_string(), "/x: again");
    }

    #[test]
    fn a_secret_that_the_router_repeats_is_not_quoted() {
        let arguments = [("secret".to_owned(), "pa55word".to_owned())];
        let error = faults(&[("1", "invalid value pa55word for argument secret")])
            .into_error("/radius/add", &crate::secret::secrets_of(&arguments));
        assert_eq!(
            error.to_string(),
            "/radius/add: invalid value [redacted] for argument secret"
        );
    }
}
