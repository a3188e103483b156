//! Which answer belongs to which request, and what was sent twice.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use jiff::Timestamp;
use portreeve_proto::{Code, Packet, inspect::Side};

/// The most requests that are remembered.
const MOST: usize = 65_536;

/// Where a packet stands in the input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// Its number, from 1; of the frame in a capture.
    pub(crate) number: u64,
    pub(crate) time: Option<Timestamp>,
    /// From where to where, where the input says.
    pub(crate) ends: Option<(SocketAddr, SocketAddr)>,
}

/// How a packet belongs to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The first answer to a request, and how many microseconds later it came.
    Answer { to: u64, after: Option<i64> },
    /// An answer to a request that has one.
    AnswerAgain { to: u64, first: u64, same: bool },
    /// An answer without its request.
    Orphan,
    /// A request that was not seen before.
    Request,
    /// A request sent once more.
    Retransmission { of: u64 },
}

/// Requests that were seen, the latest of each kind between two ends under each identifier.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    asked: HashMap<Key, Asked>,
    order: VecDeque<(Key, u64)>,
    /// Requests that were forgotten or replaced before they had an answer.
    lost: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    asker: Option<SocketAddr>,
    server: Option<SocketAddr>,
    identifier: u8,
    code: u8,
}

#[derive(Debug)]
struct Asked {
    number: u64,
    time: Option<Timestamp>,
    octets: Vec<u8>,
    answer: Option<(u64, Vec<u8>)>,
}

impl Pairing {
    /// Takes the next packet in.
    pub(crate) fn see(&mut self, packet: &Packet<'_>, place: Place) -> Relation {
        match Side::of(packet.code()) {
            Some(Side::Request) => self.request(packet, place),
            Some(Side::Answer) => self.answer(packet, place),
            None => Relation::Orphan,
        }
    }

    /// The request that a packet answers, as octets.
    pub(crate) fn request_of(&self, packet: &Packet<'_>, place: Place) -> Option<&[u8]> {
        let key = self.key_of_request(packet, place)?;
        self.asked.get(&key).map(|asked| asked.octets.as_slice())
    }

    /// Requests that have no answer.
    pub(crate) fn unanswered(&self) -> u64 {
        let waiting = self.asked.values().filter(|asked| asked.answer.is_none());
        self.lost + waiting.count() as u64
    }

    fn request(&mut self, packet: &Packet<'_>, place: Place) -> Relation {
        let (asker, server) = place.ends.unzip();
        let key = Key {
            asker,
            server,
            identifier: packet.identifier(),
            code: packet.code().0,
        };
        if let Some(before) = self.asked.get(&key)
            && before.octets == packet.octets()
        {
            return Relation::Retransmission { of: before.number };
        }
        let request = Asked {
            number: place.number,
            time: place.time,
            octets: packet.octets().to_vec(),
            answer: None,
        };
        if let Some(replaced) = self.asked.insert(key, request)
            && replaced.answer.is_none()
        {
            self.lost += 1;
        }
        self.order.push_back((key, place.number));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
        Relation::Request
    }

    fn forget_oldest(&mut self) {
        if let Some((key, number)) = self.order.pop_front()
            && self
                .asked
                .get(&key)
                .is_some_and(|asked| asked.number == number)
            && let Some(forgotten) = self.asked.remove(&key)
            && forgotten.answer.is_none()
        {
            self.lost += 1;
        }
    }

    fn answer(&mut self, packet: &Packet<'_>, place: Place) -> Relation {
        let key = self.key_of_request(packet, place);
        let Some(asked) = key.and_then(|key| self.asked.get_mut(&key)) else {
            return Relation::Orphan;
        };
        if let Some((first, octets)) = &asked.answer {
            return Relation::AnswerAgain {
                to: asked.number,
                first: *first,
                same: octets == packet.octets(),
            };
        }
        asked.answer = Some((place.number, packet.octets().to_vec()));
        let after = asked.time.zip(place.time).map(|(asked, answered)| {
            answered
                .as_microsecond()
                .saturating_sub(asked.as_microsecond())
        });
        Relation::Answer {
            to: asked.number,
            after,
        }
    }

    /// The latest request between the same ends under the same identifier that the code can answer.
    fn key_of_request(&self, packet: &Packet<'_>, place: Place) -> Option<Key> {
        let (server, asker) = place.ends.unzip();
        asked_by(packet.code())
            .iter()
            .map(|code| Key {
                asker,
                server,
                identifier: packet.identifier(),
                code: code.0,
            })
            .filter_map(|key| self.asked.get(&key).map(|asked| (asked.number, key)))
            .max_by_key(|(number, _)| *number)
            .map(|(_, key)| key)
    }
}

/// The requests that an answer of a code can belong to.
const fn asked_by(answer: Code) -> &'static [Code] {
    match answer {
        Code::ACCESS_ACCEPT => &[Code::ACCESS_REQUEST, Code::STATUS_SERVER],
        Code::ACCESS_REJECT | Code::ACCESS_CHALLENGE => &[Code::ACCESS_REQUEST],
        Code::ACCOUNTING_RESPONSE => &[Code::ACCOUNTING_REQUEST, Code::STATUS_SERVER],
        Code::DISCONNECT_ACK | Code::DISCONNECT_NAK => &[Code::DISCONNECT_REQUEST],
        Code::COA_ACK | Code::COA_NAK => &[Code::COA_REQUEST],
        Code::PROTOCOL_ERROR => &[
            Code::ACCESS_REQUEST,
            Code::ACCOUNTING_REQUEST,
            Code::COA_REQUEST,
            Code::DISCONNECT_REQUEST,
            Code::STATUS_SERVER,
        ],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: Code, identifier: u8, authenticator: u8) -> Vec<u8> {
        let mut octets = vec![code.0, identifier, 0, 20];
        octets.extend([authenticator; 16]);
        octets
    }

    struct Test {
        pairing: Pairing,
        number: u64,
    }

    impl Test {
        fn see(&mut self, octets: &[u8], ends: (&str, &str)) -> Relation {
            self.number += 1;
            let microseconds = i64::try_from(self.number).unwrap() * 1000;
            let place = Place {
                number: self.number,
                time: Timestamp::from_microsecond(microseconds).ok(),
                ends: Some((ends.0.parse().unwrap(), ends.1.parse().unwrap())),
            };
            self.pairing.see(&Packet::parse(octets).unwrap(), place)
        }
    }

    const THERE: (&str, &str) = ("192.0.2.7:5000", "192.0.2.1:1812");
    const BACK: (&str, &str) = ("192.0.2.1:1812", "192.0.2.7:5000");
    const ELSEWHERE: (&str, &str) = ("192.0.2.1:1812", "192.0.2.8:5000");

    fn test() -> Test {
        Test {
            pairing: Pairing::default(),
            number: 0,
        }
    }

    #[test]
    fn answers_find_their_request_and_repetitions_are_told() {
        let mut test = test();
        let request = packet(Code::ACCESS_REQUEST, 7, 1);
        let answer = packet(Code::ACCESS_ACCEPT, 7, 2);
        let other = packet(Code::ACCESS_REJECT, 7, 3);
        assert_eq!(test.see(&request, THERE), Relation::Request);
        assert_eq!(
            test.see(&request, THERE),
            Relation::Retransmission { of: 1 }
        );
        assert_eq!(test.see(&answer, ELSEWHERE), Relation::Orphan);
        let after = Some(3000);
        assert_eq!(test.see(&answer, BACK), Relation::Answer { to: 1, after });
        for (octets, same) in [(&answer, true), (&other, false)] {
            let again = Relation::AnswerAgain {
                to: 1,
                first: 4,
                same,
            };
            assert_eq!(test.see(octets, BACK), again);
        }
        assert_eq!(test.pairing.unanswered(), 0);
    }

    #[test]
    fn an_identifier_used_again_is_a_new_request() {
        let mut test = test();
        for authenticator in [1, 2] {
            let request = packet(Code::ACCESS_REQUEST, 7, authenticator);
            assert_eq!(test.see(&request, THERE), Relation::Request);
        }
        let status = packet(Code::STATUS_SERVER, 7, 9);
        assert_eq!(test.see(&status, THERE), Relation::Request);
        let answer = packet(Code::ACCESS_ACCEPT, 7, 3);
        let after = Some(1000);
        assert_eq!(test.see(&answer, BACK), Relation::Answer { to: 3, after });
        assert_eq!(test.pairing.unanswered(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut test = test();
        for port in 0..=u16::MAX {
            for code in [Code::ACCESS_REQUEST, Code::ACCOUNTING_REQUEST] {
                let from = format!("192.0.2.7:{port}");
                let ends = (from.as_str(), "192.0.2.1:1812");
                assert_eq!(test.see(&packet(code, 7, 1), ends), Relation::Request);
            }
        }
        assert_eq!(test.pairing.asked.len(), MOST);
        assert_eq!(test.pairing.unanswered(), 2 * 65_536);
    }
}
