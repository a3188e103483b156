//! `/execute`, `/import`, `/system/script` and the scheduler.

use std::{sync::Arc, time::Duration};

use jiff::{Span, Timestamp, civil};

use crate::{Call, Machine, Outcome, Record, Reply, Session, Trap, files, script::Run};

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.register("/execute", execute);
    machine.register("/import", import);
    machine.register("/system/script/run", run);
    schedule(machine);
}

async fn execute(machine: Arc<Machine>, session: Session, call: Call) -> Outcome {
    let script = call.get("script").unwrap_or_default().to_owned();
    let names_script = machine.find("/system/script", "name", &script);
    let text = match names_script {
        Some(stored) => stored.text("source").to_owned(),
        None => script,
    };
    if !call.has("as-string") {
        let file = call.get("file").map(str::to_owned);
        return Ok(Reply::ret(job(&machine, &session, text, file)));
    }
    let mut run = Run::new(&machine, &session);
    if let Err(fault) = run.script(&text).await {
        run.output.push_str(&fault.message);
        run.output.push_str("\r\n");
    }
    let output = run.output.trim_end_matches("\r\n").to_owned();
    Ok(Reply::ret(output))
}

/// Starts a script that goes on by itself.
pub(crate) fn background(machine: &Arc<Machine>, session: &Session, text: String) {
    drop(job(machine, session, text, None));
}

/// The number of the job that does the script.
fn job(machine: &Arc<Machine>, session: &Session, text: String, file: Option<String>) -> String {
    let menu = "/system/script/job";
    let values = Record::new()
        .with("type", "command")
        .with("owner", &session.user)
        .with("started", machine.date_and_time());
    let id = machine.insert(menu, values, true);
    let (machine, session, job) = (Arc::clone(machine), session.clone(), id.clone());
    tokio::spawn(async move {
        let mut run = Run::new(&machine, &session);
        if let Err(fault) = run.script(&text).await {
            machine.log(
                "script,error",
                format!("executing script failed: {}", fault.message),
            );
        }
        if let Some(file) = file {
            let name = format!("{file}.txt");
            if let Err(trap) = files::write(&machine, &name, run.output.as_bytes()) {
                machine.log("script,error", trap.message);
            }
        }
        machine.delete(menu, &job);
    });
    id
}

async fn import(machine: Arc<Machine>, session: Session, call: Call) -> Outcome {
    let name = call.get("file-name").unwrap_or_default();
    let Some(contents) = files::contents(&machine, name) else {
        return Err(Trap::new(format!("file {name} does not exist")).into());
    };
    let text = String::from_utf8_lossy(&contents).into_owned();
    let from = call
        .get("from-line")
        .and_then(|line| line.parse::<usize>().ok());
    let text: String = match from {
        // The lines before keep their places, so that faults name the right one.
        Some(from) => text
            .lines()
            .enumerate()
            .map(|(at, line)| {
                if at + 1 < from {
                    "\n".into()
                } else {
                    format!("{line}\n")
                }
            })
            .collect(),
        None => text,
    };
    let mut run = Run::new(&machine, &session);
    run.rehearsing = matches!(call.get("dry-run"), Some("yes" | "true" | ""));
    let verbose = matches!(call.get("verbose"), Some("yes" | "true" | ""));
    match run.import(&text, verbose).await {
        Ok(()) => Ok(Reply::default()),
        Err((fault, _)) if fault.spelling => Err(Trap::of(3, fault.message).into()),
        Err((fault, line)) if verbose => {
            Err(Trap::of(3, format!("{} (line {line})", fault.message)).into())
        }
        Err((fault, _)) => Err(Trap::of(3, fault.message).into()),
    }
}

async fn run(machine: Arc<Machine>, session: Session, call: Call) -> Outcome {
    let who = call.get("number").or_else(|| call.get("numbers"));
    let who = who.or_else(|| call.get(".id")).unwrap_or_default();
    let mut scripts = machine.read("/system/script").into_iter();
    let script = scripts.find(|script| script.id() == who || script.get("name") == Some(who));
    let Some(script) = script else {
        return Err(Trap::no_such_item().into());
    };
    let session = limited(&machine, &session, &script)?;
    started(&machine, &script);
    let mut run = Run::new(&machine, &session);
    match run.script(script.text("source")).await {
        Ok(_) => Ok(Reply::done()),
        Err(fault) => Err(Trap::of(3, fault.message).into()),
    }
}

/// A script may what it was given and what its owner may. Whoever runs it needs as much, unless
/// `dont-require-permissions` says otherwise.
fn limited(machine: &Machine, session: &Session, script: &Record) -> Result<Session, Trap> {
    if script.get("policy").is_none() {
        return Ok(session.clone());
    }
    let wanted: Vec<String> = script
        .list("policy")
        .into_iter()
        .map(str::to_owned)
        .collect();
    if !script.is("dont-require-permissions") && !wanted.iter().all(|one| session.may(one)) {
        machine.log("script,error", "not enough permissions");
        return Err(Trap::not_permitted());
    }
    let mut limited = session.clone();
    limited.policies = wanted.into_iter().collect();
    "script".clone_into(&mut limited.via);
    Ok(limited)
}

fn started(machine: &Machine, script: &Record) {
    let count = script.number("run-count").unwrap_or(0) + 1;
    let values = Record::new()
        .with("last-started", machine.date_and_time())
        .with("run-count", count.to_string());
    machine.update("/system/script", script.id(), &values);
}

/// The scheduler looks at the router's clock once a second.
fn schedule(machine: &Arc<Machine>) {
    let weak = Arc::downgrade(machine);
    tokio::spawn(async move {
        let mut last: Option<(u64, Timestamp)> = None;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let Some(machine) = weak.upgrade() else {
                return;
            };
            let (boot, now) = (*machine.boots().borrow(), machine.now());
            let before = match last {
                Some((known, before)) if known == boot => Some(before),
                _ => None,
            };
            last = Some((boot, now));
            for item in machine.read("/system/scheduler") {
                if !item.is("disabled") && due(&machine, &item, before, now) {
                    fire(&machine, &item);
                }
            }
        }
    });
}

/// Whether an item's time came between the last look and now. `startup` is due at the first look
/// after a start.
fn due(machine: &Machine, item: &Record, before: Option<Timestamp>, now: Timestamp) -> bool {
    let interval = crate::value::milliseconds(item.text("interval")).unwrap_or(0);
    let boot = now.checked_sub(Span::new().milliseconds(whole(machine.uptime().as_millis())));
    let start = if item.text("start-time") == "startup" {
        let Some(before) = before else { return true };
        return boot.is_ok_and(|boot| passed(boot, interval, before, now, false));
    } else {
        start_of(machine, item)
    };
    match (start, before) {
        (Some(start), Some(before)) => passed(start, interval, before, now, true),
        _ => false,
    }
}

fn whole(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn start_of(machine: &Machine, item: &Record) -> Option<Timestamp> {
    let local = machine.local_time();
    let date = crate::clock::read_date(item.text("start-date")).unwrap_or_else(|| local.date());
    let time: civil::Time = item.text("start-time").parse().ok()?;
    let at = date
        .to_datetime(time)
        .to_zoned(local.time_zone().clone())
        .ok()?;
    Some(at.timestamp())
}

fn passed(
    start: Timestamp,
    interval: u64,
    before: Timestamp,
    now: Timestamp,
    at_start: bool,
) -> bool {
    if at_start && before < start && start <= now {
        return true;
    }
    if interval == 0 || now < start {
        return false;
    }
    let step = i64::try_from(interval).unwrap_or(i64::MAX);
    let rounds = |at: Timestamp| (at.as_millisecond() - start.as_millisecond()).div_euclid(step);
    before >= start && rounds(now) > rounds(before)
}

fn fire(machine: &Arc<Machine>, item: &Record) {
    let count = item.number("run-count").unwrap_or(0) + 1;
    let values = Record::new().with("run-count", count.to_string());
    machine.update("/system/scheduler", item.id(), &values);
    let event = item.text("on-event").to_owned();
    let script = machine.find("/system/script", "name", &event);
    let text = script.map_or(event, |script| {
        started(machine, &script);
        script.text("source").to_owned()
    });
    let mut session = Session::system();
    item.text("owner").clone_into(&mut session.user);
    if item.get("policy").is_some() {
        session.policies = item.list("policy").into_iter().map(str::to_owned).collect();
    }
    background(machine, &session, text);
}

#[cfg(test)]
mod tests;
