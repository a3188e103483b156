//! What this server knows of a router, for whoever looks for what is wrong between the two.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portreeve_aaa::{
    decision::{Asked, Decision, Outcome},
    definition::{Nas, User},
    port::{SessionFilter, Store, UserFilter},
    station::Mac,
};
use portreeve_auth::Credential;
use portreeve_routeros::{
    Secret,
    check::{
        Counted, Discarded, Expectation, Kind, OurSide, RadsecCertificate, Refused, ResponseTimes,
        Seen,
    },
};
use portreeve_store::DecisionFilter;
use zeroize::Zeroizing;

use super::{Kept, kept::RADSEC_SECRET};
use crate::{
    authority::{self, Authority, Details, Names, Purpose, read_text},
    config::Config,
    data::DataDir,
    failure::Failure,
    serving::control,
};

/// How far back is looked.
const RECENT: Duration = Duration::from_hours(6);
/// The most decisions that are looked at, of each kind.
const DECISIONS: usize = 2_000;
/// The most definitions and sessions that are.
const DEFINITIONS: usize = 10_000;
/// Enough users named by a MAC address to see how it is written.
const MAC_USERS: usize = 20;
const COA_PORT: u16 = 3799;

/// What the router is meant to be.
pub(crate) fn expectation(kept: &Kept) -> Expectation {
    let wanted = kept.wanted();
    // Listed for whoever sets up Wi-Fi later, unless its securities were named.
    let switched = wanted.services.wireless.as_ref();
    let has_wireless = switched.is_some_and(|wireless| !wireless.switch.is_empty());
    Expectation {
        servers: wanted.servers.iter().map(|server| server.address).collect(),
        services: wanted
            .services
            .names()
            .into_iter()
            .filter(|name| *name != "wireless" || has_wireless)
            .map(str::to_owned)
            .collect(),
        no_dynamic: wanted.coa.is_none(),
    }
}

/// All that this server knows of a router.
pub(crate) fn side(kept: &Kept, data: &DataDir) -> Result<OurSide, Failure> {
    let config = Config::in_force(data, None)?;
    let mut store = data.open()?;
    let mut side = OurSide {
        router_address: kept.target.host.parse().ok(),
        signs_replies: Some(true),
        ..OurSide::default()
    };
    listening(&mut side, kept, &config, data);
    let nases = store.nases()?;
    let nases: Vec<&Nas> = nases.iter().filter(|nas| is_of(nas, kept, &side)).collect();
    side.demands_signature = nases
        .iter()
        .find(|nas| nas.name == kept.nas)
        .map(|nas| nas.requires_message_authenticator());
    side.nas = nases.iter().map(|nas| entry(nas, kept)).collect();
    side.dynamic.source = Some(kept.server);
    side.radsec = radsec(&config, data);
    decided(&mut side, kept, data)?;
    defined(&mut side, &mut store)?;
    let filter = SessionFilter {
        nas: Some(kept.nas.clone()),
        limit: DEFINITIONS,
        ..SessionFilter::default()
    };
    let counted = store.sessions(&filter)?.into_iter().map(|session| Counted {
        user: session.user.unwrap_or_default(),
        session_id: session.session_id,
        upload: session.input_octets,
        download: session.output_octets,
    });
    side.sessions = counted.collect();
    Ok(side)
}

/// Where the server listens, as it says itself if it runs, else as it is configured.
fn listening(side: &mut OurSide, kept: &Kept, config: &Config, data: &DataDir) {
    let running = control::ask(data).ok().map(|report| report.listen);
    let (auth, accounting, tls) = match running {
        Some(listen) => (listen.auth, listen.accounting, listen.tls),
        None => (
            config.listen.auth.clone(),
            config.listen.accounting.clone(),
            config.listen.tls.clone(),
        ),
    };
    let all = || auth.iter().chain(&accounting).chain(&tls);
    let bound: BTreeSet<IpAddr> = all().map(|one| one.ip().to_canonical()).collect();
    let mut addresses = bound.clone();
    addresses.insert(kept.server);
    if bound.iter().any(IpAddr::is_unspecified) {
        addresses.extend(Names::of_this_machine().addresses);
    }
    addresses.retain(|address| !address.is_unspecified());
    let ports = |all: &[SocketAddr]| {
        let ports: BTreeSet<u16> = all.iter().map(SocketAddr::port).collect();
        ports.into_iter().collect()
    };
    side.addresses = addresses.into_iter().collect();
    side.authentication_ports = ports(&auth);
    side.accounting_ports = ports(&accounting);
    side.radsec_ports = ports(&tls);
}

fn is_of(nas: &Nas, kept: &Kept, side: &OurSide) -> bool {
    let covers = side
        .router_address
        .is_some_and(|address| nas.prefix.contains(&address));
    nas.name == kept.nas || (covers && nas.prefix.prefix_len() > 0)
}

fn entry(nas: &Nas, kept: &Kept) -> portreeve_routeros::check::Nas {
    let secret = match nas.secret() {
        Some(secret) => {
            let text = Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned());
            Secret::new(text.as_str())
        }
        None => Secret::new(RADSEC_SECRET),
    };
    let coa = kept.wanted().coa.map_or(COA_PORT, |coa| coa.port);
    portreeve_routeros::check::Nas {
        name: nas.name.clone(),
        network: (nas.prefix.addr(), nas.prefix.prefix_len()),
        secret: Some(secret),
        coa_port: coa,
        swaps_octets: false,
        interim: None,
    }
}

/// The certificate that is shown over RadSec.
fn radsec(config: &Config, data: &DataDir) -> Option<RadsecCertificate> {
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
    let (names, from, until, issuer, issuer_fingerprint) =
        if let Some(path) = &config.tls.certificate {
            let text = read_text(path).ok()?;
            let blocks = authority::blocks(&text, |label| label == "CERTIFICATE");
            let details = Details::of(blocks.first()?).ok()?;
            let above = blocks.get(1).and_then(|der| Details::of(der).ok());
            (
                details.names,
                details.not_before,
                details.not_after,
                details.issuer,
                above.map(|above| above.fingerprint),
            )
        } else {
            let authority = Authority::open(data).ok()?;
            let now = authority::now();
            let records = authority.issued().ok()?.records;
            let live = records
                .into_iter()
                .filter(|one| one.purpose == Purpose::Server && one.is_live(now));
            let server = live.max_by_key(|one| one.not_before)?;
            let ca = authority.ca();
            (
                server.names,
                server.not_before,
                server.not_after,
                ca.common_name.clone(),
                Some(ca.fingerprint.clone()),
            )
        };
    Some(RadsecCertificate {
        names: names.words(),
        not_before: at(from),
        not_after: at(until),
        issuer,
        issuer_fingerprint,
    })
}

/// What was decided of late about the router's requests.
fn decided(side: &mut OurSide, kept: &Kept, data: &DataDir) -> Result<(), Failure> {
    if !data.decisions().exists() {
        return Ok(());
    }
    let mut reader = data.read_decisions()?;
    let about = DecisionFilter {
        nas: Some(kept.nas.clone()),
        ..DecisionFilter::default()
    };
    let discarded = DecisionFilter {
        outcome: Some(Outcome::Discarded),
        ..DecisionFilter::default()
    };
    let oldest = crate::service::now_ms().saturating_sub(millis(RECENT));
    let mut all: BTreeMap<u64, Decision> = BTreeMap::new();
    for filter in [about, discarded] {
        for logged in reader.tail(None, DECISIONS, &filter)? {
            if logged.decision.time_ms >= oldest {
                all.insert(logged.place, logged.decision);
            }
        }
    }
    let all: Vec<Decision> = all.into_values().collect();
    side.discards = discards(&all);
    let of_router = |decision: &&Decision| {
        let nas = decision.nas.as_ref();
        // What was seen without a request is none of the router's.
        let is_request = !matches!(decision.outcome, Outcome::Discarded | Outcome::Noticed);
        nas.is_some_and(|nas| nas.as_str() == kept.nas) && is_request
    };
    let ours: Vec<&Decision> = all.iter().filter(of_router).collect();
    side.requests = requests(&ours);
    side.refusals = refusals(&ours);
    side.response_times = response_times(&ours);
    Ok(())
}

fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn discards(all: &[Decision]) -> Vec<Discarded> {
    let mut by_reason = BTreeMap::<(IpAddr, String), (u64, u64)>::new();
    for decision in all.iter().filter(|one| one.outcome == Outcome::Discarded) {
        let reason = decision
            .reason
            .as_ref()
            .map_or("", |reason| reason.as_str());
        let key = (decision.from.ip().to_canonical(), reason.to_owned());
        let (count, last) = by_reason.entry(key).or_default();
        *count += 1;
        *last = (*last).max(decision.time_ms);
    }
    let found = by_reason
        .into_iter()
        .map(|((source, reason), (count, last))| Discarded {
            source,
            reason,
            count,
            last: at(last),
        });
    found.collect()
}

fn requests(all: &[&Decision]) -> Vec<Seen> {
    let mut by_kind = BTreeMap::<(IpAddr, bool), (u64, u64)>::new();
    for decision in all {
        let is_accounting = match decision.asked {
            Some(Asked::Access) => false,
            Some(Asked::Accounting) => true,
            _ => continue,
        };
        let key = (decision.from.ip().to_canonical(), is_accounting);
        let (count, last) = by_kind.entry(key).or_default();
        *count += 1;
        *last = (*last).max(decision.time_ms);
    }
    let found = by_kind
        .into_iter()
        .map(|((source, is_accounting), (count, last))| Seen {
            source,
            kind: if is_accounting {
                Kind::Accounting
            } else {
                Kind::Authentication
            },
            count,
            last: at(last),
            nas_identifier: None,
            nas_address: None,
        });
    found.collect()
}

fn refusals(all: &[&Decision]) -> Vec<Refused> {
    let mut by_reason = BTreeMap::<(String, String), (u64, u64, String)>::new();
    for decision in all.iter().filter(|one| one.outcome == Outcome::Rejected) {
        let [reason, method, who] = [&decision.reason, &decision.method, &decision.user]
            .map(|shown| shown.as_ref().map_or("", |shown| shown.as_str()));
        let key = (reason.to_owned(), method.to_owned());
        let (count, last, user) = by_reason.entry(key).or_default();
        *count += 1;
        if decision.time_ms >= *last {
            *last = decision.time_ms;
            who.clone_into(user);
        }
    }
    let found = by_reason
        .into_iter()
        .map(|((reason, method), (count, last, user))| Refused {
            reason,
            method,
            user,
            count,
            last: at(last),
        });
    found.collect()
}

fn response_times(all: &[&Decision]) -> Option<ResponseTimes> {
    let access = all.iter().filter(|one| one.asked == Some(Asked::Access));
    let mut times: Vec<u64> = access.map(|one| one.duration_us).collect();
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    let at = |percent: usize| Duration::from_micros(times[last * percent / 100]);
    Some(ResponseTimes {
        median: at(50),
        high: at(99),
    })
}

/// What is defined here that a router has to fit.
fn defined(side: &mut OurSide, store: &mut impl Store) -> Result<(), Failure> {
    let users = store.users(&UserFilter {
        limit: DEFINITIONS,
        ..UserFilter::default()
    })?;
    let groups = store.groups()?;
    let replies = || {
        let of_users = users.iter().flat_map(|user| &user.reply);
        of_users.chain(groups.iter().flat_map(|group| &group.reply))
    };
    side.rates_in_use = replies().any(|line| line.contains("Rate-Limit"));
    let named = replies().filter_map(|line| line.strip_prefix("Mikrotik-Group"));
    let named = named.map(|rest| rest.trim_start_matches(['+', '=', ' ']).trim_matches('"'));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    side.router_groups = named.into_iter().collect();
    side.hashed_users = users.iter().filter(|user| is_hashed(user)).count() as u64;
    let all = users.iter().map(|user| &user.name);
    let by_mac = all.filter(|name| Mac::calling(name).is_some());
    side.mac_users = by_mac.take(MAC_USERS).cloned().collect();
    side.users = users.into_iter().map(|user| user.name).collect();
    Ok(())
}

/// Whether CHAP cannot be checked against what is kept of a user.
fn is_hashed(user: &User) -> bool {
    let Some(stored) = &user.credential else {
        return false;
    };
    let credential = Credential::parse(stored.expose());
    credential.is_ok_and(|credential| {
        let chap = portreeve_auth::Method::Chap;
        !credential.scheme().serves(chap)
    })
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::{decision::DecisionId, refusal::Refusal};

    use super::*;

    fn decision(number: u64, reason: &Refusal) -> Decision {
        let from = "192.0.2.1:1024".parse().unwrap();
        let draft = Decision::draft(DecisionId(number), number, from);
        draft
            .asked(Asked::Access)
            .nas("ap")
            .user(format!("user{number}").as_bytes())
            .rejected(number * 10, reason)
    }

    #[test]
    fn decisions_are_counted_by_what_became_of_them() {
        let all = [
            decision(1, &Refusal::Disabled),
            decision(2, &Refusal::Disabled),
        ];
        let all: Vec<&Decision> = all.iter().collect();
        let refused = refusals(&all);
        assert_eq!((refused.len(), refused[0].count), (1, 2));
        assert_eq!(refused[0].user, "user2");
        let seen = requests(&all);
        assert_eq!(
            (seen.len(), seen[0].count, seen[0].kind),
            (1, 2, Kind::Authentication)
        );
        assert!(response_times(&all).is_some() && response_times(&[]).is_none());
    }
}
