//! Asking a NAS to change or end a session (RFC 5176): which sessions are meant, where the NAS is
//! asked, and what its answer means.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use clap::Args;
use portreeve::{
    Client, blocking,
    client::{DynamicOutcome, Retry},
};
use portreeve_aaa::{
    attribute::describe,
    definition::{DialectName, Nas, SharedSecret},
    port::{SessionFilter, Store},
    session::Session,
};
use portreeve_proto::{AttributeList, Dictionary, ErrorCause};

use crate::{
    cli::Context,
    config::Config,
    failure::{Failure, Unknown},
    routers::{Kept, Routers},
    service::now_ms,
};

/// How long each transmission waits for its answer, and how many there are.
const WAIT: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;

/// Which sessions are meant, and how their NAS is asked.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The session's id, as the NAS calls it (Acct-Session-Id)
    #[arg(required_unless_present = "user")]
    id: Option<String>,
    /// All open sessions of a user
    #[arg(long, conflicts_with = "id")]
    user: Option<String>,
    /// Only those at a NAS
    #[arg(long)]
    nas: Option<String>,
    /// The UDP port on which the NAS takes such requests [default: the router's own where it is
    /// enrolled, else `coa.port` of the configuration, else 3799]
    #[arg(long)]
    port: Option<u16>,
    /// Say what would be asked, and ask nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A session with what is known of its NAS.
pub(super) struct Meant {
    pub(super) session: Session,
    nas: Option<Nas>,
    pub(super) router: Option<Kept>,
    port: u16,
}

impl Which {
    /// The sessions that are meant, at least one.
    pub(super) fn find(&self, context: &Context<'_>) -> Result<Vec<Meant>, Failure> {
        let filter = SessionFilter {
            user: self.user.clone(),
            nas: self.nas.clone(),
            ..SessionFilter::default()
        };
        let mut store = context.data.open()?;
        let mut found = store.sessions(&filter)?;
        if let Some(id) = &self.id {
            found.retain(|session| session.session_id == *id);
        }
        if found.is_empty() {
            let whose = self.id.as_ref().or(self.user.as_ref());
            return Err(Unknown::Session(whose.cloned().unwrap_or_default()).into());
        }
        let routers = Routers::of(&context.data);
        let usual = match self.port {
            Some(port) => port,
            None => Config::in_force(&context.data, None)?.coa.port,
        };
        let meant = found.into_iter().map(|session| {
            let nas = store.nas(&session.nas).ok();
            let router = routers.of_nas(&session.nas);
            let own = router.as_ref().and_then(|kept| kept.wanted().coa);
            let port = self.port.or(own.map(|coa| coa.port)).unwrap_or(usual);
            Meant {
                session,
                nas,
                router,
                port,
            }
        });
        Ok(meant.collect())
    }
}

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum NotDone {
    /// It was not sent.
    NotSent(String),
    NoAnswer {
        address: SocketAddr,
        dialect: DialectName,
    },
    Nak(Option<ErrorCause>),
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::NoAnswer { address, dialect } => {
                write!(f, "not answered at {address}: {}", silence(*dialect))
            }
            Self::Nak(None) => f.write_str("refused without a reason"),
            Self::Nak(Some(cause)) => {
                write!(f, "refused: {cause}")?;
                match meaning(*cause) {
                    Some(meaning) => write!(f, " ({meaning})"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What silence is usually about.
const fn silence(dialect: DialectName) -> &'static str {
    match dialect {
        DialectName::Generic => {
            "the NAS takes no such requests there or not from this server, or it has another secret"
        }
        DialectName::Mikrotik => {
            "`/radius incoming` must have accept=yes and that port, and the request must come from \
             the address and with the secret of an entry of `/radius`"
        }
    }
}

/// What a cause (RFC 5176 section 3.5) means for who asked.
const fn meaning(cause: ErrorCause) -> Option<&'static str> {
    Some(match cause {
        ErrorCause::UnsupportedAttribute => {
            "the NAS does not change that while a session goes on, or does not know it by that"
        }
        ErrorCause::MissingAttribute => "the NAS needs more than what is known of the session",
        ErrorCause::NasIdentificationMismatch => "the request has reached another NAS",
        ErrorCause::InvalidAttributeValue => "the NAS cannot make sense of the value",
        ErrorCause::UnsupportedService => "the NAS cannot do that for a session of this service",
        ErrorCause::UnsupportedExtension => "the NAS takes no requests of this kind",
        ErrorCause::AdministrativelyProhibited => "the NAS is set up not to",
        ErrorCause::SessionContextNotFound => "the NAS knows no such session",
        ErrorCause::ResourcesUnavailable => "the NAS is out of memory or the like",
        ErrorCause::MultipleSessionSelectionUnsupported => {
            "several sessions match, and the NAS takes one at a time"
        }
        _ => return None,
    })
}

impl NotDone {
    /// There is no such session.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Nak(Some(ErrorCause::SessionContextNotFound)))
    }
}

impl NotDone {
    /// It may be about how the session was named, and not about what was asked.
    pub(super) const fn is_about_naming(&self) -> bool {
        matches!(
            self,
            Self::Nak(
                None | Some(
                    ErrorCause::SessionContextNotFound
                        | ErrorCause::UnsupportedAttribute
                        | ErrorCause::MissingAttribute
                )
            )
        )
    }
}

impl Meant {
    pub(super) fn dialect(&self) -> DialectName {
        let nas = self.nas.as_ref();
        nas.map_or(DialectName::default(), |nas| nas.dialect)
    }

    /// The secrets that the NAS may go by, the likelier first.
    fn secrets(&self) -> impl Iterator<Item = &SharedSecret> {
        let now_ms = now_ms();
        self.nas.iter().flat_map(move |nas| nas.secrets(now_ms))
    }

    /// Where the NAS is asked.
    fn place(&self) -> Result<SocketAddr, NotDone> {
        let not = |why: &str| NotDone::NotSent(why.to_owned());
        let nas = self.nas.as_ref();
        let nas = nas.ok_or_else(|| not("the NAS is no longer defined"))?;
        if self.secrets().next().is_none() {
            return Err(not(
                "the NAS shares no secret with this server, for it comes over TLS",
            ));
        }
        if self
            .router
            .as_ref()
            .is_some_and(|it| it.wanted().coa.is_none())
        {
            return Err(not("the router was set up not to take it"));
        }
        let address = nas
            .host()
            .or(self.session.nas_address)
            .ok_or_else(|| not("the address of the NAS is not known"))?;
        Ok(SocketAddr::new(address, self.port))
    }

    /// Asks for one thing in one way after the other, as long as the refusals are such that the
    /// next is worth a try. Of several refusals the first counts that says more than that there is
    /// no such session.
    pub(super) fn ask(
        &self,
        ways: &[AttributeList],
        goes_on: impl Fn(&NotDone) -> bool,
        ask: impl Fn(&blocking::Client, AttributeList) -> Result<DynamicOutcome, portreeve::Error>,
    ) -> Result<(), NotDone> {
        let address = self.place()?;
        let mut done = Err(NotDone::NoAnswer {
            address,
            dialect: self.dialect(),
        });
        // Under a secret that it does not go by, a NAS keeps silent.
        for secret in self.secrets() {
            let client = self.client(address, secret)?;
            done = self.ask_by(&client, address, ways, &goes_on, &ask);
            if !matches!(done, Err(NotDone::NoAnswer { .. })) {
                break;
            }
        }
        done
    }

    fn client(
        &self,
        address: SocketAddr,
        secret: &SharedSecret,
    ) -> Result<blocking::Client, NotDone> {
        let retry = Retry {
            initial: WAIT,
            maximum: WAIT,
            count: TRIES,
            duration: WAIT * TRIES,
            jitter: 0.0,
        };
        let mut builder = Client::udp(address.to_string(), secret.expose()).retry(retry);
        // RouterOS takes the secret of the entry with the address that a request comes from.
        let server = self.router.as_ref().map(|kept| kept.server);
        if let Some(source) = server.filter(|one| is_here(*one)) {
            builder = builder.source(source);
        }
        blocking::Client::new(builder).map_err(|error| NotDone::NotSent(error.to_string()))
    }

    fn ask_by(
        &self,
        client: &blocking::Client,
        address: SocketAddr,
        ways: &[AttributeList],
        goes_on: impl Fn(&NotDone) -> bool,
        ask: impl Fn(&blocking::Client, AttributeList) -> Result<DynamicOutcome, portreeve::Error>,
    ) -> Result<(), NotDone> {
        let nothing = "what is known of the session is not enough to name it to the NAS";
        let mut last = NotDone::NotSent(nothing.to_owned());
        for way in ways {
            match ask(client, way.clone()) {
                Ok(DynamicOutcome::Ack(_)) => return Ok(()),
                Ok(outcome) => {
                    let refused = NotDone::Nak(outcome.cause());
                    let is_over = !goes_on(&refused);
                    if !matches!(last, NotDone::Nak(_)) || last.is_gone() {
                        last = refused;
                    }
                    if is_over {
                        break;
                    }
                }
                Err(portreeve::Error::NoAnswer { .. }) => {
                    let dialect = self.dialect();
                    return Err(NotDone::NoAnswer { address, dialect });
                }
                Err(error) => return Err(NotDone::NotSent(error.to_string())),
            }
        }
        Err(last)
    }

    /// What a dry run says: where would be asked, and what.
    pub(super) fn rehearse(&self, ways: &[AttributeList]) -> Result<(SocketAddr, String), NotDone> {
        let address = self.place()?;
        let dictionary = Dictionary::builtin();
        let said = ways.first().map(|way| describe(dictionary, way));
        let said: Vec<String> = said
            .into_iter()
            .flatten()
            .map(|it| it.to_string())
            .collect();
        Ok((address, said.join(", ")))
    }
}

fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_name_and_what_it_means() {
        let said = |cause| NotDone::Nak(cause).to_string();
        let gone = said(Some(ErrorCause::SessionContextNotFound));
        assert!(
            gone.contains("Session Context Not Found (the NAS"),
            "{gone}"
        );
        let strange = said(Some(ErrorCause::from_number(4711)));
        assert_eq!(strange, "refused: Error-Cause 4711");
        assert_eq!(said(None), "refused without a reason");
    }

    #[test]
    fn silence_of_a_router_names_its_menu() {
        let silent = NotDone::NoAnswer {
            address: "192.0.2.1:3799".parse().unwrap(),
            dialect: DialectName::Mikrotik,
        };
        let said = silent.to_string();
        assert!(said.contains("/radius incoming") && said.contains("192.0.2.1:3799"));
    }
}
