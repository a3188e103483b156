//! How somebody proves who they are, and what the router checks in the answer.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use portreeve_auth::{Expectation, Login, Method, mppe::StartKeys};
use portreeve_proto::{
    AttributeList,
    attr::{self, microsoft},
};

use super::wire::{Answer, random};

/// What the router sends for somebody, and what it expects.
pub(super) struct Proof {
    /// The method's attributes, without User-Name.
    pub(super) attributes: AttributeList,
    expectation: Option<Expectation>,
}

/// Why an Access-Accept is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproven {
    /// MS-CHAP2-Success is missing or wrong.
    Server,
    /// The keys for MPPE are missing or wrong.
    Keys,
}

impl Proof {
    /// By a method. `None` where the method cannot carry the password.
    pub(super) fn by(method: Method, user: &str, password: &str) -> Option<Self> {
        let login = Login::new(method, user, password, &mut random).ok()?;
        let (all, expectation) = login.into_parts();
        let mut attributes = AttributeList::new();
        let others = all
            .iter()
            .filter(|it| it.spec.oid != attr::USER_NAME.spec().oid);
        for entry in others {
            attributes.push(&entry.spec, entry.tag, entry.value);
        }
        Some(Self {
            attributes,
            expectation: Some(expectation),
        })
    }

    /// A password in the clear, which may be empty: MAC log-ins and leases.
    pub(super) fn plain(password: &str) -> Self {
        Self {
            attributes: AttributeList::new().with(attr::USER_PASSWORD, password),
            expectation: None,
        }
    }

    /// Whether an Access-Accept proves what it has to. `encrypts`: the link needs keys.
    pub(super) fn check(&self, answer: &Answer, encrypts: bool) -> Result<(), Unproven> {
        let Some(expectation) = &self.expectation else {
            return Ok(());
        };
        expectation
            .check_accept(&answer.packet())
            .map_err(|_| Unproven::Server)?;
        match expectation.start_keys() {
            Some(keys) if encrypts => check_keys(answer, keys),
            _ => Ok(()),
        }
    }
}

fn check_keys(answer: &Answer, keys: &StartKeys) -> Result<(), Unproven> {
    let send = answer.reveal(microsoft::MPPE_SEND_KEY.spec());
    let receive = answer.reveal(microsoft::MPPE_RECV_KEY.spec());
    match (send, receive) {
        (Some(send), Some(receive)) if same(&send, &*keys.send) && same(&receive, &*keys.recv) => {
            Ok(())
        }
        _ => Err(Unproven::Keys),
    }
}

fn same(given: &[u8], due: &[u8]) -> bool {
    verify_slices_are_equal(given, due).is_ok()
}

/// The methods that a server's `authentication` allows, in the order in which a client and a
/// router agree on them: the strongest first.
pub(super) fn agreed(allowed: &str, wanted: Option<Method>) -> Option<Method> {
    let order = [
        ("mschap2", Method::MsChapV2),
        ("mschap1", Method::MsChapV1),
        ("chap", Method::Chap),
        ("pap", Method::Pap),
    ];
    let is_allowed = |name: &str| allowed.split(',').any(|it| it.trim() == name);
    let mut methods = order.into_iter().filter(|(name, _)| is_allowed(name));
    let found = methods.find(|(_, method)| wanted.is_none_or(|wanted| wanted == *method));
    found.map(|(_, method)| method)
}

/// The method of a name: `pap`, `chap`, `mschap1`, `mschap2`.
pub(super) fn named(name: &str) -> Option<Method> {
    agreed(name, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_that_both_have() {
        let all = "pap,chap,mschap1,mschap2";
        assert_eq!(agreed(all, None), Some(Method::MsChapV2));
        assert_eq!(agreed("pap,chap", None), Some(Method::Chap));
        assert_eq!(agreed(all, Some(Method::Pap)), Some(Method::Pap));
        assert_eq!(agreed("mschap1,mschap2", Some(Method::Pap)), None);
        assert_eq!(agreed("", None), None);
    }

    #[test]
    fn the_name_is_not_said_twice() {
        let proof = Proof::by(Method::Chap, "tim", "12345").unwrap();
        let numbers: Vec<u8> = proof
            .attributes
            .iter()
            .map(|it| it.spec.oid.top())
            .collect();
        assert_eq!(numbers, [3, 60]);
    }
}
