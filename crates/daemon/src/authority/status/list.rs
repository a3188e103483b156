//! Revocation lists that others publish.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use x509_parser::{
    extensions::{IssuingDistributionPoint, ParsedExtension},
    prelude::{CertificateRevocationList, FromDer as _, X509Certificate},
};

use super::{
    Status, Subject, Told,
    answer::SKEW,
    fetch::{Fetcher, Named},
    urls_of,
};
use crate::authority::{
    details::{blocks, reason, strip},
    record::Revocation,
};

/// The most octets of a list: some 400,000 entries.
const LIST_MAX: u64 = 16 << 20;
/// The most lists that are kept.
const MOST: usize = 16;
/// How often a list is looked for anew, though the one we have is still good.
const AGAIN: u64 = 3_600;
/// How long to wait before that is tried again.
const REST: u64 = 60;
/// The extension of a list that is to be added to another.
const DELTA: &str = "2.5.29.27";
const SHA1_RSA: &str = "1.2.840.113549.1.1.5";

/// The lists that were fetched, by their addresses.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    list: Arc<List>,
    /// When to look for a newer one.
    again: u64,
}

/// A list that is signed by its CA.
#[derive(Debug)]
struct List {
    /// Whose: the certificate it was verified by.
    issuer: Vec<u8>,
    until: u64,
    /// The addresses of the certificates it is for; all of its CA where there are none.
    only: Vec<String>,
    entries: HashMap<Box<[u8]>, Revocation>,
}

impl Lists {
    /// Blocks.
    pub(super) fn look_up(
        &self,
        fetcher: &Fetcher,
        subject: &Subject,
        url: &str,
        named: Named,
        now: u64,
    ) -> Result<Told, String> {
        let list = self.list(fetcher, subject, url, named, now)?;
        let here = |only: &String| subject.lists.contains(only);
        if !list.only.is_empty() && !list.only.iter().any(here) {
            return Err("is a list of other certificates of this CA".to_owned());
        }
        let revocation = list.entries.get(subject.serial.as_slice());
        let status = revocation.map_or(Status::Good, |revocation| Status::Revoked(*revocation));
        // Whoever asks again gets what the list says then.
        Ok((status, list.until.min(now + AGAIN)))
    }

    fn list(
        &self,
        fetcher: &Fetcher,
        subject: &Subject,
        url: &str,
        named: Named,
        now: u64,
    ) -> Result<Arc<List>, String> {
        let kept = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get(url).cloned()
        };
        let kept = kept.filter(|kept| now < kept.list.until && kept.list.issuer == subject.issuer);
        if let Some(kept) = &kept
            && now < kept.again
        {
            return Ok(Arc::clone(&kept.list));
        }
        let octets = fetcher.get(url, named, LIST_MAX);
        let read = octets.and_then(|octets| List::read(&octets, &subject.issuer, now));
        let (list, again) = match (read, kept) {
            (Ok(list), _) => (Arc::new(list), now + AGAIN),
            // It is good until its end, though nobody can say whether there is a newer one.
            (Err(_), Some(kept)) => (kept.list, now + REST),
            (Err(why), None) => return Err(why),
        };
        self.keep(url, Arc::clone(&list), again);
        Ok(list)
    }

    fn keep(&self, url: &str, list: Arc<List>, again: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST && !kept.contains_key(url) {
            let first = kept.iter().min_by_key(|(_, kept)| kept.list.until);
            if let Some(url) = first.map(|(url, _)| url.clone()) {
                kept.remove(&url);
            }
        }
        kept.insert(url.to_owned(), Kept { list, again });
    }
}

impl List {
    /// Reads a list in DER or PEM; the error says what is wrong with it.
    fn read(octets: &[u8], issuer: &[u8], now: u64) -> Result<Self, String> {
        let armoured = str::from_utf8(octets).ok();
        let armoured = armoured.map(|text| blocks(text, |label| label == "X509 CRL"));
        let der = armoured.and_then(|mut found| found.pop());
        let der = der.as_deref().unwrap_or(octets);
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|_| "answers with something that is no revocation list")?;
        let (_, ca) = X509Certificate::from_der(issuer).map_err(|_| "has no CA")?;
        if list.issuer().as_raw() != ca.subject().as_raw() {
            return Err("is the list of another CA".to_owned());
        }
        let usage = ca.key_usage().ok().flatten();
        let may = usage.is_none_or(|usage| usage.value.crl_sign());
        let weak = list.signature_algorithm.algorithm.to_id_string() == SHA1_RSA;
        if !may || weak || list.verify_signature(ca.public_key()).is_err() {
            return Err("is not signed by this CA, or weakly".to_owned());
        }
        let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
        let from = seconds(list.last_update().timestamp());
        let until = list.next_update().map(|at| seconds(at.timestamp()));
        let until = until.ok_or("does not say until when it is good")?;
        if from > now + SKEW || until <= now {
            return Err("is out of date".to_owned());
        }
        let only = scope(&list)?;
        let mut entries = HashMap::new();
        for entry in list.iter_revoked_certificates() {
            if entry
                .extensions()
                .iter()
                .any(|one| one.critical && !is_known(one.parsed_extension()))
            {
                return Err("speaks for other CAs as well, which is not understood".to_owned());
            }
            let revocation = Revocation {
                at: seconds(entry.revocation_date.timestamp()),
                reason: reason(entry.reason_code().map_or(0, |(_, code)| code.0)),
            };
            entries.insert(strip(entry.raw_serial()).into(), revocation);
        }
        Ok(Self {
            issuer: issuer.to_vec(),
            until,
            only,
            entries,
        })
    }
}

fn is_known(extension: &ParsedExtension<'_>) -> bool {
    matches!(
        extension,
        ParsedExtension::ReasonCode(_) | ParsedExtension::InvalidityDate(_)
    )
}

/// Which certificates a list is for (RFC 5280, 5.2.5): the addresses they name, or all.
fn scope(list: &CertificateRevocationList<'_>) -> Result<Vec<String>, String> {
    let mut only = Vec::new();
    for extension in list.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => {
                only = addresses(point).ok_or("is for part of what this CA has issued")?;
            }
            ParsedExtension::AuthorityKeyIdentifier(_) | ParsedExtension::CRLNumber(_) => {}
            _ if extension.oid.to_id_string() == DELTA => {
                return Err("only says what is new to another list".to_owned());
            }
            _ if extension.critical => {
                return Err("has an extension that must be understood and is not".to_owned());
            }
            _ => {}
        }
    }
    Ok(only)
}

fn addresses(point: &IssuingDistributionPoint<'_>) -> Option<Vec<String>> {
    let narrow = point.only_contains_ca_certs
        || point.only_contains_attribute_certs
        || point.indirect_crl
        || point.only_some_reasons.is_some();
    let urls = urls_of(point.distribution_point.as_ref());
    let nameless = point.distribution_point.is_some() && urls.is_empty();
    (!narrow && !nameless).then_some(urls)
}
