//! The emulated router as a RADIUS client of Portreeve: each of its services logs in, is refused,
//! is accounted for, changed by CoA and ended by Disconnect.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use portreeve_interop::driven_router::{DrivenRouter, text};
use portreeve_interop::portreeve::{Home, Portreeve, Setup};
use portreeve_interop::tools::Ended;
use portreeve_interop::world::{SECRET, User, World};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};

const MAC: &str = "48:A9:8A:00:00:77";
const SERVICES: &str = "ppp,login,hotspot,wireless,dhcp,ipsec,dot1x";

/// A server and a router that has been told of it.
struct Stage {
    server: Portreeve,
    router: DrivenRouter,
}

impl Stage {
    /// The last number makes the router's address one of its own.
    fn new(version: &str, board: &str, number: u8) -> Self {
        Self::with(version, board, number, Setup::default())
    }

    fn with(version: &str, board: &str, number: u8, setup: Setup) -> Self {
        // Before 7.15 routers sign nothing but EAP.
        let signs = if version.starts_with('6') {
            "no"
        } else {
            "yes"
        };
        let signed = [
            "nas",
            "set",
            "local",
            "--require-message-authenticator",
            signs,
        ];
        let setup = setup
            .command(&signed)
            .command(&["device", "add", MAC])
            .configured("[security]\nreject_delay_ms = 0\n");
        let server = Portreeve::with(&world(), &setup);
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 77, number));
        let router = DrivenRouter::with(version, address, &["--board", board]);
        let stage = Self { server, router };
        stage.tell(SECRET);
        stage.router.act("furnish", &json!({}));
        stage.serve();
        stage
    }

    /// An entry of `/radius` for everything.
    fn tell(&self, secret: &str) -> String {
        let ports = self.server.ports();
        let (auth, acct) = (ports.auth.to_string(), ports.acct.to_string());
        self.router.run(
            "/radius/add",
            &[
                ("address", "127.0.0.1"),
                ("secret", secret),
                ("service", SERVICES),
                ("authentication-port", &auth),
                ("accounting-port", &acct),
                ("timeout", "2s"),
            ],
        );
        let rows = self.router.menu("/radius");
        text(rows.last().must("an entry"), ".id").to_owned()
    }

    /// Lets every service ask RADIUS.
    fn serve(&self) {
        let run = |command: &str, arguments: &[(&str, &str)]| {
            self.router.run(command, arguments);
        };
        run("/ppp/aaa/set", &[("use-radius", "yes")]);
        run("/user/aaa/set", &[("use-radius", "yes")]);
        run(
            "/radius/incoming/set",
            &[("accept", "yes"), ("port", "3799")],
        );
        self.set("/ip/hotspot/profile", "hsprof1", &[("use-radius", "yes")]);
        for row in self.router.menu("/ip/dhcp-server") {
            self.set_id(
                "/ip/dhcp-server",
                text(&row, ".id"),
                &[("use-radius", "yes")],
            );
        }
    }

    fn set(&self, menu: &str, name: &str, values: &[(&str, &str)]) {
        let rows = self.router.menu(menu);
        let row = rows.iter().find(|row| text(row, "name") == name).must(name);
        self.set_id(menu, text(row, ".id"), values);
    }

    fn set_id(&self, menu: &str, id: &str, values: &[(&str, &str)]) {
        let arguments: Vec<_> = [(".id", id)]
            .into_iter()
            .chain(values.iter().copied())
            .collect();
        self.router.run(&format!("{menu}/set"), &arguments);
    }

    /// Lets somebody in by an order to the control port, who must get in.
    #[track_caller]
    fn enters(&self, order: &str, what: &Value) -> Entered {
        let answer = self.router.act(order, what);
        let said = || self.router.log().join("\n");
        assert_eq!(answer["in"], true, "{order} {what}: {answer}\n{}", said());
        Entered {
            session: answer["session"].as_u64().must("a number"),
            id: text(&answer, "id").to_owned(),
            answer,
        }
    }

    /// The word with which somebody is refused.
    #[track_caller]
    fn refused(&self, order: &str, what: &Value) -> String {
        let answer = self.router.act(order, what);
        assert_eq!(answer["in"], false, "{order} {what}: {answer}");
        text(&answer, "refused").to_owned()
    }

    fn dial(&self, user: &str, password: &str) -> Entered {
        self.enters("dial", &dial("pppoe", user, password))
    }

    /// The server's record of a session, as soon as it holds a text.
    #[track_caller]
    fn recorded(&self, id: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        let found = || self.server.sessions_with(id).into_iter().next();
        eventually(|| found().is_some_and(|row| is_right(&row)));
        let row = found().must("a session that the server knows");
        assert!(is_right(&row), "{row}");
        row
    }

    fn ask(&self, kind: &str, more: &[&str]) -> Ended {
        let target = format!("{}:3799", self.router.address);
        let mut arguments = vec!["send", kind, &*target, "--secret", SECRET];
        arguments.extend(["--source", "127.0.0.1"]);
        arguments.extend(more);
        Home::new().try_command(&arguments)
    }

    #[track_caller]
    fn confirmed(&self, kind: &str, more: &[&str]) {
        let ended = self.ask(kind, more);
        assert_eq!(ended.code, Some(0), "{kind} {more:?}: {}", ended.said());
    }

    #[track_caller]
    fn denied(&self, kind: &str, more: &[&str], cause: &str) {
        let ended = self.ask(kind, more);
        assert_eq!(ended.code, Some(1), "{kind} {more:?}: {}", ended.said());
        let name = match cause {
            "401" => "Unsupported-Attribute",
            _ => "Session-Context-Not-Found",
        };
        let said = ended.said();
        assert!(said.contains(cause) || said.contains(name), "{said}");
    }

    fn count(&self, id: &str, name: &str) -> u64 {
        let arguments = [(".id", id), ("once", "")];
        let counters = self.router.run("/radius/monitor", &arguments);
        text(&counters[0], name).parse().must(name)
    }
}

/// Somebody who is in.
struct Entered {
    session: u64,
    id: String,
    answer: Value,
}

/// Those who are known to the server.
fn world() -> World {
    let mut world = World::household();
    let user = |name, attributes| User {
        name,
        password: "hello world",
        group: None,
        attributes,
    };
    world.users.extend([
        user(
            "root7",
            vec![("Mikrotik-Group", "full"), ("Class", "0x61646d")],
        ),
        user("brief", vec![("Session-Timeout", "2")]),
        user("small", vec![("Mikrotik-Total-Limit", "5000")]),
        user(
            "quick",
            vec![
                ("Acct-Interim-Interval", "60"),
                ("Mikrotik-Rate-Limit", "1M/2M"),
            ],
        ),
    ]);
    world
}

fn dial(service: &str, user: &str, password: &str) -> Value {
    let caller = if service == "pppoe" { MAC } else { "192.0.2.7" };
    json!({ "service": service, "user": user, "password": password, "caller": caller })
}

fn eap(user: &str, password: &str) -> Value {
    json!({ "mac": MAC, "eap": { "method": "peap", "user": user, "password": password } })
}

fn is_open(row: &Value) -> bool {
    row["open"] == true
}

#[test]
fn ppp_logs_in_by_every_method_and_service() {
    let stage = Stage::new("7.18", "hAP-ac2", 1);
    for method in ["pap", "chap", "mschap1", "mschap2"] {
        let mut order = dial("pppoe", "bob", "hello world");
        order["method"] = method.into();
        let bob = stage.enters("dial", &order);
        stage
            .router
            .act("hangup", &json!({ "session": bob.session }));
        order["password"] = "wrong".into();
        assert_eq!(stage.refused("dial", &order), "rejected", "{method}");
    }
    stage.router.says("user bob authentication failed");
    for service in ["pptp", "l2tp", "sstp", "ovpn"] {
        let bob = stage.enters("dial", &dial(service, "bob", "hello world"));
        let active = stage.router.menu("/ppp/active");
        let row = active
            .iter()
            .find(|row| text(row, "name") == "bob")
            .must("bob");
        assert_eq!(text(row, "service"), service);
        assert_eq!(text(row, "session-id"), format!("0x{}", bob.id));
        stage
            .router
            .act("hangup", &json!({ "session": bob.session }));
    }
    assert!(stage.router.menu("/ppp/active").is_empty());
}

#[test]
fn what_is_granted_is_seen_on_the_router_and_what_is_used_on_the_server() {
    let stage = Stage::new("7.18", "hAP-ac2", 2);
    let alice = stage.dial("alice", "wonder land");
    assert_eq!(text(&alice.answer, "address"), "192.0.2.77");
    let queues = stage.router.menu("/queue/simple");
    let queue = queues
        .iter()
        .find(|row| text(row, "name") == "<pppoe-alice>");
    let queue = queue.must("a queue for alice");
    assert_eq!(text(queue, "max-limit"), "10000000/50000000");
    assert_eq!(text(queue, "dynamic"), "true");
    stage.recorded(&alice.id, is_open);
    // Beyond 32 bits, so that Gigawords take part.
    let much = json!({ "session": alice.session, "up": 7, "down": 5_000_000_000_u64 });
    stage.router.act("traffic", &much);
    stage
        .router
        .act("hangup", &json!({ "session": alice.session }));
    let row = stage.recorded(&alice.id, |row| !is_open(row));
    let octets = |row: &Value| [row["input_octets"].as_u64(), row["output_octets"].as_u64()];
    assert_eq!(octets(&row), [Some(7), Some(5_000_000_000)], "{row}");
    assert!(row.to_string().contains("User-Request"), "{row}");
    assert!(
        stage.router.menu("/queue/simple").is_empty(),
        "it goes with the session"
    );
    // Some routers report them the other way round.
    stage.router.act("swap", &json!({ "swapped": true }));
    let bob = stage.dial("bob", "hello world");
    let little = json!({ "session": bob.session, "up": 3, "down": 4 });
    stage.router.act("traffic", &little);
    stage
        .router
        .act("hangup", &json!({ "session": bob.session }));
    let row = stage.recorded(&bob.id, |row| !is_open(row));
    assert_eq!(octets(&row), [Some(4), Some(3)], "{row}");
}

#[test]
fn time_and_quota_end_a_session_and_so_does_the_administrator() {
    let stage = Stage::new("7.18", "hAP-ac2", 3);
    let brief = stage.dial("brief", "hello world");
    let row = stage.recorded(&brief.id, |row| !is_open(row));
    assert!(row.to_string().contains("Session-Timeout"), "{row}");
    let small = stage.dial("small", "hello world");
    let octets = json!({ "session": small.session, "up": 2000, "down": 4000 });
    stage.router.act("traffic", &octets);
    stage.recorded(&small.id, |row| !is_open(row));
    let bob = stage.dial("bob", "hello world");
    let active = stage.router.menu("/ppp/active");
    stage
        .router
        .run("/ppp/active/remove", &[(".id", text(&active[0], ".id"))]);
    let row = stage.recorded(&bob.id, |row| !is_open(row));
    assert!(row.to_string().contains("Admin-Reset"), "{row}");
}

#[test]
fn a_start_of_the_router_leaves_sessions_behind() {
    let stage = Stage::new("7.18", "hAP-ac2", 4);
    let before = stage.dial("bob", "hello world");
    stage.recorded(&before.id, is_open);
    stage.router.act("reboot", &json!({}));
    eventually(|| stage.router.menu("/ppp/active").is_empty());
    let after = stage.dial("bob", "hello world");
    let start = |id: &str| id.get(..3).must("a start").to_owned();
    assert_ne!(
        start(&before.id),
        start(&after.id),
        "{} {}",
        before.id,
        after.id
    );
}

#[test]
fn the_hotspot_takes_chap_pap_and_hardware_addresses() {
    let stage = Stage::new("7.18", "hAP-ac2", 5);
    for by in ["http-chap", "http-pap"] {
        let order = json!({ "user": "quick", "password": "hello world", "mac": MAC, "by": by });
        let quick = stage.enters("hotspot", &order);
        let active = stage.router.menu("/ip/hotspot/active");
        assert_eq!(text(&active[0], "login-by"), by);
        assert_eq!(quick.answer["interim"], 60, "the profile says `received`");
        stage.recorded(&quick.id, is_open);
        stage
            .router
            .act("hangup", &json!({ "session": quick.session }));
    }
    stage.enters("hotspot", &json!({ "mac": MAC }));
    let order = json!({ "user": "alice", "password": "wrong", "mac": MAC });
    assert_eq!(stage.refused("hotspot", &order), "rejected");
    stage.router.says("login failed");
}

#[test]
fn local_users_come_first_and_are_not_the_servers_business() {
    let stage = Stage::new("7.18", "hAP-ac2", 6);
    let secret = [("name", "bob"), ("password", "local")];
    stage.router.run("/ppp/secret/add", &secret);
    let order = dial("pppoe", "bob", "hello world");
    assert_eq!(stage.refused("dial", &order), "refused");
    let bob = stage.dial("bob", "local");
    assert_eq!(bob.answer["radius"], false);
}

#[test]
fn leases_wires_and_tunnels() {
    let stage = Stage::new("7.18", "hAP-ac2", 7);
    let lease = stage.enters("lease", &json!({ "mac": MAC }));
    let leases = stage.router.menu("/ip/dhcp-server/lease");
    let row = leases
        .iter()
        .find(|row| text(row, "mac-address") == MAC)
        .must("a lease");
    assert_eq!(text(row, "radius"), "true");
    assert_eq!(text(row, "address"), text(&lease.answer, "address"));
    stage.recorded(&lease.id, is_open);
    stage.enters("plug", &eap("bob", "hello world"));
    let active = stage.router.menu("/interface/dot1x/server/active");
    assert_eq!(text(&active[0], "username"), "bob");
    stage.enters("plug", &json!({ "mac": MAC }));
    assert_eq!(stage.refused("plug", &eap("bob", "wrong")), "rejected");
    let stranger = json!({ "mac": "48:A9:8A:00:00:99" });
    assert_eq!(stage.refused("lease", &stranger), "rejected");
    let identity = [("auth-method", "pre-shared-key-xauth"), ("secret", "x")];
    stage.router.run("/ip/ipsec/identity/add", &identity);
    stage
        .router
        .run("/ip/ipsec/settings/set", &[("xauth-use-radius", "yes")]);
    let tunnel = json!({ "from": "192.0.2.9", "user": "bob", "password": "hello world" });
    stage.enters("tunnel", &tunnel);
}

#[test]
fn wifi_of_the_old_stack() {
    let stage = Stage::new("6.49", "hAP-ac2", 8);
    let profile = [
        ("mode", "dynamic-keys"),
        ("authentication-types", "wpa2-eap"),
        ("eap-methods", "passthrough"),
        ("radius-mac-authentication", "yes"),
        ("radius-eap-accounting", "yes"),
    ];
    stage.set("/interface/wireless/security-profiles", "default", &profile);
    wifi(&stage, "/interface/wireless/registration-table", true);
}

#[test]
fn wifi_of_the_new_stack() {
    let stage = Stage::new("7.24", "hAP-ax2", 9);
    let rows = stage.router.menu("/interface/wifi");
    let values = [
        ("security.authentication-types", "wpa2-eap,wpa3-eap"),
        ("security.eap-accounting", "yes"),
    ];
    for row in &rows {
        stage.set_id("/interface/wifi", text(row, ".id"), &values);
    }
    wifi(&stage, "/interface/wifi/registration-table", false);
}

/// A device is in by PEAP, another by its address, and it is sent away as the stack wants it.
fn wifi(stage: &Stage, table: &str, takes_mac: bool) {
    let bob = stage.enters("associate", &eap("bob", "hello world"));
    assert_eq!(text(&stage.router.menu(table)[0], "mac-address"), MAC);
    stage.recorded(&bob.id, is_open);
    assert_eq!(stage.refused("associate", &eap("bob", "wrong")), "rejected");
    // By the identity nothing is found: the user's name is the hardware address here.
    stage.denied("disconnect", &["--user", "bob"], "503");
    stage.confirmed("disconnect", &["--user", MAC]);
    assert!(stage.router.menu(table).is_empty());
    let row = stage.recorded(&bob.id, |row| !is_open(row));
    assert!(row.to_string().contains("Admin-Reset"), "{row}");
    if takes_mac {
        stage.enters("associate", &json!({ "mac": MAC }));
    }
}

#[test]
fn ppp_is_changed_and_ended_from_the_server() {
    let stage = Stage::new("7.18", "hAP-ac2", 10);
    let quick = stage.dial("quick", "hello world");
    let rate = "Mikrotik-Rate-Limit=3M/4M";
    stage.denied("coa", &["--user", "quick", "--attr", rate], "503");
    let both = ["--user", "quick", "--session-id", &quick.id];
    stage.confirmed("coa", &[&both[..], &["--attr", rate]].concat());
    let queues = stage.router.menu("/queue/simple");
    assert_eq!(text(&queues[0], "max-limit"), "3000000/4000000");
    let list = ["--attr", "Mikrotik-Address-List=slow"];
    stage.denied("coa", &[&both[..], &list].concat(), "401");
    stage.denied("disconnect", &["--user", "nobody"], "503");
    stage.confirmed("disconnect", &["--user", "quick"]);
    assert!(stage.router.menu("/ppp/active").is_empty());
    let row = stage.recorded(&quick.id, |row| !is_open(row));
    assert!(row.to_string().contains("Admin-Reset"), "{row}");
    let monitor = stage
        .router
        .run("/radius/incoming/monitor", &[("once", "")]);
    let counts = ["requests", "bad-requests", "acks", "naks"].map(|it| text(&monitor[0], it));
    assert_eq!(counts, ["5", "0", "2", "3"]);
}

#[test]
fn coa_counts_only_from_the_server_and_with_its_secret() {
    let stage = Stage::new("7.18", "hAP-ac2", 11);
    stage.dial("bob", "hello world");
    // The port is open when a request is answered.
    stage.denied("disconnect", &["--user", "nobody"], "503");
    let target = format!("{}:3799", stage.router.address);
    for (source, secret) in [("127.0.0.1", "another"), ("127.0.0.3", SECRET)] {
        let arguments = [
            "send",
            "disconnect",
            &*target,
            "--user",
            "bob",
            "--secret",
            secret,
        ];
        let quick = ["--source", source, "--timeout", "500ms", "--retries", "0"];
        let ended = Home::new().try_command(&[&arguments[..], &quick].concat());
        assert!(!ended.succeeded, "{source} {secret}: {}", ended.said());
    }
    assert_eq!(stage.router.menu("/ppp/active").len(), 1);
    let bad = || {
        let monitor = stage
            .router
            .run("/radius/incoming/monitor", &[("once", "")]);
        text(&monitor[0], "bad-requests").to_owned()
    };
    eventually(|| bad() == "2");
    assert_eq!(bad(), "2");
}

#[test]
fn a_hotspot_guest_is_known_by_name_and_address() {
    let stage = Stage::new("7.18", "hAP-ac2", 12);
    let order = json!({ "user": "bob", "password": "hello world", "mac": MAC });
    let bob = stage.enters("hotspot", &order);
    let address = format!("Framed-IP-Address={}", text(&bob.answer, "address"));
    stage.denied("disconnect", &["--user", "bob"], "503");
    stage.confirmed("disconnect", &["--user", "bob", "--attr", &address]);
    assert!(stage.router.menu("/ip/hotspot/active").is_empty());
}

#[test]
fn a_dead_server_is_passed_over_and_counted() {
    let stage = Stage::new("7.18", "hAP-ac2", 13);
    // Records would be counted too.
    stage.router.run("/ppp/aaa/set", &[("accounting", "no")]);
    let silent = UdpSocket::bind("127.0.0.1:0").must("a silent server");
    let port = silent.local_addr().must("its port").port().to_string();
    let first = text(&stage.router.menu("/radius")[0], ".id").to_owned();
    let ports = [("authentication-port", &*port), ("timeout", "100ms")];
    stage.set_id("/radius", &first, &ports);
    assert_eq!(
        stage.refused("dial", &dial("pppoe", "bob", "hello world")),
        "timeout"
    );
    stage
        .router
        .says("user bob authentication failed - radius timeout");
    let second = stage.tell(SECRET);
    stage.dial("bob", "hello world");
    let counts =
        |id: &str| ["requests", "accepts", "resends", "timeouts"].map(|it| stage.count(id, it));
    assert_eq!(counts(&first), [2, 0, 4, 2]);
    assert_eq!(counts(&second), [1, 1, 0, 0]);
    stage
        .router
        .run("/radius/reset-counters", &[(".id", &first)]);
    assert_eq!(stage.count(&first, "timeouts"), 0);
}

#[test]
fn another_secret_makes_bad_replies() {
    let stage = Stage::new("6.49", "hAP-ac2", 14);
    let entry = text(&stage.router.menu("/radius")[0], ".id").to_owned();
    let wrong = [("secret", "not-the-one"), ("timeout", "300ms")];
    stage.set_id("/radius", &entry, &wrong);
    let mut order = dial("pppoe", "bob", "hello world");
    order["method"] = "chap".into();
    assert_eq!(stage.refused("dial", &order), "timeout");
    // CHAP does not need the secret, so the server accepts; the router cannot verify that.
    assert!(stage.count(&entry, "bad-replies") > 0);
}

#[test]
fn users_of_the_router_log_in_by_radius() {
    for (version, board, number) in [("6.49", "hAP-ac2", 15), ("7.18", "hAP-ac2", 16)] {
        let stage = Stage::new(version, board, number);
        let said = stage.router.api_log_in("root7", "hello world");
        assert!(
            said.contains("!done") && !said.contains("!trap"),
            "{version}: {said}"
        );
        let said = stage.router.api_log_in("root7", "wrong");
        assert!(
            said.contains("invalid user name or password (6)"),
            "{version}: {said}"
        );
        stage.set_id(
            "/radius",
            text(&stage.router.menu("/radius")[0], ".id"),
            &[("timeout", "100ms"), ("secret", "not-the-one")],
        );
        let said = stage.router.api_log_in("root7", "hello world");
        let expected = "could not authenticate - radius timeout";
        assert!(said.contains(expected), "{version}: {said}");
    }
}

/// A packet that was captured from a router in the field: a PAP log-in by PPTP, whose attributes
/// are these in this order, and 97 octets long.
#[test]
fn a_pptp_log_in_is_laid_out_as_the_captured_one() {
    let stage = Stage::new("6.49", "hAP-ac2", 17);
    let server = UdpSocket::bind("127.0.0.1:0").must("a server that only listens");
    let port = server.local_addr().must("its port").port().to_string();
    let entry = text(&stage.router.menu("/radius")[0], ".id").to_owned();
    let settings = [("authentication-port", &*port), ("timeout", "100ms")];
    stage.set_id("/radius", &entry, &settings);
    let pap = [("enabled", "yes"), ("authentication", "pap")];
    stage.router.run("/interface/pptp-server/server/set", &pap);
    let order = json!({
        "service": "pptp", "user": "subscri", "password": "secret",
        "caller": "86.89.233.129", "called": "178.20.175.23",
    });
    assert_eq!(stage.refused("dial", &order), "timeout");
    let mut packet = [0; 4096];
    let length = server.recv(&mut packet).must("an Access-Request");
    let mut rest = &packet[20..length];
    let mut found = Vec::new();
    while let [number, length, ..] = rest {
        let (value, after) = rest.split_at(usize::from(*length));
        found.push((*number, value[2..].to_vec()));
        rest = after;
    }
    let numbers: Vec<u8> = found.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [6, 7, 5, 61, 1, 31, 30, 2, 32, 4]);
    assert_eq!(length - 20, 97);
    let value = |number: u8| {
        let mut all = found.iter();
        all.find(|(it, _)| *it == number)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(value(6), Some(vec![0, 0, 0, 2]));
    assert_eq!(value(7), Some(vec![0, 0, 0, 1]));
    assert_eq!(value(61), Some(vec![0, 0, 0, 5]));
    assert_eq!(value(31), Some(b"86.89.233.129".to_vec()));
    assert_eq!(value(30), Some(b"178.20.175.23".to_vec()));
    assert_eq!(value(32), Some(b"MikroTik".to_vec()));
    assert_eq!(value(4), Some(vec![127, 0, 77, 17]));
}

/// Takes connections at the port of `RadSec`, which a router cannot change, for a server that
/// listens elsewhere.
fn relay(at: SocketAddr, to: SocketAddr) {
    let listener = TcpListener::bind(at).must("the port of RadSec");
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(to).must("the server");
            for (from, to) in [(&near, &far), (&far, &near)] {
                let mut from = from.try_clone().must("a second handle");
                let mut to = to.try_clone().must("a second handle");
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
}

#[test]
fn over_radsec_with_a_certificate_of_the_servers() {
    let rule = ["--transport", "tls", "--identity", "dns:router.example"];
    let add = ["nas", "add", "rb", "127.0.0.0/8"];
    let front = "127.0.77.200";
    let setup = Setup::default()
        .command(&["cert", "init"])
        .command(&["cert", "issue", "--server", "--ip", front])
        .command(&[&add[..], &rule].concat());
    let stage = Stage::with("7.24", "hAP-ax2", 18, setup);
    relay(
        (front.parse::<IpAddr>().must("an address"), 2083).into(),
        stage.server.ports().tls_v4(),
    );
    let folder = stage.server.home().path("issued");
    fs::create_dir(&folder).must("a folder");
    let out = folder.display().to_string();
    let issue = [
        "cert",
        "issue",
        "--peer",
        "rb",
        "--dns",
        "router.example",
        "--out",
        &out,
    ];
    stage.server.command(&issue);
    stage
        .server
        .command(&["cert", "ca", "--out", &format!("{out}/ca.crt")]);
    stage.router.import(&folder);
    let entry = text(&stage.router.menu("/radius")[0], ".id").to_owned();
    let certificate = stage.router.own_certificate();
    let settings = [
        ("address", front),
        ("protocol", "radsec"),
        ("certificate", &certificate),
        // Neither counts over TLS.
        ("secret", "whatever"),
        ("authentication-port", "1"),
    ];
    stage.set_id("/radius", &entry, &settings);
    let alice = stage.dial("alice", "wonder land");
    assert_eq!(
        text(&stage.router.menu("/radius")[0], "status"),
        "TLS connected"
    );
    stage.recorded(&alice.id, is_open);
    stage
        .router
        .act("hangup", &json!({ "session": alice.session }));
    stage.recorded(&alice.id, |row| !is_open(row));
    let wrong = dial("pppoe", "alice", "wrong");
    assert_eq!(stage.refused("dial", &wrong), "rejected");
    // Without a certificate nobody is let in, and the state says why.
    stage.set_id("/radius", &entry, &[("certificate", "none")]);
    assert_eq!(
        stage.refused("dial", &dial("pppoe", "bob", "hello world")),
        "timeout"
    );
    assert_ne!(
        text(&stage.router.menu("/radius")[0], "status"),
        "TLS connected"
    );
}
