//! What needs the engine on OpenSSL: DTLS and shared keys.

use portreeve::tls::Psk;

use super::*;

fn dtls_peer() -> TlsPeer {
    TlsPeer::named("nas", Transport::Dtls).unwrap()
}

async fn everything(client: &Client) {
    for access in [
        Access::pap("tim", "12345"),
        Access::mschapv2("tim", "12345"),
    ] {
        assert!(client.access(access).await.unwrap().is_accept());
    }
    client.accounting(Accounting::start("1")).await.unwrap();
    client.status().await.unwrap();
}

#[tokio::test]
async fn certificates_and_shared_keys_open_dtls_associations() {
    let authority = Authority::new();
    let key = || Psk::new("nas-key", &[7; 32]).unwrap().for_tls12();
    let config = ServerConfig::new(authority.issue("radius.example"))
        .trust(authority.trust())
        .peer(dtls_peer().mark(Mark::Dns("nas.example".into())).psk(key()));
    let acceptor = Acceptor::new(config).unwrap();
    let server = Server::new(Inn::default()).dtls("127.0.0.1:0", acceptor);
    let running = server.start().await.unwrap();
    for (config, versions) in [
        (authority.client("nas.example"), Versions::V1_0),
        (ClientConfig::with_psk(key()).unwrap(), Versions::V1_0),
    ] {
        let client = Client::dtls(running.address(), config.versions(versions));
        let client = client.await.unwrap();
        everything(&client).await;
        let open = running.connections().list();
        assert!(open.iter().all(|open| open.transport == Transport::Dtls));
    }
    let stranger = Client::dtls(running.address(), authority.client("other.example"));
    let retry = Retry::once(Duration::from_secs(3));
    let stranger = stranger.retry(retry).await.unwrap();
    stranger
        .access(Access::pap("tim", "12345"))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_shared_key_opens_a_tls_connection_beside_certificates() {
    let authority = Authority::new();
    let key = || Psk::new("nas-key", &[7; 32]).unwrap();
    let nas = TlsPeer::named("nas", Transport::Tls).unwrap();
    let config = ServerConfig::new(authority.issue("radius.example"))
        .trust(authority.trust())
        .peer(nas.mark(Mark::Dns("nas.example".into())).psk(key()));
    let running = serve(&Acceptor::new(config).unwrap()).await;
    let shared = client(ClientConfig::with_psk(key()).unwrap(), running.address()).await;
    everything(&shared).await;
    let shown = client(authority.client("nas.example"), running.address()).await;
    everything(&shown).await;
    let wrong = Psk::new("nas-key", &[8; 32]).unwrap();
    let wrong = client(ClientConfig::with_psk(wrong).unwrap(), running.address()).await;
    wrong.access(Access::pap("tim", "12345")).await.unwrap_err();
    until(|| running.counters().hung_up(Hangup::PskUnknown) == 1).await;
}
