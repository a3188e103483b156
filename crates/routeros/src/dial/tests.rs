//! Dialling services with good certificates, wrong ones and none.

use std::process::{Child, Command as Process, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::Transport;

/// A service with a certificate, that sends back what it gets. Its certificate, and who issued it.
struct Service {
    target: Target,
    certificate: Vec<u8>,
    authority: Vec<u8>,
}

fn target(address: SocketAddr, trust: Trust) -> Target {
    Target {
        port: address.port(),
        trust,
        timeout: Duration::from_secs(5),
        ..Target::new(address.ip().to_string(), Transport::ApiSsl)
    }
}

/// A certificate for some names, from a CA of its own, with the key of another one at will.
async fn service(names: &[&str], other_key: bool) -> Service {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let used = if other_key {
        KeyPair::generate().unwrap()
    } else {
        key
    };
    let key = PrivateKeyDer::try_from(used.serialize_der()).unwrap();
    let signing = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], signing);
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(shown)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(listener.local_addr().unwrap(), Trust::Unknown);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(tcp).await else {
                    return;
                };
                let mut octets = [0; 5];
                if tls.read_exact(&mut octets).await.is_ok() {
                    tls.write_all(&octets).await.ok();
                    tls.shutdown().await.ok();
                }
            });
        }
    });
    Service {
        target,
        certificate: certificate.der().to_vec(),
        authority: authority_certificate.der().to_vec(),
    }
}

impl Service {
    async fn dial(&self, trust: Trust) -> Result<Stream, TlsTrouble> {
        let target = Target {
            trust,
            ..self.target.clone()
        };
        match dial(&target).await {
            Ok(stream) => Ok(stream),
            Err(Error::Tls { cause, .. }) => Err(cause),
            Err(other) => panic!("{other}"),
        }
    }
}

fn pin(certificate: &[u8]) -> Trust {
    use sha2::{Digest as _, Sha256};
    Trust::Pin(Sha256::digest(certificate).into())
}

#[tokio::test]
async fn a_pinned_certificate_is_good_and_no_other() {
    let service = service(&["router1.example"], false).await;
    let mut stream = service.dial(pin(&service.certificate)).await.unwrap();
    assert_eq!(stream.certificate(), Some(&*service.certificate));
    assert!(stream.local_address().is_loopback());
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");

    let Err(TlsTrouble::OtherCertificate { found }) = service.dial(Trust::Pin([7; 32])).await
    else {
        panic!("it was taken for the pinned one");
    };
    let Trust::Pin(real) = pin(&service.certificate) else {
        unreachable!()
    };
    assert_eq!(parse_fingerprint(&found), Some(real));
}

#[tokio::test]
async fn a_pin_is_worth_nothing_without_the_key() {
    let thief = service(&["router1.example"], true).await;
    let stolen = thief.dial(pin(&thief.certificate)).await;
    assert!(
        matches!(&stolen, Err(TlsTrouble::BadCertificate(why)) if why.contains("its key")),
        "{stolen:?}"
    );
    assert!(certificate_of(&thief.target).await.is_err());
}

#[tokio::test]
async fn authorities_vouch_for_hosts_that_the_certificate_names() {
    let good = service(&["127.0.0.1"], false).await;
    let authorities = Trust::Authorities(vec![good.authority.clone()]);
    good.dial(authorities.clone()).await.unwrap();

    let other = service(&["router1.example", "192.0.2.1"], false).await;
    let trust = Trust::Authorities(vec![other.authority.clone()]);
    let wrong = other.dial(trust).await;
    assert!(
        matches!(
            &wrong,
            Err(TlsTrouble::WrongName { names }) if names == "router1.example, 192.0.2.1"
        ),
        "{wrong:?}"
    );
    let unknown = other.dial(authorities).await;
    assert!(
        matches!(unknown, Err(TlsTrouble::UnknownAuthority { .. })),
        "{unknown:?}"
    );
    let none = other.dial(Trust::Authorities(vec![])).await;
    assert!(matches!(none, Err(TlsTrouble::Other(_))), "{none:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_the_unknown_but_its_certificate_is_shown() {
    let service = service(&["router1.example", "127.0.0.1"], false).await;
    let unknown = service.dial(Trust::Unknown).await;
    assert!(
        matches!(unknown, Err(TlsTrouble::NothingTrusted)),
        "{unknown:?}"
    );
    let seen = certificate_of(&service.target).await.unwrap();
    assert_eq!(seen.der, service.certificate);
    assert_eq!(pin(&seen.der), Trust::Pin(seen.fingerprint));
    assert_eq!(seen.names, ["router1.example", "127.0.0.1"]);
    assert!(!seen.is_expired(std::time::SystemTime::now()), "{seen:?}");
    let clear = Target::new("127.0.0.1", Transport::Api);
    assert!(matches!(
        certificate_of(&clear).await,
        Err(Error::NotSupported(_))
    ));
}

#[tokio::test]
async fn what_does_not_speak_tls_is_told_apart() {
    for (answer, says) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "does not speak TLS",
        ),
        (b"", "closes it at once"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "anonymous Diffie-Hellman"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = target(listener.local_addr().unwrap(), Trust::Pin([7; 32]));
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut greeting = [0; 64];
                tcp.read_exact(&mut greeting).await.ok();
                tcp.write_all(answer).await.ok();
            }
        });
        let error = dial(&target).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = target(mute.local_addr().unwrap(), Trust::Pin([7; 32]));
    target.timeout = Duration::from_millis(100);
    let silent = dial(&target).await.unwrap_err().to_string();
    assert!(
        silent.contains("service without TLS, such as api on port 8728"),
        "{silent}"
    );
}

/// OpenSSL's own server with ciphers of one's choice. Ended when dropped.
struct OpenSsl(Child);

impl Drop for OpenSsl {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

async fn openssl(arguments: &[&str]) -> Option<(OpenSsl, Target)> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let server = Process::new("openssl")
        .args(["s_server", "-quiet", "-accept", &address.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = OpenSsl(server.ok()?);
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Some((server, target(address, Trust::Pin([7; 32]))));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("openssl s_server does not listen");
}

#[tokio::test]
async fn a_service_without_certificate_is_told_from_an_old_one() {
    let anonymous = ["-nocert", "-tls1_2", "-cipher", "ADH:@SECLEVEL=0"];
    let Some((_server, target)) = openssl(&anonymous).await else {
        eprintln!("skipped: there is no openssl");
        return;
    };
    let error = dial(&target).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Tls {
                cause: TlsTrouble::Anonymous,
                ..
            }
        ),
        "{error}"
    );

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate) = (path("key"), path("certificate"));
    let made = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let signed = CertificateParams::new(Vec::new())
        .unwrap()
        .self_signed(&made)
        .unwrap();
    std::fs::write(&key, made.serialize_pem()).unwrap();
    std::fs::write(&certificate, signed.pem()).unwrap();
    let old = [
        "-cert",
        &certificate,
        "-key",
        &key,
        "-tls1_2",
        "-cipher",
        "DHE-RSA-AES256-GCM-SHA384",
    ];
    let (_server, target) = openssl(&old).await.unwrap();
    let error = dial(&target).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it picks TLS 1.2 with DHE-RSA-AES256-GCM-SHA384"),
        "{error}"
    );
}

#[test]
fn fingerprints_are_read_in_every_writing() {
    let fingerprint: [u8; 32] = std::array::from_fn(|place| u8::try_from(place * 8 + 1).unwrap());
    let text = spell_fingerprint(&fingerprint);
    assert!(text.starts_with("010911"), "{text}");
    assert_eq!(parse_fingerprint(&text), Some(fingerprint));
    let pairs: Vec<String> = fingerprint
        .iter()
        .map(|octet| format!("{octet:02X}"))
        .collect();
    assert_eq!(parse_fingerprint(&pairs.join(":")), Some(fingerprint));
    for wrong in [
        "",
        "01",
        &text[1..],
        &format!("{text}00"),
        &text.replace('0', "g"),
    ] {
        assert_eq!(parse_fingerprint(wrong), None, "{wrong}");
    }
}
