//! Options that the tools share.

use std::time::Duration;

use clap::ValueEnum;
use portreeve_auth::Method;

use super::eap::Kind;

/// The longest time that an option takes.
const LONGEST: Duration = Duration::from_hours(24);

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// The password, hidden by the shared secret
    Pap,
    /// MD5 over a challenge
    Chap,
    /// MS-CHAPv1
    #[value(alias = "mschapv1")]
    Mschap,
    /// MS-CHAPv2, where the server proves itself too
    Mschapv2,
    /// EAP-TLS: a certificate
    EapTls,
    /// PEAP with EAP-MSCHAPv2
    #[value(alias = "eap-peap-mschapv2")]
    EapPeap,
    /// PEAP with EAP-GTC
    EapPeapGtc,
    /// EAP-TTLS with PAP
    EapTtlsPap,
    /// EAP-TTLS with CHAP
    EapTtlsChap,
    /// EAP-TTLS with MS-CHAPv1
    EapTtlsMschap,
    /// EAP-TTLS with MS-CHAPv2
    EapTtlsMschapv2,
    /// EAP-TTLS with EAP-MSCHAPv2
    EapTtlsEapMschapv2,
    /// TEAP with EAP-MSCHAPv2
    EapTeap,
    /// EAP-MD5: for a cable, no keys
    EapMd5,
    /// EAP-GTC: for a cable, no keys
    EapGtc,
    /// EAP-MSCHAPv2 without a tunnel: for a cable or a VPN
    EapMschapv2,
    /// EAP-pwd: a password, and no certificate
    EapPwd,
}

/// How to log in: in one request, or by EAP in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Plain(Method),
    Eap(Kind),
}

impl MethodName {
    pub(crate) const fn how(self) -> How {
        How::Eap(match self {
            Self::Pap => return How::Plain(Method::Pap),
            Self::Chap => return How::Plain(Method::Chap),
            Self::Mschap => return How::Plain(Method::MsChapV1),
            Self::Mschapv2 => return How::Plain(Method::MsChapV2),
            Self::EapTls => Kind::Tls,
            Self::EapPeap => Kind::Peap,
            Self::EapPeapGtc => Kind::PeapGtc,
            Self::EapTtlsPap => Kind::Ttls(Method::Pap),
            Self::EapTtlsChap => Kind::Ttls(Method::Chap),
            Self::EapTtlsMschap => Kind::Ttls(Method::MsChapV1),
            Self::EapTtlsMschapv2 => Kind::Ttls(Method::MsChapV2),
            Self::EapTtlsEapMschapv2 => Kind::TtlsEap,
            Self::EapTeap => Kind::Teap,
            Self::EapMd5 => Kind::Md5,
            Self::EapGtc => Kind::Gtc,
            Self::EapMschapv2 => Kind::Mschapv2,
            Self::EapPwd => Kind::Pwd,
        })
    }
}

/// What the answer should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expected {
    /// Access-Accept
    Accept,
    /// Access-Challenge
    Challenge,
    /// Access-Reject
    Reject,
}

/// A text that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a time such as 3, 2.5s, 500ms, 10m or 1h, above zero and at most a day")]
pub(crate) struct NoPeriod;

/// Reads a time: a number with `ms`, `s`, `m` or `h` behind it; seconds without.
pub(crate) fn period(text: &str) -> Result<Duration, NoPeriod> {
    let text = text.trim();
    let end = text
        .find(|character: char| !(character.is_ascii_digit() || character == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| NoPeriod)?;
    let factor = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(NoPeriod),
    };
    let period = Duration::try_from_secs_f64(number * factor).map_err(|_| NoPeriod)?;
    if period < Duration::from_millis(1) || period > LONGEST {
        return Err(NoPeriod);
    }
    Ok(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_eap_are_called_as_on_the_command_line() {
        let mut seen = 0;
        for name in MethodName::value_variants() {
            let value = name.to_possible_value().unwrap();
            match name.how() {
                How::Eap(kind) => {
                    assert_eq!(value.get_name(), kind.label());
                    seen += 1;
                }
                How::Plain(_) => assert!(!value.get_name().starts_with("eap")),
            }
        }
        assert_eq!(seen, 13);
    }

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, milliseconds) in [
            ("3", 3_000),
            ("2.5s", 2_500),
            ("500ms", 500),
            ("10 m", 600_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                period(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["", "0", "-1", "soon", "1w", "25h", "1e9", "nan", "0.0001"] {
            assert_eq!(period(text), Err(NoPeriod), "{text}");
        }
    }
}
