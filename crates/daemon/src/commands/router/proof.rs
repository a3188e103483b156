//! Whether it works: a log-in through the router, or what its counters and ours say.

use std::time::Duration;

use portreeve_aaa::{
    definition::User,
    port::{Put, Store as _},
};
use portreeve_routeros::{Login, Router, Target, monitor};
use portreeve_store::Sqlite;
use serde::Serialize;

use super::{certificate, known::until_known};
use crate::{
    cli::Context,
    commands::password,
    failure::Failure,
    routers::{Kept, Link, RouterError},
    serving::control,
};

/// How often a log-in is tried: RadSec takes the router a moment.
const TRIES: u32 = 6;
const BETWEEN: Duration = Duration::from_millis(1_500);

/// What is known of whether it works.
#[derive(Debug, Serialize)]
#[serde(tag = "proof", rename_all = "kebab-case")]
pub(super) enum Proof {
    /// Somebody whom only this server knows has logged in to the router.
    LoggedIn {
        /// How long that took, in milliseconds.
        took_ms: u64,
    },
    /// The router's requests have been answered, or its connection stands.
    Seen { how: String },
    /// Nobody can know yet.
    NotYet { why: String },
}

impl Proof {
    pub(super) fn words(&self) -> String {
        match self {
            Self::LoggedIn { took_ms } => format!(
                "proven: a user whom only this server knows logged in to the router within \
                 {took_ms} ms"
            ),
            Self::Seen { how } => format!("seen: {how}"),
            Self::NotYet { why } => format!("not proven yet: {why}"),
        }
    }
}

/// Proves that the router asks us and hears us, as well as its version and services allow.
pub(super) async fn prove(
    kept: &Kept,
    link: &Link,
    context: &mut Context<'_>,
) -> Result<Proof, Failure> {
    if control::ask(&context.data).is_err() {
        let why = "the server is not running here; start it (portreeve serve), then: portreeve \
                   router check";
        return Ok(Proof::NotYet {
            why: why.to_owned(),
        });
    }
    if kept.wanted().services.login.is_some() {
        if !link.can.version().is_at_least(6, 43) {
            let why = "RouterOS before 6.43 hands no password over when somebody logs in by its \
                       API, so that nobody else can be asked; log in to it by SSH as a user of \
                       this server";
            return Ok(Proof::NotYet {
                why: why.to_owned(),
            });
        }
        return log_in(kept, context).await;
    }
    let tag = kept.wanted().tag;
    let reading = link.said(monitor::read(&link.router, &link.can).await)?;
    let ours = reading.radius.iter().find(|entry| entry.comment == tag);
    if let Some(entry) = ours.filter(|entry| entry.counters.accepts + entry.counters.rejects > 0) {
        let counters = &entry.counters;
        return Ok(Proof::Seen {
            how: format!(
                "the router counts {} accepts and {} rejects of ours",
                counters.accepts, counters.rejects
            ),
        });
    }
    if let Some(status) = certificate::status(link, &tag).await? {
        return Ok(Proof::Seen {
            how: format!("the router says of its connection to us: {status}"),
        });
    }
    let why = "nobody has logged in through the router yet; let somebody, then: portreeve router \
               check";
    Ok(Proof::NotYet {
        why: why.to_owned(),
    })
}

/// A user made for a test alone, who is gone when this is dropped: also where somebody presses
/// Ctrl-C.
struct Tester {
    store: Sqlite,
    name: String,
}

impl Drop for Tester {
    fn drop(&mut self) {
        // Where it cannot be removed, `user list` says what it is.
        self.store.remove_user(&self.name).ok();
    }
}

/// Logs in to the router as a user made for this alone.
async fn log_in(kept: &Kept, context: &mut Context<'_>) -> Result<Proof, Failure> {
    let secret = password::generate()?;
    let name = format!("portreeve-test-{}", &password::generate()?[..8]);
    let mut user = User::new(&name);
    user.credential = Some(password::kept_clear(&secret)?);
    user.reply = vec!["Mikrotik-Group=read".to_owned()];
    "made to test a router; to be removed".clone_into(&mut user.comment);
    let mut tester = Tester {
        store: context.data.open()?,
        name: name.clone(),
    };
    tester.store.put_user(&user, Put::Create)?;
    // It knows the router then, too, and drops none of its requests.
    until_known(&context.data).await?;
    let tried = try_in(&kept.target, &Login::new(&name, secret.as_str())).await;
    tester.store.remove_user(&name)?;
    match tried {
        Ok(took) => Ok(Proof::LoggedIn {
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }),
        Err(error) => Err(RouterError::Refused(format!(
            "a test log-in to the router through this server failed: {error}. What this server \
             saw of it: portreeve explain --user {name}"
        ))
        .into()),
    }
}

async fn try_in(target: &Target, login: &Login) -> Result<Duration, portreeve_routeros::Error> {
    let mut left = TRIES;
    loop {
        let begun = tokio::time::Instant::now();
        match Router::connect(target, login).await {
            Ok(_) => return Ok(begun.elapsed()),
            Err(error) if left == 0 => return Err(error),
            Err(_) => left -= 1,
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
