//! Every dictionary of Debian's `freeradius-common` loads, as FreeRADIUS means it, and the built-in
//! dictionary knows what they define.
//!
//! Needs the files in `/usr/share/freeradius`. Without them these tests fail, unless
//! `PORTREEVE_TEST_PARTIAL=1` says that a partial run is meant.

use std::{fs, io::ErrorKind, path::Path};

use portreeve_proto::{
    Dictionary,
    dictionary::{Source, SourceError},
};

const FOLDER: &str = "/usr/share/freeradius";

/// Files the built-in dictionary leaves out: other protocols, and other meanings of numbers that it
/// has.
const LEFT_OUT: &[&str] = &[
    "dhcp",
    "freeradius.internal",
    "starent.vsa1",
    "vqp",
    "wimax.alvarion",
    "wimax.wichorus",
];

struct Files;

impl Source for Files {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        fs::read_to_string(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => SourceError::NotFound,
            ErrorKind::InvalidData => SourceError::NotText,
            _ => SourceError::Unreadable,
        })
    }
}

/// The paths of the dictionary files, or none where a partial run leaves this out.
fn corpus() -> Vec<String> {
    if !Path::new(FOLDER).is_dir() {
        let partial = std::env::var("PORTREEVE_TEST_PARTIAL").is_ok_and(|value| value == "1");
        assert!(
            partial,
            "install Debian's freeradius-common, or set PORTREEVE_TEST_PARTIAL=1"
        );
        return Vec::new();
    }
    let entries = fs::read_dir(FOLDER).unwrap_or_else(|error| panic!("{FOLDER}: {error}"));
    let mut paths: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .filter(|path| path.starts_with("/usr/share/freeradius/dictionary"))
        .collect();
    paths.sort();
    assert!(paths.len() > 200, "{} files", paths.len());
    paths
}

fn load(over: &Dictionary, path: &str) -> Dictionary {
    over.extended_by(&mut Files, path)
        .unwrap_or_else(|errors| panic!("{path}:\n{errors}"))
}

#[test]
fn the_root_dictionary_loads_alone_and_over_the_builtin_one() {
    if corpus().is_empty() {
        return;
    }
    let root = format!("{FOLDER}/dictionary");
    let alone = load(&Dictionary::default(), &root);
    assert!(alone.attributes().count() > 7000);
    let pair = alone.by_oid(&"26.9.1".parse().unwrap()).unwrap();
    assert_eq!(pair.name, "Cisco-AVPair");
    assert!(alone.is_internal("Auth-Type"));
    load(Dictionary::builtin(), &root);
}

#[test]
fn every_single_file_loads_over_the_builtin_dictionary() {
    for path in corpus() {
        load(Dictionary::builtin(), &path);
    }
}

#[test]
fn every_file_with_its_own_needs_loads_alone() {
    // The file with the vendor that evs5 speaks of, and the attribute it lives in.
    let needs = ["freeradius", "rfc6929"].map(|name| format!("{FOLDER}/dictionary.{name}"));
    for path in corpus() {
        let base = needs
            .iter()
            .fold(Dictionary::default(), |base, need| load(&base, need));
        load(&base, &path);
    }
}

#[test]
fn the_builtin_dictionary_means_what_the_files_say() {
    let builtin = Dictionary::builtin();
    let mut known = 0;
    for path in corpus() {
        let name = path.rsplit("dictionary.").next().unwrap_or_default();
        if LEFT_OUT.contains(&name) || path.ends_with("/dictionary") {
            continue;
        }
        let base = ["freeradius", "rfc6929"]
            .map(|name| format!("{FOLDER}/dictionary.{name}"))
            .iter()
            .fold(Dictionary::default(), |base, need| load(&base, need));
        for attribute in load(&base, &path).attributes() {
            // Numbers of drafts that the RFC gave anew, and a name that two files give to different
            // things.
            if matches!(&*attribute.name, "Digest-Response" | "Digest-Attributes") && name == "iana"
                || matches!(
                    &*attribute.name,
                    "Sip-Method" | "Sip-Translated-Request-URI"
                ) && name == "openser"
            {
                continue;
            }
            let found = builtin
                .attribute(&attribute.name)
                .unwrap_or_else(|| panic!("{path}: {}", attribute.name));
            assert_eq!(found.spec, attribute.spec, "{path}: {}", attribute.name);
            assert_eq!(found.octets, attribute.octets, "{path}: {}", attribute.name);
            known += 1;
        }
    }
    assert!(known > 7000 || corpus().is_empty(), "{known}");
}

#[test]
fn the_usual_names_are_those_of_the_root_dictionary() {
    if corpus().is_empty() {
        return;
    }
    let builtin = Dictionary::builtin();
    let root = load(&Dictionary::default(), &format!("{FOLDER}/dictionary"));
    for attribute in root.attributes() {
        let oid = attribute.spec.oid;
        let (Some(theirs), Some(ours)) = (root.by_oid(&oid), builtin.by_oid(&oid)) else {
            panic!("{} is unknown", attribute.name);
        };
        // Where RFC 5090 or MikroTik's own documentation decides.
        let decided = oid.vendor().is_none() && matches!(oid.top(), 103..=122 | 206 | 207)
            || oid.vendor() == Some(14988);
        assert!(
            decided || theirs.name == ours.name,
            "{oid}: {} {}",
            theirs.name,
            ours.name
        );
        for (number, name) in root.values(&oid) {
            let value = builtin.value_name(&oid, number);
            assert_eq!(value, Some(name), "{} {number}", attribute.name);
            assert!(builtin.value_number(&oid, name).is_some());
        }
    }
}
