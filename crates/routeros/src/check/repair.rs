//! Commands that mend a finding.

use crate::{Command, Error, Record, Router};

use super::Repair;

/// The menus that are one item and so have no `.id`.
const SINGLE: [&str; 14] = [
    "/radius/incoming",
    "/ppp/aaa",
    "/user/aaa",
    "/ip/dhcp-server/config",
    "/ip/ipsec/settings",
    "/ip/ssh",
    "/ip/proxy",
    "/ip/socks",
    "/ip/upnp",
    "/tool/romon",
    "/tool/bandwidth-server",
    "/system/ntp/client",
    "/snmp",
    "/ip/dns",
];

impl Repair {
    /// Sets properties of an item, or of a menu that is one item: name, new value, old value.
    pub(crate) fn setting(
        menu: &str,
        item: &Record,
        values: &[(&str, &str, &str)],
    ) -> Option<Self> {
        let mut command = Command::new(format!("{menu}/set"));
        match item.id() {
            Some(id) => command = command.with(".id", id.as_str()),
            None if SINGLE.contains(&menu) => {}
            None => return None, // Without it all items would be meant.
        }
        let (mut forth, mut back) = (command.clone(), command);
        for (name, new, old) in values {
            forth = forth.with(*name, *new);
            back = back.with(*name, *old);
        }
        Some(Self {
            commands: vec![forth],
            inverse: vec![back],
        })
    }

    /// Moves an item of an ordered menu before another.
    pub(crate) fn moving(items: &[Record], item: &Record, before: &Record) -> Option<Self> {
        let (id, target) = (item.id()?, before.id()?);
        let place = items
            .iter()
            .position(|one| one.id().as_ref() == Some(&id))?;
        let command = Command::new("/radius/move").with("numbers", id.as_str());
        let back = match items.get(place + 1).and_then(Record::id) {
            Some(next) => command.clone().with("destination", next.as_str()),
            None => command.clone(),
        };
        let forth = command.with("destination", target.as_str());
        Some(Self {
            commands: vec![forth],
            inverse: vec![back],
        })
    }

    /// Gives the commands. If one fails, those before it are taken back.
    ///
    /// Gives the commands that take it all back, in the order to be given.
    ///
    /// # Errors
    ///
    /// What the router says of the command that failed.
    pub async fn apply(&self, router: &Router) -> Result<Vec<Command>, Error> {
        let mut undo = Vec::new();
        for (command, inverse) in self.commands.iter().zip(&self.inverse) {
            match router.call(command).await {
                Ok(answer) => {
                    let inverse = match answer.returned() {
                        // Only now is it known which item is to be removed again.
                        Some(id) if inverse.verb() == "remove" => inverse.clone().with(".id", id),
                        _ => inverse.clone(),
                    };
                    undo.insert(0, inverse);
                }
                Err(error) => {
                    for command in &undo {
                        router.call(command).await?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(undo)
    }
}
