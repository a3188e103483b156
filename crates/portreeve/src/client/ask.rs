//! What a client asks for.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use portreeve_auth::{Expectation, Login, Method};
use portreeve_proto::{
    Ask, Attr, AttributeList, DynamicLimits, Random,
    attr::{self, Encodes, Kind, acct_status_type},
};
use zeroize::Zeroizing;

use super::Retry;
use crate::Error;

/// A log-in to try. `Debug` shows no password.
#[derive(Clone)]
#[must_use]
pub struct Access {
    how: How,
    attributes: AttributeList,
}

#[derive(Clone)]
enum How {
    /// The attributes say it all.
    Bare,
    By(Method, Credentials),
    ChapWithoutChallenge(Credentials),
}

#[derive(Clone)]
struct Credentials {
    user: Box<str>,
    password: Zeroizing<String>,
}

impl Access {
    /// By PAP: the password goes to the server, hidden under the shared secret.
    pub fn pap(user: &str, password: &str) -> Self {
        Self::by(Method::Pap, user, password)
    }

    /// By CHAP, with a challenge of our own making in CHAP-Challenge.
    pub fn chap(user: &str, password: &str) -> Self {
        Self::by(Method::Chap, user, password)
    }

    /// By CHAP, with the Request Authenticator as the challenge (RFC 2865 section 5.3).
    pub fn chap_without_challenge(user: &str, password: &str) -> Self {
        Self::new(How::ChapWithoutChallenge(Credentials::new(user, password)))
    }

    /// By MS-CHAP version 1.
    pub fn mschapv1(user: &str, password: &str) -> Self {
        Self::by(Method::MsChapV1, user, password)
    }

    /// By MS-CHAP version 2. An Accept counts only if the server proves that it knows the password
    /// too.
    pub fn mschapv2(user: &str, password: &str) -> Self {
        Self::by(Method::MsChapV2, user, password)
    }

    /// By any method.
    pub fn by(method: Method, user: &str, password: &str) -> Self {
        Self::new(How::By(method, Credentials::new(user, password)))
    }

    /// With attributes alone: for methods that are carried out elsewhere, such as EAP. Add
    /// [`attr::STATE`] as it came to go on after a Challenge.
    pub fn bare(attributes: AttributeList) -> Self {
        Self {
            how: How::Bare,
            attributes,
        }
    }

    fn new(how: How) -> Self {
        Self {
            how,
            attributes: AttributeList::new(),
        }
    }

    /// Appends an attribute; the value's type must fit the attribute's kind.
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.attributes.add(attr, value);
        self
    }

    /// Appends attributes known only at run time.
    pub fn with_all(mut self, attributes: &AttributeList) -> Self {
        self.attributes.extend(attributes);
        self
    }

    pub(super) fn prepare(&self, random: &mut dyn Random) -> Result<Prepared, Error> {
        let mut prepared = Prepared::new(Ask::Access, AttributeList::new());
        let login = match &self.how {
            How::Bare => None,
            How::By(method, who) => Some(Login::new(*method, &who.user, &who.password, random)?),
            How::ChapWithoutChallenge(who) => Some(Login::chap_without_challenge(
                &who.user,
                &who.password,
                random,
            )),
        };
        if let Some(login) = login {
            prepared.authenticator = login.authenticator();
            let (attributes, expectation) = login.into_parts();
            prepared.attributes = attributes;
            prepared.expectation = Some(expectation);
        }
        prepared.attributes.extend(&self.attributes);
        Ok(prepared)
    }
}

impl Credentials {
    fn new(user: &str, password: &str) -> Self {
        Self {
            user: user.into(),
            password: Zeroizing::new(password.to_owned()),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, user) = match &self.how {
            How::Bare => ("bare", None),
            How::By(method, who) => (method.label(), Some(&who.user)),
            How::ChapWithoutChallenge(who) => ("CHAP", Some(&who.user)),
        };
        f.debug_struct("Access")
            .field("method", &method)
            .field("user", &user)
            .field("attributes", &self.attributes)
            .finish()
    }
}

/// A record of what was used (RFC 2866).
#[derive(Debug, Clone)]
#[must_use]
pub struct Accounting {
    attributes: AttributeList,
}

impl Accounting {
    /// A session has begun.
    pub fn start(session: &str) -> Self {
        Self::of(acct_status_type::START, session)
    }

    /// A session goes on.
    pub fn interim(session: &str) -> Self {
        Self::of(acct_status_type::INTERIM_UPDATE, session)
    }

    /// A session has ended.
    pub fn stop(session: &str) -> Self {
        Self::of(acct_status_type::STOP, session)
    }

    /// The device has started to account: sessions from before are over. `boot` is an
    /// Acct-Session-Id (RFC 2866 section 5.5 wants one here too) that is unique for each start of
    /// the device.
    pub fn on(boot: &str) -> Self {
        Self::of(acct_status_type::ACCOUNTING_ON, boot)
    }

    /// The device is about to stop: its sessions are over. `boot` as in [`Self::on`].
    pub fn off(boot: &str) -> Self {
        Self::of(acct_status_type::ACCOUNTING_OFF, boot)
    }

    /// A record of any kind.
    pub fn bare(attributes: AttributeList) -> Self {
        Self { attributes }
    }

    fn of(status: u32, session: &str) -> Self {
        let attributes = AttributeList::new()
            .with(attr::ACCT_STATUS_TYPE, status)
            .with(attr::ACCT_SESSION_ID, session);
        Self { attributes }
    }

    /// Appends an attribute; the value's type must fit the attribute's kind. Acct-Delay-Time is the
    /// delay up to the first transmission; what passes after it is added.
    pub fn with<K: Kind>(mut self, attr: Attr<K>, value: impl Encodes<K>) -> Self {
        self.attributes.add(attr, value);
        self
    }

    /// Appends attributes known only at run time.
    pub fn with_all(mut self, attributes: &AttributeList) -> Self {
        self.attributes.extend(attributes);
        self
    }

    pub(super) fn prepare(&self) -> Prepared {
        Prepared::new(Ask::Accounting, self.attributes.clone())
    }
}

/// A request before it has an identifier.
pub(super) struct Prepared {
    pub(super) ask: Ask,
    pub(super) attributes: AttributeList,
    /// Whether Message-Authenticator is added where it need not be.
    pub(super) protect: bool,
    /// Whether every new packet says when it was sent, where the caller does not.
    pub(super) stamp: bool,
    /// A Request Authenticator that matters.
    pub(super) authenticator: Option<[u8; 16]>,
    pub(super) expectation: Option<Expectation>,
}

impl Prepared {
    pub(super) fn new(ask: Ask, attributes: AttributeList) -> Self {
        Self {
            ask,
            attributes,
            protect: false,
            stamp: false,
            authenticator: None,
            expectation: None,
        }
    }

    /// RFC 2865 section 4.1 and RFC 2866 section 4.1 want one of three attributes that name the
    /// device.
    pub(super) fn name_device(&mut self, identifier: &str) {
        let named = [
            attr::NAS_IDENTIFIER.spec(),
            attr::NAS_IP_ADDRESS.spec(),
            attr::NAS_IPV6_ADDRESS.spec(),
        ];
        if !named.iter().any(|spec| self.attributes.contains(&spec.oid)) {
            self.attributes.add(attr::NAS_IDENTIFIER, identifier);
        }
    }

    /// RADIUS/1.1 has no authenticator to challenge with, so the challenge becomes an attribute
    /// (RFC 9765 section 5.1.2).
    pub(super) fn with_challenge(&self, attributes: AttributeList) -> AttributeList {
        match &self.authenticator {
            Some(challenge) => attributes.with(attr::CHAP_CHALLENGE, &challenge[..]),
            None => attributes,
        }
    }

    /// How long to try. What changes a session is given up before it could be taken for a replay
    /// (RFC 5176 section 6.3).
    pub(super) fn within_window(&self, retry: Retry) -> Retry {
        if !self.ask.code().is_dynamic() {
            return retry;
        }
        let duration = match retry.duration {
            Duration::ZERO => DynamicLimits::WINDOW,
            duration => duration.min(DynamicLimits::WINDOW),
        };
        Retry { duration, ..retry }
    }

    /// How long an identifier is left alone after its use. Whoever tells what changes a session
    /// from what came before by port and identifier alone does so for a window (RFC 5176 section
    /// 2.3).
    pub(super) fn rest(&self) -> Duration {
        if self.ask.code().is_dynamic() {
            DynamicLimits::WINDOW
        } else {
            Duration::ZERO
        }
    }

    /// The attributes of a new packet, with the time where that is ours to say. A retransmission is
    /// no new packet.
    pub(super) fn stamped(&self, attributes: AttributeList, clock: SystemTime) -> AttributeList {
        if !self.stamp || attributes.contains(&attr::EVENT_TIMESTAMP.spec().oid) {
            return attributes;
        }
        let since_1970 = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = u32::try_from(since_1970.as_secs()).unwrap_or(u32::MAX);
        attributes.with(attr::EVENT_TIMESTAMP, seconds)
    }

    /// Whether every transmission is a packet of its own, because it tells how old the record is
    /// (RFC 2866 section 5.2).
    pub(super) fn ages(&self) -> bool {
        self.ask == Ask::Accounting
    }

    /// The attributes as they are some whole seconds after the first transmission.
    pub(super) fn attributes_after(&self, seconds: u32) -> AttributeList {
        let delay = attr::ACCT_DELAY_TIME.spec();
        let before = self.attributes.find(&delay.oid).map_or(0, |entry| {
            <[u8; 4]>::try_from(entry.value).map_or(0, u32::from_be_bytes)
        });
        if !self.ages() || seconds == 0 {
            return self.attributes.clone();
        }
        let mut aged = AttributeList::new();
        for entry in self
            .attributes
            .iter()
            .filter(|entry| entry.spec.oid != delay.oid)
        {
            aged.push(&entry.spec, entry.tag, entry.value);
        }
        aged.with(attr::ACCT_DELAY_TIME, before.saturating_add(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(list: &AttributeList) -> Option<Vec<u8>> {
        list.find(&attr::ACCT_DELAY_TIME.spec().oid)
            .map(|entry| entry.value.to_vec())
    }

    #[test]
    fn a_record_ages_and_the_callers_attributes_do_not() {
        let prepared = Accounting::start("a").prepare();
        assert_eq!(delay(&prepared.attributes_after(0)), None);
        assert_eq!(delay(&prepared.attributes_after(3)), Some(vec![0, 0, 0, 3]));
        assert_eq!(delay(&prepared.attributes), None);
        let late = Accounting::stop("a")
            .with(attr::ACCT_DELAY_TIME, 250)
            .prepare();
        let aged = late.attributes_after(7);
        assert_eq!(delay(&aged), Some(vec![0, 0, 1, 1]));
        assert_eq!(aged.len(), late.attributes.len());
        assert_eq!(delay(&late.attributes_after(0)), Some(vec![0, 0, 0, 250]));
    }

    #[test]
    fn a_device_is_named_where_the_caller_does_not() {
        let mut prepared = Accounting::start("a").prepare();
        prepared.name_device("us");
        assert!(
            prepared
                .attributes
                .contains(&attr::NAS_IDENTIFIER.spec().oid)
        );
        let address = std::net::Ipv4Addr::LOCALHOST;
        let mut prepared = Accounting::start("a")
            .with(attr::NAS_IP_ADDRESS, address)
            .prepare();
        prepared.name_device("us");
        assert!(
            !prepared
                .attributes
                .contains(&attr::NAS_IDENTIFIER.spec().oid)
        );
    }

    #[test]
    fn what_changes_a_session_is_stamped_anew_in_each_packet_and_given_up_in_time() {
        let mut prepared = Prepared::new(Ask::Coa, AttributeList::new());
        prepared.stamp = true;
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for seconds in [1_u32, 1_800_000_000] {
            let list = prepared.stamped(AttributeList::new(), at(seconds.into()));
            let stamp = list
                .find(&attr::EVENT_TIMESTAMP.spec().oid)
                .unwrap()
                .value
                .to_vec();
            assert_eq!(stamp, seconds.to_be_bytes());
            let again = prepared.stamped(list.clone(), at(9));
            assert_eq!(again.len(), list.len(), "the caller's own stays");
        }
        let longest = prepared.within_window(Retry::forever()).duration;
        assert_eq!(longest, Duration::from_mins(5));
        let short = Retry::once(Duration::from_secs(3));
        assert_eq!(prepared.within_window(short), short);
        let record = Accounting::start("a").prepare();
        assert_eq!(record.within_window(Retry::forever()), Retry::forever());
        assert_eq!(record.rest(), Duration::ZERO);
    }

    #[test]
    fn passwords_do_not_print() {
        let access = Access::pap("tim", "hunter2").with(attr::USER_PASSWORD, "hunter2");
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
