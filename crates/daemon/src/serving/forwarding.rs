//! Proxying in a running server: begun with it, and kept up to date with our certificates.

use std::{sync::Arc, time::Duration};

use portreeve::tls::LoopGuard;
use portreeve_proto::Dictionary;
use tokio::task::JoinHandle;

use super::certificates::Shared;
use crate::{
    authority::Authority,
    config::Config,
    data::DataDir,
    forwarding::{Forwarding, ForwardingError, Means},
};

/// How often is looked whether there are other certificates.
const TICK: Duration = Duration::from_millis(500);

/// Proxying, and the task that keeps it up to date.
pub(super) struct AtWork {
    pub(super) forwarding: Option<Arc<Forwarding>>,
    renewing: Option<JoinHandle<()>>,
}

impl AtWork {
    /// Begins to forward, if there is anything to. Must be called inside a Tokio runtime.
    pub(super) fn start(
        config: &Config,
        data: &DataDir,
        dictionary: Arc<Dictionary>,
        authority: &Shared,
        guard: &LoopGuard,
    ) -> Result<Self, ForwardingError> {
        let now = authority.load_full();
        let means = means(now.as_deref(), guard);
        let forwarding = Forwarding::open(&config.proxy, data.path(), &means, dictionary)?;
        let forwarding = forwarding.map(Arc::new);
        let renewing = forwarding.as_ref().map(|forwarding| {
            tokio::spawn(renew(
                Arc::clone(forwarding),
                config.proxy.clone(),
                Arc::clone(authority),
                guard.clone(),
            ))
        });
        Ok(Self {
            forwarding,
            renewing,
        })
    }

    pub(super) async fn stop(&self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        if let Some(forwarding) = &self.forwarding {
            forwarding.close().await;
        }
    }
}

fn means<'a>(authority: Option<&'a Authority>, guard: &LoopGuard) -> Means<'a> {
    let identity = authority.and_then(Authority::client_identity);
    Means {
        identity: identity.map(|it| (it.chain_pem.as_str(), it.key_pem.as_str())),
        ca: authority.map(Authority::ca_pem),
        crl: authority.and_then(Authority::crl_pem),
        guard: guard.clone(),
    }
}

/// Takes other certificates into use as they come.
async fn renew(
    forwarding: Arc<Forwarding>,
    config: crate::config::Proxy,
    authority: Shared,
    guard: LoopGuard,
) {
    let generation = || authority.load().as_ref().map(|now| now.generation());
    let mut known = generation();
    loop {
        tokio::time::sleep(TICK).await;
        if generation() == known {
            continue;
        }
        known = generation();
        let now = authority.load_full();
        let (config, guard) = (config.clone(), guard.clone());
        let forwarding = Arc::clone(&forwarding);
        // Names are looked up, which may take its time.
        let renewed = tokio::task::spawn_blocking(move || {
            forwarding.renew(&config, &means(now.as_deref(), &guard))
        });
        match renewed.await {
            Ok(Ok(())) => tracing::info!("home servers are shown the new certificate"),
            Ok(Err(error)) => {
                tracing::error!(%error, "home servers are still shown the old certificate");
            }
            Err(_) => return,
        }
    }
}
