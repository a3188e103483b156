//! Log-ins to send.

use std::io;

use clap::Args;
use portreeve_proto::AttributeList;
use zeroize::Zeroizing;

use super::{
    Asked, SendError,
    asking::Question,
    options::{Expected, MethodName},
};
use crate::{commands::password, failure::Failure};

/// A log-in.
#[derive(Debug, Args)]
pub(crate) struct Auth {
    #[command(flatten)]
    pub(super) asked: Asked,
    /// Who logs in; without it only the attributes are sent
    #[arg(long, short = 'u', value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    password: PasswordArguments,
    /// How to log in
    #[arg(long, short = 'm', value_enum, default_value = "pap")]
    method: MethodName,
    /// The answer that counts as success
    #[arg(long, value_enum, default_value = "accept")]
    pub(super) expect: Expected,
    /// Take answers without Message-Authenticator too (CVE-2024-3596)
    #[arg(long)]
    no_require_message_authenticator: bool,
}

#[derive(Args)]
#[group(multiple = false)]
struct PasswordArguments {
    /// The password. Other users of this machine may see it in the list of processes: prefer
    /// --password-stdin
    #[arg(long, value_name = "PASSWORD", requires = "user")]
    password: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long, requires = "user")]
    password_stdin: bool,
}

impl std::fmt::Debug for PasswordArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordArguments(..)")
    }
}

impl Auth {
    /// Whether answers must carry Message-Authenticator; `None` for what suits the transport.
    pub(super) fn requires(&self) -> Option<bool> {
        self.no_require_message_authenticator.then_some(false)
    }

    pub(super) fn question(&self, attributes: AttributeList) -> Result<Question, Failure> {
        let Some(user) = &self.user else {
            return Ok(Question::Bare(attributes));
        };
        let password = match (&self.password.password, self.password.password_stdin) {
            (Some(password), _) => Zeroizing::new(password.clone()),
            (None, true) => password::from_stdin(&mut io::stdin().lock())?,
            (None, false) => return Err(SendError::NoPassword.into()),
        };
        Ok(Question::Login {
            method: self.method.method(),
            user: user.clone(),
            password,
            attributes,
        })
    }
}
