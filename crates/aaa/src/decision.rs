//! What became of one request, and why: the record behind `portreeve log` and `portreeve explain`.

mod explain;

use std::{fmt, net::SocketAddr, str::FromStr};

use portreeve_proto::{Discard, Transport, Version};
use serde::{Deserialize, Serialize};

use crate::{
    accounting::{Event, Status},
    definition::DialectName,
    refusal::Refusal,
    shown::Shown,
    station::Mac,
};

/// How the message on a connection begins that was refused or ended.
const NO_CONNECTION: &str = "no connection";

pub use explain::{discard_cure, discard_sentence, explain};

/// The number of a decision, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DecisionId(pub u64);

/// One request and what became of it. Holds no secret, and no text that has not been made fit to be
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What to ask `explain` for.
    pub id: DecisionId,
    /// When the request arrived, in milliseconds since 1970.
    pub time_ms: u64,
    /// From arrival to answer, in microseconds; for a delayed reject up to the decision.
    pub duration_us: u64,
    /// What was asked; `None` where the packet was not read that far.
    pub asked: Option<Asked>,
    /// The address and port it came from.
    pub from: SocketAddr,
    /// What carried it; `None` in records of before there was more than UDP.
    #[serde(default)]
    pub transport: Option<Shown>,
    /// The RADIUS version that was spoken, where a connection has one.
    #[serde(default)]
    pub radius: Option<Shown>,
    /// The NAS, where the address belongs to one.
    pub nas: Option<Shown>,
    /// User-Name.
    pub user: Option<Shown>,
    /// By which method they tried to prove who they are.
    pub method: Option<Shown>,
    /// Calling-Station-Id.
    pub calling_station: Option<Shown>,
    /// What was looked at, in order.
    pub checks: Vec<Check>,
    /// What became of it.
    pub outcome: Outcome,
    /// The label of the [`Refusal`] or [`Discard`].
    pub reason: Option<Shown>,
    /// The attributes of the reply, one `Name = value` each, hidden values left out.
    pub reply: Vec<Shown>,
    /// It all in one sentence.
    pub message: Shown,
    /// What the administrator can do about it.
    pub cure: Option<Shown>,
}

/// What a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// To be let in.
    Access,
    /// To record what was used.
    Accounting,
    /// To change a session.
    Coa,
    /// To end a session.
    Disconnect,
    /// Whether we are there.
    Status,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Access-Accept.
    Accepted,
    /// An answer that decides nothing: to Status-Server, CoA or Disconnect.
    Answered,
    /// Access-Challenge.
    Challenged,
    /// Silence.
    Discarded,
    /// No request: something that was seen at a NAS.
    Noticed,
    /// Accounting-Response.
    Recorded,
    /// Access-Reject.
    Rejected,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub what: Shown,
    /// How it came out.
    pub outcome: CheckOutcome,
    /// What was found.
    pub detail: Shown,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Against the request; it decided.
    Failed,
    /// In its favour.
    Passed,
    /// It was not needed or not possible.
    Skipped,
}

/// A decision in the making. One of its last methods makes it a [`Decision`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Draft {
    decision: Decision,
}

impl Decision {
    /// The most checks one decision records.
    pub const CHECKS_MAX: usize = 64;

    /// Begins to record what becomes of a request.
    pub fn draft(id: DecisionId, time_ms: u64, from: SocketAddr) -> Draft {
        Draft {
            decision: Self {
                id,
                time_ms,
                duration_us: 0,
                asked: None,
                from,
                transport: None,
                radius: None,
                nas: None,
                user: None,
                method: None,
                calling_station: None,
                checks: Vec::new(),
                outcome: Outcome::Rejected,
                reason: None,
                reply: Vec::new(),
                message: Shown::default(),
                cure: None,
            },
        }
    }

    /// Whether Calling-Station-Id is a private (random) address: one that is locally administered,
    /// which the device made up and may change any time.
    pub fn has_random_station(&self) -> bool {
        let station = self.calling_station.as_ref();
        let mac = station.and_then(|station| Mac::calling(station.as_str()));
        mac.is_some_and(Mac::is_locally_administered)
    }
}

impl Draft {
    /// See [`Decision::has_random_station`].
    pub fn has_random_station(&self) -> bool {
        self.decision.has_random_station()
    }

    /// What was asked.
    pub fn asked(mut self, asked: Asked) -> Self {
        self.decision.asked = Some(asked);
        self
    }

    /// What carried it, and in which form. Without TLS there is only one form.
    pub fn over(mut self, transport: Transport, version: Option<Version>) -> Self {
        self.decision.transport = Some(Shown::from(transport.label()));
        let version = version.filter(|_| transport.is_secure());
        self.decision.radius = version.map(|version| Shown::from(version.to_string().as_str()));
        self
    }

    /// The NAS by its configured name.
    pub fn nas(mut self, name: &str) -> Self {
        self.decision.nas = Some(Shown::from(name));
        self
    }

    /// User-Name, as octets.
    pub fn user(mut self, name: &[u8]) -> Self {
        self.decision.user = Some(Shown::new(name));
        self
    }

    /// The method in the words people use.
    pub fn method(mut self, method: &str) -> Self {
        self.decision.method = Some(Shown::from(method));
        self
    }

    /// Calling-Station-Id, as octets.
    pub fn calling_station(mut self, station: &[u8]) -> Self {
        self.decision.calling_station = Some(Shown::new(station));
        self
    }

    /// Records what was looked at, up to [`Decision::CHECKS_MAX`] things.
    pub fn check(&mut self, what: &str, outcome: CheckOutcome, detail: &str) {
        if self.decision.checks.len() < Decision::CHECKS_MAX {
            self.decision.checks.push(Check {
                what: Shown::from(what),
                outcome,
                detail: Shown::sentence(detail),
            });
        }
    }

    /// Access-Accept with these attributes; see [`describe`](crate::attribute::describe).
    pub fn accepted(mut self, duration_us: u64, reply: Vec<Shown>) -> Decision {
        self.decision.reply = reply;
        let by = match &self.decision.method {
            Some(method) => format!("accepted: {} by {method}", self.who()),
            None => format!("accepted: {}", self.who()),
        };
        self.end(Outcome::Accepted, duration_us, &by)
    }

    /// Access-Reject.
    pub fn rejected(mut self, duration_us: u64, refusal: &Refusal) -> Decision {
        self.decision.reason = Some(Shown::from(refusal.label()));
        let user = self.decision.user.as_ref().map(Shown::as_str);
        let nas = self.decision.nas.as_ref().map(Shown::as_str);
        let cure = refusal.cure(user, nas);
        self.decision.cure = cure.map(|cure| Shown::sentence(&cure));
        self.end(
            Outcome::Rejected,
            duration_us,
            &format!("refused: {refusal}"),
        )
    }

    /// A conversation that was never finished, and what it looks like.
    pub fn abandoned(mut self, duration_us: u64, refusal: &Refusal) -> Decision {
        self.decision.reason = Some(Shown::from(refusal.label()));
        let user = self.decision.user.as_ref().map(Shown::as_str);
        let nas = self.decision.nas.as_ref().map(Shown::as_str);
        let cure = refusal.cure(user, nas);
        self.decision.cure = cure.map(|cure| Shown::sentence(&cure));
        let message = format!("unfinished: {refusal}");
        self.end(Outcome::Challenged, duration_us, &message)
    }

    /// How long ago it began, in microseconds, at a time in milliseconds since 1970.
    pub const fn elapsed_us(&self, now_ms: u64) -> u64 {
        now_ms
            .saturating_sub(self.decision.time_ms)
            .saturating_mul(1000)
    }

    /// Access-Challenge.
    pub fn challenged(self, duration_us: u64) -> Decision {
        let message = format!("asked {} for more", self.who());
        self.end(Outcome::Challenged, duration_us, &message)
    }

    /// Accounting-Response, the record being on the disk.
    pub fn recorded(self, duration_us: u64, event: &Event) -> Decision {
        let message = match (event.status, &event.session_id) {
            (Status::AccountingOn | Status::AccountingOff, _) | (_, None) => {
                format!("recorded: {}", event.status)
            }
            (status, Some(id)) => {
                format!(
                    "recorded: {status} of session {} of {}",
                    Shown::new(id),
                    self.who()
                )
            }
        };
        self.end(Outcome::Recorded, duration_us, &message)
    }

    /// An answer that decides nothing, in words.
    pub fn answered(self, duration_us: u64, message: &str) -> Decision {
        self.end(Outcome::Answered, duration_us, message)
    }

    /// Silence.
    pub fn discarded(
        mut self,
        duration_us: u64,
        discard: Discard,
        dialect: DialectName,
    ) -> Decision {
        self.decision.reason = Some(Shown::from(discard.label()));
        let nas = self.decision.nas.as_ref().map(Shown::as_str);
        let cure = discard_cure(discard, nas, self.decision.from.ip(), dialect);
        self.decision.cure = cure.map(|cure| Shown::sentence(&cure));
        let message = format!("no answer: {}", discard_sentence(discard));
        self.end(Outcome::Discarded, duration_us, &message)
    }

    /// A connection that was refused or ended: the reason's label, the reason in a sentence, and
    /// what can be done about it.
    pub fn hung_up(mut self, label: &str, sentence: &str, cure: Option<&str>) -> Decision {
        self.decision.reason = Some(Shown::from(label));
        self.decision.cure = cure.map(Shown::sentence);
        self.end(
            Outcome::Discarded,
            0,
            &format!("{NO_CONNECTION}: {sentence}"),
        )
    }

    /// Something that was seen at a NAS without a request: its label, a sentence, and what can be
    /// done about it.
    pub fn noticed(mut self, label: &str, sentence: &str, cure: Option<&str>) -> Decision {
        self.decision.reason = Some(Shown::from(label));
        self.decision.cure = cure.map(Shown::sentence);
        self.end(Outcome::Noticed, 0, sentence)
    }

    fn who(&self) -> &str {
        self.decision
            .user
            .as_ref()
            .map_or("a request without User-Name", Shown::as_str)
    }

    fn end(mut self, outcome: Outcome, duration_us: u64, message: &str) -> Decision {
        self.decision.outcome = outcome;
        self.decision.duration_us = duration_us;
        self.decision.message = Shown::sentence(message);
        self.decision
    }
}

impl Outcome {
    /// Its name as a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Answered => "answered",
            Self::Challenged => "challenged",
            Self::Discarded => "discarded",
            Self::Noticed => "noticed",
            Self::Recorded => "recorded",
            Self::Rejected => "rejected",
        }
    }
}

/// The text is not the number of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of a decision has 1 to 16 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for DecisionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|o| o.is_ascii_hexdigit()) {
            return Err(NotAnId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAnId)
    }
}

impl TryFrom<String> for DecisionId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<DecisionId> for String {
    fn from(id: DecisionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecisionId({self})")
    }
}
