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
    Attempt, Call, Machine, Outcome, Refused, Session, faults,
    rest::{
        answer::{Answer, empty, failure, json, object, reply, traps},
        request::{Target, arguments, filtered, target},
    },
    serve::Connection,
};

/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(60);
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
    let target = target(machine, path);
    let refused = |outcome: Outcome| outcome.map_err(|all| Box::new(traps(&all)));
    match (method, target) {
        (_, Target::Unknown(word)) => {
            let detail = format!("no such command or directory ({word})");
            // The console looks first, so that faults and policies come into it.
            let call = Call::new(path);
            refused(machine.execute(session, &call).await)?;
            Ok(failure(StatusCode::BAD_REQUEST, Some(&detail)))
        }
        (&Method::GET, Target::Menu(menu)) => {
            let call = filtered(Call::new(format!("{menu}/print")), query);
            let outcome = refused(machine.execute(session, &call).await)?;
            let one = machine
                .menus
                .get(&menu)
                .is_some_and(crate::menu::Menu::is_one);
            let value = match outcome.records.first() {
                Some(record) if one => object(record),
                _ => reply(&outcome),
            };
            Ok(json(StatusCode::OK, &value))
        }
        (
            &Method::GET,
            Target::Item {
                menu, query: item, ..
            },
        ) => {
            let call = filtered(Call::new(format!("{menu}/print")).query(item), query);
            found(
                refused(machine.execute(session, &call).await)?,
                StatusCode::OK,
            )
        }
        (&Method::PUT, Target::Menu(menu)) => {
            let call = told(Call::new(format!("{menu}/add")), body)?;
            let outcome = refused(machine.execute(session, &call).await)?;
            let id = outcome.ret.unwrap_or_default();
            let call = Call::new(format!("{menu}/print")).query(format!(".id={id}"));
            found(
                refused(machine.execute(session, &call).await)?,
                StatusCode::CREATED,
            )
        }
        (&Method::PATCH, Target::Item { menu, query, id }) => {
            let call = Call::new(format!("{menu}/print")).query(query);
            let known = refused(machine.execute(session, &call).await)?;
            let known = known.records.first().map(|record| record.id().to_owned());
            let id = known.unwrap_or(id);
            let call = told(Call::new(format!("{menu}/set")).with(".id", &id), body)?;
            refused(machine.execute(session, &call).await)?;
            let call = Call::new(format!("{menu}/print")).query(format!(".id={id}"));
            found(
                refused(machine.execute(session, &call).await)?,
                StatusCode::OK,
            )
        }
        (&Method::DELETE, Target::Item { menu, id, .. }) => {
            let call = Call::new(format!("{menu}/remove")).with(".id", id);
            refused(machine.execute(session, &call).await)?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::POST, Target::Command(command)) => {
            let call = told(Call::new(command), body)?;
            let outcome = refused(machine.execute(session, &call).await)?;
            Ok(json(StatusCode::OK, &reply(&outcome)))
        }
        (&Method::PATCH | &Method::DELETE, _) => {
            let detail = "missing or invalid resource identifier";
            Ok(failure(StatusCode::BAD_REQUEST, Some(detail)))
        }
        (&Method::GET | &Method::PUT | &Method::POST, _) => {
            Ok(failure(StatusCode::BAD_REQUEST, Some("no such command")))
        }
        _ => Ok(failure(StatusCode::METHOD_NOT_ALLOWED, None)),
    }
}

fn told(call: Call, body: &[u8]) -> Result<Call, Box<Answer>> {
    arguments(call, body).map_err(|detail| Box::new(failure(StatusCode::BAD_REQUEST, Some(detail))))
}

/// The one item that was asked for.
fn found(reply: crate::Reply, status: StatusCode) -> Done {
    match reply.records.first() {
        Some(record) => Ok(json(status, &object(record))),
        None => Ok(failure(StatusCode::NOT_FOUND, None)),
    }
}
