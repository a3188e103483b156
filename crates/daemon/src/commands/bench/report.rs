//! How a load is told: to a person, and as JSON.

use std::{
    io,
    time::{Duration, SystemTime},
};

use portreeve::{Transport, tls::Session};
use serde_json::{Map, Value, json};

use super::{
    eap::EapSum,
    engine::{End, Finished},
    tally::{Dropped, Outcome, Tally},
};
use crate::{
    commands::send::wire,
    output::{Colour, Output},
};

/// The shares of replies whose latency is told, and their names.
const PERCENTILES: [(&str, &str, f64); 4] = [
    ("p50", "p50", 0.5),
    ("p90", "p90", 0.9),
    ("p99", "p99", 0.99),
    ("p99.9", "p99_9", 0.999),
];

/// What was asked for.
pub(crate) struct Asked<'a> {
    pub(crate) server: std::net::SocketAddr,
    /// `PAP`, `accounting` ...
    pub(crate) kind: &'a str,
    pub(crate) expected: Outcome,
    pub(crate) tries: u32,
    pub(crate) transport: Transport,
    /// How it went over connections, where there were some.
    pub(crate) over: Option<Over>,
    /// What log-ins by EAP came to.
    pub(crate) eap: Option<EapSum>,
}

/// Connections, and what became of them.
pub(crate) struct Over {
    pub(crate) opening: Duration,
    pub(crate) session: Option<Session>,
    /// Why requests were lost with their connection.
    pub(crate) lost: Option<String>,
}

/// Whether every request ended as it should.
pub(crate) fn is_good(finished: &Finished, asked: &Asked<'_>) -> bool {
    let tally = &finished.tally;
    let good = tally.count(asked.expected);
    finished.end == End::Complete && good == tally.requests() && good > 0
}

/// For a person.
pub(crate) fn print(
    finished: &Finished,
    asked: &Asked<'_>,
    output: &mut Output<'_>,
) -> io::Result<()> {
    let tally = &finished.tally;
    let seconds = finished.elapsed.as_secs_f64();
    let sockets = finished.sockets;
    let (what, each) = match &asked.eap {
        Some(_) => ("log-ins", "log-ins"),
        None => ("requests", "answers"),
    };
    let heading = format!(
        "{} {} {what} to {} in {seconds:.2} s {} {sockets} {}{}: {:.0} {each} a second",
        tally.requests(),
        asked.kind,
        asked.server,
        if asked.over.is_some() { "over" } else { "from" },
        if asked.over.is_some() {
            "connection"
        } else {
            "socket"
        },
        if sockets == 1 { "" } else { "s" },
        rate(tally.answered(), seconds)
    );
    let colour = if is_good(finished, asked) {
        Colour::Green
    } else {
        Colour::Red
    };
    let heading = output.style().paint(colour, &heading).into_owned();
    output.line(heading)?;
    let mut pairs = Vec::new();
    for outcome in Outcome::ALL {
        let count = tally.count(outcome);
        if count > 0 {
            pairs.push((words(outcome), format!("{count}")));
        }
    }
    if let Some(resumed) = asked.eap.as_ref().and_then(|eap| eap.resumed) {
        pairs.push(("of them resumed", resumed.to_string()));
    }
    if tally.answered() > 0 {
        pairs.push(("latency", latency_words(tally)));
    }
    pairs.push(("sent again", tally.retransmissions.to_string()));
    for dropped in Dropped::ALL {
        let count = tally.dropped(dropped);
        if count > 0 {
            pairs.push((dropped_words(dropped), count.to_string()));
        }
    }
    if tally.unsent > 0 {
        pairs.push(("not sent by the system", tally.unsent.to_string()));
    }
    if let Some(over) = &asked.over {
        pairs.push(("opening", format!("{:.3} s", over.opening.as_secs_f64())));
    }
    let pairs: Vec<(&str, String)> = pairs;
    output.pairs(&pairs)?;
    let session = asked.over.as_ref().and_then(|over| over.session.as_ref());
    if let Some(words) = wire::words(asked.transport, session, SystemTime::now()) {
        output.line(words)?;
    }
    match advice(finished, asked) {
        Some(advice) => output.warn(advice),
        None => Ok(()),
    }
}

/// For a program.
pub(crate) fn json(finished: &Finished, asked: &Asked<'_>) -> Value {
    let tally = &finished.tally;
    let seconds = finished.elapsed.as_secs_f64();
    let mut outcomes = Map::new();
    for outcome in Outcome::ALL {
        outcomes.insert(outcome.label().to_owned(), tally.count(outcome).into());
    }
    let mut dropped = Map::new();
    for kind in Dropped::ALL {
        dropped.insert(kind.label().to_owned(), tally.dropped(kind).into());
    }
    let mut report = json!({
        "server": asked.server.to_string(),
        "kind": asked.kind,
        "ok": is_good(finished, asked),
        "ended": end_label(finished.end),
        "requests": tally.requests(),
        "answered": tally.answered(),
        "seconds": seconds,
        "answers_per_second": rate(tally.answered(), seconds),
        "sockets": finished.sockets,
        "outcomes": outcomes,
        "retransmissions": tally.retransmissions,
        "dropped_replies": dropped,
        "unsent": tally.unsent,
        "refused": tally.refused,
        "latency_ms": latency_json(tally),
        "advice": advice(finished, asked),
    });
    if let Value::Object(report) = &mut report {
        let over = asked.over.as_ref();
        let session = over.and_then(|over| over.session.as_ref());
        report.append(&mut wire::json(asked.transport, session));
        let opening = over.map(|over| over.opening.as_secs_f64());
        report.insert("opening_seconds".to_owned(), opening.into());
        let eap = asked.eap.as_ref().map(|eap| {
            json!({
                "method": eap.kind.label(),
                "resumed": eap.resumed,
                "trouble": eap.trouble,
            })
        });
        report.insert("eap".to_owned(), eap.into());
    }
    report
}

fn latency_words(tally: &Tally) -> String {
    let mut words = Vec::new();
    for (name, _, share) in PERCENTILES {
        words.push(format!("{name} {:.3} ms", tally.percentile(share)));
    }
    words.push(format!("max {:.3} ms", tally.longest()));
    words.join("   ")
}

fn latency_json(tally: &Tally) -> Value {
    if tally.answered() == 0 {
        return Value::Null;
    }
    let mut latency = Map::new();
    latency.insert("min".to_owned(), tally.shortest().into());
    latency.insert("mean".to_owned(), tally.mean().into());
    for (_, name, share) in PERCENTILES {
        latency.insert(name.to_owned(), tally.percentile(share).into());
    }
    latency.insert("max".to_owned(), tally.longest().into());
    Value::Object(latency)
}

fn rate(count: u64, seconds: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is told in a few digits only"
    )]
    let count = count as f64;
    if seconds > 0.0 { count / seconds } else { 0.0 }
}

const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accept => "accepted",
        Outcome::Broken => "broken off",
        Outcome::Challenge => "challenged",
        Outcome::Failed => "not served (Protocol-Error)",
        Outcome::NoAnswer => "no answer",
        Outcome::Recorded => "recorded",
        Outcome::Reject => "rejected",
        Outcome::Unfinished => "unfinished",
        Outcome::Unproven => "server without proof",
    }
}

const fn dropped_words(dropped: Dropped) -> &'static str {
    match dropped {
        Dropped::Authenticator => "replies with a wrong authenticator",
        Dropped::Late => "replies late or twice",
        Dropped::Malformed => "replies malformed",
        Dropped::Unprotected => "replies without Message-Authenticator",
    }
}

const fn end_label(end: End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::Deadline => "deadline",
        End::Interrupted => "interrupted",
        End::NobodyAnswers => "nobody_answers",
        End::NobodyListens => "nobody_listens",
    }
}

/// What to look at when not all went well.
fn advice(finished: &Finished, asked: &Asked<'_>) -> Option<String> {
    let tally = &finished.tally;
    let server = asked.server;
    if finished.end == End::NobodyListens {
        return Some(format!(
            "nothing listens on {server}: is the server running, is the port right?"
        ));
    }
    if tally.answered() == 0 && tally.dropped(Dropped::Authenticator) > 0 {
        return Some(format!(
            "{server} answers, but no answer verifies: the shared secrets differ"
        ));
    }
    if tally.answered() == 0 && tally.dropped(Dropped::Unprotected) > 0 {
        return Some(format!(
            "{server} answers without Message-Authenticator; update it, or give \
             --no-require-message-authenticator to trust it all the same"
        ));
    }
    if let Some(lost) = asked.over.as_ref().and_then(|over| over.lost.as_ref()) {
        return Some(format!("requests were lost with their connection: {lost}"));
    }
    if finished.end == End::NobodyAnswers && asked.over.is_some() {
        return Some(format!(
            "{server} takes connections and answers nothing: `portreeve log` on the server says \
             why"
        ));
    }
    if finished.end == End::NobodyAnswers {
        return Some(format!(
            "no answer from {server} to the first requests, each sent {} times: is the server \
             running, does it know this address as a NAS, is the secret the same? `portreeve log` \
             on the server says which",
            asked.tries
        ));
    }
    if let Some(trouble) = asked.eap.as_ref().and_then(|eap| eap.trouble.as_ref())
        && !is_good(finished, asked)
    {
        return Some(format!("the first log-in that did not go well: {trouble}"));
    }
    if finished.end == End::Deadline {
        return Some("the time was over before all requests had ended; see --deadline".to_owned());
    }
    if tally.count(Outcome::Unproven) > 0 && asked.eap.is_some() {
        return Some(format!(
            "{server} accepted with keys that are not those of the device: no frame would get \
             through"
        ));
    }
    if tally.count(Outcome::Unproven) > 0 {
        return Some(format!(
            "{server} accepted without proving that it knows the password: a NAS would hang up"
        ));
    }
    None
}
