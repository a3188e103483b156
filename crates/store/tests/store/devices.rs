use portreeve_aaa::{
    definition::{Device, Membership, User},
    port::{ChangeSet, Definition, Put, StoreError},
    station::Mac,
};
use portreeve_store::Backend;

use crate::definitions::{changes, group, is_missing, seq, user};

fn mac(last: u8) -> Mac {
    Mac::from([0x00, 0xe1, 0x0c, 0x38, 0xc8, last])
}

fn device(last: u8) -> Device {
    Device {
        label: "printer; DROP TABLE devices".into(),
        groups: vec![
            Membership {
                group: "iot".into(),
                priority: -7,
            },
            Membership::new("hall"),
        ],
        check: vec!["NAS-Port-Type=Ethernet".into()],
        reply: vec!["Session-Timeout=3600".into(), "Filter-Id+=\"ü\"".into()],
        comment: "attic".into(),
        ..Device::new(mac(last))
    }
}

pub(crate) fn a_device_reads_back_as_it_was_put(store: &mut dyn Backend) {
    assert!(is_missing(store.device(mac(1)), Definition::Device));
    store.put_device(&device(1), Put::Create).unwrap();
    assert_eq!(store.device(mac(1)).unwrap(), device(1));
    let plain = Device {
        enabled: false,
        ..Device::new(mac(1))
    };
    store.put_device(&plain, Put::Replace).unwrap();
    assert_eq!(store.device(mac(1)).unwrap(), plain);
    assert_eq!(store.definitions().unwrap().devices, [plain]);
    store.remove_device(mac(1)).unwrap();
    assert!(store.definitions().unwrap().devices.is_empty());
}

pub(crate) fn a_device_is_created_once_and_replaced_where_it_is(store: &mut dyn Backend) {
    let absent = store.put_device(&device(1), Put::Replace);
    assert!(is_missing(absent, Definition::Device));
    assert!(is_missing(store.remove_device(mac(1)), Definition::Device));
    store.put_device(&device(1), Put::Create).unwrap();
    let before = store.definitions().unwrap();
    let again = store.put_device(&Device::new(mac(1)), Put::Create);
    let name = match again {
        Err(StoreError::Exists { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name, "00-e1-0c-38-c8-01");
    assert_eq!(store.definitions().unwrap(), before);
}

pub(crate) fn devices_come_in_order_and_by_group(store: &mut dyn Backend) {
    for last in [3, 1, 2] {
        let mut device = Device::new(mac(last));
        if last != 2 {
            device.groups = vec![Membership::new("iot"), Membership::new("all")];
        }
        store.put_device(&device, Put::Create).unwrap();
    }
    let mut found = |group: Option<&str>| -> Vec<u8> {
        let devices = store.devices(group).unwrap();
        let last = |device: &Device| {
            assert_eq!(
                device.groups.len(),
                if device.mac == mac(2) { 0 } else { 2 }
            );
            device.mac.octets()[5]
        };
        devices.iter().map(last).collect()
    };
    assert_eq!(found(None), [1, 2, 3]);
    assert_eq!(found(Some("iot")), [1, 3]);
    assert!(found(Some("none")).is_empty());
}

pub(crate) fn a_group_with_a_device_in_it_stays(store: &mut dyn Backend) {
    store.put_group(&group("iot"), Put::Create).unwrap();
    store.put_device(&device(1), Put::Create).unwrap();
    let refused = store.remove_group("iot").unwrap_err();
    assert!(
        matches!(&refused, StoreError::InUse { by, .. } if by == "00-e1-0c-38-c8-01"),
        "{refused}"
    );
    store.remove_device(mac(1)).unwrap();
    store.remove_group("iot").unwrap();
}

pub(crate) fn a_changed_device_is_told_once(store: &mut dyn Backend) {
    store.put_device(&device(1), Put::Create).unwrap();
    let before = seq(store);
    assert!(changes(store, before).is_empty());
    store.remove_device(mac(1)).unwrap();
    store.put_device(&Device::new(mac(2)), Put::Create).unwrap();
    store.put_device(&device(2), Put::Replace).unwrap();
    let expected = ChangeSet {
        seq: seq(store),
        devices: vec![device(2)],
        removed_devices: vec![mac(1)],
        ..ChangeSet::default()
    };
    assert_eq!(changes(store, before), expected);
    assert!(!expected.is_empty());
}

pub(crate) fn a_device_and_a_user_of_the_same_name_are_two(store: &mut dyn Backend) {
    let name = mac(1).to_string();
    store.put_user(&user(&name), Put::Create).unwrap();
    assert!(is_missing(store.device(mac(1)), Definition::Device));
    store.put_device(&device(1), Put::Create).unwrap();
    store.remove_user(&name).unwrap();
    assert_eq!(store.device(mac(1)).unwrap(), device(1));
    store.put_user(&User::new(&name), Put::Create).unwrap();
    store.remove_device(mac(1)).unwrap();
    assert_eq!(store.user(&name).unwrap(), User::new(&name));
}
