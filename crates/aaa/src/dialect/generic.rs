use portreeve_proto::Discard;

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
