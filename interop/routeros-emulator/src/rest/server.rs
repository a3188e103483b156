//! The web server: REST, for those with the policy `rest-api`.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;

use crate::{
    Attempt, Call, Machine, Refused, Reply, Session, faults,
    menu::Menu,
    rest::{
        answer::{Answer, empty, failure, json, object, reply, traps},
        request::{Target, arguments, filtered, target},
    },
    serve::Connection,
};

/// How long a command may take.
const LONGEST: Duration = Duration::from_mins(1);
/// The largest body that is read.
const LARGEST_BODY: usize = 1 << 20;

/// Serves one connection.
pub(super) async fn serve(machine: Arc<Machine>, connection: Connection) {
    let Connection {
        stream,
        peer,
        service,
        ..
    } = connection;
    let secure = service == "www-ssl";
    let answering = service_fn(move |request| {
        let machine = Arc::clone(&machine);
        async move { Ok::<_, Infallible>(answer(&machine, peer, secure, request).await) }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
    if let Err(error) = serving.await {
        tracing::debug!(%peer, %error, "a connection to the web server ended");
    }
}

async fn answer(
    machine: &Arc<Machine>,
    peer: SocketAddr,
    secure: bool,
    request: Request<Incoming>,
) -> Answer {
    let path = request.uri().path().to_owned();
    let Some(path) = path
        .strip_prefix("/rest")
        .filter(|_| has_rest(machine, secure))
    else {
        return match &*path {
            "/" | "/webfig/" => Response::new(Full::from("<title>RouterOS</title>")),
            _ => empty(StatusCode::NOT_FOUND),
        };
    };
    let session = match log_in(machine, peer, &request).await {
        Ok(session) => session,
        Err(refused) => return unauthorized(refused),
    };
    let _active = machine.enter(&session);
    let method = request.method().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = Limited::new(request.into_body(), LARGEST_BODY).collect();
    let Ok(body) = body.await else {
        return empty(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let cap = faults::of(machine).settings().rest_cap;
    let cap = cap.map_or(LONGEST, Duration::from_millis);
    let doing = act(machine, &session, &method, path, &query, &body);
    match tokio::time::timeout(cap, doing).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refused)) => *refused,
        Err(_) => failure(StatusCode::BAD_REQUEST, Some("Session closed")),
    }
}

/// RouterOS 6 has none, and 7.21 and later can switch it off.
fn has_rest(machine: &Machine, secure: bool) -> bool {
    let webserver = machine.one("/ip/service/webserver");
    let switch = if secure { "rest-secure" } else { "rest-plain" };
    let off = matches!(webserver.get(switch), Some("false" | "no"));
    machine.release().has_rest() && !off
}

async fn log_in(
    machine: &Arc<Machine>,
    peer: SocketAddr,
    request: &Request<Incoming>,
) -> Result<Session, Option<Refused>> {
    let given = request.headers().get(header::AUTHORIZATION);
    let basic = given
        .and_then(|given| given.to_str().ok())
        .and_then(|given| given.strip_prefix("Basic "))
        .and_then(|given| STANDARD.decode(given).ok())
        .and_then(|given| String::from_utf8(given).ok());
    let (user, password) = basic
        .as_deref()
        .and_then(|basic| basic.split_once(':'))
        .ok_or(None)?;
    let attempt = Attempt {
        user: user.to_owned(),
        password: password.to_owned(),
        from: Some(peer.ip()),
        via: "rest-api".into(),
    };
    machine.log_in(attempt).await.map_err(Some)
}

fn unauthorized(refused: Option<Refused>) -> Answer {
    let detail = match refused {
        None | Some(Refused::Wrong) => None,
        Some(other) => Some(other.message()),
    };
    let mut answer = failure(StatusCode::UNAUTHORIZED, detail);
    let realm = header::HeaderValue::from_static("Basic realm=\"RouterOS\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    answer
}

/// What a request that is not done is answered with.
type Done = Result<Answer, Box<Answer>>;

async fn act(
    machine: &Arc<Machine>,
    session: &Session,
    method: &Method,
    path: &str,
    query: &str,
    body: &[u8],
) -> Done {
    let console = Console { machine, session };
    match (method, target(machine, path)) {
        (_, Target::Unknown(word)) => {
            // The console looks first, so that faults and policies come into it.
            console.do_it(&Call::new(path)).await?;
            let detail = format!("no such command or directory ({word})");
            Err(refusal(&detail))
        }
        (&Method::GET, Target::Menu(menu)) => console.list(&menu, query).await,
        (
            &Method::GET,
            Target::Item {
                menu, query: of, ..
            },
        ) => {
            let call = filtered(Call::new(format!("{menu}/print")).query(of), query);
            console.one(&call, StatusCode::OK).await
        }
        (&Method::PUT, Target::Menu(menu)) => {
            let call = told(Call::new(format!("{menu}/add")), body)?;
            let id = console.do_it(&call).await?.ret.unwrap_or_default();
            let call = Call::new(format!("{menu}/print")).query(format!(".id={id}"));
            console.one(&call, StatusCode::CREATED).await
        }
        (&Method::PATCH, Target::Item { menu, query, id }) => {
            let known = Call::new(format!("{menu}/print")).query(query);
            let known = console.do_it(&known).await?.records.into_iter().next();
            let id = known.map_or(id, |record| record.id().to_owned());
            let call = told(Call::new(format!("{menu}/set")).with(".id", &id), body)?;
            console.do_it(&call).await?;
            let call = Call::new(format!("{menu}/print")).query(format!(".id={id}"));
            console.one(&call, StatusCode::OK).await
        }
        (&Method::DELETE, Target::Item { menu, id, .. }) => {
            let call = Call::new(format!("{menu}/remove")).with(".id", id);
            console.do_it(&call).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, Target::Command(command)) => {
            let outcome = console.do_it(&told(Call::new(command), body)?).await?;
            Ok(json(StatusCode::OK, &reply(&outcome)))
        }
        (&Method::PATCH | &Method::DELETE, _) => {
            Err(refusal("missing or invalid resource identifier"))
        }
        (&Method::GET | &Method::PUT | &Method::POST, _) => Err(refusal("no such command")),
        _ => Err(Box::new(failure(StatusCode::METHOD_NOT_ALLOWED, None))),
    }
}

/// The router, and who asks it.
struct Console<'a> {
    machine: &'a Arc<Machine>,
    session: &'a Session,
}

impl Console<'_> {
    async fn do_it(&self, call: &Call) -> Result<Reply, Box<Answer>> {
        let outcome = self.machine.execute(self.session, call).await;
        outcome.map_err(|all| Box::new(traps(&all)))
    }

    /// The one item that is asked for.
    async fn one(&self, call: &Call, status: StatusCode) -> Done {
        match self.do_it(call).await?.records.first() {
            Some(record) => Ok(json(status, &object(record))),
            None => Err(Box::new(failure(StatusCode::NOT_FOUND, None))),
        }
    }

    /// All items of a list, or the object that a menu is.
    async fn list(&self, menu: &str, query: &str) -> Done {
        let call = filtered(Call::new(format!("{menu}/print")), query);
        let outcome = self.do_it(&call).await?;
        let known = self.machine.menus.get(menu);
        let value = match outcome.records.first() {
            Some(record) if known.is_some_and(Menu::is_one) => object(record),
            _ => reply(&outcome),
        };
        Ok(json(StatusCode::OK, &value))
    }
}

fn refusal(detail: &str) -> Box<Answer> {
    Box::new(failure(StatusCode::BAD_REQUEST, Some(detail)))
}

fn told(call: Call, body: &[u8]) -> Result<Call, Box<Answer>> {
    arguments(call, body).map_err(refusal)
}
