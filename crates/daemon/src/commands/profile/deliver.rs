//! Writing the documents, and keeping them under a link.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{Arguments, Delivery};
use crate::{
    authority::write_atomically,
    cli::Context,
    config::{self, NOT_A_LINK, link_url},
    failure::Failure,
    profile::{
        Kit, Network, Platform, file_stem,
        parcels::{LIVES, Parcels, Token, routes::PATH},
        qr, qr_text,
    },
};

/// For the owner alone: keys and passwords are in it.
const SECRET: u32 = 0o600;
/// A drawing of a link that opens everything is a secret, too.
const PRIVATE_FOLDER: u32 = 0o700;

/// Why the documents go nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    #[error(
        "{} is there already; --force overwrites it, --out PATH writes elsewhere",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error(
        "the folder {} is not empty; --force writes into it and overwrites files of the same \
         names, --out PATH writes elsewhere",
        path.display()
    )]
    NotEmpty { path: PathBuf },
    #[error(
        "--link: where do devices reach this server's portal? give --link-url \
         https://radius.example.org:8444, or write link_url under [profile] in the configuration"
    )]
    NoUrl,
    #[error("--link-url: {NOT_A_LINK}")]
    Url,
    #[error(
        "--link-minutes: from {} to {}",
        LIVES.start() / 60,
        LIVES.end() / 60
    )]
    Life,
    #[error("--wifi-qr: there is no such code for a cable")]
    Wired,
}

impl Undelivered {
    /// Whether the arguments are to blame.
    pub(crate) const fn is_usage(&self) -> bool {
        !matches!(self, Self::Exists { .. } | Self::NotEmpty { .. })
    }
}

/// A link that is to be made.
#[derive(Debug)]
pub(super) struct Link {
    base: String,
    /// In seconds.
    life: u64,
}

/// What `--link` asks for, if it is given.
pub(super) fn link(
    delivery: &Delivery,
    defaults: &config::Profile,
    portal: &config::Portal,
) -> Result<Option<Link>, Undelivered> {
    if !delivery.link {
        return Ok(None);
    }
    let base = if let Some(given) = &delivery.link_url {
        link_url(given).ok_or(Undelivered::Url)?
    } else {
        let configured = defaults.link_url.as_ref().or(portal.download_url.as_ref());
        configured.cloned().ok_or(Undelivered::NoUrl)?
    };
    let life = delivery.link_minutes.saturating_mul(60);
    if !LIVES.contains(&life) {
        return Err(Undelivered::Life);
    }
    Ok(Some(Link { base, life }))
}

/// Where the documents go: made sure of before a certificate is issued.
#[derive(Debug)]
pub(super) enum Place {
    Nowhere,
    File(PathBuf),
    Folder(PathBuf),
}

impl Place {
    pub(super) fn reserve(arguments: &Arguments, linked: bool) -> Result<Self, Failure> {
        let delivery = &arguments.delivery;
        if arguments.delivery.wifi_qr.is_some() && arguments.network.wired {
            return Err(Undelivered::Wired.into());
        }
        for drawing in [&delivery.qr, &delivery.wifi_qr].into_iter().flatten() {
            claim(drawing, delivery.force)?;
        }
        let single = arguments.platform == Platform::Apple;
        match &delivery.out {
            None if linked => Ok(Self::Nowhere),
            Some(path) if single && !path.is_dir() => {
                claim(path, delivery.force)?;
                Ok(Self::File(path.clone()))
            }
            Some(path) => Self::folder(path.clone(), delivery.force),
            None if single => {
                let path = PathBuf::from(format!("{}.mobileconfig", file_stem(&arguments.user)));
                claim(&path, delivery.force)?;
                Ok(Self::File(path))
            }
            None => {
                let user = file_stem(&arguments.user);
                let path = PathBuf::from(format!("{user}-{}", arguments.platform.label()));
                Self::folder(path, delivery.force)
            }
        }
    }

    fn folder(path: PathBuf, force: bool) -> Result<Self, Failure> {
        let made = DirBuilder::new().mode(PRIVATE_FOLDER).create(&path);
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
                let empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
                if !empty && !force {
                    return Err(Undelivered::NotEmpty { path }.into());
                }
            }
            Err(source) => return Err(Failure::Write { path, source }),
        }
        Ok(Self::Folder(path))
    }
}

/// Makes sure that a file can be written and that nothing is overwritten.
fn claim(path: &Path, force: bool) -> Result<(), Failure> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(SECRET)
        .open(path);
    match opened {
        // It is written anew in a moment; where that fails, an empty file would only mislead.
        Ok(_) => fs::remove_file(path).map_err(|source| Failure::Write {
            path: path.to_path_buf(),
            source,
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && force && path.is_file() => {
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Undelivered::Exists {
            path: path.to_path_buf(),
        }
        .into()),
        Err(source) => Err(Failure::Write {
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// Where everything went.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) files: Vec<PathBuf>,
    pub(super) link: Option<SentLink>,
    /// The drawing of a code that names the network.
    pub(super) wifi_qr: Option<PathBuf>,
}

/// A link under which everything can be fetched.
#[derive(Debug)]
pub(super) struct SentLink {
    pub(super) url: String,
    /// Seconds since 1970.
    pub(super) until: u64,
    pub(super) drawing: Option<PathBuf>,
}

/// Writes the documents and keeps them under the link.
pub(super) fn send(
    place: Place,
    kit: &Kit,
    network: &Network,
    link: Option<&Link>,
    arguments: &Arguments,
    context: &Context<'_>,
) -> Result<Sent, Failure> {
    let mut sent = Sent::default();
    match place {
        Place::Nowhere => {}
        Place::File(path) => {
            for document in &kit.documents {
                write_atomically(&path, &document.content, SECRET)?;
            }
            sent.files.push(path);
        }
        Place::Folder(path) => {
            for document in &kit.documents {
                let file = path.join(&document.name);
                write_atomically(&file, &document.content, SECRET)?;
                sent.files.push(file);
            }
        }
    }
    if let Some(link) = link {
        sent.link = Some(keep(kit, link, arguments, context)?);
    }
    if let Some(path) = &arguments.delivery.wifi_qr
        && let Some(text) = qr_text(network)
    {
        write_atomically(path, qr::drawing(&text)?.as_bytes(), SECRET)?;
        sent.wifi_qr = Some(path.clone());
    }
    Ok(sent)
}

fn keep(
    kit: &Kit,
    link: &Link,
    arguments: &Arguments,
    context: &Context<'_>,
) -> Result<SentLink, Failure> {
    let token = Token::random()?;
    let now = crate::authority::now();
    Parcels::of(&context.data).put(kit, &token, link.life, now)?;
    let url = format!("{}{PATH}/{}", link.base, token.text());
    let drawing = arguments.delivery.qr.clone();
    if let Some(path) = &drawing {
        write_atomically(path, qr::drawing(&url)?.as_bytes(), SECRET)?;
    }
    Ok(SentLink {
        url,
        until: now.saturating_add(link.life),
        drawing,
    })
}
