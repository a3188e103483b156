//! Who is let in on what terms, and that a snapshot changes with its definitions.

use std::{collections::BTreeMap, sync::Arc};

use portreeve_aaa::{
    attribute::{Fault, describe},
    definition::{DialectName, Group, Membership, Nas, SharedSecret, StoredCredential, User},
    policy::{Admission, admit},
    port::{ChangeSet, Definitions},
    refusal::Refusal,
    snapshot::Snapshot,
};
use portreeve_auth::{Method, Refutation};
use portreeve_proto::{Ask, AttributeList, Dictionary, Packet, Query, Secret, attr};
use proptest::prelude::*;

fn user(groups: &[&str], reply: &[&str]) -> User {
    let mut user = User::new("tim");
    user.credential = Some(StoredCredential::new("{CLEAR}12345".into()));
    user.groups = groups.iter().map(|&name| Membership::new(name)).collect();
    user.reply = reply.iter().map(|&line| line.to_owned()).collect();
    user
}

fn group(name: &str, priority: i32, reply: &[&str]) -> Group {
    let mut group = Group::new(name);
    group.priority = priority;
    group.reply = reply.iter().map(|&line| line.to_owned()).collect();
    group
}

fn snapshot(user: User, groups: Vec<Group>) -> Snapshot {
    let definitions = Definitions {
        users: vec![user],
        groups,
        seq: 1,
        ..Definitions::default()
    };
    Snapshot::new(&definitions, Arc::new(Dictionary::builtin().clone()))
}

fn outcome(snapshot: &Snapshot, method: Method) -> Result<Vec<String>, Refusal> {
    let request = AttributeList::new().with(attr::NAS_IDENTIFIER, "hall");
    let Ok(secret) = Secret::new("s3cret") else {
        return Ok(vec![]);
    };
    let (mut octets, mut random) = (Vec::new(), |octets: &mut [u8]| octets.fill(7));
    let query = Query::encode(
        Ask::Access,
        1,
        &request,
        &secret,
        true,
        &mut random,
        &mut octets,
    );
    let (Ok(_), Ok(packet)) = (query, Packet::parse(&octets)) else {
        return Ok(vec![]);
    };
    let Some(subscriber) = snapshot.subscriber("tim") else {
        return Err(Refusal::UnknownUser);
    };
    match admit(snapshot, subscriber, method, &packet) {
        Admission::Admit(terms) => {
            let described = describe(snapshot.dictionary(), &terms.grant.attributes);
            Ok(described.iter().map(ToString::to_string).collect())
        }
        Admission::Refuse(refusal) => Err(refusal),
    }
}

fn granted(user: User, groups: Vec<Group>) -> Vec<String> {
    outcome(&snapshot(user, groups), Method::Pap).unwrap_or_else(|why| vec![why.sentence()])
}

#[test]
fn the_users_own_attributes_come_before_those_of_groups() {
    let groups = vec![
        group(
            "gold",
            1,
            &["Session-Timeout=10", "Idle-Timeout=20", "Filter-Id+=gold"],
        ),
        group(
            "all",
            9,
            &["Idle-Timeout=99", "Framed-Pool=p", "Filter-Id=all"],
        ),
    ];
    let user = user(&["all", "gold"], &["Session-Timeout=5"]);
    assert_eq!(
        granted(user, groups),
        [
            "Session-Timeout = 5",
            "Idle-Timeout = 20",
            "Filter-Id = \"gold\"",
            "Framed-Pool = \"p\"",
            "Filter-Id = \"all\"",
        ]
    );
}

#[test]
fn membership_ranks_before_the_groups_own_priority() {
    let groups = vec![
        group("gold", 1, &["Session-Timeout=10"]),
        group("all", 9, &["Session-Timeout=99"]),
    ];
    let mut user = user(&["gold", "all"], &[]);
    user.groups[1].priority = 1;
    assert_eq!(granted(user, groups), ["Session-Timeout = 99"]);
}

#[test]
fn several_lines_of_one_owner_are_all_sent() {
    let routes = ["Framed-Route=10.0.0.0/8", "Framed-Route=192.0.2.0/24"];
    let groups = vec![group("all", 1, &["Framed-Route=0.0.0.0/0"])];
    let sent = [
        "Framed-Route = \"10.0.0.0/8\"",
        "Framed-Route = \"192.0.2.0/24\"",
    ];
    assert_eq!(granted(user(&["all"], &routes), groups), sent);
}

#[test]
fn every_doubt_is_a_refusal_with_its_own_reason() {
    let refusal = |change: &dyn Fn(&mut User), groups: Vec<Group>| {
        let mut user = user(&[], &[]);
        change(&mut user);
        outcome(&snapshot(user, groups), Method::Chap).unwrap_err()
    };
    assert_eq!(
        refusal(&|user| user.enabled = false, vec![]),
        Refusal::Disabled
    );
    assert_eq!(
        refusal(&|user| user.credential = None, vec![]),
        Refusal::NoCredential
    );
    let unread = refusal(
        &|user| user.credential = Some(StoredCredential::new("opensesame".into())),
        vec![],
    );
    assert_eq!(unread.label(), "bad_credential");
    let hash = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
    let served = refusal(
        &|user| user.credential = Some(StoredCredential::new(hash.into())),
        vec![],
    );
    let cannot = matches!(served, Refusal::Unproven(Refutation::CannotServe { .. }));
    assert!(cannot, "{served:?}");
    let broken = refusal(&|user| user.reply = vec!["Sesion-Timeout=1".into()], vec![]);
    assert_eq!(broken.label(), "misconfigured");
    let checked = refusal(
        &|user| user.check = vec!["NAS-Identifier=attic".into()],
        vec![],
    );
    assert_eq!(checked.label(), "check_failed");
}

#[test]
fn what_is_wrong_with_a_group_refuses_its_members() {
    let mut strict = Group::new("guests");
    strict.check = vec!["NAS-Identifier=attic".into()];
    let refused = outcome(&snapshot(user(&["guests"], &[]), vec![strict]), Method::Pap);
    assert!(
        refused
            .unwrap_err()
            .sentence()
            .starts_with("group guests asks for")
    );

    let broken = vec![group("guests", 1, &["Framed-IP-Address=home"])];
    let refused = outcome(&snapshot(user(&["guests"], &[]), broken), Method::Pap);
    assert_eq!(refused.unwrap_err().label(), "misconfigured");

    let snapshot = snapshot(user(&["nowhere"], &[]), vec![]);
    let refused = outcome(&snapshot, Method::Pap).unwrap_err();
    assert_eq!(refused.sentence(), "user tim: there is no group nowhere");
    assert_eq!(
        snapshot.problems()[0].fault,
        Fault::GroupMissing("nowhere".into())
    );
}

#[test]
fn all_problems_are_listed_at_once() {
    let mut user = user(&["guests"], &["Session-Timeout=soon"]);
    user.credential = Some(StoredCredential::new("opensesame".into()));
    let problems = snapshot(user, vec![group("guests", 1, &["Nonsense=1"])]).problems();
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 3);
    assert!(text[0].starts_with("group guests: \"Nonsense\": unknown attribute \"Nonsense\""));
    assert!(text[1].starts_with("user tim: \"Session-Timeout=soon\": Session-Timeout: neither"));
    assert!(!text.concat().contains("opensesame"));
}

#[test]
fn a_realm_is_found_in_any_case_and_a_user_is_not() {
    let mut user = user(&[], &[]);
    user.name = "tim@example.org".into();
    let snapshot = snapshot(user, vec![]);
    assert!(snapshot.subscriber("tim@EXAMPLE.org").is_some());
    assert!(snapshot.subscriber("Tim@example.org").is_none());
    assert!(snapshot.subscriber("tim").is_none());
}

#[test]
fn a_nas_is_spoken_to_in_its_dialect() {
    let mut nas = Nas::new(
        "router",
        "192.0.2.1/32".parse().unwrap(),
        SharedSecret::new("kx7Q0pLm2vTz8WqR").unwrap(),
    );
    nas.dialect = DialectName::Mikrotik;
    let before = snapshot(user(&[], &[]), vec![]);
    let nases = vec![nas];
    let after = before.changed(&ChangeSet {
        seq: 2,
        nases,
        ..ChangeSet::default()
    });
    assert_eq!(before.dialect("router"), DialectName::Generic);
    assert_eq!(after.dialect("router"), DialectName::Mikrotik);
    assert_eq!((before.seq(), after.seq()), (1, 2));
    let removed_nases = vec!["router".to_owned()];
    let gone = after.changed(&ChangeSet {
        seq: 3,
        removed_nases,
        ..ChangeSet::default()
    });
    assert_eq!(gone.dialect("router"), DialectName::Generic);
}

proptest! {
    #[test]
    fn a_changed_snapshot_is_the_snapshot_of_the_changed_definitions(
        steps in proptest::collection::vec(
            (proptest::collection::vec((0_u8..40, any::<Option<bool>>()), 0..20), 0_u8..3),
            1..10,
        )
    ) {
        let mut snapshot = snapshot(User::new("first"), vec![]);
        let mut users = BTreeMap::from([("first".to_owned(), true)]);
        for (seq, (changes, removed_group)) in (2..).zip(steps) {
            let mut set = ChangeSet { seq, ..ChangeSet::default() };
            let last: BTreeMap<_, _> = changes.into_iter().collect();
            for (number, state) in last {
                let name = format!("user{number}");
                if let Some(enabled) = state {
                    let mut user = User::new(name.clone());
                    user.enabled = enabled;
                    set.users.push(user);
                    users.insert(name, enabled);
                } else {
                    users.remove(&name);
                    set.removed_users.push(name);
                }
            }
            set.removed_groups.push(format!("group{removed_group}"));
            snapshot = snapshot.changed(&set);
            prop_assert_eq!(snapshot.subscribers(), users.len());
            for (name, enabled) in &users {
                let found = snapshot.subscriber(name).map(|found| found.is_enabled());
                prop_assert_eq!(found, Some(*enabled));
            }
        }
    }
}
