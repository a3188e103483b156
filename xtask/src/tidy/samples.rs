//! Every shipped sample configuration passes the server's own `check`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Violation;
use super::tree::{Tree, has_extension};

/// Folders whose configurations are shipped.
const FOLDERS: [&str; 2] = ["docs/examples/", "packaging/"];

/// Builds the server if there is a sample, and lets it judge every one.
pub(crate) fn check(root: &Path, tree: &Tree) -> Vec<Violation> {
    let samples = samples(tree);
    if samples.is_empty() {
        return vec![broken(
            FOLDERS[0],
            "no sample configuration is shipped".to_owned(),
            "ship the one a newcomer starts from",
        )];
    }
    if let Err(problem) = build(root) {
        return vec![broken(
            "crates/daemon",
            problem,
            "make it build; samples were not checked",
        )];
    }
    let server = server(root);
    samples
        .iter()
        .filter_map(|sample| judge(root, &server, sample))
        .collect()
}

fn samples(tree: &Tree) -> Vec<&str> {
    let shipped = |path: &&str| FOLDERS.iter().any(|folder| path.starts_with(folder));
    let paths = tree.paths().iter().map(String::as_str);
    paths
        .filter(shipped)
        .filter(|path| has_extension(path, "toml"))
        .collect()
}

/// Asks for the whole workspace, as the tests do, so that what both are built on is built once.
fn build(root: &Path) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "portreeve"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "does not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Where `build` puts the server.
fn server(root: &Path) -> PathBuf {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    root.join(target).join("debug/portreeve")
}

fn judge(root: &Path, server: &Path, sample: &str) -> Option<Violation> {
    let cure = "mend the sample: a newcomer copies it";
    let data = match tempfile::tempdir() {
        Ok(data) => data,
        Err(error) => {
            return Some(broken(
                sample,
                format!("no temporary folder: {error}"),
                cure,
            ));
        }
    };
    let output = Command::new(server)
        .arg("check")
        .arg("--config")
        .arg(sample)
        .arg("--data")
        .arg(data.path())
        .current_dir(root)
        .output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let what = format!("`portreeve check` ends with {}: {said}", output.status);
            Some(broken(sample, what, cure))
        }
        Err(error) => Some(broken(
            sample,
            format!("`portreeve` does not start: {error}"),
            cure,
        )),
    }
}

fn broken(path: &str, what: String, cure: &'static str) -> Violation {
    Violation {
        path: path.to_owned(),
        line: 0,
        rule: "samples",
        what,
        cure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_toml_files_that_are_shipped() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            ("docs/examples/home.toml", ""),
            ("docs/examples/home.md", ""),
            ("packaging/deb/portreeve.toml", ""),
        ]);
        assert_eq!(
            samples(&tree),
            ["docs/examples/home.toml", "packaging/deb/portreeve.toml"]
        );
    }

    #[test]
    fn shipping_no_sample_is_a_violation() {
        let violations = check(Path::new("/nonexistent"), &Tree::of(&[]));
        assert_eq!(violations.len(), 1);
    }

    #[test]
    fn a_server_that_is_not_there_approves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let violation = judge(
            folder.path(),
            &folder.path().join("portreeve"),
            "docs/examples/home.toml",
        )
        .unwrap();
        assert!(
            violation.what.contains("does not start"),
            "{}",
            violation.what
        );
    }
}
