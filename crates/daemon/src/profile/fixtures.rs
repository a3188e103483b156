//! A CA and networks for tests; the CA is made once for a run.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use zeroize::Zeroizing;

use super::network::{ClientIdentity, Draft, Link, Login, Method, Network, Secret, Security};

struct World {
    root: Vec<u8>,
    intermediate: Vec<u8>,
    leaf: Vec<u8>,
    leaf_key: String,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let root_key = KeyPair::generate().unwrap();
        let mut params = authority("Test root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(params, root_key);
        let intermediate_key = KeyPair::generate().unwrap();
        let intermediate = authority("Test intermediate")
            .signed_by(&intermediate_key, &issuer)
            .unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = name("tim@example.org");
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        World {
            root: root.der().to_vec(),
            intermediate: intermediate.der().to_vec(),
            leaf: leaf.der().to_vec(),
            leaf_key: leaf_key.serialize_pem(),
        }
    })
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn authority(common: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A root.
pub(super) fn root() -> Vec<u8> {
    world().root.clone()
}

/// A CA below the root, and the root.
pub(super) fn two_levels() -> (Vec<u8>, Vec<u8>) {
    (world().intermediate.clone(), root())
}

/// A certificate of a user.
pub(super) fn signed_by_root() -> Vec<u8> {
    world().leaf.clone()
}

/// Its key, in PEM.
pub(super) fn leaf_key() -> &'static str {
    &world().leaf_key
}

/// How `tim@example.org` logs in by a method.
pub(super) fn login(method: Method) -> Login {
    match method {
        Method::Tls => Login::Certificate(ClientIdentity {
            chain: vec![signed_by_root()],
            key_pem: Zeroizing::new(leaf_key().to_owned()),
            passphrase: Secret::new("open sesame"),
            passphrase_inside: true,
        }),
        method => Login::Password {
            method,
            password: Some(Secret::new("pass <\"word\"> & 'more'")),
        },
    }
}

/// As [`login`], with a certificate whose passphrase is handed over by itself.
pub(super) fn login_apart() -> Login {
    match login(Method::Tls) {
        Login::Certificate(client) => Login::Certificate(ClientIdentity {
            passphrase_inside: false,
            ..client
        }),
        other @ Login::Password { .. } => other,
    }
}

/// As [`login`], with a password that is not written down.
pub(super) fn login_asked(method: Method) -> Login {
    Login::Password {
        method,
        password: None,
    }
}

/// What `tim@example.org` joins: the network `home & garden`.
pub(super) fn draft() -> Draft {
    Draft {
        link: Link::Wireless {
            ssid: "home & garden".to_owned(),
            security: Security::Wpa2,
            hidden: false,
        },
        user: "tim@example.org".to_owned(),
        anonymous: Some("anonymous@example.org".to_owned()),
        servers: vec!["radius.example.org".to_owned()],
        authorities: vec![root()],
        display_name: "Home & garden".to_owned(),
        organisation: "Example <Org>".to_owned(),
    }
}

/// The network of [`draft`] and [`login`].
pub(super) fn network(method: Method) -> Network {
    Network::new(draft(), login(method)).unwrap()
}

/// As [`network`], with another link.
pub(super) fn linked(method: Method, link: Link) -> Network {
    let mut draft = draft();
    draft.link = link;
    Network::new(draft, login(method)).unwrap()
}

/// The wireless network of another kind, hidden.
pub(super) fn secured(method: Method, security: Security) -> Network {
    let link = Link::Wireless {
        ssid: "home & garden".to_owned(),
        security,
        hidden: true,
    };
    linked(method, link)
}

/// Every method.
pub(super) const METHODS: [Method; 4] = [
    Method::Tls,
    Method::Peap,
    Method::TtlsPap,
    Method::TtlsMschapv2,
];
