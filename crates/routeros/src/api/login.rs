//! Logging in, in both of the ways RouterOS has had.

use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::{
    codec::{self, Decoder, Sentence},
    reply::{Faults, Kind, Reply},
};
use crate::{
    Error, Login, Record, Target,
    dial::{Stream, place},
    secret::without,
    text,
};

/// The octets of a challenge; RouterOS before 6.43 sends 16.
const LONGEST_CHALLENGE: usize = 64;
/// The most sentences before a log-in is answered. One suffices.
const MOST_REPLIES: usize = 16;
/// Enough of what comes first to know what it is.
const FIRST_OCTETS: usize = 5;

/// A connection in the log-in, and what was read beyond it.
pub(super) struct Greeting {
    pub(super) stream: Stream,
    pub(super) decoder: Decoder,
    /// Octets that have come and are not read yet.
    pub(super) ahead: Vec<u8>,
    first: Vec<u8>,
}

impl Greeting {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            decoder: Decoder::new(),
            ahead: Vec::new(),
            first: Vec::new(),
        }
    }

    /// Logs in: with the password, and where the router, older than 6.43, answers that with a
    /// challenge, with the response to that.
    pub(super) async fn log_in(&mut self, target: &Target, login: &Login) -> Result<(), Error> {
        let name = Zeroizing::new(format!("=name={}", login.user));
        let password = login.password.reveal();
        let plain = Zeroizing::new(format!("=password={password}"));
        let done = self.ask(target, login, &["/login", &name, &plain]).await?;
        let Some(challenge) = done.get("ret") else {
            return Ok(());
        };
        let challenge = octets(challenge).ok_or_else(|| {
            Error::Protocol("the challenge of the log-in is not hexadecimal".to_owned())
        })?;
        let response = response(password, &challenge);
        let done = self
            .ask(target, login, &["/login", &name, &response])
            .await?;
        match done.get("ret") {
            None => Ok(()),
            Some(_) => Err(Error::Protocol(
                "the log-in is answered with one challenge after the other".to_owned(),
            )),
        }
    }

    /// One sentence and its answer, without a tag.
    async fn ask(
        &mut self,
        target: &Target,
        login: &Login,
        words: &[&str],
    ) -> Result<Record, Error> {
        let sentence = codec::sentence(words).map_err(|garbled| Error::LogIn {
            user: text::quotable(&login.user),
            message: format!("name or password cannot be sent: {garbled}"),
        })?;
        let sent = async {
            self.stream.write_all(&sentence).await?;
            self.stream.flush().await
        };
        if sent.await.is_err() {
            return Err(self.closed(target));
        }
        let mut faults = Faults::default();
        for _ in 0..MOST_REPLIES {
            let sentence = self.sentence(target).await?;
            let reply = Reply::read(&sentence)
                .ok_or_else(|| Error::Protocol("a sentence that is no reply".to_owned()))?;
            match reply.kind {
                Kind::Done if faults.is_empty() => return Ok(reply.record),
                Kind::Done => return Err(refused(login, &faults)),
                Kind::Trap => faults.add(&reply),
                Kind::Fatal => {
                    let reason = without(&reply.message(), [login.password.reveal()]);
                    return Err(Error::Ended { reason });
                }
                Kind::Record | Kind::Empty | Kind::Unknown => {}
            }
        }
        Err(Error::Protocol(
            "the log-in is answered without end".to_owned(),
        ))
    }

    async fn sentence(&mut self, target: &Target) -> Result<Sentence, Error> {
        let mut buffer = vec![0; 4096];
        loop {
            let mut rest = &self.ahead[..];
            let read = self.decoder.read(&mut rest);
            self.ahead = rest.to_vec();
            if let Some(what) = foreign(&self.first) {
                return Err(Error::Protocol(what.to_owned()));
            }
            if let Some(sentence) = read.map_err(|garbled| Error::Protocol(garbled.to_string()))? {
                return Ok(sentence);
            }
            let come = match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Err(self.closed(target)),
                Ok(come) => &buffer[..come],
            };
            let missing = FIRST_OCTETS.saturating_sub(self.first.len());
            self.first.extend(come.iter().take(missing));
            self.ahead.extend_from_slice(come);
        }
    }

    /// A router closes before it says anything only to those that it does not want.
    fn closed(&self, target: &Target) -> Error {
        if self.first.is_empty() {
            Error::TurnedAway {
                address: place(target),
                service: target.transport.service(),
            }
        } else {
            Error::Closed {
                during: "logging in".to_owned(),
            }
        }
    }
}

/// What a router that refuses a log-in means.
fn refused(login: &Login, faults: &Faults) -> Error {
    let user = text::quotable(&login.user);
    let messages: Vec<&str> = faults.messages().collect();
    let message = without(&messages.join("; "), [login.password.reveal()]);
    if message.contains("radius timeout") {
        Error::NoRadiusAnswer { user, message }
    } else {
        Error::LogIn { user, message }
    }
}

/// The word that proves the password: `00` and the MD5 hash of a zero octet, the password and the
/// challenge.
fn response(password: &str, challenge: &[u8]) -> Zeroizing<String> {
    let mut hash = Md5::new();
    hash.update([0]);
    hash.update(password);
    hash.update(challenge);
    let digits = hash.finalize();
    let mut word = Zeroizing::new("=response=00".to_owned());
    for octet in &digits {
        for digit in [octet >> 4, octet & 15] {
            word.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    word
}

fn octets(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hexadecimal
        .chars()
        .map(|letter| {
            letter
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    (!octets.is_empty() && octets.len() <= LONGEST_CHALLENGE).then_some(octets)
}

/// What else listens on a port and talks first, or answers what it does not understand.
fn foreign(first: &[u8]) -> Option<&'static str> {
    if first.starts_with(&[0x15, 3]) {
        Some("it speaks TLS: this is the port of api-ssl, not of api")
    } else if first.starts_with(b"HTTP/") {
        Some("it is a web server: the API has the ports 8728 and 8729")
    } else if first.starts_with(b"SSH-") {
        Some("it is an SSH server: the API has the ports 8728 and 8729")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_the_hash_of_password_and_challenge() {
        // By Python: hashlib.md5(b"\0" + b"secret" + bytes.fromhex(challenge)).hexdigest().
        let challenge = octets("ebddd18303a54111e2dea05a92ab46b4").unwrap();
        assert_eq!(
            *response("secret", &challenge),
            "=response=007319531c22b6b85e160d6ac355c1df2e"
        );
    }

    #[test]
    fn only_hexadecimal_challenges_are_read() {
        assert_eq!(octets("00fF"), Some(vec![0, 255]));
        for wrong in ["", "0", "0g", "é0", &"0".repeat(2 * LONGEST_CHALLENGE + 2)] {
            assert_eq!(octets(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_which_server_did_not_answer() {
        let login = Login::new("tim", "pa55word");
        let refused_with = |message: &str| {
            let mut faults = Faults::default();
            let words = [
                b"!trap".to_vec(),
                format!("=message={message}").into_bytes(),
            ];
            faults.add(&Reply::read(&words).unwrap());
            refused(&login, &faults)
        };
        assert!(matches!(
            refused_with("could not authenticate - radius timeout"),
            Error::NoRadiusAnswer { .. }
        ));
        for message in ["invalid user name or password (6)", "cannot log in"] {
            assert!(
                matches!(refused_with(message), Error::LogIn { message: m, .. } if m == message)
            );
        }
        assert!(
            !refused_with("no user tim with pa55word")
                .to_string()
                .contains("pa55")
        );
    }
}
