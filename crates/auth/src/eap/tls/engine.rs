//! TLS in memory, as both sides see it.

use std::{
    fmt,
    io::{Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    Connection, HandshakeKind, ProtocolVersion, Side, SupportedCipherSuite,
    crypto::hash::HashAlgorithm,
};
use zeroize::Zeroizing;

use super::{
    Hello,
    clock::Clock,
    hello::{Random, Records},
};
use crate::eap::{MSK_OCTETS, Msk, Type};

/// The most octets of plaintext that are held before they are read.
pub const MAX_PLAINTEXT_OCTETS: usize = 64 * 1024;

/// The exporter label for keys under TLS 1.3 (RFC 9190 section 2.3, RFC 9427 section 2).
const KEYS_13: &[u8] = b"EXPORTER_EAP_TLS_Key_Material";
/// The exporter label for the rest of the Session-Id under TLS 1.3.
const METHOD_ID_13: &[u8] = b"EXPORTER_EAP_TLS_Method-Id";
const METHOD_ID_OCTETS: usize = 64;
/// The label under TLS 1.2 of EAP-TLS (RFC 5216 section 2.3) and PEAP.
const KEYS_12: &[u8] = b"client EAP encryption";
/// The label under TLS 1.2 of EAP-TTLS (RFC 5281 section 8).
const KEYS_12_TTLS: &[u8] = b"ttls keying material";

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// The hash of a cipher suite, which is the one of its PRF or HKDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// What a method takes from its TLS session: keys for the air, and a name for them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The master session key.
    pub msk: Msk,
    /// The extended master session key, which stays here (RFC 3748 section 7.10).
    pub emsk: Zeroizing<[u8; MSK_OCTETS]>,
    /// The Session-Id (RFC 5216 section 2.3, RFC 9190 section 2.3).
    pub session_id: Vec<u8>,
}

/// Why a connection is at its end.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// TLS says so.
    Tls(rustls::Error),
    /// What came is not TLS at all.
    Garbage(&'static str),
}

/// A TLS connection between two sides of a conversation, fed and emptied by hand. A
/// [`Server`](super::Server) or a [`Peer`](super::Peer) is one that takes messages.
pub struct Engine {
    connection: Connection,
    clock: Arc<Clock>,
    passing: Passing,
    plain: Zeroizing<Vec<u8>>,
    has_failed: bool,
    is_closed: bool,
}

/// What is seen as it passes by.
#[derive(Default)]
struct Passing {
    incoming: Records,
    outgoing: Records,
    hello: Option<Hello>,
    server_random: Option<Random>,
}

impl Engine {
    pub(super) fn new(connection: impl Into<Connection>, clock: Arc<Clock>) -> Self {
        Self {
            connection: connection.into(),
            clock,
            passing: Passing::default(),
            plain: Zeroizing::default(),
            has_failed: false,
            is_closed: false,
        }
    }

    /// Takes records. After an error there may be an alert in [`Engine::take_output`], and nothing
    /// is taken any more.
    pub(super) fn take_in(&mut self, octets: &[u8], unix_s: u64) -> Result<(), Fault> {
        self.clock.set(unix_s);
        let result = self.feed(octets);
        self.has_failed |= result.is_err();
        result
    }

    fn feed(&mut self, mut octets: &[u8]) -> Result<(), Fault> {
        if self.has_failed || self.is_closed {
            return Err(Fault::Garbage("it goes on after its end"));
        }
        self.passing.incoming.pass(octets).map_err(Fault::Garbage)?;
        self.passing.look(self.is_server());
        while !octets.is_empty() {
            let read = self.connection.read_tls(&mut octets);
            if read.map_err(|_| Fault::Garbage("a message is too long"))? == 0 {
                return Err(Fault::Garbage("it goes on after its end"));
            }
            let state = self.connection.process_new_packets().map_err(Fault::Tls)?;
            self.is_closed |= state.peer_has_closed();
            self.read_plain(state.plaintext_bytes_to_read())?;
        }
        Ok(())
    }

    fn read_plain(&mut self, octets: usize) -> Result<(), Fault> {
        if octets == 0 {
            return Ok(());
        }
        let before = self.plain.len();
        if before + octets > MAX_PLAINTEXT_OCTETS {
            return Err(Fault::Garbage("it holds too much at once"));
        }
        // A new buffer each time, so that no copy of a password is left behind by growing one.
        let mut plain = Zeroizing::new(vec![0; before + octets]);
        plain[..before].copy_from_slice(&self.plain);
        self.connection
            .reader()
            .read_exact(&mut plain[before..])
            .map_err(|_| Fault::Garbage("it ends early"))?;
        self.plain = plain;
        Ok(())
    }

    fn is_server(&self) -> bool {
        self.side() == Side::Server
    }

    fn side(&self) -> Side {
        match self.connection {
            Connection::Client(_) => Side::Client,
            Connection::Server(_) => Side::Server,
        }
    }

    /// What is to be sent: records, all that there are. Empty where there is nothing.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut output) {
                // Writing into memory does not fail.
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        // Our own records are well formed; only what they say is wanted.
        if self.passing.outgoing.pass(&output).is_ok() {
            self.passing.look(self.is_server());
        }
        output
    }

    /// Encrypts, for [`Engine::take_output`]. False before the handshake is done, and after an
    /// error.
    #[must_use]
    pub fn write(&mut self, plain: &[u8]) -> bool {
        self.is_established() && self.connection.writer().write_all(plain).is_ok()
    }

    /// What has been decrypted and not read yet; at most [`MAX_PLAINTEXT_OCTETS`]. Wipes its memory
    /// when dropped.
    pub fn read(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.plain)
    }

    /// Says that this side sends nothing more, in the next [`Engine::take_output`].
    pub fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// Whether the handshake is done, and nothing has gone wrong since.
    pub fn is_established(&self) -> bool {
        !self.connection.is_handshaking() && !self.has_failed
    }

    /// Whether the other side has said that it sends nothing more.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether an earlier session was resumed; false before the handshake is done.
    pub fn is_resumed(&self) -> bool {
        self.is_established() && self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The version, once it has been agreed on.
    pub fn version(&self) -> Option<Version> {
        match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some(Version::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Version::Tls13),
            _ => None,
        }
    }

    /// The name of the cipher suite, once it has been agreed on, as the IANA registers it but for
    /// `TLS13_` in those of TLS 1.3.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.suite()?.suite().as_str()
    }

    /// The hash of the cipher suite, once it has been agreed on.
    pub fn hash(&self) -> Option<Hash> {
        let common = match self.suite()? {
            SupportedCipherSuite::Tls12(suite) => &suite.common,
            SupportedCipherSuite::Tls13(suite) => &suite.common,
        };
        match common.hash_provider.algorithm() {
            HashAlgorithm::SHA256 => Some(Hash::Sha256),
            HashAlgorithm::SHA384 => Some(Hash::Sha384),
            _ => None,
        }
    }

    fn suite(&self) -> Option<SupportedCipherSuite> {
        self.connection.negotiated_cipher_suite()
    }

    /// The chain that the other side presented, or did when the resumed session was begun: DER, its
    /// own certificate first. Empty where it presented none.
    pub fn peer_chain(&self) -> Vec<Vec<u8>> {
        let chain = self.connection.peer_certificates().unwrap_or(&[]);
        chain
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect()
    }

    /// What the device offered, once it has.
    pub const fn hello(&self) -> Option<&Hello> {
        self.passing.hello.as_ref()
    }

    /// When it was last called, in seconds since 1970.
    pub(super) fn unix_s(&self) -> u64 {
        self.clock.unix_s()
    }

    /// Keying material (RFC 5705, RFC 8446 section 7.5). False before the handshake is done, or
    /// where it cannot be had in that length.
    #[must_use]
    pub fn export(&self, label: &[u8], context: Option<&[u8]>, out: &mut [u8]) -> bool {
        self.is_established()
            && self
                .connection
                .export_keying_material(out, label, context)
                .is_ok()
    }

    /// The keys of a method, and their name: under TLS 1.3 by RFC 9427 for all of them, under
    /// TLS 1.2 by RFC 5216 for EAP-TLS and PEAP and by RFC 5281 for EAP-TTLS. `None` before the
    /// handshake is done, and of a type that has no short form. TEAP makes its keys otherwise; of
    /// these it has the Session-Id.
    pub fn keys(&self, kind: Type) -> Option<Keys> {
        let code = [kind.short()?];
        let mut material = Zeroizing::new([0; 2 * MSK_OCTETS]);
        let is_exported = match self.version()? {
            Version::Tls13 => self.export(KEYS_13, Some(&code), &mut *material),
            Version::Tls12 => {
                let label = if kind == Type::TTLS {
                    KEYS_12_TTLS
                } else {
                    KEYS_12
                };
                self.export(label, None, &mut *material)
            }
        };
        if !is_exported {
            return None;
        }
        Some(Keys {
            msk: Msk::new(*material.first_chunk()?),
            emsk: Zeroizing::new(*material.last_chunk()?),
            session_id: self.session_id(kind)?,
        })
    }

    /// The Session-Id: under TLS 1.2 the type and both randoms, under TLS 1.3 the type and a
    /// Method-Id.
    pub fn session_id(&self, kind: Type) -> Option<Vec<u8>> {
        let code = kind.short()?;
        let mut id = vec![code];
        match self.version()? {
            Version::Tls13 => {
                let mut method_id = [0; METHOD_ID_OCTETS];
                if !self.export(METHOD_ID_13, Some(&[code]), &mut method_id) {
                    return None;
                }
                id.extend_from_slice(&method_id);
            }
            Version::Tls12 if self.is_established() => {
                id.extend_from_slice(&self.passing.hello.as_ref()?.random);
                id.extend_from_slice(&self.passing.server_random?);
            }
            Version::Tls12 => return None,
        }
        Some(id)
    }
}

impl Passing {
    fn look(&mut self, is_server: bool) {
        let (client, server) = if is_server {
            (&mut self.incoming, &mut self.outgoing)
        } else {
            (&mut self.outgoing, &mut self.incoming)
        };
        self.hello = self.hello.take().or_else(|| client.client_hello());
        self.server_random = self.server_random.or_else(|| server.server_random());
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("version", &self.version())
            .field("is_established", &self.is_established())
            .finish_non_exhaustive()
    }
}
