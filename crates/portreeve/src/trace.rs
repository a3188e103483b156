//! Packets in words, for those who look for a fault.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use portreeve_proto::{
    Dictionary, Incoming, Oid, Packet, Query, Secret, Spec, attr,
    dictionary::{Content, Decoded, Reveal},
};
use zeroize::Zeroizing;

/// The environment variable that switches the trace on where it is `1`.
const SWITCH: &str = "PORTREEVE_TRACE";
/// The environment variable that makes the trace show secrets, where it is `yes-print-secrets`.
const SECRETS_SWITCH: &str = "PORTREEVE_TRACE_SECRETS";
const SECRETS_YES: &str = "yes-print-secrets";
const TARGET: &str = "portreeve::wire";

/// Whether the packets of a server or a client are written out in words, and how much of them.
///
/// They go to `tracing` at level TRACE under the target `portreeve::wire`, or to standard error
/// where nobody listens there. Passwords, keys, and whatever a password could be guessed from, are
/// left out unless that is asked for in so many words. A trace that is off costs nothing.
#[derive(Debug, Clone)]
pub struct Trace(Option<On>);

#[derive(Debug, Clone)]
struct On {
    secrets: bool,
    dictionary: Option<Arc<Dictionary>>,
}

impl Trace {
    /// Nothing is written.
    pub fn off() -> Self {
        Self(None)
    }

    /// Packets are written without their secrets.
    pub fn on() -> Self {
        Self::with(false)
    }

    /// Packets are written with the passwords and keys that others have hidden in them. Whoever
    /// reads the trace can then log in as the users in it.
    pub fn with_secrets() -> Self {
        Self::with(true)
    }

    /// What the environment says: on where `PORTREEVE_TRACE` is `1`, with secrets where
    /// besides `PORTREEVE_TRACE_SECRETS` is `yes-print-secrets`.
    pub fn from_env() -> Self {
        let read = |name| std::env::var(name).ok();
        Self::from_values(read(SWITCH).as_deref(), read(SECRETS_SWITCH).as_deref())
    }

    /// With the names of a dictionary instead of the built-in ones.
    #[must_use]
    pub fn dictionary(mut self, dictionary: Arc<Dictionary>) -> Self {
        if let Some(on) = &mut self.0 {
            on.dictionary = Some(dictionary);
        }
        self
    }

    fn with(secrets: bool) -> Self {
        Self(Some(On {
            secrets,
            dictionary: None,
        }))
    }

    fn from_values(switch: Option<&str>, secrets: Option<&str>) -> Self {
        match (switch, secrets) {
            (Some("1"), Some(SECRETS_YES)) => Self::with_secrets(),
            (Some("1"), _) => Self::on(),
            _ => Self::off(),
        }
    }

    /// A request came to a server, and was authentic.
    pub(crate) fn request(&self, request: &Incoming) {
        let Some(on) = &self.0 else {
            return;
        };
        let mut reveal =
            |spec: &Spec, hidden: &[u8]| -> Revealed { request.reveal_octets(spec, hidden) };
        let from = request.from();
        let head = format!("received from {from} ({})", request.peer().name());
        on.write(&head, request.packet().octets(), &mut reveal);
    }

    /// A datagram came that nothing is known of but what became of it.
    pub(crate) fn datagram(&self, from: SocketAddr, what: &str, octets: &[u8]) {
        if let Some(on) = &self.0 {
            on.write(
                &format!("received from {from}: {what}"),
                octets,
                &mut |_, _| None,
            );
        }
    }

    /// A server answers.
    pub(crate) fn reply(&self, to: SocketAddr, octets: &[u8]) {
        if let Some(on) = &self.0 {
            on.write(&format!("sent to {to}"), octets, &mut |_, _| None);
        }
    }

    /// A client asks, or is answered.
    pub(crate) fn exchange(
        &self,
        head: fmt::Arguments<'_>,
        octets: &[u8],
        query: &Query,
        secret: &Secret,
    ) {
        if let Some(on) = &self.0 {
            let mut reveal =
                |spec: &Spec, hidden: &[u8]| -> Revealed { query.reveal(spec, hidden, secret) };
            on.write(&head.to_string(), octets, &mut reveal);
        }
    }
}

type Revealed = Option<Zeroizing<Vec<u8>>>;

impl On {
    fn write(&self, head: &str, octets: &[u8], reveal: &mut Reveal<'_>) {
        let text = Zeroizing::new(self.describe(head, octets, reveal));
        if tracing::enabled!(target: TARGET, tracing::Level::TRACE) {
            tracing::trace!(target: TARGET, "{}", text.trim_end());
        } else {
            // Nothing can be done about a closed standard error.
            drop(io::stderr().lock().write_all(text.as_bytes()));
        }
    }

    fn describe(&self, head: &str, octets: &[u8], reveal: &mut Reveal<'_>) -> String {
        let mut text = head.to_owned();
        if self.write_words(&mut text, octets, reveal).is_err() {
            text.push('\n');
        }
        text
    }

    fn write_words(
        &self,
        text: &mut String,
        octets: &[u8],
        reveal: &mut Reveal<'_>,
    ) -> fmt::Result {
        let packet = match Packet::parse_within(octets, Packet::MAX_STREAM) {
            Ok(packet) => packet,
            Err(reason) => {
                return writeln!(
                    text,
                    ": {} octets that are no packet: {reason}",
                    octets.len()
                );
            }
        };
        let (code, identifier) = (packet.code(), packet.identifier());
        writeln!(
            text,
            ": {code}, identifier {identifier}, {} octets",
            packet.octets().len()
        )?;
        let dictionary = self
            .dictionary
            .as_deref()
            .unwrap_or_else(|| Dictionary::builtin());
        for decoded in dictionary.decode_with(&packet, reveal) {
            if self.secrets {
                writeln!(text, "  {}", decoded.with_secrets())?;
            } else if gives_away(&decoded) {
                writeln!(text, "  {} = (secret)", decoded.attribute.name)?;
            } else {
                writeln!(text, "  {decoded}")?;
            }
        }
        Ok(())
    }
}

/// Whether a password is in an attribute, or could be guessed from it.
fn gives_away(decoded: &Decoded<'_>) -> bool {
    let guessable = [
        attr::CHAP_PASSWORD.spec(),
        attr::EAP_MESSAGE.spec(),
        attr::microsoft::CHAP_RESPONSE.spec(),
        attr::microsoft::CHAP2_RESPONSE.spec(),
        attr::microsoft::CHAP_CPW_1.spec(),
        attr::microsoft::CHAP_CPW_2.spec(),
        attr::microsoft::CHAP2_CPW.spec(),
        attr::microsoft::CHAP_LM_ENC_PW.spec(),
        attr::microsoft::CHAP_NT_ENC_PW.spec(),
    ];
    let holds = |oid: &Oid| guessable.iter().any(|spec| spec.oid == *oid);
    decoded.is_secret() || decoded.content == Content::Invalid || holds(&decoded.attribute.spec.oid)
}

#[cfg(test)]
mod tests {
    use portreeve_proto::{Ask, AttributeList};

    use super::*;
    use crate::random::OsRandom;

    fn traced(trace: &Trace) -> String {
        let secret = Secret::new("s3cret").unwrap();
        let attributes = AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::USER_PASSWORD, "hunter2")
            .with(attr::CHAP_PASSWORD, [7; 17]);
        let mut octets = Vec::new();
        let mut random = OsRandom::new().unwrap();
        let query = Query::encode(
            Ask::Access,
            9,
            &attributes,
            &secret,
            true,
            &mut random,
            &mut octets,
        )
        .unwrap();
        let mut reveal = |spec: &Spec, hidden: &[u8]| query.reveal(spec, hidden, &secret);
        trace
            .0
            .as_ref()
            .unwrap()
            .describe("sent", &octets, &mut reveal)
    }

    #[test]
    fn secrets_are_left_out_unless_both_switches_are_on() {
        let text = traced(&Trace::from_values(Some("1"), None));
        assert!(
            text.starts_with("sent: Access-Request, identifier 9, "),
            "{text}"
        );
        assert!(text.contains("User-Name = \"tim\"\n"), "{text}");
        assert!(text.contains("User-Password = (secret)\n"), "{text}");
        assert!(text.contains("CHAP-Password = (secret)\n"), "{text}");
        let text = traced(&Trace::from_values(Some("1"), Some("yes-print-secrets")));
        assert!(text.contains("User-Password = \"hunter2\"\n"), "{text}");
        assert!(text.contains("CHAP-Password = 0x0707"), "{text}");
    }

    #[test]
    fn one_switch_alone_is_not_enough() {
        for (switch, secrets) in [
            (None, None),
            (None, Some("yes-print-secrets")),
            (Some("0"), Some("yes-print-secrets")),
            (Some(""), None),
        ] {
            assert!(
                Trace::from_values(switch, secrets).0.is_none(),
                "{switch:?} {secrets:?}"
            );
        }
        for secrets in ["1", "yes", "true", ""] {
            let trace = Trace::from_values(Some("1"), Some(secrets));
            assert!(!trace.0.unwrap().secrets, "{secrets}");
        }
    }

    #[test]
    fn noise_is_traced_as_such() {
        let trace = Trace::on();
        let text = trace
            .0
            .unwrap()
            .describe("received", b"noise", &mut |_, _| None);
        assert!(
            text.starts_with("received: 5 octets that are no packet"),
            "{text}"
        );
    }
}
