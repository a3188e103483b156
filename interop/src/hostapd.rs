//! `hostapd`, as a switch that asks a RADIUS server and as a RADIUS server itself.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::cable::Cable;
use crate::certificates::Identity;
use crate::ports::is_bound;
use crate::process::Process;
use crate::tools::{self, program};
use crate::world::{SECRET, World};
use crate::{Must as _, free_port};

/// What a switch is told.
#[derive(Debug, Clone)]
pub struct SwitchTerms {
    /// Where Access-Requests go.
    pub auth: SocketAddr,
    /// Where Accounting-Requests go.
    pub acct: SocketAddr,
    /// How often it asks who is there again, in seconds; never for 0.
    pub reauth: u32,
    /// How often it accounts, in seconds; as the server wishes if none.
    pub interim: Option<u32>,
    /// The port on which it takes Disconnect-Requests; any if none.
    pub das: Option<u16>,
}

/// A switch with one port, at the near end of a cable.
#[derive(Debug)]
pub struct Switch {
    process: Process,
    folder: TempDir,
    interface: String,
    das: u16,
}

impl Switch {
    /// Plugs it in.
    pub fn start(cable: &Cable, terms: &SwitchTerms) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let (interface, das) = (cable.near(), terms.das.unwrap_or_else(free_port));
        let control = folder.path().join("ctrl");
        let [auth, acct] = [&terms.auth, &terms.acct];
        let mut text = format!(
            "interface={interface}\ndriver=wired\nlogger_stdout=-1\nlogger_stdout_level=0\n\
             ctrl_interface={}\nieee8021x=1\nuse_pae_group_addr=1\neap_reauth_period={}\n\
             own_ip_addr=127.0.0.1\nnas_identifier=switch.test\n\
             auth_server_addr={}\nauth_server_port={}\nauth_server_shared_secret={SECRET}\n\
             acct_server_addr={}\nacct_server_port={}\nacct_server_shared_secret={SECRET}\n\
             radius_das_port={das}\nradius_das_client=127.0.0.1 {SECRET}\n\
             radius_das_require_event_timestamp=1\n\
             radius_das_require_message_authenticator=1\n",
            control.display(),
            terms.reauth,
            auth.ip(),
            auth.port(),
            acct.ip(),
            acct.port(),
        );
        if let Some(seconds) = terms.interim {
            text.extend(["radius_acct_interim_interval=", &seconds.to_string(), "\n"]);
        }
        let mut process = start(&program("hostapd"), folder.path(), &text);
        process.wait_until(|| control.join(&interface).exists() && is_bound(das, true));
        Self {
            process,
            folder,
            interface,
            das,
        }
    }

    /// Where it takes Disconnect-Requests.
    pub fn das(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.das).into()
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// One of the values it keeps about a supplicant, such as `dot1xAuthSessionUserName`; none
    /// if nobody is there.
    pub fn about(&self, supplicant: &str, name: &str) -> Option<String> {
        let told = self.command(&["sta", supplicant]);
        let mut pairs = told.lines().filter_map(|line| line.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    }

    /// Whether it has opened the port to a supplicant.
    pub fn lets_in(&self, supplicant: &str) -> bool {
        let flags = self.about(supplicant, "flags");
        flags.is_some_and(|flags| flags.contains("AUTHORIZED"))
    }

    /// How many answers with this code it has got: 2 is Access-Accept, 3 Access-Reject.
    pub fn answers(&self, code: u8) -> usize {
        let start = format!("RADIUS message: code={code} ");
        let said = self.said();
        said.lines().filter(|line| line.contains(&start)).count()
    }

    /// The values of one attribute in the last Access-Accept, as they are printed.
    pub fn accepted_with(&self, number: u8) -> Vec<String> {
        let said = self.said();
        let Some((_, accept)) = said.rsplit_once("RADIUS message: code=2 ") else {
            return Vec::new();
        };
        let start = format!("   Attribute {number} (");
        let mut lines = accept.lines().skip(1);
        let mut values = Vec::new();
        while let Some(line) = lines.next() {
            if !line.starts_with("   ") {
                break;
            }
            if line.starts_with(&start) {
                let value = lines.next().unwrap_or_default().trim_start();
                let value = value.strip_prefix("Value: ").unwrap_or(value);
                values.push(value.trim_matches('\'').to_owned());
            }
        }
        values
    }

    fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program("hostapd_cli"));
        command.arg("-p").arg(self.folder.path().join("ctrl"));
        command.args(["-i", &self.interface]).args(arguments);
        tools::run(&mut command, "").stdout
    }
}

/// A RADIUS server that knows the world, with EAP.
#[derive(Debug)]
pub struct Server {
    process: Process,
    auth: u16,
    _folder: TempDir,
}

/// What the outer method may be, and what it may be inside a tunnel.
const OUTER: &str = "TLS,PEAP,TTLS,MD5,GTC,MSCHAPV2,PWD";
const INNER: &str = "MSCHAPV2,GTC,MD5,TTLS-PAP,TTLS-CHAP,TTLS-MSCHAP,TTLS-MSCHAPV2";

impl Server {
    /// Starts it. Names of `world` get every method; any other outer name gets TLS, PEAP and TTLS.
    pub fn start(world: &World, identity: &Identity) -> Self {
        Self::run(
            &program("hostapd"),
            world,
            identity,
            "server_id=radius.test\n",
        )
    }

    /// As [`start`](Self::start), the program that was built with TEAP, and with nothing else
    /// outside; `more` are further lines of its configuration.
    ///
    /// # Panics
    /// If it has not been built.
    pub fn with_teap(world: &World, identity: &Identity, more: &str) -> Self {
        let text = format!(
            "pac_opaque_encr_key=000102030405060708090a0b0c0d0e0f\n\
             eap_fast_a_id=101112131415161718191a1b1c1d1e1f\neap_fast_a_id_info=test\n{more}"
        );
        Self::run(&tools::hostap("hostapd"), world, identity, &text)
    }

    fn run(program: &Path, world: &World, identity: &Identity, more: &str) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let path = folder.path();
        let mut users = String::new();
        for user in &world.users {
            let (name, password) = (user.name, user.password);
            users.extend(["\"", name, "\" ", OUTER, " \"", password, "\"\n"]);
            users.extend(["\"", name, "\" ", INNER, " \"", password, "\" [2]\n"]);
        }
        users += "* TLS,PEAP,TTLS\n";
        if more.contains("eap_fast") {
            users = users
                .replace(OUTER, "TEAP")
                .replace("TLS,PEAP,TTLS", "TEAP");
        }
        fs::write(path.join("users"), users).must("write the users");
        fs::write(path.join("clients"), format!("127.0.0.0/8 {SECRET}\n")).must("clients");
        let (auth, acct) = (free_port(), free_port());
        let (certificate, key) = (&identity.pair.certificate, &identity.pair.key);
        let trusted = identity.trusted_in_one_file();
        let text = format!(
            "driver=none\nlogger_stdout=-1\nlogger_stdout_level=0\neap_server=1\n\
             eap_user_file={}\nradius_server_clients={}\nradius_server_auth_port={auth}\n\
             radius_server_acct_port={acct}\nca_cert={}\nserver_cert={}\nprivate_key={}\n\
             check_crl={}\npwd_group=19\ntls_session_lifetime=3600\n\
             tls_flags=[ENABLE-TLSv1.3]\nfragment_size=1000\n{more}",
            path.join("users").display(),
            path.join("clients").display(),
            trusted.display(),
            certificate.display(),
            key.display(),
            u8::from(identity.crl.is_some()),
        );
        let mut process = start(program, path, &text);
        process.wait_until(|| is_bound(auth, true));
        Self {
            process,
            auth,
            _folder: folder,
        }
    }

    /// Where Access-Requests go.
    pub fn auth(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.auth).into()
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

fn start(program: &Path, folder: &Path, configuration: &str) -> Process {
    let file = folder.join("hostapd.conf");
    fs::write(&file, configuration).must("write its configuration");
    let mut command = Command::new(program);
    command.arg("-dd").arg(&file);
    Process::start(&mut command, &folder.join("log"))
}
