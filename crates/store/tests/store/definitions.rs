use portreeve_aaa::{
    definition::{
        DialectName, Group, Membership, Nas, PreSharedKey, Reach, Recognition, Require,
        SharedSecret, StoredCredential, User,
    },
    port::{ChangeSet, Changes, Definition, Definitions, Put, StoreError, UserFilter},
};
use portreeve_store::Backend;

pub(crate) fn user(name: &str) -> User {
    User {
        credential: Some(StoredCredential::new(format!("clear:{name}"))),
        groups: vec![
            Membership {
                group: "silver".into(),
                priority: 7,
            },
            Membership {
                group: "gold".into(),
                priority: -7,
            },
        ],
        check: vec!["NAS-Port-Type=Wireless-802.11".into()],
        reply: vec![
            "Session-Timeout=3600".into(),
            "Reply-Message+=\"hé\" 'x'".into(),
        ],
        comment: "line; DROP TABLE users".into(),
        ..User::new(name)
    }
}

pub(crate) fn group(name: &str) -> Group {
    Group {
        priority: -3,
        check: vec!["a=b".into()],
        reply: vec!["c=d".into()],
        comment: "ü".into(),
        ..Group::new(name)
    }
}

fn nas(name: &str, prefix: &str) -> Nas {
    let secret = SharedSecret::new(vec![0, 255, 7, 1]).unwrap();
    Nas {
        dialect: DialectName::Mikrotik,
        require_message_authenticator: Require::Auto,
        limit_proxy_state: false,
        comment: "attic".into(),
        ..Nas::new(name, prefix.parse().unwrap(), secret)
    }
}

/// A NAS that connects over TLS, with a key of that identity.
fn secured(name: &str, prefix: &str, identity: &str) -> Nas {
    let key = PreSharedKey::new(identity, vec![0xfe; 16]).unwrap();
    let recognition = Recognition {
        marks: vec!["dns:ap.example".into(), "serial:1@CN=\"'x".into()],
        ca: Some("-----BEGIN CERTIFICATE-----".into()),
        psk: Some(key),
    };
    Nas {
        max_connections: Some(3),
        ..Nas::reached(name, prefix.parse().unwrap(), Reach::Tls(recognition))
    }
}

pub(crate) fn seq(store: &mut dyn Backend) -> u64 {
    store.definitions().unwrap().seq
}

pub(crate) fn changes(store: &mut dyn Backend, since: u64) -> ChangeSet {
    match store.changes_since(since).unwrap() {
        Changes::These(changes) => changes,
        Changes::Everything => panic!("everything since {since}"),
    }
}

pub(crate) fn is_missing<T>(result: Result<T, StoreError>, wanted: Definition) -> bool {
    matches!(result, Err(StoreError::NotFound { kind, .. }) if kind == wanted)
}

pub(crate) fn a_new_store_is_empty(store: &mut dyn Backend) {
    assert_eq!(store.definitions().unwrap(), Definitions::default());
    assert!(changes(store, 0).is_empty());
    assert_eq!(store.journal_position().unwrap(), None);
    assert_eq!(store.accounting_count().unwrap(), 0);
    assert!(store.open_sessions().unwrap().is_empty());
    assert!(is_missing(store.user("tim"), Definition::User));
    assert!(is_missing(store.group("gold"), Definition::Group));
    assert!(is_missing(store.nas("ap"), Definition::Nas));
}

pub(crate) fn a_definition_reads_back_as_it_was_put(store: &mut dyn Backend) {
    let (tim, gold, ap) = (user("tim"), group("gold"), nas("ap", "2001:db8::/32"));
    store.put_user(&tim, Put::Create).unwrap();
    store.put_group(&gold, Put::Create).unwrap();
    store.put_nas(&ap, Put::Create).unwrap();
    assert_eq!(store.user("tim").unwrap(), tim);
    assert_eq!(store.group("gold").unwrap(), gold);
    assert_eq!(store.nas("ap").unwrap(), ap);
    let plain = User {
        enabled: false,
        ..User::new("tim")
    };
    store.put_user(&plain, Put::Replace).unwrap();
    assert_eq!(store.user("tim").unwrap(), plain);
    let wide = Nas {
        latched: true,
        ..nas("ap", "0.0.0.0/0")
    };
    store.put_nas(&wide, Put::Replace).unwrap();
    assert_eq!(store.nas("ap").unwrap(), wide);
    let secured = secured("ap", "0.0.0.0/0", "ap");
    store.put_nas(&secured, Put::Replace).unwrap();
    assert_eq!(store.nas("ap").unwrap(), secured);
    let bare = Reach::Dtls(Recognition::default());
    let bare = Nas::reached("ap", "0.0.0.0/0".parse().unwrap(), bare);
    store.put_nas(&bare, Put::Replace).unwrap();
    assert_eq!(store.nas("ap").unwrap(), bare);
    store.put_nas(&wide, Put::Replace).unwrap();
    assert_eq!(store.nas("ap").unwrap(), wide);
    store.put_group(&Group::new("gold"), Put::Replace).unwrap();
    let all = store.definitions().unwrap();
    assert_eq!(all.users, [plain]);
    assert_eq!(all.groups, [Group::new("gold")]);
    assert_eq!(all.nases, [wide]);
    store.remove_user("tim").unwrap();
    store.remove_group("gold").unwrap();
    store.remove_nas("ap").unwrap();
    let seq = seq(store);
    assert_eq!(
        store.definitions().unwrap(),
        Definitions {
            seq,
            ..Definitions::default()
        }
    );
}

pub(crate) fn creating_what_is_there_and_replacing_what_is_not_are_refused(
    store: &mut dyn Backend,
) {
    let is_there = |result: Result<(), StoreError>, wanted: &str| match result {
        Err(StoreError::Exists { name, .. }) => name == wanted,
        _ => false,
    };
    assert!(is_missing(
        store.put_user(&user("a"), Put::Replace),
        Definition::User
    ));
    assert!(is_missing(
        store.put_group(&group("b"), Put::Replace),
        Definition::Group
    ));
    assert!(is_missing(
        store.put_nas(&nas("c", "::/0"), Put::Replace),
        Definition::Nas
    ));
    assert!(is_missing(store.remove_user("a"), Definition::User));
    assert!(is_missing(store.remove_group("b"), Definition::Group));
    assert!(is_missing(store.remove_nas("c"), Definition::Nas));
    assert!(is_missing(store.latch_nas("c"), Definition::Nas));
    store.put_user(&user("a"), Put::Create).unwrap();
    store.put_group(&group("b"), Put::Create).unwrap();
    store.put_nas(&nas("c", "::/0"), Put::Create).unwrap();
    assert!(is_there(store.put_user(&User::new("a"), Put::Create), "a"));
    assert!(is_there(
        store.put_group(&Group::new("b"), Put::Create),
        "b"
    ));
    assert!(is_there(
        store.put_nas(&nas("c", "10.0.0.0/8"), Put::Create),
        "c"
    ));
    assert_eq!(store.user("a").unwrap(), user("a"));
    assert_eq!(store.group("b").unwrap(), group("b"));
    assert_eq!(store.nas("c").unwrap(), nas("c", "::/0"));
}

pub(crate) fn names_are_octets_not_words(store: &mut dyn Backend) {
    let names = [
        "%",
        "' OR 1=1 --",
        "TIM",
        "tim",
        "tïm",
        "zoë@example.org",
        "\u{10ffff}",
    ];
    for name in names {
        store.put_user(&User::new(name), Put::Create).unwrap();
    }
    let found: Vec<String> = store
        .users(&UserFilter::default())
        .unwrap()
        .into_iter()
        .map(|user| user.name)
        .collect();
    assert_eq!(found, names);
    store.remove_user("%").unwrap();
    assert_eq!(
        store.users(&UserFilter::default()).unwrap().len(),
        names.len() - 1
    );
    assert_eq!(store.user("TIM").unwrap().name, "TIM");
}

pub(crate) fn users_come_in_pages_and_by_group(store: &mut dyn Backend) {
    for number in 0..10 {
        let mut user = User::new(format!("u{number}"));
        if number % 3 == 0 {
            user.groups = vec![Membership::new("third"), Membership::new("all")];
        }
        store.put_user(&user, Put::Create).unwrap();
    }
    let mut names = |after: Option<&str>, group: Option<&str>, limit| -> String {
        let filter = UserFilter {
            after: after.map(Into::into),
            group: group.map(Into::into),
            limit,
        };
        let users = store.users(&filter).unwrap();
        users.iter().map(|user| &user.name[1..]).collect()
    };
    assert_eq!(names(None, None, 4), "0123");
    assert_eq!(names(Some("u3"), None, 4), "4567");
    assert_eq!(names(Some("u7"), None, 4), "89");
    assert_eq!(names(None, Some("third"), 9), "0369");
    assert_eq!(names(Some("u0"), Some("all"), 2), "36");
    assert_eq!(names(None, Some("none"), 9), "");
    assert_eq!(names(None, None, 0), "");
}

pub(crate) fn a_group_in_use_stays(store: &mut dyn Backend) {
    store.put_group(&group("gold"), Put::Create).unwrap();
    store.put_user(&user("zoe"), Put::Create).unwrap();
    store.put_user(&user("tim"), Put::Create).unwrap();
    let before = seq(store);
    let refused = store.remove_group("gold").unwrap_err();
    assert!(
        matches!(&refused, StoreError::InUse { by, .. } if by == "tim"),
        "{refused}"
    );
    assert_eq!(store.group("gold").unwrap(), group("gold"));
    assert_eq!(seq(store), before);
    store.remove_user("tim").unwrap();
    store.put_user(&User::new("zoe"), Put::Replace).unwrap();
    store.remove_group("gold").unwrap();
    assert!(is_missing(store.group("gold"), Definition::Group));
}

pub(crate) fn a_prefix_belongs_to_one_nas(store: &mut dyn Backend) {
    store.put_nas(&nas("a", "10.0.0.0/8"), Put::Create).unwrap();
    let taken = store
        .put_nas(&nas("b", "10.0.0.0/8"), Put::Create)
        .unwrap_err();
    assert!(
        matches!(&taken, StoreError::Exists { name, .. } if name == "a"),
        "{taken}"
    );
    store.put_nas(&nas("b", "10.0.0.0/9"), Put::Create).unwrap();
    let taken = store
        .put_nas(&nas("b", "10.0.0.0/8"), Put::Replace)
        .unwrap_err();
    assert!(
        matches!(&taken, StoreError::Exists { name, .. } if name == "a"),
        "{taken}"
    );
    store
        .put_nas(&nas("a", "10.0.0.0/8"), Put::Replace)
        .unwrap();
    store.remove_nas("a").unwrap();
    store
        .put_nas(&nas("b", "10.0.0.0/8"), Put::Replace)
        .unwrap();
}

pub(crate) fn over_tls_many_nases_may_share_a_prefix(store: &mut dyn Backend) {
    let anywhere = "0.0.0.0/0";
    for nas in [
        secured("a", anywhere, "a"),
        secured("b", anywhere, "b"),
        nas("c", anywhere),
    ] {
        store.put_nas(&nas, Put::Create).unwrap();
    }
    let secret = SharedSecret::new("tcp").unwrap();
    let tcp = Nas::reached("d", anywhere.parse().unwrap(), Reach::Tcp(secret));
    let taken = store.put_nas(&tcp, Put::Create).unwrap_err();
    assert!(
        matches!(&taken, StoreError::Exists { name, .. } if name == "c"),
        "{taken}"
    );
    assert_eq!(store.nases().unwrap().len(), 3);
}

pub(crate) fn a_pre_shared_key_identity_belongs_to_one_nas(store: &mut dyn Backend) {
    store
        .put_nas(&secured("a", "::/0", "key"), Put::Create)
        .unwrap();
    let taken = store
        .put_nas(&secured("b", "10.0.0.0/8", "key"), Put::Create)
        .unwrap_err();
    assert!(
        matches!(&taken, StoreError::Exists { name, .. } if name == "a"),
        "{taken}"
    );
    store
        .put_nas(&secured("a", "10.0.0.0/8", "key"), Put::Replace)
        .unwrap();
}

pub(crate) fn a_previous_secret_is_kept_until_it_is_forgotten(store: &mut dyn Backend) {
    let mut ap = nas("ap", "::/0");
    ap.replace_secret(SharedSecret::new(vec![1, 0, 2]).unwrap(), 7_000);
    ap.previous.as_mut().unwrap().superseded = true;
    store.put_nas(&ap, Put::Create).unwrap();
    assert_eq!(store.nas("ap").unwrap(), ap);
    let before = seq(store);
    // Somebody has replaced the secret once more meanwhile.
    store.forget_previous_secret("ap", 6_999).unwrap();
    assert_eq!((seq(store), store.nas("ap").unwrap()), (before, ap.clone()));
    store.forget_previous_secret("ap", 7_000).unwrap();
    ap.previous = None;
    assert_eq!(changes(store, before).nases, [ap.clone()]);
    let after = seq(store);
    store.forget_previous_secret("ap", 7_000).unwrap();
    assert_eq!(seq(store), after);
    let gone = store.forget_previous_secret("c", 7_000);
    assert!(is_missing(gone, Definition::Nas));
}

pub(crate) fn a_nas_is_latched_once(store: &mut dyn Backend) {
    store.put_nas(&nas("ap", "::/0"), Put::Create).unwrap();
    let before = seq(store);
    store.latch_nas("ap").unwrap();
    let after = seq(store);
    assert!(after > before && store.nas("ap").unwrap().latched);
    store.latch_nas("ap").unwrap();
    assert_eq!(seq(store), after);
    assert_eq!(
        changes(store, before).nases,
        [Nas {
            latched: true,
            ..nas("ap", "::/0")
        }]
    );
}

pub(crate) fn each_change_is_told_once_with_its_present_state(store: &mut dyn Backend) {
    store.put_user(&user("gone"), Put::Create).unwrap();
    store.put_group(&group("gone"), Put::Create).unwrap();
    store.put_nas(&nas("gone", "::/0"), Put::Create).unwrap();
    store.put_user(&user("same"), Put::Create).unwrap();
    let before = seq(store);
    assert!(changes(store, before).is_empty());
    store.remove_user("gone").unwrap();
    store.remove_group("gone").unwrap();
    store.remove_nas("gone").unwrap();
    store.put_user(&User::new("new"), Put::Create).unwrap();
    store.put_user(&user("new"), Put::Replace).unwrap();
    store.put_group(&group("new"), Put::Create).unwrap();
    store.put_nas(&nas("new", "::/0"), Put::Create).unwrap();
    let expected = ChangeSet {
        seq: seq(store),
        users: vec![user("new")],
        removed_users: vec!["gone".into()],
        groups: vec![group("new")],
        removed_groups: vec!["gone".into()],
        nases: vec![nas("new", "::/0")],
        removed_nases: vec!["gone".into()],
        ..ChangeSet::default()
    };
    assert!(expected.seq > before);
    assert_eq!(changes(store, before), expected);
    assert_eq!(changes(store, 0).users.len(), 2);
    assert!(changes(store, expected.seq).is_empty());
}

pub(crate) fn a_refused_change_leaves_no_trace(store: &mut dyn Backend) {
    store.put_user(&user("tim"), Put::Create).unwrap();
    store.put_nas(&nas("ap", "::/0"), Put::Create).unwrap();
    let before = store.definitions().unwrap();
    assert!(store.put_user(&User::new("tim"), Put::Create).is_err());
    assert!(store.put_nas(&nas("other", "::/0"), Put::Create).is_err());
    assert!(store.remove_user("zoe").is_err());
    assert!(store.put_group(&group("gold"), Put::Replace).is_err());
    assert_eq!(store.definitions().unwrap(), before);
}

pub(crate) fn who_lags_too_far_behind_reads_everything(store: &mut dyn Backend) {
    store.put_user(&user("early"), Put::Create).unwrap();
    let early = seq(store);
    store.put_user(&user("tim"), Put::Create).unwrap();
    assert_eq!(
        store.changes_since(early + 1000).unwrap(),
        Changes::Everything
    );
    // However long a backend's memory is, what it tells must be the whole truth.
    let mut told_all = false;
    for round in 0..2100 {
        store
            .put_group(
                &Group {
                    priority: round,
                    ..group("gold")
                },
                put(round),
            )
            .unwrap();
        if round % 500 == 0 || round > 1990 {
            match store.changes_since(early).unwrap() {
                Changes::Everything => told_all = true,
                Changes::These(set) => assert_eq!(set.users, [user("tim")], "round {round}"),
            }
        }
    }
    let all = store.definitions().unwrap();
    assert_eq!((all.users.len(), all.groups.len()), (2, 1));
    assert!(told_all, "the log of changes is bounded");
    assert_eq!(changes(store, all.seq - 5).groups.len(), 1);
}

fn put(round: i32) -> Put {
    if round == 0 {
        Put::Create
    } else {
        Put::Replace
    }
}
