//! Logs in by EAP-MSCHAPv2, as an access point and a device in one.
//!
//! Arguments: `ADDRESS SECRET [USER PASSWORD]`; without any, a server is started on the spot.
//!
//! For PEAP, EAP-TTLS and EAP-TLS the supplicant gets one of the other methods of
//! `portreeve::eap`, with `tls::PeerSettings` that say which server to trust.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use portreeve::{
    AccessReply, AccessRequest, AttributeList, Client, Credential, Error, Handler, Running, Server,
    attr,
    auth::mschap::NtHash,
    eap::{
        self, Answer, Conversations, Directory, LogIn, Means, Offer, Question, Turn, Type,
        mschapv2, peer::Supplicant,
    },
};

const SECRET: &str = "s3cret";
const USER: &str = "tim";
const PASSWORD: &str = "12345";

/// Lets one guest in.
struct Inn {
    conversations: Conversations<()>,
    offer: Arc<Offer>,
}

impl Directory<()> for Inn {
    async fn answer(&self, question: Question, _: &AccessRequest, (): &mut ()) -> Answer {
        match question {
            Question::Begin { .. } => Answer::Offer(Arc::clone(&self.offer)),
            Question::Credential { identity, .. } if identity == USER.as_bytes() => {
                Credential::clear(PASSWORD).map_or(Answer::Refused, Answer::Credential)
            }
            _ => Answer::Refused,
        }
    }
}

impl Handler for Inn {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match self.conversations.turn(request, self).await {
            Turn::Challenge(reply) => reply,
            Turn::Proven(proven) => AccessReply::accept().with_all(&proven.attributes(request)),
            Turn::Failed(failed) => AccessReply::reject().with_all(&failed.attributes()),
            Turn::Unanswered(_) => AccessReply::silent(),
        }
    }
}

async fn open() -> Result<Running, Error> {
    let method = mschapv2::Server::new(Means::alone(Type::MSCHAPV2));
    let inn = Inn {
        conversations: Conversations::new(eap::Limits::default()),
        offer: Arc::new(Offer::nothing().with(method)),
    };
    let server = Server::new(inn)
        .peer("127.0.0.1", SECRET)
        .udp("127.0.0.1:0");
    server.start().await
}

async fn log_in(client: &Client, user: &str, password: &str) -> Result<LogIn, Error> {
    let hash = NtHash::of(password).map_err(Error::Password)?;
    let supplicant = Supplicant::new(user, vec![Arc::new(mschapv2::Peer::new(hash))]);
    let about = AttributeList::new()
        .with(attr::NAS_PORT_TYPE, attr::nas_port_type::ETHERNET)
        .with(attr::CALLING_STATION_ID, "02-00-00-00-00-01");
    eap::log_in(client, supplicant, &about).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |place: usize| arguments.get(place).map(String::as_str);
    let (running, client) = if let (Some(address), Some(secret)) = (given(0), given(1)) {
        (None, Client::udp(address, secret).await?)
    } else {
        let running = open().await?;
        let client = Client::udp(running.address(), SECRET).await?;
        (Some(running), client)
    };
    let (user, password) = (given(2).unwrap_or(USER), given(3).unwrap_or(PASSWORD));

    let login = log_in(&client, user, password).await?;
    match &login.outcome {
        Ok(_) => println!("in after {} rounds, keys: {:?}", login.rounds, login.keys),
        Err(trouble) => println!("not in: {trouble}"),
    }
    let wrong = log_in(&client, user, "not the password").await?;
    println!("with a wrong password: {}", wrong.response.code());
    if let Some(running) = running {
        assert!(login.is_in() && !wrong.is_in(), "the example does not work");
        running.stop().await;
    }
    Ok(())
}
