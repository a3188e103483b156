//! A log-in over TLS (`RadSec`), with RADIUS/1.1 demanded: no MD5, nothing hidden by it.
//!
//! Arguments: `ADDRESS NAME CHAIN KEY AUTHORITY`: the server, the DNS name or address in its
//! certificate, the files of our certificate and of its key, and that of the CA that vouches for
//! the server. Without any, a server is started on the spot.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod pki;

use portreeve::{
    Access, AccessOutcome, AccessReply, Client, Proves as _, Running, Server, ToAddress as _,
    Transport, Version, attr,
    tls::{Acceptor, ClientConfig, Identity, Mark, ServerConfig, TlsPeer, Trust, Versions},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (address, config, started) = if let [address, name, chain, key, authority] = &arguments[..]
    {
        let identity = Identity::from_pem(&std::fs::read(chain)?, &std::fs::read(key)?)?;
        let authority = Trust::from_pem(&std::fs::read(authority)?)?;
        let address = address
            .to_address()
            .map_err(|it| format!("{it}: no address"))?;
        (address, ClientConfig::new(identity, authority, name)?, None)
    } else {
        let (running, config) = start().await?;
        (running.address(), config, Some(running))
    };
    // A server that knows only historic RADIUS is refused. `Versions::Both` would speak it.
    let client = Client::radsec(address, config.versions(Versions::V1_1)).await?;
    let outcome = client.access(Access::pap("tim", "12345")).await?;
    match &outcome {
        AccessOutcome::Accept(reply) => {
            println!("let in for {:?} s", reply.get(attr::SESSION_TIMEOUT));
        }
        AccessOutcome::Challenge(_) => println!("asked for more"),
        AccessOutcome::Reject(reply) => println!("refused: {:?}", reply.message()),
    }
    for (server, session) in client.sessions() {
        let Some(session) = session else { continue };
        println!("{server}: {}, {}", session.tls(), session.cipher());
        assert_eq!(session.version(), Version::V1_1);
    }
    assert!(outcome.is_accept() || started.is_none(), "it does not work");
    Ok(())
}

/// A server on a free port, and what a client needs to ask it.
async fn start() -> Result<(Running, ClientConfig), Box<dyn std::error::Error>> {
    let authority = pki::Authority::new()?;
    let nas = TlsPeer::named("gateway", Transport::Tls)?;
    let nas = nas.mark(Mark::Dns("gateway.example".to_owned()));
    let config = ServerConfig::new(authority.issue("radius.example")?);
    let acceptor = Acceptor::new(config.trust(authority.trust()?).peer(nas))?;
    let server = Server::access(|request| match request.user_name() {
        Some("tim") if request.proves("12345") => {
            AccessReply::accept().with(attr::SESSION_TIMEOUT, 3600)
        }
        _ => AccessReply::reject(),
    });
    let running = server.radsec("127.0.0.1:0", acceptor).start().await?;
    let ours = authority.issue("gateway.example")?;
    let config = ClientConfig::new(ours, authority.trust()?, "127.0.0.1")?;
    Ok((running, config))
}
