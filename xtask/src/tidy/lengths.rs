//! Lengths: functions, files, lines; and reminders that nobody will be reminded of.

use proc_macro2::Span;
use syn::visit::{self, Visit};

use super::Violation;
use super::tree::{Source, Tree, has_extension};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 700;
const COLUMNS: usize = 100;
/// Stands alone on a line of a file that may be longer, followed by the reason.
const FILE_EXCEPTION: &str = "// tidy: file-length: ";
/// Words for work left undone, spelt so that this file does not hold them.
const REMINDERS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Checks every Rust file for length and every text file for reminders.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in tree.sources().iter().filter(|source| !source.generated) {
        file(source, &mut violations);
        columns(source, &mut violations);
        let mut functions = Functions {
            source,
            violations: &mut violations,
        };
        functions.visit_file(&source.ast);
    }
    for (path, text) in tree.texts() {
        reminders(path, text, &mut violations);
    }
    violations
}

fn file(source: &Source, violations: &mut Vec<Violation>) {
    let lines = source.text.lines().count();
    let excused = source.text.lines().any(|line| {
        line.strip_prefix(FILE_EXCEPTION)
            .is_some_and(|reason| !reason.trim().is_empty())
    });
    if lines > FILE_LINES && !excused {
        violations.push(Violation {
            path: source.path.clone(),
            line: 0,
            rule: "file-length",
            what: format!("{lines} lines, {FILE_LINES} are allowed"),
            cure: "split it by subject, or say `// tidy: file-length: REASON` on a line of its own",
        });
    }
}

fn columns(source: &Source, violations: &mut Vec<Violation>) {
    for (index, line) in source.text.lines().enumerate() {
        let width = line.chars().count();
        if width > COLUMNS && !is_unbreakable(line) {
            violations.push(Violation {
                path: source.path.clone(),
                line: index + 1,
                rule: "columns",
                what: format!("{width} columns, {COLUMNS} are allowed"),
                cure: "run `cargo fmt`, and break by hand what it leaves",
            });
        }
    }
}

/// A URL or a long literal alone on its line cannot be broken.
fn is_unbreakable(line: &str) -> bool {
    let content = line.trim().trim_start_matches(['/', '!', '*', '-']).trim();
    !content.contains(char::is_whitespace)
}

struct Functions<'a> {
    source: &'a Source,
    violations: &'a mut Vec<Violation>,
}

impl Functions<'_> {
    fn measure(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature, end: Span) {
        let start = signature.fn_token.span.start().line;
        let lines = end.end().line.saturating_sub(start) + 1;
        if lines > FUNCTION_LINES && !attributes.iter().any(is_excuse) {
            self.violations.push(Violation {
                path: self.source.path.clone(),
                line: start,
                rule: "function-length",
                what: format!(
                    "`{}` has {lines} lines, {FUNCTION_LINES} are allowed",
                    signature.ident
                ),
                cure: "name its parts, or `#[expect(clippy::too_many_lines, reason = \"..\")]`",
            });
        }
    }
}

fn is_excuse(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let text = list.tokens.to_string();
    list.path.is_ident("expect") && text.contains("too_many_lines") && text.contains("reason")
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.attrs, &item.sig, item.block.brace_token.span.close());
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.attrs, &item.sig, item.block.brace_token.span.close());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.attrs, &item.sig, block.brace_token.span.close());
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn reminders(path: &str, text: &str, violations: &mut Vec<Violation>) {
    for (index, line) in text.lines().enumerate() {
        // In prose, a word between backticks is spoken about, not used.
        let said = if has_extension(path, "md") {
            without_code_spans(line)
        } else {
            line.into()
        };
        for word in REMINDERS {
            if let Some(after) = after_word(&said, word)
                && !names_an_issue(after)
            {
                violations.push(Violation {
                    path: path.to_owned(),
                    line: index + 1,
                    rule: "reminder",
                    what: format!("`{word}` without an issue"),
                    cure: "do it now, or open an issue and name it: `#123`",
                });
            }
        }
    }
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).find_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let after = text.get(at + word.len()..)?;
        let stands_alone = !before.is_some_and(is_letter) && !after.starts_with(is_letter);
        stands_alone.then_some(after)
    })
}

fn names_an_issue(text: &str) -> bool {
    text.split('#')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
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

    fn function(body_lines: usize, attribute: &str) -> String {
        format!(
            "{attribute}\nfn f() {{\n{}}}\n",
            "    g();\n".repeat(body_lines)
        )
    }

    #[test]
    fn a_function_of_seventy_lines_passes_and_one_more_does_not() {
        assert_eq!(rules("a.rs", &function(68, "")), []);
        assert_eq!(rules("a.rs", &function(69, "")), [("function-length", 2)]);
    }

    #[test]
    fn methods_defaults_and_nested_functions_are_measured() {
        let long = function(69, "");
        assert_eq!(rules("a.rs", &format!("impl A {{ {long} }}")).len(), 1);
        assert_eq!(rules("a.rs", &format!("trait A {{ {long} }}")).len(), 1);
        let nested = rules("a.rs", &format!("fn outer() {{ {long} }}"));
        assert_eq!(
            nested.len(),
            2,
            "both the outer and the inner function are too long"
        );
    }

    #[test]
    fn an_exception_needs_its_reason() {
        let excused = "#[expect(clippy::too_many_lines, reason = \"a table\")]";
        assert_eq!(rules("a.rs", &function(90, excused)), []);
        let bare = "#[expect(clippy::too_many_lines)]";
        assert_eq!(rules("a.rs", &function(90, bare)), [("function-length", 2)]);
    }

    #[test]
    fn long_files_need_a_reason_unless_generated() {
        let long = "const A: u8 = 1;\n".repeat(701);
        assert_eq!(rules("a.rs", &long), [("file-length", 0)]);
        assert_eq!(
            rules("a.rs", &format!("// tidy: file-length: one table\n{long}")),
            []
        );
        assert_eq!(
            rules("a.rs", &format!("// tidy: file-length: \n{long}")),
            [("file-length", 0)]
        );
        assert_eq!(rules("a.rs", &format!("// @generated\n{long}")), []);
    }

    #[test]
    fn wide_lines_are_refused_unless_they_cannot_be_broken() {
        let words = format!("// {}\n", "word ".repeat(20));
        assert_eq!(rules("a.rs", &words), [("columns", 1)]);
        assert_eq!(
            rules(
                "a.rs",
                &format!("/// See https://{}\nfn f() {{}}", "a".repeat(100))
            )
            .len(),
            1
        );
        assert_eq!(
            rules(
                "a.rs",
                &format!("/// https://{}\nfn f() {{}}", "a".repeat(100))
            ),
            []
        );
    }

    #[test]
    fn reminders_need_an_issue() {
        let word = REMINDERS[0];
        assert_eq!(
            rules("a.rs", &format!("// {word}: later\n")),
            [("reminder", 1)]
        );
        assert_eq!(rules("a.rs", &format!("// {word}(#12): later\n")), []);
        assert_eq!(
            rules("a.md", &format!("no `{word}` without an issue\n")),
            []
        );
        assert_eq!(
            rules("a.md", &format!("{word} write this\n")),
            [("reminder", 1)]
        );
        assert_eq!(rules("a.sh", "mktemp -d /tmp/a.XXXXXX\n"), []);
    }
}
