//! A router's readings by SNMP, where its API is closed.
//!
//! RADIUS counters are not among them: RouterOS does not tell these by SNMP.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use snmp2::{AsyncSession, Oid, Value, v3};

use crate::{Error, Secret};

use super::{Interface, Measure, Reading};

/// SNMPv2-MIB.
const DESCRIPTION: &[u64] = &[1, 3, 6, 1, 2, 1, 1, 1, 0];
const UPTIME: &[u64] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
const NAME: &[u64] = &[1, 3, 6, 1, 2, 1, 1, 5, 0];
/// HOST-RESOURCES-MIB.
const PROCESSOR_LOAD: &[u64] = &[1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2];
const STORAGE_UNIT: &[u64] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 4];
const STORAGE_SIZE: &[u64] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 5];
const STORAGE_USED: &[u64] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 6];
/// The rows in which RouterOS keeps its memory and its storage.
const MEMORY: u64 = 65_536;
const DISKS: [u64; 2] = [131_072, 131_073];
/// IF-MIB.
const INTERFACE_STATUS: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8];
/// The old columns, for an agent without the newer ones: their counters have 32 bits.
const OLD_NAME: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2];
const OLD_IN: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 10];
const OLD_OUT: &[u64] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 16];
const INTERFACE_NAME: &[u64] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
const INTERFACE_IN: &[u64] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
const INTERFACE_OUT: &[u64] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10];
/// MIKROTIK-MIB: the version, the gauges of RouterOS 7 (name, value, unit), and the fixed places
/// of RouterOS 6 with their unit and by what they are multiplied.
const VERSION: &[u64] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 4, 4, 0];
const GAUGE_NAME: &[u64] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 3, 100, 1, 2];
const GAUGE_VALUE: &[u64] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 3, 100, 1, 3];
const GAUGE_UNIT: &[u64] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 3, 100, 1, 4];
const HEALTH: &[u64] = &[1, 3, 6, 1, 4, 1, 14988, 1, 1, 3];
const PLACES: [(u64, &str, &str, f64); 7] = [
    (8, "voltage", "V", 10.0),
    (10, "temperature", "C", 10.0),
    (11, "cpu-temperature", "C", 10.0),
    (12, "power-consumption", "W", 10.0),
    (13, "current", "A", 1000.0),
    (17, "fan1-speed", "RPM", 1.0),
    (18, "fan2-speed", "RPM", 1.0),
];

/// A router has this many interfaces at most for us: each PPP session is one.
const MOST_ROWS: usize = 50_000;
const AT_ONCE: u32 = 20;
const TRIES: usize = 3;

/// How one proves to be allowed.
pub enum Access {
    /// Version 2c: the name of a community, which crosses the network readable.
    Community(Secret),
    /// Version 3 with both authentication and encryption, as `/snmp community` with
    /// `security=private`, SHA1 and AES: the only ones every RouterOS version has.
    Private {
        /// The name of the community, which is the user.
        user: String,
        /// `authentication-password`.
        authentication: Secret,
        /// `encryption-password`.
        encryption: Secret,
    },
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Community(_) => "Community([redacted])",
            Self::Private { .. } => "Private([redacted])",
        })
    }
}

/// Reads how a router is. What it does not tell stays empty.
///
/// # Errors
///
/// No answer within `timeout` to three tries, or an answer that is no SNMP.
pub async fn read(
    router: SocketAddr,
    access: &Access,
    timeout: Duration,
) -> Result<Reading, Error> {
    let mut asker = Asker::open(router, access, timeout).await?;
    let mut reading = Reading::default();
    for (oid, value) in asker.get(&[DESCRIPTION, UPTIME, NAME, VERSION]).await? {
        match (oid.as_slice(), value) {
            (DESCRIPTION, Told::Text(text)) => {
                reading.board = Some(text.strip_prefix("RouterOS ").unwrap_or(&text).to_owned());
            }
            (NAME, Told::Text(text)) => reading.identity = Some(text),
            (VERSION, Told::Text(text)) => reading.version = Some(text),
            (UPTIME, Told::Number(ticks)) => {
                let milliseconds = u64::try_from(ticks).unwrap_or(0).saturating_mul(10);
                reading.uptime = Some(Duration::from_millis(milliseconds));
            }
            _ => {}
        }
    }
    load(&mut asker, &mut reading).await?;
    interfaces(&mut asker, &mut reading).await?;
    health(&mut asker, &mut reading).await?;
    Ok(reading)
}

async fn load(asker: &mut Asker, reading: &mut Reading) -> Result<(), Error> {
    let loads: Vec<i64> = asker
        .column(PROCESSOR_LOAD)
        .await?
        .into_values()
        .filter_map(Told::number)
        .collect();
    if let Ok(count) = i64::try_from(loads.len())
        && count > 0
    {
        let mean = loads.iter().fold(0i64, |sum, one| sum.saturating_add(*one)) / count;
        reading.cpu_percent = u8::try_from(mean.clamp(0, 100)).ok();
    }
    let units = asker.column(STORAGE_UNIT).await?;
    let sizes = asker.column(STORAGE_SIZE).await?;
    let used = asker.column(STORAGE_USED).await?;
    let octets = |column: &BTreeMap<u64, Told>, row: u64| -> Option<u64> {
        let unit = u64::try_from(units.get(&row)?.clone().number()?).ok()?;
        let count = u64::try_from(column.get(&row)?.clone().number()?).ok()?;
        count.checked_mul(unit)
    };
    let pair = |row: u64| {
        let total = octets(&sizes, row);
        (
            total,
            total
                .zip(octets(&used, row))
                .map(|(all, used)| all.saturating_sub(used)),
        )
    };
    (reading.memory_total, reading.memory_free) = pair(MEMORY);
    if let Some(disk) = DISKS.into_iter().find(|row| sizes.contains_key(row)) {
        (reading.storage_total, reading.storage_free) = pair(disk);
    }
    Ok(())
}

async fn interfaces(asker: &mut Asker, reading: &mut Reading) -> Result<(), Error> {
    let mut names = asker.column(INTERFACE_NAME).await?;
    let columns = if names.is_empty() {
        names = asker.column(OLD_NAME).await?;
        [OLD_IN, OLD_OUT]
    } else {
        [INTERFACE_IN, INTERFACE_OUT]
    };
    let up = asker.column(INTERFACE_STATUS).await?;
    let [received, sent] = columns;
    let received = asker.column(received).await?;
    let sent = asker.column(sent).await?;
    let count = |column: &BTreeMap<u64, Told>, row: u64| {
        let value = column.get(&row).cloned().and_then(Told::number);
        // Counters of 64 bits came as signed numbers of the same bits.
        value.map_or(0, i64::cast_unsigned)
    };
    for (row, name) in names {
        let Told::Text(name) = name else { continue };
        reading.interfaces.insert(
            name,
            Interface {
                running: count(&up, row) == 1,
                received: count(&received, row),
                sent: count(&sent, row),
            },
        );
    }
    Ok(())
}

async fn health(asker: &mut Asker, reading: &mut Reading) -> Result<(), Error> {
    let names = asker.column(GAUGE_NAME).await?;
    let values = asker.column(GAUGE_VALUE).await?;
    let units = asker.column(GAUGE_UNIT).await?;
    for (row, name) in names {
        let (Told::Text(name), Some(value)) = (name, values.get(&row)) else {
            continue;
        };
        let unit = units.get(&row).cloned().and_then(Told::number).unwrap_or(0);
        let (unit, divisor) = match unit {
            1 => ("C", 1.0),
            2 => ("RPM", 1.0),
            3 => ("V", 10.0),
            4 => ("A", 10.0),
            5 => ("W", 10.0),
            _ => ("", 1.0),
        };
        if let Some(number) = value.clone().number() {
            reading.health.insert(name, measure(number, unit, divisor));
        }
    }
    if !reading.health.is_empty() {
        return Ok(());
    }
    let places: Vec<Vec<u64>> = PLACES
        .iter()
        .map(|(place, ..)| [HEALTH, &[*place, 0]].concat())
        .collect();
    let wanted: Vec<&[u64]> = places.iter().map(Vec::as_slice).collect();
    for (oid, value) in asker.get(&wanted).await? {
        let place = places.iter().position(|place| *place == oid);
        if let Some((_, name, unit, divisor)) = place.and_then(|place| PLACES.get(place))
            && let Some(number) = value.number()
        {
            reading
                .health
                .insert((*name).to_owned(), measure(number, unit, *divisor));
        }
    }
    Ok(())
}

fn measure(number: i64, unit: &str, divisor: f64) -> Measure {
    let number = i32::try_from(number).map_or(f64::NAN, f64::from);
    Measure {
        value: number / divisor,
        unit: unit.to_owned(),
    }
}

/// A value taken out of its packet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Text(String),
    Number(i64),
    Nothing,
}

impl Told {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::OctetString(octets) => Self::Text(String::from_utf8_lossy(octets).into_owned()),
            Value::Integer(number) => Self::Number(*number),
            Value::Counter32(number) | Value::Unsigned32(number) | Value::Timeticks(number) => {
                Self::Number(i64::from(*number))
            }
            Value::Counter64(number) => Self::Number(number.cast_signed()),
            _ => Self::Nothing,
        }
    }

    fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// Asks, and asks again where no answer comes.
struct Asker {
    session: AsyncSession,
    address: SocketAddr,
    timeout: Duration,
}

impl Asker {
    async fn open(address: SocketAddr, access: &Access, timeout: Duration) -> Result<Self, Error> {
        let unreachable = |cause| Error::Unreachable {
            address: format!("{address} (SNMP)"),
            cause,
        };
        let mut number = [0; 4];
        getrandom::fill(&mut number)
            .map_err(|_| Error::NotSupported("the system gives no random numbers".to_owned()))?;
        let first = i32::from_ne_bytes(number) & 0x00ff_ffff;
        let session = match access {
            Access::Community(name) => {
                AsyncSession::new_v2c(address, name.reveal().as_bytes(), first).await
            }
            Access::Private {
                user,
                authentication,
                encryption,
            } => {
                let security =
                    v3::Security::new(user.as_bytes(), authentication.reveal().as_bytes())
                        .with_auth_protocol(v3::AuthProtocol::Sha1)
                        .with_auth(v3::Auth::AuthPriv {
                            cipher: v3::Cipher::Aes128,
                            privacy_password: encryption.reveal().as_bytes().to_vec(),
                        });
                AsyncSession::new_v3(address, first, security).await
            }
        };
        let mut asker = Self {
            session: session.map_err(unreachable)?,
            address,
            timeout,
        };
        if matches!(access, Access::Private { .. }) {
            let greeting = tokio::time::timeout(timeout, asker.session.init()).await;
            let told = greeting.map_err(|_| asker.silent())?;
            told.map_err(|error| match error {
                snmp2::Error::Receive => asker.silent(),
                error => Error::Protocol(format!("SNMP: {error}")),
            })?;
        }
        Ok(asker)
    }

    fn silent(&self) -> Error {
        Error::TimedOut {
            during: format!(
                "asking {} by SNMP (is /snmp enabled there, the community right, and our address \
                 in its list?)",
                self.address
            ),
            after: self.timeout,
        }
    }

    /// Asks for values. What the router does not have is left out.
    async fn get(&mut self, oids: &[&[u64]]) -> Result<Vec<(Vec<u64>, Told)>, Error> {
        let oids = oids
            .iter()
            .map(|oid| identifier(oid))
            .collect::<Result<Vec<_>, _>>()?;
        let asked: Vec<&Oid<'_>> = oids.iter().collect();
        for _ in 0..TRIES {
            match tokio::time::timeout(self.timeout, self.session.get_many(&asked)).await {
                Err(_) => {}
                Ok(Ok(packet)) => return Ok(read_all(packet.varbinds)),
                Ok(Err(snmp2::Error::Receive)) => return Err(self.silent()),
                Ok(Err(error)) => again(&error)?,
            }
        }
        Err(self.silent())
    }

    /// One column of a table, by the last number of each row.
    async fn column(&mut self, column: &[u64]) -> Result<BTreeMap<u64, Told>, Error> {
        let mut all = BTreeMap::new();
        let mut last = column.to_vec();
        while all.len() < MOST_ROWS {
            let rows = self.rows_after(&last).await?;
            let before = last.clone();
            for (oid, value) in rows {
                // Rows must come in order, or a router that repeats itself would hold us for ever.
                let inside = oid.starts_with(column) && oid > last;
                let (true, Some(row)) = (inside && value != Told::Nothing, oid.last()) else {
                    return Ok(all);
                };
                all.insert(*row, value);
                last = oid;
            }
            if last == before {
                break;
            }
        }
        Ok(all)
    }

    async fn rows_after(&mut self, oid: &[u64]) -> Result<Vec<(Vec<u64>, Told)>, Error> {
        let oid = identifier(oid)?;
        let asked = [&oid];
        for _ in 0..TRIES {
            let asking = self.session.getbulk(&asked, 0, AT_ONCE);
            match tokio::time::timeout(self.timeout, asking).await {
                Err(_) => {}
                Ok(Ok(packet)) => return Ok(read_all(packet.varbinds)),
                Ok(Err(snmp2::Error::Receive)) => return Err(self.silent()),
                Ok(Err(error)) => again(&error)?,
            }
        }
        Err(self.silent())
    }
}

/// Whether to ask again: an answer to an earlier question may still have been under way, and
/// version 3 learns the router's clock from its first answer.
fn again(error: &snmp2::Error) -> Result<(), Error> {
    match error {
        snmp2::Error::RequestIdMismatch | snmp2::Error::AuthUpdated => Ok(()),
        other => Err(Error::Protocol(format!("SNMP: {other}"))),
    }
}

fn identifier(numbers: &[u64]) -> Result<Oid<'static>, Error> {
    Oid::from(numbers).map_err(|_| Error::Protocol("SNMP: an object cannot be named".to_owned()))
}

fn read_all(varbinds: snmp2::Varbinds<'_>) -> Vec<(Vec<u64>, Told)> {
    let pair = |(oid, value): (Oid<'_>, Value<'_>)| {
        let numbers = oid.iter().map(Iterator::collect).unwrap_or_default();
        (numbers, Told::of(&value))
    };
    varbinds.map(pair).collect()
}

#[cfg(test)]
mod tests;
