//! The documents that must exist, and the code names in them that must still lead somewhere.

use super::Violation;
use super::index::Index;
use super::tree::{Tree, has_extension};

/// What a newcomer, a lawyer and a reporter of a hole look for.
const MANDATORY: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "NOTICE",
    "docs/life-of-a-request.md",
];
/// Whose names between backticks are promises.
const PROMISING: [&str; 2] = ["ARCHITECTURE.md", "docs/life-of-a-request.md"];
/// Folders of the house, so that a path into one that is gone is still known as a path.
const FOLDERS: [&str; 11] = [
    "crates",
    "dictionaries",
    "docs",
    "examples",
    "interop",
    "fuzz",
    "benches",
    "xtask",
    "packaging",
    ".ci",
    ".cargo",
];
const FILES: [&str; 6] = ["rs", "md", "toml", "py", "sh", "sql"];

/// Checks presence, then every name in the documents that promise.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = missing(tree);
    let index = Index::of(tree);
    for path in PROMISING {
        for (line, span) in code_spans(tree.text(path).unwrap_or_default()) {
            let problem = match Name::of(span) {
                Some(Name::Code(name)) if !index.resolves(&name) => "is defined nowhere",
                Some(Name::Path(name)) if !exists(tree, name) => "does not exist",
                _ => continue,
            };
            violations.push(Violation {
                path: path.to_owned(),
                line,
                rule: "documents",
                what: format!("`{span}` {problem}"),
                cure: "say what the code says now",
            });
        }
    }
    violations
}

fn missing(tree: &Tree) -> Vec<Violation> {
    let reference =
        |path: &String| path.starts_with("docs/reference/") && has_extension(path, "md");
    let mut absent: Vec<&str> = MANDATORY
        .into_iter()
        .filter(|name| !tree.paths().iter().any(|p| p == name))
        .collect();
    if !tree.paths().iter().any(reference) {
        absent.push("docs/reference/");
    }
    let violation = |path: &str| Violation {
        path: path.to_owned(),
        line: 0,
        rule: "documents",
        what: "is missing".to_owned(),
        cure: "write it; CONTRIBUTING.md says what each document is for",
    };
    absent.into_iter().map(violation).collect()
}

/// Text between backticks outside fenced blocks, with its line.
fn code_spans(text: &str) -> Vec<(usize, &str)> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|span| (index + 1, span)),
            );
        }
    }
    spans
}

/// What a code span speaks of, if it is something that can be looked up.
#[derive(Debug, PartialEq)]
enum Name<'a> {
    Code(String),
    Path(&'a str),
}

impl<'a> Name<'a> {
    fn of(span: &'a str) -> Option<Self> {
        if is_path(span) {
            return Some(Self::Path(span));
        }
        let called = span.split_once('(').map(|(name, _)| name);
        let head = called.unwrap_or(span).trim_start_matches('&');
        let head = head
            .split_once('<')
            .map_or(head, |(name, _)| name)
            .trim_end_matches('!');
        // `journal.append(record)` speaks of a method; `portreeve.toml` and `1.2` do not.
        let name = match (called, head.rsplit_once('.')) {
            (Some(_), Some((_, method))) => method,
            (None, Some(_)) => return None,
            (_, None) => head,
        };
        let name = name.trim_start_matches("::").trim_end_matches("::*");
        let words: Vec<&str> = name.split("::").collect();
        if !words.iter().all(|word| is_identifier(word)) {
            return None;
        }
        let telling = words.len() > 1 || called.is_some() || is_camel_case(name);
        telling.then(|| Self::Code(name.to_owned()))
    }
}

fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/*<>".contains(c);
    if !span.chars().all(plain) || span.starts_with('/') {
        return false;
    }
    let folder = span
        .split('/')
        .next()
        .is_some_and(|first| FOLDERS.contains(&first));
    let file = FILES.iter().any(|extension| has_extension(span, extension));
    (span.contains('/') && (folder || file)) || has_extension(span, "rs")
}

fn is_identifier(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !word.is_empty() && word.chars().all(letters) && !word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_camel_case(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && !word.contains('_')
}

/// A file, a folder, or a pattern with `*` or `<name>` that something matches.
fn exists(tree: &Tree, name: &str) -> bool {
    let name = name.trim_end_matches('/');
    tree.paths().iter().any(|path| {
        // `src/lib.rs` may be said in a passage about one crate.
        let starts = path
            .match_indices('/')
            .map(|(at, _)| at + 1)
            .filter(|_| name.contains(".rs"));
        std::iter::once(0)
            .chain(starts)
            .any(|at| matches(&path[at..], name))
    })
}

fn matches(path: &str, pattern: &str) -> bool {
    let wanted = pattern.split('/');
    let mut found = path.split('/');
    wanted.into_iter().all(|part| match (part, found.next()) {
        (_, None) => false,
        (part, Some(name)) if part.contains('*') => {
            let (head, tail) = part.split_once('*').unwrap_or((part, ""));
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
        (part, Some(_)) if part.starts_with('<') => true,
        (part, Some(name)) => part == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(architecture: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", architecture),
            (
                "crates/proto/src/lib.rs",
                "pub struct Endpoint; impl Endpoint { fn receive() {} }",
            ),
        ]);
        let violations = check(&tree).into_iter();
        violations
            .filter(|v| v.what != "is missing")
            .map(|v| v.what)
            .collect()
    }

    #[test]
    fn mandatory_documents_are_missed() {
        let violations = check(&Tree::of(&[("README.md", ""), ("docs/reference/a.md", "")]));
        assert_eq!(violations.len(), MANDATORY.len() - 1);
        assert!(
            check(&Tree::of(&[]))
                .iter()
                .any(|v| v.path == "docs/reference/")
        );
    }

    #[test]
    fn names_that_still_stand_pass() {
        let text = "`Endpoint`, `proto::Endpoint`, `Endpoint::receive(now, from)`, `receive()`,
            `endpoint.receive(x)`, `crates/proto`, `crates/*/src/lib.rs`, `crates/<name>/src`,
            `src/lib.rs`, `lib.rs`, `Arc<Endpoint>`: `std::sync::Arc`, `&Endpoint`";
        let found = what(text);
        assert_eq!(
            found,
            ["`Arc<Endpoint>` is defined nowhere"],
            "Arc is imported by nobody"
        );
    }

    #[test]
    fn names_that_are_gone_are_listed() {
        let text = "`Gone` `proto::gone` `gone()` `x.gone()`\n`crates/gone/` `gone.rs` `docs/x.md`";
        assert_eq!(what(text).len(), 7, "{:?}", what(text));
    }

    #[test]
    fn words_that_are_not_names_are_left_alone() {
        let text = "`cargo xtask test`, `portreeve serve`, `user`, `Message-Authenticator`, `1812`,
            `application/json`, `192.0.2.0/24`, `portreeve.toml`, `--config FILE`, `SO_REUSEPORT`
            \n```\nlet x = Gone::new();\n```\n";
        assert_eq!(what(text), Vec::<String>::new());
    }
}
