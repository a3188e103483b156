//! Against a small agent of our own that speaks what RouterOS speaks.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::net::UdpSocket;

use super::*;

enum Fact {
    Text(&'static str),
    Number(i64),
}

/// BER by hand: not the library that is to be tried.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if content.len() < 128 {
        out.push(u8::try_from(content.len()).unwrap());
    } else {
        out.push(0x82);
        out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    }
    out.extend(content);
    out
}

fn oid(numbers: &[u64]) -> Vec<u8> {
    let mut out = vec![u8::try_from(numbers[0] * 40 + numbers[1]).unwrap()];
    for number in &numbers[2..] {
        let mut septets = vec![u8::try_from(number & 0x7f).unwrap()];
        let mut rest = number >> 7;
        while rest > 0 {
            septets.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        out.extend(septets.iter().rev());
    }
    tlv(6, &out)
}

/// Reads one element: its tag, its content, what follows.
fn element(octets: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, start) = match octets[1] {
        short @ 0..=127 => (usize::from(short), 2),
        0x81 => (usize::from(octets[2]), 3),
        _ => (usize::from(octets[2]) << 8 | usize::from(octets[3]), 4),
    };
    (
        octets[0],
        &octets[start..start + length],
        &octets[start + length..],
    )
}

fn numbers(content: &[u8]) -> Vec<u64> {
    let mut all = vec![u64::from(content[0] / 40), u64::from(content[0] % 40)];
    let mut one = 0u64;
    for octet in &content[1..] {
        one = one << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            all.push(one);
            one = 0;
        }
    }
    all
}

fn varbind(name: &[u64], fact: Option<&Fact>) -> Vec<u8> {
    let value = match fact {
        Some(Fact::Text(text)) => tlv(4, text.as_bytes()),
        Some(Fact::Number(number)) => tlv(2, &number.to_be_bytes()),
        None => tlv(0x82, &[]),
    };
    tlv(0x30, &[oid(name), value].concat())
}

fn reply(request: &[u8], facts: &BTreeMap<Vec<u64>, Fact>) -> Option<Vec<u8>> {
    let (_, message, _) = element(request);
    let (_, version, rest) = element(message);
    let (_, community, rest) = element(rest);
    if community != b"watch" {
        return None;
    }
    let (kind, pdu, _) = element(rest);
    let (_, id, rest) = element(pdu);
    let (_, _, rest) = element(rest);
    let (_, repetitions, rest) = element(rest);
    let (_, mut list, _) = element(rest);
    let mut bindings = Vec::new();
    while !list.is_empty() {
        let (_, pair, after) = element(list);
        let asked = numbers(element(pair).1);
        if kind == 0xa5 {
            let count = usize::from(*repetitions.last()?);
            let next = facts
                .range(asked.clone()..)
                .filter(|(name, _)| **name > asked);
            let before = bindings.len();
            for (name, fact) in next.take(count) {
                bindings.extend(varbind(name, Some(fact)));
            }
            if bindings.len() == before {
                bindings.extend(varbind(&asked, None));
            }
        } else {
            bindings.extend(varbind(&asked, facts.get(&asked)));
        }
        list = after;
    }
    let pdu = [tlv(2, id), tlv(2, &[0]), tlv(2, &[0]), tlv(0x30, &bindings)].concat();
    Some(tlv(
        0x30,
        &[tlv(2, version), tlv(4, community), tlv(0xa2, &pdu)].concat(),
    ))
}

/// Answers every request but the first, which gets lost.
async fn agent(facts: BTreeMap<Vec<u64>, Fact>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        let mut lost = false;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            if !lost {
                lost = true;
                continue;
            }
            if let Some(answer) = reply(&buffer[..length], &facts) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

fn facts() -> BTreeMap<Vec<u64>, Fact> {
    let at = |column: &[u64], row: u64| [column, &[row]].concat();
    let mut facts = BTreeMap::from([
        (DESCRIPTION.to_vec(), Fact::Text("RouterOS RB5009UG+S+")),
        (UPTIME.to_vec(), Fact::Number(360_000)),
        (NAME.to_vec(), Fact::Text("gate")),
        (VERSION.to_vec(), Fact::Text("7.24.5")),
        (at(PROCESSOR_LOAD, 1), Fact::Number(10)),
        (at(PROCESSOR_LOAD, 2), Fact::Number(30)),
        (at(STORAGE_UNIT, MEMORY), Fact::Number(1024)),
        (at(STORAGE_SIZE, MEMORY), Fact::Number(1000)),
        (at(STORAGE_USED, MEMORY), Fact::Number(400)),
        (at(GAUGE_NAME, 13), Fact::Text("voltage")),
        (at(GAUGE_VALUE, 13), Fact::Number(243)),
        (at(GAUGE_UNIT, 13), Fact::Number(3)),
    ]);
    for row in 1..=45 {
        let name: &'static str = Box::leak(format!("ether{row}").into_boxed_str());
        facts.insert(at(INTERFACE_NAME, row), Fact::Text(name));
        facts.insert(
            at(INTERFACE_STATUS, row),
            Fact::Number(if row == 2 { 2 } else { 1 }),
        );
        facts.insert(at(INTERFACE_IN, row), Fact::Number(1_000_000_000_000));
        facts.insert(at(INTERFACE_OUT, row), Fact::Number(7));
    }
    facts
}

#[tokio::test]
async fn a_router_is_read_by_snmp() {
    let router = agent(facts()).await;
    let access = Access::Community(Secret::new("watch"));
    let reading = read(router, &access, Duration::from_millis(500))
        .await
        .unwrap();
    assert_eq!(reading.identity.as_deref(), Some("gate"));
    assert_eq!(reading.version.as_deref(), Some("7.24.5"));
    assert_eq!(reading.board.as_deref(), Some("RB5009UG+S+"));
    assert_eq!(reading.uptime, Some(Duration::from_hours(1)));
    assert_eq!(reading.cpu_percent, Some(20));
    assert_eq!(
        (reading.memory_total, reading.memory_free),
        (Some(1_024_000), Some(614_400))
    );
    assert_eq!(
        reading.health["voltage"],
        Measure {
            value: 24.3,
            unit: "V".to_owned()
        }
    );
    assert_eq!(reading.interfaces.len(), 45);
    let second = reading.interfaces["ether2"];
    assert!(!second.running && reading.interfaces["ether45"].running);
    assert_eq!((second.received, second.sent), (1_000_000_000_000, 7));
}

#[tokio::test]
async fn a_router_of_version_6_tells_its_health_in_fixed_places() {
    let mut facts = facts();
    facts.retain(|name, _| !name.starts_with(&GAUGE_NAME[..GAUGE_NAME.len() - 1]));
    facts.insert([HEALTH, &[10, 0]].concat(), Fact::Number(415));
    let router = agent(facts).await;
    let access = Access::Community(Secret::new("watch"));
    let reading = read(router, &access, Duration::from_millis(500))
        .await
        .unwrap();
    assert_eq!(
        reading.health["temperature"],
        Measure {
            value: 41.5,
            unit: "C".to_owned()
        }
    );
    assert_eq!(reading.health.len(), 1);
}

#[tokio::test]
async fn a_wrong_community_is_a_silence_that_says_what_to_look_at() {
    let router = agent(facts()).await;
    let access = Access::Community(Secret::new("guess"));
    let error = read(router, &access, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("/snmp") && !text.contains("guess"), "{text}");
}
