//! `EapHostConfig`: the method, and whom to trust.

use super::super::network::{Method, Network};
use super::{
    thumbprint,
    xml::{
        Element,
        Space::{self, Base, Common, Host, MsChap, Peap1, Peap2, Tls1, Tls2, Tls3, Ttls},
    },
};

/// The vendor of Windows' own EAP-TTLS.
const MICROSOFT: u32 = 311;
/// EAP-MSCHAPv2.
const EAP_MSCHAPV2: u8 = 26;

/// The method and its settings.
pub(super) fn host_config(network: &Network) -> Element {
    let (author, config) = match network.method() {
        Method::Tls => (0, tls(network)),
        Method::Peap => (0, peap(network)),
        Method::TtlsPap | Method::TtlsMschapv2 => (MICROSOFT, ttls(network)),
    };
    let method = Element::of(
        Host,
        "EapMethod",
        vec![
            Element::text(Common, "Type", network.method().eap_type()),
            Element::text(Common, "VendorId", 0),
            Element::text(Common, "VendorType", 0),
            Element::text(Common, "AuthorId", author),
        ],
    );
    let config = Element::of(Host, "Config", vec![config]);
    Element::of(Host, "EapHostConfig", vec![method, config])
}

fn eap(kind: u8, settings: Element) -> Element {
    let kind = Element::text(Base, "Type", kind);
    Element::of(Base, "Eap", vec![kind, settings])
}

fn server_names(space: Space, network: &Network) -> Element {
    Element::text(space, "ServerNames", network.servers().join(";"))
}

/// Whom to trust, as EAP-TLS and PEAP have it; nobody is asked.
fn server_validation(space: Space, network: &Network) -> Element {
    Element::of(
        space,
        "ServerValidation",
        vec![
            Element::text(space, "DisableUserPromptForServerValidation", true),
            server_names(space, network),
            Element::text(space, "TrustedRootCA", thumbprint(network.root())),
        ],
    )
}

fn tls(network: &Network) -> Element {
    let simple = Element::text(Tls1, "SimpleCertSelection", true);
    let store = Element::of(Tls1, "CertificateStore", vec![simple]);
    // Of several certificates of the user, one that this CA has signed.
    let issuer = Element::text(Tls3, "IssuerHash", thumbprint(network.root()));
    let issuers = Element::of(Tls3, "CAHashList", vec![issuer]).with_attribute("Enabled", "true");
    let filter = Element::of(Tls3, "FilteringInfo", vec![issuers]);
    let settings = Element::of(
        Tls1,
        "EapType",
        vec![
            Element::of(Tls1, "CredentialsSource", vec![store]),
            server_validation(Tls1, network),
            Element::text(Tls1, "DifferentUsername", false),
            Element::text(Tls2, "PerformServerValidation", true),
            Element::text(Tls2, "AcceptServerName", true),
            Element::of(Tls2, "TLSExtensions", vec![filter]),
        ],
    );
    eap(Method::Tls.eap_type(), settings)
}

fn peap(network: &Network) -> Element {
    let winlogon = Element::text(MsChap, "UseWinLogonCredentials", false);
    let inner = Element::of(MsChap, "EapType", vec![winlogon]);
    let mut extensions = vec![
        Element::text(Peap2, "PerformServerValidation", true),
        Element::text(Peap2, "AcceptServerName", true),
    ];
    if let Some(anonymous) = network.anonymous() {
        extensions.push(Element::of(
            Peap2,
            "IdentityPrivacy",
            vec![
                Element::text(Peap2, "EnableIdentityPrivacy", true),
                Element::text(Peap2, "AnonymousUserName", anonymous),
            ],
        ));
    }
    let settings = Element::of(
        Peap1,
        "EapType",
        vec![
            server_validation(Peap1, network),
            Element::text(Peap1, "FastReconnect", true),
            Element::text(Peap1, "InnerEapOptional", false),
            eap(EAP_MSCHAPV2, inner),
            Element::text(Peap1, "EnableQuarantineChecks", false),
            Element::text(Peap1, "RequireCryptoBinding", false),
            Element::of(Peap1, "PeapExtensions", extensions),
        ],
    );
    eap(Method::Peap.eap_type(), settings)
}

/// EAP-TTLS stands in `Config` without the frame of the others.
fn ttls(network: &Network) -> Element {
    let validation = Element::of(
        Ttls,
        "ServerValidation",
        vec![
            server_names(Ttls, network),
            Element::text(Ttls, "TrustedRootCAHash", thumbprint(network.root())),
            Element::text(Ttls, "DisablePrompt", true),
        ],
    );
    let inner = if network.method() == Method::TtlsPap {
        Element::of(Ttls, "PAPAuthentication", Vec::new())
    } else {
        let winlogon = Element::text(Ttls, "UseWinlogonCredentials", false);
        Element::of(Ttls, "MSCHAPv2Authentication", vec![winlogon])
    };
    let privacy = network.anonymous();
    let mut identity = vec![Element::text(Ttls, "IdentityPrivacy", privacy.is_some())];
    identity.extend(privacy.map(|name| Element::text(Ttls, "AnonymousIdentity", name)));
    Element::of(
        Ttls,
        "EapTtls",
        vec![
            validation,
            Element::of(Ttls, "Phase2Authentication", vec![inner]),
            Element::of(Ttls, "Phase1Identity", identity),
        ],
    )
}
