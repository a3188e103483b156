//! One request on its way to an answer, on and off the worker's thread.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use portreeve_proto::{
    AccessReply, CoaReply, DisconnectReply, ErrorCause, Incoming, Reply, Ticket,
};
use portreeve_udp::Local;

use crate::Handler;

/// A request, what stands for it in the endpoint, and where its answer leaves from.
pub(super) struct Exchange {
    pub(super) request: Arc<Incoming>,
    pub(super) ticket: Ticket,
    pub(super) listener: usize,
    pub(super) local: Option<Local>,
}

/// What came of asking the handler.
pub(super) enum Outcome {
    /// It never came to an end: the runtime is shutting down.
    Dropped,
    Panicked,
    Replied(Reply),
    TimedOut,
}

/// Calls the method of the handler that a request is for.
pub(super) async fn route<H: Handler>(handler: Arc<H>, request: Arc<Incoming>) -> Reply {
    match &*request {
        Incoming::Access(request) => handler.access(request).await.into(),
        Incoming::Accounting(request) => handler.accounting(request).await.into(),
        Incoming::Coa(request) => handler.coa(request).await.into(),
        Incoming::Disconnect(request) => handler.disconnect(request).await.into(),
    }
}

/// What is answered where there is no decision to be had. `None` is silence.
pub(super) fn without_decision(request: &Incoming) -> Option<Reply> {
    match request {
        Incoming::Access(_) => Some(AccessReply::reject().into()),
        Incoming::Accounting(_) => None,
        Incoming::Coa(_) => Some(CoaReply::nak(ErrorCause::ResourcesUnavailable).into()),
        Incoming::Disconnect(_) => {
            Some(DisconnectReply::nak(ErrorCause::ResourcesUnavailable).into())
        }
    }
}

/// Polls a future; `Err` where it panicked, after which it must not be polled again.
pub(super) fn poll_guarded<F: Future + ?Sized>(
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Result<Poll<F::Output>, Panicked> {
    catch_unwind(AssertUnwindSafe(|| future.poll(context))).map_err(|_| Panicked)
}

/// A future panicked.
pub(super) struct Panicked;

/// A future that ends with an error where the one inside panics.
pub(super) struct Guarded<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match poll_guarded(self.0.as_mut(), context) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }
}

/// Where tasks leave what they have come to, for the worker to pick up. Holds at most what is in
/// flight, and that is bounded.
pub(super) struct Inbox {
    done: Mutex<Vec<(Exchange, Outcome)>>,
    waker: mio::Waker,
}

impl Inbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            done: Mutex::default(),
            waker,
        }
    }

    /// Wakes the worker; it then looks at everything anew.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            // It looks every second in any case.
            tracing::debug!(%error, "cannot wake a worker");
        }
    }

    /// Exchanges `taken`, which is empty, for what has been left here.
    pub(super) fn take(&self, taken: &mut Vec<(Exchange, Outcome)>) {
        std::mem::swap(&mut *self.lock(), taken);
    }

    fn leave(&self, exchange: Exchange, outcome: Outcome) {
        let mut done = self.lock();
        let is_first = done.is_empty();
        done.push((exchange, outcome));
        drop(done);
        if is_first {
            self.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Exchange, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings an exchange back to its worker, come what may.
pub(super) struct Errand {
    exchange: Option<Exchange>,
    inbox: Arc<Inbox>,
}

impl Errand {
    pub(super) fn new(exchange: Exchange, inbox: Arc<Inbox>) -> Self {
        Self {
            exchange: Some(exchange),
            inbox,
        }
    }

    pub(super) fn finish(mut self, outcome: Outcome) {
        self.bring(outcome);
    }

    fn bring(&mut self, outcome: Outcome) {
        if let Some(exchange) = self.exchange.take() {
            self.inbox.leave(exchange, outcome);
        }
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.bring(Outcome::Dropped);
    }
}
