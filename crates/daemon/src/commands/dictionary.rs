use clap::Args;
use portreeve_proto::{
    DataType, Dictionary, Hiding,
    dictionary::{Attribute, type_name},
};
use serde::Serialize;

use crate::{
    attributes,
    cli::{Context, Listing},
    failure::{Failure, Unknown},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A name, a part of one, or a number such as 27 or 26.14988.8
    #[arg(value_name = "NAME|NUMBER")]
    what: String,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let dictionary = attributes::dictionary_of(&context.data)?;
    let what = arguments.what.trim();
    if let Some(found) = exactly(&dictionary, what) {
        let entry = Described::of(&dictionary, &found);
        if arguments.listing.json {
            return Ok(context.output.json(&[entry])?);
        }
        return print(&entry, context);
    }
    let mut found: Vec<Described<'_>> = dictionary
        .search(what)
        .filter(|_| !what.is_empty())
        .map(|attribute| Described::of(&dictionary, &attribute))
        .collect();
    if found.is_empty() {
        let nearest = dictionary.suggest(what);
        return Err(Unknown::Attribute {
            name: what.to_owned(),
            nearest,
        }
        .into());
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if arguments.listing.json {
        return Ok(context.output.json(&found)?);
    }
    let rows = found.into_iter().map(|entry| {
        let flags = entry.flags.join(", ");
        vec![entry.name, entry.number, entry.r#type.to_owned(), flags]
    });
    let heading = ["name", "number", "type", "flags"];
    Ok(context
        .output
        .table(&heading, rows.collect(), "nothing found")?)
}

/// The attribute of that name or number; a number must belong to one that has a name.
fn exactly<'a>(dictionary: &'a Dictionary, what: &str) -> Option<Attribute<'a>> {
    match what.parse() {
        Ok(oid) => dictionary.by_oid(&oid),
        Err(_) => dictionary.attribute(what),
    }
}

#[derive(Serialize)]
struct Described<'a> {
    name: String,
    number: String,
    #[serde(rename = "type")]
    r#type: &'static str,
    flags: Vec<&'static str>,
    vendor: Option<&'a str>,
    values: Vec<Value<'a>>,
}

#[derive(Serialize)]
struct Value<'a> {
    name: &'a str,
    number: u64,
}

impl<'a> Described<'a> {
    fn of(dictionary: &'a Dictionary, attribute: &Attribute<'_>) -> Self {
        let spec = &attribute.spec;
        let vendor = spec
            .oid
            .vendor()
            .and_then(|number| dictionary.vendor(number));
        let values = dictionary.values(&spec.oid);
        Self {
            name: attribute.name.clone().into_owned(),
            number: spec.oid.to_string(),
            r#type: type_name(spec.data_type),
            flags: flags(attribute),
            vendor: vendor.map(|vendor| vendor.name),
            values: values
                .map(|(number, name)| Value { name, number })
                .collect(),
        }
    }
}

fn flags(attribute: &Attribute<'_>) -> Vec<&'static str> {
    let spec = &attribute.spec;
    let mut flags = Vec::new();
    if spec.tagged {
        flags.push("tagged");
    }
    match spec.hiding {
        Hiding::None => {}
        Hiding::UserPassword => flags.push("hidden as User-Password"),
        Hiding::Salted => flags.push("hidden with a salt"),
        Hiding::Ascend => flags.push("hidden as Ascend does"),
    }
    if spec.concat {
        flags.push("may span several");
    }
    if attribute.array {
        flags.push("may hold several");
    }
    if attribute.secret {
        flags.push("secret");
    }
    flags
}

fn print(entry: &Described<'_>, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut pairs = vec![
        ("name", entry.name.clone()),
        ("number", entry.number.clone()),
        ("type", entry.r#type.to_owned()),
    ];
    if let Some(vendor) = entry.vendor {
        pairs.push(("vendor", vendor.to_owned()));
    }
    if !entry.flags.is_empty() {
        pairs.push(("flags", entry.flags.join(", ")));
    }
    if !entry.values.is_empty() {
        let values = entry.values.iter();
        let lines: Vec<String> = values
            .map(|v| format!("{} = {}", v.number, v.name))
            .collect();
        pairs.push(("values", lines.join("\n")));
    }
    pairs.push(("write", example(entry)));
    Ok(context.output.pairs(&pairs)?)
}

/// How one writes the attribute for a user.
fn example(entry: &Described<'_>) -> String {
    let tag = if entry.flags.contains(&"tagged") {
        ":1"
    } else {
        ""
    };
    let value = match entry.values.first() {
        Some(value) => value.name,
        None => example_value(entry.r#type),
    };
    format!("--attr '{}{tag}={value}'", entry.name)
}

fn example_value(name: &str) -> &'static str {
    let known = [
        (DataType::Ipv4, "192.0.2.1"),
        (DataType::Ipv6, "2001:db8::1"),
        (DataType::Ipv6Prefix, "2001:db8::/64"),
        (DataType::Ipv4Prefix, "192.0.2.0/24"),
        (DataType::Octets, "0x0102"),
        (DataType::Text, "..."),
    ];
    let found = known.iter().find(|(kind, _)| type_name(*kind) == name);
    found.map_or("1", |(_, value)| value)
}
