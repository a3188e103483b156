//! Log-ins by MAC address as NASes ask for them, in every spelling that RouterOS knows.

use std::time::{Duration, Instant};

use portreeve_interop::Must as _;
use portreeve_interop::portreeve::{Portreeve, Setup};
use portreeve_interop::tools::{Ended, radclient};
use portreeve_interop::world::{SECRET, World};
use serde_json::Value;

/// How RouterOS can be told to spell a MAC address as a user name: for the hotspot, the Wi-Fi
/// stacks and switch ports.
const SPELLINGS: [&str; 14] = [
    "00:E1:0C:38:C8:F8",
    "00E1:0C38:C8F8",
    "00E10C:38C8F8",
    "00-E1-0C-38-C8-F8",
    "00E10C-38C8F8",
    "00E10C38C8F8",
    "00 E1 0C 38 C8 F8",
    "00:e1:0c:38:c8:f8",
    "00e1:0c38:c8f8",
    "00e10c:38c8f8",
    "00-e1-0c-38-c8-f8",
    "00e10c-38c8f8",
    "00e10c38c8f8",
    "00 e1 0c 38 c8 f8",
];
/// What the hotspot, the Wi-Fi stacks and the DHCP server send as Calling-Station-Id.
const STATIONS: [&str; 3] = [
    "00:E1:0C:38:C8:F8",
    "00-E1-0C-38-C8-F8",
    "1:0:e1:c:38:c8:f8",
];
const PRINTER: &str = "00:e1:0c:38:c8:f8";
const STRANGER: &str = "00:00:5E:00:53:01";

fn start(configuration: &str) -> Portreeve {
    let setup = Setup::default()
        .configured(&format!("[security]\nreject_delay_ms = 0\n{configuration}"))
        .command(&[
            "group",
            "add",
            "guests",
            "--attr",
            "Tunnel-Private-Group-Id:1=30",
        ])
        .command(&[
            "device",
            "add",
            PRINTER,
            "--attr",
            "Mikrotik-Wireless-VLANID=7",
        ]);
    Portreeve::with(&World::household(), &setup)
}

fn ask(server: &Portreeve, name: &str, station: &str, more: &str) -> Ended {
    // A line that is empty would end the request.
    let attributes = format!("User-Name = \"{name}\"\nCalling-Station-Id = \"{station}\"");
    let attributes = [&attributes, more].join("\n");
    radclient(
        server.ports().auth_v4(),
        "auth",
        SECRET,
        attributes.trim_end(),
    )
}

#[track_caller]
fn accepted(ended: &Ended) {
    let is_in = ended.stdout.contains("Received Access-Accept");
    assert!(is_in, "{}", ended.said());
}

#[track_caller]
fn rejected(ended: &Ended) {
    let is_out = ended.stdout.contains("Received Access-Reject");
    assert!(is_out, "{}", ended.said());
}

/// Waits for the record of a decision, and gives its reason and method.
fn newest(server: &Portreeve, name: &str) -> (String, String) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let log = server.command(&["log", "--json", "--user", name]);
        if let Some(line) = log.lines().last() {
            let row: Value = serde_json::from_str(line).must("a line of JSON");
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            return (text("reason"), text("method"));
        }
        assert!(Instant::now() < deadline, "no record of {name}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_spelling_of_name_and_station_is_the_same_device() {
    let server = start("");
    for name in SPELLINGS {
        for station in STATIONS {
            let ended = ask(&server, name, station, "User-Password = \"\"");
            accepted(&ended);
            assert!(
                ended.stdout.contains("Mikrotik-Wireless-VLANID = 7"),
                "{}",
                ended.said()
            );
        }
    }
    assert_eq!(newest(&server, SPELLINGS[0]).1, "MAC");
}

#[test]
fn a_password_that_is_the_name_proves_as_little_as_none() {
    let server = start("");
    for name in SPELLINGS {
        for attribute in ["User-Password", "CHAP-Password"] {
            accepted(&ask(
                &server,
                name,
                STATIONS[1],
                &format!("{attribute} = \"{name}\""),
            ));
        }
    }
    accepted(&ask(&server, PRINTER, STATIONS[0], ""));
    // The switch of another vendor says that it asks for an address.
    let call_check = format!("Service-Type = Call-Check\nUser-Password = \"{PRINTER}\"");
    accepted(&ask(&server, PRINTER, STATIONS[1], &call_check));
}

#[test]
fn an_address_with_another_password_or_station_is_no_device() {
    let server = start("");
    rejected(&ask(
        &server,
        PRINTER,
        STATIONS[0],
        "User-Password = \"secret\"",
    ));
    rejected(&ask(
        &server,
        PRINTER,
        STATIONS[0],
        "CHAP-Password = \"secret\"",
    ));
    rejected(&ask(&server, PRINTER, STRANGER, "User-Password = \"\""));
    let name = format!("MS-CHAP-Password = \"{PRINTER}\"");
    rejected(&ask(&server, PRINTER, STATIONS[0], &name));
}

#[test]
fn who_is_not_defined_is_refused_with_the_reason() {
    let server = start("");
    rejected(&ask(&server, STRANGER, STRANGER, "User-Password = \"\""));
    let told = newest(&server, STRANGER);
    assert_eq!(told, ("unknown_device".to_owned(), "MAC".to_owned()));
    let phone = "DA:A1:19:00:00:01";
    rejected(&ask(&server, phone, phone, "User-Password = \"\""));
    assert_eq!(newest(&server, phone).0, "random_address");
}

#[test]
fn guests_get_their_vlan_where_that_was_chosen() {
    let server = start("[mac]\nunknown = \"group:guests\"\n");
    let ended = ask(&server, STRANGER, STRANGER, "User-Password = \"\"");
    accepted(&ended);
    let vlan = "Tunnel-Private-Group-Id:1 = \"30\"";
    assert!(ended.stdout.contains(vlan), "{}", ended.said());
    let phone = "DA:A1:19:00:00:01";
    rejected(&ask(&server, phone, phone, "User-Password = \"\""));
}
