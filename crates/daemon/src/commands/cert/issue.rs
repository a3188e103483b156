//! `portreeve cert issue`.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use portreeve_aaa::port::{Store as _, StoreError};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    authority, described,
    parcel::{self, Parcel, Part},
    say_kept,
    show::Described,
};
use crate::{
    authority::{
        self as ca, Authority, AuthorityError, Issued, KeySource, KeyType, Names, Order, Refused,
        Request, date, dns_name,
    },
    cli::{Context, Listing},
    commands::{edit, password},
    failure::Failure,
    output::Output,
    serving::welcome,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Issue to a RadSec peer of this name; the NAS of that name is asked for its address
    #[arg(long, value_name = "NAME", required_unless_present = "server")]
    peer: Option<String>,
    /// Issue anew to this server; --dns and --ip add names that it keeps
    #[arg(long, conflicts_with = "peer")]
    server: bool,
    /// A DNS name the certificate speaks for; may be given several times
    #[arg(long, value_name = "NAME", value_parser = read_dns)]
    dns: Vec<String>,
    /// An address the certificate speaks for; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    #[command(flatten)]
    peers: Peers,
    #[command(flatten)]
    listing: Listing,
}

/// What is only said of a peer.
#[derive(Debug, Args)]
#[group(conflicts_with = "server")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
struct Peers {
    /// How many days it is good [default: 730]
    #[arg(long, value_name = "N")]
    days: Option<u64>,
    /// What key to make
    #[arg(long, value_enum, default_value_t, conflicts_with = "csr")]
    key_type: KeyType,
    /// Sign this request (PKCS #10); its key stays with the peer
    #[arg(long, value_name = "FILE", conflicts_with = "p12")]
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
}

/// Not a DNS name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a DNS name such as radius.example.org; addresses are given by --ip")]
struct BadName;

fn read_dns(text: &str) -> Result<String, BadName> {
    dns_name(text).ok_or(BadName)
}

pub(super) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    edit::store_for_change(context)?;
    let mut authority = authority(context)?;
    let addresses = arguments.ip.iter().map(IpAddr::to_canonical);
    let names = Names {
        dns: arguments.dns.iter().cloned().collect(),
        addresses: addresses.collect(),
    };
    match arguments.peer {
        Some(name) => {
            let json = arguments.listing.json;
            peer(&mut authority, name, names, arguments.peers, json, context)
        }
        None => server(&mut authority, &names, arguments.listing, context),
    }
}

fn server(
    authority: &mut Authority,
    names: &Names,
    listing: Listing,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let now = ca::now();
    let kept = authority.rename(names, &Names::of_this_machine(), now)?;
    if listing.json {
        return Ok(context.output.json(&described(&kept, now))?);
    }
    say_kept(&kept, &mut context.output)?;
    let note = "a running server shows it to the next who connects";
    Ok(context.output.note(note)?)
}

fn peer(
    authority: &mut Authority,
    name: String,
    mut names: Names,
    how: Peers,
    json: bool,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    names.addresses.extend(address_of_nas(&name, context)?);
    let request = how.csr.as_deref().map(read_request).transpose()?;
    let password = p12_password(&how)?;
    let mut parts = vec![Part::Certificate];
    if request.is_none() {
        parts.push(Part::Key);
    }
    if how.p12 {
        parts.push(Part::Pkcs12);
    }
    if let Some(request) = &request {
        left_out(request, &name, &names, &mut context.output)?;
    }
    let order = Order {
        name,
        names,
        days: how.days,
        key: request.map_or(KeySource::Make(how.key_type), KeySource::Request),
    };
    let order = order.checked()?;
    let bundle = authority.bundle_pem().to_owned();
    let mut parcel = Parcel::reserve(&how.out, &order.name, how.force, &parts, &bundle)?;
    let issued = authority.issue(&order, ca::now())?;
    let delivered = deliver(&mut parcel, authority, &issued, password.as_deref(), &how);
    if let Err(failure) = delivered {
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
    };
    if json {
        Ok(context.output.json(&told.json())?)
    } else {
        Ok(told.print(&mut context.output)?)
    }
}

/// The address of the NAS of that name, where it is a single one.
fn address_of_nas(name: &str, context: &Context<'_>) -> Result<Option<IpAddr>, Failure> {
    match context.data.open()?.nas(name) {
        Ok(nas) if nas.prefix.prefix_len() == nas.prefix.max_prefix_len() => {
            Ok(Some(nas.prefix.addr()))
        }
        Ok(_) | Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
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

fn p12_password(how: &Peers) -> Result<Option<Zeroizing<String>>, Failure> {
    match (&how.p12_password, how.p12_password_stdin, how.p12) {
        (Some(password), _, _) => Ok(Some(Zeroizing::new(password.clone()))),
        (None, true, _) => Ok(Some(password::from_stdin(&mut io::stdin().lock())?)),
        (None, false, true) => Ok(Some(password::generate()?)),
        (None, false, false) => Ok(None),
    }
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

fn deliver(
    parcel: &mut Parcel,
    authority: &Authority,
    issued: &Issued,
    password: Option<&String>,
    how: &Peers,
) -> Result<(), Failure> {
    if let Some(key) = &issued.key_pem {
        parcel.write(Part::Key, key.as_bytes())?;
        if let Some(password) = password {
            let mut chain = vec![issued.der.clone()];
            chain.extend_from_slice(authority.bundle());
            let name = &issued.record.name;
            let octets = parcel::pkcs12(name, &chain, key, password, how.legacy_p12)?;
            parcel.write(Part::Pkcs12, &octets)?;
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
}

#[derive(Serialize)]
struct Delivered<'a> {
    #[serde(flatten)]
    certificate: Described,
    files: Files,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkcs12_password: Option<&'a str>,
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
        Delivered {
            certificate: Described::of(&self.issued.record, ca::now()),
            files: Files {
                certificate: self.parcel.path(Part::Certificate),
                key: self.path(Part::Key),
                ca: self.parcel.ca(),
                pkcs12: self.path(Part::Pkcs12),
            },
            pkcs12_password: self.password,
        }
    }

    fn print(&self, output: &mut Output<'_>) -> io::Result<()> {
        let record = &self.issued.record;
        let shown = |path: &Path| path.display().to_string();
        let mut pairs = vec![
            ("peer", record.name.clone()),
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
        if record.names.is_empty() {
            output.warn(
                "the certificate names no host: a peer that is checked by name needs --dns or --ip",
            )?;
        }
        self.next_steps(output)
    }

    /// The words for RouterOS, which takes the certificate of the CA and then its own.
    fn next_steps(&self, output: &mut Output<'_>) -> io::Result<()> {
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
