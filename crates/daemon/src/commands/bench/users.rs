//! Whose log-ins a load consists of.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// What stands for the number in a name or password.
const PLACE: &str = "%d";
/// The largest file of users that is read, in octets: some two million of them.
const LARGEST_FILE: u64 = 64 << 20;

/// Users, in an order without end.
pub(crate) enum Users {
    /// From a file, over and over.
    Listed(Vec<Login>),
    /// `user%d`, the number running from 1 to `many` and then again.
    Numbered { login: Login, many: u64 },
}

/// A name and its password.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: Zeroizing<String>,
}

/// Why there are no users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    #[error("{}: there is no user in it", .0.display())]
    Empty(PathBuf),
    #[error(
        "{}:{line}: no password; write NAME and PASSWORD with a tab or space between",
        path.display()
    )]
    Line { path: PathBuf, line: usize },
    #[error("give --users FILE, or --user NAME and --password PASSWORD, where %d becomes a number")]
    Nobody,
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}: more than 64 MiB", .0.display())]
    TooLarge(PathBuf),
}

impl Users {
    /// Reads a file of one user a line, name and password with a tab or else a space between; `#`
    /// begins a comment line.
    pub(crate) fn from_file(path: &Path) -> Result<Self, UsersError> {
        let failed = |source| UsersError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = Zeroizing::new(String::new());
        let file = File::open(path).map_err(failed)?;
        file.take(LARGEST_FILE + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > LARGEST_FILE {
            return Err(UsersError::TooLarge(path.to_owned()));
        }
        let mut listed = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let pair = line.split_once('\t').or_else(|| line.split_once(' '));
            let (name, password) = pair.ok_or_else(|| UsersError::Line {
                path: path.to_owned(),
                line: index + 1,
            })?;
            listed.push(Login {
                name: name.to_owned(),
                password: Zeroizing::new(password.trim_start().to_owned()),
            });
        }
        if listed.is_empty() {
            return Err(UsersError::Empty(path.to_owned()));
        }
        Ok(Self::Listed(listed))
    }

    /// The user of the request that is the `number`th, from 0.
    pub(crate) fn of(&self, number: u64) -> Login {
        match self {
            Self::Listed(listed) => {
                let count = listed.len().max(1) as u64;
                let index = usize::try_from(number % count).unwrap_or(0);
                listed.get(index).cloned().unwrap_or_else(Login::nobody)
            }
            Self::Numbered { login, many } => {
                let number = (number % (*many).max(1) + 1).to_string();
                Login {
                    name: login.name.replace(PLACE, &number),
                    password: Zeroizing::new(login.password.replace(PLACE, &number)),
                }
            }
        }
    }
}

impl Login {
    fn nobody() -> Self {
        Self {
            name: String::new(),
            password: Zeroizing::default(),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Login").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn numbers_run_from_one_and_begin_again() {
        let users = Users::Numbered {
            login: Login {
                name: "user%d".to_owned(),
                password: Zeroizing::new("p%d%d".to_owned()),
            },
            many: 3,
        };
        let names: Vec<_> = (0..4).map(|number| users.of(number).name).collect();
        assert_eq!(names, ["user1", "user2", "user3", "user1"]);
        assert_eq!(users.of(1).password.as_str(), "p22");
        assert!(!format!("{:?}", users.of(1)).contains("p22"));
    }

    #[test]
    fn a_file_lists_names_and_passwords() {
        let file = file("# the house\ntim 12345\n\nann smith\tcorrect horse\n");
        let users = Users::from_file(file.path()).unwrap();
        let first = users.of(0);
        assert_eq!((&*first.name, first.password.as_str()), ("tim", "12345"));
        let second = users.of(3);
        assert_eq!(
            (&*second.name, second.password.as_str()),
            ("ann smith", "correct horse")
        );
    }

    #[test]
    fn a_file_without_users_is_refused() {
        let error = Users::from_file(file("# nobody\n").path());
        assert!(matches!(error, Err(UsersError::Empty(_))));
        let error = Users::from_file(file("tim 12345\nann\n").path());
        assert!(matches!(error, Err(UsersError::Line { line: 2, .. })));
        let error = Users::from_file(Path::new("/nonexistent/users"));
        assert!(matches!(error, Err(UsersError::Read { .. })));
    }
}
