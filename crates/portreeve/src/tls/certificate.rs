use std::{
    fmt,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use sha2::{Digest as _, Sha256};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    time::ASN1Time,
    x509::X509Name,
};

/// The most names that are read from one certificate.
const MOST_NAMES: usize = 256;
/// `id-ce-certificatePolicies` of RFC 5280 section 4.2.1.4.
const CERTIFICATE_POLICIES: &str = "2.5.29.32";
/// `id-on-naiRealm` of RFC 7585 section 2.2.
const NAI_REALM: &str = "1.3.6.1.5.5.7.8.8";

/// What a certificate says: whose it is, who vouches for it, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    subject: String,
    issuer: String,
    serial: String,
    names: Vec<Name>,
    policies: Vec<String>,
    sha256: [u8; 32],
    not_before: SystemTime,
    not_after: SystemTime,
}

/// One entry of a subjectAltName extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Dns(String),
    Ip(IpAddr),
    Realm(String),
    Uri(String),
    Email(String),
}

impl Certificate {
    /// Reads a certificate; the error says what is wrong with it.
    pub fn from_der(der: &[u8]) -> Result<Self, &'static str> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| "it is not a valid X.509 certificate")?;
        if !rest.is_empty() {
            return Err("octets follow its end");
        }
        let validity = parsed.validity();
        Ok(Self {
            subject: distinguished_name(parsed.subject()),
            issuer: distinguished_name(parsed.issuer()),
            serial: serial(parsed.raw_serial()),
            names: names(&parsed)?,
            policies: policies(&parsed)?,
            sha256: Sha256::digest(der).into(),
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
        })
    }

    /// The subject, its parts in the order of the certificate: `O=Example, CN=nas1`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer, written like the subject.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number in upper-case hexadecimal digits, without leading zeros.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The names of its subjectAltName extension: `dns:nas1.example`, `ip:192.0.2.1`,
    /// `realm:example.org`, `uri:..`, `email:..`.
    pub fn names(&self) -> Vec<String> {
        self.names.iter().map(Name::to_string).collect()
    }

    /// The object identifiers of its certificate policies, such as `1.3.6.1.4.1.40808.1.3.1`.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// The SHA-256 hash of the whole certificate.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The first moment it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// The last moment it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub(super) fn alternatives(&self) -> &[Name] {
        &self.names
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

/// One line for a log. What it quotes was written by whoever made the certificate: escape it.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject {:?}, issuer {:?}", self.subject, self.issuer)?;
        write!(f, ", serial {}", self.serial)?;
        if self.names.is_empty() {
            return f.write_str(", no subjectAltName");
        }
        for name in self.names.iter().take(8) {
            write!(f, ", {name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Ip(address) => write!(f, "ip:{address}"),
            Self::Realm(realm) => write!(f, "realm:{realm}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Email(address) => write!(f, "email:{address}"),
        }
    }
}

/// A serial number or other octets as hexadecimal digits, without leading zeros.
fn serial(octets: &[u8]) -> String {
    let digits = hexadecimal(octets);
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() { "0" } else { trimmed }.to_owned()
}

/// Octets as upper-case hexadecimal digits.
pub(super) fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let halves = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    halves.map(|half| DIGITS[usize::from(half)]).collect()
}

fn moment(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moved = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A name such as `O=Example, CN=nas1`. Everything that could be mistaken for structure is
/// escaped, so that two different names never look alike: marks compare this text.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut parts = Vec::new();
    for relative in name.iter() {
        let mut values = Vec::new();
        for attribute in relative.iter() {
            let oid = attribute.attr_type().to_id_string();
            let value = attribute.as_str().map_or_else(
                |_| format!("#{}", hexadecimal(attribute.as_slice())),
                escaped,
            );
            values.push(format!("{}={value}", short_name(&oid)));
        }
        parts.push(values.join("+"));
    }
    parts.join(", ")
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    for (index, letter) in value.char_indices() {
        let special = matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || (index == 0 && matches!(letter, '#' | ' '));
        if special {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

fn short_name(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        other => other,
    }
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<Name>, &'static str> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| "its subjectAltName is malformed or there twice")?;
    let Some(extension) = extension else {
        return Ok(Vec::new());
    };
    let names = &extension.value.general_names;
    if names.len() > MOST_NAMES {
        return Err("it has more than 256 names");
    }
    Ok(names.iter().filter_map(name).collect())
}

fn name(general: &GeneralName<'_>) -> Option<Name> {
    match general {
        GeneralName::DNSName(name) => Some(Name::Dns(name.to_ascii_lowercase())),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*octets).map(IpAddr::from);
            v4.or(v6).ok().map(Name::Ip)
        }
        GeneralName::OtherName(oid, value) if oid.to_id_string() == NAI_REALM => {
            nai_realm(value).map(Name::Realm)
        }
        GeneralName::URI(uri) => Some(Name::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(address) => Some(Name::Email((*address).to_owned())),
        _ => None,
    }
}

/// The realm within `[0] EXPLICIT UTF8String`, in lower case.
fn nai_realm(value: &[u8]) -> Option<String> {
    const EXPLICIT: u8 = 0xa0;
    const UTF8_STRING: u8 = 0x0c;
    let realm = tagged(UTF8_STRING, tagged(EXPLICIT, value)?)?;
    std::str::from_utf8(realm).ok().map(str::to_lowercase)
}

/// The contents of a DER value that fills `der`; lengths up to 255, as realms have.
fn tagged(tag: u8, der: &[u8]) -> Option<&[u8]> {
    let (length, contents) = match der {
        [found, 0x81, length, contents @ ..] if *found == tag => (*length, contents),
        [found, length, contents @ ..] if *found == tag && *length < 0x80 => (*length, contents),
        _ => return None,
    };
    (contents.len() == usize::from(length)).then_some(contents)
}

fn policies(certificate: &X509Certificate<'_>) -> Result<Vec<String>, &'static str> {
    let mut found = Vec::new();
    for extension in certificate.extensions() {
        if extension.oid.to_id_string() != CERTIFICATE_POLICIES {
            continue;
        }
        let ParsedExtension::CertificatePolicies(policies) = extension.parsed_extension() else {
            return Err("its certificate policies are malformed");
        };
        found.extend(
            policies
                .iter()
                .map(|policy| policy.policy_id.to_id_string()),
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_read_from_their_der() {
        let wrap = |realm: &[u8]| {
            let inner = [&[0x0c, u8::try_from(realm.len()).unwrap()], realm].concat();
            [&[0xa0, u8::try_from(inner.len()).unwrap()], &inner[..]].concat()
        };
        assert_eq!(
            nai_realm(&wrap(b"Example.ORG")).as_deref(),
            Some("example.org")
        );
        assert_eq!(nai_realm(&wrap(b"\xff")), None);
        let long = [&[0xa0, 0x81, 0x83, 0x0c, 0x81, 0x80][..], &[b'a'; 128]].concat();
        assert_eq!(nai_realm(&long), Some("a".repeat(128)));
        for bad in [
            &b""[..],
            &[0xa0],
            &[0xa0, 2, 0x0c],
            &[0xa0, 2, 0x0c, 1],
            &[0xa0, 0x80],
        ] {
            assert_eq!(nai_realm(bad), None, "{bad:02x?}");
        }
    }

    #[test]
    fn what_looks_like_structure_in_a_name_is_escaped() {
        assert_eq!(escaped("a, O=b"), r"a\, O\=b");
        assert_eq!(escaped("#x"), r"\#x");
        assert_eq!(escaped(r"a\"), r"a\\");
    }

    #[test]
    fn serials_have_no_leading_zeros() {
        assert_eq!(serial(&[0, 0x0a, 0x1b]), "A1B");
        assert_eq!(serial(&[0]), "0");
    }
}
