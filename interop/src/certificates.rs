//! A certificate authority of the tests' own, made with the `openssl` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

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
default_md = @DIGEST@
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// The curve P-256.
    P256,
    /// The curve P-384, with SHA-384 in what it signs.
    P384,
}

impl Key {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Rsa2048, Self::Rsa3072, Self::P256, Self::P384];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    fn digest(self) -> &'static str {
        match self {
            Self::P384 => "sha384",
            Self::Rsa2048 | Self::Rsa3072 | Self::P256 => "sha256",
        }
    }
}

/// Who signs a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Issuer {
    Trusted,
    Other,
    /// Certified by the trusted one.
    Intermediate,
}

impl Issuer {
    fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Other => "other",
            Self::Intermediate => "intermediate",
        }
    }
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
    issuer: Issuer,
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
            issuer: Issuer::Trusted,
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

    /// A person or a device whose common name is `name`, and who has no other.
    pub fn user(name: &str) -> Self {
        Self {
            subject: name.to_owned(),
            names: String::new(),
            ..Self::client()
        }
    }

    /// With these names beside the common name, as OpenSSL writes them: `email:a@b.example`.
    #[must_use]
    pub fn also_named(mut self, names: &str) -> Self {
        names.clone_into(&mut self.names);
        self
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
    pub fn rsa(self) -> Self {
        self.with_key(Key::Rsa2048)
    }

    /// With another kind of key than P-256.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// For another purpose, as OpenSSL writes it: `emailProtection`.
    #[must_use]
    pub fn with_usage(mut self, usage: &'static str) -> Self {
        self.usage = usage;
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
        self.issuer = Issuer::Other;
        self
    }

    /// Issued by an authority that the trusted one has certified; the file of the certificate
    /// then holds both.
    #[must_use]
    pub fn by_an_intermediate(mut self) -> Self {
        self.issuer = Issuer::Intermediate;
        self
    }
}

/// Two authorities in a folder that goes with this value: one that is trusted, another.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
    key: Key,
    count: AtomicU32,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificates {
    /// Makes both authorities.
    pub fn new() -> Self {
        Self::of(Key::P256)
    }

    /// Makes both authorities with this kind of key.
    pub fn of(key: Key) -> Self {
        let folder = tempfile::tempdir().must("a temporary folder");
        for issuer in [Issuer::Trusted, Issuer::Other] {
            found(&folder.path().join(issuer.name()), issuer, key);
        }
        Self {
            folder,
            key,
            count: AtomicU32::new(0),
        }
    }

    /// The kind of key that the authorities have.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The folder of the authority that is trusted: `ca.crt`, `ca.key` and `index.txt`, as
    /// `openssl ca` and `openssl ocsp` have it.
    pub fn folder(&self) -> PathBuf {
        self.authority(Issuer::Trusted)
    }

    /// The certificate of the authority that is trusted.
    pub fn ca(&self) -> PathBuf {
        self.authority(Issuer::Trusted).join("ca.crt")
    }

    /// The certificate of the other authority.
    pub fn other_ca(&self) -> PathBuf {
        self.authority(Issuer::Other).join("ca.crt")
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
        self.certified(wanted, None)
    }

    /// Has a key certified that has been certified before; making one takes time.
    pub fn reissue(&self, wanted: &Wanted, before: &Pair) -> Pair {
        self.certified(wanted, Some(&before.key))
    }

    fn certified(&self, wanted: &Wanted, key: Option<&Path>) -> Pair {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let file = |end: &str| self.folder.path().join(format!("{count}.{end}"));
        let (request, extensions) = (file("csr"), file("ext"));
        let pair = Pair {
            certificate: file("crt"),
            key: key.map_or_else(|| file("key"), Path::to_owned),
        };
        let mut command = openssl(&["req", "-new", "-nodes", "-batch"]);
        if key.is_some() {
            command.arg("-key").arg(&pair.key);
        } else {
            command
                .args(new_key(wanted.key))
                .arg("-keyout")
                .arg(&pair.key);
        }
        command
            .args(["-subj", &format!("/CN={}", wanted.subject), "-out"])
            .arg(&request);
        succeed(&mut command);
        let mut text = format!(
            "basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n\
             extendedKeyUsage = {}\nauthorityKeyIdentifier = keyid\n",
            wanted.usage
        );
        if !wanted.names.is_empty() {
            text.extend(["subjectAltName = ", &wanted.names, "\n"]);
        }
        fs::write(&extensions, text).must("write the extensions");
        let mut command = self.ask(wanted.issuer);
        command.args(["-notext", "-in"]).arg(&request);
        command.arg("-extfile").arg(&extensions);
        command.arg("-out").arg(&pair.certificate);
        if let Some((first, last)) = wanted.valid {
            command.args(["-startdate", first, "-enddate", last]);
        }
        succeed(&mut command);
        if wanted.issuer == Issuer::Intermediate {
            let above = self.authority(Issuer::Intermediate).join("ca.crt");
            append(&pair.certificate, &above);
        }
        pair
    }

    /// Takes a certificate of the trusted authority back; see [`crl`](Self::crl).
    pub fn revoke(&self, pair: &Pair) {
        succeed(
            self.ask(Issuer::Trusted)
                .arg("-revoke")
                .arg(&pair.certificate),
        );
    }

    /// Writes what has been revoked until now, and returns the same file each time.
    pub fn crl(&self) -> PathBuf {
        let path = self.authority(Issuer::Trusted).join("ca.crl");
        // Whoever watches the file must not see half of it.
        let fresh = self.authority(Issuer::Trusted).join("ca.crl.new");
        succeed(
            self.ask(Issuer::Trusted)
                .args(["-gencrl", "-out"])
                .arg(&fresh),
        );
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

    fn authority(&self, issuer: Issuer) -> PathBuf {
        self.folder.path().join(issuer.name())
    }

    fn ask(&self, issuer: Issuer) -> Command {
        let folder = self.authority(issuer);
        if issuer == Issuer::Intermediate && !folder.exists() {
            self.certify(&folder);
        }
        let mut command = openssl(&["ca", "-batch", "-config"]);
        command.arg(folder.join("ca.cnf"));
        command
    }

    /// Makes the authority in the middle.
    fn certify(&self, folder: &Path) {
        prepare(folder, self.key);
        let request = folder.join("ca.csr");
        let mut command = openssl(&["req", "-new", "-nodes", "-batch", "-config"]);
        command
            .arg(folder.join("ca.cnf"))
            .args(new_key(self.key))
            .args(["-subj", &name_of(Issuer::Intermediate), "-keyout"])
            .arg(folder.join("ca.key"))
            .arg("-out")
            .arg(&request);
        succeed(&mut command);
        let mut command = self.ask(Issuer::Trusted);
        command.args(["-notext", "-extensions", "authority", "-in"]);
        command.arg(&request).arg("-out").arg(folder.join("ca.crt"));
        succeed(&mut command);
    }
}

/// The SHA-256 fingerprint of a certificate, in lower case without colons.
pub fn fingerprint(certificate: &Path) -> String {
    let mut command = openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let printed = succeed(command.arg(certificate)).stdout;
    let value = printed.split_once('=').must("a fingerprint").1;
    value.trim().replace(':', "").to_lowercase()
}

/// Adds a second certificate to a file.
fn append(file: &Path, second: &Path) {
    let both = [file, second].map(|path| fs::read(path).must("read a certificate"));
    fs::write(file, both.concat()).must("write both");
}

/// What `openssl ca` keeps for an authority.
fn prepare(folder: &Path, key: Key) {
    fs::create_dir(folder).must("a folder for the authority");
    let text = CONFIGURATION
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@DIGEST@", key.digest());
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).must(name);
    write("ca.cnf", &text);
    write("index.txt", "");
    write("serial", "1000\n");
    write("crlnumber", "01\n");
}

fn name_of(issuer: Issuer) -> String {
    format!("/CN=the {} authority of the tests", issuer.name())
}

fn found(folder: &Path, issuer: Issuer, key: Key) {
    prepare(folder, key);
    let mut command = openssl(&["req", "-x509", "-nodes", "-batch", "-days", "30", "-config"]);
    command
        .arg(folder.join("ca.cnf"))
        .args(new_key(key))
        .arg(format!("-{}", key.digest()))
        .args(["-subj", &name_of(issuer), "-keyout"])
        .arg(folder.join("ca.key"))
        .arg("-out")
        .arg(folder.join("ca.crt"));
    succeed(&mut command);
}

fn new_key(key: Key) -> &'static [&'static str] {
    match key {
        Key::P256 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Key::P384 => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        Key::Rsa2048 => &["-newkey", "rsa:2048"],
        Key::Rsa3072 => &["-newkey", "rsa:3072"],
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
    fn every_kind_of_key_makes_a_chain() {
        for key in Key::ALL {
            let certificates = Certificates::of(key);
            let wanted = Wanted::server().with_key(key).by_an_intermediate();
            let pair = certificates.issue(&wanted);
            // The leaf alone hangs in the air; with what stands below it in the file it does not.
            assert!(!verify(&certificates, &pair, &[]).succeeded);
            let chain = pair.certificate.display().to_string();
            let ended = verify(&certificates, &pair, &["-untrusted", &chain]);
            assert!(ended.succeeded, "{}: {}", key.name(), ended.said());
            let client = certificates.issue(&Wanted::user("bob").with_key(key));
            assert!(verify(&certificates, &client, &["-purpose", "sslclient"]).succeeded);
        }
    }

    #[test]
    fn bad_certificates_are_bad_in_one_way_each() {
        let certificates = Certificates::new();
        for (wanted, complaint) in [
            (Wanted::client().expired(), "certificate has expired"),
            (Wanted::client().not_yet_valid(), "not yet valid"),
            (
                Wanted::user("bob").with_usage("codeSigning"),
                "certificate purpose",
            ),
            (
                Wanted::client().by_another_authority(),
                "unable to get local issuer",
            ),
        ] {
            let pair = certificates.issue(&wanted);
            let ended = verify(&certificates, &pair, &["-purpose", "sslclient"]);
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
