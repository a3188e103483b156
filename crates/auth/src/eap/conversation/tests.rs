use super::*;
use crate::eap::{Means, Verified};

/// A method that asks for a word and wants to hear it back.
struct Echo {
    kind: Type,
    asks: bool,
}

impl Offered for Echo {
    fn kind(&self) -> Type {
        self.kind
    }

    fn start(&self) -> Box<dyn Method> {
        Box::new(Self {
            kind: self.kind,
            asks: self.asks,
        })
    }
}

impl Method for Echo {
    fn kind(&self) -> Type {
        self.kind
    }

    fn begin(&mut self, _: &mut Context<'_>) -> Next {
        Next::Request(b"say".to_vec())
    }

    fn receive(&mut self, data: &[u8], context: &mut Context<'_>) -> Next {
        match data {
            b"more" => Next::Request(vec![b'm'; context.room]),
            b"ask" if self.asks => Next::Ask(Question::Credential {
                identity: context.identity.to_vec(),
                means: Means::alone(self.kind),
            }),
            b"" => Next::Ignore(Ignored::ByMethod("nothing said")),
            _ => match Verified::by_equality(b"say", data) {
                Some(verified) => Next::success(Success::new(
                    verified,
                    context.identity.to_vec(),
                    Means::alone(self.kind),
                )),
                None => Next::broken(self.kind, "another word"),
            },
        }
    }

    fn answer(&mut self, answer: Answer, context: &mut Context<'_>) -> Next {
        if let Some((verified, name)) = Verified::by_answer(answer) {
            return Next::success(Success::new(verified, name, Means::alone(self.kind)));
        }
        assert_eq!(context.identity, b"tim");
        Next::Failed(Failure::Refused)
    }
}

fn offer() -> Answer {
    let echo = |kind| Echo { kind, asks: true };
    Answer::Offer(Arc::new(
        Offer::nothing()
            .with(echo(Type::PEAP))
            .with(echo(Type::TLS))
            .with(echo(Type::expanded(311, 9))),
    ))
}

struct World {
    conversation: Conversation,
}

impl World {
    fn new() -> Self {
        Self {
            conversation: Conversation::new(),
        }
    }

    /// A conversation in which PEAP has been proposed under identifier 8.
    fn proposed() -> Self {
        let mut world = Self::new();
        let step = world.receive(&packet::response(7, Type::IDENTITY, b"tim").unwrap());
        assert!(matches!(step, Step::Ask(Question::Begin { ref identity }) if identity == b"tim"));
        let step = world.answer(offer());
        assert_eq!(sent(step), packet::request(8, Type::PEAP, b"say").unwrap());
        world
    }

    fn receive(&mut self, octets: &[u8]) -> Step {
        let mut random = |octets: &mut [u8]| octets.fill(77);
        self.conversation
            .receive(octets, &mut surroundings(&mut random))
    }

    fn say(&mut self, identifier: u8, kind: Type, data: &[u8]) -> Step {
        self.receive(&packet::response(identifier, kind, data).unwrap())
    }

    fn answer(&mut self, answer: Answer) -> Step {
        let mut random = |octets: &mut [u8]| octets.fill(77);
        self.conversation
            .answer(answer, &mut surroundings(&mut random))
    }
}

fn surroundings(random: &mut dyn Random) -> Surroundings<'_> {
    Surroundings {
        random,
        unix_s: 1_800_000_000,
        mtu: 200,
    }
}

fn sent(step: Step) -> Vec<u8> {
    match step {
        Step::Send(octets) => octets,
        other => panic!("not sent: {other:?}"),
    }
}

fn ignored(step: Step) -> Ignored {
    match step {
        Step::Ignored(why) => why,
        other => panic!("not ignored: {other:?}"),
    }
}

#[test]
fn a_start_is_answered_by_asking_who_it_is() {
    let mut world = World::new();
    assert_eq!(sent(world.receive(&[])), [1, 77, 0, 5, 1]);
    let other = packet::response(76, Type::IDENTITY, b"tim").unwrap();
    assert_eq!(ignored(world.receive(&other)), Ignored::OtherIdentifier);
    let step = world.say(77, Type::IDENTITY, b"");
    assert!(matches!(step, Step::Ask(Question::Begin { identity }) if identity.is_empty()));
}

#[test]
fn who_says_what_is_asked_comes_in() {
    let mut world = World::proposed();
    let step = world.say(8, Type::PEAP, b"say");
    let Step::Succeeded(success, packet) = step else {
        panic!("{step:?}");
    };
    assert_eq!(success.identity(), b"tim");
    assert_eq!(packet, [3, 8, 0, 4]);
    assert_eq!(ignored(world.say(8, Type::PEAP, b"say")), Ignored::Over);
}

#[test]
fn another_word_fails_with_the_identifier_of_the_response() {
    let mut world = World::proposed();
    let step = world.say(8, Type::PEAP, b"what");
    let Step::Failed(failure, packet) = step else {
        panic!("{step:?}");
    };
    assert_eq!(failure.label(), "eap_broken");
    assert_eq!(packet, [4, 8, 0, 4]);
}

#[test]
fn a_nak_gets_the_first_wish_that_is_offered_and_only_at_first() {
    let mut world = World::proposed();
    let nak = packet::nak(8, Type::PEAP, &[Type::MD5, Type::PEAP, Type::TLS]).unwrap();
    let next = packet::request(9, Type::TLS, b"say").unwrap();
    assert_eq!(sent(world.receive(&nak)), next);
    // The same Nak again gets the same answer.
    assert_eq!(sent(world.receive(&nak)), next);
    assert!(matches!(world.say(9, Type::TLS, b"more"), Step::Send(_)));
    let late = packet::nak(10, Type::TLS, &[Type::PEAP]).unwrap();
    assert_eq!(ignored(world.receive(&late)), Ignored::LateNak);
}

#[test]
fn a_nak_cannot_go_round_in_circles() {
    let mut world = World::proposed();
    let nak = packet::nak(8, Type::PEAP, &[Type::TLS]).unwrap();
    let request = sent(world.receive(&nak));
    assert_eq!(request, packet::request(9, Type::TLS, b"say").unwrap());
    let back = packet::nak(9, Type::TLS, &[Type::PEAP]).unwrap();
    let step = world.receive(&back);
    let Step::Failed(Failure::NoCommonMethod { wanted, offered }, _) = step else {
        panic!("{step:?}");
    };
    assert_eq!(wanted, [Type::PEAP]);
    assert_eq!(offered.len(), 3);
}

#[test]
fn what_is_out_of_place_changes_nothing() {
    let mut world = World::proposed();
    let cases: [(Vec<u8>, Ignored); 6] = [
        (vec![2, 8], Ignored::Malformed(Malformed::Short)),
        (vec![3, 8, 0, 4], Ignored::NotAResponse),
        (
            vec![1, 8, 0, 8, 25, b's', b'a', b'y'],
            Ignored::NotAResponse,
        ),
        (
            packet::response(9, Type::PEAP, b"say").unwrap(),
            Ignored::OtherIdentifier,
        ),
        (
            packet::response(8, Type::TLS, b"say").unwrap(),
            Ignored::OtherType,
        ),
        (
            packet::response(8, Type::PEAP, b"").unwrap(),
            Ignored::ByMethod("nothing said"),
        ),
    ];
    for (octets, why) in cases {
        assert_eq!(ignored(world.receive(&octets)), why, "{octets:?}");
    }
    // And a Nak is still possible.
    let nak = packet::nak(8, Type::PEAP, &[Type::TLS]).unwrap();
    assert!(matches!(world.receive(&nak), Step::Send(_)));
}

#[test]
fn while_it_asks_nothing_else_is_taken_and_an_unfit_answer_refuses() {
    let mut world = World::proposed();
    assert!(matches!(world.say(8, Type::PEAP, b"ask"), Step::Ask(_)));
    assert_eq!(ignored(world.say(8, Type::PEAP, b"say")), Ignored::Busy);
    let step = world.answer(offer());
    assert!(
        matches!(step, Step::Failed(Failure::Refused, _)),
        "{step:?}"
    );
    assert_eq!(ignored(world.answer(offer())), Ignored::Over);
}

#[test]
fn nothing_on_offer_and_a_refusal_are_the_end() {
    for answer in [
        Answer::Refused,
        Answer::Wrong,
        Answer::Right(b"tim".to_vec()),
        Answer::Offer(Arc::new(Offer::nothing())),
    ] {
        let mut world = World::new();
        let step = world.say(0, Type::IDENTITY, b"tim");
        assert!(matches!(step, Step::Ask(_)));
        let step = world.answer(answer);
        assert!(matches!(step, Step::Failed(..)), "{step:?}");
    }
}

#[test]
fn a_conversation_has_an_end() {
    let mut world = World::proposed();
    let mut identifier = 8_u8;
    for _ in 1..MAX_ROUNDS {
        let octets = sent(world.say(identifier, Type::PEAP, b"more"));
        assert_eq!(octets.len(), 200);
        identifier = identifier.wrapping_add(1);
    }
    let step = world.say(identifier, Type::PEAP, b"more");
    assert!(
        matches!(step, Step::Failed(Failure::TooManyRounds(MAX_ROUNDS), _)),
        "{step:?}"
    );
}
