use std::borrow::Cow;

/// A User-Name taken apart as a Network Access Identifier (RFC 7542).
///
/// Only for looking up where its owner is at home: what is forwarded is the name as it came, octet
/// by octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nai<'a> {
    name: &'a [u8],
    user: &'a [u8],
    realm: Option<&'a str>,
}

/// Which ways of writing a realm are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameForms {
    /// `DOMAIN\user` too, where there is no `@`. Off by default, because a backslash may be part of
    /// a name.
    pub windows: bool,
}

/// Why a user name cannot be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadName {
    /// Nothing stands behind the `@`.
    #[error("nothing stands behind the @")]
    EmptyRealm,
    /// Longer than an attribute can be.
    #[error("it is longer than 253 octets")]
    Long,
    /// What stands behind the `@` is no realm.
    #[error("what stands behind the @ is no realm")]
    Realm,
}

impl<'a> Nai<'a> {
    /// The most octets of a User-Name.
    pub const MAX: usize = 253;

    /// Takes a user name apart. The realm is what stands behind the last `@`. A name with a NUL or
    /// with octets that are not UTF-8 is no NAI and has no realm (RFC 7542 section 2.6.1).
    ///
    /// # Errors
    /// There is an `@`, but no realm behind it.
    pub fn parse(name: &'a [u8], forms: NameForms) -> Result<Self, BadName> {
        if name.len() > Self::MAX {
            return Err(BadName::Long);
        }
        let whole = Self {
            name,
            user: name,
            realm: None,
        };
        let Ok(text) = std::str::from_utf8(name) else {
            return Ok(whole);
        };
        if text.contains('\0') {
            return Ok(whole);
        }
        if let Some((user, realm)) = text.rsplit_once('@') {
            check_realm(realm)?;
            return Ok(Self {
                name,
                user: user.as_bytes(),
                realm: Some(realm),
            });
        }
        if forms.windows
            && let Some((domain, user)) = text.split_once('\\')
            && is_domain(domain)
        {
            return Ok(Self {
                name,
                user: user.as_bytes(),
                realm: Some(domain),
            });
        }
        Ok(whole)
    }

    /// The name as it came.
    pub const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The part before the realm, or all of a name without one. Empty for an anonymous name.
    pub const fn user(&self) -> &'a [u8] {
        self.user
    }

    /// The realm as it came; never empty.
    pub const fn realm(&self) -> Option<&'a str> {
        self.realm
    }

    /// The realm in lower case: for looking up, and for nothing else.
    pub fn folded_realm(&self) -> Option<String> {
        self.realm.map(fold)
    }

    /// Whether it says where its owner is at home, and not who they are: `@realm`.
    pub const fn is_anonymous(&self) -> bool {
        self.realm.is_some() && self.user.is_empty()
    }

    /// Where the name says how to go on from its realm (`home!user@via`, RFC 4282 section 2.7): the
    /// next realm and the user there, of which the part before the first `!` is the realm.
    pub fn decoration(&self) -> Option<(&'a str, &'a str)> {
        self.realm?;
        let user = std::str::from_utf8(self.user).ok()?;
        let (next, rest) = user.split_once('!')?;
        let is_realm = next.contains('.') && check_realm(next).is_ok();
        (is_realm && !rest.is_empty()).then_some((next, rest))
    }

    /// The name without its realm, for a home server that wants it so. A decorated name moves on to
    /// its next realm. An anonymous one stays whole: nothing would be left of it.
    pub fn stripped(&self) -> Cow<'a, [u8]> {
        match self.decoration() {
            Some((next, user)) => Cow::Owned(format!("{user}@{next}").into_bytes()),
            None if self.is_anonymous() => Cow::Borrowed(self.name),
            None => Cow::Borrowed(self.user),
        }
    }
}

/// A realm in lower case.
pub(super) fn fold(realm: &str) -> String {
    realm.to_lowercase()
}

/// Labels of letters, digits and inner hyphens, joined by dots (RFC 7542 section 2.2). A single
/// label is let pass: routes to such realms exist, and only a route makes one mean something.
pub(crate) fn check_realm(realm: &str) -> Result<(), BadName> {
    if realm.is_empty() {
        return Err(BadName::EmptyRealm);
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(is_realm_character)
    };
    if realm.split('.').all(is_label) {
        Ok(())
    } else {
        Err(BadName::Realm)
    }
}

fn is_realm_character(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => true,
        character if character.is_ascii() => false,
        character => !character.is_control() && !character.is_whitespace(),
    }
}

/// As a realm; the short names of old domains may also have underscores.
pub(crate) fn is_domain(domain: &str) -> bool {
    check_realm(&domain.replace('_', "x")).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOWS: NameForms = NameForms { windows: true };

    fn parts(name: &str, forms: NameForms) -> Result<(&str, Option<&str>), BadName> {
        let nai = Nai::parse(name.as_bytes(), forms)?;
        Ok((std::str::from_utf8(nai.user()).unwrap(), nai.realm()))
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        for (name, user, realm) in [
            ("bob", "bob", None),
            ("joe@example.com", "joe", Some("example.com")),
            ("fred@foo-9.example.com", "fred", Some("foo-9.example.com")),
            ("fred.smith@example.com", "fred.smith", Some("example.com")),
            ("fred_smith@example.com", "fred_smith", Some("example.com")),
            ("fred$@example.com", "fred$", Some("example.com")),
            ("nancy@eng.example.net", "nancy", Some("eng.example.net")),
            ("eng!nancy@example.net", "eng!nancy", Some("example.net")),
            (
                "@privatecorp.example.net",
                "",
                Some("privatecorp.example.net"),
            ),
            ("\\(user\\)@example.net", "\\(user\\)", Some("example.net")),
            (
                "tim@m\u{fc}nchen.example",
                "tim",
                Some("m\u{fc}nchen.example"),
            ),
            ("a@b@example.org", "a@b", Some("example.org")),
            ("", "", None),
        ] {
            assert_eq!(
                parts(name, NameForms::default()),
                Ok((user, realm)),
                "{name}"
            );
        }
        for (name, why) in [
            ("fred@", BadName::EmptyRealm),
            ("@", BadName::EmptyRealm),
            ("fred@example_9.com", BadName::Realm),
            ("fred@example..com", BadName::Realm),
            ("fred@.example.com", BadName::Realm),
            ("fred@example.com.", BadName::Realm),
            ("fred@-example.com", BadName::Realm),
            ("fred@example-.com", BadName::Realm),
            ("fred@example.com ", BadName::Realm),
            ("fred@exa mple.com", BadName::Realm),
            ("fred@example.com\u{a0}", BadName::Realm),
            ("fred@example.com\n", BadName::Realm),
        ] {
            assert_eq!(parts(name, NameForms::default()), Err(why), "{name}");
        }
    }

    #[test]
    fn what_is_no_text_has_no_realm() {
        for name in [
            &b"tim\0@example.org"[..],
            b"tim@exa\xffmple.org",
            b"\xff@a.b",
        ] {
            let nai = Nai::parse(name, NameForms::default()).unwrap();
            assert_eq!((nai.realm(), nai.user()), (None, name));
        }
    }

    #[test]
    fn a_long_name_is_read_and_a_longer_one_is_not() {
        let name = format!("{}@example.org", "n".repeat(Nai::MAX - 12));
        assert!(parts(&name, NameForms::default()).is_ok());
        let longer = format!("n{name}");
        assert_eq!(parts(&longer, NameForms::default()), Err(BadName::Long));
    }

    #[test]
    fn a_windows_domain_is_a_realm_where_that_is_wanted() {
        let name = "OUR_CORP\\tim";
        assert_eq!(parts(name, NameForms::default()), Ok((name, None)));
        assert_eq!(parts(name, WINDOWS), Ok(("tim", Some("OUR_CORP"))));
        assert_eq!(
            parts("CORP\\tim@example.org", WINDOWS),
            Ok(("CORP\\tim", Some("example.org")))
        );
        assert_eq!(parts("\\tim", WINDOWS), Ok(("\\tim", None)));
    }

    #[test]
    fn a_decorated_name_moves_on_and_an_anonymous_one_stays() {
        let strip = |name: &str| {
            let nai = Nai::parse(name.as_bytes(), NameForms::default()).unwrap();
            String::from_utf8(nai.stripped().into_owned()).unwrap()
        };
        assert_eq!(strip("tim@example.org"), "tim");
        assert_eq!(strip("home.example!tim@via.example"), "tim@home.example");
        assert_eq!(
            strip("b.example!a.example!tim@via.example"),
            "a.example!tim@b.example"
        );
        assert_eq!(strip("eng!tim@example.org"), "eng!tim");
        assert_eq!(strip("home.example!@via.example"), "home.example!");
        assert_eq!(strip("@example.org"), "@example.org");
        assert_eq!(strip("tim"), "tim");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(name: Vec<u8>, windows: bool) {
            if let Ok(nai) = Nai::parse(&name, NameForms { windows }) {
                prop_assert_eq!(nai.name(), &name[..]);
                match nai.realm() {
                    None => prop_assert_eq!(nai.user(), &name[..]),
                    Some(realm) => {
                        prop_assert!(!realm.is_empty());
                        prop_assert_eq!(nai.user().len() + 1 + realm.len(), name.len());
                    }
                }
                prop_assert_eq!(nai.stripped().is_empty(), nai.user().is_empty()
                    && !nai.is_anonymous());
            }
        }

        #[test]
        fn what_is_put_together_is_taken_apart(
            user in "[^@\0]{0,60}",
            realm in "[a-zA-Z0-9]{1,20}(\\.[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?){0,4}",
        ) {
            let name = format!("{user}@{realm}");
            prop_assume!(name.len() <= Nai::MAX);
            let nai = Nai::parse(name.as_bytes(), WINDOWS).unwrap();
            prop_assert_eq!(nai.user(), user.as_bytes());
            prop_assert_eq!(nai.realm(), Some(realm.as_str()));
            let upper = name.to_uppercase();
            if let Ok(upper) = Nai::parse(upper.as_bytes(), WINDOWS) {
                prop_assert_eq!(upper.folded_realm(), nai.folded_realm());
            }
        }
    }
}
