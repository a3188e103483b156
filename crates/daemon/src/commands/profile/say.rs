//! What the administrator is told.

use std::io;

use serde::Serialize;

use super::deliver::{Sent, SentLink};
use crate::{
    authority::{Issued, date},
    output::{Output, Style},
    profile::{Kit, NOT_PINNED, Network, qr},
};

/// Everything that was done.
pub(super) struct Said<'a> {
    pub(super) network: &'a Network,
    pub(super) kit: &'a Kit,
    pub(super) sent: &'a Sent,
    pub(super) certificate: Option<&'a Issued>,
}

#[derive(Serialize)]
pub(super) struct Described<'a> {
    platform: &'static str,
    user: &'a str,
    ssid: Option<&'a str>,
    method: &'static str,
    server_names: &'a [String],
    files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<DescribedLink<'a>>,
    steps: &'a [String],
    notes: Vec<&'a str>,
}

#[derive(Serialize)]
struct DescribedLink<'a> {
    url: &'a str,
    until: String,
}

impl Said<'_> {
    pub(super) fn json(&self) -> Described<'_> {
        let shown = |path: &std::path::PathBuf| path.display().to_string();
        let drawings = [
            self.sent
                .link
                .as_ref()
                .and_then(|link| link.drawing.as_ref()),
            self.sent.wifi_qr.as_ref(),
        ];
        let files = self.sent.files.iter().chain(drawings.into_iter().flatten());
        Described {
            platform: self.kit.platform.label(),
            user: self.network.user(),
            ssid: self.network.ssid(),
            method: self.network.method().label(),
            server_names: self.network.servers(),
            files: files.map(shown).collect(),
            certificate: self.certificate.map(|issued| issued.record.serial.as_str()),
            passphrase: self.passphrase(),
            link: self.sent.link.as_ref().map(|link| DescribedLink {
                url: &link.url,
                until: moment(link.until),
            }),
            steps: &self.kit.steps,
            notes: self.notes().collect(),
        }
    }

    pub(super) fn print(&self, output: &mut Output<'_>) -> io::Result<()> {
        let network = self.network;
        let mut pairs = vec![
            ("user", network.user().to_owned()),
            ("network", network.mark().to_owned()),
            ("method", network.method().words().to_owned()),
            ("trusts", network.servers().join("\n")),
        ];
        if let Some(issued) = self.certificate {
            let record = &issued.record;
            let until = date(record.not_after);
            pairs.push((
                "certificate",
                format!("{}, good until {until}", record.serial),
            ));
        }
        let files: Vec<String> = self
            .sent
            .files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if !files.is_empty() {
            pairs.push(("files", files.join("\n")));
        }
        pairs.extend(
            self.passphrase()
                .map(|words| ("passphrase", words.to_owned())),
        );
        output.pairs(&pairs)?;
        output.line("")?;
        if let Some(link) = &self.sent.link {
            print_link(link, output)?;
        }
        output.line(format!("On {}:", self.kit.platform.device()))?;
        for (at, step) in self.kit.steps.iter().enumerate() {
            output.line(format!("  {}. {step}", at + 1))?;
        }
        for note in self.notes() {
            output.note(format!("note: {note}"))?;
        }
        if let Some(path) = &self.sent.wifi_qr {
            output.warn(format!("{}: {NOT_PINNED}", path.display()))?;
        }
        Ok(())
    }

    fn notes(&self) -> impl Iterator<Item = &str> {
        self.kit.notes.iter().map(String::as_str)
    }

    /// Where it does not stand in the documents, or the device asks for it nevertheless.
    fn passphrase(&self) -> Option<&str> {
        let client = self.network.client()?;
        let typed = match self.kit.platform {
            crate::profile::Platform::Android => true,
            crate::profile::Platform::Linux => false,
            _ => !client.passphrase_inside,
        };
        typed.then(|| client.passphrase.expose())
    }
}

fn print_link(link: &SentLink, output: &mut Output<'_>) -> io::Result<()> {
    let coloured = output.style() == Style::Coloured;
    // Where colours can be had, black on white whatever the terminal; else for a dark one.
    if let Ok(code) = qr::terminal(&link.url, !coloured) {
        for row in code.lines() {
            if coloured {
                output.line(format!("\u{1b}[30;107m{row}\u{1b}[0m"))?;
            } else {
                output.line(row)?;
            }
        }
    }
    output.line(&link.url)?;
    output.line(format!(
        "Good once, until {}. Whoever has it can take the user's place: give it to nobody else.",
        moment(link.until)
    ))?;
    if let Some(drawing) = &link.drawing {
        output.line(format!("The code is drawn in {}.", drawing.display()))?;
    }
    output.line("")
}

/// A moment in UTC.
fn moment(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok();
    let at = at.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(String::new, |at| {
        at.strftime("%Y-%m-%d %H:%M UTC").to_string()
    })
}
