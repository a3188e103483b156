//! Whether the other end of a connection is there: the watchdog of RFC 3539 section 3.4, with
//! Status-Server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve_proto::{Ask, AttributeList, Query, Version};
use tokio::sync::mpsc;

use crate::{
    client::{Answer, Ledger, Place, Upstream, Waiting},
    random::OsRandom,
    tls::{Hangup, Refused},
};

/// When the other end is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    /// After so long without a packet while an answer is waited for; and how long the question
    /// itself is waited for.
    pub(crate) waiting: Duration,
    /// After so long without a packet while nothing is.
    pub(crate) idle: Duration,
}

/// Asks the other end whether it is there, and ends the connection where it does not say so.
pub(crate) struct Watch {
    rhythm: Rhythm,
    random: OsRandom,
    heard: Instant,
    /// What it was asked, and when.
    asked: Option<(Instant, Place, mpsc::Receiver<Answer>)>,
}

impl Watch {
    pub(crate) fn new(rhythm: Rhythm, random: OsRandom, now: Instant) -> Self {
        Self {
            rhythm,
            random,
            heard: now,
            asked: None,
        }
    }

    /// Something came: whoever sent it is there.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        if let Some((_, _, told)) = &mut self.asked
            && told.try_recv().is_ok()
        {
            self.asked = None;
        }
    }

    pub(super) fn next_due(&self, is_asked: bool) -> Instant {
        match &self.asked {
            Some((since, ..)) => (*since).max(self.heard) + self.rhythm.waiting,
            None if is_asked => self.heard + self.rhythm.waiting,
            None => self.heard + self.rhythm.idle,
        }
    }

    /// The question to send, where it is time for one.
    pub(super) fn due(
        &mut self,
        now: Instant,
        is_asked: bool,
        ledger: &Arc<Ledger>,
        upstream: &Upstream,
    ) -> Result<Option<Vec<u8>>, Refused> {
        if now < self.next_due(is_asked) {
            return Ok(None);
        }
        if self.asked.is_some() {
            return Err(Refused::because(
                Hangup::Unanswering,
                "it answers neither requests nor Status-Server",
            ));
        }
        let (tell, told) = mpsc::channel(1);
        let place = ledger.occupy_reserved(Waiting::new(tell, Arc::default()));
        let (mut octets, nothing) = (Vec::new(), AttributeList::new());
        let query = match ledger.version() {
            Version::V1_0 => Query::encode(
                Ask::Status,
                0,
                &nothing,
                upstream.secret(),
                true,
                &mut self.random,
                &mut octets,
            ),
            Version::V1_1 => {
                Query::encode_open(Ask::Status, place.identifier(), &nothing, &mut octets)
            }
        };
        let Ok(query) = query else {
            return Ok(None);
        };
        place.expect(query);
        self.asked = Some((now, place, told));
        Ok(Some(octets))
    }
}
