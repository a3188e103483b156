//! `cargo xtask test`: everything that must hold before a change is merged.

mod hostap;
mod options;
mod steps;
mod stream;
mod tools;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) use options::Options;
use steps::Step;
use tools::Tool;

/// Set to accept a run in which steps were left out for want of tools.
const PARTIAL: &str = "PORTREEVE_TEST_PARTIAL";

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(String),
    /// Left out, and nobody minds.
    Skipped(String),
    /// Left out although it belongs to the whole.
    NotRun(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "FAILED",
            Self::Skipped(_) => "skipped",
            Self::NotRun(_) => "NOT RUN",
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Failed(reason) | Self::Skipped(reason) | Self::NotRun(reason) => reason,
        }
    }
}

/// What one step left behind.
struct Record {
    step: &'static Step,
    outcome: Outcome,
    took: Duration,
    /// The closing lines of the runners it started.
    closing: Vec<String>,
}

/// Runs the steps that `options` choose; stops at the first failure unless told to go on.
pub(crate) fn run(root: &Path, options: &Options) -> ExitCode {
    if options.list {
        for step in steps::ALL {
            println!("{:<20} {}", step.name, step.title);
        }
        return ExitCode::SUCCESS;
    }
    let chosen = match steps::choose(&options.only) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            println!("xtask: no step `{unknown}`; `cargo xtask test --list` names them");
            return ExitCode::from(2);
        }
    };
    let wanted: BTreeSet<Tool> = chosen.iter().flat_map(|step| step.tools).copied().collect();
    print_plan(&chosen, &wanted, root, options);
    let missing = match tools::provide(root, &wanted, !options.no_install) {
        Ok(missing) => missing,
        Err(problem) => {
            println!("\n{problem}");
            return ExitCode::FAILURE;
        }
    };
    let records = run_steps(root, &chosen, &missing, options.keep_going);
    print!("{}", report(&records));
    verdict(
        &records,
        chosen.len(),
        std::env::var(PARTIAL).is_ok_and(|value| value == "1"),
    )
}

fn print_plan(chosen: &[&Step], wanted: &BTreeSet<Tool>, root: &Path, options: &Options) {
    println!("The plan");
    println!("  tools:{}", if wanted.is_empty() { " none" } else { "" });
    for tool in wanted {
        let state = match (tool.is_present(root), options.no_install) {
            (true, _) => "present",
            (false, false) => "missing, will be installed",
            (false, true) => "missing, --no-install: its steps are not run",
        };
        println!("    {:<20} {state} ({})", tool.name(), tool.purpose());
    }
    println!("  steps:");
    for step in chosen {
        println!("    {:<20} {}", step.name, step.title);
    }
}

fn run_steps(
    root: &Path,
    chosen: &[&'static Step],
    missing: &BTreeSet<Tool>,
    keep_going: bool,
) -> Vec<Record> {
    let mut records = Vec::new();
    for step in chosen {
        println!("\n=== {}: {}", step.name, step.title);
        let started = Instant::now();
        let mut closing = Vec::new();
        let lacking: Vec<&str> = step
            .tools
            .iter()
            .filter(|tool| missing.contains(tool))
            .map(|tool| tool.name())
            .collect();
        let outcome = if lacking.is_empty() {
            (step.run)(root, &mut closing)
        } else {
            Outcome::NotRun(format!("missing: {}", lacking.join(", ")))
        };
        let took = started.elapsed();
        println!(
            "--- {}: {} after {:.1} s",
            step.name,
            outcome.word(),
            took.as_secs_f64()
        );
        let stop = matches!(outcome, Outcome::Failed(_)) && !keep_going;
        records.push(Record {
            step,
            outcome,
            took,
            closing,
        });
        if stop {
            break;
        }
    }
    records
}

fn report(records: &[Record]) -> String {
    let mut text = String::from("\nSteps\n");
    for Record {
        step,
        outcome,
        took,
        ..
    } in records
    {
        let seconds = took.as_secs_f64();
        let reason = outcome.reason().lines().next().unwrap_or_default();
        let line = format!(
            "  {:<20} {:<8} {seconds:>7.1} s  {reason}",
            step.name,
            outcome.word()
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\nThe runners' own closing lines\n");
    for Record { step, closing, .. } in records {
        for line in closing {
            text.push_str(&format_line(step.name, line.trim()));
        }
    }
    text
}

fn format_line(name: &str, line: &str) -> String {
    format!("  {name:<20} {line}\n")
}

fn verdict(records: &[Record], chosen: usize, partial_is_enough: bool) -> ExitCode {
    let count =
        |wanted: fn(&Outcome) -> bool| records.iter().filter(|r| wanted(&r.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let not_run = count(|outcome| matches!(outcome, Outcome::NotRun(_)));
    if failed > 0 {
        let left = chosen - records.len();
        println!("\nxtask test: FAILED ({left} steps were not reached; --keep-going reaches them)");
        return ExitCode::FAILURE;
    }
    if not_run > 0 && !partial_is_enough {
        println!("\nxtask test: INCOMPLETE, {not_run} steps were not run for want of tools");
        println!("  leave out --no-install, or set {PARTIAL}=1 to accept less than the whole");
        return ExitCode::FAILURE;
    }
    println!("\nxtask test: done");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(index: usize, outcome: Outcome) -> Record {
        let closing = vec!["test result: ok. 3 passed; 0 failed".to_owned()];
        Record {
            step: &steps::ALL[index],
            outcome,
            took: Duration::from_millis(1500),
            closing,
        }
    }

    #[test]
    fn the_report_shows_every_step_and_repeats_closing_lines() {
        let failed = Outcome::Failed("exit status: 101\nmore".to_owned());
        let text = report(&[record(0, Outcome::Passed), record(1, failed)]);
        assert!(text.contains("passed       1.5 s\n"), "{text}");
        assert!(
            text.contains("FAILED       1.5 s  exit status: 101\n"),
            "{text}"
        );
        assert_eq!(
            text.matches("test result: ok. 3 passed; 0 failed").count(),
            2
        );
    }

    #[test]
    fn what_was_not_run_fails_the_whole_unless_accepted() {
        let not_run = [record(0, Outcome::NotRun("missing: tshark".to_owned()))];
        assert_eq!(verdict(&not_run, 1, false), ExitCode::FAILURE);
        assert_eq!(verdict(&not_run, 1, true), ExitCode::SUCCESS);
        let skipped = [record(0, Outcome::Skipped("no cargo-deny".to_owned()))];
        assert_eq!(verdict(&skipped, 1, false), ExitCode::SUCCESS);
        let failed = [record(0, Outcome::Failed(String::new()))];
        assert_eq!(verdict(&failed, 1, true), ExitCode::FAILURE);
    }
}
