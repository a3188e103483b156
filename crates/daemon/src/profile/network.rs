//! The network that a device is to join, and who joins it: checked once, then only read.

use std::fmt;

use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::authority::dns_name;

/// The most octets of an SSID (IEEE 802.11, 9.4.2.2).
const LONGEST_SSID: usize = 32;
/// What RADIUS can carry as User-Name.
const LONGEST_USER: usize = 253;
/// What RADIUS can carry as User-Password.
const LONGEST_PASSWORD: usize = 128;
/// The most server names that a device is told; there is seldom more than one.
const MOST_SERVERS: usize = 8;

/// A text that nobody prints by accident.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How a wireless network is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Security {
    /// WPA2-Enterprise: every device
    Wpa2,
    /// WPA3-Enterprise: devices of 2020 and later
    Wpa3,
    /// Both: WPA3 where the device can
    #[default]
    #[value(name = "wpa2+wpa3")]
    Transition,
    /// WPA3-Enterprise in 192-bit mode: certificates only, with keys on P-384 or RSA from 3072 bits
    #[value(name = "wpa3-192")]
    Bits192,
}

impl Security {
    /// Every kind, by the word it has on the command line and in the configuration.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("wpa2", Self::Wpa2),
        ("wpa3", Self::Wpa3),
        ("wpa2+wpa3", Self::Transition),
        ("wpa3-192", Self::Bits192),
    ];
}

/// How the user proves who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Method {
    /// EAP-TLS: a certificate of their own; there is no password that anybody could harvest
    #[default]
    #[value(name = "tls")]
    Tls,
    /// PEAP with MS-CHAPv2: their password; wants it kept as clear text or NT hash
    #[value(name = "peap-mschapv2")]
    Peap,
    /// EAP-TTLS with PAP: their password, kept in whatever way
    #[value(name = "ttls-pap")]
    TtlsPap,
    /// EAP-TTLS with MS-CHAPv2: their password; wants it kept as clear text or NT hash
    #[value(name = "ttls-mschapv2")]
    TtlsMschapv2,
}

impl Method {
    /// Every method, by the word it has on the command line and in the configuration.
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("tls", Self::Tls),
        ("peap-mschapv2", Self::Peap),
        ("ttls-pap", Self::TtlsPap),
        ("ttls-mschapv2", Self::TtlsMschapv2),
    ];

    /// The word it has on the command line.
    pub(crate) fn label(self) -> &'static str {
        let known = Self::WORDS.iter().find(|(_, method)| *method == self);
        known.map_or("", |(word, _)| word)
    }

    /// The name people use.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Tls => "EAP-TLS (certificate)",
            Self::Peap => "PEAP with MS-CHAPv2",
            Self::TtlsPap => "EAP-TTLS with PAP",
            Self::TtlsMschapv2 => "EAP-TTLS with MS-CHAPv2",
        }
    }

    /// The number of the outer method (IANA, EAP method types).
    pub(crate) const fn eap_type(self) -> u8 {
        match self {
            Self::Tls => 13,
            Self::TtlsPap | Self::TtlsMschapv2 => 21,
            Self::Peap => 25,
        }
    }

    /// What the stored credential has to be able to prove, where there is a password.
    pub(crate) const fn rests_on(self) -> Option<portreeve_auth::Method> {
        match self {
            Self::Tls => None,
            Self::TtlsPap => Some(portreeve_auth::Method::Pap),
            Self::Peap | Self::TtlsMschapv2 => Some(portreeve_auth::Method::MsChapV2),
        }
    }
}

/// What the device is connected by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    Wired,
    Wireless {
        ssid: String,
        security: Security,
        hidden: bool,
    },
}

/// A certificate of the user, with its key.
#[derive(Clone)]
pub(crate) struct ClientIdentity {
    /// In DER: the user's first, then those between it and the root.
    pub(crate) chain: Vec<Vec<u8>>,
    /// PKCS #8 in PEM.
    pub(crate) key_pem: Zeroizing<String>,
    /// What the key is encrypted with where it is kept in PKCS #12.
    pub(crate) passphrase: Secret,
    /// Whether the passphrase stands in the documents beside the key; else the user types it.
    pub(crate) passphrase_inside: bool,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("passphrase_inside", &self.passphrase_inside)
            .finish_non_exhaustive()
    }
}

/// How the user logs in.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    Certificate(ClientIdentity),
    Password {
        method: Method,
        /// Where it is to stand in the documents; else the device asks.
        password: Option<Secret>,
    },
}

/// What a network is made of besides the log-in, not yet checked.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) link: Link,
    pub(crate) user: String,
    /// What is shown to the access point in place of the user name.
    pub(crate) anonymous: Option<String>,
    /// The names that the server's certificate may hold.
    pub(crate) servers: Vec<String>,
    /// The certificates of the CA in DER: the one that signs first, then those above it.
    pub(crate) authorities: Vec<Vec<u8>>,
    /// What people call the network.
    pub(crate) display_name: String,
    pub(crate) organisation: String,
}

/// A network that can be written for a device: the CA and the server's name are always pinned.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    draft: Draft,
    login: Login,
    /// Of [`Draft::authorities`], the one that signed itself.
    root: usize,
}

/// Why no profile is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("--ssid: the name of a network has 1 to {LONGEST_SSID} octets, this has {0}")]
    Ssid(usize),
    #[error("{what} has a control character, which no device takes")]
    Control { what: &'static str },
    #[error("the user name has 1 to {LONGEST_USER} octets, this has {0}")]
    User(usize),
    #[error("the password has 1 to {LONGEST_PASSWORD} octets, this has {0}")]
    Password(usize),
    #[error(
        "there is no server name to pin: without one, whoever has any certificate of this CA could \
         pass for the server; name it with --server-name"
    )]
    NoServer,
    #[error("--server-name: '{0}' is not a DNS name such as radius.example.org")]
    Server(String),
    #[error("--server-name: at most {MOST_SERVERS} names")]
    TooManyServers,
    #[error(
        "there is no CA to pin: without one, any access point could pass for this network and \
         harvest passwords; make one with `portreeve cert init`"
    )]
    NoAuthority,
    #[error("a certificate of the CA cannot be read or is none of a CA")]
    Authority,
    #[error(
        "the CA's certificates end below their root, and devices trust roots only; import it with \
         those above it: portreeve cert init --import CA.pem KEY.pem"
    )]
    NoRoot,
    #[error("WPA3-Enterprise in 192-bit mode takes certificates only; use --method tls")]
    Bits192NeedsTls,
    #[error("the certificate of the user cannot be read")]
    Client,
}

impl Invalid {
    /// Whether the arguments are to blame.
    pub(crate) const fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::NoAuthority | Self::Authority | Self::NoRoot | Self::Client
        )
    }
}

impl Draft {
    /// Refuses what no profile can be made of, before a certificate is issued for it.
    pub(crate) fn check(&self, method: Method) -> Result<(), Invalid> {
        if let Link::Wireless { ssid, security, .. } = &self.link {
            if !(1..=LONGEST_SSID).contains(&ssid.len()) {
                return Err(Invalid::Ssid(ssid.len()));
            }
            printable("the SSID", ssid)?;
            if *security == Security::Bits192 && method != Method::Tls {
                return Err(Invalid::Bits192NeedsTls);
            }
        }
        if !(1..=LONGEST_USER).contains(&self.user.len()) {
            return Err(Invalid::User(self.user.len()));
        }
        printable("the user name", &self.user)?;
        printable("--anonymous", self.anonymous.as_deref().unwrap_or(""))?;
        printable("the name of the network", &self.display_name)?;
        printable("the organisation", &self.organisation)?;
        servers(&self.servers)?;
        root_of(&self.authorities)?;
        Ok(())
    }
}

impl Login {
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Certificate(_) => Method::Tls,
            Self::Password { method, .. } => *method,
        }
    }
}

impl Network {
    /// Checks a draft and the log-in for it.
    pub(crate) fn new(mut draft: Draft, login: Login) -> Result<Self, Invalid> {
        draft.check(login.method())?;
        check_login(&login)?;
        draft.servers = servers(&draft.servers)?;
        let root = root_of(&draft.authorities)?;
        Ok(Self { draft, login, root })
    }

    pub(crate) const fn link(&self) -> &Link {
        &self.draft.link
    }

    /// The SSID; `None` on a wire.
    pub(crate) fn ssid(&self) -> Option<&str> {
        match &self.draft.link {
            Link::Wired => None,
            Link::Wireless { ssid, .. } => Some(ssid),
        }
    }

    /// Whether the network does not announce itself.
    pub(crate) const fn is_hidden(&self) -> bool {
        matches!(self.draft.link, Link::Wireless { hidden: true, .. })
    }

    pub(crate) fn user(&self) -> &str {
        &self.draft.user
    }

    /// What stands behind the last `@` of the user name.
    pub(crate) fn realm(&self) -> Option<&str> {
        realm_of(&self.draft.user)
    }

    pub(crate) const fn method(&self) -> Method {
        self.login.method()
    }

    /// The certificate of the user, if that is how they log in.
    pub(crate) const fn client(&self) -> Option<&ClientIdentity> {
        match &self.login {
            Login::Certificate(client) => Some(client),
            Login::Password { .. } => None,
        }
    }

    /// The password, if it is to stand in the documents.
    pub(crate) const fn password(&self) -> Option<&Secret> {
        match &self.login {
            Login::Certificate(_) => None,
            Login::Password { password, .. } => password.as_ref(),
        }
    }

    /// What the access point is shown in place of the user name; only where there is a tunnel.
    pub(crate) fn anonymous(&self) -> Option<&str> {
        match &self.login {
            Login::Certificate(_) => None,
            Login::Password { .. } => self.draft.anonymous.as_deref(),
        }
    }

    /// The names that the server's certificate may hold, in lower case; at least one.
    pub(crate) fn servers(&self) -> &[String] {
        &self.draft.servers
    }

    /// The certificate that devices trust, in DER: it has signed itself.
    pub(crate) fn root(&self) -> &[u8] {
        &self.draft.authorities[self.root]
    }

    /// The certificates between the root and the server's, in DER.
    pub(crate) fn intermediates(&self) -> impl Iterator<Item = &[u8]> {
        let others = self.draft.authorities.iter().enumerate();
        others
            .filter(|(at, _)| *at != self.root)
            .map(|(_, der)| der.as_slice())
    }

    /// What people call the network.
    pub(crate) fn display_name(&self) -> &str {
        &self.draft.display_name
    }

    pub(crate) fn organisation(&self) -> &str {
        &self.draft.organisation
    }

    /// Something to tell networks apart by: the SSID, or that it is the wired one.
    pub(crate) fn mark(&self) -> &str {
        self.ssid().unwrap_or("wired")
    }
}

/// What stands behind the last `@` of a name, if it can be a realm (RFC 7542, 2.2).
pub(crate) fn realm_of(name: &str) -> Option<&str> {
    let (user, realm) = name.rsplit_once('@')?;
    let dotted = realm.contains('.') && dns_name(realm).is_some();
    (!user.is_empty() && dotted).then_some(realm)
}

fn printable(what: &'static str, text: &str) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::Control { what });
    }
    Ok(())
}

fn check_login(login: &Login) -> Result<(), Invalid> {
    match login {
        Login::Certificate(client) => {
            let readable = |der: &Vec<u8>| X509Certificate::from_der(der).is_ok();
            if client.chain.is_empty() || !client.chain.iter().all(readable) {
                return Err(Invalid::Client);
            }
        }
        Login::Password { password, .. } => {
            if let Some(password) = password {
                let length = password.expose().len();
                if !(1..=LONGEST_PASSWORD).contains(&length) {
                    return Err(Invalid::Password(length));
                }
                printable("the password", password.expose())?;
            }
        }
    }
    Ok(())
}

fn servers(names: &[String]) -> Result<Vec<String>, Invalid> {
    if names.is_empty() {
        return Err(Invalid::NoServer);
    }
    if names.len() > MOST_SERVERS {
        return Err(Invalid::TooManyServers);
    }
    let mut checked = Vec::with_capacity(names.len());
    for name in names {
        let name = dns_name(name).ok_or_else(|| Invalid::Server(name.clone()))?;
        if !checked.contains(&name) {
            checked.push(name);
        }
    }
    Ok(checked)
}

fn root_of(authorities: &[Vec<u8>]) -> Result<usize, Invalid> {
    let mut root = None;
    for (at, der) in authorities.iter().enumerate() {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Invalid::Authority)?;
        if !rest.is_empty() || !certificate.is_ca() {
            return Err(Invalid::Authority);
        }
        if certificate.subject().as_raw() == certificate.issuer().as_raw() {
            root.get_or_insert(at);
        }
    }
    if authorities.is_empty() {
        return Err(Invalid::NoAuthority);
    }
    root.ok_or(Invalid::NoRoot)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{self, root, signed_by_root};
    use super::*;

    fn refused(change: impl FnOnce(&mut Draft)) -> Invalid {
        let mut draft = fixtures::draft();
        change(&mut draft);
        let checked = draft.check(Method::Peap).unwrap_err();
        let made = Network::new(draft, fixtures::login(Method::Peap)).unwrap_err();
        assert_eq!(checked, made);
        made
    }

    fn made(draft: Draft) -> Network {
        Network::new(draft, fixtures::login(Method::Peap)).unwrap()
    }

    fn ssid(ssid: &str) -> Link {
        Link::Wireless {
            ssid: ssid.to_owned(),
            security: Security::Wpa2,
            hidden: false,
        }
    }

    #[test]
    fn nothing_is_written_that_does_not_pin_both_ca_and_server() {
        assert_eq!(refused(|draft| draft.servers.clear()), Invalid::NoServer);
        assert_eq!(
            refused(|draft| draft.authorities.clear()),
            Invalid::NoAuthority
        );
        let below = |draft: &mut Draft| draft.authorities = vec![signed_by_root()];
        assert_eq!(refused(below), Invalid::Authority);
        let garbage = |draft: &mut Draft| draft.authorities = vec![b"garbage".to_vec()];
        assert_eq!(refused(garbage), Invalid::Authority);
    }

    #[test]
    fn a_ca_without_its_root_cannot_be_pinned() {
        let (intermediate, root) = fixtures::two_levels();
        let alone = vec![intermediate.clone()];
        assert_eq!(refused(|draft| draft.authorities = alone), Invalid::NoRoot);
        let mut draft = fixtures::draft();
        draft.authorities = vec![intermediate.clone(), root.clone()];
        let network = made(draft);
        assert_eq!(network.root(), root);
        assert_eq!(network.intermediates().collect::<Vec<_>>(), [intermediate]);
    }

    #[test]
    fn an_ssid_has_1_to_32_octets() {
        for good in ["a", &"a".repeat(32), "Büro Nord", &"ü".repeat(16)] {
            let mut draft = fixtures::draft();
            draft.link = ssid(good);
            made(draft);
        }
        assert_eq!(refused(|draft| draft.link = ssid("")), Invalid::Ssid(0));
        let long = "ü".repeat(17);
        assert_eq!(refused(|draft| draft.link = ssid(&long)), Invalid::Ssid(34));
        let control = Invalid::Control { what: "the SSID" };
        assert_eq!(refused(|draft| draft.link = ssid("a\nb")), control);
    }

    #[test]
    fn a_server_is_named_as_dns_has_it() {
        for bad in ["192.0.2.1", "*.example.org", "a b", ""] {
            let servers = vec![bad.to_owned()];
            let said = refused(|draft| draft.servers = servers);
            assert_eq!(said, Invalid::Server(bad.to_owned()));
        }
        let mut draft = fixtures::draft();
        draft.servers = vec![
            "RADIUS.Example.org.".to_owned(),
            "radius.example.org".to_owned(),
        ];
        let network = made(draft);
        assert_eq!(network.servers(), ["radius.example.org"]);
    }

    #[test]
    fn the_mode_of_192_bits_wants_certificates() {
        let link = Link::Wireless {
            ssid: "home".to_owned(),
            security: Security::Bits192,
            hidden: false,
        };
        let strict = link.clone();
        assert_eq!(
            refused(|draft| draft.link = strict),
            Invalid::Bits192NeedsTls
        );
        let mut draft = fixtures::draft();
        draft.link = link;
        Network::new(draft, fixtures::login(Method::Tls)).unwrap();
    }

    #[test]
    fn passwords_are_of_one_line_and_are_not_printed() {
        let password = |text: &str| Login::Password {
            method: Method::TtlsPap,
            password: Some(Secret::new(text)),
        };
        let made = |text: &str| Network::new(fixtures::draft(), password(text));
        let long = "x".repeat(129);
        assert_eq!(made("").unwrap_err(), Invalid::Password(0));
        assert_eq!(made(&long).unwrap_err(), Invalid::Password(129));
        made("a\nb").unwrap_err();
        let network = made("xyzzy-9").unwrap();
        assert!(!format!("{network:?}").contains("xyzzy-9"));
        assert!(!format!("{:?}", fixtures::network(Method::Tls)).contains("PRIVATE KEY"));
    }

    #[test]
    fn a_realm_is_a_domain_behind_a_user() {
        assert_eq!(realm_of("tim@example.org"), Some("example.org"));
        assert_eq!(realm_of("a@b@example.org"), Some("example.org"));
        for none in ["tim", "@example.org", "tim@", "tim@home", "tim@a b.c"] {
            assert_eq!(realm_of(none), None, "{none}");
        }
    }

    #[test]
    fn the_anonymous_name_is_only_for_tunnels() {
        assert!(fixtures::network(Method::Peap).anonymous().is_some());
        assert_eq!(fixtures::network(Method::Tls).anonymous(), None);
        assert_eq!(fixtures::network(Method::Tls).root(), root());
    }

    #[test]
    fn the_words_of_the_command_line_are_those_of_the_configuration() {
        use clap::ValueEnum as _;
        for (word, method) in Method::WORDS {
            assert_eq!(method.to_possible_value().unwrap().get_name(), word);
            assert_eq!(method.label(), word);
        }
        for (word, security) in Security::WORDS {
            assert_eq!(security.to_possible_value().unwrap().get_name(), word);
        }
        assert_eq!(Method::WORDS.len(), Method::value_variants().len());
        assert_eq!(Security::WORDS.len(), Security::value_variants().len());
    }
}
