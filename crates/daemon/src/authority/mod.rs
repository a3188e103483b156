//! The built-in certificate authority: it makes and revokes the certificates of this server, of its
//! RadSec peers, and of users who log in by certificate.
//!
//! It lives in `ca/` of the data directory. Whoever changes something holds a lock for as long as
//! that takes; whoever reads sees whole files, for each is replaced at once. The key of the CA is
//! read where something is signed and nowhere else.
//!
//! Our own certificates get a fresh key at every renewal: nobody pins it (they pin the CA and the
//! name, which stay), and a key that went astray with an old backup stops being of use. The server
//! shows one certificate to those who connect (serverAuth) and another where it connects itself
//! (clientAuth), so that neither can be used in place of the other.
//!
//! Name constraints are for whoever asks for them when the CA is made. By default there are none:
//! the addresses of a server change, and a CA that may not sign tomorrow's address has to be
//! replaced on every device that trusts it. Such a CA is trusted for RADIUS alone, where each peer
//! is told which CA to believe.

mod begin;
mod details;
mod eap;
mod error;
mod extensions;
mod index;
mod loaded;
mod names;
pub(crate) mod ocsp;
mod pkcs12;
mod place;
mod record;
mod sign;
pub(crate) mod status;
mod work;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use self::{
    begin::create,
    loaded::{Loaded, stamp},
    place::{CA, Place},
    sign::Leaf,
    work::{Chore, is_room_for, peer_name},
};
pub(crate) use self::{
    details::{Details, Request, blocks, hex, pem},
    eap::key_of,
    error::{AuthorityError, Refused},
    extensions::{Published, TrustOverride},
    index::Index,
    loaded::Identity,
    names::{Names, Permit, dns_name},
    pkcs12::{Pkcs12Error, Wrapping, pkcs12},
    place::{read_text, write_atomically},
    record::{DAY, Purpose, Reason, Record, Revocation, State, Warning, expiring},
    sign::KeyType,
};
use crate::data::{DataDir, Readiness};

/// How often the revocation list is signed anew: it is good for a week.
const CRL_EVERY: u64 = DAY;
/// How long the certificate of a peer is good where nothing else is said: two years, for most have
/// nobody who renews it.
pub(crate) const PEER_DAYS: u64 = 730;
/// As [`PEER_DAYS`], for a user: a little more than a year.
pub(crate) const USER_DAYS: u64 = 398;
/// The most days for a user: what Apple's systems take of any certificate.
pub(crate) const MOST_USER_DAYS: u64 = 825;
/// The most names and addresses that an administrator may add to the server's certificate.
const MOST_EXTRA: usize = 32;
/// A certificate keeps the addresses this machine no longer has until it is renewed in its turn, up
/// to so many names, so that a link that comes and goes does not ask for one after the other.
const MOST_KEPT: usize = 96;
/// How long a revoked certificate stays in the list after it would have expired.
const LISTED: u64 = 30 * DAY;

/// The seconds since 1970, by the clock of this machine.
pub(crate) fn now() -> u64 {
    crate::service::now_ms() / 1_000
}

/// A day in UTC, as people write it to one another.
pub(crate) fn date(seconds: u64) -> String {
    written(seconds, "%Y-%m-%d")
}

fn written(seconds: u64, form: &str) -> String {
    let at = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| seconds.to_string(), |at| at.strftime(form).to_string())
}

/// The certificate authority of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    place: Place,
    loaded: Loaded,
    generation: u64,
    /// Whether it answers by OCSP, and keeps a certificate for that.
    answers: bool,
}

/// Whether a certificate that our CA signed is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Revoked(Revocation),
    /// The revocation list is damaged, so that nobody can be believed.
    NotKnown,
}

/// What [`Authority::keep`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Renewed(Box<Record>, Why),
    Listed,
}

/// Why a certificate of ours was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Missing,
    Aged,
    Names,
    Settings,
    Revoked,
    Asked,
}

impl Why {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "there was none",
            Self::Aged => "less than a third of its life was left",
            Self::Names => "this machine has a new name or address",
            Self::Settings => "its settings were changed",
            Self::Revoked => "it was revoked",
            Self::Asked => "asked for",
        }
    }
}

/// A certificate that is to be issued to somebody else.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) holder: Holder,
    /// What it speaks for besides the name.
    pub(crate) names: Names,
    /// [`PEER_DAYS`] or [`USER_DAYS`] where nothing is said.
    pub(crate) days: Option<u64>,
    pub(crate) key: KeySource,
    /// Where it says that its standing can be asked.
    pub(crate) published: Option<Published>,
}

/// Whom a certificate is issued to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A RadSec peer.
    Peer,
    /// A user, on a device that people know by this name.
    User { device: Option<String> },
}

/// Where the key of a certificate comes from.
#[derive(Debug)]
pub(crate) enum KeySource {
    Make(KeyType),
    Request(Request),
}

/// A certificate that has been issued. Its key is nowhere else.
pub(crate) struct Issued {
    pub(crate) record: Record,
    pub(crate) der: Vec<u8>,
    pub(crate) chain_pem: String,
    pub(crate) key_pem: Option<Zeroizing<String>>,
}

/// How a CA is made.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) permits: Vec<Permit>,
    /// The key of a CA that is made here.
    pub(crate) key: KeyType,
    /// The files of a certificate and its key.
    pub(crate) import: Option<(PathBuf, PathBuf)>,
    /// Whether to put aside what is there.
    pub(crate) force: bool,
}

/// What the server's certificate shall be from now on; what is not said stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerSettings {
    /// Names and addresses it speaks for besides those of this machine.
    pub(crate) more: Names,
    /// The name that devices are told to look for.
    pub(crate) name: Option<String>,
    pub(crate) key_type: Option<KeyType>,
    pub(crate) trust_override: Option<TrustOverride>,
}

impl Order {
    /// For a user, with a key that is made here.
    pub(crate) fn user(name: &str, device: Option<&str>, key: KeyType) -> Self {
        Self {
            name: name.to_owned(),
            holder: Holder::User {
                device: device.map(str::to_owned),
            },
            names: Names::default(),
            days: None,
            key: KeySource::Make(key),
            published: None,
        }
    }

    /// Refuses a name that nobody can have, before anything is done.
    pub(crate) fn checked(self) -> Result<Self, AuthorityError> {
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Refused> {
        match &self.holder {
            Holder::Peer => peer_name(&self.name).map(|_| ()),
            Holder::User { .. } if !is_room_for(&self.name) => {
                Err(Refused::UserName(self.name.clone()))
            }
            Holder::User {
                device: Some(device),
            } if !is_room_for(device) => Err(Refused::Device(device.clone())),
            Holder::User { .. } => Ok(()),
        }
    }

    /// How many days it is good, under a CA that is good for `most`.
    fn life(&self, most: u64) -> Result<u64, Refused> {
        let user = matches!(self.holder, Holder::User { .. });
        let usual = if user { USER_DAYS } else { PEER_DAYS };
        match self.days {
            Some(days) if user && (days == 0 || days > MOST_USER_DAYS) => Err(Refused::UserDays {
                most: most.min(MOST_USER_DAYS),
            }),
            Some(days) if days == 0 || days > most => Err(Refused::Days { most }),
            Some(days) => Ok(days),
            None => Ok(usual.min(most.max(1))),
        }
    }
}

impl Authority {
    /// The authority that is there.
    pub(crate) fn open(data: &DataDir) -> Result<Self, AuthorityError> {
        Self::at(Place::of(data))
    }

    /// The authority, made where it is not there, with certificates for this machine that are good.
    pub(crate) fn ensure(
        data: &DataDir,
        machine: &Names,
        now: u64,
    ) -> Result<(Self, Readiness), AuthorityError> {
        let place = Place::of(data);
        let _guard = place.lock()?;
        let readiness = if place.exists() {
            Readiness::WasThere
        } else if place.root().exists() {
            // Not a first run: another CA in its place would be trusted by nobody.
            return Err(AuthorityError::Damaged {
                path: place.path(CA),
                what: "is missing; put it back from a backup, or begin anew with `portreeve cert \
                       init --force`"
                    .to_owned(),
            });
        } else {
            create(&place, &Beginning::default(), machine, now)?;
            Readiness::Made
        };
        let mut authority = Self::at(place)?;
        let chores = authority.chores(machine, now);
        authority.work_off(&chores, machine, now)?;
        Ok((authority, readiness))
    }

    /// Makes an authority as it was asked for.
    pub(crate) fn begin(
        data: &DataDir,
        beginning: &Beginning,
        machine: &Names,
        now: u64,
    ) -> Result<Self, AuthorityError> {
        let place = Place::of(data);
        let _guard = place.lock()?;
        if place.root().exists() && !beginning.force {
            return Err(AuthorityError::Exists {
                path: place.root().to_path_buf(),
            });
        }
        create(&place, beginning, machine, now)?;
        Self::at(place)
    }

    fn at(place: Place) -> Result<Self, AuthorityError> {
        let loaded = Loaded::read(&place)?;
        Ok(Self {
            place,
            loaded,
            generation: 1,
            answers: false,
        })
    }

    /// Where it keeps its files.
    pub(crate) fn path(&self) -> &Path {
        self.place.root()
    }

    /// What the certificate of the CA says.
    pub(crate) const fn ca(&self) -> &Details {
        &self.loaded.ca
    }

    /// The certificate that signs: the one to trust where a peer shows its own.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.loaded.ca_pem
    }

    /// As [`Self::ca_pem`], with those above it: what a peer needs to trust us.
    pub(crate) fn bundle_pem(&self) -> &str {
        &self.loaded.bundle_pem
    }

    /// Those of [`Self::bundle_pem`], in DER.
    pub(crate) fn bundle(&self) -> &[Vec<u8>] {
        &self.loaded.chain
    }

    /// The current revocation list. `None` where it is damaged: then nobody can be believed.
    pub(crate) fn crl_pem(&self) -> Option<&str> {
        self.loaded.crl_pem.as_deref()
    }

    /// What the revocation list says.
    #[cfg(test)]
    pub(crate) const fn list(&self) -> &details::Revoked {
        &self.loaded.revoked
    }

    /// From when to when the revocation list is good, in seconds since 1970.
    pub(crate) const fn listed(&self) -> (u64, u64) {
        let list = &self.loaded.revoked;
        (list.this_update, list.next_update)
    }

    /// The serials that are revoked, and when each was.
    pub(crate) fn revocations(&self) -> impl Iterator<Item = (&[u8], Revocation)> {
        let entries = self.loaded.by_serial.iter();
        entries.map(|(serial, revocation)| (&**serial, *revocation))
    }

    /// Whether the certificate with this serial, which our CA has to have signed, is still good.
    /// Nothing is read for that: whoever holds the authority of a running server knows of a
    /// revocation within a second.
    pub(crate) fn standing(&self, serial: &[u8]) -> Standing {
        if self.loaded.crl_pem.is_none() {
            return Standing::NotKnown;
        }
        self.revocation(serial)
            .map_or(Standing::Good, Standing::Revoked)
    }

    fn revocation(&self, serial: &[u8]) -> Option<Revocation> {
        let serial = details::strip(serial);
        self.loaded.by_serial.get(serial).copied()
    }

    fn is_listed(&self, serial: &[u8]) -> bool {
        self.revocation(serial).is_some()
    }

    /// From now on a certificate for answers by OCSP is kept as well.
    pub(crate) fn answering(mut self) -> Self {
        self.answers = true;
        self
    }

    /// What signs answers by OCSP. `None` unless it is [`Self::answering`], and until the next
    /// [`Self::keep`].
    pub(crate) const fn ocsp_identity(&self) -> Option<&Identity> {
        self.loaded.ocsp.as_ref()
    }

    /// The name that devices are told to look for in the server's certificate. `None` where there
    /// is none that the CA may sign; `portreeve cert issue --server --name NAME` gives it one.
    pub(crate) fn server_name(&self) -> Option<&str> {
        let name = self.loaded.server_names.server_name()?;
        let shown = self.loaded.server.as_ref()?;
        shown.details.names.dns.contains(name).then_some(name)
    }

    /// What the server shows to whoever connects. `None` only until the next [`Self::keep`].
    pub(crate) const fn server_identity(&self) -> Option<&Identity> {
        self.loaded.server.as_ref()
    }

    /// What the server shows where it connects to others. `None` only until the next
    /// [`Self::keep`].
    pub(crate) const fn client_identity(&self) -> Option<&Identity> {
        self.loaded.client.as_ref()
    }

    /// Which state of the CA, its list and our certificates this is; each is greater than the one
    /// before.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over what another process has changed, and says whether there was anything. Asks the
    /// system about five files where there was not: cheap enough for several times a second. Where
    /// it fails, all is as before.
    pub(crate) fn refresh(&mut self) -> Result<bool, AuthorityError> {
        if stamp(&self.place) == self.loaded.stamp {
            return Ok(false);
        }
        let loaded = Loaded::read(&self.place)?;
        self.loaded = loaded;
        self.generation += 1;
        Ok(true)
    }

    /// Everything that was issued.
    pub(crate) fn issued(&self) -> Result<Index, AuthorityError> {
        index::read(&self.place, &self.loaded.revoked)
    }

    /// The certificate of a record: DER, and what it says.
    pub(crate) fn certificate(&self, serial: &str) -> Result<(Vec<u8>, Details), AuthorityError> {
        let der = index::certificate(&self.place, serial)?;
        let details = Details::of(&der).map_err(|what| AuthorityError::Damaged {
            path: self.place.path(serial),
            what,
        })?;
        Ok((der, details))
    }

    /// What is to be told now: each certificate once for each threshold.
    pub(crate) fn due(&self, now: u64) -> Result<Vec<Warning>, AuthorityError> {
        let records = self.issued()?.records;
        let mut warnings = expiring(&records, now);
        warnings.retain(|warning| {
            let record = records
                .iter()
                .find(|record| record.serial == warning.serial);
            let said = record.and_then(|record| record.warned);
            said.is_none_or(|said| warning.threshold < said)
        });
        Ok(warnings)
    }

    /// Remembers that it was told.
    pub(crate) fn told(&mut self, warnings: &[Warning]) -> Result<(), AuthorityError> {
        if warnings.is_empty() {
            return Ok(());
        }
        let _guard = self.place.lock()?;
        for mut record in self.issued()?.records {
            let told = warnings.iter().find(|told| told.serial == record.serial);
            if let Some(told) = told {
                record.warned = Some(told.threshold);
                index::write(&self.place, &record)?;
            }
        }
        Ok(())
    }

    /// Renews what is to be renewed: our own certificates and the revocation list.
    pub(crate) fn keep(&mut self, machine: &Names, now: u64) -> Result<Vec<Kept>, AuthorityError> {
        self.refresh()?;
        if self.chores(machine, now).is_empty() {
            return Ok(Vec::new());
        }
        let _guard = self.place.lock()?;
        // Another process may have been quicker.
        self.refresh()?;
        let chores = self.chores(machine, now);
        self.work_off(&chores, machine, now)
    }

    /// Renews our own certificates now.
    pub(crate) fn renew(&mut self, machine: &Names, now: u64) -> Result<Vec<Kept>, AuthorityError> {
        let _guard = self.place.lock()?;
        self.refresh()?;
        let mut chores = [Purpose::Server, Purpose::Client]
            .map(|own| Chore::Own(own, Why::Asked))
            .to_vec();
        if self.loaded.ocsp.is_some() {
            chores.push(Chore::Own(Purpose::Ocsp, Why::Asked));
        }
        self.work_off(&chores, machine, now)
    }

    /// Changes what the server's certificate says from now on, and makes it anew. A name that
    /// devices were told stays in it when another takes its place.
    pub(crate) fn set_server(
        &mut self,
        settings: &ServerSettings,
        machine: &Names,
        now: u64,
    ) -> Result<Vec<Kept>, AuthorityError> {
        let _guard = self.place.lock()?;
        self.refresh()?;
        self.refuse_foreign(&settings.more)?;
        let mut wanted = self.loaded.server_names.clone();
        // The first name that somebody gives is better than the one that was made up.
        let first = settings.more.dns.first();
        let given = first.filter(|name| wanted.names.dns.is_empty() && name.contains('.'));
        if let Some(name) = settings.name.as_ref().or(given) {
            let named = Names {
                dns: [name.clone()].into(),
                ..Names::default()
            };
            self.refuse_foreign(&named)?;
            wanted.names = wanted.names.with(&named);
            wanted
                .names
                .dns
                .extend(wanted.server_name().map(str::to_owned));
            wanted.common_name.clone_from(name);
        }
        wanted.names = wanted.names.with(&settings.more);
        if wanted.names.len() > MOST_EXTRA {
            return Err(Refused::TooManyNames(MOST_EXTRA).into());
        }
        wanted.key_type = settings.key_type.unwrap_or(wanted.key_type);
        wanted.trust_override = settings.trust_override.unwrap_or(wanted.trust_override);
        self.set_server_names(wanted)?;
        let chores = [Chore::Own(Purpose::Server, Why::Asked)];
        let mut kept = self.work_off(&chores, machine, now)?;
        let others = self.chores(machine, now);
        kept.extend(self.work_off(&others, machine, now)?);
        Ok(kept)
    }

    /// Issues a certificate to somebody else.
    pub(crate) fn issue(&mut self, order: &Order, now: u64) -> Result<Issued, AuthorityError> {
        order.check()?;
        let name = order.name.as_str();
        let _guard = self.place.lock()?;
        self.refresh()?;
        let signer = self.signer(now)?;
        let (purpose, device) = match &order.holder {
            Holder::Peer => (Purpose::Peer, None),
            Holder::User { device } => (Purpose::User, device.as_deref()),
        };
        let names = if purpose == Purpose::User {
            self.refuse_foreign(&order.names)?;
            Names::of_user(name).with(&order.names)
        } else {
            self.peer_names(name, &order.names)?
        };
        let leaf = Leaf {
            common_name: name,
            device,
            names: &names,
            purpose,
            days: order.life((self.loaded.ca.not_after - now) / DAY)?,
            trust_override: TrustOverride::Off,
            published: order.published.as_ref(),
        };
        let (der, key_pem) = match &order.key {
            KeySource::Make(kind) => {
                let (der, key) = signer.make(&leaf, *kind, now)?;
                (der, Some(key))
            }
            KeySource::Request(request) => {
                (signer.sign_for(&leaf, &request.public_key, now)?, None)
            }
        };
        let record = self.record(&der, name, purpose)?;
        Ok(Issued {
            record,
            chain_pem: self.chain_pem(&der),
            der,
            key_pem,
        })
    }

    /// Revokes certificates, all or none: from then on they are in the list. Those of ours are made
    /// anew at once.
    pub(crate) fn revoke(
        &mut self,
        serials: &[&str],
        reason: Reason,
        machine: &Names,
        now: u64,
    ) -> Result<Vec<Kept>, AuthorityError> {
        let _guard = self.place.lock()?;
        self.refresh()?;
        let records = self.issued()?.records;
        let mut revoked = Vec::new();
        for serial in serials {
            let record = records.iter().find(|record| record.serial == *serial);
            let record = record.ok_or_else(|| AuthorityError::Unknown((*serial).to_owned()))?;
            if record.purpose == Purpose::Ca {
                return Err(Refused::RevokeCa.into());
            }
            if let Some(revoked) = record.revoked {
                return Err(AuthorityError::RevokedAlready {
                    serial: (*serial).to_owned(),
                    when: date(revoked.at),
                });
            }
            revoked.push(record.clone());
        }
        let revocation = Revocation { at: now, reason };
        let signer = self.signer(now)?;
        let entries: Vec<_> = serials.iter().map(|serial| (*serial, revocation)).collect();
        // The list before the records: it is what others read, and the records follow it.
        self.sign_list(&signer, &entries, now)?;
        for record in &mut revoked {
            record.revoked = Some(revocation);
            index::write(&self.place, record)?;
        }
        self.refresh()?;
        let chores = self.chores(machine, now);
        self.work_off(&chores, machine, now)
    }
}

#[cfg(test)]
mod tests;
