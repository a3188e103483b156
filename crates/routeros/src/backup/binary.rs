//! The binary that `/system/backup/save` writes.
//!
//! Its form is public: four octets that say which of three forms it is, the length of the file,
//! and, where it is encrypted, 32 octets of salt. With AES an HMAC-SHA-256 of what follows comes
//! next; what follows is AES-128 in counter mode, whose key and the HMAC's are the halves of
//! SHA-256(salt, password). RC4, which RouterOS had before 6.43, is keyed with SHA-1(salt,
//! password) and protects from no change.

use aws_lc_rs::{
    cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey},
    digest, hmac, iv,
};
use zeroize::Zeroizing;

use crate::Secret;

const PLAIN: u32 = 0xB1A1_AC88;
const WITH_RC4: u32 = 0x7291_A8EF;
const WITH_AES: u32 = 0x7391_A8EF;
const SALT: usize = 32;
const TAG: usize = 32;
/// What is left out of the key stream of RC4, and of AES.
const SKIPPED_RC4: usize = 0x300;
const SKIPPED_AES: usize = 0x10;

/// How a backup is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all: whoever has it has every password in it.
    None,
    /// RC4, which is broken.
    Rc4,
    /// AES-128 with HMAC-SHA-256.
    Aes,
}

/// What was found of a backup that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// How it is encrypted.
    pub encryption: Encryption,
    /// The stores in it, where they could be counted.
    pub stores: Option<u32>,
}

/// Why a backup cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBackup {
    /// It does not begin as a backup does.
    #[error("it is not a backup of RouterOS")]
    Foreign,
    /// It has not the length that it says.
    #[error("it says that it has {said} octets and has {found}: it is not whole")]
    Length {
        /// What its header says.
        said: u64,
        /// What there is.
        found: u64,
    },
    /// It is encrypted and no password was given.
    #[error("it is encrypted: its password is needed")]
    NeedsPassword,
    /// The password does not open it.
    #[error("the password does not open it")]
    WrongPassword,
    /// The password opens it and its HMAC is wrong.
    #[error("it was altered after it was made, or it is damaged")]
    Altered,
}

/// Sees that a backup is whole and, where it is encrypted, that the password opens it.
pub fn verify(backup: &[u8], password: Option<&Secret>) -> Result<Opened, BadBackup> {
    let (header, rest) = backup.split_first_chunk::<8>().ok_or(BadBackup::Foreign)?;
    let word = |at: usize| {
        let octets = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_le_bytes(octets)
    };
    let encryption = match word(0) {
        PLAIN => Encryption::None,
        WITH_RC4 => Encryption::Rc4,
        WITH_AES => Encryption::Aes,
        _ => return Err(BadBackup::Foreign),
    };
    let (said, found) = (u64::from(word(4)), backup.len() as u64);
    if said != found {
        return Err(BadBackup::Length { said, found });
    }
    let short = || BadBackup::Length { said, found };
    let body = match encryption {
        Encryption::None => Zeroizing::new(rest.to_vec()),
        Encryption::Rc4 | Encryption::Aes => {
            let password = password.ok_or(BadBackup::NeedsPassword)?;
            let (salt, rest) = rest.split_first_chunk::<SALT>().ok_or_else(short)?;
            if encryption == Encryption::Rc4 {
                open_rc4(salt, rest, password)?
            } else {
                let (tag, rest) = rest.split_first_chunk::<TAG>().ok_or_else(short)?;
                open_aes(salt, tag, rest, password)?
            }
        }
    };
    Ok(Opened {
        encryption,
        stores: stores(&body),
    })
}

fn open_rc4(
    salt: &[u8; SALT],
    rest: &[u8],
    password: &Secret,
) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(salt);
    hash.update(password.reveal().as_bytes());
    let mut stream = Rc4::new(hash.finish().as_ref());
    let mut opened = Zeroizing::new(vec![0; SKIPPED_RC4]);
    opened.extend_from_slice(rest);
    stream.apply(&mut opened);
    opened.drain(..SKIPPED_RC4);
    without_magic(opened)
}

fn open_aes(
    salt: &[u8; SALT],
    tag: &[u8; TAG],
    rest: &[u8],
    password: &Secret,
) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(salt);
    hash.update(password.reveal().as_bytes());
    let keys = hash.finish();
    let (cipher_key, tag_key) = keys.as_ref().split_at(16);
    let mut opened = Zeroizing::new(vec![0; SKIPPED_AES]);
    opened.extend_from_slice(rest);
    let mut counter = [0; 16];
    counter.copy_from_slice(&salt[..16]);
    let key = UnboundCipherKey::new(&AES_128, cipher_key).map_err(|_| BadBackup::Altered)?;
    let key = DecryptingKey::ctr(key).map_err(|_| BadBackup::Altered)?;
    let context = DecryptionContext::Iv128(iv::FixedLength::from(counter));
    key.decrypt(&mut opened, context)
        .map_err(|_| BadBackup::Altered)?;
    opened.drain(..SKIPPED_AES);
    let opened = without_magic(opened)?;
    let tag_key = hmac::Key::new(hmac::HMAC_SHA256, tag_key);
    hmac::verify(&tag_key, rest, tag).map_err(|_| BadBackup::Altered)?;
    Ok(opened)
}

/// What is decrypted begins with the four octets of a backup in the clear.
fn without_magic(mut opened: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
    if !opened.starts_with(&PLAIN.to_le_bytes()) {
        return Err(BadBackup::WrongPassword);
    }
    opened.drain(..4);
    Ok(opened)
}

/// Counts the stores: each is a name, an index and the data, each with its length before it.
fn stores(body: &[u8]) -> Option<u32> {
    let mut rest = body;
    let mut parts = 0u32;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest = after.get(length..)?;
        parts = parts.checked_add(1)?;
    }
    (rest.is_empty() && parts.is_multiple_of(3)).then_some(parts / 3)
}

/// RC4, to read the backups of RouterOS before 6.43. Nothing is encrypted with it.
struct Rc4 {
    state: Zeroizing<[u8; 256]>,
    i: u8,
    j: u8,
}

impl Rc4 {
    fn new(key: &[u8]) -> Self {
        let mut state = Zeroizing::new([0; 256]);
        for (place, value) in state.iter_mut().zip(0..=u8::MAX) {
            *place = value;
        }
        let mut j = 0u8;
        for (i, key) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[i]).wrapping_add(*key);
            state.swap(i, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    fn apply(&mut self, octets: &mut [u8]) {
        for octet in octets {
            self.i = self.i.wrapping_add(1);
            self.j = self.j.wrapping_add(self.state[usize::from(self.i)]);
            self.state.swap(usize::from(self.i), usize::from(self.j));
            let (a, b) = (usize::from(self.i), usize::from(self.j));
            let at = self.state[a].wrapping_add(self.state[b]);
            *octet ^= self.state[usize::from(at)];
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};
    use proptest::prelude::*;

    use super::*;

    fn header(magic: u32, length: usize) -> Vec<u8> {
        let length = u32::try_from(length).unwrap();
        [magic.to_le_bytes(), length.to_le_bytes()].concat()
    }

    fn body(stores: &[(&str, &[u8], &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, index, data) in stores {
            for part in [name.as_bytes(), index, data] {
                body.extend_from_slice(&u32::try_from(part.len()).unwrap().to_le_bytes());
                body.extend_from_slice(part);
            }
        }
        body
    }

    fn with_aes(body: &[u8], password: &str) -> Vec<u8> {
        let salt = [7u8; SALT];
        let keys = digest::digest(&digest::SHA256, &[&salt, password.as_bytes()].concat());
        let (cipher_key, tag_key) = keys.as_ref().split_at(16);
        let mut sealed = vec![0; SKIPPED_AES];
        sealed.extend_from_slice(&PLAIN.to_le_bytes());
        sealed.extend_from_slice(body);
        let key = UnboundCipherKey::new(&AES_128, cipher_key).unwrap();
        let key = EncryptingKey::ctr(key).unwrap();
        let counter = EncryptionContext::Iv128(iv::FixedLength::from([7u8; 16]));
        key.less_safe_encrypt(&mut sealed, counter).unwrap();
        sealed.drain(..SKIPPED_AES);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, tag_key), &sealed);
        let mut file = header(WITH_AES, 8 + SALT + TAG + sealed.len());
        file.extend_from_slice(&salt);
        file.extend_from_slice(tag.as_ref());
        file.extend_from_slice(&sealed);
        file
    }

    #[test]
    fn rc4_is_rc4() {
        // RFC 6229 section 2, the 40-bit key 0102030405, offset 0.
        let mut octets = [0; 8];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut octets);
        assert_eq!(octets, [0xb2, 0x39, 0x63, 0x05, 0xf0, 0x3d, 0xc0, 0x27]);
    }

    /// The beginning of an RC4 backup with its password, as others have published them. Only the
    /// length is ours, as the rest of the file is not there.
    #[test]
    fn a_header_made_by_others_opens() {
        let salt = [
            0x11, 0xee, 0x71, 0x06, 0x35, 0xef, 0x99, 0x51, 0x63, 0xd8, 0x87, 0x81, 0x0a, 0xe9,
            0x6d, 0xc4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let sealed = [0x67, 0xf4, 0x29, 0x35];
        let mut file = header(WITH_RC4, 8 + SALT + 4);
        file.extend_from_slice(&salt);
        file.extend_from_slice(&sealed);
        let right = Secret::new("modificailrouter");
        let opened = verify(&file, Some(&right)).unwrap();
        assert_eq!(opened.encryption, Encryption::Rc4);
        let wrong = Secret::new("modificailrouteR");
        assert_eq!(verify(&file, Some(&wrong)), Err(BadBackup::WrongPassword));
    }

    #[test]
    fn an_encrypted_backup_opens_with_its_password_only() {
        let body = body(&[("user", b"\x00\x01", b"abc"), ("net/devices", b"", b"x")]);
        let file = with_aes(&body, "right");
        let right = Secret::new("right");
        let opened = Opened {
            encryption: Encryption::Aes,
            stores: Some(2),
        };
        assert_eq!(verify(&file, Some(&right)), Ok(opened));
        let wrong = Secret::new("wrong");
        assert_eq!(verify(&file, Some(&wrong)), Err(BadBackup::WrongPassword));
        assert_eq!(verify(&file, None), Err(BadBackup::NeedsPassword));
        let mut altered = file.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(verify(&altered, Some(&right)), Err(BadBackup::Altered));
        let cut = verify(&file[..file.len() - 1], Some(&right));
        assert!(matches!(cut, Err(BadBackup::Length { .. })));
    }

    #[test]
    fn one_in_the_clear_is_told() {
        let body = body(&[("user", b"", b"")]);
        let mut file = header(PLAIN, 8 + body.len());
        file.extend_from_slice(&body);
        let opened = verify(&file, None).unwrap();
        assert_eq!(
            (opened.encryption, opened.stores),
            (Encryption::None, Some(1))
        );
        assert_eq!(
            verify(b"# jan/23/2025 by RouterOS", None),
            Err(BadBackup::Foreign)
        );
        assert_eq!(verify(b"", None), Err(BadBackup::Foreign));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_found(at in 0usize..200, bit in 0u8..8) {
            let body = body(&[("user", b"index", &[9; 100])]);
            let mut file = with_aes(&body, "right");
            let at = at % file.len();
            file[at] ^= 1 << bit;
            prop_assert!(verify(&file, Some(&Secret::new("right"))).is_err());
        }

        #[test]
        fn nothing_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let password = Secret::new("p");
            for magic in [PLAIN, WITH_RC4, WITH_AES] {
                let mut file = header(magic, 8 + octets.len());
                file.extend_from_slice(&octets);
                let with = verify(&file, Some(&password));
                prop_assert!(with.is_err() || magic == PLAIN);
            }
            prop_assert!(octets.len() >= 8 || verify(&octets, Some(&password)).is_err());
        }
    }
}
