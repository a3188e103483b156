//! What a certificate, a request and a revocation list say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{Decode as _, TagNumber, asn1::ContextSpecific};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, GeneralSubtree, ParsedExtension},
    pem::Pem,
    prelude::{CertificateRevocationList, FromDer as _, X509Certificate},
    public_key::PublicKey,
    x509::{AttributeTypeAndValue, SubjectPublicKeyInfo},
};

use super::{
    extensions::{TrustOverride, UPN},
    names::{Constraints, Names, Permit},
    record::{Purpose, Reason, Revocation},
};

/// What a certificate says. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Details {
    /// Hexadecimal, in lower case, without leading zero octets.
    pub(crate) serial: String,
    pub(crate) subject: String,
    pub(crate) common_name: String,
    /// The organizational unit: for a user's certificate the device it is on.
    pub(crate) device: Option<String>,
    pub(crate) issuer: String,
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    pub(crate) names: Names,
    /// The kind of key: `EC P-256`.
    pub(crate) key: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub(crate) fingerprint: String,
    /// What it is good for, as far as it says so.
    pub(crate) purpose: Option<Purpose>,
    /// Whether it forbids people to trust another certificate in its place.
    pub(crate) trust_override: TrustOverride,
    pub(super) key_id: Option<Vec<u8>>,
    pub(super) issuer_key_id: Option<Vec<u8>>,
    pub(super) may_sign: bool,
    pub(super) is_self_issued: bool,
    pub(super) public_key: Vec<u8>,
    pub(super) constraints: Constraints,
}

impl Details {
    /// Reads a certificate in DER; the error says what is wrong with it.
    pub(crate) fn of(der: &[u8]) -> Result<Self, String> {
        let (rest, certificate) = X509Certificate::from_der(der)
            .map_err(|error| format!("is no certificate: {error}"))?;
        if !rest.is_empty() {
            return Err("has octets behind the certificate".to_owned());
        }
        let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
        let validity = certificate.validity();
        let mut details = Self {
            serial: hex(strip(certificate.raw_serial())),
            subject: certificate.subject().to_string(),
            common_name: first(certificate.subject().iter_common_name()),
            device: Some(first(certificate.subject().iter_organizational_unit()))
                .filter(|unit| !unit.is_empty()),
            issuer: certificate.issuer().to_string(),
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
            names: Names::default(),
            key: key_words(certificate.public_key()),
            fingerprint: fingerprint(der),
            purpose: None,
            trust_override: TrustOverride::Off,
            key_id: None,
            issuer_key_id: None,
            may_sign: certificate.is_ca(),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            public_key: certificate.public_key().raw.to_vec(),
            constraints: Constraints::default(),
        };
        for extension in certificate.extensions() {
            details.take(extension.parsed_extension());
        }
        if details.may_sign {
            details.purpose = Some(Purpose::Ca);
        } else if details.purpose == Some(Purpose::Client) && !details.names.upns.is_empty() {
            // Ours speaks for hosts.
            details.purpose = Some(Purpose::User);
        }
        Ok(details)
    }

    fn take(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                self.names = names_of(&names.general_names);
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.purpose = match (usage.server_auth, usage.client_auth) {
                    (true, true) => Some(Purpose::Peer),
                    (true, false) => Some(Purpose::Server),
                    (false, true) => Some(Purpose::Client),
                    (false, false) if usage.ocsp_signing => Some(Purpose::Ocsp),
                    (false, false) => None,
                };
            }
            ParsedExtension::CertificatePolicies(policies) => {
                let mut known = policies
                    .iter()
                    .filter_map(|policy| TrustOverride::of(&policy.policy_id.to_id_string()));
                self.trust_override = known.next().unwrap_or_default();
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            ParsedExtension::KeyUsage(usage) => {
                self.may_sign &= usage.key_cert_sign() && usage.crl_sign();
            }
            ParsedExtension::NameConstraints(constraints) => {
                let read = |trees: Option<&Vec<GeneralSubtree<'_>>>| -> Vec<Permit> {
                    trees.into_iter().flatten().filter_map(permit).collect()
                };
                self.constraints = Constraints {
                    permitted: read(constraints.permitted_subtrees.as_ref()),
                    excluded: read(constraints.excluded_subtrees.as_ref()),
                };
            }
            _ => {}
        }
    }

    /// What it may sign, in words; empty where it may sign anything or nothing.
    pub(crate) fn limits(&self) -> Vec<String> {
        self.constraints.words()
    }

    /// The serial of a certificate in DER, as it is written there.
    pub(crate) fn serial_of(der: &[u8]) -> Option<Vec<u8>> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificate.raw_serial().to_vec())
    }

    /// Whether the key of another certificate signed this one, and that one may.
    pub(crate) fn is_signed_by(der: &[u8], issuer: &[u8]) -> bool {
        let (Ok((_, certificate)), Ok((_, issuer))) = (
            X509Certificate::from_der(der),
            X509Certificate::from_der(issuer),
        ) else {
            return false;
        };
        issuer.is_ca()
            && certificate.issuer().as_raw() == issuer.subject().as_raw()
            && certificate
                .verify_signature(Some(issuer.public_key()))
                .is_ok()
    }
}

fn permit(tree: &GeneralSubtree<'_>) -> Option<Permit> {
    match &tree.base {
        GeneralName::DNSName(name) => Some(Permit::Dns((*name).to_owned())),
        GeneralName::IPAddress(octets) => {
            let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
            let prefix = IpNet::with_netmask(address_of(address)?, address_of(mask)?).ok()?;
            Some(Permit::Address(prefix.trunc()))
        }
        _ => None,
    }
}

fn names_of(names: &[GeneralName<'_>]) -> Names {
    let mut read = Names::default();
    for name in names {
        match name {
            GeneralName::DNSName(name) => {
                read.dns.insert(name.to_ascii_lowercase());
            }
            GeneralName::IPAddress(octets) => read.addresses.extend(address_of(octets)),
            GeneralName::RFC822Name(name) => {
                read.emails.insert((*name).to_owned());
            }
            GeneralName::OtherName(kind, value) if kind.to_id_string() == UPN => {
                read.upns.extend(upn(value));
            }
            _ => {}
        }
    }
    read
}

/// The value of an `otherName`: `[0] EXPLICIT UTF8String`.
fn upn(value: &[u8]) -> Option<String> {
    let value = ContextSpecific::<String>::from_der(value).ok()?;
    (value.tag_number == TagNumber(0)).then_some(value.value)
}

fn address_of(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

fn first<'a>(mut attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> String {
    let text = attributes.next().and_then(|name| name.as_str().ok());
    text.unwrap_or_default().to_owned()
}

fn key_words(key: &SubjectPublicKeyInfo<'_>) -> String {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            size @ (256 | 384) => format!("EC P-{size}"),
            // 521 bits are kept in 66 octets.
            528 => "EC P-521".to_owned(),
            size => format!("EC {size}"),
        },
        _ => key.algorithm.algorithm.to_id_string(),
    }
}

pub(super) fn strip(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    &octets[zeros.min(octets.len().saturating_sub(1))..]
}

pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a `String` cannot fail.
        write!(text, "{octet:02x}").ok();
        text
    })
}

/// The octets that a hexadecimal text stands for.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

pub(super) fn fingerprint(der: &[u8]) -> String {
    hex(&Sha256::digest(der))
}

/// DER in the armour of PEM (RFC 7468).
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut armoured = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        armoured.extend(line.iter().copied().map(char::from));
        armoured.push('\n');
    }
    armoured.push_str("-----END ");
    armoured.push_str(label);
    armoured.push_str("-----\n");
    armoured
}

/// The DER of every block of a PEM text whose label fits.
pub(crate) fn blocks(text: &str, fits: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    Pem::iter_from_buffer(text.as_bytes())
        .filter_map(Result::ok)
        .filter(|block| fits(&block.label))
        .map(|block| block.contents)
        .collect()
}

pub(crate) fn certificates(text: &str) -> Vec<Vec<u8>> {
    blocks(text, |label| label == "CERTIFICATE")
}

/// A request for a certificate whose key has signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// In DER.
    pub(super) public_key: Vec<u8>,
    /// The names it asks for. They are shown and not taken: what a certificate says is for whoever
    /// runs the authority to say.
    pub(crate) names: Names,
}

impl Request {
    /// Reads PEM or DER; the error says what is wrong with it.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, String> {
        let armoured = str::from_utf8(octets)
            .map(|text| blocks(text, |label| label.ends_with("CERTIFICATE REQUEST")));
        let der = armoured.ok().and_then(|mut found| found.pop());
        let der = der.as_deref().unwrap_or(octets);
        let (_, request) = X509CertificationRequest::from_der(der)
            .map_err(|_| "this is no certificate request (PKCS #10)".to_owned())?;
        request.verify_signature().map_err(|_| {
            "the signature of the request is not by its key; make the request anew".to_owned()
        })?;
        let key = &request.certification_request_info.subject_pki;
        let strong = match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => rsa.key_size() >= 2_048,
            Ok(PublicKey::EC(point)) => point.key_size() >= 256,
            _ => true,
        };
        if !strong {
            return Err(format!(
                "its key is weak ({}); RSA takes 2048 bits or more, EC P-256 or more",
                key_words(key)
            ));
        }
        let mut names = Names::default();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(asked) = extension {
                names = names.with(&names_of(&asked.general_names));
            }
        }
        Ok(Self {
            public_key: key.raw.to_vec(),
            names,
        })
    }
}

/// What a revocation list says. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Revoked {
    pub(crate) this_update: u64,
    pub(crate) next_update: u64,
    pub(crate) number: u64,
    /// Serials in hexadecimal.
    pub(crate) entries: Vec<(String, Revocation)>,
}

impl Revoked {
    /// Reads a list in PEM, which has to be signed by the key in `issuer`, a certificate in DER.
    pub(super) fn read(text: &str, issuer: &[u8]) -> Result<Self, String> {
        let der = blocks(text, |label| label == "X509 CRL")
            .pop()
            .ok_or("holds no revocation list")?;
        let (_, list) = CertificateRevocationList::from_der(&der)
            .map_err(|error| format!("is no revocation list: {error}"))?;
        let (_, issuer) = X509Certificate::from_der(issuer)
            .map_err(|error| format!("the certificate of the CA: {error}"))?;
        list.verify_signature(issuer.public_key())
            .map_err(|_| "is not signed by this CA")?;
        let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
        let entries = list.iter_revoked_certificates().map(|entry| {
            let revocation = Revocation {
                at: seconds(entry.revocation_date.timestamp()),
                reason: reason(entry.reason_code().map_or(0, |(_, code)| code.0)),
            };
            (hex(strip(entry.raw_serial())), revocation)
        });
        Ok(Self {
            this_update: seconds(list.last_update().timestamp()),
            next_update: list.next_update().map_or(0, |at| seconds(at.timestamp())),
            number: list
                .crl_number()
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(0),
            entries: entries.collect(),
        })
    }
}

/// The numbers of RFC 5280, 5.3.1; those of authorities above us are none of ours.
pub(super) fn reason(code: u8) -> Reason {
    match code {
        1 => Reason::KeyCompromise,
        3 => Reason::AffiliationChanged,
        4 => Reason::Superseded,
        5 => Reason::CessationOfOperation,
        9 => Reason::PrivilegeWithdrawn,
        _ => Reason::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_in_hexadecimal_are_read_back() {
        assert_eq!(hex(&[0, 0xab, 0x10]), "00ab10");
        assert_eq!(unhex("00ab10"), Some(vec![0, 0xab, 0x10]));
        for text in ["", "a", "zz", "é0"] {
            assert_eq!(unhex(text), None, "{text}");
        }
        assert_eq!(strip(&[0, 0, 7, 0]), [7, 0]);
        assert_eq!(strip(&[0]), [0]);
    }

    #[test]
    fn armour_is_put_on_and_taken_off() {
        let der: Vec<u8> = (0..200).collect();
        let text = format!(
            "a note\n{}{}",
            pem("CERTIFICATE", &der),
            pem("X509 CRL", &[1, 2])
        );
        assert_eq!(certificates(&text), [der]);
        assert_eq!(blocks(&text, |label| label == "X509 CRL"), [[1, 2]]);
        assert!(text.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(Details::of(b"").is_err());
        assert!(Details::of(&[0x30, 3, 2, 1, 1]).is_err());
        assert!(Request::read(b"nonsense").is_err());
        assert!(Revoked::read("", &[]).is_err());
    }
}
