//! One connection at work: requests that come are decided, requests of ours are sent, and answers
//! find whoever waits for them. Both ends of TCP, TLS and DTLS are this.

mod pipe;
mod watch;

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use portreeve_proto::{Arrival, Code, Peer, PeerTable, Role, Transport};
use tokio::sync::{mpsc, watch as channel};

use self::pipe::Pipe;
pub(crate) use self::watch::{Rhythm, Watch};
use crate::{
    Handler,
    client::{Ledger, Tally, Upstream},
    server::{
        desk::Desk,
        exchange::{Basket, Exchange, Outcome},
        running::State,
    },
    tls::{Acceptor, Hangup, Refused, Session, Stream},
};

/// How long a connection may take over things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Without a packet.
    pub(crate) idle: Duration,
    /// From the first octet of a packet to its last.
    pub(crate) midway: Duration,
    /// For the other end to take what is sent.
    pub(crate) sending: Duration,
}

/// A connection that is open, and what to do with it.
pub(crate) struct Connection<H> {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) transport: Transport,
    /// The other end, and ours.
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// What decides about requests; where there is none they meet silence.
    pub(crate) serves: Option<Serves<H>>,
    pub(crate) asks: Asks,
    pub(crate) patience: Patience,
    /// What the handshake settled, and who judges it anew when the configuration changes.
    pub(crate) judged: Option<(Session, Option<Acceptor>)>,
    /// What it is to do. Whoever lets go of the sender stops it.
    pub(crate) state: channel::Receiver<State>,
}

/// The side of a connection that answers.
pub(crate) struct Serves<H> {
    pub(crate) desk: Desk<H, ()>,
    pub(crate) role: Role,
    pub(crate) from_whom: Whom,
    pub(crate) done: mpsc::UnboundedReceiver<Done>,
}

/// A request that has been decided.
pub(crate) type Done = (Exchange<()>, Outcome);

/// Whose requests come.
pub(crate) enum Whom {
    /// Of whoever has the address, as it is known when each comes.
    Address(Arc<ArcSwap<PeerTable>>),
    /// Of the peer that the handshake told.
    Peer(Arc<Peer>),
}

/// The side of a connection that asks.
pub(crate) struct Asks {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) tally: Arc<Tally>,
    /// Packets to be sent.
    pub(crate) orders: mpsc::Receiver<Vec<u8>>,
    /// Whether the other end is asked if it is there.
    pub(crate) watch: Option<Watch>,
}

/// The handler of a connection that serves nobody.
pub(crate) struct Nobody;

impl Handler for Nobody {}

/// Where tasks leave what they have come to, for a connection to pick up.
pub(crate) struct Tray(pub(crate) mpsc::UnboundedSender<Done>);

impl Basket<()> for Tray {
    fn leave(&self, exchange: Exchange<()>, outcome: Outcome) {
        // A connection that is gone has no use for it.
        drop(self.0.send((exchange, outcome)));
    }
}

/// What has happened on a connection.
enum Event {
    Came(std::io::Result<usize>),
    Changed,
    Done(Done),
    Due,
    Order(Vec<u8>),
    State(State),
}

impl<H: Handler> Connection<H> {
    /// Works until the connection is over, and says why it is.
    pub(crate) async fn run(mut self) -> Refused {
        let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let pipe = Pipe::new(stream, self.transport);
        let changed = self
            .judged
            .as_ref()
            .and_then(|(_, acceptor)| acceptor.as_ref().map(Acceptor::changed));
        let now = Instant::now();
        let mut work = Work {
            connection: self,
            pipe,
            changed,
            heard: now,
            midway_since: None,
            sending_since: None,
            leaving: None,
            is_ordered: true,
        };
        let ended = work.until_over().await;
        work.connection.asks.ledger.give_up();
        work.connection.asks.orders.close();
        if let Some(serves) = &mut work.connection.serves {
            serves.desk.close();
        }
        let farewell = poll_fn(|cx| work.pipe.poll_shutdown(cx));
        // The other end may be gone, or not listen.
        drop(tokio::time::timeout(Duration::from_millis(500), farewell).await);
        ended
    }
}

struct Work<H> {
    connection: Connection<H>,
    pipe: Pipe,
    changed: Option<channel::Receiver<u64>>,
    /// When the last packet came.
    heard: Instant,
    midway_since: Option<Instant>,
    sending_since: Option<Instant>,
    /// Set while the server drains: when to leave at the latest.
    leaving: Option<Instant>,
    /// Whether somebody may still want to send something.
    is_ordered: bool,
}

impl<H: Handler> Work<H> {
    async fn until_over(&mut self) -> Refused {
        loop {
            let ended = match self.next().await {
                Event::Came(Ok(0)) => Some(Hangup::PeerClosed.into()),
                Event::Came(Ok(_)) => self.take_in().err(),
                Event::Came(Err(error)) => Some(Refused::ended(&error)),
                Event::Changed => self.reassess().err(),
                Event::Done((exchange, outcome)) => {
                    if let Some(serves) = &mut self.connection.serves {
                        let outbox = self.pipe.outbox();
                        serves.desk.came_back(exchange, outcome, outbox);
                    }
                    None
                }
                Event::Due => self.due().err(),
                Event::State(State::Stopped) => Some(Hangup::Stopping.into()),
                Event::State(_) => {
                    self.drain();
                    None
                }
                Event::Order(octets) => {
                    self.pipe.outbox().push(&octets);
                    None
                }
            };
            if let Some(ended) = ended {
                return ended;
            }
            if let Some(serves) = &mut self.connection.serves {
                serves.desk.gauge();
            }
            let now = Instant::now();
            self.midway_since = self
                .pipe
                .is_midway()
                .then(|| self.midway_since.unwrap_or(now));
            self.sending_since = self
                .pipe
                .is_sending()
                .then(|| self.sending_since.unwrap_or(now));
            if self.leaving.is_some() && self.is_idle() {
                return Hangup::Stopping.into();
            }
        }
    }

    async fn next(&mut self) -> Event {
        let due = self.next_due();
        let known = match self.leaving {
            Some(_) => State::Draining,
            None => State::Serving,
        };
        let asks_only = self.connection.serves.is_none();
        let may_read = asks_only || !self.pipe.is_congested();
        let Self {
            connection,
            pipe,
            changed,
            is_ordered,
            ..
        } = self;
        let done = async {
            match &mut connection.serves {
                Some(serves) => serves.done.recv().await,
                None => None,
            }
        };
        let altered = async {
            match changed {
                Some(changed) => changed.changed().await.is_ok(),
                None => false,
            }
        };
        tokio::select! {
            Some(done) = done => Event::Done(done),
            order = connection.asks.orders.recv(), if *is_ordered => {
                *is_ordered = order.is_some();
                order.map_or(Event::Due, Event::Order)
            }
            true = altered => Event::Changed,
            told = connection.state.wait_for(|state| *state > known) => {
                Event::State(told.map_or(State::Stopped, |state| *state))
            }
            came = poll_fn(|cx| pipe.poll(cx, may_read)) => Event::Came(came),
            () = tokio::time::sleep_until(due.into()) => Event::Due,
        }
    }

    /// Takes in every packet that has come whole.
    fn take_in(&mut self) -> Result<(), Refused> {
        let now = Instant::now();
        let Connection {
            from,
            to,
            serves,
            asks,
            ..
        } = &mut self.connection;
        loop {
            let next = self.pipe.next();
            let next = next.map_err(|reason| bad_packet(&reason.to_string()))?;
            let Some((octets, outbox)) = next else {
                break;
            };
            self.heard = now;
            self.midway_since = None;
            let code = Code(octets.first().copied().unwrap_or_default());
            if code.is_answer() {
                let taken = asks.ledger.take_in(octets, &asks.upstream, &asks.tally);
                // What cannot be verified on a connection was not damaged on the way.
                taken.map_err(|reason| bad_packet(&reason.to_string()))?;
                continue;
            }
            let Some(serves) = serves else {
                tracing::debug!(%from, %code, "a request that nobody here serves");
                asks.tally.unexpected.add();
                continue;
            };
            let arrival = Arrival {
                now,
                clock: SystemTime::now(),
                listener: 0,
                role: serves.role,
                from: *from,
                datagram: octets,
            };
            let site = (*to, ());
            let discard = match &serves.from_whom {
                Whom::Address(peers) => {
                    let peers = peers.load();
                    serves.desk.receive(&peers, &arrival, site, outbox)
                }
                Whom::Peer(peer) => serves.desk.receive_from(peer, &arrival, site, outbox),
            };
            if let Some(discard) = discard.filter(|discard| discard.ends_stream()) {
                return Err(bad_packet(discard.label()));
            }
        }
        if let Some(watch) = &mut asks.watch {
            watch.heard(now);
        }
        Ok(())
    }

    /// Judges the other end by what is in force now.
    fn reassess(&mut self) -> Result<(), Refused> {
        let Some((session, Some(acceptor))) = &self.connection.judged else {
            return Ok(());
        };
        let peer = acceptor.reassess(session, self.connection.from, system_now())?;
        if let Some(serves) = &mut self.connection.serves {
            serves.from_whom = Whom::Peer(peer);
        }
        Ok(())
    }

    fn drain(&mut self) {
        let limit = match &mut self.connection.serves {
            Some(serves) => {
                serves.desk.set_serving(false);
                serves.desk.means.tuning.drain
            }
            None => Duration::ZERO,
        };
        self.leaving = Some(Instant::now() + limit.min(Duration::from_hours(1)));
    }

    fn is_idle(&self) -> bool {
        let serves = self.connection.serves.as_ref();
        serves.is_none_or(|serves| serves.desk.is_idle()) && !self.pipe.is_sending()
    }

    /// Does what is due, and ends the connection where its time is up.
    fn due(&mut self) -> Result<(), Refused> {
        let now = Instant::now();
        if let Some(serves) = &mut self.connection.serves {
            serves.desk.release(self.pipe.outbox());
        }
        let patience = self.connection.patience;
        let is_over = |since: Option<Instant>, limit| since.is_some_and(|s| now >= s + limit);
        if is_over(self.midway_since, patience.midway) {
            return Err(bad_packet("it began and did not end in time"));
        }
        if is_over(self.sending_since, patience.sending) {
            return Err(Hangup::PeerVanished.into());
        }
        if is_over(Some(self.heard), patience.idle) {
            return Err(Hangup::IdleTimeout.into());
        }
        if self.leaving.is_some_and(|leaving| now >= leaving) {
            return Err(Hangup::Stopping.into());
        }
        if self.not_after().is_some_and(|end| system_now() > end) {
            return Err(Hangup::CertificateRanOut.into());
        }
        let asks = &mut self.connection.asks;
        if let Some(watch) = &mut asks.watch {
            let is_asked = asks.ledger.waiting() > 0;
            let order = watch.due(now, is_asked, &asks.ledger, &asks.upstream)?;
            if let Some(octets) = order {
                self.pipe.outbox().push(&octets);
            }
        }
        Ok(())
    }

    fn not_after(&self) -> Option<SystemTime> {
        let (session, _) = self.connection.judged.as_ref()?;
        session.not_after()
    }

    /// When there is something to do though nothing happens.
    fn next_due(&self) -> Instant {
        let Connection {
            serves,
            asks,
            patience,
            ..
        } = &self.connection;
        let is_asked = asks.ledger.waiting() > 0;
        let certificate = self.not_after().map(|end| {
            let left = end.duration_since(system_now()).unwrap_or_default();
            // A clock that is set moves the end.
            Instant::now() + left.min(Duration::from_mins(10)) + Duration::from_millis(10)
        });
        let held_back = serves.as_ref().and_then(|serves| serves.desk.next_due());
        [
            Some(self.heard + patience.idle),
            self.midway_since.map(|since| since + patience.midway),
            self.sending_since.map(|since| since + patience.sending),
            self.leaving,
            asks.watch.as_ref().map(|watch| watch.next_due(is_asked)),
            certificate,
            held_back,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(self.heard + patience.idle)
    }
}

fn bad_packet(why: &str) -> Refused {
    Refused::because(Hangup::BadPacket, why)
}

fn system_now() -> SystemTime {
    SystemTime::now()
}
