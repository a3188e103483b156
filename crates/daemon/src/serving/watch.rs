//! Looking after the routers that are enrolled, on a thread of its own: whether each answers and is
//! as it was left, whether it still has the sessions that have gone silent, and a backup now and
//! then.

mod events;

use std::{
    collections::HashMap,
    io,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portreeve_routeros::{
    check::{self, Severity},
    plan::Step,
};
use tokio::sync::oneshot;

use super::settle::Settler;
use crate::{
    config,
    failure::{Failure, chain},
    routers::{BackupWish, Folder, Known, Link, Retention, RouterError, Routers, State, ours},
};

/// How often is looked whether a router is due.
const TICK: Duration = Duration::from_secs(1);
/// How long one router may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// The longest that the first look at a router waits.
const FIRST: Duration = Duration::from_secs(20);

/// The thread that looks after the routers.
pub(super) struct Watch {
    thread: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Watch {
    pub(super) fn start(config: config::Routers, settler: Settler) -> io::Result<Self> {
        if config.check.is_none() && config.backup.is_none() && config.silent.is_none() {
            return Ok(Self {
                thread: None,
                stop: None,
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let mut rounds = Rounds {
            routers: Routers::of(&settler.data),
            config,
            settler,
            due: HashMap::new(),
        };
        let thread = thread::Builder::new()
            .name("routers".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = rounds.go_on() => {}
                        // Also when the other end is dropped.
                        _ = stopped => {}
                    }
                });
                // A name that is being looked up is not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            thread: Some(thread),
            stop: Some(stop),
        })
    }

    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that looks after the routers panicked");
        }
    }
}

/// When a router is next looked at, its silent sessions are next looked for, and it is next backed
/// up.
#[derive(Debug, Clone, Copy)]
struct Due {
    check: Option<Instant>,
    sessions: Option<Instant>,
    backup: Option<Instant>,
}

struct Rounds {
    routers: Routers,
    config: config::Routers,
    settler: Settler,
    due: HashMap<String, Due>,
}

impl Rounds {
    async fn go_on(&mut self) {
        let mut trouble = None;
        loop {
            match self.routers.names() {
                Ok(names) => {
                    self.due.retain(|name, _| names.contains(name));
                    for name in names {
                        self.see_to(&name).await;
                    }
                    trouble = None;
                }
                Err(error) => {
                    let words = chain(&error);
                    if trouble.as_ref() != Some(&words) {
                        tracing::warn!("routers are not looked after: {words}");
                        trouble = Some(words);
                    }
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn see_to(&mut self, name: &str) {
        let Ok(folder) = self.routers.find(name) else {
            return;
        };
        let due = *self
            .due
            .entry(name.to_owned())
            .or_insert_with(|| first_due(&self.config, &folder.state().unwrap_or_default()));
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut next = due;
        if is_due(due.check) {
            self.check(&folder).await;
            next.check = self.config.check.map(|every| now + jittered(every));
        }
        if is_due(due.sessions) {
            self.settle(&folder).await;
            next.sessions = self.config.silent.map(|span| now + jittered(span));
        }
        if is_due(due.backup) {
            self.back_up(&folder).await;
            next.backup = self.config.backup.map(|every| now + jittered(every));
        }
        self.due.insert(name.to_owned(), next);
    }

    async fn check(&self, folder: &Folder) {
        let before = folder.state().unwrap_or_default();
        let Some(looked) = bounded(folder, self.look(folder)).await else {
            return;
        };
        let now = crate::service::now_ms();
        let mut steps = Vec::new();
        let saved = folder.saw(|state| match looked {
            Ok(looked) => {
                state.checked_ms = Some(now);
                state.answered_ms = Some(now);
                state.trouble = None;
                state.drift = looked.plan.as_ref().map(Vec::len);
                steps = looked.plan.unwrap_or_default();
                state.errors = Some(looked.errors);
                state.warnings = Some(looked.warnings);
                state.known = Some(looked.known);
            }
            Err(failure) => state.trouble = Some(failure),
        });
        if let Err(error) = saved {
            return tracing::warn!("{}", chain(&error));
        }
        let after = folder.state().unwrap_or_default();
        tell(folder.name(), &before, &after);
        let Ok(kept) = folder.read() else {
            return;
        };
        let told = events::tell(&kept, &after, &steps, &self.settler.records);
        if told != after.told
            && let Err(error) = folder.saw(|state| state.told = told)
        {
            tracing::warn!("{}", chain(&error));
        }
    }

    async fn look(&self, folder: &Folder) -> Result<Looked, Failure> {
        let kept = folder.read()?;
        let link = Link::open(&kept).await?;
        let plan = link.plan(&kept.wanted()).await;
        let router = link.said(check::gather(&link.router, &link.can).await)?;
        let ours = ours::side(&kept, &self.settler.data)?;
        let findings = check::diagnose(&router, &ours, &ours::expectation(&kept));
        let count = |severity| {
            let found = findings.iter().filter(|one| one.severity == severity);
            found.count()
        };
        Ok(Looked {
            // Where there is no plan, the findings say why.
            plan: plan.ok().map(|plan| plan.steps().to_vec()),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            known: link.known().await?,
        })
    }

    async fn settle(&self, folder: &Folder) {
        let Some(span) = self.config.silent else {
            return;
        };
        let settling = self.settler.settle(folder, span);
        if let Some(Err(trouble)) = bounded(folder, settling).await {
            // That a router is not reached is told by the looks at it.
            let router = folder.name();
            tracing::debug!(router, "silent sessions were not looked for: {trouble}");
        }
    }

    async fn back_up(&self, folder: &Folder) {
        let before = folder.state().unwrap_or_default();
        let Some(taken) = bounded(folder, self.take(folder)).await else {
            return;
        };
        let saved = folder.saw(|state| match &taken {
            Ok(at_ms) => {
                state.backup_ms = Some(*at_ms);
                state.backup_trouble = None;
            }
            Err(trouble) => state.backup_trouble = Some(trouble.clone()),
        });
        if let Err(error) = saved {
            tracing::warn!("{}", chain(&error));
        }
        let router = folder.name();
        match (&before.backup_trouble, taken) {
            (_, Err(trouble)) if before.backup_trouble.as_ref() != Some(&trouble) => {
                tracing::warn!(router, "no backup of the router: {trouble}");
            }
            (Some(_), Ok(_)) => tracing::info!(router, "the router is backed up again"),
            _ => tracing::debug!(router, "the router was backed up, or still is not"),
        }
    }

    async fn take(&self, folder: &Folder) -> Result<u64, Failure> {
        let kept = folder.read()?;
        let _guard = folder.lock()?;
        let now = crate::service::now_ms();
        let link = Link::open(&kept).await?;
        let wish = BackupWish {
            reason: "schedule",
            password: Some(&kept.backup_password),
        };
        let backup = link.back_up(folder, &wish, now).await?;
        folder.backups().prune(Retention::of(&self.config), now)?;
        Ok(backup.manifest.at_ms)
    }
}

/// What was seen of a router.
struct Looked {
    plan: Option<Vec<Step>>,
    errors: usize,
    warnings: usize,
    known: Known,
}

/// Waits for so long and no longer. Nothing where another command is at work with the router.
async fn bounded<T>(
    folder: &Folder,
    work: impl Future<Output = Result<T, Failure>>,
) -> Option<Result<T, String>> {
    if !folder.read().is_ok_and(|kept| kept.enrolled_ms.is_some()) {
        return None;
    }
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Err(Failure::Router(RouterError::Busy { .. }))) => None,
        Ok(done) => Some(done.map_err(|failure| failure.words())),
        Err(_) => Some(Err(format!(
            "router '{}' did not come to an end within {} s",
            folder.name(),
            PATIENCE.as_secs()
        ))),
    }
}

/// Says what a check has found that it did not find before; the rest are [`events`].
fn tell(router: &str, before: &State, after: &State) {
    if after.trouble.is_some() {
        return;
    }
    let count = |number: Option<usize>| number.unwrap_or(0);
    match (count(before.errors), count(after.errors)) {
        (before, errors) if errors > before => tracing::warn!(
            router,
            errors,
            "something is wrong with the router: portreeve router check {router}"
        ),
        (1.., 0) => tracing::info!(router, "nothing is wrong with the router any more"),
        _ => {}
    }
}

/// When a router is due that the server has just learnt of.
fn first_due(config: &config::Routers, state: &State) -> Due {
    let now = Instant::now();
    let since = |at: Option<u64>| {
        let passed = crate::service::now_ms().saturating_sub(at?);
        Some(Duration::from_millis(passed))
    };
    Due {
        check: config
            .check
            .map(|every| now + jittered(every.min(FIRST)) / 2),
        sessions: config.silent.map(|span| now + jittered(span.min(FIRST))),
        backup: config.backup.map(|every| {
            let passed = since(state.backup_ms).unwrap_or(every);
            now + every.saturating_sub(passed).max(jittered(every.min(FIRST)))
        }),
    }
}

/// A span of about that length, so that not all routers are asked at once.
fn jittered(span: Duration) -> Duration {
    let mut octets = [0; 4];
    // Without random numbers they are asked at once.
    if getrandom::fill(&mut octets).is_err() {
        return span;
    }
    let part = f64::from(u32::from_le_bytes(octets)) / f64::from(u32::MAX);
    span.mul_f64(0.9 + 0.2 * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_when_its_time_has_passed_and_not_before() {
        let config = config::Routers::default();
        let now = Instant::now();
        let never = first_due(&config, &State::default());
        assert!(never.backup.unwrap() <= now + FIRST * 2);
        let lately = State {
            backup_ms: Some(crate::service::now_ms()),
            ..State::default()
        };
        let lately = first_due(&config, &lately);
        assert!(lately.backup.unwrap() > now + Duration::from_hours(23));
        let off = config::Routers {
            check: None,
            backup: None,
            ..config
        };
        let off = first_due(&off, &State::default());
        assert!(off.check.is_none() && off.backup.is_none());
    }

    #[test]
    fn jitter_stays_near_the_span() {
        let hour = Duration::from_hours(1);
        for _ in 0..100 {
            let made = jittered(hour);
            assert!(
                (hour.mul_f64(0.9)..=hour.mul_f64(1.1)).contains(&made),
                "{made:?}"
            );
        }
    }
}
