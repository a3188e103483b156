//! Connections that were refused or ended: what the administrator is told of them, and how loud.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve::{Transport, server::observer::HungUp, tls::Hangup};
use portreeve_aaa::{
    decision::{CheckOutcome, Decision, Draft},
    refusal::argument,
};

use super::strangers::{Report, Tallies};

/// The most lines above DEBUG in a while, whoever they are about: a certificate names a NAS before
/// anything proves it.
const LINES: u32 = 30;
/// That while.
const WHILE: Duration = Duration::from_secs(10);

/// What is to be said of a connection.
#[derive(Debug, Default)]
pub(super) struct Details {
    transport: Transport,
    /// Whose it was, or claimed to be.
    nas: Option<Arc<str>>,
    particulars: Option<String>,
}

/// Connections, gathered by where they came from and why they are over.
pub(super) struct Hangups {
    tallies: Tallies<Hangup, Details>,
    /// When the present while began, and the lines in it.
    lines: (Option<Instant>, u32),
}

pub(super) type Told = Report<Hangup, Details>;

impl Hangups {
    pub(super) fn new() -> Self {
        Self {
            tallies: Tallies::new(),
            lines: (None, 0),
        }
    }

    /// Counts a connection that is over, unless it ended as connections do.
    pub(super) fn count(&mut self, now: Instant, hung_up: &HungUp<'_>) {
        let reason = hung_up.refused.reason;
        if matches!(reason, Hangup::PeerClosed | Hangup::Stopping) {
            return;
        }
        self.tallies.count(now, hung_up.from, reason, || Details {
            transport: hung_up.transport,
            nas: hung_up.peer.map(|peer| Arc::clone(peer.name())),
            particulars: hung_up.refused.details.clone(),
        });
    }

    /// What is due to be said, each with whether it may be said above DEBUG, and how many
    /// connections nobody was remembered for.
    pub(super) fn due(&mut self, now: Instant, most: usize) -> (Vec<(Told, bool)>, u64) {
        let (told, overflow) = self.tallies.due(now, most);
        let told = told.into_iter().map(|told| {
            let is_loud = told.details.nas.is_some() && self.has_line(now);
            (told, is_loud)
        });
        (told.collect(), overflow)
    }

    /// Whether there is one more line.
    fn has_line(&mut self, now: Instant) -> bool {
        let (began, lines) = &mut self.lines;
        if began.is_none_or(|began| now.saturating_duration_since(began) >= WHILE) {
            (*began, *lines) = (Some(now), 0);
        }
        *lines += 1;
        *lines <= LINES
    }
}

impl Told {
    /// Writes a log line: at WARN for a NAS, as long as there are not too many, and at DEBUG for
    /// strangers.
    pub(super) fn log(&self, is_loud: bool) {
        let nas = self.details.nas.as_deref();
        let (reason, connections) = (self.reason.label(), self.packets);
        let (from, transport) = (self.from, self.details.transport);
        let sentence = self.sentence();
        let cure = self.cure();
        let cure = cure.as_deref();
        if !is_loud {
            tracing::debug!(%from, %transport, nas, reason, connections, cure, "{sentence}");
        } else if matches!(self.reason, Hangup::PeerVanished | Hangup::IdleTimeout) {
            tracing::info!(%from, %transport, nas, reason, connections, "{sentence}");
        } else {
            tracing::warn!(%from, %transport, nas, reason, connections, cure, "{sentence}");
        }
    }

    /// The reason with its particulars.
    fn sentence(&self) -> String {
        match &self.details.particulars {
            Some(particulars) => format!("{} ({particulars})", self.reason),
            None => self.reason.to_string(),
        }
    }

    fn cure(&self) -> Option<String> {
        cure(self.reason, self.details.nas.as_deref(), self.from)
    }

    /// The record of it; `None` for what is nothing to look at.
    pub(super) fn record(&self, mut draft: Draft) -> Option<Decision> {
        if matches!(self.reason, Hangup::PeerVanished | Hangup::IdleTimeout) {
            return None;
        }
        draft = draft.over(self.details.transport, None);
        if let Some(nas) = &self.details.nas {
            draft = draft.nas(nas);
        }
        if self.packets > 1 {
            let detail = format!("{} such connections since the last record", self.packets);
            draft.check("connections", CheckOutcome::Failed, &detail);
        }
        let (sentence, cure) = (self.sentence(), self.cure());
        Some(draft.hung_up(self.reason.label(), &sentence, cure.as_deref()))
    }
}

/// What the administrator can do so that such connections are good ones: a command, or a key of the
/// configuration.
fn cure(reason: Hangup, nas: Option<&str>, from: SocketAddr) -> Option<String> {
    let name = argument(nas, "NAME");
    let address = from.ip().to_canonical();
    let set = |what: &str| Some(format!("portreeve nas set {name} {what}"));
    let issue = format!("portreeve cert issue --peer {name} --force --out .");
    match reason {
        Hangup::AddressNotAllowed if nas.is_some() => {
            set(&format!("--address {address}, or --address any behind NAT"))
        }
        Hangup::AddressNotAllowed | Hangup::NotRecognised => Some(format!(
            "if it is yours: portreeve nas add NAME {address} --transport tls, or for one that is \
             there: portreeve nas set NAME --identity RULE"
        )),
        Hangup::CertificateExpired
        | Hangup::CertificateRanOut
        | Hangup::CertificateRevoked
        | Hangup::CertificateUnsuitable
        | Hangup::NoCertificate => Some(issue),
        Hangup::UnknownCa => Some(format!(
            "{issue}, or, if its CA is to be trusted: portreeve nas set {name} --ca FILE"
        )),
        Hangup::PeerRefusedUs => Some(
            "give the NAS our CA: portreeve cert ca --out ca.crt; and if it knows this server by \
             another address: portreeve cert issue --server --ip ADDRESS"
                .to_owned(),
        ),
        Hangup::CrlExpired | Hangup::CrlMissing => {
            Some("put a current list where `tls.crl` points to; portreeve check".to_owned())
        }
        Hangup::PskUnknown => set("--psk-generate"),
        Hangup::TlsTooOld => Some("if it must be: `tls.oldest = \"1.2\"`".to_owned()),
        Hangup::VersionRefused => Some("`tls.radius = \"both\"`".to_owned()),
        Hangup::TooManyConnections => Some("`tls.connections`".to_owned()),
        Hangup::TooManyHalfOpen => Some("`tls.half_open`".to_owned()),
        Hangup::TooManyFromPeer => set("--max-connections N"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cures_are_commands_that_name_the_nas() {
        let from = "[::ffff:192.0.2.7]:4000".parse().unwrap();
        for (reason, part) in [
            (Hangup::CertificateExpired, "portreeve cert issue --peer ap"),
            (Hangup::AddressNotAllowed, "nas set ap --address 192.0.2.7"),
            (Hangup::TooManyFromPeer, "nas set ap --max-connections"),
            (Hangup::UnknownCa, "nas set ap --ca FILE"),
        ] {
            let cure = cure(reason, Some("ap"), from).unwrap();
            assert!(cure.contains(part), "{cure}");
        }
        let stranger = cure(Hangup::AddressNotAllowed, None, from).unwrap();
        assert!(
            stranger.contains("nas add NAME 192.0.2.7 --transport tls"),
            "{stranger}"
        );
        let odd = cure(Hangup::NoCertificate, Some("a; rm"), from).unwrap();
        assert!(odd.contains("--peer NAME"), "{odd}");
    }

    #[test]
    fn lines_are_bounded_in_each_while() {
        let mut hangups = Hangups::new();
        let now = Instant::now();
        let lines = |hangups: &mut Hangups, now| (0..100).filter(|_| hangups.has_line(now)).count();
        assert_eq!(lines(&mut hangups, now), 30);
        assert_eq!(lines(&mut hangups, now + WHILE / 2), 0);
        assert_eq!(lines(&mut hangups, now + WHILE), 30);
    }
}
