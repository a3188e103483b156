//! What is kept of each certificate.

use serde::{Deserialize, Serialize};

use super::{details::Details, names::Names};

/// The days before the end at which somebody is to be told.
pub(crate) const THRESHOLDS: [u32; 4] = [30, 14, 7, 1];
pub(crate) const DAY: u64 = 86_400;
/// What signs OCSP answers lives for a month only, and is renewed after two thirds of that.
const OCSP_THRESHOLD: u32 = 7;
/// How long one that has expired is still spoken of, in days.
const REMEMBERED: i64 = 30;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// Signs the others.
    Ca,
    /// Shown by this server to whoever connects.
    Server,
    /// Shown by this server where it connects to others.
    Client,
    /// A RadSec peer: it connects to us, and we may connect to it.
    Peer,
    /// A user, on one device: for EAP-TLS and the like.
    User,
    /// Signs what this server says of other certificates (OCSP).
    Ocsp,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Server => "server",
            Self::Client => "client",
            Self::Peer => "peer",
            Self::User => "user",
            Self::Ocsp => "ocsp",
        }
    }

    /// Whether there is one of its kind in use at a time, and it is ours.
    pub(crate) const fn is_ours(self) -> bool {
        !matches!(self, Self::Peer | Self::User)
    }
}

/// Why a certificate is revoked (RFC 5280, 5.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// No reason given
    #[default]
    Unspecified,
    /// Its key is in the wrong hands
    KeyCompromise,
    /// Its holder has another name or place now
    AffiliationChanged,
    /// Another certificate has taken its place
    Superseded,
    /// Its holder is no longer in use
    CessationOfOperation,
    /// Its holder may no longer do what it was for
    PrivilegeWithdrawn,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
        }
    }
}

/// When and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    /// Seconds since 1970.
    pub(crate) at: u64,
    pub(crate) reason: Reason,
}

/// What is kept of a certificate that was issued. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Hexadecimal, in lower case.
    pub(crate) serial: String,
    pub(crate) name: String,
    /// The device of a user it was issued for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// SHA-256 of the certificate, hexadecimal.
    pub(crate) fingerprint: String,
    #[serde(flatten)]
    pub(crate) names: Names,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<Revocation>,
    /// The last threshold at which the log said that the end is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warned: Option<u32>,
}

/// Whether a certificate can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    ExpiresSoon,
    Expired,
    Revoked,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::ExpiresSoon => "expires soon",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Record {
    /// What the certificate itself says.
    pub(crate) fn of(details: &Details, name: &str, purpose: Purpose) -> Self {
        Self {
            serial: details.serial.clone(),
            name: name.to_owned(),
            device: details.device.clone(),
            purpose,
            not_before: details.not_before,
            not_after: details.not_after,
            fingerprint: details.fingerprint.clone(),
            names: details.names.clone(),
            revoked: None,
            warned: None,
        }
    }

    /// Whole days until it expires; below zero afterwards.
    pub(crate) fn days_left(&self, now: u64) -> i64 {
        days_between(now, self.not_after)
    }

    pub(crate) fn state(&self, now: u64) -> State {
        if self.revoked.is_some() {
            State::Revoked
        } else if now >= self.not_after {
            State::Expired
        } else if self.threshold(now).is_some() {
            State::ExpiresSoon
        } else {
            State::Good
        }
    }

    /// Whether it is valid now.
    pub(crate) fn is_live(&self, now: u64) -> bool {
        matches!(self.state(now), State::Good | State::ExpiresSoon)
    }

    /// The smallest threshold that is reached; 0 once it has expired.
    pub(crate) fn threshold(&self, now: u64) -> Option<u32> {
        if now >= self.not_after {
            return Some(0);
        }
        let most = match self.purpose {
            Purpose::Ocsp => OCSP_THRESHOLD,
            _ => u32::MAX,
        };
        let reached = |days: &u32| *days <= most && self.not_after - now <= u64::from(*days) * DAY;
        THRESHOLDS.iter().copied().rev().find(reached)
    }
}

fn days_between(now: u64, end: u64) -> i64 {
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    let day = signed(DAY);
    signed(end).saturating_sub(signed(now)).div_euclid(day)
}

/// A certificate that expires soon or has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) name: String,
    pub(crate) device: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) serial: String,
    /// Whole days; below zero once it has expired.
    pub(crate) days_left: i64,
    /// The threshold that was reached: 30, 14, 7, 1, or 0 once it has expired.
    pub(crate) threshold: u32,
}

impl Warning {
    fn of(record: &Record, now: u64) -> Option<Self> {
        Some(Self {
            name: record.name.clone(),
            device: record.device.clone(),
            purpose: record.purpose,
            serial: record.serial.clone(),
            days_left: record.days_left(now),
            threshold: record.threshold(now)?,
        })
    }

    /// One sentence: what, when, and what to do.
    pub(crate) fn words(&self) -> String {
        let whose = match self.purpose {
            Purpose::Ca => "the certificate authority".to_owned(),
            Purpose::Server => "the server's certificate".to_owned(),
            Purpose::Client => "the certificate for outgoing connections".to_owned(),
            Purpose::Peer => format!("the certificate of peer '{}'", self.name),
            Purpose::User => match &self.device {
                Some(device) => format!("the certificate of user '{}' on {device}", self.name),
                None => format!("the certificate of user '{}'", self.name),
            },
            Purpose::Ocsp => "the certificate that signs OCSP answers".to_owned(),
        };
        let when = match self.days_left {
            ..0 => "has expired".to_owned(),
            0 => "expires within a day".to_owned(),
            1 => "expires in 1 day".to_owned(),
            days => format!("expires in {days} days"),
        };
        let cure = match self.purpose {
            Purpose::Ca => "make a new one: portreeve cert init --force".to_owned(),
            Purpose::Server | Purpose::Client | Purpose::Ocsp => {
                "the running server renews it; by hand: portreeve cert renew".to_owned()
            }
            Purpose::Peer => format!("issue another: portreeve cert issue --peer '{}'", self.name),
            Purpose::User => format!("issue another: portreeve cert renew {}", self.serial),
        };
        format!("{whose} ({}) {when}; {cure}", self.serial)
    }
}

/// Everything that expires within [`THRESHOLDS`], or has within the last [`REMEMBERED`] days. A
/// certificate that another of its name outlives is not mentioned: its holder is provided for.
pub(crate) fn expiring(records: &[Record], now: u64) -> Vec<Warning> {
    records
        .iter()
        .filter(|record| record.revoked.is_none() && record.days_left(now) >= -REMEMBERED)
        // It is renewed while it is used, and of no use otherwise.
        .filter(|record| record.purpose != Purpose::Ocsp)
        .filter(|record| !is_replaced(record, records))
        .filter_map(|record| Warning::of(record, now))
        .collect()
}

/// Whether a later certificate that is not revoked bears the same name for the same purpose.
pub(crate) fn is_replaced(record: &Record, records: &[Record]) -> bool {
    records.iter().any(|other| {
        other.serial != record.serial
            && other.purpose == record.purpose
            && (&other.name, &other.device) == (&record.name, &record.device)
            && other.revoked.is_none()
            && (other.not_after, other.not_before) > (record.not_after, record.not_before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(serial: &str, not_after: u64) -> Record {
        Record {
            serial: serial.to_owned(),
            name: "ap".to_owned(),
            device: None,
            purpose: Purpose::Peer,
            not_before: 0,
            not_after,
            fingerprint: String::new(),
            names: Names::default(),
            revoked: None,
            warned: None,
        }
    }

    #[test]
    fn each_threshold_is_reached_in_its_turn() {
        let record = record("1", 100 * DAY);
        let at = |days: u64| record.threshold(days * DAY);
        let reached = [69, 70, 85, 86, 92, 93, 98, 99, 100].map(at);
        let expected = [
            None,
            Some(30),
            Some(30),
            Some(14),
            Some(14),
            Some(7),
            Some(7),
            Some(1),
        ];
        assert_eq!(reached[..8], expected);
        assert_eq!(reached[8], Some(0));
        assert_eq!(record.days_left(101 * DAY), -1);
        assert_eq!(record.state(100 * DAY), State::Expired);
        assert_eq!(record.state(0), State::Good);
    }

    #[test]
    fn what_lives_for_a_month_is_no_cause_for_alarm() {
        let mut record = record("1", 30 * DAY);
        record.purpose = Purpose::Ocsp;
        assert_eq!(record.state(DAY), State::Good);
        assert_eq!(record.state(24 * DAY), State::ExpiresSoon);
        assert!(expiring(&[record], 29 * DAY).is_empty());
    }

    #[test]
    fn only_the_last_of_a_name_is_mentioned() {
        let mut records = vec![record("1", 10 * DAY), record("2", 20 * DAY)];
        let said = expiring(&records, 5 * DAY);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].serial, "2");
        assert!(
            said[0].words().contains("in 15 days"),
            "{}",
            said[0].words()
        );
        records[1].revoked = Some(Revocation {
            at: 1,
            reason: Reason::Superseded,
        });
        assert_eq!(expiring(&records, 5 * DAY)[0].serial, "1");
    }

    #[test]
    fn one_device_of_a_user_does_not_stand_in_for_another() {
        let mut records = vec![record("1", 10 * DAY), record("2", 20 * DAY)];
        for (record, device) in records.iter_mut().zip(["phone", "laptop"]) {
            record.purpose = Purpose::User;
            record.device = Some(device.to_owned());
        }
        let said = expiring(&records, 5 * DAY);
        assert_eq!(said.len(), 2);
        let words = said[0].words();
        assert!(
            words.contains("'ap' on phone") && words.contains("cert renew 1"),
            "{words}"
        );
    }
}
