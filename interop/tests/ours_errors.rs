//! What an administrator is told when something is wrong.

use std::net::UdpSocket;

use portreeve_interop::portreeve::{Home, listen};
use portreeve_interop::tools::{self, Ended};
use portreeve_interop::{Must as _, Ports};

fn serve(home: &Home) -> Ended {
    tools::run(&mut home.serve(), "")
}

#[test]
fn a_port_in_use_ends_the_server_with_a_message_that_names_it() {
    let ports = Ports::free();
    let _taken = UdpSocket::bind(ports.auth_v4()).must("take the port");
    let home = Home::new();
    home.configure(&listen(ports));
    let ended = serve(&home);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
    assert!(
        ended.stderr.contains(&ports.auth_v4().to_string()),
        "{}",
        ended.said()
    );
    assert!(ended.stderr.contains("in use"), "{}", ended.said());
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_a_suggestion() {
    let home = Home::new();
    let text = listen(Ports::free()).replace("accounting =", "acounting =");
    home.configure(&text);
    let ended = serve(&home);
    assert_eq!(ended.code, Some(78), "{}", ended.said());
    assert!(
        ended.stderr.contains("portreeve.toml:3:1"),
        "{}",
        ended.said()
    );
    assert!(ended.stderr.contains("acounting"), "{}", ended.said());
    assert!(
        ended.stderr.contains("`accounting`"),
        "no suggestion: {}",
        ended.said()
    );
}

#[test]
fn check_finds_the_same_fault_without_starting_anything() {
    let home = Home::new();
    home.configure("[listen]\nauth = [\"127.0.0.1:1\"]\nport = 3\n");
    let config = home.path("portreeve.toml").display().to_string();
    let ended = home.try_command(&["check", "--config", &config]);
    assert_eq!(ended.code, Some(78), "{}", ended.said());
    assert!(
        ended.stderr.contains("portreeve.toml:3:1"),
        "{}",
        ended.said()
    );
}

#[test]
fn all_faults_are_reported_at_once() {
    let home = Home::new();
    home.configure("[listen]\nauth = [\"nowhere\"]\nfirst = 1\nsecond = 2\n");
    let config = home.path("portreeve.toml").display().to_string();
    let ended = home.try_command(&["check", "--config", &config]);
    assert_eq!(ended.code, Some(78), "{}", ended.said());
    for place in [
        "portreeve.toml:2:",
        "portreeve.toml:3:",
        "portreeve.toml:4:",
    ] {
        assert!(
            ended.stderr.contains(place),
            "{place} is missing: {}",
            ended.said()
        );
    }
}

#[test]
fn status_fails_when_no_server_runs() {
    let home = Home::new();
    let ended = home.try_command(&["status"]);
    assert_eq!(ended.code, Some(1), "{}", ended.said());
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let home = Home::new();
    assert_eq!(home.try_command(&["user", "add"]).code, Some(2));
    assert_eq!(home.try_command(&["user", "show", "nobody"]).code, Some(1));
}

#[cfg(unix)]
#[test]
fn nothing_in_the_data_directory_can_be_read_by_others() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    home.command(&["user", "add", "bob", "--password", "hello world"]);
    let mut folders = vec![home.path("data")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).must("the data directory") {
            let path = entry.must("an entry").path();
            let metadata = path.metadata().must("its metadata");
            let mode = metadata.permissions().mode();
            assert_eq!(mode & 0o007, 0, "{} has mode {mode:o}", path.display());
            seen += 1;
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(seen > 0, "there is nothing in the data directory");
}
