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

use crate::Handler;

/// A request, what stands for it in the endpoint, and the way its answer takes.
pub(crate) struct Exchange<W> {
    pub(crate) request: Arc<Incoming>,
    pub(crate) ticket: Ticket,
    pub(crate) way: W,
}

/// What came of asking the handler.
pub(crate) enum Outcome {
    /// It never came to an end: the runtime is shutting down.
    Dropped,
    Panicked,
    Replied(Reply),
    TimedOut,
}

/// Calls the method of the handler that a request is for.
pub(crate) async fn route<H: Handler>(handler: Arc<H>, request: Arc<Incoming>) -> Reply {
    match &*request {
        Incoming::Access(request) => handler.access(request).await.into(),
        Incoming::Accounting(request) => handler.accounting(request).await.into(),
        Incoming::Coa(request) => handler.coa(request).await.into(),
        Incoming::Disconnect(request) => handler.disconnect(request).await.into(),
    }
}

/// What is answered where there is no decision to be had. `None` is silence.
pub(crate) fn without_decision(request: &Incoming) -> Option<Reply> {
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
pub(crate) fn poll_guarded<F: Future + ?Sized>(
    future: Pin<&mut F>,
    context: &mut Context<'_>,
) -> Result<Poll<F::Output>, Panicked> {
    catch_unwind(AssertUnwindSafe(|| future.poll(context))).map_err(|_| Panicked)
}

/// A future panicked.
pub(crate) struct Panicked;

/// A future that ends with an error where the one inside panics.
pub(crate) struct Guarded<F>(pub(crate) Pin<Box<F>>);

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

/// Where tasks leave what they have come to. It holds at most what is in flight, and that is
/// bounded.
pub(crate) trait Basket<W>: Send + Sync {
    /// Leaves something there, and wakes whoever is to pick it up.
    fn leave(&self, exchange: Exchange<W>, outcome: Outcome);
}

/// The basket of a worker.
pub(super) struct Inbox<W> {
    done: Mutex<Vec<(Exchange<W>, Outcome)>>,
    waker: mio::Waker,
}

impl<W> Inbox<W> {
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
    pub(super) fn take(&self, taken: &mut Vec<(Exchange<W>, Outcome)>) {
        std::mem::swap(&mut *self.lock(), taken);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Exchange<W>, Outcome)>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Send> Basket<W> for Inbox<W> {
    fn leave(&self, exchange: Exchange<W>, outcome: Outcome) {
        let mut done = self.lock();
        let is_first = done.is_empty();
        done.push((exchange, outcome));
        drop(done);
        if is_first {
            self.wake();
        }
    }
}

/// Brings an exchange back to where it came from, come what may.
pub(crate) struct Errand<W> {
    exchange: Option<Exchange<W>>,
    basket: Arc<dyn Basket<W>>,
}

impl<W> Errand<W> {
    pub(crate) fn new(exchange: Exchange<W>, basket: Arc<dyn Basket<W>>) -> Self {
        Self {
            exchange: Some(exchange),
            basket,
        }
    }

    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.bring(outcome);
    }

    fn bring(&mut self, outcome: Outcome) {
        if let Some(exchange) = self.exchange.take() {
            self.basket.leave(exchange, outcome);
        }
    }
}

impl<W> Drop for Errand<W> {
    fn drop(&mut self) {
        self.bring(Outcome::Dropped);
    }
}
