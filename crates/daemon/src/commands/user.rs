use clap::Subcommand;
use portreeve_aaa::{
    attribute::Owner,
    definition::{StoredCredential, User},
    port::{Definition, Put, Store, UserFilter},
};
use portreeve_auth::{Credential, Method};
use serde::Serialize;

use super::{
    edit::{self, Lines, MembershipArgument},
    password::{Set, Source},
    rows,
};
use crate::{
    cli::{Context, Listing},
    failure::{Failure, Misuse},
    output::Output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Add a user
    Add(Add),
    /// List users
    List(List),
    /// Show a user, and which log-in methods what is stored can serve
    Show(Show),
    /// Change a user; what is not mentioned stays as it is
    Set(Change),
    /// Remove a user
    Remove(Name),
    /// Let a disabled user in again
    Enable(Name),
    /// Refuse a user without removing them
    Disable(Name),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// What the subscriber types as user name
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// What the subscriber types as user name
    name: String,
    #[command(flatten)]
    password: Source,
    #[command(flatten)]
    details: Details,
}

#[derive(Debug, clap::Args)]
struct Details {
    /// Put the user into a group; the lower priority comes first. May be repeated
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
    /// The user
    name: String,
    #[command(flatten)]
    password: Source,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    removals: edit::Removals,
    /// Take the user out of a group. May be repeated
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
    /// The user
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
        Action::Enable(arguments) => enable(&arguments.name, true, context),
        Action::Disable(arguments) => enable(&arguments.name, false, context),
    }
}

fn add(arguments: Add, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut user = User::new(&arguments.name);
    let owner = Owner::User(arguments.name.clone());
    edit::known_attributes(&context.data, &owner, &arguments.details.lines)?;
    let password = arguments.password.require()?;
    user.credential = Some(password.stored());
    let details = arguments.details;
    user.groups = edit::join(Vec::new(), details.groups);
    user.check = details.lines.check;
    user.reply = details.lines.attributes;
    user.comment = details.comment.unwrap_or_default();
    user.validate()?;
    let mut store = edit::store_for_change(context)?;
    edit::groups_exist(&mut store, &user.groups)?;
    store.put_user(&user, Put::Create)?;
    let name = &arguments.name;
    context.output.note(format!("user '{name}' added"))?;
    announce(&password, context)
}

/// Prints a password that was generated: the only time anybody sees it.
fn announce(password: &Set, context: &mut Context<'_>) -> Result<(), Failure> {
    if let Some(generated) = password.generated() {
        context
            .output
            .line(format!("password: {}", generated.as_str()))?;
    }
    Ok(())
}

fn set(arguments: Change, context: &mut Context<'_>) -> Result<(), Failure> {
    let Change {
        name,
        password,
        details,
        removals,
        remove_groups,
    } = arguments;
    let owner = Owner::User(name.clone());
    edit::known_attributes(&context.data, &owner, &details.lines)?;
    let password = password.resolve()?;
    let nothing = password.is_none()
        && details.groups.is_empty()
        && details.lines.is_empty()
        && details.comment.is_none()
        && removals.is_empty()
        && remove_groups.is_empty();
    if nothing {
        return Err(Misuse::NothingToChange.into());
    }
    let mut store = context.data.open()?;
    let mut user = find(&mut store, &name)?;
    if let Some(password) = &password {
        user.credential = Some(password.stored());
    }
    user.groups
        .retain(|member| !remove_groups.contains(&member.group));
    user.groups = edit::join(user.groups, details.groups);
    edit::apply(&mut user.check, details.lines.check, &removals.checks);
    edit::apply(
        &mut user.reply,
        details.lines.attributes,
        &removals.attributes,
    );
    if let Some(comment) = details.comment {
        user.comment = comment;
    }
    user.validate()?;
    edit::groups_exist(&mut store, &user.groups)?;
    store.put_user(&user, Put::Replace)?;
    context.output.note(format!("user '{name}' changed"))?;
    password.map_or(Ok(()), |password| announce(&password, context))
}

fn enable(name: &str, enabled: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let mut user = find(&mut store, name)?;
    user.enabled = enabled;
    store.put_user(&user, Put::Replace)?;
    let word = if enabled { "enabled" } else { "disabled" };
    Ok(context.output.note(format!("user '{name}' {word}"))?)
}

fn remove(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    find(&mut store, name)?;
    store.remove_user(name)?;
    Ok(context.output.note(format!("user '{name}' removed"))?)
}

pub(super) fn find(store: &mut impl Store, name: &str) -> Result<User, Failure> {
    let found = store.user(name);
    edit::or_suggest(found, Definition::User, name, || {
        // Looking through millions of names for a slip of the fingers is not worth the wait.
        let filter = UserFilter {
            limit: 100_000,
            ..UserFilter::default()
        };
        let users = store.users(&filter).unwrap_or_default();
        users.into_iter().map(|user| user.name).collect()
    })
}

fn list(arguments: &List, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let filter = UserFilter {
        group: arguments.group.clone(),
        ..UserFilter::default()
    };
    let users = store.users(&filter)?;
    if arguments.listing.json {
        let users: Vec<Described<'_>> = users.iter().map(Described::of).collect();
        return Ok(context.output.json(&users)?);
    }
    let rows = users.iter().map(|user| {
        vec![
            user.name.clone(),
            if user.enabled { "yes" } else { "no" }.to_owned(),
            Stored::of(user.credential.as_ref()).as_str().to_owned(),
            rows::groups(&user.groups),
            user.reply.join(", "),
            user.comment.clone(),
        ]
    });
    let heading = [
        "name",
        "enabled",
        "stored as",
        "groups",
        "attributes",
        "comment",
    ];
    let nothing = "no users yet; add one: portreeve user add NAME --generate";
    Ok(context.output.table(&heading, rows.collect(), nothing)?)
}

fn show(arguments: &Show, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut store = context.data.open()?;
    let user = find(&mut store, &arguments.name)?;
    if arguments.listing.json {
        return Ok(context.output.json(&Described::of(&user))?);
    }
    print(&user, &mut context.output)
}

fn print(user: &User, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut pairs = vec![
        ("name", user.name.clone()),
        (
            "enabled",
            if user.enabled { "yes" } else { "no" }.to_owned(),
        ),
        ("password", Stored::of(user.credential.as_ref()).sentence()),
    ];
    if !user.groups.is_empty() {
        pairs.push(("groups", rows::groups(&user.groups)));
    }
    if !user.check.is_empty() {
        pairs.push(("check", user.check.join("\n")));
    }
    if !user.reply.is_empty() {
        pairs.push(("reply", user.reply.join("\n")));
    }
    if !user.comment.is_empty() {
        pairs.push(("comment", user.comment.clone()));
    }
    Ok(output.pairs(&pairs)?)
}

/// What is stored to check a user.
enum Stored {
    Nothing,
    Unreadable,
    Readable(Credential),
}

impl Stored {
    fn of(stored: Option<&StoredCredential>) -> Self {
        match stored {
            None => Self::Nothing,
            Some(text) => Credential::parse(text.expose()).map_or(Self::Unreadable, Self::Readable),
        }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Nothing => "-",
            Self::Unreadable => "unreadable",
            Self::Readable(credential) => credential.scheme().words(),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Nothing => "none: every request is refused; \
                 set one with `portreeve user set NAME --password-stdin`"
                .to_owned(),
            Self::Unreadable => "cannot be read: every request is refused; \
                 set it again with `portreeve user set NAME --password-stdin`"
                .to_owned(),
            Self::Readable(credential) => credential.explain_serves().to_string(),
        }
    }

    fn methods(&self) -> Vec<&'static str> {
        match self {
            Self::Nothing | Self::Unreadable => Vec::new(),
            Self::Readable(credential) => {
                let methods = credential.scheme().methods().iter();
                methods.map(|method: &Method| method.label()).collect()
            }
        }
    }
}

/// A user as JSON.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    user: &'a User,
    stored_as: Option<&'static str>,
    serves: Vec<&'static str>,
}

impl<'a> Described<'a> {
    fn of(user: &'a User) -> Self {
        let stored = Stored::of(user.credential.as_ref());
        Self {
            user,
            stored_as: match &stored {
                Stored::Nothing => None,
                Stored::Unreadable => Some("unreadable"),
                Stored::Readable(credential) => Some(credential.scheme().label()),
            },
            serves: stored.methods(),
        }
    }
}
