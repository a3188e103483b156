//! Stored credentials: known answers made by other programs, bad input, properties.

use portreeve_auth::{
    Cost, Credential, CredentialError, Decoy, Defect, PasswordError, Scheme, Verdict,
};
use proptest::prelude::*;

const PASSWORD: &[u8] = b"correct horse";

/// Made with mkpasswd, openssl passwd, the reference argon2 and Python's hashlib.
const KNOWN: &[(Scheme, &str)] = &[
    (Scheme::Clear, "{CLEAR}correct horse"),
    (Scheme::Nt, "{NT}cfc43211ba8dc470832267827cac1407"),
    (
        Scheme::Argon2id,
        "$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHQxMg$H/ETN4P3imfugHgk4jJ9NFtm0mSOrf8uhrfVzRld4tI",
    ),
    (
        Scheme::Argon2i,
        "$argon2i$v=19$m=4096,t=3,p=2$c29tZXNhbHQxMg$ISjjR8NuvVWC1li56D/KDXQZQMPu9mvONhz5ERGwOlM",
    ),
    (
        Scheme::Argon2d,
        "$argon2d$v=16$m=4096,t=3,p=2$c29tZXNhbHQxMg$/5GFWu/X3jphIdwXozo0MjxVosiLDxEIR5yUiqISA4Y",
    ),
    (
        Scheme::Argon2d,
        "$argon2d$m=4096,t=3,p=2$c29tZXNhbHQxMg$/5GFWu/X3jphIdwXozo0MjxVosiLDxEIR5yUiqISA4Y",
    ),
    (
        Scheme::Bcrypt,
        "$2b$05$lqR.vlOc2NJSQTChCm8bAOD9nAUxJ72L8dqTUtNq9E/s6LUZ2DjF6",
    ),
    (
        Scheme::Bcrypt,
        "$2a$05$QkMUff9dGtJFW/Fc3edpWOQgOfXrtrV/qNxoSgupFM7uTShtD91zO",
    ),
    (
        Scheme::Bcrypt,
        "$2y$05$lqR.vlOc2NJSQTChCm8bAOD9nAUxJ72L8dqTUtNq9E/s6LUZ2DjF6",
    ),
    (
        Scheme::Sha512Crypt,
        "$6$O3vKRPOUr3pwER0h$e2CjwKvQxzEL4XpFnfCfxneAaPgLo3yvpJBVF4j2FjQUc5xtraSYm.FXq0gMCYSizz\
         LyDTGCv9ggIYI9NUfby.",
    ),
    (
        Scheme::Sha512Crypt,
        "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2sc\
         Ftv/uamSo5z0",
    ),
    (
        Scheme::Sha256Crypt,
        "$5$VvUuXKIY4DdsK7pB$lOyD8Z2pV0dtZkH3PGHhf70s3fY2RT4QiZFBcAiKvN0",
    ),
    (
        Scheme::Sha256Crypt,
        "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
    ),
    (
        Scheme::Yescrypt,
        "$y$j9T$dqA3ZVRKK15g/g8TMVLZv0$/eVFn0i/kK5VxTV3phPmdnpChtihwgaIjNLyLxgJGR0",
    ),
    (
        Scheme::Yescrypt,
        "$y$j75$LxNQlhYL0JxcnIxhaN.eP0$OnzC/PlPsou9ttA6uHtCt7bs0lQ54ghOiI.JoDfEcx1",
    ),
    (Scheme::Md5, "{MD5}PLTnMmMfR+brlh80VUt83g=="),
    (Scheme::Smd5, "{SMD5}vPjZQdkpEUFwnJ1WNg63FAECAwQFBgcI"),
    (Scheme::Sha, "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A="),
    (
        Scheme::Ssha,
        "{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==",
    ),
    (
        Scheme::Sha256,
        "{SHA256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=",
    ),
    (
        Scheme::Ssha256,
        "{SSHA256}CFsq5JPfiBQ0W3uR5Dnao+9mknEq9a739V+FPkJ6yjABAgMEBQYHCA==",
    ),
    (
        Scheme::Sha512,
        "{SHA512}VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrKY1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayT\
         yyeZUZew==",
    ),
    (
        Scheme::Ssha512,
        "{SSHA512}ggObOJHDWCqgI5uFv/j9yDNYMvdTgt+Toj8d6cGrSG/e+E9GbH4DkQ8y5jY3NblhoGens+zNVX1mZ\
         aFy0qwRwwECAwQFBgcI",
    ),
];

/// Repeatable octets that look random enough for a salt.
fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |octets: &mut [u8]| {
        for octet in octets {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = state.to_be_bytes()[0];
        }
    }
}

fn parse(text: &str) -> Result<Credential, CredentialError> {
    Credential::parse(text)
}

#[test]
fn hashes_made_elsewhere_are_verified() {
    for (scheme, text) in KNOWN {
        let credential = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(credential.scheme(), *scheme);
        assert_eq!(credential.to_stored().as_str(), *text);
        assert_eq!(credential.verify_pap(PASSWORD), Verdict::Match, "{text}");
        for wrong in [
            &b"correct horsf"[..],
            b"correct hors",
            b"correct horse ",
            b"",
            b"\xff",
        ] {
            assert_eq!(credential.verify_pap(wrong), Verdict::Mismatch, "{text}");
        }
    }
}

#[test]
fn every_scheme_has_a_known_answer() {
    for scheme in Scheme::ALL {
        assert!(KNOWN.iter().any(|(known, _)| *known == scheme), "{scheme}");
    }
}

#[test]
fn stated_rounds_and_other_alphabets_are_read() {
    let text = "$6$rounds=1000$frUsBKRO0Jwt87ta$ns.2EPxJuzU5PW4Ic1jURhBG1K.QdrVeSP3pedzGf4Bm6Td\
                npxeU7qKPwYsfHwTXDhqx1qVLe9TvD.S.tRn4X1";
    let credential = parse(text).unwrap();
    assert!(credential.verify_pap("pässwörd".as_bytes()).is_match());
    let wrapped = parse(&["{crypt}", text].concat()).unwrap();
    assert_eq!(wrapped, credential);
    assert_eq!(parse("{cleartext}x").unwrap(), parse("{CLEAR}x").unwrap());
    assert_eq!(
        parse("{nt}CFC43211BA8DC470832267827CAC1407").unwrap(),
        parse("{NT}cfc43211ba8dc470832267827cac1407").unwrap()
    );
    assert_eq!(
        parse("{sha}L55TUjtiq8FBorTWAZ0jy6g129A").unwrap(),
        parse("{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=").unwrap()
    );
}

#[test]
fn what_is_made_verifies_and_reads_back() {
    for scheme in Scheme::MADE {
        let made = Credential::make(scheme, PASSWORD, &mut random()).unwrap();
        assert_eq!(made.scheme(), scheme);
        let read = parse(&made.to_stored()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.verify_pap(PASSWORD), Verdict::Match, "{scheme}");
        assert_eq!(
            read.verify_pap(b"incorrect horse"),
            Verdict::Mismatch,
            "{scheme}"
        );
    }
}

#[test]
fn each_credential_made_has_its_own_salt() {
    let mut random = random();
    for scheme in [Scheme::Argon2id, Scheme::Ssha512] {
        let first = Credential::make(scheme, PASSWORD, &mut random).unwrap();
        let second = Credential::make(scheme, PASSWORD, &mut random).unwrap();
        assert_ne!(first, second);
    }
}

#[test]
fn imported_schemes_are_not_made() {
    for scheme in Scheme::ALL
        .into_iter()
        .filter(|scheme| !Scheme::MADE.contains(scheme))
    {
        let refused = Err(CredentialError::NotMade(scheme));
        assert_eq!(Credential::make(scheme, PASSWORD, &mut random()), refused);
        assert_eq!(
            Decoy::of(scheme, &mut random()).map(|_| ()),
            refused.map(|_| ())
        );
    }
}

#[test]
fn passwords_a_scheme_cannot_hold_are_refused() {
    let make = |scheme, password: &[u8]| match Credential::make(scheme, password, &mut random()) {
        Err(CredentialError::Password(error)) => Some(error),
        _ => None,
    };
    for scheme in Scheme::MADE {
        assert_eq!(make(scheme, b""), Some(PasswordError::Empty));
        assert_eq!(make(scheme, &[b'x'; 769]), Some(PasswordError::TooLong));
    }
    assert_eq!(
        make(Scheme::Bcrypt, &[b'x'; 73]),
        Some(PasswordError::TooLong)
    );
    assert_eq!(
        make(Scheme::Sha512Crypt, &[b'x'; 257]),
        Some(PasswordError::TooLong)
    );
    assert_eq!(
        make(Scheme::Clear, &[b'x'; 257]),
        Some(PasswordError::TooLong)
    );
    assert_eq!(make(Scheme::Clear, b"\xff"), Some(PasswordError::NotUtf8));
    assert_eq!(make(Scheme::Nt, b"\xff"), Some(PasswordError::NotUtf8));
    for scheme in [Scheme::Bcrypt, Scheme::Sha512Crypt, Scheme::Yescrypt] {
        assert_eq!(make(scheme, b"a\0b"), Some(PasswordError::ContainsNul));
    }
}

#[test]
fn the_empty_password_is_never_stored_and_never_accepted() {
    let empty = Err(CredentialError::Password(PasswordError::Empty));
    assert_eq!(parse("{CLEAR}"), empty);
    assert_eq!(parse("{NT}31d6cfe0d16ae931b73c59d7e0c089c0"), empty);
    // The digest of nothing, which a directory may well hold.
    let sha = parse("{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=").unwrap();
    assert_eq!(sha.verify_pap(b""), Verdict::Mismatch);
}

#[test]
fn a_bcrypt_key_that_repeats_itself_is_not_another_password() {
    let credential = parse("$2b$05$lqR.vlOc2NJSQTChCm8bAOD9nAUxJ72L8dqTUtNq9E/s6LUZ2DjF6").unwrap();
    assert_eq!(
        credential.verify_pap(b"correct horse\0correct horse"),
        Verdict::Mismatch
    );
}

#[test]
fn texts_that_do_not_say_what_they_are_are_refused() {
    for text in ["", "secret", "correct horse", "{CLEAR", "x{CLEAR}y", "0x12"] {
        assert_eq!(parse(text), Err(CredentialError::Unmarked), "{text}");
    }
    let unknown = [
        "$1$salt$hash",
        "$",
        "$$",
        "$2x$05$",
        "{ROT13}x",
        "{}x",
        "{CRYPT}ab0aaaaaaaaaa",
    ];
    for text in unknown {
        assert_eq!(parse(text), Err(CredentialError::UnknownScheme), "{text}");
    }
    let long = ["{CLEAR}", &"x".repeat(1020)].concat();
    assert_eq!(parse(&long), Err(CredentialError::TooLong));
}

/// Any 32 octets as `crypt(3)` spells them.
const HASH: &str = "myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/";
/// The salt and hash of a bcrypt text.
const BCRYPT: &str = "lqR.vlOc2NJSQTChCm8bAOD9nAUxJ72L8dqTUtNq9E/s6LUZ2DjF6";

fn is_damaged(scheme: Scheme, cases: &[(Defect, String)]) {
    for (defect, text) in cases {
        let expected = Err(CredentialError::Malformed(scheme, *defect));
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn damaged_nt_hashes_and_digests_are_refused() {
    is_damaged(
        Scheme::Nt,
        &[
            (Defect::Length, "{NT}cfc4".to_owned()),
            (Defect::Encoding, format!("{{NT}}{}", "g".repeat(32))),
            (Defect::Encoding, format!("{{NT}}{}", "\u{e9}".repeat(16))),
        ],
    );
    is_damaged(
        Scheme::Sha,
        &[
            (Defect::Length, "{SHA}AAAA".to_owned()),
            (Defect::Length, "{SHA}".to_owned()),
            (
                Defect::Length,
                "{SHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==".to_owned(),
            ),
            (Defect::Encoding, "{SHA}****".to_owned()),
        ],
    );
    is_damaged(
        Scheme::Ssha,
        &[(
            Defect::Salt,
            "{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=".to_owned(),
        )],
    );
}

#[test]
fn damaged_argon2_hashes_are_refused() {
    let hash = "AAAAAAAAAAAAAAAAAAAAAA";
    let with = |head: &str, tail: &str| format!("$argon2id$v={head},t=2,p=1$c29tZXNhbHQxMg{tail}");
    is_damaged(
        Scheme::Argon2id,
        &[
            (Defect::Encoding, "$argon2id$".to_owned()),
            (Defect::Salt, "$argon2id$v=19$m=4096,t=2,p=1".to_owned()),
            (Defect::Length, with("19$m=4096", "")),
            (Defect::Length, with("19$m=4096", "$AAAAAAAAAAAAAA")),
            (Defect::Parameters, with("19$m=4", &format!("${hash}"))),
            (Defect::Parameters, with("20$m=4096", &format!("${hash}"))),
        ],
    );
}

#[test]
fn damaged_bcrypt_hashes_are_refused() {
    is_damaged(
        Scheme::Bcrypt,
        &[
            (Defect::Length, format!("$2b$05${}", &BCRYPT[1..])),
            (Defect::Parameters, format!("$2b$03${BCRYPT}")),
            (Defect::Parameters, format!("$2b$+5${BCRYPT}")),
            (Defect::Parameters, format!("$2b$055{BCRYPT}")),
            (
                Defect::Encoding,
                format!("$2b$05${}", BCRYPT.replace('q', "=")),
            ),
        ],
    );
}

#[test]
fn damaged_sha_crypt_hashes_are_refused() {
    is_damaged(
        Scheme::Sha256Crypt,
        &[
            (Defect::Length, "$5$".to_owned()),
            (Defect::Length, "$5$salt".to_owned()),
            (Defect::Length, "$5$salt$".to_owned()),
            (Defect::Length, "$5$rounds=5000".to_owned()),
            (Defect::Length, format!("$5$salt${HASH}$")),
            (Defect::Salt, format!("$5$seventeen_letters${HASH}")),
            (Defect::Encoding, format!("$5$salt$+{}", &HASH[1..])),
            (Defect::Parameters, format!("$5$rounds=999$salt${HASH}")),
            (Defect::Parameters, format!("$5$rounds=+5000$salt${HASH}")),
        ],
    );
    is_damaged(
        Scheme::Sha512Crypt,
        &[(Defect::Length, format!("$6$salt${HASH}"))],
    );
}

#[test]
fn damaged_yescrypt_hashes_are_refused() {
    is_damaged(
        Scheme::Yescrypt,
        &[
            // Without a hash, every password would verify.
            (Defect::Length, "$y$j9T$dqA3ZVRKK15g/g8TMVLZv0$".to_owned()),
            (Defect::Length, "$y$j9T$dqA3ZVRKK15g/g8TMVLZv0".to_owned()),
            (
                Defect::Length,
                "$y$j9T$dqA3ZVRKK15g/g8TMVLZv0$ab.".to_owned(),
            ),
            (Defect::Salt, format!("$y$j9T$${HASH}")),
            (Defect::Encoding, format!("$y$j9T$a${HASH}")),
            (Defect::Parameters, format!("$y$j9T!$ab.${HASH}")),
            (Defect::Parameters, format!("$y$$ab.${HASH}")),
            (Defect::Parameters, format!("$y$j953/2$ab.${HASH}")),
        ],
    );
}

#[test]
fn hashes_that_would_take_minutes_or_gigabytes_are_refused() {
    let tail = "c29tZXNhbHQxMg$AAAAAAAAAAAAAAAAAAAAAA";
    let cases = [
        (
            Scheme::Argon2id,
            format!("$argon2id$v=19$m=1048577,t=1,p=1${tail}"),
        ),
        (
            Scheme::Argon2id,
            format!("$argon2id$v=19$m=1048576,t=5,p=1${tail}"),
        ),
        (
            Scheme::Argon2id,
            format!("$argon2id$v=19$m=4096,t=4294967295,p=1${tail}"),
        ),
        (
            Scheme::Argon2id,
            format!("$argon2id$v=19$m=4096,t=1,p=65${tail}"),
        ),
        (Scheme::Bcrypt, format!("$2b$17${BCRYPT}")),
        (Scheme::Bcrypt, format!("$2b$99${BCRYPT}")),
        (
            Scheme::Sha256Crypt,
            format!("$5$rounds=5000001$salt${HASH}"),
        ),
        (
            Scheme::Sha256Crypt,
            format!("$5$rounds=99999999999999$salt${HASH}"),
        ),
        // 2^19 blocks of 4 KiB.
        (
            Scheme::Yescrypt,
            format!("$y$jGT$dqA3ZVRKK15g/g8TMVLZv0${HASH}"),
        ),
    ];
    for (scheme, text) in cases {
        assert_eq!(
            parse(&text),
            Err(CredentialError::TooCostly(scheme)),
            "{text}"
        );
    }
}

#[test]
fn nothing_secret_is_printed() {
    for (_, text) in KNOWN {
        let shown = format!("{:?}", parse(text).unwrap());
        assert!(shown.ends_with("redacted)") && shown.len() < 40, "{shown}");
    }
    let error = parse("correct horse").unwrap_err();
    assert!(!error.to_string().contains("horse"));
}

#[test]
fn a_decoy_matches_nothing_and_reads_back() {
    for scheme in Scheme::MADE {
        let decoy = Decoy::of(scheme, &mut random()).unwrap();
        assert_eq!(decoy.credential().scheme(), scheme);
        assert_eq!(
            parse(&decoy.credential().to_stored()).as_ref(),
            Ok(decoy.credential())
        );
        assert_eq!(decoy.credential().verify_pap(PASSWORD), Verdict::Mismatch);
    }
}

#[test]
fn a_decoy_costs_what_a_real_credential_costs() {
    // The text up to the salt holds all that decides the cost, and its length the rest.
    for scheme in Scheme::MADE
        .into_iter()
        .filter(|scheme| scheme.cost() == Cost::Slow)
    {
        let real = Credential::make(scheme, PASSWORD, &mut random())
            .unwrap()
            .to_stored();
        let decoy = Decoy::of(scheme, &mut random())
            .unwrap()
            .credential()
            .to_stored();
        assert_eq!(real.len(), decoy.len());
        let salt = match scheme {
            Scheme::Argon2id => 4,
            _ => 3,
        };
        let head = |text: &str| text.split('$').take(salt).collect::<Vec<_>>().join("$");
        assert_eq!(head(&real), head(&decoy));
    }
}

proptest! {
    #[test]
    fn any_password_made_cheaply_verifies_and_reads_back(
        password in "\\PC{1,64}",
        other in "\\PC{1,64}",
    ) {
        for scheme in [Scheme::Clear, Scheme::Nt, Scheme::Ssha512] {
            let made = Credential::make(scheme, password.as_bytes(), &mut random()).unwrap();
            let read = parse(&made.to_stored()).unwrap();
            prop_assert_eq!(&read, &made);
            prop_assert!(read.verify_pap(password.as_bytes()).is_match());
            let same = read.verify_pap(other.as_bytes()).is_match();
            prop_assert_eq!(same, password == other);
        }
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC{0,80}") {
        if let Ok(credential) = parse(&text) {
            prop_assert_eq!(parse(&credential.to_stored()), Ok(credential));
        }
    }

    #[test]
    fn no_text_with_a_mark_makes_parsing_panic(
        mark in prop::sample::select(vec![
            "{CLEAR}", "{NT}", "{SSHA}", "{SMD5}", "{SHA512}", "{CRYPT}$6$", "$argon2id$v=19$m=",
            "$argon2i$", "$2b$05$", "$2a$", "$5$", "$6$rounds=", "$y$", "$y$j9T$", "$y$j",
        ]),
        rest in "[./0-9A-Za-z$=,+]{0,100}",
    ) {
        let text = [mark, &rest].concat();
        if let Ok(credential) = parse(&text) {
            prop_assert_eq!(parse(&credential.to_stored()), Ok(credential));
        }
    }

    #[test]
    fn a_damaged_hash_never_panics(
        index in 0..KNOWN.len(),
        place in any::<prop::sample::Index>(),
        with in any::<char>(),
    ) {
        let mut characters: Vec<char> = KNOWN[index].1.chars().collect();
        let at = place.index(characters.len());
        characters[at] = with;
        let text: String = characters.into_iter().collect();
        if let Ok(credential) = parse(&text) {
            prop_assert_eq!(parse(&credential.to_stored()), Ok(credential));
        }
    }
}
