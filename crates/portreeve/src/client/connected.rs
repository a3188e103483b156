//! Requests over connections: sent once on each, and again only where one is lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    time::{timeout, timeout_at},
};

use super::{
    ask::Prepared,
    dial::Slot,
    ledger::{Suspicions, Waiting},
    response::Response,
    retry::Backoff,
    target::{Carrier, Plan, Silence, Target},
};
use crate::{
    Error,
    tls::{Hangup, Refused},
};

/// Longer than anybody waits, and short enough to reckon with.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

impl Target {
    /// Sends a request until it is answered or given up. A stream loses nothing while it is open,
    /// so there a request is never repeated (radiusdtls-bis section 5.2).
    pub(super) async fn exchange_connected(
        self: &Arc<Self>,
        prepared: &Prepared,
        plan: Plan,
    ) -> Result<Response, Silence> {
        let began = Instant::now();
        let deadline = began + how_long(&plan);
        let mut sent = 0;
        loop {
            let suspicions = Arc::<Suspicions>::default();
            let (tell, mut told) = mpsc::channel(1);
            let waiting = Waiting::new(tell, Arc::clone(&suspicions));
            let slot = match timeout_at(deadline.into(), self.connected_slot(waiting)).await {
                Ok(Ok(slot)) => slot,
                Ok(Err(refused)) => {
                    self.lost();
                    return Err(self.cut_off(sent, refused));
                }
                Err(_) => {
                    self.lost();
                    return Err(self.silence(sent, &suspicions));
                }
            };
            let mut octets = Vec::new();
            let identity = (slot.version(), slot.identifier());
            slot.expect(self.query(prepared, identity, plan.since, &mut octets)?);
            if sent > 0 {
                self.tally.retransmissions.add();
            }
            let answer = if slot.send(octets).await {
                sent += 1;
                timeout_at(deadline.into(), told.recv()).await
            } else {
                Ok(None)
            };
            match answer {
                Ok(Some(answer)) => {
                    self.health().answered(&self.watchdog);
                    self.tally.answered.add();
                    let expectation = prepared.expectation.clone();
                    let elapsed = began.elapsed();
                    let upstream = &self.upstream;
                    return Ok(Response::new(answer, upstream, expectation, sent, elapsed));
                }
                Ok(None) => {
                    // Another connection may carry it, if this one is not all there is.
                    let is_only = matches!(self.carrier, Carrier::Open(_));
                    let counted_out = plan.retry.count != 0 && sent >= plan.retry.count;
                    let refused = why_over(&slot).await;
                    if is_only || counted_out || is_verdict(refused.reason) {
                        self.lost();
                        return Err(self.cut_off(sent, refused));
                    }
                }
                Err(_) => {
                    self.tally.timeouts.add();
                    self.lost();
                    return Err(self.silence(sent, &suspicions));
                }
            }
        }
    }

    async fn connected_slot(&self, waiting: Waiting) -> Result<Slot, Refused> {
        match &self.carrier {
            Carrier::Dial(dial) => dial.slot(waiting).await,
            Carrier::Open(link) => {
                let all_in_use =
                    |_| Refused::because(Hangup::PeerVanished, "no identifier is free");
                link.slot(waiting).map_err(all_in_use)
            }
            Carrier::Sockets(_) => Err(Hangup::Unreachable.into()),
        }
    }

    fn cut_off(&self, sent: u32, refused: Refused) -> Silence {
        Silence {
            is_final: false,
            sent,
            error: Error::Connection {
                server: self.upstream.address(),
                refused,
            },
        }
    }
}

/// How long a request is worth waiting for: as long as it would be repeated over UDP.
fn how_long(plan: &Plan) -> Duration {
    let mut backoff = Backoff::new(plan.retry);
    let mut all = Duration::ZERO;
    loop {
        all = all
            .saturating_add(backoff.transmitted(all, 0.0))
            .min(ENDLESS);
        let out_of_patience = plan.patience.is_some_and(|most| backoff.sent() >= most);
        if out_of_patience || all >= ENDLESS || !backoff.goes_on(all) {
            return all;
        }
        if plan.retry.count == 0 && plan.retry.duration.is_zero() && plan.patience.is_none() {
            return ENDLESS;
        }
    }
}

/// Why a connection is over, which it says a moment after it is.
async fn why_over(slot: &Slot) -> Refused {
    let told = async {
        loop {
            if let Some(refused) = slot.link().ended() {
                return refused;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = timeout(Duration::from_secs(1), told).await;
    told.unwrap_or_else(|_| Hangup::PeerVanished.into())
}

/// Whether the server will come to the same verdict again.
fn is_verdict(reason: Hangup) -> bool {
    matches!(
        reason,
        Hangup::BadPacket
            | Hangup::CertificateExpired
            | Hangup::NoCertificate
            | Hangup::PeerRefusedUs
            | Hangup::SelfConnection
            | Hangup::VersionRefused
    )
}
