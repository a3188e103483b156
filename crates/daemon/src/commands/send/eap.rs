//! Log-ins by EAP: the access point and the device in one.

mod advice;
mod arguments;
mod error;
mod kind;
#[cfg(test)]
mod tests;
mod trust;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portreeve::{
    Client, Error,
    auth::mschap::NtHash,
    eap::{
        Keys, LogIn, Password, Type, gtc, log_in, md5, mschapv2,
        peap::PeapPeer,
        peer::{Supplicant, Usable},
        pwd,
        teap::{Credential, TeapPeer, Who},
        tls::{EapTlsPeer, PeerIdentity, PeerSettings, Trust, Version},
        ttls::TtlsPeer,
    },
};
use portreeve_proto::{AttributeList, Code, attr};

pub(crate) use self::{
    advice::{Verdict, advice},
    arguments::EapArguments,
    error::EapError,
    kind::Kind,
};

/// The device that all log-ins are made for where --attr names no other: an address that nobody
/// has by birth.
const DEVICE: &str = "02-00-00-00-00-01";
/// What the access point carries at once where --fragment says nothing else.
const MTU: u32 = 1400;

/// How to log in, whoever does.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    tls: Option<Tls>,
    anonymous: Option<String>,
    attributes: AttributeList,
    /// Whether to log in once more, resuming.
    pub(crate) resumes: bool,
}

/// What the TLS of a device is made of.
struct Tls {
    trust: Trust,
    identity: Option<PeerIdentity>,
    versions: (Version, Version),
}

/// Somebody who is ready to log in, any number of times.
pub(crate) struct Ready {
    kind: Kind,
    outer: String,
    usable: Arc<dyn Usable>,
    attributes: AttributeList,
    resumes: bool,
}

/// What came of logging in.
pub(crate) struct Attempt {
    pub(crate) kind: Kind,
    /// The name that the access point has seen.
    pub(crate) outer: String,
    /// Of two, the one before, which went well.
    pub(crate) first: Option<Once>,
    pub(crate) last: Once,
}

/// One log-in.
pub(crate) struct Once {
    pub(crate) login: LogIn,
    pub(crate) elapsed: Duration,
}

impl Plan {
    /// TLS as the plan wants it; `None` where the method has none. What is cloned from it shares
    /// the sessions that can be resumed.
    pub(crate) fn settings(&self) -> Result<Option<PeerSettings>, EapError> {
        let Some(tls) = &self.tls else {
            return Ok(None);
        };
        let (min, max) = tls.versions;
        let mut builder = PeerSettings::builder(tls.trust.clone()).versions(min, max);
        if let Some(identity) = &tls.identity {
            builder = builder.presenting(identity.clone());
        }
        if self.resumes {
            builder = builder.resuming();
        }
        builder.build().map(Some).map_err(EapError::Tls)
    }

    /// Somebody with a name and a password.
    pub(crate) fn ready(
        &self,
        settings: Option<&PeerSettings>,
        name: &str,
        password: &str,
    ) -> Result<Ready, EapError> {
        Ok(Ready {
            kind: self.kind,
            outer: self.outer(name),
            usable: usable(self.kind, settings, name, password)?,
            attributes: self.attributes.clone(),
            resumes: self.resumes,
        })
    }

    /// The name that everybody on the way may see.
    fn outer(&self, name: &str) -> String {
        match &self.anonymous {
            Some(anonymous) => anonymous.clone(),
            None if !self.kind.is_tunnel() => name.to_owned(),
            None => match name.rsplit_once('@') {
                Some((_, realm)) => format!("@{realm}"),
                None => "anonymous".to_owned(),
            },
        }
    }
}

impl Ready {
    /// Logs in, and once more where that is to be resumed.
    pub(crate) async fn go(&self, client: &Client) -> Result<Attempt, Error> {
        let mut attempt = Attempt {
            kind: self.kind,
            outer: self.outer.clone(),
            first: None,
            last: self.once(client).await?,
        };
        if self.resumes && attempt.last.login.is_in() {
            let second = self.once(client).await?;
            attempt.first = Some(std::mem::replace(&mut attempt.last, second));
        }
        Ok(attempt)
    }

    /// Logs in.
    pub(crate) async fn once(&self, client: &Client) -> Result<Once, Error> {
        let began = Instant::now();
        let supplicant = Supplicant::new(self.outer.as_bytes(), vec![Arc::clone(&self.usable)]);
        Ok(Once {
            login: log_in(client, supplicant, &self.attributes).await?,
            elapsed: began.elapsed(),
        })
    }
}

impl Once {
    /// How it went.
    pub(crate) fn verdict(&self, kind: Kind) -> Verdict {
        let is_rejected = self.login.response.code() == Code::ACCESS_REJECT;
        let differ = self.login.keys == Keys::Differ;
        Verdict::of(kind, self.login.outcome.as_ref().err(), is_rejected, differ)
    }

    /// The TLS version and the cipher suite.
    pub(crate) fn tls(&self, kind: Kind) -> Option<(&str, &str)> {
        let outcome = self.login.outcome.as_ref().ok()?;
        match &*outcome.remarks {
            [version, cipher, ..] if kind.has_tls() => Some((version, cipher)),
            _ => None,
        }
    }

    /// Whether it resumed the one before; `None` where it did not go well.
    pub(crate) fn is_resumed(&self) -> Option<bool> {
        let outcome = self.login.outcome.as_ref().ok()?;
        Some(outcome.is_resumed)
    }
}

fn usable(
    kind: Kind,
    settings: Option<&PeerSettings>,
    name: &str,
    password: &str,
) -> Result<Arc<dyn Usable>, EapError> {
    let tls = || settings.cloned().ok_or(EapError::NoTls(kind));
    let secret = || Password::new(password);
    let mschapv2 = |outer: Option<Type>| -> Result<Arc<dyn Usable>, EapError> {
        let peer = mschapv2::Peer::new(NtHash::of(password).map_err(EapError::Password)?);
        Ok(Arc::new(match outer {
            Some(outer) => peer.inside(outer),
            None => peer,
        }))
    };
    Ok(match kind {
        Kind::Tls => Arc::new(EapTlsPeer::new(tls()?)),
        Kind::Peap => Arc::new(PeapPeer::new(
            tls()?,
            name,
            vec![mschapv2(Some(Type::PEAP))?],
        )),
        Kind::PeapGtc => {
            let inner: Arc<dyn Usable> = Arc::new(gtc::Peer::new(secret()));
            Arc::new(PeapPeer::new(tls()?, name, vec![inner]))
        }
        Kind::Ttls(plain) => {
            let peer = TtlsPeer::plain(tls()?, plain, name, password);
            Arc::new(peer.map_err(EapError::Password)?)
        }
        Kind::TtlsEap => Arc::new(TtlsPeer::eap(
            tls()?,
            name,
            vec![mschapv2(Some(Type::TTLS))?],
        )),
        Kind::Teap => {
            let credential = Credential::Eap {
                name: name.as_bytes().to_vec(),
                methods: vec![mschapv2(Some(Type::TEAP))?],
            };
            Arc::new(TeapPeer::new(tls()?).with(Who::User, credential))
        }
        Kind::Md5 => Arc::new(md5::Peer::new(secret())),
        Kind::Gtc => Arc::new(gtc::Peer::new(secret())),
        Kind::Mschapv2 => mschapv2(None)?,
        Kind::Pwd => Arc::new(pwd::Peer::new(secret())),
    })
}

/// What an access point says, besides or instead of which `extra` is said.
fn attributes(kind: Kind, fragment: Option<u32>, extra: &AttributeList) -> AttributeList {
    let mut list = AttributeList::new();
    if !extra.contains(&attr::NAS_PORT_TYPE.spec().oid) {
        list.add(attr::NAS_PORT_TYPE, kind.port_type());
    }
    if !extra.contains(&attr::CALLING_STATION_ID.spec().oid) {
        list.add(attr::CALLING_STATION_ID, DEVICE);
    }
    if !extra.contains(&attr::FRAMED_MTU.spec().oid) {
        list.add(attr::FRAMED_MTU, fragment.unwrap_or(MTU));
    }
    list.extend(extra);
    list
}
