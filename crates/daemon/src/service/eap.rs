//! EAP: what conversations ask, answered from what the administrator has defined.

use std::{borrow::Cow, sync::Arc};

use portreeve::{
    AccessReply, AccessRequest, AttributeList, Credential, Packet, attr,
    eap::{
        Answer, Conversations, Directory, Ending, Failed, Failure, Limits, Means, Offer, Proven,
        Question, Turn, Unanswered,
    },
};
use portreeve_aaa::{
    Shown,
    decision::CheckOutcome,
    grant::{CertificateMark, Grant},
    identity::Identity,
    policy::{self, Admission},
    refusal::{CertificateProblem, Refusal},
    snapshot::Snapshot,
    subscriber::Subscriber,
};
use portreeve_auth::{Method, Refutation};
use sha2::{Digest as _, Sha256};

use super::{
    Service,
    hashing::Verdict,
    inspector::{Inspector, Owner},
    records::{Entry, Records},
};

/// NAS-Port-Type of a wireless LAN (RFC 2865 section 5.41).
const WIRELESS: u32 = 19;

/// What is offered, by how the device comes.
#[derive(Debug)]
pub(crate) struct Offers {
    /// On cables, and through tunnels such as `IKEv2`.
    pub(crate) wired: Arc<Offer>,
    /// On the air, where everybody can listen: nothing that shows a password or what it can be
    /// guessed from.
    pub(crate) wireless: Arc<Offer>,
}

/// EAP as it is configured.
pub(crate) struct Eap {
    conversations: Conversations<Notes>,
    offers: Arc<arc_swap::ArcSwap<Offers>>,
    inspector: Inspector,
    /// Whether who somebody is inside the tunnel stays out of records and replies.
    hides_inner: bool,
    /// Whether computers may come in as such.
    takes_machines: bool,
}

/// What is noted down of a conversation.
#[derive(Default)]
pub(crate) struct Notes {
    entry: Option<Entry>,
    refusal: Option<Refusal>,
    means: Option<Means>,
    /// The certificate they came with.
    certificate: Option<CertificateMark>,
}

impl Eap {
    pub(crate) fn new(
        limits: Limits,
        offers: Arc<arc_swap::ArcSwap<Offers>>,
        inspector: Inspector,
        hides_inner: bool,
        takes_machines: bool,
    ) -> Self {
        Self {
            conversations: Conversations::new(limits),
            offers,
            inspector,
            hides_inner,
            takes_machines,
        }
    }

    /// Drops conversations that nobody continued, and records them.
    pub(crate) fn expire(&self, records: &Records) {
        for abandoned in self.conversations.expire() {
            let failure = Failure::Abandoned {
                method: abandoned.method,
                rounds: abandoned.rounds,
            };
            if let Some(entry) = abandoned.notes.entry {
                records.abandoned(entry, &failure.into());
            }
        }
    }
}

impl Notes {
    fn check(&mut self, what: &str, outcome: CheckOutcome, detail: &str) {
        if let Some(entry) = &mut self.entry {
            entry.check(what, outcome, detail);
        }
    }

    fn passed(&mut self, what: &str, detail: &str) {
        self.check(what, CheckOutcome::Passed, detail);
    }

    /// Remembers the first reason: what follows is for show.
    fn refuse(&mut self, what: &str, refusal: Refusal) -> Answer {
        self.check(what, CheckOutcome::Failed, &refusal.to_string());
        self.refusal.get_or_insert(refusal);
        Answer::Refused
    }

    fn means(&mut self, means: Means) {
        if self.means != Some(means) {
            self.means = Some(means);
            if let Some(entry) = &mut self.entry {
                entry.by(&means.to_string());
            }
        }
    }
}

impl Service {
    /// Continues or begins a conversation.
    pub(super) async fn converse(&self, eap: &Eap, request: &AccessRequest) -> AccessReply {
        let asking = Asking {
            service: self,
            eap,
            snapshot: self.snapshot.load_full(),
        };
        match eap.conversations.turn(request, &asking).await {
            Turn::Challenge(reply) => reply,
            Turn::Proven(proven) => self.proven(&asking, request, *proven),
            Turn::Failed(failed) => self.failed(request, *failed),
            Turn::Unanswered(why) => {
                if !matches!(why, Unanswered::Busy) {
                    let entry = self.records.access(request);
                    let snapshot = &asking.snapshot;
                    self.records.silent(entry, request, snapshot);
                }
                AccessReply::silent()
            }
        }
    }

    fn proven(
        &self,
        asking: &Asking<'_>,
        request: &AccessRequest,
        mut proven: Proven<Notes>,
    ) -> AccessReply {
        let means = proven.success.means();
        proven.notes.means(means);
        let name = text(proven.success.identity()).into_owned();
        let snapshot = &asking.snapshot;
        let found = find(snapshot, &name).ok_or(Refusal::UnknownUser);
        // Once more: what has been proven may have taken a while, or been proven long ago.
        let granted = found.and_then(|subscriber| {
            let grant = admit(snapshot, &subscriber, means, &request.packet())?;
            Ok((subscriber, grant))
        });
        let (subscriber, grant) = match granted {
            Ok(granted) => granted,
            Err(refusal) => {
                proven.notes.refuse("policy", refusal);
                return self.failed(request, proven.refused());
            }
        };
        proven.notes.passed("proof", &format!("by {means}"));
        if proven.success.is_resumed() {
            let detail = "proven in an earlier session that this one resumes";
            proven.notes.passed("session", detail);
        }
        for other in proven.success.others() {
            let detail = format!("{} by {}", text(other.identity()), other.means());
            proven.notes.passed("also proven", &detail);
        }
        proven.success.keep(&note(&subscriber));
        let mut grant = self.granted(grant);
        if let Some(mark) = proven.notes.certificate {
            grant.class = grant.class.map(|class| class.certified(mark));
        }
        let dialect = snapshot.dialect(request.peer().name());
        let mut reply = without_message(&dialect.speak(&grant));
        if !reply.contains(&attr::USER_NAME.spec().oid) {
            let shown = if asking.eap.hides_inner {
                &proven.outer_identity[..]
            } else {
                name.as_bytes()
            };
            // RFC 2865 section 5.1: the NAS calls them so from now on, in accounting too.
            let mut list = AttributeList::new();
            list.push(attr::USER_NAME.spec(), 0, shown);
            reply.extend(&list);
        }
        if let Some(entry) = proven.notes.entry.take() {
            self.records.accepted(entry, request, snapshot, &reply);
        }
        AccessReply::accept()
            .with_all(&reply)
            .with_all(&proven.attributes(request))
    }

    fn failed(&self, request: &AccessRequest, mut failed: Failed<Notes>) -> AccessReply {
        let reply = AccessReply::reject().with_all(&failed.attributes());
        let refusal = match (failed.notes.refusal.take(), failed.why) {
            (Some(refusal), _) => refusal,
            (None, Ending::Failed(why)) => Refusal::Eap(why),
            (None, Ending::Unknown) => Refusal::Eap(Failure::Expired),
        };
        let entry = failed.notes.entry.take();
        let entry = entry.unwrap_or_else(|| self.records.access(request));
        self.records.rejected(entry, request, &refusal);
        reply
    }
}

/// Answers the questions of conversations over one request.
struct Asking<'a> {
    service: &'a Service,
    eap: &'a Eap,
    snapshot: Arc<Snapshot>,
}

impl Directory<Notes> for Asking<'_> {
    async fn answer(
        &self,
        question: Question,
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Answer {
        match question {
            Question::Begin { identity } => self.begin(&identity, request, notes),
            Question::Credential { identity, means } => {
                self.credential(&identity, means, request, notes)
            }
            Question::Password {
                identity,
                password,
                means,
            } => {
                let answer = self.credential(&identity, means, request, notes);
                self.password(answer, &identity, password.reveal(), notes)
                    .await
            }
            Question::Certificate {
                identity,
                chain,
                means,
            } => {
                self.certificate(&identity, &chain, means, request, notes)
                    .await
            }
            Question::Resumed {
                identity,
                chain,
                means,
                note: before,
            } => {
                self.resumed(&identity, &chain, means, &before, request, notes)
                    .await
            }
        }
    }
}

impl Asking<'_> {
    fn begin(&self, identity: &[u8], request: &AccessRequest, notes: &mut Notes) -> Answer {
        let mut entry = self.service.records.access(request);
        entry.check(
            "outer identity",
            CheckOutcome::Passed,
            Shown::new(identity).as_str(),
        );
        notes.entry = Some(entry);
        let offers = self.eap.offers.load();
        let is_wireless = request.get(attr::NAS_PORT_TYPE) == Some(WIRELESS);
        Answer::Offer(Arc::clone(if is_wireless {
            &offers.wireless
        } else {
            &offers.wired
        }))
    }

    /// The subscriber, once their name is known.
    fn find(&self, identity: &[u8], notes: &mut Notes) -> Result<Arc<Subscriber>, Refusal> {
        let name = text(identity);
        let hides = self.eap.hides_inner;
        if !self.eap.takes_machines && Identity::of(&name).is_machine() {
            return Err(Refusal::Machine);
        }
        let shown = |name: &str| {
            if hides {
                "(hidden)".to_owned()
            } else {
                name.to_owned()
            }
        };
        let Some(subscriber) = find(&self.snapshot, &name) else {
            let detail = format!("no such user: {}", shown(&name));
            notes.check("user", CheckOutcome::Failed, &detail);
            return Err(Refusal::UnknownUser);
        };
        if let Some(entry) = &mut notes.entry
            && !hides
        {
            entry.user(subscriber.name());
        }
        notes.passed("user", &shown(subscriber.name()));
        Ok(subscriber)
    }

    fn credential(
        &self,
        identity: &[u8],
        means: Means,
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Answer {
        notes.means(means);
        match self.stored(identity, means, request, notes) {
            Ok(credential) => {
                notes.passed("policy", "the user may come in");
                Answer::Credential(credential)
            }
            Err(refusal) => notes.refuse("policy", refusal),
        }
    }

    fn stored(
        &self,
        identity: &[u8],
        means: Means,
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Result<Credential, Refusal> {
        let subscriber = self.find(identity, notes)?;
        admit(&self.snapshot, &subscriber, means, &request.packet())?;
        match subscriber.credential() {
            Some(Ok(credential)) => Ok(credential.clone()),
            Some(Err(why)) => Err(Refusal::BadCredential(*why)),
            None => Err(Refusal::NoCredential),
        }
    }

    /// Whether a password is what is stored. A stranger's takes as long as anybody's.
    async fn password(
        &self,
        answer: Answer,
        identity: &[u8],
        password: &[u8],
        notes: &mut Notes,
    ) -> Answer {
        let credential = match &answer {
            Answer::Credential(credential) => Some(credential),
            _ => None,
        };
        match self.service.hashing.verify(password, credential).await {
            Verdict::Busy => notes.refuse("password", Refusal::Busy),
            Verdict::Right => match credential {
                Some(_) => {
                    notes.passed("password", "it matches");
                    Answer::Right(identity.to_vec())
                }
                None => Answer::Refused,
            },
            Verdict::Wrong => {
                if credential.is_some() {
                    let why = Refutation::WrongPassword {
                        method: Method::Pap,
                        secret_is_fine: true,
                    };
                    notes.refuse("password", why.into());
                }
                Answer::Wrong
            }
        }
    }

    async fn certificate(
        &self,
        identity: &[u8],
        chain: &[Vec<u8>],
        means: Means,
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Answer {
        notes.means(means);
        match self.certified(identity, chain, means, request, notes).await {
            Ok(subscriber) => Answer::Right(subscriber.name().as_bytes().to_vec()),
            Err(refusal) => notes.refuse("certificate", refusal),
        }
    }

    async fn certified(
        &self,
        identity: &[u8],
        chain: &[Vec<u8>],
        means: Means,
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Result<Arc<Subscriber>, Refusal> {
        let owner = self.eap.inspector.inspect(chain).await?;
        notes.passed("certificate", &owner.described);
        notes.certificate = Some(owner.mark);
        let subscriber = self.owner(&owner, identity, notes)?;
        admit(&self.snapshot, &subscriber, means, &request.packet())?;
        notes.passed("policy", "the user may come in");
        Ok(subscriber)
    }

    /// The user that a certificate names, in the first of its fields that names one.
    fn owner(
        &self,
        owner: &Owner,
        identity: &[u8],
        notes: &mut Notes,
    ) -> Result<Arc<Subscriber>, Refusal> {
        let known = owner
            .names
            .iter()
            .find(|name| find(&self.snapshot, name).is_some());
        let Some(name) = known.or(owner.names.first()) else {
            let detail = format!("the device says it is {}", Shown::new(identity).as_str());
            notes.check("user", CheckOutcome::Failed, &detail);
            return Err(CertificateProblem::Nameless.into());
        };
        self.find(name.as_bytes(), notes)
    }

    /// Whether somebody may come in on the strength of an earlier session: policy, password and
    /// certificate must be what they were.
    async fn resumed(
        &self,
        identity: &[u8],
        chain: &[Vec<u8>],
        means: Means,
        before: &[u8],
        request: &AccessRequest,
        notes: &mut Notes,
    ) -> Answer {
        notes.means(means);
        let found = if chain.is_empty() {
            self.find(identity, notes)
        } else {
            self.certified(identity, chain, means, request, notes).await
        };
        let admitted = found.and_then(|subscriber| {
            admit(&self.snapshot, &subscriber, means, &request.packet())?;
            Ok(subscriber)
        });
        match admitted {
            Ok(subscriber) if note(&subscriber) == before => {
                Answer::Right(subscriber.name().as_bytes().to_vec())
            }
            Ok(_) => {
                let detail = "not resumed: what is stored of the user has changed since";
                notes.check("session", CheckOutcome::Skipped, detail);
                Answer::Wrong
            }
            Err(refusal) => {
                // A tunnel goes on to ask for the password; what is wrong shows again there.
                let detail = format!("not resumed: {refusal}");
                notes.check("session", CheckOutcome::Skipped, &detail);
                if !chain.is_empty() {
                    notes.refusal.get_or_insert(refusal);
                }
                Answer::Wrong
            }
        }
    }
}

/// What a message for people would say must be said by EAP (RFC 3579 section 2.6.5).
fn without_message(reply: &AttributeList) -> AttributeList {
    let message = attr::REPLY_MESSAGE.spec().oid;
    let mut kept = AttributeList::new();
    for entry in reply.iter().filter(|entry| entry.spec.oid != message) {
        kept.push(&entry.spec, entry.tag, entry.value);
    }
    kept
}

/// What must not change for a session to be resumed.
fn note(subscriber: &Subscriber) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(subscriber.name());
    if let Some(Ok(credential)) = subscriber.credential() {
        hash.update(credential.to_stored().as_bytes());
    }
    hash.finalize().to_vec()
}

/// Whether somebody may come in by these means, and what they get.
fn admit(
    snapshot: &Snapshot,
    subscriber: &Subscriber,
    means: Means,
    request: &Packet<'_>,
) -> Result<Grant, Refusal> {
    let Some(method) = means.needs() else {
        return policy::admit_certified(snapshot, subscriber, request);
    };
    match policy::admit(snapshot, subscriber, method, request) {
        Admission::Admit(terms) => Ok(terms.grant),
        Admission::Refuse(Refusal::Unproven(Refutation::CannotServe { scheme, .. })) => {
            Err(Refusal::Unservable { scheme, means })
        }
        Admission::Refuse(refusal) => Err(refusal),
    }
}

/// A user by the name that a device gives: as it is, or without the domain that Windows puts before
/// it.
fn find(snapshot: &Snapshot, name: &str) -> Option<Arc<Subscriber>> {
    let bare = || name.split_once('\\').map(|(_, bare)| bare);
    let found = snapshot.subscriber(name);
    found.or_else(|| snapshot.subscriber(bare()?)).cloned()
}

/// A name that is not text is nobody's.
fn text(octets: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(octets)
}
