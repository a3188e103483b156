use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    DataType, Dictionary, Hiding, Oid, VendorFormat,
    dictionary::{DictionaryErrors, Fault, Source, SourceError},
};

/// Files in memory; counts how often one is read.
struct Files {
    texts: BTreeMap<&'static str, String>,
    allowed: &'static str,
    reads: usize,
}

impl Source for Files {
    fn read(&mut self, path: &str) -> Result<String, SourceError> {
        self.reads += 1;
        self.texts.get(path).cloned().ok_or(SourceError::NotFound)
    }

    fn allows(&self, path: &str) -> bool {
        path == self.allowed
    }
}

fn files<const N: usize>(texts: [(&'static str, &str); N]) -> Files {
    Files {
        texts: texts.map(|(path, text)| (path, text.to_owned())).into(),
        allowed: "",
        reads: 0,
    }
}

fn parse(text: &str) -> Result<Dictionary, DictionaryErrors> {
    Dictionary::parse(&mut files([("d", text)]), "d")
}

fn loaded(text: &str) -> Dictionary {
    parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Every fault of a text, with its line.
fn faults(text: &str) -> Vec<(u32, Fault)> {
    let errors = parse(text).err();
    let errors = errors.iter().flat_map(DictionaryErrors::iter);
    errors
        .map(|error| (error.line, error.fault.clone()))
        .collect()
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn number_of(dictionary: &Dictionary, name: &str) -> Option<String> {
    dictionary
        .attribute(name)
        .map(|found| found.spec.oid.to_string())
}

#[test]
fn the_syntax_of_version_3_is_read() {
    let read = loaded(
        "# comment\n\
         VENDOR\tAcme\t9999\tformat=2,1\n\
         VALUE Shape Round 1 # before its attribute\n\
         begin-vendor Acme\n\
         ATTRIBUTE Shape 0x0100 Integer has_tag\n\
         ATTRIBUTE Key 2 octets[16] has_tag,encrypt=2\n\
         ATTRIBUTE Box 3 tlv\n\
         ATTRIBUTE Box-Lid 3.1 string\n\
         BEGIN-TLV Box\n\
         ATTRIBUTE Box-Side 2 tlv\n\
         BEGIN-TLV Box-Side\n\
         ATTRIBUTE Box-Colour 1 byte array\n\
         END-TLV Box-Side\n\
         END-TLV Box\n\
         END-VENDOR Acme\n\
         ATTRIBUTE Old 7 string Acme\n\
         ATTRIBUTE Message 79 octets concat\n\
         ATTRIBUTE Inner 1000 string\n\
         VALUE Inner Unused 1\n\
         VALUE Nowhere Lost 0x10\n",
    );
    let shape = read.attribute("shape").unwrap();
    assert_eq!(shape.name, "Shape");
    assert_eq!(shape.spec.oid, oid("26.9999.256"));
    assert_eq!(shape.spec.data_type, DataType::Integer);
    assert!(shape.spec.tagged);
    let format = VendorFormat {
        type_octets: 2,
        length_octets: 1,
        continuation: false,
    };
    assert_eq!(shape.spec.format, format);
    assert_eq!(read.vendor_by_name("ACME").unwrap().format, format);
    let key = read.attribute("Key").unwrap();
    assert_eq!(
        (key.spec.hiding, key.octets, key.secret),
        (Hiding::Salted, Some(16), true)
    );
    assert_eq!(number_of(&read, "Box-Lid").as_deref(), Some("26.9999.3.1"));
    assert_eq!(
        number_of(&read, "Box-Colour").as_deref(),
        Some("26.9999.3.2.1")
    );
    assert!(read.attribute("Box-Colour").unwrap().array);
    assert_eq!(number_of(&read, "Old").as_deref(), Some("26.9999.7"));
    assert!(read.attribute("Message").unwrap().spec.concat);
    assert!(read.is_internal("inner") && read.attribute("Inner").is_none());
    assert_eq!(read.value_name(&oid("26.9999.256"), 1), Some("Round"));
    assert_eq!(read.value_number(&oid("26.9999.256"), "ROUND"), Some(1));
    let [pending] = read.pending_values() else {
        panic!("{:?}", read.pending_values());
    };
    assert_eq!(
        (&*pending.attribute, &*pending.name, pending.number),
        ("Nowhere", "Lost", 16)
    );
}

const VERSION_4: &str = "PROTOCOL RADIUS 1 format=string\n\
     BEGIN-PROTOCOL RADIUS\n\
     $INCLUDE- missing\n\
     ATTRIBUTE Vendor-Specific 26 vsa\n\
     ATTRIBUTE User-Password 2 string encrypt=User-Password\n\
     ATTRIBUTE Extended-Attribute-1 241 tlv extended\n\
     ATTRIBUTE Frag .7 uint32\n\
     ATTRIBUTE Extended-Attribute-5 245 tlv long\n\
     ATTRIBUTE Evs5 245.26 vsa\n\
     ATTRIBUTE Bag 242 tlv extended\n\
     BEGIN Bag\n\
     ATTRIBUTE Item 1 tlv\n\
     ATTRIBUTE Part .2 string\n\
     END Bag\n\
     DEFINE Group-Thing group\n\
     FLAGS internal\n\
     ATTRIBUTE Hidden-Away 9 string\n\
     FLAGS !internal\n\
     ENUM Shapes uint32\n\
     VALUE Shapes Round 1\n\
     VENDOR Acme 9999\n\
     BEGIN-VENDOR Acme\n\
     ATTRIBUTE AVPair 1 string\n\
     ATTRIBUTE Form 2 struct\n\
     MEMBER First uint8 key\n\
     VALUE First Sub 1\n\
     MEMBER Second ipv4addr[2]\n\
     STRUCT Sub First 1\n\
     BEGIN Sub\n\
     MEMBER Third bit[3]\n\
     END Sub\n\
     VALUE AVPair any \"text\"\n\
     END-VENDOR Acme\n\
     BEGIN-VENDOR Acme parent=Extended-Attribute-5.Evs5\n\
     ATTRIBUTE AVPair 4 octets ref=@.Vendor-Specific\n\
     END-VENDOR Acme\n\
     END-PROTOCOL RADIUS\n\
     BEGIN-PROTOCOL DHCPv4\n\
     ATTRIBUTE Subnet-Mask 1 ipaddr\n\
     ALIAS Mask Subnet-Mask\n\
     END-PROTOCOL DHCPv4\n\
     ALIAS Acme-AVPair Vendor-Specific.Acme.AVPair\n";

#[test]
fn the_syntax_of_version_4_is_read() {
    let read = loaded(VERSION_4);
    assert_eq!(
        read.attribute("User-Password").unwrap().spec.hiding,
        Hiding::UserPassword
    );
    assert_eq!(number_of(&read, "Frag").as_deref(), Some("241.7"));
    assert_eq!(number_of(&read, "Part").as_deref(), Some("242.1.2"));
    let long = read.attribute("Extended-Attribute-5").unwrap();
    assert_eq!(long.spec.data_type, DataType::LongExtended);
    assert_eq!(
        read.attribute("Evs5").unwrap().spec.data_type,
        DataType::Evs
    );
    assert_eq!(
        read.attribute("Form").unwrap().spec.data_type,
        DataType::Octets
    );
    assert_eq!(number_of(&read, "AVPair").as_deref(), Some("245.26.9999.4"));
    assert_eq!(
        number_of(&read, "Acme-AVPair").as_deref(),
        Some("26.9999.1")
    );
    assert_eq!(read.by_oid(&oid("26.9999.1")).unwrap().name, "Acme-AVPair");
    for inside in ["Group-Thing", "Hidden-Away", "Shapes", "Subnet-Mask"] {
        assert!(read.is_internal(inside), "{inside}");
    }
    assert!(read.by_oid(&oid("9")).is_none());
    assert!(read.pending_values().is_empty());
}

#[test]
fn later_definitions_decide_and_earlier_names_still_find() {
    let read = loaded(
        "VALUE A Early 1\nATTRIBUTE A 1 integer\nATTRIBUTE B 1 integer\nATTRIBUTE C 2 string\n\
         VALUE A One 1\nVALUE A Uno 1\nATTRIBUTE C 3 string\n",
    );
    assert_eq!(read.by_oid(&oid("1")).unwrap().name, "B");
    assert_eq!(number_of(&read, "A").as_deref(), Some("1"));
    assert_eq!(number_of(&read, "C").as_deref(), Some("3"));
    assert_eq!(read.value_name(&oid("1"), 1), Some("Uno"));
    for name in ["Early", "One", "Uno"] {
        assert_eq!(read.value_number(&oid("1"), name), Some(1), "{name}");
    }
}

#[test]
fn a_dictionary_lies_over_the_builtin_one() {
    let text = "VENDOR Mikrotik 14988 format=1,1\nVENDOR Starent 8164 format=1,1\n\
                BEGIN-VENDOR Mikrotik\nATTRIBUTE Mikrotik-New 200 string\n\
                ATTRIBUTE My-Rate 8 string\nEND-VENDOR Mikrotik\nVALUE Service-Type Guest 200\n";
    let builtin = Dictionary::builtin();
    let read = builtin.extended_by(&mut files([("d", text)]), "d").unwrap();
    assert_eq!(
        number_of(&read, "mikrotik-new").as_deref(),
        Some("26.14988.200")
    );
    assert_eq!(read.by_oid(&oid("26.14988.8")).unwrap().name, "My-Rate");
    assert_eq!(
        number_of(&read, "Mikrotik-Rate-Limit").as_deref(),
        Some("26.14988.8")
    );
    assert_eq!(read.value_number(&oid("6"), "guest"), Some(200));
    assert_eq!(read.value_name(&oid("6"), 2), Some("Framed-User"));
    assert!(read.values(&oid("6")).any(|value| value == (200, "Guest")));
    let sn = read.attribute("SN-VPN-Name").unwrap();
    assert_eq!(sn.spec.format, VendorFormat::STANDARD);
    assert_eq!(
        builtin
            .attribute("SN-VPN-Name")
            .unwrap()
            .spec
            .format
            .type_octets,
        2
    );
    let count = read.attributes().count();
    assert_eq!(count, builtin.attributes().count() + 2);
    assert_eq!(
        read.suggest("Mikrotik-Nev").as_deref(),
        Some("Mikrotik-New")
    );
}

#[test]
fn pending_values_find_their_attribute_in_a_later_file() {
    let first = loaded("VALUE Later Yes 1\n");
    let mut source = files([("d", "ATTRIBUTE Later 5 integer\n")]);
    let second = first.extended_by(&mut source, "d").unwrap();
    assert_eq!(second.value_name(&oid("5"), 1), Some("Yes"));
    assert!(second.pending_values().is_empty());
}

#[test]
fn raw_numbers_are_names_too() {
    let builtin = Dictionary::builtin();
    for name in [
        "26.14988.8",
        "Attr-26.14988.8",
        "attr-26.14988.8",
        "Mikrotik-Rate-Limit",
    ] {
        assert_eq!(
            builtin.attribute(name).unwrap().name,
            "Mikrotik-Rate-Limit",
            "{name}"
        );
    }
    let unknown = builtin.attribute("Attr-26.429.99999").unwrap();
    assert_eq!(unknown.name, "Attr-26.429.99999");
    assert_eq!(unknown.spec.format.type_octets, 4);
    for name in ["Attr-", "Attr-0", "Attr-x", "256", "é"] {
        assert!(builtin.attribute(name).is_none(), "{name}");
    }
}

/// Faults of the third line, by how they are told.
const FAULTS: &[(&str, &str)] = &[
    (
        "ALIAS A Nowhere.B",
        "ALIAS to \"Nowhere.B\", which is not defined",
    ),
    (
        "ATTRIBUTE A 1.1.1.1.1.1.1.1.1.1.1.1.1 string",
        "the number \"1.1.1.1.1.1",
    ),
    (
        "VENDOR A 1 format=3,1",
        "format=\"3,1\" is not t,l or t,l,c",
    ),
    ("$INCLUDE d", "$INCLUDE \"d\" includes itself"),
    (
        "$INCLUDE missing",
        "$INCLUDE \"missing\": there is no such file",
    ),
    (
        "$INCLUDE ../x",
        "$INCLUDE \"../x\": it lies outside the folder",
    ),
    (
        "$INCLUDE- /etc/passwd",
        "$INCLUDE \"/etc/passwd\": it lies outside the folder",
    ),
    (
        "ATTRIBUTE A 1",
        "ATTRIBUTE is incomplete: write ATTRIBUTE NAME NUMBER TYPE [FLAGS]",
    ),
    (
        "VALUE",
        "VALUE is incomplete: write VALUE ATTRIBUTE NAME NUMBER",
    ),
    (
        "ATTRIBUTE A x string",
        "\"x\" is not a number from 0 to 4294967295",
    ),
    (
        "ATTRIBUTE A 26.9.256 string",
        "\"256\" is not a number from 0 to 255",
    ),
    (
        "ATTRIBUTE A 241.0 string",
        "\"0\" is not a number from 1 to 255",
    ),
    ("VENDOR A 0", "\"0\" is not a number from 1 to 16777215"),
    (
        "VENDOR A 16777216",
        "\"16777216\" is not a number from 1 to 16777215",
    ),
    (
        "VALUE A B word",
        "\"word\" is not a number from 0 to 18446744073709551615",
    ),
    (
        "ATTRIBUTE A 1.2 string",
        "the attribute 1 that should contain this one is not defined",
    ),
    (
        "ATTRIBUTE A 250.2 string",
        "the attribute 250 holds no others",
    ),
    (
        "BEGIN-PROTOCOL RADIUS",
        "this BEGIN-PROTOCOL has no END in the same file",
    ),
    (
        "END-VENDOR A",
        "END-VENDOR \"A\" closes nothing that is open here",
    ),
    ("ATTRIBUTE A 1 string has_tags", "unknown flag \"has_tags\""),
    ("VENDOR A 1 shape=1", "unknown flag \"shape=1\""),
    ("ATTRIBUT A 1 string", "unknown keyword \"ATTRIBUT\""),
    ("ATTRIBUTE A 1 strng", "unknown type \"strng\""),
];

#[test]
fn every_fault_is_found_with_its_line() {
    for (line, told) in FAULTS {
        let found = faults(&format!("# first\nATTRIBUTE Fine 250 string\n{line}\n"));
        let [(3, fault)] = &found[..] else {
            panic!("{line}: {found:?}");
        };
        assert!(fault.to_string().starts_with(told), "{line}: {fault}");
    }
}

#[test]
fn a_wrong_block_counts_once() {
    let text = |text: &str| text.to_owned();
    let found = faults("ATTRIBUTE A .2 string\n");
    assert_eq!(found, [(1, Fault::Relative { number: text(".2") })]);
    let found = faults("BEGIN-VENDOR Nobody\nATTRIBUTE A 1 string\nEND-VENDOR Nobody\n");
    assert_eq!(
        found,
        [(
            1,
            Fault::UnknownVendor {
                name: text("Nobody")
            }
        )]
    );
    let found = faults("BEGIN-TLV Nothing\nATTRIBUTE A 1 string\nEND-TLV Nothing\n");
    assert_eq!(
        found,
        [(
            1,
            Fault::UnknownAttribute {
                name: text("Nothing")
            }
        )]
    );
}

#[test]
fn all_faults_are_told_with_file_and_line() {
    let mut source = files([
        ("d", "NONSENSE\n$INCLUDE sub/a\nVENDOR A x\n"),
        ("sub/a", "\nATTRIBUTE A 1 strng\n$INCLUDE b\n"),
        ("sub/b", "BEGIN-PROTOCOL X\n"),
    ]);
    let errors = Dictionary::parse(&mut source, "d").unwrap_err();
    let places: Vec<_> = errors
        .iter()
        .map(|error| (&*error.file, error.line))
        .collect();
    assert_eq!(places, [("d", 1), ("sub/a", 2), ("sub/b", 1), ("d", 3)]);
    assert_eq!(
        errors.to_string().lines().nth(1),
        Some(
            "sub/a:2: unknown type \"strng\"; known are string, octets, integer, ipaddr, date and \
             others"
        )
    );
    let missing = Dictionary::parse(&mut source, "nowhere").unwrap_err();
    assert_eq!(missing.to_string(), "nowhere:0: there is no such file");
}

#[test]
fn includes_stay_in_the_folder_unless_the_source_allows_more() {
    let mut source = files([
        ("/etc/d/root", "$INCLUDE /usr/share/x\n$INCLUDE near\n"),
        ("/etc/d/near", "ATTRIBUTE Near 1 string\n"),
        ("/usr/share/x", "ATTRIBUTE Far 2 string\n"),
    ]);
    let errors = Dictionary::parse(&mut source, "/etc/d/root").unwrap_err();
    assert_eq!(errors.iter().count(), 1);
    source.allowed = "/usr/share/x";
    let read = Dictionary::parse(&mut source, "/etc/d/root").unwrap();
    assert!(read.attribute("Near").is_some() && read.attribute("Far").is_some());
}

#[test]
fn includes_that_multiply_are_stopped() {
    let mut source = Files {
        texts: BTreeMap::new(),
        allowed: "",
        reads: 0,
    };
    let names: Vec<&'static str> = vec!["a", "b", "c", "e", "f", "g", "h", "i", "j", "k"];
    for pair in names.windows(2) {
        source
            .texts
            .insert(pair[0], format!("$INCLUDE {}\n", pair[1]).repeat(10));
    }
    source
        .texts
        .insert("k", "ATTRIBUTE A 1 string\n".to_owned());
    let errors = Dictionary::parse(&mut source, "a").unwrap_err();
    assert!(source.reads <= super::MAX_FILES + 1, "{}", source.reads);
    assert!(errors.iter().count() <= DictionaryErrors::MAX);
    let limit = |error: &crate::dictionary::DictionaryError| {
        matches!(error.fault, Fault::IncludeLimit { .. })
    };
    assert!(errors.iter().all(limit));
}

#[test]
fn the_number_of_errors_is_bounded() {
    let errors = parse(&"NONSENSE\n".repeat(5000)).unwrap_err();
    assert_eq!(errors.iter().count(), DictionaryErrors::MAX);
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ATTRIBUTE".to_owned()),
        Just("VALUE".to_owned()),
        Just("VENDOR".to_owned()),
        Just("BEGIN-VENDOR".to_owned()),
        Just("END-VENDOR".to_owned()),
        Just("BEGIN-TLV".to_owned()),
        Just("END-TLV".to_owned()),
        Just("ALIAS".to_owned()),
        Just("$INCLUDE".to_owned()),
        Just("format=1,1,c".to_owned()),
        Just("tlv".to_owned()),
        Just("integer".to_owned()),
        Just("has_tag,encrypt=2".to_owned()),
        "[A-C]",
        "[0-9.]{1,8}",
        "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        lines in prop::collection::vec(prop::collection::vec(words(), 0..6), 0..30),
    ) {
        let lines: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        let text = lines.join("\n");
        if let Ok(read) = parse(&text) {
            for attribute in read.attributes() {
                prop_assert!(read.attribute(&attribute.name).is_some());
                prop_assert!(read.by_oid(&attribute.spec.oid).is_some());
            }
            let _tables = read.tables();
        }
    }
}
