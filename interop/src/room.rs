//! 802.1X over a cable: a server, a switch that asks it, and who is plugged in.

use crate::cable::Cable;
use crate::eap::{Place, methods};
use crate::eventually;
use crate::hostapd::{Switch, SwitchTerms};
use crate::relay::{Passed, Relay};
use crate::supplicant::Network;
use crate::wire::{attribute, code};
use crate::wpa_supplicant::WpaSupplicant;

/// A server, a switch, a cable, and who is plugged in.
#[derive(Debug)]
pub struct Room {
    /// Who is plugged in.
    pub supplicant: WpaSupplicant,
    /// What they are plugged into.
    pub switch: Switch,
    cable: Cable,
    accounting: Relay,
    /// Who is asked.
    pub place: Place,
}

impl Room {
    /// Plugs somebody in; the switch asks them again after `reauth` seconds, never for 0, and
    /// accounts every second.
    pub fn enter(place: Place, network: &Network, reauth: u32) -> Self {
        Self::enter_asked_at(place, network, reauth, None)
    }

    /// As [`enter`](Self::enter), with a switch that takes Disconnect-Requests on a port.
    pub fn enter_asked_at(place: Place, network: &Network, reauth: u32, das: Option<u16>) -> Self {
        let accounting = Relay::to(place.server.acct());
        let cable = Cable::lay();
        let terms = SwitchTerms {
            auth: place.server.auth(),
            acct: accounting.address(),
            reauth,
            interim: Some(1),
            das,
        };
        Self {
            switch: Switch::start(&cable, &terms),
            supplicant: WpaSupplicant::start(&cable, network),
            cable,
            accounting,
            place,
        }
    }

    /// As somebody of the usual world.
    pub fn of(method: &str, name: &str, reauth: u32) -> Self {
        let place = Place::usual();
        let network = place.network(methods::named(method), name);
        Self::enter(place, &network, reauth)
    }

    /// Whether both ends call the port open.
    pub fn is_open(&self) -> bool {
        self.supplicant.is_authorized() && self.switch.lets_in(&self.address())
    }

    /// Waits until both ends call the port open.
    ///
    /// # Panics
    /// If they do not.
    #[track_caller]
    pub fn expect_open(&self) {
        eventually(|| self.is_open());
        let (supplicant, switch) = (self.supplicant.said(), self.switch.said());
        assert!(
            self.is_open(),
            "the port stays shut:\n{supplicant}\n{switch}"
        );
    }

    /// The hardware address of who is plugged in.
    pub fn address(&self) -> String {
        self.cable.far_address()
    }

    /// The accounting records with this status that have been answered.
    pub fn accounted(&self, status: u8) -> Vec<Vec<u8>> {
        let passed = self.accounting.passed();
        let answers = |request: &Passed| {
            let mut back = passed.iter().filter(|packet| !packet.to_server);
            back.any(|reply| {
                reply.bytes[0] == code::ACCOUNTING_RESPONSE && reply.bytes[1] == request.bytes[1]
            })
        };
        let requests = passed.iter().filter(|packet| packet.to_server);
        requests
            .filter(|request| {
                let found = value(&request.bytes, attribute::ACCT_STATUS_TYPE);
                found == Some(&[0, 0, 0, status]) && answers(request)
            })
            .map(|request| request.bytes.clone())
            .collect()
    }
}

/// The first value of an attribute in a packet.
pub fn value(packet: &[u8], kind: u8) -> Option<&[u8]> {
    let mut rest = packet.get(20..)?;
    while let [found, length, ..] = rest {
        let (one, others) = rest.split_at_checked(usize::from(*length).max(2))?;
        if *found == kind {
            return Some(&one[2..]);
        }
        rest = others;
    }
    None
}
