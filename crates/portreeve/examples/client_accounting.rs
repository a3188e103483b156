//! Reports a session: when it begins, in between, and when it is over.
//!
//! Arguments: `ADDRESS SECRET`; without any, a server is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{Accounting, Client, Code, Error, attr, client::Retry};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    // A record must not be lost: it is sent until it is confirmed.
    let client = Client::udp(inn.address, &inn.secret)
        .retry(Retry::forever())
        .await?;
    let session = "8d-0001";
    let records = [
        Accounting::start(session),
        Accounting::interim(session).with(attr::ACCT_INPUT_OCTETS, 40_000),
        Accounting::stop(session)
            .with(attr::ACCT_INPUT_OCTETS, 90_000)
            .with(attr::ACCT_SESSION_TIME, 600),
    ];
    for record in records {
        let reply = client
            .accounting(record.with(attr::USER_NAME, "tim"))
            .await?;
        println!("{} after {:?}", reply.code(), reply.elapsed());
        inn.assert(reply.code() == Code::ACCOUNTING_RESPONSE);
    }
    Ok(())
}
