//! Certificate authorities and certificates to try things with.

use std::sync::OnceLock;

use portreeve_auth::eap::tls::{ClientTrust, PeerIdentity, Settings, SettingsBuilder, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PKCS_RSA_SHA384, RevocationReason, RevokedCertParams,
    RsaKeySize, SerialNumber, date_time_ymd,
};

/// 2026-11-21, noon.
pub(crate) const NOW: u64 = 1_795_262_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa2048,
    Rsa3072,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::P256, Kind::P384, Kind::Rsa2048, Kind::Rsa3072];

impl Kind {
    /// A key; one of each kind of RSA is made and used for all.
    fn key(self) -> KeyPair {
        static RSA: [OnceLock<Vec<u8>>; 2] = [const { OnceLock::new() }; 2];
        let rsa = |slot: &OnceLock<Vec<u8>>, algorithm, size| {
            let make = || {
                KeyPair::generate_rsa_for(algorithm, size)
                    .unwrap()
                    .serialize_der()
            };
            let der = slot.get_or_init(make).clone();
            KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), algorithm).unwrap()
        };
        match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
            Self::Rsa2048 => rsa(&RSA[0], &PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => rsa(&RSA[1], &PKCS_RSA_SHA384, RsaKeySize::_3072),
        }
    }
}

pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    kind: Kind,
    above: Vec<Vec<u8>>,
}

/// What a certificate is to say.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) purposes: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) from: (i32, u8, u8),
    pub(crate) until: (i32, u8, u8),
    pub(crate) serial: u64,
}

#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: Vec<u8>,
    pub(crate) serial: u64,
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}

impl Ca {
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        let issuer = CertifiedIssuer::self_signed(ca_params(name), kind.key()).unwrap();
        Self {
            issuer,
            kind,
            above: Vec::new(),
        }
    }

    /// A CA below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        let issuer = CertifiedIssuer::signed_by(ca_params(name), self.kind.key(), &self.issuer);
        let issuer = issuer.unwrap();
        let mut above = vec![issuer.der().to_vec()];
        above.extend(self.above.iter().cloned());
        Self {
            issuer,
            kind: self.kind,
            above,
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// Its own certificate, as if it were somebody's.
    pub(crate) fn itself(&self) -> Leaf {
        Leaf {
            chain: vec![self.der()],
            key: self.issuer.key().serialize_der(),
            serial: 0,
        }
    }

    pub(crate) fn issue(&self, wish: &Wish) -> Leaf {
        self.issue_with(wish, self.kind)
    }

    pub(crate) fn issue_with(&self, wish: &Wish, kind: Kind) -> Leaf {
        let mut params = CertificateParams::new(vec![wish.name.clone()]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, wish.name.as_str());
        params.extended_key_usages.clone_from(&wish.purposes);
        params.serial_number = Some(SerialNumber::from(wish.serial));
        let day = |(year, month, day)| date_time_ymd(year, month, day);
        params.not_before = day(wish.from);
        params.not_after = day(wish.until);
        let key = kind.key();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().to_vec()];
        chain.extend(self.above.iter().cloned());
        Leaf {
            chain,
            key: key.serialize_der(),
            serial: wish.serial,
        }
    }

    /// A list that revokes these serial numbers on 2026-11-20 and runs out on `until`.
    pub(crate) fn crl(&self, serials: &[u64], until: (i32, u8, u8)) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 11, 20),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 1),
            next_update: date_time_ymd(until.0, until.1, until.2),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

pub(crate) fn client(name: &str) -> Wish {
    Wish {
        name: name.to_owned(),
        purposes: vec![ExtendedKeyUsagePurpose::ClientAuth],
        from: (2026, 11, 1),
        until: (2027, 11, 1),
        serial: 0x1234,
    }
}

pub(crate) fn server() -> Wish {
    Wish {
        purposes: vec![ExtendedKeyUsagePurpose::ServerAuth],
        ..client("radius.test")
    }
}

impl Leaf {
    pub(crate) fn settings(&self) -> SettingsBuilder {
        Settings::builder(&self.chain, &self.key).unwrap()
    }

    pub(crate) fn identity(&self) -> PeerIdentity {
        PeerIdentity::new(&self.chain, &self.key).unwrap()
    }
}

/// A CA, a server of it, and tim's certificate.
pub(crate) struct Pki {
    pub(crate) ca: Ca,
    pub(crate) server: Leaf,
    pub(crate) tim: Leaf,
}

impl Pki {
    pub(crate) fn new(kind: Kind) -> Self {
        let ca = Ca::new("Test CA", kind);
        let server = ca.issue(&server());
        let tim = ca.issue(&client("tim"));
        Self { ca, server, tim }
    }

    pub(crate) fn client_trust(&self) -> ClientTrust {
        ClientTrust::new(vec![self.ca.der()])
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::roots(&[self.ca.der()], &["radius.test"]).unwrap()
    }
}
