//! What a router is like.

use std::{collections::BTreeMap, net::IpAddr};

use super::menu::{self, Menu};
use crate::{Capabilities, Error, Record, Router};

/// What was read of a router: the menus a plan looks at, each with its items in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    pub(super) menus: BTreeMap<String, Vec<Record>>,
    /// The address this machine speaks to the router from.
    pub(super) here: Option<IpAddr>,
    /// The user this machine is logged in as.
    pub(super) user: Option<String>,
}

impl Observed {
    /// What was read of a menu: its items in order, or one record without an `.id`. Empty where
    /// the router has no such menu, or nothing is in it.
    pub fn menu(&self, menu: &str) -> &[Record] {
        self.menus.get(menu).map_or(&[], Vec::as_slice)
    }

    /// Says as which user this machine is logged in, so that its policies are looked at.
    #[must_use]
    pub fn as_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }
}

/// Reads what a plan needs to know, and no more.
///
/// # Errors
///
/// What the router says, except that it lacks a menu.
pub async fn observe(router: &Router, can: &Capabilities) -> Result<Observed, Error> {
    let mut observed = Observed {
        here: Some(router.local_address()).filter(|address| !address.is_unspecified()),
        ..Observed::default()
    };
    for menu in menu::ALL.iter().filter(|menu| is_there(menu, can)) {
        match router.print(menu.path, menu.properties, &[]).await {
            Ok(records) => {
                observed.menus.insert(menu.path.to_owned(), records);
            }
            Err(Error::NoSuchCommand { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(observed)
}

/// Menus that are only looked at, and that nothing is known of before.
const UNKNOWN: [&str; 2] = ["/interface", "/ip/ipsec/user"];

fn is_there(menu: &Menu, can: &Capabilities) -> bool {
    if UNKNOWN.contains(&menu.path) {
        return true;
    }
    let commands = ["print", "set", "add"];
    commands
        .iter()
        .any(|command| can.has(&format!("{}/{command}", menu.path)))
}
