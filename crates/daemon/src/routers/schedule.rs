//! Backups that a router makes by itself: the script and its schedule, in the words of its version.

use std::{fmt::Write as _, time::Duration};

use portreeve_routeros::{Version, time};

use super::RouterError;

/// A script that has a router make an encrypted backup and an export on a schedule, and mail them
/// where that is wanted. It is to be pasted into a terminal.
///
/// # Errors
/// An address that cannot stand in a script.
pub(crate) fn script(
    version: Version,
    every: Option<Duration>,
    mail: Option<&str>,
) -> Result<String, RouterError> {
    if let Some(address) = mail {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b".@_+-".contains(&octet);
        if !address.bytes().all(plain) || !address.contains('@') {
            return Err(RouterError::Usage(format!("--mail: '{address}' is no address")));
        }
    }
    let every = time::spell(every.unwrap_or(Duration::from_hours(24)));
    // The name has no date in it: the form of dates changed in 7.10, and files would pile up.
    let mut source = String::from(
        "/system backup save name=portreeve-own password=PASSWORD encryption=aes-sha256\\r\\n\
         :delay 5s\\r\\n",
    );
    source += if version.is_at_least(7, 1) {
        "/export file=portreeve-own\\r\\n"
    } else {
        "/export hide-sensitive file=portreeve-own\\r\\n"
    };
    if let Some(address) = mail {
        // NAND is written late.
        source += ":delay 40s\\r\\n";
        write!(
            source,
            "/tool e-mail send to=\\\"{address}\\\" subject=\\\"backup of \\$[/system identity get \
             name]\\\" body=\\\"\\\" file=portreeve-own.backup,portreeve-own.rsc\\r\\n"
        )
        .ok();
    }
    let mut script = format!("# for RouterOS {version}\n");
    if mail.is_some() {
        let (server, tls) = if version.is_at_least(7, 12) {
            ("server", "tls=starttls")
        } else if version.is_at_least(7, 1) {
            ("address", "tls=starttls")
        } else {
            ("address", "start-tls=yes")
        };
        writeln!(
            script,
            "/tool e-mail set {server}=MAIL-SERVER {tls} port=587 user=USER password=MAIL-PASSWORD \
             from=ROUTER@EXAMPLE"
        )
        .ok();
    }
    writeln!(
        script,
        "/system script add name=portreeve-own-backup \
         policy=ftp,read,write,policy,test,password,sensitive source=\"{source}\""
    )
    .ok();
    writeln!(
        script,
        "/system scheduler add name=portreeve-own-backup interval={every} start-time=03:17:00 \
         policy=ftp,read,write,policy,test,password,sensitive on-event=portreeve-own-backup"
    )
    .ok();
    Ok(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_words() {
        let day = Some(Duration::from_hours(24));
        let of = |version: &str, mail| script(version.parse().unwrap(), day, mail).unwrap();
        let old = of("6.49.17", Some("ops@example.org"));
        assert!(old.contains("hide-sensitive") && old.contains("start-tls=yes"), "{old}");
        assert!(old.contains("e-mail set address="), "{old}");
        let new = of("7.18.2", Some("ops@example.org"));
        assert!(new.contains("e-mail set server=") && !new.contains("hide-sensitive"), "{new}");
        assert!(of("7.10", Some("a@b.example")).contains("e-mail set address="));
        assert!(of("7.18.2", None).contains("interval=1d"));
        assert!(script("7.18".parse().unwrap(), day, Some("a\" b@c")).is_err());
    }
}
