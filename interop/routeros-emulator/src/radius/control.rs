//! What happens around the router, told from outside in JSON: who dials in, how much passes, who
//! leaves.
//!
//! [`control()`] does one request. What each takes is in its structure here; every one that lets
//! somebody in answers with `{"in": true, "session": NUMBER, ...}` or with `{"in": false,
//! "refused": WORD, "reason": TEXT}`.

use std::{net::IpAddr, time::Instant};

use portreeve_proto::attr::acct_terminate_cause as cause;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Radius, Refusal, busy,
    dhcp::Discover,
    eap,
    hotspot::Guest,
    ike::Tunnel,
    local,
    meter::Meter,
    ppp::{self, Dial},
    proof,
    session::Session,
    wired::Plug,
    wireless::Association,
};

/// What [`control`] knows.
pub const REQUESTS: [&str; 16] = [
    "associate",
    "busy",
    "dial",
    "furnish",
    "hangup",
    "hotspot",
    "interim",
    "lease",
    "pace",
    "plug",
    "reboot",
    "sessions",
    "swap",
    "traffic",
    "tunnel",
    "visit",
];

/// Answers `POST /do/NAME` on the router's control port.
pub(super) fn attach(radius: &Radius) {
    for name in REQUESTS {
        let own = radius.clone();
        crate::control::of(radius.machine()).register(name, move |_, body: Value| {
            let radius = own.clone();
            async move { control(&radius, name, body).await }
        });
    }
}

/// Why a request was not done: what is wrong with it.
pub type Wrong = String;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct DialRequest {
    #[serde(default = "pppoe")]
    service: String,
    user: String,
    password: String,
    #[serde(default = "caller")]
    caller: String,
    method: Option<String>,
    called: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct HotspotRequest {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    mac: String,
    address: Option<String>,
    server: Option<String>,
    by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct DeviceRequest {
    mac: String,
    /// The interface or the network.
    at: Option<String>,
    eap: Option<EapRequest>,
    psk: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct EapRequest {
    #[serde(default)]
    method: String,
    user: String,
    #[serde(default)]
    password: String,
    anonymous: Option<String>,
    ca: Option<String>,
    server_name: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TunnelRequest {
    from: IpAddr,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    eap: Option<EapRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LeaseRequest {
    mac: String,
    server: Option<String>,
    host_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TrafficRequest {
    session: u64,
    #[serde(default)]
    up: u64,
    #[serde(default)]
    down: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SessionRequest {
    session: u64,
    /// Acct-Terminate-Cause; by default User-Request.
    cause: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct VisitRequest {
    mac: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SwapRequest {
    swapped: bool,
}

fn pppoe() -> String {
    "pppoe".to_owned()
}

fn caller() -> String {
    "02:00:00:00:00:01".to_owned()
}

/// Does a request.
///
/// # Errors
/// What is wrong with it: an unknown name, a field that is missing, a session that is not there.
pub async fn control(radius: &Radius, name: &str, body: Value) -> Result<Value, Wrong> {
    match name {
        "associate" => associate(radius, read(body)?).await,
        "busy" => {
            busy::start(radius, read(body)?);
            Ok(json!({}))
        }
        "dial" => dial(radius, read(body)?).await,
        "furnish" => {
            radius.furnish();
            Ok(json!({}))
        }
        "hotspot" => hotspot(radius, read(body)?).await,
        "lease" => lease(radius, read(body)?).await,
        "plug" => plug(radius, read(body)?).await,
        "reboot" => {
            crate::device::restart(radius.machine());
            Ok(json!({}))
        }
        "sessions" => Ok(list(radius)),
        "swap" => {
            let request: SwapRequest = read(body)?;
            radius.swap_octets(request.swapped);
            Ok(json!({}))
        }
        "tunnel" => tunnel(radius, read(body)?).await,
        "visit" => {
            let request: VisitRequest = read(body)?;
            let address = radius.visit(mac(&request.mac)?);
            let address = address.map_err(|refusal| refusal.text())?;
            Ok(json!({ "address": address.to_string() }))
        }
        "hangup" | "interim" | "pace" | "traffic" => of_session(radius, name, body),
        _ => Err(format!(
            "no such request: {name}; there are {}",
            REQUESTS.join(", ")
        )),
    }
}

fn of_session(radius: &Radius, name: &str, body: Value) -> Result<Value, Wrong> {
    let number = body
        .get("session")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let was_there = match name {
        "hangup" => {
            let request: SessionRequest = read(body)?;
            radius.end(
                request.session,
                request.cause.unwrap_or(cause::USER_REQUEST),
            )
        }
        "interim" => {
            let request: SessionRequest = read(body)?;
            radius.tell(request.session)
        }
        _ => {
            let TrafficRequest { session, up, down } = read(body)?;
            let octets = Meter { up, down };
            if name == "pace" {
                radius.pace(session, octets)
            } else {
                radius.transfer(session, octets)
            }
        }
    };
    if was_there {
        Ok(json!({}))
    } else {
        Err(format!("there is no session {number}"))
    }
}

async fn dial(radius: &Radius, request: DialRequest) -> Result<Value, Wrong> {
    let service = ppp::service(&request.service)
        .ok_or_else(|| format!("no such service: {}", request.service))?;
    let method = match &request.method {
        None => None,
        Some(name) => Some(proof::named(name).ok_or_else(|| format!("no such method: {name}"))?),
    };
    let dial = Dial {
        service,
        user: request.user,
        password: request.password,
        caller: ppp::caller(&request.caller),
        method,
        called: request.called,
    };
    Ok(outcome(radius, radius.dial(&dial).await))
}

async fn hotspot(radius: &Radius, request: HotspotRequest) -> Result<Value, Wrong> {
    let address = match &request.address {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| format!("no address: {text}"))?),
    };
    let guest = Guest {
        server: request.server,
        user: request.user,
        password: request.password,
        mac: mac(&request.mac)?,
        address,
        by: request.by,
    };
    Ok(outcome(radius, radius.guest(&guest).await))
}

async fn associate(radius: &Radius, request: DeviceRequest) -> Result<Value, Wrong> {
    let association = Association {
        network: request.at,
        mac: mac(&request.mac)?,
        device: request.eap.map(device).transpose()?,
        psk: request.psk,
    };
    Ok(outcome(radius, radius.associate(&association).await))
}

async fn plug(radius: &Radius, request: DeviceRequest) -> Result<Value, Wrong> {
    let plug = Plug {
        interface: request.at,
        mac: mac(&request.mac)?,
        device: request.eap.map(device).transpose()?,
    };
    Ok(outcome(radius, radius.plug(&plug).await))
}

async fn tunnel(radius: &Radius, request: TunnelRequest) -> Result<Value, Wrong> {
    let tunnel = Tunnel {
        from: request.from,
        user: request.user,
        password: request.password,
        device: request.eap.map(device).transpose()?,
    };
    Ok(outcome(radius, radius.tunnel(&tunnel).await))
}

async fn lease(radius: &Radius, request: LeaseRequest) -> Result<Value, Wrong> {
    let discover = Discover {
        server: request.server,
        mac: mac(&request.mac)?,
        host_name: request.host_name,
    };
    Ok(outcome(radius, radius.lease(&discover).await))
}

fn device(request: EapRequest) -> Result<eap::Device, Wrong> {
    let certificate = match (request.certificate, request.key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("certificate and key belong together".to_owned()),
    };
    Ok(eap::Device {
        method: request.method,
        user: request.user,
        password: request.password,
        anonymous: request.anonymous,
        authorities: request.ca,
        server_name: request.server_name,
        certificate,
    })
}

fn mac(text: &str) -> Result<[u8; 6], Wrong> {
    local::mac(text).ok_or_else(|| format!("no hardware address: {text}"))
}

fn read<T: for<'de> Deserialize<'de>>(body: Value) -> Result<T, Wrong> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

fn outcome(radius: &Radius, outcome: Result<u64, Refusal>) -> Value {
    match outcome {
        Ok(number) => {
            let sessions = radius.sessions();
            let mut value = sessions.get(number).map_or_else(|| json!({}), shown);
            if let Some(object) = value.as_object_mut() {
                object.insert("in".to_owned(), true.into());
                object.insert("session".to_owned(), number.into());
            }
            value
        }
        Err(refusal) => json!({
            "in": false,
            "refused": refusal.word(),
            "reason": refusal.text(),
        }),
    }
}

fn list(radius: &Radius) -> Value {
    radius.sessions().iter().map(shown).collect()
}

fn shown(session: &Session) -> Value {
    let address = session.shape.address.map(|it| it.to_string());
    json!({
        "session": session.number,
        "id": session.id,
        "service": session.kind.name(),
        "user": session.shape.user,
        "mac": session.mac,
        "address": address,
        "seconds": session.seconds(Instant::now()),
        "up": session.meter.up,
        "down": session.meter.down,
        "vlan": session.terms.vlan,
        "rate": session.terms.rate.map(|it| it.rate.to_string()),
        "session-timeout": session.terms.session_timeout.map(|it| it.as_secs()),
        "idle-timeout": session.terms.idle_timeout.map(|it| it.as_secs()),
        "interim": session.interim.map(|it| it.as_secs()),
        "message": session.terms.message,
        "radius": session.by_radius,
    })
}
