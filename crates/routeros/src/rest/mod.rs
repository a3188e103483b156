//! REST, which RouterOS has from 7.1 on: the console's commands over HTTP or HTTPS.
//!
//! RouterOS gives a command no more than 60 s here, and fails when many come at the same time, so
//! that a [`Client`] lets at most two be under way. Its connections are kept and used again.

mod reply;
mod request;

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{sync::Semaphore, time::timeout};
use zeroize::Zeroizing;

use self::{
    reply::{Reply, elsewhere, is_not_rest, routeros_page, stranger},
    request::Outgoing,
};
use crate::{Answer, Command, Error, Login, Target, dial};

/// The most requests that are under way at one router.
const MOST_AT_ONCE: usize = 2;
/// The most octets of one answer.
const MOST_OCTETS: usize = 16 << 20;
/// The most octets of the head of an answer.
const MOST_HEAD: usize = 64 << 10;
/// The most header fields of an answer.
const MOST_FIELDS: usize = 64;
/// What RouterOS gives a command, and a little for the way.
const LONGEST: Duration = Duration::from_secs(65);

type Sender = SendRequest<Full<Bytes>>;

/// A router one is logged in to over REST.
pub struct Client {
    target: Target,
    user: String,
    authorization: HeaderValue,
    host: HeaderValue,
    local: IpAddr,
    places: Semaphore,
    idle: Mutex<Vec<Sender>>,
}

impl Client {
    /// Connects, sees that RouterOS and its REST are there, and logs in.
    ///
    /// In the clear the password is sent only after the other end has asked for one as RouterOS
    /// does, so that a captive portal does not get it.
    ///
    /// # Errors
    /// As [`dial::dial`]; [`Error::LogIn`]; [`Error::NotSupported`] where RouterOS is there but
    /// no REST; [`Error::Protocol`] where something else is.
    pub async fn connect(target: &Target, login: &Login) -> Result<Self, Error> {
        if login.user.contains(':') {
            return Err(Error::NotSupported(
                "a user whose name has a colon cannot log in over REST: use the API".to_owned(),
            ));
        }
        let (sender, local) = open(target).await?;
        let host = HeaderValue::from_str(&dial::place(target))
            .map_err(|_| Error::NotSupported(format!("{:?} is no host name", target.host)))?;
        let client = Self {
            target: target.clone(),
            user: login.user.clone(),
            authorization: basic(login)?,
            host,
            local,
            places: Semaphore::new(MOST_AT_ONCE),
            idle: Mutex::new(vec![sender]),
        };
        client.greet().await?;
        Ok(client)
    }

    /// Gives one command and waits for its answer.
    ///
    /// # Errors
    /// Those of [`Error`] that a router can cause; [`Error::TimedOut`] after the target's time.
    pub async fn call(&self, command: &Command) -> Result<Answer, Error> {
        let outgoing = request::of(command)?;
        let during = format!("doing {}", command.path());
        let reply = self.exchange(&outgoing, true, &during).await?;
        reply::read(command, outgoing.meaning, &self.user, &reply)
    }

    /// The address from which this machine speaks to the router.
    pub fn local_address(&self) -> IpAddr {
        self.local
    }

    async fn greet(&self) -> Result<(), Error> {
        let command = Command::new("/system/resource/print").asking(["version"]);
        if !self.target.transport.is_encrypted() {
            let question = get("/rest/system/resource");
            let asked = self.exchange(&question, false, "connecting").await?;
            if asked.status.is_redirection() {
                return Err(elsewhere(&asked));
            }
            if asked.status != StatusCode::UNAUTHORIZED {
                return Err(self.absence(&asked).await);
            }
        }
        let outgoing = request::of(&command)?;
        let reply = self.exchange(&outgoing, true, "logging in").await?;
        if is_not_rest(&reply) {
            return Err(self.absence(&reply).await);
        }
        reply::read(&command, outgoing.meaning, &self.user, &reply).map(drop)
    }

    /// Why there is no REST, where something answered.
    async fn absence(&self, reply: &Reply) -> Error {
        let question = get("/");
        let page = self.exchange(&question, false, "connecting").await;
        match page.ok().as_ref().and_then(routeros_page) {
            Some(Some(version)) if !version.is_at_least(7, 1) => Error::NotSupported(format!(
                "RouterOS {version} has no REST, which came with 7.1: use the API, port 8728 or \
                 8729"
            )),
            Some(_) => Error::NotSupported(
                "RouterOS is there but not its REST. Before 7.1 it has none; from 7.21 on \
                 /ip/service/webserver can switch it off: set rest-plain=yes or rest-secure=yes, \
                 or use the API"
                    .to_owned(),
            ),
            None => stranger(reply),
        }
    }

    /// Sends a request and takes its answer, within the target's time.
    async fn exchange(
        &self,
        outgoing: &Outgoing,
        authorized: bool,
        during: &str,
    ) -> Result<Reply, Error> {
        let closed = || Error::Closed {
            during: during.to_owned(),
        };
        let _place = self.places.acquire().await.map_err(|_| closed())?;
        let after = self.target.timeout.min(LONGEST);
        timeout(after, self.attempt(outgoing, authorized, during))
            .await
            .map_err(|_| Error::TimedOut {
                during: during.to_owned(),
                after,
            })?
    }

    /// A kept connection may have been closed by the router in the meantime. The request goes
    /// over the next one if none of it was sent, or if it only asks.
    async fn attempt(
        &self,
        outgoing: &Outgoing,
        authorized: bool,
        during: &str,
    ) -> Result<Reply, Error> {
        loop {
            let (mut sender, kept) = match self.kept().await {
                Some(sender) => (sender, true),
                None => (open(&self.target).await?.0, false),
            };
            let request = self.request(outgoing, authorized)?;
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let reply = take(response, during).await?;
                    let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                    if idle.len() < MOST_AT_ONCE {
                        idle.push(sender);
                    }
                    return Ok(reply);
                }
                Err(mut failed) => {
                    let unsent = failed.take_message().is_some();
                    if !(kept && (unsent || outgoing.may_repeat())) {
                        return Err(broken(&failed.into_error(), during));
                    }
                }
            }
        }
    }

    async fn kept(&self) -> Option<Sender> {
        loop {
            let mut sender = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.pop()?
            };
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    fn request(
        &self,
        outgoing: &Outgoing,
        authorized: bool,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder()
            .method(outgoing.method.clone())
            .uri(&outgoing.path)
            .header(HOST, &self.host)
            .header(USER_AGENT, "portreeve")
            .header(ACCEPT, "application/json");
        if authorized {
            request = request.header(AUTHORIZATION, &self.authorization);
        }
        if !outgoing.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from_owner(outgoing.body.clone()));
        request
            .body(body)
            .map_err(|cause| Error::NotSupported(format!("{}: {cause}", outgoing.path)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("place", &dial::place(&self.target))
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

fn get(path: &str) -> Outgoing {
    Outgoing {
        method: Method::GET,
        path: path.to_owned(),
        body: Zeroizing::new(Vec::new()),
        meaning: request::Meaning::Print,
    }
}

/// HTTP Basic (RFC 7617).
fn basic(login: &Login) -> Result<HeaderValue, Error> {
    let pair = Zeroizing::new(format!("{}:{}", login.user, login.password.reveal()));
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    let value = Zeroizing::new(format!("Basic {}", *encoded).into_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value))
        .map_err(|_| Error::NotSupported("the password cannot be sent over HTTP".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn open(target: &Target) -> Result<(Sender, IpAddr), Error> {
    let stream = dial::dial(target).await?;
    let local = stream.local_address();
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|cause| broken(&cause, "connecting"))?;
    tokio::spawn(async move {
        if let Err(cause) = connection.await {
            tracing::debug!(%cause, "a REST connection ended");
        }
    });
    Ok((sender, local))
}

async fn take(response: Response<Incoming>, during: &str) -> Result<Reply, Error> {
    let (head, body) = response.into_parts();
    let text_of = |name| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned)
    };
    let media_type = text_of(CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let body = Limited::new(body, MOST_OCTETS).collect().await;
    let body = body.map_err(|cause| {
        if cause.is::<LengthLimitError>() {
            Error::Protocol(format!("an answer is longer than {MOST_OCTETS} octets"))
        } else {
            Error::Closed {
                during: during.to_owned(),
            }
        }
    })?;
    Ok(Reply {
        status: head.status,
        media_type: media_type.to_ascii_lowercase(),
        location: text_of(LOCATION),
        body: body.to_bytes().to_vec(),
    })
}

fn broken(cause: &hyper::Error, during: &str) -> Error {
    if cause.is_parse() {
        return Error::Protocol(format!("no HTTP while {during}: {cause}"));
    }
    Error::Closed {
        during: during.to_owned(),
    }
}
