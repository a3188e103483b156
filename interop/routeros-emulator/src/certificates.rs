//! `/certificate`: templates, signing, import and export.
//!
//! The hidden properties `.chain` and `.key` are PEM: the certificate and those above it, and its
//! private key.

mod files;
mod make;
mod pem;

use std::sync::Arc;

use jiff::Timestamp;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

use crate::{Call, Machine, Outcome, Record, Reply, Session, Trap};

/// Plugs in.
pub(crate) fn attach(machine: &Arc<Machine>) {
    machine.register("/certificate/sign", sign);
    machine.register("/certificate/import", files::import);
    machine.register("/certificate/export-certificate", files::export);
}

/// The item that a command means: by `.id`, by name.
fn meant(machine: &Machine, word: &str) -> Result<Record, Trap> {
    let found = machine.find("/certificate", ".id", word);
    let found = found.or_else(|| machine.find("/certificate", "name", word));
    found.ok_or_else(Trap::no_such_item)
}

async fn sign(machine: Arc<Machine>, _: Session, call: Call) -> Outcome {
    let word = call.get("number").or_else(|| call.get("numbers"));
    let word = word.or_else(|| call.get(".id")).unwrap_or_default();
    let template = meant(&machine, word)?;
    if template.get(".chain").is_some() {
        return Err(Trap::failure("certificate is already signed").into());
    }
    let ca = match call.get("ca").filter(|ca| !ca.is_empty()) {
        Some(ca) => {
            let ca = meant(&machine, ca)?;
            if ca.get(".key").is_none() {
                return Err(Trap::failure("CA has no private key").into());
            }
            Some(ca)
        }
        None => None,
    };
    let now = machine.now();
    let (given, authority) = (template.clone(), ca.clone());
    let made = tokio::task::spawn_blocking(move || make::signed(&given, authority.as_ref(), now));
    let made = made
        .await
        .map_err(|_| Trap::failure("signing was interrupted"))?;
    let (chain, key) = made.map_err(|reason| Trap::failure(&reason))?;
    let mut values = described(&machine, &chain)?;
    if let Some(name) = call.get("name").filter(|name| !name.is_empty()) {
        values.set("name", name);
    }
    match &ca {
        Some(ca) => {
            values.set("ca", ca.text("name"));
            values.set("issued", "true");
        }
        None => values.set("trusted", "true"),
    }
    values.set("private-key", "true");
    values.set(".chain", chain);
    values.set(".key", key);
    machine.update("/certificate", template.id(), &values);
    let done = Record::new().with("progress", "done");
    Ok(Reply::list(vec![done]))
}

/// What a certificate says of itself, as the router shows it.
fn described(machine: &Machine, chain: &str) -> Result<Record, Trap> {
    let wrong = || Trap::failure("certificate is damaged");
    let leaf = pem::certificates(chain)
        .into_iter()
        .next()
        .ok_or_else(wrong)?;
    let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_| wrong())?;
    let names =
        parsed
            .extensions()
            .iter()
            .flat_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => names.general_names.clone(),
                _ => Vec::new(),
            });
    let names: Vec<String> = names.filter_map(|name| alternative(&name)).collect();
    let authority = parsed.is_ca();
    let common = parsed.subject().iter_common_name().next();
    let common = common
        .and_then(|name| name.as_str().ok())
        .unwrap_or_default();
    let validity = parsed.validity();
    let (from, to) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let left = to.saturating_sub(machine.now().as_second()).max(0);
    let left = u64::try_from(left).unwrap_or(0).saturating_mul(1000);
    let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf);
    Ok(Record::new()
        .with("common-name", common)
        .with("subject-alt-name", names.join(","))
        .with("issuer", parsed.issuer().to_string().replace(", ", ","))
        .with("serial-number", hexadecimal(parsed.raw_serial()))
        .with("fingerprint", hexadecimal(fingerprint.as_ref()))
        .with("invalid-before", moment(machine, from))
        .with("invalid-after", moment(machine, to))
        .with("expires-after", crate::value::span_of(left))
        .with("expired", (left == 0).to_string())
        .with("authority", authority.to_string()))
}

/// `IP:10.0.0.1`, `DNS:router.lan`.
fn alternative(name: &GeneralName<'_>) -> Option<String> {
    Some(match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::IPAddress(octets) => {
            let address: std::net::IpAddr = match octets.len() {
                4 => <[u8; 4]>::try_from(*octets).ok()?.into(),
                _ => <[u8; 16]>::try_from(*octets).ok()?.into(),
            };
            format!("IP:{address}")
        }
        _ => return None,
    })
}

fn moment(machine: &Machine, second: i64) -> String {
    let zone = machine.local_time().time_zone().clone();
    let at = Timestamp::from_second(second)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone);
    let date = crate::clock::date(machine.release(), &at);
    format!("{date} {}", at.strftime("%H:%M:%S"))
}

fn hexadecimal(octets: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16);
    let digits = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    digits.filter_map(digit).collect()
}

#[cfg(test)]
mod tests;
