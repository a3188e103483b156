//! Version 3 with the user-based security model: SHA-1 and AES-128 (RFC 3412, 3414 and 3826).
//!
//! A community with `security=authorized` or `private` is a user here, as on a router.

use aws_lc_rs::{
    cipher::{
        AES_128, DecryptionContext, EncryptionContext, StreamingDecryptingKey,
        StreamingEncryptingKey, UnboundCipherKey,
    },
    constant_time, digest, hmac,
    iv::FixedLength,
};

use super::ber::{
    INTEGER, Message, OCTETS, SEQUENCE, Value, Varbind, integer, number, tagged, wrap,
};
use crate::{Machine, Record};

const VERSION: i64 = 3;
const MODEL: i64 = 3;
const AUTHENTICATED: u8 = 1;
const ENCRYPTED: u8 = 2;
const REPORTABLE: u8 = 4;
const REPORT: u8 = 0xA8;
/// RFC 3414, section 2.2.3.
const WINDOW: i64 = 150;
/// The octets of HMAC-SHA-96.
const DIGEST: usize = 12;
/// MikroTik's number, then text that an administrator chose (RFC 3411, section 5).
const ENGINE: &[u8] = b"\x80\x00\x3A\x8C\x04portreeve";

/// `usmStats`: why a message is reported on.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Level = 1,
    Window = 2,
    User = 3,
    Engine = 4,
    Digest = 5,
    Decryption = 6,
}

/// A message of version 3, its security parameters read.
struct Sealed<'a> {
    id: i64,
    flags: u8,
    engine: &'a [u8],
    boots: i64,
    time: i64,
    user: String,
    digest: &'a [u8],
    salt: &'a [u8],
    /// The scoped unit, or its encrypted octets.
    data: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(datagram: &'a [u8]) -> Option<Self> {
        let mut rest = datagram;
        let mut whole = tagged(&mut rest, SEQUENCE)?;
        if integer(tagged(&mut whole, INTEGER)?)? != VERSION {
            return None;
        }
        let mut header = tagged(&mut whole, SEQUENCE)?;
        let id = integer(tagged(&mut header, INTEGER)?)?;
        tagged(&mut header, INTEGER)?;
        let flags = *tagged(&mut header, OCTETS)?.first()?;
        if integer(tagged(&mut header, INTEGER)?)? != MODEL {
            return None;
        }
        let mut security = tagged(&mut whole, OCTETS)?;
        let mut security = tagged(&mut security, SEQUENCE)?;
        let engine = tagged(&mut security, OCTETS)?;
        let boots = integer(tagged(&mut security, INTEGER)?)?;
        let time = integer(tagged(&mut security, INTEGER)?)?;
        let user = String::from_utf8(tagged(&mut security, OCTETS)?.to_vec()).ok()?;
        let digest = tagged(&mut security, OCTETS)?;
        let salt = tagged(&mut security, OCTETS)?;
        Some(Self {
            id,
            flags,
            engine,
            boots,
            time,
            user,
            digest,
            salt,
            data: whole,
        })
    }
}

/// What a user's passwords make.
struct Keys {
    authentication: [u8; 20],
    encryption: [u8; 20],
}

/// Answers a message of version 3 with what `respond` says of the unit in it.
pub(super) fn answer(
    machine: &Machine,
    datagram: &[u8],
    community: impl Fn(&str) -> Option<Record>,
    respond: impl Fn(&Machine, Message) -> Option<Message>,
) -> Option<Vec<u8>> {
    let sealed = Sealed::read(datagram)?;
    let report = |trouble| Some(reported(machine, &sealed, trouble, None));
    if sealed.engine != ENGINE {
        return report(Trouble::Engine);
    }
    let Some(user) = community(&sealed.user) else {
        return report(Trouble::User);
    };
    let private = user.text("security") == "private";
    let needed = AUTHENTICATED | if private { ENCRYPTED } else { 0 };
    let is_known = user.text("authentication-protocol") == "SHA1"
        && (!private || user.text("encryption-protocol") == "AES");
    if user.text("security") == "none" || !is_known || sealed.flags & needed != needed {
        return report(Trouble::Level);
    }
    let keys = Keys {
        authentication: localized(user.text("authentication-password"), ENGINE),
        encryption: localized(user.text("encryption-password"), ENGINE),
    };
    if !is_authentic(datagram, &sealed, &keys) {
        return report(Trouble::Digest);
    }
    let (boots, time) = clock(machine);
    if sealed.boots != boots || (sealed.time - time).abs() > WINDOW {
        return Some(reported(machine, &sealed, Trouble::Window, Some(&keys)));
    }
    let Some(scoped) = opened(&sealed, &keys) else {
        return report(Trouble::Decryption);
    };
    let mut rest = &*scoped;
    let mut unit = tagged(&mut rest, SEQUENCE)?;
    let (engine, context) = (tagged(&mut unit, OCTETS)?, tagged(&mut unit, OCTETS)?);
    let asked = Message::read_unit(&mut unit, sealed.user.clone())?;
    let said = respond(machine, asked)?;
    let scoped = [
        wrap(OCTETS, engine),
        wrap(OCTETS, context),
        said.write_unit(),
    ]
    .concat();
    let flags = sealed.flags & (AUTHENTICATED | ENCRYPTED);
    written(
        machine,
        &sealed,
        flags,
        &wrap(SEQUENCE, &scoped),
        Some(&keys),
    )
}

fn clock(machine: &Machine) -> (i64, i64) {
    let boots = i64::try_from(*machine.boots().borrow()).unwrap_or(0);
    let time = i64::try_from(machine.uptime().as_secs()).unwrap_or(0);
    (boots + 1, time)
}

/// RFC 3414, appendix A.2.
fn localized(password: &str, engine: &[u8]) -> [u8; 20] {
    const LENGTH: usize = 1 << 20;
    let long: Vec<u8> = password.bytes().cycle().take(LENGTH).collect();
    let sha1 = |octets: &[u8]| {
        let made = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets);
        let mut key = [0; 20];
        key.copy_from_slice(made.as_ref());
        key
    };
    let key = sha1(&long);
    sha1(&[&key, engine, &key].concat())
}

fn signature(keys: &Keys, message: &[u8]) -> [u8; DIGEST] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.authentication);
    let mut short = [0; DIGEST];
    short.copy_from_slice(&hmac::sign(&key, message).as_ref()[..DIGEST]);
    short
}

/// The digest is of the message with noughts in its place.
fn is_authentic(datagram: &[u8], sealed: &Sealed<'_>, keys: &Keys) -> bool {
    if sealed.digest.len() != DIGEST {
        return false;
    }
    let place = sealed.digest.as_ptr().addr() - datagram.as_ptr().addr();
    let mut bare = datagram.to_vec();
    bare[place..place + DIGEST].fill(0);
    constant_time::verify_slices_are_equal(&signature(keys, &bare), sealed.digest).is_ok()
}

/// RFC 3826, section 3.1.2.1.
fn vector(boots: i64, time: i64, salt: [u8; 8]) -> FixedLength<16> {
    let mut octets = [0; 16];
    octets[..4].copy_from_slice(&boots.to_be_bytes()[4..]);
    octets[4..8].copy_from_slice(&time.to_be_bytes()[4..]);
    octets[8..].copy_from_slice(&salt);
    FixedLength::from(octets)
}

fn opened(sealed: &Sealed<'_>, keys: &Keys) -> Option<Vec<u8>> {
    if sealed.flags & ENCRYPTED == 0 {
        return Some(sealed.data.to_vec());
    }
    let mut rest = sealed.data;
    let secret = tagged(&mut rest, OCTETS)?;
    let salt = sealed.salt.try_into().ok()?;
    let key = UnboundCipherKey::new(&AES_128, &keys.encryption[..16]).ok()?;
    let context = DecryptionContext::Iv128(vector(sealed.boots, sealed.time, salt));
    let mut cipher = StreamingDecryptingKey::cfb128(key, context).ok()?;
    let mut clear = vec![0; secret.len() + 16];
    let end = cipher.update(secret, &mut clear).ok()?.written().len();
    let last = cipher.finish(&mut clear[end..]).ok()?;
    let end = end + last.written().len();
    clear.truncate(end);
    Some(clear)
}

fn closed(scoped: &[u8], iv: FixedLength<16>, keys: &Keys) -> Option<Vec<u8>> {
    let key = UnboundCipherKey::new(&AES_128, &keys.encryption[..16]).ok()?;
    let context = EncryptionContext::Iv128(iv);
    let mut cipher = StreamingEncryptingKey::less_safe_cfb128(key, context).ok()?;
    let mut secret = vec![0; scoped.len() + 16];
    let end = cipher.update(scoped, &mut secret).ok()?.written().len();
    let (_, last) = cipher.finish(&mut secret[end..]).ok()?;
    let end = end + last.written().len();
    secret.truncate(end);
    Some(secret)
}

/// A report says one counter, and with it where the engine's clock is.
fn reported(
    machine: &Machine,
    sealed: &Sealed<'_>,
    trouble: Trouble,
    keys: Option<&Keys>,
) -> Vec<u8> {
    let report = Message {
        community: String::new(),
        kind: REPORT,
        request: 0,
        status: 0,
        index: 0,
        values: vec![Varbind {
            name: vec![1, 3, 6, 1, 6, 3, 15, 1, 1, trouble as u32, 0],
            value: Value::Counter(1),
        }],
    };
    let scoped = [wrap(OCTETS, ENGINE), wrap(OCTETS, &[]), report.write_unit()].concat();
    let flags = if keys.is_some() { AUTHENTICATED } else { 0 };
    let reportable = sealed.flags & REPORTABLE != 0;
    let message = written(machine, sealed, flags, &wrap(SEQUENCE, &scoped), keys);
    message.filter(|_| reportable).unwrap_or_default()
}

fn written(
    machine: &Machine,
    sealed: &Sealed<'_>,
    flags: u8,
    scoped: &[u8],
    keys: Option<&Keys>,
) -> Option<Vec<u8>> {
    let (boots, time) = clock(machine);
    let mut salt = [0; 8];
    getrandom::fill(&mut salt).ok()?;
    let data = match keys {
        Some(keys) if flags & ENCRYPTED != 0 => {
            wrap(OCTETS, &closed(scoped, vector(boots, time, salt), keys)?)
        }
        _ => scoped.to_vec(),
    };
    let sealing = |digest: &[u8]| {
        let security = [
            wrap(OCTETS, ENGINE),
            number(INTEGER, boots),
            number(INTEGER, time),
            wrap(OCTETS, sealed.user.as_bytes()),
            wrap(OCTETS, digest),
            wrap(
                OCTETS,
                if flags & ENCRYPTED == 0 {
                    &[]
                } else {
                    &salt[..]
                },
            ),
        ];
        let header = [
            number(INTEGER, sealed.id),
            number(INTEGER, 65_507),
            wrap(OCTETS, &[flags]),
            number(INTEGER, MODEL),
        ];
        let whole = [
            number(INTEGER, VERSION),
            wrap(SEQUENCE, &header.concat()),
            wrap(OCTETS, &wrap(SEQUENCE, &security.concat())),
            data.clone(),
        ];
        wrap(SEQUENCE, &whole.concat())
    };
    Some(match keys {
        Some(keys) => sealing(&signature(keys, &sealing(&[0; DIGEST]))),
        None => sealing(&[]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3414, appendix A.3.2.
    #[test]
    fn a_password_makes_the_key_that_the_standard_says() {
        let engine = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let key = [
            0x66, 0x95, 0xfe, 0xbc, 0x92, 0x88, 0xe3, 0x62, 0x82, 0x23, 0x5f, 0xc7, 0x15, 0x1f,
            0x12, 0x84, 0x97, 0xb3, 0x8f, 0x3f,
        ];
        assert_eq!(localized("maplesyrup", &engine), key);
    }
}
