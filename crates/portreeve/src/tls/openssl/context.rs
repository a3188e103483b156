//! OpenSSL's settings: AEAD ciphers with ephemeral keys only, nothing resumed, nothing compressed,
//! nothing renegotiated (RFC 9325).

use std::sync::OnceLock;

use openssl::{
    bn::BigNum,
    dh::Dh,
    error::ErrorStack,
    pkey::PKey,
    ssl::{
        Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode,
        SslVerifyMode, SslVersion,
    },
    x509::X509,
};

use super::case::{choose_version, judge_chain, key_of_client, key_of_server};
use crate::tls::{Identity, Psk};

const CERTIFICATES: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";
/// OpenSSL 3.0 has no ECDHE-PSK with AES-GCM; for those who have nothing else, there is DHE.
const SHARED_KEYS: &str =
    "ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384:DHE-PSK-AES128-GCM-SHA256";
/// With a key given as octets, TLS 1.3 means SHA-256 (RFC 8446 section 4.2.11).
const SHARED_KEYS_1_3: &str = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
const GROUPS: &str = "X25519:P-256:P-384";

/// A server with shared keys, over TCP.
pub(super) fn tls_server() -> Result<Ssl, ErrorStack> {
    static CONTEXT: OnceLock<SslContext> = OnceLock::new();
    once(&CONTEXT, || {
        let mut context = base(SslMethod::tls_server())?;
        context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        context.set_cipher_list(SHARED_KEYS)?;
        context.set_ciphersuites(SHARED_KEYS_1_3)?;
        share_keys_with_clients(&mut context)?;
        context.set_alpn_select_callback(choose_version);
        Ok(context.build())
    })
}

/// A client with a shared key, over TCP.
pub(super) fn tls_client(psk: &Psk) -> Result<Ssl, ErrorStack> {
    static CONTEXT: OnceLock<SslContext> = OnceLock::new();
    let mut ssl = once(&CONTEXT, || {
        let mut context = base(SslMethod::tls_client())?;
        context.set_cipher_list(SHARED_KEYS)?;
        context.set_ciphersuites(SHARED_KEYS_1_3)?;
        context.set_psk_client_callback(key_of_server);
        context.set_verify_callback(SslVerifyMode::PEER, judge_chain);
        Ok(context.build())
    })?;
    let only = if psk.is_for_tls12() {
        SslVersion::TLS1_2
    } else {
        SslVersion::TLS1_3
    };
    ssl.set_min_proto_version(Some(only))?;
    ssl.set_max_proto_version(Some(only))?;
    Ok(ssl)
}

/// A server with a certificate, and keys that are shared with some of its clients.
pub(super) fn dtls_server(identity: &Identity, keys: bool) -> Result<SslContext, ErrorStack> {
    let mut context = dtls(SslMethod::dtls_server())?;
    show(&mut context, identity)?;
    if keys {
        // A client that has a key may offer all else too; whoever has a certificate offers no keys.
        context.set_cipher_list(&format!("{SHARED_KEYS}:{CERTIFICATES}"))?;
        share_keys_with_clients(&mut context)?;
    } else {
        context.set_cipher_list(CERTIFICATES)?;
    }
    let demanded = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    context.set_verify_callback(demanded, judge_chain);
    context.set_alpn_select_callback(choose_version);
    // Cookies are given and looked at before there is a connection. Here the exchange is only
    // played once more, for the numbers of the messages.
    context.set_options(SslOptions::COOKIE_EXCHANGE);
    context.set_cookie_generate_cb(play_cookie);
    context.set_cookie_verify_cb(|_, _| true);
    Ok(context.build())
}

/// A client, with a certificate or, without one, with a shared key.
pub(super) fn dtls_client(identity: Option<&Identity>) -> Result<Ssl, ErrorStack> {
    let mut context = dtls(SslMethod::dtls_client())?;
    if let Some(identity) = identity {
        show(&mut context, identity)?;
        context.set_cipher_list(CERTIFICATES)?;
    } else {
        context.set_cipher_list(SHARED_KEYS)?;
        context.set_psk_client_callback(key_of_server);
    }
    context.set_verify_callback(SslVerifyMode::PEER, judge_chain);
    Ssl::new(&context.build())
}

fn once(
    known: &OnceLock<SslContext>,
    make: impl FnOnce() -> Result<SslContext, ErrorStack>,
) -> Result<Ssl, ErrorStack> {
    if let Some(context) = known.get() {
        return Ssl::new(context);
    }
    let fresh = make()?;
    Ssl::new(known.get_or_init(|| fresh))
}

fn dtls(method: SslMethod) -> Result<SslContextBuilder, ErrorStack> {
    let mut context = base(method)?;
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    Ok(context)
}

fn base(method: SslMethod) -> Result<SslContextBuilder, ErrorStack> {
    let mut context = SslContext::builder(method)?;
    context.set_options(
        SslOptions::NO_COMPRESSION
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET
            | SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::NO_QUERY_MTU,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_num_tickets(0)?;
    context.set_security_level(2);
    context.set_groups_list(GROUPS)?;
    Ok(context)
}

fn share_keys_with_clients(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    let prime = BigNum::get_rfc3526_prime_3072()?;
    let parameters = Dh::from_pqg(prime, None, BigNum::from_u32(2)?)?;
    context.set_tmp_dh(&parameters)?;
    context.set_psk_server_callback(key_of_client);
    Ok(())
}

fn show(context: &mut SslContextBuilder, identity: &Identity) -> Result<(), ErrorStack> {
    let mut chain = identity.chain().iter();
    if let Some(own) = chain.next() {
        let own = X509::from_der(own)?;
        context.set_certificate(&own)?;
    }
    for issuer in chain {
        context.add_extra_chain_cert(X509::from_der(issuer)?)?;
    }
    let key = PKey::private_key_from_der(identity.key().secret_der())?;
    context.set_private_key(&key)
}

#[expect(clippy::unnecessary_wraps, reason = "OpenSSL's callback has this form")]
fn play_cookie(_: &mut SslRef, cookie: &mut [u8]) -> Result<usize, ErrorStack> {
    match cookie.first_mut() {
        Some(first) => {
            *first = 0;
            Ok(1)
        }
        None => Ok(0),
    }
}
