//! Log-ins by MAC address, from the question whether a request is one to what the device gets.

use portreeve::{AccessRequest, attr};
use portreeve_aaa::{
    decision::CheckOutcome,
    device::{self, By, Claim},
    grant::Grant,
    refusal::Refusal,
    snapshot::Snapshot,
};
use portreeve_auth::{Credential, Method, NoMethod, Proof, chap, prove};

use super::{Service, records::Entry};

/// The method in the words people use.
const METHOD: &str = "MAC";

impl Service {
    /// Decides about a log-in by MAC address; `None` for a request that is none. What is one goes
    /// no other way: it is for a device or for nobody, and no user is looked up.
    pub(super) fn by_mac(
        &self,
        snapshot: &Snapshot,
        request: &AccessRequest,
        entry: &mut Entry,
    ) -> Option<Result<Grant, Refusal>> {
        let mac = match Claim::of(&request.packet()) {
            Claim::CallCheck(mac) => mac,
            Claim::IfBare(mac) if is_bare(request) => Some(mac),
            Claim::IfBare(_) | Claim::Nothing => return None,
        };
        entry.by(METHOD);
        let admitted = match device::admit(snapshot, &self.mac, mac, &request.packet()) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let what = match refusal {
                    Refusal::Barred(_) => "device",
                    _ => "policy",
                };
                entry.check(what, CheckOutcome::Failed, &refusal.to_string());
                return Some(Err(refusal));
            }
        };
        match &admitted.by {
            By::Device(device) if device.label().is_empty() => {
                entry.check("device", CheckOutcome::Passed, &device.mac().to_string());
            }
            By::Device(device) => {
                let detail = format!("{} ({})", device.mac(), device.label());
                entry.check("device", CheckOutcome::Passed, &detail);
            }
            By::Group(group) => {
                let detail = format!("not defined; it gets what group {group} gives (mac.unknown)");
                entry.check("device", CheckOutcome::Skipped, &detail);
            }
        }
        entry.check("policy", CheckOutcome::Passed, "the device may come in");
        Some(Ok(self.granted(admitted.grant)))
    }
}

/// Whether a request proves nothing: it has no password, an empty one, or the user name once more,
/// by PAP or CHAP.
fn is_bare(request: &AccessRequest) -> bool {
    let method = match Method::of(request) {
        Ok(method @ (Method::Pap | Method::Chap)) => method,
        Err(NoMethod::Absent) => return true,
        Ok(_) | Err(_) => return false,
    };
    let is_empty = match method {
        Method::Chap => is_empty_by_chap(request),
        _ => request
            .reveal(attr::USER_PASSWORD)
            .is_some_and(|password| password.is_empty()),
    };
    is_empty || is_name(request)
}

fn is_empty_by_chap(request: &AccessRequest) -> bool {
    let Some((ident, response)) = request
        .get(attr::CHAP_PASSWORD)
        .and_then(<[u8]>::split_first)
    else {
        return false;
    };
    let authenticator = request.packet().authenticator();
    let challenge = request.get(attr::CHAP_CHALLENGE).unwrap_or(&authenticator);
    chap::response(*ident, b"", challenge)[..] == *response
}

fn is_name(request: &AccessRequest) -> bool {
    let name = request
        .user_name()
        .and_then(|name| Credential::clear(name).ok());
    name.is_some_and(|name| matches!(prove(request, &name), Proof::Proven(_)))
}
