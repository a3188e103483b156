//! Logs in by PAP: the password goes to the server, hidden under the shared secret.
//!
//! Arguments: `ADDRESS SECRET [USER PASSWORD]`; without any, a server is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{Access, AccessOutcome, Client, Error, attr};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let inn = inn::Inn::open().await?;
    let mut arguments = std::env::args().skip(3);
    let user = arguments.next().unwrap_or_else(|| "tim".to_owned());
    let password = arguments.next().unwrap_or_else(|| "12345".to_owned());

    let client = Client::udp(inn.address, &inn.secret).await?;
    let access = Access::pap(&user, &password).with(attr::NAS_PORT, 7);
    match client.access(access).await? {
        AccessOutcome::Accept(reply) => {
            println!("let in for {:?} seconds", reply.get(attr::SESSION_TIMEOUT));
        }
        AccessOutcome::Challenge(reply) => println!("asked for more: {:?}", reply.message()),
        AccessOutcome::Reject(reply) => {
            println!("refused: {:?}", reply.message());
            inn.assert(false);
        }
    }
    let wrong = client
        .access(Access::pap(&user, "not the password"))
        .await?;
    println!("with a wrong password: {}", wrong.response().code());
    inn.assert(!wrong.is_accept());
    Ok(())
}
