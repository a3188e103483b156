//! Listing and showing certificates, and finding the one that was meant.

use clap::Args;
use serde::Serialize;

use super::authority;
use crate::{
    authority::{
        self as ca, Authority, AuthorityError, Details, Names, Purpose, Record, State,
        TrustOverride, date, expiring, pem,
    },
    cli::{Context, Listing},
    commands::rows,
    failure::Failure,
    output::Output,
};

/// Fewer digits of a serial are not taken for one.
const SHORTEST_SERIAL: usize = 6;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Also those that have expired, are revoked, or were ours before they were renewed
    #[arg(long)]
    all: bool,
    /// Only those of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name, or its serial where several bear the name; 'ca', 'server', 'client' and 'ocsp'
    /// are our own
    #[arg(value_name = "NAME|SERIAL")]
    which: String,
    #[command(flatten)]
    listing: Listing,
}

/// A certificate as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    pub(super) purpose: &'static str,
    pub(super) serial: String,
    pub(super) state: &'static str,
    not_before: String,
    not_after: String,
    days_left: i64,
    fingerprint_sha256: String,
    #[serde(flatten)]
    names: Names,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_override: Option<&'static str>,
    /// The name that devices look for in the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pem: Option<String>,
}

impl Described {
    pub(super) fn of(record: &Record, now: u64) -> Self {
        Self {
            name: record.name.clone(),
            device: record.device.clone(),
            purpose: record.purpose.as_str(),
            serial: record.serial.clone(),
            state: record.state(now).as_str(),
            not_before: moment(record.not_before),
            not_after: moment(record.not_after),
            days_left: record.days_left(now),
            fingerprint_sha256: record.fingerprint.clone(),
            names: record.names.clone(),
            revoked_at: record.revoked.map(|revoked| moment(revoked.at)),
            revocation_reason: record.revoked.map(|revoked| revoked.reason.as_str()),
            subject: None,
            issuer: None,
            key: None,
            trust_override: None,
            server_name: None,
            pem: None,
        }
    }

    pub(super) fn of_ca(details: &Details, now: u64) -> Self {
        let purpose = Purpose::Ca;
        let record = Record::of(details, purpose.as_str(), purpose);
        Self::of(&record, now).with(details, None)
    }

    fn with(mut self, details: &Details, der: Option<&[u8]>) -> Self {
        self.subject = Some(details.subject.clone());
        self.issuer = Some(details.issuer.clone());
        self.key = Some(details.key.clone());
        let policy = details.trust_override;
        self.trust_override = (policy != TrustOverride::Off).then(|| policy.as_str());
        self.pem = der.map(|der| pem("CERTIFICATE", der));
        self
    }
}

fn moment(seconds: u64) -> String {
    rows::rfc3339(seconds.saturating_mul(1_000))
}

/// A fingerprint as other programs print it.
pub(super) fn colons(hexadecimal: &str) -> String {
    let upper = hexadecimal.to_uppercase();
    let pairs: Vec<&str> = (0..upper.len())
        .step_by(2)
        .filter_map(|at| upper.get(at..at + 2))
        .collect();
    pairs.join(":")
}

pub(super) fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let authority = authority(context)?;
    let now = ca::now();
    let index = authority.issued()?;
    let mut shown: Vec<&Record> = index
        .records
        .iter()
        .filter(|record| arguments.all || (record.is_live(now) && is_in_use(&authority, record)))
        .filter(|record| {
            arguments
                .user
                .as_ref()
                .is_none_or(|user| is_of(record, user))
        })
        .collect();
    shown.sort_by_key(|record| {
        (
            record.purpose,
            &record.name,
            &record.device,
            record.not_before,
        )
    });
    for problem in index.problems {
        let words = Failure::from(problem).words();
        context.output.warn(words)?;
    }
    if arguments.listing.json {
        let shown: Vec<_> = shown
            .iter()
            .map(|record| Described::of(record, now))
            .collect();
        return Ok(context.output.json(&shown)?);
    }
    // Only users have devices.
    let devices = shown.iter().any(|record| record.device.is_some());
    let mut heading = vec![
        "name",
        "purpose",
        "serial",
        "not after",
        "days left",
        "state",
    ];
    let mut rows: Vec<_> = shown.iter().map(|record| row(record, now)).collect();
    if devices {
        heading.insert(1, "device");
        for (row, record) in rows.iter_mut().zip(&shown) {
            row.insert(1, record.device.clone().unwrap_or_default());
        }
    }
    let nothing = "no certificate is good; --all shows those that were";
    context.output.table(&heading, rows, nothing)?;
    if arguments.user.is_some() {
        return Ok(());
    }
    warn(&index.records, now, &mut context.output)
}

fn row(record: &Record, now: u64) -> Vec<String> {
    vec![
        record.name.clone(),
        record.purpose.as_str().to_owned(),
        record.serial.clone(),
        date(record.not_after),
        record.days_left(now).to_string(),
        record.state(now).as_str().to_owned(),
    ]
}

fn is_of(record: &Record, user: &str) -> bool {
    record.purpose == Purpose::User && record.name == user
}

/// Of our own certificates the last is in use; of a peer's any may be.
fn is_in_use(authority: &Authority, record: &Record) -> bool {
    let own = record.purpose.as_str();
    !record.purpose.is_ours() || meant(authority, own) == record.serial
}

/// Says what expires soon.
fn warn(records: &[Record], now: u64, output: &mut Output<'_>) -> Result<(), Failure> {
    for warning in expiring(records, now) {
        output.warn(warning.words())?;
    }
    Ok(())
}

pub(super) fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let authority = authority(context)?;
    let now = ca::now();
    let records = authority.issued()?.records;
    let record = pick(&records, meant(&authority, &arguments.which), now)?;
    let (der, details) = authority.certificate(&record.serial)?;
    let server_name = authority
        .server_name()
        .filter(|_| record.purpose == Purpose::Server);
    if arguments.listing.json {
        let mut described = Described::of(record, now).with(&details, Some(&der));
        described.server_name = server_name.map(str::to_owned);
        return Ok(context.output.json(&described)?);
    }
    let days = record.days_left(now);
    let mut pairs = vec![
        ("name", record.name.clone()),
        ("device", record.device.clone().unwrap_or_default()),
        ("purpose", record.purpose.as_str().to_owned()),
        ("state", record.state(now).as_str().to_owned()),
        ("serial", record.serial.clone()),
        ("subject", details.subject.clone()),
        ("issuer", details.issuer.clone()),
        ("names", details.names.words().join("\n")),
        ("key", details.key.clone()),
        ("not before", date(record.not_before)),
        (
            "not after",
            format!("{} ({days} days left)", date(record.not_after)),
        ),
        ("sha-256", colons(&details.fingerprint)),
    ];
    if let Some(revoked) = record.revoked {
        let words = format!("{}, {}", date(revoked.at), revoked.reason.as_str());
        pairs.push(("revoked", words));
    }
    if details.trust_override != TrustOverride::Off {
        let policy = details.trust_override.as_str();
        pairs.push(("trust override", policy.to_owned()));
    }
    pairs.extend(server_name.map(|name| ("devices look for", name.to_owned())));
    let limits = details.limits();
    if !limits.is_empty() {
        pairs.push(("may sign", limits.join("\n")));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    Ok(context.output.pairs(&pairs)?)
}

/// The serial of the certificate in use where one of ours is meant.
pub(super) fn meant<'a>(authority: &'a Authority, which: &'a str) -> &'a str {
    let own = match which {
        "ca" => return &authority.ca().serial,
        "server" => authority.server_identity(),
        "client" => authority.client_identity(),
        "ocsp" => authority.ocsp_identity(),
        _ => None,
    };
    own.map_or(which, |own| &own.details.serial)
}

/// The certificate that was meant: by its serial, enough of its first digits, or its name. Of
/// several of a name the one that is good is meant, if only one is.
pub(super) fn pick<'a>(
    records: &'a [Record],
    which: &str,
    now: u64,
) -> Result<&'a Record, AuthorityError> {
    let serial = which.replace(':', "").to_ascii_lowercase();
    if let Some(record) = records.iter().find(|record| record.serial == serial) {
        return Ok(record);
    }
    let mut named: Vec<&Record> = records
        .iter()
        .filter(|record| record.name == which)
        .collect();
    if named.is_empty() && serial.len() >= SHORTEST_SERIAL {
        named = records
            .iter()
            .filter(|record| record.serial.starts_with(&serial))
            .collect();
    }
    let live: Vec<&Record> = named
        .iter()
        .copied()
        .filter(|record| record.is_live(now))
        .collect();
    match (live.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one),
        ([], []) => Err(AuthorityError::Unknown(which.to_owned())),
        ([], several) | (several, _) => Err(AuthorityError::Ambiguous {
            name: which.to_owned(),
            serials: several
                .iter()
                .map(|record| described(record, now))
                .collect(),
        }),
    }
}

fn described(record: &Record, now: u64) -> String {
    let state = match record.state(now) {
        State::Good => String::new(),
        other => format!(", {}", other.as_str()),
    };
    let (from, until) = (date(record.not_before), date(record.not_after));
    format!("{}  {from} to {until}{state}", record.serial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{Reason, Revocation};

    fn record(serial: &str, name: &str, purpose: Purpose) -> Record {
        Record {
            serial: serial.to_owned(),
            name: name.to_owned(),
            device: None,
            purpose,
            not_before: 0,
            not_after: 1_000_000_000,
            fingerprint: String::new(),
            names: Names::default(),
            revoked: None,
            warned: None,
        }
    }

    #[test]
    fn a_certificate_is_found_by_what_tells_it_from_others() {
        let mut records = vec![
            record("4a0000000001", "ap", Purpose::Peer),
            record("4a0000000002", "ap", Purpose::Peer),
            record("4b0000000003", "server", Purpose::Server),
        ];
        let found = |records: &[Record], which: &str| {
            pick(records, which, 1)
                .map(|record| record.serial.clone())
                .ok()
        };
        assert_eq!(found(&records, "server").as_deref(), Some("4b0000000003"));
        assert_eq!(
            found(&records, "4A:00:00:00:00:01").as_deref(),
            Some("4a0000000001")
        );
        assert_eq!(
            found(&records, "4b0000000003").as_deref(),
            Some("4b0000000003")
        );
        assert_eq!(found(&records, "nobody"), None);
        let several = pick(&records, "ap", 1).unwrap_err().to_string();
        assert!(several.contains("4a0000000001") && several.contains("4a0000000002"));
        records[0].revoked = Some(Revocation {
            at: 1,
            reason: Reason::Superseded,
        });
        assert_eq!(found(&records, "ap").as_deref(), Some("4a0000000002"));
    }

    #[test]
    fn a_fingerprint_is_written_in_pairs() {
        assert_eq!(colons("0a1bff"), "0A:1B:FF");
    }
}
