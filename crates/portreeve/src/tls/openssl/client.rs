//! The client's side of DTLS.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use openssl::error::ErrorStack;
use tokio::net::UdpSocket;

use super::{
    association::Association,
    case::{Case, Judge, fit},
    context,
    cookie::FirstHello,
    stream::{self, Link},
    tcp::unready,
};
use crate::tls::{ClientConfig, Hangup, Refused, Session, Stream, TlsVersion};

/// Opens a DTLS association with a server, from an address if one is given, and gives up after
/// `limit`. Lost datagrams are sent again after 1 s, 2 s, 4 s and so on.
pub(crate) async fn connect_dtls(
    config: &ClientConfig,
    server: SocketAddr,
    source: Option<IpAddr>,
    limit: Duration,
) -> Result<(Box<dyn Stream>, Session), Refused> {
    let judge = match config.psk() {
        Some(psk) => {
            super::usable(psk)?;
            fit(psk, TlsVersion::Dtls1_2)?;
            Judge::Sharer(psk.clone())
        }
        None => Judge::Client(Arc::clone(&config.wanted), Arc::clone(&config.clock)),
    };
    let case = Case::new(judge, config.versions, config.oldest);
    let link = link(server, source)
        .await
        .map_err(|error| Refused::ended(&error))?;
    let mut association = open(config, &case).map_err(unready)?;
    // The first flight is written to memory; it leaves once it is remembered.
    drop(association.handshake());
    let greeting = association
        .departing()
        .and_then(FirstHello::read)
        .map(|hello| config.loop_guard.announce(hello.random()));
    let connected = stream::shake(association, link, &case, limit).await;
    if greeting.is_some_and(|greeting| greeting.came_back()) {
        let details = format!("{server} is this very server");
        return Err(Refused::because(Hangup::SelfConnection, &details));
    }
    let (stream, session) = connected?;
    Ok((Box::new(stream), session))
}

fn open(config: &ClientConfig, case: &Arc<Case>) -> Result<Association, ErrorStack> {
    let identity = config.identity().filter(|_| config.psk().is_none());
    let mut ssl = context::dtls_client(identity)?;
    case.attach(&mut ssl)?;
    super::name_versions(&mut ssl, &config.versions.names(false))?;
    Association::open(ssl)
}

async fn link(server: SocketAddr, source: Option<IpAddr>) -> io::Result<Link> {
    let any = match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0)).await?;
    socket.connect(server).await?;
    let own = socket.into_std()?;
    let sender = own.try_clone()?;
    let socket = UdpSocket::from_std(own)?;
    Ok(Link::Own { socket, sender })
}
