//! Every finding: how it is provoked, where, and what is to be said of it.

mod hardening;
mod incoming;
mod others;
mod path;
mod protection;
mod services;

use portreeve_routeros::check::{Code, OurSide, Severity};

use crate::provoked::sites::Site;

/// One way to provoke a finding.
pub(crate) struct Case {
    pub(crate) code: Code,
    pub(crate) site: Site,
    pub(crate) versions: &'static [&'static str],
    /// What is done on the router, around it, and by the server.
    pub(crate) steps: &'static [&'static str],
    /// What this server alone knows.
    pub(crate) ours: fn(&mut OurSide),
    pub(crate) severity: Severity,
    /// What the evidence, or the sentence itself, must hold.
    pub(crate) seen: &'static str,
    pub(crate) fix: &'static str,
    /// Whether commands are offered that mend it.
    pub(crate) mends: bool,
    /// What follows of the same steps and cannot be told apart from them.
    pub(crate) also: &'static [Code],
}

/// One of each kind: RouterOS 6, one over REST, and the newest.
const KINDS: &[&str] = &["6.49", "7.18", "7.24"];
const NEW: &[&str] = &["7.24"];
const EITHER: &[&str] = &["6.49", "7.24"];

const fn case(
    code: Code,
    site: Site,
    versions: &'static [&'static str],
    steps: &'static [&'static str],
    (seen, fix): (&'static str, &'static str),
) -> Case {
    Case {
        code,
        site,
        versions,
        steps,
        ours: |_| (),
        severity: Severity::Error,
        seen,
        fix,
        mends: false,
        also: &[],
    }
}

impl Case {
    const fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    const fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    const fn mends(mut self) -> Self {
        self.mends = true;
        self
    }

    const fn ours(mut self, ours: fn(&mut OurSide)) -> Self {
        self.ours = ours;
        self
    }

    const fn also(mut self, also: &'static [Code]) -> Self {
        self.also = also;
        self
    }
}

/// What cannot be provoked on an emulated router, and why. The pure tests provoke it.
pub(crate) const NOT_HERE: &[(Code, &str)] = &[];

/// All of them.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    let all = [
        path::ALL,
        services::ALL,
        incoming::ALL,
        protection::ALL,
        others::ALL,
        hardening::ALL,
    ];
    all.into_iter().flatten()
}
