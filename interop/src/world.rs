//! Who is known to the server under test: the same world for every subject.

/// The secret of every NAS in [`World::household`].
pub const SECRET: &str = "a-shared-secret-of-32-characters";

/// Someone who may log in.
#[derive(Debug, Clone)]
pub struct User {
    /// User-Name.
    pub name: &'static str,
    /// In clear text.
    pub password: &'static str,
    /// Name of a [`Group`].
    pub group: Option<&'static str>,
    /// Reply attributes, name and value as in a dictionary.
    pub attributes: Vec<(&'static str, &'static str)>,
}

/// Attributes that several users share.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it is called.
    pub name: &'static str,
    /// Reply attributes, name and value as in a dictionary.
    pub attributes: Vec<(&'static str, &'static str)>,
}

/// A device that may ask.
#[derive(Debug, Clone)]
pub struct Nas {
    /// What it is called.
    pub name: &'static str,
    /// Address or prefix.
    pub network: &'static str,
    /// Shared secret.
    pub secret: &'static str,
}

/// Everything a server is told before it starts.
#[derive(Debug, Clone)]
pub struct World {
    /// Who may log in.
    pub users: Vec<User>,
    /// What users share.
    pub groups: Vec<Group>,
    /// Who may ask.
    pub nases: Vec<Nas>,
}

impl World {
    /// Loopback in both families, a plain user, one with attributes, one in a group.
    pub fn household() -> Self {
        let nas = |name, network| Nas {
            name,
            network,
            secret: SECRET,
        };
        let plain = |name, password| User {
            name,
            password,
            group: None,
            attributes: Vec::new(),
        };
        Self {
            users: vec![
                plain("bob", "hello world"),
                plain("zoë", "pässwörd €"),
                User {
                    name: "alice",
                    password: "wonder land",
                    group: None,
                    attributes: vec![
                        ("Session-Timeout", "3600"),
                        ("Reply-Message", "welcome, alice"),
                        ("Mikrotik-Rate-Limit", "10M/50M"),
                        ("Class", "0x7374616666"),
                        ("Framed-IP-Address", "192.0.2.77"),
                    ],
                },
                User {
                    name: "gina",
                    password: "group member",
                    group: Some("staff"),
                    attributes: vec![("Idle-Timeout", "900")],
                },
            ],
            groups: vec![Group {
                name: "staff",
                attributes: vec![
                    ("Tunnel-Type:1", "VLAN"),
                    ("Tunnel-Medium-Type:1", "IEEE-802"),
                    ("Tunnel-Private-Group-Id:1", "100"),
                    ("Reply-Message", "staff only"),
                ],
            }],
            nases: vec![nas("local", "127.0.0.0/8"), nas("local6", "::1/128")],
        }
    }

    /// A user's own attributes, then those of the group.
    pub(crate) fn attributes<'a>(
        &'a self,
        user: &'a User,
    ) -> impl Iterator<Item = &'a (&'static str, &'static str)> {
        let group = self
            .groups
            .iter()
            .filter(|group| Some(group.name) == user.group);
        user.attributes
            .iter()
            .chain(group.flat_map(|group| &group.attributes))
    }
}
