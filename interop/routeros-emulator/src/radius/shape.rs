//! What a request says of a session, in the order a router says it.

use std::net::{IpAddr, Ipv4Addr};

use portreeve_proto::{
    AttributeList,
    attr::{
        self, acct_authentic, acct_status_type, framed_protocol, microsoft, mikrotik,
        nas_port_type, service_type, wispr,
    },
};

use super::{entry::Service, meter::Meter};

/// Which attributes a service sends.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// What asks.
    pub(super) service: Service,
    /// User-Name.
    pub(super) user: String,
    /// NAS-Port.
    pub(super) port: Option<u32>,
    /// NAS-Port-Type.
    pub(super) port_type: u32,
    /// NAS-Port-Id.
    pub(super) port_id: Option<String>,
    /// Calling-Station-Id.
    pub(super) calling: String,
    /// Called-Station-Id.
    pub(super) called: String,
    /// Acct-Session-Id in Access-Requests too.
    pub(super) session_id: Option<String>,
    /// Acct-Multi-Session-Id.
    pub(super) multi_session_id: Option<String>,
    /// Framed-IP-Address.
    pub(super) address: Option<Ipv4Addr>,
    /// Mikrotik-Host-IP.
    pub(super) host_ip: Option<Ipv4Addr>,
    /// MS-CHAP-Domain, where the name was split.
    pub(super) domain: Option<String>,
    /// WISPr-Location-ID, -Name, -Logoff-URL.
    pub(super) location: [Option<String>; 3],
    /// NAS-Identifier.
    pub(super) identity: String,
}

impl Shape {
    /// Nothing but a name.
    pub(super) fn of(service: Service, user: &str, identity: &str) -> Self {
        Self {
            service,
            user: user.to_owned(),
            port: None,
            port_type: nas_port_type::VIRTUAL,
            port_id: None,
            calling: String::new(),
            called: String::new(),
            session_id: None,
            multi_session_id: None,
            address: None,
            host_ip: None,
            domain: None,
            location: [None, None, None],
            identity: identity.to_owned(),
        }
    }

    /// An Access-Request; `proof` is what the method sends, without User-Name.
    pub(super) fn access(&self, realm: &str, nas: IpAddr, proof: &AttributeList) -> AttributeList {
        let mut list = self.front();
        if let Some(id) = &self.session_id {
            add_text(&mut list, attr::ACCT_SESSION_ID, id);
        }
        self.add_sites(&mut list);
        list.extend(proof);
        self.close(list, realm, nas)
    }

    /// An Accounting-Request.
    pub(super) fn accounting(
        &self,
        record: &Record<'_>,
        realm: &str,
        nas: IpAddr,
    ) -> AttributeList {
        let mut list = self.front();
        self.add_sites(&mut list);
        list.add(attr::ACCT_STATUS_TYPE, record.status);
        list.add(attr::ACCT_SESSION_ID, record.session_id);
        if let Some(id) = &self.multi_session_id {
            add_text(&mut list, attr::ACCT_MULTI_SESSION_ID, id);
        }
        if self.service == Service::Ppp {
            list.add(attr::ACCT_AUTHENTIC, acct_authentic::RADIUS);
        }
        for class in record.class {
            list.add(attr::CLASS, &class[..]);
        }
        if record.status != acct_status_type::START {
            list.add(attr::ACCT_SESSION_TIME, record.seconds);
            // Log-ins to the router itself count no octets.
            if self.service != Service::Login {
                add_octets(&mut list, record.meter);
            }
        }
        if let Some(cause) = record.cause {
            list.add(attr::ACCT_TERMINATE_CAUSE, cause);
        }
        list.add(attr::EVENT_TIMESTAMP, record.unix_s);
        list.add(attr::ACCT_DELAY_TIME, 0);
        self.close(list, realm, nas)
    }

    fn front(&self) -> AttributeList {
        let mut list = AttributeList::new();
        if self.service == Service::Ppp {
            list.add(attr::SERVICE_TYPE, service_type::FRAMED_USER);
            list.add(attr::FRAMED_PROTOCOL, framed_protocol::PPP);
        }
        if let Some(port) = self.port {
            list.add(attr::NAS_PORT, port);
        }
        list.add(attr::NAS_PORT_TYPE, self.port_type);
        add_text(&mut list, attr::USER_NAME, &self.user);
        add_text(&mut list, attr::CALLING_STATION_ID, &self.calling);
        add_text(&mut list, attr::CALLED_STATION_ID, &self.called);
        if let Some(id) = &self.port_id {
            add_text(&mut list, attr::NAS_PORT_ID, id);
        }
        if let Some(address) = self.address {
            list.add(attr::FRAMED_IP_ADDRESS, address);
        }
        if let Some(address) = self.host_ip {
            list.add(mikrotik::HOST_IP, address);
        }
        list
    }

    fn add_sites(&self, list: &mut AttributeList) {
        if let Some(domain) = &self.domain {
            add_text(list, microsoft::CHAP_DOMAIN, domain);
        }
        let [id, name, logoff] = &self.location;
        let kinds = [wispr::LOCATION_ID, wispr::LOCATION_NAME, wispr::LOGOFF_URL];
        for (attribute, text) in kinds.into_iter().zip([id, name, logoff]) {
            add_text(list, attribute, text.as_deref().unwrap_or_default());
        }
    }

    fn close(&self, mut list: AttributeList, realm: &str, nas: IpAddr) -> AttributeList {
        add_text(&mut list, mikrotik::REALM, realm);
        add_text(&mut list, attr::NAS_IDENTIFIER, &self.identity);
        match nas {
            IpAddr::V4(nas) => list.add(attr::NAS_IP_ADDRESS, nas),
            IpAddr::V6(nas) => list.add(attr::NAS_IPV6_ADDRESS, nas),
        }
        list
    }
}

/// What is said of a session when it begins, goes on or ends.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Acct-Status-Type.
    pub(super) status: u32,
    /// Acct-Session-Id.
    pub(super) session_id: &'a str,
    /// As the Access-Accept had them.
    pub(super) class: &'a [Vec<u8>],
    /// How long it has lasted.
    pub(super) seconds: u32,
    /// What has passed, in the directions in which it is to be reported.
    pub(super) meter: Meter,
    /// Why it has ended.
    pub(super) cause: Option<u32>,
    /// The time.
    pub(super) unix_s: u32,
}

fn add_octets(list: &mut AttributeList, meter: Meter) {
    let low = |octets: u64| u32::try_from(octets & 0xffff_ffff).unwrap_or_default();
    let high = |octets: u64| u32::try_from(octets >> 32).unwrap_or(u32::MAX);
    list.add(attr::ACCT_INPUT_OCTETS, low(meter.up));
    list.add(attr::ACCT_INPUT_GIGAWORDS, high(meter.up));
    list.add(attr::ACCT_INPUT_PACKETS, low(meter.packets_up()));
    list.add(attr::ACCT_OUTPUT_OCTETS, low(meter.down));
    list.add(attr::ACCT_OUTPUT_GIGAWORDS, high(meter.down));
    list.add(attr::ACCT_OUTPUT_PACKETS, low(meter.packets_down()));
}

/// Adds a text unless it is empty, which RADIUS cannot say.
fn add_text(list: &mut AttributeList, attribute: attr::Attr<attr::Text>, text: &str) {
    if !text.is_empty() {
        list.add(attribute, text);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use portreeve_proto::Oid;

    use super::*;

    /// The PAP Access-Request of a PPTP server that was captured in the field: its attributes in
    /// their order, 97 octets in all.
    #[test]
    fn a_pptp_log_in_is_the_captured_one() {
        let mut shape = Shape::of(Service::Ppp, "subscri", "MikroTik");
        shape.port = Some(461);
        shape.calling = "86.89.233.129".to_owned();
        shape.called = "178.20.175.23".to_owned();
        let proof = AttributeList::new().with(attr::USER_PASSWORD, "secret");
        let nas = Ipv4Addr::new(192, 0, 2, 1).into();
        let list = shape.access("", nas, &proof);
        let numbers: Vec<u8> = list.iter().map(|entry| entry.spec.oid.top()).collect();
        assert_eq!(numbers, [6, 7, 5, 61, 1, 31, 30, 2, 32, 4]);
        let octets: usize = list
            .iter()
            .map(|entry| match entry.spec.oid.top() {
                // Hidden passwords fill sixteen octets.
                2 => 18,
                _ => entry.value.len() + 2,
            })
            .sum();
        assert_eq!(octets, 97);
        let value = |number| list.find(&Oid::new(&[number])).unwrap().value.to_vec();
        assert_eq!(value(6), 2_u32.to_be_bytes());
        assert_eq!(value(7), 1_u32.to_be_bytes());
        assert_eq!(value(61), 5_u32.to_be_bytes());
    }

    #[test]
    fn octets_beyond_32_bits_go_to_gigawords() {
        let shape = Shape::of(Service::Ppp, "tim", "MikroTik");
        let record = Record {
            status: acct_status_type::STOP,
            session_id: "81000001",
            class: &[b"gold".to_vec(), b"blue".to_vec()],
            seconds: 60,
            meter: Meter {
                up: 5,
                down: (2 << 32) + 7,
            },
            cause: Some(1),
            unix_s: 1,
        };
        let list = shape.accounting(&record, "", Ipv4Addr::LOCALHOST.into());
        let number = |it: u32| {
            let entry = list.find(&Oid::new(&[it])).unwrap();
            u32::from_be_bytes(entry.value.try_into().unwrap())
        };
        assert_eq!((number(42), number(52)), (5, 0));
        assert_eq!((number(43), number(53)), (7, 2));
        assert_eq!(list.iter().filter(|it| it.spec.oid.top() == 25).count(), 2);
    }

    #[test]
    fn a_router_log_in_counts_no_octets() {
        let shape = Shape::of(Service::Login, "admin", "MikroTik");
        let record = Record {
            status: acct_status_type::STOP,
            session_id: "1",
            class: &[],
            seconds: 1,
            meter: Meter { up: 1, down: 1 },
            cause: None,
            unix_s: 1,
        };
        let list = shape.accounting(&record, "", Ipv4Addr::LOCALHOST.into());
        assert!(!list.contains(&attr::ACCT_INPUT_OCTETS.spec().oid));
    }
}
