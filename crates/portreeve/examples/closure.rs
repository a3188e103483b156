//! The smallest server: one closure decides.
#![expect(dead_code, reason = "not every example proves everything")]

mod check;

use portreeve::{AccessReply, Proves as _, Server};

#[tokio::main]
async fn main() -> Result<(), portreeve::Error> {
    let server = Server::access(|request| match request.user_name() {
        Some("tim") if request.proves("12345") => AccessReply::accept(),
        _ => AccessReply::reject(),
    });
    if check::wanted() {
        return check::prove(server, async |client| {
            check::lets_in(client, "tim", "12345").await;
        })
        .await;
    }
    server
        .peer("192.0.2.0/24", "s3cret")
        .udp("0.0.0.0:1812")
        .run()
        .await
}
