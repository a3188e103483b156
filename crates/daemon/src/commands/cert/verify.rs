//! `portreeve cert verify`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{authority, parcel::ParcelError, show::colons};
use crate::{
    authority::{
        self as ca, Authority, AuthorityError, Details, Revocation, Standing, blocks, date,
        status::{Status, StatusChecker, StatusPolicy},
    },
    cli::{Context, Listing},
    failure::Failure,
};

/// The most octets of a file with certificates.
const FILE_MAX: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The certificate, PEM or DER; further ones in it may be its issuers
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The CA that has issued it [default: our own]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Ask this OCSP responder, an http:// address; may be given several times
    #[arg(long, value_name = "URL", requires = "ca")]
    ocsp: Vec<String>,
    /// Look into the revocation list at this http:// address; may be given several times
    #[arg(long, value_name = "URL", requires = "ca")]
    crl: Vec<String>,
    /// Ask whom the certificate names; not on this machine
    #[arg(long, requires = "ca")]
    named: bool,
    /// Ask without a nonce
    #[arg(long, requires = "ca")]
    no_nonce: bool,
    #[command(flatten)]
    listing: Listing,
}

/// What is found.
#[derive(Debug, Serialize)]
struct Found {
    subject: String,
    issuer: String,
    serial: String,
    fingerprint_sha256: String,
    not_after: String,
    /// `good`, `revoked`, `unknown`, `not-asked` or `unreachable`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Whether it is to be relied on, as far as was asked.
    good: bool,
}

pub(super) fn run(arguments: &Verify, context: &mut Context<'_>) -> Result<(), Failure> {
    let file = certificates(&arguments.file)?;
    let leaf = file.first().cloned().unwrap_or_default();
    let details = Details::of(&leaf).map_err(|what| AuthorityError::Damaged {
        path: arguments.file.clone(),
        what,
    })?;
    let (status, why) = match &arguments.ca {
        None => own(&authority(context)?, &leaf),
        Some(path) => another(arguments, path, &leaf, file)?,
    };
    let now = ca::now();
    let in_time = (details.not_before..details.not_after).contains(&now);
    let why = match (why, in_time) {
        (None, false) => Some(format!(
            "good from {} to {} only",
            date(details.not_before),
            date(details.not_after)
        )),
        (why, _) => why,
    };
    let found = Found {
        good: in_time && ["good", "not-asked"].contains(&status),
        subject: details.subject,
        issuer: details.issuer,
        serial: details.serial,
        fingerprint_sha256: details.fingerprint,
        not_after: date(details.not_after),
        status,
        why,
    };
    print(&found, arguments.listing.json, context)?;
    if found.good {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

fn print(found: &Found, json: bool, context: &mut Context<'_>) -> io::Result<()> {
    if json {
        return context.output.json(found);
    }
    let mut pairs = vec![
        ("subject", found.subject.clone()),
        ("issuer", found.issuer.clone()),
        ("serial", found.serial.clone()),
        ("sha-256", colons(&found.fingerprint_sha256)),
        ("not after", found.not_after.clone()),
        ("status", found.status.to_owned()),
    ];
    pairs.extend(found.why.clone().map(|why| ("why", why)));
    context.output.pairs(&pairs)
}

type Verdict = (&'static str, Option<String>);

fn own(authority: &Authority, leaf: &[u8]) -> Verdict {
    let signed = authority
        .bundle()
        .first()
        .is_some_and(|issuer| Details::is_signed_by(leaf, issuer));
    if !signed {
        let why = "our own CA has not signed it; --ca FILE names another";
        return ("unknown", Some(why.to_owned()));
    }
    let serial = Details::serial_of(leaf).unwrap_or_default();
    match authority.standing(&serial) {
        Standing::Good => ("good", None),
        Standing::Revoked(revocation) => revoked(revocation),
        Standing::NotKnown => (
            "unreachable",
            Some("our own revocation list is damaged; the server signs it anew".to_owned()),
        ),
    }
}

fn another(
    arguments: &Verify,
    path: &Path,
    leaf: &[u8],
    file: Vec<Vec<u8>>,
) -> Result<Verdict, Failure> {
    let mut issuers = certificates(path)?;
    issuers.extend(file.into_iter().skip(1));
    let issuer = issuers
        .iter()
        .find(|issuer| Details::is_signed_by(leaf, issuer));
    let Some(issuer) = issuer else {
        let why = format!("no certificate in {} has signed it", path.display());
        return Ok(("unknown", Some(why)));
    };
    if arguments.ocsp.is_empty() && arguments.crl.is_empty() && !arguments.named {
        let why = "nobody was asked: --ocsp, --crl or --named say whom";
        return Ok(("not-asked", Some(why.to_owned())));
    }
    let policy = StatusPolicy {
        ocsp: arguments.ocsp.clone(),
        lists: arguments.crl.clone(),
        named: arguments.named,
        nonce: !arguments.no_nonce,
        ..StatusPolicy::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ParcelError::Runtime)?;
    let checker = StatusChecker::new(policy);
    Ok(
        match runtime.block_on(checker.status(leaf, issuer, ca::now())) {
            Status::Good => ("good", None),
            Status::Revoked(revocation) => revoked(revocation),
            Status::Unknown => (
                "unknown",
                Some("who answers for the CA does not know it".to_owned()),
            ),
            Status::Unreachable(why) => ("unreachable", Some(why)),
        },
    )
}

fn revoked(revocation: Revocation) -> Verdict {
    let why = format!("on {}, {}", date(revocation.at), revocation.reason.as_str());
    ("revoked", Some(why))
}

/// Every certificate of a file, or the one that it is.
fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |source| AuthorityError::File {
        doing: "read",
        path: path.to_path_buf(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()).into());
    }
    let octets = fs::read(path).map_err(failed)?;
    let text = str::from_utf8(&octets).ok();
    let found = text.map(|text| blocks(text, |label| label == "CERTIFICATE"));
    match found {
        Some(found) if !found.is_empty() => Ok(found),
        _ => Ok(vec![octets]),
    }
}
