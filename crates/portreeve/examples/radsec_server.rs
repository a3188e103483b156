//! A server over TLS (`RadSec`) and UDP at a time, with one handler for both.
//!
//! Arguments: `CHAIN KEY AUTHORITY NAME`: the files of our certificate, of its key and of the CA
//! that vouches for access devices, and the DNS name in the certificate of the one that may
//! connect.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod pki;

use portreeve::{
    Access, AccessReply, AccessRequest, Client, Handler, Proves as _, Server, Transport, Version,
    attr,
    tls::{Acceptor, ClientConfig, Identity, Mark, ServerConfig, TlsPeer, Trust, Versions},
};

struct Hotel;

impl Handler for Hotel {
    async fn access(&self, request: &AccessRequest) -> AccessReply {
        let (transport, version) = (request.transport(), request.version());
        println!(
            "{} over {transport}, RADIUS/{version}",
            request.peer().name()
        );
        match request.user_name() {
            Some("tim") if request.proves("12345") => {
                AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
            }
            _ => AccessReply::reject(),
        }
    }
}

/// Who may connect: whoever shows a certificate of this authority for this name. RADIUS/1.1 is
/// spoken with those who know it, and RADIUS with the others.
fn acceptor(
    identity: Identity,
    authority: Trust,
    name: &str,
) -> Result<Acceptor, Box<dyn std::error::Error>> {
    let nas = TlsPeer::named("gateway", Transport::Tls)?.mark(Mark::Dns(name.to_owned()));
    let config = ServerConfig::new(identity).trust(authority).peer(nas);
    Ok(Acceptor::new(config)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [chain, key, authority, name] = &arguments[..] else {
        return prove().await;
    };
    let identity = Identity::from_pem(&std::fs::read(chain)?, &std::fs::read(key)?)?;
    let authority = Trust::from_pem(&std::fs::read(authority)?)?;
    Server::new(Hotel)
        .radsec("0.0.0.0:2083", acceptor(identity, authority, name)?)
        .peer("192.0.2.0/24", "s3cret")
        .udp("0.0.0.0:1812")
        .run()
        .await?;
    Ok(())
}

/// Without arguments the example makes certificates, serves on free ports, and asks itself.
async fn prove() -> Result<(), Box<dyn std::error::Error>> {
    let authority = pki::Authority::new()?;
    let server = authority.issue("radius.example")?;
    let acceptor = acceptor(server, authority.trust()?, "gateway.example")?;
    let running = Server::new(Hotel)
        .radsec("127.0.0.1:0", acceptor)
        .start()
        .await?;
    for (versions, version) in [
        (Versions::Both, Version::V1_1),
        (Versions::V1_0, Version::V1_0),
    ] {
        let ours = authority.issue("gateway.example")?;
        let config = ClientConfig::new(ours, authority.trust()?, "127.0.0.1")?.versions(versions);
        let client = Client::radsec(running.address(), config).await?;
        for (password, expected) in [("12345", true), ("wrong", false)] {
            let outcome = client.access(Access::pap("tim", password)).await?;
            assert_eq!(outcome.is_accept(), expected);
        }
        let spoken = client.sessions().next().and_then(|(_, session)| session);
        assert_eq!(spoken.map(|session| session.version()), Some(version));
    }
    let stranger = authority.issue("stranger.example")?;
    let config = ClientConfig::new(stranger, authority.trust()?, "127.0.0.1")?;
    let stranger = Client::radsec(running.address(), config).await?;
    let refused = stranger.access(Access::pap("tim", "12345")).await;
    assert!(refused.is_err(), "a stranger is let in");
    running.stop().await;
    Ok(())
}
