//! One router: its tables, its clock, its log, and the places where modules plug in.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{broadcast, watch};

use crate::{
    Board, Call, Outcome, Record, Refused, Release, Session, Trap,
    control::Control,
    faults::Faults,
    history::History,
    log::Log,
    menu::{Menu, Menus},
    schema::Schema,
    table::Table,
};

/// What an asynchronous hook gives.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A module's own command.
pub type Handler = Arc<dyn Fn(Arc<Machine>, Session, Call) -> Later<Outcome> + Send + Sync>;

/// Items that are worked out when they are asked for, such as `/system/resource`.
pub type Source = Arc<dyn Fn(&Machine) -> Vec<Record> + Send + Sync>;

/// Looks at a command before it is done. `Some` takes its place.
pub type Interceptor = Arc<dyn Fn(&Machine, &Session, &Call) -> Option<Outcome> + Send + Sync>;

/// Looks at an item that is about to be added or changed (the whole item, as it would be), and
/// may complete it or say no.
pub type Guard = Arc<dyn Fn(&Machine, &mut Record) -> Result<(), Trap> + Send + Sync>;

/// Decides on users whom `/user` does not have.
pub type LoginHook = Arc<dyn Fn(Arc<Machine>, Attempt) -> Later<LoginAnswer> + Send + Sync>;

/// What RADIUS says of a log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginAnswer {
    /// Let in, with this group (empty: `default-group`).
    In(String),
    /// Not let in.
    Out(Refused),
}

/// A log-in to the router itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
    /// Where from.
    pub from: Option<IpAddr>,
    /// `api`, `rest-api`, `ssh`, `ftp`.
    pub via: String,
}

/// A change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The menu: `/radius`.
    pub menu: String,
    /// The item's `.id`. A menu that is one item has none.
    pub id: Option<String>,
    /// What happened.
    pub change: Change,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It has other values, or another place.
    Changed,
    /// It is gone.
    Removed,
}

/// One router.
pub struct Machine {
    release: Release,
    board: Board,
    pub(crate) schema: Schema,
    pub(crate) menus: Menus,
    pub(crate) state: Mutex<State>,
    hooks: Mutex<Hooks>,
    pub(crate) faults: Faults,
    pub(crate) control: Control,
    events: broadcast::Sender<Event>,
    boots: watch::Sender<u64>,
}

/// What changes while the router runs.
pub(crate) struct State {
    pub(crate) tables: HashMap<String, Table>,
    pub(crate) history: History,
    pub(crate) log: Log,
    /// Added to the clock of this machine, in seconds.
    pub(crate) offset: i64,
    pub(crate) started: Instant,
    /// The address that is the router's own.
    pub(crate) address: Option<IpAddr>,
}

#[derive(Default)]
struct Hooks {
    handlers: HashMap<String, Handler>,
    sources: HashMap<String, Source>,
    guards: HashMap<String, Vec<Guard>>,
    interceptors: Vec<Interceptor>,
    login: Option<LoginHook>,
    notes: HashSet<String>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("release", &self.release)
            .field("board", &self.board)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A router as it comes out of its box.
    ///
    /// # Errors
    ///
    /// A version that never was on the device, or what is wrong with a bundled schema or table of
    /// menus, which is a fault of the program.
    pub fn new(release: Release, board: Board) -> Result<Arc<Self>, String> {
        if board == Board::HapAx2 && release.is_six() {
            return Err(format!(
                "{board} came with RouterOS 7, and cannot run {release}"
            ));
        }
        let schema = Schema::of(release, board)?;
        let menus = Menus::of(release, board, &schema)?;
        let tables = menus.factory();
        let machine = Arc::new(Self {
            release,
            board,
            schema,
            menus,
            state: Mutex::new(State {
                tables,
                history: History::default(),
                log: Log::default(),
                offset: 0,
                started: Instant::now(),
                address: None,
            }),
            hooks: Mutex::default(),
            faults: Faults::default(),
            control: Control::default(),
            events: broadcast::channel(1024).0,
            boots: watch::channel(1).0,
        });
        crate::system::attach(&machine);
        Ok(machine)
    }

    /// The version it is.
    pub fn release(&self) -> Release {
        self.release
    }

    /// The device it is.
    pub fn board(&self) -> Board {
        self.board
    }

    /// What `/system/identity` says.
    pub fn identity(&self) -> String {
        self.one("/system/identity").text("name").to_owned()
    }

    /// The address its services listen on. None before it is put anywhere.
    pub fn address(&self) -> Option<IpAddr> {
        self.lock().address
    }

    pub(crate) fn set_address(&self, address: IpAddr) {
        self.lock().address = Some(address);
    }

    /// How often it has started, from 1. Watch it to end sessions when the router starts again.
    pub fn boots(&self) -> watch::Receiver<u64> {
        self.boots.subscribe()
    }

    /// Starts again: what is dynamic is gone, the log is empty, the boot counter is one higher and
    /// services close their connections.
    pub fn reboot(&self) {
        {
            let mut state = self.lock();
            for table in state.tables.values_mut() {
                table.items.retain(|item| !item.dynamic);
            }
            state.log = Log::default();
            state.history = History::default();
            state.started = Instant::now();
        }
        self.boots.send_modify(|boots| *boots += 1);
        self.log("system,info", "router rebooted");
    }

    /// Does a command for somebody: checks that the version has it and its arguments, that the
    /// user's group may, that the values fit; then does it, or lets the module do it that has
    /// registered it.
    pub async fn execute(self: &Arc<Self>, session: &Session, call: &Call) -> Outcome {
        let interceptors = self.hooks().interceptors.clone();
        for interceptor in interceptors {
            if let Some(outcome) = interceptor(self, session, call) {
                return outcome;
            }
        }
        self.check(session, call)?;
        let handler = self.hooks().handlers.get(call.path()).cloned();
        match handler {
            Some(handler) => handler(Arc::clone(self), session.clone(), call.clone()).await,
            None => self.perform(session, call),
        }
    }

    /// A module does this command (its whole path). The command must be in the version's schema
    /// for anybody to reach it; policies and names of arguments have been checked by then.
    pub fn register<F, T>(&self, path: &str, handler: F)
    where
        F: Fn(Arc<Self>, Session, Call) -> T + Send + Sync + 'static,
        T: Future<Output = Outcome> + Send + 'static,
    {
        let handler: Handler =
            Arc::new(move |machine, session, call| Box::pin(handler(machine, session, call)));
        self.hooks().handlers.insert(path.to_owned(), handler);
    }

    /// A menu's items are worked out whenever it is printed. For a menu that is one item the
    /// first record counts, and is laid over the values that are set. For a list, `.id` must be
    /// given and stay; records are laid over the stored items of the same `.id`. One with `.first`
    /// stands before all.
    pub fn provide(
        &self,
        menu: &str,
        source: impl Fn(&Self) -> Vec<Record> + Send + Sync + 'static,
    ) {
        self.hooks()
            .sources
            .insert(menu.to_owned(), Arc::new(source));
    }

    /// A module looks at every item of a menu that a user adds or changes.
    pub fn guard(
        &self,
        menu: &str,
        guard: impl Fn(&Self, &mut Record) -> Result<(), Trap> + Send + Sync + 'static,
    ) {
        let mut hooks = self.hooks();
        let guards = hooks.guards.entry(menu.to_owned()).or_default();
        guards.push(Arc::new(guard));
    }

    /// A module looks at every command first. For faults.
    pub fn intercept(
        &self,
        interceptor: impl Fn(&Self, &Session, &Call) -> Option<Outcome> + Send + Sync + 'static,
    ) {
        self.hooks().interceptors.push(Arc::new(interceptor));
    }

    /// RADIUS decides on users whom `/user` does not have, where `/user aaa use-radius=yes`.
    pub fn set_login_hook<F, T>(&self, hook: F)
    where
        F: Fn(Arc<Self>, Attempt) -> T + Send + Sync + 'static,
        T: Future<Output = LoginAnswer> + Send + 'static,
    {
        let hook: LoginHook = Arc::new(move |machine, attempt| Box::pin(hook(machine, attempt)));
        self.hooks().login = Some(hook);
    }

    pub(crate) fn login_hook(&self) -> Option<LoginHook> {
        self.hooks().login.clone()
    }

    pub(crate) fn source(&self, menu: &str) -> Option<Source> {
        self.hooks().sources.get(menu).cloned()
    }

    pub(crate) fn guards(&self, menu: &str) -> Vec<Guard> {
        self.hooks().guards.get(menu).cloned().unwrap_or_default()
    }

    /// Changes of tables, as they happen. A receiver that is 1024 behind loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub(crate) fn announce(&self, menu: &str, id: Option<String>, change: Change) {
        let menu = menu.to_owned();
        // Nobody listening is no fault.
        drop(self.events.send(Event { menu, id, change }));
    }

    /// The items of a list, or the one record of a menu that is one item: all properties, the
    /// secret and the hidden ones too, in the form in which `print` gives them. What is provided
    /// is in it. A menu that this version does not have is empty.
    pub fn read(&self, menu: &str) -> Vec<Record> {
        let stored = self.stored(menu);
        let Some(source) = self.source(menu) else {
            return stored;
        };
        let mut records = stored;
        for provided in source(self) {
            let same = records.iter_mut().find(|known| known.id() == provided.id());
            match same {
                Some(known) => provided
                    .iter()
                    .for_each(|(name, value)| known.set(name, value)),
                None if provided.is(".first") => records.insert(0, provided),
                None => records.push(provided),
            }
        }
        records
    }

    /// The same without what is provided: for a source that completes what is stored.
    pub fn stored(&self, menu: &str) -> Vec<Record> {
        let one = self.menus.get(menu).is_some_and(Menu::is_one);
        let state = self.lock();
        match state.tables.get(menu) {
            Some(table) if one => vec![table.one.clone()],
            Some(table) => table.items.iter().map(crate::table::Item::record).collect(),
            None => Vec::new(),
        }
    }

    /// The one record of a menu that is one item.
    pub fn one(&self, menu: &str) -> Record {
        self.read(menu).into_iter().next().unwrap_or_default()
    }

    /// The first item with this value.
    pub fn find(&self, menu: &str, name: &str, value: &str) -> Option<Record> {
        let mut all = self.read(menu).into_iter();
        all.find(|record| record.get(name) == Some(value))
    }

    /// Adds an item without asking whether it is valid. What is not given gets its default.
    /// Returns its `.id`. `dynamic` items go when the router starts again.
    pub fn insert(&self, menu: &str, values: Record, dynamic: bool) -> String {
        let values = self.menus.completed(menu, values);
        let id = {
            let mut state = self.lock();
            let table = state.tables.entry(menu.to_owned()).or_default();
            crate::table::text_of(table.insert(values, dynamic, None))
        };
        self.announce(menu, Some(id.clone()), Change::Added);
        id
    }

    /// Sets values of an item (or, with an empty `id`, of a menu that is one item) without asking
    /// whether they are valid. Whether there was such an item.
    pub fn update(&self, menu: &str, id: &str, values: &Record) -> bool {
        let found = {
            let mut state = self.lock();
            let table = state.tables.entry(menu.to_owned()).or_default();
            let number = crate::table::number_of(id);
            let place = match number {
                None if id.is_empty() => Some(&mut table.one),
                None => None,
                Some(number) => table.item_mut(number).map(|item| &mut item.values),
            };
            let found = place.is_some();
            if let Some(place) = place {
                values
                    .iter()
                    .for_each(|(name, value)| place.set(name, value));
            }
            found
        };
        if found {
            let id = (!id.is_empty()).then(|| id.to_owned());
            self.announce(menu, id, Change::Changed);
        }
        found
    }

    /// Takes an item away. Whether there was one.
    pub fn delete(&self, menu: &str, id: &str) -> bool {
        let found = {
            let mut state = self.lock();
            let table = state.tables.get_mut(menu);
            let place = table.and_then(|table| {
                let at = table.position(crate::table::number_of(id)?)?;
                Some(table.items.remove(at))
            });
            place.is_some()
        };
        if found {
            self.announce(menu, Some(id.to_owned()), Change::Removed);
        }
        found
    }

    /// Writes to the log. `topics` with commas between: `radius,debug`.
    pub fn log(&self, topics: &str, message: impl Into<String>) {
        let time = self.log_time();
        let rules = self.stored("/system/logging");
        let actions = self.stored("/system/logging/action");
        let mut state = self.lock();
        let id = state
            .log
            .write(&rules, &actions, topics, &time, &message.into());
        drop(state);
        if let Some(id) = id {
            self.announce("/log", Some(id), Change::Added);
        }
    }

    /// Whether this was not said to it before: for events that are to happen once a boot.
    pub fn first_time(&self, note: &str) -> bool {
        self.hooks().notes.insert(note.to_owned())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hooks(&self) -> MutexGuard<'_, Hooks> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
