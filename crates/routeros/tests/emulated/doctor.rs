//! Troubles provoked on an emulated router, found through `gather` and `diagnose`, mended, and put
//! back.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    time::SystemTime,
};

use portreeve_routeros::{
    Capabilities, Command, Error, Id, Login, Record, Router, Secret, Transport,
    check::{self, Code, Expectation, Finding, Nas, OurSide, ResponseTimes, diagnose},
    harden, monitor, sessions,
};

use super::router::{Emulated, VERSIONS};

/// Where one of each kind is enough.
const KINDS: [&str; 3] = ["6.42", "7.12", "7.24"];
const SECRET: &str = "kW2nDf8sQx5bVt1mZr7yHj4c";
const US: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn record(text: &str) -> Record {
    text.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .collect()
}

/// Makes the router one with which nothing is wrong, and gives the `.id` of its entry.
async fn heal(router: &Router, can: &Capabilities) -> Id {
    let mut entry =
        record("address=127.0.0.1 service=ppp timeout=2s src-address=127.0.0.1 comment=ours");
    entry.set("secret", SECRET);
    let id = router.add("/radius", &entry).await.unwrap();
    let set = async |menu: &str, values: &str| {
        router.set(menu, None, &record(values)).await.unwrap();
    };
    set("/ppp/aaa", "use-radius=yes interim-update=5m").await;
    set("/radius/incoming", "accept=yes port=3799").await;
    let ntp = if can.version().major < 7 {
        "primary-ntp"
    } else {
        "servers"
    };
    set(
        "/system/ntp/client",
        &format!("enabled=yes {ntp}=192.0.2.123"),
    )
    .await;
    let has_address = router
        .print("/ip/address", &["address"], &[])
        .await
        .unwrap();
    if !has_address
        .iter()
        .any(|item| item.get("address") == Some("127.0.0.1/8"))
    {
        let interfaces = router.print("/interface", &["name"], &[]).await.unwrap();
        let first = interfaces[0].get("name").unwrap().to_owned();
        let address = record("address=127.0.0.1/8").with("interface", first);
        router.add("/ip/address", &address).await.unwrap();
    }
    let rule = record("chain=input action=drop src-address=!127.0.0.0/8 comment=strangers");
    router.add("/ip/firewall/filter", &rule).await.unwrap();
    id
}

fn ours() -> OurSide {
    OurSide {
        addresses: vec![US],
        authentication_ports: vec![1812],
        accounting_ports: vec![1813],
        router_address: Some(US),
        nas: vec![Nas {
            name: "lab".to_owned(),
            network: (US, 32),
            secret: Some(Secret::new(SECRET)),
            coa_port: 3799,
            swaps_octets: false,
            interim: None,
        }],
        clock_synchronised: Some(true),
        response_times: Some(ResponseTimes::default()),
        signs_replies: Some(true),
        users: vec!["anna".to_owned()],
        ..OurSide::default()
    }
}

/// What is found, but for what an old version is known for.
async fn look(router: &Router, can: &Capabilities, ours: &OurSide) -> Vec<Finding> {
    let side = check::gather(router, can).await.unwrap();
    let mut found = diagnose(&side, ours, &Expectation::default());
    found.retain(|one| one.code != Code::Vulnerable);
    found
}

fn codes(found: &[Finding]) -> Vec<Code> {
    found.iter().map(|one| one.code).collect()
}

#[tokio::test]
async fn a_healthy_router_raises_no_alarm_by_either_way() {
    for version in VERSIONS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        heal(&router, &can).await;
        assert_eq!(look(&router, &can, &ours()).await, [], "{version}");
        if can.version().major >= 7 {
            let (rest, can) = emulated.probed(Transport::Rest).await;
            assert_eq!(look(&rest, &can, &ours()).await, [], "{version} by REST");
        }
    }
}

#[tokio::test]
async fn the_firewall_from_the_factory_keeps_strangers_out_and_our_coa_too() {
    for (version, board) in [("6.49", "hAP-ac2"), ("7.24", "hAP-ax2")] {
        let emulated = Emulated::of(version, board);
        let (router, can) = emulated.probed(Transport::Api).await;
        heal(&router, &can).await;
        // This server is outside, where the default route leads.
        let outside: IpAddr = "203.0.113.10".parse().unwrap();
        let entries = router.print("/radius", &[".id"], &[]).await.unwrap();
        let address = record("address=203.0.113.10");
        router
            .set("/radius", entries[0].id().as_ref(), &address)
            .await
            .unwrap();
        let route = record("dst-address=0.0.0.0/0 gateway=ether1");
        router.add("/ip/route", &route).await.unwrap();
        let rules = router
            .print("/ip/firewall/filter", &[".id", "comment"], &[])
            .await
            .unwrap();
        for rule in rules
            .iter()
            .filter(|rule| rule.get("comment") == Some("strangers"))
        {
            router
                .remove("/ip/firewall/filter", &rule.id().unwrap())
                .await
                .unwrap();
        }
        let mut ours = ours();
        ours.addresses = vec![outside];
        ours.router_address = Some("198.51.100.1".parse().unwrap());
        let found = look(&router, &can, &ours).await;
        assert_eq!(
            codes(&found),
            [Code::IncomingFirewall],
            "{version}: {found:#?}"
        );
        found[0]
            .repair
            .as_ref()
            .unwrap()
            .apply(&router)
            .await
            .unwrap();
        assert_eq!(look(&router, &can, &ours).await, [], "{version}");
    }
}

/// A trouble: the menu that is set, the values that make it, the code, whether it can be mended.
const TROUBLES: [(&str, &str, Code, bool); 10] = [
    ("/radius", "disabled=yes", Code::EntryDisabled, true),
    ("/radius", "secret=another", Code::WrongSecret, true),
    ("/radius", "accounting-port=1646", Code::WrongPort, true),
    ("/radius", "address=192.0.2.9", Code::NoEntry, false),
    ("/radius", "src-address=192.0.2.8", Code::WrongSource, true),
    ("/ppp/aaa", "use-radius=no", Code::ServiceOff, true),
    ("/ppp/aaa", "accounting=no", Code::AccountingOff, true),
    ("/ppp/aaa", "interim-update=0s", Code::InterimMissing, true),
    ("/radius/incoming", "accept=no", Code::IncomingClosed, true),
    ("/radius/incoming", "port=1700", Code::IncomingPort, true),
];

#[tokio::test]
async fn troubles_are_found_mended_and_put_back() {
    for version in KINDS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        let id = heal(&router, &can).await;
        for (menu, values, code, mendable) in TROUBLES {
            let item = (menu == "/radius").then_some(&id);
            let before = router.print(menu, &[], &[]).await.unwrap().remove(0);
            router.set(menu, item, &record(values)).await.unwrap();
            let found = look(&router, &can, &ours()).await;
            assert_eq!(codes(&found), [code], "{version} {values}: {found:#?}");
            assert_eq!(found[0].repair.is_some(), mendable, "{version} {values}");
            if let Some(repair) = &found[0].repair {
                let undo = repair.apply(&router).await.unwrap();
                assert_eq!(look(&router, &can, &ours()).await, [], "{version} {values}");
                for command in &undo {
                    router.call(command).await.unwrap();
                }
                assert_eq!(
                    codes(&look(&router, &can, &ours()).await),
                    [code],
                    "{version}"
                );
            }
            let old: Record = record(values)
                .iter()
                .map(|(name, _)| (name.to_owned(), before.get(name).unwrap().to_owned()))
                .collect();
            router.set(menu, item, &old).await.unwrap();
        }
        assert_eq!(look(&router, &can, &ours()).await, [], "{version}");
    }
}

#[tokio::test]
async fn a_rule_that_drops_coa_is_found_and_gets_one_before_it() {
    for version in ["6.49", "7.24"] {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        heal(&router, &can).await;
        for text in [
            "chain=input action=jump jump-target=guard protocol=udp",
            "chain=guard action=return src-address-list=friends",
            "chain=input action=drop protocol=udp dst-port=3000-4000",
        ] {
            router
                .add("/ip/firewall/filter", &record(text))
                .await
                .unwrap();
        }
        let found = look(&router, &can, &ours()).await;
        assert_eq!(
            codes(&found),
            [Code::IncomingFirewall],
            "{version}: {found:#?}"
        );
        let rules = async || {
            router
                .print("/ip/firewall/filter", &["chain"], &[])
                .await
                .unwrap()
        };
        let before = rules().await.len();
        let undo = found[0]
            .repair
            .as_ref()
            .unwrap()
            .apply(&router)
            .await
            .unwrap();
        assert_eq!(rules().await.len(), before + 1);
        assert_eq!(look(&router, &can, &ours()).await, [], "{version}");
        for command in &undo {
            router.call(command).await.unwrap();
        }
        assert_eq!(rules().await.len(), before, "{version}");
    }
}

#[tokio::test]
async fn local_users_duplicates_and_a_wrong_clock_are_found() {
    for version in ["6.42", "7.9", "7.24"] {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        heal(&router, &can).await;
        let user = record("name=anna password=x");
        let id = router.add("/ppp/secret", &user).await.unwrap();
        let found = look(&router, &can, &ours()).await;
        assert_eq!(codes(&found), [Code::LocalUser], "{version}: {found:#?}");
        router.remove("/ppp/secret", &id).await.unwrap();

        let mut twin = record("address=127.0.0.1 service=ppp timeout=2s src-address=127.0.0.1");
        twin.set("secret", SECRET);
        let id = router.add("/radius", &twin).await.unwrap();
        let found = look(&router, &can, &ours()).await;
        assert_eq!(
            codes(&found),
            [Code::DuplicateEntry],
            "{version}: {found:#?}"
        );
        router.remove("/radius", &id).await.unwrap();

        emulated.ask("POST", "/clock", r#"{"offset": -7200}"#).await;
        let found = look(&router, &can, &ours()).await;
        assert_eq!(codes(&found), [Code::ClockSkew], "{version}: {found:#?}");
        assert!(found[0].what.contains("2h behind") || found[0].what.contains("1h59m"));
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_found_from_the_counters_and_the_log() {
    let silent = UdpSocket::bind((US, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    for version in ["6.49", "7.12", "7.24"] {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        let id = heal(&router, &can).await;
        let values =
            record("service=ppp,login timeout=100ms").with("authentication-port", port.to_string());
        router.set("/radius", Some(&id), &values).await.unwrap();
        router
            .set("/user/aaa", None, &record("use-radius=yes"))
            .await
            .unwrap();
        // Nobody of that name is on the router, so that it asks.
        let stranger = Login::new("anna", "wrong");
        let refused = Router::connect(&emulated.target(Transport::Api), &stranger).await;
        assert!(refused.is_err());

        let mut ours = ours();
        ours.authentication_ports = vec![port];
        let found = look(&router, &can, &ours).await;
        let unreachable = found.iter().find(|one| one.code == Code::ServerUnreachable);
        let unreachable = unreachable.unwrap_or_else(|| panic!("{version}: {found:#?}"));
        assert!(
            unreachable.what.contains("nothing arrives here"),
            "{unreachable:#?}"
        );

        // The same, when the requests are seen and thrown away here.
        ours.nas.clear();
        ours.discards.push(check::Discarded {
            source: US,
            reason: "unknown_peer".to_owned(),
            count: 3,
            last: SystemTime::now(),
        });
        let found = look(&router, &can, &ours).await;
        let all = codes(&found);
        assert!(
            all.contains(&Code::NasNotRegistered),
            "{version}: {found:#?}"
        );
        assert!(
            !all.contains(&Code::ServerUnreachable),
            "{version}: {found:#?}"
        );

        let reading = monitor::read(&router, &can).await.unwrap();
        let counters = reading.radius[0].counters;
        assert!(
            counters.timeouts > 0 && counters.accepts == 0,
            "{version}: {counters:?}"
        );
    }
}

#[tokio::test]
async fn log_ins_are_listed_and_ended_as_each_version_does() {
    for version in VERSIONS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        let user = record("name=guest group=read password=pw");
        router.add("/user", &user).await.unwrap();
        let login = Login::new("guest", "pw");
        let guest = Router::connect(&emulated.target(Transport::Api), &login)
            .await
            .unwrap();
        let wanted = sessions::Wanted {
            user: Some("guest".to_owned()),
            ..Default::default()
        };
        let found = sessions::find(&router, &can, &wanted).await.unwrap();
        assert_eq!(found.len(), 1, "{version}: {found:?}");
        assert_eq!(found[0].service, sessions::Service::Login);
        let removed = sessions::remove(&router, &can, &found[0]).await;
        if can.version().is_at_least(7, 9) {
            assert_eq!(removed.unwrap(), sessions::Removed::Gone, "{version}");
            let again = sessions::remove(&router, &can, &found[0]).await.unwrap();
            assert_eq!(again, sessions::Removed::Absent, "{version}");
            let after = guest.call(&Command::new("/system/identity/print")).await;
            assert!(after.is_err(), "{version}: {after:?}");
        } else {
            assert!(
                matches!(removed, Err(Error::NotSupported(_))),
                "{version}: {removed:?}"
            );
        }
        let all = sessions::list(&router, &can).await.unwrap();
        assert!(
            all.iter().any(|one| one.user == "admin"),
            "{version}: {all:?}"
        );
    }
}

/// A caller whom the router itself lets in, so that no server is needed.
async fn dial(emulated: &Emulated, router: &Router) -> u64 {
    let interfaces = router.print("/interface", &["name"], &[]).await.unwrap();
    let server = record("service-name=isp disabled=no")
        .with("interface", interfaces[0].get("name").unwrap());
    router
        .add("/interface/pppoe-server/server", &server)
        .await
        .unwrap();
    let user = record("name=carl password=c4rl remote-address=10.9.0.2 local-address=10.9.0.1");
    router.add("/ppp/secret", &user).await.unwrap();
    let call = r#"{"user": "carl", "password": "c4rl", "caller": "00:E1:0C:38:C8:F8"}"#;
    let told = emulated.ask("POST", "/do/dial", call).await;
    assert_eq!(told["in"], true, "{told}");
    told["session"].as_u64().unwrap()
}

#[tokio::test]
async fn a_caller_is_listed_found_and_hung_up() {
    for version in KINDS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        dial(&emulated, &router).await;
        let all = sessions::list(&router, &can).await.unwrap();
        let mut of_ppp = all
            .iter()
            .filter(|one| one.service == sessions::Service::Ppp);
        let carl = of_ppp.next().unwrap();
        assert_eq!(of_ppp.next(), None);
        assert_eq!(
            (carl.user.as_str(), carl.radius),
            ("carl", Some(false)),
            "{carl:?}"
        );
        assert_eq!(carl.mac.as_deref(), Some("00:E1:0C:38:C8:F8"));
        assert_eq!(carl.address, Some("10.9.0.2".parse().unwrap()));
        assert!(
            carl.uptime.is_some() && carl.session_id.is_some(),
            "{carl:?}"
        );
        let wanted = |mac: &str| sessions::Wanted {
            user: Some("carl".to_owned()),
            address: Some("10.9.0.2".parse().unwrap()),
            mac: Some(mac.to_owned()),
            session_id: carl.session_id.clone(),
        };
        let other = wanted("00e1.0c38.c8f9");
        assert_eq!(sessions::find(&router, &can, &other).await.unwrap(), []);
        let right = wanted("00e1.0c38.c8f8");
        let found = sessions::find(&router, &can, &right).await.unwrap();
        assert_eq!(found.len(), 1, "{version}");
        let removed = sessions::remove(&router, &can, &found[0]).await.unwrap();
        assert_eq!(removed, sessions::Removed::Gone, "{version}");
        assert_eq!(
            sessions::find(&router, &can, &right).await.unwrap(),
            [],
            "{version}"
        );
        let again = sessions::remove(&router, &can, &found[0]).await.unwrap();
        assert_eq!(again, sessions::Removed::Absent, "{version}");
    }
}

#[tokio::test]
async fn a_factory_router_is_told_how_open_it_is() {
    for version in KINDS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        let side = harden::gather(&router, &can).await.unwrap();
        let found = codes(&harden::examine(&side));
        for code in [
            Code::NoInputFirewall,
            Code::ClearText,
            Code::DefaultUser,
            Code::UserAnywhere,
        ] {
            assert!(
                found.contains(&code),
                "{version}: {code} is not in {found:?}"
            );
        }
        let weak = record("address=192.0.2.1 secret=testing123 service=ppp");
        router.add("/radius", &weak).await.unwrap();
        let side = harden::gather(&router, &can).await.unwrap();
        assert!(
            codes(&harden::examine(&side)).contains(&Code::WeakSecret),
            "{version}"
        );
        assert!(!format!("{side:?}").contains("testing123"), "{version}");
    }
}

#[tokio::test]
async fn readings_are_taken_of_every_version() {
    for version in VERSIONS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        let reading = monitor::read(&router, &can).await.unwrap();
        assert_eq!(reading.identity.as_deref(), Some("MikroTik"), "{version}");
        assert!(
            reading.version.as_deref().unwrap().starts_with(version),
            "{reading:?}"
        );
        assert!(reading.uptime.is_some() && reading.memory_total > reading.memory_free);
        assert!(!reading.interfaces.is_empty(), "{version}");
        let text = serde_json::to_string(&reading).unwrap();
        assert_eq!(
            serde_json::from_str::<monitor::Reading>(&text).unwrap(),
            reading
        );
    }
}

#[cfg(feature = "snmp")]
#[tokio::test]
async fn snmp_tells_what_the_api_tells() {
    use std::{net::SocketAddr, time::Duration};

    for version in KINDS {
        let emulated = Emulated::start(version);
        let (router, can) = emulated.probed(Transport::Api).await;
        router
            .set("/snmp", None, &record("enabled=yes"))
            .await
            .unwrap();
        let mut about = emulated.ask("GET", "/", "").await;
        for _ in 0..50 {
            if about["snmp"].is_string() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            about = emulated.ask("GET", "/", "").await;
        }
        let agent: SocketAddr = about["snmp"].as_str().unwrap().parse().unwrap();
        let access = monitor::snmp::Access::Community(Secret::new("public"));
        let by_snmp = monitor::snmp::read(agent, &access, Duration::from_secs(2))
            .await
            .unwrap();
        let by_api = monitor::read(&router, &can).await.unwrap();
        assert_eq!(by_snmp.identity, by_api.identity, "{version}");
        assert!(by_snmp.uptime.is_some(), "{version}: {by_snmp:?}");
        let names =
            |reading: &monitor::Reading| reading.interfaces.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&by_snmp), names(&by_api), "{version}");
    }
}
