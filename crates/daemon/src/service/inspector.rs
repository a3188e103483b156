//! Whose certificate it is, and whether it still counts.

use std::sync::Arc;

use portreeve_aaa::{
    grant::CertificateMark,
    refusal::{CertificateProblem, Refusal},
};
use sha2::{Digest as _, Sha256};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use crate::config::eap::UserField;

/// Microsoft's user principal name, an otherName.
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";

/// Finds out whether certificates have been revoked.
pub(crate) trait Revocations: Send + Sync {
    /// Whether the first certificate of a chain, in DER, has been revoked.
    fn look(
        &self,
        chain: Vec<Vec<u8>>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), CertificateProblem>> + Send + '_>>;
}

/// Looks into certificates whose chain has been verified.
#[derive(Clone)]
pub(crate) struct Inspector {
    fields: Arc<[UserField]>,
    revocations: Arc<dyn Revocations>,
}

/// Whose certificate it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The names that count, the first choice first.
    pub(crate) names: Vec<String>,
    /// The certificate in a few words, for the record.
    pub(crate) described: String,
    /// What stands for it in the Class of a session.
    pub(crate) mark: CertificateMark,
}

/// What stands for the certificate with a serial, big-endian.
pub(crate) fn mark_of(serial: &[u8]) -> CertificateMark {
    let zeros = serial.iter().take_while(|octet| **octet == 0).count();
    let digest: [u8; 32] = Sha256::digest(&serial[zeros..]).into();
    std::array::from_fn(|at| digest[at])
}

impl Inspector {
    pub(crate) fn new(fields: &[UserField], revocations: Arc<dyn Revocations>) -> Self {
        Self {
            fields: fields.into(),
            revocations,
        }
    }

    /// Whose certificate the first of a chain is, unless it has been revoked.
    pub(crate) async fn inspect(&self, chain: &[Vec<u8>]) -> Result<Owner, Refusal> {
        let leaf = chain.first().ok_or(CertificateProblem::Nameless)?;
        let owner = owner(leaf, &self.fields).ok_or(CertificateProblem::Nameless)?;
        self.revocations.look(chain.to_vec()).await?;
        Ok(owner)
    }
}

fn owner(der: &[u8], fields: &[UserField]) -> Option<Owner> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut names: Vec<String> = Vec::new();
    for field in fields {
        for name in field_of(*field, &certificate, der) {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let subject = certificate.subject().to_string();
    let issuer = certificate.issuer().to_string();
    let mark = mark_of(certificate.tbs_certificate.raw_serial());
    let serial = hex(certificate.tbs_certificate.raw_serial());
    let described = format!("{subject}, serial {serial}, issued by {issuer}");
    Some(Owner {
        names,
        described,
        mark,
    })
}

fn field_of(field: UserField, certificate: &X509Certificate<'_>, der: &[u8]) -> Vec<String> {
    let names = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|extension| &extension.value.general_names);
    let among = |pick: &dyn Fn(&GeneralName<'_>) -> Option<String>| {
        names
            .into_iter()
            .flatten()
            .filter_map(pick)
            .collect::<Vec<_>>()
    };
    match field {
        UserField::Email => among(&|name| match name {
            GeneralName::RFC822Name(name) => Some((*name).to_owned()),
            _ => None,
        }),
        UserField::Dns => among(&|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        }),
        UserField::Upn => among(&|name| match name {
            GeneralName::OtherName(oid, value) if oid.to_id_string() == UPN => principal(value),
            _ => None,
        }),
        UserField::Cn => certificate
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok().map(str::to_owned))
            .collect(),
        UserField::Serial => vec![hex(certificate.tbs_certificate.raw_serial())],
        UserField::Sha256 => vec![hex(&Sha256::digest(der))],
    }
}

/// The text inside `[0] EXPLICIT UTF8String`, or the `UTF8String` itself.
fn principal(value: &[u8]) -> Option<String> {
    const EXPLICIT: u8 = 0xa0;
    const UTF8: u8 = 0x0c;
    let inner = match value.split_first()? {
        (&EXPLICIT, rest) => short(rest)?,
        _ => value,
    };
    let (&UTF8, rest) = inner.split_first()? else {
        return None;
    };
    String::from_utf8(short(rest)?.to_vec()).ok()
}

/// What follows a length of one octet; no name is longer.
fn short(octets: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = octets.split_first()?;
    (length < 0x80).then_some(())?;
    rest.get(..usize::from(length))
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, OtherNameValue, SanType, string::Ia5String};

    use super::*;

    fn made() -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Tim");
        params.subject_alt_names = vec![
            SanType::DnsName(Ia5String::try_from("pc7.example.org").unwrap()),
            SanType::Rfc822Name(Ia5String::try_from("tim@example.org").unwrap()),
            SanType::OtherName((
                vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3],
                OtherNameValue::Utf8String("tim@corp.example".to_owned()),
            )),
        ];
        params.serial_number = Some(vec![0x0a, 0xbc].into());
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn names_come_in_the_order_that_is_asked_for() {
        let der = made();
        let fields = [
            UserField::Upn,
            UserField::Email,
            UserField::Dns,
            UserField::Cn,
        ];
        let owner = owner(&der, &fields).unwrap();
        let names = [
            "tim@corp.example",
            "tim@example.org",
            "pc7.example.org",
            "Tim",
        ];
        assert_eq!(owner.names, names);
        assert!(owner.described.contains("serial 0abc"), "{owner:?}");
        let owner = super::owner(&der, &[UserField::Serial, UserField::Sha256]).unwrap();
        assert_eq!(owner.names[0], "0abc");
        assert_eq!(owner.names[1].len(), 64);
        assert!(super::owner(&der[..50], &fields).is_none());
    }
}
