//! Secrets that can be guessed.

use crate::{
    Record,
    check::{Code, Finding, RouterSide, scene::is_on},
    sessions,
};

/// Fewer octets than this can be tried out by whoever saw one packet.
const SHORTEST_SHARED: usize = 16;
const SHORTEST_PASSWORD: usize = 8;

/// What is written in books and on web pages.
const KNOWN: [&str; 24] = [
    "secret",
    "password",
    "passw0rd",
    "admin",
    "radius",
    "mikrotik",
    "routeros",
    "testing123",
    "test",
    "123",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "qwerty",
    "changeme",
    "changeit",
    "default",
    "public",
    "private",
    "guest",
    "letmein",
];

/// Where secrets stand: the menu, the property, what names the item, and the least length.
const PLACES: [(&str, &str, &str, usize); 5] = [
    ("/radius", "secret", "address", SHORTEST_SHARED),
    (
        "/interface/l2tp-server/server",
        "ipsec-secret",
        "",
        SHORTEST_SHARED,
    ),
    ("/ip/ipsec/identity", "secret", ".id", SHORTEST_SHARED),
    ("/ppp/secret", "password", "name", SHORTEST_PASSWORD),
    ("/ip/hotspot/user", "password", "name", SHORTEST_PASSWORD),
];

pub(super) fn rules(router: &RouterSide, found: &mut Vec<Finding>) {
    for (menu, property, name, least) in PLACES {
        let items = router.items(menu).iter().filter(|item| is_on(item));
        // The secret of RadSec is `radsec` by RFC 6614: TLS does what it is for.
        let items = items.filter(|item| item.get("protocol") != Some("radsec"));
        let weak: Vec<String> = items
            .filter_map(|item| {
                let why = weakness(item, property, name, least)?;
                let called = item.get(name).unwrap_or("(the only one)");
                Some(format!("{menu} {called}: {why}"))
            })
            .collect();
        if weak.is_empty() {
            continue;
        }
        let count = weak.len();
        let what = format!("{count} secrets of {menu} can be guessed");
        let finding = if menu == "/radius" {
            Finding::error(Code::WeakSecret, what)
        } else {
            Finding::warning(Code::WeakSecret, what)
        };
        let more = count.saturating_sub(10);
        found.push(
            finding
                .all_seen(weak.into_iter().take(10))
                .all_seen((more > 0).then(|| format!("and {more} more")))
                .fix(if menu == "/radius" {
                    "portreeve router rotate gives both ends a new secret that cannot be guessed"
                } else {
                    "set long ones made by chance"
                }),
        );
    }
}

/// Why a secret is weak. The words never hold the secret.
fn weakness(item: &Record, property: &str, name: &str, least: usize) -> Option<String> {
    let secret = item.get(property)?;
    if secret.contains("***") {
        return None; // Not shown.
    }
    let called = item.get("name").unwrap_or_default();
    // Devices by MAC address and the trial user have none; an unset ipsec-secret is off.
    if secret.is_empty() {
        let by_design = called == "default-trial" || sessions::mac(called).is_some();
        return (name == "name" && !by_design).then(|| "it is empty".to_owned());
    }
    let same = |other: Option<&str>| other.is_some_and(|text| text.eq_ignore_ascii_case(secret));
    let lower = secret.to_ascii_lowercase();
    let first = secret.chars().next()?;
    if same(item.get("name")) || same(item.get("address")) {
        Some("it is the same as its name".to_owned())
    } else if KNOWN.contains(&lower.as_str()) {
        Some("it is one that everybody tries".to_owned())
    } else if secret.chars().all(|c| c == first) {
        Some("it is one sign over and over".to_owned())
    } else if secret.len() < least {
        Some(format!(
            "it has {} octets, fewer than {least}",
            secret.len()
        ))
    } else {
        None
    }
}
