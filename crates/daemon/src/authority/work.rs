//! What is done under the lock: signing, and writing what was signed.

use zeroize::Zeroizing;

use super::{
    Authority, AuthorityError, CRL_EVERY, Kept, LISTED, MOST_KEPT, Refused, Why, date,
    details::{Details, Revoked, pem, unhex},
    extensions::TrustOverride,
    index,
    loaded::{Identity, ServerNames, file_of, private_key},
    names::{Names, dns_name},
    place::{CA_KEY, CRL, OPEN, SECRET, SERVER_NAMES},
    record::{Purpose, Record, Revocation},
    sign::{self, KeyType, Leaf, OCSP_DAYS, OWN_DAYS, Signer},
};

/// Something that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    Own(Purpose, Why),
    List,
}

impl Authority {
    pub(super) fn chores(&self, machine: &Names, now: u64) -> Vec<Chore> {
        let wanted = self.wanted(machine);
        let mut chores = Vec::new();
        for own in [Purpose::Server, Purpose::Client] {
            let why = self.why(own, &wanted, now);
            chores.extend(why.map(|why| Chore::Own(own, why)));
        }
        if self.answers {
            let why = self.why(Purpose::Ocsp, &Names::default(), now);
            chores.extend(why.map(|why| Chore::Own(Purpose::Ocsp, why)));
        }
        let listed = self.loaded.revoked.this_update;
        let fresh = (listed..listed + sign::BACKDATE + CRL_EVERY).contains(&now);
        if self.loaded.crl_pem.is_none() || !fresh {
            chores.push(Chore::List);
        }
        chores
    }

    fn why(&self, own: Purpose, wanted: &Names, now: u64) -> Option<Why> {
        let Some(Identity { details, .. }) = self.identity(own) else {
            return Some(Why::Missing);
        };
        let life = details.not_after.saturating_sub(details.not_before);
        let listed = unhex(&details.serial).is_some_and(|serial| self.is_listed(&serial));
        if listed {
            Some(Why::Revoked)
        } else if details.not_after.saturating_sub(now) < life / 3 || now < details.not_before {
            Some(Why::Aged)
        } else if !details.names.covers(wanted) {
            Some(Why::Names)
        } else if own == Purpose::Server && !self.loaded.server_names.fit(details) {
            Some(Why::Settings)
        } else {
            None
        }
    }

    /// The names of this machine, the one that devices are told, and those that were added, as far
    /// as the CA may sign them.
    fn wanted(&self, machine: &Names) -> Names {
        let settings = &self.loaded.server_names;
        let mut wanted = settings.names.clone().with(machine);
        wanted.dns.extend(self.name_to_be(machine));
        wanted.within(&self.loaded.ca.constraints)
    }

    /// The name that was chosen, or will be.
    fn name_to_be(&self, machine: &Names) -> Option<String> {
        let chosen = self.loaded.server_names.server_name().map(str::to_owned);
        chosen.or_else(|| machine.server_name(&self.loaded.ca.constraints))
    }

    pub(super) const fn identity(&self, own: Purpose) -> Option<&Identity> {
        match own {
            Purpose::Server => self.loaded.server.as_ref(),
            Purpose::Ocsp => self.loaded.ocsp.as_ref(),
            _ => self.loaded.client.as_ref(),
        }
    }

    pub(super) fn work_off(
        &mut self,
        chores: &[Chore],
        machine: &Names,
        now: u64,
    ) -> Result<Vec<Kept>, AuthorityError> {
        if chores.is_empty() {
            return Ok(Vec::new());
        }
        let signer = self.signer(now)?;
        let mut kept = Vec::new();
        for chore in chores {
            kept.push(match *chore {
                Chore::Own(own, why) => {
                    let record = self.renew_own(&signer, own, why, machine, now)?;
                    Kept::Renewed(Box::new(record), why)
                }
                Chore::List => {
                    self.sign_list(&signer, &[], now)?;
                    Kept::Listed
                }
            });
        }
        self.refresh()?;
        Ok(kept)
    }

    pub(super) fn signer(&self, now: u64) -> Result<Signer, AuthorityError> {
        let ca = &self.loaded.ca;
        if now >= ca.not_after {
            return Err(AuthorityError::Expired(date(ca.not_after)));
        }
        let text = self.place.read(CA_KEY)?;
        let (_, key) = private_key(&text).unwrap_or_default();
        let signer = Signer::new(&self.loaded.chain[0], ca, &key);
        signer.map_err(|mismatch| AuthorityError::Damaged {
            path: self.place.path(CA_KEY),
            what: mismatch.to_string(),
        })
    }

    pub(super) fn renew_own(
        &mut self,
        signer: &Signer,
        own: Purpose,
        why: Why,
        machine: &Names,
        now: u64,
    ) -> Result<Record, AuthorityError> {
        if own == Purpose::Ocsp {
            return self.renew_ocsp(signer, now);
        }
        let mut names = self.wanted(machine);
        if let (Why::Names, Some(old)) = (why, self.identity(own)) {
            let both = names.clone().with(&old.details.names);
            if both.len() <= MOST_KEPT {
                names = both;
            }
        }
        let mut settings = self.loaded.server_names.clone();
        if settings.server_name().is_none() {
            let chosen = machine.server_name(&self.loaded.ca.constraints);
            settings.common_name = chosen.unwrap_or_else(|| "Portreeve server".to_owned());
            if settings != self.loaded.server_names {
                self.set_server_names(settings.clone())?;
            }
        }
        let (key_type, trust_override) = match own {
            Purpose::Server => (settings.key_type, settings.trust_override),
            _ => (KeyType::P256, TrustOverride::Off),
        };
        let leaf = Leaf {
            common_name: &settings.common_name,
            device: None,
            names: &names,
            purpose: own,
            days: OWN_DAYS,
            trust_override,
            published: None,
        };
        self.make_own(signer, &leaf, key_type, now)
    }

    /// What signs OCSP answers, so that the key of the CA need not be where strangers ask.
    fn renew_ocsp(&self, signer: &Signer, now: u64) -> Result<Record, AuthorityError> {
        let leaf = Leaf {
            common_name: "Portreeve OCSP",
            device: None,
            names: &Names::default(),
            purpose: Purpose::Ocsp,
            days: OCSP_DAYS,
            trust_override: TrustOverride::Off,
            published: None,
        };
        self.make_own(signer, &leaf, signer.delegate_key(), now)
    }

    fn make_own(
        &self,
        signer: &Signer,
        leaf: &Leaf<'_>,
        kind: KeyType,
        now: u64,
    ) -> Result<Record, AuthorityError> {
        let own = leaf.purpose;
        let (der, key) = signer.make(leaf, kind, now)?;
        let record = self.record(&der, own.as_str(), own)?;
        let text = Zeroizing::new(format!("{}{}", self.chain_pem(&der), key.as_str()));
        self.place.write(file_of(own), text.as_bytes(), SECRET)?;
        Ok(record)
    }

    pub(super) fn set_server_names(&mut self, names: ServerNames) -> Result<(), AuthorityError> {
        let path = self.place.path(SERVER_NAMES);
        let text = serde_json::to_vec_pretty(&names).map_err(|error| AuthorityError::Damaged {
            path,
            what: error.to_string(),
        })?;
        self.place.write(SERVER_NAMES, &text, OPEN)?;
        self.loaded.server_names = names;
        Ok(())
    }

    pub(super) fn record(
        &self,
        der: &[u8],
        name: &str,
        purpose: Purpose,
    ) -> Result<Record, AuthorityError> {
        let details = Details::of(der).map_err(|what| AuthorityError::Damaged {
            path: self.place.root().to_path_buf(),
            what,
        })?;
        let record = Record::of(&details, name, purpose);
        index::add(&self.place, &record, &pem("CERTIFICATE", der))?;
        Ok(record)
    }

    /// Signs the list of what the old one, the records and `more` say is revoked.
    pub(super) fn sign_list(
        &self,
        signer: &Signer,
        more: &[(&str, Revocation)],
        now: u64,
    ) -> Result<(), AuthorityError> {
        let index = self.issued()?;
        for record in &index.records {
            if index.recovered.contains(&record.serial) {
                index::write(&self.place, record)?;
            }
        }
        let old = &self.loaded.revoked;
        let mut entries = old.entries.clone();
        for record in &index.records {
            if let Some(revocation) = record.revoked {
                entries.push((record.serial.clone(), revocation));
            }
        }
        let more = more.iter();
        entries.extend(more.map(|(serial, revocation)| ((*serial).to_owned(), *revocation)));
        let past = |serial: &str| {
            let record = index.records.iter().find(|record| record.serial == serial);
            record.is_some_and(|record| record.not_after.saturating_add(LISTED) < now)
        };
        entries.retain(|(serial, _)| !past(serial));
        entries.sort_by(|a, b| (&a.0, a.1.at).cmp(&(&b.0, b.1.at)));
        entries.dedup_by(|later, first| later.0 == first.0);
        let list = Revoked {
            // Greater than any before, even where the old list was lost.
            number: old.number.saturating_add(1).max(now),
            entries,
            ..Revoked::default()
        };
        let text = signer.revocation_list(&list, now)?;
        self.place.write(CRL, text.as_bytes(), OPEN)
    }

    /// A certificate and those between it and the root, which its reader has.
    pub(super) fn chain_pem(&self, der: &[u8]) -> String {
        let mut text = pem("CERTIFICATE", der);
        for above in &self.loaded.chain {
            let root = Details::of(above).is_ok_and(|details| details.is_self_issued);
            if !root {
                text.push_str(&pem("CERTIFICATE", above));
            }
        }
        text
    }

    pub(super) fn refuse_foreign(&self, names: &Names) -> Result<(), AuthorityError> {
        let allowed = names.clone().within(&self.loaded.ca.constraints);
        let mut foreign = names.words();
        foreign.retain(|word| !allowed.words().contains(word));
        if foreign.is_empty() {
            return Ok(());
        }
        Err(Refused::Constrained(foreign.join(", ")).into())
    }

    /// What is given, and the name itself where it can be a DNS name that the CA may sign.
    pub(super) fn peer_names(&self, name: &str, given: &Names) -> Result<Names, AuthorityError> {
        self.refuse_foreign(given)?;
        let constraints = &self.loaded.ca.constraints;
        let mut names = given.clone();
        let own = dns_name(name);
        names
            .dns
            .extend(own.clone().filter(|name| constraints.allow_dns(name)));
        // Where no alternative name is a DNS name, the constraints are held against this one.
        if names.dns.is_empty() && own.is_some() && constraints.limits_dns() {
            return Err(Refused::Constrained(name.to_owned()).into());
        }
        Ok(names)
    }
}

/// The name of a peer, which is also that of its files.
pub(super) fn peer_name(name: &str) -> Result<&str, Refused> {
    let good = |letter: char| letter.is_alphanumeric() || ".-_@ ".contains(letter);
    let reserved = ["ca", "server", "client", "ocsp"];
    let fits = name.chars().all(good)
        && name.starts_with(char::is_alphanumeric)
        && name.chars().count() <= 64
        && !reserved.contains(&name.to_lowercase().as_str());
    if fits {
        Ok(name)
    } else {
        Err(Refused::Name(name.to_owned()))
    }
}

/// What a certificate can call a user or a device: at most what a common name has room for
/// (RFC 5280, appendix A).
pub(super) fn is_room_for(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}
