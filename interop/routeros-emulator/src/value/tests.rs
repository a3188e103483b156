//! Values as they go in and come out.

use super::*;

fn nothing(_: &str, _: &str, _: &str) -> (bool, usize) {
    (false, 0)
}

fn check(kind: &Kind, value: &str) -> Result<String, String> {
    kind.check("it", value, &nothing)
        .map_err(|trap| trap.message)
}

#[test]
fn spans_are_read_in_every_form_and_written_in_one() {
    for (text, written) in [
        ("300ms", "300ms"),
        ("2", "2s"),
        ("2s", "2s"),
        ("00:00:02", "2s"),
        ("00:05", "5m"),
        ("1d 00:05:00", "1d5m"),
        ("1d2h3m4s5ms", "1d2h3m4s5ms"),
        ("00:00:03.3", "3s300ms"),
        ("7d", "1w"),
        ("0.05", "50ms"),
        ("1.5s", "1s500ms"),
        ("90m", "1h30m"),
        ("0s", "0s"),
    ] {
        assert_eq!(
            milliseconds(text).map(span_of).as_deref(),
            Some(written),
            "{text}"
        );
    }
    for text in ["", "x", "5x", "1:2:3:4", "99999999999999999999s"] {
        assert_eq!(milliseconds(text), None, "{text}");
    }
}

#[test]
fn what_routers_say_of_arguments_is_understood() {
    let time = Kind::described("10ms..1m    (time interval)").unwrap();
    assert_eq!(check(&time, "1s"), Ok("1s".into()));
    let wrong = "value of it out of range (10ms..1m)";
    assert_eq!(check(&time, "2m"), Err(wrong.into()));
    assert_eq!(
        check(&time, "soon"),
        Err("invalid value for argument it".into())
    );

    let services = "ppp|login|hotspot|wireless|dhcp|ipsec|dot1x[,Service*]";
    let several = Kind::described(services).unwrap();
    assert_eq!(check(&several, "login,ppp"), Ok("ppp,login".into()));
    let wrong = "input does not match any value of it";
    assert_eq!(check(&several, "ppp,wifi"), Err(wrong.into()));

    let text = Kind::described("string value, min length 2, max length 4").unwrap();
    assert_eq!(check(&text, "abcd"), Ok("abcd".into()));
    assert!(check(&text, "abcde").is_err());
    assert!(check(&text, "a").is_err());
    assert_eq!(Kind::described("see documentation"), None);
}

#[test]
fn yes_and_no_come_back_as_true_and_false() {
    assert_eq!(check(&Kind::Bool, "yes"), Ok("true".into()));
    assert_eq!(check(&Kind::Bool, "false"), Ok("false".into()));
    let wrong = "input does not match any value of it";
    assert_eq!(check(&Kind::Bool, "maybe"), Err(wrong.into()));
    // Where there are more words than two they stay words.
    let words = Kind::Choice(vec!["no".into(), "yes".into(), "accounting".into()]);
    assert_eq!(check(&words, "true"), Ok("yes".into()));
    assert_eq!(check(&words, "accounting"), Ok("accounting".into()));
}

#[test]
fn numbers_have_bounds() {
    let port = Kind::Number {
        low: 1,
        high: 65535,
    };
    assert_eq!(check(&port, "01812"), Ok("1812".into()));
    let wrong = "value of it out of range (1..65535)";
    assert_eq!(check(&port, "65536"), Err(wrong.into()));
    assert_eq!(
        check(&port, "x"),
        Err("invalid value for argument it".into())
    );
}

#[test]
fn addresses_are_of_the_family_that_fits() {
    let kind = |four, six, vrf| Kind::Address { four, six, vrf };
    assert_eq!(
        check(&kind(true, false, false), "10.0.0.1"),
        Ok("10.0.0.1".into())
    );
    let wrong = Err("invalid value for argument it".to_owned());
    assert_eq!(check(&kind(true, false, false), "2001:DB8::1"), wrong);
    let six = check(&kind(true, true, false), "2001:DB8::1");
    assert_eq!(six, Ok("2001:db8::1".into()));
    let vrf = check(&kind(true, true, true), "10.0.0.1@upstream");
    assert_eq!(vrf, Ok("10.0.0.1@upstream".into()));
    assert_eq!(check(&kind(true, true, false), "10.0.0.1@upstream"), wrong);
    assert_eq!(check(&kind(true, true, true), "radius.example.org"), wrong);
}

#[test]
fn networks_lose_their_host_bits() {
    let list = check(&Kind::Prefixes, "10.1.2.3/8,192.0.2.7");
    assert_eq!(list, Ok("10.0.0.0/8,192.0.2.7/32".into()));
    assert!(check(&Kind::Prefixes, "10.0.0.0/33").is_err());
    assert!(prefix_has("10.0.0.0/8", "10.200.0.1".parse().unwrap()));
    assert!(!prefix_has("10.0.0.0/8", "11.0.0.1".parse().unwrap()));
    assert!(!prefix_has("0.0.0.0/0", "::1".parse().unwrap()));
    assert!(prefix_has("0.0.0.0/0", "192.0.2.1".parse().unwrap()));
}

#[test]
fn hardware_addresses_get_colons() {
    assert_eq!(
        check(&Kind::Mac, "aa-bb-cc-00-11-22"),
        Ok("AA:BB:CC:00:11:22".into())
    );
    assert!(check(&Kind::Mac, "aa-bb-cc").is_err());
}

#[test]
fn a_name_must_be_somebodys() {
    let kind = Kind::Reference {
        menu: "/certificate".into(),
        key: "name".into(),
        words: vec!["none".into()],
        many: false,
    };
    let has = |_: &str, _: &str, value: &str| (value == "radius", if value == "r" { 2 } else { 0 });
    let check = |value: &str| kind.check("it", value, &has).map_err(|trap| trap.message);
    assert_eq!(check("radius"), Ok("radius".into()));
    assert_eq!(check("none"), Ok("none".into()));
    assert_eq!(
        check("other"),
        Err("input does not match any value of it".into())
    );
    let wrong = "ambiguous value of it, more than one possible value matches input";
    assert_eq!(check("r"), Err(wrong.into()));
}
