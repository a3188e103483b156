//! Exports of machines.

use std::sync::Arc;

use crate::{Board, Call, Machine, Record, Release, Session, script::Run};

fn machine(release: Release) -> Arc<Machine> {
    Machine::new(release, Board::Chr).unwrap()
}

fn export(machine: &Machine, call: Call) -> String {
    super::text(machine, &Session::system(), &call)
}

/// Without the lines that begin with a hash.
fn body(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn changed(machine: &Machine) {
    let entry = Record::new()
        .with("address", "192.0.2.1")
        .with("secret", "geheim")
        .with("service", "ppp,login")
        .with("comment", "two words");
    machine.insert("/radius", entry, false);
    machine.update(
        "/radius/incoming",
        "",
        &Record::new().with("accept", "true"),
    );
    let telnet = machine.find("/ip/service", "name", "telnet").unwrap();
    machine.update(
        "/ip/service",
        telnet.id(),
        &Record::new().with("disabled", "true"),
    );
    machine.insert("/radius", Record::new().with("address", "192.0.2.9"), true);
}

#[test]
fn a_router_from_its_box_exports_nothing() {
    for release in Release::ALL {
        let machine = machine(release);
        let text = export(&machine, Call::new("/export"));
        assert_eq!(body(&text), "", "{release}");
        let head = text.lines().next().unwrap();
        assert!(head.ends_with(&format!(" by RouterOS {release}")), "{head}");
        assert_eq!(head.contains('/'), release < Release::V7_12, "{head}");
    }
}

#[test]
fn a_home_router_exports_its_default_configuration() {
    let board = Board::named("hAP-ac2").unwrap();
    let machine = Machine::new(Release::V6_49, board).unwrap();
    let text = export(&machine, Call::new("/export"));
    for line in [
        "/interface bridge\n",
        "add name=WAN",
        "add comment=defconf interface=bridge list=LAN",
        "add bridge=bridge comment=defconf interface=ether2\n",
        "comment=\"defconf: masquerade\"",
        "add address-pool=default-dhcp",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    // What was there before that script ran is not added.
    assert!(!text.contains("default-encryption"), "{text}");
}

#[test]
fn only_what_differs_is_exported_and_secrets_only_where_they_are_shown() {
    for release in Release::ALL {
        let machine = machine(release);
        changed(&machine);
        let shown = "/ip service\nset telnet disabled=yes\n/radius\nadd address=192.0.2.1 \
                     comment=\"two words\" secret=geheim service=ppp,login\n\
                     /radius incoming\nset accept=yes\n";
        let hidden = shown.replace(" secret=geheim", "");
        let usual = body(&export(&machine, Call::new("/export")));
        let show = Call::new("/export").with("show-sensitive", "");
        let hide = Call::new("/export").with("hide-sensitive", "");
        if release.is_six() {
            assert_eq!(usual, shown);
        } else {
            assert_eq!(usual, hidden);
            assert_eq!(body(&export(&machine, show)), shown);
        }
        assert_eq!(body(&export(&machine, hide)), hidden);
        let terse = body(&export(
            &machine,
            Call::new("/radius/export").with("terse", ""),
        ));
        assert!(
            terse.starts_with("/radius add address=192.0.2.1 "),
            "{terse}"
        );
        assert!(
            terse.ends_with("/radius incoming set accept=yes\n"),
            "{terse}"
        );
        let verbose = body(&export(
            &machine,
            Call::new("/radius/export").with("verbose", ""),
        ));
        assert!(verbose.contains(" accounting-port=1813 "), "{verbose}");
    }
}

#[tokio::test]
async fn an_export_makes_an_empty_router_the_same_again() {
    for release in Release::ALL {
        let first = machine(release);
        changed(&first);
        let long = "word ".repeat(40);
        let entry = Record::new()
            .with("address", "192.0.2.7")
            .with("comment", format!("{long}\"quoted\" \\ $x\nnew line"));
        first.insert("/radius", entry, false);
        let shown = |machine: &Machine| {
            body(&export(
                machine,
                Call::new("/export").with("show-sensitive", ""),
            ))
        };
        let text = shown(&first);
        let second = machine(release);
        let mut run = Run::new(&second, &Session::system());
        run.import(&text, false).await.unwrap();
        assert_eq!(shown(&second), text, "{release}");
        let kept = second.read("/radius");
        assert_eq!(
            kept[1].text("comment"),
            first.read("/radius")[2].text("comment")
        );
    }
}
