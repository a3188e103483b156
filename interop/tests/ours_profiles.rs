//! What `portreeve profile` writes, as others read it: wpa_supplicant logs in with it, libnm reads
//! it, OpenSSL checks signatures and opens keys, Python reads property lists and MIME.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portreeve_interop::portreeve::Home;
use portreeve_interop::ports::wait_until_bound;
use portreeve_interop::tools::{self, Ended};
use portreeve_interop::{Must as _, free_port};
use serde_json::Value;
use tempfile::TempDir;

const USER: &str = "tim@example.org";
/// What has to be escaped somewhere.
const PASSWORD: &str = "pass \"word\" & <more>; \\ 'x'";
const SSID: &str = "home & garden";
const SERVER: &str = "radius.example.org";
const SECRET: &str = "testing123";
/// What wpa_supplicant says when it talks inside the tunnel.
const TUNNEL: &str = ": Phase 2 ";
const PATIENCE: Duration = Duration::from_secs(10);

const METHODS: [&str; 4] = ["tls", "peap-mschapv2", "ttls-pap", "ttls-mschapv2"];

/// A data directory with a user and a CA whose server is called [`SERVER`].
struct Office {
    home: Home,
}

impl Office {
    fn new() -> Self {
        let home = Home::new();
        home.command(&["user", "add", USER, "--password", PASSWORD]);
        home.command(&["cert", "issue", "--server", "--dns", SERVER]);
        Self { home }
    }

    /// Writes a profile for a method into a folder of its own; the password goes in, too.
    fn profile(&self, platform: &str, method: &str, more: &[&str]) -> PathBuf {
        let out = self.home.path(&format!("{platform}-{method}"));
        self.write(platform, method, &out, more);
        out
    }

    fn write(&self, platform: &str, method: &str, out: &Path, more: &[&str]) -> Value {
        let path = out.display().to_string();
        let mut arguments = vec!["profile", platform, USER, "--method", method];
        arguments.extend(["--out", &path, "--json"]);
        if method != "tls" {
            arguments.push("--with-password");
        }
        if !more.contains(&"--wired") {
            arguments.extend(["--ssid", SSID]);
        }
        arguments.extend(more);
        serde_json::from_str(&self.home.command(&arguments)).must("JSON")
    }

    fn ca(&self, name: &str) -> String {
        let path = self.home.path("data").join("ca").join(name);
        path.display().to_string()
    }
}

/// hostapd as a RADIUS server that knows EAP; it is not ours.
struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Shows a certificate and its key (one PEM file), and trusts a CA.
    fn start(ca: &str, identity: &str) -> Self {
        let folder = tempfile::tempdir().must("a folder");
        let port = free_port();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("clients"), format!("127.0.0.0/8 {SECRET}\n")).must("clients");
        let octets: Vec<String> = PASSWORD
            .bytes()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let password = octets.concat();
        let users = format!(
            "\"{USER}\" TLS\n* PEAP,TTLS\n\
             \"{USER}\" MSCHAPV2,TTLS-PAP,TTLS-MSCHAPV2 {password} [2]\n"
        );
        fs::write(path("users"), users).must("users");
        let (clients, users) = (path("clients"), path("users"));
        let text = format!(
            "driver=none\nradius_server_clients={clients}\nradius_server_auth_port={port}\n\
             eap_server=1\neap_user_file={users}\nca_cert={ca}\nserver_cert={identity}\n\
             private_key={identity}\n"
        );
        fs::write(path("hostapd.conf"), text).must("hostapd.conf");
        let child = Command::new(tools::program("hostapd"))
            .arg(path("hostapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .must("start hostapd");
        wait_until_bound(port, true, PATIENCE);
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    /// Logs in as wpa_supplicant does with this configuration; only where it is controlled from
    /// is left out, because several tests cannot share that.
    fn log_in(&self, configuration: &Path) -> Ended {
        let text = fs::read_to_string(configuration).must("the configuration");
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("ctrl_interface="));
        let lines: Vec<&str> = lines.collect();
        let copy = configuration.with_extension("copy");
        fs::write(&copy, lines.join("\n") + "\n").must("a copy");
        let mut command = Command::new(tools::program("eapol_test"));
        command
            .arg("-c")
            .arg(copy)
            .args(["-a", &Ipv4Addr::LOCALHOST.to_string()])
            .args(["-p", &self.port.to_string(), "-s", SECRET, "-t", "5"]);
        tools::run(&mut command, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn openssl(arguments: &[&str]) -> Ended {
    let mut command = Command::new(tools::program("openssl"));
    tools::run(command.args(arguments), "")
}

/// Runs a script that prints JSON.
fn python(program: &str, script: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(program);
    command.args(["-c", script]).args(arguments);
    let ended = tools::run(&mut command, "");
    assert!(ended.succeeded, "{}", ended.said());
    serde_json::from_str(&ended.stdout).must("JSON from Python")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn wpa_supplicant_logs_in_with_every_method() {
    let office = Office::new();
    let server = Server::start(&office.ca("ca.crt"), &office.ca("server.pem"));
    for method in METHODS {
        let folder = office.profile("linux", method, &[]);
        let ended = server.log_in(&folder.join("home_-_garden.conf"));
        assert!(ended.succeeded, "{method}: {}", last(&ended));
        assert!(ended.stdout.contains("MPPE keys OK: 1"), "{method}");
        for seen in ["anonymous@example.org", TUNNEL] {
            let seen = ended.stdout.contains(seen);
            assert_eq!(seen, method != "tls", "{method}");
        }
    }
}

#[test]
fn wpa_supplicant_logs_in_by_rsa_and_on_a_wire() {
    let office = Office::new();
    let server = Server::start(&office.ca("ca.crt"), &office.ca("server.pem"));
    let folder = office.profile("linux", "tls", &["--wired", "--key-type", "rsa2048"]);
    let ended = server.log_in(&folder.join("wired.conf"));
    assert!(ended.succeeded, "{}", last(&ended));
}

#[test]
fn a_server_of_the_same_ca_with_another_name_is_refused() {
    let office = Office::new();
    let out = office.home.path("out");
    fs::create_dir(&out).must("a folder");
    let to = text(&out);
    let issue = [
        "cert",
        "issue",
        "--peer",
        "rogue",
        "--dns",
        "rogue.example.org",
    ];
    office.home.command(&[&issue[..], &["--out", &to]].concat());
    let both = ["rogue.crt", "rogue.key"].map(|name| fs::read_to_string(out.join(name)));
    let both: String = both.map(|text| text.must("a file")).concat();
    fs::write(out.join("rogue.pem"), both).must("rogue.pem");
    let rogue = Server::start(&office.ca("ca.crt"), &text(&out.join("rogue.pem")));
    for method in METHODS {
        let folder = office.profile("linux", method, &[]);
        let ended = rogue.log_in(&folder.join("home_-_garden.conf"));
        assert!(!ended.succeeded, "{method}: {}", last(&ended));
        let why = ended.stdout.contains("Domain mismatch") || ended.stdout.contains("AltSubject");
        assert!(why, "{method}: {}", ended.stdout);
        assert!(!ended.stdout.contains(TUNNEL), "{method}");
    }
}

#[test]
fn a_server_of_another_ca_with_the_right_name_is_refused() {
    let (office, other) = (Office::new(), Office::new());
    let rogue = Server::start(&other.ca("ca.crt"), &other.ca("server.pem"));
    for method in METHODS {
        let folder = office.profile("linux", method, &[]);
        let ended = rogue.log_in(&folder.join("home_-_garden.conf"));
        assert!(!ended.succeeded, "{method}: {}", last(&ended));
        let why = ended.stdout.contains("self-signed certificate");
        assert!(
            why || ended.stdout.contains("unable to get"),
            "{method}: {}",
            last(&ended)
        );
    }
}

#[test]
fn wpa_supplicant_takes_every_kind_of_network() {
    let office = Office::new();
    for security in ["wpa2", "wpa3", "wpa2+wpa3"] {
        let more = ["--security", security, "--hidden", "--force"];
        let folder = office.profile("linux", "peap-mschapv2", &more);
        // There is no such interface; the configuration is read first.
        let mut command = Command::new(tools::program("wpa_supplicant"));
        command.args(["-i", "none0", "-D", "wired", "-dd", "-c"]);
        command.arg(folder.join("home_-_garden.conf"));
        let ended = tools::run(&mut command, "");
        let said = ended.said();
        assert!(
            said.contains("ca_cert - hexdump_ascii"),
            "{security}: {said}"
        );
        for bad in ["Line ", "failed to parse", "Failed to read or parse"] {
            assert!(!said.contains(bad), "{security}: {said}");
        }
    }
}

#[test]
fn a_profile_for_apple_is_signed_and_a_property_list() {
    let office = Office::new();
    for method in METHODS {
        let file = office.home.path(&format!("{method}.mobileconfig"));
        office.write("apple", method, &file, &[]);
        let plist = office.home.path("plain.plist");
        let signed = ["cms", "-verify", "-inform", "DER", "-purpose", "any"];
        let files = ["-in", &text(&file), "-out", &text(&plist)];
        let ca = office.ca("ca.crt");
        let trusted = [&signed[..], &files, &["-CAfile", &ca]].concat();
        let ended = openssl(&trusted);
        assert!(ended.succeeded, "{}", ended.said());
        let script = "import json,plistlib,sys\n\
                      p=plistlib.load(open(sys.argv[1],'rb'))\n\
                      print(json.dumps(p,default=lambda b:b.hex()))";
        let profile = python("python3", script, &[&text(&plist)]);
        assert_eq!(profile["PayloadType"], "Configuration");
        let payloads = profile["PayloadContent"].as_array().must("payloads");
        let of = |kind: &str| {
            payloads
                .iter()
                .find(|payload| payload["PayloadType"] == kind)
        };
        let wifi = of("com.apple.wifi.managed").must("the network");
        assert_eq!(wifi["SSID_STR"], SSID);
        let eap = &wifi["EAPClientConfiguration"];
        assert_eq!(eap["TLSTrustedServerNames"][0], SERVER);
        if method == "tls" {
            let identity = of("com.apple.security.pkcs12").must("an identity");
            let octets = identity["PayloadContent"].as_str().must("octets");
            let opened = office.home.path("identity.p12");
            fs::write(&opened, unhex(octets)).must("identity.p12");
            let password = identity["Password"].as_str().must("a password");
            opens(&opened, password);
        } else {
            assert_eq!(eap["UserPassword"], PASSWORD);
        }
    }
    // One octet changed, and the signature no longer holds.
    let file = office.home.path("tls.mobileconfig");
    let mut octets = fs::read(&file).must("the profile");
    let at = find(&octets, b"PayloadType").must("the content");
    octets[at] ^= 1;
    fs::write(&file, octets).must("the profile");
    let ca = office.ca("ca.crt");
    let verify = [
        "cms", "-verify", "-inform", "DER", "-purpose", "any", "-CAfile", &ca,
    ];
    let ended = openssl(&[&verify[..], &["-in", &text(&file)]].concat());
    assert!(!ended.succeeded, "{}", ended.said());
}

#[test]
fn network_manager_reads_its_keyfile() {
    // libnm's own parser, by way of Python.
    let script = "import gi,json,sys\n\
        gi.require_version('NM','1.0')\n\
        from gi.repository import GLib,NM\n\
        k=GLib.KeyFile.new(); k.load_from_file(sys.argv[1],0)\n\
        said=[]\n\
        c=NM.keyfile_read(k,'/',0,lambda *a:(said.append(str(a[2])),True)[1],None)\n\
        c.verify(); s=c.get_setting_802_1x()\n\
        w=c.get_setting_wireless()\n\
        print(json.dumps(dict(said=said,eap=s.get_eap_method(0),user=s.get_identity(),\n\
          server=s.get_domain_match(),alt=s.get_altsubject_match(0),\n\
          ca=bytes(s.get_ca_cert_blob().get_data()).decode(),\n\
          key=s.get_private_key_format().value_nick,password=s.get_password(),\n\
          inner=s.get_phase2_auth(),ssid=w and bytes(w.get_ssid().get_data()).decode())))";
    let office = Office::new();
    for method in METHODS {
        let folder = office.profile("linux", method, &[]);
        let file = folder.join("home_-_garden.nmconnection");
        let mode = fs::metadata(&file).must("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = python("/usr/bin/python3", script, &[&text(&file)]);
        assert_eq!(read["said"], serde_json::json!([]), "{method}");
        assert_eq!(read["server"], SERVER);
        assert_eq!(read["alt"], format!("DNS:{SERVER}"));
        assert_eq!(read["user"], USER);
        assert_eq!(read["ssid"], SSID);
        let ca = fs::read_to_string(folder.join("ca.pem")).must("ca.pem");
        assert_eq!(read["ca"], ca);
        let (outer, inner, password) = match method {
            "tls" => ("tls", Value::Null, Value::Null),
            "peap-mschapv2" => ("peap", "mschapv2".into(), PASSWORD.into()),
            "ttls-pap" => ("ttls", "pap".into(), PASSWORD.into()),
            _ => ("ttls", "mschapv2".into(), PASSWORD.into()),
        };
        assert_eq!(read["eap"], outer);
        assert_eq!(read["inner"], inner);
        assert_eq!(read["password"], password);
        let key = if method == "tls" {
            "raw-key"
        } else {
            "unknown"
        };
        assert_eq!(read["key"], key, "{method}");
    }
    let wired = office.profile("linux", "tls", &["--wired", "--force"]);
    let file = text(&wired.join("wired.nmconnection"));
    assert_eq!(
        python("/usr/bin/python3", script, &[&file])["ssid"],
        Value::Null
    );
}

#[test]
fn keys_for_windows_and_android_open_with_the_passphrase_that_is_said() {
    let office = Office::new();
    for platform in ["windows", "android"] {
        let out = office.home.path(platform);
        let said = office.write(platform, "tls", &out, &["--separate-passphrase"]);
        let passphrase = said["passphrase"].as_str().must("a passphrase");
        opens(&out.join("tim-example-org.p12"), passphrase);
        for entry in fs::read_dir(&out).must("the folder") {
            let path = entry.must("an entry").path();
            let octets = fs::read(&path).must("a document");
            let inside = find(&octets, passphrase.as_bytes());
            assert_eq!(inside, None, "{}", path.display());
            let mode = fs::metadata(&path).must("a document").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_passpoint_file_is_mime_with_xml_and_a_key_without_a_password() {
    let script = "import base64,email,json,sys,xml.etree.ElementTree as E\n\
        m=email.message_from_bytes(base64.b64decode(open(sys.argv[1],'rb').read()))\n\
        parts={p.get_content_type():p.get_payload(decode=True) for p in m.get_payload()}\n\
        t=E.fromstring(parts['application/x-passpoint-profile'])\n\
        n='{syncml:dmddf1.2}'\n\
        f={e.findtext(n+'NodeName'):e.findtext(n+'Value') for e in t.iter(n+'Node')}\n\
        k=parts.get('application/x-pkcs12')\n\
        if k: open(sys.argv[2],'wb').write(k)\n\
        print(json.dumps(dict(types=sorted(parts),values=f)))";
    let office = Office::new();
    let key = office.home.path("passpoint.p12");
    for method in ["tls", "ttls-pap", "ttls-mschapv2"] {
        let folder = office.profile("android", method, &[]);
        let file = text(&folder.join("passpoint.config"));
        let read = python("python3", script, &[&file, &text(&key)]);
        assert_eq!(read["types"][0], "application/x-passpoint-profile");
        let values = &read["values"];
        assert_eq!(values["Realm"], "example.org");
        assert_eq!(values["FQDN"], SERVER, "the last one is the server");
        if method == "tls" {
            opens(&key, "");
            assert_eq!(values["CertificateType"], "x509v3");
        } else {
            assert_eq!(values["EAPType"], "21");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_cure() {
    let office = Office::new();
    let home = &office.home;
    home.command(&[
        "user",
        "add",
        "anna",
        "--password",
        "abc",
        "--store",
        "argon2id",
    ]);
    let refused = |arguments: &[&str], words: &str, code: i32| {
        let ended = home.try_command(&[&["profile"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.said());
        assert!(
            ended.stderr.contains(words),
            "{arguments:?}: {}",
            ended.said()
        );
    };
    let ssid = ["--ssid", "home"];
    let with = |first: &[&'static str]| [first, &ssid].concat();
    refused(&["apple", USER], "--ssid", 2);
    refused(&with(&["apple", "tmi@example.org"]), "did you mean", 1);
    let argon = with(&["linux", "anna", "--method", "peap-mschapv2"]);
    refused(&argon, "--method ttls-pap", 1);
    let clear = with(&["linux", "anna", "--method", "ttls-pap", "--with-password"]);
    refused(&clear, "--password-stdin", 1);
    refused(&with(&["apple", USER, "--with-password"]), "certificate", 2);
    let name = with(&["apple", USER, "--server-name", "other.example.org"]);
    refused(&name, "cert issue --server --dns other.example.org", 1);
    let strict = with(&["apple", USER, "--security", "wpa3-192"]);
    refused(&strict, "P-256", 1);
    refused(&with(&["apple", USER, "--link"]), "--link-url", 2);
    let plain = with(&["apple", USER, "--link", "--link-url", "http://a.example"]);
    refused(&plain, "https", 2);
    refused(&["apple", USER, "--ssid", &"x".repeat(33)], "32", 2);
    let full = office.home.path("");
    let full = text(&full);
    let into = ["linux", USER, "--out", &full, "--ssid", "home"];
    refused(&into, "--force", 1);
    // None of them has cost a certificate.
    let issued = tools::json_rows(&home.command(&["cert", "list", "--json"]));
    assert!(!issued.iter().any(|row| tools::json_holds(row, USER)));
    let without = Home::new();
    without.command(&["user", "add", "tim", "--password", "x"]);
    let ended = without.try_command(&["profile", "apple", "tim", "--ssid", "home"]);
    assert!(
        ended.stderr.contains("portreeve cert init"),
        "{}",
        ended.said()
    );
}

/// A key that OpenSSL opens with this and no other password.
fn opens(file: &Path, password: &str) {
    let file = text(file);
    let open = |password: &str| {
        let pass = format!("pass:{password}");
        openssl(&["pkcs12", "-in", &file, "-nodes", "-passin", &pass])
    };
    let ended = open(password);
    assert!(ended.succeeded, "{}", ended.said());
    assert!(ended.stdout.contains("PRIVATE KEY"), "{}", ended.said());
    assert!(!open("wrong").succeeded);
}

fn last(ended: &Ended) -> String {
    let lines: Vec<&str> = ended.stdout.lines().rev().take(12).collect();
    lines.join("\n")
}

fn find(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}

fn unhex(text: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&text[at..at + 2], 16).must("hexadecimal");
    (0..text.len()).step_by(2).map(octet).collect()
}
