//! The chores of Portreeve: `cargo xtask tidy`, `test` and `instructions`.
#![expect(
    clippy::print_stdout,
    reason = "a chore talks to the person who started it"
)]

mod instructions;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                 the measures of the house: lengths, edges, names, documents, samples
  test [OPTIONS]       everything that must hold before a change is merged
    --list             name the steps and stop
    --only STEP        this step only (may be repeated)
    --keep-going       go on after a step has failed
    --no-install       install nothing; steps whose tools are missing are not run
  instructions         what a request costs, counted by callgrind
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let root = workspace_root();
    match command.as_deref() {
        Some("tidy") if rest.is_empty() => tidy::run(&root),
        Some("test") => match test::Options::parse(&rest) {
            Ok(options) => test::run(&root, &options),
            Err(error) => wrong_usage(&error.to_string()),
        },
        Some("instructions") if rest.is_empty() => instructions::run(&root),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some(_) => wrong_usage("no such command"),
        None => wrong_usage("a command is needed"),
    }
}

fn wrong_usage(problem: &str) -> ExitCode {
    println!("xtask: {problem}\n\n{USAGE}");
    ExitCode::from(2)
}

/// The folder that holds this crate's folder, however the command was started.
fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
