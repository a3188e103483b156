use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use portreeve_proto::{AttributeList, Code, Packet, attr};

use super::{
    BadName, Filter, HopKey, Nai, NameForms, Obstacle,
    hop::proxy_states,
    nai::{check_realm, fold},
};
use crate::shown::Shown;

/// The realm that is not anybody's home: names under it ask the server itself to be set up, and go
/// no further than to it.
const EAP_ARPA: &str = "eap.arpa";

/// Which realms a route is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// `*`: every realm that no other pattern fits.
    Any,
    /// `*.example.org`: every realm below this one, and not this one itself. Without the `*.`, in
    /// lower case.
    Below(Box<str>),
    /// `example.org`: this realm. In lower case.
    Exact(Box<str>),
    /// The empty pattern: names without a realm.
    NoRealm,
}

/// The text is no pattern for realms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// A realm that is never forwarded.
    #[error("names in eap.arpa are for this server itself and are never forwarded")]
    EapArpa,
    /// Neither a realm nor a pattern.
    #[error(
        "not a realm; write \"example.org\", \"*.example.org\" for all below it, \"*\" for every \
         other one, or \"\" for names without a realm"
    )]
    Form,
}

/// What happens to requests of some realms.
#[derive(Debug, Clone)]
pub struct Route {
    /// Which realms.
    pub pattern: Pattern,
    /// The pool of their home servers.
    pub pool: Arc<str>,
    /// Whether the realm is taken off the user name. Off is right, unless the home server asks for
    /// it: what the user typed is theirs (RFC 7542 section 3).
    pub strip: bool,
    /// Where accounting goes.
    pub accounting: Accounting,
    /// What of a home server's answer reaches the NAS.
    pub inbound: Filter,
    /// What of a request reaches the home server.
    pub outbound: Filter,
    /// Who runs this network, where the home server is to be told.
    pub operator_name: Option<OperatorName>,
    /// Whether to ask for a Chargeable-User-Identity (RFC 4372).
    pub request_cui: bool,
    /// What a log-in gets while no home server answers.
    pub when_dead: WhenDead,
    /// The names of the NASes whose users may be of these realms; `None` for all of them.
    pub nases: Option<Box<[String]>>,
}

/// Where accounting goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Accounting {
    /// It is kept here and sent to the home server.
    Both,
    /// It is sent to the home server, and kept here only until then.
    #[default]
    Forward,
    /// It is kept here.
    Local,
}

/// What a log-in gets while no home server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenDead {
    /// An Access-Reject: the subscriber hears at once that it does not work.
    Reject,
    /// Nothing, so that the NAS turns to its other server.
    #[default]
    Silent,
}

/// Who runs a network, by its realm (RFC 5580 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OperatorName(Box<str>);

/// What holds for all routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Which ways of writing a realm are read.
    pub forms: NameForms,
    /// The most proxies that a request may have passed through before us.
    pub max_hops: usize,
    /// Whether users of a realm that no pattern fits are looked up here, or refused.
    pub unknown_are_local: bool,
}

/// Where requests go, by their realm. Not to be changed: a new table takes its place.
#[derive(Debug, Default)]
pub struct Routes {
    rules: Rules,
    /// In the order they were given; the others point in here.
    all: Box<[Route]>,
    exact: HashMap<Box<str>, usize>,
    below: HashMap<Box<str>, usize>,
    any: Option<usize>,
    no_realm: Option<usize>,
}

/// Two routes for the same realms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are two routes for realm \"{pattern}\"; keep one")]
pub struct DuplicatePattern {
    /// Which realms.
    pub pattern: Pattern,
    /// The later one's place among all routes.
    pub index: usize,
}

/// Where a request goes.
#[derive(Debug)]
#[must_use]
pub enum Verdict<'r, 'p> {
    /// To the route's home servers.
    Forward(&'r Route, Nai<'p>),
    /// Nowhere: it is for this server.
    Local,
    /// Nowhere, and nobody answers it with an accept.
    Refuse(Obstacle),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            forms: NameForms::default(),
            max_hops: Self::MAX_HOPS,
            unknown_are_local: true,
        }
    }
}

impl Rules {
    /// How many proxies a request may have passed through, unless told otherwise.
    pub const MAX_HOPS: usize = 8;
}

impl Routes {
    /// Makes a table of routes.
    ///
    /// # Errors
    /// Two of them have the same pattern.
    pub fn new(routes: Vec<Route>, rules: Rules) -> Result<Self, DuplicatePattern> {
        let mut table = Self {
            rules,
            ..Self::default()
        };
        for (index, route) in routes.iter().enumerate() {
            let before = match &route.pattern {
                Pattern::Any => table.any.replace(index),
                Pattern::NoRealm => table.no_realm.replace(index),
                Pattern::Below(realm) => table.below.insert(realm.clone(), index),
                Pattern::Exact(realm) => table.exact.insert(realm.clone(), index),
            };
            if before.is_some() {
                let pattern = route.pattern.clone();
                return Err(DuplicatePattern { pattern, index });
            }
        }
        table.all = routes.into();
        Ok(table)
    }

    /// The routes in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.all.iter()
    }

    /// Whether there is none, so that nothing is ever forwarded.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Decides where an authentic request of a NAS goes. Work is linear in the length of the packet
    /// and of the name.
    pub fn decide<'r, 'p>(
        &'r self,
        packet: &Packet<'p>,
        nas: &str,
        key: &HopKey,
    ) -> Verdict<'r, 'p> {
        if self.is_empty() && self.rules.unknown_are_local {
            return Verdict::Local;
        }
        let name = packet.find(attr::USER_NAME.spec().oid.top());
        let name = name.map_or(&[][..], |name| name.value);
        match Nai::parse(name, self.rules.forms) {
            Ok(nai) => match self.forward(packet, &nai, nas, key) {
                Ok(Some(route)) => Verdict::Forward(route, nai),
                Ok(None) => Verdict::Local,
                Err(obstacle) => Verdict::Refuse(obstacle),
            },
            Err(why) => self.malformed(why),
        }
    }

    /// A name that is no NAI may still be somebody's here (RFC 7542 section 2.6.1), unless all that
    /// is not ours is somebody else's.
    fn malformed<'p>(&self, why: BadName) -> Verdict<'_, 'p> {
        if self.any.is_none() && self.rules.unknown_are_local {
            Verdict::Local
        } else {
            Verdict::Refuse(Obstacle::BadName(why))
        }
    }

    fn forward(
        &self,
        packet: &Packet<'_>,
        nai: &Nai<'_>,
        nas: &str,
        key: &HopKey,
    ) -> Result<Option<&Route>, Obstacle> {
        let folded = nai.folded_realm();
        let realm = || nai.realm().map(Shown::from);
        let Some(route) = self.find(folded.as_deref()) else {
            let is_ours = self.rules.unknown_are_local || folded.as_deref().is_none_or(is_eap_arpa);
            return if is_ours {
                Ok(None)
            } else {
                Err(Obstacle::NoRoute { realm: realm() })
            };
        };
        if !route.admits(nas) {
            return Err(Obstacle::RealmNotAllowed {
                realm: realm(),
                pattern: route.pattern.clone(),
                nas: Shown::from(nas),
            });
        }
        if key.has_marked(packet) {
            return Err(Obstacle::LoopDetected { realm: realm() });
        }
        let (hops, most) = (proxy_states(packet).count(), self.rules.max_hops);
        if hops >= most {
            return Err(Obstacle::TooManyHops { hops, most });
        }
        Ok(Some(route))
    }

    /// The most specific route for a realm in lower case; `None` for a name without one.
    fn find(&self, realm: Option<&str>) -> Option<&Route> {
        let index = match realm {
            None => self.no_realm,
            Some(realm) if is_eap_arpa(realm) => None,
            Some(realm) => {
                let mut parents = realm.match_indices('.').map(|(dot, _)| &realm[dot + 1..]);
                let exact = self.exact.get(realm).copied();
                exact
                    .or_else(|| parents.find_map(|parent| self.below.get(parent).copied()))
                    .or(self.any)
            }
        };
        index.and_then(|index| self.all.get(index))
    }
}

impl Route {
    /// A route with the safe defaults: the name untouched, accounting forwarded, and of the answer
    /// only what a foreign home server may say.
    pub fn new(pattern: Pattern, pool: impl Into<Arc<str>>) -> Self {
        use super::{Direction, Trust};
        Self {
            pattern,
            pool: pool.into(),
            strip: false,
            accounting: Accounting::default(),
            inbound: Filter::of(Direction::Inbound(Trust::Foreign)),
            outbound: Filter::of(Direction::Outbound),
            operator_name: None,
            request_cui: false,
            when_dead: WhenDead::default(),
            nases: None,
        }
    }

    /// Whether a NAS may send users of these realms.
    pub fn admits(&self, nas: &str) -> bool {
        let nases = self.nases.as_deref();
        nases.is_none_or(|nases| nases.iter().any(|admitted| admitted == nas))
    }

    /// What of a request goes to the home server, to be followed by our own Proxy-State. `nai` is
    /// what [`Routes::decide`] gave. An Operator-Name is added where there is none, and a
    /// Chargeable-User-Identity is asked for only at log-in.
    pub fn outgoing(&self, code: Code, nai: &Nai<'_>, request: &AttributeList) -> AttributeList {
        let user_name = attr::USER_NAME.spec();
        let mut passed = AttributeList::new();
        for entry in self.outbound.apply(request).iter() {
            if self.strip && entry.spec.oid == user_name.oid && entry.value == nai.name() {
                passed.push(user_name, 0, &nai.stripped());
            } else {
                passed.push(&entry.spec, entry.tag, entry.value);
            }
        }
        let operator = attr::OPERATOR_NAME.spec();
        if let Some(name) = &self.operator_name
            && !passed.contains(&operator.oid)
        {
            passed.push(operator, 0, name.octets().as_bytes());
        }
        let identity = attr::CHARGEABLE_USER_IDENTITY.spec();
        if self.request_cui && code == Code::ACCESS_REQUEST && !passed.contains(&identity.oid) {
            passed.push(identity, 0, &[0]);
        }
        passed
    }

    /// What of a home server's answer goes to the NAS. Where the realm was taken off, a User-Name
    /// without one is left out: the NAS would use it for accounting, which could then not be
    /// forwarded.
    pub fn incoming(&self, answer: &AttributeList) -> AttributeList {
        let passed = self.inbound.apply(answer);
        if !self.strip {
            return passed;
        }
        let mut kept = AttributeList::new();
        for entry in passed.iter() {
            let is_name = entry.spec.oid == attr::USER_NAME.spec().oid;
            if !is_name || entry.value.contains(&b'@') {
                kept.push(&entry.spec, entry.tag, entry.value);
            }
        }
        kept
    }
}

impl OperatorName {
    /// The namespace of realms.
    const REALM: char = '1';

    /// The operator who owns a realm.
    ///
    /// # Errors
    /// The text is no realm.
    pub fn realm(realm: &str) -> Result<Self, BadPattern> {
        check_realm(realm).map_err(|_| BadPattern::Form)?;
        if realm.len() >= Nai::MAX {
            return Err(BadPattern::Form);
        }
        Ok(Self(format!("{}{realm}", Self::REALM).into()))
    }

    /// As it stands in Operator-Name: the namespace and the name.
    pub fn octets(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Ok(Self::NoRealm);
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let below = text.strip_prefix("*.");
        let realm = fold(below.unwrap_or(text));
        check_realm(&realm).map_err(|_| BadPattern::Form)?;
        if realm.len() > Nai::MAX {
            return Err(BadPattern::Form);
        }
        if is_eap_arpa(&realm) {
            return Err(BadPattern::EapArpa);
        }
        Ok(match below {
            Some(_) => Self::Below(realm.into()),
            None => Self::Exact(realm.into()),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(realm) => write!(f, "*.{realm}"),
            Self::Exact(realm) => f.write_str(realm),
            Self::NoRealm => Ok(()),
        }
    }
}

fn is_eap_arpa(realm: &str) -> bool {
    let above = realm.strip_suffix(EAP_ARPA);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}
