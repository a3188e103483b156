//! Records of sessions, sent one after the other.

use std::{
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::mpsc;

use super::{
    Radius,
    entry::{About, Entry, Service},
    meter::Meter,
    shape::{Record, Shape},
    wire::Asking,
};

/// The most records that wait for a server that does not answer; more are lost, as on a router.
pub(super) const WAITING: usize = 64;

/// What is to be said of a session.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// Acct-Status-Type.
    pub(super) status: u32,
    /// How long it has lasted.
    pub(super) seconds: u64,
    /// What it has used.
    pub(super) meter: Meter,
    /// Why it has ended.
    pub(super) cause: Option<u32>,
}

/// Whose records these are.
pub(super) struct Subject {
    /// Acct-Session-Id.
    pub(super) id: String,
    /// What is said in every record.
    pub(super) shape: Shape,
    /// As the Access-Accept had them.
    pub(super) class: Vec<Vec<u8>>,
    /// What chooses the entry of `/radius`.
    pub(super) domain: String,
}

/// Sends what comes until the session drops its end, or the router starts again.
pub(super) async fn run(radius: Radius, subject: Subject, mut reports: mpsc::Receiver<Report>) {
    let mut boots = radius.machine().boots();
    let boot = *boots.borrow_and_update();
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            _ = boots.changed() => return,
        };
        let Some(report) = report else {
            return;
        };
        tokio::select! {
            () = send(&radius, &subject, &report) => {}
            _ = boots.changed() => return,
        }
        if *boots.borrow() != boot {
            return;
        }
    }
}

async fn send(radius: &Radius, subject: &Subject, report: &Report) {
    let meter = if radius.swaps_octets() {
        report.meter.swapped()
    } else {
        report.meter
    };
    let record = Record {
        status: report.status,
        session_id: &subject.id,
        class: &subject.class,
        seconds: u32::try_from(report.seconds).unwrap_or(u32::MAX),
        meter,
        cause: report.cause,
        unix_s: unix_s(),
    };
    let build = |entry: &Entry, ours: IpAddr| subject.shape.accounting(&record, &entry.realm, ours);
    let service: Service = subject.shape.service;
    let asking = Asking {
        about: About::Accounting,
        service: service.name(),
        called: &subject.shape.called,
        attributes: &build,
    };
    let select = (service, &*subject.shape.called, &*subject.domain);
    // A router that hears nothing has nothing else to do than to count it.
    drop(radius.ask(&asking, select).await);
}

/// Seconds since 1970.
pub(super) fn unix_s() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u32::try_from(since.unwrap_or_default().as_secs()).unwrap_or(u32::MAX)
}
