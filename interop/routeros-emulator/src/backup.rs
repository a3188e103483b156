//! The file format of `/system/backup`.
//!
//! A backup is a header and a body. All numbers are 32 bits, least significant octet first.
//!
//! | header | |
//! |---|---|
//! | plain | `B1A1AC88`, length of the file |
//! | RC4 | `7291A8EF`, length, 32 octets of salt; encrypted from here: `B1A1AC88`, body |
//! | AES | `7391A8EF`, length, 32 octets of salt, HMAC of the rest; from here as with RC4 |
//!
//! The HMAC is one of SHA-256. RC4 is keyed with SHA-1 of salt and password; its first 768 octets
//! are not used. AES-128-CTR is keyed with the first half of SHA-256 of salt and password, counts
//! from the first half of the salt, and its first block is not used; the second half is the key of
//! the HMAC.
//!
//! The body is a list of stores: name, index and data, each with its length before it. The index
//! has three numbers for each entry of the data: its place, its length, and 5.

use aws_lc_rs::{
    cipher::{AES_128, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey},
    digest, hmac,
    iv::FixedLength,
};
use rc4::{KeyInit as _, Rc4, StreamCipher as _};

const PLAIN: u32 = 0xB1A1_AC88;
const WITH_RC4: u32 = 0x7291_A8EF;
const WITH_AES: u32 = 0x7391_A8EF;
const SALT: usize = 32;
const MAC: usize = 32;

/// How a backup is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    Rc4,
    Aes,
}

/// One store of the router: a name and entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) name: String,
    pub(crate) entries: Vec<Vec<u8>>,
}

/// Why a file is no backup that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("backup file is damaged or not a backup")]
    Damaged,
    #[error("the backup is encrypted and needs a password")]
    PasswordMissing,
    #[error("wrong password")]
    PasswordWrong,
}

/// Writes a backup, plain without a password. `salt` must be random.
pub(crate) fn write(
    stores: &[Store],
    protection: Option<(Encryption, &str)>,
    salt: [u8; SALT],
) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::new();
    for store in stores {
        let mut index = Vec::new();
        let mut data = Vec::new();
        for (place, entry) in store.entries.iter().enumerate() {
            for number in [place, entry.len(), 5] {
                index.extend(length(number).to_le_bytes());
            }
            data.extend(entry);
        }
        for part in [store.name.as_bytes(), &index, &data] {
            body.extend(length(part.len()).to_le_bytes());
            body.extend(part);
        }
    }
    let mut file = Vec::new();
    match protection {
        None => {
            file.extend(PLAIN.to_le_bytes());
            file.extend([0; 4]);
            file.extend(body);
        }
        Some((encryption, password)) => {
            let mut secret = PLAIN.to_le_bytes().to_vec();
            secret.extend(body);
            let magic = match encryption {
                Encryption::Rc4 => WITH_RC4,
                Encryption::Aes => WITH_AES,
            };
            file.extend(magic.to_le_bytes());
            file.extend([0; 4]);
            file.extend(salt);
            match encryption {
                Encryption::Rc4 => rc4(&salt, password, &mut secret)?,
                Encryption::Aes => {
                    secret = aes(&salt, password, &secret)?;
                    file.extend(hmac::sign(&mac_key(&salt, password), &secret).as_ref());
                }
            }
            file.extend(secret);
        }
    }
    let whole = length(file.len()).to_le_bytes();
    file[4..8].copy_from_slice(&whole);
    Ok(file)
}

/// Reads a backup.
pub(crate) fn read(file: &[u8], password: Option<&str>) -> Result<Vec<Store>, Unreadable> {
    let mut rest = file;
    let magic = number(&mut rest)?;
    if usize::try_from(number(&mut rest)?) != Ok(file.len()) {
        return Err(Unreadable::Damaged);
    }
    if magic == PLAIN {
        return stores(rest);
    }
    if !matches!(magic, WITH_RC4 | WITH_AES) {
        return Err(Unreadable::Damaged);
    }
    let salt: [u8; SALT] = taken(&mut rest, SALT)?
        .try_into()
        .map_err(|_| Unreadable::Damaged)?;
    let password = password.ok_or(Unreadable::PasswordMissing)?;
    let body = if magic == WITH_RC4 {
        let mut secret = rest.to_vec();
        rc4(&salt, password, &mut secret)?;
        secret
    } else {
        let mac = taken(&mut rest, MAC)?;
        let body = aes(&salt, password, rest)?;
        let mut start = &*body;
        if number(&mut start)? != PLAIN {
            return Err(Unreadable::PasswordWrong);
        }
        hmac::verify(&mac_key(&salt, password), rest, mac).map_err(|_| Unreadable::Damaged)?;
        body
    };
    let mut rest = &*body;
    if number(&mut rest)? != PLAIN {
        return Err(Unreadable::PasswordWrong);
    }
    stores(rest)
}

fn stores(mut rest: &[u8]) -> Result<Vec<Store>, Unreadable> {
    let mut stores = Vec::new();
    while !rest.is_empty() {
        let mut part = || -> Result<&[u8], Unreadable> {
            let length = number(&mut rest)?;
            taken(
                &mut rest,
                usize::try_from(length).map_err(|_| Unreadable::Damaged)?,
            )
        };
        let (name, mut index, mut data) = (part()?, part()?, part()?);
        let name = String::from_utf8(name.to_vec()).map_err(|_| Unreadable::Damaged)?;
        let mut entries = Vec::new();
        while !index.is_empty() {
            let (_, length, _) = (
                number(&mut index)?,
                number(&mut index)?,
                number(&mut index)?,
            );
            let length = usize::try_from(length).map_err(|_| Unreadable::Damaged)?;
            entries.push(taken(&mut data, length)?.to_vec());
        }
        stores.push(Store { name, entries });
    }
    Ok(stores)
}

fn taken<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Unreadable> {
    let (part, after) = rest.split_at_checked(length).ok_or(Unreadable::Damaged)?;
    *rest = after;
    Ok(part)
}

fn number(rest: &mut &[u8]) -> Result<u32, Unreadable> {
    let octets = taken(rest, 4)?
        .try_into()
        .map_err(|_| Unreadable::Damaged)?;
    Ok(u32::from_le_bytes(octets))
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn salted(salt: &[u8], password: &str) -> Vec<u8> {
    [salt, password.as_bytes()].concat()
}

fn rc4(salt: &[u8], password: &str, data: &mut [u8]) -> Result<(), Unreadable> {
    let key = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &salted(salt, password));
    let mut cipher = Rc4::new_from_slice(key.as_ref()).map_err(|_| Unreadable::Damaged)?;
    cipher.apply_keystream(&mut [0; 768]);
    cipher.apply_keystream(data);
    Ok(())
}

/// AES in counter mode does the same both ways.
fn aes(salt: &[u8; SALT], password: &str, data: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let keys = digest::digest(&digest::SHA256, &salted(salt, password));
    let damaged = |_| Unreadable::Damaged;
    let key = UnboundCipherKey::new(&AES_128, &keys.as_ref()[..16]).map_err(damaged)?;
    let count: [u8; 16] = salt[..16].try_into().map_err(|_| Unreadable::Damaged)?;
    let context = EncryptionContext::Iv128(FixedLength::from(count));
    let mut cipher = StreamingEncryptingKey::less_safe_ctr(key, context).map_err(damaged)?;
    // The first block of the stream is not used.
    let whole = [&[0; 16][..], data].concat();
    let mut output = vec![0; whole.len() + 16];
    let written = cipher
        .update(&whole, &mut output)
        .map_err(damaged)?
        .written()
        .len();
    let (_, last) = cipher.finish(&mut output[written..]).map_err(damaged)?;
    let end = written + last.written().len();
    output.truncate(end);
    Ok(output.split_off(16))
}

fn mac_key(salt: &[u8], password: &str) -> hmac::Key {
    let keys = digest::digest(&digest::SHA256, &salted(salt, password));
    hmac::Key::new(hmac::HMAC_SHA256, &keys.as_ref()[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Store> {
        let store = |name: &str, entries: &[&[u8]]| Store {
            name: name.into(),
            entries: entries.iter().map(|entry| entry.to_vec()).collect(),
        };
        vec![
            store("radius", &[b"one", b"", b"three"]),
            store("system/identity", &[b"x"]),
        ]
    }

    #[test]
    fn what_is_written_is_read_in_every_form() {
        for protection in [
            None,
            Some((Encryption::Rc4, "secret")),
            Some((Encryption::Aes, "secret")),
        ] {
            let file = write(&some(), protection, [7; SALT]).unwrap();
            let password = protection.map(|(_, password)| password);
            assert_eq!(read(&file, password), Ok(some()), "{protection:?}");
            let mut short = file.clone();
            short.pop();
            assert_eq!(read(&short, password), Err(Unreadable::Damaged));
        }
    }

    #[test]
    fn a_password_is_needed_and_must_be_the_right_one() {
        for encryption in [Encryption::Rc4, Encryption::Aes] {
            let file = write(&some(), Some((encryption, "secret")), [7; SALT]).unwrap();
            assert_eq!(read(&file, None), Err(Unreadable::PasswordMissing));
            assert_eq!(read(&file, Some("Secret")), Err(Unreadable::PasswordWrong));
        }
        let mut file = write(&some(), Some((Encryption::Aes, "secret")), [7; SALT]).unwrap();
        *file.last_mut().unwrap() ^= 1;
        assert_eq!(read(&file, Some("secret")), Err(Unreadable::Damaged));
    }

    /// The header as it stands in public descriptions of the format, octet by octet.
    #[test]
    fn the_header_is_that_of_a_router() {
        let plain = write(&[], None, [0; SALT]).unwrap();
        assert_eq!(plain, [0x88, 0xAC, 0xA1, 0xB1, 8, 0, 0, 0]);
        let aes = write(&[], Some((Encryption::Aes, "x")), [9; SALT]).unwrap();
        assert_eq!(aes[..8], [0xEF, 0xA8, 0x91, 0x73, 76, 0, 0, 0]);
        assert_eq!(aes[8..40], [9; SALT]);
        let rc4 = write(&[], Some((Encryption::Rc4, "x")), [9; SALT]).unwrap();
        assert_eq!(rc4[..8], [0xEF, 0xA8, 0x91, 0x72, 44, 0, 0, 0]);
    }
}
