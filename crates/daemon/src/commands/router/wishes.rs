//! What a router is to be set up for: the flags that say so.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use clap::{Args, builder::PossibleValuesParser};
use portreeve_routeros::{
    Secret,
    plan::{
        Coa, Dhcp, Dot1x, Enterprise, Hotspot, Ipsec, Logging, LoginService, Ppp, Protocol, Risk,
        Server, Services, Wanted, Which, Wireless,
    },
    time,
};

use crate::routers::RouterError;

const SERVICES: [&str; 7] = [
    "ppp", "hotspot", "wireless", "login", "dhcp", "ipsec", "dot1x",
];
/// What changes nothing for whoever the router knows by itself.
const USUAL: [&str; 4] = ["ppp", "hotspot", "wireless", "login"];
const SECURITIES: [(&str, Enterprise); 3] = [
    ("wpa2", Enterprise::Wpa2),
    ("wpa2+wpa3", Enterprise::Wpa2AndWpa3),
    ("wpa3", Enterprise::Wpa3),
];
const RISKS: [(&str, Risk); 4] = [
    ("no-local-user", Risk::NoLocalUser),
    ("no-local-network", Risk::NoLocalNetwork),
    ("own-port", Risk::OwnPort),
    ("no-local-xauth", Risk::NoLocalXauth),
];

/// Flags that say how a router is to be.
#[derive(Debug, Clone, Args)]
pub(super) struct Wishes {
    /// What shall use this server: ppp (dial-in and VPN), hotspot, wireless, login (to the router
    /// itself), dhcp, ipsec, dot1x (802.1X on wires) [default: ppp,hotspot,wireless,login]
    #[arg(long, value_name = "SERVICE,..", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(SERVICES))]
    services: Vec<String>,
    /// The address of this server as the router is to use it [default: the one it is reached from]
    #[arg(long, value_name = "ADDRESS")]
    server: Option<IpAddr>,
    /// Another server of ours that the router asks where this one does not answer. May be repeated
    #[arg(long, value_name = "ADDRESS")]
    backup_server: Vec<IpAddr>,
    /// A Wi-Fi security profile to switch to WPA-Enterprise: devices that join by a common key are
    /// shut out of it. NAME or NAME=wpa2|wpa2+wpa3|wpa3. May be repeated
    #[arg(long, value_name = "PROFILE", value_parser = read_network)]
    wifi: Vec<(String, Enterprise)>,
    /// The hotspot profiles that shall ask [default: all]
    #[arg(long, value_name = "PROFILE")]
    hotspot_profile: Vec<String>,
    /// The DHCP servers that shall ask; needed with --services dhcp
    #[arg(long, value_name = "NAME")]
    dhcp_server: Vec<String>,
    /// The ports that shall ask for 802.1X; needed with --services dot1x
    #[arg(long, value_name = "INTERFACE")]
    dot1x_port: Vec<String>,
    /// On those ports, let devices without 802.1X in by their MAC address
    #[arg(long)]
    dot1x_mac: bool,
    /// Whether xauth, of the first version of IKE, asks too
    #[arg(long)]
    xauth: bool,
    /// What a log-in to the router may do where its user says nothing else [default: read]
    #[arg(long, value_name = "GROUP")]
    default_group: Option<String>,
    /// How often the router reports on a session [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = read_span)]
    interim: Option<Duration>,
    /// How long the router waits for an answer, 10ms to 1m [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = read_span)]
    timeout: Option<Duration>,
    /// Whether the router takes CoA and Disconnect from this server [default: yes; with RadSec no,
    /// for RouterOS takes them by UDP alone, protected by nothing but the word `radsec`]
    #[arg(long, value_name = "yes|no", value_parser = PossibleValuesParser::new(["yes", "no"]))]
    coa: Option<String>,
    /// Have the router note what it does with RADIUS in a log of its own, in memory
    #[arg(long)]
    log: bool,
    /// Go on in spite of a risk: no-local-user, no-local-network, own-port, no-local-xauth
    #[arg(long, value_name = "RISK", value_parser = read_risk)]
    accept: Vec<Risk>,
}

/// Where and how a router is to ask.
pub(super) struct Terms<'a> {
    pub(super) tag: String,
    pub(super) protocol: Protocol,
    /// This server.
    pub(super) server: IpAddr,
    /// The address of the router that it asks from.
    pub(super) source: Option<IpAddr>,
    /// For log-ins and for accounting.
    pub(super) ports: (u16, u16),
    pub(super) secret: &'a str,
    /// What its certificate is called there.
    pub(super) certificate: &'a str,
}

impl Wishes {
    /// The address of this server, where it was given.
    pub(super) fn server(&self) -> Option<IpAddr> {
        self.server.map(|address| address.to_canonical())
    }

    /// Whether anything is asked for.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            services,
            server,
            backup_server,
            wifi,
            hotspot_profile,
            dhcp_server,
            dot1x_port,
            dot1x_mac,
            xauth,
            default_group,
            interim,
            timeout,
            coa,
            log,
            accept,
        } = self;
        let lists = [services, hotspot_profile, dhcp_server, dot1x_port];
        lists.iter().all(|list| list.is_empty())
            && server.is_none()
            && backup_server.is_empty()
            && wifi.is_empty()
            && !dot1x_mac
            && !xauth
            && default_group.is_none()
            && interim.is_none()
            && timeout.is_none()
            && coa.is_none()
            && !log
            && accept.is_empty()
    }

    /// Refuses flags that do not go together, before anything is done.
    pub(super) fn check(&self) -> Result<(), RouterError> {
        let needs = [
            ("dhcp", "--dhcp-server NAME", self.dhcp_server.is_empty()),
            (
                "dot1x",
                "--dot1x-port INTERFACE",
                self.dot1x_port.is_empty(),
            ),
        ];
        for (service, flag, missing) in needs {
            if self.has(service) && missing {
                return Err(RouterError::Usage(format!(
                    "--services {service} needs {flag}: whoever is not known here is refused there"
                )));
            }
            if !self.has(service) && !missing {
                return Err(RouterError::Usage(format!(
                    "{flag} is for --services {service}: name it too"
                )));
            }
        }
        let timeout = self.timeout.unwrap_or(Duration::from_secs(2));
        if !(Duration::from_millis(10)..=Duration::from_mins(1)).contains(&timeout) {
            let words = "--timeout: RouterOS takes 10ms to 1m";
            return Err(RouterError::Usage(words.to_owned()));
        }
        Ok(())
    }

    fn has(&self, service: &str) -> bool {
        if self.services.is_empty() {
            return USUAL.contains(&service);
        }
        self.services.iter().any(|known| known == service)
    }

    /// What the router is to be like.
    pub(super) fn wanted(&self, terms: &Terms<'_>) -> Wanted {
        let mut server = match terms.protocol {
            Protocol::Udp => Server::udp(terms.server, Secret::new(terms.secret)),
            Protocol::Radsec => Server::radsec(terms.server, terms.certificate),
        };
        (server.authentication_port, server.accounting_port) = terms.ports;
        server.source = terms.source;
        server.timeout = self.timeout.unwrap_or(server.timeout);
        let mut wanted = Wanted::new(&terms.tag, server);
        for address in &self.backup_server {
            let mut backup = wanted.servers[0].clone();
            backup.address = address.to_canonical();
            wanted.servers.push(backup);
        }
        wanted.services = self.wanted_services();
        let coa = match self.coa.as_deref() {
            Some(word) => word == "yes",
            None => terms.protocol == Protocol::Udp,
        };
        wanted.coa = coa.then(Coa::default);
        wanted.logging = self.log.then(Logging::default);
        wanted.accepted = self.accept.iter().copied().collect();
        wanted
    }

    fn wanted_services(&self) -> Services {
        let interim = self.interim.unwrap_or(Duration::from_mins(5));
        let named = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        let mut services = Services::default();
        if self.has("ppp") {
            services.ppp = Some(Ppp {
                interim_update: interim,
            });
        }
        if self.has("hotspot") {
            services.hotspot = Some(Hotspot {
                profiles: if self.hotspot_profile.is_empty() {
                    Which::All
                } else {
                    Which::Named(named(&self.hotspot_profile))
                },
                interim_update: interim,
            });
        }
        if self.has("wireless") {
            services.wireless = Some(Wireless {
                switch: self.wifi.iter().cloned().collect::<BTreeMap<_, _>>(),
                interim_update: interim,
            });
        }
        if self.has("login") {
            let usual = LoginService::default();
            services.login = Some(LoginService {
                default_group: self.default_group.clone().unwrap_or(usual.default_group),
                exclude_groups: usual.exclude_groups,
                interim_update: interim,
            });
        }
        if self.has("dhcp") {
            let mut dhcp = Dhcp::of(self.dhcp_server.iter().cloned());
            dhcp.interim_update = interim;
            services.dhcp = Some(dhcp);
        }
        if self.has("dot1x") {
            let mut dot1x = Dot1x::of(self.dot1x_port.iter().cloned());
            dot1x.mac_authentication = self.dot1x_mac;
            dot1x.interim_update = interim;
            services.dot1x = Some(dot1x);
        }
        if self.has("ipsec") {
            services.ipsec = Some(Ipsec {
                xauth: self.xauth,
                interim_update: interim,
            });
        }
        services
    }
}

/// What cannot be read from a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadWish {
    #[error("not NAME, nor NAME=wpa2, NAME=wpa2+wpa3 or NAME=wpa3")]
    Network,
    #[error("not one of no-local-user, no-local-network, own-port, no-local-xauth")]
    Risk,
    #[error("not a span of time such as 300ms, 2s, 5m or 1h")]
    Span,
}

fn read_network(text: &str) -> Result<(String, Enterprise), BadWish> {
    let (name, security) = match text.rsplit_once('=') {
        None => (text, Some(Enterprise::default())),
        Some((name, word)) => {
            let known = SECURITIES.iter().find(|(known, _)| *known == word);
            (name, known.map(|(_, security)| *security))
        }
    };
    let security = security.filter(|_| !name.is_empty());
    Ok((name.to_owned(), security.ok_or(BadWish::Network)?))
}

fn read_risk(text: &str) -> Result<Risk, BadWish> {
    let known = RISKS.iter().find(|(known, _)| *known == text);
    known.map(|(_, risk)| *risk).ok_or(BadWish::Risk)
}

fn read_span(text: &str) -> Result<Duration, BadWish> {
    time::parse(text).ok_or(BadWish::Span)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        wishes: Wishes,
    }

    fn wishes(arguments: &[&str]) -> Wishes {
        let line = ["line"].iter().chain(arguments);
        Line::try_parse_from(line).unwrap().wishes
    }

    fn wanted(arguments: &[&str], protocol: Protocol) -> Wanted {
        wishes(arguments).wanted(&Terms {
            tag: "portreeve:test".to_owned(),
            protocol,
            server: IpAddr::from([192, 0, 2, 2]),
            source: None,
            ports: (1812, 1813),
            secret: "xyzzy",
            certificate: "portreeve-test",
        })
    }

    #[test]
    fn nothing_that_refuses_strangers_is_switched_on_by_itself() {
        let wanted = wanted(&[], Protocol::Udp);
        let mut names = wanted.services.names();
        names.sort_unstable();
        assert_eq!(names, ["hotspot", "login", "ppp", "wireless"]);
        assert!(wanted.services.wireless.unwrap().switch.is_empty());
        assert!(wishes(&[]).is_empty() && !wishes(&["--log"]).is_empty());
    }

    #[test]
    fn coa_is_open_where_a_secret_protects_it() {
        assert!(wanted(&[], Protocol::Udp).coa.is_some());
        assert!(wanted(&[], Protocol::Radsec).coa.is_none());
        assert!(wanted(&["--coa", "yes"], Protocol::Radsec).coa.is_some());
        assert!(wanted(&["--coa", "no"], Protocol::Udp).coa.is_none());
    }

    #[test]
    fn services_that_shut_people_out_need_to_be_told_where() {
        assert!(wishes(&["--services", "dhcp"]).check().is_err());
        assert!(
            wishes(&["--services", "dhcp", "--dhcp-server", "lan"])
                .check()
                .is_ok()
        );
        assert!(wishes(&["--dot1x-port", "ether2"]).check().is_err());
        assert!(wishes(&["--timeout", "5ms"]).check().is_err());
    }

    #[test]
    fn networks_and_risks_are_read() {
        assert_eq!(
            read_network("a=wpa3"),
            Ok(("a".to_owned(), Enterprise::Wpa3))
        );
        assert_eq!(read_network("a"), Ok(("a".to_owned(), Enterprise::Wpa2)));
        assert_eq!(read_network("a=wep"), Err(BadWish::Network));
        for (word, risk) in RISKS {
            let spelt = serde_json::to_value(risk).unwrap();
            assert_eq!(spelt.as_str(), Some(word));
        }
    }

    #[test]
    fn backups_share_the_secret() {
        let wanted = wanted(&["--backup-server", "192.0.2.3"], Protocol::Udp);
        let addresses: Vec<IpAddr> = wanted.servers.iter().map(|one| one.address).collect();
        assert_eq!(
            addresses,
            [IpAddr::from([192, 0, 2, 2]), IpAddr::from([192, 0, 2, 3])]
        );
        assert_eq!(wanted.servers[1].secret.reveal(), "xyzzy");
    }
}
