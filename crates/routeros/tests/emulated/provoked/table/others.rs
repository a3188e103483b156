//! Clocks, traffic, versions, and how people prove themselves.

use portreeve_routeros::check::Code as C;

use super::{Case, EITHER, KINDS, NEW, case};
use crate::provoked::sites::Site::{Hotel, Office, Old, Provider};

pub(super) const ALL: &[Case] = &[
    case(
        C::ClockSkew,
        Provider,
        KINDS,
        &["clock -7200"],
        ("behind ours", "ntp client"),
    ),
    case(
        C::ClockSkew,
        Provider,
        NEW,
        &["clock 300"],
        ("ahead of ours", "ntp client"),
    )
    .warning(),
    case(
        C::NoTimeSource,
        Provider,
        KINDS,
        &[
            "set /system/ntp/client enabled=no",
            "set /ip/cloud update-time=no",
        ],
        (
            "is not enabled, nor /ip cloud update-time",
            "ntp client set enabled=yes",
        ),
    )
    .warning(),
    case(
        C::OurClock,
        Provider,
        NEW,
        &[],
        ("own clock follows no time server", "chrony"),
    )
    .warning()
    .ours(|ours| ours.clock_synchronised = Some(false)),
    case(
        C::Fasttrack,
        Provider,
        KINDS,
        &[
            "server rationing",
            "add /ip/firewall/filter chain=forward action=fasttrack-connection \
           connection-state=established,related",
            "dial 1 anna pap",
            "traffic 1000000 9000000",
        ],
        ("10000 packets went this way", "disable the rule"),
    )
    .warning(),
    case(
        C::OctetsSwapped,
        Provider,
        KINDS,
        &[
            "server rationing",
            "swap",
            "dial 1 anna pap",
            "traffic 1000000 9000000",
        ],
        (
            "we hold 9000000 up and 1000000 down; its queue counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::OctetsSwapped,
        Provider,
        EITHER,
        &["swap", "dial 1 anna pap", "traffic 1000000 9000000"],
        (
            "its interface counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::OctetsSwapped,
        Hotel,
        EITHER,
        &["swap", "guest anna", "traffic 1000000 9000000"],
        (
            "/ip hotspot active counts 1000000 up and 9000000 down",
            "exchange octets",
        ),
    ),
    case(
        C::Vulnerable,
        Old,
        &["6.42", "7.18", "7.20"],
        &[],
        ("the service www is on", "update to"),
    ),
    case(
        C::BrokenPassword,
        Old,
        &["6.45"],
        &[],
        ("the router runs 6.45.1", "6.45.2"),
    )
    .also(&[C::Vulnerable]),
    case(
        C::DeviceMode,
        Hotel,
        &["7.18", "7.24"],
        &["mode hotspot=no"],
        ("hotspot=no", "device-mode update hotspot=yes"),
    ),
    case(
        C::ChapHashed,
        Hotel,
        KINDS,
        &["server hashing", "guest anna"],
        ("1 CHAP log-ins refused", "https"),
    )
    .ours(|ours| ours.hashed_users = 12),
    case(
        C::MacFormat,
        Hotel,
        KINDS,
        &["server choosy", "guest mac"],
        ("\"00:E1:0C:38:C8:F8\" was refused as unknown", "device add"),
    )
    .ours(|ours| ours.mac_users = vec!["00-e1-0c-38-c8-f8".to_owned()]),
    case(
        C::GroupMissing,
        Hotel,
        KINDS,
        &["set /user/group:staff name=others"],
        ("the group \"staff\", which it lacks", "Mikrotik-Group"),
    ),
    case(
        C::PskBesideEap,
        Office,
        &["6.49"],
        &["set /interface/wireless/security-profiles:staff authentication-types=wpa2-psk,wpa2-eap"],
        ("staff: wpa2-psk,wpa2-eap", "only the EAP types"),
    )
    .warning(),
    case(
        C::PskBesideEap,
        Office,
        &["6.49"],
        &[
            "add /interface/wireless/security-profiles name=key mode=dynamic-keys \
           authentication-types=wpa2-psk wpa2-pre-shared-key=long-enough",
            "set /interface/wireless:wlan2 ssid=office security-profile=key",
        ],
        ("wlan1 has EAP, wlan2 a passphrase", "only the EAP types"),
    )
    .warning(),
    case(
        C::PskBesideEap,
        Office,
        NEW,
        &["set /interface/wifi/security:staff authentication-types=wpa2-psk,wpa2-eap"],
        ("staff: wpa2-psk,wpa2-eap", "only the EAP types"),
    )
    .warning(),
    case(
        C::ClearText,
        Provider,
        KINDS,
        &[
            "add /ip/firewall/filter chain=input action=accept protocol=tcp dst-port=$of-telnet \
           place-before=0",
        ],
        ("/ip service telnet: port", "disabled=yes"),
    )
    .warning(),
];
