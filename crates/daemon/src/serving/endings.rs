//! Sessions that began by a certificate that was revoked since: their NAS is asked to end them.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use portreeve::{Client, Connections, Running, client::Retry};
use portreeve_aaa::{
    definition::{Nas, SharedSecret},
    grant::{CertificateMark, ClassId},
    port::{SessionFilter, Store as _},
    refusal::argument,
    session::{Session, SessionKey},
};
use tokio::task::{JoinHandle, JoinSet};

use super::certificates::Shared;
use crate::{
    authority,
    config::Coa,
    data::DataDir,
    failure::Failure,
    service::{mark_of, now_ms},
};

/// How often is looked whether something was revoked: what an administrator does takes effect
/// within a second.
const TICK: Duration = Duration::from_millis(500);
/// How long after a revocation sessions are looked for: one may just have been let in whose first
/// report is yet to come.
const WATCH_S: u64 = 120;
/// How often, in that time.
const AGAIN: Duration = Duration::from_secs(5);
/// How often a NAS is asked for one session.
const ATTEMPTS: u32 = 3;
/// How many NASes are asked at a time.
const AT_ONCE: usize = 16;
/// For how long one request is repeated.
const PATIENCE: Retry = Retry {
    initial: Duration::from_secs(1),
    maximum: Duration::from_secs(4),
    count: 3,
    duration: Duration::from_secs(8),
    jitter: 0.1,
};

/// Begins to watch. Must be called inside a Tokio runtime.
pub(super) fn start(
    data: &DataDir,
    authority: &Shared,
    running: &Running,
    coa: Coa,
) -> JoinHandle<()> {
    let rounds = Rounds {
        data: data.clone(),
        authority: Shared::clone(authority),
        connections: running.connections(),
        port: coa.port,
        asked: HashMap::new(),
    };
    tokio::spawn(rounds.run())
}

struct Rounds {
    data: DataDir,
    authority: Shared,
    connections: Connections,
    port: u16,
    /// How often was asked for sessions that are still open.
    asked: HashMap<SessionKey, u32>,
}

/// A session to be ended.
struct Doomed {
    session: Session,
    nas: Nas,
    serial: String,
}

impl Rounds {
    async fn run(mut self) {
        let mut known = None;
        let mut looked = Instant::now();
        loop {
            tokio::time::sleep(TICK).await;
            let Some(authority) = self.authority.load_full() else {
                continue;
            };
            let is_new = known != Some(authority.generation());
            let newest = authority.revocations().map(|(_, revoked)| revoked.at).max();
            let is_fresh = newest.is_some_and(|at| at + WATCH_S >= authority::now());
            let is_due = is_new || is_fresh && looked.elapsed() >= AGAIN;
            if !is_due {
                continue;
            }
            known = Some(authority.generation());
            looked = Instant::now();
            let marks: Vec<_> = authority
                .revocations()
                .map(|(serial, _)| (mark_of(serial), authority::hex(serial)))
                .collect();
            drop(authority);
            if !marks.is_empty() {
                self.round(marks).await;
            }
        }
    }

    async fn round(&mut self, marks: Vec<(CertificateMark, String)>) {
        let data = self.data.clone();
        let found = tokio::task::spawn_blocking(move || doomed(&data, &marks)).await;
        let doomed = match found {
            Ok(Ok(doomed)) => doomed,
            Ok(Err(failure)) => {
                let words = failure.words();
                tracing::error!("sessions by revoked certificates are not ended: {words}");
                return;
            }
            Err(_) => return,
        };
        self.asked
            .retain(|key, _| doomed.iter().any(|it| it.session.key == *key));
        let is_left = |it: &Doomed| {
            let attempts = self.asked.get(&it.session.key);
            attempts.is_none_or(|attempts| *attempts < ATTEMPTS)
        };
        let left: Vec<_> = doomed.into_iter().filter(is_left).collect();
        let mut left = left.into_iter();
        loop {
            let mut asking = JoinSet::new();
            for doomed in left.by_ref().take(AT_ONCE) {
                asking.spawn(end(doomed, self.connections.clone(), self.port));
            }
            if asking.is_empty() {
                break;
            }
            while let Some(asked) = asking.join_next().await {
                if let Ok((key, is_done)) = asked {
                    let attempts = self.asked.entry(key).or_default();
                    *attempts = if is_done { ATTEMPTS } else { *attempts + 1 };
                }
            }
        }
    }
}

/// Asks for one session, and says whether the NAS has answered for good.
async fn end(doomed: Doomed, connections: Connections, port: u16) -> (SessionKey, bool) {
    let Doomed {
        session,
        nas,
        serial,
    } = doomed;
    let user = session.user.as_deref().unwrap_or("");
    let (id, name) = (&session.session_id, &nas.name);
    let asked = try_all(&session, &nas, &connections, port).await;
    let is_done = asked.is_ok();
    match asked {
        Ok(words) => tracing::info!(
            nas = name,
            user,
            session = id,
            serial,
            "the certificate was revoked: {words}"
        ),
        Err(words) => tracing::warn!(
            nas = name,
            user,
            session = id,
            serial,
            "the certificate was revoked, but the session goes on: {words}"
        ),
    }
    (session.key, is_done)
}

/// Asks down the connection that the NAS has opened, else at its port for CoA: under either secret
/// of one that is being given another.
async fn try_all(
    session: &Session,
    nas: &Nas,
    connections: &Connections,
    port: u16,
) -> Result<&'static str, String> {
    if nas.secret().is_none() {
        let client = connections
            .toward(&nas.name)
            .ok_or_else(|| format!("{} has no connection open to here", nas.name))?;
        return ask(&client, session, nas).await.map_err(|left| left.words);
    }
    let mut last = String::new();
    for secret in nas.secrets(now_ms()) {
        let client = toward(session, nas, secret, port).await?;
        match ask(&client, session, nas).await {
            Ok(words) => return Ok(words),
            Err(left) if left.is_answered => return Err(left.words),
            Err(left) => last = left.words,
        }
    }
    Err(last)
}

/// Why a session goes on.
struct Left {
    words: String,
    /// By the NAS, which then has the secret.
    is_answered: bool,
}

/// Names the session in one way after the other, until the NAS ends it.
async fn ask(client: &Client, session: &Session, nas: &Nas) -> Result<&'static str, Left> {
    let left = |words: String, is_answered| Left { words, is_answered };
    let mut last = None;
    for naming in nas.dialect.naming(session) {
        match client.disconnect(naming).await {
            Ok(outcome) if outcome.is_ack() => return Ok("the session was ended"),
            Ok(outcome) => last = Some(outcome),
            Err(error) => {
                let name = argument(Some(&nas.name), "NAME");
                let words = format!(
                    "{error}; {name} must take Disconnect-Requests from this server (RFC 5176)"
                );
                return Err(left(words, false));
            }
        }
    }
    match last {
        None => Err(left(
            "its reports hold nothing to name it by".to_owned(),
            true,
        )),
        Some(outcome) if outcome.is_gone() => Ok("the NAS knows of no such session any more"),
        Some(outcome) => {
            let words = match outcome.cause() {
                Some(cause) => format!("the NAS refused to end it: {cause}"),
                None => "the NAS refused to end it, and gives no cause".to_owned(),
            };
            Err(left(words, true))
        }
    }
}

/// A way to the port of a NAS for CoA.
async fn toward(
    session: &Session,
    nas: &Nas,
    secret: &SharedSecret,
    port: u16,
) -> Result<Client, String> {
    let address = address(session.nas_address, nas).ok_or_else(|| {
        format!(
            "{} has many addresses ({}), and the session's reports name none of them",
            nas.name, nas.prefix
        )
    })?;
    Client::udp(SocketAddr::new(address, port), secret.expose())
        .retry(PATIENCE)
        .await
        .map_err(|error| error.to_string())
}

/// Where the NAS of a session takes requests: its one address, or the one of its network that it
/// says it has.
fn address(said: Option<IpAddr>, nas: &Nas) -> Option<IpAddr> {
    if nas.prefix.prefix_len() == nas.prefix.max_prefix_len() {
        return Some(nas.prefix.addr());
    }
    said.filter(|said| nas.prefix.contains(said))
}

/// The open sessions that began by one of the certificates.
fn doomed(data: &DataDir, marks: &[(CertificateMark, String)]) -> Result<Vec<Doomed>, Failure> {
    let mut store = data.open()?;
    let filter = SessionFilter {
        open_only: true,
        limit: usize::MAX,
        ..SessionFilter::default()
    };
    let by = |session: &Session| {
        let class = ClassId::parse(session.class.as_deref()?)?;
        let found = marks.iter().find(|(mark, _)| class.is_by(mark));
        found.map(|(_, serial)| serial.clone())
    };
    let sessions: Vec<_> = store
        .sessions(&filter)?
        .into_iter()
        .filter_map(|session| Some((by(&session)?, session)))
        .collect();
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let nases = store.definitions()?.nases;
    let nas_of = |name: &str| nases.iter().find(|nas| nas.name == name).cloned();
    Ok(sessions
        .into_iter()
        .filter_map(|(serial, session)| {
            let nas = nas_of(&session.nas)?;
            Some(Doomed {
                session,
                nas,
                serial,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nas_is_asked_where_it_is_known_to_be() {
        let secret = || portreeve_aaa::definition::SharedSecret::new("0123456789abcdef").unwrap();
        let nas = |prefix: &str| Nas::new("ap", prefix.parse().unwrap(), secret());
        let within = "192.0.2.7".parse().ok();
        let elsewhere = "198.51.100.1".parse().ok();
        let one = "192.0.2.1".parse().ok();
        for (said, prefix, address_of) in [
            (None, "192.0.2.1/32", one),
            (within, "192.0.2.1/32", one),
            (None, "192.0.2.0/24", None),
            (within, "192.0.2.0/24", within),
            (elsewhere, "192.0.2.0/24", None),
        ] {
            assert_eq!(
                address(said, &nas(prefix)),
                address_of,
                "{said:?} in {prefix}"
            );
        }
    }
}
