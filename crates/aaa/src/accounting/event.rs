use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::Ipv6Net;
use portreeve_proto::{
    Attr, Malformed, Packet,
    attr::{self, Octets, Text},
};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::grant::ClassId;

/// What an Accounting-Request says (RFC 2866, RFC 2869), with names as text for people.
///
/// Text is what the NAS sent with invalid UTF-8 replaced; the octets themselves are in the
/// [`Record`]. An attribute whose value does not fit its type counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Acct-Status-Type.
    pub status: Status,
    /// When it happened, in milliseconds since 1970: Event-Timestamp where that is plausible, else
    /// the time of arrival less Acct-Delay-Time; never both.
    pub time_ms: u64,
    /// When it arrived, in milliseconds since 1970.
    pub received_ms: u64,
    /// The configured name of the NAS.
    pub nas: String,
    /// NAS-Identifier.
    pub nas_identifier: Option<String>,
    /// NAS-IP-Address, else NAS-IPv6-Address; what the NAS says of itself, not where the packet
    /// came from.
    pub nas_address: Option<IpAddr>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<String>,
    /// Acct-Session-Id; the RFC asks for it, some NASes leave it out of Accounting-On.
    pub session_id: Option<String>,
    /// Acct-Multi-Session-Id.
    pub multi_session_id: Option<String>,
    /// User-Name.
    pub user: Option<String>,
    /// Our own Class, else the first one, as octets.
    pub class: Option<Vec<u8>>,
    /// Framed-IP-Address.
    pub framed_ip: Option<Ipv4Addr>,
    /// Framed-IPv6-Address, else Framed-IPv6-Prefix.
    pub framed_ipv6: Option<Ipv6Net>,
    /// Delegated-IPv6-Prefix.
    pub delegated_ipv6: Option<Ipv6Net>,
    /// Calling-Station-Id as sent.
    pub calling_station: Option<String>,
    /// Called-Station-Id as sent.
    pub called_station: Option<String>,
    /// What the session has used so far.
    pub counters: Counters,
    /// Acct-Terminate-Cause.
    pub terminate_cause: Option<TerminateCause>,
}

/// What a session has used, as the NAS counted; "in" is what the NAS received from the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Acct-Session-Time, in seconds.
    pub session_time_s: Option<u32>,
    /// Acct-Input-Octets: the lower 32 bits.
    pub input_octets: Option<u32>,
    /// Acct-Output-Octets: the lower 32 bits.
    pub output_octets: Option<u32>,
    /// Acct-Input-Gigawords: the upper 32 bits.
    pub input_gigawords: Option<u32>,
    /// Acct-Output-Gigawords: the upper 32 bits.
    pub output_gigawords: Option<u32>,
    /// Acct-Input-Packets.
    pub input_packets: Option<u32>,
    /// Acct-Output-Packets.
    pub output_packets: Option<u32>,
}

impl Counters {
    /// Octets received from the subscriber, 64 bits wide, where the NAS counted any.
    pub fn input(&self) -> Option<u64> {
        wide(self.input_gigawords, self.input_octets)
    }

    /// Octets sent to the subscriber, 64 bits wide, where the NAS counted any.
    pub fn output(&self) -> Option<u64> {
        wide(self.output_gigawords, self.output_octets)
    }
}

fn wide(gigawords: Option<u32>, octets: Option<u32>) -> Option<u64> {
    match (gigawords, octets) {
        (None, None) => None,
        (high, low) => Some(u64::from(high.unwrap_or(0)) << 32 | u64::from(low.unwrap_or(0))),
    }
}

/// Acct-Status-Type (RFC 2866 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// 7: the NAS has started to account.
    AccountingOn,
    /// 8: the NAS is about to stop.
    AccountingOff,
    /// 1: a session has started.
    Start,
    /// 3: a session goes on.
    InterimUpdate,
    /// 2: a session has ended.
    Stop,
    /// Any other number (tunnels, vendors), or 0 where the attribute is absent: kept, without
    /// effect.
    Other(u32),
}

impl Status {
    const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Start,
            2 => Self::Stop,
            3 => Self::InterimUpdate,
            7 => Self::AccountingOn,
            8 => Self::AccountingOff,
            number => Self::Other(number),
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop => 2,
            Self::InterimUpdate => 3,
            Self::AccountingOn => 7,
            Self::AccountingOff => 8,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "Start",
            Self::Stop => "Stop",
            Self::InterimUpdate => "Interim-Update",
            Self::AccountingOn => "Accounting-On",
            Self::AccountingOff => "Accounting-Off",
            Self::Other(number) => return write!(f, "Status-{number}"),
        })
    }
}

/// Acct-Terminate-Cause (RFC 2866 section 5.10), by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TerminateCause(pub u32);

impl TerminateCause {
    /// Service was interrupted without a word from the NAS.
    pub const LOST_CARRIER: Self = Self(2);
    /// The NAS ended service because it restarted.
    pub const NAS_REBOOT: Self = Self(11);

    /// The RFC's name, or `None` for a number it does not define.
    pub const fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 18] = [
            "User-Request",
            "Lost-Carrier",
            "Lost-Service",
            "Idle-Timeout",
            "Session-Timeout",
            "Admin-Reset",
            "Admin-Reboot",
            "Port-Error",
            "NAS-Error",
            "NAS-Request",
            "NAS-Reboot",
            "Port-Unneeded",
            "Port-Preempted",
            "Port-Suspended",
            "Service-Unavailable",
            "Callback",
            "User-Error",
            "Host-Request",
        ];
        match self.0 {
            number @ 1..=18 => Some(NAMES[number as usize - 1]),
            _ => None,
        }
    }
}

impl fmt::Display for TerminateCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Cause-{}", self.0),
        }
    }
}

impl Event {
    /// How far an Event-Timestamp may lie after the arrival, in milliseconds: clocks differ.
    pub const AHEAD_MS: u64 = 10 * 60 * 1000;
    /// How far an Event-Timestamp may lie before the arrival, in milliseconds: a NAS may keep what
    /// it could not deliver, but a clock that starts in 1970 is not believed.
    pub const BEHIND_MS: u64 = 30 * 24 * 60 * 60 * 1000;

    /// Reads what a record says.
    ///
    /// # Errors
    /// The record's packet is not one; it was one when it was received.
    pub fn read(record: &Record) -> Result<Self, Malformed> {
        let packet = Packet::parse_within(&record.packet, Packet::MAX_STREAM)?;
        let text = |attribute: Attr<Text>| {
            let octets = packet.get(Attr::<Octets>::new(*attribute.spec()))?;
            Some(String::from_utf8_lossy(octets).into_owned())
        };
        let class = packet.all(attr::CLASS);
        let ours = class.iter().find(|class| ClassId::parse(class).is_some());
        Ok(Self {
            status: Status::from_number(packet.get(attr::ACCT_STATUS_TYPE).unwrap_or(0)),
            time_ms: time(
                record.received_ms,
                packet.get(attr::EVENT_TIMESTAMP),
                packet.get(attr::ACCT_DELAY_TIME),
            ),
            received_ms: record.received_ms,
            nas: record.nas.clone(),
            nas_identifier: text(attr::NAS_IDENTIFIER),
            nas_address: (packet.get(attr::NAS_IP_ADDRESS).map(IpAddr::V4))
                .or_else(|| packet.get(attr::NAS_IPV6_ADDRESS).map(IpAddr::V6)),
            nas_port: packet.get(attr::NAS_PORT),
            nas_port_id: text(attr::NAS_PORT_ID),
            session_id: text(attr::ACCT_SESSION_ID),
            multi_session_id: text(attr::ACCT_MULTI_SESSION_ID),
            user: text(attr::USER_NAME),
            class: ours.or(class.first()).map(|class| class.to_vec()),
            framed_ip: packet.get(attr::FRAMED_IP_ADDRESS),
            framed_ipv6: (packet.get(attr::FRAMED_IPV6_ADDRESS).map(Ipv6Net::from))
                .or_else(|| packet.get(attr::FRAMED_IPV6_PREFIX)),
            delegated_ipv6: packet.get(attr::DELEGATED_IPV6_PREFIX),
            calling_station: text(attr::CALLING_STATION_ID),
            called_station: text(attr::CALLED_STATION_ID),
            counters: Counters {
                session_time_s: packet.get(attr::ACCT_SESSION_TIME),
                input_octets: packet.get(attr::ACCT_INPUT_OCTETS),
                output_octets: packet.get(attr::ACCT_OUTPUT_OCTETS),
                input_gigawords: packet.get(attr::ACCT_INPUT_GIGAWORDS),
                output_gigawords: packet.get(attr::ACCT_OUTPUT_GIGAWORDS),
                input_packets: packet.get(attr::ACCT_INPUT_PACKETS),
                output_packets: packet.get(attr::ACCT_OUTPUT_PACKETS),
            },
            terminate_cause: packet.get(attr::ACCT_TERMINATE_CAUSE).map(TerminateCause),
        })
    }

    /// Hands `feed`, piece by piece, the octets that make this record the one it is; their digest
    /// is equal for a retransmission and its original, even under a new Identifier.
    ///
    /// These are the NAS's configured name, then every attribute in order but those that change
    /// from one transmission to the next: Acct-Delay-Time, Message-Authenticator, Proxy-State. An
    /// Accounting-On or -Off without Event-Timestamp says the same each time a NAS restarts, so
    /// there the hour takes part too.
    ///
    /// # Errors
    /// The record's packet is not one.
    pub fn identify(record: &Record, feed: &mut dyn FnMut(&[u8])) -> Result<(), Malformed> {
        let packet = Packet::parse_within(&record.packet, Packet::MAX_STREAM)?;
        feed(record.nas.as_bytes());
        // No attribute has type 0, so the name cannot run into what follows.
        feed(&[0]);
        for attribute in packet.attributes() {
            if !TRANSIENT.contains(&attribute.number) {
                let end = attribute.offset + 2 + attribute.value.len();
                feed(&packet.octets()[attribute.offset..end]);
            }
        }
        let status = packet.get(attr::ACCT_STATUS_TYPE).map(Status::from_number);
        let boundary = matches!(status, Some(Status::AccountingOn | Status::AccountingOff));
        if boundary && !packet.has(attr::EVENT_TIMESTAMP) {
            let delay = packet.get(attr::ACCT_DELAY_TIME);
            let hour = time(record.received_ms, None, delay) / (60 * 60 * 1000);
            feed(&[0]);
            feed(&hour.to_be_bytes());
        }
        Ok(())
    }
}

/// What changes from one transmission of a record to the next.
const TRANSIENT: [u8; 3] = [
    attr::ACCT_DELAY_TIME.spec().oid.top(),
    attr::MESSAGE_AUTHENTICATOR.spec().oid.top(),
    attr::PROXY_STATE.spec().oid.top(),
];

fn time(received_ms: u64, stamp: Option<u32>, delay: Option<u32>) -> u64 {
    let earliest = received_ms.saturating_sub(Event::BEHIND_MS);
    let latest = received_ms.saturating_add(Event::AHEAD_MS);
    let ms = |seconds| u64::from(seconds) * 1000;
    match (stamp.map(ms), delay.map(ms)) {
        (Some(told), _) if (earliest..=latest).contains(&told) => told,
        (_, Some(delay)) if delay <= Event::BEHIND_MS => received_ms.saturating_sub(delay),
        _ => received_ms,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn record(attributes: &[(u8, &[u8])]) -> Record {
        let mut packet = vec![4, 1, 0, 0];
        packet.extend_from_slice(&[0; 16]);
        for (number, value) in attributes {
            packet.extend_from_slice(&[*number, u8::try_from(value.len() + 2).unwrap()]);
            packet.extend_from_slice(value);
        }
        let len = u16::try_from(packet.len()).unwrap().to_be_bytes();
        packet[2..4].copy_from_slice(&len);
        let from = "192.0.2.1:1646".parse().unwrap();
        Record {
            received_ms: NOW,
            nas: "ap".into(),
            from,
            packet,
        }
    }

    fn identity(record: &Record) -> Vec<u8> {
        let mut octets = Vec::new();
        Event::identify(record, &mut |piece| octets.extend_from_slice(piece)).unwrap();
        octets
    }

    fn seconds(ms: u64) -> [u8; 4] {
        u32::try_from(ms / 1000).unwrap().to_be_bytes()
    }

    #[test]
    fn a_stop_is_read_in_full() {
        let event = Event::read(&record(&[
            (40, &[0, 0, 0, 2]),
            (44, b"81a00002"),
            (1, b"tim"),
            (8, &[198, 51, 100, 7]),
            (4, &[192, 0, 2, 1]),
            (52, &[0, 0, 0, 1]),
            (42, &[0, 0, 0, 5]),
            (43, &[0, 0, 1, 0]),
            (46, &[0, 0, 14, 16]),
            (49, &[0, 0, 0, 1]),
            (97, &[0, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1]),
        ]))
        .unwrap();
        assert_eq!(event.status, Status::Stop);
        assert_eq!(event.user.as_deref(), Some("tim"));
        assert_eq!(event.counters.input(), Some((1 << 32) + 5));
        assert_eq!(event.counters.output(), Some(256));
        assert_eq!(event.counters.session_time_s, Some(3600));
        assert_eq!(event.framed_ipv6.unwrap().to_string(), "2001:db8:0:1::/64");
        assert_eq!(event.terminate_cause.unwrap().to_string(), "User-Request");
        assert_eq!(event.nas_address, Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_value_of_the_wrong_size_counts_as_absent() {
        let event = Event::read(&record(&[(40, &[0, 1]), (8, &[1, 2, 3]), (42, &[])])).unwrap();
        assert_eq!(event.status, Status::Other(0));
        assert_eq!(event.framed_ip, None);
        assert_eq!(event.counters, Counters::default());
    }

    #[test]
    fn the_time_is_the_stamp_or_the_arrival_less_the_delay_never_both() {
        let minute_ago = NOW - 60_000;
        for (attributes, expected) in [
            (vec![], NOW),
            (vec![(41, [0, 0, 0, 30])], NOW - 30_000),
            (vec![(55, seconds(minute_ago))], minute_ago),
            (
                vec![(55, seconds(minute_ago)), (41, [0, 0, 0, 30])],
                minute_ago,
            ),
            (vec![(55, [0, 0, 0, 9]), (41, [0, 0, 0, 30])], NOW - 30_000),
            (vec![(55, [255; 4])], NOW),
            (vec![(41, [255; 4])], NOW),
        ] {
            let attributes: Vec<_> = attributes.iter().map(|(n, v)| (*n, v.as_slice())).collect();
            let event = Event::read(&record(&attributes)).unwrap();
            assert_eq!(event.time_ms, expected, "{attributes:?}");
        }
    }

    #[test]
    fn a_retransmission_has_the_identity_of_its_original() {
        let first = record(&[(40, &[0, 0, 0, 3]), (44, b"s1"), (41, &[0, 0, 0, 0])]);
        let mut second = record(&[
            (80, &[7; 16]),
            (40, &[0, 0, 0, 3]),
            (44, b"s1"),
            (41, &[0, 0, 0, 5]),
            (33, b"proxy"),
        ]);
        second.packet[1] = 99;
        second.received_ms += 5000;
        assert_eq!(identity(&first), identity(&second));
        let other = record(&[(40, &[0, 0, 0, 3]), (44, b"s2")]);
        assert_ne!(identity(&first), identity(&other));
        second.nas = "ap2".into();
        assert_ne!(identity(&first), identity(&second));
    }

    #[test]
    fn two_restarts_are_not_one() {
        let first = record(&[(40, &[0, 0, 0, 7])]);
        let mut later = first.clone();
        later.received_ms += 24 * 60 * 60 * 1000;
        assert_ne!(identity(&first), identity(&later));
    }

    proptest! {
        #[test]
        fn any_packet_is_read_or_refused(packet: Vec<u8>, received_ms: u64) {
            let mut record = record(&[]);
            record.packet = packet;
            record.received_ms = received_ms;
            prop_assert_eq!(
                Event::read(&record).is_ok(),
                Event::identify(&record, &mut |_| ()).is_ok()
            );
        }
    }
}
