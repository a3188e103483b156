//! What RouterOS 6 has, which cannot be asked.
//!
//! From what is publicly known of RouterOS 6, and not tried on a router of each version. Where it
//! is not known since when an argument is there, it is taken to be there only in the last
//! versions: what is not sent does no harm.

use std::collections::{BTreeMap, BTreeSet};

use crate::Version;

/// A menu on each line: the kind, the path, and the arguments of its `add` and `set`; behind an
/// argument or a path `@` and the version 6 it came with. Kinds: `list` has items, `one` is one
/// item, `show` is only printed, `live` is printed and its items removed, `call` is a command.
const KNOWN: &str = "
list /radius service called-id domain address secret authentication-port accounting-port timeout \
     accounting-backup realm src-address comment disabled protocol@49 certificate@49
one  /radius/incoming accept port
call /radius/monitor numbers once interval duration
call /radius/reset-counters numbers
call /radius/incoming/monitor once interval duration
call /radius/incoming/reset-counters
one  /ppp/aaa use-radius accounting interim-update use-circuit-id-in-nas-port-id
list /ppp/profile name local-address remote-address dns-server rate-limit only-one session-timeout \
     idle-timeout use-encryption address-list comment
list /ppp/secret name password service profile local-address remote-address caller-id routes \
     limit-bytes-in limit-bytes-out comment disabled
live /ppp/active
list /interface/bridge name vlan-filtering protocol-mode comment disabled
list /interface/bridge/port bridge interface pvid comment disabled
list /interface/pppoe-server/server service-name interface authentication default-profile \
     keepalive-timeout one-session-per-host max-mtu max-mru max-sessions disabled
one  /interface/l2tp-server/server enabled authentication default-profile use-ipsec ipsec-secret \
     keepalive-timeout max-mtu max-mru
one  /interface/pptp-server/server enabled authentication default-profile keepalive-timeout
one  /interface/sstp-server/server enabled authentication default-profile certificate port \
     verify-client-certificate keepalive-timeout tls-version@45
one  /interface/ovpn-server/server enabled auth cipher certificate port mode netmask \
     default-profile require-client-certificate keepalive-timeout
list /interface/dot1x/server@45 interface auth-types accounting interim-update mac-auth-mode \
     radius-mac-format guest-vlan-id@46 reject-vlan-id@46 auth-timeout retrans-timeout \
     reauth-timeout comment disabled
live /interface/dot1x/server/active@45
show /interface/dot1x/server/state@45
list /interface/wireless name mode ssid security-profile disabled comment
list /interface/wireless/security-profiles name mode authentication-types eap-methods \
     unicast-ciphers group-ciphers group-key-update supplicant-identity wpa-pre-shared-key \
     wpa2-pre-shared-key radius-mac-authentication radius-mac-accounting radius-eap-accounting \
     radius-mac-format radius-mac-mode radius-mac-caching radius-called-format interim-update \
     tls-mode tls-certificate management-protection disable-pmkid@42 comment
list /interface/wireless/access-list mac-address interface authentication forwarding \
     private-pre-shared-key vlan-id vlan-mode comment disabled
live /interface/wireless/registration-table
one  /caps-man/aaa mac-format mac-mode mac-caching interim-update called-format
list /caps-man/security name authentication-types encryption group-encryption passphrase \
     eap-methods eap-radius-accounting tls-mode tls-certificate group-key-update comment
list /caps-man/configuration name ssid security comment
list /caps-man/access-list action radius-accounting mac-address interface ssid-regexp comment \
     disabled
live /caps-man/registration-table
list /ip/hotspot name interface profile address-pool idle-timeout disabled
list /ip/hotspot/profile name use-radius radius-accounting radius-interim-update \
     radius-mac-format nas-port-type login-by mac-auth-mode mac-auth-password \
     radius-default-domain radius-location-id radius-location-name split-user-domain \
     html-directory dns-name hotspot-address rate-limit ssl-certificate http-cookie-lifetime
list /ip/hotspot/user name password profile server mac-address address limit-uptime \
     limit-bytes-in limit-bytes-out limit-bytes-total comment disabled
live /ip/hotspot/active
call /ip/hotspot/active/login user password mac-address ip domain
live /ip/hotspot/host
list /ip/dhcp-server name interface address-pool lease-time use-radius authoritative \
     add-arp lease-script disabled
one  /ip/dhcp-server/config store-leases-disk accounting@45 interim-update@45 radius-password@46
list /ip/dhcp-server/lease address mac-address client-id server comment disabled
list /ipv6/dhcp-server name interface address-pool lease-time use-radius disabled
one  /ip/ipsec/settings@44 accounting xauth-use-radius interim-update@46
list /ip/ipsec/identity@44 peer auth-method secret certificate generate-policy mode-config \
     policy-template-group my-id remote-id match-by username password comment disabled
live /ip/ipsec/active-peers@44
one  /user/aaa use-radius accounting interim-update default-group exclude-groups
list /user name group password address comment disabled
list /user/group name policy skin comment
show /user/active
list /user/ssh-keys user
one  /ip/ssh strong-crypto forwarding-enabled always-allow-password-login host-key-size
set  /ip/service disabled port address certificate tls-version@45
list /ip/firewall/filter chain action src-address dst-address protocol src-port dst-port \
     in-interface out-interface in-interface-list@36 src-address-list connection-state \
     log log-prefix place-before comment disabled
list /ip/firewall/nat chain action src-address dst-address protocol dst-port to-addresses \
     to-ports in-interface out-interface place-before comment disabled
list /ip/firewall/address-list list address timeout comment disabled
list /ipv6/firewall/filter chain action src-address dst-address protocol dst-port place-before \
     comment disabled
list /ip/address address interface network comment disabled
list /ip/route dst-address gateway distance pref-src comment disabled
list /certificate name common-name country state locality organization unit subject-alt-name \
     key-size days-valid key-usage
call /certificate/import file-name passphrase name@44
call /certificate/sign number name ca ca-crl-host ca-on-smart-card
call /certificate/remove numbers
call /certificate/export-certificate numbers file-name export-passphrase type
one  /snmp enabled contact location engine-id trap-target trap-community trap-version \
     trap-generators trap-interfaces src-address@46
list /snmp/community name addresses security read-access write-access authentication-protocol \
     authentication-password encryption-protocol encryption-password
show /log
live /queue/simple
set  /file contents
call /file/remove numbers
call /import file-name verbose
call /export compact verbose terse file hide-sensitive
call /execute script
call /ping address count interval size src-address
call /system/backup/save name password dont-encrypt encryption@43
call /system/backup/load name password
one  /system/clock time date time-zone-name time-zone-autodetect
one  /system/identity name
show /system/history
show /system/license
show /system/health
show /system/resource
show /system/routerboard
set  /system/package
call /system/package/enable numbers
call /system/package/disable numbers
one  /system/ntp/client enabled primary-ntp secondary-ntp server-dns-names
list /system/logging topics action prefix disabled
list /system/logging/action name target memory-lines memory-stop-on-full disk-file-name \
     disk-lines-per-file disk-file-count remote remote-port src-address bsd-syslog \
     syslog-facility syslog-severity email-to
list /system/scheduler name start-date start-time interval on-event policy comment disabled
list /system/script name source policy dont-require-permissions comment owner
call /system/script/run number
one  /tool/e-mail address port start-tls user password from
call /tool/e-mail/send to cc subject body file server port start-tls user password from
one  /tool/mac-server allowed-interface-list@41
one  /tool/romon enabled id secrets
one  /tool/bandwidth-server enabled authenticate allocate-udp-ports-from max-sessions
";

/// Words of the arguments that are one of a list, with the version they came with.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "/radius/add",
        "service",
        "ppp login hotspot wireless dhcp ipsec@43 dot1x@45",
    ),
    (
        "/interface/dot1x/server/add",
        "auth-types",
        "dot1x mac-auth",
    ),
    (
        "/interface/l2tp-server/server/set",
        "authentication",
        "pap chap mschap1 mschap2",
    ),
    (
        "/interface/pptp-server/server/set",
        "authentication",
        "pap chap mschap1 mschap2",
    ),
    (
        "/interface/sstp-server/server/set",
        "authentication",
        "pap chap mschap1 mschap2",
    ),
    (
        "/interface/pppoe-server/server/add",
        "authentication",
        "pap chap mschap1 mschap2",
    ),
    (
        "/interface/wireless/security-profiles/add",
        "authentication-types",
        "wpa-psk wpa2-psk wpa-eap wpa2-eap",
    ),
    (
        "/caps-man/security/add",
        "authentication-types",
        "wpa-psk wpa2-psk wpa-eap wpa2-eap",
    ),
    (
        "/ip/hotspot/profile/add",
        "login-by",
        "mac cookie http-chap https http-pap trial mac-cookie",
    ),
];

/// The menus that go with a package of RouterOS 6.
const PACKAGES: &[(&str, &[&str])] = &[
    ("wireless", &["/interface/wireless", "/caps-man"]),
    ("hotspot", &["/ip/hotspot"]),
    (
        "ppp",
        &[
            "/ppp",
            "/interface/pppoe-server",
            "/interface/l2tp-server",
            "/interface/pptp-server",
            "/interface/sstp-server",
            "/interface/ovpn-server",
        ],
    ),
    ("dhcp", &["/ip/dhcp-server", "/ipv6/dhcp-server"]),
    ("security", &["/ip/ipsec", "/ip/ssh", "/certificate"]),
    ("ipv6", &["/ipv6"]),
];

type Commands = BTreeMap<String, BTreeSet<String>>;
type Values = BTreeMap<(String, String), BTreeSet<String>>;

/// What a version 6 has, without the packages that are switched off.
pub(crate) fn of(version: Version, disabled: &BTreeSet<String>) -> (Commands, Values) {
    let gone: Vec<&str> = PACKAGES
        .iter()
        .filter(|(package, _)| disabled.contains(*package))
        .flat_map(|(_, menus)| menus.iter().copied())
        .collect();
    let is_gone = |path: &str| {
        gone.iter().any(|menu| {
            let rest = path.strip_prefix(menu);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let mut commands = Commands::new();
    for line in KNOWN.lines() {
        let mut words = line.split_whitespace();
        let (Some(kind), Some(path)) = (words.next(), words.next()) else {
            continue;
        };
        let Some(path) = since(path, version).filter(|path| !is_gone(path)) else {
            continue;
        };
        let arguments: BTreeSet<String> = words
            .filter_map(|word| since(word, version))
            .map(str::to_owned)
            .collect();
        enter(&mut commands, kind, path, arguments);
    }
    let values = values(version, &commands);
    (commands, values)
}

/// A word without the version it came with, if this version has it.
fn since(word: &str, version: Version) -> Option<&str> {
    match word.split_once('@') {
        None => Some(word),
        Some((name, minor)) => {
            let minor = minor.parse().ok()?;
            version.is_at_least(6, minor).then_some(name)
        }
    }
}

fn enter(commands: &mut Commands, kind: &str, path: &str, arguments: BTreeSet<String>) {
    let mut have = |verb: &str, arguments: BTreeSet<String>| {
        commands.insert(format!("{path}/{verb}"), arguments);
    };
    let with = |more: &[&str]| {
        let mut all = arguments.clone();
        all.extend(more.iter().map(|name| (*name).to_owned()));
        all
    };
    let numbers = || BTreeSet::from(["numbers".to_owned()]);
    match kind {
        "list" => {
            have("add", with(&["copy-from"]));
            let mut changed = with(&["numbers"]);
            changed.remove("place-before");
            have("set", changed);
            for verb in ["remove", "enable", "disable", "move"] {
                have(verb, numbers());
            }
        }
        "set" => have("set", with(&["numbers"])),
        "one" => have("set", arguments.clone()),
        "live" => have("remove", numbers()),
        "call" => {
            commands.insert(path.to_owned(), arguments);
            return;
        }
        _ => {}
    }
    have("print", BTreeSet::new());
}

fn values(version: Version, commands: &Commands) -> Values {
    let mut values = Values::new();
    for (command, argument, words) in WORDS {
        if !commands.contains_key(*command) {
            continue;
        }
        let words: BTreeSet<String> = words
            .split_whitespace()
            .filter_map(|word| since(word, version))
            .map(str::to_owned)
            .collect();
        if let Some(menu) = command.strip_suffix("/add") {
            values.insert(
                (format!("{menu}/set"), (*argument).to_owned()),
                words.clone(),
            );
        }
        values.insert(((*command).to_owned(), (*argument).to_owned()), words);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::{
        super::menus::{COMMANDS, MENUS},
        *,
    };

    fn takes(commands: &Commands, command: &str, argument: &str) -> bool {
        commands
            .get(command)
            .is_some_and(|known| known.contains(argument))
    }

    #[test]
    fn versions_6_differ_where_they_are_known_to() {
        let none = BTreeSet::new();
        let (old, old_values) = of(Version::new(6, 42, 0), &none);
        let (last, last_values) = of(Version::new(6, 49, 17), &none);
        for commands in [&old, &last] {
            assert!(takes(commands, "/radius/add", "src-address"));
            assert!(takes(commands, "/radius/set", "numbers"));
            assert!(!takes(commands, "/radius/add", "require-message-auth"));
            assert!(!takes(commands, "/radius/add", "radsec-timeout"));
            assert!(takes(commands, "/tool/e-mail/set", "address"));
            assert!(takes(commands, "/tool/e-mail/set", "start-tls"));
            assert!(!takes(commands, "/tool/e-mail/set", "server"));
            assert!(takes(commands, "/export", "hide-sensitive"));
            assert!(!takes(commands, "/export", "show-sensitive"));
            assert!(takes(commands, "/system/ntp/client/set", "primary-ntp"));
            assert!(!commands.contains_key("/file/read"));
            assert!(!commands.contains_key("/interface/wifi/security/add"));
        }
        assert!(!takes(&old, "/system/backup/save", "encryption"));
        assert!(takes(&last, "/system/backup/save", "encryption"));
        assert!(!old.contains_key("/interface/dot1x/server/add"));
        assert!(last.contains_key("/interface/dot1x/server/add"));
        let service = ("/radius/add".to_owned(), "service".to_owned());
        assert!(!old_values[&service].contains("dot1x"));
        assert!(last_values[&service].contains("dot1x"));
    }

    #[test]
    fn a_package_that_is_off_takes_its_menus_with_it() {
        let (commands, values) = of(Version::new(6, 49, 17), &["wireless".to_owned()].into());
        let left = commands
            .keys()
            .filter(|c| c.starts_with("/interface/wireless"));
        assert_eq!(left.count(), 0);
        assert!(
            !commands
                .keys()
                .any(|command| command.starts_with("/caps-man"))
        );
        assert!(commands.contains_key("/ip/hotspot/profile/add"));
        assert!(
            !values
                .keys()
                .any(|(command, _)| command.starts_with("/caps-man"))
        );
    }

    #[test]
    fn the_table_is_of_menus_and_commands_that_are_asked_for() {
        for line in KNOWN.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let (kind, path) = (words.next().unwrap(), words.next().unwrap());
            let path = path.split('@').next().unwrap();
            let menu = path.rsplit_once('/').unwrap().0;
            let known = match kind {
                "call" => MENUS.contains(&menu) || COMMANDS.contains(&path),
                "list" | "one" | "set" | "show" | "live" => MENUS.contains(&path),
                other => panic!("{other}"),
            };
            assert!(known, "{line}");
        }
    }
}
