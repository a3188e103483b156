//! Which EAP methods there are.

use portreeve_auth::Method;
use portreeve_proto::attr::nas_port_type;

/// An EAP method, with the one inside where it is a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gtc,
    Md5,
    Mschapv2,
    /// With EAP-MSCHAPv2 inside.
    Peap,
    PeapGtc,
    Pwd,
    /// With EAP-MSCHAPv2 inside.
    Teap,
    Tls,
    Ttls(Method),
    /// With EAP-MSCHAPv2 inside.
    TtlsEap,
}

impl Kind {
    /// As it is called on the command line.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Gtc => "eap-gtc",
            Self::Md5 => "eap-md5",
            Self::Mschapv2 => "eap-mschapv2",
            Self::Peap => "eap-peap",
            Self::PeapGtc => "eap-peap-gtc",
            Self::Pwd => "eap-pwd",
            Self::Teap => "eap-teap",
            Self::Tls => "eap-tls",
            Self::Ttls(Method::Pap) => "eap-ttls-pap",
            Self::Ttls(Method::Chap) => "eap-ttls-chap",
            Self::Ttls(Method::MsChapV1) => "eap-ttls-mschap",
            Self::Ttls(Method::MsChapV2) => "eap-ttls-mschapv2",
            Self::TtlsEap => "eap-ttls-eap-mschapv2",
        }
    }

    /// For a person.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Gtc => "EAP-GTC",
            Self::Md5 => "EAP-MD5",
            Self::Mschapv2 => "EAP-MSCHAPv2",
            Self::Peap => "PEAP with EAP-MSCHAPv2",
            Self::PeapGtc => "PEAP with EAP-GTC",
            Self::Pwd => "EAP-pwd",
            Self::Teap => "TEAP with EAP-MSCHAPv2",
            Self::Tls => "EAP-TLS",
            Self::Ttls(Method::Pap) => "EAP-TTLS with PAP",
            Self::Ttls(Method::Chap) => "EAP-TTLS with CHAP",
            Self::Ttls(Method::MsChapV1) => "EAP-TTLS with MS-CHAP",
            Self::Ttls(Method::MsChapV2) => "EAP-TTLS with MS-CHAPv2",
            Self::TtlsEap => "EAP-TTLS with EAP-MSCHAPv2",
        }
    }

    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls) || self.is_tunnel()
    }

    /// Whether who it is stays inside TLS.
    pub(crate) const fn is_tunnel(self) -> bool {
        matches!(
            self,
            Self::Peap | Self::PeapGtc | Self::Teap | Self::Ttls(_) | Self::TtlsEap
        )
    }

    pub(crate) const fn needs_password(self) -> bool {
        !matches!(self, Self::Tls)
    }

    /// What the device is connected to: by radio where the method is fit for that, else by cable.
    pub(super) const fn port_type(self) -> u32 {
        match self {
            Self::Gtc | Self::Md5 | Self::Mschapv2 => nas_port_type::ETHERNET,
            _ => nas_port_type::WIRELESS_802_11,
        }
    }
}
