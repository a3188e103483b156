//! The rule: whether somebody may come in, how they must prove who they are, and what follows.

use portreeve_auth::{Credential, Method, Refutation};
use portreeve_proto::{AttributeList, Oid, Packet};

use crate::{
    attribute::{Owner, Problem},
    definition::Membership,
    grant::Grant,
    refusal::Refusal,
    snapshot::{Snapshot, missing_group},
    subscriber::{GroupTerms, OwnTerms, Subscriber},
};

/// What the rule says.
#[derive(Debug)]
#[must_use]
pub enum Admission<'a> {
    /// They may come in once they have proven who they are.
    Admit(Terms<'a>),
    /// They may not.
    Refuse(Refusal),
}

/// On what terms somebody may come in.
#[derive(Debug)]
pub struct Terms<'a> {
    /// What they must prove to know.
    pub credential: &'a Credential,
    /// By which method; the credential serves it.
    pub method: Method,
    /// What their session may have. Neither its interval nor its class is set here.
    pub grant: Grant,
}

/// Decides by the definitions alone, before anything is proven. Every way out but one is a refusal.
///
/// All conditions of the user and of each of their groups must hold. Attributes of the user come
/// before those of groups, and those of a group before those of groups after it; an attribute that
/// somebody before has given is not taken from somebody after, unless they add it with `+=`.
pub fn admit<'a>(
    snapshot: &Snapshot,
    subscriber: &'a Subscriber,
    method: Method,
    request: &Packet<'_>,
) -> Admission<'a> {
    match decide(snapshot, subscriber, method, request) {
        Ok(terms) => Admission::Admit(terms),
        Err(refusal) => Admission::Refuse(refusal),
    }
}

/// As [`admit`], for somebody whose certificate has been verified: nothing that is stored is asked
/// for.
///
/// # Errors
/// Why they may not come in.
pub fn admit_certified(
    snapshot: &Snapshot,
    subscriber: &Subscriber,
    request: &Packet<'_>,
) -> Result<Grant, Refusal> {
    if !subscriber.is_enabled() {
        return Err(Refusal::Disabled);
    }
    granted(snapshot, subscriber, request)
}

fn decide<'a>(
    snapshot: &Snapshot,
    subscriber: &'a Subscriber,
    method: Method,
    request: &Packet<'_>,
) -> Result<Terms<'a>, Refusal> {
    if !subscriber.is_enabled() {
        return Err(Refusal::Disabled);
    }
    let credential = match subscriber.credential() {
        Some(Ok(credential)) => credential,
        Some(Err(why)) => return Err(Refusal::BadCredential(*why)),
        None => return Err(Refusal::NoCredential),
    };
    let grant = granted(snapshot, subscriber, request)?;
    let scheme = credential.scheme();
    if !scheme.serves(method) {
        return Err(Refutation::CannotServe { scheme, method }.into());
    }
    Ok(Terms {
        credential,
        method,
        grant,
    })
}

fn granted(
    snapshot: &Snapshot,
    subscriber: &Subscriber,
    request: &Packet<'_>,
) -> Result<Grant, Refusal> {
    let attributes = gather(
        snapshot,
        || Owner::User(subscriber.name().to_owned()),
        Some(subscriber.terms()),
        subscriber.memberships(),
        request,
    )?;
    Ok(Grant {
        attributes,
        ..Grant::default()
    })
}

/// Checks the conditions of `owner` and of their groups, and merges what all of them give.
pub(crate) fn gather(
    snapshot: &Snapshot,
    owner: impl Fn() -> Owner,
    own: Option<&Result<OwnTerms, Problem>>,
    memberships: &[Membership],
    request: &Packet<'_>,
) -> Result<AttributeList, Refusal> {
    let own = own.map(usable).transpose()?;
    let groups = ranked(snapshot, &owner, memberships)?;
    let mut sources = Vec::with_capacity(groups.len() + 1);
    if let Some(own) = own {
        check(own, request, owner)?;
        sources.push(own);
    }
    for (name, group) in groups {
        let terms = usable(group.terms())?;
        check(terms, request, || Owner::Group(name.to_owned()))?;
        sources.push(terms);
    }
    Ok(merged(&sources))
}

fn usable(terms: &Result<OwnTerms, Problem>) -> Result<&OwnTerms, Refusal> {
    terms
        .as_ref()
        .map_err(|problem| Refusal::Misconfigured(problem.clone()))
}

fn check(terms: &OwnTerms, request: &Packet<'_>, owner: impl Fn() -> Owner) -> Result<(), Refusal> {
    terms
        .conditions
        .check(request, owner)
        .map_err(Refusal::CheckFailed)
}

/// The groups of memberships, the first in rank first. One that is not there has conditions nobody
/// can check.
fn ranked<'a>(
    snapshot: &'a Snapshot,
    owner: impl Fn() -> Owner,
    memberships: &'a [Membership],
) -> Result<Vec<(&'a str, &'a GroupTerms)>, Refusal> {
    let mut groups = Vec::with_capacity(memberships.len());
    for membership in memberships {
        let name = membership.group.as_str();
        let Some(group) = snapshot.group(name) else {
            return Err(Refusal::Misconfigured(missing_group(owner(), name)));
        };
        groups.push((membership.priority, group.priority(), name, group));
    }
    groups.sort_by_key(|(membership, priority, name, _)| (*membership, *priority, *name));
    Ok(groups
        .into_iter()
        .map(|(_, _, name, group)| (name, group))
        .collect())
}

fn merged(sources: &[&OwnTerms]) -> AttributeList {
    let mut merged = AttributeList::new();
    let mut taken: Vec<Oid> = Vec::new();
    for terms in sources {
        let before = taken.len();
        for entry in terms.given.iter() {
            if !taken[..before].contains(&entry.spec.oid) {
                merged.push(&entry.spec, entry.tag, entry.value);
                taken.push(entry.spec.oid);
            }
        }
        merged.extend(&terms.added);
    }
    merged
}
