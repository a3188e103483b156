//! What a newcomer is told: what was made ready, where the server listens, and exactly what to do
//! next.

use std::{
    env, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use portreeve_aaa::{
    definition::{Nas, SharedSecret},
    port::{Put, Store, UserFilter},
};
use zeroize::Zeroizing;

use super::control::Listening;
use crate::{
    commands::nas::generate_secret,
    data::{DataDir, Readiness},
    failure::Failure,
    output::{Colour, Output},
};

/// The NASes made for this machine itself, so that a test on it works at once.
const LOOPBACK: [(&str, IpNet); 2] = [
    (
        "localhost",
        IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    ),
    (
        "localhost6",
        IpNet::V6(ipnet::Ipv6Net::new_assert(
            std::net::Ipv6Addr::LOCALHOST,
            128,
        )),
    ),
];

/// What such a NAS is known by.
const COMMENT: &str = "this machine, for tests";

/// Whether a NAS was made by the first run and is as it was.
pub(crate) fn is_made(nas: &Nas) -> bool {
    nas.comment == COMMENT && LOOPBACK.iter().any(|(name, _)| *name == nas.name)
}

/// What is new to the administrator.
pub(super) struct Welcome {
    readiness: Readiness,
    /// The secret of the NASes that were made.
    secret: Option<Zeroizing<String>>,
    has_users: bool,
    /// The fingerprint of the CA that was made.
    ca: Option<String>,
}

/// Gives a store without any NAS one for this machine.
pub(super) fn prepare(store: &mut impl Store, readiness: Readiness) -> Result<Welcome, Failure> {
    let has_users = !store
        .users(&UserFilter {
            limit: 1,
            ..UserFilter::default()
        })?
        .is_empty();
    let mut secret = None;
    if store.nases()?.is_empty() {
        let text = generate_secret()?;
        for (name, prefix) in LOOPBACK {
            let mut nas = Nas::new(name, prefix, SharedSecret::new(text.as_bytes())?);
            COMMENT.clone_into(&mut nas.comment);
            store.put_nas(&nas, Put::Create)?;
        }
        secret = Some(text);
    }
    Ok(Welcome {
        readiness,
        secret,
        has_users,
        ca: None,
    })
}

impl Welcome {
    /// Says that a CA was made, by its fingerprint.
    pub(super) fn ca_made(&mut self, fingerprint: Option<&str>) {
        self.ca = fingerprint.map(str::to_owned);
    }

    /// Prints it.
    pub(super) fn print(
        &self,
        listening: &Listening,
        data: &DataDir,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let made = match self.readiness {
            Readiness::Made => " (made now)",
            Readiness::WasThere => "",
        };
        let version = env!("CARGO_PKG_VERSION");
        let title = format!("Portreeve {version} is serving");
        let title = output.style().paint(Colour::Bold, &title).into_owned();
        output.line(title)?;
        output.line(format!("  data directory  {}{made}", data.path().display()))?;
        output.line(format!("  authentication  {}", joined(&listening.auth)))?;
        output.line(format!(
            "  accounting      {}",
            joined(&listening.accounting)
        ))?;
        for (name, addresses) in [
            ("over TLS", &listening.tls),
            ("over DTLS", &listening.dtls),
            ("over TCP", &listening.tcp),
            ("portal, HTTP", &listening.http),
            ("portal, HTTPS", &listening.https),
        ] {
            if !addresses.is_empty() {
                output.line(format!("  {name:<15} {}", joined(addresses)))?;
            }
        }
        if let Some(fingerprint) = &self.ca {
            output.line("  certificates    a CA was made for this server; its SHA-256 is")?;
            output.line(format!("                  {fingerprint}"))?;
        }
        if self.secret.is_some() || !self.has_users {
            self.next_steps(listening, &command(data), output)?;
        }
        output.flush()
    }

    fn next_steps(
        &self,
        listening: &Listening,
        command: &str,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let host = this_host(listening);
        let ports = ports(listening);
        let secret = self.secret.as_ref().map_or("SECRET", |secret| secret);
        let auth = listening.auth.first().map_or(1812, SocketAddr::port);
        let lines = [
            String::new(),
            "What to do next, in another terminal:".to_owned(),
            String::new(),
            "1. Add somebody who may log in; this prints a password for them".to_owned(),
            format!("     {command} user add tim --generate"),
            String::new(),
            "2. Try it on this machine, with that password in place of PASSWORD".to_owned(),
            format!(
                "     {command} send auth 127.0.0.1:{auth} --secret {secret} --user tim \
                 --password PASSWORD"
            ),
            format!("     {command} log"),
            String::new(),
            "3. Add your router, by the address it sends from; this prints a secret".to_owned(),
            format!("     {command} nas add router 192.168.88.1 --dialect mikrotik"),
            String::new(),
            "4. On a MikroTik router paste, with that secret in place of SECRET".to_owned(),
            format!(
                "     /radius add address={host}{ports} secret=SECRET timeout=3s \
                 service=ppp,login,hotspot,wireless,dhcp require-message-auth=yes-for-request-resp"
            ),
            "     /ppp aaa set use-radius=yes accounting=yes".to_owned(),
            "     /ip hotspot profile set [find] use-radius=yes".to_owned(),
            "     /user aaa set use-radius=yes".to_owned(),
            "   RouterOS before 7.15 has no require-message-auth: leave it out there, and run"
                .to_owned(),
            format!("     {command} nas set router --require-message-authenticator auto"),
            String::new(),
            "Changes take effect at once. Ctrl-C stops the server.".to_owned(),
            String::new(),
        ];
        lines.iter().try_for_each(|line| output.line(line))
    }
}

fn joined(addresses: &[SocketAddr]) -> String {
    let words: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    words.join(", ")
}

/// The ports as the router has to be told, where they are not the usual ones.
fn ports(listening: &Listening) -> String {
    let mut words = String::new();
    let all = [
        ("authentication-port", &listening.auth, 1812),
        ("accounting-port", &listening.accounting, 1813),
    ];
    for (name, addresses, usual) in all {
        if let Some(address) = addresses.first().filter(|address| address.port() != usual) {
            words.extend([" ", name, "=", &address.port().to_string()]);
        }
    }
    words
}

/// The address by which others reach this machine, as well as it can be told.
fn this_host(listening: &Listening) -> String {
    let usable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback();
    let listened = listening.auth.iter().map(SocketAddr::ip).find(usable);
    listened.map_or_else(this_machine, |address| address.to_string())
}

/// The address that this machine has for others, whatever it listens on.
pub(crate) fn this_machine() -> String {
    let usable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_loopback();
    outward().filter(usable).map_or_else(
        || "ADDRESS-OF-THIS-MACHINE".to_owned(),
        |address| address.to_string(),
    )
}

/// The address from which a packet to elsewhere would leave. None is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// How this program is called from where the administrator is, with the data directory where it
/// must be said.
fn command(data: &DataDir) -> String {
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("portreeve"));
    let mut words = called(&program, env::current_dir().ok().as_deref());
    if data.path() != DataDir::locate(None).path() {
        words.extend([" --data ", &data.path().display().to_string()]);
    }
    words
}

fn called(program: &Path, here: Option<&Path>) -> String {
    let folder = program.parent().unwrap_or(Path::new(""));
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|known| known == folder) {
        return "portreeve".to_owned();
    }
    match here.and_then(|here| program.strip_prefix(here).ok()) {
        Some(below) => format!("./{}", below.display()),
        None => program.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use portreeve_store::Sqlite;

    use super::*;
    use crate::output::Style;

    fn listening(auth: &str, accounting: &str) -> Listening {
        Listening {
            auth: vec![auth.parse().unwrap()],
            accounting: vec![accounting.parse().unwrap()],
            ..Listening::default()
        }
    }

    #[test]
    fn a_store_without_any_nas_gets_one_for_this_machine_and_keeps_it() {
        let mut store = Sqlite::in_memory().unwrap();
        let first = prepare(&mut store, Readiness::Made).unwrap();
        assert!(first.secret.is_some());
        let nases = store.nases().unwrap();
        assert_eq!(nases.len(), 2);
        assert!(
            nases
                .iter()
                .all(|nas| nas.secret().unwrap().strength().warning().is_none())
        );
        assert!(
            prepare(&mut store, Readiness::WasThere)
                .unwrap()
                .secret
                .is_none()
        );
        assert_eq!(store.nases().unwrap(), nases);
    }

    #[test]
    fn a_newcomer_is_told_what_to_do_with_the_ports_in_use() {
        let mut store = Sqlite::in_memory().unwrap();
        let welcome = prepare(&mut store, Readiness::Made).unwrap();
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let data = DataDir::locate(Some(PathBuf::from("/srv/radius")));
        let mut output = Output::new(&mut out, &mut notes, Style::Plain);
        welcome
            .print(
                &listening("192.0.2.9:1645", "192.0.2.9:1813"),
                &data,
                &mut output,
            )
            .unwrap();
        let said = String::from_utf8(out).unwrap();
        for words in [
            "address=192.0.2.9 authentication-port=1645 secret=SECRET",
            "require-message-auth=yes-for-request-resp",
            "--data /srv/radius user add tim --generate",
            welcome.secret.as_ref().unwrap().as_str(),
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }

    #[test]
    fn the_program_is_named_as_one_can_call_it() {
        let here = Path::new("/home/tim/portreeve");
        let built = Path::new("/home/tim/portreeve/target/release/portreeve");
        assert_eq!(called(built, Some(here)), "./target/release/portreeve");
        let elsewhere = Path::new("/opt/portreeve/portreeve");
        assert_eq!(called(elsewhere, Some(here)), "/opt/portreeve/portreeve");
    }
}
