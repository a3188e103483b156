//! A server whose own authority certifies it and its users' devices.

use std::path::PathBuf;

use crate::Must as _;
use crate::certificates::Pair;
use crate::eap::EapTerms;
use crate::eapol_test::{EapolTest, Ran};
use crate::portreeve::{Portreeve, Setup};
use crate::supplicant::Network;
use crate::world::World;

/// A server whose own authority has certified it.
#[derive(Debug)]
pub struct Own {
    /// The server.
    pub server: Portreeve,
    /// Its authority.
    pub ca: PathBuf,
}

impl Own {
    /// As the first run leaves it.
    pub fn start() -> Self {
        Self::with(|setup| setup)
    }

    /// With more for it to do.
    pub fn with(more: impl FnOnce(Setup) -> Setup) -> Self {
        let setup = more(Setup::eap(&EapTerms::with_own_authority()));
        let server = Portreeve::with(&World::household(), &setup);
        let ca = server.home().path("own-ca.crt");
        server.command(&["cert", "ca", "--out", &ca.display().to_string()]);
        Self { server, ca }
    }

    /// The certificate and the key of a user's device.
    ///
    /// # Panics
    /// If it issues none.
    pub fn issue(&self, user: &str, device: &str) -> Pair {
        let out = self.server.home().path("issued");
        std::fs::create_dir_all(&out).must("a folder");
        let folder = out.display().to_string();
        let told = self.server.command(&[
            "cert", "issue", "--user", user, "--device", device, "--out", &folder, "--json",
        ]);
        let told: serde_json::Value = serde_json::from_str(&told).must("JSON");
        let file = |kind: &str| PathBuf::from(told["files"][kind].as_str().must(kind));
        Pair {
            certificate: file("certificate"),
            key: file("key"),
        }
    }

    /// Revokes the certificate of a user's device.
    pub fn revoke(&self, user: &str, device: &str) {
        self.server
            .command(&["cert", "revoke", "--user", user, "--device", device]);
    }

    /// Logs a device in.
    pub fn run(&self, network: &Network) -> Ran {
        EapolTest::new(self.server.ports().auth_v4(), network).run()
    }
}
