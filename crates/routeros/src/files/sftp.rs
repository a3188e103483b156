//! Files over SFTP, of any size and on any version.
//!
//! The router is known by the SHA-256 fingerprint of its SSH host key, as `ssh-keygen -l` shows
//! it. A router seen for the first time is asked for it with [`host_key_of`]; the password goes
//! only to one whose fingerprint is given.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use russh::{
    client::{self, Handle},
    keys::{HashAlg, PublicKeyOrCertificate},
};
use russh_sftp::client::SftpSession;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{Error, Login, text};

/// How long a transfer may take for each MiB, besides the time of the access.
const PER_MEBIBYTE: Duration = Duration::from_secs(20);

/// Where the `ssh` service of a router is, and as whom one logs in.
#[derive(Clone)]
pub struct Access {
    /// A host name or an address, without a port.
    pub host: String,
    /// The port of the service: 22.
    pub port: u16,
    /// The user, whose group needs the policies `ssh` and `ftp`.
    pub login: Login,
    /// The fingerprint of the host key: `SHA256:` and 43 characters of Base64.
    pub host_key: String,
    /// How long connecting, and each answer, may take.
    pub timeout: Duration,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.login.user)
            .field("host_key", &self.host_key)
            .finish_non_exhaustive()
    }
}

/// The fingerprint of the host key that answers there, to be compared with what
/// `/ip ssh export-host-key` says of it, and then given in [`Access`]. No password is sent.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::TimedOut`], [`Error::Ssh`].
pub async fn host_key_of(host: &str, port: u16, within: Duration) -> Result<String, Error> {
    let guard = Guard {
        pinned: None,
        seen: Arc::default(),
    };
    let seen = Arc::clone(&guard.seen);
    let place = place(host, port);
    match timeout(within, open(host, port, within, guard)).await {
        Err(_) => Err(slow("asking for the SSH host key", within)),
        Ok(Ok(_)) => Err(trouble(&place, "it agreed to a key nobody accepted")),
        Ok(Err(cause)) => take(&seen).ok_or_else(|| failed(&place, &cause)),
    }
}

/// Fetches a file of at most `most` octets.
pub(super) async fn fetch(access: &Access, name: &str, most: u64) -> Result<Vec<u8>, Error> {
    let place = place(&access.host, access.port);
    let sftp = session(access).await?;
    let read = async {
        let file = sftp
            .open(name)
            .await
            .map_err(|cause| refused(&place, name, &cause))?;
        let mut octets = Vec::new();
        let mut bounded = file.take(most + 1);
        bounded
            .read_to_end(&mut octets)
            .await
            .map_err(|cause| trouble(&place, &format!("{name}: {cause}")))?;
        Ok(octets)
    };
    let within = access.timeout + time_for(most);
    let octets = timeout(within, read)
        .await
        .map_err(|_| slow("fetching a file over SFTP", within))??;
    if u64::try_from(octets.len()).is_ok_and(|length| length > most) {
        return Err(trouble(
            &place,
            &format!("{name} has more than {most} octets"),
        ));
    }
    close(&sftp).await;
    Ok(octets)
}

/// Stores a file, replacing one of the same name.
pub(super) async fn store(access: &Access, name: &str, contents: &[u8]) -> Result<(), Error> {
    let place = place(&access.host, access.port);
    let sftp = session(access).await?;
    let write = async {
        let mut file = sftp
            .create(name)
            .await
            .map_err(|cause| refused(&place, name, &cause))?;
        let written = async {
            file.write_all(contents).await?;
            file.shutdown().await
        };
        written
            .await
            .map_err(|cause| trouble(&place, &format!("{name}: {cause}")))
    };
    let within = access.timeout + time_for(u64::try_from(contents.len()).unwrap_or(u64::MAX));
    timeout(within, write)
        .await
        .map_err(|_| slow("storing a file over SFTP", within))??;
    close(&sftp).await;
    Ok(())
}

fn time_for(octets: u64) -> Duration {
    let mebibytes = u32::try_from(octets >> 20)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    PER_MEBIBYTE.saturating_mul(mebibytes)
}

async fn close(sftp: &SftpSession) {
    if let Err(cause) = sftp.close().await {
        tracing::debug!(%cause, "an SFTP session did not close");
    }
}

async fn session(access: &Access) -> Result<SftpSession, Error> {
    let place = place(&access.host, access.port);
    let guard = Guard {
        pinned: Some(access.host_key.clone()),
        seen: Arc::default(),
    };
    let seen = Arc::clone(&guard.seen);
    let within = access.timeout;
    let connected = timeout(within, open(&access.host, access.port, within, guard));
    let mut handle = match connected.await {
        Err(_) => return Err(slow("connecting over SSH", within)),
        Ok(Ok(handle)) => handle,
        Ok(Err(cause)) => {
            return Err(match take(&seen) {
                Some(found) if found != access.host_key => Error::HostKey {
                    address: place,
                    found,
                },
                _ => failed(&place, &cause),
            });
        }
    };
    timeout(within, begin(&mut handle, access, &place))
        .await
        .map_err(|_| slow("logging in over SSH", within))?
}

async fn begin(
    handle: &mut Handle<Guard>,
    access: &Access,
    place: &str,
) -> Result<SftpSession, Error> {
    let Login { user, password } = &access.login;
    let logged_in = handle
        .authenticate_password(user, password.reveal())
        .await
        .map_err(|cause| failed(place, &cause))?;
    if !logged_in.success() {
        return Err(Error::LogIn {
            user: user.clone(),
            message: "over SSH; the group needs the policy ssh".to_owned(),
        });
    }
    let channel = handle
        .channel_open_session()
        .await
        .map_err(|cause| failed(place, &cause))?;
    channel
        .request_subsystem(true, "sftp")
        .await
        .map_err(|cause| failed(place, &cause))?;
    let stream = channel.into_stream();
    SftpSession::new(stream)
        .await
        .map_err(|cause| trouble(place, &format!("no SFTP (policy ftp needed): {cause}")))
}

async fn open(
    host: &str,
    port: u16,
    within: Duration,
    guard: Guard,
) -> Result<Handle<Guard>, russh::Error> {
    let config = client::Config {
        inactivity_timeout: Some(within),
        ..client::Config::default()
    };
    client::connect(Arc::new(config), (host, port), guard).await
}

/// Looks at the host key.
struct Guard {
    pinned: Option<String>,
    seen: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Ok(false);
        };
        let found = key.fingerprint(HashAlg::Sha256).to_string();
        let is_pinned = self.pinned.as_ref() == Some(&found);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(is_pinned)
    }
}

fn take(seen: &Mutex<Option<String>>) -> Option<String> {
    seen.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn place(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{}]:{port}", text::quotable(host))
    } else {
        format!("{}:{port}", text::quotable(host))
    }
}

fn slow(during: &str, after: Duration) -> Error {
    Error::TimedOut {
        during: during.to_owned(),
        after,
    }
}

fn trouble(place: &str, what: &str) -> Error {
    Error::Ssh {
        address: place.to_owned(),
        what: text::quotable(what),
    }
}

fn refused(place: &str, name: &str, cause: &russh_sftp::client::error::Error) -> Error {
    trouble(place, &format!("{name}: {cause}"))
}

fn failed(place: &str, cause: &russh::Error) -> Error {
    match cause {
        russh::Error::IO(cause) => Error::Unreachable {
            address: place.to_owned(),
            cause: std::io::Error::new(cause.kind(), cause.to_string()),
        },
        russh::Error::NoCommonAlgo { .. } => trouble(
            place,
            "no common key or cipher. Where the router has only an RSA host key: \
             /ip ssh set host-key-type=ed25519 (RouterOS 7.9 and later)",
        ),
        other => trouble(place, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn what_is_no_ssh_ends_with_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await
                    .unwrap();
            }
        });
        let within = Duration::from_secs(3);
        let error = host_key_of("127.0.0.1", port, within).await.unwrap_err();
        assert!(
            error.is_fatal() || matches!(error, Error::Ssh { .. }),
            "{error}"
        );
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let within = Duration::from_secs(3);
        let error = host_key_of("127.0.0.1", port, within).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
}
