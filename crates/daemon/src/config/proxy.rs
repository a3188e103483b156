use std::{
    collections::HashSet,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve::{Transport, tls::Versions};
use portreeve_aaa::{
    definition::SharedSecret,
    proxy::{Accounting, Mode, OperatorName, Pattern, Rules, Trust, WhenDead},
};

use super::{
    Discovery, Fault,
    reader::{Root, Section},
    tls::VERSIONS,
};

const TRANSPORTS: [(&str, Transport); 4] = [
    ("udp", Transport::Udp),
    ("tls", Transport::Tls),
    ("dtls", Transport::Dtls),
    ("tcp", Transport::Tcp),
];
const MODES: [(&str, Mode); 2] = [("failover", Mode::Failover), ("balance", Mode::Balance)];
const ACCOUNTING: [(&str, Accounting); 3] = [
    ("forward", Accounting::Forward),
    ("local", Accounting::Local),
    ("both", Accounting::Both),
];
const TRUSTS: [(&str, Trust); 2] = [("foreign", Trust::Foreign), ("own", Trust::Own)];
const WHEN_DEAD: [(&str, WhenDead); 2] =
    [("silent", WhenDead::Silent), ("reject", WhenDead::Reject)];
pub(super) const YES_NO: [(&str, bool); 2] = [("yes", true), ("no", false)];
const UNKNOWN: [(&str, bool); 2] = [("local", true), ("refuse", false)];

/// The pool of the home servers that DNS names.
pub const DISCOVER: &str = "discover";

/// Requests that are for somebody else's server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// `[proxy]`: what holds for all realms.
    pub rules: Rules,
    /// `[discovery]`: home servers that DNS names.
    pub discovery: Discovery,
    /// `[[home]]`: the servers that requests are sent on to.
    pub homes: Vec<Home>,
    /// `[[pool]]`: those that serve the same realms.
    pub pools: Vec<Pool>,
    /// `[[realm]]`: which realms go to which pool.
    pub realms: Vec<Realm>,
}

/// A server that requests are sent on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Unique among home servers.
    pub name: String,
    /// Host and port, as written: a name is looked up when the server starts.
    pub address: String,
    /// Where accounting goes, if not to the same port.
    pub accounting_address: Option<String>,
    /// What carries packets to it.
    pub transport: Transport,
    /// What it shares with us; over TLS and DTLS the RFCs fix it.
    pub secret: Option<SharedSecret>,
    /// What we show it; without it a certificate from our own CA.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// Who may have signed its certificate; without it our own CA.
    pub ca: Option<PathBuf>,
    /// Revocation lists of that CA.
    pub crl: Option<PathBuf>,
    /// The name in its certificate, if not the host of its address.
    pub server_name: Option<String>,
    /// The RADIUS versions that are allowed.
    pub radius: Versions,
    /// How long to wait for an answer to one request, in all.
    pub timeout: Duration,
    /// Whether its answers must carry Message-Authenticator.
    pub require_message_authenticator: bool,
}

/// Home servers that serve the same realms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Unique among pools.
    pub name: String,
    /// Their names.
    pub homes: Vec<String>,
    /// How they share the work.
    pub mode: Mode,
}

/// Where requests of some realms go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// Which realms.
    pub pattern: Pattern,
    /// The name of a pool, or of a home server that is one by itself.
    pub pool: String,
    /// Whether the realm is taken off the user name.
    pub strip: bool,
    /// Where accounting goes.
    pub accounting: Accounting,
    /// Whose the home server is.
    pub trust: Trust,
    /// Attributes of answers that pass, and do not, besides the defaults.
    pub answers: Lists,
    /// The same for requests.
    pub requests: Lists,
    /// Who runs this network, where the home server is to be told.
    pub operator_name: Option<OperatorName>,
    /// Whether to ask for a Chargeable-User-Identity.
    pub cui: bool,
    /// What a log-in gets while no home server answers.
    pub when_dead: WhenDead,
    /// The NASes whose users may be of these realms; `None` for all.
    pub nas: Option<Vec<String>>,
}

/// Entries of a filter, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lists {
    /// What passes.
    pub allow: Vec<String>,
    /// What does not.
    pub deny: Vec<String>,
}

impl Proxy {
    /// Reads `[proxy]`, `[discovery]`, `[[home]]`, `[[pool]]` and `[[realm]]`.
    pub(super) fn read(&mut self, root: &mut Root<'_, '_>) {
        let rules = &mut self.rules;
        root.section("proxy", |section| {
            section.number("max_hops", 1..=64, &mut rules.max_hops);
            section.word("unknown_realms", &UNKNOWN, &mut rules.unknown_are_local);
            section.word("windows_names", &YES_NO, &mut rules.forms.windows);
        });
        self.discovery.read(root);
        let discovers = !self.discovery.realms.is_empty();
        let mut names = HashSet::new();
        root.each("home", |section| {
            self.homes.extend(Home::read(section, &mut names));
        });
        let homes: Vec<String> = self.homes.iter().map(|home| home.name.clone()).collect();
        let mut names = HashSet::new();
        root.each("pool", |section| {
            self.pools.extend(Pool::read(section, &homes, &mut names));
        });
        let pools = self.pools.iter().map(|pool| pool.name.clone());
        let mut known: Vec<String> = pools.chain(homes).collect();
        known.push(DISCOVER.to_owned());
        let mut patterns = HashSet::new();
        root.each("realm", |section| {
            self.realms
                .extend(Realm::read(section, &known, discovers, &mut patterns));
        });
    }

    /// Has relative file names start from a folder.
    pub(super) fn start_from(&mut self, folder: &Path) {
        self.discovery.start_from(folder);
        for home in &mut self.homes {
            let files = [
                &mut home.certificate,
                &mut home.key,
                &mut home.ca,
                &mut home.crl,
            ];
            for file in files.into_iter().flatten() {
                *file = folder.join(&file);
            }
        }
    }
}

impl Home {
    fn read(section: &mut Section<'_, '_>, names: &mut HashSet<String>) -> Option<Self> {
        let name = own_name(section, names);
        let address = section.required("address");
        let mut home = Self {
            name: name.unwrap_or_default(),
            address: address.unwrap_or_default(),
            accounting_address: section.text("accounting_address").map(|(_, text)| text),
            transport: Transport::Udp,
            secret: None,
            certificate: None,
            key: None,
            ca: None,
            crl: None,
            server_name: section.text("server_name").map(|(_, text)| text),
            radius: Versions::Both,
            timeout: Duration::from_secs(8),
            require_message_authenticator: true,
        };
        section.word("transport", &TRANSPORTS, &mut home.transport);
        home.read_secret(section);
        let certificate = section.file("certificate", &mut home.certificate);
        let key = section.file("key", &mut home.key);
        section.file("ca", &mut home.ca);
        let crl = section.file("crl", &mut home.crl);
        section.needs("certificate", certificate, "key", home.key.is_some());
        section.needs("key", key, "certificate", home.certificate.is_some());
        section.needs("crl", crl, "ca", home.ca.is_some());
        section.word("radius", &VERSIONS, &mut home.radius);
        section.milliseconds("timeout_ms", 500..=60_000, &mut home.timeout);
        section.word(
            "require_message_authenticator",
            &YES_NO,
            &mut home.require_message_authenticator,
        );
        if home.transport == Transport::Dtls && !cfg!(feature = "openssl") {
            section.problem_here(Fault::NoDtls);
        }
        (!home.name.is_empty() && !home.address.is_empty()).then_some(home)
    }

    fn read_secret(&mut self, section: &mut Section<'_, '_>) {
        let secret = section.text("secret");
        match (secret, self.transport.is_secure()) {
            (Some((at, _)), true) => section.problem(Some(at), Fault::SecretIsFixed),
            (Some((at, text)), false) => match SharedSecret::new(text.into_bytes()) {
                Ok(secret) => self.secret = Some(secret),
                Err(_) => section.problem(Some(at), Fault::Empty("secret")),
            },
            (None, false) => section.problem_here(Fault::Missing("secret")),
            (None, true) => {}
        }
    }
}

impl Pool {
    fn read(
        section: &mut Section<'_, '_>,
        homes: &[String],
        names: &mut HashSet<String>,
    ) -> Option<Self> {
        let name = own_name(section, names)?;
        let mut mode = Mode::Failover;
        section.word("mode", &MODES, &mut mode);
        let mut members = Vec::new();
        for (at, member) in section.words("homes").unwrap_or_default() {
            if section.is_known("home", &member, homes, at) {
                members.push(member);
            }
        }
        if members.is_empty() {
            section.problem_here(Fault::Missing("homes"));
        }
        Some(Self {
            name,
            homes: members,
            mode,
        })
    }
}

impl Realm {
    fn read(
        section: &mut Section<'_, '_>,
        known: &[String],
        discovers: bool,
        patterns: &mut HashSet<Pattern>,
    ) -> Option<Self> {
        let pattern = Self::pattern(section, patterns);
        let pool = section.text("pool");
        if pool.is_none() {
            section.problem_here(Fault::Missing("pool"));
        }
        let pool = pool.filter(|(at, pool)| section.is_known("pool", pool, known, at.clone()));
        if let Some((at, pool)) = &pool
            && pool == DISCOVER
            && !discovers
        {
            let why = "discovery.realms is empty: name there the realms whose servers DNS may name";
            section.problem(Some(at.clone()), Fault::Bad(why.to_owned()));
        }
        let mut realm = Self {
            pattern: pattern.clone().unwrap_or(Pattern::Any),
            pool: pool.map(|(_, pool)| pool).unwrap_or_default(),
            strip: false,
            accounting: Accounting::default(),
            trust: Trust::default(),
            answers: Lists::default(),
            requests: Lists::default(),
            operator_name: None,
            cui: false,
            when_dead: WhenDead::default(),
            nas: None,
        };
        let strip = section.word("strip", &YES_NO, &mut realm.strip);
        if realm.strip && realm.pool == DISCOVER {
            let why = "`strip` is not for servers that are found by the realm: leave it out";
            section.problem(strip, Fault::Bad(why.to_owned()));
        }
        section.word("accounting", &ACCOUNTING, &mut realm.accounting);
        section.word("trust", &TRUSTS, &mut realm.trust);
        section.word("cui", &YES_NO, &mut realm.cui);
        section.word("when_dead", &WHEN_DEAD, &mut realm.when_dead);
        let mut list = |key| plain(section.words(key));
        realm.answers.allow = list("allow_answers").unwrap_or_default();
        realm.answers.deny = list("deny_answers").unwrap_or_default();
        realm.requests.allow = list("allow_requests").unwrap_or_default();
        realm.requests.deny = list("deny_requests").unwrap_or_default();
        realm.nas = list("nas");
        if let Some((at, name)) = section.text("operator_name") {
            match OperatorName::realm(&name) {
                Ok(name) => realm.operator_name = Some(name),
                Err(error) => section.problem(Some(at), Fault::Bad(error.to_string())),
            }
        }
        (pattern.is_some() && !realm.pool.is_empty()).then_some(realm)
    }

    fn pattern(section: &mut Section<'_, '_>, patterns: &mut HashSet<Pattern>) -> Option<Pattern> {
        let Some((at, name)) = section.text("name") else {
            section.problem_here(Fault::Missing("name"));
            return None;
        };
        match name.parse::<Pattern>() {
            Ok(pattern) => {
                if !patterns.insert(pattern.clone()) {
                    section.problem(Some(at), Fault::Twice(name));
                }
                Some(pattern)
            }
            Err(error) => {
                section.problem(Some(at), Fault::Bad(error.to_string()));
                None
            }
        }
    }
}

fn own_name(section: &mut Section<'_, '_>, names: &mut HashSet<String>) -> Option<String> {
    let name = section.own_name("name", names)?;
    if name == DISCOVER {
        let why = "`discover` is what the servers are called that DNS names: choose another name";
        section.problem_here(Fault::Bad(why.to_owned()));
        return None;
    }
    Some(name)
}

fn plain(words: Option<Vec<(Range<usize>, String)>>) -> Option<Vec<String>> {
    let words = words?;
    Some(words.into_iter().map(|(_, word)| word).collect())
}
