//! A router and a server that hear each other, and the steps by which something is made wrong
//! between them and right again.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use portreeve_routeros::{
    Capabilities, Command, Error, Login, Record, Router, Secret, Transport, backup,
    check::{self, Code, Expectation, Finding, Nas, OurSide, ResponseTimes, diagnose},
    files::Files,
    harden,
};
use tokio::net::UdpSocket;

use super::{
    super::router::Emulated,
    US,
    server::{SECRET, Server},
    sites::{self, Site},
};

/// What takes a step back.
enum Back {
    Call(Command),
    Ask(&'static str, String),
    Mode(String),
    Package(String),
    Eyes,
}

pub(crate) struct Stage {
    pub(crate) emulated: Emulated,
    pub(crate) router: Router,
    pub(crate) can: Capabilities,
    pub(crate) server: Server,
    pub(crate) ours: OurSide,
    site: Site,
    transport: Transport,
    /// Who looks, where that is somebody else.
    eyes: Option<Router>,
    back: Vec<Back>,
    callers: Vec<u64>,
    relay: Option<tokio::task::JoinHandle<()>>,
    /// The port of `/radius incoming`, which no other router here has.
    incoming: u16,
}

impl Stage {
    /// A router of a kind and version with which nothing is wrong.
    pub(crate) async fn set(site: Site, version: &str) -> Self {
        let emulated = Emulated::of_user(version, site.board(version), "keeper");
        // One version in the middle is read over REST, so that each rule is seen by both ways.
        let transport = if version == "7.18" {
            Transport::Rest
        } else {
            Transport::Api
        };
        let (router, can) = emulated.probed(transport).await;
        let server = Server::start().await;
        let free = UdpSocket::bind((US, 0)).await.unwrap();
        let incoming = free.local_addr().unwrap().port();
        drop(free);
        let ours = ours(&server, incoming);
        let mut stage = Self {
            emulated,
            router,
            can,
            server,
            ours,
            site,
            transport,
            eyes: None,
            back: Vec::new(),
            callers: Vec::new(),
            relay: None,
            incoming,
        };
        sites::lay(&mut stage, site, version).await;
        stage.back.clear();
        stage
    }

    /// What both sides know, judged.
    pub(crate) async fn look(&self, adjust: impl FnOnce(&mut OurSide)) -> Vec<Finding> {
        let mut ours = self.ours.clone();
        self.server.tell(&mut ours);
        adjust(&mut ours);
        let eyes = self.eyes.as_ref().unwrap_or(&self.router);
        let mut found = if self.site == Site::Hardened {
            harden::examine(&harden::gather(eyes, &self.can).await.unwrap())
        } else {
            let side = check::gather(eyes, &self.can).await.unwrap();
            diagnose(&side, &ours, &Expectation::default())
        };
        found.retain(|one| !self.site.is_given(one.code));
        found
    }

    /// All that is configured, line by line, each with its menu before it.
    pub(crate) async fn configured(&self) -> Vec<String> {
        const MOVING: [&str; 8] = [
            "bytes",
            "packets",
            "last-logged-in",
            "running",
            "status",
            "tx-byte",
            "rx-byte",
            "run-count",
        ];
        let files = Files::new(&self.router, &self.can);
        let export = backup::export(&files, backup::Secrets::Shown).await;
        let export = backup::parse(export.unwrap().reveal()).unwrap();
        let mut lines: Vec<String> = export
            .commands
            .iter()
            .map(|line| format!("{} {}", line.menu, line.text))
            .collect();
        // An export leaves out what a device came with, and some menus altogether.
        for menu in sites::MENUS {
            let items = match self.router.print(menu, &[], &[]).await {
                Err(Error::NoSuchCommand { .. }) => continue,
                items => items.unwrap(),
            };
            for item in items
                .iter()
                .filter(|item| item.flag("dynamic") != Some(true))
            {
                let words = item.iter().filter(|(name, _)| !MOVING.contains(name));
                let mut words: Vec<_> = words
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                words.sort();
                lines.push(format!("{menu} {}", words.join(" ")));
            }
        }
        lines
    }

    /// Does one step. See the arms for the words.
    pub(crate) async fn act(&mut self, step: &str) {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        let parts: Vec<&str> = rest.split(' ').collect();
        match word {
            "set" => self.set_values(parts[0], &rest[parts[0].len()..]).await,
            "add" => self.add(parts[0], &rest[parts[0].len()..]).await,
            "server" => self.behave(rest),
            "dial" => {
                self.dial(parts[0].parse().unwrap(), parts[1], parts[2])
                    .await;
            }
            "guest" => self.guest(rest).await,
            "traffic" => self.traffic(parts[0], parts[1]).await,
            "swap" => {
                self.ask_back("/do/swap", r#"{"swapped": true}"#, r#"{"swapped": false}"#)
                    .await;
            }
            "clock" => {
                let forth = format!(r#"{{"offset": {rest}}}"#);
                self.ask_back("/clock", &forth, r#"{"offset": 0}"#).await;
            }
            "mode" => {
                self.mode(rest).await;
                let back = rest.replace("=no", "=yes");
                self.back.push(Back::Mode(back));
            }
            "without" => {
                self.package(rest, "disable").await;
                self.back.push(Back::Package(rest.to_owned()));
            }
            "as" => self.become_somebody(rest).await,
            "relay" => self.relay().await,
            "coa" => self.broken_coa().await,
            other => panic!("no such step: {other}"),
        }
    }

    /// Takes all steps back, and forgets what came of them.
    pub(crate) async fn back(&mut self) {
        self.server
            .behave(|manners| *manners = super::server::Manners::default());
        for caller in std::mem::take(&mut self.callers) {
            let body = format!(r#"{{"session": {caller}}}"#);
            self.emulated.try_ask("POST", "/do/hangup", &body).await;
        }
        while let Some(back) = self.back.pop() {
            match back {
                Back::Call(command) => {
                    self.router.call(&command).await.unwrap();
                }
                Back::Ask(path, body) => {
                    self.emulated.ask("POST", path, &body).await;
                }
                Back::Mode(mode) => self.mode(&mode).await,
                Back::Package(name) => self.package(&name, "enable").await,
                Back::Eyes => self.eyes = None,
            }
        }
        if let Some(relay) = self.relay.take() {
            relay.abort();
        }
        self.settle().await;
        for menu in ["/radius", "/radius/incoming"] {
            let command = Command::new(format!("{menu}/reset-counters"));
            self.router.call(&command).await.unwrap();
        }
        self.server.forget();
    }

    /// Waits until nothing is under way to a server any more.
    async fn settle(&self) {
        let entries = self.router.print("/radius", &[".id"], &[]).await.unwrap();
        let mut calm = 0;
        for _ in 0..200 {
            let mut pending = 0;
            for entry in &entries {
                let command = Command::new("/radius/monitor")
                    .with(".id", entry.get(".id").unwrap())
                    .flag("once");
                let answer = self.router.call(&command).await.unwrap();
                let counters = answer.records.first().unwrap_or(&answer.done);
                pending += counters.number("pending").unwrap();
            }
            // The next report of a session may still be on its way into the counters.
            calm = if pending == 0 { calm + 1 } else { 0 };
            if calm == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("the router still waits for answers");
    }

    /// `set MENU name=value ...`, `set MENU:NAME ...` or, by its place, `set MENU:0 ...`.
    async fn set_values(&mut self, place: &str, values: &str) {
        let (menu, which) = place.split_once(':').unwrap_or((place, ""));
        let items = self.router.print(menu, &[], &[]).await.unwrap();
        let item = match which.parse::<usize>() {
            Ok(at) => items.get(at),
            Err(_) if which.is_empty() => items.first(),
            Err(_) => items.iter().find(|item| item.get("name") == Some(which)),
        };
        let item = item.unwrap_or_else(|| panic!("{place} is not there"));
        let mut forth = Command::new(format!("{menu}/set"));
        if !which.is_empty() {
            forth = forth.with(".id", item.get(".id").unwrap());
        }
        let mut back = forth.clone();
        for (name, value) in self.record(values).iter() {
            forth = forth.with(name, value);
            back = back.with(name, item.get(name).unwrap_or_default());
        }
        self.router.call(&forth).await.unwrap();
        self.back.push(Back::Call(back));
    }

    /// `add MENU name=value ...`; `place-before=0` is the first item there.
    pub(crate) async fn add(&mut self, menu: &str, values: &str) {
        let mut values = self.record(values);
        if let Some(service) = values
            .get("dst-port")
            .and_then(|port| port.strip_prefix("$of-"))
        {
            let known = self
                .router
                .print("/ip/service", &["name", "port"], &[])
                .await
                .unwrap();
            let own = known.iter().find(|one| one.get("name") == Some(service));
            values.set("dst-port", own.unwrap().get("port").unwrap());
        }
        if values.get("place-before") == Some("0") {
            let items = self
                .router
                .print(menu, &[".id", "dynamic"], &[])
                .await
                .unwrap();
            let mut lasting = items
                .iter()
                .filter(|item| item.flag("dynamic") != Some(true));
            values.set("place-before", lasting.next().unwrap().get(".id").unwrap());
        }
        let id = self.router.add(menu, &values).await.unwrap();
        let remove = Command::new(format!("{menu}/remove")).with(".id", id.as_str());
        self.back.push(Back::Call(remove));
    }

    /// `$secret`, `$authentication`, `$accounting` and `$incoming` are those of this server and
    /// this router.
    fn record(&self, text: &str) -> Record {
        let known = BTreeMap::from([
            ("$secret", SECRET.to_owned()),
            ("$authentication", self.server.authentication.to_string()),
            ("$accounting", self.server.accounting.to_string()),
            ("$incoming", self.incoming.to_string()),
        ]);
        text.split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| {
                let value = known
                    .get(value)
                    .cloned()
                    .unwrap_or_else(|| value.to_owned());
                (name.to_owned(), value)
            })
            .collect()
    }

    fn behave(&self, word: &str) {
        self.server.behave(|manners| {
            let manner = match word {
                "silent" => &mut manners.silent,
                "strange" => &mut manners.strange,
                "demanding" => &mut manners.demanding,
                "unsigned" => &mut manners.unsigned,
                "spoiling" => &mut manners.spoiling,
                "deaf" => &mut manners.deaf,
                "slow" => &mut manners.slow,
                "rationing" => &mut manners.rationing,
                "hashing" => &mut manners.hashing,
                "choosy" => &mut manners.choosy,
                other => panic!("no such manner: {other}"),
            };
            *manner = true;
        });
    }

    async fn let_in(&mut self, action: &str, body: &str) {
        let told = self.emulated.ask("POST", action, body).await;
        self.callers.extend(told["session"].as_u64());
    }

    /// So many callers of one name, who prove themselves by a method.
    async fn dial(&mut self, count: u32, user: &str, method: &str) {
        for _ in 0..count {
            let body = format!(r#"{{"user": "{user}", "password": "pw", "method": "{method}"}}"#);
            self.let_in("/do/dial", &body).await;
        }
    }

    async fn guest(&mut self, what: &str) {
        let (mac, password) = ("00:E1:0C:38:C8:F8", "pw");
        let body = match what {
            "mac" => format!(r#"{{"mac": "{mac}", "by": "mac"}}"#),
            user => format!(
                r#"{{"mac": "{mac}", "user": "{user}", "password": "{password}",
                "by": "http-chap"}}"#
            ),
        };
        self.let_in("/do/hotspot", &body).await;
    }

    async fn traffic(&self, up: &str, down: &str) {
        let session = self.callers.last().unwrap();
        let body = format!(r#"{{"session": {session}, "up": {up}, "down": {down}}}"#);
        self.emulated.ask("POST", "/do/traffic", &body).await;
        let body = format!(r#"{{"session": {session}}}"#);
        self.emulated.ask("POST", "/do/interim", &body).await;
        let octets: u64 = up.parse::<u64>().unwrap() + down.parse::<u64>().unwrap();
        self.server.hears(octets).await;
    }

    async fn ask_back(&mut self, path: &'static str, forth: &str, back: &str) {
        self.emulated.ask("POST", path, forth).await;
        self.back.push(Back::Ask(path, back.to_owned()));
    }

    /// Changes the device-mode and presses the button, after which the router starts again.
    async fn mode(&mut self, values: &str) {
        let mut command = Command::new("/system/device-mode/update");
        for (name, value) in self.record(values).iter() {
            command = command.with(name, value);
        }
        self.router.call(&command).await.unwrap_err();
        let told = self.emulated.ask("POST", "/device-mode", "").await;
        assert_eq!(told["pressed"], true);
        self.return_from_start().await;
    }

    /// Switches a package, for which the router starts again.
    async fn package(&mut self, name: &str, verb: &str) {
        let command = Command::new(format!("/system/package/{verb}")).with("numbers", name);
        self.router.call(&command).await.unwrap();
        self.emulated.ask("POST", "/reboot", "").await;
        self.return_from_start().await;
    }

    async fn return_from_start(&mut self) {
        self.callers.clear();
        let target = self.emulated.target(self.transport);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Ok(router) = Router::connect(&target, &self.emulated.login()).await {
                self.router = router;
                return;
            }
        }
        panic!("the router did not come back");
    }

    /// Looks with the eyes of a user who has these policies and no others.
    async fn become_somebody(&mut self, policies: &str) {
        self.add("/user/group", &format!("name=poor policy={policies}"))
            .await;
        self.add("/user", "name=eve group=poor password=eve").await;
        let target = self.emulated.target(self.transport);
        let eyes = Router::connect(&target, &Login::new("eve", "eve")).await;
        self.eyes = Some(eyes.unwrap());
        self.back.push(Back::Eyes);
    }

    /// Log-ins go by a device that puts its own address in place of the router's.
    async fn relay(&mut self) {
        let inside = UdpSocket::bind((US, 0)).await.unwrap();
        let elsewhere: IpAddr = "127.0.0.9".parse().unwrap();
        let outside = UdpSocket::bind((elsewhere, 0)).await.unwrap();
        outside
            .connect((US, self.server.authentication))
            .await
            .unwrap();
        let port = inside.local_addr().unwrap().port();
        self.relay = Some(tokio::spawn(async move {
            let (mut there, mut back) = ([0; 4096], [0; 4096]);
            let mut asks = None;
            loop {
                tokio::select! {
                    Ok((length, from)) = inside.recv_from(&mut there) => {
                        asks = Some(from);
                        outside.send(&there[..length]).await.unwrap();
                    }
                    Ok(length) = outside.recv(&mut back) => {
                        inside.send_to(&back[..length], asks.unwrap()).await.unwrap();
                    }
                }
            }
        }));
        let values = format!(" authentication-port={port}");
        self.set_values("/radius:0", &values).await;
    }

    /// The port to which the router sends log-ins is one of ours, whoever passes them on.
    pub(crate) async fn pass_ports(&self, ours: &mut OurSide) {
        if self.relay.is_some() {
            let entries = self.router.print("/radius", &[], &[]).await.unwrap();
            let port = entries[0].number("authentication-port").unwrap();
            ours.authentication_ports.push(u16::try_from(port).unwrap());
        }
    }

    /// A CoA-Request that no secret has signed.
    async fn broken_coa(&self) {
        let socket = UdpSocket::bind((US, 0)).await.unwrap();
        let mut packet = vec![43, 1, 0, 20];
        packet.extend([7; 16]);
        for _ in 0..100 {
            socket.send_to(&packet, (US, self.incoming)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
            let command = Command::new("/radius/incoming/monitor").flag("once");
            let answer = self.router.call(&command).await.unwrap();
            let counters = answer.records.first().unwrap_or(&answer.done);
            if counters.number("bad-requests").unwrap() > 0 {
                return;
            }
        }
        panic!("the router took no CoA");
    }
}

/// What a server knows with which nothing is wrong.
fn ours(server: &Server, incoming: u16) -> OurSide {
    OurSide {
        addresses: vec![US],
        authentication_ports: vec![server.authentication],
        accounting_ports: vec![server.accounting],
        radsec_ports: vec![2083],
        router_address: Some(US),
        nas: vec![Nas {
            name: "lab".to_owned(),
            network: (US, 32),
            secret: Some(Secret::new(SECRET)),
            coa_port: incoming,
            swaps_octets: false,
            interim: None,
        }],
        clock_synchronised: Some(true),
        response_times: Some(ResponseTimes::default()),
        users: vec!["anna".to_owned()],
        ..OurSide::default()
    }
}

/// The codes, without those that come again.
pub(crate) fn codes(found: &[Finding]) -> Vec<Code> {
    let mut codes: Vec<_> = found.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
