//! Certificates of users, what devices are shown, and what follows a revocation.

use super::*;

fn issued_to(authority: &mut Authority, user: &str, device: Option<&str>) -> Issued {
    authority
        .issue(&Order::user(user, device, KeyType::P256), NOW)
        .unwrap()
}

#[test]
fn a_user_gets_a_certificate_that_names_them_and_their_device() {
    let site = site();
    let mut authority = made(&site);
    for key in [
        KeyType::P256,
        KeyType::P384,
        KeyType::Rsa2048,
        KeyType::Rsa3072,
    ] {
        let order = Order::user("tim@example.org", Some("Tim's phone"), key);
        let issued = authority.issue(&order, NOW).unwrap();
        let details = Details::of(&issued.der).unwrap();
        assert_eq!(details.purpose, Some(Purpose::User));
        assert_eq!(details.common_name, "tim@example.org");
        assert_eq!(details.device.as_deref(), Some("Tim's phone"));
        assert_eq!(details.names, Names::of_user("tim@example.org"));
        assert_eq!(details.key, key.words());
        assert_eq!(KeyType::of(&details.key), Some(key));
        assert_eq!(details.not_after - details.not_before, USER_DAYS * DAY);
        assert_eq!(issued.record.device, details.device);
        assert!(Details::is_signed_by(&issued.der, &issuer(&authority)));
    }
    let odd = issued_to(&mut authority, "CORP\\anna / pc", None);
    let names = Details::of(&odd.der).unwrap().names;
    assert_eq!(names.upns, ["CORP\\anna / pc".to_owned()].into());
    assert!(names.emails.is_empty() && names.dns.is_empty());
}

#[test]
fn what_a_certificate_has_no_room_for_is_refused_before_anything_is_done() {
    let site = site();
    let mut authority = made(&site);
    let long = "x".repeat(65);
    let phone = Some("phone");
    for (name, device, days, flag) in [
        ("", phone, None, "--user"),
        (long.as_str(), phone, None, "--user"),
        ("tim\u{7}", phone, None, "--user"),
        ("tim", Some(""), None, "--device"),
        ("tim", Some(long.as_str()), None, "--device"),
        ("tim", phone, Some(0), "--days"),
        ("tim", phone, Some(MOST_USER_DAYS + 1), "--days"),
    ] {
        let mut order = Order::user(name, device, KeyType::P256);
        order.days = days;
        let refused = authority.issue(&order, NOW).map(|_| ()).unwrap_err();
        assert!(refused.is_usage(), "{refused}");
        assert!(refused.to_string().contains(flag), "{refused}");
    }
    assert_eq!(authority.issued().unwrap().records.len(), 3);
    let mut order = Order::user("tim", None, KeyType::P256);
    order.days = Some(MOST_USER_DAYS);
    authority.issue(&order, NOW).unwrap();
}

#[test]
fn a_running_server_knows_at_once_which_serials_are_revoked() {
    let site = site();
    let mut authority = made(&site);
    let mut serving = Authority::open(&site.data).unwrap();
    let serials = ["phone", "laptop"].map(|device| {
        let issued = issued_to(&mut authority, "tim", Some(device));
        issued.record.serial
    });
    let octets = serials
        .clone()
        .map(|serial| details::unhex(&serial).unwrap());
    for serial in &octets {
        assert_eq!(serving.standing(serial), Standing::Good);
    }
    let both: Vec<&str> = serials.iter().map(String::as_str).collect();
    authority
        .revoke(&both, Reason::PrivilegeWithdrawn, &machine(), NOW + 9)
        .unwrap();
    assert!(serving.refresh().unwrap());
    let revocation = Revocation {
        at: NOW + 9,
        reason: Reason::PrivilegeWithdrawn,
    };
    for serial in &octets {
        assert_eq!(serving.standing(serial), Standing::Revoked(revocation));
        let padded = [&[0][..], serial].concat();
        assert_eq!(serving.standing(&padded), Standing::Revoked(revocation));
    }
    assert_eq!(serving.standing(&[1, 2, 3]), Standing::Good);
    fs::write(authority.path().join("crl.pem"), "torn").unwrap();
    assert!(serving.refresh().unwrap());
    assert_eq!(serving.standing(&octets[0]), Standing::NotKnown);
    assert_eq!(serving.standing(&[1, 2, 3]), Standing::NotKnown);
}

#[test]
fn several_are_revoked_all_or_none() {
    let site = site();
    let mut authority = made(&site);
    let one = issued_to(&mut authority, "tim", None).record.serial;
    let number = authority.list().number;
    let refused = authority.revoke(&[&one, "00"], Reason::Unspecified, &machine(), NOW);
    assert!(matches!(refused, Err(AuthorityError::Unknown(_))));
    let twice = authority.revoke(&[&one, &one], Reason::Unspecified, &machine(), NOW);
    assert!(twice.is_ok(), "once is enough");
    assert_eq!(authority.list().entries.len(), 1);
    assert!(authority.list().number > number);
}

#[test]
fn a_user_whose_record_is_torn_is_still_a_user() {
    let site = site();
    let mut authority = made(&site);
    let record = issued_to(&mut authority, "tim", Some("phone")).record;
    let path = authority
        .path()
        .join(format!("issued/{}.json", record.serial));
    fs::write(path, "torn").unwrap();
    let index = authority.issued().unwrap();
    let found = index
        .records
        .iter()
        .find(|found| found.serial == record.serial);
    assert_eq!(found, Some(&record));
}

#[test]
fn issued_certificates_say_where_their_standing_is_published() {
    let site = site();
    let mut authority = made(&site);
    let mut order = Order::user("tim", None, KeyType::P256);
    let holds =
        |der: &[u8], text: &str| der.windows(text.len()).any(|part| part == text.as_bytes());
    let urls = [
        "http://radius.example.org:8080/ca.crl",
        "http://radius.example.org:8080/ocsp",
        "http://radius.example.org:8080/ca.crt",
    ];
    let without = authority.issue(&order, NOW).unwrap().der;
    order.published = Some(Published::below("http://radius.example.org:8080/"));
    let with = authority.issue(&order, NOW).unwrap().der;
    for url in urls {
        assert!(holds(&with, url) && !holds(&without, url), "{url}");
    }
}

#[test]
fn devices_are_shown_the_server_s_certificate_and_told_a_name_that_stays() {
    let site = site();
    let mut authority = made(&site);
    let shown = authority.eap_server().unwrap();
    assert_eq!(shown.name, "radius.home.arpa");
    assert_eq!(shown.chain.len(), 1);
    assert_eq!(shown.generation, authority.generation());
    let public = Details::of(&shown.chain[0]).unwrap().public_key;
    let key = rcgen::KeyPair::try_from(&shown.key).unwrap();
    assert_eq!(rcgen::PublicKeyData::subject_public_key_info(&key), public);
    // Another host name later changes nothing of that.
    let mut moved = machine();
    moved.dns = ["gate.example.org".to_owned()].into();
    authority.keep(&moved, NOW + 300 * DAY).unwrap();
    assert_eq!(authority.eap_server().unwrap().name, "radius.home.arpa");
    let settings = ServerSettings {
        name: Some("wifi.example.org".to_owned()),
        ..ServerSettings::default()
    };
    authority
        .set_server(&settings, &moved, NOW + 301 * DAY)
        .unwrap();
    let after = authority.eap_server().unwrap();
    assert_eq!(after.name, "wifi.example.org");
    assert!(after.generation > shown.generation);
    let names = &server(&authority).details.names;
    assert!(
        names.dns.contains("radius.home.arpa"),
        "devices that know it"
    );
}

#[test]
fn an_older_authority_is_given_a_name_that_devices_take() {
    let site = site();
    let mut authority = made(&site);
    let path = authority.path().join("server-names.json");
    fs::write(
        &path,
        "{\"common_name\":\"radius\",\"dns\":[],\"addresses\":[]}",
    )
    .unwrap();
    fs::write(authority.path().join("server.pem"), "torn").unwrap();
    authority.keep(&machine(), NOW + 60).unwrap();
    assert_eq!(authority.server_name(), Some("radius.home.arpa"));
    assert!(
        server(&authority)
            .details
            .names
            .dns
            .contains("radius.home.arpa")
    );
}

#[test]
fn key_and_policy_of_the_server_are_kept_through_renewal() {
    let site = site();
    let mut authority = made(&site);
    let of = |authority: &Authority| {
        let details = &server(authority).details;
        (details.key.clone(), details.trust_override)
    };
    assert_eq!(of(&authority), ("EC P-256".to_owned(), TrustOverride::Off));
    let mut settings = ServerSettings {
        key_type: Some(KeyType::P384),
        trust_override: Some(TrustOverride::Strict),
        ..ServerSettings::default()
    };
    authority.set_server(&settings, &machine(), NOW).unwrap();
    let wanted = ("EC P-384".to_owned(), TrustOverride::Strict);
    assert_eq!(of(&authority), wanted);
    authority.keep(&machine(), NOW + 300 * DAY).unwrap();
    assert_eq!(of(&authority), wanted);
    settings = ServerSettings {
        trust_override: Some(TrustOverride::Tofu),
        ..ServerSettings::default()
    };
    authority
        .set_server(&settings, &machine(), NOW + 300 * DAY)
        .unwrap();
    assert_eq!(of(&authority), ("EC P-384".to_owned(), TrustOverride::Tofu));
    let client = authority.client_identity().unwrap();
    assert_eq!(client.details.key, "EC P-256");
    assert!(
        authority
            .keep(&machine(), NOW + 301 * DAY)
            .unwrap()
            .contains(&Kept::Listed)
    );
    assert_eq!(authority.keep(&machine(), NOW + 301 * DAY).unwrap(), []);
}

#[test]
fn a_ca_may_have_a_stronger_key_and_signs_accordingly() {
    // The object identifiers of ecdsa-with-SHA384 and sha384WithRSAEncryption.
    let p384: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
    let rsa: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
    for (key, oid) in [(KeyType::P384, p384), (KeyType::Rsa3072, rsa)] {
        let site = site();
        let beginning = Beginning {
            key,
            ..Beginning::default()
        };
        let mut authority = Authority::begin(&site.data, &beginning, &machine(), NOW).unwrap();
        assert_eq!(authority.ca().key, key.words());
        let issued = issued_to(&mut authority, "tim", None);
        assert!(Details::is_signed_by(&issued.der, &issuer(&authority)));
        assert!(issued.der.windows(oid.len()).any(|part| part == oid));
        assert!(authority.crl_pem().is_some());
    }
}

#[test]
fn what_signs_ocsp_answers_is_kept_where_it_is_wanted() {
    let site = site();
    let mut authority = made(&site);
    assert!(authority.ocsp_identity().is_none());
    authority = authority.answering();
    authority.keep(&machine(), NOW).unwrap();
    let first = authority.ocsp_identity().unwrap().details.clone();
    assert_eq!(first.purpose, Some(Purpose::Ocsp));
    assert_eq!(first.not_after - first.not_before, 30 * DAY);
    assert_eq!(authority.keep(&machine(), NOW + 60).unwrap(), []);
    authority.keep(&machine(), NOW + 21 * DAY).unwrap();
    let second = authority.ocsp_identity().unwrap().details.serial.clone();
    assert_ne!(second, first.serial);
    authority
        .revoke(
            &[&second],
            Reason::KeyCompromise,
            &machine(),
            NOW + 22 * DAY,
        )
        .unwrap();
    assert_ne!(authority.ocsp_identity().unwrap().details.serial, second);
    let path = authority.path().join("ocsp.pem");
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
