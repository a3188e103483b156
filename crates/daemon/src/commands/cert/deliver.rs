//! Issuing a certificate to somebody else, writing its files, and saying what to do with them.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    parcel::{self, Parcel, ParcelError, Part},
    show::Described,
};
use crate::{
    authority::{
        self as ca, Authority, AuthorityError, Holder, Issued, KeySource, KeyType, Names, Order,
        Published, Purpose, Refused, Request, Wrapping, date, dns_name, pkcs12,
    },
    cli::Context,
    commands::password,
    config::Config,
    failure::Failure,
    output::Output,
    serving::welcome,
};

/// How a certificate for somebody else is made and written.
#[derive(Debug, Args)]
#[group(id = "how")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub(super) struct How {
    /// How many days it is good [default: 730 for a peer, 398 for a user, as before when renewed]
    #[arg(long, value_name = "N")]
    pub(super) days: Option<u64>,
    /// Sign this request (PKCS #10); its key stays where it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["p12", "key_type"])]
    csr: Option<PathBuf>,
    /// Where to write the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Overwrite files of the same names
    #[arg(long)]
    force: bool,
    /// Also write certificate, key and CA as one PKCS #12 file
    #[arg(long)]
    p12: bool,
    /// Its password [default: a generated one, printed once]
    #[arg(long, value_name = "PASSWORD", requires = "p12")]
    p12_password: Option<String>,
    /// Read its password from standard input, one line
    #[arg(long, requires = "p12", conflicts_with = "p12_password")]
    p12_password_stdin: bool,
    /// Encrypt it in the old way (3DES, SHA-1), for systems that know no other
    #[arg(long, requires = "p12")]
    legacy_p12: bool,
    /// The configuration file, for the address of the portal that the certificate says [default:
    /// that of the running server, else portreeve.toml in the data directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Who gets a certificate, and what it speaks for.
pub(super) struct To {
    pub(super) name: String,
    pub(super) holder: Holder,
    pub(super) names: Names,
    pub(super) key: KeyType,
}

impl How {
    fn published(&self, context: &Context<'_>) -> Result<Option<Published>, Failure> {
        let config = Config::in_force(&context.data, self.config.as_deref())?;
        Ok(config.portal.url.as_deref().map(Published::below))
    }

    fn p12_password(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        match (&self.p12_password, self.p12_password_stdin, self.p12) {
            (Some(password), _, _) => Ok(Some(Zeroizing::new(password.clone()))),
            (None, true, _) => Ok(Some(password::from_stdin(&mut io::stdin().lock())?)),
            (None, false, true) => Ok(Some(password::generate()?)),
            (None, false, false) => Ok(None),
        }
    }

    const fn wrapping(&self) -> Wrapping {
        if self.legacy_p12 {
            Wrapping::Legacy
        } else {
            Wrapping::Modern
        }
    }
}

/// Issues a certificate, writes its files and says so.
pub(super) fn deliver(
    authority: &mut Authority,
    to: To,
    how: &How,
    json: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let published = how.published(context)?;
    let request = how.csr.as_deref().map(read_request).transpose()?;
    let password = how.p12_password()?;
    let mut parts = vec![Part::Certificate];
    if request.is_none() {
        parts.push(Part::Key);
    }
    if how.p12 {
        parts.push(Part::Pkcs12);
    }
    if let Some(request) = &request {
        left_out(request, &to.name, &to.names, &mut context.output)?;
    }
    let order = Order {
        name: to.name,
        holder: to.holder,
        names: to.names,
        days: how.days,
        key: request.map_or(KeySource::Make(to.key), KeySource::Request),
        published,
    };
    let order = order.checked()?;
    let device = match &order.holder {
        Holder::User { device } => device.as_deref(),
        Holder::Peer => None,
    };
    let stem = parcel::stem(&order.name, device);
    let bundle = authority.bundle_pem().to_owned();
    let mut parcel = Parcel::reserve(&how.out, &stem, how.force, &parts, &bundle)?;
    let issued = authority.issue(&order, ca::now())?;
    let written = write(&mut parcel, authority, &issued, password.as_deref(), how);
    if let Err(failure) = written {
        let serial = &issued.record.serial;
        context.output.warn(format!(
            "certificate {serial} was issued, but not all of its files are written; revoke it: \
             portreeve cert revoke {serial}"
        ))?;
        return Err(failure);
    }
    let given = how.p12_password.is_some() || how.p12_password_stdin;
    let told = Told {
        issued: &issued,
        parcel: &parcel,
        parts: &parts,
        password: password.as_deref().filter(|_| !given).map(String::as_str),
        server_name: authority.server_name(),
    };
    if json {
        Ok(context.output.json(&told.json())?)
    } else {
        Ok(told.print(&mut context.output)?)
    }
}

fn read_request(path: &Path) -> Result<Request, Failure> {
    let octets = std::fs::read(path).map_err(|source| AuthorityError::File {
        doing: "read",
        path: path.to_path_buf(),
        source,
    })?;
    let request = Request::read(&octets);
    let refused = |what| Refused::Request(format!("{}: {what}", path.display()));
    Ok(request.map_err(refused).map_err(AuthorityError::from)?)
}

/// Says which names of a request are not taken over.
fn left_out(
    request: &Request,
    name: &str,
    names: &Names,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let taken = names.words();
    let own = dns_name(name);
    let mut asked = request.names.words();
    asked.retain(|word| !taken.contains(word) && own.as_ref() != Some(word));
    if asked.is_empty() {
        return Ok(());
    }
    let asked = asked.join(", ");
    Ok(output.note(format!(
        "the request also asks for {asked}: left out; --dns and --ip put names in"
    ))?)
}

fn write(
    parcel: &mut Parcel,
    authority: &Authority,
    issued: &Issued,
    password: Option<&String>,
    how: &How,
) -> Result<(), Failure> {
    if let Some(key) = &issued.key_pem {
        parcel.write(Part::Key, key.as_bytes())?;
        if let Some(password) = password {
            let mut chain = vec![issued.der.clone()];
            chain.extend_from_slice(authority.bundle());
            let name = &issued.record.name;
            let octets = pkcs12(name, &chain, key, password, how.wrapping());
            parcel.write(Part::Pkcs12, &octets.map_err(ParcelError::from)?)?;
        }
    }
    parcel.write(Part::Certificate, issued.chain_pem.as_bytes())?;
    parcel.write_ca(authority.bundle_pem())
}

/// What the administrator is told.
struct Told<'a> {
    issued: &'a Issued,
    parcel: &'a Parcel,
    parts: &'a [Part],
    /// Where it was made up.
    password: Option<&'a str>,
    server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Delivered<'a> {
    #[serde(flatten)]
    certificate: Described,
    files: Files,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkcs12_password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<&'a str>,
}

#[derive(Serialize)]
struct Files {
    certificate: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
    ca: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkcs12: Option<PathBuf>,
}

impl Told<'_> {
    fn path(&self, part: Part) -> Option<PathBuf> {
        self.parts.contains(&part).then(|| self.parcel.path(part))
    }

    fn json(&self) -> Delivered<'_> {
        let user = self.issued.record.purpose == Purpose::User;
        Delivered {
            certificate: Described::of(&self.issued.record, ca::now()),
            files: Files {
                certificate: self.parcel.path(Part::Certificate),
                key: self.path(Part::Key),
                ca: self.parcel.ca(),
                pkcs12: self.path(Part::Pkcs12),
            },
            pkcs12_password: self.password,
            server_name: self.server_name.filter(|_| user),
        }
    }

    fn print(&self, output: &mut Output<'_>) -> io::Result<()> {
        let record = &self.issued.record;
        let user = record.purpose == Purpose::User;
        let shown = |path: &Path| path.display().to_string();
        let mut pairs = vec![
            (record.purpose.as_str(), record.name.clone()),
            ("device", record.device.clone().unwrap_or_default()),
            ("serial", record.serial.clone()),
            ("names", record.names.words().join("\n")),
            ("good until", date(record.not_after)),
            ("certificate", shown(&self.parcel.path(Part::Certificate))),
        ];
        pairs.extend(self.path(Part::Key).map(|path| ("key", shown(&path))));
        pairs.push(("CA", shown(&self.parcel.ca())));
        pairs.extend(
            self.path(Part::Pkcs12)
                .map(|path| ("PKCS #12", shown(&path))),
        );
        pairs.extend(
            self.password
                .map(|words| ("its password", words.to_owned())),
        );
        pairs.retain(|(_, value)| !value.is_empty());
        output.pairs(&pairs)?;
        if user {
            return self.device_steps(output);
        }
        if record.names.is_empty() {
            output.warn(
                "the certificate names no host: a peer that is checked by name needs --dns or --ip",
            )?;
        }
        self.router_steps(output)
    }

    /// What a device needs for the network besides its own certificate.
    fn device_steps(&self, output: &mut Output<'_>) -> io::Result<()> {
        let file = |path: &Path| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let own = self.path(Part::Pkcs12).map_or_else(
            || "the certificate and its key".to_owned(),
            |path| file(&path),
        );
        let mut lines = vec![
            String::new(),
            format!("On the device: install {own} and ca.crt, and in its settings of the network"),
            "  method        EAP-TLS".to_owned(),
            format!("  identity      {}", self.issued.record.name),
            "  CA            the one of ca.crt; never \"do not check\"".to_owned(),
        ];
        match self.server_name {
            Some(name) => lines.push(format!("  server name   {name}")),
            None => lines.push(
                "  server name   none yet: portreeve cert issue --server --name radius.example.org"
                    .to_owned(),
            ),
        }
        if self.parts.contains(&Part::Key) {
            lines.push("Then delete the key here: it is kept nowhere else.".to_owned());
        }
        lines.iter().try_for_each(|line| output.line(line))
    }

    /// The words for RouterOS, which takes the certificate of the CA and then its own.
    fn router_steps(&self, output: &mut Output<'_>) -> io::Result<()> {
        let name = &self.issued.record.name;
        let import = |file: &str, call: &str, pass: &str| {
            format!(
                "  /certificate import file-name=\"{file}\" name=\"{call}\" passphrase=\"{pass}\""
            )
        };
        let mut lines = vec![
            String::new(),
            "On a MikroTik router: upload the files, then paste".to_owned(),
            import("ca.crt", "portreeve-ca", ""),
        ];
        if self.parts.contains(&Part::Pkcs12) {
            let password = self.password.unwrap_or("PASSWORD");
            lines.push(import(&format!("{name}.p12"), name, password));
        } else {
            lines.push(import(&format!("{name}.crt"), name, ""));
            if self.parts.contains(&Part::Key) {
                lines.push(import(&format!("{name}.key"), name, ""));
            }
        }
        let host = welcome::this_machine();
        lines.push(format!(
            "  /radius add address={host} protocol=radsec certificate=\"{name}\" timeout=3s \
             service=ppp,login,hotspot,wireless,dhcp require-message-auth=yes-for-request-resp"
        ));
        if self.parts.contains(&Part::Key) {
            lines.push("Then delete the key here: it is kept nowhere else.".to_owned());
        }
        lines.iter().try_for_each(|line| output.line(line))
    }
}
