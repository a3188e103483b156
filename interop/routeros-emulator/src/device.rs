//! The device itself: restarts, its mode, mail, health and numbers.

use std::{sync::Arc, time::Duration};

use crate::{Call, Machine, Outcome, Record, Reply, Session, Trap, control, faults, files};

/// How long nobody can connect while the router starts.
const STARTING: Duration = Duration::from_secs(1);
/// The answer goes out before the connection does.
const LEAVE: Duration = Duration::from_millis(100);

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.register("/system/reboot", |machine, _, _| async move {
        restart_soon(&machine);
        Ok(Reply::done())
    });
    machine.register("/tool/e-mail/send", mail);
    machine.register("/system/device-mode/update", update_mode);
    machine.provide("/system/health", health);
    let modes = [
        ("/system/scheduler", "scheduler"),
        ("/ip/hotspot", "hotspot"),
    ];
    for (menu, feature) in modes {
        machine.guard(menu, move |machine, _| allowed(machine, feature));
    }
}

/// Starts again at once. Dynamic items go, and for a second nobody gets in.
pub(crate) fn restart(machine: &Machine) {
    faults::of(machine).down_for(STARTING);
    machine.reboot();
}

/// Starts again when the answer is out.
pub(crate) fn restart_soon(machine: &Arc<Machine>) {
    let machine = Arc::clone(machine);
    tokio::spawn(async move {
        tokio::time::sleep(LEAVE).await;
        restart(&machine);
    });
}

/// The software id of the licence, as exports have it.
pub(crate) fn software_id(machine: &Machine) -> String {
    machine
        .one("/system/license")
        .text("software-id")
        .to_owned()
}

/// The serial number.
pub(crate) fn serial(machine: &Machine) -> String {
    let board = machine.one("/system/routerboard");
    board.text("serial-number").to_owned()
}

/// Versions from 7.17 on ask the device's mode.
pub(crate) fn allowed(machine: &Machine, feature: &str) -> Result<(), Trap> {
    let mode = machine.one("/system/device-mode");
    let forbidden = matches!(mode.get(feature), Some("false" | "no"));
    if forbidden && machine.release().numbers() >= (7, 17) {
        return Err(Trap::failure("not allowed by device-mode"));
    }
    Ok(())
}

/// The mode changes when somebody presses the button: `POST /device-mode` of the control port.
async fn update_mode(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let mut wanted = Record::new();
    for (name, value) in call
        .arguments
        .iter()
        .filter(|(name, _)| !name.starts_with('.'))
    {
        let value = match value {
            "yes" => "true",
            "no" => "false",
            value => value,
        };
        wanted.set(name, value);
    }
    control::of(&machine).ask_mode(wanted);
    let text = "update: please activate by turning power off or pressing reset or mode button \
                in 5m00s";
    Err(Trap::new(text).into())
}

fn health(machine: &Machine) -> Vec<Record> {
    if machine.board().model().is_none() {
        return Vec::new();
    }
    let values = [("voltage", "24.1", "V"), ("temperature", "41", "C")];
    if machine.release().is_six() {
        let each = values.into_iter().map(|(name, value, _)| (name, value));
        return vec![each.collect()];
    }
    let each = values.into_iter().enumerate();
    each.map(|(at, (name, value, kind))| {
        Record::new()
            .with(".id", format!("*{:X}", at + 13))
            .with("name", name)
            .with("value", value)
            .with("type", kind)
    })
    .collect()
}

/// A mail is kept for those who ask the control port.
async fn mail(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    allowed(&machine, "email")?;
    let settings = machine.one("/tool/e-mail");
    let server = call.get("server").or_else(|| settings.get("server"));
    let server = server
        .or_else(|| settings.get("address"))
        .unwrap_or_default();
    let failed = |reason: &str| {
        let text = format!("Error sending e-mail <{}>: {reason}", call.text("subject"));
        machine.log("e-mail,error", &*text);
        Err(vec![Trap::failure(reason)])
    };
    if matches!(server, "" | "0.0.0.0" | "::") {
        return failed("invalid server address");
    }
    if call.text("to").is_empty() {
        return Err(Trap::of(1, "missing value(s) of argument(s) to").into());
    }
    let mut kept = Record::new().with("server", server);
    for name in ["from", "to", "cc", "subject", "body", "file"] {
        let value = call.get(name).or_else(|| settings.get(name));
        kept.set(name, value.unwrap_or_default());
    }
    let mut attached = Vec::new();
    for name in kept.list("file") {
        match files::contents(&machine, name) {
            Some(contents) => attached.push((name.to_owned(), contents.len())),
            None => return failed("could not open file"),
        }
    }
    for (name, size) in attached {
        kept.set(format!("attached {name}"), size.to_string());
    }
    let last = Record::new()
        .with("last-status", "succeeded")
        .with("last-address", server);
    machine.update("/tool/e-mail", "", &last);
    control::of(&machine).keep_mail(kept);
    Ok(Reply::done())
}

impl Call {
    fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
