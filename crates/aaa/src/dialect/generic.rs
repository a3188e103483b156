use portreeve_proto::{AttributeList, Discard, attr};

use super::{CannotChange, Change};
use crate::session::Session;

/// By all that a NAS may look for, then by the one thing that every NAS knows.
pub(super) fn naming(session: &Session) -> Vec<AttributeList> {
    let mut all = AttributeList::new();
    if let Some(user) = &session.user {
        all.add(attr::USER_NAME, user);
    }
    if !session.session_id.is_empty() {
        all.add(attr::ACCT_SESSION_ID, &session.session_id);
    }
    if let Some(station) = &session.calling_station {
        all.add(attr::CALLING_STATION_ID, station);
    }
    let mut bare = AttributeList::new();
    if session.session_id.is_empty() {
        return if all.is_empty() {
            Vec::new()
        } else {
            vec![all]
        };
    }
    bare.add(attr::ACCT_SESSION_ID, &session.session_id);
    vec![all, bare]
}

/// The timeouts are the RFCs' own; how rates and volumes are spelt, only vendors say.
pub(super) fn change(change: &Change) -> Result<AttributeList, CannotChange> {
    if change.rate.is_some() {
        return Err(CannotChange::NoStandardAttribute("a rate"));
    }
    if change.download_left.is_some() || change.upload_left.is_some() {
        return Err(CannotChange::NoStandardAttribute("a volume"));
    }
    Ok(timeouts(change))
}

/// What the administrator spells for themselves, and the timeouts (RFC 2865 sections 5.27, 5.28).
pub(super) fn timeouts(change: &Change) -> AttributeList {
    let mut list = change.attributes.clone();
    if let Some(seconds) = change.session_timeout_s {
        list.add(attr::SESSION_TIMEOUT, seconds);
    }
    if let Some(seconds) = change.idle_timeout_s {
        list.add(attr::IDLE_TIMEOUT, seconds);
    }
    list
}

pub(super) const fn cure(discard: Discard) -> Option<&'static str> {
    Some(match discard {
        Discard::MessageAuthenticatorMissing => {
            "update the NAS or switch Message-Authenticator on there"
        }
        Discard::MessageAuthenticatorWrong | Discard::RequestAuthenticatorWrong => {
            "set the same shared secret on both ends"
        }
        Discard::CodeNotAllowed => "check the authentication and accounting ports set on the NAS",
        Discard::DuplicateInProgress => "raise the NAS's timeout to 3 seconds or more",
        _ => return None,
    })
}
