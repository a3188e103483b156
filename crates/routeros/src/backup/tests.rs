//! Guidance before an import, and exports that are not what they seem.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;
use crate::{
    Capabilities, Error, Router, Version,
    capability::Device,
    files::Files,
    rest::scripted::{admin, door, json, server},
};

fn here(version: Version, model: &str) -> Capabilities {
    Capabilities::new(version, BTreeMap::new(), BTreeMap::new()).with_device(Device {
        model: Some(model.to_owned()),
        ..Device::default()
    })
}

fn of(version: &str, model: &str) -> Export {
    parse(&format!(
        "# 2025-01-23 02:52:34 by RouterOS {version}\n# model = {model}\n/radius\n\
         add address=10.0.0.1 secret=x\n"
    ))
    .unwrap()
}

#[test]
fn an_export_of_the_same_router_fits() {
    let router = here(Version::new(7, 18, 2), "RB760iGS");
    let guidance = guide(&of("7.18.1", "RB760iGS"), &router);
    assert!(guidance.objections.is_empty(), "{guidance:?}");
    assert_eq!(guidance.commands, 1);
    assert!(
        !guidance
            .notes
            .iter()
            .any(|note| note.contains("no secrets"))
    );
}

#[test]
fn another_version_or_board_is_objected_to() {
    let router = here(Version::new(7, 18, 2), "RB760iGS");
    for (version, model) in [
        ("6.49.17", "RB760iGS"),
        ("7.24", "RB760iGS"),
        ("7.18.2", "hAP"),
    ] {
        let guidance = guide(&of(version, model), &router);
        assert_eq!(
            guidance.objections.len(),
            1,
            "{version} {model}: {guidance:?}"
        );
    }
}

/// What `/export` gives where the router wrote `text`, and whether its file is gone afterwards.
async fn exported(text: &'static str, entries: usize) -> (Result<crate::Secret, Error>, bool) {
    let removed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&removed);
    let (target, _) = server(move |asked| {
        let file = serde_json::json!([{
            ".id": "*1", "name": "x", "size": text.len().to_string(), "contents": text,
        }]);
        // Whatever name is asked for is there.
        let asked_for = asked
            .body
            .split("name=")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let file = file
            .to_string()
            .replace("\"x\"", &format!("{:?}", asked_for.unwrap_or("x")));
        let items = vec![r#"{".id":"*1"}"#; entries].join(",");
        door(asked).unwrap_or_else(|| match asked.line.split(' ').nth(1).unwrap() {
            "/rest/file/print" => json("200 OK", &file),
            "/rest/radius/print" => json("200 OK", &format!("[{items}]")),
            path if path.starts_with("/rest/file/") => {
                seen.store(true, Ordering::SeqCst);
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            _ => json("200 OK", "[]"),
        })
    })
    .await;
    let router = Router::connect(&target, &admin()).await.unwrap();
    let commands = [("/radius/add".to_owned(), std::collections::BTreeSet::new())];
    let can = Capabilities::new(Version::new(7, 18, 2), commands.into(), BTreeMap::new());
    let taken = export(&Files::new(&router, &can), Secrets::Shown).await;
    (taken, removed.load(Ordering::SeqCst))
}

#[tokio::test]
async fn an_export_that_lacks_something_is_not_taken_for_whole() {
    let whole = "# 2025-01-23 02:52:34 by RouterOS 7.18.2\n/radius\nadd address=10.0.0.1\n";
    let (taken, removed) = exported(whole, 1).await;
    assert_eq!(taken.unwrap().reveal(), whole);
    assert!(removed);
    let (taken, removed) = exported(whole, 2).await;
    assert!(matches!(taken, Err(Error::NotWhole { .. })), "{taken:?}");
    assert!(removed);
    for damaged in [
        "# 2025-01-23 02:52:34 by RouterOS 7.18.2\n/radius\nadd address=10.0",
        "# 2025-01-23 02:52:34 by RouterOS 7.18.2\n#error exporting /radius (timeout)\n",
        "expected end of command\n",
    ] {
        let (taken, removed) = exported(damaged, 0).await;
        assert!(matches!(taken, Err(Error::NotWhole { .. })), "{taken:?}");
        assert!(removed);
    }
}

#[tokio::test]
async fn an_import_is_rehearsed_where_the_version_can() {
    const WHOLE: &str = "# 2025-01-23 02:52:34 by RouterOS 7.18.2\n/radius\nadd address=10.0.0.1\n";
    let tried = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&tried);
    let (target, _) = server(move |asked| {
        let asked_for = asked
            .body
            .split("name=")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let file = serde_json::json!([{
            ".id": "*1", "name": asked_for, "size": WHOLE.len().to_string(),
        }]);
        door(asked).unwrap_or_else(|| match asked.line.split(' ').nth(1).unwrap() {
            "/rest/file/print" => json("200 OK", &file.to_string()),
            "/rest/import" => {
                let told = asked.body.contains("\"dry-run\":\"\"");
                assert!(
                    told && asked.body.contains("\"verbose\":\"yes\""),
                    "{}",
                    asked.body
                );
                seen.store(true, Ordering::SeqCst);
                json("200 OK", "[]")
            }
            _ => json("200 OK", "[]"),
        })
    })
    .await;
    let router = Router::connect(&target, &admin()).await.unwrap();
    let text = crate::Secret::new(WHOLE);
    for can_try in [false, true] {
        let arguments: &[&str] = if can_try {
            &["dry-run", "verbose"]
        } else {
            &["verbose"]
        };
        let arguments = arguments.iter().map(|name| (*name).to_owned()).collect();
        let add = std::collections::BTreeSet::from(["contents".to_owned()]);
        let commands = [
            ("/import".to_owned(), arguments),
            ("/file/add".to_owned(), add),
        ];
        let can = Capabilities::new(Version::new(7, 18, 2), commands.into(), BTreeMap::new());
        let files = Files::new(&router, &can);
        assert_eq!(rehearse(&files, &text).await.unwrap(), can_try);
        assert_eq!(tried.load(Ordering::SeqCst), can_try);
    }
}
