//! Requests that come down a connection that we opened (reverse CoA).

use std::{pin::Pin, sync::Arc, time::Duration};

use portreeve_proto::{Endpoint, Peer, Role};
use tokio::{runtime::Handle, sync::mpsc};

use super::dial::Host;
use crate::{
    Handler,
    connection::{Connection, Nobody, Serves, Tray, Whom},
    random::OsRandom,
    server::{
        counters::Cells,
        desk::{Desk, Means, Tuning},
        observer::Blind,
    },
    tls::{Hangup, Refused},
};

/// Shorter than for other connections, so that no firewall on the way forgets this one
/// (draft-ietf-radext-reverse-coa, "Connection Management").
const IDLE_WATCH: Duration = Duration::from_secs(15);

/// Has CoA-Request and Disconnect-Request answered by a handler.
pub(super) struct Reverse<H> {
    handler: Arc<H>,
}

impl<H: Handler> Reverse<H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler: Arc::new(handler),
        }
    }

    fn serves(&self, connection: &Connection<Nobody>) -> Option<Serves<H>> {
        let tuning = Tuning::default();
        let means = Means {
            handler: Arc::clone(&self.handler),
            observer: Arc::new(Blind),
            runtime: Handle::try_current().ok()?,
            trace: connection.asks.ledger.trace().clone(),
            tuning,
            faults: Arc::default(),
        };
        let upstream = &connection.asks.upstream;
        let name = upstream.address().to_string();
        let peer = Peer::new(name, upstream.secret().clone()).transport(connection.transport);
        let version = connection.asks.ledger.version();
        let endpoint = Endpoint::connection(connection.transport, version, &tuning.duplicates);
        let (tray, done) = mpsc::unbounded_channel();
        let tray = Arc::new(Tray(tray));
        let random = OsRandom::new().ok()?;
        Some(Serves {
            desk: Desk::new(means, Arc::<Cells>::default(), endpoint, tray, random),
            role: Role::Dynamic,
            from_whom: Whom::Peer(Arc::new(peer)),
            done,
        })
    }
}

impl<H: Handler> Host for Reverse<H> {
    fn host(
        &self,
        connection: Connection<Nobody>,
    ) -> Pin<Box<dyn Future<Output = Refused> + Send>> {
        let Some(serves) = self.serves(&connection) else {
            return Box::pin(std::future::ready(Hangup::Stopping.into()));
        };
        let connection = Connection {
            serves: Some(serves),
            stream: connection.stream,
            transport: connection.transport,
            from: connection.from,
            to: connection.to,
            asks: connection.asks,
            patience: connection.patience,
            judged: connection.judged,
            state: connection.state,
        };
        Box::pin(connection.run())
    }

    fn idle_watch(&self) -> Duration {
        IDLE_WATCH
    }
}
