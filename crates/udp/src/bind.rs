use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::layout::is_link_local;

/// Why a socket could not be opened on an address, and whose fault that is.
///
/// The text says what to do about it.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    fault: BindFault,
    error: io::Error,
}

/// The reasons for a [`BindError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindFault {
    /// Another socket has the port.
    InUse,
    /// This process may not open that port.
    PermissionDenied,
    /// No interface of this machine has the address.
    AddressNotAvailable,
    /// IPv6 (or IPv4) is switched off on this machine.
    FamilyDisabled,
    /// An IPv6 link-local address was given without its interface.
    InterfaceMissing,
    /// Anything else; the text has the system's words.
    Other,
}

impl BindError {
    pub(crate) fn new(address: SocketAddr, error: io::Error) -> BindError {
        let no_scope = matches!(address, SocketAddr::V6(v6) if v6.scope_id() == 0);
        let fault = match error.raw_os_error() {
            Some(libc::EADDRINUSE) => BindFault::InUse,
            Some(libc::EACCES | libc::EPERM) => BindFault::PermissionDenied,
            Some(libc::EADDRNOTAVAIL) => BindFault::AddressNotAvailable,
            Some(libc::EAFNOSUPPORT) => BindFault::FamilyDisabled,
            Some(libc::EINVAL) if no_scope && is_link_local(address.ip()) => {
                BindFault::InterfaceMissing
            }
            _ => BindFault::Other,
        };
        BindError {
            address,
            fault,
            error,
        }
    }

    /// The address that was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whose fault it is.
    pub fn fault(&self) -> BindFault {
        self.fault
    }

    /// The system's error.
    pub fn error(&self) -> &io::Error {
        &self.error
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError {
            address,
            fault,
            error,
        } = self;
        let port = address.port();
        write!(f, "cannot listen on UDP {address}: ")?;
        match fault {
            BindFault::InUse => write!(
                f,
                "the port is in use; stop the program that has it (`ss -ulpn sport = :{port}` \
                 names it) or choose another port"
            ),
            BindFault::PermissionDenied if port < 1024 => f.write_str(
                "permission denied; ports below 1024 need root or the capability \
                 CAP_NET_BIND_SERVICE",
            ),
            BindFault::PermissionDenied => f.write_str(
                "permission denied; a security policy (SELinux, AppArmor, seccomp) forbids the \
                 port to this program",
            ),
            BindFault::AddressNotAvailable => write!(
                f,
                "no interface of this machine has the address {}; check it with `ip address`, or \
                 listen on {} for all addresses",
                address.ip(),
                if address.is_ipv4() { "0.0.0.0" } else { "[::]" },
            ),
            BindFault::FamilyDisabled => write!(
                f,
                "IPv{} is switched off on this machine; switch it on or leave this address out",
                if address.is_ipv4() { 4 } else { 6 },
            ),
            BindFault::InterfaceMissing => write!(
                f,
                "a link-local address needs its interface; write the interface's number from \
                 `ip link` behind it, as in [{}%2]:{port}",
                address.ip(),
            ),
            BindFault::Other => write!(f, "{error}"),
        }
    }
}

impl Error for BindError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, code: i32) -> BindError {
        BindError::new(address.parse().unwrap(), io::Error::from_raw_os_error(code))
    }

    #[test]
    fn every_fault_names_the_address_and_its_own_remedy() {
        let cases = [
            (
                "0.0.0.0:1812",
                libc::EADDRINUSE,
                BindFault::InUse,
                "sport = :1812",
            ),
            (
                "0.0.0.0:80",
                libc::EACCES,
                BindFault::PermissionDenied,
                "below 1024",
            ),
            (
                "0.0.0.0:1812",
                libc::EACCES,
                BindFault::PermissionDenied,
                "security policy",
            ),
            (
                "192.0.2.1:1812",
                libc::EADDRNOTAVAIL,
                BindFault::AddressNotAvailable,
                "0.0.0.0",
            ),
            (
                "[2001:db8::1]:1",
                libc::EADDRNOTAVAIL,
                BindFault::AddressNotAvailable,
                "[::]",
            ),
            (
                "[::]:1812",
                libc::EAFNOSUPPORT,
                BindFault::FamilyDisabled,
                "IPv6 is switched off",
            ),
            (
                "[fe80::1]:1812",
                libc::EINVAL,
                BindFault::InterfaceMissing,
                "[fe80::1%2]:1812",
            ),
            (
                "[::1]:1812",
                libc::EINVAL,
                BindFault::Other,
                "Invalid argument",
            ),
        ];
        for (address, code, fault, remedy) in cases {
            let error = refused(address, code);
            let text = error.to_string();
            assert_eq!(error.fault(), fault, "{text}");
            assert!(text.contains(address) && text.contains(remedy), "{text}");
        }
    }
}
