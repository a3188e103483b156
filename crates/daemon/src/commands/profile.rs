//! `portreeve profile`: what a user's device is given so that it joins the network.

mod deliver;
mod say;
mod settings;

use std::path::PathBuf;

use clap::Args;
use portreeve_aaa::definition::User;
use zeroize::Zeroizing;

pub(crate) use self::{deliver::Undelivered, settings::Unfit};
use self::{
    deliver::{Place, Sent},
    say::Said,
};
use super::{password, user};
use crate::{
    authority::{self, Authority, Issued, KeyType, Order},
    cli::{Context, Listing},
    config::{self, Config},
    failure::Failure,
    profile::{
        self, Kit, Login, Method, Network, Platform, ProfileError, Secret, Security, issuing,
        parcels::LIFE,
    },
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What kind of device it is for
    #[arg(value_enum)]
    platform: Platform,
    /// Whose device it is
    user: String,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    delivery: Delivery,
    /// The configuration file, whose [profile] gives the defaults [default: that of the running
    /// server, else portreeve.toml in the data directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    listing: Listing,
}

/// The network; what is not said is taken from `[profile]`.
#[derive(Debug, Args)]
struct NetworkArguments {
    /// The name of the wireless network
    #[arg(long)]
    ssid: Option<String>,
    /// 802.1X on a cable instead
    #[arg(long, conflicts_with_all = ["ssid", "hidden", "security"])]
    wired: bool,
    /// The network does not announce itself
    #[arg(long)]
    hidden: bool,
    /// How the network is protected [default: wpa2+wpa3]
    #[arg(long, value_enum)]
    security: Option<Security>,
    /// How the user logs in [default: tls]
    #[arg(long, value_enum)]
    method: Option<Method>,
    /// A name that the server's certificate may hold; may be given several times [default: the name
    /// of our own certificate]
    #[arg(long, value_name = "NAME")]
    server_name: Vec<String>,
    /// What the access point is shown in place of the user name [default: anonymous, with the realm
    /// of the user]
    #[arg(long, value_name = "NAME")]
    anonymous: Option<String>,
}

/// The password or the certificate.
#[derive(Debug, Args)]
struct Secrets {
    /// Write the password into the profile, as it is kept; only where it is kept as clear text
    #[arg(long, group = "with")]
    with_password: bool,
    /// The same, read from standard input, one line
    #[arg(long, group = "with")]
    password_stdin: bool,
    /// Do not write the passphrase of the certificate beside it, but print it: the user types it
    #[arg(long)]
    separate_passphrase: bool,
    /// What key to make for the certificate [default: p256]
    #[arg(long, value_enum)]
    key_type: Option<KeyType>,
    /// How many days the certificate is good
    #[arg(long, value_name = "N")]
    days: Option<u64>,
}

/// Where the documents go.
#[derive(Debug, Args)]
struct Delivery {
    /// Where to write: a folder, or a file where there is only one
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Overwrite files of the same names
    #[arg(long)]
    force: bool,
    /// Keep the documents on the server and print a link under which they can be fetched once
    #[arg(long)]
    link: bool,
    /// How many minutes the link is good
    #[arg(long, value_name = "MINUTES", default_value_t = LIFE / 60, requires = "link")]
    link_minutes: u64,
    /// Where devices reach the server's portal: https, host and port [default: what the
    /// configuration says]
    #[arg(long, value_name = "URL", requires = "link")]
    link_url: Option<String>,
    /// Also draw the QR code of the link into this file (SVG)
    #[arg(long, value_name = "FILE", requires = "link")]
    qr: Option<PathBuf>,
    /// Also draw a QR code that names the network, for apps that read such, into this file (SVG).
    /// It can pin neither CA nor server name
    #[arg(long, value_name = "FILE")]
    wifi_qr: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let config = Config::in_force(&context.data, arguments.config.as_deref())?;
    let mut store = context.data.open()?;
    let found = user::find(&mut store, &arguments.user)?;
    let mut authority = Authority::open(&context.data)?;
    let wanted = settings::Wanted::of(&arguments, &config.profile, &found, &authority)?;
    wanted
        .draft
        .check(wanted.method)
        .map_err(ProfileError::from)?;
    let password = wanted_password(&arguments, &wanted, &found)?;
    let link = deliver::link(&arguments.delivery, &config.profile, &config.portal)?;
    let place = Place::reserve(&arguments, link.is_some())?;
    if !found.enabled {
        let name = &found.name;
        context.output.warn(format!(
            "user '{name}' is disabled and will be refused; portreeve user enable {name}"
        ))?;
    }
    let now = authority::now();
    let mut certificate = None;
    let login = if wanted.method == Method::Tls {
        let order = order(&arguments, &wanted, &config.portal);
        let (issued, login) = new_certificate(&arguments, &order, &mut authority, now)?;
        certificate = Some(issued);
        login
    } else {
        Login::Password {
            method: wanted.method,
            password,
        }
    };
    let made = make(&arguments, wanted, login, &authority, now);
    let sent = made.and_then(|(network, kit)| {
        let sent = deliver::send(place, &kit, &network, link.as_ref(), &arguments, context)?;
        Ok((network, kit, sent))
    });
    let (network, kit, sent): (Network, Kit, Sent) = match sent {
        Ok(sent) => sent,
        Err(failure) => return Err(unused(certificate.as_ref(), failure, context)?),
    };
    let said = Said {
        network: &network,
        kit: &kit,
        sent: &sent,
        certificate: certificate.as_ref(),
    };
    if arguments.listing.json {
        Ok(context.output.json(&said.json())?)
    } else {
        Ok(said.print(&mut context.output)?)
    }
}

fn make(
    arguments: &Arguments,
    wanted: settings::Wanted,
    login: Login,
    authority: &Authority,
    now: u64,
) -> Result<(Network, Kit), Failure> {
    let network = Network::new(wanted.draft, login).map_err(ProfileError::from)?;
    let kit = profile::kit(arguments.platform, &network, authority, now)?;
    Ok((network, kit))
}

/// The password that is to stand in the documents.
fn wanted_password(
    arguments: &Arguments,
    wanted: &settings::Wanted,
    user: &User,
) -> Result<Option<Secret>, Failure> {
    let secrets = &arguments.secrets;
    let asked = secrets.with_password || secrets.password_stdin;
    if wanted.method == Method::Tls {
        if asked {
            return Err(Unfit::PasswordWithCertificate.into());
        }
        return Ok(None);
    }
    if secrets.separate_passphrase || secrets.key_type.is_some() || secrets.days.is_some() {
        return Err(Unfit::CertificateWithPassword(wanted.method).into());
    }
    if !asked {
        return Ok(None);
    }
    let credential = settings::credential(user)?;
    let password = if secrets.password_stdin {
        let given: Zeroizing<String> = password::from_stdin(&mut std::io::stdin().lock())?;
        if !credential.verify_pap(given.as_bytes()).is_match() {
            return Err(Unfit::OtherPassword(user.name.clone()).into());
        }
        Secret::new(given.as_str())
    } else {
        let kept = credential.clear_text();
        let kept = kept.ok_or_else(|| Unfit::NotInClear {
            user: user.name.clone(),
            kept: credential.scheme().words(),
        })?;
        Secret::new(kept)
    };
    Ok(Some(password))
}

fn order(arguments: &Arguments, wanted: &settings::Wanted, portal: &config::Portal) -> Order {
    issuing::order(
        &wanted.draft.user,
        arguments.secrets.days,
        wanted.key_type,
        portal.url.as_deref(),
    )
}

fn new_certificate(
    arguments: &Arguments,
    order: &Order,
    authority: &mut Authority,
    now: u64,
) -> Result<(Issued, Login), Failure> {
    let passphrase = Secret::new(password::generate()?.as_str());
    let inside = !arguments.secrets.separate_passphrase;
    let (issued, client) = issuing::issue(authority, order, passphrase, inside, now)?;
    Ok((issued, Login::Certificate(client)))
}

/// Says what became of a certificate that nobody will get.
fn unused(
    certificate: Option<&Issued>,
    failure: Failure,
    context: &mut Context<'_>,
) -> Result<Failure, Failure> {
    if let Some(issued) = certificate {
        let serial = &issued.record.serial;
        context.output.warn(format!(
            "certificate {serial} was issued, but not all of it is written; revoke it: portreeve \
             cert revoke {serial}"
        ))?;
    }
    Ok(failure)
}
