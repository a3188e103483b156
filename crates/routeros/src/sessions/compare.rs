use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use super::{Active, Service, Wanted, mac};

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
    let theirs: Vec<Traits<'_>> = active.iter().map(Traits::of_active).collect();
    let index = Index::of(&theirs);
    let mut pairs = Vec::new();
    for (place, one) in believed.iter().enumerate() {
        let ours = Traits::of_believed(one);
        for other in index.alike(&ours) {
            if let Some(shared) = shared(&ours, &theirs[other]) {
                let apart = theirs[other].apart(one.age);
                pairs.push((Reverse(shared), apart, one.age, place, other));
            }
        }
    }
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

/// What a session is known by, each in the one form that it is compared in.
struct Traits<'a> {
    service: Option<Service>,
    user: Option<String>,
    address: Option<IpAddr>,
    mac: Option<Cow<'a, str>>,
    session_id: Option<String>,
    lasted: Option<Duration>,
}

impl<'a> Traits<'a> {
    fn of_believed(believed: &'a Believed) -> Self {
        let known = &believed.known;
        Self {
            service: None,
            user: known.user.as_deref().map(user_key),
            address: known.address,
            mac: known.mac.as_deref().and_then(mac).map(Cow::Owned),
            session_id: known.session_id.as_deref().map(session_key),
            lasted: Some(believed.age),
        }
    }

    fn of_active(active: &'a Active) -> Self {
        Self {
            service: Some(active.service),
            user: Some(user_key(&active.user)),
            address: active.address,
            mac: active.mac.as_deref().map(Cow::Borrowed),
            session_id: active.session_id.as_deref().map(session_key),
            lasted: active.uptime,
        }
    }

    /// How far from that it has lasted, where that is known.
    fn apart(&self, age: Duration) -> Option<Duration> {
        Some(self.lasted?.abs_diff(age))
    }
}

/// The places of active sessions by each of their traits.
#[derive(Default)]
struct Index<'a> {
    users: HashMap<&'a str, Vec<usize>>,
    addresses: HashMap<IpAddr, Vec<usize>>,
    macs: HashMap<&'a str, Vec<usize>>,
    session_ids: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(theirs: &'a [Traits<'_>]) -> Self {
        let mut index = Self::default();
        for (place, one) in theirs.iter().enumerate() {
            if let Some(user) = &one.user {
                index.users.entry(user).or_default().push(place);
            }
            if let Some(address) = one.address {
                index.addresses.entry(address).or_default().push(place);
            }
            if let Some(mac) = &one.mac {
                index.macs.entry(mac).or_default().push(place);
            }
            if let Some(id) = &one.session_id {
                index.session_ids.entry(id).or_default().push(place);
            }
        }
        index
    }

    /// Those that have any trait in common with a session; where some have its id, only those.
    fn alike(&self, ours: &Traits<'_>) -> BTreeSet<usize> {
        let id = ours.session_id.as_deref();
        if let Some(found) = id.and_then(|it| self.session_ids.get(it)) {
            return found.iter().copied().collect();
        }
        let found = [
            ours.user.as_deref().and_then(|it| self.users.get(it)),
            ours.address.and_then(|it| self.addresses.get(&it)),
            ours.mac.as_deref().and_then(|it| self.macs.get(it)),
        ];
        found.into_iter().flatten().flatten().copied().collect()
    }
}

/// What the two have in common; `None` where they cannot be one.
fn shared(ours: &Traits<'_>, theirs: &Traits<'_>) -> Option<u8> {
    let alike = |has: bool, worth: u8| if has { worth } else { 0 };
    let has_user = ours.user.is_some() && ours.user == theirs.user;
    let has_mac = ours.mac.is_some() && ours.mac == theirs.mac;
    let has_address = ours.address.is_some() && ours.address == theirs.address;
    let shared = alike(has_user, BY_USER) | alike(has_mac, BY_MAC) | alike(has_address, BY_ADDRESS);
    let fits = match (&ours.session_id, &theirs.session_id) {
        (Some(one), Some(other)) if one == other => return Some(shared | BY_SESSION_ID),
        // A menu may write an id in a way of its own; nobody comes back this soon.
        (Some(_), Some(_)) => {
            let apart = ours.lasted.and_then(|lasted| theirs.apart(lasted));
            apart.is_some_and(|apart| apart <= NEAR)
        }
        // Leases are of MAC addresses, also of those that have other sessions.
        _ if theirs.service == Some(Service::Dhcp) => has_user,
        _ => has_mac || ours.mac.is_none() || theirs.mac.is_none(),
    };
    (fits && shared > 0).then_some(shared)
}

/// A user may be a MAC address, which is written in many ways.
fn user_key(user: &str) -> String {
    mac(user).unwrap_or_else(|| user.to_owned())
}

/// Acct-Session-Id is written `81100005`, and shown by some menus as `0x81100005`.
fn session_key(id: &str) -> String {
    id.trim_start_matches("0x").to_ascii_lowercase()
}

pub(super) fn same_user(one: &str, other: &str) -> bool {
    user_key(one) == user_key(other)
}

pub(super) fn same_session(one: &str, other: &str) -> bool {
    session_key(one) == session_key(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// Each side may know or show some of the traits; one is enough.
        #[test]
        fn what_is_there_is_never_said_to_be_gone(
            sides in proptest::collection::vec((1_u8..16, 1_u8..16), 1..40),
            turned in any::<bool>(),
        ) {
            let one = |place: usize, has: u8| {
                let octet = u8::try_from(place).unwrap();
                let some = |bit: u8, text: String| (has & bit > 0).then_some(text);
                (
                    some(BY_USER, format!("user{place}")),
                    (has & BY_ADDRESS > 0).then(|| IpAddr::from([10, 0, 0, octet])),
                    some(BY_MAC, format!("02:00:00:00:00:{octet:02X}")),
                    some(BY_SESSION_ID, format!("8110{place:04x}")),
                )
            };
            let meet = |(ours, theirs): &(u8, u8)| ours & theirs > 0;
            let sides: Vec<_> = sides.into_iter().filter(meet).collect();
            let mut ours = Vec::new();
            let mut theirs = Vec::new();
            for (place, (here, there)) in sides.iter().enumerate() {
                let (user, address, mac, session_id) = one(place, *here);
                let known = Wanted { user, address, mac, session_id };
                ours.push(Believed { known, ..believed("", None, "", 5) });
                let (user, address, mac, session_id) = one(place, *there);
                let user = user.unwrap_or_else(|| format!("nobody{place}"));
                theirs.push(Active {
                    address,
                    uptime: Some(Duration::from_mins(5)),
                    ..active(Service::Ppp, &user, mac.as_deref(), session_id.as_deref())
                });
            }
            if turned {
                theirs.reverse();
            }
            let last = theirs.len().saturating_sub(1);
            for (place, found) in compare(&ours, &theirs).into_iter().enumerate() {
                prop_assert_eq!(found, There(if turned { last - place } else { place }));
            }
        }
    }

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
