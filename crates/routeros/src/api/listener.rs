//! A command that goes on answering.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::mpsc;

use super::Given;
use crate::{Error, Record};

/// The items of a command that goes on answering. Dropping it cancels the command at the router.
///
/// It keeps the connection open, even when the client is gone. Items that are not fetched wait
/// here; where they grow too many, the command is cancelled and the last item is
/// [`Error::TooMuch`].
#[derive(Debug)]
pub struct Listener {
    // Dropped first: the router is told before the channel closes.
    _given: Given,
    items: mpsc::UnboundedReceiver<Result<(Record, usize), Error>>,
    unfetched: Arc<AtomicUsize>,
}

impl Listener {
    pub(super) fn new(
        given: Given,
        items: mpsc::UnboundedReceiver<Result<(Record, usize), Error>>,
        unfetched: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            _given: given,
            items,
            unfetched,
        }
    }

    /// Waits for the next item. `None` where the command has ended by itself; the failure of the
    /// command or of the connection comes once, as the last item. May be cancelled without loss.
    ///
    /// An item that was removed from the menu comes with `.dead` and hardly anything else.
    pub async fn next(&mut self) -> Option<Result<Record, Error>> {
        let item = self.items.recv().await;
        self.fetched(item)
    }

    /// As [`next`](Self::next), for a stream of one's own.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Record, Error>>> {
        self.items.poll_recv(context).map(|item| self.fetched(item))
    }

    fn fetched(
        &self,
        item: Option<Result<(Record, usize), Error>>,
    ) -> Option<Result<Record, Error>> {
        item.map(|item| {
            item.map(|(record, size)| {
                self.unfetched.fetch_sub(size, Ordering::Relaxed);
                record
            })
        })
    }
}
