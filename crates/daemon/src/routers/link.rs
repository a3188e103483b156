//! Reaching a router with what is kept of it, and what is asked of it again and again.

use portreeve_routeros::{
    Capabilities, Login, Router, Secret,
    backup::{self, Secrets},
    capability::probe,
    files::Files,
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
}

impl Link {
    /// As the user that is kept for the router.
    pub(crate) async fn open(kept: &Kept) -> Result<Self, RouterError> {
        let login = Login::new(&kept.user, kept.password.reveal());
        Self::open_as(&kept.name, &kept.target, &login).await
    }

    /// As anybody.
    pub(crate) async fn open_as(
        name: &str,
        target: &portreeve_routeros::Target,
        login: &Login,
    ) -> Result<Self, RouterError> {
        let failed = |error| RouterError::of(name, error);
        let router = Router::connect(target, login).await.map_err(failed)?;
        let can = probe(&router).await.map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            router,
            can,
            user: login.user.clone(),
        })
    }

    /// What the router says, told with its name.
    pub(crate) fn said<T>(
        &self,
        said: Result<T, portreeve_routeros::Error>,
    ) -> Result<T, RouterError> {
        said.map_err(|error| RouterError::of(&self.name, error))
    }

    pub(crate) fn files(&self) -> Files<'_> {
        Files::new(&self.router, &self.can)
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
        files.extend(sensitive.as_ref().map(|text| (SENSITIVE, text.reveal().as_bytes())));
        files.extend(system.as_ref().map(|octets| (SYSTEM, octets.as_slice())));
        let manifest = Manifest {
            at_ms: now_ms,
            reason: want.reason.to_owned(),
            known,
            password: want.password.filter(|_| system.is_some()).cloned(),
            missing,
            files: Vec::new(),
        };
        folder.backups().keep(manifest, &files)
    }
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
