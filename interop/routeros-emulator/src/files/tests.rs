//! What `/file` holds and refuses.

use std::sync::Arc;

use crate::{Board, Call, Machine, Outcome, Release, Session, files};

fn machine(release: Release) -> Arc<Machine> {
    let machine = Machine::new(release, Board::usual(release)).unwrap();
    files::attach(&machine);
    machine
}

async fn done(machine: &Arc<Machine>, call: Call) -> Outcome {
    machine.execute(&Session::system(), &call).await
}

fn message(outcome: &Outcome) -> &str {
    &outcome.as_ref().unwrap_err()[0].message
}

#[tokio::test]
async fn contents_are_there_for_text_that_is_short_enough() {
    for (release, most) in [(Release::V6_49, 4096), (Release::V7_18, 61_440)] {
        let machine = machine(release);
        files::write(&machine, "/a.txt", &vec![b'x'; most]).unwrap();
        files::write(&machine, "b.txt", &vec![b'x'; most + 1]).unwrap();
        files::write(&machine, "c.backup", &[0x88, 0xAC, 0xA1, 0xB1]).unwrap();
        let item = |name: &str| machine.find("/file", "name", name).unwrap();
        assert_eq!(item("a.txt").text("contents").len(), most);
        assert_eq!(item("b.txt").get("contents"), None);
        assert_eq!(item("b.txt").number("size"), u64::try_from(most + 1).ok());
        assert_eq!(item("c.backup").get("contents"), None);
        assert_eq!(item("c.backup").text("type"), "backup");
        let dated = if release >= Release::V7_18 {
            "last-modified"
        } else {
            "creation-time"
        };
        assert!(item("a.txt").get(dated).is_some());
    }
}

#[tokio::test]
async fn a_user_writes_contents_up_to_the_limit() {
    let machine = machine(Release::V7_18);
    let add = Call::new("/file/add")
        .with("name", "new.rsc")
        .with("contents", "one");
    done(&machine, add).await.unwrap();
    let item = machine.find("/file", "name", "new.rsc").unwrap();
    assert_eq!((item.text("size"), item.text("type")), ("3", "script"));
    let set = |contents: String| {
        Call::new("/file/set")
            .with(".id", item.id())
            .with("contents", contents)
    };
    done(&machine, set("four".into())).await.unwrap();
    assert_eq!(files::contents(&machine, "new.rsc").unwrap(), b"four");
    let long = done(&machine, set("x".repeat(61_441))).await;
    assert_eq!(message(&long), "failure: new contents too long");
    assert_eq!(files::contents(&machine, "new.rsc").unwrap(), b"four");
}

#[tokio::test]
async fn a_file_is_read_in_pieces() {
    let machine = machine(Release::V7_18);
    let numbers: Vec<String> = (0..9999).map(|number: u32| number.to_string()).collect();
    let text = numbers.join("\n");
    files::write(&machine, "long.txt", text.as_bytes()).unwrap();
    let mut whole = String::new();
    loop {
        let call = Call::new("/file/read")
            .with("file", "long.txt")
            .with("offset", whole.len().to_string())
            .with("chunk-size", "32768");
        let reply = done(&machine, call).await.unwrap();
        let piece = reply.records[0].text("data").to_owned();
        if piece.is_empty() {
            break;
        }
        whole.push_str(&piece);
    }
    assert_eq!(whole, text);
    let large = Call::new("/file/read")
        .with("file", "long.txt")
        .with("chunk-size", "32769");
    let text = "value of chunk-size out of range (1..32768)";
    assert_eq!(message(&done(&machine, large).await), text);
    let missing = Call::new("/file/read")
        .with("file", "none")
        .with("chunk-size", "1");
    assert_eq!(message(&done(&machine, missing).await), "no such item");
    let old = self::machine(Release::V7_12);
    let call = Call::new("/file/read").with("file", "x");
    assert!(message(&done(&old, call).await).starts_with("no such command"));
}

#[tokio::test]
async fn a_piece_may_end_within_a_character() {
    let machine = machine(Release::V7_18);
    files::write(&machine, "names.txt", "a\u{fc}b".as_bytes()).unwrap();
    let mut pieces = Vec::new();
    for offset in 0..4 {
        let call = Call::new("/file/read")
            .with("file", "names.txt")
            .with("offset", offset.to_string())
            .with("chunk-size", "1");
        let reply = done(&machine, call).await.unwrap();
        let piece = reply.records[0].text("data").chars();
        pieces.extend(piece.map(|letter| u8::try_from(letter).unwrap()));
    }
    assert_eq!(pieces, "a\u{fc}b".as_bytes());
}

#[tokio::test]
async fn the_flash_is_full_at_some_point() {
    let machine = machine(Release::V6_49);
    let half = vec![b'x'; 7 << 20];
    files::write(&machine, "one", &half).unwrap();
    let full = files::write(&machine, "two", &half).unwrap_err();
    assert_eq!(full.message, "failure: not enough space on disk");
    files::write(&machine, "one", &half).unwrap();
    assert!(files::remove(&machine, "one"));
    files::write(&machine, "two", &half).unwrap();
}
