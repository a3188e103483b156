//! Ends a session: here we are the server that asks, and the access device answers.
//!
//! Arguments: `ADDRESS SECRET`; without any, a device is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{AttributeList, Client, Error, attr, client::DynamicOutcome};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    let device = Client::udp(inn.address, &inn.secret).await?;
    let session = AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::ACCT_SESSION_ID, "8d-0001");
    match device.disconnect(session).await? {
        DynamicOutcome::Ack(_) => println!("tim is off"),
        refused if refused.is_gone() => println!("tim was off already"),
        refused @ DynamicOutcome::Nak(_) => {
            println!("not done: {:?}", refused.cause());
            inn.assert(false);
        }
    }
    Ok(())
}
