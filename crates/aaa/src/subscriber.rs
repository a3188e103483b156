//! A user, device or group with its attributes looked up, ready for decisions.

use portreeve_auth::{Credential, CredentialError};
use portreeve_proto::AttributeList;

use crate::{
    attribute::{Conditions, Fault, Lexicon, Owner, Problem, reply},
    definition::{Device, Group, Membership, User},
    station::Mac,
};

/// Who may ask to be let in.
#[derive(Debug, Clone)]
pub struct Subscriber {
    name: String,
    enabled: bool,
    credential: Option<Result<Credential, CredentialError>>,
    memberships: Box<[Membership]>,
    terms: Result<OwnTerms, Problem>,
}

/// A device that may ask to be let in by its address. There is nothing it could prove itself by.
#[derive(Debug, Clone)]
pub struct DeviceTerms {
    mac: Mac,
    label: String,
    enabled: bool,
    memberships: Box<[Membership]>,
    terms: Result<OwnTerms, Problem>,
}

/// What one user, device or group asks and gives.
#[derive(Debug, Clone, Default)]
pub struct OwnTerms {
    /// What must hold of the request.
    pub conditions: Conditions,
    /// Attributes that stand unless somebody of higher rank gives the same one.
    pub given: AttributeList,
    /// Attributes that stand beside whatever others give.
    pub added: AttributeList,
}

/// What its members share.
#[derive(Debug, Clone)]
pub struct GroupTerms {
    priority: i32,
    terms: Result<OwnTerms, Problem>,
}

impl Subscriber {
    /// Looks up what a user's definition names. What is broken is kept as such, to refuse the user
    /// by.
    pub fn new(user: &User, lexicon: &mut Lexicon<'_>) -> Self {
        let owner = Owner::User(user.name.clone());
        Self {
            name: user.name.clone(),
            enabled: user.enabled,
            credential: user
                .credential
                .as_ref()
                .map(|text| Credential::parse(text.expose())),
            memberships: user.groups.clone().into(),
            terms: OwnTerms::new(&owner, &user.check, &user.reply, lexicon),
        }
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they may come in at all.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What they are checked against, `None` where nothing is stored.
    pub const fn credential(&self) -> Option<&Result<Credential, CredentialError>> {
        self.credential.as_ref()
    }

    /// The groups they are in, in no order.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// What the user's own definition asks and gives.
    pub const fn terms(&self) -> &Result<OwnTerms, Problem> {
        &self.terms
    }

    /// What is wrong with the user's own definition.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.terms.as_ref().err().cloned().into_iter().collect();
        if let Some(Err(why)) = self.credential {
            problems.push(Problem {
                owner: Owner::User(self.name.clone()),
                line: None,
                fault: Fault::Credential(why),
            });
        }
        problems
    }
}

impl DeviceTerms {
    /// Looks up what a device's definition names. What is broken is kept as such, to refuse the
    /// device by.
    pub fn new(device: &Device, lexicon: &mut Lexicon<'_>) -> Self {
        let owner = Owner::Device(device.mac);
        Self {
            mac: device.mac,
            label: device.label.clone(),
            enabled: device.enabled,
            memberships: device.groups.clone().into(),
            terms: OwnTerms::new(&owner, &device.check, &device.reply, lexicon),
        }
    }

    /// Its address.
    pub const fn mac(&self) -> Mac {
        self.mac
    }

    /// What people call it; may be empty.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it may come in at all.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The groups it is in, in no order.
    pub fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    /// What the device's own definition asks and gives.
    pub const fn terms(&self) -> &Result<OwnTerms, Problem> {
        &self.terms
    }
}

impl GroupTerms {
    /// Looks up what a group's definition names.
    pub fn new(group: &Group, lexicon: &mut Lexicon<'_>) -> Self {
        let owner = Owner::Group(group.name.clone());
        Self {
            priority: group.priority,
            terms: OwnTerms::new(&owner, &group.check, &group.reply, lexicon),
        }
    }

    /// Among groups of equal membership, the lower number comes first.
    pub const fn priority(&self) -> i32 {
        self.priority
    }

    /// What the group asks and gives.
    pub const fn terms(&self) -> &Result<OwnTerms, Problem> {
        &self.terms
    }
}

impl OwnTerms {
    fn new(
        owner: &Owner,
        check: &[String],
        lines: &[String],
        lexicon: &mut Lexicon<'_>,
    ) -> Result<Self, Problem> {
        let conditions = Conditions::read(lexicon, owner, check)?;
        let (given, added) = reply(lexicon, owner, lines)?;
        Ok(Self {
            conditions,
            given,
            added,
        })
    }
}
