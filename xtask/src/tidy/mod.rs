//! `cargo xtask tidy`: what a program can check about how the house is kept.

mod documents;
mod edges;
mod index;
mod lengths;
mod names;
mod reasons;
mod samples;
mod tokens;
mod tree;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use tree::Tree;

/// One broken rule, where it is broken and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    /// Counted from one; zero stands for the whole file.
    line: usize,
    rule: &'static str,
    what: String,
    cure: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.path)?,
            line => write!(f, "{}:{line}: ", self.path)?,
        }
        write!(f, "[{}] {}\n    cure: {}", self.rule, self.what, self.cure)
    }
}

/// Checks the tree below `root` and lists every violation at once.
pub(crate) fn run(root: &Path) -> ExitCode {
    let tree = match Tree::load(root) {
        Ok(tree) => tree,
        Err(error) => {
            println!("tidy: the tree cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut violations = check(&tree);
    violations.extend(edges::check_workspace(root));
    violations.extend(samples::check(root, &tree));
    violations.sort();
    violations.dedup();
    for violation in &violations {
        println!("{violation}");
    }
    let sources = tree.sources().len();
    println!(
        "tidy: {sources} Rust files, {} violations",
        violations.len()
    );
    if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The rules that need nothing but the files.
fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<Violation> = tree.unparsed().to_vec();
    violations.extend(lengths::check(tree));
    violations.extend(names::check(tree));
    violations.extend(reasons::check(tree));
    violations.extend(documents::check(tree));
    violations
}
