//! Routers with which nothing is wrong, of every version: set up by hand, by a plan of this crate
//! over what others have set up, and as they come from the factory with such a plan.

use std::{collections::BTreeSet, net::IpAddr};

use portreeve_routeros::{
    Capabilities, Error, Router, Secret, Transport,
    check::{self, Code, Expectation, Finding, Nas, OurSide, Severity, diagnose},
    plan::{self, Dhcp, Dot1x, Enterprise, Hotspot, LoginService, Ppp, Server, Wanted, Wireless},
};

use super::{super::router::Emulated, server::SECRET, sites::Site, stage::Stage};

/// What is wrong, but for what an old version is known for and for what is merely worth knowing.
fn alarms(found: Vec<Finding>) -> Vec<Finding> {
    let is_alarm = |one: &Finding| one.severity != Severity::Note && one.code != Code::Vulnerable;
    found.into_iter().filter(is_alarm).collect()
}

async fn by_hand(version: &str) {
    for site in [Site::Provider, Site::Hotel, Site::Office, Site::Branch] {
        let has_radsec = !version.starts_with('6');
        if site == Site::Branch && !has_radsec {
            continue;
        }
        let stage = Stage::set(site, version).await;
        let found = stage.look(|_| ()).await;
        assert_eq!(found, [], "{site:?} {version}");
    }
}

/// What a menu's items that are on have of a property.
async fn all(router: &Router, menu: &str, property: &str) -> Vec<String> {
    let items = match router.print(menu, &[property, "disabled"], &[]).await {
        Err(Error::NoSuchCommand { .. }) => return Vec::new(),
        items => items.unwrap(),
    };
    let on = items
        .iter()
        .filter(|item| item.flag("disabled") != Some(true));
    on.filter_map(|item| item.get(property).map(str::to_owned))
        .collect()
}

async fn names(router: &Router, menu: &str) -> Vec<String> {
    all(router, menu, "name").await
}

async fn is_on(router: &Router, menu: &str) -> bool {
    !all(router, menu, "interface").await.is_empty()
}

/// A plan for all that is set up on a router.
async fn wanted(router: &Router, can: &Capabilities, server: IpAddr) -> Wanted {
    let mut wanted = Wanted::new("portreeve:test", Server::udp(server, Secret::new(SECRET)));
    let services = &mut wanted.services;
    if is_on(router, "/interface/pppoe-server/server").await {
        services.ppp = Some(Ppp::default());
    }
    if !names(router, "/ip/hotspot").await.is_empty() {
        services.hotspot = Some(Hotspot::default());
    }
    services.login = Some(LoginService::default());
    let leases = names(router, "/ip/dhcp-server").await;
    if !leases.is_empty() {
        services.dhcp = Some(Dhcp::of(leases));
    }
    if can.has("/interface/dot1x/server/add") {
        let ports = all(router, "/interface/dot1x/server", "interface").await;
        let port = ports.first().map_or("ether4", String::as_str);
        services.dot1x = Some(Dot1x::of([port]));
    }
    let mut networks = Vec::new();
    for menu in ["/interface/wifi", "/interface/wireless"] {
        let radios = names(router, menu).await;
        if radios.is_empty() {
            continue;
        }
        if menu == "/interface/wifi" {
            networks.extend(radios.into_iter().take(1));
        } else {
            networks.push("staff".to_owned());
        }
    }
    if !networks.is_empty() {
        let networks = networks.into_iter();
        services.wireless = Some(Wireless {
            switch: networks.map(|name| (name, Enterprise::Wpa2)).collect(),
            ..Wireless::default()
        });
    }
    wanted
}

/// The legacy stack needs a profile to switch, which its owner has made; another network stays for
/// repairs.
async fn secured(router: &Router, can: &Capabilities) {
    let menu = "/interface/wireless/security-profiles";
    let radios = router
        .print("/interface/wireless", &[".id"], &[])
        .await
        .unwrap_or_default();
    if !can.has(&format!("{menu}/add")) {
        return;
    }
    for (radio, name) in radios.iter().zip(["staff", "repairs"]) {
        let profile = [
            ("name", name),
            ("mode", "dynamic-keys"),
            ("authentication-types", "wpa2-psk"),
            ("wpa2-pre-shared-key", "a common key"),
        ];
        router
            .add(menu, &profile.into_iter().collect())
            .await
            .unwrap();
        let own = [("security-profile", name), ("ssid", name)];
        let id = radio.id();
        router
            .set(
                "/interface/wireless",
                id.as_ref(),
                &own.into_iter().collect(),
            )
            .await
            .unwrap();
    }
}

async fn never() -> Result<Router, Error> {
    panic!("the connection was not lost")
}

/// Brings a router to a plan, and looks at it.
async fn by_plan(router: &Router, can: &Capabilities, server: IpAddr, own: IpAddr) {
    let wanted = wanted(router, can, server).await;
    let observed = plan::observe(router, can).await.unwrap().as_user("admin");
    let steps = plan::plan(&wanted, &observed, can)
        .unwrap_or_else(|objections| panic!("{}: {objections:?}", can.version()));
    plan::apply(router, &steps, never, |_| Ok(()))
        .await
        .unwrap();
    let ours = OurSide {
        addresses: vec![server],
        authentication_ports: vec![1812],
        accounting_ports: vec![1813],
        router_address: Some(own),
        nas: vec![Nas {
            name: "home".to_owned(),
            network: (own, 32),
            secret: Some(Secret::new(SECRET)),
            coa_port: 3799,
            swaps_octets: false,
            interim: None,
        }],
        clock_synchronised: Some(true),
        signs_replies: Some(true),
        users: vec!["anna".to_owned()],
        router_groups: vec!["read".to_owned()],
        ..OurSide::default()
    };
    let services = wanted.services.names();
    assert!(services.len() > 1, "{services:?}");
    let expectation = Expectation {
        servers: vec![server],
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        no_dynamic: false,
    };
    let side = check::gather(router, can).await.unwrap();
    let found = alarms(diagnose(&side, &ours, &expectation));
    assert_eq!(found, [], "{} {services:?} {server}", can.version());
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn healthy(version: &str) {
    by_hand(version).await;
    // A router that serves everything, all of it set up by others.
    let emulated = Emulated::start(version);
    let (router, can) = emulated.probed(Transport::Api).await;
    emulated.ask("POST", "/do/furnish", "{}").await;
    close(&router).await;
    by_plan(&router, &can, address("192.0.2.10"), address("192.0.2.1")).await;
    // A home router as it comes; this server is inside, or outside where the line leads.
    let boards: BTreeSet<&str> = if version.starts_with('6') {
        BTreeSet::from(["hAP-ac2"])
    } else {
        BTreeSet::from(["hAP-ac2", "hAP-ax2"])
    };
    for board in boards {
        for server in ["192.168.88.10", "203.0.113.10"] {
            let emulated = Emulated::of(version, board);
            let (router, can) = emulated.probed(Transport::Api).await;
            let route = [("dst-address", "0.0.0.0/0"), ("gateway", "ether1")];
            let route = route.into_iter().collect();
            router.add("/ip/route", &route).await.unwrap();
            secured(&router, &can).await;
            let own = "192.168.88.1";
            by_plan(&router, &can, address(server), address(own)).await;
        }
    }
}

/// A CHR comes without any firewall: its owner lets nobody in from outside.
async fn close(router: &Router) {
    for rule in [
        [
            ("action", "accept"),
            ("connection-state", "established,related"),
        ],
        [("action", "drop"), ("src-address", "!192.0.2.0/24")],
    ] {
        let rule = rule.into_iter().chain([("chain", "input")]).collect();
        router.add("/ip/firewall/filter", &rule).await.unwrap();
    }
}

#[tokio::test]
async fn a_healthy_6_42_raises_no_alarm() {
    healthy("6.42").await;
}

#[tokio::test]
async fn a_healthy_6_49_raises_no_alarm() {
    healthy("6.49").await;
}

#[tokio::test]
async fn a_healthy_7_12_raises_no_alarm() {
    healthy("7.12").await;
}

#[tokio::test]
async fn a_healthy_7_15_raises_no_alarm() {
    healthy("7.15").await;
}

#[tokio::test]
async fn a_healthy_7_18_raises_no_alarm() {
    healthy("7.18").await;
}

#[tokio::test]
async fn a_healthy_7_20_raises_no_alarm() {
    healthy("7.20").await;
}

#[tokio::test]
async fn a_healthy_7_24_raises_no_alarm() {
    healthy("7.24").await;
}
