//! Closing here what a router has no more.

use std::{sync::Arc, time::Duration};

use portreeve_aaa::{accounting::Absence, decision::CheckOutcome, session::Session};
use portreeve_store::journal::Journal;
use serde::{Deserialize, Serialize};

use crate::{
    data::DataDir,
    failure::Failure,
    routers::{Folder, Kept, RouterError, presence},
    service::{Records, now_ms},
};

/// The most sessions that one event names.
const NAMED: usize = 20;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    /// Acct-Session-Ids of the sessions that were closed.
    pub(crate) closed: Vec<String>,
}

/// Closes sessions in the journal, as the reports of NASes do.
#[derive(Clone)]
pub(super) struct Settler {
    pub(super) data: DataDir,
    pub(super) journal: Arc<Journal>,
    pub(super) records: Records,
}

impl Settler {
    /// Looks for the sessions on the router of which nothing was heard for so long, and closes
    /// those it has no more. Where there are none, the router is not asked.
    pub(super) async fn settle(&self, folder: &Folder, span: Duration) -> Result<Settled, Failure> {
        let kept = folder.read()?;
        let open = presence::open_here(&kept, &self.data)?;
        let now = now_ms();
        if !open.iter().any(|it| presence::is_silent(it, span, now)) {
            return Ok(Settled::default());
        }
        let compared = presence::compare(&kept, &self.data).await?;
        let gone: Vec<&Session> = compared.gone(span).collect();
        if gone.is_empty() {
            return Ok(Settled::default());
        }
        for some in gone.chunks(Absence::MOST) {
            let absence = Absence {
                seen_ms: compared.seen_ms,
                sessions: some.iter().map(|session| session.key.clone()).collect(),
            };
            let mut octets = Vec::new();
            absence.encode(&mut octets);
            let appended = self.journal.append(octets).await;
            appended.map_err(|error| {
                RouterError::Refused(format!("sessions cannot be closed here: {error}"))
            })?;
        }
        self.tell(&kept, &gone);
        Ok(Settled {
            closed: gone.iter().map(|it| it.session_id.clone()).collect(),
        })
    }

    fn tell(&self, kept: &Kept, gone: &[&Session]) {
        let plural = if gone.len() == 1 { "" } else { "s" };
        let sentence = format!(
            "gone: closed {} session{plural} here that the router has no more",
            gone.len()
        );
        let reason = "router_sessions_gone";
        tracing::info!(router = kept.name, reason, "{sentence}");
        self.records.notice(&kept.nas, kept.place(), |mut draft| {
            for session in gone.iter().take(NAMED) {
                let user = session.user.as_deref().unwrap_or("-");
                let detail = format!("{user}: no report says that it ended");
                draft.check(&session.session_id, CheckOutcome::Failed, &detail);
            }
            draft.noticed(reason, &sentence, None)
        });
    }
}
