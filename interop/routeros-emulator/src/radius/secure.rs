//! `RadSec`: certificates of the router, and connections that stay open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portreeve::{
    AttributeList, Client, Error,
    client::{Response, Retry, Upstream, Watchdog},
    tls::{ClientConfig, Identity, Trust},
};
use portreeve_proto::Ask;

use super::{
    debug,
    entry::{About, Entry},
};
use crate::Machine;

/// A router sends no Status-Server of its own.
const UNWATCHED: Watchdog = Watchdog {
    lost: u32::MAX,
    interval: Duration::from_hours(24),
    answers: 1,
    pardon: Duration::ZERO,
};

/// What came of a request over TLS.
pub(super) enum Secured {
    /// An answer.
    Answer(Box<Response>),
    /// None.
    Nothing,
}

/// Connections by entry.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<String, Line>>);

struct Line {
    client: Option<Client>,
    /// What it was made of: another certificate or address makes another line.
    made_of: String,
    status: String,
}

impl Lines {
    /// Closes all.
    pub(super) fn close(&self) {
        self.lines().clear();
    }

    /// How the connection of an entry stands.
    pub(super) fn status(&self, id: &str) -> Option<String> {
        Some(self.lines().get(id)?.status.clone())
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn exchange(
        &self,
        machine: &Arc<Machine>,
        entry: &Entry,
        (ask, list): (Ask, AttributeList),
    ) -> Secured {
        let client = match self.client(machine, entry) {
            Ok(client) => client,
            Err(why) => {
                self.note(machine, entry, &why);
                return Secured::Nothing;
            }
        };
        debug::sending_list(machine, ask, &list, entry.server(About::Access));
        match client.ask(ask, list).await {
            Ok(response) => {
                self.note(machine, entry, "TLS connected");
                Secured::Answer(Box::new(response))
            }
            Err(error) => {
                self.note(machine, entry, &why(&error));
                Secured::Nothing
            }
        }
    }

    fn client(&self, machine: &Machine, entry: &Entry) -> Result<Client, String> {
        let (identity, trust) = (own_certificate(machine, entry)?, authorities(machine));
        let address = entry.server(About::Access);
        let made_of = format!("{address} {:?} {identity:?} {trust}", entry.source);
        let mut lines = self.lines();
        if let Some(Line {
            client: Some(client),
            made_of: known,
            ..
        }) = lines.get(&entry.id)
            && *known == made_of
        {
            return Ok(client.clone());
        }
        let (chain, key) = identity;
        let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes())
            .map_err(|error| format!("certificate: {error}"))?;
        let trust = Trust::from_pem(trust.as_bytes())
            .map_err(|_| "no trusted certificate authority".to_owned())?;
        let config = ClientConfig::new(identity, trust, &entry.address.to_string())
            .map_err(|error| error.to_string())?;
        let upstream = Upstream::radsec(address, config).map_err(|error| error.to_string())?;
        let mut builder = Client::builder()
            .server_with(upstream.require_message_authenticator(entry.signs))
            .nas_identifier("")
            .sockets(1)
            .watchdog(UNWATCHED)
            .retry(Retry::once(entry.timeout));
        if let Some(source) = entry.source {
            builder = builder.source(source);
        }
        let client = builder.build().map_err(|error| error.to_string())?;
        let line = Line {
            client: Some(client.clone()),
            made_of,
            status: "connecting".to_owned(),
        };
        lines.insert(entry.id.clone(), line);
        Ok(client)
    }

    /// Remembers how it stands, and logs a change.
    fn note(&self, machine: &Machine, entry: &Entry, status: &str) {
        let is_news = {
            let mut lines = self.lines();
            let line = lines.entry(entry.id.clone()).or_insert_with(|| Line {
                client: None,
                made_of: String::new(),
                status: String::new(),
            });
            let is_news = line.status != status;
            status.clone_into(&mut line.status);
            is_news
        };
        if is_news {
            let server = entry.server(About::Access);
            machine.log("radius,debug", format!("radsec {server}: {status}"));
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chain and the key of the certificate that the entry names.
fn own_certificate(machine: &Machine, entry: &Entry) -> Result<(String, String), String> {
    let name = entry
        .certificate
        .as_deref()
        .ok_or("no certificate is set")?;
    let row = machine
        .find("/certificate", "name", name)
        .ok_or_else(|| format!("there is no certificate {name}"))?;
    match (row.get(".chain"), row.get(".key")) {
        (Some(chain), Some(key)) if !key.is_empty() => Ok((chain.to_owned(), key.to_owned())),
        _ => Err(format!("certificate {name} has no private key")),
    }
}

/// Every certificate that is trusted, one after the other.
fn authorities(machine: &Machine) -> String {
    let rows = machine.read("/certificate");
    let trusted = rows.iter().filter(|row| row.is("trusted"));
    let chains = trusted.filter_map(|row| row.get(".chain"));
    chains.collect::<Vec<_>>().join("\n")
}

fn why(error: &Error) -> String {
    match error {
        Error::Connection { refused, .. } => format!("TLS failed: {refused}"),
        error => error.to_string(),
    }
}
