//! Log-ins to send.

use std::io;

use clap::Args;
use portreeve_proto::AttributeList;
use zeroize::Zeroizing;

use super::{
    Asked, SendError,
    asking::Question,
    eap::{EapArguments, EapError, Kind},
    options::{Expected, How, MethodName},
};
use crate::{commands::password, data::DataDir, failure::Failure, output::Output};

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
    #[command(flatten)]
    eap: EapArguments,
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

    pub(super) fn question(
        &self,
        attributes: AttributeList,
        data: &DataDir,
        output: &mut Output<'_>,
    ) -> Result<Question, Failure> {
        let method = match self.method.how() {
            How::Eap(kind) => return self.eap_question(kind, &attributes, data, output),
            How::Plain(method) => method,
        };
        self.eap.refuse().map_err(SendError::from)?;
        let Some(user) = &self.user else {
            return Ok(Question::Bare(attributes));
        };
        Ok(Question::Login {
            method,
            user: user.clone(),
            password: self.password.read()?.ok_or(SendError::NoPassword)?,
            attributes,
        })
    }

    fn eap_question(
        &self,
        kind: Kind,
        attributes: &AttributeList,
        data: &DataDir,
        output: &mut Output<'_>,
    ) -> Result<Question, Failure> {
        if self.expect == Expected::Challenge {
            return Err(SendError::Eap(EapError::Challenge).into());
        }
        if self.eap.resumes() && self.asked.count > 1 {
            return Err(SendError::Eap(EapError::ResumeMany).into());
        }
        let Some(user) = &self.user else {
            return Err(SendError::Eap(EapError::NoUser(kind)).into());
        };
        let plan = self.eap.plan(kind, attributes, data);
        let plan = plan.map_err(SendError::from)?;
        let password = match self.password.read()? {
            Some(password) => password,
            None if kind.needs_password() => return Err(SendError::NoPassword.into()),
            None => Zeroizing::default(),
        };
        if self.eap.trusts_anybody() {
            output.warn(
                "--eap-insecure: any server is trusted, and gets what is sent; for tests alone",
            )?;
        }
        let settings = plan.settings().map_err(SendError::from)?;
        let ready = plan.ready(settings.as_ref(), user, &password);
        Ok(Question::Eap(Box::new(ready.map_err(SendError::from)?)))
    }
}

impl PasswordArguments {
    fn read(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        Ok(match (&self.password, self.password_stdin) {
            (Some(password), _) => Some(Zeroizing::new(password.clone())),
            (None, true) => Some(password::from_stdin(&mut io::stdin().lock())?),
            (None, false) => None,
        })
    }
}
