//! Making the authority: a new CA, or one's own.

use std::path::Path;

use zeroize::Zeroizing;

use super::{
    Authority, AuthorityError, Beginning, Refused,
    details::{Details, certificates, pem},
    loaded::private_key,
    names::Names,
    place::{CA, CA_KEY, OPEN, Place, SECRET, read_text},
    record::Purpose,
    sign::{self, Mismatch, Signer},
    written,
};

/// Builds an authority aside and puts it in its place as a whole. Whoever calls holds the lock.
pub(super) fn create(
    place: &Place,
    beginning: &Beginning,
    machine: &Names,
    now: u64,
) -> Result<(), AuthorityError> {
    let (chain, key_pem) = if let Some((certificate, key)) = &beginning.import {
        imported(certificate, key, now)?
    } else {
        let ca = sign::new_ca(&beginning.permits, beginning.key, now)?;
        (vec![ca.der], ca.key_pem)
    };
    let draft = place.draft();
    draft.make()?;
    let bundle: String = chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
    draft.write(CA_KEY, key_pem.as_bytes(), SECRET)?;
    draft.write(CA, bundle.as_bytes(), OPEN)?;
    let mut authority = Authority::at(draft.clone())?;
    authority.record(&chain[0], Purpose::Ca.as_str(), Purpose::Ca)?;
    let chores = authority.chores(machine, now);
    authority.work_off(&chores, machine, now)?;
    let aside = format!("old-{}", written(now, "%Y%m%d-%H%M%S"));
    place.take(&draft, &place.root().with_extension(aside))
}

/// One's own CA: its certificate first, then those above it.
fn imported(
    certificate: &Path,
    key: &Path,
    now: u64,
) -> Result<(Vec<Vec<u8>>, Zeroizing<String>), AuthorityError> {
    let refused = |path: &Path, what: &str| {
        AuthorityError::from(Refused::Import {
            path: path.to_path_buf(),
            what: what.to_owned(),
        })
    };
    let mut chain = certificates(&read_text(certificate)?);
    if chain.is_empty() {
        return Err(refused(certificate, "holds no certificate in PEM"));
    }
    let text = read_text(key)?;
    let (label, key_der) = private_key(&text).unwrap_or_default();
    let mut mismatch = Mismatch::NoCertificate;
    let mut found = None;
    for (at, der) in chain.iter().enumerate() {
        let Ok(details) = Details::of(der) else {
            continue;
        };
        match Signer::new(der, &details, &key_der) {
            Ok(_) => {
                found = Some((at, details));
                break;
            }
            Err(why) => mismatch = why,
        }
    }
    let Some((at, details)) = found else {
        return Err(refused(key, &mismatch.to_string()));
    };
    if !details.may_sign {
        let what = "is not a CA that may sign certificates and revocation lists (CA:TRUE, \
                    keyCertSign, cRLSign)";
        return Err(refused(certificate, what));
    }
    if now >= details.not_after || now < details.not_before {
        return Err(refused(certificate, "is not valid now"));
    }
    chain[..=at].rotate_right(1);
    Ok((chain, Zeroizing::new(pem(label, &key_der))))
}
