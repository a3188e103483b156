//! What `portreeve.toml` says.
//!
//! Every key has a default, so an absent file is a good one. A key that is not known, or a value
//! that does not fit, is a problem with a place; all problems of a file are found at once.

mod discovery;
#[expect(missing_docs, reason = "its items say it")]
pub mod eap;
mod mac;
mod portal;
mod problem;
mod profile;
#[expect(missing_docs, reason = "its items say it")]
pub mod proxy;
mod reader;
mod routers;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve_aaa::device;
use portreeve_proto::DuplicateLimits;

pub(crate) use self::profile::{NOT_A_LINK, link_url};
use self::reader::{Reader, Section};
pub use self::{
    discovery::Discovery,
    eap::Eap,
    portal::Portal,
    problem::{Fault, Place, Problem, Problems},
    profile::Profile,
    proxy::Proxy,
    routers::Routers,
    tls::Tls,
};
use crate::{data::DataDir, serving::control};

/// The name of the file in the data directory.
pub const FILE: &str = "portreeve.toml";

/// The configuration of the server, each value in its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from, if from any.
    pub file: Option<PathBuf>,
    /// `[listen]`
    pub listen: Listen,
    /// `[server]`
    pub server: Server,
    /// `[tls]`
    pub tls: Tls,
    /// `[eap]`
    pub eap: Eap,
    /// `[portal]`
    pub portal: Portal,
    /// `[proxy]`, `[discovery]`, `[[home]]`, `[[pool]]` and `[[realm]]`
    pub proxy: Proxy,
    /// `[security]`
    pub security: Security,
    /// `[mac]`
    pub mac: device::Rules,
    /// `[coa]`
    pub coa: Coa,
    /// `[duplicates]`
    pub duplicates: DuplicateLimits,
    /// `[log]`
    pub log: Log,
    /// `[accounting]`
    pub accounting: Accounting,
    /// `[decisions]`
    pub decisions: Decisions,
    /// `[dictionary]`
    pub dictionary: Dictionary,
    /// `[profile]`
    pub profile: Profile,
    /// `[routers]`
    pub routers: Routers,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// For authentication.
    pub auth: Vec<SocketAddr>,
    /// For accounting.
    pub accounting: Vec<SocketAddr>,
    /// For both over TLS.
    pub tls: Vec<SocketAddr>,
    /// For both over DTLS; only with the OpenSSL engine.
    pub dtls: Vec<SocketAddr>,
    /// For both over bare TCP.
    pub tcp: Vec<SocketAddr>,
}

/// How NASes are asked to change or end sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coa {
    /// The UDP port on which they take Disconnect-Request and CoA-Request.
    pub port: u16,
}

impl Default for Coa {
    /// What RFC 5176 assigns.
    fn default() -> Self {
        Self { port: 3799 }
    }
}

/// How to use the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Worker threads, 1 to 256; 0 for one per processor.
    pub workers: usize,
    /// What to ask of the kernel for each socket, in octets.
    pub receive_buffer_bytes: usize,
}

/// What protects the subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// How long a reject waits, before jitter.
    pub reject_delay: Duration,
    /// How long one request may take before it is given up.
    pub handler_timeout: Duration,
    /// How many slow password hashes may be computed at a time; 0 for one per processor.
    pub slow_hashes: usize,
}

/// What the server says of itself on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// For whom log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const WORDS: [(&'static str, Self); 2] = [("human", Self::Human), ("json", Self::Json)];
}

/// The least important lines that are still written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what keeps the server from its work.
    Error,
    /// Also what an administrator should see to.
    Warn,
    /// Also what happens once in a while.
    Info,
    /// Also single requests.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    const WORDS: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// How accounting is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounting {
    /// How often a NAS shall report on a session, in seconds; `None` where it is left to the NAS.
    pub interim_interval_s: Option<u32>,
    /// The size at which the journal begins a new file, in octets.
    pub segment_bytes: u64,
}

/// How decision records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decisions {
    /// The most records.
    pub keep: u64,
}

/// What attributes are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dictionary {
    /// Further dictionary files, on top of the built-in ones.
    pub include: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let everywhere = |port| {
            vec![
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            ]
        };
        Self {
            file: None,
            listen: Listen {
                auth: everywhere(1812),
                accounting: everywhere(1813),
                tls: everywhere(2083),
                dtls: Vec::new(),
                tcp: Vec::new(),
            },
            server: Server {
                workers: 0,
                receive_buffer_bytes: 4 << 20,
            },
            tls: Tls::default(),
            eap: Eap::default(),
            portal: Portal::default(),
            proxy: Proxy::default(),
            security: Security {
                reject_delay: Duration::from_secs(1),
                handler_timeout: Duration::from_secs(10),
                slow_hashes: 0,
            },
            mac: device::Rules::default(),
            coa: Coa::default(),
            duplicates: DuplicateLimits::default(),
            log: Log {
                format: LogFormat::Human,
                level: LogLevel::Info,
            },
            accounting: Accounting {
                interim_interval_s: Some(600),
                segment_bytes: 64 << 20,
            },
            decisions: Decisions { keep: 100_000 },
            dictionary: Dictionary {
                include: Vec::new(),
            },
            profile: Profile::default(),
            routers: Routers::default(),
        }
    }
}

impl Config {
    /// The named file, else that of the server that runs on the data directory, else as
    /// [`of`](Self::of): what a command goes by.
    ///
    /// # Errors
    /// As `of`.
    pub(crate) fn in_force(data: &DataDir, named: Option<&Path>) -> Result<Self, Problems> {
        let running = || control::configuration(data).ok().flatten();
        let named = named.map(Path::to_owned).or_else(running);
        Self::of(data, named.as_deref())
    }

    /// The named file, which has to be there; else that of the data directory, which need not be.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn of(data: &DataDir, named: Option<&Path>) -> Result<Self, Problems> {
        match named {
            Some(file) => Self::load(file),
            None if data.config_file().exists() => Self::load(&data.config_file()),
            None => Ok(Self::default()),
        }
    }

    /// Reads a file that has to be there. Relative paths in it start from its own directory.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(file: &Path) -> Result<Self, Problems> {
        let octets = std::fs::read(file)
            .map_err(|error| Problems::unreadable(file, Fault::Unreadable(error.kind())))?;
        let text =
            String::from_utf8(octets).map_err(|_| Problems::unreadable(file, Fault::NotText))?;
        let mut config = Self::parse(file, &text)?;
        config.file = Some(std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        let folder = file.parent().unwrap_or(Path::new("."));
        for include in &mut config.dictionary.include {
            *include = folder.join(&include);
        }
        config.tls.start_from(folder);
        config.eap.start_from(folder);
        config.portal.start_from(folder);
        config.proxy.start_from(folder);
        Ok(config)
    }

    /// Reads the text of a file; `file` is what problems call it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Problems> {
        let mut config = Self::default();
        let mut reader = Reader::new(file, text);
        if let Some(mut root) = reader.root() {
            root.section("listen", |section| config.listen.read(section));
            root.section("tls", |section| config.tls.read(section));
            root.section("eap", |section| config.eap.read(section));
            root.section("portal", |section| config.portal.read(section));
            config.proxy.read(&mut root);
            root.section("server", |section| config.server.read(section));
            root.section("security", |section| config.security.read(section));
            root.section("mac", |section| mac::read(&mut config.mac, section));
            root.section("coa", |section| {
                section.number("port", 1..=u16::MAX, &mut config.coa.port);
            });
            root.section("duplicates", |section| {
                read_duplicates(&mut config.duplicates, section);
            });
            root.section("log", |section| config.log.read(section));
            root.section("accounting", |section| config.accounting.read(section));
            root.section("decisions", |section| config.decisions.read(section));
            root.section("dictionary", |section| config.dictionary.read(section));
            root.section("profile", |section| config.profile.read(section));
            root.section("routers", |section| config.routers.read(section));
            root.finish();
        }
        reader.finish(config)
    }
}

impl Listen {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.addresses("auth", &mut self.auth);
        section.addresses("accounting", &mut self.accounting);
        section.addresses_if_any("tls", &mut self.tls);
        let dtls = section.addresses_if_any("dtls", &mut self.dtls);
        let tcp = section.addresses_if_any("tcp", &mut self.tcp);
        if !self.dtls.is_empty() && !cfg!(feature = "openssl") {
            section.problem(dtls, Fault::NoDtls);
        }
        let shared = |address: &SocketAddr| address.port() != 0 && self.tls.contains(address);
        if self.tcp.iter().any(shared) {
            section.problem(tcp, Fault::AddressTwice);
        }
    }
}

impl Server {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.number("workers", 0..=256, &mut self.workers);
        let range = 64 << 10..=1 << 30;
        section.number(
            "receive_buffer_bytes",
            range,
            &mut self.receive_buffer_bytes,
        );
    }
}

impl Security {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.milliseconds("reject_delay_ms", 0..=5_000, &mut self.reject_delay);
        section.milliseconds(
            "handler_timeout_ms",
            100..=30_000,
            &mut self.handler_timeout,
        );
        section.number("slow_hashes", 0..=1_024, &mut self.slow_hashes);
    }
}

fn read_duplicates(limits: &mut DuplicateLimits, section: &mut Section<'_, '_>) {
    section.milliseconds("answered_ms", 5_000..=30_000, &mut limits.answered);
    section.milliseconds("in_progress_ms", 5_000..=120_000, &mut limits.in_progress);
    section.number("entries", 1_024..=16 << 20, &mut limits.entries);
    section.number(
        "unprotected_entries",
        256..=1 << 20,
        &mut limits.unprotected_entries,
    );
}

impl Log {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.word("format", &LogFormat::WORDS, &mut self.format);
        section.word("level", &LogLevel::WORDS, &mut self.level);
    }
}

impl Accounting {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        let mut interval = self.interim_interval_s.unwrap_or(0);
        section.number("interim_interval_s", 0..=86_400, &mut interval);
        self.interim_interval_s = (interval > 0).then_some(interval);
        section.number("segment_bytes", 1 << 20..=1 << 30, &mut self.segment_bytes);
    }
}

impl Decisions {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.number("keep", 0..=100_000_000, &mut self.keep);
    }
}

impl Dictionary {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.paths("include", &mut self.include);
    }
}
