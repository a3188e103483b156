//! Hiding attribute values from those who do not share the secret.

use zeroize::Zeroizing;

use crate::{Hiding, Random, Secret};

const BLOCK: usize = 16;

/// The longest password that RFC 2865 section 5.2 can hide.
pub const MAX_USER_PASSWORD: usize = 128;

/// What hides the attributes of one packet: the secret, the authenticator, and its salts.
pub(crate) struct Hider<'a> {
    /// `None` where nothing is hidden, because TLS hides it all.
    secret: Option<&'a Secret>,
    authenticator: [u8; 16],
    next_salt: u16,
}

impl<'a> Hider<'a> {
    pub(crate) fn new(
        secret: &'a Secret,
        authenticator: [u8; 16],
        random: &mut dyn Random,
    ) -> Self {
        let mut salt = [0; 2];
        random.fill(&mut salt);
        Self {
            secret: Some(secret),
            authenticator,
            next_salt: u16::from_be_bytes(salt),
        }
    }

    /// For RADIUS/1.1, which hides nothing (RFC 9765 section 5.1).
    pub(crate) const fn open() -> Self {
        Self {
            secret: None,
            authenticator: [0; 16],
            next_salt: 0,
        }
    }

    /// Whether values are hidden at all.
    pub(crate) fn hides(&self) -> bool {
        self.secret.is_some()
    }

    /// Appends `value` hidden. `None` where it is too long to be hidden this way.
    pub(crate) fn hide(&mut self, hiding: Hiding, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let Some(secret) = self.secret else {
            out.extend_from_slice(value);
            return Some(());
        };
        match hiding {
            Hiding::Ascend => hide_ascend(secret, &self.authenticator, value, out),
            Hiding::None => out.extend_from_slice(value),
            Hiding::Salted => {
                let salt = self.salt();
                return hide_salted(secret, &self.authenticator, salt, value, out);
            }
            Hiding::UserPassword => {
                return hide_user_password(secret, &self.authenticator, value, out);
            }
        }
        Some(())
    }

    /// RFC 2868 section 3.5: the top bit set, and unique within the packet.
    fn salt(&mut self) -> [u8; 2] {
        self.next_salt = self.next_salt.wrapping_add(1);
        (self.next_salt | 0x8000).to_be_bytes()
    }
}

/// Undoes [`Hider::hide`]. `None` where the octets cannot be a hidden value. A wrong secret gives
/// octets without meaning, or `None`.
pub(crate) fn reveal(
    hiding: Hiding,
    secret: &Secret,
    authenticator: &[u8; 16],
    hidden: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    match hiding {
        Hiding::Ascend => reveal_ascend(secret, authenticator, hidden),
        Hiding::None => Some(Zeroizing::new(hidden.to_vec())),
        Hiding::Salted => reveal_salted(secret, authenticator, hidden),
        Hiding::UserPassword => reveal_user_password(secret, authenticator, hidden),
    }
}

/// RFC 2865 section 5.2. An empty password becomes one block of padding.
fn hide_user_password(
    secret: &Secret,
    authenticator: &[u8; 16],
    password: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    if password.len() > MAX_USER_PASSWORD {
        return None;
    }
    let blocks = password.len().div_ceil(BLOCK).max(1);
    let start = out.len();
    out.extend_from_slice(password);
    out.resize(start + blocks * BLOCK, 0);
    chain(&mut out[start..], Direction::Hide, |previous| {
        secret.md5_before(&[previous.unwrap_or(authenticator)])
    });
    Some(())
}

fn reveal_user_password(
    secret: &Secret,
    authenticator: &[u8; 16],
    hidden: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    if hidden.is_empty() || hidden.len() > MAX_USER_PASSWORD || !hidden.len().is_multiple_of(BLOCK)
    {
        return None;
    }
    let mut plain = Zeroizing::new(hidden.to_vec());
    chain(&mut plain, Direction::Reveal, |previous| {
        secret.md5_before(&[previous.unwrap_or(authenticator)])
    });
    trim_zeros(&mut plain);
    Some(plain)
}

/// RFC 2868 section 3.5 without the tag: salt, then length and value in chained blocks.
fn hide_salted(
    secret: &Secret,
    authenticator: &[u8; 16],
    salt: [u8; 2],
    value: &[u8],
    out: &mut Vec<u8>,
) -> Option<()> {
    let length = u8::try_from(value.len()).ok()?;
    out.extend_from_slice(&salt);
    let start = out.len();
    out.push(length);
    out.extend_from_slice(value);
    out.resize(start + (1 + value.len()).div_ceil(BLOCK) * BLOCK, 0);
    chain(
        &mut out[start..],
        Direction::Hide,
        |previous| match previous {
            Some(block) => secret.md5_before(&[block]),
            None => secret.md5_before(&[authenticator, &salt]),
        },
    );
    Some(())
}

fn reveal_salted(
    secret: &Secret,
    authenticator: &[u8; 16],
    hidden: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (salt, hidden) = hidden.split_at_checked(2)?;
    if hidden.is_empty() || !hidden.len().is_multiple_of(BLOCK) {
        return None;
    }
    let mut plain = Zeroizing::new(hidden.to_vec());
    chain(&mut plain, Direction::Reveal, |previous| match previous {
        Some(block) => secret.md5_before(&[block]),
        None => secret.md5_before(&[authenticator, salt]),
    });
    let length = usize::from(*plain.first()?);
    plain
        .get(1..=length)
        .map(|value| Zeroizing::new(value.to_vec()))
}

/// Ascend-Send-Secret. The vendor's rule covers one block; a longer value chains on, each block
/// under the hidden one before it.
fn hide_ascend(secret: &Secret, authenticator: &[u8; 16], value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(value);
    out.resize(start + value.len().div_ceil(BLOCK).max(1) * BLOCK, 0);
    chain(&mut out[start..], Direction::Hide, |previous| {
        secret.md5_after(&[previous.unwrap_or(authenticator)])
    });
}

fn reveal_ascend(
    secret: &Secret,
    authenticator: &[u8; 16],
    hidden: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    if hidden.is_empty() || !hidden.len().is_multiple_of(BLOCK) {
        return None;
    }
    let mut plain = Zeroizing::new(hidden.to_vec());
    chain(&mut plain, Direction::Reveal, |previous| {
        secret.md5_after(&[previous.unwrap_or(authenticator)])
    });
    trim_zeros(&mut plain);
    Some(plain)
}

#[derive(Clone, Copy)]
enum Direction {
    Hide,
    Reveal,
}

/// Combines each block with a pad that depends on the *hidden* block before it, in place.
fn chain(
    octets: &mut [u8],
    direction: Direction,
    pad: impl Fn(Option<&[u8; BLOCK]>) -> [u8; BLOCK],
) {
    let mut previous: Option<[u8; BLOCK]> = None;
    let (blocks, _) = octets.as_chunks_mut::<BLOCK>();
    for block in blocks {
        let before = *block;
        for (octet, pad) in block.iter_mut().zip(pad(previous.as_ref())) {
            *octet ^= pad;
        }
        previous = Some(match direction {
            Direction::Hide => *block,
            Direction::Reveal => before,
        });
    }
}

fn trim_zeros(plain: &mut Vec<u8>) {
    let length = plain
        .iter()
        .rposition(|octet| *octet != 0)
        .map_or(0, |last| last + 1);
    plain.truncate(length);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AUTHENTICATOR: [u8; 16] = 0x0f40_3f94_7397_8057_bd83_d5cb_98f4_227a_u128.to_be_bytes();

    fn hex(octets: &[u8]) -> String {
        use std::fmt::Write as _;
        octets.iter().fold(String::new(), |mut text, octet| {
            let _written = write!(text, "{octet:02x}");
            text
        })
    }

    fn secret() -> Secret {
        Secret::new("xyzzy5461").unwrap()
    }

    #[test]
    fn user_passwords_follow_rfc_2865() {
        for (password, hidden) in [
            (&b"arctangent"[..], "0dbe708d93d413ce3196e43f782a0aee"),
            (b"", "6ccc13f9f2ba74ab5fe2e43f782a0aee"),
            (b"0123456789abcdef", "5cfd21cac68f429c67db855d1b4e6f88"),
        ] {
            let mut out = Vec::new();
            hide_user_password(&secret(), &AUTHENTICATOR, password, &mut out).unwrap();
            assert_eq!(hex(&out), hidden);
        }
    }

    #[test]
    fn salted_values_follow_the_independent_vectors() {
        for (value, hidden) in [
            (vec![], "8001c74fd67865119ff7c7062f09e6838723"),
            (b"a".to_vec(), "8001c62ed67865119ff7c7062f09e6838723"),
            (
                b"0123456789abcdef".to_vec(),
                "8001d77fe74a5625aac1f03e166884e0e3463adc4d3e373b7484ad869273a39c8130",
            ),
            (
                (0..32).collect(),
                "8001e74fd77a66159af1c00e2603ed8f8a2d775b72924f399d2c98d1909d856d\
                 fa8608c3baf92fc0c0313d7dd2b3bb1fe1e7",
            ),
        ] {
            let mut out = Vec::new();
            hide_salted(&secret(), &AUTHENTICATOR, [0x80, 1], &value, &mut out).unwrap();
            assert_eq!(hex(&out), hidden);
        }
    }

    #[test]
    fn padding_that_is_not_zero_is_accepted() {
        let secret = Secret::new("testing123").unwrap();
        let authenticator = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
        let mut hidden = vec![0x99, 0x73];
        hidden.extend(0x051d_e6c5_5730_7dac_d5da_a599_f4e2_6e7e_u128.to_be_bytes());
        let plain = reveal_salted(&secret, &authenticator, &hidden).unwrap();
        assert_eq!(plain.as_slice(), b"foo");
    }

    #[test]
    fn a_password_over_128_octets_is_refused_whole() {
        let mut out = Vec::new();
        assert!(hide_user_password(&secret(), &AUTHENTICATOR, &[b'a'; 129], &mut out).is_none());
        assert!(out.is_empty());
    }

    #[test]
    fn salts_differ_within_a_packet_and_have_the_top_bit() {
        let secret = secret();
        let mut hider = Hider::new(&secret, AUTHENTICATOR, &mut |out: &mut [u8]| out.fill(0xff));
        let salts: Vec<_> = (0..1000).map(|_| hider.salt()).collect();
        let unique: std::collections::HashSet<_> = salts.iter().collect();
        assert_eq!(unique.len(), salts.len());
        assert!(salts.iter().all(|salt| salt[0] & 0x80 != 0));
    }

    proptest! {
        #[test]
        fn revealing_undoes_hiding(
            value in proptest::collection::vec(1_u8.., 0..=128),
            salt: u16,
            authenticator: [u8; 16],
        ) {
            let secret = secret();
            for hiding in [Hiding::Ascend, Hiding::None, Hiding::Salted, Hiding::UserPassword] {
                let mut hider = Hider::new(&secret, authenticator, &mut |out: &mut [u8]| {
                    out.copy_from_slice(&salt.to_be_bytes());
                });
                let mut hidden = Vec::new();
                hider.hide(hiding, &value, &mut hidden).unwrap();
                let plain = reveal(hiding, &secret, &authenticator, &hidden).unwrap();
                prop_assert_eq!(plain.as_slice(), &value);
            }
        }

        #[test]
        fn revealing_arbitrary_octets_never_panics(hidden: Vec<u8>) {
            for hiding in [Hiding::Ascend, Hiding::Salted, Hiding::UserPassword] {
                let _plain = reveal(hiding, &secret(), &AUTHENTICATOR, &hidden);
            }
        }
    }
}
