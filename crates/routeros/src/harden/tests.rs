//! Each weakness, provoked on a hardened router, is found.

use crate::check::{
    Code, Menu, Severity,
    healthy::{Case, branch, menu, provider, record},
};

use super::examine;

fn hardened() -> Case {
    let mut case = provider("7.24.5");
    for (name, text) in [
        ("/snmp", "enabled=false"),
        (
            "/snmp/community",
            ".id=*0 name=public security=none read-access=true",
        ),
        ("/tool/romon", "enabled=false"),
        ("/tool/mac-server", "allowed-interface-list=LAN"),
        ("/tool/mac-server/mac-winbox", "allowed-interface-list=LAN"),
        ("/tool/bandwidth-server", "enabled=false"),
        ("/ip/dns", "allow-remote-requests=true"),
        ("/ip/proxy", "enabled=false"),
        ("/ip/socks", "enabled=false"),
        ("/ip/upnp", "enabled=false"),
        (
            "/ip/neighbor/discovery-settings",
            "discover-interface-list=LAN",
        ),
        (
            "/ip/ssh",
            "strong-crypto=true always-allow-password-login=false",
        ),
    ] {
        case.router.set(name, menu(&[text]));
    }
    case
}

/// A router with one weakness. `None`: the check finds it, whose tests provoke it.
fn provoke(code: Code) -> Option<Case> {
    let mut case = hardened();
    let open = |case: &mut Case| {
        // A rule that drops something, and nothing of what matters.
        let rules = menu(&[".id=*1 chain=input action=drop protocol=icmp"]);
        case.router.set("/ip/firewall/filter", rules);
        case.edit("/ip/service", 1, "disabled=true");
        case.edit("/ip/service", 3, "disabled=true");
        case.edit("/ip/dns", 0, "allow-remote-requests=false");
    };
    match code {
        Code::ServiceExposed => {
            open(&mut case);
            case.edit("/ip/service", 1, "disabled=false");
        }
        Code::NoInputFirewall => {
            open(&mut case);
            case.edit("/ip/firewall/filter", 0, "chain=forward");
        }
        Code::TlsAnonymous => case.edit("/ip/service", 3, "certificate=none"),
        Code::OldTls => case.edit("/ip/service", 3, "tls-version=any"),
        Code::DefaultUser => case.edit("/user", 0, "name=admin"),
        Code::UserAnywhere => case.edit("/user", 0, "address="),
        Code::WeakSecret => case.edit("/radius", 0, "secret=testing123"),
        Code::SnmpPublic => case.edit("/snmp", 0, "enabled=true"),
        Code::Romon => case.edit("/tool/romon", 0, "enabled=true"),
        Code::MacServer => case.edit("/tool/mac-server", 0, "allowed-interface-list=all"),
        Code::BandwidthServer => case.edit("/tool/bandwidth-server", 0, "enabled=true"),
        Code::OpenResolver => {
            open(&mut case);
            case.edit("/ip/dns", 0, "allow-remote-requests=true");
        }
        Code::OpenProxy => case.edit("/ip/socks", 0, "enabled=true"),
        Code::Upnp => case.edit("/ip/upnp", 0, "enabled=true"),
        Code::Discovery => {
            case.edit(
                "/ip/neighbor/discovery-settings",
                0,
                "discover-interface-list=all",
            );
        }
        Code::SshWeak => case.edit("/ip/ssh", 0, "strong-crypto=false"),
        Code::MessageAuthOff => case.edit("/radius", 0, "require-message-auth=no"),
        Code::ClearText => case.edit("/ip/service", 0, "disabled=false"),
        Code::Vulnerable => {
            case = hardened();
            case.router = provider("7.20.8").router;
        }
        _ => return None,
    }
    Some(case)
}

#[test]
fn each_weakness_is_found_and_nothing_else() {
    assert_eq!(examine(&hardened().router), []);
    let mut provoked = 0;
    for code in Code::ALL {
        let Some(case) = provoke(*code) else { continue };
        provoked += 1;
        let found = examine(&case.router);
        let codes: Vec<_> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes, [*code], "{found:#?}");
        assert!(!format!("{found:?}").contains("testing123"));
    }
    // All that the check's own tests leave to this one.
    assert_eq!(provoked, 19);
}

#[test]
fn weak_secrets_are_told_without_saying_them() {
    let mut case = hardened();
    case.router.set(
        "/ppp/secret",
        menu(&[
            ".id=*1 name=anna password=Anna",
            ".id=*2 name=bert password=qwerty",
            ".id=*3 name=carl password=abc4e",
            ".id=*4 name=dora password=aaaaaaaaaaaa",
            ".id=*5 name=emil password=hX9-fuzzle-quark",
            ".id=*6 name=fred password=",
            ".id=*7 name=gina password=***",
            ".id=*8 name=hans password=x disabled=true",
        ]),
    );
    case.router.set(
        "/ip/hotspot/user",
        menu(&[
            ".id=*1 name=00:E1:0C:38:C8:F8 password=",
            ".id=*2 name=default-trial password=",
        ]),
    );
    let found = examine(&case.router);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].code, found[0].severity),
        (Code::WeakSecret, Severity::Warning)
    );
    assert_eq!(found[0].evidence.len(), 5, "{found:#?}");
    let text = format!("{found:?}");
    for secret in ["qwerty", "abc4e", "Anna", "aaaaaaaa"] {
        assert!(!text.contains(secret), "{secret}");
    }
    // The fixed secret of RadSec is none that protects anything.
    let mut radsec = hardened();
    radsec.router = branch("7.24.5").router;
    assert_eq!(examine(&radsec.router), []);
}

#[test]
fn snmp_that_may_be_written_is_an_error_and_can_be_mended() {
    let mut case = hardened();
    case.router.set("/snmp", menu(&["enabled=true"]));
    let community = record(".id=*0 name=hidden security=none write-access=true");
    case.router
        .set("/snmp/community", Menu::Items(vec![community]));
    let found = examine(&case.router);
    assert_eq!(found[0].severity, Severity::Error);
    assert!(!format!("{found:?}").contains("hidden"));
    assert!(found[0].repair.is_some());
}

#[test]
fn an_old_version_is_told_that_it_cannot_demand_signatures() {
    let found = examine(&provider("6.49.23").router);
    let codes: Vec<_> = found.iter().map(|one| (one.code, one.severity)).collect();
    assert_eq!(
        codes,
        [(Code::MessageAuthOff, Severity::Note)],
        "{found:#?}"
    );
}
