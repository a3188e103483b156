//! Making certificates out of templates.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType,
};

use crate::Record;

const DAY: u64 = 24 * 60 * 60;

/// The chain and the key of a template, signed by a CA of the router's, or by itself.
///
/// # Errors
///
/// What is wrong with the template.
pub(super) fn signed(
    template: &Record,
    ca: Option<&Record>,
    now: Timestamp,
) -> Result<(String, String), String> {
    let wrong = |error: rcgen::Error| error.to_string();
    let params = params(template, ca.is_none(), now)?;
    let key = pair(template.text("key-size")).map_err(wrong)?;
    let (own, above) = match ca {
        None => (
            params.self_signed(&key).map_err(wrong)?.pem(),
            String::new(),
        ),
        Some(ca) => {
            let key_of_ca = KeyPair::from_pem(ca.text(".key")).map_err(wrong)?;
            let issuer = Issuer::from_ca_cert_pem(ca.text(".chain"), key_of_ca).map_err(wrong)?;
            let own = params.signed_by(&key, &issuer).map_err(wrong)?;
            (own.pem(), ca.text(".chain").to_owned())
        }
    };
    Ok((format!("{own}{above}"), key.serialize_pem()))
}

fn pair(size: &str) -> Result<KeyPair, rcgen::Error> {
    let size = match size {
        "prime256v1" => return KeyPair::generate(),
        "secp384r1" => return KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        "4096" | "8192" => RsaKeySize::_4096,
        "3072" => RsaKeySize::_3072,
        _ => RsaKeySize::_2048,
    };
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size)
}

fn params(template: &Record, alone: bool, now: Timestamp) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::default();
    let common = template.text("common-name");
    if common.is_empty() {
        return Err("common-name must be set".into());
    }
    let mut name = rcgen::DistinguishedName::new();
    let parts = [
        (DnType::CountryName, "country"),
        (DnType::StateOrProvinceName, "state"),
        (DnType::LocalityName, "locality"),
        (DnType::OrganizationName, "organization"),
        (DnType::OrganizationalUnitName, "unit"),
        (DnType::CommonName, "common-name"),
    ];
    for (kind, property) in parts {
        let value = template.text(property);
        if !value.is_empty() {
            name.push(kind, value);
        }
    }
    params.distinguished_name = name;
    params.subject_alt_names = alternatives(&template.list("subject-alt-name"))?;
    let start = u64::try_from(now.as_second()).unwrap_or(0);
    let days = template
        .number("days-valid")
        .unwrap_or(365)
        .clamp(1, 36_500);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(start);
    params.not_after = epoch + Duration::from_secs(start + days * DAY);
    let usages = template.list("key-usage");
    let signs = usages.contains(&"key-cert-sign");
    params.is_ca = if signs && alone {
        IsCa::Ca(BasicConstraints::Unconstrained)
    } else if signs {
        IsCa::Ca(BasicConstraints::Constrained(0))
    } else {
        IsCa::NoCa
    };
    params.use_authority_key_identifier_extension = !alone;
    for usage in usages {
        match usage {
            "digital-signature" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
            "content-commitment" => params.key_usages.push(KeyUsagePurpose::ContentCommitment),
            "key-encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
            "data-encipherment" => params.key_usages.push(KeyUsagePurpose::DataEncipherment),
            "key-agreement" => params.key_usages.push(KeyUsagePurpose::KeyAgreement),
            "key-cert-sign" => params.key_usages.push(KeyUsagePurpose::KeyCertSign),
            "crl-sign" => params.key_usages.push(KeyUsagePurpose::CrlSign),
            "tls-server" => extended(&mut params, ExtendedKeyUsagePurpose::ServerAuth),
            "tls-client" => extended(&mut params, ExtendedKeyUsagePurpose::ClientAuth),
            _ => {}
        }
    }
    Ok(params)
}

fn extended(params: &mut CertificateParams, purpose: ExtendedKeyUsagePurpose) {
    params.extended_key_usages.push(purpose);
}

fn alternatives(words: &[&str]) -> Result<Vec<SanType>, String> {
    let mut names = Vec::new();
    for word in words {
        let wrong = |_| format!("invalid subject-alt-name {word}");
        let (kind, value) = word.split_once(':').unwrap_or(("", word));
        names.push(match kind {
            "IP" => {
                let address: Result<IpAddr, _> = value.parse();
                SanType::IpAddress(address.map_err(|_| format!("invalid address {value}"))?)
            }
            "DNS" => SanType::DnsName(value.try_into().map_err(wrong)?),
            "email" => SanType::Rfc822Name(value.try_into().map_err(wrong)?),
            _ => return Err(format!("invalid subject-alt-name {word}")),
        });
    }
    Ok(names)
}
