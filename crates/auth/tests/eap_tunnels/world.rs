//! A server and a peer, what lies between them, and who is known.

use std::sync::{Arc, OnceLock};

use portreeve_auth::{
    Credential, Method as Plain,
    eap::{
        Answer, Conversation, Failure, Offer, Offered, Question, Step, Success, Surroundings, Type,
        gtc, md5, mschapv2,
        peap::{Peap, PeapPeer},
        peer::{Outcome, Supplicant, Trouble, Turn, Usable},
        teap::{self, Needed, Proof, Teap, TeapPeer, Who},
        tls::{
            ClientCertificate, ClientTrust, EapTls, EapTlsPeer, PeerIdentity, PeerSettings,
            Sessions, Settings, Trust, Version,
        },
        ttls::{Ttls, TtlsPeer},
    },
    eap::{Means, Password},
    mschap::NtHash,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// 2026-11-21, noon.
pub(crate) const NOW: u64 = 1_795_262_400;
pub(crate) const PASSWORD: &str = "Mellon1";
pub(crate) const NOTE: &[u8] = b"policy 7";

pub(crate) struct Leaf {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) key: Vec<u8>,
}

/// A CA, a server, tim and a machine.
pub(crate) struct Pki {
    pub(crate) ca: Vec<u8>,
    pub(crate) server: Leaf,
    pub(crate) tim: Leaf,
    pub(crate) machine: Leaf,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let leaf = |name: &str, purpose| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2027, 1, 1);
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            Leaf {
                chain: vec![certificate.der().to_vec()],
                key: key.serialize_der(),
            }
        };
        Self {
            server: leaf("radius.test", ExtendedKeyUsagePurpose::ServerAuth),
            tim: leaf("tim", ExtendedKeyUsagePurpose::ClientAuth),
            machine: leaf("pc7", ExtendedKeyUsagePurpose::ClientAuth),
            ca: issuer.der().to_vec(),
        }
    }
}

/// The one that is trusted.
pub(crate) fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// Another with the same names.
pub(crate) fn other_pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(Pki::new)
}

/// What goes on inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Plain(Plain),
    Eap(Type),
    /// In TEAP: the machine by EAP-TLS, then tim by EAP-MSCHAPv2.
    Chain,
    /// In TEAP: a certificate for the tunnel, and nothing inside.
    Certificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub(crate) outer: Type,
    pub(crate) what: What,
    pub(crate) version: Version,
}

impl Tunnel {
    pub(crate) const fn of(outer: Type, what: What, version: Version) -> Self {
        Self {
            outer,
            what,
            version,
        }
    }

    /// How it is called.
    pub(crate) const fn words(self) -> &'static str {
        match (self.outer, self.what) {
            (Type::TTLS, What::Plain(Plain::Pap)) => "TTLS-PAP",
            (Type::TTLS, What::Plain(Plain::Chap)) => "TTLS-CHAP",
            (Type::TTLS, What::Plain(Plain::MsChapV1)) => "TTLS-MS-CHAPv1",
            (Type::TTLS, What::Plain(Plain::MsChapV2)) => "TTLS-MS-CHAPv2",
            (Type::TTLS, What::Eap(Type::MSCHAPV2)) => "TTLS-EAP-MSCHAPv2",
            (Type::TTLS, What::Eap(Type::GTC)) => "TTLS-EAP-GTC",
            (Type::TTLS, What::Eap(Type::MD5)) => "TTLS-EAP-MD5",
            (Type::TTLS, What::Eap(Type::TLS)) => "TTLS-EAP-TLS",
            (Type::PEAP, What::Eap(Type::MSCHAPV2)) => "PEAP-MSCHAPv2",
            (Type::PEAP, What::Eap(Type::GTC)) => "PEAP-GTC",
            (Type::PEAP, What::Eap(Type::TLS)) => "PEAP-TLS",
            (Type::TEAP, What::Plain(_)) => "TEAP-PAP",
            (Type::TEAP, What::Eap(Type::TLS)) => "TEAP-TLS",
            (Type::TEAP, What::Eap(_) | What::Chain) => "TEAP-MSCHAPv2",
            (Type::TEAP, What::Certificate) => "TEAP",
            _ => "?",
        }
    }

    /// All that there are.
    pub(crate) fn all() -> Vec<Self> {
        let eap = |outer, kinds: &[Type]| {
            let what = kinds.iter().map(|kind| What::Eap(*kind));
            what.map(|what| (outer, what)).collect::<Vec<_>>()
        };
        let mut whats: Vec<(Type, What)> = Plain::ALL
            .iter()
            .map(|plain| (Type::TTLS, What::Plain(*plain)))
            .collect();
        whats.extend(eap(
            Type::TTLS,
            &[Type::MSCHAPV2, Type::GTC, Type::MD5, Type::TLS],
        ));
        whats.extend(eap(Type::PEAP, &[Type::MSCHAPV2, Type::GTC, Type::TLS]));
        whats.extend(eap(Type::TEAP, &[Type::MSCHAPV2, Type::TLS]));
        whats.push((Type::TEAP, What::Plain(Plain::Pap)));
        whats.push((Type::TEAP, What::Chain));
        whats.push((Type::TEAP, What::Certificate));
        [Version::Tls12, Version::Tls13]
            .into_iter()
            .flat_map(|version| {
                whats
                    .iter()
                    .map(move |(outer, what)| Self::of(*outer, *what, version))
            })
            .collect()
    }

    fn settings(self, sessions: Option<&Arc<Sessions>>) -> Arc<Settings> {
        let server = &pki().server;
        let builder = Settings::builder(&server.chain, &server.key)
            .unwrap()
            .trusting(ClientTrust::new(vec![pki().ca.clone()]))
            .versions(self.version, self.version);
        match sessions {
            Some(sessions) => builder.resuming(Arc::clone(sessions)),
            None => builder,
        }
        .build()
        .unwrap()
    }

    /// The server's side.
    pub(crate) fn offered(self, sessions: Option<&Arc<Sessions>>) -> Arc<dyn Offered> {
        let settings = self.settings(sessions);
        let inner = |kind: Type| -> Arc<Offer> {
            let offer = Offer::nothing();
            let means = Means::inside(self.outer, portreeve_auth::eap::Inner::Eap(kind));
            Arc::new(match kind {
                Type::MSCHAPV2 => offer.with(mschapv2::Server::new(means)),
                Type::GTC => offer.with(gtc::Server::new(means)),
                Type::MD5 => offer.with(md5::Server::new(means)),
                _ => offer.with(EapTls::new(self.settings(None))),
            })
        };
        let plain: &[Plain] = match &self.what {
            What::Plain(plain) => std::slice::from_ref(plain),
            _ => &[],
        };
        match (self.outer, self.what) {
            (Type::TTLS, What::Eap(kind)) => Arc::new(Ttls::new(settings, plain, inner(kind))),
            (Type::TTLS, _) => Arc::new(Ttls::new(settings, plain, Arc::new(Offer::nothing()))),
            (Type::PEAP, What::Eap(kind)) => Arc::new(Peap::new(settings, inner(kind))),
            (Type::TEAP, what) => {
                let teap = Teap::new(settings, "portreeve.test");
                Arc::new(match what {
                    What::Eap(kind) => teap.asking(Who::User, Proof::Eap(inner(kind))),
                    What::Plain(_) => teap.asking(Who::User, Proof::Password("Name?".into())),
                    What::Chain => teap
                        .asking(Who::Machine, Proof::Eap(inner(Type::TLS)))
                        .asking(Who::User, Proof::Eap(inner(Type::MSCHAPV2)))
                        .needing(Needed::All),
                    What::Certificate => teap.with_certificate(ClientCertificate::Required),
                })
            }
            other => panic!("{other:?}"),
        }
    }

    /// What a peer's TLS is made of.
    pub(crate) fn peer_settings(self, ca: &[u8]) -> portreeve_auth::eap::tls::PeerSettingsBuilder {
        let trust = Trust::roots(&[ca.to_vec()], &["radius.test"]).unwrap();
        PeerSettings::builder(trust).versions(self.version, self.version)
    }

    /// The peer's side; with a wrong password, or a certificate of another CA, where it is not
    /// right.
    pub(crate) fn usable(self, settings: PeerSettings, is_right: bool) -> Arc<dyn Usable> {
        let password = if is_right { PASSWORD } else { "other" };
        let presented = if is_right { pki() } else { other_pki() };
        let by_tls = |leaf: &Leaf| -> Arc<dyn Usable> {
            let identity = PeerIdentity::new(&leaf.chain, &leaf.key).unwrap();
            let settings = self.peer_settings(&pki().ca).presenting(identity);
            Arc::new(EapTlsPeer::new(settings.build().unwrap()))
        };
        let method = |kind: Type| -> Arc<dyn Usable> {
            match kind {
                Type::MSCHAPV2 => {
                    let hash = NtHash::of(password).unwrap();
                    Arc::new(mschapv2::Peer::new(hash).inside(self.outer))
                }
                Type::GTC => Arc::new(gtc::Peer::new(Password::new(password))),
                Type::MD5 => Arc::new(md5::Peer::new(Password::new(password))),
                _ => by_tls(&presented.tim),
            }
        };
        let eap = |name: &str, method| teap::Credential::Eap {
            name: name.into(),
            methods: vec![method],
        };
        match (self.outer, self.what) {
            (Type::TTLS, What::Plain(plain)) => {
                Arc::new(TtlsPeer::plain(settings, plain, "tim", password).unwrap())
            }
            (Type::TTLS, What::Eap(kind)) => {
                Arc::new(TtlsPeer::eap(settings, "tim", vec![method(kind)]))
            }
            (Type::PEAP, What::Eap(kind)) => {
                Arc::new(PeapPeer::new(settings, "tim", vec![method(kind)]))
            }
            (Type::TEAP, what) => {
                let teap = TeapPeer::new(settings);
                Arc::new(match what {
                    What::Eap(kind) => teap.with(Who::User, eap("tim", method(kind))),
                    What::Plain(_) => teap.with(
                        Who::User,
                        teap::Credential::Password {
                            name: b"tim".to_vec(),
                            password: Password::new(password),
                        },
                    ),
                    What::Chain => teap
                        .with(Who::User, eap("tim", method(Type::MSCHAPV2)))
                        .with(Who::Machine, eap("host/pc7", by_tls(&pki().machine))),
                    What::Certificate => teap,
                })
            }
            other => panic!("{other:?}"),
        }
    }

    /// The peer's side as it should be.
    pub(crate) fn right(self) -> Arc<dyn Usable> {
        self.with(true)
    }

    pub(crate) fn with(self, is_right: bool) -> Arc<dyn Usable> {
        let mut settings = self.peer_settings(&pki().ca);
        if self.what == What::Certificate {
            let presented = if is_right { pki() } else { other_pki() };
            let tim = &presented.tim;
            settings = settings.presenting(PeerIdentity::new(&tim.chain, &tim.key).unwrap());
        }
        self.usable(settings.build().unwrap(), is_right)
    }
}

/// What is known.
pub(crate) fn knows(question: Question) -> Answer {
    let is_known = |name: &[u8]| name == b"tim" || name == b"host/pc7";
    match question {
        Question::Credential { identity, .. } if is_known(&identity) => {
            Answer::Credential(Credential::clear(PASSWORD).unwrap())
        }
        Question::Password {
            identity, password, ..
        } if is_known(&identity) => {
            if password.reveal() == PASSWORD.as_bytes() {
                Answer::Right(identity)
            } else {
                Answer::Wrong
            }
        }
        Question::Certificate { chain, .. } => {
            if chain[..] == pki().tim.chain[..] {
                Answer::Right(b"tim".to_vec())
            } else if chain[..] == pki().machine.chain[..] {
                Answer::Right(b"host/pc7".to_vec())
            } else {
                Answer::Wrong
            }
        }
        Question::Resumed { identity, note, .. } => {
            assert_eq!(note, NOTE);
            Answer::Right(identity)
        }
        _ => Answer::Refused,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Peer,
    Server,
}

/// How it ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) success: Option<Box<Success>>,
    pub(crate) failure: Option<Failure>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) trouble: Option<Trouble>,
    /// What the server asked.
    pub(crate) questions: Vec<Question>,
    /// How many packets there were in each direction.
    pub(crate) packets: usize,
}

impl Ended {
    #[track_caller]
    pub(crate) fn success(self) -> Box<Success> {
        assert!(
            self.success.is_some(),
            "{:?} {:?}",
            self.failure,
            self.trouble
        );
        let outcome = self.outcome.unwrap();
        let success = self.success.unwrap();
        assert_eq!(outcome.msk.as_ref(), success.msk());
        assert_eq!(outcome.session_id, success.session_id());
        assert_eq!(outcome.is_resumed, success.is_resumed());
        success
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        assert!(self.success.is_none() && self.outcome.is_none());
        self.failure.as_ref().unwrap()
    }
}

pub(crate) struct World<'a> {
    pub(crate) mtu: usize,
    pub(crate) knows: &'a dyn Fn(Question) -> Answer,
    /// What happens to a packet on its way; nothing comes where nothing is left of it.
    pub(crate) tamper: &'a mut dyn FnMut(To, &mut Vec<u8>),
}

/// Nothing out of the ordinary.
pub(crate) fn meet(offered: Arc<dyn Offered>, usable: Arc<dyn Usable>, mtu: usize) -> Ended {
    let world = World {
        mtu,
        knows: &knows,
        tamper: &mut |_, _| {},
    };
    world.meet(offered, usable)
}

impl World<'_> {
    pub(crate) fn meet(self, offered: Arc<dyn Offered>, usable: Arc<dyn Usable>) -> Ended {
        let mut ended = Ended::default();
        let mut conversation = Conversation::new();
        let mut supplicant = Supplicant::new("@test", vec![usable]);
        let mut state = 7_u64;
        let mut random = |octets: &mut [u8]| {
            for octet in octets {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *octet = state.to_be_bytes()[1];
            }
        };
        let mut around = Surroundings {
            random: &mut random,
            unix_s: NOW,
            mtu: self.mtu,
        };
        let offer = Arc::new(Offer::nothing().with_shared(offered));
        let mut step = conversation.receive(&[], &mut around);
        loop {
            while let Step::Ask(question) = step {
                let answer = match &question {
                    Question::Begin { .. } => Answer::Offer(Arc::clone(&offer)),
                    _ => (self.knows)(question.clone()),
                };
                ended.questions.push(question);
                step = conversation.answer(answer, &mut around);
            }
            let mut packet = match step {
                Step::Send(request) => request,
                Step::Succeeded(success, packet) => {
                    ended.success = Some(success);
                    packet.to_vec()
                }
                Step::Failed(failure, packet) => {
                    ended.failure = Some(failure);
                    packet.to_vec()
                }
                Step::Ask(_) | Step::Ignored(_) => return ended,
            };
            assert!(packet.len() <= self.mtu, "{} octets", packet.len());
            (self.tamper)(To::Peer, &mut packet);
            match supplicant.receive(&packet, &mut around) {
                Turn::Respond(mut response) => {
                    assert!(response.len() <= self.mtu, "{} octets", response.len());
                    ended.packets += 1;
                    (self.tamper)(To::Server, &mut response);
                    if response.is_empty() {
                        return ended;
                    }
                    step = conversation.receive(&response, &mut around);
                }
                Turn::Succeeded(outcome) => {
                    ended.outcome = Some(outcome);
                    return ended;
                }
                Turn::Failed(trouble) => {
                    ended.trouble = Some(trouble);
                    return ended;
                }
                Turn::Ignored(_) => return ended,
            }
        }
    }
}
