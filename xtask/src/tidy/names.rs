//! Names that say nothing, vendors out of place, `unsafe` out of place, tests put to sleep.

use syn::visit::{self, Visit};

use super::Violation;
use super::tokens::{Kind, Token};
use super::tree::{Source, Tree, has_extension};

/// What a thing is called when nobody knows what it is.
const BANNED: [&str; 9] = [
    "common", "core", "util", "utils", "helper", "helpers", "misc", "manager", "types",
];

/// Crates that know no vendor, and where in them vendors may be named after all.
const VENDOR_FREE: [(&str, &[&str]); 4] = [
    ("crates/proto/", &["/attr", "/dict"]),
    ("crates/auth/", &[]),
    ("crates/portreeve/", &[]),
    ("crates/aaa/", &["/dialect"]),
];

/// Makers of network devices. Microsoft and Ascend are not among them: their names belong to
/// methods and to a way of hiding.
const VENDORS: [&str; 14] = [
    "mikrotik", "routeros", "cisco", "juniper", "huawei", "aruba", "ruckus", "ubiquiti", "unifi",
    "meraki", "fortinet", "cambium", "zyxel", "draytek",
];

const UNSAFE_HOME: &str = "crates/udp/";

/// Checks what crates and modules are called, and what code names.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for path in tree.paths() {
        banned_path(path, &mut violations);
    }
    for source in tree.sources() {
        let mut modules = Modules {
            source,
            violations: &mut violations,
        };
        modules.visit_file(&source.ast);
        unsafe_code(source, &mut violations);
        vendors(source, &mut violations);
        sleeping_tests(source, &mut violations);
    }
    for (path, text) in tree
        .texts()
        .filter(|(path, _)| path.ends_with("Cargo.toml"))
    {
        banned_package(path, text, &mut violations);
    }
    violations
}

fn banned_path(path: &str, violations: &mut Vec<Violation>) {
    if !has_extension(path, "rs") {
        return;
    }
    let stem = path.trim_end_matches(".rs");
    if let Some(word) = stem.split('/').find(|part| BANNED.contains(part)) {
        violations.push(banned(path, 0, "module", word));
    }
}

fn banned_package(path: &str, text: &str, violations: &mut Vec<Violation>) {
    for (index, line) in text.lines().enumerate() {
        let Some(name) = line
            .strip_prefix("name = \"")
            .and_then(|rest| rest.split('"').next())
        else {
            continue;
        };
        let own = name.strip_prefix("portreeve-").unwrap_or(name);
        if BANNED.contains(&own) {
            violations.push(banned(path, index + 1, "package", name));
        }
    }
}

fn banned(path: &str, line: usize, kind: &str, name: &str) -> Violation {
    Violation {
        path: path.to_owned(),
        line,
        rule: "name",
        what: format!("a {kind} called `{name}`"),
        cure: "name it after the one thing it does",
    }
}

struct Modules<'a> {
    source: &'a Source,
    violations: &'a mut Vec<Violation>,
}

impl<'ast> Visit<'ast> for Modules<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        // A module in a file of its own is found by its path.
        if item.content.is_some() && BANNED.contains(&name.as_str()) {
            let line = item.ident.span().start().line;
            self.violations
                .push(banned(&self.source.path, line, "module", &name));
        }
        visit::visit_item_mod(self, item);
    }
}

fn unsafe_code(source: &Source, violations: &mut Vec<Violation>) {
    if source.path.starts_with(UNSAFE_HOME) {
        return;
    }
    let is_unsafe = |token: &&Token| token.kind == Kind::Ident && token.text == "unsafe";
    for token in source.tokens.iter().filter(is_unsafe) {
        violations.push(Violation {
            path: source.path.clone(),
            line: token.line,
            rule: "unsafe",
            what: "`unsafe` outside crates/udp".to_owned(),
            cure: "do it in safe code, or move it behind a safe function of crates/udp",
        });
    }
}

fn vendors(source: &Source, violations: &mut Vec<Violation>) {
    let home = VENDOR_FREE
        .iter()
        .find(|(home, _)| source.path.starts_with(home));
    let Some((_, allowed)) = home else { return };
    if allowed.iter().any(|part| source.path.contains(part)) {
        return;
    }
    let code = source
        .tokens
        .iter()
        .filter(|token| !token.test && token.kind != Kind::Punct);
    for token in code {
        let text = token.text.to_lowercase();
        if let Some(vendor) = VENDORS.iter().find(|vendor| text.contains(**vendor)) {
            violations.push(Violation {
                path: source.path.clone(),
                line: token.line,
                rule: "vendor",
                what: format!("`{vendor}` in code that knows no vendor"),
                cure: "speak of the meaning here, and spell it in `proto::attr` or `aaa::dialect`",
            });
        }
    }
}

/// A test may be ignored only with an issue that will wake it.
fn sleeping_tests(source: &Source, violations: &mut Vec<Violation>) {
    for (index, token) in source.tokens.iter().enumerate() {
        let attribute = index > 0 && source.tokens[index - 1].text == "#";
        if !attribute || token.kind != Kind::Ident || token.text != "ignore" {
            continue;
        }
        let reason = source
            .tokens
            .get(index + 2)
            .map_or("", |reason| reason.text.as_str());
        if !reason.contains('#') {
            violations.push(Violation {
                path: source.path.clone(),
                line: token.line,
                rule: "ignored-test",
                what: "an ignored test without an issue".to_owned(),
                cure: "mend it, delete it, or `#[ignore = \"#123: why\"]`",
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(&Tree::of(&[(path, text)]))
            .iter()
            .map(|v| (v.rule, v.line))
            .collect()
    }

    #[test]
    fn names_that_say_nothing_are_refused_wherever_they_stand() {
        assert_eq!(rules("crates/aaa/src/util.rs", ""), [("name", 0)]);
        assert_eq!(rules("crates/aaa/tests/common/mod.rs", ""), [("name", 0)]);
        assert_eq!(
            rules("crates/aaa/src/lib.rs", "mod types { }"),
            [("name", 1)]
        );
        assert_eq!(
            rules("crates/x/Cargo.toml", "name = \"portreeve-core\""),
            [("name", 1)]
        );
        assert_eq!(rules("crates/aaa/src/session.rs", "mod stores {}"), []);
    }

    #[test]
    fn unsafe_lives_in_udp_only() {
        let code = "fn f() {\n    unsafe { g() }\n}";
        assert_eq!(rules("crates/proto/src/lib.rs", code), [("unsafe", 2)]);
        assert_eq!(rules("crates/udp/src/lib.rs", code), []);
        let words = "#![forbid(unsafe_code)]\n// unsafe\nconst A: &str = \"unsafe\";";
        assert_eq!(rules("crates/proto/src/lib.rs", words), []);
    }

    #[test]
    fn vendors_are_named_in_their_own_places_only() {
        let code = "fn f() { x(\"Mikrotik-Rate-Limit\") }";
        assert_eq!(rules("crates/auth/src/lib.rs", code), [("vendor", 1)]);
        assert_eq!(rules("crates/aaa/src/dialect/mikrotik.rs", code), []);
        assert_eq!(rules("crates/proto/src/attr/mikrotik.rs", code), []);
        assert_eq!(rules("crates/daemon/src/lib.rs", code), []);
        assert_eq!(
            rules(
                "crates/portreeve/src/lib.rs",
                "/// For MikroTik.\nfn f() {}"
            ),
            []
        );
        assert_eq!(rules("crates/portreeve/examples/a.rs", code), []);
        let tested = "#[cfg(test)] mod tests { fn f() { cisco() } }";
        assert_eq!(rules("crates/proto/src/lib.rs", tested), []);
    }

    #[test]
    fn an_ignored_test_names_its_issue() {
        let path = "crates/aaa/src/lib.rs";
        assert_eq!(
            rules(path, "#[test]\n#[ignore]\nfn f() {}"),
            [("ignored-test", 2)]
        );
        assert_eq!(
            rules(path, "#[test]\n#[ignore = \"later\"]\nfn f() {}"),
            [("ignored-test", 2)]
        );
        assert_eq!(
            rules(path, "#[test]\n#[ignore = \"#7: no IPv6\"]\nfn f() {}"),
            []
        );
    }
}
