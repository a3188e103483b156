//! Reaching a router with what is kept of it, and what is asked of it again and again.

use std::time::Duration;

use portreeve_routeros::{
    Capabilities, Login, Router, Secret, Target,
    backup::{self, Secrets},
    capability::probe,
    files::{Files, sftp},
    plan::{self, Objection, Observed, Plan, Wanted},
};
use zeroize::Zeroizing;

use super::{
    Backup, Folder, Hidden, Kept, Known, Manifest, RouterError,
    backups::{EXPORT, SENSITIVE, SYSTEM},
};

/// A router one is logged in to, and what it can do.
pub(crate) struct Link {
    name: String,
    pub(crate) router: Router,
    pub(crate) can: Capabilities,
    /// As whom.
    user: String,
    /// For files that the version has no other way for.
    sftp: Option<sftp::Access>,
}

/// From this version on files of any size come by the API.
const CHUNKS: (u16, u16) = (7, 13);
/// How long a router's SSH may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

impl Link {
    /// As the user that is kept for the router.
    pub(crate) async fn open(kept: &Kept) -> Result<Self, RouterError> {
        let login = Login::new(&kept.user, kept.password.reveal());
        let key = kept.ssh_host_key.as_deref();
        Self::open_as(&kept.name, &kept.target, &login, key).await
    }

    /// As anybody. Its SSH host key is believed the first time, and no other afterwards.
    pub(crate) async fn open_as(
        name: &str,
        target: &Target,
        login: &Login,
        key: Option<&str>,
    ) -> Result<Self, RouterError> {
        let mut link = Self::open_bare(name, target, login).await?;
        if !link.can.version().is_at_least(CHUNKS.0, CHUNKS.1) {
            link.sftp = sftp_access(&link.router, target, login, key).await;
        }
        Ok(link)
    }

    /// As [`open_as`](Self::open_as), to store files too: no version takes those that are no
    /// text, or long, but over SFTP.
    pub(crate) async fn open_to_store(
        name: &str,
        target: &Target,
        login: &Login,
        key: Option<&str>,
    ) -> Result<Self, RouterError> {
        let mut link = Self::open_bare(name, target, login).await?;
        link.sftp = sftp_access(&link.router, target, login, key).await;
        Ok(link)
    }

    async fn open_bare(name: &str, target: &Target, login: &Login) -> Result<Self, RouterError> {
        let failed = |error| RouterError::of(name, error);
        let router = Router::connect(target, login).await.map_err(failed)?;
        let can = probe(&router).await.map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            router,
            can,
            user: login.user.clone(),
            sftp: None,
        })
    }

    /// The fingerprint of the router's SSH host key, where SFTP is needed.
    pub(crate) fn ssh_host_key(&self) -> Option<String> {
        self.sftp.as_ref().map(|access| access.host_key.clone())
    }

    /// Whether the router still answers here.
    pub(crate) async fn is_alive(&self) -> bool {
        let asked = self.router.print("/system/identity", &["name"], &[]).await;
        asked.is_ok()
    }

    /// Removes what a backup that was cut short has left on the router.
    pub(crate) async fn sweep(&self) -> Result<(), RouterError> {
        let files = self.said(self.router.print("/file", &["name"], &[]).await)?;
        for name in files.iter().filter_map(|file| file.get("name")) {
            if backup::is_temporary(name) {
                self.said(self.files().remove(name).await)?;
            }
        }
        Ok(())
    }

    /// What the router says, told with its name.
    pub(crate) fn said<T>(
        &self,
        said: Result<T, portreeve_routeros::Error>,
    ) -> Result<T, RouterError> {
        said.map_err(|error| RouterError::of(&self.name, error))
    }

    pub(crate) fn files(&self) -> Files<'_> {
        let files = Files::new(&self.router, &self.can);
        match &self.sftp {
            Some(access) => files.with_sftp(access.clone()),
            None => files,
        }
    }

    /// What the router is like, as far as a plan looks.
    pub(crate) async fn observe(&self) -> Result<Observed, RouterError> {
        let observed = self.said(plan::observe(&self.router, &self.can).await)?;
        Ok(observed.as_user(&self.user))
    }

    /// What is to be done for the router to be as wanted.
    pub(crate) async fn plan(&self, wanted: &Wanted) -> Result<Plan, RouterError> {
        let observed = self.observe().await?;
        plan::plan(wanted, &observed, &self.can).map_err(|all| refused(&all))
    }

    /// What the router says of itself.
    pub(crate) async fn known(&self) -> Result<Known, RouterError> {
        let identity = self.router.print("/system/identity", &["name"], &[]).await;
        let identity = self.said(identity)?;
        let resource = self
            .router
            .print("/system/resource", &["version", "board-name"], &[])
            .await;
        let resource = self.said(resource)?;
        let text = |records: &[portreeve_routeros::Record], name: &str| {
            let first = records.first().and_then(|record| record.get(name));
            first.unwrap_or_default().chars().take(200).collect()
        };
        Ok(Known {
            identity: text(&identity, "name"),
            version: text(&resource, "version"),
            board: text(&resource, "board-name"),
        })
    }

    /// The configuration as a script.
    pub(crate) async fn export(&self, secrets: Secrets) -> Result<Secret, RouterError> {
        self.said(backup::export(&self.files(), secrets).await)
    }

    /// Fetches a backup and keeps it. What cannot be had is noted in it; nothing at all is an
    /// error.
    pub(crate) async fn back_up(
        &self,
        folder: &Folder,
        want: &BackupWish<'_>,
        now_ms: u64,
    ) -> Result<Backup, RouterError> {
        let known = self.known().await?;
        let export = self.export(Secrets::Hidden).await?;
        let mut missing = Vec::new();
        let sensitive = match self.export(Secrets::Shown).await {
            Ok(text) => Some(text),
            Err(error) => {
                missing.push(format!("the export with its secrets: {error}"));
                None
            }
        };
        let system = match want.password {
            None => None,
            Some(password) => {
                let password = Secret::new(password.reveal());
                match backup::save(&self.files(), &password).await {
                    Ok(octets) => Some(Zeroizing::new(octets)),
                    Err(error) => {
                        missing.push(format!("the backup of the system: {error}"));
                        None
                    }
                }
            }
        };
        let mut files = vec![(EXPORT, export.reveal().as_bytes())];
        files.extend(
            sensitive
                .as_ref()
                .map(|text| (SENSITIVE, text.reveal().as_bytes())),
        );
        files.extend(system.as_ref().map(|octets| (SYSTEM, octets.as_slice())));
        let manifest = Manifest {
            at_ms: now_ms,
            reason: want.reason.to_owned(),
            known,
            password: want.password.filter(|_| system.is_some()).cloned(),
            missing,
            files: Vec::new(),
        };
        let kept = folder.backups().keep(manifest, &files)?;
        // Read back from the disk: a backup that cannot be read is found now, not when needed.
        match kept.troubles().first() {
            None => Ok(kept),
            Some(trouble) => Err(RouterError::Refused(format!(
                "backup {} of router '{}' is on the disk and cannot be read: {trouble}",
                kept.id, self.name
            ))),
        }
    }
}

/// The way to files over SSH, where the service answers.
async fn sftp_access(
    router: &Router,
    target: &Target,
    login: &Login,
    key: Option<&str>,
) -> Option<sftp::Access> {
    let services = router
        .print("/ip/service", &["name", "port", "disabled"], &[])
        .await
        .ok()?;
    let ssh = services.iter().find(|one| one.get("name") == Some("ssh"))?;
    if ssh.flag("disabled") == Some(true) {
        return None;
    }
    let port = u16::try_from(ssh.number("port")?).ok()?;
    let host_key = match key {
        Some(key) => key.to_owned(),
        None => sftp::host_key_of(&target.host, port, PATIENCE).await.ok()?,
    };
    Some(sftp::Access {
        host: target.host.clone(),
        port,
        login: login.clone(),
        host_key,
        timeout: PATIENCE,
    })
}

/// What a backup is to be of.
pub(crate) struct BackupWish<'a> {
    pub(crate) reason: &'static str,
    /// Encrypts the backup of the system; without it there is none.
    pub(crate) password: Option<&'a Hidden>,
}

/// Why there is no plan, all of it.
fn refused(objections: &[Objection]) -> RouterError {
    use std::fmt::Write as _;
    let mut words = String::from("nothing was changed:");
    for objection in objections {
        // Writing to a text does not fail.
        write!(words, "\n  {objection}").ok();
        if let Some(risk) = objection.risk {
            let risk = serde_json::to_value(risk).unwrap_or_default();
            let risk = risk.as_str().unwrap_or_default();
            write!(words, " (or accept the risk: --accept {risk})").ok();
        }
    }
    RouterError::Refused(words)
}

/// Runs what has to wait for a router, in a command that does nothing else meanwhile.
pub(crate) fn wait_for<T, E: From<RouterError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RouterError::Runtime)?;
    runtime.block_on(work)
}
