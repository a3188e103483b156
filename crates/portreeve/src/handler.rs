//! What answers requests.

use std::sync::Arc;

use portreeve_proto::{
    AccessReply, AccessRequest, AccountingReply, AccountingRequest, CoaReply, CoaRequest,
    DisconnectReply, DisconnectRequest, ErrorCause,
};
#[cfg(doc)]
use portreeve_proto::{Peer, Request};

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

    /// A session is to be changed, or several: all that [`session`](Request::session) means, or
    /// none. By default it is refused with Error-Cause Unsupported-Extension.
    ///
    /// What comes here is authentic, was sent within the last minutes where it says when, comes
    /// from a peer that [may change sessions](Peer::may_change_sessions), and names a session; it
    /// comes once, however often it was sent. What remains is for the handler to see (RFC 5176):
    ///
    /// * [`names_nas`](CoaRequest::names_nas): whether we are meant at all;
    /// * [`only`](CoaRequest::only): whether there is nothing in it that we do not understand,
    ///   because whoever asks relies on all of it being done;
    /// * [`is_authorize_only`](CoaRequest::is_authorize_only): whether the session is only to be
    ///   authorized anew, which is answered with [`CoaReply::request_initiated`] and an
    ///   Access-Request.
    fn coa(&self, request: &CoaRequest) -> impl Future<Output = CoaReply> + Send {
        let _ = request;
        async { CoaReply::nak(ErrorCause::UnsupportedExtension) }
    }

    /// A session is to be ended, or several: as [`coa`](Self::coa). By default it is refused with
    /// Error-Cause Unsupported-Extension. For a session that is gone already say
    /// [`ErrorCause::SessionContextNotFound`].
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
