//! How well what a NAS says to us is protected: a plain grade, and the next step to a better one.

use std::fmt;

use crate::{
    definition::{Nas, Require, Strength, Transport},
    refusal::argument,
};

/// The days before a certificate's end from which on renewing it is the next step.
const SOON: i64 = 30;

/// How well a NAS is protected, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// As good as nothing: the shared secret can be guessed.
    F,
    /// Answers can be forged by whoever can alter packets (CVE-2024-3596).
    D,
    /// Not forgeable once the NAS has shown its habits, or a secret that is not only its own.
    C,
    /// All that RADIUS without TLS can give.
    B,
    /// TLS, both ends known.
    A,
    /// TLS 1.3, and no MD5 left.
    APlus,
}

impl Grade {
    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F => "F",
            Self::D => "D",
            Self::C => "C",
            Self::B => "B",
            Self::A => "A",
            Self::APlus => "A+",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a NAS sends Message-Authenticator with its log-ins, by what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Habit {
    /// No log-in was seen.
    #[default]
    Unseen,
    /// In none of them.
    Never,
    /// In some of them.
    Sometimes,
    /// In all of them.
    Always,
    /// In all of them, and as the first attribute.
    First,
}

impl Habit {
    /// From the number of log-ins with one in the first place, with one elsewhere, and without.
    pub const fn of(first: u64, elsewhere: u64, without: u64) -> Self {
        match (first, elsewhere, without) {
            (0, 0, 0) => Self::Unseen,
            (0, 0, _) => Self::Never,
            (_, _, 1..) => Self::Sometimes,
            (_, 0, 0) => Self::First,
            (_, _, 0) => Self::Always,
        }
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unseen => "not seen yet",
            Self::Never => "never",
            Self::Sometimes => "sometimes",
            Self::Always => "always",
            Self::First => "always, first",
        }
    }
}

/// What was seen of a NAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// Whether its last connection was TLS 1.3; `None` where there was none.
    pub is_tls13: Option<bool>,
    /// Whether it spoke RADIUS/1.1 there.
    pub is_radius11: Option<bool>,
    /// Whether it sends Message-Authenticator.
    pub habit: Habit,
    /// Days until its certificate ends, negative afterwards; `None` where it showed none.
    pub certificate_days: Option<i64>,
}

/// A grade, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How well it is protected.
    pub grade: Grade,
    /// The next step to a better grade, or to keep this one.
    pub next: Option<String>,
}

/// Judges a NAS by its definition, by what was seen of it, and by whether another NAS has the same
/// secret, which is then named.
pub fn judge(nas: &Nas, observed: &Observed, secret_of: Option<&str>) -> Verdict {
    let name = argument(Some(&nas.name), "NAME");
    let verdict = |grade, next: String| Verdict {
        grade,
        next: Some(next),
    };
    let Some(secret) = nas.secret() else {
        return judge_tls(nas, observed, name);
    };
    let generate = format!("portreeve nas set {name} --generate-secret, and the same on the NAS");
    let strength = secret.strength();
    if matches!(
        strength,
        Strength::Known | Strength::Short | Strength::Monotonous
    ) {
        return verdict(Grade::F, generate);
    }
    if !nas.requires_message_authenticator() {
        return judge_unprotected(nas, observed, name);
    }
    if let Some(other) = secret_of {
        let other = argument(Some(other), "another NAS");
        return verdict(
            Grade::C,
            format!("it shares its secret with {other}: {generate}"),
        );
    }
    if strength == Strength::Fair {
        return verdict(Grade::B, generate);
    }
    // What never leaves the machine has nothing to gain.
    let next = (!nas.prefix.addr().is_loopback())
        .then(|| format!("if it can do RadSec: portreeve nas set {name} --transport tls"));
    Verdict {
        grade: Grade::B,
        next,
    }
}

fn judge_unprotected(nas: &Nas, observed: &Observed, name: &str) -> Verdict {
    let require = |mode| format!("portreeve nas set {name} --require-message-authenticator {mode}");
    let update = "update the NAS, or have it send Message-Authenticator";
    let grade = match nas.require_message_authenticator {
        Require::Auto => Grade::C,
        Require::Yes | Require::No => Grade::D,
    };
    let next = match observed.habit {
        Habit::Always | Habit::First => require("yes"),
        Habit::Never | Habit::Sometimes => update.to_owned(),
        Habit::Unseen if grade == Grade::C => {
            format!("if it sends Message-Authenticator: {}", require("yes"))
        }
        Habit::Unseen => require("auto"),
    };
    Verdict {
        grade,
        next: Some(next),
    }
}

fn judge_tls(nas: &Nas, observed: &Observed, name: &str) -> Verdict {
    let recognition = nas.reach.recognition();
    let is_anybody = recognition.is_some_and(|recognition| {
        recognition.ca.is_none() && recognition.marks.iter().any(|mark| mark == "any")
    });
    let renew = observed
        .certificate_days
        .filter(|days| *days < SOON)
        .map(|days| {
            format!("{days} days left: portreeve cert issue --peer {name} --force --out .")
        });
    if is_anybody {
        let next = format!(
            "every certificate of the CA passes for it: portreeve nas set {name} --identity default"
        );
        return Verdict {
            grade: Grade::B,
            next: Some(next),
        };
    }
    let (grade, next) = match (observed.is_tls13, observed.is_radius11) {
        (Some(true), Some(true)) => (Grade::APlus, None),
        (Some(true), _) => (
            Grade::A,
            Some("turn on RADIUS/1.1 on the NAS, if it has it"),
        ),
        (Some(false), _) if nas.transport() == Transport::Dtls => (Grade::A, None),
        (Some(false), _) => (Grade::A, Some("update the NAS to one that speaks TLS 1.3")),
        (None, _) => (Grade::A, Some("connect it: it has not been here yet")),
    };
    Verdict {
        grade,
        next: renew.or_else(|| next.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Reach, Recognition, SharedSecret};

    const GOOD: &str = "kx7Q0pLm2vTz8WqRkx7Q0pLm2vTz8WqR";

    fn udp(secret: &str, require: Require) -> Nas {
        let secret = SharedSecret::new(secret).unwrap();
        Nas {
            require_message_authenticator: require,
            ..Nas::new("ap", "192.0.2.1/32".parse().unwrap(), secret)
        }
    }

    fn tls(marks: &[&str], ca: Option<&str>) -> Nas {
        let recognition = Recognition {
            marks: marks.iter().map(|&mark| mark.to_owned()).collect(),
            ca: ca.map(str::to_owned),
            psk: None,
        };
        Nas::reached(
            "ap",
            "192.0.2.1/32".parse().unwrap(),
            Reach::Tls(recognition),
        )
    }

    fn grade(nas: &Nas) -> (Grade, String) {
        let verdict = judge(nas, &Observed::default(), None);
        (verdict.grade, verdict.next.unwrap_or_default())
    }

    #[test]
    fn without_tls_the_secret_and_the_message_authenticator_decide() {
        for (secret, require, expected, next) in [
            ("testing123", Require::Yes, Grade::F, "--generate-secret"),
            ("short", Require::No, Grade::F, "--generate-secret"),
            (
                GOOD,
                Require::No,
                Grade::D,
                "--require-message-authenticator auto",
            ),
            (
                GOOD,
                Require::Auto,
                Grade::C,
                "--require-message-authenticator yes",
            ),
            (
                "kx7Q0pLm2vTz8WqR",
                Require::Yes,
                Grade::B,
                "--generate-secret",
            ),
            (GOOD, Require::Yes, Grade::B, "--transport tls"),
        ] {
            let (grade, said) = grade(&udp(secret, require));
            assert_eq!(grade, expected, "{secret} {require:?}");
            assert!(said.contains(next), "{said}");
        }
        let latched = Nas {
            latched: true,
            ..udp(GOOD, Require::Auto)
        };
        assert_eq!(grade(&latched).0, Grade::B);
        let shared = judge(&udp(GOOD, Require::Yes), &Observed::default(), Some("lan"));
        assert_eq!(shared.grade, Grade::C);
        assert!(shared.next.unwrap().contains("lan"));
    }

    #[test]
    fn what_was_seen_decides_what_to_do_next() {
        let next = |habit| {
            let observed = Observed {
                habit,
                ..Observed::default()
            };
            judge(&udp(GOOD, Require::Auto), &observed, None)
                .next
                .unwrap()
        };
        assert!(next(Habit::First).starts_with("portreeve nas set ap"));
        assert!(next(Habit::Sometimes).contains("update the NAS"));
    }

    #[test]
    fn over_tls_it_is_never_worse_than_without() {
        let seen = |tls13, radius11, certificate_days| Observed {
            is_tls13: Some(tls13),
            is_radius11: Some(radius11),
            certificate_days,
            ..Observed::default()
        };
        let judged = |observed| judge(&tls(&["dns:ap"], None), &observed, None);
        assert_eq!(judged(seen(true, true, Some(400))).grade, Grade::APlus);
        assert_eq!(judged(seen(true, true, Some(400))).next, None);
        assert_eq!(judged(seen(true, false, None)).grade, Grade::A);
        let soon = judged(seen(false, false, Some(3)));
        assert_eq!(soon.grade, Grade::A);
        assert!(soon.next.unwrap().contains("cert issue --peer ap"));
        assert_eq!(grade(&tls(&["any"], None)).0, Grade::B);
        assert_eq!(grade(&tls(&["any"], Some("its own"))).0, Grade::A);
        assert_eq!(grade(&tls(&[], None)).0, Grade::A);
    }

    #[test]
    fn habits_follow_from_counts() {
        for (counts, habit) in [
            ((0, 0, 0), Habit::Unseen),
            ((0, 0, 3), Habit::Never),
            ((1, 0, 3), Habit::Sometimes),
            ((0, 1, 1), Habit::Sometimes),
            ((2, 1, 0), Habit::Always),
            ((0, 1, 0), Habit::Always),
            ((2, 0, 0), Habit::First),
        ] {
            assert_eq!(Habit::of(counts.0, counts.1, counts.2), habit, "{counts:?}");
        }
    }
}
