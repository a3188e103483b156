//! The steps of `cargo xtask test`, in their order.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_metadata::{MetadataCommand, TargetKind};

use super::tools::{self, Tool};
use super::{Outcome, hostap, stream};

/// How long a self-contained example may take.
const EXAMPLE_PATIENCE: Duration = Duration::from_mins(1);
const SUITE: &str = "portreeve-interop";

const RELEASE: [&str; 4] = ["build", "--release", "--package", "portreeve-daemon"];
/// In the workspace, so that what it is built on is built once for this and for the tests.
const SERVER_WITH_OPENSSL: [&str; 6] = [
    "build",
    "--workspace",
    "--bin",
    "portreeve",
    "--features",
    "portreeve-daemon/openssl",
];
/// The library as the feature makes it.
const WITH_OPENSSL: [&str; 4] = ["--package", "portreeve", "--features", "openssl"];

/// One step: what it is called, what it needs, what it does.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) tools: &'static [Tool],
    /// Other steps that must have run in the same call.
    after: &'static [&'static str],
    pub(super) run: fn(&Path, &mut Vec<String>) -> Outcome,
}

/// Every step in order.
pub(super) const ALL: &[Step] = &[
    Step {
        name: "fmt",
        title: "formatting",
        tools: &[],
        after: &[],
        run: |root, closing| cargo(root, &["fmt", "--all", "--check"], closing),
    },
    Step {
        name: "clippy",
        title: "lints, warnings are errors",
        tools: &[],
        after: &[],
        run: |root, closing| clippy(root, &["--workspace"], closing),
    },
    Step {
        name: "clippy-openssl",
        title: "the same lints on what the feature openssl adds",
        tools: tools::OPENSSL,
        after: &[],
        run: |root, closing| clippy(root, &WITH_OPENSSL, closing),
    },
    Step {
        name: "tidy",
        title: "the measures of the house",
        tools: &[],
        after: &[],
        run: tidy,
    },
    Step {
        name: "docs",
        title: "documentation with private items, warnings are errors",
        tools: &[],
        after: &[],
        run: docs,
    },
    Step {
        name: "unit",
        title: "unit and property tests",
        tools: &[],
        after: &[],
        run: unit,
    },
    Step {
        name: "unit-openssl",
        title: "unit tests of the library with the feature openssl",
        tools: tools::OPENSSL,
        after: &[],
        run: unit_with_openssl,
    },
    Step {
        name: "doctest",
        title: "examples in the documentation",
        tools: &[],
        after: &[],
        run: |root, closing| cargo(root, &["test", "--workspace", "--doc"], closing),
    },
    Step {
        name: "examples",
        title: "examples/ of the library, built and run",
        tools: &[],
        after: &[],
        run: examples,
    },
    Step {
        name: "server-openssl",
        title: "build of the server with the feature openssl",
        tools: tools::OPENSSL,
        after: &[],
        run: server_with_openssl,
    },
    Step {
        name: "release",
        title: "release build of the server",
        tools: &[],
        after: &[],
        run: |root, closing| cargo(root, &RELEASE, closing),
    },
    Step {
        name: "interop",
        title: "Portreeve against programs it did not write",
        tools: tools::INTEROP,
        after: &["server-openssl", "release"],
        run: |root, closing| interop(root, "portreeve", "*", closing),
    },
    Step {
        name: "interop-freeradius",
        title: "the neutral part of the same suite against FreeRADIUS",
        tools: tools::INTEROP,
        after: &[],
        run: |root, closing| interop(root, "freeradius", "any_*", closing),
    },
    Step {
        name: "deny",
        title: "licences, advisories and sources of the dependencies",
        tools: &[],
        after: &[],
        run: deny,
    },
];

/// The steps with these names and those they need; all for no names.
///
/// # Errors
/// The first name that no step has.
pub(super) fn choose(names: &[String]) -> Result<Vec<&'static Step>, String> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !ALL.iter().any(|step| step.name == **name))
    {
        return Err(unknown.clone());
    }
    let asked = |step: &Step| names.iter().any(|name| name == step.name);
    let after = |step: &Step, name| asked(step) && step.after.contains(&name);
    let chosen = |step: &&Step| {
        names.is_empty() || asked(step) || ALL.iter().any(|other| after(other, step.name))
    };
    Ok(ALL.iter().filter(chosen).collect())
}

/// The folder cargo builds into.
pub(super) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set))
}

fn cargo_command(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    command
}

fn cargo(root: &Path, arguments: &[&str], closing: &mut Vec<String>) -> Outcome {
    finish(&mut cargo_command(root, arguments), closing)
}

fn finish(command: &mut Command, closing: &mut Vec<String>) -> Outcome {
    match stream::run(command, closing) {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(error) => Outcome::Failed(format!("does not start: {error}")),
    }
}

/// This very program, so that it does not wait for itself to be built.
fn tidy(root: &Path, closing: &mut Vec<String>) -> Outcome {
    match std::env::current_exe() {
        Ok(program) => finish(Command::new(program).arg("tidy").current_dir(root), closing),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn docs(root: &Path, closing: &mut Vec<String>) -> Outcome {
    let arguments = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    finish(
        cargo_command(root, &arguments).env("RUSTDOCFLAGS", "-D warnings"),
        closing,
    )
}

fn clippy(root: &Path, packages: &[&str], closing: &mut Vec<String>) -> Outcome {
    let strict = ["--all-targets", "--", "-D", "warnings"];
    let arguments = [&["clippy"], packages, &strict].concat();
    cargo(root, &arguments, closing)
}

/// Builds the router that tests speak to, on the dependencies of the tests.
fn emulator(root: &Path, closing: &mut Vec<String>) -> Outcome {
    let arguments = ["build", "--workspace", "--bin", "routeros-emulator"];
    cargo(root, &arguments, closing)
}

fn unit(root: &Path, closing: &mut Vec<String>) -> Outcome {
    let built = emulator(root, closing);
    if built != Outcome::Passed {
        return built;
    }
    let everything_else = ["--workspace", "--exclude", SUITE];
    if has_subcommand(root, "nextest") {
        let arguments = [&["nextest", "run"], everything_else.as_slice()].concat();
        return cargo(root, &arguments, closing);
    }
    let targets = ["--lib", "--bins", "--tests"];
    cargo(
        root,
        &[&["test"], everything_else.as_slice(), &targets].concat(),
        closing,
    )
}

fn unit_with_openssl(root: &Path, closing: &mut Vec<String>) -> Outcome {
    if has_subcommand(root, "nextest") {
        let arguments = [&["nextest", "run"], WITH_OPENSSL.as_slice()].concat();
        return cargo(root, &arguments, closing);
    }
    let targets = ["--lib", "--tests"];
    let arguments = [&["test"], WITH_OPENSSL.as_slice(), &targets].concat();
    cargo(root, &arguments, closing)
}

/// Builds the server and puts it aside. Not a release build, which would take as long again to
/// optimize what the tests of that feature only need to be right.
fn server_with_openssl(root: &Path, closing: &mut Vec<String>) -> Outcome {
    let built = cargo(root, &SERVER_WITH_OPENSSL, closing);
    if built != Outcome::Passed {
        return built;
    }
    let usual = target(root).join("debug/portreeve");
    // A server that somebody is running cannot be written to, but it can be replaced.
    let (aside, fresh) = (openssl_binary(root), usual.with_extension("new"));
    let moved = std::fs::copy(&usual, &fresh).and_then(|_| std::fs::rename(&fresh, &aside));
    match moved {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("cannot write {}: {error}", aside.display())),
    }
}

/// Where the server with the feature is put.
fn openssl_binary(root: &Path) -> PathBuf {
    target(root).join("debug/portreeve-openssl")
}

fn interop(root: &Path, subject: &str, files: &str, closing: &mut Vec<String>) -> Outcome {
    let built = emulator(root, closing);
    if built != Outcome::Passed {
        return built;
    }
    let arguments = [
        "test",
        "--package",
        SUITE,
        "--no-fail-fast",
        "--lib",
        "--test",
        files,
    ];
    let mut command = cargo_command(root, &arguments);
    command
        .env("PORTREEVE_SUBJECT", subject)
        .env("PORTREEVE_BIN", target(root).join("release/portreeve"))
        .env("PORTREEVE_OPENSSL_BIN", openssl_binary(root))
        .env(
            "PORTREEVE_ROUTEROS_BIN",
            target(root).join("debug/routeros-emulator"),
        )
        .env("PORTREEVE_VENV", tools::venv(root))
        .env("PORTREEVE_HOSTAP", hostap::folder(root));
    finish(&mut command, closing)
}

fn deny(root: &Path, closing: &mut Vec<String>) -> Outcome {
    if !has_subcommand(root, "deny") {
        return Outcome::Skipped("cargo-deny is not installed: `cargo install cargo-deny`".into());
    }
    cargo(root, &["deny", "check"], closing)
}

fn has_subcommand(root: &Path, name: &str) -> bool {
    let version = cargo_command(root, &[name, "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}

fn examples(root: &Path, closing: &mut Vec<String>) -> Outcome {
    let built = cargo(root, &["build", "--workspace", "--examples"], closing);
    if built != Outcome::Passed {
        return built;
    }
    let names = match example_names(root) {
        Ok(names) if names.is_empty() => {
            return Outcome::Failed("package portreeve has no examples".to_owned());
        }
        Ok(names) => names,
        Err(error) => return Outcome::Failed(format!("cargo metadata failed: {error}")),
    };
    let failed: Vec<String> = names
        .iter()
        .filter_map(|name| {
            run_example(root, name)
                .err()
                .map(|problem| format!("{name}: {problem}"))
        })
        .collect();
    println!("{} examples run, {} failed", names.len(), failed.len());
    if failed.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(failed.join("; "))
    }
}

fn example_names(root: &Path) -> Result<Vec<String>, cargo_metadata::Error> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()?;
    let library = metadata
        .packages
        .into_iter()
        .find(|package| package.name == "portreeve");
    let targets = library.map(|package| package.targets).unwrap_or_default();
    let examples = targets
        .into_iter()
        .filter(|target| target.kind.contains(&TargetKind::Example));
    Ok(examples.map(|target| target.name).collect())
}

/// Examples are written so that, asked by the environment, they check themselves and end.
fn run_example(root: &Path, name: &str) -> Result<(), String> {
    let mut command = Command::new(target(root).join("debug/examples").join(name));
    command
        .env("PORTREEVE_EXAMPLE_CHECK", "1")
        .current_dir(root);
    println!("$ {}", stream::describe(&command));
    let mut child = command
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    match stream::wait(&mut child, EXAMPLE_PATIENCE) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(status.to_string()),
        Ok(None) => Err(format!(
            "still running after {} s",
            EXAMPLE_PATIENCE.as_secs()
        )),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str]) -> Vec<&'static str> {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        choose(&only)
            .unwrap()
            .iter()
            .map(|step| step.name)
            .collect()
    }

    #[test]
    fn no_choice_means_everything_in_order() {
        let all: Vec<&str> = ALL.iter().map(|step| step.name).collect();
        assert_eq!(names(&[]), all);
    }

    #[test]
    fn a_step_brings_those_it_needs() {
        assert_eq!(names(&["tidy", "fmt"]), ["fmt", "tidy"]);
        assert_eq!(
            names(&["interop"]),
            ["server-openssl", "release", "interop"]
        );
        assert_eq!(
            choose(&["interops".to_owned()]).err().as_deref(),
            Some("interops")
        );
    }

    #[test]
    fn every_needed_step_exists_and_comes_first() {
        let place = |name: &str| ALL.iter().position(|step| step.name == name).unwrap();
        for step in ALL {
            assert!(
                step.after.iter().all(|name| place(name) < place(step.name)),
                "{}",
                step.name
            );
        }
    }
}
