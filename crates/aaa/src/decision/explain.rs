use std::{fmt, net::IpAddr};

use portreeve_proto::Discard;

use super::{Asked, CheckOutcome, Decision, NO_CONNECTION, Outcome};
use crate::{definition::DialectName, refusal::argument, shown::Shown};

/// Why a packet got no answer, for the administrator: without a capital and a full stop.
pub const fn discard_sentence(discard: Discard) -> &'static str {
    match discard {
        Discard::AttributeLength => "an attribute in the packet has an impossible length",
        Discard::AttributeZero => "the packet has an attribute of type 0, which does not exist",
        Discard::CodeNotAllowed => "this kind of request does not belong on this port",
        Discard::DuplicateInProgress => "the same request is being worked on already",
        Discard::DynamicNotAllowed => {
            "the request is to change or end a session, and its sender may not do that"
        }
        Discard::EventTimestampMissing => {
            "the request is to change or end a session and does not say when it was sent, as is \
             required, so it may be a replay"
        }
        Discard::EventTimestampStale => {
            "the request is to change or end a session and was sent too long ago by its \
             Event-Timestamp: a clock is wrong, or it is a replay"
        }
        Discard::HandlerTimeout => "the decision took too long",
        Discard::HandlerSilent => "the record could not be made durable, so the NAS must keep it",
        Discard::Length => "the packet's length field does not fit what arrived",
        Discard::MessageAuthenticatorMalformed => {
            "the packet has more than one Message-Authenticator, or one of a wrong length"
        }
        Discard::MessageAuthenticatorMissing => {
            "the NAS sent no Message-Authenticator, and it is required of it; passwords were not \
             looked at"
        }
        Discard::MessageAuthenticatorWrong => {
            "the NAS's shared secret is not the one configured here (its Message-Authenticator \
             does not verify); passwords were not looked at"
        }
        Discard::NotServing => "the server is starting or stopping",
        Discard::PreviousSecretExpired => {
            "the NAS still uses its previous shared secret, which is no longer accepted; passwords \
             were not looked at"
        }
        Discard::ProxyStateUnprotected => {
            "the request carries Proxy-State without Message-Authenticator, as forgers need it, \
             and the NAS is not known as a proxy"
        }
        Discard::ReplyUnencodable => "the reply does not fit into a packet",
        Discard::RequestAuthenticatorWrong => {
            "the NAS's shared secret is not the one configured here (the Request Authenticator \
             does not verify)"
        }
        Discard::TableFull => "too many requests are being worked on",
        Discard::TokenReused => {
            "the NAS gave one RADIUS/1.1 Token to two requests at a time, so its connection was \
             closed"
        }
        Discard::TransportNotAllowed => {
            "the NAS is to use TLS or DTLS, and this packet came otherwise: it, or somebody who \
             pretends to be it, is to be looked at"
        }
        Discard::UnknownPeer => "the address it came from belongs to no NAS",
    }
}

/// What the administrator can do so that such packets are answered; `None` where nothing needs
/// doing.
pub fn discard_cure(
    discard: Discard,
    nas: Option<&str>,
    from: IpAddr,
    dialect: DialectName,
) -> Option<String> {
    let nas = argument(nas, "NAME");
    let here = match discard {
        Discard::MessageAuthenticatorMissing => {
            let option = "--require-message-authenticator auto";
            Some(format!(
                "if it cannot send one: portreeve nas set {nas} {option}"
            ))
        }
        Discard::MessageAuthenticatorWrong | Discard::RequestAuthenticatorWrong => {
            Some(format!("portreeve nas set {nas} --secret SECRET"))
        }
        Discard::PreviousSecretExpired => Some(format!(
            "set the present secret on it: portreeve nas show {nas} --reveal-secret"
        )),
        Discard::ProxyStateUnprotected => Some(format!(
            "if it is a proxy: portreeve nas set {nas} --limit-proxy-state no"
        )),
        Discard::UnknownPeer => Some(format!(
            "if it is yours: portreeve nas add NAME {}",
            from.to_canonical()
        )),
        Discard::TransportNotAllowed => Some(format!(
            "set the NAS to RadSec, or: portreeve nas set {nas} --transport udp"
        )),
        Discard::HandlerSilent => Some("portreeve status, then free disk space".to_owned()),
        Discard::HandlerTimeout => Some("portreeve status".to_owned()),
        Discard::EventTimestampStale => Some("set both clocks by NTP".to_owned()),
        Discard::ReplyUnencodable => Some("portreeve check".to_owned()),
        _ => None,
    };
    match (dialect.cure(discard), here) {
        (Some(there), Some(here)) => Some(format!("{there}; {here}")),
        (Some(there), None) => Some(there.to_owned()),
        (None, here) => here,
    }
}

/// A decision in prose, several lines for a terminal.
pub fn explain(decision: &Decision) -> String {
    Explained(decision).to_string()
}

struct Explained<'a>(&'a Decision);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_explanation(self.0, f)
    }
}

fn write_explanation(decision: &Decision, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_request = decision.outcome != Outcome::Noticed;
    let what = if is_request { "Request" } else { "Event" };
    writeln!(out, "{what} {} of {}", decision.id, utc(decision.time_ms))?;
    write!(out, "{}", opening(decision))?;
    match &decision.nas {
        Some(nas) if !is_request => write!(out, " at nas {nas} ({})", decision.from)?,
        Some(nas) => write!(out, " through nas {nas} ({})", decision.from)?,
        None => write!(out, " from {}", decision.from)?,
    }
    match (&decision.transport, &decision.radius) {
        (Some(transport), Some(version)) => {
            let transport = transport.as_str().to_uppercase();
            write!(out, " over {transport} (RADIUS/{version})")?;
        }
        (Some(transport), None) => {
            write!(out, " over {}", transport.as_str().to_uppercase())?;
        }
        (None, _) => {}
    }
    if let Some(method) = &decision.method {
        write!(out, " by {method}")?;
    }
    writeln!(out, ".")?;
    if let Some(station) = &decision.calling_station {
        let note = if decision.has_random_station() {
            ", an address it made up and may change"
        } else {
            ""
        };
        writeln!(out, "Their device called itself {station}{note}.")?;
    }
    if !decision.checks.is_empty() {
        writeln!(out, "\nWhat was looked at:")?;
    }
    for check in &decision.checks {
        let mark = match check.outcome {
            CheckOutcome::Passed => "  ok     ",
            CheckOutcome::Failed => "  FAILED ",
            CheckOutcome::Skipped => "  -      ",
        };
        writeln!(out, "{mark}{}: {}", check.what, check.detail)?;
    }
    let micros = decision.duration_us;
    let took = format!("{}.{:03} ms", micros / 1000, micros % 1000);
    if is_request {
        writeln!(out, "\nIn the end, after {took}: {}.", decision.message)?;
    } else {
        writeln!(out, "\nWhat was seen: {}.", decision.message)?;
    }
    if let Some(cure) = &decision.cure {
        writeln!(out, "What to do: {cure}")?;
    }
    match (decision.outcome, decision.reply.is_empty()) {
        (_, false) => {
            writeln!(out, "\nThe reply carried:")?;
            decision
                .reply
                .iter()
                .try_for_each(|line| writeln!(out, "  {line}"))
        }
        (Outcome::Rejected, true) => {
            writeln!(
                out,
                "The subscriber was not told why; every reject looks the same."
            )
        }
        (_, true) => Ok(()),
    }
}

fn opening(decision: &Decision) -> String {
    let who = decision
        .user
        .as_ref()
        .map_or("Somebody without a name", Shown::as_str);
    match decision.asked {
        Some(Asked::Access) => format!("{who} asked to be let in"),
        Some(Asked::Accounting) => format!("What {who} used was reported"),
        Some(Asked::Coa) => format!("A change of the session of {who} was asked for"),
        Some(Asked::Disconnect) => format!("The end of the session of {who} was asked for"),
        Some(Asked::Status) => "A NAS asked whether the server is there".to_owned(),
        None if decision.outcome == Outcome::Noticed => "This server looked by itself".to_owned(),
        None if decision.message.as_str().starts_with(NO_CONNECTION) => {
            "Somebody connected".to_owned()
        }
        None => "A packet came".to_owned(),
    }
}

/// Milliseconds since 1970 as `2027-01-15 08:00:00.000 UTC`.
fn utc(ms: u64) -> String {
    let (days, within) = (ms / 86_400_000, ms % 86_400_000);
    // Years begin in March here, so that the day a leap year adds is its last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + carry;
    let (seconds, millis) = (within / 1000, within % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00.000 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59.999 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00.000 UTC"),
            (1_800_000_000_000, "2027-01-15 08:00:00.000 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000 UTC"),
        ] {
            assert_eq!(utc(ms), text);
        }
        assert!(utc(u64::MAX).ends_with("UTC"));
    }

    #[test]
    fn every_discard_is_explained_and_the_curable_ones_are_cured() {
        let from = "192.0.2.7".parse().unwrap();
        for discard in Discard::ALL {
            let sentence = discard_sentence(discard);
            assert!(sentence.len() > 20 && !sentence.ends_with('.'), "{discard}");
        }
        for (discard, part) in [
            (Discard::UnknownPeer, "portreeve nas add NAME 192.0.2.7"),
            (
                Discard::MessageAuthenticatorWrong,
                "portreeve nas set ap --secret",
            ),
            (
                Discard::RequestAuthenticatorWrong,
                "portreeve nas set ap --secret",
            ),
            (
                Discard::MessageAuthenticatorMissing,
                "require-message-auth=yes-for-request-resp",
            ),
            (
                Discard::MessageAuthenticatorMissing,
                "portreeve nas set ap --require-message-authenticator auto",
            ),
            (
                Discard::ProxyStateUnprotected,
                "portreeve nas set ap --limit-proxy-state no",
            ),
        ] {
            let cure = discard_cure(discard, Some("ap"), from, DialectName::Mikrotik).unwrap();
            assert!(cure.contains(part), "{cure}");
        }
        assert_eq!(
            discard_cure(Discard::Length, None, from, DialectName::Generic),
            None
        );
    }
}
