//! Packages of RouterOS 6 that can be switched off: with the next start their menus are gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Call, Machine, Record, Reply, Session, Trap};

const MENU: &str = "/system/package";
/// What goes with the package `wireless`.
const WIRELESS: [&str; 2] = ["/interface/wireless", "/caps-man"];

/// What was asked for, in order: the start before which, the package, and whether it is to be off.
#[derive(Default)]
struct Asked(Mutex<Vec<(u64, String, bool)>>);

impl Asked {
    fn all(&self) -> MutexGuard<'_, Vec<(u64, String, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, machine: &Machine, name: &str, is_off: bool) {
        let boot = *machine.boots().borrow();
        self.all().push((boot, name.to_owned(), is_off));
    }

    /// What is asked of a package, before this start or since.
    fn last(&self, machine: &Machine, name: &str, is_since: bool) -> Option<bool> {
        let boot = *machine.boots().borrow();
        let all = self.all();
        let mut fitting = all
            .iter()
            .filter(|(when, one, _)| one == name && (*when == boot) == is_since);
        fitting.next_back().map(|(.., is_off)| *is_off)
    }

    fn is_off(&self, machine: &Machine, name: &str) -> bool {
        self.last(machine, name, false) == Some(true)
    }
}

/// Plugs in. `packages` are those of the version.
pub(crate) fn attach(machine: &Arc<Machine>, packages: fn(&Machine) -> Vec<Record>) {
    let asked = Arc::new(Asked::default());
    let own = Arc::clone(&asked);
    machine.provide(MENU, move |machine| {
        let mut all = packages(machine);
        for package in &mut all {
            let name = package.text("name").to_owned();
            package.set("disabled", own.is_off(machine, &name).to_string());
            let scheduled = match own.last(machine, &name, true) {
                Some(true) => "scheduled for disable",
                Some(false) => "scheduled for enable",
                None => "",
            };
            package.set("scheduled", scheduled);
        }
        all
    });
    if !machine.release().is_six() {
        return;
    }
    for (verb, is_off) in [("disable", true), ("enable", false)] {
        let own = Arc::clone(&asked);
        let path = format!("{MENU}/{verb}");
        machine.register(&path, move |machine, _: Session, call: Call| {
            let own = Arc::clone(&own);
            async move {
                let named = call.get("numbers").or_else(|| call.get(".id"));
                let named = named.unwrap_or_default();
                let all = machine.read(MENU);
                let mut fitting = all
                    .iter()
                    .filter(|one| one.text("name") == named || one.id() == named);
                let package = fitting.next().ok_or_else(Trap::no_such_item)?;
                own.ask(&machine, package.text("name"), is_off);
                Ok(Reply::done())
            }
        });
    }
    machine.intercept(move |machine, _, call| {
        let is_of_package = |menu: &str| {
            let rest = call.menu().strip_prefix(menu);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_gone =
            WIRELESS.iter().any(|menu| is_of_package(menu)) && asked.is_off(machine, "wireless");
        is_gone.then(|| Err(vec![Trap::new("no such command prefix")]))
    });
}
