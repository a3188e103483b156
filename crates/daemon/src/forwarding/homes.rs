//! Home servers: from what is configured to clients that reach them.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    net::{SocketAddr, ToSocketAddrs as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use portreeve::{
    Client, Transport,
    client::{Retry, Upstream},
    tls::{ClientConfig, Identity, LoopGuard, TlsError, Trust},
};
use portreeve_aaa::proxy::{Direction, Filter, HopKey, Member, Mode, Pool, Route, Routes};
use portreeve_proto::Dictionary;
use zeroize::Zeroizing;

use super::ForwardingError;
use crate::{
    config::{
        self,
        proxy::{DISCOVER, Home, Lists, Realm},
    },
    service::random_octets,
};

/// How long a record of accounting is waited for at least (the MRD of RFC 5080 section 2.2.1):
/// nobody waits for its answer, and a record that is given up while its answer is on the way
/// arrives twice. A connection that is over is noticed long before.
const ACCOUNTING: Duration = Duration::from_secs(30);

/// Why a home server cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    #[error(
        "home server `{home}`: cannot find `{address}`: write host:port, such as \
             radius.example.org:2083"
    )]
    Address {
        home: String,
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("home server `{home}`: cannot read {}", path.display())]
    File {
        home: String,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("home server `{home}`: {source}")]
    Tls {
        home: String,
        #[source]
        source: TlsError,
    },
    #[error(
        "home server `{home}`: there is no certificate of our own to show it: run \
             `portreeve cert list`, or give `certificate`, `key` and `ca`"
    )]
    NoIdentity { home: String },
    #[cfg(not(feature = "openssl"))]
    #[error("home server `{home}`: DTLS needs a build with the cargo feature `openssl`")]
    NoDtls { home: String },
    #[error("home server `{home}`: {source}")]
    Library {
        home: String,
        #[source]
        source: portreeve::Error,
    },
}

/// What clients are made with.
pub(crate) struct Means<'a> {
    /// What our own CA has for outgoing connections: chain and key, in PEM.
    pub(crate) identity: Option<(&'a str, &'a str)>,
    /// Our own CA, in PEM.
    pub(crate) ca: Option<&'a str>,
    /// What it has revoked, in PEM.
    pub(crate) crl: Option<&'a str>,
    /// Recognises connections that come back to us.
    pub(crate) guard: LoopGuard,
}

/// The pools, those of a single home server among them that a realm names by itself; without the
/// one of the servers that DNS names.
pub(super) fn pools(config: &config::Proxy) -> Vec<config::proxy::Pool> {
    let mut pools = config.pools.clone();
    for realm in &config.realms {
        let is_known = pools.iter().any(|pool| pool.name == realm.pool);
        if !is_known && realm.pool != DISCOVER {
            pools.push(config::proxy::Pool {
                name: realm.pool.clone(),
                homes: vec![realm.pool.clone()],
                mode: Mode::Failover,
            });
        }
    }
    pools
}

pub(super) fn pool(config: &config::proxy::Pool) -> Pool {
    let member = |name: &String| Member {
        name: name.as_str().into(),
        weight: 1,
    };
    Pool {
        name: config.name.as_str().into(),
        mode: config.mode,
        members: config.homes.iter().map(member).collect(),
    }
}

pub(super) fn routes(
    config: &config::Proxy,
    dictionary: &Dictionary,
) -> Result<Routes, ForwardingError> {
    let routes: Result<Vec<Route>, ForwardingError> = config
        .realms
        .iter()
        .map(|realm| route(realm, dictionary))
        .collect();
    Routes::new(routes?, config.rules).map_err(|error| ForwardingError::Realm {
        realm: error.pattern.to_string(),
        why: error.to_string(),
    })
}

/// Whether any realm goes to servers that DNS names.
pub(super) fn discovers(config: &config::Proxy) -> bool {
    config.realms.iter().any(|realm| realm.pool == DISCOVER)
}

fn route(realm: &Realm, dictionary: &Dictionary) -> Result<Route, ForwardingError> {
    let mut route = Route::new(realm.pattern.clone(), realm.pool.as_str());
    let inbound = Direction::Inbound(realm.trust);
    route.inbound = filter(inbound, &realm.answers, realm, dictionary)?;
    route.outbound = filter(Direction::Outbound, &realm.requests, realm, dictionary)?;
    route.strip = realm.strip;
    route.accounting = realm.accounting;
    route.operator_name.clone_from(&realm.operator_name);
    route.request_cui = realm.cui;
    route.when_dead = realm.when_dead;
    route.nases = realm.nas.clone().map(Vec::into_boxed_slice);
    Ok(route)
}

fn filter(
    direction: Direction,
    lists: &Lists,
    realm: &Realm,
    dictionary: &Dictionary,
) -> Result<Filter, ForwardingError> {
    let mut filter = Filter::of(direction);
    let allowed = lists.allow.iter().map(|entry| (entry, true));
    let denied = lists.deny.iter().map(|entry| (entry, false));
    for (entry, allows) in allowed.chain(denied) {
        let added = filter.add(dictionary, entry, allows);
        added.map_err(|error| ForwardingError::Realm {
            realm: realm.pattern.to_string(),
            why: error.to_string(),
        })?;
    }
    Ok(filter)
}

/// Clients of the servers of a pool: for log-ins, and for accounting.
pub(super) fn clients(
    pool: &config::proxy::Pool,
    proxy: &config::Proxy,
    means: &Means<'_>,
) -> Result<(Client, Client), HomeError> {
    let homes: Vec<&Home> = pool
        .homes
        .iter()
        .filter_map(|name| proxy.homes.iter().find(|home| home.name == *name))
        .collect();
    let timeout = homes.iter().map(|home| home.timeout).max();
    let timeout = timeout.unwrap_or(Duration::from_secs(8));
    let access = client(&homes, means, timeout, |home| home.address.clone())?;
    let accounting = client(&homes, means, timeout.max(ACCOUNTING), accounting_address)?;
    Ok((access, accounting))
}

/// Where accounting goes: where it is said; else, of the port for log-ins over UDP, to the one
/// beside it, and over connections the same way as log-ins.
fn accounting_address(home: &Home) -> String {
    let beside = || {
        let host = home.address.strip_suffix(":1812")?;
        (home.transport == Transport::Udp).then(|| format!("{host}:1813"))
    };
    let said = home.accounting_address.clone();
    said.or_else(beside).unwrap_or_else(|| home.address.clone())
}

fn client(
    homes: &[&Home],
    means: &Means<'_>,
    timeout: Duration,
    address: impl Fn(&Home) -> String,
) -> Result<Client, HomeError> {
    let retry = Retry {
        duration: timeout,
        count: 0,
        ..Retry::default()
    };
    // A proxy adds no name of its own to what NASes say of themselves.
    let mut builder = Client::builder().retry(retry).nas_identifier("");
    for home in homes {
        builder = builder.server_with(upstream(home, &address(home), means)?);
    }
    let home = || {
        homes
            .first()
            .map_or_else(String::new, |home| home.name.clone())
    };
    builder.build().map_err(|source| HomeError::Library {
        home: home(),
        source,
    })
}

fn upstream(home: &Home, address: &str, means: &Means<'_>) -> Result<Upstream, HomeError> {
    let failed = |source| HomeError::Library {
        home: home.name.clone(),
        source,
    };
    let found = resolve(home, address)?;
    let upstream = match home.transport {
        Transport::Udp => Upstream::new(found, secret(home)),
        Transport::Tcp => Upstream::tcp(found, secret(home)),
        Transport::Tls => Upstream::radsec(found, tls(home, means)?),
        #[cfg(feature = "openssl")]
        Transport::Dtls => Upstream::dtls(found, tls(home, means)?),
        #[cfg(not(feature = "openssl"))]
        Transport::Dtls => {
            let home = home.name.clone();
            return Err(HomeError::NoDtls { home });
        }
    };
    let upstream = upstream.map_err(failed)?;
    if home.transport.is_secure() {
        return Ok(upstream);
    }
    Ok(upstream.require_message_authenticator(home.require_message_authenticator))
}

fn secret(home: &Home) -> &[u8] {
    home.secret.as_ref().map_or(&[], |secret| secret.expose())
}

fn resolve(home: &Home, address: &str) -> Result<SocketAddr, HomeError> {
    let failed = |source| HomeError::Address {
        home: home.name.clone(),
        address: address.to_owned(),
        source,
    };
    let mut found = address.to_socket_addrs().map_err(failed)?;
    found
        .next()
        .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn tls(home: &Home, means: &Means<'_>) -> Result<ClientConfig, HomeError> {
    let failed = |source| HomeError::Tls {
        home: home.name.clone(),
        source,
    };
    let read = |path: &Path| {
        fs::read(path).map_err(|source| HomeError::File {
            home: home.name.clone(),
            path: path.to_owned(),
            source,
        })
    };
    let missing = || HomeError::NoIdentity {
        home: home.name.clone(),
    };
    let identity = if let (Some(certificate), Some(key)) = (&home.certificate, &home.key) {
        let key = Zeroizing::new(read(key)?);
        Identity::from_pem(&read(certificate)?, &key)
    } else {
        let (chain, key) = means.identity.ok_or_else(missing)?;
        Identity::from_pem(chain.as_bytes(), key.as_bytes())
    };
    let mut trust = match &home.ca {
        Some(ca) => Trust::from_pem(&read(ca)?),
        None => Trust::from_pem(means.ca.ok_or_else(missing)?.as_bytes()),
    }
    .map_err(failed)?;
    let crl = match (&home.crl, &home.ca) {
        (Some(crl), _) => Some(read(crl)?),
        (None, Some(_)) => None,
        // Without the list nobody can say what is revoked.
        (None, None) => Some(means.crl.ok_or_else(missing)?.as_bytes().to_vec()),
    };
    if let Some(crl) = crl {
        trust = trust.crls_from_pem(&crl).map_err(failed)?;
    }
    let host = home
        .address
        .rsplit_once(':')
        .map_or(home.address.as_str(), |(host, _)| host)
        .trim_matches(['[', ']']);
    let name = home.server_name.as_deref().unwrap_or(host);
    let config = ClientConfig::new(identity.map_err(failed)?, trust, name).map_err(failed)?;
    Ok(config.versions(home.radius).loop_guard(means.guard.clone()))
}

/// A pool's name as the name of a folder: what might mean something else there is written out.
pub(super) fn folder_name(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let mut folder = String::from("pool-");
    for letter in name.chars() {
        if plain(letter) {
            folder.push(letter);
        } else {
            write!(folder, "%{:x}", u32::from(letter)).ok();
        }
    }
    folder
}

/// The key by which we recognise our own Proxy-State, made at first.
pub(super) fn hop_key(path: &Path) -> io::Result<HopKey> {
    match fs::read(path) {
        Ok(octets) => {
            let octets: [u8; 32] = octets.try_into().map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "it is not 32 octets long")
            })?;
            Ok(HopKey::new(&octets))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let octets: [u8; 32] =
                random_octets().ok_or_else(|| io::Error::other("no random numbers"))?;
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(&octets)?;
            file.sync_all()?;
            Ok(HopKey::new(&octets))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use portreeve::{
        AccessReply, AccessRequest, AccountingReply, AccountingRequest, Ask, AttributeList,
        Handler, Peer, Secret, Server, attr, client::Forward, tls::Versions,
    };
    use portreeve_aaa::definition::SharedSecret;

    use super::*;

    /// A home server that takes its time.
    struct Slow(AtomicU32);

    impl Slow {
        const TIME: Duration = Duration::from_millis(400);
    }

    impl Handler for Slow {
        async fn access(&self, _: &AccessRequest) -> AccessReply {
            tokio::time::sleep(Self::TIME).await;
            AccessReply::reject()
        }

        async fn accounting(&self, _: &AccountingRequest) -> AccountingReply {
            tokio::time::sleep(Self::TIME).await;
            self.0.fetch_add(1, Ordering::Relaxed);
            AccountingReply::recorded()
        }
    }

    fn reached_over_tcp(address: SocketAddr, timeout: Duration) -> Home {
        Home {
            name: "home".to_owned(),
            address: address.to_string(),
            accounting_address: None,
            transport: Transport::Tcp,
            secret: Some(SharedSecret::new("s3cret").unwrap()),
            certificate: None,
            key: None,
            ca: None,
            crl: None,
            server_name: None,
            radius: Versions::Both,
            timeout,
            require_message_authenticator: true,
        }
    }

    #[tokio::test]
    async fn a_record_is_not_given_up_while_its_answer_is_on_the_way() {
        let slow = Arc::new(Slow(AtomicU32::new(0)));
        let secret = Secret::new("s3cret").unwrap();
        let peer = Peer::new("us", secret).transport(Transport::Tcp);
        let server = Server::new(Arc::clone(&slow)).peer_with(peer, "127.0.0.1");
        let running = server.tcp("127.0.0.1:0").start().await.unwrap();
        let proxy = config::Proxy {
            homes: vec![reached_over_tcp(running.address(), Slow::TIME / 4)],
            ..config::Proxy::default()
        };
        let pool = config::proxy::Pool {
            name: "pool".to_owned(),
            homes: vec!["home".to_owned()],
            mode: Mode::Failover,
        };
        let means = Means {
            identity: None,
            ca: None,
            crl: None,
            guard: LoopGuard::default(),
        };
        let (access, accounting) = clients(&pool, &proxy, &means).unwrap();
        let record = AttributeList::new().with(attr::ACCT_SESSION_ID, "1");
        let record = Forward::of(Ask::Accounting, record);
        assert!(accounting.forward(&record).await.is_ok());
        assert_eq!(slow.0.load(Ordering::Relaxed), 1);
        let log_in = AttributeList::new().with(attr::USER_NAME, "tim");
        let log_in = Forward::of(Ask::Access, log_in);
        assert!(access.forward(&log_in).await.is_err(), "a NAS waits for it");
    }

    #[test]
    fn a_pools_folder_cannot_lead_elsewhere() {
        assert_eq!(folder_name("roaming-2"), "pool-roaming-2");
        assert_eq!(folder_name("../é"), "pool-%2e%2e%2f%e9");
    }

    #[test]
    fn the_key_is_made_once_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = hop_key(&path).unwrap();
        let mark = made.mark([7; 8]);
        assert!(hop_key(&path).unwrap().is_ours(mark.octets()));
        fs::write(&path, [1, 2, 3]).unwrap();
        assert!(hop_key(&path).is_err());
    }
}
