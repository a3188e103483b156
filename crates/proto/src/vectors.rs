//! Packets printed in the RFCs, against the parts that make and verify them.

use crate::{
    AttributeList, DataType, Hiding, Packet, Secret, Spec, attr,
    authenticator::{
        self, Checked, check_message_authenticator, request_is_authentic, response_is_authentic,
    },
    encode::{self, EncodeError},
    hide::{self, Hider},
};

pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|d| u8::try_from(d).unwrap())
        .collect();
    digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| high << 4 | low)
        .collect()
}

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

/// RFC 2865 section 7: request, answer; both under `xyzzy5461`.
const RFC_2865: [(&str, &str); 3] = [
    (
        "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee\
         0406c0a80110050600000003",
        "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103",
    ),
    (
        "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff6344\
         07724\
         50406c0a80110050600000014060600000002070600000001",
        "0201003815efbc7dab26cfa3dc34d9c03c8601a40606000000020706000000010806fffffffe0a0600000002\
         0d06000000010c06000005dc",
    ),
    (
        "01020039f3a47a1f6a6d76710b947ab93041a03901076d6f707379021233657573778289b570885e15084825\
         c50406c0a80110050600000007",
        "0b02004e36f3c8764ae8c71157403c0c71ff9c4512304368616c6c656e67652033323736393433302e202045\
         6e74657220726573706f6e73652061742070726f6d70742e180a3332373639343330",
    ),
];

#[test]
fn rfc_2865_answers_verify_under_their_secret_only() {
    for (request, answer) in RFC_2865 {
        let (request, answer) = (octets(request), octets(answer));
        let authenticator = Packet::parse(&request).unwrap().authenticator();
        let answer = Packet::parse(&answer).unwrap();
        assert!(response_is_authentic(
            &answer,
            &authenticator,
            &secret("xyzzy5461")
        ));
        assert!(!response_is_authentic(
            &answer,
            &authenticator,
            &secret("xyzzy5462")
        ));
    }
}

#[test]
fn rfc_2865_passwords_are_revealed() {
    for ((request, _), password) in
        RFC_2865
            .into_iter()
            .zip([Some("arctangent"), None, Some("challenge")])
    {
        let request = octets(request);
        let packet = Packet::parse(&request).unwrap();
        let spec = attr::USER_PASSWORD.spec();
        let revealed = packet.octets_of(spec).and_then(|hidden| {
            hide::reveal(
                spec.hiding,
                &secret("xyzzy5461"),
                &packet.authenticator(),
                hidden,
            )
        });
        assert_eq!(
            revealed.as_ref().map(|p| p.as_slice()),
            password.map(str::as_bytes)
        );
    }
}

#[test]
fn rfc_2865_second_challenge_request_is_malformed_as_printed() {
    let printed = "01030043b122556d428a13d0d6253807c457ecf001076d6f7079790212692c1f205fc081b919b9\
                   5195f561a5810406c0a8011005060000000718103332373639343330";
    assert!(Packet::parse(&octets(printed)).is_err());
}

/// RFC 5997 section 6: request and answer under `xyzzy5461`; the second answer's code is 5, where
/// the RFC prints 2, because only that verifies.
#[test]
fn rfc_5997_probes_and_answers_verify() {
    for (request, answer) in [
        (
            "0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3",
            "02da0014ef0d552a4bf2d693ec2b6fe8b5411d66",
        ),
        (
            "0cb30026925f6b66dd5fed571fcb1db7ad3882605012e8d6eabda910875cd91fdade26367858",
            "05b300140f6f92145f107e2f504e860a4860669c",
        ),
        (
            "0c47002cbf58de56ae408ad3b70c8513f9b03fbe0406c00002105012852d6fec61e7ed74b8e32dac2f2a5fb2",
            "0247003446f43e62fd0354424cbbebfd6d214e06122052414449555320536572766572207570203220646179\
             732c2031383a3430",
        ),
    ] {
        let (request, answer) = (octets(request), octets(answer));
        let (secret, request) = (secret("xyzzy5461"), Packet::parse(&request).unwrap());
        let own = authenticator::of_request(&request);
        assert_eq!(
            check_message_authenticator(&request, &own, &secret),
            Checked::Valid
        );
        let answer = Packet::parse(&answer).unwrap();
        assert!(response_is_authentic(
            &answer,
            &request.authenticator(),
            &secret
        ));
    }
}

/// RFC 5176 section 7; the secret `xyz` is not printed there.
#[test]
fn rfc_5176_disconnect_requests_verify() {
    for request in [
        "2801001c1b23624c3543ceba55f1be55a714ca5e01086d6368696261",
        "2801001a0bda33fe765b05f0fd9cc32a2f6b518208060a000203",
    ] {
        let request = octets(request);
        let packet = Packet::parse(&request).unwrap();
        assert!(request_is_authentic(&packet, &secret("xyz")));
        assert!(!request_is_authentic(&packet, &secret("xyzzy")));
    }
}

fn encoded(list: &AttributeList) -> Result<Vec<u8>, EncodeError> {
    let secret = secret("xyzzy5461");
    let mut out = Vec::new();
    let mut hider = Hider::new(&secret, [7; 16], &mut |salt: &mut [u8]| salt.fill(0));
    encode::encode(list, &mut hider, &mut out)?;
    Ok(out)
}

fn raw(entries: &[(&[u32], &[u8])]) -> AttributeList {
    let mut list = AttributeList::new();
    for (oid, value) in entries {
        list.push(&Spec::new(oid, DataType::Octets), 0, value);
    }
    list
}

/// RFC 6929 section 9.
#[test]
fn rfc_6929_attributes_are_laid_out_as_printed() {
    let cases = [
        (raw(&[(&[241, 1], b"bob")]), "f10601626f62"),
        (raw(&[(&[241, 2, 1], &[0x23, 0x45])]), "f1070201042345"),
        (
            raw(&[(&[241, 2, 1], &[0x23, 0x45]), (&[241, 2, 2], &[0x67, 0x89])]),
            "f10b020104234502046789",
        ),
        (
            raw(&[
                (&[241, 2, 1], &[0x23, 0x45]),
                (&[241, 2, 3, 1], &[0xab, 0xcd]),
            ]),
            "f10d020104234503060104abcd",
        ),
        (
            raw(&[
                (&[241, 2, 1], &[0x23, 0x45]),
                (&[241, 2, 3, 1], &[0xab, 0xcd]),
                (&[241, 2, 3, 2], b"foo"),
            ]),
            "f1120201042345030b0104abcd0205666f6f",
        ),
        (
            raw(&[(&[241, 1, 1, 2, 3, 4, 5], &[0xcd, 0xef])]),
            "f10f01010c020a030804060504cdef",
        ),
        (
            raw(&[(&[241, 26, 1, 4], b"test")]),
            "f10c1a000000010474657374",
        ),
        (
            raw(&[(&[241, 26, 1, 5, 3], b"test")]),
            "f10e1a0000000105030674657374",
        ),
        (raw(&[(&[245, 1], b"bob")]), "f5070100626f62"),
        (raw(&[(&[245, 2, 1], &[0x23, 0x45])]), "f508020001042345"),
        (
            raw(&[(&[245, 26, 1, 4], b"test")]),
            "f50d1a00000000010474657374",
        ),
        (
            raw(&[(&[245, 26, 1, 5, 3], b"test")]),
            "f50f1a000000000105030674657374",
        ),
    ];
    for (list, wire) in cases {
        assert_eq!(encoded(&list).unwrap(), octets(wire), "{wire}");
    }
}

#[test]
fn rfc_6929_long_values_are_cut_into_fragments() {
    let out = encoded(&raw(&[(&[245, 4], &[0xaa; 266])])).unwrap();
    assert_eq!(out[..4], octets("f5ff0480"));
    assert_eq!(out[255..259], octets("f5130400"));
    assert_eq!(out.len(), 255 + 19);
    let out = encoded(&raw(&[(&[245, 26, 1, 6], &[0xaa; 266])])).unwrap();
    assert_eq!(out[..9], octets("f5ff1a800000000106"));
    assert_eq!(out[255..259], octets("f5181a00"));
    assert_eq!(out.len(), 255 + 24);
}

#[test]
fn vendor_formats_are_laid_out_and_read_back() {
    for (type_octets, length_octets, continuation, wire) in [
        (1, 1, false, "1a0c 0000270f 0706 61626364"),
        (2, 1, false, "1a0d 0000270f 000707 61626364"),
        (2, 2, false, "1a0e 0000270f 00070008 61626364"),
        (4, 0, false, "1a0e 0000270f 00000007 61626364"),
        (1, 1, true, "1a0d 0000270f 070700 61626364"),
    ] {
        let spec = Spec::new(&[26, 9999, 7], DataType::Octets).format(
            type_octets,
            length_octets,
            continuation,
        );
        let mut list = AttributeList::new();
        list.push(&spec, 0, b"abcd");
        assert_eq!(encoded(&list).unwrap(), octets(wire));
        let mut packet = octets("0100000000000000000000000000000000000000");
        packet.extend(octets(wire));
        encode::fill_length(&mut packet, Packet::MAX).unwrap();
        assert_eq!(
            Packet::parse(&packet).unwrap().octets_of(&spec),
            Some(&b"abcd"[..])
        );
    }
}

#[test]
fn a_wimax_value_goes_on_in_the_next_attribute() {
    let spec = Spec::new(&[26, 24757, 1], DataType::Octets).format(1, 1, true);
    let mut list = AttributeList::new();
    list.push(&spec, 0, &[5; 300]);
    let out = encoded(&list).unwrap();
    assert_eq!(out[..9], [26, 255, 0, 0, 0x60, 0xb5, 1, 249, 0x80]);
    assert_eq!(out[255..264], [26, 9 + 54, 0, 0, 0x60, 0xb5, 1, 3 + 54, 0]);
}

#[test]
fn tags_go_where_rfc_2868_puts_them() {
    let list = AttributeList::new()
        .with(attr::TUNNEL_TYPE, (1, 13))
        .with(attr::TUNNEL_TYPE, 13)
        .with(attr::TUNNEL_PRIVATE_GROUP_ID, (1, "20"))
        .with(attr::TUNNEL_PRIVATE_GROUP_ID, "20");
    assert_eq!(
        encoded(&list).unwrap(),
        octets("40060100000d 40060000000d 5105013230 51043230")
    );
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let oid = |list: &AttributeList| list.iter().next().unwrap().spec.oid;
    let long = raw(&[(&[18], &[b'a'; 254])]);
    assert_eq!(encoded(&long), Err(EncodeError::TooLong(oid(&long), 254)));
    let empty = raw(&[(&[18], b"")]);
    assert_eq!(encoded(&empty), Err(EncodeError::Empty(oid(&empty))));
    let tag = AttributeList::new().with(attr::TUNNEL_TYPE, (32, 13));
    assert_eq!(encoded(&tag), Err(EncodeError::Tag(oid(&tag))));
    let ambiguous = AttributeList::new().with(attr::TUNNEL_PRIVATE_GROUP_ID, "\u{1}20");
    assert_eq!(encoded(&ambiguous), Err(EncodeError::Tag(oid(&ambiguous))));
    let number = raw(&[(&[26, 9, 256], b"a")]);
    assert_eq!(encoded(&number), Err(EncodeError::Number(oid(&number))));
    let wide = AttributeList::new().with(attr::TUNNEL_TYPE, (1, 0x0100_0000));
    assert_eq!(encoded(&wide), Err(EncodeError::TooLong(oid(&wide), 4)));
    let many: Vec<(&[u32], &[u8])> = vec![(&[18], &[b'a'; 253]); 258];
    assert_eq!(encoded(&raw(&many)), Err(EncodeError::PacketTooLong));
}

#[test]
fn a_container_can_be_sent_as_it_is() {
    let whole = raw(&[(&[26], &[0, 0, 0, 9, 1, 3, b'a']), (&[241], &[1, b'b'])]);
    assert_eq!(
        encoded(&whole).unwrap(),
        octets("1a09000000090103 61 f1040162")
    );
    let half = raw(&[(&[26, 9], b"a")]);
    let oid = half.iter().next().unwrap().spec.oid;
    assert_eq!(encoded(&half), Err(EncodeError::Number(oid)));
}

#[test]
fn what_must_be_hidden_is_hidden_even_when_pushed_as_plain() {
    let list = raw(&[(&[2], b"password")]);
    assert_eq!(
        list.iter().next().unwrap().spec.hiding,
        Hiding::UserPassword
    );
    assert!(!format!("{list:?}").contains("112"));
    let out = encoded(&list).unwrap();
    assert_eq!(out.len(), 18);
    assert!(!out.windows(8).any(|window| window == b"password"));
}

#[test]
fn an_eap_message_is_split_and_joined() {
    let message: Vec<u8> = (0..=255).cycle().take(600).collect();
    let list = AttributeList::new().with(attr::EAP_MESSAGE, message.clone());
    let mut packet = octets("0100000000000000000000000000000000000000");
    packet.extend(encoded(&list).unwrap());
    encode::fill_length(&mut packet, Packet::MAX).unwrap();
    let packet = Packet::parse(&packet).unwrap();
    let lengths: Vec<_> = packet
        .attributes()
        .map(|attribute| attribute.value.len())
        .collect();
    assert_eq!(lengths, [253, 253, 94]);
    assert_eq!(packet.joined(attr::EAP_MESSAGE), Some(message));
}
