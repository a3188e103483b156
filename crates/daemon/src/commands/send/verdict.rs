//! What an answer means, and what a missing one may mean.

mod eap;

use std::time::{Duration, SystemTime};

use portreeve::{Error, client::Response, tls::Session};
use portreeve_auth::mschap::code;
use portreeve_proto::{Code, attr};
use serde_json::{Map, Value as Json, json};
use subtle::ConstantTimeEq as _;

use super::{
    SendError,
    asking::{Answer, Done},
    options::Expected,
    trouble::{self, Destination},
    wire,
};
use crate::{
    commands::decode::show::{Seen, View},
    failure::Failure,
    output::{Colour, Output, printable},
};

/// The answer that counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    Accept,
    Alive,
    Challenge,
    Done,
    Recorded,
    Reject,
}

impl Goal {
    pub(crate) const fn of(expected: Expected) -> Self {
        match expected {
            Expected::Accept => Self::Accept,
            Expected::Challenge => Self::Challenge,
            Expected::Reject => Self::Reject,
        }
    }

    const fn is_met_by(self, code: Code) -> bool {
        match self {
            Self::Accept => matches!(code, Code::ACCESS_ACCEPT),
            Self::Alive => matches!(code, Code::ACCESS_ACCEPT | Code::ACCOUNTING_RESPONSE),
            Self::Challenge => matches!(code, Code::ACCESS_CHALLENGE),
            Self::Done => matches!(code, Code::COA_ACK | Code::DISCONNECT_ACK),
            Self::Recorded => matches!(code, Code::ACCOUNTING_RESPONSE),
            Self::Reject => matches!(code, Code::ACCESS_REJECT),
        }
    }

    /// What the answer says, in a word.
    const fn word(self, answer: Code) -> &'static str {
        match (self, answer) {
            (Self::Alive, _) => "alive",
            (_, Code::ACCESS_ACCEPT) => "accepted",
            (_, Code::ACCESS_CHALLENGE) => "challenged",
            (_, Code::ACCESS_REJECT) => "rejected",
            (_, Code::ACCOUNTING_RESPONSE) => "recorded",
            (_, Code::COA_ACK | Code::DISCONNECT_ACK) => "done",
            _ => "refused",
        }
    }

    const fn expectation(self) -> &'static str {
        match self {
            Self::Accept => "Access-Accept",
            Self::Alive | Self::Recorded => "Accounting-Response",
            Self::Challenge => "Access-Challenge",
            Self::Done => "an ACK",
            Self::Reject => "Access-Reject",
        }
    }
}

/// Tells results one by one, and at last what all of them come to.
pub(crate) struct Reporter<'a> {
    view: View<'a>,
    goal: Goal,
    to: Destination,
    count: u64,
    json: bool,
    good: u64,
    bad: u64,
    answered: u64,
    longest: Duration,
    shortest: Option<Duration>,
    sum: Duration,
    /// What the first handshake settled.
    session: Option<Session>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(view: View<'a>, goal: Goal, to: Destination, count: u64, json: bool) -> Self {
        Self {
            view,
            goal,
            to,
            count,
            json,
            good: 0,
            bad: 0,
            answered: 0,
            longest: Duration::ZERO,
            shortest: None,
            sum: Duration::ZERO,
            session: None,
        }
    }

    /// Whether every answer was the one that was wanted.
    pub(crate) const fn is_good(&self) -> bool {
        self.bad == 0 && self.good == self.count
    }

    /// Tells one result. Fails where the request could not be made at all.
    pub(crate) fn tell(&mut self, done: Done, output: &mut Output<'_>) -> Result<(), Failure> {
        if self.session.is_none() {
            self.session = done.session;
        }
        match done.result {
            Ok(Answer::Packet(response)) => self.answer(done.number, &response, output),
            Ok(Answer::LogIn(attempt)) => self.log_in(done.number, &attempt, output),
            Err(error) if matches!(error, Error::Encode(_) | Error::Password(_)) => {
                Err(SendError::from(error).into())
            }
            Err(error) => self.failure(done.number, &error, done.elapsed, output),
        }
    }

    /// The sum of several requests.
    pub(crate) fn conclude(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        if self.count == 1 || self.json {
            return Ok(());
        }
        let Self { count, good, .. } = self;
        let sum = format!("{count} requests, {good} answered as expected");
        let times = match (self.shortest, u32::try_from(self.answered)) {
            (Some(shortest), Ok(answered)) => {
                let mean = milliseconds(self.sum / answered.max(1));
                let (shortest, longest) = (milliseconds(shortest), milliseconds(self.longest));
                format!("; round trip min {shortest} ms, mean {mean} ms, max {longest} ms")
            }
            _ => String::new(),
        };
        output.line(sum + &times)?;
        if self.answered > 0 {
            self.tell_wire(output)?;
        }
        Ok(())
    }

    fn tell_wire(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let session = self.session.as_ref();
        if let Some(words) = wire::words(self.to.transport, session, SystemTime::now()) {
            output.line(format!("  {words}"))?;
        }
        Ok(())
    }

    fn count_answer(&mut self, elapsed: Duration, is_good: bool) {
        self.answered += 1;
        self.sum += elapsed;
        self.longest = self.longest.max(elapsed);
        self.shortest = Some(
            self.shortest
                .map_or(elapsed, |shortest| shortest.min(elapsed)),
        );
        if is_good {
            self.good += 1;
        } else {
            self.bad += 1;
        }
    }

    fn answer(
        &mut self,
        number: u64,
        response: &Response,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let code = response.code();
        let elapsed = response.elapsed();
        let keys = Keys::of(response);
        let good = self.goal.is_met_by(code);
        self.count_answer(elapsed, good);
        let packet = response.packet();
        let seen = self.view.look(&packet, None, &mut |spec, hidden| {
            response.reveal_octets(spec, hidden)
        });
        if self.json {
            return self.answer_json(number, response, &seen, keys, output);
        }
        let word = self.goal.word(code);
        let (colour, how) = (
            if good { Colour::Green } else { Colour::Red },
            response.transmissions(),
        );
        let word = output.style().paint(colour, word).into_owned();
        let again = if how > 1 {
            format!(" to transmission {how}")
        } else {
            String::new()
        };
        let (server, time) = (response.server(), milliseconds(elapsed));
        output.line(format!("{word}: {code} from {server} in {time} ms{again}"))?;
        if self.count == 1 {
            for (name, value) in aligned(&seen) {
                output.line(format!("    {name} = {value}"))?;
            }
            for remark in remarks(response, keys, self.to) {
                output.line(format!("  {remark}"))?;
            }
            self.tell_wire(output)?;
        }
        if !good && self.goal != Goal::Accept && self.goal != Goal::Done {
            output.note(format!("{} was expected", self.goal.expectation()))?;
        }
        Ok(())
    }

    fn answer_json(
        &self,
        number: u64,
        response: &Response,
        seen: &Seen<'_>,
        keys: Keys,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let code = response.code();
        let mut object = Map::new();
        object.insert("ok".to_owned(), self.goal.is_met_by(code).into());
        object.insert("verdict".to_owned(), self.goal.word(code).into());
        object.insert("server".to_owned(), response.server().to_string().into());
        object.insert("number".to_owned(), number.into());
        let time = response.elapsed().as_secs_f64() * 1000.0;
        object.insert("round_trip_ms".to_owned(), time.into());
        object.insert("transmissions".to_owned(), response.transmissions().into());
        object.insert("server_proven".to_owned(), server_proof(response).into());
        let protected = response.has(attr::MESSAGE_AUTHENTICATOR);
        object.insert("message_authenticator".to_owned(), protected.into());
        object.insert("mppe_keys".to_owned(), keys.label().into());
        if let Some(error) = error_text(response) {
            object.insert("ms_chap_error".to_owned(), error.into());
        }
        object.append(&mut wire::json(self.to.transport, self.session.as_ref()));
        object.insert("reply".to_owned(), Json::Object(seen.json()));
        self.print(&Json::Object(object), output)
    }

    fn failure(
        &mut self,
        number: u64,
        error: &Error,
        elapsed: Duration,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        self.bad += 1;
        let (label, words) = trouble::explain(error, self.to, elapsed);
        if self.json {
            let object = json!({
                "ok": false,
                "verdict": label,
                "server": self.to.server.to_string(),
                "transport": self.to.transport.label(),
                "number": number,
                "waited_ms": elapsed.as_secs_f64() * 1000.0,
                "explanation": words,
            });
            return self.print(&object, output);
        }
        let label = output.style().paint(Colour::Red, "failed").into_owned();
        Ok(output.line(format!("{label}: {words}"))?)
    }

    fn print(&self, object: &Json, output: &mut Output<'_>) -> Result<(), Failure> {
        if self.count == 1 {
            output.json(object)?;
        } else {
            output.json_line(object)?;
        }
        Ok(())
    }
}

/// The attributes, their names filled up to the same width.
fn aligned(seen: &Seen<'_>) -> impl Iterator<Item = (String, String)> {
    let lines = seen.lines();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let fill = move |(name, value)| (format!("{name:width$}"), value);
    lines.into_iter().map(fill)
}

/// What became of the keys that a server owes a NAS after MS-CHAPv2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Absent,
    NotOwed,
    Present,
    Wrong,
}

impl Keys {
    fn of(response: &Response) -> Self {
        let expected = response
            .expectation()
            .and_then(|expected| expected.start_keys());
        let (Some(expected), Code::ACCESS_ACCEPT) = (expected, response.code()) else {
            return Self::NotOwed;
        };
        let send = response.reveal(attr::microsoft::MPPE_SEND_KEY);
        let recv = response.reveal(attr::microsoft::MPPE_RECV_KEY);
        match (send, recv) {
            (Some(send), Some(recv)) => {
                let same = send.as_slice().ct_eq(expected.send.as_slice())
                    & recv.as_slice().ct_eq(expected.recv.as_slice());
                if bool::from(same) {
                    Self::Present
                } else {
                    Self::Wrong
                }
            }
            _ => Self::Absent,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotOwed => "not_owed",
            Self::Present => "present",
            Self::Wrong => "wrong",
        }
    }

    const fn words(self) -> Option<&'static str> {
        match self {
            Self::NotOwed => None,
            Self::Absent => {
                Some("the MPPE keys are missing: PPP on RouterOS drops such a connection at once")
            }
            Self::Present => Some("the MPPE keys are there and are the right ones"),
            Self::Wrong => Some("the MPPE keys are WRONG: encryption will not work"),
        }
    }
}

/// Whether the server has proven that it knows the password. An Accept that lacks the proof never
/// comes so far.
fn server_proof(response: &Response) -> bool {
    let expected = response
        .expectation()
        .and_then(|expected| expected.start_keys());
    expected.is_some() && response.code() == Code::ACCESS_ACCEPT
}

fn remarks(response: &Response, keys: Keys, to: Destination) -> Vec<String> {
    let mut remarks = Vec::new();
    if server_proof(response) {
        remarks.push("the server has proven that it knows the password (MS-CHAPv2)".to_owned());
    }
    remarks.extend(keys.words().map(str::to_owned));
    remarks.extend(error_text(response));
    // TLS protects every octet by itself.
    if !to.transport.is_secure() && lacks_protection(response) {
        remarks.push(
            "the answer carries no Message-Authenticator (CVE-2024-3596): update the server"
                .to_owned(),
        );
    }
    remarks
}

/// Whether an answer that should carry Message-Authenticator does not.
fn lacks_protection(response: &Response) -> bool {
    let is_access = matches!(
        response.code(),
        Code::ACCESS_ACCEPT | Code::ACCESS_CHALLENGE | Code::ACCESS_REJECT
    );
    is_access && !response.has(attr::MESSAGE_AUTHENTICATOR)
}

/// MS-CHAP-Error in words.
fn error_text(response: &Response) -> Option<String> {
    let error = response.expectation()?.error_of(&response.packet())?;
    let reason = match error.code {
        code::RESTRICTED_LOGON_HOURS => "not at this time",
        code::ACCOUNT_DISABLED => "the user is disabled",
        code::PASSWORD_EXPIRED => "the password has expired",
        code::NO_DIALIN_PERMISSION => "the user may not dial in",
        code::AUTHENTICATION_FAILURE => "wrong name or password",
        code::CHANGING_PASSWORD => "the password could not be changed",
        _ => "no reason that is known",
    };
    let again = if error.retry {
        "may try again"
    } else {
        "may not try again"
    };
    let number = error.code;
    let message = printable(&error.message).into_owned();
    let message = if message.is_empty() {
        message
    } else {
        format!(": \"{message}\"")
    };
    Some(format!(
        "MS-CHAP error {number}, {reason}; the peer {again}{message}"
    ))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}
