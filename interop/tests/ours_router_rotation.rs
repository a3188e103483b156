//! A shared secret changed on both ends while it is in use: log-ins and accounting all through, an
//! interrupted rotation, and a NAS that is no router.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portreeve_interop::driven_router::{DrivenRouter, own_address, text};
use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::tools::{Ended, json_rows, radclient, radclient_bare};
use portreeve_interop::world::{SECRET, World};
use portreeve_interop::{Must as _, eventually};
use serde_json::{Value, json};

const NAME: &str = "attic";
const PASSWORD: &str = "not-the-factory-one";
const NEW: &str = "the secret of the day after the change";

/// A server, and a router of a version that is enrolled over UDP.
struct Stage {
    router: DrivenRouter,
    server: Portreeve,
    /// What was met with silence before: until the server knew the router.
    silence: Vec<(String, u64)>,
}

impl Stage {
    fn enrolled(version: &str) -> Self {
        Self::enrolled_with(version, &[])
    }

    fn enrolled_with(version: &str, more: &[&str]) -> Self {
        let router = DrivenRouter::with(version, own_address(), &["--password", PASSWORD]);
        router.act("furnish", &json!({}));
        let mut world = World::household();
        world.nases.clear();
        let server = Portreeve::with(&world, &Setup::default());
        let address = router.service("api").to_string();
        let arguments = [
            "router",
            "enrol",
            &address,
            "--user",
            "admin",
            "--password-stdin",
            "--transport",
            "api",
            "--name",
            NAME,
            "--yes",
            "--yes-plain",
            "--udp",
            "--services",
            "ppp,login",
            "--timeout",
            "2s",
        ];
        let arguments = [&arguments[..], more].concat();
        let ended = server.home().try_command_told(&arguments, PASSWORD);
        assert!(ended.succeeded, "{}", ended.said());
        let silence = discards(&server);
        Self {
            router,
            server,
            silence,
        }
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> Ended {
        let ended = self.server.home().try_command(arguments);
        assert!(ended.succeeded, "{arguments:?}:\n{}", ended.said());
        ended
    }

    /// Somebody dials in, uses it and leaves; over and over until `done`, at least so often.
    fn comings_and_goings(&self, done: &AtomicBool) -> u64 {
        let mut count = 0;
        while count < 20 || !done.load(Ordering::Relaxed) {
            let order = json!({"user": "bob", "password": "hello world"});
            let dialled = self.router.act("dial", &order);
            assert_eq!(dialled["in"], true, "after {count}: {dialled}");
            let session = &dialled["session"];
            let traffic = json!({"session": session, "up": 1000, "down": 2000});
            self.router.act("traffic", &traffic);
            self.router.act("interim", &json!({"session": session}));
            self.router.act("hangup", &json!({"session": session}));
            count += 1;
        }
        count
    }

    /// The secrets that the entries of the router have.
    fn secrets(&self) -> BTreeSet<String> {
        let secret = |entry: &Value| entry["secret"].as_str().unwrap_or_default().to_owned();
        self.router.menu("/radius").iter().map(secret).collect()
    }

    fn nas(&self) -> Value {
        let shown = self.good(&["nas", "show", NAME, "--reveal-secret", "--json"]);
        serde_json::from_str(&shown.stdout).must("a NAS in JSON")
    }
}

/// How often a packet was met with silence, by the reason.
fn discards(server: &Portreeve) -> Vec<(String, u64)> {
    let status = server.status();
    let all = status["discards"].as_object().must("discards");
    let counted = all.iter().map(|(reason, count)| {
        let count = count.as_u64().must("a number");
        (reason.clone(), count)
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

/// Whoever tests the router may be unknown yet at first; the subscriber never is.
#[track_caller]
fn nobody_refused(server: &Portreeve) {
    let refused = ["log", "--json", "--user", "bob", "--outcome", "rejected"];
    assert_eq!(server.command(&refused), "");
}

/// Changes the secret while somebody comes and goes, and says how often.
fn rotated_in_use(stage: &Stage) -> u64 {
    let before = stage.nas();
    let done = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let using = scope.spawn(|| stage.comings_and_goings(&done));
        let home = stage.server.home();
        let rotated = home.try_command(&["router", "rotate", NAME, "--yes"]);
        thread::sleep(Duration::from_millis(500));
        done.store(true, Ordering::Relaxed);
        assert!(rotated.succeeded, "{}", rotated.said());
        assert!(rotated.stderr.contains("logged in"), "{}", rotated.said());
        using.join().must("nobody was refused")
    });
    let after = stage.nas();
    assert_ne!(after["secret"], before["secret"]);
    assert!(after["previous_secret_until"].is_null(), "{after}");
    assert_eq!(stage.secrets().len(), 1);
    assert_eq!(
        stage.secrets().first().map(String::as_str),
        after["secret"].as_str()
    );
    nobody_refused(&stage.server);
    assert_eq!(discards(&stage.server), stage.silence);
    count
}

/// Every report has come: so many sessions, each with its end and what it used.
#[track_caller]
fn nothing_lost(stage: &Stage, count: u64) {
    let whole = |session: &Value| {
        session["open"] == false
            && session["input_octets"]
                .as_u64()
                .is_some_and(|some| some > 0)
    };
    let of_bob = || {
        let all = stage.server.sessions_with("bob");
        let whole = all.iter().filter(|session| whole(session)).count();
        (all.len() as u64, whole as u64)
    };
    eventually(|| of_bob() == (count, count));
    assert_eq!(of_bob(), (count, count));
    stage.good(&["router", "diff", NAME]);
}

#[test]
fn nothing_is_refused_discarded_or_lost_while_a_secret_is_changed() {
    let stage = Stage::enrolled("7.24");
    let count = rotated_in_use(&stage);
    nothing_lost(&stage, count);
    let status = stage.server.status();
    assert_eq!(status["requests"]["repeated"], 0, "it was asked twice");
}

#[test]
fn nothing_is_refused_discarded_or_lost_where_log_ins_are_unsigned() {
    let stage = Stage::enrolled("6.49");
    let count = rotated_in_use(&stage);
    nothing_lost(&stage, count);
}

#[test]
fn nobody_is_refused_where_no_request_proves_its_secret() {
    let stage = Stage::enrolled("6.49");
    // What is left is MS-CHAP without Message-Authenticator.
    stage.router.run("/ppp/aaa/set", &[("accounting", "no")]);
    rotated_in_use(&stage);
    assert!(stage.server.sessions_with("bob").is_empty());
    let requests = stage.server.status()["requests"].clone();
    // In the moment before the server is told that the router has turned.
    assert!(requests["repeated"].as_u64() < Some(3), "{requests}");
}

#[test]
fn a_rotation_that_is_cut_short_loses_nothing_and_is_taken_up() {
    let mut stage = Stage::enrolled("7.24");
    let old = stage.nas()["secret"].clone();
    let mut rotating = stage
        .server
        .home()
        .begin(&["router", "rotate", NAME, "--yes"]);
    eventually(|| stage.secrets().len() == 2);
    rotating.kill().must("cut the rotation short");
    rotating.wait().must("its end");
    assert_eq!(stage.secrets().len(), 2);
    stage.server.restart();

    let nas = stage.nas();
    assert_ne!(nas["secret"], old);
    assert!(nas["previous_secret_until"].is_string(), "{nas}");
    let shown = stage.good(&["nas", "show", NAME]).stdout;
    assert!(shown.contains("accepted until"), "{shown}");
    let listed = stage.good(&["nas", "list"]).stdout;
    assert!(listed.contains("accepted until"), "{listed}");
    let never = AtomicBool::new(true);
    stage.comings_and_goings(&never);

    let again = stage
        .server
        .home()
        .try_command(&["router", "rotate", NAME, "--yes"]);
    assert!(again.stderr.contains("router apply"), "{}", again.said());
    stage.good(&["router", "apply", NAME, "--yes"]);
    assert_eq!(stage.secrets().first().map(String::as_str), old.as_str());
    // It is the one that is not forgotten after a day.
    assert_eq!(stage.nas()["secret"], old);
    stage.comings_and_goings(&never);
    let open = || {
        let listed = stage
            .server
            .command(&["session", "list", "--user", "bob", "--json"]);
        json_rows(&listed).len()
    };
    eventually(|| open() == 0);
    let order = json!({"user": "bob", "password": "hello world"});
    assert_eq!(stage.router.act("dial", &order)["in"], true);
    eventually(|| open() == 1);
    let kicked = stage.good(&["session", "kick", "--user", "bob"]).stdout;
    assert!(kicked.contains("ended by Disconnect-Request"), "{kicked}");

    stage.good(&["router", "rotate", NAME, "--yes"]);
    let nas = stage.nas();
    assert!(nas["previous_secret_until"].is_null(), "{nas}");
    assert_ne!(nas["secret"], old);
    stage.comings_and_goings(&never);
    nobody_refused(&stage.server);
    assert_eq!(discards(&stage.server), []);
}

#[test]
fn a_rotation_that_fails_at_the_second_server_leaves_both_ends_as_they_were() {
    let stage = Stage::enrolled_with("7.24", &["--backup-server", "127.0.0.9"]);
    let old = stage.nas()["secret"].clone();
    assert_eq!(stage.router.menu("/radius").len(), 2);
    // Somebody takes the second entry away before its twin is made.
    let twin = json!({"editor": {
        "after": 1,
        "path": "/radius/add",
        "user": "admin",
        "command": "/radius/remove",
        "arguments": {".id": text(&stage.router.menu("/radius")[1], ".id")},
    }});
    stage.router.faults(&twin);
    let home = stage.server.home();
    let rotated = home.try_command(&["router", "rotate", NAME, "--yes"]);
    assert_eq!(rotated.code, Some(1), "{}", rotated.said());
    stage.router.faults(&json!({}));
    assert_eq!(stage.secrets().len(), 1, "{}", rotated.said());
    assert_eq!(stage.secrets().first().map(String::as_str), old.as_str());
    let nas = stage.nas();
    assert_eq!(nas["secret"], old, "{}", rotated.said());
    let never = AtomicBool::new(true);
    stage.comings_and_goings(&never);

    stage.good(&["router", "apply", NAME, "--yes"]);
    assert_eq!(stage.router.menu("/radius").len(), 2);
    stage.good(&["router", "rotate", NAME, "--yes"]);
    assert_eq!(stage.secrets().len(), 1);
    assert_eq!(
        stage.secrets().first().map(String::as_str),
        stage.nas()["secret"].as_str()
    );
    assert_ne!(stage.nas()["secret"], old);
    stage.comings_and_goings(&never);
    nobody_refused(&stage.server);
}

/// Asks to be let in, and to have something recorded.
fn answered(server: &Portreeve, secret: &str) -> bool {
    let ports = server.ports();
    let log_in = "User-Name = \"bob\"\nUser-Password = \"hello world\"";
    let report = "User-Name = \"bob\"\nAcct-Session-Id = \"1\"\nAcct-Status-Type = Start";
    let accepted = radclient(ports.auth_v4(), "auth", secret, log_in);
    let recorded = radclient_bare(ports.acct_v4(), "acct", secret, report);
    let answers = [
        accepted.stdout.contains("Received Access-Accept"),
        recorded.stdout.contains("Received Accounting-Response"),
    ];
    assert_eq!(
        answers[0],
        answers[1],
        "{}\n{}",
        accepted.said(),
        recorded.said()
    );
    answers[0]
}

#[test]
fn any_nas_may_use_its_previous_secret_for_a_while_and_no_longer() {
    let server = Portreeve::start(&World::household());
    assert!(answered(&server, SECRET));
    let change = [
        "nas",
        "set",
        "local",
        "--secret",
        NEW,
        "--keep-previous",
        "8s",
    ];
    let changed = Instant::now();
    let said = server.home().try_command(&change);
    assert!(said.stderr.contains("accepted until"), "{}", said.said());
    // A running server knows within a second.
    thread::sleep(Duration::from_secs(1));
    assert!(answered(&server, SECRET), "the old one");
    assert!(answered(&server, NEW), "the new one");
    assert!(answered(&server, SECRET), "the old one after the new one");
    assert_eq!(discards(&server), []);
    thread::sleep(Duration::from_secs(9).saturating_sub(changed.elapsed()));
    assert!(
        !answered(&server, SECRET),
        "the old one when its time is up"
    );
    assert!(answered(&server, NEW), "the new one then");
    let counted = discards(&server);
    let [(reason, 2..)] = counted.as_slice() else {
        panic!("{counted:?}");
    };
    assert_eq!(reason, "previous_secret_expired");
    let shown = server.command(&["nas", "show", "local"]);
    assert!(shown.contains("no longer accepted since"), "{shown}");
    server.command(&["nas", "set", "local", "--forget-previous"]);
    let shown = server.command(&["nas", "show", "local"]);
    assert!(!shown.contains("previous-secret"), "{shown}");
}
