//! Paths and bodies.

use crate::{
    Board, Call, Machine, Release,
    rest::request::{Target, arguments, decoded, filtered, target},
};

#[test]
fn a_path_is_a_menu_a_command_or_an_item() {
    let machine = Machine::new(Release::V7_24, Board::Chr).unwrap();
    let menu = |text: &str| Target::Menu(text.into());
    assert_eq!(target(&machine, "/radius"), menu("/radius"));
    assert_eq!(
        target(&machine, "/ip/service/webserver"),
        menu("/ip/service/webserver")
    );
    let command = Target::Command("/radius/incoming/monitor".into());
    assert_eq!(target(&machine, "/radius/incoming/monitor"), command);
    for (path, query) in [("/radius/*1A", ".id=*1A"), ("/radius/%2a1", ".id=*1")] {
        let id = query.trim_start_matches(".id=").to_owned();
        let item = Target::Item {
            menu: "/radius".into(),
            query: query.into(),
            id,
        };
        assert_eq!(target(&machine, path), item);
    }
    let item = Target::Item {
        menu: "/ip/service".into(),
        query: "name=api".into(),
        id: "api".into(),
    };
    assert_eq!(target(&machine, "/ip/service/api"), item);
    for (path, word) in [
        ("/nope", "nope"),
        ("/radius/name", "name"),
        ("/system/identity/x", "x"),
        ("/nope/more", "nope"),
    ] {
        assert_eq!(
            target(&machine, path),
            Target::Unknown(word.into()),
            "{path}"
        );
    }
}

#[test]
fn filters_and_bodies_become_arguments() {
    let call = filtered(Call::new("/radius/print"), "a=b+c&.proplist=x%2Cy&d");
    assert_eq!(call.queries, ["a=b c", "d="]);
    assert_eq!(call.get(".proplist"), Some("x,y"));
    let body = br#"{"n":7,"t":true,"l":["a","b"],"z":null,".query":["?a=b","!"]}"#;
    let call = arguments(Call::new("/x"), body).unwrap();
    assert_eq!(call.get("n"), Some("7"));
    assert_eq!(call.get("t"), Some("true"));
    assert_eq!(call.get("l"), Some("a,b"));
    assert_eq!(call.get("z"), Some(""));
    assert_eq!(call.queries, ["a=b", "!"]);
    assert!(arguments(Call::new("/x"), b"[1]").is_err());
    assert!(arguments(Call::new("/x"), b"{").is_err());
    assert_eq!(decoded("%zz%4"), "%zz%4");
}
