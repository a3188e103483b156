//! An access device that lets its sessions be changed and ended (RFC 5176): here we are the NAS,
//! and a RADIUS server asks.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(dead_code, reason = "not every example proves everything")]

mod check;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use portreeve::{
    AttributeList, CoaReply, CoaRequest, DisconnectReply, DisconnectRequest, ErrorCause, Handler,
    Server, SessionKeys, attr,
};

/// One who is connected.
struct Session {
    id: String,
    user: String,
    address: Ipv4Addr,
    rate: String,
    timeout: u32,
}

impl Session {
    /// What it can be named by.
    fn keys(&self) -> SessionKeys<'_> {
        let mut keys = SessionKeys::default();
        keys.acct_session_id = Some(&self.id);
        keys.user_name = Some(&self.user);
        keys.framed_ip_address = Some(self.address);
        keys
    }
}

/// The device.
struct Gateway {
    identifier: &'static str,
    addresses: [IpAddr; 1],
    sessions: Mutex<Vec<Session>>,
}

impl Gateway {
    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handler for Gateway {
    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        // Are we meant?
        if let Err(objection) = request.names_nas(self.identifier, &self.addresses) {
            return objection.into();
        }
        if request.is_authorize_only() {
            return CoaReply::nak(ErrorCause::UnsupportedService);
        }
        // Do we understand all of it? What we do not understand we must not pass over.
        let known = [
            attr::SESSION_TIMEOUT.spec(),
            attr::mikrotik::RATE_LIMIT.spec(),
        ];
        if let Err(objection) = request.only(&known) {
            println!("refused: {objection}");
            return objection.into();
        }
        // Every session that matches is changed, or none.
        let asked = request.session();
        let mut sessions = self.sessions();
        let mut found = false;
        for session in sessions.iter_mut().filter(|it| asked.mean(&it.keys())) {
            found = true;
            if let Some(rate) = request.get(attr::mikrotik::RATE_LIMIT) {
                rate.clone_into(&mut session.rate);
            }
            if let Some(timeout) = request.get(attr::SESSION_TIMEOUT) {
                session.timeout = timeout;
            }
            println!(
                "{} has {} for {} s",
                session.id, session.rate, session.timeout
            );
        }
        if found {
            CoaReply::ack()
        } else {
            CoaReply::nak(ErrorCause::SessionContextNotFound)
        }
    }

    async fn disconnect(&self, request: &DisconnectRequest) -> DisconnectReply {
        if let Err(objection) = request.names_nas(self.identifier, &self.addresses) {
            return objection.into();
        }
        // A vendor's attribute may name a session; none does here.
        if let Err(objection) = request.only(&[]) {
            return objection.into();
        }
        let asked = request.session();
        let mut sessions = self.sessions();
        let before = sessions.len();
        sessions.retain(|session| !asked.mean(&session.keys()));
        println!("{} sessions ended", before - sessions.len());
        if sessions.len() < before {
            DisconnectReply::ack()
        } else {
            DisconnectReply::nak(ErrorCause::SessionContextNotFound)
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), portreeve::Error> {
    let session = |id: &str, user: &str, last| Session {
        id: id.to_owned(),
        user: user.to_owned(),
        address: Ipv4Addr::new(10, 0, 0, last),
        rate: "5M/20M".to_owned(),
        timeout: 3600,
    };
    let sessions = vec![session("8d-0001", "tim", 2), session("8d-0002", "ann", 3)];
    let server = Server::new(Gateway {
        identifier: "gateway",
        addresses: [Ipv4Addr::new(192, 0, 2, 1).into()],
        sessions: Mutex::new(sessions),
    });
    if check::wanted() {
        return check::prove(server, async |client| {
            let tim = || {
                AttributeList::new()
                    .with(attr::NAS_IDENTIFIER, "gateway")
                    .with(attr::USER_NAME, "tim")
            };
            let faster = || tim().with(attr::mikrotik::RATE_LIMIT, "10M/50M");
            let changed = client.coa(faster()).await;
            assert!(changed.is_ok_and(|outcome| outcome.is_ack()));
            // The last counter-example names a session that has another address.
            let elsewhere = Ipv4Addr::new(10, 0, 0, 3);
            let counter_examples = [
                (faster().with(attr::FILTER_ID, "guests"), 401),
                (faster().with(attr::mikrotik::RECV_LIMIT, 1), 401),
                (AttributeList::new().with(attr::SESSION_TIMEOUT, 1), 402),
                (tim().with(attr::NAS_IP_ADDRESS, elsewhere), 403),
                (tim().with(attr::FRAMED_IP_ADDRESS, elsewhere), 503),
            ];
            for (list, cause) in counter_examples {
                check::is_refused(client.coa(list).await, cause);
            }
            check::is_refused(client.disconnect(faster()).await, 401);
            let ended = client.disconnect(tim()).await;
            assert!(ended.is_ok_and(|outcome| outcome.is_ack()));
            let gone = client.disconnect(tim()).await;
            assert!(gone.is_ok_and(|outcome| outcome.is_gone()));
        })
        .await;
    }
    // Name only servers here: whoever is named can end sessions.
    server
        .peer("192.0.2.10", "s3cret")
        .dynamic("0.0.0.0:3799")
        .run()
        .await
}
