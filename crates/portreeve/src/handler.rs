//! What answers requests.

use std::sync::Arc;

use portreeve_proto::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, CoaReply, CoaRequest,
    DisconnectReply, DisconnectRequest, ErrorCause,
};

/// Answers requests. Write the methods you serve as `async fn`; the others have safe defaults.
///
/// A method is first polled on the thread that reads the socket: if it is ready at once, its answer
/// leaves with the others of its batch. If it is pending it goes on as a task of the Tokio runtime,
/// and nobody waits for it. So it must not block a thread: what blocks belongs into
/// `tokio::task::spawn_blocking`.
///
/// A method that takes longer than [`Server::handler_timeout`](crate::Server::handler_timeout) is
/// dropped where it stands, and the request is not answered. One that panics has made no decision:
/// the request is rejected, accounting stays unanswered, and CoA and Disconnect are refused.
pub trait Handler: Send + Sync + 'static {
    /// Somebody asks to be let in. By default nobody is.
    fn access(&self, request: &AccessRequest) -> impl Future<Output = AccessReply> + Send {
        let _ = request;
        async { AccessReply::reject() }
    }

    /// Something was used. Answer [`AccountingReply::recorded`] only when it is stored for good,
    /// because the sender then forgets it. By default there is no answer, so that the sender tries
    /// again.
    fn accounting(
        &self,
        request: &AccountingRequest,
    ) -> impl Future<Output = AccountingReply> + Send {
        let _ = request;
        async { AccountingReply::silent() }
    }

    /// A session is to be changed. By default it is refused with Error-Cause Unsupported-Extension.
    fn coa(&self, request: &CoaRequest) -> impl Future<Output = CoaReply> + Send {
        let _ = request;
        async { CoaReply::nak(ErrorCause::UnsupportedExtension) }
    }

    /// A session is to be ended. By default it is refused with Error-Cause Unsupported-Extension.
    fn disconnect(
        &self,
        request: &DisconnectRequest,
    ) -> impl Future<Output = DisconnectReply> + Send {
        let _ = request;
        async { DisconnectReply::nak(ErrorCause::UnsupportedExtension) }
    }
}

impl<H: Handler> Handler for Arc<H> {
    fn access(&self, request: &AccessRequest) -> impl Future<Output = AccessReply> + Send {
        H::access(self, request)
    }

    fn accounting(
        &self,
        request: &AccountingRequest,
    ) -> impl Future<Output = AccountingReply> + Send {
        H::accounting(self, request)
    }

    fn coa(&self, request: &CoaRequest) -> impl Future<Output = CoaReply> + Send {
        H::coa(self, request)
    }

    fn disconnect(
        &self,
        request: &DisconnectRequest,
    ) -> impl Future<Output = DisconnectReply> + Send {
        H::disconnect(self, request)
    }
}

/// A [`Handler`] out of one closure; see [`access`].
#[derive(Debug, Clone, Copy)]
pub struct AccessFn<F>(F);

/// A handler that decides about log-ins with a closure and leaves the rest to the defaults.
pub fn access<F>(decide: F) -> AccessFn<F>
where
    F: Fn(&AccessRequest) -> AccessReply + Send + Sync + 'static,
{
    AccessFn(decide)
}

impl<F> Handler for AccessFn<F>
where
    F: Fn(&AccessRequest) -> AccessReply + Send + Sync + 'static,
{
    fn access(&self, request: &AccessRequest) -> impl Future<Output = AccessReply> + Send {
        std::future::ready((self.0)(request))
    }
}
