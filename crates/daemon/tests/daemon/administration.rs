use crate::site::{Site, mode, unread};

#[test]
fn a_user_is_added_shown_changed_and_removed() {
    let site = Site::new();
    site.ok(&[
        "group",
        "add",
        "staff",
        "--attr",
        "Idle-Timeout=900",
        "--priority",
        "5",
    ]);
    site.ok(&[
        "user",
        "add",
        "tim",
        "--password",
        "12345",
        "--group",
        "staff:7",
        "--attr",
        "Session-Timeout=3600",
        "--check",
        "NAS-Port-Type!=Virtual",
        "--comment",
        "from Bremen",
    ]);
    let tim = site.json(&["user", "show", "tim", "--json"]);
    assert_eq!(tim["stored_as"], "clear");
    assert_eq!(tim["serves"][3], "mschapv2");
    assert_eq!(tim["groups"][0]["priority"], 7);
    assert_eq!(tim["reply"][0], "Session-Timeout=3600");
    assert!(!tim.to_string().contains("12345"), "{tim}");
    site.ok(&[
        "user",
        "set",
        "tim",
        "--attr",
        "Session-Timeout=60",
        "--attr",
        "Class+=a",
        "--remove-check",
        "nas-port-type",
        "--remove-group",
        "staff",
    ]);
    let tim = site.json(&["user", "show", "tim", "--json"]);
    assert_eq!(
        tim["reply"],
        serde_json::json!(["Session-Timeout=60", "Class+=a"])
    );
    assert_eq!(tim["check"], serde_json::json!([]));
    assert_eq!(tim["groups"], serde_json::json!([]));
    assert_eq!(tim["comment"], "from Bremen");
    site.ok(&["user", "disable", "tim"]);
    assert_eq!(site.json(&["user", "list", "--json"])[0]["enabled"], false);
    site.ok(&["user", "enable", "tim"]);
    site.ok(&["user", "remove", "tim"]);
    assert_eq!(
        site.json(&["user", "list", "--json"]),
        serde_json::json!([])
    );
}

#[test]
fn what_is_stored_says_what_it_can_serve() {
    let site = Site::new();
    for scheme in ["argon2id", "bcrypt", "sha512-crypt", "yescrypt", "ssha512"] {
        site.ok(&[
            "user",
            "add",
            scheme,
            "--password",
            "12345",
            "--store",
            scheme,
        ]);
        let shown = site.ok(&["user", "show", scheme]);
        let words = "PAP and TTLS-PAP only; cannot serve CHAP, MS-CHAP";
        assert!(shown.contains(words), "{shown}");
    }
    site.ok(&["user", "add", "nt", "--password", "12345", "--store", "nt"]);
    let shown = site.ok(&["user", "show", "nt"]);
    assert!(
        shown.contains("PAP, TTLS-PAP and MS-CHAP only; cannot serve CHAP"),
        "{shown}"
    );
    let hash = "$6$abcdefgh$\
        YVTUqV9YfGQCNUSy8r6XjUpZUvkNn2vX9nGsCVaqFaZEzlmB1Bd.Wsj53rzlcL2nV5u6mPqOQkWXbfQMvZYPx1";
    site.ok(&["user", "add", "imported", "--credential", hash]);
    assert_eq!(
        site.json(&["user", "show", "imported", "--json"])["stored_as"],
        "sha512-crypt"
    );
}

#[test]
fn a_password_may_come_from_standard_input_or_be_made_up() {
    let site = Site::new();
    let ended = site.fed(
        &["user", "add", "tim", "--password-stdin"],
        b"p\xc3\xa4ss word\n",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let printed = site.ok(&["user", "add", "anna", "--generate"]);
    let password = printed.strip_prefix("password: ").unwrap().trim();
    assert!(password.len() >= 16, "{printed}");
    assert_eq!(
        site.fed(&["user", "add", "x", "--password-stdin"], b"\n")
            .code,
        Some(2)
    );
    assert!(
        site.fails(2, &["user", "add", "x"])
            .contains("--password-stdin")
    );
    assert!(
        site.fails(2, &["user", "add", "x", "--credential", "12345"])
            .contains("credential")
    );
    site.fails(2, &["user", "add", "x", "--password", ""]);
}

#[test]
fn a_name_that_was_mistyped_is_suggested() {
    let site = Site::new();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    let said = site.fails(1, &["user", "show", "tmi"]);
    assert!(
        said.contains("no user 'tmi'; did you mean 'tim'?"),
        "{said}"
    );
    let said = site.fails(2, &["user", "set", "tim", "--attr", "Sesion-Timeout=1"]);
    assert!(said.contains("did you mean Session-Timeout?"), "{said}");
    let said = site.fails(
        2,
        &["user", "set", "tim", "--attr", "Service-Type=Framed-Usr"],
    );
    assert!(said.contains("did you mean Framed-User?"), "{said}");
    site.ok(&["group", "add", "staff"]);
    let said = site.fails(1, &["user", "set", "tim", "--group", "stafff"]);
    assert!(said.contains("did you mean 'staff'?"), "{said}");
    let said = site.fails(1, &["dictionary", "Sesion-Timeout"]);
    assert!(said.contains("did you mean 'Session-Timeout'?"), "{said}");
}

#[test]
fn nothing_is_overwritten_and_nothing_in_use_is_removed() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    site.ok(&[
        "user",
        "add",
        "tim",
        "--password",
        "12345",
        "--group",
        "staff",
    ]);
    assert!(
        site.fails(1, &["user", "add", "tim", "--password", "x"])
            .contains("exists")
    );
    assert!(site.fails(1, &["group", "remove", "staff"]).contains("tim"));
    assert!(
        site.fails(2, &["user", "set", "tim"])
            .contains("nothing to change")
    );
    site.fails(1, &["user", "remove", "anna"]);
    site.ok(&["nas", "add", "ap", "192.0.2.1"]);
    site.fails(1, &["nas", "add", "ap2", "192.0.2.1"]);
}

#[test]
fn a_secret_is_made_up_and_shown_once_and_a_weak_one_is_warned_of() {
    let site = Site::new();
    let printed = site.ok(&[
        "nas",
        "add",
        "router",
        "192.168.88.1",
        "--dialect",
        "mikrotik",
    ]);
    let secret = printed.strip_prefix("secret: ").unwrap().trim();
    assert_eq!(secret.len(), 32);
    let shown = site.ok(&["nas", "show", "router"]) + &site.ok(&["nas", "list", "--json"]);
    assert!(!shown.contains(secret), "{shown}");
    let shown = site.ok(&["nas", "show", "router", "--reveal-secret"]);
    assert!(shown.contains(secret), "{shown}");
    let ended = site.run(&["nas", "add", "ap", "192.0.2.0/24", "--secret", "testing123"]);
    assert!(
        ended.code == Some(0) && ended.err.contains("warning:"),
        "{}",
        ended.err
    );
    site.fails(2, &["nas", "add", "bad", "192.0.2.1/24"]);
    site.fails(2, &["nas", "add", "bad", "router.example"]);
    site.fails(2, &["nas", "add", "bad", "192.0.2.9", "--secret", ""]);
    let ended = site.run(&["nas", "set", "ap", "--require-message-authenticator", "no"]);
    assert!(ended.err.contains("CVE-2024-3596"), "{}", ended.err);
}

#[test]
fn an_attribute_is_found_by_name_part_and_number() {
    let site = Site::new();
    let shown = site.ok(&["dictionary", "Mikrotik-Rate-Limit"]);
    assert!(
        shown.contains("26.14988.8") && shown.contains("Mikrotik"),
        "{shown}"
    );
    assert_eq!(
        site.json(&["dictionary", "27", "--json"])[0]["name"],
        "Session-Timeout"
    );
    let found = site.json(&["dictionary", "mikrotik-", "--json"]);
    assert!(found.as_array().unwrap().len() > 20);
    assert!(
        site.ok(&["dictionary", "Service-Type"])
            .contains("2 = Framed-User")
    );
    site.fails(1, &["dictionary", "no such thing at all"]);
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let site = Site::new();
    site.ok(&["user", "add", "tim", "--password", "12345"]);
    assert_eq!(mode(&site.data()), 0o700);
    assert_eq!(mode(&site.data().join("portreeve.db")), 0o600);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    for arguments in [
        &["dictionary", "a"][..],
        &["group", "list"],
        &["completions", "bash"],
    ] {
        let (code, said) = unread(site.program(arguments));
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn what_packagers_need_is_printed() {
    let site = Site::new();
    assert!(site.ok(&["completions", "bash"]).contains("portreeve"));
    let pages = site.path("man");
    std::fs::create_dir(&pages).unwrap();
    site.ok(&["man", "--out", pages.to_str().unwrap()]);
    let page = std::fs::read_to_string(pages.join("portreeve-user-add.1")).unwrap();
    assert!(page.contains("password"), "{page}");
}
