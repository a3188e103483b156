use std::{cmp::Reverse, time::Duration};

use super::{Active, Service, Wanted, mac, same_session};

/// What an accounting server believes of a session that no report has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// What it is known by.
    pub known: Wanted,
    /// How long it has lasted.
    pub age: Duration,
    /// Whether it has IPv6 addresses only. What `/ipv6/dhcp-server` has given out is not looked at.
    pub only_ipv6: bool,
}

/// Whether a session that is believed in is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is that one of the active ones.
    There(usize),
    /// None of the active ones can be it.
    Gone,
    /// Too little is known of it, or what it may be of is not looked at.
    Untold,
}

/// How far apart two tellings of when one session began may be.
const NEAR: Duration = Duration::from_mins(2);

const BY_USER: u8 = 1;
const BY_ADDRESS: u8 = 2;
const BY_MAC: u8 = 4;
const BY_SESSION_ID: u8 = 8;

/// Finds each session that is believed in among those a router [`list`](super::list)s: all of them,
/// at one moment, and not before those that are believed in were told of.
///
/// In doubt a session is there: any that shares a session id, a MAC address, an address or a user
/// with an active one may be that one. But an active session is one session: of several that may
/// be it, it is the one that shares most with it and began when it did. So a session whose user
/// has come back since is gone.
pub fn compare(believed: &[Believed], active: &[Active]) -> Vec<Presence> {
    let mut pairs: Vec<_> = (believed.iter().enumerate())
        .flat_map(|(ours, one)| {
            let fitting = active.iter().enumerate();
            fitting.filter_map(move |(theirs, other)| {
                let shared = shared(one, other)?;
                let apart = other.uptime.map(|uptime| uptime.abs_diff(one.age));
                Some((Reverse(shared), apart, one.age, ours, theirs))
            })
        })
        .collect();
    pairs.sort_unstable();
    let mut found: Vec<Presence> = believed.iter().map(at_first).collect();
    let mut is_taken = vec![false; active.len()];
    for (Reverse(shared), _, _, ours, theirs) in pairs {
        // One id under two users, say, is still one session.
        let is_free = !is_taken[theirs] || shared & BY_SESSION_ID != 0;
        if is_free && !matches!(found[ours], Presence::There(_)) {
            found[ours] = Presence::There(theirs);
            is_taken[theirs] = true;
        }
    }
    found
}

/// What is thought of a session before any is found that may be it.
fn at_first(believed: &Believed) -> Presence {
    if believed.only_ipv6 || believed.known == Wanted::default() {
        Presence::Untold
    } else {
        Presence::Gone
    }
}

/// What the two have in common; `None` where they cannot be one.
fn shared(believed: &Believed, active: &Active) -> Option<u8> {
    let known = &believed.known;
    let user = known
        .user
        .as_deref()
        .is_some_and(|user| same_user(user, &active.user));
    let address = known.address.is_some() && known.address == active.address;
    let macs = (known.mac.as_deref().and_then(mac), active.mac.as_ref());
    let same_mac = match &macs {
        (Some(ours), Some(theirs)) => Some(ours == *theirs),
        _ => None,
    };
    let mut shared = 0;
    for (has, worth) in [
        (user, BY_USER),
        (address, BY_ADDRESS),
        (same_mac == Some(true), BY_MAC),
    ] {
        shared |= if has { worth } else { 0 };
    }
    let fits = match (&known.session_id, &active.session_id) {
        (Some(ours), Some(theirs)) if same_session(ours, theirs) => {
            return Some(shared | BY_SESSION_ID);
        }
        // A menu may write an id in a way of its own; nobody comes back this soon.
        (Some(_), Some(_)) => active
            .uptime
            .is_some_and(|uptime| uptime.abs_diff(believed.age) <= NEAR),
        // Leases are of MAC addresses, also of those that have other sessions.
        _ if active.service == Service::Dhcp => user,
        _ => same_mac != Some(false),
    };
    (fits && shared > 0).then_some(shared)
}

/// A user may be a MAC address, which is written in many ways.
pub(super) fn same_user(one: &str, other: &str) -> bool {
    one == other || (mac(one).is_some() && mac(one) == mac(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;

    const MAC: &str = "AA:BB:CC:00:11:22";
    const OTHER: &str = "AA:BB:CC:00:11:33";

    fn active(service: Service, user: &str, mac: Option<&str>, id: Option<&str>) -> Active {
        Active {
            service,
            menu: String::new(),
            id: Id::new("*1"),
            user: user.to_owned(),
            address: None,
            mac: mac.map(str::to_owned),
            session_id: id.map(str::to_owned),
            uptime: None,
            upload: None,
            download: None,
            rate: None,
            radius: Some(true),
        }
    }

    fn believed(user: &str, mac: Option<&str>, id: &str, minutes: u64) -> Believed {
        Believed {
            known: Wanted {
                user: Some(user.to_owned()),
                mac: mac.map(str::to_owned),
                session_id: Some(id.to_owned()),
                address: None,
            },
            age: Duration::from_mins(minutes),
            only_ipv6: false,
        }
    }

    use Presence::{Gone, There, Untold};

    #[test]
    fn an_id_tells_sessions_of_one_user_apart() {
        let ours = [
            believed("anna", Some(MAC), "81100001", 90),
            believed("anna", Some(MAC), "81100002", 30),
        ];
        let now = active(Service::Ppp, "anna", Some(MAC), Some("0x81100002"));
        assert_eq!(compare(&ours, &[now]), [Gone, There(0)]);
        assert_eq!(compare(&ours, &[]), [Gone, Gone]);
    }

    #[test]
    fn an_id_that_is_written_in_another_way_closes_nothing() {
        let ours = [believed("anna", Some(MAC), "81100001", 90)];
        let mut now = active(Service::Ppp, "anna", Some(MAC), Some("2165309441"));
        assert_eq!(compare(&ours, std::slice::from_ref(&now)), [Gone]);
        now.uptime = Some(Duration::from_mins(91));
        assert_eq!(compare(&ours, std::slice::from_ref(&now)), [There(0)]);
        now.uptime = Some(Duration::from_mins(9));
        assert_eq!(compare(&ours, &[now]), [Gone]);
    }

    #[test]
    fn where_no_id_is_shown_an_active_session_is_one_and_the_newest() {
        let ours = [
            believed("anna", Some("AA-BB-CC-00-11-22"), "80100001", 90),
            believed("anna", Some(MAC), "80100002", 30),
            believed("anna", Some(OTHER), "80100003", 60),
        ];
        let now = active(Service::Hotspot, "anna", Some(MAC), None);
        assert_eq!(
            compare(&ours, std::slice::from_ref(&now)),
            [Gone, There(0), Gone]
        );
        let longer = Active {
            uptime: Some(Duration::from_mins(89)),
            ..now
        };
        assert_eq!(compare(&ours, &[longer]), [There(0), Gone, Gone]);
    }

    #[test]
    fn a_device_is_known_by_its_address_whoever_it_is() {
        let ours = [believed("anna", Some(MAC), "82100001", 5)];
        let station = active(Service::Wireless, MAC, Some(MAC), None);
        assert_eq!(compare(&ours, &[station]), [There(0)]);
        // Its lease is another session, which lasts longer than the radio link.
        let lease = active(Service::Dhcp, MAC, Some(MAC), None);
        assert_eq!(compare(&ours, std::slice::from_ref(&lease)), [Gone]);
        let ours = [
            believed("anna", Some(MAC), "82100001", 5),
            believed("aabbcc001122", Some("1:aa:bb:cc:0:11:22"), "83100001", 5),
        ];
        assert_eq!(compare(&ours, &[lease]), [Gone, There(0)]);
    }

    #[test]
    fn two_log_ins_of_one_user_are_two() {
        let ours = [
            believed("root", None, "84100001", 90),
            believed("root", None, "84100002", 30),
        ];
        let now = active(Service::Login, "root", None, None);
        assert_eq!(
            compare(&ours, &[now.clone(), now.clone()]),
            [There(1), There(0)]
        );
        assert_eq!(compare(&ours, &[now]), [Gone, There(0)]);
    }

    #[test]
    fn what_cannot_be_known_is_not_said() {
        let nothing = Believed {
            known: Wanted::default(),
            ..believed("", None, "", 5)
        };
        let ipv6 = Believed {
            only_ipv6: true,
            ..believed("anna", Some(MAC), "81100001", 5)
        };
        assert_eq!(compare(&[nothing, ipv6.clone()], &[]), [Untold, Untold]);
        let now = active(Service::Ppp, "anna", Some(MAC), Some("81100001"));
        assert_eq!(compare(&[ipv6], &[now]), [There(0)]);
    }
}
