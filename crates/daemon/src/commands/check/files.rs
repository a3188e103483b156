//! The files that `[tls]` names: whether they can be read, fit each other, and are in date.

use std::{fs, path::Path, time::SystemTime};

use portreeve::tls::{Certificate, Identity};
use x509_parser::{parse_x509_crl, pem::Pem};

use crate::{
    authority::{self, DAY, blocks, date},
    config::Tls,
    failure,
    serving::secured,
};

/// How many days before the end it is worth a word.
const SOON: u64 = 30;

/// What the server would stumble over.
pub(super) fn problems(tls: &Tls) -> Vec<String> {
    let mut problems = Vec::new();
    if tls.certificate.is_some() {
        match secured::identity(tls, None) {
            Ok(identity) => problems.extend(out_of_date(tls, &identity)),
            Err(error) => problems.push(failure::chain(&error)),
        }
    }
    if let Err(error) = secured::trust(tls, None) {
        problems.push(failure::chain(&error));
    }
    let now = authority::now();
    for (key, file) in authorities(tls) {
        for (what, until) in ends(file) {
            if until < now {
                problems.push(format!(
                    "`tls.{key}`: {}: {what} ended on {}",
                    file.display(),
                    date(until)
                ));
            }
        }
    }
    problems
}

fn out_of_date(tls: &Tls, identity: &Identity) -> Option<String> {
    let file = tls.certificate.as_ref()?.display();
    let (from, until) = dates(identity.certificate());
    let now = authority::now();
    if until < now {
        Some(format!(
            "`tls.certificate`: {file}: it ended on {}",
            date(until)
        ))
    } else if from > now {
        Some(format!(
            "`tls.certificate`: {file}: it begins on {}",
            date(from)
        ))
    } else {
        None
    }
}

/// What will need to be seen to soon.
pub(super) fn worries(tls: &Tls) -> Vec<String> {
    let now = authority::now();
    let soon = |until: u64| (now..now + SOON * DAY).contains(&until);
    let certificate = tls
        .certificate
        .iter()
        .map(|file| ("certificate", file.as_path()));
    let mut worries = Vec::new();
    for (key, file) in certificate.chain(authorities(tls)) {
        for (what, until) in ends(file) {
            // Revocation lists are short-lived: that is their nature.
            if soon(until) && key != "crl" {
                worries.push(format!(
                    "`tls.{key}`: {}: {what} ends on {}",
                    file.display(),
                    date(until)
                ));
            }
        }
    }
    worries
}

fn authorities(tls: &Tls) -> impl Iterator<Item = (&'static str, &Path)> {
    let ca = tls.ca.iter().map(|file| ("ca", file.as_path()));
    ca.chain(tls.crl.iter().map(|file| ("crl", file.as_path())))
}

/// When what is in a PEM file ends, in seconds since 1970.
fn ends(file: &Path) -> Vec<(String, u64)> {
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    let mut ends = Vec::new();
    for der in blocks(&text, |label| label == "CERTIFICATE") {
        if let Ok(certificate) = Certificate::from_der(&der) {
            let subject = certificate.subject().to_owned();
            ends.push((
                format!("the certificate of {subject}"),
                dates(&certificate).1,
            ));
        }
    }
    for list in Pem::iter_from_buffer(text.as_bytes()).flatten() {
        let Ok((_, list)) = parse_x509_crl(&list.contents) else {
            continue;
        };
        let until = list
            .next_update()
            .and_then(|until| u64::try_from(until.timestamp()).ok());
        ends.extend(until.map(|until| (format!("the list of {}", list.issuer()), until)));
    }
    ends
}

fn dates(certificate: &Certificate) -> (u64, u64) {
    let seconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    };
    (
        seconds(certificate.not_before()),
        seconds(certificate.not_after()),
    )
}
