//! What an Access-Accept grants, as a router understands it.

use std::{net::Ipv4Addr, time::Duration};

use portreeve_proto::{
    Packet,
    attr::{self, ascend, mikrotik, wispr},
};

use super::{
    meter::{Quota, limit},
    rate::{Pair, RateLimit},
};

/// What a session may have.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    /// An address; `None` where one of the pool is to be taken.
    pub(super) address: Option<Ipv4Addr>,
    /// The pool; ignored where there is an address.
    pub(super) pool: Option<String>,
    /// Routes behind the session.
    pub(super) routes: Vec<String>,
    /// The longest it may last.
    pub(super) session_timeout: Option<Duration>,
    /// The longest it may keep silent.
    pub(super) idle_timeout: Option<Duration>,
    /// How often it reports; `None` for the router's own interval.
    pub(super) interim: Option<Duration>,
    /// To be sent with every record.
    pub(super) class: Vec<Vec<u8>>,
    /// Sessions of the same name, for the hotspot.
    pub(super) port_limit: Option<u32>,
    /// The chains to jump to.
    pub(super) filters: Filters,
    /// The mark of its packets.
    pub(super) mark: Option<String>,
    /// How fast it may be.
    pub(super) rate: Option<RateLimit>,
    /// Why the rate was not understood.
    pub(super) rate_fault: Option<String>,
    /// How much it may use.
    pub(super) quota: Quota,
    /// The group, or the profile.
    pub(super) group: Option<String>,
    /// The firewall's address list.
    pub(super) address_list: Option<String>,
    /// The VLAN, of a wire or of Wi-Fi.
    pub(super) vlan: Option<u32>,
    /// The set of DHCP options.
    pub(super) option_set: Option<String>,
    /// The pre-shared key of this client.
    pub(super) psk: Option<String>,
    /// What is noted beside a Wi-Fi client.
    pub(super) comment: Option<String>,
    /// Advertisements.
    pub(super) advertise: Vec<String>,
    /// A text for the person.
    pub(super) message: Option<String>,
}

/// Firewall chains per direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// Of what comes from the client.
    pub(super) input: Option<String>,
    /// Of what goes there.
    pub(super) output: Option<String>,
}

impl Terms {
    /// Reads an Access-Accept. On a wire the VLAN is in Tunnel attributes; Wi-Fi has its own.
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        let text = |attribute| packet.get(attribute).map(str::to_owned);
        let seconds = |attribute| {
            let seconds = packet.get(attribute).filter(|it| *it > 0)?;
            Some(Duration::from_secs(u64::from(seconds)))
        };
        let (rate, rate_fault) = rate(packet);
        Self {
            address: packet
                .get(attr::FRAMED_IP_ADDRESS)
                .filter(|it| is_usable(*it)),
            pool: text(attr::FRAMED_POOL),
            routes: owned(packet.all(attr::FRAMED_ROUTE)),
            session_timeout: seconds(attr::SESSION_TIMEOUT),
            idle_timeout: seconds(attr::IDLE_TIMEOUT),
            interim: seconds(attr::ACCT_INTERIM_INTERVAL),
            class: packet
                .all(attr::CLASS)
                .into_iter()
                .map(<[u8]>::to_vec)
                .collect(),
            port_limit: packet.get(attr::PORT_LIMIT),
            filters: filters(&packet.all(attr::FILTER_ID)),
            mark: text(mikrotik::MARK_ID),
            rate,
            rate_fault,
            quota: quota(packet),
            group: text(mikrotik::GROUP),
            address_list: text(mikrotik::ADDRESS_LIST),
            vlan: vlan(packet),
            option_set: text(mikrotik::DHCP_OPTION_SET),
            psk: text(mikrotik::WIRELESS_PSK),
            comment: text(mikrotik::WIRELESS_COMMENT),
            advertise: owned(packet.all(mikrotik::ADVERTISE_URL)),
            message: text(attr::REPLY_MESSAGE),
        }
    }

    /// Takes over what a CoA-Request may change and does change.
    pub(super) fn change(&mut self, change: Self) {
        fn put<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        put(&mut self.group, change.group);
        put(&mut self.quota.recv, change.quota.recv);
        put(&mut self.quota.xmit, change.quota.xmit);
        put(&mut self.quota.total, change.quota.total);
        put(&mut self.rate, change.rate);
        put(&mut self.mark, change.mark);
        put(&mut self.filters.input, change.filters.input);
        put(&mut self.filters.output, change.filters.output);
        put(&mut self.session_timeout, change.session_timeout);
        put(&mut self.idle_timeout, change.idle_timeout);
        put(&mut self.port_limit, change.port_limit);
        if !change.advertise.is_empty() {
            self.advertise = change.advertise;
        }
    }
}

/// An address of 127/8 or of 224/3 means one of the pool.
fn is_usable(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// The last of each direction counts; a name without a suffix is for both.
fn filters(names: &[&str]) -> Filters {
    let mut filters = Filters::default();
    for name in names {
        if let Some(chain) = name.strip_suffix(".in") {
            filters.input = Some(chain.to_owned());
        } else if let Some(chain) = name.strip_suffix(".out") {
            filters.output = Some(chain.to_owned());
        } else {
            filters.input = Some((*name).to_owned());
            filters.output = Some((*name).to_owned());
        }
    }
    filters
}

/// Mikrotik-Rate-Limit, else Ascend's rates, else those of `WISPr`.
fn rate(packet: &Packet<'_>) -> (Option<RateLimit>, Option<String>) {
    if let Some(text) = packet.get(mikrotik::RATE_LIMIT) {
        return match RateLimit::parse(text) {
            Ok(limit) => (Some(limit), None),
            Err(fault) => (None, Some(fault)),
        };
    }
    let data = packet.all(ascend::DATA_RATE);
    let xmit = packet.get(ascend::XMIT_RATE);
    let ascend = match (&data[..], xmit) {
        // Of two the first is what the router sends; beside Xmit-Rate the only one is what it
        // receives; alone it is both.
        ([tx, rx, ..], None) => Some((*rx, *tx)),
        ([rx, ..], Some(tx)) => Some((*rx, tx)),
        ([both], None) => Some((*both, *both)),
        ([], Some(tx)) => Some((0, tx)),
        ([], None) => None,
    };
    let wispr = || {
        let up = packet.get(wispr::BANDWIDTH_MAX_UP);
        let down = packet.get(wispr::BANDWIDTH_MAX_DOWN);
        (up.is_some() || down.is_some()).then(|| (up.unwrap_or(0), down.unwrap_or(0)))
    };
    let limit = |(rx, tx): (u32, u32)| {
        RateLimit::of(Pair {
            rx: rx.into(),
            tx: tx.into(),
        })
    };
    (ascend.or_else(wispr).map(limit), None)
}

fn quota(packet: &Packet<'_>) -> Quota {
    let bound = |low, high| limit(packet.get(low), packet.get(high));
    Quota {
        recv: bound(mikrotik::RECV_LIMIT, mikrotik::RECV_LIMIT_GIGAWORDS),
        xmit: bound(mikrotik::XMIT_LIMIT, mikrotik::XMIT_LIMIT_GIGAWORDS),
        total: bound(mikrotik::TOTAL_LIMIT, mikrotik::TOTAL_LIMIT_GIGAWORDS),
    }
}

fn vlan(packet: &Packet<'_>) -> Option<u32> {
    if let Some(vlan) = packet.get(mikrotik::WIRELESS_VLANID) {
        return Some(vlan);
    }
    let (_, name) = packet.get(attr::TUNNEL_PRIVATE_GROUP_ID)?;
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use portreeve_proto::{Ask, AttributeList, Query, Secret};

    use super::*;

    /// Terms are read from a packet, so that the layout on the wire takes part.
    fn terms(list: &AttributeList) -> Terms {
        let mut octets = Vec::new();
        let secret = Secret::new("s").unwrap();
        let mut random = |octets: &mut [u8]| octets.fill(7);
        Query::encode(Ask::Coa, 1, list, &secret, false, &mut random, &mut octets).unwrap();
        Terms::of(&Packet::parse(&octets).unwrap())
    }

    fn rate_of(list: &AttributeList) -> Option<(u64, u64)> {
        terms(list).rate.map(|it| (it.rate.rx, it.rate.tx))
    }

    #[test]
    fn the_order_of_rates() {
        let wispr = AttributeList::new()
            .with(wispr::BANDWIDTH_MAX_UP, 1)
            .with(wispr::BANDWIDTH_MAX_DOWN, 2);
        assert_eq!(rate_of(&wispr), Some((1, 2)));
        let ascend = wispr
            .clone()
            .with(ascend::DATA_RATE, 3)
            .with(ascend::DATA_RATE, 4);
        assert_eq!(
            rate_of(&ascend),
            Some((4, 3)),
            "the first is what the router sends"
        );
        let both = wispr
            .clone()
            .with(ascend::DATA_RATE, 5)
            .with(ascend::XMIT_RATE, 6);
        assert_eq!(rate_of(&both), Some((5, 6)));
        let own = both.with(mikrotik::RATE_LIMIT, "7k/8k");
        assert_eq!(rate_of(&own), Some((7000, 8000)));
    }

    #[test]
    fn an_address_that_stands_for_the_pool() {
        for (address, is_kept) in [
            ([127, 0, 0, 1], false),
            ([255; 4], false),
            ([10, 0, 0, 1], true),
        ] {
            let list = AttributeList::new().with(attr::FRAMED_IP_ADDRESS, Ipv4Addr::from(address));
            assert_eq!(terms(&list).address.is_some(), is_kept);
        }
    }

    #[test]
    fn the_last_filter_of_a_direction_wins() {
        let list = AttributeList::new()
            .with(attr::FILTER_ID, "a.in")
            .with(attr::FILTER_ID, "b")
            .with(attr::FILTER_ID, "c.out");
        let filters = terms(&list).filters;
        assert_eq!(filters.input.as_deref(), Some("b"));
        assert_eq!(filters.output.as_deref(), Some("c"));
    }

    #[test]
    fn vlans_of_wires_and_of_wifi() {
        let wire = AttributeList::new().with(attr::TUNNEL_PRIVATE_GROUP_ID, "12");
        assert_eq!(terms(&wire).vlan, Some(12));
        let air = wire.with(mikrotik::WIRELESS_VLANID, 30);
        assert_eq!(terms(&air).vlan, Some(30));
    }

    #[test]
    fn a_change_leaves_the_rest_alone() {
        let before = AttributeList::new()
            .with(attr::SESSION_TIMEOUT, 60)
            .with(mikrotik::RATE_LIMIT, "1M");
        let mut session = terms(&before);
        session.change(terms(
            &AttributeList::new().with(mikrotik::RATE_LIMIT, "2M/3M"),
        ));
        assert_eq!(session.session_timeout, Some(Duration::from_mins(1)));
        assert_eq!(
            session.rate.unwrap().rate,
            Pair {
                rx: 2_000_000,
                tx: 3_000_000
            }
        );
    }
}
