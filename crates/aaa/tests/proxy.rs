//! Where requests go by their realm, and what of them.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail it")]

use portreeve_aaa::{
    proxy::{
        Accounting, BadPattern, HopKey, NameForms, Obstacle, OperatorName, Pattern, Route, Routes,
        Rules, Verdict,
    },
    refusal::Refusal,
};
use portreeve_proto::{Ask, AttributeList, Code, Dictionary, Packet, Query, Secret, attr};
use proptest::prelude::*;

fn key() -> HopKey {
    HopKey::new(&[3; 32])
}

fn octets(attributes: &AttributeList) -> Vec<u8> {
    let mut octets = Vec::new();
    let secret = Secret::new("s3cret").unwrap();
    let mut random = |octets: &mut [u8]| octets.fill(7);
    let ask = Ask::Access;
    Query::encode(ask, 1, attributes, &secret, true, &mut random, &mut octets).unwrap();
    octets
}

fn routes(patterns: &[&str]) -> Vec<Route> {
    let route = |pattern: &&str| Route::new(pattern.parse().unwrap(), *pattern);
    patterns.iter().map(route).collect()
}

fn table(patterns: &[&str]) -> Routes {
    Routes::new(routes(patterns), Rules::default()).unwrap()
}

/// The pool, `local`, or the label of the obstacle.
fn goes(table: &Routes, request: &AttributeList, nas: &str) -> String {
    let octets = octets(request);
    let packet = Packet::parse(&octets).unwrap();
    match table.decide(&packet, nas, &key()) {
        Verdict::Forward(route, _) => route.pool.to_string(),
        Verdict::Local => "local".to_owned(),
        Verdict::Refuse(obstacle) => obstacle.label().to_owned(),
    }
}

fn named(table: &Routes, name: &str) -> String {
    let request = AttributeList::new().with(attr::USER_NAME, name);
    goes(table, &request, "hall")
}

#[test]
fn the_most_specific_pattern_decides() {
    let table = table(&["example.org", "*.example.org", "*.a.example.org", "*", ""]);
    for (name, pool) in [
        ("tim@example.org", "example.org"),
        ("tim@EXAMPLE.Org", "example.org"),
        ("@example.org", "example.org"),
        ("home.example!tim@example.org", "example.org"),
        ("tim@b.example.org", "*.example.org"),
        ("tim@a.example.org", "*.example.org"),
        ("tim@x.y.a.example.org", "*.a.example.org"),
        ("tim@badexample.org", "*"),
        ("tim@org", "*"),
        ("tim", ""),
        ("tim@", "bad_name"),
    ] {
        assert_eq!(named(&table, name), pool, "{name}");
    }
    let nobody = AttributeList::new().with(attr::NAS_IDENTIFIER, "hall");
    assert_eq!(goes(&table, &nobody, "hall"), "");
}

#[test]
fn what_nobody_else_serves_is_ours_unless_told_otherwise() {
    let lenient = table(&["example.org"]);
    for name in ["tim", "tim@example.net", "tim@", "tim@two words"] {
        assert_eq!(named(&lenient, name), "local", "{name}");
    }
    let rules = Rules {
        unknown_are_local: false,
        ..Rules::default()
    };
    let strict = Routes::new(routes(&["example.org"]), rules).unwrap();
    assert_eq!(named(&strict, "tim"), "local");
    assert_eq!(named(&strict, "tim@example.net"), "no_route");
    assert_eq!(named(&strict, "tim@"), "bad_name");
    assert_eq!(named(&strict, "portal@eap.arpa"), "local");
    assert_eq!(named(&Routes::default(), "tim@"), "local");
}

#[test]
fn eap_arpa_goes_nowhere() {
    let table = table(&["*"]);
    assert_eq!(named(&table, "portal@eap.arpa"), "local");
    assert_eq!(named(&table, "@Provisioning.EAP.arpa"), "local");
    assert_eq!(named(&table, "tim@noteap.arpa"), "*");
    for pattern in ["eap.arpa", "*.eap.arpa", "Portal.eap.arpa"] {
        assert_eq!(pattern.parse::<Pattern>(), Err(BadPattern::EapArpa));
    }
}

#[test]
fn a_windows_domain_is_routed_where_that_is_wanted() {
    let rules = Rules {
        forms: NameForms { windows: true },
        ..Rules::default()
    };
    let with = Routes::new(routes(&["corp"]), rules).unwrap();
    assert_eq!(named(&with, "CORP\\tim"), "corp");
    assert_eq!(named(&table(&["corp"]), "CORP\\tim"), "local");
}

#[test]
fn a_request_that_comes_back_is_refused() {
    let table = table(&["example.org"]);
    let request = |states: &[&[u8]]| {
        let named = AttributeList::new().with(attr::USER_NAME, "tim@example.org");
        let add = |list: AttributeList, state: &&[u8]| list.with(attr::PROXY_STATE, *state);
        states.iter().fold(named, add)
    };
    let ours = key().mark(*b"12345678");
    let theirs = HopKey::new(&[4; 32]).mark(*b"12345678");
    assert_eq!(
        goes(&table, &request(&[b"x", ours.octets(), b"y"]), "hall"),
        "loop_detected"
    );
    let others: Vec<&[u8]> = vec![theirs.octets(); 7];
    assert_eq!(goes(&table, &request(&others), "hall"), "example.org");
    assert_eq!(
        goes(&table, &request(&[&theirs.octets()[..]; 8]), "hall"),
        "too_many_hops"
    );
    // Who is at home here is answered, however far the request has travelled.
    let home = AttributeList::new().with(attr::USER_NAME, "tim");
    let home = home.with(attr::PROXY_STATE, &ours.octets()[..]);
    assert_eq!(goes(&table, &home, "hall"), "local");
}

#[test]
fn a_nas_sends_only_the_realms_it_may() {
    let mut restricted = routes(&["example.org", "*"]);
    restricted[0].nases = Some(["attic".to_owned()].into());
    let table = Routes::new(restricted, Rules::default()).unwrap();
    let request = AttributeList::new().with(attr::USER_NAME, "tim@example.org");
    assert_eq!(goes(&table, &request, "attic"), "example.org");
    assert_eq!(goes(&table, &request, "hall"), "realm_not_allowed");
    let octets = octets(&request);
    let packet = Packet::parse(&octets).unwrap();
    let Verdict::Refuse(obstacle) = table.decide(&packet, "hall", &key()) else {
        panic!("not refused");
    };
    assert!(matches!(obstacle, Obstacle::RealmNotAllowed { .. }));
    let refusal = Refusal::NotForwarded(obstacle);
    assert_eq!(
        refusal.cure(None, None).unwrap(),
        "in portreeve.toml, add \"hall\" to nas of [[realm]] name = \"example.org\""
    );
}

#[test]
fn two_routes_for_one_realm_are_a_mistake() {
    let twice = Routes::new(routes(&["a.example", "*", "A.Example"]), Rules::default());
    let twice = twice.unwrap_err();
    assert_eq!(
        (twice.index, twice.pattern.to_string()),
        (2, "a.example".to_owned())
    );
}

#[test]
fn patterns_are_read_and_shown_alike() {
    for (text, shown) in [
        ("", ""),
        ("*", "*"),
        ("*.Example.org", "*.example.org"),
        ("M\u{dc}NCHEN.example", "m\u{fc}nchen.example"),
    ] {
        assert_eq!(text.parse::<Pattern>().unwrap().to_string(), shown);
    }
    for text in [
        "*.",
        "*.*",
        "a.*",
        "*example.org",
        "a b",
        "@example.org",
        ".",
    ] {
        assert_eq!(text.parse::<Pattern>(), Err(BadPattern::Form), "{text}");
    }
}

fn route(text: &str) -> Route {
    Route::new(text.parse().unwrap(), "homes")
}

/// What goes to the home server, as text.
fn sent(route: Route, code: Code, request: &AttributeList) -> Vec<(String, Vec<u8>)> {
    let table = Routes::new(vec![route], Rules::default()).unwrap();
    let octets = octets(request);
    let packet = Packet::parse(&octets).unwrap();
    let Verdict::Forward(route, nai) = table.decide(&packet, "hall", &key()) else {
        panic!("not forwarded");
    };
    let sent = route.outgoing(code, &nai, request);
    let name = |oid| Dictionary::builtin().describe(&oid).name.into_owned();
    sent.iter()
        .map(|entry| (name(entry.spec.oid), entry.value.to_vec()))
        .collect()
}

#[test]
fn what_the_user_typed_goes_on_untouched() {
    let request = AttributeList::new()
        .with(attr::USER_NAME, "Tim@EXAMPLE.org")
        .with(attr::PROXY_STATE, &b"before us"[..]);
    let sent = sent(route("example.org"), Code::ACCESS_REQUEST, &request);
    assert_eq!(
        sent,
        [
            ("User-Name".to_owned(), b"Tim@EXAMPLE.org".to_vec()),
            ("Proxy-State".to_owned(), b"before us".to_vec()),
        ]
    );
}

#[test]
fn the_realm_is_taken_off_and_the_operator_named_where_that_is_asked_for() {
    let asked = || {
        let mut route = route("example.org");
        route.strip = true;
        route.operator_name = Some(OperatorName::realm("net.example").unwrap());
        route.request_cui = true;
        route
    };
    let request = AttributeList::new().with(attr::USER_NAME, "tim@example.org");
    let pair = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    assert_eq!(
        sent(asked(), Code::ACCESS_REQUEST, &request),
        [
            pair("User-Name", b"tim"),
            pair("Operator-Name", b"1net.example"),
            pair("Chargeable-User-Identity", &[0]),
        ]
    );
    assert_eq!(sent(asked(), Code::ACCOUNTING_REQUEST, &request).len(), 2);
    let told = request
        .with(attr::OPERATOR_NAME, "1other.example")
        .with(attr::CHARGEABLE_USER_IDENTITY, &b"id"[..]);
    let sent = sent(asked(), Code::ACCESS_REQUEST, &told);
    assert_eq!(
        sent[1..],
        [
            pair("Operator-Name", b"1other.example"),
            pair("Chargeable-User-Identity", b"id"),
        ]
    );
    assert!(OperatorName::realm("no realm").is_err());
}

#[test]
fn a_name_without_the_realm_we_took_off_does_not_reach_the_nas() {
    let mut route = route("example.org");
    let answer = AttributeList::new()
        .with(attr::USER_NAME, "tim")
        .with(attr::CLASS, &[1_u8][..]);
    assert_eq!(route.incoming(&answer).len(), 2);
    route.strip = true;
    assert_eq!(route.incoming(&answer).len(), 1);
    let whole = AttributeList::new().with(attr::USER_NAME, "tim@example.org");
    assert_eq!(route.incoming(&whole).len(), 1);
    assert_eq!(route.accounting, Accounting::Forward);
}

proptest! {
    #[test]
    fn any_request_has_somewhere_to_go(
        name in prop::collection::vec(any::<u8>(), 1..254),
        states in prop::collection::vec(
        prop::collection::vec(any::<u8>(), 1..40), 0..12,
    )) {
        let mut request = AttributeList::new();
        request.push(attr::USER_NAME.spec(), 0, &name);
        for state in &states {
            request.push(attr::PROXY_STATE.spec(), 0, state);
        }
        let went = goes(&table(&["*", ""]), &request, "hall");
        prop_assert_ne!(&went, "local");
        if states.len() >= Rules::MAX_HOPS {
            prop_assert!(["too_many_hops", "bad_name"].contains(&went.as_str()), "{}", went);
        }
    }
}
