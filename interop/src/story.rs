//! The whole story of a router, from enrolling it to putting it back, as an administrator would
//! type it: every command with what it prints. A section of the README is made of it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::driven_router::{DrivenRouter, own_address};
use crate::portreeve::{Portreeve, Setup, binary};
use crate::tools::Ended;
use crate::world::{User, World};
use crate::{Must as _, eventually};

const PASSWORD: &str = "not-the-factory-one";
/// How the section begins.
const INTRODUCTION: &str = "\
## A router's whole story

Made by `cargo run -p portreeve-interop --example story`: each command was run, and what stands \
under it is what it printed. A test
tells it again and compares. The router is the emulated RouterOS of the tests, on an address of \
this machine; what happens at it,
and not on the command line, stands in brackets.
";

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A heading.
    Chapter(&'static str),
    /// Something that nobody typed here.
    Aside(String),
    /// A command, and what it printed to both outputs.
    Command {
        /// As it was typed.
        typed: String,
        /// What was said.
        said: String,
        /// The exit code.
        code: i32,
    },
}

/// A server and a router, and what has happened with them.
#[derive(Debug)]
pub struct Story {
    /// The router, as others drive it.
    pub router: DrivenRouter,
    /// The server.
    pub server: Portreeve,
    happenings: Vec<Happening>,
}

/// Who is connected, as the router numbers them.
struct Connected {
    number: u64,
    id: String,
}

impl Story {
    /// Tells all of it.
    ///
    /// # Panics
    /// Where something does not come as it should.
    pub fn tell(version: &str) -> Self {
        let mut story = Self::begin(version);
        let before = story.router.export();
        story.enrol(&[]);
        let (ppp, guest) = story.log_in();
        story.account(&ppp, &guest);
        story.throttle(&ppp, &guest);
        story.kick(&ppp, &guest);
        story.back_up();
        story.drift();
        story.put_back();
        assert_eq!(story.router.export(), before, "the router is as it was");
        story
    }

    /// Tells of the enrolment, with more wishes for it, and stops there.
    ///
    /// # Panics
    /// As [`tell`](Self::tell).
    pub fn enrolled(version: &str, more: &[&str]) -> Self {
        let mut story = Self::begin(version);
        story.enrol(more);
        story
    }

    fn begin(version: &str) -> Self {
        let address = own_address();
        let arguments = ["--password", PASSWORD, "--board", "hAP-ac2"];
        let router = DrivenRouter::with(version, address, &arguments);
        router.act("furnish", &json!({}));
        let own = format!("{address}/8");
        let own = [("address", &*own), ("interface", "ether1")];
        router.run("/ip/address/add", &own);
        let mut world = World::household();
        world.nases.clear();
        world.users = Vec::new();
        world.groups = Vec::new();
        for (name, password) in [("ann", "lighthouse keeper"), ("guest", "sea view")] {
            world.users.push(User {
                name,
                password,
                group: None,
                attributes: vec![("Mikrotik-Rate-Limit", "10M/50M")],
            });
        }
        let radsec = SocketAddr::new(own_address(), 2083);
        let setup = Setup::default()
            .radsec_at(radsec)
            .configured("[routers]\ncheck = \"10s\"\nbackup = \"0\"\n");
        Self {
            router,
            server: Portreeve::with(&world, &setup),
            happenings: Vec::new(),
        }
    }

    fn chapter(&mut self, title: &'static str) {
        self.happenings.push(Happening::Chapter(title));
    }

    fn aside(&mut self, text: impl Into<String>) {
        self.happenings.push(Happening::Aside(text.into()));
    }

    /// Runs a command that is to end with that code, and notes what it said.
    #[track_caller]
    fn ends(&mut self, code: i32, arguments: &[&str]) -> String {
        let ended = self.typed(arguments);
        let said = self.note(arguments, &ended);
        assert_eq!(ended.code, Some(code), "{arguments:?}:\n{said}");
        said
    }

    /// Runs a command beside its data directory, with both outputs in one, as in a terminal.
    fn typed(&self, arguments: &[&str]) -> Ended {
        let program = fs::canonicalize(binary()).must("the program's path");
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 2>&1", "sh"])
            .arg(program)
            .args(arguments)
            .current_dir(self.server.home().path(""))
            .env("PORTREEVE_DATA", "data")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .must("run portreeve");
        let mut ear = child.stdin.take().must("its input");
        // Most commands listen to nothing.
        ear.write_all(PASSWORD.as_bytes()).ok();
        drop(ear);
        Ended::from(child.wait_with_output().must("wait for portreeve"))
    }

    #[track_caller]
    fn runs(&mut self, arguments: &[&str]) -> String {
        self.ends(0, arguments)
    }

    fn note(&mut self, arguments: &[&str], ended: &Ended) -> String {
        let quoted = arguments.iter().map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                (*word).to_owned()
            }
        });
        let words: Vec<String> = quoted.collect();
        let said = ended.said();
        self.happenings.push(Happening::Command {
            typed: format!("portreeve {}", words.join(" ")),
            said: said.clone(),
            code: ended.code.unwrap_or(-1),
        });
        said
    }

    fn enrol(&mut self, more: &[&str]) {
        self.chapter("Enrol");
        self.aside("the router is as it came: an administrator, a PPPoE server, a hotspot");
        let address = self.router.service("api").to_string();
        let usual = [
            "router",
            "enrol",
            &address,
            "--user",
            "admin",
            "--password-stdin",
            "--transport",
            "api",
            "--yes-plain",
            "--udp",
            "--services",
            "ppp,hotspot,login",
            "--hotspot-profile",
            "hsprof1",
            "--name",
            "attic",
            "--yes",
        ];
        let said = self.runs(&[&usual[..], more].concat());
        assert!(said.contains("logged in"), "{said}");
    }

    #[track_caller]
    fn enters(&self, order: &str, what: &Value) -> Connected {
        let answer = self.router.act(order, what);
        let said = || self.router.log().join("\n");
        assert_eq!(answer["in"], true, "{order}: {answer}\n{}", said());
        let id = answer["id"].as_str().must("an id").to_owned();
        eventually(|| !self.server.sessions_with(&id).is_empty());
        Connected {
            number: answer["session"].as_u64().must("a number"),
            id,
        }
    }

    fn dial(&self) -> Connected {
        self.enters(
            "dial",
            &json!({"service": "pppoe", "user": "ann", "password": "lighthouse keeper",
                    "caller": "48:A9:8A:00:00:01"}),
        )
    }

    /// Has somebody dial in, and gives the session's id.
    ///
    /// # Panics
    /// If they do not get in.
    pub fn dialled(&self) -> String {
        self.dial().id
    }

    fn log_in(&mut self) -> (Connected, Connected) {
        self.chapter("Log in and account");
        self.aside("ann dials in by PPPoE");
        let ppp = self.dial();
        self.aside("a guest logs in to the hotspot");
        let guest = self.enters(
            "hotspot",
            &json!({"user": "guest", "password": "sea view", "mac": "48:A9:8A:00:00:02"}),
        );
        let seen = self.runs(&["router", "sessions", "attic"]);
        assert!(seen.contains("ann") && seen.contains("guest"), "{seen}");
        let logged = || self.server.command(&["log", "--user", "ann"]);
        eventually(|| logged().lines().count() >= 2);
        self.runs(&["log", "--user", "ann"]);
        (ppp, guest)
    }

    fn account(&mut self, ppp: &Connected, guest: &Connected) {
        self.aside("both use the network, and the router reports");
        for (number, up, down) in [
            (ppp.number, 7_000_000, 5_000_000_000_u64),
            (guest.number, 1, 2),
        ] {
            let used = json!({"session": number, "up": up, "down": down});
            self.router.act("traffic", &used);
            self.router.act("interim", &json!({"session": number}));
        }
        let is_reported = |row: &Value| row["output_octets"] == 5_000_000_000_u64;
        eventually(|| self.server.sessions_with(&ppp.id).iter().any(is_reported));
        assert!(self.server.sessions_with(&ppp.id).iter().any(is_reported));
        self.runs(&["session", "list"]);
    }

    /// What a queue of the router allows its session now.
    fn limit(&self, name: &str) -> String {
        let queues = self.router.menu("/queue/simple");
        let queue = queues.iter().find(|row| row["name"] == name).must(name);
        queue["max-limit"].as_str().must("a limit").to_owned()
    }

    fn throttle(&mut self, ppp: &Connected, guest: &Connected) {
        self.chapter("Throttle and kick");
        self.runs(&["session", "set", &ppp.id, "--rate", "2M/1M"]);
        // RouterOS has what the subscriber sends first.
        assert_eq!(self.limit("<pppoe-ann>"), "1000000/2000000");
        self.aside(format!(
            "the router's queue of ann has max-limit={} now",
            self.limit("<pppoe-ann>")
        ));
        let timeout = ["--rate", "512k", "--session-timeout", "1h"];
        self.runs(&[&["session", "set", &guest.id][..], &timeout].concat());
        assert_eq!(self.limit("<hotspot-guest>"), "512000/512000");
        let fixed = ["--attr", "Framed-Pool=other"];
        let said = self.ends(1, &[&["session", "set", &ppp.id][..], &fixed].concat());
        assert!(said.contains("portreeve session kick"), "{said}");
    }

    fn kick(&mut self, ppp: &Connected, guest: &Connected) {
        for id in [&ppp.id, &guest.id] {
            let said = self.runs(&["session", "kick", id]);
            assert!(said.contains("ended by Disconnect-Request"), "{said}");
        }
        let left = self.router.act("sessions", &json!({}));
        assert_eq!(left.as_array().map(Vec::len), Some(0), "{left}");
        let is_over = |row: &Value| row["open"] == false;
        eventually(|| {
            [&ppp.id, &guest.id]
                .iter()
                .all(|id| self.server.sessions_with(id).iter().all(is_over))
        });
        let said = self.runs(&["session", "list", "--all"]);
        assert!(said.contains("Admin-Reset"), "{said}");
    }

    fn back_up(&mut self) {
        self.chapter("Back up");
        self.runs(&["router", "backup", "attic"]);
        self.runs(&["router", "backup", "attic", "--list"]);
    }

    /// Waits until the server has noticed by itself how the router stands.
    #[track_caller]
    fn noticed(&self, word: &str) {
        let rows = || {
            let noticed = ["log", "--outcome", "noticed", "--json"];
            let rows = self.server.command(&noticed);
            rows.lines()
                .filter(|line| line.contains(&format!("\"router_{word}\"")))
                .count()
        };
        // A look every ten seconds, and the router may be slow.
        for _ in 0..5 {
            eventually(|| rows() > 0);
        }
        assert_eq!(rows(), 1, "{word}:\n{}", self.server.said());
    }

    fn drift(&mut self) {
        self.chapter("Diff and undo");
        self.aside("somebody switches RADIUS off for PPP on the router; the server notices");
        self.router.run("/ppp/aaa/set", &[("use-radius", "no")]);
        self.noticed("drifted");
        self.runs(&["log", "--outcome", "noticed"]);
        self.runs(&["explain", "--nas", "attic"]);
        self.runs(&["router", "list"]);
        let said = self.ends(1, &["router", "diff", "attic"]);
        assert!(said.contains("use-radius"), "{said}");
        self.runs(&["router", "apply", "attic", "--yes"]);
        self.noticed("as_left");
        self.runs(&["log", "--outcome", "noticed", "-n", "1"]);
    }

    fn put_back(&mut self) {
        self.runs(&["router", "undo", "attic", "--yes"]);
        self.runs(&["router", "remove", "attic", "--yes"]);
        self.aside("the router's export is that of before, octet by octet");
    }

    /// What has happened.
    pub fn happenings(&self) -> &[Happening] {
        &self.happenings
    }

    /// The page of it.
    pub fn page(&self) -> String {
        let mut page = INTRODUCTION.to_owned();
        let mut is_open = false;
        for happening in &self.happenings {
            let text = match happening {
                Happening::Chapter(title) => {
                    if is_open {
                        page += "```\n";
                    }
                    is_open = true;
                    format!("\n### {title}\n\n```\n")
                }
                Happening::Aside(text) => format!("[{text}]\n"),
                Happening::Command { typed, said, code } => {
                    let mark = match code {
                        0 => String::new(),
                        code => format!("[exit code {code}]\n"),
                    };
                    let said = said.lines().flat_map(|it| [it.trim_end(), "\n"]);
                    let said: String = said.collect();
                    format!("$ {typed}\n{said}{mark}")
                }
            };
            page += &text;
        }
        page + "```\n"
    }
}

/// What of a page is the same in every run: the commands and what is said, without numbers, and
/// without spaces, which make columns.
pub fn stable(page: &str) -> Vec<String> {
    let plain = |line: &str| {
        let mut text = String::new();
        for word in line.split_whitespace() {
            let is_made_up = word.starts_with("portreeve-test-");
            let is_same = !is_made_up && !word.contains(|letter: char| letter.is_ascii_digit());
            text += if is_same { word } else { "#" };
            text.push(' ');
        }
        text
    };
    page.lines().map(plain).collect()
}

/// The section as the README has it.
///
/// # Panics
/// If it is not there.
pub fn kept() -> String {
    let path = crate::tools::root().join("README.md");
    let readme = fs::read_to_string(&path).must(&path.display().to_string());
    let heading = INTRODUCTION.lines().next().must("a heading");
    let begin = readme.find(heading).must("the section of the story");
    let section = &readme[begin..];
    let end = section.find("\n\n## ").map_or(section.len(), |end| end + 1);
    section[..end].to_owned()
}
