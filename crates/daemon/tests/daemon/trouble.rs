use std::{fs, net::UdpSocket};

use crate::site::{CONFIG, Site};

fn serve(site: &Site) -> (Option<i32>, String) {
    let ended = site.serve_command().output().unwrap();
    (
        ended.status.code(),
        String::from_utf8(ended.stderr).unwrap(),
    )
}

#[test]
fn a_port_in_use_is_named_and_the_server_ends() {
    let site = Site::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    site.configure(
        &CONFIG
            .replace("'127.0.0.1:0'", &format!("'{address}'"))
            .replacen(
                &format!("accounting = ['{address}']"),
                "accounting = ['127.0.0.1:0']",
                1,
            ),
    );
    let (code, said) = serve(&site);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&address.to_string()) && said.contains("in use"),
        "{said}"
    );
    // Nothing stands in the way of the next try.
    drop(taken);
    site.configure(CONFIG);
    site.serve();
}

#[test]
fn a_data_directory_serves_one_server() {
    let site = Site::new();
    let server = site.serve();
    let (code, said) = serve(&site);
    assert_eq!(code, Some(1));
    assert!(said.contains("in use by another server"), "{said}");
    site.ok(&["status"]);
    drop(server);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let site = Site::new();
    fs::write(site.data(), "a file").unwrap();
    let (code, said) = serve(&site);
    assert_eq!(code, Some(1));
    assert!(said.contains("not a directory"), "{said}");
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let site = Site::new();
    site.ok(&["group", "add", "staff"]);
    let path = site.data().join("portreeve.db");
    let mut octets = fs::read(&path).unwrap();
    // The user version of an SQLite file stands at 60.
    octets[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&path, &octets).unwrap();
    let (code, said) = serve(&site);
    assert_eq!(code, Some(1));
    assert!(said.contains("9999"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), octets);
}
