//! Words for what routers and plans say.

use portreeve_routeros::{
    Transport,
    check::{Finding, Severity},
    plan::{Failed, Verb},
};

use crate::{
    failure::Failure,
    output::{Colour, Output, printable},
};

/// What is done to an item.
pub(super) fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Add => "add",
        Verb::Set => "set",
        Verb::Remove => "remove",
        Verb::Move => "move",
    }
}

/// So many steps.
pub(super) fn steps(count: usize) -> String {
    match count {
        1 => "1 step".to_owned(),
        _ => format!("{count} steps"),
    }
}

/// Why a plan was not carried out, and what was made good.
pub(super) fn failed(failed: &Failed) -> String {
    let back = match (failed.rolled_back, &failed.undo) {
        (0, None) => "nothing was changed".to_owned(),
        (done, None) => format!("{} taken back: it is as it was", steps(done)),
        (_, Some(_)) => {
            "not all could be taken back; try again: portreeve router undo NAME".to_owned()
        }
    };
    printable(&format!("step {}: {failed}; {back}", failed.step + 1)).into_owned()
}

/// How a way to a router is called.
pub(super) fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Api => "api",
        Transport::ApiSsl => "api-ssl",
        Transport::Rest => "rest",
        Transport::RestSsl => "rest-ssl",
    }
}

/// Findings, the worst first: what, evidence, fix.
pub(super) fn findings(findings: &[Finding], output: &mut Output<'_>) -> Result<(), Failure> {
    let style = output.style();
    for (place, finding) in findings.iter().enumerate() {
        if place > 0 {
            output.line("")?;
        }
        let colour = match finding.severity {
            Severity::Error => Colour::Red,
            Severity::Warning => Colour::Yellow,
            Severity::Note => Colour::Bold,
        };
        let word = style.paint(colour, finding.severity.label());
        output.line(format!(
            "{word}: {} [{}]",
            printable(&finding.what),
            finding.code
        ))?;
        for fact in &finding.evidence {
            output.line(format!("  seen  {}", printable(fact)))?;
        }
        if !finding.fix.is_empty() {
            output.line(format!("  fix   {}", printable(&finding.fix)))?;
        }
        if finding.repair.is_some() {
            output.line("        (--fix does this)")?;
        }
    }
    Ok(())
}

/// How many findings are of a severity.
pub(super) fn count(findings: &[Finding], severity: Severity) -> usize {
    findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .count()
}
