use std::fmt;

use portreeve_proto::{
    AttributeList, Dictionary, Oid, Spec, VENDOR_SPECIFIC,
    attr::{self, microsoft, service_type},
};

use crate::shown::Shown;

/// Which attributes pass in one direction. Everything is looked up when it is made; for a request
/// only numbers are compared.
#[derive(Debug, Clone)]
pub struct Filter {
    direction: Direction,
    rules: Box<[Rule]>,
}

/// Which way the attributes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a home server to the NAS.
    Inbound(Trust),
    /// From the NAS to a home server.
    Outbound,
}

/// Whose home server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Trust {
    /// Another organisation's: it says who its users are, and not what they may do here.
    #[default]
    Foreign,
    /// Our own: it may set what our own server could set.
    Own,
}

/// An entry of a filter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadEntry {
    /// It belongs to each hop by itself, and no filter decides on it.
    HopByHop,
    /// No such attribute or vendor.
    Unknown {
        /// What was written.
        entry: Shown,
        /// What was probably meant.
        nearest: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    scope: Scope,
    allows: bool,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// An attribute and everything inside it.
    Under(Oid),
    /// All attributes of a vendor, in either space.
    Vendor(u32),
}

/// What every hop makes anew.
const HOP_BY_HOP: [&Spec; 4] = [
    attr::MESSAGE_AUTHENTICATOR.spec(),
    attr::PROXY_STATE.spec(),
    attr::RESPONSE_LENGTH.spec(),
    attr::ORIGINAL_PACKET_CODE.spec(),
];

/// What a foreign home server may say: that and as whom somebody is let in, for how long at most,
/// and the keys for it. Nothing that says where in our network they are.
const FOREIGN_MAY_SAY: [&Spec; 26] = [
    attr::USER_NAME.spec(),
    attr::REPLY_MESSAGE.spec(),
    attr::STATE.spec(),
    attr::CLASS.spec(),
    attr::SESSION_TIMEOUT.spec(),
    attr::IDLE_TIMEOUT.spec(),
    attr::TERMINATION_ACTION.spec(),
    attr::EAP_MESSAGE.spec(),
    attr::EAP_KEY_NAME.spec(),
    attr::PROMPT.spec(),
    attr::PASSWORD_RETRY.spec(),
    attr::ACCT_INTERIM_INTERVAL.spec(),
    attr::CHARGEABLE_USER_IDENTITY.spec(),
    attr::ERROR_CAUSE.spec(),
    attr::LOCATION_CAPABLE.spec(),
    attr::REQUESTED_LOCATION_INFO.spec(),
    attr::BASIC_LOCATION_POLICY_RULES.spec(),
    attr::EXTENDED_LOCATION_POLICY_RULES.spec(),
    microsoft::CHAP_ERROR.spec(),
    microsoft::CHAP_DOMAIN.spec(),
    microsoft::CHAP_MPPE_KEYS.spec(),
    microsoft::CHAP2_SUCCESS.spec(),
    microsoft::MPPE_ENCRYPTION_POLICY.spec(),
    microsoft::MPPE_ENCRYPTION_TYPES.spec(),
    microsoft::MPPE_SEND_KEY.spec(),
    microsoft::MPPE_RECV_KEY.spec(),
];

/// The kinds of service a foreign home server may ask for: none that ends at a prompt of the NAS.
const FOREIGN_SERVICES: [u32; 4] = [
    service_type::FRAMED_USER,
    service_type::AUTHENTICATE_ONLY,
    service_type::CALL_CHECK,
    service_type::AUTHORIZE_ONLY,
];

impl Filter {
    /// What passes where nobody has said otherwise.
    pub fn of(direction: Direction) -> Self {
        Self {
            direction,
            rules: Box::default(),
        }
    }

    /// Lets one more kind of attribute pass, or no longer. An entry is a name or a number
    /// (`Session-Timeout`, `27`, `26.9.1`), with all that is inside it; a vendor
    /// (`NAME.*` or `26.9.*`), or `*` for everything. Of several entries that fit an attribute
    /// the narrowest decides, and of two alike the one that denies; where none fits, the default of
    /// the direction.
    ///
    /// # Errors
    /// There is no such attribute, or it is none that a filter decides on.
    pub fn add(
        &mut self,
        dictionary: &Dictionary,
        entry: &str,
        allows: bool,
    ) -> Result<(), BadEntry> {
        let scope = Scope::read(dictionary, entry)?;
        if let Scope::Under(oid) = scope
            && is_hop_by_hop(&oid)
        {
            return Err(BadEntry::HopByHop);
        }
        let mut rules = std::mem::take(&mut self.rules).into_vec();
        rules.push(Rule { scope, allows });
        self.rules = rules.into();
        Ok(())
    }

    /// Whether an attribute passes. `value` is what stands on the wire, without a tag.
    pub fn passes(&self, oid: &Oid, value: &[u8]) -> bool {
        if is_hop_by_hop(oid) {
            // The Proxy-State of those before us goes on with the request; in an answer it is put
            // back from the request.
            let goes_on = *oid == attr::PROXY_STATE.spec().oid;
            return goes_on && self.direction == Direction::Outbound;
        }
        let fitting = self.rules.iter().filter(|rule| rule.scope.holds(oid));
        match fitting.max_by_key(|rule| (rule.scope.depth(), !rule.allows)) {
            Some(rule) => rule.allows,
            None => self.direction.passes(oid, value),
        }
    }

    /// What of a list passes, in its order.
    pub fn apply(&self, list: &AttributeList) -> AttributeList {
        let mut passed = AttributeList::new();
        for entry in list.iter() {
            if self.passes(&entry.spec.oid, entry.value) {
                passed.push(&entry.spec, entry.tag, entry.value);
            }
        }
        passed
    }
}

impl Direction {
    fn passes(self, oid: &Oid, value: &[u8]) -> bool {
        match self {
            Self::Outbound | Self::Inbound(Trust::Own) => true,
            Self::Inbound(Trust::Foreign) if *oid == attr::SERVICE_TYPE.spec().oid => {
                let service = value.try_into().map(u32::from_be_bytes);
                service.is_ok_and(|service| FOREIGN_SERVICES.contains(&service))
            }
            Self::Inbound(Trust::Foreign) => FOREIGN_MAY_SAY
                .iter()
                .any(|spec| oid.parts().starts_with(spec.oid.parts())),
        }
    }
}

impl Scope {
    fn read(dictionary: &Dictionary, entry: &str) -> Result<Self, BadEntry> {
        if entry == "*" {
            return Ok(Self::All);
        }
        let name = entry.strip_suffix(".*").unwrap_or(entry);
        if name != entry
            && let Some(vendor) = dictionary.vendor_by_name(name)
        {
            return Ok(Self::Vendor(vendor.number));
        }
        let Some(attribute) = dictionary.attribute(name) else {
            return Err(BadEntry::Unknown {
                entry: Shown::from(entry),
                nearest: nearest(dictionary, entry, name),
            });
        };
        let oid = attribute.spec.oid;
        Ok(match oid.parts() {
            [top, vendor] if *top == u32::from(VENDOR_SPECIFIC) => Self::Vendor(*vendor),
            _ => Self::Under(oid),
        })
    }

    fn holds(self, oid: &Oid) -> bool {
        match self {
            Self::All => true,
            Self::Under(under) => oid.parts().starts_with(under.parts()),
            Self::Vendor(vendor) => oid.vendor() == Some(vendor),
        }
    }

    /// The greater, the narrower.
    fn depth(self) -> usize {
        match self {
            Self::All => 0,
            Self::Under(oid) => oid.parts().len(),
            Self::Vendor(_) => 2,
        }
    }
}

fn is_hop_by_hop(oid: &Oid) -> bool {
    HOP_BY_HOP.iter().any(|spec| spec.oid == *oid)
}

fn nearest(dictionary: &Dictionary, entry: &str, name: &str) -> Option<String> {
    if name == entry {
        return dictionary.suggest(name);
    }
    let prefix = name.to_ascii_lowercase();
    let mut vendors = dictionary.vendors();
    let found = vendors.find(|vendor| vendor.name.to_ascii_lowercase().starts_with(&prefix))?;
    Some(format!("{}.*", found.name))
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HopByHop => f.write_str(
                "this attribute belongs to each hop by itself, and no filter decides on it; take \
                 it out",
            ),
            Self::Unknown { entry, nearest } => {
                write!(f, "no attribute or vendor is called {entry}")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => f.write_str("; write a name, a number, or VENDOR.* for a vendor's own"),
                }
            }
        }
    }
}

impl std::error::Error for BadEntry {}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(direction: Direction, allow: &[&str], deny: &[&str]) -> Filter {
        let mut filter = Filter::of(direction);
        let dictionary = Dictionary::builtin();
        for entry in allow {
            filter.add(dictionary, entry, true).unwrap();
        }
        for entry in deny {
            filter.add(dictionary, entry, false).unwrap();
        }
        filter
    }

    fn passes(filter: &Filter, name: &str) -> bool {
        let oid = Dictionary::builtin().attribute(name).unwrap().spec.oid;
        filter.passes(&oid, &[0, 0, 0, 2])
    }

    const FOREIGN: Direction = Direction::Inbound(Trust::Foreign);

    #[test]
    fn a_foreign_server_cannot_move_its_users_about_in_our_network() {
        let filter = Filter::of(FOREIGN);
        for name in [
            "EAP-Message",
            "MS-MPPE-Send-Key",
            "MS-MPPE-Recv-Key",
            "MS-CHAP2-Success",
            "MS-CHAP-Error",
            "State",
            "Class",
            "Reply-Message",
            "Session-Timeout",
            "Idle-Timeout",
            "Termination-Action",
            "Chargeable-User-Identity",
            "User-Name",
            "Error-Cause",
            "Service-Type",
        ] {
            assert!(passes(&filter, name), "{name}");
        }
        for name in [
            "Tunnel-Type",
            "Tunnel-Private-Group-Id",
            "Egress-VLANID",
            "Filter-Id",
            "NAS-Filter-Rule",
            "Framed-IP-Address",
            "Framed-Route",
            "Framed-Pool",
            "Mikrotik-Rate-Limit",
            "Cisco-AVPair",
            "WISPr-Bandwidth-Max-Down",
            "Management-Policy-Id",
            "Management-Privilege-Level",
            "Login-IP-Host",
            "Callback-Number",
            "Acct-Session-Id",
            "Message-Authenticator",
            "Proxy-State",
            "26.99999.1",
            "245.26.99999.1",
            "26",
            "250",
        ] {
            assert!(!passes(&filter, name), "{name}");
        }
    }

    #[test]
    fn no_foreign_server_opens_a_prompt_of_the_nas() {
        let oid = attr::SERVICE_TYPE.spec().oid;
        let service =
            |direction, number: u32| Filter::of(direction).passes(&oid, &number.to_be_bytes());
        for number in [
            service_type::ADMINISTRATIVE_USER,
            service_type::NAS_PROMPT_USER,
            service_type::CALLBACK_ADMINISTRATIVE,
            service_type::LOGIN_USER,
            service_type::FRAMED_MANAGEMENT,
            0,
            4_000_000,
        ] {
            assert!(!service(FOREIGN, number), "{number}");
            assert!(service(Direction::Inbound(Trust::Own), number));
        }
        assert!(service(FOREIGN, service_type::FRAMED_USER));
        assert!(!Filter::of(FOREIGN).passes(&oid, &[6]));
        let allowed = filter(FOREIGN, &["Service-Type"], &[]);
        assert!(allowed.passes(&oid, &[0, 0, 0, 6]));
    }

    #[test]
    fn everything_goes_out_but_what_each_hop_makes_anew() {
        let filter = Filter::of(Direction::Outbound);
        for name in ["User-Password", "EAP-Message", "Proxy-State", "26.99999.1"] {
            assert!(passes(&filter, name), "{name}");
        }
        assert!(!passes(&filter, "Message-Authenticator"));
        assert!(!passes(&filter, "Response-Length"));
    }

    #[test]
    fn the_narrowest_entry_decides() {
        let filter = filter(
            FOREIGN,
            &["Mikrotik.*", "26.9.1", "Tunnel-Private-Group-Id"],
            &["Mikrotik-Rate-Limit", "Cisco.*", "Class", "26.9.1"],
        );
        assert!(passes(&filter, "Mikrotik-Group"));
        assert!(!passes(&filter, "Mikrotik-Rate-Limit"));
        assert!(!passes(&filter, "Cisco-AVPair"), "denied as narrowly");
        assert!(!passes(&filter, "Class"));
        assert!(passes(&filter, "Tunnel-Private-Group-Id"));
        let minimum = self::filter(Direction::Outbound, &["User-Name", "Cisco-AVPair"], &["*"]);
        assert!(passes(&minimum, "User-Name") && passes(&minimum, "Cisco-AVPair"));
        assert!(!passes(&minimum, "Calling-Station-Id"));
        assert!(
            passes(&minimum, "Proxy-State"),
            "of which no filter decides"
        );
    }

    #[test]
    fn an_attribute_is_denied_with_all_that_is_inside() {
        let filter = filter(Direction::Outbound, &["241.26.9.*"], &["26", "241"]);
        assert!(!passes(&filter, "26.9.1"));
        assert!(!passes(&filter, "241.1"));
        assert!(passes(&filter, "241.26.9.1.5"));
    }

    #[test]
    fn an_entry_that_means_nothing_is_told_with_the_nearest() {
        let mut filter = Filter::of(FOREIGN);
        let mut said = |entry: &str| {
            let added = filter.add(Dictionary::builtin(), entry, true);
            added.unwrap_err().to_string()
        };
        assert!(said("Sesion-Timeout").ends_with("did you mean Session-Timeout?"));
        assert!(said("Mikro.*").ends_with("did you mean Mikrotik.*?"));
        assert!(said("quite-different").contains("VENDOR.*"));
        assert!(said("").contains("VENDOR.*"));
        assert!(said("Message-Authenticator").contains("each hop"));
    }

    #[test]
    fn a_list_keeps_its_order_and_its_hidden_values() {
        let list = AttributeList::new()
            .with(attr::FILTER_ID, "open")
            .with(attr::CLASS, &[1_u8][..])
            .with(microsoft::MPPE_SEND_KEY, &[7_u8; 32][..])
            .with(attr::CLASS, &[2_u8][..]);
        let passed = Filter::of(FOREIGN).apply(&list);
        let values: Vec<_> = passed.iter().map(|entry| entry.value.to_vec()).collect();
        assert_eq!(values, [vec![1], vec![7; 32], vec![2]]);
        let key = passed.find(&microsoft::MPPE_SEND_KEY.spec().oid).unwrap();
        assert_eq!(key.spec, *microsoft::MPPE_SEND_KEY.spec());
    }
}
