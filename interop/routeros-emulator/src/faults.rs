//! What can be made to go wrong.
//!
//! [`Settings`] say it; they are set through the control port or by a test. The faults of single
//! commands are an interceptor of the machine; those of a connection's bytes are in
//! `tamper`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::Instant};

use crate::{Call, Machine, Outcome, Session, Trap};

/// What goes wrong. All of it is off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Settings {
    /// The connections are closed at a command, which gets no answer.
    pub close: Option<Strike>,
    /// The router starts again at a command, which is not done.
    pub reboot: Option<Strike>,
    /// Somebody else does something just before a command.
    pub editor: Option<Editor>,
    /// Every answer waits this long, in milliseconds.
    pub slow: Option<u64>,
    /// Instead of an answer come bytes that no router sends.
    pub hostile: Option<Hostile>,
    /// One fault gives two traps, as some versions do it.
    pub double_traps: bool,
    /// Nothing more can be written to files.
    pub full_flash: bool,
    /// Policies that nobody has, whatever their group says.
    pub deny: Vec<String>,
    /// The longest a REST request may take, in milliseconds, in place of a minute.
    pub rest_cap: Option<u64>,
}

/// At which command something happens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Strike {
    /// How many commands are answered before.
    pub after: u64,
    /// Only commands whose path begins so count.
    pub path: String,
    /// Whether the command is done all the same, though nobody hears of it.
    pub done: bool,
}

/// Another administrator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Editor {
    /// How many commands are done before.
    pub after: u64,
    /// Only commands whose path begins so count.
    pub path: String,
    /// Who.
    pub user: String,
    /// The command.
    pub command: String,
    /// Its arguments.
    pub arguments: BTreeMap<String, String>,
}

/// Bytes that no router sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostile {
    /// A word of four thousand million octets is announced. Over HTTP: such a body.
    HugeLength,
    /// `!re` after `!re`, for ever. Over HTTP: a body that does not end.
    Endless,
    /// A sentence of words without end.
    EndlessSentence,
    /// A reserved control byte where a length is due. Over HTTP: no HTTP at all.
    Control,
    /// A well-formed answer with terminal escapes and zero octets in its values.
    Escapes,
}

/// The faults of one router.
#[derive(Debug)]
pub struct Faults {
    settings: Mutex<Settings>,
    closings: watch::Sender<u64>,
    down_until: Mutex<Option<Instant>>,
    /// So that an editor's own command is not intercepted.
    busy: AtomicBool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            settings: Mutex::default(),
            closings: watch::channel(0).0,
            down_until: Mutex::default(),
            busy: AtomicBool::new(false),
        }
    }
}

/// The faults of a router.
pub fn of(machine: &Machine) -> &Faults {
    &machine.faults
}

impl Faults {
    /// What is set, with what is left of the counts.
    pub fn settings(&self) -> Settings {
        self.lock().clone()
    }

    /// Sets all faults anew.
    pub fn set(&self, settings: Settings) {
        *self.lock() = settings;
    }

    /// Whether nothing can be written to files.
    pub fn flash_is_full(&self) -> bool {
        self.lock().full_flash
    }

    /// Closes every connection that is open.
    pub fn close_all(&self) {
        self.closings.send_modify(|count| *count += 1);
    }

    /// Ends when the connection is to be closed. Take it before the connection does anything.
    pub fn closing(&self) -> impl Future<Output = ()> + use<> {
        let mut closings = self.closings.subscribe();
        async move {
            if closings.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells a connection, which takes this when it begins, whether it is to be closed.
    pub(crate) fn closings(&self) -> watch::Receiver<u64> {
        self.closings.subscribe()
    }

    /// Nobody gets in until then.
    pub fn down_for(&self, time: std::time::Duration) {
        let mut until = self
            .down_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + time);
    }

    /// Whether the router is just starting.
    pub fn is_down(&self) -> bool {
        let until = self
            .down_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.intercept(|machine, session, call| {
        let faults = of(machine);
        if faults.busy.load(Ordering::Relaxed) {
            return None;
        }
        edit(machine, faults, call);
        if let Some(outcome) = strikes(machine, faults, call) {
            return Some(outcome);
        }
        let settings = faults.settings();
        if settings.double_traps && machine.schema.node(call.path()).is_none() {
            return Some(Err(doubled(machine, call)));
        }
        denied(machine, &settings.deny, session, call)
    });
}

/// Counts down. True when it is time.
fn due(after: &mut u64, path: &str, call: &Call) -> bool {
    if !call.path().starts_with(path) {
        return false;
    }
    if *after == 0 {
        return true;
    }
    *after -= 1;
    false
}

fn strikes(machine: &Machine, faults: &Faults, call: &Call) -> Option<Outcome> {
    let (closed, rebooted) = {
        let mut settings = faults.lock();
        let closed = struck(&mut settings.close, call);
        (closed, struck(&mut settings.reboot, call))
    };
    let interrupted = || Some(Err(vec![Trap::of(2, "interrupted")]));
    if rebooted.is_some() {
        crate::device::restart(machine);
        return interrupted();
    }
    let closed = closed?;
    faults.close_all();
    if closed.done { None } else { interrupted() }
}

/// A strike that is due is not set any longer.
fn struck(strike: &mut Option<Strike>, call: &Call) -> Option<Strike> {
    let now = strike.as_mut()?;
    let time = due(&mut now.after, &now.path, call);
    if time { strike.take() } else { None }
}

/// Lets the other administrator do what is due.
fn edit(machine: &Machine, faults: &Faults, call: &Call) {
    let editor = {
        let mut settings = faults.lock();
        let now = settings.editor.as_mut();
        let time = now.is_some_and(|now| due(&mut now.after, &now.path, call));
        if time { settings.editor.take() } else { None }
    };
    let Some(editor) = editor else { return };
    let mut session = Session::system();
    session.user = editor.user;
    let mut theirs = Call::new(&editor.command);
    theirs.arguments = editor.arguments.into_iter().collect();
    faults.busy.store(true, Ordering::Relaxed);
    let outcome = machine.check(&session, &theirs);
    let outcome = outcome.and_then(|()| machine.perform(&session, &theirs));
    faults.busy.store(false, Ordering::Relaxed);
    if let Err(traps) = outcome {
        let each = traps.into_iter().map(|trap| trap.message);
        let text = each.collect::<Vec<_>>().join("; ");
        machine.log("system,error", format!("the other administrator: {text}"));
    }
}

/// The two traps of a command that is not there.
fn doubled(machine: &Machine, call: &Call) -> Vec<Trap> {
    let words: Vec<&str> = call
        .path()
        .split('/')
        .filter(|word| !word.is_empty())
        .collect();
    let mut path = String::new();
    let unknown = words.iter().find(|word| {
        path = format!("{path}/{word}");
        machine.schema.node(&path).is_none()
    });
    let unknown = unknown.copied().unwrap_or_default();
    vec![
        Trap::of(0, format!("no such command or directory ({unknown})")),
        Trap::of(0, "no such command prefix"),
    ]
}

fn denied(machine: &Machine, deny: &[String], session: &Session, call: &Call) -> Option<Outcome> {
    if deny.is_empty() {
        return None;
    }
    let mut less = session.clone();
    less.policies.retain(|policy| !deny.contains(policy));
    let before = machine.check(session, call).is_ok();
    let after = machine.check(&less, call);
    match after {
        Err(_) if before => Some(Err(vec![Trap::not_permitted()])),
        _ => None,
    }
}
