//! One command of a client, and how its answer is written.

use std::time::Duration;

use std::sync::Arc;

use tokio::sync::{broadcast::error::RecvError, mpsc};

use crate::{
    Call, Change, Event, Machine, Record, Reply, Session, Trap, api::word, perform::only, query,
    value,
};

/// Writes the sentences that answer one command.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) out: mpsc::Sender<Vec<u8>>,
    /// The command's tag. Empty: none.
    pub(super) tag: String,
    pub(super) says_empty: bool,
}

impl Reporter {
    /// One sentence. A client that has gone hears nothing, which is no fault.
    pub(super) async fn say(&self, words: &[String]) {
        let mut wire = Vec::new();
        let mut words = words.to_vec();
        if !self.tag.is_empty() && words.first().is_none_or(|word| word != "!fatal") {
            words.insert(1.min(words.len()), format!(".tag={}", self.tag));
        }
        word::write_sentence(&words, &mut wire);
        drop(self.out.send(wire).await);
    }

    async fn record(&self, record: &Record) {
        let mut words = vec!["!re".to_owned()];
        words.extend(
            record
                .iter()
                .map(|(name, value)| format!("={name}={value}")),
        );
        self.say(&words).await;
    }

    pub(super) async fn trap(&self, trap: &Trap) {
        let mut words = vec!["!trap".to_owned()];
        if let Some(category) = trap.category {
            words.push(format!("=category={category}"));
        }
        words.push(format!("=message={}", trap.message));
        self.say(&words).await;
    }

    async fn traps(&self, traps: &[Trap]) {
        for trap in traps {
            self.trap(trap).await;
        }
        self.done(None).await;
    }

    pub(super) async fn done(&self, ret: Option<&str>) {
        let mut words = vec!["!done".to_owned()];
        words.extend(ret.map(|ret| format!("=ret={ret}")));
        self.say(&words).await;
    }

    async fn reply(&self, reply: &Reply) {
        for record in &reply.records {
            self.record(record).await;
        }
        if reply.list && reply.records.is_empty() && self.says_empty {
            self.say(&["!empty".into()]).await;
        }
        self.done(reply.ret.as_deref()).await;
    }
}

/// Whether a command goes on until it is cancelled.
pub(super) fn is_endless(call: &Call) -> bool {
    let watching = call.verb() == "monitor" && !call.has("once");
    let repeated = call.get("interval").is_some() && call.verb() == "print";
    call.verb() == "listen" || watching || repeated || call.has("follow") || call.has("follow-only")
}

/// Does a command and writes all of its answer.
pub(super) async fn command(
    machine: &Arc<Machine>,
    session: &Session,
    call: &Call,
    reporter: &Reporter,
) {
    let follows = call.has("follow") || call.has("follow-only");
    if call.verb() == "listen" || follows {
        listen(machine, session, call, reporter).await;
    } else if is_endless(call) {
        repeat(machine, session, call, reporter).await;
    } else {
        match machine.execute(session, call).await {
            Ok(reply) => reporter.reply(&reply).await,
            Err(traps) => reporter.traps(&traps).await,
        }
    }
}

/// Asks again and again, until it is cancelled or `duration` is over.
async fn repeat(machine: &Arc<Machine>, session: &Session, call: &Call, reporter: &Reporter) {
    let span = |name: &str| {
        let span = call.get(name).and_then(value::milliseconds);
        span.map(Duration::from_millis)
    };
    let interval = span("interval").unwrap_or(Duration::from_secs(1));
    let interval = interval.max(Duration::from_millis(20));
    let ends = span("duration").map(|span| tokio::time::Instant::now() + span);
    let mut once = call.clone();
    once.arguments.remove("interval");
    once.arguments.remove("duration");
    if call.verb() == "monitor" {
        once.arguments.set("once", "");
    }
    for section in 0_u64.. {
        match machine.execute(session, &once).await {
            Ok(reply) => {
                for record in reply.records {
                    let record = record.with(".section", section.to_string());
                    reporter.record(&record).await;
                }
            }
            Err(traps) => return reporter.traps(&traps).await,
        }
        let next = tokio::time::Instant::now() + interval;
        if ends.is_some_and(|ends| next >= ends) {
            break;
        }
        tokio::time::sleep_until(next).await;
    }
    reporter.done(None).await;
}

/// Tells of every change of a menu until it is cancelled.
async fn listen(machine: &Arc<Machine>, session: &Session, call: &Call, reporter: &Reporter) {
    let mut events = machine.events();
    if let Err(traps) = machine.check(session, call) {
        return reporter.traps(&traps).await;
    }
    if call.verb() == "print" && !call.has("follow-only") {
        let mut now = call.clone();
        now.arguments.remove("follow");
        match machine.execute(session, &now).await {
            Ok(reply) => {
                for record in &reply.records {
                    reporter.record(record).await;
                }
            }
            Err(traps) => return reporter.traps(&traps).await,
        }
    }
    loop {
        match events.recv().await {
            Ok(event) if event.menu == call.menu() => {
                if let Some(record) = told(machine, session, call, &event) {
                    reporter.record(&record).await;
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                reporter
                    .trap(&Trap::of(4, "too many changes to tell"))
                    .await;
                return reporter.done(None).await;
            }
            Err(RecvError::Closed) => return reporter.done(None).await,
        }
    }
}

/// What a listener hears of a change: the whole item as it is now, or that it is gone.
fn told(machine: &Machine, session: &Session, call: &Call, event: &Event) -> Option<Record> {
    let id = event.id.clone().unwrap_or_default();
    if event.change == Change::Removed {
        let dead = if machine.release().is_six() {
            "yes"
        } else {
            "true"
        };
        return Some(Record::new().with(".id", id).with(".dead", dead));
    }
    let all = machine.read(call.menu());
    let item = all.into_iter().find(|record| record.id() == id)?;
    let item = machine.shown(session, call.menu(), &item);
    let fits = query::fits(&call.queries, &item).unwrap_or(false);
    fits.then(|| only(call, item))
        .filter(|item| !item.is_empty())
}
