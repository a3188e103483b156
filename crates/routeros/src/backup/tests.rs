//! Guidance before an import.

use std::collections::BTreeMap;

use super::*;
use crate::{Capabilities, Version, capability::Device};

fn here(version: Version, model: &str) -> Capabilities {
    Capabilities::new(version, BTreeMap::new(), BTreeMap::new()).with_device(Device {
        model: Some(model.to_owned()),
        ..Device::default()
    })
}

fn of(version: &str, model: &str) -> Export {
    parse(&format!(
        "# 2025-01-23 02:52:34 by RouterOS {version}\n# model = {model}\n/radius\n\
         add address=10.0.0.1 secret=x\n"
    ))
    .unwrap()
}

#[test]
fn an_export_of_the_same_router_fits() {
    let router = here(Version::new(7, 18, 2), "RB760iGS");
    let guidance = guide(&of("7.18.1", "RB760iGS"), &router);
    assert!(guidance.objections.is_empty(), "{guidance:?}");
    assert_eq!(guidance.commands, 1);
    assert!(
        !guidance
            .notes
            .iter()
            .any(|note| note.contains("no secrets"))
    );
}

#[test]
fn another_version_or_board_is_objected_to() {
    let router = here(Version::new(7, 18, 2), "RB760iGS");
    for (version, model) in [
        ("6.49.17", "RB760iGS"),
        ("7.24", "RB760iGS"),
        ("7.18.2", "hAP"),
    ] {
        let guidance = guide(&of(version, model), &router);
        assert_eq!(
            guidance.objections.len(),
            1,
            "{version} {model}: {guidance:?}"
        );
    }
}
