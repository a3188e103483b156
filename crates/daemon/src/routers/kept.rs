use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use portreeve_routeros::{
    Secret, Target,
    plan::{Protocol, Undo, Wanted},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// What every router shares with its server over `RadSec` (RFC 6614 section 2.3).
pub(crate) const RADSEC_SECRET: &str = "radsec";
/// The form of what is kept; another one is from another version of the program.
pub(crate) const FORM: u32 = 1;

/// A password in a file that only its owner can read. It prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(Zeroizing<String>);

impl Hidden {
    pub(crate) fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

/// All that is kept of an enrolled router: `router.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) form: u32,
    pub(crate) name: String,
    /// The NAS that it is.
    pub(crate) nas: String,
    pub(crate) target: Target,
    /// The port that was dialled first.
    pub(crate) dialled: u16,
    /// Its SSH host key, where files come by SFTP alone.
    pub(crate) ssh_host_key: Option<String>,
    /// The user that was made on it for us.
    pub(crate) user: String,
    pub(crate) password: Hidden,
    /// What its encrypted backups are made with.
    pub(crate) backup_password: Hidden,
    /// The address of ours that it asks.
    pub(crate) server: IpAddr,
    /// How it is to be set up, without the secrets of its servers; see [`Self::wanted`].
    #[serde(rename = "wanted")]
    pub(crate) bare: Wanted,
    /// What it shares with us over UDP.
    pub(crate) secret: Option<Hidden>,
    /// The serial number of the certificate it shows us over `RadSec`.
    pub(crate) certificate: Option<String>,
    pub(crate) known: Known,
    /// In milliseconds since 1970; nothing while enrolling has not come to its end.
    pub(crate) enrolled_ms: Option<u64>,
}

impl Kept {
    /// How the router is to be set up, with the secrets.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = self.bare.clone();
        for server in &mut wanted.servers {
            server.secret = match (server.protocol, &self.secret) {
                (Protocol::Udp, Some(secret)) => Secret::new(secret.reveal()),
                _ => Secret::new(RADSEC_SECRET),
            };
        }
        wanted
    }

    /// Where it is reached; with no address where it is reached by name.
    pub(crate) fn place(&self) -> SocketAddr {
        let ip = self.target.host.parse();
        let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        SocketAddr::new(ip, self.target.port)
    }

    /// Whether it comes over `RadSec`.
    pub(crate) fn is_radsec(&self) -> bool {
        let mut servers = self.bare.servers.iter();
        servers.any(|server| server.protocol == Protocol::Radsec)
    }
}

/// What is to be taken back, the last first: `undo.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// What made the router ours: the user, its group, certificates.
    pub(crate) foundation: Option<Undo>,
    /// What was applied since.
    pub(crate) applied: Vec<Undo>,
}

/// What a router says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) identity: String,
    pub(crate) version: String,
    pub(crate) board: String,
}

/// What was last seen of a router: `state.json`. Nothing depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// When somebody last looked, in milliseconds since 1970.
    pub(crate) checked_ms: Option<u64>,
    /// When it last answered.
    pub(crate) answered_ms: Option<u64>,
    /// What kept it from being looked at.
    pub(crate) trouble: Option<String>,
    /// In how many places it is not as it was left; none known where nobody could look.
    pub(crate) drift: Option<usize>,
    /// The findings of the last check that are errors, and those that are warnings.
    pub(crate) errors: Option<usize>,
    pub(crate) warnings: Option<usize>,
    pub(crate) backup_ms: Option<u64>,
    /// What kept the last backup from being made.
    pub(crate) backup_trouble: Option<String>,
    /// What it said of itself.
    #[serde(default)]
    pub(crate) known: Option<Known>,
    /// What was told of it last.
    #[serde(default)]
    pub(crate) told: Told,
}

impl State {
    /// How the router stands, in a word or two.
    pub(crate) fn standing(&self) -> String {
        if self.trouble.is_some() {
            return "not reached".to_owned();
        }
        let mut words = Vec::new();
        words.extend(
            self.errors
                .filter(|errors| *errors > 0)
                .map(|errors| counted(errors, "error")),
        );
        words.extend(
            self.drift
                .filter(|drift| *drift > 0)
                .map(|drift| format!("drifted in {}", counted(drift, "place"))),
        );
        if words.is_empty() {
            "as left".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// What was last told of a router, so that each change of it is told once, whoever saw it first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// In how many places it was not as it was left.
    pub(crate) drift: usize,
    /// Whether it could not be looked at.
    pub(crate) away: bool,
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
pub(crate) mod tests {
    use portreeve_routeros::{Transport, plan::Server};

    use super::*;

    pub(crate) fn sample(name: &str) -> Kept {
        let hidden = |text: &str| Hidden::new(Zeroizing::new(text.to_owned()));
        Kept {
            form: FORM,
            name: name.to_owned(),
            nas: name.to_owned(),
            target: Target::new("192.0.2.1", Transport::ApiSsl),
            dialled: 8729,
            ssh_host_key: None,
            user: "portreeve".to_owned(),
            password: hidden("hunter2"),
            backup_password: hidden("hunter3"),
            server: IpAddr::from([192, 0, 2, 2]),
            bare: Wanted::new(
                "portreeve:test",
                Server::udp(IpAddr::from([192, 0, 2, 2]), Secret::new("")),
            ),
            secret: Some(hidden("hunter4")),
            certificate: None,
            known: Known {
                identity: "MikroTik".to_owned(),
                version: "7.18.2 (stable)".to_owned(),
                board: "CHR".to_owned(),
            },
            enrolled_ms: Some(1),
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let printed = format!("{:?}", sample("attic"));
        assert!(
            printed.contains("attic") && !printed.contains("hunter"),
            "{printed}"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = serde_json::to_string(&sample("attic")).unwrap();
        let read: Kept = serde_json::from_str(&text).unwrap();
        assert_eq!(read.password, sample("attic").password);
        assert_eq!(read.wanted().servers[0].secret.reveal(), "hunter4");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
