//! What the builders take for addresses and prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What stands for a range of addresses: text such as `192.0.2.0/24` or `2001:db8::7`, or a value
/// of one of the address types. A single address is the range of itself.
pub trait ToPrefix {
    /// The range, or the text that is none.
    fn to_prefix(&self) -> Result<IpNet, Box<str>>;
}

/// What stands for an address and a port: text such as `0.0.0.0:1812` or `[::]:1812`, or a value of
/// one of the address types. Names are not looked up.
pub trait ToAddress {
    /// The address, or the text that is none.
    fn to_address(&self) -> Result<SocketAddr, Box<str>>;
}

impl ToPrefix for str {
    fn to_prefix(&self) -> Result<IpNet, Box<str>> {
        let text = self.trim();
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map_err(|_| self.into())
    }
}

impl ToAddress for str {
    fn to_address(&self) -> Result<SocketAddr, Box<str>> {
        self.trim().parse().map_err(|_| self.into())
    }
}

macro_rules! texts {
    ($($text:ty)*) => {$(
        impl ToPrefix for $text {
            fn to_prefix(&self) -> Result<IpNet, Box<str>> {
                str::to_prefix(self)
            }
        }
        impl ToAddress for $text {
            fn to_address(&self) -> Result<SocketAddr, Box<str>> {
                str::to_address(self)
            }
        }
    )*};
}
texts! { &str String &String }

macro_rules! values {
    ($trait:ident $method:ident $to:ty: $($from:ty,)*) => {$(
        impl $trait for $from {
            fn $method(&self) -> Result<$to, Box<str>> {
                Ok((*self).into())
            }
        }
    )*};
}
values! { ToPrefix to_prefix IpNet: IpNet, Ipv4Net, Ipv6Net, IpAddr, }
values! { ToAddress to_address SocketAddr: SocketAddr, SocketAddrV4, SocketAddrV6, }
values! { ToAddress to_address SocketAddr: (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16), }

impl ToPrefix for Ipv4Addr {
    fn to_prefix(&self) -> Result<IpNet, Box<str>> {
        Ok(IpAddr::from(*self).into())
    }
}

impl ToPrefix for Ipv6Addr {
    fn to_prefix(&self) -> Result<IpNet, Box<str>> {
        Ok(IpAddr::from(*self).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_prefix_or_an_address() {
        for (text, prefix) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            (" 2001:db8::7 ", "2001:db8::7/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.to_prefix().unwrap().to_string(), prefix);
        }
        for text in ["", "router", "192.0.2.0/33", "192.0.2.1:1812"] {
            assert_eq!(&*text.to_prefix().unwrap_err(), text);
        }
    }

    #[test]
    fn text_is_an_address_with_a_port() {
        assert_eq!("[::]:1812".to_address().unwrap().port(), 1812);
        for text in ["", "localhost:1812", "0.0.0.0", "0.0.0.0:70000"] {
            assert_eq!(&*text.to_address().unwrap_err(), text);
        }
    }
}
