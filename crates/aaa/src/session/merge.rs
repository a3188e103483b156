use serde::{Deserialize, Serialize};

use super::{Ended, EndedBy, Session, SessionKey};
use crate::accounting::{Event, Status, TerminateCause};

/// What merging needs beyond the session itself, so that the order of reports does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Merge {
    /// Whether a Start has told when the session began.
    started: bool,
    /// Whether the NAS counts the upper 32 bits itself.
    gigawords: bool,
    /// For each field that a later report may change, the time of the report it is from.
    seen: [u64; DESCRIBED],
    /// Wraps before the first of `points`, in and out.
    wraps: [u32; 2],
    /// The newest 32-bit counts, by session time; empty where the NAS counts the upper bits.
    points: Vec<Point>,
}

const DESCRIBED: usize = 10;

/// Enough for reports to overtake each other; what is older has been folded into the wraps.
const POINTS: usize = 8;

/// What the 32-bit counters stood at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    session_time_s: u32,
    octets: [u32; 2],
}

impl Session {
    /// How far two accounts of a session's begin may differ, in milliseconds, before they are taken
    /// for two sessions of one id.
    pub const REUSE_MS: u64 = 5 * 60 * 1000;

    /// The session that an event tells of for the first time.
    pub(super) fn begin(key: SessionKey, event: &Event) -> Self {
        let mut session = Self {
            key,
            nas: event.nas.clone(),
            nas_identifier: None,
            nas_address: None,
            session_id: event.session_id.clone().unwrap_or_default(),
            user: None,
            class: None,
            port: None,
            calling_station: None,
            called_station: None,
            framed_ip: None,
            framed_ipv6: None,
            delegated_ipv6: None,
            started_ms: implied_start(event).unwrap_or(event.time_ms),
            updated_ms: event.time_ms,
            ended: None,
            session_time_s: 0,
            input_octets: 0,
            output_octets: 0,
            input_packets: 0,
            output_packets: 0,
            merge: Merge::default(),
        };
        session.merge(event);
        session
    }

    /// Whether an event with this session's id is of a session that came after it.
    pub(super) fn is_before(&self, event: &Event) -> bool {
        // A clock that was set in between moves times, but does not turn back a counter.
        let turned_back = event.status == Status::Start
            || event.counters.session_time_s.unwrap_or(0) < self.session_time_s;
        // Neither a report nor the end of a session can be older than its begin.
        let last = self.ended.map_or(self.updated_ms, |ended| ended.at_ms);
        let start = implied_start(event).unwrap_or(0);
        turned_back && start > last.saturating_add(Self::REUSE_MS)
    }

    /// Whether an event with this session's id is of a session that came before it.
    pub(super) fn is_after(&self, event: &Event) -> bool {
        self.key.incarnation > 0 && event.time_ms.saturating_add(Self::REUSE_MS) < self.started_ms
    }

    /// Takes in a Start, Interim-Update or Stop; doing it twice, or in another order, gives the
    /// same.
    pub(super) fn merge(&mut self, event: &Event) {
        self.merge_times(event);
        self.merge_description(event);
        self.merge_counters(event);
    }

    fn merge_times(&mut self, event: &Event) {
        match event.status {
            Status::Start if self.merge.started => {
                self.started_ms = self.started_ms.min(event.time_ms);
            }
            Status::Start => {
                self.started_ms = event.time_ms;
                self.merge.started = true;
            }
            _ if self.merge.started => {}
            _ => {
                let start = implied_start(event).unwrap_or(event.time_ms);
                self.started_ms = self.started_ms.min(start);
            }
        }
        self.updated_ms = self.updated_ms.max(event.time_ms);
        if event.status == Status::Stop {
            let told = Ended {
                at_ms: event.time_ms,
                cause: event.terminate_cause,
                by: EndedBy::Stop,
            };
            self.ended = Some(match self.ended {
                Some(ended) if ended.by == EndedBy::Stop => ended.min(told),
                _ => told,
            });
        } else if let Some(ended) = self.ended
            && ended.by.is_presumed()
            && event.time_ms > ended.at_ms
        {
            self.ended = None;
        }
    }

    fn merge_description(&mut self, event: &Event) {
        let at_ms = event.time_ms;
        let [
            user,
            class,
            port,
            calling,
            called,
            ip,
            ipv6,
            delegated,
            identifier,
            address,
        ] = &mut self.merge.seen;
        newest(&mut self.user, user, event.user.as_ref(), at_ms);
        newest(&mut self.class, class, event.class.as_ref(), at_ms);
        let number = event.nas_port.map(|port| port.to_string());
        let told = event.nas_port_id.as_ref().or(number.as_ref());
        newest(&mut self.port, port, told, at_ms);
        newest(
            &mut self.calling_station,
            calling,
            event.calling_station.as_ref(),
            at_ms,
        );
        newest(
            &mut self.called_station,
            called,
            event.called_station.as_ref(),
            at_ms,
        );
        newest(&mut self.framed_ip, ip, event.framed_ip.as_ref(), at_ms);
        newest(
            &mut self.framed_ipv6,
            ipv6,
            event.framed_ipv6.as_ref(),
            at_ms,
        );
        newest(
            &mut self.delegated_ipv6,
            delegated,
            event.delegated_ipv6.as_ref(),
            at_ms,
        );
        newest(
            &mut self.nas_identifier,
            identifier,
            event.nas_identifier.as_ref(),
            at_ms,
        );
        newest(
            &mut self.nas_address,
            address,
            event.nas_address.as_ref(),
            at_ms,
        );
    }

    fn merge_counters(&mut self, event: &Event) {
        let counters = &event.counters;
        let raise = |known: &mut u64, told: Option<u64>| *known = (*known).max(told.unwrap_or(0));
        raise(&mut self.input_octets, counters.input());
        raise(&mut self.output_octets, counters.output());
        raise(
            &mut self.input_packets,
            counters.input_packets.map(u64::from),
        );
        raise(
            &mut self.output_packets,
            counters.output_packets.map(u64::from),
        );
        self.session_time_s = self
            .session_time_s
            .max(counters.session_time_s.unwrap_or(0));
        if counters.input_gigawords.is_some() || counters.output_gigawords.is_some() {
            self.merge.gigawords = true;
            self.merge.points = Vec::new();
        }
        let (Some(session_time_s), false) = (counters.session_time_s, self.merge.gigawords) else {
            return;
        };
        self.merge.place(Point {
            session_time_s,
            octets: [
                counters.input_octets.unwrap_or(0),
                counters.output_octets.unwrap_or(0),
            ],
        });
        self.input_octets = self.input_octets.max(self.merge.wide(0));
        self.output_octets = self.output_octets.max(self.merge.wide(1));
    }

    /// Closes an open session for want of its Stop.
    pub(super) fn presume_ended(&mut self, at_ms: u64, by: EndedBy, cause: TerminateCause) {
        self.ended = Some(Ended {
            at_ms,
            cause: Some(cause),
            by,
        });
    }
}

impl Merge {
    fn place(&mut self, point: Point) {
        let place = self
            .points
            .binary_search_by_key(&point.session_time_s, |known| known.session_time_s);
        match place {
            Ok(index) => {
                let known = &mut self.points[index].octets;
                *known = std::array::from_fn(|side| known[side].max(point.octets[side]));
            }
            Err(0) if self.points.len() == POINTS => {}
            Err(index) => self.points.insert(index, point),
        }
        if self.points.len() > POINTS {
            let oldest = self.points.remove(0);
            for side in 0..2 {
                let next = self.points[0].octets[side];
                self.wraps[side] += u32::from(wrapped(oldest.octets[side], next));
            }
        }
    }

    /// The newest count of one side, with its wraps.
    fn wide(&self, side: usize) -> u64 {
        let within = self
            .points
            .windows(2)
            .filter(|pair| wrapped(pair[0].octets[side], pair[1].octets[side]))
            .count() as u64;
        let newest = self.points.last().map_or(0, |point| point.octets[side]);
        ((u64::from(self.wraps[side]) + within) << 32) + u64::from(newest)
    }
}

/// Whether a counter went through zero: a step ahead below half its range explains `after` better
/// than a step back.
const fn wrapped(before: u32, after: u32) -> bool {
    after < before && before - after > u32::MAX / 2
}

/// When the session of an event began, as far as this one event tells, in milliseconds since 1970.
fn implied_start(event: &Event) -> Option<u64> {
    match (event.status, event.counters.session_time_s) {
        (Status::Start, _) => Some(event.time_ms),
        (_, Some(seconds @ 1..)) => Some(event.time_ms.saturating_sub(u64::from(seconds) * 1000)),
        (_, None | Some(0)) => None,
    }
}

/// Keeps the value of the newest report; of two at one time, the greater, so that order does not
/// matter.
fn newest<T: Ord + Clone>(known: &mut Option<T>, seen: &mut u64, told: Option<&T>, at_ms: u64) {
    let Some(told) = told else { return };
    if known
        .as_ref()
        .is_none_or(|known| (at_ms, told) > (*seen, known))
    {
        *known = Some(told.clone());
        *seen = at_ms;
    }
}
