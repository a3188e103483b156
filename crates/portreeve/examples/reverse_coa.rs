//! Ending a session on a device that nobody can reach from outside: the request goes back down the
//! TLS connection that the device has opened (reverse CoA, draft-ietf-radext-reverse-coa). Both
//! ends are in this one program.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod pki;

use portreeve::{
    Access, AccessReply, AttributeList, Client, DisconnectReply, DisconnectRequest, ErrorCause,
    Handler, Proves as _, Server, Transport, attr,
    tls::{Acceptor, ClientConfig, Mark, ServerConfig, TlsPeer},
};

/// The device behind the NAT.
struct Gateway;

impl Handler for Gateway {
    async fn disconnect(&self, request: &DisconnectRequest) -> DisconnectReply {
        if let Err(objection) = request.only(&[]) {
            return objection.into();
        }
        match request.session().acct_session_id {
            Some("8d-0001") => DisconnectReply::ack(),
            _ => DisconnectReply::nak(ErrorCause::SessionContextNotFound),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = pki::Authority::new()?;

    // The server knows the device by its certificate, wherever it connects from.
    let nas = TlsPeer::named("gateway", Transport::Tls)?;
    let nas = nas.mark(Mark::Dns("gateway.example".to_owned()));
    let config = ServerConfig::new(authority.issue("radius.example")?);
    let acceptor = Acceptor::new(config.trust(authority.trust()?).peer(nas))?;
    let server = Server::access(|request| match request.user_name() {
        Some("tim") if request.proves("12345") => AccessReply::accept(),
        _ => AccessReply::reject(),
    });
    let running = server.radsec("127.0.0.1:0", acceptor).start().await?;

    // The device says that it takes requests this way. There is nothing in the protocol that would:
    // both ends are set to it.
    let ours = authority.issue("gateway.example")?;
    let config = ClientConfig::new(ours, authority.trust()?, "127.0.0.1")?;
    let device = Client::radsec(running.address(), config)
        .reverse(Gateway)
        .await?;
    assert!(
        running.connections().toward("gateway").is_none(),
        "it has not called yet"
    );
    let outcome = device.access(Access::pap("tim", "12345")).await?;
    assert!(outcome.is_accept());

    let Some(back) = running.connections().toward("gateway") else {
        return Err("there is no way back".into());
    };
    let session = |id: &str| AttributeList::new().with(attr::ACCT_SESSION_ID, id);
    let ended = back.disconnect(session("8d-0001")).await?;
    println!("8d-0001 ended: {}", ended.is_ack());
    assert!(ended.is_ack());
    let gone = back.disconnect(session("8d-0002")).await?;
    println!("8d-0002: {:?}", gone.cause());
    assert!(gone.is_gone());
    // Not everything may come this way.
    let refused = back.access(Access::pap("tim", "12345")).await;
    assert!(refused.is_err(), "the device lets people in");
    running.stop().await;
    Ok(())
}
