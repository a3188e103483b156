//! The built-in certificate authority: it makes and revokes the certificates of this server and of
//! its RadSec peers.
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
mod error;
mod index;
mod loaded;
mod names;
mod place;
mod record;
mod sign;
mod work;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use self::{
    begin::create,
    loaded::{Loaded, stamp},
    place::{CA, Place},
    sign::Leaf,
    work::{Chore, peer_name},
};
pub(crate) use self::{
    details::{Details, Request, Revoked, blocks, pem},
    error::{AuthorityError, Refused},
    index::Index,
    loaded::Identity,
    names::{Names, Permit, dns_name},
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
}

/// What [`Authority::keep`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    Renewed(Record, Why),
    Listed,
}

/// Why a certificate of ours was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Missing,
    Aged,
    Names,
    Revoked,
    Asked,
}

impl Why {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "there was none",
            Self::Aged => "less than a third of its life was left",
            Self::Names => "this machine has a new name or address",
            Self::Revoked => "it was revoked",
            Self::Asked => "asked for",
        }
    }
}

/// A certificate that is to be issued to somebody else.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) name: String,
    pub(crate) names: Names,
    /// [`PEER_DAYS`] where nothing is said.
    pub(crate) days: Option<u64>,
    pub(crate) key: KeySource,
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
    /// The files of a certificate and its key.
    pub(crate) import: Option<(PathBuf, PathBuf)>,
    /// Whether to put aside what is there.
    pub(crate) force: bool,
}

impl Order {
    /// Refuses a name that no peer can have, before anything is done.
    pub(crate) fn checked(self) -> Result<Self, AuthorityError> {
        peer_name(&self.name)?;
        Ok(self)
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
    #[cfg_attr(not(test), expect(dead_code, reason = "for the TLS listeners"))]
    pub(crate) const fn revoked(&self) -> &Revoked {
        &self.loaded.revoked
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
    /// system about four files where there was not: cheap enough for several times a second. Where
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
        let chores = [Purpose::Server, Purpose::Client].map(|own| Chore::Own(own, Why::Asked));
        self.work_off(&chores, machine, now)
    }

    /// Adds names to what the server's certificate says from now on, and makes it anew.
    pub(crate) fn rename(
        &mut self,
        more: &Names,
        machine: &Names,
        now: u64,
    ) -> Result<Vec<Kept>, AuthorityError> {
        let _guard = self.place.lock()?;
        self.refresh()?;
        self.refuse_foreign(more)?;
        let mut wanted = self.loaded.server_names.clone();
        if wanted.names.dns.is_empty()
            && let Some(first) = more.dns.first()
        {
            wanted.common_name.clone_from(first);
        }
        wanted.names = wanted.names.with(more);
        if wanted.names.len() > MOST_EXTRA {
            return Err(Refused::TooManyNames(MOST_EXTRA).into());
        }
        self.set_server_names(wanted)?;
        let chores = [Chore::Own(Purpose::Server, Why::Asked)];
        let mut kept = self.work_off(&chores, machine, now)?;
        let others = self.chores(machine, now);
        kept.extend(self.work_off(&others, machine, now)?);
        Ok(kept)
    }

    /// Issues a certificate to a peer.
    pub(crate) fn issue(&mut self, order: &Order, now: u64) -> Result<Issued, AuthorityError> {
        let name = peer_name(&order.name)?;
        let _guard = self.place.lock()?;
        self.refresh()?;
        let signer = self.signer(now)?;
        let names = self.peer_names(name, &order.names)?;
        let most = (self.loaded.ca.not_after - now) / DAY;
        let days = match order.days {
            Some(days) if days == 0 || days > most => return Err(Refused::Days { most }.into()),
            Some(days) => days,
            None => PEER_DAYS.min(most.max(1)),
        };
        let leaf = Leaf {
            common_name: name,
            names: &names,
            purpose: Purpose::Peer,
            days,
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
        let record = self.record(&der, name, Purpose::Peer)?;
        Ok(Issued {
            record,
            chain_pem: self.chain_pem(&der),
            der,
            key_pem,
        })
    }

    /// Revokes a certificate: from then on it is in the list. One of ours is made anew at once.
    pub(crate) fn revoke(
        &mut self,
        serial: &str,
        reason: Reason,
        machine: &Names,
        now: u64,
    ) -> Result<Vec<Kept>, AuthorityError> {
        let _guard = self.place.lock()?;
        self.refresh()?;
        let index = self.issued()?;
        let record = index
            .records
            .into_iter()
            .find(|record| record.serial == serial);
        let mut record = record.ok_or_else(|| AuthorityError::Unknown(serial.to_owned()))?;
        if record.purpose == Purpose::Ca {
            return Err(Refused::RevokeCa.into());
        }
        if let Some(revoked) = record.revoked {
            return Err(AuthorityError::RevokedAlready {
                serial: serial.to_owned(),
                when: date(revoked.at),
            });
        }
        let revocation = Revocation { at: now, reason };
        let signer = self.signer(now)?;
        // The list before the record: it is what others read, and the record follows it.
        self.sign_list(&signer, Some((serial, revocation)), now)?;
        record.revoked = Some(revocation);
        index::write(&self.place, &record)?;
        self.refresh()?;
        let chores = self.chores(machine, now);
        self.work_off(&chores, machine, now)
    }
}

#[cfg(test)]
mod tests;
