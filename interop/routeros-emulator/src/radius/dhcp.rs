//! Leases.

use std::net::Ipv4Addr;

use portreeve_proto::attr::nas_port_type;

use super::{
    Opening, Radius, Refusal,
    entry::{duration, spell},
    local,
    proof::Proof,
    session::Kind,
    shape::Shape,
    terms::Terms,
};
use crate::Record;

const LEASE: &str = "/ip/dhcp-server/lease";

/// A device asks for an address.
#[derive(Debug, Clone)]
pub(super) struct Discover {
    /// The server's name; the first one that is enabled where none is given.
    pub(super) server: Option<String>,
    /// The device.
    pub(super) mac: [u8; 6],
    /// What it calls itself.
    pub(super) host_name: Option<String>,
}

impl Radius {
    /// Gives a lease.
    ///
    /// # Errors
    /// Why there is none; the router has logged it.
    pub(super) async fn lease(&self, discover: &Discover) -> Result<u64, Refusal> {
        let mut servers = self.machine().read("/ip/dhcp-server").into_iter();
        let is_wanted = |row: &Record| {
            let name = discover.server.as_deref();
            !row.is("disabled") && name.is_none_or(|name| row.text("name") == name)
        };
        let server = servers
            .find(is_wanted)
            .ok_or_else(|| Refusal::NotServed("no DHCP server is enabled".to_owned()))?;
        let mac = local::colons(discover.mac);
        let name = server.text("name").to_owned();
        let leased = self.leased(discover, &server).await;
        let said = match &leased {
            Ok(address) => format!("{name} assigned {} for {mac}", address.1),
            Err(Refusal::Timeout) => format!("{name} radius timeout for {mac}"),
            Err(refusal) => format!("{name} offers nothing to {mac}: {}", refusal.text()),
        };
        self.machine().log("dhcp,info", said);
        leased.map(|(number, _)| number)
    }

    async fn leased(
        &self,
        discover: &Discover,
        server: &Record,
    ) -> Result<(u64, Ipv4Addr), Refusal> {
        let mac = local::colons(discover.mac);
        let uses_radius = server.text("use-radius");
        let fixed = self.fixed_lease(&mac, server);
        let id = self.next_id(Kind::Dhcp);
        let mut shape = self.dhcp_shape(discover, server, &mac);
        shape.session_id = Some(id.clone());
        let asks = matches!(uses_radius, "yes" | "true") && fixed.is_none();
        let terms = if asks {
            let proof = Proof::plain(&self.dhcp_password(&mac));
            self.admitted(&shape, "", &proof, false).await?
        } else {
            Terms::default()
        };
        let pool = terms
            .pool
            .as_deref()
            .unwrap_or(server.text("address-pool"))
            .to_owned();
        let address = terms
            .address
            .or_else(|| fixed.as_ref()?.text("address").parse().ok())
            .or_else(|| self.address_of(&pool))
            .ok_or_else(|| Refusal::NotServed("there is no address left".to_owned()))?;
        shape.address = Some(address);
        let config = self.machine().one("/ip/dhcp-server/config");
        let is_accounted = matches!(uses_radius, "yes" | "true" | "accounting");
        let accounts = is_accounted && config.is("accounting");
        let own = duration(config.text("interim-update")).filter(|it| !it.is_zero());
        let row = row(discover, server, (&mac, address), &terms, asks);
        let mut rows = vec![(LEASE, row)];
        let name = format!("dhcp-ds<{mac}>");
        rows.extend(local::side_rows(
            (&name, &address.to_string()),
            &terms,
            address,
        ));
        let number = self.begin(Opening {
            kind: Kind::Dhcp,
            shape,
            id,
            mac,
            terms,
            by_radius: asks,
            accounts,
            interim: own,
            takes_interim: true,
            domain: String::new(),
            rows,
        });
        Ok((number, address))
    }

    /// A lease that the administrator has written down: RADIUS is not asked for it.
    fn fixed_lease(&self, mac: &str, server: &Record) -> Option<Record> {
        let leases = self.machine().read(LEASE).into_iter();
        let mut fixed = leases.filter(|row| !row.is("dynamic") && !row.is("disabled"));
        fixed.find(|row| {
            let of = row.text("server");
            row.text("mac-address").eq_ignore_ascii_case(mac)
                && (matches!(of, "" | "all") || of == server.text("name"))
        })
    }

    fn dhcp_password(&self, mac: &str) -> String {
        let config = self.machine().one("/ip/dhcp-server/config");
        match config.text("radius-password") {
            "" | "empty" => String::new(),
            "same-as-user" => mac.to_owned(),
            password => password.to_owned(),
        }
    }

    fn dhcp_shape(&self, discover: &Discover, server: &Record, mac: &str) -> Shape {
        let interface = server.text("interface");
        let mut shape = self.shape(Kind::Dhcp, mac);
        shape.port = Some(self.interface_index(interface));
        shape.port_type = nas_port_type::ETHERNET;
        shape.port_id = Some(interface.to_owned());
        shape.calling = local::client_id(discover.mac);
        server.text("name").clone_into(&mut shape.called);
        shape
    }

    /// The place of an interface among all.
    fn interface_index(&self, name: &str) -> u32 {
        let all = self.machine().read("/interface");
        let at = all.iter().position(|row| row.text("name") == name);
        at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(0)
    }
}

fn row(
    discover: &Discover,
    server: &Record,
    (mac, address): (&str, Ipv4Addr),
    terms: &Terms,
    by_radius: bool,
) -> Record {
    let time = terms.session_timeout.map_or_else(
        || server.text("lease-time").to_owned(),
        |it| spell(it.as_secs()),
    );
    let mut row = Record::new()
        .with("address", address.to_string())
        .with("mac-address", mac)
        .with("client-id", local::client_id(discover.mac))
        .with("server", server.text("name"))
        .with("dhcp-option", "")
        .with("status", "bound")
        .with("expires-after", time)
        .with("last-seen", "0s")
        .with("active-address", address.to_string())
        .with("active-mac-address", mac)
        .with("active-server", server.text("name"))
        .with("radius", by_radius.to_string())
        .with("blocked", "false")
        .with("disabled", "false");
    if let Some(name) = &discover.host_name {
        row.set("host-name", name);
    }
    if let Some(set) = &terms.option_set {
        row.set("dhcp-option-set", set);
    }
    if let Some(rate) = &terms.rate {
        row.set("rate-limit", rate.rate.to_string());
    }
    row
}
