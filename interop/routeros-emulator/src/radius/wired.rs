//! 802.1X on wires.

use portreeve_proto::attr::nas_port_type;

use super::{
    Opening, Radius, Refusal, eap::Device, entry::duration, local, proof::Proof, session::Kind,
    terms::Terms,
};
use crate::Record;

const ACTIVE: &str = "/interface/dot1x/server/active";
const STATE: &str = "/interface/dot1x/server/state";

/// A device is plugged in.
#[derive(Debug, Clone)]
pub(super) struct Plug {
    /// The port; the first with a server where none is given.
    pub(super) interface: Option<String>,
    /// The device.
    pub(super) mac: [u8; 6],
    /// What it says by EAP; `None` where it does not speak it.
    pub(super) device: Option<Device>,
}

impl Radius {
    /// Plugs a device in.
    ///
    /// # Errors
    /// Why it is not let in; the router has logged it.
    pub(super) async fn plug(&self, plug: &Plug) -> Result<u64, Refusal> {
        let mut servers = self.machine().read("/interface/dot1x/server").into_iter();
        let is_wanted = |row: &Record| {
            let name = plug.interface.as_deref();
            !row.is("disabled") && name.is_none_or(|name| row.text("interface") == name)
        };
        let server = servers
            .find(is_wanted)
            .ok_or_else(|| Refusal::NotServed("no 802.1X server is on that port".to_owned()))?;
        let plugged = self.plugged(plug, &server).await;
        let port = server.text("interface").to_owned();
        let said = match &plugged {
            Ok(_) => format!("s {port} authorized"),
            Err(Refusal::Timeout) => format!("s {port} radius timeout"),
            Err(refusal) => format!("s {port} rejected: {}", refusal.text()),
        };
        self.machine().log("dot1x,debug", said);
        plugged
    }

    async fn plugged(&self, plug: &Plug, server: &Record) -> Result<u64, Refusal> {
        let types = server.list("auth-types");
        let format = server
            .get("radius-mac-format")
            .unwrap_or("XX:XX:XX:XX:XX:XX");
        let mac_name = local::spelt(plug.mac, format);
        let device = plug.device.as_ref().filter(|_| types.contains(&"dot1x"));
        if device.is_none() && !types.contains(&"mac-auth") {
            return Err(Refusal::NotServed("the port wants EAP".to_owned()));
        }
        let user = device.map_or_else(|| mac_name.clone(), |it| it.outer().to_owned());
        let id = self.next_id(Kind::Dot1x);
        let mut shape = self.shape(Kind::Dot1x, &user);
        shape.port_type = nas_port_type::ETHERNET;
        shape.port_id = Some(server.text("interface").to_owned());
        shape.calling = local::dashes(plug.mac);
        let accounts = server.is("accounting");
        shape.session_id = accounts.then(|| id.clone());
        let terms = if let Some(device) = device {
            self.eap(&shape, device).await?
        } else {
            let password = match server.text("mac-auth-mode") {
                "mac-as-username-and-password" => &*mac_name,
                _ => "",
            };
            self.admitted(&shape, "", &Proof::plain(password), false)
                .await?
        };
        let interface = server.text("interface");
        let state = Record::new()
            .with("interface", interface)
            .with("status", "authorized");
        let row = active(plug, interface, (&user, &id), &terms, device.is_some());
        let own = duration(server.text("interim-update")).filter(|it| !it.is_zero());
        Ok(self.begin(Opening {
            kind: Kind::Dot1x,
            shape,
            id,
            mac: local::colons(plug.mac),
            terms,
            by_radius: true,
            accounts,
            interim: own,
            takes_interim: true,
            domain: String::new(),
            rows: vec![(ACTIVE, row), (STATE, state)],
        }))
    }
}

fn active(
    plug: &Plug,
    interface: &str,
    (user, id): (&str, &str),
    terms: &Terms,
    is_eap: bool,
) -> Record {
    let mut row = Record::new()
        .with("interface", interface)
        .with("auth-info", if is_eap { "dot1x" } else { "mac-auth" })
        .with("client-mac", local::colons(plug.mac))
        .with("session-id", id)
        .with("username", user);
    if let Some(vlan) = terms.vlan {
        row.set("vlan-id", vlan.to_string());
    }
    row
}
