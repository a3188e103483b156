//! The client's side: an access point and a device in one.

use portreeve_auth::eap::{
    Msk, Surroundings,
    peer::{Outcome, Supplicant, Trouble, Turn},
};
use portreeve_proto::{
    AttributeList,
    attr::{self, microsoft},
};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::unix_s;
use crate::{Access, AccessOutcome, Client, Error, client::Response, random::OsRandom};

/// The most Access-Requests of one log-in.
const MAX_ROUNDS: u16 = 120;
/// The most octets of one Response, unless Framed-MTU says less.
const FRAGMENT_OCTETS: usize = 1400;
/// The fewest, whatever it says.
const LEAST_OCTETS: usize = 64;
/// What the EAPOL header takes of Framed-MTU (RFC 3579 section 2.4).
const EAPOL_OCTETS: usize = 4;

/// How a log-in by EAP went.
#[derive(Debug)]
pub struct LogIn {
    /// Whether the device is in, as it sees it.
    pub outcome: Result<Outcome, Trouble>,
    /// The server's last answer.
    pub response: Response,
    /// How many Access-Requests it took.
    pub rounds: u16,
    /// How the keys of both sides compare.
    pub keys: Keys,
}

/// How the key of the device and the one in the Access-Accept compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// There are none on either side.
    None,
    /// They are the same.
    Same,
    /// They differ, or one side has none: no frame would get through.
    Differ,
}

impl LogIn {
    /// Whether the device would be on the network: both sides say so, with the same keys.
    pub fn is_in(&self) -> bool {
        self.outcome.is_ok() && self.keys != Keys::Differ
    }
}

/// Logs in by EAP: plays the access point for `supplicant`, with `attributes` in every
/// Access-Request. User-Name is the supplicant's identity unless they have one (RFC 3579
/// section 2.1). Framed-MTU, where it is among them, bounds what the device sends too.
///
/// # Errors
/// Where a request has no answer that counts. A server that refuses is no error: see
/// [`LogIn::outcome`].
pub async fn log_in(
    client: &Client,
    mut supplicant: Supplicant,
    attributes: &AttributeList,
) -> Result<LogIn, Error> {
    let mut random = OsRandom::new()?;
    let mut message = supplicant.begin(0).unwrap_or_default();
    let user = supplicant.identity().to_vec();
    let mut state: Option<Vec<u8>> = None;
    let mut rounds = 0;
    let mtu = mtu(attributes);
    loop {
        let mut access = Access::bare(attributes.clone());
        if !attributes.contains(&attr::USER_NAME.spec().oid) {
            access = access.with_all(&user_name(&user));
        }
        access = access.with(attr::EAP_MESSAGE, &message[..]);
        if let Some(state) = &state {
            access = access.with(attr::STATE, &state[..]);
        }
        rounds += 1;
        let outcome = client.access(access).await?;
        let response = outcome.response();
        let packet = response.joined(attr::EAP_MESSAGE).unwrap_or_default();
        let mut around = Surroundings {
            random: &mut random,
            unix_s: unix_s(),
            mtu,
        };
        let turn = supplicant.receive(&packet, &mut around);
        match (outcome, turn) {
            (AccessOutcome::Challenge(response), Turn::Respond(octets)) if rounds < MAX_ROUNDS => {
                state = response.joined(attr::STATE);
                message = octets;
            }
            (outcome, turn) => return Ok(ended(outcome, turn, rounds)),
        }
    }
}

fn mtu(attributes: &AttributeList) -> usize {
    let found = attributes.find(&attr::FRAMED_MTU.spec().oid);
    let octets = found.and_then(|entry| <[u8; 4]>::try_from(entry.value).ok());
    let framed = octets.and_then(|octets| usize::try_from(u32::from_be_bytes(octets)).ok());
    framed.map_or(FRAGMENT_OCTETS, |framed| {
        framed
            .saturating_sub(EAPOL_OCTETS)
            .clamp(LEAST_OCTETS, FRAGMENT_OCTETS)
    })
}

fn ended(outcome: AccessOutcome, turn: Turn, rounds: u16) -> LogIn {
    let is_accept = outcome.is_accept();
    // RFC 3579 section 2.6.3 wants an EAP-Failure in it; its absence changes nothing.
    let is_bare_reject =
        matches!(&outcome, AccessOutcome::Reject(_)) && !outcome.response().has(attr::EAP_MESSAGE);
    let (AccessOutcome::Accept(response)
    | AccessOutcome::Challenge(response)
    | AccessOutcome::Reject(response)) = outcome;
    let outcome = match turn {
        Turn::Ignored(_) if is_bare_reject => Err(Trouble::Rejected),
        Turn::Succeeded(outcome) if is_accept => Ok(outcome),
        Turn::Failed(trouble) => Err(trouble),
        Turn::Succeeded(_) => Err(contradiction("EAP-Success outside an Access-Accept")),
        Turn::Respond(_) => Err(contradiction(
            "no end, or an EAP-Request outside a challenge",
        )),
        Turn::Ignored(_) if is_accept => Err(contradiction(
            "an Access-Accept before the device was content",
        )),
        Turn::Ignored(why) => Err(Trouble::RejectedBecause(why.to_string())),
    };
    let keys = match &outcome {
        Ok(outcome) => compare(outcome.msk.as_ref(), &response),
        Err(_) => Keys::None,
    };
    LogIn {
        outcome,
        response,
        rounds,
        keys,
    }
}

fn compare(msk: Option<&Msk>, response: &Response) -> Keys {
    let receive = response.reveal(microsoft::MPPE_RECV_KEY);
    let send = response.reveal(microsoft::MPPE_SEND_KEY);
    match (msk, receive, send) {
        (None, None, None) => Keys::None,
        (Some(msk), Some(receive), Some(send)) => {
            let is_whole = msk.receive_key().ct_eq(&receive) & msk.send_key().ct_eq(&send);
            // Some servers give the two keys of MS-CHAPv2, of 16 octets, as they do without EAP.
            let halves = Zeroizing::new([&receive[..], &send[..]].concat());
            let is_halved = msk.receive_key().ct_eq(&halves);
            if bool::from(is_whole | is_halved) {
                Keys::Same
            } else {
                Keys::Differ
            }
        }
        _ => Keys::Differ,
    }
}

fn contradiction(what: &str) -> Trouble {
    Trouble::RejectedBecause(format!("the server contradicts itself: {what}"))
}

/// User-Name need not be text.
fn user_name(octets: &[u8]) -> AttributeList {
    let mut list = AttributeList::new();
    list.push(attr::USER_NAME.spec(), 0, octets);
    list
}
