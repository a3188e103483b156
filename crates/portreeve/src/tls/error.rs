use std::sync::Arc;

use portreeve_proto::Transport;

/// What is wrong with the certificates, keys and marks that were configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A transport that TLS has no part in.
    #[error("a peer over {transport} has no TLS connection: use tls or dtls")]
    NotSecure {
        /// The transport.
        transport: Transport,
    },
    /// No certificate in what should hold the chain.
    #[error("there is no certificate: expected PEM text with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// No private key in what should hold it.
    #[error("there is no private key: expected PEM text with `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// A private key that needs a pass phrase.
    #[error("the private key is encrypted: decrypt it, as with `openssl pkey -in KEY -out PLAIN`")]
    EncryptedKey,
    /// A private key that cannot be used.
    #[error("the private key cannot be used: {0}")]
    BadKey(Box<str>),
    /// A key that belongs to another certificate.
    #[error("the private key does not belong to the certificate: the first one in the chain")]
    KeyMismatch,
    /// No revocation list in what should hold some.
    #[error("there is no revocation list: expected PEM text with `-----BEGIN X509 CRL-----`")]
    NoCrl,
    /// Text that is no PEM.
    #[error("not valid PEM: {0}")]
    BadPem(Box<str>),
    /// A certificate that cannot be read.
    #[error("certificate number {position} cannot be read: {why}")]
    BadCertificate {
        /// Which one, counted from 1.
        position: usize,
        /// What the parser says.
        why: Box<str>,
    },
    /// Revocation lists that cannot be used.
    #[error("a revocation list cannot be used: {0}; delta and indirect lists are not supported")]
    BadCrl(Box<str>),
    /// A mark that cannot be read.
    #[error(
        "`{0}` is no mark of a peer: expected `any`, `dns:nas1.example`, `ip:192.0.2.1`, \
         `source`, `sha256:HEX`, `serial:HEX@ISSUER`, `policy:1.2.3` or `psk:IDENTITY`"
    )]
    BadMark(Box<str>),
    /// A server name that is neither a DNS name nor an address.
    #[error("`{0}` is neither a DNS name nor an IP address that a certificate could hold")]
    BadName(Box<str>),
    /// A realm that cannot be one.
    #[error("`{0}` is no realm, such as example.org")]
    BadRealm(Box<str>),
    /// An identity that a pre-shared key cannot have.
    #[error("the identity of a pre-shared key has 1 to 1024 octets and no control characters")]
    BadPskIdentity,
    /// A pre-shared key of a length that is not allowed.
    #[error("a pre-shared key has 16 to 512 octets; {0} were given")]
    BadPskLength(usize),
    /// A pre-shared key, and no engine that knows them.
    #[error(
        "pre-shared keys need the OpenSSL engine, which this build lacks: \
         `cargo install portreeve-daemon --features openssl` (needs libssl-dev on Debian)"
    )]
    PskUnsupported,
    /// DTLS, and no engine that speaks it.
    #[error(
        "DTLS needs the OpenSSL engine, which this build lacks: \
         `cargo install portreeve-daemon --features openssl` (needs libssl-dev on Debian)"
    )]
    DtlsUnsupported,
    /// A peer that nothing could be recognised by.
    #[error("peer `{peer}` has no mark and no pre-shared key: nobody could be recognised as it")]
    NoMark {
        /// Its name.
        peer: Arc<str>,
    },
    /// A peer with a PSK mark and no such key.
    #[error("peer `{peer}` has the mark `psk:{identity}`, but no key for that identity")]
    NoPsk {
        /// Its name.
        peer: Arc<str>,
        /// The identity.
        identity: Box<str>,
    },
    /// Two peers with one PSK identity.
    #[error("peers `{first}` and `{second}` have the same pre-shared key identity")]
    PskTwice {
        /// The name of one.
        first: Arc<str>,
        /// The name of the other.
        second: Arc<str>,
    },
    /// A peer marked by the address it connects from, which may be any.
    #[error("peer `{peer}` has the mark `source`: say which source addresses it may have")]
    NoSource {
        /// Its name.
        peer: Arc<str>,
    },
    /// The engine refuses the configuration.
    #[error("TLS cannot be set up: {0}")]
    Engine(Box<str>),
}
