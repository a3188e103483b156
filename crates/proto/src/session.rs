//! What names a session and the NAS it is on (RFC 5176 section 3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use crate::{
    Attr, Oid, Packet, RawAttribute, Request,
    attr::{self, Kind, Reads},
};

/// The attributes that name a session, each where it is there and readable (RFC 5176 section 3,
/// RFC 6911). In a [`CoaRequest`](crate::CoaRequest) or
/// [`DisconnectRequest`](crate::DisconnectRequest) each that is there is readable, and there once.
///
/// Vendors have attributes of their own that name sessions; those are not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionKeys<'a> {
    /// Acct-Session-Id: the session, on its NAS.
    pub acct_session_id: Option<&'a str>,
    /// Acct-Multi-Session-Id: sessions that belong together.
    pub acct_multi_session_id: Option<&'a str>,
    /// User-Name.
    pub user_name: Option<&'a str>,
    /// Chargeable-User-Identity (RFC 4372).
    pub chargeable_user_identity: Option<&'a [u8]>,
    /// Calling-Station-Id: the link address of the user's end.
    pub calling_station_id: Option<&'a str>,
    /// Called-Station-Id: the link address of the NAS's end.
    pub called_station_id: Option<&'a str>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<&'a str>,
    /// Framed-IP-Address.
    pub framed_ip_address: Option<Ipv4Addr>,
    /// Framed-Interface-Id.
    pub framed_interface_id: Option<[u8; 8]>,
    /// Framed-IPv6-Prefix, as many as there are.
    pub framed_ipv6_prefixes: Vec<Ipv6Net>,
    /// Framed-IPv6-Address (RFC 6911), as many as there are.
    pub framed_ipv6_addresses: Vec<Ipv6Addr>,
}

impl<'a> SessionKeys<'a> {
    fn of(packet: &Packet<'a>) -> Self {
        Self {
            acct_session_id: packet.get(attr::ACCT_SESSION_ID),
            acct_multi_session_id: packet.get(attr::ACCT_MULTI_SESSION_ID),
            user_name: packet.get(attr::USER_NAME),
            chargeable_user_identity: packet.get(attr::CHARGEABLE_USER_IDENTITY),
            calling_station_id: packet.get(attr::CALLING_STATION_ID),
            called_station_id: packet.get(attr::CALLED_STATION_ID),
            nas_port: packet.get(attr::NAS_PORT),
            nas_port_id: packet.get(attr::NAS_PORT_ID),
            framed_ip_address: packet.get(attr::FRAMED_IP_ADDRESS),
            framed_interface_id: packet.get(attr::FRAMED_INTERFACE_ID),
            framed_ipv6_prefixes: packet.all(attr::FRAMED_IPV6_PREFIX),
            framed_ipv6_addresses: packet.all(attr::FRAMED_IPV6_ADDRESS),
        }
    }

    /// Whether nothing here names a session: then a vendor's attribute does, or nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a session that has these keys is meant: it must have every key that is here, with
    /// the same value. Nothing here means every session.
    pub fn mean(&self, session: &SessionKeys<'_>) -> bool {
        fn fits<T: PartialEq>(asked: Option<T>, found: Option<T>) -> bool {
            asked.is_none() || asked == found
        }
        let of = session;
        let prefixes = &of.framed_ipv6_prefixes;
        let addresses = &of.framed_ipv6_addresses;
        fits(self.acct_session_id, of.acct_session_id)
            && fits(self.acct_multi_session_id, of.acct_multi_session_id)
            && fits(self.user_name, of.user_name)
            && fits(self.chargeable_user_identity, of.chargeable_user_identity)
            && fits(self.calling_station_id, of.calling_station_id)
            && fits(self.called_station_id, of.called_station_id)
            && fits(self.nas_port, of.nas_port)
            && fits(self.nas_port_id, of.nas_port_id)
            && fits(self.framed_ip_address, of.framed_ip_address)
            && fits(self.framed_interface_id, of.framed_interface_id)
            && self
                .framed_ipv6_prefixes
                .iter()
                .all(|it| prefixes.contains(it))
            && self
                .framed_ipv6_addresses
                .iter()
                .all(|it| addresses.contains(it))
    }
}

/// The attributes that name a NAS, each where it is there and readable (RFC 5176 section 3, RFC
/// 8559 section 3.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NasKeys<'a> {
    /// NAS-Identifier.
    pub identifier: Option<&'a str>,
    /// NAS-IP-Address.
    pub ip_address: Option<Ipv4Addr>,
    /// NAS-IPv6-Address.
    pub ipv6_address: Option<Ipv6Addr>,
    /// Operator-NAS-Identifier: how the visited network tells its NASes apart.
    pub operator_nas_identifier: Option<&'a [u8]>,
    /// The realm in Operator-Name (RFC 5580 section 4.1): the visited network.
    pub operator_realm: Option<&'a str>,
}

/// Operator-Name begins with what kind of name it is: `1` for a realm (RFC 5580 section 4.1).
const REALM: char = '1';

impl<'a> NasKeys<'a> {
    pub(crate) fn of(packet: &Packet<'a>) -> Self {
        let operator = packet.get(attr::OPERATOR_NAME);
        Self {
            identifier: packet.get(attr::NAS_IDENTIFIER),
            ip_address: packet.get(attr::NAS_IP_ADDRESS),
            ipv6_address: packet.get(attr::NAS_IPV6_ADDRESS),
            operator_nas_identifier: packet.get(attr::OPERATOR_NAS_IDENTIFIER),
            operator_realm: operator.and_then(|name| name.strip_prefix(REALM)),
        }
    }

    /// Whether nothing here names a NAS.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first attribute that names another NAS than this one.
    pub(crate) fn strange(&self, identifier: &str, addresses: &[IpAddr]) -> Option<Oid> {
        let known = |address: IpAddr| {
            let address = address.to_canonical();
            addresses.iter().any(|own| own.to_canonical() == address)
        };
        if self.identifier.is_some_and(|named| named != identifier) {
            return Some(attr::NAS_IDENTIFIER.spec().oid);
        }
        if self.ip_address.is_some_and(|named| !known(named.into())) {
            return Some(attr::NAS_IP_ADDRESS.spec().oid);
        }
        self.ipv6_address
            .is_some_and(|named| !known(named.into()))
            .then_some(attr::NAS_IPV6_ADDRESS.spec().oid)
    }
}

impl Request {
    /// What names the session.
    pub fn session(&self) -> SessionKeys<'_> {
        SessionKeys::of(&self.packet())
    }

    /// What names the NAS.
    pub fn nas(&self) -> NasKeys<'_> {
        NasKeys::of(&self.packet())
    }
}

const USER_NAME: u8 = number(attr::USER_NAME);
const NAS_PORT: u8 = number(attr::NAS_PORT);
const FRAMED_IP_ADDRESS: u8 = number(attr::FRAMED_IP_ADDRESS);
const CALLED_STATION_ID: u8 = number(attr::CALLED_STATION_ID);
const CALLING_STATION_ID: u8 = number(attr::CALLING_STATION_ID);
const ACCT_SESSION_ID: u8 = number(attr::ACCT_SESSION_ID);
const ACCT_MULTI_SESSION_ID: u8 = number(attr::ACCT_MULTI_SESSION_ID);
const NAS_PORT_ID: u8 = number(attr::NAS_PORT_ID);
const CHARGEABLE_USER_IDENTITY: u8 = number(attr::CHARGEABLE_USER_IDENTITY);
const FRAMED_INTERFACE_ID: u8 = number(attr::FRAMED_INTERFACE_ID);
const FRAMED_IPV6_PREFIX: u8 = number(attr::FRAMED_IPV6_PREFIX);
const FRAMED_IPV6_ADDRESS: u8 = number(attr::FRAMED_IPV6_ADDRESS);
const NAS_IDENTIFIER: u8 = number(attr::NAS_IDENTIFIER);
const NAS_IP_ADDRESS: u8 = number(attr::NAS_IP_ADDRESS);
const NAS_IPV6_ADDRESS: u8 = number(attr::NAS_IPV6_ADDRESS);
const OPERATOR_NAME: u8 = number(attr::OPERATOR_NAME);

const fn number<K: Kind>(attr: Attr<K>) -> u8 {
    attr.spec().oid.top()
}

pub(crate) fn is_session_key(attribute: &RawAttribute<'_>) -> bool {
    matches!(
        attribute.number,
        USER_NAME
            | NAS_PORT
            | FRAMED_IP_ADDRESS
            | CALLED_STATION_ID
            | CALLING_STATION_ID
            | ACCT_SESSION_ID
            | ACCT_MULTI_SESSION_ID
            | NAS_PORT_ID
            | CHARGEABLE_USER_IDENTITY
            | FRAMED_INTERFACE_ID
            | FRAMED_IPV6_PREFIX
            | FRAMED_IPV6_ADDRESS
    )
}

pub(crate) fn is_nas_key(attribute: &RawAttribute<'_>) -> bool {
    match attribute.number {
        NAS_IDENTIFIER | NAS_IP_ADDRESS | NAS_IPV6_ADDRESS | OPERATOR_NAME => true,
        _ => is_operator_nas_identifier(attribute),
    }
}

fn is_operator_nas_identifier(attribute: &RawAttribute<'_>) -> bool {
    let [top, extended] = *attr::OPERATOR_NAS_IDENTIFIER.spec().oid.parts() else {
        return false;
    };
    let found = attribute.value.first().copied().map(u32::from);
    u32::from(attribute.number) == top && found == Some(extended)
}

/// Whether there may be several of a key in one request.
pub(crate) fn may_repeat(key: u8) -> bool {
    matches!(key, FRAMED_IPV6_PREFIX | FRAMED_IPV6_ADDRESS)
        // Others share its number.
        || u32::from(key) == u32::from(attr::OPERATOR_NAS_IDENTIFIER.spec().oid.top())
}

/// Whether a key has a value that fits its kind: one that cannot be read must not be passed over,
/// because more sessions would be met than are meant.
pub(crate) fn is_readable(key: &RawAttribute<'_>) -> bool {
    let value = key.value;
    match key.number {
        NAS_PORT => attr::Integer::read(value).is_some(),
        FRAMED_IP_ADDRESS | NAS_IP_ADDRESS => attr::Ipv4::read(value).is_some(),
        NAS_IPV6_ADDRESS | FRAMED_IPV6_ADDRESS => attr::Ipv6::read(value).is_some(),
        FRAMED_IPV6_PREFIX => attr::Ipv6Prefix::read(value).is_some(),
        FRAMED_INTERFACE_ID => attr::InterfaceId::read(value).is_some(),
        CHARGEABLE_USER_IDENTITY => !value.is_empty(),
        _ if is_operator_nas_identifier(key) => value.len() > 1,
        _ => attr::Text::read(value).is_some_and(|text| !text.is_empty()),
    }
}
