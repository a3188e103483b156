//! `PPPoE`, PPTP, L2TP, SSTP and OVPN.

use portreeve_auth::Method;
use portreeve_proto::attr::nas_port_type;

use super::{
    Opening, Radius, Refusal,
    entry::{Service, duration},
    fast,
    local::{self, Own},
    proof::{Proof, agreed},
    session::Kind,
    shape::Shape,
    terms::Terms,
};
use crate::Record;

/// Somebody dials in.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    /// `pppoe`, `pptp`, `l2tp`, `sstp` or `ovpn`.
    pub(super) service: &'static str,
    /// Their name.
    pub(super) user: String,
    /// Their password.
    pub(super) password: String,
    /// Their hardware address for `PPPoE`, else their address.
    pub(super) caller: String,
    /// The method they insist on; else the strongest that the server allows.
    pub(super) method: Option<Method>,
    /// The service name they ask for, or the router's address that they dial.
    pub(super) called: Option<String>,
}

/// A server of the router that takes calls.
struct Server {
    called: String,
    interface: Option<String>,
    authentication: String,
    profile: Record,
}

impl Radius {
    /// Dials in.
    ///
    /// # Errors
    /// Why nobody is let in; the router has logged it.
    pub(super) async fn dial(&self, dial: &Dial) -> Result<u64, Refusal> {
        let server = self.server(dial)?;
        let dialled = self.dialled(dial, &server).await;
        if let Err(refusal) = &dialled {
            let reason = match refusal {
                Refusal::Timeout => " - radius timeout".to_owned(),
                Refusal::Rejected(Some(message)) => format!(" - {message}"),
                Refusal::Unproven(why) => format!(" - {why}"),
                Refusal::NotServed(why) => format!(" - {why}"),
                Refusal::Rejected(None) | Refusal::Local => String::new(),
            };
            let topics = format!("{},ppp,error", dial.service);
            let text = format!("user {} authentication failed{reason}", dial.user);
            self.machine().log(&topics, text);
        }
        dialled
    }

    async fn dialled(&self, dial: &Dial, server: &Server) -> Result<u64, Refusal> {
        let Some(method) = agreed(&server.authentication, dial.method) else {
            return Err(Refusal::NotServed(
                "no common authentication method".to_owned(),
            ));
        };
        let kind = Kind::Ppp(dial.service);
        let is_for = |row: &Record| {
            matches!(row.text("service"), "" | "any") || row.text("service") == dial.service
        };
        let aaa = self.machine().one("/ppp/aaa");
        let (terms, by_radius) = match self.own("/ppp/secret", (&dial.user, &dial.password), is_for)
        {
            Own::In(row) => (own_terms(&row), false),
            Own::Unknown if aaa.is("use-radius") => {
                (self.ask_ppp(dial, server, method).await?, true)
            }
            Own::Unknown | Own::Out => return Err(Refusal::Local),
        };
        let of_pool = || {
            let pool = terms.pool.as_deref();
            pool.unwrap_or(server.profile.text("remote-address"))
                .to_owned()
        };
        let address = terms.address.or_else(|| self.address_of(&of_pool()));
        let Some(address) = address else {
            return Err(Refusal::NotServed(
                "could not determine remote address".to_owned(),
            ));
        };
        let id = self.next_id(kind);
        let mut shape = self.ppp_shape(dial, server);
        shape.address = Some(address);
        let name = format!("<{}-{}>", dial.service, dial.user);
        let active = Record::new()
            .with("name", &dial.user)
            .with("service", dial.service)
            .with("caller-id", &dial.caller)
            .with("address", address.to_string())
            .with("uptime", "0s")
            .with("encoding", encoding(&server.profile))
            .with("session-id", format!("0x{id}"))
            .with("limit-bytes-in", terms.quota.recv.unwrap_or(0).to_string())
            .with("limit-bytes-out", terms.quota.xmit.unwrap_or(0).to_string())
            .with("radius", by_radius.to_string());
        let mut rows = vec![
            ("/ppp/active", active),
            fast::interface(dial.service, &name),
        ];
        rows.extend(local::side_rows((&name, &name), &terms, address));
        rows.extend(terms.routes.iter().filter_map(|it| route(it, &name)));
        let own_interim = duration(aaa.text("interim-update")).filter(|it| !it.is_zero());
        let accounts = aaa.is("use-radius") && aaa.is("accounting");
        let topics = format!("{},ppp,info,account", dial.service);
        let text = format!("{} logged in, {address} from {}", dial.user, dial.caller);
        self.machine().log(&topics, text);
        Ok(self.begin(Opening {
            kind,
            shape,
            id,
            mac: dial.caller.clone(),
            terms,
            by_radius,
            accounts,
            interim: own_interim,
            takes_interim: true,
            domain: domain(&dial.user).unwrap_or_default().to_owned(),
            rows,
        }))
    }

    async fn ask_ppp(
        &self,
        dial: &Dial,
        server: &Server,
        method: Method,
    ) -> Result<Terms, Refusal> {
        let shape = self.ppp_shape(dial, server);
        let Some(proof) = Proof::by(method, &dial.user, &dial.password) else {
            return Err(Refusal::Local);
        };
        let encrypts = matches!(
            server.profile.text("use-encryption"),
            "yes" | "required" | "true"
        );
        let domain = domain(&dial.user).unwrap_or_default();
        self.admitted(&shape, domain, &proof, encrypts).await
    }

    fn ppp_shape(&self, dial: &Dial, server: &Server) -> Shape {
        let mut shape = self.shape(Kind::Ppp(dial.service), &dial.user);
        let is_pppoe = dial.service == "pppoe";
        shape.port = Some(self.next_port(Service::Ppp));
        shape.port_type = if is_pppoe {
            nas_port_type::ETHERNET
        } else {
            nas_port_type::VIRTUAL
        };
        shape.port_id.clone_from(&server.interface);
        shape.calling.clone_from(&dial.caller);
        shape.called.clone_from(&server.called);
        shape
    }

    fn server(&self, dial: &Dial) -> Result<Server, Refusal> {
        let row = self.server_row(dial)?;
        let own = self.address().to_string();
        let is_pppoe = dial.service == "pppoe";
        let called = if is_pppoe {
            row.text("service-name").to_owned()
        } else {
            dial.called.clone().unwrap_or(own)
        };
        let authentication = row.get("authentication").or(row.get("user-auth-method"));
        let profile = row.text("default-profile");
        let profile = self.machine().find("/ppp/profile", "name", profile);
        Ok(Server {
            called,
            interface: is_pppoe.then(|| row.text("interface").to_owned()),
            // OVPN of version 6 knows nothing but PAP.
            authentication: authentication.unwrap_or("pap").to_owned(),
            profile: profile.unwrap_or_default(),
        })
    }

    fn server_row(&self, dial: &Dial) -> Result<Record, Refusal> {
        let menu = match dial.service {
            "pppoe" => "/interface/pppoe-server/server",
            "pptp" => "/interface/pptp-server/server",
            "l2tp" => "/interface/l2tp-server/server",
            "sstp" => "/interface/sstp-server/server",
            "ovpn" => "/interface/ovpn-server/server",
            other => return Err(Refusal::NotServed(format!("no such service: {other}"))),
        };
        let is_open = |row: &Record| match row.get("enabled") {
            Some(_) => row.is("enabled"),
            None => !row.is("disabled"),
        };
        let is_asked_for = |row: &Record| {
            let asked = dial.called.as_deref().filter(|_| dial.service == "pppoe");
            asked.is_none_or(|name| row.text("service-name") == name)
        };
        let mut rows = self.machine().read(menu).into_iter();
        rows.find(|row| !row.is_empty() && is_open(row) && is_asked_for(row))
            .ok_or_else(|| Refusal::NotServed(format!("no {} server is enabled", dial.service)))
    }
}

/// `network gateway metric` of Framed-Route; without a gateway it is the client.
fn route(text: &str, client: &str) -> Option<(&'static str, Record)> {
    let mut words = text.split_ascii_whitespace();
    let network = words.next()?;
    let gateway = words.next().filter(|it| *it != "0.0.0.0");
    let row = Record::new()
        .with("dst-address", network)
        .with("gateway", gateway.unwrap_or(client))
        .with("distance", words.next().unwrap_or("1"));
    Some(("/ip/route", row))
}

/// The realm of `user@realm` or `realm\user`.
fn domain(user: &str) -> Option<&str> {
    user.rsplit_once('@')
        .map(|(_, realm)| realm)
        .or_else(|| user.split_once('\\').map(|(realm, _)| realm))
}

fn encoding(profile: &Record) -> &'static str {
    match profile.text("use-encryption") {
        "yes" | "required" | "true" => "MPPE128 stateless",
        _ => "",
    }
}

/// What an item of `/ppp/secret` grants.
fn own_terms(row: &Record) -> Terms {
    let mut terms = Terms {
        address: row.text("remote-address").parse().ok(),
        ..Terms::default()
    };
    let bound = |name: &str| row.number(name).filter(|it| *it > 0);
    terms.quota.recv = bound("limit-bytes-in");
    terms.quota.xmit = bound("limit-bytes-out");
    terms
}

/// The service of a name.
pub(super) fn service(name: &str) -> Option<&'static str> {
    let all = ["pppoe", "pptp", "l2tp", "sstp", "ovpn"];
    all.into_iter().find(|known| *known == name)
}

/// A caller of `PPPoE` as RADIUS sees it.
pub(super) fn caller(text: &str) -> String {
    local::mac(text).map_or_else(|| text.to_owned(), local::colons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_behind_or_before() {
        assert_eq!(domain("tim@isp"), Some("isp"));
        assert_eq!(domain("CORP\\tim"), Some("CORP"));
        assert_eq!(domain("tim"), None);
    }

    #[test]
    fn a_pppoe_caller_is_in_capitals_with_colons() {
        assert_eq!(caller("aa-bb-cc-00-11-22"), "AA:BB:CC:00:11:22");
        assert_eq!(caller("192.0.2.7"), "192.0.2.7");
    }
}
