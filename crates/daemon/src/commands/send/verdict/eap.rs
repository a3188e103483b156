//! What came of a log-in by EAP.

use portreeve::eap::{Keys, peer::Trouble};
use serde_json::{Map, Value as Json, json};

use super::{Goal, Reporter, milliseconds};
use crate::{
    commands::{
        decode::show::Seen,
        send::{
            eap::{Attempt, Kind, Once, Verdict, advice},
            wire,
        },
    },
    failure::Failure,
    output::{Colour, Output, printable},
};

impl Goal {
    const fn is_met_by_eap(self, verdict: Verdict) -> bool {
        matches!(
            (self, verdict),
            (Self::Accept, Verdict::Accepted) | (Self::Reject, Verdict::Rejected)
        )
    }
}

impl Reporter<'_> {
    pub(super) fn log_in(
        &mut self,
        number: u64,
        attempt: &Attempt,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let (last, kind) = (&attempt.last, attempt.kind);
        let verdict = last.verdict(kind);
        self.count_answer(last.elapsed, self.goal.is_met_by_eap(verdict));
        let response = &last.login.response;
        let packet = response.packet();
        let seen = self.view.look(&packet, None, &mut |spec, hidden| {
            response.reveal_octets(spec, hidden)
        });
        if self.json {
            return self.log_in_json(number, attempt, &seen, output);
        }
        self.tell_verdict(attempt, verdict, output)?;
        if self.count > 1 {
            return Ok(());
        }
        for (name, value) in super::aligned(&seen) {
            output.line(format!("    {name} = {value}"))?;
        }
        for remark in remarks(attempt) {
            output.line(format!("  {remark}"))?;
        }
        self.tell_wire(output)?;
        if self.goal == Goal::Reject && verdict != Verdict::Rejected {
            output.note("Access-Reject was expected")?;
        }
        Ok(())
    }

    fn tell_verdict(
        &self,
        attempt: &Attempt,
        verdict: Verdict,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let colour = if self.goal.is_met_by_eap(verdict) {
            Colour::Green
        } else {
            Colour::Red
        };
        let word = output.style().paint(colour, verdict.word()).into_owned();
        let (last, by) = (&attempt.last, attempt.kind.words());
        let response = &last.login.response;
        let (server, time) = (response.server(), milliseconds(last.elapsed));
        let how = format!("by {by}, {} in {time} ms", rounds(last));
        Ok(match (&last.login.outcome, verdict) {
            (Ok(_), Verdict::KeysDiffer) => output.line(format!(
                "{word}: {server} accepts {how}, but the keys in its answer are not those of the \
                 device: no frame would get through; see to what stands between, or to the shared \
                 secret of a proxy"
            )),
            (Ok(_), _) => output.line(format!("{word}: {} from {server} {how}", response.code())),
            (Err(trouble), Verdict::Rejected) => output.line(format!(
                "{word} by {server} {how}: {}",
                told(attempt.kind, trouble)
            )),
            (Err(trouble), _) => output.line(format!(
                "{word}: no log-in to {server} {how}: {}",
                told(attempt.kind, trouble)
            )),
        }?)
    }

    fn log_in_json(
        &self,
        number: u64,
        attempt: &Attempt,
        seen: &Seen<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let last = &attempt.last;
        let verdict = last.verdict(attempt.kind);
        let response = &last.login.response;
        let mut object = Map::new();
        let mut insert = |name: &str, value: Json| object.insert(name.to_owned(), value);
        insert("ok", self.goal.is_met_by_eap(verdict).into());
        insert("verdict", verdict.label().into());
        insert("server", response.server().to_string().into());
        insert("number", number.into());
        insert("round_trip_ms", in_milliseconds(last).into());
        insert("transmissions", response.transmissions().into());
        insert("mppe_keys", keys_label(last.login.keys).into());
        if let Err(trouble) = &last.login.outcome {
            insert("explanation", told(attempt.kind, trouble).into());
        }
        insert("eap", eap_json(attempt));
        object.append(&mut wire::json(self.to.transport, self.session.as_ref()));
        object.insert("reply".to_owned(), Json::Object(seen.json()));
        self.print(&Json::Object(object), output)
    }
}

fn eap_json(attempt: &Attempt) -> Json {
    let last = &attempt.last;
    let tls = last.tls(attempt.kind);
    json!({
        "method": attempt.kind.label(),
        "identity": attempt.outer,
        "rounds": last.login.rounds,
        "tls": tls.map(|(version, _)| version),
        "cipher": tls.map(|(_, cipher)| cipher),
        "keys_agree": match last.login.keys {
            Keys::None => None,
            Keys::Same => Some(true),
            Keys::Differ => Some(false),
        },
        "resumed": last.is_resumed().filter(|_| attempt.kind.has_tls()),
        "first": attempt.first.as_ref().map(|first| json!({
            "rounds": first.login.rounds,
            "round_trip_ms": in_milliseconds(first),
        })),
    })
}

fn in_milliseconds(once: &Once) -> f64 {
    once.elapsed.as_secs_f64() * 1000.0
}

const fn keys_label(keys: Keys) -> &'static str {
    match keys {
        Keys::None => "not_owed",
        Keys::Same => "present",
        Keys::Differ => "wrong",
    }
}

/// What went wrong, and what to do about it.
fn told(kind: Kind, trouble: &Trouble) -> String {
    let what = trouble.to_string();
    format!("{}; {}", printable(&what), advice(kind, trouble))
}

fn rounds(once: &Once) -> String {
    match once.login.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    }
}

fn remarks(attempt: &Attempt) -> Vec<String> {
    let last = &attempt.last;
    let mut remarks = Vec::new();
    if let Some((version, cipher)) = last.tls(attempt.kind) {
        remarks.push(format!("{version} with {cipher} to the device"));
    }
    if last.login.outcome.is_ok() {
        remarks.push(match last.login.keys {
            Keys::None => "the method makes no keys: for a cable, never for a radio".to_owned(),
            Keys::Same => "the keys of the device and of the access point agree".to_owned(),
            Keys::Differ => "the keys of the device and of the access point DIFFER".to_owned(),
        });
    }
    if let Some(first) = &attempt.first {
        let before = format!("{} in {} ms", rounds(first), milliseconds(first.elapsed));
        remarks.push(match last.is_resumed() {
            Some(true) => format!("resumed; the first log-in, in full, took {before}"),
            Some(false) => format!(
                "NOT resumed: the server has given no session, or not taken it back; the first \
                 log-in took {before}"
            ),
            None => format!("the first log-in, in full, went well; it took {before}"),
        });
    }
    remarks
}
