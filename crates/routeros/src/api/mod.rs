//! The binary API: services `api` (port 8728) and `api-ssl` (port 8729), on every RouterOS.
//!
//! A [`Client`] is one connection, logged in. Commands run on it side by side, each under a tag of
//! its own, and are answered in whatever order the router is done with them. [`codec`], [`reply`]
//! and [`tags`] are the protocol without its I/O.

pub mod codec;
mod driver;
mod listener;
mod login;
pub mod reply;
pub mod tags;

use std::{
    net::IpAddr,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

pub use listener::Listener;

use crate::{
    Answer, Command, Error, Login, Target,
    dial::{dial, place},
};
use driver::{Driver, End, Fate, Order, Patience, Waiter};
use login::Greeting;
use tags::Tags;

/// The most commands that are given at the same time. More wait for their turn.
pub const MOST_AT_ONCE: usize = 64;

/// A connection to the API of a router, logged in.
///
/// It closes when it is dropped, and its [`Listener`]s with it.
#[derive(Debug)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
    fate: Fate,
    places: Semaphore,
    last_tag: AtomicU64,
    local: IpAddr,
    patience: Patience,
}

impl Client {
    /// Connects and logs in, both within the target's time.
    ///
    /// Routers before 6.43 answer the log-in with a challenge; they get the response to it.
    ///
    /// # Errors
    /// As [`dial`]; [`Error::LogIn`], [`Error::NoRadiusAnswer`], [`Error::TurnedAway`],
    /// [`Error::Protocol`].
    pub async fn connect(target: &Target, login: &Login) -> Result<Self, Error> {
        Self::with_largest_answer(target, login, tags::LARGEST_ANSWER).await
    }

    /// As [`connect`](Self::connect), with another bound for the octets of memory that one answer
    /// may take than [`tags::LARGEST_ANSWER`].
    pub async fn with_largest_answer(
        target: &Target,
        login: &Login,
        octets: usize,
    ) -> Result<Self, Error> {
        Self::open(target, login, octets, Patience::new(target.timeout)).await
    }

    async fn open(
        target: &Target,
        login: &Login,
        octets: usize,
        patience: Patience,
    ) -> Result<Self, Error> {
        let stream = dial(target).await?;
        let local = stream.local_address();
        let mut greeting = Greeting::new(stream);
        timeout(target.timeout, greeting.log_in(target, login))
            .await
            .map_err(|_| Error::TimedOut {
                during: format!("logging in to {}", place(target)),
                after: target.timeout,
            })??;
        let (orders, received) = mpsc::unbounded_channel();
        let fate = Fate::default();
        let mut tags = Tags::new(octets);
        tags.never_quote(login.password.reveal());
        let driver = Driver::new(tags, received, patience);
        tokio::spawn(driver.run(greeting, Arc::clone(&fate)));
        Ok(Self {
            orders,
            fate,
            places: Semaphore::new(MOST_AT_ONCE),
            last_tag: AtomicU64::new(0),
            local,
            patience,
        })
    }

    /// Gives one command and waits for all of its answer, for as long as the command or else the
    /// target says. A command that takes longer, or whose future is dropped, is cancelled at the
    /// router.
    ///
    /// # Errors
    /// What the router says of the command, or how the connection ended.
    pub async fn call(&self, command: &Command) -> Result<Answer, Error> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(self.end(command));
        };
        let patience = command.patience().unwrap_or(self.patience.answer);
        let (waiter, answer) = oneshot::channel();
        let mut given = self.give(command, Waiter::Whole(waiter))?;
        if let Ok(answer) = timeout(patience, answer).await {
            given.is_open = false;
            return answer.unwrap_or_else(|_| Err(self.end(command)));
        }
        given.let_go(self.patience.release).await;
        Err(Error::TimedOut {
            during: format!("doing {}", command.path()),
            after: patience,
        })
    }

    /// Gives a command that goes on answering: `listen` of a menu, `print` with `follow`, a
    /// monitor. Its items come one by one until the listener is dropped, which cancels it.
    ///
    /// # Errors
    /// How the connection ended. What the router says of the command comes from the listener.
    pub fn listen(&self, command: &Command) -> Result<Listener, Error> {
        let (items, received) = mpsc::unbounded_channel();
        let unfetched = Arc::new(AtomicUsize::new(0));
        let waiter = Waiter::Items {
            items,
            unfetched: Arc::clone(&unfetched),
        };
        let given = self.give(command, waiter)?;
        Ok(Listener::new(given, received, unfetched))
    }

    /// The address from which this machine speaks to the router.
    pub fn local_address(&self) -> IpAddr {
        self.local
    }

    /// Whether the connection has ended, so that every command fails.
    pub fn is_closed(&self) -> bool {
        self.orders.is_closed()
    }

    fn give(&self, command: &Command, waiter: Waiter) -> Result<Given, Error> {
        let tag = self.last_tag.fetch_add(1, Ordering::Relaxed) + 1;
        let order = Order::Begin {
            tag,
            command: command.clone(),
            waiter,
        };
        if self.orders.send(order).is_err() {
            return Err(self.end(command));
        }
        Ok(Given {
            orders: self.orders.clone(),
            tag,
            is_open: true,
        })
    }

    fn end(&self, command: &Command) -> Error {
        let fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        let end = fate.as_ref().unwrap_or(&End::Closed);
        end.error(command.path())
    }
}

/// A command that the router works on. Dropped before it is answered, it is cancelled.
#[derive(Debug)]
struct Given {
    orders: mpsc::UnboundedSender<Order>,
    tag: u64,
    is_open: bool,
}

impl Given {
    /// Cancels, and waits until the router confirms. One that does not is given up.
    async fn let_go(&mut self, patience: Duration) {
        self.is_open = false;
        let (released, confirmed) = oneshot::channel();
        let cancel = Order::Cancel {
            tag: self.tag,
            released: Some(released),
        };
        if self.orders.send(cancel).is_ok() && timeout(patience, confirmed).await.is_err() {
            self.orders.send(Order::GiveUp).ok();
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if self.is_open {
            let cancel = Order::Cancel {
                tag: self.tag,
                released: None,
            };
            self.orders.send(cancel).ok();
        }
    }
}

#[cfg(test)]
mod tests;
