//! Why there is no answer, and what to look at.

use std::{net::SocketAddr, time::Duration};

use portreeve::{
    Error, Transport,
    tls::{Hangup, Refused},
};
use portreeve_proto::{Dictionary, attr};

/// The server, and what carries requests to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination {
    pub(crate) server: SocketAddr,
    pub(crate) transport: Transport,
}

/// Why there is no answer that counts: a label, and words that say what to look at.
pub(crate) fn explain(error: &Error, to: Destination, elapsed: Duration) -> (&'static str, String) {
    let Destination { server, transport } = to;
    let seconds = elapsed.as_secs_f64();
    match error {
        Error::Connection { refused, .. } => {
            let (over, advice) = (transport.label().to_uppercase(), advice(refused, transport));
            let words = format!("no answer over {over} from {server}: {refused}{advice}");
            (refused.reason.label(), words)
        }
        Error::NoAnswer {
            sent,
            refused: false,
            ..
        } if transport != Transport::Udp => ("no_answer", unanswered(to, *sent, seconds)),
        Error::ProtocolError { cause, .. } => ("protocol_error", unserved(server, *cause)),
        Error::NoAnswer { refused: true, .. } => (
            "nothing_listens",
            format!("nothing listens on {server}: is the server running, is the port right?"),
        ),
        Error::NoAnswer { sent, .. } => (
            "no_answer",
            format!(
                "no answer from {server} after {sent} {} in {seconds:.0} s: is the server running, \
                 does it know this address as a NAS, is the secret the same? \
                 `portreeve log` on the server says which",
                if *sent == 1 { "try" } else { "tries" }
            ),
        ),
        Error::SecretsDiffer { replies, .. } => (
            "secrets_differ",
            format!(
                "the shared secrets differ: {server} answers, but not one of {replies} answers \
                 verifies"
            ),
        ),
        Error::UnprotectedReplies { .. } => (
            "unprotected",
            format!(
                "{server} answers without Message-Authenticator (CVE-2024-3596): update it; \
                 `send auth --no-require-message-authenticator` trusts it all the same"
            ),
        ),
        Error::ServerUnproven { reason, .. } => (
            "server_unproven",
            format!("{server} accepted, but {reason}: a NAS would hang up, and so should you"),
        ),
        Error::Socket { error, .. } => ("unreachable", format!("cannot send to {server}: {error}")),
        other => ("failed", other.to_string()),
    }
}

/// A request that the server has, and cannot serve.
fn unserved(server: SocketAddr, cause: Option<u32>) -> String {
    let oid = attr::ERROR_CAUSE.spec().oid;
    let name = |cause| Dictionary::builtin().value_name(&oid, u64::from(cause));
    let why = match (cause, cause.and_then(name)) {
        (Some(_), Some(name)) => format!(", {name}"),
        (Some(cause), None) => format!(", Error-Cause {cause}"),
        (None, _) => String::new(),
    };
    format!(
        "{server} cannot serve this request (Protocol-Error{why}): does it take such requests on \
         this port? Its log says more"
    )
}

/// Silence on a connection.
fn unanswered(to: Destination, sent: u32, seconds: f64) -> String {
    let Destination { server, transport } = to;
    let over = transport.label().to_uppercase();
    if sent == 0 {
        return format!(
            "no connection to {server} over {over} in {seconds:.0} s: is the port right, and do \
             both ends know each other? The log of the server says more"
        );
    }
    format!(
        "{server} took the request over {over} and has not answered it in {seconds:.0} s: it may \
         have discarded it, or is slow (see --timeout); `portreeve log` on the server says which"
    )
}

/// What can be changed at this end.
fn advice(refused: &Refused, transport: Transport) -> &'static str {
    match refused.reason {
        Hangup::BadPacket | Hangup::PeerClosed | Hangup::PeerVanished
            if transport == Transport::Tcp =>
        {
            "; over TCP a server hangs up where the shared secrets differ, and on an address that \
             it does not know as a NAS: its log says which"
        }
        Hangup::PeerClosed | Hangup::PeerVanished => "; the log of the server says why",
        Hangup::BadRecord | Hangup::HandshakeTimeout | Hangup::NotTls => {
            "; is it the server's port for RadSec, usually 2083?"
        }
        Hangup::CrlExpired | Hangup::CrlMissing => "; see --crl",
        Hangup::NameMismatch => {
            "; --server-name says which name is looked for, --pin which certificate"
        }
        Hangup::PeerRefusedUs => "; --cert is what we show",
        Hangup::PskUnknown => "; see --psk-identity and --psk-file",
        Hangup::UnknownCa => "; --ca says which CA the server's certificate has to come from",
        Hangup::VersionRefused => "; see --radius",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(error: &Error, transport: Transport) -> (&'static str, String) {
        let server = SocketAddr::from(([192, 0, 2, 1], 2083));
        explain(
            error,
            Destination { server, transport },
            Duration::from_secs(3),
        )
    }

    #[test]
    fn what_can_be_changed_here_is_named() {
        for (reason, option) in [
            (Hangup::UnknownCa, "--ca"),
            (Hangup::NameMismatch, "--server-name"),
            (Hangup::VersionRefused, "--radius"),
            (Hangup::PeerRefusedUs, "--cert"),
            (Hangup::CrlMissing, "--crl"),
            (Hangup::PskUnknown, "--psk-identity"),
            (Hangup::NotTls, "2083"),
        ] {
            let error = Error::Connection {
                server: ([192, 0, 2, 1], 2083).into(),
                refused: Refused::from(reason),
            };
            let (label, words) = explained(&error, Transport::Tls);
            assert_eq!(label, reason.label());
            assert!(words.contains(option), "{words}");
            assert!(words.contains(&reason.to_string()), "{words}");
            assert!(words.contains("over TLS from 192.0.2.1:2083"), "{words}");
        }
    }

    #[test]
    fn a_closed_connection_is_a_matter_of_secrets_over_tcp_only() {
        let error = Error::Connection {
            server: ([192, 0, 2, 1], 2083).into(),
            refused: Refused::from(Hangup::PeerClosed),
        };
        let (_, words) = explained(&error, Transport::Tcp);
        assert!(words.contains("the shared secrets differ"), "{words}");
        let (_, words) = explained(&error, Transport::Tls);
        assert!(!words.contains("secret"), "{words}");
    }

    #[test]
    fn silence_on_a_connection_does_not_blame_the_secret() {
        let error = |sent| Error::NoAnswer {
            server: ([192, 0, 2, 1], 2083).into(),
            sent,
            refused: false,
        };
        let (label, words) = explained(&error(1), Transport::Tls);
        assert_eq!(label, "no_answer");
        assert!(!words.contains("secret"), "{words}");
        let (_, words) = explained(&error(0), Transport::Tls);
        assert!(words.contains("no connection"), "{words}");
        let (_, words) = explained(&error(1), Transport::Udp);
        assert!(words.contains("is the secret the same?"), "{words}");
    }
}
