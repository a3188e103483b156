//! A server for the examples of clients to ask: the one named by `ADDRESS SECRET` on the command
//! line, or else one that is started on the spot.

use std::net::SocketAddr;

use portreeve::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, CoaReply, CoaRequest,
    DisconnectReply, DisconnectRequest, Error, ErrorCause, Handler, Proves as _, Running, Server,
    ToAddress as _, attr,
};

/// Whom to ask.
pub(crate) struct Inn {
    pub(crate) address: SocketAddr,
    pub(crate) secret: String,
    /// The server that was started on the spot; it ends with this.
    started: Option<Running>,
}

impl Inn {
    pub(crate) async fn open() -> Result<Self, Error> {
        let mut arguments = std::env::args().skip(1);
        if let (Some(address), Some(secret)) = (arguments.next(), arguments.next()) {
            let address = address
                .to_address()
                .map_err(|given| Error::Address { given })?;
            return Ok(Self {
                address,
                secret,
                started: None,
            });
        }
        let secret = "s3cret".to_owned();
        let server = Server::new(Rooms)
            .peer("127.0.0.1", &secret)
            .udp("127.0.0.1:0");
        let running = server.start().await?;
        Ok(Self {
            address: running.address(),
            secret,
            started: Some(running),
        })
    }

    /// What the server that was started on the spot must have done; of another nobody knows.
    pub(crate) fn assert(&self, held: bool) {
        assert!(held || self.started.is_none(), "the example does not work");
    }
}

struct Rooms;

impl Handler for Rooms {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match request.user_name() {
            Some("tim") if request.proves("12345") => {
                AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
            }
            _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "unknown guest"),
        }
    }

    async fn accounting(&self, _: &AccountingRequest) -> AccountingReply {
        AccountingReply::recorded()
    }

    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        if let Err(objection) = request.only(&[attr::mikrotik::RATE_LIMIT.spec()]) {
            return objection.into();
        }
        match request.user_name() {
            Some("tim") => CoaReply::ack(),
            _ => CoaReply::nak(ErrorCause::SessionContextNotFound),
        }
    }

    async fn disconnect(&self, _: &DisconnectRequest) -> DisconnectReply {
        DisconnectReply::ack()
    }
}
