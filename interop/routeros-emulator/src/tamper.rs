//! Bytes on their way: slow answers, and answers that no router gives.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Sleep, sleep},
};

use crate::{Machine, faults, faults::Hostile, serve::Stream};

/// A connection of which the faults are heeded.
pub(crate) struct Tampered {
    inner: Pin<Box<dyn Stream>>,
    machine: Arc<Machine>,
    http: bool,
    /// Set while an answer waits, and when it has waited.
    wait: Option<Pin<Box<Sleep>>>,
    waited: bool,
    /// What is left of hostile bytes.
    pending: Vec<u8>,
    began: bool,
    closings: watch::Receiver<u64>,
}

impl Tampered {
    pub(crate) fn new(machine: &Arc<Machine>, service: &str, inner: Pin<Box<dyn Stream>>) -> Self {
        Self {
            inner,
            machine: Arc::clone(machine),
            http: service.starts_with("www"),
            wait: None,
            waited: false,
            pending: Vec::new(),
            began: false,
            closings: faults::of(machine).closings(),
        }
    }

    /// Holds an answer back as long as the fault says.
    fn held(&mut self, context: &mut Context<'_>, slow: Option<u64>) -> Poll<()> {
        let Some(slow) = slow.filter(|_| !self.waited) else {
            return Poll::Ready(());
        };
        let wait = self
            .wait
            .get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(slow))));
        ready!(wait.as_mut().poll(context));
        self.wait = None;
        self.waited = true;
        Poll::Ready(())
    }

    /// Sends what no router sends. Ready when it was all.
    fn spoil(&mut self, context: &mut Context<'_>, hostile: Hostile) -> Poll<io::Result<()>> {
        loop {
            if self.pending.is_empty() {
                match bytes(hostile, self.http, self.began) {
                    Some(bytes) => self.pending = bytes,
                    None => return self.inner.as_mut().poll_flush(context),
                }
                self.began = true;
            }
            let written = ready!(self.inner.as_mut().poll_write(context, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
    }
}

/// The next bytes, none when they have all been sent.
fn bytes(hostile: Hostile, http: bool, began: bool) -> Option<Vec<u8>> {
    let word = |text: &[u8]| {
        let length = u8::try_from(text.len()).unwrap_or(0x7F);
        [&[length], text].concat()
    };
    let text = match (hostile, http, began) {
        (Hostile::Endless, true, false) => {
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[".to_vec()
        }
        (Hostile::Endless | Hostile::EndlessSentence, true, _) => {
            b"{\".id\":\"*1\",\"name\":\"again\"},".repeat(64)
        }
        (Hostile::Endless, false, _) => [
            word(b"!re"),
            word(b"=.id=*1"),
            word(b"=name=again"),
            vec![0],
        ]
        .concat()
        .repeat(64),
        (Hostile::EndlessSentence, false, false) => word(b"!re"),
        (Hostile::EndlessSentence, false, true) => word(b"=name=again").repeat(64),
        (_, _, true) => return None,
        (Hostile::HugeLength, true, _) => {
            b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n[".to_vec()
        }
        (Hostile::HugeLength, false, _) => [
            word(b"!re"),
            vec![0xF0, 0xFF, 0xFF, 0xFF, 0xFF],
            b"=name=x".to_vec(),
        ]
        .concat(),
        (Hostile::Control, true, _) => b"\x00\xFF\xFE no HTTP \x1B[2J\r\n\r\n".to_vec(),
        (Hostile::Control, false, _) => [word(b"!re"), vec![0xF8, 0xFF]].concat(),
        (Hostile::Escapes, true, _) => {
            let body = r#"[{".id":"*1","name":"\u0000\u001b[2J\u202e","secret":"\r\n!done"}]"#;
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\
                 \r\n\r\n{body}"
            )
            .into_bytes()
        }
        (Hostile::Escapes, false, _) => [
            word(b"!re"),
            word(b"=.id=*1"),
            word(b"=name=\x00\x1B[2J\xE2\x80\xAE\xFF"),
            vec![0],
            word(b"!done"),
            vec![0],
        ]
        .concat(),
    };
    Some(text)
}

impl AsyncRead for Tampered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(self.inner.as_mut().poll_read(context, buffer));
        self.waited = false;
        self.began = false;
        Poll::Ready(outcome)
    }
}

impl AsyncWrite for Tampered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        // An answer that was ready is not to be quicker than the end of the connection.
        if self.closings.has_changed().unwrap_or(true) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let settings = faults::of(&self.machine).settings();
        ready!(self.held(context, settings.slow));
        match settings.hostile {
            Some(hostile) => {
                ready!(self.spoil(context, hostile))?;
                Poll::Ready(Ok(buffer.len()))
            }
            None => self.inner.as_mut().poll_write(context, buffer),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.as_mut().poll_shutdown(context)
    }
}
