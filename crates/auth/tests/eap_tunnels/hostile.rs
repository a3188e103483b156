//! Packets that are changed on their way, over real TLS.

use portreeve_auth::eap::{Type, tls::Version};

use crate::world::{To, Tunnel, What, World, knows};

/// Packets of one conversation to the server, without the identity.
fn recorded(tunnel: Tunnel) -> Vec<usize> {
    let mut lengths = Vec::new();
    let world = World {
        mtu: 1_200,
        knows: &knows,
        tamper: &mut |to, octets| {
            if to == To::Server {
                lengths.push(octets.len());
            }
        },
    };
    let _success = world.meet(tunnel.offered(None), tunnel.right()).success();
    lengths
}

/// Changes octets of what the peer sends, one at a time. All that may be changed without harm is
/// what nobody looks at: the flags that mean nothing, and what a record says of itself in clear.
fn try_changes(tunnel: Tunnel, stride: usize) {
    let lengths = recorded(tunnel);
    let mut tried = 0;
    for (number, length) in lengths.iter().enumerate().skip(1) {
        for at in (0..*length).step_by(stride) {
            let mut seen = 0;
            let mut is_open = at == 5;
            let world = World {
                mtu: 1_200,
                knows: &knows,
                tamper: &mut |to, octets| {
                    if to != To::Server {
                        return;
                    }
                    if seen == number && at < octets.len() {
                        let start = if octets[5] & 0x80 == 0 { 6 } else { 10 };
                        is_open |=
                            records(octets, start).any(|record| at == record || at == record + 2);
                        octets[at] ^= 0x01;
                    }
                    seen += 1;
                },
            };
            let ended = world.meet(tunnel.offered(None), tunnel.right());
            tried += 1;
            if ended.success.is_some() {
                assert!(is_open, "{tunnel:?}: packet {number}, octet {at}");
                let _success = ended.success();
            }
        }
    }
    assert!(tried > 20);
}

/// Where records begin.
fn records(octets: &[u8], start: usize) -> impl Iterator<Item = usize> {
    let mut at = start;
    std::iter::from_fn(move || {
        let header = octets.get(at..at + 5)?;
        let here = at;
        at += 5 + usize::from(u16::from_be_bytes([header[3], header[4]]));
        Some(here)
    })
}

#[test]
fn no_changed_packet_is_accepted() {
    for version in [Version::Tls12, Version::Tls13] {
        for (outer, what) in [
            (Type::TTLS, What::Plain(portreeve_auth::Method::MsChapV2)),
            (Type::PEAP, What::Eap(Type::MSCHAPV2)),
            (Type::TEAP, What::Eap(Type::MSCHAPV2)),
        ] {
            try_changes(Tunnel::of(outer, what, version), 3);
        }
    }
}

#[test]
fn another_version_is_refused() {
    for outer in [Type::TTLS, Type::PEAP, Type::TEAP] {
        let tunnel = Tunnel::of(outer, What::Eap(Type::MSCHAPV2), Version::Tls12);
        let mut seen = 0;
        let world = World {
            mtu: 1_200,
            knows: &knows,
            tamper: &mut |to, octets| {
                seen += usize::from(to == To::Server);
                if to == To::Server && seen == 2 {
                    octets[5] ^= 0x02;
                }
            },
        };
        let ended = world.meet(tunnel.offered(None), tunnel.right());
        assert_eq!(ended.failure().label(), "eap_broken");
        assert!(
            ended
                .failure()
                .to_string()
                .ends_with("it asks for another version")
        );
    }
}

#[test]
fn a_canned_success_changes_nothing() {
    for tunnel in Tunnel::all() {
        let packets = recorded(tunnel).len();
        for turn in 1..packets {
            let mut seen = 0;
            let world = World {
                mtu: 1_200,
                knows: &knows,
                tamper: &mut |to, octets| {
                    if to == To::Peer {
                        if seen == turn {
                            *octets = vec![3, octets[1], 0, 4];
                        }
                        seen += 1;
                    }
                },
            };
            let ended = world.meet(tunnel.offered(None), tunnel.right());
            // A peer that has said its last word in the tunnel waits for just that.
            let is_last = turn + 1 >= packets;
            assert!(ended.outcome.is_none() || is_last, "{tunnel:?} {turn}");
        }
    }
}
