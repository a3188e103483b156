//! By what somebody proves who they are, inside and out.

use std::fmt;

use super::Type;
use crate::Method;

/// What is proven inside a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inner {
    /// By another EAP method.
    Eap(Type),
    /// By what RADIUS has without EAP (RFC 5281 section 11.2).
    Plain(Method),
}

/// A method, and the method inside it where it is a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Means {
    outer: Type,
    inner: Option<Inner>,
}

impl Means {
    /// A method by itself.
    pub const fn alone(outer: Type) -> Self {
        Self { outer, inner: None }
    }

    /// A method inside a tunnel.
    pub const fn inside(outer: Type, inner: Inner) -> Self {
        Self {
            outer,
            inner: Some(inner),
        }
    }

    /// The method that the access point sees.
    pub const fn outer(self) -> Type {
        self.outer
    }

    /// The method inside, if it is a tunnel and something has been chosen inside.
    pub const fn inner(self) -> Option<Inner> {
        self.inner
    }

    /// What a stored credential must serve for these means; `None` where no credential is asked
    /// for: a certificate is, or it is a method from elsewhere.
    pub const fn needs(self) -> Option<Method> {
        match self.inner {
            Some(Inner::Plain(method)) => Some(method),
            Some(Inner::Eap(kind)) => needs(kind),
            None => needs(self.outer),
        }
    }
}

const fn needs(kind: Type) -> Option<Method> {
    match kind {
        // EAP-pwd wants the password in clear, as CHAP does.
        Type::MD5 | Type::PWD => Some(Method::Chap),
        Type::GTC => Some(Method::Pap),
        Type::MSCHAPV2 => Some(Method::MsChapV2),
        _ => None,
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(inner) = self.inner else {
            return self.outer.fmt(f);
        };
        let outer = match self.outer {
            Type::TTLS => "TTLS",
            other => other.name().unwrap_or("EAP"),
        };
        match inner {
            Inner::Plain(method) => write!(f, "{outer}-{}", method.words()),
            Inner::Eap(kind) if self.outer == Type::TTLS => write!(f, "{outer}-{kind}"),
            Inner::Eap(Type::MSCHAPV2) => write!(f, "{outer}-MSCHAPv2"),
            Inner::Eap(Type::GTC) => write!(f, "{outer}-GTC"),
            Inner::Eap(Type::TLS) => write!(f, "{outer}-TLS"),
            Inner::Eap(kind) => write!(f, "{outer}-{kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_read_as_people_say_them() {
        let cases = [
            (Means::alone(Type::TLS), "EAP-TLS"),
            (
                Means::inside(Type::PEAP, Inner::Eap(Type::MSCHAPV2)),
                "PEAP-MSCHAPv2",
            ),
            (Means::inside(Type::TEAP, Inner::Eap(Type::TLS)), "TEAP-TLS"),
            (
                Means::inside(Type::TTLS, Inner::Plain(Method::Pap)),
                "TTLS-PAP",
            ),
            (
                Means::inside(Type::TTLS, Inner::Eap(Type::MSCHAPV2)),
                "TTLS-EAP-MSCHAPv2",
            ),
        ];
        for (means, words) in cases {
            assert_eq!(means.to_string(), words);
        }
    }
}
