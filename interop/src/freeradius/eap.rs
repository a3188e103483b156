//! What FreeRADIUS is told about EAP.

use std::path::Path;

use crate::Must as _;
use crate::certificates::Identity;
use crate::eap::EapTerms;

/// The modules, one for what comes from the NAS and one for what comes through a tunnel.
///
/// In a tunnel FreeRADIUS 3.2.1 cannot divide a message of PEAP that is longer than the outer
/// limit, so its inner EAP-TLS makes small ones of its own.
const MODULES: &str = "
eap {
default_eap_type = tls
timer_expire = 60
max_sessions = 65536
tls-config outer {
@TLS@
fragment_size = @FRAGMENT@
cache {
enable = @RESUMPTION@
lifetime = 1
name = \"interop\"
persist_dir = @FOLDER@/tls
}
}
@METHODS@
}
eap inner-eap {
default_eap_type = mschapv2
timer_expire = 60
max_sessions = 65536
tls-config inner {
@TLS@
fragment_size = 120
}
tls {
tls = inner
}
md5 {
}
gtc {
auth_type = PAP
}
mschapv2 {
}
}
";

/// One of the methods.
const METHODS: [(&str, &str); 7] = [
    ("tls", "tls {\ntls = outer\n}\n"),
    (
        "peap",
        "peap {\ntls = outer\ndefault_eap_type = mschapv2\ncopy_request_to_tunnel = yes\n\
         use_tunneled_reply = yes\nvirtual_server = tunnel\n}\n",
    ),
    (
        "ttls",
        "ttls {\ntls = outer\ndefault_eap_type = md5\ncopy_request_to_tunnel = yes\n\
         use_tunneled_reply = yes\nvirtual_server = tunnel\n}\n",
    ),
    ("mschapv2", "mschapv2 {\n}\n"),
    ("md5", "md5 {\n}\n"),
    ("gtc", "gtc {\nauth_type = PAP\n}\n"),
    (
        "pwd",
        "pwd {\ngroup = 19\nserver_id = radius.test\nfragment_size = 1020\n\
         virtual_server = tunnel\n}\n",
    ),
];

/// The server that sees what is inside a tunnel.
pub(super) const TUNNEL: &str = "
server tunnel {
authorize {
chap
mschap
inner-eap {
ok = return
}
files
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
inner-eap
}
post-auth {
update reply {
User-Name := &request:User-Name
}
}
}
";

/// Where the policies of the outer server call the module.
pub(super) const AUTHORIZE: &str = "eap {\nok = return\n}\n";
/// What comes after: the name that RFC 4072 gives the keys is only there if somebody copies it.
pub(super) const POST_AUTH: &str = "
if (&reply:EAP-Session-Id) {
update reply {
EAP-Key-Name := &reply:EAP-Session-Id
}
}
";

/// The modules with their values.
///
/// # Panics
/// If `terms` ask for what this server has not: an authority of its own.
pub(super) fn modules(folder: &Path, terms: &EapTerms) -> String {
    let trust = "FreeRADIUS has no authority of its own: name a certificate and a CA";
    let identity = Identity {
        pair: terms.server.clone().must(trust),
        ca: terms.ca.clone().must(trust),
        crl: terms.crl.clone(),
    };
    std::fs::create_dir_all(folder.join("tls")).must("a folder for sessions");
    let methods: String = METHODS
        .iter()
        .filter(|(name, _)| terms.methods.contains(name))
        .map(|(_, text)| *text)
        .collect();
    MODULES
        .replace("@TLS@", &tls(&identity, terms))
        .replace("@METHODS@", &methods)
        .replace("@FRAGMENT@", &terms.fragment.to_string())
        .replace("@RESUMPTION@", if terms.resumption { "yes" } else { "no" })
        .replace("@FOLDER@", &folder.display().to_string())
}

fn tls(identity: &Identity, terms: &EapTerms) -> String {
    let (certificate, key) = (
        identity.pair.certificate.display(),
        identity.pair.key.display(),
    );
    let trusted = identity.trusted_in_one_file();
    let (ca, check_crl) = (trusted.display(), identity.crl.is_some());
    let [least, greatest] = terms.tls;
    let ciphers = if terms.suite_b_192 {
        "ECDHE-ECDSA-AES256-GCM-SHA384"
    } else {
        "DEFAULT"
    };
    format!(
        "private_key_file = {key}\ncertificate_file = {certificate}\nca_file = {ca}\n\
         check_crl = {check_crl}\ncheck_cert_cn = %{{User-Name}}\ncipher_list = \"{ciphers}\"\n\
         ecdh_curve = \"\"\ninclude_length = yes\ntls_min_version = \"{least}\"\n\
         tls_max_version = \"{greatest}\""
    )
}
