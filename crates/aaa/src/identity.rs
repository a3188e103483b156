//! Machines and users, told apart by the names they give.
//!
//! A computer of a Windows domain logs in by itself before anybody sits at it, with a name of its
//! own. Whether machines may come in is another question than whether users may.

use crate::proxy::{check_realm, is_domain};

/// Who gives a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// A computer, as such.
    Machine(Name<'a>),
    /// A person, or anybody else.
    User(Name<'a>),
}

/// A name taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The name by itself: `pc7` of `host/pc7.example.org`, of `EXAMPLE\pc7$` and of `pc7$`.
    pub name: &'a str,
    /// The domain it is in: `example.org` or `EXAMPLE` in these; as it came, never empty.
    pub domain: Option<&'a str>,
    /// What stands behind the last `@`, where that is a realm (RFC 7542); as it came, never empty.
    pub realm: Option<&'a str>,
}

/// The names in a certificate, as far as they tell whose it is. Only those of a certificate that
/// has been verified mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CertificateNames<'a> {
    /// The user principal name of Microsoft (otherName 1.3.6.1.4.1.311.20.2.3).
    pub principal: Option<&'a str>,
    /// The first rfc822Name.
    pub email: Option<&'a str>,
    /// The first dNSName.
    pub dns: Option<&'a str>,
    /// The common name of the subject.
    pub common_name: Option<&'a str>,
}

impl<'a> Identity<'a> {
    /// Takes the identity of EAP, or a User-Name, apart.
    ///
    /// A machine is `host/NAME.DOMAIN`, `NAME$`, or `DOMAIN\NAME$`, each with or without a realm
    /// behind it. Everything else is a user, be it a name at all. Where machines are treated in
    /// another way, this decides nothing before the identity has been proven: anybody can write
    /// `host/`.
    pub fn of(text: &'a str) -> Self {
        let (whole, realm) = match text.rsplit_once('@') {
            Some((whole, realm)) if check_realm(realm).is_ok() => (whole, Some(realm)),
            _ => (text, None),
        };
        if let Some((name, domain)) = host(whole) {
            let name = Name {
                name,
                domain,
                realm,
            };
            return Self::Machine(name);
        }
        let (domain, account) = match whole.split_once('\\') {
            Some((domain, account)) if is_domain(domain) => (Some(domain), account),
            _ => (None, whole),
        };
        let computer = account.strip_suffix('$').filter(|name| is_label(name));
        let name = Name {
            name: computer.unwrap_or(account),
            domain,
            realm,
        };
        if computer.is_some() {
            Self::Machine(name)
        } else {
            Self::User(name)
        }
    }

    /// Takes the names in a certificate apart, `None` where there is none: the principal name
    /// first, then the address for mail, then the name in the DNS, which only machines have, then
    /// the common name.
    pub fn of_certificate(names: &CertificateNames<'a>) -> Option<Self> {
        let filled = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        if let Some(text) = filled(names.principal).or(filled(names.email)) {
            return Some(Self::of(text));
        }
        if let Some(dns) = filled(names.dns) {
            let (name, domain) = split_host(dns);
            let name = Name {
                name,
                domain,
                realm: None,
            };
            return Some(Self::Machine(name));
        }
        filled(names.common_name).map(Self::of)
    }

    /// Whether it is a computer.
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Machine(_))
    }

    /// The name taken apart.
    pub const fn name(&self) -> &Name<'a> {
        match self {
            Self::Machine(name) | Self::User(name) => name,
        }
    }
}

/// The name and domain of `host/NAME.DOMAIN`.
fn host(text: &str) -> Option<(&str, Option<&str>)> {
    let (service, rest) = text.split_at_checked(5)?;
    let is_host = service.eq_ignore_ascii_case("host/") && is_domain(rest);
    is_host.then(|| split_host(rest))
}

fn split_host(host: &str) -> (&str, Option<&str>) {
    match host.split_once('.') {
        Some((name, domain)) if !domain.is_empty() => (name, Some(domain)),
        _ => (host, None),
    }
}

/// The name of a computer.
fn is_label(name: &str) -> bool {
    is_domain(name) && !name.contains('.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> (bool, &str, Option<&str>, Option<&str>) {
        let identity = Identity::of(text);
        let Name {
            name,
            domain,
            realm,
        } = *identity.name();
        (identity.is_machine(), name, domain, realm)
    }

    #[test]
    fn machines_are_told_by_their_names() {
        for (text, name, domain, realm) in [
            ("host/pc7.example.org", "pc7", Some("example.org"), None),
            ("HOST/pc7", "pc7", None, None),
            ("pc7$", "pc7", None, None),
            ("EXAMPLE\\PC-7$", "PC-7", Some("EXAMPLE"), None),
            ("MY_DOM\\pc_7$", "pc_7", Some("MY_DOM"), None),
            ("pc7$@example.org", "pc7", None, Some("example.org")),
            (
                "host/pc7.example.org@EXAMPLE.ORG",
                "pc7",
                Some("example.org"),
                Some("EXAMPLE.ORG"),
            ),
        ] {
            assert_eq!(parts(text), (true, name, domain, realm), "{text}");
        }
    }

    #[test]
    fn everybody_else_is_a_user() {
        for (text, name, domain, realm) in [
            ("tim", "tim", None, None),
            ("tim@example.org", "tim", None, Some("example.org")),
            ("EXAMPLE\\tim", "tim", Some("EXAMPLE"), None),
            ("@example.org", "", None, Some("example.org")),
            ("ca$h", "ca$h", None, None),
            ("big bucks$", "big bucks$", None, None),
            ("a.b$", "a.b$", None, None),
            ("$", "$", None, None),
            ("host/", "host/", None, None),
            ("host/a b", "host/a b", None, None),
            ("host/..", "host/..", None, None),
            ("hostess/tim", "hostess/tim", None, None),
            ("ghost/pc7", "ghost/pc7", None, None),
            ("tim@", "tim@", None, None),
            ("\\tim", "\\tim", None, None),
            ("", "", None, None),
        ] {
            assert_eq!(parts(text), (false, name, domain, realm), "{text}");
        }
    }

    #[test]
    fn a_certificate_is_a_machines_if_only_the_dns_knows_it() {
        let dns = CertificateNames {
            dns: Some("pc7.example.org"),
            common_name: Some("tim"),
            ..CertificateNames::default()
        };
        let machine = Identity::of_certificate(&dns).unwrap();
        assert!(machine.is_machine());
        assert_eq!(machine.name().name, "pc7");
        assert_eq!(machine.name().domain, Some("example.org"));
        let person = CertificateNames {
            principal: Some("tim@example.org"),
            ..dns
        };
        assert!(!Identity::of_certificate(&person).unwrap().is_machine());
        let account = CertificateNames {
            principal: Some("pc7$@example.org"),
            ..dns
        };
        assert!(Identity::of_certificate(&account).unwrap().is_machine());
        let mail = CertificateNames {
            email: Some("tim@example.org"),
            ..dns
        };
        assert!(!Identity::of_certificate(&mail).unwrap().is_machine());
        let common = CertificateNames {
            principal: Some(""),
            common_name: Some("tim"),
            ..CertificateNames::default()
        };
        assert_eq!(Identity::of_certificate(&common), Some(Identity::of("tim")));
        assert_eq!(Identity::of_certificate(&CertificateNames::default()), None);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_into_parts_of_itself(text: String) {
            let identity = Identity::of(&text);
            let Name { name, domain, realm } = *identity.name();
            for part in [Some(name), domain, realm].into_iter().flatten() {
                prop_assert!(text.contains(part));
            }
            prop_assert!(domain != Some("") && realm != Some(""));
            let is_marked = text.contains('$') || text.to_ascii_lowercase().starts_with("host/");
            prop_assert!(is_marked || !identity.is_machine());
        }

        #[test]
        fn any_computer_of_a_domain_is_a_machine(
            name in "[a-zA-Z0-9]{1,15}",
            domain in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        ) {
            for text in [format!("host/{name}.{domain}"), format!("{domain}\\{name}$")] {
                let identity = Identity::of(&text);
                let wanted = Name { name: &name, domain: Some(&domain), realm: None };
                prop_assert_eq!(identity, Identity::Machine(wanted));
            }
        }
    }
}
