//! The client against a router that follows a script.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use super::{codec::Decoder, driver::Patience, *};
use crate::{Router, Transport};

/// A router's end of a connection.
struct End {
    tcp: TcpStream,
    decoder: Decoder,
    ahead: Vec<u8>,
}

impl End {
    /// The next sentence, without the words that a test does not ask for.
    async fn hear(&mut self) -> Option<Vec<String>> {
        loop {
            let mut rest = &self.ahead[..];
            let sentence = self.decoder.read(&mut rest).unwrap();
            self.ahead = rest.to_vec();
            if let Some(words) = sentence {
                let words = words
                    .into_iter()
                    .map(|word| String::from_utf8(word).unwrap());
                return Some(words.collect());
            }
            let mut buffer = [0; 1024];
            match self.tcp.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(come) => self.ahead.extend_from_slice(&buffer[..come]),
            }
        }
    }

    async fn say(&mut self, words: &[&str]) {
        let octets = codec::sentence(words).unwrap();
        // One octet at a time: the other end must not care.
        for octet in octets.iter() {
            self.tcp.write_all(&[*octet]).await.unwrap();
        }
    }

    async fn log_in(&mut self) {
        let words = self.hear().await.unwrap();
        assert_eq!(words, ["/login", "=name=tim", "=password=pa55word"]);
        self.say(&["!done"]).await;
    }

    /// The next command and its tag.
    async fn command(&mut self) -> (Vec<String>, String) {
        let mut words = self.hear().await.unwrap();
        let tag = words.pop().unwrap();
        assert!(tag.starts_with(".tag="), "{tag}");
        (words, tag)
    }
}

/// A router that does what `script` says with its first connection.
async fn router<F, D>(script: F) -> (Target, JoinHandle<()>)
where
    F: FnOnce(End) -> D + Send + 'static,
    D: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(listener.local_addr().unwrap());
    let script = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let end = End {
            tcp,
            decoder: Decoder::new(),
            ahead: Vec::new(),
        };
        script(end).await;
    });
    (target, script)
}

fn target(address: SocketAddr) -> Target {
    Target {
        port: address.port(),
        timeout: Duration::from_secs(5),
        ..Target::new(address.ip().to_string(), Transport::Api)
    }
}

fn login() -> Login {
    Login::new("tim", "pa55word")
}

async fn connected<F, D>(script: F) -> (Client, JoinHandle<()>)
where
    F: FnOnce(End) -> D + Send + 'static,
    D: Future<Output = ()> + Send,
{
    let (target, done) = router(async |mut end: End| {
        end.log_in().await;
        script(end).await;
    })
    .await;
    (Client::connect(&target, &login()).await.unwrap(), done)
}

async fn refusal<F, D>(script: F) -> Error
where
    F: FnOnce(End) -> D + Send + 'static,
    D: Future<Output = ()> + Send,
{
    let (target, _) = router(script).await;
    Client::connect(&target, &login()).await.unwrap_err()
}

#[tokio::test]
async fn an_old_router_gets_the_response_to_its_challenge() {
    let (target, done) = router(|mut end: End| async move {
        end.hear().await.unwrap();
        end.say(&["!done", "=ret=ebddd18303a54111e2dea05a92ab46b4"])
            .await;
        let words = end.hear().await.unwrap();
        assert_eq!(words[..2], ["/login", "=name=tim"]);
        // By Python's hashlib, of a zero octet, the password and the challenge.
        assert_eq!(words[2], "=response=008fb4cb0531f05645410b3a331f6396df");
        end.say(&["!done"]).await;
    })
    .await;
    Client::connect(&target, &login()).await.unwrap();
    done.await.unwrap();
}

#[tokio::test]
async fn a_log_in_that_fails_says_why() {
    let wrong = refusal(|mut end: End| async move {
        end.hear().await;
        end.say(&["!trap", "=message=invalid user name or password (6)"])
            .await;
        end.say(&["!done"]).await;
    });
    let wrong = wrong.await;
    assert!(
        matches!(&wrong, Error::LogIn { user, .. } if user == "tim"),
        "{wrong}"
    );
    assert!(!format!("{wrong} {wrong:?}").contains("pa55word"));

    let silent = refusal(|mut end: End| async move {
        end.hear().await;
        end.say(&["!trap", "=message=could not authenticate - radius timeout"])
            .await;
        end.say(&["!done"]).await;
    });
    assert!(matches!(silent.await, Error::NoRadiusAnswer { .. }));

    let elsewhere = refusal(|end: End| async move { drop(end) }).await;
    assert!(
        matches!(elsewhere, Error::TurnedAway { service: "api", .. }),
        "{elsewhere}"
    );

    let fatal = refusal(|mut end: End| async move {
        end.hear().await;
        end.say(&["!fatal", "too many commands before login"]).await;
    });
    let fatal = fatal.await;
    assert!(
        fatal
            .to_string()
            .ends_with("too many commands before login"),
        "{fatal}"
    );

    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut patient = target(mute.local_addr().unwrap());
    patient.timeout = Duration::from_millis(100);
    let late = Client::connect(&patient, &login()).await.unwrap_err();
    assert!(matches!(late, Error::TimedOut { .. }), "{late}");
    drop(mute);
    let gone = Client::connect(&patient, &login()).await.unwrap_err();
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone}");
}

#[tokio::test]
async fn what_is_no_router_is_recognised() {
    for (octets, says) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "web server"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "speaks TLS"),
        (b"SSH-2.0-ROSSSH\r\n", "SSH"),
        (b"\xff\xfd\x01\xff", "reserved octet"),
        (b"\xf7\xff\xff\xff\xff", "4294967295 octets"),
        (b"\x05hello\x00", "no reply"),
    ] {
        let error = refusal(move |mut end: End| async move {
            end.hear().await;
            end.tcp.write_all(octets).await.unwrap();
            end.hear().await;
        });
        let error = error.await;
        assert!(matches!(error, Error::Protocol(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn commands_run_side_by_side() {
    let (client, done) = connected(|mut end: End| async move {
        let (first, one) = end.command().await;
        let (second, two) = end.command().await;
        assert_eq!((&*first[0], &*second[0]), ("/log/print", "/radius/add"));
        end.say(&["!re", &one, "=message=a"]).await;
        end.say(&["!done", &two, "=ret=*1F"]).await;
        end.say(&["!later", &one]).await;
        end.say(&["!re", &one, "=message=b"]).await;
        end.say(&["!done", &one]).await;
    })
    .await;
    let (log, add) = (Command::new("/log/print"), Command::new("/radius/add"));
    let (log, add) = tokio::join!(client.call(&log), client.call(&add));
    assert_eq!(log.unwrap().records.len(), 2);
    assert_eq!(add.unwrap().returned(), Some("*1F"));
    done.await.unwrap();
}

#[tokio::test]
async fn a_listener_that_is_dropped_cancels() {
    let (client, done) = connected(|mut end: End| async move {
        let (words, tag) = end.command().await;
        assert_eq!(words, ["/log/listen"]);
        for message in ["=message=a", "=message=b"] {
            end.say(&["!re", &tag, message]).await;
        }
        let (words, own) = end.command().await;
        assert_eq!(words, ["/cancel", &format!("=tag={}", &tag[5..])]);
        end.say(&["!trap", &tag, "=category=2", "=message=interrupted"])
            .await;
        end.say(&["!done", &tag]).await;
        end.say(&["!done", &own]).await;
        let (_, tag) = end.command().await;
        end.say(&["!done", &tag]).await;
    })
    .await;
    let mut listener = client.listen(&Command::new("/log/listen")).unwrap();
    for message in ["a", "b"] {
        let record = listener.next().await.unwrap().unwrap();
        assert_eq!(record.get("message"), Some(message));
    }
    drop(listener);
    client
        .call(&Command::new("/system/identity/print"))
        .await
        .unwrap();
    done.await.unwrap();
}

#[tokio::test]
async fn a_listener_hears_why_its_command_failed() {
    let (client, _done) = connected(|mut end: End| async move {
        let (_, tag) = end.command().await;
        end.say(&["!trap", &tag, "=message=no such command prefix"])
            .await;
        end.say(&["!done", &tag]).await;
        end.hear().await;
    })
    .await;
    let mut listener = client.listen(&Command::new("/lgo/listen")).unwrap();
    let failure = listener.next().await.unwrap();
    assert!(
        matches!(failure, Err(Error::NoSuchCommand { .. })),
        "{failure:?}"
    );
    assert!(listener.next().await.is_none());
}

#[tokio::test]
async fn a_slow_command_is_cancelled_and_the_connection_stays() {
    let (client, done) = connected(|mut end: End| async move {
        let (_, slow) = end.command().await;
        let (words, own) = end.command().await;
        assert_eq!(words[0], "/cancel");
        end.say(&["!trap", &slow, "=category=2", "=message=interrupted"])
            .await;
        end.say(&["!done", &slow]).await;
        end.say(&["!done", &own]).await;
        let (_, tag) = end.command().await;
        end.say(&["!done", &tag]).await;
    })
    .await;
    let slow = Command::new("/tool/torch").within(Duration::from_millis(50));
    let late = client.call(&slow).await.unwrap_err();
    assert!(matches!(late, Error::TimedOut { .. }), "{late}");
    client.call(&Command::new("/x/print")).await.unwrap();
    done.await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled() {
    let (client, done) = connected(|mut end: End| async move {
        end.command().await;
        assert_eq!(end.command().await.0[0], "/cancel");
    })
    .await;
    let command = Command::new("/tool/torch");
    let call = client.call(&command);
    assert!(timeout(Duration::from_millis(50), call).await.is_err());
    done.await.unwrap();
}

/// With little patience for a router that is gone.
async fn impatient<F, D>(script: F) -> Client
where
    F: FnOnce(End) -> D + Send + 'static,
    D: Future<Output = ()> + Send,
{
    let (target, _) = router(async |mut end: End| {
        end.log_in().await;
        script(end).await;
    })
    .await;
    let little = Duration::from_millis(100);
    let patience = Patience {
        answer: little,
        quiet: little,
        release: little,
    };
    let login = login();
    let opened = Client::open(&target, &login, tags::LARGEST_ANSWER, patience);
    opened.await.unwrap()
}

#[tokio::test]
async fn a_router_that_does_not_even_let_go_is_gone() {
    let client = impatient(async |mut end: End| while end.hear().await.is_some() {}).await;
    let slow = Command::new("/a").within(Duration::from_mins(1));
    let command = Command::new("/b");
    let (slow, late) = tokio::join!(client.call(&slow), client.call(&command));
    assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
    assert!(matches!(slow, Err(Error::TimedOut { .. })), "{slow:?}");
    client.orders.closed().await;
    assert!(client.is_closed());
}

#[tokio::test]
async fn a_listener_does_not_wait_for_a_router_without_power() {
    let client = impatient(async |mut end: End| {
        end.command().await;
        // Quiet, and there: the knock is answered.
        let (words, tag) = end.command().await;
        assert_eq!(words[0], "/system/identity/print");
        end.say(&["!done", &tag]).await;
        assert_eq!(end.command().await.0[0], "/system/identity/print");
        while end.hear().await.is_some() {}
    })
    .await;
    let mut listener = client.listen(&Command::new("/log/listen")).unwrap();
    let end = listener.next().await.unwrap();
    assert!(
        matches!(end, Err(Error::TimedOut { after, .. }) if after.as_millis() == 200),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_lost_fails_all_that_wait() {
    let (client, _done) = connected(|mut end: End| async move {
        let (_, tag) = end.command().await;
        end.command().await;
        end.say(&["!re", &tag, "=a=b"]).await;
    })
    .await;
    let mut listener = client.listen(&Command::new("/log/listen")).unwrap();
    let failure = client
        .call(&Command::new("/system/reboot"))
        .await
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the router closed the connection while doing /system/reboot"
    );
    listener.next().await.unwrap().unwrap();
    assert!(matches!(
        listener.next().await,
        Some(Err(Error::Closed { .. }))
    ));
    let later = client.call(&Command::new("/x")).await.unwrap_err();
    assert!(matches!(later, Error::Closed { .. }), "{later}");
}

#[tokio::test]
async fn a_fatal_says_why_the_session_ended() {
    let (client, _done) = connected(|mut end: End| async move {
        end.command().await;
        end.say(&["!fatal", "session terminated on request"]).await;
    })
    .await;
    for _ in 0..2 {
        let end = client.call(&Command::new("/quit")).await.unwrap_err();
        assert!(
            matches!(&end, Error::Ended { reason } if reason == "session terminated on request"),
            "{end}"
        );
    }
}

#[tokio::test]
async fn an_endless_answer_eats_no_memory() {
    let (target, done) = router(|mut end: End| async move {
        end.log_in().await;
        let (_, tag) = end.command().await;
        let filling = format!("=x={}", "y".repeat(1000));
        for _ in 0..11 {
            end.say(&["!re", &tag, &filling]).await;
        }
        assert_eq!(end.command().await.0[0], "/cancel");
    })
    .await;
    let client = Client::with_largest_answer(&target, &login(), 10_000)
        .await
        .unwrap();
    let endless = client.call(&Command::new("/log/print")).await.unwrap_err();
    assert!(
        matches!(endless, Error::TooMuch { bound: 10_000, .. }),
        "{endless}"
    );
    done.await.unwrap();
}

#[tokio::test]
async fn both_ends_may_write_much_at_once() {
    let (client, done) = connected(|mut end: End| async move {
        let filling = format!("=x={}", "y".repeat(1 << 20));
        let (_, tag) = end.command().await;
        // It reads nothing while it writes more than any socket holds.
        let octets = codec::sentence(["!re", &tag, &filling]).unwrap();
        for _ in 0..16 {
            end.tcp.write_all(&octets).await.unwrap();
        }
        end.say(&["!done", &tag]).await;
        let (words, tag) = end.command().await;
        assert_eq!(words[1].len(), (4 << 20) + 10);
        end.say(&["!done", &tag]).await;
    })
    .await;
    let print = Command::new("/x/print");
    let large = Command::new("/file/set").with("contents", "z".repeat(4 << 20));
    let (printed, set) = tokio::join!(client.call(&print), client.call(&large));
    assert_eq!(printed.unwrap().records.len(), 16);
    set.unwrap();
    done.await.unwrap();
}

#[tokio::test]
async fn more_commands_than_may_run_wait_for_their_turn() {
    let (client, done) = connected(|mut end: End| async move {
        for _ in 0..3 * MOST_AT_ONCE {
            let (_, tag) = end.command().await;
            end.say(&["!done", &tag]).await;
        }
    })
    .await;
    let client = Arc::new(client);
    let calls: Vec<_> = (0..3 * MOST_AT_ONCE)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.call(&Command::new("/x")).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    done.await.unwrap();
}

#[tokio::test]
async fn a_router_over_the_api_prints_adds_and_listens() {
    let (target, done) = router(|mut end: End| async move {
        end.log_in().await;
        let (words, tag) = end.command().await;
        assert_eq!(
            words,
            ["/radius/print", "=.proplist=.id,address", "?comment=ours"]
        );
        end.say(&["!re", &tag, "=.id=*1", "=address=192.0.2.1"])
            .await;
        end.say(&["!done", &tag]).await;
        let (words, tag) = end.command().await;
        assert_eq!(words, ["/log/listen"]);
        end.say(&["!done", &tag]).await;
    })
    .await;
    let router = Router::connect(&target, &login()).await.unwrap();
    let ours = [crate::Query::equals("comment", "ours")];
    let found = router
        .print("/radius", &[".id", "address"], &ours)
        .await
        .unwrap();
    assert_eq!(found[0].get("address"), Some("192.0.2.1"));
    let mut listener = router.listen(&Command::new("/log/listen")).unwrap();
    assert!(listener.next().await.is_none());
    assert_eq!(router.local_address().to_string(), "127.0.0.1");
    done.await.unwrap();
}
