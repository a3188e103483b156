use clap::Subcommand;
use portreeve_aaa::{
    attribute::Owner,
    definition::Device,
    port::{Definition, Put, Store},
    station::Mac,
};
use serde::Serialize;

use super::{
    edit::{self, Lines, MembershipArgument},
    rows,
};
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Misuse},
    output::Output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Add a device, to be let in by its MAC address
    Add(Add),
    /// List devices
    List(List),
    /// Show a device
    Show(Show),
    /// Change a device; what is not mentioned stays as it is
    Set(Change),
    /// Remove a device
    Remove(Address),
    /// Let a disabled device in again
    Enable(Address),
    /// Refuse a device without removing it
    Disable(Address),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Address {
    /// The device's MAC address, in any usual spelling
    mac: Mac,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The device's MAC address, in any usual spelling
    mac: Mac,
    /// Take a private (random) address, although the device may change it any time
    #[arg(long)]
    random: bool,
    #[command(flatten)]
    details: Details,
}

#[derive(Debug, clap::Args)]
struct Details {
    /// What you call the device
    #[arg(long, value_name = "LABEL")]
    name: Option<String>,
    /// Put the device into a group; the lower priority comes first. May be repeated
    #[arg(long = "group", value_name = "GROUP[:PRIORITY]")]
    groups: Vec<MembershipArgument>,
    #[command(flatten)]
    lines: Lines,
    /// A note for people
    #[arg(long)]
    comment: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// The device's MAC address, in any usual spelling
    mac: Mac,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    removals: edit::Removals,
    /// Take the device out of a group. May be repeated
    #[arg(long = "remove-group", value_name = "GROUP")]
    remove_groups: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only the members of a group
    #[arg(long)]
    group: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The device's MAC address, in any usual spelling
    mac: Mac,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::Add(arguments) => add(arguments, context),
        Action::List(arguments) => list(&arguments, context),
        Action::Show(arguments) => show(&arguments, context),
        Action::Set(arguments) => set(arguments, context),
        Action::Remove(arguments) => remove(arguments.mac, context),
        Action::Enable(arguments) => enable(arguments.mac, true, context),
        Action::Disable(arguments) => enable(arguments.mac, false, context),
    }
}

fn add(arguments: Add, context: &mut Context<'_>) -> Result<(), Failure> {
    let Add {
        mac,
        random,
        details,
    } = arguments;
    let is_random = mac.is_locally_administered();
    if is_random && !random {
        return Err(Failure::RandomAddress(mac));
    }
    edit::known_attributes(&context.data, &Owner::Device(mac), &details.lines)?;
    let mut device = Device::new(mac);
    device.label = details.name.unwrap_or_default();
    device.groups = edit::join(Vec::new(), details.groups);
    device.check = details.lines.check;
    device.reply = details.lines.attributes;
    device.comment = details.comment.unwrap_or_default();
    device.validate()?;
    let mut store = edit::store_for_change(context)?;
    edit::groups_exist(&mut store, &device.groups)?;
    store.put_device(&device, Put::Create)?;
    context.output.note(format!("device '{mac}' added"))?;
    if is_random {
        context.output.warn(format!(
            "device '{mac}' has a private (random) address: once it takes another one, it is \
             unknown again"
        ))?;
    }
    Ok(())
}

fn set(arguments: Change, context: &mut Context<'_>) -> Result<(), Failure> {
    let Change {
        mac,
        details,
        removals,
        remove_groups,
    } = arguments;
    edit::known_attributes(&context.data, &Owner::Device(mac), &details.lines)?;
    let nothing = details.name.is_none()
        && details.groups.is_empty()
        && details.lines.is_empty()
        && details.comment.is_none()
        && removals.is_empty()
        && remove_groups.is_empty();
    if nothing {
        return Err(Misuse::NothingToChange.into());
    }
    let mut store = context.data.open()?;
    let mut device = find(&mut store, mac)?;
    if let Some(name) = details.name {
        device.label = name;
    }
    device
        .groups
        .retain(|member| !remove_groups.contains(&member.group));
    device.groups = edit::join(device.groups, details.groups);
    edit::apply(&mut device.check, details.lines.check, &removals.checks);
    edit::apply(
        &mut device.reply,
        details.lines.attributes,
        &removals.attributes,
    );
    if let Some(comment) = details.comment {
        device.comment = comment;
    }
    device.validate()?;
    edit::groups_exist(&mut store, &device.groups)?;
    store.put_device(&device, Put::Replace)?;
    Ok(context.output.note(format!("device '{mac}' changed"))?)
}

fn enable(mac: Mac, enabled: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let mut device = find(&mut store, mac)?;
    device.enabled = enabled;
    store.put_device(&device, Put::Replace)?;
    let word = if enabled { "enabled" } else { "disabled" };
    Ok(context.output.note(format!("device '{mac}' {word}"))?)
}

fn remove(mac: Mac, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    find(&mut store, mac)?;
    store.remove_device(mac)?;
    Ok(context.output.note(format!("device '{mac}' removed"))?)
}

fn find(store: &mut impl Store, mac: Mac) -> Result<Device, Failure> {
    let found = store.device(mac);
    edit::or_suggest(found, Definition::Device, &mac.to_string(), || {
        let devices = store.devices(None).unwrap_or_default();
        devices
            .into_iter()
            .map(|device| device.mac.to_string())
            .collect()
    })
}

fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let devices = context.data.open()?.devices(arguments.group.as_deref())?;
    if arguments.listing.json {
        let devices: Vec<Described<'_>> = devices.iter().map(Described::of).collect();
        return Ok(context.output.json(&devices)?);
    }
    let rows = devices.iter().map(|device| {
        vec![
            device.mac.to_string(),
            device.label.clone(),
            yes_no(device.enabled).to_owned(),
            rows::groups(&device.groups),
            device.reply.join(", "),
            device.comment.clone(),
        ]
    });
    let heading = [
        "address",
        "name",
        "enabled",
        "groups",
        "attributes",
        "comment",
    ];
    let nothing = "no devices yet; add one: portreeve device add MAC --name LABEL";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let device = find(&mut store, arguments.mac)?;
    if arguments.listing.json {
        return Ok(context.output.json(&Described::of(&device))?);
    }
    print(&device, &mut context.output)
}

fn print(device: &Device, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut address = device.mac.to_string();
    if device.mac.is_locally_administered() {
        address.push_str(", a private (random) one, which the device may change");
    }
    let mut pairs = vec![("address", address)];
    if !device.label.is_empty() {
        pairs.push(("name", device.label.clone()));
    }
    pairs.push(("enabled", yes_no(device.enabled).to_owned()));
    if !device.groups.is_empty() {
        pairs.push(("groups", rows::groups(&device.groups)));
    }
    if !device.check.is_empty() {
        pairs.push(("check", device.check.join("\n")));
    }
    if !device.reply.is_empty() {
        pairs.push(("reply", device.reply.join("\n")));
    }
    if !device.comment.is_empty() {
        pairs.push(("comment", device.comment.clone()));
    }
    Ok(output.pairs(&pairs)?)
}

const fn yes_no(enabled: bool) -> &'static str {
    if enabled { "yes" } else { "no" }
}

/// A device as JSON.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    device: &'a Device,
    random: bool,
}

impl<'a> Described<'a> {
    const fn of(device: &'a Device) -> Self {
        Self {
            device,
            random: device.mac.is_locally_administered(),
        }
    }
}
