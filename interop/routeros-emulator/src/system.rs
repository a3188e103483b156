//! What belongs to the router itself: its clock, resources, users, history, and restarts.

use std::sync::Arc;

use crate::{Call, Change, Machine, Outcome, POLICIES, Record, Reply, Session, Trap, value};

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    menus(machine);
    crate::packages::attach(machine, packages);
    guards(machine);
    commands(machine);
}

fn menus(machine: &Machine) {
    machine.provide("/system/resource", |machine| vec![resource(machine)]);
    machine.provide("/system/clock", |machine| vec![clock(machine)]);
    machine.provide("/system/history", |machine| {
        machine.lock().history.records()
    });
    machine.provide("/log", |machine| machine.lock().log.records());
    machine.provide("/system/license", |machine| vec![license(machine)]);
    machine.provide("/system/routerboard", |machine| vec![routerboard(machine)]);
    machine.provide("/system/package/update", |machine| {
        vec![Record::new().with("installed-version", machine.release().version())]
    });
    machine.provide("/system/health", |machine| {
        if machine.release().is_six() && machine.board().model().is_some() {
            vec![
                Record::new()
                    .with("voltage", "24.1")
                    .with("temperature", "41"),
            ]
        } else {
            Vec::new()
        }
    });
    machine.provide("/system/device-mode", |machine| vec![device_mode(machine)]);
}

fn resource(machine: &Machine) -> Record {
    let release = machine.release();
    let version = format!("{} ({})", release.version(), release.channel());
    let uptime = machine.uptime().as_secs().saturating_mul(1000);
    let mut record = Record::new()
        .with("uptime", value::span_of(uptime))
        .with("version", version)
        .with("build-time", release.build_time())
        .with("factory-software", "6.42");
    let board = machine.board().resource();
    board
        .iter()
        .for_each(|(name, value)| record.set(name, value));
    record
}

fn clock(machine: &Machine) -> Record {
    let now = machine.local_time();
    Record::new()
        .with("time", now.strftime("%H:%M:%S").to_string())
        .with("date", machine.date())
        .with("gmt-offset", now.strftime("%:z").to_string())
        .with("dst-active", "false")
}

fn license(machine: &Machine) -> Record {
    match machine.board().model() {
        Some(_) => Record::new()
            .with("software-id", "PRTR-EEVE")
            .with("nlevel", "4")
            .with("features", ""),
        None => Record::new()
            .with("system-id", "portreeveEmu")
            .with("level", "free"),
    }
}

fn routerboard(machine: &Machine) -> Record {
    let model = machine.board().model();
    let record = Record::new().with("routerboard", model.is_some().to_string());
    let Some(model) = model else {
        return record;
    };
    let version = machine.release().version();
    record
        .with("board-name", machine.board().resource().text("board-name"))
        .with("model", model)
        .with("serial-number", "HDG0PORTREEVE")
        .with("firmware-type", "ipq4000L")
        .with("factory-firmware", "6.42")
        .with("current-firmware", version)
        .with("upgrade-firmware", version)
}

/// What a device-mode can forbid.
const FEATURES: [&str; 15] = [
    "scheduler",
    "socks",
    "fetch",
    "pptp",
    "l2tp",
    "bandwidth-test",
    "traffic-gen",
    "sniffer",
    "ipsec",
    "romon",
    "proxy",
    "hotspot",
    "smb",
    "email",
    "zerotier",
];

/// The mode from the factory, and what was set over it.
fn device_mode(machine: &Machine) -> Record {
    let mode = if machine.release().numbers() >= (7, 17) {
        "advanced"
    } else {
        "enterprise"
    };
    let mut record = Record::new().with("mode", mode);
    for name in FEATURES {
        record.set(name, (name != "traffic-gen").to_string());
    }
    let stored = machine.stored("/system/device-mode");
    for (name, value) in stored.iter().flat_map(Record::iter) {
        record.set(name, value);
    }
    record
}

fn packages(machine: &Machine) -> Vec<Record> {
    let release = machine.release();
    let mut names = vec![if release.is_six() {
        "system"
    } else {
        "routeros"
    }];
    if release.is_six() {
        names.extend([
            "ppp",
            "hotspot",
            "dhcp",
            "security",
            "wireless",
            "advanced-tools",
        ]);
        names.push("user-manager");
    } else {
        names.push("user-manager");
        let schema = &machine.schema;
        if schema.node("interface/wifiwave2").is_some() {
            names.push("wifiwave2");
        } else if release >= crate::Release::V7_15 {
            if schema.node("interface/wireless").is_some() {
                names.push("wireless");
            } else {
                names.push("wifi-qcom");
            }
        }
    }
    let each = names.into_iter().enumerate();
    each.map(|(at, name)| {
        Record::new()
            .with(".id", format!("*{:X}", at + 1))
            .with("name", name)
            .with("version", release.version())
            .with("build-time", release.build_time())
            .with("scheduled", "")
            .with("disabled", "false")
    })
    .collect()
}

fn guards(machine: &Machine) {
    machine.guard("/system/clock", |machine, item| {
        let (date, time) = (item.remove("date"), item.remove("time"));
        if date.is_some() || time.is_some() {
            machine.set_clock(date.as_deref(), time.as_deref())?;
        }
        let zone = item.text("time-zone-name");
        match jiff::tz::TimeZone::get(zone) {
            Ok(_) => Ok(()),
            Err(_) => Err(Trap::of(
                1,
                "input does not match any value of time-zone-name",
            )),
        }
    });
    machine.guard("/user", |_, item| {
        if item.text("name").is_empty() {
            return Err(Trap::failure("user name can not be empty"));
        }
        if item.text("group").is_empty() {
            return Err(Trap::of(1, "input does not match any value of group"));
        }
        if let Some(password) = item.remove("password") {
            item.set(".password", password);
        }
        Ok(())
    });
    machine.guard("/user/group", |machine, item| {
        let policy = complete_policies(machine, item.text("policy"))?;
        item.set("policy", policy);
        Ok(())
    });
}

/// All policies in the router's order, those that are not granted with a `!` before them.
fn complete_policies(machine: &Machine, given: &str) -> Result<String, Trap> {
    let six = machine.release().is_six();
    let known = POLICIES.iter().copied().filter(|policy| match *policy {
        "rest-api" => !six,
        "dude" => six,
        _ => true,
    });
    let known: Vec<&str> = known.collect();
    let given: Vec<&str> = given.split(',').filter(|word| !word.is_empty()).collect();
    for word in &given {
        let word = word.strip_prefix('!').unwrap_or(word);
        if !known.contains(&word) && word != "tikapp" {
            return Err(Trap::of(1, "input does not match any value of policy"));
        }
    }
    let (granted, denied): (Vec<&str>, Vec<&str>) =
        known.into_iter().partition(|policy| given.contains(policy));
    let denied = denied.into_iter().map(|policy| format!("!{policy}"));
    let all: Vec<String> = granted
        .into_iter()
        .map(str::to_owned)
        .chain(denied)
        .collect();
    Ok(all.join(","))
}

fn commands(machine: &Machine) {
    machine.register("/console/inspect", |machine, _, call| async move {
        machine.inspect(&call)
    });
    machine.register("/system/reboot", |machine, _, _| async move {
        // The answer goes out before the connection does.
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            machine.reboot();
        });
        Ok(Reply::done())
    });
    machine.register("/system/shutdown", |machine, _, _| async move {
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            machine.reboot();
        });
        Ok(Reply::done())
    });
    machine.register("/undo", |machine, _, _| async move { machine.turn(true) });
    machine.register("/redo", |machine, _, _| async move { machine.turn(false) });
    for level in ["debug", "error", "info", "warning"] {
        machine.register(
            &format!("/log/{level}"),
            move |machine, _, call| async move {
                let message = call.get("message").unwrap_or_default();
                machine.log(&format!("script,{level}"), message);
                Ok(Reply::done())
            },
        );
    }
    machine.register(
        "/system/logging/action/clear",
        |machine, _, call| async move {
            let number = call.get("numbers").or(call.get(".id")).unwrap_or("memory");
            machine.lock().log.clear(number);
            Ok(Reply::done())
        },
    );
    for verb in ["request-logout", "remove"] {
        machine.register(&format!("/user/active/{verb}"), log_out);
    }
    machine.register("/ping", ping);
    machine.register("/system/device-mode/update", |_, _, _| async {
        let text = "update: please activate by turning power off or pressing reset or mode \
                    button in 5m00s";
        Err(Trap::new(text).into())
    });
}

/// Ends somebody's session: the entry goes, and the session with it.
async fn log_out(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let id = call.get(".id").or_else(|| call.get("numbers"));
    let id = id.unwrap_or_default();
    if machine.delete("/user/active", id) {
        Ok(Reply::done())
    } else {
        Err(Trap::no_such_item().into())
    }
}

/// Everything loopback answers; nothing else is asked.
async fn ping(_: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let address = call.get("address").unwrap_or_default();
    let Ok(known) = address.parse::<std::net::IpAddr>() else {
        return Err(Trap::of(1, "invalid value for argument address").into());
    };
    let count = call.get("count").and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(1).min(100);
    let answers = known.is_loopback();
    let each = (0..count).map(|at| {
        let record = Record::new()
            .with("seq", at.to_string())
            .with("host", address);
        let record = if answers {
            record
                .with("size", "56")
                .with("ttl", "64")
                .with("time", "0ms")
        } else {
            record.with("status", "timeout")
        };
        let received = if answers { at + 1 } else { 0 };
        record
            .with("sent", (at + 1).to_string())
            .with("received", received.to_string())
            .with("packet-loss", if answers { "0" } else { "100" })
    });
    Ok(Reply::list(each.collect()))
}

impl Machine {
    /// `/undo`, or `/redo`.
    fn turn(&self, back: bool) -> Outcome {
        let menu = {
            let mut state = self.lock();
            let state = &mut *state;
            let tables = &mut state.tables;
            let swap = |menu: &str, table| {
                let place = tables.entry(menu.to_owned()).or_default();
                std::mem::replace(place, table)
            };
            if back {
                state.history.undo(swap)
            } else {
                state.history.redo(swap)
            }
        };
        let Some(menu) = menu else {
            let text = if back {
                "nothing to undo"
            } else {
                "nothing to redo"
            };
            return Err(Trap::failure(text).into());
        };
        self.announce(&menu, None, Change::Changed);
        Ok(Reply::done())
    }
}
