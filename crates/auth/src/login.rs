//! The client's side: what to send to be let in, and what to expect back.

use portreeve_proto::{
    AttributeList, MAX_USER_PASSWORD, Packet, Random,
    attr::{self, microsoft},
};
use subtle::ConstantTimeEq as _;

use crate::{
    Method, PasswordError, chap,
    mppe::StartKeys,
    mschap::{
        CHALLENGE_OCTETS, ErrorText, NtHash, SUCCESS_OCTETS, V1Response, V2_CHALLENGE_OCTETS,
        V2Response,
    },
    wire,
};

/// Octets in the challenges a client makes up for CHAP, standing in for a NAS.
const CHAP_CHALLENGE_OCTETS: usize = 16;

/// A log-in about to be tried. A client that tests a server plays the subscriber and the NAS at
/// once, so it makes up the challenge that it answers.
#[derive(Debug)]
pub struct Login {
    attributes: AttributeList,
    authenticator: Option<[u8; 16]>,
    expectation: Expectation,
}

impl Login {
    /// Prepares a log-in by `method`: User-Name and what the method sends. `random` makes the
    /// identifier and the challenges.
    ///
    /// # Errors
    ///
    /// [`PasswordError::TooLong`] if the method cannot carry the password.
    pub fn new(
        method: Method,
        user: &str,
        password: &str,
        random: &mut dyn Random,
    ) -> Result<Self, PasswordError> {
        let attributes = AttributeList::new().with(attr::USER_NAME, user);
        let mut login = Self {
            attributes,
            authenticator: None,
            expectation: Expectation::nothing(),
        };
        match method {
            Method::Pap => login.pap(password)?,
            Method::Chap => {
                let challenge = fresh::<CHAP_CHALLENGE_OCTETS>(random);
                login.chap(password, &challenge, random);
                login.attributes.add(attr::CHAP_CHALLENGE, challenge);
            }
            Method::MsChapV1 => login.v1(password, random)?,
            Method::MsChapV2 => login.v2(user, password, random)?,
        }
        Ok(login)
    }

    /// Prepares a CHAP log-in without CHAP-Challenge: the Request Authenticator is the challenge
    /// (RFC 2865 section 5.3), so the request must be sent under [`Login::authenticator`].
    pub fn chap_without_challenge(user: &str, password: &str, random: &mut dyn Random) -> Self {
        let authenticator = fresh(random);
        let mut login = Self {
            attributes: AttributeList::new().with(attr::USER_NAME, user),
            authenticator: Some(authenticator),
            expectation: Expectation::nothing(),
        };
        login.chap(password, &authenticator, random);
        login
    }

    /// What to send.
    pub const fn attributes(&self) -> &AttributeList {
        &self.attributes
    }

    /// The Request Authenticator to send it under, if it matters.
    pub const fn authenticator(&self) -> Option<[u8; 16]> {
        self.authenticator
    }

    /// What to hold the reply against.
    pub const fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// What to send, and what to hold the reply against.
    pub fn into_parts(self) -> (AttributeList, Expectation) {
        (self.attributes, self.expectation)
    }

    fn pap(&mut self, password: &str) -> Result<(), PasswordError> {
        if password.len() > MAX_USER_PASSWORD {
            return Err(PasswordError::TooLong);
        }
        self.attributes.add(attr::USER_PASSWORD, password);
        Ok(())
    }

    fn chap(&mut self, password: &str, challenge: &[u8], random: &mut dyn Random) {
        let [ident] = fresh(random);
        let response = chap::response(ident, password.as_bytes(), challenge);
        wire::push_with_ident(&mut self.attributes, attr::CHAP_PASSWORD, ident, &response);
    }

    fn v1(&mut self, password: &str, random: &mut dyn Random) -> Result<(), PasswordError> {
        let hash = NtHash::of(password)?;
        let challenge = fresh::<CHALLENGE_OCTETS>(random);
        let [ident] = fresh(random);
        let response = V1Response::answer(ident, &challenge, &hash);
        self.attributes.add(microsoft::CHAP_CHALLENGE, challenge);
        self.attributes
            .add(microsoft::CHAP_RESPONSE, response.to_octets());
        self.expectation.ident = Some(ident);
        Ok(())
    }

    fn v2(
        &mut self,
        user: &str,
        password: &str,
        random: &mut dyn Random,
    ) -> Result<(), PasswordError> {
        let hash = NtHash::of(password)?;
        let challenge = fresh::<V2_CHALLENGE_OCTETS>(random);
        let [ident] = fresh(random);
        let response = V2Response::answer(ident, &challenge, user.as_bytes(), &hash, random);
        self.attributes.add(microsoft::CHAP_CHALLENGE, challenge);
        self.attributes
            .add(microsoft::CHAP2_RESPONSE, response.to_octets());
        let success = response.success(&challenge, user.as_bytes(), &hash);
        let keys = StartKeys::of(&hash, &response.nt_response);
        self.expectation = Expectation {
            ident: Some(ident),
            server: Some((success, keys)),
        };
        Ok(())
    }
}

/// What a client holds the reply against: the server's own proof, where the method has one.
#[derive(Clone)]
pub struct Expectation {
    ident: Option<u8>,
    server: Option<([u8; SUCCESS_OCTETS], StartKeys)>,
}

impl Expectation {
    const fn nothing() -> Self {
        Self {
            ident: None,
            server: None,
        }
    }

    /// Checks an Access-Accept that has been verified as the answer: after MS-CHAPv2 it must
    /// prove that the server knows the password too. For other methods there is nothing to check.
    ///
    /// # Errors
    ///
    /// [`ServerUnproven`]; the client must then treat the Accept as a refusal (RFC 2759
    /// section 5).
    pub fn check_accept(&self, accept: &Packet<'_>) -> Result<(), ServerUnproven> {
        let Some((success, _)) = &self.server else {
            return Ok(());
        };
        let value = accept
            .get(microsoft::CHAP2_SUCCESS)
            .ok_or(ServerUnproven::Missing)?;
        let (ident, text) = value.split_first().ok_or(ServerUnproven::Wrong)?;
        let text = text.get(..SUCCESS_OCTETS).unwrap_or_default();
        if Some(*ident) == self.ident && bool::from(text.ct_eq(success)) {
            Ok(())
        } else {
            Err(ServerUnproven::Wrong)
        }
    }

    /// Why an Access-Reject refuses, in the server's words, if it carries MS-CHAP-Error.
    pub fn error_of(&self, reject: &Packet<'_>) -> Option<ErrorText> {
        let (_, text) = reject.get(wire::MS_CHAP_ERROR)?.split_first()?;
        ErrorText::parse(text)
    }

    /// The keys that the Access-Accept must carry in MS-MPPE-Send-Key and MS-MPPE-Recv-Key after
    /// MS-CHAPv2.
    pub fn start_keys(&self) -> Option<&StartKeys> {
        self.server.as_ref().map(|(_, keys)| keys)
    }
}

impl std::fmt::Debug for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expectation(redacted)")
    }
}

/// Why an Access-Accept is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ServerUnproven {
    /// It carries no MS-CHAP2-Success.
    #[error("the server accepted without proving that it knows the password")]
    Missing,
    /// Its MS-CHAP2-Success is wrong.
    #[error("the server's proof that it knows the password is wrong")]
    Wrong,
}

fn fresh<const N: usize>(random: &mut dyn Random) -> [u8; N] {
    let mut octets = [0; N];
    random.fill(&mut octets);
    octets
}
