//! PEM: certificates and keys in a text.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

/// All certificates of a text.
pub(super) fn certificates(text: &str) -> Vec<Vec<u8>> {
    CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .map(|der| der.to_vec())
        .collect()
}

/// All private keys of a text that are not encrypted, as PKCS#8 where they are that.
pub(super) fn keys(text: &str) -> Vec<PrivateKeyDer<'static>> {
    PrivateKeyDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .collect()
}

/// Whether there are keys that only a password opens.
pub(super) fn has_encrypted(text: &str) -> bool {
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// DER as PEM.
pub(super) fn certificate(der: &[u8]) -> String {
    block("CERTIFICATE", der)
}

/// PKCS#8 as PEM.
pub(super) fn key(der: &[u8]) -> String {
    block("PRIVATE KEY", der)
}

fn block(label: &str, der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let octets = text.as_bytes().chunks(64);
    lines.extend(octets.map(|line| String::from_utf8_lossy(line).into_owned()));
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}
