mod files;

use std::path::PathBuf;

use clap::Args;
use portreeve::eap::Means;
use portreeve_aaa::{port::Store as _, snapshot::Snapshot};
use portreeve_auth::Scheme;
use std::sync::Arc;

use super::nas;
use crate::{
    attributes,
    authority::{self, Authority, AuthorityError},
    cli::Context,
    config::{self, Config},
    data::DataDir,
    failure::{Count, Failure},
    output::Output,
    portal,
    serving::eap,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file [default: that of the running server, else portreeve.toml in the data
    /// directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context<'_>) -> Result<(), Failure> {
    let config = Config::in_force(&context.data, arguments.config.as_deref())?;
    let dictionary = attributes::dictionary(&config)?;
    context.output.line("configuration   well formed")?;
    let mut problems = files::problems(&config.tls);
    problems.extend(eap_problem(&config, &context.data));
    problems.extend(portal::problem(&config.portal));
    for problem in &problems {
        context.output.note(format!("problem: {problem}"))?;
    }
    if !problems.is_empty() {
        return Err(Failure::Check(Count(problems.len())));
    }
    for worry in files::worries(&config.tls) {
        context.output.warn(worry)?;
    }
    let path = context.data.path().display().to_string();
    if !context.data.database().exists() {
        return Ok(context
            .output
            .line(format!("data directory  {path}: not made yet"))?);
    }
    for exposure in context.data.exposures() {
        context.output.warn(exposure)?;
    }
    let mut store = context.data.open_checked()?;
    let definitions = store.definitions()?;
    context
        .output
        .line(format!("data directory  {path}: whole"))?;
    let snapshot = Snapshot::new(&definitions, Arc::new(dictionary));
    let counts = [
        ("users", definitions.users.len()),
        ("devices", definitions.devices.len()),
        ("groups", definitions.groups.len()),
        ("nases", definitions.nases.len()),
    ];
    for (name, count) in counts {
        context.output.line(format!("{name:<15} {count}"))?;
    }
    for worry in definitions.nases.iter().flat_map(nas::worries) {
        context.output.warn(worry)?;
    }
    expiring(context)?;
    narrow_methods(&snapshot, &definitions, &config.eap, &mut context.output)?;
    let mut problems = snapshot.problems();
    problems.extend(config.mac.problem(&snapshot));
    for problem in &problems {
        context.output.note(format!("problem: {problem}"))?;
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::Check(Count(count))),
    }
}

/// Says which certificates expire soon, and what is wrong with them.
fn expiring(context: &mut Context<'_>) -> Result<(), Failure> {
    let authority = match Authority::open(&context.data) {
        Ok(authority) => authority,
        // The server makes one when it starts.
        Err(AuthorityError::Missing { .. }) => return Ok(()),
        Err(error) => return Ok(context.output.warn(Failure::from(error).words())?),
    };
    let index = match authority.issued() {
        Ok(index) => index,
        Err(error) => return Ok(context.output.warn(Failure::from(error).words())?),
    };
    let now = authority::now();
    let live = index.records.iter().filter(|record| record.is_live(now));
    let count = live.count();
    context
        .output
        .line(format!("{:<15} {count}", "certificates"))?;
    for warning in authority::expiring(&index.records, now) {
        context.output.warn(warning.words())?;
    }
    for problem in index.problems {
        context.output.warn(Failure::from(problem).words())?;
    }
    Ok(())
}

/// What keeps EAP from being offered as it is configured.
fn eap_problem(config: &Config, data: &DataDir) -> Option<String> {
    // Before the first start there is no CA, and that is no problem.
    let own = Authority::open(data).ok();
    let sessions = Arc::new(portreeve::eap::tls::Sessions::new(1, 60));
    match eap::offers(&config.eap, own.as_ref(), &sessions) {
        Ok(_) => None,
        Err(eap::EapError::Nothing) if own.is_none() => None,
        Err(error) => Some(crate::failure::chain(&error)),
    }
}

/// What of EAP somebody can and cannot use with what is stored of them.
fn eap_reach(scheme: Scheme, means: &[Means]) -> Option<String> {
    let serves = |means: &&Means| means.needs().is_none_or(|method| scheme.serves(method));
    let named = |means: Vec<&Means>| {
        let names: Vec<String> = means.into_iter().map(Means::to_string).collect();
        names.join(", ")
    };
    let (can, cannot): (Vec<&Means>, Vec<&Means>) = means.iter().partition(serves);
    if cannot.is_empty() {
        return None;
    }
    let instead = if can.is_empty() {
        "nothing is left".to_owned()
    } else {
        named(can)
    };
    Some(format!(
        "stored as {scheme}: no log-in by {} (but by {instead})",
        named(cannot)
    ))
}

/// Says how many users cannot use every method, by the reason, naming the first few.
fn narrow_methods(
    snapshot: &Snapshot,
    definitions: &portreeve_aaa::port::Definitions,
    eap: &config::Eap,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    const NAMED: usize = 5;
    let means = eap.means();
    let mut by_reason = std::collections::BTreeMap::<String, Vec<&str>>::new();
    for user in &definitions.users {
        let subscriber = snapshot.subscriber(&user.name);
        let reason = match subscriber.and_then(|subscriber| subscriber.credential()) {
            Some(Ok(credential)) => {
                if let Some(reason) = eap_reach(credential.scheme(), &means) {
                    by_reason.entry(reason).or_default().push(&user.name);
                }
                let explanation = credential.explain_serves();
                if explanation.lacks.is_empty() {
                    continue;
                }
                explanation.to_string()
            }
            // Said as a problem.
            Some(Err(_)) => continue,
            None => "without a password: refused always".to_owned(),
        };
        by_reason.entry(reason).or_default().push(&user.name);
    }
    for (reason, names) in by_reason {
        let named = names
            .iter()
            .take(NAMED)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        output.note(format!("note: {reason}: {named}{more}"))?;
    }
    Ok(())
}
