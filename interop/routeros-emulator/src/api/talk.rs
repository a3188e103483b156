//! One client of the API: log-in, commands with tags, listening, cancelling.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use md5::{Digest as _, Md5};
use tokio::{
    io::{AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::{broadcast, mpsc},
    task::JoinHandle,
};

use crate::{
    Active, Attempt, Call, Change, Event, Machine, Refused, Session, Trap,
    api::{
        run::{self, Reporter},
        word,
    },
    serve::{Connection, Stream},
};

type Bytes = Pin<Box<dyn Stream>>;

/// What waits to be written; a client that does not read holds up its own commands.
const WAITING: usize = 64;

/// Serves one connection until it ends.
pub(super) async fn serve(machine: Arc<Machine>, connection: Connection) {
    let (reading, writing) = tokio::io::split(connection.stream);
    let (out, sentences) = mpsc::channel(WAITING);
    let writer = tokio::spawn(write_all(writing, sentences));
    let talk = Talk {
        machine,
        from: connection.peer.ip(),
        out,
        running: Arc::default(),
        challenge: None,
        session: None,
    };
    talk.run(reading).await;
    // The last words, `!fatal` among them, go out before the connection closes.
    drop(writer.await);
}

async fn write_all(mut stream: WriteHalf<Bytes>, mut sentences: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut wire) = sentences.recv().await {
        while let Ok(more) = sentences.try_recv() {
            wire.extend(more);
        }
        if stream.write_all(&wire).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    // The other side may have gone first.
    drop(stream.shutdown().await);
}

/// Commands that run, by their tag.
type Running = Arc<Mutex<HashMap<String, (Reporter, JoinHandle<()>)>>>;

/// Whatever ends the connection, its commands end with it: one that listens would hold it open.
impl Drop for Talk {
    fn drop(&mut self) {
        for (_, (_, task)) in locked(&self.running).drain() {
            task.abort();
        }
    }
}

struct Talk {
    machine: Arc<Machine>,
    from: IpAddr,
    out: mpsc::Sender<Vec<u8>>,
    running: Running,
    challenge: Option<[u8; 16]>,
    session: Option<(Session, Active)>,
}

impl Talk {
    async fn run(mut self, mut reading: ReadHalf<Bytes>) {
        let mut boots = self.machine.boots();
        let mut events = self.machine.events();
        loop {
            let active = self
                .session
                .as_ref()
                .map(|(_, active)| active.id().to_owned());
            let sentence = tokio::select! {
                sentence = word::read_sentence(&mut reading, active.is_some()) => sentence,
                _ = boots.changed() => None,
                () = removed(&mut events, active.as_deref()) => None,
            };
            let Some(sentence) = sentence else { break };
            if !self.sentence(sentence).await {
                break;
            }
        }
    }

    /// Takes one sentence. Whether the conversation goes on.
    async fn sentence(&mut self, sentence: Vec<String>) -> bool {
        let (call, tag) = parsed(sentence);
        let reporter = Reporter {
            out: self.out.clone(),
            tag: tag.clone(),
            says_empty: self.machine.release().says_empty(),
        };
        if call.path() == "/login" {
            return self.log_in(&call, &reporter).await;
        }
        let Some((session, _)) = &self.session else {
            reporter
                .say(&["!fatal".into(), "not logged in".into()])
                .await;
            return false;
        };
        match call.path() {
            "/quit" => {
                let words = ["!fatal".into(), "session terminated on request".into()];
                reporter.say(&words).await;
                false
            }
            "/cancel" => {
                self.cancel(&call, &reporter).await;
                true
            }
            _ => {
                self.start(session.clone(), call, reporter).await;
                true
            }
        }
    }

    /// Runs a command beside others where it has a tag or has no end, else before the next one
    /// is read.
    async fn start(&self, session: Session, call: Call, reporter: Reporter) {
        let machine = Arc::clone(&self.machine);
        let tag = reporter.tag.clone();
        let running = Arc::clone(&self.running);
        let alone = tag.is_empty() && !run::is_endless(&call);
        let own = reporter.clone();
        let doing = async move {
            run::command(&machine, &session, &call, &own).await;
            locked(&running).remove(&own.tag);
        };
        if alone {
            doing.await;
            return;
        }
        // Held until the task is in its place, so that it cannot take itself away before.
        let mut all = locked(&self.running);
        let task = tokio::spawn(doing);
        all.insert(tag, (reporter, task));
    }

    async fn cancel(&self, call: &Call, reporter: &Reporter) {
        let wanted = call.get("tag");
        let ended: Vec<(Reporter, JoinHandle<()>)> = {
            let mut running = locked(&self.running);
            match wanted {
                Some(tag) => running.remove(tag).into_iter().collect(),
                None => running.drain().map(|(_, each)| each).collect(),
            }
        };
        if ended.is_empty() && wanted.is_some() {
            reporter.trap(&Trap::of(0, "no such item")).await;
            reporter.done(None).await;
            return;
        }
        for (other, task) in ended {
            task.abort();
            // So that its last word comes before this one.
            drop(task.await);
            other.trap(&Trap::of(2, "interrupted")).await;
            other.done(None).await;
        }
        reporter.done(None).await;
    }

    /// Both log-ins. Whether the conversation goes on.
    async fn log_in(&mut self, call: &Call, reporter: &Reporter) -> bool {
        let release = self.machine.release();
        let result = match (call.get("name"), call.get("password"), call.get("response")) {
            (None, ..) if release.has_challenge() => {
                let mut challenge = [0; 16];
                if getrandom::fill(&mut challenge).is_err() {
                    return false;
                }
                self.challenge = Some(challenge);
                let text = hexadecimal(&challenge);
                reporter.done(Some(&text)).await;
                return true;
            }
            (Some(name), _, Some(response)) if release.has_challenge() => {
                self.answer(name, response)
            }
            // Before 6.43 a password is not looked at: the answer is a challenge.
            (Some(_), Some(_), None) if !release.has_plain_login() => {
                return Box::pin(self.log_in(&Call::new("/login"), reporter)).await;
            }
            (Some(name), password, None) => {
                let attempt = self.attempt(name, password.unwrap_or_default());
                self.machine.log_in(attempt).await
            }
            _ => Err(Refused::Wrong),
        };
        match result {
            Ok(session) => {
                let active = self.machine.enter(&session);
                self.session = Some((session, active));
                reporter.done(None).await;
            }
            Err(refused) => {
                let text = if release.has_plain_login() {
                    refused.message()
                } else {
                    "cannot log in"
                };
                reporter.trap(&Trap::new(text)).await;
                reporter.done(None).await;
            }
        }
        true
    }

    fn attempt(&self, name: &str, password: &str) -> Attempt {
        Attempt {
            user: name.to_owned(),
            password: password.to_owned(),
            from: Some(self.from),
            via: "api".into(),
        }
    }

    /// `00` and the MD5 of a zero, the password, and the challenge, which is good once.
    fn answer(&mut self, name: &str, response: &str) -> Result<Session, Refused> {
        let challenge = self.challenge.take().ok_or(Refused::Wrong)?;
        let password = self.machine.password_of(name, Some(self.from));
        let password = password.ok_or(Refused::Wrong)?;
        let digest = Md5::new()
            .chain_update([0])
            .chain_update(password.as_bytes())
            .chain_update(challenge)
            .finalize();
        let wanted = hexadecimal(&digest);
        if response.to_ascii_lowercase() != format!("00{wanted}") {
            return Err(Refused::Wrong);
        }
        let user = self.machine.find("/user", "name", name).unwrap_or_default();
        let attempt = self.attempt(name, "");
        self.machine.session(&attempt, user.text("group"), false)
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let each = octets.iter();
    each.flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0F)])
        .collect()
}

/// Ends when somebody takes an entry out of `/user/active`.
async fn removed(events: &mut broadcast::Receiver<Event>, id: Option<&str>) {
    use broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(event) => {
                let gone = event.menu == "/user/active" && event.change == Change::Removed;
                if gone && id.is_some() && event.id.as_deref() == id {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The command of a sentence, and its tag.
fn parsed(sentence: Vec<String>) -> (Call, String) {
    let mut words = sentence.into_iter();
    let path = words.next().unwrap_or_default();
    let (mut call, mut tag) = (Call::new(path), String::new());
    for word in words {
        if let Some(rest) = word.strip_prefix('=') {
            let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
            call.arguments.set(name, value);
        } else if let Some(query) = word.strip_prefix('?') {
            call.queries.push(query.to_owned());
        } else if let Some(text) = word.strip_prefix(".tag=") {
            text.clone_into(&mut tag);
        } else if word.starts_with('.') {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            call.arguments.set(name, value);
        }
    }
    (call, tag)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
