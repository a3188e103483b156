use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use der::{
    Any, Decode as _, Encode as _,
    asn1::{BitString, GeneralizedTime, Null, OctetString},
};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber, SigningKey as _,
};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{
    answer::{Distrust, SKEW},
    *,
};
use crate::authority::{
    Published, Reason,
    ocsp::asn1::{
        BASIC, BasicResponse, CertId, CertStatus, CrlReason, NONCE as NONCE_ID, OcspRequest,
        OcspResponse, ResponderId, ResponseBytes, ResponseData, ResponseStatus, RevokedInfo,
        SingleResponse, find, sha1,
    },
};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;
const SERIAL: [u8; 3] = [0x01, 0x02, 0x03];

/// A CA that is not ours, and what is by it.
struct Other {
    ca: Vec<u8>,
    ca_key: KeyPair,
    leaf: Vec<u8>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.not_before = moment(NOW - 1_000).into();
    params.not_after = moment(NOW + 100 * 86_400).into();
    params
}

fn moment(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Other {
    fn new() -> Self {
        Self::naming(&[], &[])
    }

    /// Whose certificate names these responders and lists.
    fn naming(ocsp: &[&str], lists: &[&str]) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut of_ca = params("Other CA");
        of_ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        of_ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = of_ca.self_signed(&ca_key).unwrap().der().to_vec();
        let mut other = Self {
            ca,
            ca_key,
            leaf: Vec::new(),
        };
        let mut of_leaf = params("tim");
        of_leaf.serial_number = Some(SerialNumber::from_slice(&SERIAL));
        for url in ocsp {
            let named = Published::below(url).access().unwrap();
            of_leaf.custom_extensions.push(named);
        }
        for url in lists {
            of_leaf.crl_distribution_points.push(CrlDistributionPoint {
                uris: vec![(*url).to_owned()],
            });
        }
        other.leaf = other.sign(&of_leaf, &KeyPair::generate().unwrap());
        other
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_ca_cert_der(&self.ca.as_slice().into(), &self.ca_key).unwrap()
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params
            .signed_by(key, &self.issuer())
            .unwrap()
            .der()
            .to_vec()
    }

    fn subject(&self) -> Subject {
        Subject::of(&self.leaf, &self.ca).unwrap()
    }

    fn id(&self) -> CertId {
        let (name, key) = name_and_key(&self.ca).unwrap();
        CertId::of(&name, &key, &SERIAL).unwrap()
    }

    fn single(&self, status: CertStatus) -> SingleResponse {
        SingleResponse {
            cert_id: self.id(),
            status,
            this_update: time(NOW - 10),
            next_update: Some(time(NOW + 1_000)),
            extensions: None,
        }
    }

    fn data(&self, status: CertStatus) -> ResponseData {
        ResponseData {
            version: 0,
            responder: by_key(&self.ca_key),
            produced_at: time(NOW),
            responses: vec![self.single(status)],
            extensions: None,
        }
    }

    fn list(&self, serials: &[&[u8]], from: u64, until: u64, scope: Option<&str>) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| rcgen::RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: moment(NOW - 500).into(),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = rcgen::CertificateRevocationListParams {
            this_update: moment(from).into(),
            next_update: moment(until).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: scope.map(|url| rcgen::CrlIssuingDistributionPoint {
                distribution_point: CrlDistributionPoint {
                    uris: vec![url.to_owned()],
                },
                scope: None,
            }),
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer()).unwrap().der().to_vec()
    }
}

fn time(seconds: u64) -> GeneralizedTime {
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap()
}

fn by_key(key: &KeyPair) -> ResponderId {
    ResponderId::ByKey(OctetString::new(sha1(key.der_bytes())).unwrap())
}

fn good() -> CertStatus {
    CertStatus::Good(Null)
}

/// Signs by ECDSA on P-256 with SHA-256.
fn signed(data: &ResponseData, key: &KeyPair, certs: &[&[u8]]) -> Vec<u8> {
    signed_as(data, key, certs, "1.2.840.10045.4.3.2")
}

fn signed_as(data: &ResponseData, key: &KeyPair, certs: &[&[u8]], algorithm: &str) -> Vec<u8> {
    let octets = data.to_der().unwrap();
    let certs: Vec<Any> = certs
        .iter()
        .map(|der| Any::from_der(der).unwrap())
        .collect();
    let basic = BasicResponse {
        data: Any::from_der(&octets).unwrap(),
        algorithm: AlgorithmIdentifierOwned {
            oid: algorithm.parse().unwrap(),
            parameters: None,
        },
        signature: BitString::from_bytes(&key.sign(&octets).unwrap()).unwrap(),
        certs: (!certs.is_empty()).then_some(certs),
    };
    answer_of(ResponseStatus::Successful, Some(basic.to_der().unwrap()))
}

fn answer_of(status: ResponseStatus, basic: Option<Vec<u8>>) -> Vec<u8> {
    let bytes = basic.map(|octets| ResponseBytes {
        kind: BASIC,
        response: OctetString::new(octets).unwrap(),
    });
    OcspResponse { status, bytes }.to_der().unwrap()
}

fn read(answer: &[u8], other: &Other) -> Result<Told, Distrust> {
    answer::read(answer, &other.subject(), None, NOW)
}

#[test]
fn what_the_ca_itself_says_is_believed() {
    let other = Other::new();
    let revoked = |reason| {
        CertStatus::Revoked(RevokedInfo {
            at: time(NOW - 77),
            reason,
        })
    };
    let told = |reason| {
        Status::Revoked(Revocation {
            at: NOW - 77,
            reason,
        })
    };
    for (said, expected) in [
        (good(), Status::Good),
        (CertStatus::Unknown(Null), Status::Unknown),
        (revoked(None), told(Reason::Unspecified)),
        (
            revoked(Some(CrlReason::KeyCompromise)),
            told(Reason::KeyCompromise),
        ),
        (
            revoked(Some(CrlReason::CertificateHold)),
            told(Reason::Unspecified),
        ),
    ] {
        let answer = signed(&other.data(said), &other.ca_key, &[]);
        assert_eq!(read(&answer, &other), Ok((expected, NOW + 1_000)));
    }
}

/// A certificate for answering, with something wrong about it or not.
fn delegated(by: &Other, change: impl FnOnce(&mut CertificateParams)) -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params = params("Responder");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    change(&mut params);
    let der = by.sign(&params, &key);
    (key, der)
}

#[test]
fn only_whom_the_ca_has_delegated_may_answer_in_its_place() {
    let (other, stranger) = (Other::new(), Other::new());
    let said = |key: &KeyPair, certificate: &[u8]| {
        let mut data = other.data(good());
        data.responder = by_key(key);
        read(&signed(&data, key, &[certificate]), &other).map(|told| told.0)
    };
    let (key, der) = delegated(&other, |_| {});
    assert_eq!(said(&key, &der), Ok(Status::Good));
    let (key, der) = delegated(&stranger, |_| {});
    assert_eq!(
        said(&key, &der),
        Err(Distrust::Signature),
        "of the same name"
    );
    let (key, der) = delegated(&other, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(said(&key, &der), Err(Distrust::Unauthorised), "any user's");
    let (key, der) = delegated(&other, |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    });
    assert_eq!(said(&key, &der), Err(Distrust::Unauthorised));
    let (key, der) = delegated(&other, |params| {
        params.not_after = moment(NOW - 1).into();
    });
    assert_eq!(said(&key, &der), Err(Distrust::Time));
    let (key, _) = delegated(&other, |_| {});
    assert_eq!(
        said(&key, &other.leaf),
        Err(Distrust::Unauthorised),
        "not his key"
    );
    assert_eq!(
        said(&stranger.ca_key, &stranger.ca),
        Err(Distrust::Unauthorised)
    );
    // By name instead of by key.
    let (key, der) = delegated(&other, |_| {});
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let mut data = other.data(good());
    data.responder = ResponderId::ByName(Any::from_der(certificate.subject().as_raw()).unwrap());
    assert!(read(&signed(&data, &key, &[&der]), &other).is_ok());
    data.responder = ResponderId::ByName(Any::null());
    assert_eq!(
        read(&signed(&data, &key, &[&der]), &other),
        Err(Distrust::Unauthorised)
    );
}

#[test]
fn an_answer_that_is_not_for_this_question_is_not_believed() {
    let other = Other::new();
    let sign = |data: &ResponseData| signed(data, &other.ca_key, &[]);
    let mut data = other.data(good());
    data.responses[0].cert_id.serial = der::asn1::Int::new(&[9]).unwrap();
    assert_eq!(read(&sign(&data), &other), Err(Distrust::Other));
    data.responses.push(other.single(good()));
    assert!(read(&sign(&data), &other).is_ok(), "it may say more");
    let mut data = other.data(good());
    data.responses[0].cert_id.issuer_key_hash = OctetString::new([0; 20]).unwrap();
    assert_eq!(read(&sign(&data), &other), Err(Distrust::Other));
    let stranger = Other::new();
    let answer = signed(&other.data(good()), &stranger.ca_key, &[]);
    assert_eq!(read(&answer, &other), Err(Distrust::Signature));
    let weak = signed_as(
        &other.data(good()),
        &other.ca_key,
        &[],
        "1.2.840.113549.1.1.5",
    );
    assert_eq!(read(&weak, &other), Err(Distrust::Signature));
    for status in [
        ResponseStatus::MalformedRequest,
        ResponseStatus::InternalError,
        ResponseStatus::TryLater,
        ResponseStatus::SigRequired,
        ResponseStatus::Unauthorized,
    ] {
        let said = read(&answer_of(status, None), &other).unwrap_err();
        assert!(matches!(said, Distrust::Refused(_)), "{said}");
    }
    let empty = answer_of(ResponseStatus::Successful, None);
    assert_eq!(read(&empty, &other), Err(Distrust::NotAnswer));
}

#[test]
fn an_answer_counts_in_its_time() {
    let other = Other::new();
    let mut data = other.data(good());
    for (this, next, expected) in [
        (NOW - 10, Some(NOW + 1), Ok(NOW + 1)),
        (NOW + SKEW, Some(NOW + 1_000), Ok(NOW + 1_000)),
        (NOW + SKEW + 1, Some(NOW + 1_000), Err(Distrust::Time)),
        (NOW - 1_000, Some(NOW - SKEW + 1), Ok(NOW - SKEW + 1)),
        (NOW - 1_000, Some(NOW - SKEW), Err(Distrust::Time)),
        (NOW - 10, Some(NOW - 20), Err(Distrust::Time)),
        (NOW - 10, None, Ok(NOW)),
        (NOW - 2 * SKEW, None, Err(Distrust::Time)),
    ] {
        data.responses[0].this_update = time(this);
        data.responses[0].next_update = next.map(time);
        let read = read(&signed(&data, &other.ca_key, &[]), &other);
        assert_eq!(read.map(|told| told.1), expected, "{this} {next:?}");
    }
}

fn extension(octets: &[u8], critical: bool) -> x509_cert::ext::Extension {
    let value = OctetString::new(octets).unwrap().to_der().unwrap();
    x509_cert::ext::Extension {
        extn_id: NONCE_ID,
        critical,
        extn_value: OctetString::new(value).unwrap(),
    }
}

#[test]
fn a_nonce_is_ours_or_not_there() {
    let other = Other::new();
    let mut data = other.data(good());
    let read = |data: &ResponseData, nonce| {
        let answer = signed(data, &other.ca_key, &[]);
        answer::read(&answer, &other.subject(), nonce, NOW).map(|told| told.0)
    };
    assert_eq!(
        read(&data, Some(&[1; 32][..])),
        Ok(Status::Good),
        "from a store"
    );
    data.extensions = Some(vec![extension(&[1; 32], false)]);
    assert_eq!(read(&data, Some(&[1; 32][..])), Ok(Status::Good));
    assert_eq!(read(&data, Some(&[2; 32][..])), Err(Distrust::Nonce));
    assert_eq!(read(&data, None), Ok(Status::Good));
    let mut unheard = extension(&[1], true);
    unheard.extn_id = BASIC;
    data.extensions = Some(vec![unheard.clone()]);
    assert_eq!(read(&data, None), Err(Distrust::Extension));
    data.extensions = None;
    data.responses[0].extensions = Some(vec![unheard]);
    assert_eq!(read(&data, None), Err(Distrust::Extension));
}

/// Answers whoever comes, and counts them. `make` gets the body of the request.
fn serving(make: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut part = [0; 4_096];
            let body = loop {
                let read = stream.read(&mut part).unwrap_or(0);
                asked.extend_from_slice(&part[..read]);
                let end = asked.windows(4).position(|four| four == b"\r\n\r\n");
                if let Some(end) = end {
                    let head = String::from_utf8_lossy(&asked[..end]).to_lowercase();
                    let length = head.split("content-length: ").nth(1);
                    let length = length.and_then(|rest| rest.lines().next());
                    let length: usize = length.map_or(0, |text| text.parse().unwrap());
                    if asked.len() >= end + 4 + length {
                        break asked.split_off(end + 4);
                    }
                }
                if read == 0 {
                    break Vec::new();
                }
            };
            counted.fetch_add(1, Ordering::SeqCst);
            let body = make(&body);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).ok();
            stream.write_all(&body).ok();
        }
    });
    (url, count)
}

/// A responder that says the same of every certificate, and repeats nonces.
fn responder(other: &Arc<Other>, status: CertStatus) -> (String, Arc<AtomicUsize>) {
    let other = Arc::clone(other);
    serving(move |body| {
        let asked = OcspRequest::from_der(body).unwrap().tbs_request;
        let mut data = other.data(status.clone());
        data.responses[0].cert_id = asked.request_list[0].cert_id.clone();
        data.extensions = asked.extensions;
        signed(&data, &other.ca_key, &[])
    })
}

fn asking(ocsp: &[&str], lists: &[&str]) -> StatusChecker {
    StatusChecker::new(StatusPolicy {
        ocsp: ocsp.iter().map(ToString::to_string).collect(),
        lists: lists.iter().map(ToString::to_string).collect(),
        patience: Duration::from_millis(900),
        ..StatusPolicy::default()
    })
}

#[tokio::test]
async fn a_responder_is_asked_once_for_as_long_as_its_answer_is_good() {
    let other = Arc::new(Other::new());
    let (url, count) = responder(&other, good());
    let checker = asking(&[&url], &[]);
    let times = || count.load(Ordering::SeqCst);
    for at in [NOW, NOW + 1, NOW + 999] {
        assert_eq!(
            checker.status(&other.leaf, &other.ca, at).await,
            Status::Good
        );
    }
    assert_eq!(times(), 1);
    let late = checker.status(&other.leaf, &other.ca, NOW + 1_000).await;
    assert_eq!(
        (late, times()),
        (Status::Good, 2),
        "within what clocks may differ"
    );
    let late = checker
        .status(&other.leaf, &other.ca, NOW + 1_000 + SKEW)
        .await;
    assert!(
        matches!(late, Status::Unreachable(_)),
        "it plays back an old answer"
    );
    let stranger = Other::new();
    let wrong = checker.status(&other.leaf, &stranger.ca, NOW).await;
    assert!(matches!(wrong, Status::Unreachable(_)), "{wrong:?}");
}

#[tokio::test]
async fn the_next_is_asked_where_one_cannot_be_believed() {
    let other = Arc::new(Other::new());
    let stranger = Arc::new(Other::new());
    let (liar, lied) = responder(&stranger, good());
    let (mute, _) = serving(|_| Vec::new());
    let revoked = CertStatus::Revoked(RevokedInfo {
        at: time(NOW - 5),
        reason: None,
    });
    let (honest, _) = responder(&other, revoked);
    let checker = asking(&["http://127.0.0.1:1/", &mute, &liar, &honest], &[]);
    let status = checker.status(&other.leaf, &other.ca, NOW).await;
    assert!(matches!(status, Status::Revoked(Revocation { at, .. }) if at == NOW - 5));
    assert_eq!(lied.load(Ordering::SeqCst), 1);
    let Status::Unreachable(why) = asking(&[&liar, &mute], &[])
        .status(&other.leaf, &other.ca, NOW)
        .await
    else {
        panic!("somebody else was believed");
    };
    assert!(
        why.contains(&liar) && why.contains("no OCSP answer"),
        "{why}"
    );
}

#[tokio::test]
async fn where_nobody_answers_a_crowd_does_not_wait_each() {
    let other = Other::new();
    let (url, count) = serving(|_| {
        thread::sleep(Duration::from_secs(3));
        Vec::new()
    });
    let checker = asking(&[&url], &[]);
    let start = std::time::Instant::now();
    for at in [NOW, NOW, NOW + REST - 1] {
        let status = checker.status(&other.leaf, &other.ca, at).await;
        assert!(matches!(status, Status::Unreachable(why) if why.contains("in time")));
    }
    assert!(start.elapsed() < Duration::from_millis(2_500));
    assert!(count.load(Ordering::SeqCst) <= 1);
    let none = asking(&[], &[]).status(&other.leaf, &other.ca, NOW).await;
    assert!(matches!(none, Status::Unreachable(why) if why.contains("nobody to ask")));
}

#[tokio::test]
async fn whom_a_certificate_names_is_asked_only_if_that_is_allowed_and_elsewhere() {
    let (url, count) = serving(|_| Vec::new());
    let other = Other::naming(&[&url], &[&url]);
    let subject = other.subject();
    assert_eq!(subject.ocsp, [format!("{url}/ocsp")]);
    assert_eq!(subject.lists, std::slice::from_ref(&url));
    for named in [false, true] {
        let checker = StatusChecker::new(StatusPolicy {
            named,
            ..StatusPolicy::default()
        });
        let status = checker.status(&other.leaf, &other.ca, NOW).await;
        let Status::Unreachable(why) = status else {
            panic!("{status:?}");
        };
        assert_eq!(why.contains("may not name"), named, "{why}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_list_is_fetched_once_and_outlives_its_place_while_it_is_good() {
    let other = Arc::new(Other::new());
    let made = Arc::new(Mutex::new(other.list(
        &[&SERIAL],
        NOW - 5,
        NOW + 9_000,
        None,
    )));
    let given = Arc::clone(&made);
    let (url, count) = serving(move |_| given.lock().unwrap().clone());
    let checker = asking(&[], &[&url]);
    let status = async |at| checker.status(&other.leaf, &other.ca, at).await;
    let revoked = Status::Revoked(Revocation {
        at: NOW - 500,
        reason: Reason::KeyCompromise,
    });
    for at in [NOW, NOW + 100, NOW + 3_599] {
        assert_eq!(status(at).await, revoked);
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    *made.lock().unwrap() = other.list(&[&[9]], NOW + 3_600, NOW + 9_000, None);
    assert_eq!(status(NOW + 3_600).await, Status::Good);
    *made.lock().unwrap() = b"gone".to_vec();
    assert_eq!(status(NOW + 7_300).await, Status::Good, "still good");
    let late = status(NOW + 9_000).await;
    assert!(matches!(late, Status::Unreachable(why) if why.contains("no revocation list")));
}

#[tokio::test]
async fn a_list_counts_for_its_ca_its_time_and_what_it_is_for() {
    let url = "http://pki.example.org/part.crl";
    let other = Other::naming(&[], &[url]);
    let stranger = Other::new();
    let mut wrong = other.list(&[], NOW - 5, NOW + 100, None);
    *wrong.last_mut().unwrap() ^= 1;
    let part = |scope| other.list(&[], NOW - 5, NOW + 100, Some(scope));
    let pem = crate::authority::pem("X509 CRL", &part(url)).into_bytes();
    for (list, complaint) in [
        (other.list(&[], NOW - 5, NOW + 100, None), None),
        (part(url), None),
        (pem, None),
        (
            part("http://pki.example.org/other.crl"),
            Some("other certificates"),
        ),
        (
            stranger.list(&[], NOW - 5, NOW + 100, None),
            Some("not signed"),
        ),
        (wrong, Some("not signed")),
        (other.list(&[], NOW - 50, NOW, None), Some("out of date")),
        (
            other.list(&[], NOW + SKEW + 1, NOW + 900, None),
            Some("out of date"),
        ),
        (b"junk".to_vec(), Some("no revocation list")),
    ] {
        let (url, _) = serving(move |_| list.clone());
        let status = asking(&[], &[&url])
            .status(&other.leaf, &other.ca, NOW)
            .await;
        match (status, complaint) {
            (Status::Good, None) => {}
            (Status::Unreachable(why), Some(words)) => assert!(why.contains(words), "{why}"),
            (status, complaint) => panic!("{status:?} where {complaint:?}"),
        }
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let checker = asking(&[], &[]);
    let key = |number: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    };
    for number in 0..MOST + 10 {
        let until = NOW + 1_000 + number as u64;
        checker
            .inner
            .remember(key(number), &(Status::Good, until), NOW);
    }
    let held = || checker.inner.known.lock().unwrap().len();
    assert_eq!(held(), MOST);
    assert_eq!(
        checker.inner.remembered(&key(0), NOW),
        None,
        "the first to end"
    );
    assert_eq!(
        checker.inner.remembered(&key(MOST), NOW),
        Some(Status::Good)
    );
    let end = NOW + 10_000_000;
    checker
        .inner
        .remember(key(1), &(Status::Good, u64::MAX), end);
    checker
        .inner
        .remember(key(MOST + 99), &(Status::Good, end + 9), end);
    assert_eq!(held(), 2, "what has ended goes");
    assert_eq!(checker.inner.remembered(&key(1), end + LONGEST), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any change of any octet: refused, or what it said at first; never a panic.
    #[test]
    fn no_changed_answer_says_something_else(at in any::<prop::sample::Index>(), to in any::<u8>(),
        junk in prop::collection::vec(any::<u8>(), 0..300)) {
        let other = Other::new();
        let revoked = CertStatus::Revoked(RevokedInfo { at: time(NOW - 5), reason: None });
        let (key, der) = delegated(&other, |_| {});
        let mut data = other.data(revoked);
        data.responder = by_key(&key);
        let first = signed(&data, &key, &[&der]);
        let mut changed = first.clone();
        changed[at.index(first.len())] = to;
        if let Ok(told) = read(&changed, &other) {
            prop_assert_eq!(Ok(told), read(&first, &other));
        }
        prop_assert!(read(&junk, &other).is_err());
        prop_assert!(find(None, &BASIC).is_none());
    }
}
