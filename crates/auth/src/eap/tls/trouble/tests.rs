use std::collections::BTreeSet;

use super::*;
use crate::eap::Failure;

fn who() -> Presented {
    Presented {
        subject: "CN=tim".to_owned(),
        issuer: "CN=Some CA".to_owned(),
        serial: "0a".to_owned(),
        raw_serial: vec![10],
    }
}

/// Every variant there is.
fn all() -> Vec<Trouble> {
    vec![
        Trouble::Alert(Alert::of(48)),
        Trouble::OldVersion {
            offered: "TLS 1.0".to_owned(),
            allowed: Version::Tls12,
        },
        Trouble::NewVersion("TLS 1.3".to_owned()),
        Trouble::NoCipher("RSA key exchange".to_owned()),
        Trouble::NoGroup,
        Trouble::NoSignature,
        Trouble::NoCertificate,
        Trouble::NoStrongCertificate,
        Trouble::Expired {
            who: who(),
            on_s: Some(951_782_400),
        },
        Trouble::NotYetValid {
            who: who(),
            from_s: None,
        },
        Trouble::Revoked {
            who: who(),
            on_s: None,
        },
        Trouble::UnknownIssuer { who: who() },
        Trouble::WrongPurpose(who()),
        Trouble::TooWeak(who()),
        Trouble::BadSignature(who()),
        Trouble::BadCertificate {
            who: who(),
            what: "it is not valid X.509",
        },
        Trouble::NoRevocationList { who: who() },
        Trouble::BadRevocationList {
            who: who(),
            what: "has run out".to_owned(),
        },
        Trouble::Fragments(fragments::Fault::Length),
        Trouble::Garbage("it is not TLS".to_owned()),
        Trouble::NotResumable,
        Trouble::NoClientCa,
        Trouble::Internal("no entropy".to_owned()),
    ]
}

const fn label(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Alert(_) => "tls_alert_unknown_ca",
        Trouble::OldVersion { .. } => "tls_old_version",
        Trouble::NewVersion(_) => "tls_new_version",
        Trouble::NoCipher(_) => "tls_no_cipher",
        Trouble::NoGroup => "tls_no_group",
        Trouble::NoSignature => "tls_no_signature",
        Trouble::NoCertificate => "tls_no_certificate",
        Trouble::NoStrongCertificate => "tls_no_strong_certificate",
        Trouble::Expired { .. } => "tls_certificate_expired",
        Trouble::NotYetValid { .. } => "tls_certificate_not_yet_valid",
        Trouble::Revoked { .. } => "tls_certificate_revoked",
        Trouble::UnknownIssuer { .. } => "tls_certificate_unknown_issuer",
        Trouble::WrongPurpose(_) => "tls_certificate_wrong_purpose",
        Trouble::TooWeak(_) => "tls_certificate_too_weak",
        Trouble::BadSignature(_) => "tls_certificate_bad_signature",
        Trouble::BadCertificate { .. } => "tls_certificate_unusable",
        Trouble::NoRevocationList { .. } => "tls_no_revocation_list",
        Trouble::BadRevocationList { .. } => "tls_bad_revocation_list",
        Trouble::Fragments(_) => "tls_fragments",
        Trouble::Garbage(_) => "tls_garbage",
        Trouble::NotResumable => "tls_not_resumable",
        Trouble::NoClientCa => "tls_no_client_ca",
        Trouble::Internal(_) => "tls_internal",
    }
}

#[test]
fn each_has_a_label_of_its_own_and_says_what_to_do() {
    let mut labels = BTreeSet::new();
    for trouble in all() {
        let label = label(&trouble);
        assert_eq!(trouble.label(), label);
        assert!(labels.insert(label), "{label}");
        let words = trouble.to_string();
        let (cause, cure) = words.split_once(": ").unwrap();
        assert!(!cause.is_empty() && !cure.is_empty(), "{words}");
        assert!(cause.starts_with(|c: char| c.is_lowercase()), "{words}");
        assert!(!words.ends_with('.') && !words.contains("  "), "{words}");
        let failure = Failure::from(trouble);
        assert_eq!((failure.label(), failure.to_string()), (label, words));
    }
}

#[test]
fn each_fault_of_fragments_reads_as_a_cause() {
    use fragments::Fault;
    let faults = [
        Fault::Short,
        Fault::Long,
        Fault::Length,
        Fault::Lengths,
        Fault::Empty,
        Fault::Unacknowledged,
        Fault::Restart,
        Fault::Outer,
    ];
    let words: BTreeSet<String> = faults
        .into_iter()
        .map(|fault| Trouble::from(fault).to_string())
        .collect();
    assert_eq!(words.len(), faults.len());
    assert_eq!(
        Trouble::from(Fault::Length).to_string(),
        "a TLS message of the device is not whole, it is not as long as announced: the access \
         point lost a fragment: try a smaller Framed-MTU, and look for loss between the access \
         point and the server"
    );
}

#[test]
fn alerts_have_names_and_meanings() {
    let cases = [
        (
            42,
            "the device does not accept the server's certificate (TLS alert bad_certificate): \
             install the profile, which names the CA and the server",
            "tls_alert_bad_certificate",
        ),
        (
            46,
            "the device does not accept the server's certificate (TLS alert \
             certificate_unknown): install the profile, which names the CA and the server",
            "tls_alert_certificate_unknown",
        ),
        (
            49,
            "the device refuses this server (TLS alert access_denied): see whether its profile \
             names this server and its CA",
            "tls_alert_access_denied",
        ),
        (
            70,
            "the device speaks no TLS version that the server does (TLS alert \
             protocol_version): update it, or allow TLS 1.2",
            "tls_alert_protocol_version",
        ),
    ];
    for (number, words, label) in cases {
        let trouble = Trouble::Alert(Alert::of(number));
        assert_eq!(trouble.to_string(), words);
        assert_eq!(trouble.label(), label);
    }
    assert_eq!(Alert::of(200).to_string(), "TLS alert 200");
    for number in 0..=u8::MAX {
        let (cause, cure) = Alert::of(number).meaning();
        assert!(!cause.is_empty() && !cure.is_empty());
        assert!(Alert::of(number).label().starts_with("tls_alert_"));
    }
}

#[test]
fn days_are_those_of_the_calendar() {
    let cases = [
        (0, "1970-01-01"),
        (86_399, "1970-01-01"),
        (951_782_400, "2000-02-29"),
        (951_868_800, "2000-03-01"),
        (1_709_164_800, "2024-02-29"),
        (1_795_262_400, "2026-11-21"),
        (4_107_542_400, "2100-03-01"),
        (253_402_300_799, "9999-12-31"),
    ];
    for (unix_s, day) in cases {
        assert_eq!(date(unix_s), day);
    }
}

#[test]
fn names_out_of_certificates_do_not_disturb() {
    assert_eq!(printable("CN=tim"), "CN=tim");
    assert_eq!(printable("CN=\u{1b}[2Jtim\r\nx"), "CN=?[2Jtim??x");
    assert_eq!(printable("CN=\u{202e}tim"), "CN=?tim");
    assert_eq!(printable("CN=Zoë 東"), "CN=Zoë 東");
    assert_eq!(printable(""), "without a name");
    assert_eq!(printable(&"x".repeat(1000)).len(), MAX_NAME);
    let garbage = Presented::of(&b"garbage"[..].into());
    assert_eq!(garbage.to_string(), "that cannot be read");
}
