//! What Microsoft's published schemas say of the elements we write: in which order they stand,
//! which have to be there, and in which namespace. The output is held against it, not the code.

use quick_xml::{events::Event, name::ResolveResult, reader::NsReader};

use super::xml::Space::{
    self, Base, Common, Host, Lan, MsChap, OneX, Peap1, Peap2, Tls1, Tls2, Tls3, Ttls, Wlan, Wlan4,
};

/// How often an element stands in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Often {
    Once,
    Maybe,
    Any,
}
use Often::{Any, Maybe, Once};

type Child = (Space, &'static str, Often);

/// Each element that holds others, with all that its schema lets stand in it, in order.
const ORDER: &[(Space, &str, &[Child])] = &[
    (
        Wlan,
        "WLANProfile",
        &[
            (Wlan, "name", Once),
            (Wlan, "SSIDConfig", Once),
            (Wlan, "connectionType", Once),
            (Wlan, "connectionMode", Maybe),
            (Wlan, "autoSwitch", Maybe),
            (Wlan, "MSM", Maybe),
        ],
    ),
    (
        Wlan,
        "SSIDConfig",
        &[(Wlan, "SSID", Once), (Wlan, "nonBroadcast", Maybe)],
    ),
    (Wlan, "SSID", &[(Wlan, "hex", Maybe), (Wlan, "name", Maybe)]),
    (
        Wlan,
        "MSM",
        &[(Wlan, "connectivity", Maybe), (Wlan, "security", Maybe)],
    ),
    (
        Wlan,
        "security",
        &[
            (Wlan, "authEncryption", Once),
            (Wlan, "sharedKey", Maybe),
            (Wlan, "keyIndex", Maybe),
            (Wlan, "PMKCacheMode", Maybe),
            (Wlan, "PMKCacheTTL", Maybe),
            (Wlan, "PMKCacheSize", Maybe),
            (Wlan, "preAuthMode", Maybe),
            (Wlan, "preAuthThrottle", Maybe),
            (OneX, "OneX", Maybe),
        ],
    ),
    (
        Wlan,
        "authEncryption",
        &[
            (Wlan, "authentication", Once),
            (Wlan, "encryption", Once),
            (Wlan, "useOneX", Maybe),
            (Wlan4, "transitionMode", Maybe),
        ],
    ),
    (Lan, "LANProfile", &[(Lan, "MSM", Once)]),
    (Lan, "MSM", &[(Lan, "security", Maybe)]),
    (
        Lan,
        "security",
        &[
            (Lan, "OneXEnforced", Once),
            (Lan, "OneXEnabled", Once),
            (OneX, "OneX", Maybe),
        ],
    ),
    (
        OneX,
        "OneX",
        &[
            (OneX, "cacheUserData", Maybe),
            (OneX, "heldPeriod", Maybe),
            (OneX, "authPeriod", Maybe),
            (OneX, "startPeriod", Maybe),
            (OneX, "maxStart", Maybe),
            (OneX, "maxAuthFailures", Maybe),
            (OneX, "supplicantMode", Maybe),
            (OneX, "authMode", Maybe),
            (OneX, "singleSignOn", Maybe),
            (OneX, "EAPConfig", Once),
        ],
    ),
    (OneX, "EAPConfig", &[(Host, "EapHostConfig", Once)]),
    (
        Host,
        "EapHostConfig",
        &[(Host, "EapMethod", Once), (Host, "Config", Maybe)],
    ),
    (
        Host,
        "EapMethod",
        &[
            (Common, "Type", Once),
            (Common, "VendorId", Maybe),
            (Common, "VendorType", Maybe),
            (Common, "AuthorId", Once),
        ],
    ),
    (
        Host,
        "Config",
        &[(Base, "Eap", Maybe), (Ttls, "EapTtls", Maybe)],
    ),
    (
        Base,
        "Eap",
        &[
            (Base, "Type", Once),
            (Tls1, "EapType", Maybe),
            (Peap1, "EapType", Maybe),
            (MsChap, "EapType", Maybe),
        ],
    ),
    (
        Tls1,
        "EapType",
        &[
            (Tls1, "CredentialsSource", Maybe),
            (Tls1, "ServerValidation", Maybe),
            (Tls1, "DifferentUsername", Maybe),
            (Tls2, "PerformServerValidation", Maybe),
            (Tls2, "AcceptServerName", Maybe),
            (Tls2, "TLSExtensions", Maybe),
        ],
    ),
    (
        Tls1,
        "CredentialsSource",
        &[
            (Tls1, "SmartCard", Maybe),
            (Tls1, "CertificateStore", Maybe),
        ],
    ),
    (
        Tls1,
        "CertificateStore",
        &[(Tls1, "SimpleCertSelection", Maybe)],
    ),
    (
        Tls1,
        "ServerValidation",
        &[
            (Tls1, "DisableUserPromptForServerValidation", Maybe),
            (Tls1, "ServerNames", Maybe),
            (Tls1, "TrustedRootCA", Any),
        ],
    ),
    (Tls2, "TLSExtensions", &[(Tls3, "FilteringInfo", Maybe)]),
    (
        Tls3,
        "FilteringInfo",
        &[
            (Tls3, "AllPurposeEnabled", Maybe),
            (Tls3, "CAHashList", Maybe),
        ],
    ),
    (Tls3, "CAHashList", &[(Tls3, "IssuerHash", Any)]),
    (
        Peap1,
        "EapType",
        &[
            (Peap1, "ServerValidation", Maybe),
            (Peap1, "IdentityPrivacy", Maybe),
            (Peap1, "FastReconnect", Maybe),
            (Peap1, "InnerEapOptional", Maybe),
            (Base, "Eap", Any),
            (Peap1, "EnableQuarantineChecks", Maybe),
            (Peap1, "RequireCryptoBinding", Maybe),
            (Peap1, "PeapExtensions", Maybe),
        ],
    ),
    (
        Peap1,
        "ServerValidation",
        &[
            (Peap1, "DisableUserPromptForServerValidation", Maybe),
            (Peap1, "ServerNames", Maybe),
            (Peap1, "TrustedRootCA", Any),
        ],
    ),
    (
        Peap1,
        "PeapExtensions",
        &[
            (Peap2, "PerformServerValidation", Maybe),
            (Peap2, "AcceptServerName", Maybe),
            (Peap2, "IdentityPrivacy", Maybe),
            (Peap2, "PeapExtensionsV2", Maybe),
        ],
    ),
    (
        Peap2,
        "IdentityPrivacy",
        &[
            (Peap2, "EnableIdentityPrivacy", Maybe),
            (Peap2, "AnonymousUserName", Maybe),
        ],
    ),
    (
        MsChap,
        "EapType",
        &[(MsChap, "UseWinLogonCredentials", Maybe)],
    ),
    (
        Ttls,
        "EapTtls",
        &[
            (Ttls, "ServerValidation", Maybe),
            (Ttls, "Phase2Authentication", Maybe),
            (Ttls, "Phase1Identity", Maybe),
        ],
    ),
    (
        Ttls,
        "ServerValidation",
        &[
            (Ttls, "ServerNames", Maybe),
            (Ttls, "TrustedRootCAHash", Any),
            (Ttls, "DisablePrompt", Maybe),
        ],
    ),
    (
        Ttls,
        "Phase2Authentication",
        &[
            (Ttls, "PAPAuthentication", Maybe),
            (Ttls, "MSCHAPv2Authentication", Maybe),
        ],
    ),
    (
        Ttls,
        "MSCHAPv2Authentication",
        &[(Ttls, "UseWinlogonCredentials", Maybe)],
    ),
    (
        Ttls,
        "Phase1Identity",
        &[
            (Ttls, "IdentityPrivacy", Maybe),
            (Ttls, "AnonymousIdentity", Maybe),
        ],
    ),
];

/// What may stand in an element, by its name.
const VALUES: &[(&str, &[&str])] = &[
    ("connectionType", &["ESS", "IBSS"]),
    ("connectionMode", &["auto", "manual"]),
    ("authentication", &["WPA2", "WPA3ENT", "WPA3ENT192"]),
    ("encryption", &["AES", "GCMP256"]),
    ("authMode", &["user", "machine", "machineOrUser", "guest"]),
];

const BOOLEANS: &[&str] = &[
    "nonBroadcast",
    "useOneX",
    "transitionMode",
    "OneXEnforced",
    "OneXEnabled",
    "cacheUserData",
    "SimpleCertSelection",
    "DisableUserPromptForServerValidation",
    "DifferentUsername",
    "PerformServerValidation",
    "AcceptServerName",
    "FastReconnect",
    "InnerEapOptional",
    "EnableQuarantineChecks",
    "RequireCryptoBinding",
    "EnableIdentityPrivacy",
    "UseWinLogonCredentials",
    "UseWinlogonCredentials",
    "DisablePrompt",
    "IdentityPrivacy",
];

/// An element as it was read back.
#[derive(Debug, Default)]
struct Read {
    space: String,
    name: String,
    text: String,
    children: Vec<Self>,
}

fn read(document: &str) -> Read {
    let mut reader = NsReader::from_str(document);
    let mut open = vec![Read::default()];
    loop {
        let (space, event) = reader.read_resolved_event().unwrap();
        let space = match space {
            ResolveResult::Bound(space) => space.into_inner().to_owned(),
            _ => String::new(),
        };
        match event {
            Event::Start(start) => open.push(Read {
                space,
                name: start.local_name().as_ref().to_owned(),
                ..Read::default()
            }),
            Event::Empty(start) => open.last_mut().unwrap().children.push(Read {
                space,
                name: start.local_name().as_ref().to_owned(),
                ..Read::default()
            }),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(text.trim()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "every element is closed");
    let mut document = open.remove(0).children;
    assert_eq!(document.len(), 1, "one root");
    document.remove(0)
}

/// Panics where a document does not follow the order.
pub(super) fn check(document: &str) {
    let root = read(document);
    assert!(["WLANProfile", "LANProfile"].contains(&root.name.as_str()));
    check_element(&root);
}

fn check_element(element: &Read) {
    if BOOLEANS.contains(&element.name.as_str()) && element.children.is_empty() {
        assert!(
            ["true", "false"].contains(&element.text.as_str()),
            "{element:?}"
        );
    }
    if let Some((_, allowed)) = VALUES.iter().find(|(name, _)| *name == element.name) {
        assert!(allowed.contains(&element.text.as_str()), "{element:?}");
    }
    let rule = ORDER
        .iter()
        .find(|(space, name, _)| space.uri() == element.space && *name == element.name);
    let Some((_, _, allowed)) = rule else {
        assert!(element.children.is_empty(), "no rule for {element:?}");
        return;
    };
    assert!(element.text.is_empty(), "{element:?}");
    let mut at = 0;
    for (space, name, often) in *allowed {
        let is = |child: &&Read| child.space == space.uri() && child.name == *name;
        let found = element.children[at..].iter().take_while(is).count();
        match often {
            Once => assert_eq!(found, 1, "{name} in {}", element.name),
            Maybe => assert!(found <= 1, "{name} in {}", element.name),
            Any => {}
        }
        at += found;
    }
    let left = element
        .children
        .get(at)
        .map(|child| (&child.space, &child.name));
    assert_eq!(left, None, "out of order or unknown in {}", element.name);
    element.children.iter().for_each(check_element);
}

#[test]
#[should_panic(expected = "out of order")]
fn the_check_sees_what_stands_out_of_order() {
    check(
        "<LANProfile xmlns='http://www.microsoft.com/networking/LAN/profile/v1'><MSM><security>\
         <OneXEnforced>true</OneXEnforced><OneXEnabled>true</OneXEnabled><odd/></security></MSM>\
         </LANProfile>",
    );
}

#[test]
#[should_panic(expected = "OneXEnabled in security")]
fn the_check_sees_what_is_missing() {
    check(
        "<LANProfile xmlns='http://www.microsoft.com/networking/LAN/profile/v1'><MSM><security>\
         <OneXEnforced>true</OneXEnforced></security></MSM></LANProfile>",
    );
}

#[test]
#[should_panic(expected = "MSM in LANProfile")]
fn the_check_sees_a_wrong_namespace() {
    check(
        "<LANProfile xmlns='http://www.microsoft.com/networking/LAN/profile/v1'>\
         <MSM xmlns='http://example.org'/></LANProfile>",
    );
}
