//! The control port: what no router has. Tests and demonstrations set faults there, look at what
//! the router keeps, and drive what is behind it.
//!
//! HTTP on loopback, JSON both ways; the README lists the paths.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, body::Incoming, header,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Call, Machine, Record, Session, device, faults, machine::Later, serve::Services};

/// How many mails are kept.
const MOST_MAILS: usize = 1000;
/// The largest body that is read.
const LARGEST_BODY: usize = 1 << 20;

/// Something a module does when it is asked at `POST /do/NAME`. What it returns is the answer;
/// an error is said with status 400.
pub type Action = Arc<dyn Fn(Arc<Machine>, Value) -> Later<Result<Value, String>> + Send + Sync>;

/// What is behind the control port of one router.
#[derive(Default)]
pub struct Control {
    actions: Mutex<BTreeMap<String, Action>>,
    mails: Mutex<Vec<Record>>,
    mode: Mutex<Option<Record>>,
    snmp: Mutex<Option<SocketAddr>>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = locked(&self.actions);
        f.debug_set().entries(actions.keys()).finish()
    }
}

/// The control of a router.
pub fn of(machine: &Machine) -> &Control {
    &machine.control
}

impl Control {
    /// A module answers `POST /do/NAME`.
    pub fn register<F, T>(&self, name: &str, action: F)
    where
        F: Fn(Arc<Machine>, Value) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Value, String>> + Send + 'static,
    {
        let action: Action = Arc::new(move |machine, value| Box::pin(action(machine, value)));
        locked(&self.actions).insert(name.to_owned(), action);
    }

    /// The mails that the router has sent.
    pub fn mails(&self) -> Vec<Record> {
        locked(&self.mails).clone()
    }

    /// Where the SNMP agent listens, while `/snmp enabled=yes`.
    pub fn snmp(&self) -> Option<SocketAddr> {
        *locked(&self.snmp)
    }

    pub(crate) fn set_snmp(&self, address: Option<SocketAddr>) {
        *locked(&self.snmp) = address;
    }

    pub(crate) fn keep_mail(&self, mail: Record) {
        let mut mails = locked(&self.mails);
        if mails.len() < MOST_MAILS {
            mails.push(mail);
        }
    }

    pub(crate) fn ask_mode(&self, wanted: Record) {
        *locked(&self.mode) = Some(wanted);
    }

    /// Presses the button: the mode that was asked for holds, and the router starts again.
    /// Whether there was one.
    pub fn press(&self, machine: &Machine) -> bool {
        let Some(wanted) = locked(&self.mode).take() else {
            return false;
        };
        machine.update("/system/device-mode", "", &wanted);
        device::restart(machine);
        true
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens on loopback. Port 0 is any that is free.
///
/// # Errors
///
/// The port cannot be had.
pub async fn start(
    machine: Arc<Machine>,
    services: Services,
    port: u16,
) -> Result<SocketAddr, String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let wrong = |error| format!("nothing can listen at 127.0.0.1:{port}: {error}");
    let listener = listener.map_err(wrong)?;
    let at = listener.local_addr().map_err(wrong)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (machine, services) = (Arc::clone(&machine), services.clone());
            tokio::spawn(async move {
                let answering = service_fn(move |request| {
                    let (machine, services) = (Arc::clone(&machine), services.clone());
                    async move { Ok::<_, Infallible>(answer(&machine, &services, request).await) }
                });
                let serving = http1::Builder::new();
                let serving = serving.serve_connection(TokioIo::new(stream), answering);
                if let Err(error) = serving.await {
                    tracing::debug!(%error, "a connection to the control port ended");
                }
            });
        }
    });
    Ok(at)
}

/// `POST /run`
#[derive(Deserialize)]
struct Run {
    /// Who; the router itself where nobody is named.
    #[serde(default)]
    user: String,
    /// The command's whole path.
    command: String,
    #[serde(default)]
    arguments: BTreeMap<String, String>,
    #[serde(default)]
    queries: Vec<String>,
}

async fn answer(
    machine: &Arc<Machine>,
    services: &Services,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = Limited::new(request.into_body(), LARGEST_BODY)
        .collect()
        .await;
    let outcome = match body {
        Ok(body) => act(machine, services, &method, &path, &body.to_bytes()).await,
        Err(_) => Err("the body is too long".into()),
    };
    let (status, value) = match outcome {
        Ok(Some(value)) => (StatusCode::OK, value),
        Ok(None) => (StatusCode::NOT_FOUND, json!({ "error": "no such path" })),
        Err(reason) => (StatusCode::BAD_REQUEST, json!({ "error": reason })),
    };
    let mut response = Response::new(Full::from(value.to_string()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn act(
    machine: &Arc<Machine>,
    services: &Services,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Option<Value>, String> {
    let faults = faults::of(machine);
    let control = of(machine);
    Ok(Some(match (method, path) {
        (&Method::GET, "/") => about(machine, services),
        (&Method::GET, "/faults") => json!(faults.settings()),
        (&Method::PUT, "/faults") => {
            faults.set(read(body)?);
            json!(faults.settings())
        }
        (&Method::DELETE, "/faults") => {
            faults.set(faults::Settings::default());
            json!({})
        }
        (&Method::POST, "/close") => {
            faults.close_all();
            json!({})
        }
        (&Method::POST, "/reboot") => {
            device::restart(machine);
            json!({})
        }
        (&Method::POST, "/clock") => {
            let value: Value = read(body)?;
            let offset = value["offset"].as_i64();
            machine.set_clock_offset(offset.ok_or("offset must be a number of seconds")?);
            json!({ "now": machine.now().to_string() })
        }
        (&Method::POST, "/device-mode") => json!({ "pressed": control.press(machine) }),
        (&Method::GET, "/mails") => {
            let mails = control.mails();
            Value::Array(mails.iter().map(object).collect())
        }
        (&Method::POST, "/run") => run(machine, read(body)?).await?,
        (&Method::GET, path) => match path.strip_prefix("/menu/") {
            Some(menu) => {
                let menu = format!("/{menu}");
                Value::Array(machine.read(&menu).iter().map(object).collect())
            }
            None => return Ok(None),
        },
        (&Method::POST, path) => {
            let name = path.strip_prefix("/do/").unwrap_or_default();
            let action = locked(&control.actions).get(name).cloned();
            let Some(action) = action else {
                return Ok(None);
            };
            let value = if body.is_empty() {
                Value::Null
            } else {
                read(body)?
            };
            action(Arc::clone(machine), value).await?
        }
        _ => return Ok(None),
    }))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is not right: {error}"))
}

fn about(machine: &Machine, services: &Services) -> Value {
    let addresses = services.addresses().into_iter();
    let addresses: BTreeMap<_, _> = addresses
        .map(|(name, address)| (name, address.to_string()))
        .collect();
    let control = of(machine);
    let actions: Vec<String> = locked(&control.actions).keys().cloned().collect();
    json!({
        "version": machine.release().version(),
        "board": machine.board().name(),
        "identity": machine.identity(),
        "boots": *machine.boots().borrow(),
        "now": machine.now().to_string(),
        "services": addresses,
        "snmp": control.snmp().map(|address| address.to_string()),
        "actions": actions,
    })
}

async fn run(machine: &Arc<Machine>, run: Run) -> Result<Value, String> {
    let mut session = Session::system();
    session.user = run.user;
    let mut call = Call::new(run.command);
    call.arguments = run.arguments.into_iter().collect();
    call.queries = run.queries;
    Ok(match machine.execute(&session, &call).await {
        Ok(reply) => json!({
            "records": reply.records.iter().map(object).collect::<Vec<_>>(),
            "ret": reply.ret,
        }),
        Err(traps) => {
            let each = traps.into_iter().map(|trap| trap.message);
            json!({ "traps": each.collect::<Vec<_>>() })
        }
    })
}

fn object(record: &Record) -> Value {
    let each = record.iter();
    Value::Object(
        each.map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
