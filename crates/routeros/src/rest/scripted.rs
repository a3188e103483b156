//! A router that says over REST what a test has written down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{Login, Target, Transport};

/// What was asked: the first line, the head, and the body.
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Answers every request by a function; an answer that is empty closes the connection.
pub(crate) async fn server<F>(answer: F) -> (Target, Arc<AtomicUsize>)
where
    F: Fn(&Asked) -> String + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = Target::new("127.0.0.1", Transport::Rest);
    target.port = listener.local_addr().unwrap().port();
    target.timeout = Duration::from_secs(5);
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, Arc::clone(&answer)));
        }
    });
    (target, connections)
}

async fn serve<F: Fn(&Asked) -> String>(mut stream: TcpStream, answer: Arc<F>) {
    let mut buffer = Vec::new();
    loop {
        let Some(asked) = next(&mut stream, &mut buffer).await else {
            return;
        };
        let text = answer(&asked);
        if text.is_empty() || stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if text.contains("Connection: close") {
            return;
        }
    }
}

async fn next(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.trim().parse().unwrap());
            if rest.len() >= length {
                let body = rest[..length].to_owned();
                buffer.drain(..head.len() + 4 + length);
                let line = head.lines().next().unwrap_or_default().to_owned();
                let head = head.to_owned();
                return Some(Asked { line, head, body });
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(1..) if buffer.len() > 1 << 20 => return None,
            Ok(length @ 1..) => buffer.extend_from_slice(&piece[..length]),
            _ => return None,
        }
    }
}

pub(crate) fn http(status: &str, media: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn json(status: &str, body: &str) -> String {
    http(status, "application/json", body)
}

/// The part that every router plays: asks who is there, and lets admin in.
pub(crate) fn door(asked: &Asked) -> Option<String> {
    // admin:pass
    let known = asked.head.contains("Basic YWRtaW46cGFzcw==");
    if !known {
        let body = r#"{"error":401,"message":"Unauthorized"}"#;
        return Some(json("401 Unauthorized", body));
    }
    asked
        .line
        .starts_with("POST /rest/system/resource/print")
        .then(|| json("200 OK", r#"[{"version":"7.18.2 (stable)"}]"#))
}

/// Who the door lets in.
pub(crate) fn admin() -> Login {
    Login::new("admin", "pass")
}
