//! What goes wrong with the certificates of RadSec between this server and a router, each trouble
//! with real handshakes that fail by it, and what `router check` makes of it.

use std::fs;
use std::path::PathBuf;

use portreeve_interop::Must as _;
use portreeve_interop::certificates::{Certificates, Pair, Wanted};
use portreeve_interop::stage::{NAME, Stage, started};
use serde_json::Value;

/// A server that shows what it is told to, and a router that was enrolled over RadSec before.
struct Shown {
    stage: Stage,
    certificates: Certificates,
    configuration: PathBuf,
    before: String,
}

impl Shown {
    fn new() -> Self {
        let stage = Stage::with(started("7.24", &[]));
        let server = stage.address.to_string();
        let how = ["--radsec", "--server", &server, "--services", "ppp"];
        let report = stage.enrolled("api", &how);
        assert_eq!(report["radius"], "radsec", "{report}");
        let configuration = stage.server.home().path("portreeve.toml");
        let before = fs::read_to_string(&configuration).must("the configuration");
        let shown = Self {
            stage,
            certificates: Certificates::new(),
            configuration,
            before,
        };
        shown.is_well();
        shown
    }

    fn wanted(&self) -> Wanted {
        Wanted::server().named(&format!("IP:{}", self.stage.address))
    }

    /// Starts the server again with another certificate, its issuer's behind it.
    fn show(&mut self, pair: &Pair) {
        let path = |name: &str| self.certificates.path(name);
        let read = |path: &PathBuf| fs::read_to_string(path).must("a file in PEM");
        let chain = read(&pair.certificate) + &read(&self.certificates.ca());
        fs::write(path("shown.crt"), chain).must("write the chain");
        // What NASes may have stays what it was: certificates of the server's own CA.
        let own = self.stage.server.home().path("own-ca.crt");
        let ca = self.stage.server.command(&["cert", "ca"]);
        fs::write(&own, ca).must("write the CA");
        let more = format!(
            "\n[tls]\ncertificate = '{}'\nkey = '{}'\nca = '{}'\n",
            path("shown.crt").display(),
            pair.key.display(),
            own.display(),
        );
        self.configure(&more);
    }

    fn configure(&mut self, more: &str) {
        fs::write(&self.configuration, self.before.clone() + more).must("configure");
        self.stage.server.restart();
    }

    /// The errors and warnings about RadSec that `router check` has.
    fn found(&self) -> Vec<String> {
        let ended = self.stage.router(&["check", NAME, "--json"]);
        let report: Value = serde_json::from_str(&ended.stdout).must(&ended.said());
        let findings = report[0]["findings"].as_array().must("findings");
        let codes = findings.iter().filter_map(|one| one["code"].as_str());
        let codes = codes.filter(|code| code.starts_with("radsec-"));
        codes.map(str::to_owned).collect()
    }

    #[track_caller]
    fn is_well(&self) {
        let answer = self.stage.dial();
        assert_eq!(answer["in"], true, "{}", self.said());
        assert_eq!(self.found(), [""; 0]);
    }

    #[track_caller]
    fn fails_by(&self, code: &str) {
        let answer = self.stage.dial();
        assert_eq!(answer["in"], false, "{code}: {}", self.said());
        assert_eq!(self.found(), [code], "{}", self.said());
    }

    fn said(&self) -> String {
        self.stage.router.log().join("\n")
    }
}

#[test]
fn a_check_says_why_a_handshake_fails() {
    let mut shown = Shown::new();
    let good = shown.certificates.issue(&shown.wanted());
    shown.show(&good);
    shown.fails_by("radsec-certificate-untrusted");

    let folder = shown.certificates.path("to-import");
    fs::create_dir(&folder).must("a folder");
    fs::copy(shown.certificates.ca(), folder.join("other-ca.crt")).must("copy the CA");
    shown.stage.router.import(&folder);
    shown.is_well();

    let elsewhere = Wanted::server().named("IP:192.0.2.1");
    let elsewhere = shown.certificates.reissue(&elsewhere, &good);
    shown.show(&elsewhere);
    shown.fails_by("radsec-certificate-name");

    for wanted in [shown.wanted().expired(), shown.wanted().not_yet_valid()] {
        let wrong = shown.certificates.reissue(&wanted, &good);
        shown.show(&wrong);
        shown.fails_by("radsec-certificate-time");
    }

    shown.configure("");
    shown.is_well();
    shown.before = shown
        .before
        .replace(&format!("\"{}:2083\"", shown.stage.address), "");
    shown.configure("");
    shown.fails_by("radsec-port");
}
