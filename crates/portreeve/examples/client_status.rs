//! Asks a server whether it is there, with another one to fall back on.
//!
//! Arguments: `ADDRESS SECRET`; without any, a server is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use std::time::Duration;

use portreeve::{Client, Error, client::Retry};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    // Nobody listens on the discard port, so the second server has to answer.
    let client = Client::udp("127.0.0.1:9", "s3cret")
        .server(inn.address, &inn.secret)
        .retry(Retry::once(Duration::from_millis(500)))
        .await?;
    let reply = client.status().await?;
    println!("{} answered after {:?}", reply.server(), reply.elapsed());
    inn.assert(reply.server() == inn.address);
    Ok(())
}
