//! Keeping certificates while the server runs: renewed in time, the revocation list fresh, and what
//! another process changed taken over within a second.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use crate::{
    authority::{self, Authority, AuthorityError, Kept, Names, date},
    data::{DataDir, Readiness},
    failure::Failure,
};

/// How often the files are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often is asked whether something is to be renewed; a new address is in the certificate
/// after so long.
const CHORES: Duration = Duration::from_secs(30);
/// How often the days that are left are counted.
const COUNT: Duration = Duration::from_hours(1);

/// The authority as it is now; `None` where there is none that can be used, which the log says.
pub(super) type Shared = Arc<ArcSwapOption<Authority>>;

/// The thread that keeps certificates.
pub(super) struct Certificates {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    shared: Shared,
}

/// The fingerprint of a CA that was made now, for people to compare.
pub(super) struct Found {
    pub(super) made: Option<String>,
    readable: bool,
}

/// Makes the CA and our certificates where they are not there. A server can do without, as long as
/// nobody comes over TLS: what is wrong is said, and not a reason to answer nobody.
pub(super) fn prepare(data: &DataDir) -> Found {
    match Authority::ensure(data, &Names::of_this_machine(), authority::now()) {
        Ok((authority, readiness)) => {
            let made = readiness == Readiness::Made;
            Found {
                made: made.then(|| authority.ca().fingerprint.clone()),
                readable: true,
            }
        }
        Err(_) => Found {
            made: None,
            readable: false,
        },
    }
}

impl Certificates {
    /// Where it answers by OCSP, `answers`, a certificate for that is kept as well.
    pub(super) fn start(data: &DataDir, found: &Found, answers: bool) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Shared::default();
        let mut rounds = Rounds {
            data: data.clone(),
            answers,
            authority: None,
            shared: Arc::clone(&shared),
            chores: None,
            count: None,
            trouble: None,
        };
        // Before anybody is listened to.
        rounds.go(Instant::now());
        if !found.readable {
            tracing::warn!("without certificates nobody can come over TLS");
        }
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("certificates".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    rounds.go(Instant::now());
                    thread::park_timeout(TICK);
                }
            })?;
        Ok(Self {
            thread: Some(thread),
            stop,
            shared,
        })
    }

    /// The authority as it is now.
    pub(super) fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    pub(super) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that keeps the certificates panicked");
            }
        }
    }
}

struct Rounds {
    data: DataDir,
    answers: bool,
    authority: Option<Authority>,
    shared: Shared,
    /// When the chores were last done, and the days counted.
    chores: Option<Instant>,
    count: Option<Instant>,
    /// What was said last of what is wrong.
    trouble: Option<String>,
}

impl Rounds {
    fn go(&mut self, at: Instant) {
        let chores = is_due(self.chores, at, CHORES);
        match self.round(at, chores) {
            // Only a full round can tell that all is well.
            Ok(()) => {
                if chores && self.trouble.take().is_some() {
                    tracing::info!("the certificates are in order again");
                }
            }
            Err(error) => {
                let words = Failure::from(error).words();
                if self.trouble.as_ref() != Some(&words) {
                    tracing::error!("certificates are not kept: {words}");
                    self.trouble = Some(words);
                }
            }
        }
    }

    fn round(&mut self, at: Instant, chores: bool) -> Result<(), AuthorityError> {
        let Some(authority) = &mut self.authority else {
            // Somebody may make one, but asking for it is not cheap.
            if !chores {
                return Ok(());
            }
            self.chores = Some(at);
            let (machine, now) = (Names::of_this_machine(), authority::now());
            let (mut authority, _) = Authority::ensure(&self.data, &machine, now)?;
            let mut kept = Ok(Vec::new());
            if self.answers {
                authority = authority.answering();
                // Where that fails, what is there is of use all the same.
                kept = authority.keep(&machine, now);
            }
            self.shared.store(Some(Arc::new(authority.clone())));
            self.authority = Some(authority);
            return kept.map(|kept| kept.iter().for_each(tell));
        };
        let before = authority.generation();
        let mut outcome = authority.refresh().map(|_| ());
        if outcome.is_ok() && chores {
            self.chores = Some(at);
            let kept = authority.keep(&Names::of_this_machine(), authority::now());
            outcome = kept.map(|kept| kept.iter().for_each(tell));
        }
        if authority.generation() != before {
            tracing::debug!(
                generation = authority.generation(),
                "certificates taken over"
            );
            self.shared.store(Some(Arc::new(authority.clone())));
        }
        outcome?;
        if is_due(self.count, at, COUNT) {
            self.count = Some(at);
            let warnings = authority.due(authority::now())?;
            for warning in &warnings {
                tracing::warn!("{}", warning.words());
            }
            authority.told(&warnings)?;
        }
        Ok(())
    }
}

fn is_due(last: Option<Instant>, at: Instant, every: Duration) -> bool {
    last.is_none_or(|last| at.duration_since(last) >= every)
}

fn tell(kept: &Kept) {
    match kept {
        Kept::Renewed(record, why) => tracing::info!(
            serial = record.serial,
            until = date(record.not_after),
            "{} certificate renewed: {}",
            record.purpose.as_str(),
            why.as_str()
        ),
        Kept::Listed => tracing::debug!("revocation list signed anew"),
    }
}
