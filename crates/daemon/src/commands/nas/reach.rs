//! How a NAS comes, and what it is recognised by: the flags that say so, and what follows.

use std::{io::Read as _, path::PathBuf};

use clap::builder::PossibleValuesParser;
use portreeve::tls::{Mark, Trust};
use portreeve_aaa::definition::{
    CA_MAX, Nas, PreSharedKey, Reach, Recognition, SharedSecret, Transport,
};
use zeroize::Zeroizing;

use super::generate_secret;
use crate::{authority::dns_name, commands::password, failure::Failure};

/// The octets of a generated pre-shared key (RFC 9813 section 4.1 asks for 16 or more).
const PSK_OCTETS: usize = 32;
/// The word that takes the rules of a NAS back to what they are without any.
const DEFAULT_RULE: &str = "default";

/// What is wrong with the flags that say how a NAS comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadReach {
    #[error("--ca {file}: {why}")]
    Ca { file: String, why: String },
    #[error(
        "DTLS and pre-shared keys need the OpenSSL engine: build with the cargo feature `openssl` \
         (`cargo build --features openssl`)"
    )]
    Engine,
    #[error("{flag} is for --transport tls or dtls: without TLS a NAS is known by its address")]
    NeedsTls { flag: &'static str },
    #[error("--max-connections is for --transport tcp, tls or dtls: UDP has no connections")]
    NeedsConnections,
    #[error(
        "'{name}' cannot stand in a certificate as a DNS name, and the address is not a single \
         one: say what it is recognised by, as with --identity dns:nas1.example"
    )]
    NoRule { name: String },
    #[error("--psk-identity needs a key: --psk HEX, or --psk-generate")]
    PskAlone,
    #[error("--psk is not an even number of hexadecimal digits")]
    PskDigits,
    #[error(
        "--psk is the shared secret of nas '{nas}': a pre-shared key must be used for nothing \
         else; --psk-generate makes one up"
    )]
    PskIsSecret { nas: String },
    #[error("the secret is the pre-shared key of nas '{nas}': --generate-secret makes up another")]
    SecretIsPsk { nas: String },
    #[error(
        "--secret is for --transport udp or tcp: over TLS a certificate takes its place (routers \
         that ask for a secret want `radsec`, over DTLS `radius/dtls`)"
    )]
    SecretOverTls,
    #[error("--identity source needs a single address or a prefix, not every address there is")]
    SourceAnywhere,
}

/// Flags of `nas add` and `nas set`.
#[derive(Debug, clap::Args)]
pub(super) struct Ways {
    /// What carries its packets [default: udp]
    #[arg(long, value_name = "udp|tcp|tls|dtls",
        value_parser = PossibleValuesParser::new(["udp", "tcp", "tls", "dtls"]))]
    transport: Option<String>,
    /// Over tls or dtls: what its certificate is recognised by, `dns:NAME`, `ip:ADDRESS`, `source`,
    /// `sha256:HEX`, `serial:HEX@ISSUER`, `any`. May be repeated; `default` for its own name and
    /// address
    #[arg(long = "identity", value_name = "RULE", value_parser = read_rule)]
    rules: Vec<Rule>,
    /// Over tls or dtls: the CAs its certificate must come from, in PEM, instead of the server's;
    /// `default` for those
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Over tls or dtls: the identity of a key shared with it [default: its name]
    #[arg(long, value_name = "ID")]
    psk_identity: Option<String>,
    /// That key, at least 16 octets
    #[arg(long, value_name = "HEX", conflicts_with_all = ["psk_generate", "remove_psk"])]
    psk: Option<String>,
    /// Make up such a key and print it once
    #[arg(long)]
    psk_generate: bool,
    /// Take the key away
    #[arg(long, conflicts_with_all = ["psk_generate", "psk_identity"])]
    remove_psk: bool,
    /// The most connections it may have at a time; 0 for as many as any
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,
}

/// A rule to recognise certificates by.
#[derive(Debug, Clone)]
enum Rule {
    Default,
    Mark(Mark),
}

fn read_rule(text: &str) -> Result<Rule, String> {
    match text.parse() {
        _ if text == DEFAULT_RULE => Ok(Rule::Default),
        Ok(Mark::Psk(_)) => Err("a pre-shared key is given with --psk-identity and --psk".into()),
        Ok(mark) => Ok(Rule::Mark(mark)),
        Err(error) => Err(error.to_string()),
    }
}

/// What was made up, to be printed once.
#[derive(Default)]
pub(super) struct MadeUp {
    pub(super) secret: Option<Zeroizing<String>>,
    pub(super) psk: Option<Zeroizing<String>>,
    /// The shared secret was thrown away.
    pub(super) secret_gone: bool,
}

impl Ways {
    pub(super) fn is_empty(&self) -> bool {
        self.transport.is_none()
            && self.rules.is_empty()
            && self.ca.is_none()
            && self.psk_identity.is_none()
            && self.psk.is_none()
            && !self.psk_generate
            && !self.remove_psk
            && self.max_connections.is_none()
    }

    /// How a NAS comes from now on, which came in some way before, if it is not new. A secret that
    /// is needed and not given is made up.
    pub(super) fn reach(
        &self,
        name: &str,
        before: Option<&Reach>,
        given: Option<Zeroizing<String>>,
    ) -> Result<(Reach, MadeUp), Failure> {
        let transport = self.transport(before.map(Reach::transport));
        let mut made_up = MadeUp::default();
        if !transport.is_secure() {
            if let Some(flag) = self.flag_of_tls() {
                return Err(BadReach::NeedsTls { flag }.into());
            }
            let kept = before.and_then(Reach::secret).cloned();
            let secret = match (given, kept) {
                (Some(text), _) => SharedSecret::new(text.as_bytes())?,
                (None, Some(kept)) => kept,
                (None, None) => {
                    let text = generate_secret()?;
                    let secret = SharedSecret::new(text.as_bytes())?;
                    made_up.secret = Some(text);
                    secret
                }
            };
            let reach = match transport {
                Transport::Tcp => Reach::Tcp(secret),
                _ => Reach::Udp(secret),
            };
            return Ok((reach, made_up));
        }
        if given.is_some() {
            return Err(BadReach::SecretOverTls.into());
        }
        made_up.secret_gone = before.is_some_and(|before| before.secret().is_some());
        let kept = before.and_then(Reach::recognition).cloned();
        let recognition = self.recognition(name, kept.unwrap_or_default(), &mut made_up)?;
        let reach = match transport {
            Transport::Dtls => Reach::Dtls(recognition),
            _ => Reach::Tls(recognition),
        };
        let needs_engine = transport == Transport::Dtls || reach.recognition().is_some_and(has_psk);
        if needs_engine && !cfg!(feature = "openssl") {
            return Err(BadReach::Engine.into());
        }
        Ok((reach, made_up))
    }

    /// Sets how many connections there may be.
    pub(super) fn limit(&self, nas: &mut Nas) -> Result<(), BadReach> {
        match self.max_connections {
            Some(0) => nas.max_connections = None,
            Some(_) if nas.transport() == Transport::Udp => {
                return Err(BadReach::NeedsConnections);
            }
            Some(most) => nas.max_connections = Some(most),
            None if nas.transport() == Transport::Udp => nas.max_connections = None,
            None => {}
        }
        Ok(())
    }

    fn transport(&self, before: Option<Transport>) -> Transport {
        let word = self.transport.as_deref();
        let named = Transport::ALL
            .into_iter()
            .find(|known| Some(known.label()) == word);
        named.or(before).unwrap_or_default()
    }

    fn flag_of_tls(&self) -> Option<&'static str> {
        let flags = [
            ("--identity", !self.rules.is_empty()),
            ("--ca", self.ca.is_some()),
            ("--psk-identity", self.psk_identity.is_some()),
            ("--psk", self.psk.is_some()),
            ("--psk-generate", self.psk_generate),
            ("--remove-psk", self.remove_psk),
        ];
        flags
            .into_iter()
            .find_map(|(flag, given)| given.then_some(flag))
    }

    fn recognition(
        &self,
        name: &str,
        mut recognition: Recognition,
        made_up: &mut MadeUp,
    ) -> Result<Recognition, Failure> {
        if !self.rules.is_empty() {
            let marks = self.rules.iter().filter_map(|rule| match rule {
                Rule::Default => None,
                Rule::Mark(mark) => Some(mark.to_string()),
            });
            recognition.marks = marks.collect();
        }
        match &self.ca {
            Some(file) if file.as_os_str() == DEFAULT_RULE => recognition.ca = None,
            Some(file) => recognition.ca = Some(read_ca(file)?),
            None => {}
        }
        if self.remove_psk {
            recognition.psk = None;
        }
        let key = match &self.psk {
            Some(digits) => Some(read_digits(digits)?),
            None if self.psk_generate => {
                let mut octets = Zeroizing::new([0; PSK_OCTETS]);
                password::fill(&mut *octets)?;
                made_up.psk = Some(digits(&*octets));
                Some(Zeroizing::new(octets.to_vec()))
            }
            None if self.psk_identity.is_some() => {
                let kept = recognition.psk.as_ref().ok_or(BadReach::PskAlone)?;
                Some(Zeroizing::new(kept.expose().to_vec()))
            }
            None => None,
        };
        if let Some(key) = key {
            let kept = recognition.psk.as_ref().map(PreSharedKey::identity);
            let identity = self.psk_identity.as_deref().or(kept).unwrap_or(name);
            recognition.psk = Some(PreSharedKey::new(identity, key.as_slice())?);
        }
        Ok(recognition)
    }
}

fn has_psk(recognition: &Recognition) -> bool {
    recognition.psk.is_some()
}

fn read_ca(file: &std::path::Path) -> Result<String, BadReach> {
    let bad = |why: String| BadReach::Ca {
        file: file.display().to_string(),
        why,
    };
    let opened = std::fs::File::open(file).map_err(|error| bad(error.to_string()))?;
    let mut text = String::new();
    let most = u64::try_from(CA_MAX).unwrap_or(u64::MAX) + 1;
    let read = opened.take(most).read_to_string(&mut text);
    read.map_err(|error| bad(error.to_string()))?;
    Trust::from_pem(text.as_bytes()).map_err(|error| bad(error.to_string()))?;
    if text.contains("PRIVATE KEY") {
        return Err(bad(
            "it holds a private key, which belongs to nobody but the CA".into(),
        ));
    }
    Ok(text)
}

fn read_digits(text: &str) -> Result<Zeroizing<Vec<u8>>, BadReach> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|letter| {
            letter
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = Zeroizing::new(digits.ok_or(BadReach::PskDigits)?);
    if digits.len() % 2 != 0 {
        return Err(BadReach::PskDigits);
    }
    let octets = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]);
    Ok(Zeroizing::new(octets.collect()))
}

/// Octets as hexadecimal digits.
pub(super) fn digits(octets: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * octets.len()));
    for octet in octets {
        for digit in [octet >> 4, octet & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

/// What a NAS is recognised by over TLS, the rules it was given or those that follow from its name
/// and address; with nothing but a key there are none.
pub(crate) fn marks(nas: &Nas) -> Vec<String> {
    let Some(recognition) = nas.reach.recognition() else {
        return Vec::new();
    };
    if !recognition.marks.is_empty() || recognition.psk.is_some() {
        return recognition.marks.clone();
    }
    let by_name = dns_name(&nas.name).map(|name| format!("dns:{name}"));
    let by_address = nas.host().map(|_| "source".to_owned());
    by_name.into_iter().chain(by_address).collect()
}

/// Refuses a NAS that nobody could be recognised as.
pub(super) fn check(nas: &Nas) -> Result<(), BadReach> {
    let Some(recognition) = nas.reach.recognition() else {
        return Ok(());
    };
    let marks = marks(nas);
    if marks.is_empty() && recognition.psk.is_none() {
        return Err(BadReach::NoRule {
            name: nas.name.clone(),
        });
    }
    if nas.prefix.prefix_len() == 0 && marks.iter().any(|mark| mark == "source") {
        return Err(BadReach::SourceAnywhere);
    }
    Ok(())
}

/// Refuses a pre-shared key that serves as a secret somewhere.
pub(super) fn keys_differ(nas: &Nas, all: &[Nas]) -> Result<(), BadReach> {
    let psk = |nas: &Nas| nas.reach.recognition()?.psk.clone();
    let others = || all.iter().filter(|other| other.name != nas.name);
    if let Some(key) = psk(nas) {
        let mut secrets = others().flat_map(|other| {
            let previous = other.previous.iter().map(|previous| &previous.secret);
            let all = other.secret().into_iter().chain(previous);
            all.map(|secret| (&other.name, secret))
        });
        if let Some((name, _)) = secrets.find(|(_, secret)| key.is_secret(secret)) {
            return Err(BadReach::PskIsSecret { nas: name.clone() });
        }
    }
    if let Some(secret) = nas.secret() {
        let mut keys = others().filter_map(|other| Some((&other.name, psk(other)?)));
        if let Some((name, _)) = keys.find(|(_, key)| key.is_secret(secret)) {
            return Err(BadReach::SecretIsPsk { nas: name.clone() });
        }
    }
    Ok(())
}

/// What to say of a NAS that connects over TLS: how it is recognised, and what to do next.
pub(super) fn next_steps(nas: &Nas) -> Vec<String> {
    let Some(recognition) = nas.reach.recognition() else {
        return Vec::new();
    };
    if let Some(psk) = &recognition.psk {
        return vec![format!(
            "recognised by a pre-shared key, identity '{}'",
            psk.identity()
        )];
    }
    let whose = match &recognition.ca {
        Some(_) => "the CA given with --ca",
        None => "the CA of the server",
    };
    let marks: Vec<String> = marks(nas).iter().map(|mark| in_words(mark, nas)).collect();
    let mut lines = vec![format!(
        "recognised by a certificate from {whose} {}",
        marks.join(", or ")
    )];
    if recognition.ca.is_none() && recognition.marks.is_empty() {
        let name = &nas.name;
        lines.push(format!(
            "next, make one: portreeve cert issue --peer '{name}' --out ."
        ));
    }
    lines
}

fn in_words(mark: &str, nas: &Nas) -> String {
    match mark.split_once(':') {
        Some(("dns", name)) => format!("whose subjectAltName has the DNS name {name}"),
        Some(("ip", address)) => format!("whose subjectAltName has the address {address}"),
        Some(("sha256", hash)) => format!("with the SHA-256 fingerprint {hash}"),
        Some(("serial", _)) => format!("with the {mark}"),
        Some(("policy", oid)) => format!("with the policy {oid}"),
        None if mark == "source" => match nas.host() {
            Some(address) => format!("whose subjectAltName has the address {address}"),
            None => "whose subjectAltName has the address it comes from".to_owned(),
        },
        _ => "of any name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(name: &str, prefix: &str, recognition: Recognition) -> Nas {
        Nas::reached(name, prefix.parse().unwrap(), Reach::Tls(recognition))
    }

    #[test]
    fn without_a_rule_name_and_single_address_are_it() {
        let plain = |name, prefix| marks(&secured(name, prefix, Recognition::default()));
        assert_eq!(plain("ap", "192.0.2.1/32"), ["dns:ap", "source"]);
        assert_eq!(plain("Ap.Example", "0.0.0.0/0"), ["dns:ap.example"]);
        assert_eq!(plain("the attic", "192.0.2.1/32"), ["source"]);
        let nobody = secured("the attic", "192.0.2.0/24", Recognition::default());
        assert!(matches!(check(&nobody), Err(BadReach::NoRule { .. })));
        let anywhere = Recognition {
            marks: vec!["source".into()],
            ..Recognition::default()
        };
        let anywhere = secured("ap", "0.0.0.0/0", anywhere);
        assert_eq!(check(&anywhere), Err(BadReach::SourceAnywhere));
    }

    #[test]
    fn a_key_alone_is_enough_and_leaves_certificates_out() {
        let key = PreSharedKey::new("ap", vec![7; 16]).unwrap();
        let keyed = secured(
            "ap",
            "192.0.2.1/32",
            Recognition {
                psk: Some(key),
                ..Recognition::default()
            },
        );
        assert!(marks(&keyed).is_empty());
        assert_eq!(check(&keyed), Ok(()));
    }

    #[test]
    fn a_key_is_nobodys_secret() {
        let psk = Some(PreSharedKey::new("ap", *b"0123456789abcdef").unwrap());
        let keyed = secured(
            "ap",
            "::/0",
            Recognition {
                psk,
                ..Recognition::default()
            },
        );
        let secret = SharedSecret::new("0123456789abcdef").unwrap();
        let other = Nas::new("lan", "10.0.0.0/8".parse().unwrap(), secret);
        let all = [keyed.clone(), other.clone()];
        assert!(matches!(
            keys_differ(&keyed, &all),
            Err(BadReach::PskIsSecret { .. })
        ));
        assert!(matches!(
            keys_differ(&other, &all),
            Err(BadReach::SecretIsPsk { .. })
        ));
        assert_eq!(keys_differ(&keyed, &all[..1]), Ok(()));
    }

    #[test]
    fn keys_are_written_as_digits() {
        assert_eq!(digits(&[0, 0xab]).as_str(), "00ab");
        assert_eq!(*read_digits("00aB").unwrap(), [0, 0xab]);
        assert_eq!(read_digits("00a").unwrap_err(), BadReach::PskDigits);
        assert_eq!(read_digits("0x").unwrap_err(), BadReach::PskDigits);
    }
}
