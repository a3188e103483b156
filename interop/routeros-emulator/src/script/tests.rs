//! Scripts as programs and people send them.

use std::sync::Arc;

use crate::{
    Board, Machine, Record, Release, Session,
    script::{Fault, Parser, Run},
};

fn machine() -> Arc<Machine> {
    Machine::new(Release::V7_18, Board::HapAx2).unwrap()
}

async fn said(machine: &Arc<Machine>, text: &str) -> String {
    let mut run = Run::new(machine, &Session::system());
    if let Err(fault) = run.script(text).await {
        run.output.push_str(&fault.message);
    }
    run.output.trim_end().replace("\r\n", "|")
}

#[tokio::test]
async fn expressions_are_worked_out() {
    let machine = machine();
    let cases = [
        (":put (1 + 2 * 3 - 4 / 2)", "5"),
        (":put (\"a\" . 1 . \"b\")", "a1b"),
        (":put (1 < 2 && !(3 = 4) || false)", "true"),
        (":put (\"abc\" ~ \"^ab\")", "true"),
        (":put (10.0.0.5 in 10.0.0.0/24)", "true"),
        (":local a {1;2;3}; :put [:len $a]; :put ($a->1)", "3|2"),
        (
            ":local a {\"x\"=1;\"y\"=2}; :foreach k,v in=$a do={ :put \"$k is $v\" }",
            "x is 1|y is 2",
        ),
        (
            ":local n 3; :put \"n=$n and $($n + 1) and $[:len $n]\"",
            "n=3 and 4 and 1",
        ),
        (
            ":put [:pick \"abcdef\" 1 3]; :put [:find \"abc\" \"c\"]",
            "bc|2",
        ),
        (":for i from=1 to=3 do={ :put $i }", "1|2|3"),
        (
            ":local i 0; :while ($i < 2) do={ :set i ($i + 1) }; :put $i",
            "2",
        ),
        (":if (1 = 2) do={ :put a } else={ :put b }", "b"),
        (":local f do={ :return ($1 + $b) }; :put [$f 1 b=2]", "3"),
        (
            ":put [:typeof [:tonum \"x\"]]; :put [:typeof 5]",
            "nothing|num",
        ),
        ("# a remark\n:put \\\n  5", "5"),
        (
            ":put \"tab\\tquote\\\"dollar\\$ \\41\"",
            "tab\tquote\"dollar$ A",
        ),
    ];
    for (script, wanted) in cases {
        assert_eq!(said(&machine, script).await, wanted, "{script}");
    }
}

#[tokio::test]
async fn commands_are_done_in_either_spelling_and_in_a_menu() {
    let machine = machine();
    let script = "/radius add address=10.0.0.1 comment=one service=ppp,login\n\
                  /radius/add address=10.0.0.2 comment=\"two words\"\n\
                  /radius\n\
                  add address=10.0.0.3 disabled=yes\n\
                  set [ find comment=\"two words\" ] timeout=2s\n\
                  set [find where disabled=yes && address=10.0.0.3] timeout=3s\n\
                  /system identity set name=(\"r\" . 1)";
    assert_eq!(said(&machine, script).await, "");
    let timeouts: Vec<String> = machine
        .read("/radius")
        .iter()
        .map(|record| record.text("timeout").to_owned())
        .collect();
    assert_eq!(timeouts, ["300ms", "2s", "3s"]);
    assert_eq!(machine.identity(), "r1");
    let cases = [
        (":put [:len [/radius find]]", "3"),
        (":put [/radius get [find comment=one] service]", "ppp,login"),
        (":put [/radius get 1 value-name=address]", "10.0.0.2"),
        (":put [/system identity get name]", "r1"),
        ("/radius print count-only where disabled=no", "2"),
        (
            "/radius remove [find comment~\"^t\"]; :put [:len [/radius/find]]",
            "2",
        ),
        (
            "/radius disable [find]; :put [:len [/radius find disabled=yes]]",
            "2",
        ),
        (
            "/ip service disable telnet; :put [/ip service get telnet disabled]",
            "true",
        ),
        ("/radius remove [find comment=nobody]", ""),
        (
            "/radius set [find comment=nobody] timeout=1s",
            "no such item",
        ),
    ];
    for (script, wanted) in cases {
        assert_eq!(said(&machine, script).await, wanted, "{script}");
    }
}

#[tokio::test]
async fn faults_have_the_words_and_places_of_a_router() {
    let machine = machine();
    let cases = [
        (
            "frobnicate",
            "bad command name frobnicate (line 1 column 1)",
        ),
        ("/radius frob", "bad command name frob (line 1 column 9)"),
        ("/nope/print", "syntax error (line 1 column 6)"),
        (":put 1\n:bad", "bad command name bad (line 2 column 2)"),
        (
            "/radius add addres=1",
            "bad parameter addres (line 1 column 13)",
        ),
        (":put 5 )", "syntax error (line 1 column 8)"),
        (":put \"open", "syntax error (line 1 column 6)"),
        (
            ":if (true) do={ :put 1",
            "expected closing brace (line 1 column 23)",
        ),
        (":put 1; :error \"x y\"", "1|x y (:error; line 1)"),
        (":do { :error x } on-error={ :put caught }", "caught"),
        (
            ":onerror e in={ :error x } do={ :put \"got $e\" }",
            "got x (:error; line 1)",
        ),
        (
            "/radius add service=nothing",
            "input does not match any value of service",
        ),
        (":put (1 / 0)", "division by zero"),
    ];
    for (script, wanted) in cases {
        assert_eq!(said(&machine, script).await, wanted, "{script}");
    }
    // Nothing of a script is done that is not spelled right to its end.
    said(&machine, "/radius add address=10.0.0.9\nfrobnicate").await;
    assert!(machine.read("/radius").is_empty());
}

#[tokio::test]
async fn an_import_does_what_stands_before_the_fault() {
    let machine = machine();
    let mut run = Run::new(&machine, &Session::system());
    let text = "/radius\nadd address=10.0.0.9\nfrobnicate\nadd address=10.0.0.8\n";
    let (fault, line) = run.import(text, false).await.unwrap_err();
    assert_eq!(
        fault.message,
        "bad command name frobnicate (line 3 column 1)"
    );
    assert_eq!(line, 2, "the line after which it stands");
    assert_eq!(machine.read("/radius").len(), 1);
}

#[tokio::test]
async fn a_script_ends_that_would_not_end() {
    let machine = machine();
    assert_eq!(
        said(&machine, ":while (true) do={ :local x 1 }").await,
        "interrupted"
    );
    let deep = format!("{}{}", ":put (".repeat(200), ")".repeat(200));
    assert!(said(&machine, &deep).await.contains("(line 1 column"));
}

#[tokio::test]
async fn policies_hold_in_scripts() {
    let machine = machine();
    let mut session = Session::system();
    session.policies.remove("write");
    let mut run = Run::new(&machine, &session);
    let fault = run
        .script("/radius add address=10.0.0.1")
        .await
        .unwrap_err();
    assert_eq!(fault, Fault::new("not enough permissions (9)"));
}

#[tokio::test]
async fn global_variables_stay_when_a_script_has_ended() {
    let machine = machine();
    said(&machine, ":global seen 5").await;
    assert_eq!(said(&machine, ":global seen; :put ($seen + 1)").await, "6");
    let kept = machine.find("/system/script/environment", "name", "seen");
    assert_eq!(kept.as_ref().map(|kept| kept.text("value")), Some("5"));
}

#[test]
fn no_text_makes_the_parser_fall() {
    let machine = machine();
    let pieces = [
        "{", "}", "[", "]", "(", ")", "\"", "$", "$(", ":put", ":if", "/radius", " ", "\n", "=",
        "add", "find", "where", "\\", "1", "->", "~", "!", "..", ";", "do={", "é",
    ];
    let mut state: u64 = 7;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..20 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % pieces.len();
            text.push_str(pieces[at]);
        }
        // Either way is right; it must come back.
        drop(Parser::all(&machine.schema, &text));
    }
    assert_eq!(Record::new(), Record::default());
}
