//! Against a server that says what each test has written down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    scripted::{admin, door, http, json, server},
    *,
};
use crate::Router;

#[tokio::test]
async fn a_router_is_the_same_as_over_the_api() {
    let (target, connections) = server(|asked| {
        door(asked).unwrap_or_else(|| match (&*asked.line, &*asked.body) {
            ("PUT /rest/radius HTTP/1.1", r#"{"address":"10.0.0.1"}"#) => {
                json("201 Created", r#"{".id":"*7","address":"10.0.0.1"}"#)
            }
            ("PATCH /rest/radius/*7 HTTP/1.1", r#"{"timeout":"2s"}"#) => {
                json("200 OK", r#"{".id":"*7"}"#)
            }
            ("DELETE /rest/radius/*7 HTTP/1.1", "") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            ("POST /rest/ppp/aaa/print HTTP/1.1", _) => json("200 OK", r#"{"use-radius":"false"}"#),
            ("POST /rest/radius/move HTTP/1.1", r#"{"destination":"*1","numbers":"*7"}"#) => {
                json("200 OK", "[]")
            }
            other => panic!("{other:?}"),
        })
    })
    .await;
    let router = Router::connect(&target, &admin()).await.unwrap();
    let values = crate::Record::new().with("address", "10.0.0.1");
    let id = router.add("/radius", &values).await.unwrap();
    assert_eq!(id.as_str(), "*7");
    let values = crate::Record::new().with("timeout", "2s");
    router.set("/radius", Some(&id), &values).await.unwrap();
    let first = crate::Id::new("*1");
    router
        .move_before("/radius", &id, Some(&first))
        .await
        .unwrap();
    router.remove("/radius", &id).await.unwrap();
    let aaa = router.print("/ppp/aaa", &[], &[]).await.unwrap();
    assert_eq!(aaa[0].flag("use-radius"), Some(false));
    assert!(router.local_address().is_loopback());
    assert_eq!(
        connections.load(Ordering::SeqCst),
        1,
        "one connection serves"
    );
}

#[tokio::test]
async fn a_closed_connection_is_made_again() {
    let (target, connections) = server(|asked| {
        let answer = door(asked).unwrap_or_else(|| json("200 OK", "[]"));
        answer.replacen("\r\n", "\r\nConnection: close\r\n", 1)
    })
    .await;
    let client = Client::connect(&target, &admin()).await.unwrap();
    for _ in 0..3 {
        client.call(&Command::new("/radius/print")).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn no_password_goes_to_a_captive_portal() {
    for answer in [
        http("200 OK", "text/html", "<html>Buy an hour</html>"),
        "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        json("200 OK", "[]"),
    ] {
        let (target, _) = server(move |asked| {
            let head = asked.head.to_ascii_lowercase();
            assert!(!head.contains("authorization"), "{head}");
            answer.clone()
        })
        .await;
        let error = Client::connect(&target, &admin()).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error}");
    }
}

#[tokio::test]
async fn rest_that_is_absent_is_told_apart() {
    let old = "<html><title>RouterOS router configuration page</title>\
               <h1>RouterOS v6.49.17</h1></html>";
    let new = "<html><head><title>RouterOS</title></head></html>";
    for (page, says) in [(old, "came with 7.1"), (old, "6.49.17"), (new, "webserver")] {
        let page = page.to_owned();
        let (target, _) = server(move |asked| {
            if asked.line.starts_with("GET / ") {
                http("200 OK", "text/html", &page)
            } else {
                http("404 Not Found", "text/html", "<h1>Error 404</h1>")
            }
        })
        .await;
        let error = Client::connect(&target, &admin()).await.unwrap_err();
        assert!(matches!(error, Error::NotSupported(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let (target, _) = server(|_| {
        json(
            "401 Unauthorized",
            r#"{"error":401,"message":"Unauthorized"}"#,
        )
    })
    .await;
    let error = Client::connect(&target, &admin()).await.unwrap_err();
    let Error::LogIn { user, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(user, "admin");
    let client = format!("{error:?}{error}");
    assert!(!client.contains("pass\""), "{client}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_most_two_requests_are_under_way() {
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let (target, _) = server(|asked| {
        door(asked).unwrap_or_else(|| {
            let now = UNDER_WAY.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
            json("200 OK", "[]")
        })
    })
    .await;
    let client = Arc::new(Client::connect(&target, &admin()).await.unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.call(&Command::new("/radius/print")).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(MOST.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn silence_and_floods_end() {
    let (mut target, _) = server(|asked| {
        door(asked).unwrap_or_else(|| {
            if asked.line.contains("/silent/") {
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_owned()
            } else if asked.line.contains("/flood/") {
                let body = " ".repeat(MOST_OCTETS + 1);
                json("200 OK", &body)
            } else {
                "SSH-2.0-ROSSSH\r\n".to_owned()
            }
        })
    })
    .await;
    target.timeout = Duration::from_millis(700);
    let client = Client::connect(&target, &admin()).await.unwrap();
    let of = async |path: &str| client.call(&Command::new(path)).await.unwrap_err();
    assert!(matches!(of("/silent/print").await, Error::TimedOut { .. }));
    target.timeout = Duration::from_secs(20);
    let client = Client::connect(&target, &admin()).await.unwrap();
    let of = async |path: &str| client.call(&Command::new(path)).await.unwrap_err();
    assert!(matches!(of("/flood/print").await, Error::Protocol(_)));
    assert!(matches!(of("/other/print").await, Error::Protocol(_)));
}
