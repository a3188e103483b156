use portreeve_aaa::{
    definition::check_name,
    device::{Authentication, Random, Rules, Unknown},
};

use super::{Fault, reader::Section};

const AUTHENTICATION: [(&str, Authentication); 2] = [
    ("devices", Authentication::Devices),
    ("off", Authentication::Off),
];
const RANDOM: [(&str, Random); 2] = [("refuse", Random::Refuse), ("allow", Random::Allow)];

/// Reads `[mac]`.
pub(super) fn read(rules: &mut Rules, section: &mut Section<'_, '_>) {
    section.word("authentication", &AUTHENTICATION, &mut rules.authentication);
    if let Some((at, word)) = section.text("unknown") {
        match unknown(&word) {
            Some(unknown) => rules.unknown = unknown,
            None => section.problem(Some(at), Fault::Bad(BAD_UNKNOWN.to_owned())),
        }
    }
    section.word("random", &RANDOM, &mut rules.random);
}

const BAD_UNKNOWN: &str =
    "not `refuse`, nor `group:` with the name of a group behind it, such as `group:guests`";

fn unknown(word: &str) -> Option<Unknown> {
    if word == "refuse" {
        return Some(Unknown::Refuse);
    }
    let group = word.strip_prefix("group:")?;
    let is_name = check_name(group).is_ok();
    is_name.then(|| Unknown::Group(group.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Problems};

    fn parse(text: &str) -> Result<Rules, Problems> {
        Ok(Config::parse(Path::new("portreeve.toml"), text)?.mac)
    }

    #[test]
    fn letting_devices_in_is_a_choice_in_three_parts() {
        assert_eq!(parse("").unwrap(), Rules::default());
        let chosen = parse(
            "[mac]\nauthentication = 'devices'\nunknown = 'group:the guests'\nrandom = 'allow'\n",
        );
        let wanted = Rules {
            authentication: Authentication::Devices,
            unknown: Unknown::Group("the guests".into()),
            random: Random::Allow,
        };
        assert_eq!(chosen.unwrap(), wanted);
        let off = parse("[mac]\nauthentication = 'off'\nunknown = 'refuse'\n").unwrap();
        assert_eq!(off.authentication, Authentication::Off);
        assert_eq!(off.unknown, Unknown::Refuse);
    }

    #[test]
    fn what_cannot_be_chosen_is_told_with_its_place() {
        for (line, expected) in [
            ("unknown = 'group:'", "portreeve.toml:2:11: not `refuse`"),
            ("unknown = 'guests'", "`group:guests`"),
            ("random = 'refused'", "did you mean `refuse`?"),
            ("authentication = 'on'", "not one of `devices`, `off`"),
        ] {
            let said = parse(&format!("[mac]\n{line}\n")).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
