//! A new shared secret on both ends.
//!
//! A RADIUS request and its answer are bound to one secret, and RouterOS keeps one for each
//! entry of `/radius`. Changing it in place is never without a gap: what is under way at that
//! moment is signed with the old secret and checked with the new one. But RouterOS asks its
//! entries in order, and that closes the gap. How well depends on what the server can do:
//!
//! * **The server takes both secrets of this router for a while**
//!   ([`Overlap::Both`]). Server first; then a second entry with the new secret is put before the
//!   old one, and the server is told; what is under way ends by the old one; after a while the old
//!   entry goes; then the server forgets the old secret. At every moment each entry's secret is one
//!   that the server takes. Nothing is lost and nothing waits, but for a log-in without a
//!   Message-Authenticator and without a readable password (CHAP or MS-CHAP before RouterOS 7.15)
//!   in the moment before the server is told: it is answered by the wrong secret once, and the
//!   router asks again.
//! * **The server takes one at a time** ([`Overlap::One`]). The second entry with the new secret
//!   goes *behind* the old one first, where it is asked only when the old one does not answer.
//!   Then the server changes over. From here on the old entry's requests are not answered (their
//!   Message-Authenticator is wrong, or what is answered to them is), so after its timeouts
//!   RouterOS asks the new entry: log-ins wait for the old entry's timeouts but are not
//!   refused. At once the new entry is put first, which ends the waiting, and the old one goes.
//!   Two things are not covered. Accounting may go to the first entry of its service only, so
//!   a record sent between the two changes (two commands apart) relies on RouterOS sending it
//!   again. And a request without a Message-Authenticator (PAP, CHAP or MS-CHAP before RouterOS
//!   7.15) that is asked under the old secret is not seen to be foreign by the server: it
//!   may count as a failed log-in, or as one that was let in, before the new entry asks again.
//!
//! CoA is verified with the secret of an entry of the sender's address. While there are two, it
//! is the first that is found: the server should sign with the secret of the entry that is first,
//! and hold CoA back in between or try both.

use std::{future::Future, time::Duration};

use super::{
    Failed, Plan, Progress, Trouble, Undo,
    apply::apply_by,
    hands::{Hands, Session},
    steps::read,
    undo::take_back,
};
use crate::{Capabilities, Error, Id, Record, Router, Secret};

const MENU: &str = "/radius";

/// RouterOS sends a request a few times, each with the whole timeout.
const TRIES: u32 = 5;

/// What the server can do while a secret changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It takes the old and the new secret of this router at the same time.
    Both,
    /// It takes one secret only.
    One,
}

/// The server's end of a rotation.
pub trait ServerSide {
    /// Readies the server for the new secret: from here on it takes both, or still the old one
    /// only, and says which.
    ///
    /// # Errors
    ///
    /// Why it could not. Nothing has been changed at the router then.
    fn prepare(&mut self) -> impl Future<Output = Result<Overlap, String>>;

    /// From here on the router asks by the new secret first, where the server takes both: a request
    /// that does not prove which it goes by is meant to go by the new one.
    ///
    /// # Errors
    ///
    /// Why it could not be told. The router is taken back then.
    fn turned(&mut self) -> impl Future<Output = Result<(), String>> {
        std::future::ready(Ok(()))
    }

    /// From here on the server takes the new secret only, or the router has no other any more, and
    /// it may do so when it likes.
    ///
    /// # Errors
    ///
    /// Why it could not. The router is taken back then.
    fn commit(&mut self) -> impl Future<Output = Result<(), String>>;

    /// From here on the server takes the old secret only, as before.
    ///
    /// # Errors
    ///
    /// Why it could not: the two ends may be at odds then, which [`Unrotated`] says.
    fn revert(&mut self) -> impl Future<Output = Result<(), String>>;

    /// Lets time pass: what is under way by the old entry ends in it.
    fn wait(&mut self, time: Duration) -> impl Future<Output = ()>;
}

/// Which entry, and which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The comment of the entry.
    pub tag: String,
    /// The server's address, as the entry has it.
    pub address: std::net::IpAddr,
    /// The new secret.
    pub secret: Secret,
}

/// Why a secret was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unrotated {
    /// There is no such entry, or more than one.
    #[error("{0}")]
    NoEntry(String),
    /// The router's end. It has been taken back.
    #[error("the router's end failed: {0}")]
    Router(#[source] Box<Failed>),
    /// Reading the router failed before anything was changed.
    #[error(transparent)]
    Reading(#[from] Error),
    /// The server's end. The router has been taken back.
    #[error("the server's end failed, the router has its old secret again: {0}")]
    Server(String),
    /// Both ends may be at odds: what to look at.
    #[error("the two ends may have different secrets now: {0}")]
    AtOdds(String),
}

/// Changes the secret on both ends, in the order that loses least.
///
/// # Errors
///
/// What failed, with both ends taken back, unless it says otherwise.
pub async fn rotate<S, R, F>(
    router: &Router,
    can: &Capabilities,
    rotation: &Rotation,
    server: &mut S,
    reconnect: R,
) -> Result<Undo, Unrotated>
where
    S: ServerSide,
    R: FnMut() -> F,
    F: Future<Output = Result<Router, Error>>,
{
    rotate_by(&mut Session::new(router, reconnect), can, rotation, server).await
}

pub(super) async fn rotate_by<H: Hands, S: ServerSide>(
    hands: &mut H,
    can: &Capabilities,
    rotation: &Rotation,
    server: &mut S,
) -> Result<Undo, Unrotated> {
    let (old, drain) = entry(hands, rotation).await?;
    let overlap = server.prepare().await.map_err(Unrotated::Server)?;
    let mut done = Undo::new(&rotation.tag, can.version());
    let result = stages(
        hands,
        can,
        (rotation, &old),
        server,
        overlap,
        drain,
        &mut done,
    )
    .await;
    let Err(error) = result else {
        return Ok(done);
    };
    let mut odds = Vec::new();
    if !done.steps.is_empty() {
        let (undone, ended) = take_back(hands, &mut done).await;
        odds.extend(undone.left.iter().map(ToString::to_string));
        odds.extend(ended.err().map(|error| error.to_string()));
    }
    if let Unrotated::Router(failed) = &error {
        odds.extend(failed.rolling_back.as_ref().map(ToString::to_string));
        odds.extend(failed.left.iter().map(ToString::to_string));
    }
    odds.extend(server.revert().await.err());
    if odds.is_empty() {
        Err(error)
    } else {
        let text = format!("{error}; {}", odds.join("; "));
        Err(Unrotated::AtOdds(text))
    }
}

/// The entry, and how long what is under way by it may last.
async fn entry<H: Hands>(
    hands: &mut H,
    rotation: &Rotation,
) -> Result<(Record, Duration), Unrotated> {
    let all = read(hands, MENU).await?;
    let mut ours = all.iter().filter(|record| {
        record.get("comment") == Some(&*rotation.tag)
            && record.get("address").and_then(|text| text.parse().ok()) == Some(rotation.address)
    });
    let (address, tag) = (rotation.address, &rotation.tag);
    let (Some(entry), None) = (ours.next(), ours.next()) else {
        let text = format!(
            "/radius has not exactly one entry for {address} with the comment {tag:?}: bring the \
             router to its wanted state first"
        );
        return Err(Unrotated::NoEntry(text));
    };
    if entry.get("protocol") == Some("radsec") {
        let text = format!("{address} is asked over RadSec, whose secret is always radsec");
        return Err(Unrotated::NoEntry(text));
    }
    let timeout = entry.duration("timeout").unwrap_or(Duration::from_secs(3));
    Ok((entry.clone(), timeout * TRIES))
}

async fn stages<H: Hands, S: ServerSide>(
    hands: &mut H,
    can: &Capabilities,
    (rotation, old): (&Rotation, &Record),
    server: &mut S,
    overlap: Overlap,
    drain: Duration,
    done: &mut Undo,
) -> Result<(), Unrotated> {
    let new = twin(old, rotation);
    match overlap {
        Overlap::Both => {
            add(hands, can, old, &new, Stand::Before, done).await?;
            server.turned().await.map_err(Unrotated::Server)?;
            server.wait(drain).await;
            remove(hands, can, rotation, old, done).await?;
            server.commit().await.map_err(Unrotated::Server)
        }
        Overlap::One => {
            add(hands, can, old, &new, Stand::Behind, done).await?;
            server.commit().await.map_err(Unrotated::Server)?;
            // The new entry is first as soon as the old one is gone: one command.
            remove(hands, can, rotation, old, done).await
        }
    }
}

enum Stand {
    Before,
    Behind,
}

/// The comment of the second entry while there are two. A plan takes one that a crash left for
/// ours, too.
pub(super) fn twin_tag(tag: &str) -> String {
    format!("{tag} (new secret)")
}

/// The same entry with the new secret.
fn twin(old: &Record, rotation: &Rotation) -> Record {
    let mut new: Record = old
        .iter()
        .filter(|(name, value)| !super::draft::is_volatile(name) && !value.is_empty())
        .collect();
    new.set("secret", rotation.secret.reveal());
    // Until the old one is gone the two are told apart by this.
    new.set("comment", twin_tag(&rotation.tag));
    new
}

async fn observed<H: Hands>(hands: &mut H) -> Result<super::Observed, Error> {
    let mut observed = super::Observed::default();
    let all = read(hands, MENU).await?;
    observed.menus.insert(MENU.to_owned(), all);
    Ok(observed)
}

async fn add<H: Hands>(
    hands: &mut H,
    can: &Capabilities,
    old: &Record,
    new: &Record,
    stand: Stand,
    done: &mut Undo,
) -> Result<(), Unrotated> {
    let observed = observed(hands).await?;
    let none = std::collections::BTreeSet::new();
    let mut draft = super::draft::Draft::new(&observed, can, &none);
    let old = old.id();
    let before: Option<Id> = match stand {
        Stand::Before => old,
        Stand::Behind => draft
            .items(MENU)
            .skip_while(|record| record.id() != old)
            .nth(1)
            .and_then(Record::id),
    };
    draft.add(
        MENU,
        new,
        &[],
        before.as_ref(),
        "the same server with the new secret",
    );
    carry_out(hands, can, draft, done).await
}

async fn remove<H: Hands>(
    hands: &mut H,
    can: &Capabilities,
    rotation: &Rotation,
    old: &Record,
    done: &mut Undo,
) -> Result<(), Unrotated> {
    let observed = observed(hands).await?;
    let none = std::collections::BTreeSet::new();
    let mut draft = super::draft::Draft::new(&observed, can, &none);
    if let Some(id) = old.id() {
        draft.remove(MENU, &id, "the old secret is no longer wanted");
    }
    let twin = twin_tag(&rotation.tag);
    let new = draft
        .items(MENU)
        .find(|record| record.get("comment") == Some(&*twin))
        .and_then(Record::id);
    if let Some(id) = new {
        let ours = Record::new().with("comment", &*rotation.tag);
        draft.set(
            MENU,
            Some(&id),
            &ours,
            &[],
            "the new entry takes the old one's place",
        );
    }
    carry_out(hands, can, draft, done).await
}

async fn carry_out<H: Hands>(
    hands: &mut H,
    can: &Capabilities,
    draft: super::draft::Draft<'_>,
    done: &mut Undo,
) -> Result<(), Unrotated> {
    if let Some(objection) = draft.objections.first() {
        return Err(Unrotated::NoEntry(objection.to_string()));
    }
    let plan = Plan {
        tag: done.tag.clone(),
        version: can.version(),
        steps: draft.steps,
        notes: Vec::new(),
    };
    let silent = |_: Progress<'_>| Ok(());
    match apply_by(hands, &plan, silent).await {
        Ok(applied) => {
            done.steps.extend(applied.undo.steps);
            Ok(())
        }
        Err(failed) => {
            // What could not be taken back now is tried once more with the rest.
            let mut failed = failed;
            if let Some(rest) = failed.undo.take() {
                done.steps.extend(rest.steps);
            }
            Err(Unrotated::Router(Box::new(failed)))
        }
    }
}

impl Unrotated {
    /// Whether it failed since somebody else changed the router meanwhile: then it may be tried
    /// again at once.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Router(failed) if matches!(failed.trouble, Trouble::Changed { .. }))
    }
}
