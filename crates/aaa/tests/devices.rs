//! Which requests are log-ins by MAC address, and which devices are let in by them.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portreeve_aaa::{
        attribute::{Fault, Owner, describe},
        definition::{Device, Group, Membership, StoredCredential, User},
        device::{Authentication, Barred, By, Claim, Random, Rules, Unknown, admit},
        port::{ChangeSet, Definitions},
        refusal::Refusal,
        snapshot::Snapshot,
        station::Mac,
    };
    use portreeve_proto::{
        Ask, AttributeList, Dictionary, Packet, Query, Secret,
        attr::{self, service_type},
    };
    use proptest::prelude::*;

    const PRINTER: [u8; 6] = [0x00, 0xe1, 0x0c, 0x38, 0xc8, 0xf8];
    const PHONE: [u8; 6] = [0xda, 0xa1, 0x19, 0, 0, 1];

    fn asked<T>(attributes: &AttributeList, ask: impl FnOnce(&Packet<'_>) -> T) -> T {
        let secret = Secret::new("s3cret").unwrap();
        let (mut octets, mut random) = (Vec::new(), |octets: &mut [u8]| octets.fill(7));
        let kind = Ask::Access;
        Query::encode(kind, 1, attributes, &secret, true, &mut random, &mut octets).unwrap();
        ask(&Packet::parse(&octets).unwrap())
    }

    fn names(name: &str, station: Option<&str>) -> AttributeList {
        let list = AttributeList::new().with(attr::USER_NAME, name);
        match station {
            Some(station) => list.with(attr::CALLING_STATION_ID, station),
            None => list,
        }
    }

    fn claim(attributes: &AttributeList) -> Claim {
        asked(attributes, Claim::of)
    }

    fn snapshot(devices: Vec<Device>, groups: Vec<Group>) -> Snapshot {
        let mut user = User::new(Mac::from(PRINTER).to_string());
        user.credential = Some(StoredCredential::new("{CLEAR}12345".into()));
        let definitions = Definitions {
            users: vec![user],
            devices,
            groups,
            seq: 1,
            ..Definitions::default()
        };
        Snapshot::new(&definitions, Arc::new(Dictionary::builtin().clone()))
    }

    fn printer() -> Device {
        let mut device = Device::new(Mac::from(PRINTER));
        device.label = "printer".into();
        device
    }

    fn iot() -> Group {
        let mut group = Group::new("iot");
        group.reply = vec!["Session-Timeout=60".into(), "Filter-Id=iot".into()];
        group
    }

    /// What the device of an address gets, or why it is refused.
    fn outcome(
        snapshot: &Snapshot,
        rules: &Rules,
        octets: [u8; 6],
    ) -> Result<Vec<String>, Refusal> {
        let mac = Mac::from(octets);
        let request = names(&mac.to_string(), None).with(attr::NAS_IDENTIFIER, "hall");
        let admitted = asked(&request, |packet| admit(snapshot, rules, Some(mac), packet))?;
        let shown = describe(snapshot.dictionary(), &admitted.grant.attributes);
        Ok(shown.iter().map(ToString::to_string).collect())
    }

    fn barred(why: impl Fn(Mac) -> Barred, octets: [u8; 6]) -> Result<Vec<String>, Refusal> {
        Err(why(Mac::from(octets)).into())
    }

    #[test]
    fn the_name_that_is_the_station_is_a_claim_in_every_spelling() {
        let wanted = Claim::IfBare(Mac::from(PRINTER));
        for name in [
            "00:E1:0C:38:C8:F8",
            "00:e1:0c:38:c8:f8",
            "00-E1-0C-38-C8-F8",
            "00E1:0C38:C8F8",
            "00E10C:38C8F8",
            "00E10C-38C8F8",
            "00E10C38C8F8",
            "00 E1 0C 38 C8 F8",
            "00e1.0c38.c8f8",
        ] {
            for station in [
                "00-E1-0C-38-C8-F8",
                "00:E1:0C:38:C8:F8",
                "1:0:e1:c:38:c8:f8",
            ] {
                assert_eq!(
                    claim(&names(name, Some(station))),
                    wanted,
                    "{name} {station}"
                );
            }
        }
    }

    #[test]
    fn nothing_else_is_a_claim() {
        let mac = "00:E1:0C:38:C8:F8";
        for (name, station) in [
            (mac, None),
            (mac, Some("00:E1:0C:38:C8:F9")),
            (mac, Some("192.0.2.1")),
            ("tim", Some(mac)),
            ("00:E1:0C:38:C8:F8@example.org", Some(mac)),
            ("FF:FF:FF:FF:FF:FF", Some("FF:FF:FF:FF:FF:FF")),
            ("00:00:00:00:00:00", Some("00:00:00:00:00:00")),
        ] {
            assert_eq!(claim(&names(name, station)), Claim::Nothing, "{name}");
        }
        let framed = names(mac, Some(mac)).with(attr::SERVICE_TYPE, service_type::FRAMED);
        assert_eq!(claim(&framed), Claim::IfBare(Mac::from(PRINTER)));
    }

    #[test]
    fn call_check_is_a_claim_whatever_the_name_and_eap_never_is() {
        let mac = "00:E1:0C:38:C8:F8";
        let printer = Some(Mac::from(PRINTER));
        for (name, station, wanted) in [
            (mac, None, printer),
            (mac, Some("port 7"), printer),
            ("mac-auth", Some(mac), printer),
            (mac, Some("00-e1-0c-38-c8-f8"), printer),
            (mac, Some("00:E1:0C:38:C8:F9"), None),
            ("tim", None, None),
            ("FF:FF:FF:FF:FF:FF", None, None),
        ] {
            let request = names(name, station).with(attr::SERVICE_TYPE, service_type::CALL_CHECK);
            assert_eq!(claim(&request), Claim::CallCheck(wanted), "{name}");
            let eap = request.with(attr::EAP_MESSAGE, [2, 1, 0, 5, 1]);
            assert_eq!(claim(&eap), Claim::Nothing, "{name}");
        }
    }

    #[test]
    fn a_device_gets_its_own_and_its_groups_attributes() {
        let mut device = printer();
        device.groups = vec![Membership::new("iot")];
        device.reply = vec!["Session-Timeout=5".into()];
        let snapshot = snapshot(vec![device], vec![iot()]);
        let got = outcome(&snapshot, &Rules::default(), PRINTER);
        assert_eq!(got.unwrap(), ["Session-Timeout = 5", "Filter-Id = \"iot\""]);
        assert_eq!(snapshot.devices(), 1);
        let by = asked(&names("x", None), |packet| {
            admit(
                &snapshot,
                &Rules::default(),
                Some(Mac::from(PRINTER)),
                packet,
            )
        });
        assert!(matches!(by.unwrap().by, By::Device(device) if device.label() == "printer"));
    }

    #[test]
    fn a_user_whose_name_looks_like_an_address_is_no_device() {
        let snapshot = snapshot(vec![], vec![]);
        assert!(snapshot.subscriber("00-e1-0c-38-c8-f8").is_some());
        let got = outcome(&snapshot, &Rules::default(), PRINTER);
        assert_eq!(got, barred(Barred::Unknown, PRINTER));
    }

    #[test]
    fn a_device_is_refused_for_what_holds_it_back() {
        let rules = Rules::default();
        let mut device = printer();
        device.check = vec!["NAS-Identifier=attic".into()];
        let got = outcome(&snapshot(vec![device.clone()], vec![]), &rules, PRINTER);
        let Err(Refusal::CheckFailed(failed)) = got else {
            panic!("{got:?}")
        };
        assert_eq!(failed.owner, Owner::Device(Mac::from(PRINTER)));
        device.check = vec!["NAS-Identifer=attic".into()];
        let broken = snapshot(vec![device.clone()], vec![]);
        let got = outcome(&broken, &rules, PRINTER);
        assert!(matches!(got, Err(Refusal::Misconfigured(_))), "{got:?}");
        assert_eq!(broken.problems().len(), 1);
        device.check.clear();
        device.groups = vec![Membership::new("iot")];
        let missing = snapshot(vec![device.clone()], vec![]);
        let got = outcome(&missing, &rules, PRINTER);
        let Err(Refusal::Misconfigured(problem)) = got else {
            panic!("{got:?}")
        };
        assert_eq!(problem.fault, Fault::GroupMissing("iot".into()));
        assert_eq!(missing.problems(), [problem]);
        device.enabled = false;
        let got = outcome(&snapshot(vec![device], vec![iot()]), &rules, PRINTER);
        assert_eq!(got, barred(Barred::Disabled, PRINTER));
        let named_none = asked(&names("x", None), |packet| {
            admit(&snapshot(vec![printer()], vec![]), &rules, None, packet).err()
        });
        assert_eq!(named_none, Some(Barred::NoAddress.into()));
    }

    #[test]
    fn nobody_is_let_in_where_it_is_off() {
        let rules = Rules {
            authentication: Authentication::Off,
            unknown: Unknown::Group("iot".into()),
            random: Random::Allow,
        };
        let snapshot = snapshot(vec![printer()], vec![iot()]);
        for octets in [PRINTER, PHONE] {
            assert_eq!(
                outcome(&snapshot, &rules, octets),
                barred(|_| Barred::Off, octets)
            );
        }
    }

    #[test]
    fn unknown_devices_get_what_was_chosen_for_them_and_random_ones_only_if_that_was_too() {
        const OTHER: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 1];
        let mut phone = Device::new(Mac::from(PHONE));
        phone.reply = vec!["Session-Timeout=7".into()];
        let known = snapshot(vec![phone], vec![iot()]);
        let unknown = snapshot(vec![], vec![iot()]);
        let strict = Rules::default();
        assert_eq!(
            outcome(&unknown, &strict, OTHER),
            barred(Barred::Unknown, OTHER)
        );
        assert_eq!(
            outcome(&unknown, &strict, PHONE),
            barred(Barred::Random, PHONE)
        );
        // Who was defined was chosen, random or not.
        assert_eq!(
            outcome(&known, &strict, PHONE).unwrap(),
            ["Session-Timeout = 7"]
        );
        let guests = Rules {
            unknown: Unknown::Group("iot".into()),
            ..Rules::default()
        };
        let iot = ["Session-Timeout = 60", "Filter-Id = \"iot\""];
        assert_eq!(outcome(&unknown, &guests, OTHER).unwrap(), iot);
        assert_eq!(
            outcome(&unknown, &guests, PHONE),
            barred(Barred::Random, PHONE)
        );
        let open = Rules {
            random: Random::Allow,
            ..guests
        };
        assert_eq!(outcome(&unknown, &open, PHONE).unwrap(), iot);
        // Random addresses alone open nothing.
        let random = Rules {
            random: Random::Allow,
            ..Rules::default()
        };
        assert_eq!(
            outcome(&unknown, &random, PHONE),
            barred(Barred::Random, PHONE)
        );
    }

    #[test]
    fn a_group_of_unknown_devices_holds_them_to_its_conditions_and_has_to_be_there() {
        const OTHER: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 1];
        let rules = Rules {
            unknown: Unknown::Group("iot".into()),
            ..Rules::default()
        };
        let mut group = iot();
        group.check = vec!["NAS-Identifier=cafe".into()];
        let got = outcome(&snapshot(vec![], vec![group]), &rules, OTHER);
        assert!(matches!(got, Err(Refusal::CheckFailed(_))), "{got:?}");
        let got = outcome(&snapshot(vec![], vec![]), &rules, OTHER);
        let Err(Refusal::Misconfigured(problem)) = got else {
            panic!("{got:?}")
        };
        assert_eq!(
            problem.to_string(),
            "setting mac.unknown: there is no group iot"
        );
        assert_eq!(rules.problem(&snapshot(vec![], vec![])), Some(problem));
        assert_eq!(rules.problem(&snapshot(vec![], vec![iot()])), None);
    }

    #[test]
    fn a_snapshot_changes_with_its_devices() {
        let before = snapshot(vec![printer()], vec![iot()]);
        let after = before.changed(&ChangeSet {
            seq: 2,
            devices: vec![Device::new(Mac::from(PHONE))],
            removed_devices: vec![Mac::from(PRINTER)],
            ..ChangeSet::default()
        });
        assert!(before.device(Mac::from(PRINTER)).is_some());
        assert!(before.device(Mac::from(PHONE)).is_none());
        assert!(after.device(Mac::from(PRINTER)).is_none());
        assert!(after.device(Mac::from(PHONE)).is_some());
        assert_eq!((after.devices(), after.subscribers()), (1, 1));
    }

    /// One of a few addresses in some spelling, or something that looks like one.
    fn spelling() -> impl Strategy<Value = String> {
        let octets = prop::sample::select(vec![PRINTER, PHONE, [0; 6], [0xff; 6]]);
        let separator = prop::sample::select(vec!["", ":", "-", " "]);
        let spelt = (octets, separator).prop_map(|(octets, separator)| {
            octets.map(|octet| format!("{octet:02X}")).join(separator)
        });
        prop_oneof![3 => spelt, 1 => "[0-9a-fA-F:.-]{1,18}"]
    }

    proptest! {
        #[test]
        fn no_name_is_taken_for_an_address_that_the_station_does_not_have(
            name in spelling(),
            station in prop::option::of(spelling()),
            is_call_check: bool,
        ) {
            let mut request = names(&name, station.as_deref());
            if is_call_check {
                request = request.with(attr::SERVICE_TYPE, service_type::CALL_CHECK);
            }
            let read = Mac::parse(&name).filter(|mac| mac.of_a_device().is_ok());
            match claim(&request) {
                Claim::Nothing => prop_assert!(!is_call_check),
                Claim::CallCheck(_) => prop_assert!(is_call_check),
                Claim::IfBare(mac) => {
                    prop_assert_eq!(Some(mac), read);
                    prop_assert_eq!(Some(mac), station.as_deref().and_then(Mac::calling));
                }
            }
        }
    }
}
