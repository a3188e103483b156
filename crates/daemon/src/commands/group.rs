use clap::Subcommand;
use portreeve_aaa::{
    attribute::Owner,
    definition::Group,
    port::{Definition, Put, Store, UserFilter},
    station::Mac,
};
use serde::Serialize;

use super::edit::{self, Lines, Removals};
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Misuse},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Add a group
    Add(Add),
    /// List groups
    List(List),
    /// Show a group, its members and its devices
    Show(Show),
    /// Change a group; what is not mentioned stays as it is
    Set(Change),
    /// Remove a group that nobody and no device is in
    Remove(Name),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// The group
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// What you call it
    name: String,
    #[command(flatten)]
    details: Details,
}

#[derive(Debug, clap::Args)]
struct Details {
    /// The lower number comes first where a user's memberships say nothing else [default: 100]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    #[command(flatten)]
    lines: Lines,
    /// A note for people
    #[arg(long)]
    comment: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// The group
    name: String,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    removals: Removals,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The group
    name: String,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::Add(arguments) => add(arguments, context),
        Action::List(arguments) => list(&arguments, context),
        Action::Show(arguments) => show(&arguments, context),
        Action::Set(arguments) => set(arguments, context),
        Action::Remove(arguments) => remove(&arguments.name, context),
    }
}

fn add(arguments: Add, context: &mut Context<'_>) -> Result<(), Failure> {
    let details = arguments.details;
    let owner = Owner::Group(arguments.name.clone());
    edit::known_attributes(&context.data, &owner, &details.lines)?;
    let mut group = Group::new(&arguments.name);
    group.priority = details.priority.unwrap_or(group.priority);
    group.check = details.lines.check;
    group.reply = details.lines.attributes;
    group.comment = details.comment.unwrap_or_default();
    group.validate()?;
    let mut store = edit::store_for_change(context)?;
    store.put_group(&group, Put::Create)?;
    Ok(context
        .output
        .note(format!("group '{}' added", group.name))?)
}

fn set(arguments: Change, context: &mut Context<'_>) -> Result<(), Failure> {
    let Change {
        name,
        details,
        removals,
    } = arguments;
    let owner = Owner::Group(name.clone());
    edit::known_attributes(&context.data, &owner, &details.lines)?;
    let nothing = details.priority.is_none()
        && details.lines.is_empty()
        && details.comment.is_none()
        && removals.is_empty();
    if nothing {
        return Err(Misuse::NothingToChange.into());
    }
    let mut store = context.data.open()?;
    let mut group = find(&mut store, &name)?;
    group.priority = details.priority.unwrap_or(group.priority);
    edit::apply(&mut group.check, details.lines.check, &removals.checks);
    edit::apply(
        &mut group.reply,
        details.lines.attributes,
        &removals.attributes,
    );
    if let Some(comment) = details.comment {
        group.comment = comment;
    }
    group.validate()?;
    store.put_group(&group, Put::Replace)?;
    Ok(context.output.note(format!("group '{name}' changed"))?)
}

fn remove(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    find(&mut store, name)?;
    store.remove_group(name)?;
    Ok(context.output.note(format!("group '{name}' removed"))?)
}

fn find(store: &mut impl Store, name: &str) -> Result<Group, Failure> {
    let found = store.group(name);
    edit::or_suggest(found, Definition::Group, name, || edit::group_names(store))
}

fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let groups = context.data.open()?.groups()?;
    if arguments.listing.json {
        return Ok(context.output.json(&groups)?);
    }
    let rows = groups.into_iter().map(|group| {
        vec![
            group.name,
            group.priority.to_string(),
            group.check.join(", "),
            group.reply.join(", "),
            group.comment,
        ]
    });
    let heading = ["name", "priority", "check", "attributes", "comment"];
    let nothing = "no groups yet; add one: portreeve group add NAME --attr 'Name=Value'";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

/// A group as JSON.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    group: &'a Group,
    members: &'a [String],
    devices: &'a [Mac],
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let group = find(&mut store, &arguments.name)?;
    let filter = UserFilter {
        group: Some(group.name.clone()),
        ..UserFilter::default()
    };
    let members = store.users(&filter)?.into_iter();
    let members: Vec<String> = members.map(|user| user.name).collect();
    let devices = store.devices(Some(&group.name))?.into_iter();
    let devices: Vec<Mac> = devices.map(|device| device.mac).collect();
    if arguments.listing.json {
        let described = Described {
            group: &group,
            members: &members,
            devices: &devices,
        };
        return Ok(context.output.json(&described)?);
    }
    let mut pairs = vec![
        ("name", group.name),
        ("priority", group.priority.to_string()),
    ];
    if !group.check.is_empty() {
        pairs.push(("check", group.check.join("\n")));
    }
    if !group.reply.is_empty() {
        pairs.push(("reply", group.reply.join("\n")));
    }
    if !group.comment.is_empty() {
        pairs.push(("comment", group.comment));
    }
    let members = if members.is_empty() {
        "none".to_owned()
    } else {
        members.join(", ")
    };
    pairs.push(("members", members));
    if !devices.is_empty() {
        let devices: Vec<String> = devices.iter().map(Mac::to_string).collect();
        pairs.push(("devices", devices.join(", ")));
    }
    Ok(context.output.pairs(&pairs)?)
}
