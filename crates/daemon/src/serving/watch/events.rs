//! What is told when a router's standing changes: once for each change, in the log and among the
//! decisions.

use portreeve_aaa::decision::CheckOutcome;
use portreeve_routeros::plan::{Step, Verb};

use crate::{
    routers::{Kept, State, Told},
    service::Records,
};

/// The most places of a drifted router that one event names.
const PLACES: usize = 20;

/// A change of how a router stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event<'a> {
    /// It cannot be looked at.
    NotReached(&'a str),
    /// It can be looked at again.
    Reached,
    /// It is not as it was left, in so many places.
    Drifted(usize),
    /// It is as it was left again.
    AsLeft,
}

/// What has changed since the last time something was told, and what is told now.
fn changed(told: Told, state: &State) -> (Vec<Event<'_>>, Told) {
    let mut events = Vec::new();
    let mut now = told;
    if let Some(trouble) = &state.trouble {
        if !told.away {
            events.push(Event::NotReached(trouble));
        }
        now.away = true;
        // How it stands is not known meanwhile.
        return (events, now);
    }
    if told.away {
        events.push(Event::Reached);
    }
    now.away = false;
    if let Some(drift) = state.drift {
        match (told.drift, drift) {
            (before, drift) if drift > before => events.push(Event::Drifted(drift)),
            (1.., 0) => events.push(Event::AsLeft),
            _ => {}
        }
        now.drift = drift;
    }
    (events, now)
}

impl Event<'_> {
    const fn label(self) -> &'static str {
        match self {
            Self::NotReached(_) => "router_not_reached",
            Self::Reached => "router_reached",
            Self::Drifted(_) => "router_drifted",
            Self::AsLeft => "router_as_left",
        }
    }

    /// Whether it is good news.
    const fn is_good(self) -> bool {
        matches!(self, Self::Reached | Self::AsLeft)
    }

    fn sentence(self) -> String {
        match self {
            Self::NotReached(trouble) => {
                format!("not reached: the router cannot be looked at: {trouble}")
            }
            Self::Reached => "reached: the router answers again".to_owned(),
            Self::Drifted(places) => {
                let plural = if places == 1 { "" } else { "s" };
                format!(
                    "drifted: the router is no longer as it was left, in {places} place{plural}"
                )
            }
            Self::AsLeft => "as left: the router is as it was left again".to_owned(),
        }
    }

    fn cure(self, router: &str) -> Option<String> {
        match self {
            Self::NotReached(_) => Some(format!("portreeve router check {router}")),
            Self::Drifted(_) => Some(format!(
                "portreeve router diff {router} shows it, portreeve router apply {router} brings \
                 it back"
            )),
            Self::Reached | Self::AsLeft => None,
        }
    }
}

/// Tells what has changed, and says what has been told by now.
pub(super) fn tell(kept: &Kept, state: &State, steps: &[Step], records: &Records) -> Told {
    let (events, told) = changed(state.told, state);
    for event in events {
        let router = kept.name.as_str();
        let (sentence, cure) = (event.sentence(), event.cure(router));
        let (reason, shown) = (event.label(), cure.as_deref());
        if event.is_good() {
            tracing::info!(router, reason, "{sentence}");
        } else {
            tracing::warn!(router, reason, cure = shown, "{sentence}");
        }
        records.notice(&kept.nas, kept.place(), |mut draft| {
            if matches!(event, Event::Drifted(_)) {
                for step in steps.iter().take(PLACES) {
                    draft.check(&step.menu, CheckOutcome::Failed, &detail(step));
                }
            }
            draft.noticed(reason, &sentence, shown)
        });
    }
    told
}

/// What is not as it was left, by name and without values.
fn detail(step: &Step) -> String {
    let names: Vec<&str> = step.after.iter().map(|(name, _)| name).collect();
    match step.verb {
        Verb::Set => format!("{} changed; {}", names.join(", "), step.why),
        Verb::Add => format!("missing; {}", step.why),
        Verb::Remove => format!("something was added; {}", step.why),
        Verb::Move => format!("in another place; {}", step.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(trouble: Option<&str>, drift: Option<usize>) -> State {
        State {
            trouble: trouble.map(str::to_owned),
            drift,
            ..State::default()
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let rounds = [
            (None, Some(0), vec![]),
            (None, Some(1), vec!["router_drifted"]),
            (None, Some(1), vec![]),
            (None, Some(3), vec!["router_drifted"]),
            (None, Some(2), vec![]),
            (Some("no way"), Some(2), vec!["router_not_reached"]),
            (Some("still none"), Some(2), vec![]),
            (None, Some(2), vec!["router_reached"]),
            (None, None, vec![]),
            (None, Some(0), vec!["router_as_left"]),
            (None, Some(0), vec![]),
            (Some("no way"), None, vec!["router_not_reached"]),
            (None, Some(1), vec!["router_reached", "router_drifted"]),
        ];
        let mut told = Told::default();
        for (trouble, drift, expected) in rounds {
            let state = state(trouble, drift);
            let (events, now) = changed(told, &state);
            let labels: Vec<_> = events.iter().map(|event| event.label()).collect();
            assert_eq!(labels, expected, "{trouble:?} {drift:?} after {told:?}");
            told = now;
        }
    }

    #[test]
    fn whoever_looked_in_between_takes_no_event_away() {
        // `router diff` and `router apply` keep what they see too.
        let told = Told {
            drift: 1,
            away: false,
        };
        let seen = state(None, Some(0));
        let (events, _) = changed(told, &seen);
        assert_eq!(events, [Event::AsLeft]);
    }
}
