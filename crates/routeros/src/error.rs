//! What can go wrong with a router.

use std::{io, time::Duration};

use crate::text;

/// Why a router could not be reached or did not do what it was told. No text of it holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing answers there, or the network does not lead there.
    #[error("{address} cannot be reached: {cause}")]
    Unreachable {
        /// The host and the port.
        address: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The router closed the connection. RouterOS does so to whoever its service's `address` list
    /// leaves out, to one session too many, and when it starts again.
    #[error("the router closed the connection while {during}")]
    Closed {
        /// What was being done.
        during: String,
    },
    /// The service is there and closes the connection before it says anything.
    #[error(
        "{address} takes the connection and closes it at once. Either the router's service \
         {service} is only for other addresses (/ip service print detail, address=), or all of \
         its sessions are in use (max-sessions), or the router is starting, or this is not the \
         port of {service}"
    )]
    TurnedAway {
        /// The host and the port.
        address: String,
        /// The service's name in `/ip/service`.
        service: &'static str,
    },
    /// The router ended the session, and said why.
    #[error("the router ended the session: {reason}")]
    Ended {
        /// The router's own words.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer within {after:?} while {during}")]
    TimedOut {
        /// What was being done.
        during: String,
        /// The time given.
        after: Duration,
    },
    /// The TLS connection could not be made.
    #[error("TLS with {address} failed: {cause}")]
    Tls {
        /// The host and the port.
        address: String,
        /// What failed.
        cause: TlsTrouble,
    },
    /// The user or the password is wrong, or the user may not use this service.
    #[error("the router refused to log {user:?} in: {message}")]
    LogIn {
        /// The user.
        user: String,
        /// The router's own words.
        message: String,
    },
    /// The router knows the user only through RADIUS, and its RADIUS server did not answer.
    #[error(
        "the router could not ask about {user:?}: {message}. Its RADIUS server for the service \
         login does not answer; a user of the router's own (/user) can still log in"
    )]
    NoRadiusAnswer {
        /// The user.
        user: String,
        /// The router's own words.
        message: String,
    },
    /// The user's group lacks a policy that the command needs.
    #[error(
        "the router does not permit {command}: {message}. The group of the user lacks a policy \
         that this needs; the group full has all"
    )]
    NotPermitted {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// The item is not there, or no longer.
    #[error("{command}: no such item")]
    NoSuchItem {
        /// The command's path.
        command: String,
    },
    /// This router has no such menu or command.
    #[error("this router does not know {command}: {message}")]
    NoSuchCommand {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// This router does not know a parameter. RouterOS 6 does not say which one.
    #[error(
        "{command}: this router does not know the parameter {}",
        parameter.as_deref().unwrap_or("(unnamed)")
    )]
    UnknownParameter {
        /// The command's path.
        command: String,
        /// The parameter, where the router names it.
        parameter: Option<String>,
    },
    /// A value is not one the router takes.
    #[error("{command}: {message}")]
    BadValue {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// What was to be added is there already.
    #[error("{command}: {message}")]
    Exists {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// The router's device-mode forbids it, until somebody at the device allows it.
    #[error("{command}: {message}")]
    DeviceMode {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// The router's storage is full.
    #[error(
        "{command}: the router's storage is full: {message}. Remove files that are no longer \
         needed (/file print), then try again"
    )]
    Full {
        /// The command's path.
        command: String,
        /// The router's own words.
        message: String,
    },
    /// A file did not come or go whole.
    #[error("the file {file} is not whole: {what}")]
    NotWhole {
        /// The file on the router.
        file: String,
        /// What is missing.
        what: String,
    },
    /// The SSH host key is another one than the pinned.
    #[error(
        "{address} shows the SSH host key {found}, which is not the one pinned. Either the router \
         has a new key, or somebody stands in between"
    )]
    HostKey {
        /// The host and the port.
        address: String,
        /// The fingerprint of the key shown: `SHA256:...`.
        found: String,
    },
    /// SSH or SFTP failed.
    #[error("SSH with {address} failed: {what}")]
    Ssh {
        /// The host and the port.
        address: String,
        /// What failed.
        what: String,
    },
    /// The command was cancelled.
    #[error("{command} was interrupted")]
    Interrupted {
        /// The command's path.
        command: String,
    },
    /// The answer has no end, or none that memory should be given for. It was cancelled.
    #[error(
        "{command}: the answer takes more than {bound} octets of memory. Ask for fewer \
         properties or items"
    )]
    TooMuch {
        /// The command's path.
        command: String,
        /// How many octets it may take.
        bound: usize,
    },
    /// Any other failure the router reports.
    #[error("{command}: {message}")]
    Failure {
        /// The command's path.
        command: String,
        /// The category of the API's documentation, 0 to 7, where the router gives one.
        category: Option<u8>,
        /// The router's own words.
        message: String,
    },
    /// What came is not what a router says.
    #[error("what answers is not a RouterOS router, or it breaks the protocol: {0}")]
    Protocol(String),
    /// This transport or this version cannot do it.
    #[error("{0}")]
    NotSupported(String),
}

/// Why TLS failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The service has no certificate and so offers only anonymous Diffie-Hellman, which
    /// protects from nobody who can stand in between.
    #[error(
        "the service has no certificate: it offers only anonymous Diffie-Hellman. Give it one \
         (/certificate, then /ip service set api-ssl certificate=...)"
    )]
    Anonymous,
    /// The certificate is another one than the pinned.
    #[error(
        "the certificate is not the one pinned: it has the SHA-256 fingerprint {found}. Either \
         the router has a new certificate, or somebody stands in between"
    )]
    OtherCertificate {
        /// The fingerprint of the one shown, in hexadecimal.
        found: String,
    },
    /// No trust was given, and a password goes to nobody unknown.
    #[error(
        "no certificate is trusted yet, so nothing is sent. Fetch the router's certificate, \
         compare its SHA-256 fingerprint with the one that /certificate print detail shows on the \
         router, and pin it"
    )]
    NothingTrusted,
    /// The certificate comes from none of the CAs that are trusted.
    #[error(
        "none of the trusted CAs has issued the certificate: its issuer is {issuer:?}. Trust that \
         CA, or pin the certificate"
    )]
    UnknownAuthority {
        /// Who the certificate says has issued it.
        issuer: String,
    },
    /// The certificate is good, and for another host.
    #[error(
        "the certificate is for {names}, not for this host. Use one of these names, or have the \
         certificate issued with subject-alt-name=IP:ADDRESS, or pin it"
    )]
    WrongName {
        /// The names in the certificate.
        names: String,
    },
    /// The certificate has run out or is not valid yet, by the clock of this machine.
    #[error("{0}. Renew the certificate, or set the clock that is wrong")]
    NotValidNow(String),
    /// The certificate cannot be used for anything else.
    #[error("the certificate cannot be used: {0}")]
    BadCertificate(String),
    /// What answers does not speak TLS.
    #[error(
        "what answers does not speak TLS. The services api (8728) and www (80) do not; api-ssl \
         (8729) and www-ssl (443) do"
    )]
    NotTls,
    /// The two sides have no version or cipher in common.
    #[error("no common TLS version or cipher: {0}. RouterOS 6 of before 2019 is such a case")]
    NothingInCommon(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What routers say of values that they do not take.
const BAD_VALUE: [&str; 5] = [
    "input does not match",
    "invalid value",
    "ambiguous value",
    "out of range",
    "missing value",
];

impl Error {
    /// Whether the connection is of no more use after this.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Closed { .. }
                | Self::TurnedAway { .. }
                | Self::Ended { .. }
                | Self::TimedOut { .. }
                | Self::Tls { .. }
                | Self::LogIn { .. }
                | Self::NoRadiusAnswer { .. }
                | Self::Protocol(_)
        )
    }

    /// Reads what a router says of a command it did not do. `category` is the API's.
    pub fn of_message(command: &str, category: Option<u8>, message: &str) -> Self {
        let (command, message) = (command.to_owned(), text::quotable(message));
        let says = |words: &str| message.contains(words);
        if says("no such item") {
            Self::NoSuchItem { command }
        } else if says("no such command") || says("bad command name") {
            Self::NoSuchCommand { command, message }
        } else if let Some((_, rest)) = message.split_once("unknown parameter") {
            let name = rest.trim().trim_matches('\'');
            let parameter = (!name.is_empty()).then(|| name.to_owned());
            Self::UnknownParameter { command, parameter }
        } else if says("not enough permissions") {
            Self::NotPermitted { command, message }
        } else if says("device-mode") || says("please activate by turning power off") {
            Self::DeviceMode { command, message }
        } else if says("already have") || says("already exists") {
            Self::Exists { command, message }
        } else if says("no space left") || says("not enough space") || says("disk is full") {
            Self::Full { command, message }
        } else if says("interrupted") || category == Some(2) {
            Self::Interrupted { command }
        } else if category == Some(1) || BAD_VALUE.iter().any(|words| says(words)) {
            Self::BadValue { command, message }
        } else {
            Self::Failure {
                command,
                category,
                message,
            }
        }
    }

    /// Puts other words of the router in the place of those quoted, where any are.
    pub(crate) fn quote(&mut self, words: &str) {
        if let Self::NotPermitted { message, .. }
        | Self::NoSuchCommand { message, .. }
        | Self::BadValue { message, .. }
        | Self::Exists { message, .. }
        | Self::DeviceMode { message, .. }
        | Self::Full { message, .. }
        | Self::Failure { message, .. } = self
        {
            *message = text::quotable(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_router_says_is_told_apart() {
        let of = |message: &str| Error::of_message("/radius/add", None, message);
        assert!(matches!(of("no such item"), Error::NoSuchItem { .. }));
        assert!(matches!(
            of("no such command prefix"),
            Error::NoSuchCommand { .. }
        ));
        assert!(matches!(
            of("unknown parameter radsec-timeout"),
            Error::UnknownParameter { parameter: Some(name), .. } if name == "radsec-timeout"
        ));
        assert!(matches!(
            of("unknown parameter"),
            Error::UnknownParameter {
                parameter: None,
                ..
            }
        ));
        assert!(matches!(
            of("not enough permissions (9)"),
            Error::NotPermitted { .. }
        ));
        assert!(matches!(
            of("failure: already have such entry"),
            Error::Exists { .. }
        ));
        assert!(matches!(
            of("input does not match any value of service"),
            Error::BadValue { .. }
        ));
    }
}
