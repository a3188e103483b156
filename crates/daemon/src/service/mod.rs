//! The only bridge between the library, which knows packets, and the domain, which knows
//! subscribers.

mod eap;
mod hangups;
mod hashing;
mod inspector;
mod mac;
mod random;
mod records;
mod sightings;
mod strangers;

use std::sync::Arc;

use arc_swap::ArcSwap;
use portreeve::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, Code, Handler, Request,
};
use portreeve_aaa::{
    accounting::Record,
    decision::CheckOutcome,
    device,
    grant::{ClassId, Grant},
    policy::{self, Admission},
    refusal::Refusal,
    snapshot::Snapshot,
    subscriber::Subscriber,
};
use portreeve_auth::{Method, Proof};
use portreeve_store::journal::Journal;

pub(crate) use self::{
    eap::{Eap, Offers},
    hashing::{Hashing, Popularity},
    inspector::{Inspector, Revocations, mark_of},
    random::some_octets as random_octets,
    records::{Records, Sink, Watcher, now_ms},
    sightings::{Seen, Sightings},
};
use self::{hashing::Outcome as Checked, records::Entry};
use crate::forwarding::{Forwarding, Outcome};

/// Answers requests by what the administrator has defined.
pub(crate) struct Service {
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) hashing: Arc<Hashing>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) records: Records,
    /// What speaks EAP, unless it is switched off.
    pub(crate) eap: Option<Arc<Eap>>,
    /// Where requests go that are for somebody else's server.
    pub(crate) forwarding: Option<Arc<Forwarding>>,
    /// Who is let in by their MAC address.
    pub(crate) mac: device::Rules,
    /// How often a NAS shall report, in seconds; `None` where it is left to the NAS.
    pub(crate) interim_interval_s: Option<u32>,
}

impl Handler for Service {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        let snapshot = self.snapshot.load_full();
        if let Some(forwarding) = &self.forwarding
            && let Some(outcome) = forwarding.access(request).await
        {
            let entry = self.records.access(request);
            return self.forwarded(&snapshot, request, entry, outcome);
        }
        if let Some(eap) = &self.eap
            && portreeve::eap::is_spoken(request)
        {
            return self.converse(eap, request).await;
        }
        let mut entry = self.records.access(request);
        match self.decide(&snapshot, request, &mut entry).await {
            Ok(grant) => {
                let reply = snapshot.dialect(request.peer().name()).speak(&grant);
                self.records.accepted(entry, request, &snapshot, &reply);
                AccessReply::accept().with_all(&reply)
            }
            // Silence: the NAS turns to another server, and nobody is told that their password is
            // wrong.
            Err(Refusal::Busy) => {
                self.records.silent(entry, request, &snapshot);
                AccessReply::silent()
            }
            Err(refusal) => {
                self.records.rejected(entry, request, &refusal);
                AccessReply::reject()
            }
        }
    }

    async fn accounting(&self, request: &AccountingRequest) -> AccountingReply {
        if let Some(forwarding) = &self.forwarding
            && let Some(is_durable) = forwarding.accounting(request).await
        {
            return if is_durable {
                self.records.spooled(request);
                AccountingReply::recorded()
            } else {
                AccountingReply::silent()
            };
        }
        let record = Record {
            received_ms: now_ms(),
            nas: request.peer().name().to_string(),
            from: request.from(),
            packet: request.packet().octets().to_vec(),
        };
        let mut payload = Vec::with_capacity(record.packet.len() + 64);
        record.encode(&mut payload);
        match self.journal.append(payload).await {
            Ok(_) => {
                self.records.recorded(request, &record);
                AccountingReply::recorded()
            }
            Err(error) => {
                tracing::debug!(%error, "accounting not recorded");
                AccountingReply::silent()
            }
        }
    }
}

impl Service {
    /// Answers what another server has decided, and records it.
    fn forwarded(
        &self,
        snapshot: &Snapshot,
        request: &AccessRequest,
        mut entry: Entry,
        outcome: Outcome,
    ) -> AccessReply {
        let refusal = outcome.refusal();
        match outcome {
            Outcome::Answered(answered) => {
                let server = answered.server.to_string();
                entry.check("home server", CheckOutcome::Passed, &server);
                match refusal {
                    Some(refusal) => self.records.rejected(entry, request, &refusal),
                    None if answered.code == Code::ACCESS_ACCEPT => {
                        let reply = &answered.attributes;
                        self.records.accepted(entry, request, snapshot, reply);
                    }
                    None => self.records.challenged(entry, request),
                }
                answered.reply
            }
            Outcome::Stopped { obstacle, reply } => {
                entry.check("realm", CheckOutcome::Failed, &obstacle.to_string());
                self.records.rejected(entry, request, &obstacle.into());
                reply
            }
        }
    }

    /// Find the subscriber, ask the policy, have them prove who they are, and grant.
    async fn decide(
        &self,
        snapshot: &Snapshot,
        request: &AccessRequest,
        entry: &mut Entry,
    ) -> Result<Grant, Refusal> {
        if let Some(outcome) = self.by_mac(snapshot, request, entry) {
            return outcome;
        }
        let method = Method::of(request)?;
        entry.method(method);
        let Some(subscriber) = find(snapshot, request) else {
            entry.check("user", CheckOutcome::Failed, "no such user");
            self.hashing.pretend(request, method, None).await?;
            return Err(Refusal::UnknownUser);
        };
        entry.check("user", CheckOutcome::Passed, subscriber.name());
        let terms = match policy::admit(snapshot, &subscriber, method, &request.packet()) {
            Admission::Admit(terms) => terms,
            Admission::Refuse(refusal) => {
                entry.check("policy", CheckOutcome::Failed, &refusal.to_string());
                self.hashing
                    .pretend(request, method, Some(&subscriber))
                    .await?;
                return Err(refusal);
            }
        };
        entry.check("policy", CheckOutcome::Passed, "the user may come in");
        match self.hashing.prove(request, method, terms.credential).await {
            Checked::Busy => Err(Refusal::Busy),
            Checked::Checked(Proof::Proven(keys)) => {
                entry.check("password", CheckOutcome::Passed, "it matches");
                request.on_accept(keys.into_attributes());
                Ok(self.granted(terms.grant))
            }
            Checked::Checked(Proof::Refuted { why, attributes }) => {
                entry.check("password", CheckOutcome::Failed, &why.to_string());
                request.on_reject(attributes);
                Err(why.into())
            }
            Checked::Checked(Proof::Asks(challenge)) => match challenge {},
        }
    }

    /// The grant with what is ours: what the session is to be known by, and how often to report on
    /// it.
    fn granted(&self, grant: Grant) -> Grant {
        let class = random::octets();
        // Up to a tenth more or less, so that a thousand sessions of one moment do not report in
        // one.
        let spread = u32::from(class.unwrap_or_default()[0]);
        let interval = |s: u32| s - s / 10 + s / 5 * spread / 255;
        Grant {
            class: class.map(ClassId::new),
            interim_interval_s: self.interim_interval_s.map(interval),
            ..grant
        }
    }
}

fn find(snapshot: &Snapshot, request: &Request) -> Option<Arc<Subscriber>> {
    snapshot.subscriber(request.user_name()?).cloned()
}
