//! A packet in words and as JSON.

use portreeve_proto::{
    Code, DataType, Dictionary, Packet, Secret, Value,
    dictionary::{Content, Decoded, Reveal},
    inspect::{self, Check, Inspection, Side},
};
use serde_json::{Map, Value as Json, json};

use crate::output::printable;

/// How packets are looked at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) dictionary: &'a Dictionary,
    /// The secret that hidden values are revealed with.
    pub(crate) secret: Option<&'a Secret>,
    /// Whether values that are secret are shown.
    pub(crate) show_secrets: bool,
}

/// A packet, taken apart.
pub(crate) struct Seen<'a> {
    view: View<'a>,
    attributes: Vec<Decoded<'a>>,
    pub(crate) code: Code,
    pub(crate) identifier: u8,
    pub(crate) length: usize,
    authenticator: [u8; 16],
    /// What verifies, where there is a secret.
    pub(crate) inspection: Option<Inspection>,
}

impl<'a> View<'a> {
    /// Takes a packet apart; `request` is the one it answers.
    pub(crate) fn of(self, packet: &Packet<'_>, request: Option<&Packet<'_>>) -> Seen<'a> {
        let inspection = self
            .secret
            .map(|secret| inspect::inspect(packet, request, secret));
        // Under a secret that is known to be wrong nothing but rubbish would come out.
        let fits = self.secret.filter(|_| !inspection.is_some_and(is_wrong));
        self.look(packet, inspection, &mut |spec, hidden| {
            inspect::reveal(packet, request, spec, hidden, fits?)
        })
    }

    /// Takes a packet apart, with hidden values revealed by `reveal`.
    pub(crate) fn look(
        self,
        packet: &Packet<'_>,
        inspection: Option<Inspection>,
        reveal: &mut Reveal<'_>,
    ) -> Seen<'a> {
        Seen {
            view: self,
            attributes: self.dictionary.decode_with(packet, reveal),
            code: packet.code(),
            identifier: packet.identifier(),
            length: packet.octets().len(),
            authenticator: packet.authenticator(),
            inspection,
        }
    }
}

/// Whether an authenticator does not hold.
pub(crate) fn is_wrong(inspection: Inspection) -> bool {
    inspection.authenticator == Check::Wrong || inspection.message_authenticator == Check::Wrong
}

/// Whether an authenticator holds, and so does the secret.
pub(crate) fn is_proven(inspection: Inspection) -> bool {
    !is_wrong(inspection)
        && (inspection.authenticator == Check::Valid
            || inspection.message_authenticator == Check::Valid)
}

impl Seen<'_> {
    /// The attributes, name and value, each in one line.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        self.attributes
            .iter()
            .map(|decoded| {
                let line = self.line(decoded);
                let (name, value) = line.split_once(" = ").unwrap_or((&line, ""));
                let mut value = printable(value).into_owned();
                if is_rubbish(decoded) {
                    value.push_str("  (no text: is the secret wrong?)");
                }
                (printable(name).into_owned(), value)
            })
            .collect()
    }

    /// `Access-Request, identifier 7, 56 octets`.
    pub(crate) fn heading(&self) -> String {
        let Self {
            code,
            identifier,
            length,
            ..
        } = self;
        format!("{code}, identifier {identifier}, {length} octets")
    }

    /// Whether a password came out that no person types.
    pub(crate) fn has_rubbish(&self) -> bool {
        self.attributes.iter().any(is_rubbish)
    }

    /// Whether a password came out that a person could have typed.
    pub(crate) fn has_revealed_text(&self) -> bool {
        let text = |decoded: &Decoded<'_>| {
            decoded.content == Content::Revealed
                && decoded.attribute.spec.data_type == DataType::Text
                && !is_rubbish(decoded)
        };
        self.attributes.iter().any(text)
    }

    /// Hidden values that could not be revealed.
    pub(crate) fn hidden(&self) -> usize {
        let hidden = |decoded: &&Decoded<'_>| decoded.content == Content::Hidden;
        self.attributes.iter().filter(hidden).count()
    }

    /// What verifies, in words; nothing without a secret.
    pub(crate) fn verdicts(&self) -> Vec<(&'static str, &'static str)> {
        let Some(inspection) = self.inspection else {
            return Vec::new();
        };
        let first = match Side::of(self.code) {
            Some(Side::Request) => "Request Authenticator",
            _ => "Response Authenticator",
        };
        vec![
            (first, words(inspection.authenticator)),
            (
                "Message-Authenticator",
                words(inspection.message_authenticator),
            ),
        ]
    }

    pub(crate) fn json(&self) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("code".to_owned(), self.code.to_string().into());
        object.insert("code_number".to_owned(), self.code.0.into());
        object.insert("identifier".to_owned(), self.identifier.into());
        object.insert("length".to_owned(), self.length.into());
        object.insert(
            "authenticator".to_owned(),
            digits(&self.authenticator).into(),
        );
        let attributes: Vec<Json> = self
            .attributes
            .iter()
            .map(|one| self.attribute(one))
            .collect();
        object.insert("attributes".to_owned(), attributes.into());
        if let Some(inspection) = self.inspection {
            let verified = json!({
                "authenticator": label(inspection.authenticator),
                "message_authenticator": label(inspection.message_authenticator),
            });
            object.insert("verified".to_owned(), verified);
        }
        object
    }

    fn line(&self, decoded: &Decoded<'_>) -> String {
        if self.view.show_secrets {
            decoded.with_secrets().to_string()
        } else {
            decoded.to_string()
        }
    }

    fn attribute(&self, decoded: &Decoded<'_>) -> Json {
        let mut object = Map::new();
        object.insert("name".to_owned(), decoded.attribute.name.to_string().into());
        object.insert(
            "oid".to_owned(),
            decoded.attribute.spec.oid.to_string().into(),
        );
        if let Some(tag) = decoded.tag {
            object.insert("tag".to_owned(), tag.into());
        }
        let shown = self.view.show_secrets || !decoded.is_secret();
        if shown && decoded.content != Content::Hidden {
            object.insert("value".to_owned(), value(&decoded.value));
            if let Some(name) = decoded.value_name {
                object.insert("value_name".to_owned(), name.into());
            }
        } else {
            object.insert("value".to_owned(), Json::Null);
        }
        object.insert("content".to_owned(), content_label(decoded.content).into());
        object.insert("offset".to_owned(), decoded.offset.into());
        object.insert("octets".to_owned(), digits(&decoded.octets).into());
        Json::Object(object)
    }
}

/// Whether a value that should be text was revealed and is none.
fn is_rubbish(decoded: &Decoded<'_>) -> bool {
    decoded.content == Content::Revealed
        && decoded.attribute.spec.data_type == DataType::Text
        && match &decoded.value {
            Value::Text(text) => text.chars().any(char::is_control),
            _ => true,
        }
}

fn value(value: &Value) -> Json {
    match value {
        Value::Byte(number) => (*number).into(),
        Value::Short(number) => (*number).into(),
        Value::Integer(number) => (*number).into(),
        Value::Integer64(number) => (*number).into(),
        Value::Signed(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

pub(crate) fn digits(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

const fn words(check: Check) -> &'static str {
    match check {
        Check::Absent => "absent",
        Check::Malformed => "malformed: there are several, or it is not 16 octets long",
        Check::NeedsRequest => "cannot be verified without the request; give --request",
        Check::Random => "random: there is nothing to verify",
        Check::UnknownCode => "cannot be verified: the code is not known",
        Check::Valid => "valid",
        Check::Wrong => "WRONG: another secret, another request, or a forgery",
    }
}

const fn label(check: Check) -> &'static str {
    match check {
        Check::Absent => "absent",
        Check::Malformed => "malformed",
        Check::NeedsRequest => "needs_request",
        Check::Random => "random",
        Check::UnknownCode => "unknown_code",
        Check::Valid => "valid",
        Check::Wrong => "wrong",
    }
}

const fn content_label(content: Content) -> &'static str {
    match content {
        Content::Clear => "clear",
        Content::Hidden => "hidden",
        Content::Invalid => "invalid",
        Content::Revealed => "revealed",
    }
}
