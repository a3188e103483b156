//! Attributes that only your own dictionary file knows, by their names.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(dead_code, reason = "not every example proves everything")]

mod check;

use portreeve::{
    Access, AccessReply, AccessRequest, AttributeList, Dictionary, Error, Handler, Proves as _,
    Server, dictionary,
};

struct Hotel {
    dictionary: Dictionary,
}

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        if request.user_name() != Some("tim") || !request.proves("12345") {
            return AccessReply::reject();
        }
        let mut attributes = AttributeList::new();
        if let Some(room) = self.dictionary.attribute("Hotel-Room") {
            attributes.push(&room.spec, 0, b"217");
        }
        AccessReply::accept().with_all(&attributes)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dictionary.hotel");
    let dictionary = dictionary::load(std::env::args().nth(1).as_deref().unwrap_or(file))?;
    let server = Server::new(Hotel {
        dictionary: dictionary.clone(),
    });
    if check::wanted() {
        return check::prove(server, async |client| {
            let outcome = client.access(Access::pap("tim", "12345")).await;
            let lines: Vec<String> = outcome
                .iter()
                .flat_map(|outcome| {
                    let packet = outcome.response().packet();
                    let decoded = dictionary.decode(&packet);
                    decoded.iter().map(ToString::to_string).collect::<Vec<_>>()
                })
                .collect();
            println!("{}", lines.join("\n"));
            assert!(
                lines.iter().any(|line| line == "Hotel-Room = \"217\""),
                "{lines:?}"
            );
        })
        .await;
    }
    server
        .peer("192.0.2.0/24", "s3cret")
        .udp("0.0.0.0:1812")
        .run()
        .await
}
