//! `portreeve router backup` and `restore`: what was fetched is put back, by the encrypted backup
//! and by the export; the router's own backups; and those that the server fetches by itself.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use portreeve_interop::Must as _;
use portreeve_interop::driven_router::text;
use portreeve_interop::stage::{NAME, PASSWORD, Stage, started};
use portreeve_interop::tools::Ended;
use serde_json::{Value, json};

/// How long the server may take until it looks after its routers.
const ROUND: Duration = Duration::from_mins(1);

fn identity(stage: &Stage, name: &str) {
    stage.router.run("/system/identity/set", &[("name", name)]);
}

fn restore(stage: &Stage, more: &[&str], password: &str) -> Ended {
    let mut arguments = vec!["router", "restore", NAME, "--password-stdin"];
    arguments.extend(more);
    stage.server.home().try_command_told(&arguments, password)
}

fn newest(stage: &Stage) -> PathBuf {
    let listed = stage.good(&["backup", NAME, "--list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).must("backups in JSON");
    PathBuf::from(listed[0]["path"].as_str().must("a path"))
}

/// Writes another value into what is kept of a backup.
fn rewrite(stage: &Stage, name: &str, value: &str) {
    let path = newest(stage).join("manifest.json");
    let manifest = fs::read_to_string(&path).must("the manifest");
    let mut manifest: Value = serde_json::from_str(&manifest).must("JSON");
    manifest["known"][name] = json!(value);
    fs::write(&path, manifest.to_string()).must("write the manifest");
}

/// What is changed after a backup is as in the backup again, and nothing else.
#[track_caller]
fn restored(version: &str, way: &str) {
    let stage = Stage::set(version);
    stage.enrolled(way, &["--udp", "--services", "ppp,login"]);
    identity(&stage, "before");
    stage.good(&["backup", NAME]);
    let wanted = stage.router.export();
    identity(&stage, "after");
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    let changed = stage.router.export();

    let looked = stage.good(&["restore", NAME, "--dry-run"]);
    assert!(
        looked.stdout.contains("-set name=after"),
        "{}",
        looked.said()
    );
    assert!(
        looked.stdout.contains("+set name=before"),
        "{}",
        looked.said()
    );
    assert_eq!(stage.router.export(), changed);

    let refused = restore(&stage, &["--yes"], "wrong-and-secret");
    assert_eq!(refused.code, Some(1), "{}", refused.said());
    assert!(
        refused.stderr.contains("refused to log"),
        "{}",
        refused.said()
    );
    assert!(!refused.said().contains("wrong-and-secret"));
    assert_eq!(stage.router.export(), changed);

    let done = restore(&stage, &["--yes"], PASSWORD);
    assert!(done.succeeded, "{}", done.said());
    assert!(done.stderr.contains("is as in backup"), "{}", done.said());
    assert!(!done.said().contains(PASSWORD), "{}", done.said());
    assert_eq!(stage.router.export(), wanted);
    // Nothing of ours lies about on it.
    let files = stage.router.menu("/file");
    assert!(
        !files
            .iter()
            .any(|file| text(file, "name").starts_with("portreeve-")),
        "{files:?}"
    );
    stage.good(&["diff", NAME]);
    // What it was before can be had again.
    let back = stage.good(&["backup", NAME, "--list"]).stdout;
    assert!(back.contains("restore"), "{back}");
}

#[test]
fn a_backup_is_restored_on_6_49() {
    restored("6.49", "api");
}

#[test]
fn a_backup_is_restored_on_7_12() {
    restored("7.12", "api");
}

#[test]
fn a_backup_is_restored_on_7_24_by_rest() {
    restored("7.24", "rest");
}

#[test]
fn a_backup_of_another_device_is_refused_and_one_of_another_version_warned_of() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    stage.good(&["backup", NAME]);
    let before = stage.router.export();
    rewrite(&stage, "version", "7.12.2 (stable)");
    let looked = stage.good(&["restore", NAME, "--dry-run"]);
    assert!(looked.stderr.contains("7.12.2"), "{}", looked.said());
    rewrite(&stage, "board", "hAP ac^3");
    let looked = stage.good(&["restore", NAME, "--dry-run"]);
    assert!(looked.stderr.contains("hAP ac^3"), "{}", looked.said());
    let refused = restore(&stage, &["--yes"], PASSWORD);
    assert_eq!(refused.code, Some(1), "{}", refused.said());
    assert!(refused.stderr.contains("--export"), "{}", refused.said());
    assert_eq!(stage.router.export(), before);
}

#[test]
fn a_damaged_backup_is_found_and_not_restored() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    stage.good(&["backup", NAME]);
    let before = stage.router.export();
    let system = newest(&stage).join("system.backup");
    let mut octets = fs::read(&system).must("the backup");
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(&system, octets).must("write the backup");
    let verified = stage.router(&["backup", NAME, "--verify"]);
    assert_eq!(verified.code, Some(1), "{}", verified.said());
    assert!(
        verified.stderr.contains("system.backup"),
        "{}",
        verified.said()
    );
    let refused = restore(&stage, &["--yes"], PASSWORD);
    assert_eq!(refused.code, Some(1), "{}", refused.said());
    assert!(refused.stderr.contains("damaged"), "{}", refused.said());
    assert_eq!(stage.router.export(), before);
}

/// A router that was never seen, and the arguments that name it.
fn another(version: &str) -> (portreeve_interop::driven_router::DrivenRouter, String) {
    let router = started(version, &["--ports", "real"]);
    let to = router.address.to_string();
    (router, to)
}

#[test]
fn an_export_is_imported_on_a_router_that_was_reset() {
    let stage = Stage::bare(started("7.24", &["--ports", "real", "--board", "CHR"]));
    let address = stage.router.address.to_string();
    stage.router.run(
        "/ppp/secret/add",
        &[
            ("name", "tim"),
            ("password", "12345678"),
            ("comment", "two words"),
        ],
    );
    identity(&stage, "attic");
    let enrolled = stage.enrol("api", &["--udp", "--services", "ppp,login"]);
    assert!(enrolled.succeeded, "{}", enrolled.said());
    let listed = stage.good(&["backup", NAME, "--list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).must("backups in JSON");
    let first = listed[0]["id"].as_str().must("a name");
    let wanted = "set name=attic";
    drop(address);

    let fresh = started("7.24", &["--ports", "real", "--board", "CHR"]);
    let to = fresh.address.to_string();
    let how = [
        first,
        "--export",
        "--to",
        &to,
        "--transport",
        "api",
        "--yes-plain",
        "--yes",
    ];
    let before = fresh.export();
    let mut dry = how.to_vec();
    dry.push("--dry-run");
    let looked = restore(&stage, &dry, PASSWORD);
    assert!(looked.succeeded, "{}", looked.said());
    assert!(
        looked.stderr.contains("has tried all of it"),
        "{}",
        looked.said()
    );
    assert_eq!(fresh.export(), before);

    let done = restore(&stage, &how, PASSWORD);
    assert!(done.succeeded, "{}", done.said());
    assert!(fresh.export().contains(wanted), "{}", fresh.export());
    let secrets = fresh.menu("/ppp/secret");
    assert_eq!(text(&secrets[0], "password"), "12345678", "{secrets:?}");
    assert!(!done.said().contains("12345678"), "{}", done.said());
}

#[test]
fn an_import_that_fails_midway_is_taken_back() {
    let stage = Stage::bare(started("7.24", &["--ports", "real", "--board", "CHR"]));
    let secret = [("name", "tim"), ("password", "12345678")];
    stage.router.run("/ppp/secret/add", &secret);
    let pool = [("name", "guests"), ("ranges", "192.0.2.10-192.0.2.20")];
    stage.router.run("/ip/pool/add", &pool);
    let enrolled = stage.enrol("api", &["--udp", "--services", "ppp,login"]);
    assert!(enrolled.succeeded, "{}", enrolled.said());

    let fresh = started("7.24", &["--ports", "real", "--board", "CHR"]);
    // In the way, and later in the export than what is added before it.
    fresh.run("/ppp/secret/add", &secret);
    let before = fresh.export();
    let to = fresh.address.to_string();
    let how = [
        "--export",
        "--to",
        &to,
        "--transport",
        "api",
        "--yes-plain",
        "--yes",
    ];
    let failed = restore(&stage, &how, PASSWORD);
    assert_eq!(failed.code, Some(1), "{}", failed.said());
    assert!(
        failed.stderr.contains("the router is as it was"),
        "{}",
        failed.said()
    );
    assert_eq!(fresh.export(), before, "{}", failed.said());
}

#[test]
fn an_export_of_another_version_is_not_imported_unless_that_is_said() {
    let stage = Stage::set("7.24");
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    let (fresh, to) = another("6.49");
    let before = fresh.export();
    let how = [
        "--export",
        "--to",
        &to,
        "--transport",
        "api",
        "--yes-plain",
        "--yes",
    ];
    let refused = restore(&stage, &how, PASSWORD);
    assert_eq!(refused.code, Some(1), "{}", refused.said());
    assert!(refused.stderr.contains("--despite"), "{}", refused.said());
    assert!(refused.stderr.contains("6.49"), "{}", refused.said());
    assert_eq!(fresh.export(), before);
}

/// The router makes its own backups: what is on it fits its version, and works.
#[track_caller]
fn on_router(version: &str, date: &str, server: &str, tls: (&str, &str)) {
    let stage = Stage::set(version);
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    let mailed = ["--mail", "noc@example.net", "--mail-server", "192.0.2.25"];
    let mut how = vec!["backup", NAME, "--on-router"];
    how.extend(mailed);
    let before = stage.router.export();
    let printed = stage.good(&how).stdout;
    assert_eq!(stage.router.export(), before);
    assert_eq!(printed.lines().count(), 3, "{printed}");
    how.push("--install");
    let done = stage.good(&how);

    let mail = &stage.router.menu("/tool/e-mail")[0];
    assert_eq!(text(mail, server), "192.0.2.25", "{mail}");
    assert_eq!(text(mail, tls.0), tls.1, "{mail}");
    let schedule = stage.router.menu("/system/scheduler");
    let schedule = schedule.first().must("a schedule");
    let shown = text(schedule, "start-date");
    let shape: String = shown
        .chars()
        .map(|c| match c {
            '0'..='9' => '9',
            'a'..='z' => 'a',
            other => other,
        })
        .collect();
    assert_eq!(shape, date, "{schedule}");
    assert_eq!(text(schedule, "interval"), "1d", "{schedule}");
    let script = stage.router.menu("/system/script");
    let script = script.first().must("a script");
    let name = text(script, "name");
    assert_eq!(text(schedule, "on-event"), name);

    // It waits for the file to be on the flash before it is mailed.
    stage.router.run("/execute", &[("script", name)]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while stage.router.mails().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    let mails = stage.router.mails();
    let mail = mails.first().must("a mail");
    assert_eq!(text(mail, "to"), "noc@example.net");
    let file = text(mail, "file");
    let dated = file
        .trim_end_matches(".backup")
        .rsplit_once(&format!("{name}-"));
    let dated = dated.must("a date in the name").1;
    assert!(dated.len() == 10 && !dated.contains('/'), "{file}");
    let secret = text(script, "source").split("password=\"").nth(1);
    let secret = secret.and_then(|rest| rest.split('"').next());
    assert!(
        !done
            .said()
            .contains(secret.must("a password in the script"))
    );
}

#[test]
fn a_router_of_version_6_makes_its_own_backups() {
    on_router("6.49", "aaa/99/9999", "address", ("start-tls", "yes"));
}

#[test]
fn a_router_of_version_7_9_makes_its_own_backups() {
    on_router("7.9", "aaa/99/9999", "address", ("tls", "starttls"));
}

#[test]
fn a_router_of_version_7_24_makes_its_own_backups() {
    on_router("7.24", "9999-99-99", "server", ("tls", "starttls"));
}

/// Waits for what the server does by itself.
#[track_caller]
fn in_a_round(stage: &Stage, what: impl Fn() -> bool) {
    let deadline = Instant::now() + ROUND;
    while !what() {
        assert!(Instant::now() < deadline, "{}", stage.server.said());
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn the_server_fetches_backups_by_itself_and_keeps_as_many_as_it_should() {
    let text = "[routers]\nbackup = \"10m\"\nkeep = 2\n";
    let mut stage = Stage::configured(started("7.24", &[]), text);
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    for name in ["one", "two", "three"] {
        identity(&stage, name);
        stage.good(&["backup", NAME]);
    }
    let rows = |stage: &Stage| -> Vec<Value> {
        let listed = stage.good(&["backup", NAME, "--list", "--json"]).stdout;
        serde_json::from_str(&listed).must("backups in JSON")
    };
    let why = |rows: &[Value]| -> Vec<String> {
        rows.iter()
            .map(|row| row["reason"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    identity(&stage, "four");
    // As if the last one were of long ago.
    let path = stage
        .server
        .home()
        .path("data/routers")
        .join(NAME)
        .join("state.json");
    let kept = fs::read_to_string(&path).must("the state");
    let mut kept: Value = serde_json::from_str(&kept).must("JSON");
    kept["backup_ms"] = json!(1);
    fs::write(&path, kept.to_string()).must("write the state");
    stage.server.restart();
    in_a_round(&stage, || why(&rows(&stage))[0] == "schedule");
    let rows = rows(&stage);
    assert_eq!(why(&rows), ["schedule", "asked", "enrol"]);
    let id = |place: usize| rows[place]["id"].as_str().must("a name").to_owned();
    let (old, new) = (id(1), id(0));
    let changed = stage.good(&["backup", NAME, "--diff", &old, &new]).stdout;
    assert!(changed.contains("-set name=three"), "{changed}");
    assert!(changed.contains("+set name=four"), "{changed}");
    let verified = stage.good(&["backup", NAME, "--verify"]).stdout;
    assert!(verified.starts_with("3 backups"), "{verified}");
}

#[test]
fn the_server_tells_of_drift_and_of_a_router_that_is_gone() {
    let text = "[routers]\ncheck = \"1m\"\n";
    let mut stage = Stage::configured(started("7.24", &[]), text);
    stage.enrolled("api", &["--udp", "--services", "ppp,login"]);
    stage.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
    stage.server.restart();
    in_a_round(&stage, || {
        stage.server.said().contains("no longer as it was left")
    });
    let listed = stage.good(&["list", "--json"]).stdout;
    assert!(listed.contains("\"drift\": 1"), "{listed}");
    let Stage {
        router, mut server, ..
    } = stage;
    drop(router);
    server.restart();
    let deadline = Instant::now() + ROUND;
    while !server.said().contains("cannot be looked at") {
        assert!(Instant::now() < deadline, "{}", server.said());
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(!server.said().contains(PASSWORD));
}
