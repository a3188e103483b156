//! Routers with which nothing is wrong, each set up by hand as its manual recommends.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use portreeve_routeros::{
    Command,
    check::{Code, OurSide, RadsecCertificate},
    files::Files,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use sha2::{Digest as _, Sha256};

use super::stage::Stage;

/// What a router is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    /// An Internet provider with `PPPoE`.
    Provider,
    /// The same, judged by its version too.
    Old,
    /// A hotel with a hotspot, whose staff log in to the router.
    Hotel,
    /// An office with WPA-Enterprise.
    Office,
    /// A branch office that comes in by `RadSec`.
    Branch,
    /// A router that is protected as well as can be, for the hardening report.
    Hardened,
}

/// What is compared beside the export.
pub(crate) const MENUS: [&str; 25] = [
    "/radius",
    "/radius/incoming",
    "/ppp/aaa",
    "/ip/hotspot/profile",
    "/interface/wireless",
    "/interface/wireless/security-profiles",
    "/interface/wifi",
    "/interface/wifi/security",
    "/user",
    "/user/aaa",
    "/user/group",
    "/system/device-mode",
    "/system/ntp/client",
    "/ip/cloud",
    "/certificate",
    "/ip/service",
    "/ip/ssh",
    "/ip/dns",
    "/ip/socks",
    "/ip/firewall/filter",
    "/snmp",
    "/snmp/community",
    "/tool/romon",
    "/tool/mac-server",
    "/tool/bandwidth-server",
];

impl Site {
    /// The device that there is of a version.
    pub(crate) fn board(self, version: &str) -> &'static str {
        match self {
            Self::Office if version.starts_with('6') => "hAP-ac2",
            Self::Office => "hAP-ax2",
            _ => "CHR",
        }
    }

    /// What is not looked at: that an old version is vulnerable is no false alarm.
    pub(crate) fn is_given(self, code: Code) -> bool {
        self != Self::Old && matches!(code, Code::Vulnerable | Code::BrokenPassword)
    }
}

/// Makes the router one of a kind.
pub(crate) async fn lay(stage: &mut Stage, site: Site, version: &str) {
    let services = match site {
        Site::Hotel => "hotspot,login",
        Site::Office => "wireless",
        _ => "ppp",
    };
    let certificate = if matches!(site, Site::Branch | Site::Hardened) {
        bring_certificates(stage).await
    } else {
        String::new()
    };
    if site == Site::Branch {
        let entry = format!(
            " address=127.0.0.1 service={services} src-address=127.0.0.1 protocol=radsec \
             certificate={certificate} secret=radsec timeout=2s"
        );
        stage.add("/radius", &entry).await;
    } else {
        let entry = format!(
            " address=127.0.0.1 service={services} src-address=127.0.0.1 timeout=2s \
             secret=$secret authentication-port=$authentication accounting-port=$accounting"
        );
        stage.add("/radius", &entry).await;
    }
    let ntp = if version.starts_with('6') {
        "set /system/ntp/client enabled=yes primary-ntp=192.0.2.123"
    } else {
        "set /system/ntp/client enabled=yes servers=192.0.2.123"
    };
    for step in ["set /radius/incoming accept=yes port=$incoming", ntp] {
        stage.act(step).await;
    }
    // What stands for the network between the two: on a device its bridge, on a CHR any port.
    if site == Site::Office {
        stage
            .act("add /ip/address address=127.0.0.1/8 interface=bridge")
            .await;
    } else {
        for step in [
            "add /ip/address address=127.0.0.1/8 interface=ether1",
            "add /ip/firewall/filter chain=input action=accept \
             connection-state=established,related",
            "add /ip/firewall/filter chain=input action=drop connection-state=invalid",
            "add /ip/firewall/filter chain=input action=drop src-address=!127.0.0.0/8",
        ] {
            stage.act(step).await;
        }
    }
    for step in steps(site, version) {
        stage.act(step).await;
    }
    if site == Site::Hardened {
        let with = format!("set /ip/service:api-ssl certificate={certificate}");
        stage.act(&with).await;
        if !version.starts_with("6.42") {
            stage
                .act("set /ip/service:api-ssl tls-version=only-1.2")
                .await;
        }
    }
    stage.ours.router_groups = vec!["staff".to_owned()];
}

fn steps(site: Site, version: &str) -> &'static [&'static str] {
    match site {
        Site::Provider | Site::Old | Site::Branch => &[
            "set /ppp/aaa use-radius=yes accounting=yes interim-update=5m",
            "add /ip/pool name=callers ranges=10.9.0.10-10.9.0.250",
            "set /ppp/profile:default local-address=10.9.0.1 remote-address=callers",
            "add /interface/pppoe-server/server service-name=isp interface=ether2 disabled=no",
        ],
        Site::Hotel => &[
            "add /ip/pool name=guests ranges=10.5.50.2-10.5.50.250",
            "add /ip/hotspot/profile name=hsprof1 use-radius=yes radius-accounting=yes \
             radius-interim-update=5m login-by=mac,cookie,http-chap",
            "add /ip/hotspot name=hotspot1 interface=ether3 address-pool=guests profile=hsprof1 \
             disabled=no",
            "add /user/group name=staff policy=read,test,winbox,ssh",
            "set /user/aaa use-radius=yes accounting=yes default-group=read",
        ],
        Site::Office if version.starts_with('6') => &[
            "add /interface/wireless/security-profiles name=staff mode=dynamic-keys \
             authentication-types=wpa2-eap eap-methods=passthrough radius-eap-accounting=yes \
             interim-update=5m",
            "set /interface/wireless:wlan1 ssid=office security-profile=staff",
        ],
        Site::Office if version == "7.12" => &[
            "add /interface/wifiwave2/aaa name=staff interim-update=5m",
            "add /interface/wifiwave2/security name=staff \
             authentication-types=wpa2-eap,wpa3-eap eap-accounting=yes",
            "set /interface/wifiwave2:wifi1 configuration.ssid=office security=staff aaa=staff",
        ],
        Site::Office => &[
            "add /interface/wifi/aaa name=staff interim-update=5m",
            "add /interface/wifi/security name=staff authentication-types=wpa2-eap,wpa3-eap \
             eap-accounting=yes",
            "set /interface/wifi:wifi1 configuration.ssid=office security=staff aaa=staff",
        ],
        Site::Hardened => &[
            "set /ppp/aaa use-radius=yes accounting=yes interim-update=5m",
            "set /user:keeper address=127.0.0.0/8",
            "set /user:admin address=127.0.0.0/8 disabled=yes",
            "set /ip/service:telnet disabled=yes",
            "set /ip/service:ftp disabled=yes",
            "set /ip/ssh strong-crypto=yes",
            "add /interface/list name=LAN",
            "add /interface/list/member list=LAN interface=ether2",
            "set /tool/mac-server allowed-interface-list=LAN",
            "set /tool/mac-server/mac-winbox allowed-interface-list=LAN",
            "set /tool/bandwidth-server enabled=no",
            "set /ip/neighbor/discovery-settings discover-interface-list=LAN",
            "set /ip/dns allow-remote-requests=yes",
        ],
    }
}

/// A certificate of its own, and the CA of ours. Gives the name of the former on the router.
async fn bring_certificates(stage: &mut Stage) -> String {
    let ca = authority();
    let (leaf, key) = issued(&ca, "gate", 2_026..2_050);
    let ca_pem = ca.0.clone();
    bring(stage, "portreeve-ca", &ca_pem, None).await;
    bring(stage, "gate", &leaf, Some(&key)).await;
    let (late, key) = issued(&ca, "gate of last year", 2_020..2_021);
    bring(stage, "late", &late, Some(&key)).await;
    let der = pem_octets(&ca_pem);
    let mut fingerprint = String::new();
    for octet in Sha256::digest(der) {
        write!(fingerprint, "{octet:02x}").unwrap();
    }
    let now = SystemTime::now();
    stage.ours.radsec = Some(RadsecCertificate {
        names: vec!["aaa.example".to_owned(), "127.0.0.1".to_owned()],
        not_before: now - Duration::from_hours(24),
        not_after: now + Duration::from_hours(24 * 200),
        issuer: "Portreeve CA".to_owned(),
        issuer_fingerprint: Some(fingerprint),
    });
    "gate".to_owned()
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = named("Portreeve CA");
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), Issuer::new(params, key))
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

fn issued(
    ca: &(String, Issuer<'static, KeyPair>),
    name: &str,
    years: std::ops::Range<i32>,
) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let certificate = params.signed_by(&key, &ca.1).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn pem_octets(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let text: String = lines.collect();
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

/// Brings a certificate to the router, and its key, under a name.
async fn bring(stage: &mut Stage, name: &str, certificate: &str, key: Option<&str>) {
    let files = Files::new(&stage.router, &stage.can);
    #[cfg(feature = "sftp")]
    let files = files.with_sftp(sftp(stage).await);
    for (ending, text) in [("crt", Some(certificate)), ("key", key)] {
        let Some(text) = text else { continue };
        let file = format!("{name}.{ending}");
        files.store(&file, text.as_bytes()).await.unwrap();
        let import = Command::new("/certificate/import")
            .with("file-name", &file)
            .with("passphrase", "");
        stage.router.call(&import).await.unwrap();
        files.remove(&file).await.ok();
    }
    let imported = format!("{name}.crt_0");
    let known = stage
        .router
        .print("/certificate", &[".id", "name"], &[])
        .await
        .unwrap();
    let own = known.iter().find(|one| one.get("name") == Some(&imported));
    let own = own.unwrap_or_else(|| panic!("{known:?}"));
    let rename = Command::new("/certificate/set")
        .with(".id", own.get(".id").unwrap())
        .with("name", name);
    stage.router.call(&rename).await.unwrap();
}

/// The server's own certificate, changed.
pub(crate) fn certificate(ours: &mut OurSide) -> &mut RadsecCertificate {
    ours.radsec.as_mut().unwrap()
}

/// Access over SFTP, to a host key that is seen for the first time.
#[cfg(feature = "sftp")]
async fn sftp(stage: &Stage) -> portreeve_routeros::files::sftp::Access {
    use portreeve_routeros::files::sftp;
    let at = stage.emulated.services["ssh"];
    let (host, timeout) = (at.ip().to_string(), Duration::from_secs(20));
    let seen = sftp::host_key_of(&host, at.port(), timeout).await;
    sftp::Access {
        host,
        port: at.port(),
        login: stage.emulated.login(),
        host_key: seen.unwrap(),
        timeout,
    }
}
