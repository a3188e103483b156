//! Backups that the router takes by itself: a script, a schedule and, where wanted, e-mail.
//!
//! What is written fits the version of the router: RouterOS wrote dates as `jan/23/2025` up to
//! 7.9, names the mail server `address` up to 7.11, and says `start-tls` before RouterOS 7. Only
//! encrypted backups are made.

use std::time::Duration;

use jiff::civil::DateTime;

use crate::{Capabilities, Command, Error, Secret, time};

/// What a script that takes backups must be permitted.
const POLICY: &str = "ftp,read,write,policy,test,password,sensitive";
/// The shortest time between two backups: storage on flash wears out.
const SHORTEST: Duration = Duration::from_hours(1);

/// When the router takes backups of itself, and what becomes of them.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The name of the script and of the schedule, and the beginning of the files' names: letters,
    /// digits, `-` and `_`.
    pub name: String,
    /// The first time, in the router's own time.
    pub first: DateTime,
    /// From one to the next: at least an hour.
    pub interval: Duration,
    /// The password of the backups. It stands readable in the script.
    pub password: Secret,
    /// Where they are sent. Without it the newest stays on the router.
    pub mail: Option<Mail>,
}

/// A mail server, and to whom it sends.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The address of the server. RouterOS 6 takes no name.
    pub server: String,
    /// Its port: 587, 465 or 25.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// As whom the router logs in to the server, if it does.
    pub user: Option<String>,
    /// The password for that.
    pub password: Option<Secret>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// From the beginning, as on port 465. RouterOS 6 has it from 6.43 on.
    Always,
    /// After `STARTTLS`, as on port 587.
    StartTls,
}

/// The commands that set the schedule up on a router. Given again they fail with
/// [`Error::Exists`]; [`removal`] takes them back.
///
/// # Errors
/// [`Error::BadValue`] for a name, an interval or a password that does not do;
/// [`Error::DeviceMode`] where the router's device-mode forbids it.
pub fn commands(schedule: &Schedule, router: &Capabilities) -> Result<Vec<Command>, Error> {
    check(schedule, router)?;
    let mut commands = Vec::new();
    if let Some(mail) = &schedule.mail {
        commands.push(mail_server(mail, router));
    }
    let script = Command::new("/system/script/add")
        .with("name", &schedule.name)
        .with("policy", POLICY)
        .with("source", source(schedule, router));
    commands.push(script);
    commands.push(
        Command::new("/system/scheduler/add")
            .with("name", &schedule.name)
            .with("start-date", date(schedule.first, router))
            .with(
                "start-time",
                schedule.first.strftime("%H:%M:%S").to_string(),
            )
            .with("interval", time::spell(schedule.interval))
            .with("policy", POLICY)
            .with("on-event", &schedule.name),
    );
    Ok(commands)
}

/// The commands that take a schedule away again: its items are found by name.
pub fn removal(name: &str) -> [Command; 2] {
    ["/system/scheduler/remove", "/system/script/remove"]
        .map(|path| Command::new(path).with(".id", name))
}

/// The same commands as text for the router's terminal.
///
/// # Errors
/// As [`commands`].
pub fn text(schedule: &Schedule, router: &Capabilities) -> Result<Secret, Error> {
    let mut text = String::new();
    for command in commands(schedule, router)? {
        // RouterOS 6 knows paths with spaces only.
        text.push('/');
        text.push_str(&command.path().trim_start_matches('/').replace('/', " "));
        for (name, value) in command.arguments() {
            text.push(' ');
            text.push_str(name);
            text.push('=');
            text.push_str(&quoted(value));
        }
        text.push('\n');
    }
    Ok(Secret::new(text))
}

fn check(schedule: &Schedule, router: &Capabilities) -> Result<(), Error> {
    let wrong = |message: &str| Error::BadValue {
        command: "/system/scheduler/add".to_owned(),
        message: message.to_owned(),
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if schedule.name.is_empty() || !schedule.name.bytes().all(fits) {
        return Err(wrong("the name may have letters, digits, - and _ only"));
    }
    if schedule.interval < SHORTEST {
        return Err(wrong(
            "less than an hour from one backup to the next wears the flash out",
        ));
    }
    if schedule.password.reveal().is_empty() {
        return Err(wrong(
            "without a password RouterOS does not encrypt a backup",
        ));
    }
    let features: &[&str] = match schedule.mail {
        Some(_) => &["scheduler", "email"],
        None => &["scheduler"],
    };
    match features.iter().find(|feature| router.forbids(feature)) {
        Some(feature) => Err(Error::DeviceMode {
            command: "/system/scheduler/add".to_owned(),
            message: format!(
                "device-mode forbids {feature}: /system/device-mode/update {feature}=yes, and then \
                 press the button or switch the device off and on"
            ),
        }),
        None => Ok(()),
    }
}

fn mail_server(mail: &Mail, router: &Capabilities) -> Command {
    const SET: &str = "/tool/e-mail/set";
    let is_six = router.version().major < 7;
    let server = if router.takes(SET, "server") {
        "server"
    } else {
        "address"
    };
    let (name, value) = match (is_six, mail.tls) {
        (true, Tls::None) => ("start-tls", "no"),
        (true, Tls::StartTls) => ("start-tls", "yes"),
        (true, Tls::Always) => ("start-tls", "tls-only"),
        (false, Tls::None) => ("tls", "no"),
        (false, Tls::StartTls) => ("tls", "starttls"),
        (false, Tls::Always) => ("tls", "yes"),
    };
    let mut command = Command::new(SET)
        .with(server, &mail.server)
        .with("port", mail.port.to_string())
        .with(name, value)
        .with("from", &mail.from);
    if let Some(user) = &mail.user {
        command = command.with("user", user);
    }
    if let Some(password) = &mail.password {
        command = command.with("password", password.reveal());
    }
    command
}

/// A date as this version takes it.
fn date(moment: DateTime, router: &Capabilities) -> String {
    if router.writes_iso_dates() {
        moment.strftime("%Y-%m-%d").to_string()
    } else {
        moment.strftime("%b/%d/%Y").to_string().to_ascii_lowercase()
    }
}

/// The script. The date is turned into `2025-01-23` where the version writes it otherwise, as
/// slashes would be folders; the file lies in `flash/` where there is one, as the rest of such a
/// device's storage does not outlive a restart.
fn source(schedule: &Schedule, router: &Capabilities) -> String {
    let mut lines = vec![":local stamp [/system clock get date]".to_owned()];
    if !router.writes_iso_dates() {
        lines.push(
            ":local months {\"jan\"=\"01\";\"feb\"=\"02\";\"mar\"=\"03\";\"apr\"=\"04\";\
             \"may\"=\"05\";\"jun\"=\"06\";\"jul\"=\"07\";\"aug\"=\"08\";\"sep\"=\"09\";\
             \"oct\"=\"10\";\"nov\"=\"11\";\"dec\"=\"12\"}"
                .to_owned(),
        );
        lines.push(":if ([:pick $stamp 3 4] = \"/\") do={".to_owned());
        lines.push(
            "  :set stamp ([:pick $stamp 7 11] . \"-\" . ($months->[:pick $stamp 0 3]) . \"-\" . \
             [:pick $stamp 4 6])"
                .to_owned(),
        );
        lines.push("}".to_owned());
    }
    lines.push(":local folder \"\"".to_owned());
    lines.push(
        ":if ([:len [/file find name=\"flash\"]] > 0) do={ :set folder \"flash/\" }".to_owned(),
    );
    let target = match schedule.mail {
        Some(_) => format!(":local target ($folder . \"{}-\" . $stamp)", schedule.name),
        None => format!(":local target ($folder . \"{}\")", schedule.name),
    };
    lines.push(target);
    let encryption = if router.takes("/system/backup/save", "encryption") {
        " encryption=aes-sha256"
    } else {
        ""
    };
    let password = quoted(schedule.password.reveal());
    lines.push(format!(
        "/system backup save name=$target password={password}{encryption}"
    ));
    if let Some(mail) = &schedule.mail {
        lines.push(":delay 10s".to_owned());
        lines.push(":local router [/system identity get name]".to_owned());
        lines.push(format!(
            "/tool e-mail send to={} subject=(\"Backup of \" . $router . \" \" . $stamp) \
             body=\"The backup is encrypted.\" file=($target . \".backup\")",
            quoted(&mail.to)
        ));
        lines.push(":delay 60s".to_owned());
        lines.push("/file remove [find name=($target . \".backup\")]".to_owned());
    }
    lines.join("\n")
}

/// A value as the console takes it: in quotes, with what it would read otherwise escaped.
fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' | '$' | '?' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_ascii_control() => {
                let code = u32::from(letter);
                let halves = [code >> 4, code & 15].map(|half| char::from_digit(half, 16));
                quoted.push('\\');
                quoted.extend(halves.iter().flatten().map(char::to_ascii_uppercase));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{
        Version,
        capability::{Device, DeviceMode},
    };

    fn router(version: (u16, u16), commands: &[(&str, &[&str])]) -> Capabilities {
        let commands: BTreeMap<String, BTreeSet<String>> = commands
            .iter()
            .map(|(command, arguments)| {
                let arguments = arguments.iter().map(|name| (*name).to_owned()).collect();
                ((*command).to_owned(), arguments)
            })
            .collect();
        let version = Version::new(version.0, version.1, 0);
        Capabilities::new(version, commands, BTreeMap::new())
    }

    fn six() -> Capabilities {
        let mail: &[&str] = &["address", "start-tls"];
        router(
            (6, 42),
            &[
                ("/tool/e-mail/set", mail),
                ("/system/backup/save", &["password"]),
            ],
        )
    }

    fn seven() -> Capabilities {
        let save: &[&str] = &["password", "encryption"];
        router(
            (7, 18),
            &[
                ("/tool/e-mail/set", &["server", "tls"]),
                ("/system/backup/save", save),
            ],
        )
    }

    fn schedule() -> Schedule {
        Schedule {
            name: "nightly".to_owned(),
            first: jiff::civil::datetime(2025, 1, 23, 3, 30, 0, 0),
            interval: Duration::from_hours(24),
            password: Secret::new("a\"b$c"),
            mail: Some(Mail {
                server: "192.0.2.25".to_owned(),
                port: 587,
                tls: Tls::StartTls,
                from: "router@example.net".to_owned(),
                to: "noc@example.net".to_owned(),
                user: None,
                password: None,
            }),
        }
    }

    #[test]
    fn dates_and_names_fit_the_version() {
        let six = text(&schedule(), &six()).unwrap();
        let six = six.reveal();
        assert!(six.contains("start-date=\"jan/23/2025\""), "{six}");
        assert!(six.contains("address=\"192.0.2.25\"") && six.contains("start-tls=\"yes\""));
        assert!(six.contains("months->") && !six.contains("aes-sha256"));
        assert!(six.starts_with("/tool e-mail set "));
        let seven = text(&schedule(), &seven()).unwrap();
        let seven = seven.reveal();
        assert!(seven.contains("start-date=\"2025-01-23\""), "{seven}");
        assert!(seven.contains("server=\"192.0.2.25\"") && seven.contains("tls=\"starttls\""));
        assert!(!seven.contains("months->") && seven.contains("aes-sha256"));
        for text in [six, seven] {
            assert!(text.contains("start-time=\"03:30:00\"") && text.contains("interval=\"1d\""));
            // Quoted twice: once as the value in the script, once as the script's source.
            assert!(text.contains(r#"password=\"a\\\"b\\\$c\""#), "{text}");
            assert_eq!(text.lines().count(), 3);
        }
    }

    #[test]
    fn nothing_unencrypted_is_scheduled() {
        let bare = Schedule {
            password: Secret::new(""),
            ..schedule()
        };
        assert!(matches!(
            commands(&bare, &seven()),
            Err(Error::BadValue { .. })
        ));
        let name = Schedule {
            name: "x\";/system reset".to_owned(),
            ..schedule()
        };
        assert!(matches!(
            commands(&name, &seven()),
            Err(Error::BadValue { .. })
        ));
        let often = Schedule {
            interval: Duration::from_mins(1),
            ..schedule()
        };
        assert!(matches!(
            commands(&often, &seven()),
            Err(Error::BadValue { .. })
        ));
    }

    #[test]
    fn what_device_mode_forbids_is_said() {
        let mode = DeviceMode {
            mode: "home".to_owned(),
            allows: [("email".to_owned(), false)].into(),
        };
        let home = seven().with_device(Device {
            mode: Some(mode),
            ..Device::default()
        });
        let error = commands(&schedule(), &home).unwrap_err();
        assert!(matches!(error, Error::DeviceMode { .. }), "{error}");
        let kept = Schedule {
            mail: None,
            ..schedule()
        };
        let commands = commands(&kept, &home).unwrap();
        assert_eq!(commands.len(), 2);
        assert!(!format!("{commands:?}").contains("a\"b"));
    }
}
