//! The server's side of TLS.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use rustls::ServerConnection;

use super::{
    Engine, Settings, Trouble,
    clock::Clock,
    sessions::{Kept, Resumed, View},
    verifier::{ClientCertificate, Verifier},
};
use crate::eap::{Keepsake, Means, Type};

/// The server's side of one TLS connection; what both sides can do is in [`Engine`].
pub struct Server {
    engine: Engine,
    settings: Arc<Settings>,
    kind: Type,
    verifier: Option<Arc<Verifier>>,
    view: Option<Arc<View>>,
}

impl Server {
    /// A connection for a method of this type. Sessions of one type are never resumed by another.
    /// `unix_s` is the time in seconds since 1970.
    pub fn new(
        settings: &Arc<Settings>,
        kind: Type,
        certificate: ClientCertificate,
        unix_s: u64,
    ) -> Result<Self, Trouble> {
        let clock = Arc::new(Clock::at(unix_s));
        let verifier = settings.verifier(certificate, &clock)?;
        let view = settings.view(kind, verifier.clone(), &clock);
        let config = settings.config(verifier.clone(), view.clone(), &clock)?;
        let connection = ServerConnection::new(Arc::new(config)).map_err(Trouble::internal)?;
        Ok(Self {
            engine: Engine::new(connection, clock),
            settings: Arc::clone(settings),
            kind,
            verifier,
            view,
        })
    }

    /// Binds its sessions to who the device says it is before TLS: only who says the same can
    /// resume what this connection leaves, and this connection can resume only what was left by
    /// one that was bound to the same. To be called before the first [`Server::receive`]; else it
    /// is as if the device had said nothing.
    pub fn bind_to(&self, identity: &[u8]) {
        if let Some(view) = &self.view {
            view.bind_to(identity);
        }
    }

    /// Takes records. After trouble there may be an alert in [`Engine::take_output`], and nothing
    /// is taken any more. `unix_s` is the time in seconds since 1970.
    pub fn receive(&mut self, octets: &[u8], unix_s: u64) -> Result<(), Trouble> {
        self.engine.take_in(octets, unix_s).map_err(|fault| {
            let found = self.verifier.as_ref().and_then(|verifier| verifier.found());
            found.unwrap_or_else(|| Trouble::of(fault, self.engine.hello(), &self.settings))
        })
    }

    /// Whose session was resumed; `None` where it is a new one or the handshake is not done.
    pub fn resumed(&self) -> Option<Arc<Resumed>> {
        if !self.engine.is_resumed() {
            return None;
        }
        self.view.as_ref()?.resumed()
    }

    /// What makes this session resumable, for [`Success::with_keepsake`]; `None` where nothing is
    /// resumed under these settings, or the device cannot.
    ///
    /// [`Success::with_keepsake`]: crate::eap::Success::with_keepsake
    pub fn keepsake(&self, identity: &[u8], means: Means) -> Option<Box<dyn Keepsake>> {
        let view = self
            .view
            .as_ref()
            .filter(|_| self.engine.is_established())?;
        // Resuming proves nothing anew: the time that counts is that of the first proof.
        let proven_s = self
            .resumed()
            .map_or_else(|| self.engine.unix_s(), |resumed| resumed.proven_s);
        let chain = self.engine.peer_chain().into();
        Some(Box::new(Kept::new(view, identity, means, chain, proven_s)))
    }

    /// Takes the resumed session out of the store, so that it is never resumed again.
    pub fn forget_resumed(&self) {
        if let Some(view) = &self.view {
            view.forget_resumed();
        }
    }

    /// Which type of method it is for.
    pub const fn kind(&self) -> Type {
        self.kind
    }
}

impl Deref for Server {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.engine).finish()
    }
}
