//! What is known of realms, for as long as it holds.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve_aaa::proxy::Undiscovered;

use super::search::{Found, Server};

/// The servers of a realm, the best first and at least one; or why there is none.
pub(crate) type Finding = Result<Arc<[Server]>, Undiscovered>;

/// How long DNS is not asked again for what it does not have.
const NEGATIVE: Duration = Duration::from_mins(10);
/// How long it is left alone after its first silence; twice as long after every further one.
const FIRST_REST: Duration = Duration::from_secs(15);
/// How long servers are asked beyond their time while DNS is silent (RFC 8767).
const STALE: Duration = Duration::from_hours(1);

/// What is known of a bounded number of realms.
pub(super) struct Table {
    capacity: usize,
    known: HashMap<Box<str>, Known>,
}

struct Known {
    finding: Finding,
    /// When to ask again.
    until: Instant,
    /// When what DNS has said runs out.
    good_until: Instant,
    /// How often in a row DNS did not answer.
    silent: u32,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            known: HashMap::new(),
        }
    }

    /// What is known and still holds.
    pub(super) fn get(&self, realm: &str, now: Instant) -> Option<Finding> {
        let known = self.known.get(realm)?;
        (now < known.until).then(|| known.finding.clone())
    }

    /// Takes in what a search has found, and gives what is to be gone by.
    pub(super) fn put(&mut self, realm: &str, found: Found, now: Instant) -> Finding {
        let before = self.known.remove(realm);
        let known = match found.servers {
            Ok(servers) => Known {
                finding: Ok(servers.into()),
                until: now + found.ttl,
                good_until: now + found.ttl,
                silent: 0,
            },
            Err(Undiscovered::DnsSilent) => after_silence(before, now),
            Err(why) => Known {
                finding: Err(why),
                until: now + NEGATIVE,
                good_until: now,
                silent: 0,
            },
        };
        let finding = known.finding.clone();
        if self.known.len() >= self.capacity {
            self.make_room(now);
        }
        self.known.insert(realm.into(), known);
        finding
    }

    /// Forgets what no longer holds, or else what is least worth keeping: realms without servers,
    /// of them the one that would be asked for first.
    fn make_room(&mut self, now: Instant) {
        self.known
            .retain(|_, known| now < known.until || now < known.good_until + STALE);
        if self.known.len() < self.capacity {
            return;
        }
        let worth = |known: &Known| (known.finding.is_ok(), known.until);
        let least = self.known.iter().min_by_key(|(_, known)| worth(known));
        if let Some(realm) = least.map(|(realm, _)| realm.clone()) {
            self.known.remove(&realm);
        }
    }
}

fn after_silence(before: Option<Known>, now: Instant) -> Known {
    let silent = before.as_ref().map_or(0, |before| before.silent);
    let rest = FIRST_REST.saturating_mul(1 << silent.min(10)).min(NEGATIVE);
    let finding = match &before {
        Some(before) if now < before.good_until + STALE => before.finding.clone(),
        _ => Err(Undiscovered::DnsSilent),
    };
    let is_good = finding.is_ok();
    Known {
        finding: if is_good {
            finding
        } else {
            Err(Undiscovered::DnsSilent)
        },
        until: now + rest,
        good_until: before.filter(|_| is_good).map_or(now, |it| it.good_until),
        silent: silent.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn good(ttl: Duration) -> Found {
        let server = Server {
            address: ([198, 51, 100, 1], 2083).into(),
            host: "radius.example.org".into(),
        };
        Found {
            servers: Ok(vec![server]),
            ttl,
        }
    }

    fn bad(why: Undiscovered) -> Found {
        Found {
            servers: Err(why),
            ttl: SECOND,
        }
    }

    #[test]
    fn what_is_found_holds_for_its_time_and_what_is_not_for_ten_minutes() {
        let (mut table, now) = (Table::new(10), Instant::now());
        assert!(table.put("a.org", good(90 * SECOND), now).is_ok());
        assert!(table.get("a.org", now + 89 * SECOND).is_some());
        assert!(table.get("a.org", now + 90 * SECOND).is_none());
        let none = Err(Undiscovered::NoServer);
        assert_eq!(table.put("b.org", bad(Undiscovered::NoServer), now), none);
        assert_eq!(table.get("b.org", now + 599 * SECOND), Some(none));
        assert_eq!(table.get("b.org", now + NEGATIVE), None);
    }

    #[test]
    fn silence_is_met_with_ever_longer_rests() {
        let (mut table, now) = (Table::new(10), Instant::now());
        for seconds in [15, 30, 60, 120, 240, 480, 600, 600] {
            let said = table.put("a.org", bad(Undiscovered::DnsSilent), now);
            assert_eq!(said, Err(Undiscovered::DnsSilent));
            assert!(table.get("a.org", now + (seconds - 1) * SECOND).is_some());
            assert!(
                table.get("a.org", now + seconds * SECOND).is_none(),
                "{seconds}"
            );
        }
        assert!(table.put("a.org", good(60 * SECOND), now).is_ok());
        assert!(
            table
                .put("a.org", bad(Undiscovered::DnsSilent), now)
                .is_ok()
        );
        assert!(table.get("a.org", now + 15 * SECOND).is_none());
    }

    #[test]
    fn servers_are_asked_on_for_an_hour_while_dns_is_silent_but_not_against_its_word() {
        let (mut table, now) = (Table::new(10), Instant::now());
        assert!(table.put("a.org", good(60 * SECOND), now).is_ok());
        let silent = || bad(Undiscovered::DnsSilent);
        assert!(table.put("a.org", silent(), now + 61 * SECOND).is_ok());
        assert!(table.put("a.org", silent(), now + 600 * SECOND).is_ok());
        assert!(table.put("a.org", silent(), now + 3_700 * SECOND).is_err());
        assert!(table.put("b.org", good(60 * SECOND), now).is_ok());
        let gone = table.put("b.org", bad(Undiscovered::NoServer), now + 61 * SECOND);
        assert_eq!(gone, Err(Undiscovered::NoServer));
        assert!(table.put("b.org", silent(), now + 662 * SECOND).is_err());
    }

    #[test]
    fn realms_that_are_made_up_do_not_drive_out_those_that_are_there() {
        let (mut table, now) = (Table::new(100), Instant::now());
        assert!(table.put("good.org", good(3_600 * SECOND), now).is_ok());
        for number in 0..1_000 {
            let realm = format!("{number}.example.org");
            assert!(table.put(&realm, bad(Undiscovered::NoServer), now).is_err());
            assert!(table.known.len() <= 100);
        }
        assert!(table.get("good.org", now).is_some());
        assert!(table.get("999.example.org", now).is_some());
    }
}
