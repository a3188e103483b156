use std::sync::Arc;

use portreeve_auth::eap::{
    Context, Method, Next, Offer, Offered, Verified,
    peer::{self, Outcome, Reply, Supplicant, Trouble, Usable},
};

use super::*;
use crate::{AccessOutcome, Client, Handler, Server};

/// Octets that the server wants said, in several rounds.
const ROUNDS: usize = 4;
const KIND: Type = Type::expanded(0x1234, 7);

/// A method in which the device repeats what it is told.
#[derive(Clone, Default)]
struct Repeat {
    said: Vec<u8>,
    rounds: usize,
    is_done: bool,
    spoils: bool,
    /// What a Response may have, if the device looks.
    wants_room: Option<usize>,
}

impl Offered for Repeat {
    fn kind(&self) -> Type {
        KIND
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(self.clone())
    }
}

impl Usable for Repeat {
    fn kind(&self) -> Type {
        KIND
    }

    fn start(&self) -> Box<dyn peer::Method> {
        Box::new(self.clone())
    }
}

impl Repeat {
    fn ask(&mut self, context: &mut Context<'_>) -> Next {
        self.said = vec![0; context.room];
        context.random.fill(&mut self.said);
        Next::Request(self.said.clone())
    }
}

impl Method for Repeat {
    fn kind(&self) -> Type {
        KIND
    }

    fn begin(&mut self, context: &mut Context<'_>) -> Next {
        self.ask(context)
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        let Some(verified) = Verified::by_equality(&self.said, data) else {
            return Next::Failed(Failure::WrongPassword(Means::alone(KIND)));
        };
        self.rounds += 1;
        if self.rounds < ROUNDS {
            return self.ask(context);
        }
        let identity = context.identity.to_vec();
        let success = Success::new(verified, identity, Means::alone(KIND));
        Next::success(success.with_keys(Msk::new([7; MSK_OCTETS]), vec![1, 2, 3]))
    }

    fn answer(&mut self, _: Answer, _: &mut Context<'_>) -> Next {
        Next::Failed(Failure::Refused)
    }
}

impl peer::Method for Repeat {
    fn kind(&self) -> Type {
        KIND
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Reply {
        if let Some(room) = self.wants_room {
            assert_eq!(context.room, room);
        }
        self.rounds += 1;
        self.is_done = self.rounds >= ROUNDS;
        let mut said = data.to_vec();
        if self.spoils && self.is_done {
            said.reverse();
        }
        Reply::Response(said)
    }

    fn outcome(&self) -> Option<Outcome> {
        self.is_done.then(|| Outcome {
            msk: Some(Msk::new([7; MSK_OCTETS])),
            ..Outcome::default()
        })
    }
}

struct Hotel(Arc<Conversations<Vec<String>>>);

impl Directory<Vec<String>> for Hotel {
    async fn answer(
        &self,
        question: Question,
        _: &AccessRequest,
        notes: &mut Vec<String>,
    ) -> Answer {
        notes.push(format!("{question:?}"));
        Answer::Offer(Arc::new(Offer::nothing().with(Repeat::default())))
    }
}

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        match self.0.turn(request, self).await {
            Turn::Challenge(reply) => reply,
            Turn::Proven(proven) => {
                assert_eq!(proven.notes.len(), 1);
                AccessReply::accept().with_all(&proven.attributes(request))
            }
            Turn::Failed(failed) => AccessReply::reject()
                .with_all(&failed.attributes())
                .with(attr::REPLY_MESSAGE, failed.why.to_string().as_str()),
            Turn::Unanswered(_) => AccessReply::silent(),
        }
    }
}

async fn world() -> (Client, Arc<Conversations<Vec<String>>>) {
    let conversations = Arc::new(Conversations::new(Limits::default()));
    let server = Server::new(Hotel(Arc::clone(&conversations)))
        .peer("127.0.0.1", "s3cret")
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let address = server.addresses()[0];
    let client = Client::udp(address, "s3cret").build().unwrap();
    std::mem::forget(server);
    (client, conversations)
}

fn supplicant(spoils: bool) -> Supplicant {
    let repeat = Repeat {
        spoils,
        ..Repeat::default()
    };
    Supplicant::new("tim", vec![Arc::new(repeat)])
}

#[tokio::test]
async fn a_conversation_goes_on_until_both_sides_are_content() {
    let (client, conversations) = world().await;
    let list = AttributeList::new().with(attr::EAP_KEY_NAME, [0_u8; 1]);
    let went = log_in(&client, supplicant(false), &list).await.unwrap();
    assert!(went.is_in(), "{went:?}");
    assert_eq!(went.keys, Keys::Same);
    assert_eq!(usize::from(went.rounds), ROUNDS + 1);
    assert_eq!(went.response.get(attr::EAP_KEY_NAME), Some(&[1, 2, 3][..]));
    assert_eq!(conversations.count(), 0);
}

#[tokio::test]
async fn the_device_heeds_the_mtu_too() {
    let (client, _) = world().await;
    for (mtu, room) in [(200, 184), (1400, 1384), (9000, 1388)] {
        let repeat = Repeat {
            wants_room: Some(room),
            ..Repeat::default()
        };
        let list = AttributeList::new().with(attr::FRAMED_MTU, mtu);
        let supplicant = Supplicant::new("tim", vec![Arc::new(repeat)]);
        let went = log_in(&client, supplicant, &list).await.unwrap();
        assert!(went.is_in(), "{went:?}");
    }
}

#[tokio::test]
async fn a_refusal_without_eap_is_a_refusal() {
    struct Nobody;
    impl Handler for Nobody {}
    let server = Server::new(Nobody)
        .peer("127.0.0.1", "s3cret")
        .udp("127.0.0.1:0")
        .start()
        .await
        .unwrap();
    let client = Client::udp(server.addresses()[0], "s3cret")
        .build()
        .unwrap();
    let list = AttributeList::new();
    let went = log_in(&client, supplicant(false), &list).await.unwrap();
    assert_eq!(went.outcome, Err(Trouble::Rejected));
    server.stop().await;
}

#[tokio::test]
async fn who_answers_wrongly_is_told_that_it_failed() {
    let (client, conversations) = world().await;
    let list = AttributeList::new();
    let went = log_in(&client, supplicant(true), &list).await.unwrap();
    assert_eq!(went.outcome, Err(Trouble::Rejected));
    assert_eq!(conversations.count(), 0);
}

#[tokio::test]
async fn the_access_points_mtu_is_heeded() {
    let (client, _) = world().await;
    let identity = packet::response(3, Type::IDENTITY, b"tim").unwrap();
    let first = |mtu: u32| {
        AttributeList::new()
            .with(attr::USER_NAME, "tim")
            .with(attr::FRAMED_MTU, mtu)
            .with(attr::EAP_MESSAGE, &identity[..])
    };
    for (mtu, most) in [(200, 196), (1400, 1024), (9000, 1024)] {
        let asked = crate::Access::bare(first(mtu));
        let outcome = client.access(asked).await.unwrap();
        let message = outcome.response().joined(attr::EAP_MESSAGE).unwrap();
        assert_eq!(message.len(), most);
    }
}

#[tokio::test]
async fn nonsense_gets_the_last_request_again_and_no_accept() {
    let (client, conversations) = world().await;
    let identity = packet::response(3, Type::IDENTITY, b"tim").unwrap();
    let with = |message: &[u8], state: Option<&[u8]>| {
        let mut list = AttributeList::new().with(attr::USER_NAME, "tim");
        list.add(attr::EAP_MESSAGE, message);
        if let Some(state) = state {
            list.add(attr::STATE, state);
        }
        crate::Access::bare(list)
    };
    let outcome = client.access(with(&identity, None)).await.unwrap();
    let asked = outcome.response().joined(attr::EAP_MESSAGE).unwrap();
    let mut state = outcome.response().joined(attr::STATE).unwrap();
    let mut rejected = false;
    for _ in 0..=MAX_IGNORED {
        let outcome = client
            .access(with(&[2, 99, 0], Some(&state)))
            .await
            .unwrap();
        let response = outcome.response();
        if let AccessOutcome::Reject(_) = outcome {
            rejected = true;
            break;
        }
        assert_eq!(response.joined(attr::EAP_MESSAGE).unwrap(), asked);
        assert_eq!(response.get(attr::ERROR_CAUSE), Some(202));
        state = response.joined(attr::STATE).unwrap();
    }
    assert!(rejected);
    assert_eq!(conversations.count(), 0);
    // And its State is worth nothing any more.
    let outcome = client.access(with(&identity, Some(&state))).await.unwrap();
    let response = outcome.response();
    assert_eq!(response.joined(attr::EAP_MESSAGE), Some(vec![4, 3, 0, 4]));
    assert!(response.message().unwrap().contains("expired"));
}
