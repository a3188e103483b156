//! The captive portal.

use std::{net::Ipv4Addr, sync::Arc};

use portreeve_auth::Method;
use portreeve_proto::attr::nas_port_type;

use super::{
    Opening, Radius, Refusal,
    entry::{Service, duration, spell},
    local::{self, Own},
    proof::Proof,
    session::Kind,
    shape::Shape,
    terms::Terms,
};
use crate::{Call, Machine, Outcome, Record, Reply, Session, Trap};

const ACTIVE: &str = "/ip/hotspot/active";
const HOST: &str = "/ip/hotspot/host";

/// Somebody at the portal.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    /// The hotspot's name; the first one where none is given.
    pub(super) server: Option<String>,
    /// What they type; empty for a log-in by hardware address.
    pub(super) user: String,
    /// What they type.
    pub(super) password: String,
    /// Their device.
    pub(super) mac: [u8; 6],
    /// Its address; one of the hotspot's pool where none is given.
    pub(super) address: Option<Ipv4Addr>,
    /// The way in, where `login-by` leaves a choice: `mac`, `http-chap`, `http-pap`, `https`.
    pub(super) by: Option<String>,
}

/// A hotspot with its profile.
struct Portal {
    server: Record,
    profile: Record,
}

/// Takes `/ip/hotspot/active/login`.
pub(super) fn attach(radius: &Radius) {
    let own = radius.clone();
    let command = move |_: Arc<Machine>, _: Session, call: Call| {
        let radius = own.clone();
        async move { radius.command(&call).await }
    };
    radius
        .machine()
        .register("/ip/hotspot/active/login", command);
}

impl Radius {
    /// Logs a guest in.
    ///
    /// # Errors
    /// Why not; the router has logged it.
    pub(super) async fn guest(&self, guest: &Guest) -> Result<u64, Refusal> {
        let portal = self.portal(guest.server.as_deref())?;
        let address = guest
            .address
            .or_else(|| self.address_of(portal.server.text("address-pool")))
            .ok_or_else(|| Refusal::NotServed("the hotspot has no address left".to_owned()))?;
        let by = way_in(&portal.profile, guest)?;
        let mac_format = portal.profile.get("radius-mac-format");
        let mac_name = local::spelt(guest.mac, mac_format.unwrap_or("XX:XX:XX:XX:XX:XX"));
        let user = if by == "mac" {
            mac_name
        } else {
            guest.user.clone()
        };
        let entered = self.entered(guest, &portal, (&by, &user, address)).await;
        match &entered {
            Ok(_) => self.machine().log(
                "hotspot,account,info,debug",
                format!("{user} ({address}): logged in"),
            ),
            Err(refusal) => {
                let text = match refusal.text() {
                    text if text.is_empty() => "invalid username or password".to_owned(),
                    text => text,
                };
                let text = format!("{user} ({address}): login failed: {text}");
                self.machine().log("hotspot,info,debug", text);
            }
        }
        entered
    }

    async fn entered(
        &self,
        guest: &Guest,
        portal: &Portal,
        (by, user, address): (&str, &str, Ipv4Addr),
    ) -> Result<u64, Refusal> {
        let profile = &portal.profile;
        let is_here = |row: &Record| {
            let server = row.text("server");
            matches!(server, "" | "all") || server == portal.server.text("name")
        };
        let password = password(profile, guest, by, user);
        let uses_radius = profile.is("use-radius");
        let id = self.next_id(Kind::Hotspot);
        let mut shape = self.hotspot_shape(portal, guest, (user, address));
        shape.session_id = Some(id.clone());
        let domain = profile.text("radius-default-domain");
        let (terms, by_radius) = match self.own("/ip/hotspot/user", (user, &password), is_here) {
            Own::In(row) => (own_terms(&row), false),
            Own::Unknown if uses_radius => {
                let proof = match by {
                    "http-chap" => {
                        Proof::by(Method::Chap, user, &password).ok_or(Refusal::Local)?
                    }
                    _ => Proof::plain(&password),
                };
                (self.admitted(&shape, domain, &proof, false).await?, true)
            }
            Own::Unknown | Own::Out => return Err(Refusal::Local),
        };
        self.check_shared(user, &terms)?;
        let address = terms.address.unwrap_or(address);
        shape.address = Some(address);
        let active = active(portal, guest, (by, user, address), &terms, by_radius);
        let mut rows = vec![(ACTIVE, active)];
        let name = format!("<hotspot-{user}>");
        let target = format!("{address}/32");
        rows.extend(local::side_rows((&name, &target), &terms, address));
        let known = self
            .machine()
            .find(HOST, "mac-address", &local::colons(guest.mac));
        match known {
            Some(row) => {
                let authorized = Record::new().with("authorized", "true");
                self.machine().update(HOST, row.id(), &authorized);
            }
            None => rows.push((HOST, host(&portal.server, (guest.mac, address), true))),
        }
        let interval = profile.text("radius-interim-update");
        let own = duration(interval).filter(|it| !it.is_zero());
        Ok(self.begin(Opening {
            kind: Kind::Hotspot,
            shape,
            id,
            mac: local::colons(guest.mac),
            terms,
            by_radius,
            accounts: uses_radius && profile.is("radius-accounting"),
            interim: own,
            // Only where the profile says `received` does the server's interval count.
            takes_interim: own.is_none(),
            domain: domain.to_owned(),
            rows,
        }))
    }

    /// A device shows up that has not logged in.
    ///
    /// # Errors
    /// Where there is no hotspot, or no address is left.
    pub(super) fn visit(&self, mac: [u8; 6]) -> Result<Ipv4Addr, Refusal> {
        let server = self.portal(None)?.server;
        let address = self
            .address_of(server.text("address-pool"))
            .ok_or_else(|| Refusal::NotServed("the hotspot has no address left".to_owned()))?;
        self.machine()
            .insert(HOST, host(&server, (mac, address), false), true);
        Ok(address)
    }

    /// Port-Limit: how many may be in under one name.
    fn check_shared(&self, user: &str, terms: &Terms) -> Result<(), Refusal> {
        let most = terms
            .port_limit
            .map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(0));
        let sessions = self.sessions();
        let others = sessions
            .iter()
            .filter(|it| it.kind == Kind::Hotspot && it.shape.user == user);
        if most > 0 && others.count() >= most {
            let text = format!("no more sessions are allowed for user {user}");
            return Err(Refusal::NotServed(text));
        }
        Ok(())
    }

    fn hotspot_shape(
        &self,
        portal: &Portal,
        guest: &Guest,
        (user, address): (&str, Ipv4Addr),
    ) -> Shape {
        let profile = &portal.profile;
        let mut shape = self.shape(Kind::Hotspot, user);
        shape.port = Some(self.next_port(Service::Hotspot));
        shape.port_type = match profile.text("nas-port-type") {
            "ethernet" => nas_port_type::ETHERNET,
            "cable" => nas_port_type::CABLE,
            _ => nas_port_type::WIRELESS_802_11,
        };
        shape.port_id = Some(portal.server.text("interface").to_owned());
        shape.calling = local::colons(guest.mac);
        portal.server.text("name").clone_into(&mut shape.called);
        shape.address = Some(address);
        shape.host_ip = Some(address);
        let text = |name: &str| {
            profile
                .get(name)
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
        };
        let logoff = profile.text("hotspot-address");
        let logoff = match logoff {
            "" | "0.0.0.0" => None,
            address => Some(format!("http://{address}/logout")),
        };
        shape.location = [
            text("radius-location-id"),
            text("radius-location-name"),
            logoff,
        ];
        shape
    }

    fn portal(&self, name: Option<&str>) -> Result<Portal, Refusal> {
        let mut servers = self.machine().read("/ip/hotspot").into_iter();
        let server = servers
            .find(|row| !row.is("disabled") && name.is_none_or(|it| row.text("name") == it))
            .ok_or_else(|| Refusal::NotServed("no hotspot is enabled".to_owned()))?;
        let profile = server.text("profile");
        let profile = self.machine().find("/ip/hotspot/profile", "name", profile);
        Ok(Portal {
            server,
            profile: profile.unwrap_or_default(),
        })
    }

    /// `/ip/hotspot/active/login`, which needs a host that the hotspot has seen.
    async fn command(&self, call: &Call) -> Outcome {
        let host = self.machine().read(HOST).into_iter().find(|row| {
            let is = |name: &str, property: &str| {
                call.get(name)
                    .is_none_or(|value| row.text(property).eq_ignore_ascii_case(value))
            };
            is("ip", "address") && is("mac-address", "mac-address")
        });
        let Some(host) = host else {
            return Err(Trap::failure("no such host").into());
        };
        let guest = Guest {
            server: host.get("server").map(str::to_owned),
            user: call.get("user").unwrap_or_default().to_owned(),
            password: call.get("password").unwrap_or_default().to_owned(),
            mac: local::mac(host.text("mac-address")).unwrap_or_default(),
            address: host.text("address").parse().ok(),
            by: None,
        };
        match self.guest(&guest).await {
            Ok(_) => Ok(Reply::done()),
            Err(refusal) => Err(Trap::failure(&refusal.text()).into()),
        }
    }
}

/// How the guest gets in: as they want, if `login-by` has it, else the first that fits.
fn way_in(profile: &Record, guest: &Guest) -> Result<String, Refusal> {
    let allowed = profile.list("login-by");
    let wanted = match (&guest.by, guest.user.is_empty()) {
        (Some(by), _) => vec![by.as_str()],
        (None, true) => vec!["mac"],
        (None, false) => vec!["http-chap", "https", "http-pap"],
    };
    let found = wanted.into_iter().find(|way| allowed.contains(way));
    found
        .map(str::to_owned)
        .ok_or_else(|| Refusal::NotServed("this way to log in is not allowed".to_owned()))
}

/// By hardware address the password is empty unless the profile says otherwise.
fn password(profile: &Record, guest: &Guest, by: &str, user: &str) -> String {
    if by != "mac" {
        return guest.password.clone();
    }
    match (
        profile.text("mac-auth-mode"),
        profile.text("mac-auth-password"),
    ) {
        ("mac-as-username-and-password", _) => user.to_owned(),
        (_, password) => password.to_owned(),
    }
}

fn active(
    portal: &Portal,
    guest: &Guest,
    (by, user, address): (&str, &str, Ipv4Addr),
    terms: &Terms,
    by_radius: bool,
) -> Record {
    let mut row = Record::new()
        .with("server", portal.server.text("name"))
        .with("user", user)
        .with("address", address.to_string())
        .with("mac-address", local::colons(guest.mac))
        .with("login-by", by)
        .with("uptime", "0s")
        .with("idle-time", "0s");
    if let Some(most) = terms.session_timeout {
        row.set("session-time-left", spell(most.as_secs()));
    }
    if let Some(most) = terms.idle_timeout {
        row.set("idle-timeout", spell(most.as_secs()));
    }
    for (name, bound) in [
        ("limit-bytes-in", terms.quota.recv),
        ("limit-bytes-out", terms.quota.xmit),
        ("limit-bytes-total", terms.quota.total),
    ] {
        if let Some(bound) = bound {
            row.set(name, bound.to_string());
        }
    }
    row.with("radius", by_radius.to_string())
}

fn host(server: &Record, (mac, address): ([u8; 6], Ipv4Addr), is_in: bool) -> Record {
    Record::new()
        .with("mac-address", local::colons(mac))
        .with("address", address.to_string())
        .with("to-address", address.to_string())
        .with("server", server.text("name"))
        .with("authorized", is_in.to_string())
        .with("bypassed", "false")
}

fn own_terms(row: &Record) -> Terms {
    let mut terms = Terms {
        session_timeout: duration(row.text("limit-uptime")).filter(|it| !it.is_zero()),
        ..Terms::default()
    };
    let bound = |name: &str| row.number(name).filter(|it| *it > 0);
    terms.quota.recv = bound("limit-bytes-in");
    terms.quota.xmit = bound("limit-bytes-out");
    terms.quota.total = bound("limit-bytes-total");
    terms
}
