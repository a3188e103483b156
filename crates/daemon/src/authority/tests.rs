use std::{fs, os::unix::fs::PermissionsExt as _, thread};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    details::{certificates, hex},
    *,
};

mod people;

/// A moment at which the tests begin: 2026-01-01.
const NOW: u64 = 1_767_225_600;

struct Site {
    _folder: TempDir,
    data: DataDir,
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::locate(Some(folder.path().join("data")));
    data.make_ready().unwrap();
    Site {
        _folder: folder,
        data,
    }
}

fn machine() -> Names {
    Names {
        dns: ["radius".to_owned(), "localhost".to_owned()].into(),
        addresses: ["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()].into(),
        ..Names::default()
    }
}

fn made(site: &Site) -> Authority {
    let (authority, readiness) = Authority::ensure(&site.data, &machine(), NOW).unwrap();
    assert_eq!(readiness, Readiness::Made);
    authority
}

fn order(name: &str) -> Order {
    Order {
        name: name.to_owned(),
        holder: Holder::Peer,
        names: Names::default(),
        days: None,
        key: KeySource::Make(KeyType::P256),
        published: None,
    }
}

fn server(authority: &Authority) -> &Identity {
    authority.server_identity().unwrap()
}

fn issuer(authority: &Authority) -> Vec<u8> {
    certificates(authority.ca_pem()).remove(0)
}

#[test]
fn the_first_run_makes_a_ca_and_certificates_of_ours() {
    let site = site();
    let authority = made(&site);
    let ca = authority.ca();
    let id = hex(ca.key_id.as_deref().unwrap());
    assert_eq!(ca.common_name, format!("Portreeve CA {}", &id[..8]));
    assert!(ca.may_sign && ca.is_self_issued && ca.key == "EC P-256");
    assert!(ca.not_after > NOW + 19 * 365 * DAY);
    let shown = &server(&authority).details;
    assert_eq!(shown.purpose, Some(Purpose::Server));
    assert!(shown.names.covers(&machine()));
    assert_eq!(shown.common_name, "radius.home.arpa");
    let life = shown.not_after - shown.not_before;
    assert_eq!(life, 397 * DAY);
    assert!(shown.not_before < NOW);
    let client = authority.client_identity().unwrap();
    assert_eq!(client.details.purpose, Some(Purpose::Client));
    assert_ne!(client.key_pem, server(&authority).key_pem);
    let chain = certificates(&server(&authority).chain_pem);
    assert_eq!(Details::of(&chain[0]).unwrap(), *shown);
    assert_eq!(chain.len(), 1, "whoever checks has the root");
    assert!(authority.crl_pem().unwrap().contains("X509 CRL"));
    let (again, readiness) = Authority::ensure(&site.data, &machine(), NOW + 1).unwrap();
    assert_eq!(readiness, Readiness::WasThere);
    assert_eq!(again.ca_pem(), authority.ca_pem());
    assert_eq!(server(&again).details, *shown);
    for index in [authority.issued().unwrap(), again.issued().unwrap()] {
        assert_eq!(index.records.len(), 3);
        assert!(index.problems.is_empty());
    }
}

#[test]
fn keys_are_for_their_owner_alone() {
    let site = site();
    let authority = made(&site);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(authority.path()), 0o700);
    for name in ["ca.key", "server.pem", "client.pem"] {
        assert_eq!(mode(&authority.path().join(name)), 0o600, "{name}");
    }
    assert!(site.data.exposures().is_empty());
    let key = authority.path().join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(site.data.exposures()[0].contains("ca.key"));
    assert!(!format!("{authority:?}").contains("PRIVATE KEY"));
}

#[test]
fn two_installations_have_two_cas() {
    let (one, other) = (site(), site());
    let (one, mut other) = (made(&one), made(&other));
    assert_ne!(one.ca().common_name, other.ca().common_name);
    let issued = other.issue(&order("ap"), NOW).unwrap();
    assert!(Details::is_signed_by(&issued.der, &issuer(&other)));
    assert!(!Details::is_signed_by(&issued.der, &issuer(&one)));
}

#[test]
fn a_peer_gets_what_was_asked_for_and_its_key_is_not_kept() {
    let site = site();
    let mut authority = made(&site);
    let mut wanted = order("ap-1.example.org");
    wanted
        .names
        .addresses
        .insert("198.51.100.7".parse().unwrap());
    wanted.days = Some(90);
    for key in [
        KeyType::P256,
        KeyType::P384,
        KeyType::Rsa2048,
        KeyType::Rsa3072,
    ] {
        wanted.key = KeySource::Make(key);
        let issued = authority.issue(&wanted, NOW).unwrap();
        let details = Details::of(&issued.der).unwrap();
        assert_eq!(details.purpose, Some(Purpose::Peer));
        assert_eq!(details.names.words(), ["ap-1.example.org", "198.51.100.7"]);
        assert_eq!(details.not_after - details.not_before, 90 * DAY);
        assert_eq!(details.issuer_key_id, authority.ca().key_id);
        let key_pem = issued.key_pem.unwrap();
        let line = key_pem.lines().nth(1).unwrap();
        for entry in fs::read_dir(authority.path().join("issued")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(line) && !text.contains("PRIVATE"));
        }
    }
}

#[test]
fn names_that_no_peer_can_have_are_refused() {
    let site = site();
    let mut authority = made(&site);
    let long = "a".repeat(65);
    for name in [
        "", "../ap", "a/b", "-ap", ".ap", "Server", "ca", "a\nb", "a\"b", &long,
    ] {
        let refused = authority.issue(&order(name), NOW).map(|_| ()).unwrap_err();
        assert!(refused.is_usage(), "{name}: {refused}");
        assert!(refused.to_string().contains("--peer"), "{refused}");
    }
    for days in [0, 8_000] {
        let mut wanted = order("ap");
        wanted.days = Some(days);
        let refused = authority.issue(&wanted, NOW).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("--days"), "{refused}");
    }
    authority.issue(&order("Büro AP 1"), NOW).unwrap();
}

#[test]
fn a_request_is_signed_for_its_key_and_not_for_its_names() {
    let site = site();
    let mut authority = made(&site);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["evil.example.org".to_owned()]).unwrap();
    let text = params.serialize_request(&key).unwrap().pem().unwrap();
    let request = Request::read(text.as_bytes()).unwrap();
    assert_eq!(request.names.words(), ["evil.example.org"]);
    let public_key = request.public_key.clone();
    let mut wanted = order("ap");
    wanted.key = KeySource::Request(request);
    let issued = authority.issue(&wanted, NOW).unwrap();
    assert!(issued.key_pem.is_none());
    let details = Details::of(&issued.der).unwrap();
    assert_eq!(details.public_key, public_key);
    assert_eq!(details.names.words(), ["ap"]);
    let der = blocks(&text, |_| true).remove(0);
    let mut forged = der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(Request::read(&der).is_ok());
    assert!(Request::read(&forged).unwrap_err().contains("signature"));
}

#[test]
fn what_is_revoked_is_in_the_list_and_stays_there() {
    let site = site();
    let mut authority = made(&site);
    let mut reader = Authority::open(&site.data).unwrap();
    let issued = authority.issue(&order("ap"), NOW).unwrap();
    assert!(
        !reader.refresh().unwrap(),
        "a peer's certificate is none of the listeners' business"
    );
    let serial = issued.record.serial;
    let before = authority.list().number;
    authority
        .revoke(&[&serial], Reason::KeyCompromise, &machine(), NOW + 5)
        .unwrap();
    let generation = reader.generation();
    assert!(reader.refresh().unwrap());
    assert!(reader.generation() > generation);
    let listed = &reader.list().entries;
    let revocation = Revocation {
        at: NOW + 5,
        reason: Reason::KeyCompromise,
    };
    assert_eq!(listed[..], [(serial.clone(), revocation)]);
    assert!(reader.list().number > before);
    let again = authority.revoke(&[&serial], Reason::Unspecified, &machine(), NOW + 6);
    assert!(matches!(again, Err(AuthorityError::RevokedAlready { .. })));
    let kept = authority.keep(&machine(), NOW + 2 * DAY).unwrap();
    assert_eq!(kept, [Kept::Listed]);
    assert_eq!(authority.list().entries.len(), 1);
    assert!(authority.list().next_update > NOW + 8 * DAY);
    let gone = NOW + 800 * DAY;
    authority.keep(&machine(), gone).unwrap();
    assert!(authority.list().entries.is_empty(), "long expired");
}

#[test]
fn our_own_certificate_is_made_anew_when_it_is_revoked() {
    let site = site();
    let mut authority = made(&site);
    let serial = server(&authority).details.serial.clone();
    let kept = authority
        .revoke(&[&serial], Reason::KeyCompromise, &machine(), NOW + 1)
        .unwrap();
    assert!(matches!(&kept[..], [Kept::Renewed(record, Why::Revoked)] if record.serial != serial));
    assert_ne!(server(&authority).details.serial, serial);
    let ca = authority.issued().unwrap().records;
    let ca = ca
        .iter()
        .find(|record| record.purpose == Purpose::Ca)
        .unwrap();
    let refused = authority.revoke(&[&ca.serial], Reason::Unspecified, &machine(), NOW);
    assert!(matches!(
        refused,
        Err(AuthorityError::Refused(Refused::RevokeCa))
    ));
}

#[test]
fn renewal_keeps_the_ca_and_the_names_and_changes_the_key() {
    let site = site();
    let mut authority = made(&site);
    let (ca, old) = (
        authority.ca_pem().to_owned(),
        server(&authority).details.clone(),
    );
    assert!(authority.keep(&machine(), NOW + 60).unwrap().is_empty());
    let two_thirds = NOW + 265 * DAY;
    let renewed = |kept: Vec<Kept>| {
        kept.into_iter()
            .filter(|kept| matches!(kept, Kept::Renewed(_, Why::Aged)))
            .count()
    };
    assert_eq!(
        renewed(authority.keep(&machine(), two_thirds - 2 * DAY).unwrap()),
        0
    );
    assert_eq!(
        renewed(authority.keep(&machine(), two_thirds + DAY).unwrap()),
        2
    );
    let new = &server(&authority).details;
    assert_eq!(authority.ca_pem(), ca);
    assert_eq!(
        (&new.names, &new.common_name),
        (&old.names, &old.common_name)
    );
    assert_ne!(new.public_key, old.public_key);
    assert!(new.not_after > old.not_after);
}

#[test]
fn a_new_address_is_in_the_certificate_and_an_old_one_stays_until_renewal() {
    let site = site();
    let mut authority = made(&site);
    let mut moved = machine();
    moved.addresses = ["203.0.113.5".parse().unwrap()].into();
    let kept = authority.keep(&moved, NOW + 60).unwrap();
    assert!(
        kept.iter()
            .all(|kept| matches!(kept, Kept::Renewed(_, Why::Names)))
    );
    let names = &server(&authority).details.names;
    assert!(names.covers(&moved) && names.covers(&machine()));
    assert!(
        authority.keep(&machine(), NOW + 120).unwrap().is_empty(),
        "it comes and goes"
    );
    authority.keep(&moved, NOW + 300 * DAY).unwrap();
    let names = &server(&authority).details.names;
    assert!(names.covers(&moved) && !names.covers(&machine()));
    let mut more = Names::default();
    more.dns.insert("radius.example.org".to_owned());
    let settings = ServerSettings {
        more: more.clone(),
        ..ServerSettings::default()
    };
    authority
        .set_server(&settings, &moved, NOW + 301 * DAY)
        .unwrap();
    let details = server(&authority).details.clone();
    assert!(details.names.covers(&more));
    assert_eq!(details.common_name, "radius.example.org");
    authority.renew(&machine(), NOW + 302 * DAY).unwrap();
    assert_eq!(server(&authority).details.common_name, "radius.example.org");
}

#[test]
fn constraints_hold_for_peers_and_for_ourselves() {
    let site = site();
    let beginning = Beginning {
        permits: vec![
            "dns:example.org".parse().unwrap(),
            "ip:192.0.2.0/24".parse().unwrap(),
        ],
        ..Beginning::default()
    };
    let mut authority = Authority::begin(&site.data, &beginning, &machine(), NOW).unwrap();
    assert_eq!(
        authority.ca().limits(),
        ["dns:example.org", "ip:192.0.2.0/24"]
    );
    assert_eq!(
        server(&authority).details.names.words(),
        ["radius.example.org", "192.0.2.1"]
    );
    let refused = authority.issue(&order("ap"), NOW).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("--dns"), "{refused}");
    let mut wanted = order("ap");
    wanted.names.dns.insert("ap.example.org".to_owned());
    assert_eq!(
        authority.issue(&wanted, NOW).unwrap().record.names.words(),
        ["ap.example.org"]
    );
    wanted
        .names
        .addresses
        .insert("198.51.100.1".parse().unwrap());
    assert!(authority.issue(&wanted, NOW).is_err());
    let second = Authority::begin(&site.data, &beginning, &machine(), NOW);
    assert!(matches!(second, Err(AuthorityError::Exists { .. })));
    let forced = Beginning {
        force: true,
        ..Beginning::default()
    };
    let other = Authority::begin(&site.data, &forced, &machine(), NOW).unwrap();
    assert_ne!(other.ca_pem(), authority.ca_pem());
    assert!(authority.refresh().unwrap());
    assert_eq!(other.ca_pem(), authority.ca_pem());
}

#[test]
fn a_ca_of_ones_own_signs_with_its_intermediate() {
    let site = site();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Root");
    let root = rcgen::CertifiedIssuer::self_signed(params.clone(), key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Below");
    let below = params.signed_by(&key, &root).unwrap();
    let (ca, key_path) = (
        site.data.path().join("a.pem"),
        site.data.path().join("b.pem"),
    );
    fs::write(&ca, format!("{}{}", root.pem(), below.pem())).unwrap();
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let mut beginning = Beginning {
        import: Some((ca.clone(), key_path.clone())),
        ..Beginning::default()
    };
    let mut authority = Authority::begin(&site.data, &beginning, &machine(), NOW).unwrap();
    assert!(authority.ca().subject.contains("Below"));
    assert_eq!(authority.bundle().len(), 2);
    let issued = authority.issue(&order("ap"), NOW).unwrap();
    assert_eq!(certificates(&issued.chain_pem).len(), 2);
    assert!(Details::is_signed_by(&issued.der, &issuer(&authority)));
    fs::write(
        &key_path,
        rcgen::KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    beginning.force = true;
    let refused = Authority::begin(&site.data, &beginning, &machine(), NOW).unwrap_err();
    assert!(refused.to_string().contains("is not the key"), "{refused}");
    assert_eq!(
        Authority::open(&site.data).unwrap().ca_pem(),
        authority.ca_pem()
    );
}

#[test]
fn each_threshold_is_told_once_and_restarts_do_not_repeat_it() {
    let site = site();
    let mut authority = made(&site);
    let mut wanted = order("ap");
    wanted.days = Some(40);
    authority.issue(&wanted, NOW).unwrap();
    let mut told = Vec::new();
    for day in 0..45 {
        let now = NOW + day * DAY;
        for _ in 0..2 {
            let mut authority = Authority::open(&site.data).unwrap();
            let due = authority.due(now).unwrap();
            authority.told(&due).unwrap();
            told.extend(due.into_iter().map(|warning| (day, warning.threshold)));
        }
    }
    assert_eq!(told, [(10, 30), (26, 14), (33, 7), (39, 1), (40, 0)]);
}

#[test]
fn a_torn_record_loses_nothing() {
    let site = site();
    let mut authority = made(&site);
    let good = authority.issue(&order("good"), NOW).unwrap().record;
    let bad = authority.issue(&order("bad"), NOW).unwrap().record;
    authority
        .revoke(&[&bad.serial], Reason::Superseded, &machine(), NOW)
        .unwrap();
    for serial in [&good.serial, &bad.serial] {
        let path = authority.path().join(format!("issued/{serial}.json"));
        let text = fs::read_to_string(&path).unwrap();
        for torn in [&text[..text.len() / 2], ""] {
            fs::write(&path, torn).unwrap();
            let index = authority.issued().unwrap();
            assert_eq!(index.records.len(), 5);
        }
    }
    let index = authority.issued().unwrap();
    let found = |name: &str| {
        index
            .records
            .iter()
            .find(|record| record.name == name)
            .unwrap()
    };
    assert_eq!(found("good"), &good);
    assert!(found("bad").revoked.is_some());
    let said = index.problems[0].to_string();
    assert!(said.contains(".json:1: "), "{said}");
    authority.keep(&machine(), NOW + 2 * DAY).unwrap();
    assert!(authority.issued().unwrap().problems.is_empty(), "mended");
    assert_eq!(authority.list().entries.len(), 1);
}

#[test]
fn a_lost_list_is_signed_again_from_the_records() {
    let site = site();
    let mut authority = made(&site);
    let record = authority.issue(&order("ap"), NOW).unwrap().record;
    authority
        .revoke(&[&record.serial], Reason::Unspecified, &machine(), NOW)
        .unwrap();
    fs::write(authority.path().join("crl.pem"), "torn").unwrap();
    assert!(authority.refresh().unwrap());
    assert_eq!(authority.crl_pem(), None, "nobody is believed meanwhile");
    authority.keep(&machine(), NOW + 9).unwrap();
    assert_eq!(authority.list().entries[0].0, record.serial);
}

#[test]
fn a_lost_ca_is_not_replaced_in_silence() {
    let site = site();
    let authority = made(&site);
    fs::remove_file(authority.path().join("ca.crt")).unwrap();
    let refused = Authority::ensure(&site.data, &machine(), NOW).unwrap_err();
    assert!(refused.to_string().contains("ca.crt"), "{refused}");
    assert!(authority.path().join("ca.key").exists());
    assert!(Authority::open(&site.data).is_err());
}

#[test]
fn commands_at_the_same_time_do_not_lose_each_others_work() {
    let site = site();
    made(&site);
    thread::scope(|scope| {
        for number in 0..4 {
            let data = &site.data;
            scope.spawn(move || {
                let mut authority = Authority::open(data).unwrap();
                for round in 0..3 {
                    let name = format!("ap-{number}-{round}");
                    let record = authority.issue(&order(&name), NOW).unwrap().record;
                    authority
                        .revoke(&[&record.serial], Reason::Unspecified, &machine(), NOW)
                        .unwrap();
                }
            });
        }
    });
    let authority = Authority::open(&site.data).unwrap();
    assert_eq!(authority.list().entries.len(), 12);
    assert_eq!(authority.issued().unwrap().records.len(), 15);
}

#[test]
fn an_expired_ca_signs_nothing_and_says_what_to_do() {
    let site = site();
    let mut authority = made(&site);
    let end = authority.ca().not_after;
    let refused = authority.issue(&order("ap"), end).map(|_| ()).unwrap_err();
    assert!(
        refused.to_string().contains("cert init --force"),
        "{refused}"
    );
    let near = authority.keep(&machine(), end - 10 * DAY).unwrap();
    assert!(!near.is_empty());
    assert_eq!(
        server(&authority).details.not_after,
        end,
        "not beyond the CA"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is issued is signed by the CA, within its life, and found again.
    #[test]
    fn everything_issued_verifies(
        orders in prop::collection::vec(("[a-z][a-z0-9.@ -]{0,20}", 1u64..4_000), 1..5),
    ) {
        let site = site();
        let mut authority = made(&site);
        let ca = issuer(&authority);
        for (name, days) in orders {
            let mut wanted = order(&name);
            wanted.days = Some(days);
            let Ok(issued) = authority.issue(&wanted, NOW) else {
                prop_assert!(["ca", "server", "client", "ocsp"].contains(&name.as_str()));
                continue;
            };
            prop_assert!(Details::is_signed_by(&issued.der, &ca));
            let (der, details) = authority.certificate(&issued.record.serial).unwrap();
            prop_assert_eq!(&der, &issued.der);
            prop_assert_eq!(details.serial.len(), 32);
            prop_assert!(details.not_after <= authority.ca().not_after);
            prop_assert!(!details.may_sign);
        }
    }

    /// No octets in place of a record or of the list do worse than being told.
    #[test]
    fn damaged_files_are_told(junk in prop::collection::vec(any::<u8>(), 0..80)) {
        let site = site();
        let authority = made(&site);
        let record = authority.issued().unwrap().records.remove(0);
        let path = authority.path().join(format!("issued/{}.json", record.serial));
        fs::write(path, &junk).unwrap();
        let index = authority.issued().unwrap();
        prop_assert_eq!(index.records.len(), 3);
        prop_assert_eq!(index.problems.len(), 1);
        prop_assert!(Details::of(&junk).is_err());
        prop_assert!(Request::read(&junk).is_err());
    }
}
