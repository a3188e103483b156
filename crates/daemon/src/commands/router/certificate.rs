//! `RadSec`: whether it can be had, and the certificates both ends need for it.

use std::net::IpAddr;

use portreeve_routeros::{Command, Query, Record};

use super::account::Foundation;
use crate::{
    authority::{
        self, Authority, Details, Holder, Issued, KeySource, KeyType, Names, Order, Purpose,
        ServerSettings, read_text,
    },
    cli::Context,
    config::Config,
    failure::Failure,
    output::Output,
    routers::{Link, RouterError},
};

/// What the CA is called on a router.
const CA: &str = "portreeve-ca";

/// Why a router cannot come over `RadSec`; nothing where it can.
pub(super) fn obstacle(
    link: &Link,
    config: &Config,
    listens: bool,
    server: IpAddr,
) -> Option<String> {
    let add = "/radius/add";
    let knows = link.can.takes(add, "protocol")
        && link
            .can
            .values(add, "protocol")
            .is_none_or(|values| values.contains("radsec"));
    if !knows || !link.can.has("/certificate/import") {
        return Some(format!("RouterOS {} does not have it", link.can.version()));
    }
    if !listens {
        return Some(
            "RouterOS wants TCP port 2083, and this server does not listen there (listen.tls)"
                .to_owned(),
        );
    }
    if server.is_unspecified() {
        return Some("this server's address is not known; give --server".to_owned());
    }
    let certificate = config.tls.certificate.as_ref()?;
    let named = read_text(certificate).ok().is_some_and(|text| {
        let first = authority::blocks(&text, |label| label == "CERTIFICATE");
        let details = first.first().and_then(|der| Details::of(der).ok());
        details.is_some_and(|details| details.names.addresses.contains(&server))
    });
    if named {
        return None;
    }
    Some(format!(
        "RouterOS looks for {server} in this server's certificate, and {} does not name it",
        certificate.display()
    ))
}

/// Makes the server's certificate name the address that the router is given.
pub(super) fn name_server(
    authority: &mut Authority,
    server: IpAddr,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let now = authority::now();
    let machine = Names::of_this_machine();
    let known = authority.issued()?;
    let is_named = known.records.iter().any(|record| {
        let is_server = record.purpose == Purpose::Server && record.is_live(now);
        is_server && record.names.addresses.contains(&server)
    });
    if is_named {
        return Ok(());
    }
    let settings = ServerSettings {
        more: Names {
            addresses: [server].into(),
            ..Names::default()
        },
        ..ServerSettings::default()
    };
    authority.set_server(&settings, &machine, now)?;
    let note = format!("this server's certificate is made anew, for it has to name {server}");
    Ok(output.note(note)?)
}

/// The authority of the data directory.
pub(super) fn authority(context: &Context<'_>) -> Result<Authority, Failure> {
    let machine = Names::of_this_machine();
    let (authority, _) = Authority::ensure(&context.data, &machine, authority::now())?;
    Ok(authority)
}

/// Issues a certificate to a router.
pub(super) fn issue(
    authority: &mut Authority,
    name: &str,
    router: IpAddr,
) -> Result<Issued, Failure> {
    let order = Order {
        name: name.to_owned(),
        holder: Holder::Peer,
        names: Names {
            addresses: [router].into(),
            ..Names::default()
        },
        days: None,
        key: KeySource::Make(KeyType::default()),
        published: None,
    };
    Ok(authority.issue(&order, authority::now())?)
}

/// Brings the CA, and a certificate with its key, onto a router, and says what it is called there.
pub(super) async fn import(
    link: &Link,
    authority: &Authority,
    issued: &Issued,
    name: &str,
    foundation: &mut Foundation<'_>,
) -> Result<String, Failure> {
    let called = format!("portreeve-{name}");
    let ca = Details::of(authority.bundle().first().map_or(&[][..], Vec::as_slice));
    let ca = ca.map_err(RouterError::Refused)?;
    bring(
        link,
        CA,
        &ca.fingerprint,
        authority.ca_pem().as_bytes(),
        None,
        foundation,
    )
    .await?;
    let key = issued.key_pem.as_ref().map(|key| key.as_bytes());
    let fingerprint = &issued.record.fingerprint;
    let leaf = authority::pem("CERTIFICATE", &issued.der);
    bring(link, &called, fingerprint, leaf.as_bytes(), key, foundation).await?;
    Ok(called)
}

/// Imports one certificate, unless the router has it.
async fn bring(
    link: &Link,
    called: &str,
    fingerprint: &str,
    pem: &[u8],
    key: Option<&[u8]>,
    foundation: &mut Foundation<'_>,
) -> Result<(), Failure> {
    if find(link, fingerprint).await?.is_some() {
        return Ok(());
    }
    let marks = Record::new().with("name", called);
    foundation.expect("/certificate", marks, "for RadSec")?;
    import_file(link, &format!("{called}.crt"), pem).await?;
    let made = find(link, fingerprint).await?.ok_or_else(|| {
        RouterError::Refused(format!(
            "the router imported {called}.crt but does not list it"
        ))
    })?;
    if let Some(key) = key {
        import_file(link, &format!("{called}.key"), key).await?;
    }
    let mut after = Record::new();
    if made.get("name") != Some(called) {
        after.set("name", called);
    }
    if key.is_none() && made.flag("trusted") != Some(true) {
        after.set("trusted", "yes");
    }
    if !after.is_empty() {
        let id = made.id();
        link.said(link.router.set("/certificate", id.as_ref(), &after).await)?;
    }
    Ok(())
}

async fn find(link: &Link, fingerprint: &str) -> Result<Option<Record>, Failure> {
    let properties = [".id", "name", "fingerprint", "trusted"];
    let all = link.said(link.router.print("/certificate", &properties, &[]).await)?;
    let found = all.into_iter().find(|one| {
        let printed = one.get("fingerprint").unwrap_or_default().replace(':', "");
        printed.eq_ignore_ascii_case(fingerprint)
    });
    Ok(found)
}

/// Stores a file, has it imported, and removes it again whatever comes of that: keys are not left
/// lying about.
async fn import_file(link: &Link, file: &str, octets: &[u8]) -> Result<(), Failure> {
    let files = link.files();
    link.said(files.store(file, octets).await)?;
    let import = Command::new("/certificate/import")
        .with("file-name", file)
        .with("passphrase", "");
    let imported = link.router.call(&import).await;
    let removed = files.remove(file).await;
    let answer = link.said(imported)?;
    link.said(removed)?;
    let counts = ["certificates-imported", "private-keys-imported"];
    let all = answer.records.iter().chain([&answer.done]);
    let failed = all
        .filter_map(|record| record.number("decryption-failures"))
        .any(|failures| failures > 0);
    let says_nothing = answer
        .records
        .iter()
        .all(|record| counts.iter().all(|count| record.number(count) == Some(0)))
        && !answer.records.is_empty();
    if failed || says_nothing {
        let words = format!("the router could not import {file}");
        return Err(RouterError::Refused(words).into());
    }
    Ok(())
}

/// Whether the router is connected to us over TLS, as it says itself.
pub(super) async fn status(link: &Link, tag: &str) -> Result<Option<String>, Failure> {
    let wanted = [Query::equals("comment", tag)];
    let found = link
        .router
        .print("/radius", &["status", "comment"], &wanted)
        .await;
    let found = link.said(found)?;
    Ok(found
        .first()
        .and_then(|entry| entry.get("status"))
        .map(str::to_owned))
}
