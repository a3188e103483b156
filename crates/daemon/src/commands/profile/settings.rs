//! What a profile is to say: from the arguments, the configuration, the user and the CA.

use portreeve_aaa::definition::User;
use portreeve_auth::{Credential, CredentialError, Scheme};

use super::Arguments;
use crate::{
    authority::{Authority, KeyType},
    config,
    profile::{Draft, Link, Method, Platform, Security, issuing, realm_of},
};

/// Shown in place of the user name.
const ANONYMOUS: &str = "anonymous";

/// Why a user cannot have this profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error(
        "which network? give --ssid NAME, or --wired; or write ssid = \"NAME\" under [profile] in \
         the configuration"
    )]
    NoSsid,
    #[error(
        "user '{user}' has no password, so {} cannot let them in; set one with `portreeve user set \
         {user} --password-stdin`, or use --method tls",
        method.words()
    )]
    NoPassword { user: String, method: Method },
    #[error(
        "the password of user '{user}' cannot be read: {why}; set it again with `portreeve user \
             set {user} --password-stdin`"
    )]
    Unreadable { user: String, why: CredentialError },
    #[error(
        "the password of user '{user}' is kept as {kept}, which {} cannot be proven with; {}",
        method.words(),
        cure(*kept, user)
    )]
    Unserved {
        user: String,
        method: Method,
        kept: Scheme,
    },
    #[error(
        "--with-password: the password of user '{user}' is kept as {kept}, from which nobody gets \
         it back; give it with --password-stdin, or leave it out and the device asks"
    )]
    NotInClear { user: String, kept: &'static str },
    #[error("--password-stdin: that is not the password of user '{0}'")]
    OtherPassword(String),
    #[error("with --method tls the user logs in by certificate: there is no password to write")]
    PasswordWithCertificate,
    #[error(
        "--separate-passphrase, --key-type and --days are for --method tls; with {} there is no \
         certificate",
        .0.words()
    )]
    CertificateWithPassword(Method),
    #[error(
        "--separate-passphrase: the files for Linux hold the key as it is, because programs there \
         start without anybody to ask"
    )]
    SeparateOnLinux,
    #[error(
        "the server's certificate does not bear '{name}', so a device told to look for it would \
         refuse the server; add it: portreeve cert issue --server --dns {name}"
    )]
    ServerLacks { name: String },
    #[error(
        "the server's certificate bears no name that devices could look for; add one: portreeve \
         cert issue --server --dns radius.example.org"
    )]
    NoServerName,
    #[error(
        "in the 192-bit mode of WPA3-Enterprise every certificate has a key on P-384 or RSA from \
         3072 bits, and that of {whose} has {key}: no device could join; use --security wpa3"
    )]
    TooShort { whose: &'static str, key: String },
    #[error("--key-type: the 192-bit mode of WPA3-Enterprise takes p384 only")]
    KeyTooShort,
}

impl Unfit {
    /// Whether the arguments are to blame.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::NoSsid
                | Self::PasswordWithCertificate
                | Self::CertificateWithPassword(_)
                | Self::SeparateOnLinux
                | Self::KeyTooShort
        )
    }
}

/// What helps where a password is kept in a way that a method cannot use.
fn cure(kept: Scheme, user: &str) -> String {
    let pap = if kept.serves(portreeve_auth::Method::Pap) {
        ", --method ttls-pap"
    } else {
        ""
    };
    format!(
        "use --method tls{pap}, or keep it as clear text or NT hash: portreeve user set {user} \
         --password-stdin --store nt"
    )
}

/// Everything about a profile that is settled before a certificate is issued.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) draft: Draft,
    pub(super) method: Method,
    pub(super) key_type: KeyType,
}

impl Wanted {
    pub(super) fn of(
        arguments: &Arguments,
        defaults: &config::Profile,
        user: &User,
        authority: &Authority,
    ) -> Result<Self, Unfit> {
        let network = &arguments.network;
        let method = network.method.unwrap_or(defaults.method);
        let link = if network.wired {
            Link::Wired
        } else {
            let ssid = network.ssid.as_ref().or(defaults.ssid.as_ref());
            Link::Wireless {
                ssid: ssid.ok_or(Unfit::NoSsid)?.clone(),
                security: network.security.unwrap_or(defaults.security),
                hidden: network.hidden || (network.ssid.is_none() && defaults.hidden),
            }
        };
        serves(user, method)?;
        if arguments.platform == Platform::Linux && arguments.secrets.separate_passphrase {
            return Err(Unfit::SeparateOnLinux);
        }
        let key_type = key_type(arguments.secrets.key_type, &link, authority)?;
        let anonymous = network.anonymous.as_ref().or(defaults.anonymous.as_ref());
        let anonymous = anonymous.cloned().unwrap_or_else(|| {
            realm_of(&user.name).map_or_else(
                || ANONYMOUS.to_owned(),
                |realm| format!("{ANONYMOUS}@{realm}"),
            )
        });
        let name = match &link {
            Link::Wired => "the wired network",
            Link::Wireless { ssid, .. } => ssid,
        };
        let draft = Draft {
            user: user.name.clone(),
            anonymous: Some(anonymous),
            servers: servers(&network.server_name, defaults, authority)?,
            authorities: authority.bundle().to_vec(),
            display_name: defaults.name.clone().unwrap_or_else(|| name.to_owned()),
            organisation: defaults.organisation.clone().unwrap_or_default(),
            link,
        };
        Ok(Self {
            draft,
            method,
            key_type,
        })
    }
}

/// The credential of a user who has a password.
pub(super) fn credential(user: &User) -> Result<Credential, Unfit> {
    let stored = user.credential.as_ref().ok_or_else(|| Unfit::NoPassword {
        user: user.name.clone(),
        method: Method::TtlsPap,
    })?;
    Credential::parse(stored.expose()).map_err(|why| Unfit::Unreadable {
        user: user.name.clone(),
        why,
    })
}

/// Refuses a method that what is stored of the user cannot serve.
fn serves(user: &User, method: Method) -> Result<(), Unfit> {
    let Some(rests_on) = method.rests_on() else {
        return Ok(());
    };
    if user.credential.is_none() {
        return Err(Unfit::NoPassword {
            user: user.name.clone(),
            method,
        });
    }
    let kept = credential(user)?.scheme();
    if kept.serves(rests_on) {
        return Ok(());
    }
    Err(Unfit::Unserved {
        user: user.name.clone(),
        method,
        kept,
    })
}

/// What is given, else what is configured, else what our own certificate bears. A name that it does
/// not bear would keep every device out.
fn servers(
    given: &[String],
    defaults: &config::Profile,
    authority: &Authority,
) -> Result<Vec<String>, Unfit> {
    let named = if given.is_empty() {
        &defaults.server_name
    } else {
        given
    };
    if named.is_empty() {
        let own = issuing::server_name(authority);
        return own.map(|name| vec![name]).ok_or(Unfit::NoServerName);
    }
    for name in named {
        // What is no DNS name at all is refused with the draft.
        if let Some(name) = crate::authority::dns_name(name)
            && !issuing::bears(authority, &name)
        {
            return Err(Unfit::ServerLacks { name });
        }
    }
    Ok(named.to_vec())
}

/// What key to make; the 192-bit mode leaves no choice, and binds the CA and the server as well.
fn key_type(given: Option<KeyType>, link: &Link, authority: &Authority) -> Result<KeyType, Unfit> {
    let strict = matches!(
        link,
        Link::Wireless {
            security: Security::Bits192,
            ..
        }
    );
    if !strict {
        return Ok(given.unwrap_or_default());
    }
    let ca = Some(("the CA", authority.ca()));
    let server = authority.server_identity();
    let server = server.map(|identity| ("the server", &identity.details));
    for (whose, details) in ca.into_iter().chain(server) {
        if !is_strong(&details.key) {
            return Err(Unfit::TooShort {
                whose,
                key: details.key.clone(),
            });
        }
    }
    match given {
        None | Some(KeyType::P384) => Ok(KeyType::P384),
        Some(_) => Err(Unfit::KeyTooShort),
    }
}

/// Whether a key, in words as `EC P-384` or `RSA 4096`, will do in the 192-bit mode.
fn is_strong(key: &str) -> bool {
    let bits = key
        .strip_prefix("RSA ")
        .and_then(|rest| rest.split(' ').next()?.parse().ok());
    key == "EC P-384" || bits.is_some_and(|bits: u32| bits >= 3_072)
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::definition::StoredCredential;

    use super::*;

    fn user(stored: Option<&str>) -> User {
        let mut user = User::new("tim");
        user.credential = stored.map(|text| StoredCredential::new(text.to_owned()));
        user
    }

    const ARGON: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                         xqVVYkyLBBsVuK8T5xkzS1p6ajJmUXS6HFs1XWOLhDQ";

    #[test]
    fn a_method_that_the_stored_password_cannot_serve_is_refused_with_the_cure() {
        let kept = user(Some(ARGON));
        serves(&kept, Method::Tls).unwrap();
        serves(&kept, Method::TtlsPap).unwrap();
        for method in [Method::Peap, Method::TtlsMschapv2] {
            let said = serves(&kept, method).unwrap_err().to_string();
            assert!(said.contains("kept as argon2id"), "{said}");
            assert!(said.contains("--method tls, --method ttls-pap"), "{said}");
            assert!(said.contains("portreeve user set tim"), "{said}");
        }
    }

    #[test]
    fn without_a_password_only_a_certificate_will_do() {
        let none = user(None);
        serves(&none, Method::Tls).unwrap();
        let said = serves(&none, Method::TtlsPap).unwrap_err().to_string();
        assert!(said.contains("has no password"), "{said}");
    }

    #[test]
    fn keys_of_the_192_bit_mode() {
        for (key, strong) in [
            ("EC P-384", true),
            ("EC P-256", false),
            ("RSA 2048", false),
            ("RSA 3072", true),
            ("RSA 4096", true),
            ("Ed25519", false),
        ] {
            assert_eq!(is_strong(key), strong, "{key}");
        }
    }
}
