//! A server that answers all four kinds of request, and keeps who is there.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod check;

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use portreeve::{
    AccessReply, AccessRequest, Accounting, AccountingReply, AccountingRequest, AttributeList,
    CoaReply, CoaRequest, DisconnectReply, DisconnectRequest, ErrorCause, Handler, Proves as _,
    Server,
    attr::{self, acct_status_type},
};

/// A hotel that knows which sessions are open. It forgets them when it is closed; a server that
/// bills people writes to a disk before it says `recorded`.
#[derive(Default)]
struct Hotel {
    open: Mutex<HashSet<String>>,
}

impl Hotel {
    fn with_open<R>(&self, f: impl FnOnce(&mut HashSet<String>) -> R) -> R {
        f(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        // Whatever takes time is awaited; nobody else waits for it.
        let Some(password) = look_up(request.user_name()).await else {
            return AccessReply::reject();
        };
        if !request.proves(password) {
            return AccessReply::reject();
        }
        AccessReply::accept()
            .with(attr::SESSION_TIMEOUT, 3600)
            .with(attr::mikrotik::RATE_LIMIT, "5M/20M")
    }

    async fn accounting(&self, request: &AccountingRequest) -> AccountingReply {
        let session = request.get(attr::ACCT_SESSION_ID).map(str::to_owned);
        match (request.get(attr::ACCT_STATUS_TYPE), session) {
            (Some(acct_status_type::START), Some(session)) => {
                println!("{session} has begun");
                self.with_open(|open| open.insert(session));
                AccountingReply::recorded()
            }
            (Some(acct_status_type::STOP), Some(session)) => {
                println!("{session} is over");
                self.with_open(|open| open.remove(&session));
                AccountingReply::recorded()
            }
            (Some(_), Some(_)) => AccountingReply::recorded(),
            // What is not understood is not confirmed.
            _ => AccountingReply::silent(),
        }
    }

    async fn coa(&self, _: &CoaRequest) -> CoaReply {
        CoaReply::nak(ErrorCause::UnsupportedService)
    }

    async fn disconnect(&self, request: &DisconnectRequest) -> DisconnectReply {
        let session = request.get(attr::ACCT_SESSION_ID).unwrap_or_default();
        if self.with_open(|open| open.remove(session)) {
            DisconnectReply::ack()
        } else {
            DisconnectReply::nak(ErrorCause::SessionContextNotFound)
        }
    }
}

/// Stands for a database.
async fn look_up(user: Option<&str>) -> Option<&'static str> {
    tokio::task::yield_now().await;
    (user == Some("tim")).then_some("12345")
}

#[tokio::main]
async fn main() -> Result<(), portreeve::Error> {
    let server = Server::new(Hotel::default());
    if check::wanted() {
        return check::prove(server, async |client| {
            check::lets_in(client.clone(), "tim", "12345").await;
            check::is_answered(client.accounting(Accounting::start("0001")).await);
            let session = || AttributeList::new().with(attr::ACCT_SESSION_ID, "0001");
            check::is_refused(client.coa(session()).await, 405);
            let ended = client.disconnect(session()).await;
            assert!(ended.is_ok_and(|outcome| outcome.is_ack()));
            check::is_refused(client.disconnect(session()).await, 503);
        })
        .await;
    }
    server
        .peer("192.0.2.0/24", "s3cret")
        .auth("0.0.0.0:1812")
        .accounting("0.0.0.0:1813")
        .dynamic("0.0.0.0:3799")
        .run()
        .await
}
