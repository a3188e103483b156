use std::{sync::Arc, time::Duration};

use portreeve_aaa::proxy::Undiscovered;

use super::{
    Discovery,
    search::{self, Found, Rules},
    zone::Zone,
};
use crate::config;

const NAPTR: &str = "10 10 s aaa+auth:radius.tls.tcp - _radiustls._tcp.example.org.";
const SERVICE: &str = "_radiustls._tcp.example.org";

fn rules(allow_private: bool) -> Rules {
    Rules {
        services: ["aaa+auth:radius.tls.tcp".to_owned()].into(),
        allow_private,
        own: || vec!["9.9.9.9".parse().unwrap(), "2a00::9".parse().unwrap()],
        random: |_| 0,
    }
}

async fn found(zone: &Zone) -> Found {
    search::search(zone, &rules(false), "example.org").await
}

/// The addresses that are found.
async fn servers(zone: &Zone) -> Result<Vec<String>, Undiscovered> {
    let servers = found(zone).await.servers?;
    Ok(servers.iter().map(|it| it.address.to_string()).collect())
}

fn discovery(realms: &[&str], zone: Zone) -> Discovery<Zone> {
    let config = config::Discovery {
        realms: realms.iter().map(|it| it.parse().unwrap()).collect(),
        ..config::Discovery::default()
    };
    Discovery::new(&config, zone)
}

fn simple() -> Zone {
    Zone::default()
        .naptr("example.org", &[NAPTR])
        .srv(SERVICE, &["0 0 2083 radius.example.org."])
        .host("radius.example.org", &["8.8.4.4", "2a00::1"])
}

#[tokio::test]
async fn naptr_leads_to_srv_and_srv_to_addresses_of_both_kinds() {
    let zone = simple();
    let found = found(&zone).await;
    let servers = found.servers.unwrap();
    let addresses: Vec<_> = servers.iter().map(|it| it.address.to_string()).collect();
    assert_eq!(addresses, ["8.8.4.4:2083", "[2a00::1]:2083"]);
    assert!(servers.iter().all(|it| it.host == "radius.example.org"));
    assert_eq!(found.ttl, Duration::from_hours(1));
    assert_eq!(
        zone.asked(),
        [
            "NAPTR example.org",
            "SRV _radiustls._tcp.example.org",
            "HOST radius.example.org"
        ]
    );
}

#[tokio::test]
async fn the_flag_a_leads_to_a_host_at_the_usual_port() {
    let rule = "10 10 a AAA+auth:RADIUS.tls.tcp - radius.example.org";
    let zone = Zone::default()
        .naptr("example.org", &[rule])
        .host("radius.example.org", &["8.8.4.4"]);
    assert_eq!(servers(&zone).await.unwrap(), ["8.8.4.4:2083"]);
}

#[tokio::test]
async fn srv_alone_is_asked_only_where_there_is_no_naptr_at_all() {
    let zone = Zone::default()
        .srv(SERVICE, &["0 0 2084 radius.example.org"])
        .host("radius.example.org", &["8.8.4.4"]);
    assert_eq!(servers(&zone).await.unwrap(), ["8.8.4.4:2084"]);
    let zone = zone.naptr("example.org", &["10 10 s aaa+auth:radius.dtls.udp - a.b"]);
    assert_eq!(servers(&zone).await, Err(Undiscovered::NoServer));
}

#[tokio::test]
async fn rules_come_by_order_and_preference_and_those_that_rewrite_or_are_not_ours_not_at_all() {
    let zone = Zone::default()
        .naptr(
            "example.org",
            &[
                "20 1 a aaa+auth:radius.tls.tcp - fourth.example.org",
                "10 20 a aaa+auth:radius.tls.tcp - third.example.org",
                "10 10 a aaa+auth:radius.tls.tcp - second.example.org",
                "1 1 a aaa+auth:radius.tls.tcp !^.*$!evil.example.org! evil.example.org",
                "1 1 u aaa+auth:radius.tls.tcp - evil.example.org",
                "1 1 - aaa+auth:radius.tls.tcp - evil.example.org",
                "1 1 a aaa+auth:diameter.tls.tcp - evil.example.org",
            ],
        )
        .host("evil.example.org", &["8.8.8.1"])
        .host("third.example.org", &["8.8.8.3"])
        .host("fourth.example.org", &["8.8.8.4"]);
    assert_eq!(servers(&zone).await.unwrap(), ["8.8.8.3:2083"]);
    let asked = zone.asked();
    assert!(!asked.iter().any(|it| it.contains("evil")), "{asked:?}");
}

#[tokio::test]
async fn srv_records_come_by_priority_and_by_weight_at_random() {
    let records = [
        "20 0 2083 d.example.org",
        "10 1 2083 a.example.org",
        "10 0 2083 b.example.org",
        "10 60 2083 c.example.org",
        "5 0 2083 .",
    ];
    let mut zone = Zone::default().srv(SERVICE, &records);
    for (name, address) in [
        ("a", "8.8.8.1"),
        ("b", "8.8.8.2"),
        ("c", "8.8.8.3"),
        ("d", "8.8.8.4"),
    ] {
        zone = zone.host(&format!("{name}.example.org"), &[address]);
    }
    let by = |random| Rules {
        random,
        ..rules(false)
    };
    for (rules, expected) in [
        (by(|_| 0), "2134"),
        (by(|most| most), "3124"),
        (by(|_| 1), "1324"),
    ] {
        let servers = search::search(&zone, &rules, "example.org").await.servers;
        let order: String = servers
            .unwrap()
            .iter()
            .map(|it| it.address.ip().to_string().pop().unwrap())
            .collect();
        assert_eq!(order, expected);
    }
}

#[tokio::test]
async fn private_addresses_our_own_and_ports_of_other_services_are_refused() {
    for address in [
        "127.0.0.1",
        "192.168.88.1",
        "169.254.169.254",
        "9.9.9.9",
        "::ffff:10.0.0.1",
    ] {
        let zone = simple().host("radius.example.org", &[address]);
        assert_eq!(servers(&zone).await, Err(Undiscovered::Unfit), "{address}");
    }
    let zone = simple().host("radius.example.org", &["10.0.0.1", "8.8.8.8"]);
    assert_eq!(servers(&zone).await.unwrap(), ["8.8.8.8:2083"]);
    let zone = simple().host("radius.example.org", &["10.0.0.1"]);
    let allowed = search::search(&zone, &rules(true), "example.org").await;
    assert_eq!(allowed.servers.unwrap().len(), 1);
    for port in [0, 22, 53] {
        let zone = simple().srv(SERVICE, &[&format!("0 0 {port} radius.example.org")]);
        assert_eq!(servers(&zone).await, Err(Undiscovered::Unfit), "{port}");
    }
}

#[tokio::test]
async fn names_that_are_none_are_not_asked_for() {
    for target in [
        "127.0.0.1",
        "localhost",
        "a_b.example.org",
        "-a.example.org",
        "a..b",
    ] {
        let zone = simple().srv(SERVICE, &[&format!("0 0 2083 {target}")]);
        assert_eq!(servers(&zone).await, Err(Undiscovered::Unfit), "{target}");
        assert_eq!(zone.asked().len(), 2, "{target}");
    }
    let rule = "10 10 s aaa+auth:radius.tls.tcp - $(reboot).example.org";
    let zone = simple().naptr("example.org", &[rule]);
    assert_eq!(servers(&zone).await, Err(Undiscovered::Unfit));
}

#[tokio::test]
async fn records_without_end_are_not_followed_without_end() {
    let hosts: Vec<String> = (0..1_000)
        .map(|at| format!("0 0 2083 h{at}.example.org"))
        .collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let rules: Vec<String> = (0..500)
        .map(|at| format!("{at} 1 s aaa+auth:radius.tls.tcp - s{}.example.org", at % 4))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let mut zone = Zone::default().naptr("example.org", &rules);
    for at in 0..4 {
        zone = zone.srv(&format!("s{at}.example.org"), &hosts);
    }
    assert_eq!(servers(&zone).await, Err(Undiscovered::Unfit));
    assert!(zone.asked().len() <= 16, "{}", zone.asked().len());
    let addresses: Vec<String> = (0..200).map(|at| format!("8.8.8.{at}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let zone = simple().host("radius.example.org", &addresses);
    assert_eq!(servers(&zone).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_rule_that_leads_back_ends_where_it_began() {
    let zone = Zone::default()
        .naptr(
            "example.org",
            &["1 1 s aaa+auth:radius.tls.tcp - example.org"],
        )
        .srv("example.org", &["0 0 2083 example.org"]);
    assert_eq!(servers(&zone).await, Err(Undiscovered::NoServer));
    assert_eq!(zone.asked().len(), 3);
}

#[tokio::test]
async fn what_holds_short_or_long_is_kept_within_bounds() {
    for (seconds, kept) in [(0, 60), (90, 90), (10_000_000, 3_600)] {
        let zone = simple().ttl(SERVICE, seconds);
        assert_eq!(found(&zone).await.ttl, Duration::from_secs(kept));
    }
}

#[tokio::test]
async fn silence_on_the_way_is_not_taken_for_a_no() {
    for name in ["example.org", SERVICE, "radius.example.org"] {
        let zone = simple().silent(name);
        assert_eq!(servers(&zone).await, Err(Undiscovered::DnsSilent), "{name}");
    }
    let second = "20 10 a aaa+auth:radius.tls.tcp - other.example.org";
    let zone = simple()
        .naptr("example.org", &[NAPTR, second])
        .silent(SERVICE)
        .host("other.example.org", &["8.8.8.8"]);
    assert_eq!(servers(&zone).await.unwrap(), ["8.8.8.8:2083"]);
}

#[tokio::test]
async fn dns_is_not_asked_for_realms_that_are_not_admitted() {
    let discovery = discovery(&["example.org", "*.edu.example"], simple());
    for (realm, why) in [
        ("example.com", Undiscovered::NotAllowed),
        ("sub.example.org", Undiscovered::NotAllowed),
        ("edu.example", Undiscovered::NotAllowed),
        (".edu.example", Undiscovered::NotAllowed),
        ("evil-edu.example", Undiscovered::NotAllowed),
        ("m\u{fc}nchen.edu.example", Undiscovered::NotAName),
        ("a b.edu.example", Undiscovered::NotAName),
    ] {
        assert_eq!(discovery.find(realm).await, Err(why), "{realm}");
    }
    assert_eq!(discovery.0.dns.asked(), Vec::<String>::new());
    assert!(discovery.find("EXAMPLE.org").await.is_ok());
    let none = discovery.find("a.edu.example").await;
    assert_eq!(none, Err(Undiscovered::NoServer));
}

#[tokio::test]
async fn many_who_ask_at_once_ask_dns_once() {
    let mut zone = simple();
    zone.slow = Duration::from_millis(20);
    let discovery = discovery(&["example.org"], zone);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let discovery = discovery.clone();
        asking.spawn(async move { discovery.find("example.org").await.unwrap() });
    }
    let all = asking.join_all().await;
    assert!(all.iter().all(|servers| Arc::ptr_eq(servers, &all[0])));
    assert_eq!(discovery.0.dns.asked().len(), 3);
}

#[tokio::test]
async fn a_search_goes_on_when_who_began_it_has_gone() {
    let mut zone = simple();
    zone.slow = Duration::from_millis(50);
    let discovery = discovery(&["example.org"], zone);
    let brief = tokio::time::timeout(Duration::from_millis(10), discovery.find("example.org"));
    assert!(brief.await.is_err());
    assert!(discovery.find("example.org").await.is_ok());
    assert_eq!(discovery.0.dns.asked().len(), 3);
}

#[tokio::test]
async fn only_so_many_realms_are_looked_up_at_a_time_and_none_for_long() {
    let mut zone = Zone::default();
    zone.slow = Duration::from_hours(1);
    let mut discovery = discovery(&["*.example.org"], zone);
    Arc::get_mut(&mut discovery.0).unwrap().patience = Duration::from_millis(200);
    let mut asking = tokio::task::JoinSet::new();
    for at in 0..80 {
        let discovery = discovery.clone();
        asking.spawn(async move { discovery.find(&format!("{at}.example.org")).await });
    }
    let all = asking.join_all().await;
    let count = |why| all.iter().filter(|it| **it == Err(why)).count();
    assert_eq!(count(Undiscovered::Busy), 16);
    assert_eq!(count(Undiscovered::DnsSilent), 64);
    assert!(discovery.state().under_way.is_empty());
}
