//! Finding the best way to a router, and making one that is safe where there is none.

use clap::ValueEnum;
use portreeve_routeros::{
    Error, Login, Record, Target, Transport, Trust,
    dial::{Seen, certificate_of, spell_fingerprint},
    error::TlsTrouble,
};

use super::{account::Foundation, ask, plain};
use crate::{
    failure::Failure,
    output::Output,
    routers::{Link, RouterError},
};

/// What the certificate is called that is made for the router's API.
pub(super) const API_CERTIFICATE: &str = "portreeve-api";

/// The ways a router is spoken to, in the words of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// The API in TLS, port 8729
    ApiSsl,
    /// REST over HTTPS, port 443; RouterOS 7.1 and later
    RestSsl,
    /// The API in the clear, port 8728: the password can be read on the way
    Api,
    /// REST over HTTP, port 80: the password can be read on the way
    Rest,
}

impl By {
    fn transport(self) -> Transport {
        match self {
            Self::ApiSsl => Transport::ApiSsl,
            Self::RestSsl => Transport::RestSsl,
            Self::Api => Transport::Api,
            Self::Rest => Transport::Rest,
        }
    }
}

/// Where a router is, and what may be done to reach it.
pub(super) struct Search<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) by: Option<By>,
    /// What its certificate is to be.
    pub(super) pin: Option<[u8; 32]>,
    pub(super) login: &'a Login,
    pub(super) yes: bool,
    pub(super) yes_plain: bool,
}

/// A router that one is logged in to.
pub(super) struct Way {
    pub(super) target: Target,
    pub(super) link: Link,
    /// The API in TLS is there and has no certificate yet.
    pub(super) lacks_certificate: bool,
}

impl Search<'_> {
    /// Logs in by the best way there is: encrypted ones first, and in the clear only where that is
    /// agreed to.
    pub(super) async fn find(&self, output: &mut Output<'_>) -> Result<Way, Failure> {
        let candidates = match self.by {
            Some(by) => vec![by.transport()],
            None => vec![Transport::ApiSsl, Transport::RestSsl, Transport::Api],
        };
        let (mut lacks_certificate, mut troubles) = (false, Vec::new());
        for transport in candidates {
            let mut target = Target::new(self.host, transport);
            target.port = self.port.unwrap_or(target.port);
            if transport.is_encrypted() {
                match certificate_of(&target).await {
                    Ok(seen) => {
                        self.believe(&seen, &target)?;
                        target.trust = Trust::Pin(seen.fingerprint);
                    }
                    Err(error) => {
                        lacks_certificate |= is_anonymous(&error) && transport == Transport::ApiSsl;
                        troubles.push(error);
                        continue;
                    }
                }
            } else if !self.may_be_read(&troubles)? {
                break;
            }
            match Link::open_as(self.host, &target, self.login, None).await {
                Ok(link) => {
                    let way = plain::transport(transport);
                    output.note(format!("logged in to {} by {way}", self.host))?;
                    return Ok(Way {
                        target,
                        link,
                        lacks_certificate,
                    });
                }
                Err(RouterError::Router { source, .. }) if may_be_elsewhere(&source) => {
                    troubles.push(*source);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(self.none(&troubles).into())
    }

    /// Whether a certificate is the router's.
    fn believe(&self, seen: &Seen, target: &Target) -> Result<(), Failure> {
        let shown = spell_fingerprint(&seen.fingerprint);
        match self.pin {
            Some(pin) if pin == seen.fingerprint => return Ok(()),
            Some(_) => {
                return Err(RouterError::Refused(format!(
                    "{}:{} shows another certificate than --fingerprint says, with the SHA-256 \
                     fingerprint {shown}: either it is another router, or somebody stands in \
                     between. No password was sent",
                    target.host, target.port
                ))
                .into());
            }
            None if self.yes => return Ok(()),
            None => {}
        }
        let question = format!(
            "The router shows the certificate {}, with the SHA-256 fingerprint\n  {shown}\n(on the \
             router: /certificate print detail). It is trusted from now on, and no other. Is it \
             the router's?",
            seen.subject
        );
        let instead =
            format!("say --fingerprint {shown} if it is, or --yes to trust whatever comes");
        if ask::confirm(&question, &instead)? {
            return Ok(());
        }
        Err(RouterError::Refused("nothing was sent to the router".to_owned()).into())
    }

    /// Whether the password may cross the network readable.
    fn may_be_read(&self, troubles: &[Error]) -> Result<bool, Failure> {
        if self.yes_plain {
            return Ok(true);
        }
        let why = match troubles.first() {
            Some(error) => format!("There is no encrypted way to the router yet ({error}). "),
            None => String::new(),
        };
        let question = format!(
            "{why}Log in over the API in the clear this once, so that the password can be read by \
             whoever is on the way, and give the router a certificate?"
        );
        let instead = "say --yes-plain where nobody else is on the way to the router";
        ask::confirm(&question, instead)
    }

    fn none(&self, troubles: &[Error]) -> RouterError {
        let words: Vec<String> = troubles.iter().map(Error::to_string).collect();
        let words = if words.is_empty() {
            "nothing was tried".to_owned()
        } else {
            words.join("; ")
        };
        RouterError::Refused(format!(
            "no way to the router at {} was found: {words}. On the router, look at /ip service \
             print: api-ssl or www-ssl must be enabled, and its `address` list must have this \
             server in it",
            self.host
        ))
    }
}

/// Whether another service of the router may be the better one.
fn may_be_elsewhere(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::Closed { .. }
            | Error::TimedOut { .. }
            | Error::Tls { .. }
            | Error::Protocol(_)
            | Error::NotSupported(_)
    )
}

fn is_anonymous(error: &Error) -> bool {
    let Error::Tls { cause, .. } = error else {
        return false;
    };
    matches!(cause, TlsTrouble::Anonymous)
}

/// Gives the router's API in TLS a certificate of its own, and says how it is reached then.
pub(super) async fn secure(
    link: &Link,
    target: &Target,
    foundation: &mut Foundation<'_>,
    output: &mut Output<'_>,
) -> Result<Target, Failure> {
    let services = link
        .router
        .print(
            "/ip/service",
            &[".id", "name", "port", "disabled", "certificate"],
            &[],
        )
        .await;
    let services = link.said(services)?;
    let service = services
        .iter()
        .find(|one| one.get("name") == Some("api-ssl"));
    let Some(service) = service else {
        let words = "the router has no service api-ssl that could be given a certificate";
        return Err(RouterError::Refused(words.to_owned()).into());
    };
    output.note("making a certificate for the router's API")?;
    let fingerprint = make_certificate(link, target, foundation).await?;
    let after = Record::new()
        .with("certificate", API_CERTIFICATE)
        .with("disabled", "no");
    foundation
        .set(
            link,
            "/ip/service",
            service,
            after,
            "the API in TLS needs a certificate",
        )
        .await?;
    let mut secured = Target::new(&target.host, Transport::ApiSsl);
    secured.port = service
        .number("port")
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(secured.port);
    let found = shown(&secured)
        .await
        .map_err(|error| RouterError::of(&target.host, error))?;
    if fingerprint.is_some_and(|known| !known.eq_ignore_ascii_case(&spell_fingerprint(&found))) {
        return Err(RouterError::Refused(
            "the router's API shows another certificate than the one that was made on it: \
             somebody stands in between, and has the password now. Change it"
                .to_owned(),
        )
        .into());
    }
    secured.trust = Trust::Pin(found);
    output.note(format!(
        "its SHA-256 fingerprint is pinned: {}",
        spell_fingerprint(&found)
    ))?;
    Ok(secured)
}

/// A service takes a moment to show its new certificate.
async fn shown(target: &Target) -> Result<[u8; 32], Error> {
    let mut left = 10;
    loop {
        match certificate_of(target).await {
            Err(error) if left == 0 => return Err(error),
            Err(_) => left -= 1,
            Ok(seen) => return Ok(seen.fingerprint),
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// Makes a certificate on the router, signed by itself, and gives its fingerprint where the router
/// says it.
async fn make_certificate(
    link: &Link,
    target: &Target,
    foundation: &mut Foundation<'_>,
) -> Result<Option<String>, Failure> {
    let add = "/certificate/add";
    let mut values = Record::new()
        .with("name", API_CERTIFICATE)
        .with("common-name", &target.host)
        .with("days-valid", "3650")
        .with("key-size", "2048")
        .with("key-usage", "digital-signature,key-encipherment,tls-server");
    if target.host.parse::<std::net::Ipv4Addr>().is_ok() && link.can.takes(add, "subject-alt-name")
    {
        values.set("subject-alt-name", format!("IP:{}", target.host));
    }
    let id = foundation
        .add(
            link,
            "/certificate",
            values,
            &["name"],
            "for the API in TLS",
        )
        .await?;
    let sign = portreeve_routeros::Command::new("/certificate/sign").with(".id", id.as_str());
    link.said(link.router.call(&sign).await)?;
    // Making a key takes a small router a while.
    for _ in 0..60 {
        let wanted = [portreeve_routeros::Query::equals("name", API_CERTIFICATE)];
        let found = link
            .router
            .print("/certificate", &["fingerprint", "private-key"], &wanted)
            .await;
        let found = link.said(found)?;
        let record = found.first();
        let printed = record.and_then(|record| record.get("fingerprint"));
        if let Some(printed) = printed.filter(|printed| !printed.is_empty()) {
            return Ok(Some(printed.replace(':', "")));
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    Err(
        RouterError::Refused("the router did not sign its certificate within 30 s".to_owned())
            .into(),
    )
}
