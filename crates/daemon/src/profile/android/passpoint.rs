//! A Passpoint subscription in Android's installation file: a tree of settings in XML, the CA and
//! the certificate as parts of one MIME message.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use quick_xml::{
    Writer,
    events::{BytesEnd, BytesStart, BytesText, Event},
};
use sha2::{Digest as _, Sha256};

use super::super::{
    error::ProfileError,
    identifiers::{hex, short},
    network::{Method, Network},
    pkcs12::pkcs12,
};

/// The tree of Passpoint release 1.
const SUBSCRIPTION: &str = "urn:wfa:mo:hotspot2dot0-perprovidersubscription:1.0";
/// EAP-TTLS.
const EAP_TTLS: &str = "21";

/// The file, or why there is none.
pub(super) fn document(
    network: &Network,
    now: u64,
) -> Result<Result<Vec<u8>, &'static str>, ProfileError> {
    let Some(realm) = network.realm() else {
        return Ok(Err(
            "Passpoint finds a network by the realm of the user, and the user name has \
                       none (tim@example.org)",
        ));
    };
    let credential = match network.method() {
        Method::Tls => certificate(network),
        Method::Peap => return Ok(Err("Passpoint knows EAP-TLS and EAP-TTLS, not PEAP")),
        Method::TtlsPap => password(network, "PAP"),
        Method::TtlsMschapv2 => password(network, "MS-CHAP-V2"),
    };
    let Some(credential) = credential else {
        return Ok(Err(
            "Passpoint does not ask for a password, and none is given",
        ));
    };
    if network
        .client()
        .is_some_and(|client| !client.passphrase_inside)
    {
        return Ok(Err(
            "in it the key would not be protected by the passphrase",
        ));
    }
    if network.ssid().is_none() {
        return Ok(Err("Passpoint is for wireless networks"));
    }
    let tree = tree(network, realm, credential, now)?;
    let mut parts = vec![
        ("application/x-passpoint-profile", tree),
        ("application/x-x509-ca-cert", network.root().to_vec()),
    ];
    if let Some(client) = network.client() {
        // Android opens it without asking for a password, so there must be none.
        let file = pkcs12(network.user(), client, &[], "")?;
        parts.push(("application/x-pkcs12", file.to_vec()));
    }
    let boundary = format!("part-{}", short(&[&parts[0].1]));
    let message = message(&boundary, &parts);
    Ok(Ok(STANDARD.encode(message).into_bytes()))
}

/// A moment in UTC, as Android reads it.
fn moment(now: u64) -> String {
    let at = i64::try_from(now).ok();
    let at = at.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The parts as one message, before it is wrapped once more.
fn message(boundary: &str, parts: &[(&str, Vec<u8>)]) -> String {
    let mut message = format!(
        "Content-Type: multipart/mixed; boundary={boundary}\nContent-Transfer-Encoding: base64\n\n"
    );
    for (media_type, octets) in parts {
        let body = STANDARD.encode(octets);
        let line = format!(
            "--{boundary}\nContent-Type: {media_type}\nContent-Transfer-Encoding: base64\n\n\
             {body}\n"
        );
        message.push_str(&line);
    }
    let line = format!("--{boundary}--\n");
    message.push_str(&line);
    message
}

/// A node with a value or with further nodes in it.
struct Node {
    name: &'static str,
    value: String,
    children: Vec<Self>,
}

fn leaf(name: &'static str, value: impl Into<String>) -> Node {
    Node {
        name,
        value: value.into(),
        children: Vec::new(),
    }
}

fn inner(name: &'static str, children: Vec<Node>) -> Node {
    Node {
        name,
        value: String::new(),
        children,
    }
}

fn certificate(network: &Network) -> Option<Node> {
    let own = network.client()?.chain.first()?;
    Some(inner(
        "DigitalCertificate",
        vec![
            leaf("CertificateType", "x509v3"),
            leaf("CertSHA256Fingerprint", hex(&Sha256::digest(own))),
        ],
    ))
}

fn password(network: &Network, method: &str) -> Option<Node> {
    let password = network.password()?;
    Some(inner(
        "UsernamePassword",
        vec![
            leaf("Username", network.user()),
            leaf("Password", STANDARD.encode(password.expose())),
            leaf("MachineManaged", "true"),
            inner(
                "EAPMethod",
                vec![leaf("EAPType", EAP_TTLS), leaf("InnerMethod", method)],
            ),
        ],
    ))
}

fn tree(
    network: &Network,
    realm: &str,
    credential: Node,
    now: u64,
) -> Result<Vec<u8>, ProfileError> {
    let names = network.servers().join(";");
    let subscription = inner(
        "i001",
        vec![
            inner(
                "HomeSP",
                vec![
                    leaf("FriendlyName", network.display_name()),
                    // Android before 11 takes this for the name of the server.
                    leaf("FQDN", realm),
                ],
            ),
            inner(
                "Credential",
                vec![
                    leaf("CreationDate", moment(now)),
                    leaf("Realm", realm),
                    credential,
                ],
            ),
            inner(
                "Extension",
                vec![inner(
                    "Android",
                    vec![inner("AAAServerTrustedNames", vec![leaf("FQDN", names)])],
                )],
            ),
        ],
    );
    write(&subscription).map_err(ProfileError::write("the Passpoint file"))
}

fn write(subscription: &Node) -> std::io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    let mut root = BytesStart::new("MgmtTree");
    root.push_attribute(("xmlns", "syncml:dmddf1.2"));
    writer.write_event(Event::Start(root))?;
    put_text(&mut writer, "VerDTD", "1.2")?;
    put_start(&mut writer, "Node")?;
    put_text(&mut writer, "NodeName", "PerProviderSubscription")?;
    put_start(&mut writer, "RTProperties")?;
    put_start(&mut writer, "Type")?;
    put_text(&mut writer, "DDFName", SUBSCRIPTION)?;
    put_end(&mut writer, "Type")?;
    put_end(&mut writer, "RTProperties")?;
    put_node(&mut writer, subscription)?;
    put_end(&mut writer, "Node")?;
    put_end(&mut writer, "MgmtTree")?;
    Ok(writer.into_inner())
}

fn put_node(writer: &mut Writer<Vec<u8>>, node: &Node) -> std::io::Result<()> {
    put_start(writer, "Node")?;
    put_text(writer, "NodeName", node.name)?;
    if node.children.is_empty() {
        put_text(writer, "Value", &node.value)?;
    }
    for child in &node.children {
        put_node(writer, child)?;
    }
    put_end(writer, "Node")
}

fn put_start(writer: &mut Writer<Vec<u8>>, name: &str) -> std::io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new(name)))
}

fn put_end(writer: &mut Writer<Vec<u8>>, name: &str) -> std::io::Result<()> {
    writer.write_event(Event::End(BytesEnd::new(name)))
}

fn put_text(writer: &mut Writer<Vec<u8>>, name: &str, text: &str) -> std::io::Result<()> {
    put_start(writer, name)?;
    writer.write_event(Event::Text(BytesText::new(text)))?;
    put_end(writer, name)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures;
    use super::*;

    /// The parts, as Android's own parser takes them out.
    fn parts(network: &Network) -> Vec<(String, Vec<u8>)> {
        let file = document(network, 1_700_000_000).unwrap().unwrap();
        let message = String::from_utf8(STANDARD.decode(file).unwrap()).unwrap();
        let (head, body) = message.split_once("\n\n").unwrap();
        assert!(head.contains("Content-Transfer-Encoding: base64"));
        let boundary = head.split_once("boundary=").unwrap().1;
        let boundary = format!("--{}", boundary.lines().next().unwrap());
        let mut pieces: Vec<&str> = body.split(boundary.as_str()).collect();
        assert_eq!(pieces.remove(0), "");
        assert_eq!(pieces.pop().unwrap(), "--\n");
        pieces
            .into_iter()
            .map(|piece| {
                let (head, body) = piece.trim_start().split_once("\n\n").unwrap();
                assert!(head.contains("Content-Transfer-Encoding: base64"));
                let kind = head.lines().next().unwrap();
                let kind = kind.strip_prefix("Content-Type: ").unwrap();
                (kind.to_owned(), STANDARD.decode(body.trim()).unwrap())
            })
            .collect()
    }

    /// The value of a node, by the path to it.
    fn value(tree: &str, path: &[&str]) -> Option<String> {
        let mut rest = tree;
        for name in path {
            let mark = format!("<NodeName>{name}</NodeName>");
            rest = &rest[rest.find(&mark)? + mark.len()..];
        }
        let text = rest.strip_prefix("<Value>")?;
        Some(text[..text.find("</Value>")?].to_owned())
    }

    #[test]
    fn a_certificate_is_named_by_its_fingerprint_and_opens_without_a_password() {
        let network = fixtures::network(Method::Tls);
        let parts = parts(&network);
        let kinds: Vec<&str> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
        let expected = [
            "application/x-passpoint-profile",
            "application/x-x509-ca-cert",
            "application/x-pkcs12",
        ];
        assert_eq!(kinds, expected);
        assert_eq!(parts[1].1, fixtures::root());
        let tree = str::from_utf8(&parts[0].1).unwrap();
        let print = value(
            tree,
            &["Credential", "DigitalCertificate", "CertSHA256Fingerprint"],
        );
        assert_eq!(
            print,
            Some(hex(&Sha256::digest(fixtures::signed_by_root())))
        );
        let strict = p12_keystore::Pkcs12ImportPolicy::Strict;
        p12_keystore::KeyStore::from_pkcs12(&parts[2].1, "", strict).unwrap();
    }

    #[test]
    fn a_password_is_written_in_base64_and_the_server_is_pinned() {
        let network = fixtures::network(Method::TtlsMschapv2);
        let parts = parts(&network);
        assert_eq!(parts.len(), 2);
        let tree = str::from_utf8(&parts[0].1).unwrap();
        let get = |path: &[&str]| value(tree, path);
        let password = get(&["Credential", "UsernamePassword", "Password"]).unwrap();
        assert_eq!(
            STANDARD.decode(password).unwrap(),
            b"pass <\"word\"> & 'more'"
        );
        assert_eq!(get(&["EAPMethod", "EAPType"]).as_deref(), Some("21"));
        let method = get(&["EAPMethod", "InnerMethod"]);
        assert_eq!(method.as_deref(), Some("MS-CHAP-V2"));
        assert_eq!(
            get(&["Credential", "Realm"]).as_deref(),
            Some("example.org")
        );
        let server = get(&["Android", "AAAServerTrustedNames", "FQDN"]);
        assert_eq!(server.as_deref(), Some("radius.example.org"));
        let created = get(&["Credential", "CreationDate"]);
        assert_eq!(created.as_deref(), Some("2023-11-14T22:13:20Z"));
    }

    #[test]
    fn where_it_cannot_be_it_is_said_why() {
        let refused = |method| {
            document(&fixtures::network(method), 0)
                .unwrap()
                .unwrap_err()
        };
        assert!(refused(Method::Peap).contains("PEAP"));
        let asked = fixtures::login_asked(Method::TtlsPap);
        let silent = Network::new(fixtures::draft(), asked).unwrap();
        let why = document(&silent, 0).unwrap().unwrap_err();
        assert!(why.contains("password"), "{why}");
        let apart = Network::new(fixtures::draft(), fixtures::login_apart()).unwrap();
        let why = document(&apart, 0).unwrap().unwrap_err();
        assert!(why.contains("passphrase"), "{why}");
    }
}
