//! How well each NAS is protected, and the next step to do better.

use std::{collections::HashMap, io};

use portreeve_aaa::{
    definition::{Nas, Require},
    posture::{Habit, Observed, judge},
};
use serde::Serialize;

use crate::{
    authority::{self, DAY},
    commands::rows,
    output::{Colour, Output},
    service::Seen,
    serving::{control::Report, welcome},
};

/// What is known of one NAS, in `status --json` under `nas`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Secured {
    name: String,
    transport: &'static str,
    tls: Option<String>,
    cipher: Option<String>,
    radius: Option<String>,
    message_authenticator: MessageAuthenticator,
    connections: u64,
    last_seen_ms: Option<u64>,
    certificate_days_left: Option<i64>,
    grade: &'static str,
    next: Option<String>,
}

/// What is demanded and what is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct MessageAuthenticator {
    /// Over TLS it is not needed.
    required: Option<&'static str>,
    seen: &'static str,
}

/// Judges every NAS by what is defined and what a server has seen.
pub(super) fn of(nases: &[Nas], report: &Report) -> Vec<Secured> {
    let unseen = Seen::default();
    let now = authority::now();
    let shared = shared_secrets(nases);
    let judged = nases.iter().map(|nas| {
        let seen = report.seen.get(&nas.name).unwrap_or(&unseen);
        let connection = seen.connection.as_ref();
        let until = connection.and_then(|connection| connection.certificate_until);
        let habit = Habit::of(seen.protected_first, seen.protected, seen.unprotected);
        let observed = Observed {
            is_tls13: connection.map(|connection| connection.is_tls13),
            is_radius11: connection.map(|connection| connection.is_radius11),
            habit,
            certificate_days: until.map(|until| days(now, until)),
        };
        let verdict = judge(nas, &observed, shared.get(nas.name.as_str()).copied());
        Secured {
            name: nas.name.clone(),
            transport: nas.transport().label(),
            tls: connection.and_then(|connection| connection.tls.clone()),
            cipher: connection.and_then(|connection| connection.cipher.clone()),
            radius: connection.map(|connection| connection.radius.clone()),
            message_authenticator: MessageAuthenticator {
                required: required(nas),
                seen: habit.as_str(),
            },
            connections: seen.open,
            last_seen_ms: seen.last_ms,
            certificate_days_left: observed.certificate_days,
            grade: verdict.grade.as_str(),
            next: verdict.next,
        }
    });
    judged.collect()
}

fn required(nas: &Nas) -> Option<&'static str> {
    nas.secret()?;
    Some(match nas.require_message_authenticator {
        Require::Auto if nas.latched => "yes, learnt",
        require => require.as_str(),
    })
}

/// Whole days from one moment to another, in seconds since 1970.
fn days(now: u64, until: u64) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds / DAY).unwrap_or(i64::MAX);
    if until >= now {
        whole(until - now)
    } else {
        -1 - whole(now - until)
    }
}

/// Whose secret another has too, with the name of the other. The NASes for this machine itself do
/// not count.
fn shared_secrets(nases: &[Nas]) -> HashMap<&str, &str> {
    let mut by_secret: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for nas in nases.iter().filter(|nas| !welcome::is_made(nas)) {
        if let Some(secret) = nas.secret() {
            by_secret
                .entry(secret.expose())
                .or_default()
                .push(&nas.name);
        }
    }
    let mut shared = HashMap::new();
    for names in by_secret.into_values() {
        for pair in names.windows(2) {
            shared.insert(pair[0], pair[1]);
            shared.insert(pair[1], pair[0]);
        }
    }
    shared
}

/// A table, and what to do next.
pub(super) fn print(
    secured: &[Secured],
    left_out: usize,
    output: &mut Output<'_>,
) -> io::Result<()> {
    if secured.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let rows = secured.iter().map(|nas| {
        let authenticator = &nas.message_authenticator;
        let authenticator = match authenticator.required {
            Some(required) => format!("{required}; {}", authenticator.seen),
            None => "not needed".to_owned(),
        };
        let seen = nas.last_seen_ms.map(rows::moment);
        let days = nas.certificate_days_left.map(|days| days.to_string());
        vec![
            nas.name.clone(),
            nas.grade.to_owned(),
            nas.transport.to_owned(),
            or_dash(&nas.tls),
            or_dash(&nas.radius),
            or_dash(&nas.cipher),
            authenticator,
            or_dash(&seen),
            or_dash(&days),
        ]
    });
    let heading = [
        "nas",
        "grade",
        "transport",
        "tls",
        "radius",
        "cipher",
        "message-authenticator",
        "last seen",
        "cert days",
    ];
    output.table(&heading, rows.collect(), "no NAS yet")?;
    let with_next = || {
        secured
            .iter()
            .filter_map(|nas| Some((&nas.name, nas.next.as_ref()?)))
    };
    if with_next().next().is_some() {
        let title = output
            .style()
            .paint(Colour::Bold, "What to do next:")
            .into_owned();
        output.line("")?;
        output.line(title)?;
    }
    for (name, next) in with_next() {
        output.line(crate::output::printable(&format!("  {name}: {next}")))?;
    }
    if left_out > 0 {
        output.note(format!(
            "what was seen of {left_out} more NASes is left out"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use portreeve_aaa::definition::SharedSecret;

    use super::*;

    fn nas(name: &str, prefix: &str, secret: &str) -> Nas {
        let secret = SharedSecret::new(secret).unwrap();
        Nas::new(name, prefix.parse().unwrap(), secret)
    }

    #[test]
    fn a_secret_that_two_have_is_found() {
        let nases = [
            nas("a", "192.0.2.1/32", "one"),
            nas("b", "192.0.2.2/32", "two"),
            nas("c", "192.0.2.3/32", "one"),
        ];
        let shared = shared_secrets(&nases);
        assert_eq!(shared.get("a"), Some(&"c"));
        assert_eq!(shared.get("c"), Some(&"a"));
        assert_eq!(shared.get("b"), None);
    }

    #[test]
    fn days_that_are_over_are_negative() {
        assert_eq!(days(DAY, 3 * DAY + 7), 2);
        assert_eq!(days(DAY, DAY), 0);
        assert_eq!(days(DAY + 1, DAY), -1);
        assert_eq!(days(3 * DAY, DAY), -3);
    }
}
