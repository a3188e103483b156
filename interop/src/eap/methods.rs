//! The methods that Debian's `eapol_test` knows, and what each leaves in its log.

use std::path::Path;

use crate::certificates::Pair;
use crate::supplicant::Network;

/// What proves who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Something they know.
    Password,
    /// Something they have.
    Certificate,
}

/// One way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// As people write it.
    pub name: &'static str,
    /// The outer method, as the supplicant names it.
    pub outer: &'static str,
    /// What happens in the tunnel, as the supplicant says it.
    pub inner: Option<&'static str>,
    /// What proves who it is.
    pub proof: Proof,
    /// Whether keys come of it.
    pub keys: bool,
    /// The numbers of EAP methods that must appear in the log, and no others.
    pub numbers: &'static [u8],
    /// What else must appear there.
    pub evidence: &'static str,
}

const fn tunnelled(
    name: &'static str,
    outer: &'static str,
    inner: &'static str,
    numbers: &'static [u8],
    evidence: &'static str,
) -> Method {
    Method {
        name,
        outer,
        inner: Some(inner),
        proof: Proof::Password,
        keys: true,
        numbers,
        evidence,
    }
}

const fn plain(
    name: &'static str,
    outer: &'static str,
    keys: bool,
    numbers: &'static [u8],
) -> Method {
    Method {
        name,
        outer,
        inner: None,
        proof: Proof::Password,
        keys,
        numbers,
        evidence: "",
    }
}

/// Those that rest on TLS.
pub const TLS: [Method; 11] = [
    Method {
        proof: Proof::Certificate,
        ..plain("TLS", "TLS", true, &[13])
    },
    tunnelled("PEAP/MSCHAPv2", "PEAP", "auth=MSCHAPV2", &[25, 26], ""),
    tunnelled("PEAP/GTC", "PEAP", "auth=GTC", &[25, 6], ""),
    Method {
        proof: Proof::Certificate,
        ..tunnelled("PEAP/TLS", "PEAP", "auth=TLS", &[25, 13], "")
    },
    tunnelled("TTLS/PAP", "TTLS", "auth=PAP", &[21], "Phase 2 PAP Request"),
    tunnelled(
        "TTLS/CHAP",
        "TTLS",
        "auth=CHAP",
        &[21],
        "Phase 2 CHAP Request",
    ),
    tunnelled(
        "TTLS/MSCHAP",
        "TTLS",
        "auth=MSCHAP",
        &[21],
        "Phase 2 MSCHAP Request",
    ),
    tunnelled(
        "TTLS/MSCHAPv2",
        "TTLS",
        "auth=MSCHAPV2",
        &[21],
        "Phase 2 MSCHAPV2 Request",
    ),
    tunnelled(
        "TTLS/EAP-MSCHAPv2",
        "TTLS",
        "autheap=MSCHAPV2",
        &[21, 26],
        "",
    ),
    tunnelled("TTLS/EAP-GTC", "TTLS", "autheap=GTC", &[21, 6], ""),
    Method {
        proof: Proof::Certificate,
        ..tunnelled("TTLS/EAP-TLS", "TTLS", "autheap=TLS", &[21, 13], "")
    },
];

/// Those that do not.
pub const PLAIN: [Method; 4] = [
    plain("MD5", "MD5", false, &[4]),
    plain("GTC", "GTC", false, &[6]),
    plain("MSCHAPv2", "MSCHAPV2", true, &[26]),
    plain("PWD", "PWD", true, &[52]),
];

/// TEAP, which only the program that was built with it knows: a network block without what
/// happens inside.
pub fn teap(identity: &str, ca: &Path) -> Network {
    Network::new("TEAP")
        .identity(identity)
        .trusting(ca)
        // It wants a place for the tickets of its own kind, and asks for none.
        .text("pac_file", "blob://teap")
        .phase1("teap_provisioning=0")
}

/// The method of this name.
///
/// # Panics
/// If there is none.
pub fn named(name: &str) -> Method {
    match TLS.iter().chain(&PLAIN).find(|method| method.name == name) {
        Some(method) => *method,
        None => panic!("no method is called {name}"),
    }
}

impl Method {
    /// Whether it rests on TLS.
    pub fn is_tls(self) -> bool {
        TLS.contains(&self)
    }

    /// The network block for `identity`, who trusts `ca`.
    pub fn network(self, identity: &str, ca: &Path) -> Network {
        let mut network = Network::new(self.outer).identity(identity);
        if self.is_tls() {
            network = network.trusting(ca);
        }
        if let Some(inner) = self.inner {
            network = network.phase2(inner);
        }
        network
    }

    /// As [`network`](Self::network), with a certificate where the method wants it.
    pub fn network_with(self, identity: &str, ca: &Path, pair: &Pair) -> Network {
        let network = self.network(identity, ca);
        if self.inner.is_some() {
            network.showing_inside(pair, ca)
        } else {
            network.showing(pair)
        }
    }
}
