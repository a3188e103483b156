//! FreeRADIUS as a child process with a configuration of its own.

mod eap;
mod transports;

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

pub use transports::{By, Extras, SESSIONS, Upstream};

use crate::process::Process;
use crate::wire::{self, Request};
use crate::world::{SECRET, World};
use crate::{Must as _, Ports, tools};

/// The reference server.
#[derive(Debug)]
pub struct FreeRadius {
    // Before the directory it writes to, so that it is gone first.
    process: Process,
    folder: TempDir,
    ports: Ports,
}

impl FreeRadius {
    /// Writes a configuration for `world` and starts the server.
    pub fn start(world: &World) -> Self {
        Self::with(world, &Extras::default())
    }

    /// As [`start`](Self::start), with more to do.
    pub fn with(world: &World, extras: &Extras) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        let ports = Ports::free();
        let path = folder.path();
        let write = |name: &str, text: &str| fs::write(path.join(name), text).must(name);
        write("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n");
        write("users", &users(world));
        write(
            "access_reject",
            "DEFAULT\n\tProxy-State =* ANY,\n\tMS-CHAP-Error =* ANY,\n\tEAP-Message =* ANY\n",
        );
        write("radiusd.conf", &configuration(path, world, extras, ports));
        let process = launch(path, ports);
        Self {
            process,
            folder,
            ports,
        }
    }

    /// Where it listens.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// The processor time the server has used, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        self.process.cpu_time()
    }

    /// What the server has in memory, in kB.
    pub fn resident_kb(&self) -> f64 {
        self.process.resident_kb()
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// Every accounting record it has kept, as text.
    pub fn records(&self) -> String {
        // The file appears with the first record.
        fs::read_to_string(self.folder.path().join("detail")).unwrap_or_default()
    }

    /// Every CoA and Disconnect it was asked for, as text.
    pub fn asked(&self) -> String {
        fs::read_to_string(self.folder.path().join("coa_detail")).unwrap_or_default()
    }

    /// Ends it at once; it can be started again on the same ports.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        self.kill();
        self.process = launch(self.folder.path(), self.ports);
    }
}

fn launch(path: &Path, ports: Ports) -> Process {
    let mut command = Command::new(tools::first_of(&["freeradius", "radiusd"]));
    command
        .args(["-f", "-l", "stdout", "-d"])
        .arg(path)
        .arg("-D")
        .arg("/usr/share/freeradius");
    let mut process = Process::start(&mut command, &path.join("radiusd.log"));
    process.wait_until(|| answers(ports.auth_v4()) && answers(ports.acct_v6()));
    process
}

fn answers(address: SocketAddr) -> bool {
    let local = if address.is_ipv4() {
        "127.0.0.1:0"
    } else {
        "[::1]:0"
    };
    let socket = UdpSocket::bind(local).must("a socket");
    let request = Request::status(1).encode(SECRET);
    wire::exchange(&socket, address, &request, Duration::from_millis(200)).is_some()
}

fn users(world: &World) -> String {
    let mut text = String::new();
    for user in &world.users {
        let (name, password) = (user.name, user.password);
        text.extend(["\"", name, "\" Cleartext-Password := \"", password, "\"\n"]);
        let attributes: Vec<String> = world
            .attributes(user)
            .map(|(name, value)| match value.strip_prefix("0x") {
                Some(_) => format!("\t{name} += {value}"),
                None => format!("\t{name} += \"{value}\""),
            })
            .collect();
        text += &attributes.join(",\n");
        text += "\n\n";
    }
    text
}

fn configuration(folder: &Path, world: &World, extras: &Extras, ports: Ports) -> String {
    let mut text = HEAD
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@MODULES@", &extras.modules(folder))
        .replace("@DELAY@", if extras.eap.is_some() { "0" } else { "1" });
    let listeners = [("auth", ports.auth_v4()), ("auth", ports.auth_v6())];
    let accounting = [("acct", ports.acct_v4()), ("acct", ports.acct_v6())];
    // A secret that probing with Status-Server can use as well as any client.
    for nas in &world.nases {
        let family = if nas.network.contains(':') {
            "ipv6addr"
        } else {
            "ipaddr"
        };
        let (name, network, secret) = (nas.name, nas.network, nas.secret);
        text.extend(["client ", name, " {\n", family, " = ", network]);
        text.extend(["\nsecret = \"", secret, "\"\n}\n"]);
    }
    text += &extras.outside();
    text += "server interop {\n";
    for (kind, address) in listeners.into_iter().chain(accounting) {
        let (ip, port) = (address.ip(), address.port());
        let family = if ip.is_ipv6() { "ipv6addr" } else { "ipaddr" };
        let listen = format!("listen {{\ntype = {kind}\n{family} = {ip}\nport = {port}\n}}\n");
        text.write_str(&listen).must("write to a string");
    }
    text += &extras.listeners(ports);
    let eap = |text: &'static str| extras.eap.as_ref().map_or("", |_| text);
    text += &SITE
        .replace("@FIRST@", extras.authorize())
        .replace("@EAP@", eap(eap::AUTHORIZE))
        .replace("@EAP-METHODS@", eap("eap\n"))
        .replace("@AFTER-EAP@", eap(eap::POST_AUTH));
    text += &extras.policies();
    text += "}\n";
    text + eap(eap::TUNNEL)
}

/// Everything but clients and listeners. Message-Authenticator is put into every reply, as
/// versions newer than that of Debian 12 do by themselves.
const HEAD: &str = "
prefix = /usr
raddbdir = @FOLDER@
run_dir = @FOLDER@
logdir = @FOLDER@
libdir = /usr/lib/freeradius
pidfile = @FOLDER@/radiusd.pid
max_requests = 65536
log {
destination = stdout
}
security {
max_attributes = 200
reject_delay = @DELAY@
status_server = yes
allow_vulnerable_openssl = yes
}
thread pool {
start_servers = 2
max_servers = 4
min_spare_servers = 1
max_spare_servers = 2
}
modules {
pap {
}
chap {
}
mschap {
use_mppe = yes
}
always ok {
rcode = ok
}
always reject {
rcode = reject
}
files {
usersfile = @FOLDER@/users
}
detail {
filename = @FOLDER@/detail
}
detail coa_detail {
filename = @FOLDER@/coa_detail
}
attr_filter attr_filter.access_reject {
key = \"%{User-Name}\"
filename = @FOLDER@/access_reject
}
@MODULES@}
";

const SITE: &str = "
authorize {
@FIRST@chap
mschap
@EAP@files
pap
}
authenticate {
Auth-Type PAP {
pap
}
Auth-Type CHAP {
chap
}
Auth-Type MS-CHAP {
mschap
}
@EAP-METHODS@}
accounting {
detail
}
post-auth {@AFTER-EAP@
update reply {
Message-Authenticator := 0x00
}
Post-Auth-Type REJECT {
attr_filter.access_reject
update reply {
Message-Authenticator := 0x00
}
}
}
";
