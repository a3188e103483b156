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
use crate::data::DataDir;

/// The name of the file in the data directory.
pub const FILE: &str = "portreeve.toml";

/// The configuration of the server, each value in its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../docs/examples/portreeve.toml");

    fn parse(text: &str) -> Result<Config, Problems> {
        Config::parse(Path::new("portreeve.toml"), text)
    }

    fn problems(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_sample_shows_the_defaults() {
        assert_eq!(parse(SAMPLE).unwrap(), Config::default());
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a list")]
    fn the_sample_shows_every_key() {
        let known = [
            "auth =",
            "accounting =",
            "tls =",
            "dtls =",
            "tcp =",
            "radius =",
            "oldest =",
            "# certificate =",
            "# key =",
            "# ca =",
            "# crl =",
            "http =",
            "https =",
            "# url =",
            "# download_url =",
            "connections =",
            "half_open =",
            "connections_per_nas =",
            "handshake_timeout_ms =",
            "idle_timeout_s =",
            "methods =",
            "inner =",
            "ocsp =",
            "ocsp_servers =",
            "machines =",
            "user_from =",
            "tls_min =",
            "tls_max =",
            "suite_b_192 =",
            "resumption =",
            "resumption_s =",
            "crypto_binding =",
            "hide_inner =",
            "fragment_octets =",
            "conversations =",
            "conversations_per_nas =",
            "rate_per_nas =",
            "burst_per_nas =",
            "patience_s =",
            "workers =",
            "receive_buffer_bytes =",
            "reject_delay_ms =",
            "handler_timeout_ms =",
            "slow_hashes =",
            "authentication =",
            "unknown =",
            "random =",
            "answered_ms =",
            "in_progress_ms =",
            "entries =",
            "unprotected_entries =",
            "format =",
            "level =",
            "interim_interval_s =",
            "segment_bytes =",
            "keep =",
            "include =",
            "realms =",
            "services =",
            "allow_private =",
            "# resolver =",
            "# ssid =",
            "hidden =",
            "security =",
            "method =",
            "# organisation =",
            "# server_name =",
            "# anonymous =",
            "# link_url =",
            "check =",
            "backup =",
            "keep_days =",
        ];
        for key in known {
            assert!(SAMPLE.lines().any(|line| line.starts_with(key)), "{key}");
        }
    }

    #[test]
    fn values_are_read() {
        let config = parse(
            "[listen]\nauth = [\"192.0.2.1:1645\"]\n[log]\nformat = 'json'\nlevel = 'debug'\n\
             [security]\nreject_delay_ms = 0x1f4\n[dictionary]\ninclude = ['a', 'b']",
        )
        .unwrap();
        assert_eq!(config.listen.auth, ["192.0.2.1:1645".parse().unwrap()]);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.log.level, LogLevel::Debug);
        assert_eq!(config.security.reject_delay, Duration::from_millis(500));
        assert_eq!(config.dictionary.include.len(), 2);
    }

    #[test]
    fn tls_is_configured_by_files_that_belong_together() {
        let config = parse(
            "[listen]\ntls = []\ntcp = ['127.0.0.1:1812']\n[tls]\nradius = '1.1'\n\
             oldest = '1.3'\ncertificate = 'a.pem'\nkey = '/b.pem'\nca = 'ca.pem'\n\
             crl = 'crl.pem'\nconnections = 7\nidle_timeout_s = 60\n",
        )
        .unwrap();
        assert!(config.listen.tls.is_empty());
        assert_eq!(config.tls.limits.total, 7);
        assert_eq!(config.tls.limits.idle, Duration::from_mins(1));
        assert_eq!(config.tls.oldest, portreeve::tls::TlsVersion::V1_3);
        let said = problems("[tls]\ncertificate = 'a.pem'\ncrl = 'b'\n");
        assert!(
            said.contains("portreeve.toml:2:") && said.contains("`key`"),
            "{said}"
        );
        assert!(
            said.contains("portreeve.toml:3:") && said.contains("`ca`"),
            "{said}"
        );
        assert!(problems("[tls]\nkey = 'a.pem'\n").contains("`certificate`"));
    }

    #[cfg(not(feature = "openssl"))]
    #[test]
    fn dtls_is_refused_where_it_is_not_built_in() {
        let said = problems("[listen]\ndtls = ['127.0.0.1:2083']\n");
        assert!(said.contains("--features openssl"), "{said}");
    }

    #[test]
    fn realms_go_to_pools_of_home_servers() {
        let config = parse(
            "[[home]]\nname = 'a'\naddress = 'radius.example.org:2083'\ntransport = 'tls'\n\
             radius = '1.1'\nca = 'ca.pem'\n[[home]]\nname = 'b'\naddress = '192.0.2.1:1812'\n\
             secret = 'xyzzy'\n[[pool]]\nname = 'both'\nhomes = ['a', 'b']\nmode = 'balance'\n\
             [[realm]]\nname = 'example.org'\npool = 'both'\nstrip = 'yes'\n\
             deny_answers = ['Mikrotik.*']\n[[realm]]\nname = '*'\npool = 'b'\n\
             accounting = 'both'\nnas = ['wifi']\n[proxy]\nmax_hops = 3\n",
        )
        .unwrap();
        let proxy = &config.proxy;
        assert_eq!(
            (proxy.homes.len(), proxy.pools.len(), proxy.realms.len()),
            (2, 1, 2)
        );
        assert_eq!(proxy.rules.max_hops, 3);
        assert!(proxy.realms[0].strip && !proxy.realms[1].strip);
        assert_eq!(
            proxy.realms[1].nas.as_deref(),
            Some(&["wifi".to_owned()][..])
        );
        assert!(!format!("{proxy:?}").contains("xyzzy"));
    }

    #[test]
    fn a_secret_is_not_shown_with_what_is_wrong_about_it() {
        for line in [
            "secret = 'hunter2'",
            "secrte = 'hunter2'",
            "secret = ['hunter2']",
        ] {
            let said = problems(&format!(
                "[[home]]\nname = 'a'\naddress = 'x:1'\ntransport = 'tls'\n{line}\n"
            ));
            assert!(said.contains("portreeve.toml:5:"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_with_proxying_is_told_with_its_place() {
        let said = problems(
            "[[home]]\nname = 'a'\naddress = 'x:1'\ntransport = 'tls'\nsecret = 's'\n\
             [[home]]\nname = 'a'\naddress = 'y:1'\nsecret = 's'\n[[home]]\nname = 'c'\n\
             [[pool]]\nname = 'p'\nhomes = ['aa']\n[[realm]]\nname = 'not a realm'\n\
             pool = 'q'\n[[realm]]\nname = 'example.org'\npool = 'a'\n[[realm]]\n\
             name = 'EXAMPLE.org'\npool = 'a'\ntypo = 1\n",
        );
        for expected in [
            "portreeve.toml:5:10: over TLS",
            "portreeve.toml:6:1: `a` stands here twice",
            "portreeve.toml:10:1: `address` is missing",
            "portreeve.toml:14:10: there is no home `aa` in this file; did you mean `a`?",
            "portreeve.toml:16:8: not a realm",
            "there is no pool `q`",
            "`EXAMPLE.org` stands here twice",
            "unknown key `typo` in [realm]",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
    }

    #[test]
    fn realms_are_discovered_where_they_are_admitted() {
        let config = parse(
            "[[realm]]\nname = '*'\npool = 'discover'\n[discovery]\n\
             realms = ['Example.org', '*.edu.example']\nca = 'roaming.pem'\n\
             resolver = '127.0.0.1:5353'\nservices = ['x-eduroam:radius.tls']\n\
             allow_private = 'yes'\n",
        )
        .unwrap();
        let discovery = &config.proxy.discovery;
        let admitted = ["example.org", "*.edu.example"].map(|realm| realm.parse().unwrap());
        assert_eq!(discovery.realms, admitted);
        assert_eq!(discovery.services, ["x-eduroam:radius.tls"]);
        assert!(discovery.allow_private && discovery.resolver.is_some());
        assert_eq!(config.proxy.realms[0].pool, proxy::DISCOVER);
    }

    #[test]
    fn what_is_wrong_with_discovery_is_told_with_its_place() {
        let said = problems(
            "[discovery]\nrealms = ['*', 'not a realm', '', 'com']\n\
             services = ['aaa+auth:diameter.tls.tcp']\nresolver = 'localhost'\ncrl = 'a'\n\
             [[home]]\nname = 'discover'\naddress = 'x:1'\nsecret = 's'\n\
             [[realm]]\nname = 'example.org'\npool = 'discover'\nstrip = 'yes'\n",
        );
        for expected in [
            "portreeve.toml:2:11: discovery asks for no realm whatever",
            "portreeve.toml:2:16: not a realm",
            "portreeve.toml:2:31: discovery asks",
            "portreeve.toml:2:35: discovery asks",
            "portreeve.toml:3:13: not a service",
            "portreeve.toml:4:12: not the address of a name server",
            "portreeve.toml:5:7: `crl` needs `ca`",
            "portreeve.toml:6:1: `discover` is",
            "portreeve.toml:13:9: `strip`",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        let said = problems("[discovery]\nrealms = ['example.org']\n");
        assert!(
            said.contains("portreeve.toml:1:1: `ca` is missing"),
            "{said}"
        );
        let said = problems("[[realm]]\nname = 'example.org'\npool = 'discover'\n");
        assert!(
            said.contains("portreeve.toml:3:8: discovery.realms is empty"),
            "{said}"
        );
    }

    #[test]
    fn one_port_is_not_for_tls_and_for_none() {
        let said = problems("[listen]\ntls = ['127.0.0.1:1']\ntcp = ['127.0.0.1:1']\n");
        assert!(said.contains("portreeve.toml:3:"), "{said}");
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place_and_the_nearest_one() {
        let said = problems("# mine\n[listen]\n  auht = [\"0.0.0.0:1812\"]\n");
        assert!(said.contains("portreeve.toml:3:3: "), "{said}");
        assert!(said.contains("`auht`"), "{said}");
        assert!(said.contains("did you mean `auth`?"), "{said}");
        assert!(said.contains("auht = [\"0.0.0.0:1812\"]"), "{said}");
        assert!(said.contains("    ^^^^"), "{said}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let said = parse(
            "[sever]\nworkers = 1\n[server]\nworkers = 'many'\nreceive_buffer_bytes = 1\n\
             [log]\nlevel = 'loud'\n[listen]\nauth = ['localhost', 7]\naccounting = []\n",
        )
        .unwrap_err();
        assert_eq!(said.len(), 7, "{said}");
    }

    #[test]
    fn broken_syntax_is_told_with_its_place() {
        let said = problems("[listen]\nauth = [\n");
        assert!(said.contains("portreeve.toml:2:"), "{said}");
        assert!(problems("a = 1\na = 2").contains("portreeve.toml:2:1: "));
    }

    #[test]
    fn a_listener_given_twice_is_a_problem() {
        let said = problems("[listen]\nauth = ['127.0.0.1:1', '127.0.0.1:1']");
        assert!(said.contains("twice"), "{said}");
    }

    #[test]
    fn a_missing_file_is_a_problem_of_its_own() {
        let said = Config::load(Path::new("/nonexistent/portreeve.toml")).unwrap_err();
        assert!(said.to_string().contains("/nonexistent/portreeve.toml"));
    }
}
