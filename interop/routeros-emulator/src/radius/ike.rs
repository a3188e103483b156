//! `IPsec`: `XAuth` of `IKEv1`, and `eap-radius` of `IKEv2`.

use std::net::IpAddr;

use portreeve_proto::attr::nas_port_type;

use super::{Opening, Radius, Refusal, eap::Device, entry::duration, proof::Proof, session::Kind};
use crate::Record;

const ACTIVE: &str = "/ip/ipsec/active-peers";

/// A peer wants a tunnel.
#[derive(Debug, Clone)]
pub(super) struct Tunnel {
    /// Where it is.
    pub(super) from: IpAddr,
    /// Its name and its password, for `XAuth`.
    pub(super) user: String,
    /// See `user`.
    pub(super) password: String,
    /// What it says by EAP, for `IKEv2`.
    pub(super) device: Option<Device>,
}

impl Radius {
    /// Sets a tunnel up.
    ///
    /// # Errors
    /// Why there is none; the router has logged it.
    pub(super) async fn tunnel(&self, tunnel: &Tunnel) -> Result<u64, Refusal> {
        let set_up = self.set_up(tunnel).await;
        let (from, user) = (tunnel.from, &tunnel.user);
        let said = match &set_up {
            Ok(_) => format!("acquired peer {user} at {from}"),
            Err(Refusal::Timeout) => format!("radius timeout for {user} at {from}"),
            Err(refusal) => format!("peer {user} at {from} failed: {}", refusal.text()),
        };
        self.machine().log("ipsec,info", said);
        set_up
    }

    async fn set_up(&self, tunnel: &Tunnel) -> Result<u64, Refusal> {
        let settings = self.machine().one("/ip/ipsec/settings");
        let method = match &tunnel.device {
            Some(_) => "eap-radius",
            None => "pre-shared-key-xauth",
        };
        let identities = self.machine().read("/ip/ipsec/identity").into_iter();
        let mut enabled = identities.filter(|row| !row.is("disabled"));
        let is_served = enabled.any(|row| row.text("auth-method") == method);
        if !is_served || (tunnel.device.is_none() && !settings.is("xauth-use-radius")) {
            let text = format!("no identity of auth-method {method} asks RADIUS");
            return Err(Refusal::NotServed(text));
        }
        let user = tunnel.device.as_ref().map_or(&*tunnel.user, Device::outer);
        let id = self.next_id(Kind::Ipsec);
        let mut shape = self.shape(Kind::Ipsec, user);
        shape.port_type = nas_port_type::VIRTUAL;
        shape.calling = tunnel.from.to_string();
        shape.called = self.address().to_string();
        let terms = if let Some(device) = &tunnel.device {
            self.eap(&shape, device).await?
        } else {
            let proof = Proof::plain(&tunnel.password);
            self.admitted(&shape, "", &proof, false).await?
        };
        shape.address = terms.address;
        let row = Record::new()
            .with("id", user)
            .with("remote-address", tunnel.from.to_string())
            .with("dynamic-address", text(terms.address))
            .with("state", "established")
            .with("side", "responder")
            .with("uptime", "0s")
            .with("responder", "true");
        let own = duration(settings.text("interim-update")).filter(|it| !it.is_zero());
        Ok(self.begin(Opening {
            kind: Kind::Ipsec,
            shape,
            id,
            mac: String::new(),
            terms,
            by_radius: true,
            accounts: settings.is("accounting"),
            interim: own,
            takes_interim: true,
            domain: String::new(),
            rows: vec![(ACTIVE, row)],
        }))
    }
}

fn text(address: Option<std::net::Ipv4Addr>) -> String {
    address.map(|it| it.to_string()).unwrap_or_default()
}
