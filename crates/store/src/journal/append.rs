//! What an appender holds until its record is durable.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use super::{JournalPosition, format};

/// Why a record was not made durable. The sender of an accounting request gets no answer then, and
/// asks again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The queue before the disk is full.
    #[error("the journal's queue is full")]
    Busy,
    /// The payload is empty or longer than [`MAX_PAYLOAD`](super::MAX_PAYLOAD).
    #[error("a journal record is 1 to {} bytes", super::MAX_PAYLOAD)]
    Length,
    /// The disk has no room.
    #[error("the journal's disk is full")]
    DiskFull,
    /// The disk failed.
    #[error("the journal could not be written: {0}")]
    Failed(io::ErrorKind),
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
}

impl AppendError {
    pub(super) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            kind => Self::Failed(kind),
        }
    }
}

type Outcome = Result<JournalPosition, AppendError>;

/// Resolves when the record is durable, or cannot be. Runtime-agnostic; dropping it does not take
/// the record back.
#[derive(Debug)]
#[must_use = "an answer may leave only after this resolved"]
pub struct Appended(State);

#[derive(Debug)]
enum State {
    Done(Outcome),
    Waiting(Arc<Slot>),
}

#[derive(Debug, Default)]
struct Slot(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

impl Slot {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Appended {
    pub(super) fn refused(error: AppendError) -> Self {
        Self(State::Done(Err(error)))
    }

    /// Blocks the calling thread until the record is durable, or cannot be.
    pub fn wait(mut self) -> Result<JournalPosition, AppendError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Future for Appended {
    type Output = Result<JournalPosition, AppendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let slot = match &self.0 {
            State::Done(outcome) => return Poll::Ready(*outcome),
            State::Waiting(slot) => slot,
        };
        let mut inner = slot.inner();
        if let Some(outcome) = inner.outcome {
            return Poll::Ready(outcome);
        }
        match &mut inner.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A record in the queue, and the place where its appender waits. Dropped undecided, it says
/// [`AppendError::Closed`], so that nobody waits for ever.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) frame: [u8; format::FRAME_LEN],
    pub(super) payload: Vec<u8>,
    slot: Arc<Slot>,
}

impl Pending {
    pub(super) fn new(payload: Vec<u8>) -> (Self, Appended) {
        let slot = Arc::new(Slot::default());
        let frame = format::frame(&payload);
        (
            Self {
                frame,
                payload,
                slot: Arc::clone(&slot),
            },
            Appended(State::Waiting(slot)),
        )
    }

    /// The bytes the record takes in a segment.
    pub(super) fn size(&self) -> usize {
        self.frame.len() + self.payload.len()
    }

    pub(super) fn decide(self, outcome: Outcome) {
        self.settle(outcome);
    }

    fn settle(&self, outcome: Outcome) {
        let mut inner = self.slot.inner();
        if inner.outcome.is_none() {
            inner.outcome = Some(outcome);
            let waker = inner.waker.take();
            drop(inner);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.settle(Err(AppendError::Closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_dropped_undecided_wakes_its_appender() {
        let (pending, appended) = Pending::new(vec![1]);
        let waiter = thread::spawn(move || appended.wait());
        drop(pending);
        assert_eq!(waiter.join().unwrap(), Err(AppendError::Closed));
    }

    #[test]
    fn the_last_waker_polled_with_is_the_one_woken() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let counts = [(); 2].map(|()| Arc::new(Count(0.into())));
        let (pending, mut appended) = Pending::new(vec![1]);
        for count in &counts {
            let waker = Waker::from(Arc::clone(count));
            let poll = Pin::new(&mut appended).poll(&mut Context::from_waker(&waker));
            assert_eq!(poll, Poll::Pending);
        }
        let position = JournalPosition {
            segment: 1,
            offset: 40,
        };
        pending.decide(Ok(position));
        assert_eq!(
            counts.map(|count| count.0.load(std::sync::atomic::Ordering::SeqCst)),
            [0, 1]
        );
        assert_eq!(appended.wait(), Ok(position));
    }
}
