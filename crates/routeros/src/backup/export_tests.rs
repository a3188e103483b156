//! Exports as real routers write them, and what is left of them when they are damaged.

use proptest::prelude::*;

use super::*;

const SIX: &str = "# jan/23/2025 02:52:34 by RouterOS 6.49.17\r
# software id = ABCD-EFGH\r
#\r
# model = RB760iGS\r
# serial number = A36A0B4C8A9A\r
/interface bridge\r
add name=bridge1\r
/radius\r
add address=10.0.0.1 secret=\"a b\\\"c\" service=\\\r
    ppp,hotspot timeout=2s\r
/system script\r
add name=x source=\":local a \\\"\\\"\\r\\\r
    \\n:put 1\\r\\\r
    \\n\"\r
set [ find default=yes ] comment=\\\r
    \"a \\\\\"\r
";

const SEVEN: &str = "# 2025-01-23 02:52:34 by RouterOS 7.18.2
# software id = ABCD-EFGH
#
/ip firewall filter
add action=accept chain=input comment=\"CoA (Portreeve)\" dst-port=3799 protocol=udp
#error exporting \"/interface/wifi/radio\" (timeout)
/system identity set name=tea-room
/user aaa
set use-radius=yes
";

#[test]
fn exports_of_both_versions_are_read() {
    let six = parse(SIX).unwrap();
    assert_eq!(six.header.version, Some(Version::new(6, 49, 17)));
    assert_eq!(six.header.model.as_deref(), Some("RB760iGS"));
    assert_eq!(six.header.made, "jan/23/2025 02:52:34");
    let lines: Vec<_> = six
        .commands
        .iter()
        .map(|line| (&*line.menu, &*line.text))
        .collect();
    assert_eq!(
        lines,
        [
            ("/interface/bridge", "add name=bridge1"),
            (
                "/radius",
                r#"add address=10.0.0.1 secret="a b\"c" service=ppp,hotspot timeout=2s"#
            ),
            (
                "/system/script",
                r#"add name=x source=":local a \"\"\r\n:put 1\r\n""#
            ),
            (
                "/system/script",
                r#"set [ find default=yes ] comment="a \\""#
            ),
        ]
    );
    let seven = parse(SEVEN).unwrap();
    assert_eq!(seven.commands.len(), 3);
    assert_eq!(seven.commands[1].menu, "/system/identity");
    assert_eq!(seven.commands[1].text, "set name=tea-room");
    assert_eq!(seven.complaints.len(), 1);
    assert_eq!(added(&seven, "/ip/firewall/filter"), 1);
}

#[test]
fn the_date_and_the_breaking_of_lines_are_no_change() {
    let later = SIX
        .replace("jan/23/2025 02:52:34", "feb/01/2025 00:00:00")
        .replace("ABCD-EFGH", "IJKL-MNOP")
        .replace("service=\\\r\n    ppp", "service=ppp")
        .replace("\r\n", "\n");
    assert_ne!(SIX, later);
    assert_eq!(normalise(SIX), normalise(&later));
    assert_eq!(diff(SIX, &later), "");
}

#[test]
fn a_diff_shows_what_changed_and_no_secret() {
    let changed = SIX
        .replace("a b\\\"c", "tea time")
        .replace("timeout=2s", "timeout=3s");
    let shown = diff(SIX, &changed);
    assert!(shown.contains("-add address=10.0.0.1 secret=[hidden] service=ppp,hotspot timeout=2s"));
    assert!(shown.contains("+add address=10.0.0.1 secret=[hidden] service=ppp,hotspot timeout=3s"));
    assert!(!shown.contains("tea") && !shown.contains("a b"), "{shown}");
    let only_secret = diff(SIX, &SIX.replace("a b\\\"c", "tea time"));
    assert!(
        only_secret.contains("-add") && only_secret.contains("+add"),
        "{only_secret}"
    );
    let empty = masked(r#"add name=x secret="" comment=y"#);
    assert_eq!(empty, r#"add name=x secret="" comment=y"#);
}

#[test]
fn what_is_damaged_is_found() {
    let quoted = SIX.find("a b").unwrap();
    for cut in [quoted, SIX.len() - 1, SIX.find("ppp,hot").unwrap()] {
        let error = parse(&SIX[..cut]).unwrap_err();
        assert!(matches!(error, BadExport::CutShort(_)), "{cut}: {error}");
    }
    assert_eq!(parse(""), Err(BadExport::Foreign));
    assert_eq!(parse("<html>\n"), Err(BadExport::Foreign));
    assert_eq!(
        parse("/radius\nadd address=1.1.1.1\n"),
        Err(BadExport::Foreign)
    );
    let wrong = SEVEN.replace("set use-radius=yes", "expected end of command");
    assert_eq!(parse(&wrong), Err(BadExport::NotACommand(9)));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}", whole in any::<bool>()) {
        let text = if whole { format!("# x by RouterOS 7.1\n{text}\n") } else { text };
        drop(parse(&text));
        drop(normalise(&text));
        drop(masked(&text));
    }

    #[test]
    fn where_lines_break_does_not_matter(
        values in proptest::collection::vec("[a-z0-9 \\\\\"=\\[]{0,12}", 1..6), at in 0usize..200,
    ) {
        let quoted = |value: &String| {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        };
        let arguments: Vec<_> = values.iter().map(|v| format!("comment={}", quoted(v))).collect();
        let line = format!("add {}", arguments.join(" "));
        let whole = format!("# x by RouterOS 7.1\n/radius\n{line}\n");
        let export = parse(&whole).unwrap();
        prop_assert_eq!(&export.commands[0].text, &line);
        // RouterOS does not break within an escape, nor before a space.
        let at = 4 + at % (line.len() - 4);
        let before = &line[..at];
        let slashes = before.len() - before.trim_end_matches('\\').len();
        if slashes % 2 == 0 && !line[at..].starts_with(' ') {
            let (first, second) = line.split_at(at);
            let broken = format!("# x by RouterOS 7.1\n/radius\n{first}\\\n    {second}\n");
            prop_assert_eq!(normalise(&broken), normalise(&whole));
        }
    }
}
