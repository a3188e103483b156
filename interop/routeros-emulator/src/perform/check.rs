//! Whether a command exists, takes its arguments, and is permitted.

use crate::{Call, Machine, Session, Trap, schema::Kind};

impl Machine {
    /// Looks at a command before anything is done of it.
    pub(crate) fn check(&self, session: &Session, call: &Call) -> Result<(), Vec<Trap>> {
        self.known(call)?;
        self.check_arguments(call)?;
        let needed = policies(call);
        if needed.iter().all(|policy| session.may(policy)) {
            Ok(())
        } else {
            Err(Trap::not_permitted().into())
        }
    }

    /// The name that the schema has for a verb: some exist only where there is no console.
    fn verb(call: &Call) -> &str {
        match call.verb() {
            "listen" | "getall" => "print",
            verb => verb,
        }
    }

    fn known(&self, call: &Call) -> Result<(), Vec<Trap>> {
        let mut node = self.schema.root();
        for word in call.menu().split('/').filter(|word| !word.is_empty()) {
            match node.children.get(word) {
                Some(child) if child.kind == Kind::Menu => node = child,
                _ => return Err(self.no_such(word, "no such command prefix")),
            }
        }
        let verb = Self::verb(call);
        if verb.is_empty() || node.command(verb).is_none() {
            return Err(self.no_such(verb, "no such command"));
        }
        Ok(())
    }

    /// RouterOS 7 complains twice.
    fn no_such(&self, word: &str, message: &str) -> Vec<Trap> {
        let plain = Trap::new(message);
        if self.release().is_six() {
            return vec![plain];
        }
        let first = Trap::new(format!("no such command or directory ({word})"));
        vec![first, plain]
    }

    fn check_arguments(&self, call: &Call) -> Result<(), Vec<Trap>> {
        let path = format!("{}/{}", call.menu(), Self::verb(call));
        let node = self.schema.node(&path);
        for (name, _) in call.arguments.iter() {
            let known = node.is_some_and(|node| node.children.contains_key(name));
            // What every API understands, whatever the command says of itself.
            let always = name.starts_with('.');
            let printing = Self::verb(call) == "print"
                && matches!(name, "detail" | "count-only" | "stats" | "terse" | "buffer");
            if known || always || printing {
                continue;
            }
            let message = if self.release().names_unknown_parameter() {
                format!("unknown parameter {name}")
            } else {
                "unknown parameter".to_owned()
            };
            return Err(Trap::new(message).into());
        }
        Ok(())
    }
}

/// What a group needs for a command.
fn policies(call: &Call) -> &'static [&'static str] {
    let reading = matches!(
        call.verb(),
        "print" | "getall" | "get" | "find" | "listen" | "monitor" | "export"
    );
    match call.path() {
        "/system/reboot" | "/system/shutdown" | "/system/reset-configuration" => &["reboot"],
        "/system/backup/save" => &["read", "policy", "test", "sensitive"],
        "/system/backup/load" => &["write", "policy", "reboot", "sensitive"],
        "/tool/e-mail/send" | "/tool/fetch" | "/ping" => &["test"],
        "/console/inspect" | "/file/read" | "/execute" => &["read"],
        "/quit" | "/login" => &[],
        _ if reading => &["read"],
        _ => match call.menu() {
            "/user" | "/user/group" | "/user/aaa" | "/user/ssh-keys" => &["write", "policy"],
            "/file" => &["ftp", "write"],
            _ => &["write"],
        },
    }
}
