//! A certificate authority of the tests' own, made with the `openssl` command.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::{self, Ended};
use crate::{Must as _, tools::program};

/// Names of every server certificate: what peers on loopback are asked for.
const SERVER_NAMES: &str = "DNS:radius.test,DNS:localhost,IP:127.0.0.1,IP:::1";
/// Names of every client certificate.
const CLIENT_NAMES: &str = "DNS:nas.test,IP:127.0.0.1";
/// What `openssl ca` is told; `@FOLDER@` is the folder of one authority.
const CONFIGURATION: &str = "
[ca]
default_ca = this
[this]
database = @FOLDER@/index.txt
new_certs_dir = @FOLDER@
certificate = @FOLDER@/ca.crt
private_key = @FOLDER@/ca.key
serial = @FOLDER@/serial
crlnumber = @FOLDER@/crlnumber
default_md = sha256
default_days = 30
default_crl_days = 30
policy = anything
unique_subject = no
[anything]
commonName = supplied
[req]
distinguished_name = nothing
x509_extensions = authority
[nothing]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
";

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Who a peer is and whom it trusts.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its own certificate.
    pub pair: Pair,
    /// The authority it trusts.
    pub ca: PathBuf,
    /// What that authority has taken back, if the peer is to look.
    pub crl: Option<PathBuf>,
}

impl Identity {
    /// The authority, and the revocations if there are any, as one file.
    pub fn trusted_in_one_file(&self) -> PathBuf {
        let Some(crl) = &self.crl else {
            return self.ca.clone();
        };
        let both = [&self.ca, crl].map(|path| fs::read(path).must("read a certificate"));
        let path = self.ca.with_extension("and-crl.pem");
        fs::write(&path, both.concat()).must("write both");
        path
    }
}

/// The kind of key.
#[derive(Debug, Clone, Copy)]
enum Key {
    P256,
    Rsa2048,
}

/// A certificate that is wished for.
#[derive(Debug, Clone)]
pub struct Wanted {
    subject: String,
    names: String,
    usage: &'static str,
    key: Key,
    /// First and last moment, as `YYMMDDHHMMSSZ`.
    valid: Option<(&'static str, &'static str)>,
    by_the_other: bool,
}

impl Wanted {
    /// A server named `radius.test`, `localhost` and by both loopback addresses.
    pub fn server() -> Self {
        Self {
            subject: "radius.test".to_owned(),
            names: SERVER_NAMES.to_owned(),
            usage: "serverAuth,clientAuth",
            key: Key::P256,
            valid: None,
            by_the_other: false,
        }
    }

    /// A client named `nas.test` and `127.0.0.1`.
    pub fn client() -> Self {
        Self {
            subject: "nas.test".to_owned(),
            names: CLIENT_NAMES.to_owned(),
            usage: "clientAuth",
            ..Self::server()
        }
    }

    /// One who answers by OCSP for the authority.
    pub fn responder() -> Self {
        Self {
            subject: "responder.test".to_owned(),
            usage: "OCSPSigning",
            ..Self::server()
        }
    }

    /// With other names: `DNS:a.example`, `IP:192.0.2.1`, or several with commas.
    #[must_use]
    pub fn named(mut self, names: &str) -> Self {
        let first = names.split(',').next().must("a name");
        first
            .split_once(':')
            .must("DNS: or IP:")
            .1
            .clone_into(&mut self.subject);
        names.clone_into(&mut self.names);
        self
    }

    /// With an RSA key of 2048 bits instead of P-256.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.key = Key::Rsa2048;
        self
    }

    /// Valid in 2020 only.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.valid = Some(("200101000000Z", "210101000000Z"));
        self
    }

    /// Not valid before 2045.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.valid = Some(("450101000000Z", "460101000000Z"));
        self
    }

    /// Issued by the authority that nobody trusts.
    #[must_use]
    pub fn by_another_authority(mut self) -> Self {
        self.by_the_other = true;
        self
    }
}

/// Two authorities in a folder that goes with this value: one that is trusted, another.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
    count: Cell<u32>,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificates {
    /// Makes both authorities.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        for name in ["trusted", "other"] {
            found(&folder.path().join(name), name);
        }
        Self {
            folder,
            count: Cell::new(0),
        }
    }

    /// The folder of the authority that is trusted: `ca.crt`, `ca.key` and `index.txt`, as
    /// `openssl ca` and `openssl ocsp` have it.
    pub fn folder(&self) -> PathBuf {
        self.authority(false)
    }

    /// The certificate of the authority that is trusted.
    pub fn ca(&self) -> PathBuf {
        self.authority(false).join("ca.crt")
    }

    /// The certificate of the other authority.
    pub fn other_ca(&self) -> PathBuf {
        self.authority(true).join("ca.crt")
    }

    /// A good certificate for a server.
    pub fn server(&self) -> Pair {
        self.issue(&Wanted::server())
    }

    /// A good certificate for a client.
    pub fn client(&self) -> Pair {
        self.issue(&Wanted::client())
    }

    /// Makes a key and has it certified.
    pub fn issue(&self, wanted: &Wanted) -> Pair {
        let count = self.count.replace(self.count.get() + 1);
        let file = |end: &str| self.folder.path().join(format!("{count}.{end}"));
        let (request, extensions) = (file("csr"), file("ext"));
        let pair = Pair {
            certificate: file("crt"),
            key: file("key"),
        };
        let mut command = openssl(&["req", "-new", "-nodes", "-batch"]);
        command
            .args(new_key(wanted.key))
            .args(["-subj", &format!("/CN={}", wanted.subject), "-keyout"])
            .arg(&pair.key)
            .arg("-out")
            .arg(&request);
        succeed(&mut command);
        let text = format!(
            "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n\
             extendedKeyUsage = {}\nsubjectAltName = {}\nauthorityKeyIdentifier = keyid\n",
            wanted.usage, wanted.names
        );
        fs::write(&extensions, text).must("write the extensions");
        let mut command = self.ask(wanted.by_the_other);
        command.args(["-notext", "-in"]).arg(&request);
        command.arg("-extfile").arg(&extensions);
        command.arg("-out").arg(&pair.certificate);
        if let Some((first, last)) = wanted.valid {
            command.args(["-startdate", first, "-enddate", last]);
        }
        succeed(&mut command);
        pair
    }

    /// Takes a certificate of the trusted authority back; see [`crl`](Self::crl).
    pub fn revoke(&self, pair: &Pair) {
        succeed(self.ask(false).arg("-revoke").arg(&pair.certificate));
    }

    /// Writes what has been revoked until now, and returns the same file each time.
    pub fn crl(&self) -> PathBuf {
        let path = self.authority(false).join("ca.crl");
        // Whoever watches the file must not see half of it.
        let fresh = self.authority(false).join("ca.crl.new");
        succeed(self.ask(false).args(["-gencrl", "-out"]).arg(&fresh));
        fs::rename(fresh, &path).must("put the list in its place");
        path
    }

    /// `pair`, trusting the authority that is trusted.
    pub fn identity(&self, pair: Pair) -> Identity {
        Identity {
            pair,
            ca: self.ca(),
            crl: None,
        }
    }

    /// As [`identity`](Self::identity), looking at what is revoked as of now.
    pub fn watchful(&self, pair: Pair) -> Identity {
        Identity {
            crl: Some(self.crl()),
            ..self.identity(pair)
        }
    }

    /// A path for a file of the test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self, other: bool) -> PathBuf {
        self.folder
            .path()
            .join(if other { "other" } else { "trusted" })
    }

    fn ask(&self, other: bool) -> Command {
        let mut command = openssl(&["ca", "-batch", "-config"]);
        command.arg(self.authority(other).join("ca.cnf"));
        command
    }
}

/// The SHA-256 fingerprint of a certificate, in lower case without colons.
pub fn fingerprint(certificate: &Path) -> String {
    let mut command = openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let printed = succeed(command.arg(certificate)).stdout;
    let value = printed.split_once('=').must("a fingerprint").1;
    value.trim().replace(':', "").to_lowercase()
}

fn found(folder: &Path, name: &str) {
    fs::create_dir(folder).must("a folder for the authority");
    let text = CONFIGURATION.replace("@FOLDER@", &folder.display().to_string());
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).must(name);
    write("ca.cnf", &text);
    write("index.txt", "");
    write("serial", "1000\n");
    write("crlnumber", "01\n");
    let subject = format!("/CN=the {name} authority of the tests");
    let mut command = openssl(&["req", "-x509", "-nodes", "-batch", "-days", "30", "-config"]);
    command
        .arg(folder.join("ca.cnf"))
        .args(new_key(Key::P256))
        .args(["-subj", &subject, "-keyout"])
        .arg(folder.join("ca.key"))
        .arg("-out")
        .arg(folder.join("ca.crt"));
    succeed(&mut command);
}

fn new_key(key: Key) -> &'static [&'static str] {
    match key {
        Key::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Key::Rsa2048 => &["-newkey", "rsa:2048"],
    }
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("openssl"));
    command.args(arguments);
    command
}

fn succeed(command: &mut Command) -> Ended {
    let ended = tools::run(command, "");
    assert!(ended.succeeded, "{command:?} failed:\n{}", ended.said());
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(certificates: &Certificates, pair: &Pair, more: &[&str]) -> Ended {
        let mut command = openssl(&["verify", "-CAfile"]);
        command
            .arg(certificates.ca())
            .args(more)
            .arg(&pair.certificate);
        tools::run(&mut command, "")
    }

    #[test]
    fn good_certificates_verify_for_their_names() {
        let certificates = Certificates::new();
        for wanted in [Wanted::server(), Wanted::server().rsa()] {
            let pair = certificates.issue(&wanted);
            for name in [
                ["-verify_hostname", "radius.test"],
                ["-verify_ip", "127.0.0.1"],
            ] {
                let ended = verify(&certificates, &pair, &name);
                assert!(ended.succeeded, "{}", ended.said());
            }
        }
        let elsewhere = certificates.issue(&Wanted::server().named("DNS:elsewhere.test"));
        let ended = verify(
            &certificates,
            &elsewhere,
            &["-verify_hostname", "radius.test"],
        );
        assert!(ended.said().contains("hostname mismatch"), "{ended:?}");
    }

    #[test]
    fn bad_certificates_are_bad_in_one_way_each() {
        let certificates = Certificates::new();
        for (wanted, complaint) in [
            (Wanted::client().expired(), "certificate has expired"),
            (Wanted::client().not_yet_valid(), "not yet valid"),
            (
                Wanted::client().by_another_authority(),
                "unable to get local issuer",
            ),
        ] {
            let ended = verify(&certificates, &certificates.issue(&wanted), &[]);
            assert!(ended.said().contains(complaint), "{}", ended.said());
        }
        let revoked = certificates.client();
        certificates.revoke(&revoked);
        let list = certificates.crl().display().to_string();
        let check = ["-crl_check", "-CRLfile", &list];
        let ended = verify(&certificates, &revoked, &check);
        assert!(ended.said().contains("certificate revoked"), "{ended:?}");
        let kept = verify(&certificates, &certificates.client(), &check);
        assert!(kept.succeeded, "{}", kept.said());
    }
}
