//! The listeners over TLS: who the server is there, whom it trusts, and taking over what changes of
//! that without a restart.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use portreeve::{
    Transport,
    tls::{Acceptor, Identity, LoopGuard, ServerConfig, TlsError, Trust},
};

use super::{certificates::Shared, peers::Peers};
use crate::{authority::Authority, config};

/// The most octets of a file with certificates, a key or revocation lists.
const FILE_MAX: u64 = 16 << 20;

/// What a server proves itself by, and whose certificates it takes.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) identity: Identity,
    pub(crate) trust: Trust,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("`tls.{key}`: cannot read {}", path.display())]
    File {
        key: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`tls.{key}`: {}: {error}", path.display())]
    Unfit {
        key: &'static str,
        path: PathBuf,
        error: TlsError,
    },
    #[error("the certificates of our own CA: {0}")]
    Own(TlsError),
    #[error("there is no certificate to show: see to our own CA, or give `tls.certificate`")]
    Nothing,
}

impl Credentials {
    /// Reads the files that are configured; for the others our own CA stands in.
    pub(crate) fn read(
        tls: &config::Tls,
        authority: Option<&Authority>,
    ) -> Result<Self, CredentialsError> {
        let identity = identity(tls, authority)?;
        let trust = trust(tls, authority)?;
        Ok(Self { identity, trust })
    }
}

/// Who the server is.
pub(crate) fn identity(
    tls: &config::Tls,
    authority: Option<&Authority>,
) -> Result<Identity, CredentialsError> {
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        let chain = read("certificate", certificate)?;
        let key = read("key", key)?;
        let made = Identity::from_pem(&chain, &key);
        return made.map_err(|error| unfit("certificate", certificate, error));
    }
    let own = authority.and_then(Authority::server_identity);
    let own = own.ok_or(CredentialsError::Nothing)?;
    Identity::from_pem(own.chain_pem.as_bytes(), own.key_pem.as_bytes())
        .map_err(CredentialsError::Own)
}

/// Whom it trusts.
pub(crate) fn trust(
    tls: &config::Tls,
    authority: Option<&Authority>,
) -> Result<Trust, CredentialsError> {
    if let Some(ca) = &tls.ca {
        let trust = Trust::from_pem(&read("ca", ca)?);
        let trust = trust.map_err(|error| unfit("ca", ca, error))?;
        return match &tls.crl {
            Some(crl) => trust
                .crls_from_pem(&read("crl", crl)?)
                .map_err(|error| unfit("crl", crl, error)),
            None => Ok(trust),
        };
    }
    // Without any, NASes with a CA of their own can come.
    let Some(own) = authority else {
        return Ok(Trust::default());
    };
    let trust = Trust::from_pem(own.bundle_pem().as_bytes());
    let with_list = |trust: Trust| match own.crl_pem() {
        Some(list) => trust.crls_from_pem(list.as_bytes()),
        None => Ok(trust),
    };
    trust.and_then(with_list).map_err(CredentialsError::Own)
}

fn read(key: &'static str, path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, CredentialsError> {
    let failed = |source| CredentialsError::File {
        key,
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map(zeroize::Zeroizing::new).map_err(failed)
}

fn unfit(key: &'static str, path: &Path, error: TlsError) -> CredentialsError {
    CredentialsError::Unfit {
        key,
        path: path.to_owned(),
        error,
    }
}

/// What tells whether credentials have changed: the generation of our own CA, and number, time and
/// length of each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stamp {
    generation: Option<u64>,
    files: Vec<Option<(u64, i64, i64, u64)>>,
}

impl Stamp {
    fn of(tls: &config::Tls, authority: Option<&Authority>) -> Self {
        let files = [&tls.certificate, &tls.key, &tls.ca, &tls.crl];
        let files = files.into_iter().flatten().map(|path| {
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

/// What is in force on the listeners over TLS and DTLS.
pub(super) struct Secured {
    settings: config::Tls,
    authority: Shared,
    guard: LoopGuard,
    credentials: Credentials,
    stamp: Stamp,
    tls: Acceptor,
    dtls: Acceptor,
    /// What was said last of what is wrong.
    trouble: Vec<String>,
}

impl Secured {
    /// Makes ready for those that connect.
    pub(super) fn new(
        settings: &config::Tls,
        authority: Shared,
        guard: LoopGuard,
        peers: &Peers,
    ) -> Result<Self, CredentialsError> {
        let own = authority.load();
        let stamp = Stamp::of(settings, own.as_deref());
        let credentials = Credentials::read(settings, own.as_deref())?;
        let acceptor = |transport| {
            let (config, _) = configured(settings, &credentials, peers, transport);
            Acceptor::new(config.loop_guard(guard.clone())).or_else(|_| {
                // What one NAS brings with it must not keep the server from starting; it is said
                // when the NASes are taken over.
                let nobody = Peers::default();
                let (config, _) = configured(settings, &credentials, &nobody, transport);
                Acceptor::new(config.loop_guard(guard.clone()))
            })
        };
        let tls = acceptor(Transport::Tls).map_err(CredentialsError::Own)?;
        let dtls = acceptor(Transport::Dtls).map_err(CredentialsError::Own)?;
        drop(own);
        let mut secured = Self {
            settings: settings.clone(),
            authority,
            guard,
            credentials,
            stamp,
            tls,
            dtls,
            trouble: Vec::new(),
        };
        secured.keep(peers, true);
        Ok(secured)
    }

    pub(super) fn tls(&self) -> Acceptor {
        self.tls.clone()
    }

    #[cfg(feature = "openssl")]
    pub(super) fn dtls(&self) -> Acceptor {
        self.dtls.clone()
    }

    /// Takes over what has changed: the NASes, which the caller knows, and the certificates, which
    /// are looked at. Connections that are no longer trusted end; others stay.
    pub(super) fn keep(&mut self, peers: &Peers, nases_changed: bool) {
        let own = self.authority.load_full();
        let stamp = Stamp::of(&self.settings, own.as_deref());
        let mut trouble = Vec::new();
        let renewed = stamp != self.stamp;
        if renewed {
            match Credentials::read(&self.settings, own.as_deref()) {
                Ok(credentials) => {
                    self.credentials = credentials;
                    self.stamp = stamp;
                    tracing::info!("certificates for TLS taken over");
                }
                // A file may be half written: it is looked at again.
                Err(error) => trouble.push(crate::failure::chain(&error)),
            }
        } else if !nases_changed {
            return;
        }
        let ways = [(Transport::Tls, &self.tls), (Transport::Dtls, &self.dtls)];
        for (transport, acceptor) in ways {
            if !nases_changed && !trouble.is_empty() {
                continue;
            }
            let (config, problems) =
                configured(&self.settings, &self.credentials, peers, transport);
            trouble.extend(problems);
            if let Err(error) = acceptor.reload(config.loop_guard(self.guard.clone())) {
                trouble.push(format!(
                    "what is new over {transport} is not in force: {error}"
                ));
            }
        }
        for words in trouble.iter().filter(|words| !self.trouble.contains(words)) {
            tracing::error!("{words}");
        }
        self.trouble = trouble;
    }
}

fn configured(
    settings: &config::Tls,
    credentials: &Credentials,
    peers: &Peers,
    transport: Transport,
) -> (ServerConfig, Vec<String>) {
    let (peers, problems) = peers.secured(transport);
    let config = ServerConfig::new(credentials.identity.clone())
        .trust(credentials.trust.clone())
        .versions(settings.radius)
        .oldest(settings.oldest);
    (peers.into_iter().fold(config, ServerConfig::peer), problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{authority::Names, data::DataDir};

    fn own(folder: &Path) -> Authority {
        let data = DataDir::locate(Some(folder.to_owned()));
        data.make_ready().unwrap();
        let names = Names::of_this_machine();
        Authority::ensure(&data, &names, crate::authority::now())
            .unwrap()
            .0
    }

    #[test]
    fn our_own_ca_stands_in_where_nothing_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let own = own(&folder.path().join("data"));
        let credentials = Credentials::read(&config::Tls::default(), Some(&own)).unwrap();
        assert_eq!(credentials.trust.authorities().len(), 1);
        assert_eq!(credentials.trust.crls().len(), 1);
        let nothing = Credentials::read(&config::Tls::default(), None).unwrap_err();
        assert!(matches!(nothing, CredentialsError::Nothing));
    }

    #[test]
    fn a_server_without_any_nas_over_tls_can_start() {
        let folder = tempfile::tempdir().unwrap();
        let own = own(&folder.path().join("data"));
        let shared = Shared::default();
        shared.store(Some(std::sync::Arc::new(own)));
        let settings = config::Tls::default();
        let mut secured =
            Secured::new(&settings, shared, LoopGuard::default(), &Peers::default()).unwrap();
        secured.keep(&Peers::default(), true);
        assert!(secured.trouble.is_empty(), "{:?}", secured.trouble);
    }

    #[test]
    fn files_are_named_with_their_key_when_they_do_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let own = own(&folder.path().join("data"));
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            Some(path)
        };
        let identity = own.server_identity().unwrap();
        let mut settings = config::Tls {
            certificate: file("server.crt", &identity.chain_pem),
            key: file("server.key", &identity.key_pem),
            ca: file("ca.crt", own.ca_pem()),
            crl: file("crl.pem", own.crl_pem().unwrap()),
            ..config::Tls::default()
        };
        Credentials::read(&settings, None).unwrap();
        let client = own.client_identity().unwrap();
        settings.key = file("other.key", &client.key_pem);
        let error = Credentials::read(&settings, None).unwrap_err().to_string();
        assert!(
            error.contains("`tls.certificate`") && error.contains("server.crt"),
            "{error}"
        );
        settings.key = Some(folder.path().join("nowhere"));
        let error = Credentials::read(&settings, None).unwrap_err().to_string();
        assert!(
            error.contains("`tls.key`") && error.contains("nowhere"),
            "{error}"
        );
    }
}
