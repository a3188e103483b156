//! The task that owns a connection: it writes what is asked, and gives each answer to who waits.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, WriteHalf, split},
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use zeroize::Zeroizing;

use super::{
    codec::Decoder,
    login::Greeting,
    tags::{Event, Tags, Wanted},
};
use crate::{Answer, Command, Error, Record, dial::Stream, text};

/// How much may be read at once.
const READ_AT_ONCE: usize = 32 << 10;
/// How much memory the items may take that a listener has not fetched yet, 16 MiB.
pub(super) const MOST_UNFETCHED: usize = 16 << 20;
/// How long a connection waits for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For an answer.
    pub(super) answer: Duration,
    /// For anything at all from a router that is listened to, until it is asked whether it is
    /// there. One that lost its power says no farewell.
    pub(super) quiet: Duration,
    /// For a cancelled command to end. A router that takes longer is not there any more.
    pub(super) release: Duration,
}

impl Patience {
    pub(super) fn new(answer: Duration) -> Self {
        Self {
            answer,
            quiet: Duration::from_secs(30),
            release: Duration::from_secs(3),
        }
    }
}

/// What the task is told.
#[derive(Debug)]
pub(super) enum Order {
    Begin {
        tag: u64,
        command: Command,
        waiter: Waiter,
    },
    /// Nobody wants the answer any more. `released` is told when the router has let go.
    Cancel {
        tag: u64,
        released: Option<oneshot::Sender<()>>,
    },
    /// The router does not even let go: the connection is dead.
    GiveUp,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) enum Waiter {
    Whole(oneshot::Sender<Result<Answer, Error>>),
    Items {
        items: mpsc::UnboundedSender<Result<(Record, usize), Error>>,
        unfetched: Arc<AtomicUsize>,
    },
}

impl Waiter {
    fn fail(self, error: Error) {
        // Whoever no longer waits need not know.
        match self {
            Self::Whole(answer) => drop(answer.send(Err(error))),
            Self::Items { items, .. } => drop(items.send(Err(error))),
        }
    }
}

/// Why a connection has ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    Closed,
    Silent(Duration),
    Fatal(String),
    Garbled(String),
}

impl End {
    pub(super) fn error(&self, command: &str) -> Error {
        let during = || format!("doing {command}");
        match self {
            Self::Closed => Error::Closed { during: during() },
            Self::Silent(after) => Error::TimedOut {
                during: during(),
                after: *after,
            },
            Self::Fatal(reason) => Error::Ended {
                reason: reason.clone(),
            },
            Self::Garbled(what) => Error::Protocol(what.clone()),
        }
    }
}

/// Where the end of a connection is written down.
pub(super) type Fate = Arc<Mutex<Option<End>>>;

pub(super) struct Driver {
    tags: Tags,
    decoder: Decoder,
    waiters: HashMap<u64, Waiter>,
    releases: HashMap<u64, oneshot::Sender<()>>,
    outgoing: VecDeque<Zeroizing<Vec<u8>>>,
    /// How much of the first sentence of `outgoing` is written.
    written: usize,
    unflushed: bool,
    orders: mpsc::UnboundedReceiver<Order>,
    patience: Patience,
}

impl Driver {
    pub(super) fn new(
        tags: Tags,
        orders: mpsc::UnboundedReceiver<Order>,
        patience: Patience,
    ) -> Self {
        Self {
            tags,
            decoder: Decoder::new(),
            waiters: HashMap::new(),
            releases: HashMap::new(),
            outgoing: VecDeque::new(),
            written: 0,
            unflushed: false,
            orders,
            patience,
        }
    }

    /// Drives the connection until it ends or nobody is left to want anything of it.
    pub(super) async fn run(mut self, greeting: Greeting, fate: Fate) {
        self.decoder = greeting.decoder;
        let end = match self.take(&greeting.ahead) {
            Ok(()) => self.carry(greeting.stream).await,
            Err(end) => Some(end),
        };
        let Some(end) = end else { return };
        *fate.lock().unwrap_or_else(PoisonError::into_inner) = Some(end.clone());
        let commands: HashMap<u64, String> = self
            .tags
            .wanted()
            .map(|(tag, command)| (tag, command.to_owned()))
            .collect();
        for (tag, waiter) in self.waiters.drain() {
            let command = commands.get(&tag).map_or("a command", String::as_str);
            waiter.fail(end.error(command));
        }
        // Orders that were given meanwhile.
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Begin {
                command, waiter, ..
            } = order
            {
                waiter.fail(end.error(command.path()));
            }
        }
    }

    async fn carry(&mut self, stream: Stream) -> Option<End> {
        let (mut reader, mut writer) = split(stream);
        let mut buffer = vec![0; READ_AT_ONCE];
        let mut heard = Instant::now();
        let mut knocked = None;
        loop {
            self.outgoing.extend(self.tags.outgoing());
            let front = self.outgoing.front();
            let front = front.and_then(|sentence| sentence.get(self.written..));
            let has_work = front.is_some() || self.unflushed;
            let listening = self.tags.is_listening();
            let alarm = knocked.map_or(heard + self.patience.quiet, |since| {
                since + self.patience.answer
            });
            tokio::select! {
                read = reader.read(&mut buffer) => {
                    let come = match read {
                        Ok(0) | Err(_) => return Some(End::Closed),
                        Ok(come) => buffer.get(..come).unwrap_or_default(),
                    };
                    (heard, knocked) = (Instant::now(), None);
                    if let Err(end) = self.take(come) {
                        return Some(end);
                    }
                }
                order = self.orders.recv() => match order {
                    None => {
                        // Best effort: whatever the router thinks of it, we are gone.
                        drop(writer.shutdown().await);
                        return None;
                    }
                    Some(Order::GiveUp) => return Some(End::Silent(self.patience.release)),
                    Some(order) => {
                        if !listening {
                            heard = Instant::now();
                        }
                        self.obey(order);
                    }
                },
                wrote = push(&mut writer, front), if has_work => match wrote {
                    Ok(octets) => self.wrote(octets),
                    Err(_) => return Some(End::Closed),
                },
                () = sleep_until(alarm), if listening => match knocked {
                    None => {
                        self.tags.knock();
                        knocked = Some(Instant::now());
                    }
                    Some(_) => return Some(End::Silent(self.patience.quiet + self.patience.answer)),
                },
            }
        }
    }

    /// Notes that so many octets were written, or none where all was flushed.
    fn wrote(&mut self, octets: usize) {
        if octets == 0 {
            self.unflushed = false;
            return;
        }
        self.unflushed = true;
        self.written += octets;
        if self
            .outgoing
            .front()
            .is_some_and(|sentence| sentence.len() <= self.written)
        {
            self.outgoing.pop_front();
            self.written = 0;
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Begin {
                tag,
                command,
                waiter,
            } => {
                let wanted = match waiter {
                    Waiter::Whole(_) => Wanted::Whole,
                    Waiter::Items { .. } => Wanted::Items,
                };
                match self.tags.begin(tag, &command, wanted) {
                    Ok(()) => drop(self.waiters.insert(tag, waiter)),
                    Err(error) => waiter.fail(error),
                }
            }
            Order::Cancel { tag, released } => {
                self.waiters.remove(&tag);
                if self.tags.cancel(tag)
                    && let Some(released) = released
                {
                    self.releases.insert(tag, released);
                }
            }
            Order::GiveUp => {}
        }
    }

    /// Takes what has come.
    fn take(&mut self, mut octets: &[u8]) -> Result<(), End> {
        loop {
            let sentence = match self.decoder.read(&mut octets) {
                Ok(Some(sentence)) => sentence,
                Ok(None) => return Ok(()),
                Err(garbled) => return Err(End::Garbled(garbled.to_string())),
            };
            match self.tags.receive(&sentence) {
                Ok(None) => {}
                Ok(Some(Event::Fatal { reason })) => return Err(End::Fatal(reason)),
                Ok(Some(event)) => self.tell(event),
                Err(Error::Protocol(what)) => return Err(End::Garbled(what)),
                Err(other) => return Err(End::Garbled(text::quotable(&other.to_string()))),
            }
        }
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Item { tag, record, size } => self.item(tag, record, size),
            Event::Finished { tag, answer } => match self.waiters.remove(&tag) {
                Some(Waiter::Whole(waiter)) => drop(waiter.send(answer)),
                Some(waiter @ Waiter::Items { .. }) => {
                    if let Err(error) = answer {
                        waiter.fail(error);
                    }
                }
                None => {}
            },
            Event::Released { tag } => {
                if let Some(released) = self.releases.remove(&tag) {
                    released.send(()).ok();
                }
            }
            Event::Fatal { .. } => {}
        }
    }

    fn item(&mut self, tag: u64, record: Record, size: usize) {
        let Some(Waiter::Items { items, unfetched }) = self.waiters.get(&tag) else {
            return;
        };
        let waiting = unfetched.fetch_add(size, Ordering::Relaxed);
        if waiting.saturating_add(size) <= MOST_UNFETCHED && items.send(Ok((record, size))).is_ok()
        {
            return;
        }
        let commands = self.tags.wanted();
        let command = commands
            .filter(|(open, _)| *open == tag)
            .map(|(_, path)| path.to_owned());
        let command = command.last().unwrap_or_default();
        self.tags.cancel(tag);
        if let Some(waiter) = self.waiters.remove(&tag) {
            waiter.fail(Error::TooMuch {
                command,
                bound: MOST_UNFETCHED,
            });
        }
    }
}

/// Writes a piece, or flushes where nothing is left to be written.
async fn push(writer: &mut WriteHalf<Stream>, front: Option<&[u8]>) -> io::Result<usize> {
    match front {
        Some(octets) => match writer.write(octets).await? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        },
        None => writer.flush().await.map(|()| 0),
    }
}
