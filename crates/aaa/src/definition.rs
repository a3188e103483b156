//! What an administrator keeps: users, devices, groups and NASes, as plain data.
//!
//! Nothing here is resolved: attributes are still text, to be read with a dictionary when a
//! snapshot is built. Serialising gives what may be shown; credentials and secrets are left out,
//! always.

mod device;
mod previous;
mod reach;

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::device::Device;
pub use self::previous::PreviousSecret;
pub use self::reach::{CA_MAX, MARK_MAX, MARKS_MAX, PreSharedKey, Reach, Recognition};
pub use crate::dialect::DialectName;
use crate::station::NotADevice;
pub use portreeve_proto::Transport;

/// The most octets of a user's, group's or NAS's name: what fits one attribute.
pub const NAME_MAX: usize = 253;

/// The most octets of a comment.
pub const COMMENT_MAX: usize = 1000;

/// The most octets of one attribute line: a name and a long value.
pub const ATTRIBUTE_MAX: usize = 8192;

/// The most attribute lines of one kind a user or group may have.
pub const ATTRIBUTES_MAX: usize = 200;

/// The most groups one user may be in.
pub const MEMBERSHIPS_MAX: usize = 100;

/// The priority of a group or membership where the administrator names none.
pub const DEFAULT_PRIORITY: i32 = 100;

/// What is kept to check a user, in the text form of `portreeve_auth::Credential`.
///
/// Wiped when dropped; neither `Debug` nor serialising shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredCredential(Zeroizing<String>);

impl StoredCredential {
    /// Takes over the text form.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text form, for the parser of credentials and for the store; not for showing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredCredential(redacted)")
    }
}

/// The secret a NAS shares with us. Wiped when dropped; neither `Debug` nor serialising shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// The length below which RFC 2865 section 3 and present practice call a secret too short.
    pub const SHORT: usize = 16;
    /// The length that the deprecation of RADIUS/UDP asks for.
    pub const RECOMMENDED: usize = 32;
    /// The most octets we keep.
    pub const MAX: usize = 1024;

    /// Takes over a secret.
    ///
    /// # Errors
    /// An empty or too long secret: either would pass for no protection at all or for a mistake.
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, Invalid> {
        let secret = Zeroizing::new(secret.into());
        match secret.len() {
            0 => Err(Invalid::SecretEmpty),
            1..=Self::MAX => Ok(Self(secret)),
            _ => Err(Invalid::SecretLong),
        }
    }

    /// The octets, for the endpoint and the store; not for showing.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How well the secret resists guessing, by what can be told without knowing how it was made.
    pub fn strength(&self) -> Strength {
        const KNOWN: [&[u8]; 8] = [
            b"testing123",
            b"secret",
            b"password",
            b"radius",
            b"sharedsecret",
            b"12345678",
            b"s3cret",
            b"changeme",
        ];
        let distinct = {
            let mut seen = [false; 256];
            self.0
                .iter()
                .for_each(|octet| seen[usize::from(*octet)] = true);
            seen.iter().filter(|seen| **seen).count()
        };
        match self.0.len() {
            _ if KNOWN.iter().any(|known| self.0.eq_ignore_ascii_case(known)) => Strength::Known,
            len if len < Self::SHORT => Strength::Short,
            _ if distinct < 8 => Strength::Monotonous,
            len if len < Self::RECOMMENDED => Strength::Fair,
            _ => Strength::Good,
        }
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(redacted)")
    }
}

/// How well a shared secret resists guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// In every list of guesses.
    Known,
    /// Below [`SharedSecret::SHORT`] octets: hours for one computer.
    Short,
    /// Long, but made of fewer than eight different octets.
    Monotonous,
    /// Below [`SharedSecret::RECOMMENDED`] octets.
    Fair,
    /// Nothing to say against it.
    Good,
}

impl Strength {
    /// What to tell the administrator, or `None` where nothing needs saying.
    pub const fn warning(self) -> Option<&'static str> {
        Some(match self {
            Self::Known => "the secret is in every list of guesses; generate one",
            Self::Short => "the secret has fewer than 16 octets and can be guessed within hours",
            Self::Monotonous => "the secret is made of too few different characters",
            Self::Fair => "the secret has fewer than 32 octets; longer ones are recommended",
            Self::Good => return None,
        })
    }
}

/// A subscriber as the administrator wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// What the subscriber types as user name; unique.
    pub name: String,
    /// How to check them; without it every request is refused.
    #[serde(skip)]
    pub credential: Option<StoredCredential>,
    /// Whether they may come in at all.
    pub enabled: bool,
    /// The groups they are in.
    pub groups: Vec<Membership>,
    /// Conditions on the request, `Name=Value` or `Name!=Value`.
    pub check: Vec<String>,
    /// Attributes of the reply, `Name=Value` or `Name+=Value`.
    pub reply: Vec<String>,
    /// For people.
    pub comment: String,
}

impl User {
    /// An enabled user of that name with nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            credential: None,
            enabled: true,
            groups: Vec::new(),
            check: Vec::new(),
            reply: Vec::new(),
            comment: String::new(),
        }
    }

    /// Checks lengths and characters; attributes are checked where a dictionary is at hand.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        check_memberships(&self.groups)?;
        check_lines(&self.check, &self.reply, &self.comment)
    }
}

/// That a user or a device is in a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The group's name; without such a group its conditions cannot be checked, and the member
    /// is refused.
    pub group: String,
    /// Among the member's groups, the lower number comes first; then the group's own priority
    /// decides, then its name.
    pub priority: i32,
}

impl Membership {
    /// A membership of [`DEFAULT_PRIORITY`].
    pub fn new(group: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            priority: DEFAULT_PRIORITY,
        }
    }
}

/// Conditions and attributes that several users and devices share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Unique among groups.
    pub name: String,
    /// The lower number comes first, after the memberships' own.
    pub priority: i32,
    /// Conditions on the request, `Name=Value` or `Name!=Value`; all of them hold for every member.
    pub check: Vec<String>,
    /// Attributes of the reply, `Name=Value` or `Name+=Value`.
    pub reply: Vec<String>,
    /// For people.
    pub comment: String,
}

impl Group {
    /// A group of that name with nothing in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            priority: DEFAULT_PRIORITY,
            check: Vec::new(),
            reply: Vec::new(),
            comment: String::new(),
        }
    }

    /// As [`User::validate`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        check_lines(&self.check, &self.reply, &self.comment)
    }
}

/// A NAS, or a prefix full of them, that may talk to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nas {
    /// Unique among NASes.
    pub name: String,
    /// The addresses its packets come from; without TLS the longest matching prefix decides.
    pub prefix: IpNet,
    /// How its packets come, and what it proves itself by.
    #[serde(flatten)]
    pub reach: Reach,
    /// The secret before that of `reach`, where it is still accepted or has been lately.
    #[serde(skip)]
    pub previous: Option<PreviousSecret>,
    /// How many connections it may have at a time, if not as many as any; at least 1.
    pub max_connections: Option<u32>,
    /// How its vendor spells a grant.
    pub dialect: DialectName,
    /// Whether its Access-Requests must carry a Message-Authenticator.
    pub require_message_authenticator: Require,
    /// With [`Require::Auto`]: it has shown that it sends them, and is held to it from then on.
    pub latched: bool,
    /// Whether an Access-Request with Proxy-State and without Message-Authenticator is discarded.
    pub limit_proxy_state: bool,
    /// For people.
    pub comment: String,
}

impl Nas {
    /// A NAS that sends datagrams, with the strict defaults.
    pub fn new(name: impl Into<String>, prefix: IpNet, secret: SharedSecret) -> Self {
        Self::reached(name, prefix, Reach::Udp(secret))
    }

    /// A NAS that comes in some way, with the strict defaults.
    pub fn reached(name: impl Into<String>, prefix: IpNet, reach: Reach) -> Self {
        Self {
            name: name.into(),
            prefix,
            reach,
            previous: None,
            max_connections: None,
            dialect: DialectName::Generic,
            require_message_authenticator: Require::Yes,
            latched: false,
            limit_proxy_state: true,
            comment: String::new(),
        }
    }

    /// What carries its packets.
    pub const fn transport(&self) -> Transport {
        self.reach.transport()
    }

    /// What it shares with us, where that is a secret.
    pub const fn secret(&self) -> Option<&SharedSecret> {
        self.reach.secret()
    }

    /// The secrets that it may go by at a moment in milliseconds since 1970, the likelier first.
    pub fn secrets(&self, now_ms: u64) -> impl Iterator<Item = &SharedSecret> {
        let previous = self.previous.as_ref();
        let previous = previous.filter(|previous| previous.is_accepted(now_ms));
        let previous = previous.map(|previous| &previous.secret);
        self.secret().into_iter().chain(previous)
    }

    /// Gives it another secret, and accepts the present one as well until a moment in milliseconds
    /// since 1970. Does nothing to a NAS that comes over TLS.
    pub fn replace_secret(&mut self, secret: SharedSecret, until_ms: u64) {
        let (Reach::Tcp(present) | Reach::Udp(present)) = &mut self.reach else {
            return;
        };
        self.previous = Some(PreviousSecret {
            secret: std::mem::replace(present, secret),
            until_ms,
            superseded: false,
        });
    }

    /// The one address it may come from, where there is only one.
    pub fn host(&self) -> Option<std::net::IpAddr> {
        let is_host = self.prefix.prefix_len() == self.prefix.max_prefix_len();
        is_host.then(|| self.prefix.addr())
    }

    /// Whether a Message-Authenticator is required at this moment.
    pub const fn requires_message_authenticator(&self) -> bool {
        match self.require_message_authenticator {
            Require::Yes => true,
            Require::Auto => self.latched,
            Require::No => false,
        }
    }

    /// As [`User::validate`]; also that the prefix has no host bits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        if self.prefix.trunc() != self.prefix {
            return Err(Invalid::HostBits);
        }
        if self.max_connections == Some(0) {
            return Err(Invalid::NoConnections);
        }
        self.reach.validate()?;
        let previous = self.previous.as_ref().map(|previous| &previous.secret);
        if previous.is_some() && (self.secret().is_none() || previous == self.secret()) {
            return Err(Invalid::PreviousSecret);
        }
        check_lines(&[], &[], &self.comment)
    }
}

/// Whether Access-Requests must carry a Message-Authenticator (the BlastRADIUS rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Without it the request is discarded.
    #[default]
    Yes,
    /// Until the NAS has shown that it sends them; then as `Yes`, for good.
    Auto,
    /// Never: open to forged answers.
    No,
}

impl Require {
    /// Every mode, in the order to list them.
    pub const ALL: [Self; 3] = [Self::Yes, Self::Auto, Self::No];

    /// The word on the command line and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Auto => "auto",
            Self::No => "no",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// Why a definition is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// An attribute line longer than [`ATTRIBUTE_MAX`].
    #[error("an attribute line is longer than {ATTRIBUTE_MAX} octets")]
    AttributeLong,
    /// No certificate, or more text than [`CA_MAX`], where those of CAs belong.
    #[error("the CA certificates of the NAS have 1 to {CA_MAX} octets")]
    CaLength,
    /// A comment longer than [`COMMENT_MAX`].
    #[error("the comment is longer than {COMMENT_MAX} octets")]
    CommentLong,
    /// A control character where people read.
    #[error("control characters are not allowed")]
    ControlCharacter,
    /// An address with bits set beyond the prefix length.
    #[error("the address has bits set beyond its prefix length")]
    HostBits,
    /// An empty rule to recognise a NAS by, or one longer than [`MARK_MAX`].
    #[error("a rule to recognise the NAS by (--identity) has 1 to {MARK_MAX} octets")]
    MarkLength,
    /// More rules than [`MARKS_MAX`].
    #[error("a NAS has at most {MARKS_MAX} rules to recognise it by (--identity)")]
    MarksMany,
    /// The same group twice.
    #[error("the same group stands there twice")]
    MembershipTwice,
    /// An empty name.
    #[error("the name is empty")]
    NameEmpty,
    /// A name longer than [`NAME_MAX`].
    #[error("the name is longer than {NAME_MAX} octets")]
    NameLong,
    /// An address that is not one device's.
    #[error(transparent)]
    NotADevice(#[from] NotADevice),
    /// A NAS that may have no connection.
    #[error("a NAS may have at least one connection (--max-connections)")]
    NoConnections,
    /// A pre-shared key's identity that cannot be one.
    #[error(
        "the identity of a pre-shared key (--psk-identity) has 1 to {} octets and no control \
         characters",
        PreSharedKey::IDENTITY_MAX
    )]
    PskIdentity,
    /// A previous secret that is the present one, or of a NAS that has none.
    #[error("only another secret than the present one can be kept as the previous one")]
    PreviousSecret,
    /// A pre-shared key that is too short or too long.
    #[error(
        "a pre-shared key (--psk) has {} to {} octets, two hexadecimal digits each",
        PreSharedKey::KEY_MIN,
        PreSharedKey::KEY_MAX
    )]
    PskLength,
    /// An empty secret.
    #[error("the secret is empty")]
    SecretEmpty,
    /// A secret longer than [`SharedSecret::MAX`].
    #[error("the secret is longer than {} octets", SharedSecret::MAX)]
    SecretLong,
    /// More attribute lines or groups than anybody needs.
    #[error("too many: at most {ATTRIBUTES_MAX} attributes and {MEMBERSHIPS_MAX} groups")]
    TooMany,
}

/// Checks the name of a user, group or NAS: 1 to [`NAME_MAX`] octets, no control characters.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() {
        Err(Invalid::NameEmpty)
    } else if name.len() > NAME_MAX {
        Err(Invalid::NameLong)
    } else if name.chars().any(char::is_control) {
        Err(Invalid::ControlCharacter)
    } else {
        Ok(())
    }
}

fn check_memberships(memberships: &[Membership]) -> Result<(), Invalid> {
    if memberships.len() > MEMBERSHIPS_MAX {
        return Err(Invalid::TooMany);
    }
    for (index, membership) in memberships.iter().enumerate() {
        check_name(&membership.group)?;
        let is_same = |earlier: &Membership| earlier.group == membership.group;
        if memberships[..index].iter().any(is_same) {
            return Err(Invalid::MembershipTwice);
        }
    }
    Ok(())
}

fn check_lines(check: &[String], reply: &[String], comment: &str) -> Result<(), Invalid> {
    if comment.len() > COMMENT_MAX {
        return Err(Invalid::CommentLong);
    }
    if check.len() > ATTRIBUTES_MAX || reply.len() > ATTRIBUTES_MAX {
        return Err(Invalid::TooMany);
    }
    if check
        .iter()
        .chain(reply)
        .any(|line| line.len() > ATTRIBUTE_MAX)
    {
        return Err(Invalid::AttributeLong);
    }
    let mut texts = check
        .iter()
        .chain(reply)
        .map(String::as_str)
        .chain([comment]);
    if texts.any(|text| text.chars().any(char::is_control)) {
        return Err(Invalid::ControlCharacter);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nas() -> Nas {
        let secret = SharedSecret::new("hunter2-hunter2-hunter2").unwrap();
        Nas::new("ap", "192.0.2.0/24".parse().unwrap(), secret)
    }

    #[test]
    fn names_are_bounded_and_printable() {
        for (name, verdict) in [
            ("", Err(Invalid::NameEmpty)),
            ("tim", Ok(())),
            ("tim@example.org", Ok(())),
            ("a\u{1b}[31m", Err(Invalid::ControlCharacter)),
            ("a\u{0}", Err(Invalid::ControlCharacter)),
        ] {
            assert_eq!(check_name(name), verdict, "{name:?}");
        }
        assert_eq!(check_name(&"a".repeat(253)), Ok(()));
        assert_eq!(check_name(&"a".repeat(254)), Err(Invalid::NameLong));
    }

    #[test]
    fn neither_debug_nor_json_shows_what_is_secret() {
        let mut user = User::new("tim");
        user.credential = Some(StoredCredential::new("clear:opensesame".into()));
        let nas = nas();
        let secured = Nas::reached(
            "ap2",
            nas.prefix,
            Reach::Tls(Recognition {
                psk: Some(PreSharedKey::new("ap2", *b"swordfishswordfish").unwrap()),
                ..Recognition::default()
            }),
        );
        let secured_json = serde_json::to_value(&secured).unwrap();
        assert_eq!(secured_json["transport"], "tls");
        assert_eq!(secured_json["psk_identity"], "ap2");
        assert_eq!(serde_json::to_value(&nas).unwrap()["transport"], "udp");
        let shown = format!(
            "{user:?}{nas:?}{secured:?}{}{}{secured_json}",
            serde_json::to_string(&user).unwrap(),
            serde_json::to_string(&nas).unwrap()
        );
        let key = format!("{:?}", b"swordfishswordfish");
        assert!(
            !shown.contains("swordfish") && !shown.contains(&key),
            "{shown}"
        );
        assert!(shown.contains("tim") && shown.contains("192.0.2.0/24"));
        assert!(
            !shown.contains("opensesame") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn weak_secrets_are_told_from_good_ones() {
        for (secret, strength) in [
            ("Testing123", Strength::Known),
            ("kx7", Strength::Short),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Strength::Monotonous,
            ),
            ("kx7Q0pLm2vTz8WqR", Strength::Fair),
            ("kx7Q0pLm2vTz8WqRkx7Q0pLm2vTz8WqR", Strength::Good),
        ] {
            let found = SharedSecret::new(secret).unwrap().strength();
            assert_eq!(found, strength, "{secret}");
            assert_eq!(found.warning().is_none(), strength == Strength::Good);
        }
        assert_eq!(SharedSecret::new(""), Err(Invalid::SecretEmpty));
        assert_eq!(SharedSecret::new(vec![1; 1025]), Err(Invalid::SecretLong));
    }

    #[test]
    fn auto_requires_once_latched_and_never_before() {
        let mut nas = nas();
        assert!(nas.requires_message_authenticator());
        nas.require_message_authenticator = Require::Auto;
        assert!(!nas.requires_message_authenticator());
        nas.latched = true;
        assert!(nas.requires_message_authenticator());
        nas.require_message_authenticator = Require::No;
        assert!(!nas.requires_message_authenticator());
    }

    #[test]
    fn definitions_are_checked_as_a_whole() {
        let mut user = User::new("tim");
        assert_eq!(user.validate(), Ok(()));
        user.groups = vec![Membership::new("gold"), Membership::new("gold")];
        assert_eq!(user.validate(), Err(Invalid::MembershipTwice));
        user.groups.clear();
        user.reply = vec!["a=\n".into()];
        assert_eq!(user.validate(), Err(Invalid::ControlCharacter));
        user.reply = vec!["a=b".into(); 201];
        assert_eq!(user.validate(), Err(Invalid::TooMany));
        let mut group = Group::new("gold");
        group.comment = "c".repeat(1001);
        assert_eq!(group.validate(), Err(Invalid::CommentLong));
        let mut nas = nas();
        nas.prefix = "192.0.2.1/24".parse().unwrap();
        assert_eq!(nas.validate(), Err(Invalid::HostBits));
    }

    #[test]
    fn words_are_read_back() {
        for dialect in DialectName::ALL {
            assert_eq!(DialectName::parse(dialect.as_str()), Some(dialect));
        }
        for mode in Require::ALL {
            assert_eq!(Require::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(Require::parse("Yes"), None);
    }
}
