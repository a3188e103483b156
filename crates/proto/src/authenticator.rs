//! Request, Response and Message-Authenticator, for every code (RFC 2865, 2866, 3579, 5176, 5997).

use subtle::ConstantTimeEq;

use crate::{Code, Packet, Secret, attr};

const ZERO: [u8; 16] = [0; 16];
/// Octets of a whole Message-Authenticator attribute.
pub(crate) const ATTRIBUTE: usize = 18;

/// What verifying a Message-Authenticator found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    Absent,
    /// More than one, or not 16 octets long.
    Malformed,
    Valid,
    Wrong,
}

/// Whether the code's Request Authenticator is computed over the packet, and not random.
pub(crate) fn is_computed(code: Code) -> bool {
    matches!(
        code,
        Code::ACCOUNTING_REQUEST | Code::DISCONNECT_REQUEST | Code::COA_REQUEST
    )
}

/// The authenticator that hides attributes and enters the Message-Authenticator of a *request*: its
/// own, or zeros where that is computed over the packet afterwards.
pub(crate) fn of_request(packet: &Packet<'_>) -> [u8; 16] {
    if is_computed(packet.code()) {
        ZERO
    } else {
        packet.authenticator()
    }
}

/// Verifies the computed Request Authenticator of an Accounting, CoA or Disconnect request in
/// constant time (RFC 2866 section 3, RFC 5176 section 2.3).
pub(crate) fn request_is_authentic(packet: &Packet<'_>, secret: &Secret) -> bool {
    digest(packet.octets(), &ZERO, secret)
        .ct_eq(&packet.authenticator())
        .into()
}

/// Verifies the Response Authenticator (RFC 2865 section 3) in constant time.
pub(crate) fn response_is_authentic(
    packet: &Packet<'_>,
    request_authenticator: &[u8; 16],
    secret: &Secret,
) -> bool {
    digest(packet.octets(), request_authenticator, secret)
        .ct_eq(&packet.authenticator())
        .into()
}

/// Verifies Message-Authenticator under the authenticator that its place in the exchange calls for:
/// [`of_request`] for a request, the request's own for an answer.
pub(crate) fn check_message_authenticator(
    packet: &Packet<'_>,
    authenticator: &[u8; 16],
    secret: &Secret,
) -> Checked {
    let number = attr::MESSAGE_AUTHENTICATOR.spec().oid.top();
    let mut found = packet
        .attributes()
        .filter(|attribute| attribute.number == number);
    let Some(attribute) = found.next() else {
        return Checked::Absent;
    };
    if attribute.value.len() != 16 || found.next().is_some() {
        return Checked::Malformed;
    }
    let expected = hmac(packet.octets(), attribute.offset, authenticator, secret);
    if expected.ct_eq(attribute.value).into() {
        Checked::Valid
    } else {
        Checked::Wrong
    }
}

/// Appends a Message-Authenticator of zeros, to be filled in when the rest is there.
pub(crate) fn reserve_message_authenticator(out: &mut Vec<u8>) {
    out.extend_from_slice(&[attr::MESSAGE_AUTHENTICATOR.spec().oid.top(), 18]);
    out.extend_from_slice(&[0; 16]);
}

/// Fills in the Message-Authenticator attribute that starts at `offset`.
pub(crate) fn fill_message_authenticator(
    octets: &mut [u8],
    offset: usize,
    authenticator: &[u8; 16],
    secret: &Secret,
) {
    let mac = hmac(octets, offset, authenticator, secret);
    octets[offset + 2..offset + ATTRIBUTE].copy_from_slice(&mac);
}

/// Fills in the Request Authenticator that is computed over the packet.
pub(crate) fn fill_request_authenticator(octets: &mut [u8], secret: &Secret) {
    let computed = digest(octets, &ZERO, secret);
    octets[4..Packet::HEADER].copy_from_slice(&computed);
}

/// Fills in the Response Authenticator.
pub(crate) fn fill_response_authenticator(
    octets: &mut [u8],
    request_authenticator: &[u8; 16],
    secret: &Secret,
) {
    let computed = digest(octets, request_authenticator, secret);
    octets[4..Packet::HEADER].copy_from_slice(&computed);
}

fn digest(octets: &[u8], authenticator: &[u8; 16], secret: &Secret) -> [u8; 16] {
    secret.md5_after(&[&octets[..4], authenticator, &octets[Packet::HEADER..]])
}

fn hmac(octets: &[u8], offset: usize, authenticator: &[u8; 16], secret: &Secret) -> [u8; 16] {
    secret.hmac_md5(&[
        &octets[..4],
        authenticator,
        &octets[Packet::HEADER..offset + 2],
        &ZERO,
        &octets[offset + ATTRIBUTE..],
    ])
}
