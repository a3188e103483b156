//! Reading a configuration.

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
        "silent =",
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
