//! MS-CHAPv2 with the values printed in RFC 2759 section 9.2 and RFC 3079 section 3.5.

use portreeve_interop::subject::Subject;
use portreeve_interop::tools::radclient;
use portreeve_interop::world::{SECRET, User, World};

const CHALLENGE: &str = "5b5d7c7d7b3f2f3e3c2c602132262628";
const PEER_CHALLENGE: &str = "21402324255e262a28295f2b3a337c7e";
const NT_RESPONSE: &str = "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df";
/// `S=` and the authenticator response, in hexadecimal.
const SUCCESS: &str = "533d34303741353538393131354644304436323039463531304645394330343536363933\
    3243444135";
const SEND_KEY: &str = "8b7cdc149b993a1ba118cb153f56dccb";
const RECV_KEY: &str = "d5f0e9521e3ea9589645e86051c82226";

fn server() -> Subject {
    let user = User {
        name: "User",
        password: "clientPass",
        group: None,
        attributes: Vec::new(),
    };
    Subject::start(&World {
        users: vec![user],
        ..World::household()
    })
}

fn ask(server: &Subject, response: &str) -> String {
    let attributes = format!(
        "User-Name = \"User\"\nMS-CHAP-Challenge = 0x{CHALLENGE}\n\
         MS-CHAP2-Response = 0x0100{PEER_CHALLENGE}0000000000000000{response}"
    );
    radclient(server.auth(), "auth", SECRET, &attributes).stdout
}

#[test]
fn the_exchange_of_the_rfc_succeeds_with_the_response_of_the_rfc() {
    let said = ask(&server(), NT_RESPONSE);
    assert!(said.contains("Received Access-Accept"), "{said}");
    assert!(
        said.contains(&format!("MS-CHAP2-Success = 0x01{SUCCESS}")),
        "{said}"
    );
}

#[test]
fn the_keys_for_mppe_are_those_of_the_rfc() {
    let said = ask(&server(), NT_RESPONSE);
    assert!(
        said.contains(&format!("MS-MPPE-Send-Key = 0x{SEND_KEY}")),
        "{said}"
    );
    assert!(
        said.contains(&format!("MS-MPPE-Recv-Key = 0x{RECV_KEY}")),
        "{said}"
    );
}

#[test]
fn a_response_that_differs_in_one_bit_is_rejected() {
    let said = ask(&server(), &NT_RESPONSE.replace("82309e", "82309f"));
    assert!(said.contains("Received Access-Reject"), "{said}");
    assert!(!said.contains("MS-MPPE"), "{said}");
}
