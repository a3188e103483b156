//! The files of the repository, read once for every rule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::Violation;
use super::tokens::{self, Token};

/// The first line of a file that a program wrote.
const GENERATED: &str = "// @generated";
/// Extensions (or whole names) of the files whose text a rule may want.
const TEXT: [&str; 8] = ["rs", "md", "toml", "py", "sh", "yml", "yaml", "run"];

/// One Rust file.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) ast: syn::File,
    pub(crate) tokens: Vec<Token>,
    /// Written by a program: lengths are nobody's fault.
    pub(crate) generated: bool,
}

/// Every file that is not ignored, by its path from the root with `/` between folders.
pub(crate) struct Tree {
    texts: BTreeMap<String, String>,
    paths: Vec<String>,
    sources: Vec<Source>,
    unparsed: Vec<Violation>,
}

impl Tree {
    /// Reads the files that git tracks or would track, or all of them outside a git checkout.
    pub(crate) fn load(root: &Path) -> io::Result<Self> {
        let paths = git_files(root).map_or_else(|| walk(root), Ok)?;
        let mut texts = BTreeMap::new();
        for path in &paths {
            if is_text(path) {
                let bytes = fs::read(root.join(path))?;
                texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(Self::new(paths, texts))
    }

    /// A tree that exists in memory only.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let texts = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Self::new(paths, texts.collect())
    }

    fn new(mut paths: Vec<String>, texts: BTreeMap<String, String>) -> Self {
        paths.sort();
        let mut sources = Vec::new();
        let mut unparsed = Vec::new();
        for (path, text) in texts.iter().filter(|(path, _)| has_extension(path, "rs")) {
            match parse(path, text) {
                Ok(source) => sources.push(source),
                Err(error) => unparsed.push(Violation {
                    path: path.clone(),
                    line: error.span().start().line,
                    rule: "syntax",
                    what: format!("not Rust: {error}"),
                    cure: "make it compile first",
                }),
            }
        }
        Self {
            texts,
            paths,
            sources,
            unparsed,
        }
    }

    /// Every path, sorted.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The Rust files that parse.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The Rust files that do not.
    pub(crate) fn unparsed(&self) -> &[Violation] {
        &self.unparsed
    }

    /// Every text file with its path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }
}

/// Whether `path` ends with `.extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

fn parse(path: &str, text: &str) -> syn::Result<Source> {
    let stream: proc_macro2::TokenStream = text.parse().map_err(syn::Error::from)?;
    Ok(Source {
        path: path.to_owned(),
        text: text.to_owned(),
        ast: syn::parse_file(text)?,
        tokens: tokens::flatten(stream, is_test_file(path)),
        generated: text.starts_with(GENERATED),
    })
}

/// Files that exist only to test.
fn is_test_file(path: &str) -> bool {
    path.starts_with("interop/")
        || path.starts_with("fuzz/")
        || path.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|folder| path.contains(folder))
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit('.').next().unwrap_or(name);
    TEXT.contains(&extension) && !path.contains("/corpus/")
}

fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let present = listing.split('\0').filter(|path| root.join(path).is_file());
    Some(present.map(str::to_owned).collect())
}

fn walk(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(entry.path());
                }
            } else if let Ok(path) = entry.path().strip_prefix(root) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_rust_is_a_violation() {
        let tree = Tree::of(&[("crates/a/src/lib.rs", "fn f( {}")]);
        assert_eq!(tree.unparsed().len(), 1);
        assert!(tree.sources().is_empty());
    }

    #[test]
    fn generated_files_are_known_by_their_first_line() {
        let tree = Tree::of(&[
            (
                "crates/a/src/a.rs",
                "// @generated by xtask\nconst A: u8 = 1;\n",
            ),
            ("crates/a/src/b.rs", "const B: u8 = 1; // @generated\n"),
        ]);
        let generated: Vec<bool> = tree
            .sources()
            .iter()
            .map(|source| source.generated)
            .collect();
        assert_eq!(generated, [true, false]);
    }

    #[test]
    fn a_tree_on_disk_is_read_without_git() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("src")).unwrap();
        fs::create_dir_all(folder.path().join("target")).unwrap();
        fs::write(folder.path().join("src/lib.rs"), "fn f() {}").unwrap();
        fs::write(folder.path().join("target/x.rs"), "fn g() {}").unwrap();
        assert_eq!(walk(folder.path()).unwrap(), ["src/lib.rs"]);
    }
}
