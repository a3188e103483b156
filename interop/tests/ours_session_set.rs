//! `portreeve session set` and `--dry-run` of `session kick`, with devices that are not ours: what
//! they are asked, and what is said where they do not do it.

use std::net::SocketAddr;

use portreeve_interop::freeradius::{Extras, FreeRadius};
use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::tools::Ended;
use portreeve_interop::world::{SECRET, World};
use portreeve_interop::{Must as _, eventually, free_port, pyrad2};
use serde_json::Value;

/// A server that knows of sessions at the NAS of loopback.
struct Stage {
    server: Portreeve,
}

impl Stage {
    fn new(dialect: &str) -> Self {
        let spoken = ["nas", "set", "local", "--dialect", dialect];
        let setup = Setup::default().command(&spoken);
        Self {
            server: Portreeve::with(&World::household(), &setup),
        }
    }

    /// Reports the start of a session of bob.
    fn start(&self, session: &str, more: &[&str]) {
        let to = self.server.ports().acct_v4().to_string();
        let usual = [
            "send",
            "acct",
            &to,
            "--secret",
            SECRET,
            "--status",
            "start",
            "--user",
            "bob",
            "--session-id",
            session,
            "--attr",
            "NAS-IP-Address=127.0.0.1",
        ];
        let ended = self.server.home().try_command(&[&usual[..], more].concat());
        assert!(ended.succeeded, "{}", ended.said());
        eventually(|| !self.server.sessions_with(session).is_empty());
    }

    fn session(&self, kind: &str, session: &str, at: SocketAddr, more: &[&str]) -> Ended {
        let port = at.port().to_string();
        let usual = ["session", kind, session, "--port", &port];
        self.server.home().try_command(&[&usual[..], more].concat())
    }

    #[track_caller]
    fn set(&self, session: &str, at: SocketAddr, more: &[&str], code: i32) -> String {
        let ended = self.session("set", session, at, more);
        assert_eq!(ended.code, Some(code), "{}", ended.said());
        ended.said()
    }
}

#[test]
fn pyrad2_is_asked_in_the_words_of_the_rfcs() {
    let stage = Stage::new("generic");
    let device = pyrad2::Server::coa(SECRET);
    let at = device.address();
    for session in ["coa-1", "elsewhere"] {
        stage.start(session, &[]);
    }
    let timeouts = ["--session-timeout", "10m", "--idle-timeout", "90"];
    let said = stage.set("coa-1", at, &timeouts, 0);
    assert!(said.contains("changed: Session-Timeout = 600, Idle-Timeout = 90"));
    assert_eq!(device.handled_at_least(1).len(), 1, "{}", device.said());

    // It knows no such session, by whichever name.
    let more = [&timeouts[..], &["--json"]].concat();
    let gone: Value =
        serde_json::from_str(&stage.session("set", "elsewhere", at, &more).stdout).must("JSON");
    assert_eq!(gone[0]["how"], "gone", "{gone}");
    assert_eq!(gone[0]["change"][0], "Session-Timeout = 600", "{gone}");

    let rate = stage.set("coa-1", at, &["--rate", "2M/1M"], 1);
    assert!(
        rate.contains("--attr") && rate.contains("session kick coa-1"),
        "{rate}"
    );
    let own = ["--attr", "WISPr-Bandwidth-Max-Down=2000000"];
    stage.set("coa-1", at, &own, 0);
    assert!(stage.set("coa-1", at, &[], 2).contains("nothing to change"));
    let missing = stage.set("nobody", at, &timeouts, 1);
    assert!(missing.contains("no session 'nobody'"), "{missing}");
}

#[test]
fn a_dry_run_asks_nothing() {
    let stage = Stage::new("mikrotik");
    let device = pyrad2::Server::coa(SECRET);
    stage.start("coa-1", &["--attr", "Framed-IP-Address=192.0.2.9"]);
    let rate = ["--rate", "2M/1M", "--dry-run"];
    let said = stage.set("coa-1", device.address(), &rate, 0);
    for part in [
        "would be asked at 127.0.0.1:",
        "User-Name = \"bob\"",
        "Framed-IP-Address = 192.0.2.9",
        "Mikrotik-Rate-Limit = \"1M/2M\"",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let kick = stage.session("kick", "coa-1", device.address(), &["--dry-run"]);
    assert!(kick.succeeded && kick.stdout.contains("would be ended at"));
    assert!(device.handled().is_empty(), "{}", device.said());
}

#[test]
fn what_cannot_be_changed_is_ended_where_that_is_wished() {
    let stage = Stage::new("mikrotik");
    let device = pyrad2::Server::coa(SECRET);
    // Spelt as only Wi-Fi and 802.1X spell it.
    stage.start("coa-1", &["--attr", "Calling-Station-Id=48-A9-8A-00-00-01"]);
    let rate = ["--rate", "2M/1M"];
    let said = stage.set("coa-1", device.address(), &rate, 1);
    assert!(
        said.contains("Wi-Fi") && said.contains("session kick coa-1"),
        "{said}"
    );
    assert!(device.handled().is_empty(), "{}", device.said());
    let kick = [&rate[..], &["--else-kick"]].concat();
    let said = stage.set("coa-1", device.address(), &kick, 0);
    assert!(said.contains("ended by Disconnect-Request"), "{said}");
    assert_eq!(device.handled_at_least(1).len(), 1, "{}", device.said());
}

#[test]
fn silence_is_told_with_what_it_is_usually_about() {
    let stage = Stage::new("mikrotik");
    stage.start("coa-1", &[]);
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let device = pyrad2::Server::coa("another secret of some length");
    for at in [nobody, device.address()] {
        let said = stage.set("coa-1", at, &["--idle-timeout", "10m"], 1);
        assert!(
            said.contains("not changed") && said.contains("session kick"),
            "{said}"
        );
    }
    let said = stage.set("coa-1", device.address(), &["--idle-timeout", "10m"], 1);
    assert!(said.contains("/radius incoming"), "{said}");
}

#[test]
fn freeradius_sees_the_change() {
    let stage = Stage::new("generic");
    let extras = Extras {
        coa: true,
        ..Extras::default()
    };
    let device = FreeRadius::with(&World::household(), &extras);
    stage.start("coa-1", &[]);
    let timeout = ["--session-timeout", "10m"];
    stage.set("coa-1", device.ports().coa_v4(), &timeout, 0);
    let asked = device.asked();
    for part in [
        "Session-Timeout = 600",
        "User-Name = \"bob\"",
        "Event-Timestamp",
    ] {
        assert!(asked.contains(part), "{asked}");
    }
}
