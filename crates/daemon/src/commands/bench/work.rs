//! What a load consists of: the requests, one after the other.

use std::{io, sync::Arc};

use portreeve::client::{Access, Accounting};
use portreeve_auth::{Expectation, Login, Method, PasswordError};
use portreeve_proto::{Ask, AttributeList, EncodeError, Query, Random, Secret, attr};
use zeroize::Zeroize as _;

use super::users::Users;

/// Octets asked of the system's generator at once.
const POOL: usize = 4096;
/// How we call ourselves as a NAS where --attr says nothing else.
const NAS: &str = "portreeve-bench";
/// Seconds and octets that a session gains with every report.
const SECONDS: u32 = 60;
const OCTETS: u32 = 1 << 20;

/// The requests of a load.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) kind: Kind,
    pub(crate) users: Arc<Users>,
    pub(crate) extra: AttributeList,
    pub(crate) secret: Secret,
    /// Whether answers to Access-Requests must carry Message-Authenticator.
    pub(crate) require: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sessions that start, report once and stop, one after the other; `run` tells this load's
    /// sessions from those of others.
    Accounting { run: u64 },
    /// Log-ins.
    Auth(Method),
}

/// How far the session of one place has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    #[default]
    Start,
    Interim {
        session: u64,
    },
    Stop {
        session: u64,
    },
}

/// A request that is ready to go.
pub(crate) struct Prepared {
    pub(crate) query: Query,
    pub(crate) expectation: Option<Expectation>,
    /// What the same place sends next.
    pub(crate) next: Stage,
}

/// A request for a client that encodes it by itself.
pub(crate) enum Question {
    Access(Access),
    Accounting(Accounting),
}

/// Why a request cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("the password does not fit the method: {0}")]
    Password(#[from] PasswordError),
    #[error("the system has no source of random numbers")]
    Random(#[source] io::Error),
}

impl Work {
    /// Encodes the `number`th request, from 0, into `out`.
    pub(crate) fn prepare(
        &self,
        number: u64,
        stage: Stage,
        identifier: u8,
        random: &mut Pool,
        out: &mut Vec<u8>,
    ) -> Result<Prepared, WorkError> {
        let (ask, mut attributes, expectation, next) = match self.kind {
            Kind::Auth(method) => {
                let user = self.users.of(number);
                let login = Login::new(method, &user.name, &user.password, random)?;
                let (attributes, expectation) = login.into_parts();
                (Ask::Access, attributes, Some(expectation), Stage::Start)
            }
            Kind::Accounting { run } => {
                let (attributes, next) = self.report(run, number, stage);
                (Ask::Accounting, attributes, None, next)
            }
        };
        self.complete(&mut attributes);
        let query = Query::encode(
            ask,
            identifier,
            &attributes,
            &self.secret,
            false,
            random,
            out,
        )?;
        random.verdict()?;
        Ok(Prepared {
            query,
            expectation,
            next,
        })
    }

    /// The `number`th request, from 0, and what the same place sends next.
    pub(crate) fn question(&self, number: u64, stage: Stage) -> (Question, Stage) {
        match self.kind {
            Kind::Auth(method) => {
                let user = self.users.of(number);
                let access = Access::by(method, &user.name, &user.password);
                let mut besides = AttributeList::new();
                self.complete(&mut besides);
                let access = access.with_all(&besides);
                (Question::Access(access), Stage::Start)
            }
            Kind::Accounting { run } => {
                let (mut attributes, next) = self.report(run, number, stage);
                self.complete(&mut attributes);
                (Question::Accounting(Accounting::bare(attributes)), next)
            }
        }
    }

    /// Adds what every request holds besides its own attributes.
    fn complete(&self, attributes: &mut AttributeList) {
        if !names_the_nas(&self.extra) {
            attributes.add(attr::NAS_IDENTIFIER, NAS);
        }
        attributes.extend(&self.extra);
    }

    fn report(&self, run: u64, number: u64, stage: Stage) -> (AttributeList, Stage) {
        let (status, session, reports, next) = match stage {
            Stage::Start => (
                attr::acct_status_type::START,
                number,
                0,
                Stage::Interim { session: number },
            ),
            Stage::Interim { session } => (
                attr::acct_status_type::INTERIM_UPDATE,
                session,
                1,
                Stage::Stop { session },
            ),
            Stage::Stop { session } => (attr::acct_status_type::STOP, session, 2, Stage::Start),
        };
        let mut attributes = AttributeList::new()
            .with(attr::USER_NAME, &*self.users.of(session).name)
            .with(attr::ACCT_STATUS_TYPE, status)
            .with(attr::ACCT_SESSION_ID, format!("{run:016x}-{session:x}"));
        if reports > 0 {
            attributes.add(attr::ACCT_SESSION_TIME, reports * SECONDS);
            attributes.add(attr::ACCT_INPUT_OCTETS, reports * OCTETS);
            attributes.add(attr::ACCT_OUTPUT_OCTETS, reports * 8 * OCTETS);
        }
        (attributes, next)
    }
}

/// RFC 2865 section 4.1: a request says from which NAS it comes.
pub(crate) fn names_the_nas(attributes: &AttributeList) -> bool {
    [
        attr::NAS_IDENTIFIER.spec().oid,
        attr::NAS_IP_ADDRESS.spec().oid,
        attr::NAS_IPV6_ADDRESS.spec().oid,
    ]
    .iter()
    .any(|oid| attributes.contains(oid))
}

/// The system's generator, asked for some thousand octets at a time. Octets are wiped when handed
/// out.
pub(crate) struct Pool {
    octets: Box<[u8; POOL]>,
    left: usize,
    failed: Option<getrandom::Error>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self {
            octets: Box::new([0; POOL]),
            left: 0,
            failed: None,
        }
    }

    /// Whether everything handed out since the last call was random.
    pub(crate) fn verdict(&mut self) -> Result<(), WorkError> {
        match self.failed.take() {
            Some(error) => Err(WorkError::Random(io::Error::other(error))),
            None => Ok(()),
        }
    }
}

impl Random for Pool {
    fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(POOL) {
            if self.left < chunk.len() {
                if let Err(error) = getrandom::fill(self.octets.as_mut_slice()) {
                    self.failed = Some(error);
                }
                self.left = POOL;
            }
            let start = self.left - chunk.len();
            let drawn = &mut self.octets[start..self.left];
            chunk.copy_from_slice(drawn);
            drawn.zeroize();
            self.left = start;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use portreeve_proto::Packet;
    use zeroize::Zeroizing;

    use super::*;
    use crate::commands::bench::users;

    fn work(kind: Kind, extra: AttributeList) -> Work {
        Work {
            kind,
            users: Arc::new(Users::Numbered {
                login: users::Login {
                    name: "user%d".to_owned(),
                    password: Zeroizing::new("12345".to_owned()),
                },
                many: 10,
            }),
            extra,
            secret: Secret::new("xyzzy5461").unwrap(),
            require: true,
        }
    }

    #[test]
    fn a_session_starts_reports_and_stops() {
        let work = work(Kind::Accounting { run: 7 }, AttributeList::new());
        let (mut stage, mut seen) = (Stage::Start, Vec::new());
        for number in 4..8 {
            let mut out = Vec::new();
            let made = work
                .prepare(number, stage, 9, &mut Pool::new(), &mut out)
                .unwrap();
            stage = made.next;
            let packet = Packet::parse(&out).unwrap();
            seen.push((
                packet.get(attr::ACCT_STATUS_TYPE).unwrap(),
                packet.get(attr::ACCT_SESSION_ID).unwrap().to_owned(),
                packet.get(attr::USER_NAME).unwrap().to_owned(),
            ));
        }
        let first = "0000000000000007-4".to_owned();
        assert_eq!(
            seen,
            [
                (1, first.clone(), "user5".to_owned()),
                (3, first.clone(), "user5".to_owned()),
                (2, first, "user5".to_owned()),
                (1, "0000000000000007-7".to_owned(), "user8".to_owned()),
            ]
        );
    }

    #[test]
    fn a_nas_of_the_users_own_replaces_ours() {
        let extra = AttributeList::new().with(attr::NAS_IDENTIFIER, "lab");
        for (extra, expected) in [(extra, "lab"), (AttributeList::new(), NAS)] {
            let work = work(Kind::Auth(Method::MsChapV2), extra);
            let mut out = Vec::new();
            let made = work
                .prepare(0, Stage::Start, 9, &mut Pool::new(), &mut out)
                .unwrap();
            assert!(made.expectation.is_some());
            let packet = Packet::parse(&out).unwrap();
            assert_eq!(packet.all(attr::NAS_IDENTIFIER), [expected]);
        }
    }
}
