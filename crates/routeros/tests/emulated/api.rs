//! The API. Every test runs on every version.

use std::time::{Duration, Instant};

use portreeve_routeros::{
    Command, Error, Login, Query, Record, Router, Target, Transport, Trust,
    api::{Client, Listener},
    dial::{certificate_of, parse_fingerprint},
    error::TlsTrouble,
};

use super::router::{Emulated, each_version};

fn ours() -> Record {
    Record::new()
        .with("address", "192.0.2.1")
        .with("secret", "s3cret of ours")
        .with("service", "ppp")
        .with("comment", "ours")
}

async fn item(listener: &mut Listener) -> Record {
    let next = tokio::time::timeout(Duration::from_secs(10), listener.next());
    next.await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn it_logs_in_and_is_refused() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let resource = router.print("/system/resource", &["version"], &[]).await;
        let version = resource.unwrap()[0].get("version").unwrap().to_owned();
        assert!(version.starts_with(&emulated.version), "{version}");

        for login in [Login::new("admin", "wrong"), Login::new("nobody", "wrong")] {
            let refused = Router::connect(&emulated.target(Transport::Api), &login).await;
            let refused = refused.unwrap_err();
            let Error::LogIn { message, .. } = &refused else {
                panic!("{refused}");
            };
            let words = if emulated.version == "6.42" {
                "cannot log in"
            } else {
                "invalid user name or password (6)"
            };
            assert_eq!(message, words);
        }
    })
    .await;
}

#[tokio::test]
async fn it_adds_changes_finds_and_removes() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let id = router.add("/radius", &ours()).await.unwrap();
        let longer = Record::new().with("timeout", "3s");
        router.set("/radius", Some(&id), &longer).await.unwrap();
        let by_comment = [Query::equals("comment", "ours")];
        let found = router
            .print("/radius", &[".id", "timeout"], &by_comment)
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id().as_ref(), Some(&id));
        assert_eq!(found[0].duration("timeout"), Some(Duration::from_secs(3)));
        assert_eq!(found[0].get("address"), None, "it was not asked for");
        router.remove("/radius", &id).await.unwrap();

        // From 7.18 on, nothing is `!empty` and then `!done`.
        let none = router
            .print("/radius", &[".id"], &by_comment)
            .await
            .unwrap();
        assert!(none.is_empty());
        let gone = router.remove("/radius", &id).await.unwrap_err();
        assert!(matches!(gone, Error::NoSuchItem { .. }), "{gone}");
    })
    .await;
}

#[tokio::test]
async fn it_understands_what_it_did_wrong() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let lost = router
            .call(&Command::new("/no/such/menu/print"))
            .await
            .unwrap_err();
        assert!(matches!(lost, Error::NoSuchCommand { .. }), "{lost}");

        let unknown = router.add("/radius", &ours().with("colour", "blue")).await;
        let unknown = unknown.unwrap_err();
        let Error::UnknownParameter { parameter, .. } = &unknown else {
            panic!("{unknown}");
        };
        let named = !emulated.version.starts_with('6');
        assert_eq!(parameter.as_deref(), named.then_some("colour"));

        let wrong = router.add("/radius", &ours().with("service", "tea")).await;
        let wrong = wrong.unwrap_err();
        assert!(matches!(wrong, Error::BadValue { .. }), "{wrong}");
        let text = format!("{unknown} {unknown:?} {wrong} {wrong:?} {lost}");
        assert!(!text.contains("s3cret of ours"), "{text}");
        let none = router.print("/radius", &[".id"], &[]).await.unwrap();
        assert!(none.is_empty(), "nothing is half done");
    })
    .await;
}

#[tokio::test]
async fn a_quick_command_overtakes_a_slow_one() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let slow = Command::new("/system/resource/print")
            .with("interval", "200ms")
            .with("duration", "1s")
            .asking(["uptime"]);
        let began = Instant::now();
        let (slow, quick) = tokio::join!(
            async { (router.call(&slow).await, began.elapsed()) },
            async {
                let name = router.print("/system/identity", &["name"], &[]).await;
                (name, began.elapsed())
            },
        );
        assert!(slow.0.unwrap().records.len() >= 2);
        assert_eq!(quick.0.unwrap().len(), 1);
        assert!(quick.1 < slow.1, "{:?} {:?}", quick.1, slow.1);

        let many = (0..50).map(|number| {
            let wanted = [Query::equals("comment", number.to_string())];
            let values = ours().with("comment", number.to_string());
            let router = &router;
            async move {
                let id = router.add("/radius", &values).await.unwrap();
                let found = router.print("/radius", &[".id"], &wanted).await.unwrap();
                assert_eq!(found[0].id(), Some(id));
            }
        });
        together(many.collect()).await;
    })
    .await;
}

/// Runs futures side by side in one task.
async fn together(futures: Vec<impl Future<Output = ()>>) {
    let mut left: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        left.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if left.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_listener_hears_changes_until_it_is_dropped() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let mut listener = router.listen(&Command::new("/radius/listen")).unwrap();
        // Commands are not told to wait for one another: the listener is to be there first.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let id = router.add("/radius", &ours()).await.unwrap();
        assert_eq!(item(&mut listener).await.get("comment"), Some("ours"));
        router.remove("/radius", &id).await.unwrap();
        let dead = item(&mut listener).await;
        assert_eq!((dead.id(), dead.flag(".dead")), (Some(id), Some(true)));

        drop(listener);
        let slow = Command::new("/system/resource/print")
            .with("interval", "100ms")
            .within(Duration::from_millis(300));
        let late = router.call(&slow).await.unwrap_err();
        assert!(matches!(late, Error::TimedOut { .. }), "{late}");
        // The session is as good as before.
        router
            .print("/system/identity", &["name"], &[])
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_reboot_ends_the_session_and_a_new_one_can_be_had() {
    each_version(async |emulated: Emulated| {
        let target = emulated.target(Transport::Api);
        let client = Client::connect(&target, &emulated.login()).await.unwrap();
        client.call(&Command::new("/system/reboot")).await.unwrap();
        let name = Command::new("/system/identity/print").asking(["name"]);
        let mut end = Ok(());
        for _ in 0..100 {
            end = client.call(&name).await.map(drop);
            if end.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(matches!(end, Err(Error::Closed { .. })), "{end:?}");
        assert!(client.is_closed());
        // It takes the connection and closes it as long as it starts.
        for _ in 0..100 {
            match Client::connect(&target, &emulated.login()).await {
                Ok(_) => return,
                Err(Error::TurnedAway { .. } | Error::Closed { .. }) => {}
                Err(other) => panic!("{other}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it does not come back");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_quit_ends_with_a_word() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let quit = router.call(&Command::new("/quit")).await.unwrap_err();
        assert!(
            matches!(&quit, Error::Ended { reason } if reason == "session terminated on request"),
            "{quit}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_service_for_other_addresses_turns_us_away() {
    each_version(async |emulated: Emulated| {
        let router = emulated.router(Transport::Api).await;
        let by_name = [Query::equals("name", "api")];
        let service = router
            .print("/ip/service", &[".id"], &by_name)
            .await
            .unwrap();
        let elsewhere = Record::new().with("address", "192.0.2.0/24");
        router
            .set("/ip/service", service[0].id().as_ref(), &elsewhere)
            .await
            .unwrap();
        let target = emulated.target(Transport::Api);
        let away = Router::connect(&target, &emulated.login())
            .await
            .unwrap_err();
        assert!(
            matches!(away, Error::TurnedAway { service: "api", .. }),
            "{away}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_service_without_certificate_is_anonymous_until_it_has_one_that_is_pinned() {
    each_version(async |emulated: Emulated| {
        let mut target = emulated.target(Transport::ApiSsl);
        target.trust = Trust::Pin([7; 32]);
        assert!(is_anonymous(
            Router::connect(&target, &emulated.login())
                .await
                .unwrap_err()
        ));
        assert!(is_anonymous(certificate_of(&target).await.unwrap_err()));

        let router = emulated.router(Transport::Api).await;
        let fingerprint = certificate(&router).await;
        let seen = shown(&target).await;
        assert_eq!(seen, fingerprint, "what it says is what it shows");

        let wrong = Router::connect(&target, &emulated.login())
            .await
            .unwrap_err();
        assert!(
            matches!(
                &wrong,
                Error::Tls { cause: TlsTrouble::OtherCertificate { found }, .. }
                    if parse_fingerprint(found) == Some(seen)
            ),
            "{wrong}"
        );
        target.trust = Trust::Unknown;
        let unknown = Router::connect(&target, &emulated.login())
            .await
            .unwrap_err();
        assert!(
            matches!(
                unknown,
                Error::Tls {
                    cause: TlsTrouble::NothingTrusted,
                    ..
                }
            ),
            "{unknown}"
        );
        target.trust = Trust::Pin(seen);
        let secure = Router::connect(&target, &emulated.login()).await.unwrap();
        secure
            .print("/system/identity", &["name"], &[])
            .await
            .unwrap();
    })
    .await;
}

fn is_anonymous(error: Error) -> bool {
    matches!(
        error,
        Error::Tls {
            cause: TlsTrouble::Anonymous,
            ..
        }
    )
}

/// Makes a certificate on the router, gives it to the API, and tells what the router says is its
/// fingerprint.
async fn certificate(router: &Router) -> [u8; 32] {
    let wanted = Record::new()
        .with("name", "api")
        .with("common-name", "router1")
        .with("key-size", "2048");
    let id = router.add("/certificate", &wanted).await.unwrap();
    let sign = Command::new("/certificate/sign")
        .with(".id", id.as_str())
        .within(Duration::from_mins(1));
    router.call(&sign).await.unwrap();
    let by_name = [Query::equals("name", "api")];
    let made = router
        .print("/certificate", &["fingerprint"], &by_name)
        .await
        .unwrap();
    let by_service = [Query::equals("name", "api-ssl")];
    let service = router
        .print("/ip/service", &[".id"], &by_service)
        .await
        .unwrap();
    let with = Record::new().with("certificate", "api");
    router
        .set("/ip/service", service[0].id().as_ref(), &with)
        .await
        .unwrap();
    parse_fingerprint(made[0].get("fingerprint").unwrap()).unwrap()
}

/// What the service shows. It takes a moment to show its new certificate.
async fn shown(target: &Target) -> [u8; 32] {
    for _ in 0..50 {
        if let Ok(seen) = certificate_of(target).await {
            return seen.fingerprint;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no certificate is shown");
}

#[tokio::test]
async fn the_wrong_port_is_recognised() {
    let emulated = Emulated::start("7.24");
    let (api, api_ssl) = (
        emulated.target(Transport::Api),
        emulated.target(Transport::ApiSsl),
    );
    certificate(&emulated.router(Transport::Api).await).await;
    shown(&api_ssl).await;
    let mut clear = api_ssl.clone();
    clear.transport = Transport::Api;
    let wrong = Router::connect(&clear, &emulated.login())
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("api-ssl"), "{wrong}");

    let mut secure = api;
    secure.transport = Transport::ApiSsl;
    secure.trust = Trust::Pin([7; 32]);
    secure.timeout = Duration::from_secs(1);
    let wrong = Router::connect(&secure, &emulated.login())
        .await
        .unwrap_err();
    // What the API makes of the octets of TLS, some of which are random, is not always the same.
    let said = wrong.to_string();
    let told = [
        "does not speak TLS",
        "this is not the port of api-ssl",
        "a service without TLS",
    ];
    assert!(told.iter().any(|told| said.contains(told)), "{said}");
}
