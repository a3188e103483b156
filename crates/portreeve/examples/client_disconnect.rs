//! Ends a session: here we are the server that asks, and the access device answers.
//!
//! Arguments: `ADDRESS SECRET`; without any, a device is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{AttributeList, Client, Error, attr};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    let device = Client::udp(inn.address, &inn.secret).await?;
    let session = AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::ACCT_SESSION_ID, "8d-0001");
    let outcome = device.disconnect(session).await?;
    if outcome.is_ack() {
        println!("tim is off");
    } else if outcome.is_gone() {
        println!("tim was off already");
    } else {
        println!("not done: {:?}", outcome.cause());
        inn.assert(false);
    }
    Ok(())
}
