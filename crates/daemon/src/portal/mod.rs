//! What is served over HTTP to anybody who asks.
//!
//! Without TLS: the certificate of the CA, its revocation list, and OCSP, which are signed anyway
//! and must not need a certificate to be checked first (RFC 5280, 8). With TLS: what is for one
//! person, such as the documents that set up a phone.
//!
//! Strangers are on the other side. So everything is bounded: connections, in all and of each
//! address, how long each lasts and how much it may send, how often each address may ask, and how
//! long a request is. Nothing but the paths that were put in is ever served.

mod door;
mod guard;
mod signed;
mod tls;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, connect_info::Connected},
    middleware,
    serve::IncomingStream,
};
use tokio::{net::TcpListener, task::JoinHandle};

use self::{
    door::{Door, Limits},
    guard::Guard,
    signed::Signed,
    tls::Shown,
};
use crate::{authority::Authority, config};

pub(crate) use self::tls::{ShownError, problem};

/// The most octets of the body of a request.
const BODY_MAX: usize = 16 << 10;

/// The authority as it is now; `None` where there is none that can be used.
pub(crate) type Shared = Arc<arc_swap::ArcSwapOption<Authority>>;

/// What is to be served, put together before it begins.
pub(crate) struct Portal {
    public: Router,
    private: Router,
    authority: Shared,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortalError {
    #[error(
        "cannot listen on {address}: another program has the port, or it needs more rights; \
         `portal.{key}` in portreeve.toml takes another address, and `{key} = []` switches it off"
    )]
    Listen {
        key: &'static str,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Shown(#[from] ShownError),
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A portal at work.
pub(crate) struct Open {
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) https: Vec<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Portal {
    /// Serves what our own CA signs: `/ca.crt`, `/ca.crl` and `/ocsp`.
    pub(crate) fn new(authority: Shared) -> Self {
        Self {
            public: signed::routes(Arc::new(Signed::new(Arc::clone(&authority)))),
            private: Router::new(),
            authority,
        }
    }

    /// Adds what may be served without TLS; it is served with TLS too. No two may have a path in
    /// common.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for what devices are set up by")
    )]
    pub(crate) fn public(mut self, routes: Router) -> Self {
        self.public = self.public.merge(routes);
        self
    }

    /// Adds what is served with TLS only.
    pub(crate) fn private(mut self, routes: Router) -> Self {
        self.private = self.private.merge(routes);
        self
    }

    /// Begins to listen where the configuration says.
    pub(crate) async fn open(self, config: &config::Portal) -> Result<Open, PortalError> {
        self.open_within(config, Limits::new(config.connections))
            .await
    }

    async fn open_within(
        self,
        config: &config::Portal,
        limits: Limits,
    ) -> Result<Open, PortalError> {
        let guard = Arc::new(Guard::default());
        let mut open = Open {
            http: Vec::new(),
            https: Vec::new(),
            tasks: Vec::new(),
        };
        for address in &config.http {
            let listener = listen("http", *address).await?;
            let door = Door::plain(listener, limits.clone());
            open.http.push(door.address());
            open.serve(door, guarded(self.public.clone(), &guard));
        }
        if config.https.is_empty() {
            return Ok(open);
        }
        let shown = match Shown::new(config, Arc::clone(&self.authority)) {
            Ok(shown) => Arc::new(shown),
            // Our own CA is in trouble: the NASes can be served all the same.
            Err(error @ ShownError::Nothing) => {
                tracing::error!("nothing is served over HTTPS until a restart: {error}");
                return Ok(open);
            }
            Err(error) => return Err(error.into()),
        };
        let routes = self.public.merge(self.private);
        for address in &config.https {
            let listener = listen("https", *address).await?;
            let door = Door::secured(listener, limits.clone(), Arc::clone(&shown));
            open.https.push(door.address());
            open.serve(door, guarded(routes.clone(), &guard));
        }
        Ok(open)
    }
}

impl Open {
    fn serve(&mut self, door: Door, routes: Router) {
        let service = routes.into_make_service_with_connect_info::<Caller>();
        self.tasks.push(tokio::spawn(async move {
            // It ends with its task only.
            axum::serve(door, service).await.ok();
        }));
    }

    /// Listens no longer. Requests at work are given up: whoever asked asks again.
    pub(crate) fn close(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, PortalError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| PortalError::Listen {
        key,
        address,
        source,
    })
}

/// Puts everything between strangers and the routes that has to be there.
fn guarded(routes: Router, guard: &Arc<Guard>) -> Router {
    routes
        .fallback(guard::nothing_here)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(guard),
            guard::watch,
        ))
}

#[cfg(test)]
mod tests;
