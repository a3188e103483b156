//! Every reason for silence or refusal is documented, has its own label and is tested.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};

use super::Violation;
use super::tokens::Kind;
use super::tree::{Tree, has_extension};

/// The closed lists and the crate each lives in.
const LISTS: [(&str, &str); 3] = [
    ("Discard", "crates/proto/src/"),
    ("Hangup", "crates/portreeve/src/"),
    ("Refusal", "crates/aaa/src/"),
];
const REFERENCE: &str = "docs/reference/";

/// Checks every list against the reference pages and the tests.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    LISTS
        .iter()
        .flat_map(|(name, home)| check_list(tree, name, home))
        .collect()
}

/// One reason: its variant, where it stands and how it is counted.
struct Reason {
    variant: String,
    path: String,
    line: usize,
    label: String,
}

fn check_list(tree: &Tree, name: &str, home: &str) -> Vec<Violation> {
    let reasons = reasons(tree, name, home);
    if reasons.is_empty() {
        return vec![Violation {
            path: home.to_owned(),
            line: 0,
            rule: "reasons",
            what: format!("no `enum {name}` with variants"),
            cure: "the closed list lives here; say every reason in it",
        }];
    }
    let mut violations = Vec::new();
    let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
    for reason in &reasons {
        let mut say = |what: String, cure: &'static str| {
            let (path, line) = (reason.path.clone(), reason.line);
            violations.push(Violation {
                path,
                line,
                rule: "reasons",
                what,
                cure,
            });
        };
        let Reason { variant, label, .. } = reason;
        if let Some(other) = labels.insert(label, variant) {
            say(
                format!("`{name}::{variant}` and `{name}::{other}` share the label `{label}`"),
                "one label for one reason",
            );
        }
        if !is_documented(tree, label) {
            say(
                format!("`{label}` (`{name}::{variant}`) is not in {REFERENCE}*.md"),
                "describe it there between backticks: what the peer did, what to do about it",
            );
        }
        if !is_tested(tree, name, variant, label) {
            say(
                format!("no test uses `{name}::{variant}`"),
                "write the test that provokes it",
            );
        }
    }
    violations
}

fn reasons(tree: &Tree, name: &str, home: &str) -> Vec<Reason> {
    let mut found = Finder {
        name,
        variants: Vec::new(),
        labels: BTreeMap::new(),
        path: "",
    };
    for source in tree
        .sources()
        .iter()
        .filter(|source| source.path.starts_with(home))
    {
        found.path = &source.path;
        found.visit_file(&source.ast);
    }
    let Finder {
        variants, labels, ..
    } = found;
    let reason = |(variant, path, line): (String, String, usize)| Reason {
        label: labels
            .get(&variant)
            .cloned()
            .unwrap_or_else(|| snake_case(&variant)),
        variant,
        path,
        line,
    };
    variants.into_iter().map(reason).collect()
}

/// Collects the variants of one enum and the arms of its `label` method.
struct Finder<'a> {
    name: &'a str,
    path: &'a str,
    variants: Vec<(String, String, usize)>,
    labels: BTreeMap<String, String>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if item.ident == self.name {
            for variant in &item.variants {
                let line = variant.ident.span().start().line;
                self.variants
                    .push((variant.ident.to_string(), self.path.to_owned(), line));
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let syn::Type::Path(owner) = &*item.self_ty else {
            return;
        };
        let last = owner.path.segments.last();
        if last.is_none_or(|segment| segment.ident != self.name) {
            return;
        }
        for inner in &item.items {
            if let syn::ImplItem::Fn(method) = inner
                && method.sig.ident == "label"
            {
                let mut arms = Arms {
                    labels: &mut self.labels,
                };
                arms.visit_block(&method.block);
            }
        }
    }
}

struct Arms<'a> {
    labels: &'a mut BTreeMap<String, String>,
}

impl<'ast> Visit<'ast> for Arms<'_> {
    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let mut parts = ArmParts::default();
        visit::visit_arm(&mut parts, arm);
        if let Some(label) = parts.label {
            for variant in parts.variants {
                self.labels.insert(variant, label.clone());
            }
        }
    }
}

/// The last names of the paths in an arm, and its string.
#[derive(Default)]
struct ArmParts {
    variants: Vec<String>,
    label: Option<String>,
}

impl<'ast> Visit<'ast> for ArmParts {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(last) = path.segments.last() {
            self.variants.push(last.ident.to_string());
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.label.get_or_insert(literal.value());
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn is_documented(tree: &Tree, label: &str) -> bool {
    let spellings = [
        format!("`{label}`"),
        format!("`{}`", label.replace('_', "-")),
    ];
    tree.texts()
        .filter(|(path, _)| path.starts_with(REFERENCE) && has_extension(path, "md"))
        .any(|(_, text)| spellings.iter().any(|spelling| text.contains(spelling)))
}

fn is_tested(tree: &Tree, name: &str, variant: &str, label: &str) -> bool {
    let quoted = format!("\"{label}\"");
    tree.sources().iter().any(|source| {
        let tokens = &source.tokens;
        tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| token.test)
            .any(|(index, token)| {
                let before =
                    |back: usize| index.checked_sub(back).map_or("", |at| &tokens[at].text);
                match token.kind {
                    // `Refusal::Unknown`, or `Unknown` alone after `use Refusal::*`,
                    // but not another list's `Discard::Unknown`.
                    Kind::Ident => {
                        token.text == variant
                            && (before(1) != ":" || ["Self", name].contains(&before(3)))
                    }
                    Kind::Literal => token.text == quoted,
                    Kind::Punct => false,
                }
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENUM: &str = "pub enum Discard { UnknownPeer, TooShort }
        impl Discard { pub fn label(self) -> &'static str { match self {
            Self::UnknownPeer => \"unknown_peer\", Self::TooShort => \"short\" } } }
        #[cfg(test)] mod tests { fn t() { assert_eq!(f(), Discard::UnknownPeer); } }";

    fn what(files: &[(&str, &str)]) -> Vec<String> {
        let violations = check_list(&Tree::of(files), "Discard", "crates/proto/src/");
        violations.into_iter().map(|v| v.what).collect()
    }

    #[test]
    fn a_missing_list_is_a_violation() {
        assert_eq!(what(&[]), ["no `enum Discard` with variants"]);
        assert_eq!(check(&Tree::of(&[])).len(), 3);
    }

    #[test]
    fn undocumented_and_untested_reasons_are_named() {
        let page = "| `unknown_peer` | ... |";
        let files = [
            ("crates/proto/src/discard.rs", ENUM),
            ("docs/reference/discards.md", page),
        ];
        assert_eq!(
            what(&files),
            [
                "`short` (`Discard::TooShort`) is not in docs/reference/*.md",
                "no test uses `Discard::TooShort`",
            ]
        );
    }

    #[test]
    fn kebab_case_pages_and_tests_elsewhere_count() {
        let files = [
            ("crates/proto/src/discard.rs", ENUM),
            ("docs/reference/discards.md", "`unknown-peer` and `short`"),
            (
                "crates/proto/tests/gates.rs",
                "fn t() { expect(\"short\") }",
            ),
        ];
        assert_eq!(what(&files), Vec::<String>::new());
    }

    #[test]
    fn the_variant_of_another_list_does_not_count() {
        let files = [
            ("crates/proto/src/discard.rs", ENUM),
            ("docs/reference/discards.md", "`unknown_peer` and `short`"),
            ("crates/aaa/tests/x.rs", "fn t() { Refusal::TooShort }"),
        ];
        assert_eq!(what(&files), ["no test uses `Discard::TooShort`"]);
    }

    #[test]
    fn a_label_serves_one_reason() {
        let code = "enum Discard { A, B } impl Discard { fn label(&self) -> &str {
            match self { Discard::A | Discard::B => \"same\" } } }
            #[cfg(test)] fn t() { (Discard::A, Discard::B) }";
        let files = [
            ("crates/proto/src/lib.rs", code),
            ("docs/reference/a.md", "`same`"),
        ];
        assert_eq!(
            what(&files),
            ["`Discard::B` and `Discard::A` share the label `same`"]
        );
    }

    #[test]
    fn without_a_readable_label_the_name_decides() {
        let code = "enum Discard { BadLength } #[cfg(test)] fn t() { Discard::BadLength }";
        let files = [
            ("crates/proto/src/lib.rs", code),
            ("docs/reference/a.md", "`bad_length`"),
        ];
        assert_eq!(what(&files), Vec::<String>::new());
    }
}
