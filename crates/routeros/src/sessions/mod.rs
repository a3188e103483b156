//! Who is connected to a router right now, by the router itself.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Capabilities, Command, Error, Id, Query, Router,
    check::{self, Menu},
};

mod compare;
mod tables;

pub use compare::{Believed, Presence, compare};
use compare::{same_session, same_user};
use tables::{TABLES, Table};

/// What a session is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// `PPPoE`, PPTP, L2TP, SSTP, OVPN.
    Ppp,
    /// Hotspot.
    Hotspot,
    /// Wi-Fi, whichever of the three stacks.
    Wireless,
    /// A DHCP lease.
    Dhcp,
    /// Wired 802.1X.
    Dot1x,
    /// IKE, by `XAuth` or EAP.
    Ipsec,
    /// A log-in to the router itself.
    Login,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// What it is of.
    pub service: Service,
    /// The menu it stands in, such as `/ppp/active`.
    pub menu: String,
    /// Its `.id` there. It may change when the router starts again.
    pub id: Id,
    /// The user; of a wireless or DHCP session without one, the MAC address.
    pub user: String,
    /// The subscriber's address.
    pub address: Option<IpAddr>,
    /// The subscriber's MAC address, as six octets with colons and capital letters.
    pub mac: Option<String>,
    /// Acct-Session-Id, where the router shows it.
    pub session_id: Option<String>,
    /// How long it has been there.
    pub uptime: Option<Duration>,
    /// Octets from the subscriber.
    pub upload: Option<u64>,
    /// Octets to the subscriber.
    pub download: Option<u64>,
    /// The rate limit in the router's words.
    pub rate: Option<String>,
    /// Whether RADIUS admitted it, where the router shows that.
    pub radius: Option<bool>,
}

/// What is known of the session one looks for. What is `None` is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// User-Name.
    pub user: Option<String>,
    /// Framed-IP-Address.
    pub address: Option<IpAddr>,
    /// The MAC address in any form.
    pub mac: Option<String>,
    /// Acct-Session-Id.
    pub session_id: Option<String>,
}

impl Wanted {
    /// Whether a session fits all that is known. With nothing known, none does.
    pub fn fits(&self, active: &Active) -> bool {
        let nothing = self.user.is_none()
            && self.address.is_none()
            && self.mac.is_none()
            && self.session_id.is_none();
        !nothing
            && self
                .user
                .as_deref()
                .is_none_or(|user| same_user(user, &active.user))
            && self
                .address
                .is_none_or(|address| active.address == Some(address))
            && self
                .mac
                .as_deref()
                .is_none_or(|text| mac(text).is_some_and(|one| Some(one) == active.mac))
            && self.session_id.as_deref().is_none_or(|id| {
                // Not every menu shows it: what is not shown does not speak against.
                active
                    .session_id
                    .as_deref()
                    .is_none_or(|theirs| same_session(theirs, id))
                    && (active.session_id.is_some() || self.has_more_than_the_session_id())
            })
    }

    fn has_more_than_the_session_id(&self) -> bool {
        self.user.is_some() || self.address.is_some() || self.mac.is_some()
    }
}

/// A MAC address in any usual form, as six octets with colons and capital letters.
pub(crate) fn mac(text: &str) -> Option<String> {
    let text = text
        .strip_prefix("1:")
        .filter(|rest| rest.matches(':').count() == 5)
        .unwrap_or(text);
    let parts: Vec<_> = text.split([':', '-']).collect();
    let digits: String = if parts.len() == 6 && parts.iter().all(|part| part.len() <= 2) {
        let pad = |part: &&str| if part.len() == 1 { "0" } else { "" };
        parts.iter().flat_map(|part| [pad(part), part]).collect()
    } else {
        text.chars()
            .filter(|c| !matches!(c, ':' | '-' | '.' | ' '))
            .collect()
    };
    let is_mac = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    is_mac.then(|| {
        let digits = digits.to_ascii_uppercase();
        let octets = (0..6).filter_map(|place| digits.get(place * 2..place * 2 + 2));
        octets.collect::<Vec<_>>().join(":")
    })
}

/// What came of removing a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is no longer there.
    Gone,
    /// It had already gone.
    Absent,
    /// The router said yes, and it is still there.
    Still,
}

/// All that are connected. Menus this router does not have are left out.
///
/// # Errors
///
/// The connection is lost, or the router refuses to show a menu it has.
pub async fn list(router: &Router, capabilities: &Capabilities) -> Result<Vec<Active>, Error> {
    let mut all = Vec::new();
    for table in TABLES {
        if !table.is_of(capabilities) {
            continue;
        }
        let records = match check::read(router, table.menu, table.properties).await? {
            Menu::Items(items) => items,
            Menu::Absent => continue,
            Menu::Refused(message) => {
                let command = format!("{}/print", table.menu);
                return Err(Error::NotPermitted { command, message });
            }
        };
        all.extend(records.iter().filter_map(|record| table.read(record)));
    }
    if all.iter().any(|active| active.service == Service::Ppp) {
        let queues = check::read(router, "/queue/simple", &["name", "bytes", "max-limit"]).await?;
        if let Menu::Items(queues) = queues {
            tables::count_by_queue(&mut all, &queues);
        }
    }
    Ok(all)
}

/// The sessions that fit all that is known of the wanted one. With nothing known, none.
///
/// # Errors
///
/// As [`list`].
pub async fn find(
    router: &Router,
    capabilities: &Capabilities,
    wanted: &Wanted,
) -> Result<Vec<Active>, Error> {
    let mut all = list(router, capabilities).await?;
    all.retain(|active| wanted.fits(active));
    Ok(all)
}

/// Ends a session with the command this version has, and reads back whether it has gone.
///
/// The item is looked up again first: an `.id` may by now be that of somebody else.
///
/// # Errors
///
/// The connection is lost, the router refuses, or it has no command for it.
pub async fn remove(
    router: &Router,
    capabilities: &Capabilities,
    active: &Active,
) -> Result<Removed, Error> {
    const LOOKS: u32 = 5;
    let Some(table) = TABLES.iter().find(|table| table.menu == active.menu) else {
        return Err(Error::NotSupported(format!(
            "{:?} is no menu of sessions",
            active.menu
        )));
    };
    if !still_there(router, table, active).await? {
        return Ok(Removed::Absent);
    }
    let verb = table.verb(capabilities)?;
    let command = Command::new(format!("{}/{verb}", table.menu)).with(".id", active.id.as_str());
    match router.call(&command).await {
        Ok(_) => {}
        Err(Error::NoSuchItem { .. }) => return Ok(Removed::Absent),
        Err(error) => return Err(error),
    }
    // A PPP session hangs up in an orderly way, which takes a moment.
    for look in 0..LOOKS {
        if !still_there(router, table, active).await? {
            return Ok(Removed::Gone);
        }
        tokio::time::sleep(Duration::from_millis(100 << look)).await;
    }
    Ok(Removed::Still)
}

async fn still_there(router: &Router, table: &Table, active: &Active) -> Result<bool, Error> {
    let query = [Query::equals(".id", active.id.as_str())];
    let found = match router.print(table.menu, table.properties, &query).await {
        Ok(found) => found,
        Err(Error::NoSuchItem { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let same = |other: &Active| {
        other.id == active.id
            && other.user == active.user
            && other.mac == active.mac
            && other.session_id == active.session_id
    };
    Ok(found
        .iter()
        .filter_map(|record| table.read(record))
        .any(|other| same(&other)))
}
