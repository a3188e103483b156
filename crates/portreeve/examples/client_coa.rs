//! Changes a session: here we are the server that asks, and the access device answers.
//!
//! Arguments: `ADDRESS SECRET`; without any, a device is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{AttributeList, Client, Error, ErrorCause, attr, client::DynamicOutcome};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    let device = Client::udp(inn.address, &inn.secret).await?;
    // As the device named the session in accounting, octet for octet.
    let session = || {
        AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::ACCT_SESSION_ID, "8d-0001")
    };
    let faster = session().with(attr::mikrotik::RATE_LIMIT, "10M/50M");
    match device.coa(faster).await? {
        DynamicOutcome::Ack(_) => println!("tim is faster now"),
        refused @ DynamicOutcome::Nak(_) => {
            println!("not done: {:?}", refused.cause());
            inn.assert(false);
        }
    }
    // A device must refuse what it does not understand, and then nothing is changed.
    let strange = session().with(attr::FILTER_ID, "guests");
    let refused = device.coa(strange).await?;
    println!("a filter: {:?}", refused.cause());
    inn.assert(refused.cause() == Some(ErrorCause::UnsupportedAttribute));
    Ok(())
}
