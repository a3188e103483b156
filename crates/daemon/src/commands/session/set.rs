//! `portreeve session set`: by CoA-Request (RFC 5176), in the attributes of the NAS's dialect.

use std::time::Duration;

use clap::Args;
use portreeve_aaa::{
    attribute::{Owner, describe},
    dialect::{Change, Rate},
    refusal::argument,
};
use portreeve_proto::{AttributeList, Dictionary};
use portreeve_routeros::time;
use serde::Serialize;

use super::{
    asking::{Meant, NotDone, Which},
    kick,
};
use crate::{
    attributes,
    cli::{Context, Listing},
    data::DataDir,
    failure::{Failure, Misuse},
};

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    wishes: Wishes,
    /// Where it cannot be changed, end it, so that it comes back with what its user and groups have
    #[arg(long)]
    else_kick: bool,
    #[command(flatten)]
    listing: Listing,
}

#[derive(Debug, Args)]
struct Wishes {
    /// How fast: DOWN/UP in bits a second, or one number for both, such as 20M/5M; 0 is no limit
    #[arg(long, value_name = "DOWN/UP")]
    rate: Option<Rate>,
    /// How long it may last in all, since it began, such as 2h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    session_timeout: Option<u32>,
    /// How long it may keep silent, such as 10m
    #[arg(long, value_name = "SPAN", value_parser = span)]
    idle_timeout: Option<u32>,
    /// How many octets it may still receive, such as 500M; what it had until its last report is
    /// added where the NAS counts from the beginning
    #[arg(long, value_name = "OCTETS", value_parser = volume)]
    download_left: Option<u64>,
    /// How many octets it may still send
    #[arg(long, value_name = "OCTETS", value_parser = volume)]
    upload_left: Option<u64>,
    /// An attribute as groups have it: 'Name=Value'. May be repeated
    #[arg(long = "attr", value_name = "NAME=VALUE")]
    attributes: Vec<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The NAS said yes to a CoA-Request.
    Changed,
    /// It could not be changed, and was ended.
    Kicked,
    /// The NAS knows no such session any more.
    Gone,
    /// It is as it was, as far as is known.
    Not,
    /// Nothing was asked: this was a dry run.
    Would,
}

#[derive(Serialize)]
struct Outcome {
    session: String,
    user: Option<String>,
    nas: String,
    how: How,
    /// What the NAS was asked to change.
    change: Vec<String>,
    detail: String,
}

/// A span of time such as `2h`, in seconds.
fn span(text: &str) -> Result<u32, String> {
    let whole = time::parse(text).filter(|span| *span >= Duration::from_secs(1));
    let seconds = whole.and_then(|span| u32::try_from(span.as_secs()).ok());
    seconds.ok_or_else(|| "a span of time such as 90s, 30m or 2h, at least a second".to_owned())
}

/// A number of octets such as `500M`: thousands of thousands, as volumes are sold.
fn volume(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u64); 4] = [
        ('k', 1_000),
        ('M', 1_000_000),
        ('G', 1_000_000_000),
        ('T', 1_000_000_000_000),
    ];
    let found = UNITS
        .iter()
        .find_map(|(unit, worth)| Some((text.strip_suffix(*unit)?, *worth)));
    let (digits, worth) = found.unwrap_or((text, 1));
    let number = if digits.bytes().all(|digit| digit.is_ascii_digit()) {
        digits.parse::<u64>().ok()
    } else {
        None
    };
    let octets = number.and_then(|number| number.checked_mul(worth));
    octets.ok_or_else(|| "a number of octets such as 750k, 500M or 2G".to_owned())
}

impl Wishes {
    fn change(&self, dictionary: &Dictionary) -> Result<Change, Failure> {
        let owner = Owner::Setting("--attr");
        let change = Change {
            rate: self.rate,
            session_timeout_s: self.session_timeout,
            idle_timeout_s: self.idle_timeout,
            download_left: self.download_left,
            upload_left: self.upload_left,
            attributes: attributes::given(dictionary, &owner, &self.attributes)?,
        };
        if change.is_empty() {
            return Err(Misuse::NothingToChange.into());
        }
        Ok(change)
    }
}

pub(super) fn run(arguments: &Set, context: &mut Context<'_>) -> Result<(), Failure> {
    let dictionary = attributes::dictionary_of(&context.data)?;
    let change = arguments.wishes.change(&dictionary)?;
    let mut outcomes = Vec::new();
    for meant in arguments.which.find(context)? {
        let list = meant.dialect().change(&meant.session, &change);
        for doubt in list.iter().flat_map(|list| meant.dialect().doubts(list)) {
            context.output.warn(doubt.to_string())?;
        }
        let said = list.as_ref().map(|list| describe(&dictionary, list));
        let said = said.unwrap_or_default().into_iter();
        let said: Vec<String> = said.map(|it| it.to_string()).collect();
        let list = list.map_err(|error| error.to_string());
        let (how, detail) = set(&meant, list, &said, arguments, &context.data);
        let outcome = Outcome {
            session: meant.session.session_id,
            user: meant.session.user,
            nas: meant.session.nas,
            how,
            change: said,
            detail,
        };
        if !arguments.listing.json {
            let user = outcome.user.as_deref().unwrap_or("-");
            let words = format!("{user} at {}: {}", outcome.nas, outcome.detail);
            context.output.line(crate::output::printable(&words))?;
        }
        outcomes.push(outcome);
    }
    if arguments.listing.json {
        context.output.json(&outcomes)?;
    }
    let is_left = |how| matches!(how, How::Not | How::Gone);
    if outcomes.iter().any(|outcome| is_left(outcome.how)) {
        return Err(Failure::Said);
    }
    Ok(())
}

/// Has one session changed, and says what became of it.
fn set(
    meant: &Meant,
    list: Result<AttributeList, String>,
    said: &[String],
    arguments: &Set,
    data: &DataDir,
) -> (How, String) {
    let trouble = match list {
        Err(trouble) => trouble,
        Ok(list) => {
            let ways = ways(meant, &list);
            let asked = if arguments.which.dry_run {
                let rehearsed = meant.rehearse(&ways);
                rehearsed.map(|(at, list)| (How::Would, format!("would be asked at {at}: {list}")))
            } else {
                let asked = meant.ask(&ways, NotDone::is_about_naming, |client, list| {
                    client.coa(list)
                });
                asked.map(|()| (How::Changed, format!("changed: {}", said.join(", "))))
            };
            match asked {
                Ok(done) => return done,
                Err(trouble) if trouble.is_gone() => {
                    let words = "the NAS knows no such session any more, or not by what is known";
                    return (How::Gone, words.to_owned());
                }
                Err(trouble) => told(&trouble),
            }
        }
    };
    if !arguments.else_kick {
        let id = argument(Some(&meant.session.session_id), "ID");
        let words = "end it instead, and it comes back with what its user and groups have";
        let detail = format!("not changed: {trouble}; {words}: portreeve session kick {id}");
        return (How::Not, detail);
    }
    if arguments.which.dry_run {
        return (How::Would, format!("{trouble}; it would be ended instead"));
    }
    match kick::kick(meant, data) {
        (kick::How::Not, detail) => (How::Not, format!("not changed: {trouble}; {detail}")),
        (kick::How::Gone, detail) => (How::Gone, detail),
        (_, detail) => (How::Kicked, format!("not changed: {trouble}; {detail}")),
    }
}

fn told(trouble: &NotDone) -> String {
    format!("CoA-Request {trouble}")
}

/// The change with each way to name the session.
fn ways(meant: &Meant, change: &AttributeList) -> Vec<AttributeList> {
    let mut ways = meant.dialect().naming(&meant.session);
    for way in &mut ways {
        way.extend(change);
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_whole_seconds() {
        for (text, seconds) in [("2h", 7200), ("90", 90), ("1d1s", 86_401)] {
            assert_eq!(span(text), Ok(seconds), "{text}");
        }
        for bad in ["", "0s", "500ms", "soon", "9999999999"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn volumes_have_units_of_a_thousand() {
        for (text, octets) in [("0", 0), ("500M", 500_000_000), ("2T", 2_000_000_000_000)] {
            assert_eq!(volume(text), Ok(octets), "{text}");
        }
        for bad in ["", "M", "-1", "5m", "1.5G", "99999999T"] {
            assert!(volume(bad).is_err(), "{bad}");
        }
    }
}
