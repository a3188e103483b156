//! What profiles want of the certificate authority, in one place: the name to pin, the CA to pin, a
//! certificate for the user, and a signature.

use crate::authority::{Authority, AuthorityError, Issued, KeyType, Order, Published, blocks};

use super::{
    error::ProfileError,
    network::{ClientIdentity, Secret},
    signed::Signer,
};

/// The DNS name that devices are told to look for in the server's certificate, if it has one.
pub(crate) fn server_name(authority: &Authority) -> Option<String> {
    authority.server_name().map(str::to_owned)
}

/// Whether the server's certificate holds a name, so that a device that looks for it finds it.
pub(crate) fn bears(authority: &Authority, name: &str) -> bool {
    let identity = authority.server_identity();
    identity.is_some_and(|identity| identity.details.names.dns.contains(name))
}

/// What signs profiles: the key of the server's certificate.
pub(crate) fn signer(authority: &Authority) -> Result<Signer, ProfileError> {
    let identity = authority.server_identity().ok_or_else(|| {
        ProfileError::Sign(
            "the server has no certificate; `portreeve cert renew` makes one".to_owned(),
        )
    })?;
    Signer::new(&identity.chain_pem, &identity.key_pem)
}

/// A certificate for a user to log in with; `url` is where the portal publishes what its standing
/// is.
pub(crate) fn order(user: &str, days: Option<u64>, key: KeyType, url: Option<&str>) -> Order {
    Order {
        days,
        published: url.map(Published::below),
        ..Order::user(user, None, key)
    }
}

/// Issues it, and puts it together with its key.
pub(crate) fn issue(
    authority: &mut Authority,
    order: &Order,
    passphrase: Secret,
    passphrase_inside: bool,
    now: u64,
) -> Result<(Issued, ClientIdentity), AuthorityError> {
    let issued = authority.issue(order, now)?;
    let client = ClientIdentity {
        chain: blocks(&issued.chain_pem, |label| label == "CERTIFICATE"),
        key_pem: issued.key_pem.clone().unwrap_or_default(),
        passphrase,
        passphrase_inside,
    };
    Ok((issued, client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{authority::Names, data::DataDir};

    const NOW: u64 = 1_800_000_000;

    fn authority(folder: &tempfile::TempDir, host: &str) -> Authority {
        let data = DataDir::locate(Some(folder.path().to_path_buf()));
        let machine = Names {
            dns: ["localhost".to_owned(), host.to_owned()].into(),
            ..Names::default()
        };
        Authority::ensure(&data, &machine, NOW).unwrap().0
    }

    #[test]
    fn the_name_to_pin_is_one_the_server_bears() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(&folder, "radius.example.org");
        assert_eq!(
            server_name(&authority).as_deref(),
            Some("radius.example.org")
        );
        assert!(bears(&authority, "radius.example.org"));
        assert!(!bears(&authority, "other.example.org"));
    }

    #[test]
    fn a_user_gets_a_certificate_that_the_ca_has_signed() {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = authority(&folder, "radius.example.org");
        let order = order("tim", Some(30), KeyType::P256, None);
        let secret = Secret::new("xyzzy");
        let (issued, client) = issue(&mut authority, &order, secret, true, NOW).unwrap();
        assert_eq!(client.chain, std::slice::from_ref(&issued.der));
        assert!(client.key_pem.contains("PRIVATE KEY"));
        assert_eq!(issued.record.days_left(NOW), 29);
        signer(&authority).unwrap().sign(b"profile", NOW).unwrap();
    }
}
