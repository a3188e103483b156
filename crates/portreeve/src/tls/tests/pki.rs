//! A certificate authority for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, OtherNameValue, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use super::super::Identity;

pub(super) const CLIENT: &[ExtendedKeyUsagePurpose] = &[ExtendedKeyUsagePurpose::ClientAuth];
pub(super) const SERVER: &[ExtendedKeyUsagePurpose] = &[ExtendedKeyUsagePurpose::ServerAuth];

/// A CA, and the certificates between it and its root.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    own: String,
    between: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        Self {
            own: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
            between: String::new(),
        }
    }

    pub(super) fn subordinate(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let own = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            between: format!("{own}{}", self.between),
            own,
        }
    }

    /// Its certificate.
    pub(super) fn pem(&self) -> &str {
        &self.own
    }

    pub(super) fn issue(
        &self,
        name: &str,
        names: &[&str],
        usage: &[ExtendedKeyUsagePurpose],
    ) -> Identity {
        self.issue_with(name, names, usage, |_| {})
    }

    /// A certificate that is valid in 2030 only.
    pub(super) fn issue_for_2030(
        &self,
        names: &[&str],
        usage: &[ExtendedKeyUsagePurpose],
    ) -> Identity {
        self.issue_with("of 2030", names, usage, |params| {
            params.not_before = date_time_ymd(2030, 1, 1);
            params.not_after = date_time_ymd(2030, 12, 31);
        })
    }

    pub(super) fn issue_with(
        &self,
        name: &str,
        names: &[&str],
        usage: &[ExtendedKeyUsagePurpose],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let (chain, key) = self.issue_pem(name, names, usage, change);
        Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    pub(super) fn issue_pem(
        &self,
        name: &str,
        names: &[&str],
        usage: &[ExtendedKeyUsagePurpose],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        static SERIAL: AtomicU64 = AtomicU64::new(1000);
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.serial_number = Some(SERIAL.fetch_add(1, Ordering::Relaxed).into());
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.extended_key_usages = usage.to_vec();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().pem();
        (format!("{leaf}{}", self.between), key.serialize_pem())
    }

    /// A revocation list that is good until the end of a year.
    pub(super) fn crl(&self, revoked: &[&Identity], until: i32) -> String {
        let revoked = revoked.iter().map(|identity| {
            let serial = identity.certificate().serial();
            RevokedCertParams {
                serial_number: u64::from_str_radix(serial, 16).unwrap().into(),
                revocation_time: date_time_ymd(2001, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate policy extension with one policy, `2.5.29.32.<last>`.
pub(super) fn policy(last: u8) -> CustomExtension {
    let der = vec![0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, last];
    CustomExtension::from_oid_content(&[2, 5, 29, 32], der)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn san(text: &str) -> SanType {
    let (kind, value) = text.split_once(':').unwrap();
    match kind {
        "dns" => SanType::DnsName(value.try_into().unwrap()),
        "ip" => SanType::IpAddress(value.parse().unwrap()),
        "realm" => {
            let value = OtherNameValue::Utf8String(value.to_owned());
            SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 8], value))
        }
        other => panic!("no such name: {other}"),
    }
}
