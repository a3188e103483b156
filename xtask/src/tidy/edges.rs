//! The dependency edges between the crates of the workspace.

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Violation;

/// Which packages of ours a package may use. A package that is not here may not exist.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("portreeve-udp", &[]),
    ("portreeve-proto", &[]),
    ("portreeve-routeros", &[]),
    ("portreeve-auth", &["portreeve-proto"]),
    (
        "portreeve",
        &["portreeve-proto", "portreeve-auth", "portreeve-udp"],
    ),
    ("portreeve-aaa", &["portreeve-proto", "portreeve-auth"]),
    ("portreeve-store", &["portreeve-aaa"]),
    ("portreeve-console", &["portreeve-aaa"]),
    ("portreeve-daemon", &["*"]),
    ("portreeve-dictionaries", &["portreeve-proto"]),
    ("portreeve-fuzz", &["*"]),
    // The suite against foreign programs is one itself, and the chores run before anything builds.
    ("portreeve-interop", &[]),
    // It plays a router: the RADIUS client is ours, everything of RouterOS is its own.
    (
        "routeros-emulator",
        &["portreeve", "portreeve-proto", "portreeve-auth"],
    ),
    ("xtask", &[]),
];

/// A package of the workspace and those of the workspace it uses outside tests.
#[derive(Debug)]
struct Package {
    name: String,
    manifest: String,
    uses: Vec<String>,
}

/// Asks cargo for the packages below `root` and checks every edge.
pub(crate) fn check_workspace(root: &Path) -> Vec<Violation> {
    match packages(root) {
        Ok(packages) => check(&packages),
        Err(error) => vec![Violation {
            path: "Cargo.toml".to_owned(),
            line: 0,
            rule: "edges",
            what: format!("cargo metadata failed: {error}"),
            cure: "mend the manifests",
        }],
    }
}

fn packages(root: &Path) -> Result<Vec<Package>, cargo_metadata::Error> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let names: Vec<String> = metadata
        .packages
        .iter()
        .map(|p| p.name.to_string())
        .collect();
    let package = |package: &cargo_metadata::Package| Package {
        name: package.name.to_string(),
        manifest: package
            .manifest_path
            .strip_prefix(&metadata.workspace_root)
            .unwrap_or(&package.manifest_path)
            .to_string(),
        uses: package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.clone())
            .filter(|name| names.contains(name))
            .collect(),
    };
    Ok(metadata.packages.iter().map(package).collect())
}

fn check(packages: &[Package]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            violations.push(Violation {
                path: package.manifest.clone(),
                line: 0,
                rule: "edges",
                what: format!("the house knows no crate `{}`", package.name),
                cure: "begin as a module; a new crate needs its row in ARCHITECTURE.md and here",
            });
            continue;
        };
        let may = |name: &str| allowed.contains(&"*") || allowed.contains(&name);
        for used in package.uses.iter().filter(|name| !may(name)) {
            violations.push(Violation {
                path: package.manifest.clone(),
                line: 0,
                rule: "edges",
                what: format!("`{}` may not use `{used}`", package.name),
                cure: "turn the dependency round, pass a value, or do it where both are known",
            });
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            uses: uses.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn the_edges_of_the_house_pass() {
        let packages = [
            package("portreeve-proto", &[]),
            package("portreeve-auth", &["portreeve-proto"]),
            package(
                "portreeve-daemon",
                &["portreeve", "portreeve-store", "portreeve-udp"],
            ),
        ];
        assert_eq!(check(&packages), []);
    }

    #[test]
    fn an_edge_between_the_towers_is_refused() {
        let violations = check(&[package("portreeve-aaa", &["portreeve"])]);
        assert_eq!(violations.len(), 1);
        assert!(
            violations[0]
                .what
                .contains("`portreeve-aaa` may not use `portreeve`")
        );
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        let violations = check(&[package("portreeve-extras", &[])]);
        assert!(violations[0].what.contains("portreeve-extras"));
    }

    #[test]
    fn the_suite_knows_only_the_wire() {
        assert_eq!(
            check(&[package("portreeve-interop", &["portreeve-proto"])]).len(),
            1
        );
    }

    #[test]
    fn cargo_is_asked_about_this_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let packages = packages(root).unwrap();
        assert!(
            packages
                .iter()
                .any(|package| package.name == "xtask" && package.uses.is_empty())
        );
        let auth = packages
            .iter()
            .find(|package| package.name == "portreeve-auth")
            .unwrap();
        assert_eq!(auth.uses, ["portreeve-proto"]);
        assert_eq!(auth.manifest, "crates/auth/Cargo.toml");
    }
}
