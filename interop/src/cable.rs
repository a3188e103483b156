//! A cable from this machine to a room of its own: a pair of `veth` interfaces, the far end of
//! which is in a network namespace.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::tools::{self, Ended, program};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Both ends; they go with this value, and whatever still runs in the namespace loses its
/// network with them.
#[derive(Debug)]
pub struct Cable {
    name: String,
}

impl Cable {
    /// Lays it.
    ///
    /// # Panics
    /// If the system does not let us: that takes root, or `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`.
    pub fn lay() -> Self {
        // Names of interfaces have fifteen letters at most.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let cable = Self {
            name: format!("ptv{:x}x{count:x}", std::process::id()),
        };
        let (namespace, near, far) = (cable.name.clone(), cable.near(), cable.far());
        for arguments in [
            &["netns", "add", &namespace][..],
            &[
                "link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &namespace,
            ],
            &["link", "set", &near, "up"],
            &["-n", &namespace, "link", "set", &far, "up"],
            &["-n", &namespace, "link", "set", "lo", "up"],
        ] {
            let ended = ip(arguments);
            assert!(
                ended.succeeded,
                "`ip {}` failed, so there is no cable to test 802.1X on; this takes root and a \
                 kernel with veth and network namespaces:\n{}",
                arguments.join(" "),
                ended.said()
            );
        }
        cable
    }

    /// The end on this machine.
    pub fn near(&self) -> String {
        format!("{}a", self.name)
    }

    /// The end in the room.
    pub fn far(&self) -> String {
        format!("{}b", self.name)
    }

    /// The address of the far end, in lower case with colons.
    ///
    /// # Panics
    /// If the interface has gone.
    pub fn far_address(&self) -> String {
        let far = self.far();
        let ended = ip(&["-n", &self.name, "-o", "link", "show", &far]);
        let words = ended.stdout.split_whitespace();
        let found = words.skip_while(|word| *word != "link/ether").nth(1);
        match found {
            Some(address) => address.to_owned(),
            None => panic!("{far} has no address: {}", ended.said()),
        }
    }

    /// A command that runs `program` in the room. The child is the program itself.
    pub(crate) fn inside(&self, name: &str) -> Command {
        let mut command = Command::new(program("ip"));
        command
            .args(["netns", "exec", &self.name])
            .arg(program(name));
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // Nothing to be done about what fails here, least of all while a test is failing.
        ip(&["link", "delete", &self.near()]);
        ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Ended {
    tools::run(Command::new(program("ip")).args(arguments), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_leaves_nothing_behind() {
        let cable = Cable::lay();
        let (near, name) = (cable.near(), cable.name.clone());
        assert!(ip(&["link", "show", &near]).succeeded);
        assert_eq!(cable.far_address().len(), 17);
        let inside = tools::run(cable.inside("ip").args(["-o", "link"]), "");
        assert!(inside.stdout.contains(&cable.far()), "{}", inside.said());
        assert!(!inside.stdout.contains(&near), "{}", inside.said());
        drop(cable);
        assert!(!ip(&["link", "show", &near]).succeeded);
        assert!(!ip(&["netns", "list"]).stdout.contains(&name));
    }
}
