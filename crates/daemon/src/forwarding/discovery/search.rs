//! From a realm to its servers: NAPTR, SRV, A and AAAA (RFC 7585 section 3.4).
//!
//! What DNS says is somebody else's word. Every step is bounded, whatever the records say, and none
//! leads back: NAPTR leads to SRV or to addresses, SRV to addresses, and that is all.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use portreeve_aaa::proxy::Undiscovered;

use super::{
    address::{self, RADSEC},
    records::{Answer, Dns, Naptr, Silent, Srv, host_name, service_name},
};

/// Records of one answer that are looked at.
const MOST_RECORDS: usize = 64;
/// NAPTR records of which it is tried where they lead.
const MOST_RULES: usize = 4;
/// Hosts of one service.
const MOST_HOSTS: usize = 8;
/// Servers of one realm.
const MOST_SERVERS: usize = 8;
/// Questions on behalf of one realm; the addresses of a host count as one.
const MOST_QUESTIONS: usize = 16;
/// What holds longer is asked anew all the same, and what holds shorter is kept this long.
const TTL: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24);

/// What a search goes by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The services that are meant, in lower case.
    pub(crate) services: Box<[String]>,
    pub(crate) allow_private: bool,
    /// The addresses of this machine.
    pub(crate) own: fn() -> Vec<IpAddr>,
    /// A random number up to and including another one.
    pub(crate) random: fn(u64) -> u64,
}

/// A server that DNS names for a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Its name in lower case.
    pub(crate) host: String,
}

/// What a search has come to.
pub(super) struct Found {
    /// At least one, the best first.
    pub(super) servers: Result<Vec<Server>, Undiscovered>,
    /// How long that holds; bounded.
    pub(super) ttl: Duration,
}

struct Search<'a, D> {
    dns: &'a D,
    rules: &'a Rules,
    own: Vec<IpAddr>,
    questions: usize,
    ttl: Duration,
    /// Whether DNS did not answer somewhere on the way.
    was_silent: bool,
    /// Whether something was named that must not be asked.
    was_unfit: bool,
}

/// Looks for the servers of a realm, which is a host name.
pub(super) async fn search(dns: &impl Dns, rules: &Rules, realm: &str) -> Found {
    let mut search = Search {
        dns,
        rules,
        own: (rules.own)(),
        questions: 0,
        ttl: *TTL.end(),
        was_silent: false,
        was_unfit: false,
    };
    let servers = search.run(realm).await;
    let servers = if servers.is_empty() {
        Err(search.why_none())
    } else {
        Ok(servers)
    };
    Found {
        servers,
        ttl: search.ttl.clamp(*TTL.start(), *TTL.end()),
    }
}

impl<D: Dns> Search<'_, D> {
    async fn run(&mut self, realm: &str) -> Vec<Server> {
        let dns = self.dns;
        let Some(rules) = self.ask(dns.naptr(realm)).await else {
            return Vec::new();
        };
        if rules.is_empty() {
            return self.service(&format!("_radiustls._tcp.{realm}")).await;
        }
        for rule in self.fitting(rules) {
            let servers = match rule.flags.as_slice() {
                b"s" | b"S" => self.service(&rule.replacement).await,
                _ => self.host(&rule.replacement, RADSEC).await,
            };
            if !servers.is_empty() {
                return servers;
            }
        }
        Vec::new()
    }

    /// The rules that are for us, the best first. Rules that rewrite are not: no expression that
    /// somebody else wrote is evaluated here.
    fn fitting(&self, mut rules: Vec<Naptr>) -> Vec<Naptr> {
        let is_ours = |services: &[u8]| {
            let mut known = self.rules.services.iter();
            known.any(|known| known.as_bytes().eq_ignore_ascii_case(services))
        };
        rules.retain(|rule| {
            let is_known = matches!(rule.flags.as_slice(), b"s" | b"S" | b"a" | b"A");
            is_known && rule.regexp.is_empty() && is_ours(&rule.services)
        });
        rules.sort_by_key(|rule| (rule.order, rule.preference));
        rules.truncate(MOST_RULES);
        rules
    }

    /// The servers behind an SRV name.
    async fn service(&mut self, name: &str) -> Vec<Server> {
        let Some(name) = service_name(name) else {
            self.was_unfit = true;
            return Vec::new();
        };
        let dns = self.dns;
        let records = self.ask(dns.srv(&name)).await.unwrap_or_default();
        let mut servers = Vec::new();
        for record in in_order(records, self.rules.random)
            .into_iter()
            .take(MOST_HOSTS)
        {
            // A single dot says that the service is not offered (RFC 2782).
            if matches!(record.target.as_str(), "" | ".") {
                continue;
            }
            servers.extend(self.host(&record.target, record.port).await);
            if servers.len() >= MOST_SERVERS {
                break;
            }
        }
        servers.truncate(MOST_SERVERS);
        servers
    }

    /// The servers at the addresses of a host.
    async fn host(&mut self, name: &str, port: u16) -> Vec<Server> {
        let Some(host) = host_name(name).filter(|_| address::port_is_fit(port)) else {
            self.was_unfit = true;
            return Vec::new();
        };
        let dns = self.dns;
        let addresses = self.ask(dns.addresses(&host)).await;
        let mut servers = Vec::new();
        for found in addresses.unwrap_or_default() {
            let found = found.to_canonical();
            if self.may_be_asked(found) {
                servers.push(Server {
                    address: SocketAddr::new(found, port),
                    host: host.clone(),
                });
            } else {
                self.was_unfit = true;
            }
        }
        // An address that this machine cannot reach costs a log-in its patience.
        if !self.own.iter().any(is_global_v6) {
            servers.sort_by_key(|server| server.address.is_ipv6());
        }
        servers.truncate(MOST_SERVERS);
        servers
    }

    fn may_be_asked(&self, address: IpAddr) -> bool {
        let is_own = !self.rules.allow_private && self.own.contains(&address);
        !is_own && address::address_is_fit(address, self.rules.allow_private)
    }

    /// Asks, while there are questions left; `None` where that does not lead on.
    async fn ask<R>(
        &mut self,
        question: impl Future<Output = Result<Answer<R>, Silent>>,
    ) -> Option<Vec<R>> {
        if self.questions >= MOST_QUESTIONS {
            self.was_unfit = true;
            return None;
        }
        self.questions += 1;
        let Ok(mut answer) = question.await else {
            self.was_silent = true;
            return None;
        };
        if let Some(ttl) = answer.ttl {
            self.ttl = self.ttl.min(ttl);
        }
        answer.records.truncate(MOST_RECORDS);
        Some(answer.records)
    }

    fn why_none(&self) -> Undiscovered {
        if self.was_silent {
            Undiscovered::DnsSilent
        } else if self.was_unfit {
            Undiscovered::Unfit
        } else {
            Undiscovered::NoServer
        }
    }
}

fn is_global_v6(address: &IpAddr) -> bool {
    address.is_ipv6() && address::address_is_fit(*address, false)
}

/// By priority, and at random by weight among those of one priority (RFC 2782, "Weight").
fn in_order(mut records: Vec<Srv>, random: fn(u64) -> u64) -> Vec<Srv> {
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|first| first.priority) {
        let group = || records.iter().take_while(|it| it.priority == priority);
        let all: u64 = group().map(|record| u64::from(record.weight)).sum();
        let chosen = random(all);
        let mut sum = 0;
        let at = group().position(|record| {
            sum += u64::from(record.weight);
            sum >= chosen
        });
        ordered.push(records.remove(at.unwrap_or(0)));
    }
    ordered
}
