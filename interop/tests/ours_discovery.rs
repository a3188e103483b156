//! Home servers that DNS names: dnsmasq has the records, a second Portreeve is the home server.

use portreeve_interop::certificates::{Certificates, Identity, Wanted};
use portreeve_interop::dnsmasq::{Dnsmasq, Zone};
use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::tools::{Ended, radclient};
use portreeve_interop::world::{SECRET, User, World};
use portreeve_interop::{eventually, free_port};

/// A certificate for a realm (RFC 7585 section 2.2), whose host has another name.
const FOR_THE_REALM: &str = "DNS:elsewhere.test,otherName:1.3.6.1.5.5.7.8.8;UTF8:example.org";
/// One for the host that DNS names, and for no realm.
const FOR_THE_HOST: &str = "DNS:radius.example.org";
/// One for another realm.
const FOR_ANOTHER: &str = "DNS:radius.example.org,otherName:1.3.6.1.5.5.7.8.8;UTF8:example.com";

/// A home server, and whom it shows itself as.
struct Home {
    certificates: Certificates,
    client: Identity,
    server: Portreeve,
}

fn home(names: &str) -> Home {
    let certificates = Certificates::new();
    let pair = certificates.issue(&Wanted::server().named(names));
    let world = World {
        users: vec![User {
            name: "bob@example.org",
            password: "hello world",
            group: None,
            attributes: vec![("Session-Timeout", "3600")],
        }],
        groups: Vec::new(),
        ..World::household()
    };
    let setup = Setup::radsec(&certificates.identity(pair));
    Home {
        client: certificates.identity(certificates.client()),
        server: Portreeve::with(&world, &setup),
        certificates,
    }
}

impl Home {
    fn port(&self) -> u16 {
        self.server.ports().tls_v4().port()
    }

    /// A server that sends everybody on, and finds this one through `dns`.
    fn abroad(&self, dns: &Dnsmasq, more: &str) -> Portreeve {
        let world = World {
            users: Vec::new(),
            groups: Vec::new(),
            ..World::household()
        };
        let text = format!(
            "[[realm]]\nname = \"*\"\npool = \"discover\"\nwhen_dead = \"reject\"\n\
             [discovery]\nrealms = [\"example.org\", \"dead.example.org\"]\n\
             resolver = \"{}\"\nca = \"{}\"\ncertificate = \"{}\"\n\
             key = \"{}\"\n{more}",
            dns.address(),
            self.certificates.ca().display(),
            self.client.pair.certificate.display(),
            self.client.pair.key.display()
        );
        Portreeve::with(&world, &Setup::default().configured(&text))
    }
}

/// The records of a realm whose server listens on `port` here.
fn records(port: u16) -> Zone {
    let service = "_radiustls._tcp.example.org";
    Zone::of("example.org")
        .naptr("example.org", 's', "x-eduroam:radius.tls", service)
        .srv(service, "radius.example.org", port)
        .host("radius.example.org", "127.0.0.1")
}

const PRIVATE: &str = "allow_private = \"yes\"\n";

fn log_in(server: &Portreeve, user: &str) -> Ended {
    let request = format!("User-Name = \"{user}\"\nUser-Password = \"hello world\"");
    radclient(server.ports().auth_v4(), "auth", SECRET, &request)
}

#[track_caller]
fn says(ended: &Ended, text: &str) {
    assert!(ended.stdout.contains(text), "{}", ended.said());
}

/// The log of a server, once it has these words.
#[track_caller]
fn logs(server: &Portreeve, words: &str) {
    eventually(|| server.command(&["log"]).contains(words));
    let log = server.command(&["log"]);
    assert!(log.contains(words), "{log}\n{}", server.said());
}

#[test]
fn log_ins_and_accounting_reach_the_server_that_dns_names() {
    let home = home(FOR_THE_REALM);
    let dns = Dnsmasq::start(&records(home.port()));
    let server = home.abroad(&dns, PRIVATE);
    // The realm is the same one; whether the user is, their home server knows.
    says(
        &log_in(&server, "nobody@EXAMPLE.org"),
        "Received Access-Reject",
    );
    let ended = log_in(&server, "bob@example.org");
    says(&ended, "Received Access-Accept");
    says(&ended, "Session-Timeout = 3600");
    let request = "User-Name = \"bob@example.org\"\nAcct-Status-Type = Start\n\
                   Acct-Session-Id = \"abroad-1\"\nNAS-IP-Address = 192.0.2.9";
    let ended = radclient(server.ports().acct_v4(), "acct", SECRET, request);
    says(&ended, "Accounting-Response");
    eventually(|| home.server.sessions_with("abroad-1").len() == 1);
    assert_eq!(home.server.sessions_with("abroad-1").len(), 1);
    let asked = dns.said().matches("query[NAPTR]").count();
    assert_eq!(asked, 1, "its answer holds:\n{}", dns.said());
}

#[test]
fn accounting_of_a_dead_realm_holds_up_no_other() {
    let home = home(FOR_THE_REALM);
    let dead = "_radiustls._tcp.dead.example.org";
    let zone = records(home.port()).srv(dead, "radius.example.org", free_port());
    let dns = Dnsmasq::start(&zone);
    let server = home.abroad(&dns, PRIVATE);
    let account = |user: &str, session: &str| {
        let request = format!(
            "User-Name = \"{user}\"\nAcct-Status-Type = Start\n\
             Acct-Session-Id = \"{session}\"\nNAS-IP-Address = 192.0.2.9"
        );
        let ended = radclient(server.ports().acct_v4(), "acct", SECRET, &request);
        says(&ended, "Accounting-Response");
    };
    for number in 0..40 {
        account("bob@dead.example.org", &format!("dead-{number}"));
    }
    account("bob@example.org", "alive-1");
    let arrived = || home.server.sessions_with("alive-1").len() == 1;
    eventually(arrived);
    assert!(arrived(), "{}", server.said());
}

#[test]
fn srv_records_do_where_there_is_no_naptr() {
    let home = home(FOR_THE_REALM);
    let zone = Zone::of("example.org")
        .srv(
            "_radiustls._tcp.example.org",
            "radius.example.org",
            home.port(),
        )
        .host("radius.example.org", "127.0.0.1");
    let dns = Dnsmasq::start(&zone);
    let server = home.abroad(&dns, PRIVATE);
    says(
        &log_in(&server, "bob@example.org"),
        "Received Access-Accept",
    );
}

#[test]
fn dns_alone_makes_nobody_a_home_server() {
    for names in [FOR_THE_HOST, FOR_ANOTHER] {
        let home = home(names);
        let dns = Dnsmasq::start(&records(home.port()));
        let server = home.abroad(&dns, PRIVATE);
        says(
            &log_in(&server, "bob@example.org"),
            "Received Access-Reject",
        );
        logs(
            &server,
            "no home server of pool discover (example.org) answers",
        );
    }
}

#[test]
fn dns_is_asked_for_no_realm_that_is_not_admitted() {
    let home = home(FOR_THE_REALM);
    let dns = Dnsmasq::start(&records(home.port()));
    let server = home.abroad(&dns, PRIVATE);
    for user in ["bob@example.com", "bob@sub.example.org", "bob@localhost"] {
        says(&log_in(&server, user), "Received Access-Reject");
    }
    logs(&server, "discovery.realms does not admit it");
    assert!(!dns.said().contains("query["), "{}", dns.said());
}

#[test]
fn private_addresses_are_not_asked_unless_they_are_allowed() {
    let home = home(FOR_THE_REALM);
    let dns = Dnsmasq::start(&records(home.port()));
    let server = home.abroad(&dns, "");
    says(
        &log_in(&server, "bob@example.org"),
        "Received Access-Reject",
    );
    logs(&server, "addresses or ports that are not to be asked");
    assert!(dns.said().contains("query[NAPTR]"), "{}", dns.said());
}
