use proptest::prelude::*;

use super::*;

fn receive(link: &mut Link, octets: &[u8]) -> Result<Arrived, Fault> {
    Fragment::parse(octets).and_then(|fragment| link.receive(&fragment))
}

/// Carries a message from one link to another; says in how many packets.
fn carried(message: &[u8], room: usize) -> (Vec<u8>, usize) {
    let (mut from, mut to) = (Link::new(1), Link::new(1));
    from.send(message.to_vec());
    let mut packets = 0;
    loop {
        let packet = from.next(room);
        packets += 1;
        assert!(packet.len() <= room);
        assert_eq!(Flags::of(packet[0]).version(), 1);
        match receive(&mut to, &packet).unwrap() {
            Arrived::Message(message) => {
                assert!(!from.is_sending());
                return (message, packets);
            }
            Arrived::Fragment => {
                assert!(from.is_sending());
                let acknowledgement = to.next(room);
                assert_eq!(acknowledgement, [1]);
                let arrived = receive(&mut from, &acknowledgement);
                assert_eq!(arrived, Ok(Arrived::Acknowledged));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_fits_is_one_packet_without_a_length() {
    let mut link = Link::new(0);
    link.send(b"abc".to_vec());
    assert_eq!(link.next(4), b"\x00abc");
    assert!(!link.is_sending());
    assert_eq!(link.next(4), [0]);
}

#[test]
fn only_the_first_fragment_has_the_length() {
    let mut link = Link::new(0);
    link.send((0..100).collect());
    let first = link.next(64);
    assert_eq!(first[..5], [0xc0, 0, 0, 0, 100]);
    assert_eq!(first[5..], (0..59).collect::<Vec<u8>>());
    let last = link.next(64);
    assert_eq!(last[0], 0);
    assert_eq!(last[1..], (59..100).collect::<Vec<u8>>());
}

#[test]
fn a_new_message_takes_the_place_of_one_that_is_half_sent() {
    let mut link = Link::new(0);
    link.send(vec![1; 100]);
    drop(link.next(64));
    link.send(vec![2; 3]);
    assert_eq!(link.next(64), [0, 2, 2, 2]);
}

#[test]
fn lengths_that_others_send_or_leave_out() {
    let cases: [&[&[u8]]; 5] = [
        // The length in each fragment, as some do.
        &[
            b"\xc0\0\0\0\x06ab",
            b"\xc0\0\0\0\x06cd",
            b"\x80\0\0\0\x06ef",
        ],
        // In the first and in the last.
        &[b"\xc0\0\0\0\x06ab", b"\x40cd", b"\x80\0\0\0\x06ef"],
        // In none.
        &[b"\x40ab", b"\x40cd", b"\x00ef"],
        // In a later one.
        &[b"\x40ab", b"\xc0\0\0\0\x06cd", b"\x00ef"],
        // Of a message in one piece.
        &[b"\x80\0\0\0\x06abcdef"],
    ];
    for packets in cases {
        let mut link = Link::default();
        let (last, before) = packets.split_last().unwrap();
        for packet in before {
            assert_eq!(receive(&mut link, packet), Ok(Arrived::Fragment));
        }
        let whole = Ok(Arrived::Message(b"abcdef".to_vec()));
        assert_eq!(receive(&mut link, last), whole);
        // And the next one starts anew.
        let next = Ok(Arrived::Message(b"x".to_vec()));
        assert_eq!(receive(&mut link, b"\x80\0\0\0\x01x"), next);
    }
}

#[test]
fn fragments_that_do_not_add_up() {
    let long = 64 * 1024 + 1_u32;
    let too_long = [&[0x80], &long.to_be_bytes()[..], b"ab"].concat();
    let cases: [(&[&[u8]], Fault); 15] = [
        (&[b""], Fault::Short),
        (&[b"\x80\0\0\0"], Fault::Short),
        (&[b"\x20"], Fault::Restart),
        (&[b"\x40ab", b"\x20"], Fault::Restart),
        (&[b"\x40"], Fault::Empty),
        (&[b"\xc0\0\0\0\x06"], Fault::Empty),
        (&[b"\x40ab", b"\x40"], Fault::Empty),
        (&[b"\x40ab", b"\x00"], Fault::Empty),
        (&[b"\x80\0\0\0\x06abcde"], Fault::Length),
        (&[b"\x80\0\0\0\x06abcdefg"], Fault::Length),
        (&[b"\xc0\0\0\0\x06ab", b"\x00cd"], Fault::Length),
        (&[b"\xc0\0\0\0\x06ab", b"\x40cdef"], Fault::Length),
        (&[b"\xc0\0\0\0\x06ab", b"\xc0\0\0\0\x07cd"], Fault::Lengths),
        (&[b"\x40ab", b"\x80\0\0\0\x03cd"], Fault::Length),
        (&[&too_long], Fault::Long),
    ];
    for (packets, fault) in cases {
        let mut link = Link::default();
        let (last, before) = packets.split_last().unwrap();
        for packet in before {
            assert_eq!(receive(&mut link, packet), Ok(Arrived::Fragment));
        }
        assert_eq!(receive(&mut link, last), Err(fault), "{packets:?}");
    }
}

#[test]
fn a_message_has_a_bound_whether_or_not_its_length_is_told() {
    let mut link = Link::default();
    let mut packet = vec![Flags::MORE.octet()];
    packet.extend([7; 1024]);
    for _ in 0..63 {
        assert_eq!(receive(&mut link, &packet), Ok(Arrived::Fragment));
    }
    let mut last = link;
    packet.truncate(1024);
    assert_eq!(receive(&mut last, &packet), Ok(Arrived::Fragment));
    assert_eq!(receive(&mut last, &[0, 1, 2]), Err(Fault::Long));
}

#[test]
fn while_it_sends_only_acknowledgements_are_due() {
    let cases: [(&[u8], Result<Arrived, Fault>); 6] = [
        (b"\x00", Ok(Arrived::Acknowledged)),
        (b"\x80\0\0\0\0", Ok(Arrived::Acknowledged)),
        (b"\x00a", Err(Fault::Unacknowledged)),
        (b"\x40", Err(Fault::Unacknowledged)),
        (b"\x80\0\0\0\x01", Err(Fault::Unacknowledged)),
        (b"\x20", Err(Fault::Restart)),
    ];
    for (packet, arrived) in cases {
        let mut link = Link::default();
        link.send(vec![1; 100]);
        drop(link.next(64));
        assert_eq!(receive(&mut link, packet), arrived, "{packet:?}");
    }
    let mut link = Link::default();
    link.send(vec![1; 10]);
    drop(link.next(64));
    assert_eq!(receive(&mut link, b"\x00"), Ok(Arrived::Nothing));
    assert_eq!(
        receive(&mut link, b"\x00x"),
        Ok(Arrived::Message(b"x".to_vec()))
    );
}

#[test]
fn what_is_outside_the_tunnel_is_at_the_end() {
    let both = Fragment::parse_with_outer(b"\x91\0\0\0\x03\0\0\0\x02abcde").unwrap();
    assert_eq!((both.data(), both.outer()), (&b"abc"[..], &b"de"[..]));
    assert_eq!((both.length(), both.flags().version()), (Some(3), 1));
    let none = Fragment::parse_with_outer(b"\x01abc").unwrap();
    assert_eq!((none.data(), none.outer()), (&b"abc"[..], &b""[..]));
    let long = Fragment::parse_with_outer(b"\x10\0\0\0\x04abc");
    assert_eq!(long, Err(Fault::Outer));
    let short = Fragment::parse_with_outer(b"\x90\0\0\0\x04\0\0\0");
    assert_eq!(short, Err(Fault::Short));
    // The bit means nothing elsewhere.
    let other = Fragment::parse(b"\x10\0\0\0\x01abc").unwrap();
    assert_eq!(other.data(), b"\0\0\0\x01abc");
}

proptest! {
    #[test]
    fn any_message_arrives_whole(
        message in prop::collection::vec(any::<u8>(), 1..5000),
        room in 64_usize..1500,
    ) {
        let (arrived, packets) = carried(&message, room);
        prop_assert_eq!(&arrived, &message);
        prop_assert!(packets <= message.len().div_ceil(room - 5) + 1);
    }

    #[test]
    fn nothing_that_comes_makes_it_hold_too_much(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..50),
    ) {
        let mut link = Link::default();
        for packet in &packets {
            match receive(&mut link, packet) {
                Ok(Arrived::Message(message)) => prop_assert!(!message.is_empty()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        prop_assert!(link.incoming.len() <= MAX_MESSAGE_OCTETS);
    }
}
