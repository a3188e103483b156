//! A server in this process, with the library's own means.

use std::{net::SocketAddr, time::Duration};

use portreeve::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, CoaReply, CoaRequest,
    DisconnectReply, DisconnectRequest, ErrorCause, Handler, Peer, Proves as _, Role, Running,
    Secret, Server, Transport, attr,
    tls::{Acceptor, ServerConfig},
};
use tokio::runtime::{Builder, Runtime};

pub(crate) const SECRET: &str = "xyzzy5461";

/// Everybody whose name begins with `user` has their name as password, and tim has 12345;
/// `anyone` is let in without a proof, `token` is asked for more.
struct Inn;

impl Handler for Inn {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match request.user_name() {
            Some("tim") if request.proves("12345") => AccessReply::accept()
                .with(attr::SESSION_TIMEOUT, 3600)
                .with(attr::TUNNEL_PASSWORD, (1, "between us")),
            Some("anyone") => AccessReply::accept(),
            Some("token") => AccessReply::challenge().with(attr::STATE, b"more"),
            Some(name) if name.starts_with("user") && request.proves(name) => AccessReply::accept(),
            _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "unknown guest"),
        }
    }

    async fn accounting(&self, _: &AccountingRequest) -> AccountingReply {
        AccountingReply::recorded()
    }

    async fn coa(&self, request: &CoaRequest) -> CoaReply {
        match request.get(attr::ACCT_SESSION_ID) {
            Some("s-1") => CoaReply::ack(),
            _ => CoaReply::nak(ErrorCause::SessionContextNotFound),
        }
    }

    async fn disconnect(&self, _: &DisconnectRequest) -> DisconnectReply {
        DisconnectReply::nak(ErrorCause::SessionContextNotFound)
    }
}

/// A server at work; it stops with this.
pub(crate) struct Open {
    running: Running,
    // After the server, whose tasks it carries.
    _runtime: Runtime,
}

impl Open {
    pub(crate) fn new() -> Self {
        Self::with_secret(SECRET)
    }

    pub(crate) fn with_secret(secret: &str) -> Self {
        Self::start(
            Server::new(Inn)
                .peer("127.0.0.0/8", secret)
                .peer("::1", secret)
                .workers(1)
                .udp("127.0.0.1:0")
                .udp("[::1]:0"),
        )
    }

    /// Over bare TCP.
    pub(crate) fn tcp(secret: &str) -> Self {
        let peer = Peer::new("tcp", Secret::new(secret).unwrap()).transport(Transport::Tcp);
        let server = Server::new(Inn).peer_with(peer, "127.0.0.1");
        Self::start(server.tcp("127.0.0.1:0"))
    }

    /// Over TLS.
    pub(crate) fn radsec(role: Role, config: ServerConfig) -> Self {
        let acceptor = Acceptor::new(config).unwrap();
        Self::start(Server::new(Inn).radsec_as(role, "127.0.0.1:0", acceptor))
    }

    /// Over DTLS.
    #[cfg(feature = "openssl")]
    pub(crate) fn dtls(config: ServerConfig) -> Self {
        let acceptor = Acceptor::new(config).unwrap();
        Self::start(Server::new(Inn).dtls("127.0.0.1:0", acceptor))
    }

    fn start(server: Server<Inn>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = server.reject_delay(Duration::ZERO);
        let running = runtime.block_on(server.start()).unwrap();
        Self {
            running,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.running.address().to_string()
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        self.running.addresses()
    }
}
