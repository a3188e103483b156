//! EAP at work: what is offered, made of certificates that may change while the server runs.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use portreeve::eap::{
    Inner, Means, Offer, Offered, Type, gtc, md5, mschapv2,
    peap::{CryptoBinding, Peap},
    pwd,
    teap::{Proof, Teap, Who},
    tls::{self, ClientTrust, Sessions, Settings, SettingsError},
    ttls::Ttls,
};
use portreeve_aaa::refusal::CertificateProblem;
use zeroize::Zeroizing;

use super::certificates::Shared;
use crate::{
    authority::{
        self, Authority, Details, Standing, blocks, date,
        status::{Status, StatusChecker, StatusPolicy},
    },
    config::{
        self,
        eap::{Ocsp, TlsVersion},
    },
    service::{Eap, Inspector, Offers, Records, Revocations},
};

/// How often the certificates are looked at, and unfinished conversations given up.
const TICK: Duration = Duration::from_millis(500);
/// The most octets of a file with certificates, a key or revocation lists.
const FILE_MAX: u64 = 16 << 20;
/// Sessions that are kept to be resumed, of some 2 kB each.
const SESSIONS: usize = 20_000;
/// What TEAP servers of one administration call themselves.
const TEAP_AUTHORITY: &str = "portreeve";

/// Why EAP is not what it is configured to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EapError {
    #[error("`eap.{key}`: cannot read {}", path.display())]
    File {
        key: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`eap.{key}`: {} holds no {what} in PEM", path.display())]
    Empty {
        key: &'static str,
        path: PathBuf,
        what: &'static str,
    },
    #[error("`eap.{key}`: {}: {error}", path.display())]
    Unfit {
        key: &'static str,
        path: PathBuf,
        error: SettingsError,
    },
    #[error("the certificates of our own CA do not serve EAP: {0}")]
    Own(SettingsError),
    #[error("there is no certificate for EAP: see to our own CA, or give `eap.certificate`")]
    Nothing,
}

/// EAP while the server runs.
pub(super) struct AtWork {
    pub(super) eap: Option<Arc<Eap>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl AtWork {
    /// Makes ready what is configured, and keeps it so. What cannot be had without a certificate is
    /// left out where it is our own CA that has none, so that log-ins without EAP go on.
    pub(super) fn start(
        config: &config::Eap,
        authority: &Shared,
        records: &Records,
    ) -> Result<Self, EapError> {
        if config.methods.is_empty() {
            return Ok(Self {
                eap: None,
                task: None,
            });
        }
        let sessions = Arc::new(Sessions::new(SESSIONS, config.resumption_s));
        let own = authority.load_full();
        let stamp = Stamp::of(config, own.as_deref());
        let (offers, trouble) = match offers(config, own.as_deref(), &sessions) {
            Ok(offers) => (offers, None),
            Err(error @ (EapError::Own(_) | EapError::Nothing)) => {
                let words = error.to_string();
                tracing::error!("no EAP method with TLS is offered: {words}");
                (without_tls(config), Some(words))
            }
            Err(error) => return Err(error),
        };
        let offers = Arc::new(ArcSwap::from_pointee(offers));
        let roots = Arc::new(ArcSwap::from_pointee(roots(config)?));
        let known = Known {
            authority: Arc::clone(authority),
            roots: Arc::clone(&roots),
            ocsp: config.ocsp,
            checker: StatusChecker::new(StatusPolicy {
                ocsp: config.ocsp_servers.clone(),
                named: config.ocsp_servers.is_empty(),
                ..StatusPolicy::default()
            }),
        };
        let eap = Arc::new(Eap::new(
            config.limits,
            Arc::clone(&offers),
            Inspector::new(&config.user_from, Arc::new(known)),
            config.hide_inner,
            config.machines,
        ));
        let keeper = Keeper {
            config: config.clone(),
            authority: Arc::clone(authority),
            sessions,
            offers,
            roots,
            stamp,
            trouble,
        };
        let task = tokio::spawn(keeper.run(Arc::clone(&eap), records.clone()));
        Ok(Self {
            eap: Some(eap),
            task: Some(task),
        })
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Takes over what changes.
struct Keeper {
    config: config::Eap,
    authority: Shared,
    sessions: Arc<Sessions>,
    offers: Arc<ArcSwap<Offers>>,
    roots: Arc<ArcSwap<Vec<Vec<u8>>>>,
    stamp: Stamp,
    /// What was said last of what is wrong.
    trouble: Option<String>,
}

impl Keeper {
    async fn run(mut self, eap: Arc<Eap>, records: Records) {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            self.keep();
            self.sessions.expire(authority::now());
            eap.expire(&records);
        }
    }

    fn keep(&mut self) {
        let own = self.authority.load_full();
        let stamp = Stamp::of(&self.config, own.as_deref());
        if stamp == self.stamp {
            return;
        }
        let renewed = roots(&self.config)
            .and_then(|roots| Ok((roots, offers(&self.config, own.as_deref(), &self.sessions)?)));
        match renewed {
            Ok((roots, offers)) => {
                self.roots.store(Arc::new(roots));
                self.offers.store(Arc::new(offers));
                self.stamp = stamp;
                self.trouble = None;
                tracing::info!("certificates for EAP taken over");
            }
            // A file may be half written: it is looked at again.
            Err(error) => {
                let words = crate::failure::chain(&error);
                if self.trouble.as_ref() != Some(&words) {
                    tracing::error!("{words}");
                    self.trouble = Some(words);
                }
            }
        }
    }
}

/// What tells whether certificates have changed: the generation of our own CA, and number, time and
/// length of each file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    generation: Option<u64>,
    files: Vec<Option<(u64, i64, i64, u64)>>,
}

impl Stamp {
    fn of(config: &config::Eap, authority: Option<&Authority>) -> Self {
        let files = config.files().map(|path| {
            let found = fs::metadata(path).ok()?;
            let (seconds, fraction) = (found.mtime(), found.mtime_nsec());
            Some((found.ino(), seconds, fraction, found.len()))
        });
        Self {
            generation: authority.map(Authority::generation),
            files: files.collect(),
        }
    }
}

/// What is offered, with what is configured and our own CA.
pub(crate) fn offers(
    config: &config::Eap,
    authority: Option<&Authority>,
    sessions: &Arc<Sessions>,
) -> Result<Offers, EapError> {
    let needs_tls = |kind: &Type| [Type::TLS, Type::PEAP, Type::TTLS, Type::TEAP].contains(kind);
    if !config.methods.iter().any(needs_tls) {
        return Ok(without_tls(config));
    }
    let maker = Maker {
        config,
        resuming: settings(config, authority, Some(sessions))?,
        fresh: settings(config, authority, None)?,
    };
    Ok(maker.offers())
}

fn without_tls(config: &config::Eap) -> Offers {
    let methods = config.methods.iter().filter_map(|kind| bare(*kind, None));
    let wired = methods.fold(Offer::nothing(), Offer::with_shared);
    let pwd = config.methods.contains(&Type::PWD);
    let wireless = bare(Type::PWD, None).filter(|_| pwd);
    Offers {
        wired: Arc::new(wired),
        wireless: Arc::new(
            wireless
                .into_iter()
                .fold(Offer::nothing(), Offer::with_shared),
        ),
    }
}

/// A method without TLS, by itself or inside another.
fn bare(kind: Type, outer: Option<Type>) -> Option<Arc<dyn Offered>> {
    let means = match outer {
        Some(outer) => Means::inside(outer, Inner::Eap(kind)),
        None => Means::alone(kind),
    };
    Some(match kind {
        Type::MD5 => Arc::new(md5::Server::new(means)),
        Type::GTC => Arc::new(gtc::Server::new(means)),
        Type::MSCHAPV2 => Arc::new(mschapv2::Server::new(means)),
        Type::PWD => Arc::new(pwd::Server::new(means)),
        _ => return None,
    })
}

struct Maker<'a> {
    config: &'a config::Eap,
    resuming: Arc<Settings>,
    /// For TLS inside a tunnel: it is the tunnel that is resumed.
    fresh: Arc<Settings>,
}

impl Maker<'_> {
    fn offers(&self) -> Offers {
        let (mut wired, mut wireless) = (Offer::nothing(), Offer::nothing());
        for kind in &self.config.methods {
            let Some(method) = self.method(*kind) else {
                continue;
            };
            if ![Type::MD5, Type::GTC, Type::MSCHAPV2].contains(kind) {
                wireless = wireless.with_shared(Arc::clone(&method));
            }
            wired = wired.with_shared(method);
        }
        Offers {
            wired: Arc::new(wired),
            wireless: Arc::new(wireless),
        }
    }

    fn method(&self, kind: Type) -> Option<Arc<dyn Offered>> {
        let settings = || Arc::clone(&self.resuming);
        let inner = || Arc::new(self.inner(kind));
        Some(match kind {
            Type::TLS => Arc::new(tls::EapTls::new(settings())),
            Type::PEAP => {
                let binding = if self.config.crypto_binding {
                    CryptoBinding::Required
                } else {
                    CryptoBinding::Optional
                };
                Arc::new(Peap::new(settings(), inner()).with_crypto_binding(binding))
            }
            Type::TTLS => {
                let plain: Vec<_> = self
                    .config
                    .inner
                    .iter()
                    .filter_map(|inner| match inner {
                        Inner::Plain(method) => Some(*method),
                        Inner::Eap(_) => None,
                    })
                    .collect();
                Arc::new(Ttls::new(settings(), &plain, inner()))
            }
            Type::TEAP => Arc::new(
                Teap::new(settings(), TEAP_AUTHORITY)
                    .asking(Who::Machine, Proof::Eap(inner()))
                    .asking(Who::User, Proof::Eap(inner())),
            ),
            other => return bare(other, None),
        })
    }

    fn inner(&self, outer: Type) -> Offer {
        let methods = self.config.inner.iter().filter_map(|inner| match inner {
            Inner::Eap(Type::TLS) => {
                let method = tls::EapTls::new(Arc::clone(&self.fresh));
                Some(Arc::new(method) as Arc<dyn Offered>)
            }
            Inner::Eap(kind) => bare(*kind, Some(outer)),
            Inner::Plain(_) => None,
        });
        methods.fold(Offer::nothing(), Offer::with_shared)
    }
}

fn settings(
    config: &config::Eap,
    authority: Option<&Authority>,
    sessions: Option<&Arc<Sessions>>,
) -> Result<Arc<Settings>, EapError> {
    let mut builder = if let (Some(certificate), Some(key)) = (&config.certificate, &config.key) {
        let chain = ders("certificate", certificate, "certificate", is_certificate)?;
        let keys = ders("key", key, "private key", |label| {
            label.ends_with("PRIVATE KEY")
        })?;
        let key = keys.first().map(Vec::as_slice).unwrap_or_default();
        Settings::builder(&chain, key).map_err(|error| EapError::Unfit {
            key: "certificate",
            path: certificate.clone(),
            error,
        })?
    } else {
        let own = authority.and_then(|own| own.eap_server().ok());
        let own = own.ok_or(EapError::Nothing)?;
        let chain: Vec<Vec<u8>> = own.chain.iter().map(|one| one.to_vec()).collect();
        Settings::builder(&chain, own.key.secret_der()).map_err(EapError::Own)?
    };
    if let Some(trust) = trust(config, authority)? {
        builder = builder.trusting(trust);
    }
    let version = |version| match version {
        TlsVersion::V1_2 => tls::Version::Tls12,
        TlsVersion::V1_3 => tls::Version::Tls13,
    };
    builder = builder.versions(version(config.tls_min), version(config.tls_max));
    if config.suite_b_192 {
        builder = builder.suite_b_192();
    }
    if let Some(sessions) = sessions.filter(|_| config.resumption) {
        builder = builder.resuming(Arc::clone(sessions));
    }
    builder.build().map_err(|error| blamed(config, error))
}

/// The file that an error of all of them together is most likely about.
fn blamed(config: &config::Eap, error: SettingsError) -> EapError {
    let (key, path) = match &error {
        SettingsError::BadCrl { .. } => ("crl", config.crl.first()),
        SettingsError::BadRoot(_) | SettingsError::NoRoots => ("ca", config.ca.first()),
        _ => ("certificate", config.certificate.as_ref()),
    };
    match path {
        Some(path) => EapError::Unfit {
            key,
            path: path.clone(),
            error,
        },
        None => EapError::Own(error),
    }
}

/// Whose certificates are taken.
fn trust(
    config: &config::Eap,
    authority: Option<&Authority>,
) -> Result<Option<ClientTrust>, EapError> {
    if config.ca.is_empty() {
        let Some(own) = authority else {
            return Ok(None);
        };
        // Who certified our CA, if anybody did, has a list that is not here.
        let trust = ClientTrust::new(own.bundle().to_vec()).only_leaf();
        let list = blocks(own.crl_pem().unwrap_or_default(), |label| {
            label == "X509 CRL"
        });
        return Ok(Some(if list.is_empty() {
            trust
        } else {
            trust.with_crls(list)
        }));
    }
    let mut lists = Vec::new();
    for path in &config.crl {
        lists.extend(ders("crl", path, "revocation list", |label| {
            label == "X509 CRL"
        })?);
    }
    let trust = ClientTrust::new(roots(config)?);
    Ok(Some(if lists.is_empty() {
        trust
    } else {
        trust.with_crls(lists)
    }))
}

/// The CAs that are configured.
fn roots(config: &config::Eap) -> Result<Vec<Vec<u8>>, EapError> {
    let mut roots = Vec::new();
    for path in &config.ca {
        roots.extend(ders("ca", path, "certificate", is_certificate)?);
    }
    Ok(roots)
}

fn is_certificate(label: &str) -> bool {
    label == "CERTIFICATE"
}

/// What a PEM file holds of one kind; at least one.
fn ders(
    key: &'static str,
    path: &Path,
    what: &'static str,
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<Vec<u8>>, EapError> {
    let failed = |source| EapError::File {
        key,
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(failed)?;
    let found = blocks(&text, fits);
    if found.is_empty() {
        return Err(EapError::Empty {
            key,
            path: path.to_owned(),
            what,
        });
    }
    Ok(found)
}

/// What is known of revocations.
struct Known {
    authority: Shared,
    /// Whose certificates are taken; our own CA's where there is nothing.
    roots: Arc<ArcSwap<Vec<Vec<u8>>>>,
    ocsp: Ocsp,
    checker: StatusChecker,
}

impl Known {
    /// What our own CA knows of a certificate of its own.
    fn look_here(&self, chain: &[Vec<u8>]) -> Result<(), CertificateProblem> {
        let own = self.authority.load();
        let own = own
            .as_deref()
            .ok_or_else(|| unchecked("our own CA cannot be used"))?;
        let serial = chain
            .first()
            .and_then(|leaf| serial_of(leaf))
            .ok_or_else(|| unchecked("it has no serial number"))?;
        match own.standing(&serial) {
            Standing::Good => Ok(()),
            Standing::Revoked(revocation) => Err(revoked(revocation.at)),
            Standing::NotKnown => Err(unchecked("the revocation list of our CA is damaged")),
        }
    }

    /// What another CA says.
    async fn ask(&self, chain: &[Vec<u8>]) -> Result<(), CertificateProblem> {
        let leaf = chain.first().ok_or_else(|| unchecked("there is none"))?;
        let roots = self.roots.load_full();
        let issuer = chain
            .get(1)
            .or_else(|| roots.iter().find(|root| Details::is_signed_by(leaf, root)))
            .ok_or_else(|| unchecked("its issuer is not at hand"))?;
        let why = match self.checker.status(leaf, issuer, authority::now()).await {
            Status::Good => return Ok(()),
            Status::Revoked(revocation) => return Err(revoked(revocation.at)),
            Status::Unknown => "its CA does not know it".to_owned(),
            Status::Unreachable(why) => why,
        };
        match self.ocsp {
            Ocsp::Required => Err(unchecked(&why)),
            Ocsp::Off | Ocsp::Soft => {
                tracing::debug!(why, "a certificate is taken unchecked");
                Ok(())
            }
        }
    }
}

fn revoked(at: u64) -> CertificateProblem {
    CertificateProblem::Revoked { when: date(at) }
}

fn unchecked(why: &str) -> CertificateProblem {
    CertificateProblem::Unchecked {
        why: why.to_owned(),
    }
}

fn serial_of(der: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::prelude::{FromDer as _, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.raw_serial().to_vec())
}

impl Revocations for Known {
    fn look(
        &self,
        chain: Vec<Vec<u8>>,
    ) -> Pin<Box<dyn Future<Output = Result<(), CertificateProblem>> + Send + '_>> {
        Box::pin(async move {
            if self.roots.load().is_empty() {
                return self.look_here(&chain);
            }
            match self.ocsp {
                Ocsp::Off => Ok(()),
                Ocsp::Soft | Ocsp::Required => self.ask(&chain).await,
            }
        })
    }
}
