//! RouterOS.

use portreeve_proto::{
    AttributeList, Dictionary, Discard, Oid,
    attr::{self, ascend, mikrotik},
};

use super::{CannotChange, Change, Doubt, Rate, generic};
use crate::{session::Session, shown::Shown, station::Mac};

const VENDOR: &str = "RouterOS";

/// RouterOS finds a PPP session by its user and id, a hotspot session by user and address, and one
/// of a wireless interface by the hardware address in place of the user.
pub(super) fn naming(session: &Session) -> Vec<AttributeList> {
    let mut ways = Vec::new();
    if let Some(user) = &session.user {
        let by_user = AttributeList::new().with(attr::USER_NAME, user);
        let address = |list: AttributeList| match session.framed_ip {
            Some(ip) => list.with(attr::FRAMED_IP_ADDRESS, ip),
            None => list,
        };
        if !session.session_id.is_empty() {
            let by_id = by_user
                .clone()
                .with(attr::ACCT_SESSION_ID, &session.session_id);
            ways.push(address(by_id));
        }
        if session.framed_ip.is_some() {
            ways.push(address(by_user));
        }
    }
    let station = session.calling_station.as_deref();
    if let Some(mac) = station.and_then(Mac::calling) {
        let spelt = mac.to_string().replace('-', ":").to_uppercase();
        ways.push(AttributeList::new().with(attr::USER_NAME, &spelt));
    }
    ways
}

/// Rates and volumes in RouterOS's own attributes, and nothing that it does not take by CoA.
pub(super) fn change(session: &Session, change: &Change) -> Result<AttributeList, CannotChange> {
    if is_enterprise(session) && !is_timeout_alone(change) {
        return Err(CannotChange::Service(VENDOR));
    }
    let own = change.attributes.iter();
    let fixed = own.map(|entry| entry.spec.oid).find(|oid| !may_change(oid));
    if let Some(oid) = fixed {
        let attribute = Dictionary::builtin().describe(&oid);
        return Err(CannotChange::Fixed {
            vendor: VENDOR,
            attribute: Shown::from(&*attribute.name),
        });
    }
    let mut list = generic::timeouts(change);
    if let Some(rate) = change.rate {
        list.add(mikrotik::RATE_LIMIT, rate_limit(rate));
    }
    // What the router receives is what the subscriber sends, which accounting calls input.
    if let Some(left) = change.upload_left {
        let (low, high) = limit(session.input_octets, left);
        list.add(mikrotik::RECV_LIMIT, low);
        list.add(mikrotik::RECV_LIMIT_GIGAWORDS, high);
    }
    if let Some(left) = change.download_left {
        let (low, high) = limit(session.output_octets, left);
        list.add(mikrotik::XMIT_LIMIT, low);
        list.add(mikrotik::XMIT_LIMIT_GIGAWORDS, high);
    }
    Ok(list)
}

/// Whether it is a session of Wi-Fi or 802.1X: only those spell the station with dashes.
fn is_enterprise(session: &Session) -> bool {
    let station = session.calling_station.as_deref().unwrap_or_default();
    station.contains('-') && Mac::parse(station).is_some()
}

/// Of what may be changed, RouterOS gives Wi-Fi and 802.1X nothing else in an Access-Accept.
fn is_timeout_alone(change: &Change) -> bool {
    let others = Change {
        session_timeout_s: None,
        ..change.clone()
    };
    others.is_empty()
}

/// What RouterOS takes in a CoA-Request, by its manual.
fn may_change(oid: &Oid) -> bool {
    [
        mikrotik::GROUP.spec().oid,
        mikrotik::RECV_LIMIT.spec().oid,
        mikrotik::RECV_LIMIT_GIGAWORDS.spec().oid,
        mikrotik::XMIT_LIMIT.spec().oid,
        mikrotik::XMIT_LIMIT_GIGAWORDS.spec().oid,
        mikrotik::RATE_LIMIT.spec().oid,
        mikrotik::MARK_ID.spec().oid,
        mikrotik::ADVERTISE_URL.spec().oid,
        mikrotik::ADVERTISE_INTERVAL.spec().oid,
        ascend::DATA_RATE.spec().oid,
        ascend::XMIT_RATE.spec().oid,
        attr::FILTER_ID.spec().oid,
        attr::SESSION_TIMEOUT.spec().oid,
        attr::IDLE_TIMEOUT.spec().oid,
        attr::PORT_LIMIT.spec().oid,
    ]
    .contains(oid)
}

/// `rx/tx` as the router sees it: what it receives is what the subscriber sends.
fn rate_limit(rate: Rate) -> String {
    let spelt = |speed: u64| match speed {
        0 => "0".to_owned(),
        speed if speed % 1_000_000 == 0 => format!("{}M", speed / 1_000_000),
        speed if speed % 1_000 == 0 => format!("{}k", speed / 1_000),
        speed => speed.to_string(),
    };
    format!("{}/{}", spelt(rate.up), spelt(rate.down))
}

/// The limit of a whole session in which so much was used and so much is left, in two halves.
/// RouterOS takes nought for no limit, so that one octet is the least.
fn limit(used: u64, left: u64) -> (u32, u32) {
    let total = used.saturating_add(left).max(1);
    let half = |octets: u64| u32::try_from(octets & 0xffff_ffff).unwrap_or(u32::MAX);
    (half(total), half(total >> 32))
}

pub(super) const fn cure(discard: Discard) -> Option<&'static str> {
    Some(match discard {
        Discard::MessageAuthenticatorMissing => {
            "on RouterOS 7.15 and later: /radius set [find] \
             require-message-auth=yes-for-request-resp"
        }
        Discard::MessageAuthenticatorWrong | Discard::RequestAuthenticatorWrong => {
            "set the same secret on the router: /radius set [find] secret=..."
        }
        Discard::CodeNotAllowed => {
            "on the router: /radius set [find] authentication-port=1812 accounting-port=1813"
        }
        Discard::DuplicateInProgress => "on the router: /radius set [find] timeout=3s",
        other => return generic::cure(other),
    })
}

pub(super) fn doubts(reply: &AttributeList) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let Some(limit) = reply.find(&mikrotik::RATE_LIMIT.spec().oid) else {
        return doubts;
    };
    match str::from_utf8(limit.value).ok().and_then(rates) {
        None => doubts.push(Doubt::RateLimitMalformed),
        Some(rates) if rates.iter().any(|rate| (1..1000).contains(rate)) => {
            doubts.push(Doubt::RateLimitTiny);
        }
        Some(_) => {}
    }
    let others = [
        attr::wispr::BANDWIDTH_MAX_UP.spec().oid,
        attr::wispr::BANDWIDTH_MAX_DOWN.spec().oid,
        ascend::DATA_RATE.spec().oid,
        ascend::XMIT_RATE.spec().oid,
    ];
    if others.iter().any(|oid| reply.contains(oid)) {
        doubts.push(Doubt::RatesIgnored);
    }
    doubts
}

/// The rates in a rate limit, in bits a second, 0 for unlimited:
/// `rx[/tx] [burst [threshold [time [priority [minimum]]]]]`.
fn rates(limit: &str) -> Option<Vec<u64>> {
    let fields: Vec<_> = limit.split(' ').collect();
    if fields.len() > 6 {
        return None;
    }
    let mut rates = Vec::new();
    for (index, field) in fields.into_iter().enumerate() {
        match index {
            3 => drop(pair(field, |seconds| seconds.parse().ok())?),
            4 => drop(
                field
                    .parse()
                    .ok()
                    .filter(|priority| (1..=8_u8).contains(priority))?,
            ),
            _ => rates.extend(pair(field, rate)?),
        }
    }
    Some(rates)
}

fn pair(field: &str, read: impl Fn(&str) -> Option<u64>) -> Option<Vec<u64>> {
    let mut sides = field.split('/');
    let both: Option<Vec<_>> = sides.by_ref().take(2).map(read).collect();
    both.filter(|_| sides.next().is_none())
}

fn rate(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1000),
        b'M' => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts_of(limit: &str) -> Vec<Doubt> {
        doubts(&AttributeList::new().with(mikrotik::RATE_LIMIT, limit))
    }

    #[test]
    fn rate_limits_are_read_as_the_router_reads_them() {
        for limit in [
            "128k",
            "64k/128M",
            "64k 256k",
            "64k/64k 256k/256k 128k/128k 10/10",
            "10M/10M 0/0 0/0 1/1 8 1M/1M",
            "0/5M",
        ] {
            assert_eq!(doubts_of(limit), [], "{limit}");
        }
        for limit in [
            "",
            "fast",
            "10m",
            "10M/10M/10M",
            "1M 2M 3M 4 9",
            "1M  2M",
            "10M/",
        ] {
            assert_eq!(doubts_of(limit), [Doubt::RateLimitMalformed], "{limit}");
        }
        assert_eq!(doubts_of("10/10"), [Doubt::RateLimitTiny]);
    }

    #[test]
    fn rates_that_the_router_ignores_are_told() {
        let reply = AttributeList::new()
            .with(mikrotik::RATE_LIMIT, "1M")
            .with(attr::wispr::BANDWIDTH_MAX_UP, 1_000_000);
        assert_eq!(doubts(&reply), [Doubt::RatesIgnored]);
        assert_eq!(doubts(&AttributeList::new()), []);
    }

    #[test]
    fn every_cure_of_the_generic_dialect_is_there_too() {
        for discard in Discard::ALL {
            if generic::cure(discard).is_some() {
                assert!(cure(discard).is_some(), "{discard}");
            }
        }
    }
}
