//! What the board measures: one record of all in RouterOS 6, one item each in RouterOS 7.

use std::collections::BTreeMap;

use crate::Record;

use super::Measure;

pub(super) fn of(records: &[Record]) -> BTreeMap<String, Measure> {
    let mut all = BTreeMap::new();
    for record in records {
        match (record.get("name"), record.get("value")) {
            (Some(name), Some(value)) => {
                let unit = record.get("type").unwrap_or_default();
                insert(&mut all, name, value, unit);
            }
            _ => {
                for (name, value) in record.iter() {
                    insert(&mut all, name, value, unit_of(name));
                }
            }
        }
    }
    all
}

fn insert(all: &mut BTreeMap<String, Measure>, name: &str, value: &str, unit: &str) {
    // Version 6 writes `24.3V` on the console and `24.3` over the API; both are read.
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    if let Ok(value) = number.parse::<f64>()
        && value.is_finite()
        && !name.starts_with('.')
    {
        all.insert(
            name.to_owned(),
            Measure {
                value,
                unit: unit.to_owned(),
            },
        );
    }
}

/// RouterOS 6 does not say the unit.
fn unit_of(name: &str) -> &'static str {
    if name.ends_with("temperature") {
        "C"
    } else if name.ends_with("voltage") {
        "V"
    } else if name.contains("fan") && name.ends_with("speed") {
        "RPM"
    } else if name.ends_with("current") {
        "A"
    } else if name.starts_with("power-consumption") {
        "W"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_say_the_same() {
        let six = [Record::new()
            .with("voltage", "24.3")
            .with("temperature", "41")
            .with("psu", "ok")];
        let item = |name: &str, value: &str, unit: &str| {
            Record::new()
                .with(".id", "*1")
                .with("name", name)
                .with("value", value)
                .with("type", unit)
        };
        let seven = [
            item("voltage", "24.3", "V"),
            item("temperature", "41", "C"),
            item("psu", "ok", ""),
        ];
        assert_eq!(of(&six), of(&seven));
        assert_eq!(
            of(&six)["voltage"],
            Measure {
                value: 24.3,
                unit: "V".to_owned()
            }
        );
        assert!(!of(&six).contains_key("psu"));
    }
}
