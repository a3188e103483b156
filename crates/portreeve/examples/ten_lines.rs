//! A RADIUS server: lets tim in, for an hour.
#![expect(dead_code, reason = "not every example proves everything")]

mod check;

use portreeve::{AccessReply, AccessRequest, Handler, Proves as _, Server, attr};

struct Hotel;

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match request.user_name() {
            Some("tim") if request.proves("12345") => {
                AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
            }
            _ => AccessReply::reject().with(attr::REPLY_MESSAGE, "unknown guest"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), portreeve::Error> {
    if check::wanted() {
        return check::prove(Server::new(Hotel), async |client| {
            check::lets_in(client, "tim", "12345").await;
        })
        .await;
    }
    Server::new(Hotel)
        .peer("192.0.2.0/24", "s3cret")
        .udp("0.0.0.0:1812")
        .run()
        .await
}
