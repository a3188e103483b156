//! A disk in memory that fails at the call it is told to, and forgets on a crash what was not
//! synced.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use portreeve_store::journal::{Layer, LayerFile, LockGuard};

/// How the chosen call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Refuse,
    /// A write does half; anything else is refused.
    Half,
    /// No room: half is written, and every later write is refused until [`Sim::heal`].
    Full,
    /// The call does its work and says it failed.
    Lie,
    /// The power goes: this call and all later ones fail until [`Sim::crash`].
    Power,
}

/// How much of what was not synced a crash keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Crash {
    /// None of it.
    Nothing,
    /// All of it.
    Everything,
    /// Every other octet of it, the rest being zero: pages reach the disk in any order.
    Torn,
}

#[derive(Clone, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Arc<Mutex<Content>>>,
    durable_names: BTreeMap<PathBuf, Arc<Mutex<Content>>>,
    calls: usize,
    fail_at: Option<(usize, Fault)>,
    full: bool,
    dead: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Sim(Arc<Mutex<State>>);

enum Verdict {
    Go,
    Half(io::ErrorKind),
    GoAndFail,
}

impl Sim {
    /// Fails the `call`-th call from now on, counted from 0.
    pub(crate) fn fail(&self, call: usize, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        state.calls = 0;
        state.fail_at = Some((call, fault));
    }

    /// Whether the call that was to fail has come.
    pub(crate) fn failed(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.fail_at.is_some_and(|(call, _)| state.calls > call)
    }

    pub(crate) fn heal(&self) {
        let mut state = self.0.lock().unwrap();
        (state.full, state.fail_at, state.dead) = (false, None, false);
    }

    /// Everything not synced is lost as `crash` says; the disk works again.
    pub(crate) fn crash(&self, crash: Crash) {
        self.heal();
        let mut state = self.0.lock().unwrap();
        if !matches!(crash, Crash::Everything) {
            state.files = state.durable_names.clone();
        }
        for content in state.files.values() {
            let mut content = content.lock().unwrap();
            match crash {
                Crash::Nothing => content.seen = content.durable.clone(),
                Crash::Everything => {}
                Crash::Torn => {
                    let Content { seen, durable } = &mut *content;
                    for (index, octet) in seen.iter_mut().enumerate() {
                        if index % 2 == 0 {
                            *octet = durable.get(index).copied().unwrap_or(0);
                        }
                    }
                }
            }
            content.durable = content.seen.clone();
        }
        state.durable_names = state.files.clone();
    }

    fn call(&self, writes: bool) -> io::Result<Verdict> {
        let mut state = self.0.lock().unwrap();
        if state.dead {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let call = state.calls;
        state.calls += 1;
        let fault = state
            .fail_at
            .and_then(|(at, fault)| (at == call).then_some(fault));
        match fault {
            None if state.full && writes => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(Verdict::Go),
            Some(Fault::Half) if writes => Ok(Verdict::Half(io::ErrorKind::Other)),
            Some(Fault::Refuse | Fault::Half) => Err(io::ErrorKind::Other.into()),
            Some(Fault::Lie) => Ok(Verdict::GoAndFail),
            Some(Fault::Full) => {
                state.full = true;
                Ok(Verdict::Half(io::ErrorKind::StorageFull))
            }
            Some(Fault::Power) => {
                state.dead = true;
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    /// Makes one call whose work cannot be half done.
    fn whole<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let verdict = self.call(false)?;
        let done = work(&mut self.0.lock().unwrap())?;
        match verdict {
            Verdict::Go => Ok(done),
            Verdict::Half(kind) => Err(kind.into()),
            Verdict::GoAndFail => Err(io::ErrorKind::Other.into()),
        }
    }
}

impl Layer for Sim {
    fn prepare(&self, _: &Path) -> io::Result<()> {
        self.whole(|_| Ok(()))
    }

    fn lock(&self, _: &Path) -> io::Result<Option<LockGuard>> {
        self.whole(|_| Ok(Some(Box::new(()) as LockGuard)))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        self.whole(|state| {
            Ok(state
                .files
                .keys()
                .map(|path| path.file_name().unwrap().to_owned())
                .collect())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn LayerFile>> {
        let content = self.whole(|state| {
            let content = state.files.entry(path.to_owned()).or_default();
            content.lock().unwrap().seen.clear();
            Ok(Arc::clone(content))
        })?;
        Ok(Box::new(SimFile {
            sim: self.clone(),
            content,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LayerFile>> {
        let content = self.whole(|state| {
            state
                .files
                .get(path)
                .map(Arc::clone)
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        })?;
        Ok(Box::new(SimFile {
            sim: self.clone(),
            content,
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(|state| match state.files.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.whole(|state| {
            state.durable_names = state.files.clone();
            Ok(())
        })
    }
}

struct SimFile {
    sim: Sim,
    content: Arc<Mutex<Content>>,
}

impl LayerFile for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let verdict = self.sim.call(true)?;
        let count = match verdict {
            Verdict::Half(_) => bytes.len() / 2,
            _ => bytes.len(),
        };
        let mut content = self.content.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        if content.seen.len() < offset + count {
            content.seen.resize(offset + count, 0);
        }
        content.seen[offset..offset + count].copy_from_slice(&bytes[..count]);
        match verdict {
            Verdict::Go => Ok(count),
            // A short write is no error by itself; the next call meets the cause.
            Verdict::Half(io::ErrorKind::StorageFull) if count > 0 => Ok(count),
            Verdict::Half(kind) => Err(kind.into()),
            Verdict::GoAndFail => Err(io::ErrorKind::Other.into()),
        }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.sim.whole(|_| {
            let content = self.content.lock().unwrap();
            let from = usize::try_from(offset).unwrap().min(content.seen.len());
            let count = into.len().min(content.seen.len() - from).min(97);
            into[..count].copy_from_slice(&content.seen[from..from + count]);
            Ok(count)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.sim.whole(|_| {
            let mut content = self.content.lock().unwrap();
            content.durable = content.seen.clone();
            Ok(())
        })
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.sim.whole(|_| {
            let mut content = self.content.lock().unwrap();
            content.seen.truncate(usize::try_from(length).unwrap());
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.sim
            .whole(|_| Ok(self.content.lock().unwrap().seen.len() as u64))
    }
}
