//! What FreeRADIUS is told about TLS, dynamic authorisation and other servers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::eap;
use crate::certificates::Identity;
use crate::eap::EapTerms;
use crate::{Must as _, Ports};

/// What a FreeRADIUS does beside answering over UDP.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// Listens for RadSec, and demands a certificate of every client.
    pub tls: Option<Identity>,
    /// Listens for CoA and Disconnect; knows the sessions in [`SESSIONS`].
    pub coa: bool,
    /// Answers nothing itself and sends everything here.
    pub upstream: Option<Upstream>,
    /// Takes part in EAP, and does not wait before it rejects.
    pub eap: Option<EapTerms>,
}

/// Another server, and how it is reached.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// Over TLS with this identity, or over UDP with a secret.
    pub by: By,
}

/// A transport outwards.
#[derive(Debug, Clone)]
pub enum By {
    /// RadSec.
    Tls(Identity),
    /// UDP with a shared secret, for accounting as for authentication.
    Udp(String),
}

/// The session ids that the CoA listener knows; every other one is answered with a NAK.
pub const SESSIONS: [&str; 2] = ["coa-1", "coa-2"];

impl Extras {
    /// Blocks that stand beside the server.
    pub(super) fn outside(&self) -> String {
        let mut text = String::new();
        if self.tls.is_some() {
            text += "clients radsec {\nclient radsec {\nipaddr = 127.0.0.0/8\nproto = tls\n\
                     secret = radsec\n}\n}\n";
        }
        if let Some(upstream) = &self.upstream {
            text += &upstream.blocks();
        }
        text
    }

    /// Modules that only some servers have.
    pub(super) fn modules(&self, folder: &Path) -> String {
        let terms = self.eap.as_ref();
        terms
            .map(|terms| eap::modules(folder, terms))
            .unwrap_or_default()
    }

    /// Listeners of the server.
    pub(super) fn listeners(&self, ports: Ports) -> String {
        let mut text = String::new();
        if let Some(identity) = &self.tls {
            let (port, tls) = (ports.tls, tls(identity, true));
            write!(
                text,
                "listen {{\ntype = auth+acct\nproto = tcp\nipaddr = 127.0.0.1\nport = {port}\n\
                 clients = radsec\nlimit {{\nmax_connections = 256\nlifetime = 0\n\
                 idle_timeout = 60\n}}\n{tls}}}\n"
            )
            .must("write to a string");
        }
        if self.coa {
            let port = ports.coa;
            write!(
                text,
                "listen {{\ntype = coa\nipaddr = 127.0.0.1\nport = {port}\n}}\n"
            )
            .must("write to a string");
        }
        text
    }

    /// What stands first among the policies.
    pub(super) fn authorize(&self) -> &'static str {
        match self.upstream {
            Some(_) => "update control {\nProxy-To-Realm := \"upstream\"\n}\n",
            None => "",
        }
    }

    /// Policies that only some servers have.
    pub(super) fn policies(&self) -> String {
        let mut text = String::new();
        if self.upstream.is_some() {
            text += "preacct {\nupdate control {\nProxy-To-Realm := \"upstream\"\n}\n}\n";
        }
        if self.coa {
            let [first, second] = SESSIONS;
            write!(
                text,
                "recv-coa {{\ncoa_detail\nif ((&Acct-Session-Id == \"{first}\") || \
                 (&Acct-Session-Id == \"{second}\")) {{\nok\n}}\nelse {{\nupdate reply {{\n\
                 Error-Cause := Session-Context-Not-Found\n}}\nreject\n}}\n}}\n"
            )
            .must("write to a string");
        }
        text
    }
}

impl Upstream {
    fn blocks(&self) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        let by = match &self.by {
            By::Tls(identity) => format!(
                "port = {port}\nproto = tcp\nsecret = radsec\n{}",
                tls(identity, false)
            ),
            By::Udp(secret) => format!("port = {port}\nsecret = \"{secret}\"\n"),
        };
        format!(
            "proxy server {{\ndefault_fallback = no\n}}\nhome_server upstream {{\n\
             type = auth+acct\nipaddr = {ip}\nresponse_window = 6\nstatus_check = none\n{by}}}\n\
             home_server_pool upstream {{\ntype = fail-over\nhome_server = upstream\n}}\n\
             realm upstream {{\npool = upstream\nnostrip\n}}\n"
        )
    }
}

/// One file may hold authorities and revocations; FreeRADIUS wants both in `ca_file`.
fn tls(identity: &Identity, serves: bool) -> String {
    let (certificate, key) = (
        identity.pair.certificate.display(),
        identity.pair.key.display(),
    );
    let trusted = identity.trusted_in_one_file();
    let (ca, check_crl) = (trusted.display(), identity.crl.is_some());
    let demands = if serves {
        "require_client_cert = yes\nca_path_reload_interval = 0\ncache {\nenable = no\n}\n"
    } else {
        "connect_timeout = 5\n"
    };
    format!(
        "tls {{\nprivate_key_file = {key}\ncertificate_file = {certificate}\nca_file = {ca}\n\
         check_crl = {check_crl}\nfragment_size = 8192\ncipher_list = \"DEFAULT\"\n\
         tls_min_version = \"1.2\"\ntls_max_version = \"1.3\"\n{demands}}}\n"
    )
}
