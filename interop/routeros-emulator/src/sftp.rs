//! The `ssh` service: SFTP for those with the policies `ssh` and `ftp`, and single commands.

mod session;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use russh::{
    Channel, ChannelId,
    keys::{Algorithm, PrivateKey},
    server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session as Connected},
};

use crate::{Attempt, Machine, Session, login::Active, script::Run, serve::Connection};

/// One key of a kind for all routers of this process: making one takes time, and nobody compares.
static KEY: OnceLock<Option<PrivateKey>> = OnceLock::new();
static OLD_KEY: OnceLock<Option<PrivateKey>> = OnceLock::new();

/// RouterOS 6 has an RSA key alone.
fn key(machine: &Machine) -> Option<PrivateKey> {
    let (place, algorithm) = if machine.release().is_six() {
        (&OLD_KEY, Algorithm::Rsa { hash: None })
    } else {
        (&KEY, Algorithm::Ed25519)
    };
    let made = || PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).ok();
    place.get_or_init(made).clone()
}

/// Serves one connection.
pub(crate) async fn serve(machine: Arc<Machine>, connection: Connection) {
    let making = Arc::clone(&machine);
    let Ok(Some(key)) = tokio::task::spawn_blocking(move || key(&making)).await else {
        return;
    };
    let config = Config {
        auth_rejection_time: std::time::Duration::from_millis(200),
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        keys: vec![key],
        ..Config::default()
    };
    let client = Client {
        machine,
        from: connection.peer.ip(),
        session: None,
        active: None,
        channels: HashMap::new(),
    };
    match russh::server::run_stream(Arc::new(config), connection.stream, client).await {
        Ok(running) => {
            if let Err(error) = running.await {
                tracing::debug!(%error, "an SSH connection ended");
            }
        }
        Err(error) => tracing::debug!(%error, "an SSH connection did not begin"),
    }
}

/// Who is at the other end.
struct Client {
    machine: Arc<Machine>,
    from: std::net::IpAddr,
    session: Option<Session>,
    active: Option<Active>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let attempt = Attempt {
            user: user.to_owned(),
            password: password.to_owned(),
            from: Some(self.from),
            via: "ssh".into(),
        };
        match self.machine.log_in(attempt).await {
            Ok(session) => {
                self.active = Some(self.machine.enter(&session));
                self.session = Some(session);
                Ok(Auth::Accept)
            }
            Err(_) => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Connected,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        connected: &mut Connected,
    ) -> Result<(), Self::Error> {
        let may = self
            .session
            .as_ref()
            .is_some_and(|session| session.may("ftp"));
        let channel = self.channels.remove(&id).filter(|_| name == "sftp" && may);
        let Some(channel) = channel else {
            return connected.channel_failure(id);
        };
        connected.channel_success(id)?;
        let files = session::Files::new(&self.machine);
        russh_sftp::server::run(channel.into_stream(), files).await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        data: &[u8],
        connected: &mut Connected,
    ) -> Result<(), Self::Error> {
        let (Some(session), Some(channel)) = (self.session.clone(), self.channels.remove(&id))
        else {
            return connected.channel_failure(id);
        };
        connected.channel_success(id)?;
        let text = String::from_utf8_lossy(data).into_owned();
        let machine = Arc::clone(&self.machine);
        tokio::spawn(async move {
            let mut run = Run::new(&machine, &session);
            let failed = run.script(&text).await.err();
            let mut output = run.output;
            if let Some(fault) = &failed {
                output.push_str(&fault.message);
                output.push_str("\r\n");
            }
            // The other side may have gone; nobody is left to tell.
            drop(channel.data(output.as_bytes()).await);
            drop(channel.exit_status(u32::from(failed.is_some())).await);
            drop(channel.eof().await);
            drop(channel.close().await);
        });
        Ok(())
    }
}
