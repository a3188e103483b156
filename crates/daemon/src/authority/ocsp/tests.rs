use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    authority::{DAY, Details, KeyType, Names, Order, details::unhex},
    data::DataDir,
};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;

struct Site {
    _folder: TempDir,
    authority: Authority,
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::locate(Some(folder.path().join("data")));
    data.make_ready().unwrap();
    let (authority, _) = Authority::ensure(&data, &Names::default(), NOW).unwrap();
    let mut authority = authority.answering();
    authority.keep(&Names::default(), NOW).unwrap();
    Site {
        _folder: folder,
        authority,
    }
}

impl Site {
    fn issue(&mut self, name: &str) -> Vec<u8> {
        let order = Order::user(name, None, KeyType::P256);
        let issued = self.authority.issue(&order, NOW).unwrap();
        unhex(&issued.record.serial).unwrap()
    }

    fn revoke(&mut self, serial: &[u8], reason: Reason) {
        self.authority
            .revoke(&[&hex(serial)], reason, &Names::default(), NOW + 7)
            .unwrap();
    }

    fn responder(&self) -> Responder {
        Responder::of(&self.authority).unwrap()
    }

    fn id(&self, serial: &[u8]) -> CertId {
        let (name, key) = name_and_key(&self.authority.bundle()[0]).unwrap();
        CertId::of(&name, &key, serial).unwrap()
    }

    fn ask(&self, serials: &[&[u8]], nonce: Option<&[u8]>) -> Vec<u8> {
        let list = serials.iter().map(|serial| Request {
            cert_id: self.id(serial),
            extensions: None,
        });
        request(
            list.collect(),
            nonce.and_then(nonce_of).into_iter().collect(),
        )
    }
}

fn request(request_list: Vec<Request>, extensions: Extensions) -> Vec<u8> {
    let request = OcspRequest {
        tbs_request: TbsRequest {
            version: 0,
            requestor_name: None,
            request_list,
            extensions: (!extensions.is_empty()).then_some(extensions),
        },
        signature: None,
    };
    request.to_der().unwrap()
}

fn refused(answer: &Answer) -> ResponseStatus {
    let response = OcspResponse::from_der(&answer.der).unwrap();
    assert!(response.bytes.is_none() && answer.until.is_none());
    response.status
}

/// What an answer says, its signature checked by the certificate it brings along.
fn said(site: &Site, answer: &Answer) -> ResponseData {
    let response = OcspResponse::from_der(&answer.der).unwrap();
    assert_eq!(response.status, ResponseStatus::Successful);
    let bytes = response.bytes.unwrap();
    assert_eq!(bytes.kind, BASIC);
    let basic = BasicResponse::from_der(bytes.response.as_bytes()).unwrap();
    let certificate = basic.certs.unwrap()[0].to_der().unwrap();
    assert!(Details::is_signed_by(
        &certificate,
        &site.authority.bundle()[0]
    ));
    let (_, signer) = X509Certificate::from_der(&certificate).unwrap();
    let algorithm = basic.algorithm.to_der().unwrap();
    let (_, algorithm) = x509_parser::x509::AlgorithmIdentifier::from_der(&algorithm).unwrap();
    let signature = basic.signature.to_der().unwrap();
    let (_, signature) = x509_parser::asn1_rs::BitString::from_der(&signature).unwrap();
    let data = basic.data.to_der().unwrap();
    x509_parser::verify::verify_signature(signer.public_key(), &algorithm, &signature, &data)
        .unwrap();
    let extensions = signer.extensions_map().unwrap();
    assert!(
        extensions
            .keys()
            .any(|oid| oid.to_id_string() == "1.3.6.1.5.5.7.48.1.5")
    );
    ResponseData::from_der(&data).unwrap()
}

#[test]
fn what_is_good_revoked_and_not_ours_is_told_apart() {
    let mut site = site();
    let (good, lost, gone) = (site.issue("a"), site.issue("b"), site.issue("c"));
    site.revoke(&lost, Reason::KeyCompromise);
    site.revoke(&gone, Reason::Unspecified);
    let serials: [&[u8]; 4] = [&good, &lost, &gone, &[0x77; 16]];
    let answer = site.responder().answer(&site.ask(&serials, None), NOW + 60);
    let data = said(&site, &answer);
    let revoked = |reason| {
        CertStatus::Revoked(RevokedInfo {
            at: time(NOW + 7).unwrap(),
            reason,
        })
    };
    let statuses: Vec<_> = data
        .responses
        .iter()
        .map(|one| one.status.clone())
        .collect();
    assert_eq!(
        statuses,
        [
            CertStatus::Good(Null),
            revoked(Some(CrlReason::KeyCompromise)),
            revoked(None),
            CertStatus::Unknown(Null),
        ]
    );
    for (one, serial) in data.responses.iter().zip(serials) {
        assert_eq!(one.cert_id, site.id(serial));
        assert_eq!(one.this_update, time(NOW + 60).unwrap());
        assert_eq!(one.next_update, Some(time(NOW + 60 + ANSWER_LIFE).unwrap()));
    }
    assert_eq!(answer.until, Some(NOW + 60 + ANSWER_LIFE));
}

#[test]
fn a_revocation_outlives_its_place_in_the_list() {
    let mut site = site();
    let lost = site.issue("a");
    site.revoke(&lost, Reason::Superseded);
    let late = NOW + 500 * DAY;
    site.authority.keep(&Names::default(), late).unwrap();
    assert!(site.authority.list().entries.is_empty());
    let answer = site.responder().answer(&site.ask(&[&lost], None), late);
    let data = said(&site, &answer);
    assert!(matches!(data.responses[0].status, CertStatus::Revoked(_)));
}

#[test]
fn other_issuers_and_other_hashes_are_met() {
    let mut site = site();
    let serial = site.issue("a");
    let (name, key) = name_and_key(&site.authority.bundle()[0]).unwrap();
    let mut foreign = site.id(&serial);
    foreign.issuer_key_hash = OctetString::new(sha1(b"another key")).unwrap();
    let mut renamed = site.id(&serial);
    renamed.issuer_name_hash = OctetString::new(sha1(b"another name")).unwrap();
    let mut modern = site.id(&serial);
    modern.hash.oid = der::asn1::ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
    let sha256 = |octets: &[u8]| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets);
        OctetString::new(hash.as_ref()).unwrap()
    };
    modern.issuer_name_hash = sha256(&name);
    modern.issuer_key_hash = sha256(&key);
    let mut unheard = modern.clone();
    unheard.hash.oid = NONCE;
    for (cert_id, good) in [
        (foreign, false),
        (renamed, false),
        (modern, true),
        (unheard, false),
    ] {
        let asked = vec![Request {
            cert_id,
            extensions: None,
        }];
        let answer = site.responder().answer(&request(asked, Vec::new()), NOW);
        let status = said(&site, &answer).responses[0].status.clone();
        assert_eq!(status == CertStatus::Good(Null), good);
        assert_eq!(status == CertStatus::Unknown(Null), !good);
    }
}

/// RFC 9654, 2.1: 1 to 128 octets.
#[test]
fn a_nonce_is_repeated_within_its_limits() {
    let mut site = site();
    let serial = site.issue("a");
    for length in [1, 16, 32, 128] {
        let nonce = vec![0xa5; length];
        let answer = site
            .responder()
            .answer(&site.ask(&[&serial], Some(&nonce)), NOW);
        let data = said(&site, &answer);
        assert_eq!(data.extensions, Some(vec![nonce_of(&nonce).unwrap()]));
        assert_eq!(answer.until, None, "nobody else asks with it");
    }
    for length in [0, 129] {
        let asked = site.ask(&[&serial], Some(&vec![0xa5; length]));
        let answer = site.responder().answer(&asked, NOW);
        assert_eq!(refused(&answer), ResponseStatus::MalformedRequest);
    }
    let bare = Extension {
        extn_id: NONCE,
        critical: false,
        extn_value: OctetString::new([0xff; 9]).unwrap(),
    };
    let asked = request(Vec::new(), vec![bare]);
    let answer = site.responder().answer(&asked, NOW);
    assert_eq!(refused(&answer), ResponseStatus::MalformedRequest);
}

#[test]
fn what_is_no_request_is_refused() {
    let mut site = site();
    let serial = site.issue("a");
    let good = site.ask(&[&serial], None);
    let responder = site.responder();
    let status = |request: &[u8]| refused(&responder.answer(request, NOW));
    for end in 0..good.len() {
        assert_eq!(
            status(&good[..end]),
            ResponseStatus::MalformedRequest,
            "{end}"
        );
    }
    let trailing = [&good[..], &[0]].concat();
    assert_eq!(status(&trailing), ResponseStatus::MalformedRequest);
    let nothing = request(Vec::new(), Vec::new());
    assert_eq!(status(&nothing), ResponseStatus::MalformedRequest);
    let many = vec![&serial[..]; MOST_ASKED + 1];
    assert_eq!(
        status(&site.ask(&many, None)),
        ResponseStatus::MalformedRequest
    );
    said(&site, &responder.answer(&site.ask(&many[1..], None), NOW));
    let mut unknown = nonce_of(&[1]).unwrap();
    unknown.extn_id = BASIC;
    unknown.critical = true;
    let asked = || {
        vec![Request {
            cert_id: site.id(&serial),
            extensions: None,
        }]
    };
    let critical = request(asked(), vec![unknown.clone()]);
    assert_eq!(status(&critical), ResponseStatus::MalformedRequest);
    unknown.critical = false;
    said(
        &site,
        &responder.answer(&request(asked(), vec![unknown]), NOW),
    );
}

#[test]
fn nothing_is_said_while_the_list_is_damaged() {
    let mut site = site();
    let serial = site.issue("a");
    std::fs::write(site.authority.path().join("crl.pem"), "torn").unwrap();
    site.authority.refresh().unwrap();
    let answer = site.responder().answer(&site.ask(&[&serial], None), NOW);
    assert_eq!(refused(&answer), ResponseStatus::TryLater);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One octet changed, or any octets at all: an answer in DER, and never a panic.
    #[test]
    fn whatever_is_asked_is_answered(at in any::<prop::sample::Index>(), to in any::<u8>(),
        junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let site = site();
        let responder = site.responder();
        let mut asked = site.ask(&[&[0x55; 16]], Some(&[9; 32]));
        let at = at.index(asked.len());
        asked[at] = to;
        for request in [asked, junk] {
            let answer = responder.answer(&request, NOW);
            prop_assert!(OcspResponse::from_der(&answer.der).is_ok());
        }
    }
}
