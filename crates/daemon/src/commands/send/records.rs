//! Records of accounting to send.

use clap::{Args, ValueEnum};
use portreeve_proto::{AttributeList, attr};

use super::Asked;
use crate::{commands::password, failure::Failure, output::Output};

/// A record of accounting.
#[derive(Debug, Args)]
pub(crate) struct Acct {
    #[command(flatten)]
    pub(super) asked: Asked,
    /// What is reported [default: start, or what --attr says]
    #[arg(long, value_enum)]
    status: Option<Report>,
    /// The session [default: a new one, or what --attr says]
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Whose session
    #[arg(long, short = 'u', value_name = "NAME")]
    user: Option<String>,
    /// How long the session lasts so far, in seconds
    #[arg(long, value_name = "SECONDS")]
    session_time: Option<u32>,
    /// Octets from the subscriber; those beyond 4 GiB go into Acct-Input-Gigawords
    #[arg(long, value_name = "N")]
    input_octets: Option<u64>,
    /// Octets to the subscriber; those beyond 4 GiB go into Acct-Output-Gigawords
    #[arg(long, value_name = "N")]
    output_octets: Option<u64>,
}

/// What a record reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Report {
    /// A session has begun
    Start,
    /// A session goes on
    Interim,
    /// A session has ended
    Stop,
    /// The device has started
    On,
    /// The device is about to stop
    Off,
}

impl Acct {
    pub(super) fn attributes(
        &self,
        extra: AttributeList,
        output: &mut Output<'_>,
    ) -> Result<AttributeList, Failure> {
        let mut list = AttributeList::new();
        if let Some(user) = &self.user {
            list.add(attr::USER_NAME, user);
        }
        let says_status = extra.contains(&attr::ACCT_STATUS_TYPE.spec().oid);
        match (self.status, says_status) {
            (None, true) => {}
            (status, _) => {
                list.add(
                    attr::ACCT_STATUS_TYPE,
                    status.unwrap_or(Report::Start).number(),
                );
            }
        }
        match &self.session_id {
            Some(session) => list.add(attr::ACCT_SESSION_ID, session),
            None if extra.contains(&attr::ACCT_SESSION_ID.spec().oid) => {}
            None => {
                let session = new_session()?;
                output.note(format!("session {session}"))?;
                list.add(attr::ACCT_SESSION_ID, session);
            }
        }
        if let Some(seconds) = self.session_time {
            list.add(attr::ACCT_SESSION_TIME, seconds);
        }
        if let Some(octets) = self.input_octets {
            let (low, high) = halves(octets);
            list.add(attr::ACCT_INPUT_OCTETS, low);
            list.add(attr::ACCT_INPUT_GIGAWORDS, high);
        }
        if let Some(octets) = self.output_octets {
            let (low, high) = halves(octets);
            list.add(attr::ACCT_OUTPUT_OCTETS, low);
            list.add(attr::ACCT_OUTPUT_GIGAWORDS, high);
        }
        list.extend(&extra);
        Ok(list)
    }
}

impl Report {
    const fn number(self) -> u32 {
        match self {
            Self::Start => attr::acct_status_type::START,
            Self::Interim => attr::acct_status_type::INTERIM_UPDATE,
            Self::Stop => attr::acct_status_type::STOP,
            Self::On => attr::acct_status_type::ACCOUNTING_ON,
            Self::Off => attr::acct_status_type::ACCOUNTING_OFF,
        }
    }
}

fn new_session() -> Result<String, Failure> {
    let mut octets = [0; 8];
    password::fill(&mut octets)?;
    Ok(format!("{:016x}", u64::from_be_bytes(octets)))
}

/// RFC 2869 section 5.1: what exceeds 32 bits goes into an attribute of its own.
fn halves(octets: u64) -> (u32, u32) {
    let [a, b, c, d, low @ ..] = octets.to_be_bytes();
    (u32::from_be_bytes(low), u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_beyond_four_gibibytes_are_gigawords() {
        assert_eq!(halves(5), (5, 0));
        assert_eq!(halves((3 << 32) + 7), (7, 3));
    }
}
