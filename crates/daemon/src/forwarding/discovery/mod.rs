//! Home servers that DNS names (RFC 7585), for realms that the administrator has admitted.

mod address;
mod reach;
mod records;
mod resolver;
mod search;
mod table;
#[cfg(test)]
mod zone;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use portreeve_aaa::proxy::{Pattern, Undiscovered};
use tokio::sync::watch;

pub(crate) use self::reach::DiscoveryError;
pub(super) use self::reach::{NotSent, Reach, Roaming};
use self::{
    records::{Dns, host_name},
    resolver::Resolver,
    search::{Found, Rules},
    table::{Finding, Table},
};
use crate::{config, service::random_octets};

/// Realms of which something is known.
const MOST_KNOWN: usize = 4_096;
/// Realms that are being looked up at a time.
const MOST_UNDER_WAY: usize = 64;
/// How long all questions on behalf of one realm may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Finds the servers of realms. Clones are one and the same.
pub(super) struct Discovery<D = Resolver>(Arc<Inner<D>>);

struct Inner<D> {
    admitted: Box<[Pattern]>,
    rules: Rules,
    dns: D,
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    known: Table,
    /// Searches that have not come to an end, and where that will be told.
    under_way: HashMap<Box<str>, watch::Receiver<Option<Finding>>>,
}

/// What a realm that was asked for leads to at once.
enum Begun {
    Known(Finding),
    Waiting(watch::Receiver<Option<Finding>>),
}

impl<D> Clone for Discovery<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Dns> Discovery<D> {
    pub(super) fn new(config: &config::Discovery, dns: D) -> Self {
        let rules = Rules {
            services: config.services.iter().cloned().collect(),
            allow_private: config.allow_private,
            own: own_addresses,
            random,
        };
        Self(Arc::new(Inner {
            admitted: config.realms.iter().cloned().collect(),
            rules,
            dns,
            patience: PATIENCE,
            state: Mutex::new(State {
                known: Table::new(MOST_KNOWN),
                under_way: HashMap::new(),
            }),
        }))
    }

    /// Whether DNS may be asked for a realm; gives its name there.
    ///
    /// # Errors
    /// It is not admitted, or no host name.
    pub(super) fn admits(&self, realm: &str) -> Result<String, Undiscovered> {
        let realm = realm.to_lowercase();
        let is_admitted = |pattern: &Pattern| match pattern {
            Pattern::Exact(exact) => **exact == *realm,
            Pattern::Below(parent) => realm
                .strip_suffix(&**parent)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            Pattern::Any | Pattern::NoRealm => false,
        };
        if !self.0.admitted.iter().any(is_admitted) {
            return Err(Undiscovered::NotAllowed);
        }
        host_name(&realm).ok_or(Undiscovered::NotAName)
    }

    /// The servers of a realm. DNS is asked only for realms that are admitted, once at a time for
    /// each of them, and not again while its answer holds.
    pub(super) async fn find(&self, realm: &str) -> Finding {
        let realm = self.admits(realm)?;
        let mut told = match self.begin(&realm)? {
            Begun::Known(finding) => return finding,
            Begun::Waiting(told) => told,
        };
        let finding = told.wait_for(Option::is_some).await;
        match finding.as_deref() {
            Ok(Some(finding)) => finding.clone(),
            _ => Err(Undiscovered::DnsSilent),
        }
    }

    fn begin(&self, realm: &str) -> Result<Begun, Undiscovered> {
        let mut state = self.state();
        if let Some(finding) = state.known.get(realm, Instant::now()) {
            return Ok(Begun::Known(finding));
        }
        // Searches whose end nobody can tell any more are begun anew.
        state.under_way.retain(|_, told| told.has_changed().is_ok());
        if let Some(told) = state.under_way.get(realm) {
            return Ok(Begun::Waiting(told.clone()));
        }
        if state.under_way.len() >= MOST_UNDER_WAY {
            return Err(Undiscovered::Busy);
        }
        let (tell, told) = watch::channel(None);
        state.under_way.insert(realm.into(), told.clone());
        // It goes on when the request that began it is given up: others wait for it too.
        let (this, realm) = (self.clone(), Box::<str>::from(realm));
        tokio::spawn(async move {
            let finding = this.search(&realm).await;
            tell.send_replace(Some(finding));
        });
        Ok(Begun::Waiting(told))
    }

    async fn search(&self, realm: &str) -> Finding {
        let inner = &self.0;
        let search = search::search(&inner.dns, &inner.rules, realm);
        let found = tokio::time::timeout(inner.patience, search).await;
        let found = found.unwrap_or(Found {
            servers: Err(Undiscovered::DnsSilent),
            ttl: Duration::ZERO,
        });
        tracing::debug!(realm, servers = ?found.servers, ttl = ?found.ttl, "asked DNS");
        let mut state = self.state();
        state.under_way.remove(realm);
        state.known.put(realm, found, Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}

/// A number up to and including another one; not for secrets.
fn random(most: u64) -> u64 {
    let octets: [u8; 8] = random_octets().unwrap_or_default();
    u64::from_be_bytes(octets) % most.saturating_add(1)
}

#[cfg(test)]
mod tests;
