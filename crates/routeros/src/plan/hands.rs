//! What carries commands to a router and makes the connection anew.

use std::future::Future;

use crate::{Answer, Command, Error, Router};

/// Whatever carries commands out.
pub(super) trait Hands {
    /// One command.
    fn call(&mut self, command: &Command) -> impl Future<Output = Result<Answer, Error>>;

    /// A new connection in the place of one that is lost.
    fn reconnect(&mut self) -> impl Future<Output = Result<(), Error>>;
}

/// A router, and how it is reached again.
pub(super) struct Session<'a, R> {
    router: &'a Router,
    renewed: Option<Router>,
    again: R,
}

impl<'a, R> Session<'a, R> {
    pub(super) fn new(router: &'a Router, again: R) -> Self {
        Self {
            router,
            renewed: None,
            again,
        }
    }
}

impl<R, F> Hands for Session<'_, R>
where
    R: FnMut() -> F,
    F: Future<Output = Result<Router, Error>>,
{
    async fn call(&mut self, command: &Command) -> Result<Answer, Error> {
        let router = self.renewed.as_ref().unwrap_or(self.router);
        router.call(command).await
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        self.renewed = Some((self.again)().await?);
        Ok(())
    }
}
