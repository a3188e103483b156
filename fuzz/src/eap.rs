//! Whole conversations, in which messages are changed on their way.

use std::sync::{Arc, OnceLock};

use portreeve_auth::{
    Credential, Method as Plain,
    eap::{
        Answer, Conversation, Inner, Means, Offer, Offered, Password, Question, Step, Surroundings,
        Type, gtc, md5, mschapv2,
        peap::{Peap, PeapPeer},
        peer::{Supplicant, Turn, Usable},
        pwd,
        teap::{self, Proof, Teap, TeapPeer, Who},
        tls::{ClientTrust, EapTls, EapTlsPeer, PeerIdentity, PeerSettings, Settings, Trust},
        ttls::{Ttls, TtlsPeer},
    },
    mschap::NtHash,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};

const PASSWORD: &str = "correct horse";
const USER: &[u8] = b"tim";
/// 2026-11-22.
const NOW: u64 = 1_795_300_000;
/// The most messages of one conversation.
const MESSAGES: u8 = 120;

type Pair = (Arc<dyn Offered>, Arc<dyn Usable>);

/// A server and a device speak one of the methods. What is left of the input changes messages on
/// their way, four octets for each change: which message, how, where, and by what. Whatever
/// happens, who is let in is the one who knows the password or has the certificate, and with keys
/// that both sides share.
///
/// # Panics
///
/// If somebody is let in who should not be: that is the finding.
pub fn eap(input: &[u8]) {
    let ([which, changes @ ..], Some(pairs)) = (input, pairs()) else {
        return;
    };
    let (offered, usable) = &pairs[usize::from(*which) % pairs.len()];
    let offer = Arc::new(Offer::nothing().with_shared(Arc::clone(offered)));
    let mut server = Conversation::new();
    let mut device = Supplicant::new(USER, vec![Arc::clone(usable)]);
    let mut random = Counter(u64::from(*which));
    let Some(mut message) = device.begin(7) else {
        return;
    };
    let mut before = Vec::new();
    for number in (0..MESSAGES).step_by(2) {
        change(&mut message, &before, number, changes);
        let mut step = server.receive(&message, &mut random.around());
        while let Step::Ask(question) = step {
            step = server.answer(answer(&question, &offer), &mut random.around());
        }
        before = message;
        message = match step {
            Step::Send(octets) => octets,
            Step::Ignored(_) => server.last_request().to_vec(),
            Step::Succeeded(success, packet) => {
                assert_eq!(success.identity(), USER);
                if let Turn::Succeeded(outcome) = device.receive(&packet, &mut random.around()) {
                    assert_eq!(outcome.msk.as_ref(), success.msk());
                }
                return;
            }
            Step::Failed(..) | Step::Ask(_) => return,
        };
        change(&mut message, &before, number + 1, changes);
        match device.receive(&message, &mut random.around()) {
            Turn::Respond(octets) => {
                before = message;
                message = octets;
            }
            Turn::Succeeded(_) | Turn::Failed(_) | Turn::Ignored(_) => return,
        }
    }
}

fn answer(question: &Question, offer: &Arc<Offer>) -> Answer {
    match question {
        Question::Begin { .. } => Answer::Offer(Arc::clone(offer)),
        Question::Credential { identity, .. } if identity == USER => {
            Credential::clear(PASSWORD).map_or(Answer::Refused, Answer::Credential)
        }
        Question::Password {
            identity, password, ..
        } if identity == USER && password.reveal() == PASSWORD.as_bytes() => {
            Answer::Right(USER.to_vec())
        }
        Question::Certificate { chain, .. } if !chain.is_empty() => Answer::Right(USER.to_vec()),
        _ => Answer::Refused,
    }
}

fn change(message: &mut Vec<u8>, before: &[u8], number: u8, changes: &[u8]) {
    for change in changes.chunks_exact(4) {
        let [which, how, place, value] = change else {
            continue;
        };
        if *which != number || message.is_empty() {
            continue;
        }
        let place = usize::from(*place) % message.len();
        match how % 4 {
            0 => message[place] ^= value,
            1 => message.truncate(place),
            2 => message.extend(std::iter::repeat_n(*value, usize::from(how >> 2))),
            _ => before.clone_into(message),
        }
    }
}

/// Octets that are the same each time.
struct Counter(u64);

impl Counter {
    fn around(&mut self) -> Surroundings<'_> {
        Surroundings {
            random: self,
            unix_s: NOW,
            mtu: 600,
        }
    }
}

impl portreeve_proto::Random for Counter {
    fn fill(&mut self, octets: &mut [u8]) {
        for octet in octets {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = self.0.to_be_bytes()[0];
        }
    }
}

fn pairs() -> Option<&'static [Pair]> {
    static PAIRS: OnceLock<Option<Vec<Pair>>> = OnceLock::new();
    PAIRS.get_or_init(made).as_deref()
}

fn made() -> Option<Vec<Pair>> {
    let password = || Password::new(PASSWORD);
    let mschapv2 = |outer: Option<Type>| -> Option<Pair> {
        let hash = NtHash::of(PASSWORD).ok()?;
        let peer = mschapv2::Peer::new(hash);
        Some(match outer {
            None => (
                Arc::new(mschapv2::Server::new(Means::alone(Type::MSCHAPV2))),
                Arc::new(peer),
            ),
            Some(outer) => {
                let means = Means::inside(outer, Inner::Eap(Type::MSCHAPV2));
                (
                    Arc::new(mschapv2::Server::new(means)),
                    Arc::new(peer.inside(outer)),
                )
            }
        })
    };
    let (settings, peer_settings) = tls()?;
    let peer = |settings: &PeerSettings| settings.clone();
    let (server, device) = mschapv2(Some(Type::PEAP))?;
    let peap: Pair = (
        Arc::new(Peap::new(
            Arc::clone(&settings),
            Arc::new(Offer::nothing().with_shared(server)),
        )),
        Arc::new(PeapPeer::new(peer(&peer_settings), USER, vec![device])),
    );
    let ttls: Pair = (
        Arc::new(Ttls::new(
            Arc::clone(&settings),
            &[Plain::Pap],
            Arc::new(Offer::nothing()),
        )),
        Arc::new(TtlsPeer::plain(peer(&peer_settings), Plain::Pap, "tim", PASSWORD).ok()?),
    );
    let (server, device) = mschapv2(Some(Type::TEAP))?;
    let inside = Proof::Eap(Arc::new(Offer::nothing().with_shared(server)));
    let credential = teap::Credential::Eap {
        name: USER.to_vec(),
        methods: vec![device],
    };
    let teap: Pair = (
        Arc::new(Teap::new(Arc::clone(&settings), "fuzz").asking(Who::User, inside)),
        Arc::new(TeapPeer::new(peer(&peer_settings)).with(Who::User, credential)),
    );
    Some(vec![
        (
            Arc::new(md5::Server::new(Means::alone(Type::MD5))),
            Arc::new(md5::Peer::new(password())),
        ),
        (
            Arc::new(gtc::Server::new(Means::alone(Type::GTC))),
            Arc::new(gtc::Peer::new(password())),
        ),
        mschapv2(None)?,
        (
            Arc::new(pwd::Server::new(Means::alone(Type::PWD))),
            Arc::new(pwd::Peer::new(password())),
        ),
        (
            Arc::new(EapTls::new(settings)),
            Arc::new(EapTlsPeer::new(peer_settings)),
        ),
        peap,
        ttls,
        teap,
    ])
}

fn tls() -> Option<(Arc<Settings>, PeerSettings)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().ok()?).ok()?;
    let leaf = |name: &str, purpose| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).ok()?;
        params.extended_key_usages = vec![purpose];
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        let key = KeyPair::generate().ok()?;
        let certificate = params.signed_by(&key, &issuer).ok()?;
        Some((vec![certificate.der().to_vec()], key.serialize_der()))
    };
    let root = issuer.der().to_vec();
    let (chain, key) = leaf("radius.test", ExtendedKeyUsagePurpose::ServerAuth)?;
    let settings = Settings::builder(&chain, &key).ok()?;
    let settings = settings.trusting(ClientTrust::new(vec![root.clone()]));
    let (chain, key) = leaf("tim.test", ExtendedKeyUsagePurpose::ClientAuth)?;
    let trust = Trust::roots(&[root], &["radius.test"]).ok()?;
    let device = PeerSettings::builder(trust).presenting(PeerIdentity::new(&chain, &key).ok()?);
    Some((settings.build().ok()?, device.build().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_there() {
        assert_eq!(pairs().map(<[Pair]>::len), Some(8));
    }
}
