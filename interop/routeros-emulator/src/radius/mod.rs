//! The router as a RADIUS client: PPP, hotspot, Wi-Fi, leases, wires and log-ins of its own.
//!
//! [`attach`] plugs it into a router; what subscribers do is driven through the [`Radius`] that it
//! gives, or through [`control`] from outside. What is sent, and how answers are understood, is
//! what MikroTik's manual and captures of real routers say; where neither does, a comment says
//! that it was chosen.

mod account;
pub mod busy;
pub mod control;
mod debug;
mod dhcp;
mod eap;
mod entry;
mod fast;
mod furnish;
mod hotspot;
mod ike;
mod incoming;
mod local;
mod login;
mod menus;
mod meter;
mod ppp;
mod proof;
mod rate;
mod secure;
mod session;
mod shape;
mod terms;
mod wire;
mod wired;
mod wireless;

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portreeve_proto::{
    AttributeList,
    attr::{acct_status_type as status, acct_terminate_cause as cause},
};
use tokio::sync::{broadcast::error::RecvError, mpsc};

use self::{
    account::{Report, Subject},
    entry::{About, Entry, Service},
    meter::Meter,
    proof::Proof,
    session::{Kind, Session, Sessions},
    shape::Shape,
    terms::Terms,
    wire::{Answer, Asking, NoAnswer, Wire},
};
use crate::{Change, Machine, Record};

/// How often sessions are looked at.
const STEP: Duration = Duration::from_millis(100);

/// The RADIUS side of one router. Cheap to clone.
#[derive(Clone)]
pub struct Radius(Arc<Inner>);

impl fmt::Debug for Radius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Radius").finish_non_exhaustive()
    }
}

struct Inner {
    machine: Arc<Machine>,
    wire: Wire,
    sessions: Mutex<Sessions>,
    incoming: Mutex<incoming::Tally>,
    swaps_octets: AtomicBool,
    /// What firewall rules have put on the fast track.
    tracked: Mutex<fast::Tracked>,
    /// What was granted to users of the router who are on their way in.
    logins: Mutex<HashMap<String, Terms>>,
}

/// A session that is about to begin.
struct Opening {
    kind: Kind,
    shape: Shape,
    id: String,
    mac: String,
    terms: Terms,
    by_radius: bool,
    accounts: bool,
    /// The router's own interval.
    interim: Option<Duration>,
    /// Whether the interval of the Access-Accept counts.
    takes_interim: bool,
    domain: String,
    /// The dynamic items it has, the one that ends it first.
    rows: Vec<(&'static str, Record)>,
}

/// Plugs in: commands, log-ins, and the port of `/radius incoming`.
pub fn attach(machine: &Arc<Machine>) -> Radius {
    let radius = Radius(Arc::new(Inner {
        machine: Arc::clone(machine),
        wire: Wire::new(),
        sessions: Mutex::default(),
        incoming: Mutex::default(),
        swaps_octets: AtomicBool::new(false),
        tracked: Mutex::default(),
        logins: Mutex::default(),
    }));
    menus::attach(&radius);
    fast::attach(&radius);
    login::attach(&radius);
    hotspot::attach(&radius);
    control::attach(&radius);
    tokio::spawn(incoming::serve(radius.clone()));
    tokio::spawn(radius.clone().follow_changes());
    tokio::spawn(radius.clone().follow_time());
    radius
}

impl Radius {
    /// The router.
    pub fn machine(&self) -> &Arc<Machine> {
        &self.0.machine
    }

    /// Sets whether accounting has upload and download the other way round: RouterOS has been
    /// documented both ways.
    fn swap_octets(&self, swaps: bool) {
        self.0.swaps_octets.store(swaps, Ordering::Relaxed);
    }

    fn swaps_octets(&self) -> bool {
        self.0.swaps_octets.load(Ordering::Relaxed)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn incoming(&self) -> MutexGuard<'_, incoming::Tally> {
        self.0
            .incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tracked(&self) -> MutexGuard<'_, fast::Tracked> {
        self.0
            .tracked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn logins(&self) -> MutexGuard<'_, HashMap<String, Terms>> {
        self.0.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// What `/radius` says now. Requests leave from the router's own address unless the entry
    /// says otherwise.
    fn entries(&self) -> Vec<Entry> {
        let machine = self.machine();
        let rows = machine.stored("/radius");
        let own = self.address();
        let mut entries: Vec<Entry> = rows.iter().filter_map(Entry::of).collect();
        for entry in &mut entries {
            let is_near = own.is_loopback() == entry.address.is_loopback();
            let fits = own.is_ipv4() == entry.address.is_ipv4() && !own.is_unspecified();
            if entry.source.is_none() && is_near && fits {
                entry.source = Some(own);
            }
        }
        entries
    }

    /// The router's own address.
    fn address(&self) -> IpAddr {
        let unknown = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.machine().address().unwrap_or(unknown)
    }

    async fn ask(
        &self,
        asking: &Asking<'_>,
        select: (Service, &str, &str),
    ) -> Result<Answer, NoAnswer> {
        let entries = entry::candidates(&self.entries(), asking.about, select);
        self.wire().ask(self.machine(), &entries, asking).await
    }

    /// Sends an Access-Request for somebody.
    async fn access(
        &self,
        shape: &Shape,
        domain: &str,
        proof: &AttributeList,
    ) -> Result<Answer, NoAnswer> {
        let build = |entry: &Entry, ours: IpAddr| shape.access(&entry.realm, ours, proof);
        let asking = Asking {
            about: About::Access,
            service: shape.service.name(),
            called: &shape.called,
            attributes: &build,
        };
        self.ask(&asking, (shape.service, &shape.called, domain))
            .await
    }

    fn shape(&self, kind: Kind, user: &str) -> Shape {
        Shape::of(kind.service(), user, &self.machine().identity())
    }

    /// NAS-Port: a number for each session; those of hotspots begin high.
    fn next_port(&self, service: Service) -> u32 {
        let sessions = self.sessions();
        let of_service = sessions.iter().filter(|it| it.shape.service == service);
        let first = if service == Service::Hotspot {
            0x8000_0000
        } else {
            0
        };
        let highest = of_service.filter_map(|it| it.shape.port).max();
        highest.unwrap_or(first).wrapping_add(1)
    }

    fn next_id(&self, kind: Kind) -> String {
        let boot = *self.machine().boots().borrow();
        self.sessions().next_id(kind, boot)
    }

    /// Starts a session: its items are there, and its Start is on its way, when this returns.
    fn begin(&self, opening: Opening) -> u64 {
        let machine = self.machine();
        let mut rows = Vec::new();
        for (menu, row) in opening.rows {
            rows.push((menu.to_owned(), machine.insert(menu, row, true)));
        }
        let now = Instant::now();
        let of_server = opening.terms.interim.filter(|_| opening.takes_interim);
        let interim = of_server.or(opening.interim).filter(|_| opening.accounts);
        let reports = opening.accounts.then(|| {
            let (reports, queue) = mpsc::channel(account::WAITING);
            let subject = Subject {
                id: opening.id.clone(),
                shape: opening.shape.clone(),
                class: opening.terms.class.clone(),
                domain: opening.domain,
            };
            tokio::spawn(account::run(self.clone(), subject, queue));
            reports
        });
        let session = Session {
            number: 0,
            id: opening.id,
            kind: opening.kind,
            shape: opening.shape,
            mac: opening.mac,
            terms: opening.terms,
            meter: Meter::default(),
            queued: Meter::default(),
            pace: Meter::default(),
            began: now,
            heard: now,
            interim,
            due: interim.map(|interim| now + interim),
            by_radius: opening.by_radius,
            rows,
            reports,
        };
        report(&session, status::START, None, now);
        self.sessions().add(session)
    }

    /// Ends a session. Whether there was one.
    fn end(&self, number: u64, cause: u32) -> bool {
        let Some(session) = self.sessions().remove(number) else {
            return false;
        };
        for (menu, id) in &session.rows {
            self.machine().delete(menu, id);
        }
        report(&session, status::STOP, Some(cause), Instant::now());
        self.log_end(&session);
        true
    }

    fn log_end(&self, session: &Session) {
        let (user, kind) = (&session.shape.user, session.kind.name());
        let seconds = session.seconds(Instant::now());
        let Meter { up, down } = session.meter;
        let packets = (session.meter.packets_up(), session.meter.packets_down());
        let said = match session.kind {
            Kind::Ppp(_) => (
                format!("{kind},ppp,info,account"),
                format!(
                    "{user} logged out, {seconds} {up} {down} {} {}",
                    packets.0, packets.1
                ),
            ),
            Kind::Hotspot => {
                let from = session
                    .shape
                    .address
                    .map(|it| it.to_string())
                    .unwrap_or_default();
                (
                    "hotspot,account,info,debug".into(),
                    format!("{user} ({from}): logged out"),
                )
            }
            Kind::Wireless => (
                "wireless,info".into(),
                format!("{}: disconnected", session.mac),
            ),
            Kind::Dhcp => {
                let address = session
                    .shape
                    .address
                    .map(|it| it.to_string())
                    .unwrap_or_default();
                let server = &session.shape.called;
                let text = format!("{server} deassigned {address} for {}", session.mac);
                ("dhcp,info".into(), text)
            }
            Kind::Ipsec => ("ipsec,info".into(), format!("killing peer {user}")),
            Kind::Dot1x => ("dot1x,debug".into(), format!("{user} un-authorized")),
            Kind::Login => return,
        };
        self.machine().log(&said.0, said.1);
    }

    /// Ends the sessions whose items somebody removes.
    async fn follow_changes(self) {
        let mut events = self.machine().events();
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            // Users of the router are followed where they log in.
            let is_gone = event.change == Change::Removed && event.menu != login::ACTIVE;
            let Some(id) = event.id.filter(|_| is_gone) else {
                continue;
            };
            let number = self.sessions().behind(&event.menu, &id);
            if let Some(number) = number {
                self.end(number, cause::ADMIN_RESET);
            }
        }
    }

    /// Lets time pass for all sessions. When the router starts again they are gone without a word.
    async fn follow_time(self) {
        let mut boots = self.machine().boots();
        boots.borrow_and_update();
        let mut last = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(STEP) => {}
                changed = boots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.sessions().clear();
                    self.wire().close();
                }
            }
            let now = Instant::now();
            let over = self.pass(now, now - last);
            last = now;
            for (number, cause) in over {
                self.end(number, cause);
            }
        }
    }

    fn pass(&self, now: Instant, elapsed: Duration) -> Vec<(u64, u32)> {
        let mut over = Vec::new();
        let fast = self.fast_track();
        for session in self.sessions().iter_mut() {
            let before = session.meter;
            let cause = session.pass(now, elapsed);
            let moved = session.meter.since(before);
            self.count(session, moved, fast.as_deref());
            if let Some(cause) = cause {
                over.push((session.number, cause));
            } else if session.is_due(now) {
                report(session, status::INTERIM_UPDATE, None, now);
            }
        }
        over
    }

    /// Lets octets pass at once.
    fn transfer(&self, number: u64, octets: Meter) -> bool {
        let fast = self.fast_track();
        let mut sessions = self.sessions();
        let Some(session) = sessions.get_mut(number) else {
            return false;
        };
        session.meter.add(octets);
        self.count(session, octets, fast.as_deref());
        session.heard = Instant::now();
        true
    }

    /// Lets so many octets pass each second from now on.
    fn pace(&self, number: u64, octets: Meter) -> bool {
        let mut sessions = self.sessions();
        let Some(session) = sessions.get_mut(number) else {
            return false;
        };
        session.pace = octets;
        session.heard = Instant::now();
        true
    }

    /// Tells the server of a session now, whatever its interval.
    fn tell(&self, number: u64) -> bool {
        let sessions = self.sessions();
        let Some(session) = sessions.get(number) else {
            return false;
        };
        report(session, status::INTERIM_UPDATE, None, Instant::now());
        true
    }

    /// What the server grants, or why nothing is.
    async fn admitted(
        &self,
        shape: &Shape,
        domain: &str,
        proof: &Proof,
        encrypts: bool,
    ) -> Result<Terms, Refusal> {
        let answer = self.access(shape, domain, &proof.attributes).await?;
        let terms = Terms::of(&answer.packet());
        if !answer.is_accept() {
            return Err(Refusal::Rejected(terms.message));
        }
        proof.check(&answer, encrypts)?;
        if let Some(fault) = &terms.rate_fault {
            self.machine()
                .log("radius,error", format!("bad rate limit: {fault}"));
        }
        Ok(terms)
    }
}

fn report(session: &Session, status: u32, cause: Option<u32>, now: Instant) {
    if let Some(reports) = &session.reports {
        let report = Report {
            status,
            seconds: session.seconds(now),
            meter: session.meter,
            cause,
        };
        // A queue that is full belongs to a server that does not answer.
        drop(reports.try_send(report));
    }
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The router is not set up for it; what is missing.
    NotServed(String),
    /// The router's own database says no, or RADIUS is not to be asked.
    Local,
    /// The server says no, and what it says to the person.
    Rejected(Option<String>),
    /// No server answers.
    Timeout,
    /// The server does not prove what it has to, so that the client hangs up.
    Unproven(&'static str),
}

impl Refusal {
    /// One word, for control routes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotServed(_) => "not-served",
            Self::Local => "refused",
            Self::Rejected(_) => "rejected",
            Self::Timeout => "timeout",
            Self::Unproven(_) => "unproven",
        }
    }

    /// What there is to say.
    pub fn text(&self) -> String {
        match self {
            Self::NotServed(what) => what.clone(),
            Self::Local => "invalid username or password".to_owned(),
            Self::Rejected(message) => message.clone().unwrap_or_default(),
            Self::Timeout => "RADIUS server is not responding".to_owned(),
            Self::Unproven(what) => (*what).to_owned(),
        }
    }
}

impl From<NoAnswer> for Refusal {
    /// With no entry for the service the router says the same as with a server that is silent.
    fn from(_: NoAnswer) -> Self {
        Self::Timeout
    }
}

impl From<proof::Unproven> for Refusal {
    fn from(why: proof::Unproven) -> Self {
        Self::Unproven(match why {
            proof::Unproven::Server => "it was not possible to verify the identity of the server",
            proof::Unproven::Keys => "the server gave no usable keys for encryption",
        })
    }
}
