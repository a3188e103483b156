//! The client for threads and scripts without a runtime.

use std::fmt;

use portreeve_proto::{Ask, AttributeList};
use tokio::runtime::{Builder, Runtime};

use crate::{
    Error, ToAddress,
    client::{self, Access, AccessOutcome, Accounting, ClientBuilder, DynamicOutcome, Response},
};

/// As [`client::Client`], but its methods wait. It can be shared between threads.
///
/// Dead servers are watched only while some call waits.
///
/// # Panics
/// Its methods panic inside a Tokio runtime: use [`client::Client`] there.
///
/// ```no_run
/// use portreeve::{blocking, client::Access};
///
/// # fn run() -> Result<(), portreeve::Error> {
/// let client = blocking::Client::udp("192.0.2.1:1812", "s3cret")?;
/// let outcome = client.access(Access::pap("tim", "12345"))?;
/// println!("{}", if outcome.is_accept() { "let in" } else { "refused" });
/// # Ok(())
/// # }
/// ```
pub struct Client {
    client: client::Client,
    runtime: Runtime,
}

impl Client {
    /// A client of the server at an address.
    pub fn udp(address: impl ToAddress, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::new(client::Client::udp(address, secret))
    }

    /// A client of several servers, or with timing of its own; see [`client::Client::builder`].
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        let client = builder.build()?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Start)?;
        Ok(Self { client, runtime })
    }

    /// As [`client::Client::access`].
    pub fn access(&self, access: Access) -> Result<AccessOutcome, Error> {
        self.runtime.block_on(self.client.access(access))
    }

    /// As [`client::Client::accounting`].
    pub fn accounting(&self, record: Accounting) -> Result<Response, Error> {
        self.runtime.block_on(self.client.accounting(record))
    }

    /// As [`client::Client::status`].
    pub fn status(&self) -> Result<Response, Error> {
        self.runtime.block_on(self.client.status())
    }

    /// As [`client::Client::coa`].
    pub fn coa(&self, attributes: AttributeList) -> Result<DynamicOutcome, Error> {
        self.runtime.block_on(self.client.coa(attributes))
    }

    /// As [`client::Client::disconnect`].
    pub fn disconnect(&self, attributes: AttributeList) -> Result<DynamicOutcome, Error> {
        self.runtime.block_on(self.client.disconnect(attributes))
    }

    /// As [`client::Client::ask`].
    pub fn ask(&self, ask: Ask, attributes: AttributeList) -> Result<Response, Error> {
        self.runtime.block_on(self.client.ask(ask, attributes))
    }

    /// The client itself: for its counters and its servers.
    pub fn client(&self) -> &client::Client {
        &self.client
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
