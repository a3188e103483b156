//! The router's services: what listens, and who gets the connections.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::{Change, Machine, Record, faults, machine::Later, tamper::Tampered, tls};

/// Bytes both ways, TLS or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to one of the services of `/ip/service`, TLS already done where the service has
/// it, the `address` list and `max-sessions` already checked. It is dropped, and with it closed,
/// when the router starts again.
pub struct Connection {
    /// The bytes.
    pub stream: Pin<Box<dyn Stream>>,
    /// Who connects.
    pub peer: SocketAddr,
    /// To which address.
    pub local: SocketAddr,
    /// The service: `api`, `api-ssl`, `www`, `www-ssl`, `ssh`, `ftp`.
    pub service: String,
}

/// How many connections wait to be accepted.
const BACKLOG: u32 = 128;

/// Who serves a service.
pub type Server = Arc<dyn Fn(Arc<Machine>, Connection) -> Later<()> + Send + Sync>;

/// What listens.
#[derive(Clone)]
pub struct Services {
    inner: Arc<Inner>,
}

struct Inner {
    machine: Arc<Machine>,
    address: IpAddr,
    servers: Mutex<HashMap<String, Server>>,
    listening: Mutex<BTreeMap<String, Listening>>,
    reserved: Mutex<Vec<(SocketAddr, TcpSocket)>>,
}

struct Listening {
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.addresses()).finish()
    }
}

impl Services {
    pub(crate) fn new(machine: Arc<Machine>, address: IpAddr) -> Self {
        Self {
            inner: Arc::new(Inner {
                machine,
                address,
                servers: Mutex::default(),
                listening: Mutex::default(),
                reserved: Mutex::default(),
            }),
        }
    }

    /// Says who serves a service of `/ip/service`. Services without a server do not listen.
    pub fn register<F, T>(&self, service: &str, server: F)
    where
        F: Fn(Arc<Machine>, Connection) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let server: Server =
            Arc::new(move |machine, connection| Box::pin(server(machine, connection)));
        let mut servers = locked(&self.inner.servers);
        servers.insert(service.to_owned(), server);
    }

    /// Takes a free port, below those that the system hands out to clients, for a service that
    /// is to listen there: nobody else gets it meanwhile.
    pub(crate) fn reserve(&self) -> Result<u16, String> {
        let mut last = String::new();
        for _ in 0..100 {
            let mut octets = [0; 2];
            getrandom::fill(&mut octets).map_err(|error| error.to_string())?;
            let port = 10_000 + u16::from_le_bytes(octets) % 10_000;
            let at = SocketAddr::new(self.inner.address, port);
            match bound(at) {
                Ok(socket) => {
                    locked(&self.inner.reserved).push((at, socket));
                    return Ok(port);
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(format!("no free port at {}: {last}", self.inner.address))
    }

    fn reserved(&self, at: SocketAddr) -> Option<TcpListener> {
        let mut reserved = locked(&self.inner.reserved);
        let place = reserved.iter().position(|(known, _)| *known == at)?;
        reserved.swap_remove(place).1.listen(BACKLOG).ok()
    }

    /// What listens where.
    pub fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        let listening = locked(&self.inner.listening);
        let each = listening.iter();
        each.map(|(name, service)| (name.clone(), service.at))
            .collect()
    }

    /// Begins to listen, and follows `/ip/service` from then on.
    pub(crate) async fn start(&self) -> Result<(), String> {
        for service in self.inner.machine.read("/ip/service") {
            self.follow(&service).await?;
        }
        let (services, mut events) = (self.clone(), self.inner.machine.events());
        tokio::spawn(async move {
            use tokio::sync::broadcast::error::RecvError;
            loop {
                match events.recv().await {
                    Ok(event) if event.menu == "/ip/service" && event.change != Change::Removed => {
                        services.follow_all().await;
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => services.follow_all().await,
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(())
    }

    async fn follow_all(&self) {
        for service in self.inner.machine.read("/ip/service") {
            if let Err(message) = self.follow(&service).await {
                self.inner.machine.log("system,error", message);
            }
        }
    }

    /// Makes a listener what the service's item says.
    async fn follow(&self, service: &Record) -> Result<(), String> {
        let name = service.text("name");
        let Some(server) = locked(&self.inner.servers).get(name).cloned() else {
            return Ok(());
        };
        let port = service
            .number("port")
            .and_then(|port| u16::try_from(port).ok());
        let wanted = port.filter(|_| !service.is("disabled"));
        let wanted = wanted.map(|port| SocketAddr::new(self.inner.address, port));
        {
            let mut listening = locked(&self.inner.listening);
            if listening.get(name).map(|known| known.at) == wanted {
                return Ok(());
            }
            if let Some(known) = listening.remove(name) {
                known.task.abort();
            }
        }
        let Some(at) = wanted else { return Ok(()) };
        let listener = match self.reserved(at) {
            Some(listener) => listener,
            None => bind(at).await?,
        };
        let task = self.accept(name.to_owned(), listener, server);
        let mut listening = locked(&self.inner.listening);
        listening.insert(name.to_owned(), Listening { at, task });
        Ok(())
    }

    fn accept(&self, name: String, listener: TcpListener, server: Server) -> JoinHandle<()> {
        let machine = Arc::clone(&self.inner.machine);
        let sessions = Arc::new(());
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let Some(item) = machine.find("/ip/service", "name", &name) else {
                    continue;
                };
                // The router's own words for all of it are silence: it closes what it has accepted.
                let down = faults::of(&machine).is_down();
                if down || !allowed(item.text("address"), peer.ip()) || full(&item, &sessions) {
                    continue;
                }
                let (machine, server) = (Arc::clone(&machine), Arc::clone(&server));
                let session = Arc::clone(&sessions);
                tokio::spawn(async move {
                    let boots = machine.boots();
                    let closing = faults::of(&machine).closing();
                    let serving = serve(&machine, &server, stream, peer, item);
                    tokio::select! {
                        () = serving => {}
                        () = rebooted(boots) => {}
                        () = closing => {}
                    }
                    drop(session);
                });
            }
        })
    }
}

async fn rebooted(mut boots: watch::Receiver<u64>) {
    if boots.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn serve(
    machine: &Arc<Machine>,
    server: &Server,
    stream: TcpStream,
    peer: SocketAddr,
    item: Record,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // A small answer is not to wait for the next one.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = item.text("name").to_owned();
    let stream: Pin<Box<dyn Stream>> = if service.ends_with("-ssl") {
        match tls::accept(machine, &item, stream).await {
            Some(stream) => Box::pin(stream),
            None => return,
        }
    } else {
        Box::pin(stream)
    };
    let stream = Box::pin(Tampered::new(machine, &service, stream));
    let connection = Connection {
        stream,
        peer,
        local,
        service,
    };
    server(Arc::clone(machine), connection).await;
}

/// Bound, and not listening yet.
fn bound(at: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = match at {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(at)?;
    Ok(socket)
}

/// A port that was just let go may take a moment.
async fn bind(at: SocketAddr) -> Result<TcpListener, String> {
    let mut last = None;
    for _ in 0..20 {
        match TcpListener::bind(at).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let reason = last.map(|error| error.to_string()).unwrap_or_default();
    Err(format!("nothing can listen at {at}: {reason}"))
}

fn full(item: &Record, sessions: &Arc<()>) -> bool {
    // One reference is the listener's own.
    let open = Arc::strong_count(sessions).saturating_sub(1);
    let most = item.number("max-sessions");
    most.is_some_and(|most| u64::try_from(open).is_ok_and(|open| open >= most))
}

/// Whether an `address` list has an address in it. An empty list has all.
pub(crate) fn allowed(list: &str, address: IpAddr) -> bool {
    let mut parts = list.split(',').filter(|part| !part.is_empty()).peekable();
    parts.peek().is_none() || parts.any(|part| crate::value::prefix_has(part, address))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
