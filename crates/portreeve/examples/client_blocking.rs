//! Logs in from a plain thread, without a runtime of one's own.
//!
//! Arguments: `ADDRESS SECRET`; without any, a server is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod inn;

use portreeve::{Access, Error, blocking};

fn log_in(inn: &inn::Inn) -> Result<(), Error> {
    let client = blocking::Client::udp(inn.address, &inn.secret)?;
    let outcome = client.access(Access::chap("tim", "12345"))?;
    println!("{}", outcome.response().code());
    inn.assert(outcome.is_accept());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Only the server needs this runtime.
    let inn = inn::Inn::open().await?;
    let thread = std::thread::spawn(move || log_in(&inn));
    let joined = tokio::task::spawn_blocking(|| thread.join()).await;
    joined
        .ok()
        .and_then(Result::ok)
        .unwrap_or(Err(Error::WorkerPanicked))
}
