//! EAP: the access point between a device and the server.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use portreeve_auth::{
    Method,
    eap::{
        Msk, Surroundings, Type, mschapv2,
        peap::PeapPeer,
        peer::{Supplicant, Turn, Usable},
        tls::{EapTlsPeer, PeerIdentity, PeerSettings, Trust},
        ttls::TtlsPeer,
    },
    mschap::NtHash,
};
use portreeve_proto::{
    AttributeList, Code,
    attr::{self, microsoft},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{
    Radius, Refusal,
    account::unix_s,
    entry::{About, Entry, candidates},
    shape::Shape,
    terms::Terms,
    wire::{Answer, Asking, random},
};

/// The most Access-Requests of one log-in.
const MAX_ROUNDS: u32 = 60;
/// What the air carries at once.
const MTU: u32 = 1400;

/// Who is at the other side of the air or the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Device {
    /// `peap`, `ttls`, `ttls-pap`, `tls`.
    pub(super) method: String,
    /// The name inside.
    pub(super) user: String,
    /// The password inside.
    pub(super) password: String,
    /// The name that everybody sees; else the one inside.
    pub(super) anonymous: Option<String>,
    /// The authorities it trusts, in PEM; without them it takes any server.
    pub(super) authorities: Option<String>,
    /// The name that the server must have.
    pub(super) server_name: Option<String>,
    /// Its own certificate and key, in PEM.
    pub(super) certificate: Option<(String, String)>,
}

impl Device {
    /// The name that the access point sees.
    pub(super) fn outer(&self) -> &str {
        self.anonymous.as_deref().unwrap_or(&self.user)
    }

    fn supplicant(&self) -> Result<Supplicant, String> {
        let tls = self.tls()?;
        let user = self.user.clone();
        let usable: Arc<dyn Usable> = match &*self.method {
            "tls" => Arc::new(EapTlsPeer::new(tls)),
            "ttls" => {
                let peer = TtlsPeer::plain(tls, Method::MsChapV2, user, &self.password);
                Arc::new(peer.map_err(|error| error.to_string())?)
            }
            "ttls-pap" => {
                let peer = TtlsPeer::plain(tls, Method::Pap, user, &self.password);
                Arc::new(peer.map_err(|error| error.to_string())?)
            }
            "" | "peap" => {
                let hash = NtHash::of(&self.password).map_err(|error| error.to_string())?;
                let inner: Arc<dyn Usable> = Arc::new(mschapv2::Peer::new(hash).inside(Type::PEAP));
                Arc::new(PeapPeer::new(tls, user, vec![inner]))
            }
            other => return Err(format!("no such EAP method: {other}")),
        };
        Ok(Supplicant::new(self.outer().as_bytes(), vec![usable]))
    }

    fn tls(&self) -> Result<PeerSettings, String> {
        let trust = match &self.authorities {
            None => Trust::dangerous_none(),
            Some(pem) => {
                let names: Vec<&str> = self.server_name.as_deref().into_iter().collect();
                Trust::roots(&certificates(pem)?, &names).map_err(|error| error.to_string())?
            }
        };
        let mut builder = PeerSettings::builder(trust);
        if let Some((chain, key)) = &self.certificate {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|error| format!("private key: {error}"))?;
            let identity = PeerIdentity::new(&certificates(chain)?, key.secret_der())
                .map_err(|error| error.to_string())?;
            builder = builder.presenting(identity);
        }
        builder.build().map_err(|error| error.to_string())
    }
}

fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, String> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|found| found.map(|it| it.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("certificate: {error}"))
}

impl Radius {
    /// Carries a device's EAP to the server, whose entry is kept to once it has answered.
    ///
    /// # Errors
    /// Why the device is not let in, or does not want to be.
    pub(super) async fn eap(&self, shape: &Shape, device: &Device) -> Result<Terms, Refusal> {
        let mut supplicant = device.supplicant().map_err(Refusal::NotServed)?;
        let select = (shape.service, &*shape.called, "");
        let mut entries = candidates(&self.entries(), About::Access, select);
        let mut message = supplicant.begin(0).unwrap_or_default();
        let mut state: Option<Vec<u8>> = None;
        for _ in 0..MAX_ROUNDS {
            let answer = self
                .eap_round(&entries, shape, (&message, state.as_deref()))
                .await?;
            entries = vec![answer.entry.clone()];
            let packet = answer.packet();
            let octets = packet.joined(attr::EAP_MESSAGE).unwrap_or_default();
            let mut around = Surroundings {
                random: &mut random,
                unix_s: unix_s().into(),
                mtu: usize::try_from(MTU).unwrap_or(usize::MAX),
            };
            match (packet.code(), supplicant.receive(&octets, &mut around)) {
                (Code::ACCESS_CHALLENGE, Turn::Respond(next)) => {
                    state = packet.joined(attr::STATE);
                    message = next;
                }
                (Code::ACCESS_ACCEPT, Turn::Succeeded(outcome)) => {
                    return if keys_fit(&answer, outcome.msk.as_ref()) {
                        Ok(Terms::of(&packet))
                    } else {
                        Err(Refusal::Unproven(
                            "the four-way handshake fails: other keys",
                        ))
                    };
                }
                (Code::ACCESS_REJECT, _) => {
                    return Err(Refusal::Rejected(Terms::of(&packet).message));
                }
                (_, Turn::Failed(trouble)) => return Err(Refusal::NotServed(trouble.to_string())),
                _ => {
                    return Err(Refusal::Unproven(
                        "the server's EAP does not fit its answer",
                    ));
                }
            }
        }
        Err(Refusal::Unproven("the server does not come to an end"))
    }

    async fn eap_round(
        &self,
        entries: &[Entry],
        shape: &Shape,
        (message, state): (&[u8], Option<&[u8]>),
    ) -> Result<Answer, Refusal> {
        let build = |entry: &Entry, ours: IpAddr| {
            let mut proof = AttributeList::new().with(attr::FRAMED_MTU, MTU);
            if let Some(state) = state {
                proof.add(attr::STATE, state);
            }
            proof.add(attr::EAP_MESSAGE, message);
            shape.access(&entry.realm, ours, &proof)
        };
        let asking = Asking {
            about: About::Access,
            service: shape.service.name(),
            called: &shape.called,
            attributes: &build,
        };
        Ok(self.wire().ask(self.machine(), entries, &asking).await?)
    }
}

/// Whether the keys of the Access-Accept are those that the device has made.
fn keys_fit(answer: &Answer, msk: Option<&Msk>) -> bool {
    let receive = answer.reveal(microsoft::MPPE_RECV_KEY.spec());
    let send = answer.reveal(microsoft::MPPE_SEND_KEY.spec());
    let same = |ours: &[u8], theirs: &[u8]| verify_slices_are_equal(ours, theirs).is_ok();
    match (msk, receive, send) {
        (Some(msk), Some(receive), Some(send)) => {
            same(msk.receive_key(), &receive) && same(msk.send_key(), &send)
        }
        _ => false,
    }
}
