//! A PowerShell script that brings a profile in, and what starts it by a double click.

use super::super::network::{Link, Network};

pub(super) const LAUNCHER: &str = "install.cmd";
pub(super) const SCRIPT: &str = "install.ps1";

/// PowerShell 5 takes a script for text in the computer's own code page unless it begins so.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What the script brings in; all lie in its folder.
pub(super) struct Parts<'a> {
    pub(super) network: &'a Network,
    /// The root first.
    pub(super) authorities: Vec<&'a str>,
    pub(super) identity: Option<&'a str>,
    /// The best first; the next is tried where it is refused.
    pub(super) profiles: Vec<&'a str>,
}

/// What a double click starts: PowerShell itself opens scripts in an editor.
pub(super) fn launcher() -> String {
    let lines = [
        "@echo off".to_owned(),
        format!("powershell.exe -NoProfile -ExecutionPolicy Bypass -File \"%~dp0{SCRIPT}\""),
        "pause".to_owned(),
    ];
    windows_text(&lines)
}

/// The script.
pub(super) fn script(parts: &Parts<'_>) -> String {
    let network = parts.network;
    let mut lines = vec![
        "$ErrorActionPreference = 'Stop'".to_owned(),
        "Set-Location -LiteralPath $PSScriptRoot".to_owned(),
        String::new(),
        "Write-Host 'The CA: Windows asks whether to trust it.'".to_owned(),
    ];
    for (at, file) in parts.authorities.iter().enumerate() {
        let store = if at == 0 { "Root" } else { "CA" };
        lines.push(format!(
            "& certutil.exe -user -f -addstore {store} {}",
            quoted(file)
        ));
        lines.push("if ($LASTEXITCODE -ne 0) { throw 'The CA was not accepted.' }".to_owned());
    }
    if let Some(file) = parts.identity {
        lines.push(String::new());
        lines.push("Write-Host 'The certificate of the user.'".to_owned());
        lines.push(passphrase(network));
        lines.push(format!(
            "Import-PfxCertificate -FilePath {} -CertStoreLocation Cert:\\CurrentUser\\My \
             -Password $passphrase | Out-Null",
            quoted(file)
        ));
    }
    lines.push(String::new());
    lines.push("Write-Host 'The network.'".to_owned());
    match network.link() {
        Link::Wired => lines.extend(wired(parts.profiles.first().copied().unwrap_or_default())),
        Link::Wireless { .. } => lines.extend(wireless(&parts.profiles)),
    }
    lines.push(String::new());
    lines.push("Write-Host 'Done. Delete this folder now.'".to_owned());
    format!("{BYTE_ORDER_MARK}{}", windows_text(&lines))
}

fn passphrase(network: &Network) -> String {
    match network.client() {
        Some(client) if client.passphrase_inside => format!(
            "$passphrase = ConvertTo-SecureString {} -AsPlainText -Force",
            quoted(client.passphrase.expose())
        ),
        _ => "$passphrase = Read-Host -AsSecureString -Prompt 'Passphrase of the certificate'"
            .to_owned(),
    }
}

fn wireless(profiles: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, file) in profiles.iter().enumerate() {
        let add = format!("& netsh.exe wlan add profile 'filename={file}' user=current");
        if at == 0 {
            lines.push(add);
        } else {
            lines.push(format!("if ($LASTEXITCODE -ne 0) {{ {add} }}"));
        }
    }
    lines.push("if ($LASTEXITCODE -ne 0) { throw 'Windows refused the profile.' }".to_owned());
    lines
}

/// Wired profiles are the computer's, so an administrator brings them in; certificates stay with
/// the user who started the script.
fn wired(file: &str) -> Vec<String> {
    vec![
        format!("$file = Join-Path $PSScriptRoot {}", quoted(file)),
        "$commands = 'sc.exe config dot3svc start= auto & net.exe start dot3svc & netsh.exe lan \
         add profile filename=\"' + $file + '\"'"
            .to_owned(),
        "$done = Start-Process cmd.exe -Verb RunAs -Wait -PassThru -ArgumentList ('/c ' + \
         $commands)"
            .to_owned(),
        "if ($done.ExitCode -ne 0) { throw 'Windows refused the profile.' }".to_owned(),
    ]
}

/// A text that PowerShell takes as it is.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        // PowerShell takes typographic quotes for plain ones.
        if matches!(letter, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
    quoted.push('\'');
    quoted
}

fn windows_text(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::super::{fixtures, network::Method};
    use super::*;

    fn parts(network: &Network) -> String {
        script(&Parts {
            network,
            authorities: vec!["ca.cer", "ca-2.cer"],
            identity: network.client().map(|_| "tim.p12"),
            profiles: vec!["wifi.xml", "wifi-wpa2.xml"],
        })
    }

    #[test]
    fn nothing_in_a_name_ends_a_quoted_text() {
        assert_eq!(quoted("a'b"), "'a''b'");
        assert_eq!(quoted("$(calc) `x"), "'$(calc) `x'");
        assert_eq!(quoted("\u{2019}"), "'\u{2019}\u{2019}'");
    }

    #[test]
    fn a_network_without_a_certificate_asks_for_no_passphrase() {
        let text = parts(&fixtures::network(Method::Peap));
        assert!(!text.contains("Import-PfxCertificate"), "{text}");
        assert!(text.contains("-addstore Root 'ca.cer'"), "{text}");
        assert!(text.contains("-addstore CA 'ca-2.cer'"), "{text}");
        assert!(
            text.contains("if ($LASTEXITCODE -ne 0) { & netsh.exe"),
            "{text}"
        );
        assert!(text.starts_with('\u{feff}'));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn the_passphrase_is_written_or_asked_for() {
        let inside = parts(&fixtures::network(Method::Tls));
        assert!(
            inside.contains("ConvertTo-SecureString 'open sesame'"),
            "{inside}"
        );
        let apart = Network::new(fixtures::draft(), fixtures::login_apart()).unwrap();
        let apart = parts(&apart);
        assert!(apart.contains("Read-Host -AsSecureString"), "{apart}");
        assert!(!apart.contains("open sesame"), "{apart}");
    }

    #[test]
    fn a_wire_needs_an_administrator() {
        let text = parts(&fixtures::linked(Method::Tls, Link::Wired));
        assert!(text.contains("-Verb RunAs"), "{text}");
        assert!(text.contains("netsh.exe lan add profile"), "{text}");
    }
}
