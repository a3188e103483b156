//! Changing definitions: attribute lines, memberships, and finding what was meant.

use std::str::FromStr;

use clap::Args;
use portreeve_aaa::{
    attribute::Owner,
    definition::{DEFAULT_PRIORITY, Membership},
    port::{Definition, Store, StoreError},
};
use portreeve_store::Sqlite;

use crate::{
    attributes,
    cli::Context,
    data::{DataDir, Readiness},
    failure::Failure,
    suggest,
};

/// Attribute lines of a user or group.
#[derive(Debug, Args)]
pub(super) struct Lines {
    /// A reply attribute: 'Name=Value' takes the place of a group's, 'Name+=Value' comes besides
    /// it.
    /// May be repeated
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    pub(super) attributes: Vec<String>,
    /// A condition on the request: 'Name=Value' or 'Name!=Value'. May be repeated
    #[arg(long = "check", value_name = "NAME=VALUE")]
    pub(super) check: Vec<String>,
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.check.is_empty()
    }
}

/// Attribute lines to take away.
#[derive(Debug, Args)]
pub(super) struct Removals {
    /// Take away a reply attribute, by its name. May be repeated
    #[arg(long = "remove-attr", id = "remove-attr", value_name = "NAME")]
    pub(super) attributes: Vec<String>,
    /// Take away the conditions on an attribute, by its name. May be repeated
    #[arg(long = "remove-check", id = "remove-check", value_name = "NAME")]
    pub(super) checks: Vec<String>,
}

impl Removals {
    pub(super) fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.checks.is_empty()
    }
}

/// `GROUP` or `GROUP:PRIORITY`.
#[derive(Debug, Clone)]
pub(super) struct MembershipArgument(Membership);

/// What stands behind the colon of a group is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the priority behind the colon is not a whole number")]
pub(super) struct BadPriority;

impl FromStr for MembershipArgument {
    type Err = BadPriority;

    fn from_str(text: &str) -> Result<Self, BadPriority> {
        let (group, priority) = match text.rsplit_once(':') {
            Some((group, priority)) => (group, priority.parse().map_err(|_| BadPriority)?),
            None => (text, DEFAULT_PRIORITY),
        };
        Ok(Self(Membership {
            group: group.to_owned(),
            priority,
        }))
    }
}

/// The memberships with the new ones; the later one of the same group counts.
pub(super) fn join(mut groups: Vec<Membership>, more: Vec<MembershipArgument>) -> Vec<Membership> {
    for MembershipArgument(member) in more {
        groups.retain(|known| known.group != member.group);
        groups.push(member);
    }
    groups
}

/// Takes lines away by name, then adds lines: one with `=` or `!=` takes the place of those of its
/// name.
pub(super) fn apply(lines: &mut Vec<String>, more: Vec<String>, removed: &[String]) {
    for name in removed {
        lines.retain(|line| !attributes::is_about(line, name));
    }
    for line in &more {
        if !attributes::adds(line) {
            let name = attributes::name_of(line);
            lines.retain(|known| !attributes::name_of(known).eq_ignore_ascii_case(name));
        }
    }
    lines.extend(more);
}

/// Refuses lines that the dictionary cannot read.
pub(super) fn known_attributes(
    data: &DataDir,
    owner: &Owner,
    lines: &Lines,
) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let dictionary = attributes::dictionary_of(data)?;
    Ok(attributes::check(
        &dictionary,
        owner,
        &lines.attributes,
        &lines.check,
    )?)
}

/// Refuses memberships of groups that are not there.
pub(super) fn groups_exist(
    store: &mut impl Store,
    memberships: &[Membership],
) -> Result<(), Failure> {
    for member in memberships {
        let found = store.group(&member.group);
        or_suggest(found, Definition::Group, &member.group, || {
            group_names(store)
        })?;
    }
    Ok(())
}

pub(super) fn group_names(store: &mut impl Store) -> Vec<String> {
    let groups = store.groups().unwrap_or_default();
    groups.into_iter().map(|group| group.name).collect()
}

/// What was found, or what was probably meant.
pub(super) fn or_suggest<T>(
    found: Result<T, StoreError>,
    kind: Definition,
    name: &str,
    names: impl FnOnce() -> Vec<String>,
) -> Result<T, Failure> {
    match found {
        Ok(found) => Ok(found),
        Err(StoreError::NotFound { .. }) => {
            let names = names();
            let nearest = suggest::nearest(name, names.iter().map(String::as_str));
            Err(Failure::NotFound {
                kind,
                name: name.to_owned(),
                nearest: nearest.map(str::to_owned),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The store, made ready if need be, which is then said.
pub(super) fn store_for_change(context: &mut Context<'_>) -> Result<Sqlite, Failure> {
    let (store, readiness) = context.data.open_or_make()?;
    if readiness == Readiness::Made {
        let path = context.data.path().display();
        context.output.note(format!("data directory {path} made"))?;
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_may_have_a_priority() {
        let read = |text: &str| text.parse().map(|MembershipArgument(member)| member);
        assert_eq!(read("staff").unwrap(), Membership::new("staff"));
        let member = Membership {
            group: "staff".to_owned(),
            priority: -5,
        };
        assert_eq!(read("staff:-5").unwrap(), member);
        assert_eq!(read("staff:x").unwrap_err(), BadPriority);
    }

    #[test]
    fn the_later_membership_of_a_group_counts() {
        let more = ["a:1", "b", "a:2"].map(|text| text.parse().unwrap());
        let joined = join(vec![Membership::new("a")], more.into());
        let shown: Vec<_> = joined
            .iter()
            .map(|m| (m.group.as_str(), m.priority))
            .collect();
        assert_eq!(shown, [("b", DEFAULT_PRIORITY), ("a", 2)]);
    }

    #[test]
    fn a_line_takes_the_place_of_those_of_its_name_unless_it_adds() {
        let mut lines = vec!["Class=1".to_owned(), "Reply-Message=a".to_owned()];
        apply(
            &mut lines,
            vec!["reply-message=b".to_owned(), "Class+=2".to_owned()],
            &[],
        );
        assert_eq!(lines, ["Class=1", "reply-message=b", "Class+=2"]);
        apply(&mut lines, Vec::new(), &["class".to_owned()]);
        assert_eq!(lines, ["reply-message=b"]);
    }
}
