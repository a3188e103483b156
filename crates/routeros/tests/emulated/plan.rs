//! Plans against the emulator, in every version it has: there, again, and back.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use portreeve_routeros::{
    Capabilities, Command, Error, Login, Record, Router, Secret, Transport, backup, capability,
    files::Files,
    plan::{
        self, Dhcp, Dot1x, Enterprise, Failed, Hotspot, Ipsec, Logging, LoginService, Plan, Ppp,
        Progress, Server, Trouble, Undo, Wanted, Wireless, observe, rotation,
    },
};

use super::router::{Emulated, VERSIONS};

/// A device with Wi-Fi, bridge, firewall and DHCP server as it comes.
fn device(version: &str) -> &'static str {
    if version.starts_with('6') {
        "hAP-ac2"
    } else {
        "hAP-ax2"
    }
}

/// What others have configured before.
async fn furnish(router: &Router, can: &Capabilities) {
    let entry = Record::new()
        .with("address", "10.9.9.9")
        .with("service", "ppp,login")
        .with("secret", "somebody else's");
    router.add("/radius", &entry).await.unwrap();
    let by_hand = Record::new()
        .with("address", "192.0.2.10")
        .with("service", "ppp")
        .with("secret", "made by hand")
        .with("timeout", "300ms");
    router.add("/radius", &by_hand).await.unwrap();
    let stale = Record::new()
        .with("address", "192.0.2.99")
        .with("service", "hotspot")
        .with("secret", "of last year")
        .with("comment", TAG);
    router.add("/radius", &stale).await.unwrap();
    for menu in ["/interface/wifi/security", "/interface/wifiwave2/security"] {
        if can.has(&format!("{menu}/add")) {
            for (name, types) in [("staff", "wpa2-psk"), ("other", "wpa2-psk,wpa3-psk")] {
                let profile = Record::new()
                    .with("name", name)
                    .with("authentication-types", types)
                    .with("passphrase", "a common key");
                router.add(menu, &profile).await.unwrap();
            }
        }
    }
    let menu = "/interface/wireless/security-profiles";
    if can.has(&format!("{menu}/add")) {
        for name in ["staff", "other"] {
            let profile = Record::new()
                .with("name", name)
                .with("mode", "dynamic-keys")
                .with("authentication-types", "wpa2-psk")
                .with("wpa2-pre-shared-key", "a common key");
            router.add(menu, &profile).await.unwrap();
        }
    }
}

const TAG: &str = "portreeve:emulated";

/// All that this router can do.
async fn wanted(router: &Router, can: &Capabilities) -> Wanted {
    let server = Server::udp("192.0.2.10".parse().unwrap(), Secret::new("the new secret"));
    let mut wanted = Wanted::new(TAG, server);
    let mut backup = Server::udp("192.0.2.11".parse().unwrap(), Secret::new("the backup's"));
    backup.accounting_backup = true;
    wanted.servers.push(backup);
    wanted.logging = Some(Logging::default());
    let services = &mut wanted.services;
    services.ppp = Some(Ppp::default());
    services.hotspot = Some(Hotspot::default());
    services.login = Some(LoginService {
        exclude_groups: Some(BTreeSet::from(["full".to_owned()])),
        ..LoginService::default()
    });
    let known = can.values("/radius/add", "service").unwrap();
    if known.contains("ipsec") && can.has("/ip/ipsec/settings/set") {
        services.ipsec = Some(Ipsec::default());
    }
    if known.contains("dot1x") && can.has("/interface/dot1x/server/add") {
        services.dot1x = Some(Dot1x::of(["ether4"]));
    }
    let names = router.print("/ip/dhcp-server", &["name"], &[]).await;
    let names: Vec<String> = names
        .unwrap()
        .iter()
        .filter_map(|server| server.get("name").map(str::to_owned))
        .collect();
    services.dhcp = (!names.is_empty()).then(|| Dhcp::of(names));
    // A profile that all have, and the interfaces of the newer Wi-Fi with a security of their own.
    let mut networks = vec!["staff".to_owned()];
    if can.has("/interface/wifi/set") {
        let interfaces = router.print("/interface/wifi", &["name"], &[]).await;
        let interfaces = interfaces.unwrap();
        networks.extend(
            interfaces
                .iter()
                .filter_map(|i| i.get("name").map(str::to_owned)),
        );
    }
    let networks = networks.into_iter();
    services.wireless = Some(Wireless {
        switch: networks.map(|name| (name, Enterprise::Wpa2)).collect(),
        ..Wireless::default()
    });
    wanted
}

async fn planned(router: &Router, can: &Capabilities, wanted: &Wanted) -> Plan {
    let observed = observe(router, can).await.unwrap().as_user("admin");
    plan::plan(wanted, &observed, can)
        .unwrap_or_else(|objections| panic!("{}: {objections:?}", can.version()))
}

async fn never() -> Result<Router, Error> {
    panic!("the connection was not lost")
}

#[expect(clippy::unnecessary_wraps, reason = "it is what apply calls")]
fn silent(_: Progress<'_>) -> io::Result<()> {
    Ok(())
}

/// Counters and states, which nobody configures.
const MOVING: [&str; 9] = [
    ".id",
    "bytes",
    "packets",
    "last-logged-in",
    "running",
    "status",
    "tx-byte",
    "rx-byte",
    "invalid",
];

const MENUS: [&str; 22] = [
    "/interface/wifi",
    "/interface/wifiwave2",
    "/radius",
    "/radius/incoming",
    "/ip/firewall/filter",
    "/ppp/aaa",
    "/ip/hotspot/profile",
    "/interface/wireless/security-profiles",
    "/caps-man/aaa",
    "/caps-man/security",
    "/interface/wifi/security",
    "/interface/wifi/aaa",
    "/interface/wifi/configuration",
    "/interface/wifiwave2/security",
    "/interface/wifiwave2/aaa",
    "/interface/wifiwave2/configuration",
    "/user/aaa",
    "/ip/dhcp-server",
    "/interface/dot1x/server",
    "/ip/ipsec/settings",
    "/system/logging/action",
    "/system/logging",
];

/// All that is in the menus, in order, and what the router itself exports, secrets and all.
///
/// The emulator's export of a device leaves out what it came with, so only a CHR is asked for it.
async fn state(router: &Router, can: &Capabilities) -> String {
    let mut text = String::new();
    for menu in MENUS {
        let records = match router.print(menu, &[], &[]).await {
            Err(Error::NoSuchCommand { .. }) => continue,
            other => other.unwrap(),
        };
        for record in records {
            let mut words: Vec<String> = record
                .iter()
                .filter(|(name, _)| !MOVING.contains(name))
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            words.sort();
            text.push_str(menu);
            text.push(' ');
            text.push_str(&words.join(" "));
            text.push('\n');
        }
    }
    if can.is_chr() {
        let files = Files::new(router, can);
        let export = backup::export(&files, backup::Secrets::Shown).await;
        text += &backup::normalise(export.unwrap().reveal());
    }
    text
}

/// Compares two states, and shows only what is different.
fn assert_same(found: &str, expected: &str, version: &str) {
    let different = backup::diff(expected, found);
    assert!(found == expected, "{version}: {different}");
}

struct Ready {
    emulated: Emulated,
    router: Router,
    can: Capabilities,
    wanted: Wanted,
    start: String,
}

async fn ready(version: &str, board: &str, transport: Transport) -> Ready {
    let emulated = Emulated::of(version, board);
    let router = emulated.router(transport).await;
    let can = capability::probe(&router).await.unwrap();
    furnish(&router, &can).await;
    let wanted = wanted(&router, &can).await;
    let start = state(&router, &can).await;
    assert!(start.contains("10.9.9.9"), "{version}: {start}");
    Ready {
        emulated,
        router,
        can,
        wanted,
        start,
    }
}

async fn there_and_back(version: &str, board: &str, transport: Transport) {
    let at = ready(version, board, transport).await;
    let first = planned(&at.router, &at.can, &at.wanted).await;
    assert!(first.steps().len() > 10, "{version}: {first}");
    let applied = plan::apply(&at.router, &first, never, silent).await;
    let applied = applied.unwrap_or_else(|failed| panic!("{version}: {failed}\n{first}"));
    let changed = state(&at.router, &at.can).await;
    assert_ne!(changed, at.start, "{version}");
    assert!(changed.contains("the new secret"), "{version}: {changed}");
    let again = planned(&at.router, &at.can, &at.wanted).await;
    assert!(again.is_empty(), "{version}: {again}");

    let kept = serde_json::to_string(&applied.undo).unwrap();
    let mut undo: Undo = serde_json::from_str(&kept).unwrap();
    let undone = plan::undo(&at.router, &mut undo).await.unwrap();
    assert_eq!(undone.left, [], "{version}");
    let end = state(&at.router, &at.can).await;
    assert_same(&end, &at.start, version);
}

#[tokio::test]
async fn every_version_is_brought_there_and_back_over_the_api() {
    for version in VERSIONS {
        there_and_back(version, "CHR", Transport::Api).await;
        there_and_back(version, device(version), Transport::Api).await;
    }
}

#[tokio::test]
async fn every_version_is_brought_there_and_back_over_rest() {
    for version in &VERSIONS[2..] {
        there_and_back(version, device(version), Transport::Rest).await;
    }
}

/// A way to the emulator that can be cut.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<TcpStream>>>);

impl Wire {
    fn to(&self, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wire = self.clone();
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let far = TcpStream::connect(target).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    pipe(from.try_clone().unwrap(), to.try_clone().unwrap());
                }
                wire.0.lock().unwrap().extend([near, far]);
            }
        });
        address
    }

    fn cut(&self) {
        for stream in self.0.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn pipe(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
}

#[tokio::test]
async fn a_session_lost_midway_leaves_nothing_behind() {
    for version in ["6.49", "7.24"] {
        let at = ready(version, device(version), Transport::Api).await;
        let plan = planned(&at.router, &at.can, &at.wanted).await;
        for lost in [0, 5, plan.steps().len() - 1] {
            let wire = Wire::default();
            let mut target = at.emulated.target(Transport::Api);
            let direct = target.clone();
            target.port = wire.to(at.emulated.services["api"]).port();
            let login = at.emulated.login();
            let shaky = Router::connect(&target, &login).await.unwrap();
            let cutting = |progress: Progress<'_>| {
                if let Progress::Before { index, .. } = progress
                    && index == lost
                {
                    wire.cut();
                }
                Ok(())
            };
            let again = || Router::connect(&direct, &login);
            let failed = plan::apply(&shaky, &plan, again, cutting)
                .await
                .unwrap_err();
            assert!(
                matches!(&failed.trouble, Trouble::Router(error) if error.is_fatal()),
                "{version}: {failed}"
            );
            nothing_stays(&failed, lost);
            assert_same(&state(&at.router, &at.can).await, &at.start, version);
        }
    }
}

fn nothing_stays(failed: &Failed, step: usize) {
    assert_eq!(failed.step, step, "{failed}");
    assert!(failed.undo.is_none() && failed.left.is_empty(), "{failed}");
}

#[tokio::test]
async fn somebody_elses_edit_stops_the_work_and_stays() {
    for version in ["6.49", "7.24"] {
        let at = ready(version, device(version), Transport::Api).await;
        let first = planned(&at.router, &at.can, &at.wanted).await;
        let other = at.emulated.router(Transport::Api).await;
        let edit = Record::new().with("interim-update", "7m");
        other.set("/ppp/aaa", None, &edit).await.unwrap();
        let edited = state(&other, &at.can).await;
        let failed = plan::apply(&at.router, &first, never, silent).await;
        let failed = failed.unwrap_err();
        assert!(
            matches!(&failed.trouble, Trouble::Changed { menu, .. } if menu == "/ppp/aaa"),
            "{version}: {failed}"
        );
        assert!(failed.rolled_back > 0 && failed.left.is_empty(), "{failed}");
        assert_same(&state(&at.router, &at.can).await, &edited, version);
    }
}

#[tokio::test]
async fn who_may_not_write_changes_nothing() {
    for version in ["6.49", "7.24"] {
        let at = ready(version, device(version), Transport::Api).await;
        let user = Record::new()
            .with("name", "looker")
            .with("group", "read")
            .with("password", "pass");
        at.router.add("/user", &user).await.unwrap();
        let target = at.emulated.target(Transport::Api);
        let login = Login::new("looker", "pass");
        let looker = Router::connect(&target, &login).await.unwrap();
        let before = state(&at.router, &at.can).await;
        let observed = observe(&looker, &at.can).await.unwrap();
        let told = observed.clone().as_user("looker");
        let objections = plan::plan(&at.wanted, &told, &at.can).unwrap_err();
        let named = |text: &str| objections.iter().any(|o| o.what.contains(text));
        assert!(named("policy write"), "{version}: {objections:?}");
        let plan = plan::plan(&at.wanted, &observed, &at.can).unwrap();
        let failed = plan::apply(&looker, &plan, never, silent)
            .await
            .unwrap_err();
        assert!(
            matches!(&failed.trouble, Trouble::Router(Error::NotPermitted { .. })),
            "{version}: {failed}"
        );
        nothing_stays(&failed, 0);
        assert_same(&state(&at.router, &at.can).await, &before, version);
    }
}

/// A server that takes both secrets, or one at a time.
struct Both(rotation::Overlap);

impl rotation::ServerSide for Both {
    async fn prepare(&mut self) -> Result<rotation::Overlap, String> {
        Ok(self.0)
    }

    async fn commit(&mut self) -> Result<(), String> {
        Ok(())
    }

    async fn revert(&mut self) -> Result<(), String> {
        panic!("nothing failed")
    }

    async fn wait(&mut self, _: Duration) {}
}

#[tokio::test]
async fn a_secret_is_changed_in_its_place() {
    for (version, overlap) in [
        ("6.49", rotation::Overlap::Both),
        ("7.24", rotation::Overlap::One),
    ] {
        let at = ready(version, device(version), Transport::Api).await;
        let plan = planned(&at.router, &at.can, &at.wanted).await;
        plan::apply(&at.router, &plan, never, silent).await.unwrap();
        let before = state(&at.router, &at.can).await;
        let turn = rotation::Rotation {
            tag: TAG.to_owned(),
            address: at.wanted.servers[0].address,
            secret: Secret::new("the newest secret"),
        };
        let mut server = Both(overlap);
        let undo = rotation::rotate(&at.router, &at.can, &turn, &mut server, never).await;
        let mut undo = undo.unwrap();
        let after = state(&at.router, &at.can).await;
        let expected = before.replace("the new secret", "the newest secret");
        assert_same(&after, &expected, version);
        plan::undo(&at.router, &mut undo).await.unwrap();
        assert_same(&state(&at.router, &at.can).await, &before, version);
    }
}

#[tokio::test]
async fn the_script_does_what_the_plan_does() {
    for version in VERSIONS {
        let at = ready(version, device(version), Transport::Api).await;
        let plan = planned(&at.router, &at.can, &at.wanted).await;
        let script = plan.script(plan::Secrets::Shown);
        let mut command = Command::new("/execute").with("script", &*script);
        if version.starts_with('7') {
            command = command.flag("as-string");
        }
        let answer = at.router.call(&command).await.unwrap();
        let said = answer.returned().unwrap_or_default();
        // RouterOS 6 says the number of the job, which goes on by itself.
        for _ in 0..50 {
            if planned(&at.router, &at.can, &at.wanted).await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let again = planned(&at.router, &at.can, &at.wanted).await;
        assert!(again.is_empty(), "{version}: {said}\n{script}\n{again}");
    }
}
