//! One router, whichever way it is spoken to.

use std::net::IpAddr;

use crate::{Answer, Command, Error, Id, Login, Query, Record, Target, Transport, api, rest};

/// A router one is logged in to.
#[derive(Debug)]
pub struct Router {
    link: Link,
}

#[derive(Debug)]
enum Link {
    Api(api::Client),
    Rest(rest::Client),
}

impl Router {
    /// Connects and logs in.
    pub async fn connect(target: &Target, login: &Login) -> Result<Self, Error> {
        let link = match target.transport {
            Transport::Api | Transport::ApiSsl => {
                Link::Api(api::Client::connect(target, login).await?)
            }
            Transport::Rest | Transport::RestSsl => {
                Link::Rest(rest::Client::connect(target, login).await?)
            }
        };
        Ok(Self { link })
    }

    /// Gives one command and waits for all of its answer. Commands may be given at the same time.
    pub async fn call(&self, command: &Command) -> Result<Answer, Error> {
        match &self.link {
            Link::Api(client) => client.call(command).await,
            Link::Rest(client) => client.call(command).await,
        }
    }

    /// Gives a command that goes on answering: `listen` of a menu, a monitor. Its items come one by
    /// one until the listener is dropped. Only the API can do it.
    ///
    /// # Errors
    /// [`Error::NotSupported`] over REST; how the connection ended.
    pub fn listen(&self, command: &Command) -> Result<api::Listener, Error> {
        match &self.link {
            Link::Api(client) => client.listen(command),
            Link::Rest(_) => Err(Error::NotSupported(format!(
                "REST cannot wait for changes: {} needs the API",
                command.path()
            ))),
        }
    }

    /// The address from which this machine speaks to the router: what the router sees, unless
    /// something in between translates addresses.
    pub fn local_address(&self) -> IpAddr {
        match &self.link {
            Link::Api(client) => client.local_address(),
            Link::Rest(client) => client.local_address(),
        }
    }

    /// The items of a menu, or the one record of a menu that is one item. Only the properties
    /// named are asked for; with none named the router works out all, slow ones too.
    pub async fn print(
        &self,
        menu: &str,
        properties: &[&str],
        queries: &[Query],
    ) -> Result<Vec<Record>, Error> {
        let mut command = Command::new(format!("{menu}/print")).asking(properties.iter().copied());
        for query in queries {
            command = command.only_where(query.clone());
        }
        Ok(self.call(&command).await?.records)
    }

    /// Adds an item and gives its `.id`.
    pub async fn add(&self, menu: &str, values: &Record) -> Result<Id, Error> {
        let answer = self
            .call(&filled(Command::new(format!("{menu}/add")), values))
            .await?;
        let returned = answer.returned().map(Id::new);
        returned.ok_or_else(|| Error::Protocol(format!("{menu}/add returned no .id")))
    }

    /// Sets properties of an item, or of the menu itself where that is one item.
    pub async fn set(&self, menu: &str, id: Option<&Id>, values: &Record) -> Result<(), Error> {
        let mut command = Command::new(format!("{menu}/set"));
        if let Some(id) = id {
            command = command.with(".id", id.as_str());
        }
        self.call(&filled(command, values)).await.map(drop)
    }

    /// Removes an item.
    pub async fn remove(&self, menu: &str, id: &Id) -> Result<(), Error> {
        self.call(&Command::new(format!("{menu}/remove")).with(".id", id.as_str()))
            .await
            .map(drop)
    }

    /// Moves an item of an ordered menu to the place before another, or to the end.
    pub async fn move_before(&self, menu: &str, id: &Id, before: Option<&Id>) -> Result<(), Error> {
        let mut command = Command::new(format!("{menu}/move")).with("numbers", id.as_str());
        if let Some(before) = before {
            command = command.with("destination", before.as_str());
        }
        self.call(&command).await.map(drop)
    }
}

fn filled(command: Command, values: &Record) -> Command {
    values
        .iter()
        .fold(command, |command, (name, value)| command.with(name, value))
}
