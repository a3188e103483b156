//! The RouterOS of our tests against libraries that were written for routers, so that it is not
//! merely the mirror of our own client.

use portreeve_interop::routeros::{PASSWORD, RouterOs, VERSIONS, script};
use serde_json::{Value, json};

/// The log-in that a version knows: with a challenge before 6.43.
fn how(version: &str) -> &'static str {
    if version == "6.42" { "token" } else { "plain" }
}

fn is_six(version: &str) -> bool {
    version.starts_with('6')
}

#[track_caller]
fn told(version: &str, told: &Value, name: &str, wanted: Value) {
    assert_eq!(told[name], wanted, "RouterOS {version}: {name}\n{told:#}");
}

#[test]
fn librouteros_works_unchanged_on_every_version() {
    for version in VERSIONS {
        let router = RouterOs::start(version, &[]);
        let said = script("with_librouteros.py", &router, how(version));
        let is = |name: &str, wanted: Value| told(version, &said, name, wanted);
        let refusal = if version == "6.42" {
            "cannot log in"
        } else {
            "invalid user name or password (6)"
        };
        is("wrong password", json!([refusal]));
        assert!(
            said["version"]
                .as_str()
                .is_some_and(|text| text.starts_with(version))
        );
        is("incoming", json!([false, 3799]));
        is("before", json!(0));
        is("ids", json!(["*1", "*2"]));
        let first = json!({
            ".id": "*1", "address": "10.0.0.1", "disabled": true, "timeout": "3s",
        });
        is("first", json!([first]));
        is("either", json!(2));
        is("enabled", json!(["10.0.0.2"]));
        is("moved", json!(true));
        is("order", json!(["10.0.0.2", "10.0.0.1"]));
        is("enum", json!(["input does not match any value of service"]));
        is("missing", json!(["no such item"]));
        is("after", json!(0));
        is("fatal", json!("not logged in"));
        if is_six(version) {
            is("parameter", json!(["unknown parameter"]));
            is("command", json!(["no such command"]));
            is("menu", json!(["no such command prefix"]));
        } else {
            is("parameter", json!(["unknown parameter nothing"]));
            let both = [
                "no such command or directory (frobnicate)",
                "no such command",
            ];
            is("command", json!(both));
            let both = [
                "no such command or directory (no)",
                "no such command prefix",
            ];
            is("menu", json!(both));
        }
        let names = [
            "api", "api-ssl", "ftp", "ssh", "telnet", "winbox", "www", "www-ssl",
        ];
        is("services", json!(names));
    }
}

#[test]
fn routeros_api_works_unchanged_on_every_version() {
    for version in VERSIONS {
        let router = RouterOs::start(version, &[]);
        let said = script("with_routeros_api.py", &router, how(version));
        let is = |name: &str, wanted: Value| told(version, &said, name, wanted);
        let refusal = said["wrong password"].as_str().unwrap_or_default();
        let wanted = if version == "6.42" {
            "cannot log in"
        } else {
            "invalid user name or password (6)"
        };
        assert!(refusal.contains(wanted), "RouterOS {version}: {refusal}");
        assert!(
            said["version"]
                .as_str()
                .is_some_and(|text| text.starts_with(version))
        );
        is("before", json!(["default", "default-encryption"]));
        is("guests", json!(["yes", "1M/1M"]));
        is("changed", json!("no"));
        is("query", json!(["guests"]));
        is(
            "again",
            json!("failure: profile with the same name already exists"),
        );
        is("enum", json!("input does not match any value of only-one"));
        is("after", json!(["default", "default-encryption"]));
        is("gone", json!("no such item"));
        is("none", json!([]));
        assert!(!router.said().contains(PASSWORD));
    }
}
