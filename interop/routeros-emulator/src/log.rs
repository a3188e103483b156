//! The log: what happened, in the buffers that `/system/logging` says.

use std::collections::VecDeque;

use crate::{Record, table};

/// All memory buffers.
#[derive(Debug, Default)]
pub(crate) struct Log {
    next: u32,
    lines: VecDeque<Line>,
}

#[derive(Debug)]
struct Line {
    id: u32,
    time: String,
    topics: String,
    buffer: String,
    message: String,
}

/// No buffer holds more, whatever its action says.
const MOST: usize = 10_000;

impl Log {
    /// Writes a line into the buffer of each rule that its topics fit, where the rule's action
    /// keeps lines in memory. The `.id` of the last.
    pub(crate) fn write(
        &mut self,
        rules: &[Record],
        actions: &[Record],
        topics: &str,
        time: &str,
        message: &str,
    ) -> Option<String> {
        let mut written: Vec<&str> = Vec::new();
        let mut last = None;
        for rule in rules.iter().filter(|rule| !rule.is("disabled")) {
            let name = rule.text("action");
            let action = actions.iter().find(|action| action.text("name") == name);
            let memory = action.is_some_and(|action| action.text("target") == "memory");
            if !memory || written.contains(&name) || !fits(&rule.list("topics"), topics) {
                continue;
            }
            written.push(name);
            let lines = action.and_then(|action| action.number("memory-lines"));
            let lines = lines.and_then(|lines| usize::try_from(lines).ok());
            self.trim(name, lines.unwrap_or(1000).min(MOST));
            self.next += 1;
            self.lines.push_back(Line {
                id: self.next,
                time: time.to_owned(),
                topics: topics.to_owned(),
                buffer: name.to_owned(),
                message: format!("{}{message}", prefix(rule)),
            });
            last = Some(table::text_of(self.next));
        }
        last
    }

    /// Makes room for one line.
    fn trim(&mut self, buffer: &str, most: usize) {
        let count = self
            .lines
            .iter()
            .filter(|line| line.buffer == buffer)
            .count();
        if count >= most
            && let Some(at) = self.lines.iter().position(|line| line.buffer == buffer)
        {
            self.lines.remove(at);
        }
    }

    /// Empties a buffer.
    pub(crate) fn clear(&mut self, buffer: &str) {
        self.lines.retain(|line| line.buffer != buffer);
    }

    /// As `/log/print` gives it.
    pub(crate) fn records(&self) -> Vec<Record> {
        let each = self.lines.iter();
        each.map(|line| {
            Record::new()
                .with(".id", table::text_of(line.id))
                .with("time", &line.time)
                .with("topics", &line.topics)
                .with("message", &line.message)
                .with("buffer", &line.buffer)
        })
        .collect()
    }
}

fn prefix(rule: &Record) -> String {
    match rule.text("prefix") {
        "" => String::new(),
        prefix => format!("{prefix}: "),
    }
}

/// A rule fits a line that has all of its topics and none that it has with a `!`.
fn fits(rule: &[&str], topics: &str) -> bool {
    let has = |topic: &str| topics.split(',').any(|known| known == topic);
    !rule.is_empty()
        && rule.iter().all(|topic| match topic.strip_prefix('!') {
            Some(topic) => !has(topic),
            None => has(topic),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_the_buffers_whose_rules_fit() {
        let rule = |topics: &str, action: &str| {
            Record::new().with("topics", topics).with("action", action)
        };
        let action = |name: &str, target: &str, lines: &str| {
            Record::new()
                .with("name", name)
                .with("target", target)
                .with("memory-lines", lines)
        };
        let rules = [
            rule("info", "memory"),
            rule("radius,debug,!packet", "radlog"),
            rule("critical", "echo"),
        ];
        let actions = [
            action("memory", "memory", "2"),
            action("radlog", "memory", "2"),
            action("echo", "echo", ""),
        ];
        let mut log = Log::default();
        let mut write = |topics: &str| {
            log.write(&rules, &actions, topics, "00:00:00", topics)
                .is_some()
        };
        assert!(write("system,info"));
        assert!(write("radius,debug"));
        assert!(!write("radius,debug,packet"));
        assert!(!write("system,critical"));
        assert!(write("ppp,info"));
        assert!(write("hotspot,info"));
        let records = log.records();
        let kept: Vec<&str> = records.iter().map(|line| line.text("message")).collect();
        assert_eq!(kept, ["radius,debug", "ppp,info", "hotspot,info"]);
    }
}
