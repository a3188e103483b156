//! The header of EAP-pwd, and messages in fragments (RFC 5931 sections 3.1 and 4).

use zeroize::Zeroizing;

/// The L bit: a total length follows.
const LENGTH: u8 = 0x80;
/// The M bit: more fragments follow.
const MORE: u8 = 0x40;
const EXCHANGE: u8 = 0x3f;
/// Octets of the header of the first fragment; the others have one.
const FIRST_HEADER_OCTETS: usize = 3;
/// The most octets of a message in fragments. The longest that has a meaning is an identity.
const MAX_MESSAGE_OCTETS: usize = 1024;

/// One side's sending and hearing of messages.
#[derive(Default)]
pub(super) struct Link {
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
}

struct Outgoing {
    exchange: u8,
    message: Zeroizing<Vec<u8>>,
    sent: usize,
}

struct Incoming {
    exchange: u8,
    total: usize,
    message: Vec<u8>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A whole message of this exchange.
    Message(u8, Vec<u8>),
    /// A part, or that a part has come; this is to be sent next.
    Next(Vec<u8>),
}

impl Link {
    /// Whether a message is under way in fragments, in either direction.
    pub(super) const fn is_busy(&self) -> bool {
        self.outgoing.is_some() || self.incoming.is_some()
    }

    /// Begins to send a message; gives the type data for it, at most `room` octets, which must be
    /// more than three.
    pub(super) fn send(&mut self, exchange: u8, message: &[u8], room: usize) -> Vec<u8> {
        if message.len() < room {
            return [&[exchange], message].concat();
        }
        let total = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let part = room.saturating_sub(FIRST_HEADER_OCTETS).max(1);
        let (part, _) = message.split_at_checked(part).unwrap_or((message, &[]));
        let data = [&[exchange | LENGTH | MORE], &total.to_be_bytes()[..], part].concat();
        self.outgoing = Some(Outgoing {
            exchange,
            message: Zeroizing::new(message.to_vec()),
            sent: part.len(),
        });
        data
    }

    /// Takes the type data of a packet.
    pub(super) fn hear(&mut self, data: &[u8], room: usize) -> Result<Heard, &'static str> {
        if let Some(outgoing) = self.outgoing.take() {
            return self.go_on(outgoing, data, room).map(Heard::Next);
        }
        let (&header, rest) = data.split_first().ok_or("it is empty")?;
        let exchange = header & EXCHANGE;
        let has_more = header & MORE != 0;
        let (total, rest) = if header & LENGTH == 0 {
            (None, rest)
        } else {
            let (total, rest) = rest
                .split_first_chunk()
                .ok_or("its total length is cut off")?;
            (Some(usize::from(u16::from_be_bytes(*total))), rest)
        };
        let incoming = match (self.incoming.take(), total) {
            (None, None) if !has_more => return Ok(Heard::Message(exchange, rest.to_vec())),
            (None, None) => return Err("its first fragment does not say the total length"),
            (None, Some(total)) if total > MAX_MESSAGE_OCTETS => return Err("it is too long"),
            (None, Some(total)) => Incoming {
                exchange,
                total,
                message: Vec::new(),
            },
            (Some(_), Some(_)) => return Err("a later fragment says a total length"),
            (Some(incoming), None) if incoming.exchange == exchange => incoming,
            (Some(_), None) => return Err("its fragments are of different messages"),
        };
        self.collect(incoming, rest, has_more)
    }

    /// The next fragment, after one was acknowledged.
    fn go_on(
        &mut self,
        mut outgoing: Outgoing,
        data: &[u8],
        room: usize,
    ) -> Result<Vec<u8>, &'static str> {
        // An acknowledgement has no data; whether that leaves the header is read both ways.
        if !data.is_empty() && data != [outgoing.exchange] {
            return Err("it does not acknowledge a fragment");
        }
        let rest = outgoing.message.get(outgoing.sent..).unwrap_or_default();
        if rest.len() < room {
            return Ok([&[outgoing.exchange], rest].concat());
        }
        let part = room.saturating_sub(1).max(1);
        let (part, _) = rest.split_at_checked(part).unwrap_or((rest, &[]));
        let data = [&[outgoing.exchange | MORE], part].concat();
        outgoing.sent += part.len();
        self.outgoing = Some(outgoing);
        Ok(data)
    }

    fn collect(
        &mut self,
        mut incoming: Incoming,
        part: &[u8],
        has_more: bool,
    ) -> Result<Heard, &'static str> {
        incoming.message.extend_from_slice(part);
        let length = incoming.message.len();
        if !has_more {
            // hostapd's server counts the header of the first fragment.
            let totals = [length, length + FIRST_HEADER_OCTETS];
            return if totals.contains(&incoming.total) {
                Ok(Heard::Message(incoming.exchange, incoming.message))
            } else {
                Err("its fragments do not make up the total length")
            };
        }
        if part.is_empty() || length >= incoming.total {
            return Err("its fragments do not make up the total length");
        }
        let acknowledgement = vec![incoming.exchange];
        self.incoming = Some(incoming);
        Ok(Heard::Next(acknowledgement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Carries a message from one link to another in packets of `room` octets.
    fn carried(message: &[u8], room: usize) -> (Vec<u8>, usize) {
        let (mut from, mut to) = (Link::default(), Link::default());
        let mut packet = from.send(2, message, room);
        for packets in 1.. {
            assert!(packet.len() <= room);
            match to.hear(&packet, room).unwrap() {
                Heard::Message(exchange, whole) => {
                    assert_eq!(exchange, 2);
                    assert!(!from.is_busy() && !to.is_busy());
                    return (whole, packets);
                }
                Heard::Next(acknowledgement) => {
                    assert_eq!(acknowledgement, [2]);
                    match from.hear(&acknowledgement, room).unwrap() {
                        Heard::Next(next) => packet = next,
                        Heard::Message(..) => panic!("it was only acknowledged"),
                    }
                }
            }
        }
        unreachable!()
    }

    #[test]
    fn a_message_arrives_in_whatever_room() {
        for length in [0, 1, 60, 61, 62, 63, 64, 96, 124, 125, 187, 188, 262, 1024] {
            let message: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            for room in [64, 65, 100, 200, 2000] {
                let (whole, packets) = carried(&message, room);
                assert_eq!(whole, message);
                let is_whole = length < room;
                assert_eq!(packets == 1, is_whole, "{length} in {room}");
            }
        }
    }

    #[test]
    fn fragments_out_of_order_are_refused() {
        let first: &[u8] = &[0xc2, 0, 4, 1, 2];
        let cases: [(&[&[u8]], &str); 12] = [
            (&[&[]], "it is empty"),
            (&[&[0x82, 0]], "its total length is cut off"),
            (
                &[&[0x82, 0, 2, 1]],
                "its fragments do not make up the total length",
            ),
            (&[&[0xc2, 4, 1, 1]], "it is too long"),
            (&[&[0xc2, 0xff, 0xff, 1]], "it is too long"),
            (
                &[&[0x42, 1]],
                "its first fragment does not say the total length",
            ),
            (
                &[&[0xc2, 0, 1, 1]],
                "its fragments do not make up the total length",
            ),
            (
                &[&[0xc2, 0, 4]],
                "its fragments do not make up the total length",
            ),
            (&[first, first], "a later fragment says a total length"),
            (
                &[first, &[3, 3, 4]],
                "its fragments are of different messages",
            ),
            (
                &[first, &[2, 3]],
                "its fragments do not make up the total length",
            ),
            (
                &[first, &[2, 3, 4, 5]],
                "its fragments do not make up the total length",
            ),
        ];
        for (packets, why) in cases {
            let mut link = Link::default();
            let heard: Vec<_> = packets.iter().map(|packet| link.hear(packet, 64)).collect();
            let (last, before) = heard.split_last().unwrap();
            assert!(
                before
                    .iter()
                    .all(|heard| *heard == Ok(Heard::Next(vec![2])))
            );
            assert_eq!(*last, Err(why), "{packets:?}");
        }
    }

    #[test]
    fn a_total_length_may_count_the_first_header() {
        let mut link = Link::default();
        let acknowledged = link.hear(&[0xc2, 0, 7, 1, 2], 64);
        assert_eq!(acknowledged, Ok(Heard::Next(vec![2])));
        let whole = link.hear(&[2, 3, 4], 64);
        assert_eq!(whole, Ok(Heard::Message(2, vec![1, 2, 3, 4])));
    }

    #[test]
    fn only_an_acknowledgement_goes_on() {
        for (answer, is_one) in [
            (&[][..], true),
            (&[2], true),
            (&[3], false),
            (&[0x42], false),
            (&[2, 0], false),
        ] {
            let mut link = Link::default();
            let _first = link.send(2, &[7; 100], 64);
            assert_eq!(link.hear(answer, 64).is_ok(), is_one, "{answer:?}");
        }
    }
}
