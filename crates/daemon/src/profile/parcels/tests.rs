use std::os::unix::fs::PermissionsExt as _;

use super::super::document::{Kind, Platform};
use super::*;

const NOW: u64 = 1_800_000_000;

fn kit() -> Kit {
    Kit {
        platform: Platform::Windows,
        title: "home <b>".to_owned(),
        documents: vec![
            Document::new("wifi.xml", Kind::Xml, "the profile", "<x/>"),
            Document::new("tim.p12", Kind::Pkcs12, "the certificate", "PRIVATE"),
        ],
        steps: vec!["Do it.".to_owned()],
        notes: Vec::new(),
    }
}

struct Place {
    _folder: tempfile::TempDir,
    data: DataDir,
    parcels: Parcels,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::locate(Some(folder.path().to_path_buf()));
    Place {
        parcels: Parcels::of(&data),
        data,
        _folder: folder,
    }
}

impl Place {
    fn put(&self) -> Token {
        let token = Token::random().unwrap();
        self.parcels.put(&kit(), &token, LIFE, NOW).unwrap();
        token
    }

    fn fetch(&self, token: &Token, name: &str, now: u64) -> Option<Vec<u8>> {
        let document = self.parcels.fetch(token, name, now).unwrap();
        document.map(|document| document.content.to_vec())
    }
}

#[test]
fn a_document_is_fetched_once_and_again_only_within_a_minute() {
    let place = place();
    let token = place.put();
    assert_eq!(place.fetch(&token, "wifi.xml", NOW + 5).unwrap(), b"<x/>");
    assert!(place.fetch(&token, "wifi.xml", NOW + 65).is_some());
    assert_eq!(place.fetch(&token, "wifi.xml", NOW + 66), None);
    // The other one was not fetched yet.
    let left = place.parcels.look(&token, NOW + 66).unwrap().unwrap();
    assert_eq!(left.open, ["tim.p12"]);
    assert!(place.fetch(&token, "tim.p12", NOW + 66).is_some());
    assert!(place.parcels.look(&token, NOW + 127).unwrap().is_none());
    assert_eq!(place.parcels.files().unwrap().len(), 0, "it is gone");
}

#[test]
fn within_the_minute_it_is_not_fetched_without_end() {
    let place = place();
    let token = place.put();
    let times = (0..50).filter(|_| place.fetch(&token, "wifi.xml", NOW).is_some());
    assert_eq!(times.count(), 10);
}

#[test]
fn looking_is_not_fetching() {
    let place = place();
    let token = place.put();
    for _ in 0..50 {
        let parcel = place.parcels.look(&token, NOW + 100).unwrap().unwrap();
        assert_eq!(parcel.open.len(), 2);
        assert_eq!(parcel.kit.title, "home <b>");
        assert_eq!(parcel.expires, NOW + LIFE);
    }
}

#[test]
fn it_ends_when_its_time_is_over() {
    let place = place();
    let token = place.put();
    assert!(
        place
            .parcels
            .look(&token, NOW + LIFE - 1)
            .unwrap()
            .is_some()
    );
    assert_eq!(place.fetch(&token, "wifi.xml", NOW + LIFE), None);
    assert_eq!(place.parcels.files().unwrap().len(), 0);
    place.put();
    place.put();
    assert_eq!(place.parcels.purge(NOW + LIFE - 1).unwrap(), 0);
    assert_eq!(place.parcels.purge(NOW + LIFE).unwrap(), 2);
}

#[test]
fn another_token_or_name_gets_nothing() {
    let place = place();
    let token = place.put();
    let other = Token::random().unwrap();
    assert_eq!(place.fetch(&other, "wifi.xml", NOW), None);
    for name in ["", "..", "other.xml", "../lock", "wifi.xml/"] {
        assert_eq!(place.fetch(&token, name, NOW), None, "{name}");
    }
    // Even whoever can rename files gets at nothing without the token.
    fs::rename(place.parcels.path(&token), place.parcels.path(&other)).unwrap();
    assert_eq!(place.fetch(&other, "wifi.xml", NOW), None);
}

#[test]
fn the_file_is_its_owners_alone_and_says_nothing_of_the_user() {
    let place = place();
    let token = place.put();
    let path = place.parcels.path(&token);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = fs::metadata(&place.parcels.folder).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let octets = fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&octets);
    for secret in ["PRIVATE", "home", &token.text()] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!path.to_string_lossy().contains(&token.text()));
}

#[test]
fn a_damaged_file_is_no_parcel_and_goes() {
    let place = place();
    let token = place.put();
    let path = place.parcels.path(&token);
    let mut octets = fs::read(&path).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    fs::write(&path, &octets).unwrap();
    assert_eq!(place.fetch(&token, "wifi.xml", NOW), None);
    fs::write(&path, "nothing").unwrap();
    assert!(place.parcels.fetch(&token, "wifi.xml", NOW).is_err());
    fs::write(place.parcels.folder.join("other"), "x").unwrap();
    assert_eq!(place.parcels.purge(NOW).unwrap(), 1);
    assert!(place.parcels.folder.join("other").exists(), "not ours");
}

#[test]
fn there_are_never_more_than_the_bound() {
    let place = place();
    place.put();
    let filler = fs::read(&place.parcels.files().unwrap()[0]).unwrap();
    for at in 1..MOST {
        fs::write(place.parcels.folder.join(format!("{at:064x}")), &filler).unwrap();
    }
    let token = Token::random().unwrap();
    let full = place.parcels.put(&kit(), &token, LIFE, NOW);
    assert!(matches!(full, Err(ParcelsError::Full)));
    // Those whose time is over make room.
    place.parcels.put(&kit(), &token, LIFE, NOW + LIFE).unwrap();
    assert_eq!(place.parcels.files().unwrap().len(), 1);
}

#[test]
fn too_much_is_refused() {
    let place = place();
    let mut kit = kit();
    kit.documents[0].content.resize(LARGEST + 1, 0);
    let token = Token::random().unwrap();
    let refused = place.parcels.put(&kit, &token, LIFE, NOW);
    assert!(matches!(refused, Err(ParcelsError::TooLarge(_))));
    kit.documents[0].content.truncate(LARGEST - 100);
    place.parcels.put(&kit, &token, LIFE, NOW).unwrap();
    assert!(place.fetch(&token, "tim.p12", NOW).is_some());
}

mod over_http {
    use std::net::SocketAddr;

    use super::routes::{PATH, routes};
    use super::*;
    use crate::authority::now;

    /// One server for one test; it ends with its runtime.
    struct Served {
        place: Place,
        address: SocketAddr,
        _runtime: tokio::runtime::Runtime,
    }

    fn served() -> Served {
        let place = place();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let routes = routes(&place.data);
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Served {
            place,
            address,
            _runtime: runtime,
        }
    }

    struct Answer {
        status: u16,
        headers: ureq::http::HeaderMap,
        body: String,
    }

    impl Answer {
        fn header(&self, name: &str) -> &str {
            let value = self.headers.get(name);
            value.map_or("", |value| value.to_str().unwrap())
        }
    }

    impl Served {
        fn put(&self, kit: &Kit) -> Token {
            let token = Token::random().unwrap();
            self.place.parcels.put(kit, &token, LIFE, now()).unwrap();
            token
        }

        fn ask(&self, method: &str, path: &str, agent: &str) -> Answer {
            let url = format!("http://{}{path}", self.address);
            let config = ureq::Agent::config_builder().http_status_as_error(false);
            let client: ureq::Agent = config.build().into();
            let request = match method {
                "HEAD" => client.head(&url),
                _ => client.get(&url),
            };
            let mut response = request.header("User-Agent", agent).call().unwrap();
            Answer {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: response.body_mut().read_to_string().unwrap(),
            }
        }
    }

    #[test]
    fn a_parcel_is_shown_and_fetched_and_then_gone() {
        let served = served();
        let token = served.put(&kit());
        let path = format!("{PATH}/{}", token.text());
        let shown = served.ask("GET", &path, "Mozilla/5.0 (Windows NT 10.0)");
        assert_eq!(shown.status, 200);
        assert!(shown.body.contains("Join home &lt;b&gt;"), "{}", shown.body);
        assert!(!shown.body.contains("This link is for"), "{}", shown.body);
        let target = format!("href=\"{}/wifi.xml\"", token.text());
        assert!(shown.body.contains(&target), "{}", shown.body);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(shown.header(name), value);
        }
        let phone = served.ask("GET", &path, "Mozilla/5.0 (iPhone)");
        assert!(phone.body.contains("This link is for a Windows computer"));

        let file = format!("{path}/tim.p12");
        let head = served.ask("HEAD", &file, "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let got = served.ask("GET", &file, "");
        assert_eq!((got.status, got.body.as_str()), (200, "PRIVATE"));
        assert_eq!(got.header("content-type"), "application/x-pkcs12");
        let saved = "attachment; filename=\"tim.p12\"";
        assert_eq!(got.header("content-disposition"), saved);
        assert_eq!(got.header("cache-control"), "no-store");
        let (label, _) = read(&served.place.parcels.path(&token)).unwrap();
        assert_eq!(label.documents[1].times, 1, "the look did not count");
    }

    #[test]
    fn what_is_not_there_is_not_found_whatever_the_reason() {
        let served = served();
        let token = served.put(&kit()).text();
        let other = Token::random().unwrap().text();
        let paths = [
            format!("/p/{other}"),
            format!("/p/{other}/wifi.xml"),
            format!("/p/{token}/other"),
            format!("/p/{token}/..%2flock"),
            "/p/short".to_owned(),
        ];
        let bodies = paths.map(|path| {
            let answer = served.ask("GET", &path, "");
            assert_eq!(answer.status, 404, "{path}");
            answer.body
        });
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        assert_eq!(served.ask("GET", "/", "").status, 404);
    }

    #[test]
    fn phones_start_their_installers_by_the_media_type() {
        let served = served();
        let mut kit = kit();
        kit.documents = vec![
            Document::new("a.mobileconfig", Kind::AppleProfile, "", "a"),
            Document::new("b.config", Kind::Passpoint, "", "b"),
        ];
        let token = served.put(&kit).text();
        let apple = served.ask("GET", &format!("/p/{token}/a.mobileconfig"), "");
        let media = "application/x-apple-aspen-config";
        assert_eq!(apple.header("content-type"), media);
        assert_eq!(apple.header("content-disposition"), "");
        let android = served.ask("GET", &format!("/p/{token}/b.config"), "");
        assert_eq!(android.header("content-type"), "application/x-wifi-config");
        assert_eq!(android.header("content-transfer-encoding"), "base64");
        assert_eq!(android.header("content-disposition"), "");
    }
}
