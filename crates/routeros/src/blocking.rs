//! A router for scripts and threads without a runtime.

use std::{fmt, net::IpAddr};

use tokio::runtime::{Builder, Runtime};

use crate::{Answer, Command, Error, Id, Login, Query, Record, Target, api, dial, router};

/// As [`crate::Router`], but its methods wait. It can be shared between threads.
///
/// The connection is looked after only while some call waits: what a listener hears meanwhile
/// stays with the router, which ends sessions that take nothing for long.
///
/// # Panics
/// Its methods panic inside a Tokio runtime: use [`crate::Router`] there.
///
/// ```no_run
/// use portreeve_routeros::{Login, Target, Transport, blocking};
///
/// # fn run() -> Result<(), portreeve_routeros::Error> {
/// let target = Target::new("192.168.88.1", Transport::Api);
/// let router = blocking::Router::connect(&target, &Login::new("admin", "s3cret"))?;
/// for session in router.print("/ppp/active", &["name", "address"], &[])? {
///     println!("{:?} has {:?}", session.get("name"), session.get("address"));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Router {
    router: router::Router,
    // Dropped last: the connection lives in it.
    runtime: Runtime,
}

impl Router {
    /// As [`crate::Router::connect`].
    pub fn connect(target: &Target, login: &Login) -> Result<Self, Error> {
        let runtime = runtime()?;
        let router = runtime.block_on(router::Router::connect(target, login))?;
        Ok(Self { router, runtime })
    }

    /// As [`crate::Router::call`].
    pub fn call(&self, command: &Command) -> Result<Answer, Error> {
        self.runtime.block_on(self.router.call(command))
    }

    /// As [`crate::Router::listen`], as an iterator that waits for each item.
    pub fn listen(&self, command: &Command) -> Result<Listener<'_>, Error> {
        Ok(Listener {
            listener: self.router.listen(command)?,
            runtime: &self.runtime,
        })
    }

    /// As [`crate::Router::local_address`].
    pub fn local_address(&self) -> IpAddr {
        self.router.local_address()
    }

    /// As [`crate::Router::print`].
    pub fn print(
        &self,
        menu: &str,
        properties: &[&str],
        queries: &[Query],
    ) -> Result<Vec<Record>, Error> {
        let printed = self.router.print(menu, properties, queries);
        self.runtime.block_on(printed)
    }

    /// As [`crate::Router::add`].
    pub fn add(&self, menu: &str, values: &Record) -> Result<Id, Error> {
        self.runtime.block_on(self.router.add(menu, values))
    }

    /// As [`crate::Router::set`].
    pub fn set(&self, menu: &str, id: Option<&Id>, values: &Record) -> Result<(), Error> {
        self.runtime.block_on(self.router.set(menu, id, values))
    }

    /// As [`crate::Router::remove`].
    pub fn remove(&self, menu: &str, id: &Id) -> Result<(), Error> {
        self.runtime.block_on(self.router.remove(menu, id))
    }

    /// As [`crate::Router::move_before`].
    pub fn move_before(&self, menu: &str, id: &Id, before: Option<&Id>) -> Result<(), Error> {
        let moved = self.router.move_before(menu, id, before);
        self.runtime.block_on(moved)
    }
}

/// As [`dial::certificate_of`]: what is to be compared and pinned before the first log-in.
pub fn certificate_of(target: &Target) -> Result<dial::Seen, Error> {
    runtime()?.block_on(dial::certificate_of(target))
}

/// The items of a command that goes on answering, each waited for. Dropping it cancels the
/// command, which the router hears of with the next call.
pub struct Listener<'r> {
    listener: api::Listener,
    runtime: &'r Runtime,
}

impl Iterator for Listener<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.listener.next())
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.router.fmt(f)
    }
}

impl fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listener.fmt(f)
    }
}

fn runtime() -> Result<Runtime, Error> {
    let made = Builder::new_current_thread().enable_all().build();
    made.map_err(|error| Error::NotSupported(format!("no runtime can be started: {error}")))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::*;
    use crate::{
        Transport,
        api::codec::{self, Decoder},
    };

    /// A router that answers every command once its log-in is done.
    fn answers(listener: TcpListener, login: &'static [&'static str]) -> Vec<String> {
        let (mut tcp, _) = listener.accept().unwrap();
        let (mut decoder, mut heard, mut buffer) = (Decoder::new(), Vec::new(), [0; 512]);
        while let Ok(come @ 1..) = tcp.read(&mut buffer) {
            let mut come = &buffer[..come];
            while let Some(words) = decoder.read(&mut come).unwrap() {
                let words: Vec<_> = words.iter().map(|w| str::from_utf8(w).unwrap()).collect();
                let tag = words.last().copied().unwrap();
                let replies = match words[0] {
                    "/login" => vec![codec::sentence(login)],
                    "/log/listen" => vec![
                        codec::sentence(["!re", "=n=1", tag]),
                        codec::sentence(["!re", "=n=2", tag]),
                    ],
                    _ => vec![codec::sentence(["!done", "=ret=*1", tag])],
                };
                for reply in replies {
                    tcp.write_all(&reply.unwrap()).unwrap();
                }
                heard.push(words[0].to_owned());
            }
        }
        heard
    }

    fn serve(login: &'static [&'static str]) -> (Target, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            port: listener.local_addr().unwrap().port(),
            ..Target::new("127.0.0.1", Transport::Api)
        };
        (target, thread::spawn(move || answers(listener, login)))
    }

    #[test]
    fn it_waits_for_answers_and_for_items() {
        let (target, script) = serve(&["!done"]);
        let router = Router::connect(&target, &Login::new("tim", "x")).unwrap();
        assert!(router.local_address().is_loopback());
        let mut listener = router.listen(&Command::new("/log/listen")).unwrap();
        assert_eq!(listener.next().unwrap().unwrap().number("n"), Some(1));
        let id = router
            .add("/radius", &Record::new().with("comment", "x"))
            .unwrap();
        assert_eq!(id.as_str(), "*1");
        assert_eq!(listener.next().unwrap().unwrap().number("n"), Some(2));
        drop(listener);
        router.remove("/radius", &id).unwrap();
        drop(router);
        assert_eq!(
            script.join().unwrap(),
            [
                "/login",
                "/log/listen",
                "/radius/add",
                "/cancel",
                "/radius/remove"
            ]
        );
    }

    #[test]
    fn a_log_in_that_fails_fails_here_too() {
        // The challenge is none.
        let (target, script) = serve(&["!done", "=ret=xyz"]);
        let wrong = Router::connect(&target, &Login::new("tim", "x")).unwrap_err();
        assert!(matches!(wrong, Error::Protocol(_)), "{wrong}");
        assert_eq!(script.join().unwrap(), ["/login"]);
    }
}
