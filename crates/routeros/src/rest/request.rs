//! How a command is said over REST: the method, the path and the body.
//!
//! RouterOS maps its console on HTTP: PUT adds, PATCH sets, DELETE removes, and POST gives any
//! command by its path, with its arguments in the body.

use hyper::Method;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{Command, Error};

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) path: String,
    /// JSON, or nothing. It may hold secrets.
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) meaning: Meaning,
}

/// What the command means, and so what its answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The answer is a list, or one object for a menu that is one item.
    Print,
    /// The answer is what was added.
    Add,
    /// The answer is the item as it now is, or nothing.
    Change,
    /// The answer is a list, or an object of what the command returns.
    Other,
}

impl Outgoing {
    /// Whether giving the command twice is the same as once, so that it may be sent again when
    /// the connection ended before the answer.
    pub(super) fn may_repeat(&self) -> bool {
        self.meaning == Meaning::Print
    }
}

/// Says a command over REST.
pub(super) fn of(command: &Command) -> Result<Outgoing, Error> {
    let path = path(command)?;
    let target = target(command);
    match (command.verb(), target) {
        ("add", _) => outgoing(Method::PUT, menu(&path), body(command, &[]), Meaning::Add),
        ("set", Some(id)) => outgoing(
            Method::PATCH,
            item(&path, id),
            body(command, &[".id", "numbers"]),
            Meaning::Change,
        ),
        ("remove", Some(id)) => Ok(Outgoing {
            method: Method::DELETE,
            path: item(&path, id),
            body: Zeroizing::new(Vec::new()),
            meaning: Meaning::Change,
        }),
        ("set" | "remove", None) => {
            outgoing(Method::POST, path, body(command, &[]), Meaning::Change)
        }
        ("print", _) => outgoing(Method::POST, path, body(command, &[]), Meaning::Print),
        ("listen" | "cancel" | "login" | "quit", _) => Err(Error::NotSupported(format!(
            "REST has no {}: only the API does, on port 8728 or 8729",
            command.path()
        ))),
        _ => outgoing(Method::POST, path, body(command, &[]), Meaning::Other),
    }
}

fn outgoing(
    method: Method,
    path: String,
    body: Value,
    meaning: Meaning,
) -> Result<Outgoing, Error> {
    let octets = serde_json::to_vec(&body)
        .map_err(|cause| Error::NotSupported(format!("a value cannot be written: {cause}")))?;
    Ok(Outgoing {
        method,
        path,
        body: Zeroizing::new(octets),
        meaning,
    })
}

/// `/rest` and the command's path, each part of it percent-encoded.
fn path(command: &Command) -> Result<String, Error> {
    let mut path = String::from("/rest");
    let given = command.path().strip_prefix('/').unwrap_or(command.path());
    for part in given.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err(Error::NotSupported(format!(
                "{:?} is not a path of a command",
                command.path()
            )));
        }
        path.push('/');
        encode(part, &mut path);
    }
    Ok(path)
}

fn menu(path: &str) -> String {
    path.rsplit_once('/')
        .map_or(path, |(menu, _)| menu)
        .to_owned()
}

fn item(path: &str, id: &str) -> String {
    let mut path = menu(path);
    path.push('/');
    encode(id, &mut path);
    path
}

/// The one item that a command is for. Several of them, or what could be read as a part of the
/// path, go into the body instead.
fn target(command: &Command) -> Option<&str> {
    let mut arguments = command.arguments().iter();
    let (_, value) = arguments.find(|(name, _)| name == ".id" || name == "numbers")?;
    let one = !value.is_empty() && !value.contains(',') && value != "." && value != "..";
    one.then_some(value.as_str())
}

fn body(command: &Command, without: &[&str]) -> Value {
    let mut body = Map::new();
    let texts = |all: Vec<String>| Value::Array(all.into_iter().map(Value::String).collect());
    if !command.properties().is_empty() {
        body.insert(".proplist".to_owned(), texts(command.properties().to_vec()));
    }
    if !command.queries().is_empty() {
        let words = command.queries().iter().map(crate::Query::word).collect();
        body.insert(".query".to_owned(), texts(words));
    }
    for (name, value) in command.arguments() {
        if !without.contains(&name.as_str()) {
            body.insert(name.clone(), Value::String(value.clone()));
        }
    }
    Value::Object(body)
}

/// Percent-encodes all but what RFC 3986 section 2.3 calls unreserved, and the `*` of an `.id`,
/// which section 2.2 lets stand in a path.
fn encode(text: &str, into: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~*".contains(&octet) {
            into.push(char::from(octet));
        } else {
            into.push('%');
            into.push(DIGITS[usize::from(octet >> 4)]);
            into.push(DIGITS[usize::from(octet & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Query;

    fn said(command: &Command) -> (String, String, String) {
        let outgoing = of(command).unwrap();
        let body = String::from_utf8(outgoing.body.to_vec()).unwrap();
        (outgoing.method.to_string(), outgoing.path, body)
    }

    fn is(command: Command, method: &str, path: &str, body: &str) {
        let expected = (method.to_owned(), path.to_owned(), body.to_owned());
        assert_eq!(said(&command), expected, "{command:?}");
    }

    #[test]
    fn every_kind_of_command_has_its_method() {
        is(
            Command::new("/radius/add").with("address", "10.0.0.1"),
            "PUT",
            "/rest/radius",
            r#"{"address":"10.0.0.1"}"#,
        );
        is(
            Command::new("/radius/set")
                .with(".id", "*1A")
                .with("timeout", "2s"),
            "PATCH",
            "/rest/radius/*1A",
            r#"{"timeout":"2s"}"#,
        );
        is(
            Command::new("/ppp/aaa/set").with("use-radius", "yes"),
            "POST",
            "/rest/ppp/aaa/set",
            r#"{"use-radius":"yes"}"#,
        );
        is(
            Command::new("/radius/remove").with(".id", "*1"),
            "DELETE",
            "/rest/radius/*1",
            "",
        );
        is(
            Command::new("/radius/remove").with("numbers", "*1,*2"),
            "POST",
            "/rest/radius/remove",
            r#"{"numbers":"*1,*2"}"#,
        );
        is(
            Command::new("/radius/monitor")
                .with(".id", "*1")
                .flag("once"),
            "POST",
            "/rest/radius/monitor",
            r#"{".id":"*1","once":""}"#,
        );
        is(
            Command::new("/interface/print")
                .asking(["name", "type"])
                .only_where(Query::equals("type", "ether"))
                .only_where(Query::Lacks("comment".to_owned())),
            "POST",
            "/rest/interface/print",
            r#"{".proplist":["name","type"],".query":["type=ether","-comment"]}"#,
        );
        is(
            Command::new("/export").flag("compact").with("file", "x"),
            "POST",
            "/rest/export",
            r#"{"compact":"","file":"x"}"#,
        );
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        let path_of = |id: &str| {
            of(&Command::new("/ip/hotspot/user/remove").with(".id", id))
                .unwrap()
                .path
        };
        assert_eq!(
            path_of("a b/c?d#e"),
            "/rest/ip/hotspot/user/a%20b%2Fc%3Fd%23e"
        );
        assert_eq!(path_of("Ärger"), "/rest/ip/hotspot/user/%C3%84rger");
        assert_eq!(path_of(".."), "/rest/ip/hotspot/user/remove");
        for wrong in ["/", "", "/ip/../user/print", "//print", "/ip/./print"] {
            assert!(of(&Command::new(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_rest_cannot_do_is_said() {
        for path in ["/log/listen", "/cancel", "/login"] {
            let refused = of(&Command::new(path));
            assert!(matches!(refused, Err(Error::NotSupported(_))), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_name_decodes_to_itself(name in "\\PC{1,40}") {
            let mut encoded = String::new();
            encode(&name, &mut encoded);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && !b"/?#".contains(&b)));
            let mut octets = Vec::new();
            let mut rest = encoded.as_bytes();
            while let [first, more @ ..] = rest {
                if *first == b'%' {
                    let digits = std::str::from_utf8(&more[..2]).unwrap();
                    octets.push(u8::from_str_radix(digits, 16).unwrap());
                    rest = &more[2..];
                } else {
                    octets.push(*first);
                    rest = more;
                }
            }
            prop_assert_eq!(String::from_utf8(octets).unwrap(), name);
        }
    }
}
