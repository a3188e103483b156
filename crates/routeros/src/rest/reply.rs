//! What a router answers over REST, read into the same answers and errors as over the API.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value};

use super::request::Meaning;
use crate::{
    Answer, Command, Error, Record, Version,
    secret::{secrets_of, without},
    text,
};

/// What RouterOS gives a command over REST before it closes the session.
const LONGEST: Duration = Duration::from_mins(1);

/// An answer as it came.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The media type, lower case, without its parameters.
    pub(super) media_type: String,
    /// Where a redirection leads.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Reads the answer to a command. `user` is who asked.
pub(super) fn read(
    command: &Command,
    meaning: Meaning,
    user: &str,
    reply: &Reply,
) -> Result<Answer, Error> {
    if reply.status.is_redirection() {
        return Err(elsewhere(reply));
    }
    if reply.status.is_success() {
        return answer(command, meaning, reply);
    }
    Err(match document(reply) {
        Ok(Value::Object(said)) => refusal(command, user, reply.status, &said),
        _ if reply.status == StatusCode::UNAUTHORIZED => log_in(user, "HTTP 401 Unauthorized"),
        _ => stranger(reply),
    })
}

/// The version that a page of RouterOS's web server names: `RouterOS v6.49.17`. `Some(None)` where
/// it names RouterOS and no version.
#[expect(
    clippy::option_option,
    reason = "whether it is RouterOS, and then whether it says which"
)]
pub(super) fn routeros_page(reply: &Reply) -> Option<Option<Version>> {
    let page = text::read(&reply.body);
    let mut after = page.split("RouterOS").skip(1).peekable();
    after.peek()?;
    Some(after.find_map(|rest| {
        let rest = rest.trim_start().trim_start_matches('v');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
    }))
}

/// Whether this is how a web server answers that knows no `/rest`.
pub(super) fn is_not_rest(reply: &Reply) -> bool {
    let absent = [
        StatusCode::NOT_FOUND,
        StatusCode::FORBIDDEN,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::NOT_IMPLEMENTED,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let says_more = document(reply).is_ok_and(|said| said.get("detail").is_some());
    (absent.contains(&reply.status) && !says_more)
        || (reply.status.is_success() && document(reply).is_err())
}

fn answer(command: &Command, meaning: Meaning, reply: &Reply) -> Result<Answer, Error> {
    if reply.body.is_empty() {
        return Ok(Answer::default());
    }
    let said = document(reply).map_err(|()| stranger(reply))?;
    match (meaning, said) {
        (Meaning::Change, _) | (_, Value::Null) => Ok(Answer::default()),
        (Meaning::Add, Value::Object(added)) => {
            let added = record(added);
            let id = added.get("ret").or_else(|| added.get(".id"));
            let done = id.map_or_else(Record::new, |id| Record::new().with("ret", id));
            Ok(Answer {
                records: Vec::new(),
                done,
            })
        }
        (_, Value::Array(items)) => {
            let records = items.into_iter().map(|item| match item {
                Value::Object(item) => Ok(record(item)),
                _ => Err(unlike(command, "a list of what are not objects")),
            });
            Ok(Answer {
                records: records.collect::<Result<_, _>>()?,
                done: Record::new(),
            })
        }
        (Meaning::Print, Value::Object(item)) => Ok(Answer {
            records: vec![record(item)],
            done: Record::new(),
        }),
        (_, Value::Object(done)) => Ok(Answer {
            records: Vec::new(),
            done: record(done),
        }),
        (_, _) => Err(unlike(command, "neither a list nor an object")),
    }
}

fn record(object: Map<String, Value>) -> Record {
    object
        .into_iter()
        .map(|(name, value)| (name, spelled(value)))
        .collect()
}

/// RouterOS writes every value as a text. Others may not.
fn spelled(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.into_iter().map(spelled).collect();
            parts.join(",")
        }
        other => other.to_string(),
    }
}

/// The body as JSON. Octets that are not UTF-8 are read as the API reads them.
fn document(reply: &Reply) -> Result<Value, ()> {
    if reply.media_type.contains("html") {
        return Err(());
    }
    let read = match str::from_utf8(&reply.body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_str(&text::read(&reply.body)),
    };
    read.map_err(|_| ())
}

fn refusal(command: &Command, user: &str, status: StatusCode, said: &Map<String, Value>) -> Error {
    let secrets = secrets_of(command.arguments());
    let text_of = |name: &str| {
        let said = said.get(name).and_then(Value::as_str)?;
        Some(text::quotable(&without(said, secrets.iter().copied())))
    };
    let detail = text_of("detail").filter(|detail| !detail.is_empty());
    let message = detail
        .clone()
        .or_else(|| text_of("message"))
        .unwrap_or_default();
    let path = command.path();
    if status == StatusCode::UNAUTHORIZED {
        return log_in(user, &message);
    }
    if message.contains("Session closed") {
        return Error::TimedOut {
            during: format!("{path} (RouterOS gives a command no more over REST; use the API)"),
            after: LONGEST,
        };
    }
    match Error::of_message(path, None, &message) {
        Error::Failure { .. } if status == StatusCode::NOT_FOUND && detail.is_none() => {
            // A menu or command that is not there comes with a detail.
            let command = path.to_owned();
            if matches!(verb(path), "print" | "add") {
                Error::NoSuchCommand { command, message }
            } else {
                Error::NoSuchItem { command }
            }
        }
        Error::Failure { .. } if status == StatusCode::FORBIDDEN => Error::NotPermitted {
            command: path.to_owned(),
            message,
        },
        Error::Failure { category, .. } if message.is_empty() => Error::Failure {
            command: path.to_owned(),
            category,
            message: format!("HTTP {status}"),
        },
        error => error,
    }
}

fn verb(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn log_in(user: &str, message: &str) -> Error {
    Error::LogIn {
        user: user.to_owned(),
        message: message.to_owned(),
    }
}

/// What to say of a redirection.
pub(super) fn elsewhere(reply: &Reply) -> Error {
    let to = reply.location.as_deref().unwrap_or("an unnamed place");
    Error::Protocol(format!(
        "the web server there sends one on to {:?} (HTTP {}), as a captive portal or a proxy \
         does. Nothing was sent there",
        text::quotable(to),
        reply.status.as_u16()
    ))
}

/// What to say of an answer that is not RouterOS's.
pub(super) fn stranger(reply: &Reply) -> Error {
    let what = if reply.media_type.is_empty() {
        "something"
    } else {
        &*reply.media_type
    };
    let begins: String = text::read(&reply.body).chars().take(60).collect();
    Error::Protocol(format!(
        "HTTP {} with {what} and not RouterOS's JSON; it begins {:?}",
        reply.status.as_u16(),
        text::quotable(&begins)
    ))
}

fn unlike(command: &Command, what: &str) -> Error {
    Error::Protocol(format!("{} was answered with {what}", command.path()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(status: u16, media_type: &str, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            media_type: media_type.to_owned(),
            location: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn json(path: &str, meaning: Meaning, status: u16, body: &str) -> Result<Answer, Error> {
        let reply = reply(status, "application/json", body);
        read(&Command::new(path), meaning, "admin", &reply)
    }

    #[test]
    fn a_secret_that_the_router_repeats_is_not_quoted() {
        let command = Command::new("/radius/add").with("secret", "pa55word");
        let body = r#"{"error":400,"message":"Bad Request","detail":"bad pa55word"}"#;
        let reply = reply(400, "application/json", body);
        let refused = read(&command, Meaning::Other, "admin", &reply).unwrap_err();
        assert_eq!(refused.to_string(), "/radius/add: bad [redacted]");
    }

    #[test]
    fn lists_and_single_items_are_records() {
        let list = json(
            "/radius/print",
            Meaning::Print,
            200,
            r#"[{".id":"*1","timeout":"300ms"},{".id":"*2","port":1812,"disabled":false}]"#,
        )
        .unwrap();
        assert_eq!(list.records.len(), 2);
        assert_eq!(list.records[1].get("port"), Some("1812"));
        assert_eq!(list.records[1].flag("disabled"), Some(false));
        let one = json(
            "/ppp/aaa/print",
            Meaning::Print,
            200,
            r#"{"accounting":"true"}"#,
        )
        .unwrap();
        assert_eq!(one.records[0].get("accounting"), Some("true"));
        let none = json("/radius/print", Meaning::Print, 200, "[]").unwrap();
        assert_eq!(none, Answer::default());
    }

    #[test]
    fn what_is_added_and_returned_comes_as_over_the_api() {
        let added = r#"{".id":"*7","address":"10.0.0.1","secret":"s"}"#;
        let added = json("/radius/add", Meaning::Add, 201, added).unwrap();
        assert_eq!(added.returned(), Some("*7"));
        assert!(added.records.is_empty());
        let returned = json("/execute", Meaning::Other, 200, r#"{"ret":"hello"}"#).unwrap();
        assert_eq!(returned.returned(), Some("hello"));
        let changed = json("/radius/set", Meaning::Change, 200, r#"{".id":"*7"}"#).unwrap();
        assert_eq!(changed, Answer::default());
        let removed = json("/radius/remove", Meaning::Change, 204, "").unwrap();
        assert_eq!(removed, Answer::default());
    }

    #[test]
    fn refusals_are_the_errors_of_the_api() {
        let of = |path: &str, status: u16, detail: &str| {
            let body =
                format!(r#"{{"error":{status},"message":"Some Reason","detail":{detail:?}}}"#);
            json(path, Meaning::Other, status, &body).unwrap_err()
        };
        assert!(matches!(
            of("/radius/add", 400, "unknown parameter radsec-timeout"),
            Error::UnknownParameter { parameter: Some(name), .. } if name == "radsec-timeout"
        ));
        assert!(matches!(
            of(
                "/interface/wifi/print",
                406,
                "no such command or directory (wifi)"
            ),
            Error::NoSuchCommand { .. }
        ));
        assert!(matches!(
            of("/radius/set", 404, "no such item"),
            Error::NoSuchItem { .. }
        ));
        assert!(matches!(
            of("/ping", 400, "Session closed"),
            Error::TimedOut { after: LONGEST, .. }
        ));
        assert!(matches!(
            of("/x/print", 401, "invalid user name or password (6)"),
            Error::LogIn { .. }
        ));
    }

    #[test]
    fn a_404_without_detail_is_read_by_what_was_asked() {
        let body = r#"{"error":404,"message":"Not Found"}"#;
        let gone = json("/radius/remove", Meaning::Change, 404, body).unwrap_err();
        assert!(matches!(gone, Error::NoSuchItem { .. }));
        let absent = json("/caps-man/print", Meaning::Print, 404, body).unwrap_err();
        assert!(matches!(absent, Error::NoSuchCommand { .. }));
    }

    #[test]
    fn what_is_not_routeros_is_said_to_be_so() {
        let command = Command::new("/radius/print");
        let page = reply(
            200,
            "text/html",
            "<html><title>Welcome to the hotel</title>",
        );
        let error = read(&command, Meaning::Print, "admin", &page).unwrap_err();
        let Error::Protocol(text) = error else {
            panic!("{error}")
        };
        assert!(text.contains("text/html"), "{text}");
        let mut portal = reply(302, "text/html", "");
        portal.location = Some("http://portal.example/\u{1b}[2J".to_owned());
        let error = read(&command, Meaning::Print, "admin", &portal).unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(matches!(error, Error::Protocol(_)));
        let basic = reply(401, "text/html", "<h1>no</h1>");
        let error = read(&command, Meaning::Print, "admin", &basic).unwrap_err();
        assert!(matches!(error, Error::LogIn { .. }));
    }

    #[test]
    fn octets_of_any_code_come_through() {
        let mut reply = reply(200, "application/json", "");
        reply.body = b"[{\"comment\":\"B\xfcro\"}]".to_vec();
        let command = Command::new("/radius/print");
        let answer = read(&command, Meaning::Print, "admin", &reply).unwrap();
        assert_eq!(answer.records[0].get("comment"), Some("Büro"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(
            status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..200),
            media in "(application/json|text/html|)", json in any::<bool>(),
        ) {
            let mut body = body;
            if json {
                body.insert(0, b'[');
                body.push(b']');
            }
            let reply = Reply {
                status: StatusCode::from_u16(status).unwrap(),
                media_type: media,
                location: None,
                body,
            };
            for meaning in [Meaning::Print, Meaning::Add, Meaning::Change, Meaning::Other] {
                drop(read(&Command::new("/radius/print"), meaning, "admin", &reply));
            }
            prop_assert!(!(status == 401 && is_not_rest(&reply)));
        }
    }
}
