//! Asking another CA whether a certificate of its is still good: by OCSP (RFC 6960) and by the
//! revocation list that it publishes (RFC 5280, 5).
//!
//! Our own CA is not asked like this: [`Authority::standing`](super::Authority::standing) knows.

mod answer;
mod fetch;
mod list;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use x509_parser::{
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

use self::{
    fetch::{Fetcher, Named},
    list::Lists,
};
use super::{
    details::{Details, strip},
    ocsp::{self, name_and_key},
    record::Revocation,
};

/// The most octets of an answer by OCSP.
const ANSWER_MAX: u64 = 64 << 10;
/// The most octets of a nonce that we send: what RFC 9654, 2.1 asks for.
const NONCE: usize = 32;
/// The most answers that are remembered.
const MOST: usize = 4_096;
/// The most questions under way at a time.
const AT_ONCE: usize = 16;
/// No answer is remembered longer, whatever it says.
const LONGEST: u64 = 86_400;
/// How long it is remembered that nobody could be asked, so that a crowd does not wait each.
const REST: u64 = 5;
/// How long it is remembered that a responder did not know a certificate.
const SOON: u64 = 60;
/// The most responders, and the most lists, that one certificate may name.
const MOST_NAMED: usize = 4;

/// Whom to ask, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusPolicy {
    /// Responders to ask, `http://` addresses.
    pub(crate) ocsp: Vec<String>,
    /// Where revocation lists are published, `http://` addresses.
    pub(crate) lists: Vec<String>,
    /// Whether to ask those that a certificate names as well. They cannot be on this machine nor on
    /// its links.
    pub(crate) named: bool,
    /// Whether a request carries a nonce, so that no old answer can be played back. Responders that
    /// answer from a store leave it out, which is borne: the dates of the answer are checked.
    pub(crate) nonce: bool,
    /// How long one question may take.
    pub(crate) patience: Duration,
}

impl Default for StatusPolicy {
    fn default() -> Self {
        Self {
            ocsp: Vec::new(),
            lists: Vec::new(),
            named: false,
            nonce: true,
            patience: Duration::from_secs(2),
        }
    }
}

/// What a CA says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    Revoked(Revocation),
    /// Whoever answers for the CA does not know the certificate.
    Unknown,
    /// Nobody could be asked, or nobody be believed; why, in words. Where a check is required, this
    /// is a refusal.
    Unreachable(String),
}

/// Asks, and remembers what it was told for as long as that is good.
#[derive(Debug, Clone)]
pub(crate) struct StatusChecker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    policy: StatusPolicy,
    fetcher: Fetcher,
    known: Mutex<HashMap<[u8; 32], Remembered>>,
    lists: Lists,
    under_way: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
struct Remembered {
    status: Status,
    /// Seconds since 1970.
    until: u64,
}

/// What was said, and until when it is good.
type Told = (Status, u64);

impl StatusChecker {
    pub(crate) fn new(policy: StatusPolicy) -> Self {
        Self {
            inner: Arc::new(Inner {
                fetcher: Fetcher::new(policy.patience),
                policy,
                known: Mutex::default(),
                lists: Lists::default(),
                under_way: Arc::new(Semaphore::new(AT_ONCE)),
            }),
        }
    }

    /// What the CA says of a certificate that it has issued, both in DER; `now` in seconds since
    /// 1970. Asks responders before lists; the first answer that can be believed counts. It takes
    /// at most twice the patience of the policy.
    pub(crate) async fn status(&self, leaf: &[u8], issuer: &[u8], now: u64) -> Status {
        let subject = match Subject::of(leaf, issuer) {
            Ok(subject) => subject,
            Err(why) => return Status::Unreachable(why),
        };
        if let Some(known) = self.inner.remembered(&subject.key, now) {
            return known;
        }
        let whole = self.inner.policy.patience * 2;
        let asking = async {
            // Closed is what it never is.
            let permit = Arc::clone(&self.inner.under_way).acquire_owned().await.ok();
            if let Some(known) = self.inner.remembered(&subject.key, now) {
                return Some(known);
            }
            let inner = Arc::clone(&self.inner);
            let asked = tokio::task::spawn_blocking(move || {
                // Held until the question is settled, even if nobody waits for that any more.
                let status = inner.ask(&subject, now);
                drop(permit);
                status
            });
            asked.await.ok()
        };
        let late = || Status::Unreachable("nobody answers in time".to_owned());
        let asked = tokio::time::timeout(whole, asking).await;
        asked.ok().flatten().unwrap_or_else(late)
    }
}

impl Inner {
    fn remembered(&self, key: &[u8; 32], now: u64) -> Option<Status> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = known.get(key).filter(|known| now < known.until)?;
        Some(remembered.status.clone())
    }

    fn remember(&self, key: [u8; 32], told: &Told, now: u64) {
        let (status, until) = told;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&key) {
            known.retain(|_, known| now < known.until);
            // Whoever is good for the shortest time is asked for soon in any case.
            let first = known.iter().min_by_key(|(_, known)| known.until);
            if let Some(key) = first.map(|(key, _)| *key)
                && known.len() >= MOST
            {
                known.remove(&key);
            }
        }
        known.insert(
            key,
            Remembered {
                status: status.clone(),
                until: (*until).min(now + LONGEST),
            },
        );
    }

    /// Blocks.
    fn ask(&self, subject: &Subject, now: u64) -> Status {
        let told = self.ask_all(subject, now);
        self.remember(subject.key, &told, now);
        told.0
    }

    fn ask_all(&self, subject: &Subject, now: u64) -> Told {
        let named = |urls: &[String]| -> Vec<String> {
            let taken = if self.policy.named { MOST_NAMED } else { 0 };
            urls.iter().take(taken).cloned().collect()
        };
        let ours = self
            .policy
            .ocsp
            .iter()
            .map(|url| (url.clone(), Named::ByUs));
        let theirs = named(&subject.ocsp).into_iter();
        let mut trouble = Vec::new();
        for (url, by) in ours.chain(theirs.map(|url| (url, Named::ByTheCertificate))) {
            match self.ask_responder(subject, &url, by, now) {
                // It may be told tomorrow what was issued today.
                Ok((Status::Unknown, until)) => return (Status::Unknown, until.min(now + SOON)),
                Ok(told) => return told,
                Err(why) => trouble.push(format!("{url} {why}")),
            }
        }
        let ours = self
            .policy
            .lists
            .iter()
            .map(|url| (url.clone(), Named::ByUs));
        let theirs = named(&subject.lists).into_iter();
        for (url, by) in ours.chain(theirs.map(|url| (url, Named::ByTheCertificate))) {
            match self.lists.look_up(&self.fetcher, subject, &url, by, now) {
                Ok(told) => return told,
                Err(why) => trouble.push(format!("{url} {why}")),
            }
        }
        if trouble.is_empty() {
            trouble.push(
                "there is nobody to ask: neither a responder nor a list is configured, nor one \
                 taken from the certificate"
                    .to_owned(),
            );
        }
        (Status::Unreachable(trouble.join("; ")), now + REST)
    }

    fn ask_responder(
        &self,
        subject: &Subject,
        url: &str,
        named: Named,
        now: u64,
    ) -> Result<Told, String> {
        let nonce = if self.policy.nonce {
            let mut octets = [0; NONCE];
            getrandom::fill(&mut octets).map_err(|_| "the system gives no random numbers")?;
            Some(octets)
        } else {
            None
        };
        let nonce = nonce.as_ref().map(<[u8; NONCE]>::as_slice);
        let request = ocsp::request_for(&subject.leaf, &subject.issuer, nonce)
            .ok_or("cannot be asked: the certificate cannot be named")?;
        let kind = "application/ocsp-request";
        let answer = self.fetcher.post(url, kind, &request, named, ANSWER_MAX)?;
        answer::read(&answer, subject, nonce, now).map_err(|error| error.to_string())
    }
}

/// The certificate that is asked about, and its issuer.
#[derive(Debug, Clone)]
struct Subject {
    leaf: Vec<u8>,
    issuer: Vec<u8>,
    /// Without leading zeros.
    serial: Vec<u8>,
    key: [u8; 32],
    /// What the certificate names.
    ocsp: Vec<String>,
    lists: Vec<String>,
}

impl Subject {
    fn of(leaf: &[u8], issuer: &[u8]) -> Result<Self, String> {
        // An answer is about an issuer and a serial: the two have to belong together.
        if !Details::is_signed_by(leaf, issuer) {
            return Err("the certificate is not signed by the issuer that is asked".to_owned());
        }
        let broken = "the certificate cannot be read";
        let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_| broken)?;
        let (name, public_key) = name_and_key(issuer).ok_or(broken)?;
        let serial = strip(certificate.raw_serial()).to_vec();
        let mut hash = Sha256::new();
        for part in [&name, &public_key, &serial] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let mut subject = Self {
            leaf: leaf.to_vec(),
            issuer: issuer.to_vec(),
            serial,
            key: hash.finalize().into(),
            ocsp: Vec::new(),
            lists: Vec::new(),
        };
        for extension in certificate.extensions() {
            subject.take(extension.parsed_extension());
        }
        Ok(subject)
    }

    fn take(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::AuthorityInfoAccess(access) => {
                let responders = access
                    .iter()
                    .filter(|way| way.access_method.to_id_string() == "1.3.6.1.5.5.7.48.1");
                let urls = responders.filter_map(|way| url_of(&way.access_location));
                self.ocsp.extend(urls);
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    // One that is for some reasons only does not say that a certificate is good.
                    if point.reasons.is_none() && point.crl_issuer.is_none() {
                        let urls = urls_of(point.distribution_point.as_ref());
                        self.lists.extend(urls);
                    }
                }
            }
            _ => {}
        }
    }
}

fn url_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(url) => Some((*url).to_owned()),
        _ => None,
    }
}

fn urls_of(point: Option<&DistributionPointName<'_>>) -> Vec<String> {
    match point {
        Some(DistributionPointName::FullName(names)) => names.iter().filter_map(url_of).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
