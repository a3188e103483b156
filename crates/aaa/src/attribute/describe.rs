use portreeve_proto::{AttributeList, Dictionary, Hiding, Value};

use crate::shown::Shown;

/// Attributes for people, one `Name = value` each; secret values are not shown.
pub fn describe(dictionary: &Dictionary, attributes: &AttributeList) -> Vec<Shown> {
    attributes
        .iter()
        .map(|entry| {
            let attribute = dictionary.describe(&entry.spec.oid);
            // What must be hidden stays hidden, whatever the dictionary says of it.
            let is_secret = attribute.secret
                || attribute.spec.hiding != Hiding::None
                || entry.spec.hiding != Hiding::None;
            let value = if is_secret {
                Shown::from("(secret)")
            } else {
                let value = Value::decode(attribute.spec.data_type, entry.value);
                let named = |number| dictionary.value_name(&entry.spec.oid, number);
                shown(&value, value.number().and_then(named))
            };
            match entry.tag {
                0 => Shown::sentence(&format!("{} = {value}", attribute.name)),
                tag => Shown::sentence(&format!("{}:{tag} = {value}", attribute.name)),
            }
        })
        .collect()
}

/// A value as people read it; `name` is what the dictionary calls it.
pub(super) fn shown(value: &Value, name: Option<&str>) -> Shown {
    match name {
        Some(name) => Shown::from(name),
        None => Shown::new(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use portreeve_proto::attr;

    use super::*;

    #[test]
    fn values_are_described_as_they_are_written() {
        let list = AttributeList::new()
            .with(attr::SESSION_TIMEOUT, 3600)
            .with(attr::SERVICE_TYPE, 2)
            .with(attr::TUNNEL_TYPE, (1, 13))
            .with(attr::REPLY_MESSAGE, "a \u{1b}[31m\"b\"")
            .with(attr::CLASS, [0, 255]);
        let lines = [
            "Session-Timeout = 3600",
            "Service-Type = Framed-User",
            "Tunnel-Type:1 = VLAN",
            r#"Reply-Message = "a \u{1b}[31m\"b\"""#,
            "Class = 0x00ff",
        ];
        let shown = describe(Dictionary::builtin(), &list);
        assert_eq!(shown.iter().map(Shown::as_str).collect::<Vec<_>>(), lines);
        for line in lines {
            Dictionary::builtin().pair(line).unwrap();
        }
    }

    #[test]
    fn secret_values_are_described_without_their_value() {
        let list = AttributeList::new().with(attr::TUNNEL_PASSWORD, (1, "opensesame"));
        let shown = describe(Dictionary::builtin(), &list);
        assert_eq!(shown[0].as_str(), "Tunnel-Password:1 = (secret)");
    }

    #[test]
    fn long_values_are_cut() {
        let list = AttributeList::new().with(attr::REPLY_MESSAGE, "ü".repeat(4000));
        let shown = describe(Dictionary::builtin(), &list);
        assert!(shown[0].as_str().len() < 2 * Shown::MAX, "{}", shown[0]);
        assert!(shown[0].as_str().ends_with('…'), "{}", shown[0]);
    }
}
